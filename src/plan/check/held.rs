//! What is held: names about which nothing may be concluded, as flags over the plan's ranks.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Address, Kind};
use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey, ServiceId};
use crate::model::access::{Pair, Tuple};
use crate::model::instance::HeldSubject;
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::plan::Plan;
use crate::plan::input::{Mode, PlanInput};

use super::identity::moved_to;
use super::relations::known_account;

/// Flags by rank, and single pairs.
pub(super) struct HeldNames {
    accounts: Vec<bool>,
    sets: Vec<bool>,
    principals: Vec<bool>,
    pairs: BTreeSet<Pair>,
    /// Principals without a name because none of their kind could be read.
    nameless: Vec<bool>,
    /// Whether anything is held at all.
    pub any: bool,
}

impl HeldNames {
    /// Collects what the input says could not be read, what is referred to and not there, and accounts that take
    /// no assignments.
    pub fn new(plan: &Plan, input: &PlanInput) -> Self {
        let mut names = Names::default();
        let not_found = input.desired.held.iter();
        let not_found = not_found.filter(|_| !matches!(plan.mode, Mode::Destroy | Mode::Freeze));
        for item in not_found.chain(&input.observed.held) {
            names.take(&item.subject);
        }
        let observed = &input.observed.snapshot;
        for (key, account) in &observed.accounts {
            if !account.value.status.is_assignable() {
                names.accounts.insert(key.clone());
            }
        }
        if plan.mode != Mode::Destroy {
            names.missing(&input.desired.snapshot, observed, &input.recorded.applied);
            names.named_before(input);
        }
        names.other_names(observed, &input.recorded.applied);
        names.in_ranks(plan)
    }

    /// Whether a grant is held.
    pub fn holds(&self, tuple: Tuple) -> bool {
        self.any && (self.holds_pair(tuple.pair()) || flag(&self.principals, tuple.principal()))
    }

    /// Whether a grant may be one that another name stands for as well, because nobody could be named.
    pub fn is_nameless(&self, tuple: Tuple) -> bool {
        flag(&self.nameless, tuple.principal())
    }

    /// Whether a set in an account is held, whoever has it.
    pub fn holds_pair(&self, pair: Pair) -> bool {
        self.any
            && (flag(&self.accounts, pair.account())
                || flag(&self.sets, pair.permission_set())
                || self.pairs.contains(&pair))
    }
}

fn flag(flags: &[bool], rank: u32) -> bool {
    flags.get(rank as usize) == Some(&true)
}

/// Recorded keys that are declared no more, and whose block refers to something held now.
fn former<K: Ord + Clone, T>(
    input: &PlanInput,
    desired: &BTreeMap<K, Entity<T>>,
    recorded: &BTreeMap<K, Entity<T>>,
    held: impl Fn(&K) -> bool,
) -> Vec<K> {
    let referred = desired
        .iter()
        .filter(|(_, entity)| entity.management == Management::Referred);
    let in_vain: BTreeSet<&Address> = referred
        .filter(|(key, _)| held(key))
        .flat_map(|(_, entity)| &entity.addresses)
        .collect();
    let gone = recorded.iter().filter(|(key, _)| !desired.contains_key(key));
    gone.filter(|(_, entity)| {
        let mut addresses = entity.addresses.iter();
        addresses.any(|address| in_vain.contains(&moved_to(&input.desired.moved, address)))
    })
    .map(|(key, _)| key.clone())
    .collect()
}

#[derive(Default)]
struct Names {
    accounts: BTreeSet<AccountKey>,
    sets: BTreeSet<PermissionSetName>,
    principals: BTreeSet<PrincipalKey>,
    pairs: BTreeSet<(AccountKey, PermissionSetName)>,
    kinds: BTreeSet<Kind>,
}

impl Names {
    fn take(&mut self, subject: &HeldSubject) {
        match subject {
            HeldSubject::Principal(key) => drop(self.principals.insert(key.clone())),
            HeldSubject::Pair(account, set) => drop(self.pairs.insert((account.clone(), set.clone()))),
            HeldSubject::Entity(key) => self.entity(key),
            HeldSubject::All(kind) => drop(self.kinds.insert(*kind)),
            HeldSubject::Members(_) => {}
        }
    }

    fn entity(&mut self, key: &EntityKey) {
        match key {
            EntityKey::Account(key) => drop(self.accounts.insert(key.clone())),
            EntityKey::PermissionSet(name) => drop(self.sets.insert(name.clone())),
            EntityKey::Group(name) => drop(self.principals.insert(PrincipalKey::Group(name.clone()))),
            EntityKey::User(name) => drop(self.principals.insert(PrincipalKey::User(name.clone()))),
            EntityKey::OrganizationalUnit(_) => {}
        }
    }

