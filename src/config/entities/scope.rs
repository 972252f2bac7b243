//! What names mean inside a module instance.

use std::sync::Arc;

use crate::address::{InstanceKey, Kind};
use crate::config::entities::{Each, Engine, EntityId, Instances, ModuleId, Node, Shape, attribute, silent};
use crate::config::eval::{EvalResult, Failure, PathStep, Scope, code};
use crate::config::files::Files;
use crate::config::number::Number;
use crate::config::program::Module;
use crate::config::syntax::Wording;
use crate::config::types::Type;
use crate::config::value::{Data, Entity, Value};
use crate::diagnostic::{Diagnostic, did_you_mean};
use crate::id::{EntityKey, OuPath};
use crate::source::Span;

/// The names that begin a reference.
const ROOTS: &[&str] = &[
    "account",
    "count",
    "data",
    "each",
    "group",
    "local",
    "module",
    "organizational_unit",
    "path",
    "permission_set",
    "user",
    "var",
];

/// What can be looked up.
pub(super) const LOOK_UPS: [&str; 5] = ["account", "group", "organization", "permission_set", "user"];

/// The names of a module instance, and `each` or `count` of a block in it.
pub struct ModuleScope<'e, 'a> {
    engine: &'e Engine<'a>,
    module: ModuleId,
    each: Each,
}

impl<'e, 'a> ModuleScope<'e, 'a> {
    /// The scope of a module instance, outside of any block with instances.
    pub fn new(engine: &'e Engine<'a>, module: ModuleId) -> Self {
        Self::with(engine, module, Each::None)
    }

    /// The scope inside a block instance.
    pub fn with(engine: &'e Engine<'a>, module: ModuleId, each: Each) -> Self {
        ModuleScope { engine, module, each }
    }

    fn local(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let name = plain(path, span, "local")?;
        let module = self.engine.module(self.module).ok_or_else(silent)?;
        let Some(index) = module.locals.index(&name) else {
            return Err(undeclared(
                "local value",
                &name,
                path,
                span,
                module.locals.names(),
            ));
        };
        Ok((self.engine.force(Node::Local(self.module, index), span)?, 1))
    }

    fn variable(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let name = plain(path, span, "var")?;
        let module = self.engine.module(self.module).ok_or_else(silent)?;
        let Some(index) = module.variables.index(&name) else {
            return Err(undeclared(
                "variable",
                &name,
                path,
                span,
                module.variables.names(),
            ));
        };
        Ok((self.engine.force(Node::Variable(self.module, index), span)?, 1))
    }

    fn each(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let Each::Each(key, value) = &self.each else {
            return Err(outside("each", "for_each", span));
        };
        match path.first().and_then(PathStep::name) {
            Some("key") => Ok((key.clone(), 1)),
            Some("value") => Ok((value.clone(), 1)),
            _ => Err(not_in(EACH, span)),
        }
    }

    fn count(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let Each::Count(index) = self.each else {
            return Err(outside("count", "count", span));
        };
        match path.first().and_then(PathStep::name) {
            Some("index") => Ok((Value::number(Number::from_usize(index)), 1)),
            _ => Err(not_in(COUNT, span)),
        }
    }

    fn path(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let module = self.engine.module(self.module).ok_or_else(silent)?;
        match path.first().and_then(PathStep::name) {
            Some("module") => Ok((Value::string(module.directory.clone()), 1)),
            Some("root") => Ok((Value::string("."), 1)),
            Some("cwd") => Ok((Value::string(self.engine.options.cwd.clone()), 1)),
            _ => Err(not_in(PATH, span)),
        }
    }

    fn module(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let name = plain(path, span, "module")?;
        let module = self.engine.module(self.module).ok_or_else(silent)?;
        let Some(index) = module.calls.index(&name) else {
            return Err(undeclared("module", &name, path, span, module.calls.names()));
        };
        let calls = self.engine.call_instances(self.module, index, span)?;
        match self.choose(&calls, || format!("module.{name}"), path.get(1))? {
            Chosen::One(instance, used) => match path.get(1 + used) {
                Some(step) if step.name().is_some() => {
                    let output = step.name().unwrap_or_default();
                    Ok((
                        self.engine.output_value(instance, &name, output, step.span)?,
                        2 + used,
                    ))
                }
                _ => Ok((self.engine.outputs(instance, span)?, 1 + used)),
            },
            Chosen::All => {
                let each = calls
                    .items
                    .iter()
                    .map(|(key, id)| Ok((key.clone(), self.engine.outputs(*id, span)?)));
                Ok((collected(calls.shape, each.collect::<EvalResult<_>>()?), 1))
            }
            Chosen::Unknown => Ok((Value::unknown(Type::Any), 2)),
        }
    }

