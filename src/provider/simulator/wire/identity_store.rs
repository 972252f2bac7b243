//! The identity store (`identitystore`, 2020-06-15): its operations by name.

use serde_json::Value;

use super::super::world::World;
use super::super::world::call::Operation;
use super::super::world::error::{ErrorCode, ServiceError};
use super::super::world::identity_store::{
    AlternateIdentifier, Detail, ExternalId, MembershipDescription, PrincipalDescription, PrincipalKind,
};
use super::input::{Input, Output, empty, page, seconds};
use super::{Handler, Table};

mod user;

type Answer = Result<Value, ServiceError>;

/// Every operation offered.
pub const OPERATIONS: Table = &[
    ("CreateGroup", create_group),
    ("CreateGroupMembership", create_membership),
    ("CreateUser", create_user),
    ("DeleteGroup", delete_group),
    ("DeleteGroupMembership", delete_membership),
    ("DeleteUser", delete_user),
    ("DescribeGroup", describe_group),
    ("DescribeGroupMembership", describe_membership),
    ("DescribeIdentityStore", describe_identity_store),
    ("DescribeUser", describe_user),
    ("GetGroupId", get_group_id),
    ("GetGroupMembershipId", get_membership_id),
    ("GetUserId", get_user_id),
    ("IsMemberInGroups", is_member_in_groups),
    ("ListGroupMemberships", list_memberships),
    ("ListGroupMembershipsForMember", list_memberships_for_member),
    ("ListGroups", list_groups),
    ("ListIdentityStores", list_identity_stores),
    ("ListUsers", list_users),
    ("UpdateGroup", update_group),
    ("UpdateUser", update_user),
];

/// Carries out an operation on this identity store, which may be named by id or by ARN.
///
/// # Errors
/// `ResourceNotFoundException` for another store; the operation's own.
pub fn carry_out(handler: Handler, world: &mut World, input: Input<'_>) -> Answer {
    if let Some(id) = input.optional("IdentityStoreId") {
        world.check_identity_store(bare(id))?;
    }
    handler(world, input)
}

fn create_user(world: &mut World, input: Input<'_>) -> Answer {
    let id = world.create_user(user::read(input)?)?;
    Ok(changed(world, PrincipalKind::User, &id))
}

fn create_group(world: &mut World, input: Input<'_>) -> Answer {
    let Some(name) = input.optional("DisplayName") else {
        return Err(invalid("displayName is a required attribute"));
    };
    let id = world.create_group(name, input.optional("Description"))?;
    Ok(changed(world, PrincipalKind::Group, &id))
}

fn describe_user(world: &mut World, input: Input<'_>) -> Answer {
    let found = world.describe_principal(PrincipalKind::User, id(input, "UserId"))?;
    Ok(described(world, found, &input.texts("Extensions")))
}

fn describe_group(world: &mut World, input: Input<'_>) -> Answer {
    let found = world.describe_principal(PrincipalKind::Group, id(input, "GroupId"))?;
    Ok(described(world, found, &[]))
}

fn update_user(world: &mut World, input: Input<'_>) -> Answer {
    let at = id(input, "UserId");
    let edits = user::edits(input.list("Operations"))?;
    let edits: Vec<_> = edits
        .iter()
        .map(|(path, value)| (path.as_str(), value.as_deref()))
        .collect();
    world.update_user(at, &edits, input.optional("Revision"))?;
    Ok(changed(world, PrincipalKind::User, at))
}

fn update_group(world: &mut World, input: Input<'_>) -> Answer {
    let at = id(input, "GroupId");
    let operations: Vec<Input<'_>> = input.list("Operations").iter().map(Input).collect();
    let mut edits = Vec::new();
    for operation in operations {
        let path = operation.text("AttributePath");
        let value = operation.optional("AttributeValue");
        if operation.has("AttributeValue") && value.is_none() {
            return Err(invalid(format!("The value of {path} must be a string")));
        }
        edits.push((path, value));
    }
    world.update_group(at, &edits, input.optional("Revision"))?;
    Ok(changed(world, PrincipalKind::Group, at))
}

fn delete_user(world: &mut World, input: Input<'_>) -> Answer {
    let revision = input.optional("Revision");
    world
        .delete_principal(PrincipalKind::User, id(input, "UserId"), revision)
        .map(|()| empty())
}

