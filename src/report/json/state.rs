//! The state as JSON, for reading. (`state export` writes the other form, which can be imported again.)

use std::borrow::Cow;
use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::record::Recorded;
use crate::report::state_view::{EntityLine, GrantLine, StateView};

use super::parts::{InstanceJson, OutputJson, PrincipalJson, outputs};

/// The version of the state's JSON form.
pub const FORMAT_VERSION: u32 = 1;

/// The state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StateJson<'a> {
    /// The version of this form.
    pub format_version: u32,
    /// Its lineage; absent before the first apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Cow<'a, str>>,
    /// How often it was written.
    pub serial: u64,
    /// The revision of the configuration that was last applied, where that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Cow<'a, str>>,
    /// Whether something was applied since then without saying its revision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revision_outdated: bool,
    /// What it is bound to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<InstanceJson<'a>>,
    /// When the service was last read in full.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub seen_at: Option<jiff::Timestamp>,
    /// The run that did not finish, by its name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished_run: Option<Cow<'a, str>>,
    /// Entities.
    pub entities: Vec<EntityLine>,
    /// How many assignments there are.
    pub assignment_count: u64,
    /// Assignments: every principal, set and account that a block declares, as applied.
    pub assignments: Vec<StateAssignmentJson<'a>>,
    /// Outputs. Sensitive values are left out.
    pub outputs: BTreeMap<String, OutputJson>,
}

/// Assignments of one block, set and principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct StateAssignmentJson<'a> {
    /// The blocks that declare them.
    pub declared_by: Vec<Cow<'a, str>>,
    /// Whether this stack made or adopted them.
    pub owned: bool,
    /// To whom.
    pub principal: PrincipalJson<'a>,
    /// What.
    pub permission_set: Cow<'a, str>,
    /// Where, by key.
    pub accounts: Vec<Cow<'a, str>>,
}

impl<'a> StateJson<'a> {
    /// The JSON form of a state.
    pub fn new(recorded: &'a Recorded, view: &StateView<'a>) -> Self {
        StateJson {
            format_version: FORMAT_VERSION,
            lineage: recorded.lineage.as_deref().map(Cow::Borrowed),
            serial: recorded.serial,
            revision: recorded.revision.as_deref().map(Cow::Borrowed),
            revision_outdated: recorded.revision_outdated,
            instance: recorded.instance.as_ref().map(InstanceJson::from),
            seen_at: recorded.seen.as_ref().map(|seen| seen.at),
            unfinished_run: recorded.unfinished.as_ref().map(|run| run.run.as_ref().into()),
            entities: view.entities.clone(),
            assignment_count: recorded.applied.access.len() as u64,
            assignments: view.grants.iter().map(assignment).collect(),
            outputs: outputs(&recorded.outputs, false),
        }
    }
}

fn assignment<'a>(line: &GrantLine<'a>) -> StateAssignmentJson<'a> {
    StateAssignmentJson {
        declared_by: line
            .addresses
            .iter()
            .map(|address| address.to_string().into())
            .collect(),
        owned: line.owned,
        principal: line.principal.into(),
        permission_set: line.permission_set.as_str().into(),
        accounts: line
            .accounts
            .iter()
            .map(|account| Cow::Owned(account.to_string()))
            .collect(),
    }
}
