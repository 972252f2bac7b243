//! The canonical layout of a file: what `fmt` makes of it.
//!
//! The rules are those of `terraform fmt`: two spaces for every level, one space around operators, `=` of
//! neighbouring attributes and comments at the end of neighbouring lines in columns. It works on tokens
//! (`super::tokens`) and changes white space alone, so it keeps every comment and cannot change the meaning of
//! a text. Of the differences to `terraform fmt` (version 1.11.4), each is meant:
//!
//! - Several blank lines become one, and there is none at the beginning or end of a file; `terraform fmt` keeps them.
//! - What is inside quoted text and heredocs is left as written, templates included; `"${a}"` is not made `a`, and
//!   labels of blocks get no quotes: that would be more than layout.
//! - `if (…)`, `in (…)`, `if […]` keep the space that belongs after a keyword; a comma before a closing bracket
//!   is followed by none; an index follows a quoted text directly.
//! - White space at the end of lines, also of comments, is gone, and lines end with a line feed alone, unless all of
//!   them have a carriage return before it.

use unicode_segmentation::UnicodeSegmentation;

use super::tokens::{Token, TokenKind, tokens};

/// The text in canonical layout. The text should parse; nothing but white space between its tokens is changed in
/// any case.
pub fn layout(text: &str) -> String {
    let tokens = tokens(text);
    let mut lines: Vec<Line<'_>> = tokens
        .split(|token| token.kind == TokenKind::Newline)
        .map(Line::new)
        .collect();
    indent(&mut lines);
    let mut laid_out = align_values(&lines);
    align_comments(&mut laid_out);
    // Of a text with both kinds of line ends, nobody can say which is meant.
    let carriage = text.contains("\r\n") && text.matches("\r\n").count() == text.matches('\n').count();
    join(laid_out, if carriage { "\r\n" } else { "\n" })
}

/// A line's tokens in three parts.
struct Line<'t> {
    /// What stands before the `=`; the whole line if there is none.
    lead: String,
    /// From the `=` on.
    value: Option<String>,
    /// The comment up to the end of the line, if something stands before it.
    comment: Option<&'t str>,
    /// How many more brackets it opens than it closes.
    opens: isize,
    /// Whether a template in it goes over several lines.
    is_long: bool,
    level: usize,
}

