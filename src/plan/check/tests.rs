//! Sound plans pass, and each hand-broken one is rejected for the reason it is broken.

use std::collections::BTreeSet;

use crate::address::{Address, Kind};
use crate::id::{EntityKey, GroupName, OuPath, PermissionSetName, PrincipalKey, ServiceId, UserName};
use crate::model::access::{Note, Pair, Tuple};
use crate::model::account::OrganizationalUnit;
use crate::model::action::Effect;
use crate::model::instance::{Held, HeldSubject};
use crate::model::snapshot::{Entity, Management};
use crate::model::stack::{Matcher, NamedMatcher, Scope, Unmanaged};
use crate::plan::change::{
    GrantReason, GrantStep, Reason, RecordChange, RecordStep, RevokeReason, RevokeStep,
};
use crate::plan::digest::digest;
use crate::plan::input::{Mode, PlanInput};
use crate::plan::people::PeopleChange;
use crate::plan::planner::plan;
use crate::plan::roles::DeletedRole;
use crate::plan::scene::{Scene, account, principal, set};
use crate::plan::step::Wait;
use crate::plan::{ActionKind, Plan};

use super::check;

/// Two groups, two sets, two accounts.
fn stack(scene: Scene) -> Scene {
    entities(scene)
        .assign("ops_admin", &["ops"], &["admin"], &[1, 2])
        .assign("dev_view", &["dev"], &["view"], &[1, 2])
}

fn entities(scene: Scene) -> Scene {
    scene
        .account(1)
        .account(2)
        .group("ops", &["ada", "bob"])
        .group("dev", &["cyd"])
        .set("admin")
        .set("view")
}

fn first() -> Scene {
    stack(Scene::new())
}

fn applied() -> Scene {
    first().applied()
}

/// Sets change, a set appears, a grant goes, members come and go.
fn changes() -> Scene {
    applied()
        .account(1)
        .account(2)
        .group("ops", &["ada", "bob"])
        .group("dev", &["dan"])
        .user("cyd")
        .set("admin")
        .change_set("admin", |set| set.session_duration = "PT4H".parse().unwrap())
        .set("view")
        .change_set("view", |set| set.session_duration = "PT2H".parse().unwrap())
        .set("audit")
        .assign("ops_admin", &["ops"], &["admin"], &[1, 2])
        .assign("dev_view", &["dev"], &["view"], &[2])
        .assign("audit", &["ops"], &["audit"], &[1])
}

/// Another group takes the place of one, with the same people.
fn swap() -> Scene {
    applied()
        .account(1)
        .account(2)
        .group("team", &["ada", "bob"])
        .group("dev", &["cyd"])
        .set("admin")
        .set("view")
        .assign("ops_admin", &["team"], &["admin"], &[1, 2])
        .assign("dev_view", &["dev"], &["view"], &[1, 2])
}

/// Other people take over: nobody keeps anything, but the roles stay.
/// Eve joins a group whose set is narrowed.
fn narrowing() -> Scene {
    let scene = |scene: Scene, members: &[&str], hours: u8| {
        let scene = scene.account(1).set("view").group("ops", members);
        let scene = scene.change_set("view", |set| {
            set.session_duration = format!("PT{hours}H").parse().unwrap();
        });
        scene.assign("a", &["ops"], &["view"], &[1])
    };
    let before = scene(Scene::new().user("eve"), &["ada"], 4).applied();
    scene(before, &["ada", "eve"], 1)
}

/// Ada keeps a set that widens by another group, and bob loses it.
fn keeping_what_widens() -> Scene {
    let scene = |scene: Scene, group: &str, hours: u8| {
        let scene = scene.account(1).set("view");
        let scene = scene.group("ops", &["ada"]).group("team", &["ada", "bob"]);
        let scene = scene.change_set("view", |set| {
            set.session_duration = format!("PT{hours}H").parse().unwrap();
        });
        scene.assign("a", &[group], &["view"], &[1])
    };
    scene(scene(Scene::new(), "team", 1).applied(), "ops", 4)
}

fn replaced() -> Scene {
    entities(applied())
        .assign("ops_admin", &["dev"], &["admin"], &[1, 2])
        .assign("dev_view", &["dev"], &["view"], &[1, 2])
}

/// Ada moves from one group to another that has the same access.
fn mover() -> Scene {
    let with = |scene: Scene, ops: &[&str], team: &[&str]| {
        scene
            .account(1)
            .user("ada")
            .group("ops", ops)
            .group("team", team)
            .set("admin")
            .assign("both", &["ops", "team"], &["admin"], &[1])
    };
    with(with(Scene::new(), &["ada"], &[]).applied(), &[], &["ada"])
}

