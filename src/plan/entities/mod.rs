//! Changes to entities: what is declared, against what was applied and what is there.

mod accounts;
mod groups;
mod permission_sets;
mod units;
mod users;

use std::collections::BTreeSet;

use crate::address::Address;
use crate::id::{EntityKey, ServiceId};
use crate::model::action::Effect;
use crate::model::snapshot::{Entity, Management};
use crate::source::Location;

use super::change::{Action, ActionKind, Reason};
use super::finding::{Finding, Level};
use super::held::HeldSets;
use super::input::Mode;
use super::renames::Renames;
use super::sources::Sources;

/// Collects actions and findings, in no particular order.
pub(super) struct Differ<'a, 'i> {
    pub sources: &'a Sources<'i>,
    pub renames: &'a Renames,
    pub held: &'a HeldSets,
    pub actions: Vec<Action>,
    pub findings: Vec<Finding>,
}

/// Everything that has to change, apart from grants.
pub(super) fn entity_actions(
    sources: &Sources<'_>,
    renames: &Renames,
    held: &HeldSets,
    findings: &mut Vec<Finding>,
) -> Vec<Action> {
    let mut differ = Differ {
        sources,
        renames,
        held,
        actions: Vec::new(),
        findings: Vec::new(),
    };
    differ.units();
    differ.accounts();
    differ.users();
    differ.groups();
    differ.permission_sets();
    findings.append(&mut differ.findings);
    differ.actions
}

/// An entity's place in two of the sources, as far as it does not depend on the kind.
struct Facts<'e> {
    key: EntityKey,
    addresses: &'e BTreeSet<Address>,
    management: Management,
    location: Option<&'e Location>,
    /// How the state has it.
    recorded: Option<(&'e BTreeSet<Address>, Management, Option<ServiceId>)>,
    /// By which id the service knows it.
    observed_id: Option<ServiceId>,
    /// Managed, and the state has it otherwise than declared, while the service has it as declared.
    record_differs: bool,
}

impl<'e> Facts<'e> {
    fn new<T>(key: EntityKey, entity: &'e Entity<T>) -> Self {
        Facts {
            key,
            addresses: &entity.addresses,
            management: entity.management,
            location: entity.location.as_ref(),
            recorded: None,
            observed_id: None,
            record_differs: false,
        }
    }

    fn recorded<T>(mut self, entity: Option<&'e Entity<T>>, id: Option<ServiceId>) -> Self {
        self.recorded = entity.map(|entity| (&entity.addresses, entity.management, id));
        self
    }

    fn is_managed(&self) -> bool {
        matches!(self.management, Management::Managed | Management::Created)
    }

    fn action(&self, kind: ActionKind, reason: Reason, effect: Option<Effect>) -> Action {
        Action {
            kind,
            entity: self.key.clone(),
            addresses: self.addresses.clone(),
            effect,
            reason,
            expected_id: self.observed_id.clone(),
            restore: false,
            blocked: None,
            location: self.location.cloned(),
        }
    }
}

impl Differ<'_, '_> {
    fn mode(&self) -> Mode {
        self.sources.input.options.mode
    }

    /// Steps on the record of an entity that exists: taking it in, its address, its id.
    fn record_steps(&mut self, facts: &Facts<'_>) {
        let Some((addresses, management, id)) = &facts.recorded else {
            self.actions
                .push(facts.action(ActionKind::Adopt, Reason::AlreadyThere, None));
            return;
        };
        let other_id = match (id, &facts.observed_id) {
            (Some(before), Some(now)) if before != now => Some((before.clone(), now.clone())),
            _ => None,
        };
        let learned =
            id.is_none() && facts.observed_id.is_some() && !matches!(facts.key, EntityKey::Account(_));
        if *addresses != facts.addresses || *management != facts.management {
            let gone = addresses
                .iter()
                .find(|address| !facts.addresses.contains(*address));
            let from = gone.or_else(|| addresses.first()).cloned();
            let reason = from.map_or(Reason::AlreadyThere, |from| Reason::AddressChanged { from });
            let kind = if matches!(reason, Reason::AlreadyThere) {
                ActionKind::Adopt
            } else {
                ActionKind::Move
            };
            self.actions.push(facts.action(kind, reason, None));
        }
        if let Some((from, to)) = other_id {
            self.rebound(facts, from, to);
        } else if facts.record_differs || learned {
            self.actions
                .push(facts.action(ActionKind::Adopt, Reason::AlreadyThere, None));
        }
    }

    fn rebound(&mut self, facts: &Facts<'_>, from: ServiceId, to: ServiceId) {
        self.findings.push(Finding {
            remedy: Some("make sure that it is the one you mean before granting it anything".into()),
            location: facts.location.cloned(),
            ..Finding::new(
                Level::Warning,
                "rebind",
                format!(
                    "{} is another one than before: its id was {from} and is {to}; granting to it is granting to a stranger",
                    facts.key
                ),
            )
        });
        self.actions
            .push(facts.action(ActionKind::Rebind, Reason::IdChanged { from, to }, None));
    }

    /// An entity of the state that nobody declares any more and that the service keeps.
    fn forget<T>(&mut self, key: EntityKey, entity: &Entity<T>, reason: Reason) {
        self.gone(key, entity, ActionKind::Forget, reason, None);
    }

    /// A step on an entity of the state that nobody declares any more.
    fn gone<T>(
        &mut self,
        key: EntityKey,
        entity: &Entity<T>,
        kind: ActionKind,
        reason: Reason,
        effect: Option<Effect>,
    ) {
        let expected_id = self.sources.observed_id(&key);
        self.actions.push(Action {
            kind,
            entity: key,
            addresses: entity.addresses.clone(),
            effect,
            reason,
            expected_id,
            restore: false,
            blocked: None,
            location: None,
        });
    }

    fn removal_reason(&self) -> Reason {
        if self.mode() == Mode::Destroy {
            Reason::Destroy
        } else {
            Reason::BlockRemoved
        }
    }

    /// A managed block matches something that a directory writes.
    fn refuse_synced(&mut self, facts: &Facts<'_>, external_id: &str) {
        self.findings.push(Finding {
            remedy: Some("look it up with a `data` block, and change it in the directory".into()),
            location: facts.location.cloned(),
            ..Finding::new(
                Level::Refusal,
                "directory-synced",
                format!(
                    "{} is synced from a directory (external id {external_id}), so it cannot be managed here",
                    facts.key
                ),
            )
        });
    }

    /// Whether the unfinished run was about to do this: then it is not a restore but the rest of that run.
    fn was_planned(&self, effect: &Effect) -> bool {
        let fingerprint = super::resume::fingerprint_of_effect(effect);
        let unfinished = &self.sources.input.recorded.unfinished;
        unfinished
            .as_ref()
            .is_some_and(|run| run.steps.binary_search(&fingerprint).is_ok())
    }

    /// Making something that was made before and is gone needs a person's yes.
    fn create(&mut self, facts: &Facts<'_>, effect: Effect) {
        let restore = facts.recorded.is_some() && !self.was_planned(&effect);
        let reason = if facts.recorded.is_some() {
            Reason::MissingOutside
        } else {
            Reason::Declared
        };
        self.actions.push(Action {
            restore,
            ..facts.action(ActionKind::Create, reason, Some(effect))
        });
    }
}

/// Why something that exists is changed: the configuration moved on, or someone changed it outside.
fn update_reason(recorded_as_declared: bool) -> Reason {
    if recorded_as_declared {
        Reason::ChangedOutside
    } else {
        Reason::ConfigurationChanged
    }
}
