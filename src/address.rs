//! Addresses: what a block is called in the configuration.
//!
//! An address labels an entity; it is not its identity. The identity is the
//! *key* ([`crate::id::EntityKey`]): what the service calls it. Renaming a label
//! therefore never touches the service.

mod set;

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

pub use set::Addresses;

/// Which instance of a block with `for_each` or `count`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum InstanceKey {
    /// The block has neither.
    None,
    /// `count`: from 0.
    Index(u64),
    /// `for_each`: the key.
    Key(Arc<str>),
}

impl fmt::Display for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            InstanceKey::None => Ok(()),
            InstanceKey::Index(index) => write!(f, "[{index}]"),
            InstanceKey::Key(key) => write!(f, "[{}]", quoted(key)),
        }
    }
}

/// The path of module calls from the root to a block; empty for the root module.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModulePath(pub Vec<(Arc<str>, InstanceKey)>);

impl ModulePath {
    /// The root module.
    pub fn root() -> Self {
        Self::default()
    }

    /// The path of a call `name` with instance `key` inside this module.
    #[must_use]
    pub fn child(&self, name: impl Into<Arc<str>>, key: InstanceKey) -> Self {
        let mut steps = self.0.clone();
        steps.push((name.into(), key));
        ModulePath(steps)
    }

    /// Whether this is the root module.
    pub fn is_root(&self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for ModulePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (name, key)) in self.0.iter().enumerate() {
            let dot = if index == 0 { "" } else { "." };
            write!(f, "{dot}module.{name}{key}")?;
        }
        Ok(())
    }
}

/// The block kinds that declare or look up an entity, in the order they are created in.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// `organizational_unit`
    OrganizationalUnit,
    /// `account`
    Account,
    /// `user`
    User,
    /// `group`
    Group,
    /// `permission_set`
    PermissionSet,
    /// `assignment`
    Assignment,
}

impl Kind {
    /// Every kind, in order.
    pub const ALL: [Kind; 6] = [
        Kind::OrganizationalUnit,
        Kind::Account,
        Kind::User,
        Kind::Group,
        Kind::PermissionSet,
        Kind::Assignment,
    ];

    /// The block type's name in HCL.
    pub fn name(self) -> &'static str {
        match self {
            Kind::OrganizationalUnit => "organizational_unit",
            Kind::Account => "account",
            Kind::User => "user",
            Kind::Group => "group",
            Kind::PermissionSet => "permission_set",
            Kind::Assignment => "assignment",
        }
    }

    /// The kind with this block type's name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One block instance: `module.team["a"].permission_set.admin["x"]` or `data.group.auditors`.
///
/// Ordered by module path, then declarations before look-ups, then kind, label and instance.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Address {
    /// Where the block stands.
    pub module: ModulePath,
    /// `data`: looked up, never written.
    pub data: bool,
    /// The block type.
    pub kind: Kind,
    /// The block's label.
    pub label: Arc<str>,
    /// Which instance of it.
    pub instance: InstanceKey,
}

impl Address {
    /// The address of a block without `for_each` or `count` in the root module.
    pub fn root(kind: Kind, label: impl Into<Arc<str>>) -> Self {
        Address {
            module: ModulePath::root(),
            data: false,
            kind,
            label: label.into(),
            instance: InstanceKey::None,
        }
    }

    /// The same block without the instance key.
    #[must_use]
    pub fn block(&self) -> Address {
        Address {
            instance: InstanceKey::None,
            ..self.clone()
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.module.is_root() {
            write!(f, "{}.", self.module)?;
        }
        let data = if self.data { "data." } else { "" };
        write!(f, "{data}{}.{}{}", self.kind, self.label, self.instance)
    }
}

/// Why a text is not an address.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not an address: {reason}")]
pub struct AddressError {
    /// The text.
    pub text: String,
    /// What is wrong with it.
    pub reason: String,
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let error = |reason: &str| AddressError {
            text: text.to_owned(),
            reason: reason.to_owned(),
        };
        let mut parts = split(text)
            .map_err(|reason| error(&reason))?
            .into_iter()
            .peekable();
        let mut module = ModulePath::root();
        let mut data = false;
        while let Some((word, key)) = parts.next() {
            let bare = key == InstanceKey::None;
            let mut name = || {
                parts
                    .next()
                    .ok_or_else(|| error(&format!("a name is missing after `{word}`")))
            };
            match word.as_str() {
                "module" if bare && !data => {
                    let (name, key) = name()?;
                    module = module.child(name, key);
                }
                "data" if bare && !data => data = true,
                kind if bare => {
                    let Some(kind) = Kind::from_name(kind) else {
                        let known = Kind::ALL.map(Kind::name).join(", ");
                        return Err(error(&format!("`{kind}` is not a block type (one of {known})")));
                    };
                    let (label, instance) = name()?;
                    if parts.peek().is_some() {
                        return Err(error("there is something after the instance"));
                    }
                    return Ok(Address {
                        module,
                        data,
                        kind,
                        label: label.into(),
                        instance,
                    });
                }
                _ => return Err(error("an index stands where a block type was expected")),
            }
        }
        Err(error("it ends before a block type and a label"))
    }
}

