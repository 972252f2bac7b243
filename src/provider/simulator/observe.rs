//! The world as one reading of it: what the planner compares with.
//!
//! The world lies in the same process, so that nothing is asked call by call; what the cheapest reading of the real
//! service would have taken is counted all the same.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::denied::Denied;
use super::world::World;
use super::world::access::Pair as WorldPair;
use super::world::authorize::Position;
use super::world::call::Operation;
use super::world::error::ServiceError;
use super::world::identity_store::{Detail, ExternalId, Principal};
use super::world::organization::AccountState;
use super::world::permission_set::{self as set};
use super::world::place::{AccountIx, PrincipalIx, SetIx};
use super::world::request::{Request, RequestKind, Status};
use super::world::{Existence, identity_store};
use crate::address::Kind;
use crate::id::{
    AccountId, AccountKey, Email, GroupName, OuPath, PermissionSetName, PrincipalKey, ServiceId, UserName,
};
use crate::model::access::{Access, Names, Pair, Tuple};
use crate::model::account::{Account, AccountStatus, OrganizationalUnit};
use crate::model::action::Effect;
use crate::model::instance::{Caller, CallerRole, InProgress, Instance, Observed, Quotas};
use crate::model::permission_set::{Boundary, CustomerManagedPolicy, PermissionSet};
use crate::model::principal::{Group, User};
use crate::model::roles::{Provisioning, RoleRow, RoleSuffix};
use crate::model::snapshot::{Entity, Snapshot};
use crate::model::text::Text;
use crate::provider::{CallError, ProviderError, TakenToExist};

/// The directory that users and groups which are only looked up are taken to come from.
const DIRECTORY: &str = "https://directory.example.com";

/// Takes what a stack refers to to exist from the start, where the world allows it.
pub(super) fn take_to_exist(world: &mut World, entities: &[TakenToExist]) -> Result<(), ServiceError> {
    for entity in entities {
        match entity {
            TakenToExist::OrganizationalUnit(path) => {
                world.ensure_unit(path.as_str())?;
            }
            TakenToExist::Account(account) => take_account(world, account)?,
            TakenToExist::User(name, id) => {
                let id = external(id.as_deref().unwrap_or(name.as_str()));
                world.ensure_user(directory_user(name.as_str()), Some(id))?;
            }
            TakenToExist::Group(name, id) => {
                let id = external(id.as_deref().unwrap_or(name.as_str()));
                let group = identity_store::Group {
                    display_name: name.to_string(),
                    description: None,
                };
                world.ensure_group(group, Some(id))?;
            }
            TakenToExist::PermissionSet(name) => {
                world.ensure_permission_set(name.as_str())?;
            }
        }
    }
    Ok(())
}

fn take_account(world: &mut World, account: &Account) -> Result<(), ServiceError> {
    let Some(id) = account.id() else { return Ok(()) };
    let email = account
        .email
        .as_ref()
        .map_or_else(|| format!("{id}@example.com"), ToString::to_string);
    if world.ensure_account(id.as_str(), &account.name, &email)? != Existence::Made {
        return Ok(());
    }
    let path = account.ou.clone().unwrap_or_else(OuPath::root);
    world.ensure_unit(path.as_str())?;
    let unit = world.organization().unit_by_path(path.as_str());
    let tags = account
        .tags
        .iter()
        .flatten()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect();
    match unit.or_else(|| world.organization().unit_by_path("")) {
        Some(unit) => world.ensure_placement(id.as_str(), unit, &tags),
        None => Ok(()),
    }
}

/// The id that a directory has for what is taken to exist: the one the stack gives, else the name.
fn external(id: &str) -> ExternalId {
    ExternalId {
        issuer: DIRECTORY.to_owned(),
        id: id.to_owned(),
    }
}

/// A user as a directory would have it, from a name like `ada.lovelace@example.com`.
fn directory_user(name: &str) -> identity_store::User {
    let local = name.split('@').next().unwrap_or(name);
    let mut parts = local
        .split(['.', '_', '-'])
        .filter(|part| !part.is_empty())
        .map(capitalised);
    let given = parts.next().unwrap_or_else(|| name.to_owned());
    let family = parts.next_back().unwrap_or_else(|| given.clone());
    identity_store::User {
        user_name: name.to_owned(),
        display_name: if given == family {
            given.clone()
        } else {
            format!("{given} {family}")
        },
        given_name: given,
        family_name: family,
        email: name.contains('@').then(|| name.to_owned()),
        attributes: BTreeMap::new(),
    }
}

