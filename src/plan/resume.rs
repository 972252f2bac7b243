//! How a run that was interrupted is recognised and gone on with.
//!
//! A plan made after an interruption has fewer steps than the one that was approved. It resumes the run if it is
//! just what is left of it: every step of it was approved and has not been done, and every step that was approved is
//! in it or has been done. What was done and undone by somebody else is no part of what is left, and a plan that
//! leaves out what was approved is another plan: it may take access away without giving what was to replace it.

use rustc_hash::FxHashSet;

use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::fingerprint;
use crate::model::record::UnfinishedRun;

use super::Plan;
use super::change::{Action, ActionKind, GrantReason, RecordChange};
use super::finding::Level;
use super::input::Mode;

/// The fingerprints of a plan's steps, of those that change the record alone too, ascending.
pub fn step_fingerprints(plan: &Plan) -> Vec<u64> {
    let mut steps = action_fingerprints(plan);
    let grants = plan.grants.iter().filter_map(|step| {
        let tag = if step.reason == GrantReason::Restore {
            RESTORE
        } else {
            GRANT
        };
        of_tuple(plan, tag, step.tuple)
    });
    steps.extend(grants);
    let revokes = plan.revokes.iter();
    steps.extend(revokes.filter_map(|step| of_tuple(plan, REVOKE, step.tuple)));
    steps.extend(record_fingerprints(plan));
    steps.sort_unstable();
    steps.dedup();
    steps
}

/// The fingerprint of each action, in the plan's order.
pub fn action_fingerprints(plan: &Plan) -> Vec<u64> {
    plan.actions.iter().map(of_action).collect()
}

/// The fingerprints of the steps that change the record alone, which are done as soon as a run begins.
pub fn record_fingerprints(plan: &Plan) -> Vec<u64> {
    let actions = plan.actions.iter().filter(|action| action.effect.is_none());
    let records = plan
        .records
        .iter()
        .filter_map(|step| of_tuple(plan, of_change(step.change), step.tuple));
    actions.map(of_action).chain(records).collect()
}

/// Whether carrying out `plan` is carrying on with `unfinished`: it is what is left of that run.
pub fn resume_of(unfinished: &UnfinishedRun, plan: &Plan) -> bool {
    let left = Left::new(unfinished);
    left.has_all_of(plan) && left.is_covered_by(plan)
}

const GRANT: u8 = b'+';
const RESTORE: u8 = fingerprint::RESTORED_GRANT;
const REVOKE: u8 = b'-';

/// What an unfinished run had still to do.
struct Left<'r> {
    run: &'r UnfinishedRun,
}

impl<'r> Left<'r> {
    fn new(run: &'r UnfinishedRun) -> Self {
        Left { run }
    }

    fn was_approved(&self, fingerprint: u64) -> bool {
        self.run.approved(fingerprint)
    }

    fn has(&self, fingerprint: u64) -> bool {
        self.run.has_left(fingerprint)
    }

    /// Whether every step of the plan was approved, and is not done.
    fn has_all_of(&self, plan: &Plan) -> bool {
        let has = |tag: u8, tuple: Tuple| of_tuple(plan, tag, tuple).is_some_and(|step| self.has(step));
        let actions = plan.actions.iter().all(|action| match &action.effect {
            Some(effect) => {
                let step = fingerprint::of_effect(effect);
                self.has(fingerprint::of_restore(step)) || !action.restore && self.has(step)
            }
            // The record only catches up; but nothing is taken in or dropped that was not to be.
            None => self.was_approved(of_action(action)),
        });
        actions
            && plan.grants.iter().all(|step| {
                has(RESTORE, step.tuple) || step.reason != GrantReason::Restore && has(GRANT, step.tuple)
            })
            && plan.revokes.iter().all(|step| has(REVOKE, step.tuple))
            && plan.records.iter().all(|step| {
                let same = of_tuple(plan, of_change(step.change), step.tuple);
                same.is_some_and(|step| self.was_approved(step))
                    || done_by(step.change).iter().any(|tag| has(*tag, step.tuple))
            })
    }

