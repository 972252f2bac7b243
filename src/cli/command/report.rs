//! `report`: the access review page, from the state and offline.

use std::sync::Arc;

use jiff::Timestamp;

use crate::cli::args::PageArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::cli::saved_plan;
use crate::cli::service::aws_start;
use crate::config::evaluate::ProviderSettings;
use crate::drift::{Around, Drift, Readings, find};
use crate::model::access::CapacityError;
use crate::model::history::History;
use crate::model::instance::Observed;
use crate::model::made::Made;
use crate::model::record::{Recorded, Seen};
use crate::model::stack::{Desired, RiskSettings, Scope};
use crate::report::drift_view::DriftView;
use crate::report::escape::escape_lines;
use crate::report::html::{Sources, write};
use crate::report::plan_view::PlanView;
use crate::report::wording::counted;
use crate::state::entry::StepRef;
use crate::state::{Entry, Kinds, StateError, StateStore};

use super::state_log::Log;

/// Runs it.
pub fn run(env: &Env, args: &PageArgs) -> Result<Exit, Failure> {
    let plan = match &args.plan {
        Some(path) => Some(saved_plan::load(env, path)?.plan),
        None => None,
    };
    let recorded = super::recorded_of(env)?;
    if recorded.seen.is_none() && recorded.lineage.is_none() {
        return Err(Failure::new("the state holds nothing to report on yet")
            .help("`rolecall apply` or `rolecall observe` fills it"));
    }
    let past = env.timed("reading the history", || Past::read(env))?;
    let stack = Stack::load(env, &args.variables);
    let compared = match &stack {
        Ok(stack) => compare(env, stack, &recorded, &past.readings),
        Err(failure) => Err(format!("the configuration cannot be read: {failure}")),
    };
    if let Err(why) = &compared {
        env.say(&format!(
            "note: the report is without drift: {}",
            escape_lines(why)
        ));
    }
    let name = match (&compared, &plan) {
        (Ok(compared), _) => compared.name.clone(),
        (Err(_), Some(plan)) => plan.stack.clone(),
        (Err(_), None) => env.stack_name(),
    };
    let drift = compared.as_ref().map(|compared| compared.view(&name, &recorded));
    let view = plan.as_ref().map(PlanView::new);
    let unknown = RiskSettings::default();
    let sources = Sources {
        stack: &name,
        recorded: &recorded,
        history: &past.history,
        made: &past.made,
        log: &past.log.lines,
        plan: view.as_ref(),
        risk: compared
            .as_ref()
            .map_or(&unknown, |compared| &compared.desired.settings.risk),
        drift: drift.as_ref().map_err(|why| why.as_str()),
    };
    env.timed("writing the page", || {
        env.write_private(&args.out, |out| write(&sources, out))
    })?;
    let count = recorded
        .seen
        .as_ref()
        .map_or(&recorded.applied, |seen| &seen.snapshot);
    if let Ok(compared) = &compared {
        let at = compared.observed.at;
        env.say(&format!(
            "note: its drift is of the last recorded reading, {at}: `observe` and `apply` record what they read, and \
             `drift` does not"
        ));
    }
    env.say(&format!(
        "wrote {}: {}. It names people and their access: keep it confidential",
        args.out.display(),
        counted(count.access.len() as u64, "assignment")
    ));
    Ok(Exit::Done)
}

/// What the journal tells.
#[derive(Default)]
struct Past {
    history: History,
    log: Log,
    /// What the runs made.
    made: Made,
    /// The latest readings in full.
    readings: Readings,
}

impl Past {
    fn read(env: &Env) -> Result<Self, Failure> {
        let mut past = Past::default();
        let mut failed = None;
        let mut store = super::store_of(env)?;
        // In the order of the journal: whom a reading finds under another name is the one for whom runs made things.
        store.read_each(Kinds::All, &mut |entry| {
            past.log.add(&entry);
            past.deed(&entry);
            failed = past.take(entry).err();
            failed.is_none()
        })?;
        if let Some(error) = failed {
            return Err(error.into());
        }
        Ok(past)
    }

