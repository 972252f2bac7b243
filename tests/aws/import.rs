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
    // One that nobody declares is not selected.
    assert!(
        access.contains("# Inferred: accounts declared later in"),
        "{access}"
    );
    is_empty(&sandbox, &server, "access");
}

#[test]
fn a_configuration_that_is_not_whole_is_called_so() {
    let (sandbox, server) = served(STACK, &QUICK);
    apply(&sandbox, &server.url);
    drop(server);
    let mut denied = QUICK.to_vec();
    denied.extend(["--deny", "sso:ListPermissionSets"]);
    let server = Server::start(&super::server::world_of(&sandbox), &denied);
    let sandbox = stranger("");
    let said = expect(&sandbox, &server.url, &["import", "--out", "access"], 0);
    assert!(said.contains("This is not the whole configuration: "), "{said}");
    assert!(said.contains("permission sets"), "{said}");
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

#[test]
fn what_could_not_be_read_completely_is_not_declared() {
    let stack = r#"
account "each" {
  for_each = toset(["1", "2", "3"])
  id       = "11110000000${each.key}"
  name     = "shop-${each.key}"
  manage   = true
  tags     = { env = each.key == "3" ? "dev" : "prod" }
}

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
  managed_policies     = ["arn:aws:iam::aws:policy/AdministratorAccess"]
  permissions_boundary = "arn:aws:iam::aws:policy/ReadOnlyAccess"
  tags                 = { owner = "platform" }
}

assignment "admin" {
  principals      = [group.platform]
  permission_sets = [permission_set.admin]
  accounts        = values(account.each)
}
"#;
    for denied in [
        "sso:GetPermissionsBoundaryForPermissionSet",
        "sso:ListTagsForResource",
        "organizations:ListTagsForResource",
        "identitystore:ListGroupMemberships",
    ] {
        let (sandbox, server) = served(stack, &QUICK);
        apply(&sandbox, &server.url);
        let mut args: Vec<&str> = QUICK.to_vec();
        args.extend(["--deny", denied]);
        let barred = Server::start(&super::world_of(&sandbox), &args);
        let stranger = stranger("");
        let said = expect(&stranger, &barred.url, &["import", "--out", "access"], 0);
        assert!(said.contains("Not declared:"), "{denied}: {said}");
        assert!(
            !said.contains("says what the service holds.\n"),
            "{denied}: {said}"
        );
        drop(barred);
        // Whoever may read everything finds nothing to take away.
        let server = Server::start(&super::world_of(&sandbox), &QUICK);
        let said = expect(&stranger, &server.url, &["-C", "access", "plan"], 0);
        let is_quiet = said.contains("No changes.") || said.contains("nothing to change in the service");
        assert!(is_quiet, "{denied}: {said}");
    }
}

#[test]
fn what_the_next_plan_does_is_said() {
    let (_world, server) = applied();
    let instances = server.call("SWBExternalService.ListInstances", &serde_json::json!({}));
    let instance = &instances["Instances"][0]["InstanceArn"];
    let sets = serde_json::json!({ "InstanceArn": instance });
    let sets = server.call("SWBExternalService.ListPermissionSets", &sets);
    let view = sets["PermissionSets"].as_array().unwrap().iter().find(|set| {
        let set = serde_json::json!({ "InstanceArn": instance, "PermissionSetArn": set });
        let found = server.call("SWBExternalService.DescribePermissionSet", &set);
        found["PermissionSet"]["Name"] == "view"
    });
    // Changed, and provisioned nowhere: the roles in four accounts are out of date.
    let attach = serde_json::json!({
        "InstanceArn": instance,
        "PermissionSetArn": view.unwrap(),
        "ManagedPolicyArn": "arn:aws:iam::aws:policy/ReadOnlyAccess",
    });
    server.call("SWBExternalService.AttachManagedPolicyToPermissionSet", &attach);
    let sandbox = stranger("");
    let said = expect(&sandbox, &server.url, &["import", "--out", "access"], 0);
    let plan = "The plan is not empty: 0 to add, 0 to change, 0 to remove; 4 roles to provision.";
    assert!(said.contains(plan), "{said}");
    let args = ["-C", "access", "plan", "--detailed-exitcode"];
    let planned = expect(&sandbox, &server.url, &args, 2);
    assert!(planned.contains("4 roles to provision"), "{planned}");
}
