//! What is wrong, where, why and what to do: diagnostics as values.
//!
//! Every part of rolecall that finds something wrong with what a person wrote
//! returns [`Diagnostic`]s, collected in [`Diagnostics`]; nothing is printed
//! here. Rendering against the source text is `report::diagnostics`.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::source::Span;

/// How bad it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The command cannot go on.
    Error,
    /// The command goes on; a person should look.
    Warning,
}

/// A stable name for one kind of finding, like `unknown-attribute`.
///
/// Codes are kebab-case, never reused for another meaning, and listed in the
/// README's catalogue.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Code(pub &'static str);

/// A piece of source with a remark on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Label {
    /// What to underline.
    pub span: Span,
    /// The remark next to the underline; may be empty.
    pub message: Arc<str>,
    /// What is written there is not to be shown, only where it is.
    pub hides_source: bool,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Diagnostic {
    /// Error or warning.
    pub severity: Severity,
    /// The stable code.
    pub code: Code,
    /// One sentence: what is wrong, naming the thing by its own name. No trailing full stop.
    pub message: Arc<str>,
    /// What tells it from others with its code at its place, as the attribute that is missing; `None` where there is
    /// but one.
    pub aspect: Option<Arc<str>>,
    /// The place at fault. `None` only for findings about no file (an option, the state).
    pub primary: Option<Label>,
    /// Other places that explain it: the first definition, each edge of a cycle.
    pub secondary: Vec<Label>,
    /// Why it is wrong: the rule or limit and the value that broke it.
    pub cause: Option<Arc<str>>,
    /// What to do about it, in the imperative; includes "did you mean" with close names.
    pub remedy: Option<Arc<str>>,
}

impl Diagnostic {
    /// An error with a code and a message; the builder methods add the rest.
    pub fn error(code: Code, message: impl Into<Arc<str>>) -> Self {
        Self::new(Severity::Error, code, message)
    }

    /// A warning with a code and a message.
    pub fn warning(code: Code, message: impl Into<Arc<str>>) -> Self {
        Self::new(Severity::Warning, code, message)
    }

    fn new(severity: Severity, code: Code, message: impl Into<Arc<str>>) -> Self {
        Diagnostic {
            severity,
            code,
            message: message.into(),
            aspect: None,
            primary: None,
            secondary: Vec::new(),
            cause: None,
            remedy: None,
        }
    }

    /// The place at fault, with a remark (may be empty).
    #[must_use]
    pub fn at(mut self, span: Span, message: impl Into<Arc<str>>) -> Self {
        self.primary = Some(Label {
            span,
            message: message.into(),
            hides_source: false,
        });
        self
    }

    /// Another place that explains it.
    #[must_use]
    pub fn also(mut self, span: Span, message: impl Into<Arc<str>>) -> Self {
        self.secondary.push(Label {
            span,
            message: message.into(),
            hides_source: false,
        });
        self
    }

    /// The same, with the places named so far told without what is written there: it may be sensitive.
    #[must_use]
    pub fn without_source(mut self) -> Self {
        for label in self.primary.iter_mut().chain(&mut self.secondary) {
            label.hides_source = true;
        }
        self
    }

    /// What tells it from others with its code at its place.
    #[must_use]
    pub fn aspect(mut self, aspect: impl Into<Arc<str>>) -> Self {
        self.aspect = Some(aspect.into());
        self
    }

    /// Why it is wrong.
    #[must_use]
    pub fn because(mut self, cause: impl Into<Arc<str>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// What to do about it.
    #[must_use]
    pub fn help(mut self, remedy: impl Into<Arc<str>>) -> Self {
        self.remedy = Some(remedy.into());
        self
    }
}

/// Findings of one run, in the order they were found, without repeats.
///
/// Two findings with one code and aspect at one primary span are one finding: a wrong rule
/// that is evaluated ten thousand times is reported once, with how often.
#[derive(Debug, Clone, Default)]
pub struct Diagnostics {
    items: Vec<(Diagnostic, usize)>,
    seen: rustc_hash::FxHashMap<(Code, Span, Option<Arc<str>>), usize>,
}

impl Diagnostics {
    /// No findings.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a finding, or counts it as one more occurrence of an earlier one.
    pub fn push(&mut self, diagnostic: Diagnostic) {
        if let Some(label) = &diagnostic.primary {
            let key = (diagnostic.code, label.span, diagnostic.aspect.clone());
            if let Some(index) = self.seen.get(&key) {
                if let Some((_, count)) = self.items.get_mut(*index) {
                    *count += 1;
                }
                return;
            }
            self.seen.insert(key, self.items.len());
        } else if let Some((_, count)) = self.items.iter_mut().find(|(known, _)| *known == diagnostic) {
            *count += 1;
            return;
        }
        self.items.push((diagnostic, 1));
    }

