//! How much may be in flight at once, by kind of call.
//!
//! The service takes 15 assignment creations and 3 provisionings at a time (IAM Identity Center quotas page, which names
//! no number for deletions: as many again) and 5 account creations (Organizations quotas page). Calls per second are the adapters' matter. An adapter that
//! holds calls back until there is room gets some more, so that no slot waits for the journal.

use crate::model::action::Effect;
use crate::model::instance::Quotas;

/// What shares a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Assignments made.
    Creation,
    /// Assignments taken away.
    Deletion,
    /// Permission sets pushed to their roles.
    Provisioning,
    /// Accounts created.
    AccountCreation,
    /// Everything that answers at once.
    Call,
}

impl Lane {
    /// The lane of an effect.
    pub fn of(effect: &Effect) -> Lane {
        match effect {
            Effect::Grant { .. } => Lane::Creation,
            Effect::Revoke { .. } => Lane::Deletion,
            Effect::Provision { .. } => Lane::Provisioning,
            Effect::CreateAccount { .. } => Lane::AccountCreation,
            _ => Lane::Call,
        }
    }
}

/// How many accounts Organizations creates at a time.
const ACCOUNT_CREATIONS: u32 = 5;

#[derive(Debug, Clone, Copy)]
struct Slots {
    limit: u32,
    used: u32,
}

impl Slots {
    fn new(limit: u32) -> Self {
        // A quota that was read as none at all would stop everything for ever.
        Slots {
            limit: limit.max(1),
            used: 0,
        }
    }
}

/// The slots of each lane.
#[derive(Debug, Clone)]
pub struct Pace {
    creations: Slots,
    deletions: Slots,
    provisionings: Slots,
    accounts: Slots,
    calls: Slots,
}

impl Pace {
    /// The pace that these quotas allow, with an adapter that holds so many calls of a kind back. A limit of
    /// [`u32::MAX`] is none.
    pub fn new(quotas: &Quotas, held_back: u32) -> Self {
        let unlimited = quotas.calls_per_second == u32::MAX;
        let slots = |limit: u32| Slots::new(limit.saturating_add(held_back.min(limit)));
        Pace {
            creations: slots(quotas.assignments_in_flight),
            deletions: slots(quotas.assignments_in_flight),
            provisionings: slots(quotas.provisionings_in_flight),
            accounts: Slots::new(if unlimited { u32::MAX } else { ACCOUNT_CREATIONS }),
            calls: Slots::new(quotas.calls_per_second),
        }
    }

    /// Whether assignments in one account must wait for each other: the service changes one role at a time per
    /// account. A provider without limits has no such rule either.
    pub fn one_per_account(&self) -> bool {
        self.creations.limit < u32::MAX
    }

    /// Whether one more may start.
    pub fn has_room(&self, lane: Lane) -> bool {
        let slots = self.slots(lane);
        slots.used < slots.limit
    }

    /// One more has started.
    pub fn take(&mut self, lane: Lane) {
        self.slots_mut(lane).used += 1;
    }

    /// One has ended.
    pub fn give_back(&mut self, lane: Lane) {
        let slots = self.slots_mut(lane);
        slots.used = slots.used.saturating_sub(1);
    }

    fn slots(&self, lane: Lane) -> &Slots {
        match lane {
            Lane::Creation => &self.creations,
            Lane::Deletion => &self.deletions,
            Lane::Provisioning => &self.provisionings,
            Lane::AccountCreation => &self.accounts,
            Lane::Call => &self.calls,
        }
    }

    fn slots_mut(&mut self, lane: Lane) -> &mut Slots {
        match lane {
            Lane::Creation => &mut self.creations,
            Lane::Deletion => &mut self.deletions,
            Lane::Provisioning => &mut self.provisionings,
            Lane::AccountCreation => &mut self.accounts,
            Lane::Call => &mut self.calls,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_services_defaults_allow_fifteen_of_each_assignment_and_three_provisionings() {
        for (lane, most) in [
            (Lane::Creation, 15),
            (Lane::Deletion, 15),
            (Lane::Provisioning, 3),
            (Lane::AccountCreation, 5),
        ] {
            let mut pace = Pace::new(&Quotas::default(), 0);
            for _ in 0..most {
                assert!(pace.has_room(lane));
                pace.take(lane);
            }
            assert!(!pace.has_room(lane));
            pace.give_back(lane);
            assert!(pace.has_room(lane));
        }
    }

    #[test]
    fn an_adapter_gets_what_it_holds_back_on_top_and_no_more_than_as_much_again() {
        let mut pace = Pace::new(&Quotas::default(), 8);
        for (lane, most) in [(Lane::Creation, 23), (Lane::Provisioning, 6)] {
            (0..most).for_each(|_| pace.take(lane));
            assert!(!pace.has_room(lane));
            pace.give_back(lane);
            assert!(pace.has_room(lane));
        }
        let unlimited = Quotas {
            assignments_in_flight: u32::MAX,
            ..Quotas::default()
        };
        assert!(!Pace::new(&unlimited, 8).one_per_account());
        assert!(Pace::new(&Quotas::default(), 8).one_per_account());
    }
}
