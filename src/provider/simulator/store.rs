//! The world on disk: a snapshot and a log of what happened since, shared by several processes.
//!
//! The log is append-only; each record in it is one batch of effects and calls with a checksum, on disk before any of
//! its calls is answered. Opening reads the snapshot and applies the log. A record that was not written to its end is
//! dropped (nothing in it was ever answered); any other damage is an error, because the service would have forgotten
//! something it had confirmed. Every use holds a file lock and first applies what other processes appended, so that
//! `sim do` may run beside an apply.

use std::fs::{self, File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::world::World;
use super::world::effect::{Effect, Record};
use crate::provider::ProviderError;

const LOG_MAGIC: &[u8; 16] = b"rolecall world1\n";
const SNAPSHOT_MAGIC: &[u8; 16] = b"rolecall worlds3";
/// Length of a record and a check of it, before the record's checksum and bytes.
const RECORD_HEAD: usize = 8 + 16;
/// A log is folded into a new snapshot when it outgrows this and twice the snapshot, and at the next opening when it
/// outgrows this and a quarter.
const FOLD_AT: u64 = 4 << 20;

/// What stands at the start of a log: from which world it leads on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    /// Counts the snapshots; a log belongs to the snapshot with its number, and number 0 has none.
    generation: u64,
    seed: u64,
    region: String,
}

/// A world with its files.
#[derive(Debug)]
pub struct WorldStore {
    directory: PathBuf,
    lock: File,
    log: File,
    generation: u64,
    /// How much of the log has been applied.
    applied: u64,
    snapshot_size: u64,
    /// A use ended in an error: memory may be ahead of the files, which count.
    failed: bool,
    world: World,
}

impl WorldStore {
    /// Opens the world in a directory, which is created, with a fresh world in it, when there is none.
    ///
    /// # Errors
    /// When the files cannot be read or written, or are damaged.
    pub fn open(directory: &Path, seed: u64, region: &str) -> Result<Self, ProviderError> {
        make_directory(directory)?;
        let lock_path = directory.join("world.lock");
        let lock = at(
            &lock_path,
            "open",
            private()
                .read(true)
                .write(true)
                .create(true)
                .truncate(false)
                .open(&lock_path),
        )?;
        let held = at(&lock_path, "lock", lock.lock().map(|()| Unlock(&lock)))?;
        let log_path = directory.join("world.log");
        if !log_path.exists() {
            if directory.join("world.snapshot").exists() {
                return Err(damaged(&log_path, "it is missing beside its snapshot"));
            }
            start_log(
                directory,
                &Head {
                    generation: 0,
                    seed,
                    region: region.to_owned(),
                },
            )?;
        }
        let loaded = load(directory)?;
        drop(held);
        let Loaded {
            log,
            generation,
            applied,
            snapshot_size,
            mut world,
        } = loaded;
        world.record();
        let mut store = WorldStore {
            directory: directory.to_owned(),
            lock,
            log,
            generation,
            applied,
            snapshot_size,
            failed: false,
            world,
        };
        // Who had to read a long log spares the next one that: applying one takes longer than reading a snapshot. A
        // directory that cannot be written to is no reason not to read it.
        if store.is_long() {
            let _ = store.fold_now();
        }
        Ok(store)
    }

    fn is_long(&self) -> bool {
        self.applied > FOLD_AT.max(self.snapshot_size / 4)
    }

    /// Folds the log as it is once nobody else uses it, unless somebody else did.
    fn fold_now(&mut self) -> Result<(), ProviderError> {
        self.locked(|store| match store.is_long() {
            true => store.fold(),
            false => Ok(()),
        })
    }

    /// The world as of the last use.
    pub fn world(&self) -> &World {
        &self.world
    }

    /// Uses the world: what others did comes first, and what `body` did is on disk before this returns.
    ///
    /// # Errors
    /// When the files cannot be read or written, or are damaged. What `body` did is then forgotten, unless it reached
    /// the disk.
    pub fn with<T>(&mut self, body: impl FnOnce(&mut World) -> T) -> Result<T, ProviderError> {
        self.locked(|store| {
            let answer = body(&mut store.world);
            store.append().map(|()| answer)
        })
    }

