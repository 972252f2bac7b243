//! Marks on what people should look at twice, for people lines, assignments and entities.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::PermissionSetName;
use crate::model::action::Effect;
use crate::model::privilege::judge;
use crate::plan::Plan;
use crate::plan::becoming::Holders;
use crate::plan::people::FirstAccess;
use crate::plan::risk::{RiskMark, SetRisk};
use crate::report::wording::{self, counted, number, some_of};

/// How many permission sets a mark names, of a line about several.
pub const MOST_SETS: usize = 5;

/// A mark, with how much of the line it is about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Risk {
    /// Why to look twice.
    pub mark: RiskMark,
    /// How many it is about: permission sets, accounts or people of the line, as the mark has it.
    pub count: u64,
    /// Out of how many.
    pub of: u64,
    /// What says so: policies and actions, for marks of permission sets.
    pub because: Vec<Arc<str>>,
    /// The set is not that yet, and the plan makes it so.
    pub becomes: bool,
    /// For a set that becomes that: who has it.
    pub holders: Option<Holders>,
    /// For marks of permission sets that a line grants: the sets.
    pub sets: Vec<PermissionSetName>,
}

impl Risk {
    /// The mark in words: `administrator`, `administrator (admins)` where other sets of the line are none, `production
    /// (3 of 12 accounts)`, `first access for 2`.
    pub fn words(&self) -> String {
        self.words_with(&|sets, most| some_of(sets, sets.len() as u64, most))
    }

    /// The same with the names of sets written by `names`, which is told how many to name at most.
    pub fn words_with(&self, names: &dyn Fn(&[&str], usize) -> String) -> String {
        let of = |unit: &str| match self.count == self.of {
            true => String::new(),
            false => format!(" ({} of {})", number(self.count), counted(self.of, unit)),
        };
        let people = |what: &str| match self.count == self.of {
            true => what.to_owned(),
            false => format!("{what} for {} of {}", number(self.count), number(self.of)),
        };
        let becomes = if self.becomes { "becomes " } else { "" };
        let word = self.mark.word();
        match self.mark {
            RiskMark::Administrator | RiskMark::PrivilegeEscalation | RiskMark::Sensitive => {
                let holders = self.holders.map_or(String::new(), |holders| {
                    let (people, accounts) = (holders.people, counted(holders.accounts, "account"));
                    format!(" for {} in {accounts}", wording::people(people))
                });
                let sets: Vec<&str> = self.some_sets().iter().map(PermissionSetName::as_str).collect();
                let which = match sets.is_empty() {
                    true => of("set"),
                    false => format!(" ({})", names(&sets, MOST_SETS)),
                };
                format!("{becomes}{word}{which}{holders}")
            }
            RiskMark::Production => format!("{word}{}", of("account")),
            RiskMark::FirstAccessAtAll | RiskMark::FirstAccess => people(word),
            RiskMark::WideReach => format!("{word} ({})", counted(self.count, "account")),
        }
    }

    /// The sets that it is about, where the line has others too.
    pub fn some_sets(&self) -> &[PermissionSetName] {
        match self.count == self.of {
            true => &[],
            false => &self.sets,
        }
    }
}

/// How grave marks are together: a greater number is graver. A mark outweighs all those behind it.
pub fn gravity(risks: &[Risk]) -> u8 {
    let bits = risks.iter().map(|risk| match risk.mark {
        RiskMark::Administrator => 64,
        RiskMark::PrivilegeEscalation => 32,
        RiskMark::Sensitive => 16,
        RiskMark::Production => 8,
        RiskMark::FirstAccessAtAll => 4,
        RiskMark::FirstAccess => 2,
        RiskMark::WideReach => 1,
    });
    bits.fold(0, |all, bit| all | bit)
}

/// The same without what says how many and who alone: for lists that have an order of their own.
pub fn grave(risks: &[Risk]) -> u8 {
    gravity(risks) & !7
}

/// The gravest mark of a line.
pub fn gravest(risks: &[Risk]) -> Option<RiskMark> {
    risks.iter().map(|risk| risk.mark).min()
}

/// What is said of lines that are left out, given the gravest mark of each: `, 3 of them marked: 1 administrator,
/// 2 production`; nothing where none is.
pub fn of_them_marked(marks: impl IntoIterator<Item = Option<RiskMark>>) -> String {
    let mut counts: BTreeMap<RiskMark, u64> = BTreeMap::new();
    for mark in marks.into_iter().flatten() {
        *counts.entry(mark).or_default() += 1;
    }
    if counts.is_empty() {
        return String::new();
    }
    let parts: Vec<String> = counts
        .iter()
        .map(|(mark, count)| format!("{} {}", number(*count), mark.word()))
        .collect();
    let all = number(counts.values().sum());
    format!(", {all} of them marked: {}", parts.join(", "))
}

