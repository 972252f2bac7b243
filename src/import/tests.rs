//! Any world, imported: what is written evaluates to what is there, so the plan has nothing to do but to record it,
//! and afterwards nothing at all; and what is written is about as long as what a person wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use proptest::prelude::*;

use crate::address::Kind;
use crate::config::evaluate::{EvalOptions, Evaluation, evaluate};
use crate::config::files::Files;
use crate::config::module::{SourceTree, compile};
use crate::drift;
use crate::id::{
    AccountId, AccountKey, GroupName, OuPath, PermissionSetName, PrincipalKey, ServiceId, UserName,
};
use crate::model::access::{Access, Names, Pair};
use crate::model::account::{Account, AccountStatus, OrganizationalUnit};
use crate::model::instance::{Held, HeldSubject, Observed};
use crate::model::permission_set::{Boundary, CustomerManagedPolicy};
use crate::model::record::Seen;
use crate::model::roles::{Provisioning, RoleRow};
use crate::model::snapshot::{Entity, Snapshot};
use crate::model::stack::Matcher;
use crate::model::text::Text;
use crate::model::{Group, PermissionSet, User};
use crate::plan::check::check;
use crate::plan::input::{INPUT_VERSION, PlanInput};
use crate::plan::plan;
use crate::plan::testing::World;

use super::{Import, Options, import};

/// Files by name.
struct Tree(BTreeMap<String, String>);

impl Tree {
    fn of(files: &[(String, String)]) -> Self {
        Tree(files.iter().cloned().collect())
    }
}

impl SourceTree for Tree {
    fn list(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(self.0.keys().cloned().collect())
    }

    fn read(&self, path: &str) -> Result<String, String> {
        self.0
            .get(path.trim_start_matches("./"))
            .cloned()
            .ok_or_else(|| "no such file".to_owned())
    }
}

impl Files for Tree {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        Ok(SourceTree::read(self, path)?.into_bytes().into())
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        Ok(self.0.contains_key(path))
    }

    fn list(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(Vec::new())
    }
}

fn evaluated(files: &[(String, String)], observed: Option<&Observed>) -> Evaluation {
    let tree = Tree::of(files);
    let (program, map, mut found) = compile(&tree, ".");
    let options = EvalOptions {
        variables: Vec::new(),
        observed,
        now: Timestamp::UNIX_EPOCH,
        cwd: Arc::from("/stack"),
    };
    let mut evaluation = evaluate(&program, &options, &tree);
    found.extend(std::mem::take(&mut evaluation.diagnostics));
    let mut text = Vec::new();
    crate::report::diagnostics::write_text(&found, &map, false, &mut text).unwrap();
    assert!(
        !found.has_errors(),
        "{}\n{files:#?}",
        String::from_utf8_lossy(&text)
    );
    evaluation
}

/// Imports, adopts, and plans again.
fn round_trip(observed: &Observed, infer: bool) -> Import {
    let options = Options {
        infer,
        ..Options::default()
    };
    round_trip_with(observed, &options)
}

fn round_trip_with(observed: &Observed, options: &Options) -> Import {
    let imported = import(observed, options);
    for (name, text) in imported.files.iter().filter(|(name, _)| name.ends_with(".hcl")) {
        assert_eq!(crate::config::syntax::layout::layout(text), *text, "{name}");
    }
    let mut world = World::new();
    world.observed = observed.clone();
    for last in [false, true] {
        let evaluation = evaluated(&imported.files, Some(&world.observed));
        let input = PlanInput {
            format_version: INPUT_VERSION,
            stack: "test".into(),
            now: world.now,
            desired: evaluation.desired,
            recorded: world.recorded.clone(),
            observed: world.observed.clone(),
            options: world.options.clone(),
        };
        // Before anything is applied and after it, nothing but what no configuration can say is told of what did not
        // change.
        let drift = drift::find(&input.desired, &input.recorded, &input.observed, input.now).unwrap();
        if !names_in_other_forms(&imported) {
            assert_eq!(drift.items, [], "{imported:#?}");
        }
        let plan = plan(&input);
        assert_eq!(check(&plan, &input), []);
        let said = || {
            format!(
                "{:#?}\n{:#?}\n{:#?}\n{imported:#?}",
                plan.findings, plan.actions, plan.grants
            )
        };
        assert!(
            plan.changes_nothing_in_the_service() && !plan.is_refused(),
            "{}",
            said()
        );
        if last {
            assert!(plan.is_empty(), "{}", said());
        } else {
            world.carry_out(&plan, &input.desired.snapshot);
            world.recorded.lineage = Some("imported".into());
            world.recorded.seen = Some(Seen::of(world.observed.clone()));
        }
    }
    imported
}

/// Whether grants were left out because of how a name is written: no block can name it, not even to ignore it.
fn names_in_other_forms(imported: &Import) -> bool {
    imported.left_out.iter().any(|left| left.why.contains("(NFC)"))
}

fn account(n: usize) -> AccountKey {
    AccountKey::Id(AccountId::new(format!("{n:012}")).unwrap())
}