    fn data(&self, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let kind = plain(path, span, "data")?;
        let rest = path.get(1..).unwrap_or(&[]);
        if kind == "organization" {
            let name = plain(rest, span, "data.organization")?;
            let module = self.engine.module(self.module).ok_or_else(silent)?;
            if module.organizations.get(&name).is_none() {
                return Err(undeclared(
                    "data.organization",
                    &name,
                    rest,
                    span,
                    module.organizations.names(),
                ));
            }
            let (value, used) = self.engine.organization(rest.get(1), span)?;
            return Ok((value, 2 + used));
        }
        match Kind::from_name(&kind).filter(|kind| LOOK_UPS.contains(&kind.name())) {
            Some(kind) => {
                let (value, used) = self.entities(kind, true, rest, span)?;
                Ok((value, used + 1))
            }
            None => Err(undeclared("kind of look-up", &kind, path, span, LOOK_UPS)),
        }
    }

    /// `group.platform`, `account.x["key"].tags`, `account` alone.
    fn entities(&self, kind: Kind, data: bool, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let Some(first) = path.first() else {
            return Ok((self.engine.all_of(self.module, kind, data, span)?, 0));
        };
        let Some(label) = first.name() else {
            if first.key.is_known() {
                let message = format!("blocks of kind `{kind}` are named by their label");
                return Err(unknown_name(message, first.span, None));
            }
            return Ok((Value::unknown(Type::Entity(Some(kind))), 1));
        };
        let module = self.engine.module(self.module).ok_or_else(silent)?;
        let Some(index) = module.block(kind, data, label) else {
            if kind == Kind::OrganizationalUnit && label == "root" && !data {
                return Ok((self.engine.root_unit(), 1));
            }
            if first.key.is_sensitive() {
                let message = format!("there is no `{kind}` by that name, which is sensitive");
                return Err(unknown_name(message, first.span, None));
            }
            return Err(undeclared_entity(
                self.engine,
                module,
                (kind, data),
                label,
                first.span,
            ));
        };
        let instances = self.engine.instances(self.module, index, span)?;
        let address = || format!("{}{kind}.{label}", if data { "data." } else { "" });
        match self.choose(&instances, address, path.get(1))? {
            Chosen::One(id, used) => self.one(id, path, 1 + used, span),
            Chosen::All => Ok((self.engine.instance_values(&instances, span)?, 1)),
            Chosen::Unknown => Ok((Value::unknown(Type::Entity(Some(kind))), 2)),
        }
    }

    /// An entity or, if a known attribute follows, that attribute alone.
    fn one(&self, id: EntityId, path: &[PathStep], used: usize, span: Span) -> EvalResult<(Value, usize)> {
        if let Some(step) = path.get(used)
            && let Some(name) = step.name()
        {
            return Ok((self.engine.attribute_named(id, name, step.span)?, used + 1));
        }
        Ok((self.engine.force(Node::Identity(id), span)?, used))
    }

    fn choose<T: Copy>(
        &self,
        all: &Instances<T>,
        address: impl Fn() -> String,
        step: Option<&PathStep>,
    ) -> EvalResult<Chosen<T>> {
        if let Some(one) = all.once() {
            return match step {
                Some(step) if !step.attribute && step.name().is_none() => Err(Failure::of(
                    Diagnostic::error(
                        code::INVALID_INDEX,
                        format!("`{}` is one thing, not a list", address()),
                    )
                    .at(step.span, "")
                    .because("its block has neither `for_each` nor `count`")
                    .help("remove the index"),
                )),
                _ => Ok(Chosen::One(one, 0)),
            };
        }
        let Some(step) = step else { return Ok(Chosen::All) };
        let found = match (all.shape, step.key.data()) {
            (_, Data::Unknown(_)) => return Ok(Chosen::Unknown),
            (Shape::Keyed, Data::String(key)) => all.keyed(key),
            (Shape::Keyed, Data::Number(number)) => all.keyed(&number.to_string()),
            (Shape::Numbered, Data::Number(number)) => number
                .to_usize()
                .and_then(|at| all.items.get(at))
                .map(|(_, item)| *item),
            _ => None,
        };
        match found {
            Some(one) => Ok(Chosen::One(one, 1)),
            None => Err(no_instance(all, &address(), step)),
        }
    }
}

enum Chosen<T> {
    /// One instance, and how many steps after the label chose it.
    One(T, usize),
    All,
    Unknown,
}

