//! What the plan says of itself: how much is in view, how many people.

use crate::model::access::Tuple;
use crate::plan::input::Mode;
use crate::plan::people::{PeopleChange, PeopleRow};
use crate::plan::{Plan, Totals};

use super::Found;
use super::held::HeldNames;
use super::relations::{Relations, has, minus};
use super::rules::Rules;

pub(super) fn check(plan: &Plan, relations: &Relations, held: &HeldNames, rules: &Rules, found: &mut Found) {
    if !(plan.is_refused() && plan.names.accounts.is_empty()) {
        let totals = totals(relations, held, rules, plan.mode == Mode::Destroy);
        found.require(totals == plan.totals, "totals", || {
            format!("it says {:?}, and has {totals:?}", plan.totals)
        });
    }
    people(plan, found);
}

fn totals(relations: &Relations, held: &HeldNames, rules: &Rules, destroy: bool) -> Totals {
    let free = |tuple: &&Tuple| !held.holds(**tuple);
    let mut totals = Totals {
        declared: relations.desired.len() as u64,
        ..Totals::default()
    };
    let missing = minus(&relations.desired, &relations.observed).len();
    let there = relations.desired.len() - missing;
    let held_there = || {
        let there = relations
            .desired
            .iter()
            .filter(|tuple| has(&relations.observed, **tuple));
        there.filter(|tuple| held.holds(**tuple)).count()
    };
    totals.unchanged = (there - if held.any { held_there() } else { 0 }) as u64;
    let undeclared = minus(&relations.observed, &relations.desired);
    let foreign = minus(&undeclared, &relations.owned);
    let others = |tuple: &&Tuple| {
        let left = has(&relations.owned, **tuple) && !destroy;
        left && (rules.ignores(**tuple) || !rules.in_scope(**tuple))
    };
    // What is ours, declared no more and left to others counts as theirs.
    for tuple in foreign
        .iter()
        .chain(undeclared.iter().filter(others))
        .filter(free)
    {
        if rules.ignores(*tuple) {
            totals.ignored += 1;
        } else if rules.in_scope(*tuple) {
            totals.unmanaged += 1;
        } else {
            totals.out_of_scope += 1;
        }
    }
    if held.any {
        let lists = [&relations.desired, &relations.expired, &relations.recorded];
        let named = relations
            .observed
            .iter()
            .filter(|tuple| !held.is_nameless(**tuple));
        let mut all: Vec<_> = lists
            .into_iter()
            .flatten()
            .chain(named)
            .filter(|tuple| held.holds(**tuple))
            .collect();
        all.sort_unstable();
        all.dedup();
        totals.held = all.len() as u64;
    }
    totals
}

/// The rows are well-formed and add up.
fn people(plan: &Plan, found: &mut Found) {
    let people = &plan.people;
    let rows_fit = people.rows.iter().all(|row| {
        let named = row.people.len() as u64 == row.count.min(PeopleRow::MOST_NAMED as u64);
        let sets = plan.names.permission_set(row.permission_set).is_some()
            && row
                .still
                .iter()
                .all(|set| plan.names.permission_set(*set).is_some());
        let accounts = row.accounts.is_sorted_by(|left, right| left < right)
            && row
                .accounts
                .iter()
                .all(|account| plan.names.account(*account).is_some());
        let longer = row.change == PeopleChange::KeepsLonger;
        let said = longer || (row.change == PeopleChange::Unknown) == (row.count == 0);
        let later = row
            .ends
            .is_none_or(|ends| ends.to.is_none_or(|to| to > ends.from));
        let said = said && longer == row.ends.is_some() && later;
        named && sets && accounts && said && !row.accounts.is_empty() && !row.via.is_empty()
    });
    found.require(rows_fit, "people-rows", || {
        "a row of people is malformed".to_owned()
    });
    let facts = |change: PeopleChange| -> u64 {
        let rows = people.rows.iter().filter(|row| row.change == change);
        rows.map(|row| row.count * row.accounts.len() as u64).sum()
    };
    let gained = facts(PeopleChange::Gains) == people.gained;
    let lost = facts(PeopleChange::Loses) == people.lost;
    let some = (people.gained > 0) == (people.gaining > 0) && (people.lost > 0) == (people.losing > 0);
    found.require(gained && lost && some, "people-counts", || {
        format!("{} facts gained, {} lost", people.gained, people.lost)
    });
}
