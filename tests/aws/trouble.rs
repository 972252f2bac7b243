//! A service that is out of order, and one that does not let the caller ask how requests end.

use super::server::{Server, world_of};
use super::{QUICK, apply, expect, run_as, served};
use crate::common::{Output, Sandbox};

const STACK: &str = r#"
account "shop" { id = "111100000001" }

user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

permission_set "view" {
  customer_managed_policies = [{ name = "audit" }]
}

assignment "ada_view" {
  principals      = [user.ada]
  permission_sets = [permission_set.view]
  accounts        = [account.shop]
}
"#;

const STATUS: &str = "sso:DescribeAccountAssignmentCreationStatus";

/// Applies with time that passes two hundred times as fast: ten minutes are three seconds.
fn hurried(sandbox: &Sandbox, server: &Server) -> Output {
    let more = [("ROLECALL_TEST_SPEED", "200")];
    let args = ["apply", "--auto-approve"];
    run_as(sandbox, &server.url, "AKIAIOSFODNN7EXAMPLE", &more, &args)
}

#[test]
fn where_the_status_may_not_be_asked_what_is_there_tells() {
    let (sandbox, server) = served(STACK, &[&QUICK[..], &["--deny", STATUS]].concat());
    let said = expect(&sandbox, &server.url, &["apply", "--auto-approve"], 0);
    assert!(said.contains(&format!("the caller lacks {STATUS}")), "{said}");
    assert_eq!(said.matches("what is there is read instead").count(), 1, "{said}");
    expect(&sandbox, &server.url, &["plan", "--detailed-exitcode"], 0);
}

#[test]
fn where_that_does_not_tell_the_step_ends_as_not_known_with_what_to_grant() {
    // Nobody made the policy `audit` in the account, so that the request fails.
    let (sandbox, server) = served(STACK, &QUICK);
    apply(&sandbox, &server.url);
    expect(&sandbox, &server.url, &["destroy", "--auto-approve"], 0);
    drop(server);
    let args = [&QUICK[..], &["--strict", "--deny", STATUS]].concat();
    let server = Server::start(&world_of(&sandbox), &args);
    let output = hurried(&sandbox, &server);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, 4, "{said}");
    for part in [
        "how it ended is not known",
        "rolecall policy --for apply",
        &format!("the caller lacks {STATUS}"),
        "main.hcl",
    ] {
        assert!(said.contains(part), "no {part} in\n{said}");
    }
    let calls = sandbox.ok(&["policy", "--for", "apply"]);
    assert!(calls.contains(STATUS), "{calls}");
}

#[test]
fn a_service_that_is_out_of_order_says_so_and_ends_the_run_after_ten_minutes() {
    let args = [&QUICK[..], &["--fault", "error=500,op=CreateAccountAssignment"]].concat();
    let (sandbox, server) = served(STACK, &args);
    let output = hurried(&sandbox, &server);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, 4, "{said}");
    for part in [
        "warning: the service has been out of order for ",
        "a step is tried again for 10 minutes",
        "CreateAccountAssignment: InternalServerException",
        "out of order for 10 minutes, so the run ends here",
    ] {
        assert!(said.contains(part), "no {part} in\n{said}");
    }
    drop(server);
    let server = Server::start(&world_of(&sandbox), &QUICK);
    apply(&sandbox, &server.url);
}
