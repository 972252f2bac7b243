//! Small stacks, evaluated as a whole.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::config::evaluate::{
    EvalOptions, Evaluation, Referred, StateSettings, VariableInput, evaluate, places,
};
use crate::config::files::NoFiles;
use crate::config::module::{SourceTree, compile};
use crate::id::{EntityKey, GroupName, PermissionSetName};
use crate::model::snapshot::Management;
use crate::model::stack::OutputValue;
use crate::model::text::Text;
use crate::source::SourceMap;

/// Files by path.
struct Tree(BTreeMap<String, String>);

impl SourceTree for Tree {
    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let prefix = if directory == "." {
            String::new()
        } else {
            format!("{directory}/")
        };
        let names = self.0.keys().filter_map(|path| path.strip_prefix(&prefix));
        Ok(names
            .filter(|name| !name.contains('/'))
            .map(str::to_owned)
            .collect())
    }

    fn read(&self, path: &str) -> Result<String, String> {
        self.0.get(path).cloned().ok_or_else(|| "no such file".to_owned())
    }
}

fn run_files(files: &[(&str, &str)], variables: Vec<VariableInput>) -> (Evaluation, SourceMap) {
    let tree = Tree(
        files
            .iter()
            .map(|(path, text)| ((*path).to_owned(), (*text).to_owned()))
            .collect(),
    );
    let (program, map, found) = compile(&tree, ".");
    let options = EvalOptions {
        variables,
        observed: None,
        now: Timestamp::UNIX_EPOCH,
        cwd: Arc::from("/stack"),
    };
    let mut evaluation = evaluate(&program, &options, &NoFiles);
    let mut all = found;
    all.extend(std::mem::take(&mut evaluation.diagnostics));
    evaluation.diagnostics = all;
    (evaluation, map)
}

/// Evaluates one file that must be free of findings.
fn good(text: &str) -> Evaluation {
    let (evaluation, map) = run_files(&[("main.hcl", text)], Vec::new());
    assert_eq!(findings(&evaluation, &map), [""; 0]);
    evaluation
}

/// `code line: message` of every finding, but of sets without policies: in these texts they are there for their names.
fn findings(evaluation: &Evaluation, map: &SourceMap) -> Vec<String> {
    let found = evaluation.diagnostics.sorted().into_iter();
    found
        .filter(|(finding, _)| finding.code.0 != "empty-permission-set")
        .map(|(finding, count)| {
            let line = finding
                .primary
                .as_ref()
                .and_then(|label| map.location(label.span))
                .map_or(0, |at| at.line);
            let times = if count > 1 {
                format!(" x{count}")
            } else {
                String::new()
            };
            format!("{} {line}: {}{times}", finding.code.0, finding.message)
        })
        .collect()
}

fn bad(text: &str) -> Vec<String> {
    let (evaluation, map) = run_files(&[("main.hcl", text)], Vec::new());
    findings(&evaluation, &map)
}

/// `account set principal` of every grant.
fn grants(evaluation: &Evaluation) -> Vec<String> {
    let access = &evaluation.desired.snapshot.access;
    assert!(access.is_well_formed());
    let tuples = access
        .tuples
        .iter()
        .filter_map(|tuple| access.names.resolve(*tuple));
    tuples
        .map(|(account, set, principal)| format!("{account} {set} {principal}"))
        .collect()
}

const ORGANISATION: &str = r#"
organizational_unit "workloads" {}
organizational_unit "prod" {
  name   = "Prod"
  parent = organizational_unit.workloads
}
account "pay" {
  id   = "111100000001"
  ou   = organizational_unit.prod
  tags = { env = "prod" }
}
account "dev" {
  id = "111100000002"
  ou = organizational_unit.workloads
}
account "log" { id = "111100000003" }
user "ada" {
  user_name   = "ada@example.com"
  given_name  = "Ada"
  family_name = "Lovelace"
}
group "ops" { members = [user.ada] }
permission_set "admin" {
  managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess"]
}
"#;

fn with_organisation(text: &str) -> String {
    format!("{ORGANISATION}{text}")
}

#[test]
fn a_stack_becomes_entities_and_grants() {
    let evaluation = good(&with_organisation(
        r#"
assignment "a" {
  principals      = [group.ops, [user.ada]]
  permission_sets = [permission_set.admin]
  accounts        = organizational_unit.workloads.accounts
  expires         = "2027-03-31"
  reason          = "OPS-1"
}
"#,
    ));
    assert_eq!(
        grants(&evaluation),
        [
            "111100000001 admin group ops",
            "111100000001 admin user ada@example.com",
            "111100000002 admin group ops",
            "111100000002 admin user ada@example.com",
        ]
    );
    let snapshot = &evaluation.desired.snapshot;
    assert_eq!(
        snapshot
            .organizational_units
            .keys()
            .map(|path| path.as_str())
            .collect::<Vec<_>>(),
        ["workloads", "workloads/Prod"]
    );
    let ops = snapshot.groups.get(&GroupName::new("ops").unwrap()).unwrap();
    assert_eq!(ops.management, Management::Created);
    assert_eq!(ops.value.members.as_ref().unwrap().len(), 1);
    assert!(
        snapshot
            .accounts
            .values()
            .all(|account| account.management == Management::Referred)
    );
    let ada = snapshot.users.values().next().unwrap();
    assert_eq!(&*ada.value.display_name, "Ada Lovelace");
    let selection = evaluation.desired.selections.values().next().unwrap();
    assert_eq!((selection.accounts, selection.principals), (2, 2));
    assert_eq!(selection.accounts_from.as_deref(), Some("workloads"));
    let declaration = &snapshot.access.declarations[0];
    assert_eq!(declaration.expires.unwrap().to_string(), "2027-03-31T00:00:00Z");
    assert_eq!(declaration.location.as_ref().unwrap().to_string(), "main.hcl:27");
    let accounts = evaluation
        .references
        .iter()
        .filter(|it| matches!(it, Referred::Account(_)))
        .count();
    assert_eq!(accounts, 3);
}

