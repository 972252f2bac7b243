//! The parts of IAM (`iam`, 2010-05-08) that show what IAM Identity Center makes in the caller's account: its
//! operations by name.
//!
//! Whoever wants to change a provisioned role gets IAM's refusal. Beside the service's roles there is the one through
//! which the management account enters an account that it made; other providers do not exist here.

use serde_json::Value;

use super::super::world::World;
use super::super::world::clock::Time;
use super::super::world::error::{ErrorCode, ServiceError};
use super::super::world::role::RoleDescription;
use super::Table;
use super::input::{Input, Output};

type Answer = Result<Value, ServiceError>;

/// Every operation offered.
pub const OPERATIONS: Table = &[
    ("AttachRolePolicy", refuse),
    ("DeleteRole", refuse),
    ("DeleteRolePermissionsBoundary", refuse),
    ("DeleteRolePolicy", refuse),
    ("DetachRolePolicy", refuse),
    ("GetRole", get_role),
    ("GetRolePolicy", get_role_policy),
    ("GetSAMLProvider", get_saml_provider),
    ("ListAttachedRolePolicies", list_attached_role_policies),
    ("ListRolePolicies", list_role_policies),
    ("ListRoleTags", list_role_tags),
    ("ListRoles", list_roles),
    ("ListSAMLProviders", list_saml_providers),
    ("PutRolePermissionsBoundary", refuse),
    ("PutRolePolicy", refuse),
    ("UpdateAssumeRolePolicy", refuse),
    ("UpdateRole", refuse),
    ("UpdateRoleDescription", refuse),
];

/// How many items a list returns unless `MaxItems` says otherwise.
const PAGE: usize = 100;

fn list_roles(world: &mut World, input: Input<'_>) -> Answer {
    let prefix = input.optional("PathPrefix").unwrap_or("/");
    let roles = world.list_roles(&account(world), prefix)?;
    paged("Roles", roles, input, |found| role(found, false).done())
}

fn get_role(world: &mut World, input: Input<'_>) -> Answer {
    let found = world.get_role(&account(world), input.text("RoleName"))?;
    Ok(Output::new().with("Role", role(found, true)).done())
}

fn list_attached_role_policies(world: &mut World, input: Input<'_>) -> Answer {
    let mut policies = world.list_attached_role_policies(&account(world), input.text("RoleName"))?;
    let prefix = input.optional("PathPrefix").unwrap_or("/");
    policies.retain(|arn| {
        arn.split_once(":policy")
            .is_some_and(|(_, path)| path.starts_with(prefix))
    });
    paged("AttachedPolicies", policies, input, |arn| {
        let name = arn.rsplit('/').next().unwrap_or_default().to_owned();
        Output::new()
            .with("PolicyName", name)
            .with("PolicyArn", arn)
            .done()
    })
}

fn list_role_policies(world: &mut World, input: Input<'_>) -> Answer {
    let names = world.list_role_policies(&account(world), input.text("RoleName"))?;
    paged("PolicyNames", names, input, Value::from)
}

fn get_role_policy(world: &mut World, input: Input<'_>) -> Answer {
    let (name, policy) = (input.text("RoleName"), input.text("PolicyName"));
    let document = world.get_role_policy(&account(world), name, policy)?;
    Ok(Output::new()
        .with("RoleName", name)
        .with("PolicyName", policy)
        .with("PolicyDocument", encoded(&document))
        .done())
}

fn list_role_tags(world: &mut World, input: Input<'_>) -> Answer {
    world.list_role_tags(&account(world), input.text("RoleName"))?;
    paged("Tags", Vec::new(), input, |(): ()| Value::Null)
}

fn list_saml_providers(world: &mut World, _: Input<'_>) -> Answer {
    let providers = world.list_saml_providers(&account(world))?.into_iter();
    let made = world.saml_provider_made(&account(world));
    let providers: Value = providers
        .map(|arn| {
            Output::new()
                .with("Arn", arn)
                .with("ValidUntil", timestamp(a_century_on()))
                .with("CreateDate", timestamp(made))
                .done()
        })
        .collect();
    Ok(Output::new().with("SAMLProviderList", providers).done())
}

fn get_saml_provider(world: &mut World, input: Input<'_>) -> Answer {
    let arn = input.text("SAMLProviderArn");
    world.get_saml_provider(&account(world), arn)?;
    Ok(Output::new()
        .with("SAMLProviderUUID", unique_id("SAML", arn))
        .with("SAMLMetadataDocument", metadata(world))
        .with("CreateDate", timestamp(world.saml_provider_made(&account(world))))
        .with("ValidUntil", timestamp(a_century_on()))
        .with("Tags", Vec::<Value>::new())
        .done())
}

fn refuse(world: &mut World, input: Input<'_>) -> Answer {
    world
        .refuse_role_change(&account(world), input.text("RoleName"))
        .map(|()| Value::Null)
}

/// The account that is asked: the caller's own.
pub fn account(world: &World) -> String {
    let caller = world.caller().account.clone();
    caller.unwrap_or_else(|| world.instance().owner_account_id)
}

