//! Effects as calls of the world's operations.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use super::meaning::unknown;
use super::requests::{Awaited, Progress, begin_provision, call, done};
use super::world::World;
use super::world::assignment::PrincipalRef;
use super::world::call::Operation;
use super::world::grant::Parts;
use super::world::identity_store::{self, AttributeOperation, PrincipalKind};
use super::world::permission_set::{self as set, CreatePermissionSet, UpdatePermissionSet};
use super::world::place::{AccountIx, PrincipalIx, SetIx};
use crate::id::{AccountKey, EntityKey, OuPath, PermissionSetName, PrincipalKey};
use crate::model::account::Account;
use crate::model::action::Effect;
use crate::model::permission_set::{Boundary, CustomerManagedPolicy, PermissionSet};
use crate::model::principal::{Group, User};
use crate::model::text::Text;
use crate::provider::{CallError, Ids};

type Step<T> = Result<T, CallError>;

/// Starts an effect. `places` keeps what was looked up for the effects before it.
pub(super) fn begin<'e>(
    world: &mut World,
    effect: &'e Effect,
    ids: &dyn Ids,
    places: &mut Places<'e>,
) -> Progress {
    let mut caller = Calls { world, ids };
    let begun = match effect {
        Effect::Grant {
            account,
            permission_set,
            principal,
        } => caller.assign(true, (account, permission_set, principal), places),
        Effect::Revoke {
            account,
            permission_set,
            principal,
        } => caller.assign(false, (account, permission_set, principal), places),
        _ => caller.begin(effect),
    };
    begun.unwrap_or_else(|error| Progress::Done(Err(error)))
}

/// The parts of an assignment by name.
type Named<'e> = (&'e AccountKey, &'e PermissionSetName, &'e PrincipalKey);

/// Where the world has what the effects of a batch name. Ids do not change within one, and places never do.
#[derive(Debug, Default)]
pub(super) struct Places<'e> {
    accounts: FxHashMap<&'e AccountKey, AccountIx>,
    sets: FxHashMap<&'e PermissionSetName, SetIx>,
    principals: FxHashMap<&'e PrincipalKey, PrincipalIx>,
}

struct Calls<'a> {
    world: &'a mut World,
    ids: &'a dyn Ids,
}