#[test]
fn selectors_filter_by_attributes_and_the_root_holds_every_account() {
    let evaluation = good(&with_organisation(
        r#"
assignment "prod" {
  principals      = group
  permission_sets = permission_set.admin
  accounts        = [for a in organizational_unit.root.accounts : a if lookup(a.tags, "env", "") == "prod"]
}
assignment "direct" {
  principals      = [group.ops]
  permission_sets = [permission_set.admin]
  accounts        = organizational_unit.workloads.direct_accounts
}
assignment "one" {
  principals      = [group.ops]
  permission_sets = [permission_set.admin]
  accounts        = [account["log"]]
}
"#,
    ));
    assert_eq!(
        grants(&evaluation),
        [
            "111100000001 admin group ops",
            "111100000002 admin group ops",
            "111100000003 admin group ops"
        ]
    );
}

#[test]
fn accounts_of_a_unit_may_decide_about_accounts_without_a_cycle() {
    let evaluation = good(&with_organisation(
        r#"
account "spare" {
  id   = "111100000009"
  ou   = organizational_unit.prod
  tags = { neighbours = join(" ", [for a in organizational_unit.prod.accounts : a.id]) }
}
"#,
    ));
    let spare = evaluation
        .desired
        .snapshot
        .accounts
        .values()
        .find(|it| &*it.value.name == "spare")
        .unwrap();
    assert_eq!(
        spare
            .value
            .tags
            .as_ref()
            .unwrap()
            .get("neighbours")
            .unwrap()
            .as_ref(),
        "111100000001 111100000009"
    );
}

#[test]
fn instances_are_named_from_their_keys() {
    let evaluation = good(&with_organisation(
        r#"
locals { teams = { red = 1, blue = 2 } }
group "team" {
  for_each     = local.teams
  display_name = "Team ${each.key} ${each.value}"
}
permission_set "tier" {
  count = 2
  name  = "tier-${count.index}"
}
assignment "all" {
  for_each        = group.team
  principals      = [each.value]
  permission_sets = permission_set.tier
  accounts        = [account.log]
  reason          = each.value.display_name
}
"#,
    ));
    assert_eq!(
        grants(&evaluation),
        [
            "111100000003 tier-0 group Team blue 2",
            "111100000003 tier-0 group Team red 1",
            "111100000003 tier-1 group Team blue 2",
            "111100000003 tier-1 group Team red 1",
        ]
    );
    let addresses: Vec<String> = evaluation
        .desired
        .selections
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        addresses,
        [r#"assignment.all["blue"]"#, r#"assignment.all["red"]"#]
    );
}

#[test]
fn modules_take_and_give_entities() {
    let main = with_organisation(
        r#"
module "team" {
  source   = "./team"
  for_each = { red = [user.ada] }
  name     = each.key
  members  = each.value
  accounts = [account.dev]
}
assignment "again" {
  principals      = [for team in module.team : team.group]
  permission_sets = [module.team["red"].set]
  accounts        = [account.log]
}
"#,
    );
    let team = r#"
variable "name" { type = string }
variable "members" { type = list(user) }
variable "accounts" {}
group "team" {
  display_name = title(var.name)
  members      = var.members
}
permission_set "build" { name = "${var.name}-build" }
assignment "build" {
  principals      = [group.team]
  permission_sets = [permission_set.build]
  accounts        = var.accounts
}
output "group" { value = group.team }
output "set" { value = permission_set.build }
"#;
    let (evaluation, map) = run_files(&[("main.hcl", &main), ("team/main.hcl", team)], Vec::new());
    assert_eq!(findings(&evaluation, &map), [""; 0]);
    assert_eq!(
        grants(&evaluation),
        [
            "111100000002 red-build group Red",
            "111100000003 red-build group Red"
        ]
    );
    let group = evaluation
        .desired
        .snapshot
        .groups
        .get(&GroupName::new("Red").unwrap())
        .unwrap();
    assert_eq!(
        group.addresses.iter().next().unwrap().to_string(),
        r#"module.team["red"].group.team"#
    );
}

