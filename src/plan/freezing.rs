//! What a plan makes of principals that are frozen.
//!
//! `freeze` takes everything from them that the service shows, whoever made it; other plans give them nothing (what is
//! declared for them is withheld before planning, see [`crate::model::freeze`]), take what is this stack's, and say who
//! is frozen and what they have all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{EntityKey, GroupName, PermissionSetName, PrincipalKey, UserName};
use crate::model::access::{Names, Tuple};
use crate::model::action::Effect;
use crate::model::freeze::{self, Frozen};
use crate::model::likeness::likeness;

use super::access_diff::UNDECLARED;
use super::change::{Action, ActionKind, Reason, RevokeReason, RevokeStep};
use super::finding::{Finding, Level, counted};
use super::held::HeldSets;
use super::input::Mode;
use super::sources::Sources;
use super::universe::Universe;

/// Who is frozen, by every name.
pub(super) struct Freezing<'a> {
    frozen: &'a [Frozen],
    names: BTreeMap<PrincipalKey, usize>,
    by_rank: Vec<Option<usize>>,
}

impl<'a> Freezing<'a> {
    /// Of the state, for a plan with these names.
    pub fn new(sources: &Sources<'a>, names: &Names) -> Self {
        let input = sources.input;
        let frozen = input.recorded.frozen.as_slice();
        let known = if frozen.is_empty() {
            BTreeMap::new()
        } else {
            freeze::names(
                frozen,
                &input.desired.snapshot,
                &input.recorded.applied,
                sources.observed,
            )
        };
        let by_rank = match known.is_empty() {
            true => Vec::new(),
            false => names
                .principals
                .iter()
                .map(|key| known.get(key).copied())
                .collect(),
        };
        Freezing {
            frozen,
            names: known,
            by_rank,
        }
    }

    fn of(&self, tuple: Tuple) -> Option<usize> {
        self.by_rank.get(tuple.principal() as usize).copied().flatten()
    }

    /// Whether a grant is one to a frozen principal.
    pub fn is_frozen(&self, tuple: Tuple) -> bool {
        self.of(tuple).is_some()
    }

    /// Every grant that the service shows and that can be taken away.
    pub fn revokes(&self, universe: &Universe<'_>, held: &HeldSets) -> Vec<RevokeStep> {
        let recorded = &universe.recorded;
        let note = |tuple: &Tuple| {
            let at = recorded.tuples.binary_search(tuple).ok()?;
            let note = recorded.notes.get(at)?;
            Some(universe.recorded_notes.get(*note as usize)?.note)
        };
        let observed = universe.observed.tuples.iter();
        let goes = observed.filter(|tuple| self.is_frozen(**tuple) && !held.holds(**tuple));
        goes.map(|tuple| RevokeStep {
            tuple: *tuple,
            note: note(tuple).unwrap_or(UNDECLARED),
            reason: RevokeReason::Frozen,
            blocked: false,
        })
        .collect()
    }

    /// Every membership that the service shows, in groups of whatever directory.
    pub fn memberships(&self, sources: &Sources<'_>) -> Vec<Action> {
        let leaves = |(name, user): (&GroupName, &UserName)| {
            let there = &sources.observed.groups.get(name)?.value;
            let declared = sources.desired.groups.get(name);
            Some(Action {
                kind: ActionKind::Update,
                entity: EntityKey::Group(name.clone()),
                addresses: declared.map(|group| group.addresses.clone()).unwrap_or_default(),
                effect: Some(Effect::RemoveMember {
                    group: name.clone(),
                    user: user.clone(),
                }),
                reason: Reason::Frozen,
                expected_id: there.id.clone(),
                restore: false,
                blocked: None,
                location: declared.and_then(|group| group.location.clone()),
            })
        };
        self.members(sources).into_iter().filter_map(leaves).collect()
    }

