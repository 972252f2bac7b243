//! Assignment blocks for a relation: few products of principals × permission sets × accounts that cover exactly the
//! given grants.
//!
//! The smallest number of such products is hard to find (it is a cover by maximal bicliques, which is NP-hard
//! already with two dimensions), so this tries two heuristics, both deterministic, and whoever writes the blocks
//! takes the cover that is shortest to read:
//!
//! 1. *Merging*: grants are joined along one dimension after another wherever the other two are equal, in each of
//!    the six orders of the dimensions. Exact for relations made of products that share no pair of dimensions;
//!    several blocks too many where products overlap.
//! 2. *Greedy*: out of the maximal products over the accounts that some (principal, set) pair has, the one that
//!    covers the most grants not yet covered is taken until none is left; products that turn out superfluous
//!    go. Finds overlapping products; by the usual bound for greedy covers it is at worst a logarithmic factor
//!    above the best choice among those candidates. It is left out where its tables would get too large.
//!
//! Neither finds a product whose accounts no pair has alone, as of two blocks that overlap for every pair.

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};

use rustc_hash::FxHashMap;

/// One grant: account, permission set, principal, as ranks.
pub(super) type Grant = [u32; 3];

/// A product. Its lists ascend.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Product {
    /// Accounts, permission sets and principals.
    pub sides: [Vec<u32>; 3],
}

/// Beyond so many comparisons the greedy cover is left out.
const MOST_WORK: usize = 40_000_000;

/// Covers to choose from: each has every grant and nothing else, in ascending order of principals, sets and
/// accounts of its products.
pub(super) fn covers(grants: &[Grant]) -> Vec<Vec<Product>> {
    let orders = [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]];
    let merged = orders.iter().map(|order| merge_in_order(grants, *order));
    let mut found: Vec<Vec<Product>> = merged.chain(greedy(grants)).collect();
    for products in &mut found {
        products.sort_by(|left, right| {
            let key = |product: &Product| {
                let [accounts, sets, principals] = &product.sides;
                (principals.clone(), sets.clone(), accounts.clone())
            };
            key(left).cmp(&key(right))
        });
    }
    found.sort();
    found.dedup();
    // Far more blocks than another has are not worth a closer look.
    let least = found.iter().map(Vec::len).min().unwrap_or(0);
    found.retain(|products| products.len() <= 3 * least + 10);
    found
}

/// Joins grants along the first dimension, then the products along the second and the third.
fn merge_in_order(grants: &[Grant], [first, second, third]: [usize; 3]) -> Vec<Product> {
    let at = |grant: &Grant, side: usize| grant.get(side).copied().unwrap_or(0);
    let cells = grants
        .iter()
        .map(|grant| ([at(grant, third), at(grant, second)], at(grant, first)));
    let mut rows = Lists::default();
    let in_rows = rows
        .gather(cells.collect())
        .into_iter()
        .map(|([third, second], row)| ([row, third], second));
    let mut planes = Lists::default();
    let in_planes = planes
        .gather(in_rows.collect())
        .into_iter()
        .map(|([row, third], plane)| ([row, plane], third));
    let mut depths = Lists::default();
    let products = depths.gather(in_planes.collect());
    products
        .into_iter()
        .map(|([row, plane], depth)| {
            let mut sides = [const { Vec::new() }; 3];
            for (side, list) in [
                (first, rows.get(row)),
                (second, planes.get(plane)),
                (third, depths.get(depth)),
            ] {
                if let Some(place) = sides.get_mut(side) {
                    *place = list;
                }
            }
            Product { sides }
        })
        .collect()
}

/// Lists of numbers, each once.
#[derive(Default)]
struct Lists {
    lists: Vec<Vec<u32>>,
    known: FxHashMap<Vec<u32>, u32>,
}

impl Lists {
    /// For each distinct key, the number of the list of what stands behind it.
    fn gather(&mut self, mut pairs: Vec<([u32; 2], u32)>) -> Vec<([u32; 2], u32)> {
        pairs.sort_unstable();
        pairs.dedup();
        let runs = pairs.chunk_by(|left, right| left.0 == right.0);
        runs.filter_map(|run| {
            let (key, _) = run.first()?;
            Some((*key, self.number(run.iter().map(|(_, value)| *value).collect())))
        })
        .collect()
    }

    fn number(&mut self, list: Vec<u32>) -> u32 {
        let next = u32::try_from(self.lists.len()).unwrap_or(u32::MAX);
        *self.known.entry(list).or_insert_with_key(|list| {
            self.lists.push(list.clone());
            next
        })
    }

