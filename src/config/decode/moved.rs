//! `moved` blocks: a block's address changed, or that of a whole module.
//!
//! What was applied is found again by its address. A block's move is handed on as
//! it is written; a module's is written out for every block that is declared in
//! it, so that later stages know moves of blocks alone.

use std::collections::BTreeSet;

use crate::address::{Address, InstanceKey, ModulePath};
use crate::config::decode::Decoder;
use crate::config::entities::{Engine, ModuleId};
use crate::config::program::{Declared, Module};
use crate::config::syntax::{Expr, ExprKind, Step};
use crate::config::value::Data;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::model::stack::Moved;
use crate::source::{Location, Span};

/// A `moved` block that names no two blocks of one kind.
const BAD_MOVE: Code = Code("bad-move");
/// A `moved` block whose `to` is declared nowhere.
const MOVED_NOWHERE: Code = Code("moved-nowhere");

/// What a `moved` block names.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Named {
    Block(Address),
    Module(ModulePath),
}

/// A `moved` block, understood.
#[derive(Debug)]
pub(super) struct Rule {
    from: Named,
    to: Named,
    to_span: Span,
    location: Option<Location>,
}

impl Decoder<'_, '_> {
    pub(super) fn moved(&mut self, id: ModuleId, module: &Module) {
        let path = self.engine.instance(id).path.clone();
        let mut rules: Vec<(Rule, Span)> = Vec::new();
        for declared in &module.moved {
            let Some(next) = rule(self.engine, declared, &path, module) else {
                continue;
            };
            let place = crate::config::check::head(&declared.block);
            match rules
                .iter()
                .find_map(|(known, at)| Some((contradiction(known, &next)?, *at)))
            {
                Some((why, at)) => self.engine.report(
                    Diagnostic::error(BAD_MOVE, why)
                        .at(place, "")
                        .also(at, "the other move is here")
                        .help("one thing becomes one other thing: remove one of the blocks"),
                ),
                None => rules.push((next, place)),
            }
        }
        self.moves.extend(rules.into_iter().map(|(rule, _)| rule));
    }

    /// Hands the moves on, once everything that is declared is known.
    pub(super) fn finish_moves(&mut self) {
        let rules = std::mem::take(&mut self.moves);
        if rules.is_empty() {
            return;
        }
        let declared = self.declared_addresses();
        let of_blocks = rules.iter().filter_map(|rule| match (&rule.from, &rule.to) {
            (Named::Block(from), Named::Block(to)) => Some(Moved {
                from: from.clone(),
                to: to.clone(),
                location: rule.location.clone(),
            }),
            _ => None,
        });
        let mut moved: Vec<Moved> = of_blocks.collect();
        if rules.iter().any(|rule| matches!(rule.to, Named::Module(_))) {
            moved.extend(written_out(&rules, &declared));
        }
        for rule in &rules {
            self.check_target(rule, &rules, &declared);
        }
        self.out.desired.moved = moved;
    }

    /// The addresses of all declared instances.
    fn declared_addresses(&self) -> BTreeSet<Address> {
        let snapshot = &self.out.desired.snapshot;
        let units = snapshot.organizational_units.values().map(|it| &it.addresses);
        let accounts = snapshot.accounts.values().map(|it| &it.addresses);
        let users = snapshot.users.values().map(|it| &it.addresses);
        let groups = snapshot.groups.values().map(|it| &it.addresses);
        let sets = snapshot.permission_sets.values().map(|it| &it.addresses);
        let entities = units.chain(accounts).chain(users).chain(groups).chain(sets);
        let blocks = self.blocks.iter().map(|block| &block.declaration.address);
        let selections = self.out.desired.selections.keys();
        entities
            .flatten()
            .chain(blocks)
            .chain(selections)
            .cloned()
            .collect()
    }

    /// Says when nothing is declared under `to`: a name with a slip in it turns a rename into a deletion.
    fn check_target(&self, rule: &Rule, rules: &[Rule], declared: &BTreeSet<Address>) {
        // Moves can be chained.
        let goes_on = rules.iter().any(|other| match (&other.from, &rule.to) {
            (Named::Block(from), Named::Block(to)) => from == to || *from == to.block(),
            (Named::Module(from), Named::Module(to)) => from == to,
            (Named::Module(from), Named::Block(to)) => within(&to.module, from).is_some(),
            (Named::Block(from), Named::Module(to)) => within(&from.module, to).is_some(),
        });
        if goes_on {
            return;
        }
        let (text, candidates) = match &rule.to {
            Named::Block(to) => {
                let exists = declared
                    .iter()
                    .any(|address| address == to || address.block() == *to);
                if exists || self.has_empty_block(to) {
                    return;
                }
                let same_kind = declared
                    .iter()
                    .filter(|address| address.kind == to.kind && address.data == to.data);
                let names = same_kind.map(|address| match to.instance {
                    InstanceKey::None => address.block().to_string(),
                    _ => address.to_string(),
                });
                (to.to_string(), names.collect::<BTreeSet<String>>())
            }
            Named::Module(to) => {
                let instances = (0..self.engine.instance_count()).map(ModuleId);
                let paths: Vec<ModulePath> = instances
                    .map(|id| self.engine.instance(id).path.clone())
                    .collect();
                if paths.iter().any(|path| within(path, to).is_some()) || self.has_call(to) {
                    return;
                }
                let names = paths.iter().filter(|path| !path.is_root());
                (to.to_string(), names.map(ToString::to_string).collect())
            }
        };
        let help = did_you_mean(&text, candidates.iter().map(String::as_str));
        let help = help.unwrap_or_else(|| "remove the `moved` block, or correct the address".to_owned());
        self.engine.report(
            Diagnostic::warning(
                MOVED_NOWHERE,
                format!("`{text}` is declared nowhere, so nothing moves there and what was there is removed"),
            )
            .at(rule.to_span, "")
            .help(help),
        );
    }

