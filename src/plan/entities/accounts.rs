//! Accounts: referred to, moved and tagged where the stack may, created where it is told to, never closed.

use std::cell::LazyCell;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::{AccountKey, EntityKey, OuPath};
use crate::model::account::Account;
use crate::model::action::Effect;
use crate::model::reach::holders_in;
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::plan::change::{ActionKind, Reason};
use crate::plan::finding::{Finding, Level, counted, people};
use crate::plan::risk::ProductionAccounts;

use super::{Differ, Facts, update_reason};

/// How many permission sets are named of an account that became production.
const MOST_HELD: usize = 5;

impl Differ<'_, '_> {
    pub(super) fn accounts(&mut self) {
        let sources = self.sources;
        let mut differing: BTreeSet<Arc<str>> = BTreeSet::new();
        let mut named_otherwise: BTreeSet<Arc<str>> = BTreeSet::new();
        // Most accounts stand where they shall, so that nobody asks.
        let production = LazyCell::new(|| ProductionAccounts::in_force(sources.input));
        for (key, entity) in &sources.desired.accounts {
            if self.held.holds_entity(&EntityKey::Account(key.clone())) {
                continue;
            }
            match sources.observed.accounts.get(key) {
                Some(observed) => {
                    let is_as_said = self.account(key, entity, &observed.value);
                    let name = sources.observed.account_name(key);
                    if !is_as_said {
                        let mut what = self.what_differs(&entity.value, &observed.value);
                        if is_production_now(&production, key, &entity.value, &observed.value) {
                            what.push_str("; production now");
                            what.push_str(&self.held_in(key));
                        }
                        differing.insert(format!("{name} ({what})").into());
                    }
                    if entity.is_managed() && entity.has_name() && entity.value.name != observed.value.name {
                        let declared = &entity.value.name;
                        named_otherwise.insert(format!("{name} (block: {declared})").into());
                    }
                }
                None if entity.management == Management::Created => {
                    self.refuse_second(key, entity);
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
        self.report_names(named_otherwise);
        self.report_half_made();
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
        // Recorded as declared, and never made so in full: nobody changed it.
        let run = sources.input.recorded.unfinished.as_ref();
        let half_made = run
            .zip(before)
            .is_some_and(|(run, before)| run.has_left_of_account(before));
        let changed = |as_declared: bool| match half_made && as_declared {
            true => Reason::HalfMade,
            false => update_reason(as_declared),
        };
        if half_made && (to_move.is_some() || to_tag.is_some()) {
            self.half_made.insert(sources.observed.account_name(key).into());
        }
        if let (Some(to), Some(from)) = (to_move, &observed.ou) {
            let effect = Effect::MoveAccount {
                account: known_as.clone(),
                from: from.clone(),
                to: to.clone(),
            };
            let reason = changed(before.is_some_and(same_ou));
            self.actions
                .push(facts.action(ActionKind::Update, reason, Some(effect)));
        }
        if let Some(to) = to_tag {
            let effect = Effect::TagAccount {
                account: known_as,
                from: observed.tags.clone().unwrap_or_default(),
                to: to.clone(),
            };
            let reason = changed(before.is_some_and(same_tags));
            self.actions
                .push(facts.action(ActionKind::Update, reason, Some(effect)));
        }
        true
    }

    /// Refuses to create an account in the place of one that the block created: the old one would stay, for ever.
    fn refuse_second(&mut self, key: &AccountKey, entity: &Entity<Account>) {
        let mut recorded = self.sources.recorded.accounts.iter();
        let before = recorded.find(|(other, before)| {
            *other != key
                && before.management == Management::Created
                && before
                    .addresses
                    .iter()
                    .any(|address| entity.addresses.contains(address))
        });
        let Some((before, _)) = before else { return };
        let shown = |account: &AccountKey| account.to_string();
        let pinned = match before {
            AccountKey::Id(id) => format!("`id = \"{id}\"` and `manage = true`"),
            AccountKey::Email(_) => "`id = …` and `manage = true`".to_owned(),
        };
        self.findings.push(Finding {
            remedy: Some(
                format!(
                    "write the earlier `email`; or, to give the account another address, change it in the account \
                     itself and write {pinned} in the place of `create`; a second account takes a block of its own"
                )
                .into(),
            ),
            location: entity.location.clone(),
            ..Finding::new(
                Level::Refusal,
                "account-again",
                format!(
                    "the block of account {} now says {}: that would create a second account, and accounts are never \
                     deleted",
                    shown(before),
                    shown(key)
                ),
            )
        });
    }

    /// `ou Sandbox, block: Prod; tag env dev, block: prod`
    fn what_differs(&self, desired: &Account, observed: &Account) -> String {
        let mut parts = Vec::new();
        let unit = |path: &OuPath| {
            if path.is_root() {
                "root".to_owned()
            } else {
                path.to_string()
            }
        };
        if let (Some(said), Some(is)) = (&desired.ou, &observed.ou)
            && self.renames.unit_now(is) != *said
        {
            parts.push(format!("ou {}, block: {}", unit(is), unit(said)));
        }
        if let (Some(said), Some(are)) = (&desired.tags, &observed.tags) {
            let keys: BTreeSet<&Arc<str>> = said.keys().chain(are.keys()).collect();
            for key in keys.into_iter().filter(|key| said.get(*key) != are.get(*key)) {
                let shown =
                    |value: Option<&Arc<str>>| value.map_or_else(|| "none".to_owned(), ToString::to_string);
                parts.push(format!(
                    "tag {key} {}, block: {}",
                    shown(are.get(key)),
                    shown(said.get(key))
                ));
            }
        }
        parts.join("; ")
    }

    /// `: 11 people with PowerUser, 3 people with ViewOnly`
    fn held_in(&self, account: &AccountKey) -> String {
        let held = holders_in(&self.sources.input.observed.snapshot, account);
        let named = held.iter().take(MOST_HELD);
        let mut parts: Vec<String> = named
            .map(|found| {
                let who = people(found.people.len() as u64);
                format!("{who} with {}", found.permission_set)
            })
            .collect();
        if let Some(more) = held.len().checked_sub(MOST_HELD).filter(|more| *more > 0) {
            parts.push(format!("{} more", counted(more, "permission set")));
        }
        match parts.is_empty() {
            true => String::new(),
            false => format!(": {}", parts.join(", ")),
        }
    }

    fn report_half_made(&mut self) {
        let subjects = std::mem::take(&mut self.half_made);
        if subjects.is_empty() {
            return;
        }
        let message = match subjects.len() {
            1 => "the last run left an account half made: it does not have its unit or all of its tags yet; this plan goes on with it"
                .to_owned(),
            count => format!(
                "the last run left {count} accounts half made: they do not have their units or all of their tags yet; \
                 this plan goes on with them"
            ),
        };
        self.findings.push(Finding {
            subjects,
            ..Finding::new(Level::Note, "half-made", message)
        });
    }

    fn report_names(&mut self, subjects: BTreeSet<Arc<str>>) {
        if subjects.is_empty() {
            return;
        }
        let message = match subjects.len() {
            1 => {
                "an account is called otherwise than its block says; rolecall renames no accounts".to_owned()
            }
            count => format!(
                "{count} accounts are called otherwise than their blocks say; rolecall renames no accounts"
            ),
        };
        self.findings.push(Finding {
            subjects,
            remedy: Some(
                "rename them (`aws account put-account-name --account-id … --account-name …`, or the account's page \
                 in the console), or write the names they have"
                    .into(),
            ),
            ..Finding::new(Level::Warning, "account-name", message)
        });
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

/// Whether an account is production where it stands, and would not be where its block says.
fn is_production_now(
    rules: &[ProductionAccounts],
    key: &AccountKey,
    declared: &Account,
    observed: &Account,
) -> bool {
    let as_said = observed.as_declared(declared);
    let is_one = |account: &Account| {
        let there = Snapshot::of_account(key, account);
        rules.iter().any(|rule| rule.contains(key, &[&there]))
    };
    is_one(observed) && !is_one(&as_said)
}
