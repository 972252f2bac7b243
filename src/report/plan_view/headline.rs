//! What a plan gives that nobody may overlook, in one sentence each: who comes to administer, who comes to a way to
//! more rights, who comes into production.

use std::collections::BTreeSet;
use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::id::{PrincipalKey, UserName};
use crate::plan::people::{Crowds, PeopleChange};
use crate::plan::risk::RiskMark;
use crate::report::wording::{self, counted, number};

use super::PlanView;
use super::altered::becomes_graver;
use super::risk::Risk;

/// How many names a headline has at hand.
const MOST_NAMES: usize = 20;

/// One sentence about all that a plan gives of one mark.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headline {
    /// Which mark.
    pub mark: RiskMark,
    /// They have it, and keep it for longer than it was to last.
    pub longer: bool,
    /// The first of those who gain, by user name.
    pub people: Vec<UserName>,
    /// How many gain.
    pub count: u64,
    /// The plan does not name all of them, and nobody can tell who of several rows is the same: they may be more.
    pub at_least: bool,
    /// Groups that get it and whose members cannot be read.
    pub unreadable: u64,
    /// In how many accounts.
    pub accounts: u64,
}

impl Headline {
    /// `1 person gains administrator access in 20 accounts`.
    pub fn words(&self) -> String {
        let mut who = Vec::new();
        if self.count > 0 {
            let least = if self.at_least { "at least " } else { "" };
            who.push(format!("{least}{}", wording::people(self.count)));
        }
        if self.unreadable > 0 {
            let groups = counted(self.unreadable, "group");
            who.push(format!("the members of {groups} that cannot be read"));
        }
        let verb = match (self.count, self.unreadable, self.longer) {
            (1, 0, false) => "gains",
            (.., false) => "gain",
            (1, 0, true) => "keeps",
            (.., true) => "keep",
        };
        let accounts = counted(self.accounts, "account");
        let what = match self.mark {
            RiskMark::Administrator => format!("administrator access in {accounts}"),
            RiskMark::PrivilegeEscalation => format!("a way to more rights in {accounts}"),
            RiskMark::RoleNotKnown => {
                format!("access by roles of which nobody knows what they allow in {accounts}")
            }
            RiskMark::Production => {
                let number = number(self.accounts);
                let plural = if self.accounts == 1 { "" } else { "s" };
                format!("access to {number} production account{plural}")
            }
            mark => format!("{} access in {accounts}", mark.word()),
        };
        let longer = if self.longer { " for longer" } else { "" };
        format!("{} {verb} {what}{longer}", who.join(" and "))
    }
}

#[derive(Default)]
struct Sum<'v> {
    people: FxHashSet<&'v UserName>,
    /// How many rows there are.
    rows: usize,
    /// Nobody knows how many one of them is about.
    uncounted: bool,
    /// The largest row of which not all are named.
    unnamed: u64,
    unreadable: BTreeSet<u32>,
    accounts: BTreeSet<u32>,
}

impl<'v> Sum<'v> {
    /// Takes in so many people, of whom some are named, and all where the plan names their crowd.
    fn row(&mut self, count: u64, named: &'v [UserName], crowd: Option<&'v Vec<UserName>>) {
        self.rows += 1;
        let named = crowd.map_or(named, Vec::as_slice);
        self.people.extend(named);
        if count > named.len() as u64 {
            self.unnamed = self.unnamed.max(count);
        }
    }

    /// Whether there may be more than are counted: one row alone says how many it is about.
    fn is_cut(&self) -> bool {
        self.uncounted || self.unnamed > 0 && self.rows > 1
    }
}