#[test]
fn variables_come_from_outside_and_are_validated() {
    let text = r#"
variable "session" {
  type    = string
  default = "PT1H"
  validation {
    condition     = contains(["PT1H", "PT2H"], var.session)
    error_message = "One or two hours."
  }
}
variable "names" { type = list(string) }
permission_set "admin" {
  name             = var.names[1]
  session_duration = var.session
}
"#;
    let names = || VariableInput::option("names", r#"["a", "b"]"#);
    let (evaluation, map) = run_files(
        &[("main.hcl", text)],
        vec![names(), VariableInput::option("session", "PT2H")],
    );
    assert_eq!(findings(&evaluation, &map), [""; 0]);
    let set = evaluation
        .desired
        .snapshot
        .permission_sets
        .get(&PermissionSetName::new("b").unwrap())
        .unwrap();
    assert_eq!(set.value.session_duration.to_string(), "PT2H");
    let (evaluation, map) = run_files(
        &[("main.hcl", text)],
        vec![names(), VariableInput::option("session", "PT9H")],
    );
    assert_eq!(
        findings(&evaluation, &map),
        ["invalid-variable 2: `session`: One or two hours"]
    );
    let (evaluation, map) = run_files(&[("main.hcl", text)], vec![VariableInput::option("nmes", "x")]);
    assert_eq!(
        findings(&evaluation, &map),
        [
            "missing-variable 10: the variable `names` has no value",
            "undeclared-variable 0: there is no variable `nmes`, for which --var nmes gives a value",
        ]
    );
}

#[test]
fn what_the_service_assigns_is_a_template() {
    let evaluation = good(
        r#"
permission_set "a" {}
permission_set "b" { description = "after ${permission_set.a.arn}" }
output "arn" { value = permission_set.b.arn }
"#,
    );
    let b = evaluation
        .desired
        .snapshot
        .permission_sets
        .get(&PermissionSetName::new("b").unwrap())
        .unwrap();
    let Some(text @ Text::Template(_)) = &b.value.description else {
        panic!("{:?}", b.value.description)
    };
    let waits: Vec<EntityKey> = text
        .references()
        .map(|reference| reference.entity.clone())
        .collect();
    assert_eq!(
        waits,
        [EntityKey::PermissionSet(PermissionSetName::new("a").unwrap())]
    );
    assert!(matches!(
        &evaluation.desired.outputs["arn"].value,
        OutputValue::Text(Text::Template(_))
    ));
    assert_eq!(
        bad("permission_set \"a\" {}\npermission_set \"b\" { name = permission_set.a.arn }\n"),
        ["unknown-value 2: `name` must be known when planning"]
    );
}

#[test]
fn a_wrong_rule_is_one_finding_and_what_depends_on_it_is_silent() {
    let found = bad(&with_organisation(
        r#"
locals {
  people = { for n in range(1000) : "p${n}" => n }
  bad    = group.opps
}
user "p" {
  for_each    = local.people
  user_name   = "${each.key} x"
  given_name  = "G"
  family_name = "F"
}
group "g" {
  for_each     = local.bad
  display_name = "g${each.key}"
}
assignment "a" {
  principals      = [group.g["x"], user.p["p1"]]
  permission_sets = [permission_set.admin]
  accounts        = [account.log]
}
"#,
    ));
    assert_eq!(found.len(), 2, "{found:#?}");
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("unknown-name 29: there is no `group.opps`"))
    );
    assert!(
        found
            .iter()
            .any(|line| line.starts_with("invalid-name 33:") && line.ends_with("x1000")),
        "{found:#?}"
    );
}

#[test]
fn an_inline_policy_without_statements_is_none() {
    for policy in [
        "inline_policy = jsonencode({ Version = \"2012-10-17\", Statement = [for s in [] : s] })",
        "policy {}",
    ] {
        let text = format!("permission_set \"idle\" {{\n  {policy}\n}}\n");
        let (evaluation, map) = run_files(&[("main.hcl", &text)], Vec::new());
        let name = PermissionSetName::new("idle").unwrap();
        let set = &evaluation.desired.snapshot.permission_sets[&name];
        assert_eq!(set.value.inline_policy, None, "{policy}");
        assert_eq!(
            findings(&evaluation, &map),
            ["invalid-policy 2: the policy has no statement, and is left out"],
        );
        assert!(!evaluation.diagnostics.has_errors());
    }
}

#[test]
fn names_in_what_makes_nothing_today_are_looked_up() {
    let text = |body: &str| with_organisation(body);
    let first = ORGANISATION.lines().count();
    let found = bad(&text(
        r#"
group "idle" {
  count        = 0
  display_name = local.nope
  members      = [user.adda]
}
permission_set "idle" {
  for_each = toset([])
  name     = "${each.kez}-${count.index}-${each.key}"
  policy {
    statement {
      actions = [var.nope]
    }
  }
}
locals {
  none  = [for a in organizational_unit.root.accounts : a.tagz if false && a.oo == a.name]
  empty = toset([])[*].nope
  each  = [for p in [] : p.anything]
}
"#,
    ));
    let lines: Vec<(&str, usize)> = found
        .iter()
        .filter_map(|line| line.split(':').next()?.split_once(' '))
        .filter_map(|(code, line)| Some((code, line.parse::<usize>().ok()? - first)))
        .collect();
    let expected = [
        ("unknown-name", 4),
        ("unknown-name", 5),
        ("unknown-name", 9),
        ("unknown-name", 12),
        ("unknown-attribute", 17),
    ];
    for one in expected {
        assert!(lines.contains(&one), "{one:?} in {found:#?}");
    }
}

#[test]
fn what_a_value_may_mend_is_no_error_where_nothing_is_made() {
    let evaluation = good(&with_organisation(
        r#"
variable "teams" {
  type    = map(object({ lead = string }))
  default = {}
}
locals {
  by_lead = { for key, team in var.teams : team.lead => group.team[key]... }
}
group "team" {
  for_each     = var.teams
  display_name = "${each.value.lead}-${each.key}"
  members      = [for user in [user.ada] : user if user.given_name == each.value.lead]
}
group "one" {
  count        = 0
  display_name = element(values(var.teams), count.index).lead
  members      = [account.log.ou.name == "x" ? user.ada : null][*]
}
permission_set "many" {
  for_each         = { for name, group in group.team : name => group.display_name }
  name             = each.value
  description      = group.one[0].display_name
  session_duration = try(each.value.session, "PT1H")
}
"#,
    ));
    assert!(
        evaluation
            .desired
            .snapshot
            .groups
            .values()
            .all(|group| group.value.display_name.as_str() == "ops")
    );
}

