//! A state in memory, for tests and for states that need not outlive the process.

use std::sync::{Arc, Mutex, PoisonError};

use super::fold::fold;
use super::{Entry, LockInfo, LockRequest, StateError, StateStore, inconsistent};
use crate::model::record::Recorded;

use super::checkpoint::{Change, Checkpoint, Head, Rows, mismatch};

/// Rows and head in memory; clones share them, as two openings of one database do.
#[derive(Debug, Clone, Default)]
pub struct MemoryCheckpoint {
    held: Arc<Mutex<(Option<Head>, Rows)>>,
}

impl Checkpoint for MemoryCheckpoint {
    fn read_all(&mut self) -> Result<Option<(Head, Rows)>, StateError> {
        let held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (Some(head), rows) = &*held else {
            return Ok(None);
        };
        match mismatch(head, rows) {
            Some(problem) => Err(StateError::Inconsistent(problem.into())),
            None => Ok(Some((head.clone(), rows.clone()))),
        }
    }

    fn commit(&mut self, changes: &[Change], head: &Head) -> Result<(), StateError> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            match &change.value {
                Some(value) => held.1.insert(change.key.clone(), value.clone()),
                None => held.1.remove(&change.key),
            };
        }
        held.0 = Some(head.clone());
        Ok(())
    }
}

/// A state in memory. Clones share what was synced, as processes share a directory; what was appended and not
/// synced is the clone's own, and lost with it, as in a crash.
#[derive(Debug, Default)]
pub struct MemoryStore {
    shared: Arc<Mutex<Shared>>,
    pending: Vec<Entry>,
    lock: Option<LockInfo>,
}

#[derive(Debug, Default)]
struct Shared {
    entries: Vec<Entry>,
    lock: Option<LockInfo>,
    locks: u64,
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        MemoryStore {
            shared: Arc::clone(&self.shared),
            pending: Vec::new(),
            lock: None,
        }
    }
}

impl Drop for MemoryStore {
    fn drop(&mut self) {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if self.lock.is_some() && shared.lock == self.lock {
            shared.lock = None;
        }
    }
}

impl MemoryStore {
    /// An empty state.
    pub fn new() -> Self {
        Self::default()
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, Shared> {
        self.shared.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn check_lock(&self) -> Result<(), StateError> {
        if self.lock.is_some() && self.shared().lock == self.lock {
            return Ok(());
        }
        Err(inconsistent(
            "the state is written without its lock, or the lock was taken away",
        ))
    }
}

impl StateStore for MemoryStore {
    fn load(&mut self) -> Result<Recorded, StateError> {
        fold(Recorded::default(), &self.shared().entries)
    }

    /// There is no waiting: whoever holds the lock shares this process.
    fn lock(&mut self, request: &LockRequest) -> Result<(), StateError> {
        let mut shared = self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(holder) = &shared.lock
            && self.lock.as_ref() != Some(holder)
        {
            return Err(StateError::Locked(holder.clone()));
        }
        shared.locks += 1;
        let info = LockInfo {
            id: format!("{:016x}", shared.locks).into(),
            ..request.info.clone()
        };
        shared.lock = Some(info.clone());
        self.lock = Some(info);
        Ok(())
    }

    fn force_unlock(&mut self, id: &str) -> Result<LockInfo, StateError> {
        match self.shared().lock.take_if(|holder| &*holder.id == id) {
            Some(holder) => Ok(holder),
            None => Err(inconsistent("no lock has that id")),
        }
    }

    fn append(&mut self, entries: &[Entry]) -> Result<(), StateError> {
        self.check_lock()?;
        self.pending.extend_from_slice(entries);
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StateError> {
        self.check_lock()?;
        let pending = std::mem::take(&mut self.pending);
        self.shared().entries.extend(pending);
        Ok(())
    }

    fn checkpoint(&mut self, _recorded: &Recorded) -> Result<(), StateError> {
        self.sync()
    }

    fn history(&mut self) -> Result<Vec<Entry>, StateError> {
        Ok(self.shared().entries.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::checkpoint::Ledger;
    use crate::state::journal::Position;

    #[test]
    fn clones_see_what_was_committed_and_wrong_differences_are_noticed() {
        let mut store = MemoryCheckpoint::default();
        let rows = Rows::from([(b"a".to_vec(), b"1".to_vec())]);
        let (changes, head) = Ledger::default().difference(rows.clone(), Position::start());
        store.commit(&changes, &head).unwrap();
        assert_eq!(store.clone().read_all().unwrap(), Some((head.clone(), rows)));
        store
            .commit(
                &[Change {
                    key: b"b".to_vec(),
                    value: Some(Vec::new()),
                }],
                &head,
            )
            .unwrap();
        assert!(store.read_all().is_err());
    }
}
