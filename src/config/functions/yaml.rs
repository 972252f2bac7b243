//! `yamldecode`: one YAML document as a value, with anchors and merge keys.
//!
//! Plain scalars are resolved by the rules Terraform has: `yes`, `on` and `y` are true, dates become timestamps,
//! `0x1f` and `0o17` are numbers while `1_000` is text; scalars between quotes are text.

use std::collections::BTreeMap;
use std::iter::Peekable;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use saphyr_parser::{Event, Parser, ScalarStyle, ScanError, StrInput, Tag};

use crate::config::budget;
use crate::config::functions::args::{Outcome, at, kind, refuse, text};
use crate::config::functions::timestamp::Timestamp;
use crate::config::functions::{Function, Param, ParamType, yaml_text};
use crate::config::number::Number;
use crate::config::value::{Data, Value};

/// This file's functions.
pub const TABLE: &[Function] = &[
    Function::new(
        "yamldecode",
        "The value that YAML text writes.",
        (r#"yamldecode("a: [1, yes]")"#, "{a = [1, true]}"),
        &[Param::new("text", ParamType::String)],
        ParamType::Any,
        |_, a| yamldecode(a),
    ),
    Function::new(
        "yamlencode",
        "A value as YAML text, in block style.",
        (r#"yamlencode({ a = 1 })"#, r#""\"a\": 1\n""#),
        &[Param::new("value", ParamType::Any).nullable()],
        ParamType::String,
        |_, a| yaml_text::encode(at(a, 0)).map(Value::string),
    ),
];

fn yamldecode(arguments: &[Value]) -> Outcome {
    decode(text(arguments, 0)?)
}

/// The value that YAML text writes.
///
/// # Errors
/// When it cannot be read.
pub fn decode(text: &str) -> Outcome {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = Reader {
        events: Parser::new_from_str(text).peekable(),
        anchors: BTreeMap::new(),
        size: 0,
        depth: 0,
        line: 1,
    };
    let read = reader.document();
    budget::elements(reader.size)?;
    read.or_else(|problem| {
        let place = if problem.line > 0 {
            format!("line {}: ", problem.line)
        } else {
            String::new()
        };
        refuse(
            0,
            format!("it is not YAML that can be read: {place}{}", problem.message),
            "check the indentation, and quote text that holds \": \" or begins with a sign",
        )
    })
}

struct Problem {
    line: usize,
    message: String,
}

/// More values than this are refused: a few lines of aliases to aliases can stand for billions.
const SIZE: usize = 10_000_000;
/// Deeper YAML than this is refused, so that reading it cannot exhaust the stack.
const DEPTH: usize = 256;
const CORE: &str = "tag:yaml.org,2002:";

struct Reader<'a> {
    events: Peekable<Parser<'a, StrInput<'a>>>,
    /// What an anchor names and how many values that holds; nothing while it is being read.
    anchors: BTreeMap<usize, Option<(Value, usize)>>,
    /// Values so far, those of aliases counted each time.
    size: usize,
    depth: usize,
    /// The line of the last event.
    line: usize,
}

impl<'a> Reader<'a> {
    fn next(&mut self) -> Result<Event<'a>, Problem> {
        match self.events.next() {
            Some(Ok((event, span))) => {
                self.line = span.start.line();
                Ok(event)
            }
            Some(Err(error)) => Err(scan_problem(&error)),
            None => self.fail("the text ends too early"),
        }
    }

    fn fail<T>(&self, message: impl Into<String>) -> Result<T, Problem> {
        Err(Problem {
            line: self.line,
            message: message.into(),
        })
    }

    fn document(&mut self) -> Result<Value, Problem> {
        let value = loop {
            match self.next()? {
                Event::StreamStart | Event::Nothing => {}
                Event::DocumentStart(_) => {
                    let event = self.next()?;
                    break self.node(event)?;
                }
                _ => return self.fail("there is no value in it"),
            }
        };
        loop {
            match self.next()? {
                Event::DocumentEnd | Event::Nothing => {}
                Event::StreamEnd => return Ok(value),
                _ => return self.fail("there is more than one document"),
            }
        }
    }

    fn node(&mut self, event: Event<'a>) -> Result<Value, Problem> {
        if self.depth > DEPTH {
            return self.fail("it is nested too deeply");
        }
        self.depth += 1;
        let before = self.size;
        self.size += 1;
        let (anchor, value) = match event {
            Event::Alias(anchor) => match self.anchors.get(&anchor) {
                Some(Some((value, size))) => {
                    self.size += size;
                    (0, value.clone())
                }
                _ => return self.fail("an alias stands inside what its anchor names"),
            },
            Event::Scalar(text, style, anchor, tag) => (anchor, self.scalar(&text, style, tag.as_deref())?),
            Event::SequenceStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), "seq")?;
                self.anchors.insert(anchor, None);
                (anchor, self.sequence()?)
            }
            Event::MappingStart(anchor, tag) => {
                self.collection_tag(tag.as_deref(), "map")?;
                self.anchors.insert(anchor, None);
                (anchor, self.mapping()?)
            }
            _ => return self.fail("a value is missing"),
        };
        self.depth -= 1;
        if self.size > SIZE {
            return self.fail(format!("it holds more than {SIZE} values"));
        }
        if anchor > 0 {
            self.anchors
                .insert(anchor, Some((value.clone(), self.size - before)));
        }
        Ok(value)
    }

    fn collection_tag(&self, tag: Option<&Tag>, expected: &str) -> Result<(), Problem> {
        match tag {
            Some(tag) if full_name(tag) != format!("{CORE}{expected}") => {
                self.fail(format!("the tag {tag} is not supported here"))
            }
            _ => Ok(()),
        }
    }

    fn sequence(&mut self) -> Result<Value, Problem> {
        let mut items = Vec::new();
        loop {
            match self.next()? {
                Event::SequenceEnd => return Ok(Value::tuple(items)),
                event => items.push(self.node(event)?),
            }
        }
    }

    fn mapping(&mut self) -> Result<Value, Problem> {
        let mut fields: Vec<(Arc<str>, Value)> = Vec::new();
        loop {
            let event = self.next()?;
            if event == Event::MappingEnd {
                return Ok(Value::object(fields.into_iter().collect()));
            }
            let merges = matches!(&event, Event::Scalar(text, _, _, None) if text == "<<");
            if !matches!(event, Event::Scalar(..)) {
                return self.fail("a key is not plain text");
            }
            let key = self.node(event)?;
            let event = self.next()?;
            let value = self.node(event)?;
            if merges {
                let Some(merged) = value.fields() else {
                    return self.fail(format!("\"<<\" merges a mapping, not {}", kind(&value)));
                };
                fields.extend(merged.iter().map(|(name, value)| (name.clone(), value.clone())));
                continue;
            }
            let key = match crate::config::convert::convert(&key, &crate::config::types::Type::String) {
                Ok(key) if !key.is_null() => key,
                _ => return self.fail("a key is null"),
            };
            fields.extend(key.as_str().map(|key| (Arc::from(key), value)));
        }
    }

    fn scalar(&self, text: &str, style: ScalarStyle, tag: Option<&Tag>) -> Result<Value, Problem> {
        let plain = style == ScalarStyle::Plain;
        let Some(tag) = tag else {
            return if plain {
                self.resolved(text)
            } else {
                Ok(Value::string(text))
            };
        };
        let name = full_name(tag);
        let Some(name) = name.strip_prefix(CORE) else {
            return self.fail(format!("the tag {tag} is not supported"));
        };
        let value = self.resolved(text)?;
        let fits = match name {
            "str" => return Ok(Value::string(text)),
            "null" if plain => return Ok(Value::NULL),
            "null" => true,
            "bool" => value.as_bool().is_some(),
            "int" | "float" => value.as_number().is_some(),
            "timestamp" => timestamp(text).is_some(),
            "binary" => {
                let valid = STANDARD.decode(text).is_ok();
                return if valid {
                    Ok(Value::string(text))
                } else {
                    self.fail("binary data is not Base64")
                };
            }
            _ => return self.fail(format!("the tag {tag} is not supported")),
        };
        if !fits {
            return self.fail(format!("{text:?} is not what its tag {tag} says"));
        }
        // Quotes weigh more than a tag.
        Ok(if plain { value } else { Value::string(text) })
    }

    /// What a plain scalar stands for.
    fn resolved(&self, text: &str) -> Result<Value, Problem> {
        Ok(match text {
            "" | "~" | "null" | "Null" | "NULL" => Value::NULL,
            "y" | "Y" | "yes" | "Yes" | "YES" | "on" | "On" | "ON" | "true" | "True" | "TRUE" => Value::TRUE,
            "n" | "N" | "no" | "No" | "NO" | "off" | "Off" | "OFF" | "false" | "False" | "FALSE" => {
                Value::FALSE
            }
            ".inf" | ".Inf" | ".INF" | "+.inf" | "+.Inf" | "+.INF" => infinite(f64::INFINITY),
            "-.inf" | "-.Inf" | "-.INF" => infinite(f64::NEG_INFINITY),
            ".nan" | ".NaN" | ".NAN" => return self.fail("there is no number for .nan"),
            _ => match number(text) {
                Some(number) => Value::number(number),
                None if is_a_number_in_form(text) => {
                    return self.fail(format!("the number {text} is too large, or has too many digits"));
                }
                None => Value::string(timestamp(text).unwrap_or_else(|| text.to_owned())),
            },
        })
    }
}

