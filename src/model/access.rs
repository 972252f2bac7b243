//! Access as a relation: who may use which permission set in which account.
//!
//! A grant's identity is the triple (account, permission set, principal). A
//! million of them are held as a million sorted 64-bit numbers over three
//! sorted name tables, next to an index into a small table of notes (which
//! blocks declare it, whether it is ours). Sources are compared by merging, so a
//! comparison costs one pass, and nothing here allocates per grant.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use rustc_hash::{FxHashMap, FxHashSet};
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::source::Location;

const SET_BITS: u32 = 18;
const PRINCIPAL_BITS: u32 = 24;

/// One grant as ranks in a [`Names`]: account, permission set, principal. Ordered in that order.
///
/// Room for 4 million accounts, 262 thousand permission sets and 16 million principals; the service's quotas
/// are 3,000, 3,500 and 200,000.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Tuple(pub u64);

impl Tuple {
    /// The most names a table may hold: accounts, permission sets, principals.
    pub const CAPACITY: (usize, usize, usize) = (1 << 22, 1 << SET_BITS, 1 << PRINCIPAL_BITS);

    /// Packs three ranks; ranks beyond [`Tuple::CAPACITY`] are cut off, which [`Names::new`] rules out.
    pub fn new(account: u32, permission_set: u32, principal: u32) -> Self {
        let set = u64::from(permission_set) & ((1 << SET_BITS) - 1);
        let principal = u64::from(principal) & ((1 << PRINCIPAL_BITS) - 1);
        Tuple(u64::from(account) << (SET_BITS + PRINCIPAL_BITS) | set << PRINCIPAL_BITS | principal)
    }

    /// The account's rank.
    pub fn account(self) -> u32 {
        (self.0 >> (SET_BITS + PRINCIPAL_BITS)) as u32
    }

    /// The permission set's rank.
    pub fn permission_set(self) -> u32 {
        (self.0 >> PRINCIPAL_BITS) as u32 & ((1 << SET_BITS) - 1)
    }

    /// The principal's rank.
    pub fn principal(self) -> u32 {
        self.0 as u32 & ((1 << PRINCIPAL_BITS) - 1)
    }

    /// Account and permission set together: the pair that has one role.
    pub fn pair(self) -> Pair {
        Pair(self.0 >> PRINCIPAL_BITS)
    }
}

impl std::fmt::Debug for Tuple {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "({}, {}, {})",
            self.account(),
            self.permission_set(),
            self.principal()
        )
    }
}

/// An (account, permission set) pair as ranks: what one role is provisioned for. Ordered as tuples are.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Pair(pub u64);

impl Pair {
    /// Packs two ranks.
    pub fn new(account: u32, permission_set: u32) -> Self {
        Tuple::new(account, permission_set, 0).pair()
    }

    /// The account's rank.
    pub fn account(self) -> u32 {
        (self.0 >> SET_BITS) as u32
    }

    /// The permission set's rank.
    pub fn permission_set(self) -> u32 {
        self.0 as u32 & ((1 << SET_BITS) - 1)
    }
}

/// The three name tables that [`Tuple`]s are ranks in: sorted, without repeats, so that ranks order as names do.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Names {
    /// Accounts.
    pub accounts: Vec<AccountKey>,
    /// Permission sets.
    pub permission_sets: Vec<PermissionSetName>,
    /// Principals.
    pub principals: Vec<PrincipalKey>,
}

/// A name table outgrew what a [`Tuple`] can hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{count} {what} are more than rolecall can hold ({limit})")]
pub struct CapacityError {
    /// Which table.
    pub what: &'static str,
    /// How many names there are.
    pub count: usize,
    /// How many fit.
    pub limit: usize,
}

/// For each rank in an old table, the rank of the same name in a new one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remap {
    accounts: Vec<u32>,
    permission_sets: Vec<u32>,
    principals: Vec<u32>,
}

impl Remap {
    /// The tuple under the new tables. Ranks outside the old tables map to zero; tuples made with those tables
    /// have none.
    pub fn tuple(&self, tuple: Tuple) -> Tuple {
        let get = |table: &[u32], rank: u32| table.get(rank as usize).copied().unwrap_or(0);
        Tuple::new(
            get(&self.accounts, tuple.account()),
            get(&self.permission_sets, tuple.permission_set()),
            get(&self.principals, tuple.principal()),
        )
    }