fn capitalised(part: &str) -> String {
    let mut letters = part.chars();
    letters
        .next()
        .map(|first| first.to_uppercase().chain(letters).collect())
        .unwrap_or_default()
}

/// Reads the whole instance, but for what is denied.
pub(super) fn observe(world: &mut World, sets_denied: Option<CallError>) -> Result<Observed, ProviderError> {
    let denied = Denied::ask(world, sets_denied)?;
    let calls = cost(world);
    for (operation, count) in &calls {
        world.charge(*operation, *count);
    }
    let (access, ranks) = relation(world, &denied)?;
    let roles = roles(world, &ranks);
    let snapshot = Snapshot {
        organizational_units: units(world, &denied),
        accounts: accounts(world, &denied),
        users: users(world, &denied),
        groups: groups(world, &denied),
        permission_sets: permission_sets(world, &denied),
        access,
    };
    Ok(Observed {
        at: world.now().timestamp(),
        instance: instance(world)?,
        caller: caller(world),
        quotas: quotas(world),
        snapshot,
        roles,
        held: denied.held(world),
        in_accounts: super::inside::faults(world),
        in_progress: in_progress(world),
        calls: calls
            .into_iter()
            .map(|(operation, count)| (Arc::from(operation.name()), count))
            .collect(),
    })
}

/// For each place, the rank of its name.
struct Ranks {
    accounts: Vec<Option<u32>>,
    sets: Vec<Option<u32>>,
}

fn relation(world: &World, denied: &Denied) -> Result<(Access, Ranks), ProviderError> {
    let store = world.identity_store();
    let account_keys: Vec<Option<AccountKey>> = world
        .organization()
        .accounts()
        .map(|(at, account)| account_key(&account.id).filter(|_| !denied.pairs_in(at)))
        .collect();
    let mut used_sets: Vec<bool> = Vec::new();
    let mut used = vec![false; store.principals_made()];
    for (account, _) in world.organization().accounts() {
        for pair in world.access().pairs(account) {
            if pair.set().at() >= used_sets.len() {
                used_sets.resize(pair.set().at() + 1, false);
            }
            mark(&mut used_sets, pair.set().at());
            pair.principals()
                .iter()
                .for_each(|principal| mark(&mut used, principal.at()));
        }
    }
    let set_keys: Vec<Option<PermissionSetName>> = (0..)
        .zip(&used_sets)
        .map(|(at, used)| used.then(|| set_name(world, at)).flatten())
        .collect();
    let principal_keys: Vec<Option<PrincipalKey>> = (0..)
        .zip(&used)
        .map(|(at, used)| used.then(|| principal_at(world, at, denied)).flatten())
        .collect();
    let names = Names::new(
        account_keys.iter().flatten().cloned().collect(),
        set_keys.iter().flatten().cloned().collect(),
        principal_keys.iter().flatten().cloned().collect(),
    )
    .map_err(|error| ProviderError::Storage {
        message: Arc::from(error.to_string()),
    })?;
    let ranks = Ranks {
        accounts: account_keys
            .iter()
            .map(|key| names.account_rank(key.as_ref()?))
            .collect(),
        sets: set_keys
            .iter()
            .map(|key| names.permission_set_rank(key.as_ref()?))
            .collect(),
    };
    let principals: Vec<Option<u32>> = principal_keys
        .iter()
        .map(|key| names.principal_rank(key.as_ref()?))
        .collect();
    let mut tuples = Vec::new();
    for_each_pair(world, &ranks, |account, set, at, pair| {
        if denied.assignments(at, pair.set()) {
            return;
        }
        let ranked = pair
            .principals()
            .iter()
            .filter_map(|at| principals.get(at.at()).copied().flatten());
        tuples.extend(ranked.map(|principal| Tuple::new(account, set, principal)));
    });
    Ok((Access::from_tuples(names, tuples), ranks))
}

fn roles(world: &World, ranks: &Ranks) -> Vec<RoleRow> {
    let mut rows = Vec::new();
    for_each_pair(world, ranks, |account, set, at, pair| {
        let tampered = pair.role().is_none_or(|role| role.edit.is_some());
        rows.push(RoleRow {
            pair: Pair::new(account, set),
            suffix: world.role_suffix(at, pair).map(RoleSuffix),
            provisioning: match (tampered, world.is_stale(pair)) {
                (true, _) => Provisioning::Tampered,
                (false, true) => Provisioning::Stale,
                (false, false) => Provisioning::Latest,
            },
        });
    });
    rows.sort_unstable_by_key(|row| row.pair);
    rows.shrink_to_fit();
    rows
}

