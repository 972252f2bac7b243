//! What the journal consists of.
//!
//! Entries are written as MessagePack with field names (`rmp_serde::to_vec_named`): self-describing, because they
//! hold tagged enums, untagged texts and optional fields, which positional formats cannot read back, and because
//! a field that a later version adds then has a default instead of ending the journal.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::{Address, Addresses};
use crate::id::{EntityKey, GroupName, PrincipalKey, ServiceId, UserName};
use crate::model::access::{Declaration, Names, Note, Tuple};
use crate::model::action::{Effect, Learned};
use crate::model::approved::ApprovedRow;
use crate::model::freeze::Frozen;
use crate::model::instance::Instance;
use crate::model::record::{Recorded, Seen};
use crate::model::rules::Rules;
use crate::model::snapshot::{Management, Snapshot};
use crate::model::stack::Output;

/// One entry of the journal. Folded in order they give [`Recorded`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Entry {
    /// A run begins.
    RunStarted(Box<RunStarted>),
    /// Calls are about to leave. Durable before they do.
    Intents {
        /// Effects on entities, by step.
        actions: Vec<(u32, Effect)>,
        /// Grants about to be made, with the note each gets; ranks are the run's.
        grants: Vec<(Tuple, u32)>,
        /// Grants about to be taken away; ranks are the run's.
        revokes: Vec<Tuple>,
    },
    /// The service took asynchronous requests.
    Accepted {
        /// Which step (see [`StepRef`]), and the request's id.
        requests: Vec<(StepRef, Arc<str>)>,
    },
    /// How calls ended.
    Outcomes {
        /// Steps that succeeded, with what they taught.
        done: Vec<(StepRef, Learned)>,
        /// Steps that failed, with the message; one that succeeded as well was done in part.
        failed: Vec<(StepRef, Arc<str>)>,
    },
    /// Changes of the record that no call goes with.
    Recorded(Box<RecordOnly>),
    /// A full reading.
    Observed(Box<Seen>),
    /// A full reading that found everything as the one recorded before.
    Confirmed {
        /// When.
        at: Timestamp,
    },
    /// The run ends.
    RunFinished {
        /// When.
        at: Timestamp,
        /// How.
        end: RunEnd,
        /// Outputs as they are now; replaces the recorded ones when the run is complete.
        outputs: BTreeMap<Arc<str>, Output>,
        /// How many steps stand where, as the run said; absent when another one found out how this one ended.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        counts: Option<RunCounts>,
    },
    /// What a run that found nothing to do leaves.
    Noted(Box<Noted>),
    /// `freeze`: from now on nothing is given to the principal.
    Frozen(Box<Frozen>),
    /// `freeze --lift`: it gets what is declared again.
    Lifted {
        /// When, and by whom.
        by: Author,
        /// Who.
        principal: PrincipalKey,
        /// Why, as given on the command line.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        reason: Option<Arc<str>>,
    },
    /// `state mv`
    AddressMoved {
        /// When, and by whom.
        by: Author,
        /// From.
        from: Address,
        /// To.
        to: Address,
    },
    /// `state rm`: the entity, or the grants of an assignment, are forgotten.
    AddressRemoved {
        /// When, and by whom.
        by: Author,
        /// Which.
        address: Address,
    },
    /// `state import`: everything before is replaced.
    Imported {
        /// When, and by whom.
        by: Author,
        /// By what.
        recorded: Box<Recorded>,
    },
}

impl Entry {
    /// The entry of a reading: in full, unless it says what the recorded one says.
    pub fn of_reading(recorded: Option<&Seen>, seen: Seen) -> Self {
        let same = |before: &Seen| {
            before.snapshot == seen.snapshot && before.roles == seen.roles && before.around == seen.around
        };
        match recorded {
            Some(before) if before.at <= seen.at && same(before) => Entry::Confirmed { at: seen.at },
            _ => Entry::Observed(Box::new(seen)),
        }
    }
}

/// What is recorded of a configuration that asked for no change.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Noted {
    /// When, and by whom.
    pub by: Author,
    /// The rules, where none were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Box<Rules>>,
    /// The revision of the configuration, as given on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Arc<str>>,
}

