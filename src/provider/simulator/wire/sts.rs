//! The parts of STS (`sts`, 2011-06-15) that say who calls, and let the management account look into others.

use std::time::Duration;

use serde_json::Value;

use super::super::world::World;
use super::super::world::authorize::Position;
use super::super::world::error::{ErrorCode, ServiceError};
use super::Table;
use super::credentials::{self, Session};
use super::iam::{account, timestamp, unique_id};
use super::input::{Input, Output};

type Answer = Result<Value, ServiceError>;

/// Every operation offered.
pub const OPERATIONS: Table = &[
    ("AssumeRole", assume_role),
    ("AssumeRoleWithWebIdentity", assume_role_with_web_identity),
    ("GetAccessKeyInfo", get_access_key_info),
    ("GetCallerIdentity", get_caller_identity),
];

fn get_caller_identity(world: &mut World, _: Input<'_>) -> Answer {
    let arn = world.caller_arn();
    let session = arn.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Output::new()
        .with(
            "UserId",
            format!("{}:{session}", unique_id("AROA", role_of(&arn))),
        )
        .with("Account", account(world))
        .with("Arn", arn)
        .done())
}

fn get_access_key_info(world: &mut World, input: Input<'_>) -> Answer {
    let account = credentials::account_of(input.text("AccessKeyId"));
    let account = account.unwrap_or_else(|| world.instance().owner_account_id);
    Ok(Output::new().with("Account", account).done())
}

/// The management account may assume a role in every account of the organisation, and every account one of its own. The
/// roles of IAM Identity Center trust its SAML provider alone.
fn assume_role(world: &mut World, input: Input<'_>) -> Answer {
    let session = assumed(world, input, "sts:AssumeRole")?;
    Ok(session.with("PackedPolicySize", 0).done())
}

/// With a token of an identity provider in place of credentials: every token is taken, as no provider is simulated.
fn assume_role_with_web_identity(world: &mut World, input: Input<'_>) -> Answer {
    let session = assumed(world, input, "sts:AssumeRoleWithWebIdentity")?;
    let subject = input.text("RoleSessionName");
    Ok(session
        .with("SubjectFromWebIdentityToken", format!("simulated:{subject}"))
        .with("Audience", "sts.amazonaws.com")
        .with("Provider", "simulated")
        .with("PackedPolicySize", 0)
        .done())
}

/// The session of a role, and its credentials.
fn assumed(world: &mut World, input: Input<'_>, action: &str) -> Result<Output, ServiceError> {
    let arn = input.text("RoleArn");
    let denied = || {
        ServiceError::new(
            ErrorCode::AccessDeniedException,
            format!(
                "User: {} is not authorized to perform: {action} on resource: {arn}",
                world.caller_arn()
            ),
        )
    };
    let parsed = arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(":role/"));
    let Some((target, path)) = parsed else {
        let message = format!("{arn} is invalid");
        return Err(ServiceError::new(ErrorCode::ValidationException, message));
    };
    let role = path.rsplit('/').next().unwrap_or_default();
    let reserved = path.starts_with("aws-reserved/") || path.starts_with("aws-service-role/");
    let known = world.organization().account_by_id(target).is_some();
    let may = world.position() == Position::Management || account(world) == target;
    if reserved || !known || !may {
        return Err(denied());
    }
    let session = Session {
        account: target.to_owned(),
        role: role.to_owned(),
        name: input.text("RoleSessionName").to_owned(),
    };
    let seconds = input.0.get("DurationSeconds").and_then(Value::as_u64);
    let expires = world.now().after(Duration::from_secs(seconds.unwrap_or(3_600)));
    let credentials = Output::new()
        .with("AccessKeyId", session.access_key())
        .with("SecretAccessKey", "simulated/simulated/simulated/simulated/")
        .with("SessionToken", session.token())
        .with("Expiration", timestamp(expires));
    let id = unique_id("AROA", arn);
    let user = Output::new()
        .with("AssumedRoleId", format!("{id}:{}", session.name))
        .with("Arn", session.arn());
    Ok(Output::new()
        .with("Credentials", credentials)
        .with("AssumedRoleUser", user))
}

/// An assumed role's ARN without its session.
fn role_of(arn: &str) -> &str {
    arn.rsplit_once('/').map_or(arn, |(role, _)| role)
}
