//! The access review page from the command line; what browsers make of it is tested by tests/html.

mod counted;

use crate::common::Sandbox;

fn example() -> Sandbox {
    let sandbox = Sandbox::with("examples/01-quickstart");
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox
}

/// Instances of one block are shown together, and each path still has the block of its own.
#[test]
fn a_path_names_the_instance_that_gives_it() {
    let sandbox = Sandbox::new();
    let stack = r#"
account "a" { id = "111122223333" }
permission_set "admin" { managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"] }
user "u" {
  for_each    = toset(["ada", "bob", "eve"])
  user_name   = each.key
  given_name  = each.key
  family_name = "X"
}
group "g" {
  for_each     = toset(["ada", "bob", "eve"])
  display_name = "team ${each.key}"
  members      = [user.u[each.key]]
}
assignment "t" {
  for_each        = toset(["ada", "bob", "eve"])
  principals      = [group.g[each.key]]
  permission_sets = [permission_set.admin]
  accounts        = [account.a]
}
"#;
    sandbox.write("main.hcl", stack);
    let plan: serde_json::Value = serde_json::from_str(&sandbox.ok(&["plan", "--json"])).unwrap();
    let mut paths: Vec<(&str, Vec<&str>)> = Vec::new();
    for line in plan["people"]["changes"].as_array().unwrap() {
        for path in line["via"].as_array().unwrap() {
            let blocks = path["assignments"].as_array().unwrap();
            let blocks = blocks.iter().map(|block| block["block"].as_str().unwrap());
            paths.push((path["name"].as_str().unwrap(), blocks.collect()));
        }
    }
    paths.sort_unstable();
    let expected = [
        ("team ada", vec!["assignment.t[\"ada\"]"]),
        ("team bob", vec!["assignment.t[\"bob\"]"]),
        ("team eve", vec!["assignment.t[\"eve\"]"]),
    ];
    assert_eq!(paths, expected);
}

#[test]
fn the_page_is_written_for_its_owner_and_is_the_same_each_time() {
    let sandbox = example();
    sandbox.ok(&["report", "--out", "one.html"]);
    sandbox.ok(&["report", "--out", "two.html"]);
    let page = sandbox.read("one.html");
    assert_eq!(page, sandbox.read("two.html"));
    assert!(page.starts_with("<!doctype html>"));
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = std::fs::metadata(sandbox.path().join("one.html"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_state_without_anything_in_it_is_nothing_to_report_on() {
    let sandbox = Sandbox::with("examples/01-quickstart");
    let output = sandbox.run(&["report", "--out", "review.html"], "");
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("rolecall observe"), "{}", output.stderr);
    assert!(!sandbox.path().join("review.html").exists());
}

#[test]
fn a_saved_plan_is_shown_with_its_digest_and_a_changed_one_refused() {
    let sandbox = example();
    let main = sandbox.read("main.hcl").replace("Look, do not touch", "Look");
    sandbox.write("main.hcl", &main);
    sandbox.ok(&["plan", "--out", "p.plan"]);
    let digest = sandbox.ok(&["plan", "--digest-only"]);
    sandbox.ok(&["report", "--out", "review.html", "--plan", "p.plan"]);
    assert!(sandbox.read("review.html").contains(digest.trim()));

    let plan = sandbox.read("p.plan");
    sandbox.write("p.plan", &plan.replacen("\"plan\"", "\"nalp\"", 1));
    let output = sandbox.run(&["report", "--out", "other.html", "--plan", "p.plan"], "");
    assert_eq!(output.code, 3, "{}", output.stderr);
    assert!(!sandbox.path().join("other.html").exists());
}

#[test]
fn a_wrong_configuration_leaves_drift_out_and_says_so() {
    let sandbox = example();
    sandbox.write("wrong.hcl", "group \"x\" {\n  nonsense = 1\n}\n");
    let output = sandbox.run(&["report", "--out", "review.html"], "");
    assert_eq!(output.code, 0, "{}", output.stderr);
    assert!(
        output.stderr.contains("the report is without drift"),
        "{}",
        output.stderr
    );
    assert!(
        sandbox
            .read("review.html")
            .contains("Drift is not in this report")
    );
}

/// The summary of a page says it without a script; the rest of it is data.
#[test]
fn every_form_marks_the_same_access() {
    let sandbox = Sandbox::with("examples/01-quickstart");
    let main = sandbox.read("main.hcl");
    let rolecall =
        "production {\n    accounts = [\"sandbox\"]\n  }\n  risk {\n    permission_sets = [\"view\"]\n  }\n";
    let main = match main.contains("rolecall {\n") {
        true => main.replacen("rolecall {\n", &format!("rolecall {{\n  {rolecall}"), 1),
        false => format!("rolecall {{\n  {rolecall}}}\n{main}"),
    };
    sandbox.write("main.hcl", &main);
    sandbox.write(
        "more.hcl",
        r#"
permission_set "root" {
  managed_policies = ["arn:aws:iam::aws:policy/IAMFullAccess"]
}

permission_set "deploy" {
  managed_policies = ["arn:aws:iam::aws:policy/AWSLambda_FullAccess"]
}

assignment "more" {
  principals      = [group.developers]
  permission_sets = [permission_set.root, permission_set.deploy]
  accounts        = [account.sandbox]
}
"#,
    );
    let plan = sandbox.ok(&["plan", "--json", "--out", "p.plan"]);
    let plan: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let mut marks = std::collections::BTreeSet::new();
    for kind in ["/assignments", "/entities", "/people/changes"] {
        for row in plan.pointer(kind).unwrap().as_array().unwrap() {
            let risks = row["risks"].as_array().into_iter().flatten();
            let texts: Vec<&str> = risks.map(|risk| risk["text"].as_str().unwrap()).collect();
            if !texts.is_empty() {
                marks.insert(texts.join(", "));
            }
        }
    }
    let said: Vec<&str> = marks.iter().map(String::as_str).collect();
    for word in ["administrator", "privilege escalation", "sensitive", "production"] {
        assert!(said.iter().any(|text| text.contains(word)), "{word} in {said:?}");
    }
    let text = sandbox.ok(&["show", "p.plan"]);
    // Names are code there.
    let markdown = sandbox
        .ok(&["show", "p.plan", "--format", "markdown"])
        .replace('`', "");
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.ok(&["report", "--out", "review.html", "--plan", "p.plan"]);
    let page = sandbox.read("review.html");
    for mark in &said {
        for (form, shown) in [("text", &text), ("Markdown", &markdown), ("HTML", &page)] {
            assert!(shown.contains(mark), "{mark} in {form}\n{shown}");
        }
    }
    // Of what is there, the page says the same.
    for set in [
        "\"risk\":\"administrator\"",
        "\"risk\":\"privilege escalation\"",
        "\"risk\":\"sensitive\"",
    ] {
        assert!(page.contains(set), "{set}");
    }
}

#[test]
fn a_test_report_says_what_drift_means_and_fails_for_a_refused_plan() {
    let sandbox = example();
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    sandbox.ok(&["sim", "do", "attach-policy", "view", admin]);
    let drift = sandbox.run(&["drift", "--format", "junit"], "");
    assert_eq!(drift.code, 2);
    for said in [
        "<failure message=\"permission set view (becomes administrator)\"",
        "failures=\"1\"",
        "declared: permission_set.view  main.hcl:18",
        "managed_policies          + arn:aws:iam::aws:policy/AdministratorAccess",
        "people with it            Ada Lovelace: view in sandbox",
        "not provisioned since     roles of view  sandbox",
        "classname=\"rolecall.drift.overdue\"/>",
    ] {
        assert!(drift.stdout.contains(said), "{said} in\n{}", drift.stdout);
    }
    let fine = sandbox.ok(&["plan", "--format", "junit"]);
    assert!(
        fine.contains("failures=\"0\"") && fine.contains("rolecall.plan.refusal"),
        "{fine}"
    );
    let rule = "guardrail \"nobody looks\" {\n  limit {\n    permission_sets = [permission_set.view]\n    max_people = 0\n  }\n}\n";
    sandbox.write("rule.hcl", rule);
    sandbox.write(
        "more.hcl",
        "user \"bob\" {\n  user_name = \"bob@example.com\"\n  given_name = \"Bob\"\n  family_name = \"Stone\"\n}\n\nassignment \"bob\" {\n  principals = [user.bob]\n  permission_sets = [permission_set.view]\n  accounts = [account.sandbox]\n}\n",
    );
    let broken = sandbox.run(&["plan", "--format", "junit"], "");
    assert_eq!(broken.code, 3, "{}{}", broken.stdout, broken.stderr);
    assert!(broken.stdout.contains("failures=\"1\""), "{}", broken.stdout);
    assert!(broken.stdout.contains("type=\"guardrail\""), "{}", broken.stdout);
    assert!(
        broken.stdout.contains("written at rule.hcl:1"),
        "{}",
        broken.stdout
    );
}

/// `drift` records nothing: what the page says of drift is what was so at the last recorded reading.
#[test]
fn the_page_says_of_when_its_drift_is() {
    let sandbox = example();
    let admin = "arn:aws:iam::aws:policy/AdministratorAccess";
    sandbox.ok(&["sim", "do", "attach-policy", "view", admin]);
    assert_eq!(sandbox.run(&["drift"], "").code, 2);
    let written = sandbox.run(&["report", "--out", "review.html"], "");
    assert_eq!(written.code, 0, "{}", written.stderr);
    assert!(
        written
            .stderr
            .contains("of the last recorded reading, 2026-01-01T"),
        "{}",
        written.stderr
    );
    let page = sandbox.read("review.html");
    assert!(page.contains("No drift at 2026-01-01") && !page.contains("No drift."));
    sandbox.ok(&["observe"]);
    sandbox.ok(&["report", "--out", "review.html"]);
    let page = sandbox.read("review.html");
    assert!(page.contains("Drift: 1 finding.") && !page.contains("No drift"));
}

#[test]
fn a_comparison_with_a_base_says_by_which_date_things_expire() {
    let sandbox = example();
    let say = |sandbox: &Sandbox| {
        let plan = sandbox.run(&["plan", "--base", "."], "");
        assert_eq!(plan.code, 0, "{}{}", plan.stdout, plan.stderr);
        plan.stderr
            .contains("what expires is judged by the date of this machine, 20")
    };
    assert!(!say(&sandbox));
    sandbox.write(
        "more.hcl",
        "user \"bob\" {\n  user_name = \"bob@example.com\"\n  given_name = \"Bob\"\n  family_name = \"Stone\"\n}\n\nassignment \"bob\" {\n  principals = [user.bob]\n  permission_sets = [permission_set.view]\n  accounts = [account.sandbox]\n  expires = \"2999-01-01\"\n}\n",
    );
    assert!(say(&sandbox));
}