fn delete_group(world: &mut World, input: Input<'_>) -> Answer {
    let revision = input.optional("Revision");
    world
        .delete_principal(PrincipalKind::Group, id(input, "GroupId"), revision)
        .map(|()| empty())
}

fn list_users(world: &mut World, input: Input<'_>) -> Answer {
    list(world, input, PrincipalKind::User, "Users", "UserName")
}

fn list_groups(world: &mut World, input: Input<'_>) -> Answer {
    list(world, input, PrincipalKind::Group, "Groups", "DisplayName")
}

/// A filter names the one attribute that is unique.
fn list(world: &mut World, input: Input<'_>, kind: PrincipalKind, name: &str, unique: &str) -> Answer {
    let extensions = input.texts("Extensions");
    let Some(filter) = input.list("Filters").first().map(Input) else {
        let listed = world.list_principals(kind, &input.page())?;
        return Ok(page(name, listed, |found| described(world, found, &extensions)));
    };
    if !filter.text("AttributePath").eq_ignore_ascii_case(unique) {
        let path = filter.text("AttributePath");
        return Err(invalid(format!("Unsupported filter attribute path: {path}")));
    }
    let found = world.list_principals_named(kind, filter.text("AttributeValue"))?;
    let found: Value = found
        .into_iter()
        .map(|found| described(world, found, &extensions))
        .collect();
    Ok(Output::new().with(name, found).done())
}

fn get_user_id(world: &mut World, input: Input<'_>) -> Answer {
    get_id(world, input, PrincipalKind::User)
}

fn get_group_id(world: &mut World, input: Input<'_>) -> Answer {
    get_id(world, input, PrincipalKind::Group)
}

fn get_id(world: &mut World, input: Input<'_>, kind: PrincipalKind) -> Answer {
    let by = input.inner("AlternateIdentifier");
    let (unique, external) = (by.inner("UniqueAttribute"), by.inner("ExternalId"));
    let external_id = ExternalId {
        issuer: external.text("Issuer").to_owned(),
        id: external.text("Id").to_owned(),
    };
    if by.has("UniqueAttribute") == by.has("ExternalId") {
        return Err(invalid(
            "Exactly one of UniqueAttribute or ExternalId must be specified",
        ));
    }
    let value = unique.text("AttributeValue");
    let path = unique.text("AttributePath");
    let by = match (kind, path.to_lowercase().as_str()) {
        _ if by.has("ExternalId") => AlternateIdentifier::External(&external_id),
        (PrincipalKind::User, "username") | (PrincipalKind::Group, "displayname") => {
            AlternateIdentifier::Name(value)
        }
        (PrincipalKind::User, "emails.value") => AlternateIdentifier::Email(value),
        _ => return Err(invalid(format!("Unsupported attribute path: {path}"))),
    };
    let id = world.get_principal_id(kind, by)?;
    let (name, arn) = names(kind);
    Ok(in_store(world)
        .with(name, id.as_str())
        .with(arn, arn_of(kind, &id))
        .done())
}

fn create_membership(world: &mut World, input: Input<'_>) -> Answer {
    let created = world.create_group_membership(id(input, "GroupId"), member(input)?)?;
    Ok(in_store(world)
        .with("MembershipId", created.as_str())
        .with("MembershipArn", membership_arn(&created))
        .done())
}

fn describe_membership(world: &mut World, input: Input<'_>) -> Answer {
    let found = world.describe_group_membership(id(input, "MembershipId"))?;
    Ok(membership(world, found))
}

fn delete_membership(world: &mut World, input: Input<'_>) -> Answer {
    world
        .delete_group_membership(id(input, "MembershipId"))
        .map(|()| empty())
}

fn get_membership_id(world: &mut World, input: Input<'_>) -> Answer {
    let found = world.get_group_membership_id(id(input, "GroupId"), member(input)?)?;
    Ok(in_store(world)
        .with("MembershipId", found.as_str())
        .with("MembershipArn", membership_arn(&found))
        .done())
}

fn list_memberships(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_group_memberships(id(input, "GroupId"), &input.page())?;
    Ok(page("GroupMemberships", listed, |found| membership(world, found)))
}

fn list_memberships_for_member(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_group_memberships_for_member(member(input)?, &input.page())?;
    Ok(page("GroupMemberships", listed, |found| membership(world, found)))
}

