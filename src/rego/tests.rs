//! Policies as people write them, and policies that would do harm.

use std::sync::Arc;

use jiff::Timestamp;

use super::{PolicyError, judge};
use crate::model::policy_file::{PolicyContent, PolicyFile};
use crate::plan::finding::Level;

fn rego(path: &str, text: &str) -> PolicyFile {
    PolicyFile {
        path: path.into(),
        content: PolicyContent::Rego,
        hash: "".into(),
        text: text.into(),
    }
}

fn data(path: &str, under: &[&str], text: &str) -> PolicyFile {
    PolicyFile {
        content: PolicyContent::Data {
            under: under.iter().map(|name| Arc::from(*name)).collect(),
        },
        ..rego(path, text)
    }
}

const PLAN: &str = r#"{"mode": "all", "assignments": [
    {"change": "grant", "permission_sets": ["admin"], "reason": "OPS-1"},
    {"change": "grant", "permission_sets": ["view"]}]}"#;

fn checked(files: &[PolicyFile]) -> super::Checked {
    let schema = serde_json::from_str(include_str!("../../schemas/plan.schema.json")).unwrap();
    super::check(files, &schema)
}

fn check(files: &[PolicyFile]) -> Vec<PolicyError> {
    checked(files).errors
}

fn now() -> Timestamp {
    "2026-11-28T12:00:00Z".parse().unwrap()
}

/// Level, message and line of each finding.
fn found(files: &[PolicyFile]) -> Vec<(Level, String, u32)> {
    let judgement = judge(files, now(), PLAN).unwrap();
    let findings = judgement.findings.into_iter();
    findings
        .map(|finding| {
            let line = finding.location.unwrap().line;
            (finding.level, finding.message.to_string(), line)
        })
        .collect()
}

fn first_error(text: &str) -> PolicyError {
    let files = [rego("p/a.rego", text)];
    let mut errors = check(&files);
    if errors.is_empty() {
        errors = judge(&files, now(), PLAN).unwrap_err();
    }
    errors.remove(0)
}

#[test]
fn both_versions_of_the_language_deny_and_warn() {
    let new = "package main\n\nimport rego.v1\n\ndeny contains msg if {\n  some a in input.assignments\n  not a.reason\n  \
               msg := sprintf(\"no reason for %v\", [a.permission_sets])\n}\n\nwarn contains \"old times\" if true\n";
    let old = "package acme.access\n\nviolation[{\"msg\": msg, \"severity\": \"HIGH\", \"remedy\": \"ask Ada\"}] {\n  \
               a := input.assignments[_]\n  a.permission_sets[_] == \"admin\"\n  msg := \"admin\"\n}\n";
    assert_eq!(
        found(&[rego("p/new.rego", new), rego("p/old.rego", old)]),
        [
            (
                Level::Refusal,
                "policy acme.access.violation (HIGH): admin".to_owned(),
                3
            ),
            (
                Level::Refusal,
                "policy main.deny: no reason for [\"view\"]".to_owned(),
                5
            ),
            (Level::Warning, "policy main.warn: old times".to_owned(), 11),
        ]
    );
    let judgement = judge(&[rego("p/old.rego", old)], now(), PLAN).unwrap();
    assert_eq!(judgement.findings[0].remedy.as_deref(), Some("ask Ada"));
}

#[test]
fn each_definition_of_a_rule_is_told_by_its_line() {
    let text = "package main\ndeny contains \"first\" if input.mode == \"all\"\ndeny contains msg if {\n  msg := \
                \"second\"\n}\ndeny_more contains {\"msg\": \"third\", \"severity\": \"warning\"}\nhelper := 1\n";
    let other = "package main\ndeny contains \"fourth\" if helper == 1\n";
    let found = found(&[rego("p/a.rego", text), rego("p/b.rego", other)]);
    let lines: Vec<_> = found
        .iter()
        .map(|(level, text, line)| (*level, text.as_str(), *line))
        .collect();
    assert_eq!(
        lines,
        [
            (Level::Refusal, "policy main.deny: first", 2),
            (Level::Refusal, "policy main.deny: fourth", 2),
            (Level::Refusal, "policy main.deny: second", 3),
            (Level::Warning, "policy main.deny_more (warning): third", 6),
        ]
    );
}

