//! Exports: the whole state as one JSON document, compressed, readable by people and by every later version.
//!
//! The document is canonical because what it holds is: ordered maps, sorted vectors, fields in the order of
//! their types. Reading takes anything that claims to be an export, so it trusts nothing: sizes are limited
//! before and after decompression, and a newer format is refused.

use std::io::{self, Read, Write};

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

/// The format that this version writes.
pub const FORMAT: u32 = 1;

/// What every export says it is.
pub const KIND: &str = "rolecall state";

const ZSTD_MAGIC: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// zstd's level: beyond it the time doubles for a few per cent.
const LEVEL: i32 = 3;

/// How big an export may be.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Bytes as they come.
    pub packed: u64,
    /// Bytes of JSON.
    pub unpacked: u64,
}

impl Default for Limits {
    /// Ten times what the largest organisation's state takes.
    fn default() -> Self {
        Limits {
            packed: 256 << 20,
            unpacked: 2 << 30,
        }
    }
}

/// Why something is no export.
#[derive(Debug, thiserror::Error)]
pub enum ExportError {
    /// It is larger than allowed.
    #[error("it is larger than {limit} bytes{}", if *.unpacked { " of JSON" } else { "" })]
    TooLarge {
        /// The limit.
        limit: u64,
        /// Whether that is the limit after decompression.
        unpacked: bool,
    },
    /// It is not an export of a rolecall state.
    #[error("it is not an export of a rolecall state")]
    NotAnExport,
    /// A newer rolecall wrote it.
    #[error("it has format {0}, and this rolecall reads up to format {FORMAT}; use a newer rolecall")]
    Newer(u32),
    /// It is damaged: compression or JSON is broken, or a value is none that a state can have.
    #[error("it is damaged: {0}")]
    Damaged(String),
    /// Reading or writing failed.
    #[error("{0}")]
    Io(#[from] io::Error),
}

#[derive(Serialize)]
struct Written<'a, T> {
    kind: &'static str,
    format: u32,
    state: &'a T,
}

/// The beginning of an export, whatever the format: what tells it from other JSON.
#[derive(Deserialize)]
struct Label {
    #[serde(default)]
    kind: String,
    #[serde(default)]
    format: u32,
}

#[derive(Deserialize)]
struct Document<T> {
    state: T,
}

/// Writes an export.
///
/// # Errors
/// When writing fails.
pub fn write<T: Serialize>(state: &T, out: impl Write) -> Result<(), ExportError> {
    let mut packer = zstd::Encoder::new(out, LEVEL)?;
    packer.include_checksum(true)?;
    let mut buffered = io::BufWriter::with_capacity(1 << 16, packer);
    write_json(state, &mut buffered)?;
    buffered
        .into_inner()
        .map_err(|error| ExportError::Io(error.into_error()))?
        .finish()?;
    Ok(())
}

/// Writes an export as plain JSON, for people and other tools.
///
/// # Errors
/// When writing fails.
pub fn write_json<T: Serialize>(state: &T, out: impl Write) -> Result<(), ExportError> {
    let document = Written {
        kind: KIND,
        format: FORMAT,
        state,
    };
    serde_json::to_writer(out, &document).map_err(|error| ExportError::Io(error.into()))
}

/// Reads an export, compressed or plain.
///
/// # Errors
/// When it is too large, damaged, newer, or none.
pub fn read<T: DeserializeOwned>(input: impl Read, limits: Limits) -> Result<T, ExportError> {
    let packed = limited(input, limits.packed, false)?;
    let json = if packed.starts_with(&ZSTD_MAGIC) {
        unpack(&packed, limits.unpacked)?
    } else {
        packed
    };
    let damaged = |error: serde_json::Error| ExportError::Damaged(error.to_string());
    let label: Label = match serde_json::from_slice(&json) {
        Ok(label) => label,
        Err(error) if error.is_data() => return Err(ExportError::NotAnExport),
        Err(error) => return Err(damaged(error)),
    };
    if label.kind != KIND {
        return Err(ExportError::NotAnExport);
    }
    if label.format > FORMAT {
        return Err(ExportError::Newer(label.format));
    }
    let document: Document<T> = serde_json::from_slice(&json).map_err(damaged)?;
    Ok(document.state)
}

fn unpack(packed: &[u8], limit: u64) -> Result<Vec<u8>, ExportError> {
    let mut decoder = zstd::Decoder::new(packed)?;
    // A window of more than 128 MB is none that we write, and would be memory that a stranger decides about.
    decoder.window_log_max(27)?;
    limited(decoder, limit, true)
}

fn limited(input: impl Read, limit: u64, unpacked: bool) -> Result<Vec<u8>, ExportError> {
    let mut bytes = Vec::new();
    let read = input.take(limit.saturating_add(1)).read_to_end(&mut bytes);
    match read {
        Err(error) if unpacked => Err(ExportError::Damaged(error.to_string())),
        Err(error) => Err(error.into()),
        Ok(length) if length as u64 > limit => Err(ExportError::TooLarge { limit, unpacked }),
        Ok(_) => Ok(bytes),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    type State = BTreeMap<String, Vec<u32>>;

    fn packed(state: &State) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(state, &mut bytes).unwrap();
        bytes
    }

    fn back(bytes: &[u8]) -> Result<State, ExportError> {
        read(bytes, Limits::default())
    }

    proptest! {
        #![proptest_config(crate::testing::property(256))]

        #[test]
        fn exports_round_trip_packed_and_plain(state in prop::collection::btree_map(".{0,8}", prop::collection::vec(any::<u32>(), 0..5), 0..6)) {
            prop_assert_eq!(back(&packed(&state)).unwrap(), state.clone());
            let mut plain = Vec::new();
            write_json(&state, &mut plain).unwrap();
            prop_assert_eq!(back(&plain).unwrap(), state);
        }

        #[test]
        fn damage_is_never_silently_wrong(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let state = State::from([("a".to_owned(), (0..500).collect())]);
            let mut bytes = packed(&state);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            if let Ok(read) = back(&bytes) {
                prop_assert_eq!(read, state);
            }
        }
    }

    #[test]
    fn a_small_file_that_unpacks_to_a_huge_one_is_refused() {
        let bomb = zstd::encode_all(io::repeat(b' ').take(64 << 20), 3).unwrap();
        assert!(bomb.len() < 100_000);
        let limits = Limits {
            packed: 1 << 20,
            unpacked: 1 << 20,
        };
        let error = read::<State>(&bomb[..], limits).unwrap_err();
        assert!(
            matches!(error, ExportError::TooLarge { unpacked: true, .. }),
            "{error}"
        );
        let error = read::<State>(
            &[b' '; 100][..],
            Limits {
                packed: 99,
                unpacked: 99,
            },
        )
        .unwrap_err();
        assert!(
            matches!(
                error,
                ExportError::TooLarge {
                    unpacked: false,
                    limit: 99
                }
            ),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_export_is_said_to_be_none() {
        assert!(matches!(
            back(br#"{"version":4,"resources":[]}"#),
            Err(ExportError::NotAnExport)
        ));
        assert!(matches!(back(b"[1]"), Err(ExportError::NotAnExport)));
        assert!(matches!(back(b"{"), Err(ExportError::Damaged(_))));
        let newer = br#"{"kind":"rolecall state","format":9,"other":1}"#;
        assert!(matches!(back(newer), Err(ExportError::Newer(9))));
        let deep = [b"{\"a\":".repeat(10_000), b"1".to_vec()].concat();
        assert!(back(&deep).is_err());
    }
}
