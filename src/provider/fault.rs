//! A provider that misbehaves on purpose: seeded faults around any other, and a hook at every boundary.
//!
//! Nothing here is random: which call meets which fault follows from the seed and the call's number, so that a run
//! with faults can be repeated.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use super::{
    Call, CallError, Ids, Meaning, Outcome, Provider, ProviderError, ReadFor, ReadRequest, Silence, Started,
    Ticket,
};
use crate::model::action::Effect;
use crate::model::instance::Observed;

/// How often each fault happens, in calls of a thousand. They share the thousand.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Faults {
    /// Where the faults come from.
    pub seed: u64,
    /// The service is too busy; nothing happens.
    pub throttled: u16,
    /// Something else is being done to the same thing; nothing happens.
    pub conflict: u16,
    /// The service breaks before it does anything.
    pub broken: u16,
    /// It happens, and the answer is lost.
    pub lost: u16,
    /// The service takes the request and fails it, with a reason.
    pub failed: u16,
    /// After so many faults there are no more; `None`: they go on.
    pub most: Option<u64>,
}

/// Where a hook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Calls are about to reach the service.
    Start,
    /// The service has answered them.
    Started,
    /// The service is about to be asked how calls ended.
    Poll,
    /// It has told.
    Polled,
}

/// What is called at every [`Point`]: a test may end the process there.
pub type Hook = Box<dyn Fn(Point) + Send + Sync>;

/// A provider with faults. `P` points to the real one.
pub struct Faulty<P> {
    inner: P,
    faults: Faults,
    hook: Option<Hook>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: u64,
    faults: u64,
    /// Requests that the service took and will fail.
    failing: BTreeMap<Ticket, CallError>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    Throttled,
    Conflict,
    Broken,
    Lost,
    Failed,
}

impl<P> Faulty<P> {
    /// `inner` with these faults.
    pub fn new(inner: P, faults: Faults) -> Self {
        Faulty {
            inner,
            faults,
            hook: None,
            state: Mutex::default(),
        }
    }

    /// The same, with a hook at every boundary.
    #[must_use]
    pub fn with_hook(mut self, hook: Hook) -> Self {
        self.hook = Some(hook);
        self
    }

    /// How many faults there were.
    pub fn faults_so_far(&self) -> u64 {
        self.state().faults
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn at(&self, point: Point) {
        self.hook.iter().for_each(|hook| hook(point));
    }

    /// What happens to the next call.
    fn draw(&self, effect: &Effect) -> Option<Fault> {
        let mut state = self.state();
        state.calls += 1;
        if self.faults.most.is_some_and(|most| state.faults >= most) {
            return None;
        }
        let drawn = (mix(self.faults.seed ^ mix(state.calls)) % 1000) as u16;
        let mut below = 0;
        let faults = [
            (Fault::Throttled, self.faults.throttled),
            (Fault::Conflict, self.faults.conflict),
            (Fault::Broken, self.faults.broken),
            (Fault::Lost, self.faults.lost),
            (Fault::Failed, self.faults.failed),
        ];
        let fault = faults.into_iter().find_map(|(fault, share)| {
            below += share;
            (drawn < below).then_some(fault)
        })?;
        // Only requests can be taken and fail later.
        if fault == Fault::Failed && !is_request(effect) {
            return None;
        }
        state.faults += 1;
        Some(fault)
    }
}

fn is_request(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::Grant { .. } | Effect::Revoke { .. } | Effect::Provision { .. }
    )
}

/// The finaliser of SplitMix64: spreads neighbouring numbers evenly.
fn mix(seed: u64) -> u64 {
    let mut z = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn error(fault: Fault) -> CallError {
    let (meaning, code, message) = match fault {
        Fault::Throttled => (Meaning::Retry, "ThrottlingException", "Rate exceeded"),
        Fault::Conflict => (
            Meaning::Retry,
            "ConflictException",
            "Another operation on the same resource is in progress",
        ),
        Fault::Broken => (
            Meaning::Retry,
            "InternalServerException",
            "An unexpected internal service exception was encountered",
        ),
        Fault::Lost => (
            Meaning::Unknown,
            "DispatchFailure",
            "the connection closed before the answer",
        ),
        Fault::Failed => (
            Meaning::Failed,
            "FAILED",
            "An unexpected internal service exception was encountered",
        ),
    };
    CallError {
        meaning,
        operation: "injected".into(),
        code: code.into(),
        message: message.into(),
        request_id: None,
        missing_action: None,
    }
}

impl<P> Provider for Faulty<P>
where
    P: Deref + Send + Sync,
    P::Target: Provider,
{
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn read(&self, request: &ReadRequest) -> Result<Observed, ProviderError> {
        self.inner.read(request)
    }

    fn start(&self, calls: &[Call], ids: &dyn Ids) -> Vec<Started> {
        self.at(Point::Start);
        let faults: Vec<Option<Fault>> = calls.iter().map(|call| self.draw(&call.effect)).collect();
        let reaches = |fault: &Option<Fault>| matches!(fault, None | Some(Fault::Lost));
        let sent: Vec<Call> = calls
            .iter()
            .zip(&faults)
            .filter(|(_, fault)| reaches(fault))
            .map(|(call, _)| call.clone())
            .collect();
        let mut answers = if sent.is_empty() {
            Vec::new()
        } else {
            self.inner.start(&sent, ids)
        }
        .into_iter();
        let started = calls.iter().zip(&faults).map(|(call, fault)| match fault {
            None => answers
                .next()
                .unwrap_or_else(|| Started::Done(Err(error(Fault::Lost)))),
            Some(Fault::Failed) => {
                self.state().failing.insert(call.ticket, error(Fault::Failed));
                Started::Pending { request_id: None }
            }
            Some(fault) => {
                if *fault == Fault::Lost {
                    answers.next();
                }
                Started::Done(Err(error(*fault)))
            }
        });
        let started = started.collect();
        self.at(Point::Started);
        started
    }

    fn poll(&self, pending: &[Ticket], wait: Duration) -> Vec<(Ticket, Outcome)> {
        self.at(Point::Poll);
        let mut ended: Vec<(Ticket, Outcome)> = Vec::new();
        let mut rest = Vec::with_capacity(pending.len());
        for ticket in pending {
            match self.state().failing.remove(ticket) {
                Some(error) => ended.push((*ticket, Err(error))),
                None => rest.push(*ticket),
            }
        }
        if !rest.is_empty() {
            let wait = if ended.is_empty() { wait } else { Duration::ZERO };
            ended.extend(self.inner.poll(&rest, wait));
        }
        self.at(Point::Polled);
        ended
    }

    fn take_accepted(&self) -> Vec<(Ticket, Arc<str>)> {
        self.inner.take_accepted()
    }

    fn holds_back(&self) -> u32 {
        self.inner.holds_back()
    }

    fn may_list_in_part(&self) -> bool {
        self.inner.may_list_in_part()
    }

    fn may_miss_orphans(&self) -> bool {
        self.inner.may_miss_orphans()
    }

    fn silence(&self) -> Option<Silence> {
        self.inner.silence()
    }

    fn failed_for(&self) -> Option<ReadFor> {
        self.inner.failed_for()
    }

    fn stop(&self) {
        self.inner.stop();
    }

    fn request_outcome(&self, effect: &Effect, request_id: &str) -> Option<Outcome> {
        self.inner.request_outcome(effect, request_id)
    }

    fn sleep(&self, duration: Duration) {
        self.inner.sleep(duration);
    }

    fn take_notices(&self) -> Vec<Arc<str>> {
        self.inner.take_notices()
    }
}
