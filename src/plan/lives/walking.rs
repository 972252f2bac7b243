//! Carrying plans out, in any order that their waits allow.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::AccountKey;
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::plan::Plan;
use crate::plan::change::Reason;
use crate::plan::step::{StepId, Wait};

use super::model::{Fact, Model, plain, who};

/// How things are when a step is done.
struct Moment {
    step: StepId,
    /// Who has what.
    access: BTreeSet<Fact>,
    roles: BTreeSet<(String, String)>,
    /// Who has what in a role that allows more than it did before the run.
    more: BTreeSet<Fact>,
    /// Who has what in a role that allows more than it will at the end.
    still_more: BTreeSet<Fact>,
}

/// A role: its account and its permission set.
pub(super) type Role = (String, String);

/// The role of a grant.
pub(super) fn role_of(plan: &Plan, tuple: Tuple) -> Role {
    let (account, set, _) = plan.names.resolve(tuple).unwrap();
    (account.to_string(), set.to_string())
}

/// The roles of grants that do not wait for their set.
pub(super) fn early_roles(plan: &Plan) -> BTreeSet<Role> {
    let early = plan.waits.early_grants.iter();
    let tuples = early.map(|index| plan.grants[*index as usize].tuple);
    tuples.map(|tuple| role_of(plan, tuple)).collect()
}

/// Whether a provisioning of these accounts reaches one.
fn reaches(accounts: &Option<BTreeSet<AccountKey>>, account: &str) -> bool {
    let Some(accounts) = accounts else { return true };
    accounts.iter().any(|other| other.to_string() == account)
}

/// Which steps are done, and which could be next.
struct Walk<'a> {
    plan: &'a Plan,
    done: BTreeSet<StepId>,
}

impl Walk<'_> {
    fn steps(&self) -> Vec<StepId> {
        let count = |steps: usize| 0..u32::try_from(steps).unwrap();
        let actions = count(self.plan.actions.len()).map(StepId::Action);
        let grants = count(self.plan.grants.len()).map(StepId::Grant);
        let revokes = count(self.plan.revokes.len()).map(StepId::Revoke);
        actions.chain(grants).chain(revokes).collect()
    }

    fn is_over(&self, wait: &Wait) -> bool {
        let all = |of: &dyn Fn(StepId) -> bool| {
            let mut steps = self.steps().into_iter().filter(|step| of(*step));
            steps.all(|step| self.done.contains(&step))
        };
        let tuple = |step: StepId| self.plan.tuple(step);
        match wait {
            Wait::Action(index) => self.done.contains(&StepId::Action(*index)),
            Wait::Grant(index) => self.done.contains(&StepId::Grant(*index)),
            Wait::Revoke(index) => self.done.contains(&StepId::Revoke(*index)),
            Wait::GrantsOfSet(rank) => all(&|step| {
                matches!(step, StepId::Grant(_)) && tuple(step).unwrap().permission_set() == *rank
            }),
            Wait::RevokesOfSet(rank) => all(&|step| {
                matches!(step, StepId::Revoke(_)) && tuple(step).unwrap().permission_set() == *rank
            }),
            Wait::RevokesOfPrincipal(rank) => {
                all(&|step| matches!(step, StepId::Revoke(_)) && tuple(step).unwrap().principal() == *rank)
            }
        }
    }

    /// Draws one of the steps that could be next.
    fn any_ready(&self, seed: &mut u64) -> Option<StepId> {
        self.any_ready_of(|_| true, seed)
    }

    fn any_ready_of(&self, which: impl Fn(StepId) -> bool, seed: &mut u64) -> Option<StepId> {
        let open = self.steps().into_iter().filter(|step| !self.done.contains(step));
        let ready: Vec<StepId> = open.filter(|step| which(*step) && self.is_ready(*step)).collect();
        *seed = seed
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        let at = (*seed >> 33) as usize % ready.len().max(1);
        ready.get(at).copied()
    }

    fn is_ready(&self, step: StepId) -> bool {
        let waits = &self.plan.waits;
        match step {
            StepId::Action(index) => waits.actions[index as usize]
                .iter()
                .all(|wait| self.is_over(wait)),
            StepId::Revoke(index) => {
                let list = waits.revokes.get(&index);
                list.into_iter().flatten().all(|wait| self.is_over(wait))
            }
            StepId::Grant(index) => {
                let tuple = self.plan.tuple(step).unwrap();
                let of_set = waits.grants_of_set.get(&tuple.permission_set());
                let lists = [
                    of_set.filter(|_| !waits.early_grants.contains(&index)),
                    waits.grants_in_account.get(&tuple.account()),
                    waits.grants_to_principal.get(&tuple.principal()),
                ];
                let mut actions = lists.into_iter().flatten().flatten();
                actions.all(|index| self.done.contains(&StepId::Action(*index)))
            }
        }
    }
}

