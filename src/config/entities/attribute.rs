//! Attributes of entities: as written, by default, or as the service assigns them.

use std::sync::Arc;

use crate::address::Kind;
use crate::config::entities::{Engine, EntityId, EntityInstance, ModuleScope, Node, Source, silent};
use crate::config::eval::{EvalResult, Failure, code, eval};
use crate::config::program::EntityBlock;
use crate::config::schema::{self, AttributeSchema, BlockSchema, Need, Ty};
use crate::config::syntax::ExprKind;
use crate::config::types::Type;
use crate::config::value::{Data, Entity, Fields, Reference, Value};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::id::{AccountKey, EntityKey};
use crate::source::Span;

impl Engine<'_> {
    /// An attribute of an entity value.
    ///
    /// # Errors
    /// When its kind has no such attribute, or it cannot be computed.
    pub fn attribute_of(&self, entity: &Arc<Entity>, name: &str, span: Span) -> EvalResult {
        if self.observed.is_live(&entity.address) {
            return self.live_attribute(entity, name, span);
        }
        match self.source(&entity.key) {
            Source::Declared(id) => self.attribute_named(id, name, span),
            Source::Root | Source::Observed => self.live_attribute(entity, name, span),
        }
    }

    /// An attribute of an entity instance, by name.
    ///
    /// # Errors
    /// As [`Engine::attribute_of`].
    pub fn attribute_named(&self, id: EntityId, name: &str, span: Span) -> EvalResult {
        let entity = self.entity(id).ok_or_else(silent)?;
        let block = self.block_of(&entity).ok_or_else(silent)?;
        let Some((index, schema)) = block.schema.attribute(name) else {
            return Err(no_attribute(block.schema, name, span));
        };
        if let Some(value) = self.plain_value(block, index, schema) {
            return Ok(value);
        }
        self.force(
            Node::Attribute(id, u32::try_from(index).unwrap_or(u32::MAX)),
            span,
        )
    }

    /// The value of an attribute that depends on nothing: a literal of the right type, or an absent one whose default
    /// says as much. Most attributes of most people are such; they need no node, for making the value again costs less
    /// than keeping it.
    fn plain_value(&self, block: &EntityBlock, index: usize, schema: &AttributeSchema) -> Option<Value> {
        match block.attributes.get(index)? {
            Some(attribute) if schema.need != Need::Computed => match &attribute.expr.kind {
                ExprKind::Literal(value) if !value.is_null() => {
                    self.typed(schema, value.clone(), &attribute.expr).ok()
                }
                _ => None,
            },
            _ if block.data => None,
            _ if (block.kind, schema.name) == (Kind::User, "display_name") => self.plain_full_name(block),
            _ => fixed(block, schema),
        }
    }

    fn plain_full_name(&self, block: &EntityBlock) -> Option<Value> {
        let part = |name: &str| {
            let (index, schema) = block.schema.attribute(name)?;
            self.plain_value(block, index, schema)
        };
        Some(joined_name(&part("given_name")?, &part("family_name")?))
    }

    /// An attribute as written; null if it is not.
    pub(super) fn written(&self, id: EntityId, name: &str) -> EvalResult {
        let entity = self.entity(id).ok_or_else(silent)?;
        let block = self.block_of(&entity).ok_or_else(silent)?;
        match block.schema.attribute(name) {
            Some((index, schema)) => self.evaluate_written(&entity, block, index, schema),
            None => Ok(Value::NULL),
        }
    }

    /// Evaluates an attribute of a block instance without keeping it; null if it is not written.
    pub fn evaluate_written(
        &self,
        entity: &EntityInstance,
        block: &EntityBlock,
        index: usize,
        schema: &AttributeSchema,
    ) -> EvalResult {
        match block.attributes.get(index) {
            Some(Some(attribute)) if schema.need != Need::Computed => {
                let scope = ModuleScope::with(self, entity.module, entity.each.clone());
                let value = eval(&attribute.expr, &scope)?;
                self.typed(schema, value, &attribute.expr)
            }
            _ => Ok(Value::NULL),
        }
    }

    pub(super) fn attribute(&self, id: EntityId, index: u32) -> EvalResult {
        let entity = self.entity(id).ok_or_else(silent)?;
        let block = self.block_of(&entity).ok_or_else(silent)?;
        let schema = block.schema.attributes.get(index as usize).ok_or_else(silent)?;
        let written = self.evaluate_written(&entity, block, index as usize, schema)?;
        if written.is_null() {
            return self.absent(id, block, schema);
        }
        Ok(written)
    }

    /// The value of an attribute that is not written.
    fn absent(&self, id: EntityId, block: &EntityBlock, schema: &AttributeSchema) -> EvalResult {
        if block.data && (schema.need == Need::Computed || block.kind == Kind::Account) {
            return self.looked_up(id, block, schema);
        }
        if let Some(value) = fixed(block, schema) {
            return Ok(value);
        }
        match (block.kind, schema.name) {
            (Kind::OrganizationalUnit, "parent") => Ok(self.root_unit()),
            (Kind::User, "display_name") => self.full_name(id, block),
            (Kind::Account, "id") | (_, "arn" | "user_id" | "group_id") => {
                self.assigned(id, block, schema.name)
            }
            (_, "id") => self.assigned(id, block, "id"),
            (Kind::OrganizationalUnit, "path") => {
                let path = self.unit_path(id, block)?;
                Ok(Value::string(path.as_str()))
            }
            (Kind::OrganizationalUnit, "accounts" | "direct_accounts") => {
                let path = self.unit_path(id, block)?;
                self.accounts_in(&path, schema.name == "accounts", block.head)
            }
            _ => Ok(empty(schema.ty)),
        }
    }

    fn unit_path(&self, id: EntityId, block: &EntityBlock) -> EvalResult<crate::id::OuPath> {
        let unit = self.force(Node::Identity(id), block.head)?;
        match unit.as_entity().map(|entity| &entity.key) {
            Some(EntityKey::OrganizationalUnit(path)) => Ok(path.clone()),
            _ => Err(silent()),
        }
    }

    fn full_name(&self, id: EntityId, block: &EntityBlock) -> EvalResult {
        let given = self.attribute_named(id, "given_name", block.head)?;
        let family = self.attribute_named(id, "family_name", block.head)?;
        Ok(joined_name(&given, &family))
    }

    /// An attribute that the service assigns: an account's id if it is known, else a reference.
    fn assigned(&self, id: EntityId, block: &EntityBlock, name: &str) -> EvalResult {
        let entity = self.force(Node::Identity(id), block.head)?;
        match entity.as_entity() {
            Some(entity) => Ok(reference(&entity.key, name)),
            None => Ok(Value::unknown(Type::String)),
        }
    }
}