fn no_instance<T>(all: &Instances<T>, address: &str, step: &PathStep) -> Box<Failure> {
    if step.attribute {
        let key = all
            .items
            .first()
            .map_or_else(|| "[…]".to_owned(), |(key, _)| key.to_string());
        let how = if all.shape == Shape::Keyed {
            "for_each"
        } else {
            "count"
        };
        return Failure::always(
            Diagnostic::error(
                code::INVALID_INDEX,
                format!("`{address}` has `{how}`, so it has several instances"),
            )
            .at(step.span, "of which instance?")
            .help(format!(
                "choose one, like `{address}{key}`, or take all with `values({address})[*]` or a `for`"
            )),
        );
    }
    let shown = if step.key.is_sensitive() {
        "(sensitive)".to_owned()
    } else {
        step.key.to_string()
    };
    let error = Diagnostic::error(
        code::INVALID_INDEX,
        format!("`{address}` has no instance {shown}"),
    )
    .at(step.span, "");
    let keys = || {
        all.items.iter().filter_map(|(key, _)| match key {
            InstanceKey::Key(key) => Some(key.as_ref()),
            _ => None,
        })
    };
    Failure::of(match (all.shape, all.items.len()) {
        (_, 0) => error.because("it has no instances at all"),
        (Shape::Numbered, count) => error.because(format!("its instances are 0 to {}", count - 1)),
        _ => match step.name().and_then(|name| did_you_mean(name, keys())) {
            Some(meant) => error.help(meant),
            None => error.because(format!("its instances are {}", listed(keys()))),
        },
    })
}

/// Values by instance: an object for `for_each`, a tuple for `count`, the value itself otherwise.
pub(super) fn collected(shape: Shape, items: Vec<(InstanceKey, Value)>) -> Value {
    match shape {
        Shape::Once => items.into_iter().next().map_or(Value::NULL, |(_, value)| value),
        Shape::Numbered => Value::tuple(items.into_iter().map(|(_, value)| value).collect()),
        Shape::Keyed => Value::object(
            items
                .into_iter()
                .filter_map(|(key, value)| match key {
                    InstanceKey::Key(key) => Some((key, value)),
                    _ => None,
                })
                .collect(),
        ),
    }
}

fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    let mut names: Vec<&str> = names.into_iter().collect();
    names.sort_unstable();
    let shown: Vec<String> = names.iter().take(8).map(|name| format!("`{name}`")).collect();
    let more = names.len().saturating_sub(8);
    let tail = if more > 0 {
        format!(" and {more} more")
    } else {
        String::new()
    };
    format!("{}{tail}", shown.join(", "))
}

/// The error for a name of an entity that a module does not declare.
pub(super) fn undeclared_entity(
    engine: &Engine<'_>,
    module: &Module,
    (kind, data): (Kind, bool),
    label: &str,
    span: Span,
) -> Box<Failure> {
    let prefix = if data { "data." } else { "" };
    let mut error = Diagnostic::error(
        code::UNKNOWN_NAME,
        format!("there is no `{prefix}{kind}.{label}`"),
    )
    .at(span, "not declared in this module");
    let names = || module.labels(kind, data).map(|(name, _)| name.as_ref());
    let elsewhere = module.block(kind, !data, label).is_some();
    if elsewhere {
        let other = if data { "" } else { "data." };
        error = error.help(format!("`{other}{kind}.{label}` is declared: write that"));
    } else if let Some(meant) = engine.suggest(label, names()) {
        error = error.help(meant);
    } else if names().next().is_none() {
        error = error.help(format!(
            "declare it: `{} \"{label}\" {{ … }}`",
            if data {
                format!("data \"{kind}\"")
            } else {
                kind.to_string()
            }
        ));
    } else {
        error = error.help(format!("this module declares {}", listed(names())));
    }
    Failure::always(error)
}

/// The name that follows a root such as `local`.
pub(super) fn plain(path: &[PathStep], span: Span, what: &str) -> EvalResult<String> {
    match path.first() {
        Some(step) if step.attribute => Ok(step.name().unwrap_or_default().to_owned()),
        _ => Err(unknown_name(
            format!("`{what}` is followed by a name, as in `{what}.name`"),
            span,
            None,
        )),
    }
}

/// The error for a root that there is none of.
pub(super) fn means_nothing(name: &str, span: Span) -> Box<Failure> {
    if name == "assignment" {
        return unknown_name("an assignment is not a value".to_owned(), span, None);
    }
    let help = did_you_mean(name, ROOTS.iter().copied())
        .unwrap_or_else(|| format!("a text stands in quotes: `\"{name}\"`"));
    unknown_name(format!("`{name}` means nothing here"), span, Some(help))
}

