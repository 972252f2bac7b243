//! A plan as JSON: everything the view holds, uncut.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::{Address, Kind};
use crate::plan::change::{GrantReason, RevokeReason};
use crate::plan::finding::{Finding, Level};
use crate::plan::input::Mode;
use crate::plan::people::{EndMoved, PeopleChange};
use crate::report::plan_view::PlanView;
use crate::report::plan_view::assignments::{AssignmentRow, RowChange};
use crate::report::plan_view::entities::{EntityChange, EntityRow};
use crate::report::plan_view::people::PeopleLine;
use crate::report::plan_view::records::{RecordKind, RecordRow, RecordSubject};
use crate::source::Location;

use super::altered::AlteredSetJson;
use super::parts::{FieldJson, InstanceJson, OutputChangeJson, OutputJson, PrincipalJson, outputs};
use super::paths::PathJson;
use super::risk::{HeadlineJson, RiskJson, RisksJson};
use super::rules::{GuardrailJson, RulesJson};

/// The version of the plan's JSON form.
pub const FORMAT_VERSION: u32 = 1;

/// A plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PlanJson<'a> {
    /// The version of this form.
    pub format_version: u32,
    /// What identifies exactly this plan.
    pub digest: Cow<'a, str>,
    /// The stack's name.
    pub stack: Cow<'a, str>,
    /// What would be changed.
    pub instance: InstanceJson<'a>,
    /// The state's lineage; absent before the first apply.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lineage: Option<Cow<'a, str>>,
    /// The state's serial.
    pub serial: u64,
    /// The moment it was planned for.
    #[schemars(with = "String")]
    pub now: jiff::Timestamp,
    /// Whether the plan is narrowed.
    pub mode: Mode,
    /// Whether anything would change, in the service or in the state.
    pub has_changes: bool,
    /// Whether a finding refuses the plan.
    pub refused: bool,
    /// How much changes.
    pub summary: SummaryJson,
    /// How the rules that plans are judged by differ from those of the last apply.
    #[serde(default)]
    pub rules: RulesJson<'a>,
    /// What a person should read first.
    pub findings: Vec<FindingJson<'a>>,
    /// What the configuration is warned of, as by the lint of policies.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lint: Vec<FindingJson<'a>>,
    /// What guardrails found; each is among the findings, too.
    #[serde(default)]
    pub guardrails: Vec<GuardrailJson<'a>>,
    /// Changes to entities.
    pub entities: Vec<EntityJson<'a>>,
    /// Assignments to make and to take away, as products.
    pub assignments: Vec<AssignmentJson<'a>>,
    /// What changes in the state alone; the service is not touched.
    #[serde(default)]
    pub records: Vec<RecordJson<'a>>,
    /// What happens to roles, by permission set.
    pub roles: Vec<RolesJson<'a>>,
    /// Who gains and loses what.
    pub people: PeopleJson<'a>,
    /// What of it should be looked at twice, and what says so.
    #[serde(default)]
    pub risks: RisksJson<'a>,
    /// What it costs.
    pub cost: CostJson<'a>,
    /// How much of the instance is in view.
    pub totals: TotalsJson,
    /// Outputs as they will be.
    pub outputs: BTreeMap<String, OutputJson>,
    /// How outputs differ from those recorded, by name.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub output_changes: BTreeMap<String, OutputChangeJson>,
    /// What the accounts named in this plan are called, by key.
    pub account_names: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// What the users named in this plan are called, by user name.
    pub user_names: BTreeMap<Cow<'a, str>, Cow<'a, str>>,
    /// User names of those whose name might be taken for somebody else's, whom the plan need not mention.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub namesakes: Vec<Cow<'a, str>>,
}

/// Counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SummaryJson {
    /// Entities created and assignments made.
    pub add: u64,
    /// Entities changed.
    pub change: u64,
    /// Entities deleted and assignments taken away.
    pub remove: u64,
    /// Roles provisioned again.
    pub provision: u64,
    /// Taken into the state as they are.
    pub adopted: u64,
    /// Given another address in the state.
    pub moved: u64,
    /// Dropped from the state.
    pub forgotten: u64,
}