    /// Frozen users in groups.
    fn members<'s>(&self, sources: &Sources<'s>) -> Vec<(&'s GroupName, &'s UserName)> {
        if self.names.is_empty() {
            return Vec::new();
        }
        let groups = sources.observed.groups.iter();
        let members = groups.flat_map(|(name, group)| {
            let members = group.value.members.iter().flatten();
            members.map(move |user| (name, user))
        });
        members
            .filter(|(_, user)| self.names.contains_key(&PrincipalKey::User((*user).clone())))
            .collect()
    }

    /// What people should know about those who are frozen.
    pub fn findings(
        &self,
        sources: &Sources<'_>,
        universe: &Universe<'_>,
        actions: &[Action],
        after: &[Tuple],
        findings: &mut Vec<Finding>,
    ) {
        let mode = sources.input.options.mode;
        let left: BTreeSet<(&GroupName, &UserName)> = actions
            .iter()
            .filter_map(|action| match action.effect.as_ref()? {
                Effect::RemoveMember { group, user } => Some((group, user)),
                _ => None,
            })
            .collect();
        let members = self.members(sources);
        let gives = granting_groups(universe, after);
        for (index, frozen) in self.frozen.iter().enumerate() {
            let grants = after
                .iter()
                .filter(|tuple| self.of(**tuple) == Some(index))
                .count();
            let is_one = |user: &UserName| self.names.get(&PrincipalKey::User(user.clone())) == Some(&index);
            let stays = members
                .iter()
                .filter(|pair| is_one(pair.1) && !left.contains(*pair));
            let stays: BTreeSet<&GroupName> = stays
                .map(|(group, _)| *group)
                .filter(|group| gives.contains(group))
                .collect();
            if mode == Mode::Freeze {
                findings.extend(incomplete(frozen, grants, &stays));
                continue;
            }
            if mode != Mode::Destroy {
                findings.push(self.held(index, frozen, sources));
                findings.extend(self.look_alike(index, sources, actions));
            }
            findings.extend(has_access(frozen, grants, &stays));
        }
        if mode == Mode::Freeze {
            findings.extend(self.unread(sources, &gives));
            findings.extend(synced(sources, &left));
            findings.extend(self.sessions(sources, universe, &left));
        }
    }

    /// Who is frozen, since when, and what that leaves out.
    fn held(&self, index: usize, frozen: &Frozen, sources: &Sources<'_>) -> Finding {
        let withheld = sources.input.desired.withheld.get(index);
        let (grants, groups) = withheld.map_or((0, 0), |withheld| (withheld.grants, withheld.groups.len()));
        let what = match (grants, groups) {
            (0, 0) => "nothing is declared for it".to_owned(),
            (grants, 0) => format!("{} not given", are(grants as usize, "declared grant")),
            (0, groups) => format!("{} not given", are(groups, "declared membership")),
            (grants, groups) => format!(
                "{} and {} are not given",
                counted(grants as usize, "declared grant"),
                counted(groups, "membership")
            ),
        };
        Finding {
            remedy: Some(format!("`rolecall freeze --lift {}` lifts it", frozen.argument()).into()),
            ..Finding::new(Level::Held, "frozen", format!("{}; {what}", frozen.sentence()))
        }
    }

    /// A user who comes under the name of a frozen one: a block of the frozen user that only has another `user_name` makes
    /// a new user, who is not frozen. That may be meant, and the person who approves it should know.
    fn look_alike(&self, index: usize, sources: &Sources<'_>, actions: &[Action]) -> Option<Finding> {
        let frozen = self.frozen.get(index)?;
        let is_one = |key: &UserName| self.names.get(&PrincipalKey::User(key.clone())) == Some(&index);
        let known = [sources.observed, &sources.input.recorded.applied];
        let called: BTreeSet<&str> = known
            .into_iter()
            .flat_map(|snapshot| &snapshot.users)
            .filter(|(name, _)| is_one(name))
            .map(|(_, user)| user.value.shown())
            .collect();
        let alike: BTreeSet<_> = called.iter().map(|name| likeness(name)).collect();
        let new = actions.iter().filter_map(|action| match action.effect.as_ref()? {
            Effect::CreateUser { user } if alike.contains(&likeness(user.shown())) => {
                Some(Arc::from(user.user_name.as_str()))
            }
            _ => None,
        });
        let subjects: BTreeSet<Arc<str>> = new.collect();
        let name = called.first()?;
        (!subjects.is_empty()).then(|| Finding {
            subjects,
            remedy: Some(
                "if it is the same person, freeze the new user as well, or leave the block of the frozen one as it is"
                    .into(),
            ),
            ..Finding::new(
                Level::Warning,
                "frozen-look-alike",
                format!("{} is frozen, and a new user is called {name} as well", frozen.principal),
            )
        })
    }

    /// Groups of which nobody can tell whether a frozen user is in them.
    fn unread(&self, sources: &Sources<'_>, gives: &BTreeSet<&GroupName>) -> Option<Finding> {
        let groups = sources.observed.groups.iter();
        let unread = groups.filter(|(name, group)| group.value.members.is_none() && gives.contains(name));
        let subjects: BTreeSet<Arc<str>> = unread.map(|(name, _)| Arc::from(name.as_str())).collect();
        let concerns_users = self.frozen.iter().any(|frozen| !frozen.principal.is_group());
        (!subjects.is_empty() && concerns_users).then(|| Finding {
            remedy: Some("let rolecall read the members, or look whether the user is one of them".into()),
            subjects,
            ..Finding::new(
                Level::Warning,
                "freeze-incomplete",
                "the members of groups with access cannot be read: a frozen user may be in them",
            )
        })
    }

    /// How long open sessions go on. Taking an assignment away does not end them (IAM Identity Center user guide,
    /// "Revoke active IAM role sessions created by permission sets").
    fn sessions(
        &self,
        sources: &Sources<'_>,
        universe: &Universe<'_>,
        left: &BTreeSet<(&GroupName, &UserName)>,
    ) -> Option<Finding> {
        let through: BTreeSet<PrincipalKey> = left
            .iter()
            .map(|(group, _)| PrincipalKey::Group((*group).clone()))
            .collect();
        let names = &universe.names;
        let concerned: Vec<bool> = names
            .principals
            .iter()
            .map(|key| self.names.contains_key(key) || through.contains(key))
            .collect();
        let is_concerned = |tuple: &&Tuple| concerned.get(tuple.principal() as usize) == Some(&true);
        let sets = universe.observed.tuples.iter().filter(is_concerned);
        let sets: BTreeSet<u32> = sets.map(|tuple| tuple.permission_set()).collect();
        let lasts = |rank: u32| -> Option<(u32, &PermissionSetName)> {
            let name = names.permission_set(rank)?;
            let set = sources.observed.permission_sets.get(name)?;
            Some((set.value.session_duration.seconds(), name))
        };
        let (longest, name) = sets.into_iter().filter_map(lasts).max()?;
        Some(Finding {
            remedy: Some(
                "disable the user and end active sessions in the IAM Identity Center console, and in the identity \
                 provider; role sessions end at once only by a policy that denies those issued before now \
                 (`aws:TokenIssueTime`), for example a service control policy for this user (`identitystore:UserId`)"
                    .into(),
            ),
            ..Finding::new(
                Level::Warning,
                "freeze-sessions",
                format!(
                    "sessions that are open go on: up to {} with {name}; this keeps new ones from beginning",
                    length(longest)
                ),
            )
        })
    }
}

