//! The life of a stack, each step followed by a plan that must be empty.

use super::server::{Server, stack_and_world, world_of};
use super::{QUICK, apply, expect, run, run_as};
use crate::common::Sandbox;

const ACCOUNTS: &str = r#"
organizational_unit "workloads" {}

account "sandbox" {
  id   = "111100000001"
  name = "sandbox"
}

account "staging" {
  id = "111100000002"
  ou = organizational_unit.workloads
}

account "prod" {
  id   = "111100000003"
  ou   = organizational_unit.workloads
  tags = { env = "prod" }
}

data "group" "auditors" {
  display_name = "Auditors"
}
"#;

const PEOPLE: &str = r#"
user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
  email       = "ada@example.com"
}

user "bob" {
  user_name   = "bob@example.com"
  given_name  = "Bob"
  family_name = "Stone"
}

group "platform" {
  display_name = "Platform"
  description  = "Runs it"
  members      = [user.ada]
}
"#;

const SETS: &str = r#"
permission_set "admin" {
  description               = "Break-glass administration"
  session_duration          = "PT4H"
  relay_state               = "https://console.aws.amazon.com/billing"
  managed_policies          = ["arn:aws:iam::aws:policy/AdministratorAccess"]
  customer_managed_policies = [{ name = "audit-trail", path = "/" }]
  permissions_boundary      = "arn:aws:iam::aws:policy/PowerUserAccess"
  tags                      = { owner = "platform" }
  inline_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "s3:Get*", Resource = "*" }]
  })
}

permission_set "view" {
  managed_policies = ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]
}
"#;

const ACCESS: &str = r#"
assignment "platform_admin" {
  principals      = [group.platform]
  permission_sets = [permission_set.admin]
  accounts        = organizational_unit.workloads.accounts
}

assignment "auditors_view" {
  principals      = [data.group.auditors, user.bob]
  permission_sets = [permission_set.view]
  accounts        = [account.sandbox, account.staging, account.prod]
}
"#;

fn stack() -> Sandbox {
    let files = [
        ("accounts.hcl", ACCOUNTS),
        ("people.hcl", PEOPLE),
        ("sets.hcl", SETS),
        ("access.hcl", ACCESS),
    ];
    stack_and_world(&files, "rate = 1000")
}

#[test]
fn the_life_of_a_stack() {
    let sandbox = stack();
    let server = Server::start(&world_of(&sandbox), &QUICK);
    let url = &server.url;

    let planned = expect(&sandbox, url, &["plan", "--detailed-exitcode"], 2);
    assert!(planned.contains("provider aws"), "{planned}");
    assert!(planned.contains("+ Platform → admin"), "{planned}");
    assert!(!planned.contains("note:"), "{planned}");
    apply(&sandbox, url);

    // A changed policy reaches the roles.
    sandbox.write(
        "sets.hcl",
        &SETS.replace("s3:Get*", "s3:List*").replace("PT4H", "PT2H"),
    );
    let said = apply(&sandbox, url);
    assert!(said.contains("pushed to its roles in 2 accounts"), "{said}");

    // Settings go, and what stays is not cleared with them.
    let fewer = SETS.replace("s3:Get*", "s3:List*").replace("PT4H", "PT2H");
    let fewer = fewer.replace(
        "  permissions_boundary      = \"arn:aws:iam::aws:policy/PowerUserAccess\"\n",
        "",
    );
    let fewer = fewer.replace("{ owner = \"platform\" }", "{ team = \"platform\" }");
    let fewer = fewer.replace("Break-glass administration", "Administration");
    sandbox.write("sets.hcl", &fewer);
    apply(&sandbox, url);

    // A renamed set is another one, and nobody loses access on the way.
    let renamed = fewer.replace(
        "permission_set \"view\" {",
        "permission_set \"view\" {\n  name = \"look\"",
    );
    sandbox.write("sets.hcl", &renamed);
    apply(&sandbox, url);

    // People come, change and go.
    let people = PEOPLE.replace("[user.ada]", "[user.bob, user.eve]");
    let people = people
        .replace("\"Lovelace\"", "\"King\"")
        .replace("Runs it", "Keeps it running");
    let people = people.replace(
        "email       = \"ada@example.com\"",
        "email       = \"king@example.com\"",
    );
    let eve = "user \"eve\" {\n  user_name   = \"eve@example.com\"\n  given_name  = \"Eve\"\n  family_name = \"Moore\"\n}\n";
    sandbox.write("people.hcl", &format!("{people}{eve}"));
    apply(&sandbox, url);

    // Access goes.
    sandbox.write(
        "access.hcl",
        &ACCESS.replace("account.sandbox, account.staging, ", ""),
    );
    let said = apply(&sandbox, url);
    assert!(said.contains("4 to remove"), "{said}");

    expect(&sandbox, url, &["drift"], 0);
    expect(&sandbox, url, &["destroy", "--auto-approve"], 0);
    let left = expect(&sandbox, url, &["state", "list"], 0);
    assert!(
        !left.contains("assignment") && !left.contains("permission_set"),
        "{left}"
    );
    expect(&sandbox, url, &["drift"], 0);
}

