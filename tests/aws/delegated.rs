//! Callers that are not the management account: the delegated administrator, and any other member.

use serde_json::{Value, json};

use super::server::{Server, world_of};
use super::{QUICK, apply, expect, run_as, served};
use crate::common::{Output, Sandbox};

/// The delegated administrator, and a member that is nothing else.
const DELEGATE: &str = "111100000001";
const MEMBER: &str = "111100000002";

const STACK: &str = r#"
account "tools" { id = "111100000001" }
account "staging" { id = "111100000002" }

account "prod" {
  id     = "111100000003"
  ou     = organizational_unit.root
  manage = true
  tags   = { env = "prod" }
}

account "management" { id = "MANAGEMENT" }

data "group" "auditors" { display_name = "Auditors" }

group "platform" { display_name = "Platform" }

permission_set "admin" {
  description      = "ADMIN"
  managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
}
permission_set "view" {
  description      = "VIEW"
  managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
}

assignment "admin" {
  principals      = [group.platform]
  permission_sets = [permission_set.admin]
  accounts        = [account.management, account.prod]
}

assignment "view" {
  principals      = [data.group.auditors]
  permission_sets = [permission_set.view]
  accounts        = [account.prod]
}
"#;

/// A world with that stack applied by the management account, and a delegated administrator.
fn applied() -> (Sandbox, String) {
    let first = STACK.replace("account \"management\" { id = \"MANAGEMENT\" }\n", "");
    let first = first.replace("account.management, ", "");
    let (sandbox, server) = served(&first, &QUICK);
    let stack = STACK.replace("MANAGEMENT", &server.management());
    sandbox.write("main.hcl", &stack);
    apply(&sandbox, &server.url);
    server.call(
        "AWSOrganizationsV20161128.RegisterDelegatedAdministrator",
        &json!({ "AccountId": DELEGATE, "ServicePrincipal": "sso.amazonaws.com" }),
    );
    (sandbox, stack)
}

fn as_account(sandbox: &Sandbox, server: &Server, key: &str, args: &[&str]) -> Output {
    run_as(sandbox, &server.url, key, &[], args)
}

fn said(output: &Output, code: i32) -> String {
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, code, "{said}");
    said
}

#[test]
fn the_delegated_administrator_reads_all_of_it_by_pair() {
    let (sandbox, _) = applied();
    let server = Server::start(&world_of(&sandbox), &QUICK);
    let args = ["plan", "--detailed-exitcode", "--dump-input", "input.json"];
    let planned = said(&as_account(&sandbox, &server, DELEGATE, &args), 0);
    assert!(!planned.contains("note:"), "{planned}");
    let input: Value = serde_json::from_str(&sandbox.read("input.json")).unwrap();
    let caller = &input["observed"]["caller"];
    assert_eq!(
        (caller["account"].as_str(), caller["role"].as_str()),
        (Some(DELEGATE), Some("delegated_administrator"))
    );
    let calls = &input["observed"]["calls"];
    assert!(calls["ListAccountAssignmentsForPrincipal"].is_null(), "{calls}");
    assert!(calls["ListAccountAssignments"].as_u64() >= Some(3), "{calls}");
}

#[test]
fn the_delegated_administrator_runs_its_half_and_the_management_account_the_other() {
    let (sandbox, stack) = applied();
    let server = Server::start(&world_of(&sandbox), &QUICK);
    let changed = stack
        .replace("VIEW", "Looking")
        .replace("ADMIN", "Everything")
        .replace("{ env = \"prod\" }", "{ env = \"live\" }")
        .replace(
            "accounts        = [account.prod]",
            "accounts        = [account.prod, account.staging]",
        )
        .replace(
            "[account.management, account.prod]",
            "[account.management, account.prod, account.staging]",
        );
    sandbox.write("main.hcl", &changed);
    let planned = said(&as_account(&sandbox, &server, DELEGATE, &["plan"]), 0);
    for part in [
        "blocked: sso:UpdatePermissionSet: a delegated administrator may not change",
        "blocked: organizations:TagResource: only the management account changes accounts",
        "(sso:CreateAccountAssignment, sso:ProvisionPermissionSet, sso:UpdatePermissionSet)",
        "run the same plan as the management account",
    ] {
        assert!(planned.contains(part), "{part}\n{planned}");
    }
    let blocked = |text: &str, line: &str| {
        let mut lines = text.lines().filter(|found| found.contains(line));
        lines.any(|found| found.contains("blocked for this caller"))
    };
    assert!(blocked(&planned, "+ Platform → admin"), "{planned}");
    assert!(!blocked(&planned, "+ Auditors → view"), "{planned}");

    let applied = as_account(&sandbox, &server, DELEGATE, &["apply", "--auto-approve"]);
    let applied = said(&applied, 4);
    assert!(
        !applied.contains("AccessDenied"),
        "nothing is tried in vain\n{applied}"
    );
    // The other half is all that is left, and after it nothing is, whoever looks.
    let left = expect(&sandbox, &server.url, &["plan"], 0);
    assert!(left.contains("+ Platform → admin"), "{left}");
    assert!(!left.contains("view"), "{left}");
    apply(&sandbox, &server.url);
    let args = ["plan", "--detailed-exitcode"];
    said(&as_account(&sandbox, &server, DELEGATE, &args), 0);
}

#[test]
fn a_delegated_administrator_that_may_not_ask_who_is_one_is_known_all_the_same() {
    let (sandbox, stack) = applied();
    let mut denied = QUICK.to_vec();
    denied.extend(["--deny", "organizations:ListDelegatedAdministrators"]);
    let server = Server::start(&world_of(&sandbox), &denied);
    sandbox.write("main.hcl", &stack.replace("VIEW", "Looking"));
    let planned = said(&as_account(&sandbox, &server, DELEGATE, &["plan"]), 0);
    assert!(
        planned.contains("is taken for the delegated administrator"),
        "{planned}"
    );
    assert!(!planned.contains("blocked"), "{planned}");
    let args = ["apply", "--auto-approve"];
    said(&as_account(&sandbox, &server, DELEGATE, &args), 0);
}

#[test]
fn a_member_is_told_that_it_is_none_and_changes_nothing() {
    let (sandbox, stack) = applied();
    let server = Server::start(&world_of(&sandbox), &QUICK);
    sandbox.write("main.hcl", &stack.replace("VIEW", "Looking"));
    let planned = said(&as_account(&sandbox, &server, MEMBER, &["plan"]), 0);
    let words = format!("account {MEMBER} is neither the management account");
    assert!(planned.contains(&words), "{planned}");
    assert!(planned.contains("sso:ListPermissionSets"), "{planned}");
    assert!(!planned.contains("to remove, and"), "{planned}");
    let left = said(
        &as_account(&sandbox, &server, MEMBER, &["apply", "--auto-approve"]),
        0,
    );
    assert!(!left.contains("Looking →"), "{left}");
}
