//! Drift by cause, case by case.

use super::*;
use crate::address::Kind;
use crate::id::{AccountId, GroupName, OuPath};
use crate::model::access::{Access, Block, Declaration, Names, Pair};
use crate::model::account::OrganizationalUnit;
use crate::model::in_account::{AccountFault, InAccount};
use crate::model::instance::{HeldSubject, Instance};
use crate::model::record::Seen;
use crate::model::role_content::OlderRoles;
use crate::model::roles::{Provisioning, RoleRow};
use crate::model::rules::Rules;
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::model::stack::{Matcher, NamedMatcher, Scope};

fn account(number: u64) -> AccountKey {
    AccountKey::Id(AccountId::new(format!("{number:012}")).unwrap())
}

fn set(name: &str) -> PermissionSetName {
    PermissionSetName::new(name).unwrap()
}

fn group(name: &str) -> PrincipalKey {
    PrincipalKey::Group(GroupName::new(name).unwrap())
}

fn block(label: &str, who: &str, what: &str, accounts: &[u64], expires: Option<&str>) -> Block {
    Block {
        declaration: Declaration {
            address: Address::root(Kind::Assignment, label),
            location: None,
            reason: None,
            expires: expires.map(|time| time.parse().unwrap()),
        },
        principals: vec![group(who)],
        permission_sets: vec![set(what)],
        accounts: accounts.iter().copied().map(account).collect(),
    }
}

fn relation(blocks: Vec<Block>) -> Snapshot {
    let mut access = Access::from_blocks(blocks).unwrap();
    access.notes.iter_mut().for_each(|note| note.owned = true);
    Snapshot {
        access,
        ..Snapshot::default()
    }
}

fn live(grants: &[(u64, &str, PrincipalKey)]) -> Observed {
    let names = Names::new(
        grants.iter().map(|(number, ..)| account(*number)).collect(),
        grants.iter().map(|(_, what, _)| set(what)).collect(),
        grants.iter().map(|(.., who)| who.clone()).collect(),
    )
    .unwrap();
    let tuples = grants
        .iter()
        .map(|(number, what, who)| names.tuple(&account(*number), &set(what), who).unwrap())
        .collect();
    let access = Access::from_tuples(names, tuples);
    Observed {
        at: "2026-11-01T00:00:00Z".parse().unwrap(),
        instance: Instance {
            arn: ServiceId::new("arn:aws:sso:::instance/ssoins-1").unwrap(),
            identity_store: ServiceId::new("d-1").unwrap(),
            organization: None,
            region: "eu-west-1".into(),
            management_account: None,
        },
        caller: None,
        quotas: Default::default(),
        snapshot: Snapshot {
            access,
            ..Snapshot::default()
        },
        roles: Vec::new(),
        held: Vec::new(),
        in_accounts: Vec::new(),
        in_progress: Vec::new(),
        calls: Default::default(),
    }
}

fn causes(drift: &Drift) -> Vec<(Cause, usize)> {
    let size = |item: &DriftItem| match &item.subject {
        Subject::Grants { accounts, .. } | Subject::Roles { accounts, .. } => accounts.len(),
        _ => 1,
    };
    drift.items.iter().map(|item| (item.cause, size(item))).collect()
}

fn find_at(desired: &Desired, recorded: &Recorded, observed: &Observed) -> Drift {
    find(desired, recorded, observed, observed.at).unwrap()
}

#[test]
fn grants_are_grouped_by_cause_set_and_principal() {
    let blocks = || {
        vec![
            block("a", "ops", "admin", &[1, 2, 3], None),
            block("b", "old", "view", &[1], Some("2026-10-01T00:00:00Z")),
        ]
    };
    let desired = Desired {
        snapshot: relation(blocks()),
        ..Desired::default()
    };
    let recorded = Recorded {
        applied: relation(blocks()),
        ..Recorded::default()
    };
    let orphan = PrincipalKey::OrphanGroup(ServiceId::new("g-1").unwrap());
    let observed = live(&[
        (1, "admin", group("ops")),
        (1, "view", group("old")),
        (4, "admin", group("stranger")),
        (5, "admin", group("stranger")),
        (5, "admin", orphan),
    ]);
    let drift = find_at(&desired, &recorded, &observed);
    assert_eq!(
        causes(&drift),
        [
            (Cause::Unmanaged, 2),
            (Cause::Orphaned, 1),
            (Cause::Overdue, 1),
            (Cause::Missing, 2)
        ]
    );
    assert_eq!(drift.unchanged, 1);
    assert_eq!(
        drift.items[3].addresses.first().unwrap().to_string(),
        "assignment.a"
    );
}

#[test]
fn what_is_ignored_or_held_is_no_drift() {
    let mut desired = Desired::default();
    desired.settings.ignore.push(NamedMatcher {
        label: "control tower".into(),
        matcher: Matcher {
            permission_sets: vec!["AWS*".into()],
            ..Matcher::default()
        },
        location: None,
    });
    let recorded = Recorded {
        applied: relation(vec![block("a", "ops", "admin", &[1], None)]),
        ..Recorded::default()
    };
    let mut observed = live(&[(2, "AWSAudit", group("tower"))]);
    observed.held.push(Held {
        subject: HeldSubject::Pair(account(1), set("admin")),
        why: "denied".into(),
    });
    let drift = find_at(&desired, &recorded, &observed);
    assert!(drift.is_empty(), "{:?}", drift.items);
    assert_eq!((drift.ignored, drift.held.len()), (1, 1));
}

#[test]
fn an_edited_set_a_stale_role_and_a_set_made_anew_have_causes_of_their_own() {
    let managed = |value: PermissionSet| Entity {
        management: Management::Created,
        ..Entity::observed(value)
    };
    let with_arn = |name: &str, arn: &str| {
        let mut value = PermissionSet::new(set(name));
        value.arn = Some(ServiceId::new(arn).unwrap());
        value
    };
    let mut recorded = Recorded::default();
    recorded
        .applied
        .permission_sets
        .insert(set("admin"), managed(with_arn("admin", "arn:1")));
    recorded
        .applied
        .permission_sets
        .insert(set("view"), managed(with_arn("view", "arn:2")));
    recorded
        .applied
        .permission_sets
        .insert(set("gone"), managed(with_arn("gone", "arn:4")));
    let mut observed = live(&[(1, "admin", group("ops"))]);
    let mut edited = with_arn("admin", "arn:1");
    edited.session_duration = "PT8H".parse().unwrap();
    observed
        .snapshot
        .permission_sets
        .insert(set("admin"), Entity::observed(edited));
    observed
        .snapshot
        .permission_sets
        .insert(set("view"), Entity::observed(with_arn("view", "arn:3")));
    observed.roles.push(RoleRow {
        pair: Pair::new(0, 0),
        suffix: None,
        provisioning: Provisioning::Stale,
    });
    let desired = Desired {
        settings: crate::model::stack::Settings {
            unmanaged: crate::model::stack::Unmanaged::Ignore,
            ..Default::default()
        },
        ..Desired::default()
    };
    let drift = find_at(&desired, &recorded, &observed);
    assert_eq!(
        causes(&drift),
        [
            (Cause::Rebound, 1),
            (Cause::Missing, 1),
            (Cause::Changed, 1),
            (Cause::StaleProvisioning, 1)
        ]
    );
}

