//! The organization instance of IAM Identity Center, which lives in the management account and one Region, and what is
//! set on it: name, tags, encryption, the Regions it is replicated to, attributes for access control.
//!
//! Operation names, fields and errors are those of the service model (sso-admin 2020-07-20).

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::World;
use super::authorize::Position;
use super::call::{Listed, Operation, Page, Subject};
use super::clock::{Latency, Time};
use super::effect::Effect;
use super::error::ServiceError;
use super::place::AccountIx;

/// Lists return at most 100 to a page (service model).
const PAGE: u32 = 100;
/// How long a key, a configuration of attributes or the closing of an account takes to come into effect.
const SHORT: Duration = Duration::from_secs(5);
/// How long a Region takes to be added or removed; users of the real service wait many minutes.
const LONG: Duration = Duration::from_secs(60);

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
    /// `Name`.
    pub name: Option<String>,
    /// `CreatedDate`.
    pub created: Time,
}

/// `EncryptionConfigurationDetails`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EncryptionDescription {
    /// `KmsKeyArn`; without one the key is AWS's own.
    pub key: Option<String>,
    /// `EncryptionStatus`: `ENABLED` or `UPDATING`.
    pub status: &'static str,
}

/// `RegionMetadata`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegionDescription {
    /// `RegionName`.
    pub name: String,
    /// `Status`: `ACTIVE`, `ADDING` or `REMOVING`.
    pub status: &'static str,
    /// `AddedDate`.
    pub added: Time,
    /// `IsPrimaryRegion`.
    pub primary: bool,
}

/// `DescribeInstanceAccessControlAttributeConfiguration`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AttributesDescription {
    /// `Status`: `ENABLED` or `CREATION_IN_PROGRESS`.
    pub status: &'static str,
    /// The source of each attribute, by its key.
    pub attributes: Vec<(String, String)>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Region {
    added: Time,
    active: Time,
    /// From when on it is not there any more.
    gone: Option<Time>,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Attributes {
    sources: Vec<(String, String)>,
    enabled: Time,
}

/// What is set on the instance, and what the organisation has besides its tree.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Instance {
    name: Option<String>,
    tags: BTreeMap<String, String>,
    key: Option<(String, Time)>,
    regions: BTreeMap<String, Region>,
    attributes: Option<Attributes>,
    /// Services that were given access (with when), or whose access from the start was taken.
    pub(super) services: BTreeMap<String, Option<Time>>,
    closing: BTreeMap<AccountIx, Time>,
}

impl Instance {
    /// When the next change is in effect.
    pub(super) fn next_due(&self, now: Time) -> Option<Time> {
        let key = self.key.iter().map(|(_, done)| *done);
        let regions = self
            .regions
            .values()
            .map(|region| region.gone.unwrap_or(region.active));
        let attributes = self.attributes.iter().map(|set| set.enabled);
        let later = key.chain(regions).chain(attributes).filter(|at| *at > now);
        later.chain(self.closing.values().copied()).min()
    }

    /// An account whose closing is due.
    pub(super) fn closed_by(&self, by: Time) -> Option<AccountIx> {
        let mut due = self.closing.iter().filter(|(_, done)| **done <= by);
        due.next().map(|(account, _)| *account)
    }

    pub(super) fn forget_closing(&mut self, account: AccountIx) {
        self.closing.remove(&account);
    }

