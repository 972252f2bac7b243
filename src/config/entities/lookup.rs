//! Look-ups: answers from what was read of the service.

use std::cell::Cell;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::address::{Address, InstanceKey, Kind, ModulePath};
use crate::config::entities::attribute::{empty, no_attribute, reference, schema_of};
use crate::config::entities::{Engine, EntityId, Node, silent};
use crate::config::eval::EvalResult;
use crate::config::program::EntityBlock;
use crate::config::schema::AttributeSchema;
use crate::config::types::Type;
use crate::config::value::{Entity, Fields, Value};
use crate::diagnostic::close_names;
use crate::id::{AccountId, AccountKey, EntityKey, OuPath};
use crate::model::account::Account;
use crate::model::instance::Observed;
use crate::model::snapshot::Snapshot;
use crate::source::Span;

/// Begins the label of what came from the service and no block declares; no label that is written has a dot.
const LIVE: &str = "organization.";

/// What was read, with the indexes that look-ups need.
pub(super) struct Index<'a> {
    observed: Option<&'a Observed>,
    /// Something asked for an answer that only a reading of the service has, and there was none.
    asked_in_vain: Cell<bool>,
    by_email: FxHashMap<String, &'a AccountKey>,
    by_name: FxHashMap<&'a str, Vec<&'a AccountKey>>,
}

impl<'a> Index<'a> {
    pub(super) fn new(observed: Option<&'a Observed>) -> Self {
        let mut index = Index {
            observed,
            asked_in_vain: Cell::new(false),
            by_email: FxHashMap::default(),
            by_name: FxHashMap::default(),
        };
        let accounts = observed
            .into_iter()
            .flat_map(|observed| &observed.snapshot.accounts);
        for (key, account) in accounts {
            if let Some(email) = &account.value.email {
                index.by_email.insert(email.as_str().to_lowercase(), key);
            }
            index.by_name.entry(&account.value.name).or_default().push(key);
        }
        index
    }

    pub(super) fn snapshot(&self) -> Option<&'a Snapshot> {
        self.note_asked();
        self.observed.map(|observed| &observed.snapshot)
    }

    fn note_asked(&self) {
        if self.observed.is_none() {
            self.asked_in_vain.set(true);
        }
    }

    /// The account with an e-mail address, compared without case.
    pub(super) fn account_by_email(&self, email: &str) -> Option<AccountKey> {
        self.note_asked();
        self.by_email.get(&email.to_lowercase()).map(|key| (*key).clone())
    }

    pub(super) fn accounts_by_name(&self, name: &str) -> Vec<AccountKey> {
        self.note_asked();
        self.by_name
            .get(name)
            .into_iter()
            .flatten()
            .map(|key| (*key).clone())
            .collect()
    }

    pub(super) fn close_account(&self, name: &str) -> Option<String> {
        let close = close_names(name, self.by_name.keys().copied());
        let quoted: Vec<String> = close.iter().map(|name| format!("{name:?}")).collect();
        (!quoted.is_empty()).then(|| format!("did you mean {}?", quoted.join(" or ")))
    }

    /// Whether an address stands for something read, not for a block.
    pub(super) fn is_live(&self, address: &Address) -> bool {
        address.data && address.label.starts_with(LIVE)
    }
}

/// A value for something that was read.
pub(super) fn live(key: EntityKey) -> Value {
    let address = Address {
        module: ModulePath::root(),
        data: true,
        kind: key.kind(),
        label: Arc::from(format!("{LIVE}{}", key.name())),
        instance: InstanceKey::None,
    };
    Value::entity(Arc::new(Entity { key, address }))
}