fn for_each_pair(world: &World, ranks: &Ranks, mut body: impl FnMut(u32, u32, AccountIx, &WorldPair)) {
    for (at, _) in world.organization().accounts() {
        let Some(account) = ranks.accounts.get(at.at()).copied().flatten() else {
            continue;
        };
        for pair in world.access().pairs(at) {
            if let Some(set) = ranks.sets.get(pair.set().at()).copied().flatten() {
                body(account, set, at, pair);
            }
        }
    }
}

fn mark(table: &mut [bool], at: usize) {
    if let Some(entry) = table.get_mut(at) {
        *entry = true;
    }
}

pub(super) fn account_key(id: &str) -> Option<AccountKey> {
    AccountId::new(id).ok().map(AccountKey::Id)
}

pub(super) fn set_name(world: &World, at: usize) -> Option<PermissionSetName> {
    PermissionSetName::new(&world.permission_sets().get(SetIx::new(at))?.name).ok()
}

/// A principal as an assignment names it: by its id alone where its kind could not be listed.
fn principal_at(world: &World, at: usize, denied: &Denied) -> Option<PrincipalKey> {
    let at = PrincipalIx::new(at);
    let unnamed = |kind| denied.all(kind);
    match principal_key(world, at)? {
        PrincipalKey::User(_) if unnamed(Kind::User) => {
            service_id(world.principal_id(at)).map(PrincipalKey::OrphanUser)
        }
        PrincipalKey::Group(_) if unnamed(Kind::Group) => {
            service_id(world.principal_id(at)).map(PrincipalKey::OrphanGroup)
        }
        known => Some(known),
    }
}

fn principal_key(world: &World, at: PrincipalIx) -> Option<PrincipalKey> {
    let principal = world.identity_store().principal(at)?;
    let orphan = || world.principal_id(at).and_then(|id| ServiceId::new(id).ok());
    match (&principal.detail, principal.live) {
        (Detail::User(user), true) => UserName::new(&user.user_name).ok().map(PrincipalKey::User),
        (Detail::Group(group), true) => GroupName::new(&group.display_name).ok().map(PrincipalKey::Group),
        (Detail::User(_), false) => orphan().map(PrincipalKey::OrphanUser),
        (Detail::Group(_), false) => orphan().map(PrincipalKey::OrphanGroup),
    }
}

fn units(world: &World, denied: &Denied) -> BTreeMap<OuPath, Entity<OrganizationalUnit>> {
    let organization = world.organization();
    let described = organization.units().filter_map(|(at, unit)| {
        let path = OuPath::new(organization.path(at)).ok()?;
        if denied.all(Kind::OrganizationalUnit) && !path.is_root() {
            return None;
        }
        let id = ServiceId::new(&unit.id).ok();
        Some((path.clone(), Entity::observed(OrganizationalUnit { path, id })))
    });
    described.collect()
}

fn accounts(world: &World, denied: &Denied) -> BTreeMap<AccountKey, Entity<Account>> {
    let organization = world.organization();
    let described = organization.accounts().filter_map(|(at, account)| {
        let key = account_key(&account.id).filter(|_| !denied.all(Kind::Account))?;
        let unit = OuPath::new(organization.path(account.parent)).ok();
        let tags = account
            .tags
            .iter()
            .map(|(key, value)| (Arc::from(key.as_str()), Arc::from(value.as_str())));
        let value = Account {
            key: key.clone(),
            name: Arc::from(account.name.as_str()),
            email: Email::new(&account.email).ok(),
            ou: unit.filter(|_| !denied.all(Kind::OrganizationalUnit)),
            tags: (!denied.tags_of(at)).then(|| tags.collect()),
            status: match account.state {
                AccountState::PendingActivation => AccountStatus::PendingActivation,
                AccountState::Active => AccountStatus::Active,
                AccountState::Suspended => AccountStatus::Suspended,
                AccountState::PendingClosure => AccountStatus::PendingClosure,
                AccountState::Closed | AccountState::Removed => AccountStatus::Closed,
            },
            management: at == organization.management(),
        };
        Some((key, Entity::observed(value)))
    });
    described.collect()
}

fn external_id(principal: &Principal) -> Option<Arc<str>> {
    principal
        .external_id
        .as_ref()
        .map(|external| Arc::from(external.id.as_str()))
}

