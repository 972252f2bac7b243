use crate::address::Kind;
use crate::id::{OuPath, PrincipalKey, ServiceId};
use crate::model::account::OrganizationalUnit;
use crate::model::guardrail::{Deny, Exception, Limit, OnUnknown, Require, Selector};
use crate::model::instance::{Held, HeldSubject};
use crate::model::rules::Rules;
use crate::model::snapshot::{Entity, Management};
use crate::plan::finding::Level;
use crate::plan::testing::{Stack, World, account, group, set, time, user};

use super::*;

fn selector(principals: &[PrincipalKey], sets: &[&str], accounts: &[u32]) -> Selector {
    Selector {
        principals: (!principals.is_empty()).then(|| principals.iter().cloned().collect()),
        permission_sets: (!sets.is_empty()).then(|| sets.iter().map(|name| set(name)).collect()),
        accounts: (!accounts.is_empty()).then(|| accounts.iter().map(|n| account(*n)).collect()),
        ..Selector::default()
    }
}

fn guardrail(rule: Rule, except: &[PrincipalKey]) -> Guardrail {
    let exception = || Exception {
        of: selector(except, &[], &[]),
        reason: "on call".into(),
        expires: None,
        location: None,
    };
    Guardrail {
        label: "a rule".into(),
        description: None,
        refuses: true,
        except: (!except.is_empty()).then(exception).into_iter().collect(),
        rules: vec![rule],
        location: None,
    }
}

fn guarded(stack: Stack, rule: Rule, except: &[PrincipalKey]) -> Stack {
    stack.with(|desired| desired.guardrails = vec![guardrail(rule, except)])
}

fn limit(max_people: Option<u64>, max_accounts: Option<u64>, max_session: Option<u32>) -> Rule {
    Rule::Limit(Limit {
        of: selector(&[], &["admin"], &[]),
        max_people,
        max_accounts,
        max_session,
        on_unknown: OnUnknown::Refuse,
    })
}

/// Contractors are in a group of their own, and may be in others.
fn stack(ops: &[&str], contractors: &[&str], accounts: &[u32]) -> Stack {
    Stack::new()
        .accounts(&[1, 2])
        .set("admin", "admin")
        .user("ada", "ada")
        .user("bob", "bob")
        .user("cyd", "cyd")
        .group("ops", "Ops", ops)
        .group("contractors", "Contractors", contractors)
        .assign("a", &[group("Ops")], &["admin"], accounts)
}

fn found(plan: &Plan) -> Vec<(&str, Level)> {
    let codes = plan
        .findings
        .iter()
        .filter(|finding| finding.code.starts_with("guardrail"));
    codes.map(|finding| (&*finding.code, finding.level)).collect()
}

fn no_contractors() -> Rule {
    Rule::Deny(selector(&[group("Contractors")], &["admin"], &[]).into())
}

#[test]
fn what_is_denied_is_denied_by_whatever_path() {
    let world = World::new();
    let plan = world.plan(guarded(
        stack(&["ada", "bob"], &["bob"], &[1]),
        no_contractors(),
        &[],
    ));
    assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
    let finding = plan
        .findings
        .iter()
        .find(|finding| &*finding.code == "guardrail")
        .unwrap();
    let told: Vec<&str> = finding.subjects.iter().map(|subject| &**subject).collect();
    assert_eq!(told.len(), 1, "bob, and not ada: {told:?}");
    assert!(told[0].starts_with("bob would have admin in"), "{told:?}");
    let fine = world.plan(guarded(stack(&["ada"], &["bob"], &[1]), no_contractors(), &[]));
    assert!(found(&fine).is_empty());
    let excepted = world.plan(guarded(
        stack(&["ada", "bob"], &["bob"], &[1]),
        no_contractors(),
        &[user("bob")],
    ));
    assert!(found(&excepted).is_empty());
}

#[test]
fn a_grant_to_a_denied_group_is_denied_also_while_it_is_empty() {
    let direct = stack(&[], &[], &[1]).assign("b", &[group("Contractors")], &["admin"], &[2]);
    let plan = World::new().plan(guarded(direct, no_contractors(), &[]));
    assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
}

#[test]
fn what_is_broken_already_and_gets_no_worse_only_warns() {
    let world = World::new().apply(stack(&["ada", "bob"], &["bob"], &[1]));
    let same = world.plan(guarded(
        stack(&["ada", "bob"], &["bob"], &[1]),
        no_contractors(),
        &[],
    ));
    assert_eq!(found(&same), [("guardrail-broken", Level::Warning)]);
    let less = world.plan(guarded(stack(&["ada"], &["bob"], &[1]), no_contractors(), &[]));
    assert_eq!(found(&less), [("guardrail-broken", Level::Warning)]);
    let more = world.plan(guarded(
        stack(&["ada", "bob"], &["bob"], &[1, 2]),
        no_contractors(),
        &[],
    ));
    assert!(found(&more).contains(&("guardrail", Level::Refusal)));
}

#[test]
fn a_breach_names_person_path_block_and_place() {
    let plan = World::new().plan(guarded(
        stack(&["ada", "bob"], &["bob"], &[1]),
        no_contractors(),
        &[],
    ));
    let [breach] = &plan.guardrails[..] else {
        panic!("{:?}", plan.guardrails)
    };
    assert_eq!(
        (breach.level, breach.rule, breach.since, breach.count),
        (Verdict::Refused, RuleKind::Deny, Since::Plan, 1)
    );
    let [subject] = &breach.subjects[..] else {
        panic!("{breach:?}")
    };
    assert_eq!(subject.person.as_ref().unwrap().as_str(), "bob");
    assert_eq!(subject.principal, Some(group("Ops")));
    assert_eq!(subject.permission_set, Some(set("admin")));
    assert_eq!(subject.account, Some(account(1)));
    assert_eq!(subject.declared_by.len(), 1);
    assert!(
        subject.text.contains("by group Ops (assignment.a)"),
        "{}",
        subject.text
    );
}