/// A plan of those steps alone that a run had done when it was interrupted, or when all its provisionings failed. What
/// changes the record alone is done as soon as a run begins.
pub(super) fn begun(plan: &Plan, mut seed: u64) -> Plan {
    let mut walk = Walk {
        plan,
        done: BTreeSet::new(),
    };
    let fails = seed & 1 == 0;
    let steps = walk.steps().len();
    let count = if fails {
        steps
    } else {
        (seed >> 40) as usize % (steps + 1)
    };
    let works = |step: StepId| {
        let StepId::Action(index) = step else { return true };
        let effect = &plan.actions[index as usize].effect;
        !fails || !matches!(effect, Some(Effect::Provision { .. }))
    };
    while walk.done.len() < count
        && let Some(step) = walk.any_ready_of(works, &mut seed)
    {
        walk.done.insert(step);
    }
    let mut some = plan.clone();
    let mut index = 0..;
    some.actions.retain(|action| {
        let step = StepId::Action(index.next().unwrap());
        action.effect.is_none() || walk.done.contains(&step)
    });
    let mut index = 0..;
    some.grants
        .retain(|_| walk.done.contains(&StepId::Grant(index.next().unwrap())));
    let mut index = 0..;
    some.revokes
        .retain(|_| walk.done.contains(&StepId::Revoke(index.next().unwrap())));
    some
}

