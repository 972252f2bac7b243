//! The instance: its description, tags, Regions and attributes for access control.

use serde_json::Value;

use super::super::super::world::World;
use super::super::super::world::call::Listed;
use super::super::super::world::error::{ErrorCode, ServiceError};
use super::super::super::world::instance::{InstanceDescription, RegionDescription};
use super::super::input::{Input, Output, empty, page, seconds, tags};
use super::Answer;

pub fn list(world: &mut World, input: Input<'_>) -> Answer {
    let instances = world.list_instances_in(input.text("RegionScope") == "ALL_REGIONS")?;
    let listed = Listed {
        items: instances,
        next_token: None,
    };
    Ok(page("Instances", listed, |instance| {
        described(world, instance).done()
    }))
}

pub fn describe(world: &mut World, input: Input<'_>) -> Answer {
    let instance = world.describe_instance(input.text("InstanceArn"))?;
    let encryption = world.encryption();
    let kind = if encryption.key.is_some() {
        "CUSTOMER_MANAGED_KEY"
    } else {
        "AWS_OWNED_KMS_KEY"
    };
    let encryption = Output::new()
        .with("KeyType", kind)
        .maybe("KmsKeyArn", encryption.key)
        .with("EncryptionStatus", encryption.status);
    Ok(described(world, instance)
        .with("EncryptionConfigurationDetails", encryption)
        .with("PermissionSetsEnabled", true)
        .done())
}

pub fn update(world: &mut World, input: Input<'_>) -> Answer {
    if input.has("NetworkConfiguration") {
        return Err(invalid("NetworkConfiguration is not simulated"));
    }
    if input.0.get("PermissionSetsEnabled") == Some(&Value::Bool(false)) {
        return Err(invalid("PermissionSetsEnabled cannot be set to false"));
    }
    let encryption = input.inner("EncryptionConfiguration");
    let key = match (encryption.optional("KeyType"), encryption.optional("KmsKeyArn")) {
        (None, _) => None,
        (Some("CUSTOMER_MANAGED_KEY"), Some(arn)) => Some(Some(arn)),
        (Some("CUSTOMER_MANAGED_KEY"), None) => {
            return Err(invalid(
                "KmsKeyArn is required when KeyType is CUSTOMER_MANAGED_KEY",
            ));
        }
        (Some(_), Some(_)) => {
            return Err(invalid(
                "KmsKeyArn must not be given when KeyType is AWS_OWNED_KMS_KEY",
            ));
        }
        (Some(_), None) => Some(None),
    };
    world
        .update_instance(input.optional("Name"), key)
        .map(|()| empty())
}

pub fn add_region(world: &mut World, input: Input<'_>) -> Answer {
    let status = world.add_region(input.text("RegionName"))?;
    Ok(Output::new().with("Status", status).done())
}

pub fn remove_region(world: &mut World, input: Input<'_>) -> Answer {
    let status = world.remove_region(input.text("RegionName"))?;
    Ok(Output::new().with("Status", status).done())
}

pub fn describe_region(world: &mut World, input: Input<'_>) -> Answer {
    world.describe_region(input.text("RegionName")).map(region)
}

pub fn list_regions(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_regions(&input.page())?;
    Ok(page("Regions", listed, region))
}

pub fn create_attributes(world: &mut World, input: Input<'_>) -> Answer {
    world.create_attributes(attributes(input)).map(|()| empty())
}

pub fn update_attributes(world: &mut World, input: Input<'_>) -> Answer {
    world.update_attributes(attributes(input)).map(|()| empty())
}

pub fn delete_attributes(world: &mut World, _: Input<'_>) -> Answer {
    world.delete_attributes().map(|()| empty())
}

pub fn describe_attributes(world: &mut World, _: Input<'_>) -> Answer {
    let described = world.describe_attributes()?;
    let attributes = described.attributes.into_iter();
    let attributes: Value = attributes
        .map(|(key, source)| {
            let value = Output::new().with("Source", vec![source]);
            Output::new().with("Key", key).with("Value", value).done()
        })
        .collect();
    let configuration = Output::new().with("AccessControlAttributes", attributes);
    Ok(Output::new()
        .with("Status", described.status)
        .with("InstanceAccessControlAttributeConfiguration", configuration)
        .done())
}

pub fn tag(world: &mut World, input: Input<'_>) -> Answer {
    let tags = input.tags("Tags");
    match input.text("ResourceArn") {
        arn if is_instance(arn) => world.check_instance(arn).and_then(|()| world.tag_instance(&tags)),
        arn => world.tag_resource(arn, &tags),
    }
    .map(|()| empty())
}

pub fn untag(world: &mut World, input: Input<'_>) -> Answer {
    let keys = input.texts("TagKeys");
    match input.text("ResourceArn") {
        arn if is_instance(arn) => world
            .check_instance(arn)
            .and_then(|()| world.untag_instance(&keys)),
        arn => world.untag_resource(arn, &keys),
    }
    .map(|()| empty())
}

pub fn list_tags(world: &mut World, input: Input<'_>) -> Answer {
    let found = match input.text("ResourceArn") {
        arn if is_instance(arn) => world
            .check_instance(arn)
            .and_then(|()| world.list_tags_of_instance()),
        arn => world.list_tags_for_resource(arn),
    }?;
    Ok(Output::new().with("Tags", tags(found)).done())
}

fn is_instance(arn: &str) -> bool {
    arn.contains(":::instance/")
}

fn attributes(input: Input<'_>) -> Vec<(String, String)> {
    let configuration = input.inner("InstanceAccessControlAttributeConfiguration");
    let attributes = configuration.list("AccessControlAttributes").iter().map(Input);
    attributes
        .map(|attribute| {
            let source = attribute.inner("Value").texts("Source");
            (
                attribute.text("Key").to_owned(),
                source.into_iter().next().unwrap_or_default(),
            )
        })
        .collect()
}

/// `InstanceMetadata`.
fn described(world: &World, instance: InstanceDescription) -> Output {
    let regions: Value = world.regions().into_iter().map(region).collect();
    let store = format!(
        "arn:aws:identitystore::{}:identitystore/{}",
        instance.owner_account_id, instance.identity_store_id
    );
    Output::new()
        .with("InstanceArn", instance.instance_arn)
        .with("IdentityStoreId", instance.identity_store_id)
        .with("IdentityStoreArn", store)
        .with("OwnerAccountId", instance.owner_account_id)
        .maybe("Name", instance.name)
        .with("CreatedDate", seconds(instance.created))
        .with("Status", instance.status)
        .with("PrimaryRegion", instance.region)
        .with("Regions", regions)
}

fn region(region: RegionDescription) -> Value {
    Output::new()
        .with("RegionName", region.name)
        .with("Status", region.status)
        .with("AddedDate", seconds(region.added))
        .with("IsPrimaryRegion", region.primary)
        .done()
}

fn invalid(message: &str) -> ServiceError {
    ServiceError::new(ErrorCode::ValidationException, message)
}
