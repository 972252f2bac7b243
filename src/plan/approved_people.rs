//! The people an approval covers, and who newly gains what it does not.
//!
//! Who gains a risk-marked set is part of what is approved, and so is who has one of which the plan changes the policies.
//! Whoever joins a group since then gains it by the same steps, and nobody has looked at that.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName, PrincipalKey, UserName};
use crate::model::approved::ApprovedRow;

use super::Plan;
use super::digest;
use super::people::{Crowds, PeopleChange};
use super::people_effects::hash_of_crowd;

/// The people that a plan's digest covers.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedPeople {
    /// The plan's digest.
    pub digest: Arc<str>,
    /// Its digest without people.
    pub steps: Arc<str>,
    /// Who gains what, as far as it is covered.
    pub rows: Vec<ApprovedRow>,
    /// What the sets allow that others describe and of which the plan gives something, as a hash.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub looked_up: BTreeMap<PermissionSetName, Arc<str>>,
    /// The accounts that are production.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub production: BTreeSet<AccountKey>,
    /// Those of them in which the plan gives something.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub given_in_production: BTreeSet<AccountKey>,
}

/// Somebody who newly gains access that an approval does not cover.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct NewlyGaining {
    /// Who; `None` when nobody can tell, or when they are too many and not named.
    pub person: Option<UserName>,
    /// Which set.
    pub permission_set: PermissionSetName,
    /// Where.
    pub accounts: Arc<[AccountKey]>,
    /// Through whom.
    pub via: BTreeSet<PrincipalKey>,
}

impl ApprovedPeople {
    /// What the digest of a plan covers of its people.
    pub fn of(plan: &Plan) -> Self {
        let covered = plan.people.rows.iter().filter(|row| plan.risks.covers(plan, row));
        let rows = covered.filter_map(|row| {
            let unknown = row.change == PeopleChange::Unknown;
            Some(ApprovedRow {
                people: if unknown { Vec::new() } else { row.people.clone() },
                everyone: row.everyone.clone(),
                permission_set: plan.names.permission_set(row.permission_set)?.clone(),
                accounts: accounts_of(plan, &row.accounts),
                via: row.via.clone(),
            })
        });
        let having = plan.risks.covered_becoming().into_iter();
        let having = having.map(|row| ApprovedRow {
            people: row.people.clone(),
            everyone: row.everyone.clone(),
            permission_set: row.permission_set.clone(),
            accounts: accounts_of(plan, &row.accounts),
            via: [row.via.clone()].into(),
        });
        let mut rows: Vec<ApprovedRow> = rows.chain(having).collect();
        name_crowds(&mut rows, [&plan.people.crowds, &plan.risks.crowds]);
        let given: Vec<u32> = plan.risks.given_in_production(plan).into_iter().collect();
        ApprovedPeople {
            digest: plan.digest.clone(),
            steps: digest::steps(plan),
            rows,
            looked_up: plan.risks.looked_up.clone(),
            production: accounts_of(plan, &plan.risks.production).into_iter().collect(),
            given_in_production: accounts_of(plan, &given).into_iter().collect(),
        }
    }

    /// Sets of others that allow something else now than when this was approved. One of which nothing was given then says
    /// nothing: who gains it now is told as that.
    pub fn changed_since<'n>(&self, now: &'n ApprovedPeople) -> Vec<&'n PermissionSetName> {
        let now = now.looked_up.iter();
        let was = |name| self.looked_up.get(name);
        let changed = now.filter(|(name, hash)| was(*name).is_some_and(|was| was != *hash));
        changed.map(|(name, _)| name).collect()
    }

    /// The accounts in which something is given that are production now, and were not when this was approved.
    pub fn newly_production<'n>(&self, now: &'n ApprovedPeople) -> Vec<&'n AccountKey> {
        let now = now.given_in_production.iter();
        now.filter(|account| !self.production.contains(*account))
            .collect()
    }

    /// Who gains what is covered now, and was not when this was approved. Ascending.
    pub fn newly_gaining(&self, now: &ApprovedPeople) -> Vec<NewlyGaining> {
        now.not_in(&self.rows)
    }

    /// Who gains what is covered, and does not in rows that were approved. Ascending.
    pub fn not_in(&self, approved: &[ApprovedRow]) -> Vec<NewlyGaining> {
        let known = Known::new(approved);
        let crowds = crowds(&self.rows);
        let mut found = Vec::new();
        for row in &self.rows {
            known.news_of(row, &crowds, &mut found);
        }
        found.sort();
        // A set that is granted and changed at once has two rows of the same people.
        found.dedup();
        found
    }
}

