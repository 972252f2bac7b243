//! Runs that meet a service which changed since the plan, and names that change in the middle of it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use jiff::Timestamp;

use super::event::{Event, EventSink, Silent};
use super::fault_tests::{effects, killed_run, options, picture, prepare, run};
use super::ids::IdTable;
use super::{ApplyError, apply};
use crate::id::{GroupName, UserName};
use crate::model::action::Effect;
use crate::model::instance::Observed;
use crate::model::principal::{Group, User};
use crate::plan::input::{Mode, PlanInput};
use crate::plan::scene::{Scene, account, principal, set};
use crate::plan::{Plan, resume_of};
use crate::provider::fault::{Faults, Faulty, Point};
use crate::provider::simulator::world::tamper::Tamper;
use crate::provider::simulator::{Options, Simulator};
use crate::provider::{
    Call, CallError, Ids, Meaning, Outcome, Provider, ProviderError, ReadRequest, Started, Ticket,
};
use crate::state::StateStore;
use crate::state::entry::RunEnd;
use crate::state::memory::MemoryStore;

fn group_name(name: &str) -> GroupName {
    GroupName::new(name).unwrap()
}

fn user_name(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

/// The block of a group declares another name.
fn rename_group(mut scene: Scene, from: &str, to: &str) -> Scene {
    let groups = &mut scene.input.desired.snapshot.groups;
    let mut group = groups.remove(&group_name(from)).unwrap();
    group.value.display_name = group_name(to);
    groups.insert(group_name(to), group);
    scene
}

/// The block of a user declares another name.
fn rename_user(mut scene: Scene, from: &str, to: &str) -> Scene {
    let snapshot = &mut scene.input.desired.snapshot;
    let mut user = snapshot.users.remove(&user_name(from)).unwrap();
    user.value.user_name = user_name(to);
    snapshot.users.insert(user_name(to), user);
    for group in snapshot.groups.values_mut() {
        let members = group.value.members.as_mut().unwrap();
        if members.remove(&user_name(from)) {
            members.insert(user_name(to));
        }
    }
    scene
}

fn accounts() -> Scene {
    Scene::new().account(1).account(2).set("admin").set("view")
}

fn before() -> Scene {
    accounts()
        .group("ops", &["ada", "bob"])
        .group("dev", &["bob", "eve"])
        .assign("rule", &["ops"], &["admin"], &[1, 2])
        .assign("look", &["dev"], &["view"], &[1])
}

fn applied(scene: &Scene) -> (Simulator, MemoryStore) {
    let simulator = Simulator::open(&Options::default()).unwrap();
    let store = MemoryStore::new();
    let result = run(scene, &simulator, &mut store.clone());
    assert_eq!((result.end, result.failures), (RunEnd::Complete, vec![]));
    (simulator, store)
}

fn there(simulator: &Simulator) -> Observed {
    simulator.read(&ReadRequest::default()).unwrap()
}

fn members(observed: &Observed, group: &str) -> Vec<String> {
    let members = observed.snapshot.groups[&group_name(group)]
        .value
        .members
        .as_ref();
    members.unwrap().iter().map(ToString::to_string).collect()
}

/// Bob, who is called Robert from now on, leaves a group that gets another name, and another one; others come.
fn renamed() -> Scene {
    let scene = accounts()
        .user("bob")
        .group("ops", &["ada", "eve"])
        .group("dev", &["eve", "ada"])
        .assign("rule", &["operations"], &["admin"], &[1, 2])
        .assign("look", &["dev"], &["view"], &[1]);
    rename_user(rename_group(scene, "ops", "operations"), "bob", "robert")
}

#[test]
fn memberships_end_and_begin_with_the_rename_of_their_group_and_user() {
    let (simulator, mut store) = applied(&before());
    let result = run(&renamed(), &simulator, &mut store);
    assert_eq!((result.end, result.failures), (RunEnd::Complete, vec![]));
    let now = there(&simulator);
    assert_eq!(members(&now, "operations"), ["ada", "eve"]);
    assert_eq!(members(&now, "dev"), ["ada", "eve"]);
    let recorded = &result.recorded.applied.groups[&group_name("operations")].value;
    assert_eq!(recorded.members.as_ref().unwrap().len(), 2);
}

#[test]
fn renames_and_endings_killed_anywhere_converge_and_happen_once() {
    let (simulator, mut store) = applied(&before());
    run(&renamed(), &simulator, &mut store);
    let (calls, (snapshot, recorded)) = (effects(&simulator), picture(&simulator, &mut store));
    for n in 1.. {
        let (simulator, store) = applied(&before());
        let finished = killed_run(n, &renamed(), &simulator, store.clone()).is_some();
        let result = run(&renamed(), &simulator, &mut store.clone());
        assert_eq!(
            (result.end, result.failures),
            (RunEnd::Complete, vec![]),
            "killed at {n}"
        );
        assert_eq!(effects(&simulator), calls, "killed at {n}");
        let (seen, kept) = picture(&simulator, &mut store.clone());
        assert_eq!(
            (seen, kept),
            (snapshot.clone(), recorded.clone()),
            "killed at {n}"
        );
        if finished {
            assert!(n > 15, "there are boundaries to be killed at");
            return;
        }
    }
}

/// Somebody else does this.
fn outside(simulator: &Simulator, effects: &[Effect]) {
    for effect in effects {
        let ids = IdTable::new(&there(simulator));
        let ticket = Ticket(u64::MAX);
        let call = Call {
            ticket,
            effect: effect.clone(),
        };
        match simulator.start(&[call], &ids).pop().unwrap() {
            Started::Done(outcome) => drop(outcome.unwrap()),
            Started::Pending { .. } => {
                let ended = simulator.poll(&[ticket], Duration::from_secs(600));
                ended.into_iter().for_each(|(_, outcome)| drop(outcome.unwrap()));
            }
        }
    }
}

fn group(name: &str) -> Effect {
    Effect::CreateGroup {
        group: Group {
            display_name: group_name(name),
            id: None,
            description: None,
            members: None,
            external_id: None,
        },
    }
}

fn mallory() -> Effect {
    Effect::CreateUser {
        user: User {
            user_name: user_name("mallory"),
            id: None,
            given_name: "Mallory".into(),
            family_name: "Malice".into(),
            display_name: "Mallory Malice".into(),
            email: None,
            external_id: None,
        },
    }
}

fn joins(user: &str, group: &str) -> Effect {
    Effect::AddMember {
        group: group_name(group),
        user: user_name(user),
    }
}

fn leaves(user: &str, group: &str) -> Effect {
    Effect::RemoveMember {
        group: group_name(group),
        user: user_name(user),
    }
}

fn granted(who: &str, what: &str, n: u64) -> Effect {
    Effect::Grant {
        account: account(n),
        permission_set: set(what),
        principal: principal(who),
    }
}

fn revoked(who: &str, what: &str, n: u64) -> Effect {
    Effect::Revoke {
        account: account(n),
        permission_set: set(what),
        principal: principal(who),
    }
}

fn carry_out(
    (input, plan): &(PlanInput, Plan),
    provider: &dyn Provider,
    store: &mut MemoryStore,
) -> Result<super::ApplyResult, ApplyError> {
    apply(plan, input, provider, store, &mut Silent, &|| false, &options())
}

/// Plans `to`, lets somebody else do something, and applies: why the plan is stale. Nothing must have been done.
fn stale(from: &Scene, to: &Scene, meanwhile: &[Effect]) -> Vec<String> {
    let (simulator, mut store) = applied(from);
    let planned = prepare(to, &simulator, &mut store);
    outside(&simulator, meanwhile);
    let (calls, history) = (effects(&simulator), store.history().unwrap().len());
    let result = carry_out(&planned, &simulator, &mut store);
    assert_eq!(effects(&simulator), calls, "nothing is done");
    assert_eq!(store.history().unwrap().len(), history, "nothing is written");
    match result {
        Err(ApplyError::Stale { why, .. }) => why,
        other => panic!("{other:?}"),
    }
}

fn with_admins() -> Scene {
    before()
        .group("admins", &["ada"])
        .assign("more", &["admins"], &["admin"], &[1])
}

#[test]
fn a_group_that_somebody_made_meanwhile_is_not_given_access() {
    let why = stale(&before(), &with_admins(), &[group("admins")]);
    assert_eq!(
        why,
        ["group admins is there now, made by somebody else since the plan was made"]
    );
    let meanwhile = [group("admins"), mallory(), joins("mallory", "admins")];
    let why = stale(&before(), &with_admins(), &meanwhile);
    assert_eq!(why, ["group admins is not what it was when the plan was made"]);
}

#[test]
fn whoever_joined_a_group_that_gets_access_is_named() {
    let more = before().assign("more", &["dev"], &["admin"], &[1, 2]);
    let why = stale(&before(), &more, &[mallory(), joins("mallory", "dev")]);
    assert_eq!(
        why,
        [
            "joined group dev since this was planned: Mallory Malice (mallory); they would get admin in 2 accounts"
        ]
    );
}

#[test]
fn a_path_that_people_were_to_keep_must_still_be_there() {
    let from = before().assign("both", &["dev"], &["admin"], &[1]);
    // Bob keeps admin in account 1 by the other group.
    let to = accounts()
        .group("ops", &["ada", "bob"])
        .group("dev", &["bob", "eve"])
        .assign("rule", &["ops"], &["admin"], &[2])
        .assign("look", &["dev"], &["view"], &[1])
        .assign("both", &["dev"], &["admin"], &[1]);
    let why = stale(&from, &to, &[leaves("bob", "dev")]);
    let [left] = why.as_slice() else { panic!("{why:?}") };
    assert!(
        left.starts_with("left group dev since this was planned: bob"),
        "{left}"
    );
    let why = stale(&from, &to, &[revoked("dev", "admin", 1)]);
    let [gone] = why.as_slice() else { panic!("{why:?}") };
    assert!(
        gone.starts_with("people were to keep access by what is gone now: "),
        "{gone}"
    );
    assert!(gone.contains("admin in"), "{gone}");
}

#[test]
fn what_a_deleted_group_got_meanwhile_is_not_left_behind() {
    let to = accounts()
        .user("bob")
        .group("ops", &["ada", "bob"])
        .user("eve")
        .assign("rule", &["ops"], &["admin"], &[1, 2]);
    let why = stale(&before(), &to, &[granted("dev", "view", 2)]);
    let [new] = why.as_slice() else { panic!("{why:?}") };
    assert!(
        new.starts_with("granted since this was planned to what it deletes: "),
        "{new}"
    );
}

#[test]
fn what_a_granted_set_holds_must_be_what_it_was() {
    let more = before().assign("more", &["dev"], &["admin"], &[1]);
    let (simulator, mut store) = applied(&before());
    let planned = prepare(&more, &simulator, &mut store);
    let admin = there(&simulator).snapshot.permission_sets[&set("admin")]
        .value
        .clone();
    let mut changed = admin.clone();
    changed.description = Some("others were here".into());
    let (from, to) = (Box::new(admin), Box::new(changed));
    outside(&simulator, &[Effect::UpdatePermissionSet { from, to }]);
    let Err(ApplyError::Stale { why, .. }) = carry_out(&planned, &simulator, &mut store) else {
        panic!("the plan is stale")
    };
    assert_eq!(
        why,
        ["permission set admin is not what it was when the plan was made"]
    );
}

#[test]
fn a_grant_that_was_to_be_taken_in_and_is_gone_is_not_recorded() {
    let more = before().assign("more", &["dev"], &["admin"], &[1]);
    let (simulator, mut store) = applied(&before());
    outside(&simulator, &[granted("dev", "admin", 1)]);
    let planned = prepare(&more, &simulator, &mut store);
    assert_eq!((planned.1.grants.len(), planned.1.records.len()), (0, 1));
    outside(&simulator, &[revoked("dev", "admin", 1)]);
    let Err(ApplyError::Stale { why, .. }) = carry_out(&planned, &simulator, &mut store) else {
        panic!("the plan is stale")
    };
    assert!(why[0].ends_with("is gone since the plan was made"), "{why:?}");
}

#[test]
fn what_others_did_as_planned_needs_no_call_and_is_no_reason_to_stop() {
    let (simulator, mut store) = applied(&before());
    let to = accounts()
        .group("ops", &["ada"])
        .user("bob")
        .group("dev", &["bob", "eve"])
        .assign("rule", &["ops"], &["admin"], &[1])
        .assign("look", &["dev"], &["view"], &[1]);
    let planned = prepare(&to, &simulator, &mut store);
    outside(&simulator, &[leaves("bob", "ops"), revoked("ops", "admin", 2)]);
    let calls = effects(&simulator);
    let result = carry_out(&planned, &simulator, &mut store).unwrap();
    assert_eq!((result.end, result.counts.done), (RunEnd::Complete, 2));
    assert_eq!(effects(&simulator), calls);
}

/// A service that refuses some calls, cannot be read after a while, or is busy with something at first.
struct Wrapped<'s> {
    simulator: &'s Simulator,
    denied: fn(&Effect) -> bool,
    reads: AtomicU64,
    readable: u64,
    busy: u64,
}