/// What `each`, `count` and `path` have.
pub(super) const EACH: &str = "`each` has `key` and `value`";
pub(super) const COUNT: &str = "`count` has `index`";
pub(super) const PATH: &str = "`path` has `module`, `root` and `cwd`";

/// The error for something that one of them has not.
pub(super) fn not_in(has: &str, span: Span) -> Box<Failure> {
    unknown_name(has.to_owned(), span, None)
}

pub(super) fn unknown_name(message: String, span: Span, help: Option<String>) -> Box<Failure> {
    let error = Diagnostic::error(code::UNKNOWN_NAME, message).at(span, "");
    Failure::always(match help {
        Some(help) => error.help(help),
        None => error,
    })
}

pub(super) fn undeclared<'n>(
    what: &str,
    name: &str,
    path: &[PathStep],
    span: Span,
    names: impl IntoIterator<Item = &'n str>,
) -> Box<Failure> {
    let names: Vec<&str> = names.into_iter().collect();
    let help = did_you_mean(name, names.iter().copied()).unwrap_or_else(|| match names.as_slice() {
        [] => format!("this module declares no {what}"),
        names => format!("there are {}", listed(names.iter().copied())),
    });
    let at = path.first().map_or(span, |step| step.span);
    unknown_name(format!("there is no {what} `{name}`"), at, Some(help))
}

pub(super) fn outside(name: &str, needed: &str, span: Span) -> Box<Failure> {
    unknown_name(
        format!("`{name}` has no meaning here"),
        span,
        Some(format!("it is for blocks with `{needed}`; this one has none")),
    )
}

impl Scope for ModuleScope<'_, '_> {
    fn resolve(&self, name: &str, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        match name {
            "var" => self.variable(path, span),
            "local" => self.local(path, span),
            "each" => self.each(path, span),
            "count" => self.count(path, span),
            "path" => self.path(path, span),
            "module" => self.module(path, span),
            "data" => self.data(path, span),
            _ => match Kind::from_name(name).filter(|kind| *kind != Kind::Assignment) {
                Some(kind) => self.entities(kind, false, path, span),
                None => Err(means_nothing(name, span)),
            },
        }
    }

    fn attribute(&self, entity: &Arc<Entity>, name: &str, span: Span) -> EvalResult {
        self.engine.attribute_of(entity, name, span)
    }

    fn survey_attribute(&self, kind: Kind, name: &str, span: Span) -> EvalResult<()> {
        attribute::has(kind, name, span)
    }

    fn files(&self) -> &dyn Files {
        self.engine.files
    }

    fn recall(&self, wording: Wording) -> Option<Value> {
        // `each` and `count` mean something else in every instance.
        let Each::None = self.each else { return None };
        self.engine.loops.recall(self.module, wording)
    }

    fn remember(&self, wording: Wording, made: &Value) {
        if let Each::None = self.each {
            self.engine.loops.remember(self.module, wording, made);
        }
    }
}

impl Engine<'_> {
    /// `organizational_unit.root`
    pub fn root_unit(&self) -> Value {
        let address = crate::address::Address::root(Kind::OrganizationalUnit, "root");
        self.entity_value(EntityKey::OrganizationalUnit(OuPath::root()), address)
    }

    /// The entities of a block: one, or by key or number. Those that failed are left out.
    pub(super) fn instance_values(&self, instances: &Instances<EntityId>, span: Span) -> EvalResult {
        let mut items = Vec::with_capacity(instances.items.len());
        for (key, id) in &instances.items {
            if let Some(value) = self.settle(self.force(Node::Identity(*id), span)) {
                items.push((key.clone(), value));
            }
        }
        if instances.shape == Shape::Once && items.is_empty() {
            return Err(silent());
        }
        Ok(collected(instances.shape, items))
    }

    /// All blocks of a kind in a module instance, by label.
    pub(super) fn all_of(&self, id: ModuleId, kind: Kind, data: bool, span: Span) -> EvalResult {
        let module = self.module(id).ok_or_else(silent)?;
        let mut fields: Vec<(Arc<str>, Value)> = Vec::new();
        for (label, index) in module.labels(kind, data) {
            let instances = self.settle(self.instances(id, index, span));
            let value = instances.and_then(|instances| self.settle(self.instance_values(&instances, span)));
            fields.extend(value.map(|value| (label.clone(), value)));
        }
        Ok(Value::object(fields.into_iter().collect()))
    }
}
