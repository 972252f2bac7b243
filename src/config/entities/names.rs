//! Names alone: what makes nothing today is looked at all the same.
//!
//! A block with `count = 0` or an empty `for_each` evaluates nothing, and neither does a module without instances. A
//! name in them that nothing declares would be found on the day they make something, which is the day somebody needs
//! access. So their expressions are looked at with every value unknown, and only what no value can mend is an error.
//! Terraform's `validate` does the same.

use std::sync::Arc;

use rustc_hash::FxHashSet;

use crate::address::Kind;
use crate::config::constraint::parse_type;
use crate::config::entities::calls::no_output;
use crate::config::entities::scope::{self, outside, undeclared, undeclared_entity};
use crate::config::entities::{Engine, attribute};
use crate::config::eval::{self, EvalResult, PathStep, Scope};
use crate::config::files::Files;
use crate::config::program::{Call, EntityBlock, Module, Repeat, Variable};
use crate::config::syntax::{Attribute, Block, Expr};
use crate::config::types::Type;
use crate::config::value::{Entity, Value};
use crate::source::Span;

impl<'a> Engine<'a> {
    /// Looks for names that nothing declares in a block, whatever its instances are.
    pub fn survey_block(&self, module: &'a Module, block: &EntityBlock) {
        let names = Names::new(self, module, &block.repeat);
        names.attributes(block.attributes.iter().flatten());
        names.blocks(&block.blocks);
    }

    /// Looks for names that nothing declares in what a call gives to a module.
    pub fn survey_call(&self, module: &'a Module, call: &Call) {
        let names = Names::new(self, module, &call.repeat);
        let arguments = call.block.body.attributes.iter();
        names.attributes(arguments.filter(|argument| !is_meta(&argument.name)));
    }

    /// Looks for names that nothing declares in the modules of which there is no instance.
    pub fn survey_idle_modules(&self) {
        let used: FxHashSet<usize> = self.modules.borrow().iter().map(|one| one.module).collect();
        for (index, module) in self.program.modules.iter().enumerate() {
            if !used.contains(&index) {
                self.survey_module(module);
            }
        }
    }

    fn survey_module(&self, module: &'a Module) {
        let names = Names::new(self, module, &Repeat::Once);
        for (_, variable) in &module.variables.items {
            names.blocks(&variable.block.body.blocks);
        }
        names.attributes(module.locals.items.iter().map(|(_, local)| local));
        for (_, output) in &module.outputs.items {
            names.attributes(&output.block.body.attributes);
        }
        for block in &module.blocks {
            names.repeat(&block.repeat);
            self.survey_block(module, block);
        }
        for (_, call) in &module.calls.items {
            names.repeat(&call.repeat);
            self.survey_call(module, call);
        }
    }
}

/// Whether an argument of a call is not for the module's variables.
fn is_meta(name: &str) -> bool {
    matches!(name, "source" | "for_each" | "count")
}

/// What names mean in a module of which no value is known.
struct Names<'e, 'a> {
    engine: &'e Engine<'a>,
    module: &'a Module,
    /// Whether `each` or `count` mean something.
    repeat: &'e Repeat,
}

impl<'e, 'a> Names<'e, 'a> {
    fn new(engine: &'e Engine<'a>, module: &'a Module, repeat: &'e Repeat) -> Self {
        Names {
            engine,
            module,
            repeat,
        }
    }

    fn repeat(&self, repeat: &Repeat) {
        if let Repeat::ForEach(expr) | Repeat::Count(expr) = repeat {
            self.expr(expr);
        }
    }

    fn blocks(&self, blocks: &[Block]) {
        for block in blocks {
            self.attributes(&block.body.attributes);
            self.blocks(&block.body.blocks);
        }
    }

