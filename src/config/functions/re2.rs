//! Regular expressions in the syntax that Terraform documents (RE2's, as Go accepts it), translated to the
//! `regex` crate, which matches the same family of expressions under a slightly different syntax.
//!
//! The differences: classes like `\w` and `\b` are ASCII; `[`, `&&` and `--` mean nothing special inside a
//! class; a brace that begins no repetition is itself; `\Q…\E` quotes; doubled repetitions, flags other than
//! `imsU` and unknown escapes are errors; and a group name may occur twice.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::iter::Peekable;
use std::rc::Rc;
use std::str::Chars;

use ::regex::Regex;

/// Why an expression is not one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct PatternError(String);

fn fail<T>(message: impl Into<String>) -> Result<T, PatternError> {
    Err(PatternError(message.into()))
}

/// A compiled expression and the names of its groups.
#[derive(Debug)]
pub struct Pattern {
    /// The compiled expression.
    pub regex: Regex,
    /// One entry per group from the first on: its name, if it has one.
    pub groups: Vec<Option<String>>,
}

/// Patterns kept per thread: a `for` over ten thousand rows compiles its pattern once.
const CACHED: usize = 64;

thread_local! {
    static CACHE: RefCell<BTreeMap<String, Rc<Pattern>>> = const { RefCell::new(BTreeMap::new()) };
}

/// Compiles an expression, or finds it among those compiled before.
///
/// # Errors
/// For what RE2 does not accept.
pub fn compile(text: &str) -> Result<Rc<Pattern>, PatternError> {
    if let Some(found) = CACHE.with_borrow(|cache| cache.get(text).cloned()) {
        return Ok(found);
    }
    let mut translate = Translate {
        input: text.chars().peekable(),
        out: String::new(),
        groups: Vec::new(),
        depth: 0,
    };
    translate.run()?;
    let regex = Regex::new(&translate.out).map_err(|error| {
        // The crate shows the pattern over several lines; the last one says what is wrong.
        let text = error.to_string();
        let reason = text
            .lines()
            .last()
            .unwrap_or_default()
            .trim_start_matches("error: ")
            .to_owned();
        PatternError(reason)
    })?;
    let pattern = Rc::new(Pattern {
        regex,
        groups: translate.groups,
    });
    CACHE.with_borrow_mut(|cache| {
        if cache.len() >= CACHED {
            cache.clear();
        }
        cache.insert(text.to_owned(), Rc::clone(&pattern));
    });
    Ok(pattern)
}

/// What to tell whoever wrote an expression that is not one.
pub const HELP: &str =
    "the syntax is RE2's: no look-around and no back-references; inside quotes, backslashes are doubled";

struct Translate<'a> {
    input: Peekable<Chars<'a>>,
    out: String,
    groups: Vec<Option<String>>,
    depth: usize,
}

