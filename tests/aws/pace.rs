//! How many calls a reading takes, and how long an apply takes under the service's quotas.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::server::{Server, stack_and_world, world_of};
use super::{expect, run_as};
use crate::common::{Sandbox, golden, repository};

/// So many accounts, sets and groups, and every group may use every set everywhere.
#[derive(Clone, Copy)]
struct Size {
    accounts: usize,
    sets: usize,
    groups: usize,
}

impl Size {
    fn stack(self) -> String {
        let Size {
            accounts,
            sets,
            groups,
        } = self;
        format!(
            r#"
account "each" {{
  for_each = {{ for n in range({accounts}) : "a${{n}}" => format("3333%08d", n) }}
  name     = each.key
  id       = each.value
}}

user "ada" {{
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}}

group "each" {{
  for_each     = {{ for n in range({groups}) : "g${{n}}" => n }}
  display_name = each.key
  members      = [user.ada]
}}

permission_set "each" {{
  for_each = {{ for n in range({sets}) : "s${{n}}" => n }}
  name     = each.key
}}

assignment "all" {{
  principals      = [for g in group.each : g]
  permission_sets = [for s in permission_set.each : s]
  accounts        = [for a in account.each : a]
}}
"#
        )
    }

    fn grants(self) -> usize {
        self.accounts * self.sets * self.groups
    }

    /// The fewest calls that read all of it, by operation. The management account is there as well.
    fn fewest(self, by_principal: bool) -> BTreeMap<&'static str, u64> {
        let pages = |items: usize, page: usize| items.div_ceil(page).max(1);
        let pairs = self.accounts * self.sets;
        let assignments = match by_principal {
            false => ("ListAccountAssignments", pairs * pages(self.groups, 100)),
            // A user's list has what comes through groups too, which here is everything.
            true => (
                "ListAccountAssignmentsForPrincipal",
                self.groups * pages(pairs, 100) + pages(pairs * self.groups, 100),
            ),
        };
        let counted = [
            ("ListInstances", 1),
            ("GetCallerIdentity", 1),
            ("DescribeOrganization", 1),
            ("ListRoots", 1),
            ("ListOrganizationalUnitsForParent", 1),
            ("ListAccountsForParent", pages(self.accounts + 1, 20)),
            ("ListUsers", 1),
            ("ListGroups", pages(self.groups, 100)),
            ("ListGroupMemberships", self.groups),
            ("ListPermissionSets", pages(self.sets, 100)),
            ("DescribePermissionSet", self.sets),
            ("GetInlinePolicyForPermissionSet", self.sets),
            ("ListManagedPoliciesInPermissionSet", self.sets),
            ("ListCustomerManagedPolicyReferencesInPermissionSet", self.sets),
            ("GetPermissionsBoundaryForPermissionSet", self.sets),
            ("ListTagsForResource", self.sets),
            // Where each set is, and where it is out of date.
            (
                "ListAccountsForProvisionedPermissionSet",
                self.sets * (pages(self.accounts, 100) + 1),
            ),
            ("ListAccountAssignmentCreationStatus", 1),
            ("ListAccountAssignmentDeletionStatus", 1),
            ("ListPermissionSetProvisioningStatus", 1),
            assignments,
        ];
        counted
            .into_iter()
            .map(|(name, count)| (name, count as u64))
            .collect()
    }
}

/// A stack that the embedded simulator has applied, about to be looked at on the wire.
fn applied(size: Size, settings: &str) -> Sandbox {
    let sandbox = stack_and_world(&[("main.hcl", &size.stack())], settings);
    let aws = sandbox.read("provider.hcl");
    sandbox.write(
        "provider.hcl",
        "provider \"simulator\" {\n  world = \"../service\"\n}\n",
    );
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.write("provider.hcl", &aws);
    sandbox
}

/// Plans, and returns the calls of the reading by operation.
fn calls_of_a_plan(sandbox: &Sandbox, url: &str) -> BTreeMap<String, u64> {
    expect(
        sandbox,
        url,
        &["plan", "--detailed-exitcode", "--dump-input", "input.json"],
        0,
    );
    let input: Value = serde_json::from_str(&sandbox.read("input.json")).unwrap();
    serde_json::from_value(input["observed"]["calls"].clone()).unwrap()
}

