//! A reading in the place of the service: it answers with that and does nothing, so that whoever plans with it
//! cannot have called anyone.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::model::action::Effect;
use crate::model::instance::Observed;

use super::{Call, CallError, Ids, Meaning, Outcome, Provider, ProviderError, ReadRequest, Started, Ticket};

/// One reading that stays as it is.
#[derive(Debug, Clone)]
pub struct Frozen {
    name: Arc<str>,
    now: Timestamp,
    observed: Observed,
}

impl Frozen {
    /// The reading of the provider with this name, asked at this time.
    pub fn new(name: impl Into<Arc<str>>, now: Timestamp, observed: Observed) -> Self {
        Frozen {
            name: name.into(),
            now,
            observed,
        }
    }
}

impl Provider for Frozen {
    fn name(&self) -> &str {
        &self.name
    }

    fn now(&self) -> Timestamp {
        self.now
    }

    fn read(&self, _: &ReadRequest) -> Result<Observed, ProviderError> {
        Ok(self.observed.clone())
    }

    fn start(&self, calls: &[Call], _: &dyn Ids) -> Vec<Started> {
        let refused = || CallError {
            meaning: Meaning::Unsupported,
            operation: Arc::from("start"),
            code: Arc::from("ReadingOnly"),
            message: Arc::from("this is a reading of the service, not the service"),
            request_id: None,
            missing_action: None,
        };
        calls.iter().map(|_| Started::Done(Err(refused()))).collect()
    }

    fn poll(&self, _: &[Ticket], _: Duration) -> Vec<(Ticket, Outcome)> {
        Vec::new()
    }

    fn request_outcome(&self, _: &Effect, _: &str) -> Option<Outcome> {
        None
    }

    fn sleep(&self, _: Duration) {}
}
