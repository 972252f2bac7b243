//! Findings and diagnostics in SARIF 2.1.0, the form in which code scanning takes them.
//!
//! Kept within what GitHub takes: at most 5,000 results are shown of a run, each needs a place in a file, and a
//! fingerprint of its own keeps an alert the same one while lines move.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::diagnostic::{Diagnostics, Severity};
use crate::plan::Plan;
use crate::plan::finding::{Finding, Level};
use crate::source::{Location, SourceMap};

use super::escape::{escape, escape_lines};
use super::hide::Hide;
use super::wording::{counted, some_of};

/// The most results of a run; GitHub shows no more, by severity.
const MOST_RESULTS: usize = 5000;
/// The longest message, in characters.
const MOST_MESSAGE: usize = 1000;
const MOST_SUBJECTS: usize = 20;

/// A SARIF file.
#[derive(Debug, Serialize)]
pub struct Sarif {
    #[serde(rename = "$schema")]
    schema: &'static str,
    version: &'static str,
    runs: Vec<Run>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Tool,
    invocations: Vec<Invocation>,
    column_kind: &'static str,
    results: Vec<Finished>,
}

#[derive(Debug, Serialize)]
struct Tool {
    driver: Driver,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Driver {
    name: &'static str,
    semantic_version: &'static str,
    rules: Vec<Rule>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Rule {
    id: String,
    short_description: Message,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Invocation {
    execution_successful: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    tool_execution_notifications: Vec<Notification>,
}

#[derive(Debug, Serialize)]
struct Notification {
    level: &'static str,
    message: Message,
}

#[derive(Debug, Serialize)]
struct Message {
    text: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Finished {
    rule_id: String,
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: Vec<Place>,
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    physical_location: Physical,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Physical {
    artifact_location: Artifact,
    region: Region,
}

#[derive(Debug, Serialize)]
struct Artifact {
    uri: String,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: u32,
    start_column: u32,
}

/// One result before it is numbered.
struct Found {
    code: String,
    level: &'static str,
    text: String,
    location: Option<Location>,
}

/// The findings of a plan: refusals, what is held, warnings and notes. `directory` is the stack's, as seen from
/// the root of the repository.
pub fn of_plan(plan: &Plan, hide: &Hide, directory: &str) -> Sarif {
    let mut findings: Vec<&Finding> = plan.findings.iter().collect();
    findings.sort_by_key(|finding| finding.level);
    let found = findings.into_iter().map(|finding| Found {
        code: finding.code.to_string(),
        level: match finding.level {
            Level::Refusal => "error",
            Level::Held | Level::Warning => "warning",
            Level::Unverified | Level::Note => "note",
        },
        text: finding_text(finding, hide),
        location: finding.location.clone(),
    });
    // What concerns no block is shown where the stack begins: a result without a place is not taken.
    let fallback = plan
        .declarations
        .iter()
        .filter_map(|block| block.location.as_ref());
    let fallback = fallback.chain(plan.actions.iter().filter_map(|action| action.location.as_ref()));
    sarif(found.collect(), fallback.min(), directory)
}

/// Everything that is wrong with a configuration.
pub fn of_diagnostics(found: &Diagnostics, sources: &SourceMap, directory: &str) -> Sarif {
    let mut all: Vec<Found> = found
        .sorted()
        .into_iter()
        .map(|(item, _)| Found {
            code: item.code.0.to_owned(),
            level: match item.severity {
                Severity::Error => "error",
                Severity::Warning => "warning",
            },
            text: text(
                &item.message,
                [("", item.cause.as_deref()), ("Help: ", item.remedy.as_deref())],
            ),
            location: item
                .primary
                .as_ref()
                .and_then(|label| sources.location(label.span)),
        })
        .collect();
    all.sort_by_key(|item| item.level != "error");
    let first = all.iter().filter_map(|item| item.location.clone()).min();
    sarif(all, first.as_ref(), directory)
}

fn finding_text(finding: &Finding, hide: &Hide) -> String {
    let total = finding.subjects.len() as u64;
    let subjects = (total > 0).then(|| {
        let subjects = finding.subjects.iter().map(|subject| hide.apply(subject));
        some_of(subjects, total, MOST_SUBJECTS)
    });
    let remedy = finding.remedy.as_deref().map(|remedy| hide.apply(remedy));
    text(
        &hide.apply(&finding.message),
        [("", subjects.as_deref()), ("Help: ", remedy.as_deref())],
    )
}

/// A message of several sentences, as plain text.
fn text<const N: usize>(message: &str, more: [(&str, Option<&str>); N]) -> String {
    let mut out = escape(message).into_owned();
    for (label, part) in more {
        if let Some(part) = part {
            out.push_str(&format!("\n{label}{}", escape_lines(part)));
        }
    }
    match out.char_indices().nth(MOST_MESSAGE) {
        None => out,
        Some((end, _)) => format!("{}…", out.get(..end).unwrap_or_default()),
    }
}

fn sarif(mut found: Vec<Found>, fallback: Option<&Location>, directory: &str) -> Sarif {
    let hidden = found.len().saturating_sub(MOST_RESULTS);
    found.truncate(MOST_RESULTS);
    let mut indices: BTreeMap<String, usize> = BTreeMap::new();
    for item in &found {
        let next = indices.len();
        indices.entry(item.code.clone()).or_insert(next);
    }
    let mut codes: Vec<(&String, &usize)> = indices.iter().collect();
    codes.sort_by_key(|(_, index)| **index);
    let rules = codes.into_iter().map(|(code, _)| Rule {
        id: code.clone(),
        short_description: Message {
            text: code.replace('-', " "),
        },
    });
    let notification = (hidden > 0).then(|| Notification {
        level: "warning",
        message: Message {
            text: format!("{} left out", counted(hidden as u64, "more result")),
        },
    });
    let rules = rules.collect();
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    let results = found
        .into_iter()
        .map(|item| finished(item, &indices, fallback, directory, &mut seen))
        .collect();
    Sarif {
        schema: "https://json.schemastore.org/sarif-2.1.0.json",
        version: "2.1.0",
        runs: vec![Run {
            tool: Tool {
                driver: Driver {
                    name: "rolecall",
                    semantic_version: env!("CARGO_PKG_VERSION"),
                    rules,
                },
            },
            invocations: vec![Invocation {
                execution_successful: true,
                tool_execution_notifications: notification.into_iter().collect(),
            }],
            column_kind: "unicodeCodePoints",
            results,
        }],
    }
}

fn finished(
    item: Found,
    indices: &BTreeMap<String, usize>,
    fallback: Option<&Location>,
    directory: &str,
    seen: &mut BTreeMap<String, u32>,
) -> Finished {
    let own = item.location.as_ref();
    // Lines move; a finding with the same words about the same file is the same one.
    let file = own.map_or("", |at| &*at.file);
    let hash = blake3::hash(format!("{}\0{file}\0{}", item.code, item.text).as_bytes());
    let hash: String = hash.to_hex().chars().take(16).collect();
    let count = seen.entry(hash.clone()).or_insert(0);
    *count += 1;
    let fingerprint = format!("{hash}:{count}");
    let place = own.or(fallback).map(|at| Place {
        physical_location: Physical {
            artifact_location: Artifact {
                uri: uri(directory, &at.file),
            },
            region: Region {
                start_line: own.map_or(1, |at| at.line.max(1)),
                start_column: own.map_or(1, |at| at.column.max(1)),
            },
        },
    });
    Finished {
        rule_index: indices.get(&item.code).copied().unwrap_or_default(),
        rule_id: item.code,
        level: item.level,
        message: Message { text: item.text },
        locations: place.into_iter().collect(),
        partial_fingerprints: [("primaryLocationLineHash", fingerprint)].into(),
    }
}

/// A file's path from the repository's root, percent-encoded.
fn uri(directory: &str, file: &str) -> String {
    let directory = directory.trim_start_matches("./").trim_end_matches('/');
    let path = match directory {
        "" | "." => file.to_owned(),
        directory => format!("{directory}/{file}"),
    };
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan_view::tests::small;

    fn written(plan: &Plan, directory: &str) -> serde_json::Value {
        serde_json::to_value(of_plan(plan, &Hide::default(), directory)).unwrap()
    }

    fn finding(level: Level, code: &str, message: &str, line: Option<u32>) -> Finding {
        let mut finding = Finding::new(level, code, message);
        finding.location = line.map(|line| Location {
            file: "a b.hcl".into(),
            line,
            column: 3,
        });
        finding
    }

    #[test]
    fn a_finding_has_a_rule_a_level_a_place_and_a_fingerprint_that_lines_do_not_change() {
        let mut plan = small();
        plan.findings = vec![
            finding(Level::Note, "expiry", "soon", None),
            finding(Level::Refusal, "guardrail", "no", Some(7)),
        ];
        let all = written(&plan, "./access/");
        let results = &all["runs"][0]["results"];
        assert_eq!(results[0]["ruleId"], "guardrail");
        assert_eq!(results[0]["level"], "error");
        let place = &results[0]["locations"][0]["physicalLocation"];
        assert_eq!(place["artifactLocation"]["uri"], "access/a%20b.hcl");
        assert_eq!(place["region"]["startLine"], 7);
        let rule = results[1]["ruleIndex"].as_u64().unwrap() as usize;
        assert_eq!(all["runs"][0]["tool"]["driver"]["rules"][rule]["id"], "expiry");
        // No block is concerned: where the stack begins.
        let place = &results[1]["locations"][0]["physicalLocation"];
        assert_eq!(
            place["artifactLocation"]["uri"],
            "access/access/permission_sets.hcl"
        );
        let before = results[0]["partialFingerprints"].clone();
        plan.findings[1] = finding(Level::Refusal, "guardrail", "no", Some(70));
        let moved = written(&plan, "access");
        assert_eq!(moved["runs"][0]["results"][0]["partialFingerprints"], before);
    }

    #[test]
    fn there_are_never_more_results_than_are_taken() {
        let mut plan = small();
        plan.findings = (0..6000)
            .map(|_| finding(Level::Warning, "w", "the same", Some(1)))
            .collect();
        let all = written(&plan, ".");
        let run = &all["runs"][0];
        let results = run["results"].as_array().unwrap();
        assert_eq!(results.len(), 5000);
        let told = &run["invocations"][0]["toolExecutionNotifications"][0]["message"]["text"];
        assert_eq!(told, "1,000 more results left out");
        // Each is an alert of its own.
        let prints: std::collections::BTreeSet<String> = results
            .iter()
            .map(|result| result["partialFingerprints"].to_string())
            .collect();
        assert_eq!(prints.len(), 5000);
    }
}
