//! The page as text: nothing from outside becomes markup, its policy fits its content, the same sources give the same
//! bytes, and the summary answers without a script.

use super::*;
use crate::address::{Address, Kind};
use crate::id::{AccountId, GroupName, OuPath, PermissionSetName, PrincipalKey, ServiceId};
use crate::model::access::{Access, Declaration, Names, Note, Pair, Tuple};
use crate::model::account::Account;
use crate::model::in_account::{AccountFault, InAccount, attached};
use crate::model::made::Made;
use crate::model::permission_set::PermissionSet;
use crate::model::principal::{Group, User};
use crate::model::record::{Around, Seen};
use crate::model::roles::{Provisioning, RoleRow, RoleSuffix};
use crate::model::snapshot::{Entity, Management};
use crate::model::stack::Production;
use crate::source::Location;

fn account_key(number: u64) -> AccountKey {
    AccountKey::Id(AccountId::new(format!("{number:012}")).unwrap())
}

fn set_name(name: &str) -> PermissionSetName {
    PermissionSetName::new(name).unwrap()
}

fn instance() -> Instance {
    Instance {
        arn: ServiceId::new("arn:aws:sso:::instance/ssoins-1").unwrap(),
        identity_store: ServiceId::new("d-1").unwrap(),
        organization: Some(ServiceId::new("o-a1b2c3d4e5").unwrap()),
        region: "eu-west-1".into(),
        management_account: None,
    }
}

fn group(name: &str, members: &[&str]) -> Entity<Group> {
    Entity::observed(Group {
        display_name: GroupName::new(name).unwrap(),
        id: None,
        description: None,
        members: Some(members.iter().map(|name| UserName::new(name).unwrap()).collect()),
        external_id: None,
    })
}

fn user(name: &str, shown: &str) -> Entity<User> {
    Entity::observed(User {
        user_name: UserName::new(name).unwrap(),
        id: None,
        given_name: "".into(),
        family_name: "".into(),
        display_name: shown.into(),
        email: None,
        external_id: None,
    })
}

/// The group administers `payments` in production; Ada and Bob are its members.
fn snapshot(group_name: &str, account_name: &str, ada: &str) -> Snapshot {
    let mut snapshot = Snapshot::default();
    let names = Names::new(
        vec![account_key(1)],
        vec![set_name("Administrator")],
        vec![PrincipalKey::Group(GroupName::new(group_name).unwrap())],
    );
    snapshot.access = Access::from_tuples(names.unwrap(), vec![Tuple::new(0, 0, 0)]);
    let account = Account {
        key: account_key(1),
        name: account_name.into(),
        email: None,
        ou: Some(OuPath::new("Workloads/Prod").unwrap()),
        tags: None,
        status: Default::default(),
        management: false,
    };
    snapshot
        .accounts
        .insert(account_key(1), Entity::observed(account));
    let mut set = PermissionSet::new(set_name("Administrator"));
    set.managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess".into()].into();
    snapshot
        .permission_sets
        .insert(set_name("Administrator"), Entity::observed(set));
    let members = group(group_name, &["ada", "bob"]);
    snapshot
        .groups
        .insert(GroupName::new(group_name).unwrap(), members);
    snapshot
        .users
        .insert(UserName::new("ada").unwrap(), user("ada", ada));
    snapshot
        .users
        .insert(UserName::new("bob").unwrap(), user("bob", "Bob Stone"));
    snapshot
}

/// A state that read this once, and applied it by one block.
fn recorded(snapshot: Snapshot) -> Recorded {
    let mut applied = snapshot.clone();
    applied.access.declarations = vec![Declaration {
        address: Address::root(Kind::Assignment, "break_glass"),
        location: Some(Location {
            file: "access.hcl".into(),
            line: 7,
            column: 1,
        }),
        reason: Some("SEC-2 <b>".into()),
        expires: Some("2027-03-31T00:00:00Z".parse().unwrap()),
    }];
    applied.access.notes = vec![Note {
        declared_by: vec![0],
        owned: true,
    }];
    let seen = Seen {
        at: "2026-11-01T08:30:00Z".parse().unwrap(),
        snapshot,
        roles: vec![RoleRow {
            pair: Pair::new(0, 0),
            suffix: Some(RoleSuffix(0xff00_0000_0000_00a1)),
            provisioning: Provisioning::Latest,
        }],
        around: Some(Box::new(Around {
            instance: instance(),
            caller: None,
            quotas: Default::default(),
            held: Vec::new(),
            in_progress: Vec::new(),
            in_accounts: Vec::new(),
        })),
    };
    Recorded {
        serial: 41,
        lineage: Some("l".into()),
        applied,
        seen: Some(seen),
        ..Recorded::default()
    }
}