/// The set admin is called root from now on.
fn rename() -> Scene {
    let mut scene = applied()
        .account(1)
        .account(2)
        .group("ops", &["ada", "bob"])
        .group("dev", &["cyd"])
        .set("root")
        .set("view")
        .assign("ops_admin", &["ops"], &["root"], &[1, 2])
        .assign("dev_view", &["dev"], &["view"], &[1, 2]);
    let sets = &mut scene.input.desired.snapshot.permission_sets;
    let renamed = sets.get_mut(&set("root")).unwrap();
    renamed.addresses = [Address::root(Kind::PermissionSet, "admin")].into();
    scene
}

/// Somebody granted something, and the stack removes what nobody declared.
fn unmanaged() -> Scene {
    let mut scene = stack(applied().granted_outside("dev", "admin", 1));
    scene.input.desired.settings.unmanaged = Unmanaged::Remove;
    scene.input.desired.settings.scope = Scope::Instance;
    scene
}

/// Everything is there, and nothing of it recorded.
fn adopting() -> Scene {
    let mut scene = stack(applied());
    scene.input.recorded = Default::default();
    scene
}

fn expiring() -> Scene {
    let stack = |scene: Scene| {
        entities(scene)
            .assign_until(
                "ops_admin",
                &["ops"],
                &["admin"],
                &[1],
                Some("2026-12-01T00:00:00Z"),
            )
            .assign("dev_view", &["dev"], &["view"], &[1])
    };
    let mut scene = stack(stack(Scene::new()).applied());
    scene.input.now = "2026-12-01T00:00:00Z".parse().unwrap();
    scene
}

fn destroying() -> Scene {
    let mut scene = stack(applied());
    scene.input.options.mode = Mode::Destroy;
    scene
}

fn held_principal(name: &str) -> Held {
    Held {
        subject: HeldSubject::Principal(principal(name)),
        why: "AccessDenied".into(),
    }
}

fn holding() -> Scene {
    let mut scene = entities(applied()).assign("ops_admin", &["ops"], &["admin"], &[1, 2]);
    scene.input.observed.held.push(held_principal("dev"));
    scene
}

fn restoring() -> Scene {
    stack(applied().revoked_outside("ops", "admin", 1))
}

fn units() -> Scene {
    let mut scene = first();
    for path in ["a", "a/b"] {
        let path = OuPath::new(path).unwrap();
        let unit = OrganizationalUnit {
            path: path.clone(),
            id: None,
        };
        let entity = Entity {
            management: Management::Created,
            addresses: [Address::root(Kind::OrganizationalUnit, &*path.name())].into(),
            ..Entity::observed(unit)
        };
        scene
            .input
            .desired
            .snapshot
            .organizational_units
            .insert(path, entity);
    }
    scene
}

/// The planner's plan of a scene, which the checker accepts.
fn sound(scene: &Scene) -> (Plan, PlanInput) {
    let input = scene.build();
    let plan = plan(&input);
    assert_eq!(check(&plan, &input), [], "{plan:#?}");
    assert!(!plan.is_refused(), "{:#?}", plan.findings);
    (plan, input)
}

/// Breaks a sound plan (or its input) and says which invariants are violated.
fn broken(scene: &Scene, change: impl FnOnce(&mut Plan, &mut PlanInput)) -> BTreeSet<&'static str> {
    let (mut plan, mut input) = sound(scene);
    let before = (plan.clone(), input.clone());
    change(&mut plan, &mut input);
    assert!(before != (plan.clone(), input.clone()), "nothing was changed");
    if plan.digest == before.0.digest {
        plan.digest = digest(&plan);
    }
    check(&plan, &input)
        .into_iter()
        .map(|violation| violation.invariant)
        .collect()
}

#[track_caller]
fn rejects(invariant: &str, scene: Scene, change: impl FnOnce(&mut Plan, &mut PlanInput)) {
    let found = broken(&scene, change);
    assert!(found.contains(invariant), "{invariant} is not among {found:?}");
}

fn at(plan: &Plan, effect: impl Fn(&Effect) -> bool) -> usize {
    let mut actions = plan.actions.iter();
    let found = actions.position(|action| action.effect.as_ref().is_some_and(&effect));
    found.unwrap()
}

fn tuple(plan: &Plan, who: &str, what: &str, n: u64) -> Tuple {
    plan.names
        .tuple(&account(n), &set(what), &principal(who))
        .unwrap()
}

fn pair(plan: &Plan, what: &str, n: u64) -> Pair {
    tuple(plan, "ops", what, n).pair()
}

