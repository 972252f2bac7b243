//! The independent checker: reads a finished plan against its input and says what is wrong with it.
//!
//! It shares no code with the planner beyond the types, and asks simpler
//! questions: is every change declared or owned, is anything forgotten, does the
//! order keep what must be kept, do the counts agree. It runs on every plan; a
//! violation is a defect of rolecall, and such a plan is never shown as good.

mod access;
mod counts;
mod entities;
mod freeze;
mod gaps;
mod guardrails;
mod held;
mod identity;
mod order;
mod relations;
mod roles;
mod rules;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::address::Address;
use crate::id::GroupName;
use crate::model::action::Effect;

use self::access::Judge;
use self::held::HeldNames;
use self::identity::Identity;
use self::relations::Relations;
use self::rules::Rules;

use super::Plan;
use super::change::{Action, RevokeReason};
use super::input::{Mode, PlanInput};

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
    if !shape(plan, &mut found) {
        return found.violations;
    }
    // Writing the plan out for its digest takes as long as all the questions together.
    let (digest, ()) = rayon::join(
        || super::digest::digest(plan),
        || questions(plan, input, &mut found),
    );
    found.require(digest == plan.digest, "digest", || {
        format!("it says {}, and is {digest}", plan.digest)
    });
    found.violations
}

fn questions(plan: &Plan, input: &PlanInput, found: &mut Found) {
    let identity = Identity::new(input);
    let relations = Relations::new(plan, input, &identity, found);
    let held = HeldNames::new(plan, input);
    let rules = Rules::new(plan, input);
    let judge = Judge {
        plan,
        input,
        relations: &relations,
        held: &held,
        rules: &rules,
    };
    // The two halves of the questions have nothing to do with each other.
    let (first, second) = rayon::join(
        || {
            let mut found = Found::default();
            judge.run(&mut found);
            entities::check(plan, input, &identity, &mut found);
            entities::names(plan, input, &identity, &mut found);
            entities::provisions(plan, &relations, &held, &mut found);
            found
        },
        || {
            let mut found = Found::default();
            order::check(plan, input, &relations, &mut found);
            gaps::check(plan, input, &relations, &mut found);
            roles::check(plan, &relations, &mut found);
            counts::check(plan, &relations, &held, &rules, &mut found);
            guards(plan, input, &relations, &rules, &mut found);
            freeze::check(plan, input, &relations, &held, &mut found);
            guardrails::check(plan, input, &identity, &relations, &mut found);
            found
        },
    );
    found.join(first);
    found.join(second);
}

/// So many violations are told: a plan with a hundred defects is not better understood by more.
const MOST: usize = 100;

/// Violations found so far, cut off at [`MOST`].
#[derive(Default)]
struct Found {
    violations: Vec<Violation>,
}

impl Found {
    fn add(&mut self, invariant: &'static str, detail: impl FnOnce() -> String) {
        if self.violations.len() < MOST {
            self.violations.push(Violation::new(invariant, detail()));
        }
    }

    fn join(&mut self, others: Found) {
        let room = MOST.saturating_sub(self.violations.len());
        self.violations.extend(others.violations.into_iter().take(room));
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

/// Ways in that end: grants but for those of a set that gets another name, memberships, users.
fn removals(plan: &Plan, input: &PlanInput) -> u64 {
    let ends = plan
        .revokes
        .iter()
        .filter(|step| step.reason != RevokeReason::Renamed);
    let members = |group: &GroupName| {
        let seen = input.observed.snapshot.groups.get(group);
        seen.and_then(|seen| seen.value.members.as_ref())
            .map_or(0, |members| members.len() as u64)
    };
    let lost = |action: &Action| match &action.effect {
        Some(Effect::RemoveMember { .. } | Effect::DeleteUser { .. }) => 1,
        Some(Effect::DeleteGroup { group }) => members(group),
        _ => 0,
    };
    ends.count() as u64 + plan.actions.iter().map(lost).sum::<u64>()
}

/// What must be refused is refused.
fn guards(plan: &Plan, input: &PlanInput, relations: &Relations, rules: &Rules, found: &mut Found) {
    let same = plan.mode == input.options.mode
        && plan.now == input.now
        && plan.lineage == input.recorded.lineage
        && plan.instance == input.observed.instance;
    found.require(same, "plan-of-another-input", || {
        "mode, time, lineage or instance are not the input's".to_owned()
    });
    if plan.is_refused() {
        return;
    }
    let declared = input.desired.settings.max_removals;
    let last = input.recorded.rules.as_deref();
    let both = last.map_or(declared, |rules| rules.settings.max_removals.min(declared));
    let limit = input.options.max_removals.unwrap_or(both);
    let removals = removals(plan, input);
    let over = removals > limit && !matches!(plan.mode, Mode::Destroy | Mode::Freeze);
    found.require(!over, "max-removals", || {
        format!("{removals} removals are more than the limit of {limit}, and the plan is not refused")
    });
    let bound = input.recorded.instance.as_ref();
    let other = bound.is_some_and(|bound| bound.arn != input.observed.instance.arn);
    found.require(!other, "wrong-instance", || {
        "the state is bound to another instance, and the plan is not refused".to_owned()
    });
    let outside = rules.narrows() && !relations.desired.iter().all(|tuple| rules.in_scope(*tuple));
    let declares = matches!(plan.mode, Mode::All);
    found.require(!outside || !declares, "outside-scope", || {
        "it declares outside the scope, and the plan is not refused".to_owned()
    });
    if plan.mode == Mode::All {
        emptied(input, found);
    }
}

/// A block that granted something and now selects nothing is an error, unless it says that it is meant.
fn emptied(input: &PlanInput, found: &mut Found) {
    let applied = &input.recorded.applied.access;
    let granted = |address: &Address| {
        let notes = applied.notes.iter().filter(|note| note.owned);
        let mut blocks = notes.flat_map(|note| &note.declared_by);
        blocks.any(|block| {
            let block = applied.declarations.get(*block as usize);
            block.is_some_and(|block| block.address == *address)
        })
    };
    for (address, selection) in &input.desired.selections {
        let least = selection
            .principals
            .min(selection.permission_sets)
            .min(selection.accounts);
        let meant = least > 0 || selection.allow_empty;
        found.require(meant || !granted(address), "empty-selector", || {
            address.to_string()
        });
    }
}
