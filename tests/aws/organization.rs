//! Accounts that are created, moved and tagged, and units that are made and renamed, through AWS Organizations.

use serde_json::{Value, json};

use super::server::Server;
use super::{QUICK, apply, expect, served};
use crate::common::Sandbox;

const STACK: &str = r#"
organizational_unit "workloads" {
  create = true
}

organizational_unit "prod" {
  parent = organizational_unit.workloads
  create = true
}

account "shop" {
  name   = "shop-prod"
  email  = "aws+shop@example.com"
  create = true
  ou     = organizational_unit.prod
  tags   = { env = "prod", team = "shop" }
}

account "old" {
  id     = "111100000001"
  manage = true
  ou     = organizational_unit.root
}

group "platform" { display_name = "Platform" }
permission_set "admin" {}

assignment "admin" {
  principals      = [group.platform]
  permission_sets = [permission_set.admin]
  accounts        = organizational_unit.workloads.accounts
}
"#;

fn accounts(server: &Server) -> Vec<Value> {
    let found = server.call("AWSOrganizationsV20161128.ListAccounts", &json!({}));
    found["Accounts"].as_array().unwrap().clone()
}

fn tags(server: &Server, id: &str) -> Vec<(String, String)> {
    let found = server.call(
        "AWSOrganizationsV20161128.ListTagsForResource",
        &json!({ "ResourceId": id }),
    );
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let tags = found["Tags"].as_array().unwrap().iter();
    tags.map(|tag| (text(&tag["Key"]), text(&tag["Value"]))).collect()
}

/// The names of the units above something, from the root down.
fn place(server: &Server, id: &str) -> Vec<String> {
    let mut names = Vec::new();
    let mut at = id.to_owned();
    loop {
        let found = server.call("AWSOrganizationsV20161128.ListParents", &json!({ "ChildId": at }));
        at = found["Parents"][0]["Id"].as_str().unwrap().to_owned();
        if at.starts_with("r-") {
            names.reverse();
            return names;
        }
        let unit = server.call(
            "AWSOrganizationsV20161128.DescribeOrganizationalUnit",
            &json!({ "OrganizationalUnitId": at }),
        );
        let name = &unit["OrganizationalUnit"]["Name"];
        names.push(name.as_str().unwrap().to_owned());
    }
}

#[test]
fn accounts_and_units_are_made_moved_tagged_and_never_closed() {
    let (sandbox, server) = served(STACK, &QUICK);
    let url = &server.url;

    let planned = expect(&sandbox, url, &["plan"], 0);
    assert!(planned.contains("+ shop-prod"), "{planned}");
    apply(&sandbox, url);
    let made = accounts(&server);
    let shop = made
        .iter()
        .find(|account| account["Name"] == "shop-prod")
        .unwrap();
    let id = shop["Id"].as_str().unwrap();
    assert_eq!(place(&server, id), ["workloads", "prod"]);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(tags(&server, id), [pair("env", "prod"), pair("team", "shop")]);
    let holders = server.call(
        "SWBExternalService.ListPermissionSetsProvisionedToAccount",
        &json!({
            "InstanceArn": instance(&server),
            "AccountId": id,
        }),
    );
    assert_eq!(
        holders["PermissionSets"].as_array().unwrap().len(),
        1,
        "{holders}"
    );

    // The unit gets another name, the account other tags, and the old account a place of its own.
    let changed = STACK
        .replace(
            "  parent = organizational_unit.workloads",
            "  name   = \"live\"\n  parent = organizational_unit.workloads",
        )
        .replace("team = \"shop\"", "team = \"sales\"")
        .replace("env = \"prod\", ", "")
        .replace(
            "manage = true\n  ou     = organizational_unit.root",
            "manage = true\n  ou     = organizational_unit.prod\n  tags   = { age = \"old\" }",
        );
    sandbox.write("main.hcl", &changed);
    let said = apply(&sandbox, url);
    assert!(said.contains("live"), "{said}");
    assert_eq!(place(&server, id), ["workloads", "live"]);
    assert_eq!(tags(&server, id), [pair("team", "sales")]);
    assert_eq!(place(&server, "111100000001"), ["workloads", "live"]);
    assert_eq!(tags(&server, "111100000001"), [pair("age", "old")]);

    // What goes from the files is forgotten; the account stays as it is.
    let start = changed.find("account \"shop\"").unwrap();
    let end = changed.find("account \"old\"").unwrap();
    sandbox.write("main.hcl", &format!("{}{}", &changed[..start], &changed[end..]));
    apply(&sandbox, url);
    let left = accounts(&server);
    let shop = left
        .iter()
        .find(|account| account["Name"] == "shop-prod")
        .unwrap();
    assert_eq!(shop["State"], "ACTIVE");
    assert_eq!(place(&server, id), ["workloads", "live"]);
}