fn page_with(recorded: &Recorded, plan: Option<&PlanView<'_>>) -> String {
    let mut history = History::default();
    history.read(recorded.seen.as_ref().unwrap()).unwrap();
    let risk = RiskSettings {
        production: Production {
            organizational_units: vec!["Workloads/Prod".into()],
            ..Production::default()
        },
        ..RiskSettings::default()
    };
    let sources = Sources {
        stack: "acme",
        recorded,
        history: &history,
        made: &Made::default(),
        log: &[],
        plan,
        risk: &risk,
        drift: Err("the configuration was not there"),
    };
    let mut out = Vec::new();
    write(&sources, &mut out).unwrap();
    String::from_utf8(out).unwrap()
}

fn page(recorded: &Recorded) -> String {
    page_with(recorded, None)
}

fn between<'t>(text: &'t str, begin: &str, end: &str) -> &'t str {
    let start = text.find(begin).unwrap() + begin.len();
    &text[start..start + text[start..].find(end).unwrap()]
}

fn data(page: &str) -> serde_json::Value {
    let begin = "<script type=\"application/json\" id=\"data\">";
    serde_json::from_str(between(page, begin, "</script>")).unwrap()
}

fn plain() -> Recorded {
    recorded(snapshot("Break Glass", "payments", "Ada Lovelace"))
}

#[test]
fn names_from_outside_are_neither_markup_nor_script() {
    let evil = "</script><script>alert(1)</script><!--";
    let page = page(&recorded(snapshot(
        evil,
        "\"><img src=x onerror=alert(1)>",
        "Ada' & <i>Ada</i>",
    )));
    assert_eq!(page.matches("<script").count(), 2, "the data and the page's own");
    assert_eq!(page.matches("</script").count(), 2);
    for markup in ["<img", "<i>", "<!--", "<b>SEC", "SEC-2 <b>"] {
        assert!(!page.contains(markup), "{markup}");
    }
    assert_eq!(
        data(&page)["principals"][0]["name"],
        evil,
        "and it is there as it is"
    );
    assert!(page.contains("SEC-2 &#60;b&#62;"), "the block's reason is shown");
}

#[test]
fn hidden_and_look_alike_characters_are_pointed_out() {
    let page = page(&recorded(snapshot(
        "nimda\u{202e}",
        "p\u{430}yments",
        "Ada\u{200b}",
    )));
    assert!(!page.contains(['\u{202e}', '\u{200b}']));
    let data = data(&page);
    assert_eq!(data["principals"][0]["name"], "nimda\\u{202e}");
    let account = data["accounts"][0]["name"].as_str().unwrap();
    assert!(
        account.ends_with("(look-alike characters: \u{430} U+0430)"),
        "{account}"
    );
    assert!(page.contains("3 names with look-alike or hidden characters"));
}

#[test]
fn the_policy_allows_the_pages_own_style_and_script_and_nothing_else() {
    let page = page(&plain());
    let policy = between(&page, "Content-Security-Policy\" content=\"", "\"");
    let hash = |text: &str| format!("&#39;sha256-{}&#39;", STANDARD.encode(Sha256::digest(text)));
    let style = hash(between(&page, "<style>", "</style>"));
    let script = hash(between(&page, "<script>", "</script>"));
    assert!(policy.contains(&format!("style-src {style};")), "{policy}");
    assert!(policy.contains(&format!("script-src {script};")), "{policy}");
    assert!(policy.starts_with("default-src &#39;none&#39;;"), "{policy}");
    assert!(!policy.contains("unsafe"));
    for address in ["http://", "https://", "url(", " style=\"", " onclick="] {
        assert!(!page.contains(address), "{address}");
    }
}

#[test]
fn the_same_sources_give_the_same_bytes() {
    assert_eq!(page(&plain()), page(&plain()));
}

