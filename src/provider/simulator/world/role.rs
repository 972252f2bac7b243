//! What stands in the accounts: IAM roles, SAML providers, the service-linked role.
//!
//! Names, paths and trust are those of the user guide's "Referencing permission sets in resource policies" and
//! "Using service-linked roles". A role appears with the first assignment of its set in an account, disappears
//! with the last, and has another suffix when it is made again.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::World;
use super::access::Pair;
use super::call::{Operation, Subject};
use super::clock::Time;
use super::effect::Effect;
use super::error::{ErrorCode, ServiceError};
use super::organization::AccountState;
use super::permission_set::{Boundary, CustomerManagedPolicy, Definition};
use super::place::{AccountIx, SetIx};

/// How every provisioned role's name begins.
pub const NAME_PREFIX: &str = "AWSReservedSSO_";
/// The name of the role through which IAM Identity Center acts in an account.
pub const SERVICE_LINKED_ROLE: &str = "AWSServiceRoleForSSO";

/// The name of the role through which the management account enters an account that it made, unless `CreateAccount`
/// gives another (Organizations API reference, `CreateAccount`).
pub const ACCESS_ROLE: &str = "OrganizationAccountAccessRole";

/// The path of provisioned roles; `us-east-1` is not named in it.
pub fn path(region: &str) -> String {
    match region {
        "us-east-1" => "/aws-reserved/sso.amazonaws.com/".to_owned(),
        region => format!("/aws-reserved/sso.amazonaws.com/{region}/"),
    }
}