#[test]
fn an_exception_ends_when_its_time_has_come() {
    let world = World::new();
    let with = |expires: &str| {
        let mut rule = guardrail(no_contractors(), &[user("bob")]);
        rule.except[0].expires = Some(time(expires));
        stack(&["ada", "bob"], &["bob"], &[1]).with(|desired| desired.guardrails = vec![rule])
    };
    // The world's clock shows 2026-06-01.
    assert!(found(&world.plan(with("2026-06-02T00:00:00Z"))).is_empty());
    assert_eq!(
        found(&world.plan(with("2026-06-01T00:00:00Z"))),
        [("guardrail", Level::Refusal)]
    );
}

#[test]
fn an_exception_is_for_the_access_that_it_names() {
    let world = World::new();
    let with = |accounts: &[u32]| {
        let mut rule = guardrail(no_contractors(), &[user("bob")]);
        rule.except[0].of = selector(&[user("bob")], &[], &[1]);
        stack(&["bob"], &["bob"], accounts).with(|desired| desired.guardrails = vec![rule])
    };
    assert!(found(&world.plan(with(&[1]))).is_empty());
    let plan = world.plan(with(&[1, 2]));
    assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
    assert_eq!(plan.guardrails[0].subjects[0].account, Some(account(2)));
}

#[test]
fn who_leaves_an_exception_and_keeps_the_access_is_judged() {
    let excepted = || guardrail(no_contractors(), &[group("Guard")]);
    let with = |guards: &[&str], more: &[u32]| {
        stack(&["bob"], &["bob"], &[1])
            .group("guard", "Guard", guards)
            .assign("more", &[group("Ops")], &["admin"], more)
            .with(|desired| desired.guardrails = vec![excepted()])
    };
    let world = World::new().apply(with(&["bob"], &[1]));
    assert!(found(&world.plan(with(&["bob"], &[1, 2]))).is_empty());
    // A plan that takes away alone is never refused, and says what it leaves.
    assert_eq!(
        found(&world.plan(with(&[], &[1]))),
        [("guardrail", Level::Warning)]
    );
    assert_eq!(
        found(&world.plan(with(&[], &[1, 2]))),
        [("guardrail", Level::Refusal)]
    );
}

#[test]
fn a_limit_counts_people_at_the_end() {
    let most = |people| limit(Some(people), None, None);
    let world = World::new().apply(stack(&["ada"], &[], &[1]));
    let two = || stack(&["ada", "bob"], &[], &[1]);
    assert!(found(&world.plan(guarded(two(), most(2), &[]))).is_empty());
    let plan = world.plan(guarded(two(), most(1), &[]));
    assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
    assert_eq!(plan.guardrails[0].count, 2);
    let new: Vec<_> = plan.guardrails[0]
        .subjects
        .iter()
        .map(|subject| subject.person.clone())
        .collect();
    assert_eq!(new, [Some(crate::plan::testing::user_name("bob"))]);
    assert!(found(&world.plan(guarded(two(), most(1), &[user("bob")]))).is_empty());
    // One goes, another comes: there are no more of them than before.
    let other = stack(&["bob"], &[], &[1]);
    assert!(found(&world.plan(guarded(other, most(1), &[]))).is_empty());
    let none = stack(&["ada"], &[], &[1]);
    assert_eq!(
        found(&world.plan(guarded(none, most(0), &[]))),
        [("guardrail-broken", Level::Warning)]
    );
}

#[test]
fn a_limit_that_cannot_be_counted_is_not_kept() {
    let rule = |on_unknown| {
        Rule::Limit(Limit {
            of: selector(&[], &["admin"], &[]),
            max_people: Some(9),
            on_unknown,
            ..Limit::default()
        })
    };
    let mut world = World::new().apply(stack(&["ada"], &["bob"], &[1]));
    for group in world.observed.snapshot.groups.values_mut() {
        group.value.members = None;
    }
    let same = || stack(&["ada"], &["bob"], &[1]);
    assert_eq!(
        found(&world.plan(guarded(same(), rule(OnUnknown::Refuse), &[]))),
        [("guardrail-unknown", Level::Warning)],
        "nothing new"
    );
    let more = || same().assign("b", &[group("Contractors")], &["admin"], &[1]);
    let refused = world.plan(guarded(more(), rule(OnUnknown::Refuse), &[]));
    assert_eq!(found(&refused), [("guardrail-unknown", Level::Refusal)]);
    assert_eq!(
        refused.guardrails[0].subjects[0].principal,
        Some(group("Contractors"))
    );
    assert_eq!(
        found(&world.plan(guarded(more(), rule(OnUnknown::Warn), &[]))),
        [("guardrail-unknown", Level::Warning)]
    );
}

#[test]
fn a_person_has_it_in_so_many_accounts_and_no_more() {
    let most = |accounts| limit(None, Some(accounts), None);
    let world = World::new().apply(stack(&["ada"], &[], &[1]));
    assert!(found(&world.plan(guarded(stack(&["ada"], &[], &[1, 2]), most(2), &[]))).is_empty());
    let plan = world.plan(guarded(stack(&["ada"], &[], &[1, 2]), most(1), &[]));
    assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
    assert_eq!(
        &*plan.guardrails[0].subjects[0].text,
        "ada would have it in 2 accounts"
    );
    // Two people in an account each are no more than one account for each.
    let each = stack(&["ada"], &["bob"], &[1]).assign("b", &[group("Contractors")], &["admin"], &[2]);
    assert!(found(&world.plan(guarded(each, most(1), &[]))).is_empty());
    let same = World::new().apply(stack(&["ada"], &[], &[1, 2]));
    assert_eq!(
        found(&same.plan(guarded(stack(&["ada"], &[], &[1, 2]), most(1), &[]))),
        [("guardrail-broken", Level::Warning)]
    );
}

