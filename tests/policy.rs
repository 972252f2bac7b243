//! What `rolecall policy` allows is what the provider for AWS calls, as its source says: nothing is missing, and nothing
//! is there that is not called.

use std::collections::BTreeSet;

use regex::Regex;
use serde_json::Value;

use crate::common::{Sandbox, files_below, repository};

/// The actions of the operations that the provider's source calls on AWS's clients.
fn called() -> BTreeSet<String> {
    let calls =
        Regex::new(r"\b(sso|store|organizations|sts|client)\s*\.\s*([a-z]+(?:_[a-z]+)+)\(\)").unwrap();
    let mut actions = BTreeSet::new();
    for path in files_below(&repository().join("src/provider/aws"), "rs") {
        let text = std::fs::read_to_string(&path).unwrap();
        let code: Vec<&str> = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .collect();
        for call in calls.captures_iter(&code.join("\n")) {
            let prefix = match &call[1] {
                "store" => "identitystore",
                // The one place that shortens it changes accounts and units.
                "client" => "organizations",
                service => service,
            };
            let words = call[2].split('_');
            let name: String = words
                .map(|word| format!("{}{}", word[..1].to_uppercase(), &word[1..]))
                .collect();
            actions.insert(format!("{prefix}:{name}"));
        }
    }
    actions
}

fn statements(purpose: &str) -> Vec<Value> {
    let printed = Sandbox::new().ok(&["policy", "--for", purpose]);
    let policy: Value = serde_json::from_str(&printed).unwrap();
    policy["Statement"].as_array().unwrap().clone()
}

fn actions(statements: &[Value]) -> BTreeSet<String> {
    let all = statements
        .iter()
        .flat_map(|statement| statement["Action"].as_array().unwrap());
    all.map(|action| action.as_str().unwrap().to_owned()).collect()
}

#[test]
fn the_policy_for_applying_is_what_the_provider_calls() {
    let mut called = called();
    assert!(called.len() > 50, "{called:?}");
    // Nobody can be denied that (STS API reference), and no policy names it.
    assert!(called.remove("sts:GetCallerIdentity"));
    let mut statements = statements("apply");
    // What IAM Identity Center itself does with the caller's permissions, which the provider does not call.
    for sid in ["ProvidersInTheManagementAccount", "RolesInTheManagementAccount"] {
        let others = statements.pop().unwrap();
        assert_eq!(others["Sid"], sid);
    }
    assert_eq!(actions(&without_key(statements)), called);
}

/// The statements but those on the use of a customer-managed key, which the services themselves use it by.
fn without_key(mut statements: Vec<Value>) -> Vec<Value> {
    statements.retain(|statement| {
        !statement["Sid"]
            .as_str()
            .unwrap()
            .starts_with("CustomerManagedKeyOf")
    });
    statements
}

#[test]
fn a_customer_managed_key_is_used_through_the_two_services_alone() {
    for (purpose, expected) in [
        ("plan", vec!["kms:Decrypt"]),
        (
            "apply",
            vec![
                "kms:Decrypt",
                "kms:Encrypt",
                "kms:GenerateDataKeyWithoutPlaintext",
            ],
        ),
    ] {
        let all = statements(purpose);
        let of_key = all.iter().filter(|statement| {
            let actions = statement["Action"].as_array().unwrap();
            actions
                .iter()
                .any(|action| action.as_str().unwrap().starts_with("kms:"))
        });
        let of_key: Vec<&Value> = of_key.collect();
        let via: Vec<&str> = of_key
            .iter()
            .map(|statement| {
                assert_eq!(statement["Action"], serde_json::json!(expected), "{statement}");
                let condition = &statement["Condition"]["StringLike"];
                assert_eq!(condition.as_object().unwrap().len(), 2, "{statement}");
                condition["kms:ViaService"].as_str().unwrap()
            })
            .collect();
        assert_eq!(via, ["sso.*.amazonaws.com", "identitystore.*.amazonaws.com"]);
    }
}

#[test]
fn the_policy_for_planning_is_a_part_of_it_that_reads() {
    let plan = actions(&without_key(statements("plan")));
    assert!(plan.is_subset(&actions(&statements("apply"))));
    for action in &plan {
        let (_, verb) = action.split_once(':').unwrap();
        assert!(
            ["List", "Describe", "Get"]
                .iter()
                .any(|reads| verb.starts_with(reads)),
            "{action}"
        );
    }
}
