//! A checkpoint in memory, for tests and for states that need not outlive the process.

use std::sync::{Arc, Mutex, PoisonError};

use super::StateError;
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