/// The headlines of a view, the gravest first.
pub fn headlines(view: &PlanView<'_>) -> Vec<Headline> {
    let marks = [
        RiskMark::Administrator,
        RiskMark::PrivilegeEscalation,
        RiskMark::Sensitive,
        RiskMark::RoleNotKnown,
        RiskMark::Production,
    ];
    let kinds = marks.into_iter().flat_map(|mark| [(mark, false), (mark, true)]);
    kinds
        .filter_map(|(mark, longer)| {
            let sum = if longer {
                kept_longer(view, mark)
            } else {
                sum(view, mark)
            };
            let at_least = sum.is_cut();
            let mut people: Vec<&UserName> = sum.people.into_iter().collect();
            people.sort_unstable();
            let found = Headline {
                mark,
                longer,
                people: people.iter().take(MOST_NAMES).copied().cloned().collect(),
                count: sum.unnamed.max(people.len() as u64),
                at_least,
                unreadable: sum.unreadable.len() as u64,
                accounts: sum.accounts.len() as u64,
            };
            (found.count > 0 || found.unreadable > 0).then_some(found)
        })
        .collect()
}

/// Those who have it and keep it for longer.
fn kept_longer<'v>(view: &'v PlanView<'_>, mark: RiskMark) -> Sum<'v> {
    let production = &view.plan.risks.production;
    let counts = |rank: &&u32| mark != RiskMark::Production || production.binary_search(rank).is_ok();
    let lines = view
        .people
        .iter()
        .filter(|line| line.change == PeopleChange::KeepsLonger);
    let mut sum = Sum::default();
    for line in lines.filter(|line| line.risks.iter().any(|risk| risk.mark == mark)) {
        match line.count {
            0 => {
                let groups = line
                    .via
                    .iter()
                    .filter_map(|key| view.plan.names.principal_rank(key));
                sum.unreadable.extend(groups);
            }
            count => sum.row(
                count,
                &line.people,
                crowd(&view.plan.people.crowds, line.everyone.as_ref()),
            ),
        }
        sum.accounts
            .extend(marked_accounts(&line.risks, mark, &line.accounts).filter(counts));
    }
    sum
}

/// The accounts of a line that a mark is about: where it is what their roles hold alone, those.
fn marked_accounts<'v>(risks: &'v [Risk], mark: RiskMark, all: &'v [u32]) -> impl Iterator<Item = &'v u32> {
    let own = || risks.iter().filter(move |risk| risk.mark == mark);
    let by_roles = own().all(|risk| risk.role.is_some());
    let roles = own().filter_map(|risk| risk.role.as_ref());
    let there = roles.flat_map(|role| &role.accounts).filter(move |_| by_roles);
    all.iter().filter(move |_| !by_roles).chain(there)
}

fn sum<'v>(view: &'v PlanView<'_>, mark: RiskMark) -> Sum<'v> {
    let has = |risks: &[Risk]| risks.iter().any(|risk| risk.mark == mark);
    let production = &view.plan.risks.production;
    let counts = |rank: &&u32| mark != RiskMark::Production || production.binary_search(rank).is_ok();
    let mut sum = Sum::default();
    let gains = view
        .people
        .iter()
        .filter(|line| line.change == PeopleChange::Gains);
    for line in gains.filter(|line| has(&line.risks)) {
        sum.row(
            line.count,
            &line.people,
            crowd(&view.plan.people.crowds, line.everyone.as_ref()),
        );
        sum.accounts
            .extend(marked_accounts(&line.risks, mark, &line.accounts).filter(counts));
    }
    let unreadable = |rank: &u32| match view.labels.principal(*rank) {
        Some(PrincipalKey::Group(name)) => view.plan.people.unreadable.contains(name),
        _ => false,
    };
    let grants = view.assignments.iter().filter(|row| row.change.is_grant());
    for row in grants.filter(|row| has(&row.risks)) {
        let groups: Vec<u32> = row.principals.iter().copied().filter(unreadable).collect();
        if !groups.is_empty() {
            sum.unreadable.extend(groups);
            sum.accounts
                .extend(marked_accounts(&row.risks, mark, &row.accounts).filter(counts));
        }
    }
    becoming(view, mark, &mut sum);
    sum
}

