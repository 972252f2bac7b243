//! Who is who: what has become, in the service, of each thing that the state names.
//!
//! The service knows a user, a group and a permission set by an id; names are
//! what people call them, and change. So the state is matched with what was read
//! by id, once and before anything is compared: what goes by another name now is
//! called by that name from here on, and what has only the name in common is
//! somebody else's. Where no id is known, the name has to do.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::address::Kind;
use crate::id::{EntityKey, GroupName, PermissionSetName, PrincipalKey, ServiceId, UserName};
use crate::model::instance::{Held, HeldSubject};
use crate::model::snapshot::{Entity, Management, Snapshot};

/// What has become of a recorded thing that is not simply there under its name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Now<K> {
    /// It goes by another name; somebody else may have its old one.
    Renamed {
        /// By which name.
        to: K,
        /// Its id.
        id: ServiceId,
        /// The id of what has its old name.
        taken_by: Option<ServiceId>,
    },
    /// It is gone, and something else has its name.
    Replaced {
        /// The id it had.
        was: ServiceId,
        /// The id of what has its name.
        is: ServiceId,
    },
    /// It is gone, and nothing has its name.
    Gone {
        /// The id it had.
        was: ServiceId,
    },
}

/// What has become of the things in the state, by the name that the state has for them. What is not listed is there
/// as recorded, or nothing can be said about it.
#[derive(Debug, Default)]
pub(super) struct Identity {
    pub users: BTreeMap<UserName, Now<UserName>>,
    pub groups: BTreeMap<GroupName, Now<GroupName>>,
    pub permission_sets: BTreeMap<PermissionSetName, Now<PermissionSetName>>,
    /// What principals of recorded grants are called in the service: by another name, or as an orphan.
    pub principals: BTreeMap<PrincipalKey, PrincipalKey>,
}

impl Identity {
    /// Matches the state with what was read. Nothing is concluded about what is held, nor about a look-up that found
    /// nothing: it is held as well.
    pub fn find(recorded: &Snapshot, desired: &Snapshot, observed: &Snapshot, held: &[&Held]) -> Self {
        let held = HeldKeys::new(held);
        let mut identity = Identity {
            users: changed(
                &recorded.users,
                &observed.users,
                |user| user.id.as_ref(),
                |name| {
                    held.has(EntityKey::User(name.clone()))
                        || is_missing(&desired.users, &observed.users, name)
                },
            ),
            groups: changed(
                &recorded.groups,
                &observed.groups,
                |group| group.id.as_ref(),
                |name| {
                    held.has(EntityKey::Group(name.clone()))
                        || is_missing(&desired.groups, &observed.groups, name)
                },
            ),
            permission_sets: changed(
                &recorded.permission_sets,
                &observed.permission_sets,
                |set| set.arn.as_ref(),
                |name| {
                    held.has(EntityKey::PermissionSet(name.clone()))
                        || is_missing(&desired.permission_sets, &observed.permission_sets, name)
                },
            ),
            principals: BTreeMap::new(),
        };
        let there = |key: &PrincipalKey| observed.access.names.principal_rank(key).is_some();
        for (name, now) in &identity.users {
            let user = PrincipalKey::User;
            let called = called(now, user, PrincipalKey::OrphanUser, &there);
            identity
                .principals
                .extend(called.map(|called| (user(name.clone()), called)));
        }
        for (name, now) in &identity.groups {
            let group = PrincipalKey::Group;
            let called = called(now, group, PrincipalKey::OrphanGroup, &there);
            identity
                .principals
                .extend(called.map(|called| (group(name.clone()), called)));
        }
        identity
    }

