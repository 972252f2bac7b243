//! A store with a hook at every boundary: a test may end the process there.

use crate::model::record::Recorded;

use super::{Entry, Kinds, LockInfo, LockRequest, StateError, StateStore};

/// Where a hook is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Point {
    /// Entries are about to be appended.
    Append,
    /// They were, and are not durable yet.
    Appended,
    /// What was appended is about to become durable.
    Sync,
    /// It is durable.
    Synced,
    /// A checkpoint is about to be written.
    Checkpoint,
    /// It was.
    Checkpointed,
}

/// What is called at every [`Point`].
pub type Hook = Box<dyn Fn(Point) + Send>;

/// A store with a hook.
pub struct Watched<'a> {
    inner: &'a mut dyn StateStore,
    hook: Hook,
}

impl<'a> Watched<'a> {
    /// `inner`, watched.
    pub fn new(inner: &'a mut dyn StateStore, hook: Hook) -> Self {
        Watched { inner, hook }
    }

    fn between<T>(
        &mut self,
        before: Point,
        body: impl FnOnce(&mut dyn StateStore) -> Result<T, StateError>,
        after: Point,
    ) -> Result<T, StateError> {
        (self.hook)(before);
        let answer = body(self.inner)?;
        (self.hook)(after);
        Ok(answer)
    }
}

impl StateStore for Watched<'_> {
    fn load(&mut self) -> Result<Recorded, StateError> {
        self.inner.load()
    }

    fn lock(&mut self, request: &LockRequest) -> Result<(), StateError> {
        self.inner.lock(request)
    }

    fn keep(&mut self) -> Result<(), StateError> {
        self.inner.keep()
    }

    fn force_unlock(&mut self, id: &str) -> Result<LockInfo, StateError> {
        self.inner.force_unlock(id)
    }

    fn append(&mut self, entries: &[Entry]) -> Result<(), StateError> {
        self.between(Point::Append, |store| store.append(entries), Point::Appended)
    }

    fn sync(&mut self) -> Result<(), StateError> {
        self.between(Point::Sync, |store| store.sync(), Point::Synced)
    }

    fn checkpoint(&mut self, recorded: &Recorded) -> Result<(), StateError> {
        self.between(
            Point::Checkpoint,
            |store| store.checkpoint(recorded),
            Point::Checkpointed,
        )
    }

    fn history(&mut self) -> Result<Vec<Entry>, StateError> {
        self.inner.history()
    }

    fn read_each(&mut self, kinds: Kinds, take: &mut dyn FnMut(Entry) -> bool) -> Result<(), StateError> {
        self.inner.read_each(kinds, take)
    }

    fn last_run(&mut self) -> Result<Vec<Entry>, StateError> {
        self.inner.last_run()
    }
}
