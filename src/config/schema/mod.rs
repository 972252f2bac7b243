//! What may be written: every block with its labels, attributes and nested blocks, in one table.
//!
//! Diagnostics about unknown or missing names, the types that attributes are converted to, and the reference for
//! readers are all made from this table, so none of them can disagree with the others.

mod entities;
mod judging;
mod stack;

use std::fmt::Write as _;

use crate::address::Kind;

use Need::{Computed, Optional, Required};

/// A kind of block.
#[derive(Debug, Clone, Copy)]
pub struct BlockSchema {
    /// The block type as written; for look-ups `data` with `of` saying what is looked up.
    pub kind: &'static str,
    /// For `data`, `state` and `provider` blocks: the first label that this schema is for.
    pub of: Option<&'static str>,
    /// What the labels (after `of`) are, for messages.
    pub labels: &'static [&'static str],
    /// What it declares, in one or two sentences.
    pub doc: &'static str,
    /// Its attributes.
    pub attributes: &'static [AttributeSchema],
    /// The blocks inside it.
    pub blocks: &'static [BlockSchema],
    /// Whether there can be more than one.
    pub repeats: bool,
    /// Whether it takes `for_each` and `count`.
    pub instances: bool,
    /// Whether it takes attributes that are not in the table (`locals`, arguments of a `module`).
    pub open: bool,
}

/// An attribute.
#[derive(Debug, Clone, Copy)]
pub struct AttributeSchema {
    /// Its name.
    pub name: &'static str,
    /// What it takes.
    pub ty: Ty,
    /// Whether it must or can be written.
    pub need: Need,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
}

/// Whether an attribute is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// It must be.
    Required,
    /// It may be.
    Optional,
    /// It cannot be: it is only read.
    Computed,
}

/// What an attribute takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ty {
    /// `true` or `false`
    Bool,
    /// A number.
    Number,
    /// A text that must be known when planning.
    String,
    /// A text that may contain what is known only after apply.
    Text,
    /// A list or set of texts.
    Strings,
    /// A map of texts.
    Tags,
    /// An entity of a kind.
    Entity(Kind),
    /// Entities of these kinds: a list, nested as one likes, a map of them, or a single one.
    Entities(&'static [Kind]),
    /// Names with globs, or entities of these kinds.
    Patterns(&'static [Kind]),
    /// A list of `{ name, path }`.
    CustomerPolicies,
    /// An AWS-managed policy's ARN or `{ name, path }`.
    Boundary,
    /// Any value.
    Any,
    /// A type, like `list(string)`.
    Type,
    /// A block's address, not evaluated.
    Address,
}

impl Ty {
    /// As shown in the reference.
    pub fn shown(self) -> String {
        let kinds = |kinds: &[Kind]| {
            kinds
                .iter()
                .map(|kind| kind.name())
                .collect::<Vec<_>>()
                .join(" or ")
        };
        match self {
            Ty::Bool => "bool".to_owned(),
            Ty::Number => "number".to_owned(),
            Ty::String | Ty::Text => "string".to_owned(),
            Ty::Strings => "list of strings".to_owned(),
            Ty::Tags => "map of strings".to_owned(),
            Ty::Entity(kind) => kind.name().to_owned(),
            Ty::Entities(of) => format!("list of {}", kinds(of)),
            Ty::Patterns(of) => format!("list of globs or {}", kinds(of)),
            Ty::CustomerPolicies => "list of { name, path }".to_owned(),
            Ty::Boundary => "string or { name, path }".to_owned(),
            Ty::Any => "any".to_owned(),
            Ty::Type => "type".to_owned(),
            Ty::Address => "address".to_owned(),
        }
    }
}

const fn block(kind: &'static str, labels: &'static [&'static str], doc: &'static str) -> BlockSchema {
    BlockSchema {
        kind,
        of: None,
        labels,
        doc,
        attributes: &[],
        blocks: &[],
        repeats: true,
        instances: false,
        open: false,
    }
}

const fn attr(name: &'static str, ty: Ty, need: Need, doc: &'static str) -> AttributeSchema {
    AttributeSchema { name, ty, need, doc }
}

const PRINCIPALS: &[Kind] = &[Kind::Group, Kind::User];
const SETS: &[Kind] = &[Kind::PermissionSet];
const ACCOUNTS: &[Kind] = &[Kind::Account];
const UNITS: &[Kind] = &[Kind::OrganizationalUnit];

/// Every block that can stand at the top level of a file, in the order readers meet them.
pub const BLOCKS: &[BlockSchema] = &[
    stack::ROLECALL,
    stack::STATE_LOCAL,
    stack::STATE_POSTGRES,
    stack::STATE_S3,
    stack::PROVIDER_SIMULATOR,
    stack::PROVIDER_AWS,
    stack::VARIABLE,
    stack::LOCALS,
    stack::OUTPUT,
    stack::MODULE,
    entities::ORGANIZATIONAL_UNIT,
    entities::ACCOUNT,
    entities::USER,
    entities::GROUP,
    entities::PERMISSION_SET,
    entities::ASSIGNMENT,
    entities::DATA_ACCOUNT,
    entities::DATA_USER,
    entities::DATA_GROUP,
    entities::DATA_PERMISSION_SET,
    entities::DATA_ORGANIZATION,
    stack::MOVED,
    judging::GUARDRAIL,
    judging::STANDING_APPROVAL,
];

/// The schema of a top-level block, by its type and first label.
pub fn find(kind: &str, first_label: Option<&str>) -> Option<&'static BlockSchema> {
    BLOCKS
        .iter()
        .find(|block| block.kind == kind && (block.of.is_none() || block.of == first_label))
}

/// The schema of an entity block.
pub fn entity(kind: Kind, data: bool) -> Option<&'static BlockSchema> {
    if data {
        find("data", Some(kind.name()))
    } else {
        find(kind.name(), None)
    }
}

