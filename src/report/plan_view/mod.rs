//! The view of a plan: what a person reviews, grouped and named, before any renderer sees it.
//!
//! Built once from a [`Plan`]; the terminal writes a short form of it and JSON all of it.

pub mod altered;
pub mod assignments;
pub mod entities;
pub mod entity_lines;
pub mod headline;
pub mod origin;
pub mod people;
pub mod people_origin;
pub mod policy_diff;
pub mod policy_text;
pub mod records;
pub mod risk;
pub mod roles;
pub mod rule_text;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::id::{PrincipalKey, UserName};
use crate::model::access::Declaration;
use crate::model::action::Effect;
use crate::plan::change::{RecordChange, RevokeReason};
use crate::plan::input::Mode;
use crate::plan::{ActionKind, Plan, Totals};
use crate::report::naming::Naming;
use crate::report::shared_names::SharedNames;
use crate::report::wording::{counted, number};

use altered::AlteredLine;
use assignments::AssignmentRow;
use entities::EntityRow;
use headline::Headline;
use people::PeopleLine;
use records::RecordRow;
use risk::Marker;
use roles::RoleLine;

/// What a person reviews.
pub struct PlanView<'a> {
    /// What it is a view of: header, findings, cost and digest are shown as they stand there.
    pub plan: &'a Plan,
    /// Names behind ranks.
    pub labels: Labels<'a>,
    /// Changes to entities, by kind, then the gravest marks first, then by name; those of which only the record changes are not here.
    pub entities: Vec<EntityRow<'a>>,
    /// Assignments to make and to take away: restores first, then the gravest marks, then by where they are declared.
    pub assignments: Vec<AssignmentRow>,
    /// What happens to roles, a line per permission set.
    pub roles: Vec<RoleLine>,
    /// Who gains and loses what.
    pub people: Vec<PeopleLine>,
    /// Sets that people have and of which the plan changes what they allow: what becomes a risk first.
    pub altered: Vec<AlteredLine<'a>>,
    /// What nobody may overlook, the gravest first.
    pub headlines: Vec<Headline>,
    /// Changes of the record alone, by what happens and to what.
    pub record_rows: Vec<RecordRow<'a>>,
    /// Changes of the record alone, counted.
    pub records: RecordCounts,
    /// The footer's counts.
    pub counts: Counts,
    /// What people are called in the texts of findings.
    pub naming: Naming,
    /// Assignments by principal, made when first asked for.
    by_principal: OnceLock<FxHashMap<u32, Vec<usize>>>,
    /// The records of each principal, as places in the plan's list; built at the first question.
    records_of: OnceLock<FxHashMap<u32, Vec<u32>>>,
}

/// How many things a plan adds, changes and removes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entities created and assignments made.
    pub add: u64,
    /// Entities changed; memberships count as changes of their group.
    pub change: u64,
    /// Entities deleted and assignments taken away.
    pub remove: u64,
    /// Roles that are brought up to date.
    pub provision: u64,
}

/// Changes of the record that nothing in the service goes with.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RecordCounts {
    /// Entities and assignments taken into the state.
    pub adopted: u64,
    /// Entities and assignments whose blocks have other addresses now.
    pub moved: u64,
    /// Entities and assignments dropped from the state.
    pub forgotten: u64,
}

/// `204 assignments are as declared`, and how many are held: about those nothing is known.
pub fn as_declared(totals: &Totals) -> String {
    let are = |count: u64| if count == 1 { "is" } else { "are" };
    let there = totals.unchanged;
    let mut out = format!("{} {} as declared", counted(there, "assignment"), are(there));
    if totals.held > 0 {
        out.push_str(&format!(", {} {} held", number(totals.held), are(totals.held)));
    }
    out
}

