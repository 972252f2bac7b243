//! Who may call what: the management account, the delegated administrator, a member account.
//!
//! The rules are those of the user guide's "Delegated administration" and of the service-linked role's policy
//! (`AWSSSOServiceRolePolicy`), which does not let IAM Identity Center create or change roles in the management
//! account: there it acts with the caller's own IAM permissions.

use std::collections::BTreeMap;

use super::call::{Effectful, Family, Operation, Subject};
use super::error::{ErrorCode, ServiceError};
use super::place::{AccountIx, SetIx};
use super::request::RequestKind;
use super::{World, role};

/// What IAM Identity Center does in an account with a role that it makes or changes.
const TO_PROVISION: [&str; 8] = [
    "iam:CreateRole",
    "iam:GetRole",
    "iam:ListRolePolicies",
    "iam:ListAttachedRolePolicies",
    "iam:AttachRolePolicy",
    "iam:PutRolePolicy",
    "iam:UpdateRole",
    "iam:UpdateSAMLProvider",
];
/// What it does with a role that it removes.
const TO_DEPROVISION: [&str; 4] = [
    "iam:GetRole",
    "iam:DetachRolePolicy",
    "iam:DeleteRolePolicy",
    "iam:DeleteRole",
];

/// The caller's position in the organisation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Position {
    /// The management account.
    Management,
    /// The delegated administrator of IAM Identity Center.
    Delegated,
    /// Any other account of the organisation.
    Member,
    /// An account outside the organisation.
    Outsider,
}

impl World {
    /// The position of the present caller.
    pub fn position(&self) -> Position {
        let Some(id) = &self.caller.account else {
            return Position::Management;
        };
        let organization = &self.organization;
        match organization.account_by_id(id) {
            Some(at) if at == organization.management() => Position::Management,
            Some(at) if organization.delegated() == Some(at) => Position::Delegated,
            Some(_) => Position::Member,
            None => Position::Outsider,
        }
    }

    /// Whether the caller's account is one of the organisation that nobody can use: one that is closed, or being closed.
    pub fn is_caller_closed(&self) -> bool {
        let id = self.caller.account.as_deref();
        let at = id.and_then(|id| self.organization.account_by_id(id));
        at.is_some_and(|at| !self.is_usable(at))
    }

    /// Whether anybody can use an account of the organisation.
    pub(super) fn is_usable(&self, at: AccountIx) -> bool {
        let account = self.organization.account(at);
        account.is_some_and(|account| account.state.is_usable())
    }

    /// Whether the caller may call the operation at all; what it is about is named in a refusal.
    pub(super) fn authorize(&self, operation: Operation, subject: &Subject) -> Result<(), ServiceError> {
        let denial = || self.denial(operation, self.set_of(subject));
        let denied = &self.caller.denied;
        let is_denied = !denied.is_empty() && denied.contains(&operation.to_string());
        if is_denied || self.is_elsewhere(operation) {
            return Err(denial());
        }
        let reads = operation.effect() == Effectful::Reads;
        let allowed = match (self.position(), operation.family()) {
            (Position::Management, _) | (_, Family::Iam) => true,
            (Position::Delegated, Family::Sso) => operation != Operation::ListAccountAssignmentsForPrincipal,
            (Position::Delegated, Family::IdentityStore) => true,
            (Position::Delegated | Position::Member, Family::Organizations)
                if operation == Operation::LeaveOrganization =>
            {
                true
            }
            (Position::Delegated, Family::Organizations) => reads,
            // Who sees no instance is answered with an empty list.
            (Position::Member | Position::Outsider, Family::Sso) => operation == Operation::ListInstances,
            // "Read APIs are callable from member accounts by default" (service model of the identity store).
            (Position::Member, Family::IdentityStore) => reads,
            // A delegated administrator of any service may read the organisation (service model,
            // `RegisterDelegatedAdministrator`).
            (Position::Member, Family::Organizations) => {
                operation == Operation::DescribeOrganization || reads && self.is_caller_delegated()
            }
            (Position::Outsider, Family::IdentityStore) => false,
            (Position::Outsider, Family::Organizations) => {
                return Err(ServiceError::new(
                    ErrorCode::AWSOrganizationsNotInUseException,
                    "Your account is not a member of an organization.",
                ));
            }
        };
        match (allowed, operation.family()) {
            (true, _) => Ok(()),
            (false, Family::Organizations) => Err(ServiceError::new(
                ErrorCode::AccessDeniedException,
                "You don't have permissions to access this resource.",
            )),
            (false, _) => Err(denial()),
        }
    }