fn revoke(tuple: Tuple, reason: RevokeReason) -> RevokeStep {
    RevokeStep {
        tuple,
        note: 0,
        reason,
        blocked: false,
    }
}

fn insert_revoke(plan: &mut Plan, step: RevokeStep) {
    plan.revokes.push(step);
    plan.revokes.sort_by_key(|step| step.tuple);
}

/// Takes an action out as if it had never been planned.
fn remove_action(plan: &mut Plan, index: usize) {
    plan.actions.remove(index);
    plan.waits.actions.remove(index);
    let gone = u32::try_from(index).unwrap();
    let lists = plan
        .waits
        .actions
        .iter_mut()
        .chain(plan.waits.revokes.values_mut());
    for list in lists {
        list.retain(|wait| *wait != Wait::Action(gone));
        for wait in list {
            if let Wait::Action(index) = wait
                && *index > gone
            {
                *index -= 1;
            }
        }
    }
    let waits = &mut plan.waits;
    for map in [
        &mut waits.grants_of_set,
        &mut waits.grants_in_account,
        &mut waits.grants_to_principal,
    ] {
        for list in map.values_mut() {
            list.retain(|index| *index != gone);
            list.iter_mut()
                .filter(|index| **index > gone)
                .for_each(|index| *index -= 1);
        }
    }
}

#[test]
fn sound_plans_are_accepted_and_do_what_their_scene_is_about() {
    let kinds = |plan: &Plan, kind: ActionKind| plan.actions.iter().filter(|a| a.kind == kind).count();
    let (plan, _) = sound(&first());
    assert_eq!((plan.grants.len(), kinds(&plan, ActionKind::Create)), (4, 7));
    let (plan, _) = sound(&changes());
    assert_eq!((plan.grants.len(), plan.revokes.len()), (1, 1));
    assert_eq!(kinds(&plan, ActionKind::Provision), 2);
    let (plan, _) = sound(&swap());
    assert_eq!((plan.grants.len(), plan.revokes.len()), (2, 2));
    assert!(
        plan.people
            .rows
            .iter()
            .all(|row| row.change == PeopleChange::KeepsVia)
    );
    let (plan, _) = sound(&replaced());
    assert_eq!(
        (plan.grants.len(), plan.revokes.len(), plan.waits.revokes.len()),
        (2, 2, 2)
    );
    assert_eq!((plan.roles.created.len(), plan.roles.deleted.len()), (0, 0));
    let (plan, _) = sound(&mover());
    assert_eq!(
        (plan.grants.len(), plan.revokes.len(), plan.actions.len()),
        (0, 0, 2)
    );
    let (plan, _) = sound(&rename());
    assert!(
        plan.revokes
            .iter()
            .all(|step| step.reason == RevokeReason::Renamed)
    );
    assert_eq!((plan.grants.len(), plan.revokes.len()), (2, 2));
    let (plan, _) = sound(&unmanaged());
    assert_eq!(plan.revokes.len(), 1);
    let (plan, _) = sound(&adopting());
    assert_eq!((plan.records.len(), plan.grants.len()), (4, 0));
    let (plan, _) = sound(&expiring());
    assert_eq!(
        plan.revokes.iter().map(|step| step.reason).collect::<Vec<_>>(),
        [RevokeReason::Expired]
    );
    let (plan, _) = sound(&destroying());
    assert_eq!((plan.revokes.len(), kinds(&plan, ActionKind::Delete)), (4, 7));
    let (plan, _) = sound(&holding());
    assert_eq!((plan.revokes.len(), plan.totals.held), (0, 2));
    let (plan, _) = sound(&restoring());
    assert_eq!(
        plan.grants.iter().map(|step| step.reason).collect::<Vec<_>>(),
        [GrantReason::Restore]
    );
    let (plan, _) = sound(&units());
    assert_eq!(kinds(&plan, ActionKind::Create), 9);
}