    fn get(&self, number: u32) -> Vec<u32> {
        self.lists.get(number as usize).cloned().unwrap_or_default()
    }
}

/// A set of accounts as bits over classes of accounts that always go together.
type Bits = Vec<u64>;

fn within(inner: &[u64], outer: &[u64]) -> bool {
    inner.iter().zip(outer).all(|(inner, outer)| inner & !outer == 0)
}

/// The relation as (set, principal) pairs with the accounts that each has.
struct Table {
    /// Accounts by class.
    classes: Vec<Vec<u32>>,
    /// Pairs, ascending, with an index into the patterns.
    pairs: Vec<((u32, u32), usize)>,
    /// The distinct sets of accounts.
    patterns: Vec<Bits>,
}

impl Table {
    fn new(grants: &[Grant]) -> Self {
        let mut of_account: BTreeMap<u32, Vec<(u32, u32)>> = BTreeMap::new();
        for [account, set, principal] in grants {
            of_account.entry(*account).or_default().push((*set, *principal));
        }
        let mut same: BTreeMap<Vec<(u32, u32)>, Vec<u32>> = BTreeMap::new();
        for (account, mut pairs) in of_account {
            pairs.sort_unstable();
            pairs.dedup();
            same.entry(pairs).or_default().push(account);
        }
        let words = same.len().div_ceil(64);
        let mut bits: BTreeMap<(u32, u32), Bits> = BTreeMap::new();
        for (class, pairs) in same.keys().enumerate() {
            for pair in pairs {
                let row = bits.entry(*pair).or_insert_with(|| vec![0; words]);
                if let Some(word) = row.get_mut(class / 64) {
                    *word |= 1 << (class % 64);
                }
            }
        }
        let patterns: BTreeSet<&Bits> = bits.values().collect();
        let patterns: Vec<Bits> = patterns.into_iter().cloned().collect();
        let pairs = bits
            .iter()
            .filter_map(|(pair, row)| Some((*pair, patterns.binary_search(row).ok()?)))
            .collect();
        Table {
            classes: same.into_values().collect(),
            pairs,
            patterns,
        }
    }

    fn accounts(&self, bits: &[u64]) -> Vec<u32> {
        let classes = self.classes.iter().enumerate();
        let mut found: Vec<u32> = classes
            .filter(|(class, _)| {
                bits.get(class / 64)
                    .is_some_and(|word| word >> (class % 64) & 1 == 1)
            })
            .flat_map(|(_, accounts)| accounts)
            .copied()
            .collect();
        found.sort_unstable();
        found
    }

    /// The maximal products over the accounts of each pattern: the principals that have a set there, with all the
    /// sets that they all have there; and the same the other way round.
    fn candidates(&self) -> Vec<Candidate> {
        let mut found = BTreeSet::new();
        for (pattern, accounts) in self.patterns.iter().enumerate() {
            let has: Vec<bool> = self
                .patterns
                .iter()
                .map(|other| within(accounts, other))
                .collect();
            let mut by_set: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            let mut by_principal: BTreeMap<u32, BTreeSet<u32>> = BTreeMap::new();
            let mut own: (BTreeSet<u32>, BTreeSet<u32>) = Default::default();
            for ((set, principal), theirs) in &self.pairs {
                if has.get(*theirs) == Some(&true) {
                    by_set.entry(*set).or_default().insert(*principal);
                    by_principal.entry(*principal).or_default().insert(*set);
                }
                if *theirs == pattern {
                    own.0.insert(*set);
                    own.1.insert(*principal);
                }
            }
            for set in &own.0 {
                let Some(principals) = by_set.get(set) else {
                    continue;
                };
                found.insert(Candidate::closed(pattern, principals, &by_set, false));
            }
            for principal in &own.1 {
                let Some(sets) = by_principal.get(principal) else {
                    continue;
                };
                found.insert(Candidate::closed(pattern, sets, &by_principal, true));
            }
        }
        found.into_iter().collect()
    }
}

/// A maximal product.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate {
    pattern: usize,
    sets: Vec<u32>,
    principals: Vec<u32>,
}

impl Candidate {
    /// The product of `these` with everything whose own row holds all of them.
    fn closed(
        pattern: usize,
        these: &BTreeSet<u32>,
        rows: &BTreeMap<u32, BTreeSet<u32>>,
        these_are_sets: bool,
    ) -> Self {
        let all = rows.iter().filter(|(_, row)| these.is_subset(row));
        let others: Vec<u32> = all.map(|(other, _)| *other).collect();
        let these: Vec<u32> = these.iter().copied().collect();
        let (sets, principals) = if these_are_sets {
            (these, others)
        } else {
            (others, these)
        };
        Candidate {
            pattern,
            sets,
            principals,
        }
    }
}

