//! How a run ended: as the journal has it, as whoever watches is told, and as it is handed over.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::model::record::Recorded;
use crate::model::stack::Output;
use crate::state::Entry;
use crate::state::entry::{RunCounts, RunEnd};

use super::event::{Event, EventSink};
use super::run::{ApplyResult, Failure};
use super::walk::Counts;

/// The end of a run.
pub(super) struct RunEnding {
    pub at: Timestamp,
    pub end: RunEnd,
    /// What is open does not run any more, and is counted as blocked.
    pub counts: Counts,
}

impl RunEnding {
    /// The journal's last entry of the run.
    pub fn entry(&self, outputs: BTreeMap<Arc<str>, Output>) -> Entry {
        Entry::RunFinished {
            at: self.at,
            end: self.end,
            outputs,
            counts: Some(RunCounts {
                done: self.counts.done,
                failed: self.counts.failed,
                not_run: self.counts.blocked,
            }),
        }
    }

    /// Tells whoever watches.
    pub fn tell(&self, sink: &mut dyn EventSink) {
        sink.event(&Event::RunFinished {
            at: self.at,
            end: self.end,
            done: self.counts.done,
            failed: self.counts.failed,
            not_run: self.counts.blocked,
        });
    }

    /// With what failed, and what was denied.
    pub fn result(
        self,
        (failures, denied): (Vec<Failure>, Vec<Failure>),
        warnings: Vec<Arc<str>>,
        recorded: Recorded,
    ) -> ApplyResult {
        ApplyResult {
            end: self.end,
            counts: self.counts,
            failures,
            denied,
            warnings,
            recorded,
        }
    }
}
