//! What a plan gives that people should look at twice: administration, production, first access, wide reach.
//!
//! Permission sets are judged by what they will attach ([`crate::model::privilege`]), accounts by the `production`
//! block. Nothing here looks at single grants: marks follow from sets, accounts and classes of people.
//!
//! What the last apply took for a risk counts as well as what the configuration says now: otherwise a change could take
//! away the mark that it would get, or let people in whom the last rules stop. What is marked no longer goes into one
//! change, which shows it under "Rules changed"; what relies on that into the next.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use globset::{Glob, GlobMatcher, GlobSet, GlobSetBuilder};
use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, OuPath, PermissionSetName};
use crate::model::access::Tuple;
use crate::model::account::Account;
use crate::model::action::Effect;
use crate::model::permission_set::PermissionSet;
use crate::model::privilege::{Judged, Privilege, judge};
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::model::stack::{Production, RiskSettings, StopFor};

use super::Plan;
use super::altered::Altered;
use super::becoming::{Becoming, Holders, becoming};
use super::input::PlanInput;
use super::people::{Crowds, PeopleRow};
use super::role_risk::{self, RoleRisk};

/// Why something should be looked at twice; the gravest first.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RiskMark {
    /// The set may do everything, or write IAM without limit.
    Administrator,
    /// The set is a way to more rights.
    PrivilegeEscalation,
    /// The stack's `risk` block names the set.
    Sensitive,
    /// What the set's role in an account allows is not known: it is not what the set says.
    RoleNotKnown,
    /// The account is production.
    Production,
    /// People who had no access at all, to any account.
    FirstAccessAtAll,
    /// People who had no access to the account.
    FirstAccess,
    /// So many accounts at once.
    WideReach,
}

impl RiskMark {
    /// The mark in a word or two.
    pub fn word(self) -> &'static str {
        match self {
            RiskMark::Administrator => "administrator",
            RiskMark::PrivilegeEscalation => "privilege escalation",
            RiskMark::Sensitive => "sensitive",
            RiskMark::RoleNotKnown => "role not known",
            RiskMark::Production => "production",
            RiskMark::FirstAccessAtAll => "first access at all",
            RiskMark::FirstAccess => "first access there",
            RiskMark::WideReach => "wide",
        }
    }
}

/// A permission set as far as risk goes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct SetRisk {
    /// What it attaches amounts to.
    pub judged: Judged,
    /// The `risk` block names it.
    pub sensitive: bool,
    /// It does so as last applied only.
    #[serde(default)]
    pub as_last_applied: bool,
    /// It amounts to less so far: how many have it, and gain by what it becomes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub newly: Option<Holders>,
}

impl SetRisk {
    /// The gravest mark of the set itself.
    pub fn mark(&self) -> Option<RiskMark> {
        match self.judged.privilege {
            Some(Privilege::Administrator) => Some(RiskMark::Administrator),
            Some(Privilege::Escalation) => Some(RiskMark::PrivilegeEscalation),
            None => self.sensitive.then_some(RiskMark::Sensitive),
        }
    }

    /// What says so.
    pub fn because(&self) -> Vec<Arc<str>> {
        match self.judged.privilege {
            Some(_) => self.judged.because.clone(),
            None if self.as_last_applied => {
                vec!["the stack's `risk` block named it so far".into()]
            }
            None if self.sensitive => vec!["the stack's `risk` block names it".into()],
            None => Vec::new(),
        }
    }
}

