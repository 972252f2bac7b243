//! The page's data: who has what where, through whom and since when, as tables and rows of indices into them.
//!
//! Names are stored once, made safe to show ([`escape`](crate::report::escape)); a row is four numbers below its pair
//! of account and permission set. Groups are not expanded: the page does that for the person or account that
//! somebody looks at. The static part of the page (`overview`) is written from the same tables.

use serde::Serialize;

/// It is there, as last read.
pub const PRESENT: u8 = 1;
/// The plan makes it.
pub const GRANTED: u8 = 2;
/// The plan takes it away.
pub const REVOKED: u8 = 4;
/// It is there, and nobody declared it.
pub const UNMANAGED: u8 = 8;
/// It was applied, and is gone from the service.
pub const MISSING: u8 = 16;
/// Its time has come, and it is still there.
pub const OVERDUE: u8 = 32;
/// It is there, and the group or person whom it was for is deleted. (The script has a use of its own for 64.)
pub const LEFT_OVER: u8 = 128;

impl PageData {
    /// A person in a text: the name, with the user name where the name might be taken for somebody else's.
    pub fn called(&self, person: u32) -> Option<String> {
        let (name, user_name) = self.people.get(person as usize)?;
        let alone = self.namesakes.binary_search(&person).is_err() || name == user_name;
        Some(match alone {
            true => name.clone(),
            false => format!("{name} ({user_name})"),
        })
    }

    /// The role of a set in an account, if it holds something else than the set says.
    pub fn edited(&self, account: u32, set: u32) -> Option<&EditedRole> {
        let place = self
            .edited
            .binary_search_by_key(&(account, set), |role| (role.account, role.set));
        self.edited.get(place.ok()?)
    }
}

/// Everything that the page's script reads.
#[derive(Debug, Default, Serialize)]
pub struct PageData {
    /// The pieces of a role's ARN around account, permission set and suffix.
    pub role_arn: Vec<String>,
    /// Units, as paths.
    pub units: Vec<String>,
    /// Accounts, by unit and name.
    pub accounts: Vec<AccountEntry>,
    /// Permission sets, by name.
    pub sets: Vec<SetEntry>,
    /// People: name and user name.
    pub people: Vec<(String, String)>,
    /// Those of the people, as indices, whose name might be taken for somebody else's.
    pub namesakes: Vec<u32>,
    /// Groups and people who have or had access, and all other groups.
    pub principals: Vec<PrincipalEntry>,
    /// Moments, as text; distinct and ascending.
    pub times: Vec<String>,
    /// The last reading without and the first one with, as indices into `times`, -1: unknown; and the run that made it,
    /// as an index into `runs`, -1: none of this stack's.
    pub since: Vec<(i32, i32, i32)>,
    /// Assignment blocks.
    pub blocks: Vec<BlockEntry>,
    /// Distinct lists of blocks; the first is empty.
    pub notes: Vec<Vec<u32>>,
    /// For each pair with rows: account, permission set, and how many rows; three numbers a pair.
    pub pairs: Vec<u32>,
    /// For each pair, the suffix of its role's name; empty where it is not known.
    pub suffixes: Vec<String>,
    /// Rows in the order of the pairs: principal, note, since (-1: unknown), state bits; four numbers a row.
    pub rows: Vec<i32>,
    /// Roles that hold something else than their sets say.
    pub edited: Vec<EditedRole>,
    /// What a plan changes for people.
    pub people_changes: Vec<PeopleEntry>,
    /// The runs of the history: when, by whom, which command, digest, why.
    pub runs: Vec<RunEntry>,
}

/// An account.
#[derive(Debug, Serialize)]
pub struct AccountEntry {
    /// What people call it.
    pub name: String,
    /// Its id, or e-mail address before it exists.
    pub id: String,
    /// Its unit, as an index; -1: not known.
    pub unit: i32,
    /// Whether it is in production.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub production: bool,
    /// What says so: `organizational unit Workloads/Prod`.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub because: String,
    /// Whether it is the management account.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub management: bool,
    /// Whether it is suspended, being closed, or not yet active.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub inactive: bool,
}