impl<'s> Wrapped<'s> {
    fn new(simulator: &'s Simulator) -> Self {
        Wrapped {
            simulator,
            denied: |_| false,
            reads: AtomicU64::new(0),
            readable: u64::MAX,
            busy: 0,
        }
    }
}

impl Provider for Wrapped<'_> {
    fn name(&self) -> &str {
        "wrapped"
    }

    fn now(&self) -> Timestamp {
        self.simulator.now()
    }

    fn read(&self, request: &ReadRequest) -> Result<Observed, ProviderError> {
        let before = self.reads.fetch_add(1, Ordering::SeqCst);
        let denied = refusal("ListPermissionSets");
        if before >= self.readable {
            return Err(ProviderError::Call(denied));
        }
        let mut observed = self.simulator.read(request)?;
        if before < self.busy {
            let what = revoked("dev", "view", 1);
            let request_id = "theirs".into();
            observed
                .in_progress
                .push(crate::model::instance::InProgress { request_id, what });
        }
        Ok(observed)
    }

    fn start(&self, calls: &[Call], ids: &dyn Ids) -> Vec<Started> {
        let start = |call: &Call| match (self.denied)(&call.effect) {
            true => Started::Done(Err(refusal("CreateAccountAssignment"))),
            false => self.simulator.start(std::slice::from_ref(call), ids).remove(0),
        };
        calls.iter().map(start).collect()
    }

    fn poll(&self, pending: &[Ticket], wait: Duration) -> Vec<(Ticket, Outcome)> {
        self.simulator.poll(pending, wait)
    }

    fn request_outcome(&self, effect: &Effect, request_id: &str) -> Option<Outcome> {
        self.simulator.request_outcome(effect, request_id)
    }

    fn sleep(&self, duration: Duration) {
        self.simulator.sleep(duration);
    }
}