#[test]
fn a_module_without_instances_is_looked_through_by_its_names() {
    let module = r#"
variable "team" {
  type = object({ lead = string })
  validation {
    condition     = var.tem.lead != ""
    error_message = "x"
  }
}
locals {
  lead  = var.team.lead
  again = [for n in range(var.team.lead) : local.leed]
}
module "inner" {
  source = "./inner"
  count  = local.lead == "x" ? 1 : 0
  name   = local.lead
}
group "team" {
  for_each     = toset([local.lead])
  display_name = each.key
}
output "group" {
  value = [group.team["x"].display_name, group.team[local.lead], module.inner[0].nam, path.module, group.ops]
}
"#;
    let inner = "variable \"name\" {}\noutput \"name\" {\n  value = var.name\n}\n";
    let files = [
        (
            "main.hcl",
            "module \"m\" {\n  source = \"./m\"\n  count  = 0\n  team = { lead = local.nope }\n}\n",
        ),
        ("m/main.hcl", module),
        ("m/inner/main.hcl", inner),
    ];
    let (evaluation, map) = run_files(&files, Vec::new());
    let found = findings(&evaluation, &map);
    let told: Vec<&str> = found.iter().filter_map(|line| line.split(": ").next()).collect();
    assert_eq!(
        told,
        [
            "unknown-name 4",
            "unknown-name 5",
            "unknown-name 11",
            "unknown-attribute 23",
            "unknown-name 23",
        ],
        "{found:#?}"
    );
}

#[test]
fn a_chain_of_a_hundred_thousand_locals_is_no_problem() {
    let mut text = String::from("locals {\n  a0 = 1\n");
    for n in 1..100_000 {
        text.push_str(&format!("  a{n} = local.a{}\n", n - 1));
    }
    text.push_str("}\noutput \"last\" { value = local.a99999 }\n");
    let evaluation = good(&text);
    assert_eq!(
        evaluation.desired.outputs["last"].value,
        OutputValue::Number("1".into())
    );
}

#[test]
fn cycles_are_paths() {
    let text = "locals {\n  a = local.b\n  b = [local.c]\n  c = local.a\n  d = local.a\n}\n";
    let (evaluation, map) = run_files(&[("main.hcl", text)], Vec::new());
    assert_eq!(
        findings(&evaluation, &map),
        ["cycle 4: local.a needs itself, by way of 2 others"]
    );
    let (cycle, _) = evaluation.diagnostics.iter().next().unwrap();
    assert_eq!(
        cycle.cause.as_deref(),
        Some("the circle is local.a → local.b → local.c → local.a")
    );
    let edges: Vec<(u32, &str)> = cycle
        .secondary
        .iter()
        .map(|label| (map.location(label.span).unwrap().line, &*label.message))
        .collect();
    assert_eq!(
        edges,
        [(2, "local.a needs local.b"), (3, "local.b needs local.c")]
    );
    let units = "organizational_unit \"a\" { parent = organizational_unit.b }\norganizational_unit \"b\" { parent = organizational_unit.a }\n";
    let found = bad(units);
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("cycle "), "{found:?}");
    assert_eq!(bad("locals { x = local.x }\n"), ["cycle 1: local.x needs itself"]);
}

#[test]
fn a_chain_of_attributes_is_refused_before_the_stack_ends() {
    let mut text = String::from("permission_set \"s0\" { description = \"x\" }\n");
    for n in 1..2_000 {
        text.push_str(&format!(
            "permission_set \"s{n}\" {{ description = permission_set.s{}.description }}\n",
            n - 1
        ));
    }
    let forwards = bad(&text);
    assert_eq!(forwards, [""; 0]);
    let backwards: Vec<&str> = text.lines().rev().collect();
    let found = bad(&backwards.join("\n"));
    assert!(
        found.iter().all(|line| line.starts_with("too-deep")) && !found.is_empty(),
        "{found:?}"
    );
}

#[test]
fn two_blocks_with_one_key_are_named_both() {
    let text = "group \"a\" { display_name = \"Ops\" }\ngroup \"b\" { display_name = \"Ops\" }\ndata \"group\" \"c\" { display_name = \"Ops\" }\n";
    let (evaluation, map) = run_files(&[("main.hcl", text)], Vec::new());
    assert_eq!(
        findings(&evaluation, &map),
        [
            "duplicate-entity 2: two blocks are one group Ops",
            "duplicate-entity 3: two blocks are one group Ops"
        ]
    );
    let look_ups = good(
        "data \"group\" \"a\" { display_name = \"Ops\" }\ndata \"group\" \"b\" { display_name = \"Ops\" }\n",
    );
    let group = look_ups.desired.snapshot.groups.values().next().unwrap();
    assert_eq!(group.addresses.len(), 2);
}