/// What is known about risk in a plan.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Risks {
    /// Sets of which the plan gives something, or which it writes; only those with something to say.
    pub sets: BTreeMap<PermissionSetName, SetRisk>,
    /// Roles that hold more than their set says, where the plan lets people in; by account and set.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub roles: Vec<RoleRisk>,
    /// Who has sets that become a risk.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub becoming: Vec<Becoming>,
    /// Sets that people have and of which the plan changes what they may do with them, by name.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<Altered>,
    /// Everyone of those of whom `becoming` and `altered` do not name all.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub crowds: Crowds,
    /// Sets that others describe and of which the plan gives something: BLAKE3 of what each allows now, which is what
    /// is approved.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub looked_up: BTreeMap<PermissionSetName, Arc<str>>,
    /// Ranks of the accounts that are production, ascending.
    pub production: Vec<u32>,
    /// Access to so many accounts at once is wide; 0 when nothing is.
    pub wide_accounts: u64,
    /// Who stops an approved plan.
    pub stop_for: StopFor,
}

impl Risks {
    /// What is known about the sets and accounts of a plan whose people are worked out; `before` and `after`
    /// are the relations now and once it is carried out.
    pub fn find(plan: &Plan, input: &PlanInput, (before, after): (&[Tuple], &[Tuple])) -> Self {
        let settings = &input.desired.settings.risk;
        let last = input.recorded.rules.as_ref().map(|rules| &rules.settings.risk);
        let (judge, last_judge) = (SetJudge::new(settings), last.map(SetJudge::new));
        let snapshots = [&input.desired.snapshot, &input.observed.snapshot];
        let written: BTreeMap<&PermissionSetName, &PermissionSet> = plan
            .actions
            .iter()
            .filter_map(|action| match action.effect.as_ref()? {
                Effect::CreatePermissionSet { permission_set } => Some(&**permission_set),
                Effect::UpdatePermissionSet { to, .. } => Some(&**to),
                _ => None,
            })
            .map(|set| (&set.name, set))
            .collect();
        let there = |name: &PermissionSetName| {
            let there = input.observed.snapshot.permission_sets.get(name);
            there.or_else(|| input.desired.snapshot.permission_sets.get(name))
        };
        let judged = |name: &PermissionSetName, set: Option<&PermissionSet>| {
            let mut risk = judge.set(name, set);
            let named = last_judge.as_ref().is_some_and(|judge| judge.names(name));
            risk.as_last_applied = named && !risk.sensitive;
            risk.sensitive |= named;
            risk
        };
        let mut sets = BTreeMap::new();
        let provisioned = super::altered::behind(plan).map(|(name, ..)| name);
        let used = used_sets(plan, |_| true)
            .into_iter()
            .chain(written.keys().copied());
        for name in used.chain(provisioned) {
            let set = written.get(name).copied().or_else(|| Some(&there(name)?.value));
            let risk = judged(name, set);
            if risk != SetRisk::default() {
                sets.insert(name.clone(), risk);
            }
        }
        let rules = ProductionAccounts::in_force(input);
        let contents = input.role_contents();
        let ranks = (0_u32..).zip(&plan.names.accounts);
        let production = ranks.filter(|(_, key)| rules.iter().any(|rule| rule.contains(key, &snapshots)));
        let mut having = becoming(plan, (input, &contents), (before, after), &mut sets);
        let in_force = || std::iter::once(settings).chain(last);
        let stop_for = in_force().fold(StopFor::Nobody, |stop_for, risk| stop_for.or(risk.stop_for));
        for set in &mut having.altered {
            set.covered = set.is_covered(stop_for);
        }
        Risks {
            roles: role_risk::of_plan(plan, &contents, &sets, judged),
            sets,
            becoming: having.becoming,
            altered: having.altered,
            crowds: having.crowds,
            looked_up: looked_up(plan, input),
            production: production.map(|(rank, _)| rank).collect(),
            wide_accounts: in_force()
                .map(|risk| risk.wide_accounts)
                .min()
                .unwrap_or_default(),
            stop_for,
        }
    }

    /// Whether the people of a row are part of what is approved: who joins them since then stops the plan.
    pub fn covers(&self, plan: &Plan, row: &PeopleRow) -> bool {
        row.change.comes()
            && match self.stop_for {
                StopFor::Anyone => true,
                StopFor::Nobody => false,
                StopFor::RiskMarked => self.marks_set(plan, row),
            }
    }

