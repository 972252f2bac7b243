//! A run: takes a plan from its first intent to its last outcome.
//!
//! One thread drives it. The provider works on many calls at once; the journal is
//! synced once per batch of intents, and outcomes ride with the next sync.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::id::EntityKey;
use crate::model::action::{Effect, Learned};
use crate::model::instance::Observed;
use crate::model::record::{Recorded, Seen, UnfinishedRun};
use crate::plan::Plan;
use crate::plan::input::PlanInput;
use crate::plan::step::StepId;
use crate::provider::{Call, CallError, Outcome, Provider, ProviderError, ReadRequest, Started, Ticket};
use crate::source::Location;
use crate::state::entry::{Author, RunEnd, RunStarted, StepRef};
use crate::state::fold::Fold;
use crate::state::{Entry, StateError, StateStore};

use super::event::{EVENT_FORMAT_VERSION, Event, EventSink};
use super::ids::IdTable;
use super::look::{Found, look};
use super::pace::Pace;
use super::records::record_only;
use super::retry::{Decision, decide};
use super::stale::differences;
use super::walk::{Counts, Walk};

/// How long one poll waits at most, by the provider's clock.
const POLL: Duration = Duration::from_secs(5);

/// What identifies a run.
#[derive(Debug, Clone)]
pub struct RunOptions {
    /// A name for the run.
    pub run: Arc<str>,
    /// Who, when.
    pub by: Author,
    /// `apply`, `destroy`.
    pub command: Arc<str>,
    /// Why, as given on the command line.
    pub reason: Option<Arc<str>>,
    /// The lineage to give a state that has none.
    pub new_lineage: Arc<str>,
}

/// A step that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// What it was to do, for people.
    pub step: Arc<str>,
    /// Why, in the service's words.
    pub error: CallError,
    /// What to do about it.
    pub remedy: Option<&'static str>,
    /// Where the block is written that asked for it.
    pub location: Option<Location>,
}

/// How a run went.
#[derive(Debug, Clone, PartialEq)]
pub struct ApplyResult {
    /// How it ended.
    pub end: RunEnd,
    /// How many steps stand where.
    pub counts: Counts,
    /// What failed, in the order it did.
    pub failures: Vec<Failure>,
    /// What is recorded now.
    pub recorded: Recorded,
}

/// Why a run did not begin, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// What the plan depends on changed since it was made; nothing was done.
    #[error("the service changed since this was planned:\n  {}", .0.join("\n  "))]
    Stale(Vec<String>),
    /// The journal or the store failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The service cannot be read.
    #[error(transparent)]
    Provider(#[from] ProviderError),
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
    let mut observed = provider.read(request)?;
    let started = provider.now();
    let limit = super::retry::PATIENCE;
    while !unfinished.in_doubt.is_empty()
        && !observed.in_progress.is_empty()
        && elapsed(started, provider.now()) < limit
    {
        provider.sleep(Duration::from_secs(1));
        observed = provider.read(request)?;
    }
    Ok(observed)
}

/// Carries a plan out.
///
/// `stop` is asked before each batch: once it says yes, what is in flight ends and nothing new begins.
///
/// # Errors
/// [`ApplyError::Stale`] before anything is done; the others at any time, after which a new run goes on.
pub fn apply(
    plan: &Plan,
    input: &PlanInput,
    provider: &dyn Provider,
    store: &mut dyn StateStore,
    sink: &mut dyn EventSink,
    stop: &dyn Fn() -> bool,
    options: &RunOptions,
) -> Result<ApplyResult, ApplyError> {
    let touched = ReadRequest {
        touched_by: touched(plan),
        ..ReadRequest::default()
    };
    let fresh = provider.read(&touched)?;
    let stale = differences(plan, input, &fresh);
    if !stale.is_empty() {
        return Err(ApplyError::Stale(stale));
    }
    let ids = IdTable::new(&fresh.snapshot);
    let mut run = Run {
        plan,
        input,
        provider,
        journal: Journal {
            store,
            fold: Fold::new(input.recorded.clone()),
        },
        sink,
        walk: Walk::new(plan),
        pace: Pace::new(&fresh.quotas),
        ids,
        in_flight: BTreeMap::new(),
        delayed: BTreeMap::new(),
        tries: BTreeMap::new(),
        failures: Vec::new(),
        next_ticket: 0,
    };
    run.begin(options)?;
    let stopped = run.steps(stop)?;
    run.finish(stopped)
}