    /// The pair under the new tables.
    pub fn pair(&self, pair: Pair) -> Pair {
        self.tuple(Tuple::new(pair.account(), pair.permission_set(), 0))
            .pair()
    }
}

impl Names {
    /// Tables of these names, sorted and without repeats.
    ///
    /// # Errors
    /// When a table would hold more than [`Tuple::CAPACITY`].
    pub fn new(
        mut accounts: Vec<AccountKey>,
        mut permission_sets: Vec<PermissionSetName>,
        mut principals: Vec<PrincipalKey>,
    ) -> Result<Self, CapacityError> {
        // The stable sort merges runs that are sorted already, as those of a union are.
        accounts.sort();
        accounts.dedup();
        permission_sets.sort();
        permission_sets.dedup();
        principals.sort();
        principals.dedup();
        let (most_accounts, most_sets, most_principals) = Tuple::CAPACITY;
        for (what, count, limit) in [
            ("accounts", accounts.len(), most_accounts),
            ("permission sets", permission_sets.len(), most_sets),
            ("principals", principals.len(), most_principals),
        ] {
            if count > limit {
                return Err(CapacityError { what, count, limit });
            }
        }
        Ok(Names {
            accounts,
            permission_sets,
            principals,
        })
    }

    /// The tables of all names in any of `tables`.
    ///
    /// # Errors
    /// As [`Names::new`].
    pub fn union<'a>(tables: impl IntoIterator<Item = &'a Names>) -> Result<Self, CapacityError> {
        let (mut accounts, mut sets, mut principals) = (Vec::new(), Vec::new(), Vec::new());
        for names in tables {
            accounts.extend_from_slice(&names.accounts);
            sets.extend_from_slice(&names.permission_sets);
            principals.extend_from_slice(&names.principals);
        }
        Names::new(accounts, sets, principals)
    }

    /// How ranks in `self` translate to ranks in `wider`, which must hold every name of `self`.
    ///
    /// Because both are sorted, the order of tuples is kept.
    pub fn remap_to(&self, wider: &Names) -> Remap {
        Remap {
            accounts: ranks(&self.accounts, &wider.accounts),
            permission_sets: ranks(&self.permission_sets, &wider.permission_sets),
            principals: ranks(&self.principals, &wider.principals),
        }
    }

    /// The name behind an account's rank.
    pub fn account(&self, rank: u32) -> Option<&AccountKey> {
        self.accounts.get(rank as usize)
    }

    /// The name behind a permission set's rank.
    pub fn permission_set(&self, rank: u32) -> Option<&PermissionSetName> {
        self.permission_sets.get(rank as usize)
    }

    /// The name behind a principal's rank.
    pub fn principal(&self, rank: u32) -> Option<&PrincipalKey> {
        self.principals.get(rank as usize)
    }

    /// The rank of an account.
    pub fn account_rank(&self, key: &AccountKey) -> Option<u32> {
        rank(&self.accounts, key)
    }

    /// The rank of a permission set.
    pub fn permission_set_rank(&self, name: &PermissionSetName) -> Option<u32> {
        rank(&self.permission_sets, name)
    }

    /// The rank of a principal.
    pub fn principal_rank(&self, key: &PrincipalKey) -> Option<u32> {
        rank(&self.principals, key)
    }

    /// The tuple of three names, if all are in the tables.
    pub fn tuple(
        &self,
        account: &AccountKey,
        permission_set: &PermissionSetName,
        principal: &PrincipalKey,
    ) -> Option<Tuple> {
        Some(Tuple::new(
            self.account_rank(account)?,
            self.permission_set_rank(permission_set)?,
            self.principal_rank(principal)?,
        ))
    }

    /// The names of a tuple of these tables.
    pub fn resolve(&self, tuple: Tuple) -> Option<(&AccountKey, &PermissionSetName, &PrincipalKey)> {
        Some((
            self.account(tuple.account())?,
            self.permission_set(tuple.permission_set())?,
            self.principal(tuple.principal())?,
        ))
    }
}

fn rank<T: Ord>(table: &[T], name: &T) -> Option<u32> {
    table
        .binary_search(name)
        .ok()
        .and_then(|at| u32::try_from(at).ok())
}

