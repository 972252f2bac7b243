//! Every example is run as its README says, and prints what it says it prints.
//!
//! `UPDATE=1 cargo test --test all examples` writes the expected files anew; read them line by line before
//! committing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

struct Stack {
    _home: tempfile::TempDir,
    dir: PathBuf,
}

impl Stack {
    /// A copy of an example under its own name, so that it can be applied without leaving anything behind.
    fn of(example: &str) -> Self {
        let home = tempfile::tempdir().unwrap();
        let dir = home.path().join(example);
        copy(&root().join("examples").join(example), &dir);
        Stack { _home: home, dir }
    }

    fn run(&self, below: &str, args: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
        command
            .env_clear()
            .env("USER", "tester")
            .current_dir(self.dir.join(below))
            .args(args);
        command.output().unwrap()
    }

    /// Standard output of a command that must succeed.
    fn text(&self, below: &str, args: &[&str]) -> String {
        let output = self.run(below, args);
        let err = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success(),
            "{args:?} exits with {}: {err}",
            output.status
        );
        String::from_utf8(output.stdout).unwrap()
    }

    /// That a plan finds nothing to do.
    fn is_settled(&self, below: &str) {
        let plan = self.run(below, &["plan", "--detailed-exitcode"]);
        assert_eq!(
            plan.status.code(),
            Some(0),
            "{}",
            String::from_utf8_lossy(&plan.stdout)
        );
    }
}

#[test]
fn examples_are_laid_out_as_fmt_does() {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    let output = command
        .args(["fmt", "--check"])
        .arg(root().join("examples"))
        .output()
        .unwrap();
    let listed = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "not in canonical layout:\n{listed}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == ".rolecall" {
            continue;
        }
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).unwrap();
        }
    }
}

/// A state's lineage is random, and the digest of a plan made on it covers it: shown as `x`, the width kept.
fn without_digest(text: &str) -> String {
    let digest = regex::Regex::new("[0-9a-f]{4}(-[0-9a-f]{4}){7}").unwrap();
    let masked = |found: &regex::Captures<'_>| found[0].replace(|c: char| c.is_ascii_hexdigit(), "x");
    digest.replace_all(text, masked).into_owned()
}

fn expect(example: &str, file: &str, found: &str) {
    let path = root().join("examples").join(example).join(file);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, found).unwrap();
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    let diff = similar::TextDiff::from_lines(expected.as_str(), found);
    assert!(expected == found, "{}:\n{}", path.display(), diff.unified_diff());
}

#[test]
fn the_quickstart_plans_applies_and_is_done() {
    let stack = Stack::of("01-quickstart");
    expect("01-quickstart", "expected-plan.txt", &stack.text("", &["plan"]));
    stack.text("", &["apply", "--auto-approve"]);
    stack.is_settled("");
}

#[test]
fn the_organization_shows_an_edit_in_people_and_drift_by_cause() {
    let stack = Stack::of("02-organization");
    expect("02-organization", "expected-plan.txt", &stack.text("", &["plan"]));
    let markdown = ["plan", "--format", "markdown"];
    expect("02-organization", "expected-plan.md", &stack.text("", &markdown));
    stack.text("", &["apply", "--auto-approve"]);
    stack.is_settled("");

    let people = stack.dir.join("people.csv");
    let csv = std::fs::read_to_string(&people).unwrap();
    let edited = csv
        .replace(
            "Karen,Jones,payments developers",
            "Karen,Jones,platform developers",
        )
        .replace("Ken,Thompson,portal developers", "Ken,Thompson,portal");
    assert_ne!(csv, edited);
    std::fs::write(&people, edited).unwrap();
    expect(
        "02-organization",
        "expected-change.txt",
        &without_digest(&stack.text("", &["plan"])),
    );
    expect(
        "02-organization",
        "expected-change.md",
        &without_digest(&stack.text("", &markdown)),
    );
    stack.text("", &["apply", "--auto-approve"]);

    let mut shown = String::new();
    for change in [
        &["unassign", "Deployer", "333300000001", "Payments"][..],
        &["assign", "Administrator", "333300000002", "Developers"],
    ] {
        let args: Vec<&str> = ["sim", "do"].iter().chain(change).copied().collect();
        stack.text("", &args);
        shown += &format!("$ rolecall -C examples/02-organization {}\n", args.join(" "));
    }
    let drift = stack.run("", &["drift"]);
    assert_eq!(
        drift.status.code(),
        Some(2),
        "{}",
        String::from_utf8_lossy(&drift.stderr)
    );
    shown += "$ rolecall -C examples/02-organization drift\n";
    shown += &String::from_utf8(drift.stdout).unwrap();
    expect("02-organization", "expected-drift.txt", &shown);
    let drift = stack.run("", &["drift", "--format", "markdown"]);
    let shown = String::from_utf8(drift.stdout).unwrap();
    expect("02-organization", "expected-drift.md", &shown);
}