#[test]
fn sessions_last_no_longer_than_the_limit() {
    let hour = || limit(None, None, Some(3600));
    let lasting = |accounts: &[u32], length: &str| {
        stack(&["ada"], &[], accounts).set_with("admin", "admin", |entity| {
            entity.value.session_duration = length.parse().unwrap();
        })
    };
    let world = World::new().apply(lasting(&[1], "PT1H"));
    assert!(found(&world.plan(guarded(lasting(&[1, 2], "PT1H"), hour(), &[]))).is_empty());
    let longer = world.plan(guarded(lasting(&[1], "PT4H"), hour(), &[]));
    assert_eq!(found(&longer), [("guardrail", Level::Refusal)]);
    assert_eq!(
        &*longer.guardrails[0].subjects[0].text,
        "admin has sessions of 4 hours"
    );
    let long = World::new().apply(lasting(&[1], "PT4H"));
    let same = long.plan(guarded(lasting(&[1], "PT4H"), hour(), &[]));
    assert_eq!(found(&same), [("guardrail-broken", Level::Warning)]);
    let shorter = long.plan(guarded(lasting(&[1], "PT2H"), hour(), &[]));
    assert_eq!(found(&shorter), [("guardrail-broken", Level::Warning)]);
    let wider = long.plan(guarded(lasting(&[1, 2], "PT4H"), hour(), &[]));
    assert_eq!(found(&wider), [("guardrail", Level::Refusal)]);
}

#[test]
fn what_is_required_is_asked_of_new_grants() {
    let rule = |expires_within, reason| {
        Rule::Require(Require {
            of: selector(&[], &["admin"], &[2]),
            expires_within,
            reason,
            ..Require::default()
        })
    };
    let world = World::new().apply(stack(&["ada"], &[], &[1]));
    let plan = world.plan(guarded(stack(&["ada"], &[], &[1, 2]), rule(None, true), &[]));
    assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
    assert!(
        plan.guardrails[0].subjects[0]
            .text
            .contains("no block gives a `reason`")
    );
    let elsewhere = world.plan(guarded(stack(&["ada"], &[], &[1]), rule(None, true), &[]));
    assert!(found(&elsewhere).is_empty());
    let late = world.plan(guarded(
        stack(&["ada"], &[], &[1, 2]),
        rule(Some(86_400), false),
        &[],
    ));
    assert_eq!(found(&late), [("guardrail", Level::Refusal)]);
}

#[test]
fn what_is_required_cannot_be_taken_away_afterwards() {
    let rule = || {
        Rule::Require(Require {
            of: selector(&[], &["admin"], &[]),
            reason: true,
            ..Require::default()
        })
    };
    let with = |reason: Option<&str>| {
        let mut stack = stack(&["ada"], &[], &[1]);
        stack.blocks[0].declaration.reason = reason.map(Into::into);
        stack
    };
    let reasoned = World::new().apply(with(Some("OPS-1")));
    assert!(found(&reasoned.plan(guarded(with(Some("OPS-2")), rule(), &[]))).is_empty());
    assert_eq!(
        found(&reasoned.plan(guarded(with(None), rule(), &[]))),
        [("guardrail", Level::Refusal)]
    );
    let bare = World::new().apply(with(None));
    assert_eq!(
        found(&bare.plan(guarded(with(None), rule(), &[]))),
        [("guardrail-broken", Level::Warning)]
    );
}

#[test]
fn what_must_expire_cannot_be_put_off_afterwards() {
    let rule = || {
        Rule::Require(Require {
            of: selector(&[], &["admin"], &[]),
            expires_within: Some(86_400),
            ..Require::default()
        })
    };
    let until = |end: Option<&str>| {
        let mut stack = stack(&["ada"], &[], &[1]);
        stack.blocks[0].declaration.expires = end.map(time);
        stack
    };
    let (late, later) = (Some("2027-01-01T00:00:00Z"), Some("2027-06-01T00:00:00Z"));
    let world = World::new().apply(until(late));
    // It was to end too late already, and ends no later than that.
    let plan = |end| world.plan(guarded(until(end), rule(), &[]));
    assert_eq!(found(&plan(late)), [("guardrail-broken", Level::Warning)]);
    assert_eq!(found(&plan(later)), [("guardrail", Level::Refusal)]);
    assert_eq!(found(&plan(None)), [("guardrail", Level::Refusal)]);
    assert_eq!(
        found(&plan(Some("2026-12-31T00:00:00Z"))),
        [("guardrail-broken", Level::Warning)]
    );
}

#[test]
fn sets_need_boundaries_and_tags_and_accounts_need_tags() {
    let rule = |of: Require| Rule::Require(of);
    let world = World::new();
    let plain = || stack(&["ada"], &[], &[1]);
    let boundary = rule(Require {
        boundary: true,
        ..Require::default()
    });
    let plan = world.plan(guarded(plain(), boundary.clone(), &[]));
    assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
    let bounded = plain().set_with("admin", "admin", |entity| {
        entity.value.permissions_boundary = Some(crate::model::Boundary::Managed(
            "arn:aws:iam::aws:policy/PowerUserAccess".into(),
        ));
        entity
            .value
            .tags
            .insert("owner".into(), crate::model::Text::known("ops"));
    });
    assert!(found(&world.plan(guarded(bounded.clone(), boundary, &[]))).is_empty());
    let tagged = rule(Require {
        permission_set_tags: ["owner".into()].into(),
        ..Require::default()
    });
    assert_eq!(
        found(&world.plan(guarded(plain(), tagged.clone(), &[]))),
        [("guardrail", Level::Refusal)]
    );
    assert!(found(&world.plan(guarded(bounded, tagged, &[]))).is_empty());
    let placed = rule(Require {
        account_tags: ["env".into()].into(),
        ..Require::default()
    });
    let mut tags = World::new();
    assert_eq!(
        found(&tags.plan(guarded(plain(), placed.clone(), &[]))),
        [("guardrail", Level::Refusal)]
    );
    let there = tags.observed.snapshot.accounts.get_mut(&account(1)).unwrap();
    there.value.tags = Some([("env".into(), "prod".into())].into());
    assert!(found(&tags.plan(guarded(plain(), placed, &[]))).is_empty());
}

