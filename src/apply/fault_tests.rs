//! Runs that are killed, throttled, left without answers and stopped: they converge, and nothing is done twice.

use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::event::{Event, EventSink, Silent};
use super::{ApplyError, ApplyResult, RunOptions, apply, foresee, recover};
use crate::id::{AccountKey, GroupName};
use crate::model::access::Access;
use crate::model::record::Recorded;
use crate::model::snapshot::Snapshot;
use crate::plan::check::check;
use crate::plan::input::PlanInput;
use crate::plan::scene::{Scene, account, principal, set};
use crate::plan::{Plan, resume::resume_of};
use crate::provider::fault::{Faults, Faulty, Point};
use crate::provider::simulator::world::World;
use crate::provider::simulator::world::call::Effectful;
use crate::provider::simulator::{Options, Simulator};
use crate::provider::{Provider, ReadRequest, TakenToExist};
use crate::state::entry::{Author, RunEnd};
use crate::state::fault::Watched;
use crate::state::local::LocalStore;
use crate::state::memory::MemoryStore;
use crate::state::{LockInfo, LockRequest, StateStore};

fn before() -> Scene {
    Scene::new()
        .account(1)
        .account(2)
        .group("ops", &["ada", "bob"])
        .group("dev", &["bob", "eve"])
        .set("view")
        .set("old")
        .assign("look", &["ops", "dev"], &["view"], &[1, 2])
        .assign("gone", &["ops", "@eve"], &["old"], &[1])
}