fn ranks<T: Ord>(old: &[T], new: &[T]) -> Vec<u32> {
    old.iter().map(|name| rank(new, name).unwrap_or(0)).collect()
}

/// An assignment block instance that declares grants.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Declaration {
    /// Which block.
    pub address: Address,
    /// Where it is written. Not part of what a digest covers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Why the access is there, as the block says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// From when on it is planned away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
}

impl Declaration {
    /// When a grant ends that all these blocks declare: with the last of them, and never if one of them has no end.
    /// `None` for never, and for no blocks.
    pub fn last_end<'a>(blocks: impl IntoIterator<Item = &'a Declaration>) -> Option<Timestamp> {
        let ends: Option<Vec<Timestamp>> = blocks.into_iter().map(|block| block.expires).collect();
        ends?.into_iter().max()
    }
}

/// What is known about a class of grants.
#[derive(
    Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Note {
    /// The blocks that declare it, as indices into [`Access::declarations`], ascending; none: unmanaged.
    pub declared_by: Vec<u32>,
    /// Whether this stack made or adopted it. Always true in desired, meaningful in recorded.
    pub owned: bool,
}

impl Note {
    /// The blocks that declare it, of the declarations that go with the note, in their order.
    pub fn blocks<'a>(&'a self, declarations: &'a [Declaration]) -> impl Iterator<Item = &'a Declaration> {
        let blocks = self.declared_by.iter();
        blocks.filter_map(|block| declarations.get(*block as usize))
    }

    /// When a grant with this note ends; `None` for never.
    pub fn last_end(&self, declarations: &[Declaration]) -> Option<Timestamp> {
        Declaration::last_end(self.blocks(declarations))
    }
}

/// The access relation of one source.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Access {
    /// The names that tuples are ranks in.
    pub names: Names,
    /// The blocks that notes refer to, sorted by address.
    pub declarations: Vec<Declaration>,
    /// The distinct notes.
    pub notes: Vec<Note>,
    /// The grants, ascending, without repeats.
    pub tuples: Vec<Tuple>,
    /// For each grant, the index of its note. As long as `tuples`.
    pub note_of: Vec<u32>,
}

/// One assignment block instance with what it resolved to: principals × permission sets × accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Which block, where, why and until when.
    pub declaration: Declaration,
    /// Who.
    pub principals: Vec<PrincipalKey>,
    /// With which sets.
    pub permission_sets: Vec<PermissionSetName>,
    /// Where.
    pub accounts: Vec<AccountKey>,
}

impl Access {
    /// The relation that `blocks` declare: the union of their products. A grant that several blocks declare is
    /// one grant whose note names them all.
    ///
    /// # Errors
    /// As [`Names::new`].
    pub fn from_blocks(mut blocks: Vec<Block>) -> Result<Self, CapacityError> {
        blocks.sort_by(|left, right| left.declaration.cmp(&right.declaration));
        let names = names_of(&blocks)?;
        let index = RankIndex::new(&names);
        let ranked: Vec<RankedBlock> = blocks
            .iter()
            .map(|block| RankedBlock::new(block, &index))
            .collect();
        let (tuples, note_of, notes) = merge_products(&ranked, names.accounts.len());
        let declarations = blocks.into_iter().map(|block| block.declaration).collect();
        Ok(Access {
            names,
            declarations,
            notes,
            tuples,
            note_of,
        })
    }

    /// A relation without notes, from tuples in any order over `names`. All grants share one empty note.
    pub fn from_tuples(names: Names, mut tuples: Vec<Tuple>) -> Self {
        tuples.sort_unstable();
        tuples.dedup();
        let note_of = vec![0; tuples.len()];
        Access {
            names,
            declarations: Vec::new(),
            notes: vec![Note::default()],
            tuples,
            note_of,
        }
    }

    /// How many grants there are.
    pub fn len(&self) -> usize {
        self.tuples.len()
    }

    /// Whether there is no grant.
    pub fn is_empty(&self) -> bool {
        self.tuples.is_empty()
    }

    /// The note of the grant at `index`.
    pub fn note_at(&self, index: usize) -> Option<&Note> {
        self.notes.get(*self.note_of.get(index)? as usize)
    }