/// The default of an attribute that depends on nothing but its own block, if it is of that sort.
fn fixed(block: &EntityBlock, schema: &AttributeSchema) -> Option<Value> {
    match (block.kind, schema.name) {
        (Kind::PermissionSet | Kind::OrganizationalUnit | Kind::Account, "name")
        | (Kind::Group, "display_name")
        | (Kind::User, "user_name") => Some(Value::string(block.label.clone())),
        (Kind::PermissionSet, "session_duration") => Some(Value::string("PT1H")),
        (Kind::User, "email") => Some(empty(schema.ty)),
        _ => None,
    }
}

/// First name and last name; of null nothing.
fn joined_name(given: &Value, family: &Value) -> Value {
    let parts: Vec<&str> = [given.as_str(), family.as_str()].into_iter().flatten().collect();
    Value::string(parts.join(" "))
}

/// The id or ARN of an entity: known for an account with an id, a reference otherwise.
pub(super) fn reference(key: &EntityKey, name: &str) -> Value {
    if let (EntityKey::Account(AccountKey::Id(id)), "id") = (key, name) {
        return Value::string(id.as_str());
    }
    let attribute = match (key, name) {
        (EntityKey::PermissionSet(_), _) | (_, "arn") => "arn",
        _ => "id",
    };
    Value::reference(
        Type::String,
        Reference {
            entity: key.clone(),
            attribute: Arc::from(attribute),
        },
    )
}

/// What an attribute that says nothing reads as: an empty collection, false, or null.
pub(super) fn empty(ty: Ty) -> Value {
    match ty {
        Ty::Bool => Value::FALSE,
        Ty::Number => Value::null(Type::Number),
        Ty::String | Ty::Text | Ty::Type | Ty::Address => Value::null(Type::String),
        Ty::Strings => Value::list(Type::String, Vec::new()),
        Ty::Tags => Value::map(Type::String, Fields::new()),
        Ty::Entity(kind) => Value::null(Type::Entity(Some(kind))),
        Ty::Entities(_) | Ty::Patterns(_) => Value::list(Type::Entity(None), Vec::new()),
        Ty::CustomerPolicies => Value::tuple(Vec::new()),
        Ty::Boundary | Ty::Any => Data::Null(Type::Any).into(),
    }
}

/// An attribute that a kind does not have.
pub(super) fn no_attribute(schema: &'static BlockSchema, name: &str, span: Span) -> Box<Failure> {
    let kind = schema.of.filter(|_| schema.kind == "data").unwrap_or(schema.kind);
    let article = if kind.starts_with(['a', 'o']) { "an" } else { "a" };
    let error = Diagnostic::error(
        code::UNKNOWN_ATTRIBUTE,
        format!("{article} {kind} has no attribute `{name}`"),
    )
    .at(span, "");
    let names = || schema.attributes.iter().map(|attribute| attribute.name);
    let help = did_you_mean(name, names()).unwrap_or_else(|| {
        let listed: Vec<String> = names().map(|name| format!("`{name}`")).collect();
        format!("it has {}", listed.join(", "))
    });
    Failure::always(error.help(help))
}

/// Whether entities of a kind have an attribute, declared or looked up.
pub(super) fn has(kind: Kind, name: &str, span: Span) -> EvalResult<()> {
    let schemas = [false, true].map(|data| schema::entity(kind, data));
    let mut known = schemas.into_iter().flatten();
    if known.any(|schema| schema.attribute(name).is_some()) {
        return Ok(());
    }
    Err(no_attribute(schema_of(kind)?, name, span))
}

/// The schema of a kind of entity.
pub(super) fn schema_of(kind: Kind) -> EvalResult<&'static BlockSchema> {
    schema::entity(kind, false).ok_or_else(silent)
}
