//! What is held: nothing about it was read, so nothing about it is concluded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::address::{Address, Addresses, Kind};
use crate::id::{EntityKey, GroupName, PrincipalKey, ServiceId};
use crate::model::access::{Names, Pair, Tuple};
use crate::model::instance::{Held, HeldSubject};
use crate::model::snapshot::{Entity, Management};

use super::finding::{Finding, Level, counted};
use super::input::Mode;
use super::sources::Sources;

/// Held names as flags over ranks, and held entities by key.
#[derive(Debug, Default)]
pub(super) struct HeldSets {
    accounts: Vec<bool>,
    permission_sets: Vec<bool>,
    principals: Vec<bool>,
    pairs: FxHashSet<Pair>,
    everything: bool,
    any: bool,
    entities: BTreeSet<EntityKey>,
    kinds: BTreeSet<Kind>,
    members: BTreeSet<GroupName>,
    /// What look-ups named when they were applied that name nothing now.
    named_before: BTreeSet<EntityKey>,
}

impl HeldSets {
    /// Whether a grant is held.
    pub fn holds(&self, tuple: Tuple) -> bool {
        let flag = |flags: &[bool], rank: u32| flags.get(rank as usize) == Some(&true);
        self.any
            && (self.everything
                || flag(&self.accounts, tuple.account())
                || flag(&self.permission_sets, tuple.permission_set())
                || flag(&self.principals, tuple.principal())
                || self.pairs.contains(&tuple.pair()))
    }

    /// Whether the role of a grant's pair is held, whoever the grant is for.
    pub fn holds_role(&self, tuple: Tuple) -> bool {
        let flag = |flags: &[bool], rank: u32| flags.get(rank as usize) == Some(&true);
        self.any
            && (self.everything
                || flag(&self.accounts, tuple.account())
                || flag(&self.permission_sets, tuple.permission_set())
                || self.pairs.contains(&tuple.pair()))
    }

    /// Whether a grant that was read is of somebody whom nobody could name, as no user or no group could be read: it
    /// may be one that is declared or recorded under a name, and is not counted beside that one.
    pub fn is_nameless(&self, principal: Option<&PrincipalKey>) -> bool {
        match principal {
            Some(PrincipalKey::OrphanGroup(_)) => self.kinds.contains(&Kind::Group),
            Some(PrincipalKey::OrphanUser(_)) => self.kinds.contains(&Kind::User),
            _ => false,
        }
    }

    /// Whether an entity is held.
    pub fn holds_entity(&self, key: &EntityKey) -> bool {
        self.kinds.contains(&key.kind()) || self.entities.contains(key)
    }

    /// Whether a look-up named it when it was applied, and names nothing now.
    pub fn was_named(&self, key: &EntityKey) -> bool {
        self.named_before.contains(key)
    }

    /// Whether the members of a group could not be read.
    pub fn holds_members(&self, group: &GroupName) -> bool {
        self.members.contains(group) || self.holds_entity(&EntityKey::Group(group.clone()))
    }

    /// Collects what is held, with a finding for each.
    pub fn new(sources: &Sources<'_>, names: &Names, findings: &mut Vec<Finding>) -> Self {
        let mut held = HeldSets {
            accounts: vec![false; names.accounts.len()],
            permission_sets: vec![false; names.permission_sets.len()],
            principals: vec![false; names.principals.len()],
            ..HeldSets::default()
        };
        let input = sources.input;
        // When everything goes, it does not matter that a look-up found nothing.
        let not_found = input.desired.held.iter();
        let not_found = not_found.filter(|_| !matches!(input.options.mode, Mode::Destroy | Mode::Freeze));
        let all: BTreeSet<&Held> = not_found.chain(&input.observed.held).collect();
        for item in &all {
            held.take(&item.subject, names);
        }
        findings.extend(super::held_findings::of(all, &sources.desired));
        held.unassignable(sources, names, findings);
        held.missing(sources, names, findings);
        held.found_before(sources, names, findings);
        held.same_under_another_name(sources, names);
        held.renamed_outside(sources, findings);
        held.any = held.everything
            || !held.pairs.is_empty()
            || [&held.accounts, &held.permission_sets, &held.principals]
                .iter()
                .any(|flags| flags.contains(&true));
        held
    }

