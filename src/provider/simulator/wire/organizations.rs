//! AWS Organizations (`organizations`, 2016-11-28): its operations by name.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::world::World;
use super::super::world::call::Listed;
use super::super::world::error::{ErrorCode, Reason, ServiceError};
use super::super::world::organization::{
    AccountDescription, AccountState, CreateAccountStatus, UnitDescription,
};
use super::super::world::place::UnitIx;
use super::super::world::request::Status;
use super::super::world::service_access::ChildKind;
use super::Table;
use super::input::{Input, Output, page, seconds, tags};

type Answer = Result<Value, ServiceError>;

/// Every operation offered.
pub const OPERATIONS: Table = &[
    ("CloseAccount", close_account),
    ("CreateAccount", create_account),
    ("CreateOrganizationalUnit", create_unit),
    ("DeleteOrganizationalUnit", delete_unit),
    ("DeregisterDelegatedAdministrator", deregister),
    ("DescribeAccount", describe_account),
    ("DescribeCreateAccountStatus", describe_create_account_status),
    ("DescribeOrganization", describe_organization),
    ("DescribeOrganizationalUnit", describe_unit),
    ("DisableAWSServiceAccess", disable_service_access),
    ("EnableAWSServiceAccess", enable_service_access),
    ("LeaveOrganization", leave_organization),
    ("ListAWSServiceAccessForOrganization", list_service_access),
    ("ListAccounts", list_accounts),
    ("ListAccountsForParent", list_accounts_for_parent),
    ("ListChildren", list_children),
    ("ListCreateAccountStatus", list_create_account_status),
    ("ListDelegatedAdministrators", list_delegated_administrators),
    ("ListDelegatedServicesForAccount", list_delegated_services),
    ("ListOrganizationalUnitsForParent", list_units_for_parent),
    ("ListParents", list_parents),
    ("ListRoots", list_roots),
    ("ListTagsForResource", list_tags),
    ("MoveAccount", move_account),
    ("RegisterDelegatedAdministrator", register),
    ("RemoveAccountFromOrganization", remove_account),
    ("TagResource", tag),
    ("UntagResource", untag),
    ("UpdateOrganizationalUnit", update_unit),
];

fn describe_organization(world: &mut World, _: Input<'_>) -> Answer {
    let found = world.describe_organization()?;
    let (id, management) = (&found.id, &found.management_account_id);
    let organization = Output::new()
        .with("Id", id.as_str())
        .with(
            "Arn",
            format!("arn:aws:organizations::{management}:organization/{id}"),
        )
        .with("FeatureSet", "ALL")
        .with(
            "MasterAccountArn",
            format!("arn:aws:organizations::{management}:account/{id}/{management}"),
        )
        .with("MasterAccountId", management.as_str())
        .with("MasterAccountEmail", found.management_account_email.as_str())
        .with("AvailablePolicyTypes", Vec::<Value>::new());
    Ok(Output::new().with("Organization", organization).done())
}

fn list_roots(world: &mut World, _: Input<'_>) -> Answer {
    let roots = world.list_roots()?.into_iter();
    let roots: Value = roots
        .map(|root| {
            Output::new()
                .with("Id", root.id)
                .with("Arn", root.arn)
                .with("Name", root.name)
                .with("PolicyTypes", Vec::<Value>::new())
                .done()
        })
        .collect();
    Ok(Output::new().with("Roots", roots).done())
}

fn list_units_for_parent(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_organizational_units_for_parent(input.text("ParentId"), &input.page())?;
    Ok(page("OrganizationalUnits", listed, |found| {
        unit(world, found).done()
    }))
}

fn describe_unit(world: &mut World, input: Input<'_>) -> Answer {
    let found = world.describe_organizational_unit(input.text("OrganizationalUnitId"))?;
    Ok(Output::new()
        .with("OrganizationalUnit", unit(world, found))
        .done())
}

fn create_unit(world: &mut World, input: Input<'_>) -> Answer {
    let tags = distinct_tags(input)?;
    let found = world.create_organizational_unit(input.text("ParentId"), input.text("Name"), &tags)?;
    Ok(Output::new()
        .with("OrganizationalUnit", unit(world, found))
        .done())
}

fn update_unit(world: &mut World, input: Input<'_>) -> Answer {
    let id = input.text("OrganizationalUnitId");
    let found = match input.optional("Name") {
        Some(name) => world.update_organizational_unit(id, name)?,
        None => world.describe_organizational_unit(id)?,
    };
    Ok(Output::new()
        .with("OrganizationalUnit", unit(world, found))
        .done())
}

