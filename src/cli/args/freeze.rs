//! `freeze`.

use clap::Args;

use super::{FormatArgs, LockArgs, VariableArgs};

/// `freeze`
#[derive(Debug, Args)]
pub struct FreezeArgs {
    /// A user (user name, display name, e-mail address or id) or a group (display name or id); `user:` or `group:`
    /// before it says which. Without one, those that are frozen are listed
    #[arg(value_name = "PRINCIPAL")]
    pub principal: Option<String>,
    /// Lift it: from now on plans give what is declared again
    #[arg(long, requires = "principal")]
    pub lift: bool,
    /// Do not ask
    #[arg(long, requires = "principal")]
    pub auto_approve: bool,
    /// Why, for the history and for everyone who plans meanwhile
    #[arg(long, value_name = "TEXT", requires = "principal")]
    pub reason: Option<String>,
    /// The lock
    #[command(flatten)]
    pub lock: LockArgs,
    /// Variables
    #[command(flatten)]
    pub variables: VariableArgs,
    /// Output
    #[command(flatten)]
    pub format: FormatArgs,
}
