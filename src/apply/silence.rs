//! When nobody answers: said while it lasts, and the end of a run that it outlasts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::provider::Silence;
use crate::state::entry::RunEnd;

use super::ending::RunEnding;
use super::event::Event;
use super::run::{ApplyError, ApplyResult, Run};

/// How long nothing may answer before a run ends.
const PATIENCE: Duration = Duration::from_secs(120);

/// How long once somebody has asked it to stop: what nobody answers is not waited for.
const PATIENCE_WHEN_STOPPING: Duration = Duration::from_secs(3);

/// When it is first said that nobody answers; after that each time it has lasted twice as long.
pub(super) const FIRST_WORD: Duration = Duration::from_secs(5);

impl Run<'_> {
    /// The silence that a run ends with; one that is shorter is only told.
    pub fn outlasted(&mut self, stopping: bool) -> Option<Silence> {
        let Some(silence) = self.seams.provider.silence() else {
            self.next_word = FIRST_WORD;
            return None;
        };
        let patience = if stopping {
            PATIENCE_WHEN_STOPPING
        } else {
            PATIENCE
        };
        if silence.lasted >= patience {
            return Some(silence);
        }
        if silence.lasted >= self.next_word {
            self.next_word = silence.lasted * 2;
            let (whence, seconds) = (&silence.whence, silence.lasted.as_secs());
            let message = format!(
                "no answer from {whence} for {seconds} s, trying again (attempt {})",
                silence.attempts.saturating_add(1)
            );
            self.seams.sink.event(&Event::Warning {
                message: message.into(),
            });
        }
        None
    }

    /// Ends a run that nobody answers. What was under way stays in doubt in the journal, as after a crash, so that the
    /// next run finds out how it ended.
    pub fn abandon(mut self, silence: &Silence) -> Result<ApplyResult, ApplyError> {
        self.write_outcomes()?;
        let in_doubt = self.fold.in_doubt()?.len();
        let mut counts = self.counts();
        counts.blocked += std::mem::take(&mut counts.open);
        let ending = RunEnding {
            at: self.seams.provider.now(),
            end: RunEnd::Interrupted,
            counts,
        };
        if in_doubt == 0 {
            self.write(ending.entry(BTreeMap::new()))?;
        }
        self.seams.store.sync()?;
        let message: Arc<str> = farewell(silence, in_doubt).into();
        self.seams.sink.event(&Event::Warning {
            message: Arc::clone(&message),
        });
        ending.tell(self.seams.sink);
        let recorded = self.fold.finish()?;
        Ok(ending.result((self.failures, self.denied), vec![message], recorded))
    }
}

fn farewell(silence: &Silence, in_doubt: usize) -> String {
    let (whence, seconds) = (&silence.whence, silence.lasted.as_secs());
    let doubt = match in_doubt {
        0 => String::new(),
        1 => " How the step that was under way ended is not known.".to_owned(),
        count => format!(" How the {count} steps that were under way ended is not known."),
    };
    format!(
        "no answer from {whence} for {seconds} s, so the run ends here.{doubt} Run apply again when the service answers: \
         it finds out, and does what is left"
    )
}