/// A role as IAM describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleDescription {
    /// `RoleName`.
    pub name: String,
    /// `Path`.
    pub path: String,
    /// `Arn`.
    pub arn: String,
    /// `Description`.
    pub description: Option<String>,
    /// `AssumeRolePolicyDocument`, JSON.
    pub trust_policy: String,
    /// `MaxSessionDuration` in seconds; twelve hours for provisioned roles, whatever the set says.
    pub max_session_duration: u32,
    /// ARNs of the managed policies attached.
    pub attached_policies: Vec<String>,
    /// The inline policy, which has the name `AwsSSOInlinePolicy`.
    pub inline_policy: Option<String>,
    /// The ARN of the permissions boundary.
    pub permissions_boundary: Option<String>,
    /// `CreateDate`.
    pub created: Time,
}

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// IAM's `ListRoles` in an account: the service-linked role and the provisioned ones, below a path.
    ///
    /// # Errors
    /// `NoSuchEntity` for an account outside the organisation.
    pub fn list_roles(&mut self, account: &str, path_prefix: &str) -> Answer<Vec<RoleDescription>> {
        self.call(Operation::ListRoles, Subject::text(account), |world| {
            let at = world.iam_account(account)?;
            let pairs = world.access.pairs(at).iter();
            let provisioned = pairs.filter_map(|pair| world.describe_role(at, pair));
            let own = world
                .access_role(at)
                .into_iter()
                .chain(world.service_linked_role(at));
            let all = own.chain(provisioned);
            Ok(all.filter(|role| role.path.starts_with(path_prefix)).collect())
        })
    }

    /// IAM's `GetRole` in an account.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn get_role(&mut self, account: &str, name: &str) -> Answer<RoleDescription> {
        self.call(
            Operation::GetRole,
            Subject::text(format!("{account} {name}")),
            |world| world.find_role(account, name),
        )
    }

    /// IAM's `ListSAMLProviders` in an account: the ARNs.
    ///
    /// # Errors
    /// `NoSuchEntity` for an account outside the organisation.
    pub fn list_saml_providers(&mut self, account: &str) -> Answer<Vec<String>> {
        self.call(Operation::ListSamlProviders, Subject::text(account), |world| {
            Ok(world.saml_provider_in(account)?.into_iter().collect())
        })
    }

    /// The number whose sixteen hex digits end the name of a pair's role, if it has one.
    pub fn role_suffix(&self, account: AccountIx, pair: &Pair) -> Option<u64> {
        let generation = pair.role()?.generation;
        let set = self.permission_sets.get(pair.set())?;
        Some(
            self.ids
                .role_suffix(&self.organization.account(account)?.id, set.id, generation),
        )
    }

    /// The ARN of the role of a permission set in an account, if there is one.
    pub fn role_arn(&self, account: AccountIx, set: SetIx) -> Option<String> {
        let generation = self.access.pair(account, set)?.role()?.generation;
        let name = self.role_name(account, set, generation)?;
        let id = &self.organization.account(account)?.id;
        Some(format!("arn:aws:iam::{id}:role{}{name}", path(self.ids.region())))
    }

    /// The definition that the service last provisioned for a pair.
    pub fn provisioned(&self, pair: &Pair) -> Option<&Arc<Definition>> {
        self.permission_sets
            .get(pair.set())?
            .definition_of(pair.revision())
    }

    /// Whether the service knows that a pair has not the set's present definition
    /// (`LATEST_PERMISSION_SET_NOT_PROVISIONED`).
    pub fn is_stale(&self, pair: &Pair) -> bool {
        self.permission_sets
            .get(pair.set())
            .is_some_and(|set| set.revision != pair.revision())
    }

    /// Why a permission set cannot be provisioned in an account now, if it cannot.
    ///
    /// The words for a missing policy and a full quota are IAM's own; how the service wraps them is inferred from
    /// the failures of other kinds.
    pub(super) fn role_failure(&self, account: AccountIx, set: SetIx) -> Option<String> {
        let target = self.organization.account(account)?;
        if target.state != AccountState::Active {
            return Some(format!(
                "Received a 400 status error: AWS account {} is {} and cannot be changed.",
                target.id,
                target.state.as_str()
            ));
        }
        let current = self
            .access
            .pair(account, set)
            .is_some_and(|pair| pair.role().is_some() && !self.is_stale(pair));
        if current {
            return None;
        }
        let definition = self.permission_sets.get(set)?.definition()?;
        if let Some(policy) = definition
            .needed()
            .find(|policy| !self.policy_exists(account, policy))
        {
            // The words that terraform-provider-aws expects in its acceptance test of a missing policy.
            return Some(format!(
                "Received a 404 status error: Not supported policy {}",
                policy.arn(&target.id)
            ));
        }
        let most = self.settings.quotas.policies_per_role;
        if definition.policies() > most as usize {
            return Some(format!(
                "Received a 409 status error: Cannot exceed quota for PoliciesPerRole: {most}"
            ));
        }
        None
    }

    /// Whether a customer-managed policy exists in an account: unless the world is strict, it does until it is removed.
    pub fn policy_exists(&self, account: AccountIx, policy: &CustomerManagedPolicy) -> bool {
        self.access
            .policy_exists(account, &policy.key())
            .unwrap_or(!self.settings.strict)
    }

    /// Says that a customer-managed policy exists in an account, or not.
    ///
    /// # Errors
    /// Only when the world itself is broken.
    pub fn set_policy_exists(
        &mut self,
        account: AccountIx,
        policy: &CustomerManagedPolicy,
        exists: bool,
    ) -> Answer<()> {
        self.commit(Effect::PolicyPresence {
            account,
            key: policy.key(),
            exists,
        })
    }

    pub(super) fn find_role(&self, account: &str, name: &str) -> Answer<RoleDescription> {
        let at = self.iam_account(account)?;
        let pairs = self.access.pairs(at).iter();
        let provisioned = pairs.filter_map(|pair| self.describe_role(at, pair));
        let own = self
            .access_role(at)
            .into_iter()
            .chain(self.service_linked_role(at));
        let mut all = own.chain(provisioned);
        all.find(|role| role.name == name).ok_or_else(|| {
            ServiceError::new(
                ErrorCode::NoSuchEntity,
                format!("The role with name {name} cannot be found."),
            )
        })
    }

    pub(super) fn saml_provider_in(&self, account: &str) -> Answer<Option<String>> {
        let at = self.iam_account(account)?;
        let exists = self.access.row(at).is_some_and(|row| row.saml_provider);
        Ok(exists.then(|| self.saml_provider_arn(at)).flatten())
    }

    fn iam_account(&self, id: &str) -> Answer<AccountIx> {
        self.organization.account_by_id(id).ok_or_else(|| {
            ServiceError::new(
                ErrorCode::NoSuchEntity,
                format!("The account {id} cannot be found."),
            )
        })
    }

    fn role_name(&self, account: AccountIx, set: SetIx, generation: u32) -> Option<String> {
        let set = self.permission_sets.get(set)?;
        let account = self.organization.account(account)?;
        let suffix = self.ids.role_suffix(&account.id, set.id, generation);
        Some(format!("{NAME_PREFIX}{}_{suffix:016x}", set.name))
    }

    fn saml_provider_arn(&self, account: AccountIx) -> Option<String> {
        let row = self.access.row(account)?;
        let id = &self.organization.account(account)?.id;
        let suffix = self.ids.saml_suffix(id, row.removed_saml_providers);
        Some(format!(
            "arn:aws:iam::{id}:saml-provider/AWSSSO_{suffix:016x}_DO_NOT_DELETE"
        ))
    }

    fn describe_role(&self, account: AccountIx, pair: &Pair) -> Option<RoleDescription> {
        let role = pair.role()?;
        let definition = self.provisioned(pair)?;
        let id = &self.organization.account(account)?.id;
        let edit = role.edit.as_deref().cloned().unwrap_or_default();
        let mut attached: BTreeSet<String> = definition.managed_policies.clone();
        attached.extend(
            definition
                .customer_managed_policies
                .iter()
                .map(|policy| policy.arn(id)),
        );
        attached.extend(edit.attached);
        attached.retain(|arn| !edit.detached.contains(arn));
        Some(RoleDescription {
            name: self.role_name(account, pair.set(), role.generation)?,
            path: path(self.ids.region()),
            arn: self.role_arn(account, pair.set())?,
            description: definition.description.clone(),
            trust_policy: trust_policy(&self.saml_provider_arn(account)?),
            max_session_duration: 43_200,
            attached_policies: attached.into_iter().collect(),
            inline_policy: edit.inline_policy.or_else(|| definition.inline_policy.clone()),
            permissions_boundary: definition.boundary.as_ref().map(|boundary| match boundary {
                Boundary::Managed(arn) => arn.clone(),
                Boundary::Customer(policy) => policy.arn(id),
            }),
            created: role.made,
        })
    }

    fn service_linked_role(&self, account: AccountIx) -> Option<RoleDescription> {
        let id = &self.organization.account(account)?.id;
        let path = "/aws-service-role/sso.amazonaws.com/";
        Some(RoleDescription {
            name: SERVICE_LINKED_ROLE.to_owned(),
            path: path.to_owned(),
            arn: format!("arn:aws:iam::{id}:role{path}{SERVICE_LINKED_ROLE}"),
            description: Some(
                "Service-linked role used by AWS SSO to manage AWS resources, including IAM roles, policies and SAML IdP \
                 on your behalf."
                    .to_owned(),
            ),
            trust_policy: r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Principal":{"Service":"sso.amazonaws.com"},"Action":"sts:AssumeRole"}]}"#.to_owned(),
            max_session_duration: 3_600,
            attached_policies: vec!["arn:aws:iam::aws:policy/aws-service-role/AWSSSOServiceRolePolicy".to_owned()],
            inline_policy: None,
            permissions_boundary: None,
            created: self.organization.account(account)?.joined,
        })
    }

    /// The role through which the management account enters an account: of those that were created in the organisation.
    fn access_role(&self, account: AccountIx) -> Option<RoleDescription> {
        let found = self.organization.account(account).filter(|found| found.created)?;
        let management = self.organization.account(self.organization.management())?;
        let name = found
            .access_role
            .clone()
            .unwrap_or_else(|| ACCESS_ROLE.to_owned());
        Some(RoleDescription {
            path: "/".to_owned(),
            arn: format!("arn:aws:iam::{}:role/{name}", found.id),
            name,
            description: None,
            trust_policy: format!(
                r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"AWS":"arn:aws:iam::{}:root"}},"Action":"sts:AssumeRole"}}]}}"#,
                management.id
            ),
            max_session_duration: 3_600,
            attached_policies: vec!["arn:aws:iam::aws:policy/AdministratorAccess".to_owned()],
            inline_policy: None,
            permissions_boundary: None,
            created: found.joined,
        })
    }

    /// When the SAML provider in an account was made.
    pub fn saml_provider_made(&self, account: &str) -> Time {
        let at = self.organization.account_by_id(account);
        at.and_then(|at| self.access.row(at))
            .map(|row| row.saml_made)
            .unwrap_or_default()
    }

    /// Whether a role that is not simulated is taken to exist in an account, as the account itself is: in those that
    /// were created here, and in strict worlds, only what was made is there.
    pub fn takes_roles_to_exist(&self, account: &str) -> bool {
        let at = self.organization.account_by_id(account);
        let found = at.and_then(|at| self.organization.account(at));
        found.is_some_and(|found| !found.created && !self.settings.strict)
    }

    /// The role of this name in an account, looked at without a call.
    pub fn role_in(&self, account: &str, name: &str) -> Option<RoleDescription> {
        self.find_role(account, name).ok()
    }
}