/// A reading of an organization with two accounts, a group and a permission set.
fn observed() -> crate::model::instance::Observed {
    use crate::id::{AccountId, AccountKey, Email, OuPath, ServiceId, UserName};
    use crate::model::snapshot::{Entity, Snapshot};
    use crate::model::{Account, AccountStatus, Group, OrganizationalUnit, PermissionSet, User};
    let mut snapshot = Snapshot::default();
    for (id, name, unit) in [
        ("111100000001", "pay", "Workloads/Prod"),
        ("111100000002", "dev", "Workloads"),
    ] {
        let key = AccountKey::Id(AccountId::new(id).unwrap());
        let account = Account {
            key: key.clone(),
            name: name.into(),
            email: Some(Email::new(format!("{name}@example.com")).unwrap()),
            ou: Some(OuPath::new(unit).unwrap()),
            tags: Some(BTreeMap::from([("env".into(), name.into())])),
            status: AccountStatus::Active,
            management: false,
        };
        snapshot.accounts.insert(key, Entity::observed(account));
    }
    for path in ["", "Workloads", "Workloads/Prod"] {
        let path = OuPath::new(path).unwrap();
        snapshot.organizational_units.insert(
            path.clone(),
            Entity::observed(OrganizationalUnit { path, id: None }),
        );
    }
    let name = GroupName::new("Auditors").unwrap();
    let group = Group {
        display_name: name.clone(),
        id: Some(ServiceId::new("g-1").unwrap()),
        description: None,
        members: None,
        external_id: None,
    };
    snapshot.groups.insert(name, Entity::observed(group));
    let user = UserName::new("ada").unwrap();
    let value = User {
        user_name: user.clone(),
        id: None,
        given_name: "".into(),
        family_name: "".into(),
        display_name: "Ada".into(),
        email: None,
        external_id: None,
    };
    snapshot.users.insert(user, Entity::observed(value));
    let set = PermissionSetName::new("view").unwrap();
    snapshot
        .permission_sets
        .insert(set.clone(), Entity::observed(PermissionSet::new(set)));
    crate::model::instance::Observed {
        at: Timestamp::UNIX_EPOCH,
        instance: crate::model::instance::Instance {
            arn: ServiceId::new("arn:aws:sso:::instance/ssoins-1").unwrap(),
            identity_store: ServiceId::new("d-1").unwrap(),
            organization: None,
            region: "eu-west-1".into(),
            management_account: None,
        },
        caller: None,
        quotas: crate::model::instance::Quotas::default(),
        snapshot,
        roles: Vec::new(),
        held: Vec::new(),
        in_accounts: Vec::new(),
        in_progress: Vec::new(),
        calls: BTreeMap::new(),
    }
}

fn run_observed(
    text: &str,
    observed: Option<&crate::model::instance::Observed>,
) -> (Evaluation, Vec<String>) {
    let tree = Tree(BTreeMap::from([("main.hcl".to_owned(), text.to_owned())]));
    let (program, map, mut found) = compile(&tree, ".");
    let options = EvalOptions {
        variables: Vec::new(),
        observed,
        now: Timestamp::UNIX_EPOCH,
        cwd: Arc::from("/stack"),
    };
    let mut evaluation = evaluate(&program, &options, &NoFiles);
    found.extend(std::mem::take(&mut evaluation.diagnostics));
    evaluation.diagnostics = found;
    let lines = findings(&evaluation, &map);
    (evaluation, lines)
}

const LOOK_UPS: &str = r#"
data "organization" "o" {}
data "group" "auditors" { display_name = "Auditors" }
data "group" "gone" { display_name = "Gone" }
data "account" "pay" { name = "pay" }
data "permission_set" "view" { name = "view" }
assignment "prod" {
  principals      = [data.group.auditors, data.group.gone]
  permission_sets = [data.permission_set.view]
  accounts        = data.organization.o.ou["Workloads/Prod"].accounts
}
assignment "tagged" {
  principals      = [data.group.auditors]
  permission_sets = [data.permission_set.view]
  accounts        = [for a in data.organization.o.ou["Workloads"].accounts : a if a.tags["env"] == "dev"]
}
assignment "named" {
  principals      = [data.group.auditors]
  permission_sets = [data.permission_set.view]
  accounts        = [data.account.pay]
}
output "id" { value = data.group.auditors.id }
"#;

#[test]
fn accounts_keep_their_places_in_a_set_when_they_are_created() {
    // By address `one` is first, by e-mail `two` is, and by what was read of their ids `one`.
    let text = r#"
account "two" {
  email  = "dev@example.com"
  create = true
}
account "one" {
  email  = "pay@example.com"
  create = true
}
locals { both = toset([account.two, account.one]) }
output "first" { value = tolist(local.both)[0].name }
output "holds" {
  value = setsubtract(local.both, [account.one]) == toset([account.two]) && contains(local.both, account.two)
}
output "same" { value = toset([account.one, account.two]) == local.both }
"#;
    let observed = observed();
    for reading in [None, Some(&observed)] {
        let (evaluation, found) = run_observed(text, reading);
        assert_eq!(found, [""; 0]);
        let output = |name: &str| evaluation.desired.outputs[name].value.clone();
        assert_eq!(output("first"), OutputValue::Text(Text::known("one")));
        assert_eq!(output("holds"), OutputValue::Bool(true));
        assert_eq!(output("same"), OutputValue::Bool(true));
    }
}

#[test]
fn look_ups_are_answered_by_what_was_read() {
    let observed = observed();
    let (evaluation, found) = run_observed(LOOK_UPS, Some(&observed));
    assert_eq!(found, [""; 0]);
    assert_eq!(
        grants(&evaluation),
        [
            "111100000001 view group Auditors",
            "111100000001 view group Gone",
            "111100000002 view group Auditors"
        ]
    );
    let held: Vec<&str> = evaluation.desired.held.iter().map(|held| &*held.why).collect();
    assert_eq!(held, ["no group has the display name Gone"]);
    assert_eq!(
        evaluation.desired.outputs["id"].value,
        OutputValue::Text(Text::known("g-1"))
    );
    let (_, found) = run_observed(
        &LOOK_UPS.replace("name = \"pay\"", "name = \"pya\""),
        Some(&observed),
    );
    assert_eq!(
        found,
        ["not-found 5: no account of the organization has the name \"pya\""]
    );
}

