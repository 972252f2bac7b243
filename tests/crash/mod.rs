//! The program, killed at every boundary between it, its journal and the service: the next run converges, and the
//! world has seen every change once.

use std::path::Path;
use std::process::{Command, Output};

use rolecall::provider::simulator::world::World;
use rolecall::provider::simulator::world::call::Effectful;
use rolecall::provider::simulator::{Options, Simulator};
use rolecall::provider::{Provider, ReadRequest};

const BEFORE: &str = r#"
account "a" { id = "111122223333" }
account "b" { id = "222233334444" }
user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}
group "ops" {
  display_name = "Ops"
  members      = [user.ada]
}
permission_set "view" { managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] }
assignment "look" {
  principals      = [group.ops]
  permission_sets = [permission_set.view]
  accounts        = [account.a, account.b]
}
"#;

/// Changes a set, which is provisioned; takes a grant away; makes a set with a grant.
const AFTER: &str = r#"
account "a" { id = "111122223333" }
account "b" { id = "222233334444" }
user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}
group "ops" {
  display_name = "Ops"
  members      = [user.ada]
}
permission_set "view" {
  description      = "look around"
  managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"]
}
permission_set "admin" { managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"] }
assignment "look" {
  principals      = [group.ops]
  permission_sets = [permission_set.view]
  accounts        = [account.a]
}
assignment "rule" {
  principals      = [group.ops]
  permission_sets = [permission_set.admin]
  accounts        = [account.b]
}
"#;

fn apply(directory: &Path, kill_at: Option<u64>) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    command
        .current_dir(directory)
        .args(["apply", "--auto-approve"])
        .env_remove("ROLECALL_TEST_KILL_AT")
        .env("NO_COLOR", "1");
    if let Some(n) = kill_at {
        command.env("ROLECALL_TEST_KILL_AT", n.to_string());
    }
    command.output().unwrap()
}

fn converged(directory: &Path, what: &str) {
    let output = apply(directory, None);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{what}: {said}");
}

fn plan_is_empty(directory: &Path, what: &str) {
    let output = Command::new(env!("CARGO_BIN_EXE_rolecall"))
        .current_dir(directory)
        .args(["plan", "--detailed-exitcode"])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert_eq!(output.status.code(), Some(0), "{what}: {said}");
}

fn stack(directory: &Path, text: &str) {
    std::fs::write(directory.join("main.hcl"), text).unwrap();
}

/// The calls that changed something, in order of their text, and what is there.
fn world(directory: &Path) -> (Vec<String>, String) {
    let simulator = Simulator::open(&Options::at(&directory.join(".rolecall/world"))).unwrap();
    let effects = |world: &mut World| {
        let entries = world.calls().entries();
        let writes =
            entries.filter(|entry| entry.operation.effect() == Effectful::Writes && entry.error.is_none());
        let texts = writes.map(|entry| world.call_text(entry));
        // Without the number and the time.
        let mut texts: Vec<String> = texts
            .map(|text| text.splitn(3, ' ').last().unwrap_or_default().to_owned())
            .collect();
        texts.sort();
        texts
    };
    let calls = simulator.with_world(effects).unwrap();
    let there = simulator.read(&ReadRequest::default()).unwrap().snapshot;
    (calls, serde_json::to_string_pretty(&there).unwrap())
}

/// A run from `text`, where `before` was applied, killed at every boundary in turn.
fn killed_everywhere(before: Option<&str>, text: &str) {
    let prepare = || {
        let directory = tempfile::tempdir().unwrap();
        if let Some(before) = before {
            stack(directory.path(), before);
            converged(directory.path(), "before");
        }
        stack(directory.path(), text);
        directory
    };
    let reference = prepare();
    converged(reference.path(), "not killed");
    let (calls, there) = world(reference.path());
    for n in 1.. {
        let directory = prepare();
        let killed = apply(directory.path(), Some(n));
        let what = format!("killed at {n}");
        if killed.status.code() == Some(0) {
            assert!(n > 20, "there are boundaries to be killed at");
            return;
        }
        assert_eq!(killed.status.code(), None, "ended by a signal, not by an error");
        converged(directory.path(), &what);
        assert_eq!(world(directory.path()), (calls.clone(), there.clone()), "{what}");
        plan_is_empty(directory.path(), &what);
    }
}

#[test]
fn a_first_apply_killed_anywhere_is_gone_on_with() {
    killed_everywhere(None, BEFORE);
}

#[test]
fn a_change_killed_anywhere_is_gone_on_with() {
    killed_everywhere(Some(BEFORE), AFTER);
}