fn user(name: &str) -> UserName {
    UserName::new(name).unwrap()
}

fn named_group(name: &str, id: &str, members: &[&str]) -> Group {
    Group {
        display_name: GroupName::new(name).unwrap(),
        id: Some(ServiceId::new(id).unwrap()),
        description: None,
        members: Some(members.iter().map(|name| user(name)).collect()),
        external_id: None,
    }
}

fn made<T>(value: T, management: Management) -> Entity<T> {
    Entity {
        management,
        ..Entity::observed(value)
    }
}

fn subjects(drift: &Drift, cause: Cause) -> Vec<&DriftItem> {
    drift.items.iter().filter(|item| item.cause == cause).collect()
}

#[test]
fn who_was_put_into_a_group_is_an_unmanaged_membership_with_what_it_gives() {
    let blocks = || vec![block("a", "ops", "admin", &[1, 2], None)];
    let name = GroupName::new("ops").unwrap();
    let mut desired = Desired {
        snapshot: relation(blocks()),
        ..Desired::default()
    };
    let managed = || made(named_group("ops", "g-1", &["ada"]), Management::Created);
    desired.snapshot.groups.insert(name.clone(), managed());
    let mut recorded = Recorded {
        applied: relation(blocks()),
        ..Recorded::default()
    };
    recorded.applied.groups.insert(name.clone(), managed());
    let mut observed = live(&[
        (1, "admin", group("ops")),
        (2, "admin", group("ops")),
        (2, "admin", PrincipalKey::User(user("ken"))),
    ]);
    let now = Entity::observed(named_group("ops", "g-1", &["ken"]));
    observed.snapshot.groups.insert(name.clone(), now);
    let drift = find_at(&desired, &recorded, &observed);
    let added = subjects(&drift, Cause::UnmanagedMembership);
    assert_eq!(added.len(), 1);
    assert_eq!(
        added[0].subject,
        Subject::Members {
            group: name.clone(),
            users: vec![user("ken")]
        }
    );
    // In account 2 he had it without the group.
    assert_eq!(added[0].people.len(), 1);
    assert_eq!(added[0].people[0].reached.accounts, [account(1)]);
    assert_eq!(added[0].people[0].effect, Effect::Gained);
    let left = subjects(&drift, Cause::Missing);
    assert_eq!(left[0].people[0].reached.people, [user("ada")]);
    assert_eq!(left[0].people[0].effect, Effect::Lost);
    let around = Around {
        start: "rolecall ",
        provider: "simulator",
        unmanaged: crate::model::stack::Unmanaged::Report,
        has_scope: false,
        observed: &observed,
        aws: "aws ",
    };
    let remedy = around.remedy(added[0]);
    assert!(
        remedy.text.contains("`members`") && remedy.text.contains("by hand"),
        "{remedy:?}"
    );
    assert_eq!(remedy.command.unwrap(), "rolecall sim do remove-member ops ken");
    let mut known = observed.clone();
    let ken = Entity::observed(person("ken", "u-1"));
    known.snapshot.users.insert(user("ken"), ken);
    let aws = Around {
        start: "rolecall ",
        provider: "aws",
        observed: &known,
        aws: "aws --region eu-west-1 ",
        ..around
    };
    let command = aws.remedy(added[0]).command.unwrap();
    assert!(
        command.starts_with(
            "aws --region eu-west-1 identitystore delete-group-membership --identity-store-id d-1"
        ) && command.contains("$(aws --region eu-west-1 identitystore get-group-membership-id"),
        "{command}"
    );
    assert!(
        command.contains("--group-id g-1") && command.contains("UserId=u-1"),
        "{command}"
    );
}

fn person(name: &str, id: &str) -> User {
    User {
        user_name: user(name),
        id: Some(ServiceId::new(id).unwrap()),
        given_name: "".into(),
        family_name: "".into(),
        display_name: "".into(),
        email: None,
        external_id: None,
    }
}

/// A managed group that administers two accounts, as applied.
fn ops_in_two() -> (Desired, Recorded) {
    let blocks = || vec![block("a", "ops", "admin", &[1, 2], None)];
    let mut desired = Desired {
        snapshot: relation(blocks()),
        ..Desired::default()
    };
    let mut recorded = Recorded {
        applied: relation(blocks()),
        ..Recorded::default()
    };
    let managed = || made(named_group("ops", "g-1", &["ada"]), Management::Created);
    let ops = GroupName::new("ops").unwrap();
    desired.snapshot.groups.insert(ops.clone(), managed());
    recorded.applied.groups.insert(ops, managed());
    (desired, recorded)
}

#[test]
fn a_renamed_group_is_known_by_its_id_and_keeps_its_grants() {
    let (old, new) = (GroupName::new("ops").unwrap(), GroupName::new("ops2").unwrap());
    let (mut desired, mut recorded) = ops_in_two();
    let mut observed = live(&[(1, "admin", group("ops2")), (2, "admin", group("ops2"))]);
    let now = Entity::observed(named_group("ops2", "g-1", &["ada"]));
    observed.snapshot.groups.insert(new.clone(), now);
    let drift = find_at(&desired, &recorded, &observed);
    assert_eq!(causes(&drift), [(Cause::Renamed, 1)]);
    assert_eq!(drift.items[0].now_called.as_deref(), Some("ops2"));
    assert_eq!(drift.unchanged, 2);
    // A look-up of the old name is held, and nothing is said to be missing.
    recorded.applied.groups.insert(
        old.clone(),
        made(named_group("ops", "g-1", &[]), Management::Referred),
    );
    desired.held.push(Held {
        subject: HeldSubject::Principal(group("ops")),
        why: "no group has this name".into(),
    });
    let drift = find_at(&desired, &recorded, &observed);
    assert_eq!(causes(&drift), [(Cause::Renamed, 1)]);
    assert_eq!(drift.held.len(), 1);
}