fn id(text: String) -> Option<ServiceId> {
    Some(ServiceId::new(text).unwrap())
}

/// Names that want to break something.
const NASTY: &[&str] = &[
    "Ops",
    "ops",
    "OPS!",
    "a \"b\"",
    "${var.x}",
    "%{ if }",
    "$${a",
    "back\\slash",
    "tab\there",
    "new\nline",
    "日本",
    "Équipe",
    "e\u{301}",
    "root",
    "for",
    "null",
    "42",
    "—",
    "x\u{202e}y",
    "#c",
    "/* c */",
    "a,b",
    " padded ",
];

fn name(allowed: impl Fn(&str) -> bool) -> impl Strategy<Value = String> {
    let pool: Vec<String> = NASTY
        .iter()
        .filter(|name| allowed(name))
        .map(|name| (*name).to_owned())
        .collect();
    let plain = "[a-zA-Z][a-zA-Z0-9]{0,8}";
    prop_oneof![prop::sample::select(pool), plain]
}

fn optional(strategy: impl Strategy<Value = String>) -> impl Strategy<Value = Option<String>> {
    prop::option::of(strategy)
}

/// A user: name, given and family name, own display name, e-mail, whether synced.
type UserSpec = (String, String, String, Option<String>, bool, bool);

fn user() -> impl Strategy<Value = UserSpec> {
    let user_name = name(|name| UserName::new(name).is_ok());
    let first = prop_oneof![5 => name(|_| true), 1 => Just(String::new())];
    (
        user_name,
        first,
        name(|_| true),
        optional(name(|_| true)),
        any::<bool>(),
        prop::bool::weighted(0.2),
    )
}

/// A permission set: name, description, inline policy, what else it has, as bits.
type SetSpec = (String, Option<String>, Option<String>, u8);

fn permission_set() -> impl Strategy<Value = SetSpec> {
    let set_name = prop_oneof![
        prop::sample::select(vec![
            "AWSAdministratorAccess",
            "AWSControlTowerX",
            "a+b=c,d.e@f-g",
            "42",
            "View_Only"
        ])
        .prop_map(str::to_owned),
        "[A-Za-z][A-Za-z0-9]{0,12}"
    ];
    let policy = prop::sample::select(vec![
        r#"{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"s3:*","Resource":["arn:aws:s3:::${aws:username}/*","*"]}]}"#,
        r#"{"Statement":{"Effect":"Deny","NotAction":["iam:*"],"Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":false},"NumericLessThan":{"s3:max-keys":10}}},"Version":"2012-10-17"}"#,
        r#"{"Version":"2012-10-17","Statement":[{"Sid":"A","Effect":"Allow","Action":["a:b","c:d"],"Resource":"*","Condition":{"StringEquals":{"aws:x":["1","2"]}}}]}"#,
        r#"{ "Version" : "2008-10-17", "Statement" : [ ] }"#,
    ]);
    let description = optional(prop_oneof![name(|_| true), Just("say \"hi\" ${x} é".to_owned())]);
    (
        set_name,
        description,
        prop::option::of(policy.prop_map(str::to_owned)),
        any::<u8>(),
    )
}

#[derive(Debug, Clone)]
struct Spec {
    units: Vec<(usize, String)>,
    accounts: Vec<(String, usize, u8, bool)>,
    users: Vec<UserSpec>,
    /// Name, description, members as bits (none: not readable), whether synced.
    groups: Vec<(String, Option<String>, Option<u64>, bool)>,
    sets: Vec<SetSpec>,
    /// Principals (groups, users, then orphans), sets and accounts as bits.
    blocks: Vec<(u64, u8, u8)>,
    /// Whether the organization cannot be read.
    closed: bool,
}

fn spec() -> impl Strategy<Value = Spec> {
    let unit_name = name(|name| !name.contains('/'));
    let units = prop::collection::vec((0..4_usize, unit_name), 0..5);
    let account_name = name(|name| name.chars().all(|c| (' '..='~').contains(&c)));
    let accounts = prop::collection::vec(
        (account_name, 0..6_usize, any::<u8>(), prop::bool::weighted(0.25)),
        0..8,
    );
    let users = prop_oneof![
        prop::collection::vec(user(), 0..5),
        prop::collection::vec(user(), 12..25)
    ];
    let members = prop::option::weighted(0.8, any::<u64>());
    let group_name = name(|name| GroupName::new(name).is_ok());
    let group = (
        group_name,
        optional(name(|_| true)),
        members,
        prop::bool::weighted(0.2),
    );
    let groups = prop::collection::vec(group, 0..8);
    let sets = prop::collection::vec(permission_set(), 0..6);
    let blocks = prop::collection::vec((any::<u64>(), any::<u8>(), any::<u8>()), 0..6);
    let closed = prop::bool::weighted(0.15);
    (units, accounts, users, groups, sets, blocks, closed).prop_map(
        |(units, accounts, users, groups, sets, blocks, closed)| Spec {
            closed,
            units,
            accounts,
            users,
            groups,
            sets,
            blocks,
        },
    )
}

