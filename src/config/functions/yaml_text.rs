//! `yamlencode`: block style, text between double quotes, text of several lines as a literal block where the
//! format allows it.

use crate::config::budget;
use crate::config::functions::FunctionError;
use crate::config::functions::args::refuse;
use crate::config::functions::yaml::entity_in;
use crate::config::value::{Data, Value};

/// Lines are folded at the first space past this column.
const WIDTH: usize = 80;
/// Keys longer than this are written with a `?`.
const SIMPLE_KEY: usize = 128;

/// YAML text of a known value.
///
/// # Errors
/// For entities and infinite numbers, which YAML text cannot hold.
pub fn encode(value: &Value) -> Result<String, FunctionError> {
    if let Some(name) = entity_in(value) {
        return refuse(
            0,
            format!("{name} is an entity, which YAML cannot hold"),
            format!("name the attribute you mean, such as {name}.name"),
        );
    }
    let mut out = Writer { text: String::new() };
    out.inline(value, 0);
    out.end_line();
    if matches!(value.data(), Data::Null(_) | Data::Bool(_) | Data::Number(_)) {
        // A plain scalar alone has to be ended explicitly.
        out.text.push_str("...\n");
    }
    Ok(out.text)
}

struct Writer {
    text: String,
}

impl Writer {
    fn end_line(&mut self) {
        if !self.text.ends_with('\n') {
            self.text.push('\n');
        }
    }

    fn line(&mut self, indent: usize) {
        if !self.text.is_empty() {
            self.end_line();
        }
        self.text.push_str(&" ".repeat(indent));
    }

    fn column(&self) -> usize {
        self.text.chars().rev().take_while(|c| *c != '\n').count()
    }

    /// A value whose first line goes on here; further lines of collections stand at `indent`.
    fn inline(&mut self, value: &Value, indent: usize) {
        // It is refused for its length.
        if budget::is_too_long(self.text.len()) {
            return;
        }
        if let Some(fields) = value.fields().filter(|fields| !fields.is_empty()) {
            for (position, (key, item)) in fields.iter().enumerate() {
                if position > 0 {
                    self.line(indent);
                }
                self.entry(key, item, indent);
            }
        } else if value.elements().is_some_and(|items| !items.is_empty()) {
            for (position, item) in value.children().enumerate() {
                if position > 0 {
                    self.line(indent);
                }
                self.text.push_str("- ");
                self.inline(item, indent + 2);
            }
        } else {
            // Text is indented below what it belongs to, and so is text that stands alone.
            self.scalar(value, indent.max(2));
        }
    }

    fn entry(&mut self, key: &str, value: &Value, indent: usize) {
        if key.len() > SIMPLE_KEY || key.contains(['\n', '\r', '\u{85}', '\u{2028}', '\u{2029}']) {
            self.text.push_str("? ");
            self.string(key, indent + 2);
            self.line(indent);
            self.text.push_str(": ");
            self.inline(value, indent + 2);
            return;
        }
        self.quoted(key, None);
        self.text.push(':');
        if value.fields().is_some_and(|fields| !fields.is_empty()) {
            self.line(indent + 2);
            self.inline(value, indent + 2);
        } else if value.elements().is_some_and(|items| !items.is_empty()) {
            // A list is not indented below its key.
            self.line(indent);
            self.inline(value, indent);
        } else {
            self.text.push(' ');
            self.scalar(value, indent + 2);
        }
    }

    fn scalar(&mut self, value: &Value, indent: usize) {
        match value.data() {
            Data::Bool(flag) => self.text.push_str(if *flag { "true" } else { "false" }),
            Data::Number(number) => self.text.push_str(&number.to_string()),
            Data::String(text) => self.string(text, indent),
            Data::Map(_) | Data::Object(_) => self.text.push_str("{}"),
            Data::List(_) | Data::Set(_) | Data::Tuple(_) => self.text.push_str("[]"),
            Data::Null(_) | Data::Entity(_) | Data::Unknown(_) => self.text.push_str("null"),
        }
    }

    fn string(&mut self, text: &str, indent: usize) {
        let block = text.contains('\n')
            && text.chars().all(|c| c == '\n' || is_printable(c))
            && !text.contains(" \n")
            && !text.ends_with(' ');
        if block {
            self.literal(text, indent)
        } else {
            self.quoted(text, Some(indent))
        }
    }

    fn literal(&mut self, text: &str, indent: usize) {
        self.text.push('|');
        if text.starts_with([' ', '\n']) {
            // Where the first line does not show it, the indentation is said.
            self.text.push('2');
        }
        match text.strip_suffix('\n') {
            None => self.text.push('-'),
            Some(rest) if rest.is_empty() || rest.ends_with('\n') => self.text.push('+'),
            Some(_) => {}
        }
        self.text.push('\n');
        let body = text.strip_suffix('\n').unwrap_or(text);
        for line in body.split('\n') {
            if !line.is_empty() {
                self.text.push_str(&" ".repeat(indent));
                self.text.push_str(line);
            }
            self.text.push('\n');
        }
    }

    /// Text between double quotes, folded at spaces with the next line at `fold`, if that is given.
    fn quoted(&mut self, text: &str, fold: Option<usize>) {
        self.text.push('"');
        let mut column = self.column();
        let mut after_space = false;
        let mut chars = text.chars().peekable();
        let mut first = true;
        while let Some(c) = chars.next() {
            let folds = fold
                .filter(|_| c == ' ' && !after_space && column > WIDTH && !first && chars.peek().is_some());
            if let Some(indent) = folds {
                self.text.push('\n');
                self.text.push_str(&" ".repeat(indent));
                column = indent;
                if chars.peek() == Some(&' ') {
                    self.text.push('\\');
                    column += 1;
                }
            } else {
                let before = self.text.len();
                push_escaped(c, &mut self.text);
                column += self.text.get(before..).map_or(0, |added| added.chars().count());
            }
            after_space = c == ' ';
            first = false;
        }
        self.text.push('"');
    }
}

fn push_escaped(c: char, out: &mut String) {
    let letter = match c {
        '"' => '"',
        '\\' => '\\',
        '\0' => '0',
        '\u{7}' => 'a',
        '\u{8}' => 'b',
        '\t' => 't',
        '\n' => 'n',
        '\u{b}' => 'v',
        '\u{c}' => 'f',
        '\r' => 'r',
        '\u{1b}' => 'e',
        '\u{85}' => 'N',
        '\u{2028}' => 'L',
        '\u{2029}' => 'P',
        _ if is_printable(c) => {
            out.push(c);
            return;
        }
        _ => {
            let code = u32::from(c);
            out.push_str(&match code {
                0..=0xff => format!("\\x{code:02X}"),
                0x100..=0xffff => format!("\\u{code:04X}"),
                _ => format!("\\U{code:08X}"),
            });
            return;
        }
    };
    out.push('\\');
    out.push(letter);
}

/// What is written as it is: no controls, no separators of lines, nothing beyond the basic plane.
fn is_printable(c: char) -> bool {
    match c {
        ' '..='~' => true,
        '\u{2028}' | '\u{2029}' | '\u{feff}' => false,
        '\u{a0}'..='\u{fffd}' => true,
        _ => false,
    }
}