    /// Ranks of the production accounts in which the plan gives something to somebody, ascending.
    pub fn given_in_production(&self, plan: &Plan) -> BTreeSet<u32> {
        // Grants are ascending, so that each account is looked at once.
        let granted = plan
            .grants
            .chunk_by(|one, next| one.tuple.account() == next.tuple.account());
        let granted = granted.filter_map(|steps| Some(steps.first()?.tuple.account()));
        let rows = plan.people.rows.iter().filter(|row| row.change.comes());
        let gained = rows.flat_map(|row| row.accounts.iter().copied());
        let is_production = |rank: &u32| self.production.binary_search(rank).is_ok();
        match self.production.is_empty() {
            true => BTreeSet::new(),
            false => granted.chain(gained).filter(is_production).collect(),
        }
    }

    /// Whether a row is about access that is marked: by its set, or in an account that is production.
    pub fn marks(&self, plan: &Plan, row: &PeopleRow) -> bool {
        let in_production = |rank| self.production.binary_search(rank).is_ok();
        self.marks_set(plan, row) || row.accounts.iter().any(in_production)
    }

    /// Whether the set of a row is marked, or what its role holds in one of the row's accounts.
    fn marks_set(&self, plan: &Plan, row: &PeopleRow) -> bool {
        let name = plan.names.permission_set(row.permission_set);
        let risk = name.and_then(|name| self.sets.get(name));
        let mut roles = self.roles.iter();
        risk.is_some_and(|risk| risk.mark().is_some())
            || roles.any(|role| {
                role.pair.permission_set() == row.permission_set
                    && row.accounts.binary_search(&role.pair.account()).is_ok()
            })
    }

    /// Who has sets that the plan changes, as far as they are part of what is approved: those of sets that become a risk,
    /// then [`Risks::covered_altered`].
    pub fn covered_becoming(&self) -> Vec<&Becoming> {
        let graver = match self.stop_for {
            StopFor::Nobody => &[][..],
            StopFor::RiskMarked | StopFor::Anyone => &self.becoming,
        };
        graver.iter().chain(self.covered_altered()).collect()
    }

    /// Who has other sets whose policies change, as far as they are part of what is approved. A plan without such sets
    /// has the digest that it had before they were covered.
    pub fn covered_altered(&self) -> impl Iterator<Item = &Becoming> {
        let becoming: BTreeSet<_> = self.becoming.iter().map(|row| &row.permission_set).collect();
        let sets = self.altered.iter().filter(|set| set.covered);
        let others = sets.filter(move |set| !becoming.contains(&set.permission_set));
        others.flat_map(|set| &set.through)
    }
}

/// The sets that are looked up and of which the plan gives something, with a hash of what they allow.
fn looked_up(plan: &Plan, input: &PlanInput) -> BTreeMap<PermissionSetName, Arc<str>> {
    let declared = &input.desired.snapshot.permission_sets;
    let is_of_others = |set: &Entity<PermissionSet>| set.management == Management::Referred;
    if !declared.values().any(is_of_others) {
        return BTreeMap::new();
    }
    let given = used_sets(plan, |row| row.change.comes()).into_iter();
    let of_others = given.filter(|name| declared.get(*name).is_some_and(is_of_others));
    let there = of_others.filter_map(|name| {
        let set = &input.observed.snapshot.permission_sets.get(name)?.value;
        let content = (
            &set.managed_policies,
            &set.customer_managed_policies,
            &set.inline_policy,
            &set.permissions_boundary,
            &set.session_duration,
        );
        // What is hashed has no maps with other than text keys.
        let content = serde_json::to_vec(&content).unwrap_or_default();
        let hash = blake3::hash(&content).to_hex();
        Some((name.clone(), Arc::from(hash.as_str())))
    });
    there.collect()
}

