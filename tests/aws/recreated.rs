//! Users and groups that are deleted and made again: what is left of the old ones is seen, by plan and apply alike.

use serde_json::{Value, json};

use super::server::Server;
use super::{QUICK, apply, expect, served};
use crate::common::Sandbox;

/// Fewer groups than sets in accounts, so that assignments are read by group.
const STACK: &str = r#"
account "each" {
  for_each = toset(["1", "2", "3"])
  id       = "11110000000${each.key}"
  name     = "shop-${each.key}"
}

group "g" { display_name = "G6" }
group "h" { display_name = "H6" }

permission_set "s6" {}
permission_set "s6b" {}

assignment "both" {
  principals      = [group.g, group.h]
  permission_sets = [permission_set.s6, permission_set.s6b]
  accounts        = [account.each["1"], account.each["2"], account.each["3"]]
}
"#;

const STORE: &str = "AWSIdentityStore";

fn instance(server: &Server) -> (String, String) {
    let found = server.call("SWBExternalService.ListInstances", &json!({}));
    let text = |name: &str| found["Instances"][0][name].as_str().unwrap().to_owned();
    (text("InstanceArn"), text("IdentityStoreId"))
}

/// Deletes the group in the identity store, and makes another one of its name unless told not to.
fn delete_group(server: &Server, name: &str, is_made_again: bool) {
    let (_, store) = instance(server);
    let listed = server.call(
        &format!("{STORE}.ListGroups"),
        &json!({ "IdentityStoreId": store }),
    );
    let groups = listed["Groups"].as_array().unwrap();
    let group = groups.iter().find(|group| group["DisplayName"] == name).unwrap();
    let (id, target) = (&group["GroupId"], |operation: &str| {
        format!("{STORE}.{operation}")
    });
    server.call(
        &target("DeleteGroup"),
        &json!({ "IdentityStoreId": store, "GroupId": id }),
    );
    if is_made_again {
        let made = json!({ "IdentityStoreId": store, "DisplayName": name });
        server.call(&target("CreateGroup"), &made);
    }
}

/// How many assignments there are in all.
fn assignments(server: &Server) -> usize {
    let (instance, _) = instance(server);
    let call = |operation: &str, mut input: Value| {
        input["InstanceArn"] = json!(instance);
        server.call(&format!("SWBExternalService.{operation}"), &input)
    };
    let sets = call("ListPermissionSets", json!({}));
    let mut count = 0;
    for set in sets["PermissionSets"].as_array().unwrap() {
        for account in ["111100000001", "111100000002", "111100000003"] {
            let of_pair = json!({ "AccountId": account, "PermissionSetArn": set });
            let listed = call("ListAccountAssignments", of_pair);
            count += listed["AccountAssignments"].as_array().unwrap().len();
        }
    }
    count
}

#[test]
fn what_a_group_left_that_was_made_again_is_planned_and_goes() {
    let (sandbox, server) = served(STACK, &QUICK);
    let url = &server.url;
    apply(&sandbox, url);
    delete_group(&server, "G6", true);
    assert_eq!(assignments(&server), 12, "those of the old group are orphans");
    let planned = expect(&sandbox, url, &["plan"], 0);
    assert!(planned.contains("read by user and group"), "{planned}");
    assert!(planned.contains("deleted group"), "{planned}");
    expect(&sandbox, url, &["apply", "--auto-approve", "--restore"], 0);
    assert_eq!(
        assignments(&server),
        12,
        "of the new group, in place of the old one"
    );
    expect(&sandbox, url, &["plan", "--detailed-exitcode"], 0);
    expect(&sandbox, url, &["drift"], 0);
}

#[test]
fn what_a_group_left_that_the_stack_makes_again_is_planned_and_goes() {
    let (sandbox, server) = served(
        &STACK
            .replace("group.h]", "group.h, data.group.auditors]")
            .replace(
                "permission_set \"s6\" {}",
                "permission_set \"s6\" {}\ndata \"group\" \"auditors\" { display_name = \"Auditors\" }",
            ),
        &QUICK,
    );
    let url = &server.url;
    apply(&sandbox, url);
    delete_group(&server, "G6", false);
    // Even where this was asked for.
    sandbox.write(
        "provider.hcl",
        "provider \"aws\" {\n  rate = 1000\n  read_by = \"principals\"\n}\n",
    );
    expect(&sandbox, url, &["apply", "--auto-approve", "--restore"], 0);
    assert_eq!(assignments(&server), 18);
    expect(&sandbox, url, &["plan", "--detailed-exitcode"], 0);
    sandbox.write(
        "provider.hcl",
        "provider \"aws\" {\n  rate = 1000\n  read_by = \"pairs\"\n}\n",
    );
    expect(&sandbox, url, &["drift"], 0);
}

#[test]
fn what_a_group_left_is_not_something_that_could_not_be_read() {
    let (sandbox, server) = served(STACK, &QUICK);
    apply(&sandbox, &server.url);
    delete_group(&server, "G6", false);
    let stranger = Sandbox::new();
    stranger.write("main.hcl", "provider \"aws\" {\n  rate = 1000\n}\n");
    let said = expect(&stranger, &server.url, &["import", "--out", "access"], 0);
    assert!(said.contains("the identity store no longer knows it"), "{said}");
    assert!(!said.contains("could not be read"), "{said}");
    assert!(
        said.contains("The plan is empty: the configuration says"),
        "{said}"
    );
}
