//! Tokens that lead to the next page: opaque, and good only for the list and the filter they came from.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::super::world::error::{ErrorCode, ServiceError};
use super::protocol::{Service, WireError};

/// What a list is known by: its operation and input, the page aside.
pub type Digest = [u8; 9];

/// Replaces an input's token by the place it stands for.
///
/// # Errors
/// For a token that was not given out for this list.
pub fn open(service: Service, operation: &str, input: &mut Value) -> Result<Digest, WireError> {
    let (token, most) = names(service);
    let Some(members) = input.as_object_mut() else {
        return Ok(Digest::default());
    };
    let given = members.remove(token).filter(|given| !given.is_null());
    let limit = members.remove(most);
    let digest = digest(operation, members);
    if let Some(limit) = limit {
        members.insert(most.to_owned(), limit);
    }
    if let Some(given) = given {
        let text = given.as_str().unwrap_or_default();
        let place = place(text, &digest).ok_or_else(|| {
            let message = format!("Invalid {token}");
            super::written(
                service,
                &ServiceError::new(ErrorCode::ValidationException, message),
            )
        })?;
        members.insert(token.to_owned(), Value::from(place));
    }
    Ok(digest)
}

/// Replaces the place in an output by a token.
pub fn seal(service: Service, digest: &Digest, output: &mut Value) {
    let (token, _) = names(service);
    if let Some(place) = output.get_mut(token) {
        let mut bytes = digest.to_vec();
        bytes.extend_from_slice(place.as_str().unwrap_or_default().as_bytes());
        *place = Value::from(STANDARD.encode(bytes));
    }
}

fn place(token: &str, digest: &Digest) -> Option<String> {
    let bytes = STANDARD.decode(token).ok()?;
    String::from_utf8(bytes.strip_prefix(digest)?.to_vec()).ok()
}

fn names(service: Service) -> (&'static str, &'static str) {
    match service {
        Service::Iam => ("Marker", "MaxItems"),
        _ => ("NextToken", "MaxResults"),
    }
}

fn digest(operation: &str, members: &serde_json::Map<String, Value>) -> Digest {
    let mut pairs: Vec<String> = members
        .iter()
        .filter(|(_, value)| !value.is_null())
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    pairs.sort();
    let hash = blake3::hash(format!("{operation}\n{}", pairs.join("\n")).as_bytes());
    hash.as_bytes().first_chunk().copied().unwrap_or_default()
}
