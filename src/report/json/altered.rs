//! Permission sets of which a plan changes what they allow, as JSON.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::plan::altered::Content;
use crate::plan::risk::RiskMark;
use crate::report::plan_view::altered::AlteredLine;
use crate::source::Location;

use super::parts::PrincipalJson;

/// A set that people have and of which the plan changes what it allows: nobody gains or loses the set by that.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AlteredSetJson<'a> {
    /// Which set.
    pub permission_set: Cow<'a, str>,
    /// What of it changes.
    pub changed: Vec<Content>,
    /// How many people have it once the plan is carried out, as far as groups can be read.
    pub count: u64,
    /// Groups that have it and whose members cannot be read.
    #[serde(default)]
    pub unreadable_groups: u64,
    /// In how many accounts.
    pub accounts: u64,
    /// Through whom.
    pub via: Vec<PrincipalJson<'a>>,
    /// For a set that becomes a risk or a graver one, and for marked roles that are provisioned again: their user names, at
    /// most a thousand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub people: Vec<Cow<'a, str>>,
    /// Its gravest mark so far; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_before: Option<RiskMark>,
    /// Its gravest mark then; absent without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk_after: Option<RiskMark>,
    /// Where the set is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl<'a> From<&AlteredLine<'a>> for AlteredSetJson<'a> {
    fn from(line: &AlteredLine<'a>) -> Self {
        let people = line.people.iter().map(|user| Cow::Owned(user.to_string()));
        AlteredSetJson {
            permission_set: line.set.permission_set.as_str().into(),
            changed: line.set.changed.clone(),
            count: line.set.holders.people,
            unreadable_groups: line.unreadable,
            accounts: line.set.holders.accounts,
            via: line
                .set
                .through
                .iter()
                .map(|row| PrincipalJson::from(&row.via))
                .collect(),
            people: people.collect(),
            risk_before: line.set.before,
            risk_after: line.set.after,
            location: line.location.cloned(),
        }
    }
}
