//! How much may be in flight at once.
//!
//! Pure. The limits are the service's ("Quotas and limits in IAM Identity
//! Center"): outstanding assignment requests, concurrent provisionings, and one
//! role being changed at a time in an account. How many calls a second may leave
//! is the adapter's business.

use rustc_hash::FxHashSet;

use crate::model::action::Effect;
use crate::model::instance::Quotas;
use crate::plan::Plan;
use crate::plan::step::StepId;

/// From this many assignment slots on, a service is taken to have no limits worth pacing for: tests and
/// measurements switch them off.
const UNLIMITED: u32 = 1_000;

/// What is in flight, held against the limits.
#[derive(Debug)]
pub struct Pace {
    assignments: usize,
    provisionings: usize,
    busy_accounts: FxHashSet<u32>,
    most_assignments: usize,
    most_provisionings: usize,
    limited: bool,
}

impl Pace {
    /// Nothing in flight, under these quotas.
    pub fn new(quotas: &Quotas) -> Self {
        Pace {
            assignments: 0,
            provisionings: 0,
            busy_accounts: FxHashSet::default(),
            most_assignments: quotas.assignments_in_flight.max(1) as usize,
            most_provisionings: quotas.provisionings_in_flight.max(1) as usize,
            limited: quotas.assignments_in_flight < UNLIMITED,
        }
    }

    /// How many steps one batch holds at most: without limits, enough to make a sync cheap per step.
    pub fn batch(&self) -> usize {
        if self.limited { 256 } else { 4_096 }
    }

    /// Whether an assignment may start in some account that is not busy.
    pub fn has_room_for_assignments(&self) -> bool {
        self.assignments < self.most_assignments
    }

    /// Makes room for a step, if there is any.
    pub fn admit(&mut self, plan: &Plan, step: StepId) -> bool {
        match step {
            StepId::Action(index) => {
                if !is_provision(plan, index) {
                    return true;
                }
                let room = self.provisionings < self.most_provisionings;
                self.provisionings += usize::from(room);
                room
            }
            StepId::Grant(_) | StepId::Revoke(_) => {
                let Some(tuple) = plan.tuple(step) else {
                    return false;
                };
                if !self.has_room_for_assignments() {
                    return false;
                }
                if self.limited && !self.busy_accounts.insert(tuple.account()) {
                    return false;
                }
                self.assignments += 1;
                true
            }
        }
    }

    /// A step that was admitted has ended, or goes back to wait.
    pub fn leave(&mut self, plan: &Plan, step: StepId) {
        match step {
            StepId::Action(index) => {
                self.provisionings -= usize::from(is_provision(plan, index) && self.provisionings > 0);
            }
            StepId::Grant(_) | StepId::Revoke(_) => {
                if let Some(tuple) = plan.tuple(step) {
                    self.busy_accounts.remove(&tuple.account());
                    self.assignments = self.assignments.saturating_sub(1);
                }
            }
        }
    }
}

fn is_provision(plan: &Plan, index: u32) -> bool {
    let effect = plan
        .actions
        .get(index as usize)
        .and_then(|action| action.effect.as_ref());
    matches!(effect, Some(Effect::Provision { .. }))
}