/// A permission set.
#[derive(Debug, Serialize)]
pub struct SetEntry {
    /// Its name.
    pub name: String,
    /// What it is for, as it says.
    pub description: String,
    /// Whether it amounts to administration.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub administrator: bool,
    /// Why to look twice: `administrator`, `privilege escalation`, `sensitive`; empty without a mark.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub risk: &'static str,
    /// What says so: policies, actions, the `risk` block.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// What becomes of it with the plan, for those who have it: `no mark → administrator`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub altered: Option<AlteredEntry>,
    /// How long a session lasts, as `PT8H`.
    pub session: String,
    /// What it is made of: managed policies, whether there is an inline policy, a boundary.
    pub policies: Vec<String>,
}

/// A permission set of which the plan changes what it allows.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct AlteredEntry {
    /// What of it changes: `what it allows`, `how long a session lasts`.
    pub what: String,
    /// Its mark before and after, where it is another.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub marks: String,
    /// Whether it becomes a risk, or a graver one.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub graver: bool,
    /// What says what it amounts to then.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
}

/// A group, a person, or what is left of one.
#[derive(Debug, Serialize)]
pub struct PrincipalEntry {
    /// `group`, `user`, or `deleted`.
    pub kind: &'static str,
    /// What people call it.
    pub name: String,
    /// The people behind it, as indices; absent where they are not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<Vec<u32>>,
    /// Since when each is a member; as long as `members`, or empty where nobody knows.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub joined: Vec<i32>,
    /// Those of the members, as indices of people, whom no block declares, though this stack writes the members.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub undeclared: Vec<u32>,
    /// What the plan and drift change of the members.
    #[serde(flatten)]
    pub moves: MembersEntry,
}

/// How a group's members change, as indices of people: its rows stay as they are, and its people's access does not.
#[derive(Debug, Clone, Default, Serialize)]
pub struct MembersEntry {
    /// Who comes with the plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub joins: Vec<u32>,
    /// Who goes with the plan.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub leaves: Vec<u32>,
    /// Whom somebody took out behind this stack's back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gone: Vec<u32>,
}

/// A role that holds something else than its set says: it was edited in the account, or is behind its set.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct EditedRole {
    /// Where.
    pub account: u32,
    /// Of which set.
    pub set: u32,
    /// What is the matter with it: `its role was edited`.
    pub what: &'static str,
    /// What it holds, as far as it is known, and what was edited, in words.
    pub edits: Vec<String>,
    /// Whether it amounts to administration.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub administrator: bool,
    /// Why to look twice, as for sets.
    #[serde(skip_serializing_if = "str::is_empty")]
    pub risk: &'static str,
    /// What says so.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
}

/// An assignment block.
#[derive(Debug, Serialize, PartialEq, Eq)]
pub struct BlockEntry {
    /// `assignment.platform_admin`
    pub address: String,
    /// `access.hcl:31`
    pub place: String,
    /// Why, as the block says.
    pub reason: String,
    /// Until when.
    pub expires: String,
}

/// Equal changes for people.
#[derive(Debug, Serialize)]
pub struct PeopleEntry {
    /// `gains`, `loses`, `keeps`.
    pub change: &'static str,
    /// Which permission set.
    pub set: u32,
    /// Where.
    pub accounts: Vec<u32>,
    /// Who, as far as the plan names them.
    pub people: Vec<u32>,
    /// Through whom: the paths that come or go.
    pub via: Vec<u32>,
}

/// A run of the history.
#[derive(Debug, Serialize)]
pub struct RunEntry {
    /// When it began.
    pub at: String,
    /// Who ran it.
    pub actor: String,
    /// `apply` or `destroy`.
    pub command: String,
    /// The plan's digest.
    pub digest: String,
    /// Why.
    pub reason: String,
}

/// One row: indices into the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Row {
    /// Where.
    pub account: u32,
    /// What.
    pub set: u32,
    /// Who.
    pub principal: u32,
    /// Which blocks declare it.
    pub note: u32,
    /// Since when.
    pub since: i32,
    /// What is, and what becomes of it.
    pub state: u8,
}

/// The data with its rows, for the static part.
pub struct Review {
    /// What the page's script gets.
    pub data: PageData,
    /// The rows, by account, set and principal.
    pub rows: Vec<Row>,
}