/// Groups that have grants.
fn granting_groups<'u>(universe: &'u Universe<'_>, tuples: &[Tuple]) -> BTreeSet<&'u GroupName> {
    let ranks: BTreeSet<u32> = tuples.iter().map(|tuple| tuple.principal()).collect();
    let groups = ranks
        .into_iter()
        .filter_map(|rank| match universe.names.principal(rank)? {
            PrincipalKey::Group(name) => Some(name),
            _ => None,
        });
    groups.collect()
}

/// What `freeze` cannot take away.
fn incomplete(frozen: &Frozen, grants: usize, groups: &BTreeSet<&GroupName>) -> Option<Finding> {
    let what = what_stays(grants, groups)?;
    Some(Finding {
        remedy: Some("the findings about what is held say why; once that is mended, run this again".into()),
        ..Finding::new(
            Level::Warning,
            "freeze-incomplete",
            format!(
                "{} keeps {what}, which cannot be taken away now",
                frozen.principal
            ),
        )
    })
}

/// What a frozen principal has all the same.
fn has_access(frozen: &Frozen, grants: usize, groups: &BTreeSet<&GroupName>) -> Option<Finding> {
    let what = what_stays(grants, groups)?;
    Some(Finding {
        remedy: Some(
            format!(
                "`rolecall freeze {}` takes away what can be taken",
                frozen.argument()
            )
            .into(),
        ),
        ..Finding::new(
            Level::Warning,
            "frozen-has-access",
            format!("{} is frozen, and has {what} in the service", frozen.principal),
        )
    })
}

fn what_stays(grants: usize, groups: &BTreeSet<&GroupName>) -> Option<String> {
    let groups: Vec<&str> = groups.iter().map(|group| group.as_str()).collect();
    match (grants, groups.as_slice()) {
        (0, []) => None,
        (grants, []) => Some(counted(grants, "assignment")),
        (0, groups) => Some(format!("access through {}", groups.join(", "))),
        (grants, groups) => Some(format!(
            "{} and access through {}",
            counted(grants, "assignment"),
            groups.join(", ")
        )),
    }
}