impl Translate<'_> {
    fn run(&mut self) -> Result<(), PatternError> {
        // Whether something stands before that a repetition could repeat, and whether it is repeated already.
        let mut repeatable = false;
        let mut repeated = false;
        while let Some(c) = self.input.next() {
            match c {
                '*' | '+' | '?' => {
                    self.repetition(c, repeatable, &mut repeated)?;
                    continue;
                }
                '{' => {
                    if let Some(bounds) = self.bounds()? {
                        self.repetition_text(&bounds, repeatable, &mut repeated)?;
                        continue;
                    }
                    self.out.push_str("\\{");
                }
                '}' | ']' => self.push_literal(c),
                '(' => {
                    self.group()?;
                    repeatable = false;
                    repeated = false;
                    continue;
                }
                ')' => {
                    if self.depth == 0 {
                        return fail("there is a ')' without a '('");
                    }
                    self.depth -= 1;
                    self.out.push(')');
                }
                '|' => {
                    self.out.push('|');
                    repeatable = false;
                    repeated = false;
                    continue;
                }
                '[' => self.class()?,
                '\\' => self.escape(false)?,
                '^' | '$' | '.' => self.out.push(c),
                _ => self.push_literal(c),
            }
            repeatable = true;
            repeated = false;
        }
        if self.depth > 0 {
            return fail("a '(' has no closing ')'");
        }
        Ok(())
    }

    fn repetition(
        &mut self,
        operator: char,
        repeatable: bool,
        repeated: &mut bool,
    ) -> Result<(), PatternError> {
        self.repetition_text(&operator.to_string(), repeatable, repeated)
    }

    fn repetition_text(
        &mut self,
        operator: &str,
        repeatable: bool,
        repeated: &mut bool,
    ) -> Result<(), PatternError> {
        if !repeatable {
            return fail(format!("there is nothing before {operator:?} to repeat"));
        }
        if *repeated {
            return fail(format!("{operator:?} repeats what is repeated already"));
        }
        self.out.push_str(operator);
        if self.input.next_if_eq(&'?').is_some() {
            self.out.push('?');
        }
        *repeated = true;
        Ok(())
    }

    /// The rest of `{n}`, `{n,}` or `{n,m}`; nothing when the brace is only a brace.
    fn bounds(&mut self) -> Result<Option<String>, PatternError> {
        let mut ahead = self.input.clone();
        let mut text = String::from("{");
        loop {
            match ahead.next() {
                Some(c) if c.is_ascii_digit() || c == ',' => text.push(c),
                Some('}') => break,
                _ => return Ok(None),
            }
        }
        text.push('}');
        let inner = text.trim_matches(|c| c == '{' || c == '}');
        let (low, high) = inner.split_once(',').unwrap_or((inner, inner));
        if low.is_empty() || high.contains(',') {
            return Ok(None);
        }
        let low: u32 = low.parse().unwrap_or(u32::MAX);
        let high: u32 = if high.is_empty() {
            low
        } else {
            high.parse().unwrap_or(u32::MAX)
        };
        if low > 1_000 || high > 1_000 || low > high {
            return fail(format!("the count {text} is not in order or over 1000"));
        }
        self.input = ahead;
        Ok(Some(text))
    }

    fn group(&mut self) -> Result<(), PatternError> {
        self.depth += 1;
        self.out.push('(');
        if self.input.next_if_eq(&'?').is_none() {
            self.groups.push(None);
            return Ok(());
        }
        let mut flags = String::new();
        loop {
            match self.input.next() {
                Some('P') if flags.is_empty() => {
                    if self.input.next() != Some('<') {
                        return fail("\"(?P\" is followed by \"<name>\"");
                    }
                    return self.named();
                }
                Some('<') if flags.is_empty() => {
                    if matches!(self.input.peek(), Some('=' | '!')) {
                        return fail("look-behind is not supported");
                    }
                    return self.named();
                }
                Some('=' | '!') if flags.is_empty() => return fail("look-ahead is not supported"),
                Some(c @ ('i' | 'm' | 's' | 'U' | '-')) => flags.push(c),
                Some(end @ (':' | ')')) => {
                    if flags.ends_with('-') || flags.matches('-').count() > 1 {
                        return fail(format!("\"(?{flags}\" is not a group of flags"));
                    }
                    if flags.is_empty() && end == ')' {
                        // No flags at all change nothing, and the crate has no way to write that.
                        self.out.pop();
                        self.depth -= 1;
                        return Ok(());
                    }
                    self.out.push('?');
                    self.out.push_str(&flags);
                    self.out.push(end);
                    if end == ')' {
                        self.depth -= 1;
                    }
                    return Ok(());
                }
                Some(other) => {
                    return fail(format!(
                        "\"(?{flags}{other}\" is not supported; flags are i, m, s and U"
                    ));
                }
                None => return fail("a '(' has no closing ')'"),
            }
        }
    }

    fn named(&mut self) -> Result<(), PatternError> {
        let mut name = String::new();
        loop {
            match self.input.next() {
                Some('>') => break,
                Some(c) if c.is_ascii_alphanumeric() || c == '_' => name.push(c),
                _ => return fail("the name of a group is letters, digits and '_' between '<' and '>'"),
            }
        }
        if name.is_empty() {
            return fail("the name of a group is empty");
        }
        // Names stay here: the crate would refuse one that occurs twice or begins with a digit.
        self.groups.push(Some(name));
        Ok(())
    }

    fn class(&mut self) -> Result<(), PatternError> {
        self.out.push('[');
        if self.input.next_if_eq(&'^').is_some() {
            self.out.push('^');
        }
        let mut first = true;
        // The character that a following '-' would make a range from; none after a class or a range.
        let mut from: Option<char> = None;
        loop {
            let Some(c) = self.input.next() else {
                return fail("a '[' has no closing ']'");
            };
            match c {
                ']' if !first => break,
                '[' if self.input.peek() == Some(&':') => {
                    self.posix_class()?;
                    from = None;
                }
                '-' if !first && self.input.peek() != Some(&']') && from.is_some() => {
                    let low = from.take().unwrap_or_default();
                    let high = self.range_end()?;
                    if high < low {
                        return fail(format!("the range {low}-{high} is backwards"));
                    }
                    self.out.push('-');
                    self.push_literal(high);
                }
                '\\' => {
                    let start = self.out.len();
                    self.escape(true)?;
                    from = single_character(self.out.get(start..).unwrap_or_default());
                }
                _ => {
                    self.push_literal(c);
                    from = Some(c);
                }
            }
            first = false;
        }
        self.out.push(']');
        Ok(())
    }

    fn range_end(&mut self) -> Result<char, PatternError> {
        match self.input.next() {
            Some('\\') => {
                let start = self.out.len();
                self.escape(true)?;
                let text = self.out.split_off(start);
                single_character(&text)
                    .ok_or_else(|| PatternError("a range ends in a class of characters".to_owned()))
            }
            Some(c) => Ok(c),
            None => fail("a '[' has no closing ']'"),
        }
    }

    fn posix_class(&mut self) -> Result<(), PatternError> {
        let mut ahead = self.input.clone();
        ahead.next();
        let mut name = String::new();
        loop {
            match ahead.next() {
                Some(':') if ahead.peek() == Some(&']') => {
                    ahead.next();
                    break;
                }
                Some(c) if c.is_ascii_lowercase() || c == '^' => name.push(c),
                _ => {
                    // Not a class by name after all.
                    self.out.push_str("\\[");
                    return Ok(());
                }
            }
        }
        const NAMES: [&str; 14] = [
            "alnum", "alpha", "ascii", "blank", "cntrl", "digit", "graph", "lower", "print", "punct",
            "space", "upper", "word", "xdigit",
        ];
        if !NAMES.contains(&name.trim_start_matches('^')) {
            return fail(format!("[:{name}:] is not a class of characters"));
        }
        self.input = ahead;
        self.out.push_str(&format!("[:{name}:]"));
        Ok(())
    }

    fn escape(&mut self, in_class: bool) -> Result<(), PatternError> {
        let Some(c) = self.input.next() else {
            return fail("a '\\' at the end escapes nothing");
        };
        match c {
            'd' => self.out.push_str(if in_class { "0-9" } else { "[0-9]" }),
            'D' => self.out.push_str("[^0-9]"),
            's' => self.out.push_str(if in_class {
                "\\t\\n\\x0c\\r\\x20"
            } else {
                "[\\t\\n\\x0c\\r\\x20]"
            }),
            'S' => self.out.push_str("[^\\t\\n\\x0c\\r\\x20]"),
            'w' => self
                .out
                .push_str(if in_class { "0-9A-Za-z_" } else { "[0-9A-Za-z_]" }),
            'W' => self.out.push_str("[^0-9A-Za-z_]"),
            'b' if !in_class => self.out.push_str("(?-u:\\b)"),
            'B' if !in_class => self.out.push_str("(?-u:\\B)"),
            'A' if !in_class => self.out.push_str("\\A"),
            'z' if !in_class => self.out.push_str("\\z"),
            'Q' if !in_class => self.quoted(),
            'p' | 'P' => self.unicode_class(c)?,
            'a' => self.out.push_str("\\x07"),
            'f' => self.out.push_str("\\x0c"),
            'n' => self.out.push_str("\\n"),
            'r' => self.out.push_str("\\r"),
            't' => self.out.push_str("\\t"),
            'v' => self.out.push_str("\\x0b"),
            'x' => self.hexadecimal()?,
            '0'..='7' => self.octal(c)?,
            _ if c.is_ascii_punctuation() => self.push_literal(c),
            _ => return fail(format!("\\{c} is not an escape that is supported")),
        }
        Ok(())
    }

    fn quoted(&mut self) {
        while let Some(c) = self.input.next() {
            if c == '\\' && self.input.next_if_eq(&'E').is_some() {
                return;
            }
            self.push_literal(c);
        }
    }

    fn unicode_class(&mut self, kind: char) -> Result<(), PatternError> {
        let mut name = String::new();
        match self.input.next() {
            Some('{') => loop {
                match self.input.next() {
                    Some('}') => break,
                    Some(c) if c.is_ascii_alphanumeric() || c == '_' || (c == '^' && name.is_empty()) => {
                        name.push(c)
                    }
                    _ => {
                        return fail(format!(
                            "\\{kind} is followed by the name of a class between braces"
                        ));
                    }
                }
            },
            Some(c) if c.is_ascii_alphabetic() => name.push(c),
            _ => return fail(format!("\\{kind} is followed by the name of a class")),
        }
        let negated = (kind == 'P') != name.starts_with('^');
        let kind = if negated { 'P' } else { 'p' };
        self.out
            .push_str(&format!("\\{kind}{{{}}}", name.trim_start_matches('^')));
        Ok(())
    }

    fn hexadecimal(&mut self) -> Result<(), PatternError> {
        let mut digits = String::new();
        if self.input.next_if_eq(&'{').is_some() {
            loop {
                match self.input.next() {
                    Some('}') => break,
                    Some(c) if c.is_ascii_hexdigit() => digits.push(c),
                    _ => return fail("\\x{ is followed by hexadecimal digits and '}'"),
                }
            }
        } else {
            digits.extend(self.input.next());
            digits.extend(self.input.next());
        }
        self.push_code(u32::from_str_radix(&digits, 16).ok())
    }

    /// `\0` and `\012`, and `\101`: in RE2 a lone digit above zero would be a back-reference.
    fn octal(&mut self, first: char) -> Result<(), PatternError> {
        let mut digits = first.to_string();
        while digits.len() < 3 {
            match self.input.next_if(|c| ('0'..='7').contains(c)) {
                Some(c) => digits.push(c),
                None => break,
            }
        }
        if first != '0' && digits.len() == 1 {
            return fail(format!(
                "\\{first} would be a back-reference, which is not supported"
            ));
        }
        self.push_code(u32::from_str_radix(&digits, 8).ok())
    }

    fn push_code(&mut self, code: Option<u32>) -> Result<(), PatternError> {
        let Some(c) = code.and_then(char::from_u32) else {
            return fail("an escape names no character");
        };
        self.out.push_str(&format!("\\x{{{:x}}}", u32::from(c)));
        Ok(())
    }

    fn push_literal(&mut self, c: char) {
        // Only what has a meaning is escaped: `\<` would have one that `<` has not.
        if matches!(
            c,
            '!'..='/' | '[' | ']' | '^' | '{' | '}' | '|' | '\\' | '?' | '~'
        ) {
            self.out.push('\\');
        }
        self.out.push(c);
    }
}

/// The character that an escape already translated stands for, unless it is a class.
fn single_character(text: &str) -> Option<char> {
    if let Some(code) = text.strip_prefix("\\x") {
        let code = code.trim_start_matches('{').trim_end_matches('}');
        return u32::from_str_radix(code, 16).ok().and_then(char::from_u32);
    }
    match text {
        "\\n" => return Some('\n'),
        "\\r" => return Some('\r'),
        "\\t" => return Some('\t'),
        _ => {}
    }
    let rest = text.strip_prefix('\\')?;
    let mut chars = rest.chars();
    let c = chars.next()?;
    (c.is_ascii_punctuation() && chars.next().is_none()).then_some(c)
}
