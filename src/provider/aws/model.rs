//! What was read, by the service's ids: what a reading of only a part is added to, and what a call's names are
//! looked up in.

use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hash;
use std::sync::Arc;

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::address::Kind;
use crate::id::{AccountId, AccountKey, GroupName, OuPath, PrincipalKey, ServiceId, UserName};
use crate::model::access::{Access, Names, Pair, Tuple};
use crate::model::account::{Account, OrganizationalUnit};
use crate::model::instance::{Caller, Held, HeldSubject, InProgress, Instance, Observed, Quotas};
use crate::model::permission_set::PermissionSet;
use crate::model::principal::{Group, User};
use crate::model::roles::{Provisioning, RoleRow};
use crate::model::snapshot::{Entity, Snapshot};
use crate::provider::ProviderError;

use super::read::organization::Units;

/// A user or group, and the revision it was read at.
#[derive(Debug, Clone)]
pub struct Versioned<T> {
    /// As it was read.
    pub value: T,
    /// For the next change, where the service gives one; never empty.
    pub revision: Option<String>,
}

/// A table of values with small numbers.
#[derive(Debug, Clone)]
pub struct Interner<T> {
    values: Vec<T>,
    numbers: FxHashMap<T, u32>,
}

impl<T> Default for Interner<T> {
    fn default() -> Self {
        Interner {
            values: Vec::new(),
            numbers: FxHashMap::default(),
        }
    }
}

impl<T: Clone + Eq + Hash> Interner<T> {
    /// The number of a value, a new one if it has none.
    pub fn number(&mut self, value: &T) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = u32::try_from(self.values.len()).unwrap_or(u32::MAX);
        self.values.push(value.clone());
        self.numbers.insert(value.clone(), number);
        number
    }

    /// The value of a number.
    pub fn value(&self, number: u32) -> Option<&T> {
        self.values.get(number as usize)
    }
}

/// Who an assignment is for: a group or a user, by id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PrincipalId {
    /// A group, else a user.
    pub is_group: bool,
    /// The identity store's id.
    pub id: String,
}

/// A set in an account.
#[derive(Debug, Clone, Default)]
pub struct PairRow {
    /// The role there is not up to date.
    pub is_stale: bool,
    /// Who may use it, as numbers of principals.
    pub principals: BTreeSet<u32>,
}

/// Accounts, sets and principals by number, and who may use what where.
#[derive(Debug, Clone, Default)]
pub struct Relation {
    /// Account ids.
    pub accounts: Interner<String>,
    /// ARNs of permission sets.
    pub sets: Interner<String>,
    /// Principals.
    pub principals: Interner<PrincipalId>,
    /// By account and set.
    pub pairs: BTreeMap<(u32, u32), PairRow>,
}

impl Relation {
    /// The row of a set in an account, new if there is none.
    pub fn row(&mut self, account: &str, set: &str) -> &mut PairRow {
        let key = self.key(account, set);
        self.pairs.entry(key).or_default()
    }

    /// The numbers of an account and a set.
    pub fn key(&mut self, account: &str, set: &str) -> (u32, u32) {
        (
            self.accounts.number(&account.to_owned()),
            self.sets.number(&set.to_owned()),
        )
    }

    /// Everybody who has an assignment.
    pub fn assigned(&self) -> Vec<&PrincipalId> {
        let numbers: BTreeSet<u32> = self
            .pairs
            .values()
            .flat_map(|row| row.principals.iter().copied())
            .collect();
        let values = numbers.into_iter();
        values
            .filter_map(|number| self.principals.value(number))
            .collect()
    }

    /// Adds an assignment.
    pub fn grant(&mut self, account: &str, set: &str, principal: &PrincipalId) {
        let number = self.principals.number(principal);
        self.row(account, set).principals.insert(number);
    }
}