    fn take(&mut self, subject: &HeldSubject, names: &Names) {
        match subject {
            HeldSubject::Entity(key) => self.entity(key, names),
            HeldSubject::Principal(key) => self.principal(key, names),
            HeldSubject::Pair(account, set) => {
                if let (Some(account), Some(set)) =
                    (names.account_rank(account), names.permission_set_rank(set))
                {
                    self.pairs.insert(Pair::new(account, set));
                }
            }
            HeldSubject::Members(group) => drop(self.members.insert(group.clone())),
            HeldSubject::All(kind) => self.all(*kind, names),
        }
    }

    fn entity(&mut self, key: &EntityKey, names: &Names) {
        self.entities.insert(key.clone());
        match key {
            EntityKey::Account(key) => raise(&mut self.accounts, names.account_rank(key)),
            EntityKey::PermissionSet(name) => {
                raise(&mut self.permission_sets, names.permission_set_rank(name));
            }
            EntityKey::User(name) => self.principal(&PrincipalKey::User(name.clone()), names),
            EntityKey::Group(name) => self.principal(&PrincipalKey::Group(name.clone()), names),
            EntityKey::OrganizationalUnit(_) => {}
        }
    }

    fn principal(&mut self, key: &PrincipalKey, names: &Names) {
        raise(&mut self.principals, names.principal_rank(key));
        match key {
            PrincipalKey::Group(name) => drop(self.entities.insert(EntityKey::Group(name.clone()))),
            PrincipalKey::User(name) => drop(self.entities.insert(EntityKey::User(name.clone()))),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => {}
        }
    }

    fn all(&mut self, kind: Kind, names: &Names) {
        self.kinds.insert(kind);
        match kind {
            Kind::OrganizationalUnit => {}
            Kind::Account => self.accounts.fill(true),
            Kind::PermissionSet => self.permission_sets.fill(true),
            Kind::Assignment => self.everything = true,
            Kind::User | Kind::Group => {
                for (flag, key) in self.principals.iter_mut().zip(&names.principals) {
                    *flag |= key.is_group() == (kind == Kind::Group);
                }
            }
        }
    }

    /// Suspended and closing accounts: assignments there cannot be changed.
    fn unassignable(&mut self, sources: &Sources<'_>, names: &Names, findings: &mut Vec<Finding>) {
        let mut subjects: BTreeSet<Arc<str>> = BTreeSet::new();
        for (key, account) in &sources.observed.accounts {
            if account.value.status.is_assignable() {
                continue;
            }
            self.entities.insert(EntityKey::Account(key.clone()));
            if let Some(rank) = names.account_rank(key) {
                raise(&mut self.accounts, Some(rank));
                subjects.insert(sources.observed.account_name(key).into());
            }
        }
        if !subjects.is_empty() {
            let count = subjects.len();
            findings.push(Finding {
                subjects,
                remedy: Some("reopen the accounts, or take them out of the selection".into()),
                ..Finding::new(
                    Level::Held,
                    "held-account",
                    format!(
                        "{} suspended, closing or not active yet; nothing is granted or revoked there",
                        counted(count, "account")
                    ),
                )
            });
        }
    }

    /// Things that are referred to, or managed without being created here, and are not there.
    fn missing(&mut self, sources: &Sources<'_>, names: &Names, findings: &mut Vec<Finding>) {
        let (desired, observed) = (&sources.desired, sources.observed);
        let mut missing: Vec<(EntityKey, Option<crate::source::Location>)> = Vec::new();
        absent(
            &desired.accounts,
            &observed.accounts,
            EntityKey::Account,
            &mut missing,
        );
        absent(&desired.users, &observed.users, EntityKey::User, &mut missing);
        absent(&desired.groups, &observed.groups, EntityKey::Group, &mut missing);
        absent(
            &desired.permission_sets,
            &observed.permission_sets,
            EntityKey::PermissionSet,
            &mut missing,
        );
        for (key, location) in missing {
            if !self.holds_entity(&key) {
                let message = match &key {
                    EntityKey::Account(key) => {
                        let name = desired.account_name(key);
                        format!(
                            "account {name} ({key}) is not in the organisation; its grants are left as they are"
                        )
                    }
                    other => {
                        format!("{other} is referred to and does not exist; its grants are left as they are")
                    }
                };
                findings.push(Finding {
                    remedy: Some("correct the key, or create it first".into()),
                    location,
                    ..Finding::new(Level::Held, "held-missing", message)
                });
            }
            self.entity(&key, names);
        }
    }

