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

/// The next assignment is refused.
fn refuse_one(sandbox: &Sandbox) {
    let failing = [
        "sim",
        "do",
        "fail",
        "CreateAccountAssignment",
        "1",
        "AccessDenied",
    ];
    sandbox.ok(&failing);
}

/// A run with approval that was interrupted, and its plan's digest; since then somebody joined the group.
fn interrupted() -> (Sandbox, String) {
    let sandbox = Sandbox::new();
    sandbox.write("main.hcl", STACK);
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.ok(&["sim", "do", "create-user", "ada"]);
    sandbox.ok(&["sim", "do", "add-member", "Ops", "ada"]);
    sandbox.write("access.hcl", ACCESS);
    let digest = sandbox.ok(&["plan", "--digest-only"]).trim().to_owned();
    refuse_one(&sandbox);
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
    refuse_one(&sandbox);
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

#[test]
fn a_runner_without_the_state_that_is_meant_plans_and_applies_nothing() {
    let sandbox = Sandbox::new();
    sandbox.write("main.hcl", STACK);
    for args in [&["plan", "--require-state"][..], &["plan", "--lineage", "x"]] {
        let output = sandbox.run(args, "");
        assert_eq!(output.code, 3, "{args:?}: {}", output.stderr);
        assert!(
            output.stderr.contains("there is no state in"),
            "{}",
            output.stderr
        );
        assert_eq!(output.stdout, "");
    }
    let digest = sandbox.ok(&["plan", "--digest-only"]).trim().to_owned();
    let apply = ["apply", "--digest", &digest, "--require-state"];
    assert_eq!(sandbox.run(&apply, "").code, 3);
    sandbox.ok(&["apply", "--digest", &digest]);
    let state: serde_json::Value = serde_json::from_str(&sandbox.ok(&["show", "--json"])).unwrap();
    let lineage = state["lineage"].as_str().unwrap();
    sandbox.ok(&["plan", "--require-state", "--lineage", lineage]);
    sandbox.ok(&["apply", "--auto-approve", "--lineage", lineage]);
    let other = sandbox.run(&["apply", "--auto-approve", "--lineage", "another"], "");
    assert_eq!(other.code, 3);
    assert!(
        other.stderr.contains(lineage) && other.stderr.contains("another"),
        "{}",
        other.stderr
    );
}

#[test]
fn the_state_says_which_revision_was_applied() {
    let sandbox = Sandbox::new();
    sandbox.write("main.hcl", STACK);
    sandbox.ok(&["apply", "--auto-approve", "--revision", "r1"]);
    let state = |sandbox: &Sandbox| -> serde_json::Value {
        serde_json::from_str(&sandbox.ok(&["show", "--json"])).unwrap()
    };
    assert_eq!(state(&sandbox)["revision"], "r1");
    assert!(sandbox.ok(&["show"]).contains("applied revision r1\n"));
    sandbox.write("access.hcl", ACCESS);
    sandbox.ok(&["apply", "--auto-approve"]);
    assert_eq!(state(&sandbox)["revision_outdated"], true);
}

/// A stack that somebody sends in reads what it has brought along, and nothing else.
#[test]
fn what_is_compared_with_a_base_reads_nothing_of_the_machine_it_runs_on() {
    let sandbox = Sandbox::new();
    let at = |name: &str| sandbox.path().join(name);
    sandbox.write("base/main.hcl", STACK);
    sandbox.write("change/main.hcl", STACK);
    sandbox.write("secret.txt", "hunter2");
    sandbox.write("change/reason.txt", "OPS-1");
    let compare = |reason: &str, more: &[&str]| {
        let access = ACCESS.replace("}\n", &format!("  reason = {reason}\n}}\n"));
        sandbox.write("change/access.hcl", &access);
        let args = ["-C", "change", "plan", "--base", "base", "--format", "markdown"];
        sandbox.run(&[&args[..], more].concat(), "")
    };
    let own = compare("file(\"reason.txt\")", &[]);
    assert_eq!(own.code, 0, "{}", own.stderr);
    assert!(own.stdout.contains("OPS-1"), "{}", own.stdout);
    let absolute = at("secret.txt").display().to_string();
    for reason in [
        format!("file(\"{absolute}\")"),
        "file(\"../secret.txt\")".to_owned(),
        "templatefile(\"../secret.txt\", {})".to_owned(),
        "filebase64(\"../secret.txt\")".to_owned(),
        "fileexists(\"../secret.txt\") ? \"a\" : \"b\"".to_owned(),
        "join(\",\", fileset(\"..\", \"*.txt\"))".to_owned(),
    ] {
        let output = compare(&reason, &[]);
        assert_eq!(output.code, 1, "{reason}: {}{}", output.stdout, output.stderr);
        assert!(!output.stderr.contains("hunter2"), "{reason}: {}", output.stderr);
        assert!(
            output.stderr.contains("lies outside of the two configurations"),
            "{reason}: {}",
            output.stderr
        );
    }
    let allowed = compare("file(\"../secret.txt\")", &["--also-read", "."]);
    assert_eq!(allowed.code, 0, "{}", allowed.stderr);
    // Nor do its own files lead out of it.
    sandbox.write("change/access.hcl", "");
    for (name, more) in [
        (
            "policies.hcl",
            "rolecall {\n  policy {\n    rego = \"../rules\"\n  }\n}\n",
        ),
        ("module.hcl", "module \"m\" {\n  source = \"../rules\"\n}\n"),
    ] {
        sandbox.write(&format!("change/{name}"), more);
        sandbox.write("rules/main.hcl", "");
        let args = ["-C", "change", "plan", "--base", "base"];
        let output = sandbox.run(&args, "");
        assert_eq!(output.code, 1, "{name}: {}{}", output.stdout, output.stderr);
        assert!(
            output.stderr.contains("lies outside"),
            "{name}: {}",
            output.stderr
        );
        std::fs::remove_file(at(&format!("change/{name}"))).unwrap();
    }
    #[cfg(unix)]
    for name in ["linked.hcl", "linked.auto.hclvars"] {
        let link = at(&format!("change/{name}"));
        std::os::unix::fs::symlink(at("secret.txt"), &link).unwrap();
        let output = sandbox.run(&["-C", "change", "plan", "--base", "base"], "");
        assert_eq!(output.code, 1, "{name}: {}", output.stderr);
        assert!(!output.stderr.contains("hunter2"), "{name}: {}", output.stderr);
        std::fs::remove_file(link).unwrap();
    }
}

/// What is kept of plans and states names people, whoever may see a plan.
#[test]
fn no_configuration_reads_the_directory_of_states_and_plans() {
    let sandbox = Sandbox::new();
    sandbox.write("main.hcl", STACK);
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.ok(&["plan"]);
    sandbox.write(
        "out.hcl",
        "output \"o\" {\n  value = file(\".rolecall/last-plan.txt\")\n}\n",
    );
    let plan = sandbox.run(&["plan"], "");
    assert_eq!(plan.code, 1, "{}{}", plan.stdout, plan.stderr);
    assert!(
        plan.stderr.contains("no configuration reads those"),
        "{}",
        plan.stderr
    );
    sandbox.write("out.hcl", "output \"o\" {\n  value = fileset(\".\", \"**\")\n}\n");
    let files = sandbox.ok(&["plan"]);
    assert!(!files.contains("last-plan.txt"), "{files}");
}