/// What a plan without changes comes to, as a heading and a sentence. A narrowed one may leave declared grants out, so
/// it does not say that all is as declared.
pub fn nothing_to_do(plan: &Plan) -> (&'static str, String) {
    let totals = &plan.totals;
    let narrowed = !matches!(plan.mode, Mode::All | Mode::Destroy);
    if !narrowed || totals.declared <= totals.unchanged + totals.held {
        return ("No changes", as_declared(totals));
    }
    let of_all = format!(
        "{} of {} declared assignments in place",
        number(totals.unchanged),
        number(totals.declared)
    );
    ("Nothing to do", of_all)
}

/// Assignments of the instance that the plan leaves as they are and that are not among those declared:
/// `3 unmanaged`, `12 ignored`. What it removes because nobody declares it is shown as removed.
pub fn others(plan: &Plan) -> Vec<String> {
    let totals = &plan.totals;
    let removed = plan
        .revokes
        .iter()
        .filter(|step| step.reason == RevokeReason::Unmanaged);
    let left = totals.unmanaged.saturating_sub(removed.count() as u64);
    let parts = [
        (left, "unmanaged"),
        (totals.ignored, "ignored"),
        (totals.out_of_scope, "out of scope"),
        (totals.held, "held"),
    ];
    let parts = parts.into_iter().filter(|(count, _)| *count > 0);
    parts
        .map(|(count, what)| format!("{} {what}", number(count)))
        .collect()
}

impl<'a> PlanView<'a> {
    /// The view of a plan. Costs one pass over its grants.
    pub fn new(plan: &'a Plan) -> Self {
        let labels = Labels::new(plan);
        let marker = Marker::new(plan);
        let (mut entities, (assignments, roles, people)) = rayon::join(
            || entities::rows(plan, &labels, &marker),
            || {
                (
                    assignments::rows(plan, &marker),
                    roles::lines(plan),
                    people::lines(plan, &marker),
                )
            },
        );
        entities::mark_memberships(plan, &marker, &people, &mut entities);
        let mut view = PlanView {
            plan,
            entities,
            assignments,
            roles,
            people,
            altered: Vec::new(),
            headlines: Vec::new(),
            record_rows: records::rows(plan),
            records: record_counts(plan),
            counts: counts(plan),
            naming: Naming::of_plan(plan),
            by_principal: OnceLock::new(),
            records_of: OnceLock::new(),
            labels,
        };
        view.headlines = headline::headlines(&view);
        view.altered = altered::lines(&view);
        view
    }

    /// The same with people as numbers. Texts may still name them: see [`crate::report::hide`].
    pub fn counting_people(&self) -> PlanView<'a> {
        let mut view = PlanView::new(self.plan);
        for line in &mut view.people {
            line.people.clear();
        }
        for headline in &mut view.headlines {
            headline.people.clear();
        }
        for line in &mut view.altered {
            line.people.clear();
        }
        view
    }

    /// What is said of a plan by which nobody gains or loses access: where what a set allows changes, no more than that
    /// the sets stay with whom they are.
    pub fn nobody(&self) -> &'static str {
        match self.altered.is_empty() {
            true => "Nobody gains or loses access",
            false => "Nobody gains or loses a permission set",
        }
    }

    /// Whether the assignments of a row are taken away because their principals were deleted.
    pub fn is_left_over(&self, row: &AssignmentRow) -> bool {
        let principals = row.principals.iter();
        let mut principals = principals.filter_map(|rank| self.labels.principal(*rank));
        !row.change.is_grant() && principals.all(PrincipalKey::is_orphan)
    }

    /// The declarations behind a note, in address order.
    pub fn declarations(&self, note: u32) -> impl Iterator<Item = &'a Declaration> {
        let plan = self.plan;
        let note = plan.notes.get(note as usize);
        note.into_iter().flat_map(|note| note.blocks(&plan.declarations))
    }
}