fn trust_policy(saml_provider: &str) -> String {
    format!(
        r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Principal":{{"Federated":"{saml_provider}"}},"Action":["sts:AssumeRoleWithSAML","sts:TagSession"],"Condition":{{"StringEquals":{{"SAML:aud":"https://signin.aws.amazon.com/saml"}}}}}}]}}"#
    )
}

#[cfg(test)]
mod tests {
    use super::super::identity_store::PrincipalKind;
    use super::super::permission_set::UpdatePermissionSet;
    use super::super::provisioning::ProvisionTarget;
    use super::super::tamper::Tamper;
    use super::super::tests::{Stage, stage, stage_in};

    const A: &str = "111122223333";
    const RESERVED: &str = "/aws-reserved/";

    fn granted() -> Stage {
        let mut stage = stage();
        stage.grant(A);
        stage
    }

    #[test]
    fn the_first_assignment_makes_the_role_and_the_saml_provider() {
        let mut stage = stage();
        assert!(stage.world.list_roles(A, RESERVED).unwrap().is_empty());
        assert!(stage.world.list_saml_providers(A).unwrap().is_empty());
        stage.grant(A);
        let roles = stage.world.list_roles(A, RESERVED).unwrap();
        let pattern = regex::Regex::new(
            "^arn:aws:iam::111122223333:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_admin_[0-9a-f]{16}$",
        )
        .unwrap();
        assert_eq!(roles.len(), 1);
        assert!(pattern.is_match(&roles[0].arn), "{}", roles[0].arn);
        assert_eq!(roles[0].max_session_duration, 12 * 3_600);
        let providers = stage.world.list_saml_providers(A).unwrap();
        let pattern =
            regex::Regex::new("^arn:aws:iam::111122223333:saml-provider/AWSSSO_[0-9a-f]{16}_DO_NOT_DELETE$")
                .unwrap();
        assert!(pattern.is_match(&providers[0]), "{providers:?}");
        let trust: serde_json::Value = serde_json::from_str(&roles[0].trust_policy).unwrap();
        let statement = &trust["Statement"][0];
        assert_eq!(statement["Principal"]["Federated"], providers[0].as_str());
        assert_eq!(
            statement["Action"],
            serde_json::json!(["sts:AssumeRoleWithSAML", "sts:TagSession"])
        );
        assert_eq!(
            statement["Condition"]["StringEquals"]["SAML:aud"],
            "https://signin.aws.amazon.com/saml"
        );
    }