fn is_member_in_groups(world: &mut World, input: Input<'_>) -> Answer {
    let given = input.texts("GroupIds");
    let groups: Vec<String> = given.iter().map(|id| bare(id).to_owned()).collect();
    let member = member(input)?;
    let exists = world.is_member_in_groups(member, &groups)?;
    let results: Value = groups
        .into_iter()
        .zip(exists)
        .map(|(group, exists)| {
            Output::new()
                .with("GroupId", group)
                .with("MemberId", Output::new().with("UserId", member))
                .with("MembershipExists", exists)
                .done()
        })
        .collect();
    Ok(Output::new().with("Results", results).done())
}

fn list_identity_stores(world: &mut World, _: Input<'_>) -> Answer {
    world.read_identity_store(Operation::ListIdentityStores)?;
    let store = in_store(world).with("IdentityStoreArn", store_arn(world)).done();
    Ok(Output::new().with("IdentityStores", vec![store]).done())
}

fn describe_identity_store(world: &mut World, _: Input<'_>) -> Answer {
    world.read_identity_store(Operation::DescribeIdentityStore)?;
    Ok(in_store(world).with("IdentityStoreArn", store_arn(world)).done())
}

/// An id that may be given as an ARN, which ends with it.
fn bare(id: &str) -> &str {
    id.rsplit('/').next().unwrap_or(id)
}

fn id<'a>(input: Input<'a>, name: &str) -> &'a str {
    bare(input.text(name))
}

/// `MemberId` is a union, of which exactly one member is given; there is only `UserId`.
fn member<'a>(input: Input<'a>) -> Result<&'a str, ServiceError> {
    let user = input.inner("MemberId").optional("UserId");
    user.map(bare)
        .ok_or_else(|| invalid("MemberId must have exactly one member: UserId"))
}

fn in_store(world: &World) -> Output {
    Output::new().with("IdentityStoreId", world.ids().identity_store_id())
}

fn store_arn(world: &World) -> String {
    let instance = world.instance();
    format!(
        "arn:aws:identitystore::{}:identitystore/{}",
        instance.owner_account_id, instance.identity_store_id
    )
}

fn names(kind: PrincipalKind) -> (&'static str, &'static str) {
    match kind {
        PrincipalKind::User => ("UserId", "UserArn"),
        PrincipalKind::Group => ("GroupId", "GroupArn"),
    }
}

fn arn_of(kind: PrincipalKind, id: &str) -> String {
    format!("arn:aws:identitystore:::{}/{id}", kind.as_str().to_lowercase())
}

fn membership_arn(id: &str) -> String {
    format!("arn:aws:identitystore:::membership/{id}")
}

/// What a change of a user or group answers: its id and its revision after the change.
fn changed(world: &World, kind: PrincipalKind, id: &str) -> Value {
    let (name, arn) = names(kind);
    let revision = world.revision_of(id).unwrap_or_default();
    in_store(world)
        .with(name, id)
        .with(arn, arn_of(kind, id))
        .with("Revision", revision)
        .done()
}

fn described(world: &World, found: PrincipalDescription, extensions: &[String]) -> Value {
    let external = found.external_id.map(|external| {
        vec![
            Output::new()
                .with("Issuer", external.issuer)
                .with("Id", external.id)
                .done(),
        ]
    });
    let of = |kind| {
        let (name, arn) = names(kind);
        in_store(world)
            .with(name, found.id.as_str())
            .with(arn, arn_of(kind, &found.id))
            .with("Revision", found.revision.as_str())
            .maybe("ExternalIds", external)
            .with("CreatedAt", seconds(found.dates.0))
            .with("UpdatedAt", seconds(found.dates.1))
    };
    match found.detail {
        Detail::User(user) => user::write(of(PrincipalKind::User), user, extensions).done(),
        Detail::Group(group) => of(PrincipalKind::Group)
            .with("DisplayName", group.display_name)
            .maybe("Description", group.description)
            .done(),
    }
}

fn membership(world: &World, found: MembershipDescription) -> Value {
    in_store(world)
        .with("MembershipId", found.id.as_str())
        .with("MembershipArn", membership_arn(&found.id))
        .with("GroupId", found.group_id)
        .with("MemberId", Output::new().with("UserId", found.user_id))
        .with("CreatedAt", seconds(found.created))
        .with("UpdatedAt", seconds(found.created))
        .done()
}

fn invalid(message: impl Into<String>) -> ServiceError {
    ServiceError::new(ErrorCode::ValidationException, message)
}
