//! A server that goes away in the middle of a run.

use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::json;

use super::server::{Server, stack_and_world, world_of};
use super::{client, run_as};
use crate::common::Sandbox;

const STACK: &str = r#"
account "each" {
  for_each = toset(["1", "2", "3", "4"])
  id       = "11110000000${each.key}"
  name     = "shop-${each.key}"
}

user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

permission_set "each" {
  for_each = toset(["a", "b", "c", "d", "e", "f", "g", "h"])
  name     = "set-${each.key}"
}

assignment "all" {
  principals      = [user.ada]
  permission_sets = [for set in permission_set.each : set]
  accounts        = [for account in account.each : account]
}
"#;

const CLOCK: [&str; 4] = ["--clock", "real", "--quotas", "on"];

/// Starts an apply, and ends the server once it works on requests.
fn cut_off(speed: &str) -> (Sandbox, Child) {
    let more = [("ROLECALL_TEST_SPEED", speed)];
    let sandbox = stack_and_world(&[("main.hcl", STACK)], "rate = 10");
    let server = Server::start_with(&world_of(&sandbox), &CLOCK, &more);
    let child = client(&sandbox, &server.url, "AKIAIOSFODNN7EXAMPLE")
        .env("ROLECALL_TEST_SPEED", speed)
        .args(["apply", "--auto-approve"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let found = server.call("SWBExternalService.ListInstances", &json!({}));
    let instance = &found["Instances"][0]["InstanceArn"];
    let until = Instant::now() + Duration::from_secs(60);
    loop {
        let filter = json!({ "InstanceArn": instance, "Filter": { "Status": "IN_PROGRESS" } });
        let listed = server.call("SWBExternalService.ListAccountAssignmentCreationStatus", &filter);
        let listed = listed["AccountAssignmentsCreationStatus"].as_array();
        if listed.is_some_and(|listed| !listed.is_empty()) {
            break;
        }
        assert!(Instant::now() < until, "nothing is under way");
        // The service's rate is shared.
        std::thread::sleep(Duration::from_millis(400).div_f64(speed.parse().unwrap()));
    }
    drop(server);
    (sandbox, child)
}

/// Waits for the end, at most so many seconds, and returns the exit code and what was said.
fn end(mut child: Child, seconds: u64) -> (Option<i32>, String) {
    let until = Instant::now() + Duration::from_secs(seconds);
    while child.try_wait().unwrap().is_none() {
        if Instant::now() > until {
            child.kill().unwrap();
            let output = child.wait_with_output().unwrap();
            panic!("it goes on\n{}", String::from_utf8_lossy(&output.stderr));
        }
        std::thread::sleep(Duration::from_millis(50));
    }
    let output = child.wait_with_output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// Another run against another server of the same world finds out, and does the rest.
fn goes_on(sandbox: &Sandbox, speed: &str) {
    let more = [("ROLECALL_TEST_SPEED", speed)];
    let server = Server::start_with(&world_of(sandbox), &CLOCK, &more);
    let run = |args: &[&str]| {
        let output = run_as(sandbox, &server.url, "AKIAIOSFODNN7EXAMPLE", &more, args);
        assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    };
    run(&["apply", "--auto-approve"]);
    run(&["plan", "--detailed-exitcode"]);
}

#[test]
fn a_run_that_nobody_answers_says_so_ends_and_is_taken_up() {
    let (sandbox, child) = cut_off("20");
    let (code, said) = end(child, 60);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("no answer from http://127.0.0.1:"), "{said}");
    assert!(said.contains("s, trying again (attempt "), "{said}");
    assert!(
        said.contains("steps that were under way ended is not known"),
        "{said}"
    );
    goes_on(&sandbox, "20");
}

#[cfg(unix)]
#[test]
fn a_run_that_nobody_answers_stops_within_seconds() {
    let (sandbox, child) = cut_off("1");
    let pid = child.id().to_string();
    assert!(
        Command::new("kill")
            .args(["-INT", &pid])
            .status()
            .unwrap()
            .success()
    );
    let (code, said) = end(child, 15);
    assert_eq!(code, Some(4), "{said}");
    assert!(said.contains("so the run ends here"), "{said}");
    goes_on(&sandbox, "20");
}
