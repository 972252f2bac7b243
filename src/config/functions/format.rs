//! `format` and `formatlist`: text with verbs, in the way of C's `printf` and Go's `fmt`.

use unicode_segmentation::UnicodeSegmentation;

use crate::config::budget;
use crate::config::convert::convert;
use crate::config::functions::args::{Outcome, text};
use crate::config::functions::decimal::{self, Style};
use crate::config::functions::{Function, FunctionError, Param, ParamType, json};
use crate::config::types::Type;
use crate::config::value::{Data, Part, Value};

const ARGUMENT: Param = Param::new("values", ParamType::Any).nullable().unknowable();

/// This file's functions.
pub const TABLE: &[Function] = &[
    Function::new("format", "Text with values in the place of verbs: %s text, %d whole numbers, %f fractions, %q quoted, %t bools, %v anything.", (r#"format("%s-%03d", "node", 7)"#, r#""node-007""#), &[Param::new("format", ParamType::String)], ParamType::String, |_, a| format(a)).with_more(ARGUMENT),
    Function::new("formatlist", "`format` for each element of the lists given; other arguments stand for every element.", (r#"formatlist("%s@example.com", ["ada", "bob"])"#, r#"["ada@example.com", "bob@example.com"]"#), &[Param::new("format", ParamType::String)], ParamType::List(&ParamType::String), |_, a| formatlist(a)).with_more(ARGUMENT),
];

fn format(arguments: &[Value]) -> Outcome {
    let rest = arguments.get(1..).unwrap_or_default();
    if rest
        .iter()
        .any(|value| !value.is_known() && value.parts().is_none())
    {
        return Ok(Value::unknown(Type::String));
    }
    render(text(arguments, 0)?, rest)
}

fn formatlist(arguments: &[Value]) -> Outcome {
    let pattern = text(arguments, 0)?;
    let rest = arguments.get(1..).unwrap_or_default();
    let is_list = |value: &Value| {
        matches!(value.ty(), Type::List(_) | Type::Set(_) | Type::Tuple(_)) && !value.is_null()
    };
    if rest.iter().any(|value| is_list(value) && !value.is_known()) {
        return Ok(Value::unknown(Type::list(Type::String)));
    }
    // How many rows, and which argument said so.
    let mut rows: Option<(usize, usize)> = None;
    for (index, value) in rest.iter().enumerate().filter(|(_, value)| is_list(value)) {
        let count = value.children().count();
        match rows {
            Some((before, first)) if before != count => {
                let message = format!("it has {count} elements, and argument {} has {before}", first + 1);
                return Err(FunctionError::argument(index + 1, message).with_help("give lists of one length"));
            }
            Some(_) => {}
            None => rows = Some((count, index + 1)),
        }
    }
    let count = rows.map_or(1, |(count, _)| count);
    let mut out = Vec::with_capacity(count);
    for row in 0..count {
        let pick = |value: &Value| match value.elements().filter(|_| is_list(value)) {
            Some(items) => items.get(row).cloned().unwrap_or(Value::NULL),
            None => value.clone(),
        };
        let picked: Vec<Value> = rest.iter().map(pick).collect();
        let known = picked
            .iter()
            .all(|value| value.is_known() || value.parts().is_some());
        let text = if known {
            render(pattern, &picked).map_err(|mut error| {
                error.message = format!("for element {row}: {}", error.message);
                error
            })?
        } else {
            Value::unknown(Type::String)
        };
        budget::kept(&text)?;
        out.push(text);
    }
    Ok(Value::list(Type::String, out))
}

/// One verb with what stands between it and its `%`.
struct Verb {
    /// As written, for messages.
    text: String,
    letter: char,
    style: Style,
    /// The argument, from 0.
    argument: usize,
}

enum Piece {
    Literal(String),
    Verb(Verb),
}

fn render(pattern: &str, arguments: &[Value]) -> Outcome {
    let pieces = parse(pattern)?;
    let mut parts: Vec<Part> = Vec::new();
    let mut used = 0;
    let mut length = 0;
    for piece in pieces {
        let before = parts.len();
        match piece {
            Piece::Literal(text) => parts.push(Part::Literal(text.into())),
            Piece::Verb(verb) => {
                let Some(value) = arguments.get(verb.argument) else {
                    let message = format!(
                        "{:?} takes argument {}, and there are {}",
                        verb.text,
                        verb.argument + 1,
                        arguments.len()
                    );
                    return Err(FunctionError::argument(0, message)
                        .with_help("give one argument per verb; %% writes a percent sign"));
                };
                used = used.max(verb.argument + 1);
                match write(&verb, value)? {
                    Some(more) => parts.extend(more),
                    None => return Ok(Value::unknown(Type::String)),
                }
            }
        }
        for part in parts.iter().skip(before) {
            if let Part::Literal(text) = part {
                budget::more_text(length, text.len())?;
                length += text.len();
            }
        }
    }
    if used < arguments.len() {
        let message = format!("the format uses only {used} of {} arguments", arguments.len());
        return Err(FunctionError::argument(used + 1, message)
            .with_help("add a verb such as %s for it, or leave it out"));
    }
    Ok(Value::template(parts))
}

fn parse(pattern: &str) -> Result<Vec<Piece>, FunctionError> {
    let mut pieces = Vec::new();
    let mut next = 0;
    let mut rest = pattern;
    while let Some(percent) = rest.find('%') {
        let (literal, verb) = rest.split_at(percent);
        pieces.push(Piece::Literal(literal.to_owned()));
        if let Some(after) = verb.strip_prefix("%%") {
            pieces.push(Piece::Literal("%".to_owned()));
            rest = after;
            continue;
        }
        let (verb, after) = parse_verb(verb, next)?;
        next = verb.argument + 1;
        pieces.push(Piece::Verb(verb));
        rest = after;
    }
    pieces.push(Piece::Literal(rest.to_owned()));
    Ok(pieces)
}

/// Reads `%[index]flags width .precision letter`, or with the flags and the width before the index.
fn parse_verb(text: &str, next: usize) -> Result<(Verb, &str), FunctionError> {
    let problem = |message: String| {
        FunctionError::argument(0, message)
            .with_help("verbs are %s %d %f %e %g %b %o %x %q %t %v; %% writes a percent sign")
    };
    let mut style = Style::default();
    let mut rest = text.get(1..).unwrap_or_default();
    loop {
        match rest.bytes().next() {
            Some(b'+') => style.plus = true,
            Some(b'-') => style.left = true,
            Some(b' ') => style.space = true,
            Some(b'0') => style.zero = true,
            Some(b'#') => style.sharp = true,
            _ => break,
        }
        rest = rest.get(1..).unwrap_or_default();
    }
    let mut argument = next;
    if !rest.starts_with('[') {
        (style.width, rest) = digits(rest).unwrap_or((0, rest));
        if let Some(after) = rest.strip_prefix('.') {
            let (precision, after) = digits(after).unwrap_or((0, after));
            style.precision = Some(precision);
            rest = after;
        }
    }
    if let Some(after) = rest.strip_prefix('[') {
        let found = digits(after).filter(|(index, _)| *index > 0 && !after.starts_with('0'));
        let Some((index, after)) = found.and_then(|(index, after)| Some((index, after.strip_prefix(']')?)))
        else {
            return Err(problem(format!(
                "{text:?} has no argument number, from 1, between its brackets"
            )));
        };
        argument = index - 1;
        rest = after;
    }
    let Some(letter) = rest.chars().next() else {
        return Err(problem(format!("the verb {text:?} is not complete")));
    };
    let after = rest.get(letter.len_utf8()..).unwrap_or_default();
    let shown = text.get(..text.len() - after.len()).unwrap_or(text).to_owned();
    if letter.is_ascii_digit() {
        return Err(problem(format!(
            "the width or precision in {text:?} is beyond {MOST_WIDE}"
        )));
    }
    if !"vtbdoxXeEfgGsq".contains(letter) {
        return Err(problem(format!("{shown:?} is not a verb")));
    }
    Ok((
        Verb {
            text: shown,
            letter,
            style,
            argument,
        },
        after,
    ))
}

/// Wider than this is a mistake, and would only fill memory.
const MOST_WIDE: usize = 100_000;

fn digits(text: &str) -> Option<(usize, &str)> {
    let end = text.bytes().take_while(u8::is_ascii_digit).count();
    let (digits, rest) = text.split_at_checked(end)?;
    let number = digits.parse().ok().filter(|number| *number <= MOST_WIDE)?;
    Some((number, rest))
}

/// The text for one value; `None` when it is not known.
fn write(verb: &Verb, value: &Value) -> Result<Option<Vec<Part>>, FunctionError> {
    let index = verb.argument + 1;
    let refuse =
        |message: String| Err(FunctionError::argument(index, message).with_help("%v takes anything"));
    if verb.letter == 'v' {
        return any(verb, value);
    }
    if value.is_null() {
        return refuse(format!("it is null, which {:?} cannot write", verb.text));
    }
    let wanted = match verb.letter {
        's' | 'q' => Type::String,
        't' => Type::Bool,
        _ => Type::Number,
    };
    if !value.is_known() && wanted != Type::String {
        return Ok(None);
    }
    let converted = match convert(value, &wanted) {
        Ok(converted) => converted,
        Err(_) if !value.is_wholly_known() => return Ok(None),
        Err(error) => return refuse(format!("{:?} cannot write it: {error}", verb.text)),
    };
    let text = match converted.data() {
        Data::String(text) if verb.letter == 's' => pad_text(text, &verb.style),
        Data::String(text) => {
            let mut quoted = String::from("\"");
            json::escape(text, &mut quoted);
            quoted.push('"');
            pad_text(
                &quoted,
                &Style {
                    precision: None,
                    ..verb.style
                },
            )
        }
        Data::Bool(flag) => flag.to_string(),
        Data::Number(number) if matches!(verb.letter, 'e' | 'E' | 'f' | 'g' | 'G') => {
            decimal::float(number, verb.letter, &verb.style)
        }
        Data::Number(number) => match number.to_integer() {
            Some((negative, magnitude)) => decimal::whole(negative, &magnitude, verb.letter, &verb.style),
            None => {
                return refuse(format!(
                    "{number} is not a whole number, and {:?} takes one",
                    verb.text
                ));
            }
        },
        _ if verb.text == "%s" => return Ok(converted.parts()),
        _ => return Ok(None),
    };
    Ok(Some(vec![Part::Literal(text.into())]))
}

/// `%v`: text as it is, numbers as `%g`, everything else as JSON; `%#v` is JSON throughout.
fn any(verb: &Verb, value: &Value) -> Result<Option<Vec<Part>>, FunctionError> {
    let plain = Style {
        plus: false,
        space: false,
        sharp: false,
        precision: None,
        ..verb.style
    };
    let text = match value.data() {
        Data::Unknown(_) if verb.text == "%v" => return Ok(value.parts()),
        Data::Unknown(_) => return Ok(None),
        Data::String(text) if !verb.style.sharp => pad_text(text, &plain),
        Data::Number(number) if !verb.style.sharp => decimal::float(number, 'g', &plain),
        Data::Bool(flag) => pad_text(&flag.to_string(), &plain),
        Data::Null(_) => pad_text("null", &plain),
        _ => {
            let encoded = json::encode(value).map_err(|mut error| {
                error.argument = Some(verb.argument + 1);
                error
            })?;
            match encoded.as_str() {
                Some(text) => pad_text(text, &plain),
                None if plain.width == 0 => return Ok(encoded.parts()),
                None => return Ok(None),
            }
        }
    };
    Ok(Some(vec![Part::Literal(text.into())]))
}

/// Cuts to the precision and fills to the width, both in characters as a reader counts them.
fn pad_text(text: &str, style: &Style) -> String {
    let cut: String = match style.precision {
        // A precision of nothing, as in `%.s`, does not cut.
        Some(limit) if limit > 0 => text.graphemes(true).take(limit).collect(),
        _ => text.to_owned(),
    };
    let missing = style.width.saturating_sub(cut.graphemes(true).count());
    if style.left {
        format!("{cut}{}", " ".repeat(missing))
    } else {
        let filler = if style.zero { "0" } else { " " };
        format!("{}{cut}", filler.repeat(missing))
    }
}
