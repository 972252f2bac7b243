//! Random stacks, one after the other: every plan is accepted by the checker, converges, is the same each time,
//! can be carried out in any order that its waits allow, without anyone losing access on the way or having more than
//! before and after, and says exactly who gains and loses what. The model here is naive on purpose: sets of names.

mod model;
mod walking;

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use crate::id::{EntityKey, PrincipalKey};
use crate::model::action::Effect;
use crate::model::roles::Provisioning;
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Scope, Unmanaged};

use super::Plan;
use super::change::ActionKind;
use super::check::check;
use super::input::PlanInput;
use super::people::PeopleChange;
use super::planner::plan;
use super::testing::{Stack, World, group, set, time, user, user_name};

use self::model::{Fact, Model, plain};
use self::walking::{Role, begun, early_roles, role_of, steps, walk};

/// A stack: what is declared of three sets, three groups, four users, and up to four blocks.
#[derive(Debug, Clone)]
struct Spec {
    /// Whether it is declared, under its other name, and with which session.
    sets: [(bool, bool, u8); 3],
    /// Whether it is declared, under its other name, and its members as bits.
    groups: [(bool, bool, u8); 3],
    /// Whether it is declared in any case, and under its other name.
    users: [(bool, bool); 4],
    /// Principals (groups, then users), sets and accounts as bits; whether it expires.
    blocks: Vec<(u8, u8, u8, bool)>,
    remove_unmanaged: bool,
    /// What others do before: whether they grant or take, account, set, principal.
    edits: Vec<(bool, u8, u8, u8)>,
    /// What others do to things: which of [`EVENTS`], and to which thing.
    events: Vec<(u8, u8)>,
}

/// Renames a group, a user; deletes a group, a user, a set; and the same with another one made under the name.
const EVENTS: u8 = 8;

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.15)
}

fn mostly() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.85)
}

fn spec() -> impl Strategy<Value = Spec> {
    let sets = prop::array::uniform3((mostly(), rarely(), 0..2_u8));
    let groups = prop::array::uniform3((mostly(), rarely(), 0..16_u8));
    let users = prop::array::uniform4((any::<bool>(), rarely()));
    let block = (1..128_u8, 1..8_u8, 1..8_u8, prop::bool::weighted(0.1));
    let blocks = prop::collection::vec(block, 0..4);
    let edits = prop::collection::vec((any::<bool>(), 1..4_u8, 0..3_u8, 0..7_u8), 0..3);
    let events = prop::collection::vec((0..EVENTS, 0..4_u8), 0..3);
    (sets, groups, users, blocks, rarely(), edits, events).prop_map(
        |(sets, groups, users, blocks, remove_unmanaged, edits, events)| Spec {
            sets,
            groups,
            users,
            blocks,
            remove_unmanaged,
            edits,
            events,
        },
    )
}

/// The other name of a thing ends in an x, so that model and service can be compared by what they mean.
fn named(letter: char, index: usize, other: bool) -> String {
    format!("{letter}{index}{}", if other { "x" } else { "" })
}

fn bits(mask: u8) -> impl Iterator<Item = usize> {
    (0..8).filter(move |bit| mask & (1 << bit) != 0)
}

impl Spec {
    fn stack(&self) -> Stack {
        let mut stack = Stack::new().accounts(&[1, 2, 3]);
        for (index, (there, other, session)) in self.sets.iter().enumerate() {
            let (label, name) = (named('s', index, false), named('s', index, *other));
            if *there {
                let length = if *session == 0 { "PT1H" } else { "PT2H" };
                stack = stack.set_with(&label, &name, |set| {
                    set.value.session_duration = length.parse().unwrap();
                });
            }
        }
        let user_of = |index: usize| named('u', index, self.users[index].1);
        let mut users: BTreeSet<usize> = (0..4).filter(|index| self.users[*index].0).collect();
        for (index, (there, other, members)) in self.groups.iter().enumerate() {
            let (label, name) = (named('g', index, false), named('g', index, *other));
            if *there {
                users.extend(bits(*members));
                let members: Vec<String> = bits(*members).map(user_of).collect();
                let members: Vec<&str> = members.iter().map(String::as_str).collect();
                stack = stack.group(&label, &name, &members);
            }
        }
        for index in &users {
            stack = stack.user(&named('u', *index, false), &user_of(*index));
        }
        for (number, (principals, sets, accounts, expires)) in self.blocks.iter().enumerate() {
            let principals: Vec<PrincipalKey> = bits(*principals)
                .filter_map(|index| match index {
                    0..3 if self.groups[index].0 => Some(group(&named('g', index, self.groups[index].1))),
                    3..7 if users.contains(&(index - 3)) => Some(user(&user_of(index - 3))),
                    _ => None,
                })
                .collect();
            let sets: Vec<String> = bits(*sets)
                .filter(|index| self.sets[*index].0)
                .map(|index| named('s', index, self.sets[index].1))
                .collect();
            let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
            let accounts: Vec<u32> = bits(*accounts).map(|index| index as u32 + 1).collect();
            if !principals.is_empty() && !sets.is_empty() {
                let until = expires.then_some("2026-07-01T00:00:00Z");
                stack = stack.assign_until(&format!("b{number}"), &principals, &sets, &accounts, until);
            }
        }
        let remove = self.remove_unmanaged;
        stack.with(|desired| {
            if remove {
                desired.settings.unmanaged = Unmanaged::Remove;
                desired.settings.scope = Scope::Instance;
            }
        })
    }

