//! The command line: every command, argument and help text.

mod access;
mod examples;
pub mod formats;
mod freeze;
mod page;

use std::path::PathBuf;

use clap::{ArgMatches, Args, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use access::{AccessArgs, AccessCommand, AccessDiffArgs, AccessExplainArgs, AccessFilterArgs};
use formats::{DiagnosticsFormatArgs, DriftFormatArgs, PlanFormatArgs};
pub use freeze::FreezeArgs;
pub use page::PageArgs;

/// Access as code for AWS IAM Identity Center.
///
/// HCL files in a directory (a stack) declare accounts, groups, permission sets and who may use which set where.
/// `plan` shows who gains and loses what, `apply` makes it so, `drift` says what changed behind your back.
#[derive(Debug, Parser)]
#[command(name = "rolecall", version, after_help = super::exit::HELP)]
pub struct Cli {
    /// The options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Args)]
pub struct Global {
    /// The stack's directory
    #[arg(short = 'C', long, global = true, value_name = "DIR", default_value = ".")]
    pub chdir: PathBuf,
    /// No colour (also with a non-empty NO_COLOR in the environment)
    #[arg(long, global = true)]
    pub no_color: bool,
    /// Say more on standard error; twice for even more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a commented starter stack and begin its state; existing files are never overwritten
    Init(InitArgs),
    /// Report everything that is wrong with the configuration, without asking the service
    Validate(ValidateArgs),
    /// Write configuration files in canonical layout; comments stay, meaning never changes
    Fmt(FmtArgs),
    /// Show what would change: access, roles and people
    Plan(PlanArgs),
    /// Plan, ask, and do it; or do exactly the plan that was reviewed
    Apply(ApplyArgs),
    /// Remove everything the state records as this stack's own
    Destroy(DestroyArgs),
    /// In an incident: take everything from a user or group now, and keep plans from giving it back
    Freeze(FreezeArgs),
    /// Compare the service with what was applied and declared; changes nothing
    Drift(DriftArgs),
    /// Write configuration and state for everything the service holds; the plan is empty then
    #[command(after_long_help = examples::IMPORT)]
    Import(ImportArgs),
    /// Read the service and keep what it says, dated, in the state
    Observe(ObserveArgs),
    /// Show a saved plan, or the state
    Show(ShowArgs),
    /// Write what depends on what, for Graphviz or Mermaid
    Graph(GraphArgs),
    /// Evaluate expressions, one per line of standard input
    Console(ConsoleArgs),
    /// Who can enter what, and through which group; from the state, offline
    Access(AccessArgs),
    /// Write the access review page: who can enter what, as one HTML file; from the state, offline
    Report(PageArgs),
    /// Look into the state, change it, and read its history
    #[command(subcommand)]
    State(StateCommand),
    /// Print the outputs, as last applied
    Output(OutputArgs),
    /// Take the lock away from a run that is gone
    ForceUnlock(ForceUnlockArgs),
    /// Print the least IAM policy that planning or applying against AWS needs
    #[command(after_long_help = examples::POLICY)]
    Policy(PolicyArgs),
    /// Act on the simulated service
    #[command(subcommand)]
    Sim(SimCommand),
    /// Write a completion script for a shell to standard output
    Completions(CompletionsArgs),
    /// Print the version
    Version(VersionArgs),
    /// Write the JSON Schemas of the machine-readable formats
    #[command(hide = true)]
    Schemas(SchemasArgs),
}

/// Text or JSON.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
}

/// `--format`, and `--json` for short.
#[derive(Debug, Clone, Copy, Args)]
pub struct FormatArgs {
    /// How to write the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

impl FormatArgs {
    /// Whether JSON was asked for.
    pub fn is_json(self) -> bool {
        self.json || self.format == Format::Json
    }
}

/// Values for the stack's variables, as options.
#[derive(Debug, Clone, Default, Args)]
struct VariableOptions {
    /// Set a variable; may be repeated, and of this and --var-file the later one wins
    #[arg(long = "var", value_name = "NAME=VALUE")]
    vars: Vec<String>,
    /// Read variables from a file; may be repeated
    #[arg(long = "var-file", value_name = "FILE")]
    var_files: Vec<PathBuf>,
}

/// Values for the stack's variables, in the order of the options, of which the later wins.
#[derive(Debug, Clone, Default)]
pub struct VariableArgs {
    /// What was given.
    pub given: Vec<GivenVariable>,
}

/// One `--var` or `--var-file`.
#[derive(Debug, Clone)]
pub enum GivenVariable {
    /// `NAME=VALUE`
    Option(String),
    /// A file of them.
    File(PathBuf),
}

impl FromArgMatches for VariableArgs {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let options = VariableOptions::from_arg_matches(matches)?;
        let places = |id| matches.indices_of(id).into_iter().flatten();
        let vars = options.vars.into_iter().map(GivenVariable::Option);
        let files = options.var_files.into_iter().map(GivenVariable::File);
        let vars = places("vars").zip(vars);
        let mut given: Vec<(usize, GivenVariable)> = vars.chain(places("var_files").zip(files)).collect();
        given.sort_by_key(|(place, _)| *place);
        Ok(VariableArgs {
            given: given.into_iter().map(|(_, given)| given).collect(),
        })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

impl Args for VariableArgs {
    fn augment_args(command: clap::Command) -> clap::Command {
        VariableOptions::augment_args(command)
    }

    fn augment_args_for_update(command: clap::Command) -> clap::Command {
        VariableOptions::augment_args_for_update(command)
    }
}

/// How long to wait for the lock.
#[derive(Debug, Clone, Args)]
pub struct LockArgs {
    /// Wait this long for the state's lock, like 30s or 5m
    #[arg(long, value_name = "TIME", default_value = "0s", value_parser = parse_time)]
    pub lock_timeout: std::time::Duration,
}

/// `init`
#[derive(Debug, Args)]
pub struct InitArgs {
    /// Where to; made if it does not exist. The stack's directory unless given
    pub dir: Option<PathBuf>,
}

/// `validate`
#[derive(Debug, Args)]
pub struct ValidateArgs {
    /// Variables
    #[command(flatten)]
    pub variables: VariableArgs,
    /// Output
    #[command(flatten)]
    pub format: DiagnosticsFormatArgs,
}

/// `fmt`
#[derive(Debug, Args)]
pub struct FmtArgs {
    /// Files, or directories with everything below them; the stack's directory unless given
    pub paths: Vec<PathBuf>,
    /// Change nothing; exit with 1 if a file is not in canonical layout
    #[arg(long)]
    pub check: bool,
    /// Write the names of the changed files as JSON
    #[arg(long)]
    pub json: bool,
}

/// `plan`
#[derive(Debug, Args)]
pub struct PlanArgs {
    /// Save the plan; `apply FILE` does exactly this plan or nothing. It is confidential
    #[arg(long, value_name = "FILE")]
    pub out: Option<PathBuf>,
    /// Exit with 2 when there are changes
    #[arg(long)]
    pub detailed_exitcode: bool,
    /// Read the service again (`false`: plan with what was last seen)
    #[arg(long, value_name = "BOOL", default_value_t = true, action = clap::ArgAction::Set)]
    pub refresh: bool,
    /// Plan with what `observe` or `apply` last read, without a lock and without asking the service
    #[arg(long, conflicts_with_all = ["refresh", "destroy", "only", "standing"])]
    pub observed: bool,
    /// With --observed: refuse a reading that is older than this, like 90m or 6h
    #[arg(long, value_name = "TIME", default_value = "24h", value_parser = parse_time)]
    pub max_age: std::time::Duration,
    /// Compare with the configuration in another directory instead of state and service: what the change of the
    /// text means, in people. Needs neither a state nor credentials; names are taken to exist
    #[arg(long, value_name = "DIR", conflicts_with_all = ["observed", "refresh", "destroy", "only", "standing", "out", "require_state", "lineage"])]
    pub base: Option<PathBuf>,
    /// With --base: let the configurations read below this directory as well, like modules that they share. Otherwise
    /// they read nothing outside of their own directories
    #[arg(long, value_name = "DIR", requires = "base")]
    pub also_read: Vec<PathBuf>,
    /// Print the plan's digest and nothing else
    #[arg(long, conflicts_with_all = ["format", "json"])]
    pub digest_only: bool,
    /// Refuse the plan if it removes more grants than this
    #[arg(long, value_name = "N")]
    pub max_removals: Option<u64>,
    /// Plan these changes alone
    #[arg(long, value_enum, value_name = "WHAT")]
    pub only: Option<Only>,
    /// Plan the removal of everything the state records
    #[arg(long, conflicts_with = "only")]
    pub destroy: bool,
    /// Plan the grants alone that a standing approval of the last apply covers
    #[arg(long, conflicts_with_all = ["only", "destroy"])]
    pub standing: bool,
    /// Write everything the plan depends on to a file
    #[arg(long, value_name = "FILE")]
    pub dump_input: Option<PathBuf>,
    /// Plan from such a file alone: no configuration, state or service
    #[arg(long, value_name = "FILE", hide = true, conflicts_with = "dump_input")]
    pub replay: Option<PathBuf>,
    /// The state
    #[command(flatten)]
    pub state: StateArgs,
    /// Variables
    #[command(flatten)]
    pub variables: VariableArgs,
    /// Output
    #[command(flatten)]
    pub format: PlanFormatArgs,
}

/// What the state must be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Args)]
pub struct StateArgs {
    /// Refuse where there is no state: whoever lost it would plan, and look for drift, as if nothing had ever been applied
    #[arg(long)]
    pub require_state: bool,
    /// Refuse where there is no state, or another one than this: its lineage, which `rolecall show` says
    #[arg(long, value_name = "LINEAGE")]
    pub lineage: Option<String>,
}

/// `--only`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Only {
    /// Assignments and memberships that go
    Revokes,
    /// Assignments whose time has come
    Expired,
}

/// `apply`
#[derive(Debug, Args)]
pub struct ApplyArgs {
    /// A plan saved by `plan --out`: it is planned again, and applied only if the result is the same
    #[arg(value_name = "FILE", conflicts_with_all = ["only", "standing", "max_removals", "vars", "var_files"])]
    pub plan: Option<PathBuf>,
    /// Apply only if the plan has this digest
    #[arg(long, value_name = "DIGEST", conflicts_with = "plan", value_parser = parse_digest)]
    pub digest: Option<String>,
    /// Apply these changes alone
    #[arg(long, value_enum, value_name = "WHAT")]
    pub only: Option<Only>,
    /// Apply the grants alone that a standing approval of the last apply covers, and ask nobody
    #[arg(long, conflicts_with_all = ["only", "auto_approve", "restore"])]
    pub standing: bool,
    /// With --auto-approve: also bring back access that someone removed from the service
    #[arg(long)]
    pub restore: bool,
    /// With --auto-approve: also take over rules (guardrail, ignore, protect, scope, …) that may let more pass
    #[arg(long)]
    pub accept_rules: bool,
    /// The revision of the configuration, like a commit: recorded in the state (also ROLECALL_REVISION)
    #[arg(long, value_name = "REVISION")]
    pub revision: Option<String>,
    /// Refuse if the state records another revision than this, which the change was based on
    #[arg(long, value_name = "REVISION")]
    pub base_revision: Option<String>,
    /// The state
    #[command(flatten)]
    pub state: StateArgs,
    /// Refuse the plan if it removes more grants than this
    #[arg(long, value_name = "N")]
    pub max_removals: Option<u64>,
    /// Do not ask
    #[arg(long)]
    pub auto_approve: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
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

/// `destroy`
#[derive(Debug, Args)]
pub struct DestroyArgs {
    /// Do not ask
    #[arg(long)]
    pub auto_approve: bool,
    /// Why, for the history
    #[arg(long, value_name = "TEXT")]
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

/// `drift`
#[derive(Debug, Args)]
pub struct DriftArgs {
    /// The state
    #[command(flatten)]
    pub state: StateArgs,
    /// Variables
    #[command(flatten)]
    pub variables: VariableArgs,
    /// Output
    #[command(flatten)]
    pub format: DriftFormatArgs,
}

/// `observe`
#[derive(Debug, Args)]
pub struct ObserveArgs {
    /// Write the result as JSON
    #[arg(long)]
    pub json: bool,
    /// The lock
    #[command(flatten)]
    pub lock: LockArgs,
    /// Variables
    #[command(flatten)]
    pub variables: VariableArgs,
}

/// `import`
#[derive(Debug, Args)]
pub struct ImportArgs {
    /// Where to write files and state, made if it does not exist; the stack's directory unless given. Nothing that is
    /// there is overwritten
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,
    /// Select accounts by unit and tag where that means the same today; each such block is marked, because it
    /// also grants to accounts that come later
    #[arg(long)]
    pub infer: bool,
    /// Write the result as JSON
    #[arg(long)]
    pub json: bool,
    /// The lock
    #[command(flatten)]
    pub lock: LockArgs,
    /// Variables
    #[command(flatten)]
    pub variables: VariableArgs,
}

/// `show`
#[derive(Debug, Args)]
pub struct ShowArgs {
    /// A plan saved by `plan --out`; the state unless given
    #[arg(value_name = "FILE")]
    pub plan: Option<PathBuf>,
    /// Output
    #[command(flatten)]
    pub format: PlanFormatArgs,
}

/// A language for graphs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum GraphFormat {
    /// Graphviz
    #[default]
    Dot,
    /// Mermaid, which Markdown viewers draw
    Mermaid,
}

/// `graph`
#[derive(Debug, Args)]
pub struct GraphArgs {
    /// The language
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: GraphFormat,
    /// Show the planned actions and what they wait for, instead of the declarations
    #[arg(long)]
    pub actions: bool,
    /// Variables
    #[command(flatten)]
    pub variables: VariableArgs,
}

/// `console`
#[derive(Debug, Args)]
pub struct ConsoleArgs {
    /// Variables
    #[command(flatten)]
    pub variables: VariableArgs,
}

/// Text, JSON or CSV.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum AccessFormat {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
    /// For spreadsheets
    Csv,
}

/// `state …`
#[derive(Debug, Subcommand)]
pub enum StateCommand {
    /// The addresses in the state
    List {
        /// Only addresses that begin so
        prefix: Option<String>,
        /// Output
        #[command(flatten)]
        format: FormatArgs,
    },
    /// What the state holds for an address
    Show {
        /// Which
        address: String,
        /// Output
        #[command(flatten)]
        format: FormatArgs,
    },
    /// Give what is recorded at one address another address; the service is not touched
    Mv {
        /// From
        from: String,
        /// To
        to: String,
        /// The lock
        #[command(flatten)]
        lock: LockArgs,
    },
    /// Forget what is recorded at an address; the service is not touched
    Rm {
        /// Which
        address: String,
        /// The lock
        #[command(flatten)]
        lock: LockArgs,
    },
    /// Write the whole state as JSON. It is confidential
    Export {
        /// Where to; standard output unless given
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Take in an exported state; a damaged one is put aside first
    ///
    /// A state that can be read is replaced only by an export of itself that is not older.
    Import {
        /// The export
        file: PathBuf,
        /// Also over a sound state that is newer, or another one
        #[arg(long)]
        force: bool,
        /// The lock
        #[command(flatten)]
        lock: LockArgs,
    },
    /// The history: every run, move and import
    Log {
        /// Output
        #[command(flatten)]
        format: FormatArgs,
    },
}

/// `output`
#[derive(Debug, Args)]
pub struct OutputArgs {
    /// One output alone, as a bare value if it is a text
    pub name: Option<String>,
    /// Output
    #[command(flatten)]
    pub format: FormatArgs,
}

/// `force-unlock`
#[derive(Debug, Args)]
pub struct ForceUnlockArgs {
    /// The lock's id, from the message that named it
    pub id: String,
}

/// `policy`
#[derive(Debug, Args)]
pub struct PolicyArgs {
    /// For what
    #[arg(long = "for", value_enum, value_name = "WHAT")]
    pub purpose: PolicyPurpose,
}

/// `--for`
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PolicyPurpose {
    /// Looking: plan, drift, import
    Plan,
    /// Changing things too: apply, destroy
    Apply,
}

/// `sim …`
#[derive(Debug, Subcommand)]
pub enum SimCommand {
    /// Change the simulated service behind rolecall's back, as a person in the console would
    #[command(after_help = sim_help())]
    Do {
        /// The change and what it is about
        #[arg(
            required = true,
            value_name = "WORD",
            allow_hyphen_values = true,
            trailing_var_arg = true
        )]
        words: Vec<String>,
    },
    /// The latest calls the simulated service answered, as JSON lines
    ///
    /// Those of a world that `sim serve` serves are seen where a stack names that world:
    /// `provider "simulator" { world = "DIR" }`.
    Calls,
    /// Serve the simulated service to AWS clients, in AWS's own protocols
    #[command(long_about = examples::SERVE_ABOUT, after_long_help = crate::provider::simulator::wire::fault::SYNTAX)]
    Serve(SimServeArgs),
}

/// `sim serve`
#[derive(Debug, Args)]
pub struct SimServeArgs {
    /// The address; port 0 takes a free one. Other than loopback addresses let others in
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:4580")]
    pub listen: std::net::SocketAddr,
    /// The world's directory; the stack's own world unless given
    #[arg(long, value_name = "DIR")]
    pub world: Option<PathBuf>,
    /// The seed of a fresh world's ids, and of the faults
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// The Region of a fresh world; eu-west-1 unless given
    #[arg(long, value_name = "REGION")]
    pub region: Option<String>,
    /// How time passes; `fast` is for tests and scripts that do not want to wait
    #[arg(long, value_enum, value_name = "CLOCK", default_value_t)]
    pub clock: ServeClock,
    /// Whether the service's quotas and throttling hold
    #[arg(long, value_enum, value_name = "ON|OFF", default_value_t)]
    pub quotas: Switch,
    /// Nothing is taken to exist: no customer managed policy is in any account, so that permission sets with one fail to
    /// be provisioned, only roles that were made can be assumed, and there are no AWS-managed policies that are newer
    /// than the list of them in this program
    #[arg(long)]
    pub strict: bool,
    /// An IAM action that no caller is allowed, such as sso:CreateAccountAssignment; may be repeated. Every action is
    /// allowed unless given
    #[arg(long, value_name = "ACTION")]
    pub deny: Vec<String>,
    /// Something that goes wrong on the way; see below
    #[arg(long, value_name = "FAULT")]
    pub fault: Vec<crate::provider::simulator::wire::fault::Fault>,
}

impl SimServeArgs {
    /// Whether polls find requests ended.
    pub fn fast(&self) -> bool {
        self.clock == ServeClock::Fast
    }

    /// Whether quotas hold.
    pub fn with_quotas(&self) -> bool {
        self.quotas == Switch::On
    }
}

/// `--clock`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ServeClock {
    /// As on the wall
    #[default]
    Real,
    /// Whoever asks how a request stands, or which accounts there are, finds it ended
    Fast,
}

