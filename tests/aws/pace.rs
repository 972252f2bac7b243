//! How many calls a reading takes, and how long an apply takes under the service's quotas.

use std::collections::BTreeMap;
use std::path::Path;

use jiff::Timestamp;
use rolecall::provider::simulator::world::World;
use rolecall::provider::simulator::world::call::CallEntry;
use rolecall::provider::simulator::world::clock::Time;
use rolecall::provider::simulator::world::error::ErrorCode;
use rolecall::provider::simulator::world::request::RequestKind;
use rolecall::provider::simulator::{Options, Simulator};
use serde_json::Value;

use super::server::{Server, stack_and_world, world_of};
use super::{QUICK, run_as};
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
    applied_as(&size.stack(), settings)
}

/// As [`applied`], whatever the stack.
fn applied_as(text: &str, settings: &str) -> Sandbox {
    let sandbox = stack_and_world(&[("main.hcl", text)], settings);
    let aws = sandbox.read("provider.hcl");
    sandbox.write(
        "provider.hcl",
        "provider \"simulator\" {\n  world = \"../service\"\n}\n",
    );
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.write("provider.hcl", &aws);
    sandbox
}

/// As [`calls_of_a_plan`], of a service whose quotas hold: none is throttled, and they leave at its rate.
fn calls_under_the_quotas(sandbox: &Sandbox) -> BTreeMap<String, u64> {
    let before = in_world(&world_of(sandbox), |world| world.calls().total());
    let calls = calls_of_a_plan(sandbox, &["--clock", "real", "--quotas", "on"], "1");
    let (times, throttled) = in_world(&world_of(sandbox), |world| {
        let ours = world.calls().entries().filter(|call| call.sequence > before);
        let ours: Vec<&CallEntry> = ours.collect();
        let throttled = ours.iter().filter(|call| is_throttled(call)).count();
        let times: Vec<f64> = ours.iter().map(|call| seconds(call.at)).collect();
        (times, throttled)
    });
    let (took, least) = (times[times.len() - 1] - times[0], times.len() as f64 / RATE);
    assert_eq!(throttled, 0);
    assert!(took <= least * 1.05, "{took:.1} s, and {least:.1} s would do");
    calls
}