#[test]
fn a_group_that_left_its_name_to_another_keeps_its_grants() {
    let (old, new) = (GroupName::new("ops").unwrap(), GroupName::new("ops2").unwrap());
    let (desired, recorded) = ops_in_two();
    // The renamed group has what it had, and one account more; the new one has one of the same, and one of its own.
    let mut observed = live(&[
        (1, "admin", group("ops2")),
        (2, "admin", group("ops2")),
        (3, "admin", group("ops2")),
        (1, "admin", group("ops")),
        (4, "admin", group("ops")),
    ]);
    let groups = &mut observed.snapshot.groups;
    groups.insert(new, Entity::observed(named_group("ops2", "g-1", &["ada"])));
    groups.insert(old, Entity::observed(named_group("ops", "g-2", &["mallory"])));
    let drift = find_at(&desired, &recorded, &observed);
    assert_eq!(drift.unchanged, 2);
    let told: Vec<String> = drift
        .items
        .iter()
        .map(|item| match &item.subject {
            Subject::Entity { key, .. } => format!("{:?} {key} now {:?}", item.cause, item.now_called),
            Subject::Grants {
                principal, accounts, ..
            } => format!("{:?} {principal} {}", item.cause, accounts.len()),
            other => format!("{:?} {other:?}", item.cause),
        })
        .collect();
    assert_eq!(
        told,
        [
            "Rebound group ops now Some(\"ops2\")",
            "Unmanaged group ops 2",
            "Unmanaged group ops2 1"
        ]
    );
    let gain = |at: usize| {
        let people = drift.items[at].people.iter();
        let named = people.map(|found| (found.effect, found.reached.people.clone()));
        named.collect::<Vec<_>>()
    };
    let user = |name: &str| vec![UserName::new(name).unwrap()];
    assert_eq!(gain(1), [(Effect::Gained, user("mallory"))]);
    assert_eq!(gain(2), [(Effect::Gained, user("ada"))]);
}

#[test]
fn a_unit_that_a_block_refers_to_and_nobody_has_is_no_drift_and_said() {
    let unit = |path: &str, management| {
        let path = OuPath::new(path).unwrap();
        let unit = OrganizationalUnit {
            path: path.clone(),
            id: None,
        };
        let entity = Entity {
            management,
            ..Entity::observed(unit)
        };
        (path, entity)
    };
    let desired = Desired {
        snapshot: Snapshot {
            organizational_units: BTreeMap::from([
                unit("There", Management::Referred),
                unit("There/Nowhere", Management::Referred),
                // A plan makes the one, and with it the other.
                unit("Made", Management::Created),
                unit("Made/Below", Management::Referred),
                // This one was there: that is a finding.
                unit("Gone", Management::Referred),
            ]),
            ..Snapshot::default()
        },
        ..Desired::default()
    };
    let mut recorded = Recorded::default();
    let gone = unit("Gone", Management::Referred);
    recorded.applied.organizational_units.insert(gone.0, gone.1);
    let mut observed = live(&[]);
    let there = unit("There", Management::None);
    observed.snapshot.organizational_units.insert(there.0, there.1);
    let drift = find_at(&desired, &recorded, &observed);
    let held: Vec<String> = drift.held.iter().map(|held| held.why.to_string()).collect();
    assert_eq!(held, ["no organizational unit has the path There/Nowhere"]);
    assert_eq!(drift.not_found, 1);
    assert!(drift.differs());
    assert_eq!(causes(&drift), [(Cause::Missing, 1)]);
    // Where no unit could be read, nothing follows.
    observed.held.push(Held {
        subject: HeldSubject::All(Kind::OrganizationalUnit),
        why: "denied".into(),
    });
    let drift = find_at(&desired, &recorded, &observed);
    assert_eq!((drift.not_found, drift.held.len()), (0, 1));
}

#[test]
fn ignore_hides_what_others_have_and_nothing_that_is_declared() {
    let blocks = || vec![block("a", "ops", "admin", &[1, 2], None)];
    let mut desired = Desired {
        snapshot: relation(blocks()),
        ..Desired::default()
    };
    desired.settings.ignore.push(NamedMatcher {
        label: "all".into(),
        matcher: Matcher {
            permission_sets: vec!["admin".into()],
            ..Matcher::default()
        },
        location: None,
    });
    let recorded = Recorded {
        applied: relation(blocks()),
        ..Recorded::default()
    };
    let observed = live(&[(1, "admin", group("ops")), (3, "admin", group("others"))]);
    let drift = find_at(&desired, &recorded, &observed);
    assert_eq!(causes(&drift), [(Cause::Missing, 1)]);
    assert_eq!((drift.ignored, drift.unchanged), (1, 1));
}

#[test]
fn a_rule_hides_nothing_before_it_is_applied() {
    let matcher = Matcher {
        permission_sets: vec!["admin".into()],
        ..Matcher::default()
    };
    let mut ignoring = Desired::default();
    ignoring.settings.ignore.push(NamedMatcher {
        label: "all".into(),
        matcher: matcher.clone(),
        location: None,
    });
    let mut elsewhere = Desired::default();
    elsewhere.settings.scope = Scope::Matching(Matcher {
        permission_sets: vec!["view".into()],
        ..matcher
    });
    let observed = live(&[(3, "admin", group("others"))]);
    let after = |rules: Option<&Desired>, desired: &Desired| {
        let recorded = Recorded {
            rules: rules.map(|desired| Box::new(Rules::of(desired))),
            ..Recorded::default()
        };
        let drift = find_at(desired, &recorded, &observed);
        (causes(&drift), drift.ignored + drift.out_of_scope)
    };
    let seen = (vec![(Cause::Unmanaged, 1)], 0);
    for desired in [&ignoring, &elsewhere] {
        assert_eq!(after(Some(&Desired::default()), desired), seen);
        assert_eq!(after(Some(desired), desired), (Vec::new(), 1));
        assert_eq!(
            after(Some(desired), &Desired::default()),
            seen,
            "and none that is gone"
        );
        assert_eq!(after(None, desired), (Vec::new(), 1), "no rules are known");
    }
    assert_eq!(
        after(Some(&elsewhere), &ignoring),
        (Vec::new(), 1),
        "hidden by either"
    );
}

