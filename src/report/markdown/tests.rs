//! What a renderer makes of the documents: GitHub's own Markdown, read by a port of its parser.

use std::collections::BTreeSet;
use std::sync::Arc;

use comrak::nodes::NodeValue;
use comrak::{Arena, Options as Reader, parse_document};

use super::plan::{Apply, Title};
use super::text::size;
use super::*;
use crate::id::{EntityKey, GroupName, PermissionSetName, PrincipalKey, ServiceId, UserName};
use crate::model::action::Effect;
use crate::model::stack::{Output, OutputValue};
use crate::model::text::Text;
use crate::plan::altered::{Altered, Content};
use crate::plan::becoming::{Becoming, Holders};
use crate::plan::change::{GrantReason, RecordChange, RecordStep, RevokeReason};
use crate::plan::finding::{Finding, Level};
use crate::plan::outputs::OutputChange;
use crate::plan::people::PeopleChange;
use crate::plan::risk::RiskMark;
use crate::plan::{ActionKind, Plan, Reason};
use crate::report::escape::escape;
use crate::report::plan_view::PlanView;
use crate::report::plan_view::tests::{administers, large, small};
use crate::source::Location;

/// What mischievous people call things.
const HOSTILE: &[&str] = &[
    "a|b",
    "a\\|b",
    "`code`",
    "``",
    "` `",
    "<script>alert(1)</script>",
    "</details>",
    "<!-- x",
    "--> y",
    "@octocat",
    "#123",
    "owner/repo#1",
    "![x](http://evil.example/p.png)",
    "[click](javascript:alert(1))",
    "https://evil.example",
    "www.evil.example",
    "a@b.example",
    "*bold* _it_ ~~no~~",
    "$x^2$",
    "nimda\u{202e}",
    "a\u{1b}[2J",
    "\u{430}dmin",
    "&lt;b&gt; &#64;root",
    "\\",
    "a\\",
    "`",
    "| --- | --- |",
    "- [x] done",
    "> [!NOTE]",
    "```",
    "GH-12",
    "0123456789abcdef0123456789abcdef01234567",
    ":tada:",
    "[^1]",
    "line\nbreak\n# heading",
    "!7 &3 ~bug %2",
    "\u{200b}@root\u{200b}",
];

fn title() -> Title<'static> {
    Title {
        command: "rolecall plan",
        apply: Apply::Command("rolecall apply --digest 9f3c-2ab7"),
        everything: "rolecall plan --json",
    }
}

fn written(plan: &Plan, options: Options) -> String {
    plan::write(&PlanView::new(plan), title(), options)
}

/// What a reader sees outside of code, and the code.
#[derive(Default)]
struct Seen {
    text: Vec<String>,
    code: Vec<String>,
    headings: usize,
    tables: usize,
}

/// Reads a document as GitHub does. Fails where anything is in it that only we may make, or that nobody may.
fn read(document: &str) -> Seen {
    let mut reader = Reader::default();
    reader.extension.autolink = true;
    reader.extension.table = true;
    reader.extension.strikethrough = true;
    reader.extension.tasklist = true;
    reader.extension.footnotes = true;
    reader.extension.alerts = true;
    reader.extension.math_dollars = true;
    reader.extension.wikilinks_title_after_pipe = true;
    let arena = Arena::new();
    let root = parse_document(&arena, document, &reader);
    let mut seen = Seen::default();
    let mut folds = 0_i32;
    for node in root.descendants() {
        match &node.data().value {
            NodeValue::Text(text) => seen.text.push(text.to_string()),
            NodeValue::Code(code) => seen.code.push(code.literal.clone()),
            NodeValue::CodeBlock(block) => seen.code.push(block.literal.clone()),
            NodeValue::Heading(_) => seen.headings += 1,
            NodeValue::HtmlBlock(block) => {
                for line in block.literal.lines() {
                    folds += i32::from(line.starts_with("<details>")) - i32::from(line == "</details>");
                    assert!(is_ours(line), "raw HTML: {line:?} in\n{document}");
                }
            }
            NodeValue::Table(table) => {
                seen.tables += 1;
                for row in node.children() {
                    assert_eq!(row.children().count(), table.num_columns, "{document}");
                }
            }
            NodeValue::HtmlInline(tag) => assert_eq!(tag, "<br>", "{document}"),
            NodeValue::Document
            | NodeValue::Paragraph
            | NodeValue::List(_)
            | NodeValue::Item(_)
            | NodeValue::TableRow(_)
            | NodeValue::TableCell
            | NodeValue::SoftBreak
            | NodeValue::Strong
            | NodeValue::BlockQuote
            | NodeValue::ThematicBreak => {}
            other => panic!("{other:?} in\n{document}"),
        }
    }
    assert_eq!(folds, 0, "folds that do not end in\n{document}");
    seen
}

