//! The checkpoint in a sled database: the only file that names sled.
//!
//! sled 0.34 needs help to be trusted, and every precaution here answers something that was measured:
//!
//! * Its `flush` mostly does not fsync (its issue 1452), so after each flush the database file is opened
//!   separately and synced.
//! * It rarely notices damage, a truncated tail never: one batch per commit carries a head that vouches for
//!   all rows, and opening compares. Damage can then still take a store back to an earlier commit, which is as
//!   good, because its head says how far into the journal it reaches.
//! * Damage it does notice is sometimes a panic, which opening turns into an error.
//! * It leaks values beyond half a megabyte: values are cut into pieces below 64 KB.
//! * After closing, its own lock may linger: opening retries.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::checkpoint::{
    Change, Checkpoint, FORMAT, Head, HeadError, MAX_PIECE, Rows, decode_head, encode_head, mismatch, pieces,
};
use super::files::{io_error, make_private_directory, sync_directory_of};
use super::{Remedy, StateError};

const HEAD_KEY: &[u8] = b"head";
const ROW: u8 = b'r';

/// How long another process that is just closing the database is waited for.
const PATIENCE: Duration = Duration::from_secs(3);

/// The memory sled may use as a cache; rows are read once and then only written.
const CACHE: u64 = 32 << 20;

/// What a database holds, and how many pieces each row has.
type Scanned = (Head, Rows, BTreeMap<Vec<u8>, usize>);

/// A checkpoint in a directory.
pub struct SledCheckpoint {
    path: PathBuf,
    db: Option<sled::Db>,
    /// How many pieces each row has, so that a shorter value leaves none behind.
    pieces: BTreeMap<Vec<u8>, usize>,
}

impl std::fmt::Debug for SledCheckpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SledCheckpoint")
            .field("path", &self.path)
            .finish_non_exhaustive()
    }
}

impl SledCheckpoint {
    /// Opens the database in the directory `path`, which is made if it is not there.
    ///
    /// # Errors
    /// When it is damaged, or another process has it open.
    pub fn open(path: &Path) -> Result<Self, StateError> {
        make_private_directory(path).map_err(|error| io_error(path, "cannot create", &error))?;
        let db = open_database(path)?;
        let store = SledCheckpoint {
            path: path.to_owned(),
            db: Some(db),
            pieces: BTreeMap::new(),
        };
        store.make_private();
        Ok(store)
    }

    /// Whether there is a database at `path` at all.
    pub fn exists(path: &Path) -> bool {
        path.join("db").exists()
    }

    fn make_private(&self) {
        // The directory is closed to others already; this is for whoever copies the files out of it.
        #[cfg(unix)]
        for entry in fs::read_dir(&self.path).into_iter().flatten().flatten() {
            use std::os::unix::fs::PermissionsExt as _;
            if entry.file_type().is_ok_and(|kind| kind.is_file()) {
                let _ = fs::set_permissions(entry.path(), fs::Permissions::from_mode(0o600));
            }
        }
    }

    fn scan(&self) -> Result<Option<Scanned>, StateError> {
        let mut head = None;
        let mut rows = Rows::new();
        let mut counts: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
        for item in self.db()?.iter() {
            let (key, value) = item.map_err(|error| damaged(&self.path, &error.to_string()))?;
            if key.as_ref() == HEAD_KEY {
                head = Some(self.decode_head(&value)?);
                continue;
            }
            let (row, number) =
                split_key(&key).ok_or_else(|| damaged(&self.path, "it holds a foreign key"))?;
            let count = counts.entry(row.to_vec()).or_default();
            if *count != usize::from(number) {
                return Err(damaged(&self.path, "a piece of a row is missing"));
            }
            *count += 1;
            rows.entry(row.to_vec()).or_default().extend_from_slice(&value);
        }
        match head {
            Some(head) => Ok(Some((head, rows, counts))),
            None if rows.is_empty() => Ok(None),
            None => Err(damaged(&self.path, "it has rows and no head")),
        }
    }

    fn decode_head(&self, bytes: &[u8]) -> Result<Head, StateError> {
        decode_head(bytes).map_err(|error| match error {
            HeadError::Newer(found) => StateError::Newer { found, known: FORMAT },
            HeadError::Damaged => damaged(&self.path, "its head does not match its checksum"),
        })
    }

    fn batch(&self, changes: &[Change], head: &Head) -> sled::Batch {
        let mut batch = sled::Batch::default();
        for change in changes {
            let now = change.value.as_ref().map_or(0, |value| piece_count(value));
            let before = self.pieces.get(&change.key).copied().unwrap_or(0);
            for (number, piece) in (0..=u16::MAX).zip(change.value.iter().flat_map(|value| pieces(value))) {
                batch.insert(piece_key(&change.key, number), piece);
            }
            for number in now..before {
                batch.remove(piece_key(&change.key, number as u16));
            }
        }
        batch.insert(HEAD_KEY, encode_head(head));
        batch
    }

    fn db(&self) -> Result<&sled::Db, StateError> {
        self.db
            .as_ref()
            .ok_or_else(|| damaged(&self.path, "an earlier write failed"))
    }