/// Whether rows that were approved say by name who was approved, as far as anybody could tell: those that were written
/// before large crowds were named do not.
pub fn names_everyone(approved: &[ApprovedRow]) -> bool {
    let named = crowds(approved);
    let mut hashes = approved.iter().filter_map(|row| row.everyone.as_deref());
    hashes.all(|hash| named.contains_key(hash))
}

fn accounts_of(plan: &Plan, ranks: &[u32]) -> Vec<AccountKey> {
    let ranks = ranks.iter();
    ranks
        .filter_map(|rank| plan.names.account(*rank).cloned())
        .collect()
}

/// Names everyone of each crowd once, in its first row.
fn name_crowds(rows: &mut [ApprovedRow], crowds: [&Crowds; 2]) {
    let mut named: BTreeSet<Arc<str>> = BTreeSet::new();
    for row in rows {
        let Some(hash) = row.everyone.clone() else {
            continue;
        };
        let names = crowds.iter().find_map(|crowds| crowds.get(&hash));
        row.people = match names {
            Some(names) if named.insert(hash) => names.clone(),
            _ => Vec::new(),
        };
    }
}

/// The crowds of some rows, by the hash that stands for them. What has another hash is another crowd: rows may come
/// from a file, and what was looked at is the hash.
fn crowds(rows: &[ApprovedRow]) -> BTreeMap<&str, &[UserName]> {
    let named = rows.iter().filter_map(|row| {
        let hash = row.everyone.as_deref()?;
        let is_it = !row.people.is_empty() && *hash_of_crowd(row.people.iter()) == *hash;
        is_it.then_some((hash, &*row.people))
    });
    named.collect()
}

/// What is approved, by person. Rows go by their places.
struct Known<'a> {
    rows: &'a [ApprovedRow],
    gains: FxHashMap<(&'a UserName, &'a PermissionSetName), Vec<u32>>,
    /// By group, where nobody could tell who is in it.
    unread: BTreeMap<(&'a PrincipalKey, &'a PermissionSetName), Vec<u32>>,
    /// By the hash of all names: rows of too many people.
    crowds: BTreeMap<(&'a str, &'a PermissionSetName), Vec<u32>>,
}

impl<'a> Known<'a> {
    fn new(approved: &'a [ApprovedRow]) -> Self {
        let mut known = Known {
            rows: approved,
            gains: FxHashMap::default(),
            unread: BTreeMap::new(),
            crowds: BTreeMap::new(),
        };
        let named = crowds(approved);
        for (place, row) in (0..).zip(approved) {
            let set = &row.permission_set;
            let hash = row.everyone.as_deref();
            let people = hash.map_or(&*row.people, |hash| named.get(hash).copied().unwrap_or_default());
            for person in people {
                known.gains.entry((person, set)).or_default().push(place);
            }
            match hash {
                Some(hash) => known.crowds.entry((hash, set)).or_default().push(place),
                None if row.people.is_empty() => {
                    for via in &row.via {
                        known.unread.entry((via, set)).or_default().push(place);
                    }
                }
                None => {}
            }
        }
        known
    }