fn is_ours(line: &str) -> bool {
    let fold = line
        .strip_prefix("<details><summary>")
        .and_then(|rest| rest.strip_suffix("</summary>"))
        .is_some_and(|text| {
            text.chars()
                .all(|c| c.is_ascii_alphanumeric() || c == ' ' || c == ',')
        });
    let marker = line
        .strip_prefix("<!-- rolecall plan: ")
        .and_then(|rest| rest.strip_suffix(" -->"))
        .is_some_and(|name| !name.contains(['<', '>', ' ']) && !name.contains("--"));
    fold || marker || line == "</details>" || line.is_empty()
}

/// A plan in which everything that others name has that name.
fn named(text: &str) -> Plan {
    let mut plan = small();
    let shown: Arc<str> = text.into();
    plan.stack = shown.clone();
    plan.instance.region = shown.clone();
    plan.instance.organization = ServiceId::new(text).ok();
    for name in plan.account_names.values_mut() {
        *name = shown.clone();
    }
    for name in plan.user_names.values_mut() {
        *name = shown.clone();
    }
    let place = Location {
        file: shown.clone(),
        line: 3,
        column: 1,
    };
    for block in &mut plan.declarations {
        block.reason = Some(shown.clone());
        block.location = Some(place.clone());
    }
    for selection in plan.selections.values_mut() {
        selection.accounts_from = Some(shown.clone());
    }
    if let Ok(group) = GroupName::new(text) {
        plan.names.principals = vec![PrincipalKey::Group(group.clone())];
        if let Ok(user) = UserName::new(text) {
            plan.names.principals.push(PrincipalKey::User(user));
        }
        for row in &mut plan.people.rows {
            row.via = [PrincipalKey::Group(group.clone())].into();
        }
        plan.people.rows[0].change = PeopleChange::Unknown;
    }
    for action in &mut plan.actions {
        action.location = Some(place.clone());
        action.reason = Reason::IdChanged {
            from: ServiceId::new("1").unwrap(),
            to: ServiceId::new(text).unwrap_or_else(|_| ServiceId::new("2").unwrap()),
        };
        action.blocked = Some(shown.clone());
        if let Some(Effect::UpdatePermissionSet { to, .. }) = &mut action.effect {
            to.description = Some(Text::known(text));
            to.inline_policy = Some(Text::known(format!("{{\"Statement\": {text:?}}}")));
            to.tags = [(shown.clone(), Text::known(text))].into();
        }
    }
    plan.grants[0].reason = GrantReason::Restore;
    plan.grants[0].blocked = true;
    plan.records.push(RecordStep {
        tuple: plan.grants[1].tuple,
        note: 0,
        change: RecordChange::Adopt,
    });
    for level in [Level::Refusal, Level::Note] {
        let mut finding = Finding::new(level, "some-code", format!("{text} must exist in 5 accounts"));
        finding.subjects = [shown.clone(), "other".into()].into();
        finding.remedy = Some(format!("`rolecall x {text}` helps, or {text}").into());
        finding.location = Some(place.clone());
        plan.findings.push(finding);
    }
    let output = Output {
        value: OutputValue::Null,
        sensitive: false,
        description: None,
    };
    let change = OutputChange {
        before: None,
        after: Some(output),
    };
    plan.output_changes.insert(shown, change);
    plan
}

#[test]
fn nothing_in_a_name_is_more_than_text() {
    let ours = |c: char| c.is_alphanumeric() || " .,;:!?()'\"…·→–-+%".contains(c);
    for text in HOSTILE {
        let document = written(&named(text), Options::default());
        let seen = read(&document);
        for part in &seen.text {
            assert!(part.chars().all(ours), "{part:?} of {text:?} in\n{document}");
            let autolinked = ["GH-", "0123456789abcdef", "www"]
                .iter()
                .any(|bait| part.contains(bait));
            assert!(!autolinked, "{part:?} of {text:?}");
        }
        assert!(
            !document.contains(['\u{202e}', '\u{1b}', '\u{200b}']),
            "{document:?}"
        );
        // What is called so is still readable.
        let shown = escape(text).replace("\\|", "\\\\u{7c}");
        let found = seen
            .code
            .iter()
            .filter(|code| code.contains(shown.trim()))
            .count();
        assert!(found >= 8, "{text:?} is shown {found} times in\n{document}");
        // As many headings and tables as with a harmless name: nobody adds one, nobody swallows one.
        let plain = read(&written(&named("harmless"), Options::default()));
        let (headings, tables) = (seen.headings, seen.tables);
        assert_eq!(
            (headings, tables),
            (plain.headings, plain.tables),
            "{text:?} in\n{document}"
        );
    }
}

