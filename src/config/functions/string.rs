//! Functions over text. Lengths and positions count grapheme clusters, what a reader takes for characters.

use unicode_segmentation::UnicodeSegmentation;

use crate::config::budget;
use crate::config::functions::args::{Outcome, at, items, refuse, strings, text, whole};
use crate::config::functions::{EagerBody, Function, FunctionError, Param, ParamType, re2};
use crate::config::number::Number;
use crate::config::types::Type;
use crate::config::value::{Part, Value};

const fn text_to_text(
    name: &'static str,
    summary: &'static str,
    example: (&'static str, &'static str),
    body: EagerBody,
) -> Function {
    Function::new(name, summary, example, &[STRING], ParamType::String, body)
}

const STRING: Param = Param::new("string", ParamType::String);
const PREFIX: Param = Param::new("prefix", ParamType::String);
const SUFFIX: Param = Param::new("suffix", ParamType::String);

/// This file's functions.
pub const TABLE: &[Function] = &[
    text_to_text(
        "chomp",
        "Text without the line breaks at its end.",
        (r#"chomp("hello\n")"#, r#""hello""#),
        |_, a| chomp(a),
    ),
    Function::new(
        "endswith",
        "Whether text ends with a suffix.",
        (r#"endswith("view-only", "only")"#, "true"),
        &[STRING, SUFFIX],
        ParamType::Bool,
        |_, a| endswith(a),
    ),
    Function::new(
        "indent",
        "Puts spaces before every line but the first.",
        (r#"indent(2, "a\nb")"#, r#""a\n  b""#),
        &[Param::new("spaces", ParamType::Number), STRING],
        ParamType::String,
        |_, a| indent(a),
    ),
    Function::new(
        "join",
        "The elements of lists as one text, with a separator between them.",
        (r#"join("-", ["a", "b"])"#, r#""a-b""#),
        &[Param::new("separator", ParamType::String).unknowable()],
        ParamType::String,
        |_, a| join(a),
    )
    .with_more(Param::new("lists", ParamType::List(&ParamType::String)).unknowable()),
    text_to_text(
        "lower",
        "Text in small letters.",
        (r#"lower("Ada")"#, r#""ada""#),
        |_, a| lower(a),
    ),
    Function::new(
        "parseint",
        "The whole number that text writes in a base from 2 to 62.",
        (r#"parseint("ff", 16)"#, "255"),
        &[
            Param::new("number", ParamType::Any),
            Param::new("base", ParamType::Number),
        ],
        ParamType::Number,
        |_, a| parseint(a),
    ),
    Function::new(
        "replace",
        "Text with every occurrence of a part replaced; a part between slashes is a regular expression.",
        (r#"replace("a.b", ".", "-")"#, r#""a-b""#),
        &[
            STRING,
            Param::new("substring", ParamType::String),
            Param::new("replacement", ParamType::String),
        ],
        ParamType::String,
        |_, a| replace(a),
    ),
    Function::new(
        "split",
        "The parts of text between separators.",
        (r#"split(",", "a,b")"#, r#"["a", "b"]"#),
        &[Param::new("separator", ParamType::String), STRING],
        ParamType::List(&ParamType::String),
        |_, a| split(a),
    ),
    Function::new(
        "startswith",
        "Whether text begins with a prefix.",
        (r#"startswith("view-only", "view")"#, "true"),
        &[STRING.unknowable(), PREFIX],
        ParamType::Bool,
        |_, a| startswith(a),
    ),
    Function::new(
        "strcontains",
        "Whether text contains another.",
        (r#"strcontains("view-only", "ew-")"#, "true"),
        &[STRING, Param::new("substring", ParamType::String)],
        ParamType::Bool,
        |_, a| strcontains(a),
    ),
    text_to_text(
        "strrev",
        "Text backwards, character by character.",
        (r#"strrev("abc")"#, r#""cba""#),
        |_, a| strrev(a),
    ),
    Function::new(
        "substr",
        "A part of text by position and length, in characters; a negative position counts from the end, a length of -1 is the rest.",
        (r#"substr("platform", 0, 4)"#, r#""plat""#),
        &[
            STRING,
            Param::new("offset", ParamType::Number),
            Param::new("length", ParamType::Number),
        ],
        ParamType::String,
        |_, a| substr(a),
    ),
    text_to_text(
        "title",
        "Text with the first letter of each word as a capital.",
        (r#"title("ada lovelace")"#, r#""Ada Lovelace""#),
        |_, a| title(a),
    ),
    Function::new(
        "trim",
        "Text without the given characters at its ends.",
        (r#"trim("?!hi?!", "!?")"#, r#""hi""#),
        &[STRING, Param::new("characters", ParamType::String)],
        ParamType::String,
        |_, a| trim(a),
    ),
    Function::new(
        "trimprefix",
        "Text without a prefix, if it has it.",
        (r#"trimprefix("aws-admin", "aws-")"#, r#""admin""#),
        &[STRING, PREFIX],
        ParamType::String,
        |_, a| trimprefix(a),
    ),
    text_to_text(
        "trimspace",
        "Text without white space at its ends.",
        (r#"trimspace("  hi\n")"#, r#""hi""#),
        |_, a| trimspace(a),
    ),
    Function::new(
        "trimsuffix",
        "Text without a suffix, if it has it.",
        (r#"trimsuffix("admin-prod", "-prod")"#, r#""admin""#),
        &[STRING, SUFFIX],
        ParamType::String,
        |_, a| trimsuffix(a),
    ),
    text_to_text(
        "upper",
        "Text in capital letters.",
        (r#"upper("ada")"#, r#""ADA""#),
        |_, a| upper(a),
    ),
];

fn upper(arguments: &[Value]) -> Outcome {
    let single = |c: char| one_to_one(c, c.to_uppercase());
    Ok(Value::string(
        text(arguments, 0)?.chars().map(single).collect::<String>(),
    ))
}

fn lower(arguments: &[Value]) -> Outcome {
    Ok(Value::string(
        text(arguments, 0)?.chars().map(lower_char).collect::<String>(),
    ))
}

fn lower_char(c: char) -> char {
    // The dotted capital I becomes a plain i, as one character for one.
    if c == 'İ' {
        'i'
    } else {
        one_to_one(c, c.to_lowercase())
    }
}

/// The changed character where that is one again; `ß` stays `ß`.
fn one_to_one(c: char, mut changed: impl Iterator<Item = char>) -> char {
    match (changed.next(), changed.next()) {
        (Some(single), None) => single,
        _ => c,
    }
}

fn title(arguments: &[Value]) -> Outcome {
    let mut inside = false;
    let mut out = String::new();
    for c in text(arguments, 0)?.chars() {
        out.push(if inside { c } else { title_char(c) });
        // Beyond ASCII only white space ends a word.
        inside = if c.is_ascii() {
            c.is_ascii_alphanumeric() || c == '_'
        } else {
            !c.is_whitespace()
        };
    }
    Ok(Value::string(out))
}

fn title_char(c: char) -> char {
    match c {
        // The digraphs have a form of their own for the beginning of a word.
        'Ǆ' | 'ǅ' | 'ǆ' => 'ǅ',
        'Ǉ' | 'ǈ' | 'ǉ' => 'ǈ',
        'Ǌ' | 'ǋ' | 'ǌ' => 'ǋ',
        'Ǳ' | 'ǲ' | 'ǳ' => 'ǲ',
        _ => one_to_one(c, c.to_uppercase()),
    }
}

fn chomp(arguments: &[Value]) -> Outcome {
    Ok(Value::string(text(arguments, 0)?.trim_end_matches(['\n', '\r'])))
}

fn trim(arguments: &[Value]) -> Outcome {
    let cut: Vec<char> = text(arguments, 1)?.chars().collect();
    Ok(Value::string(text(arguments, 0)?.trim_matches(cut.as_slice())))
}

fn trimprefix(arguments: &[Value]) -> Outcome {
    let whole = text(arguments, 0)?;
    Ok(Value::string(
        whole.strip_prefix(text(arguments, 1)?).unwrap_or(whole),
    ))
}

fn trimsuffix(arguments: &[Value]) -> Outcome {
    let whole = text(arguments, 0)?;
    Ok(Value::string(
        whole.strip_suffix(text(arguments, 1)?).unwrap_or(whole),
    ))
}

fn trimspace(arguments: &[Value]) -> Outcome {
    Ok(Value::string(text(arguments, 0)?.trim()))
}

fn startswith(arguments: &[Value]) -> Outcome {
    let prefix = text(arguments, 1)?;
    if let Some(parts) = at(arguments, 0).parts()
        && !at(arguments, 0).is_known()
    {
        // Text that begins with known characters answers as far as these go.
        return Ok(match parts.first() {
            Some(Part::Literal(known)) if known.starts_with(prefix) => Value::TRUE,
            Some(Part::Literal(known)) if !prefix.starts_with(known.as_ref()) => Value::FALSE,
            _ => Value::unknown(Type::Bool),
        });
    }
    if !at(arguments, 0).is_known() {
        return Ok(Value::unknown(Type::Bool));
    }
    Ok(Value::bool(text(arguments, 0)?.starts_with(prefix)))
}

fn endswith(arguments: &[Value]) -> Outcome {
    Ok(Value::bool(text(arguments, 0)?.ends_with(text(arguments, 1)?)))
}

fn strcontains(arguments: &[Value]) -> Outcome {
    Ok(Value::bool(text(arguments, 0)?.contains(text(arguments, 1)?)))
}

fn strrev(arguments: &[Value]) -> Outcome {
    Ok(Value::string(
        text(arguments, 0)?.graphemes(true).rev().collect::<String>(),
    ))
}

fn substr(arguments: &[Value]) -> Outcome {
    let whole_text = text(arguments, 0)?;
    let (offset, length) = (whole(arguments, 1)?, whole(arguments, 2)?);
    let skip = if offset < 0 {
        let count = i64::try_from(whole_text.graphemes(true).count()).unwrap_or(i64::MAX);
        (count + offset).max(0)
    } else {
        offset
    };
    let skip = usize::try_from(skip).unwrap_or(usize::MAX);
    // Any negative length means up to the end; so does 0 after a negative offset, in Terraform.
    let take = match length {
        0 if offset < 0 => usize::MAX,
        length => usize::try_from(length).unwrap_or(usize::MAX),
    };
    Ok(Value::string(
        whole_text
            .graphemes(true)
            .skip(skip)
            .take(take)
            .collect::<String>(),
    ))
}

fn indent(arguments: &[Value]) -> Outcome {
    let spaces = whole(arguments, 0)?;
    let Some(spaces) = usize::try_from(spaces).ok().filter(|spaces| *spaces <= 10_000) else {
        return refuse(
            0,
            format!("{spaces} spaces cannot be put before a line"),
            "use a number from 0 to 10000",
        );
    };
    let replacement = format!("\n{}", " ".repeat(spaces));
    let whole = text(arguments, 1)?;
    budget::more_text(whole.len(), whole.matches('\n').count().saturating_mul(spaces))?;
    Ok(Value::string(whole.replace('\n', &replacement)))
}

fn split(arguments: &[Value]) -> Outcome {
    let (separator, whole) = (text(arguments, 0)?, text(arguments, 1)?);
    if separator.is_empty() {
        return Ok(strings(whole.chars().map(String::from)));
    }
    Ok(strings(whole.split(separator)))
}

/// Joins lists of text; text that apply will learn stays a reference inside the result.
fn join(arguments: &[Value]) -> Outcome {
    if arguments.len() < 2 {
        return Err(
            FunctionError::new("it needs at least one list after the separator")
                .with_help("write join(\",\", list)"),
        );
    }
    let Some(separator) = at(arguments, 0).parts() else {
        return Ok(Value::unknown(Type::String));
    };
    let mut parts: Vec<Part> = Vec::new();
    let mut first = true;
    for index in 1..arguments.len() {
        if !at(arguments, index).is_known() {
            return Ok(Value::unknown(Type::String));
        }
        for (position, item) in items(arguments, index)?.iter().enumerate() {
            if item.is_null() {
                return refuse(
                    index,
                    format!("its element {position} is null, which cannot be joined"),
                    "use `compact` to drop nulls",
                );
            }
            let Some(more) = item.parts() else {
                return Ok(Value::unknown(Type::String));
            };
            if !first {
                parts.extend(separator.iter().cloned());
            }
            first = false;
            parts.extend(more);
        }
    }
    budget::parts(&parts)?;
    let literal = parts.iter().all(|part| matches!(part, Part::Literal(_)));
    if literal {
        let joined: String = parts
            .iter()
            .map(|part| match part {
                Part::Literal(text) => text.as_ref(),
                _ => "",
            })
            .collect();
        return Ok(Value::string(joined));
    }
    Ok(Value::template(parts))
}

fn replace(arguments: &[Value]) -> Outcome {
    let (whole, pattern, replacement) = (text(arguments, 0)?, text(arguments, 1)?, text(arguments, 2)?);
    let inner = pattern.strip_prefix('/').and_then(|rest| rest.strip_suffix('/'));
    let Some(expression) = inner else {
        let count = whole.matches(pattern).count();
        budget::more_text(whole.len(), count.saturating_mul(replacement.len()))?;
        return Ok(Value::string(whole.replace(pattern, replacement)));
    };
    let pattern = re2::compile(expression).or_else(|error| refuse(1, error.to_string(), re2::HELP))?;
    let mut out = String::new();
    let mut last = 0;
    for found in pattern.regex.captures_iter(whole) {
        let Some(all) = found.get(0) else {
            continue;
        };
        out.push_str(whole.get(last..all.start()).unwrap_or_default());
        // A reference to a group stands for as much as was matched at most.
        let most = replacement
            .len()
            .saturating_add(all.len().saturating_mul(replacement.matches('$').count()));
        budget::more_text(out.len(), most)?;
        expand(replacement, &found, &pattern, &mut out);
        last = all.end();
    }
    out.push_str(whole.get(last..).unwrap_or_default());
    Ok(Value::string(out))
}

/// Writes a replacement: `$1`, `${1}`, `$name` and `${name}` stand for groups, `$$` for one `$`.
fn expand(template: &str, found: &::regex::Captures<'_>, pattern: &re2::Pattern, out: &mut String) {
    let mut rest = template;
    while let Some(dollar) = rest.find('$') {
        out.push_str(rest.get(..dollar).unwrap_or_default());
        rest = rest.get(dollar + 1..).unwrap_or_default();
        if let Some(after) = rest.strip_prefix('$') {
            out.push('$');
            rest = after;
            continue;
        }
        let (name, after) = match rest.strip_prefix('{') {
            Some(inner) => inner.split_once('}').unwrap_or(("", rest)),
            None => {
                let end = rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(rest.len());
                rest.split_at(end)
            }
        };
        let valid = !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || c == '_');
        if !valid {
            out.push('$');
            continue;
        }
        rest = after;
        // A number with a leading zero is a name.
        let number = name
            .parse::<usize>()
            .ok()
            .filter(|_| name == "0" || !name.starts_with('0'));
        let group = match number {
            Some(index) => found.get(index),
            None => {
                let named = pattern
                    .groups
                    .iter()
                    .enumerate()
                    .filter(|(_, group)| group.as_deref() == Some(name));
                named.filter_map(|(index, _)| found.get(index + 1)).next_back()
            }
        };
        out.push_str(group.map_or("", |group| group.as_str()));
    }
    out.push_str(rest);
}

fn parseint(arguments: &[Value]) -> Outcome {
    let Some(digits) = at(arguments, 0).as_str() else {
        return refuse(0, "it is not text", "give the digits between quotes");
    };
    let base = whole(arguments, 1)?;
    let Some(base) = u32::try_from(base).ok().filter(|base| (2..=62).contains(base)) else {
        return refuse(
            1,
            format!("{base} is not a base from 2 to 62"),
            "use 10 for decimal, 16 for hexadecimal",
        );
    };
    let (negative, magnitude) = match digits.strip_prefix('-') {
        Some(rest) => (true, rest),
        None => (false, digits.strip_prefix('+').unwrap_or(digits)),
    };
    // Each digit goes through all those before it.
    budget::steps((magnitude.len() as u64).saturating_pow(2) / 1024)?;
    let mut total = dashu::integer::UBig::ZERO;
    for c in magnitude.chars() {
        let Some(digit) = digit_value(c, base) else {
            return refuse(
                0,
                format!("{digits:?} is not a whole number in base {base}"),
                "check its digits and the base",
            );
        };
        total = total * base + digit;
    }
    if magnitude.is_empty() {
        return refuse(
            0,
            format!("{digits:?} is not a whole number in base {base}"),
            "check its digits and the base",
        );
    }
    // Zero has no sign here: it is no result of arithmetic.
    let negative = negative && total != dashu::integer::UBig::ZERO;
    Ok(Value::number(Number::from_integer(negative, total)))
}

/// Small letters come before capital ones above base 36; below, they are the same.
fn digit_value(c: char, base: u32) -> Option<u32> {
    let value = match c {
        '0'..='9' => u32::from(c) - u32::from('0'),
        'a'..='z' => u32::from(c) - u32::from('a') + 10,
        'A'..='Z' if base <= 36 => u32::from(c) - u32::from('A') + 10,
        'A'..='Z' => u32::from(c) - u32::from('A') + 36,
        _ => return None,
    };
    (value < base).then_some(value)
}