    /// What `flush` promises and does not do.
    fn sync(&self) -> io::Result<()> {
        self.db
            .as_ref()
            .map_or(Ok(0), |db| db.flush())
            .map_err(io::Error::from)?;
        let file = self.path.join("db");
        File::open(&file)?.sync_all()?;
        sync_directory_of(&file)
    }
}

impl Checkpoint for SledCheckpoint {
    fn read_all(&mut self) -> Result<Option<(Head, Rows)>, StateError> {
        let scanned =
            quietly(|| self.scan()).unwrap_or_else(|| Err(damaged(&self.path, "reading it failed badly")))?;
        let Some((head, rows, counts)) = scanned else {
            return Ok(None);
        };
        if let Some(problem) = mismatch(&head, &rows) {
            return Err(damaged(&self.path, &problem));
        }
        self.pieces = counts;
        Ok(Some((head, rows)))
    }

    fn commit(&mut self, changes: &[Change], head: &Head) -> Result<(), StateError> {
        let too_long = |change: &&Change| {
            change
                .value
                .as_ref()
                .is_some_and(|value| piece_count(value) > usize::from(u16::MAX))
        };
        if let Some(change) = changes.iter().find(too_long) {
            let key = String::from_utf8_lossy(&change.key).into_owned();
            return Err(StateError::Inconsistent(
                format!("the row `{key}` is too long to be stored").into(),
            ));
        }
        let batch = self.batch(changes, head);
        let db = self.db()?;
        let applied = quietly(|| {
            db.apply_batch(batch)
                .map_err(io::Error::from)
                .and_then(|()| self.sync())
        });
        match applied {
            Some(Ok(())) => {}
            Some(Err(error)) => return Err(io_error(&self.path, "cannot write", &error)),
            None => {
                self.db = None;
                return Err(damaged(&self.path, "writing it failed badly"));
            }
        }
        for change in changes {
            match &change.value {
                Some(value) => self.pieces.insert(change.key.clone(), piece_count(value)),
                None => self.pieces.remove(&change.key),
            };
        }
        Ok(())
    }
}

impl Drop for SledCheckpoint {
    fn drop(&mut self) {
        // sled writes snapshots while it runs and when it closes.
        self.db = None;
        self.make_private();
    }
}

/// Tries until the lock of a process (or of this one) that is just closing the database is gone.
fn open_database(path: &Path) -> Result<sled::Db, StateError> {
    let deadline = Instant::now() + PATIENCE;
    let mut pause = Duration::from_millis(5);
    loop {
        let config = sled::Config::new()
            .path(path)
            .cache_capacity(CACHE)
            .flush_every_ms(None);
        match quietly(|| config.open()) {
            Some(Ok(db)) => return Ok(db),
            Some(Err(sled::Error::Io(error))) if is_locked(&error) && Instant::now() < deadline => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(200));
            }
            Some(Err(sled::Error::Io(error))) if is_locked(&error) => {
                return Err(io_error(
                    path,
                    "cannot open",
                    &io::Error::other("another process has it open"),
                ));
            }
            Some(Err(error)) => return Err(damaged(path, &error.to_string())),
            None => return Err(damaged(path, "opening it failed badly")),
        }
    }
}

fn is_locked(error: &io::Error) -> bool {
    // sled wraps the system's WouldBlock into an error of its own making, and says so only in words.
    error.kind() == io::ErrorKind::WouldBlock || error.to_string().contains("could not acquire lock")
}

fn piece_count(value: &[u8]) -> usize {
    value.len().div_ceil(MAX_PIECE).max(1)
}

/// Pieces of one row lie together, in order: no row's key can be confused with another's piece, because the
/// length comes first.
fn piece_key(row: &[u8], number: u16) -> Vec<u8> {
    let mut key = vec![ROW];
    key.extend_from_slice(&(row.len() as u16).to_be_bytes());
    key.extend_from_slice(row);
    key.extend_from_slice(&number.to_be_bytes());
    key
}

fn split_key(key: &[u8]) -> Option<(&[u8], u16)> {
    let (length, rest) = key.strip_prefix(&[ROW])?.split_first_chunk::<2>()?;
    let (row, number) = rest.split_last_chunk::<2>()?;
    (row.len() == usize::from(u16::from_be_bytes(*length))).then(|| (row, u16::from_be_bytes(*number)))
}

fn damaged(path: &Path, problem: &str) -> StateError {
    let shown = path.display();
    StateError::Damaged {
        file: shown.to_string().into(),
        problem: format!("the checkpoint is damaged: {problem}").into(),
        remedy: Remedy::SetAside {
            path: shown.to_string().into(),
        },
    }
}

