//! What things are called by the service: ids that were observed, plus ids that a run learns.

use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::id::{AccountId, AccountKey, EntityKey, OuPath, ServiceId};
use crate::model::account::Account;
use crate::model::action::{Effect, Learned};
use crate::model::instance::Observed;
use crate::model::snapshot::Snapshot;
use crate::model::stack::OutputValue;
use crate::model::text::{Reference, ServiceAttribute, Text};
use crate::provider::Ids;

/// Ids by key.
#[derive(Debug, Clone, Default)]
pub struct IdTable {
    ids: FxHashMap<EntityKey, ServiceId>,
    created_accounts: FxHashMap<AccountKey, AccountId>,
    /// What ARNs of units are made of: the management account and the organisation.
    organization: Option<(AccountId, ServiceId)>,
}

impl IdTable {
    /// The ids of a reading.
    pub fn new(observed: &Observed) -> Self {
        let instance = &observed.instance;
        let mut table = IdTable {
            organization: instance
                .management_account
                .clone()
                .zip(instance.organization.clone()),
            ..IdTable::default()
        };
        table.observe(&observed.snapshot);
        table
    }

    /// Takes the ids of another snapshot in, over what was known.
    pub fn observe(&mut self, observed: &Snapshot) {
        let mut put = |key: EntityKey, id: &Option<ServiceId>| {
            if let Some(id) = id {
                self.ids.insert(key, id.clone());
            }
        };
        for (path, unit) in &observed.organizational_units {
            put(EntityKey::OrganizationalUnit(path.clone()), &unit.value.id);
        }
        for (name, user) in &observed.users {
            put(EntityKey::User(name.clone()), &user.value.id);
        }
        for (name, group) in &observed.groups {
            put(EntityKey::Group(name.clone()), &group.value.id);
        }
        for (name, set) in &observed.permission_sets {
            put(EntityKey::PermissionSet(name.clone()), &set.value.arn);
        }
        for account in observed.accounts.values() {
            if let (AccountKey::Id(id), Some(email)) = (&account.value.key, &account.value.email) {
                self.created_accounts
                    .insert(AccountKey::Email(email.clone()), id.clone());
            }
        }
    }

    /// Takes in what an effect taught.
    pub fn learn(&mut self, effect: &Effect, learned: &Learned) {
        let Some(key) = effect.entity() else { return };
        match (effect, &learned.id) {
            (Effect::UpdateUser { from, .. }, _) => {
                self.rename(EntityKey::User(from.user_name.clone()), from.id.as_ref(), key);
            }
            (Effect::UpdateGroup { from, .. }, _) => {
                self.rename(EntityKey::Group(from.display_name.clone()), from.id.as_ref(), key);
            }
            (Effect::RenameOrganizationalUnit { from, to }, _) => self.rename_units(from, to),
            (Effect::CreateAccount { account }, Some(id)) => {
                if let Ok(id) = AccountId::new(id.as_str()) {
                    self.created_accounts.insert(account.key.clone(), id);
                }
            }
            (
                Effect::CreateOrganizationalUnit { .. }
                | Effect::CreateUser { .. }
                | Effect::CreateGroup { .. }
                | Effect::CreatePermissionSet { .. },
                Some(id),
            ) => {
                self.ids.insert(key, id.clone());
            }
            // A membership has an id too, which is not the group's.
            _ => {}
        }
    }

    /// The old name goes on meaning the same: steps under it may still be under way.
    fn rename(&mut self, from: EntityKey, id: Option<&ServiceId>, to: EntityKey) {
        if from != to
            && let Some(id) = id.or_else(|| self.ids.get(&from)).cloned()
        {
            self.ids.entry(from).or_insert_with(|| id.clone());
            self.ids.insert(to, id);
        }
    }

    /// A unit gets another name, and those below it come along.
    fn rename_units(&mut self, from: &OuPath, to: &OuPath) {
        let moved: Vec<(EntityKey, ServiceId)> = self
            .ids
            .iter()
            .filter_map(|(key, id)| match key {
                EntityKey::OrganizationalUnit(path) if path.is_within(from) => {
                    let rest = path.as_str().strip_prefix(from.as_str())?;
                    let path = OuPath::new(format!("{to}{rest}")).ok()?;
                    Some((EntityKey::OrganizationalUnit(path), id.clone()))
                }
                _ => None,
            })
            .collect();
        self.ids.extend(moved);
    }

