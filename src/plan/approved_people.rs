//! The people an approval covers, and who newly gains what it does not.
//!
//! Who gains a risk-marked set is part of what is approved. Whoever joins a group since then gains it by the same
//! steps, and nobody has looked at that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName, PrincipalKey, UserName};
use crate::model::approved::ApprovedRow;

use super::Plan;
use super::digest;
use super::people::PeopleChange;

/// The people that a plan's digest covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedPeople {
    /// The plan's digest.
    pub digest: Arc<str>,
    /// Its digest without people.
    pub steps: Arc<str>,
    /// Who gains what, as far as it is covered.
    pub rows: Vec<ApprovedRow>,
}

/// Somebody who newly gains access that an approval does not cover.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewlyGaining {
    /// Who; `None` when nobody can tell, or when there are too many to be named.
    pub person: Option<UserName>,
    /// Which set.
    pub permission_set: PermissionSetName,
    /// Where.
    pub accounts: Vec<AccountKey>,
    /// Through whom.
    pub via: BTreeSet<PrincipalKey>,
}

impl ApprovedPeople {
    /// What the digest of a plan covers of its people.
    pub fn of(plan: &Plan) -> Self {
        let covered = plan.people.rows.iter().filter(|row| plan.risks.covers(plan, row));
        let rows = covered.filter_map(|row| {
            let unnamed = row.everyone.is_some() || row.change == PeopleChange::Unknown;
            let accounts = row.accounts.iter();
            let accounts = accounts.filter_map(|rank| plan.names.account(*rank).cloned());
            Some(ApprovedRow {
                people: if unnamed { Vec::new() } else { row.people.clone() },
                everyone: row.everyone.clone(),
                permission_set: plan.names.permission_set(row.permission_set)?.clone(),
                accounts: accounts.collect(),
                via: row.via.clone(),
            })
        });
        let becoming = plan.risks.covered_becoming().iter().map(|row| {
            let accounts = row.accounts.iter();
            let accounts = accounts.filter_map(|rank| plan.names.account(*rank).cloned());
            ApprovedRow {
                people: if row.everyone.is_some() {
                    Vec::new()
                } else {
                    row.people.clone()
                },
                everyone: row.everyone.clone(),
                permission_set: row.permission_set.clone(),
                accounts: accounts.collect(),
                via: [row.via.clone()].into(),
            }
        });
        ApprovedPeople {
            digest: plan.digest.clone(),
            steps: digest::steps(plan),
            rows: rows.chain(becoming).collect(),
        }
    }

    /// Who gains what is covered now, and was not when this was approved. Ascending.
    pub fn newly_gaining(&self, now: &ApprovedPeople) -> Vec<NewlyGaining> {
        now.not_in(&self.rows)
    }

    /// Who gains what is covered, and does not in rows that were approved. Ascending.
    pub fn not_in(&self, approved: &[ApprovedRow]) -> Vec<NewlyGaining> {
        let known = Known::new(approved);
        let mut found: Vec<NewlyGaining> = self.rows.iter().flat_map(|row| known.news_of(row)).collect();
        found.sort();
        found
    }
}

/// What is approved, by person.
struct Known<'a> {
    gains: BTreeMap<(&'a UserName, &'a PermissionSetName), BTreeSet<&'a AccountKey>>,
    /// By group, where nobody could tell who is in it.
    unread: BTreeMap<(&'a PrincipalKey, &'a PermissionSetName), BTreeSet<&'a AccountKey>>,
    /// By the hash of all names: rows of too many people.
    crowds: BTreeMap<(&'a str, &'a PermissionSetName), BTreeSet<&'a AccountKey>>,
}

impl<'a> Known<'a> {
    fn new(approved: &'a [ApprovedRow]) -> Self {
        let mut known = Known {
            gains: BTreeMap::new(),
            unread: BTreeMap::new(),
            crowds: BTreeMap::new(),
        };
        for row in approved {
            let set = &row.permission_set;
            for person in &row.people {
                known
                    .gains
                    .entry((person, set))
                    .or_default()
                    .extend(&row.accounts);
            }
            match &row.everyone {
                Some(hash) => known
                    .crowds
                    .entry((&**hash, set))
                    .or_default()
                    .extend(&row.accounts),
                None if row.people.is_empty() => {
                    for via in &row.via {
                        known.unread.entry((via, set)).or_default().extend(&row.accounts);
                    }
                }
                None => {}
            }
        }
        known
    }