#[test]
fn data_lies_under_the_names_of_its_directories() {
    let text = "package main\nimport data.teams\ndeny contains msg if { some name in teams.core.names; msg := name }\n\
                deny contains data.word\n";
    let files = [
        rego("p/a.rego", text),
        data(
            "p/teams/core/data.json",
            &["teams", "core"],
            r#"{"names": ["ada"]}"#,
        ),
        data("p/word.json", &[], r#"{"word": "hello"}"#),
    ];
    let messages: Vec<String> = found(&files).into_iter().map(|(_, text, _)| text).collect();
    assert_eq!(messages, ["policy main.deny: ada", "policy main.deny: hello"]);
    let twice = [
        files[2].clone(),
        data("p/again.json", &[], r#"{"word": "bye"}"#),
        files[0].clone(),
    ];
    let errors = check(&twice);
    assert!(
        errors[0].message.contains("word") && &*errors[0].file == "p/again.json",
        "{errors:?}"
    );
}

#[test]
fn of_the_time_only_that_of_the_plan_is_known() {
    let text = "package main\ndeny contains sprintf(\"%d\", [time.now_ns()])\n\
                warn contains \"later\" if time.parse_rfc3339_ns(\"2026-11-28T12:00:01Z\") == time.now_ns() + \
                time.parse_duration_ns(\"1s\")\n\
                warn contains sprintf(\"%v %v\", [time.date(time.now_ns()), time.weekday(time.now_ns())])\n\
                warn contains \"months\" if time.date(time.add_date(time.now_ns(), 0, 3, 3)) == [2027, 3, 3]\n";
    let messages: Vec<String> = found(&[rego("p/a.rego", text)])
        .into_iter()
        .map(|(_, text, _)| text)
        .collect();
    assert_eq!(
        messages,
        [
            "policy main.deny: 1795867200000000000",
            "policy main.warn: [2026, 11, 28] Saturday",
            "policy main.warn: later",
            "policy main.warn: months",
        ]
    );
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    let cases = [
        (
            "package main\ndeny contains msg if {\n  msg := \"x\" \n",
            (4, 1),
            "expecting `}`",
        ),
        (
            "package main\ndeny contains m if {\n  m := http.send({}).body\n}",
            (3, 8),
            "no function `http.send`",
        ),
        (
            "package main\ndeny contains m if m := f(1)",
            (2, 25),
            "no function `f`",
        ),
        (
            "package main\nx := rand.intn(\"a\", 9)",
            (2, 6),
            "another judgement",
        ),
        (
            "package main\ndeny contains m if m := 1 + \"x\"",
            (2, 30),
            "numeric",
        ),
        (
            "package main\n\ndeny contains 7",
            (3, 1),
            "`main.deny` gives a number",
        ),
        (
            "package main\n\ndeny contains {\"message\": \"x\"}",
            (3, 1),
            "without a text `msg`",
        ),
        (
            "package main\nf(x) := g(x)\ng(x) := data.main.f(x)\ndeny contains f(1)",
            (2, 1),
            "calls itself",
        ),
        (
            "package main\na if b\nb if a\ndeny contains \"x\" if a",
            (2, 1),
            "recursion",
        ),
        (
            "package main\nx := [[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]",
            (2, 20),
            "nested more than 14",
        ),
    ];
    for (text, at, message) in cases {
        let error = first_error(text);
        assert!(error.message.contains(message), "{text}: {error:?}");
        assert_eq!(
            (&*error.file, error.at),
            ("p/a.rego", Some(at)),
            "{text}: {error:?}"
        );
    }
}

#[test]
fn what_the_interpreter_knows_and_the_files_define_is_no_error() {
    let text = "package main\nimport data.lib.names as n\nf(x) := upper(x)\ndeny contains m if {\n  m := f(n.shown(\"a\"))\n  \
                regex.match(\"^A\", m)\n  startswith(data.lib.names.shown(\"b\"), \"b\")\n  count([1 | true]) == 1\n}";
    let lib = "package lib.names\nshown(x) := sprintf(\"%s!\", [x])";
    let files = [rego("p/a.rego", text), rego("p/lib.rego", lib)];
    assert_eq!(check(&files), []);
    assert_eq!(found(&files)[0].1, "policy main.deny: A!");
    let empty = [rego(
        "p/a.rego",
        "package main\ndeny if input.mode == \"none\"\ndefault warn := false\n",
    )];
    assert_eq!(found(&empty), []);
    let holds = [rego("p/a.rego", "package main\ndeny if input.mode == \"all\"\n")];
    assert_eq!(
        found(&holds)[0].1,
        "policy main.deny: the rule holds for this plan"
    );
}

#[test]
fn rules_that_are_defined_entry_by_entry_are_asked() {
    let cases = [
        ("deny[\"literal\"] if input.mode == \"all\"", vec!["literal"]),
        ("deny[\"literal\"] if input.mode == \"none\"", vec![]),
        ("deny[\"k\"] := \"bad\" if input.mode == \"all\"", vec!["bad"]),
        ("deny[\"msg\"] := {\"msg\": \"bad\"}", vec!["bad"]),
        ("deny.sub contains \"x\" if input.mode == \"all\"", vec!["x"]),
        ("deny.sub.more[m] if m := \"y\"", vec!["y"]),
        ("deny[m] := \"text\" if m := \"key\"", vec!["text"]),
        ("default deny := \"always\"", vec!["always"]),
        (
            "deny[\"one\"] if input.mode == \"all\"\ndeny[\"two\"] if input.mode == \"none\"\ndeny[\"three\"] if true",
            vec!["one", "three"],
        ),
    ];
    for (text, messages) in cases {
        let files = [rego("p/a.rego", &format!("package main\n{text}\n"))];
        let said: Vec<String> = found(&files).into_iter().map(|(_, text, _)| text).collect();
        let expected: Vec<String> = messages
            .iter()
            .map(|message| format!("policy main.deny: {message}"))
            .collect();
        assert_eq!(said, expected, "{text}");
        assert_eq!(checked(&files), super::Checked::default(), "{text}");
    }
    let lines: Vec<u32> = found(&[rego(
        "p/a.rego",
        "package main\ndeny[\"one\"] if true\n\ndeny[\"two\"] if true\n",
    )])
    .into_iter()
    .map(|(_, _, line)| line)
    .collect();
    assert_eq!(lines, [2, 4]);
    let old = rego(
        "p/a.rego",
        "package main\ndeny[\"literal\"] { input.mode == \"all\" }\n",
    );
    assert_eq!(found(&[old])[0].1, "policy main.deny: literal");
    let wrong = rego("p/a.rego", "package main\ndeny[\"k\"] := 7\n");
    assert!(
        judge(&[wrong], now(), PLAN).unwrap_err()[0]
            .message
            .contains("gives a number")
    );
}

/// Message and place of each remark on a file.
fn remarks(text: &str) -> Vec<(String, Option<(u32, u32)>)> {
    let checked = checked(&[rego("p/a.rego", text)]);
    assert_eq!(checked.errors, [], "{text}");
    let remarks = checked.remarks.into_iter();
    remarks.map(|remark| (remark.message, remark.at)).collect()
}

#[test]
fn a_rule_that_nobody_asks_is_remarked_on() {
    let asked = "\ndeny contains \"x\" if input.mode == \"all\"\n";
    let cases = [
        (
            "deny_all(x) := x",
            "nobody asks `main.deny_all`: it is a function",
        ),
        ("denyAdmins contains \"x\"", "no rule of that name is"),
        ("warnings contains \"x\"", "no rule of that name is"),
        ("Deny contains \"x\"", "no rule of that name is"),
        (
            "checks.deny contains \"x\"",
            "nobody asks `main.checks.deny`: it lies within another rule",
        ),
    ];
    for (text, part) in cases {
        let found = remarks(&format!("package main\n{text}{asked}"));
        assert!(
            matches!(found.as_slice(), [(message, Some((2, 1)))] if message.contains(part)),
            "{text}: {found:?}"
        );
    }
    let used = "package main\nviolations contains \"x\"\ndeny_text(x) := x\ndenied if count(violations) > 0\n\
                deny contains deny_text(v) if some v in violations\nhelper if denied\n";
    assert_eq!(remarks(used), []);
    let none = remarks("package main\nallow if input.mode == \"all\"\n");
    assert!(none[0].0.contains("nothing here denies or warns"), "{none:?}");
}

#[test]
fn data_does_not_take_a_rules_place() {
    let rules = rego(
        "p/a.rego",
        "package a\nimport rego.v1\n\ndeny contains \"x\" if true\nok if true\n",
    );
    let inner = rego("p/b.rego", "package a.b\ndeny[\"k\"] if true\n");
    let taken = [
        (&["a"][..], r#"{"deny": []}"#, "a.deny"),
        (&[], r#"{"a": {"deny": {"x": 1}}}"#, "a.deny"),
        (&["a", "deny"], r#"{"x": 1}"#, "a.deny"),
        (&[], r#"{"a": []}"#, "a.deny"),
        (&["a"], r#"{"ok": false}"#, "a.ok"),
        (&["a"], r#"{"b": 1}"#, "a.b.deny"),
        (&["a"], r#"{"b": {"deny": {}}}"#, "a.b.deny"),
    ];
    for (under, json, rule) in taken {
        let files = [rules.clone(), inner.clone(), data("p/d.json", under, json)];
        let errors = check(&files);
        assert!(
            matches!(errors.as_slice(), [error] if &*error.file == "p/d.json" && error.message.contains(&format!("the rule `{rule}` (p/"))),
            "{json}: {errors:?}"
        );
        assert!(judge(&files, now(), PLAN).is_err());
    }
    for (under, json) in [
        (&["a"][..], r#"{"names": []}"#),
        (&["a", "b"], r#"{"c": 1}"#),
        (&[], r#"{"deny": []}"#),
    ] {
        let files = [rules.clone(), inner.clone(), data("p/d.json", under, json)];
        assert_eq!(check(&files), [], "{json}");
        assert_eq!(found(&files).len(), 2, "{json}");
    }
}

#[test]
fn a_part_of_input_that_no_plan_has_is_remarked_on() {
    let never = [
        (
            "some r in input.resource_changes; r.type == \"x\"",
            "`input.resource_changes`:",
        ),
        ("input.asignments[_].change == \"grant\"", "`input.asignments`:"),
        (
            "input[\"asignments\"][_].change == \"grant\"",
            "`input.asignments`:",
        ),
        (
            "some a in input.assignments; a.chnge == \"grant\"",
            "`a.chnge`, by what `a` stands for:",
        ),
        (
            "a := input.assignments[_]; p := a.principals[_]; p.nmae == \"x\"",
            "`p.nmae`,",
        ),
        ("count(input.people.chnges) > 1", "`input.people.chnges`:"),
        (
            "input.assignments.change == \"grant\"",
            "`input.assignments.change`:",
        ),
        ("not input.mode.name", "`input.mode.name`:"),
    ];
    for (body, part) in never {
        let line = format!("deny contains \"m\" if {{ {body} }}");
        let found = remarks(&format!("package main\n{line}\n"));
        let last = part.split('`').nth(1).unwrap().rsplit('.').next().unwrap();
        let column = line
            .rfind(&format!(".{last}"))
            .or(line.rfind(&format!("\"{last}")))
            .unwrap()
            + 2;
        assert!(
            matches!(found.as_slice(), [(message, Some((2, at)))] if message.contains(part) && *at as usize == column),
            "{body}: {found:?}"
        );
    }
    let imported = remarks(
        "package main\nimport input.asignments as all\ndeny contains \"m\" if all[_].change == \"grant\"\n",
    );
    assert!(
        imported.len() == 1 && imported[0].1.unwrap().0 == 2,
        "{imported:?}"
    );
    let holds = [
        "some a in input.assignments; a.change == \"grant\"; some acc in a.accounts; acc in input.risks.production_accounts",
        "input.account_names[x] == \"prod\"; x != \"\"",
        "some e in input.entities; e.location.line > 1; some f in e.fields; f.name == \"x\"",
        "e := input.entities[_]; e.kind == \"permission_set\"; f := e.fields[i]; i > 0; f.after",
        "object.get(input, \"resource_changes\", []) == []",
        "some k, v in input; k == \"mode\"; v == \"all\"",
        "count([a | a := input.assignments[_]; a.count > 1]) > 1; a := input.mode; a == \"all\"",
        "walk(input, [p, v]); v.anything; p == []",
        "input.user_names[_]; input[_].whatever",
    ];
    for body in holds {
        assert_eq!(
            remarks(&format!("package main\ndeny contains \"m\" if {{ {body} }}\n")),
            [],
            "{body}"
        );
    }
}

#[test]
fn of_several_definitions_the_slow_one_is_told() {
    let text = "package main\ndeny contains \"quick\" if true\n\ndeny contains \"slow\" if {\n  some a in numbers.range(1, 20000)\n  \
                some b in numbers.range(1, 20000)\n  a * b < 0\n}\n";
    let errors = judge(&[rego("p/a.rego", text)], now(), PLAN).unwrap_err();
    assert!(errors[0].message.contains("takes longer"), "{errors:?}");
    assert_eq!(errors[0].at, Some((4, 1)));
}
