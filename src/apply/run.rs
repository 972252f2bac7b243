//! A run: takes a plan from its first intent to its last outcome.
//!
//! One thread drives it. The provider works on many calls at once; the journal is
//! synced once per batch of intents, and outcomes ride with the next sync.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::id::{EntityKey, PermissionSetName, PrincipalKey};
use crate::model::access::Access;
use crate::model::action::{Effect, Learned};
use crate::model::approved::ApprovedRow;
use crate::model::instance::Observed;
use crate::model::record::{Recorded, Seen};
use crate::model::rules::Rules;
use crate::model::snapshot::Snapshot;
use crate::plan::approved_people::ApprovedPeople;
use crate::plan::input::{Mode, PlanInput};
use crate::plan::{Plan, StepId, resume};
use crate::provider::{CallError, Provider, ProviderError, ReadRequest, Silence, Ticket};
use crate::source::Location;
use crate::state::entry::{Author, RunEnd, RunStarted, StepRef};
use crate::state::fold::Fold;
use crate::state::{Entry, StateError, StateStore};

use super::ending::RunEnding;
use super::event::{EVENT_FORMAT_VERSION, Event, EventSink};
use super::ids::IdTable;
use super::pace::{Lane, Pace};
use super::queue::Queue;
use super::records::record_only;
use super::recover::{recover, undisturbed};
use super::retry::Attempts;
use super::stale::{Checked, check, touched};
use super::trouble::Troubles;
use super::walk::{BlockedBy, Counts, Progress, Walk};

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
    /// The revision of the configuration, as given on the command line.
    pub revision: Option<Arc<str>>,
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
    /// What this caller may not do: counted as blocked.
    pub denied: Vec<Failure>,
    /// What is to be known besides.
    pub warnings: Vec<Arc<str>>,
    /// What is recorded now.
    pub recorded: Recorded,
}

/// Why a run did not begin, or broke off.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// What the plan depends on changed since it was made; nothing was done.
    #[error("the service changed since this was planned:\n  {}", .why.join("\n  "))]
    Stale {
        /// What changed, as sentences.
        why: Vec<String>,
        /// Something is there that the plan took for gone: another way of reading may see it.
        came_back: bool,
    },
    /// The journal or the store failed.
    #[error(transparent)]
    State(#[from] StateError),
    /// The service cannot be read.
    #[error(transparent)]
    Provider(#[from] ProviderError),
}

/// How many steps one intent names at most: enough that syncing costs little, few enough that a crash leaves little to
/// look up.
const BATCH: usize = 8192;

/// How long to wait at a time, so that a request to stop is noticed.
const SLICE: Duration = Duration::from_secs(2);

/// Carries a plan out. The state must be locked, and the input's record be what it holds.
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
    let recovered = recover(&input.recorded, provider, store, &ReadRequest::default())?;
    let recorded = if recovered.is_empty() {
        input.recorded.clone()
    } else {
        store.load()?
    };
    let again = ReadRequest {
        touched_by: touched(plan, &input.observed).into_iter().collect(),
        orphaned_grants: plan.names.principals.iter().any(PrincipalKey::is_orphan),
        ..ReadRequest::default()
    };
    let fresh = undisturbed(plan, provider, &again, sink)?;
    let ours = match &recorded.unfinished {
        Some(_) => half_done(plan, recovered),
        None => recovered,
    };
    let checked = check(plan, &input.observed, &fresh, &ours);
    if !checked.stale.is_empty() {
        return Err(ApplyError::Stale {
            why: checked.stale,
            came_back: checked.came_back,
        });
    }
    let seams = Seams {
        provider,
        store,
        sink,
        stop,
    };
    let mut run = Run::new(plan, input, seams, recorded, &fresh, checked);
    run.begin(options)?;
    match run.work()? {
        None => run.finish(),
        Some(silence) => run.abandon(&silence),
    }
}

