//! The parts of STS (`sts`, 2011-06-15) that say who calls, and let the management account look into others.

use std::time::Duration;

use serde_json::Value;

use super::super::world::World;
use super::super::world::authorize::Position;
use super::super::world::error::{ErrorCode, ServiceError};
use super::Table;
use super::credentials::{self, Session};
use super::iam::{account, role_id, timestamp};
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
    let mut parts = arn.rsplit('/');
    let (session, role) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    Ok(Output::new()
        .with("UserId", format!("{}:{session}", role_id(&arn, role)))
        .with("Account", account(world))
        .with("Arn", arn)
        .done())
}

fn get_access_key_info(world: &mut World, input: Input<'_>) -> Answer {
    let account = credentials::account_of(input.text("AccessKeyId"));
    let account = account.unwrap_or_else(|| world.instance().owner_account_id);
    Ok(Output::new().with("Account", account).done())
}

/// The management account may assume a role in every account of the organisation, and every account one of its own,
/// where there is such a role. Those of IAM Identity Center trust its SAML provider alone.
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
    let at = world.organization().account_by_id(target);
    let account_there = at.and_then(|at| world.organization().account(at));
    let known = account_there.is_some_and(|found| found.state.is_usable());
    let may = world.position() == Position::Management || account(world) == target;
    let found = world.role_in(target, role);
    let exists = match &found {
        Some(found) => found.arn == arn,
        None => world.takes_roles_to_exist(target),
    };
    if reserved || !known || !may || !exists {
        return Err(denied());
    }
    let session = Session {
        account: target.to_owned(),
        role: role.to_owned(),
        name: input.text("RoleSessionName").to_owned(),
    };
    let seconds = input.0.get("DurationSeconds").and_then(Value::as_u64);
    let seconds = seconds.unwrap_or(LASTS);
    check_duration(
        world,
        seconds,
        found.map(|found| u64::from(found.max_session_duration)),
    )?;
    let expires = world.now().after(Duration::from_secs(seconds));
    let credentials = Output::new()
        .with("AccessKeyId", session.access_key())
        .with("SecretAccessKey", "simulated/simulated/simulated/simulated/")
        .with("SessionToken", session.token())
        .with("Expiration", timestamp(expires));
    let id = role_id(arn, role);
    let user = Output::new()
        .with("AssumedRoleId", format!("{id}:{}", session.name))
        .with("Arn", session.arn());
    Ok(Output::new()
        .with("Credentials", credentials)
        .with("AssumedRoleUser", user))
}

/// Seconds that a session lasts unless it says otherwise, and at most when a session asks for it (IAM user guide, "Methods
/// to assume a role").
const LASTS: u64 = 3_600;

/// No session lasts longer than its role lets it, nor one that another session asked for longer than an hour. What the
/// longest session is of a role that is only taken to exist nobody says; the service model's twelve hours hold.
fn check_duration(world: &World, seconds: u64, most: Option<u64>) -> Result<(), ServiceError> {
    let message = if most.is_some_and(|most| seconds > most) {
        "The requested DurationSeconds exceeds the MaxSessionDuration set for this role."
    } else if world.caller().arn.is_some() && seconds > LASTS {
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining."
    } else {
        return Ok(());
    };
    Err(ServiceError::new(ErrorCode::ValidationException, message))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn nobody_gets_into_a_closed_account() {
        let mut world = World::new(1, "eu-west-1");
        let id = "111122223333";
        world.ensure_account(id, "a", "a@example.com").unwrap();
        let input = json!({ "RoleArn": format!("arn:aws:iam::{id}:role/Ops"), "RoleSessionName": "s" });
        assume_role(&mut world, Input(&input)).unwrap();
        world.close_account(id).unwrap();
        let closing = assume_role(&mut world, Input(&input)).unwrap_err();
        assert_eq!(closing.code, ErrorCode::AccessDeniedException);
        world.settle();
        let closed = assume_role(&mut world, Input(&input)).unwrap_err();
        assert_eq!(closed.code, ErrorCode::AccessDeniedException);
    }
}
