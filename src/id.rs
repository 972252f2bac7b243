//! Names and ids of the service's things, validated once, at the edge.
//!
//! Patterns and lengths are those of the service model of IAM Identity Center
//! (API 2020-07-20), the identity store and Organizations, as published with the
//! AWS SDKs. A value of one of these types is known to be acceptable to the
//! service, so nothing downstream checks again.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;
use std::str::FromStr;
use std::sync::Arc;

use serde::de::Visitor;
use serde::{Deserialize, Serialize};

/// Why a text is not the id or name it was given as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{rule}")]
pub struct IdError {
    /// The rule that the text broke, as a sentence: "an account id is 12 digits, and this is 11 characters".
    pub rule: String,
}

fn broken(rule: impl Into<String>) -> IdError {
    IdError { rule: rule.into() }
}

/// Reads a text where it lies, without a copy of its own.
struct Text<T>(PhantomData<T>);

impl<T: FromStr<Err = IdError>> Visitor<'_> for Text<T> {
    type Value = T;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        text.parse().map_err(E::custom)
    }
}

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident, $check:expr) => {
        $(#[$doc])*
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a text.
            ///
            /// # Errors
            /// The rule it breaks, as a sentence.
            pub fn new(text: impl AsRef<str>) -> Result<Self, IdError> {
                let text = text.as_ref();
                let check: fn(&str) -> Result<(), IdError> = $check;
                check(text)?;
                Ok($name(Arc::from(text)))
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({:?})", stringify!($name), &*self.0)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::new(text)
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(&self.0)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_str(Text(PhantomData))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                schemars::json_schema!({ "type": "string" })
            }
        }
    };
}

text_id! {
    /// An AWS account id: twelve digits.
    AccountId, |text| {
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        if digits && text.len() == 12 {
            return Ok(());
        }
        let found = if digits { format!("{} digits", text.len()) } else { format!("`{text}`") };
        Err(broken(format!("an account id is exactly 12 digits, in quotes; this is {found}")))
    }
}

text_id! {
    /// An account's e-mail address, which identifies it until it has an id.
    Email, |text| {
        limit("an account's e-mail address", text, 6, 64)?;
        let mut halves = text.split('@');
        let parts = (halves.next(), halves.next(), halves.next());
        match parts {
            (Some(name), Some(host), None) if !name.is_empty() && host.contains('.') => Ok(()),
            _ => Err(broken(format!("an e-mail address has the form name@host.domain; this is `{text}`"))),
        }
    }
}

text_id! {
    /// A permission set's name: 1 to 32 of letters, digits, `_`, `+`, `=`, `,`, `.`, `@`, `-`.
    ///
    /// The role in an account is named `AWSReservedSSO_<name>_<16 hex digits>`, and IAM allows 64 characters
    /// for a role's name; that leaves 32.
    PermissionSetName, |text| {
        limit("a permission set's name", text, 1, 32)?;
        allowed("a permission set's name", text, "letters, digits and _+=,.@-", |c| {
            c.is_ascii_alphanumeric() || "_+=,.@-".contains(c)
        })
    }
}

text_id! {
    /// A user's name in the identity store: 1 to 128 characters, no spaces or control characters.
    UserName, |text| {
        limit("a user name", text, 1, 128)?;
        allowed("a user name", text, "letters, marks, symbols, digits and punctuation, but no spaces", |c| {
            !c.is_whitespace() && !c.is_control()
        })
    }
}

text_id! {
    /// A group's display name in the identity store: 1 to 1024 characters.
    GroupName, |text| {
        limit("a group's display name", text, 1, 1024)?;
        allowed("a group's display name", text, "anything but control characters", |c| {
            !c.is_control() || c == '\t' || c == '\n' || c == '\r'
        })
    }
}

text_id! {
    /// The path of an organizational unit below the root, like `Workloads/Prod`; the empty path is the root.
    ///
    /// Each name on it has 1 to 128 characters (Organizations). A `/` in a name is written `%2F`, so that the path can be
    /// told apart from a deeper one, and a `%` that would be read as part of that is written `%25`; all other names stand
    /// as they are.
    OuPath, |text| {
        if text.is_empty() {
            return Ok(());
        }
        text.split('/').try_for_each(|part| limit("an organizational unit's name", &unescaped(part), 1, 128))
    }
}

const SLASH: &str = "%2F";
const PERCENT: &str = "%25";

/// A unit's name as it is written on a path.
fn escaped(name: &str) -> Cow<'_, str> {
    if !name.contains('/') && !name.contains(SLASH) && !name.contains(PERCENT) {
        return Cow::Borrowed(name);
    }
    let mut text = String::with_capacity(name.len() + 2);
    for (at, c) in name.char_indices() {
        let rest = name.get(at..).unwrap_or_default();
        match c {
            '/' => text.push_str(SLASH),
            '%' if rest.starts_with(SLASH) || rest.starts_with(PERCENT) => text.push_str(PERCENT),
            c => text.push(c),
        }
    }
    Cow::Owned(text)
}