/// Everything the plan's entity actions are about.
fn touched(plan: &Plan) -> Vec<EntityKey> {
    plan.actions.iter().map(|action| action.entity.clone()).collect()
}

fn elapsed(from: Timestamp, to: Timestamp) -> Duration {
    Duration::try_from(to.duration_since(from)).unwrap_or(Duration::ZERO)
}

/// The store, and what is recorded as far as entries went into it.
struct Journal<'a> {
    store: &'a mut dyn StateStore,
    fold: Fold,
}

impl Journal<'_> {
    fn append(&mut self, entries: &[Entry]) -> Result<(), StateError> {
        self.store.append(entries)?;
        entries.iter().try_for_each(|entry| self.fold.push(entry))
    }
}

/// A step that was tried before.
#[derive(Debug, Clone, Copy)]
struct Tries {
    count: u32,
    first: Timestamp,
    /// A try went unanswered, so that "exists already" may be our own doing.
    unanswered: bool,
}

struct Flight {
    step: StepId,
    effect: Effect,
}

struct Run<'a> {
    plan: &'a Plan,
    input: &'a PlanInput,
    provider: &'a dyn Provider,
    journal: Journal<'a>,
    sink: &'a mut dyn EventSink,
    walk: Walk<'a>,
    pace: Pace,
    ids: IdTable,
    in_flight: BTreeMap<Ticket, Flight>,
    delayed: BTreeMap<(Timestamp, StepId), ()>,
    tries: BTreeMap<StepId, Tries>,
    failures: Vec<Failure>,
    next_ticket: u64,
}

