//! Instances of blocks and modules: what `for_each` and `count` make of one block.

use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::FxHashMap;

use crate::address::{InstanceKey, ModulePath};
use crate::config::entities::{Engine, ModuleScope, Node, silent};
use crate::config::eval::{EvalResult, Failure, eval};
use crate::config::program::{EntityBlock, Repeat};
use crate::config::syntax::Expr;
use crate::config::types::Type;
use crate::config::value::{Data, Origin, Value};
use crate::diagnostic::{Code, Diagnostic};
use crate::source::Span;

/// A `for_each` that is neither a map nor a set of texts.
const BAD_FOR_EACH: Code = Code("bad-for-each");
/// A `count` that is not a whole number from 0.
const BAD_COUNT: Code = Code("bad-count");
/// A value that decides about instances, names or grants and is known only after apply.
const UNKNOWN_VALUE: Code = Code("unknown-value");
/// A sensitive value that decides about instances.
const SENSITIVE_KEY: Code = Code("sensitive-key");

/// The most instances that one `count` makes.
const MAX_COUNT: usize = 1_000_000;

/// A module instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ModuleId(pub u32);

/// An entity instance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityId(pub u32);

/// What `each` and `count` mean in an instance.
#[derive(Debug, Clone, Default)]
pub enum Each {
    /// Nothing.
    #[default]
    None,
    /// `each.key`, `each.value`
    Each(Value, Value),
    /// `count.index`
    Count(usize),
}

/// One instance of a module.
#[derive(Debug, Clone, Default)]
pub struct ModuleInstance {
    /// The module, as an index into the program's.
    pub module: usize,
    /// The calls that lead here.
    pub path: ModulePath,
    /// The calling module instance and the call in it; `None` for the root.
    pub call: Option<(ModuleId, u32)>,
    /// `each` and `count` of the call.
    pub each: Each,
}

/// One instance of an entity block.
#[derive(Debug, Clone)]
pub struct EntityInstance {
    /// Where the block stands.
    pub module: ModuleId,
    /// The block, as an index into the module's.
    pub block: u32,
    /// Which instance.
    pub key: InstanceKey,
    /// `each` and `count`.
    pub each: Each,
}

/// Whether a block has one instance, instances by key, or by number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One, without a key.
    Once,
    /// `for_each`
    Keyed,
    /// `count`
    Numbered,
}

/// The instances of a block or a call.
#[derive(Debug, Clone)]
pub struct Instances<T> {
    /// How they are told apart.
    pub shape: Shape,
    /// In the order of their keys.
    pub items: Vec<(InstanceKey, T)>,
    by_key: FxHashMap<Arc<str>, usize>,
}

impl<T: Copy> Instances<T> {
    fn new(shape: Shape, items: Vec<(InstanceKey, T)>) -> Self {
        let by_key = items
            .iter()
            .enumerate()
            .filter_map(|(index, (key, _))| match key {
                InstanceKey::Key(key) => Some((key.clone(), index)),
                _ => None,
            })
            .collect();
        Instances { shape, items, by_key }
    }

    /// The only instance.
    pub fn once(&self) -> Option<T> {
        match self.shape {
            Shape::Once => self.items.first().map(|(_, item)| *item),
            _ => None,
        }
    }

    /// The instance under a key.
    pub fn keyed(&self, key: &str) -> Option<T> {
        self.by_key
            .get(key)
            .and_then(|index| self.items.get(*index))
            .map(|(_, item)| *item)
    }
}

