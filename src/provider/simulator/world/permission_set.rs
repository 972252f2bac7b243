//! Permission sets: their definition, and what may be done with it.
//!
//! Operation names, fields, limits and errors are those of the service model (sso-admin 2020-07-20). Every change of
//! a definition makes the roles already provisioned from it stale, tags excepted (they are not copied to roles).

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::call::{Listed, Operation, Page, Subject};
use super::clock::Time;
use super::effect::Effect;
use super::error::ServiceError;
use super::place::SetIx;
use super::{Existence, World, quota, validate};
use crate::model::aws_policies;

mod records;

pub use records::{Boundary, CustomerManagedPolicy, Definition, PermissionSet, PermissionSets};

/// Lists return at most 100 to a page (service model).
const PAGE: u32 = 100;
/// What `SessionDuration` is when it is not given.
pub const DEFAULT_SESSION: &str = "PT1H";

/// `CreatePermissionSet`.
#[derive(Debug, Clone, Default)]
pub struct CreatePermissionSet {
    /// `Name`, unique in the instance.
    pub name: String,
    /// `Description`.
    pub description: Option<String>,
    /// `SessionDuration`; one hour when absent.
    pub session_duration: Option<String>,
    /// `RelayState`.
    pub relay_state: Option<String>,
    /// `Tags`.
    pub tags: BTreeMap<String, String>,
}

/// `UpdatePermissionSet`. An absent relay state is cleared (observed: hashicorp/terraform-provider-aws#17411), and so is
/// an absent description, which could not be removed otherwise, as an empty one is not valid (inferred). An absent
/// duration stays as it is.
#[derive(Debug, Clone, Default)]
pub struct UpdatePermissionSet {
    /// `Description`.
    pub description: Option<String>,
    /// `SessionDuration`.
    pub session_duration: Option<String>,
    /// `RelayState`.
    pub relay_state: Option<String>,
}