#[test]
fn without_a_reading_look_ups_are_unknown_and_nothing_is_wrong() {
    let (evaluation, found) = run_observed(LOOK_UPS, None);
    assert_eq!(found, [""; 0]);
    assert_eq!(grants(&evaluation), [""; 0]);
    let groups = evaluation
        .references
        .iter()
        .filter(|it| matches!(it, Referred::Group(_)))
        .count();
    assert_eq!(groups, 2);
}

#[test]
fn an_account_known_by_its_address_gets_its_id() {
    let text = "account \"new\" {\n  email  = \"DEV@example.com\"\n  create = true\n}\n";
    let key = |evaluation: &Evaluation| {
        evaluation
            .desired
            .snapshot
            .accounts
            .keys()
            .next()
            .unwrap()
            .to_string()
    };
    let (evaluation, found) = run_observed(text, None);
    assert_eq!(
        (found, key(&evaluation)),
        (Vec::new(), "DEV@example.com".to_owned())
    );
    let observed = observed();
    let (evaluation, found) = run_observed(text, Some(&observed));
    assert_eq!((found, key(&evaluation)), (Vec::new(), "111100000002".to_owned()));
}

#[test]
fn policies_as_blocks_are_policies() {
    let evaluation = good(
        r#"
permission_set "a" {
  policy {
    statement {
      sid       = "One"
      effect    = "Deny"
      actions   = ["s3:*", "ec2:*"]
      resources = ["*"]
      condition {
        test     = "StringEquals"
        variable = "aws:RequestedRegion"
        values   = ["eu-west-1"]
      }
    }
  }
}
"#,
    );
    let set = evaluation
        .desired
        .snapshot
        .permission_sets
        .values()
        .next()
        .unwrap();
    let expected = r#"{"Version":"2012-10-17","Statement":[{"Sid":"One","Effect":"Deny","Action":["s3:*","ec2:*"],"Resource":["*"],"Condition":{"StringEquals":{"aws:RequestedRegion":["eu-west-1"]}}}]}"#;
    assert_eq!(set.value.inline_policy, Some(Text::known(expected)));
}

#[test]
fn settings_and_guardrails_are_read() {
    let evaluation = good(&with_organisation(
        r#"
rolecall {
  name         = "acme"
  unmanaged    = "remove"
  max_removals = 7
  scope {
    permission_sets = ["team-*", permission_set.admin]
  }
  ignore "control tower" {
    permission_sets = ["AWSControlTower*"]
  }
}
provider "simulator" {
  seed   = 42
  strict = true
}
guardrail "few" {
  severity = "warning"
  limit {
    permission_sets = [permission_set.admin]
    max_people      = 3
    max_session     = "PT2H"
    on_unknown      = "warn"
  }
  require {
    boundary            = true
    permission_set_tags = ["owner"]
  }
  except {
    principals = [user.ada]
    reason     = "on call"
    expires    = "2027-03-31"
  }
}
standing_approval "new accounts" {
  reason               = "every account has it"
  permission_sets      = [permission_set.admin]
  organizational_units = [organizational_unit.workloads]
}
moved {
  from = group.old
  to   = group.ops
}
"#,
    ));
    use crate::config::evaluate::ProviderSettings;
    use crate::model::guardrail::{Limit, OnUnknown, Rule};
    use crate::model::stack::{Scope, Unmanaged};
    use crate::model::standing::Cause;
    let settings = &evaluation.desired.settings;
    assert_eq!(
        (settings.max_removals, settings.unmanaged),
        (7, Unmanaged::Remove)
    );
    let Scope::Matching(matcher) = &settings.scope else {
        panic!("{:?}", settings.scope)
    };
    assert_eq!(
        matcher.permission_sets.iter().map(|it| &**it).collect::<Vec<_>>(),
        ["admin", "team-*"]
    );
    assert_eq!(&*settings.ignore[0].label, "control tower");
    assert_eq!(evaluation.name.as_deref(), Some("acme"));
    assert!(matches!(
        evaluation.provider,
        ProviderSettings::Simulator {
            seed: Some(42),
            strict: true,
            ..
        }
    ));
    let guardrail = &evaluation.desired.guardrails[0];
    let [except] = &guardrail.except[..] else {
        panic!("{guardrail:?}")
    };
    assert!(!guardrail.refuses && except.location.is_some());
    assert_eq!(except.expires.unwrap().to_string(), "2027-03-31T00:00:00Z");
    let [Rule::Limit(limit), Rule::Require(require)] = &guardrail.rules[..] else {
        panic!("{guardrail:?}")
    };
    let expected = Limit {
        of: limit.of.clone(),
        max_people: Some(3),
        max_accounts: None,
        max_session: Some(7200),
        on_unknown: OnUnknown::Warn,
    };
    assert_eq!(*limit, expected);
    assert_eq!(limit.of.permission_sets.as_ref().unwrap().len(), 1);
    assert!(require.boundary && !require.reason && require.permission_set_tags.contains("owner"));
    let approval = &evaluation.desired.standing_approvals[0];
    assert_eq!(approval.causes, [Cause::AccountJoined].into());
    let units = approval.organizational_units.as_ref().unwrap().iter();
    assert_eq!(units.map(|unit| unit.as_str()).collect::<Vec<_>>(), ["workloads"]);
    assert_eq!(evaluation.desired.moved[0].from.to_string(), "group.old");
}

