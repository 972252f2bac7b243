//! Grants of one reading in another: the same accounts, sets and principals have other ranks there.

use crate::model::access::{Access, Names, Pair, Tuple};

/// How ranks in one set of names translate to ranks in another, which may lack some.
pub struct Ranks {
    accounts: Vec<Option<u32>>,
    sets: Vec<Option<u32>>,
    principals: Vec<Option<u32>>,
}

impl Ranks {
    /// From `names` to `others`.
    pub fn new(names: &Names, others: &Names) -> Self {
        let accounts = names.accounts.iter().map(|key| others.account_rank(key));
        let sets = names
            .permission_sets
            .iter()
            .map(|name| others.permission_set_rank(name));
        let principals = names.principals.iter().map(|key| others.principal_rank(key));
        Ranks {
            accounts: accounts.collect(),
            sets: sets.collect(),
            principals: principals.collect(),
        }
    }

    /// The account and the set of a grant there, if it can be.
    pub fn pair(&self, tuple: Tuple) -> Option<Pair> {
        let at = |table: &[Option<u32>], rank: u32| table.get(rank as usize).copied().flatten();
        Some(Pair::new(
            at(&self.accounts, tuple.account())?,
            at(&self.sets, tuple.permission_set())?,
        ))
    }

    /// The same grant there, if it can be.
    pub fn tuple(&self, tuple: Tuple) -> Option<Tuple> {
        let at = |table: &[Option<u32>], rank: u32| table.get(rank as usize).copied().flatten();
        Some(Tuple::new(
            at(&self.accounts, tuple.account())?,
            at(&self.sets, tuple.permission_set())?,
            at(&self.principals, tuple.principal())?,
        ))
    }
}

/// For each of ascending tuples in `names`, its index and the tuple of `access` if it is there: one pass over both.
pub fn present<'t>(
    names: &Names,
    access: &'t Access,
    tuples: impl Iterator<Item = Tuple> + 't,
) -> impl Iterator<Item = (u32, Option<Tuple>)> + 't {
    let ranks = Ranks::new(names, &access.names);
    let mut rest = access.tuples.iter().copied().peekable();
    (0_u32..).zip(tuples).map(move |(index, tuple)| {
        let tuple = ranks.tuple(tuple);
        let found = tuple.filter(|tuple| {
            while rest.next_if(|other| other < tuple).is_some() {}
            rest.peek() == Some(tuple)
        });
        (index, found)
    })
}
