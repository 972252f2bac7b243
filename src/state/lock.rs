//! Who may write the state: the record in the lock file, and what to do about one that is already there.
//!
//! Each holder gets a number one higher than the holder before, its *fencing token*. It stays in the file when
//! the lock is released, so it grows for as long as the state lives, and whoever finds a higher one than their
//! own knows that they have been taken for dead. Files and processes are the adapter's; this decides.

use std::fmt;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{LockInfo, StateError};

/// The format of the lock file that this version writes.
pub const FORMAT: u32 = 1;

/// What the lock file holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LockRecord {
    /// The file's format.
    pub format: u32,
    /// The token of the holder, or of the last one if there is none now.
    pub token: u64,
    /// Who holds the lock.
    pub holder: Option<Holder>,
}

impl Default for LockRecord {
    fn default() -> Self {
        LockRecord {
            format: FORMAT,
            token: 0,
            holder: None,
        }
    }
}

/// Who holds the lock, and for how long.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// Who, where, what and since when.
    #[serde(flatten)]
    pub info: LockInfo,
    /// Until when, unless renewed.
    pub expires: Timestamp,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let LockInfo {
            owner,
            host,
            pid,
            command,
            since,
            ..
        } = &self.info;
        write!(f, "{owner} (`{command}`, process {pid} on {host}) since {since}")
    }
}

/// What is known about whether a holder's process still runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Liveness {
    /// It runs.
    Alive,
    /// It is gone.
    Dead,
    /// It is on another machine; only its lease tells.
    Unknown,
}

/// What to do about a lock record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// Nobody holds it.
    Free,
    /// Its holder is gone; take it, and say so.
    TakeOver(Takeover),
    /// Somebody holds it.
    Held(Holder),
}

/// A lock that was taken from a holder who is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Takeover {
    /// The former holder.
    pub from: Holder,
    /// Whether the process is known to be gone; otherwise its lease ran out.
    pub dead: bool,
}

impl fmt::Display for Takeover {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let why = if self.dead {
            "that process is gone".to_owned()
        } else {
            format!("its lease ended at {}", self.from.expires)
        };
        write!(f, "took over the lock that {} held: {why}", self.from)
    }
}

/// Why the lock is not ours.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error(
        "the state is locked by {holder}; wait for it (`--lock-timeout 10m`), or if that run is surely gone: \
         `rolecall force-unlock {}`", holder.info.id
    )]
    Held {
        /// Who.
        holder: Box<Holder>,
    },
    /// Somebody else has taken it, because we seemed to be gone.
    #[error("this run lost its lock{}: it must not write any more; run it again", taken_by(.by.as_deref()))]
    Lost {
        /// Who holds it now, if anybody.
        by: Option<Box<Holder>>,
    },
    /// `force-unlock` named another lock.
    #[error("the lock is not `{asked}`: it is `{}`, held by {holder}", holder.info.id)]
    OtherId {
        /// The id asked for.
        asked: String,
        /// Who holds it.
        holder: Box<Holder>,
    },
    /// `force-unlock` of a lock that nobody holds.
    #[error("the state is not locked")]
    NotLocked,
    /// The lock file cannot be used.
    #[error("the lock file {path} cannot be used: {reason}")]
    File {
        /// Its path.
        path: String,
        /// Why.
        reason: String,
    },
}

impl From<LockError> for StateError {
    fn from(error: LockError) -> Self {
        match error {
            LockError::Held { holder } => StateError::Locked(holder.info),
            LockError::File { path, reason } => StateError::Io {
                action: "cannot use the lock file".into(),
                file: path.into(),
                message: reason.into(),
            },
            LockError::Lost { .. } | LockError::OtherId { .. } | LockError::NotLocked => {
                StateError::Inconsistent(error.to_string().into())
            }
        }
    }
}

fn taken_by(holder: Option<&Holder>) -> String {
    holder.map_or_else(
        || " (somebody ran `rolecall force-unlock`)".to_owned(),
        |holder| format!(" to {holder}"),
    )
}

/// Reads a lock file; an empty one is a lock that nobody ever held.
///
/// # Errors
/// Why the text is no lock record, as a sentence that ends with the remedy.
pub fn parse(text: &[u8]) -> Result<LockRecord, String> {
    if text.iter().all(u8::is_ascii_whitespace) {
        return Ok(LockRecord::default());
    }
    let record: LockRecord = serde_json::from_slice(text).map_err(|error| {
        format!("it is damaged ({error}); if no rolecall runs on this state, delete the file")
    })?;
    if record.format > FORMAT {
        return Err(format!(
            "it has format {}, newer than this rolecall knows; upgrade rolecall",
            record.format
        ));
    }
    Ok(record)
}