    /// The state with everything under the name that it has in the service.
    pub fn follow<'a>(&self, state: &Cow<'a, Snapshot>) -> Cow<'a, Snapshot> {
        if self.principals.is_empty() {
            return state.clone();
        }
        let mut followed = state.clone().into_owned();
        followed.rename_principals(&self.principals);
        Cow::Owned(followed)
    }

    /// The old and the new id, where the name of a recorded thing means another one now.
    pub fn other_id(&self, key: &EntityKey) -> Option<(ServiceId, ServiceId)> {
        fn ids<K>(now: &Now<K>) -> Option<(ServiceId, ServiceId)> {
            match now {
                Now::Replaced { was, is } => Some((was.clone(), is.clone())),
                Now::Renamed {
                    id,
                    taken_by: Some(is),
                    ..
                } => Some((id.clone(), is.clone())),
                _ => None,
            }
        }
        match key {
            EntityKey::User(name) => self.users.get(name).and_then(ids),
            EntityKey::Group(name) => self.groups.get(name).and_then(ids),
            EntityKey::PermissionSet(name) => self.permission_sets.get(name).and_then(ids),
            EntityKey::Account(_) | EntityKey::OrganizationalUnit(_) => None,
        }
    }

    /// Whether the recorded thing with this key is gone and somebody else has its name.
    pub fn is_replaced(&self, key: &EntityKey) -> bool {
        match key {
            EntityKey::User(name) => matches!(self.users.get(name), Some(Now::Replaced { .. })),
            EntityKey::Group(name) => matches!(self.groups.get(name), Some(Now::Replaced { .. })),
            EntityKey::PermissionSet(name) => {
                matches!(self.permission_sets.get(name), Some(Now::Replaced { .. }))
            }
            EntityKey::Account(_) | EntityKey::OrganizationalUnit(_) => false,
        }
    }

    /// What the state calls a thing that goes by the name `key` in the service, if that is another name.
    pub fn known_as(&self, key: &EntityKey) -> Option<EntityKey> {
        fn was<K: Ord + Clone>(map: &BTreeMap<K, Now<K>>, name: &K) -> Option<K> {
            let mut found = map.iter();
            let is = |now: &Now<K>| matches!(now, Now::Renamed { to, .. } if to == name);
            found.find(|(_, now)| is(now)).map(|(was, _)| was.clone())
        }
        match key {
            EntityKey::User(name) => was(&self.users, name).map(EntityKey::User),
            EntityKey::Group(name) => was(&self.groups, name).map(EntityKey::Group),
            _ => None,
        }
    }
}

/// Things that are not there under their recorded name and id.
fn changed<K: Ord + Clone, T>(
    recorded: &BTreeMap<K, Entity<T>>,
    observed: &BTreeMap<K, Entity<T>>,
    id: fn(&T) -> Option<&ServiceId>,
    is_held: impl Fn(&K) -> bool,
) -> BTreeMap<K, Now<K>> {
    let mut names: Option<FxHashMap<&ServiceId, &K>> = None;
    let mut out = BTreeMap::new();
    for (name, entity) in recorded {
        let Some(was) = id(&entity.value) else { continue };
        let there = observed.get(name);
        let is = there.and_then(|there| id(&there.value));
        // Without an id, what is there may well be the same.
        let same = is == Some(was) || there.is_some() && is.is_none();
        if same || is_held(name) {
            continue;
        }
        let names = names.get_or_insert_with(|| {
            let all = observed.iter();
            all.filter_map(|(name, there)| Some((id(&there.value)?, name)))
                .collect()
        });
        let now = match (names.get(was), is) {
            (Some(to), is) => Now::Renamed {
                to: (*to).clone(),
                id: was.clone(),
                taken_by: is.cloned(),
            },
            (None, Some(is)) => Now::Replaced {
                was: was.clone(),
                is: is.clone(),
            },
            (None, None) => Now::Gone { was: was.clone() },
        };
        out.insert(name.clone(), now);
    }
    out
}

/// What recorded grants of a principal are to be known by. Grants of one that is gone are the orphan's, if there are
/// any left or another one has the name now.
fn called<K: Clone>(
    now: &Now<K>,
    named: fn(K) -> PrincipalKey,
    orphan: fn(ServiceId) -> PrincipalKey,
    there: &dyn Fn(&PrincipalKey) -> bool,
) -> Option<PrincipalKey> {
    match now {
        Now::Renamed { to, .. } => Some(named(to.clone())),
        Now::Replaced { was, .. } => Some(orphan(was.clone())),
        Now::Gone { was } => Some(orphan(was.clone())).filter(there),
    }
}

