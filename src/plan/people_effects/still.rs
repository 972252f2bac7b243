//! Which other sets people have where they lose one.

use rustc_hash::FxHashMap;

use super::{Membership, People};
use crate::model::access::Tuple;

/// Answers which other sets people have; built at the first question.
pub(super) struct Still<'a> {
    before: Side<'a>,
    after: Side<'a>,
}

impl<'a> Still<'a> {
    /// A row of more people × accounts than this is not asked about: the answer would be "none" nearly always,
    /// and the question costs a search each.
    const MOST_FACTS: usize = 2_000;

    pub fn new(people: &'a People<'a>, before: &'a [Tuple], after: &'a [Tuple]) -> Self {
        let side = |tuples, members| Side {
            people,
            tuples,
            members,
            principals_of: None,
        };
        Still {
            before: side(before, |membership| &membership.before),
            after: side(after, |membership| &membership.after),
        }
    }

    /// Ranks of sets other than `set` that all of `members` have in all of `accounts` afterwards, and those of them
    /// that they did not all have everywhere before.
    pub fn of(&mut self, set: u32, accounts: &[u32], members: &[u32]) -> (Vec<u32>, Vec<u32>) {
        if accounts.len() * members.len() > Self::MOST_FACTS {
            return Default::default();
        }
        let Some(first) = accounts.first() else {
            return Default::default();
        };
        let row = account_row(self.after.tuples, *first);
        let mut still: Vec<u32> = row.iter().map(|tuple| tuple.permission_set()).collect();
        still.dedup();
        still.retain(|candidate| *candidate != set && self.after.all_have(*candidate, accounts, members));
        let new = |candidate: &&u32| !self.before.all_have(**candidate, accounts, members);
        let gained = still.iter().filter(new).copied().collect();
        (still, gained)
    }
}

/// The relation and the memberships at one end of a plan.
struct Side<'a> {
    people: &'a People<'a>,
    tuples: &'a [Tuple],
    members: fn(&Membership) -> &Vec<u32>,
    principals_of: Option<FxHashMap<u32, Vec<u32>>>,
}

impl Side<'_> {
    /// Whether all these people have a set in all these accounts.
    fn all_have(&mut self, set: u32, accounts: &[u32], people: &[u32]) -> bool {
        let (all, members) = (self.people, self.members);
        let principals_of = self.principals_of.get_or_insert_with(|| {
            let mut of: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
            for (principal, membership) in (0_u32..).zip(&all.members) {
                for person in membership.iter().flat_map(members) {
                    of.entry(*person).or_default().push(principal);
                }
            }
            of
        });
        let has = |person: &u32, account: u32| {
            let principals = principals_of.get(person).map_or(&[][..], Vec::as_slice);
            principals.iter().any(|principal| {
                let tuple = Tuple::new(account, set, *principal);
                self.tuples.binary_search(&tuple).is_ok()
            })
        };
        accounts
            .iter()
            .all(|account| people.iter().all(|person| has(person, *account)))
    }
}

/// The tuples of one account.
fn account_row(tuples: &[Tuple], account: u32) -> &[Tuple] {
    let start = tuples.partition_point(|tuple| tuple.account() < account);
    let end = tuples.partition_point(|tuple| tuple.account() <= account);
    tuples.get(start..end).unwrap_or(&[])
}