/// A finding.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FindingJson<'a> {
    /// How much it weighs.
    pub level: Level,
    /// A stable code.
    pub code: Cow<'a, str>,
    /// What it says.
    pub message: Cow<'a, str>,
    /// What it is about.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Cow<'a, str>>,
    /// What to do.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Cow<'a, str>>,
    /// Where it comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// A reason.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ReasonJson {
    /// A stable code.
    pub code: String,
    /// A sentence.
    pub sentence: String,
}

/// What happens to an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EntityChangeJson {
    /// A look-up's name means another thing now.
    Rebind,
    /// It is made.
    Create,
    /// It changes in place.
    Update,
    /// It is pushed to its roles again.
    Provision,
    /// It goes.
    Delete,
}

/// A change to an entity.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct EntityJson<'a> {
    /// What kind.
    pub kind: Kind,
    /// What the service calls it.
    pub key: String,
    /// What people call it.
    pub name: Cow<'a, str>,
    /// What happens.
    pub change: EntityChangeJson,
    /// Why.
    pub reason: ReasonJson,
    /// What differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub fields: Vec<FieldJson>,
    /// Someone removed it from the service, and it is brought back.
    #[serde(default)]
    pub restore: bool,
    /// Why this caller may not do it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub blocked: Option<Cow<'a, str>>,
    /// Where it is declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Why to look twice, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<RiskJson>,
}

/// What happens to assignments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AssignmentChangeJson {
    /// They are made.
    Grant,
    /// They are taken away.
    Revoke,
}

/// Assignments: every principal gets (or loses) every set in every account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AssignmentJson<'a> {
    /// What happens.
    pub change: AssignmentChangeJson,
    /// Why: a stable code.
    pub reason: Cow<'a, str>,
    /// How many assignments these are.
    pub count: u64,
    /// To whom.
    pub principals: Vec<PrincipalJson<'a>>,
    /// What.
    pub permission_sets: Vec<Cow<'a, str>>,
    /// Where, by key.
    pub accounts: Vec<Cow<'a, str>>,
    /// The blocks that declare (or declared) them.
    pub declared_by: Vec<Address>,
    /// Where those are written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// What the blocks give as reasons.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub purposes: Vec<Cow<'a, str>>,
    /// This caller may not do it.
    #[serde(default)]
    pub blocked: bool,
    /// Why to look twice, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<RiskJson>,
}

/// What happens to the record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RecordChangeJson {
    /// It exists and is taken in: from now on it is the stack's, and removed with its block.
    Adopt,
    /// It is looked up or referred to, and known from now on; nothing is ever done to it.
    Note,
    /// Another block declares it, or the service has another name for it.
    Relabel,
    /// The state no longer has it.
    Forget,
}

/// A change in the state alone: of an entity, or of assignments of one set to one principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RecordJson<'a> {
    /// What happens.
    pub change: RecordChangeJson,
    /// How many entities and assignments these are.
    pub count: u64,
    /// The entity's kind; `assignment` for assignments.
    pub kind: Kind,
    /// What the service calls the entity.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// To whom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalJson<'a>>,
    /// What.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_set: Option<Cow<'a, str>>,
    /// Where, by key.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub accounts: Vec<Cow<'a, str>>,
    /// Why, where there is more to say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<ReasonJson>,
    /// What the blocks' reasons become, where they change: `ACC-2 → ACC-7`, `none` for a block without one.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<Cow<'a, str>>,
    /// Where the block is written that declares it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// What happens to the roles of a permission set; accounts by key.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RolesJson<'a> {
    /// Of which set.
    pub permission_set: Cow<'a, str>,
    /// Where a role appears.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub created: Vec<Cow<'a, str>>,
    /// Where it is provisioned again.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub updated: Vec<Cow<'a, str>>,
    /// Where it vanishes; a later grant gets another ARN.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub deleted: Vec<DeletedRoleJson<'a>>,
}

