//! Small worlds to plan for: inputs in a few lines, and what a plan leaves behind once it is carried out.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Address, Addresses, Kind};
use crate::id::{
    AccountId, AccountKey, EntityKey, GroupName, PermissionSetName, PrincipalKey, ServiceId, UserName,
};
use crate::model::access::{Access, Block, Declaration, Names, Note, Tuple};
use crate::model::account::{Account, AccountStatus};
use crate::model::action::{Effect, Learned};
use crate::model::instance::{Instance, Observed, Quotas};
use crate::model::record::Recorded;
use crate::model::roles::{Provisioning, RoleRow};
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::model::stack::{Desired, Selection};
use crate::model::{Group, PermissionSet, User};

use super::change::{ActionKind, Reason, RecordChange};
use super::input::{INPUT_VERSION, Options, PlanInput};
use super::{Plan, check, plan};

/// The account with this number.
pub(crate) fn account(n: u32) -> AccountKey {
    AccountKey::Id(AccountId::new(format!("{n:012}")).unwrap())
}

/// A permission set's name.
pub(crate) fn set(name: &str) -> PermissionSetName {
    PermissionSetName::new(name).unwrap()
}

/// A group as a principal.
pub(crate) fn group(name: &str) -> PrincipalKey {
    PrincipalKey::Group(GroupName::new(name).unwrap())
}

/// A user as a principal.
pub(crate) fn user(name: &str) -> PrincipalKey {
    PrincipalKey::User(user_name(name))
}

/// A user's name.
pub(crate) fn user_name(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

/// A moment.
pub(crate) fn time(text: &str) -> jiff::Timestamp {
    text.parse().unwrap()
}

/// A stack in the making.
#[derive(Clone, Default)]
pub(crate) struct Stack {
    pub desired: Desired,
    pub blocks: Vec<Block>,
}

impl Stack {
    /// A stack without anything.
    pub fn new() -> Self {
        Self::default()
    }

    /// Declares a permission set under the label.
    pub fn set(self, label: &str, name: &str) -> Self {
        self.set_with(label, name, |_| ())
    }

    /// Declares a permission set and changes it.
    pub fn set_with(
        mut self,
        label: &str,
        name: &str,
        with: impl FnOnce(&mut Entity<PermissionSet>),
    ) -> Self {
        let mut entity = declared(
            Kind::PermissionSet,
            label,
            PermissionSet::new(set(name)),
            Management::Created,
        );
        with(&mut entity);
        self.desired.snapshot.permission_sets.insert(set(name), entity);
        self
    }

    /// Declares a group with members.
    pub fn group(mut self, label: &str, name: &str, members: &[&str]) -> Self {
        let value = group_value(name, Some(members));
        let entity = declared(Kind::Group, label, value, Management::Created);
        self.desired
            .snapshot
            .groups
            .insert(GroupName::new(name).unwrap(), entity);
        self
    }

    /// Looks a group up.
    pub fn data_group(mut self, label: &str, name: &str) -> Self {
        let mut entity = declared(Kind::Group, label, group_value(name, None), Management::Referred);
        entity.addresses = [Address {
            data: true,
            ..Address::root(Kind::Group, label)
        }]
        .into();
        self.desired
            .snapshot
            .groups
            .insert(GroupName::new(name).unwrap(), entity);
        self
    }

    /// Declares a user.
    pub fn user(mut self, label: &str, name: &str) -> Self {
        let entity = declared(Kind::User, label, user_value(name), Management::Created);
        self.desired.snapshot.users.insert(user_name(name), entity);
        self
    }

    /// Refers to accounts.
    pub fn accounts(mut self, numbers: &[u32]) -> Self {
        for n in numbers {
            let label = format!("a{n}");
            let entity = declared(Kind::Account, &label, account_value(*n), Management::Referred);
            self.desired.snapshot.accounts.insert(account(*n), entity);
        }
        self
    }

    /// Declares an assignment.
    pub fn assign(self, label: &str, principals: &[PrincipalKey], sets: &[&str], accounts: &[u32]) -> Self {
        self.assign_until(label, principals, sets, accounts, None)
    }

    /// Declares an assignment that expires.
    pub fn assign_until(
        mut self,
        label: &str,
        principals: &[PrincipalKey],
        sets: &[&str],
        accounts: &[u32],
        expires: Option<&str>,
    ) -> Self {
        let address = Address::root(Kind::Assignment, label);
        self.desired.selections.insert(
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
                expires: expires.map(time),
            },
            principals: principals.to_vec(),
            permission_sets: sets.iter().map(|name| set(name)).collect(),
            accounts: accounts.iter().map(|n| account(*n)).collect(),
        });
        self
    }

    /// Gives an assignment's block a reason.
    pub fn because(mut self, label: &str, reason: Option<&str>) -> Self {
        let address = Address::root(Kind::Assignment, label);
        let blocks = self.blocks.iter_mut().map(|block| &mut block.declaration);
        for block in blocks.filter(|block| block.address == address) {
            block.reason = reason.map(Into::into);
        }
        self
    }

    /// Changes what is declared in any other way.
    pub fn with(mut self, change: impl FnOnce(&mut Desired)) -> Self {
        change(&mut self.desired);
        self
    }

    /// What it declares.
    pub fn desired(self) -> Desired {
        let mut desired = self.desired;
        desired.snapshot.access = Access::from_blocks(self.blocks).unwrap();
        desired
    }
}

