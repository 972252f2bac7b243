//! The engine: evaluates what a program declares, each thing once, when it is first asked for.
//!
//! A *node* is one thing with one value: a local of a module instance, the keys of a block, one attribute of one
//! entity. Because an attribute is a node of its own, `organizational_unit.x.accounts` depends on the parents of
//! accounts only, and makes no circle with their tags. A node that asks for itself by way of others is a cycle,
//! reported as a path. A node that failed has been reported; whoever asks for it fails silently, so that one
//! mistake is one finding.

mod attribute;
mod calls;
mod identity;
mod instances;
mod lookup;
mod loops;
mod names;
mod organization;
mod scope;
mod states;
mod typed;
mod units;
mod variables;

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::address::{Address, ModulePath};
use crate::config::budget;
use crate::config::eval::{EvalResult, Failure, code, too_large};
use crate::config::evaluate::EvalOptions;
use crate::config::files::Files;
use crate::config::program::{EntityBlock, Module, Program};
use crate::config::syntax::{Expr, Step};
use crate::config::value::{Entity, Value};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::id::EntityKey;
use crate::source::Span;

use states::{State, States};

pub use instances::{Each, EntityId, EntityInstance, Instances, ModuleId, ModuleInstance, Shape};
pub use scope::ModuleScope;

/// A value that needs itself.
const CYCLE: Code = Code("cycle");
/// More levels of values that need each other than are followed.
const TOO_DEEP: Code = Code("too-deep");

/// How many nodes may be computed inside one another; chains of locals do not count.
const MAX_DEPTH: usize = 200;

/// How many mistakes are compared with the names there are.
const MAX_SUGGESTIONS: usize = 100;

/// One thing with one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Node {
    /// A variable of a module instance.
    Variable(ModuleId, u32),
    /// A local.
    Local(ModuleId, u32),
    /// An output.
    Output(ModuleId, u32),
    /// Which instances a module call has.
    Call(ModuleId, u32),
    /// Which instances a block has.
    Block(ModuleId, u32),
    /// An entity itself.
    Identity(EntityId),
    /// An attribute of an entity, by its index in the schema.
    Attribute(EntityId, u32),
    /// Which declared account is in which unit.
    Membership,
}

/// What an entity's attributes come from.
#[derive(Debug, Clone)]
pub enum Source {
    /// A block.
    Declared(EntityId),
    /// The built-in root unit.
    Root,
    /// The service: it was read, and no block declares it.
    Observed,
}

/// What a node needs, and where it says so.
type Needs = Vec<(Node, Span)>;

/// The instances of blocks or calls, by the module instance and the index in it.
type Expanded<T> = RefCell<FxHashMap<(ModuleId, u32), Rc<Instances<T>>>>;

/// Evaluates a program.
pub struct Engine<'a> {
    /// What is evaluated.
    pub program: &'a Program,
    /// Variables, what was read, the time.
    pub options: &'a EvalOptions<'a>,
    /// The files that functions read.
    pub files: &'a dyn Files,
    modules: RefCell<Vec<Rc<ModuleInstance>>>,
    entities: RefCell<Vec<Rc<EntityInstance>>>,
    blocks: Expanded<EntityId>,
    calls: Expanded<ModuleId>,
    states: RefCell<States>,
    path: RefCell<Vec<(Node, Span)>>,
    cyclic: RefCell<FxHashSet<Node>>,
    sources: RefCell<FxHashMap<EntityKey, Source>>,
    membership: RefCell<Option<Rc<units::Membership>>>,
    selected: RefCell<FxHashMap<(crate::id::OuPath, bool), Value>>,
    observed: lookup::Index<'a>,
    loops: loops::Loops,
    found: RefCell<Diagnostics>,
    depth: Cell<usize>,
    suggestions: Cell<usize>,
    /// Whether it was said that the configuration is too large.
    is_spent: Cell<bool>,
}

/// The failure of something that has been reported.
pub fn silent() -> Box<Failure> {
    Box::new(Failure {
        diagnostics: Vec::new(),
        always: true,
    })
}

impl<'a> Engine<'a> {
    /// An engine with the root module's instance and nothing evaluated.
    pub fn new(program: &'a Program, options: &'a EvalOptions<'a>, files: &'a dyn Files) -> Self {
        let root = ModuleInstance {
            module: 0,
            path: ModulePath::root(),
            call: None,
            each: Each::None,
        };
        Engine {
            program,
            options,
            files,
            modules: RefCell::new(vec![Rc::new(root)]),
            entities: RefCell::default(),
            blocks: RefCell::default(),
            calls: RefCell::default(),
            states: RefCell::default(),
            path: RefCell::default(),
            cyclic: RefCell::default(),
            sources: RefCell::default(),
            membership: RefCell::default(),
            selected: RefCell::default(),
            observed: lookup::Index::new(options.observed),
            loops: loops::Loops::default(),
            found: RefCell::default(),
            depth: Cell::new(0),
            suggestions: Cell::new(0),
            is_spent: Cell::new(false),
        }
    }