/// Everything read so far.
#[derive(Debug, Clone)]
pub struct Model {
    /// When the whole instance was last read.
    pub at: Timestamp,
    /// From where.
    pub instance: Instance,
    /// By whom.
    pub caller: Option<Caller>,
    /// Paths of organizational units by id, or why they have none; the root has the empty path.
    pub units: Units,
    /// Accounts by id.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Accounts whose tags somebody asked for.
    pub tagged: BTreeSet<AccountId>,
    /// Users by id.
    pub users: BTreeMap<String, Versioned<User>>,
    /// Groups by id, without members.
    pub groups: BTreeMap<String, Versioned<Group>>,
    /// Ids of members, by group; absent where they could not be read.
    pub members: BTreeMap<String, BTreeSet<String>>,
    /// Ids of users and groups that something refers to and that are gone: the service said so, asked by the id.
    pub gone: BTreeSet<String>,
    /// Those of which nobody can tell, and why.
    pub unknown: BTreeMap<String, Arc<str>>,
    /// Ids of memberships by group and user, with revisions.
    pub memberships: FxHashMap<(String, String), String>,
    /// Permission sets by ARN.
    pub sets: BTreeMap<String, PermissionSet>,
    /// Who may use what where.
    pub relation: Relation,
    /// What could not be read, and why.
    pub held: BTreeMap<HeldSubject, Arc<str>>,
    /// What the service is still doing.
    pub in_progress: Vec<InProgress>,
}

impl Model {
    /// Nothing but the instance.
    pub fn new(at: Timestamp, instance: Instance, caller: Option<Caller>) -> Self {
        Model {
            at,
            instance,
            caller,
            units: BTreeMap::new(),
            accounts: BTreeMap::new(),
            tagged: BTreeSet::new(),
            users: BTreeMap::new(),
            groups: BTreeMap::new(),
            members: BTreeMap::new(),
            gone: BTreeSet::new(),
            unknown: BTreeMap::new(),
            memberships: FxHashMap::default(),
            sets: BTreeMap::new(),
            relation: Relation::default(),
            held: BTreeMap::new(),
            in_progress: Vec::new(),
        }
    }

    /// The name of a principal; by id when the identity store does not know it.
    pub fn principal(&self, principal: &PrincipalId) -> Option<PrincipalKey> {
        let id = || ServiceId::new(&principal.id).ok();
        if principal.is_group {
            return match self.groups.get(&principal.id) {
                Some(group) => Some(PrincipalKey::Group(group.value.display_name.clone())),
                None => id().map(PrincipalKey::OrphanGroup),
            };
        }
        match self.users.get(&principal.id) {
            Some(user) => Some(PrincipalKey::User(user.value.user_name.clone())),
            None => id().map(PrincipalKey::OrphanUser),
        }
    }

    /// As the planner sees it.
    ///
    /// # Errors
    /// When it is more than rolecall can hold.
    pub fn observed(&self, calls: BTreeMap<Arc<str>, u64>) -> Result<Observed, ProviderError> {
        let (access, roles) = self.access()?;
        let snapshot = Snapshot {
            organizational_units: self.organizational_units(),
            accounts: self
                .accounts
                .values()
                .map(|account| (account.key.clone(), Entity::observed(account.clone())))
                .collect(),
            users: self
                .users
                .values()
                .map(|user| (user.value.user_name.clone(), Entity::observed(user.value.clone())))
                .collect(),
            groups: self
                .groups
                .iter()
                .map(|(id, group)| self.group(id, &group.value))
                .collect(),
            permission_sets: self
                .sets
                .values()
                .map(|set| (set.name.clone(), Entity::observed(set.clone())))
                .collect(),
            access,
        };
        Ok(Observed {
            at: self.at,
            instance: self.instance.clone(),
            caller: self.caller.clone(),
            quotas: Quotas::default(),
            snapshot,
            roles,
            held: self.held(),
            in_accounts: Vec::new(),
            in_progress: self.in_progress.clone(),
            calls,
        })
    }