impl Spec {
    fn observed(&self) -> Observed {
        let mut observed = World::new().observed;
        let mut snapshot = Snapshot::default();
        let paths = self.units(&mut snapshot);
        self.accounts(&mut snapshot, &paths);
        self.people(&mut snapshot);
        self.sets(&mut snapshot);
        self.access(&mut snapshot);
        for (name, group) in &snapshot.groups {
            if group.value.members.is_none() {
                observed.held.push(Held {
                    subject: HeldSubject::Members(name.clone()),
                    why: "denied".into(),
                });
            }
        }
        if self.closed {
            snapshot.accounts.clear();
            snapshot.organizational_units.clear();
            observed
                .held
                .extend([Kind::Account, Kind::OrganizationalUnit].map(|kind| Held {
                    subject: HeldSubject::All(kind),
                    why: "denied".into(),
                }));
        }
        observed.held.sort();
        observed.snapshot = snapshot;
        observed
    }

    fn units(&self, snapshot: &mut Snapshot) -> Vec<OuPath> {
        let mut paths = vec![OuPath::root()];
        for (above, name) in &self.units {
            let path = paths[above % paths.len()].child(name);
            paths.extend(path.ok().filter(|path| !paths.contains(path)));
        }
        for (n, path) in paths.iter().enumerate() {
            let unit = OrganizationalUnit {
                path: path.clone(),
                id: id(format!("ou-{n}")),
            };
            snapshot
                .organizational_units
                .insert(path.clone(), Entity::observed(unit));
        }
        paths
    }

    fn accounts(&self, snapshot: &mut Snapshot, paths: &[OuPath]) {
        for (n, (name, unit, tags, suspended)) in self.accounts.iter().enumerate() {
            let tag = |bit: u8, key: &str, value: &str| {
                (tags & bit != 0).then(|| (Arc::from(key), Arc::from(value)))
            };
            let tags = [
                tag(1, "env", "prod"),
                tag(2, "for", ""),
                tag(4, "cost center", "a/b é"),
            ];
            let value = Account {
                key: account(n + 1),
                name: name.as_str().into(),
                email: None,
                ou: Some(paths[unit % paths.len()].clone()),
                tags: Some(tags.into_iter().flatten().collect()),
                status: if *suspended {
                    AccountStatus::Suspended
                } else {
                    AccountStatus::Active
                },
                management: false,
            };
            snapshot.accounts.insert(account(n + 1), Entity::observed(value));
        }
    }

    fn people(&self, snapshot: &mut Snapshot) {
        let mut names = Vec::new();
        for (n, (name, given, family, display, mail, synced)) in self.users.iter().enumerate() {
            let user_name = UserName::new(name).unwrap();
            let value = User {
                user_name: user_name.clone(),
                id: id(format!("u-{n}")),
                given_name: given.as_str().into(),
                family_name: family.as_str().into(),
                display_name: display
                    .clone()
                    .unwrap_or_else(|| format!("{given} {family}"))
                    .into(),
                email: mail.then(|| format!("u{n}@example.com").into()),
                external_id: synced.then(|| format!("x{n}").into()),
            };
            snapshot.users.insert(user_name.clone(), Entity::observed(value));
            names.push(user_name);
        }
        for (n, (name, description, members, synced)) in self.groups.iter().enumerate() {
            let display_name = GroupName::new(name).unwrap();
            let chosen = |mask: u64| {
                names
                    .iter()
                    .enumerate()
                    .filter(move |(n, _)| mask >> n & 1 == 1)
                    .map(|(_, name)| name.clone())
            };
            let value = Group {
                display_name: display_name.clone(),
                id: id(format!("g-{n}")),
                description: description.clone().map(Arc::from),
                members: members.map(|mask| chosen(mask).collect()),
                external_id: synced.then(|| format!("x{n}").into()),
            };
            snapshot.groups.insert(display_name, Entity::observed(value));
        }
    }

    fn sets(&self, snapshot: &mut Snapshot) {
        for (n, (name, description, policy, bits)) in self.sets.iter().enumerate() {
            let has = |bit: u8| bits & bit != 0;
            let mut value = PermissionSet::new(PermissionSetName::new(name).unwrap());
            value.arn = id(format!("arn:{n}"));
            value.description = description.as_deref().map(Text::known);
            value.inline_policy = policy.as_deref().map(Text::known);
            value.relay_state = has(1).then(|| Text::known("https://x.example.com/?a={b}&c=\"d\""));
            if has(2) {
                value
                    .managed_policies
                    .insert("arn:aws:iam::aws:policy/ReadOnlyAccess".into());
            }
            let customer = CustomerManagedPolicy {
                path: if has(4) { "/" } else { "/a/b/" }.into(),
                name: "guard".into(),
            };
            if has(8) {
                value.customer_managed_policies.insert(customer.clone());
            }
            if has(16) {
                value.permissions_boundary = Some(Boundary::CustomerManaged(customer));
            }
            if has(32) {
                value.session_duration = "PT90M".parse().unwrap();
            }
            if has(64) {
                value.tags.insert("a b".into(), Text::known("c=d"));
            }
            snapshot
                .permission_sets
                .insert(value.name.clone(), Entity::observed(value));
        }
    }