/// Carries a plan out in one of the orders its waits allow, and returns what the service looks like at the end.
/// Whoever has access before and after must have it after every step, and a role must stay likewise; nobody may have
/// what is theirs neither before nor after, nor more of what they are to lose, nor what they gain before it is narrowed.
/// `behind` are the roles with a content that allows less than their set does by now.
pub(super) fn walk(plan: &Plan, before: &Model, behind: &BTreeSet<Role>, mut seed: u64) -> Model {
    let mut walk = Walk {
        plan,
        done: BTreeSet::new(),
    };
    let renamed = plan.actions.iter().filter_map(|action| match &action.reason {
        Reason::Renamed { from, to } => Some((from.to_string(), to.to_string())),
        _ => None,
    });
    let renamed: BTreeMap<String, String> = renamed.collect();
    let mut model = before.clone();
    let mut moments: Vec<Moment> = Vec::new();
    let mut widened = Widened {
        followed: renamed.values().cloned().collect(),
        behind: behind.clone(),
        ..Widened::default()
    };
    let mut narrowed = Narrowed::of(plan, before, &widened);
    while let Some(step) = walk.any_ready(&mut seed) {
        match step {
            StepId::Action(index) => {
                if let Some(effect) = &plan.actions[index as usize].effect {
                    model.act(effect);
                    widened.act(effect, &model);
                    narrowed.act(effect);
                }
            }
            StepId::Grant(_) => {
                let tuple = plan.tuple(step).unwrap();
                model.grant(plan, tuple);
                widened.provision(role_of(plan, tuple));
                narrowed.provision(&role_of(plan, tuple));
            }
            StepId::Revoke(_) => model.revoke(plan, plan.tuple(step).unwrap()),
        }
        walk.done.insert(step);
        let role = |fact: &Fact| (fact.1.clone(), fact.2.clone());
        let is_more = |fact: &Fact| widened.roles.contains(&role(fact));
        let is_still_more = |fact: &Fact| narrowed.roles.contains(&role(fact));
        moments.push(Moment {
            step,
            access: model.access(&renamed),
            more: model.paths().into_keys().filter(is_more).collect(),
            still_more: model.paths().into_keys().filter(is_still_more).collect(),
            roles: model.roles(),
        });
    }
    assert_eq!(walk.done.len(), walk.steps().len(), "steps wait for each other");
    let keeps: BTreeSet<Fact> = before
        .access(&renamed)
        .intersection(&model.access(&renamed))
        .cloned()
        .collect();
    let stay: BTreeSet<_> = before.roles().intersection(&model.roles()).cloned().collect();
    let (had, will) = (before.access(&renamed), model.access(&renamed));
    let (had_paths, will_paths) = (before.paths(), model.paths());
    let theirs: BTreeSet<Fact> = had.union(&will).cloned().collect();
    let gives_way = gives_way(plan);
    // By an early grant somebody keeps access, or a role is kept: that comes first.
    let mut brought_along = early_roles(plan);
    brought_along.retain(|role| behind.contains(role));
    for moment in moments {
        let step = moment.step;
        assert!(
            stay.is_subset(&moment.roles),
            "after {step:?} a role is gone\n{}",
            steps(plan)
        );
        let gap: Vec<&Fact> = keeps.difference(&moment.access).collect();
        assert!(
            gap.is_empty(),
            "after {step:?}: {gap:?} are without access\n{}",
            steps(plan)
        );
        let own = moment.more.iter().filter(|fact| had_paths.contains_key(*fact));
        let own = own.filter(|fact| !brought_along.contains(&(fact.1.clone(), fact.2.clone())));
        let more: Vec<&Fact> = own.filter(|fact| !will_paths.contains_key(*fact)).collect();
        assert!(
            more.is_empty(),
            "after {step:?}: {more:?} have more than they had, and are to have nothing\n{}",
            steps(plan)
        );
        let mut new = moment.still_more.iter();
        let early = new.find(|fact| !had_paths.contains_key(*fact));
        assert!(
            early.is_none(),
            "after {step:?}: {early:?} is there before the set is narrowed\n{}",
            steps(plan)
        );
        let strange: Vec<&Fact> = moment.access.difference(&theirs).collect();
        assert!(
            gives_way || strange.is_empty(),
            "after {step:?}: {strange:?} have what they neither had nor shall have\n{}",
            steps(plan)
        );
    }
    model
}

/// Whether two groups, or one and itself, take from people who keep their access by what the other is given; or what is
/// given waits for its set to be changed. Keeping comes first then.
fn gives_way(plan: &Plan) -> bool {
    let mut first: BTreeSet<(String, String)> = BTreeSet::new();
    let mut changed = false;
    let mut note = |taken: String, list: &[Wait]| {
        for wait in list {
            match wait {
                Wait::Action(index) => {
                    if let Some(Effect::AddMember { group, .. }) = &plan.actions[*index as usize].effect
                        && plain(group) != taken
                    {
                        first.insert((taken.clone(), plain(group)));
                    }
                }
                Wait::Grant(index) => {
                    let tuple = plan.grants[*index as usize].tuple;
                    let gate = plan.waits.grants_of_set.get(&tuple.permission_set());
                    let mut gate = gate.into_iter().flatten();
                    changed |= !plan.waits.early_grants.contains(index)
                        && gate.any(|action| !plan.waits.actions[*action as usize].is_empty());
                    let given = who(plan.names.resolve(tuple).unwrap().2);
                    if given != taken {
                        first.insert((taken.clone(), given));
                    }
                }
                _ => {}
            }
        }
    };
    for (action, list) in plan.actions.iter().zip(&plan.waits.actions) {
        if let Some(Effect::RemoveMember { group, .. }) = &action.effect {
            note(plain(group), list);
        }
    }
    for (index, list) in &plan.waits.revokes {
        let tuple = plan.revokes[*index as usize].tuple;
        note(who(plan.names.resolve(tuple).unwrap().2), list);
    }
    loop {
        let steps = first.iter().flat_map(|(from, by)| {
            let next = first.iter().filter(move |(other, _)| other == by);
            next.map(move |(_, to)| (from.clone(), to.clone()))
        });
        let more: BTreeSet<(String, String)> = steps.filter(|step| !first.contains(step)).collect();
        if more.is_empty() {
            break;
        }
        first.extend(more);
    }
    changed || first.iter().any(|(from, to)| from == to)
}