    /// What a look-up found when it was last applied, where it finds nothing by the name that it has now: a name
    /// typed wrongly is no wish to take access away.
    fn found_before(&mut self, sources: &Sources<'_>, names: &Names, findings: &mut Vec<Finding>) {
        let (desired, recorded) = (&sources.desired, &sources.recorded);
        let mut former: Vec<(EntityKey, EntityKey)> = Vec::new();
        let now = |address: &Address| sources.address_now(address);
        let is_in_vain = |key: &EntityKey| self.holds_entity(key);
        pairs(
            &recorded.accounts,
            &desired.accounts,
            EntityKey::Account,
            now,
            is_in_vain,
            &mut former,
        );
        pairs(
            &recorded.users,
            &desired.users,
            EntityKey::User,
            now,
            is_in_vain,
            &mut former,
        );
        pairs(
            &recorded.groups,
            &desired.groups,
            EntityKey::Group,
            now,
            is_in_vain,
            &mut former,
        );
        pairs(
            &recorded.permission_sets,
            &desired.permission_sets,
            EntityKey::PermissionSet,
            now,
            is_in_vain,
            &mut former,
        );
        for (before, wanted) in former {
            findings.push(Finding {
                remedy: Some(
                    "correct the name; to have its grants removed, take the block out, or let it name something that exists"
                        .into(),
                ),
                ..Finding::new(
                    Level::Held,
                    "held-look-up",
                    format!("what names {wanted} now named {before} when it was applied; the grants of {before} are left as they are"),
                )
            });
            self.entity(&before, names);
            self.named_before.insert(before);
        }
    }

    /// Says of held users and groups by which name the service knows them now.
    fn renamed_outside(&self, sources: &Sources<'_>, findings: &mut Vec<Finding>) {
        for key in &self.entities {
            let Some(id) = sources.recorded_id(key) else {
                continue;
            };
            let (users, groups) = (&sources.observed.users, &sources.observed.groups);
            let now = match key {
                EntityKey::Group(name) => {
                    let found = groups
                        .iter()
                        .find(|(_, group)| group.value.id.as_ref() == Some(&id));
                    found
                        .map(|(now, _)| now.as_str())
                        .filter(|now| *now != name.as_str())
                }
                EntityKey::User(name) => {
                    let found = users.iter().find(|(_, user)| user.value.id.as_ref() == Some(&id));
                    found
                        .map(|(now, _)| now.as_str())
                        .filter(|now| *now != name.as_str())
                }
                _ => None,
            };
            if let Some(now) = now {
                let attribute = match key {
                    EntityKey::User(_) => "user_name",
                    _ => "display_name",
                };
                let message = format!(
                    "{key} was renamed in the service: it is called {now} now; its grants are left as they are"
                );
                findings.push(Finding {
                    remedy: Some(
                        format!(
                            "write `{attribute} = {}` in its block, or give it its old name back in the service, or remove its \
                             block to have its grants removed; the next apply ends this",
                            serde_json::Value::from(now)
                        )
                        .into(),
                    ),
                    ..Finding::new(Level::Held, "renamed-outside", message)
                });
            }
        }
    }

