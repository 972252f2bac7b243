//! Reads the attributes of one block instance as plain data.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;

use crate::address::{Address, Kind};
use crate::config::entities::{Engine, EntityId, EntityInstance, ModuleScope, Node};
use crate::config::program::EntityBlock;
use crate::config::rules::Finding;
use crate::config::syntax::{Expr, ExprKind};
use crate::config::value::{Entity, Origin, Part as ValuePart, Value};
use crate::diagnostic::Severity;
use crate::id::EntityKey;
use crate::model::text::{Part, Reference, ServiceAttribute, Text};
use crate::source::Span;

/// One block instance.
pub(super) struct Reader<'e, 'a> {
    pub engine: &'e Engine<'a>,
    pub id: EntityId,
    pub entity: Rc<EntityInstance>,
    pub block: &'a EntityBlock,
    /// Whether anything about it could not be read.
    pub failed: Cell<bool>,
}

impl<'e, 'a> Reader<'e, 'a> {
    pub(super) fn new(engine: &'e Engine<'a>, id: EntityId) -> Option<Self> {
        let entity = engine.entity(id)?;
        let block = engine.block_of(&entity)?;
        Some(Reader {
            engine,
            id,
            entity,
            block,
            failed: Cell::new(false),
        })
    }

    pub(super) fn address(&self) -> Option<Address> {
        self.engine.address(&self.entity)
    }

    /// The entity's key; `None` if it has none (reported) or none yet.
    pub(super) fn key(&self) -> Option<EntityKey> {
        let value = self
            .engine
            .settle(self.engine.force(Node::Identity(self.id), self.block.head))?;
        value.as_entity().map(|entity| entity.key.clone())
    }

    pub(super) fn value(&self, name: &str) -> Option<Value> {
        let value = self
            .engine
            .settle(self.engine.attribute_named(self.id, name, self.block.head));
        if value.is_none() {
            self.failed.set(true);
        }
        value.filter(|value| !value.is_null())
    }

    /// The value as written, evaluated without being kept; `None` if absent.
    pub(super) fn written(&self, name: &str) -> Option<Value> {
        let (index, schema) = self.block.schema.attribute(name)?;
        let value = self.engine.settle(
            self.engine
                .evaluate_written(&self.entity, self.block, index, schema),
        );
        if value.is_none() {
            self.failed.set(true);
        }
        value.filter(|value| !value.is_null())
    }

    /// A known text as written.
    pub(super) fn written_text(&self, name: &str) -> Option<Arc<str>> {
        self.written(name).and_then(|value| value.as_text().cloned())
    }

    pub(super) fn string(&self, name: &str) -> Option<Arc<str>> {
        self.value(name).and_then(|value| value.as_text().cloned())
    }

    pub(super) fn flag(&self, name: &str) -> bool {
        self.value(name)
            .and_then(|value| value.as_bool())
            .unwrap_or(false)
    }

    pub(super) fn strings(&self, name: &str) -> Vec<Arc<str>> {
        let value = self.value(name);
        let items = value.as_ref().and_then(Value::elements).unwrap_or_default();
        items.iter().filter_map(Value::as_text).cloned().collect()
    }

    /// A text that may wait for apply.
    pub(super) fn text(&self, name: &str) -> Option<Text> {
        let value = self.value(name)?;
        match to_text(&value) {
            Some(text) => Some(text),
            None => {
                self.unknown(name, &value);
                None
            }
        }
    }

    pub(super) fn unknown(&self, name: &str, value: &Value) {
        self.failed.set(true);
        let opaque = value
            .as_unknown()
            .is_some_and(|unknown| unknown.origin == Origin::Opaque);
        if !opaque || !self.engine.awaits_look_ups() {
            let failure = self.engine.unknown(value, &format!("`{name}`"), self.place(name));
            self.engine.report_failure(*failure);
        }
    }

    pub(super) fn tags(&self, name: &str) -> BTreeMap<Arc<str>, Text> {
        let value = self.value(name);
        let fields = value.as_ref().and_then(Value::fields);
        let pairs = fields.into_iter().flat_map(|fields| fields.iter());
        pairs
            .filter_map(|(key, value)| Some((key.clone(), to_text(value)?)))
            .collect()
    }

    /// The entities of an attribute, flattened; `None` if it is absent (or null, which is the same) or wrong.
    pub(super) fn entities(&self, name: &str, kinds: &[Kind]) -> Option<Vec<Arc<Entity>>> {
        let (index, schema) = self.block.schema.attribute(name)?;
        let expr = &self.block.attributes.get(index)?.as_ref()?.expr;
        let scope = ModuleScope::with(self.engine, self.entity.module, self.entity.each.clone());
        let entities = self.engine.of_list(name, kinds, expr, &scope).and_then(|value| {
            if value.is_null() {
                self.engine.may_be_null(schema, expr).map(|()| None)
            } else {
                self.engine.entity_list(name, &value, kinds, expr).map(Some)
            }
        });
        let entities = self.engine.settle(entities);
        if entities.is_none() {
            self.failed.set(true);
        }
        entities.flatten()
    }

    pub(super) fn expr(&self, name: &str) -> Option<&'a Expr> {
        let (index, _) = self.block.schema.attribute(name)?;
        let attribute = self.block.attributes.get(index)?.as_ref()?;
        Some(&attribute.expr)
    }

    pub(super) fn is_written(&self, name: &str) -> bool {
        self.engine.is_written(self.block, name)
    }

    pub(super) fn place(&self, name: &str) -> Span {
        self.engine.place(self.block, name)
    }

    /// The place of an element of a list that is written out, else that of the list.
    pub(super) fn element_place(&self, name: &str, index: usize) -> Span {
        match self.expr(name).map(|expr| &expr.kind) {
            Some(ExprKind::Tuple(items)) => items
                .get(index)
                .map_or_else(|| self.place(name), |item| item.span),
            _ => self.place(name),
        }
    }

    /// Reports a broken rule at an attribute.
    pub(super) fn check(&self, name: &str, finding: Option<Finding>) {
        if let Some(finding) = finding {
            self.report(finding, self.place(name));
        }
    }

    pub(super) fn report(&self, finding: Finding, span: Span) {
        if finding.severity == Severity::Error {
            self.failed.set(true);
        }
        self.engine.report(finding.at(span, ""));
    }
}

/// Text for the model: known, or a template of references; `None` when nothing is known of it.
pub(super) fn to_text(value: &Value) -> Option<Text> {
    let parts = value.parts()?;
    Some(Text::from_parts(parts.into_iter().map(|part| match part {
        ValuePart::Literal(text) => Part::Literal(text),
        ValuePart::Reference(reference) | ValuePart::JsonReference(reference) => Part::Reference(Reference {
            attribute: if reference.attribute.as_ref() == "arn" {
                ServiceAttribute::Arn
            } else {
                ServiceAttribute::Id
            },
            entity: reference.entity,
        }),
    })))
}
