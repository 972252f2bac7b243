//! Who gains access to an account, or any access, for the first time.

use rustc_hash::FxHashMap;

use super::People;
use crate::model::access::Tuple;
use crate::plan::people::FirstAccess;

/// A set of accounts, a bit each by rank.
type Accounts = Box<[u64]>;

/// Answers who had no access before; built at the first question.
pub(super) struct First<'a> {
    people: &'a People<'a>,
    before: &'a [Tuple],
    reach: Option<Reach>,
}

/// Which accounts could be entered before, by person.
struct Reach {
    principals_of: FxHashMap<u32, Vec<u32>>,
    of_principal: Vec<Option<Accounts>>,
    /// Where groups had access of which nobody knows the members: anybody may have been among them.
    of_unreadable: Accounts,
    of_person: FxHashMap<u32, Accounts>,
}

impl<'a> First<'a> {
    pub fn new(people: &'a People<'a>, before: &'a [Tuple]) -> Self {
        First {
            people,
            before,
            reach: None,
        }
    }

    /// Of `members`, who gain a set in all of `accounts`: how many are new. Where nobody had access, everybody would
    /// be, which says nothing.
    pub fn of(&mut self, accounts: &[u32], members: &[u32]) -> FirstAccess {
        if self.before.is_empty() {
            return FirstAccess::default();
        }
        let (people, before) = (self.people, self.before);
        let words = people.principals.accounts.len().div_ceil(64);
        let reach = self
            .reach
            .get_or_insert_with(|| Reach::new(people, before, words));
        let row = bits(accounts.iter().copied(), words);
        let mut first = FirstAccess::default();
        for person in members {
            let had = reach.of(*person);
            let new = row.iter().zip(had).any(|(row, had)| row & !had != 0);
            first.to_account += u64::from(new);
            first.at_all += u64::from(had.iter().all(|word| *word == 0));
        }
        first
    }
}

impl Reach {
    fn new(people: &People<'_>, before: &[Tuple], words: usize) -> Self {
        let mut of_principal: Vec<Option<Accounts>> = vec![None; people.members.len()];
        for tuple in before {
            if let Some(slot) = of_principal.get_mut(tuple.principal() as usize) {
                set(slot.get_or_insert_with(|| bits([], words)), tuple.account());
            }
        }
        let mut principals_of: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
        let mut of_unreadable = bits([], words);
        for ((principal, members), accounts) in (0_u32..).zip(&people.members).zip(&of_principal) {
            let Some(accounts) = accounts else { continue };
            match members {
                Some(members) => {
                    for person in &members.before {
                        principals_of.entry(*person).or_default().push(principal);
                    }
                }
                None => join(&mut of_unreadable, accounts),
            }
        }
        Reach {
            principals_of,
            of_principal,
            of_unreadable,
            of_person: FxHashMap::default(),
        }
    }

    fn of(&mut self, person: u32) -> &[u64] {
        let Reach {
            principals_of,
            of_principal,
            of_unreadable,
            of_person,
        } = self;
        of_person.entry(person).or_insert_with(|| {
            let mut all = of_unreadable.clone();
            for principal in principals_of.get(&person).into_iter().flatten() {
                if let Some(Some(accounts)) = of_principal.get(*principal as usize) {
                    join(&mut all, accounts);
                }
            }
            all
        })
    }
}

fn bits(ranks: impl IntoIterator<Item = u32>, words: usize) -> Accounts {
    let mut bits = vec![0; words].into_boxed_slice();
    for rank in ranks {
        set(&mut bits, rank);
    }
    bits
}

fn set(bits: &mut Accounts, rank: u32) {
    if let Some(word) = bits.get_mut(rank as usize / 64) {
        *word |= 1 << (rank % 64);
    }
}

fn join(all: &mut Accounts, more: &Accounts) {
    for (word, more) in all.iter_mut().zip(more) {
        *word |= more;
    }
}