/// Changes a set (which is provisioned), takes a set, a user, a membership and grants away, and makes others.
fn after() -> Scene {
    Scene::new()
        .account(1)
        .account(2)
        .group("ops", &["ada"])
        .group("dev", &["bob"])
        .set("view")
        .change_set("view", |set| set.description = Some("look around".into()))
        .set("admin")
        .change_set("admin", |set| {
            set.managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess".into()].into();
            set.inline_policy = Some(r#"{"Version":"2012-10-17","Statement":{}}"#.into());
        })
        .assign("look", &["ops", "dev"], &["view"], &[1])
        .assign("rule", &["ops"], &["admin"], &[1, 2])
}

pub(super) fn request(scene: &Scene) -> ReadRequest {
    let input = scene.build();
    let accounts = input.desired.snapshot.accounts.values();
    ReadRequest {
        taken_to_exist: accounts
            .map(|account| TakenToExist::Account(account.value.clone()))
            .collect(),
        ..ReadRequest::default()
    }
}

pub(super) fn lock(store: &mut dyn StateStore) {
    let info = LockInfo {
        id: "lock".into(),
        owner: "me@here".into(),
        host: "here".into(),
        pid: 1,
        command: "apply".into(),
        since: "2026-01-01T00:00:00Z".parse().unwrap(),
    };
    let timeout = Duration::ZERO;
    store.lock(&LockRequest { info, timeout }).unwrap();
}

pub(super) fn options() -> RunOptions {
    RunOptions {
        run: "run".into(),
        by: Author {
            at: "2026-01-01T00:00:00Z".parse().unwrap(),
            actor: "me@here".into(),
        },
        command: "apply".into(),
        reason: None,
        revision: None,
        new_lineage: "lineage".into(),
    }
}

/// What is recorded, with each grant's blocks next to it: the order of notes says nothing.
fn spelled_out(applied: &Snapshot) -> (Vec<String>, Snapshot) {
    let access = &applied.access;
    let grants = access.tuples.iter().enumerate().map(|(index, tuple)| {
        let note = access.note_at(index).unwrap();
        let blocks = note.declared_by.iter();
        let blocks: Vec<_> = blocks
            .map(|block| &access.declarations[*block as usize])
            .collect();
        format!("{:?} {} {blocks:?}", access.names.resolve(*tuple), note.owned)
    });
    let entities = Snapshot {
        access: Access::default(),
        ..applied.clone()
    };
    (grants.collect(), entities)
}

/// What a person does: take the lock, find out what the last run left, plan.
pub(super) fn prepare(
    scene: &Scene,
    provider: &dyn Provider,
    store: &mut dyn StateStore,
) -> (PlanInput, Plan) {
    let request = request(scene);
    lock(store);
    let recorded = store.load().unwrap();
    let last_run = store.last_run().unwrap();
    let foreseen = foresee(recorded.clone(), provider, &last_run, &request).unwrap();
    let doubts = recover(&recorded, provider, store, &request).unwrap();
    let mut input = scene.build();
    input.recorded = store.load().unwrap();
    assert_eq!(
        spelled_out(&foreseen.applied),
        spelled_out(&input.recorded.applied),
        "who only looks sees the same"
    );
    assert_eq!(foreseen.unfinished, input.recorded.unfinished);
    assert!(
        doubts.is_empty() || input.recorded.unfinished.as_ref().unwrap().in_doubt.is_empty(),
        "nothing is in doubt any more"
    );
    input.observed = provider.read(&request).unwrap();
    input.now = input.observed.at;
    let plan = crate::plan::plan(&input);
    assert_eq!(check(&plan, &input), []);
    (input, plan)
}

pub(super) fn try_run(
    scene: &Scene,
    provider: &dyn Provider,
    store: &mut dyn StateStore,
    stop: &dyn Fn() -> bool,
) -> Result<ApplyResult, ApplyError> {
    let (input, plan) = prepare(scene, provider, store);
    apply(&plan, &input, provider, store, &mut Silent, stop, &options())
}

pub(super) fn run(scene: &Scene, provider: &dyn Provider, store: &mut dyn StateStore) -> ApplyResult {
    try_run(scene, provider, store, &|| false).unwrap()
}

/// The calls that changed something, in order of their text.
pub(super) fn effects(simulator: &Simulator) -> Vec<String> {
    let text = |world: &mut World| {
        let entries = world.calls().entries();
        let writes =
            entries.filter(|entry| entry.operation.effect() == Effectful::Writes && entry.error.is_none());
        let mut texts: Vec<String> = writes
            .map(|entry| {
                let text = world.call_text(entry);
                text.splitn(3, ' ').last().unwrap_or_default().to_owned()
            })
            .collect();
        texts.sort();
        texts
    };
    simulator.with_world(text).unwrap()
}

/// What is there and what is recorded, without when.
pub(super) fn picture(simulator: &Simulator, store: &mut dyn StateStore) -> (Snapshot, Recorded) {
    let observed = simulator.read(&ReadRequest::default()).unwrap();
    let mut recorded = store.load().unwrap();
    recorded.seen = None;
    recorded.serial = 0;
    (observed.snapshot, recorded)
}

struct Killed;

/// Ends the process, as far as a test can, at the boundary with this number.
fn kill_at(n: u64) -> impl Fn() + Clone + Send + Sync {
    let count = Arc::new(AtomicU64::new(0));
    move || {
        if count.fetch_add(1, Ordering::SeqCst) + 1 == n {
            resume_unwind(Box::new(Killed));
        }
    }
}

/// A run that is killed at a boundary; `None` when it is.
pub(super) fn killed_run(
    n: u64,
    scene: &Scene,
    simulator: &Simulator,
    mut store: impl StateStore,
) -> Option<ApplyResult> {
    let kill = kill_at(n);
    let at_store = kill.clone();
    let provider = Faulty::new(simulator, Faults::default()).with_hook(Box::new(move |_| kill()));
    let mut store = Watched::new(&mut store, Box::new(move |_| at_store()));
    match catch_unwind(AssertUnwindSafe(|| run(scene, &provider, &mut store))) {
        Ok(result) => Some(result),
        Err(panic) if panic.is::<Killed>() => None,
        Err(panic) => resume_unwind(panic),
    }
}

/// A world and a state where `before` was applied, and what both are like once `scene` is.
fn reference(scene: &Scene) -> (Vec<String>, Snapshot, Recorded) {
    let (simulator, mut store) = applied_before();
    assert_eq!(run(scene, &simulator, &mut store).end, RunEnd::Complete);
    let (snapshot, recorded) = picture(&simulator, &mut store);
    (effects(&simulator), snapshot, recorded)
}

fn applied_before() -> (Simulator, MemoryStore) {
    let simulator = Simulator::open(&Options::default()).unwrap();
    let store = MemoryStore::new();
    assert_eq!(
        run(&before(), &simulator, &mut store.clone()).end,
        RunEnd::Complete
    );
    (simulator, store)
}

#[test]
fn a_run_killed_anywhere_is_gone_on_with_and_nothing_is_done_twice() {
    let (calls, snapshot, recorded) = reference(&after());
    for n in 1.. {
        let (simulator, store) = applied_before();
        let finished = killed_run(n, &after(), &simulator, store.clone()).is_some();
        let result = run(&after(), &simulator, &mut store.clone());
        assert_eq!(
            (result.end, result.failures),
            (RunEnd::Complete, vec![]),
            "killed at {n}"
        );
        assert_eq!(effects(&simulator), calls, "killed at {n}");
        let (seen, kept) = picture(&simulator, &mut store.clone());
        assert_eq!(seen, snapshot, "killed at {n}");
        assert_eq!(kept, recorded, "killed at {n}");
        let (_, plan) = prepare(&after(), &simulator, &mut store.clone());
        assert!(plan.is_empty(), "killed at {n}: {:?}", plan.actions);
        if finished {
            assert!(n > 30, "there are boundaries to be killed at");
            return;
        }
    }
}

#[test]
fn a_run_that_goes_on_can_be_killed_as_well() {
    let (calls, snapshot, _) = reference(&after());
    for n in (3..60).step_by(7) {
        for m in (1..50).step_by(6) {
            let (simulator, store) = applied_before();
            killed_run(n, &after(), &simulator, store.clone());
            killed_run(m, &after(), &simulator, store.clone());
            let result = run(&after(), &simulator, &mut store.clone());
            assert_eq!(
                result.end,
                RunEnd::Complete,
                "killed at {n}, then at {m}: {:?}",
                result.failures
            );
            assert_eq!(effects(&simulator), calls, "killed at {n}, then at {m}");
            let (seen, _) = picture(&simulator, &mut store.clone());
            assert_eq!(seen, snapshot, "killed at {n}, then at {m}");
        }
    }
}

#[test]
fn the_same_holds_with_state_and_world_on_disk() {
    let (calls, snapshot, _) = reference(&after());
    for n in (2..80).step_by(13) {
        let directory = tempfile::tempdir().unwrap();
        let world = || Simulator::open(&Options::at(&directory.path().join("world"))).unwrap();
        let state = || LocalStore::new(&directory.path().join("state"));
        assert_eq!(run(&before(), &world(), &mut state()).end, RunEnd::Complete);
        killed_run(n, &after(), &world(), state());
        let simulator = world();
        let result = run(&after(), &simulator, &mut state());
        assert_eq!(
            result.end,
            RunEnd::Complete,
            "killed at {n}: {:?}",
            result.failures
        );
        assert_eq!(effects(&simulator), calls, "killed at {n}");
        let (seen, _) = picture(&simulator, &mut state());
        assert_eq!(seen, snapshot, "killed at {n}");
    }
}

#[test]
fn the_rest_of_a_killed_run_is_recognised_as_such() {
    let mut resumed = 0;
    for n in (10..60).step_by(5) {
        let (simulator, store) = applied_before();
        if killed_run(n, &after(), &simulator, store.clone()).is_some() {
            break;
        }
        let (input, plan) = prepare(&after(), &simulator, &mut store.clone());
        let unfinished = input.recorded.unfinished.as_ref();
        if let Some(unfinished) = unfinished {
            assert!(resume_of(unfinished, &plan), "killed at {n}: {:?}", plan.actions);
            resumed += 1;
        }
    }
    assert!(resumed > 3);
}

#[test]
fn what_a_killed_run_made_and_nobody_declares_any_more_is_still_ours() {
    for n in 1..40 {
        let simulator = Simulator::open(&Options::default()).unwrap();
        let store = MemoryStore::new();
        killed_run(n, &before(), &simulator, store.clone());
        let nothing = Scene::new().account(1).account(2);
        let result = run(&nothing, &simulator, &mut store.clone());
        assert_eq!(
            result.end,
            RunEnd::Complete,
            "killed at {n}: {:?}",
            result.failures
        );
        let seen = simulator.read(&ReadRequest::default()).unwrap().snapshot;
        assert_eq!(seen.access.len(), 0, "killed at {n}");
        let left = (seen.users.len(), seen.groups.len(), seen.permission_sets.len());
        assert_eq!(left, (0, 0, 0), "killed at {n}");
    }
}

#[test]
fn throttling_slows_a_run_and_never_fails_it() {
    let (calls, snapshot, _) = reference(&after());
    for seed in 0..8 {
        let (simulator, mut store) = applied_before();
        let faults = Faults {
            seed,
            throttled: 800,
            ..Faults::default()
        };
        let provider = Faulty::new(&simulator, faults);
        let result = run(&after(), &provider, &mut store);
        assert_eq!(
            (result.end, result.failures),
            (RunEnd::Complete, vec![]),
            "seed {seed}"
        );
        assert!(provider.faults_so_far() > 20, "seed {seed}");
        assert_eq!(effects(&simulator), calls, "seed {seed}");
        assert_eq!(picture(&simulator, &mut store).0, snapshot, "seed {seed}");
    }
}

#[test]
fn a_service_that_stays_out_of_order_ends_the_run_after_ten_minutes() {
    let (simulator, mut store) = applied_before();
    let broken = Faults {
        broken: 1000,
        ..Faults::default()
    };
    let provider = Faulty::new(&simulator, broken);
    let (input, plan) = prepare(&after(), &provider, &mut store);
    let (begun, mut log) = (provider.now(), Warnings::default());
    let result = apply(
        &plan,
        &input,
        &provider,
        &mut store,
        &mut log,
        &|| false,
        &options(),
    )
    .unwrap();
    assert_eq!((result.end, result.counts.done), (RunEnd::Partial, 0));
    let minutes = provider.now().duration_since(begun).as_mins();
    assert!((10..13).contains(&minutes), "{minutes}");
    let said = |words: &str| log.0.iter().filter(|message| message.contains(words)).count();
    assert_eq!(
        said("out of order for 10 minutes, so the run ends here"),
        1,
        "{:?}",
        log.0
    );
    let meanwhile = said("a step is tried again for 10 minutes");
    assert!((3..40).contains(&meanwhile), "{:?}", log.0);
    // When it works again, the next run does all of it.
    assert_eq!(run(&after(), &simulator, &mut store).end, RunEnd::Complete);
    assert_eq!(effects(&simulator), reference(&after()).0);
}

/// Keeps warnings.
#[derive(Default)]
struct Warnings(Vec<Arc<str>>);

impl EventSink for Warnings {
    fn event(&mut self, event: &Event) {
        if let Event::Warning { message } = event {
            self.0.push(Arc::clone(message));
        }
    }
}

#[test]
fn lost_answers_are_looked_up_and_nothing_is_done_twice() {
    let (calls, snapshot, recorded) = reference(&after());
    for seed in 0..40 {
        let (simulator, mut store) = applied_before();
        let faults = Faults {
            seed,
            lost: 400,
            conflict: 100,
            broken: 100,
            ..Faults::default()
        };
        let provider = Faulty::new(&simulator, faults);
        let result = run(&after(), &provider, &mut store);
        assert_eq!(
            (result.end, result.failures),
            (RunEnd::Complete, vec![]),
            "seed {seed}"
        );
        assert!(provider.faults_so_far() > 0, "seed {seed}");
        assert_eq!(effects(&simulator), calls, "seed {seed}");
        assert_eq!(
            picture(&simulator, &mut store),
            (snapshot.clone(), recorded.clone()),
            "seed {seed}"
        );
    }
}

#[test]
fn requests_that_fail_stop_only_what_depends_on_them_and_the_next_run_completes() {
    let (_, snapshot, _) = reference(&after());
    let mut partial = 0;
    for seed in 0..20 {
        let (simulator, mut store) = applied_before();
        let faults = Faults {
            seed,
            failed: 300,
            ..Faults::default()
        };
        let provider = Faulty::new(&simulator, faults);
        let result = run(&after(), &provider, &mut store);
        let counts = result.counts;
        assert_eq!(
            counts.failed,
            provider.faults_so_far(),
            "each failed once, and only those: seed {seed}"
        );
        if counts.failed > 0 {
            partial += 1;
            assert_eq!(result.end, RunEnd::Partial, "seed {seed}");
            let reason = "An unexpected internal service exception was encountered";
            assert!(
                result
                    .failures
                    .iter()
                    .all(|failure| failure.error.to_string().contains(reason))
            );
        }
        let result = run(&after(), &simulator, &mut store);
        assert_eq!(result.end, RunEnd::Complete, "seed {seed}: {:?}", result.failures);
        assert_eq!(picture(&simulator, &mut store).0, snapshot, "seed {seed}");
    }
    assert!(partial > 5);
}

#[test]
fn a_run_asked_to_stop_finishes_what_is_in_flight_and_leaves_nothing_in_doubt() {
    let (calls, snapshot, _) = reference(&after());
    for n in 0..30 {
        let (simulator, mut store) = applied_before();
        let asked = AtomicU64::new(0);
        let stop = || asked.fetch_add(1, Ordering::SeqCst) >= n;
        let result = try_run(&after(), &simulator, &mut store, &stop).unwrap();
        if result.end != RunEnd::Complete {
            assert_eq!(result.end, RunEnd::Interrupted, "stopped after {n}");
            let unfinished = store.load().unwrap().unfinished.unwrap();
            assert_eq!(unfinished.in_doubt, [], "stopped after {n}");
            let busy = simulator.read(&ReadRequest::default()).unwrap().in_progress;
            assert_eq!(busy, [], "stopped after {n}");
        }
        assert_eq!(run(&after(), &simulator, &mut store).end, RunEnd::Complete);
        assert_eq!(effects(&simulator), calls, "stopped after {n}");
        assert_eq!(picture(&simulator, &mut store).0, snapshot, "stopped after {n}");
    }
}

#[test]
fn a_plan_that_no_longer_fits_does_nothing() {
    let (simulator, mut store) = applied_before();
    let (input, plan) = prepare(&after(), &simulator, &mut store);
    let arn = input.observed.snapshot.permission_sets[&set("view")]
        .value
        .arn
        .clone()
        .unwrap();
    let policy = r#"{"Version":"2012-10-17","Statement":{}}"#;
    simulator
        .with_world(|world| world.put_inline_policy(arn.as_str(), policy))
        .unwrap()
        .unwrap();
    let calls = effects(&simulator);
    let history = store.history().unwrap().len();
    let result = apply(
        &plan,
        &input,
        &simulator,
        &mut store,
        &mut Silent,
        &|| false,
        &options(),
    );
    let Err(ApplyError::Stale { why, .. }) = result else {
        panic!("{result:?}")
    };
    assert_eq!(
        why,
        ["permission set view is not what it was when the plan was made"]
    );
    assert_eq!(effects(&simulator), calls);
    assert_eq!(store.history().unwrap().len(), history);
}

/// Somebody else makes a group, with a description or without, after the plan was checked and before it is made.
fn overtaken(description: Option<&'static str>) -> (ApplyResult, Arc<Simulator>) {
    let simulator = Arc::new(Simulator::open(&Options::default()).unwrap());
    let (other, first) = (Arc::clone(&simulator), AtomicU64::new(0));
    let hook = move |point| {
        if point == Point::Start && first.fetch_add(1, Ordering::SeqCst) == 0 {
            other
                .with_world(|world| world.create_group("ops", description))
                .unwrap()
                .unwrap();
        }
    };
    let provider = Faulty::new(Arc::clone(&simulator), Faults::default()).with_hook(Box::new(hook));
    let result = run(&before(), &provider, &mut MemoryStore::new());
    (result, simulator)
}

#[test]
fn what_exists_already_is_taken_in_if_it_is_the_same() {
    let (result, simulator) = overtaken(None);
    assert_eq!((result.end, result.failures), (RunEnd::Complete, vec![]));
    let there = simulator.read(&ReadRequest::default()).unwrap().snapshot;
    let ops = GroupName::new("ops").unwrap();
    let id = there.groups[&ops].value.id.clone();
    assert_eq!(result.recorded.applied.groups[&ops].value.id, id);
}

#[test]
fn what_exists_already_and_differs_fails_with_what_helps() {
    let (result, _) = overtaken(Some("theirs"));
    assert_eq!(result.end, RunEnd::Partial);
    let [failure] = result.failures.as_slice() else {
        panic!("{:?}", result.failures)
    };
    assert_eq!(&*failure.step, "create group ops");
    assert!(failure.remedy.unwrap().contains("plan again"));
    // Not run: two members, two grants of `view`, one of `old`. Made: three users, another group with two members,
    // two sets, two grants of `view` and one of `old`.
    assert_eq!(
        (result.counts.blocked, result.counts.failed, result.counts.done),
        (5, 1, 11)
    );
}

/// Somebody else makes something, before calls with this number leave.
fn intruded(at: u64, faults: Faults, theirs: fn(&mut World)) -> (ApplyResult, Arc<Simulator>) {
    let simulator = Arc::new(Simulator::open(&Options::default()).unwrap());
    let (other, starts) = (Arc::clone(&simulator), AtomicU64::new(0));
    let hook = move |point| {
        if point == Point::Start && starts.fetch_add(1, Ordering::SeqCst) == at {
            other.with_world(theirs).unwrap();
        }
    };
    let provider = Faulty::new(Arc::clone(&simulator), faults).with_hook(Box::new(hook));
    let result = run(&before(), &provider, &mut MemoryStore::new());
    (result, simulator)
}

/// A group of the name that is wanted, with somebody in it.
fn their_group(world: &mut World) {
    let mallory = crate::provider::simulator::world::identity_store::CreateUser {
        user_name: "mallory".into(),
        display_name: "Mallory".into(),
        given_name: "M".into(),
        family_name: "M".into(),
        email: None,
        attributes: BTreeMap::new(),
    };
    let user = world.create_user(mallory).unwrap();
    let group = world.create_group("ops", None).unwrap();
    world.create_group_membership(&group, &user).unwrap();
}

#[test]
fn a_group_with_members_is_never_taken_for_the_one_that_was_to_be_made() {
    let throttled = Faults {
        throttled: 1000,
        most: Some(60),
        ..Faults::default()
    };
    let lost = Faults {
        lost: 1000,
        most: Some(60),
        ..Faults::default()
    };
    // Before the first call; after it was throttled; with an answer that is lost.
    for (at, faults) in [(0, Faults::default()), (1, throttled), (0, lost)] {
        let (result, simulator) = intruded(at, faults, their_group);
        assert_eq!(result.end, RunEnd::Partial, "{faults:?}");
        let failed: Vec<&str> = result.failures.iter().map(|failure| &*failure.step).collect();
        assert_eq!(failed, ["create group ops"], "{faults:?}");
        let ops = GroupName::new("ops").unwrap();
        assert!(!result.recorded.applied.groups.contains_key(&ops), "{faults:?}");
        let there = simulator.read(&ReadRequest::default()).unwrap().snapshot;
        let members = there.groups[&ops].value.members.as_ref().unwrap();
        assert_eq!(members.len(), 1, "{faults:?}");
        let principals = &there.access.names.principals;
        assert!(!principals.contains(&principal("ops")), "{faults:?}");
    }
}

/// A set of the name that is wanted, with another content.
fn their_set(world: &mut World) {
    let view = crate::provider::simulator::world::permission_set::CreatePermissionSet {
        name: "view".into(),
        description: Some("theirs".into()),
        ..Default::default()
    };
    world.create_permission_set(view).unwrap();
}

#[test]
fn a_throttled_call_made_nothing_so_what_is_there_is_somebody_elses() {
    let throttled = Faults {
        throttled: 1000,
        most: Some(60),
        ..Faults::default()
    };
    let (result, simulator) = intruded(1, throttled, their_set);
    let failed: Vec<&str> = result.failures.iter().map(|failure| &*failure.step).collect();
    assert_eq!(failed, ["create permission set view"]);
    let there = simulator.read(&ReadRequest::default()).unwrap().snapshot;
    let view = &there.permission_sets[&set("view")].value;
    assert_eq!(view.description, Some("theirs".into()));
}

/// The calls that make or take assignments, in order.
fn assignment_calls(simulator: &Simulator) -> Vec<&'static str> {
    let calls = |world: &mut World| {
        let names = world.calls().entries().map(|entry| entry.operation.name());
        names
            .filter(|name| ["CreateAccountAssignment", "DeleteAccountAssignment"].contains(name))
            .collect()
    };
    simulator.with_world(calls).unwrap()
}