/// A look-up, or something that others are to make, that was not found.
fn is_missing<K: Ord, T>(
    desired: &BTreeMap<K, Entity<T>>,
    observed: &BTreeMap<K, Entity<T>>,
    name: &K,
) -> bool {
    let elsewhere =
        |entity: &Entity<T>| matches!(entity.management, Management::Referred | Management::Managed);
    desired.get(name).is_some_and(elsewhere) && !observed.contains_key(name)
}

/// Keys and kinds that are held.
struct HeldKeys<'h> {
    entities: BTreeSet<EntityKey>,
    kinds: BTreeSet<&'h Kind>,
}

impl<'h> HeldKeys<'h> {
    fn new(held: &[&'h Held]) -> Self {
        let mut keys = HeldKeys {
            entities: BTreeSet::new(),
            kinds: BTreeSet::new(),
        };
        for item in held {
            match &item.subject {
                HeldSubject::Entity(key) => drop(keys.entities.insert(key.clone())),
                HeldSubject::Principal(PrincipalKey::Group(name)) => {
                    keys.entities.insert(EntityKey::Group(name.clone()));
                }
                HeldSubject::Principal(PrincipalKey::User(name)) => {
                    keys.entities.insert(EntityKey::User(name.clone()));
                }
                HeldSubject::All(kind) => drop(keys.kinds.insert(kind)),
                HeldSubject::Principal(_) | HeldSubject::Pair(..) | HeldSubject::Members(_) => {}
            }
        }
        keys
    }

    fn has(&self, key: EntityKey) -> bool {
        self.kinds.contains(&key.kind()) || self.entities.contains(&key)
    }
}

#[cfg(test)]
mod tests {
    use crate::id::PrincipalKey;
    use crate::model::access::Tuple;
    use crate::model::action::Effect;
    use crate::plan::change::{ActionKind, GrantReason, RevokeReason};
    use crate::plan::input::Mode;
    use crate::plan::step::Wait;
    use crate::plan::testing::{Stack, World, group, set, user};
    use crate::plan::{Action, Plan};

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("admin", "admin")
            .user("ada", "ada")
            .group("ops", "Ops", &["ada"])
            .assign("a", &[group("Ops")], &["admin"], &[1, 2])
    }

