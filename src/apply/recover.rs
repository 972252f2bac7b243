//! Finds out what became of the calls that a crashed run had under way.
//!
//! To be done before planning: what the crashed run achieved without hearing of it is the stack's own, and the next
//! plan must know, or it would take it for somebody else's.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::model::action::{Effect, Learned};
use crate::model::instance::Observed;
use crate::model::record::{InDoubt, Recorded, UnfinishedRun};
use crate::plan::{Plan, in_progress};
use crate::provider::{Provider, ProviderError, ReadRequest};
use crate::state::entry::RunEnd;
use crate::state::fold::Fold;
use crate::state::{Entry, StateStore};

use super::describe::describe_effect;
use super::event::{Event, EventSink};
use super::ids::IdTable;
use super::reading::{self, Found, done_in_part, look_up};
use super::run::ApplyError;

/// How long to wait between two looks at requests in progress.
pub(super) const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

/// How many looks at most: an hour. The service ends its requests within minutes.
const LOOKS: u32 = 1800;

/// Resolves what the last run left in doubt, and ends it. The lock must be held, and `recorded` be what was loaded;
/// when something was in doubt, the state is to be loaded again afterwards. Waits for requests that the service still
/// works on. Returns the effects that were in doubt; empty when there were none, which costs nothing.
///
/// # Errors
/// When the state or the service cannot be read, or the state cannot be written.
pub fn recover(
    recorded: &Recorded,
    provider: &dyn Provider,
    store: &mut dyn StateStore,
    request: &ReadRequest,
) -> Result<Vec<Effect>, ApplyError> {
    if !is_in_doubt(recorded) {
        return Ok(Vec::new());
    }
    let Some((effects, entries)) = ended(recorded, provider, &store.last_run()?, request)? else {
        return Ok(Vec::new());
    };
    store.append(&entries)?;
    store.sync()?;
    Ok(effects)
}

/// What [`recover`] would record, for a plan that is only looked at: the state stays as it is, and nobody needs the
/// lock. `last_run` is what the journal has of the run.
///
/// # Errors
/// As [`recover`].
pub fn foresee(
    recorded: Recorded,
    provider: &dyn Provider,
    last_run: &[Entry],
    request: &ReadRequest,
) -> Result<Recorded, ApplyError> {
    if !is_in_doubt(&recorded) {
        return Ok(recorded);
    }
    let Some((_, entries)) = ended(&recorded, provider, last_run, request)? else {
        return Ok(recorded);
    };
    let (serial, unfinished) = (recorded.serial, recorded.unfinished.clone());
    let mut fold = Fold::in_the_middle(recorded, last_run)?;
    entries.iter().try_for_each(|entry| fold.push(entry))?;
    let mut recorded = fold.finish()?;
    recorded.serial = serial;
    if let (Some(run), Some(before)) = (&mut recorded.unfinished, unfinished) {
        run.done.extend(before.done);
        run.done.sort_unstable();
        run.done.dedup();
    }
    Ok(recorded)
}

fn is_in_doubt(recorded: &Recorded) -> bool {
    let unfinished = recorded.unfinished.as_ref();
    unfinished.is_some_and(|run| !run.in_doubt.is_empty())
}

/// What was in doubt in a run, and the entries that say how it ended and end the run.
type Ending = (Vec<Effect>, [Entry; 2]);

/// Finds out how a run ended; `None` where nothing was in doubt.
fn ended(
    recorded: &Recorded,
    provider: &dyn Provider,
    last_run: &[Entry],
    request: &ReadRequest,
) -> Result<Option<Ending>, ApplyError> {
    let run = Fold::in_the_middle(Recorded::default(), last_run)?;
    let doubts = run.in_doubt()?;
    if doubts.is_empty() {
        return Ok(None);
    }
    let ids = ids_of(recorded, &run);
    let observed = settled(provider, request, doubts.iter().map(|(_, doubt)| doubt))?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for (step, doubt) in &doubts {
        match resolve(provider, doubt, &observed, &ids) {
            Ended::Done(learned) => done.push((*step, learned)),
            Ended::InPart(learned) => {
                done.push((*step, learned));
                failed.push((*step, "the run was interrupted, and this was done in part".into()));
            }
            Ended::NotDone(why) => failed.push((*step, why)),
        }
    }
    let end = Entry::RunFinished {
        at: provider.now(),
        end: RunEnd::Interrupted,
        outputs: BTreeMap::new(),
        counts: None,
    };
    let effects = doubts.into_iter().map(|(_, doubt)| doubt.effect).collect();
    Ok(Some((effects, [Entry::Outcomes { done, failed }, end])))
}