#[test]
fn revokes_that_wait_for_nothing_start_before_every_grant() {
    let simulator = Simulator::open(&Options::default()).unwrap();
    let mut store = MemoryStore::new();
    let (few, many): (Vec<u64>, Vec<u64>) = ((1..13).collect(), (20..40).collect());
    let stack = |keep: &[u64], sets: &[&str]| {
        let mut scene = Scene::new().group("ops", &["ada"]).group("dev", &["eve"]);
        scene = scene.set("view").set("admin");
        for n in few.iter().chain(&many) {
            scene = scene.account(*n);
        }
        let scene = scene.assign("first", &["ops"], &["view"], keep);
        scene.assign("more", &["dev"], sets, &many)
    };
    run(&stack(&few, &["view"]), &simulator, &mut store);
    let before = assignment_calls(&simulator).len();
    // Eleven accounts lose a grant; twenty others, with two each to do, get some.
    let result = run(&stack(&few[..1], &["view", "admin"]), &simulator, &mut store);
    assert_eq!(result.end, RunEnd::Complete);
    let calls = assignment_calls(&simulator);
    assert_eq!(calls[before..before + 11], ["DeleteAccountAssignment"; 11]);
    assert_eq!(calls[before + 11..], ["CreateAccountAssignment"; 20]);
}

