//! Marks of risk as JSON.

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::privilege::Privilege;
use crate::model::stack::StopFor;
use crate::plan::Plan;
use crate::plan::becoming::Holders;
use crate::plan::risk::{RiskMark, SetRisk};
use crate::report::plan_view::headline::Headline;
use crate::report::plan_view::risk::Risk;

/// Why to look twice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RiskJson {
    /// What kind of risk.
    pub mark: RiskMark,
    /// In words: `production (3 of 12 accounts)`.
    pub text: String,
    /// How many it is about: permission sets, accounts or people, as the mark has it.
    pub count: u64,
    /// Out of how many.
    pub of: u64,
    /// What says so: policies and actions, for marks of permission sets.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// The set is not that yet, and the plan makes it so.
    #[serde(default)]
    pub becomes: bool,
    /// For a set that becomes that: how many have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holders: Option<Holders>,
    /// For marks of permission sets: the sets that it is about, where the line has others too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub permission_sets: Vec<String>,
}

impl From<&Risk> for RiskJson {
    fn from(risk: &Risk) -> Self {
        RiskJson {
            mark: risk.mark,
            text: risk.words(),
            count: risk.count,
            of: risk.of,
            because: risk.because.iter().map(ToString::to_string).collect(),
            becomes: risk.becomes,
            holders: risk.holders,
            permission_sets: risk.some_sets().iter().map(ToString::to_string).collect(),
        }
    }
}

/// What a plan gives of one mark, in one sentence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct HeadlineJson {
    /// Which mark.
    pub mark: RiskMark,
    /// In words: `1 person gains administrator access in 20 accounts`.
    pub text: String,
    /// They have it, and keep it for longer than it was to last.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub longer: bool,
    /// How many people gain, or keep it for longer.
    pub people: u64,
    /// They may be more, since not all of them are named in the plan.
    #[serde(default)]
    pub at_least: bool,
    /// Groups that get it and whose members cannot be read.
    #[serde(default)]
    pub unreadable_groups: u64,
    /// In how many accounts.
    pub accounts: u64,
}

impl From<&Headline> for HeadlineJson {
    fn from(headline: &Headline) -> Self {
        HeadlineJson {
            mark: headline.mark,
            text: headline.words(),
            longer: headline.longer,
            people: headline.count,
            at_least: headline.at_least,
            unreadable_groups: headline.unreadable,
            accounts: headline.accounts,
        }
    }
}

/// What is known about risk in a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RisksJson<'a> {
    /// Permission sets that the plan gives or writes, as far as there is something to say.
    pub permission_sets: BTreeMap<Cow<'a, str>, SetRiskJson<'a>>,
    /// The accounts that are production, by key.
    pub production_accounts: Vec<Cow<'a, str>>,
    /// Access to so many accounts at once is marked as wide.
    pub wide_accounts: u64,
    /// Who stops an approved plan by newly gaining access through a group.
    pub stop_for: StopFor,
}

/// A permission set as far as risk goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetRiskJson<'a> {
    /// What it attaches amounts to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privilege: Option<Privilege>,
    /// What says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Cow<'a, str>>,
    /// All that says so holds under conditions only.
    #[serde(default)]
    pub conditional: bool,
    /// The stack's `risk` block names it.
    #[serde(default)]
    pub sensitive: bool,
    /// It does so as last applied only: the configuration says so no more.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub as_last_applied: bool,
    /// What could not be read and may say more, or less.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_considered: Vec<Cow<'a, str>>,
}

impl<'a> From<&'a SetRisk> for SetRiskJson<'a> {
    fn from(risk: &'a SetRisk) -> Self {
        SetRiskJson {
            privilege: risk.judged.privilege,
            because: risk
                .judged
                .because
                .iter()
                .map(|text| text.as_ref().into())
                .collect(),
            conditional: risk.judged.conditional,
            sensitive: risk.sensitive,
            as_last_applied: risk.as_last_applied,
            not_considered: risk
                .judged
                .not_considered
                .iter()
                .map(|text| text.as_ref().into())
                .collect(),
        }
    }
}

impl<'a> RisksJson<'a> {
    /// Of a plan; `accounts` are the keys by rank.
    pub fn new(plan: &'a Plan, accounts: &[Cow<'a, str>]) -> Self {
        let risks = &plan.risks;
        let production = risks.production.iter();
        RisksJson {
            permission_sets: risks
                .sets
                .iter()
                .map(|(name, risk)| (name.as_str().into(), risk.into()))
                .collect(),
            production_accounts: production
                .filter_map(|rank| accounts.get(*rank as usize).cloned())
                .collect(),
            wide_accounts: risks.wide_accounts,
            stop_for: risks.stop_for,
        }
    }
}
