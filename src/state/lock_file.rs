//! The lock on disk: `lock`, a small JSON file, and next to it a file per holder that its process keeps locked
//! with the operating system for as long as it lives, so that a crashed process never blocks anyone.
//!
//! The record is read and replaced under a second, short lock of the operating system (`lock.guard`).

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use jiff::Timestamp;

use super::LockInfo;
use super::files::sync_directory_of;
use super::lock::{
    Decision, Holder, Liveness, LockError, LockRecord, Patience, Takeover, decide, forced, parse, released,
    renewed, taken, wait,
};

/// How long a lease lasts without being renewed.
pub const LEASE: Duration = Duration::from_secs(10 * 60);

/// Where locks are kept.
#[derive(Debug, Clone)]
pub struct LockFile {
    directory: PathBuf,
}

/// A lock that is ours until it is dropped.
#[derive(Debug)]
pub struct HeldLock {
    place: LockFile,
    holder: Holder,
    token: u64,
    /// From whom it was taken over, to be told to the user.
    pub takeover: Option<Takeover>,
    /// Locked with the operating system for as long as this process lives.
    _alive: File,
}

impl LockFile {
    /// The lock in a directory, which exists.
    pub fn new(directory: &Path) -> Self {
        LockFile {
            directory: directory.to_owned(),
        }
    }

    /// Takes the lock, waiting up to `timeout` for whoever holds it.
    ///
    /// # Errors
    /// [`LockError::Held`] says who holds it, and since when.
    pub fn acquire(
        &self,
        claim: &LockInfo,
        timeout: Duration,
        patience: &dyn Patience,
    ) -> Result<HeldLock, LockError> {
        wait(patience, timeout, |now| self.try_acquire(claim, now))
    }

    fn try_acquire(&self, claim: &LockInfo, now: Timestamp) -> Result<HeldLock, LockError> {
        let _guard = self.guard()?;
        let record = self.load()?;
        let liveness = record
            .holder
            .as_ref()
            .map_or(Liveness::Unknown, |holder| self.liveness(holder, &claim.host));
        let takeover = match decide(&record, liveness, now) {
            Decision::Free => None,
            Decision::TakeOver(takeover) => Some(takeover),
            Decision::Held(holder) => {
                return Err(LockError::Held {
                    holder: Box::new(holder),
                });
            }
        };
        let next = taken(&record, claim, now, LEASE);
        let Some(holder) = next.holder.clone() else {
            return Err(LockError::NotLocked);
        };
        let path = self.alive_path(&holder.info.id);
        let alive = at(&path, open(&path))?;
        alive
            .try_lock()
            .map_err(|error| file_error(&path, &io::Error::from(error)))?;
        self.store(&next)?;
        if let Some(takeover) = &takeover {
            // It is only litter; whoever still has it open keeps it open.
            let _ = fs::remove_file(self.alive_path(&takeover.from.info.id));
        }
        Ok(HeldLock {
            place: self.clone(),
            holder,
            token: next.token,
            takeover,
            _alive: alive,
        })
    }

    /// Who holds the lock now, if anybody.
    ///
    /// # Errors
    /// When the lock file cannot be read.
    pub fn holder(&self) -> Result<Option<Holder>, LockError> {
        Ok(self.load()?.holder)
    }

    /// Who holds the lock and, as far as can be told from `host`, still runs.
    ///
    /// # Errors
    /// When the lock file cannot be read.
    pub fn active(&self, host: &str, now: Timestamp) -> Result<Option<LockInfo>, LockError> {
        let record = self.load()?;
        let liveness = record
            .holder
            .as_ref()
            .map_or(Liveness::Unknown, |holder| self.liveness(holder, host));
        Ok(match decide(&record, liveness, now) {
            Decision::Held(holder) => Some(holder.info),
            Decision::Free | Decision::TakeOver(_) => None,
        })
    }

    /// Takes the lock named `id` away from its holder, who will notice at the next write.
    ///
    /// # Errors
    /// When nobody holds the lock, or it has another id.
    pub fn force_unlock(&self, id: &str) -> Result<LockInfo, LockError> {
        let _guard = self.guard()?;
        let record = self.load()?;
        let next = forced(&record, id)?;
        self.store(&next)?;
        let _ = fs::remove_file(self.alive_path(id));
        record
            .holder
            .map(|holder| holder.info)
            .ok_or(LockError::NotLocked)
    }