    /// The stack without its group.
    fn bare() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("admin", "admin")
            .user("ada", "ada")
    }

    fn looked_up(name: &str) -> Stack {
        Stack::new()
            .accounts(&[1])
            .set("view", "view")
            .data_group("auditors", name)
            .assign("a", &[group(name)], &["view"], &[1])
    }

    fn codes(plan: &Plan) -> Vec<&str> {
        let mut codes: Vec<&str> = plan.findings.iter().map(|finding| &*finding.code).collect();
        codes.dedup();
        codes
    }

    fn effects(plan: &Plan) -> Vec<&Effect> {
        let actions = plan.actions.iter();
        actions.filter_map(|action| action.effect.as_ref()).collect()
    }

    fn of_kind(plan: &Plan, kind: ActionKind) -> Vec<&Action> {
        plan.actions.iter().filter(|action| action.kind == kind).collect()
    }

    fn who(plan: &Plan, tuples: impl Iterator<Item = Tuple>) -> Vec<PrincipalKey> {
        let mut all: Vec<PrincipalKey> = tuples
            .map(|tuple| plan.names.resolve(tuple).unwrap().2.clone())
            .collect();
        all.dedup();
        all
    }

    fn revoked_from(plan: &Plan) -> Vec<PrincipalKey> {
        who(plan, plan.revokes.iter().map(|step| step.tuple))
    }

    /// Plans and carries out what is left once a stack is applied: nothing.
    fn settles(world: World, stack: Stack) -> World {
        let world = world.apply(stack.clone());
        let rest = world.plan(stack);
        assert!(rest.is_empty(), "{rest:#?}");
        world
    }

    #[test]
    fn a_group_renamed_outside_gets_its_declared_name_back_and_keeps_its_grants() {
        let world = World::new().apply(stack()).renames_group("Ops", "Operators");
        let plan = world.plan(stack());
        assert_eq!(
            (plan.grants.len(), plan.revokes.len(), plan.records.len()),
            (0, 0, 0)
        );
        let [Effect::UpdateGroup { from, to }] = effects(&plan)[..] else {
            panic!("{:#?}", plan.actions)
        };
        assert_eq!(
            (from.display_name.as_str(), to.display_name.as_str()),
            ("Operators", "Ops")
        );
        assert_eq!(plan.actions[1].reason.code(), "changed_outside");
        assert!(codes(&plan).contains(&"renamed-outside"));
        let world = settles(world, stack());
        assert_eq!(world.observed.snapshot.groups.len(), 1);
    }

    #[test]
    fn a_user_renamed_outside_stays_a_member_and_gets_the_name_back() {
        let world = World::new().apply(stack()).renames_user("ada", "ada.l");
        let plan = world.plan(stack());
        assert!(
            matches!(effects(&plan)[..], [Effect::UpdateUser { .. }]),
            "{:#?}",
            plan.actions
        );
        settles(world, stack());
    }

    #[test]
    fn grants_of_a_group_renamed_outside_go_with_its_block_under_the_name_it_has() {
        let world = World::new().apply(stack()).renames_group("Ops", "Operators");
        let plan = world.plan(bare());
        assert_eq!(revoked_from(&plan), [group("Operators")]);
        assert_eq!(plan.revokes.len(), 2);
        assert!(plan.records.is_empty(), "{:?}", plan.records);
        let deleted = effects(&plan);
        assert!(matches!(&deleted[..], [Effect::DeleteGroup { group }] if group.as_str() == "Operators"));
        let world = settles(world, bare());
        assert!(world.observed.snapshot.access.is_empty());
        assert!(world.recorded.applied.access.is_empty());
        assert!(world.recorded.applied.groups.is_empty());
    }

    #[test]
    fn a_look_up_renamed_outside_is_held_and_its_grants_go_with_its_block() {
        let world = World::new()
            .has_group("Auditors", &[])
            .apply(looked_up("Auditors"))
            .renames_group("Auditors", "Auditing");
        let plan = world.plan(looked_up("Auditors"));
        assert!(plan.is_empty(), "{:#?}", plan);
        assert_eq!(plan.totals.held, 2);
        assert!(codes(&plan).contains(&"renamed-outside"));
        let without = Stack::new().accounts(&[1]).set("view", "view");
        let plan = world.plan(without.clone());
        assert_eq!(revoked_from(&plan), [group("Auditing")]);
        assert!(effects(&plan).is_empty(), "a look-up is never deleted");
        let world_after = settles(world.clone(), without);
        assert!(world_after.observed.snapshot.access.is_empty());

        let mut destroyed = world;
        destroyed.options.mode = Mode::Destroy;
        let plan = destroyed.plan(looked_up("Auditors"));
        assert_eq!(revoked_from(&plan), [group("Auditing")]);
        assert!(
            plan.revokes
                .iter()
                .all(|step| step.reason == RevokeReason::Destroy)
        );
    }

    #[test]
    fn a_look_up_that_finds_another_is_rebound_and_what_the_first_had_is_revoked() {
        let world = World::new()
            .has_group("Auditors", &[])
            .apply(looked_up("Auditors"))
            .renames_group("Auditors", "Auditing")
            .has_group("Auditors", &["eve"]);
        let plan = world.plan(looked_up("Auditors"));
        assert_eq!(revoked_from(&plan), [group("Auditing")]);
        assert_eq!(of_kind(&plan, ActionKind::Rebind).len(), 1);
        assert_eq!(
            who(&plan, plan.grants.iter().map(|step| step.tuple)),
            [group("Auditors")]
        );
        assert!(
            plan.grants.iter().all(|step| step.reason == GrantReason::Restore),
            "strangers get nothing without a person's yes"
        );
        assert!(codes(&plan).contains(&"rebind"));
        settles(world, looked_up("Auditors"));
    }

    fn recreated() -> World {
        World::new()
            .apply(stack())
            .loses_group("Ops")
            .has_group("Ops", &["eve"])
            .has_grant(2, "admin", group("Ops"))
    }

    #[test]
    fn a_group_of_the_same_name_made_by_others_is_neither_deleted_nor_stripped() {
        let world = recreated();
        let plan = world.plan(bare());
        assert!(effects(&plan).is_empty(), "{:#?}", plan.actions);
        assert!(
            revoked_from(&plan).iter().all(PrincipalKey::is_orphan),
            "only what is left of ours goes"
        );
        assert_eq!(plan.revokes.len(), 2);
        assert!(codes(&plan).contains(&"not-ours"));
        let world = settles(world, bare());
        assert_eq!(world.observed.snapshot.access.len(), 1);
        assert!(world.recorded.applied.access.is_empty());
        assert!(world.recorded.applied.groups.is_empty());

        let mut world = recreated();
        world.options.mode = Mode::Destroy;
        let plan = world.plan(stack());
        assert!(revoked_from(&plan).iter().all(PrincipalKey::is_orphan));
        let group_of_others = |effect: &&Effect| matches!(effect, Effect::DeleteGroup { .. });
        assert!(!effects(&plan).iter().any(group_of_others));
    }

    #[test]
    fn a_declared_group_that_others_made_anew_is_rebound_and_its_members_stay() {
        let world = recreated();
        let plan = world.plan(stack());
        assert_eq!(of_kind(&plan, ActionKind::Rebind).len(), 1);
        let removes = |effect: &&Effect| matches!(effect, Effect::RemoveMember { .. });
        assert!(
            !effects(&plan).iter().any(removes),
            "eve was not put there by this stack"
        );
        let restores: Vec<bool> = of_kind(&plan, ActionKind::Update)
            .iter()
            .map(|action| action.restore)
            .collect();
        assert_eq!(restores, [true], "ada was a member, and is none of the new group");
        assert_eq!(plan.grants.len(), 1, "the other one is there, and adopted");
        assert_eq!(plan.grants[0].reason, GrantReason::Restore);
        settles(world, stack());
    }

    #[test]
    fn a_user_of_the_same_name_made_by_others_is_left_alone() {
        let with_user = || {
            Stack::new()
                .accounts(&[1])
                .set("admin", "admin")
                .user("ada", "ada")
                .assign("a", &[user("ada")], &["admin"], &[1])
        };
        let world = World::new()
            .apply(with_user())
            .loses_user("ada")
            .has_user("ada")
            .has_grant(1, "admin", user("ada"));
        let without = Stack::new().accounts(&[1]).set("admin", "admin");
        let plan = world.plan(without.clone());
        assert!(effects(&plan).is_empty());
        assert!(revoked_from(&plan).iter().all(PrincipalKey::is_orphan));
        let world = settles(world, without);
        assert!(world.observed.snapshot.users.len() == 1 && world.observed.snapshot.access.len() == 1);
    }

    #[test]
    fn what_a_user_of_the_same_name_has_already_is_a_gain_of_another_person() {
        let with_user = || {
            stack()
                .assign("b", &[user("ada")], &["admin"], &[3])
                .accounts(&[1, 2, 3])
        };
        let world = World::new().apply(with_user());
        let as_applied = world.plan(with_user());
        assert!(as_applied.people.rows.is_empty());
        let again = world
            .loses_user("ada")
            .has_user("ada")
            .has_member("Ops", "ada")
            .has_grant(3, "admin", user("ada"));
        let plan = again.plan(with_user());
        assert_eq!(of_kind(&plan, ActionKind::Rebind).len(), 1);
        assert!(plan.grants.is_empty(), "it is all there");
        let rows: Vec<_> = plan
            .people
            .rows
            .iter()
            .map(|row| (row.change, row.accounts.len()))
            .collect();
        assert_eq!(rows, [(crate::plan::people::PeopleChange::Gains, 3)]);
        assert_eq!((plan.people.gaining, plan.people.losing), (1, 0));
        assert_ne!(plan.people.digest, as_applied.people.digest);
        let rebind = plan
            .findings
            .iter()
            .find(|finding| &*finding.code == "rebind")
            .unwrap();
        assert!(
            rebind.message.contains("who is in 1 group already"),
            "{}",
            rebind.message
        );
        assert_eq!(
            rebind.subjects.iter().map(|name| &**name).collect::<Vec<_>>(),
            ["Ops"]
        );
        settles(again, with_user());
    }

    #[test]
    fn a_set_of_the_same_name_made_by_others_is_neither_deleted_nor_stripped() {
        let world = World::new()
            .apply(stack())
            .loses_set("admin")
            .has_set("admin")
            .has_grant(2, "admin", group("Ops"));
        let without = Stack::new()
            .accounts(&[1, 2])
            .user("ada", "ada")
            .group("ops", "Ops", &["ada"]);
        let plan = world.plan(without.clone());
        assert!(
            effects(&plan).is_empty() && plan.revokes.is_empty(),
            "{:#?}",
            plan
        );
        assert!(codes(&plan).contains(&"not-ours"));
        let after = settles(world.clone(), without);
        assert!(after.recorded.applied.access.is_empty());
        assert_eq!(after.observed.snapshot.access.len(), 1);

        // Declared, it is rebound, and what the state had of it needs a yes to come again.
        let plan = world.plan(stack());
        assert_eq!(of_kind(&plan, ActionKind::Rebind).len(), 1);
        assert_eq!(plan.grants.len(), 1);
        assert_eq!(plan.grants[0].reason, GrantReason::Restore);
        settles(world, stack());
    }

    #[test]
    fn a_group_that_others_renamed_away_is_not_taken_for_one_that_has_its_name() {
        // The group is called Operators; Ops is somebody else's, and is what the block means now.
        let world = World::new()
            .apply(stack())
            .renames_group("Ops", "Operators")
            .has_group("Ops", &["eve"]);
        let plan = world.plan(stack());
        assert_eq!(revoked_from(&plan), [group("Operators")]);
        let deletes = |effect: &&Effect| matches!(effect, Effect::DeleteGroup { .. });
        assert!(!effects(&plan).iter().any(deletes));
        assert_eq!(of_kind(&plan, ActionKind::Rebind).len(), 1);
        settles(world, stack());
    }

    #[test]
    fn a_rename_does_not_hide_that_access_comes_back() {
        let set_renamed = || {
            Stack::new()
                .accounts(&[1, 2])
                .set("admin", "power")
                .user("ada", "ada")
                .group("ops", "Ops", &["ada"])
                .assign("a", &[group("Ops")], &["power"], &[1, 2])
        };
        let group_renamed = || {
            bare().group("ops", "Operations", &["ada"]).assign(
                "a",
                &[group("Operations")],
                &["admin"],
                &[1, 2],
            )
        };
        let reasons =
            |plan: &Plan| -> Vec<GrantReason> { plan.grants.iter().map(|step| step.reason).collect() };
        let revoked = World::new().apply(stack()).loses_grant(1, "admin", group("Ops"));
        let plan = revoked.plan(set_renamed());
        assert_eq!(reasons(&plan), [GrantReason::Restore, GrantReason::Renamed]);
        let plan = revoked.plan(group_renamed());
        assert_eq!(reasons(&plan), [GrantReason::Restore]);
        settles(revoked.clone(), group_renamed());
        settles(revoked, set_renamed());

        let deleted = World::new().apply(stack()).loses_set("admin");
        let plan = deleted.plan(set_renamed());
        assert_eq!(reasons(&plan), [GrantReason::Restore; 2]);
        assert!(of_kind(&plan, ActionKind::Create)[0].restore);

        let deleted = World::new().apply(stack()).loses_group("Ops");
        let plan = deleted.plan(group_renamed());
        assert_eq!(reasons(&plan), [GrantReason::Restore; 2]);
        assert!(of_kind(&plan, ActionKind::Create)[0].restore);
        assert_eq!(plan.revokes.len(), 2, "what is left of the old group goes");
        settles(deleted, group_renamed());
    }

    #[test]
    fn both_names_may_change_at_once() {
        let renamed = Stack::new()
            .accounts(&[1, 2])
            .set("admin", "power")
            .user("ada", "ada")
            .group("ops", "Operations", &["ada"])
            .assign("a", &[group("Operations")], &["power"], &[1, 2]);
        let world = World::new().apply(stack()).renames_group("Ops", "Operators");
        let plan = world.plan(renamed.clone());
        assert!(plan.grants.iter().all(|step| step.reason == GrantReason::Renamed));
        assert!(
            plan.revokes
                .iter()
                .all(|step| step.reason == RevokeReason::Renamed)
        );
        assert_eq!(plan.waits.revokes.len(), 2, "each waits for what follows it");
        settles(world, renamed);
    }

    #[test]
    fn what_is_taken_from_a_group_goes_before_it_is_renamed() {
        let renamed =
            bare()
                .group("ops", "Operations", &["ada"])
                .assign("a", &[group("Operations")], &["admin"], &[1]);
        let world = World::new().apply(stack());
        let plan = world.plan(renamed.clone());
        assert_eq!(revoked_from(&plan), [group("Ops")]);
        assert!(
            plan.records.is_empty(),
            "nothing but the name changes: {:?}",
            plan.records
        );
        let at = plan
            .actions
            .iter()
            .position(|action| matches!(action.effect, Some(Effect::UpdateGroup { .. })))
            .unwrap();
        let rank = plan.names.principal_rank(&group("Ops")).unwrap();
        assert_eq!(plan.waits.actions[at], [Wait::RevokesOfPrincipal(rank)]);
        settles(world, renamed);
    }

    #[test]
    fn removals_alone_speak_of_a_group_by_the_name_it_still_has() {
        let mut world = World::new().apply(stack());
        world.options.mode = Mode::Revokes;
        let renamed =
            bare()
                .group("ops", "Operations", &[])
                .assign("a", &[group("Operations")], &["admin"], &[1]);
        let plan = world.plan(renamed);
        assert_eq!(revoked_from(&plan), [group("Ops")]);
        let [Effect::RemoveMember { group: from, .. }] = effects(&plan)[..] else {
            panic!("{:#?}", plan.actions)
        };
        assert_eq!(from.as_str(), "Ops");
    }

    #[test]
    fn removals_alone_record_no_other_names_than_those_they_speak_of() {
        let both = |dev: &[u32]| {
            let stack = stack().group("dev", "Dev", &[]);
            stack.assign("b", &[group("Dev")], &["admin"], dev)
        };
        let world = World::new().apply(both(&[1, 2]));
        let renames = |world: World, mode: Mode| {
            let mut world = world;
            world.options.mode = mode;
            let plan = world.plan(both(&[1]));
            assert_eq!(plan.revokes.len(), 1);
            of_kind(&plan, ActionKind::Rename).len()
        };
        assert_eq!(
            renames(world.clone().renames_group("Ops", "Operators"), Mode::Revokes),
            0
        );
        assert_eq!(
            renames(world.renames_group("Dev", "Developers"), Mode::Revokes),
            1
        );
    }

    #[test]
    fn an_unknown_id_is_no_reason_to_doubt_a_name() {
        let mut world = World::new().apply(stack());
        for group in world.recorded.applied.groups.values_mut() {
            group.value.id = None;
        }
        let plan = world.plan(bare());
        assert_eq!(revoked_from(&plan), [group("Ops")]);
        assert_eq!(effects(&plan).len(), 1);
        assert!(plan.names.permission_set_rank(&set("admin")).is_some());
    }
}