#[test]
fn a_change_that_removes_a_guardrail_is_judged_by_it() {
    let mut world = World::new().apply(stack(&["ada"], &["bob"], &[1]));
    world.recorded.rules = Some(Box::new(Rules {
        guardrails: vec![guardrail(no_contractors(), &[])],
        ..Rules::default()
    }));
    let sneaky = stack(&["ada", "bob"], &["bob"], &[1]);
    let plan = world.plan(sneaky.clone());
    assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
    assert!(plan.guardrails[0].as_last_applied);
    assert!(
        plan.guardrails[0]
            .remedy
            .as_ref()
            .unwrap()
            .contains("alone first")
    );
    // The same with an exception for itself.
    let excepted = guarded(sneaky.clone(), no_contractors(), &[user("bob")]);
    assert_eq!(found(&world.plan(excepted)), [("guardrail", Level::Refusal)]);
    // The change of the rule alone passes, and is a plan to approve.
    let alone = world.plan(stack(&["ada"], &["bob"], &[1]));
    assert!(found(&alone).is_empty() && !alone.is_empty() && alone.rules.may_loosen());
    // After it was applied, the access passes.
    world.recorded.rules = Some(Box::default());
    assert!(found(&world.plan(sneaky.clone())).is_empty());
    // A stricter one of the same name judges instead of the recorded one, once.
    world.recorded.rules = Some(Box::new(Rules {
        guardrails: vec![guardrail(no_contractors(), &[user("cyd")])],
        ..Rules::default()
    }));
    let stricter = world.plan(guarded(sneaky, no_contractors(), &[]));
    assert_eq!(found(&stricter), [("guardrail", Level::Refusal)]);
    assert!(!stricter.guardrails[0].as_last_applied);
}

#[test]
fn a_set_that_only_gets_another_name_breaks_nothing_anew() {
    let named = |name: &str, ops: &[&str]| {
        Stack::new()
            .accounts(&[1, 2])
            .set("admin", name)
            .user("ada", "ada")
            .user("bob", "bob")
            .group("ops", "Ops", ops)
            .group("contractors", "Contractors", &["bob", "ada"])
            .assign("a", &[group("Ops")], &[name], &[1])
    };
    let denied = |name: &str| Rule::Deny(selector(&[group("Contractors")], &[name], &[]).into());
    let mut world = World::new().apply(named("admin", &["bob"]));
    world.recorded.rules = Some(Box::new(Rules {
        guardrails: vec![guardrail(denied("admin"), &[])],
        ..Rules::default()
    }));
    let same = world.plan(guarded(named("power", &["bob"]), denied("power"), &[]));
    assert!(
        !same.grants.is_empty() && !same.is_refused(),
        "{:#?}",
        same.findings
    );
    assert!(same.guardrails.iter().all(|breach| breach.since == Since::Before));
    // Who joins with the new name is new.
    let more = world.plan(guarded(named("power", &["bob", "ada"]), denied("power"), &[]));
    assert_eq!(found(&more)[0], ("guardrail", Level::Refusal));
    // A name that was not denied before is no old breach.
    world.recorded.rules = None;
    let other = world.plan(guarded(named("power", &["bob"]), denied("power"), &[]));
    assert!(other.is_refused());
}

#[test]
fn a_set_that_keeps_its_old_name_for_a_while_breaks_nothing_anew() {
    let looked_up = |name: &str, keeps: bool| {
        Stack::new()
            .accounts(&[1, 2])
            .set_with("admin", name, |entity| {
                if keeps {
                    entity.keep_old_until = Some(time("2027-01-01T00:00:00Z"));
                }
            })
            .data_group("ops", "Ops")
            .data_group("contractors", "Contractors")
            .assign("a", &[group("Ops")], &[name], &[1])
    };
    let denied = |name: &str| Rule::Deny(selector(&[group("Contractors")], &[name], &[]).into());
    let mut world = directory().apply(looked_up("admin", false));
    last_applied(&mut world, vec![guardrail(denied("admin"), &[])]);
    let gone = crate::id::GroupName::new("Contractors").unwrap();
    world.observed.snapshot.groups.remove(&gone);
    for keeps in [false, true] {
        let plan = world.plan(guarded(looked_up("power", keeps), denied("power"), &[]));
        assert_eq!(plan.revokes.is_empty(), keeps, "the old name stays");
        assert!(!plan.grants.is_empty());
        let worst = found(&plan).into_iter().map(|(_, level)| level).min();
        assert_eq!(worst, Some(Level::Warning), "{keeps}: {:?}", found(&plan));
    }
}

#[test]
fn a_limit_that_is_broken_gets_no_worse_by_a_new_name() {
    let named = |name: &str, ops: &[&str], accounts: &[u32], length: &str| {
        Stack::new()
            .accounts(&[1, 2])
            .set_with("admin", name, |entity| {
                entity.value.session_duration = length.parse().unwrap();
            })
            .user("ada", "ada")
            .user("bob", "bob")
            .user("cyd", "cyd")
            .group("ops", "Ops", ops)
            .assign("a", &[group("Ops")], &[name], accounts)
    };
    let limits = |name: &str, most: (Option<u64>, Option<u64>, Option<u32>)| {
        Rule::Limit(Limit {
            of: selector(&[], &[name], &[]),
            max_people: most.0,
            max_accounts: most.1,
            max_session: most.2,
            on_unknown: OnUnknown::Refuse,
        })
    };
    let now = named("admin", &["ada", "bob"], &[1], "PT4H");
    for (most, worse) in [
        (
            (Some(1), None, None),
            named("power", &["ada", "bob", "cyd"], &[1], "PT4H"),
        ),
        (
            (None, Some(0), None),
            named("power", &["ada", "bob"], &[1, 2], "PT4H"),
        ),
        (
            (None, None, Some(3600)),
            named("power", &["ada", "bob"], &[1], "PT8H"),
        ),
    ] {
        let mut world = World::new().apply(now.clone());
        last_applied(&mut world, vec![guardrail(limits("admin", most), &[])]);
        let renamed = named("power", &["ada", "bob"], &[1], "PT4H");
        let same = world.plan(guarded(renamed.clone(), limits("power", most), &[]));
        assert!(!same.grants.is_empty() && !same.revokes.is_empty());
        let levels: Vec<Level> = found(&same).into_iter().map(|(_, level)| level).collect();
        assert!(
            !levels.is_empty() && levels.iter().all(|level| *level == Level::Warning),
            "{most:?}: {levels:?}"
        );
        assert!(same.guardrails.iter().all(|breach| breach.since == Since::Before));
        let worse = world.plan(guarded(worse, limits("power", most), &[]));
        assert!(found(&worse).contains(&("guardrail", Level::Refusal)), "{most:?}");
        // What was not limited before is not broken already.
        last_applied(&mut world, Vec::new());
        let other = world.plan(guarded(renamed, limits("power", most), &[]));
        assert!(other.is_refused(), "{most:?}");
    }
}

