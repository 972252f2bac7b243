//! Who gains and loses what, once groups are expanded.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{GroupName, PrincipalKey, UserName};

/// What happens to a person's access to one set in one account.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum PeopleChange {
    /// Had none, will have it.
    Gains,
    /// Has it, and it was to end: it ends later, or never.
    KeepsLonger,
    /// Had it, will have none.
    Loses,
    /// A path goes, another stays or comes: nothing changes for the person.
    KeepsVia,
    /// Members of the group cannot be read.
    Unknown,
}

impl PeopleChange {
    /// Whether people come to something, as far as anybody can tell.
    pub fn comes(self) -> bool {
        match self {
            PeopleChange::Gains | PeopleChange::KeepsLonger | PeopleChange::Unknown => true,
            PeopleChange::Loses | PeopleChange::KeepsVia => false,
        }
    }
}

/// How the end of access moves to a later time.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct EndMoved {
    /// When it was to end.
    #[schemars(with = "String")]
    pub from: Timestamp,
    /// When it ends now; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub to: Option<Timestamp>,
}

/// How many people of a row have access for the first time.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct FirstAccess {
    /// Had no access at all to at least one of the accounts.
    pub to_account: u64,
    /// Of those: had no access to any account.
    pub at_all: u64,
}

impl FirstAccess {
    /// Whether nobody is new.
    pub fn is_none(&self) -> bool {
        *self == FirstAccess::default()
    }
}

/// A class of equal changes: the same people, the same set, the same accounts.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PeopleRow {
    /// What happens.
    pub change: PeopleChange,
    /// To whom; empty for [`PeopleChange::Unknown`], and where members of whoever keeps it longer cannot be read. Shortened to [`PeopleRow::MOST_NAMED`] names, see `count`.
    pub people: Vec<UserName>,
    /// How many people it happens to.
    pub count: u64,
    /// Which permission set, as a rank in the plan's names.
    pub permission_set: u32,
    /// Where, as ranks in the plan's names, ascending.
    pub accounts: Vec<u32>,
    /// Through whom: for gains the new paths, for what is kept longer those that outlast its end, for losses the paths that go, for keeps the paths that go.
    pub via: BTreeSet<PrincipalKey>,
    /// For [`PeopleChange::KeepsVia`]: the paths that stay or come. For losses: other sets the people keep in
    /// all of these accounts are in `still`.
    pub keeps: BTreeSet<PrincipalKey>,
    /// Those of `keeps` that come with the same plan.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub comes: BTreeSet<PrincipalKey>,
    /// For losses: ranks of other permission sets that all of these people have in all of these accounts afterwards.
    pub still: Vec<u32>,
    /// Those of `still` that they did not all have everywhere before: they come with the same plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gained: Vec<u32>,
    /// For gains: who of them is new there. Nobody where the instance had no access at all before.
    #[serde(default, skip_serializing_if = "FirstAccess::is_none")]
    pub first: FirstAccess,
    /// BLAKE3 of all user names, where there are more than are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everyone: Option<Arc<str>>,
    /// For [`PeopleChange::KeepsLonger`]: until when.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<EndMoved>,
}

impl PeopleRow {
    /// How many names a row carries at most.
    pub const MOST_NAMED: usize = 1000;
}

/// All names of rows that do not carry them all, by the hash of these names.
pub type Crowds = BTreeMap<Arc<str>, Vec<UserName>>;

/// Who gains and loses what.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PeopleEffects {
    /// Classes of equal changes: gains, what is kept longer, losses, keeps, unknown; the widest first.
    pub rows: Vec<PeopleRow>,
    /// Distinct people who gain something.
    pub gaining: u64,
    /// Distinct people who lose something.
    pub losing: u64,
    /// Distinct people who keep something for longer.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub longer: u64,
    /// Person × account × set facts gained.
    pub gained: u64,
    /// Person × account × set facts lost.
    pub lost: u64,
    /// Groups whose members could not be read and whose grants change.
    pub unreadable: BTreeSet<GroupName>,
    /// BLAKE3 of the people facts, in hexadecimal digits: changes when who gains or loses changes, though the
    /// steps do not.
    pub digest: String,
    /// Everyone of the rows that gain or keep for longer, and do not name everyone.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crowds: Crowds,
}

/// Whether there is none, so that it need not be written.
fn is_zero(count: &u64) -> bool {
    *count == 0
}