impl Engine<'_> {
    /// The instances of an entity block.
    ///
    /// # Errors
    /// As [`Engine::force`].
    pub fn instances(&self, module: ModuleId, block: u32, span: Span) -> EvalResult<Rc<Instances<EntityId>>> {
        if let Some(known) = self.expanded(module, block) {
            return Ok(known);
        }
        let found = self.module(module).and_then(|it| it.blocks.get(block as usize));
        if found.is_some_and(|block| matches!(block.repeat, Repeat::Once)) {
            // It asks for nothing, so it can be part of no circle.
            self.expand_block(module, block)?;
        } else {
            self.force(Node::Block(module, block), span)?;
        }
        self.expanded(module, block).ok_or_else(silent)
    }

    fn expanded(&self, module: ModuleId, block: u32) -> Option<Rc<Instances<EntityId>>> {
        self.blocks.borrow().get(&(module, block)).cloned()
    }

    pub(super) fn expand_block(&self, module: ModuleId, index: u32) -> EvalResult {
        let found = self.module(module).and_then(|it| it.blocks.get(index as usize));
        let block: &EntityBlock = found.ok_or_else(silent)?;
        let scope = ModuleScope::new(self, module);
        let (shape, keys) = self.keys(&block.repeat, &scope)?;
        let mut items = Vec::with_capacity(keys.len());
        {
            let mut entities = self.entities.borrow_mut();
            for (key, each) in keys {
                let id = EntityId(u32::try_from(entities.len()).unwrap_or(u32::MAX));
                let instance = EntityInstance {
                    module,
                    block: index,
                    key: key.clone(),
                    each,
                };
                entities.push(Rc::new(instance));
                items.push((key, id));
            }
        }
        let instances = Rc::new(Instances::new(shape, items));
        self.blocks.borrow_mut().insert((module, index), instances);
        Ok(Value::TRUE)
    }

    pub(super) fn add_module(&self, instance: ModuleInstance) -> ModuleId {
        let mut modules = self.modules.borrow_mut();
        let id = ModuleId(u32::try_from(modules.len()).unwrap_or(u32::MAX));
        modules.push(Rc::new(instance));
        id
    }

    pub(super) fn keep_call(
        &self,
        module: ModuleId,
        call: u32,
        shape: Shape,
        items: Vec<(InstanceKey, ModuleId)>,
    ) {
        let instances = Rc::new(Instances::new(shape, items));
        self.calls.borrow_mut().insert((module, call), instances);
    }

    /// The instance keys that `for_each` or `count` gives, with what `each` and `count` mean in each.
    pub(super) fn keys(
        &self,
        repeat: &Repeat,
        scope: &ModuleScope<'_, '_>,
    ) -> EvalResult<(Shape, Vec<(InstanceKey, Each)>)> {
        match repeat {
            Repeat::Once => Ok((Shape::Once, vec![(InstanceKey::None, Each::None)])),
            Repeat::ForEach(expr) => Ok((Shape::Keyed, self.for_each(expr, scope)?)),
            Repeat::Count(expr) => Ok((Shape::Numbered, self.count(expr, scope)?)),
        }
    }

    fn for_each(&self, expr: &Expr, scope: &ModuleScope<'_, '_>) -> EvalResult<Vec<(InstanceKey, Each)>> {
        let value = self.kept(eval(expr, scope)?, expr.span)?;
        self.decides(&value, "for_each", expr)?;
        let key = |text: &Arc<str>| InstanceKey::Key(text.clone());
        let entry = |text: &Arc<str>, value: &Value| {
            (
                key(text),
                Each::Each(Value::from(Data::String(text.clone())), value.clone()),
            )
        };
        match value.data() {
            Data::Map(map) => Ok(map
                .fields
                .iter()
                .map(|(name, value)| entry(name, value))
                .collect()),
            Data::Object(fields) => Ok(fields.iter().map(|(name, value)| entry(name, value)).collect()),
            Data::Set(set) => set
                .items
                .iter()
                .map(|item| match item.data() {
                    Data::String(text) => Ok(entry(text, item)),
                    Data::Unknown(_) => Err(self.unknown(item, "a key in `for_each`", expr.span)),
                    _ => Err(bad_for_each(
                        &format!("a set of {}", item.friendly_type()),
                        expr.span,
                    )),
                })
                .collect(),
            _ => Err(bad_for_each(&value.friendly_type(), expr.span)),
        }
    }

    fn count(&self, expr: &Expr, scope: &ModuleScope<'_, '_>) -> EvalResult<Vec<(InstanceKey, Each)>> {
        let value = eval(expr, scope)?;
        self.decides(&value, "count", expr)?;
        let converted = crate::config::convert::convert(&value, &Type::Number).ok();
        let number = converted
            .as_ref()
            .and_then(Value::as_number)
            .and_then(|number| number.to_usize());
        match number {
            Some(count) if count <= MAX_COUNT => Ok((0..count)
                .map(|index| (InstanceKey::Index(index as u64), Each::Count(index)))
                .collect()),
            Some(_) => Err(Failure::always(
                Diagnostic::error(BAD_COUNT, "`count` asks for too many instances")
                    .at(expr.span, format!("this is {}", described(&value)))
                    .because(format!("at most {MAX_COUNT} instances are made of one block")),
            )),
            None => Err(Failure::always(
                Diagnostic::error(BAD_COUNT, "`count` is a whole number from 0 up")
                    .at(expr.span, format!("this is {}", described(&value)))
                    .because(format!("at most {MAX_COUNT} instances are made of one block")),
            )),
        }
    }

    /// Whether what is not known may be known once the service was read: nothing was read yet, and something is looked
    /// up. A value computed from what apply learns does not say so; without look-ups there can be nothing else.
    pub(in crate::config) fn awaits_look_ups(&self) -> bool {
        self.program.looks_up() && self.is_unread()
    }

    /// Why a value that must be known cannot be used. Without a reading of the service, look-ups have no answer
    /// yet, and nothing is wrong with that.
    pub(in crate::config) fn unknown(&self, value: &Value, what: &str, span: Span) -> Box<Failure> {
        let opaque = value
            .as_unknown()
            .is_some_and(|unknown| unknown.origin == Origin::Opaque);
        if opaque && self.awaits_look_ups() {
            return silent();
        }
        Failure::always(
            Diagnostic::error(UNKNOWN_VALUE, format!("{what} must be known when planning"))
                .at(span, "this is known only after apply")
                .because("a plan says exactly which grants it makes, so names and keys cannot wait for ids that the service assigns")
                .help("use names, which are written in the configuration, instead of ids and ARNs"),
        )
    }

    /// Refuses null, sensitive and unknown values where instances are decided.
    fn decides(&self, value: &Value, what: &str, expr: &Expr) -> EvalResult<()> {
        if value.is_sensitive() {
            return Err(Failure::always(
                Diagnostic::error(SENSITIVE_KEY, format!("`{what}` cannot be a sensitive value"))
                    .at(expr.span, "this is sensitive")
                    .because("instance keys are shown in plans and kept in the state")
                    .help("use `nonsensitive(…)` on the keys if they may be shown"),
            ));
        }
        match value.data() {
            Data::Unknown(_) => Err(self.unknown(value, &format!("`{what}`"), expr.span)),
            Data::Null(_) => Err(Failure::always(
                Diagnostic::error(
                    if what == "count" { BAD_COUNT } else { BAD_FOR_EACH },
                    format!("`{what}` is null"),
                )
                .at(expr.span, "this is null")
                .help("use `coalesce(…, {})`, or a conditional, to say what null should mean"),
            )),
            _ => Ok(()),
        }
    }
}

fn bad_for_each(found: &str, span: Span) -> Box<Failure> {
    let error = Diagnostic::error(BAD_FOR_EACH, "`for_each` takes a map or a set of strings")
        .at(span, format!("this is a {}", found.trim_start_matches("a ")));
    let sequence = found == "tuple" || found.starts_with("list");
    Failure::always(if sequence {
        error.help("use `toset(…)` for a list of texts, or `{ for x in … : x.name => x }`")
    } else {
        error.help("use `{ for x in … : x.name => x }`")
    })
}

fn described(value: &Value) -> String {
    match value.data() {
        Data::Number(number) => number.to_string(),
        Data::String(text) => format!("{text:?}"),
        _ => format!("a {}", value.friendly_type()),
    }
}
