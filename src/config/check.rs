//! Checks a block against its schema: labels, attributes, nested blocks.

use crate::config::schema::{AttributeSchema, BlockSchema, Need};
use crate::config::syntax::{Attribute, Block, Body};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::source::Span;

/// An attribute that the block does not have.
const UNKNOWN_ATTRIBUTE: Code = Code("unknown-attribute");
/// A nested block that the block does not have.
const UNKNOWN_BLOCK: Code = Code("unknown-block");
/// An attribute that is only read.
const READ_ONLY: Code = Code("read-only-attribute");
/// An attribute that must be written and is not.
const MISSING: Code = Code("missing-attribute");
/// Too few or too many labels.
const LABELS: Code = Code("wrong-labels");
/// A block that can stand only once.
const REPEATED: Code = Code("repeated-block");
/// `for_each` and `count` together, or on a block that has no instances.
const META: Code = Code("wrong-meta-argument");

/// The block type and its labels: what messages about the block as a whole point at.
pub fn head(block: &Block) -> Span {
    block
        .labels
        .last()
        .map_or(block.kind_span, |label| block.kind_span.to(label.span))
}

/// Checks a whole block, and the blocks in it.
pub fn check(block: &Block, schema: &'static BlockSchema, found: &mut Diagnostics) {
    check_labels(block, schema, found);
    check_attributes(&block.body, head(block), schema, found);
    check_blocks(&block.body, schema, found);
}

fn check_labels(block: &Block, schema: &BlockSchema, found: &mut Diagnostics) {
    let wanted = schema.labels.len() + usize::from(schema.of.is_some());
    let given = block.labels.len();
    if given == wanted {
        return;
    }
    let message = if given < wanted {
        format!("`{}` needs {}", schema.kind, count(wanted, "label"))
    } else {
        format!(
            "`{}` takes {}",
            schema.kind,
            if wanted == 0 {
                "no label".to_owned()
            } else {
                count(wanted, "label")
            }
        )
    };
    let span = block
        .labels
        .get(wanted)
        .map_or(block.kind_span, |label| label.span);
    let remark = if given < wanted { "" } else { "one too many" };
    found.push(
        Diagnostic::error(LABELS, message)
            .at(span, remark)
            .help(format!("write it as `{} {{ … }}`", schema.heading())),
    );
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("a {what}"),
        number => format!("{number} {what}s"),
    }
}

fn check_attributes(body: &Body, head: Span, schema: &'static BlockSchema, found: &mut Diagnostics) {
    for attribute in &body.attributes {
        check_attribute(attribute, schema, found);
    }
    let each = body
        .attributes
        .iter()
        .find(|attribute| attribute.name.as_ref() == "for_each");
    let count = body
        .attributes
        .iter()
        .find(|attribute| attribute.name.as_ref() == "count");
    if let (Some(each), Some(count), true) = (each, count, schema.instances) {
        found.push(
            Diagnostic::error(META, "a block has `for_each` or `count`, not both")
                .at(count.name_span, "")
                .also(each.name_span, "`for_each` is here")
                .help("remove one of them"),
        );
    }
    for wanted in schema.attributes {
        let given = body
            .attributes
            .iter()
            .any(|attribute| attribute.name.as_ref() == wanted.name);
        if wanted.need == Need::Required && !given {
            found.push(
                Diagnostic::error(MISSING, format!("`{}` needs `{}`", schema.kind, wanted.name))
                    .at(head, format!("`{}` is missing", wanted.name))
                    .because(wanted.doc)
                    .help(format!("add `{} = …` ({})", wanted.name, wanted.ty.shown()))
                    .aspect(wanted.name),
            );
        }
    }
}

