//! Answers that are not the service's own: pages of a gateway, tokens that come again, names that are no paths.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;

use serde_json::{Value, json};

use super::proxy::{forward, message};
use super::server::Server;
use super::{QUICK, expect, served};

/// What to answer a request for an operation with: the request's body, and how the server would answer.
type Answer = fn(request: &Value, theirs: Value) -> Reply;

enum Reply {
    Json(Value),
    /// A page for people with this status.
    Page(u16),
}

/// In front of a server: some operations are answered otherwise.
struct Gateway {
    url: String,
    stopped: Arc<AtomicBool>,
}

impl Gateway {
    fn start(upstream: &str, answers: &[(&'static str, Answer)]) -> Self {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let stopped = Arc::new(AtomicBool::new(false));
        let stop = Arc::clone(&stopped);
        let answers: Arc<BTreeMap<&'static str, Answer>> = Arc::new(answers.iter().copied().collect());
        thread::spawn(move || {
            for client in listener.incoming() {
                if stop.load(Ordering::SeqCst) {
                    return;
                }
                let (upstream, answers) = (upstream.clone(), Arc::clone(&answers));
                // A client that goes away is none of this test's business.
                thread::spawn(move || client.map(|client| serve(client, &upstream, &answers)));
            }
        });
        Gateway { url, stopped }
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        self.stopped.store(true, Ordering::SeqCst);
        // Wakes the thread that accepts.
        let _ = TcpStream::connect(self.url.trim_start_matches("http://"));
    }
}

fn serve(mut client: TcpStream, upstream: &str, answers: &BTreeMap<&str, Answer>) -> io::Result<()> {
    client.set_nodelay(true)?;
    while let Some(request) = message(&mut client)? {
        let answer = forward(upstream, &request)?;
        let (head, body) = halves(&request);
        let head = head.to_lowercase();
        let target = head.lines().find_map(|line| line.strip_prefix("x-amz-target:"));
        let operation = target.and_then(|target| target.trim().rsplit('.').next());
        let other = answers
            .iter()
            .find(|(name, _)| operation == Some(&*name.to_lowercase()));
        let Some((_, other)) = other else {
            client.write_all(&answer)?;
            continue;
        };
        let parse = |text: &str| serde_json::from_str(text).unwrap_or(Value::Null);
        let (status, kind, text) = match other(&parse(&body), parse(&halves(&answer).1)) {
            Reply::Json(value) => (200, "application/x-amz-json-1.1", value.to_string()),
            Reply::Page(status) => (status, "text/html", "<html><h1>no</h1></html>".to_owned()),
        };
        let length = text.len();
        write!(
            client,
            "HTTP/1.1 {status} No\r\nContent-Type: {kind}\r\nContent-Length: {length}\r\n\r\n{text}"
        )?;
    }
    Ok(())
}

fn halves(message: &[u8]) -> (String, String) {
    let text = String::from_utf8_lossy(message).into_owned();
    let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
    (head.to_owned(), body.to_owned())
}

const SETS: &str = r#"
permission_set "one" {
  inline_policy = jsonencode({ Version = "2012-10-17", Statement = [{ Effect = "Allow", Action = "s3:Get*", Resource = "*" }] })
}
permission_set "two" {}
"#;

/// A served stack that was applied.
fn applied(stack: &str) -> (crate::common::Sandbox, Server) {
    let (sandbox, server) = served(stack, &QUICK);
    expect(&sandbox, &server.url, &["apply", "--auto-approve"], 0);
    (sandbox, server)
}

#[test]
fn a_list_whose_page_is_named_twice_is_no_list() {
    let (sandbox, server) = applied(UNITS);
    let again: Answer = |_, mut theirs| {
        theirs["NextToken"] = json!("again");
        Reply::Json(theirs)
    };
    for operation in ["ListPermissionSets", "ListUsers", "ListAccounts", "ListRoots"] {
        let gateway = Gateway::start(&server.url, &[(operation, again)]);
        let said = expect(&sandbox, &gateway.url, &["plan"], 1);
        assert!(said.contains(operation) && said.contains("has no end"), "{said}");
    }
}

#[test]
fn what_is_answered_for_one_set_and_not_for_another_is_held() {
    let (sandbox, server) = applied(SETS);
    // Only for the set that has no policy: that of the other is read.
    let some: Answer = |_, theirs| match theirs["InlinePolicy"].as_str() {
        Some("") | None => Reply::Page(500),
        Some(_) => Reply::Json(theirs),
    };
    let gateway = Gateway::start(&server.url, &[("GetInlinePolicyForPermissionSet", some)]);
    let said = expect(&sandbox, &gateway.url, &["plan"], 0);
    assert!(said.contains("held[") && said.contains("two"), "{said}");
    assert!(!said.contains("this server lacks"), "{said}");
}

#[test]
fn what_a_server_never_has_is_none_with_one_note() {
    let (sandbox, server) = applied("permission_set \"one\" {}\npermission_set \"two\" {}\n");
    for status in [404, 500, 501] {
        let never: Answer = match status {
            404 => |_, _| Reply::Page(404),
            500 => |_, _| Reply::Page(500),
            _ => |_, _| Reply::Page(501),
        };
        let gateway = Gateway::start(&server.url, &[("GetInlinePolicyForPermissionSet", never)]);
        let said = expect(&sandbox, &gateway.url, &["plan", "--detailed-exitcode"], 0);
        let notes = said.matches("lacks GetInlinePolicyForPermissionSet").count();
        assert_eq!(notes, 1, "{status}: {said}");
    }
}

const UNITS: &str = r#"
organizational_unit "workloads" { create = true }
organizational_unit "odd" {
  parent = organizational_unit.workloads
  create = true
}
account "a" {
  id     = "111100000001"
  manage = true
  ou     = organizational_unit.odd
}
account "b" {
  id     = "111100000002"
  manage = true
  ou     = organizational_unit.workloads
}
group "ops" { display_name = "Ops" }
permission_set "view" {}
assignment "look" {
  principals      = [group.ops]
  permission_sets = [permission_set.view]
  accounts        = organizational_unit.workloads.accounts
}
"#;

/// The unit gets a name that the service gives to none, and that no path can have.
fn renamed(theirs: Value) -> Value {
    let text = theirs.to_string().replace("\"Name\":\"odd\"", "\"Name\":\"\"");
    serde_json::from_str(&text).unwrap()
}

#[test]
fn accounts_in_a_unit_whose_name_is_no_path_are_held() {
    let (sandbox, server) = applied(UNITS);
    // What the block of the unit would want is another matter.
    let stack = UNITS.replace("  ou     = organizational_unit.odd\n", "").replace(
        "organizational_unit \"odd\" {\n  parent = organizational_unit.workloads\n  create = true\n}\n",
        "",
    );
    sandbox.write("main.hcl", &stack);
    let units: Answer = |_, theirs| Reply::Json(renamed(theirs));
    let unplaced: Answer = |_, mut theirs| {
        for account in theirs["Accounts"].as_array_mut().unwrap() {
            account.as_object_mut().unwrap().remove("Paths");
        }
        Reply::Json(theirs)
    };
    let named = ("ListOrganizationalUnitsForParent", units);
    for answers in [vec![named], vec![named, ("ListAccounts", unplaced)]] {
        let gateway = Gateway::start(&server.url, &answers);
        let said = expect(&sandbox, &gateway.url, &["plan"], 0);
        assert!(said.contains("held["), "{said}");
        assert!(!said.contains("- Ops → view"), "{said}");
    }
}

#[test]
fn tags_that_a_server_does_not_tell_are_those_that_were_given() {
    let (sandbox, server) = served(ACCESS, &QUICK);
    let gateway = Gateway::start(&server.url, &[("ListTagsForResource", |_, _| Reply::Page(500))]);
    let planned = |code: i32| {
        let said = expect(&sandbox, &gateway.url, &["plan", "--detailed-exitcode"], code);
        assert_eq!(said.matches("lacks ListTagsForResource").count(), 1, "{said}");
        assert!(!said.contains("outside"), "{said}");
    };
    expect(&sandbox, &gateway.url, &["apply", "--auto-approve"], 0);
    planned(0);
    expect(&sandbox, &gateway.url, &["drift"], 0);
    // A change is sent once.
    let changed = ACCESS.replace("owner = \"platform\"", "owner = \"security\", cost = \"4711\"");
    sandbox.write("main.hcl", &changed);
    planned(2);
    expect(&sandbox, &gateway.url, &["apply", "--auto-approve"], 0);
    planned(0);
    let calls = server.call("SWBExternalService.ListInstances", &json!({}));
    let instance = &calls["Instances"][0]["InstanceArn"];
    let sets = server.call(
        "SWBExternalService.ListPermissionSets",
        &json!({ "InstanceArn": instance }),
    );
    let tags = server.call(
        "SWBExternalService.ListTagsForResource",
        &json!({ "InstanceArn": instance, "ResourceArn": sets["PermissionSets"][0] }),
    );
    let tag = |key: &str, value: &str| json!({ "Key": key, "Value": value });
    assert_eq!(
        tags["Tags"],
        json!([tag("cost", "4711"), tag("owner", "security")])
    );
    // A stack that does not know the set sends the tags that it declares, once.
    let other = crate::common::Sandbox::new();
    other.write(
        "main.hcl",
        &format!(
            "provider \"aws\" {{\n  rate = 1000\n}}\n{}",
            changed.replace("4711", "4712")
        ),
    );
    let said = expect(&other, &gateway.url, &["plan"], 0);
    assert!(said.contains("4712") && said.contains("taken-over"), "{said}");
    expect(&other, &gateway.url, &["apply", "--auto-approve"], 0);
    let tags = server.call(
        "SWBExternalService.ListTagsForResource",
        &json!({ "InstanceArn": instance, "ResourceArn": sets["PermissionSets"][0] }),
    );
    assert_eq!(
        tags["Tags"],
        json!([tag("cost", "4712"), tag("owner", "security")])
    );
    let said = expect(&other, &gateway.url, &["plan", "--detailed-exitcode"], 0);
    assert!(!said.contains("4712"), "{said}");
}

const ACCESS: &str = r#"
account "one" { id = "111100000001" }
account "two" { id = "111100000002" }

user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}

permission_set "view" {
  tags = { owner = "platform" }
}

assignment "view" {
  principals      = [user.ada]
  permission_sets = [permission_set.view]
  accounts        = [account.one, account.two]
}
"#;

#[test]
fn assignments_that_a_server_does_not_list_are_asked_for_and_taken_away() {
    let (sandbox, server) = served(ACCESS, &QUICK);
    let nowhere = |_: &Value, _| Reply::Json(json!({ "AccountIds": [], "PermissionSets": [] }));
    let gateway = Gateway::start(
        &server.url,
        &[
            ("ListAccountsForProvisionedPermissionSet", nowhere),
            ("ListPermissionSetsProvisionedToAccount", nowhere),
        ],
    );
    expect(&sandbox, &gateway.url, &["apply", "--auto-approve"], 0);
    let said = expect(&sandbox, &gateway.url, &["plan", "--detailed-exitcode"], 0);
    assert!(said.contains("does not list every account"), "{said}");
    // What is really gone is seen to be.
    let instances = server.call("SWBExternalService.ListInstances", &json!({}));
    let instance = &instances["Instances"][0]["InstanceArn"];
    let sets = server.call(
        "SWBExternalService.ListPermissionSets",
        &json!({ "InstanceArn": instance }),
    );
    let there = |account: &str| {
        let pair = json!({
            "InstanceArn": instance, "PermissionSetArn": sets["PermissionSets"][0], "AccountId": account,
        });
        let found = server.call("SWBExternalService.ListAccountAssignments", &pair);
        found["AccountAssignments"].as_array().unwrap().clone()
    };
    let ada = &there("111100000001")[0]["PrincipalId"];
    server.call(
        "SWBExternalService.DeleteAccountAssignment",
        &json!({
            "InstanceArn": instance, "PermissionSetArn": sets["PermissionSets"][0], "TargetId": "111100000001",
            "TargetType": "AWS_ACCOUNT", "PrincipalType": "USER", "PrincipalId": ada,
        }),
    );
    // The service takes its time, as it does.
    let is_gone = (0..100).any(|_| {
        thread::sleep(std::time::Duration::from_millis(100));
        there("111100000001").is_empty()
    });
    assert!(is_gone);
    expect(&sandbox, &gateway.url, &["plan", "--detailed-exitcode"], 2);
    assert_eq!(there("111100000002").len(), 1);
    expect(&sandbox, &gateway.url, &["destroy", "--auto-approve"], 0);
    assert_eq!(
        server.call(
            "SWBExternalService.ListPermissionSets",
            &json!({ "InstanceArn": instance })
        )["PermissionSets"],
        json!([])
    );
}

#[test]
fn an_import_takes_nothing_to_be_none_because_of_a_page() {
    let (_world, server) = applied(ACCESS);
    for operation in ["GetPermissionsBoundaryForPermissionSet", "ListTagsForResource"] {
        let gateway = Gateway::start(&server.url, &[(operation, |_, _| Reply::Page(500))]);
        let stranger = crate::common::Sandbox::new();
        stranger.write("main.hcl", "provider \"aws\" {\n  rate = 1000\n}\n");
        let said = expect(&stranger, &gateway.url, &["import", "--out", "access"], 0);
        assert!(said.contains("answered with an HTML page"), "{said}");
        let sets = stranger.read("access/permission_sets.hcl");
        assert!(
            sets.contains("data \"permission_set\" \"view\""),
            "{operation}: {sets}"
        );
        assert!(
            !sets.contains("\npermission_set") && !sets.starts_with("permission_set"),
            "{sets}"
        );
        drop(gateway);
        // What such a set says was not read, and who has it was: the next plan finds nothing new.
        let plan = ["-C", "access", "plan", "--detailed-exitcode"];
        let said = expect(&stranger, &server.url, &plan, 0);
        assert!(
            said.contains("No changes. 2 assignments are as declared."),
            "{operation}: {said}"
        );
    }
}

const PEOPLE: &str = r#"
account "one" { id = "111100000001" }

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

assignment "view" {
  principals      = [group.ops]
  permission_sets = [permission_set.view]
  accounts        = [account.one]
}
"#;

#[test]
fn an_assignment_to_somebody_of_an_unknown_kind_holds_its_account_and_set() {
    let (sandbox, server) = applied(PEOPLE);
    let robot: Answer = |_, mut theirs| {
        let assignments = theirs["AccountAssignments"].as_array_mut().unwrap();
        let mut robot = assignments[0].clone();
        robot["PrincipalType"] = json!("ROBOT");
        robot["PrincipalId"] = json!("r-1");
        assignments.push(robot);
        Reply::Json(theirs)
    };
    let gateway = Gateway::start(&server.url, &[("ListAccountAssignments", robot)]);
    let said = expect(&sandbox, &gateway.url, &["drift"], 0);
    assert!(said.contains("No drift in what could be read."), "{said}");
    assert!(said.contains("r-1 (ROBOT)"), "{said}");
    // What is known there is not forgotten.
    assert!(!said.contains("missing"), "{said}");
}

#[test]
fn a_member_of_an_unknown_kind_makes_the_members_unknown() {
    let (sandbox, server) = applied(PEOPLE);
    let robot: Answer = |_, mut theirs| {
        theirs["GroupMemberships"][0]["MemberId"] = json!({ "RobotId": "r-1" });
        Reply::Json(theirs)
    };
    let gateway = Gateway::start(&server.url, &[("ListGroupMemberships", robot)]);
    let said = expect(&sandbox, &gateway.url, &["plan", "--detailed-exitcode"], 0);
    assert!(
        said.contains("held[held-members]") && said.contains("no user"),
        "{said}"
    );
}

#[test]
fn an_account_in_an_unknown_state_is_held() {
    let (sandbox, server) = applied(PEOPLE);
    // Nobody shall have the set any more.
    sandbox.write("main.hcl", PEOPLE.split_once("assignment").unwrap().0);
    for field in ["State", "Status"] {
        let frozen: Answer = match field {
            "State" => |_, theirs| Reply::Json(frozen(theirs, "State")),
            _ => |_, theirs| Reply::Json(frozen(theirs, "Status")),
        };
        let gateway = Gateway::start(
            &server.url,
            &[("ListAccounts", frozen), ("ListAccountsForParent", frozen)],
        );
        let said = expect(&sandbox, &gateway.url, &["plan"], 0);
        assert!(said.contains("held[held-account]"), "{said}");
        assert!(said.contains(&format!("its {field} is FROZEN")), "{said}");
        assert!(!said.contains("- Ops → view"), "{said}");
    }
}

/// The account of the stack is in a state that is none, where servers say it in this field alone.
fn frozen(mut theirs: Value, field: &str) -> Value {
    for account in theirs["Accounts"].as_array_mut().unwrap() {
        if account["Id"] == "111100000001" {
            let account = account.as_object_mut().unwrap();
            account.remove("State");
            account.insert(field.to_owned(), json!("FROZEN"));
        }
    }
    theirs
}

#[test]
fn an_answer_that_came_whole_and_cannot_be_read_is_said_to_be_one_and_its_set_is_held() {
    let (sandbox, server) = applied(SETS);
    // As moto answers for a set that was made without a duration.
    let number: Answer = |_, mut theirs| {
        if theirs["PermissionSet"]["Name"] == "one" {
            theirs["PermissionSet"]["SessionDuration"] = json!(3600);
        }
        Reply::Json(theirs)
    };
    let gateway = Gateway::start(&server.url, &[("DescribePermissionSet", number)]);
    let changed = SETS.replace(
        "permission_set \"two\" {}",
        "permission_set \"two\" { description = \"2\" }",
    );
    sandbox.write("main.hcl", &changed);
    let said = expect(&sandbox, &gateway.url, &["plan"], 0);
    assert!(
        said.contains("held[held-entity]") && said.contains("permission set one"),
        "{said}"
    );
    assert!(
        said.contains("not of the form") && !said.contains("HTML"),
        "{said}"
    );
    // The other is read, and changed.
    assert!(said.contains("~ two"), "{said}");
    expect(&sandbox, &gateway.url, &["apply", "--auto-approve"], 0);
    expect(&sandbox, &server.url, &["plan", "--detailed-exitcode"], 0);
}

#[test]
fn what_cannot_be_asked_for_one_by_one_is_listed_before_a_run() {
    let operations = [
        "DescribeAccount",
        "DescribeGroup",
        "DescribeUser",
        "GetGroupId",
        "GetUserId",
    ];
    let denied = [
        "organizations:DescribeAccount",
        "identitystore:DescribeGroup",
        "identitystore:DescribeUser",
        "identitystore:GetGroupId",
        "identitystore:GetUserId",
        "sso:ListAccountAssignmentsForPrincipal",
    ];
    let deny = denied.iter().flat_map(|action| ["--deny", *action]);
    let args: Vec<&str> = QUICK.into_iter().chain(deny).collect();
    let (sandbox, server) = served(PEOPLE, &args);
    expect(&sandbox, &server.url, &["apply", "--auto-approve"], 0);
    expect(&sandbox, &server.url, &["plan", "--detailed-exitcode"], 0);
    // A server that lacks them.
    let (sandbox, server) = served(PEOPLE, &QUICK);
    let never: Answer = |_, _| Reply::Page(500);
    let gateway = Gateway::start(&server.url, &operations.map(|operation| (operation, never)));
    expect(&sandbox, &gateway.url, &["apply", "--auto-approve"], 0);
    expect(&sandbox, &gateway.url, &["plan", "--detailed-exitcode"], 0);
}

#[test]
fn a_page_that_refuses_a_change_is_somebody_elses() {
    let (sandbox, server) = served(PEOPLE, &QUICK);
    let gateway = Gateway::start(&server.url, &[("CreateGroup", |_, _| Reply::Page(403))]);
    let said = expect(&sandbox, &gateway.url, &["apply", "--auto-approve"], 4);
    assert!(
        said.contains("a proxy or a gateway") && said.contains("HTTP 403"),
        "{said}"
    );
    assert!(!said.contains("change the configuration"), "{said}");
}