/// Whom the directory keeps: Ops and Contractors are looked up.
fn looked_up(accounts: &[u32]) -> Stack {
    let stack = Stack::new()
        .accounts(&[1, 2])
        .set("admin", "admin")
        .data_group("ops", "Ops")
        .data_group("contractors", "Contractors");
    match accounts {
        [] => stack,
        accounts => stack.assign("a", &[group("Ops")], &["admin"], accounts),
    }
}

fn directory() -> World {
    World::new()
        .has_group("Ops", &["ada", "bob"])
        .has_group("Contractors", &["bob"])
}

fn holds(mut world: World, subject: HeldSubject) -> World {
    world.observed.held.push(Held {
        subject,
        why: "denied".into(),
    });
    world
}

fn denies(on_unknown: OnUnknown) -> Rule {
    Rule::Deny(Deny {
        of: selector(&[group("Contractors")], &["admin"], &[]),
        on_unknown,
    })
}

#[test]
fn who_cannot_be_told_from_those_who_are_denied_is_not_let_in() {
    let name = |name: &str| crate::id::GroupName::new(name).unwrap();
    let unread = |world: World, of: &str| holds(world, HeldSubject::Members(name(of)));
    let planned = |world: &World, accounts: &[u32], on_unknown| {
        found_owned(&world.plan(guarded(looked_up(accounts), denies(on_unknown), &[])))
    };
    let refused = [("guardrail-unknown".to_owned(), Level::Refusal)];
    let warned = [("guardrail-unknown".to_owned(), Level::Warning)];
    for of in ["Ops", "Contractors"] {
        let world = unread(directory(), of);
        assert_eq!(planned(&world, &[1], OnUnknown::Refuse), refused, "{of}");
        assert_eq!(planned(&world, &[1], OnUnknown::Warn), warned, "{of}");
        assert!(planned(&world, &[], OnUnknown::Refuse).is_empty(), "nothing new");
        let before = directory().apply(looked_up(&[1]));
        let world = unread(before, of);
        assert!(
            planned(&world, &[1], OnUnknown::Refuse).is_empty(),
            "no more than there was: {of}"
        );
        assert_eq!(planned(&world, &[1, 2], OnUnknown::Refuse), refused, "{of}");
    }
    // Without users, and without groups, nobody can tell anything.
    for kind in [Kind::User, Kind::Group] {
        let mut world = directory().has_grant(1, "admin", group("Ops")).has_set("admin");
        if kind == Kind::Group {
            world.observed.snapshot.groups.clear();
        }
        let world = holds(world, HeldSubject::All(kind));
        let direct = looked_up(&[])
            .user("cyd", "cyd")
            .assign("b", &[user("cyd")], &["admin"], &[2]);
        let plan = world.plan(guarded(direct, denies(OnUnknown::Refuse), &[]));
        let held = kind == Kind::User;
        // Where users cannot be read, nothing is granted to one, so that nothing is newly given.
        assert_eq!(plan.grants.is_empty(), held);
        assert_eq!(found_owned(&plan).contains(&refused[0]), !held, "{kind:?}");
    }
}

fn found_owned(plan: &Plan) -> Vec<(String, Level)> {
    let found = found(plan).into_iter();
    found.map(|(code, level)| (code.to_owned(), level)).collect()
}

#[test]
fn who_joins_a_group_with_access_is_judged_where_nobody_knows_who_is_denied() {
    let with = |members: &[&str]| {
        Stack::new()
            .accounts(&[1])
            .set("admin", "admin")
            .user("ada", "ada")
            .user("cyd", "cyd")
            .data_group("contractors", "Contractors")
            .group("ops", "Ops", members)
            .assign("a", &[group("Ops")], &["admin"], &[1])
    };
    let world = World::new().has_group("Contractors", &[]).apply(with(&["ada"]));
    let name = crate::id::GroupName::new("Contractors").unwrap();
    let world = holds(world, HeldSubject::Members(name));
    let plan = world.plan(guarded(with(&["ada", "cyd"]), denies(OnUnknown::Refuse), &[]));
    assert_eq!(found(&plan), [("guardrail-unknown", Level::Refusal)]);
    let plan = world.plan(guarded(with(&[]), denies(OnUnknown::Refuse), &[]));
    assert!(found(&plan).is_empty(), "who goes is let go");
}