impl Serialize for Address {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Address {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Address {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Address".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({
            "type": "string",
            "description": "A block instance, like module.team[\"a\"].permission_set.admin[\"x\"] or data.group.auditors."
        })
    }
}

fn quoted(key: &str) -> String {
    let mut out = String::from("\"");
    for c in key.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Splits `a.b["c.d"].e[0]` into names, each with its index.
fn split(text: &str) -> Result<Vec<(String, InstanceKey)>, String> {
    let mut parts = Vec::new();
    let mut rest = text;
    loop {
        let end = rest.find(['.', '[']).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end);
        let valid = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
        if name.is_empty() || !name.chars().all(valid) {
            return Err(format!("`{name}` is not a name"));
        }
        let (key, after) = match after.strip_prefix('[') {
            Some(index) => index_key(index)?,
            None => (InstanceKey::None, after),
        };
        parts.push((name.to_owned(), key));
        match after.strip_prefix('.') {
            Some(next) => rest = next,
            None if after.is_empty() => return Ok(parts),
            None => return Err(format!("`{after}` is unexpected")),
        }
    }
}

/// Reads `0]…` or `"key"]…` and returns what follows the bracket.
fn index_key(text: &str) -> Result<(InstanceKey, &str), String> {
    let Some(quoted) = text.strip_prefix('"') else {
        let (digits, after) = text.split_once(']').ok_or("a `]` is missing")?;
        let index = digits
            .parse()
            .map_err(|_| format!("`{digits}` is neither a number nor a quoted key"))?;
        return Ok((InstanceKey::Index(index), after));
    };
    let mut key = String::new();
    let mut chars = quoted.char_indices();
    while let Some((at, c)) = chars.next() {
        match c {
            '"' => {
                let after = quoted.get(at + 1..).unwrap_or("");
                let after = after.strip_prefix(']').ok_or("a `]` is missing")?;
                return Ok((InstanceKey::Key(key.into()), after));
            }
            '\\' => match chars.next().map(|(_, c)| c) {
                Some('n') => key.push('\n'),
                Some('r') => key.push('\r'),
                Some('t') => key.push('\t'),
                Some('u') => {
                    let hex: String = chars.by_ref().take(4).map(|(_, c)| c).collect();
                    let code = u32::from_str_radix(&hex, 16).ok().and_then(char::from_u32);
                    key.push(code.ok_or_else(|| format!("`\\u{hex}` is not a character"))?);
                }
                Some(c @ ('"' | '\\')) => key.push(c),
                _ => return Err("a backslash escapes nothing".to_owned()),
            },
            c => key.push(c),
        }
    }
    Err("a closing quote is missing".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_round_trip_through_text() {
        for text in [
            "permission_set.admin",
            "data.group.auditors",
            "module.team[\"a.b \\\" [0]\"].module.inner[3].permission_set.admin[\"x\\ny\"]",
            "module.a.data.account.x[0]",
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), text);
        }
    }

    #[test]
    fn what_is_not_an_address_says_why() {
        for (text, reason) in [
            ("", "`` is not a name"),
            ("permission_set", "a name is missing after `permission_set`"),
            ("role.admin", "`role` is not a block type"),
            ("account.a[x]", "`x` is neither a number nor a quoted key"),
            ("account.a.b", "something after the instance"),
            ("account.a[\"x", "a closing quote is missing"),
        ] {
            let error = text.parse::<Address>().unwrap_err();
            assert!(error.reason.contains(reason), "{text}: {}", error.reason);
        }
    }
}