    /// What is granted in an account: sets and principals, found without looking at the others.
    pub fn in_account(
        &self,
        account: &AccountKey,
    ) -> impl Iterator<Item = (&PermissionSetName, &PrincipalKey)> {
        let tuples = self.tuples_in(account).iter();
        let resolved = tuples.filter_map(|tuple| self.names.resolve(*tuple));
        resolved.map(|(_, set, principal)| (set, principal))
    }

    /// The tuples of an account, ascending.
    pub fn tuples_in(&self, account: &AccountKey) -> &[Tuple] {
        self.names.account_rank(account).map_or(&[], |rank| {
            let begin = self.tuples.partition_point(|tuple| tuple.account() < rank);
            let end = self.tuples.partition_point(|tuple| tuple.account() <= rank);
            self.tuples.get(begin..end).unwrap_or_default()
        })
    }

    /// Where a tuple stands, if it is in the relation.
    pub fn find(&self, tuple: Tuple) -> Option<usize> {
        self.tuples.binary_search(&tuple).ok()
    }

    /// The same relation over wider name tables, which must hold every name of this one.
    #[must_use]
    pub fn widen(&self, names: &Names) -> Access {
        let remap = self.names.remap_to(names);
        Access {
            names: names.clone(),
            declarations: self.declarations.clone(),
            notes: self.notes.clone(),
            tuples: self.tuples.iter().map(|tuple| remap.tuple(*tuple)).collect(),
            note_of: self.note_of.clone(),
        }
    }

    /// Gives principals other names, all at once. Where two grants become one, the first one's note stays.
    pub fn rename_principals(&mut self, now: &BTreeMap<PrincipalKey, PrincipalKey>) {
        let called = |key: &PrincipalKey| now.get(key).unwrap_or(key).clone();
        let before = &self.names.principals;
        if !before.iter().any(|key| now.contains_key(key)) {
            return;
        }
        let mut after: Vec<PrincipalKey> = before.iter().map(called).collect();
        after.sort();
        after.dedup();
        let ranks: Vec<u32> = before
            .iter()
            .map(|key| rank(&after, &called(key)).unwrap_or(0))
            .collect();
        let rank = |old: u32| ranks.get(old as usize).copied().unwrap_or(0);
        let renamed = self.tuples.iter().zip(&self.note_of).map(|(tuple, note)| {
            let principal = rank(tuple.principal());
            let tuple = Tuple::new(tuple.account(), tuple.permission_set(), principal);
            (tuple, *note)
        });
        let mut rows: Vec<(Tuple, u32)> = renamed.collect();
        rows.sort_by_key(|(tuple, _)| *tuple);
        rows.dedup_by_key(|(tuple, _)| *tuple);
        (self.tuples, self.note_of) = rows.into_iter().unzip();
        self.names.principals = after;
    }

    /// The (account, permission set) pairs with at least one grant, ascending.
    pub fn pairs(&self) -> Vec<Pair> {
        let mut pairs: Vec<Pair> = self.tuples.iter().map(|tuple| tuple.pair()).collect();
        pairs.dedup();
        pairs
    }

    /// Whether the invariants hold: tables and tuples sorted without repeats, notes and ranks in range.
    pub fn is_well_formed(&self) -> bool {
        fn ascending<T: Ord>(items: &[T]) -> bool {
            items.is_sorted_by(|left, right| left < right)
        }
        let names = &self.names;
        ascending(&names.accounts)
            && ascending(&names.permission_sets)
            && ascending(&names.principals)
            && ascending(&self.tuples)
            && self.note_of.len() == self.tuples.len()
            && self
                .note_of
                .iter()
                .all(|note| (*note as usize) < self.notes.len())
            && self.tuples.iter().all(|tuple| names.resolve(*tuple).is_some())
            && self.notes.iter().all(|note| {
                ascending(&note.declared_by)
                    && note
                        .declared_by
                        .iter()
                        .all(|block| (*block as usize) < self.declarations.len())
            })
    }
}