#[test]
fn malformed_tables_and_indices_are_rejected() {
    rejects("names-sorted", first(), |plan, _| plan.names.accounts.reverse());
    rejects("grants-sorted", first(), |plan, _| plan.grants.reverse());
    rejects("grants-sorted", first(), |plan, _| {
        plan.grants.push(plan.grants[3])
    });
    rejects("revokes-sorted", swap(), |plan, _| plan.revokes.reverse());
    rejects("records-sorted", adopting(), |plan, _| plan.records.reverse());
    rejects("tuple-names", first(), |plan, _| {
        plan.grants[3].tuple = Tuple::new(1 << 20, 0, 0)
    });
    rejects("notes-in-range", first(), |plan, _| plan.grants[0].note = 1 << 20);
    rejects("declarations-in-range", first(), |plan, _| {
        plan.notes.push(Note {
            declared_by: vec![1 << 20],
            owned: true,
        });
    });
    rejects("waits-per-action", first(), |plan, _| {
        plan.waits.actions.pop();
    });
    rejects("wait-in-range", first(), |plan, _| {
        plan.waits.actions[0].push(Wait::Grant(4))
    });
    rejects("wait-in-range", first(), |plan, _| {
        plan.waits.grants_of_set.insert(0, vec![1 << 20]);
    });
    rejects("wait-in-range", swap(), |plan, _| {
        plan.waits.revokes.insert(2, Vec::new());
    });
    rejects("waits-sorted", swap(), |plan, _| {
        plan.waits.revokes.get_mut(&0).unwrap().reverse()
    });
    rejects("names-missing", first(), |_, input| {
        input
            .observed
            .snapshot
            .access
            .names
            .permission_sets
            .push(set("zzz"));
    });
    rejects("roles-sorted", first(), |plan, _| plan.roles.created.reverse());
}

#[test]
fn grants_must_be_declared_missing_and_complete() {
    rejects("declared-and-forgotten", first(), |plan, _| {
        plan.grants.remove(0);
    });
    rejects("grant-not-declared", first(), |plan, _| {
        let extra = tuple(plan, "dev", "admin", 2);
        plan.grants.push(GrantStep {
            tuple: extra,
            ..plan.grants[0]
        });
        plan.grants.sort_by_key(|step| step.tuple);
    });
    rejects("grant-already-there", first(), |_, input| {
        input.observed.snapshot.access = input.desired.snapshot.access.clone();
    });
    rejects("grant-held", first(), |_, input| {
        input.observed.held.push(held_principal("ops"))
    });
    rejects("grant-held", first(), |_, input| {
        let subject = HeldSubject::Pair(account(1), set("admin"));
        let why = "AccessDenied".into();
        input.observed.held.push(Held { subject, why });
    });
    rejects("grant-held", first(), |_, input| {
        input.observed.snapshot.accounts.remove(&account(1));
    });
    rejects("grant-reason", first(), |plan, _| {
        plan.grants[0].reason = GrantReason::Restore
    });
    rejects("grant-reason", restoring(), |plan, _| {
        plan.grants[0].reason = GrantReason::Declared
    });
    rejects("grant-outside-mode", first(), |plan, input| {
        plan.mode = Mode::Revokes;
        input.options.mode = Mode::Revokes;
    });
}

#[test]
fn revokes_must_be_ours_and_no_longer_declared() {
    rejects("owned-and-forgotten", changes(), |plan, _| plan.revokes.clear());
    rejects("revoke-declared", changes(), |plan, _| {
        let declared = tuple(plan, "ops", "admin", 1);
        insert_revoke(plan, revoke(declared, RevokeReason::BlockRemoved));
    });
    rejects("revoke-not-there", changes(), |plan, _| {
        let nobody = tuple(plan, "dev", "admin", 1);
        insert_revoke(plan, revoke(nobody, RevokeReason::BlockRemoved));
    });
    rejects("grant-and-revoke", changes(), |plan, _| {
        let granted = plan.grants[0].tuple;
        insert_revoke(plan, revoke(granted, RevokeReason::BlockRemoved));
    });
    rejects("revoke-held", changes(), |_, input| {
        input.observed.held.push(held_principal("dev"))
    });
    rejects("revoke-not-ours", unmanaged(), |_, input| {
        input.desired.settings.unmanaged = Unmanaged::Report;
    });
    rejects("revoke-not-ours", unmanaged(), |_, input| {
        input.desired.settings.scope = Scope::Declared
    });
    rejects("revoke-not-ours", changes(), |_, input| {
        input
            .recorded
            .applied
            .access
            .notes
            .iter_mut()
            .for_each(|note| note.owned = false);
    });
    let views = || Matcher {
        permission_sets: vec!["vi*".into()],
        ..Matcher::default()
    };
    rejects("revoke-out-of-scope", unmanaged(), |_, input| {
        input.desired.settings.scope = Scope::Matching(views());
    });
    let named = |what: &str| NamedMatcher {
        label: "others".into(),
        matcher: Matcher {
            permission_sets: vec![what.into()],
            ..Matcher::default()
        },
        location: None,
    };
    rejects("revoke-ignored", unmanaged(), |_, input| {
        input.desired.settings.ignore.push(named("a*"))
    });
    rejects("revoke-protected", changes(), |_, input| {
        input.desired.settings.protect.push(named("view"))
    });
    rejects("revoke-protected", changes(), |_, input| {
        let rules = input.recorded.rules.get_or_insert_default();
        rules.settings.protect.push(named("view"));
    });
    rejects("revoke-reason", unmanaged(), |plan, _| {
        plan.revokes[0].reason = RevokeReason::BlockRemoved
    });
    rejects("revoke-reason", changes(), |plan, _| {
        plan.revokes[0].reason = RevokeReason::Expired
    });
    rejects("revoke-reason", expiring(), |plan, _| {
        plan.revokes[0].reason = RevokeReason::NoLongerSelected
    });
    rejects("revoke-outside-mode", changes(), |plan, input| {
        plan.mode = Mode::Expired;
        input.options.mode = Mode::Expired;
    });
}

