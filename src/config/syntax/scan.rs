//! A first look at a text: where its top-level items begin and end, and what is left open.
//!
//! The parser proper names the wrong place for an unterminated string or a missing brace, and stops at its first
//! error. This scan follows strings, heredocs, comments and brackets only, and so finds the right place.

use std::ops::Range;

/// Deeper nesting than this is refused before the parser sees it.
const MAX_DEPTH: usize = 60;

/// What the scan found.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Scan {
    /// The top-level items that are whole.
    pub items: Vec<Range<usize>>,
    /// What is wrong, in order.
    pub problems: Vec<Problem>,
    /// Number literals that the parser proper cannot hold, like `1e400`.
    pub numbers: Vec<Range<usize>>,
}

/// Something left open, or closed that was not open.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Problem {
    /// A `"` without its partner on the line.
    String(Range<usize>),
    /// A heredoc whose closing word is missing.
    Heredoc(Range<usize>, String),
    /// `/*` without `*/`.
    Comment(Range<usize>),
    /// An opening bracket, `${` or `%{` that is never closed.
    Open(Range<usize>),
    /// A closing bracket (the first range) that does not match what is open (the second).
    Mismatch(Range<usize>, Option<Range<usize>>),
    /// `%{ if` or `%{ for` without its end in the text it stands in; the second is what ends it.
    Directive(Range<usize>, &'static str),
    /// Too many levels.
    Depth(Range<usize>),
}

/// What the scan is inside of, and where that began.
#[derive(Debug)]
enum Mode {
    Bracket(u8, usize),
    Quoted(usize),
    Interpolation(usize),
    Heredoc(String, usize),
}

/// Goes through a text.
pub(super) fn scan(text: &str) -> Scan {
    let mut found = Scan::default();
    let mut from = 0;
    while let Some(resume) = Scanner::new(text, from).run(&mut found) {
        from = resume;
    }
    found
}

struct Scanner<'t> {
    text: &'t str,
    bytes: &'t [u8],
    at: usize,
    item: Option<usize>,
    stack: Vec<Mode>,
    /// The `%{ if` and `%{ for` that wait for their end: where, what ends them, and in how deep a text they stand.
    directives: Vec<(usize, &'static str, usize)>,
    /// Whether the item cannot be parsed, as a problem in it says already.
    broken: bool,
}

impl<'t> Scanner<'t> {
    fn new(text: &'t str, at: usize) -> Self {
        Scanner {
            text,
            bytes: text.as_bytes(),
            at,
            item: None,
            stack: Vec::new(),
            directives: Vec::new(),
            broken: false,
        }
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(0)
    }

