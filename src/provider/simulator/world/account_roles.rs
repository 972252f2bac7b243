//! What else IAM says about the roles and SAML providers in an account, and how it protects them.
//!
//! Operation names, fields and errors are those of the service model (iam 2010-05-08).

use super::World;
use super::call::{Operation, Subject};
use super::error::{ErrorCode, ServiceError};
use super::role::RoleDescription;

/// The name of the inline policy of a provisioned role.
pub const INLINE_POLICY: &str = "AwsSSOInlinePolicy";

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// `ListAttachedRolePolicies`: the ARNs.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn list_attached_role_policies(&mut self, account: &str, role: &str) -> Answer<Vec<String>> {
        let found = self.on_role(Operation::ListAttachedRolePolicies, account, role)?;
        Ok(found.attached_policies)
    }

    /// `ListRolePolicies`: the names of inline policies.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn list_role_policies(&mut self, account: &str, role: &str) -> Answer<Vec<String>> {
        let found = self.on_role(Operation::ListRolePolicies, account, role)?;
        Ok(found
            .inline_policy
            .map(|_| INLINE_POLICY.to_owned())
            .into_iter()
            .collect())
    }

    /// `GetRolePolicy`: the document.
    ///
    /// # Errors
    /// `NoSuchEntity`, also for another name than that of the one inline policy.
    pub fn get_role_policy(&mut self, account: &str, role: &str, policy: &str) -> Answer<String> {
        let found = self.on_role(Operation::GetRolePolicy, account, role)?;
        let inline = found.inline_policy.filter(|_| policy == INLINE_POLICY);
        inline.ok_or_else(|| missing(format!("The role policy with name {policy} cannot be found.")))
    }

    /// `ListRoleTags`: none, because tags of a permission set are not copied to its roles.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn list_role_tags(&mut self, account: &str, role: &str) -> Answer<()> {
        self.on_role(Operation::ListRoleTags, account, role).map(|_| ())
    }

    /// `GetSAMLProvider`.
    ///
    /// # Errors
    /// `NoSuchEntity`.
    pub fn get_saml_provider(&mut self, account: &str, arn: &str) -> Answer<()> {
        self.call(Operation::GetSamlProvider, Subject::text(arn), |world| {
            if world.saml_provider_in(account)?.as_deref() == Some(arn) {
                return Ok(());
            }
            Err(missing(format!("Manifest not found for arn {arn}")))
        })
    }

    /// How IAM answers whoever wants to change a role that only AWS may change.
    ///
    /// # Errors
    /// Always: `NoSuchEntity`, or `UnmodifiableEntity`.
    pub fn refuse_role_change(&self, account: &str, role: &str) -> Answer<()> {
        self.find_role(account, role)?;
        Err(ServiceError::new(
            ErrorCode::UnmodifiableEntity,
            format!(
                "Cannot perform the operation on the protected role '{role}' - this role is only modifiable by AWS"
            ),
        ))
    }

    fn on_role(&mut self, operation: Operation, account: &str, role: &str) -> Answer<RoleDescription> {
        let subject = Subject::text(format!("{account} {role}"));
        self.call(operation, subject, |world| world.find_role(account, role))
    }
}

fn missing(message: String) -> ServiceError {
    ServiceError::new(ErrorCode::NoSuchEntity, message)
}

#[cfg(test)]
mod tests {
    use super::super::tests::stage;
    use super::*;

    const A: &str = "111122223333";

    #[test]
    fn a_roles_policies_can_be_read_one_by_one_and_not_be_changed() {
        let mut stage = stage();
        let set = stage.set.clone();
        stage
            .world
            .put_inline_policy(&set, r#"{"Statement":{}}"#)
            .unwrap();
        let policy = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        stage.world.attach_managed_policy(&set, policy).unwrap();
        stage.grant(A);
        let world = &mut stage.world;
        let role = world.list_roles(A, "/aws-reserved/").unwrap().remove(0).name;
        assert_eq!(world.list_attached_role_policies(A, &role).unwrap(), [policy]);
        assert_eq!(world.list_role_policies(A, &role).unwrap(), [INLINE_POLICY]);
        assert_eq!(
            world.get_role_policy(A, &role, INLINE_POLICY).unwrap(),
            r#"{"Statement":{}}"#
        );
        assert!(world.get_role_policy(A, &role, "other").is_err());
        let provider = world.list_saml_providers(A).unwrap().remove(0);
        world.get_saml_provider(A, &provider).unwrap();
        assert!(world.get_saml_provider("222233334444", &provider).is_err());
        let error = world.refuse_role_change(A, &role).unwrap_err();
        assert_eq!(error.code, ErrorCode::UnmodifiableEntity);
        assert_eq!(
            world.refuse_role_change(A, "x").unwrap_err().code,
            ErrorCode::NoSuchEntity
        );
    }
}
