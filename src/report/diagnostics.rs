//! Diagnostics as text with excerpts of the source, and as JSON.
//!
//! Only the lines around a label are handed to the renderer: a source of many
//! megabytes, or a single line as long, costs no more than a short one.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Element, Group, Level, Origin, Renderer, Snippet};
use schemars::JsonSchema;
use serde::Serialize;

use crate::diagnostic::{Diagnostic, Diagnostics, Label, Severity};
use crate::source::{SourceFile, SourceMap, Span};

use super::escape::escape_lines;
use super::wording::{counted, number};

/// The version of the JSON form.
pub const FORMAT_VERSION: u32 = 1;

/// Labels at most this many lines apart share an excerpt.
const SAME_EXCERPT: u32 = 6;
/// A span over more lines is underlined on its first one only.
const MOST_LINES: u32 = 6;
/// From this many places on, what is said in the same words is shown once.
const FOLD_FROM: usize = 4;
/// A line longer than this is cut around its label.
const LONG_LINE: usize = 400;

/// Writes all findings in file order, and a last line that counts them.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write_text(
    found: &Diagnostics,
    sources: &SourceMap,
    color: bool,
    out: &mut dyn Write,
) -> io::Result<()> {
    let renderer = if color {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    for same in folded(found) {
        let group = group(&same, sources);
        writeln!(out, "{}\n", renderer.render(&[group]))?;
    }
    let of = |severity| {
        let all = found.iter().filter(|(item, _)| item.severity == severity);
        all.count() as u64
    };
    match (of(Severity::Error), of(Severity::Warning)) {
        (0, 0) => Ok(()),
        (0, warnings) => writeln!(out, "{}", counted(warnings, "warning")),
        (errors, 0) => writeln!(out, "{}", counted(errors, "error")),
        (errors, warnings) => writeln!(
            out,
            "{}, {}",
            counted(errors, "error"),
            counted(warnings, "warning")
        ),
    }
}

/// All findings as text without colour: what tests compare.
pub fn to_text(found: &Diagnostics, sources: &SourceMap) -> String {
    let mut out = Vec::new();
    // Writing to memory does not fail.
    let _ = write_text(found, sources, false, &mut out);
    String::from_utf8_lossy(&out).into_owned()
}

/// A finding, how often it occurred, and where else the same is said.
struct Same<'a> {
    diagnostic: &'a Diagnostic,
    count: usize,
    elsewhere: Vec<Span>,
}

/// The findings in file order; what is said in the same words of many places is shown once, with the other places.
fn folded(found: &Diagnostics) -> Vec<Same<'_>> {
    let sorted = found.sorted();
    let words = |item: &'_ Diagnostic| {
        let Diagnostic {
            severity,
            code,
            message,
            cause,
            remedy,
            ..
        } = item;
        (*severity, *code, message.clone(), cause.clone(), remedy.clone())
    };
    let mut places: BTreeMap<_, usize> = BTreeMap::new();
    for (item, _) in &sorted {
        *places.entry(words(item)).or_default() += 1;
    }
    let mut first: BTreeMap<_, usize> = BTreeMap::new();
    let mut out: Vec<Same<'_>> = Vec::new();
    for (diagnostic, count) in sorted {
        let words = words(diagnostic);
        let many = places.get(&words).is_some_and(|count| *count >= FOLD_FROM);
        let span = diagnostic.primary.as_ref().map(|label| label.span);
        if let (true, Some(known), Some(span)) = (many, first.get(&words), span)
            && let Some(same) = out.get_mut(*known)
        {
            same.elsewhere.push(span);
            continue;
        }
        first.insert(words, out.len());
        out.push(Same {
            diagnostic,
            count,
            elsewhere: Vec::new(),
        });
    }
    out
}

/// `also at a.hcl:7, a.hcl:12, a.hcl:17 and 290 other places`.
fn also_at(elsewhere: &[Span], sources: &SourceMap) -> Option<String> {
    const MOST: usize = 10;
    let shown: Vec<String> = elsewhere
        .iter()
        .take(MOST)
        .filter_map(|span| sources.location(*span))
        .map(|place| place.to_string())
        .collect();
    let rest = elsewhere.len().saturating_sub(shown.len()) as u64;
    let rest = match rest {
        0 => String::new(),
        rest => format!(" and {}", counted(rest, "other place")),
    };
    (!elsewhere.is_empty()).then(|| format!("also at {}{rest}", shown.join(", ")))
}