    /// Whether the block is there, though it has no instance now.
    fn has_empty_block(&self, address: &Address) -> bool {
        let instances = (0..self.engine.instance_count()).map(ModuleId);
        let mut instances = instances.filter(|id| self.engine.instance(*id).path == address.module);
        let has = |id: ModuleId| {
            let module = self.engine.module(id)?;
            module.block(address.kind, address.data, &address.label)
        };
        let bare = address.instance == InstanceKey::None;
        let here = instances.any(|id| has(id).is_some());
        (bare && here) || self.has_call(&address.module)
    }

    /// Whether a module of this name is called, without any instance now.
    fn has_call(&self, path: &ModulePath) -> bool {
        let Some(((name, _), parent)) = path.0.split_last() else {
            return false;
        };
        let instances = || (0..self.engine.instance_count()).map(ModuleId);
        let path_of = |id: ModuleId| self.engine.instance(id).path.clone();
        let is_called = instances().any(|id| {
            let module = self.engine.module(id);
            let calls = module.map(|module| &module.calls.items);
            let mut calls = calls.into_iter().flatten();
            path_of(id).0 == parent && calls.any(|(call, _)| call == name)
        });
        let has_instances = instances().any(|id| {
            let path = path_of(id);
            let last = path.0.split_last();
            last.is_some_and(|((other, _), above)| other == name && above == parent)
        });
        is_called && !has_instances
    }
}

/// Why two moves cannot both have happened.
fn contradiction(one: &Rule, other: &Rule) -> Option<String> {
    if one.to == other.to {
        Some(format!(
            "`{}` and `{}` cannot both become `{}`",
            one.from, other.from, one.to
        ))
    } else if one.from == other.from {
        Some(format!(
            "`{}` cannot become `{}` and `{}`",
            one.from, one.to, other.to
        ))
    } else if one.from == other.to && one.to == other.from {
        Some(format!(
            "`{}` and `{}` cannot become each other",
            one.from, one.to
        ))
    } else {
        None
    }
}

/// The moves of all blocks that are declared in modules that moved, written out. A block may have come a long way:
/// each step of it is a move.
fn written_out(rules: &[Rule], declared: &BTreeSet<Address>) -> Vec<Moved> {
    let mut out = Vec::new();
    let mut seen: BTreeSet<Address> = declared.clone();
    let mut open: Vec<Address> = declared.iter().cloned().collect();
    while let Some(address) = open.pop() {
        for rule in rules {
            let Some(before) = rule.before(&address) else {
                continue;
            };
            if !seen.insert(before.clone()) {
                continue;
            }
            if matches!(rule.to, Named::Module(_)) {
                out.push(Moved {
                    from: before.clone(),
                    to: address.clone(),
                    location: rule.location.clone(),
                });
            }
            open.push(before);
        }
    }
    out.sort_by(|left, right| (&left.from, &left.to).cmp(&(&right.from, &right.to)));
    out
}

impl Rule {
    /// What an address was before this move, if the move brought it about.
    fn before(&self, address: &Address) -> Option<Address> {
        match (&self.from, &self.to) {
            (Named::Block(from), Named::Block(to)) if to == address => Some(from.clone()),
            (Named::Block(from), Named::Block(to)) => {
                let whole = from.instance == InstanceKey::None && *to == address.block();
                whole.then(|| Address {
                    instance: address.instance.clone(),
                    ..from.clone()
                })
            }
            (Named::Module(from), Named::Module(to)) => {
                let (key, rest) = within(&address.module, to)?;
                let mut steps = from.0.clone();
                if let (Some(key), Some(last)) = (key, steps.last_mut())
                    && last.1 == InstanceKey::None
                {
                    last.1 = key;
                }
                steps.extend(rest);
                Some(Address {
                    module: ModulePath(steps),
                    ..address.clone()
                })
            }
            _ => None,
        }
    }
}

/// The instance key that `above` leaves open, and the path below it.
type Below = (Option<InstanceKey>, Vec<(std::sync::Arc<str>, InstanceKey)>);