fn check_attribute(attribute: &Attribute, schema: &'static BlockSchema, found: &mut Diagnostics) {
    let name = attribute.name.as_ref();
    if matches!(name, "for_each" | "count") {
        if !schema.instances && !schema.open {
            found.push(
                Diagnostic::error(
                    META,
                    format!("`{}` has no instances, so it takes no `{name}`", schema.kind),
                )
                .at(attribute.name_span, "")
                .help(format!("remove `{name}`")),
            );
        }
        return;
    }
    match schema.attribute(name) {
        Some((
            _,
            AttributeSchema {
                need: Need::Computed,
                doc,
                ..
            },
        )) => found.push(
            Diagnostic::error(
                READ_ONLY,
                format!("`{name}` of `{}` is read, not written", schema.kind),
            )
            .at(attribute.name_span, "")
            .because(*doc)
            .help(format!("remove `{name}`")),
        ),
        Some(_) => {}
        None if schema.open => {}
        None => found.push(unknown_attribute(attribute, schema)),
    }
}

fn unknown_attribute(attribute: &Attribute, schema: &'static BlockSchema) -> Diagnostic {
    let name = attribute.name.as_ref();
    let error = Diagnostic::error(
        UNKNOWN_ATTRIBUTE,
        format!("`{}` has no attribute `{name}`", schema.kind),
    )
    .at(attribute.name_span, "");
    let writable = || {
        let attributes = schema
            .attributes
            .iter()
            .filter(|known| known.need != Need::Computed);
        attributes.map(|known| known.name)
    };
    if schema.block(name).is_some() {
        return error.help(format!(
            "`{name}` is a block: write `{name} {{ … }}`, without `=`"
        ));
    }
    if let Some(advice) = from_terraform(name) {
        return error.help(advice);
    }
    match did_you_mean(name, writable()) {
        Some(meant) => error.help(meant),
        None => error.help(format!("it has {}", listed(writable()))),
    }
}

/// What Terraform has and this language does without.
fn from_terraform(name: &str) -> Option<&'static str> {
    match name {
        "depends_on" => Some("remove it: order follows from what refers to what"),
        "provider" | "providers" => Some("remove it: a stack has one provider"),
        "instance_arn" => Some("remove it: the stack is bound to one instance"),
        _ => None,
    }
}

fn listed<'a>(names: impl Iterator<Item = &'a str>) -> String {
    let quoted: Vec<String> = names.map(|name| format!("`{name}`")).collect();
    if quoted.is_empty() {
        "no attributes".to_owned()
    } else {
        quoted.join(", ")
    }
}

fn check_blocks(body: &Body, schema: &'static BlockSchema, found: &mut Diagnostics) {
    for (index, block) in body.blocks.iter().enumerate() {
        let kind = block.kind.as_ref();
        let Some(nested) = schema.block(kind) else {
            found.push(unknown_block(block, schema));
            continue;
        };
        let earlier = body
            .blocks
            .iter()
            .take(index)
            .find(|other| other.kind.as_ref() == kind);
        if let (Some(earlier), false) = (earlier, nested.repeats) {
            found.push(
                Diagnostic::error(REPEATED, format!("`{}` has one `{kind}` block", schema.kind))
                    .at(head(block), "a second one")
                    .also(head(earlier), "the first one")
                    .help("put everything into one block"),
            );
        }
        check(block, nested, found);
    }
}

fn unknown_block(block: &Block, schema: &'static BlockSchema) -> Diagnostic {
    let kind = block.kind.as_ref();
    let error = Diagnostic::error(UNKNOWN_BLOCK, format!("`{}` has no block `{kind}`", schema.kind))
        .at(head(block), "");
    if schema.attribute(kind).is_some() {
        return error.help(format!("`{kind}` is an attribute: write `{kind} = …`"));
    }
    match kind {
        "lifecycle" => {
            return error.help(
                "access that no plan may remove is named in a `protect` block of `rolecall { … }`; the rest of \
                 `lifecycle` does not exist here",
            );
        }
        "dynamic" => {
            return error.help(
                "there are no blocks made by expressions: give an attribute a `for` expression, or write a policy as \
                 `inline_policy = jsonencode({ … })`",
            );
        }
        "provisioner" | "timeouts" => {
            return error.help(format!("remove it: there is no `{kind}` here"));
        }
        _ => {}
    }
    match did_you_mean(kind, schema.blocks.iter().map(|known| known.kind)) {
        Some(meant) => error.help(meant),
        None if schema.blocks.is_empty() => error.help("it takes attributes only"),
        None => error.help(format!(
            "it has {}",
            listed(schema.blocks.iter().map(|known| known.kind))
        )),
    }
}