    fn access(&self, snapshot: &mut Snapshot) {
        let groups = snapshot.groups.keys().cloned().map(PrincipalKey::Group);
        let users = snapshot.users.keys().cloned().map(PrincipalKey::User);
        let orphan = PrincipalKey::OrphanGroup(ServiceId::new("gone-1").unwrap());
        let principals: Vec<PrincipalKey> = groups.chain(users).chain([orphan]).collect();
        let sets: Vec<PermissionSetName> = snapshot.permission_sets.keys().cloned().collect();
        let accounts: Vec<AccountKey> = snapshot.accounts.keys().cloned().collect();
        let mut triples = BTreeSet::new();
        for (who, what, places) in &self.blocks {
            for (_, account) in accounts
                .iter()
                .enumerate()
                .filter(|(n, _)| places >> (n % 8) & 1 == 1)
            {
                for (_, set) in sets.iter().enumerate().filter(|(n, _)| what >> (n % 8) & 1 == 1) {
                    let chosen = principals
                        .iter()
                        .enumerate()
                        .filter(|(n, _)| who >> (n % 64) & 1 == 1);
                    triples.extend(chosen.map(|(_, who)| (account.clone(), set.clone(), who.clone())));
                }
            }
        }
        let names = Names::new(
            triples.iter().map(|t| t.0.clone()).collect(),
            triples.iter().map(|t| t.1.clone()).collect(),
            triples.iter().map(|t| t.2.clone()).collect(),
        )
        .unwrap();
        let tuples = triples
            .iter()
            .map(|t| names.tuple(&t.0, &t.1, &t.2).unwrap())
            .collect();
        snapshot.access = Access::from_tuples(names, tuples);
    }
}

proptest! {
    #![proptest_config(crate::testing::property(120))]

    /// Whatever the service holds: nothing is lost, and nothing is to be changed.
    #[test]
    fn any_world_imports_to_an_empty_plan(spec in spec(), infer in any::<bool>(), scope in 0..4_u8) {
        let observed = spec.observed();
        let options = Options { infer, scope: scope_of(&observed, scope), ..Options::default() };
        let imported = round_trip_with(&observed, &options);
        prop_assert_eq!(&import(&observed, &options), &imported);
        // Every grant is declared, ignored or named as left out.
        let access = &observed.snapshot.access;
        let lost: usize = imported.left_out.iter().filter_map(|left| {
            let (count, rest) = left.what.split_once(' ')?;
            rest.starts_with("grant").then(|| count.parse::<usize>().unwrap())
        }).sum();
        let ignored = access.tuples.iter().filter(|tuple| {
            let (_, set, _) = access.names.resolve(**tuple).unwrap();
            imported.ignored.contains(set)
        }).count();
        prop_assert_eq!(imported.counts.grants + lost + ignored, access.len());
    }
}

/// No scope, or one of the first permission set, of the first account, or of everybody.
fn scope_of(observed: &Observed, kind: u8) -> Option<Matcher> {
    let snapshot = &observed.snapshot;
    let set = snapshot
        .permission_sets
        .keys()
        .next()
        .map(|name| Arc::from(name.as_str()));
    let account = snapshot
        .accounts
        .keys()
        .next()
        .map(|key| Arc::from(key.to_string()));
    match kind {
        1 => Some(Matcher {
            permission_sets: vec![set?],
            ..Matcher::default()
        }),
        2 => Some(Matcher {
            accounts: vec![account?],
            ..Matcher::default()
        }),
        3 => Some(Matcher {
            principals: vec!["*".into()],
            ..Matcher::default()
        }),
        _ => None,
    }
}

#[test]
fn a_scope_is_all_that_is_declared() {
    let observed = applied(&[(
        "main.hcl".to_owned(),
        r#"
account "one" { id = "111122223331" }
account "two" { id = "111122223332" }
group "ops" { display_name = "Ops" }
permission_set "admin" {}
permission_set "view" {}
assignment "all" {
  principals      = [group.ops]
  permission_sets = [permission_set.admin, permission_set.view]
  accounts        = [account.one, account.two]
}
"#
        .to_owned(),
    )]);
    let scoped = |scope: Matcher| {
        let options = Options {
            scope: Some(scope),
            ..Options::default()
        };
        let imported = round_trip_with(&observed, &options);
        let text: String = imported.files.into_iter().map(|(_, text)| text).collect();
        assert!(
            text.contains("data \"group\" \"ops\""),
            "people belong to everybody\n{text}"
        );
        (text, imported.counts.grants, imported.left_out)
    };
    let (text, grants, left_out) = scoped(Matcher {
        permission_sets: vec!["ad*".into()],
        ..Matcher::default()
    });
    assert!(
        text.contains("permission_set \"admin\"") && !text.contains("view"),
        "{text}"
    );
    assert!(
        text.contains("  scope {\n    permission_sets = [\"ad*\"]\n  }\n"),
        "{text}"
    );
    assert_eq!((grants, left_out[0].what.as_str()), (2, "2 grants"));
    // A set that others use elsewhere is only looked up.
    let (text, grants, _) = scoped(Matcher {
        accounts: vec!["111122223331".into()],
        ..Matcher::default()
    });
    assert!(text.contains("data \"permission_set\" \"admin\""), "{text}");
    assert_eq!(grants, 2);
}