    #[test]
    fn us_east_1_is_not_named_in_the_path() {
        let mut stage = stage_in("us-east-1");
        stage.grant(A);
        let roles = stage.world.list_roles(A, RESERVED).unwrap();
        assert!(
            roles[0]
                .arn
                .contains(":role/aws-reserved/sso.amazonaws.com/AWSReservedSSO_admin_")
        );
    }

    #[test]
    fn every_account_has_the_service_linked_role() {
        let Stage { mut world, .. } = stage();
        let role = world.get_role(A, "AWSServiceRoleForSSO").unwrap();
        assert_eq!(
            role.arn,
            "arn:aws:iam::111122223333:role/aws-service-role/sso.amazonaws.com/AWSServiceRoleForSSO"
        );
    }

    #[test]
    fn the_last_revoke_removes_the_role_and_a_later_grant_brings_another() {
        let mut stage = granted();
        let before = stage.world.list_roles(A, RESERVED).unwrap().remove(0).arn;
        let user = stage.user.clone();
        stage.create(A, PrincipalKind::User, &user);
        stage.revoke(A);
        assert_eq!(
            stage.world.list_roles(A, RESERVED).unwrap()[0].arn,
            before,
            "one assignment is left"
        );
        stage.delete(A, PrincipalKind::User, &user);
        assert!(stage.world.list_roles(A, RESERVED).unwrap().is_empty());
        stage.grant(A);
        let after = stage.world.list_roles(A, RESERVED).unwrap().remove(0).arn;
        assert_ne!(before, after);
        assert_eq!(before[..before.len() - 16], after[..after.len() - 16]);
    }