fn group<'a>(same: &Same<'a>, sources: &'a SourceMap) -> Group<'a> {
    let Same {
        diagnostic,
        count,
        elsewhere,
    } = same;
    let level = match diagnostic.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
    };
    let title = level
        .primary_title(escape_lines(&diagnostic.message))
        .id(diagnostic.code.0);
    let mut group = Group::with_title(title);
    for excerpt in excerpts(diagnostic, sources) {
        group = group.elements(excerpt.elements());
    }
    if let Some(cause) = &diagnostic.cause {
        group = group.element(Level::NOTE.message(escape_lines(cause)));
    }
    if let Some(places) = also_at(elsewhere, sources) {
        group = group.element(Level::NOTE.message(escape_lines(&places).into_owned()));
    }
    if *count > 1 {
        let more = number(*count as u64 - 1);
        group = group.element(Level::NOTE.message(format!("and {more} more like it")));
    }
    if let Some(remedy) = &diagnostic.remedy {
        group = group.element(Level::HELP.message(escape_lines(remedy)));
    }
    group
}

/// A run of lines of one file with labels on them.
struct Excerpt<'a> {
    file: &'a SourceFile,
    lines: Range<u32>,
    labels: Vec<(AnnotationKind, &'a Label)>,
}

/// The primary label's excerpt first, then the others in order; neighbouring labels share one.
fn excerpts<'a>(diagnostic: &'a Diagnostic, sources: &'a SourceMap) -> Vec<Excerpt<'a>> {
    let primary = diagnostic.primary.iter().map(|l| (AnnotationKind::Primary, l));
    let others = diagnostic.secondary.iter().map(|l| (AnnotationKind::Context, l));
    let mut out: Vec<Excerpt<'a>> = Vec::new();
    for (kind, label) in primary.chain(others) {
        let Some(file) = sources.file(label.span.file) else {
            continue;
        };
        let lines = lines_of(file, label.span);
        let near = out.iter_mut().find(|known| {
            !known.is_hidden()
                && !label.hides_source
                && std::ptr::eq(known.file, file)
                && lines.start <= known.lines.end.saturating_add(SAME_EXCERPT)
                && known.lines.start <= lines.end.saturating_add(SAME_EXCERPT)
        });
        match near {
            Some(known) => {
                known.lines = known.lines.start.min(lines.start)..known.lines.end.max(lines.end);
                known.labels.push((kind, label));
            }
            None => out.push(Excerpt {
                file,
                lines,
                labels: vec![(kind, label)],
            }),
        }
    }
    out
}

/// The lines (from 1, half-open) on which a span is shown.
fn lines_of(file: &SourceFile, span: Span) -> Range<u32> {
    let first = file.line_of(span.start);
    let last = file.line_of(span.end.max(span.start + 1) - 1);
    if last - first >= MOST_LINES {
        first..first + 1
    } else {
        first..last + 1
    }
}

impl<'a> Excerpt<'a> {
    /// Whether the place alone is told.
    fn is_hidden(&self) -> bool {
        self.labels.iter().any(|(_, label)| label.hides_source)
    }

    fn elements(self) -> Vec<Element<'a>> {
        if self.is_hidden() {
            let origin = Origin::path(self.file.name.as_ref()).line(self.lines.start as usize);
            return vec![origin.into()];
        }
        let start = self.file.line_start(self.lines.start);
        let end = self.file.line_start(self.lines.end);
        let text = self.file.text.get(start..end).unwrap_or("");
        let longest = text.lines().map(str::len).max().unwrap_or(0);
        if longest > LONG_LINE {
            return self
                .labels
                .iter()
                .flat_map(|(kind, label)| cut_line(self.file, *kind, label))
                .collect();
        }
        let annotations = self.labels.iter().map(|(kind, label)| {
            let shown = lines_of(self.file, label.span);
            let last = self.file.line_start(shown.end.saturating_sub(1));
            let line_end = last + self.file.line_text(shown.end.saturating_sub(1)).len();
            let from = label.span.start as usize;
            let to = (label.span.end as usize).min(line_end).max(from);
            annotation(*kind, from - start.min(from)..to - start.min(to), label)
        });
        let snippet = Snippet::source(text)
            .line_start(self.lines.start as usize)
            .path(self.file.name.as_ref())
            .annotations(annotations.collect::<Vec<_>>());
        vec![snippet.into()]
    }
}

