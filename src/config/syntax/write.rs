//! Values and blocks as HCL text, the way a person would write them.
//!
//! Text is escaped so that it reads back as it is, whatever it holds; the layout is the canonical one
//! ([`super::layout`]).

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::layout::layout;

/// Longer lists and objects go over several lines.
const LINE: usize = 100;

/// Something that stands in a file or a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Item {
    /// An empty line.
    Blank,
    /// `# …`, one for every line of the text.
    Comment(String),
    /// `name = value`
    Attribute(String, Value),
    /// `kind "label" { … }`
    Block(Block),
}

/// `kind "label" { … }`
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The block type.
    pub kind: String,
    /// The labels.
    pub labels: Vec<String>,
    /// What is between the braces.
    pub items: Vec<Item>,
}

impl Block {
    /// A block without anything in it.
    pub fn new<'l>(kind: &str, labels: impl IntoIterator<Item = &'l str>) -> Self {
        Block {
            kind: kind.to_owned(),
            labels: labels.into_iter().map(str::to_owned).collect(),
            items: Vec::new(),
        }
    }

    /// The same with one more attribute.
    #[must_use]
    pub fn with(mut self, name: &str, value: Value) -> Self {
        self.items.push(Item::Attribute(name.to_owned(), value));
        self
    }

    /// The same with one more attribute, if there is a value.
    #[must_use]
    pub fn with_some(self, name: &str, value: Option<Value>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }
}

/// An expression.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Text, to be quoted.
    Text(String),
    /// An expression as it is, on one line.
    Raw(String),
    /// `[a, b]`
    List(Vec<Value>),
    /// `{ a = 1 }`
    Object(Vec<(String, Value)>),
    /// `name(argument)`
    Call(String, Box<Value>),
}

impl Value {
    /// Text.
    pub fn text(text: impl Into<String>) -> Self {
        Value::Text(text.into())
    }

    /// An expression as it is.
    pub fn raw(expression: impl Into<String>) -> Self {
        Value::Raw(expression.into())
    }

    /// A list of texts.
    pub fn texts<'t>(texts: impl IntoIterator<Item = &'t str>) -> Self {
        Value::List(texts.into_iter().map(Value::text).collect())
    }

    /// JSON as an expression; `None` if it holds a number that is not whole, whose digits might change.
    pub fn of_json(json: &Json) -> Option<Self> {
        Some(match json {
            Json::Null => Value::raw("null"),
            Json::Bool(value) => Value::raw(value.to_string()),
            Json::Number(number) if number.is_i64() || number.is_u64() => Value::raw(number.to_string()),
            Json::Number(_) => return None,
            Json::String(text) => Value::text(text),
            Json::Array(items) => Value::List(items.iter().map(Value::of_json).collect::<Option<_>>()?),
            Json::Object(fields) => {
                let field = |(key, value): (&String, &Json)| Some((key.clone(), Value::of_json(value)?));
                Value::Object(fields.iter().map(field).collect::<Option<_>>()?)
            }
        })
    }

    /// How long the expression is on one line, in characters.
    pub fn length(&self) -> usize {
        self.flat().chars().count()
    }

    /// The expression on one line.
    pub fn flat(&self) -> String {
        match self {
            Value::Text(text) => quoted(text),
            Value::Raw(expression) => expression.clone(),
            Value::List(items) => format!("[{}]", joined(items.iter().map(Value::flat))),
            Value::Object(fields) if fields.is_empty() => "{}".to_owned(),
            Value::Object(fields) => {
                let fields = fields
                    .iter()
                    .map(|(name, value)| format!("{} = {}", key(name), value.flat()));
                format!("{{ {} }}", joined(fields))
            }
            Value::Call(name, argument) => format!("{name}({})", argument.flat()),
        }
    }

    /// The expression, over several lines if it is long; `before` is how much stands before it on its line.
    fn write(&self, out: &mut String, level: usize, before: usize) {
        let flat = self.flat();
        let fits = 2 * level + before + flat.chars().count() <= LINE;
        match self {
            Value::List(items) if !fits && !items.is_empty() => {
                out.push_str("[\n");
                for item in items {
                    item.write(out, level + 1, 0);
                    out.push_str(",\n");
                }
                out.push(']');
            }
            Value::Object(fields) if !fits && !fields.is_empty() => {
                out.push_str("{\n");
                for (name, value) in fields {
                    let name = key(name);
                    let _ = write!(out, "{name} = ");
                    value.write(out, level + 1, name.chars().count() + 3);
                    out.push('\n');
                }
                out.push('}');
            }
            Value::Call(name, argument) if !fits => {
                let _ = write!(out, "{name}(");
                argument.write(out, level, before + name.len() + 1);
                out.push(')');
            }
            _ => out.push_str(&flat),
        }
    }
}

fn joined(parts: impl Iterator<Item = String>) -> String {
    parts.collect::<Vec<_>>().join(", ")
}

