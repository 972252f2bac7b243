//! Accounts whose creation loses an answer: they are found by their address, and completed.

use std::process::{Child, Stdio};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::server::{Server, stack_and_world, world_of};
use super::{QUICK, apply, client, expect, run, run_as, served};
use crate::common::Sandbox;

const STACK: &str = r#"
organizational_unit "shop" { create = true }

account "shop" {
  for_each = toset(["1", "2"])
  name     = "shop-${each.key}"
  email    = "aws+shop-${each.key}@example.com"
  create   = true
  ou       = organizational_unit.shop
  tags     = { env = "prod" }
}

user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

permission_set "view" {}

assignment "view" {
  principals      = [user.ada]
  permission_sets = [permission_set.view]
  accounts        = values(account.shop)
}
"#;

/// Applies with this mishap, after which everything is as declared and no account was made twice.
fn converges(fault: &str) {
    let mut args: Vec<&str> = QUICK.to_vec();
    args.extend(["--fault", fault]);
    let (sandbox, server) = served(STACK, &args);
    apply(&sandbox, &server.url);
    // Nor is there anything that the next run would have to find out.
    expect(&sandbox, &server.url, &["apply", "--auto-approve"], 0);
    expect(&sandbox, &server.url, &["drift"], 0);
    let state = run(&sandbox, &server.url, &["access", "--json"]);
    assert_eq!(state.code, 0, "{}", state.stderr);
    let listed = server.call("AWSOrganizationsV20161128.ListAccounts", &serde_json::json!({}));
    let accounts = listed["Accounts"].as_array().unwrap().iter();
    let ours = accounts.filter(|account| account["Email"].as_str().unwrap().starts_with("aws+shop"));
    let ids: Vec<&str> = ours.map(|account| account["Id"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), 2, "{listed}");
    for id in ids {
        let parents = serde_json::json!({ "ChildId": id });
        let parents = server.call("AWSOrganizationsV20161128.ListParents", &parents);
        assert_eq!(parents["Parents"][0]["Type"], "ORGANIZATIONAL_UNIT", "{id}");
        let tags = serde_json::json!({ "ResourceId": id });
        let tags = server.call("AWSOrganizationsV20161128.ListTagsForResource", &tags);
        assert_eq!(tags["Tags"][0]["Value"], "prod", "{id}");
    }
}

#[test]
fn an_account_whose_creation_was_not_answered_is_taken_up_where_it_is() {
    converges("reset,op=CreateAccount,times=1");
    converges("lost=500,op=CreateAccount,times=1");
    converges("lost=500,op=MoveAccount,times=1");
    converges("reset,op=DescribeCreateAccountStatus,times=1");
}

/// Time passes twenty times as fast, for the server and for who calls it: an account takes one to two seconds.
const SPEED: [(&str, &str); 1] = [("ROLECALL_TEST_SPEED", "20")];

/// The requests for accounts, in one state or in all.
fn requests(server: &Server, states: &Value) -> Vec<Value> {
    let input = json!({ "States": states });
    let found = server.call("AWSOrganizationsV20161128.ListCreateAccountStatus", &input);
    found["CreateAccountStatuses"].as_array().unwrap().clone()
}

fn begin(sandbox: &Sandbox, server: &Server) -> Child {
    client(sandbox, &server.url, "AKIAIOSFODNN7EXAMPLE")
        .envs(SPEED)
        .args(["apply", "--auto-approve"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// A run that is killed while accounts are being made is gone on with, and asks for none of them again.
fn killed(faults: &[&str]) {
    let sandbox = stack_and_world(&[("main.hcl", STACK)], "rate = 1000");
    let mut args = vec!["--clock", "real", "--quotas", "off"];
    args.extend(faults);
    let server = Server::start_with(&world_of(&sandbox), &args, &SPEED);
    let mut child = begin(&sandbox, &server);
    let until = Instant::now() + Duration::from_secs(60);
    while requests(&server, &json!(["IN_PROGRESS"])).len() < 2 {
        assert!(Instant::now() < until, "no two accounts are being made");
        std::thread::sleep(Duration::from_millis(20));
    }
    // What was answered is in the journal by now.
    std::thread::sleep(Duration::from_millis(300));
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(!requests(&server, &json!(["IN_PROGRESS"])).is_empty());
    for args in [&["apply", "--auto-approve"][..], &["plan", "--detailed-exitcode"]] {
        let output = run_as(&sandbox, &server.url, "AKIAIOSFODNN7EXAMPLE", &SPEED, args);
        assert_eq!(output.code, 0, "{faults:?}\n{}{}", output.stdout, output.stderr);
    }
    let asked = requests(&server, &json!([]));
    assert_eq!(asked.len(), 2, "{faults:?}: {asked:?}");
    assert!(
        asked.iter().all(|request| request["State"] == "SUCCEEDED"),
        "{asked:?}"
    );
}

#[test]
fn an_account_in_the_making_when_a_run_is_killed_is_waited_for() {
    killed(&[]);
    // The answer was lost, and with it the request's id: what is in the making is known by its name.
    killed(&["--fault", "lost=500,op=CreateAccount,times=2"]);
}