#[test]
fn two_people_of_one_name_are_told_apart_in_the_summary() {
    let mut read = snapshot("Break Glass", "payments", "Bob Stone");
    let page_of = |snapshot: Snapshot| {
        let page = page(&recorded(snapshot));
        between(&page, "id=\"administrators\"", "</section>").to_owned()
    };
    let both = page_of(read.clone());
    assert!(
        both.contains("2 people: Bob Stone (ada), Bob Stone (bob)"),
        "{both}"
    );
    // The other one need not administer anything.
    let name = GroupName::new("Break Glass").unwrap();
    read.groups.insert(name, group("Break Glass", &["ada"]));
    let one = page_of(read);
    assert!(one.contains("1 person: Bob Stone (ada)"), "{one}");
}

#[test]
fn the_page_says_why_a_set_and_an_account_are_marked() {
    let data = data(&page(&plain()));
    assert_eq!(
        data["sets"][0]["because"],
        serde_json::json!(["AdministratorAccess"])
    );
    assert_eq!(
        data["accounts"][0]["because"],
        "organizational unit Workloads/Prod"
    );
}

#[test]
fn the_summary_says_who_administers_production() {
    let page = page(&plain());
    let table = between(&page, "id=\"administrators\"", "</section>");
    for said in [
        "Break Glass",
        "2 people: Ada Lovelace, Bob Stone",
        "Administrator",
        "payments",
        "2026-11-01 08:30:00 UTC or before",
        "assignment.break_glass",
        "access.hcl:7",
        "until 2027-03-31",
    ] {
        assert!(table.contains(said), "{said} in {table}");
    }
    assert!(page.contains("arn:aws:sso:::instance/ssoins-1"));
    assert!(page.contains("Drift is not in this report: the configuration was not there"));
}

#[test]
fn rows_name_blocks_dates_and_roles_by_index() {
    let data = data(&page(&plain()));
    assert_eq!(data["pairs"], serde_json::json!([0, 0, 1]));
    assert_eq!(data["rows"], serde_json::json!([0, 1, 0, 1]));
    assert_eq!(data["notes"], serde_json::json!([[], [0]]));
    assert_eq!(data["since"], serde_json::json!([[-1, 0, -1]]));
    assert_eq!(data["times"], serde_json::json!(["2026-11-01 08:30:00 UTC"]));
    assert_eq!(data["principals"][0]["members"], serde_json::json!([0, 1]));
    assert_eq!(data["people"][1], serde_json::json!(["Bob Stone", "bob"]));
    assert_eq!(data["blocks"][0]["place"], "access.hcl:7");
    let arn: Vec<&str> = data["role_arn"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| part.as_str().unwrap())
        .collect();
    let suffix = data["suffixes"][0].as_str().unwrap();
    assert_eq!(
        format!("{}000000000001{}Administrator{}{suffix}", arn[0], arn[1], arn[2]),
        "arn:aws:iam::000000000001:role/aws-reserved/sso.amazonaws.com/eu-west-1/AWSReservedSSO_Administrator_ff000000000000a1"
    );
}

#[test]
fn who_is_in_a_group_by_nobodys_block_is_marked_where_they_administer() {
    let mut recorded = plain();
    let group = recorded.applied.groups.values_mut().next().unwrap();
    group.management = Management::Managed;
    group
        .value
        .members
        .as_mut()
        .unwrap()
        .retain(|user| user.as_str() == "ada");
    let page = page(&recorded);
    let table = between(&page, "id=\"administrators\"", "</section>");
    let people = "2 people: Bob Stone (? no block declares the membership), Ada Lovelace";
    assert!(table.contains(people), "{table}");
    assert!(
        page.contains("1 person administers an account by being in a group that no block puts them into.")
    );
    assert_eq!(data(&page)["principals"][0]["undeclared"], serde_json::json!([1]));
}

#[test]
fn a_role_counts_as_it_was_edited() {
    let mut recorded = plain();
    let seen = recorded.seen.as_mut().unwrap();
    let set = seen.snapshot.permission_sets.values_mut().next().unwrap();
    set.value.managed_policies = ["arn:aws:iam::aws:policy/ReadOnlyAccess".into()].into();
    let table = |recorded: &Recorded| {
        let page = page(recorded);
        between(&page, "id=\"administrators\"", "</section>").to_owned()
    };
    assert!(table(&recorded).contains("Nobody."));
    let seen = recorded.seen.as_mut().unwrap();
    seen.around.as_mut().unwrap().in_accounts = vec![InAccount {
        account: account_key(1),
        fault: AccountFault::RoleEdited {
            permission_set: set_name("Administrator"),
            edits: [attached("arn:aws:iam::aws:policy/AdministratorAccess").into()].into(),
            behind: false,
        },
    }];
    let table = table(&recorded);
    assert!(table.contains("2 people: Ada Lovelace, Bob Stone"), "{table}");
    assert!(
        table.contains("policy attached: arn:aws:iam::aws:policy/AdministratorAccess"),
        "{table}"
    );
}

