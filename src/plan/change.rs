//! Changes and why they are there.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::address::{Address, Addresses};
use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey, ServiceId};
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::in_account::in_brief;
use crate::source::Location;

/// What kind of change an action is, in Terraform's words where it has them.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ActionKind {
    /// Make it.
    Create,
    /// Change it in place.
    Update,
    /// Remove it.
    Delete,
    /// It exists already as declared (or will after an update of its own): take it into the state.
    Adopt,
    /// Drop it from the state; the service keeps it.
    Forget,
    /// Another address for the same thing.
    Move,
    /// A look-up's name now means another thing.
    Rebind,
    /// The state takes up the name that the same thing has in the service now.
    Rename,
    /// Push a permission set's content to its roles.
    Provision,
}

/// Why a change is there: a stable code and a sentence.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case", tag = "code")]
pub enum Reason {
    /// Declared, and there is none yet.
    Declared,
    /// The configuration says something else than the service has.
    ConfigurationChanged,
    /// An interrupted run left it half made, and the plan goes on with it.
    HalfMade,
    /// The service was changed behind rolecall's back, and goes back to what is declared.
    ChangedOutside,
    /// It was recorded as applied, and the service no longer has it.
    MissingOutside,
    /// It exists already and is declared: nobody has to make it.
    AlreadyThere,
    /// No block declares it any more.
    BlockRemoved,
    /// The block is still there, but what it selects no longer covers this.
    NoLongerSelected,
    /// Its time has come.
    Expired,
    /// Nobody declared it, and `unmanaged = "remove"`.
    Unmanaged,
    /// Part of renaming a permission set.
    Renamed {
        /// The old name.
        from: PermissionSetName,
        /// The new name.
        to: PermissionSetName,
    },
    /// A `moved` block, or a key found at another address.
    AddressChanged {
        /// The address in the state.
        from: Address,
    },
    /// The same name is now another thing.
    IdChanged {
        /// The id in the state.
        from: ServiceId,
        /// The id now.
        to: ServiceId,
    },
    /// A changed permission set must reach its roles.
    ContentChanged,
    /// Roles hold an older content than the permission set has, though nothing is to be changed now.
    Stale,
    /// Its role is gone from accounts in which it is assigned.
    RoleGone,
    /// Its role was edited in accounts.
    RoleEdited {
        /// What was edited, as far as it could be read.
        edits: BTreeSet<Arc<str>>,
        /// The same by what people call the account, where it is not the same in all of them.
        #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
        by_account: BTreeMap<Arc<str>, BTreeSet<Arc<str>>>,
    },
    /// The SAML provider is gone from accounts in which it is assigned; provisioning makes it anew.
    SamlProviderGone,
    /// `destroy`.
    Destroy,
    /// The user is frozen.
    Frozen,
    /// Other blocks declare it now; the access itself does not change.
    ProvenanceChanged,
    /// Recorded, no longer declared, and gone already.
    AlreadyGone,
    /// The service knows it by the same id, and under another name than the state; or as deleted, with grants left.
    RenamedOutside {
        /// What the state calls it.
        from: PrincipalKey,
        /// What the service calls it.
        to: PrincipalKey,
    },
    /// What has its name now is not what this stack made: the id is another one.
    NotOurs {
        /// The id in the state.
        from: ServiceId,
        /// The id now.
        to: ServiceId,
    },
}

