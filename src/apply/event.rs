//! What a run says while it goes: for progress, JSON lines and logs.

use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;

use crate::plan::Finding;
use crate::source::Location;
use crate::state::entry::RunEnd;

/// The version of an event's JSON form.
pub const EVENT_FORMAT_VERSION: u32 = 1;

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case", tag = "event")]
pub enum Event {
    /// The plan that is about to be carried out, or is refused, or has nothing to do.
    Planned {
        /// [`EVENT_FORMAT_VERSION`].
        format_version: u32,
        /// When, by the provider's clock.
        at: Timestamp,
        /// The plan's digest.
        digest: Arc<str>,
        /// Whether anything would change, in the service or in the state.
        has_changes: bool,
        /// Whether a finding refuses it; then nothing follows.
        refused: bool,
        /// What a person should read first, the refusals among it.
        findings: Vec<Finding>,
    },
    /// The command fails; nothing follows. A wrong configuration gives one of these per mistake.
    Error {
        /// What is wrong.
        message: Arc<str>,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        remedy: Option<Arc<str>>,
        /// Where it is written.
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<Location>,
    },
    /// The run begins.
    RunStarted {
        /// [`EVENT_FORMAT_VERSION`].
        format_version: u32,
        /// The run's name.
        run: Arc<str>,
        /// When, by the provider's clock.
        at: Timestamp,
        /// The plan's digest.
        digest: Arc<str>,
        /// How many steps there are to do.
        steps: u64,
    },
    /// A step's call leaves.
    StepStarted {
        /// What it does, for people.
        step: Arc<str>,
    },
    /// The service works on it.
    StepAccepted {
        /// What it does.
        step: Arc<str>,
        /// The service's request id.
        request_id: Arc<str>,
    },
    /// It is done.
    StepSucceeded {
        /// What it did.
        step: Arc<str>,
        /// The id or ARN that the service assigned, for what was created.
        #[serde(skip_serializing_if = "Option::is_none")]
        id: Option<Arc<str>>,
    },
    /// It will be tried again.
    StepRetrying {
        /// What it does.
        step: Arc<str>,
        /// Why it did not work this time, in the service's words.
        error: Arc<str>,
        /// In how many seconds.
        seconds: f64,
    },
    /// It failed for good.
    StepFailed {
        /// What it was to do.
        step: Arc<str>,
        /// Why, in the service's words, with the request id.
        error: Arc<str>,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        remedy: Option<Arc<str>>,
        /// Where the block is written that asked for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<Location>,
    },
    /// This caller may not do it; it counts among the steps that were not run.
    StepDenied {
        /// What it was to do.
        step: Arc<str>,
        /// The refusal, in the service's words, with the request id.
        error: Arc<str>,
        /// The IAM action that the caller lacks, where the service says it.
        #[serde(skip_serializing_if = "Option::is_none")]
        missing_action: Option<Arc<str>>,
        /// What to do about it.
        #[serde(skip_serializing_if = "Option::is_none")]
        remedy: Option<Arc<str>>,
        /// Where the block is written that asked for it.
        #[serde(skip_serializing_if = "Option::is_none")]
        location: Option<Location>,
    },
    /// It was not run, because what it waits for did not succeed.
    StepBlocked {
        /// What it was to do.
        step: Arc<str>,
    },
    /// Nothing of the run begins before the service has ended requests, of another run or another tool, for the same
    /// things.
    Waiting {
        /// For what, for people.
        requests: Vec<Arc<str>>,
    },
    /// Something to know that is no failure of a step.
    Warning {
        /// What.
        message: Arc<str>,
    },
    /// The run was asked to stop: what is in flight ends, nothing new begins.
    Stopping,
    /// The run ends.
    RunFinished {
        /// When, by the provider's clock.
        at: Timestamp,
        /// How.
        end: RunEnd,
        /// Steps done.
        done: u64,
        /// Steps failed.
        failed: u64,
        /// Steps not run.
        not_run: u64,
    },
}

/// Where events go. Called from the thread that applies; must not block for long.
pub trait EventSink {
    /// Takes one event.
    fn event(&mut self, event: &Event);

    /// Whether events of single steps that go well are wanted. They cost a text each.
    fn wants_steps(&self) -> bool {
        true
    }
}

/// Events nobody wants.
#[derive(Debug, Default)]
pub struct Silent;

impl EventSink for Silent {
    fn event(&mut self, _: &Event) {}

    fn wants_steps(&self) -> bool {
        false
    }
}