/// A role that vanishes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeletedRoleJson<'a> {
    /// Where.
    pub account: Cow<'a, str>,
    /// Its name, with `…` for a suffix that is not known.
    pub role: Cow<'a, str>,
}

/// Who gains and loses what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeopleJson<'a> {
    /// Distinct people who gain something.
    pub gaining: u64,
    /// Distinct people who lose something.
    pub losing: u64,
    /// Distinct people who keep something for longer than it was to last.
    #[serde(default)]
    pub longer: u64,
    /// Facts (person, account, set) gained.
    pub gained: u64,
    /// Facts lost.
    pub lost: u64,
    /// Changes when who gains or loses changes, though the steps do not.
    pub digest: Cow<'a, str>,
    /// Groups whose members cannot be read and whose assignments change.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub unreadable: Vec<Cow<'a, str>>,
    /// What nobody may overlook, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headlines: Vec<HeadlineJson>,
    /// Sets that people have and of which the plan changes what they allow: what becomes a risk first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<AlteredSetJson<'a>>,
    /// Classes of equal changes: by what happens, then the gravest marks first.
    pub changes: Vec<PeopleChangeJson<'a>>,
}

/// A class of equal changes: each of these people, each set, each account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PeopleChangeJson<'a> {
    /// What happens.
    pub change: PeopleChange,
    /// How many people it happens to.
    pub count: u64,
    /// Their user names, at most a thousand.
    pub people: Vec<Cow<'a, str>>,
    /// Which sets.
    pub permission_sets: Vec<Cow<'a, str>>,
    /// Where, by key.
    pub accounts: Vec<Cow<'a, str>>,
    /// The paths that come or go, with the assignments behind them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub via: Vec<PathJson<'a>>,
    /// For what is kept though a path goes: the paths that stay or come.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keeps: Vec<PrincipalJson<'a>>,
    /// Those of `keeps` that come with the plan, with the assignments behind them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comes: Vec<PathJson<'a>>,
    /// For losses: other sets that these people keep there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub still: Vec<Cow<'a, str>>,
    /// For losses: other sets that they gain there with the same plan.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub gained: Vec<Cow<'a, str>>,
    /// For losses: sessions that began before may go on for this many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_within_seconds: Option<u32>,
    /// For what is kept longer: until when it was to last, and until when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ends: Option<EndMoved>,
    /// For gains and what is kept longer: why to look twice, the gravest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub risks: Vec<RiskJson>,
}

/// What it costs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CostJson<'a> {
    /// Calls by operation.
    pub calls: BTreeMap<Cow<'a, str>, u64>,
    /// All of them.
    pub total_calls: u64,
    /// Asynchronous requests.
    pub async_requests: u64,
    /// Seconds at the service's quota.
    pub seconds: u64,
}

/// Grants of the instance.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TotalsJson {
    /// Declared.
    pub declared: u64,
    /// Declared and there.
    pub unchanged: u64,
    /// There, and declared by nobody.
    pub unmanaged: u64,
    /// Hidden by an `ignore` block.
    pub ignored: u64,
    /// Outside the scope.
    pub out_of_scope: u64,
    /// Held.
    pub held: u64,
}

/// Borrows what it can of a view.
struct Names<'v, 'a> {
    view: &'v PlanView<'a>,
    accounts: Vec<Cow<'a, str>>,
}