#[test]
fn record_steps_must_say_what_is_so() {
    rejects("record-forgotten", adopting(), |plan, _| {
        plan.records.pop();
    });
    rejects("record-step", adopting(), |plan, _| {
        plan.records[0].change = RecordChange::Relabel
    });
    rejects("record-step", adopting(), |plan, _| {
        plan.records[0].change = RecordChange::Forget
    });
    rejects("record-step", changes(), |plan, _| {
        plan.records.push(RecordStep {
            tuple: tuple(plan, "ops", "admin", 1),
            note: 0,
            change: RecordChange::Adopt,
        });
    });
    rejects("record-held", adopting(), |_, input| {
        input.observed.held.push(held_principal("ops"))
    });
}

#[test]
fn what_is_needed_must_be_waited_for() {
    rejects("grant-before-creation", first(), |plan, _| {
        plan.waits.grants_of_set.clear()
    });
    rejects("grant-before-creation", first(), |plan, _| {
        plan.waits.grants_to_principal.clear()
    });
    let joins = |effect: &Effect| matches!(effect, Effect::AddMember { .. });
    rejects("member-before-creation", first(), |plan, _| {
        let index = at(plan, joins);
        plan.waits.actions[index].clear();
    });
    rejects("unit-before-parent", units(), |plan, _| {
        let path = OuPath::new("a/b").unwrap();
        let index = at(plan, |effect| {
            *effect == Effect::CreateOrganizationalUnit { path: path.clone() }
        });
        plan.waits.actions[index].clear();
    });
    let provides =
        |effect: &Effect| matches!(effect, Effect::Provision { name, .. } if name.as_str() == "view");
    rejects("provision-before-update", changes(), |plan, _| {
        let index = at(plan, provides);
        plan.waits.actions[index].retain(|wait| !matches!(wait, Wait::Action(_)));
    });
    rejects("provision-before-revokes", changes(), |plan, _| {
        let index = at(plan, provides);
        plan.waits.actions[index].retain(|wait| matches!(wait, Wait::Action(_)));
    });
    rejects("delete-before-revokes", swap(), |plan, _| {
        let index = at(plan, |effect| matches!(effect, Effect::DeleteGroup { .. }));
        plan.waits.actions[index].clear();
    });
    rejects("delete-before-revokes", rename(), |plan, _| {
        let index = at(plan, |effect| {
            matches!(effect, Effect::DeletePermissionSet { .. })
        });
        plan.waits.actions[index].clear();
    });
    rejects("joined-before-narrowed", narrowing(), |plan, _| {
        let joins = at(plan, joins);
        plan.waits.actions[joins].clear();
    });
    rejects("early-grant-not-provisioned", keeping_what_widens(), |plan, _| {
        let provision = at(plan, |effect| matches!(effect, Effect::Provision { .. }));
        let Some(Effect::Provision { accounts, .. }) = &mut plan.actions[provision].effect else {
            unreachable!()
        };
        *accounts = Some(BTreeSet::from([account(7)]));
    });
    rejects("order-cycle", first(), |plan, _| {
        let joins = u32::try_from(at(plan, joins)).unwrap();
        plan.waits.actions[0].push(Wait::Action(joins));
        plan.waits.actions[joins as usize] =
            vec![Wait::Action(0), Wait::Action(1), Wait::Action(2), Wait::Action(3)];
    });
    rejects("order-cycle", swap(), |plan, _| {
        let team = at(plan, |effect| matches!(effect, Effect::CreateGroup { .. }));
        let ops = plan.names.principal_rank(&principal("ops")).unwrap();
        plan.waits.actions[team].push(Wait::RevokesOfPrincipal(ops));
    });
    rejects("action-before-its-wait", units(), |plan, _| {
        let last = u32::try_from(plan.actions.len() - 1).unwrap();
        plan.waits.actions[0].push(Wait::Action(last));
        plan.waits.actions[last as usize].clear();
    });
}