impl Engine<'_> {
    /// Whether the service was not read, so that look-ups have no answer yet. Whoever asks depends on it.
    pub(in crate::config) fn is_unread(&self) -> bool {
        self.observed.snapshot().is_none()
    }

    /// Whether anything evaluated so far would be different with a reading of the service.
    pub(in crate::config) fn needs_reading(&self) -> bool {
        self.observed.asked_in_vain.get()
    }

    /// A look-up's attribute that is not written: what was read, unknown before anything was.
    pub(super) fn looked_up(
        &self,
        id: EntityId,
        block: &EntityBlock,
        schema: &AttributeSchema,
    ) -> EvalResult {
        let value = self.force(Node::Identity(id), block.head)?;
        let Some(entity) = value.as_entity() else {
            return Ok(Value::unknown(type_of(schema)));
        };
        match self.observed.snapshot() {
            Some(_) => self.read_attribute(&entity.key, schema),
            None => match (&entity.key, schema.name) {
                (EntityKey::Account(AccountKey::Id(id)), "id") => Ok(Value::string(id.as_str())),
                _ => Ok(Value::unknown(type_of(schema))),
            },
        }
    }

    /// An attribute of something that no block declares, or of the root unit.
    pub(super) fn live_attribute(&self, entity: &Entity, name: &str, span: Span) -> EvalResult {
        let schema = schema_of(entity.kind())?;
        let Some((_, attribute)) = schema.attribute(name) else {
            return Err(no_attribute(schema, name, span));
        };
        if let EntityKey::OrganizationalUnit(path) = &entity.key {
            let is_live = self.observed.is_live(&entity.address);
            return self.unit_attribute(path, is_live, attribute, span);
        }
        self.read_attribute(&entity.key, attribute)
    }

    fn unit_attribute(
        &self,
        path: &OuPath,
        is_live: bool,
        attribute: &AttributeSchema,
        span: Span,
    ) -> EvalResult {
        let recursive = attribute.name == "accounts";
        match attribute.name {
            "accounts" | "direct_accounts" if is_live => Ok(self.live_accounts(Some(path), recursive)),
            "accounts" | "direct_accounts" => self.accounts_in(path, recursive, span),
            "path" => Ok(Value::string(path.as_str())),
            "name" => Ok(if path.is_root() {
                Value::string("Root")
            } else {
                Value::string(&*path.name())
            }),
            "parent" => Ok(match path.parent() {
                Some(parent) if parent.is_root() => self.root_unit(),
                Some(parent) => live(EntityKey::OrganizationalUnit(parent)),
                None => empty(attribute.ty),
            }),
            "id" | "arn" => Ok(reference(
                &EntityKey::OrganizationalUnit(path.clone()),
                attribute.name,
            )),
            _ => Ok(empty(attribute.ty)),
        }
    }

    fn read_attribute(&self, key: &EntityKey, schema: &AttributeSchema) -> EvalResult {
        let snapshot = self.observed.snapshot().ok_or_else(silent)?;
        let text = |text: &str| {
            if text.is_empty() {
                empty(schema.ty)
            } else {
                Value::string(text)
            }
        };
        let optional = |found: Option<&str>| found.map_or_else(|| empty(schema.ty), Value::string);
        let value = match key {
            EntityKey::Account(key) => match (snapshot.accounts.get(key), schema.name) {
                (Some(account), name) => account_attribute(&account.value, name, schema),
                (None, "id") => reference(&EntityKey::Account(key.clone()), "id"),
                (None, _) => empty(schema.ty),
            },
            EntityKey::User(name) => match (snapshot.users.get(name).map(|user| &user.value), schema.name) {
                (Some(user), "id" | "user_id") => optional(user.id.as_ref().map(AsRef::as_ref)),
                (Some(user), "display_name") => text(&user.display_name),
                (Some(user), "given_name") => text(&user.given_name),
                (Some(user), "family_name") => text(&user.family_name),
                (Some(user), "email") => optional(user.email.as_deref()),
                (None, "id" | "user_id") => Value::unknown(Type::String),
                _ => empty(schema.ty),
            },
            EntityKey::Group(name) => {
                match (snapshot.groups.get(name).map(|group| &group.value), schema.name) {
                    (Some(group), "id" | "group_id") => optional(group.id.as_ref().map(AsRef::as_ref)),
                    (Some(group), "description") => optional(group.description.as_deref()),
                    (None, "id" | "group_id") => Value::unknown(Type::String),
                    _ => empty(schema.ty),
                }
            }
            EntityKey::PermissionSet(name) => match (
                snapshot.permission_sets.get(name).map(|set| &set.value),
                schema.name,
            ) {
                (Some(set), "arn" | "id") => optional(set.arn.as_ref().map(AsRef::as_ref)),
                (Some(set), "description") => {
                    optional(set.description.as_ref().and_then(|text| text.as_known()))
                }
                (Some(set), "session_duration") => Value::string(set.session_duration.to_string()),
                (None, "arn" | "id") => Value::unknown(Type::String),
                _ => empty(schema.ty),
            },
            EntityKey::OrganizationalUnit(_) => empty(schema.ty),
        };
        Ok(value)
    }

    /// The accounts that were read, in all or in a unit; unknown before anything was.
    pub(super) fn live_accounts(&self, unit: Option<&OuPath>, recursive: bool) -> Value {
        let element = Type::Entity(Some(Kind::Account));
        let Some(snapshot) = self.observed.snapshot() else {
            return Value::unknown(Type::list(element));
        };
        let is_in = |account: &Account| match (unit, &account.ou) {
            (None, _) => true,
            (Some(unit), Some(ou)) => ou == unit || (recursive && ou.is_within(unit)),
            (Some(_), None) => false,
        };
        let accounts = snapshot
            .accounts
            .iter()
            .filter(|(_, account)| is_in(&account.value));
        let items = accounts
            .map(|(key, _)| live(EntityKey::Account(key.clone())))
            .collect();
        Value::list(element, items)
    }
}

fn account_attribute(account: &Account, name: &str, schema: &AttributeSchema) -> Value {
    match name {
        "id" => match account.id().map(AccountId::as_str) {
            Some(id) => Value::string(id),
            None => reference(&EntityKey::Account(account.key.clone()), "id"),
        },
        "name" => Value::string(account.name.clone()),
        "email" => account
            .email
            .as_ref()
            .map_or_else(|| empty(schema.ty), |email| Value::string(email.as_str())),
        "ou" => match &account.ou {
            Some(path) => live(EntityKey::OrganizationalUnit(path.clone())),
            None => empty(schema.ty),
        },
        "tags" => {
            let tags = account
                .tags
                .iter()
                .flatten()
                .map(|(key, value)| (key.clone(), Value::string(value.clone())));
            Value::map(Type::String, tags.collect::<Fields>())
        }
        _ => empty(schema.ty),
    }
}

fn type_of(schema: &AttributeSchema) -> Type {
    empty(schema.ty).ty()
}
