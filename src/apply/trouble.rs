//! What keeps the service from going on: it is out of order, or does not let the caller ask how a request ended. Said while
//! it lasts, with when it ends; and the end of a run in which nothing else is heard.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::provider::CallError;

use super::event::Event;
use super::retry::{PATIENCE_WITH_FAULTS, is_fault, is_unfollowed};
use super::run::Run;

/// When it is first said that the service is out of order; after that each time it has lasted twice as long.
const FIRST_WORD: Duration = Duration::from_secs(10);

/// What a run has met and told.
#[derive(Debug, Default)]
pub(super) struct Troubles {
    /// Since when everything that was answered said that the service is out of order.
    since: Option<Timestamp>,
    /// When it is said next, by operation and code.
    next_words: BTreeMap<(Arc<str>, Arc<str>), Duration>,
    /// Actions that the caller lacks to ask how requests ended.
    lacking: BTreeSet<Arc<str>>,
    /// The run is given up.
    pub is_hopeless: bool,
}

impl Troubles {
    /// Something went as it should.
    pub fn is_over(&mut self) {
        self.since = None;
        self.next_words.clear();
    }
}

impl Run<'_> {
    /// A call ended with an error.
    pub fn take_trouble(&mut self, error: &CallError) {
        if is_fault(error) {
            let now = self.seams.provider.now();
            self.troubles.since.get_or_insert(now);
            return;
        }
        self.troubles.since = None;
        let Some(action) = error.missing_action.as_ref().filter(|_| is_unfollowed(error)) else {
            return;
        };
        if self.troubles.lacking.insert(Arc::clone(action)) {
            self.warn(format!(
                "the caller lacks {action}, so that how requests end cannot be asked: what is there is read instead, and \
                 where that does not tell for 5 minutes, how a step ended stays unknown. `rolecall policy --for apply` prints \
                 all that is needed ({error})"
            ));
        }
    }

    /// Says that the service is out of order, from time to time; a step has met the error for so long.
    pub fn tell_trouble(&mut self, error: &CallError, lasted: Duration) {
        if !is_fault(error) {
            return;
        }
        let kind = (Arc::clone(&error.operation), Arc::clone(&error.code));
        let next = self.troubles.next_words.entry(kind).or_insert(FIRST_WORD);
        if lasted < *next {
            return;
        }
        *next = lasted * 2;
        self.warn(format!(
            "the service has been out of order for {} s; a step is tried again for {} minutes, and when nothing goes \
             through meanwhile, the run ends then ({error})",
            lasted.as_secs(),
            PATIENCE_WITH_FAULTS.as_secs() / 60
        ));
    }

    /// A step was given up: so is the run where nothing was heard in all that time but that the service is out of order.
    pub fn despair(&mut self, error: &CallError) {
        let Some(since) = self.troubles.since.filter(|_| is_fault(error)) else {
            return;
        };
        let lasted = Duration::try_from(self.seams.provider.now().duration_since(since));
        if lasted.unwrap_or_default() < PATIENCE_WITH_FAULTS
            || std::mem::replace(&mut self.troubles.is_hopeless, true)
        {
            return;
        }
        self.warn(format!(
            "the service has been out of order for {} minutes, so the run ends here. Run apply again when it works: it finds \
             out how the steps ended that were under way, and does what is left",
            PATIENCE_WITH_FAULTS.as_secs() / 60
        ));
    }

    /// Tells what the provider has to say besides.
    pub fn tell_notices(&mut self) {
        for notice in self.seams.provider.take_notices() {
            self.warn(notice);
        }
    }

    fn warn(&mut self, message: impl Into<Arc<str>>) {
        let message = message.into();
        self.seams.sink.event(&Event::Warning { message });
    }
}
