//! Planning: from what is declared, recorded and observed to an ordered list of steps.
//!
//! A pure, synchronous, deterministic function of one serialisable input
//! ([`input::PlanInput`]); clock, options and environment are inside it. The
//! result ([`Plan`]) leaves apply no choices and has a digest; an independent
//! checker ([`check`]) reads every finished plan before anyone else does.
//!
//! A plan of a million grants must stay small, so grants and revokes are not
//! actions: they are sorted tuples over shared name tables, and what they wait
//! for is stated by rule (per set, account, principal) and, sparsely, per tuple.

mod access_diff;
pub mod altered;
pub mod approved_people;
pub mod base;
pub mod becoming;
pub mod behind;
mod bulk;
mod caller;
pub mod change;
pub mod check;
pub mod cost;
pub mod cost_estimate;
pub mod digest;
mod ends;
mod entities;
mod expired;
pub mod finding;
mod former_reasons;
mod freezing;
pub mod guardrails;
mod guards;
mod hashing;
mod held;
mod held_findings;
mod identity;
mod idle_production;
pub mod in_progress;
mod in_use;
pub mod input;
mod keeping;
mod last_rules;
#[cfg(test)]
mod lives;
mod matching;
mod mentioned;
mod moves;
mod newly_production;
mod order;
pub mod outputs;
pub mod people;
pub mod people_effects;
pub mod planner;
#[cfg(test)]
mod properties;
mod provisioning;
mod renames;
pub mod resume;
pub mod risk;
pub mod role_risk;
pub mod roles;
mod roles_effects;
pub mod rules;
#[cfg(test)]
pub(crate) mod scene;
mod sources;
mod standing;
pub mod step;
mod taken_in;
mod taken_over;
#[cfg(test)]
pub(crate) mod testing;
mod universe;
mod unjudged;
mod widening;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{AccountKey, UserName};
use crate::model::access::{Declaration, Names, Note, Tuple};
use crate::model::instance::Instance;
use crate::model::stack::{Output, Selection};

pub use change::{Action, ActionKind, GrantStep, Reason, RecordStep, RevokeStep};
pub use finding::Finding;
pub use planner::plan;
pub use resume::resume_of;
pub use step::{StepId, Wait, Waits};

/// The version of the plan's JSON form; a reader refuses a newer one.
pub const FORMAT_VERSION: u32 = 1;

/// A finished plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Plan {
    /// [`FORMAT_VERSION`].
    pub format_version: u32,
    /// What identifies exactly this plan: `9f3c-2ab7-…`, see [`crate::plan::digest`].
    pub digest: Arc<str>,
    /// The stack's name: its directory's last component, or `name` of the `rolecall` block.
    pub stack: Arc<str>,
    /// What it would change.
    pub instance: Instance,
    /// The state's lineage; `None` before the first apply.
    pub lineage: Option<Arc<str>>,
    /// The state's serial. Not covered by the digest.
    pub serial: u64,
    /// The moment it was planned for, by the provider's clock. Not covered by the digest.
    pub now: Timestamp,
    /// The command's narrowing, which changes what the plan contains.
    pub mode: input::Mode,
    /// Names that all ranks in this plan refer to: the union of desired, recorded and observed.
    pub names: Names,
    /// What accounts are called, where that differs from their key.
    pub account_names: BTreeMap<Arc<str>, Arc<str>>,
    /// What users are called whom the plan mentions, where that differs from their user name, and those whom one of
    /// its texts names.
    pub user_names: BTreeMap<UserName, Arc<str>>,
    /// Those of them whose name might be taken for somebody else's: of whom the configuration, the state or the
    /// service knows, whether or not the plan mentions them. Not covered by the digest.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub namesakes: BTreeSet<UserName>,
    /// Blocks that notes refer to (desired's, then recorded ones that are gone), sorted by address.
    pub declarations: Vec<Declaration>,
    /// Of those whose reason changed, by index: the one that was applied, if there was one.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub former_reasons: BTreeMap<u32, Option<Arc<str>>>,
    /// Notes of grants, as they shall be.
    pub notes: Vec<Note>,
    /// Changes to entities, in an order that respects [`Waits`]; an index here is a [`StepId::Action`].
    pub actions: Vec<Action>,
    /// Assignments to make, ascending.
    pub grants: Vec<GrantStep>,
    /// Assignments to take away, ascending.
    pub revokes: Vec<RevokeStep>,
    /// Grants of which only the record changes: adopted, relabelled, forgotten. Ascending.
    pub records: Vec<RecordStep>,
    /// What each step waits for.
    pub waits: Waits,
    /// Roles that appear, change and vanish.
    pub roles: roles::RoleEffects,
    /// Who gains and loses what.
    pub people: people::PeopleEffects,
    /// What of it should be looked at twice.
    #[serde(default)]
    pub risks: risk::Risks,
    /// Assignments that stay, and by which people who join or leave a group gain or lose. Not covered by the digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub behind: Vec<behind::Behind>,
    /// What a person should read first: held things, warnings, unverified preconditions, refusals.
    pub findings: Vec<Finding>,
    /// What the configuration is warned of. Not covered by the digest.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lint: Vec<Finding>,
    /// What guardrails found; each is among the findings, too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub guardrails: Vec<guardrails::breach::Breach>,
    /// How the rules differ from those of the last apply.
    #[serde(default)]
    pub rules: rules::RuleChanges,
    /// What it costs.
    pub cost: cost::Cost,
    /// What each assignment block resolved to.
    #[serde(with = "address_map")]
    #[schemars(with = "Vec<(Address, Selection)>")]
    pub selections: BTreeMap<Address, Selection>,
    /// Outputs as they will be.
    pub outputs: BTreeMap<Arc<str>, Output>,
    /// How they differ from the recorded ones. Not covered by the digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub output_changes: BTreeMap<Arc<str>, outputs::OutputChange>,
    /// How much of the instance is in view.
    pub totals: Totals,
    /// How long sessions last that began before the plan ran, in seconds, by the rank of each permission set of
    /// which something is revoked (as observed): lost access lives on in them. Not covered by the digest.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub session_seconds: BTreeMap<u32, u32>,
}

