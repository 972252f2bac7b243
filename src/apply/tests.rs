//! Runs against the simulator: from an empty instance to what is declared, and on from there.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use super::event::{Event, EventSink};
use super::{ApplyResult, RunOptions, apply};
use crate::model::record::Recorded;
use crate::plan::input::PlanInput;
use crate::plan::scene::{Scene, account, principal, set};
use crate::plan::{Plan, check::check};
use crate::provider::simulator::{Options, Simulator};
use crate::provider::{Provider, ReadRequest, TakenToExist};
use crate::state::entry::{Author, RunEnd};
use crate::state::memory::MemoryStore;
use crate::state::{LockInfo, LockRequest, StateStore};

#[derive(Default)]
struct Log(RefCell<Vec<Event>>);

impl EventSink for Log {
    fn event(&mut self, event: &Event) {
        self.0.borrow_mut().push(event.clone());
    }
}

struct Bench {
    simulator: Simulator,
    store: MemoryStore,
}

impl Bench {
    fn new() -> Self {
        let simulator = Simulator::open(&Options::default()).unwrap();
        Bench {
            simulator,
            store: MemoryStore::new(),
        }
    }

    fn input(&mut self, scene: &Scene) -> PlanInput {
        let mut input = scene.build();
        let accounts = input.desired.snapshot.accounts.values();
        let taken_to_exist = accounts
            .map(|account| TakenToExist::Account(account.value.clone()))
            .collect();
        input.observed = self
            .simulator
            .read(&ReadRequest {
                taken_to_exist,
                ..ReadRequest::default()
            })
            .unwrap();
        input.recorded = self.store.load().unwrap();
        input.now = input.observed.at;
        input
    }

    fn plan(&mut self, scene: &Scene) -> (PlanInput, Plan) {
        let input = self.input(scene);
        let plan = crate::plan::plan(&input);
        assert_eq!(
            check(&plan, &input),
            [],
            "the checker accepts what the planner made"
        );
        (input, plan)
    }

    fn apply(&mut self, scene: &Scene) -> (Plan, ApplyResult, Vec<Event>) {
        let (input, plan) = self.plan(scene);
        let now = input.now;
        let info = LockInfo {
            id: "lock".into(),
            owner: "me@here".into(),
            host: "here".into(),
            pid: 1,
            command: "apply".into(),
            since: now,
        };
        self.store
            .lock(&LockRequest {
                info,
                timeout: Duration::ZERO,
            })
            .unwrap();
        let mut log = Log::default();
        let options = RunOptions {
            run: "run".into(),
            by: Author {
                at: now,
                actor: "me@here".into(),
            },
            command: "apply".into(),
            reason: None,
            revision: None,
            new_lineage: "lineage".into(),
        };
        let result = apply(
            &plan,
            &input,
            &self.simulator,
            &mut self.store,
            &mut log,
            &|| false,
            &options,
        )
        .unwrap();
        (plan, result, log.0.into_inner())
    }
}

fn stack() -> Scene {
    Scene::new()
        .account(1)
        .account(2)
        .group("ops", &["ada", "bob"])
        .group("dev", &["bob", "eve"])
        .set("view")
        .set("admin")
        .assign("look", &["ops", "dev"], &["view"], &[1, 2])
        .assign("rule", &["ops", "@eve"], &["admin"], &[1])
}

#[test]
fn a_first_apply_makes_what_is_declared_and_a_second_has_nothing_to_do() {
    let mut bench = Bench::new();
    let (plan, result, events) = bench.apply(&stack());
    assert_eq!(result.failures, []);
    assert_eq!(result.end, RunEnd::Complete);
    assert_eq!(plan.grants.len(), 6);
    let started = events
        .iter()
        .filter(|event| matches!(event, Event::StepStarted { .. }))
        .count();
    // 3 users, 2 groups, 4 memberships, 2 sets, 6 grants.
    assert_eq!(started, 17);
    let (input, again) = bench.plan(&stack());
    assert!(
        again.is_empty(),
        "{:?} {:?} {:?}",
        again.actions,
        again.grants,
        again.records
    );
    assert_eq!(input.recorded.applied.access.len(), 6);
    assert_eq!(input.recorded.unfinished, None);
    assert_eq!(
        input.recorded.seen.map(|seen| seen.snapshot.access.len()),
        Some(6)
    );
}

#[test]
fn changes_are_made_in_place_and_roles_follow() {
    let mut bench = Bench::new();
    bench.apply(&stack());
    let changed = stack().change_set("view", |set| set.description = Some("look".into()));
    let (plan, result, _) = bench.apply(&changed);
    assert_eq!(result.end, RunEnd::Complete, "{:?}", result.failures);
    assert_eq!(plan.roles.updated.len(), 2);
    let (_, again) = bench.plan(&changed);
    assert!(again.is_empty(), "{:?}", again.actions);
}

#[test]
fn what_is_no_longer_declared_goes() {
    let mut bench = Bench::new();
    bench.apply(&stack());
    let less = Scene::new()
        .account(1)
        .account(2)
        .group("ops", &["ada", "bob"])
        .set("view")
        .assign("look", &["ops"], &["view"], &[1]);
    let (plan, result, _) = bench.apply(&less);
    assert_eq!(result.end, RunEnd::Complete, "{:?}", result.failures);
    assert_eq!(plan.revokes.len(), 5);
    let (input, again) = bench.plan(&less);
    assert!(again.is_empty(), "{:?}", again.actions);
    let snapshot = &input.observed.snapshot;
    assert_eq!(
        snapshot.permission_sets.keys().collect::<Vec<_>>(),
        [&set("view")]
    );
    let names = &snapshot.access.names;
    let left = names.tuple(&account(1), &set("view"), &principal("ops")).unwrap();
    assert_eq!(snapshot.access.tuples, [left]);
}

#[test]
fn a_failed_step_blocks_only_what_depends_on_it() {
    let mut bench = Bench::new();
    // The service takes 20 policies a set at most.
    let broken = stack().change_set("admin", |set| {
        set.managed_policies = (0..25)
            .map(|n| Arc::from(format!("arn:aws:iam::aws:policy/Policy{n}")))
            .collect();
    });
    let input = bench.input(&broken);
    let planned = crate::plan::plan(&input);
    if planned.is_refused() {
        // Preflight knows the quota; nothing is left for apply to find out.
        return;
    }
    let (_, result, _) = bench.apply(&broken);
    assert_eq!(result.end, RunEnd::Partial);
    assert_eq!(result.failures.len(), 1);
    assert_eq!(result.counts.blocked, 2);
    assert_eq!(result.recorded.applied.access.len(), 4);
}

#[test]
fn a_state_survives_being_loaded_again() {
    let mut bench = Bench::new();
    let (_, result, _) = bench.apply(&stack());
    let loaded: Recorded = bench.store.load().unwrap();
    assert_eq!(loaded, result.recorded);
}