/// The sets that the plan grants, or that the rows that count are about.
fn used_sets(plan: &Plan, counts: impl Fn(&PeopleRow) -> bool) -> BTreeSet<&PermissionSetName> {
    let mut used = vec![false; plan.names.permission_sets.len()];
    let granted = plan.grants.iter().map(|step| step.tuple.permission_set());
    let rows = plan.people.rows.iter().filter(|row| counts(row));
    let gained = rows.map(|row| row.permission_set);
    for rank in granted.chain(gained) {
        if let Some(flag) = used.get_mut(rank as usize) {
            *flag = true;
        }
    }
    let names = plan.names.permission_sets.iter().zip(used);
    names.filter(|(_, used)| *used).map(|(name, _)| name).collect()
}

/// Judges permission sets by what they attach and by the `risk` block.
pub struct SetJudge {
    sensitive: GlobSet,
}

impl SetJudge {
    /// By a stack's settings. What is no glob matches nothing; it was reported when the block was read.
    pub fn new(settings: &RiskSettings) -> Self {
        SetJudge {
            sensitive: globs(&settings.permission_sets),
        }
    }

    /// The judgement on a set; of one that nobody has described, only by its name.
    pub fn set(&self, name: &PermissionSetName, set: Option<&PermissionSet>) -> SetRisk {
        SetRisk {
            judged: set.map(judge).unwrap_or_default(),
            sensitive: self.names(name),
            as_last_applied: false,
            newly: None,
        }
    }

    /// Whether the `risk` block names a set.
    fn names(&self, name: &PermissionSetName) -> bool {
        self.sensitive.is_match(name.as_str())
    }
}

fn globs(patterns: &[Arc<str>]) -> GlobSet {
    let mut builder = GlobSetBuilder::new();
    for glob in patterns.iter().filter_map(|pattern| Glob::new(pattern).ok()) {
        builder.add(glob);
    }
    builder.build().unwrap_or_else(|_| GlobSet::empty())
}

/// Tells production accounts from others.
pub struct ProductionAccounts {
    accounts: GlobSet,
    units: GlobSet,
    tags: Vec<(Arc<str>, GlobMatcher)>,
    /// The block, for what says so.
    written: Production,
}

impl ProductionAccounts {
    /// By the stack, and by what was last applied: one of them is enough.
    pub fn in_force(input: &PlanInput) -> Vec<Self> {
        let last = input.recorded.rules.as_ref().map(|rules| &rules.settings.risk);
        let risks = std::iter::once(&input.desired.settings.risk).chain(last);
        risks.map(|risk| Self::new(&risk.production)).collect()
    }

    /// By a `production` block.
    pub fn new(production: &Production) -> Self {
        let tags = production.tags.iter();
        let tags =
            tags.filter_map(|(key, glob)| Some((key.clone(), Glob::new(glob).ok()?.compile_matcher())));
        ProductionAccounts {
            accounts: globs(&production.accounts),
            units: globs(&production.organizational_units),
            tags: tags.collect(),
            written: production.clone(),
        }
    }

    /// What says that an account is production, as the block has it: `organizational unit Workloads/Prod`.
    pub fn because(&self, key: &AccountKey, snapshots: &[&Snapshot]) -> Option<String> {
        let of = |globs: &GlobSet, text: &str| globs.matches(text).first().copied();
        let by_account = |text: &str| {
            let pattern = self.written.accounts.get(of(&self.accounts, text)?)?;
            Some(format!("account {pattern}"))
        };
        let by_unit = |unit: OuPath| {
            let pattern = self
                .written
                .organizational_units
                .get(of(&self.units, unit.as_str())?)?;
            Some(match pattern.is_empty() {
                true => "the root of the organization".to_owned(),
                false => format!("organizational unit {pattern}"),
            })
        };
        let by_tag = |account: &Account| {
            let mut tags = self.tags.iter();
            let (tag, _) = tags.find(|tag| is_tagged(account, tag))?;
            Some(format!("tag {tag} = {}", self.written.tags.get(tag)?))
        };
        let known = snapshots.iter().filter_map(|snapshot| snapshot.accounts.get(key));
        let by = |account: &Account| {
            let mut above = std::iter::successors(account.ou.clone(), OuPath::parent);
            by_account(&account.name)
                .or_else(|| above.find_map(by_unit))
                .or_else(|| by_tag(account))
        };
        let mut known = known.map(|account| &account.value);
        by_account(&key.to_string()).or_else(|| known.find_map(by))
    }

