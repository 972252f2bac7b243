//! The policies that `rolecall policy` prints are enough: everything else that the simulator knows is denied.

use std::collections::BTreeSet;

use serde_json::Value;

use super::server::{Server, world_of};
use super::{QUICK, apply, expect, served};
use crate::common::{Sandbox, repository};

const STACK: &str = r#"
organizational_unit "workloads" { create = true }

account "shop" {
  name   = "shop"
  email  = "aws+shop@example.com"
  create = true
  ou     = organizational_unit.workloads
  tags   = { env = "prod" }
}

account "prod" { id = "111100000003" }

data "group" "auditors" { display_name = "Auditors" }

user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

group "platform" {
  display_name = "Platform"
  members      = [user.ada]
}

permission_set "admin" {
  description          = "First"
  managed_policies     = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
  permissions_boundary = "arn:aws:iam::aws:policy/PowerUserAccess"
  tags                 = { owner = "platform" }
  inline_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:Get*", Resource = "*" }]
  })
}

assignment "admin" {
  principals      = [group.platform, data.group.auditors]
  permission_sets = [permission_set.admin]
  accounts        = [account.prod, account.shop]
}
"#;

/// The arguments that deny every action but those of a policy.
fn all_but(purpose: &str) -> Vec<String> {
    let policy: Value = serde_json::from_str(&Sandbox::new().ok(&["policy", "--for", purpose])).unwrap();
    let statements = policy["Statement"].as_array().unwrap().iter();
    let actions = statements.flat_map(|statement| statement["Action"].as_array().unwrap());
    let allowed: BTreeSet<&str> = actions.map(|action| action.as_str().unwrap()).collect();
    let shapes =
        std::fs::read_to_string(repository().join("src/provider/simulator/wire/shapes.json")).unwrap();
    let shapes: Value = serde_json::from_str(&shapes).unwrap();
    let mut arguments: Vec<String> = QUICK.map(str::to_owned).into();
    for (service, of) in shapes["services"].as_object().unwrap() {
        let prefix = if service == "sso-admin" {
            "sso"
        } else {
            service.as_str()
        };
        for operation in of["operations"].as_object().unwrap().keys() {
            let action = format!("{prefix}:{operation}");
            if operation != "GetCallerIdentity" && !allowed.contains(action.as_str()) {
                arguments.extend(["--deny".to_owned(), action]);
            }
        }
    }
    arguments
}

fn borrowed(arguments: &[String]) -> Vec<&str> {
    assert!(arguments.len() > 40, "{arguments:?}");
    arguments.iter().map(String::as_str).collect()
}

fn served_to(purpose: &str) -> (Sandbox, Server) {
    served(STACK, &borrowed(&all_but(purpose)))
}

#[test]
fn the_policy_for_applying_is_enough_for_the_life_of_a_stack() {
    let (sandbox, server) = served_to("apply");
    let url = &server.url;
    let said = apply(&sandbox, url);
    assert!(!said.contains("not authorized"), "{said}");
    let changed = STACK
        .replace("First", "Second")
        .replace("env = \"prod\"", "environment = \"live\"")
        .replace(
            "  permissions_boundary = \"arn:aws:iam::aws:policy/PowerUserAccess\"\n",
            "",
        )
        .replace("ReadOnlyAccess", "PowerUserAccess")
        .replace("s3:Get*", "s3:List*")
        .replace("owner = \"platform\"", "team = \"platform\"")
        .replace("[user.ada]", "[]")
        .replace("Lovelace", "King")
        .replace("\"Platform\"", "\"Engineers\"")
        .replace(
            "unit \"workloads\" { create = true }",
            "unit \"workloads\" {\n  name   = \"Live\"\n  create = true\n}",
        );
    sandbox.write("main.hcl", &changed);
    apply(&sandbox, url);
    let said = expect(&sandbox, url, &["destroy", "--auto-approve"], 0);
    assert!(!said.contains("not authorized"), "{said}");
}

#[test]
fn the_policy_for_planning_is_enough_to_look_and_for_nothing_else() {
    let (sandbox, server) = served_to("apply");
    apply(&sandbox, &server.url);
    drop(server);
    let server = Server::start(&world_of(&sandbox), &borrowed(&all_but("plan")));
    let url = &server.url;
    for args in [
        ["plan", "--detailed-exitcode"].as_slice(),
        &["drift"],
        &["observe"],
    ] {
        let said = expect(&sandbox, url, args, 0);
        assert!(
            !said.contains("not authorized") && !said.contains("held"),
            "{args:?} {said}"
        );
    }
    let imported = expect(&sandbox, url, &["import", "--out", "again"], 0);
    assert!(imported.contains("The plan is empty"), "{imported}");
    sandbox.write("main.hcl", &STACK.replace("First", "Second"));
    let said = expect(&sandbox, url, &["apply", "--auto-approve"], 4);
    assert!(said.contains("sso:UpdatePermissionSet"), "{said}");
}

#[test]
fn the_policies_pass_the_lint_that_inline_policies_get() {
    for purpose in ["plan", "apply"] {
        let policy = Sandbox::new().ok(&["policy", "--for", purpose]);
        let sandbox = Sandbox::new();
        sandbox.write("policy.json", &policy);
        sandbox.write(
            "main.hcl",
            "permission_set \"runner\" {\n  inline_policy = file(\"${path.module}/policy.json\")\n}\n",
        );
        let output = sandbox.run(&["validate"], "");
        assert_eq!(output.code, 0, "{}", output.stderr);
        let said = format!("{}{}", output.stdout, output.stderr);
        assert!(
            !said.contains("warning") && !said.contains("policy"),
            "{purpose}: {said}"
        );
    }
}
