//! Keys: what the service calls an entity, from the attributes that say so.

use std::sync::Arc;

use crate::address::{InstanceKey, Kind};
use crate::config::entities::{Engine, EntityId, EntityInstance, silent};
use crate::config::eval::{EvalResult, Failure};
use crate::config::program::EntityBlock;
use crate::config::rules::{Finding, names};
use crate::config::types::Type;
use crate::config::value::Value;
use crate::diagnostic::{Code, Diagnostic};
use crate::id::{AccountKey, EntityKey};
use crate::source::Span;

/// Instances that would all have one name.
const NAME_NEEDED: Code = Code("name-needed");
/// An account without id and e-mail address.
const NO_ACCOUNT_KEY: Code = Code("account-without-id");
/// A look-up by name that finds nothing.
const NOT_FOUND: Code = Code("not-found");
/// A look-up by name that finds several.
const AMBIGUOUS: Code = Code("ambiguous-name");

impl Engine<'_> {
    pub(super) fn identity(&self, id: EntityId) -> EvalResult {
        let entity = self.entity(id).ok_or_else(silent)?;
        let block = self.block_of(&entity).ok_or_else(silent)?;
        let key = match block.kind {
            Kind::PermissionSet => self.named(id, &entity, block, "name", |text| {
                names::permission_set(text).map(EntityKey::PermissionSet)
            })?,
            Kind::Group => self.named(id, &entity, block, "display_name", |text| {
                names::group(text).map(EntityKey::Group)
            })?,
            Kind::User => self.named(id, &entity, block, "user_name", |text| {
                names::user(text).map(EntityKey::User)
            })?,
            Kind::OrganizationalUnit => self.unit_key(id, &entity, block)?,
            Kind::Account if block.data => match self.looked_up_account(id, block)? {
                Some(key) => key,
                None => return Ok(Value::unknown(Type::Entity(Some(Kind::Account)))),
            },
            Kind::Account => self.account_key(id, &entity, block)?,
            Kind::Assignment => return Err(silent()),
        };
        let address = self.address(&entity).ok_or_else(silent)?;
        self.register(&key, id);
        Ok(self.entity_value(key, address))
    }

    /// Where an attribute's value is written: its expression, or the block's head for a default.
    pub fn place(&self, block: &EntityBlock, attribute: &str) -> Span {
        let written = block
            .schema
            .attribute(attribute)
            .and_then(|(index, _)| block.attributes.get(index));
        written
            .and_then(Option::as_ref)
            .map_or(block.head, |attribute| attribute.expr.span)
    }

    /// Whether an attribute is written.
    pub fn is_written(&self, block: &EntityBlock, attribute: &str) -> bool {
        let written = block
            .schema
            .attribute(attribute)
            .and_then(|(index, _)| block.attributes.get(index));
        written.is_some_and(Option::is_some)
    }

    fn named(
        &self,
        id: EntityId,
        entity: &EntityInstance,
        block: &EntityBlock,
        attribute: &str,
        parse: impl Fn(&str) -> Result<EntityKey, Finding>,
    ) -> EvalResult<EntityKey> {
        let text = self.key_text(id, entity, block, attribute)?;
        parse(&text).map_err(|finding| self.refused(block, attribute, finding))
    }

    fn refused(&self, block: &EntityBlock, attribute: &str, finding: Finding) -> Box<Failure> {
        let about = if self.is_written(block, attribute) {
            String::new()
        } else {
            format!("the label is its `{attribute}`")
        };
        Failure::always(finding.at(self.place(block, attribute), &about))
    }

    fn key_text(
        &self,
        id: EntityId,
        entity: &EntityInstance,
        block: &EntityBlock,
        attribute: &str,
    ) -> EvalResult<Arc<str>> {
        if let Some(error) = self.one_name_for_all(entity, block, attribute) {
            return Err(Failure::always(error));
        }
        let value = self.attribute_named(id, attribute, block.head)?;
        value.as_text().cloned().ok_or_else(silent)
    }

    /// The error of a block with several instances that leaves their name to the label.
    pub fn one_name_for_all(
        &self,
        entity: &EntityInstance,
        block: &EntityBlock,
        attribute: &str,
    ) -> Option<Diagnostic> {
        let each = match entity.key {
            InstanceKey::None => return None,
            InstanceKey::Index(_) => "count.index",
            _ => "each.key",
        };
        if self.is_written(block, attribute) {
            return None;
        }
        let message = format!("`{attribute}` must be given for a block with several instances");
        let remark = format!("all of them would be called `{}`", block.label);
        Some(
            Diagnostic::error(NAME_NEEDED, message)
                .at(block.head, remark)
                .help(format!("add `{attribute} = …`, made from `{each}`")),
        )
    }

    fn unit_key(&self, id: EntityId, entity: &EntityInstance, block: &EntityBlock) -> EvalResult<EntityKey> {
        let name = self.key_text(id, entity, block, "name");
        let parent = self.attribute_named(id, "parent", block.head)?;
        let name = name?;
        let Some(EntityKey::OrganizationalUnit(parent)) = parent.as_entity().map(|entity| &entity.key) else {
            return Err(silent());
        };
        let path = names::unit(parent, &name).map_err(|finding| self.refused(block, "name", finding))?;
        Ok(EntityKey::OrganizationalUnit(path))
    }

    fn account_key(
        &self,
        id: EntityId,
        entity: &EntityInstance,
        block: &EntityBlock,
    ) -> EvalResult<EntityKey> {
        let (has_id, has_email) = (self.is_written(block, "id"), self.is_written(block, "email"));
        let given = |attribute: &str| -> EvalResult<Option<Arc<str>>> {
            if !self.is_written(block, attribute) {
                return Ok(None);
            }
            Ok(self
                .attribute_named(id, attribute, block.head)?
                .as_text()
                .cloned())
        };
        if let Some(text) = given_id(self, id, block, has_id)? {
            let key = names::account_id(&text).map_err(|finding| self.refused(block, "id", finding))?;
            return Ok(EntityKey::Account(AccountKey::Id(key)));
        }
        if has_email && let Some(text) = given("email")? {
            let email = names::email(&text).map_err(|finding| self.refused(block, "email", finding))?;
            let known = self.observed.account_by_email(email.as_str());
            return Ok(EntityKey::Account(known.unwrap_or(AccountKey::Email(email))));
        }
        let _ = entity;
        Err(Failure::always(
            Diagnostic::error(
                NO_ACCOUNT_KEY,
                "an account needs an `id`, or an `email` until it has one",
            )
            .at(block.head, "which account is this?")
            .help("add `id = \"…\"`, 12 digits in quotes"),
        ))
    }

    /// A look-up's account; `None` while there is no answer yet.
    fn looked_up_account(&self, id: EntityId, block: &EntityBlock) -> EvalResult<Option<EntityKey>> {
        if let Some(text) = given_id(self, id, block, self.is_written(block, "id"))? {
            let key = names::account_id(&text).map_err(|finding| self.refused(block, "id", finding))?;
            return Ok(Some(EntityKey::Account(AccountKey::Id(key))));
        }
        let by = if self.is_written(block, "email") {
            "email"
        } else {
            "name"
        };
        if !self.is_written(block, by) {
            return Err(Failure::always(
                Diagnostic::error(
                    NO_ACCOUNT_KEY,
                    "a look-up of an account needs an `id`, a `name` or an `email`",
                )
                .at(block.head, "which account is this?"),
            ));
        }
        let value = self.written(id, by)?;
        let Some(text) = value.as_str() else {
            return Err(silent());
        };
        if self.is_unread() {
            return Ok(None);
        }
        let mut found = if by == "email" {
            self.observed.account_by_email(text).into_iter().collect()
        } else {
            self.observed.accounts_by_name(text)
        };
        let place = self.place(block, by);
        match (found.pop(), found.is_empty()) {
            (Some(key), true) => Ok(Some(EntityKey::Account(key))),
            (None, _) => Err(Failure::always(
                Diagnostic::error(
                    NOT_FOUND,
                    format!("no account of the organization has the {by} {text:?}"),
                )
                .at(place, "")
                .help(
                    self.observed
                        .close_account(text)
                        .unwrap_or_else(|| "give its `id` instead".to_owned()),
                ),
            )),
            (Some(_), false) => Err(Failure::always(
                Diagnostic::error(
                    AMBIGUOUS,
                    format!(
                        "{} accounts of the organization have the name {text:?}",
                        found.len() + 1
                    ),
                )
                .at(place, "")
                .help("give its `id` instead"),
            )),
        }
    }
}

fn given_id(
    engine: &Engine<'_>,
    id: EntityId,
    block: &EntityBlock,
    written: bool,
) -> EvalResult<Option<Arc<str>>> {
    if !written {
        return Ok(None);
    }
    let _ = block;
    let value = engine.written(id, "id")?;
    Ok(value.as_text().cloned())
}
