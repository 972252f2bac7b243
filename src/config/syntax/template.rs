//! Templates: unescaping, trim markers, the dedent of `<<-`, and the nesting of directives.
//!
//! The order matters and is HCL's: a text is a flat run of tokens, a heredoc's text one token per line; a `~`
//! trims the one token next to it; `<<-` then removes the smallest indent that any line begins with.

use std::sync::Arc;

use crate::config::syntax::{Expr, Part};

/// A piece of a template before its directives are nested. `before` and `after`: has a `~` on that side.
#[derive(Debug)]
pub(super) enum Token {
    Literal(String),
    Interpolation(Expr),
    If(Expr),
    Else,
    EndIf,
    For(Option<Arc<str>>, Arc<str>, Expr),
    EndFor,
}

/// A token with its trim markers.
#[derive(Debug)]
pub(super) struct Marked {
    pub token: Token,
    pub before: bool,
    pub after: bool,
}

impl Marked {
    pub(super) fn literal(text: String) -> Self {
        Marked {
            token: Token::Literal(text),
            before: false,
            after: false,
        }
    }
}

/// Trims, dedents if told, and nests.
pub(super) fn build(mut tokens: Vec<Marked>, dedent: bool) -> Vec<Part> {
    trim(&mut tokens);
    if dedent {
        remove_indent(&mut tokens);
    }
    let mut tokens = tokens.into_iter().map(|marked| marked.token);
    nest(&mut tokens).0
}

/// Splits text into lines, each with its line break.
pub(super) fn lines(text: &str) -> impl Iterator<Item = &str> {
    text.split_inclusive('\n')
}

/// Resolves `$${` and `%%{`, and in quoted text the backslash escapes.
pub(super) fn unescape(text: &str, quoted: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        if rest.starts_with("$${") || rest.starts_with("%%{") {
            out.push(c);
            out.push('{');
            rest = rest.get(3..).unwrap_or("");
            continue;
        }
        rest = rest.get(c.len_utf8()..).unwrap_or("");
        if c != '\\' || !quoted {
            out.push(c);
            continue;
        }
        let escape = rest.chars().next().unwrap_or('\\');
        rest = rest.get(escape.len_utf8()..).unwrap_or("");
        match escape {
            'n' => out.push('\n'),
            'r' => out.push('\r'),
            't' => out.push('\t'),
            'u' | 'U' => {
                let length = if escape == 'u' { 4 } else { 8 };
                let digits = rest.get(..length).unwrap_or(rest);
                let code = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
                out.push(code.unwrap_or(char::REPLACEMENT_CHARACTER));
                rest = rest.get(digits.len()..).unwrap_or("");
            }
            other => out.push(other),
        }
    }
    out
}

fn trim(tokens: &mut [Marked]) {
    for index in 0..tokens.len() {
        let Some(marked) = tokens.get(index) else { continue };
        let (before, after) = (marked.before, marked.after);
        if before
            && let Some(previous) = index.checked_sub(1).and_then(|at| tokens.get_mut(at))
            && let Token::Literal(text) = &mut previous.token
        {
            text.truncate(text.trim_end().len());
        }
        if after
            && let Some(next) = tokens.get_mut(index + 1)
            && let Token::Literal(text) = &mut next.token
        {
            *text = text.trim_start().to_owned();
        }
    }
}

fn remove_indent(tokens: &mut [Marked]) {
    let mut smallest = usize::MAX;
    let mut indented: Vec<usize> = Vec::new();
    let mut line_start = true;
    for (index, marked) in tokens.iter().enumerate() {
        let literal = match &marked.token {
            Token::Literal(text) => Some(text),
            _ => None,
        };
        if line_start {
            line_start = false;
            let spaces = match literal {
                Some(text) if text.trim_start().is_empty() && text.ends_with('\n') => usize::MAX,
                Some(text) => {
                    indented.push(index);
                    let indent = text.len() - text.trim_start().len();
                    text.get(..indent).unwrap_or("").chars().count()
                }
                None => 0,
            };
            smallest = smallest.min(spaces);
        }
        line_start |= literal.is_some_and(|text| text.ends_with('\n'));
    }
    for index in indented {
        if let Some(marked) = tokens.get_mut(index)
            && let Token::Literal(text) = &mut marked.token
        {
            *text = text.chars().skip(smallest).collect();
        }
    }
}

/// Nests up to the end or to the directive that ends the surrounding one, which is returned.
fn nest(tokens: &mut dyn Iterator<Item = Token>) -> (Vec<Part>, Option<Token>) {
    let mut parts: Vec<Part> = Vec::new();
    // Lines of a heredoc are tokens of their own, of which there may be very many.
    let mut known = String::new();
    while let Some(token) = tokens.next() {
        if let Token::Literal(text) = &token {
            known.push_str(text);
            continue;
        }
        if !known.is_empty() {
            parts.push(Part::Literal(std::mem::take(&mut known).into()));
        }
        match token {
            Token::Literal(_) => {}
            Token::Interpolation(expr) => parts.push(Part::Interpolation(expr)),
            Token::If(condition) => {
                let (then, end) = nest(tokens);
                let otherwise = match end {
                    Some(Token::Else) => nest(tokens).0,
                    _ => Vec::new(),
                };
                parts.push(Part::If {
                    condition,
                    then,
                    otherwise,
                });
            }
            Token::For(key, value, collection) => {
                let (body, _) = nest(tokens);
                parts.push(Part::For {
                    key,
                    value,
                    collection,
                    body,
                });
            }
            end @ (Token::Else | Token::EndIf | Token::EndFor) => return (parts, Some(end)),
        }
    }
    if !known.is_empty() {
        parts.push(Part::Literal(known.into()));
    }
    (parts, None)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(tokens: Vec<Marked>) -> String {
        match build(tokens, true).as_slice() {
            [Part::Literal(text)] => text.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_smallest_indent_goes_and_blank_lines_do_not_count() {
        let source = "    a\n\n      b\n    c\n";
        let tokens = lines(source)
            .map(|line| Marked::literal(line.to_owned()))
            .collect();
        assert_eq!(text(tokens), "a\n\n  b\nc\n");
    }

    #[test]
    fn escapes() {
        assert_eq!(unescape(r#"a\n\"\u00e9$${x}\\"#, true), "a\n\"\u{e9}${x}\\");
        assert_eq!(unescape(r"a\n%%{x}", false), r"a\n%{x}");
    }
}