    fn organizational_units(&self) -> BTreeMap<OuPath, Entity<OrganizationalUnit>> {
        let placed = self
            .units
            .iter()
            .filter_map(|(id, place)| Some((id, place.as_ref().ok()?)));
        let described = placed.map(|(id, path)| {
            let unit = OrganizationalUnit {
                path: path.clone(),
                id: ServiceId::new(id).ok(),
            };
            (path.clone(), Entity::observed(unit))
        });
        described.collect()
    }

    /// What could not be read, with groups of which a member is a mere id, and mere ids that have assignments.
    fn held(&self) -> Vec<Held> {
        let mut held = self.held.clone();
        let listed = |kind| !self.held.contains_key(&HeldSubject::All(kind));
        if listed(Kind::User) {
            for (id, group) in &self.groups {
                let members = self.members.get(id).into_iter().flatten();
                let mut unsettled = members.filter(|id| !self.is_settled(id));
                let why = unsettled.next().map(|id| {
                    let why = self.unknown.get(id).map_or("no list has it", |why| why);
                    format!("its member {id} cannot be read: {why}")
                });
                let members = HeldSubject::Members(group.value.display_name.clone());
                held.extend(why.map(|why| (members, why.into())));
            }
        }
        for who in self.relation.assigned() {
            let (kind, known) = match who.is_group {
                true => (Kind::Group, self.groups.contains_key(&who.id)),
                false => (Kind::User, self.users.contains_key(&who.id)),
            };
            if known || self.gone.contains(&who.id) || !listed(kind) {
                continue;
            }
            let why = self.unknown.get(&who.id).cloned();
            let why = why.unwrap_or_else(|| "no list has it".into());
            held.extend(self.principal(who).map(|key| (HeldSubject::Principal(key), why)));
        }
        held.into_iter()
            .map(|(subject, why)| Held { subject, why })
            .collect()
    }

    /// Whether it is known of a user who that is, or that there is nobody.
    fn is_settled(&self, id: &String) -> bool {
        self.users.contains_key(id) || self.gone.contains(id)
    }

    /// A group with its members. Where one of them is a mere id, nobody can tell who is in it.
    fn group(&self, id: &str, group: &Group) -> (GroupName, Entity<Group>) {
        let members = self.members.get(id);
        let members = members.filter(|members| members.iter().all(|id| self.is_settled(id)));
        let members: Option<BTreeSet<UserName>> = members.map(|members| {
            let users = members.iter().filter_map(|id| self.users.get(id));
            users.map(|user| user.value.user_name.clone()).collect()
        });
        let group = Group {
            members,
            ..group.clone()
        };
        (group.display_name.clone(), Entity::observed(group))
    }

    fn access(&self) -> Result<(Access, Vec<RoleRow>), ProviderError> {
        let relation = &self.relation;
        let account = |number: u32| {
            let id = AccountId::new(relation.accounts.value(number)?).ok()?;
            Some(AccountKey::Id(id))
        };
        let set = |number: u32| Some(self.sets.get(relation.sets.value(number)?)?.name.clone());
        let principal = |number: u32| self.principal(relation.principals.value(number)?);
        let (mut accounts, mut sets, mut principals) = (Keys::default(), Keys::default(), Keys::default());
        for ((at, of), row) in &relation.pairs {
            accounts.add(*at, account);
            sets.add(*of, set);
            row.principals
                .iter()
                .for_each(|who| principals.add(*who, principal));
        }
        let names = Names::new(accounts.all(), sets.all(), principals.all()).map_err(|error| {
            ProviderError::Storage {
                message: error.to_string().into(),
            }
        })?;
        let accounts = accounts.ranks(|key| names.account_rank(key));
        let sets = sets.ranks(|key| names.permission_set_rank(key));
        let principals = principals.ranks(|key| names.principal_rank(key));
        let (mut tuples, mut roles) = (Vec::new(), Vec::new());
        for ((at, of), row) in &relation.pairs {
            let (Some(at), Some(of)) = (accounts.get(at), sets.get(of)) else {
                continue;
            };
            let who = row.principals.iter().filter_map(|who| principals.get(who));
            tuples.extend(who.map(|who| Tuple::new(*at, *of, *who)));
            roles.push(RoleRow {
                pair: Pair::new(*at, *of),
                suffix: None,
                provisioning: if row.is_stale {
                    Provisioning::Stale
                } else {
                    Provisioning::Latest
                },
            });
        }
        roles.sort_unstable_by_key(|row| row.pair);
        roles.dedup_by_key(|row| row.pair);
        Ok((Access::from_tuples(names, tuples), roles))
    }
}

