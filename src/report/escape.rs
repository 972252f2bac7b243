//! Names from outside, made safe to show: control and direction characters are
//! escaped, look-alike letters are pointed out.
//!
//! Names of groups, users, accounts and units are chosen by other people and
//! directories. A name must not be able to move the cursor, hide text or pass
//! for another one in a plan that somebody approves.

use std::borrow::Cow;
use std::fmt::Write as _;

use crate::model::likeness::is_confusable;

/// The text with every control, direction and invisible character written as an escape (`\n`, `\u{202e}`).
pub fn escape(text: &str) -> Cow<'_, str> {
    escape_where(text, |c| is_dangerous(c) || c == '\n' || c == '\t')
}

/// As [`escape`], but line breaks and tabs stay: for texts of several lines of our own making.
pub fn escape_lines(text: &str) -> Cow<'_, str> {
    escape_where(text, |c| is_dangerous(c) && c != '\n' && c != '\t')
}

/// A name from outside: escaped, and followed by a remark when letters in it look like others.
pub fn name(text: &str) -> Cow<'_, str> {
    let Some(found) = look_alikes(text) else {
        return escape(text);
    };
    let mut out = escape(text).into_owned();
    out.push_str(" (look-alike characters:");
    for (index, c) in found.iter().enumerate() {
        let comma = if index == 0 { "" } else { "," };
        let _ = write!(out, "{comma} {c} U+{:04X}", u32::from(*c));
    }
    out.push(')');
    Cow::Owned(out)
}

/// Letters of other scripts that pass for Latin ones, in a text that also has Latin letters; letters of
/// "full-width" and "mathematical" alphabets in any text. `None` when there are none.
pub fn look_alikes(text: &str) -> Option<Vec<char>> {
    if text.is_ascii() {
        return None;
    }
    let latin = text.chars().any(|c| c.is_ascii_alphabetic());
    let mut found: Vec<char> = text
        .chars()
        .filter(|c| is_disguised(*c) || (latin && is_confusable(*c)))
        .collect();
    found.sort_unstable();
    found.dedup();
    (!found.is_empty()).then_some(found)
}

fn escape_where(text: &str, dangerous: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.chars().any(&dangerous) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            c if !dangerous(c) => out.push(c),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
        }
    }
    Cow::Owned(out)
}

/// Control characters, and those of Unicode's category Cf that are invisible or change the direction of text.
fn is_dangerous(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{ad}'
                | '\u{61c}'
                | '\u{180e}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{3164}'
                | '\u{fe00}'..='\u{fe0f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
                | '\u{e0000}'..='\u{e007f}'
        )
}

/// Whole alphabets that only differ from Latin in their looks.
fn is_disguised(c: char) -> bool {
    matches!(c, '\u{ff01}'..='\u{ff5e}' | '\u{1d400}'..='\u{1d7ff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_could_fool_a_terminal_or_a_reader_is_spelled_out() {
        assert_eq!(escape("plain zwölf"), "plain zwölf");
        assert_eq!(escape("a\u{1b}[2Jb\n"), "a\\u{1b}[2Jb\\n");
        assert_eq!(escape("nimda\u{202e}"), "nimda\\u{202e}");
        assert_eq!(escape_lines("a\nb\r"), "a\nb\\r");
    }

    #[test]
    fn a_foreign_letter_among_latin_ones_is_pointed_out() {
        assert_eq!(
            name("\u{430}dmin"),
            "\u{430}dmin (look-alike characters: \u{430} U+0430)"
        );
        assert_eq!(name("Аудит"), "Аудит");
        assert_eq!(name("Überprüfung"), "Überprüfung");
        assert!(look_alikes("ａdmin").is_some());
    }
}