fn refusal(operation: &str) -> CallError {
    CallError {
        meaning: Meaning::Denied,
        operation: operation.into(),
        code: "AccessDeniedException".into(),
        message: "not authorized".into(),
        request_id: None,
        missing_action: Some(format!("sso:{operation}").into()),
    }
}

#[derive(Default)]
struct Log(Vec<Event>);

impl EventSink for Log {
    fn event(&mut self, event: &Event) {
        self.0.push(event.clone());
    }
}

#[test]
fn a_step_that_this_caller_may_not_run_is_blocked_and_not_failed() {
    let (simulator, mut store) = applied(&before());
    let to = with_admins();
    let mut wrapped = Wrapped::new(&simulator);
    wrapped.denied = |effect| matches!(effect, Effect::Grant { .. });
    let (input, plan) = prepare(&to, &wrapped, &mut store);
    let mut log = Log::default();
    let result = apply(
        &plan,
        &input,
        &wrapped,
        &mut store,
        &mut log,
        &|| false,
        &options(),
    )
    .unwrap();
    assert_eq!(result.failures, []);
    assert_eq!((result.counts.failed, result.counts.blocked), (0, 1));
    assert_eq!(result.end, RunEnd::Partial);
    let [denied] = result.denied.as_slice() else {
        panic!("{:?}", result.denied)
    };
    assert_eq!(
        denied.error.missing_action.as_deref(),
        Some("sso:CreateAccountAssignment")
    );
    let told = log.0.iter().any(|event| {
        matches!(event, Event::StepDenied { missing_action: Some(action), .. } if action.contains("CreateAccountAssignment"))
    });
    assert!(told, "{:?}", log.0);
    // Somebody who may does the rest.
    let left = store.load().unwrap().unfinished.unwrap();
    let (_, rest) = prepare(&to, &simulator, &mut store);
    assert!(resume_of(&left, &rest));
    assert_eq!(run(&to, &simulator, &mut store).end, RunEnd::Complete);
}