    /// On this machine, the holder's own file tells whether its process lives: the system unlocks it on exit.
    fn liveness(&self, holder: &Holder, host: &str) -> Liveness {
        if *holder.info.host != *host {
            return Liveness::Unknown;
        }
        let path = self.alive_path(&holder.info.id);
        match OpenOptions::new().read(true).write(true).open(path) {
            Ok(file) => match file.try_lock() {
                Ok(()) => Liveness::Dead,
                Err(TryLockError::WouldBlock) => Liveness::Alive,
                Err(TryLockError::Error(_)) => Liveness::Unknown,
            },
            Err(error) if error.kind() == io::ErrorKind::NotFound => Liveness::Dead,
            Err(_) => Liveness::Unknown,
        }
    }

    fn load(&self) -> Result<LockRecord, LockError> {
        let path = self.record_path();
        match fs::read(&path) {
            Ok(text) => parse(&text).map_err(|reason| LockError::File {
                path: path.display().to_string(),
                reason,
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(LockRecord::default()),
            Err(error) => Err(file_error(&path, &error)),
        }
    }

    /// Replaces the record at once, durably: a token that was handed out is never handed out again.
    fn store(&self, record: &LockRecord) -> Result<(), LockError> {
        let path = self.record_path();
        let write = || -> io::Result<()> {
            let mut file = tempfile::NamedTempFile::new_in(&self.directory)?;
            serde_json::to_writer(&mut file, record)?;
            file.write_all(b"\n")?;
            file.as_file().sync_all()?;
            file.persist(&path)?;
            sync_directory_of(&path)
        };
        at(&path, write())
    }

    fn guard(&self) -> Result<File, LockError> {
        let path = self.directory.join("lock.guard");
        let file = at(&path, open(&path))?;
        at(&path, file.lock())?;
        Ok(file)
    }

    fn record_path(&self) -> PathBuf {
        self.directory.join("lock")
    }

    fn alive_path(&self, id: &str) -> PathBuf {
        // Ids come from a file that somebody may have edited: only what we would have written is a file name.
        let id: String = id.chars().filter(char::is_ascii_hexdigit).take(16).collect();
        self.directory.join(format!("lock.{id}"))
    }
}

impl HeldLock {
    /// Who we are.
    pub fn holder(&self) -> &Holder {
        &self.holder
    }

    /// The fencing token: higher than that of any earlier holder.
    pub fn token(&self) -> u64 {
        self.token
    }

    /// Makes sure that the lock is still ours, and renews the lease when half of it has passed. To be called
    /// before every write.
    ///
    /// # Errors
    /// [`LockError::Lost`] when somebody has taken it.
    pub fn check(&mut self, now: Timestamp) -> Result<(), LockError> {
        let record = self.place.load()?;
        let next = renewed(&record, &self.holder.info.id, now, LEASE)?;
        let left = Duration::try_from(now.duration_until(self.holder.expires)).unwrap_or_default();
        if left > LEASE / 2 {
            return Ok(());
        }
        let _guard = self.place.guard()?;
        let record = self.place.load()?;
        renewed(&record, &self.holder.info.id, now, LEASE)?;
        self.place.store(&next)?;
        if let Some(holder) = next.holder {
            self.holder = holder;
        }
        Ok(())
    }

    fn release(&self) -> Result<(), LockError> {
        let _guard = self.place.guard()?;
        let record = self.place.load()?;
        let next = released(&record, &self.holder.info.id);
        if next != record {
            self.place.store(&next)?;
        }
        let _ = fs::remove_file(self.place.alive_path(&self.holder.info.id));
        Ok(())
    }
}

impl Drop for HeldLock {
    fn drop(&mut self) {
        // If this fails the lock is as after a crash, and the next process takes it over.
        let _ = self.release();
    }
}

/// The real clock.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemPatience;

impl Patience for SystemPatience {
    fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    fn sleep(&self, duration: Duration) {
        std::thread::sleep(duration);
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}

fn at<T>(path: &Path, result: io::Result<T>) -> Result<T, LockError> {
    result.map_err(|error| file_error(path, &error))
}

fn file_error(path: &Path, error: &io::Error) -> LockError {
    LockError::File {
        path: path.display().to_string(),
        reason: error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    struct FakeTime(Cell<i64>);

    impl Patience for FakeTime {
        fn now(&self) -> Timestamp {
            Timestamp::from_millisecond(1_800_000_000_000 + self.0.get()).unwrap()
        }
        fn sleep(&self, duration: Duration) {
            self.0.set(self.0.get() + duration.as_millis() as i64);
        }
    }

    fn claim(owner: &str, host: &str) -> LockInfo {
        LockInfo {
            id: "".into(),
            owner: owner.into(),
            host: host.into(),
            pid: 7,
            command: "rolecall apply".into(),
            since: Timestamp::UNIX_EPOCH,
        }
    }

    fn setup() -> (tempfile::TempDir, LockFile, FakeTime) {
        let directory = tempfile::tempdir().unwrap();
        let place = LockFile::new(directory.path());
        (directory, place, FakeTime(Cell::new(0)))
    }

    fn get(place: &LockFile, owner: &str, time: &FakeTime) -> Result<HeldLock, LockError> {
        place.acquire(&claim(owner, "laptop"), Duration::ZERO, time)
    }

    #[test]
    fn one_at_a_time_and_tokens_grow() {
        let (directory, place, time) = setup();
        let ada = get(&place, "ada", &time).unwrap();
        assert_eq!(ada.token(), 1);
        let error = get(&place, "bob", &time).unwrap_err().to_string();
        assert!(error.contains("locked by ada"), "{error}");
        drop(ada);
        let bob = get(&place, "bob", &time).unwrap();
        assert_eq!((bob.token(), bob.takeover.is_none()), (2, true));
        drop(bob);
        let mut left: Vec<_> = fs::read_dir(directory.path())
            .unwrap()
            .map(|e| e.unwrap().file_name())
            .collect();
        left.sort();
        assert_eq!(left, ["lock", "lock.guard"]);
    }

    #[test]
    fn a_crashed_holder_on_this_machine_is_taken_over_at_once() {
        let (_keep, place, time) = setup();
        let record = taken(&LockRecord::default(), &claim("ada", "laptop"), time.now(), LEASE);
        place.store(&record).unwrap();
        let path = place.alive_path(&record.holder.as_ref().unwrap().info.id);
        drop(open(&path).unwrap());
        let bob = get(&place, "bob", &time).unwrap();
        assert_eq!(bob.token(), 2);
        assert!(bob.takeover.as_ref().unwrap().dead);
        assert!(!path.exists());
    }

    #[test]
    fn a_holder_on_another_machine_counts_until_its_lease_ends() {
        let (_keep, place, time) = setup();
        let record = taken(&LockRecord::default(), &claim("ada", "server"), time.now(), LEASE);
        place.store(&record).unwrap();
        assert!(matches!(get(&place, "bob", &time), Err(LockError::Held { .. })));
        let bob = place.acquire(&claim("bob", "laptop"), LEASE * 2, &time).unwrap();
        assert!(!bob.takeover.as_ref().unwrap().dead);
        assert!(time.0.get() >= LEASE.as_millis() as i64);
    }

    #[test]
    fn whoever_lost_the_lock_is_told_before_writing() {
        let (_keep, place, time) = setup();
        let mut ada = place
            .acquire(&claim("ada", "server"), Duration::ZERO, &time)
            .unwrap();
        ada.check(time.now()).unwrap();
        time.sleep(LEASE * 2);
        let mut bob = get(&place, "bob", &time).unwrap();
        assert!(matches!(
            ada.check(time.now()),
            Err(LockError::Lost { by: Some(_) })
        ));
        drop(ada);
        bob.check(time.now()).unwrap();
        assert_eq!(place.holder().unwrap().unwrap().info.owner, "bob".into());
    }

    #[test]
    fn whoever_waits_for_an_answer_keeps_the_lock() {
        let (_keep, place, time) = setup();
        let mut ada = get(&place, "ada", &time).unwrap();
        time.sleep(LEASE * 9);
        assert!(matches!(get(&place, "bob", &time), Err(LockError::Held { .. })));
        ada.check(time.now()).unwrap();
    }

    #[test]
    fn a_working_holder_renews_its_lease() {
        let (_keep, place, time) = setup();
        let mut ada = get(&place, "ada", &time).unwrap();
        for _ in 0..4 {
            time.sleep(LEASE * 3 / 4);
            ada.check(time.now()).unwrap();
            assert!(matches!(get(&place, "bob", &time), Err(LockError::Held { .. })));
        }
    }

    #[test]
    fn force_unlock_needs_the_id_and_the_holder_notices() {
        let (_keep, place, time) = setup();
        let mut ada = get(&place, "ada", &time).unwrap();
        assert!(matches!(
            place.force_unlock("feed"),
            Err(LockError::OtherId { .. })
        ));
        let id = ada.holder().info.id.clone();
        assert_eq!(place.force_unlock(&id).unwrap().owner, "ada".into());
        assert!(matches!(ada.check(time.now()), Err(LockError::Lost { by: None })));
        assert_eq!(get(&place, "bob", &time).unwrap().token(), 2);
    }
}
