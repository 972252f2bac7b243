//! The journal's bytes: how records become frames of an append-only file, and back. No input or output here.
//!
//! A journal is a file header and then frames. A frame holds the records that became durable together, because
//! each is written by one write and one fsync. That makes the rule for reading simple: only the last frame can
//! be the victim of a crash, so only the last frame may be incomplete, and anything else wrong is damage.
//!
//! ```text
//! file    = header frame*
//! header  = "rolecall journal" format:u16 reserved:u16 check:[u8; 12]             32 bytes
//! frame   = mark:"jrnl" body_len:u32 first:u64 check:[u8; 8]  body  chain:[u8; 32]
//! body    = record*
//! record  = kind:u16 version:u16 len:u32 payload:[u8; len]
//! ```
//!
//! Numbers are little-endian. `first` is the number of the frame's first record. `check` and `chain` are blake3
//! over the chain before them and what they cover, so a frame that is flipped, moved, repeated or missing breaks
//! the chain at its place.

/// The format that this version writes; it reads this one and all before it.
pub const FORMAT: u16 = 1;

/// Bytes of the file header, where the first frame starts.
pub const FILE_HEADER: usize = 32;

/// Bytes of a frame before its body.
pub const FRAME_HEADER: usize = 24;

/// Bytes of a frame after its body.
pub const FRAME_TRAILER: usize = 32;

/// The longest body that is written; a longer batch becomes several frames.
pub const MAX_BODY: usize = 64 << 20;

/// How a journal begins.
pub const MAGIC: &[u8; 16] = b"rolecall journal";
const MARK: &[u8; 4] = b"jrnl";
const RECORD_HEADER: usize = 8;

/// One entry of the journal, opaque at this level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// What kind of entry the payload is. Kinds from [`Record::OPTIONAL`] on may be skipped by a reader that
    /// does not know them; all others must be understood.
    pub kind: u16,
    /// The version of the payload's encoding, so that old payloads can be migrated when they are read.
    pub version: u16,
    /// The entry's bytes.
    pub payload: Vec<u8>,
}

impl Record {
    /// The first kind that a reader may skip when it does not know it.
    pub const OPTIONAL: u16 = 0x8000;

    /// Whether a reader that does not know this kind may skip it.
    pub fn is_optional(&self) -> bool {
        self.kind >= Self::OPTIONAL
    }

    fn encoded_len(&self) -> usize {
        RECORD_HEADER + self.payload.len()
    }
}

/// A place between two frames: what lies before it is known by its length, its number of records and its hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Position {
    /// Bytes before this place.
    pub offset: u64,
    /// Records before this place.
    pub records: u64,
    /// The hash chained over everything before this place.
    pub chain: [u8; 32],
}

impl Position {
    /// The place of the first frame, right behind the header of the format this version writes.
    pub fn start() -> Self {
        Position {
            offset: FILE_HEADER as u64,
            records: 0,
            chain: *blake3::hash(&encode_header()).as_bytes(),
        }
    }
}

/// What is wrong with a journal's bytes, and where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Damage {
    /// The file does not start like a journal.
    #[error("the file does not start as a journal does")]
    NotAJournal,
    /// The file's header does not match its checksum.
    #[error("the file's header does not match its checksum")]
    Header,
    /// A newer rolecall wrote this file.
    #[error("it has format {found}, and this rolecall reads up to format {FORMAT}")]
    Newer {
        /// The format found.
        found: u16,
    },
    /// A frame's header is not what the chain before it demands.
    #[error("the frame at byte {offset} does not follow from what is before it")]
    Frame {
        /// Where the frame starts.
        offset: u64,
    },
    /// A frame's body or trailer does not match its checksum.
    #[error("the frame at byte {offset} does not match its checksum")]
    Body {
        /// Where the frame starts.
        offset: u64,
    },
    /// The checksums hold, but the records inside make no sense: a mistake of the writer, not of the disk.
    #[error("the frame at byte {offset} holds a record that is cut short")]
    Record {
        /// Where the frame starts.
        offset: u64,
    },
}

impl Damage {
    /// Where in the file the damage was noticed.
    pub fn offset(&self) -> u64 {
        match self {
            Damage::NotAJournal | Damage::Header | Damage::Newer { .. } => 0,
            Damage::Frame { offset } | Damage::Body { offset } | Damage::Record { offset } => *offset,
        }
    }
}

/// A frame that a crash left incomplete at the end of the file. Nothing in it was acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Torn {
    /// Where the incomplete frame starts, which is where the next one belongs.
    pub offset: u64,
    /// How many bytes of it there are.
    pub bytes: u64,
}