impl Calls<'_> {
    fn begin(&mut self, effect: &Effect) -> Step<Progress> {
        match effect {
            Effect::CreateOrganizationalUnit { path } => self.create_unit(path),
            Effect::RenameOrganizationalUnit { from, to } => {
                let id = self.unit(from)?;
                let operation = Operation::UpdateOrganizationalUnit;
                call(self.world, operation, |world| {
                    world.update_organizational_unit(&id, &to.name())
                })?;
                Ok(done(None))
            }
            Effect::CreateAccount { account } => self.create_account(account),
            Effect::MoveAccount { account, from, to } => {
                let (id, from, to) = (self.account(account)?, self.unit(from)?, self.unit(to)?);
                call(self.world, Operation::MoveAccount, |world| {
                    world.move_account(&id, &from, &to)
                })?;
                Ok(done(None))
            }
            Effect::TagAccount { account, from, to } => self.tag_account(account, from, to),
            Effect::CreateUser { user } => {
                let input = user_input(user);
                let id = call(self.world, Operation::CreateUser, |world| {
                    world.create_user(input)
                })?;
                Ok(done(Some(id)))
            }
            Effect::UpdateUser { from, to } => self.update_user(from, to),
            Effect::DeleteUser { user } => self.delete(PrincipalKind::User, &EntityKey::User(user.clone())),
            Effect::CreateGroup { group } => {
                let (name, description) = (group.display_name.as_str(), group.description.as_deref());
                let id = call(self.world, Operation::CreateGroup, |world| {
                    world.create_group(name, description)
                })?;
                Ok(done(Some(id)))
            }
            Effect::UpdateGroup { from, to } => self.update_group(from, to),
            Effect::DeleteGroup { group } => {
                self.delete(PrincipalKind::Group, &EntityKey::Group(group.clone()))
            }
            Effect::AddMember { group, user } => {
                let (group, user) = (
                    self.id(&EntityKey::Group(group.clone()))?,
                    self.id(&EntityKey::User(user.clone()))?,
                );
                let operation = Operation::CreateGroupMembership;
                let id = call(self.world, operation, |world| {
                    world.create_group_membership(&group, &user)
                })?;
                Ok(done(Some(id)))
            }
            Effect::RemoveMember { group, user } => {
                let (group, user) = (
                    self.id(&EntityKey::Group(group.clone()))?,
                    self.id(&EntityKey::User(user.clone()))?,
                );
                let operation = Operation::GetGroupMembershipId;
                let id = call(self.world, operation, |world| {
                    world.get_group_membership_id(&group, &user)
                })?;
                let operation = Operation::DeleteGroupMembership;
                call(self.world, operation, |world| world.delete_group_membership(&id))?;
                Ok(done(None))
            }
            Effect::CreatePermissionSet { permission_set } => self.create_set(permission_set),
            Effect::UpdatePermissionSet { from, to } => self.update_set(from, to),
            Effect::DeletePermissionSet { name } => {
                let arn = self.set(name)?;
                call(self.world, Operation::DeletePermissionSet, |world| {
                    world.delete_permission_set(&arn)
                })?;
                Ok(done(None))
            }
            Effect::Provision { name, accounts } => {
                let set = self.set(name)?;
                let accounts = accounts.as_ref().map(|accounts| {
                    let ids = accounts.iter().map(|key| self.account(key));
                    ids.collect::<Step<Vec<String>>>()
                });
                begin_provision(self.world, set, accounts.transpose()?)
            }
            // Whoever calls this has dealt with them.
            Effect::Grant { .. } | Effect::Revoke { .. } => Ok(done(None)),
        }
    }

    /// Asks for an assignment, or for its end.
    fn assign<'e>(&mut self, is_grant: bool, named: Named<'e>, places: &mut Places<'e>) -> Step<Progress> {
        let operation = match is_grant {
            true => Operation::CreateAccountAssignment,
            false => Operation::DeleteAccountAssignment,
        };
        let number = match self.parts(named, places)? {
            Some(parts) => call(self.world, operation, |world| match is_grant {
                true => world.assign(parts),
                false => world.unassign(parts),
            })?,
            None => self.assign_by_texts(operation, named)?,
        };
        Ok(Progress::Waiting(Awaited::Assignment(number)))
    }

    /// Where the parts of an assignment are; `None` when the world does not have them all.
    fn parts<'e>(&self, named: Named<'e>, places: &mut Places<'e>) -> Step<Option<Parts>> {
        let (account, set, principal) = named;
        let found = Parts {
            account: match places.accounts.get(account) {
                Some(at) => *at,
                None => match self.world.account_place(&self.account(account)?) {
                    Some(at) => *places.accounts.entry(account).or_insert(at),
                    None => return Ok(None),
                },
            },
            set: match places.sets.get(set) {
                Some(at) => *at,
                None => match self.world.set_place(&self.set(set)?) {
                    Some(at) => *places.sets.entry(set).or_insert(at),
                    None => return Ok(None),
                },
            },
            principal: match places.principals.get(principal) {
                Some(at) => *at,
                None => {
                    let (kind, id) = self.principal(principal)?;
                    match self.world.principal_place(kind, &id) {
                        Some(at) => *places.principals.entry(principal).or_insert(at),
                        None => return Ok(None),
                    }
                }
            },
        };
        Ok(Some(found))
    }

    /// As a client without any knowledge of the world asks; gives the request's number.
    fn assign_by_texts(&mut self, operation: Operation, (account, set, principal): Named<'_>) -> Step<u64> {
        let (account, set) = (self.account(account)?, self.set(set)?);
        let (kind, id) = self.principal(principal)?;
        let who: PrincipalRef<'_> = (kind, &id);
        let status = call(self.world, operation, |world| match operation {
            Operation::CreateAccountAssignment => world.create_account_assignment(&account, &set, who),
            _ => world.delete_account_assignment(&account, &set, who),
        })?;
        let request = self.world.find_request(&status.request_id);
        request
            .map(|request| request.sequence)
            .ok_or_else(|| unknown("request", &status.request_id))
    }

    fn create_unit(&mut self, path: &OuPath) -> Step<Progress> {
        let above = self.unit(&path.parent().unwrap_or_else(OuPath::root))?;
        let operation = Operation::CreateOrganizationalUnit;
        let unit = call(self.world, operation, |world| {
            world.create_organizational_unit(&above, &path.name(), &BTreeMap::new())
        })?;
        Ok(done(Some(unit.id)))
    }

    fn create_account(&mut self, account: &Account) -> Step<Progress> {
        let unit = match &account.ou {
            Some(path) if !path.is_root() => Some(self.unit(path)?),
            _ => None,
        };
        let email = match (&account.key, &account.email) {
            (AccountKey::Email(email), _) | (AccountKey::Id(_), Some(email)) => email.to_string(),
            (AccountKey::Id(id), None) => return Err(unknown("the e-mail address of account", id.as_str())),
        };
        let tags = account.tags.as_ref().map(owned_tags).unwrap_or_default();
        // A run only creates an account whose id is known where the answer to its first attempt was lost.
        if let (AccountKey::Email(_), Ok(id)) = (&account.key, self.account(&account.key)) {
            return self.complete_account(id, &tags, unit);
        }
        let operation = Operation::CreateAccount;
        let status = call(self.world, operation, |world| {
            world.create_account(&account.name, &email, &tags, None)
        })?;
        Ok(Progress::Waiting(Awaited::Account {
            request: status.id,
            unit,
        }))
    }

    /// Tags and moves an account whose creation was cut short.
    fn complete_account(
        &mut self,
        id: String,
        tags: &BTreeMap<String, String>,
        unit: Option<String>,
    ) -> Step<Progress> {
        if !tags.is_empty() {
            let operation = Operation::OrganizationsTagResource;
            call(self.world, operation, |world| {
                world.tag_organization_resource(&id, tags)
            })?;
        }
        let parent = call(self.world, Operation::ListParents, |world| {
            world.list_parents(&id)
        })?;
        if let Some(unit) = unit.filter(|unit| *unit != parent) {
            call(self.world, Operation::MoveAccount, |world| {
                world.move_account(&id, &parent, &unit)
            })?;
        }
        Ok(done(Some(id)))
    }

    fn tag_account(
        &mut self,
        account: &AccountKey,
        from: &BTreeMap<Arc<str>, Arc<str>>,
        to: &BTreeMap<Arc<str>, Arc<str>>,
    ) -> Step<Progress> {
        let id = self.account(account)?;
        let gone: Vec<String> = from
            .keys()
            .filter(|key| !to.contains_key(*key))
            .map(ToString::to_string)
            .collect();
        if !gone.is_empty() {
            let operation = Operation::OrganizationsUntagResource;
            call(self.world, operation, |world| {
                world.untag_organization_resource(&id, &gone)
            })?;
        }
        let mut tags = owned_tags(to);
        tags.retain(|key, value| from.get(key.as_str()).is_none_or(|before| **before != **value));
        if !tags.is_empty() {
            let operation = Operation::OrganizationsTagResource;
            call(self.world, operation, |world| {
                world.tag_organization_resource(&id, &tags)
            })?;
        }
        Ok(done(None))
    }

    fn update_user(&mut self, from: &User, to: &User) -> Step<Progress> {
        let id = self.id(&EntityKey::User(from.user_name.clone()))?;
        let (before, after) = (user_input(from), user_input(to));
        let mut operations: Vec<AttributeOperation<'_>> = Vec::new();
        for (path, old, new) in [
            ("userName", &before.user_name, &after.user_name),
            ("displayName", &before.display_name, &after.display_name),
            ("name.givenName", &before.given_name, &after.given_name),
            ("name.familyName", &before.family_name, &after.family_name),
        ] {
            if old != new {
                operations.push((path, Some(new)));
            }
        }
        if before.email != after.email {
            operations.push(("emails", after.email.as_deref()));
        }
        call(self.world, Operation::UpdateUser, |world| {
            world.update_user(&id, &operations, None)
        })?;
        Ok(done(None))
    }

    fn update_group(&mut self, from: &Group, to: &Group) -> Step<Progress> {
        let id = self.id(&EntityKey::Group(from.display_name.clone()))?;
        let operations: [AttributeOperation<'_>; 2] = [
            ("displayName", Some(to.display_name.as_str())),
            ("description", to.description.as_deref()),
        ];
        call(self.world, Operation::UpdateGroup, |world| {
            world.update_group(&id, &operations, None)
        })?;
        Ok(done(None))
    }

    fn delete(&mut self, kind: PrincipalKind, key: &EntityKey) -> Step<Progress> {
        let id = self.id(key)?;
        let operation = match kind {
            PrincipalKind::User => Operation::DeleteUser,
            PrincipalKind::Group => Operation::DeleteGroup,
        };
        call(self.world, operation, |world| {
            world.delete_principal(kind, &id, None)
        })?;
        Ok(done(None))
    }

    fn create_set(&mut self, wanted: &PermissionSet) -> Step<Progress> {
        let input = CreatePermissionSet {
            name: wanted.name.to_string(),
            description: known(wanted.description.as_ref())?,
            session_duration: Some(wanted.session_duration.to_string()),
            relay_state: known(wanted.relay_state.as_ref())?,
            tags: set_tags(wanted)?,
        };
        let made = call(self.world, Operation::CreatePermissionSet, |world| {
            world.create_permission_set(input)
        })?;
        let mut bare = PermissionSet::new(wanted.name.clone());
        bare.tags = wanted.tags.clone();
        self.change_policies(&made.arn, &bare, wanted)?;
        Ok(done(Some(made.arn)))
    }

    fn update_set(&mut self, from: &PermissionSet, to: &PermissionSet) -> Step<Progress> {
        let arn = self.set(&from.name)?;
        let fields = |set: &PermissionSet| {
            (
                set.description.clone(),
                set.session_duration,
                set.relay_state.clone(),
            )
        };
        if fields(from) != fields(to) {
            let input = UpdatePermissionSet {
                description: known(to.description.as_ref())?,
                session_duration: Some(to.session_duration.to_string()),
                relay_state: known(to.relay_state.as_ref())?,
            };
            let operation = Operation::UpdatePermissionSet;
            call(self.world, operation, |world| {
                world.update_permission_set(&arn, input)
            })?;
        }
        self.change_policies(&arn, from, to)?;
        self.change_tags(&arn, from, to)?;
        Ok(done(None))
    }

    /// Detaches before it attaches, so that a full set can be changed.
    fn change_policies(&mut self, arn: &str, from: &PermissionSet, to: &PermissionSet) -> Step<()> {
        for policy in from.managed_policies.difference(&to.managed_policies) {
            let operation = Operation::DetachManagedPolicyFromPermissionSet;
            call(self.world, operation, |world| {
                world.detach_managed_policy(arn, policy)
            })?;
        }
        for policy in from
            .customer_managed_policies
            .difference(&to.customer_managed_policies)
        {
            let operation = Operation::DetachCustomerManagedPolicyReferenceFromPermissionSet;
            call(self.world, operation, |world| {
                world.detach_customer_managed_policy(arn, &customer(policy))
            })?;
        }
        for policy in to.managed_policies.difference(&from.managed_policies) {
            let operation = Operation::AttachManagedPolicyToPermissionSet;
            call(self.world, operation, |world| {
                world.attach_managed_policy(arn, policy)
            })?;
        }
        for policy in to
            .customer_managed_policies
            .difference(&from.customer_managed_policies)
        {
            let operation = Operation::AttachCustomerManagedPolicyReferenceToPermissionSet;
            call(self.world, operation, |world| {
                world.attach_customer_managed_policy(arn, &customer(policy))
            })?;
        }
        if from.inline_policy != to.inline_policy {
            match known(to.inline_policy.as_ref())? {
                Some(policy) => {
                    let operation = Operation::PutInlinePolicyToPermissionSet;
                    call(self.world, operation, |world| {
                        world.put_inline_policy(arn, &policy)
                    })?;
                }
                None => {
                    let operation = Operation::DeleteInlinePolicyFromPermissionSet;
                    call(self.world, operation, |world| world.delete_inline_policy(arn))?;
                }
            }
        }
        if from.permissions_boundary != to.permissions_boundary {
            match &to.permissions_boundary {
                Some(boundary) => {
                    let operation = Operation::PutPermissionsBoundaryToPermissionSet;
                    let boundary = match boundary {
                        Boundary::Managed(arn) => set::Boundary::Managed(arn.to_string()),
                        Boundary::CustomerManaged(policy) => set::Boundary::Customer(customer(policy)),
                    };
                    call(self.world, operation, |world| {
                        world.put_permissions_boundary(arn, &boundary)
                    })?;
                }
                None => {
                    let operation = Operation::DeletePermissionsBoundaryFromPermissionSet;
                    call(self.world, operation, |world| {
                        world.delete_permissions_boundary(arn)
                    })?;
                }
            }
        }
        Ok(())
    }

    fn change_tags(&mut self, arn: &str, from: &PermissionSet, to: &PermissionSet) -> Step<()> {
        let gone = from.tags.keys().filter(|key| !to.tags.contains_key(*key));
        let gone: Vec<String> = gone.map(ToString::to_string).collect();
        if !gone.is_empty() {
            call(self.world, Operation::UntagResource, |world| {
                world.untag_resource(arn, &gone)
            })?;
        }
        let mut tags = set_tags(to)?;
        tags.retain(|key, value| {
            let before = from.tags.get(key.as_str()).and_then(Text::as_known);
            before != Some(value.as_str())
        });
        if !tags.is_empty() {
            call(self.world, Operation::TagResource, |world| {
                world.tag_resource(arn, &tags)
            })?;
        }
        Ok(())
    }

    fn id(&self, key: &EntityKey) -> Step<String> {
        let id = self.ids.id(key);
        id.map(|id| id.to_string())
            .ok_or_else(|| unknown("the id of", &key.to_string()))
    }

    fn set(&self, name: &PermissionSetName) -> Step<String> {
        self.id(&EntityKey::PermissionSet(name.clone()))
    }

    fn account(&self, key: &AccountKey) -> Step<String> {
        let id = self.ids.account_id(key);
        id.map(|id| id.to_string())
            .ok_or_else(|| unknown("the id of account", &key.to_string()))
    }

    fn unit(&self, path: &OuPath) -> Step<String> {
        let known = self.ids.id(&EntityKey::OrganizationalUnit(path.clone()));
        match known {
            None if path.is_root() => Ok(self.world.ids().root_id()),
            None => Err(unknown("the id of organizational unit", path.as_str())),
            Some(id) => Ok(id.to_string()),
        }
    }

    fn principal(&self, key: &PrincipalKey) -> Step<(PrincipalKind, String)> {
        Ok(match key {
            PrincipalKey::Group(name) => (PrincipalKind::Group, self.id(&EntityKey::Group(name.clone()))?),
            PrincipalKey::User(name) => (PrincipalKind::User, self.id(&EntityKey::User(name.clone()))?),
            PrincipalKey::OrphanGroup(id) => (PrincipalKind::Group, id.to_string()),
            PrincipalKey::OrphanUser(id) => (PrincipalKind::User, id.to_string()),
        })
    }
}

