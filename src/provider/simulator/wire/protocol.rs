//! AWS's wire protocols: which service and operation a request names, and how answers and errors are written.
//!
//! awsJson1.1 for IAM Identity Center, the identity store and Organizations; query with XML answers for IAM and STS
//! (Smithy's protocol specifications).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Map, Value};

use super::credentials::Scope;

/// A service, by what names it on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// IAM Identity Center (`sso-admin`).
    SsoAdmin,
    /// The identity store.
    IdentityStore,
    /// AWS Organizations.
    Organizations,
    /// IAM.
    Iam,
    /// The Security Token Service.
    Sts,
}

impl Service {
    /// Every service offered.
    pub const ALL: [Service; 5] = [
        Service::SsoAdmin,
        Service::IdentityStore,
        Service::Organizations,
        Service::Iam,
        Service::Sts,
    ];

    /// What botocore calls the service's model.
    pub fn model(self) -> &'static str {
        match self {
            Service::SsoAdmin => "sso-admin",
            Service::IdentityStore => "identitystore",
            Service::Organizations => "organizations",
            Service::Iam => "iam",
            Service::Sts => "sts",
        }
    }

    /// The prefix of `X-Amz-Target`, for the services that speak JSON.
    fn target(self) -> Option<&'static str> {
        match self {
            Service::SsoAdmin => Some("SWBExternalService"),
            Service::IdentityStore => Some("AWSIdentityStore"),
            Service::Organizations => Some("AWSOrganizationsV20161128"),
            Service::Iam | Service::Sts => None,
        }
    }

    /// The namespace of its XML answers.
    fn namespace(self) -> &'static str {
        match self {
            Service::Sts => "https://sts.amazonaws.com/doc/2011-06-15/",
            _ => "https://iam.amazonaws.com/doc/2010-05-08/",
        }
    }

    /// Whether it speaks query and answers in XML.
    pub fn is_query(self) -> bool {
        self.target().is_none()
    }
}

/// The parts of an HTTP request that matter.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `Authorization`.
    pub authorization: Option<String>,
    /// `X-Amz-Security-Token`.
    pub security_token: Option<String>,
    /// `X-Amz-Target`.
    pub target: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// A request that names something offered here.
#[derive(Debug, Clone, PartialEq)]
pub struct Named {
    /// Whose operation.
    pub service: Service,
    /// Its name.
    pub operation: String,
    /// The parameters of a query request, the action and version aside.
    pub parameters: BTreeMap<String, String>,
}

/// What a request is for, from its target, or from its action and the service that it is signed for.
///
/// # Errors
/// The answer to a request that names nothing.
pub fn name(request: &Request, scope: Option<&Scope>) -> Result<Named, (Service, WireError)> {
    if let Some(target) = &request.target {
        let (prefix, operation) = target.split_once('.').unwrap_or((target, ""));
        let service = Service::ALL.into_iter().find(|s| s.target() == Some(prefix));
        let service = service.ok_or_else(|| (Service::SsoAdmin, WireError::unknown_operation()))?;
        return Ok(Named {
            service,
            operation: operation.to_owned(),
            parameters: BTreeMap::new(),
        });
    }
    let mut parameters = form(&request.body);
    let Some(operation) = parameters.remove("Action") else {
        return Err((Service::SsoAdmin, WireError::unknown_operation()));
    };
    let version = parameters.remove("Version").unwrap_or_default();
    let signed_for = scope.map(|scope| scope.service.as_str());
    let service = match (signed_for, version.as_str()) {
        (Some("sts"), _) | (None, "2011-06-15") => Service::Sts,
        (Some("iam"), _) | (None, "2010-05-08") => Service::Iam,
        _ => return Err((Service::Iam, WireError::invalid_action(&operation, &version))),
    };
    Ok(Named {
        service,
        operation,
        parameters,
    })
}

