//! Two relations by permission set, so that each set can be worked out by itself, on any thread.

use std::collections::BTreeMap;

use crate::model::access::Tuple;

/// Account ranks of one principal and one set, before and after; shared because classes refer to them.
#[derive(Default, Clone)]
pub(super) struct Reach {
    pub(super) before: Vec<u32>,
    pub(super) after: Vec<u32>,
}

impl Reach {
    pub(super) fn changed(&self) -> bool {
        self.before != self.after
    }
}

/// Both relations by set.
pub(super) struct BySet {
    before: Buckets,
    after: Buckets,
}

impl BySet {
    /// Of the sets that are `touched` alone.
    pub(super) fn new(before: &[Tuple], after: &[Tuple], touched: &[bool]) -> Self {
        let (before, after) = rayon::join(|| Buckets::new(before, touched), || Buckets::new(after, touched));
        BySet { before, after }
    }

    /// Where each principal has a set.
    pub(super) fn reaches(&self, set: u32) -> BTreeMap<u32, Reach> {
        let mut reaches: BTreeMap<u32, Reach> = BTreeMap::new();
        for (principal, account) in self.before.of(set) {
            reaches.entry(principal).or_default().before.push(account);
        }
        for (principal, account) in self.after.of(set) {
            reaches.entry(principal).or_default().after.push(account);
        }
        reaches
    }
}

/// Principals and accounts of a relation's tuples, those of one set behind those of the set before it.
struct Buckets {
    /// For each set, where its own end.
    ends: Vec<usize>,
    pairs: Vec<(u32, u32)>,
}

impl Buckets {
    /// Counts first and places then, which takes two passes and no sorting.
    fn new(tuples: &[Tuple], touched: &[bool]) -> Self {
        let mut ends = vec![0_usize; touched.len()];
        let concerned = |tuple: &&Tuple| touched.get(tuple.permission_set() as usize) == Some(&true);
        for tuple in tuples.iter().filter(concerned) {
            if let Some(count) = ends.get_mut(tuple.permission_set() as usize) {
                *count += 1;
            }
        }
        let mut total = 0;
        for end in &mut ends {
            // For now where they begin; placing each moves it to the end.
            total += std::mem::replace(end, total);
        }
        let mut pairs = vec![(0, 0); total];
        for tuple in tuples.iter().filter(concerned) {
            let Some(place) = ends.get_mut(tuple.permission_set() as usize) else {
                continue;
            };
            if let Some(pair) = pairs.get_mut(*place) {
                *pair = (tuple.principal(), tuple.account());
            }
            *place += 1;
        }
        Buckets { ends, pairs }
    }

    /// The tuples of a set, accounts ascending.
    fn of(&self, set: u32) -> impl Iterator<Item = (u32, u32)> {
        let end = |set: Option<u32>| {
            set.and_then(|set| self.ends.get(set as usize))
                .copied()
                .unwrap_or(0)
        };
        let range = end(set.checked_sub(1))..end(Some(set));
        self.pairs.get(range).unwrap_or_default().iter().copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_has_its_own_tuples_and_untouched_sets_have_none() {
        let before = [Tuple::new(1, 0, 7), Tuple::new(1, 2, 7), Tuple::new(3, 2, 5)];
        let after = [Tuple::new(1, 2, 7), Tuple::new(2, 1, 9), Tuple::new(4, 2, 7)];
        let by_set = BySet::new(&before, &after, &[true, false, true]);
        let of = |set| -> Vec<(u32, Vec<u32>, Vec<u32>)> {
            let reaches = by_set.reaches(set).into_iter();
            reaches
                .map(|(principal, reach)| (principal, reach.before, reach.after))
                .collect()
        };
        assert_eq!(of(0), [(7, vec![1], vec![])]);
        assert_eq!(of(1), []);
        assert_eq!(of(2), [(5, vec![3], vec![]), (7, vec![1], vec![1, 4])]);
        assert_eq!(of(9), []);
    }
}