    /// Whether the caller's account is the delegated administrator of any service.
    fn is_caller_delegated(&self) -> bool {
        let id = self.caller.account.as_deref();
        let at = id.and_then(|id| self.organization.account_by_id(id));
        at.is_some_and(|at| self.is_delegated(at))
    }

    /// Whether the caller may give these tags to what it creates: that takes the action of tagging too, as with all
    /// services that can tag on creation (IAM user guide, "Controlling access during AWS requests").
    pub(super) fn authorize_tags(
        &self,
        operation: Operation,
        tags: &BTreeMap<String, String>,
    ) -> Result<(), ServiceError> {
        if tags.is_empty() || !self.caller.denied.contains(&operation.to_string()) {
            return Ok(());
        }
        Err(self.denial(operation, None))
    }

    /// The delegated administrator may not change a permission set that is provisioned in the management account.
    pub(super) fn authorize_set(&self, operation: Operation, set: SetIx) -> Result<(), ServiceError> {
        let in_management = || self.access.pair(self.organization.management(), set).is_some();
        if self.position() == Position::Delegated && in_management() {
            return Err(self.denial(operation, self.permission_set_arn(set)));
        }
        Ok(())
    }

    /// The delegated administrator may not change who enters the management account, nor assign, anywhere, a
    /// permission set that is also assigned there.
    pub(super) fn authorize_assignment(
        &self,
        operation: Operation,
        account: AccountIx,
        set: SetIx,
    ) -> Result<(), ServiceError> {
        if self.position() == Position::Delegated && account == self.organization.management() {
            return Err(self.denial(operation, self.permission_set_arn(set)));
        }
        self.authorize_set(operation, set)
    }

    /// Why a request about a role in the management account will fail, when the caller's own permissions do not suffice.
    pub(super) fn refusal_in_management_account(&self, kind: &RequestKind) -> Option<String> {
        let management = self.organization.management();
        let (set, actions): (SetIx, &[&str]) = match kind {
            RequestKind::Assign { account, set, .. } if *account == management => (*set, &TO_PROVISION),
            RequestKind::Provision { set, account } => {
                let reached = account.map_or_else(
                    || self.access.pair(management, *set).is_some(),
                    |account| account == management,
                );
                reached.then_some((*set, TO_PROVISION.as_slice()))?
            }
            RequestKind::Unassign {
                account,
                set,
                principal,
            } if *account == management && self.access.has(*account, *set, *principal) => {
                let last = self
                    .access
                    .pair(*account, *set)
                    .is_none_or(|pair| pair.principals().len() <= 1);
                last.then_some((*set, TO_DEPROVISION.as_slice()))?
            }
            _ => return None,
        };
        let denied = actions
            .iter()
            .find(|action| self.caller.denied.contains(**action))?;
        let account = self.organization.account(management)?;
        let name = self.permission_sets.get(set).map_or("", |set| set.name.as_str());
        Some(format!(
            "Received a 403 status error: Access denied by IAM. Please check your policy, or wait for role propagation \
             to complete. IAM Error: User: {} is not authorized to perform: {denied} on resource: \
             arn:aws:iam::{}:role{}{}{name}_* because no identity-based policy allows the {denied} action",
            self.caller_arn(),
            account.id,
            role::path(self.ids.region()),
            role::NAME_PREFIX,
        ))
    }

    /// Whether the endpoint of another Region is called; IAM and Organizations have one for all.
    fn is_elsewhere(&self, operation: Operation) -> bool {
        let regional = matches!(operation.family(), Family::Sso | Family::IdentityStore);
        let elsewhere = self
            .caller
            .region
            .as_ref()
            .is_some_and(|region| region != self.ids.region());
        regional && elsewhere && operation != Operation::ListInstances
    }