/// A permission set as `DescribePermissionSet` answers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PermissionSetDescription {
    /// `PermissionSetArn`.
    pub arn: String,
    /// `Name`.
    pub name: String,
    /// `Description`.
    pub description: Option<String>,
    /// `SessionDuration`.
    pub session_duration: String,
    /// `RelayState`.
    pub relay_state: Option<String>,
    /// `CreatedDate`.
    pub created: Time,
}

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// `CreatePermissionSet`.
    ///
    /// # Errors
    /// `ValidationException`, `ServiceQuotaExceededException`; `ConflictException` when the name is in use.
    pub fn create_permission_set(&mut self, input: CreatePermissionSet) -> Answer<PermissionSetDescription> {
        let subject = Subject::text(&*input.name);
        self.call(Operation::CreatePermissionSet, subject, |world| {
            let at = world.make_permission_set(input)?;
            world.describe_set(at).ok_or_else(|| missing("?"))
        })
    }

    /// `DescribePermissionSet`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn describe_permission_set(&mut self, arn: &str) -> Answer<PermissionSetDescription> {
        self.on_set(Operation::DescribePermissionSet, arn, |world, at| {
            world.describe_set(at).ok_or_else(|| missing(arn))
        })
    }

    /// `UpdatePermissionSet`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ValidationException`, `AccessDeniedException` for the delegated administrator
    /// when the set is provisioned in the management account.
    pub fn update_permission_set(&mut self, arn: &str, input: UpdatePermissionSet) -> Answer<()> {
        self.redefining(Operation::UpdatePermissionSet, arn, |_, definition| {
            let UpdatePermissionSet {
                description,
                session_duration,
                relay_state,
            } = input;
            check_fields(
                description.as_deref(),
                session_duration.as_deref(),
                relay_state.as_deref(),
            )?;
            definition.description = description;
            if let Some(duration) = session_duration {
                definition.session_duration = duration;
            }
            definition.relay_state = relay_state;
            Ok(())
        })
    }

    /// `DeletePermissionSet`: refused while it is assigned anywhere, or such a request is in progress.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ConflictException`.
    pub fn delete_permission_set(&mut self, arn: &str) -> Answer<()> {
        self.on_set(Operation::DeletePermissionSet, arn, |world, at| {
            world.authorize_set(Operation::DeletePermissionSet, at)?;
            if !world.access.accounts_with(at).is_empty() || world.requests.is_pending(at) {
                return Err(ServiceError::conflict(
                    "Could not delete because PermissionSet has ApplicationProfile associated with it.",
                ));
            }
            world.commit(Effect::SetDeleted { set: at })
        })
    }

    /// `ListPermissionSets`: the ARNs.
    ///
    /// # Errors
    /// `ValidationException` for a page that cannot be.
    pub fn list_permission_sets(&mut self, page: &Page) -> Answer<Listed<String>> {
        self.call(Operation::ListPermissionSets, Subject::Nothing, |world| {
            let (start, count) = page.window(PAGE)?;
            let from = world.permission_sets.from(start).filter(|(_, set)| set.live);
            Ok(Listed::collect(
                from.map(|(at, set)| (at.at(), world.ids.permission_set_arn(set.id))),
                count,
            ))
        })
    }

    /// `PutInlinePolicyToPermissionSet`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ValidationException`, `ServiceQuotaExceededException`.
    pub fn put_inline_policy(&mut self, arn: &str, policy: &str) -> Answer<()> {
        self.redefining(Operation::PutInlinePolicyToPermissionSet, arn, |_, definition| {
            validate::inline_policy(policy)?;
            definition.inline_policy = Some(policy.to_owned());
            Ok(())
        })
    }

    /// `GetInlinePolicyForPermissionSet`: empty when there is none.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn get_inline_policy(&mut self, arn: &str) -> Answer<String> {
        self.on_set(Operation::GetInlinePolicyForPermissionSet, arn, |world, at| {
            Ok(world.definition(at)?.inline_policy.clone().unwrap_or_default())
        })
    }

    /// `DeleteInlinePolicyFromPermissionSet`; nothing happens when there is none.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn delete_inline_policy(&mut self, arn: &str) -> Answer<()> {
        self.redefining(
            Operation::DeleteInlinePolicyFromPermissionSet,
            arn,
            |_, definition| {
                definition.inline_policy = None;
                Ok(())
            },
        )
    }

    /// `AttachManagedPolicyToPermissionSet`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ValidationException`, `ConflictException` when it is attached already,
    /// `ServiceQuotaExceededException`.
    pub fn attach_managed_policy(&mut self, arn: &str, policy: &str) -> Answer<()> {
        self.redefining(
            Operation::AttachManagedPolicyToPermissionSet,
            arn,
            |world, definition| {
                validate::managed_policy_arn(policy)?;
                check_existence(policy, world.settings.strict)?;
                if definition.managed_policies.contains(policy) {
                    return Err(attached(arn, policy));
                }
                quota::room(
                    definition.policies(),
                    world.settings.quotas.policies_per_set,
                    "managed policies",
                )?;
                definition.managed_policies.insert(policy.to_owned());
                Ok(())
            },
        )
    }

    /// `DetachManagedPolicyFromPermissionSet`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, also when it is not attached.
    pub fn detach_managed_policy(&mut self, arn: &str, policy: &str) -> Answer<()> {
        self.redefining(
            Operation::DetachManagedPolicyFromPermissionSet,
            arn,
            |_, definition| {
                if definition.managed_policies.remove(policy) {
                    Ok(())
                } else {
                    Err(not_attached(arn, policy))
                }
            },
        )
    }

    /// `ListManagedPoliciesInPermissionSet`: the ARNs.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn list_managed_policies(&mut self, arn: &str, page: &Page) -> Answer<Listed<String>> {
        self.on_set(Operation::ListManagedPoliciesInPermissionSet, arn, |world, at| {
            let (start, count) = page.window(PAGE)?;
            let policies = &world.definition(at)?.managed_policies;
            Ok(Listed::collect(
                policies.iter().cloned().enumerate().skip(start),
                count,
            ))
        })
    }

    /// `AttachCustomerManagedPolicyReferenceToPermissionSet`. Whether the policy exists in the accounts shows
    /// only when the set is provisioned there.
    ///
    /// # Errors
    /// As of [`World::attach_managed_policy`].
    pub fn attach_customer_managed_policy(
        &mut self,
        arn: &str,
        policy: &CustomerManagedPolicy,
    ) -> Answer<()> {
        let operation = Operation::AttachCustomerManagedPolicyReferenceToPermissionSet;
        self.redefining(operation, arn, |world, definition| {
            validate::customer_policy(&policy.name, &policy.path)?;
            if definition.customer_managed_policies.contains(policy) {
                return Err(attached(arn, &policy.key()));
            }
            quota::room(
                definition.policies(),
                world.settings.quotas.policies_per_set,
                "managed policies",
            )?;
            definition.customer_managed_policies.insert(policy.clone());
            Ok(())
        })
    }

    /// `DetachCustomerManagedPolicyReferenceFromPermissionSet`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, also when it is not attached.
    pub fn detach_customer_managed_policy(
        &mut self,
        arn: &str,
        policy: &CustomerManagedPolicy,
    ) -> Answer<()> {
        let operation = Operation::DetachCustomerManagedPolicyReferenceFromPermissionSet;
        self.redefining(operation, arn, |_, definition| {
            if definition.customer_managed_policies.remove(policy) {
                Ok(())
            } else {
                Err(not_attached(arn, &policy.key()))
            }
        })
    }

    /// `ListCustomerManagedPolicyReferencesInPermissionSet`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn list_customer_managed_policies(
        &mut self,
        arn: &str,
        page: &Page,
    ) -> Answer<Listed<CustomerManagedPolicy>> {
        self.on_set(
            Operation::ListCustomerManagedPolicyReferencesInPermissionSet,
            arn,
            |world, at| {
                let (start, count) = page.window(PAGE)?;
                let policies = &world.definition(at)?.customer_managed_policies;
                Ok(Listed::collect(
                    policies.iter().cloned().enumerate().skip(start),
                    count,
                ))
            },
        )
    }

    /// `PutPermissionsBoundaryToPermissionSet`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ValidationException`.
    pub fn put_permissions_boundary(&mut self, arn: &str, boundary: &Boundary) -> Answer<()> {
        self.redefining(
            Operation::PutPermissionsBoundaryToPermissionSet,
            arn,
            |world, definition| {
                match boundary {
                    Boundary::Managed(policy) => {
                        validate::managed_policy_arn(policy)?;
                        check_existence(policy, world.settings.strict)?;
                    }
                    Boundary::Customer(policy) => validate::customer_policy(&policy.name, &policy.path)?,
                }
                definition.boundary = Some(boundary.clone());
                Ok(())
            },
        )
    }

    /// `GetPermissionsBoundaryForPermissionSet`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, also when it has none.
    pub fn get_permissions_boundary(&mut self, arn: &str) -> Answer<Boundary> {
        self.on_set(
            Operation::GetPermissionsBoundaryForPermissionSet,
            arn,
            |world, at| {
                world
                    .definition(at)?
                    .boundary
                    .clone()
                    .ok_or_else(|| no_boundary(arn))
            },
        )
    }

    /// `DeletePermissionsBoundaryFromPermissionSet`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, also when it has none.
    pub fn delete_permissions_boundary(&mut self, arn: &str) -> Answer<()> {
        self.redefining(
            Operation::DeletePermissionsBoundaryFromPermissionSet,
            arn,
            |_, definition| {
                definition
                    .boundary
                    .take()
                    .map(|_| ())
                    .ok_or_else(|| no_boundary(arn))
            },
        )
    }

    /// `TagResource` on a permission set.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ValidationException`, `ServiceQuotaExceededException`.
    pub fn tag_resource(&mut self, arn: &str, tags: &BTreeMap<String, String>) -> Answer<()> {
        self.on_set(Operation::TagResource, arn, |world, at| {
            let have = world
                .permission_sets
                .get(at)
                .map(|set| &set.tags)
                .ok_or_else(|| missing(arn))?;
            world.check_tags(have, tags)?;
            let edits = tags
                .iter()
                .map(|(key, value)| (key.clone(), Some(value.clone())))
                .collect();
            world.commit(Effect::SetTagged { set: at, edits })
        })
    }

    /// `UntagResource` on a permission set.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn untag_resource(&mut self, arn: &str, keys: &[String]) -> Answer<()> {
        self.on_set(Operation::UntagResource, arn, |world, at| {
            let edits = keys.iter().map(|key| (key.clone(), None)).collect();
            world.commit(Effect::SetTagged { set: at, edits })
        })
    }

    /// `ListTagsForResource` of a permission set.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn list_tags_for_resource(&mut self, arn: &str) -> Answer<BTreeMap<String, String>> {
        self.on_set(Operation::ListTagsForResource, arn, |world, at| {
            world
                .permission_sets
                .get(at)
                .map(|set| set.tags.clone())
                .ok_or_else(|| missing(arn))
        })
    }

    /// Takes a permission set to exist from the start, unless the world is strict. One that was deleted stays deleted.
    ///
    /// # Errors
    /// When the name is not valid.
    pub fn ensure_permission_set(&mut self, name: &str) -> Answer<Existence> {
        if self.permission_sets.by_name(name).is_some() {
            return Ok(Existence::Existed);
        }
        if self.settings.strict || self.permission_sets.gone.contains_key(name) {
            return Ok(Existence::Absent);
        }
        let input = CreatePermissionSet {
            name: name.to_owned(),
            ..CreatePermissionSet::default()
        };
        self.make_permission_set(input).map(|_| Existence::Made)
    }

    /// The ARN of the permission set at a place, also of a deleted one.
    pub fn permission_set_arn(&self, at: SetIx) -> Option<String> {
        self.permission_sets
            .get(at)
            .map(|set| self.ids.permission_set_arn(set.id))
    }

    pub(super) fn make_permission_set(&mut self, input: CreatePermissionSet) -> Answer<SetIx> {
        let CreatePermissionSet {
            name,
            description,
            session_duration,
            relay_state,
            tags,
        } = input;
        validate::permission_set_name(&name)?;
        check_fields(
            description.as_deref(),
            session_duration.as_deref(),
            relay_state.as_deref(),
        )?;
        self.check_tags(&BTreeMap::new(), &tags)?;
        self.authorize_tags(Operation::TagResource, &tags)?;
        if self.permission_sets.by_name(&name).is_some() {
            return Err(ServiceError::conflict(format!(
                "PermissionSet with name {name} already exists."
            )));
        }
        quota::room(
            self.permission_sets.len(),
            self.settings.quotas.permission_sets,
            "permission sets",
        )?;
        let generation = self.permission_sets.gone.get(&name).copied().unwrap_or(0);
        let id = self.ids.permission_set(&name, generation);
        let definition = Definition {
            description,
            session_duration: session_duration.unwrap_or_else(|| DEFAULT_SESSION.to_owned()),
            relay_state,
            inline_policy: None,
            managed_policies: BTreeSet::new(),
            customer_managed_policies: BTreeSet::new(),
            boundary: None,
        };
        let at = SetIx::new(self.permission_sets.all.len());
        self.commit(Effect::SetCreated {
            id,
            name,
            definition: Box::new(definition),
            tags,
        })?;
        Ok(at)
    }

    pub(super) fn find_set(&self, arn: &str) -> Answer<SetIx> {
        let id = self.ids.parse_permission_set_arn(arn);
        id.and_then(|id| self.permission_sets.live_by_id(id))
            .ok_or_else(|| missing(arn))
    }

    /// Checks tags to be added to those there are.
    pub(super) fn check_tags(
        &self,
        have: &BTreeMap<String, String>,
        new: &BTreeMap<String, String>,
    ) -> Answer<()> {
        new.iter()
            .try_for_each(|(key, value)| validate::tag(key, value))?;
        let added = new.keys().filter(|key| !have.contains_key(*key)).count();
        match added {
            0 => Ok(()),
            _ => quota::room(have.len() + added - 1, self.settings.quotas.tags, "tags"),
        }
    }

    /// The present definition of a set, for change.
    pub(super) fn definition(&self, at: SetIx) -> Answer<&Arc<Definition>> {
        self.permission_sets
            .get(at)
            .and_then(PermissionSet::definition)
            .ok_or_else(|| missing("?"))
    }

    fn describe_set(&self, at: SetIx) -> Option<PermissionSetDescription> {
        let set = self.permission_sets.get(at)?;
        let definition = set.definition()?;
        Some(PermissionSetDescription {
            arn: self.ids.permission_set_arn(set.id),
            name: set.name.clone(),
            description: definition.description.clone(),
            session_duration: definition.session_duration.clone(),
            relay_state: definition.relay_state.clone(),
            created: set.created,
        })
    }

    fn on_set<T>(
        &mut self,
        operation: Operation,
        arn: &str,
        body: impl FnOnce(&mut World, SetIx) -> Answer<T>,
    ) -> Answer<T> {
        self.call(operation, Subject::text(arn), |world| {
            let at = world.find_set(arn)?;
            body(world, at)
        })
    }

    /// An operation that changes the definition.
    fn redefining(
        &mut self,
        operation: Operation,
        arn: &str,
        edit: impl FnOnce(&World, &mut Definition) -> Answer<()>,
    ) -> Answer<()> {
        self.on_set(operation, arn, |world, at| {
            world.authorize_set(operation, at)?;
            let mut definition = Definition::clone(world.definition(at)?);
            edit(world, &mut definition)?;
            world.commit(Effect::SetRedefined {
                set: at,
                definition: Box::new(definition),
            })
        })
    }
}