/// What is left to cover, by pair; and how much each class of accounts counts.
struct Rest<'t> {
    table: &'t Table,
    index: FxHashMap<(u32, u32), usize>,
    open: Vec<Bits>,
}

impl Rest<'_> {
    fn pairs<'c>(&'c self, candidate: &'c Candidate) -> impl Iterator<Item = usize> + 'c {
        candidate.sets.iter().flat_map(move |set| {
            let principals = candidate.principals.iter();
            principals.filter_map(move |principal| self.index.get(&(*set, *principal)).copied())
        })
    }

    /// How many grants the candidate would cover that nothing covers yet.
    fn gain(&self, candidate: &Candidate) -> u64 {
        let Some(accounts) = self.table.patterns.get(candidate.pattern) else {
            return 0;
        };
        self.pairs(candidate)
            .filter_map(|pair| self.open.get(pair))
            .map(|open| self.weight(open, accounts))
            .sum()
    }

    fn weight(&self, open: &[u64], accounts: &[u64]) -> u64 {
        let mut total = 0;
        for (at, (open, accounts)) in open.iter().zip(accounts).enumerate() {
            let mut common = open & accounts;
            while common != 0 {
                let class = at * 64 + common.trailing_zeros() as usize;
                total += self
                    .table
                    .classes
                    .get(class)
                    .map_or(0, |accounts| accounts.len() as u64);
                common &= common - 1;
            }
        }
        total
    }

    fn take(&mut self, candidate: &Candidate) {
        let Some(accounts) = self.table.patterns.get(candidate.pattern) else {
            return;
        };
        let pairs: Vec<usize> = self.pairs(candidate).collect();
        for pair in pairs {
            if let Some(open) = self.open.get_mut(pair) {
                open.iter_mut()
                    .zip(accounts)
                    .for_each(|(open, taken)| *open &= !taken);
            }
        }
    }
}

/// The greedy cover; `None` if its tables would be too large.
fn greedy(grants: &[Grant]) -> Option<Vec<Product>> {
    let table = Table::new(grants);
    let words = table.classes.len().div_ceil(64);
    if table
        .patterns
        .len()
        .saturating_mul(table.pairs.len() + table.patterns.len() * words)
        > MOST_WORK
    {
        return None;
    }
    let candidates = table.candidates();
    let mut rest = Rest {
        table: &table,
        index: table
            .pairs
            .iter()
            .enumerate()
            .map(|(at, (pair, _))| (*pair, at))
            .collect(),
        open: table
            .pairs
            .iter()
            .filter_map(|(_, pattern)| table.patterns.get(*pattern).cloned())
            .collect(),
    };
    // Gains only fall, so a candidate whose gain still holds when it comes first is the best one. Of equals, the
    // first in order.
    let mut queue: BinaryHeap<(u64, std::cmp::Reverse<usize>)> = candidates
        .iter()
        .enumerate()
        .map(|(at, candidate)| (rest.gain(candidate), std::cmp::Reverse(at)))
        .collect();
    let mut chosen = Vec::new();
    while let Some((gain, std::cmp::Reverse(at))) = queue.pop() {
        let Some(candidate) = candidates.get(at) else {
            continue;
        };
        let now = rest.gain(candidate);
        if now == 0 {
            continue;
        }
        if now < gain {
            queue.push((now, std::cmp::Reverse(at)));
            continue;
        }
        rest.take(candidate);
        chosen.push(candidate.clone());
    }
    trim(&table, &mut chosen);
    Some(
        chosen
            .into_iter()
            .map(|candidate| Product {
                sides: [
                    table
                        .patterns
                        .get(candidate.pattern)
                        .map(|bits| table.accounts(bits))
                        .unwrap_or_default(),
                    candidate.sets,
                    candidate.principals,
                ],
            })
            .collect(),
    )
}

/// Drops, latest first, products that others cover, and sets and principals in which a product adds nothing. The
/// accounts of a product stay together: they are one list with a meaning.
fn trim(table: &Table, chosen: &mut Vec<Candidate>) {
    let mut at = chosen.len();
    while at > 0 {
        at -= 1;
        let Some(mut candidate) = chosen.get(at).cloned() else {
            continue;
        };
        let others: Vec<&Candidate> = chosen
            .iter()
            .enumerate()
            .filter(|(other, _)| *other != at)
            .map(|(_, other)| other)
            .collect();
        candidate.sets = narrowed(&candidate.sets, |set| {
            adds(table, &candidate, &others, Some(set), None)
        });
        candidate.principals = narrowed(&candidate.principals, |principal| {
            adds(table, &candidate, &others, None, Some(principal))
        });
        if candidate.sets.is_empty() || candidate.principals.is_empty() {
            chosen.remove(at);
        } else if let Some(place) = chosen.get_mut(at) {
            *place = candidate;
        }
    }
}

