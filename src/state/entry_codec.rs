//! Entries as records of the journal, and back.
//!
//! An entry is written as MessagePack with field names, and compressed when it is long: a reading of a large
//! instance is mostly names and small numbers. The record's kind tells what it is without decoding it.

use super::entry::Entry;
use super::journal::Record;
use super::{Kinds, StateError, inconsistent};

/// The payload is MessagePack.
const PLAIN: u16 = 1;
/// The payload is MessagePack, compressed by zstd.
const COMPRESSED: u16 = 2;

/// Shorter payloads are not worth compressing.
const COMPRESS_FROM: usize = 1024;

/// No payload unpacks to more; a reading of a million grants takes some 60 MB.
const MAX_UNPACKED: u64 = 4 << 30;

/// The kind of an entry, for ever.
fn kind(entry: &Entry) -> u16 {
    match entry {
        Entry::RunStarted(_) => RUN_STARTED,
        Entry::Intents { .. } => 2,
        Entry::Accepted { .. } => 3,
        Entry::Outcomes { .. } => 4,
        Entry::Recorded(_) => 5,
        Entry::Observed(_) => 6,
        Entry::RunFinished { .. } => 7,
        Entry::AddressMoved { .. } => 8,
        Entry::AddressRemoved { .. } => 9,
        Entry::Imported { .. } => 10,
        Entry::Confirmed { .. } => CONFIRMED,
        Entry::Noted(_) => NOTED,
        Entry::Frozen(_) => FROZEN,
        Entry::Lifted { .. } => LIFTED,
    }
}

/// The highest kind that this version knows.
const LAST_KIND: u16 = LIFTED;

/// The kind of the entry that a run begins with.
const RUN_STARTED: u16 = 1;

/// The kind of a reading that was the same as the one before.
const CONFIRMED: u16 = 11;

/// The kind of what a run without changes leaves.
const NOTED: u16 = 12;

/// The kind of a principal's freezing.
const FROZEN: u16 = 13;

/// The kind of its lifting.
const LIFTED: u16 = 14;

/// Whether a record is one of the entries that are asked for. What is not known is asked for, so that it is noticed.
pub fn is_among(record: &Record, kinds: Kinds) -> bool {
    match (kinds, record.kind) {
        (Kinds::Readings, kind) => !matches!(kind, 1..=5 | 7..=9 | NOTED..=LIFTED),
        (Kinds::Story, kind) => !matches!(kind, 2 | 3 | 5 | 6 | CONFIRMED),
        (Kinds::Deeds, kind) => !matches!(kind, 6 | CONFIRMED),
        (Kinds::All, _) => true,
    }
}

/// Whether a run begins with a record.
pub fn begins_run(record: &Record) -> bool {
    record.kind == RUN_STARTED
}

/// The record of an entry.
///
/// # Errors
/// When the entry holds something that has no serial form, which none does.
pub fn encode(entry: &Entry) -> Result<Record, StateError> {
    let plain = rmp_serde::to_vec_named(entry)
        .map_err(|error| inconsistent(&format!("an entry cannot be written: {error}")))?;
    let kind = kind(entry);
    if plain.len() < COMPRESS_FROM {
        return Ok(Record {
            kind,
            version: PLAIN,
            payload: plain,
        });
    }
    let payload = zstd::bulk::compress(&plain, 1)
        .map_err(|error| inconsistent(&format!("an entry cannot be compressed: {error}")))?;
    Ok(Record {
        kind,
        version: COMPRESSED,
        payload,
    })
}

/// The entry of a record; `None` for a kind that may be skipped.
///
/// # Errors
/// When a newer rolecall wrote it, or it is no entry.
pub fn decode(record: &Record) -> Result<Option<Entry>, StateError> {
    if record.kind > LAST_KIND && record.is_optional() {
        return Ok(None);
    }
    if record.kind > LAST_KIND || record.version > COMPRESSED {
        let found = u32::from(record.version.max(COMPRESSED + 1));
        return Err(StateError::Newer {
            found,
            known: COMPRESSED.into(),
        });
    }
    let bad = |error: &dyn std::fmt::Display| {
        inconsistent(&format!("the journal has an unreadable entry: {error}"))
    };
    let unpacked = match record.version {
        COMPRESSED => Some(unpack(&record.payload).map_err(|error| bad(&error))?),
        _ => None,
    };
    let bytes = unpacked.as_deref().unwrap_or(&record.payload);
    rmp_serde::from_slice(bytes)
        .map(Some)
        .map_err(|error| bad(&error))
}

/// The entries of records, in order.
///
/// # Errors
/// As [`decode`].
pub fn decode_all(records: &[Record]) -> Result<Vec<Entry>, StateError> {
    records
        .iter()
        .filter_map(|record| decode(record).transpose())
        .collect()
}

fn unpack(payload: &[u8]) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    let mut bytes = Vec::new();
    zstd::Decoder::new(payload)?
        .take(MAX_UNPACKED)
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn unknown_kinds_are_refused_unless_they_may_be_skipped() {
        let record = |kind| Record {
            kind,
            version: 1,
            payload: vec![1, 2, 3],
        };
        assert!(matches!(
            decode(&record(LAST_KIND + 1)),
            Err(StateError::Newer { .. })
        ));
        assert_eq!(decode(&record(Record::OPTIONAL)).unwrap(), None);
        assert!(matches!(decode(&record(1)), Err(StateError::Inconsistent(_))));
    }

    #[test]
    fn short_and_long_entries_round_trip() {
        for count in [1_u64, 5000] {
            let revokes = (0..count).map(crate::model::access::Tuple).collect();
            let entry = Entry::Intents {
                actions: Vec::new(),
                grants: Vec::new(),
                revokes,
            };
            let record = encode(&entry).unwrap();
            assert_eq!(record.version, if count == 1 { PLAIN } else { COMPRESSED });
            assert_eq!(decode(&record).unwrap(), Some(entry));
        }
    }
}