    /// Does something while nobody else does, with what others did before.
    fn locked<T>(
        &mut self,
        body: impl FnOnce(&mut Self) -> Result<T, ProviderError>,
    ) -> Result<T, ProviderError> {
        let lock_path = self.directory.join("world.lock");
        at(&lock_path, "lock", self.lock.lock())?;
        let done = self.catch_up().and_then(|()| body(self));
        self.failed = done.is_err();
        // An unlock that fails is made good when the file is closed.
        let _ = self.lock.unlock();
        done
    }

    fn log_path(&self) -> PathBuf {
        self.directory.join("world.log")
    }

    /// Applies what other processes have appended.
    fn catch_up(&mut self) -> Result<(), ProviderError> {
        let path = self.log_path();
        let on_disk = at(&path, "read", fs::metadata(&path))?;
        let ours = at(&path, "read", self.log.metadata())?;
        if same_file(&on_disk, &ours) && !self.failed {
            if on_disk.len() == self.applied {
                return Ok(());
            }
            self.applied = apply_from(&path, &mut self.log, self.applied, &mut self.world)?;
            return Ok(());
        }
        let loaded = load(&self.directory)?;
        let caller = self.world.caller().clone();
        self.log = loaded.log;
        self.generation = loaded.generation;
        self.applied = loaded.applied;
        self.snapshot_size = loaded.snapshot_size;
        self.world = loaded.world;
        self.world.set_caller(caller);
        self.world.record();
        Ok(())
    }

    fn append(&mut self) -> Result<(), ProviderError> {
        let records = self.world.take_records();
        if records.is_empty() {
            return Ok(());
        }
        let path = self.log_path();
        let bytes =
            encode(&postcard::to_stdvec(&records).map_err(|error| broken(&path, &error.to_string()))?);
        if self.applied + bytes.len() as u64 > FOLD_AT.max(self.snapshot_size.saturating_mul(2)) {
            // The snapshot has what the record would have, and nothing of it was answered yet.
            return self.fold();
        }
        // A clock that was lost goes on from the next use.
        let lasting = |record: &Record| match record {
            Record::Effect(Effect::Clock { .. }) | Record::Call(_) | Record::Charge { .. } => false,
            Record::Effect(_) => true,
        };
        let writes = records.iter().any(lasting);
        let written = self
            .log
            .seek(SeekFrom::Start(self.applied))
            .and_then(|_| self.log.write_all(&bytes));
        at(&path, "write", written)?;
        if writes {
            at(&path, "write", self.log.sync_data())?;
        }
        self.applied += bytes.len() as u64;
        Ok(())
    }

    /// Writes a snapshot, and starts a new log from it. A crash in between leaves the old log beside the new
    /// snapshot, which has all of it.
    fn fold(&mut self) -> Result<(), ProviderError> {
        let path = self.directory.join("world.snapshot");
        let head = Head {
            generation: self.generation + 1,
            seed: self.world.ids().seed(),
            region: self.world.ids().region().to_owned(),
        };
        let encoded = postcard::to_stdvec(&(
            head.generation,
            &self.world,
            self.world.dates(),
            self.world.delegated(),
        ));
        let body = encoded.map_err(|error| broken(&path, &error.to_string()))?;
        let mut bytes = SNAPSHOT_MAGIC.to_vec();
        bytes.extend_from_slice(blake3::hash(&body).as_bytes());
        bytes.extend_from_slice(&body);
        replace(&path, &bytes)?;
        self.log = start_log(&self.directory, &head)?;
        self.generation = head.generation;
        let path = self.log_path();
        self.applied = at(&path, "read", self.log.metadata())?.len();
        self.snapshot_size = bytes.len() as u64;
        Ok(())
    }
}

struct Unlock<'a>(&'a File);

impl Drop for Unlock<'_> {
    fn drop(&mut self) {
        // An unlock that fails is made good when the file is closed.
        let _ = self.0.unlock();
    }
}