/// `RoleId`: of the account and the role's name, whatever its path, which a session does not tell.
pub fn role_id(arn: &str, name: &str) -> String {
    let account = arn.split(':').nth(4).unwrap_or_default();
    unique_id("AROA", &format!("{account}/{name}"))
}

/// `AROA…` and the like: what IAM calls a thing apart from its name.
pub fn unique_id(prefix: &str, arn: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let hash = blake3::hash(arn.as_bytes());
    let letters = hash.as_bytes().iter().take(21 - prefix.len().min(4));
    let letters = letters.filter_map(|byte| LETTERS.get(usize::from(byte % 32)).copied().map(char::from));
    let id: String = prefix.chars().chain(letters).collect();
    // A provider's id has at least 22 characters (service model).
    if prefix == "SAML" { id + "A" } else { id }
}

/// A moment as XML has it.
pub fn timestamp(time: Time) -> String {
    let text = time.to_string();
    text.split_once('.')
        .map_or(text.clone(), |(whole, _)| format!("{whole}Z"))
}

/// IAM gives policy documents URL-encoded (RFC 3986).
fn encoded(document: &str) -> String {
    let mut out = String::with_capacity(document.len() * 2);
    for byte in document.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' | b'~' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

fn role(found: RoleDescription, alone: bool) -> Output {
    let boundary = found.permissions_boundary.map(|arn| {
        Output::new()
            .with("PermissionsBoundaryType", "PermissionsBoundaryPolicy")
            .with("PermissionsBoundaryArn", arn)
    });
    let id = role_id(&found.arn, &found.name);
    let role = Output::new()
        .with("Path", found.path)
        .with("RoleName", found.name)
        .with("RoleId", id)
        .with("Arn", found.arn)
        .with("CreateDate", timestamp(found.created))
        .with("AssumeRolePolicyDocument", encoded(&found.trust_policy))
        .maybe("Description", found.description)
        .with("MaxSessionDuration", found.max_session_duration);
    // Lists leave out the boundary, the tags and the last use (API reference, ListRoles).
    if alone {
        role.maybe("PermissionsBoundary", boundary)
            .with("RoleLastUsed", Output::new())
    } else {
        role
    }
}

/// A part of a list: `Marker` is the place of the first item, `IsTruncated` says that there are more.
fn paged<T>(name: &str, items: Vec<T>, input: Input<'_>, write: impl Fn(T) -> Value) -> Answer {
    let page = input.page_named("MaxItems", "Marker");
    let start = match &page.next_token {
        None => 0,
        Some(marker) => marker
            .parse::<usize>()
            .map_err(|_| ServiceError::new(ErrorCode::ValidationException, "Invalid Marker."))?,
    };
    let count = page.max_results.map_or(PAGE, |most| most as usize);
    let end = start.saturating_add(count);
    let more = end < items.len();
    let items: Value = items.into_iter().skip(start).take(count).map(write).collect();
    Ok(Output::new()
        .with(name, items)
        .with("IsTruncated", more)
        .maybe("Marker", more.then(|| end.to_string()))
        .done())
}

fn a_century_on() -> Time {
    Time::BEGINNING.after(std::time::Duration::from_secs(100 * 365 * 86_400))
}

/// Metadata in the form of IAM Identity Center's; the certificate is none.
fn metadata(world: &World) -> String {
    let instance = world.instance();
    let host = format!("https://portal.sso.{}.amazonaws.com/saml", instance.region);
    let certificate = "MIIDBzCCAe+gAwIBAgIFAJ0000000000000000000000000000000000000000000".repeat(12);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?><md:EntityDescriptor \
         xmlns:md=\"urn:oasis:names:tc:SAML:2.0:metadata\" entityID=\"{host}/assertion/{id}\"><md:IDPSSODescriptor \
         WantAuthnRequestsSigned=\"false\" protocolSupportEnumeration=\"urn:oasis:names:tc:SAML:2.0:protocol\">\
         <md:KeyDescriptor use=\"signing\"><ds:KeyInfo xmlns:ds=\"http://www.w3.org/2000/09/xmldsig#\"><ds:X509Data>\
         <ds:X509Certificate>{certificate}</ds:X509Certificate></ds:X509Data></ds:KeyInfo></md:KeyDescriptor>\
         <md:SingleSignOnService Binding=\"urn:oasis:names:tc:SAML:2.0:bindings:HTTP-POST\" \
         Location=\"{host}/assertion/{id}\"/></md:IDPSSODescriptor></md:EntityDescriptor>",
        id = instance.identity_store_id
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_have_the_length_of_iams_own() {
        let id = unique_id("AROA", "arn:aws:iam::111122223333:role/x");
        assert_eq!(id.len(), 21);
        assert!(id.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit()));
        assert_eq!(unique_id("SAML", "x").len(), 22);
    }

    #[test]
    fn documents_are_encoded_and_times_have_no_fraction() {
        assert_eq!(encoded(r#"{"a": 1}"#), "%7B%22a%22%3A%201%7D");
        let time = Time::BEGINNING.after(std::time::Duration::from_millis(1_500));
        assert_eq!(timestamp(time), "2026-01-01T00:00:01Z");
    }
}