impl<'a> PlanJson<'a> {
    /// The JSON form of a view. Names are borrowed from the plan.
    pub fn new(view: &PlanView<'a>) -> Self {
        let plan = view.plan;
        let names = Names {
            view,
            accounts: plan.names.accounts.iter().map(account_key).collect(),
        };
        PlanJson {
            format_version: FORMAT_VERSION,
            digest: plan.digest.as_ref().into(),
            stack: plan.stack.as_ref().into(),
            instance: (&plan.instance).into(),
            lineage: plan.lineage.as_deref().map(Cow::Borrowed),
            serial: plan.serial,
            now: plan.now,
            mode: plan.mode,
            has_changes: !plan.is_empty(),
            refused: plan.is_refused(),
            summary: SummaryJson {
                add: view.counts.add,
                change: view.counts.change,
                remove: view.counts.remove,
                provision: view.counts.provision,
                adopted: view.records.adopted,
                moved: view.records.moved,
                forgotten: view.records.forgotten,
            },
            rules: (&plan.rules).into(),
            findings: plan.findings.iter().map(finding).collect(),
            lint: plan.lint.iter().map(finding).collect(),
            guardrails: plan.guardrails.iter().map(GuardrailJson::from).collect(),
            entities: view.entities.iter().map(entity).collect(),
            assignments: view.assignments.iter().map(|row| names.assignment(row)).collect(),
            records: view.record_rows.iter().map(|row| names.record(row)).collect(),
            roles: names.roles(),
            people: names.people(),
            risks: RisksJson::new(plan, &names.accounts),
            cost: CostJson {
                calls: plan
                    .cost
                    .calls
                    .iter()
                    .map(|(name, count)| (name.as_ref().into(), *count))
                    .collect(),
                total_calls: plan.cost.total_calls,
                async_requests: plan.cost.async_requests,
                seconds: plan.cost.seconds,
            },
            totals: TotalsJson {
                declared: plan.totals.declared,
                unchanged: plan.totals.unchanged,
                unmanaged: plan.totals.unmanaged,
                ignored: plan.totals.ignored,
                out_of_scope: plan.totals.out_of_scope,
                held: plan.totals.held,
            },
            outputs: outputs(&plan.outputs, false),
            output_changes: plan
                .output_changes
                .iter()
                .map(|(name, change)| (name.to_string(), OutputChangeJson::from(change)))
                .collect(),
            account_names: plan
                .account_names
                .iter()
                .map(|(key, name)| (key.as_ref().into(), name.as_ref().into()))
                .collect(),
            user_names: plan
                .user_names
                .iter()
                .map(|(key, name)| (key.as_str().into(), name.as_ref().into()))
                .collect(),
            namesakes: plan.namesakes.iter().map(|user| user.as_str().into()).collect(),
        }
    }
}

fn account_key(key: &crate::id::AccountKey) -> Cow<'_, str> {
    match key {
        crate::id::AccountKey::Id(id) => id.as_str().into(),
        crate::id::AccountKey::Email(email) => email.as_str().into(),
    }
}

/// A finding as JSON.
pub fn finding(finding: &Finding) -> FindingJson<'_> {
    FindingJson {
        level: finding.level,
        code: finding.code.as_ref().into(),
        message: finding.message.as_ref().into(),
        subjects: finding
            .subjects
            .iter()
            .map(|subject| subject.as_ref().into())
            .collect(),
        remedy: finding.remedy.as_deref().map(Cow::Borrowed),
        location: finding.location.clone(),
    }
}

fn entity<'a>(row: &EntityRow<'a>) -> EntityJson<'a> {
    EntityJson {
        kind: row.entity.kind(),
        key: row.entity.name(),
        name: row.name.clone().into(),
        change: match row.change {
            EntityChange::Rebound => EntityChangeJson::Rebind,
            EntityChange::Created => EntityChangeJson::Create,
            EntityChange::Updated => EntityChangeJson::Update,
            EntityChange::Provisioned => EntityChangeJson::Provision,
            EntityChange::Deleted => EntityChangeJson::Delete,
        },
        reason: ReasonJson {
            code: row.reason.code().to_owned(),
            sentence: row.reason.sentence(),
        },
        fields: row.details.iter().map(FieldJson::from).collect(),
        restore: row.restore,
        blocked: row.blocked.map(|why| why.as_ref().into()),
        location: row.location.cloned(),
        risks: row.risks.iter().map(RiskJson::from).collect(),
    }
}