    /// Whether a unit is production, by itself or by one above it.
    pub fn has_unit(&self, unit: &OuPath) -> bool {
        let above = std::iter::successors(Some(unit.clone()), OuPath::parent);
        above.into_iter().any(|unit| self.units.is_match(unit.as_str()))
    }

    /// Whether an account is production by what any of the snapshots says of it.
    pub fn contains(&self, key: &AccountKey, snapshots: &[&Snapshot]) -> bool {
        if self.accounts.is_empty() && self.units.is_empty() && self.tags.is_empty() {
            return false;
        }
        let known = snapshots.iter().filter_map(|snapshot| snapshot.accounts.get(key));
        self.accounts.is_match(key.to_string())
            || known.into_iter().any(|account| self.is_one(&account.value))
    }

    fn is_one(&self, account: &Account) -> bool {
        self.accounts.is_match(&*account.name)
            || self.tags.iter().any(|tag| is_tagged(account, tag))
            || account.ou.as_ref().is_some_and(|unit| self.has_unit(unit))
    }
}

fn is_tagged(account: &Account, (key, glob): &(Arc<str>, GlobMatcher)) -> bool {
    let tags = account.tags.as_ref();
    tags.and_then(|tags| tags.get(key))
        .is_some_and(|value| glob.is_match(&**value))
}

#[cfg(test)]
mod tests {
    use super::super::approved_people::ApprovedPeople;
    use super::super::planner::plan;
    use super::super::scene::{Scene, account, set};
    use super::*;

    const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";

    fn admin(set: &mut PermissionSet) {
        set.managed_policies.insert(ADMIN.into());
    }

    fn scene(members: &[&str]) -> Scene {
        Scene::new()
            .account(1)
            .account(2)
            .set("admin")
            .change_set("admin", admin)
            .set("view")
            .group("ops", members)
    }

    fn granting(members: &[&str], sets: &[&str]) -> Plan {
        plan(&scene(members).assign("a", &["ops"], sets, &[1, 2]).build())
    }

    #[test]
    fn a_set_is_judged_by_what_it_will_attach() {
        let plan = granting(&["ada"], &["admin", "view"]);
        assert_eq!(plan.risks.sets.keys().collect::<Vec<_>>(), [&set("admin")]);
        assert_eq!(
            plan.risks.sets[&set("admin")].mark(),
            Some(RiskMark::Administrator)
        );
        // The service still has it without the policy; what counts is what the plan makes of it.
        let before = Scene::new()
            .account(1)
            .account(2)
            .set("admin")
            .set("view")
            .group("ops", &["ada"]);
        let mut later = before.assign("a", &["ops"], &["view"], &[1]).applied();
        later = later
            .account(1)
            .account(2)
            .set("admin")
            .set("view")
            .group("ops", &["ada"]);
        later = later.change_set("admin", admin);
        let plan =
            super::super::planner::plan(&later.assign("a", &["ops"], &["admin", "view"], &[1]).build());
        assert_eq!(
            plan.risks.sets[&set("admin")].mark(),
            Some(RiskMark::Administrator)
        );
    }

