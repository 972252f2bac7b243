//! The synchronous provider over the asynchronous clients.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use tokio::runtime::Runtime;

use super::Options;
use super::connect::connect;
use super::effects::{Accepted, Hints, Worker, done};
use super::model::Model;
use super::operation::Operation;
use super::read::{Scope, access::Strategy, touched, whole};
use super::requests::{Kind, Requests, describe};
use super::session::Session;
use super::work::resolve;
use crate::id::{AccountId, Email, PermissionSetName, ServiceId};
use crate::model::account::Account;
use crate::model::action::Effect;
use crate::model::instance::Observed;
use crate::provider::{
    Call, CallError, Ids, Meaning, Outcome, Provider, ProviderError, ReadFor, ReadRequest, Silence, Started,
    TakenToExist, Ticket,
};

/// How many calls of a kind wait here for a slot of the service: as many as end in a second, which is more than the
/// journal takes.
const HELD_BACK: u32 = 6;

/// IAM Identity Center.
#[derive(Debug)]
pub struct Aws {
    runtime: Runtime,
    session: Arc<Session>,
    requests: Arc<Requests>,
    hints: Arc<Mutex<Hints>>,
    finished: Arc<Finished>,
    strategy: Strategy,
    known: Mutex<Known>,
    /// When this was connected, by the machine's clock.
    begun: Timestamp,
}

/// What readings have taught.
#[derive(Debug, Default)]
struct Known {
    model: Option<Model>,
    declared: Vec<Account>,
    addresses: BTreeSet<Email>,
    creating: BTreeMap<Arc<str>, BTreeSet<Email>>,
    granted: BTreeSet<(AccountId, PermissionSetName)>,
    granted_to: BTreeMap<ServiceId, BTreeSet<(AccountId, PermissionSetName)>>,
}

/// Calls that were accepted or have ended, and were not asked for yet.
#[derive(Debug, Default)]
struct Finished {
    told: Mutex<Told>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct Told {
    outcomes: BTreeMap<Ticket, Outcome>,
    accepted: Vec<(Ticket, Arc<str>)>,
}

impl Finished {
    fn tell(&self, tell: impl FnOnce(&mut Told)) {
        tell(&mut lock(&self.told));
        self.changed.notify_all();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Each of these is replaced as a whole, so that a panic leaves nothing half done.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Aws {
    /// Loads the configuration; no call is made yet, but for what credentials take.
    ///
    /// # Errors
    /// When there is no Region, or there are no credentials.
    pub fn connect(options: &Options) -> Result<Self, ProviderError> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .thread_name("rolecall-aws")
            .build()
            .map_err(|error| ProviderError::Storage {
                message: format!("no threads for calls: {error}").into(),
            })?;
        let clients = runtime.block_on(connect(options))?;
        Ok(Aws {
            runtime,
            session: Arc::new(Session::new(clients, options.rate, options.speed)),
            requests: Arc::default(),
            hints: Arc::default(),
            finished: Arc::default(),
            strategy: options.strategy,
            known: Mutex::default(),
            begun: Timestamp::now(),
        })
    }

    /// Calls made so far, by operation, those that were throttled too.
    pub fn calls(&self) -> BTreeMap<Operation, u64> {
        self.session.calls()
    }

    fn scope(&self, request: &ReadRequest, known: &Known) -> Scope {
        let tagged = known.model.as_ref().map(|model| model.tagged.clone());
        Scope {
            strategy: self.strategy,
            orphans: request.orphaned_grants,
            all_tags: request.account_tags,
            declared: known.declared.clone(),
            addresses: known.addresses.clone(),
            creating: known.creating.clone(),
            tagged: tagged.unwrap_or_default(),
            granted: known.granted.clone(),
            granted_to: known.granted_to.clone(),
        }
    }

    fn worker(&self) -> Result<Worker, CallError> {
        let known = lock(&self.known);
        let model = known.model.as_ref().ok_or_else(|| CallError {
            meaning: Meaning::Unknown,
            operation: "rolecall".into(),
            code: "NotRead".into(),
            message: "the service has not been read yet".into(),
            request_id: None,
            missing_action: None,
        })?;
        Ok(Worker {
            session: Arc::clone(&self.session),
            requests: Arc::clone(&self.requests),
            hints: Arc::clone(&self.hints),
            instance: model.instance.arn.as_str().into(),
            store: model.instance.identity_store.as_str().into(),
        })
    }

    /// Sends one call off.
    fn spawn(&self, call: &Call, ids: &dyn Ids) -> Result<(), CallError> {
        let worker = self.worker()?;
        let work = resolve(&call.effect, ids)?;
        let (ticket, finished) = (call.ticket, Arc::clone(&self.finished));
        let listener = Arc::clone(&finished);
        let accepted = Accepted(Box::new(move |request| {
            let request = Arc::from(request);
            listener.tell(|told| told.accepted.push((ticket, request)));
        }));
        let task = self
            .runtime
            .spawn(async move { worker.run(work, accepted).await });
        self.runtime.spawn(async move {
            let outcome = task.await.unwrap_or_else(|error| Err(broken(&error.to_string())));
            finished.tell(|told| {
                told.outcomes.insert(ticket, outcome);
            });
        });
        Ok(())
    }
}

/// A task of ours that ended without an outcome.
fn broken(why: &str) -> CallError {
    CallError {
        meaning: Meaning::Unknown,
        operation: "rolecall".into(),
        code: "NoAnswer".into(),
        message: why.into(),
        request_id: None,
        missing_action: None,
    }
}

impl Provider for Aws {
    fn name(&self) -> &str {
        "aws"
    }

