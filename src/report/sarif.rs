//! Findings and diagnostics in SARIF 2.1.0, the form in which code scanning takes them.
//!
//! Kept within what GitHub takes: at most 5,000 results are shown of a run, each needs a place in a file, and a
//! fingerprint of its own keeps an alert the same one while lines move.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::diagnostic::{Diagnostics, Severity};
use crate::id::PrincipalKey;
use crate::model::action::Effect;
use crate::plan::Plan;
use crate::plan::finding::{Finding, Level};
use crate::plan::guardrails::breach::{Breach, Subject};
use crate::source::{Location, SourceMap};

use super::escape::{escape, escape_lines};
use super::hide::Hide;
use super::wording::{counted, some_of};

/// The most results of a run; GitHub shows no more, by severity.
const MOST_RESULTS: usize = 5000;
/// The longest message, in characters.
const MOST_MESSAGE: usize = 1000;
const MOST_SUBJECTS: usize = 20;
/// How many places of one breach are results of their own; what is beyond stands with the last of them.
const MOST_PLACES: usize = 50;

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
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    properties: BTreeMap<&'static str, String>,
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
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Place>,
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Place {
    physical_location: Physical,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
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
    /// What the rule is about, where its code does not say it.
    rule: Option<String>,
    /// Where else to look, and why.
    related: Vec<(Location, &'static str)>,
}

/// The findings of a plan: refusals, what is held, warnings and notes. `directory` is the stack's, as seen from
/// the root of the repository.
pub fn of_plan(plan: &Plan, hide: &Hide, directory: &str) -> Sarif {
    let mut findings: Vec<&Finding> = plan.findings.iter().collect();
    findings.sort_by_key(|finding| finding.level);
    findings.extend(&plan.lint);
    let breaches: BTreeMap<Finding, &Breach> = plan
        .guardrails
        .iter()
        .map(|breach| (breach.finding(), breach))
        .collect();
    let found = findings
        .into_iter()
        .flat_map(|finding| match breaches.get(finding) {
            Some(breach) => of_breach(plan, breach, hide),
            None => vec![of_finding(finding, hide)],
        });
    // What concerns no block is shown where the stack begins: a result without a place is not taken.
    let fallback = plan
        .declarations
        .iter()
        .filter_map(|block| block.location.as_ref());
    let fallback = fallback.chain(plan.actions.iter().filter_map(|action| action.location.as_ref()));
    let mut all = sarif(found.collect(), fallback.min(), directory);
    for run in &mut all.runs {
        run.properties.insert("digest", plan.digest.to_string());
    }
    all
}

fn of_finding(finding: &Finding, hide: &Hide) -> Found {
    Found {
        code: finding.code.to_string(),
        level: match finding.level {
            Level::Refusal => "error",
            Level::Held | Level::Warning => "warning",
            Level::Unverified | Level::Note => "note",
        },
        text: finding_text(finding, hide),
        location: finding.location.clone(),
        rule: None,
        related: Vec::new(),
    }
}

/// A breach where it is broken: a result for each block that does, so that the change to review is what is annotated.
/// Where the guardrail stands is said beside it.
fn of_breach(plan: &Plan, breach: &Breach, hide: &Hide) -> Vec<Found> {
    let mut cases: BTreeMap<Option<&Location>, Vec<Subject>> = BTreeMap::new();
    for subject in &breach.subjects {
        let mut place = broken_at(plan, subject);
        if !cases.contains_key(&place) && cases.len() >= MOST_PLACES {
            place = cases.keys().next_back().copied().flatten();
        }
        cases.entry(place).or_default().push(subject.clone());
    }
    if cases.is_empty() {
        cases.insert(None, Vec::new());
    }
    let rule = breach.description.as_deref().unwrap_or(&breach.label);
    let one = |(place, subjects): (Option<&Location>, Vec<Subject>)| {
        let of_place = Breach {
            subjects,
            ..breach.clone()
        };
        let guardrail = place.and(breach.location.clone());
        Found {
            // Each guardrail is a rule of its own, whatever is the matter with it.
            code: format!("guardrail/{}", escape(&hide.apply(&breach.label))),
            location: place.cloned().or_else(|| breach.location.clone()),
            rule: Some(escape(&hide.apply(rule)).into_owned()),
            related: guardrail.map(|at| (at, "the guardrail")).into_iter().collect(),
            ..of_finding(&of_place.finding(), hide)
        }
    };
    cases.into_iter().map(one).collect()
}

/// What breaks a guardrail in one case: the block of a grant that is new, who joins a group, what becomes of a set; else
/// the block behind the grant that is there.
fn broken_at<'a>(plan: &'a Plan, subject: &'a Subject) -> Option<&'a Location> {
    let names = &plan.names;
    let tuple = subject.account.as_ref().zip(subject.permission_set.as_ref());
    let tuple = tuple.zip(subject.principal.as_ref());
    let tuple = tuple.and_then(|((account, set), principal)| names.tuple(account, set, principal));
    let is_new = tuple.is_some_and(|tuple| plan.grant(tuple).is_some());
    let block = subject.locations.first();
    if is_new && block.is_some() {
        return block;
    }
    let place_of = |is_it: &dyn Fn(&Effect) -> bool| {
        let mut actions = plan.actions.iter();
        actions.find_map(|action| {
            let found = action.effect.as_ref().is_some_and(is_it);
            action.location.as_ref().filter(|_| found)
        })
    };
    let joins = place_of(&|effect| match (effect, &subject.principal, &subject.person) {
        (Effect::AddMember { group, user }, Some(PrincipalKey::Group(of)), Some(person)) => {
            group == of && user == person
        }
        _ => false,
    });
    let becomes = || {
        place_of(&|effect| match effect {
            Effect::CreatePermissionSet { permission_set } => {
                Some(&permission_set.name) == subject.permission_set.as_ref()
            }
            Effect::UpdatePermissionSet { to, .. } => Some(&to.name) == subject.permission_set.as_ref(),
            _ => false,
        })
    };
    joins
        .or_else(|| block.is_none().then(becomes).flatten())
        .or(block)
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
            rule: None,
            related: Vec::new(),
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
    let about = |code: &str| {
        let mut of_code = found.iter().filter(|item| item.code == code);
        of_code.find_map(|item| item.rule.clone())
    };
    let rules: Vec<Rule> = codes
        .into_iter()
        .map(|(code, _)| Rule {
            id: code.clone(),
            short_description: Message {
                text: about(code).unwrap_or_else(|| code.replace('-', " ")),
            },
        })
        .collect();
    let notification = (hidden > 0).then(|| Notification {
        level: "warning",
        message: Message {
            text: format!("{} left out", counted(hidden as u64, "more result")),
        },
    });
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
            properties: BTreeMap::new(),
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
    let at = |at: &Location, region: Option<&Location>, about: Option<&str>| Place {
        physical_location: Physical {
            artifact_location: Artifact {
                uri: uri(directory, &at.file),
            },
            region: Region {
                start_line: region.map_or(1, |at| at.line.max(1)),
                start_column: region.map_or(1, |at| at.column.max(1)),
            },
        },
        message: about.map(|text| Message {
            text: text.to_owned(),
        }),
    };
    let place = own.or(fallback).map(|place| at(place, own, None));
    let related = item
        .related
        .iter()
        .map(|(place, about)| at(place, Some(place), Some(about)));
    let related_locations = related.collect();
    Finished {
        rule_index: indices.get(&item.code).copied().unwrap_or_default(),
        rule_id: item.code,
        level: item.level,
        message: Message { text: item.text },
        locations: place.into_iter().collect(),
        related_locations,
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
    use crate::plan::guardrails::breach::{RuleKind, Severity, Since, Verdict};
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
    fn warnings_about_what_is_written_are_results_with_their_place() {
        let mut plan = small();
        plan.lint = vec![Finding {
            location: Some(Location {
                file: "sets.hcl".into(),
                line: 12,
                column: 5,
            }),
            ..Finding::new(Level::Warning, "wide-statement", "everything is allowed")
        }];
        let written = written(&plan, "access");
        let results = written["runs"][0]["results"].as_array().unwrap();
        let found: Vec<_> = results
            .iter()
            .filter(|one| one["ruleId"] == "wide-statement")
            .collect();
        assert_eq!(found.len(), 1);
        assert_eq!(found[0]["level"], "warning");
        assert_eq!(
            found[0]["locations"][0]["physicalLocation"]["region"]["startLine"],
            12
        );
    }

    #[test]
    fn a_breach_is_shown_where_it_is_broken_and_each_guardrail_is_a_rule() {
        let mut plan = small();
        let at = |line| Location {
            file: "access/prod.hcl".into(),
            line,
            column: 1,
        };
        let subject = |who: &str, line: Option<u32>| Subject {
            text: format!("{who} would").into(),
            person: None,
            principal: None,
            permission_set: None,
            account: None,
            declared_by: Vec::new(),
            locations: line.map(at).into_iter().collect(),
            on_the_way: false,
        };
        let breach = |label: &str, description: Option<&str>, subjects: Vec<Subject>| Breach {
            level: Verdict::Refused,
            label: label.into(),
            rule: RuleKind::Deny,
            severity: Severity::Error,
            since: Since::Plan,
            as_last_applied: false,
            message: format!("{label} is broken").into(),
            description: description.map(Into::into),
            count: subjects.len() as u64,
            subjects,
            remedy: None,
            location: Some(Location {
                file: "rules.hcl".into(),
                line: 3,
                column: 1,
            }),
        };
        plan.guardrails = vec![
            breach(
                "no strangers",
                None,
                vec![subject("ada", Some(31)), subject("bob", Some(40))],
            ),
            breach("few", Some("few administrators"), Vec::new()),
        ];
        plan.findings = plan.guardrails.iter().map(Breach::finding).collect();
        let all = written(&plan, ".");
        let run = &all["runs"][0];
        assert_eq!(run["properties"]["digest"], "9f3c-2ab7");
        let results = run["results"].as_array().unwrap();
        let told: Vec<_> = results
            .iter()
            .map(|result| {
                let place = &result["locations"][0]["physicalLocation"];
                let related = &result["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"];
                (
                    result["ruleId"].as_str().unwrap(),
                    place["artifactLocation"]["uri"].as_str().unwrap(),
                    place["region"]["startLine"].as_u64().unwrap(),
                    related.as_str(),
                )
            })
            .collect();
        let (strangers, few) = ("guardrail/no strangers", "guardrail/few");
        assert_eq!(
            told,
            [
                (strangers, "access/prod.hcl", 31, Some("rules.hcl")),
                (strangers, "access/prod.hcl", 40, Some("rules.hcl")),
                (few, "rules.hcl", 3, None),
            ]
        );
        let text = results[1]["message"]["text"].as_str().unwrap();
        assert!(
            text.contains("bob would") && !text.contains("ada would"),
            "{text}"
        );
        let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
        let rules: Vec<_> = rules
            .iter()
            .map(|rule| {
                (
                    rule["id"].as_str().unwrap(),
                    rule["shortDescription"]["text"].as_str().unwrap(),
                )
            })
            .collect();
        assert_eq!(rules, [(strangers, "no strangers"), (few, "few administrators")]);
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
