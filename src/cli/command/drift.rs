//! `drift`: what the service has, against what was applied and declared.

use crate::cli::args::DriftArgs;
use crate::cli::args::formats::DriftFormat;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::{Stack, read_closely};
use crate::cli::service::aws_start;
use crate::drift::{Around, Readings, find};
use crate::model::record::Recorded;
use crate::model::stack::Scope;
use crate::report::drift_view::DriftView;
use crate::report::hide::Hide;
use crate::report::json::drift::DriftJson;
use crate::report::terminal::drift::write;
use crate::report::{junit, markdown};
use crate::state::entry::Entry;
use crate::state::{Kinds, StateStore};

/// Runs it.
pub fn run(env: &Env, args: &DriftArgs) -> Result<Exit, Failure> {
    let stack = Stack::load(env, &args.variables)?;
    let offline = stack.evaluated(env, env.now(), None)?;
    let mut store = env.store(&offline.state)?;
    let recorded = store.load()?;
    super::tell_remarks(env, &mut store);
    super::tell_state(env, &store, &recorded);
    super::check_state(&args.state, &store, &recorded)?;
    super::tell_run(env, &store)?;
    let recorded = super::foreseen(env, &offline.provider, recorded, &mut store)?;
    let aws = aws_start(&offline.provider);
    let reading = read_closely(env, &stack, offline, &recorded)?;
    let mut drift = find(
        &reading.desired,
        &recorded,
        &reading.observed,
        reading.provider.now(),
    )?;
    if !drift.is_empty() {
        let readings = readings(&mut store, &recorded);
        drift.date(&reading.desired, &recorded, &reading.observed, &readings)?;
    }
    let start = env.typed("");
    let around = Around {
        start: &start,
        provider: reading.provider.name(),
        unmanaged: reading.desired.settings.unmanaged,
        has_scope: reading.desired.settings.scope != Scope::Declared,
        observed: &reading.observed,
        aws: &aws,
    };
    let mut view = DriftView::new(&reading.name, &drift, &around);
    let last = recorded.rules.as_deref().map(|rules| &rules.settings.risk);
    view.mark(std::iter::once(&reading.desired.settings.risk).chain(last));
    let provider = reading.provider.name();
    let hide = Hide::of_drift(args.format.people(), &view);
    match args.format.format() {
        DriftFormat::Json => super::print_json_for(env, &DriftJson::new(&view), &hide)?,
        DriftFormat::Text => {
            super::print_text_for(env, &hide, |out| write(&view, provider, &hide, env.out, out))?;
        }
        DriftFormat::Markdown => {
            let title = markdown::drift::Title {
                provider,
                everything: &env.typed("drift --json"),
            };
            let text = markdown::drift::write(&view, title, args.format.markdown.options());
            env.print(|out| out.write_all(text.as_bytes()))?;
        }
        DriftFormat::Junit => super::print_junit(env, junit::of_drift(&view, &hide))?,
    }
    Ok(if drift.differs() { Exit::Found } else { Exit::Done })
}

/// The recorded readings: those of the journal, or the last one where the journal cannot be read.
fn readings(store: &mut impl StateStore, recorded: &Recorded) -> Readings {
    let mut readings = Readings::default();
    let read = store.read_each(Kinds::Readings, &mut |entry| {
        match entry {
            Entry::Observed(seen) => readings.observed(*seen),
            Entry::Confirmed { at } => readings.confirmed(at),
            // What was before is another state's.
            Entry::Imported { recorded, .. } => {
                readings = Readings::default();
                recorded.seen.into_iter().for_each(|seen| readings.observed(seen));
            }
            _ => {}
        }
        true
    });
    if read.is_err() || readings.is_empty() {
        readings = Readings::default();
        recorded
            .seen
            .iter()
            .for_each(|seen| readings.observed(seen.clone()));
    }
    readings
}