#[test]
fn a_limit_is_not_kept_by_people_whom_nobody_sees() {
    // The group that has it already cannot be listed, and is an id without a name.
    let mut world = World::new().has_set("admin");
    let gone = ServiceId::new("id-9").unwrap();
    world = world.has_grant(1, "admin", PrincipalKey::OrphanGroup(gone));
    let direct = || {
        Stack::new()
            .accounts(&[1])
            .set("admin", "admin")
            .user("ada", "ada")
            .assign("a", &[user("ada")], &["admin"], &[1])
    };
    let most = || limit(Some(2), None, None);
    let plan = world.plan(guarded(direct(), most(), &[]));
    assert!(found(&plan).is_empty(), "an orphan lets nobody in");
    let dark = holds(world, HeldSubject::All(Kind::Group));
    let plan = dark.plan(guarded(direct(), most(), &[]));
    assert_eq!(found(&plan), [("guardrail-unknown", Level::Refusal)]);
    let told = &plan.guardrails[0].subjects[0].text;
    assert!(told.ends_with("known by its id alone"), "{told}");
    // Nothing new: it is said and stops nothing.
    let plan = dark.plan(guarded(
        Stack::new().accounts(&[1]).set("admin", "admin"),
        most(),
        &[],
    ));
    assert_eq!(found(&plan), [("guardrail-unknown", Level::Warning)]);
}

#[test]
fn a_rule_over_a_group_that_is_not_there_any_more_is_not_a_rule_over_nobody() {
    let name = |name: &str| crate::id::GroupName::new(name).unwrap();
    let renamed = || {
        let mut world = directory().apply(looked_up(&[]));
        let groups = &mut world.observed.snapshot.groups;
        let mut group = groups.remove(&name("Contractors")).unwrap();
        group.value.display_name = name("Externals");
        groups.insert(name("Externals"), group);
        world
    };
    let missing = renamed();
    let plan = missing.plan(guarded(looked_up(&[1]), denies(OnUnknown::Refuse), &[]));
    assert_eq!(found(&plan), [("guardrail-unknown", Level::Refusal)]);
    let told = &plan.guardrails[0].subjects[0];
    assert_eq!(told.principal, Some(group("Contractors")));
    assert!(told.text.contains("is not there"), "{}", told.text);
    let plan = missing.plan(guarded(looked_up(&[1]), denies(OnUnknown::Warn), &[]));
    assert_eq!(found(&plan), [("guardrail-unknown", Level::Warning)]);
    // A rule that is about nobody any more is said in every plan.
    let plan = missing.plan(guarded(looked_up(&[]), denies(OnUnknown::Refuse), &[]));
    assert_eq!(found(&plan), [("guardrail-unknown", Level::Warning)]);
    // Somebody else is given the name.
    let rebound = renamed().has_group("Contractors", &[]);
    let plan = rebound.plan(guarded(looked_up(&[1]), denies(OnUnknown::Refuse), &[]));
    assert_eq!(found(&plan), [("guardrail-unknown", Level::Refusal)]);
    assert!(plan.guardrails[0].subjects[0].text.contains("means another one"));
    // Once it is seen and applied, the name means whom it means.
    let world = rebound.apply(looked_up(&[]));
    let plan = world.plan(guarded(looked_up(&[1]), denies(OnUnknown::Refuse), &[]));
    assert!(found(&plan).is_empty(), "{:?}", found(&plan));
    // A group that the plan makes has the members that it makes.
    let made = Stack::new()
        .accounts(&[1])
        .set("admin", "admin")
        .data_group("ops", "Ops")
        .group("contractors", "Contractors", &[])
        .assign("a", &[group("Ops")], &["admin"], &[1]);
    let world = World::new().has_group("Ops", &["ada"]);
    let plan = world.plan(guarded(made, denies(OnUnknown::Refuse), &[]));
    assert!(found(&plan).is_empty(), "{:?}", found(&plan));
}

#[test]
fn an_exception_for_a_name_that_means_others_now_excuses_nobody() {
    let rule = || Rule::Deny(selector(&[], &["admin"], &[]).into());
    let world = directory().apply(looked_up(&[]));
    let excepted =
        |world: &World| found_owned(&world.plan(guarded(looked_up(&[1]), rule(), &[group("Ops")])));
    assert!(excepted(&world).is_empty());
    let mut other = world;
    let ops = crate::id::GroupName::new("Ops").unwrap();
    let there = other.observed.snapshot.groups.get_mut(&ops).unwrap();
    there.value.id = Some(ServiceId::new("id-99").unwrap());
    assert!(excepted(&other).contains(&("guardrail".to_owned(), Level::Refusal)));
}

#[test]
fn what_is_broken_already_is_told_by_person_path_and_block() {
    let world = World::new().apply(stack(&["ada", "bob"], &["bob"], &[1]));
    let same = || stack(&["ada", "bob"], &["bob"], &[1]);
    let told = |rule: Rule| {
        let plan = world.plan(guarded(same(), rule, &[]));
        let [breach] = &plan.guardrails[..] else {
            panic!("{:?}", plan.guardrails)
        };
        assert_eq!((breach.since, breach.level), (Since::Before, Verdict::Warned));
        assert!(breach.remedy.is_some());
        let texts = breach.subjects.iter().map(|subject| subject.text.to_string());
        texts.collect::<Vec<_>>()
    };
    assert_eq!(
        told(no_contractors()),
        ["bob has admin in account-1, by group Ops (assignment.a)"]
    );
    assert_eq!(told(limit(Some(1), None, None)).len(), 2);
    let reason = Rule::Require(Require {
        of: selector(&[], &["admin"], &[]),
        reason: true,
        ..Require::default()
    });
    let told = told(reason);
    assert!(told[0].contains("no block gives a `reason`"), "{told:?}");
}

fn last_applied(world: &mut World, guardrails: Vec<Guardrail>) {
    world.recorded.rules = Some(Box::new(Rules {
        guardrails,
        ..Rules::default()
    }));
}