    /// Adds all of `other`'s findings.
    pub fn extend(&mut self, other: Diagnostics) {
        for (diagnostic, count) in other.items {
            for _ in 0..count {
                self.push(diagnostic.clone());
            }
        }
    }

    /// Whether any finding is an error.
    pub fn has_errors(&self) -> bool {
        self.items
            .iter()
            .any(|(item, _)| item.severity == Severity::Error)
    }

    /// Whether there is no finding at all.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// The findings with how often each occurred.
    pub fn iter(&self) -> impl Iterator<Item = (&Diagnostic, usize)> {
        self.items.iter().map(|(item, count)| (item, *count))
    }

    /// The findings in file order, those without a place last: the order to show them in.
    pub fn sorted(&self) -> Vec<(&Diagnostic, usize)> {
        let mut sorted: Vec<_> = self.iter().collect();
        sorted.sort_by_key(|(item, _)| {
            let span = item.primary.as_ref().map(|label| label.span);
            (span.is_none(), span, item.severity, item.code)
        });
        sorted
    }
}

/// The names closest to `name`, best first, at most three; empty when none is close.
///
/// Close means an edit distance (insertions, deletions, substitutions,
/// neighbours swapped) of at most a third of the longer name, ignoring case.
pub fn close_names<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let wanted = name.to_lowercase();
    let mut scored: Vec<(usize, &str)> = candidates
        .into_iter()
        .filter_map(|candidate| {
            let other = candidate.to_lowercase();
            let longest = wanted.chars().count().max(other.chars().count());
            let distance = edit_distance(&wanted, &other);
            (distance * 3 <= longest).then_some((distance, candidate))
        })
        .collect();
    scored.sort();
    scored.dedup();
    scored
        .into_iter()
        .take(3)
        .map(|(_, candidate)| candidate)
        .collect()
}

/// "did you mean `a`?" or "did you mean `a` or `b`?"; `None` when no name is close.
pub fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    let close = close_names(name, candidates);
    let quoted: Vec<String> = close.iter().map(|name| format!("`{name}`")).collect();
    (!quoted.is_empty()).then(|| format!("did you mean {}?", quoted.join(" or ")))
}

fn edit_distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=right.len()).collect();
    let mut previous = None;
    for (row, from) in left.chars().enumerate() {
        let mut current = vec![row + 1];
        for (column, to) in right.iter().enumerate() {
            let get = |line: &[usize], at: usize| line.get(at).copied().unwrap_or(usize::MAX / 2);
            let substituted = get(&last, column) + usize::from(from != *to);
            let mut best = substituted
                .min(get(&last, column + 1) + 1)
                .min(get(&current, column) + 1);
            let swapped = column > 0 && previous == Some(*to) && right.get(column - 1) == Some(&from);
            if swapped {
                best = best.min(get(&before, column - 1) + 1);
            }
            current.push(best);
        }
        previous = Some(from);
        before = std::mem::replace(&mut last, current);
    }
    last.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{FileId, Span};

    #[test]
    fn one_rule_at_fault_many_times_is_one_finding() {
        let span = Span::new(FileId(0), 3..9);
        let mut found = Diagnostics::new();
        for n in 0..10_000 {
            found.push(Diagnostic::error(Code("invalid-index"), format!("no key {n}")).at(span, ""));
        }
        let all: Vec<_> = found.iter().collect();
        assert_eq!(all.len(), 1);
        assert_eq!((all[0].0.message.as_ref(), all[0].1), ("no key 0", 10_000));
    }

    #[test]
    fn another_aspect_is_another_finding() {
        let span = Span::new(FileId(0), 3..9);
        let mut found = Diagnostics::new();
        for attribute in ["a", "b", "a"] {
            let finding = Diagnostic::error(Code("missing-attribute"), format!("needs `{attribute}`"));
            found.push(finding.at(span, "").aspect(attribute));
        }
        let counts: Vec<usize> = found.iter().map(|(_, count)| count).collect();
        assert_eq!(counts, [2, 1]);
    }

    #[test]
    fn close_names_survive_a_swap_and_reject_strangers() {
        assert_eq!(
            close_names("permission_est", ["permission_set", "principals"]),
            ["permission_set"]
        );
        assert!(close_names("x", ["account", "group"]).is_empty());
        assert_eq!(
            did_you_mean("acount", ["account"]).as_deref(),
            Some("did you mean `account`?")
        );
    }
}