fn delete_unit(world: &mut World, input: Input<'_>) -> Answer {
    let id = input.text("OrganizationalUnitId");
    world.delete_organizational_unit(id).map(|()| Value::Null)
}

fn list_accounts(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_accounts(&input.page())?;
    Ok(page("Accounts", listed, |found| account(world, found).done()))
}

fn list_accounts_for_parent(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_accounts_for_parent(input.text("ParentId"), &input.page())?;
    Ok(page("Accounts", listed, |found| account(world, found).done()))
}

fn describe_account(world: &mut World, input: Input<'_>) -> Answer {
    let found = world.describe_account(input.text("AccountId"))?;
    Ok(Output::new().with("Account", account(world, found)).done())
}

fn list_children(world: &mut World, input: Input<'_>) -> Answer {
    let kind = input.text("ChildType");
    let wanted = match kind {
        "ACCOUNT" => ChildKind::Account,
        _ => ChildKind::Unit,
    };
    let listed = world.list_children(input.text("ParentId"), wanted, &input.page())?;
    Ok(page("Children", listed, |id| {
        Output::new().with("Id", id).with("Type", kind).done()
    }))
}

fn list_parents(world: &mut World, input: Input<'_>) -> Answer {
    let parent = world.list_parents(input.text("ChildId"))?;
    let kind = if parent.starts_with("r-") {
        "ROOT"
    } else {
        "ORGANIZATIONAL_UNIT"
    };
    let parent = Output::new().with("Id", parent).with("Type", kind).done();
    Ok(Output::new().with("Parents", vec![parent]).done())
}

fn create_account(world: &mut World, input: Input<'_>) -> Answer {
    let status = world.create_account(
        input.text("AccountName"),
        input.text("Email"),
        &distinct_tags(input)?,
        input.optional("RoleName"),
    )?;
    Ok(Output::new().with("CreateAccountStatus", creation(status)).done())
}

fn describe_create_account_status(world: &mut World, input: Input<'_>) -> Answer {
    let status = world.describe_create_account_status(input.text("CreateAccountRequestId"))?;
    Ok(Output::new().with("CreateAccountStatus", creation(status)).done())
}

fn list_create_account_status(world: &mut World, input: Input<'_>) -> Answer {
    let states: Vec<Status> = input
        .texts("States")
        .iter()
        .map(|state| match state.as_str() {
            "IN_PROGRESS" => Status::InProgress,
            "SUCCEEDED" => Status::Succeeded,
            _ => Status::Failed,
        })
        .collect();
    let listed = world.list_create_account_status(&states, &input.page())?;
    Ok(page("CreateAccountStatuses", listed, creation))
}

fn close_account(world: &mut World, input: Input<'_>) -> Answer {
    world.close_account(input.text("AccountId")).map(|()| Value::Null)
}

fn remove_account(world: &mut World, input: Input<'_>) -> Answer {
    let id = input.text("AccountId");
    world.remove_account_from_organization(id).map(|()| Value::Null)
}

fn move_account(world: &mut World, input: Input<'_>) -> Answer {
    let (from, to) = (input.text("SourceParentId"), input.text("DestinationParentId"));
    world
        .move_account(input.text("AccountId"), from, to)
        .map(|()| Value::Null)
}

fn tag(world: &mut World, input: Input<'_>) -> Answer {
    let (id, tags) = (input.text("ResourceId"), distinct_tags(input)?);
    world.tag_organization_resource(id, &tags).map(|()| Value::Null)
}

/// The tags of an input, in which no key may be given twice (`DUPLICATE_TAG_KEY` of `InvalidInputException`).
fn distinct_tags(input: Input<'_>) -> Result<BTreeMap<String, String>, ServiceError> {
    let tags = input.tags("Tags");
    if tags.len() == input.list("Tags").len() {
        return Ok(tags);
    }
    let message = "Tag keys must be unique among the tags attached to the same entity.";
    Err(ServiceError::new(ErrorCode::InvalidInputException, message).because(Reason::DuplicateTagKey))
}

fn untag(world: &mut World, input: Input<'_>) -> Answer {
    let (id, keys) = (input.text("ResourceId"), input.texts("TagKeys"));
    world.untag_organization_resource(id, &keys).map(|()| Value::Null)
}

fn list_tags(world: &mut World, input: Input<'_>) -> Answer {
    let found: BTreeMap<String, String> = world.list_organization_tags(input.text("ResourceId"))?;
    Ok(Output::new().with("Tags", tags(found)).done())
}