#[test]
fn a_set_that_was_not_read_completely_is_looked_up() {
    let files = vec![(
        "main.hcl".to_owned(),
        r#"
account "a" { id = "111122223333" }
data "group" "ops" {}
permission_set "admin" {
  managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
}
permission_set "unused" {}
assignment "a" {
  principals      = [data.group.ops]
  permission_sets = [permission_set.admin]
  accounts        = [account.a]
}
"#
        .to_owned(),
    )];
    let mut observed = applied(&files);
    for name in ["admin", "unused"] {
        let set = PermissionSetName::new(name).unwrap();
        observed.held.push(Held {
            subject: HeldSubject::Entity(crate::id::EntityKey::PermissionSet(set)),
            why: "GetPermissionsBoundaryForPermissionSet: AccessDeniedException".into(),
        });
    }
    let imported = round_trip(&observed, false);
    let text = text(&imported.files);
    assert!(text.contains("data \"permission_set\" \"admin\""), "{text}");
    assert!(!text.contains("\npermission_set \""), "{text}");
    let left: Vec<&str> = imported.left_out.iter().map(|left| &*left.what).collect();
    assert_eq!(left, ["permission set admin", "permission set unused"]);
    assert!(imported.left_out[0].why.contains("GetPermissionsBoundary"));
}

/// What a person wrote, without what an import cannot know: comments, blank lines, variables and guardrails.
fn size(files: &[(String, String)]) -> usize {
    let lines = files.iter().flat_map(|(_, text)| text.lines());
    lines
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .map(|line| line.len() + 1)
        .sum()
}

/// The service once a stack is applied to it: what is declared is there.
fn applied(files: &[(String, String)]) -> Observed {
    let desired = evaluated(files, None).desired;
    let mut observed = World::new().observed;
    let mut snapshot = desired.snapshot;
    let root = OrganizationalUnit {
        path: OuPath::root(),
        id: id("r-1".to_owned()),
    };
    snapshot
        .organizational_units
        .insert(OuPath::root(), Entity::observed(root));
    for (n, account) in snapshot.accounts.values_mut().enumerate() {
        account.value.ou.get_or_insert_with(OuPath::root);
        account.value.tags.get_or_insert_default();
        account.value.email = Some(crate::id::Email::new(format!("aws{n}@example.com")).unwrap());
    }
    snapshot.accounts.insert(
        account(99),
        Entity::observed(Account {
            key: account(99),
            name: "management".into(),
            email: None,
            ou: Some(OuPath::root()),
            tags: Some(BTreeMap::new()),
            status: AccountStatus::Active,
            management: true,
        }),
    );
    for (n, user) in snapshot.users.values_mut().enumerate() {
        user.value.id = id(format!("u-{n}"));
        if user.value.display_name.is_empty() {
            user.value.display_name = format!("{} {}", user.value.given_name, user.value.family_name).into();
        }
    }
    for (n, group) in snapshot.groups.values_mut().enumerate() {
        group.value.id = id(format!("g-{n}"));
        if group.management == crate::model::Management::Referred {
            group.value.external_id = Some(format!("x-{n}").into());
        }
    }
    for (n, set) in snapshot.permission_sets.values_mut().enumerate() {
        set.value.arn = id(format!("arn:{n}"));
    }
    let access = &snapshot.access;
    snapshot.access = Access::from_tuples(access.names.clone(), access.tuples.clone());
    bare(&mut snapshot.organizational_units);
    bare(&mut snapshot.accounts);
    bare(&mut snapshot.users);
    bare(&mut snapshot.groups);
    bare(&mut snapshot.permission_sets);
    observed.snapshot = snapshot;
    observed
}

fn bare<K: Ord, T: Clone>(map: &mut BTreeMap<K, Entity<T>>) {
    map.values_mut()
        .for_each(|entity| *entity = Entity::observed(entity.value.clone()));
}

fn example(name: &str) -> Vec<(String, String)> {
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("examples")
        .join(name);
    let mut files = Vec::new();
    for entry in std::fs::read_dir(directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if name.ends_with(".hcl") || name.ends_with(".csv") {
            files.push((name, std::fs::read_to_string(&path).unwrap()));
        }
    }
    files
}

fn at_most_a_third_longer(files: &[(String, String)]) {
    let observed = applied(files);
    let imported = round_trip(&observed, true);
    let (theirs, ours) = (size(files), size(&imported.files));
    assert!(
        ours * 10 <= theirs * 13,
        "{ours} of {theirs}: {:.2}\n{}",
        ours as f64 / theirs as f64,
        text(&imported.files)
    );
}

fn text(files: &[(String, String)]) -> String {
    files
        .iter()
        .map(|(name, text)| format!("==== {name}\n{text}"))
        .collect()
}

