//! Drift as a JUnit report: a suite per cause, a case per finding, for the test views of GitLab and Jenkins.
//!
//! A cause of which nothing was found is one case that passed, so that a report without drift shows what was looked
//! for. What could not be read is skipped, not passed: nothing is concluded from it.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::drift::{Cause, Subject};
use crate::id::AccountKey;

use super::drift_view::{DriftRow, DriftView};
use super::escape::{escape, name};
use super::wording;

const MOST_ACCOUNTS: usize = 20;

/// The report.
///
/// # Errors
/// When it cannot be written as XML.
pub fn of_drift(view: &DriftView<'_>) -> Result<String, SerializeError> {
    let mut report = Report::new(format!("rolecall drift: {}", escape(view.stack)));
    if !view.held.is_empty() {
        report.add_test_suite(held(view));
    }
    for cause in Cause::ALL {
        report.add_test_suite(suite(view, cause));
    }
    report.to_string()
}

/// `stale-provisioning`, as codes are written.
fn code(cause: Cause) -> String {
    let value = serde_json::to_value(cause).unwrap_or_default();
    value.as_str().unwrap_or_default().replace('_', "-")
}

fn held(view: &DriftView<'_>) -> TestSuite {
    let mut suite = TestSuite::new("Held: not read or not found");
    for (subject, why) in &view.held {
        let mut status = TestCaseStatus::skipped();
        status.set_message(escape(why).into_owned());
        let mut case = TestCase::new(name(subject).into_owned(), status);
        case.set_classname("rolecall.drift.held");
        suite.add_test_case(case);
    }
    suite
}

fn suite(view: &DriftView<'_>, cause: Cause) -> TestSuite {
    let mut suite = TestSuite::new(cause.title());
    let class = format!("rolecall.drift.{}", code(cause));
    let mut rows = view.rows.iter().filter(|row| row.item.cause == cause).peekable();
    if rows.peek().is_none() {
        let mut case = TestCase::new("nothing found", TestCaseStatus::success());
        case.set_classname(class);
        suite.add_test_case(case);
        return suite;
    }
    for row in rows {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(code(cause));
        status.set_message(format!("{}: {}", row.title(), place(view, row)));
        status.set_description(description(view, row));
        let mut case = TestCase::new(format!("{} {}", row.title(), place(view, row)), status);
        case.set_classname(class.clone());
        suite.add_test_case(case);
    }
    suite
}

fn place(view: &DriftView<'_>, row: &DriftRow<'_>) -> String {
    match &row.item.subject {
        Subject::Entity { .. } | Subject::Quota { .. } => String::new(),
        Subject::Members { users, .. } => {
            let people = users.iter().map(|user| view.person(user));
            wording::some_of(people, users.len() as u64, MOST_ACCOUNTS)
        }
        Subject::Grants { accounts, .. }
        | Subject::Roles { accounts, .. }
        | Subject::Policy { accounts, .. } => places(view, accounts),
    }
}

fn places(view: &DriftView<'_>, accounts: &[AccountKey]) -> String {
    let names: Vec<String> = accounts.iter().map(|key| view.account(key)).collect();
    wording::accounts(&names, names.len() as u64, MOST_ACCOUNTS)
}

/// Where it is declared, whom it concerns, and what resolves it.
fn description(view: &DriftView<'_>, row: &DriftRow<'_>) -> String {
    let mut lines = Vec::new();
    if let Some(at) = &row.item.location {
        lines.push(format!("declared at {}", escape(&at.to_string())));
    }
    for reached in &row.item.people {
        let people = reached.people.iter().map(|user| view.person(user));
        lines.push(format!(
            "{} in {}: {}",
            reached.permission_set,
            places(view, &reached.accounts),
            wording::some_of(people, reached.people.len() as u64, MOST_ACCOUNTS)
        ));
    }
    lines.push(escape(&row.remedy.text).into_owned());
    if let Some(command) = &row.remedy.command {
        lines.push(format!("$ {}", escape(command)));
    }
    lines.join("\n")
}
