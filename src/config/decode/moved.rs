//! `moved` blocks: a block's address changed.

use crate::address::{Address, ModulePath};
use crate::config::decode::Decoder;
use crate::config::entities::{Engine, ModuleId};
use crate::config::program::{Declared, Module};
use crate::config::syntax::{Expr, ExprKind, Step};
use crate::config::value::Data;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::stack::Moved;
use crate::source::Span;

/// A `moved` block that names no two blocks of one kind.
const BAD_MOVE: Code = Code("bad-move");

impl Decoder<'_, '_> {
    pub(super) fn moved(&mut self, id: ModuleId, module: &Module) {
        let path = self.engine.instance(id).path.clone();
        let mut moves: Vec<(Moved, Span)> = Vec::new();
        for declared in &module.moved {
            let Some(next) = moved(self.engine, declared, &path, module) else {
                continue;
            };
            let place = crate::config::check::head(&declared.block);
            match moves
                .iter()
                .find_map(|(known, at)| Some((contradiction(known, &next)?, *at)))
            {
                Some((why, at)) => self.engine.report(
                    Diagnostic::error(BAD_MOVE, why)
                        .at(place, "")
                        .also(at, "the other move is here")
                        .help("one thing becomes one other thing: remove one of the blocks"),
                ),
                None => moves.push((next, place)),
            }
        }
        self.out
            .desired
            .moved
            .extend(moves.into_iter().map(|(moved, _)| moved));
    }
}

/// Why two moves cannot both have happened.
fn contradiction(one: &Moved, other: &Moved) -> Option<String> {
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

fn moved(engine: &Engine<'_>, declared: &Declared, path: &ModulePath, module: &Module) -> Option<Moved> {
    let find = |name: &str| {
        let attributes = &declared.block.body.attributes;
        attributes
            .iter()
            .find(|attribute| attribute.name.as_ref() == name)
            .map(|attribute| &*attribute.expr)
    };
    let (from_expr, to_expr) = (find("from")?, find("to")?);
    let (from, to) = (address(engine, from_expr, path), address(engine, to_expr, path));
    let (from, to) = (from?, to?);
    if from.kind != to.kind || from.data != to.data {
        engine.report(
            Diagnostic::error(
                BAD_MOVE,
                format!("`{}` cannot become `{}`: they are of different kinds", from, to),
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
    let still_there = from.module == *path && module.block(from.kind, from.data, &from.label).is_some();
    if still_there && from.block() == from && to.block() != from {
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
    Some(Moved {
        from,
        to,
        location: declared.location.clone(),
    })
}

fn address(engine: &Engine<'_>, expr: &Expr, path: &ModulePath) -> Option<Address> {
    let parsed = written(expr).and_then(|text| text.parse::<Address>().ok());
    match parsed {
        Some(mut address) => {
            let mut steps = path.0.clone();
            steps.append(&mut address.module.0);
            address.module = ModulePath(steps);
            Some(address)
        }
        None => {
            engine.report(
                Diagnostic::error(BAD_MOVE, "this is not the address of a block")
                    .at(expr.span, "")
                    .help("write it like `permission_set.admin`, `user.person[\"ada\"]` or `module.team.group.all`, without quotes"),
            );
            None
        }
    }
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
                Data::String(key) => {
                    text.push_str(&crate::address::InstanceKey::Key(key.clone()).to_string())
                }
                Data::Number(number) => text.push_str(&format!("[{number}]")),
                _ => return None,
            },
            Step::Index(_) => return None,
        }
    }
    Some(text)
}