    /// IAM Identity Center names the permission set, or else the instance (as reported in #59 of
    /// aws-samples/iam-identity-center-team).
    fn denial(&self, operation: Operation, set: Option<String>) -> ServiceError {
        let resource = match operation.family() {
            Family::Sso => {
                let arn = set.unwrap_or_else(|| self.ids.instance_arn());
                format!(" on resource: {arn}")
            }
            _ => String::new(),
        };
        ServiceError::denied(format!(
            "User: {} is not authorized to perform: {operation}{resource}",
            self.caller_arn()
        ))
    }

    /// The ARN of the permission set that a call is about.
    fn set_of(&self, subject: &Subject) -> Option<String> {
        match subject {
            Subject::Grant { set, .. } | Subject::Pair { set, .. } => {
                self.permission_set_arn(SetIx::new(*set as usize))
            }
            Subject::Text(text) => text
                .split_whitespace()
                .find(|word| word.starts_with("arn:") && word.contains(":permissionSet/"))
                .map(str::to_owned),
            Subject::Nothing | Subject::Request(_) => None,
        }
    }

    /// The caller's ARN.
    pub fn caller_arn(&self) -> String {
        if let Some(arn) = &self.caller.arn {
            return arn.clone();
        }
        let management = || {
            self.organization
                .account(self.organization.management())
                .map(|a| a.id.as_str())
        };
        let account = self
            .caller
            .account
            .as_deref()
            .or_else(management)
            .unwrap_or_default();
        format!("arn:aws:sts::{account}:assumed-role/rolecall/session")
    }
}

#[cfg(test)]
mod tests {
    use super::super::call::{Caller, Page};
    use super::super::identity_store::PrincipalKind;
    use super::super::permission_set::UpdatePermissionSet;
    use super::super::provisioning::ProvisionTarget;
    use super::super::request::Status;
    use super::super::tests::{Stage, stage};
    use super::*;

    fn denied<T: std::fmt::Debug>(result: Result<T, ServiceError>) -> bool {
        result.unwrap_err().code == ErrorCode::AccessDeniedException
    }

    #[test]
    fn a_member_account_reads_the_identity_store_and_nothing_else() {
        let Stage { mut world, set, .. } = stage();
        world.set_caller(Caller::account("111122223333"));
        assert!(denied(world.list_permission_sets(&Page::default())));
        assert!(denied(world.describe_permission_set(&set)));
        assert!(denied(world.create_group("x", None)));
        assert!(denied(world.list_accounts(&Page::default())));
        assert!(
            world
                .list_principals(PrincipalKind::User, &Page::default())
                .is_ok()
        );
        assert!(world.describe_organization().is_ok());
        assert_eq!(world.list_instances().unwrap().len(), 1);
    }

    #[test]
    fn another_region_sees_no_instance_and_is_denied_the_rest() {
        let Stage { mut world, .. } = stage();
        world.set_caller(Caller {
            region: Some("ap-southeast-2".into()),
            ..Caller::default()
        });
        assert!(world.list_instances().unwrap().is_empty());
        assert!(denied(world.list_permission_sets(&Page::default())));
        assert!(
            world.list_accounts(&Page::default()).is_ok(),
            "Organizations is global"
        );
    }