#[test]
fn many_blocks_over_many_accounts_stay_affordable() {
    let mut text = String::from("organizational_unit \"u\" {}\npermission_set \"s\" {}\n");
    for n in 0..600 {
        text.push_str(&format!(
            "account \"a{n}\" {{\n id = \"{n:012}\"\n ou = organizational_unit.u\n tags = {{ n = \"{}\" }}\n}}\n",
            n % 10
        ));
    }
    for n in 0..200 {
        let accounts = if n % 10 == 0 {
            "[for a in organizational_unit.u.accounts : a if a.tags[\"n\"] == \"3\"]"
        } else {
            "organizational_unit.u.accounts"
        };
        text.push_str(&format!(
            "group \"g{n}\" {{}}\nassignment \"x{n}\" {{\n principals = [group.g{n}]\n permission_sets = [permission_set.s]\n accounts = {accounts}\n}}\n"
        ));
    }
    let evaluation = good(&text);
    assert_eq!(evaluation.desired.snapshot.access.len(), 180 * 600 + 20 * 60);
}

#[test]
fn the_order_of_blocks_and_files_means_nothing() {
    let assignment = "assignment \"a\" {\n  principals = [group.ops]\n  permission_sets = [permission_set.admin]\n  accounts = organizational_unit.workloads.accounts\n}\n";
    let desired = |files: &[(&str, &str)]| {
        let (evaluation, map) = run_files(files, Vec::new());
        assert_eq!(findings(&evaluation, &map), [""; 0]);
        (
            grants(&evaluation),
            evaluation.desired.snapshot.entity_keys().collect::<Vec<_>>(),
            evaluation.references,
        )
    };
    let whole = with_organisation(assignment);
    let one = desired(&[("main.hcl", &whole)]);
    let two = desired(&[("a.hcl", assignment), ("z.hcl", ORGANISATION)]);
    let three = desired(&[("z.hcl", assignment), ("a.hcl", ORGANISATION)]);
    assert_eq!(one, two);
    assert_eq!(one, three);
}

/// The moves that a stack of a root and a module `team` comes to, as `from → to`, and what is found.
fn moves(root: &str) -> (Vec<String>, Vec<String>) {
    let team = "variable \"name\" {}\ngroup \"all\" { display_name = var.name }\n\
                permission_set \"view\" { name = \"view-${var.name}\" }\n";
    let (evaluation, map) = run_files(&[("main.hcl", root), ("team/team.hcl", team)], Vec::new());
    let moved = evaluation.desired.moved.iter();
    let moved = moved.map(|moved| format!("{} → {}", moved.from, moved.to));
    (moved.collect(), findings(&evaluation, &map))
}

#[test]
fn a_module_moves_with_every_block_in_it() {
    let call = "module \"b\" {\n source = \"./team\"\n name = \"b\"\n}\n";
    let (moved, found) = moves(&format!("{call}moved {{\n from = module.a\n to = module.b\n}}\n"));
    assert_eq!(found, [""; 0]);
    assert_eq!(
        moved,
        [
            "module.a.group.all → module.b.group.all",
            "module.a.permission_set.view → module.b.permission_set.view"
        ]
    );
    // A call that gets `for_each`, and a chain: module.z was module.a before.
    let many =
        "module \"a\" {\n source = \"./team\"\n for_each = toset([\"x\", \"y\"])\n name = each.key\n}\n";
    let (moved, found) = moves(&format!(
        "{many}moved {{\n from = module.a\n to = module.a[\"x\"]\n}}\nmoved {{\n from = module.z\n to = module.a\n}}\n"
    ));
    assert_eq!(found, [""; 0]);
    let of_groups: Vec<&String> = moved.iter().filter(|moved| moved.contains("group.all")).collect();
    assert_eq!(
        of_groups,
        [
            "module.a.group.all → module.a[\"x\"].group.all",
            "module.z.group.all → module.a.group.all",
            "module.z[\"x\"].group.all → module.a[\"x\"].group.all",
            "module.z[\"y\"].group.all → module.a[\"y\"].group.all",
        ]
    );
}

#[test]
fn a_block_moves_into_a_module_that_moves_and_instances_move_alone() {
    let call = "module \"b\" {\n source = \"./team\"\n name = \"b\"\n}\n";
    let (moved, found) = moves(&format!(
        "{call}moved {{\n from = group.old\n to = module.a.group.all\n}}\nmoved {{\n from = module.a\n to = module.b\n}}\n"
    ));
    assert_eq!(found, [""; 0]);
    assert_eq!(moved[0], "group.old → module.a.group.all");
    assert!(moved.contains(&"module.a.group.all → module.b.group.all".to_owned()));
    let people = "user \"p\" {\n for_each = toset([\"ada\"])\n user_name = each.key\n given_name = \"A\"\n family_name = \"L\"\n}\n";
    let (moved, found) = moves(&format!(
        "{people}moved {{\n from = user.ada\n to = user.p[\"ada\"]\n}}\n"
    ));
    assert_eq!(found, [""; 0]);
    assert_eq!(moved, ["user.ada → user.p[\"ada\"]"]);
}

