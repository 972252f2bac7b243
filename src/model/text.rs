//! Text that may name what only the service can tell: ids and ARNs of things not made yet.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::EntityKey;

/// An attribute that the service assigns when an entity is created.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ServiceAttribute {
    /// A permission set's or an organizational unit's ARN.
    Arn,
    /// An account's, organizational unit's, user's or group's id.
    Id,
}

impl ServiceAttribute {
    /// The attribute's name in HCL.
    pub fn name(self) -> &'static str {
        match self {
            ServiceAttribute::Arn => "arn",
            ServiceAttribute::Id => "id",
        }
    }
}

/// A symbolic reference to what apply will learn: an entity's service-assigned attribute.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Reference {
    /// Whose attribute.
    pub entity: EntityKey,
    /// Which.
    pub attribute: ServiceAttribute,
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} of {}", self.attribute.name(), self.entity)
    }
}

/// A piece of a [`Text`].
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// Characters as they are.
    Literal(Arc<str>),
    /// To be replaced by the attribute's value.
    Reference(Reference),
}

/// A text: known, or a template of literals and references that apply fills in.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(untagged)]
pub enum Text {
    /// All of it is known.
    Known(Arc<str>),
    /// Some of it is not.
    Template(Vec<Part>),
}

impl Text {
    /// A known text.
    pub fn known(text: impl Into<Arc<str>>) -> Self {
        Text::Known(text.into())
    }

    /// A text of parts; neighbouring literals are joined, and without references it is known.
    pub fn from_parts(parts: impl IntoIterator<Item = Part>) -> Self {
        let mut joined: Vec<Part> = Vec::new();
        for part in parts {
            match (joined.last_mut(), part) {
                (_, Part::Literal(text)) if text.is_empty() => {}
                (Some(Part::Literal(before)), Part::Literal(text)) => {
                    *before = Arc::from(format!("{before}{text}"));
                }
                (_, part) => joined.push(part),
            }
        }
        match joined.as_slice() {
            [] => Text::known(""),
            [Part::Literal(text)] => Text::Known(text.clone()),
            _ => Text::Template(joined),
        }
    }

    /// The text when all of it is known.
    pub fn as_known(&self) -> Option<&str> {
        match self {
            Text::Known(text) => Some(text),
            Text::Template(_) => None,
        }
    }

    /// What it waits for, in order of appearance.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let parts: &[Part] = match self {
            Text::Known(_) => &[],
            Text::Template(parts) => parts,
        };
        parts.iter().filter_map(|part| match part {
            Part::Reference(reference) => Some(reference),
            Part::Literal(_) => None,
        })
    }

    /// The same text with every reference that `lookup` knows filled in.
    #[must_use]
    pub fn resolve(&self, lookup: &dyn Fn(&Reference) -> Option<Arc<str>>) -> Text {
        match self {
            Text::Known(_) => self.clone(),
            Text::Template(parts) => Text::from_parts(parts.iter().map(|part| match part {
                Part::Reference(reference) => lookup(reference).map_or_else(|| part.clone(), Part::Literal),
                Part::Literal(_) => part.clone(),
            })),
        }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        Text::known(text)
    }
}

impl fmt::Display for Text {
    /// The text, with `(known after apply: …)` where a reference stands.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Text::Known(text) => f.write_str(text),
            Text::Template(parts) => parts.iter().try_for_each(|part| match part {
                Part::Literal(text) => f.write_str(text),
                Part::Reference(reference) => write!(f, "(known after apply: {reference})"),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupName;

    #[test]
    fn a_template_becomes_known_once_every_reference_is() {
        let entity = EntityKey::Group(GroupName::new("Ops").unwrap());
        let reference = Reference {
            entity,
            attribute: ServiceAttribute::Id,
        };
        let text = Text::from_parts([
            Part::Literal("a-".into()),
            Part::Reference(reference.clone()),
            Part::Literal("-z".into()),
        ]);
        assert_eq!(text.as_known(), None);
        assert_eq!(text.references().collect::<Vec<_>>(), [&reference]);
        assert_eq!(text.resolve(&|_| None), text);
        assert_eq!(text.resolve(&|_| Some("7".into())), Text::known("a-7-z"));
    }
}
