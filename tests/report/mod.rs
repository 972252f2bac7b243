//! The access review page from the command line; what browsers make of it is tested by tests/html.

use crate::common::Sandbox;

fn example() -> Sandbox {
    let sandbox = Sandbox::with("examples/01-quickstart");
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox
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