fn annotation(kind: AnnotationKind, span: Range<usize>, label: &Label) -> Annotation<'_> {
    let annotation = kind.span(span);
    if label.message.is_empty() {
        annotation
    } else {
        annotation.label(escape_lines(&label.message))
    }
}

/// A label on a very long line: the place is stated, and only the text around it is shown.
fn cut_line<'a>(file: &'a SourceFile, kind: AnnotationKind, label: &'a Label) -> Vec<Element<'a>> {
    let line = file.line_of(label.span.start);
    let line_start = file.line_start(line);
    let text = file.line_text(line);
    let at = (label.span.start as usize - line_start).min(text.len());
    let column = text.get(..at).map_or(0, |before| before.chars().count()) + 1;
    let from = boundary(text, at.saturating_sub(60));
    let to = boundary(text, (at + 120).min(text.len()));
    let shown = text.get(from..to).unwrap_or("");
    let end = (label.span.end as usize - line_start).min(to).max(at);
    let origin = Origin::path(file.name.as_ref())
        .line(line as usize)
        .char_column(column);
    let snippet = Snippet::source(shown)
        .line_start(line as usize)
        .annotation(annotation(kind, at - from..end - from, label));
    vec![origin.into(), snippet.into()]
}

/// The nearest character boundary at or before a byte offset.
fn boundary(text: &str, mut at: usize) -> usize {
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

/// Findings as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiagnosticsJson {
    /// The version of this form.
    pub format_version: u32,
    /// How many distinct errors.
    pub errors: u64,
    /// How many distinct warnings.
    pub warnings: u64,
    /// The findings in file order.
    pub diagnostics: Vec<DiagnosticJson>,
}

/// One finding as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct DiagnosticJson {
    /// Error or warning.
    pub severity: Severity,
    /// The stable code.
    pub code: String,
    /// What is wrong.
    pub message: String,
    /// Where; absent for findings about no file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub place: Option<PlaceJson>,
    /// Other places that explain it; absent if there are none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub related: Vec<PlaceJson>,
    /// Why.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<String>,
    /// What to do.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub remedy: Option<String>,
    /// How often it was found.
    pub count: u64,
}

/// A place in a file as JSON. Lines and columns (in characters) count from 1; the end is exclusive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
pub struct PlaceJson {
    /// The file, relative to the stack's directory.
    pub file: String,
    /// First line.
    pub line: u32,
    /// First column.
    pub column: u32,
    /// Last line.
    pub end_line: u32,
    /// The column after the last.
    pub end_column: u32,
    /// The remark there; may be empty.
    pub message: String,
}

/// All findings as a value for JSON.
pub fn to_json(found: &Diagnostics, sources: &SourceMap) -> DiagnosticsJson {
    let diagnostics: Vec<DiagnosticJson> = found
        .sorted()
        .into_iter()
        .map(|(item, count)| DiagnosticJson {
            severity: item.severity,
            code: item.code.0.to_owned(),
            message: item.message.to_string(),
            place: item.primary.as_ref().and_then(|label| place(label, sources)),
            related: item
                .secondary
                .iter()
                .filter_map(|label| place(label, sources))
                .collect(),
            cause: item.cause.as_deref().map(str::to_owned),
            remedy: item.remedy.as_deref().map(str::to_owned),
            count: count as u64,
        })
        .collect();
    let of = |severity| {
        diagnostics
            .iter()
            .filter(|item| item.severity == severity)
            .count() as u64
    };
    DiagnosticsJson {
        format_version: FORMAT_VERSION,
        errors: of(Severity::Error),
        warnings: of(Severity::Warning),
        diagnostics,
    }
}