/// What to do about the lock as it is.
pub fn decide(record: &LockRecord, liveness: Liveness, now: Timestamp) -> Decision {
    let Some(holder) = record.holder.clone() else {
        return Decision::Free;
    };
    match liveness {
        Liveness::Dead => Decision::TakeOver(Takeover {
            from: holder,
            dead: true,
        }),
        // A process that lives on this machine may be waiting for somebody's answer, however long that takes.
        Liveness::Unknown if holder.expires <= now => Decision::TakeOver(Takeover {
            from: holder,
            dead: false,
        }),
        Liveness::Alive | Liveness::Unknown => Decision::Held(holder),
    }
}

/// The record after `claim` has taken the lock; its id and its start are given here.
pub fn taken(record: &LockRecord, claim: &LockInfo, now: Timestamp, lease: Duration) -> LockRecord {
    let token = record.token + 1;
    let seed = format!(
        "{}\0{}\0{}\0{token}\0{}",
        claim.owner,
        claim.host,
        claim.pid,
        now.as_nanosecond()
    );
    let id: String = blake3::hash(seed.as_bytes()).to_hex().chars().take(16).collect();
    let info = LockInfo {
        id: id.into(),
        since: now,
        ..claim.clone()
    };
    LockRecord {
        format: FORMAT,
        token,
        holder: Some(Holder {
            info,
            expires: later(now, lease),
        }),
    }
}

/// The record after its holder has renewed the lease.
///
/// # Errors
/// When the lock is no longer that holder's.
pub fn renewed(
    record: &LockRecord,
    id: &str,
    now: Timestamp,
    lease: Duration,
) -> Result<LockRecord, LockError> {
    let mut next = record.clone();
    match &mut next.holder {
        Some(holder) if &*holder.info.id == id => {
            holder.expires = later(now, lease);
            Ok(next)
        }
        other => Err(LockError::Lost {
            by: other.take().map(Box::new),
        }),
    }
}

/// The record after its holder has let go; one that is somebody else's by now stays as it is.
pub fn released(record: &LockRecord, id: &str) -> LockRecord {
    let ours = record
        .holder
        .as_ref()
        .is_some_and(|holder| &*holder.info.id == id);
    LockRecord {
        holder: if ours { None } else { record.holder.clone() },
        ..record.clone()
    }
}

/// The record after somebody has broken the lock named `id`.
///
/// # Errors
/// When nobody holds the lock, or it has another id.
pub fn forced(record: &LockRecord, id: &str) -> Result<LockRecord, LockError> {
    match &record.holder {
        None => Err(LockError::NotLocked),
        Some(holder) if &*holder.info.id == id => Ok(LockRecord {
            holder: None,
            ..record.clone()
        }),
        Some(holder) => Err(LockError::OtherId {
            asked: id.to_owned(),
            holder: Box::new(holder.clone()),
        }),
    }
}

fn later(now: Timestamp, by: Duration) -> Timestamp {
    jiff::SignedDuration::try_from(by)
        .ok()
        .and_then(|by| now.checked_add(by).ok())
        .unwrap_or(Timestamp::MAX)
}

/// Time, as far as waiting for a lock needs it.
pub trait Patience {
    /// The time now.
    fn now(&self) -> Timestamp;
    /// Waits.
    fn sleep(&self, duration: Duration);
}