/// What a look at the bytes behind a position found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// The window is too short to tell; call again with at least so many bytes, which the file has.
    Need(usize),
    /// A whole frame: its records, and the position behind it.
    Frame(Vec<Record>, Position),
    /// The file ends here.
    End,
    /// The file ends in a frame that was never finished.
    Torn(Torn),
}

/// The header of a new journal.
pub fn encode_header() -> [u8; FILE_HEADER] {
    let mut start = [0; 20];
    let (magic, rest) = start.split_at_mut(16);
    magic.copy_from_slice(MAGIC);
    rest.copy_from_slice(&u32::from(FORMAT).to_le_bytes());
    let mut header = [0; FILE_HEADER];
    let (head, check) = header.split_at_mut(20);
    head.copy_from_slice(&start);
    check.copy_from_slice(
        blake3::hash(&start)
            .as_bytes()
            .first_chunk::<12>()
            .unwrap_or(&[0; 12]),
    );
    header
}

/// Reads a file header, and says where the first frame is.
///
/// # Errors
/// When this is no journal, or one of a newer format.
pub fn decode_header(header: &[u8; FILE_HEADER]) -> Result<Position, Damage> {
    let (start, check) = header.split_at(20);
    let (magic, format) = start.split_at(16);
    if magic != MAGIC {
        return Err(Damage::NotAJournal);
    }
    if !blake3::hash(start).as_bytes().starts_with(check) {
        return Err(Damage::Header);
    }
    let found = format
        .first_chunk::<2>()
        .map_or(0, |bytes| u16::from_le_bytes(*bytes));
    if found > FORMAT {
        return Err(Damage::Newer { found });
    }
    Ok(Position {
        offset: FILE_HEADER as u64,
        records: 0,
        chain: *blake3::hash(header).as_bytes(),
    })
}

/// Appends the frames that hold `records` to `out`; what was written ends at the returned position.
///
/// Almost always that is one frame. Only a batch beyond [`MAX_BODY`] becomes several.
pub fn encode_frames(from: Position, records: &[Record], out: &mut Vec<u8>) -> Position {
    let mut position = from;
    let mut rest = records;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(fitting(rest));
        position = encode_frame(position, now, out);
        rest = later;
    }
    position
}

/// How many records go into the next frame: all that fit, and one at least.
fn fitting(records: &[Record]) -> usize {
    let mut total = 0;
    let count = records
        .iter()
        .take_while(|record| {
            total += record.encoded_len();
            total <= MAX_BODY
        })
        .count();
    count.max(1)
}

fn encode_frame(from: Position, records: &[Record], out: &mut Vec<u8>) -> Position {
    let body_len: usize = records.iter().map(Record::encoded_len).sum();
    let start = out.len();
    out.reserve(FRAME_HEADER + body_len + FRAME_TRAILER);
    out.extend_from_slice(MARK);
    out.extend_from_slice(&(body_len as u32).to_le_bytes());
    out.extend_from_slice(&from.records.to_le_bytes());
    let check = header_check(&from, out.get(start..).unwrap_or(&[]));
    out.extend_from_slice(&check);
    for record in records {
        out.extend_from_slice(&record.kind.to_le_bytes());
        out.extend_from_slice(&record.version.to_le_bytes());
        out.extend_from_slice(&(record.payload.len() as u32).to_le_bytes());
        out.extend_from_slice(&record.payload);
    }
    let chain = frame_chain(&from, out.get(start..).unwrap_or(&[]));
    out.extend_from_slice(&chain);
    Position {
        offset: from.offset + (out.len() - start) as u64,
        records: from.records + records.len() as u64,
        chain,
    }
}

fn header_check(from: &Position, header: &[u8]) -> [u8; 8] {
    let mut hasher = blake3::Hasher::new_keyed(&from.chain);
    hasher.update(b"header").update(header);
    *hasher.finalize().as_bytes().first_chunk::<8>().unwrap_or(&[0; 8])
}

fn frame_chain(from: &Position, frame: &[u8]) -> [u8; 32] {
    *blake3::keyed_hash(&from.chain, frame).as_bytes()
}