#[test]
fn a_new_name_is_no_way_out_of_a_rule_of_the_last_apply() {
    let with = |name: &str, sets: &[&str]| {
        Stack::new()
            .accounts(&[1])
            .set("admin", name)
            .set("tools", "tools")
            .user("bob", "bob")
            .group("contractors", "Contractors", &["bob"])
            .assign("t", &[group("Contractors")], sets, &[1])
    };
    let denied = || guardrail(no_contractors(), &[]);
    let mut world = World::new().apply(with("admin", &["tools"]));
    last_applied(&mut world, vec![denied()]);
    // The rule goes, the set is called otherwise, and they get it.
    let plan = world.plan(with("boss", &["tools", "boss"]));
    assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
    assert!(plan.guardrails[0].as_last_applied);
    // Who had it by its old name keeps it, and is told.
    let mut had = World::new().apply(with("admin", &["tools", "admin"]));
    last_applied(&mut had, vec![denied()]);
    assert_eq!(
        found(&had.plan(with("boss", &["tools", "boss"]))),
        [("guardrail-broken", Level::Warning)]
    );
    // A rule that follows the name is the same rule.
    let follows = guarded(
        with("boss", &["tools"]),
        Rule::Deny(selector(&[group("Contractors")], &["boss"], &[]).into()),
        &[],
    );
    let plan = world.plan(follows);
    assert!(found(&plan).is_empty(), "{:?}", found(&plan));
    assert!(
        plan.rules.known && plan.rules.changes.is_empty(),
        "{:?}",
        plan.rules
    );
}

#[test]
fn a_rule_follows_an_account_from_its_address_to_its_id() {
    let email = crate::id::Email::new("new@example.com").unwrap();
    let mail = || crate::id::AccountKey::Email(email.clone());
    let rule = |key: crate::id::AccountKey| {
        let of = Selector {
            principals: Some([group("Contractors")].into()),
            accounts: Some([key].into()),
            ..Selector::default()
        };
        guardrail(Rule::Deny(of.into()), &[])
    };
    let with = |guardrails: Vec<Guardrail>, accounts: &[u32]| {
        let stack = stack(&[], &["bob"], &[]).with(|desired| desired.guardrails = guardrails);
        match accounts {
            [] => stack,
            accounts => stack.assign("b", &[group("Contractors")], &["admin"], accounts),
        }
    };
    let mut world = World::new();
    let created = world.observed.snapshot.accounts.get_mut(&account(2)).unwrap();
    created.value.email = Some(email.clone());
    let mut world = world.apply(with(Vec::new(), &[]));
    last_applied(&mut world, vec![rule(mail())]);
    for declared in [Vec::new(), vec![rule(mail())], vec![rule(account(2))]] {
        let plan = world.plan(with(declared.clone(), &[2]));
        assert!(
            found(&plan).contains(&("guardrail", Level::Refusal)),
            "{declared:?}"
        );
        assert!(found(&world.plan(with(declared.clone(), &[1]))).is_empty());
        let plan = world.plan(with(declared.clone(), &[]));
        assert_eq!(plan.rules.may_loosen(), declared.is_empty(), "{:?}", plan.rules);
    }
}

#[test]
fn an_exception_whose_time_is_over_is_noted() {
    let with = |expires: &str| {
        let mut rule = guardrail(no_contractors(), &[user("ada")]);
        rule.except[0].expires = Some(time(expires));
        stack(&["ada"], &["bob"], &[1]).with(|desired| desired.guardrails = vec![rule])
    };
    let noted = |plan: &Plan| {
        let mut findings = plan.findings.iter();
        findings.any(|finding| &*finding.code == "expired-exception" && finding.level == Level::Note)
    };
    let world = World::new();
    assert!(noted(&world.plan(with("2026-05-31T00:00:00Z"))));
    assert!(!noted(&world.plan(with("2026-07-01T00:00:00Z"))));
}

#[test]
fn what_passes_by_an_exception_alone_is_told_with_its_reason_and_its_end() {
    let told = |plan: &Plan| -> Vec<(String, Vec<String>)> {
        let findings = plan.findings.iter();
        let found = findings.filter(|finding| &*finding.code == "passes-by-exception");
        let told = found.map(|finding| {
            let subjects = finding.subjects.iter().map(ToString::to_string).collect();
            (finding.message.to_string(), subjects)
        });
        told.collect()
    };
    let excepted = |except: &[PrincipalKey], ends: Option<&str>| {
        let mut rule = guardrail(no_contractors(), except);
        for exception in &mut rule.except {
            exception.expires = ends.map(time);
        }
        stack(&["bob"], &["bob"], &[1]).with(|desired| desired.guardrails = vec![rule])
    };
    let plan = World::new().plan(excepted(&[user("bob")], Some("2027-01-15T00:00:00Z")));
    assert!(plan.guardrails.is_empty());
    assert_eq!(
        told(&plan),
        [(
            "guardrail \"a rule\": 1 case passes by an exception alone (on call), until 2027-01-15T00:00:00Z"
                .to_owned(),
            vec!["bob would have admin in account-1, by group Ops (assignment.a)".to_owned()]
        )]
    );
    // It excuses nobody who would be denied anything; it is there already; what is refused all the same.
    assert_eq!(told(&World::new().plan(excepted(&[user("ada")], None))), []);
    let again = World::new().apply(excepted(&[user("bob")], None));
    assert_eq!(told(&again.plan(excepted(&[user("bob")], None))), []);
}

/// Accounts 1 and 2, of which some stand in the unit that the rule is written over.
fn over_prod(stack: Stack, prod: &[u32], rule: impl Fn(Selector) -> Rule) -> Stack {
    let unit = |name: &str| OuPath::new(name).unwrap();
    stack.with(|desired| {
        for n in [1, 2] {
            let ou = if prod.contains(&n) { "prod" } else { "dev" };
            let declared = desired.snapshot.accounts.get_mut(&account(n)).unwrap();
            declared.value.ou = Some(unit(ou));
        }
        let of = Selector {
            accounts: Some(prod.iter().map(|n| account(*n)).collect()),
            accounts_from: Some("prod".into()),
            ..Selector::default()
        };
        desired.guardrails = vec![guardrail(rule(of), &[])];
    })
}