fn place(label: &Label, sources: &SourceMap) -> Option<PlaceJson> {
    let start = sources.location(label.span)?;
    let end = sources.location(Span {
        start: label.span.end,
        ..label.span
    })?;
    Some(PlaceJson {
        file: start.file.to_string(),
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        message: label.message.to_string(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Code;
    use crate::source::FileId;

    fn span_of(sources: &SourceMap, file: FileId, needle: &str) -> Span {
        let at = sources.file(file).unwrap().text.find(needle).unwrap();
        Span::new(file, at..at + needle.len())
    }

    #[test]
    fn a_finding_shows_code_place_excerpt_cause_and_remedy() {
        let mut sources = SourceMap::new();
        let file = sources.add("a.hcl", "user \"ada\" {\n  usr_name = 1\n}\n");
        let mut found = Diagnostics::new();
        found.push(
            Diagnostic::error(Code("unknown-attribute"), "`user` has no attribute `usr_name`")
                .at(span_of(&sources, file, "usr_name"), "not known here")
                .because("a user block takes user_name")
                .help("did you mean `user_name`?"),
        );
        let expected = "\
error[unknown-attribute]: `user` has no attribute `usr_name`
 --> a.hcl:2:3
  |
2 |   usr_name = 1
  |   ^^^^^^^^ not known here
  |
  = note: a user block takes user_name
  = help: did you mean `user_name`?

1 error
";
        assert_eq!(to_text(&found, &sources), expected);
    }

    #[test]
    fn repeats_are_counted_and_far_labels_do_not_pull_in_what_lies_between() {
        let mut sources = SourceMap::new();
        let filler = "# nothing\n".repeat(100_000);
        let file = sources.add("a.hcl", format!("first = 1\n{filler}second = 2\n"));
        let mut found = Diagnostics::new();
        let (second, first) = (
            span_of(&sources, file, "second"),
            span_of(&sources, file, "first"),
        );
        for _ in 0..10_000 {
            found.push(
                Diagnostic::warning(Code("twice"), "defined twice")
                    .at(second, "again")
                    .also(first, "first here"),
            );
        }
        let text = to_text(&found, &sources);
        assert!(text.contains("and 9,999 more like it"), "{text}");
        assert!(text.contains("a.hcl:100002:1"), "{text}");
        assert!(text.contains("a.hcl:1:1"), "{text}");
        assert!(text.lines().count() < 20, "{text}");
    }

    #[test]
    fn a_very_long_line_is_cut_and_its_column_kept() {
        let mut sources = SourceMap::new();
        let file = sources.add("a.hcl", format!("x = [{}oops]\n", "\"ü\", ".repeat(1_000_000)));
        let mut found = Diagnostics::new();
        found.push(Diagnostic::error(Code("bad"), "bad").at(span_of(&sources, file, "oops"), "here"));
        let text = to_text(&found, &sources);
        assert!(text.len() < 1000, "{} bytes", text.len());
        assert!(text.contains("a.hcl:1:5000006"), "{text}");
        assert!(text.contains("oops"), "{text}");
    }

    #[test]
    fn names_in_messages_cannot_reach_the_terminal_raw() {
        let mut found = Diagnostics::new();
        found.push(Diagnostic::error(Code("bad"), "no group `\u{1b}[2J`"));
        let text = to_text(&found, &SourceMap::new());
        assert!(!text.contains('\u{1b}'), "{text:?}");
    }

    #[test]
    fn json_has_the_same_findings_with_places() {
        let mut sources = SourceMap::new();
        let file = sources.add("a.hcl", "one = 1\ntwo = 2\n");
        let mut found = Diagnostics::new();
        found.push(Diagnostic::error(Code("bad"), "bad").at(span_of(&sources, file, "two"), "here"));
        let json = serde_json::to_value(to_json(&found, &sources)).unwrap();
        assert_eq!(json["errors"], 1);
        assert_eq!(json["diagnostics"][0]["place"]["line"], 2);
        assert_eq!(json["diagnostics"][0]["place"]["end_column"], 4);
    }
}