/// `application/x-www-form-urlencoded` as pairs; later ones win.
pub fn form(body: &[u8]) -> BTreeMap<String, String> {
    let text = String::from_utf8_lossy(body);
    let pairs = text.split('&').filter(|pair| !pair.is_empty());
    pairs
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (percent_decoded(name), percent_decoded(value)))
        .collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        let hex = |digit: Option<u8>| char::from(digit?).to_digit(16);
        match byte {
            b'+' => bytes.push(b' '),
            b'%' => match (hex(rest.next()), hex(rest.next())) {
                (Some(high), Some(low)) => bytes.push((high * 16 + low) as u8),
                _ => bytes.push(b'%'),
            },
            other => bytes.push(other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// An error as it goes onto the wire.
#[derive(Debug, Clone, PartialEq)]
pub struct WireError {
    /// AWS's code.
    pub code: String,
    /// The message.
    pub message: String,
    /// The HTTP status.
    pub status: u16,
    /// Further members of the exception, such as `Reason`.
    pub members: Vec<(&'static str, String)>,
}

impl WireError {
    /// An error by code and status.
    pub fn new(code: &str, status: u16, message: impl Into<String>) -> Self {
        WireError {
            code: code.to_owned(),
            message: message.into(),
            status,
            members: Vec::new(),
        }
    }

    /// How JSON services answer an operation they do not have.
    pub fn unknown_operation() -> Self {
        WireError::new("UnknownOperationException", 400, "")
    }

    /// How a request is answered that is larger than any operation takes.
    pub fn too_large() -> Self {
        WireError::new(
            "RequestEntityTooLargeException",
            413,
            "Request size exceeded the limit",
        )
    }

    /// How query services answer an action they do not have.
    pub fn invalid_action(action: &str, version: &str) -> Self {
        let message = format!("Could not find operation {action} for version {version}");
        WireError::new("InvalidAction", 400, message)
    }
}

/// An answer: status, headers and body of the HTTP response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// `Content-Type`.
    pub content_type: &'static str,
    /// `x-amzn-RequestId`.
    pub request_id: String,
    /// `x-amzn-errortype`, for errors of the JSON services.
    pub error_type: Option<String>,
    /// The body.
    pub body: String,
}

/// Writes an answer. `Null` is the output of an operation that has none.
pub fn reply(service: Service, operation: &str, output: &Value, request_id: &str) -> Reply {
    let (content_type, body) = match (service.is_query(), output) {
        (false, Value::Null) => ("application/x-amz-json-1.1", String::new()),
        (false, output) => ("application/x-amz-json-1.1", output.to_string()),
        (true, output) => {
            let mut body = format!("<{operation}Response xmlns=\"{}\">", service.namespace());
            if !output.is_null() {
                element(&mut body, &format!("{operation}Result"), output);
            }
            body.push_str(&format!(
                "<ResponseMetadata><RequestId>{request_id}</RequestId></ResponseMetadata></{operation}Response>\n"
            ));
            ("text/xml", body)
        }
    };
    Reply {
        status: 200,
        content_type,
        request_id: request_id.to_owned(),
        error_type: None,
        body,
    }
}

/// Writes an error in the service's protocol.
pub fn error_reply(service: Service, error: &WireError, request_id: &str) -> Reply {
    if service.is_query() {
        let fault = if error.status >= 500 { "Receiver" } else { "Sender" };
        let mut body = format!(
            "<ErrorResponse xmlns=\"{}\"><Error><Type>{fault}</Type>",
            service.namespace()
        );
        element(&mut body, "Code", &Value::from(error.code.as_str()));
        element(&mut body, "Message", &Value::from(error.message.as_str()));
        body.push_str(&format!(
            "</Error><RequestId>{request_id}</RequestId></ErrorResponse>\n"
        ));
        return Reply {
            status: error.status,
            content_type: "text/xml",
            request_id: request_id.to_owned(),
            error_type: None,
            body,
        };
    }
    let mut members = Map::new();
    members.insert("__type".to_owned(), Value::from(error.code.as_str()));
    if !error.message.is_empty() {
        // The models of the services offered here call it `Message`; errors of AWS's front ends have it in lower case.
        let name = match error.code.as_str() {
            "RequestEntityTooLargeException" | "SerializationException" | "UnknownOperationException" => {
                "message"
            }
            _ => "Message",
        };
        members.insert(name.to_owned(), Value::from(error.message.as_str()));
    }
    let more = error.members.iter();
    members.extend(more.map(|(name, value)| ((*name).to_owned(), Value::from(value.as_str()))));
    if service == Service::IdentityStore {
        members.insert("RequestId".to_owned(), Value::from(request_id));
    }
    Reply {
        status: error.status,
        content_type: "application/x-amz-json-1.1",
        request_id: request_id.to_owned(),
        error_type: Some(error.code.clone()),
        body: Value::Object(members).to_string(),
    }
}

/// A value as an XML element; lists are written as `<Name><member>…</member></Name>`.
fn element(out: &mut String, name: &str, value: &Value) {
    let _ = write!(out, "<{name}>");
    match value {
        Value::Null => {}
        Value::Bool(value) => out.push_str(if *value { "true" } else { "false" }),
        Value::Number(number) => out.push_str(&number.to_string()),
        Value::String(text) => escape(out, text),
        Value::Array(items) => items.iter().for_each(|item| element(out, "member", item)),
        Value::Object(members) => members.iter().for_each(|(name, value)| element(out, name, value)),
    }
    let _ = write!(out, "</{name}>");
}

fn escape(out: &mut String, text: &str) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            // White space that a reader of XML would change, and what XML cannot hold at all.
            '\r' => out.push_str("&#13;"),
            c if c.is_control() && !matches!(c, '\n' | '\t') => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_target_names_a_json_operation_and_the_action_a_query_one() {
        let request = Request {
            target: Some("SWBExternalService.ListInstances".into()),
            ..Request::default()
        };
        let named = name(&request, None).unwrap();
        assert_eq!(
            (named.service, named.operation.as_str()),
            (Service::SsoAdmin, "ListInstances")
        );
        let request = Request {
            body: b"Action=ListRoles&Version=2010-05-08&PathPrefix=%2Faws-reserved%2F+x".to_vec(),
            ..Request::default()
        };
        let named = name(&request, None).unwrap();
        assert_eq!(
            (named.service, named.operation.as_str()),
            (Service::Iam, "ListRoles")
        );
        assert_eq!(named.parameters["PathPrefix"], "/aws-reserved/ x");
    }

    #[test]
    fn what_names_nothing_is_answered_as_an_unknown_operation() {
        let target = |target: &str| Request {
            target: Some(target.into()),
            ..Request::default()
        };
        let (_, error) = name(&target("DynamoDB_20120810.ListTables"), None).unwrap_err();
        assert_eq!(
            (error.code.as_str(), error.status),
            ("UnknownOperationException", 400)
        );
        assert!(name(&Request::default(), None).is_err());
    }

    #[test]
    fn errors_have_the_shape_of_their_protocol() {
        let mut error = WireError::new("ConflictException", 400, "taken");
        error.members.push(("Reason", "X".into()));
        let reply = error_reply(Service::IdentityStore, &error, "id-1");
        assert_eq!(reply.error_type.as_deref(), Some("ConflictException"));
        let body: Value = serde_json::from_str(&reply.body).unwrap();
        assert_eq!(
            body,
            json!({ "__type": "ConflictException", "Message": "taken", "Reason": "X", "RequestId": "id-1" })
        );
        let reply = error_reply(
            Service::Iam,
            &WireError::new("NoSuchEntity", 404, "a < b"),
            "id-2",
        );
        assert_eq!(reply.status, 404);
        assert!(
            reply
                .body
                .contains("<Code>NoSuchEntity</Code><Message>a &lt; b</Message></Error><RequestId>id-2<")
        );
    }

    #[test]
    fn lists_and_structures_become_xml() {
        let output = json!({ "Roles": [{ "Path": "/" }, { "Path": "/a&b/" }], "IsTruncated": false });
        let reply = reply(Service::Iam, "ListRoles", &output, "id");
        let members = "<Roles><member><Path>/</Path></member><member><Path>/a&amp;b/</Path></member></Roles>";
        assert!(
            reply
                .body
                .contains(&format!("<ListRolesResult>{members}<IsTruncated>false<"))
        );
    }
}