/// A service and a state to plan against.
#[derive(Clone)]
pub(crate) struct World {
    pub observed: Observed,
    pub recorded: Recorded,
    pub now: jiff::Timestamp,
    pub options: Options,
    next_id: u32,
}

impl World {
    /// A service with accounts 1 to 9, nothing else, and no state.
    pub fn new() -> Self {
        let mut snapshot = Snapshot::default();
        for n in 1..10 {
            snapshot
                .accounts
                .insert(account(n), Entity::observed(account_value(n)));
        }
        let now = time("2026-06-01T00:00:00Z");
        World {
            observed: Observed {
                at: now,
                instance: Instance {
                    arn: ServiceId::new("arn:aws:sso:::instance/ssoins-0000000000000001").unwrap(),
                    identity_store: ServiceId::new("d-0000000001").unwrap(),
                    organization: None,
                    region: "eu-west-1".into(),
                    management_account: None,
                },
                caller: None,
                quotas: Quotas::default(),
                snapshot,
                roles: Vec::new(),
                held: Vec::new(),
                in_accounts: Vec::new(),
                in_progress: Vec::new(),
                calls: BTreeMap::new(),
            },
            recorded: Recorded::default(),
            now,
            options: Options::default(),
            next_id: 0,
        }
    }

    fn id(&mut self) -> ServiceId {
        self.next_id += 1;
        ServiceId::new(format!("id-{}", self.next_id)).unwrap()
    }

    /// Puts a permission set there.
    pub fn has_set(mut self, name: &str) -> Self {
        let mut value = PermissionSet::new(set(name));
        value.arn = Some(self.id());
        let sets = &mut self.observed.snapshot.permission_sets;
        sets.insert(set(name), Entity::observed(value));
        self
    }

    /// Puts a group there, with members who are there too.
    pub fn has_group(mut self, name: &str, members: &[&str]) -> Self {
        for member in members {
            if !self.observed.snapshot.users.contains_key(&user_name(member)) {
                self = self.has_user(member);
            }
        }
        let mut value = group_value(name, Some(members));
        value.id = Some(self.id());
        let groups = &mut self.observed.snapshot.groups;
        groups.insert(GroupName::new(name).unwrap(), Entity::observed(value));
        self
    }

    /// Puts a user there.
    pub fn has_user(mut self, name: &str) -> Self {
        let mut value = user_value(name);
        value.id = Some(self.id());
        self.observed
            .snapshot
            .users
            .insert(user_name(name), Entity::observed(value));
        self
    }

    /// Puts a user into a group behind the planner's back.
    pub fn has_member(mut self, name: &str, member: &str) -> Self {
        let groups = &mut self.observed.snapshot.groups;
        let members = &mut groups
            .get_mut(&GroupName::new(name).unwrap())
            .unwrap()
            .value
            .members;
        members.as_mut().unwrap().insert(user_name(member));
        self
    }