fn known(text: Option<&Text>) -> Step<Option<String>> {
    let Some(text) = text else { return Ok(None) };
    text.as_known()
        .map(|text| Some(text.to_owned()))
        .ok_or_else(|| unknown("a value in", &text.to_string()))
}

fn set_tags(set: &PermissionSet) -> Step<BTreeMap<String, String>> {
    let tags = set
        .tags
        .iter()
        .map(|(key, value)| Ok((key.to_string(), known(Some(value))?.unwrap_or_default())));
    tags.collect()
}

fn owned_tags(tags: &BTreeMap<Arc<str>, Arc<str>>) -> BTreeMap<String, String> {
    tags.iter()
        .map(|(key, value)| (key.to_string(), value.to_string()))
        .collect()
}

fn customer(policy: &CustomerManagedPolicy) -> set::CustomerManagedPolicy {
    set::CustomerManagedPolicy {
        name: policy.name.to_string(),
        path: policy.path.to_string(),
    }
}

fn user_input(user: &User) -> identity_store::User {
    let shown = format!("{} {}", user.given_name, user.family_name);
    identity_store::User {
        user_name: user.user_name.to_string(),
        display_name: if user.display_name.is_empty() {
            shown
        } else {
            user.display_name.to_string()
        },
        given_name: user.given_name.to_string(),
        family_name: user.family_name.to_string(),
        email: user.email.as_ref().map(ToString::to_string),
        attributes: BTreeMap::new(),
    }
}
