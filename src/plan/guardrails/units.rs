//! Guardrails that are written over the accounts of a unit: which accounts these are.
//!
//! `organizational_unit.prod.accounts` lists what is declared there. A rule means the unit: whatever else the service
//! shows there is judged as well, or a look-up of an account would be a way around every such rule. And an account that
//! a change of the configuration brings under a rule brings its people along: who has access there already newly has
//! what the rule is about, as the rule did not hold there before. A plan that moves or tags the account is refused for
//! that; where the service has it there already, and a block only says so now, there is nothing to hold back, and the rule is
//! broken already.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::id::{AccountKey, OuPath};
use crate::model::guardrail::{Guardrail, Rule, Selector};
use crate::model::snapshot::Management;
use crate::plan::change::Action;
use crate::plan::input::{Mode, PlanInput};
use crate::plan::last_rules::NamesNow;

use super::{Case, Court};

/// A guardrail with what the service shows in the units that it is written over.
pub(super) fn as_they_stand<'a>(
    mut guardrail: Cow<'a, Guardrail>,
    input: &PlanInput,
    names: &NamesNow,
) -> Cow<'a, Guardrail> {
    let rules = guardrail.rules.iter();
    let more: Vec<BTreeSet<AccountKey>> = rules.map(|rule| also_there(rule.of(), input, names)).collect();
    if more.iter().all(BTreeSet::is_empty) {
        return guardrail;
    }
    for (rule, more) in guardrail.to_mut().rules.iter_mut().zip(more) {
        rule.of_mut()
            .accounts
            .iter_mut()
            .for_each(|known| known.extend(more.iter().cloned()));
    }
    guardrail
}

/// The accounts that stand in a selector's unit and that no block says to be somewhere else from now on.
fn also_there(of: &Selector, input: &PlanInput, names: &NamesNow) -> BTreeSet<AccountKey> {
    let unit = of
        .accounts_from
        .as_ref()
        .and_then(|from| OuPath::new(&**from).ok());
    let (Some(unit), Some(known)) = (unit, &of.accounts) else {
        return BTreeSet::new();
    };
    let observed = input.observed.snapshot.accounts.iter();
    let others = observed.filter(|(key, _)| !known.contains(*key));
    let there = others.filter(|(key, account)| {
        // A unit that gets another name is the same unit.
        let ou = account.value.ou.as_ref().map(|ou| names.unit_now(ou));
        let stands = ou.is_some_and(|ou| match of.accounts_direct {
            true => ou == unit,
            false => ou.is_within(&unit),
        });
        stands && !moves_away(key, input)
    });
    there.map(|(key, _)| key.clone()).collect()
}

/// Whether a block places an account, and the plan takes it there: a narrowed plan moves nothing.
fn moves_away(key: &AccountKey, input: &PlanInput) -> bool {
    if input.options.mode != Mode::All {
        return false;
    }
    let declared = input.desired.snapshot.accounts.get(key);
    declared.is_some_and(|account| account.management != Management::Referred && account.value.ou.is_some())
}

impl Court<'_> {
    /// The accounts that a rule is about by this plan, which moves or tags them, and was not when it was last applied.
    pub(super) fn joining(&self, case: &Case<'_>, of: &Selector) -> BTreeSet<AccountKey> {
        let (Mode::All, false) = (&self.plan.mode, case.as_last_applied) else {
            return BTreeSet::new();
        };
        // The same rule, but for its accounts.
        let is_it =
            |last: &&Selector| last.principals == of.principals && last.permission_sets == of.permission_sets;
        let last = self.book.last.iter().map(|(guardrail, _)| &**guardrail);
        let last: Vec<&Selector> = last
            .filter(|last| last.label == case.guardrail.label)
            .flat_map(|last| last.rules.iter().map(Rule::of))
            .filter(is_it)
            .collect();
        if last.is_empty() {
            return BTreeSet::new();
        }
        let was_meant = |key: &AccountKey| {
            let mut accounts = last.iter().map(|of| &of.accounts);
            accounts.any(|accounts| accounts.as_ref().is_none_or(|known| known.contains(key)))
        };
        let changed: BTreeSet<&AccountKey> = self
            .plan
            .actions
            .iter()
            .filter_map(Action::changed_account)
            .collect();
        let accounts = of.accounts.iter().flatten();
        let joining = accounts.filter(|key| !was_meant(key) && self.is_known(key) && changed.contains(key));
        joining.cloned().collect()
    }

    /// Of accounts, their ranks in the plan.
    pub(super) fn ranks(&self, accounts: &BTreeSet<AccountKey>) -> BTreeSet<u32> {
        let ranks = accounts.iter().map(|key| self.plan.names.account_rank(key));
        ranks.flatten().collect()
    }

    /// Whether the last apply knew of an account: what a stack meets for the first time was as it is.
    fn is_known(&self, key: &AccountKey) -> bool {
        let applied = &self.input.recorded.applied;
        applied.accounts.contains_key(key) || applied.access.names.account_rank(key).is_some()
    }
}