    /// Adds a finding.
    pub fn report(&self, diagnostic: Diagnostic) {
        self.found.borrow_mut().push(diagnostic);
    }

    /// Whether an error was found so far, in the text or in evaluating it.
    pub fn has_errors(&self) -> bool {
        self.program.has_errors || self.found.borrow().has_errors()
    }

    /// Adds a failure's findings.
    pub fn report_failure(&self, failure: Failure) {
        let mut found = self.found.borrow_mut();
        for finding in failure.diagnostics {
            // Everything fails once something is too large; where it began is enough.
            let is_first = finding.code != code::TOO_LARGE || !self.is_spent.replace(true);
            if is_first {
                found.push(finding);
            }
        }
    }

    /// A value that is kept from now on.
    fn kept(&self, value: Value, span: Span) -> EvalResult {
        let within = budget::kept(&value).and_then(|()| budget::survey(&value));
        within.map_err(|spent| too_large(spent, span))?;
        Ok(value)
    }

    /// The value, or nothing once its failure has been added to the findings.
    pub fn settle<T>(&self, result: EvalResult<T>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(failure) => {
                self.report_failure(*failure);
                None
            }
        }
    }

    /// "did you mean …?", for the first hundred mistakes: comparing each of ten thousand with every name would take
    /// longer than everything else.
    fn suggest<'n>(&self, name: &str, names: impl Iterator<Item = &'n str>) -> Option<String> {
        let given = self.suggestions.replace(self.suggestions.get() + 1);
        if given < MAX_SUGGESTIONS {
            did_you_mean(name, names)
        } else {
            None
        }
    }

    /// Takes the findings so far.
    pub fn take_found(&self) -> Diagnostics {
        self.found.take()
    }

    /// A module instance.
    pub fn instance(&self, id: ModuleId) -> Rc<ModuleInstance> {
        let modules = self.modules.borrow();
        let found = modules.get(id.0 as usize).or_else(|| modules.first());
        found.cloned().unwrap_or_default()
    }

    /// How many module instances there are so far.
    pub fn instance_count(&self) -> u32 {
        u32::try_from(self.modules.borrow().len()).unwrap_or(u32::MAX)
    }

    /// The module of a module instance.
    pub fn module(&self, id: ModuleId) -> Option<&'a Module> {
        self.program.modules.get(self.instance(id).module)
    }

    /// An entity instance.
    pub fn entity(&self, id: EntityId) -> Option<Rc<EntityInstance>> {
        self.entities.borrow().get(id.0 as usize).cloned()
    }

    /// The block of an entity instance.
    pub fn block_of(&self, entity: &EntityInstance) -> Option<&'a EntityBlock> {
        self.module(entity.module)?.blocks.get(entity.block as usize)
    }

    /// The address of an entity instance.
    pub fn address(&self, entity: &EntityInstance) -> Option<Address> {
        let block = self.block_of(entity)?;
        Some(Address {
            module: self.instance(entity.module).path.clone(),
            data: block.data,
            kind: block.kind,
            label: block.label.clone(),
            instance: entity.key.clone(),
        })
    }

    /// Where an entity's attributes come from.
    pub fn source(&self, key: &EntityKey) -> Source {
        let sources = self.sources.borrow();
        sources.get(key).cloned().unwrap_or(match key {
            EntityKey::OrganizationalUnit(path) if path.is_root() => Source::Root,
            _ => Source::Observed,
        })
    }

    /// The value of a node, computed if that has not been done.
    ///
    /// # Errors
    /// A silent failure if the node failed, a finding if it is being computed already.
    pub fn force(&self, node: Node, span: Span) -> EvalResult {
        if let Some(known) = self.known(node, span) {
            return known;
        }
        self.prepare(node, span);
        match self.known(node, span) {
            Some(known) => known,
            None => self.compute(node, span),
        }
    }

    fn known(&self, node: Node, span: Span) -> Option<EvalResult> {
        let state = self.states.borrow().get(node).cloned();
        match state? {
            State::Done(value) => Some(Ok(value)),
            State::Failed => Some(Err(silent())),
            State::InProgress => Some(Err(self.cycle(node, span))),
        }
    }

    fn set(&self, node: Node, state: State) {
        self.states.borrow_mut().set(node, state);
    }

    /// Keeps a node's value before its computation has ended, for conditions over the value itself.
    fn keep(&self, node: Node, value: &Value) {
        self.set(node, State::Done(value.clone()));
    }

    fn compute(&self, node: Node, span: Span) -> EvalResult {
        if self.depth.get() >= MAX_DEPTH {
            let what = self.name(node);
            return Err(Failure::always(
                Diagnostic::error(
                    TOO_DEEP,
                    format!("{what} needs more than {MAX_DEPTH} other values one inside the other"),
                )
                .at(span, "")
                .help("put intermediate values into `locals`: a chain of locals can have any length"),
            ));
        }
        self.set(node, State::InProgress);
        self.path.borrow_mut().push((node, span));
        let result = self.finish(node);
        self.path.borrow_mut().pop();
        result
    }

    /// Computes a node that is marked as in progress already.
    fn finish(&self, node: Node) -> EvalResult {
        self.depth.set(self.depth.get() + 1);
        let result = match node {
            Node::Variable(module, index) => self.variable(module, index),
            Node::Local(module, index) => self.local(module, index),
            Node::Output(module, index) => self.output(module, index),
            Node::Call(module, index) => self.expand_call(module, index),
            Node::Block(module, index) => self.expand_block(module, index),
            Node::Identity(entity) => self.identity(entity),
            Node::Attribute(entity, index) => self.attribute(entity, index),
            Node::Membership => self.compute_membership(),
        };
        self.depth.set(self.depth.get() - 1);
        match result {
            Ok(value) => {
                self.set(node, State::Done(value.clone()));
                Ok(value)
            }
            Err(failure) => {
                self.report_failure(*failure);
                self.set(node, State::Failed);
                Err(silent())
            }
        }
    }

    /// Computes what a local needs among locals and variables first, with a work list instead of recursion: a
    /// chain of a hundred thousand locals must not need as many stack frames.
    fn prepare(&self, node: Node, span: Span) {
        if self.needs(node).is_empty() {
            return;
        }
        let mut work: Vec<(Node, Needs)> = Vec::new();
        let open = |work: &mut Vec<_>, node, span| {
            self.set(node, State::InProgress);
            self.path.borrow_mut().push((node, span));
            work.push((node, self.needs(node)));
        };
        open(&mut work, node, span);
        while let Some((node, needs)) = work.last_mut() {
            let node = *node;
            let Some((need, at)) = needs.pop() else {
                let _ = self.finish(node);
                self.path.borrow_mut().pop();
                work.pop();
                continue;
            };
            let state = self.states.borrow().get(need).cloned();
            match state {
                Some(State::Done(_) | State::Failed) => {}
                Some(State::InProgress) => {
                    let failure = self.cycle(need, at);
                    self.report_failure(*failure);
                }
                None => open(&mut work, need, at),
            }
        }
    }

    /// The locals and variables that a local's expression names, last first.
    fn needs(&self, node: Node) -> Needs {
        let Node::Local(id, index) = node else {
            return Vec::new();
        };
        let Some(module) = self.module(id) else {
            return Vec::new();
        };
        let mut needs = Vec::new();
        if let Some((_, local)) = module.locals.at(index) {
            visit_names(&local.expr, &mut |name, first, span| {
                let node = match name {
                    "local" => module.locals.index(first).map(|index| Node::Local(id, index)),
                    "var" => module
                        .variables
                        .index(first)
                        .map(|index| Node::Variable(id, index)),
                    _ => None,
                };
                needs.extend(node.map(|node| (node, span)));
            });
        }
        needs.reverse();
        needs
    }

    /// The cycle that closes when `node`, which is being computed, is asked for at `span`.
    fn cycle(&self, node: Node, span: Span) -> Box<Failure> {
        let path = self.path.borrow();
        let start = path.iter().rposition(|(open, _)| *open == node).unwrap_or(0);
        let edges = path.get(start..).unwrap_or(&[]);
        let mut cyclic = self.cyclic.borrow_mut();
        let known = edges.iter().any(|(open, _)| cyclic.contains(open));
        cyclic.extend(edges.iter().map(|(open, _)| *open));
        if known {
            return silent();
        }
        let edges = told(edges);
        let names: Vec<String> = edges.iter().map(|(open, _)| self.name(*open)).collect();
        let first = names.first().cloned().unwrap_or_default();
        let shown = match names.len() {
            0..=12 => names.join(" → "),
            count => format!(
                "{} → … ({} more) … → {}",
                names.get(..6).unwrap_or(&[]).join(" → "),
                count - 8,
                names.get(count - 2..).unwrap_or(&[]).join(" → ")
            ),
        };
        let message = match names.len() {
            0 | 1 => format!("{first} needs itself"),
            2 => format!("{first} needs itself, by way of one other"),
            count => format!("{first} needs itself, by way of {} others", count - 1),
        };
        let last = names.last().cloned().unwrap_or_default();
        let mut error = Diagnostic::error(CYCLE, message)
            .at(span, format!("{last} needs {first}"))
            .because(format!("the circle is {shown} → {first}"))
            .help("break it: one of them must not refer to the next");
        for (pair, (_, at)) in names.windows(2).zip(edges.iter().skip(1)).take(11) {
            if let [from, to] = pair {
                error = error.also(*at, format!("{from} needs {to}"));
            }
        }
        Failure::always(error)
    }

    /// What a node is called in messages.
    fn name(&self, node: Node) -> String {
        let within = |id: ModuleId| {
            let instance = self.instance(id);
            if instance.path.is_root() {
                String::new()
            } else {
                format!("{}.", instance.path)
            }
        };
        let of = |id: ModuleId| self.module(id);
        let found = match node {
            Node::Variable(id, at) => of(id)
                .and_then(|it| it.variables.at(at))
                .map(|(name, _)| (id, format!("var.{name}"))),
            Node::Local(id, at) => of(id)
                .and_then(|it| it.locals.at(at))
                .map(|(name, _)| (id, format!("local.{name}"))),
            Node::Output(id, at) => of(id)
                .and_then(|it| it.outputs.at(at))
                .map(|(name, _)| (id, format!("output.{name}"))),
            Node::Call(id, at) => of(id)
                .and_then(|it| it.calls.at(at))
                .map(|(name, _)| (id, format!("the instances of module.{name}"))),
            Node::Block(id, at) => of(id)
                .and_then(|it| it.blocks.get(at as usize))
                .map(|block| (id, format!("the instances of {}.{}", block.kind, block.label))),
            Node::Identity(entity) => return self.entity_name(entity),
            Node::Attribute(entity, at) => {
                let schema = self
                    .entity(entity)
                    .and_then(|it| self.block_of(&it))
                    .map(|block| block.schema);
                let attribute = schema.and_then(|schema| schema.attributes.get(at as usize));
                return format!(
                    "{}.{}",
                    self.entity_name(entity),
                    attribute.map_or("?", |it| it.name)
                );
            }
            Node::Membership => return "the accounts of each organizational unit".to_owned(),
        };
        found.map_or_else(String::new, |(id, name)| format!("{}{name}", within(id)))
    }

    fn entity_name(&self, id: EntityId) -> String {
        let address = self.entity(id).and_then(|entity| self.address(&entity));
        address.map_or_else(String::new, |address| address.to_string())
    }

    fn register(&self, key: &EntityKey, id: EntityId) {
        let mut sources = self.sources.borrow_mut();
        let known = sources.get(key).cloned();
        let replace = match known {
            Some(Source::Declared(earlier)) => {
                // A declaration says more than a look-up.
                let data = |id| {
                    self.entity(id)
                        .and_then(|it| self.block_of(&it))
                        .is_some_and(|block| block.data)
                };
                data(earlier) && !data(id)
            }
            _ => true,
        };
        if replace {
            sources.insert(key.clone(), Source::Declared(id));
        }
    }

    fn entity_value(&self, key: EntityKey, address: Address) -> Value {
        Value::entity(Arc::new(Entity { key, address }))
    }
}

/// A cycle's edges as people know them: that an entity needs its own attribute for its name goes without saying.
fn told(edges: &[(Node, Span)]) -> Vec<(Node, Span)> {
    let mut told: Vec<(Node, Span)> = Vec::with_capacity(edges.len());
    for (node, span) in edges {
        match (told.last().copied(), node) {
            (Some((Node::Identity(whole), at)), Node::Attribute(part, _)) if whole == *part => {
                told.pop();
                told.push((*node, at));
            }
            _ => told.push((*node, *span)),
        }
    }
    told
}

/// Calls `visit` with every `name.first` in an expression.
fn visit_names<'e>(expr: &'e Expr, visit: &mut dyn FnMut(&'e str, &'e str, Span)) {
    expr.references(&mut |name, steps, span| {
        if let Some(Step::Attribute(first, _)) = steps.first() {
            visit(name, first, span);
        }
    });
}