    /// Adds what of a row is new. `crowds` are those of the rows it belongs to.
    fn news_of(
        &self,
        row: &ApprovedRow,
        crowds: &BTreeMap<&str, &[UserName]>,
        found: &mut Vec<NewlyGaining>,
    ) {
        let mut news = |person: Option<&UserName>, accounts: Arc<[AccountKey]>| {
            if !accounts.is_empty() {
                found.push(NewlyGaining {
                    person: person.cloned(),
                    permission_set: row.permission_set.clone(),
                    accounts,
                    via: row.via.clone(),
                });
            }
        };
        let set = &row.permission_set;
        let mut people = &*row.people;
        if let Some(hash) = &row.everyone {
            let lacking = self.lacking(row, self.crowds.get(&(&**hash, set)));
            match crowds.get(&**hash) {
                Some(names) if !lacking.is_empty() => people = *names,
                _ => return news(None, lacking),
            }
        } else if people.is_empty() {
            let new = row.via.iter();
            let new = new.map(|via| self.lacking(row, self.unread.get(&(via, set))));
            let new: BTreeSet<AccountKey> = new.flat_map(|accounts| accounts.to_vec()).collect();
            return news(None, new.into_iter().collect());
        }
        // Most people were approved by the same rows.
        let mut answers: BTreeMap<&[u32], Arc<[AccountKey]>> = BTreeMap::new();
        for person in people {
            let rows = self.gains.get(&(person, set));
            let answer = answers.entry(rows.map_or(&[][..], Vec::as_slice));
            let lacking = answer.or_insert_with(|| self.lacking(row, rows));
            news(Some(person), Arc::clone(lacking));
        }
    }

    /// The accounts of a row that are in none of these rows.
    fn lacking(&self, row: &ApprovedRow, rows: Option<&Vec<u32>>) -> Arc<[AccountKey]> {
        let rows = rows.into_iter().flatten();
        let rows = rows.filter_map(|place| self.rows.get(*place as usize));
        let known: BTreeSet<&AccountKey> = rows.flat_map(|row| &row.accounts).collect();
        let new = row.accounts.iter().filter(|account| !known.contains(account));
        new.cloned().collect()
    }
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
            looked_up: BTreeMap::new(),
            production: BTreeSet::new(),
            given_in_production: BTreeSet::new(),
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
    fn who_was_one_of_many_was_approved() {
        let names = |from: usize, to: usize| -> Vec<UserName> {
            let mut names: Vec<UserName> = (from..to)
                .map(|n| UserName::new(format!("p{n:04}")).unwrap())
                .collect();
            names.sort();
            names
        };
        let crowd = |from: usize, to: usize, accounts: &[u64]| {
            let people = names(from, to);
            let hash = hash_of_crowd(people.iter());
            ApprovedRow {
                people,
                ..row(&[], Some(&hash), accounts)
            }
        };
        let approved = crowd(0, 1500, &[1, 2]);
        // Some of them have it by now, be it more or fewer than are named.
        assert_eq!(
            news(std::slice::from_ref(&approved), &[crowd(100, 1500, &[1])]),
            []
        );
        let few = ApprovedRow {
            people: names(1400, 1500),
            ..row(&[], None, &[2])
        };
        assert_eq!(news(std::slice::from_ref(&approved), &[few]), []);
        // One is new among many, and is told by name.
        assert_eq!(
            news(std::slice::from_ref(&approved), &[crowd(100, 1501, &[1, 2])]),
            [("p1500".into(), 2)]
        );
        assert_eq!(
            news(std::slice::from_ref(&approved), &[crowd(0, 1500, &[3])]).len(),
            1500
        );
        // A second row of a crowd is named by the first.
        let second = row(&[], approved.everyone.as_deref(), &[3]);
        assert_eq!(
            news(&[approved.clone(), second], &[row(&["p0007"], None, &[1, 3])]),
            []
        );
        // Names that are not those that were looked at count for nothing.
        let mut forged = approved.clone();
        forged.people.push(UserName::new("mallory").unwrap());
        assert_eq!(
            news(&[forged.clone()], &[row(&["mallory"], None, &[1])]),
            [("mallory".into(), 1)]
        );
        assert!(names_everyone(&[approved]) && !names_everyone(&[forged]));
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