    fn rest(&self) -> &'t [u8] {
        self.bytes.get(self.at..).unwrap_or(&[])
    }

    /// Scans to the end, or to a problem that loses track; then returns where to start afresh.
    fn run(mut self, found: &mut Scan) -> Option<usize> {
        while self.at < self.bytes.len() {
            if self.stack.len() > MAX_DEPTH {
                found
                    .problems
                    .push(Problem::Depth(self.at.saturating_sub(1)..self.at));
                return self.next_block(self.at);
            }
            let lost = match self.stack.last() {
                Some(Mode::Quoted(start)) => {
                    let start = *start;
                    self.quoted(start, found)
                }
                Some(Mode::Heredoc(..)) => self.heredoc(),
                _ => self.normal(found),
            };
            if let Some(problem) = lost {
                found.problems.push(problem);
                return self.next_block(self.at);
            }
        }
        self.finish(found)
    }

    fn finish(self, found: &mut Scan) -> Option<usize> {
        if let (Some(start), true, false) = (self.item, self.stack.is_empty(), self.broken) {
            found.items.push(start..self.bytes.len());
        }
        let problem = match self.stack.first()? {
            Mode::Heredoc(word, start) => Problem::Heredoc(*start..*start + 2, word.clone()),
            Mode::Quoted(start) => Problem::String(*start..*start + 1),
            Mode::Interpolation(start) => Problem::Open(*start..*start + 2),
            Mode::Bracket(_, start) => {
                let inner = self.stack.iter().rev().find_map(|mode| match mode {
                    Mode::Heredoc(word, start) => Some(Problem::Heredoc(*start..*start + 2, word.clone())),
                    _ => None,
                });
                let start = *start;
                let resume = self.next_block(start);
                found
                    .problems
                    .push(inner.unwrap_or(Problem::Open(start..start + 1)));
                return resume;
            }
        };
        found.problems.push(problem);
        None
    }

    /// The next line that looks like the head of a top-level block.
    fn next_block(&self, after: usize) -> Option<usize> {
        let mut start = after;
        loop {
            start += self.bytes.get(start..)?.iter().position(|byte| *byte == b'\n')? + 1;
            let line = self.text.get(start..)?.lines().next()?;
            let head = line.starts_with(|c: char| c.is_ascii_lowercase()) && line.trim_end().ends_with('{');
            if head && !line.contains('=') {
                return Some(start);
            }
        }
    }

    fn normal(&mut self, found: &mut Scan) -> Option<Problem> {
        let byte = self.byte(0);
        let start = self.at;
        match byte {
            b'\n' => {
                if let (Some(item), true) = (self.item, self.stack.is_empty()) {
                    // The parser proper takes a carriage return only before the line feed, which is no part of the item.
                    if std::mem::take(&mut self.broken) {
                        self.item = None;
                        self.at += 1;
                        return None;
                    }
                    let end =
                        self.at - usize::from(self.at > item && self.bytes.get(self.at - 1) == Some(&b'\r'));
                    found.items.push(item..end);
                    self.item = None;
                }
                self.at += 1;
                return None;
            }
            b' ' | b'\t' | b'\r' => {
                self.at += 1;
                return None;
            }
            b'#' => {
                self.skip_line();
                return None;
            }
            b'/' if self.byte(1) == b'/' => {
                self.skip_line();
                return None;
            }
            b'/' if self.byte(1) == b'*' => {
                let Some(end) = self.text.get(start..).and_then(|rest| rest.find("*/")) else {
                    self.at = self.bytes.len();
                    return Some(Problem::Comment(start..start + 2));
                };
                self.at += end + 2;
                return None;
            }
            _ => {}
        }
        self.item.get_or_insert(start);
        match byte {
            b'"' => {
                self.stack.push(Mode::Quoted(start));
                self.at += 1;
            }
            b'{' | b'[' | b'(' => {
                self.stack.push(Mode::Bracket(byte, start));
                self.at += 1;
            }
            b'}' | b']' | b')' => return self.close(byte),
            b'<' if self.byte(1) == b'<' => self.heredoc_start(),
            b'0'..=b'9' => self.number(found),
            _ if byte.is_ascii_alphabetic() || byte == b'_' || byte >= 0x80 => self.word(),
            _ => self.at += 1,
        }
        None
    }

    fn skip_line(&mut self) {
        self.at += self
            .rest()
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(self.rest().len());
    }

    fn word(&mut self) {
        let part =
            |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_' || *byte == b'-' || *byte >= 0x80;
        self.at += self
            .rest()
            .iter()
            .position(|byte| !part(byte))
            .unwrap_or(self.rest().len());
    }

    fn number(&mut self, found: &mut Scan) {
        let start = self.at;
        let digits = |bytes: &[u8]| bytes.iter().take_while(|byte| byte.is_ascii_digit()).count();
        self.at += digits(self.rest());
        if self.byte(0) == b'.' && self.byte(1).is_ascii_digit() {
            self.at += 1 + digits(self.bytes.get(self.at + 1..).unwrap_or(&[]));
        }
        let sign = usize::from(matches!(self.byte(1), b'+' | b'-'));
        let mut large = self.at - start > 300;
        if matches!(self.byte(0), b'e' | b'E') && self.byte(1 + sign).is_ascii_digit() {
            let exponent = digits(self.bytes.get(self.at + 1 + sign..).unwrap_or(&[]));
            large |= exponent > 2;
            self.at += 1 + sign + exponent;
        }
        if large {
            found.numbers.push(start..self.at);
        }
    }

    fn close(&mut self, byte: u8) -> Option<Problem> {
        let here = self.at..self.at + 1;
        self.at += 1;
        match (self.stack.pop(), byte) {
            (Some(Mode::Bracket(b'{', _) | Mode::Interpolation(_)), b'}')
            | (Some(Mode::Bracket(b'[', _)), b']')
            | (Some(Mode::Bracket(b'(', _)), b')') => None,
            (Some(Mode::Bracket(_, start)), _) => Some(Problem::Mismatch(here, Some(start..start + 1))),
            (Some(Mode::Interpolation(start)), _) => Some(Problem::Mismatch(here, Some(start..start + 2))),
            _ => Some(Problem::Mismatch(here, None)),
        }
    }

    /// `<<WORD` or `<<-WORD` at the end of a line.
    fn heredoc_start(&mut self) {
        let line = self
            .text
            .get(self.at + 2..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or("");
        let word = line.strip_prefix('-').unwrap_or(line).trim_end();
        let valid = !word.is_empty() && word.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
        if !valid {
            self.at += 2;
            return;
        }
        self.stack.push(Mode::Heredoc(word.to_owned(), self.at));
        self.skip_line();
        self.at += 1;
        self.heredoc_end();
    }

    /// At the beginning of a line of a heredoc: leaves it if the line is its closing word.
    fn heredoc_end(&mut self) {
        let Some(Mode::Heredoc(word, _)) = self.stack.last() else {
            return;
        };
        let line = self
            .text
            .get(self.at..)
            .and_then(|rest| rest.lines().next())
            .unwrap_or("");
        let trimmed = line.trim_start();
        let after = trimmed.strip_prefix(word.as_str());
        if after
            .is_some_and(|after| !after.starts_with(|c: char| c.is_alphanumeric() || c == '_' || c == '-'))
        {
            self.at += line.len() - trimmed.len() + word.len();
            // What a heredoc leaves open is the parser's to tell.
            let depth = self.stack.len();
            self.directives.retain(|(_, _, deep)| *deep < depth);
            self.stack.pop();
        }
    }

    fn heredoc(&mut self) -> Option<Problem> {
        if self.template_marker() {
            return None;
        }
        let newline = self.byte(0) == b'\n';
        self.at += 1;
        if newline {
            self.heredoc_end();
        }
        None
    }

    fn quoted(&mut self, start: usize, found: &mut Scan) -> Option<Problem> {
        if self.template_marker() {
            return None;
        }
        match self.byte(0) {
            b'"' => {
                self.end_directives(found);
                self.stack.pop();
            }
            b'\\' if self.byte(1) != b'\n' => self.at += 1,
            b'\n' => {
                // Go on as if it were closed here, to find what else is wrong, but hand out no broken item. A quote
                // that opens a text inside `${` was most likely meant to close the one around it.
                let problem = match self.stack.iter().rev().nth(1) {
                    Some(Mode::Interpolation(open)) => Problem::Open(*open..*open + 2),
                    _ => Problem::String(start..start + 1),
                };
                found.problems.push(problem);
                self.item = None;
                return self.recover();
            }
            _ => {}
        }
        self.at += 1;
        None
    }

    /// After a broken line: starts afresh at the next block.
    fn recover(&mut self) -> Option<Problem> {
        self.stack.clear();
        self.directives.clear();
        self.at = self
            .next_block(self.at.saturating_sub(1))
            .unwrap_or(self.bytes.len());
        None
    }

    /// Notes a directive that waits for its end, or that one has come.
    fn directive(&mut self) {
        let Some(inside) = self.text.get(self.at..).and_then(|rest| rest.strip_prefix("%{")) else {
            return;
        };
        let inside = inside.strip_prefix('~').unwrap_or(inside).trim_start();
        let word = inside.split(|c: char| !c.is_ascii_alphabetic()).next();
        match word {
            Some("if") => self.directives.push((self.at, "endif", self.stack.len())),
            Some("for") => self.directives.push((self.at, "endfor", self.stack.len())),
            Some("endif" | "endfor") => {
                self.directives.pop();
            }
            _ => {}
        }
    }

    /// At the end of a text: what still waits in it waits in vain.
    fn end_directives(&mut self, found: &mut Scan) {
        let depth = self.stack.len();
        while let Some((at, end, _)) = self.directives.pop_if(|(_, _, deep)| *deep >= depth) {
            found.problems.push(Problem::Directive(at..at + 2, end));
            self.broken = true;
        }
    }

    /// Steps over `$${` or into `${`.
    fn template_marker(&mut self) -> bool {
        match (self.byte(0), self.byte(1), self.byte(2)) {
            (b'$', b'$', b'{') | (b'%', b'%', b'{') => self.at += 3,
            (b'$' | b'%', b'{', _) => {
                self.directive();
                self.stack.push(Mode::Interpolation(self.at));
                self.at += 2;
            }
            _ => return false,
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn items(text: &str) -> Vec<&str> {
        let found = scan(text);
        assert_eq!(found.problems, []);
        found.items.into_iter().map(|range| &text[range]).collect()
    }

    #[test]
    fn items_end_with_their_line() {
        let text = "# c {\na = 1\nb \"x}\" {\n  c = \"${f(\"}\")}\"\n} # d\n\n/* { */ e = <<-X\n  }\n  X\n";
        assert_eq!(
            items(text),
            [
                "a = 1",
                "b \"x}\" {\n  c = \"${f(\"}\")}\"\n} # d",
                "e = <<-X\n  }\n  X"
            ]
        );
    }

    #[test]
    fn what_is_open_is_found_where_it_opened_and_the_rest_is_kept() {
        let text = "account \"a\" {\n  id = \"12\n}\naccount \"b\" {\n}\n";
        let found = scan(text);
        let quote = text.find("\"12").unwrap();
        assert_eq!(found.problems, [Problem::String(quote..quote + 1)]);
        assert_eq!(found.items.len(), 1);
        let text = "a {\n b = [1\n}\nc {\n}\n";
        let found = scan(text);
        assert_eq!(found.problems, [Problem::Mismatch(12..13, Some(9..10))]);
        assert_eq!(found.items, vec![Range { start: 14, end: 19 }]);
        let text = "a {\n b = 1\n\nc {\n}\n";
        let found = scan(text);
        assert_eq!(found.problems, [Problem::Open(2..3)]);
        assert_eq!(found.items, vec![Range { start: 12, end: 17 }]);
    }

    #[test]
    fn a_directive_without_end_and_an_open_interpolation_are_found_where_they_are() {
        let text = "a = \"%{ if x }y\"\nb = \"%{~ for k in l }%{ if k }y%{ endif }%{ endfor }\"\nc = 1\n";
        let found = scan(text);
        assert_eq!(found.problems, [Problem::Directive(5..7, "endif")]);
        assert_eq!(found.items.len(), 2);
        let text = "a = \"${foo\"\nb {\n}\n";
        assert_eq!(scan(text).problems, [Problem::Open(5..7)]);
    }

    #[test]
    fn ten_thousand_brackets_are_refused_early() {
        let text = format!("a = {}", "[".repeat(10_000));
        assert!(matches!(scan(&text).problems.as_slice(), [Problem::Depth(_)]));
    }

    #[test]
    fn large_numbers_are_found_outside_text() {
        let text = "a = 1e400\nb = \"1e400\"\nc1e400 = 2\n";
        assert_eq!(scan(text).numbers, vec![Range { start: 4, end: 9 }]);
    }
}