/// Looks at the bytes behind `at`: `window` is what has been read of them, `remaining` how many the file has.
///
/// # Errors
/// Damage: bytes that no crash of a writer explains.
pub fn decode_frame(at: Position, window: &[u8], remaining: u64) -> Result<Step, Damage> {
    if remaining == 0 {
        return Ok(Step::End);
    }
    let torn = Step::Torn(Torn {
        offset: at.offset,
        bytes: remaining,
    });
    if remaining < FRAME_HEADER as u64 {
        return Ok(torn);
    }
    let Some(header) = window.first_chunk::<FRAME_HEADER>() else {
        return Ok(Step::Need(FRAME_HEADER));
    };
    let Some(body_len) = parse_frame_header(&at, header) else {
        return match unwritten_rest(window, remaining) {
            Rest::Unwritten => Ok(torn),
            Rest::Unknown => Ok(Step::Need(remaining as usize)),
            Rest::Written => Err(Damage::Frame { offset: at.offset }),
        };
    };
    let whole = (FRAME_HEADER + FRAME_TRAILER) as u64 + u64::from(body_len);
    if remaining < whole {
        return Ok(torn);
    }
    let Some((frame, _)) = window.split_at_checked(whole as usize) else {
        return Ok(Step::Need(whole as usize));
    };
    let (covered, chain) = frame.split_at(frame.len() - FRAME_TRAILER);
    let expected = frame_chain(&at, covered);
    if expected != chain {
        return if remaining == whole && is_unwritten(chain, &expected) {
            Ok(torn)
        } else {
            Err(Damage::Body { offset: at.offset })
        };
    }
    let body = covered.get(FRAME_HEADER..).unwrap_or(&[]);
    let records = decode_body(body).ok_or(Damage::Record { offset: at.offset })?;
    let end = Position {
        offset: at.offset + whole,
        records: at.records + records.len() as u64,
        chain: expected,
    };
    Ok(Step::Frame(records, end))
}

/// The body's length, if the header is the one that belongs here.
fn parse_frame_header(at: &Position, header: &[u8; FRAME_HEADER]) -> Option<u32> {
    let (covered, check) = header.split_at(16);
    if header_check(at, covered) != check {
        return None;
    }
    let rest = covered.strip_prefix(MARK)?;
    let (len, first) = rest.split_first_chunk::<4>()?;
    (first == at.records.to_le_bytes()).then_some(u32::from_le_bytes(*len))
}

/// What lies behind a frame's header.
enum Rest {
    Unwritten,
    Written,
    Unknown,
}

/// A crash of the whole machine can leave a file that was made longer before its bytes arrived: zeros to the end.
fn unwritten_rest(window: &[u8], remaining: u64) -> Rest {
    let behind = window.get(FRAME_HEADER..).unwrap_or(&[]);
    if behind.iter().any(|byte| *byte != 0) {
        Rest::Written
    } else if (window.len() as u64) < remaining {
        Rest::Unknown
    } else {
        Rest::Unwritten
    }
}

/// Whether a trailer is the start of what it should be, or of nothing, and zeros from there on. A few zero bytes
/// prove nothing, since a flipped bit can make one; disks write at least 512 bytes at a time.
fn is_unwritten(trailer: &[u8], expected: &[u8]) -> bool {
    let same = trailer.iter().zip(expected).take_while(|(a, b)| a == b).count();
    let zeros = trailer.iter().rev().take_while(|byte| **byte == 0).count();
    zeros >= 8 && same + zeros >= trailer.len()
}

