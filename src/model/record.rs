//! What the state holds: what was applied, what was last seen, and the run that did not finish.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PrincipalKey};

use super::account::Account;
use super::action::Effect;
use super::approved::ApprovedRow;
use super::fingerprint;
use super::freeze::Frozen;
use super::in_account::InAccount;
use super::instance::{Caller, Held, InProgress, Instance, Observed, Quotas};
use super::role_content::OlderRoles;
use super::roles::RoleRow;
use super::rules::Rules;
use super::snapshot::Snapshot;
use super::stack::Output;

/// The state, folded from the journal.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Recorded {
    /// A random name given at the first write, so that two states are never mixed up; `None` before it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Arc<str>>,
    /// Grows by one with every finished write (a run, a move, an import).
    #[serde(default)]
    pub serial: u64,
    /// What the state is bound to, once something was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub instance: Option<Instance>,
    /// What this stack owns and refers to, as applied. Its relation's notes say which blocks declared a grant.
    #[serde(default)]
    pub applied: Snapshot,
    /// The last full reading that was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub seen: Option<Seen>,
    /// What the roles hold that were behind their set at that reading, as far as it is known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub older_roles: Vec<OlderRoles>,
    /// Outputs as applied.
    #[serde(default)]
    pub outputs: BTreeMap<Arc<str>, Output>,
    /// The rules as last applied; `None` in states that were written before they were recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<Box<Rules>>,
    /// The revision of the configuration that was last applied, as given on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<Arc<str>>,
    /// Whether something was applied since then without saying its revision.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub revision_outdated: bool,
    /// Principals that are frozen, in the order in which it was done.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub frozen: Vec<Frozen>,
    /// The run that was interrupted, if the last one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unfinished: Option<UnfinishedRun>,
}

impl Recorded {
    /// Notes that a principal is frozen. Who is so already stays so since then.
    pub fn freeze(&mut self, frozen: &Frozen) {
        if !self
            .frozen
            .iter()
            .any(|other| other.principal == frozen.principal)
        {
            self.frozen.push(frozen.clone());
        }
    }

    /// Notes that a principal is frozen no more.
    pub fn lift(&mut self, principal: &PrincipalKey) {
        self.frozen.retain(|frozen| frozen.principal != *principal);
    }
}

/// A recorded reading.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Seen {
    /// When the service was read.
    pub at: Timestamp,
    /// What it answered.
    pub snapshot: Snapshot,
    /// The roles it showed, as ranks in the names of `snapshot.access`.
    #[serde(default)]
    pub roles: Vec<RoleRow>,
    /// The rest of the reading: what planning with it needs besides. Older states have none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub around: Option<Box<Around>>,
}

/// What a reading says besides what is there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Around {
    /// From where it was read.
    pub instance: Instance,
    /// By whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub caller: Option<Caller>,
    /// What applies there.
    #[serde(default)]
    pub quotas: Quotas,
    /// What could not be read.
    #[serde(default)]
    pub held: Vec<Held>,
    /// What the service was doing.
    #[serde(default)]
    pub in_progress: Vec<InProgress>,
    /// What was not as it should be inside accounts, as far as the provider could look there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub in_accounts: Vec<InAccount>,
}

impl Seen {
    /// A reading as it is recorded.
    pub fn of(observed: Observed) -> Self {
        Seen {
            at: observed.at,
            snapshot: observed.snapshot,
            roles: observed.roles,
            around: Some(Box::new(Around {
                instance: observed.instance,
                caller: observed.caller,
                quotas: observed.quotas,
                held: observed.held,
                in_progress: observed.in_progress,
                in_accounts: observed.in_accounts,
            })),
        }
    }

    /// The reading again; `None` if too little of it was recorded to plan with.
    pub fn observed(&self) -> Option<Observed> {
        let around = self.around.as_deref()?.clone();
        Some(Observed {
            at: self.at,
            instance: around.instance,
            caller: around.caller,
            quotas: around.quotas,
            snapshot: self.snapshot.clone(),
            roles: self.roles.clone(),
            held: around.held,
            in_accounts: around.in_accounts,
            in_progress: around.in_progress,
            calls: BTreeMap::new(),
        })
    }
}

/// A run that began and did not end.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct UnfinishedRun {
    /// The run's name.
    pub run: Arc<str>,
    /// When it began.
    pub started: Timestamp,
    /// Who ran it: `user@host`.
    pub actor: Arc<str>,
    /// The digest of the plan it carries out.
    pub digest: Arc<str>,
    /// Fingerprints of the steps that were approved, ascending: a later plan that is what is left of them resumes
    /// the run.
    pub steps: Vec<u64>,
    /// Those of them that are done, ascending.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub done: Vec<u64>,
    /// Who gains what the approval covers; `None` in runs that began before this was recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub people: Option<Vec<ApprovedRow>>,
    /// Effects whose call may have left and whose outcome is not known, with the request id where one came back.
    pub in_doubt: Vec<InDoubt>,
}

impl UnfinishedRun {
    /// Whether a step was approved.
    pub fn approved(&self, fingerprint: u64) -> bool {
        self.steps.binary_search(&fingerprint).is_ok()
    }

    /// Whether a step was approved, and is not done.
    pub fn has_left(&self, fingerprint: u64) -> bool {
        self.approved(fingerprint) && self.done.binary_search(&fingerprint).is_err()
    }

    /// Whether the run was to make an account as it is recorded, or to give it its unit or its tags, and did not do all
    /// of that. An account is created in the root, then moved, then tagged.
    pub fn has_left_of_account(&self, account: &Account) -> bool {
        let declared = account.email.clone().map(|email| Account {
            key: AccountKey::Email(email),
            ..account.clone()
        });
        let create = declared.map(|account| Effect::CreateAccount { account });
        let to_move = account.ou.clone().map(|to| Effect::MoveAccount {
            account: account.key.clone(),
            from: to.clone(),
            to,
        });
        let to_tag = account.tags.clone().map(|to| Effect::TagAccount {
            account: account.key.clone(),
            from: BTreeMap::new(),
            to,
        });
        let mut effects = [create, to_move, to_tag].into_iter().flatten();
        effects.any(|effect| self.has_left(fingerprint::of_effect(&effect)))
    }
}

/// An effect that may or may not have happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct InDoubt {
    /// What was asked of the service.
    pub effect: Effect,
    /// The asynchronous request's id, when it came back.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Arc<str>>,
}