#[test]
fn an_edited_role_is_what_it_was_provisioned_with_and_the_edits() {
    const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
    const VIEW: &str = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";
    let drift_of = |now: &str, edit: &str, behind: bool| {
        let mut recorded = Recorded {
            applied: relation(vec![block("a", "ops", "view", &[1], None)]),
            ..Recorded::default()
        };
        let managed = made(set_with("view", VIEW), Management::Created);
        recorded.applied.permission_sets.insert(set("view"), managed);
        let content = Arc::new(set_with("view", VIEW));
        recorded.older_roles = vec![OlderRoles {
            permission_set: set("view"),
            content,
            accounts: [account(1)].into(),
        }];
        recorded.seen = Some(Seen::of(live(&[(1, "view", group("ops"))])));
        let desired = Desired {
            snapshot: recorded.applied.clone(),
            ..Desired::default()
        };
        let mut observed = live(&[(1, "view", group("ops"))]);
        let there = Entity::observed(set_with("view", now));
        observed.snapshot.permission_sets.insert(set("view"), there);
        let ops = Entity::observed(named_group("ops", "g-1", &["ada", "bob"]));
        let groups = &mut observed.snapshot.groups;
        groups.insert(GroupName::new("ops").unwrap(), ops);
        observed.in_accounts = vec![InAccount {
            account: account(1),
            fault: AccountFault::RoleEdited {
                permission_set: set("view"),
                edits: [edit.into()].into(),
                behind,
            },
        }];
        let found = consequences(&find_at(&desired, &recorded, &observed));
        let of = |cause| found.iter().find(|row| row.0 == cause).map(|row| row.1);
        (of(Cause::RoleTampered), of(Cause::Changed))
    };
    let support = "policy attached: arn:aws:iam::aws:policy/AWSSupportAccess";
    let everything = format!("policy attached: {ADMIN}");
    let (gained, concerned) = (Some(Effect::Gained), Some(Effect::Concerned));
    // The set became an administrator's, and nothing of that is in the role yet.
    assert_eq!(drift_of(ADMIN, support, true), (concerned, concerned));
    assert_eq!(drift_of(ADMIN, &everything, true), (gained, concerned));
    // It was provisioned: the role was that already, whatever is done to it.
    assert_eq!(drift_of(ADMIN, &everything, false), (concerned, gained));
    assert_eq!(drift_of(VIEW, &everything, false), (gained, None));
}

#[test]
fn of_a_set_that_is_gone_and_of_an_account_that_moved_it_is_told_who_has_what() {
    let unit = |name: &str| Some(OuPath::new(name).unwrap());
    let standing = |name: &str| {
        let mut value = account_of(1);
        value.ou = unit(name);
        made(value, Management::Referred)
    };
    let mut recorded = Recorded {
        applied: relation(vec![
            block("a", "ops", "view", &[1], None),
            block("b", "ops", "admin", &[1, 2], None),
            block("c", "dev", "admin", &[2], None),
        ]),
        ..Recorded::default()
    };
    let sets = &mut recorded.applied.permission_sets;
    sets.insert(set("admin"), made(set_with("admin", "x"), Management::Created));
    let mut desired = Desired {
        snapshot: recorded.applied.clone(),
        ..Desired::default()
    };
    desired.snapshot.accounts.insert(account(1), standing("Dev"));
    let mut observed = live(&[(1, "view", group("ops"))]);
    observed.snapshot.accounts.insert(account(1), standing("Prod"));
    for (name, members) in [("ops", &["ada", "bob"][..]), ("dev", &["bob", "eve"])] {
        let group = Entity::observed(named_group(name, name, members));
        let groups = &mut observed.snapshot.groups;
        groups.insert(GroupName::new(name).unwrap(), group);
    }
    let drift = find_at(&desired, &recorded, &observed);
    let told = |cause: Cause| {
        let mut items = drift.items.iter();
        let item = items.find(|item| item.cause == cause && matches!(item.subject, Subject::Entity { .. }));
        let mut told: Vec<(Effect, String, String, usize)> = item
            .unwrap()
            .people
            .iter()
            .map(|found| {
                let reached = &found.reached;
                let people: Vec<&str> = reached.people.iter().map(UserName::as_str).collect();
                let what = reached.permission_set.to_string();
                (found.effect, people.join("+"), what, reached.accounts.len())
            })
            .collect();
        told.sort();
        told
    };
    let row = |effect, who: &str, what: &str, accounts| (effect, who.to_owned(), what.to_owned(), accounts);
    // Bob is in both groups: he lost two accounts, as Ada did.
    let lost = [
        row(Effect::Lost, "ada+bob", "admin", 2),
        row(Effect::Lost, "eve", "admin", 1),
    ];
    assert_eq!(told(Cause::Missing), lost);
    let had = [row(Effect::Concerned, "ada+bob", "view", 1)];
    assert_eq!(told(Cause::AccountMoved), had);
}