    /// Whether every step that is left is in the plan, or somebody has brought it about.
    fn is_covered_by(&self, plan: &Plan) -> bool {
        let mut there: FxHashSet<u64> = FxHashSet::default();
        for action in &plan.actions {
            let step = of_action(action);
            there.insert(step);
            if action.effect.is_some() {
                there.insert(fingerprint::of_restore(step));
            }
        }
        let grants = plan.grants.iter().map(|step| step.tuple);
        let both = grants.flat_map(|tuple| [(GRANT, tuple), (RESTORE, tuple)]);
        let revokes = plan.revokes.iter().map(|step| (REVOKE, step.tuple));
        let records = plan.records.iter().flat_map(|step| {
            let tags = done_by(step.change).iter().copied();
            let tags = tags.chain([of_change(step.change)]);
            tags.map(|tag| (tag, step.tuple))
        });
        let steps = both.chain(revokes).chain(records);
        there.extend(steps.filter_map(|(tag, tuple)| of_tuple(plan, tag, tuple)));
        if provisions_what_is_behind(plan) {
            let provisions = plan.names.permission_sets.iter().map(|name| Effect::Provision {
                name: name.clone(),
                accounts: None,
            });
            there.extend(provisions.map(|effect| fingerprint::of_effect(&effect)));
        }
        let mut left = self.run.steps.iter().filter(|step| self.has(**step));
        left.all(|step| there.contains(step))
    }
}

/// Whether sets that the plan does not provision have no role that is behind: a grant brings its role up to date. Narrowed
/// plans leave provisionings out, and so does one where something could not be read.
fn provisions_what_is_behind(plan: &Plan) -> bool {
    plan.mode == Mode::All && plan.findings.iter().all(|finding| finding.level != Level::Held)
}

/// An action's fingerprint: its effect's, or what it does to the record.
fn of_action(action: &Action) -> u64 {
    match (&action.effect, action.kind) {
        (Some(effect), _) if action.restore => fingerprint::of_restore(fingerprint::of_effect(effect)),
        (Some(effect), _) => fingerprint::of_effect(effect),
        // Gone already, whoever did it.
        (None, ActionKind::Forget) => fingerprint::of_removal(&action.entity),
        (None, kind) => fingerprint::hash(&(kind, &action.entity)),
    }
}

fn of_change(change: RecordChange) -> u8 {
    match change {
        RecordChange::Adopt => b'a',
        RecordChange::Relabel => b'l',
        RecordChange::Forget => b'f',
    }
}

/// What somebody must have done for the record to catch up like this.
fn done_by(change: RecordChange) -> &'static [u8] {
    match change {
        RecordChange::Adopt | RecordChange::Relabel => &[GRANT, RESTORE],
        RecordChange::Forget => &[REVOKE],
    }
}

fn of_tuple(plan: &Plan, tag: u8, tuple: Tuple) -> Option<u64> {
    let (account, set, principal) = plan.names.resolve(tuple)?;
    Some(fingerprint::of_tuple(tag, account, set, principal))
}

#[cfg(test)]
mod tests {
    use crate::plan::finding::Finding;
    use crate::plan::testing::{Stack, World, group};

