//! Importing from the service.

use serde_json::Value;

use super::server::Server;
use super::{QUICK, apply, expect, run, served};
use crate::common::Sandbox;

const STACK: &str = r#"
organizational_unit "workloads" { create = true }

account "each" {
  for_each = toset(["1", "2", "3", "4"])
  id       = "11110000000${each.key}"
  name     = "shop-${each.key}"
  manage   = true
  ou       = organizational_unit.workloads
  tags     = { env = each.key == "4" ? "dev" : "prod" }
}

account "sandbox" { id = "111100000009" }

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
  managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
  tags             = { owner = "platform" }
}

permission_set "view" {}
permission_set "control_tower" { name = "AWSControlTowerAdmin" }
permission_set "factory" { name = "AWSServiceCatalogEndUserAccess" }

assignment "admin" {
  principals      = [group.platform]
  permission_sets = [permission_set.admin, permission_set.control_tower]
  accounts        = organizational_unit.workloads.accounts
}

assignment "view" {
  principals      = [data.group.auditors, user.ada]
  permission_sets = [permission_set.view]
  accounts        = [account.each["1"], account.each["2"], account.each["3"], account.sandbox]
}
"#;

fn applied() -> (Sandbox, Server) {
    let (sandbox, server) = served(STACK, &QUICK);
    apply(&sandbox, &server.url);
    (sandbox, server)
}

/// A stack that says nothing but where the service is.
fn stranger(settings: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    sandbox.write(
        "main.hcl",
        &format!("{settings}provider \"aws\" {{\n  rate = 1000\n}}\n"),
    );
    sandbox
}

fn is_empty(sandbox: &Sandbox, server: &Server, directory: &str) {
    let args = ["-C", directory, "plan", "--detailed-exitcode"];
    expect(sandbox, &server.url, &args, 0);
    expect(sandbox, &server.url, &["-C", directory, "drift"], 0);
}

#[test]
fn a_stranger_gets_all_of_it_as_configuration() {
    let (_world, server) = applied();
    let sandbox = stranger("");
    let output = run(&sandbox, &server.url, &["import", "--out", "access", "--json"]);
    assert_eq!(output.code, 0, "{}", output.stderr);
    let json: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(json["format_version"], 1);
    assert_eq!(
        json["ignored"],
        serde_json::json!(["AWSControlTowerAdmin", "AWSServiceCatalogEndUserAccess"])
    );
    // Control Tower's four are not declared.
    assert_eq!(json["declared"]["grants"], 4 + 8);
    assert_eq!(json["declared"]["accounts"], 6);
    assert_eq!(json["left_out"], serde_json::json!([]));
    is_empty(&sandbox, &server, "access");
    let people = sandbox.read("access/groups.hcl");
    assert!(people.contains("data \"group\" \"auditors\""), "{people}");
    let stack = sandbox.read("access/stack.hcl");
    assert!(stack.contains("\"AWSControlTower*\""), "{stack}");
}

#[test]
fn selectors_are_inferred_on_request() {
    let (_world, server) = applied();
    let sandbox = stranger("");
    expect(
        &sandbox,
        &server.url,
        &["import", "--out", "access", "--infer"],
        0,
    );
    let access = sandbox.read("access/access.hcl");
    assert!(
        access.contains("accounts        = organizational_unit.workloads.accounts"),
        "{access}"
    );
    is_empty(&sandbox, &server, "access");
}

#[test]
fn a_scope_is_respected() {
    let (_world, server) = applied();
    let scope = "rolecall {\n  scope {\n    accounts = [\"shop-1\", \"111100000009\"]\n  }\n}\n";
    let sandbox = stranger(scope);
    let said = expect(&sandbox, &server.url, &["import", "--out", "access"], 0);
    assert!(said.contains("7 grants: outside the stack's scope"), "{said}");
    assert!(said.contains("5 grants in"), "{said}");
    is_empty(&sandbox, &server, "access");
    // Into the stack itself as well.
    expect(&sandbox, &server.url, &["import"], 0);
    expect(&sandbox, &server.url, &["plan", "--detailed-exitcode"], 0);
    // Its `rolecall` block is a person's, who is told what to put there.
    let stack = sandbox.read("stack.hcl");
    assert!(stack.contains("ignore \"AWS services\""), "{stack}");
}
