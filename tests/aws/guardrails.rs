//! Guardrails where the directory cannot be read: what nobody sees is not taken for nobody.

use super::server::{Server, world_of};
use super::{QUICK, apply, expect, served};

const PEOPLE: &str = r#"
account "prod" { id = "111122223333" }

user "ada" {
  user_name   = "ada"
  given_name  = "Ada"
  family_name = "Lovelace"
}

user "bob" {
  user_name   = "bob"
  given_name  = "Bob"
  family_name = "Stone"
}

group "ops" {
  display_name = "Ops"
  members      = [user.bob]
}

group "contractors" {
  display_name = "Contractors"
  members      = [user.bob]
}

permission_set "admin" {}
"#;

const NO_CONTRACTORS: &str = r#"
guardrail "no contractors" {
  deny {
    principals      = [group.contractors]
    permission_sets = [permission_set.admin]
  }
}

assignment "ops" {
  principals      = [group.ops]
  permission_sets = [permission_set.admin]
  accounts        = [account.prod]
}
"#;

const DIRECT: &str = r#"
assignment "ops" {
  principals      = [group.ops]
  permission_sets = [permission_set.admin]
  accounts        = [account.prod]
}
"#;

const FEW: &str = r#"
guardrail "few" {
  limit {
    permission_sets = [permission_set.admin]
    max_people      = 1
  }
}

assignment "ada" {
  principals      = [user.ada]
  permission_sets = [permission_set.admin]
  accounts        = [account.prod]
}
"#;

fn without(action: &str) -> Vec<&str> {
    let denied = ["--deny", action];
    QUICK.into_iter().chain(denied).collect()
}

#[test]
fn without_users_nobody_can_tell_who_is_denied() {
    let (sandbox, server) = served(PEOPLE, &QUICK);
    apply(&sandbox, &server.url);
    sandbox.write("main.hcl", &format!("{PEOPLE}{NO_CONTRACTORS}"));
    let said = expect(&sandbox, &server.url, &["plan"], 3);
    assert!(said.contains("bob would have admin in"), "{said}");
    drop(server);
    let server = Server::start(&world_of(&sandbox), &without("identitystore:ListUsers"));
    let said = expect(&sandbox, &server.url, &["plan"], 3);
    assert!(said.contains("refused[guardrail-unknown]"), "{said}");
    assert!(said.contains("unknown"), "people are not told as nobody: {said}");
    let warns = NO_CONTRACTORS.replace("  deny {\n", "  deny {\n    on_unknown = \"warn\"\n");
    sandbox.write("main.hcl", &format!("{PEOPLE}{warns}"));
    let said = expect(&sandbox, &server.url, &["plan"], 0);
    assert!(said.contains("warning[guardrail-unknown]"), "{said}");
}

#[test]
fn without_groups_a_limit_is_not_counted_by_those_who_are_seen() {
    let base = format!("{PEOPLE}{DIRECT}");
    let (sandbox, server) = served(&base, &QUICK);
    apply(&sandbox, &server.url);
    drop(server);
    // A stack that manages no group: those of others cannot be listed.
    let users = PEOPLE.split("group \"ops\"").next().unwrap();
    sandbox.write(
        "main.hcl",
        &format!("{users}permission_set \"admin\" {{}}\n{FEW}"),
    );
    let server = Server::start(&world_of(&sandbox), &without("identitystore:ListGroups"));
    let said = expect(&sandbox, &server.url, &["plan"], 3);
    assert!(said.contains("refused[guardrail-unknown]"), "{said}");
}