/// Which roles allow more than before the run.
#[derive(Default)]
struct Widened {
    /// Sets that others are renamed onto: their change waits for nothing.
    followed: BTreeSet<String>,
    /// Roles that were behind when the run began.
    behind: BTreeSet<Role>,
    sets: BTreeSet<String>,
    roles: BTreeSet<Role>,
}

impl Widened {
    fn act(&mut self, effect: &Effect, model: &Model) {
        match effect {
            Effect::UpdatePermissionSet { from, to } if to.session_duration > from.session_duration => {
                let name = to.name.to_string();
                if !self.followed.contains(&name) {
                    self.sets.insert(name);
                }
            }
            // Back to what the roles have.
            Effect::UpdatePermissionSet { from, to } if to.session_duration < from.session_duration => {
                self.behind.retain(|(_, set)| set != to.name.as_str());
            }
            Effect::Provision { name, accounts } => {
                for role in model.roles() {
                    if role.1 == name.as_str() && reaches(accounts, &role.0) {
                        self.provision(role);
                    }
                }
            }
            _ => {}
        }
    }

    fn provision(&mut self, role: Role) {
        if self.sets.contains(&role.1) || self.behind.contains(&role) {
            self.roles.insert(role);
        }
    }
}

/// Which roles allow more than at the end of the run.
struct Narrowed {
    sets: BTreeSet<String>,
    changed: BTreeSet<String>,
    roles: BTreeSet<Role>,
}

impl Narrowed {
    /// Sets that others are renamed onto, those that somebody loses and those with roles that are behind are changed when
    /// they can be.
    fn of(plan: &Plan, before: &Model, known: &Widened) -> Self {
        let lost = plan.revokes.iter().map(|step| step.tuple.permission_set());
        let lost: BTreeSet<u32> = lost.collect();
        let narrowed = plan.actions.iter().filter_map(|action| match &action.effect {
            Some(Effect::UpdatePermissionSet { from, to }) if to.session_duration < from.session_duration => {
                let rank = plan.names.permission_set_rank(&to.name);
                let is_free = rank.is_none_or(|rank| !lost.contains(&rank));
                is_free.then(|| to.name.to_string())
            }
            _ => None,
        });
        let sets: BTreeSet<String> = narrowed
            .filter(|name| !known.followed.contains(name) && known.behind.iter().all(|(_, set)| set != name))
            .collect();
        let roles = before.roles().into_iter().filter(|(_, set)| sets.contains(set));
        Narrowed {
            roles: roles.collect(),
            changed: BTreeSet::new(),
            sets,
        }
    }

    fn act(&mut self, effect: &Effect) {
        match effect {
            Effect::UpdatePermissionSet { to, .. } if self.sets.contains(to.name.as_str()) => {
                self.changed.insert(to.name.to_string());
            }
            Effect::Provision { name, accounts } => self
                .roles
                .retain(|(account, set)| set != name.as_str() || !reaches(accounts, account)),
            _ => {}
        }
    }

    fn provision(&mut self, role: &Role) {
        if self.changed.contains(&role.1) {
            self.roles.remove(role);
        }
    }
}

/// A plan's steps and waits, a line each, for reading what went wrong.
pub(super) fn steps(plan: &Plan) -> String {
    let mut lines: Vec<String> = Vec::new();
    for (action, waits) in plan.actions.iter().zip(&plan.waits.actions) {
        lines.push(format!(
            "{:?} {} {:?} {waits:?}",
            action.kind, action.entity, action.effect
        ));
    }
    lines.push(format!("names {:?}", plan.names));
    lines.push(format!("grants {:?}", plan.grants));
    lines.push(format!("revokes {:?}", plan.revokes));
    lines.push(format!("records {:?}", plan.records));
    lines.push(format!("waits of revokes {:?}", plan.waits.revokes));
    lines.push(format!("people {:?}", plan.people.rows));
    lines.join("\n")
}