impl Run<'_> {
    fn begin(&mut self, options: &RunOptions) -> Result<(), ApplyError> {
        let plan = self.plan;
        let mut entities = self.input.desired.snapshot.clone();
        entities.access = Default::default();
        let recorded = &self.input.recorded;
        let started = RunStarted {
            run: Arc::clone(&options.run),
            by: options.by.clone(),
            command: Arc::clone(&options.command),
            reason: options.reason.clone(),
            digest: Arc::clone(&plan.digest),
            lineage: recorded
                .lineage
                .clone()
                .unwrap_or_else(|| Arc::clone(&options.new_lineage)),
            instance: plan.instance.clone(),
            steps: self.approved_steps(),
            names: plan.names.clone(),
            declarations: plan.declarations.clone(),
            notes: plan.notes.clone(),
            entities,
        };
        let mut entries = vec![Entry::RunStarted(Box::new(started))];
        entries.extend(record_only(plan, self.input).map(|changes| Entry::Recorded(Box::new(changes))));
        self.journal.append(&entries)?;
        let steps = self.walk.counts();
        self.sink.event(&Event::RunStarted {
            format_version: EVENT_FORMAT_VERSION,
            run: Arc::clone(&options.run),
            at: self.provider.now(),
            digest: Arc::clone(&plan.digest),
            steps: steps.open,
        });
        Ok(())
    }

    /// The steps that were approved: a run that goes on with another keeps that one's, so that it can be
    /// interrupted again.
    fn approved_steps(&self) -> Vec<u64> {
        let mut steps = crate::plan::resume::step_fingerprints(self.plan);
        if let Some(unfinished) = &self.input.recorded.unfinished
            && crate::plan::resume::resume_of(unfinished, self.plan)
        {
            steps.extend(&unfinished.steps);
            steps.sort_unstable();
            steps.dedup();
        }
        steps
    }

    /// Runs steps until none can run any more, or it is told to stop. Returns whether it was.
    fn steps(&mut self, stop: &dyn Fn() -> bool) -> Result<bool, ApplyError> {
        let mut stopping = false;
        loop {
            if !stopping && stop() {
                stopping = true;
                self.sink.event(&Event::Stopping);
            }
            let begun = if stopping { 0 } else { self.start_batch()? };
            if begun > 0 {
                continue;
            }
            if !self.in_flight.is_empty() {
                self.poll()?;
            } else if stopping || self.delayed.is_empty() {
                return Ok(stopping);
            } else {
                self.wait_for_delayed();
            }
        }
    }

    /// Starts what may start. The intents are durable before any call leaves.
    fn start_batch(&mut self) -> Result<usize, ApplyError> {
        self.wake_delayed();
        let most = self.pace.batch();
        let steps = self.walk.take(&mut self.pace, most);
        let mut calls = Vec::with_capacity(steps.len());
        let (mut actions, mut grants, mut revokes) = (Vec::new(), Vec::new(), Vec::new());
        let mut begun = Vec::with_capacity(steps.len());
        for step in &steps {
            let Some(effect) = self.effect(*step)? else {
                continue;
            };
            match *step {
                StepId::Action(index) => actions.push((index, effect.clone())),
                StepId::Grant(index) => {
                    grants.extend(self.plan.grants.get(index as usize).map(|s| (s.tuple, s.note)));
                }
                StepId::Revoke(index) => {
                    revokes.extend(self.plan.revokes.get(index as usize).map(|s| s.tuple))
                }
            }
            let ticket = Ticket(self.next_ticket);
            self.next_ticket += 1;
            begun.push((ticket, *step));
            calls.push(Call { ticket, effect });
        }
        if calls.is_empty() {
            return Ok(steps.len());
        }
        self.journal.append(&[Entry::Intents {
            actions,
            grants,
            revokes,
        }])?;
        self.journal.store.sync()?;
        for (_, step) in &begun {
            self.sink.event(&Event::StepStarted {
                step: self.describe(*step),
            });
        }
        let started = self.provider.start(&calls, &self.ids);
        self.take_started(begun, calls, started)?;
        Ok(steps.len())
    }

    fn take_started(
        &mut self,
        begun: Vec<(Ticket, StepId)>,
        calls: Vec<Call>,
        started: Vec<Started>,
    ) -> Result<(), ApplyError> {
        let mut requests = Vec::new();
        let mut ended = Vec::new();
        for (((ticket, step), call), started) in begun.into_iter().zip(calls).zip(started) {
            let flight = Flight {
                step,
                effect: call.effect,
            };
            match started {
                Started::Done(outcome) => ended.push((flight, outcome)),
                Started::Pending { request_id } => {
                    if let (Some(id), Some(reference)) = (request_id, self.reference(step)) {
                        self.sink.event(&Event::StepAccepted {
                            step: self.describe(step),
                            request_id: id.clone(),
                        });
                        requests.push((reference, id));
                    }
                    self.in_flight.insert(ticket, flight);
                }
            }
        }
        if !requests.is_empty() {
            self.journal.append(&[Entry::Accepted { requests }])?;
        }
        self.take_outcomes(ended)
    }

    fn poll(&mut self) -> Result<(), ApplyError> {
        let pending: Vec<Ticket> = self.in_flight.keys().copied().collect();
        let ended = self.provider.poll(&pending, POLL);
        let ended = ended
            .into_iter()
            .filter_map(|(ticket, outcome)| self.in_flight.remove(&ticket).map(|flight| (flight, outcome)))
            .collect();
        self.take_outcomes(ended)
    }

    /// Journals outcomes and lets on what waited for them. What is to be tried again has no outcome yet.
    fn take_outcomes(&mut self, ended: Vec<(Flight, Outcome)>) -> Result<(), ApplyError> {
        let (mut done, mut failed) = (Vec::new(), Vec::new());
        for (flight, outcome) in ended {
            self.pace.leave(self.plan, flight.step);
            match self.judge(&flight, outcome)? {
                Verdict::Done(learned) => {
                    self.succeed(&flight, &learned);
                    done.extend(self.reference(flight.step).map(|reference| (reference, learned)));
                }
                Verdict::Failed(error, remedy) => {
                    let message: Arc<str> = error.to_string().into();
                    self.fail(flight.step, error, remedy);
                    failed.extend(self.reference(flight.step).map(|reference| (reference, message)));
                }
                Verdict::Later(pause, error) => self.delay(flight.step, pause, &error),
            }
        }
        if !done.is_empty() || !failed.is_empty() {
            self.journal.append(&[Entry::Outcomes { done, failed }])?;
        }
        Ok(())
    }

    fn judge(&mut self, flight: &Flight, outcome: Outcome) -> Result<Verdict, ApplyError> {
        let error = match outcome {
            Ok(learned) => return Ok(Verdict::Done(learned)),
            Err(error) => error,
        };
        let now = self.provider.now();
        let tries = self.tries.entry(flight.step).or_insert(Tries {
            count: 0,
            first: now,
            unanswered: false,
        });
        tries.count += 1;
        tries.unanswered |= error.meaning == crate::provider::Meaning::Unknown;
        let tries = *tries;
        let salt = match flight.step {
            StepId::Action(index) => u64::from(index),
            StepId::Grant(index) => 1 << 32 | u64::from(index),
            StepId::Revoke(index) => 2 << 32 | u64::from(index),
        };
        Ok(
            match decide(
                &flight.effect,
                &error,
                tries.count,
                elapsed(tries.first, now),
                salt,
            ) {
                Decision::AlreadySo => Verdict::Done(Learned::default()),
                Decision::Again(pause) => Verdict::Later(pause, error),
                Decision::Fail(remedy) => Verdict::Failed(error, remedy),
                Decision::Look => match look(&flight.effect, self.provider)? {
                    Found::Equal(learned) => Verdict::Done(learned),
                    // We made it and never heard: what differs is ours to finish with the next plan.
                    Found::Different(learned) if tries.unanswered => Verdict::Done(learned),
                    Found::Different(_) => Verdict::Failed(
                        error,
                        Some("it exists with another content; run plan again: it will be adopted"),
                    ),
                    Found::Nothing => Verdict::Failed(error, Some("run plan again")),
                },
            },
        )
    }

    fn succeed(&mut self, flight: &Flight, learned: &Learned) {
        self.ids.learn(&flight.effect, learned);
        self.tries.remove(&flight.step);
        self.walk.end(flight.step, true);
        self.sink.event(&Event::StepSucceeded {
            step: self.describe(flight.step),
            id: learned.id.as_ref().map(|id| Arc::from(id.as_str())),
        });
    }

    fn fail(&mut self, step: StepId, error: CallError, remedy: Option<&'static str>) {
        let location = self.location(step);
        let described = self.describe(step);
        self.sink.event(&Event::StepFailed {
            step: Arc::clone(&described),
            error: error.to_string().into(),
            remedy: remedy.map(Arc::from),
            location: location.clone(),
        });
        self.failures.push(Failure {
            step: described,
            error,
            remedy,
            location,
        });
        for blocked in self.walk.end(step, false) {
            self.sink.event(&Event::StepBlocked {
                step: self.describe(blocked),
            });
        }
    }

    fn delay(&mut self, step: StepId, pause: Duration, error: &CallError) {
        self.sink.event(&Event::StepRetrying {
            step: self.describe(step),
            error: error.to_string().into(),
            seconds: pause.as_secs_f64(),
        });
        let until = self.provider.now().checked_add(pause).unwrap_or(Timestamp::MAX);
        self.delayed.insert((until, step), ());
    }

    fn wake_delayed(&mut self) {
        let now = self.provider.now();
        while let Some(entry) = self.delayed.first_entry() {
            let (until, step) = *entry.key();
            if until > now {
                break;
            }
            entry.remove();
            self.walk.again(step);
        }
    }

    fn wait_for_delayed(&mut self) {
        if let Some(((until, _), ())) = self.delayed.first_key_value() {
            let pause = elapsed(self.provider.now(), *until).max(Duration::from_millis(1));
            self.provider.sleep(pause);
        }
    }

    fn finish(mut self, stopped: bool) -> Result<ApplyResult, ApplyError> {
        let mut counts = self.walk.counts();
        // Steps that wait for a second try, or for each other's outcome, were not run.
        counts.blocked += counts.open;
        counts.open = 0;
        let end = match (counts.failed + counts.blocked, stopped) {
            (0, _) => RunEnd::Complete,
            (_, true) => RunEnd::Interrupted,
            (_, false) => RunEnd::Partial,
        };
        let mut entries = Vec::new();
        if let Ok(observed) = self.provider.read(&ReadRequest::default()) {
            self.ids.observe(&observed.snapshot);
            let seen = Seen {
                at: observed.at,
                snapshot: observed.snapshot,
                roles: observed.roles,
            };
            entries.push(Entry::Observed(Box::new(seen)));
        }
        let mut outputs = self.plan.outputs.clone();
        for output in outputs.values_mut() {
            output.value = self.ids.fill_output(&output.value);
        }
        let at = self.provider.now();
        entries.push(Entry::RunFinished { at, end, outputs });
        self.journal.append(&entries)?;
        self.journal.store.sync()?;
        let recorded = self.journal.fold.finish()?;
        self.journal.store.checkpoint(&recorded)?;
        let not_run = counts.blocked;
        self.sink.event(&Event::RunFinished {
            at,
            end,
            done: counts.done,
            failed: counts.failed,
            not_run,
        });
        Ok(ApplyResult {
            end,
            counts,
            failures: self.failures,
            recorded,
        })
    }

    /// The effect of a step with its texts filled in. A step whose texts cannot be filled in fails here.
    fn effect(&mut self, step: StepId) -> Result<Option<Effect>, ApplyError> {
        let effect = match step {
            StepId::Action(index) => {
                let action = self.plan.actions.get(index as usize);
                let Some(effect) = action.and_then(|action| action.effect.as_ref()) else {
                    return Ok(None);
                };
                match self.ids.fill(effect) {
                    Ok(effect) => effect,
                    Err(reference) => {
                        self.pace.leave(self.plan, step);
                        self.fail(
                            step,
                            unknown_reference(&reference.to_string()),
                            Some("run apply again"),
                        );
                        return Ok(None);
                    }
                }
            }
            StepId::Grant(_) | StepId::Revoke(_) => {
                let names = self
                    .plan
                    .tuple(step)
                    .and_then(|tuple| self.plan.names.resolve(tuple));
                let Some((account, set, principal)) = names else {
                    return Ok(None);
                };
                let (account, permission_set, principal) = (account.clone(), set.clone(), principal.clone());
                if matches!(step, StepId::Grant(_)) {
                    Effect::Grant {
                        account,
                        permission_set,
                        principal,
                    }
                } else {
                    Effect::Revoke {
                        account,
                        permission_set,
                        principal,
                    }
                }
            }
        };
        Ok(Some(effect))
    }

    fn reference(&self, step: StepId) -> Option<StepRef> {
        Some(match step {
            StepId::Action(index) => StepRef::Action(index),
            StepId::Grant(_) => StepRef::Grant(self.plan.tuple(step)?),
            StepId::Revoke(_) => StepRef::Revoke(self.plan.tuple(step)?),
        })
    }

    fn describe(&self, step: StepId) -> Arc<str> {
        super::describe::describe(self.plan, step).into()
    }

    fn location(&self, step: StepId) -> Option<Location> {
        let note = match step {
            StepId::Action(index) => return self.plan.actions.get(index as usize)?.location.clone(),
            StepId::Grant(index) => self.plan.grants.get(index as usize)?.note,
            StepId::Revoke(index) => self.plan.revokes.get(index as usize)?.note,
        };
        let declared_by = &self.plan.notes.get(note as usize)?.declared_by;
        let block = self.plan.declarations.get(*declared_by.first()? as usize)?;
        block.location.clone()
    }
}

enum Verdict {
    Done(Learned),
    Failed(CallError, Option<&'static str>),
    Later(Duration, CallError),
}

/// What a text waits for was not made.
fn unknown_reference(reference: &str) -> CallError {
    CallError {
        meaning: crate::provider::Meaning::Failed,
        operation: "resolve".into(),
        code: "UnknownReference".into(),
        message: format!("the {reference} is not known").into(),
        request_id: None,
        missing_action: None,
    }
}
