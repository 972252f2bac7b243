//! Accounts: referred to, moved and tagged where the stack may, created where it is told to, never closed.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::{AccountKey, EntityKey};
use crate::model::account::Account;
use crate::model::action::Effect;
use crate::model::snapshot::{Entity, Management};
use crate::plan::change::ActionKind;
use crate::plan::finding::{Finding, Level};

use super::{Differ, Facts, update_reason};

impl Differ<'_, '_> {
    pub(super) fn accounts(&mut self) {
        let sources = self.sources;
        let mut differing: BTreeSet<Arc<str>> = BTreeSet::new();
        for (key, entity) in &sources.desired.accounts {
            if self.held.holds_entity(&EntityKey::Account(key.clone())) {
                continue;
            }
            match sources.observed.accounts.get(key) {
                Some(observed) => {
                    let is_as_said = self.account(key, entity, &observed.value);
                    if !is_as_said {
                        differing.insert(sources.observed.account_name(key).into());
                    }
                }
                None if entity.management == Management::Created => {
                    let declared = EntityKey::Account(sources.declared_key(key));
                    let facts =
                        Facts::new(declared, entity).recorded(sources.recorded.accounts.get(key), None);
                    let account = entity.value.clone();
                    self.create(&facts, false, Effect::CreateAccount { account });
                }
                None => {}
            }
        }
        self.report_differing(differing);
        for (key, entity) in &sources.recorded.accounts {
            let known_by = EntityKey::Account(key.clone());
            if !sources.desired.accounts.contains_key(key) && !self.held.was_named(&known_by) {
                let reason = self.removal_reason();
                self.forget(EntityKey::Account(sources.recorded_key(key)), entity, reason);
            }
        }
    }

    /// Plans an existing account, and says whether what the block asserts about it is so.
    fn account(&mut self, key: &AccountKey, entity: &Entity<Account>, observed: &Account) -> bool {
        let sources = self.sources;
        let recorded = sources.recorded.accounts.get(key);
        let desired = &entity.value;
        let to_move = desired.ou.as_ref().filter(|ou| {
            let now = observed.ou.as_ref().map(|path| self.renames.unit_now(path));
            now.as_ref() != Some(*ou)
        });
        let to_tag = desired
            .tags
            .as_ref()
            .filter(|tags| observed.tags.as_ref() != Some(*tags));
        if !entity.is_managed() {
            if recorded.is_some() {
                let key = EntityKey::Account(sources.recorded_key(key));
                let facts = Facts::new(key, entity).recorded(recorded, None);
                self.record_steps(&facts);
            }
            return to_move.is_none() && (to_tag.is_none() || observed.tags.is_none());
        }
        let known_as = match recorded {
            Some(_) => sources.recorded_key(key),
            None => sources.declared_key(key),
        };
        let mut facts = Facts::new(EntityKey::Account(known_as.clone()), entity).recorded(recorded, None);
        facts.observed_id = sources.observed_id(&EntityKey::Account(key.clone()));
        let same_ou = |other: &Account| desired.ou.is_none() || other.ou == desired.ou;
        let same_tags = |other: &Account| desired.tags.is_none() || other.tags == desired.tags;
        let before = recorded.map(|entity| &entity.value);
        facts.record_differs = before.is_some_and(|before| {
            (to_move.is_none() && !same_ou(before)) || (to_tag.is_none() && !same_tags(before))
        });
        self.record_steps(&facts);
        if let (Some(to), Some(from)) = (to_move, &observed.ou) {
            let effect = Effect::MoveAccount {
                account: known_as.clone(),
                from: from.clone(),
                to: to.clone(),
            };
            let reason = update_reason(before.is_some_and(same_ou));
            self.actions
                .push(facts.action(ActionKind::Update, reason, Some(effect)));
        }
        if let Some(to) = to_tag {
            let effect = Effect::TagAccount {
                account: known_as,
                from: observed.tags.clone().unwrap_or_default(),
                to: to.clone(),
            };
            let reason = update_reason(before.is_some_and(same_tags));
            self.actions
                .push(facts.action(ActionKind::Update, reason, Some(effect)));
        }
        true
    }

    fn report_differing(&mut self, subjects: BTreeSet<Arc<str>>) {
        if subjects.is_empty() {
            return;
        }
        let message = match subjects.len() {
            1 => "an account stands in another organizational unit, or carries other tags, than its block says; selectors use what the block says".to_owned(),
            count => format!(
                "{count} accounts stand in another organizational unit, or carry other tags, than their blocks say; selectors use what the blocks say"
            ),
        };
        self.findings.push(Finding {
            subjects,
            remedy: Some(
                "correct the blocks, or set `manage = true` to have the accounts follow them".into(),
            ),
            ..Finding::new(Level::Warning, "account-differs", message)
        });
    }
}