    pub(super) fn close(&mut self, account: AccountIx, done: Time) {
        self.closing.insert(account, done);
    }
}

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// `ListInstances`: none when another Region is asked, unless all are.
    ///
    /// # Errors
    /// What any call may be answered with.
    pub fn list_instances(&mut self) -> Answer<Vec<InstanceDescription>> {
        self.list_instances_in(false)
    }

    /// `ListInstances` with a `RegionScope`.
    ///
    /// # Errors
    /// What any call may be answered with.
    pub fn list_instances_in(&mut self, all_regions: bool) -> Answer<Vec<InstanceDescription>> {
        self.call(Operation::ListInstances, Subject::Nothing, |world| {
            let caller = world.caller.region.as_deref();
            let here = all_regions || caller.is_none_or(|region| region == world.ids.region());
            let ours = world.position() != Position::Outsider;
            Ok(if here && ours {
                vec![world.instance()]
            } else {
                Vec::new()
            })
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

    /// `UpdateInstance`: its name (an empty one removes it), and the customer managed key it is encrypted with
    /// (`Some(None)` is a key of AWS's own).
    ///
    /// # Errors
    /// `ConflictException` while another key is being taken into use.
    pub fn update_instance(&mut self, name: Option<&str>, key: Option<Option<&str>>) -> Answer<()> {
        self.call(Operation::UpdateInstance, Subject::Nothing, |world| {
            if let Some(key) = key {
                if world.encryption().status == "UPDATING" {
                    return Err(super::assignment::conflict_in_progress());
                }
                let done = world.in_a_while(SHORT);
                let key = key.map(str::to_owned);
                world.commit(Effect::InstanceEncrypted { key, done })?;
            }
            if let Some(name) = name {
                let name = Some(name.to_owned()).filter(|name| !name.is_empty());
                world.commit(Effect::InstanceNamed { name })?;
            }
            Ok(())
        })
    }

    /// `TagResource` on the instance.
    ///
    /// # Errors
    /// `ValidationException`, `ServiceQuotaExceededException`.
    pub fn tag_instance(&mut self, tags: &BTreeMap<String, String>) -> Answer<()> {
        self.call(Operation::TagResource, Subject::Nothing, |world| {
            world.check_tags(&world.instance.tags, tags)?;
            let edits = tags.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
            let edits = edits.collect();
            world.commit(Effect::InstanceTagged { edits })
        })
    }

    /// `UntagResource` on the instance.
    ///
    /// # Errors
    /// What any call may be answered with.
    pub fn untag_instance(&mut self, keys: &[String]) -> Answer<()> {
        self.call(Operation::UntagResource, Subject::Nothing, |world| {
            let edits = keys.iter().map(|key| (key.clone(), None)).collect();
            world.commit(Effect::InstanceTagged { edits })
        })
    }

    /// `ListTagsForResource` of the instance.
    ///
    /// # Errors
    /// What any call may be answered with.
    pub fn list_tags_of_instance(&mut self) -> Answer<BTreeMap<String, String>> {
        self.call(Operation::ListTagsForResource, Subject::Nothing, |world| {
            Ok(world.instance.tags.clone())
        })
    }

    /// `AddRegion`: asynchronous. Needs a multi-Region customer managed key (user guide, "Using IAM Identity Center
    /// across multiple AWS Regions").
    ///
    /// # Errors
    /// `ValidationException` without such a key or for the primary Region, `ConflictException` when it was added
    /// already or another Region is being added or removed.
    pub fn add_region(&mut self, region: &str) -> Answer<&'static str> {
        self.call(Operation::AddRegion, Subject::text(region), |world| {
            if region == world.ids.region() || world.region(region).is_some() {
                return Err(ServiceError::conflict(format!("Region {region} was added already.")));
            }
            world.check_no_region_moves()?;
            let key = world.instance.key.as_ref().map(|(arn, _)| arn.as_str());
            if !key.is_some_and(|arn| arn.contains(":key/mrk-")) {
                return Err(ServiceError::invalid(
                    "The instance must be encrypted with a multi-Region customer managed KMS key before a Region is added.",
                ));
            }
            let done = world.in_a_while(LONG);
            let region = region.to_owned();
            world.commit(Effect::RegionAdded { region, done })?;
            Ok("ADDING")
        })
    }

    /// `RemoveRegion`: asynchronous, and never of the primary Region.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ValidationException`, `ConflictException` while another is added or removed.
    pub fn remove_region(&mut self, region: &str) -> Answer<&'static str> {
        self.call(Operation::RemoveRegion, Subject::text(region), |world| {
            if region == world.ids.region() {
                return Err(ServiceError::invalid("The primary Region cannot be removed."));
            }
            world.region(region).ok_or_else(|| no_region(region))?;
            world.check_no_region_moves()?;
            let done = world.in_a_while(LONG);
            let region = region.to_owned();
            world.commit(Effect::RegionRemoved { region, done })?;
            Ok("REMOVING")
        })
    }

    /// `DescribeRegion`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn describe_region(&mut self, region: &str) -> Answer<RegionDescription> {
        self.call(Operation::DescribeRegion, Subject::text(region), |world| {
            world.region(region).ok_or_else(|| no_region(region))
        })
    }

    /// `ListRegions`, the primary one first.
    ///
    /// # Errors
    /// `ValidationException` for a page that cannot be.
    pub fn list_regions(&mut self, page: &Page) -> Answer<Listed<RegionDescription>> {
        self.call(Operation::ListRegions, Subject::Nothing, |world| {
            let (start, count) = page.window(PAGE)?;
            let all = world.regions().into_iter().enumerate().skip(start);
            Ok(Listed::collect(all, count))
        })
    }

    /// `CreateInstanceAccessControlAttributeConfiguration`.
    ///
    /// # Errors
    /// `ConflictException` when there is one, `ValidationException` for a key given twice.
    pub fn create_attributes(&mut self, attributes: Vec<(String, String)>) -> Answer<()> {
        let operation = Operation::CreateInstanceAccessControlAttributeConfiguration;
        self.call(operation, Subject::Nothing, |world| {
            if world.instance.attributes.is_some() {
                return Err(ServiceError::conflict(
                    "Instance access control attribute configuration already exists.",
                ));
            }
            let done = world.in_a_while(SHORT);
            world.set_attributes(attributes, done)
        })
    }

    /// `UpdateInstanceAccessControlAttributeConfiguration`: replaces it.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ValidationException`.
    pub fn update_attributes(&mut self, attributes: Vec<(String, String)>) -> Answer<()> {
        let operation = Operation::UpdateInstanceAccessControlAttributeConfiguration;
        self.call(operation, Subject::Nothing, |world| {
            let set = world.instance.attributes.as_ref().ok_or_else(no_attributes)?;
            let done = set.enabled;
            world.set_attributes(attributes, done)
        })
    }

    /// `DeleteInstanceAccessControlAttributeConfiguration`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn delete_attributes(&mut self) -> Answer<()> {
        let operation = Operation::DeleteInstanceAccessControlAttributeConfiguration;
        self.call(operation, Subject::Nothing, |world| {
            world.instance.attributes.as_ref().ok_or_else(no_attributes)?;
            let done = world.now;
            world.commit(Effect::AttributesSet {
                attributes: None,
                done,
            })
        })
    }

    /// `DescribeInstanceAccessControlAttributeConfiguration`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn describe_attributes(&mut self) -> Answer<AttributesDescription> {
        let operation = Operation::DescribeInstanceAccessControlAttributeConfiguration;
        self.call(operation, Subject::Nothing, |world| {
            let set = world.instance.attributes.as_ref().ok_or_else(no_attributes)?;
            let pending = set.enabled > world.now;
            Ok(AttributesDescription {
                status: if pending {
                    "CREATION_IN_PROGRESS"
                } else {
                    "ENABLED"
                },
                attributes: set.sources.clone(),
            })
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
            name: self.instance.name.clone(),
            created: Time::BEGINNING,
        }
    }

    /// How the instance is encrypted, without a call.
    pub fn encryption(&self) -> EncryptionDescription {
        let key = self.instance.key.as_ref();
        let pending = key.is_some_and(|(_, done)| *done > self.now);
        EncryptionDescription {
            key: key.map(|(arn, _)| arn.clone()),
            status: if pending { "UPDATING" } else { "ENABLED" },
        }
    }

    /// The Regions of the instance, the primary one first, without a call.
    pub fn regions(&self) -> Vec<RegionDescription> {
        let primary = RegionDescription {
            name: self.ids.region().to_owned(),
            status: "ACTIVE",
            added: Time::BEGINNING,
            primary: true,
        };
        let there = self
            .instance
            .regions
            .iter()
            .filter(|(_, region)| region.gone.is_none_or(|gone| gone > self.now));
        let others = there.map(|(name, region)| RegionDescription {
            name: name.clone(),
            status: match region.gone {
                Some(_) => "REMOVING",
                None if region.active > self.now => "ADDING",
                None => "ACTIVE",
            },
            added: region.added,
            primary: false,
        });
        std::iter::once(primary).chain(others).collect()
    }

    /// How long something takes from now: no time at all in a world without latency.
    pub(super) fn in_a_while(&self, while_: Duration) -> Time {
        if self.settings.latency == Latency::NONE {
            return self.now;
        }
        self.now.after(while_)
    }

    pub(super) fn close_in_a_while(&self) -> Time {
        self.in_a_while(SHORT)
    }

    fn region(&self, name: &str) -> Option<RegionDescription> {
        self.regions().into_iter().find(|region| region.name == name)
    }

    /// One Region is added or removed at a time.
    fn check_no_region_moves(&self) -> Answer<()> {
        if self.regions().iter().all(|region| region.status == "ACTIVE") {
            return Ok(());
        }
        Err(super::assignment::conflict_in_progress())
    }

    fn set_attributes(&mut self, attributes: Vec<(String, String)>, done: Time) -> Answer<()> {
        let mut keys: Vec<&str> = attributes.iter().map(|(key, _)| key.as_str()).collect();
        keys.sort_unstable();
        if !keys.is_sorted_by(|one, next| one < next) {
            return Err(ServiceError::invalid(
                "An attribute key was given more than once.",
            ));
        }
        let attributes = Some(attributes);
        self.commit(Effect::AttributesSet { attributes, done })
    }

    pub(super) fn apply_to_instance(&mut self, effect: &Effect) -> bool {
        let instance = &mut self.instance;
        match effect {
            Effect::InstanceNamed { name } => instance.name.clone_from(name),
            Effect::InstanceTagged { edits } => super::effect::edit_tags(&mut instance.tags, edits),
            Effect::InstanceEncrypted { key, done } => {
                instance.key = key.clone().map(|key| (key, *done));
            }
            Effect::RegionAdded { region, done } => {
                let added = Region {
                    added: self.now,
                    active: *done,
                    gone: None,
                };
                instance.regions.insert(region.clone(), added);
            }
            Effect::RegionRemoved { region, done } => {
                let Some(found) = instance.regions.get_mut(region) else {
                    return false;
                };
                found.gone = Some(*done);
            }
            Effect::AttributesSet { attributes, done } => {
                instance.attributes = attributes.clone().map(|sources| Attributes {
                    sources,
                    enabled: *done,
                });
            }
            Effect::ServiceAccess { service, enabled } => {
                instance
                    .services
                    .insert(service.clone(), enabled.then_some(self.now));
            }
            _ => return false,
        }
        true
    }
}

