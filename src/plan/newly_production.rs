//! Accounts that a plan makes production, by moving or tagging them: nobody gains anything by that, and yet whoever has
//! access there has it in production from then on.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::model::account::Account;
use crate::model::reach::holders_in;
use crate::model::snapshot::Snapshot;

use super::change::Action;
use super::finding::{Finding, Level, counted, people};
use super::input::PlanInput;
use super::risk::{ProductionAccounts, SetJudge};

const CODE: &str = "becomes-production";

/// How many permission sets of an account are told.
const MOST_SETS: usize = 12;
/// Through how many principals.
const MOST_PRINCIPALS: usize = 3;

/// One finding for all accounts that become production, with who has what there.
pub(super) fn finding(input: &PlanInput, actions: &[Action]) -> Option<Finding> {
    let rules = ProductionAccounts::in_force(input);
    let changed = actions
        .iter()
        .filter_map(|action| Some((action.changed_account()?, action)));
    let changed: BTreeMap<&AccountKey, &Action> = changed.collect();
    let newly: Vec<(&AccountKey, &Action, String)> = changed
        .into_iter()
        .filter_map(|(key, action)| Some((key, action, why_newly(input, &rules, key)?)))
        .collect();
    let (_, first, _) = newly.first()?;
    let judge = SetJudge::new(&input.desired.settings.risk);
    let subjects = newly.iter().map(|(key, _, why)| {
        let name = input.observed.snapshot.account_name(key);
        Arc::from(format!("{name}, by {why}{}", who_has_what(input, &judge, key)))
    });
    let message = match newly.len() {
        1 => "an account becomes production; who has access there has it in production then".to_owned(),
        count => {
            format!("{count} accounts become production; who has access there has it in production then")
        }
    };
    Some(Finding {
        subjects: subjects.collect(),
        location: first.location.clone(),
        ..Finding::new(Level::Warning, CODE, message)
    })
}

/// What makes an account production as declared, which does not so far.
fn why_newly(input: &PlanInput, rules: &[ProductionAccounts], key: &AccountKey) -> Option<String> {
    let observed = &input.observed.snapshot.accounts.get(key)?.value;
    let declared = &input.desired.snapshot.accounts.get(key)?.value;
    let why = |account: &Account| {
        let there = Snapshot::of_account(key, account);
        rules.iter().find_map(|rule| rule.because(key, &[&there]))
    };
    match why(observed) {
        Some(_) => None,
        None => why(&observed.as_declared(declared)),
    }
}

/// `: 2 people with BreakGlass (administrator), through Break Glass; 3 people with Audit, through Auditors`
fn who_has_what(input: &PlanInput, judge: &SetJudge, key: &AccountKey) -> String {
    let snapshot = &input.observed.snapshot;
    let mut through: BTreeMap<&PermissionSetName, BTreeSet<&PrincipalKey>> = BTreeMap::new();
    for (set, principal) in snapshot.access.in_account(key) {
        through.entry(set).or_default().insert(principal);
    }
    let behind = holders_in(snapshot, key);
    let mut rows: Vec<_> = through
        .into_iter()
        .map(|(set, principals)| {
            let there = snapshot.permission_sets.get(set).map(|found| &found.value);
            let mark = judge.set(set, there).mark();
            let row = behind.iter().find(|row| row.permission_set == *set);
            let count = row.map_or(0, |row| row.people.len());
            (mark, set, principals, count)
        })
        .collect();
    rows.sort_by_key(|(mark, set, _, count)| (mark.is_none(), *mark, std::cmp::Reverse(*count), *set));
    let told = rows.iter().take(MOST_SETS).map(|(mark, set, principals, count)| {
        let mark = mark.map_or(String::new(), |mark| format!(" ({})", mark.word()));
        let names = principals.iter().take(MOST_PRINCIPALS).map(ToString::to_string);
        let names: Vec<String> = names.collect();
        let more = principals.len().saturating_sub(MOST_PRINCIPALS);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        format!(
            "{} with {set}{mark}, through {}{more}",
            people(*count as u64),
            names.join(", ")
        )
    });
    let mut parts: Vec<String> = told.collect();
    if let Some(more) = rows.len().checked_sub(MOST_SETS).filter(|more| *more > 0) {
        parts.push(format!("{} more", counted(more, "permission set")));
    }
    match parts.is_empty() {
        true => "; nobody has access there".to_owned(),
        false => format!(": {}", parts.join("; ")),
    }
}

#[cfg(test)]
mod tests {
    use crate::model::snapshot::Management;
    use crate::model::stack::Production;
    use crate::plan::Plan;
    use crate::plan::testing::{Stack, World, account, group, set};

    use super::*;

    fn stack(env: &str, production: &str) -> Stack {
        let tags = |value: &str| [(Arc::from("env"), Arc::from(value))].into();
        Stack::new()
            .accounts(&[1, 2])
            .set("audit", "Audit")
            .set("admin", "Admin")
            .user("ada", "ada")
            .user("bob", "bob")
            .group("auditors", "Auditors", &["ada", "bob"])
            .group("glass", "Break Glass", &["ada"])
            .assign("audit", &[group("Auditors")], &["Audit"], &[1])
            .assign("glass", &[group("Break Glass")], &["Admin"], &[1])
            .with(|desired| {
                let declared = desired.snapshot.accounts.get_mut(&account(1)).unwrap();
                declared.value.tags = Some(tags(env));
                declared.management = Management::Managed;
                let admin = desired.snapshot.permission_sets.get_mut(&set("Admin")).unwrap();
                admin.value.managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess".into()].into();
                desired.settings.risk.production = Production {
                    tags: tags(production),
                    ..Production::default()
                };
            })
    }

    fn world() -> World {
        let mut world = World::new().apply(stack("test", "prod"));
        let there = world.observed.snapshot.accounts.get_mut(&account(1)).unwrap();
        there.value.tags = Some([(Arc::from("env"), Arc::from("test"))].into());
        world
    }

    fn told(plan: &Plan) -> Vec<String> {
        let found = plan.findings.iter().filter(|finding| &*finding.code == CODE);
        found
            .flat_map(|finding| finding.subjects.iter().map(ToString::to_string))
            .collect()
    }

    #[test]
    fn who_has_access_in_an_account_that_becomes_production_is_told_gravest_first() {
        assert_eq!(
            told(&world().plan(stack("prod", "prod"))),
            [
                "account-1, by tag env = prod: 1 person with Admin (administrator), through group Break Glass; \
              2 people with Audit, through group Auditors"
            ]
        );
    }

    #[test]
    fn nothing_is_told_of_accounts_that_are_production_already_or_do_not_become_it() {
        assert!(told(&world().plan(stack("test", "prod"))).is_empty());
        assert!(told(&world().plan(stack("staging", "prod"))).is_empty());
        assert!(told(&world().plan(stack("prod", "*"))).is_empty());
    }
}