struct Loaded {
    log: File,
    generation: u64,
    applied: u64,
    snapshot_size: u64,
    world: World,
}

fn load(directory: &Path) -> Result<Loaded, ProviderError> {
    let log_path = directory.join("world.log");
    let mut log = at(
        &log_path,
        "open",
        OpenOptions::new().read(true).write(true).open(&log_path),
    )?;
    let (mut head, mut start) = read_head(&log_path, &mut log)?;
    let snapshot_path = directory.join("world.snapshot");
    let snapshot = if snapshot_path.exists() {
        Some(read_snapshot(&snapshot_path)?)
    } else {
        None
    };
    let (mut world, snapshot_size) = match snapshot {
        None if head.generation == 0 => (World::new(head.seed, &head.region), 0),
        None => {
            return Err(damaged(
                &snapshot_path,
                "it is missing, and the log leads on from it",
            ));
        }
        Some((generation, _, _)) if generation < head.generation => {
            return Err(damaged(&snapshot_path, "it is older than the log"));
        }
        Some((generation, world, size)) => {
            if generation > head.generation {
                head.generation = generation;
                log = start_log(directory, &head)?;
                (_, start) = read_head(&log_path, &mut log)?;
            }
            (world, size)
        }
    };
    let applied = apply_from(&log_path, &mut log, start, &mut world)?;
    Ok(Loaded {
        log,
        generation: head.generation,
        applied,
        snapshot_size,
        world,
    })
}

fn read_snapshot(path: &Path) -> Result<(u64, World, u64), ProviderError> {
    let bytes = at(path, "read", fs::read(path))?;
    let rest = bytes
        .strip_prefix(SNAPSHOT_MAGIC)
        .ok_or_else(|| damaged(path, "it is no snapshot of this version"))?;
    let (sum, body) = rest
        .split_at_checked(32)
        .ok_or_else(|| damaged(path, "it is too short"))?;
    if blake3::hash(body).as_bytes() != sum {
        return Err(damaged(path, "its checksum does not match"));
    }
    let broken = |error: postcard::Error| damaged(path, &error.to_string());
    let ((generation, mut world), rest): ((u64, World), &[u8]) =
        postcard::take_from_bytes(body).map_err(broken)?;
    // Snapshots end before the dates where the world was stored without them, and then before who administers what.
    if !rest.is_empty() {
        let (dates, rest) = postcard::take_from_bytes(rest).map_err(broken)?;
        world.date(dates);
        if !rest.is_empty() {
            world.restore_delegated(postcard::from_bytes(rest).map_err(broken)?);
        }
    }
    Ok((generation, world, bytes.len() as u64))
}

/// The head of a log, and where its records start.
fn read_head(path: &Path, log: &mut File) -> Result<(Head, u64), ProviderError> {
    at(path, "read", log.seek(SeekFrom::Start(0)))?;
    let mut magic = [0; 16];
    let read = log.read_exact(&mut magic);
    if read.is_err() || &magic != LOG_MAGIC {
        return Err(damaged(path, "it is no log of this version"));
    }
    let mut bytes = Vec::new();
    at(
        path,
        "read",
        Read::by_ref(log).take(4_096).read_to_end(&mut bytes),
    )?;
    match decode(&bytes) {
        Decoded::Record { body, size } => {
            let head = postcard::from_bytes(body).map_err(|error| damaged(path, &error.to_string()))?;
            Ok((head, (LOG_MAGIC.len() + size) as u64))
        }
        _ => Err(damaged(path, "its first record is damaged")),
    }
}

