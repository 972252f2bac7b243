//! Drift and plans as JUnit reports: a suite per cause or weight, a case per finding, for the test views of GitLab and
//! Jenkins.
//!
//! A cause of which nothing was found is one case that passed, so that a report without drift shows what was looked
//! for. What could not be read is skipped, not passed: nothing is concluded from it.

use quick_junit::{NonSuccessKind, Report, SerializeError, TestCase, TestCaseStatus, TestSuite};

use crate::drift::{Cause, Subject};
use crate::id::AccountKey;
use crate::plan::Plan;
use crate::plan::finding::{Finding, Level};

use super::drift_view::{DriftRow, DriftView};
use super::escape::{escape, name};
use super::hide::Hide;
use super::plan_view::risk::words;
use super::terminal::drift;
use super::wording;

const MOST_ACCOUNTS: usize = 20;

/// The report.
///
/// # Errors
/// When it cannot be written as XML.
pub fn of_drift(view: &DriftView<'_>, hide: &Hide) -> Result<String, SerializeError> {
    let mut report = Report::new(format!("rolecall drift: {}", escape(view.stack)));
    if !view.held.is_empty() {
        report.add_test_suite(held(view, hide));
    }
    for cause in Cause::ALL {
        report.add_test_suite(suite(view, cause, hide));
    }
    report.to_string()
}

/// The findings of a plan: refusals are failures, what is held is skipped, and what a person should know passes and
/// says so.
///
/// # Errors
/// When it cannot be written as XML.
pub fn of_plan(plan: &Plan, hide: &Hide) -> Result<String, SerializeError> {
    let mut report = Report::new(format!("rolecall plan: {}", escape(&plan.stack)));
    let suites = [
        (Level::Refusal, "Refused: this plan must not run"),
        (Level::Held, "Held: not read or not found"),
        (Level::Warning, "Warnings"),
        (Level::Unverified, "Unverified: could not be checked from here"),
        (Level::Note, "Notes"),
    ];
    for (level, title) in suites {
        let mut suite = TestSuite::new(title);
        suite.add_property(("digest", &*plan.digest));
        let of_level = plan.findings.iter().filter(|finding| finding.level == level);
        for finding in of_level {
            suite.add_test_case(plan_case(finding, hide));
        }
        if level == Level::Refusal && suite.test_cases.is_empty() {
            let mut case = TestCase::new("nothing found", TestCaseStatus::success());
            case.set_classname("rolecall.plan.refusal");
            suite.add_test_case(case);
        }
        if !suite.test_cases.is_empty() {
            report.add_test_suite(suite);
        }
    }
    report.to_string()
}

fn plan_case(finding: &Finding, hide: &Hide) -> TestCase {
    let message = escape(&hide.apply(&finding.message)).into_owned();
    let mut lines = Vec::new();
    if let Some(at) = &finding.location {
        lines.push(format!("written at {}", escape(&at.to_string())));
    }
    if !finding.subjects.is_empty() {
        let subjects = finding.subjects.iter().map(|subject| hide.apply(subject));
        lines.push(wording::some_of(
            subjects,
            finding.subjects.len() as u64,
            MOST_ACCOUNTS,
        ));
    }
    if let Some(remedy) = &finding.remedy {
        lines.push(format!("help: {}", escape(&hide.apply(remedy))));
    }
    let status = match finding.level {
        Level::Refusal => {
            let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
            status.set_type(finding.code.to_string());
            status.set_message(message.clone());
            status.set_description(lines.join("\n"));
            status
        }
        Level::Held => {
            let mut status = TestCaseStatus::skipped();
            status.set_message(message.clone());
            status
        }
        Level::Warning | Level::Unverified | Level::Note => TestCaseStatus::success(),
    };
    let failed = finding.level == Level::Refusal;
    let mut case = TestCase::new(message, status);
    case.set_classname(format!("rolecall.plan.{}", finding.code));
    if !failed && !lines.is_empty() {
        case.set_system_out(lines.join("\n"));
    }
    case
}

