//! Starting steps: intents made durable, calls sent, requests noted.

use std::sync::Arc;
use std::time::Duration;

use crate::model::access::Tuple;
use crate::model::action::{Effect, Learned};
use crate::plan::StepId;
use crate::provider::{Call, Started, Ticket};
use crate::state::entry::StepRef;
use crate::state::{Entry, StateError};

use super::event::Event;
use super::pace::Lane;
use super::run::{ApplyError, Run};
use super::stale::effect_of;

/// What a batch consists of.
#[derive(Default)]
struct Batch {
    /// Steps that are so already.
    settled: Vec<(StepId, Learned)>,
    actions: Vec<(u32, Effect)>,
    grants: Vec<(Tuple, u32)>,
    revokes: Vec<Tuple>,
    calls: Vec<Call>,
    steps: Vec<StepId>,
}

impl Run<'_> {
    /// Starts steps: everything about them is durable before a call leaves.
    pub fn launch(&mut self, steps: &[StepId]) -> Result<(), ApplyError> {
        let mut batch = Batch::default();
        for step in steps {
            self.walk.start(*step);
            self.add(*step, &mut batch);
        }
        self.write_batch(&mut batch)?;
        for (step, learned) in std::mem::take(&mut batch.settled) {
            self.release(step);
            self.succeed(step, learned);
        }
        if batch.calls.is_empty() {
            return Ok(());
        }
        self.seams.store.sync()?;
        self.send(&batch.calls, &batch.steps)?;
        Ok(())
    }

    /// Adds a step to a batch: to the record, to the intents, to the calls.
    fn add(&mut self, step: StepId, batch: &mut Batch) {
        let plan = self.plan;
        let effect = match self.effect(step) {
            Ok(effect) => effect,
            Err(why) => {
                self.release(step);
                return self.fail_unsent(step, &why);
            }
        };
        // A second attempt is covered by the intent of the first, unless it does something else.
        let is_new = !self.attempts.contains_key(&step);
        match step {
            StepId::Action(index) => {
                if is_new || self.sent.get(&index) != Some(&effect) {
                    batch.actions.push((index, effect.clone()));
                }
                self.sent.insert(index, effect.clone());
            }
            StepId::Grant(index) if is_new => {
                let grant = plan.grants.get(index as usize);
                batch.grants.extend(grant.map(|grant| (grant.tuple, grant.note)));
            }
            StepId::Revoke(index) if is_new => {
                let revoke = plan.revokes.get(index as usize);
                batch.revokes.extend(revoke.map(|revoke| revoke.tuple));
            }
            StepId::Grant(_) | StepId::Revoke(_) => {}
        }
        if let Some(learned) = self.already.remove(&step) {
            batch.settled.push((step, learned));
            return;
        }
        self.last_ticket += 1;
        batch.calls.push(Call {
            ticket: Ticket(self.last_ticket),
            effect,
        });
        batch.steps.push(step);
    }

    /// The effect of a step, with all its texts known.
    fn effect(&self, step: StepId) -> Result<Effect, String> {
        let rest = match step {
            StepId::Action(index) => self.rest.get(&index).cloned(),
            _ => None,
        };
        let Some(effect) = rest.or_else(|| effect_of(self.plan, step)) else {
            return Err("the plan has no such step".to_owned());
        };
        // Grants have no texts, and there are many of them.
        if !matches!(step, StepId::Action(_)) {
            return Ok(effect);
        }
        self.ids
            .fill(&effect)
            .map_err(|reference| format!("the {reference} is needed, and is not known"))
    }

    fn write_batch(&mut self, batch: &mut Batch) -> Result<(), StateError> {
        self.write_outcomes()?;
        let (actions, grants, revokes) = (
            std::mem::take(&mut batch.actions),
            std::mem::take(&mut batch.grants),
            std::mem::take(&mut batch.revokes),
        );
        if actions.is_empty() && grants.is_empty() && revokes.is_empty() {
            return Ok(());
        }
        self.write(Entry::Intents {
            actions,
            grants,
            revokes,
        })
    }

    fn send(&mut self, calls: &[Call], steps: &[StepId]) -> Result<(), ApplyError> {
        for step in steps {
            self.tell_step(*step, |step| Event::StepStarted { step });
        }
        let started = self.seams.provider.start(calls, &self.ids);
        let mut requests: Vec<(Ticket, StepId, Arc<str>)> = Vec::new();
        let mut answers = started.into_iter();
        for (call, step) in calls.iter().zip(steps) {
            match answers.next() {
                Some(Started::Done(outcome)) => self.settle(*step, outcome),
                Some(Started::Pending { request_id }) => {
                    requests.extend(request_id.map(|id| (call.ticket, *step, id)));
                    self.in_flight.insert(call.ticket, *step);
                }
                // A provider that answers too little has said nothing about the rest.
                None => self.settle(*step, Err(super::settle::unanswered())),
            }
        }
        if self.in_flight.is_empty() {
            return Ok(());
        }
        // What ends at once needs no note of its request.
        self.poll(Duration::ZERO);
        self.note_requests(requests)?;
        Ok(())
    }

    /// Notes the requests that the service took after their calls had left.
    pub fn note_accepted(&mut self) -> Result<(), StateError> {
        let accepted = self.seams.provider.take_accepted().into_iter();
        let requests = accepted.filter_map(|(ticket, id)| Some((ticket, *self.in_flight.get(&ticket)?, id)));
        self.note_requests(requests.collect())
    }

    /// Notes the requests that the service works on, before they are waited for.
    fn note_requests(&mut self, requests: Vec<(Ticket, StepId, Arc<str>)>) -> Result<(), StateError> {
        let mut noted = Vec::new();
        for (ticket, step, request) in requests {
            if !self.in_flight.contains_key(&ticket) {
                continue;
            }
            noted.extend(self.reference(step).map(|step| (step, Arc::clone(&request))));
            self.tell_step(step, |step| Event::StepAccepted {
                step,
                request_id: request,
            });
        }
        if noted.is_empty() {
            return Ok(());
        }
        self.write(Entry::Accepted { requests: noted })?;
        self.seams.store.sync()
    }

    /// How the journal names a step.
    pub fn reference(&self, step: StepId) -> Option<StepRef> {
        Some(match step {
            StepId::Action(index) => StepRef::Action(index),
            StepId::Grant(_) => StepRef::Grant(self.plan.tuple(step)?),
            StepId::Revoke(_) => StepRef::Revoke(self.plan.tuple(step)?),
        })
    }

    /// Puts a ready step into the queue.
    pub fn push(&mut self, step: StepId) {
        let account = self.plan.tuple(step).map_or(0, |tuple| tuple.account());
        match step {
            StepId::Action(index) => match self.lane(step) {
                Some(lane) => self.queue.push_action(lane, index),
                // Only the record changes, and that was written when the run began.
                None => self.walk.done(step),
            },
            StepId::Grant(index) => self.queue.push_grant(index, account),
            StepId::Revoke(index) => self.queue.push_revoke(index, account),
        }
    }

    /// A call has ended: its slot and its account are free.
    pub fn release(&mut self, step: StepId) {
        self.lane(step)
            .into_iter()
            .for_each(|lane| self.pace.give_back(lane));
        if let Some(tuple) = self.plan.tuple(step) {
            self.queue.release(tuple.account());
        }
    }

    /// The lane of a step; `None` for changes of the record alone.
    pub fn lane(&self, step: StepId) -> Option<Lane> {
        let index = match step {
            StepId::Grant(_) => return Some(Lane::Creation),
            StepId::Revoke(_) => return Some(Lane::Deletion),
            StepId::Action(index) => index,
        };
        let action = self.plan.actions.get(index as usize)?;
        action.effect.as_ref().map(Lane::of)
    }
}
