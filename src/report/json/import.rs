//! What an import wrote, for machines.

use schemars::JsonSchema;
use serde::Serialize;

/// The version of this format.
pub const FORMAT_VERSION: u32 = 1;

/// The result of `rolecall import --json`.
#[derive(Debug, Clone, Serialize, JsonSchema)]
#[schemars(title = "rolecall import")]
pub struct ImportJson {
    /// The version of this format.
    pub format_version: u32,
    /// The files written, as paths from where rolecall was started.
    pub files: Vec<String>,
    /// How much they declare.
    pub declared: DeclaredJson,
    /// Permission sets under `ignore`, because AWS services made them.
    pub ignored: Vec<String>,
    /// Groups of AWS services that have nothing but those sets, if anything: no block names them.
    pub ignored_groups: Vec<String>,
    /// What is not declared, and why.
    pub left_out: Vec<LeftOutJson>,
    /// Accounts that are suspended or being closed: nobody can enter them now.
    pub shut: Vec<ShutJson>,
}

/// An account that nobody can enter.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct ShutJson {
    /// What people call it.
    pub account: String,
    /// How many grants there are, declared or not.
    pub grants: u64,
}

/// How much is declared.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct DeclaredJson {
    /// Organizational units, without the root.
    pub organizational_units: usize,
    /// Accounts.
    pub accounts: usize,
    /// Users, look-ups included.
    pub users: usize,
    /// Groups, look-ups included.
    pub groups: usize,
    /// Permission sets, look-ups included.
    pub permission_sets: usize,
    /// Assignment blocks.
    pub assignments: usize,
    /// Grants that those blocks declare.
    pub grants: usize,
}

/// Something of the service that the configuration does not declare.
#[derive(Debug, Clone, Serialize, JsonSchema)]
pub struct LeftOutJson {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}