#[test]
fn a_plan_marks_rows_and_adds_those_to_come() {
    let plan = crate::report::plan_view::tests::small();
    let recorded = plain();
    let page = page_with(&recorded, Some(&PlanView::new(&plan)));
    let data = data(&page);
    let rows: Vec<i64> = data["rows"]
        .as_array()
        .unwrap()
        .iter()
        .map(|number| number.as_i64().unwrap())
        .collect();
    let states: Vec<i64> = rows.chunks(4).map(|row| row[3]).collect();
    let count = |bit: u8| {
        states
            .iter()
            .filter(|state| **state & i64::from(bit) != 0)
            .count()
    };
    assert_eq!(
        (count(data::PRESENT), count(data::GRANTED), count(data::REVOKED)),
        (1, 12, 3)
    );
    assert!(
        page.contains("+ gain") && page.contains("− loses"),
        "signs beside colours"
    );
    assert!(page.contains("12 to add, 1 to change, 3 to remove"));
    let gains = &data["people_changes"][0];
    assert_eq!(
        (
            gains["change"].as_str(),
            gains["accounts"].as_array().unwrap().len()
        ),
        (Some("gains"), 12)
    );
}

#[test]
fn the_script_cannot_end_its_own_element() {
    assert!(!SCRIPT.contains("</script") && !SCRIPT.contains("<!--"));
    assert!(!STYLE.contains("</style"));
    for risky in [
        "innerHTML",
        "outerHTML",
        "insertAdjacentHTML",
        "document.write",
        "eval(",
        "fetch(",
        "XMLHttp",
    ] {
        assert!(!SCRIPT.contains(risky), "{risky}");
    }
}

#[test]
fn a_renamed_or_deleted_group_keeps_the_block_that_was_applied() {
    let id = ServiceId::new("g-1").unwrap();
    let with_id = |mut snapshot: Snapshot| {
        let group = snapshot.groups.values_mut().next().unwrap();
        group.value.id = Some(id.clone());
        snapshot
    };
    let applied = recorded(with_id(snapshot("Break Glass", "payments", "Ada Lovelace"))).applied;
    let orphan = PrincipalKey::OrphanGroup(id.clone());
    let mut deleted = snapshot("Break Glass", "payments", "Ada Lovelace");
    deleted.groups.clear();
    let names = Names::new(
        vec![account_key(1)],
        vec![set_name("Administrator")],
        vec![orphan],
    );
    deleted.access = Access::from_tuples(names.unwrap(), vec![Tuple::new(0, 0, 0)]);
    for now in [
        with_id(snapshot("Pager", "payments", "Ada Lovelace")),
        deleted.clone(),
    ] {
        let mut recorded = recorded(now);
        recorded.applied = applied.clone();
        let page = page(&recorded);
        let note = data(&page)["rows"][1].as_u64().unwrap() as usize;
        assert_eq!(data(&page)["notes"][note], serde_json::json!([0]));
        assert!(!page.contains("that no block declares"));
    }
    let mut recorded = recorded(deleted);
    recorded.applied = snapshot("Break Glass", "payments", "Ada Lovelace");
    assert!(page(&recorded).contains("1 assignment of administration that no block declares"));
}

#[test]
fn counts_of_people_say_when_they_do_not_know_them_all() {
    let mut dark = snapshot("Break Glass", "payments", "Ada Lovelace");
    dark.groups.values_mut().next().unwrap().value.members = None;
    let page = page(&recorded(dark));
    for label in [
        "people with access",
        "people administer an account",
        "of them in production",
    ] {
        let tile = format!("<b>at least 0</b> <span>{label}; not known: the members of Break Glass</span>");
        assert!(page.contains(&tile), "{label}");
    }
    let known = tests::page(&plain());
    assert!(!known.contains("at least"));
    assert!(known.contains("<b>2</b> <span>people administer an account</span>"));
}