#[test]
fn nobody_may_be_without_access_on_the_way() {
    rejects("access-gap", swap(), |plan, _| plan.waits.revokes.clear());
    rejects("access-gap", swap(), |plan, _| {
        let waits = plan.waits.revokes.get_mut(&0).unwrap();
        waits.retain(|wait| matches!(wait, Wait::Grant(_)));
    });
    rejects("access-gap", swap(), |plan, _| {
        let waits = plan.waits.revokes.get_mut(&1).unwrap();
        waits.retain(|wait| matches!(wait, Wait::Action(_)));
    });
    rejects("access-gap", swap(), |plan, _| {
        // The grant for the other account does not help.
        let waits = plan.waits.revokes.get_mut(&0).unwrap();
        for wait in waits {
            if *wait == Wait::Grant(0) {
                *wait = Wait::Grant(1);
            }
        }
    });
    rejects("access-gap", mover(), |plan, _| {
        let index = at(plan, |effect| matches!(effect, Effect::RemoveMember { .. }));
        plan.waits.actions[index].clear();
    });
    rejects("role-gap", replaced(), |plan, _| plan.waits.revokes.clear());
    rejects("rename-gap", rename(), |plan, _| plan.waits.revokes.clear());
}

#[test]
fn role_effects_must_follow_from_the_grants() {
    rejects("role-created-unsaid", first(), |plan, _| {
        plan.roles.created.pop();
    });
    rejects("role-created-wrongly", changes(), |plan, _| {
        plan.roles.created = vec![pair(plan, "admin", 1), plan.roles.created[0]];
    });
    rejects("role-deleted-unsaid", changes(), |plan, _| {
        plan.roles.deleted.clear()
    });
    rejects("role-deleted-wrongly", changes(), |plan, _| {
        let stays = DeletedRole {
            pair: pair(plan, "view", 2),
            suffix: None,
        };
        plan.roles.deleted.push(stays);
    });
    rejects("role-updated-unsaid", changes(), |plan, _| {
        plan.roles.updated.pop();
    });
    rejects("role-updated-wrongly", swap(), |plan, _| {
        plan.roles.updated.push(pair(plan, "view", 2))
    });
}

#[test]
fn actions_must_fit_what_they_do_and_whose_it_is() {
    rejects("effect-of-another-kind", first(), |plan, _| {
        plan.actions[0].kind = ActionKind::Update
    });
    rejects("effect-of-another-kind", adopting(), |plan, _| {
        plan.actions[0].kind = ActionKind::Delete
    });
    rejects("effect-of-another-entity", first(), |plan, _| {
        plan.actions[0].entity = EntityKey::PermissionSet(set("admin"));
    });
    rejects("reason-of-another-kind", first(), |plan, _| {
        plan.actions[0].reason = Reason::Expired
    });
    rejects("reason-of-another-kind", first(), |plan, _| {
        plan.actions[0].restore = true
    });
    rejects("create-of-existing", first(), |_, input| {
        let ours = input.desired.snapshot.permission_sets.clone();
        input.observed.snapshot.permission_sets = ours;
    });
    rejects("create-not-declared", first(), |_, input| {
        let sets = &mut input.desired.snapshot.permission_sets;
        sets.get_mut(&set("view")).unwrap().management = Management::Managed;
    });
    rejects("update-not-managed", changes(), |_, input| {
        let sets = &mut input.desired.snapshot.permission_sets;
        sets.get_mut(&set("view")).unwrap().management = Management::Referred;
    });
    rejects("delete-of-missing", rename(), |_, input| {
        input.observed.snapshot.permission_sets.remove(&set("admin"));
    });
    rejects("delete-not-ours", rename(), |_, input| {
        let sets = &mut input.recorded.applied.permission_sets;
        sets.get_mut(&set("admin")).unwrap().management = Management::Referred;
    });
    rejects("delete-of-declared", rename(), |_, input| {
        let sets = &mut input.desired.snapshot.permission_sets;
        let root = sets.get(&set("root")).unwrap().clone();
        sets.insert(set("admin"), root);
    });
}