#[test]
fn a_move_to_where_nothing_is_declared_is_a_warning_with_close_names() {
    let set = "permission_set \"administrator\" {}\n";
    let found = |moved: &str| moves(&format!("{set}{moved}")).1;
    let slip = found("moved {\n from = permission_set.admin\n to = permission_set.adminstrator\n}\n");
    assert_eq!(slip.len(), 1);
    assert!(slip[0].starts_with("moved-nowhere 4:"), "{slip:?}");
    let none = found("moved {\n from = module.a\n to = module.b\n}\n");
    assert_eq!(none.len(), 1, "{none:?}");
    let chained = found(
        "moved {\n from = permission_set.a\n to = permission_set.b\n}\nmoved {\n from = permission_set.b\n to = permission_set.administrator\n}\n",
    );
    assert_eq!(chained, [""; 0]);
    let still = found("moved {\n from = permission_set.administrator\n to = permission_set.x\n}\n");
    assert!(still[0].starts_with("bad-move"), "{still:?}");
}

#[test]
fn where_the_state_is_can_be_told_ahead() {
    let ahead = |text: &str| {
        let tree = Tree(BTreeMap::from([("main.hcl".to_owned(), text.to_owned())]));
        let (program, _, _) = compile(&tree, ".");
        let options = EvalOptions {
            variables: Vec::new(),
            observed: None,
            now: Timestamp::UNIX_EPOCH,
            cwd: Arc::from("/stack"),
        };
        places(&program, &options, &NoFiles).map(|(state, _)| state)
    };
    let at = |path: &str| {
        let path = Some(Arc::from(path));
        Some(StateSettings::Local { path })
    };
    let computed = "locals {\n  where = \"there\"\n}\nstate \"local\" {\n  path = local.where\n}\n";
    assert_eq!(ahead(computed), at("there"));
    // A mistake elsewhere says nothing about the state.
    let elsewhere = format!("{computed}group \"g\" {{\n  members = [user.nobody]\n}}\n");
    assert_eq!(ahead(&elsewhere), at("there"));
    assert_eq!(ahead(""), Some(StateSettings::default()));
    assert_eq!(ahead("state \"local\" {\n  path = local.nothing\n}\n"), None);
}

#[test]
fn one_wording_has_the_value_of_its_own_place() {
    let outputs = |evaluation: &Evaluation| -> Vec<(String, OutputValue)> {
        let outputs = evaluation.desired.outputs.iter();
        outputs
            .map(|(name, output)| (name.to_string(), output.value.clone()))
            .collect()
    };
    // The same words in a module mean its own names, in a `for` those of the outer one, in an instance its key.
    let module = "variable \"least\" {\n  default = 2\n}\nlocals {\n  all = [1, 2, 3]\n}\n\
                  output \"a\" {\n  value = [for n in local.all : n if n >= var.least]\n}\n\
                  output \"b\" {\n  value = [for n in local.all : n if n >= var.least]\n}\n";
    let root = "module \"m\" {\n  source = \"./m\"\n}\nmodule \"o\" {\n  source = \"./m\"\n  least  = 3\n}\n\
                output \"m\" {\n  value = jsonencode([module.m.a, module.m.b])\n}\n\
                output \"o\" {\n  value = jsonencode([module.o.a, module.o.b])\n}\n\
                output \"nested\" {\n  value = jsonencode([for k in [1, 2, 1, 2] : [for n in [1, 2] : n if n == k]])\n}\n\
                group \"g\" {\n  for_each     = toset([\"x\", \"y\", \"z\"])\n  \
                display_name = join(\"\", [for n in [\"n\"] : \"${n}-${each.key}\"])\n}\n";
    let (evaluation, map) = run_files(&[("main.hcl", root), ("m/main.hcl", module)], Vec::new());
    assert_eq!(findings(&evaluation, &map), [""; 0]);
    let text = |text: &str| OutputValue::Text(Text::known(text));
    let expected = [
        ("m", "[[2,3],[2,3]]"),
        ("nested", "[[1],[2],[1],[2]]"),
        ("o", "[[3],[3]]"),
    ];
    let expected: Vec<_> = expected
        .map(|(name, value)| (name.to_owned(), text(value)))
        .into();
    assert_eq!(outputs(&evaluation), expected);
    let groups: Vec<String> = evaluation
        .desired
        .snapshot
        .groups
        .keys()
        .map(ToString::to_string)
        .collect();
    assert_eq!(groups, ["n-x", "n-y", "n-z"]);
}

#[test]
fn what_is_wrong_with_a_policy_in_a_heredoc_is_told_at_its_line() {
    let stack = |operator: &str| {
        format!(
            r#"permission_set "p" {{
  inline_policy = <<-EOT
    {{
      "Version": "2012-10-17",
      "Statement": [
        {{"Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::a/$${{aws:username}}"}},
        {{
          "Effect": "Allow",
          "Action": ["s3:PutObject", "s4:Foo"],
          "Resource": "arn:aws:s3:::a/$${{aws:usrname}}",
          "Condition": {{"{operator}": {{"aws:RequestedRegion": "eu-west-1"}}}}
        }}
      ]
    }}
  EOT
}}
"#
        )
    };
    let lines = |text: &str| {
        let (evaluation, map) = run_files(&[("main.hcl", text)], Vec::new());
        let found = findings(&evaluation, &map).into_iter();
        found
            .map(|line| line.split(':').next().unwrap_or_default().to_owned())
            .collect::<Vec<String>>()
    };
    assert_eq!(
        lines(&stack("StringEquals")),
        ["unknown-action 9", "unknown-condition-key 10"]
    );
    assert_eq!(lines(&stack("StringEqualz")), ["invalid-policy 11"]);
    // With something else in it, what is written is not what comes out.
    let mixed = stack("StringEquals").replace("\"s4:Foo\"", "\"s4:${\"Foo\"}\"");
    assert_eq!(lines(&mixed), ["unknown-action 2", "unknown-condition-key 2"]);
}
