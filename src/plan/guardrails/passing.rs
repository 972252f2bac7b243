//! Access that a guardrail lets pass by an exception alone: whoever approves a plan that adds it reads which rule it
//! would break, why it may, and until when.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::model::guardrail::{Exception, Guardrail};
use crate::plan::finding::{Finding, Level, counted};
use crate::plan::input::PlanInput;

use super::breach::{Breach, Since, Subject};
use super::{Case, Court};

/// A guardrail without one of its exceptions, and without those before it.
pub(super) struct Stricter<'a> {
    exception: &'a Exception,
    guardrail: Guardrail,
}

/// The declared guardrails, once for each exception that holds. What two exceptions let pass is found with the later
/// one, when both are gone.
pub(super) fn stricter<'a>(cases: &[Case<'a>], input: &PlanInput) -> Vec<Stricter<'a>> {
    let declared = cases.iter().filter(|case| !case.as_last_applied);
    let found = declared.flat_map(|case| {
        let guardrail = case.guardrail;
        let exceptions = guardrail.except.iter().enumerate();
        let holding = exceptions.filter(|(_, exception)| exception.holds(input.now));
        holding.map(|(at, exception)| Stricter {
            exception,
            guardrail: Guardrail {
                except: guardrail.except.iter().skip(at + 1).cloned().collect(),
                ..guardrail.clone()
            },
        })
    });
    found.collect()
}

impl<'a> Court<'a> {
    /// A finding for each exception without which the plan would newly break a guardrail.
    pub(super) fn passing(&self, breaches: &[Breach], stricter: &'a [Stricter<'a>]) -> Vec<Finding> {
        if self.only_removes {
            return Vec::new();
        }
        let mut known: BTreeSet<(Arc<str>, Subject)> = BTreeSet::new();
        for breach in breaches.iter().filter(|breach| breach.since == Since::Plan) {
            let subjects = breach.subjects.iter().cloned();
            known.extend(subjects.map(|subject| (Arc::clone(&breach.label), subject)));
        }
        let mut found = Vec::new();
        for Stricter { exception, guardrail } in stricter {
            let case = Case {
                guardrail,
                as_last_applied: false,
            };
            let (mut cases, mut sentences) = (0, BTreeSet::new());
            for mut breach in self.judge(&case) {
                if breach.since != Since::Plan {
                    continue;
                }
                let is_new =
                    |subject: &Subject| known.insert((Arc::clone(&guardrail.label), subject.clone()));
                breach.subjects.retain(is_new);
                cases += breach.subjects.len();
                sentences.extend(breach.sentences());
            }
            if cases > 0 {
                found.push(finding(guardrail, exception, cases, sentences));
            }
        }
        found
    }
}

fn finding(
    guardrail: &Guardrail,
    exception: &Exception,
    cases: usize,
    subjects: BTreeSet<Arc<str>>,
) -> Finding {
    let (label, reason) = (&guardrail.label, &exception.reason);
    let (verb, cases) = (if cases == 1 { "passes" } else { "pass" }, counted(cases, "case"));
    let until = exception
        .expires
        .map_or_else(|| "without an end".to_owned(), |time| format!("until {time}"));
    let location = exception.location.clone().or_else(|| guardrail.location.clone());
    Finding {
        subjects,
        location,
        ..Finding::new(
            Level::Note,
            "passes-by-exception",
            format!("guardrail \"{label}\": {cases} {verb} by an exception alone ({reason}), {until}"),
        )
    }
}