/// Effects of the plan that the interrupted run may have begun: those on permission sets, which are several calls.
fn half_done(plan: &Plan, recovered: Vec<Effect>) -> Vec<Effect> {
    let effects = plan.actions.iter().filter_map(|action| action.effect.clone());
    let on_sets = effects.filter(|effect| {
        matches!(
            effect,
            Effect::CreatePermissionSet { .. } | Effect::UpdatePermissionSet { .. }
        )
    });
    on_sets.chain(recovered).collect()
}

/// Steps that come back later.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Later {
    pub at: Timestamp,
    pub step: StepId,
    pub look: bool,
}

/// What a run works with.
pub(super) struct Seams<'a> {
    pub provider: &'a dyn Provider,
    pub store: &'a mut dyn StateStore,
    pub sink: &'a mut dyn EventSink,
    pub stop: &'a dyn Fn() -> bool,
}

/// What was approved, for the run's head.
struct Approved {
    /// The digest of the plan.
    digest: Arc<str>,
    /// The fingerprints of its steps.
    steps: Vec<u64>,
    /// Who gains what it covers; `None` where an older run did not record that.
    people: Option<Vec<ApprovedRow>>,
}

/// A run under way.
pub(super) struct Run<'a> {
    pub plan: &'a Plan,
    pub input: &'a PlanInput,
    pub seams: Seams<'a>,
    pub fold: Fold,
    pub walk: Walk<'a>,
    pub queue: Queue,
    pub pace: Pace,
    pub ids: IdTable,
    /// Steps that need no call.
    pub already: FxHashMap<StepId, Learned>,
    /// What is left of actions that were begun before.
    pub rest: BTreeMap<u32, Effect>,
    /// Effects of actions as they were sent.
    pub sent: FxHashMap<u32, Effect>,
    pub in_flight: BTreeMap<Ticket, StepId>,
    pub last_ticket: u64,
    pub later: BTreeSet<Later>,
    pub attempts: FxHashMap<StepId, Attempts>,
    /// Steps of which an attempt may have left something behind: what is there may be this run's own.
    pub perhaps_begun: FxHashSet<StepId>,
    /// Creations that failed and may have left something behind, and why they failed.
    pub left_begun: Vec<(StepId, Arc<str>)>,
    /// Steps of which only a reading can tell how they ended.
    pub doubts: Vec<(StepId, CallError)>,
    /// Why steps are in doubt that are looked at again later.
    pub doubted: FxHashMap<StepId, CallError>,
    pub done: Vec<(StepRef, Learned)>,
    pub failed: Vec<(StepRef, Arc<str>)>,
    pub failures: Vec<Failure>,
    pub denied: Vec<Failure>,
    pub wants_steps: bool,
    /// When it is said next that nobody answers.
    pub next_word: Duration,
    /// What keeps the service from going on, and who was told.
    pub troubles: Troubles,
}

impl<'a> Run<'a> {
    fn new(
        plan: &'a Plan,
        input: &'a PlanInput,
        seams: Seams<'a>,
        recorded: Recorded,
        fresh: &Observed,
        checked: Checked,
    ) -> Self {
        let pace = Pace::new(&fresh.quotas, seams.provider.holds_back());
        let wants_steps = seams.sink.wants_steps();
        Run {
            plan,
            input,
            seams,
            fold: Fold::new(recorded),
            walk: Walk::new(plan),
            queue: Queue::new(plan.names.accounts.len(), pace.one_per_account()),
            pace,
            ids: IdTable::new(fresh),
            already: checked.already,
            rest: checked.rest,
            sent: FxHashMap::default(),
            in_flight: BTreeMap::new(),
            last_ticket: 0,
            later: BTreeSet::new(),
            attempts: FxHashMap::default(),
            perhaps_begun: FxHashSet::default(),
            left_begun: Vec::new(),
            doubts: Vec::new(),
            doubted: FxHashMap::default(),
            done: Vec::new(),
            failed: Vec::new(),
            failures: Vec::new(),
            denied: Vec::new(),
            wants_steps,
            next_word: super::silence::FIRST_WORD,
            troubles: Troubles::default(),
        }
    }