#[test]
fn look_alikes_are_pointed_out() {
    let document = written(&named("\u{430}dmin"), Options::default());
    assert!(
        document.contains("(**look-alike characters**: `\u{430}` U+0430)"),
        "{document}"
    );
}

#[test]
fn a_small_plan_says_who_gains_what_where_and_why() {
    let document = written(&small(), Options::default());
    let expected = [
        "<!-- rolecall plan: acme -->",
        "## rolecall plan: `acme`",
        "**Plan: 12 to add, 1 to change, 3 to remove; 2 roles to provision.** **14 people gain access, 1 person loses access.**",
        "| **gain** | 14 people: `Ada Lovelace`, `Grace Hopper`, `u0`, `u1`, `u2` … 9 more | `admin` | 12 accounts: `prod-1..12` |  |",
        "| **loses** | 1 person: `Bob Stone` | `view` | 3 accounts: `sandbox-1..3` | keeps `power-user` there; sessions that are open may last another 4 h |",
        "| **add** | `platform` | `admin` | 12 accounts in `workloads/prod`: `prod-1..12` | `OPS-1412` |  | `access/prod.hcl:31` |",
        "| **remove** | `contractors` | `view` | 3 accounts: `sandbox-1..3` | `assignment.sandbox` was removed |  |  |",
        "  - `session_duration`: `PT4H` → `PT1H`",
        "    +         \"s3:Get*\"",
        "rolecall apply --digest 9f3c-2ab7",
    ];
    for line in expected {
        assert!(
            document.lines().any(|shown| shown == line),
            "no line\n{line}\nin\n{document}"
        );
    }
    let first = document.lines().next();
    assert_eq!(first, Some("<!-- rolecall plan: acme -->"));
    read(&document);
}

#[test]
fn what_differs_between_two_runs_with_one_result_is_not_in_it() {
    let mut later = small();
    later.serial += 7;
    later.now = "2027-01-01T00:00:00Z".parse().unwrap();
    assert_eq!(
        written(&small(), Options::default()),
        written(&later, Options::default())
    );
}

#[test]
fn a_refused_plan_says_so_and_has_no_command() {
    let mut plan = small();
    plan.findings
        .push(Finding::new(Level::Refusal, "max-removals", "too much goes"));
    let document = written(&plan, Options::default());
    assert!(document.contains("**This plan is refused**"), "{document}");
    assert!(!document.contains("--digest"), "{document}");
    let (findings, changes) = (document.find("max-removals"), document.find("### People"));
    assert!(findings.unwrap() < changes.unwrap());
}

/// A hundred thousand changes that form no products, of a thousand blocks.
fn huge() -> Plan {
    let mut plan = large(110, 2, 1000);
    let keep = |bits: u64| bits.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 63 == 0;
    plan.grants.retain(|step| keep(step.tuple.0));
    plan.grants.truncate(100_000);
    for step in plan.grants.split_off(60_000) {
        plan.revokes.push(crate::plan::RevokeStep {
            tuple: step.tuple,
            note: step.note,
            reason: RevokeReason::NoLongerSelected,
            blocked: false,
        });
    }
    let users: Vec<UserName> = (0..2000)
        .map(|n| UserName::new(format!("person{n}@example.com")).unwrap())
        .collect();
    for (n, user) in users.iter().enumerate() {
        let mut row = small().people.rows[0].clone();
        row.people = vec![user.clone()];
        row.count = 1;
        row.permission_set = n as u32 % 2;
        row.accounts = (0..n as u32 % 110).step_by(2).collect();
        plan.people.rows.push(row);
    }
    plan.people.gaining = 2000;
    plan
}