#[test]
fn assignments_in_one_account_take_turns() {
    let simulator = Arc::new(Simulator::open(&Options::default()).unwrap());
    let world = Arc::clone(&simulator);
    let busiest = Arc::new(AtomicU64::new(0));
    let most = Arc::clone(&busiest);
    let hook = move |point| {
        if point != Point::Started {
            return;
        }
        let mut by_account: BTreeMap<AccountKey, u64> = BTreeMap::new();
        for request in world.read(&ReadRequest::default()).unwrap().in_progress {
            if let crate::model::action::Effect::Grant { account, .. } = request.what {
                *by_account.entry(account).or_default() += 1;
            }
        }
        let now = by_account.into_values().max().unwrap_or(0);
        most.fetch_max(now, Ordering::SeqCst);
    };
    let provider = Faulty::new(Arc::clone(&simulator), Faults::default()).with_hook(Box::new(hook));
    let result = run(&before(), &provider, &mut MemoryStore::new());
    assert_eq!(result.end, RunEnd::Complete);
    assert_eq!(busiest.load(Ordering::SeqCst), 1);
    let seen = simulator.read(&ReadRequest::default()).unwrap().snapshot.access;
    assert!(
        seen.names
            .tuple(&account(1), &set("old"), &principal("@eve"))
            .is_some()
    );
}