fn reason_code(change: RowChange) -> &'static str {
    match change {
        RowChange::Grant(GrantReason::Declared) => "declared",
        RowChange::Grant(GrantReason::Restore) => "restore",
        RowChange::Grant(GrantReason::Renamed) | RowChange::Revoke(RevokeReason::Renamed) => "renamed",
        RowChange::Revoke(RevokeReason::BlockRemoved) => "block_removed",
        RowChange::Revoke(RevokeReason::NoLongerSelected) => "no_longer_selected",
        RowChange::Revoke(RevokeReason::Expired) => "expired",
        RowChange::Revoke(RevokeReason::Unmanaged) => "unmanaged",
        RowChange::Revoke(RevokeReason::Destroy) => "destroy",
        RowChange::Revoke(RevokeReason::Frozen) => "frozen",
    }
}

impl<'a> Names<'_, 'a> {
    fn accounts(&self, ranks: &[u32]) -> Vec<Cow<'a, str>> {
        ranks.iter().map(|rank| self.account(*rank)).collect()
    }

    fn account(&self, rank: u32) -> Cow<'a, str> {
        self.accounts.get(rank as usize).cloned().unwrap_or_default()
    }

    fn sets(&self, ranks: &[u32]) -> Vec<Cow<'a, str>> {
        ranks
            .iter()
            .map(|rank| self.view.labels.permission_set(*rank).into())
            .collect()
    }

    fn record(&self, row: &RecordRow<'a>) -> RecordJson<'a> {
        let mut json = RecordJson {
            change: match row.kind {
                RecordKind::TakenIn => RecordChangeJson::Adopt,
                RecordKind::Noted => RecordChangeJson::Note,
                RecordKind::Relabelled => RecordChangeJson::Relabel,
                RecordKind::Dropped => RecordChangeJson::Forget,
            },
            count: row.count(),
            kind: Kind::Assignment,
            key: None,
            principal: None,
            permission_set: None,
            accounts: Vec::new(),
            reason: row.reason.map(|reason| ReasonJson {
                code: reason.code().to_owned(),
                sentence: reason.sentence(),
            }),
            reasons: row.reasons.iter().cloned().map(Cow::Owned).collect(),
            location: row.location.cloned(),
        };
        match &row.subject {
            RecordSubject::Entity(key) => {
                json.kind = key.kind();
                json.key = Some(key.name());
            }
            RecordSubject::Grants {
                principal,
                permission_set,
                accounts,
            } => {
                json.principal = self.view.labels.principal(*principal).map(PrincipalJson::from);
                json.permission_set = Some(self.view.labels.permission_set(*permission_set).into());
                json.accounts = self.accounts(accounts);
            }
        }
        json
    }

    fn assignment(&self, row: &AssignmentRow) -> AssignmentJson<'a> {
        let blocks: BTreeSet<_> = row
            .notes
            .iter()
            .flat_map(|note| self.view.declarations(*note))
            .collect();
        let principals = row
            .principals
            .iter()
            .filter_map(|rank| self.view.labels.principal(*rank));
        let purposes: BTreeSet<&'a str> = blocks
            .iter()
            .filter_map(|block| block.reason.as_deref())
            .collect();
        let locations: BTreeSet<&Location> = blocks
            .iter()
            .filter_map(|block| block.location.as_ref())
            .collect();
        AssignmentJson {
            change: if row.change.is_grant() {
                AssignmentChangeJson::Grant
            } else {
                AssignmentChangeJson::Revoke
            },
            reason: reason_code(row.change).into(),
            count: row.count(),
            principals: principals.map(PrincipalJson::from).collect(),
            permission_sets: self.sets(&row.permission_sets),
            accounts: self.accounts(&row.accounts),
            declared_by: blocks.iter().map(|block| block.address.clone()).collect(),
            locations: locations.into_iter().cloned().collect(),
            purposes: purposes.into_iter().map(Cow::Borrowed).collect(),
            blocked: row.blocked,
            risks: row.risks.iter().map(RiskJson::from).collect(),
        }
    }

    fn roles(&self) -> Vec<RolesJson<'a>> {
        let lines = self.view.roles.iter();
        lines
            .map(|line| RolesJson {
                permission_set: self.view.labels.permission_set(line.permission_set).into(),
                created: self.accounts(&line.created),
                updated: self.accounts(&line.updated),
                deleted: line
                    .deleted
                    .iter()
                    .map(|(account, role)| DeletedRoleJson {
                        account: self.account(*account),
                        role: role.clone().into(),
                    })
                    .collect(),
            })
            .collect()
    }

    fn people(&self) -> PeopleJson<'a> {
        let people = &self.view.plan.people;
        PeopleJson {
            gaining: people.gaining,
            losing: people.losing,
            longer: people.longer,
            gained: people.gained,
            lost: people.lost,
            digest: people.digest.as_str().into(),
            unreadable: people
                .unreadable
                .iter()
                .map(|group| group.as_str().into())
                .collect(),
            headlines: self.view.headlines.iter().map(HeadlineJson::from).collect(),
            altered: self.view.altered.iter().map(AlteredSetJson::from).collect(),
            changes: self
                .view
                .people
                .iter()
                .map(|line| self.people_change(line))
                .collect(),
        }
    }

    fn people_change(&self, line: &PeopleLine) -> PeopleChangeJson<'a> {
        PeopleChangeJson {
            change: line.change,
            count: line.count,
            people: line
                .people
                .iter()
                .map(|user| Cow::Owned(user.to_string()))
                .collect(),
            permission_sets: self.sets(&line.permission_sets),
            accounts: self.accounts(&line.accounts),
            via: line
                .via
                .iter()
                .map(|path| PathJson::new(self.view, line, path, line.change.comes()))
                .collect(),
            keeps: line.keeps.iter().map(super::paths::principal).collect(),
            comes: line
                .comes
                .iter()
                .map(|path| PathJson::new(self.view, line, path, true))
                .collect(),
            still: self.sets(&line.still),
            gained: self.sets(&line.gained),
            effective_within_seconds: line.sessions,
            ends: line.ends,
            risks: line.risks.iter().map(RiskJson::from).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::plan_view::tests::small;

    #[test]
    fn whose_name_is_not_theirs_alone_is_told_and_named_in_full_in_texts() {
        let mut plan = small();
        plan.namesakes.insert(crate::id::UserName::new("bob").unwrap());
        let view = PlanView::new(&plan);
        let json = PlanJson::new(&view);
        assert_eq!(json.namesakes, ["bob"]);
        let lost = view
            .people
            .iter()
            .find(|line| line.change == PeopleChange::Loses)
            .unwrap();
        assert_eq!(view.labels.user(&lost.people[0]), "Bob Stone (bob)");
        let (ada, eve) = ("ada", "eve");
        let user = |name| crate::id::UserName::new(name).unwrap();
        assert_eq!(view.labels.person(&user(ada), "Ada Lovelace"), "Ada Lovelace");
        assert_eq!(view.labels.person(&user(eve), "Eve"), "Eve");
    }

    #[test]
    fn a_plan_reads_back_from_its_json_and_names_no_ranks() {
        let plan = small();
        let json = PlanJson::new(&PlanView::new(&plan));
        let text = serde_json::to_string(&json).unwrap();
        let back: PlanJson<'_> = serde_json::from_str(&text).unwrap();
        assert_eq!(back, json);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        assert_eq!(value["assignments"][0]["principals"][0]["name"], "platform");
        assert_eq!(value["assignments"][0]["count"], 12);
        assert_eq!(value["assignments"][0]["accounts"].as_array().unwrap().len(), 12);
        assert_eq!(value["people"]["changes"][1]["effective_within_seconds"], 14_400);
        assert_eq!(value["account_names"]["000000000013"], "sandbox-1");
    }
}