/// The text of a file.
pub fn file(items: &[Item]) -> String {
    let mut out = String::new();
    write_items(&mut out, items, 0);
    layout(&out)
}

fn write_items(out: &mut String, items: &[Item], level: usize) {
    for item in items {
        match item {
            Item::Blank => {}
            Item::Comment(text) => {
                for line in text.lines() {
                    let _ = write!(out, "# {}", one_line(line));
                    out.push('\n');
                }
                continue;
            }
            Item::Attribute(name, value) => {
                let _ = write!(out, "{name} = ");
                value.write(out, level, name.chars().count() + 3);
            }
            Item::Block(block) => write_block(out, block, level),
        }
        out.push('\n');
    }
}

fn write_block(out: &mut String, block: &Block, level: usize) {
    out.push_str(&block.kind);
    for label in &block.labels {
        let _ = write!(out, " {}", quoted(label));
    }
    out.push_str(" {");
    if !block.items.is_empty() {
        out.push('\n');
        write_items(out, &block.items, level + 1);
    }
    out.push('}');
}

/// A comment must not end before its line does, nor turn a terminal or a reviewer around.
fn one_line(text: &str) -> String {
    let plain = |c: char| if is_hidden(c) { '\u{fffd}' } else { c };
    text.chars().map(plain).collect()
}

/// Characters that are not seen, or that change the direction of what follows.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// Text as a quoted literal that reads back as the same text.
pub fn quoted(text: &str) -> String {
    let mut out = String::from("\"");
    let mut chars = text.chars().peekable();
    let mut before = '"';
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            // `$${` is the escape of `${`; after another `$` it could be read in two ways.
            '$' | '%' if chars.peek() == Some(&'{') => {
                if before == c {
                    let _ = write!(out, "\\u{:04x}", u32::from(c));
                } else {
                    out.push(c);
                    out.push(c);
                }
            }
            c if is_hidden(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
        before = c;
    }
    out.push('"');
    out
}

/// An object's key: bare if it can be.
fn key(name: &str) -> String {
    let mut chars = name.chars();
    let bare = chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '-')
        && !matches!(name, "for" | "if" | "in" | "true" | "false" | "null");
    if bare { name.to_owned() } else { quoted(name) }
}

/// A JSON value as an HCL expression: `"text"`, `[1, 2]` over several lines, `{ "key" = "value" }` likewise.
///
/// What cannot be written as HCL (there is nothing of the kind in JSON) comes back as JSON.
pub fn expression(value: &Json) -> String {
    let written = hcl::to_expression(value).and_then(|expression| hcl::format::to_string(&expression));
    written.unwrap_or_else(|_| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::syntax::{ExprKind, parse_expression};
    use crate::config::value::Value as Evaluated;
    use crate::source::FileId;
    use proptest::prelude::*;

    #[test]
    fn values_are_written_as_a_person_would() {
        assert_eq!(expression(&serde_json::json!("a \"b\"")), r#""a \"b\"""#);
        assert_eq!(expression(&serde_json::json!(60)), "60");
        assert_eq!(
            expression(&serde_json::json!({ "search": "Search" })),
            "{\n  \"search\" = \"Search\"\n}"
        );
        assert_eq!(
            expression(&serde_json::json!([true, null])),
            "[\n  true,\n  null\n]"
        );
    }

    #[test]
    fn blocks_are_laid_out_and_long_lists_broken() {
        let long: Vec<Value> = (0..3)
            .map(|n| Value::raw(format!("account.{}", "x".repeat(30 + n))))
            .collect();
        let block = Block::new("assignment", ["a"])
            .with("principals", Value::List(vec![Value::raw("group.ops")]))
            .with("accounts", Value::List(long))
            .with("tags", Value::Object(vec![("a b".into(), Value::text("${x}\n"))]));
        let items = [Item::Comment("one\ntwo".into()), Item::Block(block)];
        let x = "x".repeat(30);
        assert_eq!(
            file(&items),
            format!(
                "# one\n# two\nassignment \"a\" {{\n  principals = [group.ops]\n  accounts = [\n    account.{x},\n    account.{x}x,\n    account.{x}xx,\n  ]\n  tags = {{ \"a b\" = \"$${{x}}\\n\" }}\n}}\n"
            )
        );
    }

    proptest! {
        #![proptest_config(crate::testing::property(256))]

        #[test]
        fn quoted_text_reads_back_as_it_is(text in "[a$%{}\"\\\\\n\r\t\u{0}\u{7f}\u{202e}é日𝒳 ]{0,12}") {
            let read = parse_expression(FileId(0), &quoted(&text)).unwrap();
            let plain = match &read.kind {
                ExprKind::Literal(value) => value.clone(),
                other => panic!("{other:?}"),
            };
            prop_assert_eq!(plain, Evaluated::string(text.as_str()));
        }
    }
}
