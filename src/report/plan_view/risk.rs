//! Marks on what people should look at twice, for people lines, assignments and entities.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{PermissionSetName, PrincipalKey};
use crate::model::access::{Pair, Tuple};
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
    /// For what the roles of these sets hold in some accounts, where the sets say something else.
    pub role: Option<RoleNote>,
}

/// Why a role counts in place of its set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleNote {
    /// It holds what the set was before.
    pub behind: bool,
    /// Somebody edited it in the account.
    pub edited: bool,
    /// What it holds is known.
    pub known: bool,
    /// The line is about no other set.
    pub alone: bool,
    /// Ranks of the accounts where it is so; none where the line says where.
    pub accounts: Vec<u32>,
}

impl RoleNote {
    /// `administrator: its role still holds what ops allowed before`, given the mark's word and the names of the sets.
    fn words(&self, word: &str, sets: &str) -> String {
        let whose = match self.alone {
            true => "its role".to_owned(),
            false => format!("the role of {sets}"),
        };
        match (self.known, self.behind, self.edited) {
            (true, true, false) => format!("{word}: {whose} still holds what {sets} allowed before"),
            (true, true, true) => {
                format!(
                    "{word}: {whose} still holds what {sets} allowed before, and was edited in the account"
                )
            }
            (true, false, _) => format!("{word}: {whose} was edited in the account"),
            (false, true, _) => format!("not known what {whose} still allows"),
            (false, false, _) => format!("not known what {whose} allows: it was edited in the account"),
        }
    }
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
        if let Some(role) = &self.role {
            let sets: Vec<&str> = self.sets.iter().map(PermissionSetName::as_str).collect();
            let what = role.words(word, &names(&sets, MOST_SETS));
            return format!("{what}{}", of("account"));
        }
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
            RiskMark::RoleNotKnown => word.to_owned(),
            RiskMark::FirstAccessAtAll | RiskMark::FirstAccess => people(word),
            RiskMark::WideReach => format!("{word} ({})", counted(self.count, "account")),
        }
    }

    /// The sets that it is about, where the line has others too.
    pub fn some_sets(&self) -> &[PermissionSetName] {
        if let Some(role) = &self.role {
            return if role.alone { &[] } else { &self.sets };
        }
        match self.count == self.of {
            true => &[],
            false => &self.sets,
        }
    }
}

/// How grave marks are together: a greater number is graver. A mark outweighs all those behind it.
pub fn gravity(risks: &[Risk]) -> u8 {
    let bits = risks.iter().map(|risk| match risk.mark {
        RiskMark::Administrator => 128,
        RiskMark::PrivilegeEscalation => 64,
        RiskMark::Sensitive => 32,
        RiskMark::RoleNotKnown => 16,
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
        let mut risks = self.of_sets(sets, accounts);
        risks.extend(self.of_roles(sets, accounts, &|_| true));
        risks.sort();
        risks
    }

    /// The marks of giving these sets in these accounts to who is in these groups, or is named.
    pub fn of_access(&self, sets: &[u32], accounts: &[u32], via: &[PrincipalKey]) -> Vec<Risk> {
        let mut risks = self.of_sets(sets, accounts);
        let principals = via.iter().map(|key| self.plan.names.principal_rank(key));
        let principals: Vec<Option<u32>> = principals.collect();
        let is_granted = |pair: Pair| {
            let mut principals = principals.iter();
            principals.all(|principal| principal.is_some_and(|principal| self.grants(pair, principal)))
        };
        risks.extend(self.of_roles(sets, accounts, &is_granted));
        risks.sort();
        risks
    }

    /// Whether the plan grants a set in an account to a principal.
    fn grants(&self, pair: Pair, principal: u32) -> bool {
        let tuple = Tuple::new(pair.account(), pair.permission_set(), principal);
        self.plan.grant(tuple).is_some_and(|step| !step.blocked)
    }

    /// The marks of roles that hold more than these sets say in these accounts. What `is_granted` comes by a grant, which
    /// brings the role what the set is.
    fn of_roles(&self, sets: &[u32], accounts: &[u32], is_granted: &dyn Fn(Pair) -> bool) -> Vec<Risk> {
        type Alike = (RiskMark, bool, bool, bool);
        type Roles<'p> = (BTreeSet<u32>, BTreeSet<u32>, BTreeSet<&'p Arc<str>>);
        let mut alike: BTreeMap<Alike, Roles<'_>> = BTreeMap::new();
        let concerned = self.plan.risks.roles.iter().filter(|role| {
            sets.contains(&role.pair.permission_set()) && accounts.contains(&role.pair.account())
        });
        for role in concerned.filter(|role| role.edited || !is_granted(role.pair)) {
            let Some(mark) = role.mark() else { continue };
            let key = (mark, role.behind, role.edited, role.holds.is_some());
            let (of, in_accounts, because) = alike.entry(key).or_default();
            of.insert(role.pair.permission_set());
            in_accounts.insert(role.pair.account());
            because.extend(role.holds.iter().flat_map(|risk| &risk.judged.because));
        }
        let risks = alike.into_iter().map(|(key, (of, in_accounts, because))| {
            let (mark, behind, edited, known) = key;
            let names = of.iter().filter_map(|rank| self.plan.names.permission_set(*rank));
            Risk {
                mark,
                count: in_accounts.len() as u64,
                of: accounts.len() as u64,
                because: because.into_iter().cloned().collect(),
                becomes: false,
                holders: None,
                sets: names.cloned().collect(),
                role: Some(RoleNote {
                    behind,
                    edited,
                    known,
                    alone: sets.len() == 1,
                    accounts: in_accounts.into_iter().collect(),
                }),
            }
        });
        risks.collect()
    }

    fn of_sets(&self, sets: &[u32], accounts: &[u32]) -> Vec<Risk> {
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
                    role: None,
                });
            }
        }
        risks.extend(self.of_accounts(accounts));
        risks
    }

    /// The marks of people who gain.
    pub fn of_people(
        &self,
        (sets, accounts): (&[u32], &[u32]),
        via: &[PrincipalKey],
        first: FirstAccess,
        people: u64,
    ) -> Vec<Risk> {
        let mut risks = self.of_access(sets, accounts, via);
        let mut add = |mark, count| {
            risks.push(Risk {
                mark,
                count,
                of: people,
                because: Vec::new(),
                becomes: false,
                holders: None,
                sets: Vec::new(),
                role: None,
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
            role: None,
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
                role: None,
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
                role: None,
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