fn check_fields(description: Option<&str>, duration: Option<&str>, relay_state: Option<&str>) -> Answer<()> {
    description.map_or(Ok(()), validate::description)?;
    duration.map_or(Ok(()), validate::session_duration)?;
    relay_state.map_or(Ok(()), validate::relay_state)
}

fn short(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(_, id)| id)
}

pub(super) fn missing(arn: &str) -> ServiceError {
    ServiceError::not_found(format!("Could not find PermissionSet with id {}", short(arn)))
}

fn attached(arn: &str, policy: &str) -> ServiceError {
    ServiceError::conflict(format!(
        "Permission set with id {} already has a typed link attachment to a managed policy with {policy}",
        short(arn)
    ))
}

/// An AWS-managed policy must exist (service model: `ResourceNotFoundException`). The list of them is of a day, and AWS adds
/// to them weekly; so only what has another path or case than the list says is known not to exist. In a strict world what
/// the list does not have is not there either: somebody who wants to see how an apply goes that misspells a policy asks for
/// one, and nobody who has a policy of last week is refused by default. `validate` and `plan` warn of it in both.
fn check_existence(policy: &str, strict: bool) -> Answer<()> {
    let is_missing = aws_policies::namesake(policy).is_some() || strict && aws_policies::is_unknown(policy);
    if !is_missing {
        return Ok(());
    }
    Err(ServiceError::not_found(format!(
        "Policy does not exist with ARN: {policy}"
    )))
}