fn names_of(blocks: &[Block]) -> Result<Names, CapacityError> {
    // Most blocks name what others name: a hash set meets each of them in a fraction of a sorted one's time.
    let mut accounts = FxHashSet::default();
    let mut sets = FxHashSet::default();
    let mut principals = FxHashSet::default();
    for block in blocks {
        accounts.extend(&block.accounts);
        sets.extend(&block.permission_sets);
        principals.extend(&block.principals);
    }
    Names::new(
        accounts.into_iter().cloned().collect(),
        sets.into_iter().cloned().collect(),
        principals.into_iter().cloned().collect(),
    )
}

/// The ranks of names, for those who ask for more of them than a search each would be good for.
struct RankIndex<'n> {
    accounts: FxHashMap<&'n AccountKey, u32>,
    permission_sets: FxHashMap<&'n PermissionSetName, u32>,
    principals: FxHashMap<&'n PrincipalKey, u32>,
}

impl<'n> RankIndex<'n> {
    fn new(names: &'n Names) -> Self {
        RankIndex {
            accounts: names.accounts.iter().zip(0..).collect(),
            permission_sets: names.permission_sets.iter().zip(0..).collect(),
            principals: names.principals.iter().zip(0..).collect(),
        }
    }
}

/// A block as ranks; the sets × principals part is packed once and shared by all its accounts.
struct RankedBlock {
    accounts: Vec<u32>,
    rest: Vec<u64>,
}

impl RankedBlock {
    fn new(block: &Block, index: &RankIndex<'_>) -> Self {
        let mut accounts: Vec<u32> = block
            .accounts
            .iter()
            .filter_map(|key| index.accounts.get(key).copied())
            .collect();
        accounts.sort_unstable();
        accounts.dedup();
        let principals: Vec<u32> = block
            .principals
            .iter()
            .filter_map(|key| index.principals.get(key).copied())
            .collect();
        let mut rest: Vec<u64> = block
            .permission_sets
            .iter()
            .filter_map(|name| index.permission_sets.get(name).copied())
            .flat_map(|set| {
                principals
                    .iter()
                    .map(move |principal| Tuple::new(0, set, *principal).0)
            })
            .collect();
        rest.sort_unstable();
        rest.dedup();
        RankedBlock { accounts, rest }
    }
}

/// The union of all products, account by account so that sorting stays in cache; notes are interned as they appear.
fn merge_products(blocks: &[RankedBlock], account_count: usize) -> (Vec<Tuple>, Vec<u32>, Vec<Note>) {
    let mut blocks_of: Vec<Vec<u32>> = vec![Vec::new(); account_count];
    for (index, block) in (0_u32..).zip(blocks) {
        for account in &block.accounts {
            if let Some(list) = blocks_of.get_mut(*account as usize) {
                list.push(index);
            }
        }
    }
    let total = blocks
        .iter()
        .map(|block| block.accounts.len() * block.rest.len())
        .sum::<usize>();
    let (mut tuples, mut note_of) = (Vec::with_capacity(total), Vec::with_capacity(total));
    let mut notes = NoteTable::default();
    let mut row: Vec<(u64, u32)> = Vec::new();
    for (account, list) in (0_u32..).zip(&blocks_of) {
        row.clear();
        for index in list {
            if let Some(block) = blocks.get(*index as usize) {
                row.extend(block.rest.iter().map(|rest| (*rest, *index)));
            }
        }
        row.sort_unstable();
        let base = Tuple::new(account, 0, 0).0;
        for same in row.chunk_by(|left, right| left.0 == right.0) {
            if let Some((rest, _)) = same.first() {
                tuples.push(Tuple(base | rest));
                note_of.push(notes.of(same));
            }
        }
    }
    tuples.shrink_to_fit();
    note_of.shrink_to_fit();
    (tuples, note_of, notes.notes)
}

#[derive(Default)]
struct NoteTable {
    notes: Vec<Note>,
    single: FxHashMap<u32, u32>,
    several: FxHashMap<Vec<u32>, u32>,
}