impl Reason {
    /// The stable code, as in JSON.
    pub fn code(&self) -> &'static str {
        match self {
            Reason::Declared => "declared",
            Reason::ConfigurationChanged => "configuration_changed",
            Reason::HalfMade => "half_made",
            Reason::ChangedOutside => "changed_outside",
            Reason::MissingOutside => "missing_outside",
            Reason::AlreadyThere => "already_there",
            Reason::BlockRemoved => "block_removed",
            Reason::NoLongerSelected => "no_longer_selected",
            Reason::Expired => "expired",
            Reason::Unmanaged => "unmanaged",
            Reason::Renamed { .. } => "renamed",
            Reason::AddressChanged { .. } => "address_changed",
            Reason::IdChanged { .. } => "id_changed",
            Reason::ContentChanged => "content_changed",
            Reason::Stale => "stale",
            Reason::RoleGone => "role_gone",
            Reason::RoleEdited { .. } => "role_edited",
            Reason::SamlProviderGone => "saml_provider_gone",
            Reason::Destroy => "destroy",
            Reason::Frozen => "frozen",
            Reason::ProvenanceChanged => "provenance_changed",
            Reason::AlreadyGone => "already_gone",
            Reason::RenamedOutside { .. } => "renamed_outside",
            Reason::NotOurs { .. } => "not_ours",
        }
    }

    /// The sentence for people, without a full stop.
    pub fn sentence(&self) -> String {
        match self {
            Reason::Declared => "declared, and not there yet".to_owned(),
            Reason::ConfigurationChanged => "the configuration changed".to_owned(),
            Reason::HalfMade => "the last run left it half made".to_owned(),
            Reason::ChangedOutside => "changed outside rolecall; goes back to what is declared".to_owned(),
            Reason::MissingOutside => "applied before, and gone from the service".to_owned(),
            Reason::AlreadyThere => "it is there already; the state takes it in".to_owned(),
            Reason::BlockRemoved => "no block declares it any more".to_owned(),
            Reason::NoLongerSelected => "its block no longer selects it".to_owned(),
            Reason::Expired => "its time has come".to_owned(),
            Reason::Unmanaged => "nobody declared it, and unmanaged access is removed here".to_owned(),
            Reason::Renamed { from, to } => format!("{from} is renamed to {to}"),
            Reason::AddressChanged { from } => format!("it was {from}"),
            Reason::IdChanged { from, to } => format!("the name now means {to}; it meant {from}"),
            Reason::ContentChanged => "the permission set changed".to_owned(),
            Reason::Stale => "its roles hold an older content".to_owned(),
            Reason::RoleGone => "its role is gone from the account".to_owned(),
            Reason::RoleEdited { edits, .. } if edits.is_empty() => {
                "its role was edited in the account, or is gone".to_owned()
            }
            Reason::RoleEdited { edits, by_account } => {
                let told = |edits: &BTreeSet<Arc<str>>| {
                    let edits: Vec<_> = edits.iter().map(|edit| in_brief(edit)).collect();
                    edits.join(", ")
                };
                match by_account.is_empty() {
                    true => format!("its role was edited in the account ({})", told(edits)),
                    false => {
                        let accounts = by_account.iter();
                        let accounts: Vec<String> = accounts
                            .map(|(account, edits)| format!("in {account}: {}", told(edits)))
                            .collect();
                        format!("its roles were edited ({})", accounts.join("; "))
                    }
                }
            }
            Reason::SamlProviderGone => {
                "the SAML provider is gone from the account; provisioning makes it anew".to_owned()
            }
            Reason::Destroy => "the stack is being destroyed".to_owned(),
            Reason::Frozen => "the user is frozen".to_owned(),
            Reason::ProvenanceChanged => "other blocks declare it now".to_owned(),
            Reason::AlreadyGone => "no longer declared, and gone already".to_owned(),
            Reason::RenamedOutside { from, to } => format!("{from} is {to} in the service now"),
            Reason::NotOurs { from, to } => {
                format!("what has its name now is another one: its id was {from} and is {to}")
            }
        }
    }
}

/// A change to one entity, or to its record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Action {
    /// What kind.
    pub kind: ActionKind,
    /// Of what. For a rename, what it is called afterwards.
    pub entity: EntityKey,
    /// The blocks that declare it; empty when none does any more.
    pub addresses: Addresses,
    /// What is done to the service; `None` when only the record changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effect: Option<Effect>,
    /// Why.
    pub reason: Reason,
    /// What must be so for it to make sense: the id that the planner saw. Apply reads it again before it acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expected_id: Option<ServiceId>,
    /// A recorded thing that is gone, perhaps because someone revoked it in an incident: needs a person's yes.
    #[serde(default)]
    pub restore: bool,
    /// Why this caller may not run it; the rest of the plan can run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Arc<str>>,
    /// Where the block is written. Not covered by the digest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Action {
    /// The account that it moves or tags.
    pub fn changed_account(&self) -> Option<&AccountKey> {
        match &self.effect {
            Some(Effect::MoveAccount { account, .. } | Effect::TagAccount { account, .. }) => Some(account),
            _ => None,
        }
    }
}

/// Why a grant is made.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum GrantReason {
    /// Declared, and not there yet.
    Declared,
    /// Applied before and gone from the service: a restore, which needs a person's yes.
    Restore,
    /// Part of renaming a permission set.
    Renamed,
}

/// One assignment to make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GrantStep {
    /// Which, as ranks in the plan's names.
    pub tuple: Tuple,
    /// The note it gets, an index into the plan's notes.
    pub note: u32,
    /// Why.
    pub reason: GrantReason,
    /// This caller may not run it; a finding says why.
    #[serde(default)]
    pub blocked: bool,
}

/// Why a grant is taken away.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RevokeReason {
    /// No block declares it any more.
    BlockRemoved,
    /// Its block is still there but no longer selects it.
    NoLongerSelected,
    /// Its time has come.
    Expired,
    /// Nobody declared it, and `unmanaged = "remove"`.
    Unmanaged,
    /// Part of renaming a permission set.
    Renamed,
    /// The stack is being destroyed.
    Destroy,
    /// The principal is frozen.
    Frozen,
}

/// One assignment to take away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RevokeStep {
    /// Which, as ranks in the plan's names.
    pub tuple: Tuple,
    /// The note it had (what declared it before), an index into the plan's notes.
    pub note: u32,
    /// Why.
    pub reason: RevokeReason,
    /// This caller may not run it.
    #[serde(default)]
    pub blocked: bool,
}

/// What happens to the record of a grant while the grant itself stays as it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RecordChange {
    /// It is there and declared: ours from now on.
    Adopt,
    /// Declared by other blocks than recorded.
    Relabel,
    /// Recorded, and no longer this stack's: gone from the service and not declared, or left to others.
    Forget,
}

/// A change to the record of one grant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RecordStep {
    /// Which, as ranks in the plan's names.
    pub tuple: Tuple,
    /// The note it gets (for forget: the one it had), an index into the plan's notes.
    pub note: u32,
    /// What happens.
    pub change: RecordChange,
}