/// On or off.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Switch {
    /// They hold
    #[default]
    On,
    /// They do not
    Off,
}

/// `completions`
#[derive(Debug, Args)]
pub struct CompletionsArgs {
    /// For which shell
    #[arg(value_enum)]
    pub shell: clap_complete::Shell,
}

/// `version`
#[derive(Debug, Args)]
pub struct VersionArgs {
    /// Write it as JSON
    #[arg(long)]
    pub json: bool,
}

/// `schemas`
#[derive(Debug, Args)]
pub struct SchemasArgs {
    /// The directory to write them to
    pub dir: PathBuf,
}

fn sim_help() -> String {
    let mut text = String::from("Changes:\n");
    for (usage, what) in crate::provider::simulator::world::tamper::COMMANDS {
        text.push_str(&format!("  {usage}\n          {what}\n"));
    }
    text
}

/// `30s`, `5m`, `1h`, or seconds.
fn parse_time(text: &str) -> Result<std::time::Duration, String> {
    // A number alone is seconds.
    let seconds = text
        .parse::<u64>()
        .ok()
        .or_else(|| crate::model::duration::parse(text));
    seconds
        .map(std::time::Duration::from_secs)
        .ok_or_else(|| "a time is written like 30s, 5m, 1h or PT1H".to_owned())
}

/// A digest in the form plans show: groups and letters as they come.
fn parse_digest(text: &str) -> Result<String, String> {
    crate::plan::digest::parse(text).ok_or_else(|| {
        "a digest is eight groups of four hexadecimal digits, as the last line of a plan shows it".to_owned()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn times_have_units() {
        assert_eq!(parse_time("5m").unwrap().as_secs(), 300);
        assert_eq!(parse_time("7").unwrap().as_secs(), 7);
        assert_eq!(parse_time("1d").unwrap().as_secs(), 86_400);
        assert_eq!(parse_time("PT1H30M").unwrap().as_secs(), 5400);
        assert!(parse_time("1y").is_err());
        assert!(parse_time("s").is_err());
    }
}
