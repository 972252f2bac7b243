//! How much may be in flight at once, by kind of call.
//!
//! The service takes 15 assignment creations and deletions and 3 provisionings at a time (IAM Identity Center quotas
//! page) and 5 account creations (Organizations quotas page). Calls per second are the adapters' matter.

use crate::model::action::Effect;
use crate::model::instance::Quotas;

/// What shares a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lane {
    /// Assignments made and taken away.
    Assignment,
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
            Effect::Grant { .. } | Effect::Revoke { .. } => Lane::Assignment,
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
    assignments: Slots,
    provisionings: Slots,
    accounts: Slots,
    calls: Slots,
}

impl Pace {
    /// The pace that these quotas allow. A limit of [`u32::MAX`] is none.
    pub fn new(quotas: &Quotas) -> Self {
        let unlimited = quotas.calls_per_second == u32::MAX;
        Pace {
            assignments: Slots::new(quotas.assignments_in_flight),
            provisionings: Slots::new(quotas.provisionings_in_flight),
            accounts: Slots::new(if unlimited { u32::MAX } else { ACCOUNT_CREATIONS }),
            calls: Slots::new(quotas.calls_per_second),
        }
    }

    /// Whether assignments in one account must wait for each other: the service changes one role at a time per
    /// account. A provider without limits has no such rule either.
    pub fn one_per_account(&self) -> bool {
        self.assignments.limit < u32::MAX
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
            Lane::Assignment => &self.assignments,
            Lane::Provisioning => &self.provisionings,
            Lane::AccountCreation => &self.accounts,
            Lane::Call => &self.calls,
        }
    }

    fn slots_mut(&mut self, lane: Lane) -> &mut Slots {
        match lane {
            Lane::Assignment => &mut self.assignments,
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
    fn the_services_defaults_allow_fifteen_assignments_and_three_provisionings() {
        for (lane, most) in [
            (Lane::Assignment, 15),
            (Lane::Provisioning, 3),
            (Lane::AccountCreation, 5),
        ] {
            let mut pace = Pace::new(&Quotas::default());
            for _ in 0..most {
                assert!(pace.has_room(lane));
                pace.take(lane);
            }
            assert!(!pace.has_room(lane));
            pace.give_back(lane);
            assert!(pace.has_room(lane));
        }
    }
}
