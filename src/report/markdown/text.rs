//! Text from outside as Markdown that shows it and does nothing else.
//!
//! Names of groups, people and accounts, reasons, file names: all are chosen by others, and a pull request of a
//! stranger chooses the configuration too. One rule keeps them harmless: **they stand in code spans**. There neither
//! Markdown, HTML nor what GitHub and GitLab make of mentions, issue numbers, commits, addresses and emoji means
//! anything. Sentences of rolecall that carry such names keep their plain words; every other word goes into a span.

use std::borrow::Cow;

use crate::report::escape;
use crate::report::wording::number;

/// A text from outside as a code span, with control and direction characters spelled out.
pub fn code(text: &str) -> String {
    span(&escape::escape(text))
}

/// A name as a code span; look-alike letters in it are pointed out behind it.
pub fn name(text: &str) -> String {
    let mut out = code(text);
    if let Some(found) = escape::look_alikes(text) {
        let found: Vec<String> = found
            .iter()
            .map(|c| format!("`{c}` U+{:04X}", u32::from(*c)))
            .collect();
        out.push_str(&format!(" (**look-alike characters**: {})", found.join(", ")));
    }
    out
}

/// The first names of a list and how many more there are; all where at most one would be left out.
pub fn some_of<T: AsRef<str>>(names: impl IntoIterator<Item = T>, total: u64, most: usize) -> String {
    let shown = if total <= most as u64 + 1 { most + 1 } else { most };
    let names: Vec<String> = names
        .into_iter()
        .take(shown)
        .map(|text| name(text.as_ref()))
        .collect();
    let rest = total.saturating_sub(names.len() as u64);
    match (names.is_empty(), rest) {
        (true, _) => number(total),
        (false, 0) => names.join(", "),
        (false, rest) => format!("{} … {} more", names.join(", "), number(rest)),
    }
}

/// A sentence of rolecall's with names in it. What stands between backticks, and every word that is more than letters
/// and digits, becomes a code span.
pub fn sentence(text: &str) -> String {
    let text = escape::escape(text);
    let parts: Vec<&str> = text.split('`').collect();
    let last = parts.len() - 1;
    let mut out = String::with_capacity(text.len() + 16);
    for (index, part) in parts.iter().enumerate() {
        match index {
            index if index % 2 == 0 => plain(part, &mut out),
            index if index == last => plain(&format!("`{part}"), &mut out),
            _ => out.push_str(&span(part)),
        }
    }
    out
}

/// A text cut to a number of characters; that it was cut shows.
pub fn clip(text: &str, most: usize) -> Cow<'_, str> {
    match text.char_indices().nth(most) {
        None => Cow::Borrowed(text),
        Some((end, _)) => Cow::Owned(format!("{}…", text.get(..end).unwrap_or_default())),
    }
}

/// A row of a table. Cells are Markdown made by this module, in which a pipe can only stand inside a code span.
pub fn row<T: AsRef<str>>(cells: &[T]) -> String {
    let cells: Vec<String> = cells
        .iter()
        .map(|cell| cell.as_ref().replace('|', "\\|"))
        .collect();
    format!("| {} |", cells.join(" | "))
}

/// A fenced block, every line of it indented. The fence is longer than any run of backticks inside.
pub fn fence(language: &str, lines: &[String], indent: usize) -> String {
    let longest = lines.iter().map(|line| backticks(line)).max().unwrap_or(0);
    let fence = "`".repeat(longest.max(2) + 1);
    let indent = " ".repeat(indent);
    let mut out = format!("{indent}{fence}{language}\n");
    for line in lines {
        out.push_str(format!("{indent}{}", escape::escape(line)).trim_end());
        out.push('\n');
    }
    out.push_str(&format!("{indent}{fence}"));
    out
}

/// What a text costs of a comment's limit: UTF-16 code units, of which there are never fewer than characters.
pub fn size(text: &str) -> usize {
    text.chars().map(char::len_utf16).sum()
}

/// A code span. The delimiter is longer than any run of backticks inside. A pipe behind a backslash is spelled out:
/// what a table makes of `\\|` differs between renderers.
fn span(text: &str) -> String {
    if text.is_empty() {
        return "(empty)".to_owned();
    }
    let text = text.replace("\\|", "\\\\u{7c}");
    let delimiter = "`".repeat(backticks(&text) + 1);
    let padded = text.starts_with('`')
        || text.ends_with('`')
        || (text.starts_with(' ') && text.ends_with(' ') && text.trim() != "");
    if padded {
        format!("{delimiter} {text} {delimiter}")
    } else {
        format!("{delimiter}{text}{delimiter}")
    }
}