/// A stack of `groups` groups with as many grants in each account.
fn wide(accounts: u64, groups: usize) -> Scene {
    let names: Vec<String> = (0..groups).map(|n| format!("group-{n}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let accounts: Vec<u64> = (1..=accounts).collect();
    let mut scene = Scene::new().set("view");
    for n in &accounts {
        scene = scene.account(*n);
    }
    for name in &names {
        scene = scene.group(name, &[]);
    }
    scene.assign("all", &names, &["view"], &accounts)
}

#[test]
fn without_limits_a_sync_is_shared_by_thousands_of_grants() {
    let simulator = Simulator::open(&Options {
        quotas: false,
        latency: false,
        ..Options::default()
    })
    .unwrap();
    let syncs = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&syncs);
    let mut store = MemoryStore::new();
    let hook = move |point| {
        counted.fetch_add(
            u64::from(point == crate::state::fault::Point::Sync),
            Ordering::SeqCst,
        );
    };
    let result = run(
        &wide(200, 50),
        &simulator,
        &mut Watched::new(&mut store, Box::new(hook)),
    );
    assert_eq!((result.end, result.failures), (RunEnd::Complete, vec![]));
    assert_eq!(result.recorded.applied.access.len(), 10_000);
    // The set and the groups, two batches of grants, the end; requests that end at once are not noted.
    assert!(syncs.load(Ordering::SeqCst) <= 6, "{syncs:?}");
}

#[test]
fn against_the_services_quotas_a_run_takes_no_longer_than_they_ask_for() {
    for (accounts, groups, more) in [(40, 30, 0), (60, 20, 80)] {
        let simulator = Simulator::open(&Options::default()).unwrap();
        let mut store = MemoryStore::new();
        // An account with more to do than others must not be what is left at the end.
        let busy: Vec<String> = (0..more).map(|n| format!("busy-{n}")).collect();
        let busy: Vec<&str> = busy.iter().map(String::as_str).collect();
        let mut scene = wide(accounts, groups);
        for name in &busy {
            scene = scene.group(name, &[]);
        }
        if more > 0 {
            scene = scene.assign("busy", &busy, &["view"], &[1]);
        }
        let (input, plan) = prepare(&scene, &simulator, &mut store);
        let totals = |world: &mut World| (world.now(), world.calls().total());
        let (begun, calls_before) = simulator.with_world(totals).unwrap();
        let result = apply(
            &plan,
            &input,
            &simulator,
            &mut store,
            &mut Silent,
            &|| false,
            &options(),
        )
        .unwrap();
        assert_eq!((result.end, result.failures), (RunEnd::Complete, vec![]));
        let (ended, calls) = simulator.with_world(totals).unwrap();
        let (latency, chain, rate) = simulator
            .with_world(|world| {
                let mut by_account: BTreeMap<String, f64> = BTreeMap::new();
                for request in world.requests().from(0) {
                    let crate::provider::simulator::world::request::RequestKind::Assign { account, .. } =
                        request.kind
                    else {
                        continue;
                    };
                    let took = request.due.since(request.created).as_secs_f64();
                    *by_account.entry(format!("{account:?}")).or_default() += took;
                }
                let longest = by_account.values().copied().fold(0.0, f64::max);
                let rate = f64::from(world.settings().quotas.requests_per_second);
                (by_account.values().sum::<f64>(), longest, rate)
            })
            .unwrap();
        let asked = [(calls - calls_before) as f64 / rate, latency / 15.0, chain];
        let took = ended.since(begun).as_secs_f64();
        let bound = 1.05 * asked.into_iter().fold(0.0, f64::max);
        assert!(took <= bound, "{took} s, and {asked:?} are asked for");
    }
}