    /// A unit's ARN, as the service authorization reference for Organizations writes it.
    fn unit_arn(&self, path: &OuPath) -> Option<Arc<str>> {
        let (management, organization) = self.organization.as_ref()?;
        let id = self.id(&EntityKey::OrganizationalUnit(path.clone()))?;
        let kind = if path.is_root() { "root" } else { "ou" };
        Some(format!("arn:aws:organizations::{management}:{kind}/{organization}/{id}").into())
    }

    /// What a reference stands for, once it is known.
    pub fn value(&self, reference: &Reference) -> Option<Arc<str>> {
        match (&reference.entity, reference.attribute) {
            (EntityKey::Account(key), ServiceAttribute::Id) => {
                self.account_id(key).map(|id| Arc::from(id.as_str()))
            }
            (EntityKey::OrganizationalUnit(path), ServiceAttribute::Arn) => self.unit_arn(path),
            (key, _) => self.id(key).map(|id| Arc::from(id.as_str())),
        }
    }

    /// The effect with its texts filled in; the first reference that is not known yet otherwise.
    ///
    /// # Errors
    /// The reference nobody knows the value of.
    pub fn fill(&self, effect: &Effect) -> Result<Effect, Reference> {
        let fill = |text: &mut Text| -> Result<(), Reference> {
            *text = text.resolve(&|reference| self.value(reference));
            text.references()
                .next()
                .map_or(Ok(()), |unknown| Err(unknown.clone()))
        };
        let mut effect = effect.clone();
        if let Effect::CreatePermissionSet { permission_set: set }
        | Effect::UpdatePermissionSet { to: set, .. } = &mut effect
        {
            let optional = [&mut set.description, &mut set.relay_state, &mut set.inline_policy];
            optional
                .into_iter()
                .flatten()
                .chain(set.tags.values_mut())
                .try_for_each(fill)?;
        }
        Ok(effect)
    }

    /// An output's value with its texts filled in as far as they are known.
    #[must_use]
    pub fn fill_output(&self, value: &OutputValue) -> OutputValue {
        value.resolve(&|reference| self.value(reference))
    }
}

impl Ids for IdTable {
    fn id(&self, key: &EntityKey) -> Option<ServiceId> {
        self.ids.get(key).cloned()
    }

    fn account_id(&self, key: &AccountKey) -> Option<AccountId> {
        match key {
            AccountKey::Id(id) => Some(id.clone()),
            AccountKey::Email(_) => self.created_accounts.get(key).cloned(),
        }
    }
}

/// The id that a snapshot has for an entity; for an account, the account's id. One that was named by its e-mail
/// address before it had an id is found by that address.
pub fn id_in(snapshot: &Snapshot, key: &EntityKey) -> Option<ServiceId> {
    match key {
        EntityKey::OrganizationalUnit(path) => snapshot.organizational_units.get(path)?.value.id.clone(),
        EntityKey::User(name) => snapshot.users.get(name)?.value.id.clone(),
        EntityKey::Group(name) => snapshot.groups.get(name)?.value.id.clone(),
        EntityKey::PermissionSet(name) => snapshot.permission_sets.get(name)?.value.arn.clone(),
        EntityKey::Account(key) => {
            let account = find_account(key, snapshot)?;
            ServiceId::new(account.id()?.as_str()).ok()
        }
    }
}

/// An account by its key; one that was to be created with an e-mail address has an id afterwards.
pub(super) fn find_account<'s>(key: &AccountKey, snapshot: &'s Snapshot) -> Option<&'s Account> {
    if let Some(found) = snapshot.accounts.get(key) {
        return Some(&found.value);
    }
    let AccountKey::Email(email) = key else {
        return None;
    };
    let mut values = snapshot.accounts.values().map(|entity| &entity.value);
    values.find(|account| account.email.as_ref() == Some(email))
}