#[test]
fn a_plan_of_a_hundred_thousand_changes_fits_and_counts_what_it_leaves_out() {
    let plan = huge();
    assert_eq!(plan.grants.len() + plan.revokes.len(), 100_000);
    let assignments = regex::Regex::new(r"([0-9,]+) assignments? in (\d|`|all)").unwrap();
    for most in [LEAST_SIZE, 20_000, GITHUB_SIZE, 1_000_000] {
        let options = Options {
            max_size: most,
            ..Options::default()
        };
        let document = written(&plan, options);
        assert!(size(&document) <= most, "{} of {most}", size(&document));
        // Both ways in which GitHub has been seen to count.
        if most <= GITHUB_SIZE {
            assert!(document.chars().count() <= 65_536 && document.len() <= 262_144);
        }
        read(&document);
        assert!(
            document.contains("Plan: 60,000 to add, 0 to change, 40,000 to remove"),
            "{most}"
        );
        assert!(document.contains("rolecall apply --digest 9f3c-2ab7"), "{most}");
        let (_, section) = document.split_once("### Assignments").unwrap();
        let section = section.split("### ").next().unwrap();
        let total: u64 = assignments
            .captures_iter(section)
            .map(|found| found[1].replace(',', "").parse::<u64>().unwrap())
            .sum();
        assert_eq!(total, 100_000, "shown and left out make all of it, in {most}");
        let whole = !section.contains("Left out here");
        assert_eq!(whole, most == 1_000_000, "{most}");
        let told = document.contains("`rolecall plan --json` shows all of it");
        assert_eq!(told, document.contains("Left out here"), "{most}");
        // People come before everything else: at GitHub's size hundreds of them are named.
        if most == GITHUB_SIZE {
            assert!(document.matches("@example.com`").count() > 100);
        }
    }
}

#[test]
fn a_long_text_cannot_push_the_rest_out() {
    let mut plan = small();
    plan.stack = "x".repeat(100_000).into();
    plan.findings
        .push(Finding::new(Level::Warning, "long", "word ".repeat(50_000)));
    if let Some(Effect::UpdatePermissionSet { to, .. }) = &mut plan.actions[0].effect {
        let actions: Vec<String> = (0..20_000).map(|n| format!("\"s3:{n}\"")).collect();
        to.inline_policy = Some(Text::known(format!("{{\"Statement\": [{}]}}", actions.join(","))));
    }
    let document = written(&plan, Options::default());
    assert!(size(&document) <= GITHUB_SIZE);
    assert!(document.contains("| **add** | `platform`"), "{document}");
    assert!(
        document.contains("row without what differs in detail"),
        "{document}"
    );
    assert!(document.contains("**change** `admin`"), "{document}");
    read(&document);
}

#[test]
fn counted_people_have_no_names() {
    let mut plan = huge();
    plan.user_names = small().user_names;
    let names: BTreeSet<String> = plan
        .user_names
        .iter()
        .flat_map(|(name, shown)| [name.to_string(), shown.to_string()])
        .filter(|name| name.len() > 3)
        .collect();
    assert!(names.contains("Ada Lovelace"));
    let first = names.iter().next().unwrap();
    plan.findings.push(Finding::new(
        Level::Warning,
        "some-code",
        format!("user person7@example.com ({first}) is gone"),
    ));
    let options = Options {
        people: People::Counts,
        max_size: 1_000_000,
    };
    let document = written(&plan, options);
    assert!(document.contains("1 person |"), "{document}");
    assert!(document.contains("user (someone) ((someone)) is gone") || document.contains("(someone)"));
    assert!(!document.contains("@example.com"), "an address is left");
    for name in &names {
        assert!(!document.contains(name.as_str()), "{name}");
    }
    let named = written(
        &plan,
        Options {
            max_size: 1_000_000,
            ..Options::default()
        },
    );
    assert!(named.contains("person7@example.com") && named.contains(first.as_str()));
}

#[test]
fn changed_rules_come_first_with_every_part_and_people_with_their_block() {
    use crate::plan::rules::{RuleBlock, RuleChange, RuleChangeKind};
    let mut plan = small();
    plan.people.rows[0].via = [PrincipalKey::Group(GroupName::new("platform").unwrap())].into();
    plan.rules.known = true;
    plan.rules.changes = vec![RuleChange {
        rule: RuleBlock::Guardrail,
        label: Some("few administrators".into()),
        change: RuleChangeKind::Changed,
        may_loosen: true,
        before: vec!["limit.max_people: 1".into()],
        after: (2..12).map(|n| format!("limit.part{n}").into()).collect(),
        texts: None,
        location: None,
    }];
    let document = written(&plan, Options::default());
    read(&document);
    let rules = document
        .find("### Rules changed (1 rule · 1 may let more pass)")
        .unwrap();
    assert!(rules < document.find("### People").unwrap(), "{document}");
    let heading =
        "- **change** `guardrail` `few administrators`: **something may pass now that did not before**";
    assert!(document.contains(heading), "{document}");
    assert!(
        document.contains("  - limit.max_people: 1\n  + limit.part2\n"),
        "{document}"
    );
    assert!(
        document.contains("+ limit.part11"),
        "every part is there\n{document}"
    );
    let how = "<br>`assignment.platform_admin` (`access/prod.hcl:31`), reason `OPS-1412`";
    assert!(document.contains(how), "{document}");
}