fn no_region(region: &str) -> ServiceError {
    ServiceError::not_found(format!("Region {region} not found."))
}

fn no_attributes() -> ServiceError {
    ServiceError::not_found("Instance access control attribute configuration not found.")
}

#[cfg(test)]
mod tests {
    use super::super::call::Page;
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

    const KEY: &str = "arn:aws:kms:eu-west-1:111122223333:key/mrk-00000000000000000000000000000000";

    #[test]
    fn a_region_is_added_with_a_multi_region_key_and_removed_one_at_a_time() {
        let mut world = world();
        let error = world.add_region("eu-central-1").unwrap_err();
        assert_eq!(error.code, ErrorCode::ValidationException);
        world.update_instance(Some("corp"), Some(Some(KEY))).unwrap();
        assert_eq!(world.encryption().status, "UPDATING");
        world.settle();
        assert_eq!(world.encryption().status, "ENABLED");
        assert_eq!(world.add_region("eu-central-1").unwrap(), "ADDING");
        let error = world.add_region("eu-west-3").unwrap_err();
        assert_eq!(error.code, ErrorCode::ConflictException, "one at a time");
        world.settle();
        assert_eq!(world.describe_region("eu-central-1").unwrap().status, "ACTIVE");
        assert!(world.remove_region("eu-west-1").is_err(), "the primary one stays");
        world.remove_region("eu-central-1").unwrap();
        assert_eq!(world.describe_region("eu-central-1").unwrap().status, "REMOVING");
        world.settle();
        assert!(world.describe_region("eu-central-1").is_err());
        assert_eq!(world.list_regions(&Page::default()).unwrap().items.len(), 1);
        assert_eq!(world.instance().name.as_deref(), Some("corp"));
    }

    #[test]
    fn there_is_one_configuration_of_attributes() {
        let mut world = world();
        assert!(world.describe_attributes().is_err());
        let centre = (
            "CostCenter".to_owned(),
            "${path:enterprise.costCenter}".to_owned(),
        );
        world.create_attributes(vec![centre.clone()]).unwrap();
        assert_eq!(
            world.describe_attributes().unwrap().status,
            "CREATION_IN_PROGRESS"
        );
        world.settle();
        let described = world.describe_attributes().unwrap();
        assert_eq!(described.attributes, std::slice::from_ref(&centre));
        assert_eq!(
            world.create_attributes(Vec::new()).unwrap_err().code,
            ErrorCode::ConflictException
        );
        assert!(
            world.update_attributes(vec![centre.clone(), centre]).is_err(),
            "a key twice"
        );
        world.update_attributes(Vec::new()).unwrap();
        world.delete_attributes().unwrap();
        assert!(world.delete_attributes().is_err());
    }
}
