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

/// The group gets another name, and a grant of it goes.
const RENAMED: &str = r#"
account "a" { id = "111122223333" }
account "b" { id = "222233334444" }
user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}
group "ops" {
  display_name = "Operations"
  members      = [user.ada]
}
permission_set "view" { managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] }
assignment "look" {
  principals      = [group.ops]
  permission_sets = [permission_set.view]
  accounts        = [account.a]
}
"#;

/// The group is gone, and what was granted to it.
const WITHOUT: &str = r#"
account "a" { id = "111122223333" }
account "b" { id = "222233334444" }
user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}
permission_set "view" { managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess"] }
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

/// Does something behind the planner's back.
fn meddle(directory: &Path, words: &[&str]) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall"));
    let output = command
        .current_dir(directory)
        .args(["sim", "do"])
        .args(words)
        .output();
    assert!(output.unwrap().status.success(), "{words:?}");
}

/// A run from `text`, where `before` was applied, killed at every boundary in turn.
fn killed_everywhere(before: Option<&str>, text: &str) {
    killed_everywhere_after(before, &[], text);
}

/// The same, and somebody did something in between.
fn killed_everywhere_after(before: Option<&str>, between: &[&str], text: &str) {
    let prepare = || {
        let directory = tempfile::tempdir().unwrap();
        if let Some(before) = before {
            stack(directory.path(), before);
            converged(directory.path(), "before");
        }
        if !between.is_empty() {
            meddle(directory.path(), between);
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
            assert!(n > 8, "there are boundaries to be killed at");
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

#[test]
fn a_revoke_next_to_a_rename_is_not_lost_wherever_it_is_killed() {
    killed_everywhere(Some(BEFORE), RENAMED);
}

#[test]
fn what_was_renamed_outside_gets_its_name_back_wherever_it_is_killed() {
    killed_everywhere_after(Some(BEFORE), &["rename-group", "Ops", "Operators"], RENAMED);
}

#[test]
fn what_was_renamed_outside_goes_with_its_block_wherever_it_is_killed() {
    killed_everywhere_after(Some(BEFORE), &["rename-group", "Ops", "Operators"], WITHOUT);
}

/// Two accounts are made in a unit that is made, and somebody has access there.
const ACCOUNTS: &str = r#"
organizational_unit "new" { create = true }
account "new" {
  for_each = toset(["a", "b"])
  name     = "new-${each.key}"
  email    = "new-${each.key}@example.com"
  create   = true
  ou       = organizational_unit.new
  tags     = { env = "prod" }
}
user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}
permission_set "view" {}
assignment "look" {
  principals      = [user.ada]
  permission_sets = [permission_set.view]
  accounts        = values(account.new)
}
"#;

#[test]
fn accounts_in_the_making_are_gone_on_with_wherever_it_is_killed() {
    killed_everywhere(None, ACCOUNTS);
}
