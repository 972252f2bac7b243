//! Permission sets and what is attached to them.

use serde_json::Value;

use super::super::super::world::World;
use super::super::super::world::error::{ErrorCode, ServiceError};
use super::super::super::world::permission_set::{
    Boundary, CreatePermissionSet, CustomerManagedPolicy, PermissionSetDescription, UpdatePermissionSet,
};
use super::super::input::{Input, Output, empty, page, seconds};
use super::Answer;

pub fn create(world: &mut World, input: Input<'_>) -> Answer {
    let created = world.create_permission_set(CreatePermissionSet {
        name: input.text("Name").to_owned(),
        description: input.owned("Description"),
        session_duration: input.owned("SessionDuration"),
        relay_state: input.owned("RelayState"),
        tags: input.tags("Tags"),
    })?;
    Ok(described(created))
}

pub fn describe(world: &mut World, input: Input<'_>) -> Answer {
    world.describe_permission_set(set(input)).map(described)
}

pub fn update(world: &mut World, input: Input<'_>) -> Answer {
    let update = UpdatePermissionSet {
        description: input.owned("Description"),
        session_duration: input.owned("SessionDuration"),
        relay_state: input.owned("RelayState"),
    };
    world.update_permission_set(set(input), update).map(|()| empty())
}

pub fn delete(world: &mut World, input: Input<'_>) -> Answer {
    world.delete_permission_set(set(input)).map(|()| empty())
}

pub fn list(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_permission_sets(&input.page())?;
    Ok(page("PermissionSets", listed, Value::from))
}

pub fn put_inline_policy(world: &mut World, input: Input<'_>) -> Answer {
    let policy = input.text("InlinePolicy");
    world.put_inline_policy(set(input), policy).map(|()| empty())
}

pub fn get_inline_policy(world: &mut World, input: Input<'_>) -> Answer {
    let policy = world.get_inline_policy(set(input))?;
    Ok(Output::new().with("InlinePolicy", policy).done())
}

pub fn delete_inline_policy(world: &mut World, input: Input<'_>) -> Answer {
    world.delete_inline_policy(set(input)).map(|()| empty())
}

pub fn attach_managed_policy(world: &mut World, input: Input<'_>) -> Answer {
    let policy = input.text("ManagedPolicyArn");
    world.attach_managed_policy(set(input), policy).map(|()| empty())
}

pub fn detach_managed_policy(world: &mut World, input: Input<'_>) -> Answer {
    let policy = input.text("ManagedPolicyArn");
    world.detach_managed_policy(set(input), policy).map(|()| empty())
}

pub fn list_managed_policies(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_managed_policies(set(input), &input.page())?;
    Ok(page("AttachedManagedPolicies", listed, |arn| {
        let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        Output::new().with("Name", name).with("Arn", arn).done()
    }))
}

pub fn attach_customer_managed_policy(world: &mut World, input: Input<'_>) -> Answer {
    let policy = reference(input.inner("CustomerManagedPolicyReference"));
    world
        .attach_customer_managed_policy(set(input), &policy)
        .map(|()| empty())
}

pub fn detach_customer_managed_policy(world: &mut World, input: Input<'_>) -> Answer {
    let policy = reference(input.inner("CustomerManagedPolicyReference"));
    world
        .detach_customer_managed_policy(set(input), &policy)
        .map(|()| empty())
}

pub fn list_customer_managed_policies(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_customer_managed_policies(set(input), &input.page())?;
    Ok(page("CustomerManagedPolicyReferences", listed, |policy| {
        written(&policy).done()
    }))
}

pub fn put_boundary(world: &mut World, input: Input<'_>) -> Answer {
    let given = input.inner("PermissionsBoundary");
    let managed = given.owned("ManagedPolicyArn").map(Boundary::Managed);
    let customer = given
        .has("CustomerManagedPolicyReference")
        .then(|| Boundary::Customer(reference(given.inner("CustomerManagedPolicyReference"))));
    let boundary = match (managed, customer) {
        (Some(one), None) | (None, Some(one)) => one,
        _ => {
            return Err(ServiceError::new(
                ErrorCode::ValidationException,
                "Exactly one of ManagedPolicyArn or CustomerManagedPolicyReference must be specified",
            ));
        }
    };
    world
        .put_permissions_boundary(set(input), &boundary)
        .map(|()| empty())
}

pub fn get_boundary(world: &mut World, input: Input<'_>) -> Answer {
    let boundary = match world.get_permissions_boundary(set(input))? {
        Boundary::Managed(arn) => Output::new().with("ManagedPolicyArn", arn),
        Boundary::Customer(policy) => Output::new().with("CustomerManagedPolicyReference", written(&policy)),
    };
    Ok(Output::new().with("PermissionsBoundary", boundary).done())
}

pub fn delete_boundary(world: &mut World, input: Input<'_>) -> Answer {
    world.delete_permissions_boundary(set(input)).map(|()| empty())
}

fn set<'a>(input: Input<'a>) -> &'a str {
    input.text("PermissionSetArn")
}

fn reference(input: Input<'_>) -> CustomerManagedPolicy {
    CustomerManagedPolicy {
        name: input.text("Name").to_owned(),
        path: input.optional("Path").unwrap_or("/").to_owned(),
    }
}

fn written(policy: &CustomerManagedPolicy) -> Output {
    Output::new()
        .with("Name", policy.name.as_str())
        .with("Path", policy.path.as_str())
}

fn described(set: PermissionSetDescription) -> Value {
    let set = Output::new()
        .with("Name", set.name)
        .with("PermissionSetArn", set.arn)
        .maybe("Description", set.description)
        .with("CreatedDate", seconds(set.created))
        .with("SessionDuration", set.session_duration)
        .maybe("RelayState", set.relay_state);
    Output::new().with("PermissionSet", set).done()
}