    fn attributes<'w>(&self, attributes: impl IntoIterator<Item = &'w Attribute>) {
        for attribute in attributes {
            self.expr(&attribute.expr);
        }
    }

    fn expr(&self, expr: &Expr) {
        self.engine.settle(eval::survey(expr, self));
    }

    /// The declared name after a root such as `local`, and its declaration.
    fn declared<'p, 'n, T>(
        &self,
        (root, what): (&str, &str),
        path: &'p [PathStep],
        span: Span,
        find: impl Fn(&str) -> Option<T>,
        names: impl IntoIterator<Item = &'n str>,
    ) -> EvalResult<(T, &'p [PathStep])> {
        let name = scope::plain(path, span, root)?;
        let found = find(&name).ok_or_else(|| undeclared(what, &name, path, span, names))?;
        Ok((found, path.get(1..).unwrap_or_default()))
    }

    fn variable(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let variables = &self.module.variables;
        let find = |name: &str| variables.get(name);
        let (variable, _) = self.declared(("var", "variable"), path, span, find, variables.names())?;
        Ok((Value::unknown(type_of(variable)), 1))
    }

    fn local(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let locals = &self.module.locals;
        let find = |name: &str| locals.get(name);
        self.declared(("local", "local value"), path, span, find, locals.names())?;
        Ok((Value::unknown(Type::Any), 1))
    }

    fn call(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let calls = &self.module.calls;
        let find = |name: &str| calls.get(name);
        let (call, rest) = self.declared(("module", "module"), path, span, find, calls.names())?;
        let indexed = usize::from(!matches!(call.repeat, Repeat::Once));
        let output = rest.get(indexed).filter(|step| step.attribute);
        let target = call
            .module
            .and_then(|index| self.engine.program.modules.get(index));
        if let (Some(output), Some(target)) = (output, target)
            && let Some(name) = output.name()
            && target.outputs.get(name).is_none()
        {
            let call = path.first().and_then(PathStep::name).unwrap_or_default();
            return Err(no_output(target, call, name, output.span));
        }
        Ok((Value::unknown(Type::Any), path.len()))
    }

    fn data(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let name = scope::plain(path, span, "data")?;
        let rest = path.get(1..).unwrap_or_default();
        if name == "organization" {
            let organizations = &self.module.organizations;
            let find = |name: &str| organizations.get(name);
            let what = ("data.organization", "data.organization");
            self.declared(what, rest, span, find, organizations.names())?;
            return Ok((Value::unknown(Type::Any), path.len()));
        }
        match Kind::from_name(&name).filter(|kind| scope::LOOK_UPS.contains(&kind.name())) {
            Some(kind) => {
                let (value, used) = self.entities(kind, true, rest)?;
                Ok((value, used + 1))
            }
            None => Err(undeclared("kind of look-up", &name, path, span, scope::LOOK_UPS)),
        }
    }

    fn entities(&self, kind: Kind, data: bool, path: &[PathStep]) -> EvalResult<(Value, usize)> {
        let Some(first) = path.first() else {
            return Ok((Value::unknown(Type::Any), 0));
        };
        let entity = Value::unknown(Type::Entity(Some(kind)));
        let Some(label) = first.name() else {
            return Ok((entity, 1));
        };
        let Some(index) = self.module.block(kind, data, label) else {
            let is_root = kind == Kind::OrganizationalUnit && label == "root" && !data;
            return match is_root {
                true => Ok((entity, 1)),
                false => Err(undeclared_entity(
                    self.engine,
                    self.module,
                    (kind, data),
                    label,
                    first.span,
                )),
            };
        };
        let block = self.module.blocks.get(index as usize);
        let once = block.is_some_and(|block| matches!(block.repeat, Repeat::Once));
        match (once, path.get(1)) {
            (true, _) => Ok((entity, 1)),
            (false, Some(step)) if !step.attribute => Ok((entity, 2)),
            // All of them, or an attribute of one of which it does not say which.
            (false, _) => Ok((Value::unknown(Type::Any), path.len())),
        }
    }
}

/// The type that a variable's values have.
fn type_of(variable: &Variable) -> Type {
    let attributes = &variable.block.body.attributes;
    let written = attributes
        .iter()
        .find(|attribute| attribute.name.as_ref() == "type");
    // A type that cannot be read is reported with the variable, and no type is any.
    written
        .and_then(|attribute| parse_type(&attribute.expr).ok())
        .unwrap_or(Type::Any)
}

impl Scope for Names<'_, '_> {
    fn resolve(&self, name: &str, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let unknown = |ty: Type| Ok((Value::unknown(ty), path.len().min(1)));
        match (name, self.repeat) {
            ("var", _) => self.variable(path, span),
            ("local", _) => self.local(path, span),
            ("each", Repeat::ForEach(_)) => match path.first().and_then(PathStep::name) {
                Some("key") => unknown(Type::String),
                Some("value") => unknown(Type::Any),
                _ => Err(scope::not_in(scope::EACH, span)),
            },
            ("count", Repeat::Count(_)) => match path.first().and_then(PathStep::name) {
                Some("index") => unknown(Type::Number),
                _ => Err(scope::not_in(scope::COUNT, span)),
            },
            ("each", _) => Err(outside("each", "for_each", span)),
            ("count", _) => Err(outside("count", "count", span)),
            ("path", _) => match path.first().and_then(PathStep::name) {
                Some("module" | "root" | "cwd") => unknown(Type::String),
                _ => Err(scope::not_in(scope::PATH, span)),
            },
            ("module", _) => self.call(path, span),
            ("data", _) => self.data(path, span),
            _ => match Kind::from_name(name).filter(|kind| *kind != Kind::Assignment) {
                Some(kind) => self.entities(kind, false, path),
                None => Err(scope::means_nothing(name, span)),
            },
        }
    }

    fn attribute(&self, entity: &Arc<Entity>, name: &str, span: Span) -> EvalResult {
        self.survey_attribute(entity.kind(), name, span)?;
        Ok(Value::unknown(Type::Any))
    }

    fn survey_attribute(&self, kind: Kind, name: &str, span: Span) -> EvalResult<()> {
        attribute::has(kind, name, span)
    }

    fn files(&self) -> &dyn Files {
        self.engine.files
    }
}
