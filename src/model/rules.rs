//! The rules that plans are judged by: what a change of the configuration might loosen in its own favour.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::id::AccountKey;

use super::guardrail::Guardrail;
use super::policy_file::{self, KeptPolicy};
use super::stack::{Desired, Settings};
use super::standing::StandingApproval;

/// A stack's rules, as declared or as last applied.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Rules {
    /// `unmanaged`, `max_removals`, `scope`, `ignore`, `protect`, `production` and `risk`.
    #[serde(default)]
    pub settings: Settings,
    /// The guardrails.
    #[serde(default)]
    pub guardrails: Vec<Guardrail>,
    /// What was agreed on beforehand.
    #[serde(default)]
    pub standing_approvals: Vec<StandingApproval>,
    /// The policy files, by path. What was applied last is compared with what is declared, not asked again.
    #[serde(default)]
    pub policies: Vec<KeptPolicy>,
}

impl Rules {
    /// The accounts that guardrails select, in the order of the rules.
    pub fn selected_accounts(&self) -> Vec<Option<&BTreeSet<AccountKey>>> {
        let rules = self.guardrails.iter().flat_map(|guardrail| &guardrail.rules);
        rules.map(|rule| rule.of().accounts.as_ref()).collect()
    }

    /// The rules that a stack declares.
    pub fn of(desired: &Desired) -> Self {
        Rules {
            settings: desired.settings.clone(),
            guardrails: desired.guardrails.clone(),
            standing_approvals: desired.standing_approvals.clone(),
            policies: policy_file::kept(&desired.policies),
        }
    }
}