/// The name that is written so on a path.
fn unescaped(part: &str) -> Cow<'_, str> {
    if !part.contains(SLASH) && !part.contains(PERCENT) {
        return Cow::Borrowed(part);
    }
    let mut text = String::with_capacity(part.len());
    let mut rest = part;
    while let Some((before, after)) = rest.split_once('%') {
        text.push_str(before);
        let escape = [("2F", '/'), ("25", '%')].into_iter();
        let found = escape
            .filter_map(|(code, c)| Some((after.strip_prefix(code)?, c)))
            .next();
        let (next, c) = found.unwrap_or((after, '%'));
        text.push(c);
        rest = next;
    }
    text.push_str(rest);
    Cow::Owned(text)
}

impl OuPath {
    /// The organisation's root.
    pub fn root() -> Self {
        OuPath(Arc::from(""))
    }

    /// Whether this is the organisation's root.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }

    /// The unit `name` directly below this one.
    ///
    /// # Errors
    /// When `name` is empty or too long.
    pub fn child(&self, name: &str) -> Result<OuPath, IdError> {
        limit("an organizational unit's name", name, 1, 128)?;
        let part = escaped(name);
        if self.is_root() {
            OuPath::new(part)
        } else {
            OuPath::new(format!("{}/{part}", self.0))
        }
    }

    /// A unit's name as it is written on a path.
    pub fn part(name: &str) -> Cow<'_, str> {
        escaped(name)
    }

    /// The names on a path, from below the root down, as the service has them.
    pub fn names(path: &str) -> impl Iterator<Item = Cow<'_, str>> {
        path.split('/').filter(|part| !part.is_empty()).map(unescaped)
    }

    /// The unit above; `None` for the root.
    pub fn parent(&self) -> Option<OuPath> {
        if self.is_root() {
            return None;
        }
        Some(
            self.0
                .rsplit_once('/')
                .map_or_else(OuPath::root, |(parent, _)| OuPath(Arc::from(parent))),
        )
    }

    /// The unit's name, as the service has it; empty for the root.
    pub fn name(&self) -> Cow<'_, str> {
        unescaped(self.0.rsplit_once('/').map_or(&*self.0, |(_, part)| part))
    }

    /// Whether `self` lies at or below `above`.
    pub fn is_within(&self, above: &OuPath) -> bool {
        above.is_root()
            || self == above
            || self
                .0
                .strip_prefix(&*above.0)
                .is_some_and(|rest| rest.starts_with('/'))
    }
}

text_id! {
    /// An ARN or other id that the service made up; opaque, 1 to 2048 printable characters.
    ServiceId, |text| {
        limit("an id", text, 1, 2048)?;
        allowed("an id", text, "printable ASCII", |c| c.is_ascii_graphic())
    }
}

fn limit(what: &str, text: &str, least: usize, most: usize) -> Result<(), IdError> {
    let count = text.chars().count();
    if (least..=most).contains(&count) {
        return Ok(());
    }
    Err(broken(format!(
        "{what} has {least} to {most} characters; this has {count}"
    )))
}

fn allowed(what: &str, text: &str, charset: &str, ok: impl Fn(char) -> bool) -> Result<(), IdError> {
    match text.chars().find(|c| !ok(*c)) {
        None => Ok(()),
        Some(c) => Err(broken(format!(
            "{what} may contain {charset}; this contains {c:?}"
        ))),
    }
}

/// What identifies an account: its id, or its e-mail address until it has one.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum AccountKey {
    /// The account exists, and this is its id.
    Id(AccountId),
    /// The account is to be created with this e-mail address.
    Email(Email),
}

impl AccountKey {
    /// The id or the address as text.
    pub fn as_str(&self) -> &str {
        match self {
            AccountKey::Id(id) => id.as_str(),
            AccountKey::Email(email) => email.as_str(),
        }
    }
}

impl fmt::Display for AccountKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            AccountKey::Id(id) => id.fmt(f),
            AccountKey::Email(email) => email.fmt(f),
        }
    }
}

/// Who a grant is for.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PrincipalKey {
    /// A group, by display name.
    Group(GroupName),
    /// A user, by user name.
    User(UserName),
    /// A group that the service names in an assignment but the identity store no longer knows, by id.
    OrphanGroup(ServiceId),
    /// A user that the service names in an assignment but the identity store no longer knows, by id.
    OrphanUser(ServiceId),
}

impl PrincipalKey {
    /// Whether this is a group, resolvable or not.
    pub fn is_group(&self) -> bool {
        matches!(self, PrincipalKey::Group(_) | PrincipalKey::OrphanGroup(_))
    }