#[test]
fn the_example_organization_is_about_as_long_when_it_is_imported() {
    at_most_a_third_longer(&example("02-organization"));
}

/// An organization like the example, of another size and with other access.
#[derive(Debug, Clone)]
struct Shape {
    products: usize,
    sandboxes: usize,
    people: usize,
    teams: usize,
    /// Teams, sets and where, each an index.
    access: Vec<(u8, u8, u8)>,
}

fn shape() -> impl Strategy<Value = Shape> {
    let access = prop::collection::vec((any::<u8>(), any::<u8>(), any::<u8>()), 3..25);
    (2..12_usize, 0..8_usize, 12..80_usize, 4..16_usize, access).prop_map(
        |(products, sandboxes, people, teams, access)| Shape {
            products,
            sandboxes,
            people,
            teams,
            access,
        },
    )
}

/// Where an assignment of the shape applies.
const PLACES: &[&str] = &[
    "organizational_unit.workloads.accounts",
    "organizational_unit.prod.accounts",
    "concat(organizational_unit.infrastructure.accounts, organizational_unit.nonprod.accounts)",
    "[for a in organizational_unit.root.accounts : a if lookup(a.tags, \"env\", \"\") == \"prod\"]",
    "[account.network]",
    "[account.network, account.log_archive]",
    "organizational_unit.root.accounts",
    "[account.prod[\"product1\"], account.dev[\"product0\"]]",
    "organizational_unit.nonprod.direct_accounts",
];

impl Shape {
    fn files(&self) -> Vec<(String, String)> {
        let mut out = String::from("rolecall {\n  required_version = \">= 0.1\"\n}\n");
        for (label, name, parent) in [
            ("infrastructure", "Infrastructure", "root"),
            ("workloads", "Workloads", "root"),
            ("sandbox", "Sandbox", "root"),
            ("prod", "Prod", "workloads"),
            ("nonprod", "NonProd", "workloads"),
        ] {
            out.push_str(&format!(
                "organizational_unit \"{label}\" {{\n  name = \"{name}\"\n  parent = organizational_unit.{parent}\n}}\n"
            ));
        }
        for (n, label) in ["network", "log_archive", "build"].iter().enumerate() {
            out.push_str(&format!(
                "account \"{label}\" {{\n  id = \"22220000000{n}\"\n  name = \"{}\"\n  email = \"aws+{label}@example.com\"\n  ou = organizational_unit.infrastructure\n  tags = {{ env = \"prod\", team = \"platform\" }}\n}}\n",
                label.replace('_', "-")
            ));
        }
        self.products(&mut out);
        self.people_hcl(&mut out);
        self.sets(&mut out);
        self.assignments(&mut out);
        let mut files = vec![("main.hcl".to_owned(), out)];
        files.push(("people.csv".to_owned(), self.people_csv()));
        files
    }

    fn products(&self, out: &mut String) {
        out.push_str("locals {\n  products = {\n");
        for n in 0..self.products {
            out.push_str(&format!(
                "    product{n} = {{ number = {n}, team = \"team{}\" }}\n",
                n % self.teams
            ));
        }
        out.push_str("  }\n}\n");
        for (first, label, unit) in [
            (3, "prod", "prod"),
            (4, "staging", "nonprod"),
            (5, "dev", "nonprod"),
        ] {
            out.push_str(&format!(
                "account \"{label}\" {{\n  for_each = local.products\n  id = format(\"{first}333%08d\", each.value.number)\n  name = \"${{each.key}}-{label}\"\n  email = \"aws+${{each.key}}-{label}@example.com\"\n  ou = organizational_unit.{unit}\n  tags = {{ env = \"{label}\", team = each.value.team }}\n}}\n"
            ));
        }
        if self.sandboxes > 0 {
            out.push_str(&format!(
                "account \"sandbox\" {{\n  count = {}\n  id = format(\"6666%08d\", count.index)\n  name = \"sandbox-${{count.index}}\"\n  ou = organizational_unit.sandbox\n}}\n",
                self.sandboxes
            ));
        }
    }

    fn people_hcl(&self, out: &mut String) {
        out.push_str("locals {\n  people = csvdecode(file(\"${path.module}/people.csv\"))\n  groups = {\n");
        for n in 0..self.teams {
            out.push_str(&format!("    team{n} = \"Team {n}\"\n"));
        }
        out.push_str(concat!(
            "  }\n}\n",
            "user \"person\" {\n  for_each = { for person in local.people : person.user_name => person }\n",
            "  user_name = each.key\n  given_name = each.value.given_name\n  family_name = each.value.family_name\n  email = each.key\n}\n",
            "group \"team\" {\n  for_each = local.groups\n  display_name = each.value\n  members = [\n",
            "    for person in local.people : user.person[person.user_name]\n",
            "    if contains(split(\" \", person.groups), each.key)\n  ]\n}\n",
        ));
    }

    fn people_csv(&self) -> String {
        let mut out = String::from("user_name,given_name,family_name,groups\n");
        for n in 0..self.people {
            out.push_str(&format!(
                "person{n}@example.com,Person,Number{n},team{} team{}\n",
                n % self.teams,
                n / 2 % self.teams
            ));
        }
        out
    }