/// Applies the records from an offset on, drops a torn one, and says where the next one goes.
fn apply_from(path: &Path, log: &mut File, start: u64, world: &mut World) -> Result<u64, ProviderError> {
    at(path, "read", log.seek(SeekFrom::Start(start)))?;
    let mut bytes = Vec::new();
    at(path, "read", log.read_to_end(&mut bytes))?;
    let mut rest = bytes.as_slice();
    let mut offset = start;
    while !rest.is_empty() {
        match decode(rest) {
            Decoded::Record { body, size } => {
                let records: Vec<Record> = postcard::from_bytes(body)
                    .map_err(|error| damaged_at(path, offset, &error.to_string()))?;
                for record in &records {
                    world
                        .apply_record(record)
                        .map_err(|error| damaged_at(path, offset, &error.to_string()))?;
                }
                offset += size as u64;
                rest = rest.get(size..).unwrap_or_default();
            }
            Decoded::Torn => {
                at(path, "write", log.set_len(offset).and_then(|()| log.sync_data()))?;
                break;
            }
            Decoded::Damaged => return Err(damaged_at(path, offset, "its checksum does not match")),
        }
    }
    Ok(offset)
}

enum Decoded<'a> {
    Record { body: &'a [u8], size: usize },
    Torn,
    Damaged,
}

fn encode(body: &[u8]) -> Vec<u8> {
    let length = u32::try_from(body.len()).unwrap_or(u32::MAX).to_le_bytes();
    let mut bytes = Vec::with_capacity(RECORD_HEAD + body.len());
    bytes.extend_from_slice(&length);
    bytes.extend_from_slice(&short_sum::<4>(&length));
    bytes.extend_from_slice(&short_sum::<16>(body));
    bytes.extend_from_slice(body);
    bytes
}

/// A record that ends with the file's end before its own, or in zeros that were never overwritten, is torn. Anything
/// else that does not match is damage; the length has a check of its own, so that damage there does not look torn.
fn decode(bytes: &[u8]) -> Decoded<'_> {
    if bytes.iter().all(|byte| *byte == 0) {
        return Decoded::Torn;
    }
    let Some((head, rest)) = bytes.split_at_checked(RECORD_HEAD) else {
        return Decoded::Torn;
    };
    let (Some(length), Some(check), Some(sum)) = (head.first_chunk::<4>(), head.get(4..8), head.get(8..))
    else {
        return Decoded::Torn;
    };
    if check != short_sum::<4>(length) {
        return Decoded::Damaged;
    }
    let length = u32::from_le_bytes(*length) as usize;
    let Some(body) = rest.get(..length) else {
        return Decoded::Torn;
    };
    if sum == short_sum::<16>(body) {
        return Decoded::Record {
            body,
            size: RECORD_HEAD + length,
        };
    }
    let unwritten = rest.len() == length && body.ends_with(&[0; 8]);
    if unwritten {
        Decoded::Torn
    } else {
        Decoded::Damaged
    }
}

fn short_sum<const N: usize>(bytes: &[u8]) -> [u8; N] {
    let mut sum = [0; N];
    let mut hasher = blake3::Hasher::new();
    hasher.update(bytes);
    hasher.finalize_xof().fill(&mut sum);
    sum
}

fn start_log(directory: &Path, head: &Head) -> Result<File, ProviderError> {
    let path = directory.join("world.log");
    let body = postcard::to_stdvec(head).map_err(|error| broken(&path, &error.to_string()))?;
    let mut bytes = LOG_MAGIC.to_vec();
    bytes.extend_from_slice(&encode(&body));
    replace(&path, &bytes)?;
    at(
        &path,
        "open",
        OpenOptions::new().read(true).write(true).open(&path),
    )
}

/// Puts a file in place as a whole or not at all.
fn replace(path: &Path, bytes: &[u8]) -> Result<(), ProviderError> {
    let new = path.with_extension("new");
    let mut file = at(
        &new,
        "create",
        private().write(true).create(true).truncate(true).open(&new),
    )?;
    at(
        &new,
        "write",
        file.write_all(bytes).and_then(|()| file.sync_all()),
    )?;
    at(path, "replace", fs::rename(&new, path))?;
    let directory = path.parent().unwrap_or(Path::new("."));
    at(
        directory,
        "write",
        File::open(directory).and_then(|directory| directory.sync_all()),
    )
}

#[cfg(unix)]
fn private() -> OpenOptions {
    use std::os::unix::fs::OpenOptionsExt;
    let mut options = OpenOptions::new();
    options.mode(0o600);
    options
}