#[test]
fn teams_are_modules() {
    let stack = Stack::of("03-teams");
    expect("03-teams", "expected-plan.txt", &stack.text("", &["plan"]));
    stack.text("", &["apply", "--auto-approve"]);
    stack.is_settled("");
    // An output's own form is told in the language reference.
    assert!(stack.text("", &["output", "groups"]).contains("Payments"));
}

#[test]
fn renaming_and_moving_keeps_everybody_in() {
    let stack = Stack::of("04-rename-and-move");
    stack.text("before", &["apply", "--auto-approve"]);
    let own = stack.dir.join("before/.rolecall");
    std::fs::rename(own, stack.dir.join("after/.rolecall")).unwrap();
    expect(
        "04-rename-and-move",
        "expected-plan.txt",
        &without_digest(&stack.text("after", &["plan"])),
    );
    stack.text("after", &["apply", "--auto-approve"]);
    stack.is_settled("after");
}

#[cfg(feature = "rego")]
#[test]
fn policies_refuse_a_plan_and_let_a_mended_one_pass() {
    let stack = Stack::of("05-policies");
    let plan = stack.run("", &["plan"]);
    assert_eq!(
        plan.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&plan.stderr)
    );
    expect(
        "05-policies",
        "expected-plan.txt",
        &String::from_utf8(plan.stdout).unwrap(),
    );
    let refused = stack.run("", &["apply", "--auto-approve"]);
    assert_eq!(refused.status.code(), Some(3), "apply asks them as well");

    let main = stack.dir.join("main.hcl");
    let text = std::fs::read_to_string(&main).unwrap();
    let mended = text
        .replace(
            "reason          = \"we build it\"",
            "reason          = \"SHOP-30\"",
        )
        .replace(
            "[permission_set.admin]\n  accounts        = [account.shop_dev, account.shop_prod]",
            "[permission_set.admin]\n  accounts        = [account.shop_dev]",
        )
        .replace("[user.grace]", "[group.shop]");
    std::fs::write(&main, mended).unwrap();
    stack.text("", &["apply", "--auto-approve"]);
    stack.is_settled("");

    // Whoever changes the judge is seen to.
    let limits = stack.dir.join("policies/limits.rego");
    let text = std::fs::read_to_string(&limits).unwrap();
    std::fs::write(
        &limits,
        text.replace("most_removals = 20", "most_removals = 2000"),
    )
    .unwrap();
    let changed = stack.text("", &["plan"]);
    assert!(
        changed.contains("Rules changed") && changed.contains("policies/limits.rego"),
        "{changed}"
    );
    let unseen = stack.run("", &["apply", "--auto-approve"]);
    assert_eq!(
        unseen.status.code(),
        Some(3),
        "{}",
        String::from_utf8_lossy(&unseen.stderr)
    );
    stack.text("", &["apply", "--auto-approve", "--accept-rules"]);

    std::fs::write(
        &limits,
        "package access.limits\n\ndeny contains http.send({}).body\n",
    )
    .unwrap();
    let broken = stack.run("", &["validate"]);
    let said = String::from_utf8_lossy(&broken.stderr);
    assert_eq!(broken.status.code(), Some(1));
    assert!(
        said.contains("policies/limits.rego:3:15") && said.contains("http.send"),
        "{said}"
    );
}

#[cfg(not(feature = "rego"))]
#[test]
fn policies_say_when_they_cannot_be_asked() {
    let stack = Stack::of("05-policies");
    let plan = stack.run("", &["plan"]);
    let said = String::from_utf8_lossy(&plan.stderr);
    assert_eq!(plan.status.code(), Some(1), "{said}");
    assert!(
        said.contains("feature `rego`") && said.contains("cargo install"),
        "{said}"
    );
}