fn instance(server: &Server) -> Value {
    let found = server.call("SWBExternalService.ListInstances", &json!({}));
    found["Instances"][0]["InstanceArn"].clone()
}

#[test]
fn an_account_whose_address_is_taken_says_so() {
    let (sandbox, server) = served(STACK, &QUICK);
    let body = json!({ "AccountName": "other", "Email": "aws+shop@example.com" });
    let started = server.call("AWSOrganizationsV20161128.CreateAccount", &body);
    let request = json!({ "CreateAccountRequestId": started["CreateAccountStatus"]["Id"] });
    server.call("AWSOrganizationsV20161128.DescribeCreateAccountStatus", &request);
    // An account with that address is there: it is taken in, not made again.
    let planned = expect(&sandbox, &server.url, &["plan"], 0);
    assert!(!planned.contains("+ shop-prod"), "{planned}");
}

const SLASHED: &str = r#"
organizational_unit "rd" {
  name   = "R/D"
  create = true
}

organizational_unit "lab" {
  name   = "50%2F"
  parent = organizational_unit.rd
  create = true
}

account "lab" {
  id     = "111100000001"
  manage = true
  ou     = organizational_unit.lab
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
  accounts        = organizational_unit.rd.accounts
}

output "path" { value = organizational_unit.lab.path }
output "name" { value = organizational_unit.lab.name }
"#;

#[test]
fn a_unit_whose_name_has_a_slash_is_a_unit_like_any_other() {
    let (sandbox, server) = served(SLASHED, &QUICK);
    let url = &server.url;
    apply(&sandbox, url);
    assert_eq!(place(&server, "111100000001"), ["R/D", "50%2F"]);
    let said = expect(&sandbox, url, &["output"], 0);
    assert!(
        said.contains("R%2FD/50%252F") && said.contains("\"50%2F\""),
        "{said}"
    );
    expect(&sandbox, url, &["drift"], 0);
    // The name goes, and another with a slash comes.
    sandbox.write("main.hcl", &SLASHED.replace("\"50%2F\"", "\"a/b\""));
    apply(&sandbox, url);
    assert_eq!(place(&server, "111100000001"), ["R/D", "a/b"]);
    // Whoever is frozen loses what they have there.
    let said = expect(&sandbox, url, &["freeze", "ada@example.com", "--auto-approve"], 0);
    assert!(said.contains("1 to remove") && !said.contains("held"), "{said}");
    expect(
        &sandbox,
        url,
        &["freeze", "ada@example.com", "--lift", "--auto-approve"],
        0,
    );
    apply(&sandbox, url);

    // Others see the unit too, and can write it down.
    let stranger = Sandbox::new();
    stranger.write("main.hcl", "provider \"aws\" {\n  rate = 1000\n}\n");
    expect(&stranger, url, &["import", "--out", "access"], 0);
    let said = expect(
        &stranger,
        url,
        &["-C", "access", "plan", "--detailed-exitcode"],
        0,
    );
    assert!(said.contains("1 assignment"), "{said}");
    let units = stranger.read("access/accounts.hcl");
    assert!(units.contains("\"R/D\"") && units.contains("\"a/b\""), "{units}");
}