fn users(world: &World, denied: &Denied) -> BTreeMap<UserName, Entity<User>> {
    if denied.all(Kind::User) {
        return BTreeMap::new();
    }
    let described = world.identity_store().principals().filter_map(|(at, principal)| {
        let user = principal.user()?;
        let user_name = UserName::new(&user.user_name).ok()?;
        let value = User {
            user_name: user_name.clone(),
            id: service_id(world.principal_id(at)),
            given_name: Arc::from(user.given_name.as_str()),
            family_name: Arc::from(user.family_name.as_str()),
            display_name: Arc::from(user.display_name.as_str()),
            email: user.email.as_deref().map(Arc::from),
            external_id: external_id(principal),
        };
        Some((user_name, Entity::observed(value)))
    });
    described.collect()
}

fn groups(world: &World, denied: &Denied) -> BTreeMap<GroupName, Entity<Group>> {
    if denied.all(Kind::Group) {
        return BTreeMap::new();
    }
    let store = world.identity_store();
    let described = store.principals().filter_map(|(at, principal)| {
        let group = principal.group()?;
        let display_name = GroupName::new(&group.display_name).ok()?;
        let members = store
            .members(at)
            .filter_map(|user| UserName::new(store.principal(user)?.name()).ok());
        let value = Group {
            display_name: display_name.clone(),
            id: service_id(world.principal_id(at)),
            description: group.description.as_deref().map(Arc::from),
            // Without the users, members have ids and no names.
            members: (!denied.all(Kind::User) && !denied.members_of(at)).then(|| members.collect()),
            external_id: external_id(principal),
        };
        Some((display_name, Entity::observed(value)))
    });
    described.collect()
}

fn permission_sets(world: &World, denied: &Denied) -> BTreeMap<PermissionSetName, Entity<PermissionSet>> {
    let described = world.permission_sets().iter().filter_map(|(at, set)| {
        let name = PermissionSetName::new(&set.name)
            .ok()
            .filter(|_| !denied.content_of(at))?;
        let definition = set.definition()?;
        let text = |text: &Option<String>| text.as_deref().map(Text::from);
        let mut value = PermissionSet::new(name.clone());
        value.arn = service_id(world.permission_set_arn(at));
        value.description = text(&definition.description);
        value.session_duration = definition.session_duration.parse().unwrap_or_default();
        value.relay_state = text(&definition.relay_state);
        value.inline_policy = text(&definition.inline_policy);
        value.managed_policies = definition
            .managed_policies
            .iter()
            .map(|arn| Arc::from(arn.as_str()))
            .collect();
        value.customer_managed_policies = definition
            .customer_managed_policies
            .iter()
            .map(customer)
            .collect();
        value.permissions_boundary = definition.boundary.as_ref().map(|boundary| match boundary {
            set::Boundary::Managed(arn) => Boundary::Managed(Arc::from(arn.as_str())),
            set::Boundary::Customer(policy) => Boundary::CustomerManaged(customer(policy)),
        });
        value.tags = set
            .tags
            .iter()
            .map(|(key, tag)| (Arc::from(key.as_str()), Text::from(tag.as_str())))
            .collect();
        Some((name, Entity::observed(value)))
    });
    described.collect()
}

fn customer(policy: &set::CustomerManagedPolicy) -> CustomerManagedPolicy {
    CustomerManagedPolicy {
        path: Arc::from(policy.path.as_str()),
        name: Arc::from(policy.name.as_str()),
    }
}

fn service_id(id: Option<String>) -> Option<ServiceId> {
    id.and_then(|id| ServiceId::new(id).ok())
}

fn instance(world: &World) -> Result<Instance, ProviderError> {
    let described = world.instance();
    let id = |text: &str| {
        ServiceId::new(text).map_err(|error| ProviderError::Storage {
            message: Arc::from(error.to_string()),
        })
    };
    Ok(Instance {
        arn: id(&described.instance_arn)?,
        identity_store: id(&described.identity_store_id)?,
        organization: service_id(Some(world.ids().organization_id())),
        region: Arc::from(described.region),
        management_account: AccountId::new(&described.owner_account_id).ok(),
    })
}

fn caller(world: &World) -> Option<Caller> {
    let account = world
        .caller()
        .account
        .clone()
        .unwrap_or_else(|| world.instance().owner_account_id);
    Some(Caller {
        arn: Arc::from(world.caller_arn()),
        account: AccountId::new(account).ok()?,
        role: match world.position() {
            Position::Management => CallerRole::Management,
            Position::Delegated => CallerRole::DelegatedAdministrator,
            Position::Member | Position::Outsider => CallerRole::Member,
        },
        session: None,
    })
}