#[test]
fn a_created_user_is_counted_too() {
    let mut plan = small();
    let user = crate::model::principal::User {
        user_name: UserName::new("eve@example.com").unwrap(),
        id: None,
        given_name: "Eve".into(),
        family_name: "Stone".into(),
        display_name: "Eve Stone".into(),
        email: Some("eve.stone@example.com".into()),
        external_id: None,
    };
    let mut action = plan.actions[0].clone();
    action.kind = ActionKind::Create;
    action.entity = EntityKey::User(user.user_name.clone());
    action.effect = Some(Effect::CreateUser { user });
    plan.actions.push(action);
    let options = Options {
        people: People::Counts,
        ..Options::default()
    };
    let document = written(&plan, options);
    assert!(document.contains("1 user"), "{document}");
    for name in ["Eve", "eve@", "eve.stone"] {
        assert!(!document.contains(name), "{name} in\n{document}");
    }
}

#[test]
fn nothing_in_a_stacks_name_ends_the_marker() {
    assert_eq!(
        marker("plan", "acme-prod.eu"),
        "<!-- rolecall plan: acme-prod.eu -->\n"
    );
    assert_eq!(
        marker("plan", "a--> <b>é"),
        "<!-- rolecall plan: a-%2D%3E%20%3Cb%3E%C3%A9 -->\n"
    );
}

#[test]
fn everyone_who_comes_to_marked_access_is_named_where_there_is_room() {
    let mut plan = small();
    let long = "x".repeat(100);
    let row = plan.people.rows.iter_mut().find(|row| row.count == 14).unwrap();
    let names = (0..120).map(|n| UserName::new(format!("p{n:03}{long}")).unwrap());
    (row.people, row.count) = (names.collect(), 120);
    let named = |plan: &Plan, max_size| {
        let options = Options {
            max_size,
            ..Options::default()
        };
        let text = written(plan, options);
        let names = (0..120).filter(|n| text.contains(&format!("p{n:03}{long}")));
        (names.count(), text.contains(" … 20 more"))
    };
    assert_eq!(named(&plan, GITHUB_SIZE), (5, false));
    // Longer than the section's fair part, and there is room.
    administers(&mut plan, 0);
    assert_eq!(named(&plan, GITHUB_SIZE), (100, true));
    assert_eq!(named(&plan, 12_000), (5, false));
}

#[test]
fn of_those_who_have_a_set_that_rises_the_others_are_said_to_be_where_everything_is() {
    let altered = |count: u64| {
        let name = PermissionSetName::new("admin").unwrap();
        let people: Vec<_> = (0..count)
            .map(|n| UserName::new(format!("p{n:03}")).unwrap())
            .collect();
        Altered {
            permission_set: name.clone(),
            changed: vec![Content::InlinePolicy],
            before: None,
            after: Some(RiskMark::Administrator),
            covered: true,
            holders: Holders {
                people: count,
                accounts: 2,
            },
            having: people.clone(),
            through: vec![Becoming {
                permission_set: name,
                via: PrincipalKey::Group(GroupName::new("ops").unwrap()),
                people,
                everyone: None,
                accounts: vec![0, 1],
            }],
        }
    };
    let line = |count: u64, max_size| {
        let mut plan = small();
        plan.risks.altered = vec![altered(count)];
        let options = Options {
            max_size,
            ..Options::default()
        };
        let text = written(&plan, options);
        let found = text
            .lines()
            .find(|line| line.contains("makes them administrators there; not so far"));
        found.unwrap().to_owned()
    };
    let all = line(20, GITHUB_SIZE);
    assert!(all.contains("`p019`") && !all.contains("all of them"), "{all}");
    let cut = line(32, GITHUB_SIZE);
    assert!(
        cut.contains("`p019` … 12 more (all of them: `rolecall plan --json`)"),
        "{cut}"
    );
    let short = line(32, 12_000);
    assert!(
        short.contains("`p004` … 27 more (all of them: `rolecall plan --json`)"),
        "{short}"
    );
}