fn not_attached(arn: &str, policy: &str) -> ServiceError {
    ServiceError::not_found(format!(
        "Could not find a managed policy with {policy} attached to permission set with id {}",
        short(arn)
    ))
}

fn no_boundary(arn: &str) -> ServiceError {
    ServiceError::not_found(format!(
        "Permissions boundary not found for permission set with id {}",
        short(arn)
    ))
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorCode;
    use super::super::tests::{make_set, world};
    use super::*;

    const VIEW: &str = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";

    #[test]
    fn a_set_has_one_hour_unless_told_and_its_name_is_unique() {
        let mut world = world();
        let arn = make_set(&mut world, "admin");
        let described = world.describe_permission_set(&arn).unwrap();
        assert_eq!(
            (described.name.as_str(), described.session_duration.as_str()),
            ("admin", "PT1H")
        );
        let again = CreatePermissionSet {
            name: "admin".into(),
            ..Default::default()
        };
        let error = world.create_permission_set(again).unwrap_err();
        assert_eq!(
            error.to_string(),
            "ConflictException: PermissionSet with name admin already exists."
        );
    }

    #[test]
    fn an_update_clears_an_absent_relay_state_and_description_and_keeps_the_duration() {
        let mut world = world();
        let input = CreatePermissionSet {
            name: "admin".into(),
            description: Some("d".into()),
            session_duration: Some("PT4H".into()),
            relay_state: Some("https://console.aws.amazon.com/".into()),
            tags: BTreeMap::new(),
        };
        let arn = world.create_permission_set(input).unwrap().arn;
        world
            .update_permission_set(&arn, UpdatePermissionSet::default())
            .unwrap();
        let described = world.describe_permission_set(&arn).unwrap();
        assert_eq!(described.relay_state, None);
        assert_eq!(described.description, None);
        assert_eq!(described.session_duration, "PT4H");
    }

    #[test]
    fn fields_are_validated_on_create_and_update() {
        let mut world = world();
        let arn = make_set(&mut world, "admin");
        let named = |name: &str| CreatePermissionSet {
            name: name.into(),
            ..Default::default()
        };
        let code = |r: Answer<PermissionSetDescription>| r.unwrap_err().code;
        assert_eq!(
            code(world.create_permission_set(named(&"x".repeat(33)))),
            ErrorCode::ValidationException
        );
        assert_eq!(
            code(world.create_permission_set(named("a b"))),
            ErrorCode::ValidationException
        );
        let long = UpdatePermissionSet {
            session_duration: Some("PT13H".into()),
            ..Default::default()
        };
        assert_eq!(
            world.update_permission_set(&arn, long).unwrap_err().code,
            ErrorCode::ValidationException
        );
        let empty = UpdatePermissionSet {
            description: Some(String::new()),
            ..Default::default()
        };
        assert_eq!(
            world.update_permission_set(&arn, empty).unwrap_err().code,
            ErrorCode::ValidationException
        );
    }

    #[test]
    fn a_deleted_set_is_not_found_and_returns_with_another_arn() {
        let mut world = world();
        let arn = make_set(&mut world, "admin");
        world.delete_permission_set(&arn).unwrap();
        assert_eq!(
            world.describe_permission_set(&arn).unwrap_err().code,
            ErrorCode::ResourceNotFoundException
        );
        assert_eq!(
            world.delete_permission_set(&arn).unwrap_err().code,
            ErrorCode::ResourceNotFoundException
        );
        assert!(
            world
                .list_permission_sets(&Page::default())
                .unwrap()
                .items
                .is_empty()
        );
        assert_ne!(make_set(&mut world, "admin"), arn);
    }

    #[test]
    fn managed_policies_are_attached_once_and_detached_once() {
        let mut world = world();
        let arn = make_set(&mut world, "view");
        world.attach_managed_policy(&arn, VIEW).unwrap();
        assert_eq!(
            world.attach_managed_policy(&arn, VIEW).unwrap_err().code,
            ErrorCode::ConflictException
        );
        assert_eq!(
            world.list_managed_policies(&arn, &Page::default()).unwrap().items,
            [VIEW]
        );
        world.detach_managed_policy(&arn, VIEW).unwrap();
        assert_eq!(
            world.detach_managed_policy(&arn, VIEW).unwrap_err().code,
            ErrorCode::ResourceNotFoundException
        );
        let error = world
            .attach_managed_policy(&arn, "arn:aws:iam::111122223333:policy/mine")
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::ValidationException);
    }

    #[test]
    fn a_policy_of_another_path_does_not_exist_and_one_of_a_new_name_may() {
        let mut world = world();
        let arn = make_set(&mut world, "view");
        let pathless = "arn:aws:iam::aws:policy/ViewOnlyAccess";
        let error = world.attach_managed_policy(&arn, pathless).unwrap_err();
        assert_eq!(error.code, ErrorCode::ResourceNotFoundException);
        assert!(error.message.contains(pathless), "{}", error.message);
        let boundary = Boundary::Managed(pathless.into());
        let error = world.put_permissions_boundary(&arn, &boundary).unwrap_err();
        assert_eq!(error.code, ErrorCode::ResourceNotFoundException);
        let newer = "arn:aws:iam::aws:policy/MadeAfterTheListWas";
        world.attach_managed_policy(&arn, newer).unwrap();
    }

    #[test]
    fn aws_and_customer_managed_policies_share_a_quota_of_twenty() {
        let mut world = world();
        let arn = make_set(&mut world, "many");
        for n in 0..12 {
            world
                .attach_managed_policy(&arn, &format!("arn:aws:iam::aws:policy/P{n}"))
                .unwrap();
        }
        let customer = |n: u32| CustomerManagedPolicy {
            name: format!("c{n}"),
            path: "/".into(),
        };
        for n in 0..8 {
            world.attach_customer_managed_policy(&arn, &customer(n)).unwrap();
        }
        let error = world
            .attach_customer_managed_policy(&arn, &customer(9))
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::ServiceQuotaExceededException);
        let error = world.attach_managed_policy(&arn, VIEW).unwrap_err();
        assert_eq!(error.code, ErrorCode::ServiceQuotaExceededException);
        world.detach_customer_managed_policy(&arn, &customer(3)).unwrap();
        world.attach_managed_policy(&arn, VIEW).unwrap();
        assert_eq!(
            world
                .list_customer_managed_policies(&arn, &Page::default())
                .unwrap()
                .items
                .len(),
            7
        );
    }

    #[test]
    fn there_is_one_inline_policy_and_none_reads_as_empty() {
        let mut world = world();
        let arn = make_set(&mut world, "inline");
        assert_eq!(world.get_inline_policy(&arn).unwrap(), "");
        world
            .put_inline_policy(&arn, r#"{"Version":"2012-10-17","Statement":{}}"#)
            .unwrap();
        world
            .put_inline_policy(&arn, r#"{"Version": "2012-10-17","Statement":{}}"#)
            .unwrap();
        assert_eq!(
            world.get_inline_policy(&arn).unwrap(),
            r#"{"Version": "2012-10-17","Statement":{}}"#
        );
        world.delete_inline_policy(&arn).unwrap();
        assert_eq!(world.get_inline_policy(&arn).unwrap(), "");
    }

    #[test]
    fn a_boundary_is_put_replaced_and_deleted() {
        let mut world = world();
        let arn = make_set(&mut world, "bounded");
        assert_eq!(
            world.get_permissions_boundary(&arn).unwrap_err().code,
            ErrorCode::ResourceNotFoundException
        );
        world
            .put_permissions_boundary(&arn, &Boundary::Managed(VIEW.into()))
            .unwrap();
        let customer = CustomerManagedPolicy {
            name: "b".into(),
            path: "/x/".into(),
        };
        world
            .put_permissions_boundary(&arn, &Boundary::Customer(customer.clone()))
            .unwrap();
        assert_eq!(
            world.get_permissions_boundary(&arn).unwrap(),
            Boundary::Customer(customer)
        );
        world.delete_permissions_boundary(&arn).unwrap();
        assert!(world.delete_permissions_boundary(&arn).is_err());
    }

    #[test]
    fn a_resource_has_at_most_fifty_tags() {
        let mut world = world();
        let arn = make_set(&mut world, "tagged");
        let tags = |range: std::ops::Range<u32>| range.map(|n| (format!("k{n}"), "v".to_owned())).collect();
        world.tag_resource(&arn, &tags(0..50)).unwrap();
        world.tag_resource(&arn, &tags(10..20)).unwrap();
        let error = world.tag_resource(&arn, &tags(50..51)).unwrap_err();
        assert_eq!(error.code, ErrorCode::ServiceQuotaExceededException);
        world.untag_resource(&arn, &["k0".to_owned()]).unwrap();
        assert_eq!(world.list_tags_for_resource(&arn).unwrap().len(), 49);
    }

    #[test]
    fn an_instance_has_at_most_3500_sets() {
        let mut world = world();
        for n in 0..3_500 {
            make_set(&mut world, &format!("s{n}"));
        }
        let one_more = CreatePermissionSet {
            name: "x".into(),
            ..Default::default()
        };
        let error = world.create_permission_set(one_more).unwrap_err();
        assert_eq!(error.code, ErrorCode::ServiceQuotaExceededException);
        let mut page = Page::default();
        let mut seen = 0;
        loop {
            let listed = world.list_permission_sets(&page).unwrap();
            seen += listed.items.len();
            match listed.next_token {
                None => break,
                token => page = Page::after(token),
            }
        }
        assert_eq!(seen, 3_500);
    }
}
