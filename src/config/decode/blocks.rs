//! Nested blocks and blocks of the stack's settings: attributes read by their schema.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::Kind;
use crate::config::entities::{Engine, ModuleScope};
use crate::config::eval::eval;
use crate::config::schema::{BlockSchema, Ty};
use crate::config::syntax::{Block, Expr};
use crate::config::value::{Entity, Value};
use crate::source::Span;

/// A block whose attributes are read on the spot.
pub(super) struct Nested<'n, 'e, 'a> {
    pub engine: &'e Engine<'a>,
    pub scope: &'n ModuleScope<'e, 'a>,
    pub block: &'n Block,
    pub schema: &'static BlockSchema,
    /// What was read already, so that what is wrong with it is said once.
    known: RefCell<BTreeMap<String, Option<Value>>>,
}

impl<'n, 'e, 'a> Nested<'n, 'e, 'a> {
    pub(super) fn new(
        engine: &'e Engine<'a>,
        scope: &'n ModuleScope<'e, 'a>,
        block: &'n Block,
        schema: &'static BlockSchema,
    ) -> Self {
        Nested {
            engine,
            scope,
            block,
            schema,
            known: RefCell::default(),
        }
    }
}

impl Nested<'_, '_, '_> {
    pub(super) fn expr(&self, name: &str) -> Option<&Expr> {
        let attribute = self
            .block
            .body
            .attributes
            .iter()
            .find(|attribute| attribute.name.as_ref() == name)?;
        Some(&attribute.expr)
    }

    /// The value; `None` if absent or, which is reported, wrong.
    pub(super) fn value(&self, name: &str) -> Option<Value> {
        if let Some(value) = self.known.borrow().get(name) {
            return value.clone();
        }
        let expr = self.expr(name)?;
        let (_, schema) = self.schema.attribute(name)?;
        let value = eval(expr, self.scope).and_then(|value| self.engine.typed(schema, value, expr));
        let value = self.engine.settle(value).filter(|value| !value.is_null());
        self.known.borrow_mut().insert(name.to_owned(), value.clone());
        value
    }

    /// Whether the attribute is written but gave no value, which has been reported or is null.
    pub(super) fn is_broken(&self, name: &str) -> bool {
        self.expr(name).is_some() && self.value(name).is_none()
    }

    pub(super) fn text(&self, name: &str) -> Option<Arc<str>> {
        self.value(name).and_then(|value| value.as_str().map(Arc::from))
    }

    pub(super) fn flag(&self, name: &str) -> Option<bool> {
        self.value(name).and_then(|value| value.as_bool())
    }

    pub(super) fn number(&self, name: &str) -> Option<u64> {
        let value = self.value(name)?;
        value
            .as_number()
            .and_then(|number| number.to_usize())
            .map(|number| number as u64)
    }

    pub(super) fn texts(&self, name: &str) -> Option<Vec<Arc<str>>> {
        let value = self.value(name)?;
        let items = value.elements().unwrap_or_default();
        Some(items.iter().filter_map(Value::as_str).map(Arc::from).collect())
    }

    /// The entities of an attribute, flattened: `None` if anything in it is wrong, `Some(None)` if it is absent or null.
    pub(super) fn entities(&self, name: &str, kinds: &[Kind]) -> Option<Option<Vec<Arc<Entity>>>> {
        let Some(expr) = self.expr(name) else {
            return Some(None);
        };
        let value = self.engine.of_list(name, kinds, expr, self.scope);
        let entities = value.and_then(|value| {
            if value.is_null() {
                Ok(None)
            } else {
                self.engine.entity_list(name, &value, kinds, expr).map(Some)
            }
        });
        self.engine.settle(entities)
    }

    pub(super) fn place(&self, name: &str) -> Span {
        self.expr(name)
            .map_or_else(|| crate::config::check::head(self.block), |expr| expr.span)
    }

    /// Names: texts with globs, or entities, whose names stand for themselves.
    pub(super) fn patterns(&self, name: &str) -> Vec<Arc<str>> {
        let Some((_, schema)) = self.schema.attribute(name) else {
            return Vec::new();
        };
        let Ty::Patterns(kinds) = schema.ty else {
            return Vec::new();
        };
        let Some(value) = self.value(name) else {
            return Vec::new();
        };
        let mut found = BTreeSet::new();
        let mut entities = Vec::new();
        let items = value
            .elements()
            .map_or_else(|| vec![value.clone()], <[Value]>::to_vec);
        for item in items {
            match item.as_str() {
                Some(text) => {
                    found.insert(Arc::from(text));
                }
                None => entities.push(item),
            }
        }
        if let Some(expr) = self.expr(name) {
            let rest = Value::tuple(entities);
            let list = self.engine.entity_list(name, &rest, kinds, expr);
            let list = self.engine.settle(list).unwrap_or_default();
            found.extend(list.iter().map(|entity| Arc::from(escape(&entity.key.name()))));
        }
        found.into_iter().collect()
    }
}

/// A name as a glob that matches it alone.
fn escape(name: &str) -> String {
    let mut out = String::with_capacity(name.len());
    for c in name.chars() {
        if matches!(c, '*' | '?' | '[' | ']' | '{' | '}' | '\\') {
            out.push('[');
            out.push(c);
            out.push(']');
        } else {
            out.push(c);
        }
    }
    out
}
