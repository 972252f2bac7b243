//! The rows of a checkpoint: one compact row per account of access, and tables of names that only ever grow.
//!
//! An access row holds sorted (permission set, principal, note) triples of indices. They are grouped by permission
//! set, each index written as its distance from the one before, and notes as runs, because neighbours mostly
//! share theirs. A grant costs one to three bytes, and a million of them decode in a few milliseconds.
//!
//! ```text
//! row   = version:u8 grants:varint groups:varint group{groups} run*
//! group = set_distance:varint members:varint principal_distance:varint{members}
//! run   = note:varint length:varint                     the lengths add up to `grants`
//! ```

use std::ops::Range;

/// The encoding that this version writes.
const VERSION: u8 = 1;

/// One grant of an account: indices into tables that the caller keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    /// The permission set's index.
    pub set: u32,
    /// The principal's index.
    pub principal: u32,
    /// The index of what else is known about the grant: its note, shared by many.
    pub note: u32,
}

/// Why a row cannot be read. Rows lie under checksums, so this is a mistake of a writer or a row of another kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RowError {
    /// A newer rolecall wrote it.
    #[error("the row has version {0}, and this rolecall reads up to version {VERSION}")]
    Newer(u8),
    /// The bytes end too early.
    #[error("the row is cut short")]
    Short,
    /// Bytes follow the row's end.
    #[error("bytes follow the row's end")]
    Trailing,
    /// A number is larger than an index or a count can be.
    #[error("the row holds a number that is out of range")]
    Range,
    /// The pieces contradict each other.
    #[error("the row contradicts itself")]
    Inconsistent,
    /// A name is not UTF-8.
    #[error("the row holds a name that is not text")]
    NotText,
}

/// The cells were not strictly ascending by (set, principal), so they are no account's access.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the grants of a row are not in strictly ascending order at position {0}")]
pub struct Unsorted(pub usize);

/// Encodes an account's grants.
///
/// # Errors
/// When they are not strictly ascending by (set, principal).
pub fn encode_access(cells: &[Cell]) -> Result<Vec<u8>, Unsorted> {
    let ascending = |pair: &[Cell]| matches!(pair, [a, b] if (a.set, a.principal) < (b.set, b.principal));
    if let Some(at) = cells.windows(2).position(|pair| !ascending(pair)) {
        return Err(Unsorted(at + 1));
    }
    let groups = || cells.chunk_by(|a, b| a.set == b.set);
    let mut out = Vec::with_capacity(8 + cells.len() * 3);
    out.push(VERSION);
    put(&mut out, cells.len() as u64);
    put(&mut out, groups().count() as u64);
    let mut last_set = 0;
    for group in groups() {
        let set = group.first().map_or(0, |cell| cell.set);
        put(&mut out, u64::from(set - last_set));
        put(&mut out, group.len() as u64);
        last_set = set;
        let mut last = 0;
        for cell in group {
            put(&mut out, u64::from(cell.principal - last));
            last = cell.principal;
        }
    }
    for run in cells.chunk_by(|a, b| a.note == b.note) {
        put(&mut out, run.first().map_or(0, |cell| u64::from(cell.note)));
        put(&mut out, run.len() as u64);
    }
    Ok(out)
}

/// Appends an account's grants to `out`, and says where they are in it. Whatever the bytes are, no more is
/// allocated than a small multiple of their number.
///
/// # Errors
/// When the bytes are no such row; `out` is then as it was.
pub fn decode_access(bytes: &[u8], out: &mut Vec<Cell>) -> Result<Range<usize>, RowError> {
    let start = out.len();
    let result = decode_cells(bytes, out);
    if result.is_err() {
        out.truncate(start);
    }
    result.map(|()| start..out.len())
}