/// Waits until the service has finished what an interrupted run left in progress, so that what is read next is the
/// end and not the middle. Returns the last reading.
///
/// # Errors
/// When the service cannot be read.
pub fn settle(
    unfinished: &UnfinishedRun,
    provider: &dyn Provider,
    request: &ReadRequest,
) -> Result<Observed, ProviderError> {
    settled(provider, request, unfinished.in_doubt.iter())
}

/// A reading at a moment when the service works on nothing that the plan is about, be it of another tool: what is in
/// progress there would end in the middle of this run, or end it.
///
/// # Errors
/// When the service cannot be read.
pub(super) fn undisturbed(
    plan: &Plan,
    provider: &dyn Provider,
    request: &ReadRequest,
    sink: &mut dyn EventSink,
) -> Result<Observed, ProviderError> {
    let mut observed = provider.read(request)?;
    for look in 0..LOOKS {
        let requests: Vec<Arc<str>> = observed
            .in_progress
            .iter()
            .filter(|request| in_progress::concerns(plan, &request.what))
            .map(|request| describe_effect(plan, &request.what).into())
            .collect();
        if requests.is_empty() {
            break;
        }
        if look == 0 {
            sink.event(&Event::Waiting { requests });
        }
        provider.sleep(BETWEEN_LOOKS);
        observed = provider.read(request)?;
    }
    Ok(observed)
}

/// What the interrupted run meant by its names: what the state knows, and what its own steps made of it.
fn ids_of(recorded: &Recorded, run: &Fold) -> IdTable {
    let mut ids = IdTable::default();
    ids.observe(&recorded.applied);
    for effect in run.intended() {
        ids.learn(effect, &Learned::default());
    }
    ids
}

/// A reading after the service has finished what is in doubt.
fn settled<'d>(
    provider: &dyn Provider,
    request: &ReadRequest,
    doubts: impl Iterator<Item = &'d InDoubt> + Clone,
) -> Result<Observed, ProviderError> {
    let mut request = request.clone();
    for doubt in doubts.clone() {
        if let Effect::CreateAccount { account } = &doubt.effect {
            request.creates(account);
        }
    }
    let mut observed = provider.read(&request)?;
    for _ in 0..LOOKS {
        let is_under_way = |doubt: &InDoubt| {
            let by_id = |id: &Arc<str>| observed.in_progress.iter().any(|other| other.request_id == *id);
            reading::in_progress(&doubt.effect, &observed).is_some()
                || doubt.request_id.as_ref().is_some_and(by_id)
        };
        if !doubts.clone().any(is_under_way) {
            break;
        }
        provider.sleep(BETWEEN_LOOKS);
        observed = provider.read(&request)?;
    }
    Ok(observed)
}

/// How an effect in doubt ended.
enum Ended {
    Done(Learned),
    /// Made, though not yet as it shall be: ours, and the rest is the next plan's matter.
    InPart(Learned),
    NotDone(Arc<str>),
}

/// How an effect in doubt ended: what is there decides, and what the service says about the request explains.
fn resolve(provider: &dyn Provider, doubt: &InDoubt, observed: &Observed, ids: &IdTable) -> Ended {
    let told = doubt
        .request_id
        .as_ref()
        .and_then(|id| provider.request_outcome(&doubt.effect, id));
    match (look_up(&doubt.effect, observed, ids), told) {
        (Found::Done(learned), _) => Ended::Done(learned),
        (Found::Differs, _) if is_creation(&doubt.effect) => {
            Ended::InPart(done_in_part(&doubt.effect, observed))
        }
        (_, Some(Err(error))) => Ended::NotDone(error.to_string().into()),
        (Found::Theirs, _) => {
            Ended::NotDone("the run was interrupted, and what is there now was made by somebody else".into())
        }
        _ => Ended::NotDone("the run was interrupted, and this did not happen".into()),
    }
}

/// Whether an effect makes an entity.
pub(super) fn is_creation(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::CreateOrganizationalUnit { .. }
            | Effect::CreateAccount { .. }
            | Effect::CreateUser { .. }
            | Effect::CreateGroup { .. }
            | Effect::CreatePermissionSet { .. }
    )
}