#[test]
fn what_others_did_is_drift() {
    let sandbox = stack();
    let server = Server::start(&world_of(&sandbox), &QUICK);
    let url = &server.url;
    apply(&sandbox, url);
    let other = Sandbox::new();
    other.write("provider.hcl", "provider \"aws\" {\n  rate = 1000\n}\n");
    other.write(
        "main.hcl",
        r#"
account "prod" { id = "111100000003" }
data "group" "auditors" { display_name = "Auditors" }
data "permission_set" "admin" { name = "admin" }
assignment "break_in" {
  principals      = [data.group.auditors]
  permission_sets = [data.permission_set.admin]
  accounts        = [account.prod]
}
"#,
    );
    expect(&other, url, &["apply", "--auto-approve"], 0);
    let found = expect(&sandbox, url, &["drift"], 2);
    assert!(found.contains("+ Auditors → admin"), "{found}");
    // Only what a stack made does it remove, and a set not before its last assignment.
    let said = expect(&sandbox, url, &["destroy", "--auto-approve"], 0);
    assert!(said.contains("permission set admin stays for now"), "{said}");
    expect(&other, url, &["destroy", "--auto-approve"], 0);
    let said = expect(&sandbox, url, &["destroy", "--auto-approve"], 0);
    assert!(said.contains("- admin"), "{said}");
}

#[test]
fn what_the_caller_may_not_read_is_held_and_what_it_may_not_do_is_named() {
    let sandbox = stack();
    let world = world_of(&sandbox);
    {
        let server = Server::start(&world, &QUICK);
        apply(&sandbox, &server.url);
    }
    let mut denied = QUICK.to_vec();
    denied.extend(["--deny", "identitystore:ListGroupMemberships"]);
    denied.extend(["--deny", "sso:DeleteAccountAssignment"]);
    let server = Server::start(&world, &denied);
    let planned = expect(&sandbox, &server.url, &["plan"], 0);
    assert!(
        planned.contains("identitystore:ListGroupMemberships"),
        "{planned}"
    );
    // What one action keeps from being known is one finding, with each group's block and place.
    let findings = planned.lines().filter(|line| line.contains("held["));
    assert_eq!(findings.count(), 1, "{planned}");
    let about = "the members of 2 groups could not be read";
    assert!(planned.contains(about), "{planned}");
    let of = |name: &str, block: &str| format!("{name} (`{block}`, ");
    for (group, place) in [
        (of("Auditors", "data.group.auditors"), "accounts.hcl:20)"),
        (of("Platform", "group.platform"), "people.hcl:"),
    ] {
        let told = planned.split_once(&group).map_or("", |(_, rest)| rest);
        assert!(told.starts_with(place), "{group}{place}: {planned}");
    }
    sandbox.write(
        "access.hcl",
        &ACCESS.replace("account.sandbox, account.staging, ", ""),
    );
    let said = expect(&sandbox, &server.url, &["apply", "--auto-approve"], 4);
    assert!(said.contains("sso:DeleteAccountAssignment"), "{said}");
    assert!(said.contains("access.hcl:"), "{said}");
}

#[test]
fn a_wrong_region_says_where_the_instance_is() {
    let sandbox = stack();
    let server = Server::start(&world_of(&sandbox), &QUICK);
    let more = [("AWS_REGION", "us-east-1")];
    let output = run_as(&sandbox, &server.url, "AKIAIOSFODNN7EXAMPLE", &more, &["plan"]);
    assert_eq!(output.code, 1, "{}", output.stderr);
    assert!(output.stderr.contains("us-east-1"), "{}", output.stderr);
    let asked_as = format!("asked as account {}", server.management());
    assert!(output.stderr.contains(&asked_as), "{}", output.stderr);
    assert!(output.stderr.contains("eu-west-1"), "{}", output.stderr);
}

#[test]
fn without_credentials_it_says_what_helps() {
    let sandbox = stack();
    let mut command = sandbox.command();
    command
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .env("AWS_REGION", "eu-west-1");
    let output = command.arg("plan").output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(
        said.contains("no AWS credentials") && said.contains("AWS_PROFILE"),
        "{said}"
    );
}

#[test]
fn nobody_answers_is_an_error_and_no_mass_removal() {
    let sandbox = stack();
    let url = {
        let server = Server::start(&world_of(&sandbox), &QUICK);
        apply(&sandbox, &server.url);
        server.url.clone()
    };
    let output = run(&sandbox, &url, &["plan"]);
    assert_eq!(output.code, 1, "{}{}", output.stdout, output.stderr);
    assert_eq!(output.stdout, "");
}

#[test]
fn the_calls_of_a_served_world_are_shown_where_a_stack_names_it() {
    let sandbox = stack();
    let server = Server::start(&world_of(&sandbox), &QUICK);
    apply(&sandbox, &server.url);
    drop(server);
    let other = Sandbox::new();
    let world = world_of(&sandbox);
    let text = format!(
        "provider \"simulator\" {{\n  world = \"{}\"\n}}\n",
        world.display()
    );
    other.write("main.hcl", &text);
    let calls = other.ok(&["sim", "calls"]);
    let made = calls.lines().find(|line| line.contains("CreateGroup\""));
    let made: serde_json::Value = serde_json::from_str(made.unwrap()).unwrap();
    assert_eq!(made["subject"], "Platform", "{made}");
}