    /// Keeps what a run made.
    fn deed(&mut self, entry: &Entry) {
        let made = &mut self.made;
        match entry {
            Entry::RunStarted(run) => made.begin(&run.names, run.by.at),
            Entry::Intents { actions, grants, .. } => made.intents(actions, grants),
            Entry::Outcomes { failed, .. } => failed.iter().for_each(|(step, _)| match step {
                StepRef::Grant(tuple) => made.failed_grant(*tuple),
                StepRef::Action(index) => made.failed_action(*index),
                StepRef::Revoke(_) => {}
            }),
            Entry::Recorded(changes) => {
                let renamed = changes.renamed.iter();
                renamed.for_each(|(from, to)| made.renamed(from, to));
            }
            Entry::RunFinished { at, .. } => made.finish(*at),
            Entry::Imported { .. } => made.forget(),
            _ => {}
        }
    }

    fn take(&mut self, entry: Entry) -> Result<(), StateError> {
        let seen = match entry {
            Entry::Observed(seen) => *seen,
            Entry::Confirmed { at } => {
                self.history.confirm(at);
                self.readings.confirmed(at);
                return Ok(());
            }
            // What was before is another state's.
            Entry::Imported { recorded, .. } => {
                self.history = History::default();
                self.readings = Readings::default();
                match recorded.seen {
                    Some(seen) => seen,
                    None => return Ok(()),
                }
            }
            _ => return Ok(()),
        };
        let problem = |error: CapacityError| StateError::Inconsistent(error.to_string().into());
        let succession = self.history.read(&seen).map_err(problem)?;
        self.made.followed(&succession);
        self.readings.observed(seen);
        Ok(())
    }
}

/// The last reading against what was applied and is declared.
struct Compared {
    name: Arc<str>,
    provider: &'static str,
    aws: String,
    desired: Desired,
    observed: Observed,
    drift: Drift,
}

/// Compares as of the last reading; a text says why that cannot be.
fn compare(env: &Env, stack: &Stack, recorded: &Recorded, readings: &Readings) -> Result<Compared, String> {
    let observed = recorded.seen.as_ref().and_then(Seen::observed);
    let observed = observed.ok_or("the service was not read in full yet")?;
    let now: Timestamp = observed.at;
    let evaluation = stack
        .evaluated(env, now, Some(&observed))
        .map_err(|failure| match failure {
            Failure::Diagnostics(_) => {
                "the configuration has errors, which `rolecall validate` shows".to_owned()
            }
            other => other.to_string(),
        })?;
    let name = stack.name(&evaluation);
    let aws = aws_start(&evaluation.provider);
    let provider = match evaluation.provider {
        ProviderSettings::Simulator { .. } => "simulator",
        ProviderSettings::Aws { .. } => "aws",
    };
    let desired = evaluation.desired;
    let too_many = |error: CapacityError| error.to_string();
    let mut drift = find(&desired, recorded, &observed, now).map_err(too_many)?;
    if !drift.is_empty() {
        drift
            .date(&desired, recorded, &observed, readings)
            .map_err(too_many)?;
    }
    Ok(Compared {
        name,
        provider,
        aws,
        desired,
        observed,
        drift,
    })
}

impl Compared {
    fn view<'a>(&'a self, name: &'a str, recorded: &Recorded) -> DriftView<'a> {
        let around = Around {
            provider: self.provider,
            unmanaged: self.desired.settings.unmanaged,
            has_scope: self.desired.settings.scope != Scope::Declared,
            observed: &self.observed,
            start: "rolecall ",
            aws: &self.aws,
        };
        let mut view = DriftView::new(name, &self.drift, &around);
        let last = recorded.rules.as_deref().map(|rules| &rules.settings.risk);
        view.mark(std::iter::once(&self.desired.settings.risk).chain(last));
        view
    }
}