/// The longest run of backticks.
fn backticks(text: &str) -> usize {
    let runs = text.split(|c| c != '`');
    runs.map(str::len).max().unwrap_or(0)
}

fn plain(text: &str, out: &mut String) {
    for (index, word) in text.split(' ').enumerate() {
        if index > 0 {
            out.push(' ');
        }
        let core = word.trim_start_matches(['(', '"', '\'']);
        let before = word.len() - core.len();
        // What ends something that began inside belongs to the word: a bracket, an emoji's colon, an entity.
        let end = |c: char| match c {
            ')' => !core.contains('('),
            ':' => !core.starts_with(':'),
            ';' => !core.contains('&'),
            c => ".,!?\"'…".contains(c),
        };
        let core = core.trim_end_matches(end);
        let after = before + core.len();
        out.push_str(word.get(..before).unwrap_or_default());
        if core.is_empty() || is_plain(core) {
            out.push_str(core);
        } else {
            out.push_str(&span(core));
        }
        out.push_str(word.get(after..).unwrap_or_default());
    }
}

/// Whether a word means nothing to Markdown, nor to what GitHub and GitLab look for in text.
fn is_plain(word: &str) -> bool {
    let inside = |c: char| c.is_alphanumeric() || ",;-+=–→·'’…%".contains(c);
    let numeric = word.chars().all(|c| c.is_ascii_digit() || c == '.' || c == ':') && word.len() < 7;
    let lower = word.to_ascii_lowercase();
    let issue = lower
        .strip_prefix("gh-")
        .is_some_and(|rest| rest.chars().all(|c| c.is_ascii_digit()));
    let commit = word.len() >= 7 && word.chars().all(|c| c.is_ascii_hexdigit());
    let option = word.len() > 1 && word.starts_with(['-', '%', '+', '=']);
    (numeric || word.chars().all(inside)) && !issue && !commit && !option
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stand_in_spans_that_nothing_in_them_can_end() {
        assert_eq!(code("platform"), "`platform`");
        assert_eq!(code("a`b``c"), "```a`b``c```");
        assert_eq!(code("`x"), "`` `x ``");
        assert_eq!(code("a\nb\u{202e}"), "`a\\nb\\u{202e}`");
        assert_eq!(code(""), "(empty)");
        assert_eq!(
            name("\u{430}dmin"),
            "`\u{430}dmin` (**look-alike characters**: `\u{430}` U+0430)"
        );
    }

    #[test]
    fn pipes_stay_in_their_cells() {
        assert_eq!(row(&[code("a|b"), code("c")]), "| `a\\|b` | `c` |");
        assert_eq!(row(&[code("a\\|b")]), "| `a\\\\u{7c}b` |");
    }

    #[test]
    fn sentences_keep_plain_words_and_put_the_rest_into_spans() {
        assert_eq!(
            sentence("customer managed policy /guard must exist in 5 accounts."),
            "customer managed policy `/guard` must exist in 5 accounts."
        );
        assert_eq!(
            sentence("`rolecall apply` brings it back (--restore where nobody is asked)"),
            "`rolecall apply` brings it back (`--restore` where nobody is asked)"
        );
        for word in [
            "@root",
            "#1",
            "!7",
            "GH-12",
            "www.evil.example",
            "a@b.example",
            "deadbeef",
            "<b>",
            "[x](y)",
            "*x*",
            "a_b",
            ":tada:",
            "$5",
            "~bug",
            "&amp;",
            "http://x",
        ] {
            assert_eq!(
                sentence(&format!("see {word}, please")),
                format!("see `{word}`, please")
            );
        }
        assert_eq!(sentence("one ` alone"), "one `` ` `` alone");
    }

    #[test]
    fn a_fence_is_longer_than_what_is_inside() {
        let block = fence("diff", &["+ ```".to_owned(), "- x".to_owned()], 2);
        assert_eq!(block, "  ````diff\n  + ```\n  - x\n  ````");
    }

    #[test]
    fn size_counts_as_the_strictest_reader_does() {
        assert_eq!(size("aé…"), 3);
        assert_eq!(size("🔴"), 2);
    }
}