    /// What others did in the meantime, as far as the service would let them.
    fn meddle(&self, mut world: World) -> World {
        for (event, index) in &self.events {
            world = self.happens(world, *event, usize::from(*index));
        }
        for (grants, account, set_index, who) in &self.edits {
            for other in [false, true] {
                let what = named('s', usize::from(*set_index), other);
                let who = match who {
                    0..3 => group(&named('g', usize::from(*who), other)),
                    _ => user(&named('u', usize::from(*who) - 3, other)),
                };
                let there = &world.observed.snapshot;
                let known = match &who {
                    PrincipalKey::Group(name) => there.groups.contains_key(name),
                    PrincipalKey::User(name) => there.users.contains_key(name),
                    _ => false,
                };
                if known && there.permission_sets.contains_key(&set(&what)) {
                    let account = u32::from(*account);
                    world = if *grants {
                        world.has_grant(account, &what, who)
                    } else {
                        world.loses_grant(account, &what, who)
                    };
                }
            }
        }
        world
    }
}

impl Spec {
    /// Somebody renames, deletes or replaces a thing.
    fn happens(&self, world: World, event: u8, index: usize) -> World {
        let there = &world.observed.snapshot;
        let names = |letter| [false, true].map(|other| named(letter, index, other));
        let group_name = |name: &String| there.groups.keys().any(|group| group.as_str() == name);
        let user_name = |name: &String| there.users.keys().any(|user| user.as_str() == name);
        let set_name = |name: &String| there.permission_sets.keys().any(|set| set.as_str() == name);
        let group = names('g').into_iter().find(group_name);
        let user = names('u').into_iter().find(user_name);
        let set = names('s').into_iter().find(set_name);
        // The model knows things by the plain name: two of one plain name would be one thing to it.
        let as_declared =
            |name: &String, declared: Option<bool>| declared.is_none_or(|other| name.ends_with('x') == other);
        let group_fits = |name: &String| as_declared(name, self.groups.get(index).map(|spec| spec.1));
        let user_fits = |name: &String| as_declared(name, self.users.get(index).map(|spec| spec.1));
        match event {
            0 => match group {
                Some(name) => world.renames_group(&name, &format!("{name}y")),
                None => world,
            },
            1 => match user {
                Some(name) => world.renames_user(&name, &format!("{name}y")),
                None => world,
            },
            2 => match group {
                Some(name) => world.loses_group(&name),
                None => world,
            },
            3 => match user {
                Some(name) => world.loses_user(&name),
                None => world,
            },
            4 => match set {
                Some(name) => world.loses_set(&name),
                None => world,
            },
            5 => match group.filter(group_fits) {
                Some(name) => world.loses_group(&name).has_group(&name, &[]),
                None => world,
            },
            6 => match user.filter(user_fits) {
                Some(name) => world.loses_user(&name).has_user(&name),
                None => world,
            },
            _ => match set {
                Some(name) => world.loses_set(&name).has_set(&name),
                None => world,
            },
        }
    }

    /// Whether something that others made has the plain name of something declared under another name: the model
    /// cannot tell them apart.
    fn is_beyond_the_model(&self, world: &World) -> bool {
        let desired = self.stack().desired();
        let recorded = &world.recorded.applied;
        let others = |is_known: bool, name: &str, declared: &[String]| {
            let alike = declared
                .iter()
                .any(|other| other != name && plain(other) == plain(name));
            !is_known && alike
        };
        let groups: Vec<String> = desired.snapshot.groups.keys().map(ToString::to_string).collect();
        let users: Vec<String> = desired.snapshot.users.keys().map(ToString::to_string).collect();
        let there = &world.observed.snapshot;
        there.groups.iter().any(|(name, group)| {
            let mut known = recorded.groups.values();
            let known = known.any(|other| other.value.id == group.value.id);
            others(known, name.as_str(), &groups)
        }) || there.users.iter().any(|(name, user)| {
            let mut known = recorded.users.values();
            let known = known.any(|other| other.value.id == user.value.id);
            others(known, name.as_str(), &users)
        })
    }
}