/// Marks as one text: `administrator, production`.
pub fn words(risks: &[Risk]) -> String {
    let words: Vec<String> = risks.iter().map(Risk::words).collect();
    words.join(", ")
}

/// Finds the marks of lines.
pub struct Marker<'a> {
    plan: &'a Plan,
    production: Vec<bool>,
    /// By rank.
    sets: Vec<Option<&'a SetRisk>>,
}

impl<'a> Marker<'a> {
    /// For the lines of a plan.
    pub fn new(plan: &'a Plan) -> Self {
        let mut production = vec![false; plan.names.accounts.len()];
        for rank in &plan.risks.production {
            if let Some(flag) = production.get_mut(*rank as usize) {
                *flag = true;
            }
        }
        let sets = plan.names.permission_sets.iter();
        Marker {
            plan,
            production,
            sets: sets.map(|name| plan.risks.sets.get(name)).collect(),
        }
    }

    /// The marks of giving these sets in these accounts, given by rank.
    pub fn of_grants(&self, sets: &[u32], accounts: &[u32]) -> Vec<Risk> {
        let mut risks = Vec::new();
        let judged = |rank: &u32| *self.sets.get(*rank as usize)?;
        for mark in [
            RiskMark::Administrator,
            RiskMark::PrivilegeEscalation,
            RiskMark::Sensitive,
        ] {
            let marked = sets
                .iter()
                .filter_map(judged)
                .filter(|risk| risk.mark() == Some(mark));
            let because: BTreeSet<Arc<str>> = marked.clone().flat_map(SetRisk::because).collect();
            let count = marked.count() as u64;
            let is_marked = |rank: &&u32| judged(rank).is_some_and(|risk| risk.mark() == Some(mark));
            let names = sets.iter().filter(is_marked);
            let names = names.filter_map(|rank| self.plan.names.permission_set(*rank).cloned());
            if count > 0 {
                risks.push(Risk {
                    mark,
                    count,
                    of: sets.len() as u64,
                    because: because.into_iter().collect(),
                    becomes: false,
                    holders: None,
                    sets: names.collect(),
                });
            }
        }
        risks.extend(self.of_accounts(accounts));
        risks
    }

    /// The marks of people who gain.
    pub fn of_people(&self, sets: &[u32], accounts: &[u32], first: FirstAccess, people: u64) -> Vec<Risk> {
        let mut risks = self.of_grants(sets, accounts);
        let mut add = |mark, count| {
            risks.push(Risk {
                mark,
                count,
                of: people,
                because: Vec::new(),
                becomes: false,
                holders: None,
                sets: Vec::new(),
            });
        };
        if first.at_all > 0 {
            add(RiskMark::FirstAccessAtAll, first.at_all);
        }
        if first.to_account > first.at_all {
            add(RiskMark::FirstAccess, first.to_account);
        }
        risks.sort();
        risks
    }

    fn of_accounts(&self, accounts: &[u32]) -> Vec<Risk> {
        let is_production = |rank: &&u32| self.production.get(**rank as usize) == Some(&true);
        let (all, wide) = (accounts.len() as u64, self.plan.risks.wide_accounts);
        let production = accounts.iter().filter(is_production).count() as u64;
        let risk = |mark, count| Risk {
            mark,
            count,
            of: all,
            because: Vec::new(),
            becomes: false,
            holders: None,
            sets: Vec::new(),
        };
        let production = (production > 0).then(|| risk(RiskMark::Production, production));
        let wide = (wide > 0 && all >= wide).then(|| risk(RiskMark::WideReach, all));
        production.into_iter().chain(wide).collect()
    }

    /// The marks of writing a permission set: what it amounts to, and the accounts whose roles come or change.
    pub fn of_written(&self, effect: &Effect) -> Vec<Risk> {
        let (set, before) = match effect {
            Effect::CreatePermissionSet { permission_set } => (permission_set, None),
            Effect::UpdatePermissionSet { from, to } => (to, Some(from)),
            _ => return Vec::new(),
        };
        let mut risks = Vec::new();
        let risk = self.plan.risks.sets.get(&set.name);
        if let Some((risk, mark)) = risk.and_then(|risk| Some((risk, risk.mark()?))) {
            risks.push(Risk {
                mark,
                count: 1,
                of: 1,
                because: risk.because(),
                becomes: before.is_some_and(|set| risk.judged.is_graver_than(&judge(set))),
                holders: risk.newly,
                sets: Vec::new(),
            });
        }
        if before.is_some() {
            risks.extend(self.of_accounts(&self.roles(&set.name)));
        }
        risks
    }