    fn now(&self) -> Timestamp {
        let passed = Duration::from_secs_f64(self.session.pacer.now());
        let now = self.begun.saturating_add(passed).unwrap_or(self.begun);
        // Nobody reads what is below, neither the service's clock nor people.
        Timestamp::from_millisecond(now.as_millisecond()).unwrap_or(now)
    }

    fn read(&self, request: &ReadRequest) -> Result<Observed, ProviderError> {
        self.session.reads_for(None);
        let mut known = lock(&self.known);
        let declared = request.taken_to_exist.iter().filter_map(|entity| match entity {
            TakenToExist::Account(account) => Some(account.clone()),
            _ => None,
        });
        let declared: Vec<Account> = declared.collect();
        if !declared.is_empty() {
            known.declared = declared;
        }
        if !request.tagged_addresses.is_empty() {
            known.addresses = request.tagged_addresses.clone();
        }
        if !request.creating.is_empty() {
            known.creating = request.creating.clone();
        }
        if !request.granted.is_empty() {
            known.granted = request.granted.clone();
        }
        if !request.granted_to.is_empty() {
            known.granted_to = request.granted_to.clone();
        }
        if !request.set_tags.is_empty() {
            self.session.assume_tags(request.set_tags.clone());
        }
        if request.assumes_nothing {
            self.session.assume_nothing();
        }
        let scope = self.scope(request, &known);
        let before = self.session.calls();
        let model = match known.model.take().filter(|_| !request.touched_by.is_empty()) {
            // What was read by halves is forgotten, so that the next reading is a whole one.
            Some(model) => {
                let refreshed = touched::refresh(&self.session, model, request, &scope);
                self.runtime.block_on(refreshed)?
            }
            None => self.runtime.block_on(whole(&self.session, &scope, self.now()))?,
        };
        *lock(&self.hints) = Hints::new(&model);
        let observed = model.observed(difference(&self.session.calls(), &before));
        known.model = Some(model);
        observed
    }

    fn start(&self, calls: &[Call], ids: &dyn Ids) -> Vec<Started> {
        self.session.begin_run();
        calls
            .iter()
            .map(|call| match self.spawn(call, ids) {
                Ok(()) => Started::Pending { request_id: None },
                Err(error) => Started::Done(Err(error)),
            })
            .collect()
    }

    fn poll(&self, pending: &[Ticket], wait: Duration) -> Vec<(Ticket, Outcome)> {
        let until = Instant::now() + self.session.pacer.outside(wait);
        let mut told = lock(&self.finished.told);
        loop {
            let ended: Vec<(Ticket, Outcome)> = pending
                .iter()
                .filter_map(|ticket| told.outcomes.remove_entry(ticket))
                .collect();
            let left = until.saturating_duration_since(Instant::now());
            if !ended.is_empty() || !told.accepted.is_empty() || left.is_zero() {
                return ended;
            }
            let waited = self.finished.changed.wait_timeout(told, left);
            told = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    fn take_accepted(&self) -> Vec<(Ticket, Arc<str>)> {
        std::mem::take(&mut lock(&self.finished.told).accepted)
    }

    fn holds_back(&self) -> u32 {
        HELD_BACK
    }

    fn may_list_in_part(&self) -> bool {
        self.session.endpoint.is_some()
    }

    fn may_miss_orphans(&self) -> bool {
        self.strategy != Strategy::Pairs
    }

    fn silence(&self) -> Option<Silence> {
        self.session.silence()
    }

    fn failed_for(&self) -> Option<ReadFor> {
        self.session.read_for()
    }

    fn stop(&self) {
        self.requests.slots.close();
    }

    fn request_outcome(&self, effect: &Effect, request_id: &str) -> Option<Outcome> {
        let worker = self.worker().ok()?;
        let kind = match effect {
            Effect::Grant { .. } => Kind::Creation,
            Effect::Revoke { .. } => Kind::Deletion,
            Effect::Provision { .. } => Kind::Provisioning,
            Effect::CreateAccount { .. } => {
                let status = self.runtime.block_on(worker.account_status(request_id)).ok()??;
                return Some(status.and_then(|id| done(Some(id))));
            }
            _ => return None,
        };
        let status = describe(&self.session, &worker.instance, kind, request_id);
        let ended = self.runtime.block_on(status).ok()??;
        Some(ended.and_then(|()| done(None)))
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(self.session.pacer.outside(duration));
    }

    fn take_notices(&self) -> Vec<Arc<str>> {
        self.session.take_notices()
    }
}

/// Calls made between two counts.
fn difference(
    after: &BTreeMap<Operation, u64>,
    before: &BTreeMap<Operation, u64>,
) -> BTreeMap<Arc<str>, u64> {
    let operations: BTreeSet<&Operation> = after.keys().collect();
    let mut calls: BTreeMap<Arc<str>, u64> = BTreeMap::new();
    for operation in operations {
        let count = |calls: &BTreeMap<Operation, u64>| calls.get(operation).copied().unwrap_or(0);
        let made = count(after).saturating_sub(count(before));
        if made > 0 {
            // Two operations of Organizations share their names with others.
            *calls.entry(operation.name().into()).or_default() += made;
        }
    }
    calls
}