    #[test]
    fn a_role_keeps_what_was_provisioned_until_it_is_provisioned_again() {
        let mut stage = granted();
        let set = stage.set.clone();
        let world = &mut stage.world;
        world.put_inline_policy(&set, r#"{"Statement":{}}"#).unwrap();
        world
            .update_permission_set(
                &set,
                UpdatePermissionSet {
                    description: Some("new".into()),
                    ..Default::default()
                },
            )
            .unwrap();
        let role = world.list_roles(A, RESERVED).unwrap().remove(0);
        assert_eq!((role.inline_policy, role.description), (None, None));
        world
            .provision_permission_set(&set, ProvisionTarget::AwsAccount(A))
            .unwrap();
        world.settle();
        let after = world.list_roles(A, RESERVED).unwrap().remove(0);
        assert_eq!(
            (after.inline_policy.as_deref(), after.description.as_deref()),
            (Some(r#"{"Statement":{}}"#), Some("new"))
        );
        assert_eq!(after.arn, role.arn, "provisioning updates the role in place");
    }

    #[test]
    fn a_deleted_role_returns_with_another_suffix_and_an_edited_one_is_restored() {
        let mut stage = granted();
        let set = stage.set.clone();
        let before = stage.world.list_roles(A, RESERVED).unwrap().remove(0);
        let poison = "arn:aws:iam::aws:policy/AdministratorAccess".to_owned();
        let edit = Tamper::EditRole {
            set: "admin".into(),
            account: A.into(),
            attach: Some(poison.clone()),
            detach: None,
            inline_policy: None,
        };
        stage.world.tamper(&edit).unwrap();
        assert_eq!(
            stage.world.list_roles(A, RESERVED).unwrap()[0].attached_policies,
            [poison]
        );
        stage
            .world
            .provision_permission_set(&set, ProvisionTarget::AwsAccount(A))
            .unwrap();
        stage.world.settle();
        assert_eq!(
            stage.world.list_roles(A, RESERVED).unwrap().first(),
            Some(&before)
        );
        stage
            .world
            .tamper(&Tamper::DeleteRole {
                set: "admin".into(),
                account: A.into(),
            })
            .unwrap();
        assert!(stage.world.list_roles(A, RESERVED).unwrap().is_empty());
        stage
            .world
            .provision_permission_set(&set, ProvisionTarget::AwsAccount(A))
            .unwrap();
        stage.world.settle();
        let after = stage.world.list_roles(A, RESERVED).unwrap().remove(0);
        assert_ne!(after.name, before.name);
    }

    #[test]
    fn a_deleted_saml_provider_is_made_again_by_the_next_assignment() {
        let mut stage = granted();
        let before = stage.world.list_saml_providers(A).unwrap();
        stage
            .world
            .tamper(&Tamper::DeleteSamlProvider { account: A.into() })
            .unwrap();
        assert!(stage.world.list_saml_providers(A).unwrap().is_empty());
        stage.grant(A);
        let after = stage.world.list_saml_providers(A).unwrap();
        assert_eq!(after.len(), 1);
        assert_ne!(after, before);
    }
}