    /// Writes the run's head and what changes in the record alone.
    fn begin(&mut self, options: &RunOptions) -> Result<(), ApplyError> {
        let (plan, input) = (self.plan, self.input);
        let lineage = self.fold.recorded()?.lineage.clone();
        let Approved {
            digest,
            steps,
            people,
        } = self.approved();
        self.write(Entry::RunStarted(Box::new(RunStarted {
            run: Arc::clone(&options.run),
            by: options.by.clone(),
            command: Arc::clone(&options.command),
            reason: options.reason.clone(),
            rest: (digest != plan.digest).then(|| Arc::clone(&plan.digest)),
            digest,
            lineage: lineage.unwrap_or_else(|| Arc::clone(&options.new_lineage)),
            instance: plan.instance.clone(),
            steps,
            people,
            actions: resume::action_fingerprints(plan),
            records: resume::record_fingerprints(plan),
            narrowed: matches!(
                plan.mode,
                Mode::Revokes | Mode::Expired | Mode::Standing | Mode::Freeze
            ),
            rules: (plan.mode == Mode::All).then(|| Box::new(Rules::of(&input.desired))),
            revision: options.revision.clone(),
            names: plan.names.clone(),
            declarations: plan.declarations.clone(),
            notes: plan.notes.clone(),
            entities: without_access(&input.desired.snapshot),
        })))?;
        if let Some(changes) = record_only(plan, input) {
            self.write(Entry::Recorded(Box::new(changes)))?;
        }
        let event = Event::RunStarted {
            format_version: EVENT_FORMAT_VERSION,
            run: Arc::clone(&options.run),
            at: self.seams.provider.now(),
            digest: Arc::clone(&plan.digest),
            steps: self.counts().open,
        };
        self.seams.sink.event(&event);
        let blocked = self.walk.take_initially_blocked();
        self.tell_blocked(&blocked);
        Ok(())
    }

    /// What was approved: a run that goes on with another keeps that one's digest, steps and people, so that it can
    /// be interrupted again.
    fn approved(&self) -> Approved {
        let mut steps = resume::step_fingerprints(self.plan);
        let unfinished = self.input.recorded.unfinished.as_ref();
        let Some(run) = unfinished.filter(|run| resume::resume_of(run, self.plan)) else {
            return Approved {
                digest: Arc::clone(&self.plan.digest),
                steps,
                people: Some(ApprovedPeople::of(self.plan).rows),
            };
        };
        steps.extend(&run.steps);
        steps.sort_unstable();
        steps.dedup();
        Approved {
            digest: Arc::clone(&run.digest),
            steps,
            people: run.people.clone(),
        }
    }

    /// Runs steps until nothing is left that can run, or nobody has answered for too long.
    fn work(&mut self) -> Result<Option<Silence>, ApplyError> {
        let mut stopping = false;
        loop {
            if !stopping && (self.seams.stop)() {
                stopping = true;
                self.seams.provider.stop();
                self.seams.sink.event(&Event::Stopping);
            }
            if !stopping && self.troubles.is_hopeless {
                stopping = true;
                self.seams.provider.stop();
            }
            self.tell_notices();
            if let Some(silence) = self.outlasted(stopping) {
                return Ok(Some(silence));
            }
            self.wake();
            self.seams.store.keep()?;
            let batch = if stopping { Vec::new() } else { self.batch() };
            if !batch.is_empty() {
                self.launch(&batch)?;
            } else if !self.doubts.is_empty() {
                self.look();
            } else if !self.in_flight.is_empty() {
                self.poll(self.until_later().unwrap_or(SLICE));
                self.note_accepted()?;
            } else if !self.rest_until_later(stopping) {
                return Ok(None);
            }
        }
    }

    /// Sleeps towards the next step that comes back later; `false` when there is none. Second attempts are dropped
    /// when the run is stopping, second looks are not: without them nobody would know.
    fn rest_until_later(&mut self, stopping: bool) -> bool {
        if stopping {
            self.drop_attempts();
        }
        let due = self.until_later();
        due.into_iter().for_each(|due| self.seams.provider.sleep(due));
        due.is_some()
    }