fn quotas(world: &World) -> Quotas {
    let quotas = &world.settings().quotas;
    Quotas {
        permission_sets: quotas.permission_sets,
        permission_sets_per_account: quotas.permission_sets_per_account,
        managed_policies_per_set: quotas.policies_per_set,
        provision_all_reach: quotas.provision_reach,
        users: quotas.users,
        groups: quotas.groups,
        calls_per_second: quotas.requests_per_second,
        identity_store_calls_per_second: quotas.requests_per_second,
        assignments_in_flight: quotas.outstanding_assignments,
        provisionings_in_flight: quotas.outstanding_provisions,
    }
}

fn in_progress(world: &World) -> Vec<InProgress> {
    let pending = world
        .requests()
        .from(0)
        .filter(|request| request.status == Status::InProgress);
    let described = pending.filter_map(|request| {
        Some(InProgress {
            request_id: Arc::from(world.public_request_id(request)),
            what: effect_of(world, request)?,
        })
    });
    described.collect()
}

fn effect_of(world: &World, request: &Request) -> Option<Effect> {
    let account = |at: AccountIx| account_key(&world.organization().account(at)?.id);
    Some(match &request.kind {
        RequestKind::Assign {
            account: at,
            set,
            principal,
        } => Effect::Grant {
            account: account(*at)?,
            permission_set: set_name(world, set.at())?,
            principal: principal_key(world, *principal)?,
        },
        RequestKind::Unassign {
            account: at,
            set,
            principal,
        } => Effect::Revoke {
            account: account(*at)?,
            permission_set: set_name(world, set.at())?,
            principal: principal_key(world, *principal)?,
        },
        RequestKind::Provision { set, account: at } => Effect::Provision {
            name: set_name(world, set.at())?,
            accounts: match at {
                None => None,
                Some(at) => Some([account(*at)?].into()),
            },
        },
        // No plan names whom the directory does not have, and it will fail.
        RequestKind::Stranger { .. } => return None,
        RequestKind::Account { name, email, tags } => {
            let email = Email::new(email).ok()?;
            let tags = tags
                .iter()
                .map(|(key, value)| (Arc::from(key.as_str()), Arc::from(value.as_str())));
            Effect::CreateAccount {
                account: Account {
                    key: AccountKey::Email(email.clone()),
                    name: Arc::from(name.as_str()),
                    email: Some(email),
                    ou: None,
                    tags: Some(tags.collect()),
                    status: AccountStatus::PendingActivation,
                    management: false,
                },
            }
        }
    })
}

/// What the cheapest reading of the real service takes: sets by account and then assignments by pair, six calls for a
/// permission set, members by group, accounts by unit.
fn cost(world: &World) -> BTreeMap<Operation, u64> {
    let mut calls = BTreeMap::new();
    let mut count = |operation, pages: usize| *calls.entry(operation).or_insert(0) += pages as u64;
    let pages = |items: usize, page: usize| items.div_ceil(page).max(1);
    let (units, accounts) = (
        world.organization().units().count(),
        world.organization().accounts().count(),
    );
    count(Operation::ListInstances, 1);
    count(Operation::ListRoots, 1);
    count(Operation::ListOrganizationalUnitsForParent, units);
    count(Operation::ListAccountsForParent, units + accounts / 20);
    count(Operation::OrganizationsListTagsForResource, accounts);
    let sets = world.permission_sets().len();
    count(Operation::ListPermissionSets, pages(sets, 100));
    for operation in [
        Operation::DescribePermissionSet,
        Operation::GetInlinePolicyForPermissionSet,
        Operation::ListManagedPoliciesInPermissionSet,
        Operation::ListCustomerManagedPolicyReferencesInPermissionSet,
        Operation::GetPermissionsBoundaryForPermissionSet,
        Operation::ListTagsForResource,
    ] {
        count(operation, sets);
    }
    for (at, _) in world.organization().accounts() {
        let pairs = world.access().pairs(at);
        count(
            Operation::ListPermissionSetsProvisionedToAccount,
            pages(pairs.len(), 100),
        );
        for pair in pairs {
            count(
                Operation::ListAccountAssignments,
                pages(pair.principals().len(), 100),
            );
        }
    }
    let store = world.identity_store();
    let (groups, users): (Vec<_>, Vec<_>) = store.principals().partition(|(_, p)| p.group().is_some());
    count(Operation::ListUsers, pages(users.len(), 100));
    count(Operation::ListGroups, pages(groups.len(), 100));
    for (at, _) in &groups {
        count(
            Operation::ListGroupMemberships,
            pages(store.members(*at).count(), 100),
        );
    }
    calls.retain(|_, calls| *calls > 0);
    calls
}