fn counts(plan: &Plan) -> Counts {
    let effects = || plan.actions.iter().filter(|action| action.effect.is_some());
    let of = |kind| effects().filter(|action| action.kind == kind).count() as u64;
    // Members of a new group are part of making it.
    let made: BTreeSet<_> = effects()
        .filter(|action| action.kind == ActionKind::Create)
        .map(|action| &action.entity)
        .collect();
    let changed: BTreeSet<_> = effects()
        .filter(|action| action.kind == ActionKind::Update)
        .map(|action| &action.entity)
        .filter(|entity| !made.contains(entity))
        .collect();
    Counts {
        add: of(ActionKind::Create) + plan.grants.len() as u64,
        change: changed.len() as u64,
        remove: of(ActionKind::Delete) + plan.revokes.len() as u64,
        provision: plan.roles.updated.len() as u64,
    }
}

fn record_counts(plan: &Plan) -> RecordCounts {
    let mut counts = RecordCounts::default();
    for action in plan.actions.iter().filter(|action| action.effect.is_none()) {
        match action.kind {
            ActionKind::Adopt => counts.adopted += 1,
            ActionKind::Move | ActionKind::Rename => counts.moved += 1,
            ActionKind::Forget => counts.forgotten += 1,
            _ => {}
        }
    }
    for step in &plan.records {
        match step.change {
            RecordChange::Adopt => counts.adopted += 1,
            RecordChange::Relabel => counts.moved += 1,
            RecordChange::Forget => counts.forgotten += 1,
        }
    }
    counts
}

/// Names for people, by rank.
pub struct Labels<'a> {
    plan: &'a Plan,
    accounts: Vec<Arc<str>>,
    /// Who is shown with the user name.
    by_user_name: FxHashSet<&'a UserName>,
}

impl<'a> Labels<'a> {
    /// The names of a plan's ranks.
    pub fn new(plan: &'a Plan) -> Self {
        let named = plan.account_names.iter().map(|(key, name)| (&**key, &**name));
        let shared = SharedNames::new(named);
        let accounts = plan.names.accounts.iter().map(|key| {
            let name = plan.account_name(key);
            match shared.show(key.as_str(), &name) {
                Cow::Borrowed(_) => name,
                Cow::Owned(told_apart) => told_apart.into(),
            }
        });
        Labels {
            plan,
            accounts: accounts.collect(),
            by_user_name: by_user_name(plan),
        }
    }

    /// What people call an account; with its id where two in view have the name.
    pub fn account(&self, rank: u32) -> &str {
        self.accounts.get(rank as usize).map_or("?", |name| name)
    }

    /// A permission set's name.
    pub fn permission_set(&self, rank: u32) -> &'a str {
        self.plan
            .names
            .permission_set(rank)
            .map_or("?", |name| name.as_str())
    }

    /// A principal's key.
    pub fn principal(&self, rank: u32) -> Option<&'a PrincipalKey> {
        self.plan.names.principal(rank)
    }

    /// What people call a user: the name, else the user name. Both where the name does not say alone who it is, and of
    /// whom a reviewer must be sure: who is new, and who gains what is marked as a risk.
    pub fn user(&self, name: &'a UserName) -> Cow<'a, str> {
        let shown = self.plan.user_names.get(name);
        self.person(name, shown.map_or(name.as_str(), |shown| shown))
    }

    /// What people call a user whose display name is at hand.
    pub fn person<'n>(&self, name: &UserName, shown: &'n str) -> Cow<'n, str> {
        if shown != name.as_str() && self.by_user_name.contains(name) {
            Cow::Owned(format!("{shown} ({name})"))
        } else {
            Cow::Borrowed(shown)
        }
    }

    /// The names of several accounts.
    pub fn accounts<'b>(&'b self, ranks: &'b [u32]) -> Vec<&'b str> {
        ranks.iter().map(|rank| self.account(*rank)).collect()
    }
}