#[cfg(not(unix))]
fn private() -> OpenOptions {
    OpenOptions::new()
}

#[cfg(unix)]
fn make_directory(directory: &Path) -> Result<(), ProviderError> {
    use std::os::unix::fs::DirBuilderExt;
    let made = fs::DirBuilder::new()
        .recursive(true)
        .mode(0o700)
        .create(directory);
    at(directory, "create", made)
}

#[cfg(not(unix))]
fn make_directory(directory: &Path) -> Result<(), ProviderError> {
    at(directory, "create", fs::create_dir_all(directory))
}

#[cfg(unix)]
fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    use std::os::unix::fs::MetadataExt;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn same_file(one: &fs::Metadata, other: &fs::Metadata) -> bool {
    one.created().ok() == other.created().ok()
}

fn at<T>(path: &Path, action: &str, result: std::io::Result<T>) -> Result<T, ProviderError> {
    result.map_err(|error| {
        storage(format!(
            "cannot {action} the simulated world's {}: {error}",
            path.display()
        ))
    })
}

fn broken(path: &Path, problem: &str) -> ProviderError {
    storage(format!(
        "cannot encode the simulated world's {}: {problem}",
        path.display()
    ))
}

fn damaged(path: &Path, problem: &str) -> ProviderError {
    storage(format!(
        "the simulated world's file {} is damaged: {problem}. Restore the world's directory from a backup, or remove it to \
         begin with a fresh world",
        path.display()
    ))
}

fn damaged_at(path: &Path, offset: u64, problem: &str) -> ProviderError {
    damaged(path, &format!("the record at byte {offset}: {problem}"))
}