impl<'t> Line<'t> {
    fn new(tokens: &[Token<'t>]) -> Self {
        let opens = tokens.iter().map(depth_change).sum();
        let (code, comment) = match tokens {
            [code @ .., last] if last.kind == TokenKind::Comment && !code.is_empty() => {
                (code, Some(last.text))
            }
            all => (all, None),
        };
        let mut depth = 0;
        let assigned = code.iter().enumerate().position(|(index, token)| {
            depth += depth_change(token);
            depth == 0 && index > 0 && is(token, "=")
        });
        // A line that begins in the middle of an expression has no name before its `=`.
        let (lead, value) = code
            .split_at_checked(assigned.unwrap_or(code.len()))
            .unwrap_or((code, &[]));
        Line {
            lead: spaced(lead),
            value: assigned.map(|_| spaced(value)),
            comment,
            opens,
            is_long: code
                .iter()
                .any(|token| token.kind == TokenKind::Quoted && token.text.contains('\n')),
            level: 0,
        }
    }

    fn is_blank(&self) -> bool {
        self.lead.is_empty() && self.value.is_none() && self.comment.is_none()
    }
}

fn is(token: &Token<'_>, sign: &str) -> bool {
    token.kind == TokenKind::Sign && token.text == sign
}

fn depth_change(token: &Token<'_>) -> isize {
    match token.kind {
        TokenKind::Open => 1,
        TokenKind::Close => -1,
        _ => 0,
    }
}

/// The tokens of a line with the spaces that belong between them.
fn spaced(tokens: &[Token<'_>]) -> String {
    let mut out = String::new();
    let mut before: Option<&Token<'_>> = None;
    // Signs, words and numbers at the end of `out` with no space between them: two at most, as many as a third
    // could join to another token.
    let mut loose: Vec<&str> = Vec::new();
    let mut unary = false;
    for token in tokens {
        let joins = matches!(token.kind, TokenKind::Sign | TokenKind::Word | TokenKind::Number);
        if before.is_some_and(|before| !unary && needs_space(before, token))
            || (joins && runs_together(&loose, token.text))
        {
            out.push(' ');
            loose.clear();
        }
        out.push_str(token.text);
        unary = is(token, "!") || (is(token, "-") && !before.is_some_and(is_operand));
        before = Some(token);
        if joins {
            loose.push(token.text);
            loose.drain(..loose.len().saturating_sub(2));
        } else {
            loose.clear();
        }
    }
    out
}

/// Whether a token right after others would read as part of another: three single dots are an ellipsis, and a dot
/// between digits makes one number. Programs that parse have no such tokens where no space belongs.
fn runs_together(before: &[&str], after: &str) -> bool {
    let texts = || before.iter().copied().chain([after]);
    !before.is_empty()
        && !tokens(&texts().collect::<String>())
            .iter()
            .map(|token| token.text)
            .eq(texts())
}

/// Words after which a bracket begins an expression of its own.
fn is_keyword(token: &Token<'_>) -> bool {
    token.kind == TokenKind::Word && matches!(token.text, "in" | "if")
}

/// Whether an operator that follows has this on its left side.
fn is_operand(token: &Token<'_>) -> bool {
    use TokenKind::{Close, Heredoc, Number, Quoted, Word};
    matches!(token.kind, Word | Number | Quoted | Heredoc | Close) && !is_keyword(token)
}

fn needs_space(before: &Token<'_>, after: &Token<'_>) -> bool {
    match (before.text, after.text) {
        ("{", "}") => false,
        (_, "," | "." | "..." | "::") | ("." | "::", _) => false,
        ("(" | "[", _) if before.kind == TokenKind::Open => false,
        (_, ")" | "]") if after.kind == TokenKind::Close => false,
        (_, "(") if before.kind == TokenKind::Word => is_keyword(before),
        (_, "[") => !is_operand(before),
        _ => true,
    }
}

/// Sets the level of every line: one more for a line that opens brackets, however many, one less for a line that
/// closes them again.
fn indent(lines: &mut [Line<'_>]) {
    let mut open: Vec<isize> = Vec::new();
    for line in lines {
        if line.opens < 0 {
            close(&mut open, -line.opens);
        }
        line.level = open.len();
        if line.opens > 0 {
            open.push(line.opens);
        }
    }
}

fn close(open: &mut Vec<isize>, mut closed: isize) {
    while closed > 0 {
        match open.last_mut() {
            Some(last) if *last > closed => {
                *last -= closed;
                return;
            }
            Some(last) => {
                closed -= *last;
                open.pop();
            }
            None => return,
        }
    }
}

/// A line with its code in place.
struct LaidOut<'t> {
    code: String,
    comment: Option<&'t str>,
}

/// Columns for the `=` of neighbouring lines. One that opens a bracket stands for itself, as
/// does one with a template of several lines.
fn align_values<'t>(lines: &[Line<'t>]) -> Vec<LaidOut<'t>> {
    let is_cell = |line: &Line<'_>| line.value.is_some() && line.opens <= 0 && !line.is_long;
    let mut out = Vec::with_capacity(lines.len());
    for group in lines.chunk_by(|left, right| is_cell(left) && is_cell(right)) {
        let widest = group.iter().map(|line| width(&line.lead)).max().unwrap_or(0);
        for line in group {
            let mut code = if line.is_blank() {
                String::new()
            } else {
                "  ".repeat(line.level)
            };
            code.push_str(&line.lead);
            if let Some(value) = &line.value {
                code.push_str(&" ".repeat(widest - width(&line.lead) + 1));
                code.push_str(value);
            }
            out.push(LaidOut {
                code,
                comment: line.comment,
            });
        }
    }
    out
}

