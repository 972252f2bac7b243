//! How a value is shown: on one line, strings quoted, keys sorted.

use std::fmt;

use crate::config::value::{Data, Fields, Value};

impl fmt::Display for Value {
    /// `"text"`, `[1, null]` for lists, tuples and sets, `{a = 1, "b c" = 2}` for maps and objects, an entity as
    /// its address, `(known after apply)`, `(sensitive value)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_sensitive() {
            return f.write_str("(sensitive value)");
        }
        match self.data() {
            Data::Null(_) => f.write_str("null"),
            Data::Bool(value) => value.fmt(f),
            Data::Number(number) => number.fmt(f),
            Data::String(text) => f.write_str(&quote(text)),
            Data::List(collection) | Data::Set(collection) => write_items(&collection.items, f),
            Data::Tuple(items) => write_items(items, f),
            Data::Map(map) => write_fields(&map.fields, f),
            Data::Object(fields) => write_fields(fields, f),
            Data::Entity(entity) => entity.address.fmt(f),
            Data::Unknown(_) => f.write_str("(known after apply)"),
        }
    }
}

fn write_items(items: &[Value], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("[")?;
    for (index, item) in items.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        write!(f, "{comma}{item}")?;
    }
    f.write_str("]")
}

fn write_fields(fields: &Fields, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("{")?;
    for (index, (key, value)) in fields.iter().enumerate() {
        let comma = if index == 0 { "" } else { ", " };
        if is_identifier(key) {
            write!(f, "{comma}{key} = {value}")?;
        } else {
            write!(f, "{comma}{} = {value}", quote(key))?;
        }
    }
    f.write_str("}")
}

/// Whether a key can stand without quotes.
pub fn is_identifier(text: &str) -> bool {
    let mut chars = text.chars();
    let starts = chars.next().is_some_and(|c| c.is_alphabetic() || c == '_');
    starts && chars.all(|c| c.is_alphanumeric() || c == '_' || c == '-')
}

/// Text as an HCL string literal: quoted, escaped, on one line, without control characters.
pub fn quote(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '$' | '%' if chars.peek() == Some(&'{') => {
                out.push(c);
                out.push(c);
            }
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::convert::field;
    use crate::config::number::Number;
    use crate::config::types::Type;

    #[test]
    fn every_value_is_one_line() {
        let one = Value::number(Number::from_i64(1));
        let fields = [
            field("b c", one.clone()),
            field("a", Value::string("x\ny${z}")),
            field("s", Value::string("p").with_sensitive(true)),
            field("u", Value::unknown(Type::Any)),
            field("0", Value::NULL),
        ];
        let object = Value::object(fields.into_iter().collect());
        assert_eq!(
            Value::tuple(vec![one, object]).to_string(),
            r#"[1, {"0" = null, a = "x\ny$${z}", "b c" = 1, s = (sensitive value), u = (known after apply)}]"#
        );
    }
}
