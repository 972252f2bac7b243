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
use crate::provider::{Provider, ProviderError, ReadRequest};
use crate::state::entry::{RunEnd, StepRef};
use crate::state::fold::Fold;
use crate::state::{Entry, StateError, StateStore};

use super::ids::id_in;
use super::reading::{Found, in_progress, look_up};
use super::run::ApplyError;

/// How long to wait between two looks at requests in progress.
const BETWEEN_LOOKS: Duration = Duration::from_secs(2);

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
    let unfinished = recorded.unfinished.as_ref();
    if unfinished.is_none_or(|run| run.in_doubt.is_empty()) {
        return Ok(Vec::new());
    }
    let doubts = in_doubt(&store.history()?)?;
    if doubts.is_empty() {
        return Ok(Vec::new());
    }
    let observed = settled(provider, request, doubts.iter().map(|(_, doubt)| doubt))?;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    for (step, doubt) in &doubts {
        match resolve(provider, doubt, &observed) {
            Ok(learned) => done.push((*step, learned)),
            Err(why) => failed.push((*step, why)),
        }
    }
    let end = Entry::RunFinished {
        at: provider.now(),
        end: RunEnd::Interrupted,
        outputs: BTreeMap::new(),
    };
    store.append(&[Entry::Outcomes { done, failed }, end])?;
    store.sync()?;
    Ok(doubts.into_iter().map(|(_, doubt)| doubt.effect).collect())
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

/// What the journal's last run has in doubt, if that run never ended.
fn in_doubt(history: &[Entry]) -> Result<Vec<(StepRef, InDoubt)>, StateError> {
    let last = history
        .iter()
        .rposition(|entry| matches!(entry, Entry::RunStarted(_)));
    let entries = last.and_then(|at| history.get(at..)).unwrap_or_default();
    let mut fold = Fold::default();
    entries.iter().try_for_each(|entry| fold.push(entry))?;
    fold.in_doubt()
}

/// A reading after the service has finished what is in doubt.
fn settled<'d>(
    provider: &dyn Provider,
    request: &ReadRequest,
    doubts: impl Iterator<Item = &'d InDoubt> + Clone,
) -> Result<Observed, ProviderError> {
    let mut observed = provider.read(request)?;
    for _ in 0..LOOKS {
        let is_under_way = |doubt: &InDoubt| {
            let by_id = |id: &Arc<str>| observed.in_progress.iter().any(|other| other.request_id == *id);
            in_progress(&doubt.effect, &observed).is_some() || doubt.request_id.as_ref().is_some_and(by_id)
        };
        if !doubts.clone().any(is_under_way) {
            break;
        }
        provider.sleep(BETWEEN_LOOKS);
        observed = provider.read(request)?;
    }
    Ok(observed)
}

/// How an effect in doubt ended: what is there decides, and what the service says about the request explains.
fn resolve(provider: &dyn Provider, doubt: &InDoubt, observed: &Observed) -> Result<Learned, Arc<str>> {
    let told = doubt
        .request_id
        .as_ref()
        .and_then(|id| provider.request_outcome(&doubt.effect, id));
    match (look_up(&doubt.effect, observed), told) {
        (Found::Done(learned), _) => Ok(learned),
        // Made, though not yet as it shall be: ours, and the next plan's matter.
        (Found::Differs, _) if is_creation(&doubt.effect) => Ok(Learned {
            id: doubt
                .effect
                .entity()
                .and_then(|key| id_in(&observed.snapshot, &key)),
            role: None,
        }),
        (_, Some(Err(error))) => Err(error.to_string().into()),
        _ => Err("the run was interrupted, and this did not happen".into()),
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
