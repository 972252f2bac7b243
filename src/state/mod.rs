//! The state: a journal that is the truth, and a store that is its checkpoint.
//!
//! An intent is durable before its call leaves; outcomes become durable with the
//! next intents. Folding the journal's entries gives [`Recorded`]; a store keeps
//! a checkpoint of the fold with the journal offset it includes, and replays the
//! rest on opening.

pub mod checkpoint;
pub mod entry;
pub mod entry_codec;
pub mod export;
pub mod export_file;
pub mod fault;
mod files;
pub mod fold;
mod fold_access;
pub(crate) mod fold_entities;
pub mod journal;
pub mod journal_file;
pub mod local;
pub mod lock;
pub mod lock_file;
pub mod memory;
mod recorded_rows;
pub mod rows;
pub mod sled;
pub mod sound;
#[cfg(test)]
pub(crate) mod testing;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::model::record::Recorded;

pub use entry::Entry;

/// Who holds, or asks for, the lock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct LockInfo {
    /// The lock's id: what `force-unlock` takes.
    pub id: Arc<str>,
    /// `user@host`
    pub owner: Arc<str>,
    /// The host's name.
    pub host: Arc<str>,
    /// The process.
    pub pid: u32,
    /// The command that runs.
    pub command: Arc<str>,
    /// Since when.
    pub since: Timestamp,
}

/// Why the state cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StateError {
    /// Someone else holds it (exit code 5).
    #[error("the state is locked by {} (pid {} on {}), running `{}` since {}; lock id {}", .0.owner, .0.pid, .0.host, .0.command, .0.since, .0.id)]
    Locked(LockInfo),
    /// It is damaged: which file, what is wrong, and the command that restores it.
    #[error("{file}: {problem}")]
    Damaged {
        /// Which file.
        file: Arc<str>,
        /// What is wrong.
        problem: Arc<str>,
        /// What repairs it.
        remedy: Remedy,
    },
    /// It was written by a newer rolecall.
    #[error("the state has format {found}, and this rolecall reads up to {known}; use a newer rolecall")]
    Newer {
        /// The state's format.
        found: u32,
        /// The newest one known.
        known: u32,
    },
    /// The operating system refused.
    #[error("{action} {file}: {message}")]
    Io {
        /// What was tried: "cannot write".
        action: Arc<str>,
        /// Which file.
        file: Arc<str>,
        /// The system's message.
        message: Arc<str>,
    },
    /// An entry does not fit the state (a run's outcome without the run, a name that is not there).
    #[error("{0}")]
    Inconsistent(Arc<str>),
}

/// What repairs a damaged state. The edge, which knows how rolecall was called, makes commands of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// The journal is lost or damaged: an export is to be imported, the newest one where there is any.
    Import {
        /// Its path.
        newest: Option<Arc<str>>,
    },
    /// The checkpoint is to be put aside; the journal has everything that was in it.
    SetAside {
        /// The checkpoint's path.
        path: Arc<str>,
    },
    /// The file is no export: another one is to be named.
    OtherFile,
}

/// An error about entries that do not fit together.
fn inconsistent(problem: &str) -> StateError {
    StateError::Inconsistent(problem.into())
}

/// How long to wait for the lock, and what to say meanwhile.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LockRequest {
    /// Who asks.
    pub info: LockInfo,
    /// How long to wait.
    pub timeout: Duration,
}

/// Which entries are asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kinds {
    /// Every one.
    All,
    /// Readings, and imports, which may bring one.
    Readings,
    /// What was done by whom, and how it ended: neither readings nor single intents.
    Story,
    /// The same with every intent: everything but readings.
    Deeds,
}

impl Kinds {
    fn covers(self, entry: &Entry) -> bool {
        let is_reading = matches!(entry, Entry::Observed(_) | Entry::Confirmed { .. });
        match self {
            Kinds::All => true,
            Kinds::Deeds => !is_reading,
            Kinds::Readings => is_reading || matches!(entry, Entry::Imported { .. }),
            Kinds::Story => {
                let is_detail = matches!(
                    entry,
                    Entry::Intents { .. } | Entry::Accepted { .. } | Entry::Recorded(_)
                );
                !is_reading && !is_detail
            }
        }
    }
}

/// A place that keeps a stack's state. Small and object-safe; the concrete ones are named at the edge.
pub trait StateStore: Send {
    /// The state as it is: the checkpoint plus what the journal has beyond it.
    ///
    /// # Errors
    /// When it is damaged, newer, or cannot be read.
    fn load(&mut self) -> Result<Recorded, StateError>;

    /// Takes the lock for writing, waiting as the request says. It is released when the store is dropped.
    ///
    /// # Errors
    /// [`StateError::Locked`] names who holds it.
    fn lock(&mut self, request: &LockRequest) -> Result<(), StateError>;

    /// Says that the holder of the lock still works, which renews its lease when that is due. To be called while
    /// waiting.
    ///
    /// # Errors
    /// When the lock was lost.
    fn keep(&mut self) -> Result<(), StateError> {
        Ok(())
    }

    /// Takes a lock away from whoever holds it.
    ///
    /// # Errors
    /// When no lock has that id.
    fn force_unlock(&mut self, id: &str) -> Result<LockInfo, StateError>;

    /// Appends entries to the journal. They are durable after [`StateStore::sync`].
    ///
    /// # Errors
    /// When the lock is not held, or writing fails.
    fn append(&mut self, entries: &[Entry]) -> Result<(), StateError>;

    /// Makes everything appended so far durable.
    ///
    /// # Errors
    /// When writing fails.
    fn sync(&mut self) -> Result<(), StateError>;

    /// Writes a checkpoint of the fold of everything appended so far, and an export next to it.
    ///
    /// # Errors
    /// When writing fails. The journal stays the truth.
    fn checkpoint(&mut self, recorded: &Recorded) -> Result<(), StateError>;

    /// All entries since the beginning, in order, with when each was written.
    ///
    /// # Errors
    /// When the journal is damaged or cannot be read.
    fn history(&mut self) -> Result<Vec<Entry>, StateError>;

    /// Hands out the entries of these kinds one after the other, in order, until there are no more or `take` says that
    /// it has enough. A history need not fit into memory.
    ///
    /// # Errors
    /// As [`StateStore::history`].
    fn read_each(&mut self, kinds: Kinds, take: &mut dyn FnMut(Entry) -> bool) -> Result<(), StateError> {
        let entries = self.history()?.into_iter().filter(|entry| kinds.covers(entry));
        for entry in entries {
            if !take(entry) {
                break;
            }
        }
        Ok(())
    }

    /// The entries of the last run, from its start on; none when nothing was run since the last checkpoint.
    ///
    /// # Errors
    /// As [`StateStore::history`].
    fn last_run(&mut self) -> Result<Vec<Entry>, StateError> {
        let mut entries = self.history()?;
        let last = entries
            .iter()
            .rposition(|entry| matches!(entry, Entry::RunStarted(_)));
        Ok(last.map_or_else(Vec::new, |at| entries.split_off(at)))
    }
}
