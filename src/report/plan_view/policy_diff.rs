//! Differences of policies, line by line over their canonical form.

use similar::{ChangeTag, TextDiff};

use crate::model::policy;
use crate::model::text::Text;

/// One line of a difference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DiffLine {
    /// The same on both sides, shown for orientation.
    Same(String),
    /// Only before.
    Removed(String),
    /// Only after.
    Added(String),
    /// Equal lines that are not shown.
    Gap,
}

/// The differing lines of two policies with up to `around` equal ones around them. Empty when nothing differs.
///
/// Both sides are brought to the canonical form first, so that neither spacing nor the order of keys and values
/// shows up.
pub fn policies(before: Option<&Text>, after: Option<&Text>, around: usize) -> Vec<DiffLine> {
    let canonical = |text: Option<&Text>| {
        text.map(|text| policy::pretty(&text.to_string()))
            .unwrap_or_default()
    };
    lines(&canonical(before), &canonical(after), around)
}

/// The differing lines of two texts with up to `around` equal ones around them.
pub fn lines(before: &str, after: &str, around: usize) -> Vec<DiffLine> {
    let diff = TextDiff::from_lines(before, after);
    let mut out = Vec::new();
    for (index, group) in diff.grouped_ops(around).iter().enumerate() {
        if index > 0 {
            out.push(DiffLine::Gap);
        }
        for change in group.iter().flat_map(|op| diff.iter_changes(op)) {
            let text = change.value().trim_end_matches(['\n', '\r']).to_owned();
            out.push(match change.tag() {
                ChangeTag::Equal => DiffLine::Same(text),
                ChangeTag::Delete => DiffLine::Removed(text),
                ChangeTag::Insert => DiffLine::Added(text),
            });
        }
    }
    out
}

/// At most about `most` lines, and how many are left out. What comes is never left out: it is what widens access. What
/// goes is cut to the half of `most`, or to the room that what comes leaves; what stays the same goes first.
pub fn cut(lines: &[DiffLine], most: usize) -> (Vec<DiffLine>, usize) {
    if lines.len() <= most {
        return (lines.to_vec(), 0);
    }
    let count = |wanted: fn(&DiffLine) -> bool| lines.iter().filter(|line| wanted(line)).count();
    let added = count(|line| matches!(line, DiffLine::Added(_)));
    let mut removed_left = (most / 2).max(most.saturating_sub(added));
    let mut out: Vec<DiffLine> = Vec::new();
    let mut hidden = 0;
    for line in lines {
        match line {
            DiffLine::Added(_) => out.push(line.clone()),
            DiffLine::Removed(_) if removed_left > 0 => {
                removed_left -= 1;
                out.push(line.clone());
            }
            DiffLine::Gap if out.last() == Some(&DiffLine::Gap) => {}
            DiffLine::Gap => out.push(DiffLine::Gap),
            DiffLine::Removed(_) | DiffLine::Same(_) => {
                hidden += 1;
                if out.last() != Some(&DiffLine::Gap) {
                    out.push(DiffLine::Gap);
                }
            }
        }
    }
    (out, hidden)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_is_never_cut_away() {
        let before: String = (0..60).map(|n| format!("deny {n}\n")).collect();
        let after: String = (0..40).map(|n| format!("allow {n}\n")).collect();
        let all = lines(&before, &after, 2);
        let (shown, hidden) = cut(&all, 24);
        let added = shown
            .iter()
            .filter(|line| matches!(line, DiffLine::Added(_)))
            .count();
        let removed = shown
            .iter()
            .filter(|line| matches!(line, DiffLine::Removed(_)))
            .count();
        assert_eq!((added, removed, hidden), (40, 12, 48));
        assert_eq!(cut(&all[..5], 24).1, 0);
    }

    #[test]
    fn only_what_means_something_else_differs() {
        let before = Text::known(
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":"*"}}"#,
        );
        let after = Text::known(
            r#"{"Statement":[{"Action":["s3:Get*"],"Effect":"Allow","Resource":["*"]}],"Version":"2012-10-17"}"#,
        );
        let diff = policies(Some(&before), Some(&after), 0);
        assert_eq!(
            diff,
            [
                DiffLine::Removed("        \"s3:*\"".to_owned()),
                DiffLine::Added("        \"s3:Get*\"".to_owned()),
            ]
        );
        assert_eq!(policies(Some(&after), Some(&after), 3), []);
    }
}
