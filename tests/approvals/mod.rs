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

/// More people than a plan names come into a group that administers, and another group gets the same access.
const MANY: &str = r#"
account "prod" { id = "111122223333" }
data "group" "extra" { display_name = "Extra" }
permission_set "admin" { managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"] }
user "p" {
  for_each    = toset([for n in concat(range(1000), range(1000, 1200)) : "p${n}"])
  user_name   = each.key
  given_name  = "P"
  family_name = each.key
}
group "ops" {
  display_name = "Ops"
  members      = [MEMBERS]
}
assignment "a" {
  principals      = [PRINCIPALS]
  permission_sets = [permission_set.admin]
  accounts        = [account.prod]
}
"#;

/// The first 150 people were let in; the other group was not. What is left are as many people as can be named, or more.
#[test]
fn a_run_for_more_people_than_are_named_is_gone_on_with_as_well() {
    let many =
        |members: &str, principals: &str| MANY.replace("MEMBERS", members).replace("PRINCIPALS", principals);
    let sandbox = Sandbox::new();
    sandbox.write("main.hcl", &many("", "group.ops"));
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.ok(&["sim", "do", "create-user", "ada"]);
    sandbox.ok(&["sim", "do", "create-user", "mallory"]);
    sandbox.ok(&["sim", "do", "add-member", "Extra", "ada"]);
    sandbox.write(
        "main.hcl",
        &many("for user in user.p : user", "group.ops, data.group.extra"),
    );
    let digest = sandbox.ok(&["plan", "--digest-only"]).trim().to_owned();
    let apply = || sandbox.run(&["apply", "--digest", &digest], "");
    for refused in ["1150", "150"] {
        let failing = [
            "sim",
            "do",
            "fail",
            "CreateGroupMembership",
            refused,
            "AccessDenied",
        ];
        sandbox.ok(&failing);
        refuse_one(&sandbox);
        let partly = apply();
        assert_eq!(partly.code, 4, "{}{}", partly.stdout, partly.stderr);
        assert!(!partly.stderr.contains("applied already"), "{}", partly.stderr);
    }
    sandbox.ok(&["sim", "do", "add-member", "Extra", "mallory"]);
    let stopped = apply();
    assert_eq!(stopped.code, 3, "{}{}", stopped.stdout, stopped.stderr);
    let news: Vec<&str> = stopped
        .stderr
        .lines()
        .filter(|line| line.contains(" gains "))
        .collect();
    assert_eq!(news.len(), 1, "{news:?}");
    assert!(news[0].contains("mallory gains admin"), "{news:?}");
    sandbox.ok(&["sim", "do", "remove-member", "Extra", "mallory"]);
    let done = apply();
    assert_eq!(done.code, 0, "{}{}", done.stdout, done.stderr);
    assert!(
        done.stderr.contains("goes on with the interrupted run"),
        "{}",
        done.stderr
    );
    assert!(!done.stderr.contains("applied already"), "{}", done.stderr);
    let again = apply();
    assert_eq!(again.code, 0, "{}{}", again.stdout, again.stderr);
    assert!(again.stderr.contains("was applied already"), "{}", again.stderr);
}

/// A set that people have gets another policy: nothing is granted, and who joins them gets what it newly allows.
#[test]
fn who_joins_those_of_a_set_that_changes_since_the_approval_stops_it() {
    let stack = |policy: &str| {
        let set = STACK.replace("AdministratorAccess", policy);
        format!("rolecall {{\n  risk {{ stop_for = \"anyone\" }}\n}}\n{set}{ACCESS}")
    };
    let sandbox = Sandbox::new();
    sandbox.write("main.hcl", &stack("ReadOnlyAccess"));
    sandbox.ok(&["apply", "--auto-approve"]);
    for person in ["ada", "bob"] {
        sandbox.ok(&["sim", "do", "create-user", person]);
    }
    sandbox.ok(&["sim", "do", "add-member", "Ops", "ada"]);
    sandbox.ok(&["observe"]);
    sandbox.write("main.hcl", &stack("PowerUserAccess"));
    sandbox.ok(&["plan", "--out", "p.plan"]);
    sandbox.ok(&["sim", "do", "add-member", "Ops", "bob"]);
    let apply = sandbox.run(&["apply", "p.plan"], "");
    assert_eq!(apply.code, 3, "{}{}", apply.stdout, apply.stderr);
    assert!(
        apply.stderr.contains("bob gains what admin newly allows in") && apply.stderr.contains("through Ops"),
        "{}",
        apply.stderr
    );
    sandbox.ok(&["sim", "do", "remove-member", "Ops", "bob"]);
    assert_eq!(sandbox.run(&["apply", "p.plan"], "").code, 0);
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
    for args in [
        &["plan", "--require-state"][..],
        &["plan", "--lineage", "x"],
        &["drift", "--require-state"],
        &["drift", "--lineage", "x"],
    ] {
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
    sandbox.ok(&["drift", "--require-state", "--lineage", lineage]);
    let drift = sandbox.run(&["drift", "--lineage", "another"], "");
    assert_eq!((drift.code, drift.stdout.as_str()), (3, ""));
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

/// Wherever a state is kept, and whatever the configuration says about that.
#[test]
fn no_configuration_reads_a_state_that_is_kept_elsewhere() {
    let sandbox = Sandbox::new();
    let kept = "state \"local\" {\n  path = \"../kept/acme\"\n}\n";
    sandbox.write("main.hcl", STACK);
    sandbox.write("state.hcl", kept);
    sandbox.ok(&["apply", "--auto-approve"]);
    let exports = sandbox.path().join("../kept/acme/exports");
    let export = std::fs::read_dir(exports).unwrap().next().unwrap().unwrap();
    let export = export.file_name().into_string().unwrap();
    let absolute = std::fs::canonicalize(sandbox.path().join("../kept/acme/journal")).unwrap();
    #[cfg(unix)]
    std::os::unix::fs::symlink("../kept", sandbox.path().join("near")).unwrap();
    for path in [
        format!("../kept/acme/exports/{export}"),
        "../kept/../kept/./acme/journal".to_owned(),
        "near/acme/journal".to_owned(),
        absolute.display().to_string(),
    ] {
        for read in [
            format!("filebase64(\"{path}\")"),
            format!("templatefile(\"{path}\", {{}})"),
            format!("csvdecode(file(\"{path}\"))"),
            format!("tostring(fileexists(\"{path}\"))"),
        ] {
            sandbox.write("out.hcl", &format!("output \"o\" {{\n  value = {read}\n}}\n"));
            // A change that says that the state is somewhere else does not read it either.
            for state in [kept, ""] {
                sandbox.write("state.hcl", state);
                let plan = sandbox.run(&["plan"], "");
                assert_eq!(plan.code, 1, "{read}: {}{}", plan.stdout, plan.stderr);
                assert!(
                    plan.stderr.contains("no configuration reads those") && plan.stderr.contains("out.hcl:2"),
                    "{read}: {}",
                    plan.stderr
                );
            }
            let compare = ["plan", "--base", ".", "--also-read", ".."];
            let compared = sandbox.run(&compare, "");
            assert_eq!(compared.code, 1, "{read}: {}", compared.stdout);
            assert!(
                compared.stderr.contains("no configuration reads those"),
                "{read}: {}",
                compared.stderr
            );
        }
    }
    sandbox.write("state.hcl", kept);
    sandbox.write(
        "out.hcl",
        "output \"o\" {\n  value = fileset(\"..\", \"**\")\n}\n",
    );
    let files = sandbox.ok(&["plan"]);
    assert!(
        files.contains("acme/main.hcl") && !files.contains("journal"),
        "{files}"
    );
    #[cfg(unix)]
    for name in ["linked.hcl", "linked.auto.hclvars"] {
        sandbox.write("out.hcl", "");
        let link = sandbox.path().join(name);
        std::os::unix::fs::symlink("../kept/acme/lock", &link).unwrap();
        let plan = sandbox.run(&["plan"], "");
        assert_eq!(plan.code, 1, "{name}: {}", plan.stdout);
        assert!(
            plan.stderr.contains("no configuration reads those"),
            "{name}: {}",
            plan.stderr
        );
        std::fs::remove_file(link).unwrap();
    }
}

/// Whether something is there is nobody's business who sends in a change.
#[cfg(unix)]
#[test]
fn what_is_compared_does_not_tell_what_is_on_the_machine() {
    let sandbox = Sandbox::new();
    sandbox.write("base/main.hcl", STACK);
    sandbox.write("change/main.hcl", STACK);
    sandbox.write("there.txt", "x");
    let compare = |base: &str| {
        let output = sandbox.run(&["-C", "change", "plan", "--base", base], "");
        assert_eq!(output.code, 1, "{}", output.stdout);
        output.stderr
    };
    for directory in ["base", "change"] {
        for (name, over) in [
            ("x.hcl", ""),
            ("x.auto.hclvars", ""),
            ("x.hcl", "../change/main.hcl"),
        ] {
            let link = sandbox.path().join(directory).join(name);
            let said = ["there.txt", "gone.txt"].map(|target| {
                let target = sandbox.path().join(target).join(over);
                std::os::unix::fs::symlink(target, &link).unwrap();
                let said = compare("base");
                std::fs::remove_file(&link).unwrap();
                said
            });
            assert_eq!(said[0], said[1]);
            assert!(said[0].contains("lies outside"), "{}", said[0]);
        }
    }
    // A base that is reached over a link is what the link leads to, and no more.
    std::os::unix::fs::symlink("base", sandbox.path().join("way")).unwrap();
    sandbox.write(
        "base/x.hcl",
        "output \"x\" {\n  value = file(\"../there.txt\")\n}\n",
    );
    assert_eq!(compare("way"), compare("base"));
}

/// The history in text says what the JSON says.
#[test]
fn the_history_tells_which_rules_a_run_changed() {
    let sandbox = Sandbox::new();
    let guarded = |most: u32| {
        format!(
            "{STACK}guardrail \"few\" {{\n  limit {{\n    permission_sets = [permission_set.admin]\n    max_people = {most}\n  }}\n}}\n"
        )
    };
    sandbox.write("main.hcl", &guarded(3));
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.write("main.hcl", &guarded(9));
    sandbox.ok(&["apply", "--auto-approve", "--accept-rules", "--reason", "OPS-9"]);
    let text = sandbox.ok(&["state", "log"]);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 3, "{text}");
    assert!(lines[1].ends_with("OPS-9"), "{text}");
    assert_eq!(
        lines[2],
        "    guardrail \"few\" changed (something may pass that did not before)"
    );
    let json: serde_json::Value = serde_json::from_str(&sandbox.ok(&["state", "log", "--json"])).unwrap();
    assert_eq!(json["history"][1]["rule_changes"][0], lines[2].trim());
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
