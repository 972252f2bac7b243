//! The state in a directory: journal, checkpoint, lock and exports together.
//!
//! ```text
//! .rolecall/journal         the truth
//! .rolecall/checkpoint/     a sled database, to open quickly; can always be made again from the journal
//! .rolecall/lock…           who may write
//! .rolecall/exports/        the last few states as compressed JSON
//! ```
//!
//! The database is opened for the moment it takes to read or write it, because nobody else can read it meanwhile.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::checkpoint::{Checkpoint, Ledger, Rows};
use super::entry_codec::{begins_run, decode, decode_all, encode, is_among};
use super::files::{io_error, make_private_directory, sync_directory_of};
use super::fold::Fold;
use super::journal::{Position, Record};
use super::journal_file::{self, JournalFile};
use super::lock::{LockError, Patience};
use super::lock_file::{HeldLock, LEASE, LockFile, SystemPatience};
use super::sled::SledCheckpoint;
use super::{
    Entry, Kinds, LockInfo, LockRequest, Remedy, StateError, StateStore, export_file, inconsistent,
    recorded_rows,
};
use crate::model::record::Recorded;

/// A state in a directory.
pub struct LocalStore {
    directory: PathBuf,
    patience: Box<dyn Patience + Send>,
    journal: Option<JournalFile>,
    /// How far the journal went when it was last read: what a caller knows about.
    known: Option<Position>,
    /// Whether entries of a run were appended and not its end.
    in_run: bool,
    lock: Option<HeldLock>,
    remarks: Vec<String>,
}