#[test]
fn a_last_reading_that_fails_is_told_and_fails_nothing() {
    let (simulator, mut store) = applied(&before());
    let mut wrapped = Wrapped::new(&simulator);
    wrapped.readable = 2;
    let seen = store.load().unwrap().seen.unwrap();
    let (input, plan) = prepare(&with_admins(), &wrapped, &mut store);
    let mut log = Log::default();
    let result = apply(
        &plan,
        &input,
        &wrapped,
        &mut store,
        &mut log,
        &|| false,
        &options(),
    )
    .unwrap();
    assert_eq!(result.end, RunEnd::Complete);
    let [warning] = result.warnings.as_slice() else {
        panic!("{:?}", result.warnings)
    };
    assert!(warning.contains("could not be read in the end"), "{warning}");
    assert!(log.0.iter().any(|event| matches!(event, Event::Warning { .. })));
    assert_eq!(store.load().unwrap().seen.unwrap().at, seen.at);
}

#[test]
fn what_the_service_is_doing_to_the_same_grant_is_waited_for() {
    let (simulator, mut store) = applied(&before());
    let to = accounts()
        .group("ops", &["ada", "bob"])
        .group("dev", &["bob", "eve"])
        .assign("rule", &["ops"], &["admin"], &[1, 2]);
    let mut wrapped = Wrapped::new(&simulator);
    wrapped.busy = 3;
    let (input, plan) = prepare(&to, &wrapped, &mut store);
    assert!(
        plan.findings
            .iter()
            .any(|finding| &*finding.code == "in-progress")
    );
    let mut log = Log::default();
    let result = apply(
        &plan,
        &input,
        &wrapped,
        &mut store,
        &mut log,
        &|| false,
        &options(),
    )
    .unwrap();
    assert_eq!(result.end, RunEnd::Complete);
    let waited = log
        .0
        .iter()
        .filter(|event| matches!(event, Event::Waiting { .. }));
    assert_eq!(waited.count(), 1);
    // For the plan, two that were busy and one that was not, and the last one.
    assert_eq!(wrapped.reads.load(Ordering::SeqCst), 5);
}