#[test]
fn accounts_that_moved_or_are_suspended_name_the_blocks_that_select_them() {
    let desired_account = |n: u64, ou: &str| {
        let mut value = account_of(n);
        value.ou = Some(OuPath::new(ou).unwrap());
        made(value, Management::Referred)
    };
    let blocks = || vec![block("a", "ops", "admin", &[1, 2], None)];
    let mut desired = Desired {
        snapshot: relation(blocks()),
        ..Desired::default()
    };
    for n in [1, 2] {
        desired
            .snapshot
            .accounts
            .insert(account(n), desired_account(n, "Prod"));
    }
    let recorded = Recorded {
        lineage: Some("l".into()),
        applied: relation(vec![
            block("a", "ops", "admin", &[1, 2], None),
            block("gone", "ops", "view", &[1], None),
        ]),
        ..Recorded::default()
    };
    let mut observed = live(&[(1, "admin", group("ops")), (2, "admin", group("ops"))]);
    observed
        .snapshot
        .accounts
        .insert(account(1), desired_account(1, "Sandbox"));
    let mut suspended = desired_account(2, "Prod");
    suspended.value.status = crate::model::account::AccountStatus::Suspended;
    observed.snapshot.accounts.insert(account(2), suspended);
    let drift = find_at(&desired, &recorded, &observed);
    let moved = subjects(&drift, Cause::AccountMoved);
    let blocks: Vec<(String, bool, bool)> = moved[0]
        .selected_by
        .iter()
        .map(|block| (block.address.to_string(), block.before, block.now))
        .collect();
    assert_eq!(
        blocks,
        [
            ("assignment.a".to_owned(), true, true),
            ("assignment.gone".to_owned(), true, false)
        ]
    );
    let suspended = subjects(&drift, Cause::AccountSuspended);
    assert_eq!(suspended.len(), 1);
    assert_eq!(suspended[0].selected_by.len(), 1);
    // Nothing is recorded of the account but that it was in use, and nothing else says what was there.
    let mut unrecorded = recorded.clone();
    unrecorded.applied = relation(vec![block("a", "ops", "admin", &[1], None)]);
    let drift = find_at(&desired, &unrecorded, &observed);
    let [selector] = &subjects(&drift, Cause::AccountSuspended)[0].selected_by[..] else {
        panic!("{drift:#?}")
    };
    assert!(selector.before && selector.now, "{selector:?}");
    let drift = find_at(&Desired::default(), &Recorded::default(), &observed);
    let suspended = subjects(&drift, Cause::AccountSuspended);
    assert_eq!(suspended.len(), 1, "{drift:#?}");
    assert!(suspended[0].selected_by.is_empty());
    // Without access there it is nobody's business.
    let observed_without = Observed {
        snapshot: Snapshot {
            accounts: observed.snapshot.accounts.clone(),
            ..Snapshot::default()
        },
        ..observed.clone()
    };
    let drift = find_at(&Desired::default(), &Recorded::default(), &observed_without);
    assert!(subjects(&drift, Cause::AccountSuspended).is_empty());
}

#[test]
fn a_suspended_account_is_told_until_an_apply_saw_it_and_afterwards_where_its_access_is_not_as_declared() {
    use crate::model::account::AccountStatus::{Active, PendingActivation, Suspended};
    let with = |status, grants: &[(u64, &str, PrincipalKey)]| {
        let mut observed = live(grants);
        let mut value = account_of(2);
        value.status = status;
        let account_two = made(value, Management::Referred);
        observed.snapshot.accounts.insert(account(2), account_two);
        observed
    };
    let granted = [(2, "admin", group("ops"))];
    let told = |desired: &Desired, recorded: &Recorded, observed: &Observed| {
        !subjects(&find_at(desired, recorded, observed), Cause::AccountSuspended).is_empty()
    };
    let recorded = |seen: Option<Observed>, accounts: &[u64]| Recorded {
        lineage: seen.is_some().then(|| "l".into()),
        seen: seen.map(Seen::of),
        applied: relation(vec![block("a", "ops", "admin", accounts, None)]),
        ..Recorded::default()
    };
    let mut desired = Desired {
        snapshot: relation(vec![block("a", "ops", "admin", &[2], None)]),
        ..Desired::default()
    };
    let mut declared = made(account_of(2), Management::Referred);
    declared.addresses = [Address::root(Kind::Account, "two")].into_iter().collect();
    desired.snapshot.accounts.insert(account(2), declared);
    let before = || Some(with(Active, &granted));
    let after = || Some(with(Suspended, &granted));
    let closed = with(Suspended, &granted);
    // It was in use when it was last seen.
    assert!(told(&desired, &recorded(before(), &[2]), &closed));
    // It was closed by then, and has what it shall have; or nothing was ever applied.
    assert!(!told(&desired, &recorded(after(), &[2]), &closed));
    assert!(!told(&desired, &Recorded::default(), &closed));
    // What is declared is not there, and cannot be granted.
    assert!(told(&desired, &recorded(after(), &[2]), &with(Suspended, &[])));
    // Somebody else has something there.
    let more = [(2, "admin", group("ops")), (2, "view", group("ops"))];
    assert!(told(&desired, &recorded(after(), &[2]), &with(Suspended, &more)));
    // Taken out of the selection, as the finding advises: what is left there is the stack's own.
    let mut without = desired.clone();
    without.snapshot.access = relation(vec![block("a", "ops", "admin", &[1], None)]).access;
    assert!(!told(&without, &recorded(after(), &[2]), &closed));
    // Only its block speaks of it.
    let empty = with(Suspended, &[]);
    assert!(told(&without, &recorded(Some(with(Active, &[])), &[1]), &empty));
    assert!(!told(
        &without,
        &recorded(Some(with(Suspended, &[])), &[1]),
        &empty
    ));
    // An account that is being created is not suspended.
    assert!(!told(
        &desired,
        &recorded(before(), &[2]),
        &with(PendingActivation, &[])
    ));
}

fn account_of(n: u64) -> Account {
    Account {
        key: account(n),
        name: format!("account-{n}").as_str().into(),
        email: None,
        ou: None,
        tags: None,
        status: Default::default(),
        management: false,
    }
}

#[test]
fn what_is_wrong_inside_accounts_has_a_cause_each() {
    let mut observed = live(&[(1, "admin", group("ops")), (2, "admin", group("ops"))]);
    let fault = |n, fault| InAccount {
        account: account(n),
        fault,
    };
    let permission_set = set("admin");
    let edits: BTreeSet<Arc<str>> = ["policy attached: AdministratorAccess".into()].into();
    observed.in_accounts = vec![
        fault(
            1,
            AccountFault::RoleGone {
                permission_set: permission_set.clone(),
            },
        ),
        fault(
            2,
            AccountFault::RoleEdited {
                permission_set: permission_set.clone(),
                edits: edits.clone(),
                behind: false,
            },
        ),
        fault(2, AccountFault::SamlProviderGone),
        fault(
            2,
            AccountFault::PolicyGone {
                policy: "/team/audit".into(),
                permission_sets: [permission_set].into(),
            },
        ),
    ];
    for (n, provisioning) in [(0, Provisioning::Tampered), (1, Provisioning::Tampered)] {
        observed.roles.push(RoleRow {
            pair: Pair::new(n, 0),
            suffix: None,
            provisioning,
        });
    }
    let desired = Desired {
        settings: crate::model::stack::Settings {
            unmanaged: crate::model::stack::Unmanaged::Ignore,
            ..Default::default()
        },
        ..Desired::default()
    };
    let drift = find_at(&desired, &Recorded::default(), &observed);
    assert_eq!(
        causes(&drift),
        [
            (Cause::RoleTampered, 1),
            (Cause::RoleMissing, 1),
            (Cause::SamlProviderMissing, 1),
            (Cause::PolicyMissing, 1)
        ]
    );
    assert_eq!(drift.items[0].edits, edits);
}