impl BlockSchema {
    /// The attribute with a name, and its index.
    pub fn attribute(&self, name: &str) -> Option<(usize, &'static AttributeSchema)> {
        self.attributes
            .iter()
            .enumerate()
            .find(|(_, attribute)| attribute.name == name)
    }

    /// The nested block with a name.
    pub fn block(&self, kind: &str) -> Option<&'static BlockSchema> {
        self.blocks.iter().find(|block| block.kind == kind)
    }

    /// `data "group" "label"`, as written, with placeholders for labels.
    pub fn heading(&self) -> String {
        let mut heading = self.kind.to_owned();
        for label in self.of.iter().chain(self.labels) {
            let _ = write!(heading, " \"{label}\"");
        }
        heading
    }
}

/// The reference of every block and attribute, as Markdown.
pub fn reference() -> String {
    let mut out = String::new();
    for block in BLOCKS {
        let _ = writeln!(out, "### `{}`\n\n{}\n", block.heading(), block.doc);
        if block.instances {
            out.push_str("Takes `for_each` and `count`.\n\n");
        }
        reference_of(block, "", &mut out);
        while out.ends_with("\n\n") {
            out.pop();
        }
        out.push('\n');
    }
    out.pop();
    out
}

fn reference_of(block: &BlockSchema, prefix: &str, out: &mut String) {
    if !block.attributes.is_empty() {
        out.push_str("| name | type | | meaning |\n|---|---|---|---|\n");
        for attribute in block.attributes {
            let need = match attribute.need {
                Required => "required",
                Optional => "",
                Computed => "read only",
            };
            let doc = attribute.doc.replace('|', "\\|");
            let _ = writeln!(
                out,
                "| `{prefix}{}` | {} | {need} | {doc} |",
                attribute.name,
                attribute.ty.shown()
            );
        }
        out.push('\n');
    }
    for nested in block.blocks {
        let _ = writeln!(out, "`{prefix}{} {{ … }}`: {}\n", nested.heading(), nested.doc);
        reference_of(nested, &format!("{prefix}{}.", nested.kind), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn walk(blocks: &'static [BlockSchema], visit: &mut dyn FnMut(&'static BlockSchema)) {
        for block in blocks {
            visit(block);
            walk(block.blocks, visit);
        }
    }

    #[test]
    fn names_are_unique_and_everything_is_documented() {
        walk(BLOCKS, &mut |block| {
            assert!(block.doc.ends_with('.'), "{}", block.heading());
            let mut names: Vec<&str> = block.attributes.iter().map(|attribute| attribute.name).collect();
            assert!(
                block
                    .attributes
                    .iter()
                    .all(|attribute| attribute.doc.ends_with('.')),
                "{}",
                block.heading()
            );
            names.sort_unstable();
            names.dedup();
            assert_eq!(names.len(), block.attributes.len(), "{}", block.heading());
        });
    }

    #[test]
    fn every_entity_kind_has_a_schema() {
        for kind in Kind::ALL {
            assert!(entity(kind, false).is_some_and(|schema| schema.instances));
        }
        assert!(entity(Kind::Group, true).is_some());
        assert!(entity(Kind::Assignment, true).is_none());
    }

    #[test]
    fn the_reference_names_every_attribute() {
        let text = reference();
        walk(BLOCKS, &mut |block| {
            for attribute in block.attributes {
                assert!(
                    text.contains(&format!("{}` |", attribute.name)),
                    "{}",
                    attribute.name
                );
            }
        });
        assert!(text.contains("### `data \"group\" \"label\"`"));
    }
}