/// What the plan says of people, fact by fact.
fn told(plan: &Plan, change: PeopleChange) -> BTreeSet<Fact> {
    let mut facts = BTreeSet::new();
    for row in plan.people.rows.iter().filter(|row| row.change == change) {
        for person in &row.people {
            for account in &row.accounts {
                let account = plan.names.account(*account).unwrap().to_string();
                let set = plan.names.permission_set(row.permission_set).unwrap().to_string();
                assert!(facts.insert((plain(person), account, set)), "told twice");
            }
        }
    }
    facts
}

fn people_are_told(plan: &Plan, before: &Model, after: &Model) {
    let (mut had, will) = (before.paths(), after.paths());
    // Whoever is taken for another user had nothing of what that one was given.
    let strangers = plan
        .actions
        .iter()
        .filter(|action| action.kind == ActionKind::Rebind);
    let strangers: BTreeSet<String> = strangers
        .filter(|action| matches!(action.entity, EntityKey::User(_)))
        .map(|action| plain(action.entity.name()))
        .collect();
    had.retain(|fact, _| !strangers.contains(&fact.0));
    let only = |left: &BTreeMap<Fact, BTreeSet<String>>, right: &BTreeMap<Fact, BTreeSet<String>>| {
        let facts = left.keys().filter(|fact| !right.contains_key(*fact));
        facts.cloned().collect::<BTreeSet<Fact>>()
    };
    let (gains, loses) = (only(&will, &had), only(&had, &will));
    let keeps: BTreeSet<Fact> = had
        .iter()
        .filter(|(fact, paths)| will.get(*fact).is_some_and(|left| !paths.is_subset(left)))
        .map(|(fact, _)| fact.clone())
        .collect();
    let distinct =
        |facts: &BTreeSet<Fact>| facts.iter().map(|fact| &fact.0).collect::<BTreeSet<_>>().len() as u64;
    let people = &plan.people;
    assert_eq!(told(plan, PeopleChange::Gains), gains);
    assert_eq!(told(plan, PeopleChange::Loses), loses);
    assert_eq!(told(plan, PeopleChange::KeepsVia), keeps);
    assert_eq!(
        (people.gained, people.lost),
        (gains.len() as u64, loses.len() as u64)
    );
    assert_eq!(
        (people.gaining, people.losing),
        (distinct(&gains), distinct(&loses))
    );
    for row in &people.rows {
        for set in &row.still {
            let set = plan.names.permission_set(*set).unwrap().to_string();
            for (person, account) in row
                .people
                .iter()
                .flat_map(|p| row.accounts.iter().map(move |a| (p, a)))
            {
                let account = plan.names.account(*account).unwrap().to_string();
                assert!(will.contains_key(&(plain(person), account, set.clone())));
            }
        }
    }
}

/// A run that is interrupted anywhere is taken up by the next plan, which is sound and leaves nothing to do; or the
/// configuration is another one by then.
fn resumes(mut world: World, (spec, next): (&Spec, Option<&Spec>), whole: &Plan, seed: u64) {
    let declared = spec.stack().desired().snapshot;
    let some = begun(whole, seed);
    let there = Model::of(&world.observed.snapshot).roles();
    world.carry_out(&some, &declared);
    let behind = left_behind(&mut world, (&some, whole), &there);
    let input: PlanInput = world.input(spec.stack());
    let rest = plan(&input);
    let story = || {
        format!(
            "whole\n{}\ndone\n{}\nrest\n{}",
            steps(whole),
            steps(&some),
            steps(&rest)
        )
    };
    assert_eq!(check(&rest, &input), [], "{}", story());
    assert!(!rest.is_refused(), "{:?}\n{}", rest.findings, story());
    let before = Model::of(&world.observed.snapshot);
    walk(&rest, &before, &behind, seed ^ 0x3333);
    if let Some(next) = next.filter(|next| !next.is_beyond_the_model(&world)) {
        let input: PlanInput = world.input(next.stack());
        let other = plan(&input);
        assert_eq!(check(&other, &input), [], "{}", steps(&other));
        if !other.is_refused() {
            walk(&other, &before, &behind, seed ^ 0x7777);
        }
    }
    world.carry_out(&rest, &declared);
    let last = world.plan(spec.stack());
    assert!(last.is_empty(), "{}\nlast\n{}", story(), steps(&last));
}

