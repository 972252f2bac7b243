//! Arguments of `report`.

use std::path::PathBuf;

use clap::Args;

use super::VariableArgs;

/// `report`
#[derive(Debug, Args)]
pub struct PageArgs {
    /// Where to write the page: one HTML file that needs no network. It is confidential
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,
    /// A plan saved by `plan --out`, to show what it changes
    #[arg(long, value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Variables
    #[command(flatten)]
    pub variables: VariableArgs,
}