/// Those whose permission set the plan turns into it.
fn becoming<'v>(view: &'v PlanView<'_>, mark: RiskMark, sum: &mut Sum<'v>) {
    let risks = &view.plan.risks;
    let is_it = |set| risks.sets.get(set).and_then(|risk| risk.mark()) == Some(mark);
    // Roles that get more than they hold now.
    let roles = risks
        .altered
        .iter()
        .filter(|set| set.after == Some(mark) && becomes_graver(set));
    let roles = roles.filter(|set| {
        !risks
            .becoming
            .iter()
            .any(|row| row.permission_set == set.permission_set)
    });
    let becoming = risks.becoming.iter().filter(|row| is_it(&row.permission_set));
    for row in becoming.chain(roles.flat_map(|set| &set.through)) {
        if row.people.is_empty() {
            continue;
        }
        let crowd = crowd(&risks.crowds, row.everyone.as_ref());
        // Of a crowd that is not at hand nobody knows more than that not all are named.
        sum.uncounted |= row.everyone.is_some() && crowd.is_none();
        sum.row(row.people.len() as u64, &row.people, crowd);
        sum.accounts.extend(&row.accounts);
    }
}

/// Everyone of a row that does not name everyone.
fn crowd<'v>(crowds: &'v Crowds, everyone: Option<&Arc<str>>) -> Option<&'v Vec<UserName>> {
    crowds.get(everyone?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupName;
    use crate::plan::Plan;
    use crate::report::plan_view::tests::{administers, small};

    fn administrating() -> Plan {
        let mut plan = small();
        administers(&mut plan, 0);
        plan
    }

    #[test]
    fn who_comes_to_administer_is_one_sentence() {
        let words = |plan: &Plan| -> Vec<String> {
            let view = PlanView::new(plan);
            view.headlines.iter().map(Headline::words).collect()
        };
        assert!(words(&small()).is_empty());
        let mut plan = administrating();
        plan.risks.production = vec![0, 1];
        assert_eq!(
            words(&plan),
            [
                "14 people gain administrator access in 12 accounts",
                "14 people gain access to 2 production accounts"
            ]
        );
        plan.risks.production.clear();
        plan.people.unreadable.insert(GroupName::new("platform").unwrap());
        plan.people.rows.retain(|row| row.count != 14);
        assert_eq!(
            words(&plan),
            ["the members of 1 group that cannot be read gain administrator access in 12 accounts"]
        );
    }

    #[test]
    fn a_number_is_a_least_one_only_where_nobody_knows_the_whole() {
        let words = |plan: &Plan| PlanView::new(plan).headlines[0].words();
        let names = |from: usize, to: usize| -> Vec<UserName> {
            let all = from..to;
            all.map(|n| UserName::new(format!("p{n:04}")).unwrap()).collect()
        };
        let row = |plan: &mut Plan, at: usize, (from, to): (usize, usize), hash: &str| {
            let people = &mut plan.people;
            people.rows[at].people = names(from, from + 1000);
            people.rows[at].count = (to - from) as u64;
            people.rows[at].everyone = Some(hash.into());
            people.crowds.insert(hash.into(), names(from, to));
        };
        let mut plan = administrating();
        row(&mut plan, 0, (0, 1200), "h");
        let exactly = "1,200 people gain administrator access in 12 accounts";
        assert_eq!(words(&plan), exactly);
        // One row says how many it is about, named or not.
        plan.people.crowds.clear();
        assert_eq!(words(&plan), exactly);
        // Who is in two rows counts once; who is in both is known by name alone.
        let mut second = plan.people.rows[0].clone();
        second.accounts = vec![0];
        second.via.clear();
        plan.people.rows.insert(1, second);
        row(&mut plan, 0, (0, 1200), "h");
        row(&mut plan, 1, (100, 1250), "i");
        assert_eq!(
            words(&plan),
            "1,250 people gain administrator access in 12 accounts"
        );
        plan.people.crowds.clear();
        assert!(words(&plan).starts_with("at least "), "{}", words(&plan));
    }
}
