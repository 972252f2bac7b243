//! The independent checker: reads a finished plan against its input and says what is wrong with it.
//!
//! It shares no code with the planner beyond the types, and asks simpler
//! questions: is every change declared or owned, is anything forgotten, does the
//! order keep what must be kept, do the counts agree. It runs on every plan; a
//! violation is a defect of rolecall, and such a plan is never shown as good.

mod access;
mod entities;
mod gaps;
mod order;
mod roles;

use std::sync::Arc;

use super::Plan;
use super::input::PlanInput;

/// A broken invariant.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Violation {
    /// Which invariant: `order-cycle`, `revoke-not-ours`, …
    pub invariant: &'static str,
    /// What breaks it, with names.
    pub detail: Arc<str>,
}

impl Violation {
    fn new(invariant: &'static str, detail: impl Into<Arc<str>>) -> Self {
        Violation {
            invariant,
            detail: detail.into(),
        }
    }
}

impl std::fmt::Display for Violation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {}", self.invariant, self.detail)
    }
}

/// Everything wrong with a plan; empty for a sound one. At most a hundred violations are listed.
pub fn check(plan: &Plan, input: &PlanInput) -> Vec<Violation> {
    let mut found = Found::default();
    if shape(plan, &mut found) {
        let relations = access::Relations::new(plan, input);
        access::check(plan, input, &relations, &mut found);
        entities::check(plan, input, &mut found);
        order::check(plan, &mut found);
        gaps::check(plan, input, &relations, &mut found);
        roles::check(plan, input, &relations, &mut found);
        guards(plan, input, &mut found);
    }
    found.violations
}

/// Violations found so far, cut off at a hundred: a plan with a hundred defects is not better understood by more.
#[derive(Default)]
struct Found {
    violations: Vec<Violation>,
}

impl Found {
    fn add(&mut self, invariant: &'static str, detail: impl FnOnce() -> String) {
        if self.violations.len() < 100 {
            self.violations.push(Violation::new(invariant, detail()));
        }
    }

    fn require(&mut self, holds: bool, invariant: &'static str, detail: impl FnOnce() -> String) {
        if !holds {
            self.add(invariant, detail);
        }
    }
}

/// Tables sorted, indices in range: without this, nothing else can be asked.
fn shape(plan: &Plan, found: &mut Found) -> bool {
    fn ascending<T: Ord>(items: impl Iterator<Item = T>) -> bool {
        items.is_sorted_by(|left, right| left < right)
    }
    let before = found.violations.len();
    let names = &plan.names;
    let tables = ascending(names.accounts.iter())
        && ascending(names.permission_sets.iter())
        && ascending(names.principals.iter());
    found.require(tables, "names-sorted", || {
        "a name table is not sorted or has repeats".to_owned()
    });
    found.require(
        ascending(plan.grants.iter().map(|s| s.tuple)),
        "grants-sorted",
        String::new,
    );
    found.require(
        ascending(plan.revokes.iter().map(|s| s.tuple)),
        "revokes-sorted",
        String::new,
    );
    found.require(
        ascending(plan.records.iter().map(|s| s.tuple)),
        "records-sorted",
        String::new,
    );
    let tuples = || {
        let grants = plan.grants.iter().map(|step| (step.tuple, step.note));
        let revokes = plan.revokes.iter().map(|step| (step.tuple, step.note));
        grants
            .chain(revokes)
            .chain(plan.records.iter().map(|step| (step.tuple, step.note)))
    };
    let known = tuples().all(|(tuple, _)| names.resolve(tuple).is_some());
    found.require(known, "tuple-names", || {
        "a step names something outside the tables".to_owned()
    });
    let notes = tuples().all(|(_, note)| (note as usize) < plan.notes.len());
    found.require(notes, "notes-in-range", || {
        "a step's note is not in the plan".to_owned()
    });
    let blocks = plan.notes.iter().flat_map(|note| &note.declared_by);
    let blocks = blocks
        .copied()
        .all(|block| (block as usize) < plan.declarations.len());
    found.require(blocks, "declarations-in-range", || {
        "a note names a block that is not there".to_owned()
    });
    let waits = plan.waits.actions.len() == plan.actions.len();
    found.require(waits, "waits-per-action", || {
        "actions and their waits differ in number".to_owned()
    });
    found.violations.len() == before
}

/// What must be refused is refused.
fn guards(plan: &Plan, input: &PlanInput, found: &mut Found) {
    let settings = &input.desired.settings;
    let limit = input.options.max_removals.unwrap_or(settings.max_removals);
    let over = plan.revokes.len() as u64 > limit && plan.mode != super::input::Mode::Destroy;
    found.require(!over || plan.is_refused(), "max-removals", || {
        format!(
            "{} revokes are more than the limit of {limit}, and the plan is not refused",
            plan.revokes.len()
        )
    });
    let bound = input
        .recorded
        .instance
        .as_ref()
        .is_some_and(|bound| bound.arn != input.observed.instance.arn);
    found.require(!bound || plan.is_refused(), "wrong-instance", || {
        "the state is bound to another instance, and the plan is not refused".to_owned()
    });
}