    /// How long to wait for the next step that comes back, at most a slice.
    fn until_later(&self) -> Option<Duration> {
        let next = self.later.first()?;
        let left = Duration::try_from(next.at.duration_since(self.seams.provider.now()));
        Some(left.unwrap_or_default().min(SLICE))
    }

    /// Takes in the calls that have ended.
    pub fn poll(&mut self, wait: Duration) {
        let pending: Vec<Ticket> = self.in_flight.keys().copied().collect();
        for (ticket, outcome) in self.seams.provider.poll(&pending, wait) {
            if let Some(step) = self.in_flight.remove(&ticket) {
                self.settle(step, outcome);
            }
        }
    }

    /// Puts steps whose time has come back into the queue.
    fn wake(&mut self) {
        if self.later.is_empty() {
            return;
        }
        let now = self.seams.provider.now();
        while let Some(next) = self.later.first().filter(|next| next.at <= now).cloned() {
            self.later.remove(&next);
            if next.look {
                let error = self.doubted.remove(&next.step);
                self.doubts
                    .push((next.step, error.unwrap_or_else(super::settle::unanswered)));
            } else {
                self.push(next.step);
            }
        }
    }

    fn finish(mut self) -> Result<ApplyResult, ApplyError> {
        self.record_what_began();
        self.write_outcomes()?;
        let mut counts = self.counts();
        let end = if counts.open > 0 && (self.seams.stop)() {
            RunEnd::Interrupted
        } else if counts.open + counts.failed + counts.blocked > 0 {
            RunEnd::Partial
        } else {
            RunEnd::Complete
        };
        counts.blocked += std::mem::take(&mut counts.open);
        let warnings = self.observe()?;
        let mut outputs = self.plan.outputs.clone();
        for output in outputs.values_mut() {
            output.value = self.ids.fill_output(&output.value);
        }
        let at = self.seams.provider.now();
        let ending = RunEnding { at, end, counts };
        self.write(ending.entry(outputs))?;
        self.seams.store.sync()?;
        let recorded = self.fold.finish()?;
        self.seams.store.checkpoint(&recorded)?;
        ending.tell(self.seams.sink);
        Ok(ending.result((self.failures, self.denied), warnings, recorded))
    }

    /// How many steps that change the service stand where. Actions that only the record knows are no steps to
    /// whoever reads the count.
    pub fn counts(&self) -> Counts {
        let mut counts = self.walk.counts();
        let actions = (0..).zip(&self.plan.actions);
        for (index, _) in actions.filter(|(_, action)| action.effect.is_none()) {
            let bucket = match self.walk.progress(StepId::Action(index)) {
                Progress::Pending | Progress::Ready | Progress::InFlight => &mut counts.open,
                Progress::Done => &mut counts.done,
                Progress::Failed => &mut counts.failed,
                Progress::Blocked => &mut counts.blocked,
            };
            *bucket = bucket.saturating_sub(1);
        }
        counts
    }

    /// Records what the service shows now. Without it the record is as true as without a run: what was last seen is
    /// dated; but whoever asks `access` must know. Returns what there is to say about it.
    fn observe(&mut self) -> Result<Vec<Arc<str>>, StateError> {
        let touched_by = touched(self.plan, &self.input.observed);
        let request = ReadRequest {
            of_access_only: self.assigned_only(),
            ..self.request(touched_by)
        };
        match self.read_patiently(&request) {
            Ok(observed) => {
                self.ids.observe(&observed.snapshot);
                let entry = Entry::of_reading(self.fold.seen(), Seen::of(observed));
                self.write(entry)?;
                Ok(Vec::new())
            }
            Err(error) => {
                let message: Arc<str> = format!(
                    "the steps are recorded, but the service could not be read in the end, so that the state still \
                     shows what was seen before: {error}"
                )
                .into();
                self.seams.sink.event(&Event::Warning {
                    message: Arc::clone(&message),
                });
                Ok(vec![message])
            }
        }
    }

    /// A reading that waits for a service that does not answer, as long as the run would.
    fn read_patiently(&mut self, request: &ReadRequest) -> Result<Observed, ProviderError> {
        loop {
            let reading = self.seams.provider.read(request);
            let stopping = (self.seams.stop)();
            let is_unheard = reading.is_err() && self.seams.provider.silence().is_some();
            if !is_unheard || self.outlasted(stopping).is_some() {
                return reading;
            }
            self.seams.provider.sleep(SLICE);
        }
    }