#[test]
fn a_quota_is_near_from_nine_tenths_on() {
    let mut observed = live(&[]);
    observed.quotas.groups = 10;
    for n in 0..8 {
        let group = named_group(&format!("g{n}"), &format!("id-{n}"), &[]);
        observed
            .snapshot
            .groups
            .insert(group.display_name.clone(), Entity::observed(group));
    }
    let found = |observed: &Observed| causes(&find_at(&Desired::default(), &Recorded::default(), observed));
    assert_eq!(found(&observed), []);
    let ninth = named_group("g8", "id-8", &[]);
    observed
        .snapshot
        .groups
        .insert(ninth.display_name.clone(), Entity::observed(ninth));
    assert_eq!(found(&observed), [(Cause::QuotaNear, 1)]);
}

#[test]
fn recorded_readings_tell_between_which_of_them_something_drifted() {
    let blocks = || vec![block("a", "ops", "admin", &[1], None)];
    let desired = Desired {
        snapshot: relation(blocks()),
        ..Desired::default()
    };
    let recorded = Recorded {
        applied: relation(blocks()),
        ..Recorded::default()
    };
    let reading = |at: &str, grants: &[(u64, &str, PrincipalKey)]| Seen {
        at: at.parse().unwrap(),
        snapshot: live(grants).snapshot,
        roles: Vec::new(),
        around: None,
    };
    let ops = || (1, "admin", group("ops"));
    let taken = [
        reading("2026-10-01T00:00:00Z", &[ops(), (2, "admin", group("old"))]),
        reading("2026-10-02T00:00:00Z", &[ops(), (2, "admin", group("old"))]),
        reading(
            "2026-10-03T00:00:00Z",
            &[ops(), (2, "admin", group("old")), (3, "admin", group("new"))],
        ),
    ];
    let observed = live(&[
        (2, "admin", group("old")),
        (3, "admin", group("new")),
        (4, "admin", group("new")),
    ]);
    let mut drift = find_at(&desired, &recorded, &observed);
    let mut readings = Readings::default();
    taken.into_iter().for_each(|seen| readings.observed(seen));
    drift.date(&desired, &recorded, &observed, &readings).unwrap();
    let day = |text: &str| Some(text.to_owned());
    let row = |who: &str, without, with: &str| (who.to_owned(), without, with.to_owned());
    assert_eq!(
        dated(&drift),
        [
            row("new 000000000003", day("2026-10-02"), "2026-10-03"),
            row("new 000000000004", day("2026-10-03"), "2026-11-01"),
            row("old 000000000002", None, "2026-10-01"),
            row("ops 000000000001", day("2026-10-03"), "2026-11-01"),
        ]
    );
    // Readings that found nothing new: the last says what was there then, and nothing of when the others came.
    for at in ["2026-10-20T00:00:00Z", "2026-10-30T00:00:00Z"] {
        readings.confirmed(at.parse().unwrap());
    }
    let mut drift = find_at(&desired, &recorded, &observed);
    drift.date(&desired, &recorded, &observed, &readings).unwrap();
    assert_eq!(
        dated(&drift),
        [
            row("new 000000000003", day("2026-10-02"), "2026-10-03"),
            row("new 000000000004", day("2026-10-30"), "2026-11-01"),
            row("old 000000000002", None, "2026-10-01"),
            row("ops 000000000001", day("2026-10-30"), "2026-11-01"),
        ]
    );
}

#[test]
fn findings_that_differ_in_age_tell_of_their_own_accounts_and_people_alone() {
    let admin = |key: &str| set_with(key, "arn:aws:iam::aws:policy/AdministratorAccess");
    let reading = |accounts: &[u64], edited: &[u64]| {
        let grants: Vec<_> = accounts.iter().map(|n| (*n, "admin", group("ops"))).collect();
        let mut observed = live(&grants);
        let sets = &mut observed.snapshot.permission_sets;
        sets.insert(set("admin"), Entity::observed(admin("admin")));
        let ops = Entity::observed(named_group("ops", "g-1", &["ada", "bob"]));
        observed
            .snapshot
            .groups
            .insert(GroupName::new("ops").unwrap(), ops);
        let edited = edited.iter().map(|n| InAccount {
            account: account(*n),
            fault: AccountFault::RoleEdited {
                permission_set: set("admin"),
                edits: ["policy attached: arn:aws:iam::aws:policy/AWSSupportAccess".into()].into(),
                behind: false,
            },
        });
        observed.in_accounts = edited.collect();
        observed
    };
    let at = |observed: Observed, at: &str| {
        let at: Timestamp = at.parse().unwrap();
        Seen::of(Observed { at, ..observed })
    };
    let observed = reading(&[1, 2, 3], &[2, 3]);
    let (desired, recorded) = (Desired::default(), Recorded::default());
    let mut drift = find_at(&desired, &recorded, &observed);
    let mut readings = Readings::default();
    readings.observed(at(reading(&[1], &[]), "2026-10-01T00:00:00Z"));
    readings.observed(at(reading(&[1, 2], &[2]), "2026-10-02T00:00:00Z"));
    drift.date(&desired, &recorded, &observed, &readings).unwrap();
    let of = |cause: Cause| {
        let is_about = |item: &&DriftItem| !matches!(item.subject, Subject::Entity { .. });
        let items = drift
            .items
            .iter()
            .filter(move |item| item.cause == cause)
            .filter(is_about);
        let mut found: Vec<(String, Vec<usize>)> = items
            .map(|item| {
                let first = item.since.unwrap().first_with.to_string()[..10].to_owned();
                (
                    first,
                    item.people
                        .iter()
                        .map(|found| found.reached.accounts.len())
                        .collect(),
                )
            })
            .collect();
        found.sort();
        found
    };
    let day = |day: &str, accounts: &[usize]| (day.to_owned(), accounts.to_vec());
    assert_eq!(
        of(Cause::Unmanaged),
        [
            day("2026-10-01", &[1]),
            day("2026-10-02", &[1]),
            day("2026-11-01", &[1])
        ]
    );
    assert_eq!(
        of(Cause::RoleTampered),
        [day("2026-10-02", &[1]), day("2026-11-01", &[1])]
    );
}