    /// Where roles of a set come or change.
    fn roles(&self, set: &PermissionSetName) -> Vec<u32> {
        let Some(rank) = self.plan.names.permission_set_rank(set) else {
            return Vec::new();
        };
        let roles = &self.plan.roles;
        let pairs = roles.updated.iter().chain(&roles.created);
        let of_set = pairs.filter(|pair| pair.permission_set() == rank);
        let accounts: BTreeSet<u32> = of_set.map(|pair| pair.account()).collect();
        accounts.into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::privilege::{Judged, Privilege};
    use crate::report::plan_view::PlanView;
    use crate::report::plan_view::tests::small;

    /// The small plan, with a set that administers and the first two accounts as production.
    fn risky() -> Plan {
        let mut plan = small();
        let judged = Judged {
            privilege: Some(Privilege::Administrator),
            because: vec!["AdministratorAccess".into()],
            ..Judged::default()
        };
        let admin = plan.names.permission_sets[0].clone();
        plan.risks.sets.insert(
            admin,
            SetRisk {
                judged,
                as_last_applied: false,
                sensitive: false,
                newly: None,
            },
        );
        plan.risks.production = vec![0, 1];
        plan.risks.wide_accounts = 12;
        let gains = plan.people.rows.iter_mut().find(|row| row.count == 14).unwrap();
        gains.first = FirstAccess {
            to_account: 3,
            at_all: 1,
        };
        plan
    }

    #[test]
    fn of_several_sets_the_marked_ones_are_named() {
        let risk = |count: u64, of: u64| {
            let names = (1..=count).map(|n| PermissionSetName::new(format!("s{n}")).unwrap());
            Risk {
                mark: RiskMark::Administrator,
                count,
                of,
                because: Vec::new(),
                becomes: false,
                holders: None,
                sets: names.collect(),
            }
        };
        assert_eq!(risk(1, 2).words(), "administrator (s1)");
        assert_eq!(risk(2, 2).words(), "administrator");
        assert_eq!(risk(6, 9).words(), "administrator (s1, s2, s3, s4, s5, s6)");
        assert_eq!(risk(9, 10).words(), "administrator (s1, s2, s3, s4, s5 … 4 more)");
        // The marker knows which of several it is.
        let plan = risky();
        let mut ranks: Vec<u32> = (0..)
            .zip(&plan.names.permission_sets)
            .map(|(rank, _)| rank)
            .collect();
        assert!(ranks.len() > 1);
        let marker = Marker::new(&plan);
        let name = plan.names.permission_sets[0].as_str();
        assert_eq!(
            words(&marker.of_grants(&ranks, &[])),
            format!("administrator ({name})")
        );
        ranks.truncate(1);
        assert_eq!(words(&marker.of_grants(&ranks, &[])), "administrator");
    }

    #[test]
    fn gains_grants_and_sets_are_marked_and_losses_are_not() {
        let plan = risky();
        let view = PlanView::new(&plan);
        let on_grants = "administrator, production (2 of 12 accounts), wide (12 accounts)";
        let assignments: Vec<String> = view.assignments.iter().map(|row| words(&row.risks)).collect();
        assert_eq!(assignments, [on_grants, ""]);
        let people: Vec<String> = view.people.iter().map(|line| words(&line.risks)).collect();
        let gains = "administrator, production (2 of 12 accounts), first access at all for 1 of 14, \
                     first access there for 3 of 14, wide (12 accounts)";
        assert_eq!(
            people.iter().filter(|text| *text == gains).count(),
            1,
            "{people:?}"
        );
        assert_eq!(
            people.iter().filter(|text| text.is_empty()).count(),
            people.len() - 1
        );
        let entity = view.entities.iter().find(|row| row.name == "admin").unwrap();
        // Its roles come or change in the twelve accounts; the policies before said nothing of the kind.
        let expected = "becomes administrator, production (2 of 12 accounts), wide (12 accounts)";
        assert_eq!(words(&entity.risks), expected);
    }
}