    /// Takes an entry into the record and the journal; durable with the next sync.
    pub fn write(&mut self, entry: Entry) -> Result<(), StateError> {
        self.fold.push(&entry)?;
        self.seams.store.append(std::slice::from_ref(&entry))
    }

    /// Writes how calls ended since this was last done.
    pub fn write_outcomes(&mut self) -> Result<(), StateError> {
        if self.done.is_empty() && self.failed.is_empty() {
            return Ok(());
        }
        let (done, failed) = (std::mem::take(&mut self.done), std::mem::take(&mut self.failed));
        self.write(Entry::Outcomes { done, failed })
    }

    /// Tells the listener about a step that goes well, if it cares.
    pub fn tell_step(&mut self, step: StepId, event: impl FnOnce(Arc<str>) -> Event) {
        if self.wants_steps {
            self.seams.sink.event(&event(self.describe(step)));
        }
    }

    /// Tells the listener what is not run because of another step.
    pub fn tell_blocked(&mut self, blocked: &[BlockedBy]) {
        for blocked in blocked {
            let step = self.describe(blocked.step);
            self.seams.sink.event(&Event::StepBlocked { step });
        }
    }

    /// A step in a few words.
    pub fn describe(&self, step: StepId) -> Arc<str> {
        super::describe::describe(self.plan, step).into()
    }

    /// The next steps to start: as many as there is room for.
    fn batch(&mut self) -> Vec<StepId> {
        loop {
            let ready = self.walk.take_ready();
            if ready.is_empty() {
                break;
            }
            ready.into_iter().for_each(|step| self.push(step));
        }
        let mut batch = Vec::new();
        while batch.len() < BATCH {
            let Some(step) = self.next() else { break };
            self.lane(step).into_iter().for_each(|lane| self.pace.take(lane));
            batch.push(step);
        }
        batch
    }

    fn next(&mut self) -> Option<StepId> {
        let pace = &self.pace;
        if let Some(index) = self.queue.pop_action(|lane| pace.has_room(lane)) {
            return Some(StepId::Action(index));
        }
        if pace.has_room(Lane::Deletion)
            && let Some(index) = self.queue.pop_revoke()
        {
            return Some(StepId::Revoke(index));
        }
        let has_room = self.pace.has_room(Lane::Creation);
        has_room.then(|| self.queue.pop_grant().map(StepId::Grant))?
    }

    /// A reading of what some steps touch.
    pub fn read_touched(&self, keys: BTreeSet<EntityKey>) -> Result<Observed, ProviderError> {
        self.seams.provider.read(&self.request(keys))
    }

    fn request(&self, keys: BTreeSet<EntityKey>) -> ReadRequest {
        ReadRequest {
            touched_by: keys.into_iter().collect(),
            orphaned_grants: self.plan.names.principals.iter().any(PrincipalKey::is_orphan),
            ..ReadRequest::default()
        }
    }

    /// The permission sets that this run changed nothing about but who has them: their content is as it was read before
    /// the first step.
    fn assigned_only(&self) -> BTreeSet<PermissionSetName> {
        let actions = self.plan.actions.iter().filter(|action| action.effect.is_some());
        let changed: BTreeSet<&EntityKey> = actions.map(|action| &action.entity).collect();
        let sets = self.plan.names.permission_sets.iter();
        let rest = sets.filter(|name| !changed.contains(&EntityKey::PermissionSet((*name).clone())));
        rest.cloned().collect()
    }
}

/// The entities of a snapshot alone.
fn without_access(snapshot: &Snapshot) -> Snapshot {
    Snapshot {
        organizational_units: snapshot.organizational_units.clone(),
        accounts: snapshot.accounts.clone(),
        users: snapshot.users.clone(),
        groups: snapshot.groups.clone(),
        permission_sets: snapshot.permission_sets.clone(),
        access: Access::default(),
    }
}