/// Counts over the whole instance.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Totals {
    /// Grants declared.
    pub declared: u64,
    /// Grants declared and there.
    pub unchanged: u64,
    /// Grants there that nobody declared, inside the scope and not ignored.
    pub unmanaged: u64,
    /// Grants there that an `ignore` block hides.
    pub ignored: u64,
    /// Grants there that lie outside the scope.
    pub out_of_scope: u64,
    /// Grants that are held.
    pub held: u64,
}

impl Plan {
    /// Whether nothing would change, in the service, in the record or in the rules.
    pub fn is_empty(&self) -> bool {
        self.actions.is_empty()
            && self.grants.is_empty()
            && self.revokes.is_empty()
            && self.records.is_empty()
            && self.output_changes.is_empty()
            && self.rules.changes.is_empty()
    }

    /// Whether nothing would change in the service.
    pub fn changes_nothing_in_the_service(&self) -> bool {
        self.grants.is_empty() && self.revokes.is_empty() && self.actions.iter().all(|a| a.effect.is_none())
    }

    /// Whether a finding refuses the plan.
    pub fn is_refused(&self) -> bool {
        self.findings
            .iter()
            .any(|finding| finding.level == finding::Level::Refusal)
    }

    /// The account's name for people.
    pub fn account_name(&self, key: &AccountKey) -> Arc<str> {
        let key: Arc<str> = key.to_string().into();
        self.account_names.get(&key).cloned().unwrap_or(key)
    }

    /// The step that makes an assignment.
    pub fn grant(&self, tuple: Tuple) -> Option<&GrantStep> {
        let at = self.grants.binary_search_by_key(&tuple, |step| step.tuple);
        self.grants.get(at.ok()?)
    }

    /// The step that takes an assignment away.
    pub fn revoke(&self, tuple: Tuple) -> Option<&RevokeStep> {
        let at = self.revokes.binary_search_by_key(&tuple, |step| step.tuple);
        self.revokes.get(at.ok()?)
    }

    /// The tuple a grant or revoke step is about.
    pub fn tuple(&self, step: StepId) -> Option<Tuple> {
        match step {
            StepId::Action(_) => None,
            StepId::Grant(index) => self.grants.get(index as usize).map(|step| step.tuple),
            StepId::Revoke(index) => self.revokes.get(index as usize).map(|step| step.tuple),
        }
    }
}

mod address_map {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Address, Selection};

    pub fn serialize<S: Serializer>(
        map: &BTreeMap<Address, Selection>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Address, Selection>, D::Error> {
        Ok(Vec::<(Address, Selection)>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}