/// A plan of revokes alone.
fn narrowed(scene: &Scene, provider: &dyn Provider, store: &mut MemoryStore) -> (PlanInput, Plan) {
    let (mut input, _) = prepare(scene, provider, store);
    input.options.mode = Mode::Revokes;
    let plan = crate::plan::plan(&input);
    (input, plan)
}

#[test]
fn a_narrowed_run_neither_ends_an_unfinished_one_nor_clears_the_outputs() {
    let (simulator, mut store) = applied(&before());
    // Whoever approved this gets the rest of it, revokes and all.
    let to = accounts()
        .group("ops", &["ada", "bob"])
        .group("dev", &["bob", "eve"])
        .group("admins", &["ada"])
        .assign("more", &["admins"], &["admin"], &[1])
        .assign("rule", &["ops"], &["admin"], &[1]);
    let approved = prepare(&to, &simulator, &mut store).1;
    let mut wrapped = Wrapped::new(&simulator);
    wrapped.denied = |effect| matches!(effect, Effect::Grant { .. } | Effect::Revoke { .. });
    assert_eq!(run(&to, &wrapped, &mut store).end, RunEnd::Partial);
    let planned = narrowed(&to, &simulator, &mut store);
    assert_eq!((planned.1.grants.len(), planned.1.revokes.len()), (0, 2));
    let result = carry_out(&planned, &simulator, &mut store).unwrap();
    assert_eq!(result.end, RunEnd::Complete);
    let left = store.load().unwrap().unfinished.unwrap();
    assert_eq!(left.digest, approved.digest);
    let (_, rest) = prepare(&to, &simulator, &mut store);
    assert_eq!((rest.grants.len(), rest.revokes.len()), (1, 0));
    assert!(resume_of(&left, &rest));
    let result = run(&to, &simulator, &mut store);
    assert_eq!(result.end, RunEnd::Complete);
    assert_eq!(result.recorded.unfinished, None);
}

#[test]
fn what_an_approved_plan_did_and_an_incident_undid_is_not_restored_by_its_digest() {
    let (simulator, mut store) = applied(&before());
    let to = with_admins().assign("again", &["admins"], &["view"], &[1, 2]);
    let mut wrapped = Wrapped::new(&simulator);
    wrapped.denied = |effect| matches!(effect, Effect::Grant { account: key, .. } if *key == account(2));
    assert_eq!(run(&to, &wrapped, &mut store).end, RunEnd::Partial);
    let left = store.load().unwrap().unfinished.unwrap();
    assert!(resume_of(&left, &prepare(&to, &simulator, &mut store).1));
    // Its finished grant is revoked in an incident.
    outside(&simulator, &[revoked("admins", "admin", 1)]);
    let (_, plan) = prepare(&to, &simulator, &mut store);
    assert_eq!(plan.grants.len(), 2);
    assert!(!resume_of(&left, &plan));
}