    #[test]
    fn what_makes_an_account_production_is_named_as_written() {
        let account = Account {
            key: account(2),
            name: "payments-prod".into(),
            email: None,
            ou: Some(OuPath::new("Workloads/Prod/EU").unwrap()),
            tags: Some([("env".into(), "production".into())].into()),
            status: Default::default(),
            management: false,
        };
        let there = Snapshot::of_account(&account.key, &account);
        let because = |accounts: &[&str], units: &[&str], tags: &[(&str, &str)]| {
            let list = |texts: &[&str]| texts.iter().map(|text| Arc::from(*text)).collect();
            let tags = tags
                .iter()
                .map(|(key, value)| (Arc::from(*key), Arc::from(*value)));
            let rule = ProductionAccounts::new(&Production {
                accounts: list(accounts),
                organizational_units: list(units),
                tags: tags.collect(),
            });
            rule.because(&account.key, &[&there])
        };
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(
            because(&["ops-*", "pay*"], &["*/Prod"], &[]),
            told("account pay*")
        );
        assert_eq!(because(&["0000*2"], &[], &[]), told("account 0000*2"));
        assert_eq!(
            because(&[], &["Sandbox", "*/Prod"], &[]),
            told("organizational unit */Prod")
        );
        assert_eq!(because(&[], &[""], &[]), told("the root of the organization"));
        let tags = [("env", "prod*"), ("team", "x")];
        assert_eq!(because(&["ops-*"], &["Sandbox"], &tags), told("tag env = prod*"));
        assert_eq!(because(&["ops-*"], &["Sandbox"], &[("env", "prod")]), None);
    }

    #[test]
    fn production_is_told_by_account_unit_or_tag() {
        let is_production = |production: Production| {
            let mut scene = scene(&["ada"]);
            let accounts = &mut scene.input.observed.snapshot.accounts;
            let value = &mut accounts.get_mut(&account(2)).unwrap().value;
            value.ou = Some(OuPath::new("Workloads/Prod/EU").unwrap());
            value.tags = Some([("env".into(), "production".into())].into());
            scene.input.desired.settings.risk.production = production;
            plan(&scene.assign("a", &["ops"], &["view"], &[1, 2]).build())
                .risks
                .production
        };
        let by = |accounts: &[&str], units: &[&str], tags: &[(&str, &str)]| Production {
            accounts: accounts.iter().map(|text| Arc::from(*text)).collect(),
            organizational_units: units.iter().map(|text| Arc::from(*text)).collect(),
            tags: tags
                .iter()
                .map(|(key, value)| (Arc::from(*key), Arc::from(*value)))
                .collect(),
        };
        let none: [u32; 0] = [];
        assert_eq!(is_production(by(&[], &[], &[])), none);
        assert_eq!(is_production(by(&["account-2"], &[], &[])), [1]);
        assert_eq!(is_production(by(&["0000*1"], &[], &[])), [0]);
        assert_eq!(is_production(by(&[], &["Workloads/Prod"], &[])), [1]);
        assert_eq!(is_production(by(&[], &["Workloads/Prod/EU/*"], &[])), none);
        assert_eq!(is_production(by(&[], &[""], &[])), [0, 1]);
        assert_eq!(is_production(by(&[], &[], &[("env", "prod*")])), [1]);
        assert_eq!(is_production(by(&[], &[], &[("env", "prod")])), none);
    }