fn scan_problem(error: &ScanError) -> Problem {
    Problem {
        line: error.marker().line(),
        message: error.info().to_owned(),
    }
}

fn full_name(tag: &Tag) -> String {
    format!("{}{}", tag.handle, tag.suffix)
}

fn infinite(value: f64) -> Value {
    Number::from_f64(value).map_or(Value::NULL, Value::number)
}

/// Whether text is written like a decimal number with an exponent: one that is none is beyond what numbers hold.
fn is_a_number_in_form(text: &str) -> bool {
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let Some((digits, exponent)) = unsigned.split_once(['e', 'E']) else {
        return false;
    };
    let all_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
    all_digits(whole)
        && (fraction.is_empty() || all_digits(fraction))
        && all_digits(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))
}

fn number(text: &str) -> Option<Number> {
    let based = |digits: &str, radix: u32| {
        let valid = !digits.is_empty() && digits.chars().all(|c| c.is_digit(radix));
        let magnitude = valid.then(|| dashu::integer::UBig::from_str_radix(digits, radix).ok())??;
        Some(Number::from_integer(false, magnitude))
    };
    if let Some(digits) = text.strip_prefix("0x") {
        return based(digits, 16);
    }
    if let Some(digits) = text.strip_prefix("0o") {
        return based(digits, 8);
    }
    let unsigned = text.strip_prefix(['+', '-']).unwrap_or(text);
    let begins = unsigned.starts_with(|c: char| c.is_ascii_digit() || c == '.');
    begins.then(|| Number::parse(text)).flatten()
}