/// Tries until the lock is free or `timeout` has passed: at once, then ever more rarely, at most 2 s apart.
///
/// # Errors
/// Whatever the last attempt said; anything but [`LockError::Held`] at once.
pub fn wait<T>(
    patience: &dyn Patience,
    timeout: Duration,
    mut attempt: impl FnMut(Timestamp) -> Result<T, LockError>,
) -> Result<T, LockError> {
    let deadline = later(patience.now(), timeout);
    let mut pause = Duration::from_millis(50);
    loop {
        let now = patience.now();
        match attempt(now) {
            Err(LockError::Held { .. }) if now < deadline => {
                let left = Duration::try_from(now.duration_until(deadline)).unwrap_or_default();
                patience.sleep(pause.min(left));
                pause = (pause * 2).min(Duration::from_secs(2));
            }
            outcome => return outcome,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    const LEASE: Duration = Duration::from_secs(60);

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + second).unwrap()
    }

    fn claim(owner: &str) -> LockInfo {
        LockInfo {
            id: "".into(),
            owner: owner.into(),
            host: "laptop".into(),
            pid: 7,
            command: "rolecall apply".into(),
            since: at(-5),
        }
    }

    fn id(record: &LockRecord) -> String {
        record.holder.as_ref().unwrap().info.id.to_string()
    }

    struct FakeTime(Cell<i64>);

    impl Patience for FakeTime {
        fn now(&self) -> Timestamp {
            Timestamp::from_millisecond(1_800_000_000_000 + self.0.get()).unwrap()
        }
        fn sleep(&self, duration: Duration) {
            assert!(duration > Duration::ZERO);
            self.0.set(self.0.get() + duration.as_millis() as i64);
        }
    }

    #[test]
    fn tokens_only_ever_grow() {
        let first = taken(&LockRecord::default(), &claim("ada"), at(0), LEASE);
        let free = released(&first, &id(&first));
        assert_eq!((first.token, free.token, free.holder.is_none()), (1, 1, true));
        let second = taken(&free, &claim("ada"), at(1), LEASE);
        assert_eq!(second.token, 2);
        assert_ne!(id(&first), id(&second));
        assert_eq!(forced(&second, &id(&second)).unwrap().token, 2);
    }

    #[test]
    fn only_a_dead_process_or_a_lapsed_lease_is_taken_over() {
        let record = taken(&LockRecord::default(), &claim("ada"), at(0), LEASE);
        assert_eq!(
            decide(&LockRecord::default(), Liveness::Unknown, at(0)),
            Decision::Free
        );
        assert!(matches!(
            decide(&record, Liveness::Unknown, at(59)),
            Decision::Held(_)
        ));
        assert!(matches!(decide(&record, Liveness::Unknown, at(60)), Decision::TakeOver(t) if !t.dead));
        // A process that is known to live keeps its lock, lapsed or not.
        for second in [59, 60, 9_999_999] {
            assert!(matches!(
                decide(&record, Liveness::Alive, at(second)),
                Decision::Held(_)
            ));
        }
        let Decision::TakeOver(takeover) = decide(&record, Liveness::Dead, at(1)) else {
            panic!("not dead")
        };
        assert!(
            takeover
                .to_string()
                .contains("ada (`rolecall apply`, process 7 on laptop)")
        );
        assert!(takeover.to_string().contains("that process is gone"));
    }

    #[test]
    fn whoever_was_taken_over_cannot_renew_or_release() {
        let ada = taken(&LockRecord::default(), &claim("ada"), at(0), LEASE);
        let bob = taken(&ada, &claim("bob"), at(100), LEASE);
        let error = renewed(&bob, &id(&ada), at(101), LEASE).unwrap_err();
        assert!(error.to_string().contains("lost its lock to bob (`"), "{error}");
        assert_eq!(released(&bob, &id(&ada)), bob);
        assert_eq!(
            renewed(&bob, &id(&bob), at(101), LEASE)
                .unwrap()
                .holder
                .unwrap()
                .expires,
            at(161)
        );
    }

    #[test]
    fn forcing_needs_the_right_id() {
        let record = taken(&LockRecord::default(), &claim("ada"), at(0), LEASE);
        let error = forced(&record, "0000").unwrap_err().to_string();
        assert!(
            error.contains(&id(&record)) && error.contains("`0000`"),
            "{error}"
        );
        assert_eq!(forced(&LockRecord::default(), "0000"), Err(LockError::NotLocked));
    }

    #[test]
    fn waiting_ends_at_the_timeout_and_says_who_holds_it() {
        let time = FakeTime(Cell::new(0));
        let record = taken(
            &LockRecord::default(),
            &claim("ada"),
            at(0),
            Duration::from_secs(999),
        );
        let mut tries = 0;
        let outcome: Result<(), _> = wait(&time, Duration::from_secs(10), |now| {
            tries += 1;
            match decide(&record, Liveness::Alive, now) {
                Decision::Held(holder) => Err(LockError::Held {
                    holder: Box::new(holder),
                }),
                other => panic!("{other:?}"),
            }
        });
        let text = outcome.unwrap_err().to_string();
        assert!(
            text.contains("ada (`rolecall apply`, process 7 on laptop) since 2027-01-15T08:00:00Z"),
            "{text}"
        );
        assert!(text.contains(&format!("force-unlock {}", id(&record))), "{text}");
        assert_eq!(time.0.get(), 10_000);
        assert!((8..=14).contains(&tries), "{tries}");
    }

    #[test]
    fn waiting_stops_as_soon_as_the_lock_is_free() {
        let time = FakeTime(Cell::new(0));
        let record = taken(
            &LockRecord::default(),
            &claim("ada"),
            at(0),
            Duration::from_secs(3),
        );
        let got = wait(&time, Duration::from_secs(10), |now| {
            match decide(&record, Liveness::Unknown, now) {
                Decision::Held(holder) => Err(LockError::Held {
                    holder: Box::new(holder),
                }),
                Decision::TakeOver(takeover) => Ok(takeover),
                Decision::Free => panic!("it was held"),
            }
        });
        assert!(!got.unwrap().dead);
        assert!((3_000..=5_200).contains(&time.0.get()));
    }

    #[test]
    fn lock_files_are_read_with_care() {
        let record = taken(&LockRecord::default(), &claim("ada"), at(0), LEASE);
        assert_eq!(parse(&serde_json::to_vec(&record).unwrap()).unwrap(), record);
        assert_eq!(parse(b" \n").unwrap(), LockRecord::default());
        assert!(parse(b"{").unwrap_err().contains("delete the file"));
        assert!(
            parse(br#"{"format":9,"token":1,"holder":null}"#)
                .unwrap_err()
                .contains("format 9")
        );
    }
}
