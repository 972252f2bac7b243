//! A run as text: the lines worth saying while it goes, and its summary.

use crate::apply::event::Event;
use crate::state::entry::RunEnd;

use super::escape::escape;
use super::style::{Meaning, Styles};
use super::wording::{counted, number};

/// The line for an event, if it deserves one; with `all`, every step does.
pub fn line(event: &Event, styles: Styles, all: bool) -> Option<String> {
    match event {
        Event::StepFailed {
            step,
            error,
            remedy,
            location,
        } => {
            let word = styles.paint(Meaning::Error, "failed");
            let mut text = format!("{word}: {}", escape(step));
            if let Some(place) = location {
                text.push_str(&styles.paint(Meaning::Aside, format!("   {place}")));
            }
            text.push_str(&format!("\n    {}", escape(error)));
            if let Some(remedy) = remedy {
                text.push_str(&format!("\n    help: {}", escape(remedy)));
            }
            Some(text)
        }
        Event::StepDenied {
            step,
            error,
            remedy,
            location,
            ..
        } => {
            let word = styles.paint(Meaning::Warning, "not allowed");
            let mut text = format!("{word}: {}", escape(step));
            if let Some(place) = location {
                text.push_str(&styles.paint(Meaning::Aside, format!("   {place}")));
            }
            text.push_str(&format!("\n    {}", escape(error)));
            if let Some(remedy) = remedy {
                text.push_str(&format!("\n    help: {}", escape(remedy)));
            }
            Some(text)
        }
        Event::Waiting { requests } => {
            let what: Vec<_> = requests.iter().map(|request| escape(request)).collect();
            Some(format!(
                "waiting until the service has ended what it is doing already: {}",
                what.join(", ")
            ))
        }
        Event::Warning { message } => {
            let word = styles.paint(Meaning::Warning, "warning");
            Some(format!("{word}: {}", escape(message)))
        }
        Event::Stopping => Some("stopping: nothing new begins".to_owned()),
        Event::StepSucceeded { step, .. } if all => {
            let word = styles.paint(Meaning::Good, "done");
            Some(format!("{word}: {}", escape(step)))
        }
        Event::StepRetrying { step, error, seconds } if all => Some(format!(
            "again in {seconds:.1} s: {}: {}",
            escape(step),
            escape(error)
        )),
        Event::StepBlocked { step } if all => Some(format!("not run: {}", escape(step))),
        _ => None,
    }
}

/// The last line of a run.
pub fn summary(end: RunEnd, done: u64, failed: u64, not_run: u64, styles: Styles) -> String {
    let steps = counted(done, "step");
    match end {
        RunEnd::Complete => {
            let word = styles.paint(Meaning::Good, "Applied.");
            match done {
                0 => format!("{word} Nothing was to change in the service; the state is up to date."),
                _ => format!("{word} {steps} done."),
            }
        }
        RunEnd::Partial | RunEnd::Interrupted => {
            let word = if end == RunEnd::Partial {
                "Partly applied"
            } else {
                "Interrupted"
            };
            let word = styles.paint(Meaning::Error, format!("{word}:"));
            format!(
                "{word} {steps} done, {} failed, {} not run. Run it again to go on.",
                number(failed),
                number(not_run)
            )
        }
    }
}
