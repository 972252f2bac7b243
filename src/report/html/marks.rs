//! What deserves a reviewer's attention, judged as everywhere else: permission sets by what they attach and by the `risk`
//! block, accounts by the `production` block ([`crate::plan::risk`]).

use crate::id::{AccountKey, PermissionSetName};
use crate::model::permission_set::PermissionSet;
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Production, RiskSettings};
use crate::plan::risk::{ProductionAccounts, RiskMark, SetJudge, SetRisk};
use crate::report::escape::escape;

/// Tells what is marked on a page: what the configuration takes for a risk, and what the last apply did.
pub struct Marks {
    rules: Vec<(SetJudge, ProductionAccounts)>,
}

impl Marks {
    /// By settings that are in force.
    pub fn new<'s>(in_force: impl Iterator<Item = &'s RiskSettings>) -> Self {
        let rules = in_force.map(|risk| (SetJudge::new(risk), ProductionAccounts::new(&risk.production)));
        Marks {
            rules: rules.collect(),
        }
    }

    /// The gravest mark of a permission set as it is, and what says so.
    pub fn set(
        &self,
        name: &PermissionSetName,
        set: Option<&PermissionSet>,
    ) -> Option<(RiskMark, Vec<String>)> {
        let mut marked: Option<(RiskMark, SetRisk)> = None;
        for (judge, _) in &self.rules {
            let risk = judge.set(name, set);
            let graver = |mark: RiskMark| marked.as_ref().is_none_or(|(known, _)| mark < *known);
            if let Some(mark) = risk.mark().filter(|mark| graver(*mark)) {
                marked = Some((mark, risk));
            }
        }
        let (mark, risk) = marked?;
        Some((
            mark,
            risk.because()
                .iter()
                .map(|why| escape(why).into_owned())
                .collect(),
        ))
    }

    /// What says that an account is in production; `None` where nothing does.
    pub fn in_production(&self, account: &AccountKey, snapshot: &Snapshot) -> Option<String> {
        let mut rules = self.rules.iter();
        let because = rules.find_map(|(_, production)| production.because(account, &[snapshot]));
        because.map(|why| escape(&why).into_owned())
    }
}

/// How the page says what it takes for production.
pub fn production_rule<'s>(mut in_force: impl Iterator<Item = &'s RiskSettings>) -> &'static str {
    if in_force.all(|risk| risk.production == Production::default()) {
        "The stack has no production block, so no account counts as production, and administrators of every account are \
         listed."
    } else {
        "An account counts as production when the stack's production block says so, or said so when it was last applied."
    }
}
