//! What an approval covers: whom, which revision, and what nobody has looked at.

use crate::common::Sandbox;

const STACK: &str = r#"
account "prod" { id = "111122223333" }
account "dev" { id = "111122223334" }
data "group" "ops" { display_name = "Ops" }
permission_set "admin" { managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"] }
"#;

const ACCESS: &str = r#"
assignment "c" {
  principals      = [data.group.ops]
  permission_sets = [permission_set.admin]
  accounts        = [account.prod, account.dev]
}
"#;

/// A run with approval that was interrupted, and its plan's digest; since then somebody joined the group.
fn interrupted() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.write("main.hcl", STACK);
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.ok(&["sim", "do", "create-user", "ada"]);
    sandbox.ok(&["sim", "do", "add-member", "Ops", "ada"]);
    sandbox.write("access.hcl", ACCESS);
    let digest = sandbox.ok(&["plan", "--digest-only"]).trim().to_owned();
    let failing = [
        "sim",
        "do",
        "fail",
        "CreateAccountAssignment",
        "1",
        "AccessDenied",
    ];
    sandbox.ok(&failing);
    let apply = sandbox.run(&["apply", "--digest", &digest], "");
    assert_eq!(apply.code, 4, "{}{}", apply.stdout, apply.stderr);
    sandbox.ok(&["sim", "do", "create-user", "mallory"]);
    sandbox.ok(&["sim", "do", "add-member", "Ops", "mallory"]);
    // What was remembered of the plan beside the state is of another one now, or on another machine.
    sandbox.ok(&["plan"]);
    (sandbox, digest)
}

#[test]
fn an_interrupted_run_is_gone_on_with_for_those_who_were_approved_and_nobody_else() {
    let (sandbox, digest) = interrupted();
    let apply = sandbox.run(&["apply", "--digest", &digest], "");
    assert_eq!(apply.code, 3, "{}{}", apply.stdout, apply.stderr);
    assert!(
        apply.stderr.contains("mallory gains admin (administrator)"),
        "{}",
        apply.stderr
    );
    std::fs::remove_file(sandbox.path().join(".rolecall/last-plan-people.json")).unwrap();
    assert_eq!(sandbox.run(&["apply", "--digest", &digest], "").code, 3);
    sandbox.ok(&["sim", "do", "remove-member", "Ops", "mallory"]);
    let apply = sandbox.run(&["apply", "--digest", &digest], "");
    assert_eq!(apply.code, 0, "{}{}", apply.stdout, apply.stderr);
    assert!(apply.stderr.contains("goes on with the interrupted run"));
}

#[test]
fn a_run_that_is_interrupted_again_keeps_whom_it_was_approved_for() {
    let (sandbox, digest) = interrupted();
    sandbox.ok(&["sim", "do", "remove-member", "Ops", "mallory"]);
    let failing = [
        "sim",
        "do",
        "fail",
        "CreateAccountAssignment",
        "1",
        "AccessDenied",
    ];
    sandbox.ok(&failing);
    assert_eq!(sandbox.run(&["apply", "--digest", &digest], "").code, 4);
    sandbox.ok(&["sim", "do", "add-member", "Ops", "mallory"]);
    let apply = sandbox.run(&["apply", "--digest", &digest], "");
    assert_eq!(apply.code, 3, "{}{}", apply.stdout, apply.stderr);
}

#[test]
fn where_nobody_knows_whom_an_approval_covered_it_is_not_gone_on_with() {
    let (sandbox, digest) = interrupted();
    let text = sandbox.ok(&["state", "export"]);
    let mut state: serde_json::Value = serde_json::from_str(&text).unwrap();
    let unfinished = &mut state["state"]["unfinished"];
    // As a version that did not record that wrote it.
    assert!(unfinished.as_object_mut().unwrap().remove("people").is_some());
    sandbox.write("old.json", &state.to_string());
    sandbox.ok(&["state", "import", "old.json"]);
    let apply = sandbox.run(&["apply", "--digest", &digest], "");
    assert_eq!(apply.code, 3, "{}{}", apply.stdout, apply.stderr);
    assert!(apply.stderr.contains("is not recorded here"), "{}", apply.stderr);
}

#[test]
fn a_revision_that_is_no_longer_the_applied_one_is_no_base() {
    let sandbox = Sandbox::new();
    sandbox.write("main.hcl", STACK);
    let based = |revision: &str| {
        let args = [
            "apply",
            "--auto-approve",
            "--base-revision",
            "r1",
            "--revision",
            revision,
        ];
        sandbox.run(&args, "")
    };
    let first = based("r1");
    assert_eq!(first.code, 0, "{}", first.stderr);
    assert!(
        first.stderr.contains("records no revision yet"),
        "{}",
        first.stderr
    );
    assert_eq!(based("r1").code, 0);
    // Somebody applies by hand, and says no revision.
    sandbox.write("access.hcl", ACCESS);
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.write("access.hcl", "");
    let stale = based("r1");
    assert_eq!(stale.code, 3, "{}", stale.stderr);
    assert!(stale.stderr.contains("without --revision"), "{}", stale.stderr);
    // Whoever looks at it as it is now says which revision that is.
    sandbox.ok(&["apply", "--auto-approve", "--revision", "r1"]);
    assert_eq!(based("r2").code, 0);
}

#[test]
fn a_revision_is_recorded_anew_by_a_run_without_changes() {
    let sandbox = Sandbox::new();
    sandbox.write("main.hcl", STACK);
    sandbox.ok(&["apply", "--auto-approve", "--revision", "r1"]);
    sandbox.write("access.hcl", ACCESS);
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.ok(&["apply", "--auto-approve", "--revision", "r1"]);
    sandbox.ok(&["apply", "--auto-approve", "--base-revision", "r1"]);
}

#[test]
fn who_is_frozen_is_lifted_by_the_names_it_is_frozen_by() {
    let sandbox = Sandbox::new();
    sandbox.write("main.hcl", STACK);
    sandbox.ok(&["sim", "do", "create-user", "ada@corp.io"]);
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.ok(&["freeze", "ADA@CORP.IO", "--auto-approve"]);
    sandbox.ok(&["freeze", "--lift", "Ada@corp.io", "--auto-approve"]);
    let asked = sandbox.run(&["freeze", "ada@corp.io"], "");
    assert_eq!(asked.code, 1);
    assert!(!asked.stderr.contains("--digest"), "{}", asked.stderr);
}

#[test]
fn help_is_a_command_as_well() {
    let sandbox = Sandbox::new();
    assert_eq!(sandbox.ok(&["help"]), sandbox.ok(&["--help"]));
    assert_eq!(sandbox.ok(&["help", "plan"]), sandbox.ok(&["plan", "--help"]));
}
