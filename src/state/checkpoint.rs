//! What every checkpoint store shares: rows, the head that vouches for them, and the arithmetic between the two.
//!
//! A store keeps small rows under keys, and one *head*. The head holds how many rows there are and a hash over all
//! of them that does not depend on their order, so a commit updates it from the changed rows alone, while opening
//! computes it anew from what the store really holds. A store that lost, kept or altered a row does not open.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::StateError;
use super::journal::Position;

/// The format of rows and head that this version writes.
pub const FORMAT: u32 = 1;

/// The longest piece of a value that a store is given; sled leaks values far beyond this for ever.
pub const MAX_PIECE: usize = 60 * 1024;

/// All rows by key.
pub type Rows = BTreeMap<Vec<u8>, Vec<u8>>;

/// One row to write, or (without a value) to remove.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// Which row.
    pub key: Vec<u8>,
    /// Its new value.
    pub value: Option<Vec<u8>>,
}

/// What a checkpoint says about itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Head {
    /// The format of the rows.
    pub format: u32,
    /// Grows by one with every commit.
    pub serial: u64,
    /// How much of the journal the rows include.
    pub journal: Position,
    /// How many rows there are.
    pub count: u64,
    /// The hash over all of them.
    pub hash: SetHash,
}

/// A hash of a set of rows: the sum of the rows' hashes, in four lanes of 64 bits.
///
/// It is there to notice damage, not an adversary, who could rewrite the head as well.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SetHash([u64; 4]);

impl SetHash {
    fn of(key: &[u8], value: &[u8]) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher
            .update(&(key.len() as u64).to_le_bytes())
            .update(key)
            .update(value);
        let mut lanes = [0; 4];
        for (lane, bytes) in lanes
            .iter_mut()
            .zip(hasher.finalize().as_bytes().as_chunks::<8>().0)
        {
            *lane = u64::from_le_bytes(*bytes);
        }
        SetHash(lanes)
    }

    fn add(&mut self, other: SetHash) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(lane, by)| *lane = lane.wrapping_add(by));
    }

    fn remove(&mut self, other: SetHash) {
        self.0
            .iter_mut()
            .zip(other.0)
            .for_each(|(lane, by)| *lane = lane.wrapping_sub(by));
    }
}

/// A place that keeps rows and a head, and changes them together or not at all.
pub trait Checkpoint: Send {
    /// Everything it holds, verified; no head when nothing was ever committed.
    ///
    /// # Errors
    /// When what is there does not match its head.
    fn read_all(&mut self) -> Result<Option<(Head, Rows)>, StateError>;

    /// Replaces the changed rows and the head in one step, durably. `rows` must be the difference between what
    /// [`Checkpoint::read_all`] and later commits left and what the head describes; [`Ledger`] makes both.
    ///
    /// # Errors
    /// When the disk refuses; what is held is then what was held before.
    fn commit(&mut self, changes: &[Change], head: &Head) -> Result<(), StateError>;
}

/// What is known about the rows of a store without holding them: enough to compute differences and heads.
#[derive(Debug, Clone, Default)]
pub struct Ledger {
    rows: BTreeMap<Vec<u8>, SetHash>,
    hash: SetHash,
    serial: u64,
}

impl Ledger {
    /// The ledger of rows just read, which `head` vouches for.
    pub fn of(head: &Head, rows: &Rows) -> Self {
        let (hashes, hash) = hash_all(rows);
        Ledger {
            rows: hashes,
            hash,
            serial: head.serial,
        }
    }

    /// What turns the rows in the store into `rows`, and the head that then vouches for them.
    pub fn difference(&self, rows: Rows, journal: Position) -> (Vec<Change>, Head) {
        let mut changes = Vec::new();
        let mut hash = self.hash;
        for (key, old) in self.rows.iter().filter(|(key, _)| !rows.contains_key(*key)) {
            hash.remove(*old);
            changes.push(Change {
                key: key.clone(),
                value: None,
            });
        }
        let count = rows.len() as u64;
        for (key, value) in rows {
            let new = SetHash::of(&key, &value);
            let old = self.rows.get(&key);
            if old == Some(&new) {
                continue;
            }
            if let Some(old) = old {
                hash.remove(*old);
            }
            hash.add(new);
            changes.push(Change {
                key,
                value: Some(value),
            });
        }
        (
            changes,
            Head {
                format: FORMAT,
                serial: self.serial + 1,
                journal,
                count,
                hash,
            },
        )
    }

    /// Notes that `changes` and `head` were committed.
    pub fn committed(&mut self, changes: &[Change], head: &Head) {
        for change in changes {
            match &change.value {
                Some(value) => self
                    .rows
                    .insert(change.key.clone(), SetHash::of(&change.key, value)),
                None => self.rows.remove(&change.key),
            };
        }
        self.hash = head.hash;
        self.serial = head.serial;
    }
}