    use super::*;

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("view", "view")
            .group("ops", "Ops", &["ada"])
            .assign("a", &[group("Ops")], &["view"], &[1, 2])
    }

    /// A run that had approval for a plan and did these of its steps.
    fn run_of(plan: &Plan, world: &World, done: impl IntoIterator<Item = u64>) -> UnfinishedRun {
        let mut done: Vec<u64> = done.into_iter().collect();
        done.sort_unstable();
        UnfinishedRun {
            run: "r".into(),
            started: world.now,
            actor: "a@b".into(),
            digest: plan.digest.clone(),
            steps: step_fingerprints(plan),
            done,
            people: None,
            in_doubt: Vec::new(),
        }
    }

    #[test]
    fn what_is_left_of_an_interrupted_run_resumes_it() {
        let world = World::new().has_user("ada");
        let whole = world.plan(stack());
        assert!(resume_of(&run_of(&whole, &world, []), &whole));
        // The set and the group were made, and somebody made one of the grants.
        let halfway =
            World::new()
                .has_user("ada")
                .apply(
                    Stack::new()
                        .accounts(&[1, 2])
                        .set("view", "view")
                        .group("ops", "Ops", &["ada"]),
                );
        let halfway = halfway.has_grant(1, "view", group("Ops"));
        let unfinished = run_of(&whole, &world, action_fingerprints(&whole));
        let rest = halfway.plan(stack());
        assert_ne!(rest.digest, whole.digest);
        assert!(resume_of(&unfinished, &rest));
        let more = stack().assign("b", &[group("Ops")], &["view"], &[3]);
        assert!(!resume_of(&unfinished, &halfway.plan(more)));
        let other = stack().set_with("view", "view", |entity| {
            entity.value.description = Some("x".into())
        });
        assert!(!resume_of(&unfinished, &halfway.plan(other)));
    }

    #[test]
    fn a_plan_without_what_was_approved_is_another_plan() {
        let two = |blocks: &[(&str, &str)]| {
            let mut stack = Stack::new()
                .accounts(&[1])
                .set("view", "view")
                .group("ops", "Ops", &["ada"])
                .group("old", "Old", &["ada"]);
            for (label, who) in blocks {
                stack = stack.assign(label, &[group(who)], &["view"], &[1]);
            }
            stack
        };
        let world = World::new().has_user("ada").apply(two(&[("old", "Old")]));
        // Ada goes on with access by another group.
        let whole = world.plan(two(&[("ops", "Ops")]));
        assert_eq!((whole.grants.len(), whole.revokes.len()), (1, 1));
        let unfinished = run_of(&whole, &world, []);
        assert!(resume_of(&unfinished, &whole));
        // The grant failed, and somebody took its block out: Ada would be left without any.
        let without = world.plan(two(&[]));
        assert_eq!((without.grants.len(), without.revokes.len()), (0, 1));
        assert!(!resume_of(&unfinished, &without));
    }

    #[test]
    fn what_was_done_and_undone_by_others_is_not_done_again() {
        let world = World::new().has_user("ada");
        let whole = world.plan(stack());
        let applied = world.clone().apply(stack());
        let mut done = action_fingerprints(&whole);
        done.extend(whole.grants.iter().take(1).flat_map(|step| {
            [GRANT, RESTORE].map(|tag| of_tuple(&whole, tag, step.tuple).unwrap_or_default())
        }));
        let unfinished = run_of(&whole, &world, done);
        // The first grant was made and is revoked in an incident; the second never came to be.
        let mut incident = applied
            .loses_grant(1, "view", group("Ops"))
            .loses_grant(2, "view", group("Ops"));
        let second = incident.recorded.applied.access.tuples.pop();
        assert!(second.is_some());
        incident.recorded.applied.access.note_of.pop();
        let rest = incident.plan(stack());
        let reasons: Vec<GrantReason> = rest.grants.iter().map(|step| step.reason).collect();
        assert_eq!(reasons, [GrantReason::Restore, GrantReason::Declared]);
        assert!(!resume_of(&unfinished, &rest));
    }

    /// A grant brings its role up to date, so that the provisioning that was left is not asked for again.
    #[test]
    fn a_provisioning_that_a_grant_has_made_needless_is_not_left() {
        let longer = stack().set_with("view", "view", |entity| {
            entity.value.session_duration = "PT4H".parse().unwrap();
        });
        let world = World::new().has_user("ada").apply(stack());
        let whole = world.plan(longer.clone());
        fn is_kind(action: &Action) -> bool {
            matches!(action.effect, Some(Effect::Provision { .. }))
        }
        let of = |which: fn(&(&Action, u64)) -> bool| {
            let steps = whole.actions.iter().zip(action_fingerprints(&whole));
            steps.filter(which).map(|(_, step)| step).collect::<Vec<u64>>()
        };
        let changed = || of(|(action, _)| !is_kind(action));
        assert_eq!(whole.actions.len(), 2);
        assert!(is_kind(&whole.actions[1]));
        let rest = world.clone().apply(longer.clone()).plan(longer);
        assert!(rest.is_empty());
        assert!(resume_of(&run_of(&whole, &world, changed()), &rest));
        let revokes = Plan {
            mode: Mode::Revokes,
            ..rest.clone()
        };
        assert!(
            !resume_of(&run_of(&whole, &world, changed()), &revokes),
            "it leaves provisionings out"
        );
        let held = Finding::new(Level::Held, "unreadable", "roles of view");
        let held = Plan {
            findings: vec![held],
            ..rest.clone()
        };
        assert!(
            !resume_of(&run_of(&whole, &world, changed()), &held),
            "nobody knows"
        );
        let provisioned = of(|(action, _)| is_kind(action));
        assert!(
            !resume_of(&run_of(&whole, &world, provisioned), &rest),
            "the change is left"
        );
    }
}