/// Dates, and dates with a time, brought to RFC 3339; months, days and hours may have one digit.
fn timestamp(text: &str) -> Option<String> {
    let date_end = text.find(['T', 't', ' ']).unwrap_or(text.len());
    let (date, time) = text.split_at(date_end);
    let mut parts = date.split('-');
    let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
    if year.len() != 4 || parts.next().is_some() {
        return None;
    }
    let date = format!("{year}-{}-{}", two_digits(month)?, two_digits(day)?);
    let time = match time.split_at_checked(1) {
        None => "00:00:00Z".to_owned(),
        Some((separator, time)) => {
            let zone_at = time.find(['Z', '+', '-']);
            let (clock, zone) = time.split_at(zone_at.unwrap_or(time.len()));
            if (separator == " ") != zone.is_empty() {
                return None;
            }
            let mut parts = clock.splitn(3, ':');
            let (hour, minute, second) = (parts.next()?, parts.next()?, parts.next()?);
            let (second, fraction) = second
                .split_once('.')
                .map_or((second, String::new()), |(second, rest)| {
                    (second, format!(".{rest}"))
                });
            let zone = if zone.is_empty() { "Z" } else { zone };
            format!(
                "{}:{}:{}{fraction}{zone}",
                two_digits(hour)?,
                two_digits(minute)?,
                two_digits(second)?
            )
        }
    };
    Timestamp::parse(&format!("{date}T{time}"))
        .ok()
        .map(|time| time.to_rfc3339())
}

fn two_digits(text: &str) -> Option<String> {
    let valid = matches!(text.len(), 1 | 2) && text.bytes().all(|b| b.is_ascii_digit());
    valid.then(|| format!("{text:0>2}"))
}

/// Whether a value holds an entity, which no text format can write.
pub(super) fn entity_in(value: &Value) -> Option<String> {
    match value.data() {
        Data::Entity(entity) => Some(entity.address.to_string()),
        _ => value.children().find_map(entity_in),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn aliases_of_aliases_cannot_stand_for_billions_of_values() {
        let mut text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let before = format!("*a{}", level - 1);
            let items = [before.as_str(); 10].join(", ");
            text.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        let error = yamldecode(&[Value::string(text)]).unwrap_err();
        assert!(
            error.message.contains("more than 10000000 values"),
            "{}",
            error.message
        );
    }

    #[test]
    fn nesting_is_bounded() {
        let text = "[".repeat(100_000);
        assert!(yamldecode(&[Value::string(text)]).is_err());
    }
}
