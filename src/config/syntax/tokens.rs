//! A text as tokens, white space left out: what the canonical layout is made from.
//!
//! Strings, heredocs and comments are one token each, whatever is inside them. Joining the tokens with anything
//! between them gives the same program, so layout can never change meaning as long as it keeps them and their order.
//! The text is expected to parse; on other texts the tokens are merely a best guess.

/// What a token is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    /// A name or a keyword.
    Word,
    /// A number.
    Number,
    /// `"…"`, with everything in it.
    Quoted,
    /// `<<WORD` to its closing word, lines in between included.
    Heredoc,
    /// `(`, `[` or `{`.
    Open,
    /// `)`, `]` or `}`.
    Close,
    /// An operator, `=`, `,`, `.`, `...` and the like.
    Sign,
    /// `# …` or `// …`, without the end of the line.
    Comment,
    /// `/* … */`
    Inline,
    /// The end of a line.
    Newline,
}

/// A token: its kind and its text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'t> {
    /// What it is.
    pub kind: TokenKind,
    /// Its text, as written.
    pub text: &'t str,
}

/// Signs of more than one character, longest first.
const SIGNS: &[&str] = &["...", "==", "!=", "<=", ">=", "=>", "&&", "||", "::"];

/// The tokens of a text, in order.
pub(super) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        if matches!(first, ' ' | '\t' | '\r' | '\u{feff}') {
            rest = rest.get(first.len_utf8()..).unwrap_or("");
            continue;
        }
        let (kind, length) = next(rest, first);
        let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        found.push(Token { kind, text });
        rest = after;
    }
    found
}

fn next(rest: &str, first: char) -> (TokenKind, usize) {
    match first {
        '\n' => (TokenKind::Newline, 1),
        '#' => (TokenKind::Comment, line(rest)),
        '/' if rest.starts_with("//") => (TokenKind::Comment, line(rest)),
        '/' if rest.starts_with("/*") => (TokenKind::Inline, rest.find("*/").map_or(rest.len(), |at| at + 2)),
        '"' => (TokenKind::Quoted, quoted(rest)),
        '(' | '[' | '{' => (TokenKind::Open, 1),
        ')' | ']' | '}' => (TokenKind::Close, 1),
        '<' => heredoc(rest).map_or_else(|| sign(rest, first), |length| (TokenKind::Heredoc, length)),
        '0'..='9' => (TokenKind::Number, number(rest)),
        _ if first.is_alphabetic() || first == '_' => (TokenKind::Word, word(rest)),
        _ => sign(rest, first),
    }
}

fn sign(rest: &str, first: char) -> (TokenKind, usize) {
    let long = SIGNS.iter().find(|sign| rest.starts_with(**sign));
    (TokenKind::Sign, long.map_or(first.len_utf8(), |sign| sign.len()))
}

/// The length of a line, without what ends it.
fn line(rest: &str) -> usize {
    let end = rest.find('\n').unwrap_or(rest.len());
    rest.get(..end).map_or(end, |line| line.trim_end().len())
}

fn word(rest: &str) -> usize {
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-' || !c.is_ascii();
    rest.find(|c: char| !part(c)).unwrap_or(rest.len())
}

fn number(rest: &str) -> usize {
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let after = |at: usize| rest.get(at..).unwrap_or("");
    let mut end = digits(rest);
    if let Some(fraction) = after(end).strip_prefix('.') {
        let length = digits(fraction);
        end += if length > 0 { 1 + length } else { 0 };
    }
    if let Some(exponent) = after(end).strip_prefix(['e', 'E']) {
        let sign = usize::from(exponent.starts_with(['+', '-']));
        let length = digits(exponent.get(sign..).unwrap_or(""));
        end += if length > 0 { 1 + sign + length } else { 0 };
    }
    end
}

/// The length of a quoted text; templates in it may hold quoted texts, line breaks and comments themselves.
fn quoted(rest: &str) -> usize {
    let mut at = 1;
    while let Some(c) = rest.get(at..).and_then(|rest| rest.chars().next()) {
        let here = rest.get(at..).unwrap_or("");
        match c {
            '"' => return at + 1,
            '\\' => at += 1 + here.chars().nth(1).map_or(0, char::len_utf8),
            '$' | '%' => at += template(here),
            _ => at += c.len_utf8(),
        }
    }
    rest.len()
}

/// The length of `${ … }` or `%{ … }`, of `$${` and `%%{`, or of the sign alone.
fn template(rest: &str) -> usize {
    if rest.starts_with("$${") || rest.starts_with("%%{") {
        return 3;
    }
    if !rest.starts_with("${") && !rest.starts_with("%{") {
        return 1;
    }
    let mut depth = 1_usize;
    let mut at = 2;
    while let Some(c) = rest.get(at..).and_then(|rest| rest.chars().next()) {
        let here = rest.get(at..).unwrap_or("");
        let (kind, length) = if c.is_whitespace() {
            (TokenKind::Newline, c.len_utf8())
        } else {
            next(here, c)
        };
        at += length.max(1);
        match kind {
            TokenKind::Open if c == '{' => depth += 1,
            TokenKind::Close if c == '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

/// The length of a heredoc up to and with its closing word; `None` if this is none.
fn heredoc(rest: &str) -> Option<usize> {
    let head = rest.strip_prefix("<<")?;
    let first = head.lines().next()?;
    let marker = first.strip_prefix('-').unwrap_or(first).trim_end();
    let part = |c: char| c.is_alphanumeric() || c == '_' || c == '-';
    if marker.is_empty() || !marker.chars().all(part) {
        return None;
    }
    let mut at = rest.find('\n')? + 1;
    loop {
        let here = rest.get(at..)?;
        let line = here.split('\n').next().unwrap_or("");
        let trimmed = line.trim_start();
        if trimmed
            .strip_prefix(marker)
            .is_some_and(|after| !after.starts_with(part))
        {
            return Some(at + line.len() - trimmed.len() + marker.len());
        }
        at += next_line(here)?;
    }
}

/// Where the next line of a heredoc begins: a template in it may go over several lines, which are no lines of it.
fn next_line(here: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(c) = here.get(at..).and_then(|rest| rest.chars().next()) {
        match c {
            '\n' => return Some(at + 1),
            '$' | '%' => at += template(here.get(at..).unwrap_or("")),
            _ => at += c.len_utf8(),
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Vec<&str> {
        tokens(text).into_iter().map(|token| token.text).collect()
    }

    #[test]
    fn strings_heredocs_and_comments_are_one_token() {
        assert_eq!(
            texts("a=\"x ${f(\"}\", {b = \"\\\"\"})} y\" # c \"\n"),
            ["a", "=", "\"x ${f(\"}\", {b = \"\\\"\"})} y\"", "# c \"", "\n"]
        );
        assert_eq!(
            texts("a = <<-EOT\n  ${ <<X\nEOT\nX\n }\n EOTX\n EOT\n)"),
            ["a", "=", "<<-EOT\n  ${ <<X\nEOT\nX\n }\n EOTX\n EOT", "\n", ")"]
        );
        assert_eq!(texts("/* a\n b */ x"), ["/* a\n b */", "x"]);
        assert_eq!(texts("\"$${a\" b"), ["\"$${a\"", "b"]);
    }

    #[test]
    fn signs_numbers_and_names_are_told_apart() {
        assert_eq!(
            texts("a-b >= 1.5e-3...x::y(1).0.é"),
            [
                "a-b", ">=", "1.5e-3", "...", "x", "::", "y", "(", "1", ")", ".", "0", ".", "é"
            ]
        );
        assert_eq!(texts("a<b"), ["a", "<", "b"]);
    }
}