#[test]
fn a_provisioning_that_fails_in_one_account_goes_on_in_the_others() {
    let scene = accounts()
        .account(3)
        .group("ops", &["ada"])
        .assign("look", &["ops"], &["view"], &[1, 2, 3]);
    let (simulator, _) = applied(&scene);
    let view = there(&simulator).snapshot.permission_sets[&set("view")]
        .value
        .clone();
    let mut changed = view.clone();
    changed
        .customer_managed_policies
        .insert(crate::model::permission_set::CustomerManagedPolicy {
            path: "/".into(),
            name: "audit".into(),
        });
    let (from, to) = (Box::new(view), Box::new(changed));
    outside(&simulator, &[Effect::UpdatePermissionSet { from, to }]);
    // The first account lacks the policy that the set now names.
    let missing = Tamper::RemovePolicy {
        account: "000000000001".into(),
        name: "audit".into(),
        path: "/".into(),
    };
    simulator.tamper(&missing).unwrap().unwrap();
    let ids = IdTable::new(&there(&simulator));
    let ticket = Ticket(1);
    let effect = Effect::Provision {
        name: set("view"),
        accounts: Some([account(1), account(2), account(3)].into()),
    };
    simulator.start(&[Call { ticket, effect }], &ids);
    let ended = simulator.poll(&[ticket], Duration::from_secs(600));
    let [(_, Err(error))] = ended.as_slice() else {
        panic!("{ended:?}")
    };
    assert!(
        error.message.starts_with("1 of 3 accounts (000000000001): "),
        "{error}"
    );
    let now = there(&simulator);
    let stale: Vec<&str> = now
        .roles
        .iter()
        .filter(|row| row.provisioning != crate::model::roles::Provisioning::Latest)
        .filter_map(
            |row| match now.snapshot.access.names.account(row.pair.account())? {
                crate::id::AccountKey::Id(id) => Some(id.as_str()),
                crate::id::AccountKey::Email(_) => None,
            },
        )
        .collect();
    assert_eq!(stale, ["000000000001"]);
}

/// Applies `to` where `before` was; somebody else changes the service when the first calls of the run leave.
fn interrupted(to: &Scene, theirs: &str) -> (super::ApplyResult, Vec<String>) {
    let (simulator, mut store) = applied(&before());
    let simulator = std::sync::Arc::new(simulator);
    let (other, starts) = (std::sync::Arc::clone(&simulator), AtomicU64::new(0));
    let tamper: Tamper = theirs.parse().unwrap();
    let hook = move |point| {
        if point == Point::Start && starts.fetch_add(1, Ordering::SeqCst) == 0 {
            other.tamper(&tamper).unwrap().unwrap();
        }
    };
    let faulty = Faulty::new(std::sync::Arc::clone(&simulator), Faults::default()).with_hook(Box::new(hook));
    let result = run(to, &faulty, &mut store);
    (result, effects(&simulator))
}

#[test]
fn what_somebody_removed_in_the_middle_of_a_run_is_gone_as_planned() {
    let to = accounts()
        .group("ops", &["ada", "bob"])
        .group("dev", &["bob", "eve"])
        .assign("rule", &["ops"], &["admin"], &[1, 2]);
    let (result, called) = interrupted(&to, "unassign view 000000000001 group:dev");
    assert_eq!((result.end, result.failures), (RunEnd::Complete, vec![]));
    assert_eq!(result.counts.failed, 0);
    // Asked for once, which failed; the next look said that it is gone.
    let deletions = called
        .iter()
        .filter(|call| call.contains("DeleteAccountAssignment"));
    assert_eq!(deletions.count(), 1, "{called:?}");
}

#[test]
fn who_is_deleted_in_the_middle_of_a_run_gets_nothing_and_the_reason_is_told() {
    let to = before().assign("more", &["dev"], &["admin"], &[2]);
    let (result, _) = interrupted(&to, "delete-group dev");
    assert_eq!(result.end, RunEnd::Partial);
    let [failure] = result.failures.as_slice() else {
        panic!("{:?}", result.failures)
    };
    let told = failure.error.to_string();
    assert!(
        told.contains("Received a 404 status error: the GROUP assignee ")
            && told.contains(" was not found in directory d-"),
        "{told}"
    );
}