/// Columns for the comments of neighbouring lines.
fn align_comments(lines: &mut [LaidOut<'_>]) {
    for group in lines.chunk_by_mut(|left, right| left.comment.is_some() && right.comment.is_some()) {
        let widest = group.iter().map(|line| last_width(&line.code)).max().unwrap_or(0);
        for line in group {
            if let Some(comment) = line.comment {
                let gap = widest - last_width(&line.code) + 1;
                line.code.push_str(&" ".repeat(gap));
                line.code.push_str(comment);
            }
        }
    }
}

/// How wide a text is, in characters as people count them.
fn width(text: &str) -> usize {
    text.graphemes(true).count()
}

/// How wide the last line of a text is.
fn last_width(text: &str) -> usize {
    text.rsplit('\n').next().map_or(0, width)
}

fn join(lines: Vec<LaidOut<'_>>, end: &str) -> String {
    let mut out = String::new();
    let mut blank = false;
    for line in lines {
        if line.code.is_empty() {
            blank = true;
            continue;
        }
        if blank && !out.is_empty() {
            out.push_str(end);
        }
        blank = false;
        out.push_str(&line.code);
        out.push_str(end);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::syntax::parse_body;
    use crate::source::SourceMap;
    use proptest::prelude::*;

    fn check(text: &str, expected: &str) {
        assert_eq!(layout(text), expected);
        assert_eq!(layout(expected), expected, "once more");
    }

    #[test]
    fn lines_that_all_end_with_a_carriage_return_keep_it() {
        check(
            "\u{feff}a   {\r\nx=1\r\n\r\n\r\n y=<<E\r\n b\r\nE\r\n}",
            "a {\r\n  x = 1\r\n\r\n  y = <<E\r\n b\r\nE\r\n}\r\n",
        );
    }

    #[test]
    fn attributes_and_comments_stand_in_columns() {
        check(
            "\n\na \"x\"   {\nid= \"1\" # one\n  name   =\"n\"# two\n\n\n\n  tags={\nenv=\"prod\"\n\"cost center\"=1\n}\n\n}\n\n",
            "a \"x\" {\n  id   = \"1\" # one\n  name = \"n\" # two\n\n  tags = {\n    env           = \"prod\"\n    \"cost center\" = 1\n  }\n\n}\n",
        );
        // A heredoc is one value; a list over several lines is not in the column of its neighbours.
        check(
            "a {\nx = <<E\n  y\nE\nlonger=1\nlist=[\n1,#a\n22, #b\n]\nz=1\n}\n",
            "a {\n  x      = <<E\n  y\nE\n  longer = 1\n  list = [\n    1,  #a\n    22, #b\n  ]\n  z = 1\n}\n",
        );
    }

    #[test]
    fn operators_and_brackets_have_their_spaces() {
        check(
            "a={x=1,y = [ 1,-2 , ! b ],z={ },w=f ( a,b ... )}\n",
            "a = { x = 1, y = [1, -2, !b], z = {}, w = f(a, b...) }\n",
        );
        check(
            "a = [for k,v in(b):k=>v...if(c&&d[0].e[*].f.*.g>= 1)]\n",
            "a = [for k, v in (b) : k => v... if (c && d[0].e[*].f.*.g >= 1)]\n",
        );
        check("a=b?-1:c-d - e\n", "a = b ? -1 : c-d - e\n");
        check("a = \"${ x }\" # \"\n", "a = \"${ x }\" # \"\n");
        // What is no program keeps its tokens all the same.
        check(". . . 1\n", ".. .1\n");
    }

    #[test]
    fn a_line_that_opens_several_brackets_is_one_level() {
        check(
            "a = f([{\nb = 1\n}, {\nc = 1\n}])\nd = 1\n",
            "a = f([{\n  b = 1\n  }, {\n  c = 1\n}])\nd = 1\n",
        );
    }

    fn lowered(text: &str) -> String {
        let mut map = SourceMap::new();
        let file = map.add("x", text);
        let (body, found) = parse_body(file, text);
        let spans = regex::Regex::new(r"Span \{[^}]*\}").unwrap();
        spans
            .replace_all(&format!("{body:?} {}", found.len()), "")
            .into_owned()
    }

    /// Pieces of programs; joined with any white space between them, most do not parse, which is fine.
    fn pieces() -> impl Strategy<Value = String> {
        let piece = prop::sample::select(vec![
            "a",
            "b2",
            "in",
            "if",
            "for",
            "null",
            "1.5",
            "\"x ${ y } %{ if a }\\\"%{ endif }\"",
            "{",
            "}",
            "[",
            "]",
            "(",
            ")",
            ",",
            ".",
            "...",
            "=",
            "==",
            "=>",
            "?",
            ":",
            "-",
            "!",
            "*",
            "&&",
            "# c\n",
            "// d \n",
            "/* e */",
            "<<X\n a ${ 1 } \nX\n",
            "<<-Y\n   b\n  c\n  Y\n",
            "\n",
            "\n",
            "\n\n\n",
            "é",
            "\t",
            "\r\n",
        ]);
        prop::collection::vec((piece, prop::sample::select(vec!["", " ", "  "])), 0..40).prop_map(|pieces| {
            pieces
                .into_iter()
                .map(|(piece, space)| format!("{piece}{space}"))
                .collect()
        })
    }

    /// Programs that parse, with white space at will.
    fn programs() -> impl Strategy<Value = String> {
        let space = prop::sample::select(vec!["", " ", "   "]);
        let expression = prop::sample::select(vec![
            "1",
            "\"a\"",
            "[1,2 ,3]",
            "{a=1,\"b\"= 2}",
            "f( x,y... )",
            "[for a in b:a if(c)]",
            "a?-1:!b",
            "a.b[0][*].c",
            "[\n1, # x\n  2\n]",
            "{\na=1\nbbb: 2 // y\n\n\n}",
            "(1+\n2)",
            "<<X\n a\n  b\nX",
            "\"${ a }\"",
            "f([{\na = 1\n}])",
        ]);
        let line = (
            space.clone(),
            "[a-z]{1,9}",
            space.clone(),
            space,
            expression,
            any::<bool>(),
        );
        prop::collection::vec((prop::collection::vec(line, 0..5), any::<bool>()), 1..4).prop_map(|blocks| {
            let mut out = String::new();
            for (number, (lines, gap)) in blocks.into_iter().enumerate() {
                out.push_str(&format!("block  \"l\"{}{{\n", if gap { "" } else { " " }));
                for (line, (before, name, left, right, value, comment)) in lines.into_iter().enumerate() {
                    let comment = if comment && !value.starts_with("<<") {
                        "  # why"
                    } else {
                        ""
                    };
                    out.push_str(&format!(
                        "{before}{name}{line}{number}{left}={right}{value}{comment}\n"
                    ));
                }
                out.push_str("  }\n\n\n");
            }
            out
        })
    }

    proptest! {
        #![proptest_config(crate::testing::property(400))]

        #[test]
        fn layout_changes_no_token_and_nothing_the_second_time(text in pieces()) {
            let kept = |text: &str| -> Vec<String> {
                tokens(text).into_iter().filter(|t| t.kind != TokenKind::Newline).map(|t| t.text.to_owned()).collect()
            };
            let once = layout(&text);
            prop_assert_eq!(kept(&once), kept(&text));
            prop_assert_eq!(layout(&once), once);
        }

        #[test]
        fn layout_never_changes_what_a_program_means(text in programs()) {
            let once = layout(&text);
            prop_assert_eq!(lowered(&once), lowered(&text));
            prop_assert_eq!(layout(&once), once);
        }
    }
}