fn narrowed(list: &[u32], keep: impl Fn(u32) -> bool) -> Vec<u32> {
    list.iter().copied().filter(|one| keep(*one)).collect()
}

/// Whether the product has, in one set or for one principal, a grant that none of the others has.
fn adds(
    table: &Table,
    candidate: &Candidate,
    others: &[&Candidate],
    set: Option<u32>,
    principal: Option<u32>,
) -> bool {
    let Some(accounts) = table.patterns.get(candidate.pattern) else {
        return false;
    };
    let sets = candidate
        .sets
        .iter()
        .filter(|one| set.is_none_or(|set| set == **one));
    sets.clone().any(|set| {
        let principals = candidate
            .principals
            .iter()
            .filter(|one| principal.is_none_or(|other| other == **one));
        principals.clone().any(|principal| {
            let mut left = accounts.clone();
            for other in others {
                let has = other.sets.binary_search(set).is_ok()
                    && other.principals.binary_search(principal).is_ok();
                if let (true, Some(theirs)) = (has, table.patterns.get(other.pattern)) {
                    left.iter_mut()
                        .zip(theirs)
                        .for_each(|(left, theirs)| *left &= !theirs);
                }
            }
            left.iter().any(|word| *word != 0)
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grants_of(products: &[Product]) -> BTreeSet<Grant> {
        let mut found = BTreeSet::new();
        for product in products {
            let [accounts, sets, principals] = &product.sides;
            for account in accounts {
                for set in sets {
                    found.extend(principals.iter().map(|principal| [*account, *set, *principal]));
                }
            }
        }
        found
    }

    fn product(accounts: &[u32], sets: &[u32], principals: &[u32]) -> Product {
        Product {
            sides: [accounts.to_vec(), sets.to_vec(), principals.to_vec()],
        }
    }

    /// The cover with the fewest products.
    fn covered(products: &[Product]) -> Vec<Product> {
        let found = covers(&grants_of(products).into_iter().collect::<Vec<_>>());
        found.into_iter().min_by_key(Vec::len).unwrap()
    }

    #[test]
    fn products_apart_are_found_again() {
        let products = [
            product(&[1, 2, 3], &[7], &[4]),
            product(&[1, 9], &[8, 9], &[4, 5]),
        ];
        assert_eq!(covered(&products), products);
    }

    #[test]
    fn products_that_overlap_are_found_again() {
        // Merging alone needs three blocks here.
        let products = [
            product(&[1, 2, 3], &[7], &[4, 5]),
            product(&[3, 4], &[7], &[5, 6]),
        ];
        assert_eq!(covered(&products), products);
    }

    #[test]
    fn nothing_needs_no_block() {
        assert_eq!(covered(&[]), []);
    }

    #[test]
    fn a_large_relation_takes_no_time_worth_mentioning() {
        let products: Vec<Product> = (0..300)
            .map(|n| {
                let accounts: Vec<u32> = (0..600).filter(|a| (a / 7 + n) % 5 != 0).collect();
                product(&accounts, &[n % 40, n % 40 + 1], &[n, n + 1])
            })
            .collect();
        let found = covered(&products);
        assert!(found.len() <= 330, "{}", found.len());
    }

    proptest! {
        #![proptest_config(crate::testing::property(300))]

        #[test]
        fn a_cover_is_exact_small_and_the_same_each_time(
            raw in prop::collection::vec((1..64_u8, 1..16_u8, 1..64_u8), 0..7)
        ) {
            let bits = |mask: u8| (0..8_u32).filter(|bit| mask >> bit & 1 == 1).collect::<Vec<u32>>();
            let products: Vec<Product> = raw.iter().map(|(a, s, p)| product(&bits(*a), &bits(*s), &bits(*p))).collect();
            let grants: Vec<Grant> = grants_of(&products).into_iter().collect();
            let found = covers(&grants);
            for cover in &found {
                prop_assert_eq!(grants_of(cover), grants.iter().copied().collect::<BTreeSet<_>>());
            }
            prop_assert_eq!(covers(&grants), found);
        }
    }
}