#[test]
fn memberships_must_be_declared_and_ours() {
    let dev = || GroupName::new("dev").unwrap();
    let user = |name: &str| UserName::new(name).unwrap();
    let joins = |effect: &Effect| matches!(effect, Effect::AddMember { .. });
    rejects("membership-against-declaration", changes(), |plan, _| {
        let index = at(plan, joins);
        plan.actions[index].effect = Some(Effect::AddMember {
            group: dev(),
            user: user("bob"),
        });
    });
    rejects("membership-as-it-is", changes(), |_, input| {
        let group = input.observed.snapshot.groups.get_mut(&dev()).unwrap();
        group.value.members.as_mut().unwrap().insert(user("dan"));
    });
    rejects("membership-not-ours", changes(), |_, input| {
        let group = input.recorded.applied.groups.get_mut(&dev()).unwrap();
        group.value.members.as_mut().unwrap().clear();
    });
    rejects("membership-not-managed", changes(), |_, input| {
        let group = input.desired.snapshot.groups.get_mut(&dev()).unwrap();
        group.management = Management::Referred;
    });
}

#[test]
fn provisions_must_be_needed_and_single() {
    let provides = |effect: &Effect| matches!(effect, Effect::Provision { .. });
    rejects("provision-missing", changes(), |plan, _| {
        remove_action(plan, at(plan, provides))
    });
    rejects("provision-twice", changes(), |plan, _| {
        let index = at(plan, provides);
        plan.actions.push(plan.actions[index].clone());
        plan.waits.actions.push(plan.waits.actions[index].clone());
    });
    let name = || PermissionSetName::new("audit").unwrap();
    rejects("provision-of-nothing", changes(), |plan, _| {
        let index = at(plan, provides);
        plan.actions[index].entity = EntityKey::PermissionSet(name());
        plan.actions[index].effect = Some(Effect::Provision {
            name: name(),
            accounts: None,
        });
    });
    rejects("provision-of-nothing", changes(), |plan, _| {
        let index = at(
            plan,
            |effect| matches!(effect, Effect::Provision { name, .. } if *name == set("view")),
        );
        plan.actions[index].effect = Some(Effect::Provision {
            name: set("view"),
            accounts: Some(BTreeSet::from([account(1)])),
        });
    });
}

#[test]
fn counts_and_digest_must_be_true() {
    rejects("digest", first(), |plan, _| plan.digest = "0000-0000".into());
    rejects("totals", first(), |plan, _| plan.totals.declared += 1);
    rejects("totals", stack(applied()), |plan, _| plan.totals.unchanged -= 1);
    rejects("totals", unmanaged(), |plan, _| plan.totals.unmanaged = 0);
    rejects("totals", holding(), |plan, _| plan.totals.held += 1);
    rejects("people-counts", first(), |plan, _| plan.people.gained += 1);
    rejects("people-counts", changes(), |plan, _| plan.people.losing = 0);
    rejects("people-rows", first(), |plan, _| {
        plan.people.rows[0].people.pop();
    });
    rejects("people-rows", first(), |plan, _| {
        plan.people.rows[0].accounts.push(1 << 20)
    });
    rejects("plan-of-another-input", first(), |plan, _| {
        plan.lineage = Some("ffff".into())
    });
}

#[test]
fn what_must_be_refused_must_be_refused() {
    rejects("max-removals", changes(), |_, input| {
        input.options.max_removals = Some(0)
    });
    rejects("max-removals", swap(), |_, input| {
        input.desired.settings.max_removals = 1
    });
    rejects("max-removals", swap(), |_, input| {
        let rules = input.recorded.rules.get_or_insert_default();
        rules.settings.max_removals = 1;
    });
    rejects("wrong-instance", changes(), |_, input| {
        let bound = input.recorded.instance.as_mut().unwrap();
        bound.arn = ServiceId::new("arn:aws:sso:::instance/ssoins-ffffffffffffffff").unwrap();
    });
    rejects("outside-scope", first(), |_, input| {
        input.desired.settings.scope = Scope::Matching(Matcher {
            accounts: vec!["account-1".into()],
            ..Matcher::default()
        });
    });
    rejects("empty-selector", changes(), |_, input| {
        let address = Address::root(Kind::Assignment, "dev_view");
        input.desired.selections.get_mut(&address).unwrap().accounts = 0;
    });
}

#[test]
fn a_deleted_group_may_not_take_access_away_that_is_kept_by_another() {
    // Somebody else granted view in account 2 to ops, so that this grant is not ours to revoke when ops goes; its
    // people get the same access by the group that follows.
    let scene = applied()
        .granted_outside("ops", "view", 2)
        .account(1)
        .account(2)
        .group("team", &["ada", "bob"])
        .group("dev", &["cyd"])
        .set("admin")
        .set("view")
        .assign("ops_admin", &["team"], &["admin"], &[1, 2])
        .assign("dev_view", &["dev", "team"], &["view"], &[1, 2]);
    rejects("access-gap", scene, |plan, _| {
        let ops = PrincipalKey::Group(GroupName::new("ops").unwrap());
        let ops = plan.names.principal_rank(&ops).unwrap();
        let index = at(plan, |effect| matches!(effect, Effect::DeleteGroup { .. }));
        plan.waits.actions[index] = vec![Wait::RevokesOfPrincipal(ops)];
    });
}