/// Who wrote an entry, and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Author {
    /// When.
    pub at: Timestamp,
    /// `user@host`
    pub actor: Arc<str>,
}

/// The beginning of a run: what all its entries refer to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RunStarted {
    /// A name for the run.
    pub run: Arc<str>,
    /// Who, when.
    pub by: Author,
    /// `apply`, `destroy`.
    pub command: Arc<str>,
    /// Why, as given on the command line.
    pub reason: Option<Arc<str>>,
    /// The digest of the plan that was approved: of a run that goes on with another, that one's.
    pub digest: Arc<str>,
    /// The digest of the plan that this run carries out, where it is another.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rest: Option<Arc<str>>,
    /// The lineage, given by the first run.
    pub lineage: Arc<str>,
    /// The instance the state is bound to.
    pub instance: Instance,
    /// The fingerprints of the steps that were approved, ascending: the plan's, and those of the run it goes on with.
    pub steps: Vec<u64>,
    /// Who gains what the approval covers, like the digest of the run it goes on with. `None` in journals that were
    /// written before this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<ApprovedRow>>,
    /// The fingerprint of each action, by its index in the plan.
    #[serde(default)]
    pub actions: Vec<u64>,
    /// The fingerprints of the steps that [`Entry::Recorded`] carries out.
    #[serde(default)]
    pub records: Vec<u64>,
    /// Whether the plan was narrowed (`--only`): then it neither finishes an earlier run nor says what the outputs
    /// are.
    #[serde(default)]
    pub narrowed: bool,
    /// The rules that it was planned with, once they hold: from its start on, since whoever approved the plan
    /// approved them. Narrowed runs and `destroy` leave those of the last apply in force.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Box<Rules>>,
    /// The revision of the configuration, as given on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Arc<str>>,
    /// The names that tuples of this run are ranks in.
    pub names: Names,
    /// The blocks that notes of this run refer to.
    pub declarations: Vec<Declaration>,
    /// The notes that grants of this run get.
    pub notes: Vec<Note>,
    /// Entities the stack declares, as they will be once their steps are done (without access): the record of an
    /// entity is taken from here when its step succeeds.
    pub entities: Snapshot,
}

/// How many steps of a run stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunCounts {
    /// Done.
    pub done: u64,
    /// Failed.
    pub failed: u64,
    /// Not run.
    pub not_run: u64,
}

/// A step in the journal: by what it does, not by its place in a plan.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum StepRef {
    /// The index in [`Entry::Intents`]'s actions: the plan's action index.
    Action(u32),
    /// A grant; ranks are the run's.
    Grant(Tuple),
    /// A revoke; ranks are the run's.
    Revoke(Tuple),
}

/// Changes of the record alone, in the order of the fields.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct RecordOnly {
    /// Users and groups that the service knows by the same id under another name, or as deleted: what the state
    /// called them, and what they are called now. All at once.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub renamed: Vec<(PrincipalKey, PrincipalKey)>,
    /// Entities taken in, as declared, with the id they have. Also marks an entity whose declaration changed in
    /// nothing but its address or location.
    pub adopted: Vec<(EntityKey, Option<ServiceId>)>,
    /// Declared members of adopted groups that are not in them yet.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_yet: Vec<(GroupName, UserName)>,
    /// Entities dropped from the state.
    pub forgotten: Vec<EntityKey>,
    /// Entities whose addresses or management changed.
    pub relabelled: Vec<(EntityKey, Addresses, Management)>,
    /// Entities whose name now means another id: what is recorded of them is what is declared.
    pub rebound: Vec<(EntityKey, ServiceId)>,
    /// Grants adopted or relabelled: tuple and note, ranks and notes are the run's.
    pub grants: Vec<(Tuple, u32)>,
    /// Grants forgotten.
    pub forgotten_grants: Vec<Tuple>,
}

/// How a run ended.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RunEnd {
    /// Every step succeeded.
    Complete,
    /// Some steps failed or were not run; another run goes on.
    Partial,
    /// It was asked to stop.
    Interrupted,
}
