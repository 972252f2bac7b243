//! What a change of a policy file changes: a difference of its lines, where the state has the text of then.

use std::sync::Arc;

use crate::model::policy_file::MOST_KEPT;
use crate::plan::rules::{PolicyTexts, RuleChange, RuleChangeKind};

use super::policy_diff::{self, DiffLine};

/// Equal lines that are shown around what differs.
const AROUND: usize = 2;

/// How the text of a policy file differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// The lines. Without any, the file's hashes are all there is.
    pub lines: Vec<DiffLine>,
    /// Why there are none.
    pub note: Option<String>,
}

/// What differs in the text of a policy file; `None` for other rules.
pub fn of(change: &RuleChange) -> Option<RuleText> {
    let texts = change.texts.as_ref()?;
    let nothing = || Some(Arc::from(""));
    let (before, after) = match change.change {
        RuleChangeKind::Added => (nothing(), texts.after.clone()),
        RuleChangeKind::Removed => (texts.before.clone(), nothing()),
        RuleChangeKind::Changed => (texts.before.clone(), texts.after.clone()),
    };
    let (Some(before), Some(after)) = (before, after) else {
        return Some(RuleText {
            lines: Vec::new(),
            note: Some(missing(change.change, texts)),
        });
    };
    let mut lines = policy_diff::lines(&laid_out(&before), &laid_out(&after), AROUND);
    if lines.is_empty() {
        // Numbers that are read alike, or a key that is written twice, may yet be read otherwise elsewhere.
        lines = policy_diff::lines(&before, &after, AROUND);
    }
    let note = lines
        .is_empty()
        .then(|| "its lines are the same: what differs is how they end".to_owned());
    Some(RuleText { lines, note })
}

fn missing(change: RuleChangeKind, texts: &PolicyTexts) -> String {
    let most = MOST_KEPT >> 10;
    match change {
        RuleChangeKind::Added => format!(
            "its text is not shown: it is larger than {most} KiB, or that of all policies together is too large"
        ),
        RuleChangeKind::Changed if texts.after.is_none() => {
            format!(
                "its lines are not compared: the text is larger than {most} KiB, or that of all policies together is too large"
            )
        }
        _ => format!(
            "the text of the last apply is not in the state: it was larger than {most} KiB, that of all policies together was too \
             large, or an earlier version wrote it; compare the file with that of the revision that was applied last"
        ),
    }
}

/// Data is read as JSON, which YAML becomes on one line.
fn laid_out(text: &str) -> String {
    let data = serde_json::from_str::<serde_json::Value>(text).ok();
    let pretty = data.and_then(|data| serde_json::to_string_pretty(&data).ok());
    pretty.map_or_else(|| text.to_owned(), |pretty| pretty + "\n")
}

/// A line with the sign of what happens to it.
pub fn signed(line: &DiffLine) -> String {
    // Rego is indented with tabs, which would be shown as control characters.
    match line {
        DiffLine::Same(text) => format!("  {text}"),
        DiffLine::Removed(text) => format!("- {text}"),
        DiffLine::Added(text) => format!("+ {text}"),
        DiffLine::Gap => "…".to_owned(),
    }
    .replace('\t', "    ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::rules::RuleBlock;

    fn change(kind: RuleChangeKind, before: Option<&str>, after: Option<&str>) -> RuleChange {
        RuleChange {
            rule: RuleBlock::Policy,
            label: Some("policies/a.rego".into()),
            change: kind,
            may_loosen: true,
            before: vec!["blake3: 1".into()],
            after: vec!["blake3: 2".into()],
            texts: Some(PolicyTexts {
                before: before.map(Into::into),
                after: after.map(Into::into),
            }),
            location: None,
        }
    }

    fn shown(change: &RuleChange) -> Vec<String> {
        of(change).unwrap().lines.iter().map(signed).collect()
    }

    #[test]
    fn lines_that_differ_are_shown_with_some_around_them() {
        let before = "package rolecall\n\n1\n2\n3\n4\n5\ndeny contains m if { a }\n";
        let after = before.replace("{ a }", "{ false }");
        let changed = change(RuleChangeKind::Changed, Some(before), Some(&after));
        assert_eq!(
            shown(&changed),
            [
                "  4",
                "  5",
                "- deny contains m if { a }",
                "+ deny contains m if { false }"
            ]
        );
        let removed = change(RuleChangeKind::Removed, Some("a\nb\n"), None);
        assert_eq!(shown(&removed), ["- a", "- b"]);
        let added = change(RuleChangeKind::Added, None, Some("a\n\tb\n"));
        assert_eq!(shown(&added), ["+ a", "+     b"]);
    }

    #[test]
    fn data_is_compared_value_by_value() {
        let data = change(
            RuleChangeKind::Changed,
            Some(r#"{"exempt":["ada","bob"]}"#),
            Some(r#"{"exempt":["ada","eve"]}"#),
        );
        let lines = shown(&data);
        assert!(lines.contains(&r#"-     "bob""#.to_owned()), "{lines:?}");
        assert!(lines.contains(&r#"+     "eve""#.to_owned()), "{lines:?}");
        let spaces = change(RuleChangeKind::Changed, Some("{ }"), Some("{}"));
        assert_eq!(shown(&spaces), ["- { }", "+ {}"], "as it is written");
        let (before, after) = (
            "{\"most\": 12345678901234567890123}",
            "{\"most\": 12345678901234567890124}",
        );
        let numbers = change(RuleChangeKind::Changed, Some(before), Some(after));
        assert_eq!(
            shown(&numbers),
            [format!("- {before}"), format!("+ {after}")],
            "numbers that are read alike"
        );
    }

    #[test]
    fn what_is_not_kept_is_said() {
        for (kind, before, after, said) in [
            (RuleChangeKind::Changed, None, Some("a"), "not in the state"),
            (RuleChangeKind::Changed, Some("a"), None, "larger than 32 KiB"),
            (RuleChangeKind::Removed, None, None, "not in the state"),
            (RuleChangeKind::Added, None, None, "larger than 32 KiB"),
        ] {
            let text = of(&change(kind, before, after)).unwrap();
            assert!(text.lines.is_empty());
            assert!(text.note.unwrap().contains(said), "{kind:?}");
        }
        let mut guardrail = change(RuleChangeKind::Changed, None, None);
        guardrail.texts = None;
        assert_eq!(of(&guardrail), None);
    }
}