    /// Makes a grant behind the planner's back.
    pub fn has_grant(mut self, n: u32, set_name: &str, principal: PrincipalKey) -> Self {
        let mut triples = triples(&self.observed.snapshot.access);
        triples.insert((account(n), set(set_name), principal));
        self.observed.snapshot.access = relation(triples);
        self
    }

    /// Takes a grant away behind the planner's back.
    pub fn loses_grant(mut self, n: u32, set_name: &str, principal: PrincipalKey) -> Self {
        let mut triples = triples(&self.observed.snapshot.access);
        triples.remove(&(account(n), set(set_name), principal));
        self.observed.snapshot.access = relation(triples);
        self
    }

    /// What to plan from.
    pub fn input(&self, stack: Stack) -> PlanInput {
        let mut desired = stack.desired();
        crate::model::freeze::withhold(&mut desired, &self.recorded, &self.observed.snapshot);
        PlanInput {
            format_version: INPUT_VERSION,
            stack: "test".into(),
            now: self.now,
            desired,
            recorded: self.recorded.clone(),
            observed: self.observed.clone(),
            options: self.options.clone(),
        }
    }

    /// Plans, and has the plan checked.
    pub fn plan(&self, stack: Stack) -> Plan {
        let input = self.input(stack);
        let plan = plan(&input);
        assert_eq!(check::check(&plan, &input), [], "{plan:#?}");
        plan
    }

    /// Plans and carries out the plan.
    pub fn apply(mut self, stack: Stack) -> Self {
        let plan = self.plan(stack.clone());
        let refusals: Vec<_> = plan
            .findings
            .iter()
            .filter(|f| f.level == super::finding::Level::Refusal)
            .collect();
        assert!(refusals.is_empty(), "{refusals:?}");
        self.carry_out(&plan, &stack.desired().snapshot);
        self
    }

    /// Brings about what a plan says, in the service and in the record.
    pub fn carry_out(&mut self, plan: &Plan, declared: &Snapshot) {
        // A revoke names the principal as it was read, which a rename changes.
        let mut there = triples(&self.observed.snapshot.access);
        for step in &plan.revokes {
            let (account, set, principal) = plan.names.resolve(step.tuple).unwrap();
            assert!(there.remove(&(account.clone(), set.clone(), principal.clone())));
        }
        self.observed.snapshot.access = relation(there);
        self.follow(plan);
        for action in plan
            .actions
            .iter()
            .filter(|action| action.kind != ActionKind::Rename)
        {
            match &action.effect {
                Some(effect) => self.effect(effect, declared),
                None => self.record(action.kind, &action.entity, &action.addresses, declared),
            }
        }
        let ids = self.orphans(plan);
        self.grants(plan);
        for (key, orphan) in ids {
            rename_principal(&mut self.observed.snapshot, &key, &orphan);
        }
    }

    /// The state takes up the names that the service has.
    fn follow(&mut self, plan: &Plan) {
        let names = plan.actions.iter().filter_map(|action| match &action.reason {
            Reason::RenamedOutside { from, to } => Some((from.clone(), to.clone())),
            _ => None,
        });
        self.recorded.applied.rename_principals(&names.collect());
    }

    /// Gives a group another name behind the planner's back.
    pub fn renames_group(mut self, from: &str, to: &str) -> Self {
        let names = [(group(from), group(to))].into();
        self.observed.snapshot.rename_principals(&names);
        self
    }

    /// Gives a user another name behind the planner's back.
    pub fn renames_user(mut self, from: &str, to: &str) -> Self {
        let names = [(user(from), user(to))].into();
        self.observed.snapshot.rename_principals(&names);
        self
    }

    /// Deletes a group behind the planner's back; its grants are left as an orphan's.
    pub fn loses_group(mut self, name: &str) -> Self {
        let groups = &mut self.observed.snapshot.groups;
        let gone = groups.remove(&GroupName::new(name).unwrap()).unwrap();
        let orphan = PrincipalKey::OrphanGroup(gone.value.id.unwrap());
        rename_principal(&mut self.observed.snapshot, &group(name), &orphan);
        self
    }

