//! The committed JSON Schemas are those of the types, and what the program writes has their fields.

use crate::common::{Sandbox, golden, repository};

#[test]
fn schemas_are_those_of_the_types() {
    for (name, schema) in rolecall::report::json::schemas() {
        let text = serde_json::to_string_pretty(&schema).unwrap() + "\n";
        golden(&repository().join("schemas").join(name), &text);
    }
}

/// The required fields of a schema's root are in what the program writes, and nothing that it does not know.
fn assert_fits(schema: &str, value: &serde_json::Value) {
    let path = repository().join("schemas").join(schema);
    let schema: serde_json::Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    let known = schema["properties"].as_object().unwrap();
    for field in schema["required"].as_array().unwrap() {
        assert!(value.get(field.as_str().unwrap()).is_some(), "{field} is missing");
    }
    for field in value.as_object().unwrap().keys() {
        assert!(known.contains_key(field), "{field} is not in the schema");
    }
    assert_eq!(value["format_version"], 1);
}

#[test]
fn what_the_program_writes_has_the_fields_of_the_schemas() {
    let sandbox = Sandbox::with("examples/01-quickstart");
    let json = |args: &[&str]| -> serde_json::Value { serde_json::from_str(&sandbox.ok(args)).unwrap() };
    assert_fits("plan.schema.json", &json(&["plan", "--json"]));
    assert_fits("diagnostics.schema.json", &json(&["validate", "--json"]));
    let events = sandbox.ok(&["apply", "--auto-approve", "--json"]);
    let events: Vec<serde_json::Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(events[0]["event"], "planned");
    assert_eq!(events[1]["event"], "run_started");
    assert_eq!(events.last().unwrap()["event"], "run_finished");
    assert_eq!(events.last().unwrap()["end"], "complete");
    assert_fits("drift.schema.json", &json(&["drift", "--json"]));
    assert_fits("state.schema.json", &json(&["show", "--json"]));
    assert_fits("access.schema.json", &json(&["access", "--json"]));
    assert_fits("history.schema.json", &json(&["state", "log", "--json"]));
}