fn decode_cells(bytes: &[u8], out: &mut Vec<Cell>) -> Result<(), RowError> {
    let start = out.len();
    let mut input = versioned(bytes)?;
    let total = take_count(&mut input)?;
    let groups = take_count(&mut input)?;
    out.reserve(total);
    let mut last_set = None;
    for _ in 0..groups {
        let set = ascend(last_set, take(&mut input)?)?;
        let members = take_count(&mut input)?;
        if members == 0 || out.len() - start + members > total {
            return Err(RowError::Inconsistent);
        }
        last_set = Some(set);
        decode_group(&mut input, set, members, out)?;
    }
    let cells = out.get_mut(start..).unwrap_or_default();
    if cells.len() != total {
        return Err(RowError::Inconsistent);
    }
    decode_notes(&mut input, cells)?;
    if input.is_empty() {
        Ok(())
    } else {
        Err(RowError::Trailing)
    }
}

fn decode_group(input: &mut &[u8], set: u32, members: usize, out: &mut Vec<Cell>) -> Result<(), RowError> {
    let mut last = None;
    for _ in 0..members {
        let principal = ascend(last, take(input)?)?;
        last = Some(principal);
        out.push(Cell {
            set,
            principal,
            note: 0,
        });
    }
    Ok(())
}

fn decode_notes(input: &mut &[u8], cells: &mut [Cell]) -> Result<(), RowError> {
    let mut rest = cells;
    while !rest.is_empty() {
        let note = u32::try_from(take(input)?).map_err(|_| RowError::Range)?;
        let length = usize::try_from(take(input)?).map_err(|_| RowError::Range)?;
        let (run, later) = rest.split_at_mut_checked(length).ok_or(RowError::Inconsistent)?;
        if run.is_empty() {
            return Err(RowError::Inconsistent);
        }
        run.iter_mut().for_each(|cell| cell.note = note);
        rest = later;
    }
    Ok(())
}

/// The index that lies `distance` behind the last one; the first lies behind zero, and only it may be zero itself.
fn ascend(last: Option<u32>, distance: u64) -> Result<u32, RowError> {
    if last.is_some() && distance == 0 {
        return Err(RowError::Inconsistent);
    }
    let index = u64::from(last.unwrap_or(0))
        .checked_add(distance)
        .ok_or(RowError::Range)?;
    u32::try_from(index).map_err(|_| RowError::Range)
}

/// Encodes a table of names, or the part of one that fits a row. Names keep their place for ever: a table grows
/// at its end, so adding a name rewrites the last row only.
pub fn encode_names<'a>(names: impl ExactSizeIterator<Item = &'a str>) -> Vec<u8> {
    let mut out = vec![VERSION];
    put(&mut out, names.len() as u64);
    for name in names {
        put(&mut out, name.len() as u64);
        out.extend_from_slice(name.as_bytes());
    }
    out
}

/// The names of a row, in order.
///
/// # Errors
/// When the bytes are no such row.
pub fn decode_names(bytes: &[u8]) -> Result<Vec<&str>, RowError> {
    let mut input = versioned(bytes)?;
    let count = take_count(&mut input)?;
    let mut names = Vec::with_capacity(count);
    for _ in 0..count {
        let length = take_count(&mut input)?;
        let (name, rest) = input.split_at_checked(length).ok_or(RowError::Short)?;
        names.push(std::str::from_utf8(name).map_err(|_| RowError::NotText)?);
        input = rest;
    }
    if input.is_empty() {
        Ok(names)
    } else {
        Err(RowError::Trailing)
    }
}

fn versioned(bytes: &[u8]) -> Result<&[u8], RowError> {
    match bytes.split_first() {
        None => Err(RowError::Short),
        Some((&VERSION, rest)) => Ok(rest),
        Some((&version, _)) if version > VERSION => Err(RowError::Newer(version)),
        Some(_) => Err(RowError::Range),
    }
}

fn put(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[inline]
fn take(input: &mut &[u8]) -> Result<u64, RowError> {
    match input.split_first() {
        Some((&byte, rest)) if byte < 0x80 => {
            *input = rest;
            Ok(u64::from(byte))
        }
        _ => take_long(input),
    }
}

#[inline]
fn take_long(input: &mut &[u8]) -> Result<u64, RowError> {
    let mut value = 0_u64;
    let mut shift = 0;
    while let Some((&byte, rest)) = input.split_first() {
        *input = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Ok(value);
        }
        shift += 7;
        if shift > 56 {
            return Err(RowError::Range);
        }
    }
    Err(RowError::Short)
}

