//! What a run shows while it goes: a bar on a terminal, problems in any case, JSON lines on request.

use std::io::Write;
use std::sync::Arc;

use indicatif::{ProgressBar, ProgressStyle};

use crate::apply::event::{Event, EventSink};
use crate::report::apply_view::{self, Denials, Waits};

use super::env::Env;

/// Progress for people, on standard error.
pub struct Progress<'a> {
    env: &'a Env,
    bar: ProgressBar,
    denials: Denials,
    waits: Waits,
}

impl<'a> Progress<'a> {
    /// Progress on standard error; without a terminal only what a person should know.
    pub fn new(env: &'a Env) -> Self {
        let bar = if env.can_draw {
            ProgressBar::new(0)
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{bar:30} {pos}/{len}  {elapsed}  {wide_msg}") {
            bar.set_style(style);
        }
        Progress {
            env,
            bar,
            denials: Denials::default(),
            waits: Waits::default(),
        }
    }
}

impl EventSink for Progress<'_> {
    fn event(&mut self, event: &Event) {
        match event {
            Event::RunStarted { steps, .. } => self.bar.set_length(*steps),
            Event::StepStarted { step } => self
                .bar
                .set_message(crate::report::escape::escape(step).into_owned()),
            Event::StepSucceeded { .. } | Event::StepBlocked { .. } => self.bar.inc(1),
            Event::StepFailed { .. } | Event::StepDenied { .. } => self.bar.inc(1),
            Event::RunFinished { .. } => self.bar.finish_and_clear(),
            _ => {}
        }
        // With -v every step is said, as it comes.
        let is_verbose = self.env.verbose > 0;
        if !is_verbose && self.denials.take(event) {
            return;
        }
        if let Event::RunFinished { .. } = event {
            for line in self.denials.lines(self.env.err) {
                self.env.say(&line);
            }
        }
        let is_said = is_verbose || self.waits.take(event);
        if let Some(line) = apply_view::line(event, self.env.err, is_said) {
            self.bar.suspend(|| self.env.say(&line));
        }
    }

    fn wants_steps(&self) -> bool {
        self.env.can_draw || self.env.verbose > 0
    }
}

/// Events as JSON lines on standard output.
pub struct JsonLines<W> {
    /// Where to.
    pub out: W,
    /// The first failure to write; the run goes on, since access matters more than its report.
    pub failed: Option<Arc<std::io::Error>>,
}

impl<W: Write> EventSink for JsonLines<W> {
    fn event(&mut self, event: &Event) {
        if self.failed.is_some() {
            return;
        }
        let line = serde_json::to_string(event).unwrap_or_default();
        if let Err(error) = writeln!(self.out, "{line}").and_then(|()| self.out.flush()) {
            self.failed = Some(Arc::new(error));
        }
    }
}
