//! IAM Identity Center (`sso-admin`, 2020-07-20): its operations by name.

use serde_json::Value;

use super::super::world::World;
use super::super::world::error::{ErrorCode, ServiceError};
use super::input::Input;
use super::{Handler, Table};

mod assignment;
mod instance;
mod permission_set;

/// What an operation answers.
type Answer = Result<Value, ServiceError>;

/// Every operation offered.
pub const OPERATIONS: Table = &[
    ("AddRegion", instance::add_region),
    (
        "AttachCustomerManagedPolicyReferenceToPermissionSet",
        permission_set::attach_customer_managed_policy,
    ),
    (
        "AttachManagedPolicyToPermissionSet",
        permission_set::attach_managed_policy,
    ),
    ("CreateAccountAssignment", assignment::create),
    (
        "CreateInstanceAccessControlAttributeConfiguration",
        instance::create_attributes,
    ),
    ("CreatePermissionSet", permission_set::create),
    ("DeleteAccountAssignment", assignment::delete),
    (
        "DeleteInlinePolicyFromPermissionSet",
        permission_set::delete_inline_policy,
    ),
    (
        "DeleteInstanceAccessControlAttributeConfiguration",
        instance::delete_attributes,
    ),
    ("DeletePermissionSet", permission_set::delete),
    (
        "DeletePermissionsBoundaryFromPermissionSet",
        permission_set::delete_boundary,
    ),
    (
        "DescribeAccountAssignmentCreationStatus",
        assignment::describe_creation,
    ),
    (
        "DescribeAccountAssignmentDeletionStatus",
        assignment::describe_deletion,
    ),
    ("DescribeInstance", instance::describe),
    (
        "DescribeInstanceAccessControlAttributeConfiguration",
        instance::describe_attributes,
    ),
    ("DescribePermissionSet", permission_set::describe),
    (
        "DescribePermissionSetProvisioningStatus",
        assignment::describe_provisioning,
    ),
    ("DescribeRegion", instance::describe_region),
    (
        "DetachCustomerManagedPolicyReferenceFromPermissionSet",
        permission_set::detach_customer_managed_policy,
    ),
    (
        "DetachManagedPolicyFromPermissionSet",
        permission_set::detach_managed_policy,
    ),
    (
        "GetInlinePolicyForPermissionSet",
        permission_set::get_inline_policy,
    ),
    (
        "GetPermissionsBoundaryForPermissionSet",
        permission_set::get_boundary,
    ),
    ("ListAccountAssignmentCreationStatus", assignment::list_creations),
    ("ListAccountAssignmentDeletionStatus", assignment::list_deletions),
    ("ListAccountAssignments", assignment::list),
    (
        "ListAccountAssignmentsForPrincipal",
        assignment::list_for_principal,
    ),
    (
        "ListAccountsForProvisionedPermissionSet",
        assignment::list_accounts_for_set,
    ),
    (
        "ListCustomerManagedPolicyReferencesInPermissionSet",
        permission_set::list_customer_managed_policies,
    ),
    ("ListInstances", instance::list),
    (
        "ListManagedPoliciesInPermissionSet",
        permission_set::list_managed_policies,
    ),
    (
        "ListPermissionSetProvisioningStatus",
        assignment::list_provisionings,
    ),
    ("ListPermissionSets", permission_set::list),
    (
        "ListPermissionSetsProvisionedToAccount",
        assignment::list_sets_for_account,
    ),
    ("ListRegions", instance::list_regions),
    ("ListTagsForResource", instance::list_tags),
    ("ProvisionPermissionSet", assignment::provision),
    (
        "PutInlinePolicyToPermissionSet",
        permission_set::put_inline_policy,
    ),
    (
        "PutPermissionsBoundaryToPermissionSet",
        permission_set::put_boundary,
    ),
    ("RemoveRegion", instance::remove_region),
    ("TagResource", instance::tag),
    ("UntagResource", instance::untag),
    ("UpdateInstance", instance::update),
    (
        "UpdateInstanceAccessControlAttributeConfiguration",
        instance::update_attributes,
    ),
    ("UpdatePermissionSet", permission_set::update),
];

/// Carries out an operation on this instance.
///
/// # Errors
/// `ResourceNotFoundException` for another instance, or `AccessDeniedException` where the model has no such exception; the
/// operation's own.
pub fn carry_out(handler: Handler, operation: &str, world: &mut World, input: Input<'_>) -> Answer {
    if let Some(arn) = input.optional("InstanceArn") {
        world.check_instance(arn).map_err(|error| match operation {
            "AddRegion" | "DescribeInstance" | "ListRegions" => ServiceError::new(
                ErrorCode::AccessDeniedException,
                format!(
                    "User: {} is not authorized to perform: sso:{operation} on resource: {arn}",
                    world.caller_arn()
                ),
            ),
            _ => error,
        })?;
    }
    handler(world, input)
}
