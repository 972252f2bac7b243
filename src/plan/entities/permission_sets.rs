//! Permission sets: created, changed, replaced under a new name, deleted once nobody has them.

use crate::id::{EntityKey, PermissionSetName};
use crate::model::action::Effect;
use crate::model::permission_set::PermissionSet;
use crate::model::policy::equivalent;
use crate::model::snapshot::{Entity, Management};
use crate::model::text::Text;
use crate::plan::change::{ActionKind, Reason};
use crate::plan::finding::{Finding, Level};
use crate::plan::sources::Sources;

use super::{Differ, Facts, update_reason};

impl Differ<'_, '_> {
    pub(super) fn permission_sets(&mut self) {
        let sources = self.sources;
        for (name, entity) in &sources.desired.permission_sets {
            let key = EntityKey::PermissionSet(name.clone());
            if !self.held.holds_entity(&key) {
                self.permission_set(name, entity, key);
            }
        }
        for (name, entity) in &sources.recorded.permission_sets {
            let key = EntityKey::PermissionSet(name.clone());
            if !sources.desired.permission_sets.contains_key(name) && !self.held.holds_entity(&key) {
                self.drop_permission_set(name, entity, key);
            }
        }
    }

    fn permission_set(&mut self, name: &PermissionSetName, entity: &Entity<PermissionSet>, key: EntityKey) {
        let sources = self.sources;
        let recorded = sources.recorded.permission_sets.get(name);
        let recorded_id = recorded.and_then(|set| set.value.arn.clone());
        let mut facts = Facts::new(key, entity).recorded(recorded, recorded_id);
        let Some(observed) = sources.observed.permission_sets.get(name).map(|set| &set.value) else {
            if entity.management == Management::Created {
                let permission_set = Box::new(entity.value.clone());
                let lost = self.replaces_a_lost_set(name);
                self.create(&facts, lost, Effect::CreatePermissionSet { permission_set });
            }
            return;
        };
        facts.observed_id = observed.arn.clone();
        let desired = resolved(&entity.value, sources);
        let as_declared = recorded.is_some_and(|set| resolved(&set.value, sources).same_as(&desired));
        let differs = facts.is_managed() && !desired.same_as(observed);
        facts.record_differs = facts.is_managed() && !differs && !as_declared;
        self.record_steps(&facts);
        if differs {
            let effect = Effect::UpdatePermissionSet {
                from: Box::new(with_templates(observed, &entity.value, sources)),
                to: Box::new(PermissionSet {
                    arn: observed.arn.clone(),
                    ..entity.value.clone()
                }),
            };
            // Recorded as declared, and never written in full: nobody changed it.
            let half_made = as_declared && self.is_left_undone(&effect);
            if half_made {
                let message = format!(
                    "the last run left permission set {name} half made: not all of its content was written, and this goes \
                     on with it"
                );
                self.findings.push(Finding {
                    location: entity.location.clone(),
                    ..Finding::new(Level::Note, "half-made", message)
                });
            }
            let reason = match half_made {
                true => Reason::HalfMade,
                false => update_reason(as_declared),
            };
            let action = facts.action(ActionKind::Update, reason, Some(effect));
            self.actions.push(action);
        }
    }

    /// Whether the set takes the place of one with another name that somebody deleted.
    fn replaces_a_lost_set(&self, name: &PermissionSetName) -> bool {
        let sources = self.sources;
        let mut replaced = self
            .renames
            .permission_sets
            .iter()
            .filter(|(_, new)| *new == name);
        replaced.any(|(old, _)| {
            let is_replaced = sources
                .identity
                .is_replaced(&EntityKey::PermissionSet(old.clone()));
            is_replaced || !sources.observed.permission_sets.contains_key(old)
        })
    }