thread_local! {
    static QUIET: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// Runs something that may panic over damaged bytes. `None` is a panic; it is not printed, because the caller
/// reports what it means.
fn quietly<T>(action: impl FnOnce() -> T) -> Option<T> {
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let before = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            if !QUIET.get() {
                before(info);
            }
        }));
    });
    QUIET.set(true);
    let result = catch_unwind(AssertUnwindSafe(action)).ok();
    QUIET.set(false);
    result
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::state::checkpoint::Ledger;
    use crate::state::journal::Position;

    fn sample(rows: u16, seed: u8) -> Rows {
        (0..rows)
            .map(|n| {
                let length = 20 + usize::from(n) * 37 % 3000;
                let value = (0..length)
                    .map(|at| (at as u8).wrapping_mul(31) ^ n as u8 ^ seed)
                    .collect();
                (format!("a/{n:05}").into_bytes(), value)
            })
            .collect()
    }

    fn save(path: &Path, rows: Rows, ledger: &mut Ledger) {
        let mut store = SledCheckpoint::open(path).unwrap();
        store.read_all().unwrap();
        let (changes, head) = ledger.difference(rows, Position::start());
        store.commit(&changes, &head).unwrap();
        ledger.committed(&changes, &head);
    }

    fn load(path: &Path) -> Result<Option<(Head, Rows)>, StateError> {
        SledCheckpoint::open(path)?.read_all()
    }

    #[test]
    fn what_is_committed_is_read_after_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let path = directory.path().join("store");
        assert_eq!(load(&path).unwrap(), None);
        let mut ledger = Ledger::default();
        let mut rows = sample(50, 0);
        rows.insert(b"big".to_vec(), vec![7; 5 * MAX_PIECE + 3]);
        rows.insert(b"".to_vec(), Vec::new());
        save(&path, rows.clone(), &mut ledger);
        assert_eq!(load(&path).unwrap().unwrap().1, rows);
        rows.insert(b"big".to_vec(), vec![8; MAX_PIECE]);
        rows.remove(&b"a/00007"[..]);
        save(&path, rows.clone(), &mut ledger);
        let (head, read) = load(&path).unwrap().unwrap();
        assert_eq!((head.serial, read), (2, rows));
    }

    /// Damages a copy of a saved store. It must be refused, or read exactly as it was after one of the commits: an
    /// earlier one is as good, because its head says how far into the journal it reaches.
    fn survives(damage: impl Fn(&mut Vec<u8>)) -> bool {
        let (versions, files) = saved();
        let directory = tempfile::tempdir().unwrap();
        for (name, bytes) in files {
            let mut bytes = bytes.clone();
            if name.as_os_str() == "db" {
                damage(&mut bytes);
            }
            fs::write(directory.path().join(name), bytes).unwrap();
        }
        match load(directory.path()) {
            Ok(Some((head, read))) => {
                let version = versions.get(head.serial as usize - 1).unwrap();
                assert!(read == *version, "damage was accepted");
                true
            }
            // Nothing at all left: the journal says whether there should be something.
            Ok(None) => false,
            Err(StateError::Damaged { remedy, .. }) => {
                assert!(matches!(remedy, Remedy::SetAside { .. }), "{remedy:?}");
                false
            }
            Err(other) => panic!("{other}"),
        }
    }

    type Saved = ([Rows; 2], Vec<(PathBuf, Vec<u8>)>);

    fn saved() -> &'static Saved {
        static SAVED: std::sync::OnceLock<Saved> = std::sync::OnceLock::new();
        SAVED.get_or_init(|| {
            let directory = tempfile::tempdir().unwrap();
            let mut ledger = Ledger::default();
            let versions = [sample(120, 0), sample(120, 1)];
            for rows in &versions {
                save(directory.path(), rows.clone(), &mut ledger);
            }
            let files = fs::read_dir(directory.path())
                .unwrap()
                .map(|entry| entry.unwrap())
                .filter(|entry| entry.file_type().unwrap().is_file())
                .map(|entry| (PathBuf::from(entry.file_name()), fs::read(entry.path()).unwrap()))
                .collect();
            (versions, files)
        })
    }

    proptest! {
        #![proptest_config(crate::testing::property(24))]

        #[test]
        fn flipped_bits_are_never_silently_accepted(at in any::<prop::sample::Index>(), bit in 0_u8..8) {
            survives(|bytes| {
                let at = at.index(bytes.len());
                bytes[at] ^= 1 << bit;
            });
        }

        #[test]
        fn truncated_stores_are_never_silently_accepted(at in any::<prop::sample::Index>()) {
            survives(|bytes| bytes.truncate(at.index(bytes.len())));
        }

        #[test]
        fn zeroed_pages_are_never_silently_accepted(at in any::<prop::sample::Index>()) {
            survives(|bytes| {
                let page = at.index(bytes.len() / 4096);
                bytes[page * 4096..(page + 1) * 4096].fill(0);
            });
        }
    }

    #[test]
    fn an_undamaged_copy_opens() {
        assert!(survives(|_| ()));
    }

    #[test]
    fn a_store_that_is_open_elsewhere_is_waited_for() {
        let directory = tempfile::tempdir().unwrap();
        let first = SledCheckpoint::open(directory.path()).unwrap();
        let closer = std::thread::spawn(move || {
            std::thread::sleep(Duration::from_millis(100));
            drop(first);
        });
        SledCheckpoint::open(directory.path()).unwrap();
        closer.join().unwrap();
    }
}