/// What of `path` lies below `above`, if it does. A last step without a key means all instances.
fn within(path: &ModulePath, above: &ModulePath) -> Option<Below> {
    let ((name, key), parents) = above.0.split_last()?;
    let (head, rest) = path.0.split_at_checked(above.0.len())?;
    let ((found, found_key), found_parents) = head.split_last()?;
    if found_parents != parents || found != name {
        return None;
    }
    let open = match key {
        key if key == found_key => None,
        InstanceKey::None => Some(found_key.clone()),
        _ => return None,
    };
    Some((open, rest.to_vec()))
}

fn rule(engine: &Engine<'_>, declared: &Declared, path: &ModulePath, module: &Module) -> Option<Rule> {
    let find = |name: &str| {
        let attributes = &declared.block.body.attributes;
        attributes
            .iter()
            .find(|attribute| attribute.name.as_ref() == name)
            .map(|attribute| &*attribute.expr)
    };
    let (from_expr, to_expr) = (find("from")?, find("to")?);
    let (from, to) = (named(engine, from_expr, path), named(engine, to_expr, path));
    let (from, to) = (from?, to?);
    let same_kind = match (&from, &to) {
        (Named::Block(from), Named::Block(to)) => from.kind == to.kind && from.data == to.data,
        (Named::Module(_), Named::Module(_)) => true,
        _ => false,
    };
    if !same_kind {
        engine.report(
            Diagnostic::error(
                BAD_MOVE,
                format!("`{from}` cannot become `{to}`: they are of different kinds"),
            )
            .at(to_expr.span, "")
            .also(from_expr.span, "this was it"),
        );
        return None;
    }
    if from == to {
        engine.report(
            Diagnostic::error(BAD_MOVE, "this moves nothing: `from` and `to` are the same")
                .at(to_expr.span, ""),
        );
        return None;
    }
    if is_still_there(&from, &to, path, module) {
        engine.report(
            Diagnostic::error(
                BAD_MOVE,
                format!("`{from}` is still declared, so it cannot have moved"),
            )
            .at(from_expr.span, "")
            .help("remove the `moved` block, or the old block"),
        );
        return None;
    }
    Some(Rule {
        from,
        to,
        to_span: to_expr.span,
        location: declared.location.clone(),
    })
}

/// Whether what moved is declared in the same module as the `moved` block, as a whole and not as an instance.
fn is_still_there(from: &Named, to: &Named, path: &ModulePath, module: &Module) -> bool {
    match (from, to) {
        (Named::Block(from), Named::Block(to)) => {
            let declared = from.module == *path && module.block(from.kind, from.data, &from.label).is_some();
            declared && from.block() == *from && to.block() != *from
        }
        (Named::Module(from), Named::Module(to)) => {
            let Some(((name, InstanceKey::None), parent)) = from.0.split_last() else {
                return false;
            };
            let called = module.calls.items.iter().any(|(call, _)| call == name);
            // A call that gets `for_each` moves into one of its own instances.
            let into_itself =
                to.0.last().is_some_and(|(other, _)| other == name) && to.0.len() == from.0.len();
            called && parent == path.0.as_slice() && !into_itself
        }
        _ => false,
    }
}

impl std::fmt::Display for Named {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Named::Block(address) => address.fmt(f),
            Named::Module(path) => path.fmt(f),
        }
    }
}

fn named(engine: &Engine<'_>, expr: &Expr, path: &ModulePath) -> Option<Named> {
    let inside = |module: ModulePath| {
        let steps = path.0.iter().cloned().chain(module.0);
        ModulePath(steps.collect())
    };
    let text = written(expr);
    let block = text.as_ref().and_then(|text| text.parse::<Address>().ok());
    if let Some(mut address) = block {
        address.module = inside(address.module);
        return Some(Named::Block(address));
    }
    // The path of a module is what an address begins with.
    let whole = text.and_then(|text| format!("{text}.group.any").parse::<Address>().ok());
    if let Some(address) = whole.filter(|address| !address.module.is_root() && !address.data) {
        return Some(Named::Module(inside(address.module)));
    }
    engine.report(
        Diagnostic::error(BAD_MOVE, "this is not the address of a block or a module")
            .at(expr.span, "")
            .help(
                "write it like `permission_set.admin`, `user.person[\"ada\"]`, `module.team.group.all` or \
                 `module.team`, without quotes",
            ),
    );
    None
}

/// The expression as an address is written.
fn written(expr: &Expr) -> Option<String> {
    let ExprKind::Name(name, steps) = &expr.kind else {
        return None;
    };
    let mut text = name.to_string();
    for step in steps {
        match step {
            Step::Attribute(name, _) => {
                text.push('.');
                text.push_str(name);
            }
            Step::Index(Expr {
                kind: ExprKind::Literal(value),
                ..
            }) => match value.data() {
                Data::String(key) => text.push_str(&InstanceKey::Key(key.clone()).to_string()),
                Data::Number(number) => text.push_str(&format!("[{number}]")),
                _ => return None,
            },
            Step::Index(_) => return None,
        }
    }
    Some(text)
}
