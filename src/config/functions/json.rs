//! `jsonencode` and `jsondecode`: JSON with numbers of any precision, and with text that apply will learn.

use std::sync::Arc;

use crate::config::budget;
use crate::config::functions::args::{Outcome, at, refuse, text};
use crate::config::functions::{Function, FunctionError, Param, ParamType};
use crate::config::number::Number;
use crate::config::types::Type;
use crate::config::value::{Data, Part, Value};

/// This file's functions.
pub const TABLE: &[Function] = &[
    Function::new(
        "jsondecode",
        "The value that JSON text writes.",
        (r#"jsondecode("{\"a\":[1,true]}")"#, "{a = [1, true]}"),
        &[Param::new("text", ParamType::String)],
        ParamType::Any,
        |_, a| jsondecode(a),
    ),
    Function::new(
        "jsonencode",
        "A value as JSON text, on one line.",
        (r#"jsonencode({ a = [1, true] })"#, r#""{\"a\":[1,true]}""#),
        &[Param::new("value", ParamType::Any).nullable().unknowable()],
        ParamType::String,
        |_, a| jsonencode(a),
    ),
];

/// JSON text of a value; references in it become parts of a template.
///
/// # Errors
/// For what JSON cannot hold: infinities and entities.
pub fn encode(value: &Value) -> Result<Value, FunctionError> {
    let mut out = Writer {
        parts: Vec::new(),
        text: String::new(),
    };
    match out.value(value) {
        Ok(()) => {
            out.flush();
            Ok(Value::template(out.parts))
        }
        Err(Stop::Unknown) => Ok(Value::unknown(Type::String)),
        Err(Stop::Long) => Err(budget::text(out.text.len())
            .err()
            .unwrap_or(budget::Spent::Text)
            .into()),
        Err(Stop::Infinite) => refuse(0, "JSON has no infinite numbers", "leave the number out"),
        Err(Stop::Entity(name)) => refuse(
            0,
            format!("{name} is an entity, which JSON cannot hold"),
            format!("name the attribute you mean, such as {name}.name"),
        ),
    }
}

enum Stop {
    /// Something in it is unknown and no reference.
    Unknown,
    Infinite,
    Entity(String),
    /// The text would be too long.
    Long,
}

fn jsonencode(arguments: &[Value]) -> Outcome {
    encode(at(arguments, 0))
}

struct Writer {
    parts: Vec<Part>,
    text: String,
}

impl Writer {
    fn flush(&mut self) {
        if !self.text.is_empty() {
            self.parts
                .push(Part::Literal(Arc::from(std::mem::take(&mut self.text))));
        }
    }

    fn value(&mut self, value: &Value) -> Result<(), Stop> {
        if budget::is_too_long(self.text.len()) {
            return Err(Stop::Long);
        }
        match value.data() {
            Data::Null(_) => self.text.push_str("null"),
            Data::Bool(flag) => self.text.push_str(if *flag { "true" } else { "false" }),
            Data::Number(number) if number.is_infinite() => return Err(Stop::Infinite),
            Data::Number(number) => self.text.push_str(&number.to_string()),
            Data::String(text) => {
                self.text.push('"');
                escape(text, &mut self.text);
                self.text.push('"');
            }
            Data::List(_) | Data::Set(_) | Data::Tuple(_) => self.sequence(value)?,
            Data::Map(_) | Data::Object(_) => self.mapping(value)?,
            Data::Entity(entity) => return Err(Stop::Entity(entity.address.to_string())),
            Data::Unknown(unknown) if unknown.ty == Type::String => self.template(value)?,
            Data::Unknown(_) => return Err(Stop::Unknown),
        }
        Ok(())
    }

    fn template(&mut self, value: &Value) -> Result<(), Stop> {
        self.text.push('"');
        for part in value.parts().ok_or(Stop::Unknown)? {
            match part {
                Part::Literal(text) => escape(&text, &mut self.text),
                Part::Reference(reference) => {
                    self.flush();
                    self.parts.push(Part::JsonReference(reference));
                }
                // Escaped twice is not a form that a part has.
                Part::JsonReference(_) => return Err(Stop::Unknown),
            }
        }
        self.text.push('"');
        Ok(())
    }

    fn sequence(&mut self, value: &Value) -> Result<(), Stop> {
        self.text.push('[');
        for (index, item) in value.children().enumerate() {
            if index > 0 {
                self.text.push(',');
            }
            self.value(item)?;
        }
        self.text.push(']');
        Ok(())
    }

    fn mapping(&mut self, value: &Value) -> Result<(), Stop> {
        self.text.push('{');
        for (index, (key, item)) in value
            .fields()
            .into_iter()
            .flat_map(|fields| fields.iter())
            .enumerate()
        {
            if index > 0 {
                self.text.push(',');
            }
            self.text.push('"');
            escape(key, &mut self.text);
            self.text.push_str("\":");
            self.value(item)?;
        }
        self.text.push('}');
        Ok(())
    }
}

/// Escapes the inside of a JSON string: also what would be special in HTML and in JavaScript.
pub fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            '\u{8}' => out.push_str("\\b"),
            '\u{c}' => out.push_str("\\f"),
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' | '\0'..='\u{1f}' => {
                out.push_str(&format!("\\u{:04x}", u32::from(c)))
            }
            _ => out.push(c),
        }
    }
}

fn jsondecode(arguments: &[Value]) -> Outcome {
    let text = text(arguments, 0)?;
    budget::elements(text.bytes().filter(|byte| b",[{:".contains(byte)).count())?;
    let mut reader = Reader {
        text,
        position: 0,
        depth: 0,
    };
    let result = reader.value().and_then(|value| {
        reader.blank();
        match reader.peek() {
            None => Ok(value),
            Some(_) => Err("there is more after the value"),
        }
    });
    result.or_else(|problem| {
        let before = text.get(..reader.position).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.chars().rev().take_while(|c| *c != '\n').count() + 1;
        refuse(
            0,
            format!("it is not JSON: {problem} at line {line}, column {column}"),
            "check it with a JSON formatter",
        )
    })
}