    /// Deletes a user behind the planner's back; its grants are left as an orphan's.
    pub fn loses_user(mut self, name: &str) -> Self {
        let snapshot = &mut self.observed.snapshot;
        let gone = snapshot.users.remove(&user_name(name)).unwrap();
        for group in snapshot.groups.values_mut() {
            group.value.members.as_mut().unwrap().remove(&user_name(name));
        }
        let orphan = PrincipalKey::OrphanUser(gone.value.id.unwrap());
        rename_principal(snapshot, &user(name), &orphan);
        self
    }

    /// Deletes a permission set behind the planner's back, and its grants with it.
    pub fn loses_set(mut self, name: &str) -> Self {
        self.observed.snapshot.permission_sets.remove(&set(name)).unwrap();
        let mut left = triples(&self.observed.snapshot.access);
        left.retain(|(_, what, _)| *what != set(name));
        self.observed.snapshot.access = relation(left);
        self
    }

    /// What the service calls the principals that a plan deletes, in grants that are left to them.
    fn orphans(&self, plan: &Plan) -> Vec<(PrincipalKey, PrincipalKey)> {
        let id = |key: &str| ServiceId::new(format!("gone-{}-{key}", self.next_id)).unwrap();
        let of = |action: &super::Action| match action.effect.as_ref()? {
            Effect::DeleteGroup { group } => Some((
                PrincipalKey::Group(group.clone()),
                PrincipalKey::OrphanGroup(id(group.as_str())),
            )),
            Effect::DeleteUser { user } => Some((
                PrincipalKey::User(user.clone()),
                PrincipalKey::OrphanUser(id(user.as_str())),
            )),
            _ => None,
        };
        plan.actions.iter().filter_map(of).collect()
    }

    fn effect(&mut self, effect: &Effect, declared: &Snapshot) {
        let id = match effect {
            Effect::CreateAccount { .. } => ServiceId::new("000000000077").unwrap(),
            _ => self.id(),
        };
        let learned = Learned {
            id: Some(id),
            role: None,
        };
        let recorded = &mut self.recorded.applied;
        crate::state::fold_entities::apply_effect(recorded, effect, declared, &learned);
        // The service keeps the same picture, without who declares what.
        let observed = &mut self.observed.snapshot;
        if let Effect::UpdateUser { from, to } = effect
            && from.user_name != to.user_name
        {
            rename_user_grants(observed, &from.user_name, &to.user_name);
        }
        if let Effect::UpdateGroup { from, to } = effect
            && from.display_name != to.display_name
        {
            let (from, to) = (from.display_name.clone(), to.display_name.clone());
            rename_principal(observed, &PrincipalKey::Group(from), &PrincipalKey::Group(to));
        }
        crate::state::fold_entities::apply_effect(observed, effect, &Snapshot::default(), &learned);
        if let Effect::UpdatePermissionSet { to, .. } | Effect::CreatePermissionSet { permission_set: to } =
            effect
            && let Some(set) = observed.permission_sets.get_mut(&to.name)
        {
            set.management = Management::None;
        }
        if let Effect::Provision { name, .. } = effect {
            let rank = observed.access.names.permission_set_rank(name);
            for role in self
                .observed
                .roles
                .iter_mut()
                .filter(|row| Some(row.pair.permission_set()) == rank)
            {
                role.provisioning = Provisioning::Latest;
            }
        }
    }