/// Whom a display name alone does not name well enough.
fn by_user_name(plan: &Plan) -> FxHashSet<&UserName> {
    let mut found: FxHashSet<&UserName> = plan.namesakes.iter().collect();
    found.extend(plan.actions.iter().filter_map(|action| match &action.effect {
        Some(Effect::CreateUser { user }) => Some(&user.user_name),
        _ => None,
    }));
    let risks = &plan.risks;
    let coming = plan.people.rows.iter().filter(|row| row.change.comes());
    for row in coming.filter(|row| risks.marks(plan, row)) {
        found.extend(&row.people);
        found.extend(
            row.everyone
                .as_ref()
                .and_then(|all| plan.people.crowds.get(all))
                .into_iter()
                .flatten(),
        );
    }
    for row in &risks.becoming {
        found.extend(&row.people);
        found.extend(
            row.everyone
                .as_ref()
                .and_then(|all| risks.crowds.get(all))
                .into_iter()
                .flatten(),
        );
    }
    found
}

/// A principal as a line names it: a group by its name alone, a person by the user name, an orphan as what it is.
pub fn principal_name(key: &PrincipalKey) -> String {
    match key {
        PrincipalKey::Group(name) => name.to_string(),
        PrincipalKey::User(name) => name.to_string(),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => key.to_string(),
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::address::{Address, Kind};
    use crate::id::{AccountId, AccountKey, GroupName, PermissionSetName, ServiceId};
    use crate::model::access::{Names, Note, Pair, Tuple};
    use crate::model::instance::Instance;
    use crate::model::permission_set::PermissionSet;
    use crate::model::privilege::{Judged, Privilege};
    use crate::model::stack::Selection;
    use crate::model::text::Text;
    use crate::plan::change::{GrantReason, GrantStep, Reason, RevokeReason, RevokeStep};
    use crate::plan::people::{PeopleChange, PeopleEffects, PeopleRow};
    use crate::plan::risk::SetRisk;
    use crate::plan::roles::{DeletedRole, RoleEffects};
    use crate::plan::{Action, Totals, Waits, cost::Cost, input::Mode};
    use crate::source::Location;

    fn account(number: u64) -> AccountKey {
        AccountKey::Id(AccountId::new(format!("{number:012}")).unwrap())
    }

    fn set(name: &str) -> PermissionSetName {
        PermissionSetName::new(name).unwrap()
    }

    fn group(name: &str) -> PrincipalKey {
        PrincipalKey::Group(GroupName::new(name).unwrap())
    }

    fn place(file: &str, line: u32) -> Location {
        Location {
            file: file.into(),
            line,
            column: 1,
        }
    }

    /// A plan that changes nothing, over some names.
    pub(crate) fn empty(names: Names) -> Plan {
        Plan {
            format_version: crate::plan::FORMAT_VERSION,
            digest: "9f3c-2ab7".into(),
            stack: "acme".into(),
            instance: Instance {
                arn: ServiceId::new("arn:aws:sso:::instance/ssoins-1").unwrap(),
                identity_store: ServiceId::new("d-1").unwrap(),
                organization: Some(ServiceId::new("o-a1b2c3d4e5").unwrap()),
                region: "eu-west-1".into(),
                management_account: None,
            },
            lineage: Some("l".into()),
            serial: 41,
            now: "2026-11-01T00:00:00Z".parse().unwrap(),
            mode: Mode::All,
            names,
            account_names: BTreeMap::new(),
            user_names: BTreeMap::new(),
            namesakes: BTreeSet::new(),
            declarations: Vec::new(),
            former_reasons: BTreeMap::new(),
            notes: Vec::new(),
            actions: Vec::new(),
            grants: Vec::new(),
            revokes: Vec::new(),
            records: Vec::new(),
            waits: Waits::default(),
            roles: RoleEffects::default(),
            people: PeopleEffects::default(),
            risks: Default::default(),
            behind: Vec::new(),
            findings: Vec::new(),
            lint: Vec::new(),
            guardrails: Vec::new(),
            rules: crate::plan::rules::RuleChanges::default(),
            cost: Cost {
                total_calls: 63,
                seconds: 9,
                ..Cost::default()
            },
            selections: BTreeMap::new(),
            outputs: BTreeMap::new(),
            output_changes: BTreeMap::new(),
            totals: Totals::default(),
            session_seconds: BTreeMap::new(),
        }
    }

    fn policy(action: &str) -> Option<Text> {
        Some(Text::known(format!(
            r#"{{"Version":"2012-10-17","Statement":[{{"Effect":"Allow","Action":"{action}","Resource":"*"}}]}}"#
        )))
    }

    /// A plan in which a permission set, by rank, is administration.
    pub(crate) fn administers(plan: &mut Plan, set: usize) {
        let judged = Judged {
            privilege: Some(Privilege::Administrator),
            ..Judged::default()
        };
        let risk = SetRisk {
            judged,
            ..SetRisk::default()
        };
        plan.risks
            .sets
            .insert(plan.names.permission_sets[set].clone(), risk);
    }

    /// The example of the design: a set that changes, twelve grants, three revokes.
    pub(crate) fn small() -> Plan {
        let names = Names::new(
            (1..=15).map(account).collect(),
            vec![set("admin"), set("power-user"), set("view")],
            vec![group("contractors"), group("platform")],
        )
        .unwrap();
        let mut plan = empty(names);
        for number in 1..=15_u64 {
            let shown = if number <= 12 {
                format!("prod-{number}")
            } else {
                format!("sandbox-{}", number - 12)
            };
            plan.account_names
                .insert(account(number).to_string().into(), shown.into());
        }
        let address = Address::root(Kind::Assignment, "platform_admin");
        plan.declarations = vec![
            Declaration {
                address: address.clone(),
                location: Some(place("access/prod.hcl", 31)),
                reason: Some("OPS-1412".into()),
                expires: None,
            },
            Declaration {
                address: Address::root(Kind::Assignment, "sandbox"),
                location: None,
                reason: None,
                expires: None,
            },
        ];
        plan.notes = (0..2)
            .map(|block| Note {
                declared_by: vec![block],
                owned: true,
            })
            .collect();
        let selection = Selection {
            accounts: 12,
            permission_sets: 1,
            principals: 1,
            allow_empty: false,
            accounts_from: Some("workloads/prod".into()),
        };
        plan.selections.insert(address, selection);
        plan.actions = vec![update_of_admin(), provision_of_admin()];
        plan.grants = (0..12)
            .map(|rank| GrantStep {
                tuple: Tuple::new(rank, 0, 1),
                note: 0,
                reason: GrantReason::Declared,
                blocked: false,
            })
            .collect();
        plan.revokes = (12..15)
            .map(|rank| RevokeStep {
                tuple: Tuple::new(rank, 2, 0),
                note: 1,
                reason: RevokeReason::BlockRemoved,
                blocked: false,
            })
            .collect();
        plan.roles.created = (2..12).map(|rank| Pair::new(rank, 0)).collect();
        plan.roles.updated = (0..2).map(|rank| Pair::new(rank, 0)).collect();
        plan.roles.deleted = (12..15)
            .map(|rank| DeletedRole {
                pair: Pair::new(rank, 2),
                suffix: None,
            })
            .collect();
        plan.session_seconds.insert(2, 4 * 3600);
        people(&mut plan);
        plan
    }

    fn update_of_admin() -> Action {
        let mut from = PermissionSet::new(set("admin"));
        from.session_duration = "PT4H".parse().unwrap();
        from.inline_policy = policy("s3:*");
        let mut to = from.clone();
        to.session_duration = "PT1H".parse().unwrap();
        to.inline_policy = policy("s3:Get*");
        let effect = Effect::UpdatePermissionSet {
            from: Box::new(from),
            to: Box::new(to),
        };
        action(ActionKind::Update, effect, Reason::ConfigurationChanged)
    }

    fn provision_of_admin() -> Action {
        let effect = Effect::Provision {
            name: set("admin"),
            accounts: None,
        };
        action(ActionKind::Provision, effect, Reason::ContentChanged)
    }

    fn action(kind: ActionKind, effect: Effect, reason: Reason) -> Action {
        Action {
            kind,
            entity: effect.entity().unwrap(),
            addresses: Default::default(),
            effect: Some(effect),
            reason,
            expected_id: None,
            restore: false,
            blocked: None,
            location: Some(place("access/permission_sets.hcl", 14)),
        }
    }

    fn people(plan: &mut Plan) {
        let user = |name: &str| UserName::new(name).unwrap();
        for (key, shown) in [
            ("ada", "Ada Lovelace"),
            ("grace", "Grace Hopper"),
            ("bob", "Bob Stone"),
        ] {
            plan.user_names.insert(user(key), shown.into());
        }
        let others = (0..12).map(|number| user(&format!("u{number}")));
        let row = |change, people: Vec<UserName>, permission_set, accounts: Vec<u32>, still| PeopleRow {
            change,
            count: people.len() as u64,
            people,
            permission_set,
            accounts,
            via: BTreeSet::new(),
            keeps: BTreeSet::new(),
            comes: BTreeSet::new(),
            still,
            gained: Vec::new(),
            first: Default::default(),
            everyone: None,
            ends: None,
        };
        let gaining = [user("ada"), user("grace")].into_iter().chain(others).collect();
        plan.people.rows = vec![
            row(PeopleChange::Gains, gaining, 0, (0..12).collect(), vec![]),
            row(
                PeopleChange::Loses,
                vec![user("bob")],
                2,
                (12..15).collect(),
                vec![1],
            ),
        ];
        plan.people.gaining = 14;
        plan.people.losing = 1;
    }

    /// A first plan in which every group gets every set in every account, one block per group.
    pub(crate) fn large(accounts: u32, sets: u32, groups: u32) -> Plan {
        let names = Names::new(
            (1..=u64::from(accounts)).map(account).collect(),
            (0..sets).map(|number| set(&format!("set-{number:04}"))).collect(),
            (0..groups)
                .map(|number| group(&format!("group-{number:04}")))
                .collect(),
        )
        .unwrap();
        let mut plan = empty(names);
        for block in 0..groups {
            plan.declarations.push(Declaration {
                address: Address::root(Kind::Assignment, format!("block{block:04}")),
                location: Some(place("access.hcl", block + 1)),
                reason: None,
                expires: None,
            });
            plan.notes.push(Note {
                declared_by: vec![block],
                owned: true,
            });
        }
        for account in 0..accounts {
            for set in 0..sets {
                plan.grants.extend((0..groups).map(|group| GrantStep {
                    tuple: Tuple::new(account, set, group),
                    note: group,
                    reason: GrantReason::Declared,
                    blocked: false,
                }));
            }
        }
        plan
    }

    #[test]
    fn a_product_is_one_row_whatever_its_size() {
        let plan = large(30, 4, 5);
        let view = PlanView::new(&plan);
        assert_eq!(view.assignments.len(), 5);
        assert!(view.assignments.iter().all(|row| row.count() == 120));
        assert_eq!(view.counts.add, 600);
    }

    #[test]
    fn rows_stand_for_exactly_the_plans_assignments() {
        let mut plan = large(7, 3, 4);
        plan.grants.retain(|step| step.tuple.0 % 5 != 0);
        let mut tuples: Vec<Tuple> = Vec::new();
        for row in PlanView::new(&plan).assignments {
            for account in &row.accounts {
                for set in &row.permission_sets {
                    tuples.extend(row.principals.iter().map(|who| Tuple::new(*account, *set, *who)));
                }
            }
        }
        tuples.sort_unstable();
        let expected: Vec<Tuple> = plan.grants.iter().map(|step| step.tuple).collect();
        assert_eq!(tuples, expected);
    }

    #[test]
    fn accounts_of_one_name_come_with_their_ids() {
        let mut plan = small();
        let name = |number| account(number).to_string().into();
        plan.account_names.insert(name(2), "prod-1".into());
        let labels = Labels::new(&plan);
        let shown: Vec<&str> = (0..3).map(|rank| labels.account(rank)).collect();
        assert_eq!(
            shown,
            ["prod-1 (000000000001)", "prod-1 (000000000002)", "prod-3"]
        );
    }
}