#[test]
fn a_plan_reads_in_as_few_calls_as_the_api_allows() {
    let small = Size {
        accounts: 50,
        sets: 12,
        groups: 5,
    };
    let large = Size {
        accounts: 250,
        sets: 40,
        groups: 10,
    };
    let mut ways = vec![
        (small, "rate = 100000\n  read_by = \"pairs\"", false),
        (small, "rate = 100000", true),
    ];
    // A hundred thousand assignments take the simulator minutes to make in a debug build.
    let full = std::env::var_os("ROLECALL_TEST_FULL").is_some();
    if full {
        ways.push((large, "rate = 100000", true));
    }
    let mut report = String::new();
    for (size, settings, by_principal) in ways {
        let sandbox = applied(size, settings);
        let server = Server::start(&world_of(&sandbox), &["--clock", "fast", "--quotas", "off"]);
        let calls = calls_of_a_plan(&sandbox, &server.url);
        let fewest = size.fewest(by_principal);
        let total: u64 = calls.values().sum();
        let least: u64 = fewest.values().sum();
        let way = if by_principal {
            "user and group"
        } else {
            "account and set"
        };
        let (grants, minutes) = (size.grants(), least as f64 / 20.0 / 60.0);
        report.push_str(&format!(
            "{grants} assignments, read by {way}: {total} calls, fewest {least}; {minutes:.1} min at 20 calls a second\n"
        ));
        for (name, count) in &calls {
            report.push_str(&format!("  {count:>6}  {name}\n"));
        }
        let calls: BTreeMap<&str, u64> = calls
            .iter()
            .map(|(name, count)| (name.as_str(), *count))
            .collect();
        assert_eq!(calls, fewest, "{report}");
    }
    let name = if full { "calls-full.txt" } else { "calls.txt" };
    golden(&repository().join("tests/aws").join(name), &report);
}

/// The times of a run, from its events.
fn seconds_of(events: &str) -> f64 {
    let mut times: Vec<Timestamp> = Vec::new();
    for line in events.lines() {
        let event: Value = serde_json::from_str(line).unwrap();
        times.extend(event["at"].as_str().and_then(|at| at.parse::<Timestamp>().ok()));
    }
    let (first, last) = (times.first().unwrap(), times.last().unwrap());
    last.duration_since(*first).as_secs_f64()
}

/// Hands everything from one group to another: as many assignments made as taken away. Returns the seconds it took on
/// the service's clock, which runs `speed` times as fast as this machine's.
fn hand_over(size: Size, speed: &str) -> f64 {
    let sandbox = applied(size, "rate = 20");
    let more = [("ROLECALL_TEST_SPEED", speed)];
    let server = Server::start_with(&world_of(&sandbox), &["--clock", "real", "--quotas", "on"], &more);
    let text = size.stack().replace(
        "principals      = [for g in group.each : g]",
        "principals      = [user.ada]",
    );
    sandbox.write("main.hcl", &text);
    let args = ["apply", "--auto-approve", "--json", "--max-removals", "1000"];
    let output = run_as(&sandbox, &server.url, "AKIAIOSFODNN7EXAMPLE", &more, &args);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    assert!(!output.stdout.contains("Throttling"), "{}", output.stdout);
    seconds_of(&output.stdout)
}

#[test]
fn an_apply_runs_at_the_services_quota() {
    // All of it takes four minutes of the service's time, too many to be hurried through on a busy machine.
    let full = std::env::var_os("ROLECALL_TEST_FULL").is_some();
    let (accounts, sets, speed, slack) = if full {
        (60, 10, "1", 1.05)
    } else {
        (30, 3, "2", 1.35)
    };
    let size = Size {
        accounts,
        sets,
        groups: 1,
    };
    let took = hand_over(size, speed);
    // Three seconds each on average, fifteen at a time.
    let changes = (2 * size.grants()) as f64;
    let least = f64::max(changes / 20.0, changes * 3.0 / 15.0);
    println!("{changes} changes: {took:.1} s on the service's clock, at least {least:.1} s");
    assert!(took <= least * slack, "{took:.1} s, and {least:.1} s would do");
}