impl std::fmt::Debug for LocalStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalStore")
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl LocalStore {
    /// The state in `directory`, which need not exist: nothing is made before something is written.
    pub fn new(directory: &Path) -> Self {
        Self::with_patience(directory, Box::new(SystemPatience))
    }

    /// As [`LocalStore::new`], with a clock of the caller's.
    pub fn with_patience(directory: &Path, patience: Box<dyn Patience + Send>) -> Self {
        LocalStore {
            directory: directory.to_owned(),
            patience,
            journal: None,
            known: None,
            in_run: false,
            lock: None,
            remarks: Vec::new(),
        }
    }

    /// What should be told to the user: a lock taken over, an unfinished write dropped. Each is given once.
    pub fn take_remarks(&mut self) -> Vec<String> {
        std::mem::take(&mut self.remarks)
    }

    /// Who holds the lock.
    ///
    /// # Errors
    /// When the lock file cannot be read.
    pub fn holder(&self) -> Result<Option<LockInfo>, StateError> {
        Ok(LockFile::new(&self.directory).holder()?.map(|holder| holder.info))
    }

    /// Who holds the lock and still runs, seen from the machine called `host`: somebody else's run under way.
    ///
    /// # Errors
    /// When the lock file cannot be read.
    pub fn running(&self, host: &str) -> Result<Option<LockInfo>, StateError> {
        if self.lock.is_some() {
            return Ok(None);
        }
        Ok(LockFile::new(&self.directory).active(host, self.patience.now())?)
    }

    /// Where the state is kept.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Checks the whole history, which opening a state does not: it reads what lies behind the checkpoint.
    ///
    /// # Errors
    /// When the journal is damaged somewhere, or is not there though there is a checkpoint or an export.
    pub fn verify(&self) -> Result<(), StateError> {
        if self.is_fresh() {
            return Ok(());
        }
        self.check_presence()?;
        journal_file::verify(&self.journal_path()).map_err(|error| self.with_export(error))
    }

    /// The state as the checkpoint has it, whatever became of the journal.
    pub fn last_known(&self) -> Option<Recorded> {
        let (_, rows) = self.read_checkpoint().ok()??;
        recorded_rows::decode(&rows).ok()
    }

    /// Whether a state is kept in a directory: there is a journal, a checkpoint or an export of it.
    pub fn is_in(directory: &Path) -> bool {
        journal_file::is_one(&directory.join("journal"))
            || SledCheckpoint::exists(&directory.join("checkpoint"))
            || !export_file::list(&directory.join("exports")).is_empty()
    }

    /// Whether something in a directory with a state is called as what belongs to it is.
    pub fn is_own_name(name: &OsStr) -> bool {
        let stem = name.to_str().and_then(|name| name.split('.').next());
        stem.is_some_and(|stem| ["journal", "checkpoint", "exports", "lock"].contains(&stem))
    }

    /// Whether nothing was ever recorded here, as far as can be told.
    fn is_fresh(&self) -> bool {
        !journal_file::has_begun(&self.journal_path())
            && !SledCheckpoint::exists(&self.checkpoint_path())
            && self.exports().is_empty()
    }

    /// That a journal and a checkpoint are not both gone while exports tell that there was a state.
    fn check_presence(&self) -> Result<(), StateError> {
        let present = journal_file::has_begun(&self.journal_path())
            || SledCheckpoint::exists(&self.checkpoint_path())
            || self.exports().is_empty();
        if present {
            return Ok(());
        }
        Err(self.with_export(StateError::Damaged {
            file: self.journal_path().display().to_string().into(),
            problem: "the journal and the checkpoint are gone, but exports tell that there was a state"
                .into(),
            remedy: Remedy::Import { newest: None },
        }))
    }

    /// An error whose remedy is an import names the newest export.
    fn with_export(&self, error: StateError) -> StateError {
        match error {
            StateError::Damaged {
                file,
                problem,
                remedy: Remedy::Import { newest: None },
            } => StateError::Damaged {
                file,
                problem,
                remedy: Remedy::Import {
                    newest: self
                        .exports()
                        .last()
                        .map(|path| path.display().to_string().into()),
                },
            },
            other => other,
        }
    }

    /// The exports that are kept, oldest first.
    pub fn exports(&self) -> Vec<PathBuf> {
        export_file::list(&self.directory.join("exports"))
    }

    /// Puts a damaged journal and checkpoint aside, under names that say so, to begin anew with an import; as much
    /// of the history as can be read is taken over. The lock must be held. Returns where the files are now.
    ///
    /// # Errors
    /// When the lock is not held, or the files cannot be renamed.
    pub fn set_aside(&mut self) -> Result<Vec<PathBuf>, StateError> {
        self.check_lock()?;
        self.journal = None;
        self.known = None;
        self.in_run = false;
        let history = self.salvaged();
        let mut moved = Vec::new();
        for path in [self.journal_path(), self.checkpoint_path()] {
            if !path.exists() {
                continue;
            }
            let mut names = (1_u32..).map(|n| path.with_extension(format!("damaged-{n}")));
            let Some(to) = names.find(|name| !name.exists()) else {
                continue;
            };
            fs::rename(&path, &to).map_err(|error| io_error(&path, "cannot rename", &error))?;
            moved.push(to);
        }
        self.sync_directory()?;
        self.read_journal(None)?;
        self.journal()?.append(history);
        Ok(moved)
    }

    /// What can be read of the journal from its beginning, as far as it makes sense.
    fn salvaged(&self) -> Vec<Record> {
        let mut fold = Fold::default();
        let mut whole = |record: &Record| match decode(record) {
            Ok(Some(entry)) => fold.push(&entry).is_ok(),
            Ok(None) => true,
            Err(_) => false,
        };
        let mut records = journal_file::salvage(&self.journal_path());
        let length = records.iter().take_while(|record| whole(record)).count();
        records.truncate(length);
        records
    }

    fn journal_path(&self) -> PathBuf {
        self.directory.join("journal")
    }

    fn checkpoint_path(&self) -> PathBuf {
        self.directory.join("checkpoint")
    }

    fn sync_directory(&self) -> Result<(), StateError> {
        let path = self.journal_path();
        sync_directory_of(&path).map_err(|error| io_error(&self.directory, "cannot sync", &error))
    }

    /// What the checkpoint holds; nothing when there is none, or another process keeps it busy.
    fn read_checkpoint(&self) -> Result<Option<(Position, Rows)>, StateError> {
        let path = self.checkpoint_path();
        if !SledCheckpoint::exists(&path) {
            return Ok(None);
        }
        match SledCheckpoint::open(&path).and_then(|mut store| store.read_all()) {
            Ok(held) => Ok(held.map(|(head, rows)| (head.journal, rows))),
            // The journal has everything that the checkpoint has.
            Err(StateError::Io { .. }) if self.journal_path().exists() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Reads the journal behind a position; with the lock, it is opened for writing.
    fn read_journal(&mut self, from: Option<Position>) -> Result<Vec<Record>, StateError> {
        let path = self.journal_path();
        if self.lock.is_none() {
            let contents = journal_file::read(&path, from).map_err(|error| self.with_export(error))?;
            self.known = Some(contents.end);
            return Ok(contents.records);
        }
        self.journal = None;
        let opened = JournalFile::open(&path, from).map_err(|error| self.with_export(error))?;
        if let Some(torn) = opened.torn {
            self.remarks.push(format!(
                "the last write before a crash was not finished; {} was cut off there, at byte {}",
                path.display(),
                torn.offset
            ));
        }
        self.known = Some(opened.journal.durable());
        self.journal = Some(opened.journal);
        Ok(opened.records)
    }

    /// The journal for writing. Whoever loaded the state before taking the lock must not have missed anything.
    fn journal(&mut self) -> Result<&mut JournalFile, StateError> {
        if self.journal.is_none() {
            let known = self.known;
            let missed = self.read_journal(known)?;
            if known.is_some() && !missed.is_empty() {
                return Err(inconsistent(
                    "the state changed since it was read; run the command again",
                ));
            }
        }
        self.journal
            .as_mut()
            .ok_or_else(|| inconsistent("the state is written without its lock"))
    }

    fn check_lock(&mut self) -> Result<(), StateError> {
        let now = self.patience.now();
        match &mut self.lock {
            Some(lock) => Ok(lock.check(now)?),
            None => Err(inconsistent("the state is written without its lock")),
        }
    }

    fn write_checkpoint(&self, recorded: &Recorded, journal: Position) -> Result<(), StateError> {
        let mut store = SledCheckpoint::open(&self.checkpoint_path())?;
        let held = store.read_all()?;
        let none = Rows::new();
        let before = held.as_ref().map_or(&none, |(_, rows)| rows);
        let rows = recorded_rows::encode(recorded, before)?;
        let ledger = held
            .as_ref()
            .map_or_else(Ledger::default, |(head, rows)| Ledger::of(head, rows));
        let (changes, head) = ledger.difference(rows, journal);
        store.commit(&changes, &head)
    }
}

impl StateStore for LocalStore {
    fn load(&mut self) -> Result<Recorded, StateError> {
        self.check_presence()?;
        let held = self.read_checkpoint()?;
        let from = held.as_ref().map(|(position, _)| *position);
        let base = held.map_or_else(
            || Ok(Recorded::default()),
            |(_, rows)| recorded_rows::decode(&rows),
        )?;
        let records = self.read_journal(from)?;
        let mut fold = Fold::new(base);
        for record in &records {
            if let Some(entry) = decode(record)? {
                fold.push(&entry)?;
            }
        }
        self.in_run = fold.is_in_run();
        fold.finish()
    }

    fn lock(&mut self, request: &LockRequest) -> Result<(), StateError> {
        if self.lock.is_some() {
            return self.check_lock();
        }
        make_private_directory(&self.directory)
            .map_err(|error| io_error(&self.directory, "cannot create", &error))?;
        let place = LockFile::new(&self.directory);
        let lock = place.acquire(&request.info, request.timeout, &*self.patience)?;
        self.remarks
            .extend(lock.takeover.as_ref().map(ToString::to_string));
        self.lock = Some(lock);
        Ok(())
    }

    fn keep(&mut self) -> Result<(), StateError> {
        let now = self.patience.now();
        let is_due = |lock: &HeldLock| {
            let left = now.duration_until(lock.holder().expires);
            left <= jiff::SignedDuration::try_from(LEASE / 2).unwrap_or_default()
        };
        if self.lock.as_ref().is_some_and(is_due) {
            self.check_lock()?;
        }
        Ok(())
    }

    fn force_unlock(&mut self, id: &str) -> Result<LockInfo, StateError> {
        if !self.directory.exists() {
            return Err(LockError::NotLocked.into());
        }
        Ok(LockFile::new(&self.directory).force_unlock(id)?)
    }

    fn append(&mut self, entries: &[Entry]) -> Result<(), StateError> {
        if self.lock.is_none() {
            return Err(inconsistent("the state is written without its lock"));
        }
        let records: Vec<Record> = entries.iter().map(encode).collect::<Result<_, _>>()?;
        self.journal()?.append(records);
        for entry in entries {
            match entry {
                Entry::RunStarted(_) => self.in_run = true,
                Entry::RunFinished { .. } | Entry::Imported { .. } => self.in_run = false,
                _ => {}
            }
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StateError> {
        self.check_lock()?;
        let end = self.journal()?.sync()?;
        self.known = Some(end);
        Ok(())
    }

    /// In the middle of a run this only syncs: what the run's entries mean depends on its first one, so a
    /// checkpoint lies between runs.
    fn checkpoint(&mut self, recorded: &Recorded) -> Result<(), StateError> {
        self.sync()?;
        if self.in_run {
            return Ok(());
        }
        let position = self.journal()?.durable();
        let exports = self.directory.join("exports");
        // Neither needs the other, and each is half of what the end of a run takes.
        std::thread::scope(|scope| {
            let export = scope.spawn(|| export_file::save(&exports, recorded.serial, recorded));
            let written = self.write_checkpoint(recorded, position);
            let exported = export
                .join()
                .unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            written.and(exported.map(|_| ()))
        })
    }

    fn history(&mut self) -> Result<Vec<Entry>, StateError> {
        let mut entries = Vec::new();
        self.read_each(Kinds::All, &mut |entry| {
            entries.push(entry);
            true
        })?;
        Ok(entries)
    }

    fn read_each(&mut self, kinds: Kinds, take: &mut dyn FnMut(Entry) -> bool) -> Result<(), StateError> {
        self.check_presence()?;
        let path = self.journal_path();
        // The checkpoint knows how long the journal was: one that was cut off would pass for a shorter history.
        let reached = self.read_checkpoint().ok().flatten();
        let mut decoded = Ok(());
        let mut each = |records: Vec<Record>| {
            for record in records.iter().filter(|record| is_among(record, kinds)) {
                match decode(record) {
                    Ok(Some(entry)) => {
                        if !take(entry) {
                            return false;
                        }
                    }
                    Ok(None) => {}
                    Err(error) => {
                        decoded = Err(error);
                        return false;
                    }
                }
            }
            true
        };
        let mut read = || -> Result<(), StateError> {
            if let Some((position, _)) = reached {
                journal_file::read(&path, Some(position))?;
            }
            journal_file::read_each(&path, &mut each)
        };
        read().map_err(|error| self.with_export(error))?;
        decoded
    }

    /// A checkpoint lies between runs, so that a run that never ended is behind it.
    fn last_run(&mut self) -> Result<Vec<Entry>, StateError> {
        let from = self.read_checkpoint()?.map(|(position, _)| position);
        let read = journal_file::read(&self.journal_path(), from);
        let records = read.map_err(|error| self.with_export(error))?.records;
        let last = records.iter().rposition(begins_run);
        decode_all(last.and_then(|at| records.get(at..)).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::state::fold::fold;
    use crate::state::memory::MemoryStore;
    use crate::state::testing::{Grants, author, observed, request, run_of_entities, run_of_grants};

    fn grants(n: u32) -> Grants {
        let key = |at: u32| (at % 5, format!("set{}", at % 3), format!("group{}", at % 7));
        let made: BTreeMap<_, _> = (n..n + 6)
            .map(|at| (key(at), [format!("b{}", at % 2)].into()))
            .collect();
        let taken = [key(n + 50)]
            .into_iter()
            .filter(|key| !made.contains_key(key))
            .collect();
        Grants { made, taken }
    }

    fn write(store: &mut dyn StateStore, entries: &[Entry]) {
        store.lock(&request()).unwrap();
        store.load().unwrap();
        for entry in entries {
            store.append(std::slice::from_ref(entry)).unwrap();
            store.sync().unwrap();
        }
    }

    fn write_and_checkpoint(directory: &Path, entries: &[Entry]) {
        let mut store = LocalStore::new(directory);
        write(&mut store, entries);
        let recorded = fold(Recorded::default(), &store.history().unwrap()).unwrap();
        store.checkpoint(&recorded).unwrap();
    }

    fn load(directory: &Path) -> Recorded {
        LocalStore::new(directory).load().unwrap()
    }

    #[test]
    fn reading_a_state_that_is_not_there_makes_nothing() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join(".rolecall");
        let mut store = LocalStore::new(&place);
        assert_eq!(store.load().unwrap(), Recorded::default());
        assert_eq!(store.history().unwrap(), []);
        assert!(store.force_unlock("x").is_err());
        assert!(!place.exists());
    }

    #[test]
    fn a_state_outlives_the_process_and_is_exported() {
        let directory = tempfile::tempdir().unwrap();
        let place = directory.path().join(".rolecall");
        let mut entries = run_of_entities("one");
        entries.push(observed(&grants(3)));
        write_and_checkpoint(&place, &entries);
        let expected = fold(Recorded::default(), &entries).unwrap();
        assert_eq!(load(&place), expected);
        let mut store = LocalStore::new(&place);
        assert_eq!(store.history().unwrap(), entries);
        let exports = store.exports();
        assert_eq!(
            export_file::load::<Recorded>(exports.last().unwrap()).unwrap(),
            expected
        );
    }

    #[test]
    fn writing_needs_the_lock_and_a_state_nobody_changed_meanwhile() {
        let directory = tempfile::tempdir().unwrap();
        let mut first = LocalStore::new(directory.path());
        let entries = run_of_entities("one");
        assert!(first.append(&entries).is_err());
        first.load().unwrap();
        write_and_checkpoint(directory.path(), &entries);
        first.lock(&request()).unwrap();
        first.append(&entries).unwrap_err();
        // Having read the state again, it may.
        first.load().unwrap();
        first.append(&entries).unwrap();
        let mut second = LocalStore::new(directory.path());
        assert!(
            matches!(second.lock(&request()), Err(StateError::Locked(info)) if &*info.owner == "ada@laptop")
        );
    }

    #[test]
    fn a_holder_whose_lock_was_broken_cannot_write() {
        let directory = tempfile::tempdir().unwrap();
        let mut first = LocalStore::new(directory.path());
        write(&mut first, &run_of_entities("one"));
        let id = first.holder().unwrap().unwrap().id;
        LocalStore::new(directory.path()).force_unlock(&id).unwrap();
        first.append(&run_of_entities("two")).unwrap();
        assert!(first.sync().unwrap_err().to_string().contains("lost its lock"));
    }

    #[test]
    fn a_lost_checkpoint_is_made_anew_from_the_journal() {
        let directory = tempfile::tempdir().unwrap();
        let entries = run_of_entities("one");
        write_and_checkpoint(directory.path(), &entries);
        let expected = load(directory.path());
        fs::remove_dir_all(directory.path().join("checkpoint")).unwrap();
        assert_eq!(load(directory.path()), expected);
        write_and_checkpoint(directory.path(), &run_of_grants("two", &grants(0)));
        assert_eq!(load(directory.path()).serial, 2);
    }

    #[test]
    fn a_damaged_journal_is_put_aside_and_the_export_taken_in() {
        let directory = tempfile::tempdir().unwrap();
        write_and_checkpoint(directory.path(), &run_of_entities("one"));
        let expected = load(directory.path());
        let journal = directory.path().join("journal");
        let mut bytes = fs::read(&journal).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&journal, bytes).unwrap();
        let mut store = LocalStore::new(directory.path());
        assert!(matches!(store.history(), Err(StateError::Damaged { .. })));
        let recorded: Recorded = export_file::load(store.exports().last().unwrap()).unwrap();
        store.lock(&request()).unwrap();
        assert_eq!(store.set_aside().unwrap().len(), 2);
        store
            .append(&[Entry::Imported {
                by: author(),
                recorded: Box::new(recorded),
            }])
            .unwrap();
        store.sync().unwrap();
        let now = store.load().unwrap();
        store.checkpoint(&now).unwrap();
        drop(store);
        assert_eq!(
            load(directory.path()),
            Recorded {
                serial: expected.serial + 1,
                ..expected
            }
        );
    }

    fn remedy(error: StateError) -> Remedy {
        match error {
            StateError::Damaged { remedy, .. } => remedy,
            other => panic!("{other}"),
        }
    }

    #[test]
    fn a_lost_journal_names_the_newest_export_also_when_the_checkpoint_is_lost() {
        let directory = tempfile::tempdir().unwrap();
        write_and_checkpoint(directory.path(), &run_of_entities("one"));
        let store = LocalStore::new(directory.path());
        let newest = store.exports().last().unwrap().display().to_string();
        let expected = Remedy::Import {
            newest: Some(newest.into()),
        };
        let journal = directory.path().join("journal");
        for damage in [
            || -> Option<Vec<u8>> { None },
            || Some(Vec::new()),
            || Some(b"rolecall journal".to_vec()),
        ] {
            fs::remove_file(&journal).unwrap();
            if let Some(bytes) = damage() {
                fs::write(&journal, bytes).unwrap();
            }
            let mut store = LocalStore::new(directory.path());
            assert_eq!(remedy(store.load().unwrap_err()), expected);
            assert_eq!(remedy(store.history().unwrap_err()), expected);
            assert_eq!(remedy(store.verify().unwrap_err()), expected);
            fs::write(&journal, b"").unwrap();
        }
        fs::remove_dir_all(directory.path().join("checkpoint")).unwrap();
        for _ in 0..2 {
            let mut store = LocalStore::new(directory.path());
            assert_eq!(remedy(store.load().unwrap_err()), expected);
            assert_eq!(remedy(store.history().unwrap_err()), expected);
            let _ = fs::remove_file(&journal);
        }
    }

    #[test]
    fn a_history_that_was_cut_off_is_not_a_shorter_one() {
        let directory = tempfile::tempdir().unwrap();
        write_and_checkpoint(directory.path(), &run_of_entities("one"));
        let journal = directory.path().join("journal");
        let short = fs::read(&journal).unwrap();
        write_and_checkpoint(directory.path(), &run_of_grants("two", &grants(0)));
        fs::write(&journal, short).unwrap();
        let error = LocalStore::new(directory.path()).history().unwrap_err();
        assert!(matches!(remedy(error), Remedy::Import { newest: Some(_) }));
    }

    #[test]
    fn damage_in_the_middle_is_found_by_verifying_and_the_history_before_it_kept() {
        let directory = tempfile::tempdir().unwrap();
        let first = run_of_entities("one");
        write_and_checkpoint(directory.path(), &first);
        let journal = directory.path().join("journal");
        let middle = fs::read(&journal).unwrap().len() + 40;
        write_and_checkpoint(directory.path(), &run_of_grants("two", &grants(0)));
        let mut bytes = fs::read(&journal).unwrap();
        bytes[middle] ^= 1;
        fs::write(&journal, bytes).unwrap();
        let expected = load(directory.path());
        let mut store = LocalStore::new(directory.path());
        assert!(store.verify().is_err());
        assert_eq!(store.last_known(), Some(expected.clone()));
        store.lock(&request()).unwrap();
        store.set_aside().unwrap();
        let entry = Entry::Imported {
            by: author(),
            recorded: Box::new(expected),
        };
        store.append(std::slice::from_ref(&entry)).unwrap();
        store.sync().unwrap();
        let mut history = first;
        history.push(entry);
        assert_eq!(store.history().unwrap(), history);
        store.verify().unwrap();
    }

    #[cfg(unix)]
    #[test]
    fn every_file_is_its_owners_alone() {
        use std::os::unix::fs::PermissionsExt as _;
        let directory = tempfile::tempdir().unwrap();
        for n in 0..3 {
            write_and_checkpoint(directory.path(), &run_of_grants(&format!("run {n}"), &grants(n)));
        }
        let mut open = vec![directory.path().to_owned()];
        let mut files = 0;
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(next).unwrap() {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                    continue;
                }
                let mode = path.metadata().unwrap().permissions().mode() & 0o777;
                assert_eq!(mode, 0o600, "{}", path.display());
                files += 1;
            }
        }
        assert!(files >= 5);
    }

    #[test]
    fn an_interrupted_run_is_read_from_the_checkpoint_on_and_readings_are_skipped() {
        let directory = tempfile::tempdir().unwrap();
        let mut first = run_of_entities("one");
        first.push(observed(&grants(3)));
        write_and_checkpoint(directory.path(), &first);
        let mut second = run_of_grants("two", &grants(1));
        second.truncate(2);
        write(&mut LocalStore::new(directory.path()), &second);
        let mut store = LocalStore::new(directory.path());
        assert_eq!(store.last_run().unwrap(), second);
        let memory = MemoryStore::new();
        let whole: Vec<Entry> = first.iter().chain(&second).cloned().collect();
        write(&mut memory.clone(), &whole);
        assert_eq!(memory.clone().last_run().unwrap(), second);
        for kinds in [Kinds::All, Kinds::Readings, Kinds::Story] {
            let [local, memory] = [&mut store as &mut dyn StateStore, &mut memory.clone()].map(|store| {
                let mut entries = Vec::new();
                let mut take = |entry| {
                    entries.push(entry);
                    true
                };
                store.read_each(kinds, &mut take).unwrap();
                entries
            });
            assert_eq!(local, memory);
            let readings = local.iter().filter(|entry| matches!(entry, Entry::Observed(_)));
            assert_eq!(readings.count(), usize::from(kinds != Kinds::Story), "{kinds:?}");
        }
        let mut taken = 0;
        store
            .read_each(Kinds::All, &mut |_| {
                taken += 1;
                taken < 2
            })
            .unwrap();
        assert_eq!(taken, 2);
    }

    #[test]
    fn a_reading_that_says_the_same_is_only_dated() {
        let directory = tempfile::tempdir().unwrap();
        let Entry::Observed(seen) = observed(&grants(3)) else {
            panic!("a reading")
        };
        let mut later = (*seen).clone();
        later.at = "2030-01-01T00:00:00Z".parse().unwrap();
        let mut other = later.clone();
        other.snapshot.access = crate::model::access::Access::default();
        assert!(matches!(
            Entry::of_reading(Some(&seen), other),
            Entry::Observed(_)
        ));
        let again = Entry::of_reading(Some(&seen), later.clone());
        assert_eq!(again, Entry::Confirmed { at: later.at });
        let mut entries = run_of_entities("one");
        entries.extend([Entry::Observed(seen), again]);
        write_and_checkpoint(directory.path(), &entries);
        assert_eq!(load(directory.path()).seen, Some(later));
    }

    proptest! {
        #![proptest_config(crate::testing::property(16))]

        /// Damage to the database is an error that says what to do, or the journal makes up for it.
        #[test]
        fn a_damaged_checkpoint_never_gives_a_wrong_state(
            at in any::<prop::sample::Index>(), length in prop_oneof![Just(1_usize), Just(4096)], truncate in any::<bool>()
        ) {
            let directory = tempfile::tempdir().unwrap();
            write_and_checkpoint(directory.path(), &run_of_entities("one"));
            write_and_checkpoint(directory.path(), &run_of_grants("two", &grants(1)));
            write(&mut LocalStore::new(directory.path()), &run_of_grants("three", &grants(9)));
            let mut store = LocalStore::new(directory.path());
            let expected = fold(Recorded::default(), &store.history().unwrap()).unwrap();
            let db = directory.path().join("checkpoint/db");
            let mut bytes = fs::read(&db).unwrap();
            let at = at.index(bytes.len());
            if truncate {
                bytes.truncate(at);
            } else {
                bytes.iter_mut().skip(at).take(length).for_each(|byte| *byte = !*byte);
            }
            fs::write(&db, bytes).unwrap();
            match store.load() {
                Ok(loaded) => prop_assert_eq!(loaded, expected),
                Err(StateError::Damaged { remedy, .. }) => {
                    prop_assert!(matches!(remedy, Remedy::SetAside { .. }), "{:?}", remedy);
                    fs::rename(directory.path().join("checkpoint"), directory.path().join("checkpoint.damaged")).unwrap();
                    prop_assert_eq!(load(directory.path()), expected);
                }
                Err(other) => prop_assert!(false, "{}", other),
            }
        }

        /// Whatever is written, wherever a process stops and whenever checkpoints are made: the state is the fold of
        /// what was synced, on disk and in memory.
        #[test]
        fn any_history_of_stops_and_checkpoints_folds_to_the_same(
            steps in prop::collection::vec((0_u32..60, 0_usize..12, any::<bool>()), 1..6)
        ) {
            let directory = tempfile::tempdir().unwrap();
            let memory = MemoryStore::new();
            let mut all = Vec::new();
            for (n, (seed, stop, checkpoint)) in steps.into_iter().enumerate() {
                let mut entries = run_of_grants(&format!("run-{n}"), &grants(seed));
                entries.push(observed(&grants(seed + 1)));
                entries.truncate(stop.max(1));
                let mut store = LocalStore::new(directory.path());
                write(&mut store, &entries);
                write(&mut memory.clone(), &entries);
                all.extend(entries);
                let expected = fold(Recorded::default(), &all).unwrap();
                if checkpoint {
                    store.checkpoint(&expected).unwrap();
                }
                // Appended and not synced: gone with the process.
                store.append(&run_of_entities("never")).unwrap();
                drop(store);
                prop_assert_eq!(&load(directory.path()), &expected);
                prop_assert_eq!(&memory.clone().load().unwrap(), &expected);
            }
        }
    }
}
