//! Readings that end in an error say which block asked for what was read, and where it is written.

use super::server::{Server, world_of};
use super::{QUICK, apply, run_as, served};
use crate::common::{Output, Sandbox};

const STACK: &str = r#"account "shop" {
  id   = "111100000001"
  tags = { env = "prod" }
}

user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

group "ops" {
  display_name = "Ops"
  members      = [user.ada]
}

permission_set "view" {}

assignment "ops_view" {
  principals      = [group.ops]
  permission_sets = [permission_set.view]
  accounts        = [account.shop]
}
"#;

/// The stack, applied, with a server to which this happens from now on.
fn failing(fault: &str) -> (Sandbox, Server) {
    let (sandbox, server) = served(STACK, &QUICK);
    apply(&sandbox, &server.url);
    drop(server);
    let args = [&QUICK[..], &["--fault", fault]].concat();
    let server = Server::start(&world_of(&sandbox), &args);
    (sandbox, server)
}

/// Runs the program, whose time passes two thousand times as fast: reads that are throttled are tried for an hour.
fn hurried(sandbox: &Sandbox, server: &Server, args: &[&str]) -> Output {
    let more = [("ROLECALL_TEST_SPEED", "2000")];
    run_as(sandbox, &server.url, "AKIAIOSFODNN7EXAMPLE", &more, args)
}

/// What a command says whose reading met a fault, which must end with code 1.
fn said(fault: &str, args: &[&str]) -> String {
    let (sandbox, server) = failing(fault);
    let output = hurried(&sandbox, &server, args);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, 1, "{said}");
    said
}

#[test]
fn members_that_stay_throttled_name_the_group_its_block_and_what_helps() {
    let said = said("throttle,op=ListGroupMemberships", &["plan"]);
    for part in [
        "ListGroupMemberships: ThrottlingException",
        "(request ",
        "while reading the members of group Ops",
        "asked for by `group.ops` at main.hcl:12",
        "help: the service goes on refusing so many calls: a lower `rate`",
    ] {
        assert!(said.contains(part), "{part}\n{said}");
    }
}

#[test]
fn a_permission_set_and_an_assignment_are_told_by_their_blocks() {
    let set = said("error=500,op=DescribePermissionSet", &["drift"]);
    assert!(
        set.contains("asked for by `permission_set.view` at main.hcl:17"),
        "{set}"
    );
    let pair = said("error=500,op=ListAccountAssignments", &["drift"]);
    assert!(
        pair.contains("while reading who has permission set view in account 111100000001"),
        "{pair}"
    );
    assert!(
        pair.contains("asked for by `assignment.ops_view` at main.hcl:19"),
        "{pair}"
    );
}

#[test]
fn what_no_block_declares_is_told_by_the_provider_block() {
    let (sandbox, server) = failing("error=500,op=ListUsers");
    let plan = hurried(&sandbox, &server, &["plan"]);
    assert!(
        plan.stderr
            .contains("asked for by `provider \"aws\"` at provider.hcl:1"),
        "{}",
        plan.stderr
    );
    // Programs get the place as well.
    let events = hurried(&sandbox, &server, &["apply", "--auto-approve", "--json"]);
    let last: serde_json::Value = serde_json::from_str(events.stdout.lines().last().unwrap()).unwrap();
    assert_eq!(last["location"]["file"], "provider.hcl", "{last}");
    sandbox.write("elsewhere/provider.hcl", "provider \"aws\" {}\n");
    let import = hurried(&sandbox, &server, &["-C", "elsewhere", "import", "--out", "new"]);
    assert!(
        import
            .stderr
            .contains("asked for by `provider \"aws\"` at provider.hcl:1"),
        "{}",
        import.stderr
    );
}