fn hash_all(rows: &Rows) -> (BTreeMap<Vec<u8>, SetHash>, SetHash) {
    let mut all = SetHash::default();
    let hashes = rows
        .iter()
        .map(|(key, value)| {
            let hash = SetHash::of(key, value);
            all.add(hash);
            (key.clone(), hash)
        })
        .collect();
    (hashes, all)
}

/// What is wrong with a checkpoint, if anything: whether the head vouches for these rows.
pub fn mismatch(head: &Head, rows: &Rows) -> Option<String> {
    if head.count != rows.len() as u64 {
        return Some(format!(
            "it should hold {} rows, and holds {}",
            head.count,
            rows.len()
        ));
    }
    (hash_all(rows).1 != head.hash).then(|| "its rows do not match their checksum".to_owned())
}

/// Encodes a head, with a checksum of its own.
pub fn encode_head(head: &Head) -> Vec<u8> {
    let body = postcard::to_stdvec(head).unwrap_or_default();
    let mut out = blake3::hash(&body).as_bytes().to_vec();
    out.extend_from_slice(&body);
    out
}

/// Reads a head.
///
/// # Errors
/// [`HeadError`]
pub fn decode_head(bytes: &[u8]) -> Result<Head, HeadError> {
    let (check, body) = bytes.split_first_chunk::<32>().ok_or(HeadError::Damaged)?;
    if blake3::hash(body).as_bytes() != check {
        return Err(HeadError::Damaged);
    }
    // The format comes first in every version, so that a newer one is told from damage.
    let (format, _) = postcard::take_from_bytes::<u32>(body).map_err(|_| HeadError::Damaged)?;
    if format > FORMAT {
        return Err(HeadError::Newer(format));
    }
    postcard::from_bytes(body).map_err(|_| HeadError::Damaged)
}

/// Why a head cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HeadError {
    /// It does not match its checksum.
    Damaged,
    /// A newer rolecall wrote it.
    Newer(u32),
}

/// A value as pieces no longer than [`MAX_PIECE`]; an empty value is one empty piece.
pub fn pieces(value: &[u8]) -> impl ExactSizeIterator<Item = &[u8]> {
    let empty: &[&[u8]] = if value.is_empty() { &[&[]] } else { &[] };
    let count = value.len().div_ceil(MAX_PIECE) + empty.len();
    (0..count).map(move |n| {
        let start = n * MAX_PIECE;
        value
            .get(start..(start + MAX_PIECE).min(value.len()))
            .unwrap_or(&[])
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Rows> {
        prop::collection::btree_map(
            prop::collection::vec(0_u8..4, 0..3),
            prop::collection::vec(any::<u8>(), 0..6),
            0..12,
        )
    }

    fn apply(rows: &mut Rows, changes: &[Change]) {
        for change in changes {
            match &change.value {
                Some(value) => rows.insert(change.key.clone(), value.clone()),
                None => rows.remove(&change.key),
            };
        }
    }

    proptest! {
        #![proptest_config(crate::testing::property(256))]

        #[test]
        fn the_head_vouches_for_exactly_the_rows(versions in prop::collection::vec(rows(), 1..5)) {
            let mut ledger = Ledger::default();
            let mut held = Rows::new();
            for (n, wanted) in versions.into_iter().enumerate() {
                let (changes, head) = ledger.difference(wanted.clone(), Position::start());
                apply(&mut held, &changes);
                ledger.committed(&changes, &head);
                prop_assert_eq!(&held, &wanted);
                prop_assert_eq!(head.serial, n as u64 + 1);
                prop_assert_eq!(mismatch(&head, &held), None);
                let again = Ledger::of(&head, &held).difference(wanted, Position::start());
                prop_assert!(again.0.is_empty());
                prop_assert_eq!(again.1.hash, head.hash);
            }
        }

        #[test]
        fn any_other_rows_are_a_mismatch(wanted in rows(), other in rows()) {
            let (_, head) = Ledger::default().difference(wanted.clone(), Position::start());
            prop_assert_eq!(mismatch(&head, &other).is_none(), wanted == other);
        }

        #[test]
        fn a_damaged_head_is_noticed(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let (_, head) = Ledger::default().difference(Rows::from([(vec![1], vec![2])]), Position::start());
            let mut bytes = encode_head(&head);
            prop_assert_eq!(decode_head(&bytes), Ok(head));
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert_eq!(decode_head(&bytes), Err(HeadError::Damaged));
        }
    }

    #[test]
    fn pieces_fit_and_join_to_the_value() {
        for length in [0, 1, MAX_PIECE - 1, MAX_PIECE, MAX_PIECE + 1, 3 * MAX_PIECE] {
            let value: Vec<u8> = (0..length).map(|n| n as u8).collect();
            let cut: Vec<&[u8]> = pieces(&value).collect();
            assert!(cut.iter().all(|piece| piece.len() <= MAX_PIECE));
            assert_eq!(cut.len(), length.div_ceil(MAX_PIECE).max(1));
            assert_eq!(cut.concat(), value);
        }
    }
}