    #[test]
    fn what_the_last_apply_took_for_a_risk_counts_as_well() {
        let risks = |before: RiskSettings, now: RiskSettings| {
            let mut scene = scene(&["ada"]);
            scene.input.desired.settings.risk = now;
            let mut rules = crate::model::rules::Rules::default();
            rules.settings.risk = before;
            scene.input.recorded.rules = Some(Box::new(rules));
            plan(&scene.assign("a", &["ops"], &["view"], &[1, 2]).build())
        };
        let strict = RiskSettings {
            production: Production {
                accounts: vec!["account-2".into()],
                ..Production::default()
            },
            permission_sets: vec!["view".into()],
            wide_accounts: 2,
            stop_for: StopFor::Anyone,
        };
        let lax = RiskSettings {
            stop_for: StopFor::Nobody,
            ..RiskSettings::default()
        };
        let judged = |plan: &Plan| {
            let risks = &plan.risks;
            let view = risks.sets.get(&set("view"));
            (
                risks.production.clone(),
                view.map(|risk| (risk.sensitive, risk.as_last_applied)),
                risks.wide_accounts,
                risks.stop_for,
                ApprovedPeople::of(plan).rows.len(),
            )
        };
        let (tightened, loosened) = (
            risks(lax.clone(), strict.clone()),
            risks(strict.clone(), lax.clone()),
        );
        assert_eq!(
            judged(&tightened),
            (vec![1], Some((true, false)), 2, StopFor::Anyone, 1)
        );
        assert_eq!(
            judged(&loosened),
            (vec![1], Some((true, true)), 2, StopFor::Anyone, 1)
        );
        assert_eq!(
            judged(&risks(lax.clone(), lax)),
            (vec![], None, 20, StopFor::Nobody, 0)
        );
        let of_last = &loosened.risks.sets[&set("view")];
        assert!(of_last.because()[0].contains("named it so far"), "{of_last:?}");
    }

    #[test]
    fn who_joins_a_group_that_gains_administration_is_new_and_others_are_not() {
        let news = |sets: &[&str]| {
            let of = |members: &[&str]| ApprovedPeople::of(&granting(members, sets));
            let found = of(&["ada"]).newly_gaining(&of(&["ada", "bob"]));
            assert_eq!(of(&["ada", "bob"]).newly_gaining(&of(&["ada"])), []);
            let shown = found.iter().map(|new| {
                let who = new.person.as_ref().unwrap().to_string();
                (who, new.permission_set.to_string(), new.accounts.to_vec())
            });
            shown.collect::<Vec<_>>()
        };
        let both = vec![account(1), account(2)];
        assert_eq!(
            news(&["admin", "view"]),
            [("bob".to_owned(), "admin".to_owned(), both)]
        );
        assert_eq!(news(&["view"]), []);
    }

    #[test]
    fn the_plans_digest_covers_risk_marked_people_and_no_others() {
        let digests = |members: &[&str], set: &str, stop_for: StopFor| {
            // The group is looked up: who is in it is no step of the plan.
            let mut scene = scene(members);
            let groups = &mut scene.input.desired.snapshot.groups;
            let group = groups.values_mut().next().unwrap();
            group.management = Management::Referred;
            let mut there = group.value.clone();
            there.id = Some(crate::id::ServiceId::new("group-ops").unwrap());
            group.value.members = None;
            let seen = Entity::observed(there);
            scene
                .input
                .observed
                .snapshot
                .groups
                .insert(seen.value.display_name.clone(), seen);
            scene.input.desired.snapshot.users.clear();
            scene.input.desired.settings.risk.stop_for = stop_for;
            let plan = plan(&scene.assign("a", &["ops"], &[set], &[1]).build());
            assert_eq!(plan.people.gaining, members.len() as u64);
            (
                plan.digest.clone(),
                super::super::digest::steps(&plan),
                plan.people.digest,
            )
        };
        let (one, two): (&[&str], &[&str]) = (&["ada"], &["ada", "bob"]);
        let (admin, more) = (
            digests(one, "admin", StopFor::RiskMarked),
            digests(two, "admin", StopFor::RiskMarked),
        );
        assert!(admin.0 != more.0 && admin.1 == more.1 && admin.2 != more.2);
        let (view, more) = (
            digests(one, "view", StopFor::RiskMarked),
            digests(two, "view", StopFor::RiskMarked),
        );
        assert!(view.0 == more.0 && view.1 == more.1 && view.2 != more.2);
        assert_ne!(
            digests(one, "view", StopFor::Anyone).0,
            digests(two, "view", StopFor::Anyone).0
        );
        assert_eq!(
            digests(one, "admin", StopFor::Nobody).0,
            digests(two, "admin", StopFor::Nobody).0
        );
    }
}
