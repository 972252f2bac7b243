//! Users.

use crate::id::{EntityKey, UserName};
use crate::model::action::Effect;
use crate::model::principal::User;
use crate::model::snapshot::{Entity, Management};
use crate::plan::change::{ActionKind, Reason};

use super::{Differ, Facts, update_reason};

impl Differ<'_, '_> {
    pub(super) fn users(&mut self) {
        let sources = self.sources;
        for (name, entity) in &sources.desired.users {
            let key = EntityKey::User(name.clone());
            if !self.held.holds_entity(&key) {
                self.user(name, entity, key);
            }
        }
        for (name, entity) in &sources.recorded.users {
            let key = EntityKey::User(name.clone());
            let declared = sources.desired.users.contains_key(name) || self.renames.users.contains_key(name);
            if !declared && !self.held.holds_entity(&key) {
                let synced = |user: &Entity<User>| user.value.external_id.is_some();
                let there = sources.observed.users.get(name);
                self.drop_principal(key, entity, there.is_some(), there.is_some_and(synced), || {
                    Effect::DeleteUser { user: name.clone() }
                });
            }
        }
    }

    fn user(&mut self, name: &UserName, entity: &Entity<User>, key: EntityKey) {
        let sources = self.sources;
        let old = self
            .renames
            .users
            .iter()
            .find(|(_, new)| *new == name)
            .map(|(old, _)| old);
        let seen_as = old.unwrap_or(name);
        let recorded = sources.recorded.users.get(seen_as);
        let recorded_id = recorded.and_then(|user| user.value.id.clone());
        let mut facts = Facts::new(key, entity).recorded(recorded, recorded_id);
        let Some(observed) = sources.observed.users.get(seen_as).map(|user| &user.value) else {
            if entity.management == Management::Created {
                let user = entity.value.clone();
                let lost = self.renames.lost_users.contains_key(name);
                self.create(&facts, lost, Effect::CreateUser { user });
            }
            return;
        };
        facts.observed_id = observed.id.clone();
        if facts.is_managed()
            && let Some(external_id) = &observed.external_id
        {
            self.refuse_synced(&facts, external_id);
            return;
        }
        let as_declared = recorded.is_some_and(|user| user.value.same_as(&entity.value));
        let differs = facts.is_managed() && !entity.value.same_as(observed);
        facts.record_differs = facts.is_managed() && !differs && !as_declared;
        if old.is_none() {
            self.record_steps(&facts);
        }
        if differs {
            let effect = Effect::UpdateUser {
                from: observed.clone(),
                to: User {
                    id: observed.id.clone(),
                    external_id: None,
                    ..entity.value.clone()
                },
            };
            // Under the declared name in the state, and under another in the service.
            let outside = as_declared || old.is_some() && sources.state.users.contains_key(name);
            let action = facts.action(ActionKind::Update, update_reason(outside), Some(effect));
            self.actions.push(action);
        }
    }

    /// A user or group of the state that nobody declares any more: deleted if this stack made it and no directory
    /// has taken it over, else forgotten.
    pub(super) fn drop_principal<T>(
        &mut self,
        key: EntityKey,
        entity: &Entity<T>,
        there: bool,
        synced: bool,
        delete: impl FnOnce() -> Effect,
    ) {
        if self.is_others(&key, &entity.addresses) {
            return;
        }
        let reason = self.removal_reason();
        if entity.management != Management::Created || synced {
            self.forget(key, entity, reason);
        } else if there {
            self.gone(key, entity, ActionKind::Delete, reason, Some(delete()));
        } else {
            self.forget(key, entity, Reason::AlreadyGone);
        }
    }
}
