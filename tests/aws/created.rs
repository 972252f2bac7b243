//! Accounts whose creation loses an answer: they are found by their address, and completed.

use super::{QUICK, apply, expect, run, served};

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