    fn sets(&self, out: &mut String) {
        for (label, name) in [
            ("administrator", "Administrator"),
            ("power_user", "PowerUser"),
            ("read_only", "ReadOnly"),
            ("view_only", "ViewOnly"),
            ("billing", "Billing"),
        ] {
            out.push_str(&format!(
                "permission_set \"{label}\" {{\n  name = \"{name}\"\n  description = \"What {name} may do\"\n  session_duration = \"PT8H\"\n  managed_policies = [\"arn:aws:iam::aws:policy/{name}Access\"]\n}}\n"
            ));
        }
        out.push_str(
            "permission_set \"deployer\" {\n  name = \"Deployer\"\n  inline_policy = jsonencode({\n    Version = \"2012-10-17\"\n    Statement = [{ Effect = \"Allow\", Action = [\"codepipeline:*\", \"ecs:UpdateService\"], Resource = \"*\" }]\n  })\n}\n",
        );
    }

    fn assignments(&self, out: &mut String) {
        for (label, set, accounts) in [
            (
                "team_builds",
                "power_user",
                "[account.dev[each.key], account.staging[each.key]]",
            ),
            ("team_deploys", "deployer", "[account.prod[each.key]]"),
        ] {
            out.push_str(&format!(
                "assignment \"{label}\" {{\n  for_each = local.products\n  principals = [group.team[each.value.team]]\n  permission_sets = [permission_set.{set}]\n  accounts = {accounts}\n}}\n"
            ));
        }
        let sets = ["administrator", "power_user", "read_only", "view_only", "billing"];
        for (n, (team, set, place)) in self.access.iter().enumerate() {
            let principals = match team % 3 {
                0 => format!(
                    "group.team[\"team{0}\"], group.team[\"team{1}\"]",
                    usize::from(*team) % self.teams,
                    usize::from(*set) % self.teams
                ),
                _ => format!("group.team[\"team{}\"]", usize::from(*team) % self.teams),
            };
            out.push_str(&format!(
                "assignment \"access{n}\" {{\n  principals = [{principals}]\n  permission_sets = [permission_set.{}]\n  accounts = {}\n}}\n",
                sets[usize::from(*set) % sets.len()],
                PLACES[usize::from(*place) % PLACES.len()]
            ));
        }
    }
}

proptest! {
    #![proptest_config(crate::testing::property(60))]

    #[test]
    fn organizations_like_the_example_are_about_as_long_when_imported(shape in shape()) {
        at_most_a_third_longer(&shape.files());
    }
}

#[test]
fn a_closed_account_a_service_s_set_and_a_deleted_group_are_no_drift_after_an_import() {
    let files = [(
        "main.hcl".to_owned(),
        r#"
account "open" { id = "111122223331" }
account "closed" { id = "111122223332" }
account "empty" { id = "111122223333" }
user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}
group "ops" {
  display_name = "Ops"
  members      = [user.ada]
}
permission_set "admin" {}
permission_set "AWSAdministratorAccess" {
  managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
}
assignment "all" {
  principals      = [group.ops]
  permission_sets = [permission_set.admin, permission_set.AWSAdministratorAccess]
  accounts        = [account.open, account.closed]
}
"#
        .to_owned(),
    )];
    let mut observed = applied(&files);
    for id in ["111122223332", "111122223333"] {
        let key = AccountKey::Id(AccountId::new(id).unwrap());
        observed.snapshot.accounts.get_mut(&key).unwrap().value.status = AccountStatus::Suspended;
    }
    let gone = PrincipalKey::OrphanGroup(ServiceId::new("906a-gone").unwrap());
    let ops = PrincipalKey::Group(GroupName::new("Ops").unwrap());
    let access = &observed.snapshot.access;
    let mut triples: Vec<_> = access
        .tuples
        .iter()
        .map(|tuple| access.names.resolve(*tuple).unwrap())
        .map(|(account, set, who)| (account.clone(), set.clone(), who.clone()))
        .collect();
    triples.extend(
        triples
            .clone()
            .into_iter()
            .map(|(account, set, _)| (account, set, gone.clone())),
    );
    let names = Names::new(
        triples.iter().map(|t| t.0.clone()).collect(),
        triples.iter().map(|t| t.1.clone()).collect(),
        vec![gone, ops],
    )
    .unwrap();
    let tuples = triples
        .iter()
        .map(|t| names.tuple(&t.0, &t.1, &t.2).unwrap())
        .collect();
    observed.snapshot.access = Access::from_tuples(names, tuples);
    // The round trip looks at the drift.
    let imported = round_trip(&observed, false);
    let text = text(&imported.files);
    assert!(
        text.contains("  ignore \"deleted principals\" {\n    principals = [\"906a-gone\"]\n  }\n"),
        "{text}"
    );
    assert_eq!(imported.counts.grants, 2, "{text}");
    // Who administers through what is ignored, deleted groups aside, and what is left in accounts that are shut.
    let administration = &imported.administration;
    assert_eq!(
        (administration.people.len(), administration.accounts.len()),
        (1, 2)
    );
    assert_eq!(administration.permission_sets.len(), 1);
    assert!(administration.unread.is_empty());
    let shut = imported.shut.iter();
    let shut: Vec<_> = shut.map(|account| (&*account.name, account.grants)).collect();
    assert_eq!(shut, [("closed", 4), ("empty", 0)]);
    // A role in one is not promised to be provisioned.
    let mut stale = observed.clone();
    let names = &stale.snapshot.access.names;
    let admin = PermissionSetName::new("admin").unwrap();
    let set = names.permission_set_rank(&admin).unwrap();
    let ranks = names
        .accounts
        .iter()
        .map(|account| names.account_rank(account).unwrap());
    let pairs = ranks.map(|account| Pair::new(account, set));
    stale.roles = pairs
        .map(|pair| RoleRow {
            pair,
            suffix: None,
            provisioning: Provisioning::Stale,
        })
        .collect();
    let left = import(&stale, &Options::default()).left_out;
    let why = |what: &str| left.iter().find(|left| left.what == what).map(|left| &*left.why);
    let open = why("roles of permission set admin in 1 account").unwrap();
    assert!(open.ends_with("the next apply provisions them"), "{open}");
    let closed = why("roles of permission set admin in 1 account suspended or being closed").unwrap();
    assert!(
        closed.ends_with("nothing is provisioned there unless the account is reopened"),
        "{closed}"
    );
    let into_a_stack = import(
        &observed,
        &Options {
            has_settings: true,
            ..Options::default()
        },
    );
    let stack = into_a_stack
        .files
        .iter()
        .find(|(name, _)| name == "stack.hcl")
        .unwrap();
    assert!(
        stack
            .1
            .contains("\n# ignore \"deleted principals\" {\n#   principals = "),
        "{}",
        stack.1
    );
}