    /// Whether the identity store no longer knows it.
    pub fn is_orphan(&self) -> bool {
        matches!(self, PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_))
    }

    /// The name, or the id of an orphan, without the kind.
    pub fn name(&self) -> &str {
        match self {
            PrincipalKey::Group(name) => name.as_str(),
            PrincipalKey::User(name) => name.as_str(),
            PrincipalKey::OrphanGroup(id) | PrincipalKey::OrphanUser(id) => id.as_str(),
        }
    }
}

impl fmt::Display for PrincipalKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            PrincipalKey::Group(name) => write!(f, "group {name}"),
            PrincipalKey::User(name) => write!(f, "user {name}"),
            PrincipalKey::OrphanGroup(id) => write!(f, "deleted group {id}"),
            PrincipalKey::OrphanUser(id) => write!(f, "deleted user {id}"),
        }
    }
}

/// What identifies an entity across configuration, state and service: its kind and what the service calls it.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum EntityKey {
    /// By path.
    OrganizationalUnit(OuPath),
    /// By id, else e-mail.
    Account(AccountKey),
    /// By user name.
    User(UserName),
    /// By display name.
    Group(GroupName),
    /// By name.
    PermissionSet(PermissionSetName),
}

impl EntityKey {
    /// The entity's kind.
    pub fn kind(&self) -> crate::address::Kind {
        use crate::address::Kind;
        match self {
            EntityKey::OrganizationalUnit(_) => Kind::OrganizationalUnit,
            EntityKey::Account(_) => Kind::Account,
            EntityKey::User(_) => Kind::User,
            EntityKey::Group(_) => Kind::Group,
            EntityKey::PermissionSet(_) => Kind::PermissionSet,
        }
    }

    /// What the service calls it, without the kind; `root` for the organisation's root.
    pub fn name(&self) -> String {
        match self {
            EntityKey::OrganizationalUnit(path) if path.is_root() => "root".to_owned(),
            EntityKey::OrganizationalUnit(path) => path.to_string(),
            EntityKey::Account(key) => key.to_string(),
            EntityKey::User(name) => name.to_string(),
            EntityKey::Group(name) => name.to_string(),
            EntityKey::PermissionSet(name) => name.to_string(),
        }
    }
}

impl fmt::Display for EntityKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self {
            EntityKey::OrganizationalUnit(_) => "organizational unit",
            EntityKey::Account(_) => "account",
            EntityKey::User(_) => "user",
            EntityKey::Group(_) => "group",
            EntityKey::PermissionSet(_) => "permission set",
        };
        write!(f, "{kind} {}", self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_are_the_services_and_named_in_the_error() {
        assert!(PermissionSetName::new("a".repeat(32)).is_ok());
        let error = PermissionSetName::new("a".repeat(33)).unwrap_err();
        assert_eq!(
            error.rule,
            "a permission set's name has 1 to 32 characters; this has 33"
        );
        assert!(
            PermissionSetName::new("a b")
                .unwrap_err()
                .rule
                .contains("contains ' '")
        );
        assert!(
            AccountId::new("12345678901")
                .unwrap_err()
                .rule
                .contains("11 digits")
        );
        assert!(UserName::new("ada lovelace").is_err());
    }

    #[test]
    fn organizational_units_nest_by_whole_names() {
        let prod = OuPath::root().child("Workloads").unwrap().child("Prod").unwrap();
        assert_eq!(prod.as_str(), "Workloads/Prod");
        assert_eq!(prod.parent().unwrap().as_str(), "Workloads");
        assert!(prod.is_within(&OuPath::new("Workloads").unwrap()));
        assert!(
            !OuPath::new("Workloads2")
                .unwrap()
                .is_within(&OuPath::new("Workloads").unwrap())
        );
        assert!(prod.is_within(&OuPath::root()));
    }

    #[test]
    fn a_name_with_a_slash_stands_on_a_path_and_comes_back() {
        let names = [
            "R/D", "/", "//", "%2F", "%25", "%252F", "%2", "50%", "%/", "%2/", "%%2F", "%2f", "é/%2F",
        ];
        let mut paths: Vec<OuPath> = Vec::new();
        for name in names {
            let path = OuPath::root().child("Top").unwrap().child(name).unwrap();
            assert_eq!(path.name(), name);
            assert!(OuPath::new(path.as_str()).is_ok());
            assert_eq!(path.parent().unwrap().as_str(), "Top");
            assert_eq!(OuPath::names(path.as_str()).collect::<Vec<_>>(), ["Top", name]);
            paths.push(path);
        }
        paths.sort();
        paths.dedup();
        assert_eq!(paths.len(), names.len(), "no two names share a path");
        assert_eq!(OuPath::root().child("R/D").unwrap().as_str(), "R%2FD");
        assert_eq!(OuPath::root().child("50% off").unwrap().as_str(), "50% off");
        // The length is the name's, not that of what is written for it.
        assert!(OuPath::root().child(&"/".repeat(128)).is_ok());
        assert!(OuPath::root().child(&"/".repeat(129)).is_err());
    }
}