    fn record(&mut self, kind: ActionKind, key: &EntityKey, addresses: &Addresses, declared: &Snapshot) {
        use crate::state::fold_entities::{adopt, forget, rebind, relabel};
        let id = match key {
            EntityKey::User(name) => self
                .observed
                .snapshot
                .users
                .get(name)
                .and_then(|u| u.value.id.clone()),
            EntityKey::Group(name) => self
                .observed
                .snapshot
                .groups
                .get(name)
                .and_then(|g| g.value.id.clone()),
            EntityKey::PermissionSet(name) => self
                .observed
                .snapshot
                .permission_sets
                .get(name)
                .and_then(|s| s.value.arn.clone()),
            EntityKey::OrganizationalUnit(path) => self
                .observed
                .snapshot
                .organizational_units
                .get(path)
                .and_then(|u| u.value.id.clone()),
            EntityKey::Account(_) => None,
        };
        let applied = &mut self.recorded.applied;
        match (kind, id) {
            (ActionKind::Adopt, id) => adopt(applied, key, id.as_ref(), declared),
            (ActionKind::Forget, _) => forget(applied, key),
            (ActionKind::Rebind, Some(id)) => rebind(applied, key, &id, declared),
            (ActionKind::Move, _) => {
                let management = management(declared, key);
                relabel(applied, key, addresses, management);
            }
            other => panic!("{other:?} has an effect"),
        }
    }

    fn grants(&mut self, plan: &Plan) {
        let mut there = triples(&self.observed.snapshot.access);
        // An account that was created is known by its id from then on.
        let accounts = self.observed.snapshot.accounts.clone();
        let now = |key: &AccountKey| match key {
            AccountKey::Email(email) => {
                let found = accounts
                    .values()
                    .find(|account| account.value.email.as_ref() == Some(email));
                found.map_or_else(|| key.clone(), |account| account.value.key.clone())
            }
            AccountKey::Id(_) => key.clone(),
        };
        // As was what got another name.
        let effects = plan.actions.iter().filter_map(|action| action.effect.as_ref());
        let renamed: BTreeMap<PrincipalKey, PrincipalKey> = effects
            .filter_map(crate::state::fold_entities::renamed_principal)
            .collect();
        self.recorded.applied.access.rename_principals(&renamed);
        let name = |tuple: Tuple| {
            let (account, set, principal) = plan.names.resolve(tuple).unwrap();
            let principal = renamed.get(principal).unwrap_or(principal);
            (now(account), set.clone(), principal.clone())
        };
        let mut notes: BTreeMap<Triple, (Vec<Declaration>, bool)> = BTreeMap::new();
        let applied = &self.recorded.applied.access;
        for (index, tuple) in applied.tuples.iter().enumerate() {
            let (account, set, principal) = applied.names.resolve(*tuple).unwrap();
            let note = applied.note_at(index).unwrap();
            let blocks = note
                .declared_by
                .iter()
                .map(|b| applied.declarations[*b as usize].clone());
            notes.insert(
                (account.clone(), set.clone(), principal.clone()),
                (blocks.collect(), note.owned),
            );
        }
        let blocks = |note: u32| {
            let note = &plan.notes[note as usize];
            let blocks = note
                .declared_by
                .iter()
                .map(|b| plan.declarations[*b as usize].clone());
            (blocks.collect::<Vec<_>>(), true)
        };
        for step in &plan.grants {
            there.insert(name(step.tuple));
            notes.insert(name(step.tuple), blocks(step.note));
        }
        for step in &plan.revokes {
            notes.remove(&name(step.tuple));
        }
        for step in &plan.records {
            match step.change {
                RecordChange::Adopt | RecordChange::Relabel => {
                    notes.insert(name(step.tuple), blocks(step.note));
                }
                RecordChange::Forget => drop(notes.remove(&name(step.tuple))),
            }
        }
        self.observed.snapshot.access = relation(there);
        // A block whose time has come stays known without grants, as the plan has it.
        let ends = |block: &&Declaration| block.expires.is_some();
        let known = plan.declarations.iter().filter(ends).cloned().collect();
        self.recorded.applied.access = recorded_relation(notes, known);
        self.observed.roles = roles_of(&self.observed.snapshot.access);
    }

    /// Another moment.
    pub fn at(mut self, text: &str) -> Self {
        self.now = time(text);
        self
    }
}

type Triple = (AccountKey, PermissionSetName, PrincipalKey);

fn triples(access: &Access) -> BTreeSet<Triple> {
    let names = |tuple: &Tuple| {
        let (account, set, principal) = access.names.resolve(*tuple).unwrap();
        (account.clone(), set.clone(), principal.clone())
    };
    access.tuples.iter().map(names).collect()
}

