//! `--people counts` in every form of every command that has it.

use crate::common::Sandbox;

/// What people are called, and the labels of their blocks. Nina is in no group and in no grant.
const NAMES: [&str; 20] = [
    "Ada Lovelace",
    "ada.l@example.com",
    "adalov",
    "Grace Hopper",
    "ghopper@example.com",
    "gracehop",
    "Bob Stone",
    "bobstone@example.com",
    "bobst",
    "Eve Miller",
    "evemiller@example.com",
    "evemil",
    "Nina Novak",
    "nina.novak@example.com",
    "ninanov",
    "Zoe Quill",
    "zoeq@example.com",
    "zoequ",
    "kim@example.com",
    "renamed@example.com",
];

const PEOPLE: &str = r#"
user "adalov" {
  user_name   = "ada.l@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

user "gracehop" {
  user_name   = "ghopper@example.com"
  given_name  = "Grace"
  family_name = "Hopper"
}

user "bobst" {
  user_name   = "bobstone@example.com"
  given_name  = "Bob"
  family_name = "Stone"
}

user "ninanov" {
  user_name   = "nina.novak@example.com"
  given_name  = "Nina"
  family_name = "Novak"
}

account "payments" {
  id = "111122223333"
}

permission_set "admin" {
  managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
}

permission_set "view" {
  description      = "Set up by Nina Novak"
  managed_policies = ["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"]
}
"#;

const BEFORE: &str = r#"
user "evemil" {
  user_name   = "evemiller@example.com"
  given_name  = "Eve"
  family_name = "Miller"
}

group "ops" {
  display_name = "Operations"
  members      = [user.adalov, user.evemil]
}

assignment "ops" {
  principals      = [group.ops, user.bobst]
  permission_sets = [permission_set.view]
  accounts        = [account.payments]
  reason          = "Bob Stone needs it"
}

guardrail "few administrators" {
  limit {
    permission_sets = [permission_set.admin]
    max_people      = 1
  }
}
"#;

const AFTER: &str = r#"
user "zoequ" {
  user_name   = "zoeq@example.com"
  given_name  = "Zoe"
  family_name = "Quill"
  email       = "zoeq@example.com"
}

group "ops" {
  display_name = "Operations"
  description  = "Ask Nina Novak"
  members      = [user.adalov, user.gracehop, user.zoequ]
}

assignment "ops" {
  principals      = [group.ops, user.gracehop]
  permission_sets = [permission_set.admin]
  accounts        = [account.payments]
  reason          = "agreed with nina.novak@example.com"
}

guardrail "few administrators" {
  description = "as Nina Novak wants it"
  limit {
    permission_sets = [permission_set.admin]
    max_people      = 1
  }
}

guardrail "not her" {
  deny {
    principals      = [user.gracehop]
    permission_sets = [permission_set.admin]
    accounts        = [account.payments]
  }
}

output "on_call" {
  value = "nina.novak@example.com"
}
"#;

fn silent(sandbox: &Sandbox, args: &[&str]) {
    let mut named = Vec::new();
    let output = sandbox.run(&[args, &["--people", "counts"]].concat(), "");
    assert!(output.code != 1, "{args:?}: {}", output.stderr);
    assert!(!output.stdout.is_empty() || output.code == 3, "{args:?}");
    for name in NAMES {
        for (stream, text) in [("stdout", &output.stdout), ("stderr", &output.stderr)] {
            if let Some(line) = text.lines().find(|line| line.contains(name)) {
                named.push(format!("{stream}: {name} in {line}"));
            }
        }
    }
    assert!(named.is_empty(), "{args:?}\n{}", named.join("\n"));
}

/// Whether a command names people unless asked not to, so that the test has something to find.
fn names_somebody(sandbox: &Sandbox, args: &[&str]) {
    let output = sandbox.run(args, "");
    let named = |name: &&str| output.stdout.contains(*name);
    assert!(NAMES.iter().any(named), "{args:?}\n{}", output.stdout);
}

#[test]
fn people_who_are_counted_are_named_in_no_form_of_a_plan() {
    let sandbox = Sandbox::new();
    sandbox.write("people.hcl", PEOPLE);
    sandbox.write("access.hcl", BEFORE);
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.ok(&[
        "sim",
        "do",
        "unassign",
        "view",
        "payments",
        "user:bobstone@example.com",
    ]);
    sandbox.write("access.hcl", AFTER);
    // Refused by a guardrail, which is saved for reading.
    let plan = sandbox.run(&["plan", "--out", "p.plan"], "");
    assert_eq!(plan.code, 3, "{}{}", plan.stdout, plan.stderr);
    for format in ["text", "json", "markdown", "sarif", "junit"] {
        for args in [
            &["plan", "--format", format][..],
            &["plan", "--format", format, "--destroy"],
            &["show", "p.plan", "--format", format],
        ] {
            silent(&sandbox, args);
            if !(["sarif", "junit"].contains(&format) && args.contains(&"--destroy")) {
                names_somebody(&sandbox, args);
            }
        }
    }
    silent(&sandbox, &["plan", "--digest-only"]);
    let refused = sandbox.run(&["plan", "--digest-only"], "");
    assert_eq!(
        (refused.code, refused.stdout.as_str()),
        (3, ""),
        "there is nothing to approve"
    );
}

#[test]
fn people_who_are_counted_are_named_in_no_form_of_drift() {
    let sandbox = Sandbox::new();
    sandbox.write("people.hcl", PEOPLE);
    sandbox.write("access.hcl", BEFORE);
    sandbox.ok(&["apply", "--auto-approve"]);
    for change in [
        &["create-user", "kim@example.com"][..],
        &["add-member", "Operations", "kim@example.com"],
        &["add-member", "Operations", "ghopper@example.com"],
        &["remove-member", "Operations", "ada.l@example.com"],
        &["assign", "admin", "payments", "user:nina.novak@example.com"],
        &["unassign", "view", "payments", "user:bobstone@example.com"],
        &["assign", "admin", "payments", "user:evemiller@example.com"],
        &["delete-user", "evemiller@example.com"],
    ] {
        sandbox.ok(&[&["sim", "do"], change].concat());
    }
    for format in ["text", "json", "markdown", "junit"] {
        silent(&sandbox, &["drift", "--format", format]);
        names_somebody(&sandbox, &["drift", "--format", format]);
    }
}

#[test]
fn a_state_cannot_be_shown_without_names() {
    let sandbox = Sandbox::with("examples/01-quickstart");
    sandbox.ok(&["apply", "--auto-approve"]);
    let output = sandbox.run(&["show", "--people", "counts"], "");
    assert_eq!((output.code, output.stdout.as_str()), (1, ""));
    assert!(
        output.stderr.contains("without people's names"),
        "{}",
        output.stderr
    );
}