/// Marks the roles that an interrupted run left with an older content: those whose set it changed and did not provision.
/// Returns those of them whose set allows more by now. A grant brings its own role up to date, unless it is early.
fn left_behind(world: &mut World, (done, whole): (&Plan, &Plan), there: &BTreeSet<Role>) -> BTreeSet<Role> {
    let effects = || done.actions.iter().filter_map(|action| action.effect.as_ref());
    let provisioned = effects().filter_map(|effect| match effect {
        Effect::Provision { name, .. } => Some(name.to_string()),
        _ => None,
    });
    let provisioned: BTreeSet<String> = provisioned.collect();
    let changed = effects().filter_map(|effect| match effect {
        Effect::UpdatePermissionSet { from, to } if from.role_differs(to) => {
            Some((to.name.to_string(), to.session_duration > from.session_duration))
        }
        _ => None,
    });
    let changed: BTreeMap<String, bool> = changed.filter(|(name, _)| !provisioned.contains(name)).collect();
    let early = early_roles(whole);
    let granted = done.grants.iter().map(|step| role_of(done, step.tuple));
    let granted = granted.filter(|role| !early.contains(role));
    let granted: BTreeSet<Role> = granted.collect();
    let names = &world.observed.snapshot.access.names;
    let mut behind = BTreeSet::new();
    for row in &mut world.observed.roles {
        let account = names.account(row.pair.account()).unwrap().to_string();
        let set = names
            .permission_set(row.pair.permission_set())
            .unwrap()
            .to_string();
        let wider = changed.get(&set);
        let role = (account, set);
        if let Some(wider) = wider.filter(|_| there.contains(&role) && !granted.contains(&role)) {
            row.provisioning = Provisioning::Stale;
            if *wider {
                behind.insert(role);
            }
        }
    }
    behind
}

/// Plans one stack, carries it out, and returns the world after it; `None` if the plan is refused.
fn live(world: World, spec: &Spec, next: Option<&Spec>, seed: u64) -> Option<World> {
    let mut world = spec.meddle(world);
    if spec.is_beyond_the_model(&world) {
        return None;
    }
    let input: PlanInput = world.input(spec.stack());
    let first = plan(&input);
    assert_eq!(check(&first, &input), [], "{}", steps(&first));
    let again = serde_json::to_string(&plan(&input)).unwrap();
    assert_eq!(serde_json::to_string(&first).unwrap(), again);
    let back: Plan = serde_json::from_str(&again).unwrap();
    assert_eq!(back, first);
    if first.is_refused() {
        return None;
    }
    let before = Model::of(&world.observed.snapshot);
    let none = BTreeSet::new();
    let after = walk(&first, &before, &none, seed);
    assert_eq!(
        after,
        walk(&first, &before, &none, seed ^ 0x5555),
        "the order makes a difference"
    );
    people_are_told(&first, &before, &after);
    resumes(world.clone(), (spec, next), &first, seed);
    world.carry_out(&first, &spec.stack().desired().snapshot);
    let ids = |snapshot: &Snapshot| {
        let groups = snapshot.groups.values().map(|group| group.value.id.clone());
        let users = snapshot.users.values().map(|user| user.value.id.clone());
        groups.chain(users).collect::<BTreeSet<_>>()
    };
    let (known, left) = (ids(&input.recorded.applied), ids(&world.observed.snapshot));
    let mut gone = ids(&input.observed.snapshot);
    gone.retain(|id| !left.contains(id));
    assert!(
        gone.is_subset(&known),
        "what others made is deleted\n{}",
        steps(&first)
    );
    let second = world.plan(spec.stack());
    assert!(
        second.is_empty(),
        "not empty after\n{}\nbut\n{}",
        steps(&first),
        steps(&second)
    );
    Some(world)
}

proptest! {
    #![proptest_config(crate::testing::property(160))]

    #[test]
    fn any_life_of_a_stack_is_planned_soundly(specs in prop::collection::vec(spec(), 1..5), seed: u64, late: bool) {
        let mut world = World::new();
        for (number, spec) in specs.iter().enumerate() {
            if late && number == 2 {
                world.now = time("2026-08-01T00:00:00Z");
            }
            match live(world, spec, specs.get(number + 1), seed.rotate_left(number as u32)) {
                Some(next) => world = next,
                None => break,
            }
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::property(80))]

    /// Every set comes to allow more, no role is brought up to date, and then somebody wants something else.
    #[test]
    fn a_run_whose_provisionings_fail_gives_nobody_more_than_they_keep(
        first in spec(), then in spec(), longer in prop::array::uniform3(0..2_u8), seed: u64,
    ) {
        let quiet = |spec: &Spec, sessions: [u8; 3]| Spec {
            sets: sessions.map(|session| (true, false, session)),
            edits: Vec::new(),
            events: Vec::new(),
            ..spec.clone()
        };
        let (short, long) = (quiet(&first, [0; 3]), quiet(&first, [1; 3]));
        let then = quiet(&then, longer);
        let done = live(World::new(), &short, None, seed);
        done.and_then(|world| live(world, &long, Some(&then), seed & !1));
    }
}

#[test]
fn names_of_the_model_are_those_of_the_service() {
    assert_eq!(plain(user_name("u1x")), "u1");
    assert_eq!(plain(set("s0")), "s0");
}