/// Who has a grant where, the last reading without it, and the first with it.
fn dated(drift: &Drift) -> Vec<(String, Option<String>, String)> {
    let mut dated: Vec<(String, Option<String>, String)> = drift
        .items
        .iter()
        .map(|item| {
            let Subject::Grants {
                principal, accounts, ..
            } = &item.subject
            else {
                panic!("{item:?}")
            };
            let since = item.since.unwrap();
            (
                format!("{} {}", principal.name(), accounts[0]),
                since.last_without.map(|time| time.to_string()[..10].to_owned()),
                since.first_with.to_string()[..10].to_owned(),
            )
        })
        .collect();
    dated.sort();
    dated
}

#[test]
fn an_old_name_that_was_to_go_is_overdue() {
    let until = || "2026-10-15T00:00:00Z".parse().unwrap();
    let address = Address::root(Kind::PermissionSet, "admin");
    let entity = |name: &str, keep_old_until| Entity {
        management: Management::Created,
        addresses: [address.clone()].into(),
        keep_old_until,
        ..Entity::observed(PermissionSet::new(set(name)))
    };
    let mut desired = Desired {
        snapshot: relation(vec![block("a", "ops", "new", &[1], None)]),
        ..Desired::default()
    };
    desired
        .snapshot
        .permission_sets
        .insert(set("new"), entity("new", Some(until())));
    let mut recorded = Recorded {
        applied: relation(vec![
            block("a", "ops", "old", &[1], None),
            block("b", "ops", "new", &[1], None),
        ]),
        ..Recorded::default()
    };
    recorded
        .applied
        .permission_sets
        .insert(set("new"), entity("new", Some(until())));
    recorded
        .applied
        .permission_sets
        .insert(set("old"), entity("old", None));
    let mut observed = live(&[(1, "old", group("ops")), (1, "new", group("ops"))]);
    for name in ["old", "new"] {
        let found = Entity::observed(PermissionSet::new(set(name)));
        observed.snapshot.permission_sets.insert(set(name), found);
    }
    let drift = find_at(&desired, &recorded, &observed);
    assert_eq!(causes(&drift), [(Cause::Overdue, 1), (Cause::Overdue, 1)]);
    observed.at = "2026-10-10T00:00:00Z".parse().unwrap();
    assert!(find_at(&desired, &recorded, &observed).is_empty());
}

fn set_with(name: &str, policy: &str) -> PermissionSet {
    let mut value = PermissionSet::new(set(name));
    value.managed_policies = [policy.into()].into();
    value
}

/// For each finding: what it means, for how many, in how many accounts.
fn consequences(drift: &Drift) -> Vec<(Cause, Effect, usize, usize)> {
    let items = drift.items.iter().flat_map(|item| {
        let people = item.people.iter();
        people.map(|found| {
            let reached = &found.reached;
            (
                item.cause,
                found.effect,
                reached.people.len(),
                reached.accounts.len(),
            )
        })
    });
    items.collect()
}

#[test]
fn whoever_has_a_set_gains_or_loses_by_what_is_made_of_it_once_its_roles_follow() {
    const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
    const VIEW: &str = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";
    let drift_without = |before: &str, now: &str, stale: &[u64], gone: &[u64]| {
        let mut recorded = Recorded {
            applied: relation(vec![block("a", "ops", "view", &[1, 2], None)]),
            ..Recorded::default()
        };
        let managed = made(set_with("view", before), Management::Created);
        recorded.applied.permission_sets.insert(set("view"), managed);
        let desired = Desired {
            snapshot: recorded.applied.clone(),
            ..Desired::default()
        };
        let mut observed = live(&[(1, "view", group("ops")), (2, "view", group("ops"))]);
        let there = Entity::observed(set_with("view", now));
        observed.snapshot.permission_sets.insert(set("view"), there);
        let ops = Entity::observed(named_group("ops", "g-1", &["ada", "bob"]));
        observed
            .snapshot
            .groups
            .insert(GroupName::new("ops").unwrap(), ops);
        let rows = stale.iter().map(|n| RoleRow {
            pair: Pair::new(u32::try_from(*n).unwrap() - 1, 0),
            suffix: None,
            provisioning: Provisioning::Stale,
        });
        observed.roles = rows.collect();
        let gone = gone.iter().map(|n| InAccount {
            account: account(*n),
            fault: AccountFault::RoleGone {
                permission_set: set("view"),
            },
        });
        observed.in_accounts = gone.collect();
        consequences(&find_at(&desired, &recorded, &observed))
    };
    let drift_from = |before: &str, now: &str, stale: &[u64]| drift_without(before, now, stale, &[]);
    let changed = |effect, accounts| (Cause::Changed, effect, 2, accounts);
    let stale = |accounts| (Cause::StaleProvisioning, Effect::Concerned, 2, accounts);
    assert_eq!(drift_from(VIEW, ADMIN, &[]), [changed(Effect::Gained, 2)]);
    assert_eq!(drift_from(ADMIN, VIEW, &[]), [changed(Effect::Lost, 2)]);
    let audit = "arn:aws:iam::aws:policy/SecurityAudit";
    assert_eq!(drift_from(VIEW, audit, &[]), [changed(Effect::Concerned, 2)]);
    let half = [
        changed(Effect::Gained, 1),
        changed(Effect::Concerned, 1),
        stale(1),
    ];
    assert_eq!(drift_from(VIEW, ADMIN, &[2]), half);
    // Nobody enters by a role that is gone, whatever its set has become.
    let lost = (Cause::RoleMissing, Effect::Lost, 2, 1);
    let without = drift_without(VIEW, ADMIN, &[], &[2]);
    assert!(
        without.contains(&changed(Effect::Gained, 1)) && without.contains(&lost),
        "{without:?}"
    );
    assert_eq!(without.len(), 2);
}

