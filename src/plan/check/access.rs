//! Grants and revokes: each one justified, none forgotten, none touching what is held.

use crate::model::access::Tuple;
use crate::model::stack::Unmanaged;
use crate::plan::Plan;
use crate::plan::change::{GrantReason, RecordChange, RevokeReason, RevokeStep};
use crate::plan::input::{Mode, PlanInput};

use super::Found;
use super::held::HeldNames;
use super::relations::{Relations, has, minus};
use super::rules::Rules;

/// What the questions about grants need.
pub(super) struct Judge<'a> {
    pub plan: &'a Plan,
    pub input: &'a PlanInput,
    pub relations: &'a Relations,
    pub held: &'a HeldNames,
    pub rules: &'a Rules,
}

impl Judge<'_> {
    /// Asks all of them.
    pub fn run(&self, found: &mut Found) {
        self.grants(found);
        for step in &self.plan.revokes {
            self.revoke(step, found);
        }
        self.records(found);
        if self.plan.mode == Mode::All && !self.plan.is_refused() {
            self.nothing_forgotten(found);
            self.no_record_forgotten(found);
        }
    }

    fn spell(&self, tuple: Tuple) -> String {
        match self.plan.names.resolve(tuple) {
            Some((account, set, principal)) => format!("{principal} → {set} in {account}"),
            None => format!("{tuple:?}"),
        }
    }

    fn grants(&self, found: &mut Found) {
        let relations = self.relations;
        let narrow = self.plan.mode.takes_away();
        found.require(
            !narrow || self.plan.grants.is_empty(),
            "grant-outside-mode",
            || "a plan that only removes makes grants".to_owned(),
        );
        if self.plan.mode == Mode::Standing {
            self.agreed(found);
        }
        for step in &self.plan.grants {
            let tuple = step.tuple;
            let spell = || self.spell(tuple);
            found.require(has(&relations.desired, tuple), "grant-not-declared", spell);
            found.require(!has(&relations.observed, tuple), "grant-already-there", spell);
            found.require(!self.held.holds(tuple), "grant-held", spell);
            let restore = step.reason == GrantReason::Restore;
            found.require(restore == has(&relations.lost, tuple), "grant-reason", spell);
        }
    }

    /// A plan of what was agreed on beforehand makes grants that an approval of the last apply names, and does nothing
    /// else.
    fn agreed(&self, found: &mut Found) {
        let plan = self.plan;
        let alone = plan.revokes.is_empty() && plan.actions.is_empty() && plan.records.is_empty();
        found.require(alone, "standing-outside-mode", String::new);
        let rules = self.input.recorded.rules.as_deref();
        let approvals = rules
            .map(|rules| rules.standing_approvals.as_slice())
            .unwrap_or_default();
        for step in &plan.grants {
            let Some((account, set, principal)) = plan.names.resolve(step.tuple) else {
                continue;
            };
            let named = approvals.iter().any(|approval| {
                let of = &approval.of;
                approval.expires.is_none_or(|expires| expires > plan.now)
                    && of.permission_sets.as_ref().is_some_and(|sets| sets.contains(set))
                    && of.principals.as_ref().is_none_or(|keys| keys.contains(principal))
                    && of.accounts.as_ref().is_none_or(|keys| keys.contains(account))
            });
            let declared = step.reason == GrantReason::Declared;
            found.require(named && declared, "grant-not-agreed", || self.spell(step.tuple));
        }
    }

    fn revoke(&self, step: &RevokeStep, found: &mut Found) {
        let (relations, tuple) = (self.relations, step.tuple);
        let spell = || self.spell(tuple);
        let destroy = self.plan.mode == Mode::Destroy;
        found.require(has(&relations.observed, tuple), "revoke-not-there", spell);
        let granted = self
            .plan
            .grants
            .binary_search_by_key(&tuple, |step| step.tuple)
            .is_ok();
        found.require(!granted, "grant-and-revoke", spell);
        found.require(!self.held.holds(tuple), "revoke-held", spell);
        found.require(!has(&relations.desired, tuple), "revoke-declared", spell);
        let renamed = step.reason == RevokeReason::Renamed;
        let protected = self.rules.protects(tuple) && !renamed && !self.plan.is_refused();
        found.require(!protected, "revoke-protected", spell);
        let ours = has(&relations.owned, tuple);
        if !ours {
            let freezes = self.plan.mode == Mode::Freeze;
            let by_name =
                !freezes && has(&relations.owned_by_name, tuple) && step.reason != RevokeReason::Unmanaged;
            found.require(!by_name, "revoke-of-another-id", spell);
            let removes = self.input.desired.settings.unmanaged == Unmanaged::Remove;
            found.require(
                freezes || removes && self.rules.says_scope && !destroy,
                "revoke-not-ours",
                spell,
            );
            found.require(
                freezes || self.rules.in_scope(tuple),
                "revoke-out-of-scope",
                spell,
            );
            found.require(freezes || !self.rules.ignores(tuple), "revoke-ignored", spell);
        }
        let expired = has(&relations.expired, tuple);
        let fits = match step.reason {
            RevokeReason::Unmanaged => !ours,
            RevokeReason::Expired => ours && expired,
            RevokeReason::Destroy => ours && destroy,
            RevokeReason::Renamed => ours && !destroy,
            // Of whom, and that `freeze` takes everything, is asked elsewhere.
            RevokeReason::Frozen => (ours || self.plan.mode == Mode::Freeze) && !destroy,
            RevokeReason::BlockRemoved | RevokeReason::NoLongerSelected => ours && !expired && !destroy,
        };
        found.require(fits, "revoke-reason", spell);
        let outlived = || step.reason == RevokeReason::Renamed && self.outlived(tuple);
        let asked = self.plan.mode != Mode::Expired || expired || outlived();
        found.require(asked, "revoke-outside-mode", spell);
    }

    /// Whether the principal has, in the same account, a permission set that let its old name stay for a while that has
    /// passed.
    fn outlived(&self, tuple: Tuple) -> bool {
        let sets = self.input.desired.snapshot.permission_sets.iter();
        let mut passed =
            sets.filter(|(_, set)| set.keep_old_until.is_some_and(|until| until <= self.input.now));
        passed.any(|(name, _)| {
            let set = self.plan.names.permission_set_rank(name);
            set.is_some_and(|set| {
                let new = Tuple::new(tuple.account(), set, tuple.principal());
                has(&self.relations.observed, new)
            })
        })
    }

    fn records(&self, found: &mut Found) {
        let relations = self.relations;
        for step in &self.plan.records {
            let there = has(&relations.observed, step.tuple);
            let declared = has(&relations.desired, step.tuple);
            let ours = has(&relations.owned, step.tuple);
            let outdated = has(&relations.outdated, step.tuple);
            let fits = match step.change {
                RecordChange::Adopt => there && declared && !ours,
                RecordChange::Relabel => there && declared && ours,
                RecordChange::Forget => (ours || outdated) && !declared,
            };
            found.require(fits, "record-step", || self.spell(step.tuple));
            let drops = step.change == RecordChange::Forget && ours && there;
            found.require(
                !drops || self.is_left_to_others(step.tuple),
                "forgotten-while-there",
                || self.spell(step.tuple),
            );
            found.require(!self.held.holds(step.tuple), "record-held", || {
                self.spell(step.tuple)
            });
        }
    }

    fn nothing_forgotten(&self, found: &mut Found) {
        let (plan, relations) = (self.plan, self.relations);
        for tuple in minus(&relations.desired, &relations.observed) {
            let granted = plan
                .grants
                .binary_search_by_key(&tuple, |step| step.tuple)
                .is_ok();
            found.require(
                granted || self.held.holds(tuple),
                "declared-and-forgotten",
                || self.spell(tuple),
            );
        }
        for tuple in minus(&relations.owned, &relations.desired) {
            if !has(&relations.observed, tuple) {
                continue;
            }
            let revoked = plan
                .revokes
                .binary_search_by_key(&tuple, |step| step.tuple)
                .is_ok();
            let left = self.is_left_to_others(tuple);
            found.require(
                revoked
                    || left
                    || self.held.holds(tuple)
                    || self.is_kept(tuple)
                    || self.waits_for_rules(tuple),
                "owned-and-forgotten",
                || self.spell(tuple),
            );
        }
    }

    /// Whether a rule says that others run it, so that this stack removes it no more.
    fn is_left_to_others(&self, tuple: Tuple) -> bool {
        let destroy = self.plan.mode == Mode::Destroy;
        !destroy && (self.rules.ignores(tuple) || !self.rules.in_scope(tuple))
    }

    /// What has expired goes with the next plan where this one takes it out of `protect`.
    fn waits_for_rules(&self, tuple: Tuple) -> bool {
        has(&self.relations.expired, tuple) && self.rules.protects(tuple)
    }

    /// A renamed set's grants may be kept for a while, next to those that replace them.
    fn is_kept(&self, tuple: Tuple) -> bool {
        let sets = self.input.desired.snapshot.permission_sets.values();
        let mut keeping = sets.filter(|set| set.keep_old_until.is_some_and(|until| until > self.input.now));
        keeping.any(|set| {
            let rank = self.plan.names.permission_set_rank(&set.value.name);
            rank.is_some_and(|rank| {
                let replaced = Tuple::new(tuple.account(), rank, tuple.principal());
                has(&self.relations.desired, replaced)
            })
        })
    }

    /// What is there and declared becomes ours; what is ours, gone and not declared any more is dropped.
    fn no_record_forgotten(&self, found: &mut Found) {
        let (plan, relations) = (self.plan, self.relations);
        let recorded = |tuple: Tuple, change: RecordChange| {
            let at = plan.records.binary_search_by_key(&tuple, |step| step.tuple).ok();
            at.and_then(|at| plan.records.get(at))
                .is_some_and(|step| step.change == change)
        };
        for tuple in minus(&relations.desired, &relations.owned) {
            let there = has(&relations.observed, tuple) && !self.held.holds(tuple);
            let said = !there || recorded(tuple, RecordChange::Adopt);
            found.require(said, "record-forgotten", || self.spell(tuple));
        }
        let gone = minus(&relations.owned, &relations.desired);
        let left = gone.iter().filter(|tuple| has(&relations.observed, **tuple));
        for tuple in left.filter(|tuple| self.is_left_to_others(**tuple)) {
            let said = self.held.holds(*tuple) || recorded(*tuple, RecordChange::Forget);
            found.require(said, "record-forgotten", || self.spell(*tuple));
        }
        let outdated = minus(&relations.outdated, &relations.desired);
        for tuple in outdated {
            let revoked = plan
                .revokes
                .binary_search_by_key(&tuple, |step| step.tuple)
                .is_ok();
            let said = revoked || self.held.holds(tuple) || recorded(tuple, RecordChange::Forget);
            found.require(said, "record-forgotten", || self.spell(tuple));
        }
        for tuple in minus(&gone, &relations.observed) {
            let said = self.held.holds(tuple) || recorded(tuple, RecordChange::Forget);
            found.require(said, "record-forgotten", || self.spell(tuple));
        }
    }
}
