//! Organizational units: created and renamed where the stack may, never deleted.

use crate::id::{EntityKey, OuPath};
use crate::model::account::OrganizationalUnit;
use crate::model::action::Effect;
use crate::model::snapshot::{Entity, Management};
use crate::plan::change::ActionKind;
use crate::plan::finding::{Finding, Level};
use crate::plan::renames::renamed_outside;

use super::{Differ, Facts, update_reason};

impl Differ<'_, '_> {
    pub(super) fn units(&mut self) {
        let sources = self.sources;
        for (path, entity) in &sources.desired.organizational_units {
            let key = EntityKey::OrganizationalUnit(path.clone());
            if !path.is_root() && !self.held.holds_entity(&key) {
                self.unit(path, entity, key);
            }
        }
        for (path, entity) in &sources.recorded.organizational_units {
            let key = EntityKey::OrganizationalUnit(path.clone());
            let now = self.renames.unit_now(path);
            if !sources.desired.organizational_units.contains_key(&now) {
                let reason = self.removal_reason();
                self.forget(key, entity, reason);
            }
        }
    }

    fn unit(&mut self, path: &OuPath, entity: &Entity<OrganizationalUnit>, key: EntityKey) {
        let sources = self.sources;
        let recorded = sources.recorded.organizational_units.get(path);
        let recorded_id = recorded.and_then(|unit| unit.value.id.clone());
        let mut facts = Facts::new(key.clone(), entity).recorded(recorded, recorded_id);
        facts.observed_id = sources.observed_id(&key);
        let there = sources.observed.organizational_units.contains_key(path);
        if there {
            if facts.is_managed() || recorded.is_some() {
                self.record_steps(&facts);
            }
            return;
        }
        let old = self.renames.units.iter().find(|(_, new)| *new == path);
        if let Some((from, _)) = old {
            facts.observed_id = sources.observed_id(&EntityKey::OrganizationalUnit(from.clone()));
            let effect = Effect::RenameOrganizationalUnit {
                from: from.clone(),
                to: path.clone(),
            };
            let outside = renamed_outside(sources, path).as_ref() == Some(from);
            let action = facts.action(ActionKind::Update, update_reason(outside), Some(effect));
            self.actions.push(action);
        } else if self.arrives_with_parent(path) {
            // A unit above it gets another name; this one is the same, at another path.
        } else if entity.management == Management::Created {
            self.create(
                &facts,
                false,
                Effect::CreateOrganizationalUnit { path: path.clone() },
            );
        } else {
            let message = match renamed_outside(sources, path) {
                Some(now) => format!("{key} was renamed in the service: it is {now} now"),
                None => format!("{key} does not exist; `create = true` would make it"),
            };
            self.findings.push(Finding {
                location: entity.location.clone(),
                ..Finding::new(Level::Warning, "missing-organizational-unit", message)
            });
        }
    }

    /// Whether an observed unit has this path once the units above it have their new names.
    fn arrives_with_parent(&self, path: &OuPath) -> bool {
        let observed = &self.sources.observed.organizational_units;
        !self.renames.units.is_empty()
            && observed
                .keys()
                .any(|old| old != path && self.renames.unit_now(old) == *path)
    }
}