fn names_of<'t>(triples: impl Iterator<Item = &'t Triple> + Clone) -> Names {
    Names::new(
        triples.clone().map(|t| t.0.clone()).collect(),
        triples.clone().map(|t| t.1.clone()).collect(),
        triples.map(|t| t.2.clone()).collect(),
    )
    .unwrap()
}

fn relation(triples: BTreeSet<Triple>) -> Access {
    let names = names_of(triples.iter());
    let tuples = triples
        .iter()
        .map(|t| names.tuple(&t.0, &t.1, &t.2).unwrap())
        .collect();
    Access::from_tuples(names, tuples)
}

fn recorded_relation(
    notes: BTreeMap<Triple, (Vec<Declaration>, bool)>,
    known: BTreeSet<Declaration>,
) -> Access {
    let names = names_of(notes.keys());
    let used = notes.values().flat_map(|(blocks, _)| blocks.clone());
    let declarations: BTreeMap<Address, Declaration> = known
        .into_iter()
        .chain(used)
        .map(|block| (block.address.clone(), block))
        .collect();
    let declarations: Vec<Declaration> = declarations.into_values().collect();
    let mut access = Access {
        names,
        declarations,
        ..Access::default()
    };
    for (triple, (blocks, owned)) in &notes {
        let declared_by = blocks
            .iter()
            .map(|block| {
                let found = access
                    .declarations
                    .binary_search_by(|other| other.address.cmp(&block.address));
                found.unwrap() as u32
            })
            .collect();
        let tuple = access.names.tuple(&triple.0, &triple.1, &triple.2).unwrap();
        access.tuples.push(tuple);
        access.note_of.push(access.notes.len() as u32);
        access.notes.push(Note {
            declared_by,
            owned: *owned,
        });
    }
    assert!(access.is_well_formed());
    access
}

fn roles_of(access: &Access) -> Vec<RoleRow> {
    let row = |pair| RoleRow {
        pair,
        suffix: None,
        provisioning: Provisioning::Latest,
    };
    access.pairs().into_iter().map(row).collect()
}

fn rename_principal(snapshot: &mut Snapshot, from: &PrincipalKey, to: &PrincipalKey) {
    let renamed = triples(&snapshot.access)
        .into_iter()
        .map(|(account, set, principal)| {
            let principal = if principal == *from { to.clone() } else { principal };
            (account, set, principal)
        });
    snapshot.access = relation(renamed.collect());
}

fn rename_user_grants(snapshot: &mut Snapshot, from: &UserName, to: &UserName) {
    rename_principal(
        snapshot,
        &PrincipalKey::User(from.clone()),
        &PrincipalKey::User(to.clone()),
    );
}

fn management(snapshot: &Snapshot, key: &EntityKey) -> Management {
    match key {
        EntityKey::OrganizationalUnit(path) => snapshot.organizational_units[path].management,
        EntityKey::Account(key) => snapshot.accounts[key].management,
        EntityKey::User(name) => snapshot.users[name].management,
        EntityKey::Group(name) => snapshot.groups[name].management,
        EntityKey::PermissionSet(name) => snapshot.permission_sets[name].management,
    }
}

/// An entity as a block of this kind and label declares it.
pub(crate) fn declared<T>(kind: Kind, label: &str, value: T, management: Management) -> Entity<T> {
    Entity {
        value,
        addresses: [Address::root(kind, label)].into(),
        management,
        location: None,
        keep_old_until: None,
    }
}

fn group_value(name: &str, members: Option<&[&str]>) -> Group {
    Group {
        display_name: GroupName::new(name).unwrap(),
        id: None,
        description: None,
        members: members.map(|members| members.iter().map(|name| user_name(name)).collect()),
        external_id: None,
    }
}

fn user_value(name: &str) -> User {
    User {
        user_name: user_name(name),
        id: None,
        given_name: "".into(),
        family_name: "".into(),
        display_name: name.into(),
        email: None,
        external_id: None,
    }
}

fn account_value(n: u32) -> Account {
    Account {
        key: account(n),
        name: format!("account-{n}").into(),
        email: None,
        ou: None,
        tags: None,
        status: AccountStatus::Active,
        management: false,
    }
}
