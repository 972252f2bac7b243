//! The organization instance of IAM Identity Center, which lives in the management account and one Region.

use super::World;
use super::call::{Operation, Subject};
use super::error::ServiceError;

/// `InstanceMetadata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InstanceDescription {
    /// `InstanceArn`.
    pub instance_arn: String,
    /// `IdentityStoreId`.
    pub identity_store_id: String,
    /// `OwnerAccountId`: the management account.
    pub owner_account_id: String,
    /// The instance's Region.
    pub region: String,
    /// `Status`; always `ACTIVE`.
    pub status: &'static str,
}

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// `ListInstances`: none when another Region is asked.
    ///
    /// # Errors
    /// What any call may be answered with.
    pub fn list_instances(&mut self) -> Answer<Vec<InstanceDescription>> {
        self.call(Operation::ListInstances, Subject::Nothing, |world| {
            let here = world
                .caller
                .region
                .as_deref()
                .is_none_or(|region| region == world.ids.region());
            Ok(if here { vec![world.instance()] } else { Vec::new() })
        })
    }

    /// `DescribeInstance`.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for another ARN.
    pub fn describe_instance(&mut self, arn: &str) -> Answer<InstanceDescription> {
        self.call(Operation::DescribeInstance, Subject::text(arn), |world| {
            world.check_instance(arn)?;
            Ok(world.instance())
        })
    }

    /// Checks the `InstanceArn` that comes with an operation.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for another instance.
    pub fn check_instance(&self, arn: &str) -> Answer<()> {
        if arn == self.ids.instance_arn() {
            return Ok(());
        }
        Err(ServiceError::not_found(format!("Instance {arn} not found.")))
    }

    /// Checks the `IdentityStoreId` that comes with an operation.
    ///
    /// # Errors
    /// `ResourceNotFoundException` for another store.
    pub fn check_identity_store(&self, id: &str) -> Answer<()> {
        if id == self.ids.identity_store_id() {
            return Ok(());
        }
        Err(ServiceError::not_found(format!("IDENTITY_STORE {id} not found.")))
    }

    /// The instance, without a call.
    pub fn instance(&self) -> InstanceDescription {
        let management = self.organization.account(self.organization.management());
        InstanceDescription {
            instance_arn: self.ids.instance_arn(),
            identity_store_id: self.ids.identity_store_id(),
            owner_account_id: management.map(|account| account.id.clone()).unwrap_or_default(),
            region: self.ids.region().to_owned(),
            status: "ACTIVE",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorCode;
    use super::super::tests::world;

    #[test]
    fn the_instance_is_the_management_accounts() {
        let mut world = world();
        let instance = world.list_instances().unwrap().remove(0);
        let management = world.describe_organization().unwrap().management_account_id;
        assert_eq!(instance.owner_account_id, management);
        assert_eq!(world.describe_instance(&instance.instance_arn).unwrap(), instance);
        let other = "arn:aws:sso:::instance/ssoins-0000000000000000";
        assert_eq!(
            world.describe_instance(other).unwrap_err().code,
            ErrorCode::ResourceNotFoundException
        );
        assert!(world.check_identity_store(&instance.identity_store_id).is_ok());
        assert!(world.check_identity_store("d-0000000000").is_err());
    }
}