/// In the service, account 1 stands in `dev` and account 2 in `prod`.
fn stand_in_units(world: &mut World) {
    for (ou, n) in [("prod", 2), ("dev", 1)] {
        let unit = OrganizationalUnit {
            path: OuPath::new(ou).unwrap(),
            id: Some(ServiceId::new(format!("ou-{ou}")).unwrap()),
        };
        let there = world.observed.snapshot.accounts.get_mut(&account(n)).unwrap();
        there.value.ou = Some(unit.path.clone());
        let units = &mut world.observed.snapshot.organizational_units;
        units.insert(unit.path.clone(), Entity::observed(unit));
    }
}

/// The plan moves account 1.
fn managed(stack: Stack) -> Stack {
    stack.with(|desired| {
        let moved = desired.snapshot.accounts.get_mut(&account(1)).unwrap();
        moved.management = Management::Managed;
    })
}

/// A world with a stack and its rules applied.
fn ruled(stack: impl Fn() -> Stack) -> World {
    let mut world = World::new().apply(stack());
    world.recorded.rules = Some(Box::new(Rules::of(&stack().desired())));
    world
}

fn no_contractors_in(of: Selector) -> Rule {
    let principals = Some([group("Contractors")].into());
    Rule::Deny(Selector { principals, ..of }.into())
}

#[test]
fn an_account_that_comes_under_a_rule_brings_its_people_along() {
    let at =
        |prod: &[u32], grants: &[u32]| over_prod(stack(&["bob"], &["bob"], grants), prod, no_contractors_in);
    let mut world = ruled(|| at(&[2], &[1]));
    // The service has it there already, and its block says so now.
    let said_so = world.plan(at(&[1, 2], &[1]));
    assert_eq!(found(&said_so), [("guardrail-broken", Level::Warning)]);
    stand_in_units(&mut world);
    let moved = world.plan(managed(at(&[1, 2], &[1])));
    assert_eq!(
        found(&moved),
        [("guardrail", Level::Refusal)],
        "{:#?}",
        moved.actions
    );
    let said = &moved.guardrails[0];
    assert_eq!((said.since, said.count), (Since::Plan, 1));
    assert!(
        said.subjects[0].text.contains("has admin in")
            && said.subjects[0].text.ends_with("comes under this guardrail"),
        "{said:#?}"
    );
    // Its access went before.
    assert!(found(&ruled(|| at(&[2], &[])).plan(managed(at(&[1, 2], &[])))).is_empty());
    // What was there when the rule was made only warns.
    let world = World::new().apply(stack(&["bob"], &["bob"], &[1]));
    assert_eq!(
        found(&world.plan(at(&[1, 2], &[1]))),
        [("guardrail-broken", Level::Warning)]
    );
    // So does what the rule was about at the last apply, however it got there.
    let mut world = ruled(|| at(&[1, 2], &[]));
    world = world.has_grant(1, "admin", group("Ops"));
    assert_eq!(
        found(&world.plan(at(&[1, 2], &[]))),
        [("guardrail-broken", Level::Warning)]
    );
}

#[test]
fn a_limit_counts_people_of_an_account_that_comes_under_it_as_new() {
    let at = |prod: &[u32]| {
        over_prod(stack(&["ada", "bob"], &[], &[1]), prod, |of| {
            Rule::Limit(Limit {
                of,
                max_people: Some(1),
                ..Limit::default()
            })
        })
    };
    let mut world = ruled(|| at(&[2]));
    stand_in_units(&mut world);
    assert!(found(&world.plan(at(&[2]))).is_empty());
    let plan = world.plan(managed(at(&[1, 2])));
    assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
    assert_eq!(
        (plan.guardrails[0].since, plan.guardrails[0].count),
        (Since::Plan, 2)
    );
}

#[test]
fn what_the_service_shows_in_a_unit_is_judged_whether_or_not_it_is_declared_there() {
    let at = |direct: bool, grants: &[u32]| {
        let stack = over_prod(stack(&["bob"], &["bob"], grants), &[2], |of| {
            no_contractors_in(Selector {
                accounts_direct: direct,
                ..of
            })
        });
        // Its block does not say where it stands.
        stack.with(|desired| {
            let looked_up = desired.snapshot.accounts.get_mut(&account(1)).unwrap();
            looked_up.value.ou = None;
            looked_up.management = Management::Referred;
        })
    };
    let stands = |ou: &str| {
        let mut world = World::new().apply(at(false, &[]));
        let there = world.observed.snapshot.accounts.get_mut(&account(1)).unwrap();
        there.value.ou = Some(OuPath::new(ou).unwrap());
        world
    };
    let refused = [("guardrail", Level::Refusal)];
    assert_eq!(found(&stands("prod").plan(at(false, &[1]))), refused);
    assert_eq!(found(&stands("prod/eu").plan(at(false, &[1]))), refused);
    assert_eq!(found(&stands("prod").plan(at(true, &[1]))), refused);
    assert!(found(&stands("prod/eu").plan(at(true, &[1]))).is_empty());
    assert!(found(&stands("dev").plan(at(false, &[1]))).is_empty());
}

#[test]
fn a_list_of_what_is_declared_in_a_unit_is_less_than_the_unit() {
    let of = |from: Option<&str>| Selector {
        accounts: Some([account(2)].into()),
        accounts_from: from.map(Into::into),
        ..Selector::default()
    };
    let at = |from: Option<&'static str>, grants: &[u32]| {
        stack(&["bob"], &["bob"], grants)
            .with(|desired| desired.guardrails = vec![guardrail(no_contractors_in(of(from)), &[])])
    };
    let mut world = ruled(|| at(Some("prod"), &[]));
    stand_in_units(&mut world);
    let there = world.observed.snapshot.accounts.get_mut(&account(1)).unwrap();
    there.value.ou = Some(OuPath::new("prod").unwrap());
    let refused = [("guardrail", Level::Refusal)];
    assert_eq!(found(&world.plan(at(Some("prod"), &[1]))), refused);
    // Another way to write the rule in the same change is no way out of it.
    assert_eq!(found(&world.plan(at(None, &[1]))), refused);
    assert!(found(&world.plan(at(None, &[]))).is_empty());
}
