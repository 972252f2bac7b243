//! A run as text: the lines worth saying while it goes, and its summary.

use std::collections::BTreeMap;

use crate::apply::event::Event;
use crate::model::denial::Denial;
use crate::state::entry::RunEnd;

use super::escape::escape;
use super::style::{Meaning, Styles};
use super::wording::{counted, number, some_of};

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

/// From how many seconds on a wait before another attempt is said.
const WAIT_WORTH_SAYING: f64 = 3.0;

/// Waits before other attempts, of which the long ones are said: once for all steps that met the same error, and again
/// when the wait has grown.
#[derive(Debug, Default)]
pub struct Waits {
    said: BTreeMap<String, f64>,
}

impl Waits {
    /// Whether an event is a wait to be said.
    pub fn take(&mut self, event: &Event) -> bool {
        let Event::StepRetrying { error, seconds, .. } = event else {
            return false;
        };
        // Operation and code; what follows differs between steps.
        let kind: Vec<&str> = error.splitn(3, ": ").take(2).collect();
        let said = self.said.entry(kind.join(": ")).or_insert(0.0);
        let is_worth_it = *seconds >= WAIT_WORTH_SAYING && *seconds >= *said * 1.5;
        if is_worth_it {
            *said = *seconds;
        }
        is_worth_it
    }
}

/// Steps that the caller may not do, of which the first for each lacking action is said at once and the others are
/// counted: one permission that is missing is one thing to read.
#[derive(Debug, Default)]
pub struct Denials {
    by_cause: BTreeMap<(String, String), Vec<String>>,
}

impl Denials {
    /// Takes note of an event; whether it is one to be left to the end.
    pub fn take(&mut self, event: &Event) -> bool {
        let Event::StepDenied {
            step,
            error,
            location,
            ..
        } = event
        else {
            return false;
        };
        let Some(denial) = Denial::of(error) else {
            return false;
        };
        let cause = (denial.action.to_owned(), denial.cause.to_owned());
        let Some(others) = self.by_cause.get_mut(&cause) else {
            self.by_cause.insert(cause, Vec::new());
            return false;
        };
        let place = location.as_ref().map(|place| format!(" ({place})"));
        others.push(format!("{step}{}", place.unwrap_or_default()));
        true
    }

    /// What was left to the end: a line for each action, with the first steps.
    pub fn lines(&self, styles: Styles) -> Vec<String> {
        let left = self.by_cause.iter().filter(|(_, others)| !others.is_empty());
        let line = |((action, _), others): (&(String, String), &Vec<String>)| {
            let count = others.len() as u64;
            let word = styles.paint(Meaning::Warning, "not allowed");
            let plural = if count == 1 { "step needs" } else { "steps need" };
            format!(
                "{word}: {} more {plural} {} too: {}",
                number(count),
                escape(action),
                some_of(others, count, 3)
            )
        };
        left.map(line).collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    fn denied(step: &str, action: &str, request: u8) -> Event {
        let words = format!("User: u is not authorized to perform: {action} on resource: r-{request}");
        Event::StepDenied {
            step: step.into(),
            error: format!("Op: AccessDenied: {words} (request {request}); the caller lacks {action}").into(),
            missing_action: Some(action.into()),
            remedy: None,
            location: None,
        }
    }

    #[test]
    fn a_long_wait_is_said_once_for_an_error_and_again_when_it_has_grown() {
        let mut waits = Waits::default();
        let mut said = |error: &str, seconds| {
            waits.take(&Event::StepRetrying {
                step: "step".into(),
                error: error.into(),
                seconds,
            })
        };
        let slow = "CreateUser: ThrottlingException: Rate exceeded";
        assert!(!said(slow, 1.9));
        assert!(said(slow, 4.0));
        assert!(!said(
            "CreateUser: ThrottlingException: Rate exceeded (request 2)",
            4.0
        ));
        assert!(said("CreateGroup: ThrottlingException: Rate exceeded", 3.5));
        assert!(said(slow, 7.5));
        assert!(said(slow, 15.0));
        assert!(!said(slow, 16.0));
        assert!(!waits.take(&Event::Stopping));
    }

    #[test]
    fn one_lacking_permission_is_told_once_and_its_other_steps_at_the_end() {
        let mut denials = Denials::default();
        let left: Vec<bool> = (1..=6)
            .map(|n| denials.take(&denied(&format!("grant {n}"), "sso:CreateAccountAssignment", n)))
            .collect();
        assert_eq!(left, [false, true, true, true, true, true]);
        assert!(!denials.take(&denied("create set x", "sso:CreatePermissionSet", 9)));
        assert_eq!(
            denials.lines(Styles::PLAIN),
            [
                "not allowed: 5 more steps need sso:CreateAccountAssignment too: grant 2, grant 3, grant 4 … 2 more"
            ]
        );
    }
}
