//! Small plan inputs for tests, said in a few words.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::address::{Address, Kind};
use crate::id::{
    AccountId, AccountKey, EntityKey, GroupName, OuPath, PermissionSetName, PrincipalKey, ServiceId, UserName,
};
use crate::model::access::{Access, Block, Declaration, Names};
use crate::model::account::{Account, AccountStatus, OrganizationalUnit};
use crate::model::instance::{Caller, CallerRole, Instance, Observed, Quotas};
use crate::model::permission_set::PermissionSet;
use crate::model::principal::{Group, User};
use crate::model::record::Recorded;
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::model::stack::{Desired, Selection};

use super::input::{INPUT_VERSION, Options, PlanInput};

/// A declared stack and the world it meets, under construction.
#[derive(Clone)]
pub struct Scene {
    pub input: PlanInput,
    blocks: Vec<Block>,
}

pub fn account(n: u64) -> AccountKey {
    AccountKey::Id(AccountId::new(format!("{n:012}")).unwrap())
}

pub fn set(name: &str) -> PermissionSetName {
    PermissionSetName::new(name).unwrap()
}

/// A principal: `@ada` is a user, anything else a group.
pub fn principal(name: &str) -> PrincipalKey {
    match name.strip_prefix('@') {
        Some(user) => PrincipalKey::User(UserName::new(user).unwrap()),
        None => PrincipalKey::Group(GroupName::new(name).unwrap()),
    }
}

fn id(kind: &str, name: &str) -> ServiceId {
    ServiceId::new(format!("{kind}-{}", name.replace(' ', "_"))).unwrap()
}

fn declared<T>(kind: Kind, label: &str, management: Management, value: T) -> Entity<T> {
    Entity {
        addresses: [Address::root(kind, label)].into(),
        management,
        ..Entity::observed(value)
    }
}

impl Scene {
    /// An empty stack before an empty instance, seen from the management account.
    pub fn new() -> Self {
        let now: Timestamp = "2026-11-01T00:00:00Z".parse().unwrap();
        let management = AccountId::new("999999999999").unwrap();
        let instance = Instance {
            arn: ServiceId::new("arn:aws:sso:::instance/ssoins-0123456789abcdef").unwrap(),
            identity_store: ServiceId::new("d-0123456789").unwrap(),
            organization: None,
            region: "eu-west-1".into(),
            management_account: Some(management.clone()),
        };
        let mut snapshot = Snapshot::default();
        let root = OrganizationalUnit {
            path: OuPath::root(),
            id: Some(id("r", "root")),
        };
        snapshot
            .organizational_units
            .insert(OuPath::root(), Entity::observed(root));
        let caller = Caller {
            account: management,
            arn: "arn:aws:iam::999999999999:user/ci".into(),
            role: CallerRole::Management,
            session: None,
        };
        let observed = Observed {
            at: now,
            instance,
            caller: Some(caller),
            quotas: Quotas::default(),
            snapshot,
            roles: Vec::new(),
            held: Vec::new(),
            in_accounts: Vec::new(),
            in_progress: Vec::new(),
            calls: BTreeMap::new(),
        };
        let input = PlanInput {
            format_version: INPUT_VERSION,
            stack: "test".into(),
            now,
            desired: Desired::default(),
            recorded: Recorded::default(),
            observed,
            options: Options::default(),
        };
        Scene {
            input,
            blocks: Vec::new(),
        }
    }

    /// An account that is there and referred to.
    pub fn account(mut self, n: u64) -> Self {
        let value = Account {
            key: account(n),
            name: format!("account-{n}").into(),
            email: None,
            ou: None,
            tags: None,
            status: AccountStatus::Active,
            management: false,
        };
        let seen = Account {
            ou: Some(OuPath::root()),
            tags: Some(BTreeMap::new()),
            ..value.clone()
        };
        let entity = declared(Kind::Account, &format!("a{n}"), Management::Referred, value);
        self.input.desired.snapshot.accounts.insert(account(n), entity);
        self.input
            .observed
            .snapshot
            .accounts
            .insert(account(n), Entity::observed(seen));
        self
    }

    /// A managed user.
    pub fn user(mut self, name: &str) -> Self {
        let user = User {
            user_name: UserName::new(name).unwrap(),
            id: None,
            given_name: name.into(),
            family_name: "Example".into(),
            display_name: format!("{name} Example").into(),
            email: None,
            external_id: None,
        };
        let key = user.user_name.clone();
        let entity = declared(Kind::User, name, Management::Created, user);
        self.input.desired.snapshot.users.insert(key, entity);
        self
    }

    /// A managed group of managed users.
    pub fn group(mut self, name: &str, members: &[&str]) -> Self {
        for member in members {
            if !self
                .input
                .desired
                .snapshot
                .users
                .contains_key(&UserName::new(member).unwrap())
            {
                self = self.user(member);
            }
        }
        let group = Group {
            display_name: GroupName::new(name).unwrap(),
            id: None,
            description: None,
            members: Some(members.iter().map(|m| UserName::new(m).unwrap()).collect()),
            external_id: None,
        };
        let key = group.display_name.clone();
        let entity = declared(Kind::Group, name, Management::Created, group);
        self.input.desired.snapshot.groups.insert(key, entity);
        self
    }