#[test]
fn of_a_group_that_is_gone_or_another_one_people_lose_and_strangers_gain() {
    let name = GroupName::new("ops").unwrap();
    let looked_up = |id: &str, members: &[&str]| made(named_group("ops", id, members), Management::Referred);
    let blocks = || vec![block("a", "ops", "view", &[1, 2], None)];
    let mut desired = Desired {
        snapshot: relation(blocks()),
        ..Desired::default()
    };
    let mut recorded = Recorded {
        applied: relation(blocks()),
        ..Recorded::default()
    };
    desired
        .snapshot
        .groups
        .insert(name.clone(), looked_up("g-1", &[]));
    recorded
        .applied
        .groups
        .insert(name.clone(), looked_up("g-1", &["ada", "bob"]));
    // Bob has it in account 2 by another group.
    let mut observed = live(&[(2, "view", group("other"))]);
    let other = Entity::observed(named_group("other", "g-9", &["bob"]));
    observed
        .snapshot
        .groups
        .insert(GroupName::new("other").unwrap(), other);
    let of_group = |observed: &Observed, cause: Cause| -> Vec<(Effect, String, usize)> {
        let drift = find_at(&desired, &recorded, observed);
        let found = subjects(&drift, cause);
        let found = found
            .into_iter()
            .find(|item| matches!(item.subject, Subject::Entity { .. }));
        let people = found.unwrap().people.iter().map(|found| {
            let names: Vec<&str> = found.reached.people.iter().map(UserName::as_str).collect();
            (found.effect, names.join("+"), found.reached.accounts.len())
        });
        people.collect()
    };
    let lost = |who: &str, accounts| (Effect::Lost, who.to_owned(), accounts);
    let mut missing = of_group(&observed, Cause::Missing);
    missing.sort();
    assert_eq!(missing, [lost("ada", 2), lost("bob", 1)]);
    // Another group of the name, with Ada and a stranger in it.
    let mut again = live(&[(1, "view", group("ops")), (2, "view", group("other"))]);
    again.snapshot.groups = observed.snapshot.groups.clone();
    let stranger = Entity::observed(named_group("ops", "g-2", &["ada", "eve"]));
    again.snapshot.groups.insert(name.clone(), stranger);
    let mut rebound = of_group(&again, Cause::Rebound);
    rebound.sort();
    let gained = (Effect::Gained, "eve".to_owned(), 1);
    assert_eq!(rebound, [lost("ada", 1), lost("bob", 1), gained]);
}

#[test]
fn of_a_user_who_is_gone_it_is_told_what_is_lost() {
    let ada = PrincipalKey::User(user("ada"));
    let mut recorded = Recorded {
        applied: relation(vec![
            block("a", "ops", "view", &[1, 2], None),
            Block {
                principals: vec![ada.clone()],
                ..block("b", "ops", "admin", &[1], None)
            },
        ]),
        ..Recorded::default()
    };
    recorded
        .applied
        .users
        .insert(user("ada"), made(person("ada", "u-1"), Management::Created));
    // Members of a look-up are not applied: the last reading knows them.
    recorded.applied.groups.insert(
        GroupName::new("ops").unwrap(),
        made(named_group("ops", "g-1", &["ada", "bob"]), Management::Created),
    );
    let mut before = live(&[(3, "audit", group("directory"))]);
    before.snapshot.groups.insert(
        GroupName::new("directory").unwrap(),
        Entity::observed(named_group("directory", "g-2", &["ada"])),
    );
    recorded.seen = Some(Seen::of(before));
    let desired = Desired {
        snapshot: recorded.applied.clone(),
        ..Desired::default()
    };
    let orphan = PrincipalKey::OrphanUser(ServiceId::new("u-1").unwrap());
    let told = |observed: &Observed, cause: Cause| -> Vec<(Effect, String, usize)> {
        let drift = find_at(&desired, &recorded, observed);
        let found = drift.items.iter().find(|item| {
            item.cause == cause
                && matches!(
                    &item.subject,
                    Subject::Entity {
                        key: EntityKey::User(_),
                        ..
                    }
                )
        });
        let people = found.unwrap().people.iter().map(|found| {
            let reached = &found.reached;
            assert_eq!(reached.people, [user("ada")]);
            (
                found.effect,
                reached.permission_set.to_string(),
                reached.accounts.len(),
            )
        });
        let mut people: Vec<_> = people.collect();
        people.sort();
        people
    };
    let of = |what: &str, accounts| (Effect::Lost, what.to_owned(), accounts);
    let mut observed = live(&[
        (1, "view", group("ops")),
        (2, "view", group("ops")),
        (1, "admin", orphan),
    ]);
    let members = |names: &[&str]| Entity::observed(named_group("ops", "g-1", names));
    let name = GroupName::new("ops").unwrap();
    observed.snapshot.groups.insert(name.clone(), members(&["bob"]));
    assert_eq!(
        told(&observed, Cause::Missing),
        [of("admin", 1), of("audit", 1), of("view", 2)]
    );
    // Another one of the name was made, and is in the group already.
    observed
        .snapshot
        .users
        .insert(user("ada"), Entity::observed(person("ada", "u-2")));
    observed.snapshot.groups.insert(name, members(&["ada", "bob"]));
    // What they have by that, another person has.
    let gained = (Effect::Gained, "view".to_owned(), 2);
    assert_eq!(
        told(&observed, Cause::Rebound),
        [of("admin", 1), of("audit", 1), gained]
    );
}

#[test]
fn an_account_that_got_another_name_is_told_and_a_label_is_no_name() {
    let account_called = |name: &str, label: &str, management| {
        let mut entity = made(account_of(1), management);
        entity.value.name = name.into();
        entity.addresses = [Address::root(Kind::Account, label)].into_iter().collect();
        entity
    };
    let told = |declared: Entity<Account>, live_name: &str, seen_name: Option<&str>| {
        let mut desired = Desired {
            snapshot: relation(vec![block("a", "ops", "view", &[1], None)]),
            ..Desired::default()
        };
        desired.snapshot.accounts.insert(account(1), declared);
        let mut observed = live(&[(1, "view", group("ops"))]);
        let called = |name: &str| {
            let mut value = account_of(1);
            value.name = name.into();
            Entity::observed(value)
        };
        observed.snapshot.accounts.insert(account(1), called(live_name));
        let seen = seen_name.map(|name| Seen {
            at: "2026-10-01T00:00:00Z".parse().unwrap(),
            snapshot: Snapshot {
                accounts: [(account(1), called(name))].into(),
                ..Snapshot::default()
            },
            roles: Vec::new(),
            around: None,
        });
        let recorded = Recorded {
            applied: desired.snapshot.clone(),
            seen,
            ..Recorded::default()
        };
        causes(&find_at(&desired, &recorded, &observed))
    };
    let moved = [(Cause::AccountMoved, 1)];
    assert_eq!(
        told(
            account_called("pay", "payments", Management::Created),
            "other",
            None
        ),
        moved
    );
    let labelled = || account_called("payments", "payments", Management::Created);
    assert_eq!(told(labelled(), "other", None), []);
    // Nobody wrote a name; it is another one than when it was last read.
    assert_eq!(told(labelled(), "other", Some("payments-prod")), moved);
    assert_eq!(told(labelled(), "other", Some("other")), []);
}
