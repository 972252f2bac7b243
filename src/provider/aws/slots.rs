//! How many requests of a kind the service works on at once: calls that start one wait here until there is room.
//!
//! The quotas page names 15 outstanding creations of assignments and 3 provisionings. It names no number for deletions;
//! they are taken to have as many slots of their own as creations. Should the service refuse a call while both kinds
//! together take more than one kind may, they share from then on.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::requests::Kind;
use super::session::Pacer;
use crate::model::instance::Quotas;
use crate::provider::{CallError, Meaning};

/// Seconds that a slot rests whose call was refused, or was not answered: somebody else has it, or a request of ours that
/// we did not hear of.
const REST: f64 = 3.0;

/// The slots of each kind.
#[derive(Debug)]
pub struct Slots {
    creations: Arc<Semaphore>,
    deletions: Arc<Semaphore>,
    provisionings: Arc<Semaphore>,
    /// Of creations and deletions together; at first there are enough for both.
    assignments: Arc<Semaphore>,
    of_a_kind: usize,
    is_shared: AtomicBool,
}

/// A slot that is taken; it is free when this is dropped.
#[derive(Debug)]
pub struct Slot {
    /// Of requests of this kind.
    pub kind: Kind,
    _permits: Vec<OwnedSemaphorePermit>,
}

impl Default for Slots {
    /// As many as the service has.
    fn default() -> Self {
        let quotas = Quotas::default();
        let of_a_kind = quotas.assignments_in_flight as usize;
        let slots = |count: usize| Arc::new(Semaphore::new(count));
        Slots {
            creations: slots(of_a_kind),
            deletions: slots(of_a_kind),
            provisionings: slots(quotas.provisionings_in_flight as usize),
            assignments: slots(of_a_kind * 2),
            of_a_kind,
            is_shared: AtomicBool::new(false),
        }
    }
}

impl Slots {
    /// Waits until the service has room for another request of a kind.
    ///
    /// # Errors
    /// When no more are to be sent.
    pub async fn take(&self, kind: Kind) -> Result<Slot, CallError> {
        let needed = match kind {
            Kind::Creation => vec![&self.creations, &self.assignments],
            Kind::Deletion => vec![&self.deletions, &self.assignments],
            Kind::Provisioning => vec![&self.provisionings],
        };
        let mut permits = Vec::with_capacity(needed.len());
        for slots in needed {
            let permit = Arc::clone(slots).acquire_owned().await;
            permits.push(permit.map_err(|_| not_sent(kind))?);
        }
        Ok(Slot {
            kind,
            _permits: permits,
        })
    }

    /// What waits for a slot is not sent any more.
    pub fn close(&self) {
        let all = [
            &self.creations,
            &self.deletions,
            &self.assignments,
            &self.provisionings,
        ];
        all.into_iter().for_each(|slots| slots.close());
    }

    /// The call that a slot was taken for failed, so that the slot may be in use all the same: it rests. After a refusal,
    /// creations and deletions make do with the slots of one kind.
    pub fn rest(&self, slot: Slot, was_refused: bool, pacer: Pacer) {
        let is_of_both = slot.kind != Kind::Provisioning;
        let in_use = (self.of_a_kind * 2).saturating_sub(self.assignments.available_permits());
        if was_refused && is_of_both && in_use > self.of_a_kind {
            self.share();
        }
        tokio::spawn(async move {
            pacer.sleep(REST).await;
            drop(slot);
        });
    }

    /// From now on, creations and deletions have one kind's slots together.
    fn share(&self) {
        if self.is_shared.swap(true, Ordering::SeqCst) {
            return;
        }
        let (all, surplus) = (Arc::clone(&self.assignments), self.of_a_kind as u32);
        tokio::spawn(async move {
            // Those in use are taken out as they become free, before anyone else gets them.
            if let Ok(permits) = all.acquire_many(surplus).await {
                permits.forget();
            }
        });
    }
}

fn not_sent(kind: Kind) -> CallError {
    CallError {
        meaning: Meaning::Retry,
        operation: kind.operation().name().into(),
        code: "NotSent".into(),
        message: "it was not sent, because the run is being stopped".into(),
        request_id: None,
        missing_action: None,
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    fn in_runtime<F: Future>(test: F) -> F::Output {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .build();
        runtime.unwrap().block_on(test)
    }

    /// Whether a slot is to be had without waiting.
    async fn room(slots: &Slots, kind: Kind) -> Option<Slot> {
        let slot = tokio::time::timeout(Duration::from_millis(20), slots.take(kind)).await;
        slot.ok().map(Result::unwrap)
    }

    async fn take(slots: &Slots, kind: Kind, count: usize) -> Vec<Slot> {
        let mut taken = Vec::new();
        for _ in 0..count {
            taken.push(room(slots, kind).await.unwrap());
        }
        assert!(room(slots, kind).await.is_none(), "{kind:?}: more than {count}");
        taken
    }

    #[test]
    fn each_kind_has_its_own_slots() {
        in_runtime(async {
            let slots = Slots::default();
            let creations = take(&slots, Kind::Creation, 15).await;
            let deletions = take(&slots, Kind::Deletion, 15).await;
            let provisionings = take(&slots, Kind::Provisioning, 3).await;
            drop((creations, deletions, provisionings));
            assert!(room(&slots, Kind::Creation).await.is_some());
        });
    }

    #[test]
    fn after_a_refusal_of_one_too_many_both_kinds_share() {
        in_runtime(async {
            let slots = Slots::default();
            let pacer = Pacer::new(1000.0);
            let creations = take(&slots, Kind::Creation, 15).await;
            let refused = room(&slots, Kind::Deletion).await.unwrap();
            slots.rest(refused, true, pacer);
            tokio::time::sleep(Duration::from_millis(30)).await;
            assert!(room(&slots, Kind::Deletion).await.is_none());
            drop(creations);
            let deletions = take(&slots, Kind::Deletion, 15).await;
            assert!(room(&slots, Kind::Creation).await.is_none());
            drop(deletions);
            take(&slots, Kind::Creation, 15).await;
        });
    }

    #[test]
    fn a_slot_whose_call_was_refused_rests_and_comes_back() {
        in_runtime(async {
            let slots = Slots::default();
            let mut taken = take(&slots, Kind::Provisioning, 3).await;
            slots.rest(taken.pop().unwrap(), true, Pacer::new(30.0));
            assert!(room(&slots, Kind::Provisioning).await.is_none());
            tokio::time::sleep(Duration::from_millis(150)).await;
            assert!(room(&slots, Kind::Provisioning).await.is_some());
        });
    }

    #[test]
    fn what_waits_is_not_sent_after_the_close() {
        in_runtime(async {
            let slots = Arc::new(Slots::default());
            let taken = take(&slots, Kind::Provisioning, 3).await;
            let closing = Arc::clone(&slots);
            let waiting = tokio::spawn(async move { closing.take(Kind::Provisioning).await });
            tokio::task::yield_now().await;
            slots.close();
            drop(taken);
            let error = waiting.await.unwrap().unwrap_err();
            assert_eq!((error.meaning, &*error.code), (Meaning::Retry, "NotSent"));
        });
    }
}