/// Memberships that a directory keeps: it may bring them back.
fn synced(sources: &Sources<'_>, left: &BTreeSet<(&GroupName, &UserName)>) -> Option<Finding> {
    let is_synced = |group: &GroupName| {
        let group = sources.observed.groups.get(group);
        group.is_some_and(|group| group.value.external_id.is_some())
    };
    let synced = left.iter().filter(|(group, _)| is_synced(group));
    let subjects: BTreeSet<Arc<str>> = synced
        .map(|(group, user)| format!("{user} in {group}").into())
        .collect();
    let message = match subjects.len() {
        0 => return None,
        1 => "a directory keeps this membership, and may bring it back when it synchronizes next",
        _ => "a directory keeps these memberships, and may bring them back when it synchronizes next",
    };
    Some(Finding {
        remedy: Some(
            "take the user out of these groups in the identity provider too, or disable the user there"
                .into(),
        ),
        subjects,
        ..Finding::new(Level::Warning, "freeze-synced", message)
    })
}

/// `3 declared grants are`
fn are(count: usize, noun: &str) -> String {
    let verb = if count == 1 { "is" } else { "are" };
    format!("{} {verb}", counted(count, noun))
}

/// `12 h`, `1 h 30 min`
fn length(seconds: u32) -> String {
    match (seconds / 3600, seconds / 60 % 60) {
        (0, minutes) => format!("{minutes} min"),
        (hours, 0) => format!("{hours} h"),
        (hours, minutes) => format!("{hours} h {minutes} min"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stack::{Matcher, NamedMatcher};
    use crate::plan::Plan;
    use crate::plan::testing::{Stack, World, group, set, time, user, user_name};

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("admin", "admin")
            .set("view", "view")
            .user("ada", "ada")
            .user("bob", "bob")
            .group("ops", "Ops", &["ada", "bob"])
            .data_group("aud", "Auditors")
            .assign("direct", &[user("bob")], &["admin"], &[1])
            .assign("ops", &[group("Ops")], &["view"], &[1, 2])
            .assign("aud", &[group("Auditors")], &["view"], &[2])
    }

    fn world() -> World {
        let world = World::new().has_user("bob").has_group("Auditors", &["bob"]);
        world.apply(stack()).has_grant(2, "view", user("bob"))
    }

    fn freeze(mut world: World, principal: PrincipalKey) -> World {
        let id = match &principal {
            PrincipalKey::User(name) => world.observed.snapshot.users[name].value.id.clone(),
            PrincipalKey::Group(name) => world.observed.snapshot.groups[name].value.id.clone(),
            _ => None,
        };
        world.recorded.freeze(&Frozen {
            principal,
            id,
            at: time("2026-06-01T00:00:00Z"),
            actor: "eve@host".into(),
            reason: Some("INC-7".into()),
        });
        world
    }

    fn codes(plan: &Plan) -> BTreeSet<&str> {
        plan.findings.iter().map(|finding| &*finding.code).collect()
    }

    fn leaves(plan: &Plan) -> Vec<String> {
        let effects = plan.actions.iter().filter_map(|action| action.effect.as_ref());
        effects
            .map(|effect| match effect {
                Effect::RemoveMember { group, user } => format!("{user} leaves {group}"),
                other => format!("{other:?}"),
            })
            .collect()
    }

    #[test]
    fn everything_goes_whoever_gave_it_and_nothing_else_happens() {
        let mut world = freeze(world(), user("bob"));
        world.options.mode = Mode::Freeze;
        // The configuration asks for something else besides, and is partly wrong.
        let other = stack()
            .set("new", "new")
            .assign("n", &[user("ada")], &["new"], &[1]);
        let plan = world.plan(other);
        assert_eq!(
            plan.revokes.len(),
            2,
            "a declared grant and one that nobody declared"
        );
        assert!(
            plan.revokes
                .iter()
                .all(|step| step.reason == RevokeReason::Frozen)
        );
        assert_eq!(leaves(&plan), ["bob leaves Auditors", "bob leaves Ops"]);
        assert!(plan.grants.is_empty() && !plan.is_refused());
        assert!(codes(&plan).contains("freeze-sessions") && !codes(&plan).contains("freeze-incomplete"));
    }

    #[test]
    fn a_frozen_group_loses_its_grants_and_keeps_its_members() {
        let mut world = freeze(world(), group("Ops"));
        world.options.mode = Mode::Freeze;
        let plan = world.plan(stack());
        assert_eq!((plan.revokes.len(), leaves(&plan).len()), (2, 0));
    }

    #[test]
    fn later_plans_give_nothing_back_until_it_is_lifted() {
        let mut world = freeze(world(), user("bob"));
        world.options.mode = Mode::Freeze;
        let plan = world.plan(stack());
        world.carry_out(&plan, &stack().desired().snapshot);
        world.options.mode = Mode::All;
        let held = world.plan(stack());
        assert!(held.is_empty(), "{held:#?}");
        let said = held
            .findings
            .iter()
            .find(|finding| &*finding.code == "frozen")
            .unwrap();
        assert_eq!(
            &*said.message,
            "user bob is frozen since 2026-06-01T00:00:00Z by eve@host: INC-7; \
             1 declared grant and 1 membership are not given"
        );
        let again = world.clone().has_grant(1, "view", user("bob")).plan(stack());
        assert!(again.is_empty() && codes(&again).contains("frozen-has-access"));
        world.recorded.lift(&user("bob"));
        let back = world.plan(stack());
        assert_eq!(
            (back.grants.len(), back.actions.len()),
            (1, 1),
            "what is declared, and no more"
        );
    }

    #[test]
    fn a_frozen_user_is_so_under_another_name() {
        let mut world = freeze(world(), user("bob"));
        world.options.mode = Mode::Freeze;
        let plan = world.clone().renames_user("bob", "robert").plan(stack());
        assert_eq!((plan.revokes.len(), leaves(&plan).len()), (2, 2));
        world.carry_out(&world.plan(stack()), &stack().desired().snapshot);
        world.options.mode = Mode::All;
        // Given another name by its block, with all that was declared.
        let renamed = Stack::new()
            .accounts(&[1, 2])
            .set("admin", "admin")
            .set("view", "view")
            .user("ada", "ada")
            .user("bob", "robert")
            .group("ops", "Ops", &["ada", "robert"])
            .data_group("aud", "Auditors")
            .assign("direct", &[user("robert")], &["admin"], &[1])
            .assign("ops", &[group("Ops")], &["view"], &[1, 2])
            .assign("aud", &[group("Auditors")], &["view"], &[2]);
        let plan = world.plan(renamed);
        assert!(plan.grants.is_empty(), "{plan:#?}");
        assert!(leaves(&plan).iter().all(|effect| !effect.contains("AddMember")));
    }

    #[test]
    fn a_new_user_who_is_called_as_a_frozen_one_is_told() {
        let mut world = freeze(world(), user("bob"));
        world.options.mode = Mode::Freeze;
        world.carry_out(&world.plan(stack()), &stack().desired().snapshot);
        world.options.mode = Mode::All;
        let called = |shown: &str| {
            let user_name = UserName::new("somebody").unwrap();
            stack().user("new", "somebody").with(|desired| {
                let user = desired.snapshot.users.get_mut(&user_name).unwrap();
                user.value.display_name = shown.into();
            })
        };
        let bob = world
            .observed
            .snapshot
            .users
            .values()
            .find(|user| user.value.user_name.as_str() == "bob");
        let bob = bob.unwrap().value.shown().to_owned();
        for name in [bob.clone(), format!(" {} ", bob.to_uppercase())] {
            assert!(codes(&world.plan(called(&name))).contains("frozen-look-alike"));
        }
        assert!(!codes(&world.plan(called("Somebody Else"))).contains("frozen-look-alike"));
    }

    #[test]
    fn protected_access_is_refused_and_a_removal_that_was_due_goes_on() {
        let mut frozen = freeze(world(), user("bob"));
        let plan = frozen.plan(Stack::new().accounts(&[1, 2]).data_group("aud", "Auditors"));
        assert!(
            plan.revokes
                .iter()
                .any(|step| step.reason == RevokeReason::Frozen)
        );
        frozen.options.mode = Mode::Freeze;
        let protected = stack().with(|desired| {
            desired.settings.protect = vec![NamedMatcher {
                label: "keep".into(),
                matcher: Matcher {
                    permission_sets: vec![set("admin").as_str().into()],
                    ..Matcher::default()
                },
                location: None,
            }];
        });
        assert!(frozen.plan(protected).is_refused());
    }

    #[test]
    fn what_a_directory_keeps_and_what_cannot_be_read_is_said() {
        let mut world = freeze(world(), user("bob"));
        world.options.mode = Mode::Freeze;
        let groups = &mut world.observed.snapshot.groups;
        groups
            .get_mut(&GroupName::new("Auditors").unwrap())
            .unwrap()
            .value
            .external_id = Some("e-1".into());
        assert!(codes(&world.plan(stack())).contains("freeze-synced"));
        let groups = &mut world.observed.snapshot.groups;
        groups
            .get_mut(&GroupName::new("Auditors").unwrap())
            .unwrap()
            .value
            .members = None;
        let plan = world.plan(stack());
        assert!(codes(&plan).contains("freeze-incomplete"));
        assert_eq!(leaves(&plan), ["bob leaves Ops"]);
        assert!(world.observed.snapshot.users.contains_key(&user_name("bob")));
    }
}
