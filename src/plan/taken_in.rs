//! Access that others gave and that a plan takes in: nobody gains anything by that, and yet whoever approves the plan
//! says that it shall be there. So what is marked of it is told first, as it would be if the plan gave it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::model::access::Tuple;

use super::change::{RecordChange, RecordStep};
use super::finding::{Finding, Level, counted, people};
use super::input::PlanInput;
use super::risk::{ProductionAccounts, RiskMark, SetJudge};
use super::universe::Universe;

const CODE: &str = "takes-in-marked";

/// How many lines are told, and how many accounts in one.
const MOST_LINES: usize = 20;
const MOST_ACCOUNTS: usize = 6;

/// Who has what of a mark, where.
type Lines<'a> = BTreeMap<(RiskMark, &'a PermissionSetName, &'a PrincipalKey), Vec<&'a AccountKey>>;

/// One finding for all marked access that is taken in.
pub(super) fn finding(input: &PlanInput, universe: &Universe<'_>, records: &[RecordStep]) -> Option<Finding> {
    let adopted = records.iter().filter(|step| step.change == RecordChange::Adopt);
    let adopted: Vec<Tuple> = adopted.map(|step| step.tuple).collect();
    let marks = Marks::new(input);
    let lines = marks.lines(universe, &adopted);
    if lines.is_empty() {
        return None;
    }
    let count: usize = lines.values().map(Vec::len).sum();
    let told = lines.iter().take(MOST_LINES);
    let mut subjects: BTreeSet<Arc<str>> = told
        .map(|((mark, set, principal), accounts)| marks.told(*mark, set, principal, accounts))
        .collect();
    if let Some(more) = lines.len().checked_sub(MOST_LINES).filter(|more| *more > 0) {
        subjects.insert(format!("… and {more} more of that kind").into());
    }
    Some(Finding {
        subjects,
        remedy: Some("approve it only if it is meant to be there; what is not goes by leaving it out and taking it away".into()),
        ..Finding::new(
            Level::Warning,
            CODE,
            format!(
                "{} of marked access that others gave would be taken in, and be this stack's",
                counted(count, "assignment")
            ),
        )
    })
}

/// What makes access marked.
struct Marks<'a> {
    input: &'a PlanInput,
    judge: SetJudge,
    production: ProductionAccounts,
}

impl<'a> Marks<'a> {
    fn new(input: &'a PlanInput) -> Self {
        let risk = &input.desired.settings.risk;
        Marks {
            input,
            judge: SetJudge::new(risk),
            production: ProductionAccounts::new(&risk.production),
        }
    }

    fn lines<'u>(&self, universe: &'u Universe<'_>, adopted: &[Tuple]) -> Lines<'u> {
        let mut sets: BTreeMap<u32, Option<RiskMark>> = BTreeMap::new();
        let mut accounts: BTreeMap<u32, bool> = BTreeMap::new();
        let mut lines = Lines::new();
        for tuple in adopted {
            let Some((account, set, principal)) = universe.names.resolve(*tuple) else {
                continue;
            };
            let mark = *sets
                .entry(tuple.permission_set())
                .or_insert_with(|| self.of_set(set));
            let in_production = *accounts
                .entry(tuple.account())
                .or_insert_with(|| self.is_production(account));
            if let Some(mark) = mark.or(in_production.then_some(RiskMark::Production)) {
                lines.entry((mark, set, principal)).or_default().push(account);
            }
        }
        lines
    }

    fn of_set(&self, set: &PermissionSetName) -> Option<RiskMark> {
        let there = self.input.observed.snapshot.permission_sets.get(set);
        let declared = self.input.desired.snapshot.permission_sets.get(set);
        let content = there.or(declared).map(|found| &found.value);
        self.judge.set(set, content).mark()
    }

    fn is_production(&self, account: &AccountKey) -> bool {
        let snapshots = [&self.input.desired.snapshot, &self.input.observed.snapshot];
        self.production.contains(account, &snapshots)
    }

    /// `group Contractors → Admin (administrator) in pay-prod (production): 4 people`
    fn told(
        &self,
        mark: RiskMark,
        set: &PermissionSetName,
        principal: &PrincipalKey,
        accounts: &[&AccountKey],
    ) -> Arc<str> {
        let snapshot = &self.input.observed.snapshot;
        let mut named: Vec<String> = accounts
            .iter()
            .take(MOST_ACCOUNTS)
            .map(|account| {
                let name = snapshot.account_name(account);
                match self.is_production(account) {
                    true => format!("{name} (production)"),
                    false => name,
                }
            })
            .collect();
        if let Some(more) = accounts.len().checked_sub(MOST_ACCOUNTS).filter(|more| *more > 0) {
            named.push(format!("{more} more"));
        }
        let mark = match mark {
            RiskMark::Production => String::new(),
            mark => format!(" ({})", mark.word()),
        };
        let who = people(snapshot.people(principal).count() as u64);
        format!("{principal} → {set}{mark} in {}: {who}", named.join(", ")).into()
    }
}

#[cfg(test)]
mod tests {
    use crate::model::stack::Production;
    use crate::plan::Plan;
    use crate::plan::testing::{Stack, World, group, set};

    use super::*;

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("admin", "Admin")
            .set("view", "View")
            .user("ada", "ada")
            .group("ops", "Ops", &["ada"])
            .with(|desired| {
                let admin = desired.snapshot.permission_sets.get_mut(&set("Admin")).unwrap();
                admin.value.managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess".into()].into();
                desired.settings.risk.production = Production {
                    accounts: vec!["account-2".into()],
                    ..Production::default()
                };
            })
    }

    fn told(plan: &Plan) -> Vec<String> {
        let found = plan.findings.iter().filter(|finding| &*finding.code == CODE);
        found
            .flat_map(|finding| finding.subjects.iter().map(ToString::to_string))
            .collect()
    }

    #[test]
    fn marked_access_that_others_gave_is_told_when_it_is_taken_in() {
        let world = World::new()
            .apply(stack())
            .has_grant(1, "Admin", group("Ops"))
            .has_grant(2, "Admin", group("Ops"))
            .has_grant(1, "View", group("Ops"))
            .has_grant(2, "View", group("Ops"));
        let take_in = |sets: &[&str], accounts: &[u32]| {
            told(&world.plan(stack().assign("a", &[group("Ops")], sets, accounts)))
        };
        assert_eq!(
            take_in(&["Admin"], &[1, 2]),
            ["group Ops → Admin (administrator) in account-1, account-2 (production): 1 person"]
        );
        assert_eq!(
            take_in(&["View"], &[1, 2]),
            ["group Ops → View in account-2 (production): 1 person"]
        );
        assert!(take_in(&["View"], &[1]).is_empty());
    }

    #[test]
    fn what_the_plan_gives_itself_is_told_elsewhere() {
        let world = World::new().apply(stack());
        let plan = world.plan(stack().assign("a", &[group("Ops")], &["Admin"], &[1, 2]));
        assert!(told(&plan).is_empty());
    }
}