fn register(world: &mut World, input: Input<'_>) -> Answer {
    let (id, service) = (input.text("AccountId"), input.text("ServicePrincipal"));
    world
        .register_delegated_administrator(id, service)
        .map(|()| Value::Null)
}

fn deregister(world: &mut World, input: Input<'_>) -> Answer {
    let (id, service) = (input.text("AccountId"), input.text("ServicePrincipal"));
    world
        .deregister_delegated_administrator(id, service)
        .map(|()| Value::Null)
}

fn list_delegated_administrators(world: &mut World, input: Input<'_>) -> Answer {
    let listed = Listed {
        items: world.list_delegated_administrators(input.optional("ServicePrincipal"))?,
        next_token: None,
    };
    Ok(page("DelegatedAdministrators", listed, |(found, since)| {
        identified(&found)
            .with("DelegationEnabledDate", seconds(since))
            .done()
    }))
}

fn list_delegated_services(world: &mut World, input: Input<'_>) -> Answer {
    let services = world.list_delegated_services(input.text("AccountId"))?;
    let services: Value = services
        .into_iter()
        .map(|(service, since)| {
            Output::new()
                .with("ServicePrincipal", service)
                .with("DelegationEnabledDate", seconds(since))
                .done()
        })
        .collect();
    Ok(Output::new().with("DelegatedServices", services).done())
}

fn leave_organization(world: &mut World, _: Input<'_>) -> Answer {
    world.leave_organization().map(|()| Value::Null)
}

fn enable_service_access(world: &mut World, input: Input<'_>) -> Answer {
    world
        .enable_service_access(input.text("ServicePrincipal"))
        .map(|()| Value::Null)
}

fn disable_service_access(world: &mut World, input: Input<'_>) -> Answer {
    world
        .disable_service_access(input.text("ServicePrincipal"))
        .map(|()| Value::Null)
}

fn list_service_access(world: &mut World, input: Input<'_>) -> Answer {
    let listed = world.list_service_access(&input.page())?;
    Ok(page("EnabledServicePrincipals", listed, |(service, since)| {
        Output::new()
            .with("ServicePrincipal", service)
            .with("DateEnabled", seconds(since))
            .done()
    }))
}

fn unit(world: &World, found: UnitDescription) -> Output {
    let at = world.organization().unit_by_id(&found.id);
    let path = at.map(|at| path_of(world, at));
    Output::new()
        .with("Id", found.id)
        .with("Arn", found.arn)
        .with("Name", found.name)
        .maybe("Path", path)
}

fn account(world: &World, found: AccountDescription) -> Output {
    let organization = world.organization();
    let at = organization
        .account_by_id(&found.id)
        .and_then(|at| organization.account(at));
    let path = at.map(|account| format!("{}{}/", path_of(world, account.parent), found.id));
    identified(&found).maybe("Paths", path.map(|path| vec![path]))
}

/// What is said of an account, its place aside.
fn identified(found: &AccountDescription) -> Output {
    Output::new()
        .with("Id", found.id.as_str())
        .with("Arn", found.arn.as_str())
        .with("Email", found.email.as_str())
        .with("Name", found.name.as_str())
        .with("Status", status(found.state))
        .with("State", found.state.as_str())
        .with("JoinedMethod", found.joined_method)
        .with("JoinedTimestamp", seconds(found.joined))
}

/// `Status` has fewer values than `State`, which came after it.
fn status(state: AccountState) -> &'static str {
    match state {
        AccountState::Active | AccountState::PendingActivation => "ACTIVE",
        AccountState::PendingClosure => "PENDING_CLOSURE",
        AccountState::Suspended | AccountState::Closed | AccountState::Removed => "SUSPENDED",
    }
}

/// The ids from the organisation down to a unit, each with a slash after it.
fn path_of(world: &World, at: UnitIx) -> String {
    let mut ids = Vec::new();
    let mut next = world.organization().unit(at);
    while let Some(unit) = next {
        ids.push(unit.id.as_str());
        next = unit.parent.and_then(|parent| world.organization().unit(parent));
    }
    let organization = world.ids().organization_id();
    ids.push(&organization);
    ids.iter().rev().map(|id| format!("{id}/")).collect()
}

fn creation(status: CreateAccountStatus) -> Value {
    Output::new()
        .with("Id", status.id)
        .with("AccountName", status.account_name)
        .with("State", status.state.as_str())
        .with("RequestedTimestamp", seconds(status.requested))
        .maybe("CompletedTimestamp", status.completed.map(seconds))
        .maybe("AccountId", status.account_id)
        .maybe("FailureReason", status.failure_reason)
        .done()
}