    /// A managed permission set.
    pub fn set(mut self, name: &str) -> Self {
        let entity = declared(
            Kind::PermissionSet,
            name,
            Management::Created,
            PermissionSet::new(set(name)),
        );
        self.input
            .desired
            .snapshot
            .permission_sets
            .insert(set(name), entity);
        self
    }

    /// Changes a declared permission set.
    pub fn change_set(mut self, name: &str, change: impl FnOnce(&mut PermissionSet)) -> Self {
        let entity = self
            .input
            .desired
            .snapshot
            .permission_sets
            .get_mut(&set(name))
            .unwrap();
        change(&mut entity.value);
        self
    }

    /// An assignment block.
    pub fn assign(self, label: &str, principals: &[&str], sets: &[&str], accounts: &[u64]) -> Self {
        self.assign_until(label, principals, sets, accounts, None)
    }

    /// An assignment block that expires.
    pub fn assign_until(
        mut self,
        label: &str,
        principals: &[&str],
        sets: &[&str],
        accounts: &[u64],
        expires: Option<&str>,
    ) -> Self {
        let address = Address::root(Kind::Assignment, label);
        self.input.desired.selections.insert(
            address.clone(),
            Selection {
                accounts: accounts.len() as u64,
                permission_sets: sets.len() as u64,
                principals: principals.len() as u64,
                allow_empty: false,
                accounts_from: None,
            },
        );
        self.blocks.push(Block {
            declaration: Declaration {
                address,
                location: None,
                reason: None,
                expires: expires.map(|time| time.parse().unwrap()),
            },
            principals: principals.iter().map(|name| principal(name)).collect(),
            permission_sets: sets.iter().map(|name| set(name)).collect(),
            accounts: accounts.iter().map(|n| account(*n)).collect(),
        });
        self
    }

    /// The input as it stands.
    pub fn build(&self) -> PlanInput {
        let mut input = self.input.clone();
        input.desired.snapshot.access = Access::from_blocks(self.blocks.clone()).unwrap();
        input
    }

    /// The same stack after a perfect apply: everything declared is there, with ids, and recorded. Nothing is
    /// declared any more; what follows says it anew.
    pub fn applied(&self) -> Scene {
        let mut input = self.build();
        let mut there = input.desired.snapshot.clone();
        assign_ids(&mut there);
        let unit_root = input.observed.snapshot.organizational_units.clone();
        let mut seen = there.clone();
        seen.organizational_units.extend(unit_root);
        seen.accounts = input.observed.snapshot.accounts.clone();
        strip(&mut seen);
        input.observed.snapshot = seen;
        input.recorded.applied = there;
        input.recorded.lineage = Some(Arc::from("0000"));
        input.recorded.instance = Some(input.observed.instance.clone());
        input.recorded.serial += 1;
        input.desired = Desired {
            settings: input.desired.settings,
            ..Desired::default()
        };
        Scene {
            input,
            blocks: Vec::new(),
        }
    }

    /// A grant that somebody made outside.
    pub fn granted_outside(mut self, who: &str, what: &str, n: u64) -> Self {
        let access = &self.input.observed.snapshot.access;
        let more = Names::new(vec![account(n)], vec![set(what)], vec![principal(who)]).unwrap();
        let names = Names::union([&access.names, &more]).unwrap();
        let mut tuples = access.widen(&names).tuples;
        tuples.push(names.tuple(&account(n), &set(what), &principal(who)).unwrap());
        self.input.observed.snapshot.access = Access::from_tuples(names, tuples);
        self
    }

    /// A grant that somebody took away outside.
    pub fn revoked_outside(mut self, who: &str, what: &str, n: u64) -> Self {
        let access = &mut self.input.observed.snapshot.access;
        let tuple = access
            .names
            .tuple(&account(n), &set(what), &principal(who))
            .unwrap();
        let at = access.find(tuple).unwrap();
        access.tuples.remove(at);
        access.note_of.remove(at);
        self
    }
}

/// Gives every entity the id that the service would.
fn assign_ids(snapshot: &mut Snapshot) {
    for (name, user) in &mut snapshot.users {
        user.value.id = Some(id("user", name.as_str()));
    }
    for (name, group) in &mut snapshot.groups {
        group.value.id = Some(id("group", name.as_str()));
    }
    for (name, set) in &mut snapshot.permission_sets {
        set.value.arn = Some(id("ps", name.as_str()));
    }
    for (path, unit) in &mut snapshot.organizational_units {
        unit.value.id = Some(id("ou", path.as_str()));
    }
}

/// What the service shows: no addresses, no declarations.
fn strip(snapshot: &mut Snapshot) {
    fn bare<K, T: Clone>(map: &mut BTreeMap<K, Entity<T>>) {
        for entity in map.values_mut() {
            *entity = Entity::observed(entity.value.clone());
        }
    }
    bare(&mut snapshot.organizational_units);
    bare(&mut snapshot.accounts);
    bare(&mut snapshot.users);
    bare(&mut snapshot.groups);
    bare(&mut snapshot.permission_sets);
    snapshot.access = Access::from_tuples(snapshot.access.names.clone(), snapshot.access.tuples.clone());
}

/// The entity key of a principal, for looking at actions.
#[allow(dead_code, reason = "not every test looks at principals")]
pub fn entity_of(who: &str) -> EntityKey {
    match principal(who) {
        PrincipalKey::User(name) => EntityKey::User(name),
        PrincipalKey::Group(name) => EntityKey::Group(name),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => unreachable!("a scene has no orphans"),
    }
}