    /// A held name whose recorded id is seen under another name (renamed, or deleted with grants left behind): the
    /// grants are the same, so they are held under that name too.
    fn same_under_another_name(&mut self, sources: &Sources<'_>, names: &Names) {
        let held_id = |key: EntityKey| {
            let holds = self.entities.contains(&key);
            holds.then(|| sources.recorded_id(&key)).flatten()
        };
        let groups: BTreeSet<ServiceId> = sources
            .recorded
            .groups
            .keys()
            .filter_map(|name| held_id(EntityKey::Group(name.clone())))
            .collect();
        let users: BTreeSet<ServiceId> = sources
            .recorded
            .users
            .keys()
            .filter_map(|name| held_id(EntityKey::User(name.clone())))
            .collect();
        if groups.is_empty() && users.is_empty() {
            return;
        }
        for (flag, key) in self.principals.iter_mut().zip(&names.principals) {
            let observed = sources.observed;
            *flag |= match key {
                PrincipalKey::Group(name) => {
                    let id = observed
                        .groups
                        .get(name)
                        .and_then(|group| group.value.id.as_ref());
                    id.is_some_and(|id| groups.contains(id))
                }
                PrincipalKey::User(name) => {
                    let id = observed.users.get(name).and_then(|user| user.value.id.as_ref());
                    id.is_some_and(|id| users.contains(id))
                }
                PrincipalKey::OrphanGroup(id) => groups.contains(id),
                PrincipalKey::OrphanUser(id) => users.contains(id),
            };
        }
    }
}

fn absent<K: Ord + Clone, T>(
    desired: &BTreeMap<K, Entity<T>>,
    observed: &BTreeMap<K, Entity<T>>,
    key: impl Fn(K) -> EntityKey,
    missing: &mut Vec<(EntityKey, Option<crate::source::Location>)>,
) {
    for (name, entity) in desired {
        let made_elsewhere = matches!(entity.management, Management::Referred | Management::Managed);
        if made_elsewhere && !observed.contains_key(name) {
            missing.push((key(name.clone()), entity.location.clone()));
        }
    }
}

/// Recorded things that nobody declares any more and whose block refers to another one now, one that is in vain: the
/// recorded one and the other.
fn pairs<K: Ord + Clone, T>(
    recorded: &BTreeMap<K, Entity<T>>,
    desired: &BTreeMap<K, Entity<T>>,
    key: impl Fn(K) -> EntityKey,
    now: impl Fn(&Address) -> Address,
    is_in_vain: impl Fn(&EntityKey) -> bool,
    out: &mut Vec<(EntityKey, EntityKey)>,
) {
    let referred = desired
        .iter()
        .filter(|(_, entity)| entity.management == Management::Referred);
    let in_vain: Vec<(EntityKey, &Addresses)> = referred
        .map(|(name, entity)| (key(name.clone()), &entity.addresses))
        .filter(|(key, _)| is_in_vain(key))
        .collect();
    if in_vain.is_empty() {
        return;
    }
    let gone = recorded.iter().filter(|(name, _)| !desired.contains_key(name));
    for (name, entity) in gone {
        let addresses: BTreeSet<Address> = entity.addresses.iter().map(&now).collect();
        let shares_block = |other: &Addresses| other.iter().any(|address| addresses.contains(address));
        let found = in_vain.iter().find(|(_, other)| shares_block(other));
        if let Some((other, _)) = found {
            out.push((key(name.clone()), other.clone()));
        }
    }
}

fn raise(flags: &mut [bool], rank: Option<u32>) {
    if let Some(flag) = rank.and_then(|rank| flags.get_mut(rank as usize)) {
        *flag = true;
    }
}

#[cfg(test)]
mod tests {
    use crate::id::ServiceId;
    use crate::model::account::AccountStatus;
    use crate::model::snapshot::Entity;
    use crate::model::stack::{Scope, Unmanaged};
    use crate::plan::testing::{Stack, World, account, group};

    use super::*;

