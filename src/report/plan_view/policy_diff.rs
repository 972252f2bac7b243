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

#[cfg(test)]
mod tests {
    use super::*;

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
