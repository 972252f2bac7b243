//! Arguments of `access` and what can be asked with it.

use clap::{Args, Subcommand};

use super::{AccessFormat, FormatArgs};

/// Of which access something is asked.
#[derive(Debug, Clone, Default, Args)]
pub struct AccessFilterArgs {
    /// A user or a group; names, with * and ?
    #[arg(long, value_name = "NAME")]
    pub principal: Option<String>,
    /// An account: id or name, with * and ?
    #[arg(long, value_name = "ACCOUNT")]
    pub account: Option<String>,
    /// A permission set, with * and ?
    #[arg(long, value_name = "NAME")]
    pub permission_set: Option<String>,
}

/// `access`
#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct AccessArgs {
    /// Other questions
    #[command(subcommand)]
    pub question: Option<AccessCommand>,
    /// Whose, where and which
    #[command(flatten)]
    pub filter: AccessFilterArgs,
    /// As it was at this time or day (00:00 UTC), as far as it was observed then
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// How to write the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: AccessFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

/// `access …`
#[derive(Debug, Subcommand)]
pub enum AccessCommand {
    /// Every path by which a person can enter an account, with the blocks that declare it
    Explain(AccessExplainArgs),
    /// Who gained, lost and keeps access: by a saved plan, or between two readings
    Diff(AccessDiffArgs),
}

/// `access explain`
#[derive(Debug, Args)]
pub struct AccessExplainArgs {
    /// A user: user name, display name, e-mail address or id
    pub person: String,
    /// An account: id or name
    pub account: String,
    /// A permission set: name or ARN; any unless given
    pub permission_set: Option<String>,
    /// As it was at this time or day (00:00 UTC), as far as it was observed then
    #[arg(long, value_name = "TIME")]
    pub at: Option<String>,
    /// Output
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `access diff`
#[derive(Debug, Args)]
pub struct AccessDiffArgs {
    /// A saved plan; or a day (00:00 UTC) or time, to compare with the last reading; or two, with `..` between them
    #[arg(value_name = "PLAN|TIME|TIME..TIME")]
    pub what: String,
    /// Whose, where and which
    #[command(flatten)]
    pub filter: AccessFilterArgs,
    /// How to write the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: AccessFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}