/// The group ops is called operators in the service, by the same id; nothing of it is declared any more.
fn renamed_outside() -> Scene {
    let mut scene = applied();
    let names = [(principal("ops"), principal("operators"))].into();
    scene.input.observed.snapshot.rename_principals(&names);
    scene
        .account(1)
        .account(2)
        .group("dev", &["cyd"])
        .user("ada")
        .user("bob")
        .set("admin")
        .set("view")
        .assign("dev_view", &["dev"], &["view"], &[1, 2])
}

/// Somebody deleted the group ops and made another one of that name, with the same access; nothing of it is declared
/// any more.
fn made_by_others() -> Scene {
    let mut scene = renamed_outside();
    let names = [(principal("operators"), principal("ops"))].into();
    let snapshot = &mut scene.input.observed.snapshot;
    snapshot.rename_principals(&names);
    let group = snapshot.groups.get_mut(&GroupName::new("ops").unwrap()).unwrap();
    group.value.id = Some(ServiceId::new("group-of-others").unwrap());
    scene
}

fn is_delete(effect: &Effect) -> bool {
    matches!(effect, Effect::DeleteGroup { .. })
}

#[test]
fn what_is_known_by_another_name_is_not_forgotten() {
    let (plan, _) = sound(&renamed_outside());
    assert_eq!((plan.revokes.len(), plan.records.len()), (2, 0));
    rejects("owned-and-forgotten", renamed_outside(), |plan, _| {
        plan.revokes.remove(0);
        plan.waits = Default::default();
        plan.waits.actions = vec![Vec::new(); plan.actions.len()];
    });
    rejects("forgotten-while-there", renamed_outside(), |plan, _| {
        let gone = plan.revokes.remove(0);
        plan.records.push(RecordStep {
            tuple: gone.tuple,
            note: gone.note,
            change: RecordChange::Forget,
        });
    });
    let follows = |plan: &Plan| {
        let mut actions = plan.actions.iter();
        actions
            .position(|action| action.kind == ActionKind::Rename)
            .unwrap()
    };
    rejects("rename-forgotten", renamed_outside(), |plan, _| {
        let at = follows(plan);
        remove_action(plan, at);
    });
    rejects("rename-of-another-id", renamed_outside(), |plan, _| {
        let at = follows(plan);
        plan.actions[at].reason = Reason::RenamedOutside {
            from: principal("ops"),
            to: principal("dev"),
        };
    });
}

#[test]
fn what_others_made_under_a_known_name_is_neither_deleted_nor_stripped() {
    let (plan, _) = sound(&made_by_others());
    assert!(plan.revokes.is_empty() && plan.actions.iter().all(|action| action.effect.is_none()));
    rejects("revoke-of-another-id", made_by_others(), |plan, _| {
        let tuple = tuple(plan, "ops", "admin", 1);
        insert_revoke(plan, revoke(tuple, RevokeReason::BlockRemoved));
    });
    rejects("delete-of-another-id", made_by_others(), |plan, _| {
        let action = plan
            .actions
            .iter_mut()
            .find(|action| action.kind == ActionKind::Forget);
        let action = action.unwrap();
        let group = GroupName::new("ops").unwrap();
        (action.kind, action.effect) = (ActionKind::Delete, Some(Effect::DeleteGroup { group }));
        action.reason = Reason::BlockRemoved;
    });
    // The right group, and not the id that it had when it was looked at.
    rejects("delete-of-another-id", renamed_outside(), |plan, _| {
        let index = at(plan, is_delete);
        plan.actions[index].expected_id = Some(ServiceId::new("group-of-others").unwrap());
    });
}

#[test]
fn a_restore_is_called_one_through_a_rename() {
    let scene = || {
        let mut scene = rename();
        scene = scene.revoked_outside("ops", "admin", 1);
        scene
    };
    let (plan, _) = sound(&scene());
    let restores = plan
        .grants
        .iter()
        .filter(|step| step.reason == GrantReason::Restore)
        .count();
    assert_eq!(restores, 1);
    rejects("grant-reason", scene(), |plan, _| {
        plan.grants
            .iter_mut()
            .for_each(|step| step.reason = GrantReason::Renamed);
    });
}