/// Keys by number, as far as they occur.
struct Keys<K>(FxHashMap<u32, Option<K>>);

impl<K> Default for Keys<K> {
    fn default() -> Self {
        Keys(FxHashMap::default())
    }
}

impl<K: Clone> Keys<K> {
    fn add(&mut self, number: u32, key: impl Fn(u32) -> Option<K>) {
        self.0.entry(number).or_insert_with(|| key(number));
    }

    fn all(&self) -> Vec<K> {
        self.0.values().flatten().cloned().collect()
    }

    fn ranks(&self, rank: impl Fn(&K) -> Option<u32>) -> FxHashMap<u32, u32> {
        let ranked = self.0.iter();
        ranked
            .filter_map(|(number, key)| Some((*number, rank(key.as_ref()?)?)))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234567890-00000000-0000-0000-0000-000000000001";

    fn model() -> Model {
        let instance = Instance {
            arn: ServiceId::new("arn:aws:sso:::instance/ssoins-0000000000000001").unwrap(),
            identity_store: ServiceId::new("d-0000000001").unwrap(),
            organization: None,
            region: "eu-west-1".into(),
            management_account: None,
        };
        let mut model = Model::new(Timestamp::UNIX_EPOCH, instance, None);
        let group = Group {
            display_name: GroupName::new("Ops").unwrap(),
            id: ServiceId::new("g-1").ok(),
            description: None,
            members: None,
            external_id: None,
        };
        let group = Versioned {
            value: group,
            revision: None,
        };
        model.groups.insert("g-1".to_owned(), group);
        model.members.insert("g-1".to_owned(), [ID.to_owned()].into());
        model
    }

    fn of_ops(model: &Model) -> (Option<usize>, Vec<HeldSubject>) {
        let observed = model.observed(BTreeMap::new()).unwrap();
        let group = observed.snapshot.groups.values().next().unwrap();
        let held = observed.held.into_iter().map(|held| held.subject);
        (group.value.members.as_ref().map(BTreeSet::len), held.collect())
    }

    #[test]
    fn a_member_that_is_a_mere_id_makes_the_members_unknown_until_it_is_gone() {
        let mut model = model();
        let members = HeldSubject::Members(GroupName::new("Ops").unwrap());
        assert_eq!(of_ops(&model), (None, vec![members]));
        model.gone.insert(ID.to_owned());
        assert_eq!(of_ops(&model), (Some(0), Vec::new()));
        // Where no users could be read at all, that is what is held.
        model.gone.clear();
        model.held.insert(HeldSubject::All(Kind::User), "denied".into());
        assert_eq!(of_ops(&model), (None, vec![HeldSubject::All(Kind::User)]));
    }

    #[test]
    fn an_assignment_of_a_mere_id_is_an_orphan_once_that_is_gone() {
        let mut model = model();
        model.members.clear();
        let who = PrincipalId {
            is_group: true,
            id: "g-2".to_owned(),
        };
        model.relation.grant("000000000001", "arn:set", &who);
        let orphan = PrincipalKey::OrphanGroup(ServiceId::new("g-2").unwrap());
        assert_eq!(of_ops(&model).1, [HeldSubject::Principal(orphan)]);
        model.gone.insert(who.id);
        assert_eq!(of_ops(&model).1, []);
    }
}
