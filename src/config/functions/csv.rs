//! `csvdecode`: a header line and records, in the dialect of RFC 4180.

use std::sync::Arc;

use crate::config::budget;
use crate::config::functions::args::{Outcome, refuse, text};
use crate::config::functions::{Function, Param, ParamType};
use crate::config::types::Type;
use crate::config::value::{Fields, Value};

/// This file's functions.
pub const TABLE: &[Function] = &[Function::new(
    "csvdecode",
    "The records of CSV text, each an object of text by the names in the header.",
    (
        r#"csvdecode("name,team\nada,platform\n")"#,
        r#"[{name = "ada", team = "platform"}]"#,
    ),
    &[Param::new("text", ParamType::String)],
    ParamType::Any,
    |_, a| csvdecode(a),
)];

/// A record that cannot be read: its line, from 1, and why.
struct Damage {
    line: usize,
    problem: String,
}

fn csvdecode(arguments: &[Value]) -> Outcome {
    let text = text(arguments, 0)?;
    budget::elements(text.bytes().filter(|byte| b",\n".contains(byte)).count())?;
    // Each column is compared with those before it.
    let columns = text.lines().next().unwrap_or_default().matches(',').count();
    budget::steps((columns as u64).saturating_pow(2) / 8)?;
    match decode(text) {
        Ok(value) => Ok(value),
        Err(damage) => refuse(
            0,
            format!("line {}: {}", damage.line, damage.problem),
            "quote fields that hold commas, quotes or line breaks; a quote inside is doubled",
        ),
    }
}

fn decode(text: &str) -> Result<Value, Damage> {
    // Spreadsheets write a byte-order mark; it is no part of the first column's name.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut records = Records { rest: text, line: 1 };
    let Some(header) = records.next_record()? else {
        return Err(Damage {
            line: 1,
            problem: "the header line is missing".to_owned(),
        });
    };
    let names: Vec<Arc<str>> = header
        .iter()
        .filter_map(|name| Value::string(name.as_str()).as_str().map(Arc::from))
        .collect();
    for (index, name) in names.iter().enumerate() {
        if names.get(..index).is_some_and(|before| before.contains(name)) {
            return Err(Damage {
                line: 1,
                problem: format!("the header has the column {name:?} twice"),
            });
        }
    }
    let mut rows = Vec::new();
    loop {
        let line = records.line;
        let Some(record) = records.next_record()? else {
            break;
        };
        if record.len() != names.len() {
            let problem = format!(
                "the record has {} fields, and the header has {}",
                record.len(),
                names.len()
            );
            // The record may begin after blank lines, but ends on the line before the one to be read next.
            return Err(Damage {
                line: line.max(records.line.saturating_sub(1)),
                problem,
            });
        }
        let fields: Fields = names
            .iter()
            .cloned()
            .zip(record.into_iter().map(Value::string))
            .collect();
        rows.push(Value::object(fields));
    }
    let element = Type::object(names.into_iter().map(|name| (name, Type::String)));
    Ok(Value::list(element, rows))
}

struct Records<'a> {
    rest: &'a str,
    line: usize,
}

impl Records<'_> {
    /// The next line without its line break, which may be `\n`, `\r\n`, or the end.
    fn next_line(&mut self) -> Option<String> {
        if self.rest.is_empty() {
            return None;
        }
        let (line, rest) = self
            .rest
            .split_once('\n')
            .map_or((self.rest, ""), |(line, rest)| (line, rest));
        self.rest = rest;
        self.line += 1;
        Some(line.strip_suffix('\r').unwrap_or(line).to_owned())
    }

    fn next_record(&mut self) -> Result<Option<Vec<String>>, Damage> {
        let mut line = loop {
            match self.next_line() {
                None => return Ok(None),
                Some(line) if line.is_empty() => {}
                Some(line) => break line,
            }
        };
        let mut fields = Vec::new();
        loop {
            let Some(quoted) = line.strip_prefix('"') else {
                let (field, rest) = line
                    .split_once(',')
                    .map_or((line.as_str(), None), |(field, rest)| {
                        (field, Some(rest.to_owned()))
                    });
                if field.contains('"') {
                    return Err(self.damage("a field holds a quote but does not begin with one"));
                }
                fields.push(field.to_owned());
                match rest {
                    Some(rest) => line = rest,
                    None => return Ok(Some(fields)),
                }
                continue;
            };
            let (field, rest) = self.quoted(quoted.to_owned())?;
            fields.push(field);
            if rest.is_empty() {
                return Ok(Some(fields));
            }
            match rest.strip_prefix(',') {
                Some(next) => line = next.to_owned(),
                None => return Err(self.damage("text follows the closing quote of a field")),
            }
        }
    }

    /// A quoted field, which may go on over lines, and what follows it on its last line.
    fn quoted(&mut self, mut line: String) -> Result<(String, String), Damage> {
        let mut field = String::new();
        loop {
            let Some((before, after)) = line.split_once('"') else {
                field.push_str(&line);
                match self.next_line() {
                    Some(next) => {
                        field.push('\n');
                        line = next;
                        continue;
                    }
                    None => return Err(self.damage("a quoted field does not end")),
                }
            };
            field.push_str(before);
            match after.strip_prefix('"') {
                Some(rest) => {
                    field.push('"');
                    line = rest.to_owned();
                }
                None => return Ok((field, after.to_owned())),
            }
        }
    }

    fn damage(&self, problem: &str) -> Damage {
        Damage {
            line: self.line.saturating_sub(1),
            problem: problem.to_owned(),
        }
    }
}