fn decode_body(mut body: &[u8]) -> Option<Vec<Record>> {
    let mut records = Vec::new();
    while !body.is_empty() {
        let (kind, rest) = body.split_first_chunk::<2>()?;
        let (version, rest) = rest.split_first_chunk::<2>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (payload, rest) = rest.split_at_checked(u32::from_le_bytes(*len) as usize)?;
        records.push(Record {
            kind: u16::from_le_bytes(*kind),
            version: u16::from_le_bytes(*version),
            payload: payload.to_vec(),
        });
        body = rest;
    }
    Some(records)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Everything that a journal in memory holds.
    fn read(bytes: &[u8]) -> Result<(Vec<Record>, Option<Torn>), Damage> {
        let Some(header) = bytes.first_chunk::<FILE_HEADER>() else {
            return Err(Damage::NotAJournal);
        };
        let mut at = decode_header(header)?;
        let mut records = Vec::new();
        loop {
            let window = &bytes[at.offset as usize..];
            match decode_frame(at, window, window.len() as u64)? {
                Step::Frame(more, end) => {
                    records.extend(more);
                    at = end;
                }
                Step::End => return Ok((records, None)),
                Step::Torn(torn) => return Ok((records, Some(torn))),
                Step::Need(_) => unreachable!("the window is the whole file"),
            }
        }
    }

    /// A journal of these batches, and the offsets at which a batch had become durable.
    fn journal(batches: &[Vec<Record>]) -> (Vec<u8>, Vec<(usize, usize)>) {
        let mut bytes = encode_header().to_vec();
        let mut position = Position::start();
        let mut durable = vec![(bytes.len(), 0)];
        for batch in batches {
            position = encode_frames(position, batch, &mut bytes);
            assert_eq!(position.offset as usize, bytes.len());
            durable.push((bytes.len(), position.records as usize));
        }
        (bytes, durable)
    }

    fn record() -> impl Strategy<Value = Record> {
        (
            any::<u16>(),
            any::<u16>(),
            prop::collection::vec(any::<u8>(), 0..40),
        )
            .prop_map(|(kind, version, payload)| Record {
                kind,
                version,
                payload,
            })
    }

    fn batches() -> impl Strategy<Value = Vec<Vec<Record>>> {
        prop::collection::vec(prop::collection::vec(record(), 1..5), 1..6)
    }

    proptest! {
        #![proptest_config(crate::testing::property(256))]

        #[test]
        fn what_is_written_is_read(batches in batches()) {
            let (bytes, _) = journal(&batches);
            prop_assert_eq!(read(&bytes), Ok((batches.concat(), None)));
        }

        #[test]
        fn a_kill_at_any_byte_keeps_everything_that_was_durable(batches in batches(), at in any::<prop::sample::Index>()) {
            let (bytes, durable) = journal(&batches);
            let cut = FILE_HEADER + at.index(bytes.len() - FILE_HEADER + 1);
            let kept = durable.iter().rev().find(|(end, _)| *end <= cut).unwrap();
            let (records, torn) = read(&bytes[..cut]).unwrap();
            prop_assert_eq!(&records[..], &batches.concat()[..kept.1]);
            prop_assert_eq!(torn.map(|torn| torn.offset as usize), (cut != kept.0).then_some(kept.0));
        }

        #[test]
        fn a_power_cut_that_left_zeros_behind_keeps_everything_that_was_durable(
            batches in batches(), at in any::<prop::sample::Index>(), zeros in 1_usize..5000,
        ) {
            let (bytes, durable) = journal(&batches);
            let cut = FILE_HEADER + at.index(bytes.len() - FILE_HEADER + 1);
            let kept = durable.iter().rev().find(|(end, _)| *end <= cut).unwrap();
            // A machine that loses power has made the file as long as the frame it was writing.
            let frame_end = durable.iter().map(|(end, _)| *end).find(|end| *end >= cut).unwrap();
            let mut file = bytes[..cut].to_vec();
            file.resize(if cut == kept.0 { cut + zeros } else { frame_end }, 0);
            prop_assume!(cut == kept.0 || frame_end - cut >= 8);
            let (records, torn) = read(&file).unwrap();
            prop_assert_eq!(&records[..], &batches.concat()[..kept.1]);
            prop_assert!(torn.is_some());
        }

        #[test]
        fn a_flipped_bit_is_always_noticed(batches in batches(), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            let (mut bytes, _) = journal(&batches);
            let at = at.index(bytes.len());
            bytes[at] ^= 1 << bit;
            prop_assert!(read(&bytes).is_err(), "flipping bit {bit} of byte {at} went unnoticed");
        }

        #[test]
        fn frames_that_are_dropped_repeated_or_swapped_are_noticed(batches in prop::collection::vec(prop::collection::vec(record(), 1..3), 3..5)) {
            let (bytes, durable) = journal(&batches);
            let frames: Vec<&[u8]> = durable.windows(2).map(|w| &bytes[w[0].0..w[1].0]).collect();
            let header = &bytes[..FILE_HEADER];
            prop_assert!(read(&[header, &frames[1..].concat()].concat()).is_err());
            prop_assert!(read(&[header, frames[0], frames[0], frames[1]].concat()).is_err());
            prop_assert!(read(&[header, frames[0], frames[2], frames[1]].concat()).is_err());
        }

        #[test]
        fn arbitrary_bytes_never_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
            let _ = read(&bytes);
            let _ = read(&[&encode_header()[..], &bytes].concat());
            let _ = decode_body(&bytes);
        }
    }

    #[test]
    fn a_newer_format_is_refused_and_named() {
        let mut start = [0; 20];
        start[..16].copy_from_slice(MAGIC);
        start[16] = 2;
        let mut header = [0; FILE_HEADER];
        header[..20].copy_from_slice(&start);
        header[20..].copy_from_slice(&blake3::hash(&start).as_bytes()[..12]);
        assert_eq!(decode_header(&header), Err(Damage::Newer { found: 2 }));
        assert!(Damage::Newer { found: 2 }.to_string().contains("format 2"));
    }

    #[test]
    fn a_big_batch_becomes_several_frames() {
        let big = Record {
            kind: 1,
            version: 1,
            payload: vec![7; MAX_BODY / 2],
        };
        let batch = vec![big.clone(), big.clone(), big];
        let (bytes, _) = journal(std::slice::from_ref(&batch));
        let marks = read(&bytes).unwrap();
        assert_eq!(marks.0.len(), 3);
        assert_eq!(
            bytes.len(),
            FILE_HEADER + 3 * (FRAME_HEADER + FRAME_TRAILER + RECORD_HEADER + MAX_BODY / 2)
        );
    }
}