/// A number of things that each take a byte at least, so it cannot exceed the bytes that are left.
fn take_count(input: &mut &[u8]) -> Result<usize, RowError> {
    let count = usize::try_from(take(input)?).map_err(|_| RowError::Range)?;
    if count > input.len() {
        Err(RowError::Short)
    } else {
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn cells() -> impl Strategy<Value = Vec<Cell>> {
        let index = prop_oneof![0_u32..5, 0_u32..1000, any::<u32>()];
        prop::collection::btree_map((index.clone(), index), 0_u32..4, 0..60).prop_map(
            |map: BTreeMap<_, _>| {
                map.into_iter()
                    .map(|((set, principal), note)| Cell { set, principal, note })
                    .collect()
            },
        )
    }

    proptest! {
        #![proptest_config(crate::testing::property(256))]

        #[test]
        fn access_round_trips(cells in cells()) {
            let row = encode_access(&cells).unwrap();
            let mut out = vec![Cell { set: 9, principal: 9, note: 9 }];
            let range = decode_access(&row, &mut out).unwrap();
            prop_assert_eq!(range.clone(), 1..1 + cells.len());
            prop_assert_eq!(&out[range], &cells[..]);
        }

        #[test]
        fn damaged_rows_are_errors_or_other_sorted_rows(cells in cells(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
            let mut row = encode_access(&cells).unwrap();
            let at = at.index(row.len());
            row[at] = byte;
            let mut out = Vec::new();
            if decode_access(&row, &mut out).is_ok() {
                prop_assert!(encode_access(&out).is_ok());
            } else {
                prop_assert!(out.is_empty());
            }
            prop_assert!(decode_access(&row[..at], &mut Vec::new()).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(mut bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = decode_access(&bytes, &mut Vec::new());
            let _ = decode_names(&bytes);
            bytes.insert(0, VERSION);
            let _ = decode_access(&bytes, &mut Vec::new());
            let _ = decode_names(&bytes);
        }

        #[test]
        fn names_round_trip(names in prop::collection::vec(".{0,20}", 0..40)) {
            let row = encode_names(names.iter().map(String::as_str));
            prop_assert_eq!(decode_names(&row).unwrap(), names);
        }
    }

    #[test]
    fn cells_out_of_order_are_refused() {
        let cell = |set, principal| Cell {
            set,
            principal,
            note: 0,
        };
        assert_eq!(encode_access(&[cell(1, 1), cell(1, 1)]), Err(Unsorted(1)));
        assert_eq!(
            encode_access(&[cell(0, 0), cell(1, 1), cell(0, 2)]),
            Err(Unsorted(2))
        );
    }

    #[test]
    fn a_newer_row_is_named_as_such() {
        assert_eq!(
            decode_access(&[2, 0, 0], &mut Vec::new()),
            Err(RowError::Newer(2))
        );
    }

    #[test]
    fn a_count_without_bytes_allocates_nothing() {
        let mut row = vec![VERSION];
        put(&mut row, u64::from(u32::MAX));
        let mut out = Vec::new();
        assert_eq!(decode_access(&row, &mut out), Err(RowError::Short));
        assert_eq!(out.capacity(), 0);
    }

    /// A thousand principals spread over 300 sets, as in a large organisation, take two bytes a grant and a bit.
    #[test]
    fn rows_are_small() {
        let cells: Vec<Cell> = (0..200)
            .flat_map(|set| {
                (0..2).map(move |p| Cell {
                    set,
                    principal: (set * 37 + p * 400) % 500 + p * 400,
                    note: 0,
                })
            })
            .collect();
        let row = encode_access(&cells).unwrap();
        assert!(
            row.len() <= cells.len() * 3 + 8,
            "{} bytes for {} grants",
            row.len(),
            cells.len()
        );
    }
}
