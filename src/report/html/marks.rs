//! What deserves a reviewer's attention, judged as everywhere else: permission sets by what they attach and by the `risk`
//! block, accounts by the `production` block ([`crate::plan::risk`]).

use crate::id::{AccountKey, PermissionSetName};
use crate::model::permission_set::PermissionSet;
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Production, RiskSettings};
use crate::plan::risk::{ProductionAccounts, RiskMark, SetJudge};

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

    /// The gravest mark of a permission set as it is.
    pub fn set(&self, name: &PermissionSetName, set: Option<&PermissionSet>) -> Option<RiskMark> {
        let marks = self
            .rules
            .iter()
            .filter_map(|(judge, _)| judge.set(name, set).mark());
        marks.min()
    }

    /// Whether an account is in production.
    pub fn in_production(&self, account: &AccountKey, snapshot: &Snapshot) -> bool {
        let mut rules = self.rules.iter();
        rules.any(|(_, production)| production.contains(account, &[snapshot]))
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