    fn readers() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("view", "view")
            .data_group("aud", "Auditors")
            .assign("a", &[group("Auditors")], &["view"], &[1, 2])
    }

    fn code_of(plan: &crate::plan::Plan, code: &str) -> bool {
        plan.findings
            .iter()
            .any(|finding| finding.level == Level::Held && &*finding.code == code)
    }

    #[test]
    fn nothing_happens_in_a_suspended_account() {
        let mut world = World::new().has_group("Auditors", &[]).apply(readers());
        let suspended = world.observed.snapshot.accounts.get_mut(&account(2)).unwrap();
        suspended.value.status = AccountStatus::Suspended;
        let plan = world.plan(Stack::new().accounts(&[1, 2]).data_group("aud", "Auditors"));
        assert_eq!((plan.revokes.len(), plan.totals.held), (1, 1));
        assert!(code_of(&plan, "held-account"));
        assert!(code_of(&plan, "set-in-use"), "the set still has a grant there");
    }

    #[test]
    fn grants_of_groups_that_nobody_can_name_are_held_once() {
        let mut world = World::new().has_group("Auditors", &[]).apply(readers());
        // No group could be read, and what they have shows under their ids alone.
        world.observed.snapshot.groups.clear();
        world.observed.held.push(Held {
            subject: HeldSubject::All(Kind::Group),
            why: "ListGroups: AccessDeniedException".into(),
        });
        let nobody = || PrincipalKey::OrphanGroup(ServiceId::new("id-1").unwrap());
        for n in [1, 2] {
            world = world
                .loses_grant(n, "view", group("Auditors"))
                .has_grant(n, "view", nobody());
        }
        let plan = world.plan(readers());
        assert_eq!(
            (plan.totals.declared, plan.totals.unchanged, plan.totals.held),
            (2, 0, 2)
        );
        assert!(plan.is_empty(), "{plan:#?}");
    }

    #[test]
    fn a_group_that_was_renamed_elsewhere_holds_its_grants_under_both_names() {
        let mut world = World::new().has_group("Auditors", &[]).apply(readers());
        // The directory renames the group; the look-up no longer finds it.
        let name = |text: &str| GroupName::new(text).unwrap();
        let mut found = world
            .observed
            .snapshot
            .groups
            .remove(&name("Auditors"))
            .unwrap()
            .value;
        assert_eq!(found.id, Some(ServiceId::new("id-1").unwrap()));
        found.display_name = name("Auditing");
        world
            .observed
            .snapshot
            .groups
            .insert(name("Auditing"), Entity::observed(found));
        for n in [1, 2] {
            world = world
                .loses_grant(n, "view", group("Auditors"))
                .has_grant(n, "view", group("Auditing"));
        }
        let stack = readers().with(|desired| {
            desired.settings.unmanaged = Unmanaged::Remove;
            desired.settings.scope = Scope::Instance;
        });
        let plan = world.plan(stack);
        assert!(plan.is_empty(), "{plan:#?}");
        assert_eq!(plan.totals.held, 4);
        assert!(code_of(&plan, "held-missing"));
    }

    #[test]
    fn a_look_up_by_a_wrong_name_takes_nothing_away() {
        let mistyped = || {
            Stack::new()
                .accounts(&[1, 2])
                .set("view", "view")
                .data_group("aud", "Auditor")
                .assign("a", &[group("Auditor")], &["view"], &[1, 2])
        };
        let world = World::new().has_group("Auditors", &[]).apply(readers());
        let plan = world.plan(mistyped());
        assert!(code_of(&plan, "held-look-up"));
        assert_eq!((plan.grants.len(), plan.revokes.len()), (0, 0));
        // The state goes on knowing whose grants these are.
        let world = world.apply(mistyped());
        assert!(code_of(&world.plan(mistyped()), "held-look-up"));
        assert!(world.plan(readers()).is_empty());
        // A name that means somebody is meant.
        let world = world.has_group("Auditor", &[]);
        assert_eq!(world.plan(mistyped()).revokes.len(), 2);
    }

    #[test]
    fn a_look_up_that_means_another_group_now_is_said() {
        let mut world = World::new().has_group("Auditors", &[]).apply(readers());
        let name = GroupName::new("Auditors").unwrap();
        let found = world.observed.snapshot.groups.get_mut(&name).unwrap();
        found.value.id = Some(ServiceId::new("id-99").unwrap());
        let plan = world.plan(readers());
        assert!(plan.actions.iter().all(|action| action.effect.is_none()));
        let reasons: Vec<&str> = plan.actions.iter().map(|action| action.reason.code()).collect();
        assert_eq!(reasons, ["renamed_outside", "id_changed"]);
        assert!(plan.findings.iter().any(|finding| &*finding.code == "rebind"));
        assert!(world.apply(readers()).plan(readers()).is_empty());
    }
}