/// `stale-provisioning`, as codes are written.
fn code(cause: Cause) -> String {
    let value = serde_json::to_value(cause).unwrap_or_default();
    value.as_str().unwrap_or_default().replace('_', "-")
}

fn held(view: &DriftView<'_>, hide: &Hide) -> TestSuite {
    let mut suite = TestSuite::new("Held: not read or not found");
    for (subject, why) in &view.held {
        let mut status = TestCaseStatus::skipped();
        status.set_message(escape(&hide.apply(why)).into_owned());
        let mut case = TestCase::new(name(&hide.apply(subject)).into_owned(), status);
        case.set_classname("rolecall.drift.held");
        suite.add_test_case(case);
    }
    suite
}

fn suite(view: &DriftView<'_>, cause: Cause, hide: &Hide) -> TestSuite {
    let mut suite = TestSuite::new(cause.title());
    let class = format!("rolecall.drift.{}", code(cause));
    // What follows from another finding is told with that one.
    let mut rows = view.causes().filter(|row| row.item.cause == cause).peekable();
    if rows.peek().is_none() {
        let mut case = TestCase::new("nothing found", TestCaseStatus::success());
        case.set_classname(class);
        suite.add_test_case(case);
        return suite;
    }
    for row in rows {
        let mut status = TestCaseStatus::non_success(NonSuccessKind::Failure);
        status.set_type(code(cause));
        let title = row.title();
        let (title, place) = (hide.apply(&title), place(view, row, hide));
        let name = format!("{title} {place}");
        let marks = match row.marks.is_empty() {
            true => String::new(),
            false => format!(" ({})", words(&row.marks)),
        };
        status.set_message(match place.is_empty() {
            true => format!("{title}{marks}"),
            false => format!("{title}: {place}{marks}"),
        });
        status.set_description(description(view, row, hide));
        let mut case = TestCase::new(name.trim_end().to_owned(), status);
        case.set_classname(class.clone());
        suite.add_test_case(case);
    }
    suite
}

fn place(view: &DriftView<'_>, row: &DriftRow<'_>, hide: &Hide) -> String {
    match &row.item.subject {
        Subject::Entity { .. } | Subject::Quota { .. } => String::new(),
        Subject::Members { users, .. } => view.people(users, MOST_ACCOUNTS, hide),
        Subject::Grants { accounts, .. }
        | Subject::Roles { accounts, .. }
        | Subject::Policy { accounts, .. } => places(view, accounts),
    }
}

fn places(view: &DriftView<'_>, accounts: &[AccountKey]) -> String {
    let names: Vec<String> = accounts.iter().map(|key| view.account(key)).collect();
    wording::accounts(&names, names.len() as u64, MOST_ACCOUNTS)
}

/// Where it is declared, what the text tells of it, and what resolves it.
fn description(view: &DriftView<'_>, row: &DriftRow<'_>, hide: &Hide) -> String {
    let mut lines = Vec::new();
    let place = row.item.location.as_ref().map(ToString::to_string);
    let block = row
        .item
        .addresses
        .first()
        .map(|block| escape(&block.to_string()).into_owned());
    let declared: Vec<String> = [block, place].into_iter().flatten().collect();
    if !declared.is_empty() {
        let verb = if row.item.declared {
            "declared"
        } else {
            "was declared"
        };
        lines.push(
            hide.apply(&format!("{verb}: {}", declared.join("  ")))
                .into_owned(),
        );
    }
    lines.extend(drift::lines(view, row, hide));
    lines.push(escape(&hide.apply(&row.remedy.text)).into_owned());
    // A command that would name people is left out.
    if let Some(command) = &row.remedy.command
        && hide.apply(command) == *command
    {
        lines.push(format!("$ {}", escape(command)));
    }
    lines.join("\n")
}