/// Accounts in two units, whose ids are in another order than their names.
const NAMED: [(&str, &str, u32); 8] = [
    ("alpha", "dev", 19),
    ("beta", "dev", 18),
    ("able", "prod", 16),
    ("baker", "prod", 15),
    ("charlie", "prod", 14),
    ("dog", "prod", 13),
    ("easy", "prod", 12),
    ("zulu", "prod", 11),
];

#[test]
fn lists_of_accounts_are_by_unit_and_name_and_one_that_is_almost_another_says_so() {
    let mut text =
        "organizational_unit \"dev\" { create = true }\norganizational_unit \"prod\" { create = true }\n"
            .to_owned();
    for (name, unit, id) in NAMED {
        text.push_str(&format!(
            "account \"{name}\" {{\n  id = \"1111222233{id}\"\n  name = \"{name}\"\n  ou = organizational_unit.{unit}\n}}\n"
        ));
    }
    let most: Vec<String> = NAMED[..7]
        .iter()
        .map(|(name, ..)| format!("account.{name}"))
        .collect();
    let all: Vec<String> = NAMED.iter().map(|(name, ..)| format!("account.{name}")).collect();
    for (group, accounts) in [("a", &most), ("b", &most), ("c", &all)] {
        text.push_str(&format!(
            "group \"{group}\" {{ display_name = \"{group}\" }}\npermission_set \"of_{group}\" {{}}\n\
             assignment \"{group}\" {{\n  principals = [group.{group}]\n  permission_sets = [permission_set.of_{group}]\n  \
             accounts = [{}]\n}}\n",
            accounts.join(", ")
        ));
    }
    let observed = applied(&[("main.hcl".to_owned(), text)]);
    let imported = round_trip(&observed, false);
    let written = self::text(&imported.files);
    let (before, _) = written.split_once(", [account.zulu])").unwrap();
    let (_, local) = before.rsplit_once("concat(local.").unwrap();
    let (_, list) = written.split_once(&format!("{local} = [")).unwrap();
    let list = list.split_once(']').unwrap().0;
    let list: Vec<&str> = list
        .split(',')
        .map(str::trim)
        .filter(|one| !one.is_empty())
        .collect();
    assert_eq!(list, most);
}

#[test]
fn a_group_of_a_service_that_nothing_refers_to_is_said_to_be_left_to_it() {
    let files = [(
        "main.hcl".to_owned(),
        r#"
account "one" { id = "111122223331" }
group "tower" { display_name = "AWSControlTowerAdmins" }
group "factory" { display_name = "AWSAccountFactory" }
permission_set "AWSAdministratorAccess" {}
permission_set "view" {}
assignment "theirs" {
  principals      = [group.tower]
  permission_sets = [permission_set.AWSAdministratorAccess]
  accounts        = [account.one]
}
assignment "ours" {
  principals      = [group.factory]
  permission_sets = [permission_set.view]
  accounts        = [account.one]
}
"#
        .to_owned(),
    )];
    let imported = round_trip(&applied(&files), false);
    let groups: Vec<&str> = imported.ignored_groups.iter().map(GroupName::as_str).collect();
    assert_eq!(groups, ["AWSControlTowerAdmins"]);
}