/// Plans, and returns the calls of the reading by operation.
fn calls_of_a_plan(sandbox: &Sandbox, args: &[&str], speed: &str) -> BTreeMap<String, u64> {
    let more = [("ROLECALL_TEST_SPEED", speed)];
    let server = Server::start_with(&world_of(sandbox), args, &more);
    let args = ["plan", "--detailed-exitcode", "--dump-input", "input.json"];
    let output = run_as(sandbox, &server.url, "AKIAIOSFODNN7EXAMPLE", &more, &args);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
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
        ways.push((large, "rate = 20", true));
    }
    let mut report = String::new();
    for (size, settings, by_principal) in ways {
        let sandbox = applied(size, settings);
        let is_paced = settings == "rate = 20";
        let calls = match is_paced {
            true => calls_under_the_quotas(&sandbox),
            false => calls_of_a_plan(&sandbox, &QUICK, "1"),
        };
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

/// How long a run took, from its events: what is read again before it begins does not count, what is read afterwards
/// does.
fn seconds_of(events: &str) -> f64 {
    let events: Vec<Value> = events
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let at = |name: &str| {
        let event = events.iter().find(|event| event["event"] == name).unwrap();
        event["at"].as_str().unwrap().parse::<Timestamp>().unwrap()
    };
    at("run_finished").duration_since(at("run_started")).as_secs_f64()
}

/// What an apply asked of the service, by the service's own books, and the seconds it took by the service's clock.
#[derive(Debug, Default)]
struct Run {
    took: f64,
    /// Calls from the first change on.
    calls: u64,
    throttled: u64,
    /// Requests that were asked for one by one.
    asked: u64,
    creations: Vec<Interval>,
    deletions: Vec<Interval>,
    /// Seconds of requests in the busiest account.
    chain: f64,
}

/// When the service worked on a request.
type Interval = (f64, f64);

/// The service's quotas: calls a second, and requests of a kind at once.
const RATE: f64 = 20.0;
const SLOTS: usize = 15;

impl Run {
    /// Of the world as a server left it; requests up to number `before` are older.
    fn of(world: &Path, before: u64, took: f64) -> Self {
        in_world(world, |world| {
            let mut run = Run {
                took,
                ..Run::default()
            };
            let mut chains: BTreeMap<String, f64> = BTreeMap::new();
            let mut first = f64::INFINITY;
            for request in world.requests().from(before + 1) {
                let interval = (seconds(request.created), seconds(request.due));
                let account = match request.kind {
                    RequestKind::Assign { account, .. } => {
                        run.creations.push(interval);
                        account
                    }
                    RequestKind::Unassign { account, .. } => {
                        run.deletions.push(interval);
                        account
                    }
                    _ => continue,
                };
                first = first.min(interval.0);
                *chains.entry(format!("{account:?}")).or_default() += interval.1 - interval.0;
            }
            run.chain = chains.into_values().fold(0.0, f64::max);
            let calls = world.calls().entries().filter(|call| seconds(call.at) >= first);
            for call in calls {
                run.calls += 1;
                run.throttled += u64::from(is_throttled(call));
                run.asked += u64::from(call.operation.name().starts_with("DescribeAccountAssignment"));
            }
            run
        })
    }

    fn changes(&self) -> usize {
        self.creations.len() + self.deletions.len()
    }

    /// No run that makes these changes can take less: for each a call that starts it, at the service's rate; the requests of a kind in its slots, for as long as the service took over these very ones; and
    /// those in one account after another.
    fn least(&self) -> f64 {
        let in_slots = |requests: &[Interval]| {
            let sum: f64 = requests.iter().map(|(from, to)| to - from).sum();
            sum / SLOTS as f64
        };
        let of_calls = self.changes() as f64 / RATE;
        let of_slots = in_slots(&self.creations).max(in_slots(&self.deletions));
        of_calls.max(of_slots).max(self.chain)
    }

    /// As [`Run::least`], with all the calls that were made: the looks for requests that have ended, and the reading
    /// afterwards.
    fn least_with_polls(&self) -> f64 {
        self.least().max(self.calls as f64 / RATE)
    }

    /// The most requests of a kind that the service worked on at once.
    fn most_at_once(requests: &[Interval]) -> usize {
        let at = |time: f64| {
            requests
                .iter()
                .filter(|(from, to)| *from <= time && time < *to)
                .count()
        };
        requests.iter().map(|(from, _)| at(*from)).max().unwrap_or(0)
    }

    fn told(&self) -> String {
        let sum = |requests: &[Interval]| requests.iter().fold(0.0, |sum, (from, to)| sum + to - from);
        let ends = self.creations.iter().chain(&self.deletions).map(|(_, to)| *to);
        let begins = self
            .creations
            .iter()
            .chain(&self.deletions)
            .map(|(from, _)| *from);
        let worked = ends.fold(0.0, f64::max) - begins.fold(f64::INFINITY, f64::min);
        let (least, polls, changes) = (self.least(), self.least_with_polls(), self.changes());
        format!(
            "{changes} changes in {:.1} s on the service's clock, {worked:.1} s of it from the first to the last; at \
             least {least:.1} s ({:.3} times that), with polls {polls:.1} s ({:.3}): {} calls, {:.1} s of creations, {:.1} s of deletions, {:.1} s in one \
             account; at most {} creations and {} deletions at once; {} calls throttled",
            self.took,
            self.took / least,
            self.took / polls,
            self.calls,
            sum(&self.creations),
            sum(&self.deletions),
            self.chain,
            Self::most_at_once(&self.creations),
            Self::most_at_once(&self.deletions),
            self.throttled,
        )
    }
}

/// The number of the last request that a world has had.
fn last_request(world: &Path) -> u64 {
    in_world(world, |world| {
        world.requests().from(0).map(|request| request.sequence).max()
    })
    .unwrap_or(0)
}

/// Looks into a world that no server has.
fn in_world<T>(directory: &Path, look: impl FnOnce(&mut World) -> T) -> T {
    let simulator = Simulator::open(&Options::at(directory)).unwrap();
    simulator.with_world(look).unwrap()
}

fn is_throttled(call: &CallEntry) -> bool {
    call.error == Some(ErrorCode::ThrottlingException)
}

fn seconds(time: Time) -> f64 {
    time.timestamp().as_millisecond() as f64 / 1e3
}

/// Applies `text` to the service, whose clock runs `speed` times as fast as this machine's, with its quotas on.
fn change(sandbox: &Sandbox, text: &str, speed: &str) -> Run {
    let more = [("ROLECALL_TEST_SPEED", speed)];
    let world = world_of(sandbox);
    let before = last_request(&world);
    let server = Server::start_with(&world, &["--clock", "real", "--quotas", "on"], &more);
    sandbox.write("main.hcl", text);
    let args = ["apply", "--auto-approve", "--json", "--max-removals", "1000"];
    let output = run_as(sandbox, &server.url, "AKIAIOSFODNN7EXAMPLE", &more, &args);
    drop(server);
    assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
    Run::of(&world, before, seconds_of(&output.stdout))
}

/// Everything goes from one group to another: 600 assignments made and as many taken away, which is what the public
/// figures about the service are about (1,200 in 61 minutes).
#[test]
fn an_apply_of_both_kinds_runs_at_the_services_rate() {
    let size = Size {
        accounts: 60,
        sets: 10,
        groups: 1,
    };
    let sandbox = applied(size, "rate = 20");
    let text = size.stack().replace(
        "principals      = [for g in group.each : g]",
        "principals      = [user.ada]",
    );
    let run = change(&sandbox, &text, "3");
    let told = run.told();
    println!("{told}");
    assert_eq!((run.creations.len(), run.deletions.len()), (600, 600));
    assert_eq!(run.throttled, 0, "{told}");
    // Calls are the limit here: a look is a call that starts no change.
    assert!(run.took <= run.least_with_polls() * 1.05, "{told}");
    // How requests ended is found out of several at once.
    assert!(
        run.asked * 4 <= run.changes() as u64,
        "{told}, {} asked for",
        run.asked
    );
}

/// 1,200 assignments made: the service's slots are the limit.
#[test]
fn an_apply_of_one_kind_keeps_the_services_slots_full() {
    // Four minutes of the service's time, too many to be hurried through on a busy machine.
    let full = std::env::var_os("ROLECALL_TEST_FULL").is_some();
    let (sets, speed, slack) = if full { (20, "1", 1.05) } else { (2, "2", 1.35) };
    let size = Size {
        accounts: 60,
        sets,
        groups: 1,
    };
    let text = size.stack();
    let (without, _) = text.split_once("assignment \"all\"").unwrap();
    let sandbox = applied_as(without, "rate = 20");
    let run = change(&sandbox, &text, speed);
    let told = run.told();
    println!("{told}");
    assert_eq!(run.creations.len(), size.grants());
    assert_eq!(run.throttled, 0, "{told}");
    assert!(run.took <= run.least() * slack, "{told}");
}