    fn drop_permission_set(
        &mut self,
        name: &PermissionSetName,
        entity: &Entity<PermissionSet>,
        key: EntityKey,
    ) {
        if self.is_others(&key, &entity.addresses) {
            return;
        }
        let sources = self.sources;
        let new = self.renames.permission_sets.get(name);
        let successor = new.and_then(|new| sources.desired.permission_sets.get(new));
        let there = sources.observed.permission_sets.contains_key(name);
        if let Some(successor) = successor
            && there
            && let Some(until) = successor
                .keep_old_until
                .filter(|until| *until > sources.input.now)
        {
            self.findings.push(Finding {
                location: successor.location.clone(),
                ..Finding::new(
                    Level::Note,
                    "keep-old-until",
                    format!(
                        "permission set {name} and its grants stay until {until}, next to {}",
                        successor.value.name
                    ),
                )
            });
            return;
        }
        let reason = match new {
            Some(to) => Reason::Renamed {
                from: name.clone(),
                to: to.clone(),
            },
            None => self.removal_reason(),
        };
        if entity.management != Management::Created {
            self.forget(key, entity, reason);
        } else if there {
            if new.is_none() {
                self.hint_at_moved(name, entity);
            }
            let effect = Effect::DeletePermissionSet { name: name.clone() };
            self.gone(key, entity, ActionKind::Delete, reason, Some(effect));
        } else {
            self.forget(key, entity, Reason::AlreadyGone);
        }
    }

    /// Where a set that goes has a twin that comes, the block may only have another label: then `moved` is missing.
    fn hint_at_moved(&mut self, name: &PermissionSetName, entity: &Entity<PermissionSet>) {
        let sources = self.sources;
        let is_twin = |other: &PermissionSetName, candidate: &Entity<PermissionSet>| {
            let renamed = PermissionSet {
                name: name.clone(),
                ..candidate.value.clone()
            };
            candidate.management == Management::Created
                && !sources.recorded.permission_sets.contains_key(other)
                && !sources.observed.permission_sets.contains_key(other)
                && renamed.same_as(&entity.value)
        };
        let mut desired = sources.desired.permission_sets.iter();
        let Some((twin, candidate)) = desired.find(|(other, candidate)| is_twin(other, candidate)) else {
            return;
        };
        let (Some(from), Some(to)) = (entity.addresses.first(), candidate.addresses.first()) else {
            return;
        };
        self.findings.push(Finding {
            remedy: Some(
                format!(
                    "if it was renamed, say so with `moved {{ from = {from}, to = {to} }}`, each on a line of its own: \
                     then its grants are carried over before it goes"
                )
                .into(),
            ),
            location: candidate.location.clone(),
            ..Finding::new(
                Level::Note,
                "looks-renamed",
                format!("permission set {name} goes, and {twin} comes, which differs from it in nothing but its name"),
            )
        });
    }
}

/// The set with every reference filled in that the service can answer.
pub(in crate::plan) fn resolved(set: &PermissionSet, sources: &Sources<'_>) -> PermissionSet {
    let resolve = |text: &Text| text.resolve(&|reference| sources.lookup(reference));
    PermissionSet {
        description: set.description.as_ref().map(resolve),
        relay_state: set.relay_state.as_ref().map(resolve),
        inline_policy: set.inline_policy.as_ref().map(resolve),
        tags: set
            .tags
            .iter()
            .map(|(key, value)| (key.clone(), resolve(value)))
            .collect(),
        ..set.clone()
    }
}

/// What is there, with declared templates in place of the texts that they come to: what is the same then looks the
/// same, and the plan does not depend on which ids the service gave.
fn with_templates(
    observed: &PermissionSet,
    declared: &PermissionSet,
    sources: &Sources<'_>,
) -> PermissionSet {
    let same = |there: &Text, template: &Text| {
        let filled = template.resolve(&|reference| sources.lookup(reference));
        filled.as_known().is_some() && equivalent(there, &filled)
    };
    let pick = |there: &Option<Text>, template: &Option<Text>| match (there, template) {
        (Some(text), Some(template)) if same(text, template) => Some(template.clone()),
        _ => there.clone(),
    };
    let mut set = observed.clone();
    set.description = pick(&observed.description, &declared.description);
    set.relay_state = pick(&observed.relay_state, &declared.relay_state);
    set.inline_policy = pick(&observed.inline_policy, &declared.inline_policy);
    for (key, value) in &mut set.tags {
        if let Some(template) = declared.tags.get(key).filter(|template| same(value, template)) {
            *value = template.clone();
        }
    }
    set
}
