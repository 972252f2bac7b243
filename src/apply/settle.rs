//! Ending steps: outcomes, second attempts, and looking at what is there when nobody knows.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use crate::id::{EntityKey, PrincipalKey};
use crate::model::action::{Effect, Learned};
use crate::model::instance::Observed;
use crate::plan::StepId;
use crate::provider::{CallError, Meaning, Outcome};
use crate::source::Location;

use super::event::Event;
use super::reading::{Found, done_in_part, in_progress, look_up, rest_of};
use super::recover::{BETWEEN_LOOKS, is_creation};
use super::retry::{self, Attempts, Next};
use super::run::{Failure, Later, Run};
use super::stale::effect_of;

/// No answer at all.
pub(super) fn unanswered() -> CallError {
    CallError {
        meaning: Meaning::Unknown,
        operation: "rolecall".into(),
        code: "NoAnswer".into(),
        message: "the service did not say how it ended".into(),
        request_id: None,
        missing_action: None,
    }
}

impl Run<'_> {
    /// A call has ended.
    pub fn settle(&mut self, step: StepId, outcome: Outcome) {
        self.release(step);
        let error = match outcome {
            Ok(learned) => return self.succeed(step, learned),
            Err(error) => error,
        };
        self.take_trouble(&error);
        let Some(effect) = self.effect_sent(step) else {
            return self.give_up(step, &error);
        };
        if retry::may_have_begun(&effect, &error) {
            self.perhaps_begun.insert(step);
        }
        match retry::next(&effect, &error) {
            Next::Retry => self.again(step, &error),
            Next::Look => self.doubts.push((step, error)),
            Next::Blocked => self.denied(step, &error),
            Next::Failed => self.give_up(step, &error),
        }
    }

    /// A step is done.
    pub fn succeed(&mut self, step: StepId, learned: Learned) {
        self.troubles.is_over();
        if let StepId::Action(index) = step
            && let Some(effect) = self.sent.get(&index)
        {
            self.ids.learn(effect, &learned);
        }
        let id = learned.id.as_ref().map(|id| Arc::from(id.as_str()));
        if let Some(reference) = self.reference(step) {
            self.done.push((reference, learned));
        }
        self.walk.done(step);
        self.tell_step(step, |step| Event::StepSucceeded { step, id });
    }

    /// A step could not even be sent.
    pub fn fail_unsent(&mut self, step: StepId, why: &str) {
        let error = CallError {
            meaning: Meaning::Failed,
            operation: "rolecall".into(),
            code: "UnknownReference".into(),
            message: why.into(),
            request_id: None,
            missing_action: None,
        };
        self.fail(step, error, Some("run apply again"));
    }

    /// This caller may not run a step; somebody else may.
    fn denied(&mut self, step: StepId, error: &CallError) {
        let effect = self.effect_sent(step);
        let remedy = effect.and_then(|effect| retry::remedy(&effect, error));
        self.note_failure(step, error);
        let (location, described) = (self.location(step), self.describe(step));
        self.seams.sink.event(&Event::StepDenied {
            step: Arc::clone(&described),
            error: error.to_string().into(),
            missing_action: error.missing_action.clone(),
            remedy: remedy.map(Arc::from),
            location: location.clone(),
        });
        let blocked = self.walk.block(step);
        self.denied.push(Failure {
            step: described,
            error: error.clone(),
            remedy,
            location,
        });
        self.tell_blocked(&blocked);
    }

    /// A step ended with an error.
    fn give_up(&mut self, step: StepId, error: &CallError) {
        let effect = self.effect_sent(step);
        let remedy = effect.and_then(|effect| retry::remedy(&effect, error));
        self.note_failure(step, error);
        self.fail(step, error.clone(), remedy);
    }

    /// For the journal; of a creation that failed half way, not before it is known what it left.
    fn note_failure(&mut self, step: StepId, error: &CallError) {
        let why: Arc<str> = error.to_string().into();
        let creates = self.effect_sent(step).is_some_and(|effect| is_creation(&effect));
        if creates && self.perhaps_begun.contains(&step) {
            self.left_begun.push((step, why));
        } else if let Some(reference) = self.reference(step) {
            self.failed.push((reference, why));
        }
    }

    /// What creations that failed half way left behind is the stack's own: it is recorded, so that the next plan goes on
    /// from it, and takes it away when nothing declares it any more. Where that cannot be read now, the steps stay in
    /// doubt, for the next run to find out.
    pub fn record_what_began(&mut self) {
        let begun = std::mem::take(&mut self.left_begun);
        if begun.is_empty() {
            return;
        }
        let effects = begun.iter().filter_map(|(step, _)| self.effect_sent(*step));
        let keys: BTreeSet<EntityKey> = effects.flat_map(|effect| keys_of(&effect)).collect();
        let Ok(observed) = self.read_touched(keys) else {
            return;
        };
        for (step, why) in begun {
            let (Some(effect), Some(reference)) = (self.effect_sent(step), self.reference(step)) else {
                continue;
            };
            let left = match look_up(&effect, &observed, &self.ids) {
                Found::Done(learned) => Some(learned),
                Found::Differs => Some(done_in_part(&effect, &observed)),
                Found::NotDone | Found::Theirs => None,
            };
            self.done.extend(left.map(|learned| (reference, learned)));
            self.failed.push((reference, why));
        }
    }

    fn fail(&mut self, step: StepId, error: CallError, remedy: Option<&'static str>) {
        let (location, described) = (self.location(step), self.describe(step));
        self.seams.sink.event(&Event::StepFailed {
            step: Arc::clone(&described),
            error: error.to_string().into(),
            remedy: remedy.map(Arc::from),
            location: location.clone(),
        });
        let blocked = self.walk.fail(step);
        self.failures.push(Failure {
            step: described,
            error,
            remedy,
            location,
        });
        self.tell_blocked(&blocked);
    }

    /// Where the block that asks for a step is written.
    fn location(&self, step: StepId) -> Option<Location> {
        let note = match step {
            StepId::Action(index) => return self.plan.actions.get(index as usize)?.location.clone(),
            StepId::Grant(index) => self.plan.grants.get(index as usize)?.note,
            StepId::Revoke(index) => self.plan.revokes.get(index as usize)?.note,
        };
        let note = self.plan.notes.get(note as usize)?;
        note.blocks(&self.plan.declarations).next()?.location.clone()
    }

    /// Plans another attempt, if there is time left for one.
    fn again(&mut self, step: StepId, error: &CallError) {
        let now = self.seams.provider.now();
        let attempts = self.attempts.entry(step).or_insert(Attempts::new(now));
        attempts.count = attempts.count.saturating_add(1);
        let (passed, count) = (attempts.lasted(error, now), attempts.count);
        if retry::patience(error).is_some_and(|patience| passed > patience) {
            return self.lose_patience(step, error);
        }
        self.tell_trouble(error, passed);
        self.walk.retry(step);
        let wait = retry::delay(seed_of(step), count);
        self.later(step, wait, false);
        let event = Event::StepRetrying {
            step: self.describe(step),
            error: error.to_string().into(),
            seconds: wait.as_secs_f64(),
        };
        self.seams.sink.event(&event);
    }

    /// An error has gone on for too long.
    fn lose_patience(&mut self, step: StepId, error: &CallError) {
        if error.meaning == Meaning::Denied || retry::is_unfollowed(error) {
            return self.denied(step, error);
        }
        self.give_up(step, error);
        self.despair(error);
    }

    fn later(&mut self, step: StepId, wait: Duration, look: bool) {
        let now = self.seams.provider.now();
        let at =
            jiff::SignedDuration::try_from(wait).map_or(now, |wait| now.saturating_add(wait).unwrap_or(now));
        self.later.insert(Later { at, step, look });
    }

    /// Reads what steps in doubt touch, and decides each by what is there.
    pub fn look(&mut self) {
        let doubts = std::mem::take(&mut self.doubts);
        let effects = doubts.iter().filter_map(|(step, _)| self.effect_sent(*step));
        let keys: BTreeSet<EntityKey> = effects.flat_map(|effect| keys_of(&effect)).collect();
        match self.read_touched(keys) {
            Ok(observed) => {
                for (step, error) in doubts {
                    self.decide(step, &error, &observed);
                }
            }
            // Nobody can tell yet; the steps have their own patience.
            Err(_) => {
                for (step, error) in doubts {
                    self.look_again(step, error);
                }
            }
        }
    }

    fn look_again(&mut self, step: StepId, error: CallError) {
        let now = self.seams.provider.now();
        let attempts = self.attempts.entry(step).or_insert(Attempts::new(now));
        let passed = attempts.lasted(&error, now);
        if retry::patience(&error).is_some_and(|patience| passed > patience) {
            return self.lose_patience(step, &error);
        }
        self.tell_trouble(&error, passed);
        self.doubted.insert(step, error);
        self.later(step, BETWEEN_LOOKS, true);
    }

    fn decide(&mut self, step: StepId, error: &CallError, observed: &Observed) {
        let Some(effect) = self.effect_sent(step) else {
            return self.give_up(step, error);
        };
        if in_progress(&effect, observed).is_some() {
            return self.look_again(step, unanswered());
        }
        match look_up(&effect, observed, &self.ids) {
            Found::Done(learned) => self.succeed(step, learned),
            Found::NotDone if retry::is_unfollowed(error) => self.look_again(step, error.clone()),
            Found::NotDone => self.again(step, error),
            Found::Differs if self.is_cut_short(step, &effect) => {
                self.carry_on(step, &effect, error, observed);
            }
            Found::Differs | Found::Theirs => self.give_up(step, error),
        }
    }

    /// Whether an attempt of ours that was cut short, or whose answer was lost, may have left what is there. A change
    /// ends at what was approved, whatever it is taken up from.
    fn is_cut_short(&self, step: StepId, effect: &Effect) -> bool {
        self.perhaps_begun.contains(&step) || !is_creation(effect) && self.attempts.contains_key(&step)
    }

    /// Completes what was left half way.
    fn carry_on(&mut self, step: StepId, effect: &Effect, error: &CallError, observed: &Observed) {
        if let (StepId::Action(index), Some(rest)) = (step, rest_of(effect, observed)) {
            self.ids.observe(&observed.snapshot);
            self.rest.insert(index, rest);
            return self.again(step, error);
        }
        if !is_creation(effect) {
            return self.give_up(step, error);
        }
        if matches!(effect, Effect::CreateAccount { .. }) {
            // With its id known, the same step moves and tags the account that is there.
            self.ids.observe(&observed.snapshot);
            return self.again(step, error);
        }
        self.succeed(step, done_in_part(effect, observed));
    }

    /// Whoever asked to stop does not want to wait: these calls were answered, and did nothing.
    pub fn drop_attempts(&mut self) {
        let (looks, attempts) = std::mem::take(&mut self.later)
            .into_iter()
            .partition(|later| later.look);
        self.later = looks;
        let attempts: BTreeSet<Later> = attempts;
        for attempt in attempts {
            let reference = self.reference(attempt.step);
            self.failed
                .extend(reference.map(|step| (step, "stopped before it was tried again".into())));
        }
    }

    /// The effect of a step as it was sent.
    fn effect_sent(&self, step: StepId) -> Option<Effect> {
        match step {
            StepId::Action(index) => self.sent.get(&index).cloned(),
            _ => effect_of(self.plan, step),
        }
    }
}

/// A number for a step, to spread its attempts by.
fn seed_of(step: StepId) -> u64 {
    match step {
        StepId::Action(index) => u64::from(index),
        StepId::Grant(index) => 1 << 32 | u64::from(index),
        StepId::Revoke(index) => 2 << 32 | u64::from(index),
    }
}

/// The entities that an effect touches.
fn keys_of(effect: &Effect) -> Vec<EntityKey> {
    match effect {
        Effect::Grant {
            account,
            permission_set,
            principal,
        }
        | Effect::Revoke {
            account,
            permission_set,
            principal,
        } => {
            let principal = match principal {
                PrincipalKey::Group(name) => Some(EntityKey::Group(name.clone())),
                PrincipalKey::User(name) => Some(EntityKey::User(name.clone())),
                PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
            };
            let pair = [
                EntityKey::Account(account.clone()),
                EntityKey::PermissionSet(permission_set.clone()),
            ];
            pair.into_iter().chain(principal).collect()
        }
        _ => effect.entity().into_iter().collect(),
    }
}