impl NoteTable {
    /// The index of the note "declared by the blocks of `same`", made when it is new.
    fn of(&mut self, same: &[(u64, u32)]) -> u32 {
        let next = u32::try_from(self.notes.len()).unwrap_or(u32::MAX);
        let index = match same {
            [(_, block)] => *self.single.entry(*block).or_insert(next),
            _ => {
                let blocks: Vec<u32> = same.iter().map(|(_, block)| *block).collect();
                *self.several.entry(blocks).or_insert(next)
            }
        };
        if index == next {
            let declared_by = same.iter().map(|(_, block)| *block).collect();
            self.notes.push(Note {
                declared_by,
                owned: true,
            });
        }
        index
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Kind;
    use crate::id::{AccountId, GroupName};

    fn account(n: u32) -> AccountKey {
        AccountKey::Id(AccountId::new(format!("{n:012}")).unwrap())
    }

    fn group(name: &str) -> PrincipalKey {
        PrincipalKey::Group(GroupName::new(name).unwrap())
    }

    fn set(name: &str) -> PermissionSetName {
        PermissionSetName::new(name).unwrap()
    }

    fn block(label: &str, principals: &[&str], sets: &[&str], accounts: &[u32]) -> Block {
        Block {
            declaration: Declaration {
                address: Address::root(Kind::Assignment, label),
                location: None,
                reason: None,
                expires: None,
            },
            principals: principals.iter().map(|name| group(name)).collect(),
            permission_sets: sets.iter().map(|name| set(name)).collect(),
            accounts: accounts.iter().map(|n| account(*n)).collect(),
        }
    }

    #[test]
    fn a_tuple_holds_its_three_ranks() {
        let tuple = Tuple::new(4_194_303, 262_143, 16_777_215);
        assert_eq!(
            (tuple.account(), tuple.permission_set(), tuple.principal()),
            (4_194_303, 262_143, 16_777_215)
        );
        assert_eq!(tuple.pair(), Pair::new(4_194_303, 262_143));
        assert!(Tuple::new(1, 0, 0) > Tuple::new(0, 5, 9));
    }

    #[test]
    fn overlapping_blocks_are_one_grant_with_two_reasons() {
        let access = Access::from_blocks(vec![
            block("b", &["ops"], &["view"], &[1, 2]),
            block("a", &["ops", "dev"], &["view"], &[2, 3]),
        ])
        .unwrap();
        assert!(access.is_well_formed());
        assert_eq!(access.len(), 5);
        let shared = access
            .names
            .tuple(&account(2), &set("view"), &group("ops"))
            .unwrap();
        let note = access.note_at(access.find(shared).unwrap()).unwrap();
        let by: Vec<String> = note
            .declared_by
            .iter()
            .map(|b| access.declarations[*b as usize].address.to_string())
            .collect();
        assert_eq!(by, ["assignment.a", "assignment.b"]);
    }

    #[test]
    fn principals_get_other_names_all_at_once() {
        let blocks = vec![
            block("a", &["dev", "ops"], &["view"], &[2, 9]),
            block("b", &["zoo"], &["view"], &[2]),
        ];
        let mut access = Access::from_blocks(blocks).unwrap();
        // Two change places, and one becomes what another is.
        let now = [("dev", "zoo"), ("zoo", "dev"), ("ops", "dev")];
        let now = now.map(|(from, to)| (group(from), group(to)));
        access.rename_principals(&now.into_iter().collect());
        assert!(access.is_well_formed());
        let mut found: Vec<String> = Vec::new();
        for (at, tuple) in access.tuples.iter().enumerate() {
            let (account, _, principal) = access.names.resolve(*tuple).unwrap();
            let block = access.note_at(at).unwrap().declared_by[0];
            let account = account.to_string();
            found.push(format!(
                "{} {} {}",
                &account[11..],
                principal.name(),
                access.declarations[block as usize].address.label
            ));
        }
        assert_eq!(found, ["2 dev a", "2 zoo a", "9 dev a", "9 zoo a"]);
    }

    #[test]
    fn widening_keeps_every_grant_and_the_order() {
        let narrow = Access::from_blocks(vec![block("a", &["dev", "ops"], &["view"], &[2, 9])]).unwrap();
        let other = Access::from_blocks(vec![block("b", &["all", "eve"], &["admin"], &[1, 5])]).unwrap();
        let names = Names::union([&narrow.names, &other.names]).unwrap();
        let wide = narrow.widen(&names);
        assert!(wide.is_well_formed());
        let spell = |access: &Access| -> Vec<String> {
            access
                .tuples
                .iter()
                .map(|t| format!("{:?}", access.names.resolve(*t).unwrap()))
                .collect()
        };
        assert_eq!(spell(&narrow), spell(&wide));
    }
}