fn storage(message: String) -> ProviderError {
    ProviderError::Storage {
        message: Arc::from(message),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn open(directory: &Path) -> Result<WorldStore, ProviderError> {
        WorldStore::open(directory, 3, "eu-west-1")
    }

    fn group(store: &mut WorldStore, name: &str) -> String {
        store
            .with(|world| world.create_group(name, None).unwrap())
            .unwrap()
    }

    fn names(store: &mut WorldStore) -> Vec<String> {
        store
            .with(|world| {
                world
                    .identity_store()
                    .principals()
                    .map(|(_, p)| p.name().to_owned())
                    .collect()
            })
            .unwrap()
    }

    #[test]
    fn what_was_answered_is_there_after_reopening() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path()).unwrap();
        let id = group(&mut store, "a");
        store.with(|world| world.advance(Duration::from_secs(5))).unwrap();
        let now = store.world().now();
        drop(store);
        let mut store = open(directory.path()).unwrap();
        assert_eq!(names(&mut store), ["a"]);
        assert_eq!(store.world().now(), now);
        assert_eq!(
            store
                .world()
                .principal_id(store.world().identity_store().principals().next().unwrap().0)
                .unwrap(),
            id
        );
        assert_eq!(store.world().calls().total(), 1);
    }

    #[test]
    fn a_log_cut_at_any_byte_opens_with_what_was_whole() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path()).unwrap();
        let log = directory.path().join("world.log");
        let mut ends = vec![fs::metadata(&log).unwrap().len()];
        for name in ["a", "b", "c"] {
            group(&mut store, name);
            ends.push(fs::metadata(&log).unwrap().len());
        }
        drop(store);
        let whole = fs::read(&log).unwrap();
        for cut in (ends[0] as usize..=whole.len()).step_by(7) {
            fs::write(&log, &whole[..cut]).unwrap();
            let expected = ends.iter().filter(|end| **end <= cut as u64).count() - 1;
            let mut store = open(directory.path()).unwrap();
            assert_eq!(names(&mut store).len(), expected, "cut at {cut}");
            group(&mut store, "after");
            drop(store);
            assert_eq!(names(&mut open(directory.path()).unwrap()).len(), expected + 1);
        }
    }

    #[test]
    fn a_tail_of_zeros_is_torn() {
        let directory = tempfile::tempdir().unwrap();
        group(&mut open(directory.path()).unwrap(), "a");
        let log = directory.path().join("world.log");
        let mut bytes = fs::read(&log).unwrap();
        bytes.extend_from_slice(&[0; 300]);
        fs::write(&log, &bytes).unwrap();
        assert_eq!(names(&mut open(directory.path()).unwrap()), ["a"]);
    }

    #[test]
    fn a_flipped_bit_anywhere_is_noticed() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path()).unwrap();
        for name in ["a", "b"] {
            group(&mut store, name);
        }
        drop(store);
        let log = directory.path().join("world.log");
        let whole = fs::read(&log).unwrap();
        for at in (0..whole.len()).step_by(3) {
            let mut bytes = whole.clone();
            bytes[at] ^= 0x10;
            fs::write(&log, &bytes).unwrap();
            let error = open(directory.path()).unwrap_err().to_string();
            assert!(
                error.contains("world.log is damaged") && error.contains("backup"),
                "byte {at}: {error}"
            );
        }
    }

    #[test]
    fn two_openers_see_each_others_changes() {
        let directory = tempfile::tempdir().unwrap();
        let (mut one, mut two) = (open(directory.path()).unwrap(), open(directory.path()).unwrap());
        group(&mut one, "a");
        group(&mut two, "b");
        group(&mut one, "c");
        assert_eq!(names(&mut one), ["a", "b", "c"]);
        assert_eq!(names(&mut two), ["a", "b", "c"]);
        one.with(|_| ()).unwrap();
        one.fold().unwrap();
        group(&mut two, "d");
        assert_eq!(names(&mut one), ["a", "b", "c", "d"]);
    }

    #[test]
    fn folding_keeps_the_world_and_a_crash_in_the_middle_of_it_too() {
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path()).unwrap();
        group(&mut store, "a");
        let log = directory.path().join("world.log");
        let old = fs::read(&log).unwrap();
        store.fold().unwrap();
        assert!(fs::read(&log).unwrap().len() < old.len());
        drop(store);
        assert_eq!(names(&mut open(directory.path()).unwrap()), ["a"]);
        fs::write(&log, &old).unwrap();
        let mut store = open(directory.path()).unwrap();
        assert_eq!(names(&mut store), ["a"], "the old log beside the new snapshot");
        group(&mut store, "b");
        drop(store);
        assert_eq!(names(&mut open(directory.path()).unwrap()), ["a", "b"]);
        fs::remove_file(directory.path().join("world.snapshot")).unwrap();
        assert!(
            open(directory.path())
                .unwrap_err()
                .to_string()
                .contains("missing")
        );
    }

    #[test]
    fn a_long_log_is_folded_by_who_opens_it() {
        let directory = tempfile::tempdir().unwrap();
        let log = directory.path().join("world.log");
        let length = || fs::metadata(&log).unwrap().len();
        let many = |store: &mut WorldStore, kind: &str| {
            let long = "x".repeat(1_000);
            let body = |world: &mut World| {
                for number in 0..5_000 {
                    world.advance(Duration::from_secs(1));
                    world
                        .create_group(&format!("{kind}-{number}"), Some(&long))
                        .unwrap();
                }
            };
            store.with(body).unwrap();
        };
        let mut store = open(directory.path()).unwrap();
        many(&mut store, "a");
        assert!(
            length() < 1_000,
            "what outgrows the bound at once is folded at once"
        );
        many(&mut store, "b");
        assert!(length() > FOLD_AT, "the snapshot is as large");
        let before = names(&mut store);
        let mut opened = open(directory.path()).unwrap();
        assert!(length() < 1_000);
        assert_eq!(names(&mut opened), before);
        assert_eq!(names(&mut store), before, "one who had it open reads it again");
    }

    #[cfg(unix)]
    #[test]
    fn only_its_owner_may_read_it() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let mut store = open(directory.path()).unwrap();
        store.fold().unwrap();
        for file in ["world.log", "world.snapshot", "world.lock"] {
            let mode = fs::metadata(directory.path().join(file))
                .unwrap()
                .permissions()
                .mode();
            assert_eq!(mode & 0o777, 0o600, "{file}");
        }
    }
}