    /// What is declared without being made here, and is not there.
    fn missing(&mut self, desired: &Snapshot, observed: &Snapshot, recorded: &Snapshot) {
        fn made_elsewhere<T>(entity: &Entity<T>) -> bool {
            matches!(entity.management, Management::Referred | Management::Managed)
        }
        for (key, entity) in &desired.accounts {
            let key = known_account(&[observed, recorded], key);
            if made_elsewhere(entity) && !observed.accounts.contains_key(&key) {
                self.accounts.insert(key);
            }
        }
        for (name, entity) in &desired.users {
            if made_elsewhere(entity) && !observed.users.contains_key(name) {
                self.principals.insert(PrincipalKey::User(name.clone()));
            }
        }
        for (name, entity) in &desired.groups {
            if made_elsewhere(entity) && !observed.groups.contains_key(name) {
                self.principals.insert(PrincipalKey::Group(name.clone()));
            }
        }
        for (name, entity) in &desired.permission_sets {
            if made_elsewhere(entity) && !observed.permission_sets.contains_key(name) {
                self.sets.insert(name.clone());
            }
        }
    }

    /// What a look-up named when it was applied, if what it names now is held.
    fn named_before(&mut self, input: &PlanInput) {
        let (desired, recorded) = (&input.desired.snapshot, &input.recorded.applied);
        let accounts = former(input, &desired.accounts, &recorded.accounts, |key| {
            self.kinds.contains(&Kind::Account) || self.accounts.contains(key)
        });
        let sets = former(
            input,
            &desired.permission_sets,
            &recorded.permission_sets,
            |name| self.kinds.contains(&Kind::PermissionSet) || self.sets.contains(name),
        );
        let groups = former(input, &desired.groups, &recorded.groups, |name| {
            let key = PrincipalKey::Group(name.clone());
            self.kinds.contains(&Kind::Group) || self.principals.contains(&key)
        });
        let users = former(input, &desired.users, &recorded.users, |name| {
            let key = PrincipalKey::User(name.clone());
            self.kinds.contains(&Kind::User) || self.principals.contains(&key)
        });
        self.accounts.extend(accounts);
        self.sets.extend(sets);
        self.principals
            .extend(groups.into_iter().map(PrincipalKey::Group));
        self.principals.extend(users.into_iter().map(PrincipalKey::User));
    }

    /// A held principal that is there under another name, known by its recorded id, is held under that name too.
    fn other_names(&mut self, observed: &Snapshot, recorded: &Snapshot) {
        let mut ids: BTreeSet<ServiceId> = BTreeSet::new();
        for key in &self.principals {
            ids.extend(match key {
                PrincipalKey::Group(name) => {
                    recorded.groups.get(name).and_then(|group| group.value.id.clone())
                }
                PrincipalKey::User(name) => recorded.users.get(name).and_then(|user| user.value.id.clone()),
                PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
            });
        }
        let known = |id: &Option<ServiceId>| id.as_ref().is_some_and(|id| ids.contains(id));
        let groups = observed.groups.values().filter(|group| known(&group.value.id));
        let groups = groups.map(|group| PrincipalKey::Group(group.value.display_name.clone()));
        let users = observed.users.values().filter(|user| known(&user.value.id));
        let users = users.map(|user| PrincipalKey::User(user.value.user_name.clone()));
        let orphans = ids.iter().flat_map(|id| {
            [
                PrincipalKey::OrphanGroup(id.clone()),
                PrincipalKey::OrphanUser(id.clone()),
            ]
        });
        let more: Vec<PrincipalKey> = groups.chain(users).chain(orphans).collect();
        self.principals.extend(more);
    }

    fn in_ranks(&self, plan: &Plan) -> HeldNames {
        let all = |kind: Kind| self.kinds.contains(&kind) || self.kinds.contains(&Kind::Assignment);
        let accounts = plan.names.accounts.iter();
        let accounts: Vec<bool> = accounts
            .map(|key| all(Kind::Account) || self.accounts.contains(key))
            .collect();
        let sets = plan.names.permission_sets.iter();
        let sets: Vec<bool> = sets
            .map(|name| all(Kind::PermissionSet) || self.sets.contains(name))
            .collect();
        let principals = plan.names.principals.iter();
        let principals: Vec<bool> = principals
            .map(|key| {
                let kind = if key.is_group() { Kind::Group } else { Kind::User };
                all(kind) || self.principals.contains(key)
            })
            .collect();
        let nameless = plan.names.principals.iter().map(|key| match key {
            PrincipalKey::OrphanGroup(_) => all(Kind::Group),
            PrincipalKey::OrphanUser(_) => all(Kind::User),
            PrincipalKey::Group(_) | PrincipalKey::User(_) => false,
        });
        let nameless: Vec<bool> = nameless.collect();
        let pair = |(account, set): &(AccountKey, PermissionSetName)| {
            let (account, set) = (
                plan.names.account_rank(account)?,
                plan.names.permission_set_rank(set)?,
            );
            Some(Pair::new(account, set))
        };
        let pairs: BTreeSet<Pair> = self.pairs.iter().filter_map(pair).collect();
        let any = !pairs.is_empty()
            || [&accounts, &sets, &principals]
                .iter()
                .any(|flags| flags.contains(&true));
        HeldNames {
            accounts,
            sets,
            principals,
            pairs,
            nameless,
            any,
        }
    }
}