    /// What of a row is new.
    fn news_of(&self, row: &ApprovedRow) -> Vec<NewlyGaining> {
        let news = |person: Option<&UserName>, accounts: Vec<AccountKey>| {
            (!accounts.is_empty()).then(|| NewlyGaining {
                person: person.cloned(),
                permission_set: row.permission_set.clone(),
                accounts,
                via: row.via.clone(),
            })
        };
        let set = &row.permission_set;
        if let Some(hash) = &row.everyone {
            let known = self.crowds.get(&(&**hash, set));
            return news(None, lacking(row, known)).into_iter().collect();
        }
        if row.people.is_empty() {
            let new = row
                .via
                .iter()
                .flat_map(|via| lacking(row, self.unread.get(&(via, set))));
            let new: BTreeSet<AccountKey> = new.collect();
            return news(None, new.into_iter().collect()).into_iter().collect();
        }
        let of_person = |person| news(Some(person), lacking(row, self.gains.get(&(person, set))));
        row.people.iter().filter_map(of_person).collect()
    }
}

fn lacking(row: &ApprovedRow, known: Option<&BTreeSet<&AccountKey>>) -> Vec<AccountKey> {
    let new = row.accounts.iter();
    let new = new.filter(|account| !known.is_some_and(|known| known.contains(account)));
    new.cloned().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, GroupName};

    fn account(n: u64) -> AccountKey {
        AccountKey::Id(AccountId::new(format!("{n:012}")).unwrap())
    }

    fn row(people: &[&str], everyone: Option<&str>, accounts: &[u64]) -> ApprovedRow {
        ApprovedRow {
            people: people.iter().map(|name| UserName::new(*name).unwrap()).collect(),
            everyone: everyone.map(Arc::from),
            permission_set: PermissionSetName::new("admin").unwrap(),
            accounts: accounts.iter().map(|n| account(*n)).collect(),
            via: [PrincipalKey::Group(GroupName::new("ops").unwrap())].into(),
        }
    }

    /// Who is new, and in how many accounts.
    fn news(approved: &[ApprovedRow], now: &[ApprovedRow]) -> Vec<(String, usize)> {
        let people = |rows: &[ApprovedRow]| ApprovedPeople {
            digest: "d".into(),
            steps: "s".into(),
            rows: rows.to_vec(),
        };
        let found = people(approved).newly_gaining(&people(now));
        let shown = |new: &NewlyGaining| new.person.as_ref().map_or("?".to_owned(), ToString::to_string);
        found.iter().map(|new| (shown(new), new.accounts.len())).collect()
    }

    #[test]
    fn only_who_was_not_approved_there_is_new() {
        let one = row(&["ada"], None, &[1, 2]);
        assert_eq!(
            news(std::slice::from_ref(&one), &[row(&["ada", "bob"], None, &[1, 2])]),
            [("bob".into(), 2)]
        );
        assert_eq!(
            news(std::slice::from_ref(&one), &[row(&["ada"], None, &[2, 3])]),
            [("ada".into(), 1)]
        );
        assert_eq!(
            news(
                &[row(&["ada", "bob"], None, &[1, 2, 3])],
                std::slice::from_ref(&one)
            ),
            []
        );
        // Two rows say together what one says.
        assert_eq!(
            news(&[row(&["ada"], None, &[1]), row(&["ada"], None, &[2])], &[one]),
            []
        );
    }

    #[test]
    fn too_many_people_must_be_the_same_people() {
        let crowd = |hash| row(&[], Some(hash), &[1]);
        assert_eq!(news(&[crowd("a")], &[crowd("a")]), []);
        assert_eq!(news(&[crowd("a")], &[crowd("b")]), [("?".into(), 1)]);
        assert_eq!(
            news(&[row(&["ada"], None, &[1])], &[crowd("b")]),
            [("?".into(), 1)]
        );
    }

    #[test]
    fn a_group_that_could_not_be_read_was_approved_as_such() {
        let unread = row(&[], None, &[1]);
        assert_eq!(
            news(std::slice::from_ref(&unread), std::slice::from_ref(&unread)),
            []
        );
        assert_eq!(
            news(&[row(&["ada"], None, &[1])], std::slice::from_ref(&unread)),
            [("?".into(), 1)]
        );
        assert_eq!(news(&[unread], &[row(&["ada"], None, &[1])]), [("ada".into(), 1)]);
    }
}
