//! Reasons of assignments that change while the assignments stay: they are what a reviewer goes by, and what an audit
//! reads later.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Plan;
use super::change::RecordChange;
use super::finding::{Finding, Level, counted};

/// One finding for each block whose reason changes for assignments that stay.
pub(super) fn findings(plan: &Plan) -> Vec<Finding> {
    if plan.former_reasons.is_empty() {
        return Vec::new();
    }
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for step in plan
        .records
        .iter()
        .filter(|step| step.change == RecordChange::Relabel)
    {
        let note = plan.notes.get(step.note as usize);
        for block in note.into_iter().flat_map(|note| &note.declared_by) {
            *counts.entry(*block).or_default() += 1;
        }
    }
    let found = counts.into_iter().filter_map(|(block, count)| {
        let change = plan.reason_change(block)?;
        let declared = plan.declarations.get(block as usize)?;
        let verb = if count == 1 { "has" } else { "have" };
        Some(Finding {
            subjects: [declared.address.to_string().into()].into(),
            location: declared.location.clone(),
            ..Finding::new(
                Level::Note,
                "reason-changed",
                format!(
                    "{} {verb} another reason than was applied: {change}",
                    counted(count, "assignment")
                ),
            )
        })
    });
    found.collect()
}

impl Plan {
    /// `ACC-2 → ACC-7`, where the reason of a block, by index, changes.
    pub fn reason_change(&self, block: u32) -> Option<String> {
        let before = self.former_reasons.get(&block)?;
        let after = &self.declarations.get(block as usize)?.reason;
        let word = |reason: &Option<Arc<str>>| reason.as_deref().unwrap_or("none").to_owned();
        Some(format!("{} → {}", word(before), word(after)))
    }
}

#[cfg(test)]
mod tests {
    use crate::plan::testing::{Stack, World, group};

    fn stack(reason: Option<&str>, end: Option<&str>) -> Stack {
        let stack = Stack::new()
            .accounts(&[1, 2])
            .set("view", "view")
            .group("ops", "Ops", &["ada"]);
        let stack = stack.user("ada", "ada");
        let mut stack = stack.assign_until("a", &[group("Ops")], &["view"], &[1, 2], end);
        stack = stack.assign("b", &[group("Ops")], &["view"], &[2]);
        stack.because("a", reason)
    }

    #[test]
    fn a_changed_reason_is_told_with_the_former_one() {
        let world = || World::new().apply(stack(Some("ACC-2"), None));
        let told = |plan: &crate::plan::Plan| -> Vec<String> {
            let findings = plan
                .findings
                .iter()
                .filter(|finding| &*finding.code == "reason-changed");
            findings
                .map(|finding| format!("{} {}", finding.subjects.first().unwrap(), finding.message))
                .collect()
        };
        let changed = world().plan(stack(Some("ACC-7"), None));
        assert_eq!(
            told(&changed),
            ["assignment.a 2 assignments have another reason than was applied: ACC-2 → ACC-7"]
        );
        let gone = world().plan(stack(None, None));
        assert_eq!(
            told(&gone),
            ["assignment.a 2 assignments have another reason than was applied: ACC-2 → none"]
        );
        let ends = world().plan(stack(Some("ACC-2"), Some("2027-02-01T00:00:00Z")));
        assert!(!ends.records.is_empty());
        assert_eq!(told(&ends), [""; 0]);
    }
}