/// Deeper JSON than this is refused, so that reading it cannot exhaust the stack.
const DEPTH: usize = 512;

struct Reader<'a> {
    text: &'a str,
    position: usize,
    depth: usize,
}

type Read<T> = Result<T, &'static str>;

impl Reader<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.position).copied()
    }

    fn blank(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.position += 1;
        }
    }

    fn take(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.position += 1;
        }
        found
    }

    fn value(&mut self) -> Read<Value> {
        self.blank();
        match self.peek() {
            Some(b'"') => Ok(Value::string(self.string()?)),
            Some(b'[') => self.nested(Self::array),
            Some(b'{') => self.nested(Self::object),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(b't') => self.word("true", Value::TRUE),
            Some(b'f') => self.word("false", Value::FALSE),
            Some(b'n') => self.word("null", Value::NULL),
            Some(_) => Err("expected a value"),
            None => Err("the text ends too early"),
        }
    }

    fn nested(&mut self, read: fn(&mut Self) -> Read<Value>) -> Read<Value> {
        if self.depth >= DEPTH {
            return Err("it is nested too deeply");
        }
        self.depth += 1;
        self.position += 1;
        let value = read(self);
        self.depth -= 1;
        value
    }

    fn array(&mut self) -> Read<Value> {
        let mut items = Vec::new();
        self.blank();
        if self.take(b']') {
            return Ok(Value::tuple(items));
        }
        loop {
            items.push(self.value()?);
            self.blank();
            if self.take(b']') {
                return Ok(Value::tuple(items));
            }
            if !self.take(b',') {
                return Err("expected ',' or ']'");
            }
        }
    }

    fn object(&mut self) -> Read<Value> {
        let mut fields: Vec<(Arc<str>, Value)> = Vec::new();
        self.blank();
        if self.take(b'}') {
            return Ok(Value::object(fields.into_iter().collect()));
        }
        loop {
            self.blank();
            if self.peek() != Some(b'"') {
                return Err("expected a key between double quotes");
            }
            let key = Value::string(self.string()?);
            self.blank();
            if !self.take(b':') {
                return Err("expected ':' after a key");
            }
            let value = self.value()?;
            fields.extend(key.as_str().map(|key| (Arc::from(key), value)));
            self.blank();
            if self.take(b'}') {
                return Ok(Value::object(fields.into_iter().collect()));
            }
            if !self.take(b',') {
                return Err("expected ',' or '}'");
            }
        }
    }

    fn word(&mut self, word: &str, value: Value) -> Read<Value> {
        if !self
            .text
            .get(self.position..)
            .unwrap_or_default()
            .starts_with(word)
        {
            return Err("expected a value");
        }
        self.position += word.len();
        Ok(value)
    }

    fn digits(&mut self) -> Read<()> {
        if !matches!(self.peek(), Some(b'0'..=b'9')) {
            return Err("expected a digit");
        }
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.position += 1;
        }
        Ok(())
    }

    fn number(&mut self) -> Read<Value> {
        let start = self.position;
        self.take(b'-');
        if !self.take(b'0') {
            self.digits()?;
        }
        if self.take(b'.') {
            self.digits()?;
        }
        if self.take(b'e') || self.take(b'E') {
            if !self.take(b'+') {
                self.take(b'-');
            }
            self.digits()?;
        }
        let text = self.text.get(start..self.position).unwrap_or_default();
        Number::parse(text)
            .map(Value::number)
            .ok_or("the number is too large")
    }

    fn string(&mut self) -> Read<String> {
        self.position += 1;
        let mut out = String::new();
        loop {
            let rest = self.text.get(self.position..).unwrap_or_default();
            let end = rest
                .find(|c: char| c == '"' || c == '\\' || c < ' ')
                .ok_or("a string has no closing quote")?;
            let (plain, special) = rest.split_at(end);
            out.push_str(plain);
            self.position += end;
            match special.bytes().next() {
                Some(b'"') => {
                    self.position += 1;
                    return Ok(out);
                }
                Some(b'\\') => self.escape(&mut out)?,
                _ => return Err("a string holds a control character, which JSON writes as an escape"),
            }
        }
    }

    fn escape(&mut self, out: &mut String) -> Read<()> {
        self.position += 1;
        let letter = self.peek().ok_or("a string has no closing quote")?;
        self.position += 1;
        out.push(match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                let first = self.code_unit()?;
                self.character(first)?
            }
            _ => return Err("a string holds an escape that JSON does not have"),
        });
        Ok(())
    }

    fn code_unit(&mut self) -> Read<u32> {
        let digits = self
            .text
            .get(self.position..self.position + 4)
            .filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits
            .and_then(|digits| u32::from_str_radix(digits, 16).ok())
            .ok_or("\\u is followed by four hexadecimal digits")?;
        self.position += 4;
        Ok(unit)
    }

    /// Joins surrogates; one that stands alone is replaced.
    fn character(&mut self, first: u32) -> Read<char> {
        if (0xd800..0xdc00).contains(&first)
            && self
                .text
                .get(self.position..)
                .unwrap_or_default()
                .starts_with("\\u")
        {
            let back = self.position;
            self.position += 2;
            let second = self.code_unit()?;
            if (0xdc00..0xe000).contains(&second) {
                let code = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(code).unwrap_or('\u{fffd}'));
            }
            self.position = back;
        }
        Ok(char::from_u32(first).unwrap_or('\u{fffd}'))
    }
}