    #[test]
    fn the_delegated_administrator_leaves_the_management_account_alone() {
        let Stage {
            mut world,
            set,
            group,
            management,
            ..
        } = stage();
        world.delegate("111122223333");
        let principal = (PrincipalKind::Group, group.as_str());
        world.set_caller(Caller::account("111122223333"));
        let refused = world.create_account_assignment(&management, &set, principal);
        assert!(
            refused
                .unwrap_err()
                .to_string()
                .ends_with(&format!("sso:CreateAccountAssignment on resource: {set}"))
        );
        world
            .create_account_assignment("222233334444", &set, principal)
            .unwrap();
        world
            .update_permission_set(&set, UpdatePermissionSet::default())
            .unwrap();
        assert!(denied(world.list_account_assignments_for_principal(
            principal,
            None,
            &Page::default()
        )));

        world.set_caller(Caller::management());
        world
            .create_account_assignment(&management, &set, principal)
            .unwrap();
        world.settle();
        assert!(
            world
                .list_account_assignments_for_principal(principal, None, &Page::default())
                .is_ok()
        );

        world.set_caller(Caller::account("111122223333"));
        assert!(
            denied(world.create_account_assignment("333344445555", &set, principal)),
            "to any account, once the set is assigned to the management account"
        );
        assert!(denied(world.delete_account_assignment(
            "222233334444",
            &set,
            principal
        )));
        assert!(denied(world.delete_account_assignment(
            &management,
            &set,
            principal
        )));
        assert!(denied(
            world.update_permission_set(&set, UpdatePermissionSet::default())
        ));
        assert!(denied(world.put_inline_policy(&set, r#"{"Statement":{}}"#)));
        assert!(denied(world.provision_permission_set(
            &set,
            ProvisionTarget::AllProvisionedAccounts
        )));
        assert!(denied(world.delete_permission_set(&set)));
        assert!(world.create_group("still allowed", None).is_ok());
    }

    #[test]
    fn in_the_management_account_the_callers_own_iam_permissions_count() {
        let Stage {
            mut world,
            set,
            group,
            management,
            ..
        } = stage();
        let principal = (PrincipalKind::Group, group.as_str());
        let poor = Caller {
            denied: ["iam:CreateRole".to_owned()].into(),
            ..Caller::default()
        };
        world.set_caller(poor);
        let here = world
            .create_account_assignment(&management, &set, principal)
            .unwrap();
        let elsewhere = world
            .create_account_assignment("111122223333", &set, principal)
            .unwrap();
        world.settle();
        let here = world
            .describe_account_assignment_creation_status(&here.request_id)
            .unwrap();
        assert_eq!(here.status, Status::Failed);
        let reason = here.failure_reason.unwrap();
        assert!(reason.starts_with(
            "Received a 403 status error: Access denied by IAM. Please check your policy, or wait for role \
             propagation to complete. IAM Error: User: "
        ));
        assert!(reason.contains("is not authorized to perform: iam:CreateRole"));
        let elsewhere = world
            .describe_account_assignment_creation_status(&elsewhere.request_id)
            .unwrap();
        assert_eq!(elsewhere.status, Status::Succeeded);
    }

    #[test]
    fn an_action_that_iam_does_not_allow_is_denied() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        let denials = [
            "sso:DescribePermissionSet",
            "sso:CreateAccountAssignment",
            "sso:DescribeInstance",
            "identitystore:CreateGroup",
        ];
        world.set_caller(Caller {
            denied: denials.map(str::to_owned).into(),
            ..Caller::default()
        });
        let user = world.caller_arn();
        let said = |error: ServiceError| {
            let said = error
                .message
                .strip_prefix(&format!("User: {user} is not authorized to perform: "));
            said.unwrap().to_owned()
        };
        let error = world.describe_permission_set(&set).unwrap_err();
        assert_eq!(
            said(error),
            format!("sso:DescribePermissionSet on resource: {set}")
        );
        for who in [group.as_str(), "01234567-89ab-4cde-8f01-23456789abcd"] {
            let error = world.create_account_assignment("111122223333", &set, (PrincipalKind::Group, who));
            let wanted = format!("sso:CreateAccountAssignment on resource: {set}");
            assert_eq!(said(error.unwrap_err()), wanted, "{who}");
        }
        let instance = world.ids().instance_arn();
        let error = world.describe_instance(&instance).unwrap_err();
        assert_eq!(
            said(error),
            format!("sso:DescribeInstance on resource: {instance}")
        );
        let error = world.create_group("x", None).unwrap_err();
        assert_eq!(said(error), "identitystore:CreateGroup");
        assert!(world.list_permission_sets(&Page::default()).is_ok());
    }
}
