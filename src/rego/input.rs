//! Parts of `input` that no plan has: a rule that reads them never holds, and nothing else would say so.
//!
//! References are followed from `input`, and from variables that stand for parts of it, through the schema of plans. What is
//! not plain is left alone: a variable that is bound twice, objects with keys of their own, and rules that replace `input`.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde_json::Value;

use super::PolicyError;
use super::syntax::{place, text_at};
use crate::diagnostic::did_you_mean;

/// What a part of a plan may be, by the schema; `None` where it says nothing.
type Node<'s> = Option<Vec<&'s Value>>;

/// One step of a reference.
#[derive(Debug, Clone, Copy)]
enum Step<'t> {
    Member(&'t str, Option<(u32, u32)>),
    /// An index that is a variable, a number or computed.
    Each,
}

/// References of one file to members that plans do not have.
pub(super) fn unknown_members(tree: &Value, schema: &Value) -> Vec<PolicyError> {
    let mut found = Vec::new();
    let file = text_at(tree, "/source/file").unwrap_or_default();
    let text = text_at(tree, "/source/contents").unwrap_or_default();
    let mut imported = Variables::new();
    imported.insert("input".to_owned(), Some(vec![schema]));
    let mut reading = Reading {
        schema,
        file: Arc::from(file),
        variables: imported,
        found: &mut found,
    };
    let items = |name: &str| {
        let items = tree.get("ast").and_then(|ast| ast.get(name)?.as_array());
        items.map(Vec::as_slice).unwrap_or_default()
    };
    for import in items("imports") {
        let (root, steps) = flat(&import["refr"]);
        if root != Some("input") || steps.is_empty() {
            continue;
        }
        let node = reading.follow(&import["refr"]);
        let range = |name: &str| usize::try_from(import["as"].get(name)?.as_u64()?).ok();
        let alias = range("start").zip(range("end"));
        let alias = alias.and_then(|(start, end)| text.get(start..end));
        let last = steps.last().and_then(|step| match step {
            Step::Member(name, _) => Some(*name),
            Step::Each => None,
        });
        if let Some(alias) = alias.or(last) {
            reading.variables.insert(alias.to_owned(), node);
        }
    }
    let of_file = reading.variables.clone();
    for rule in items("rules") {
        reading.variables.clone_from(&of_file);
        if !replaces_input(rule) {
            reading.rule(rule);
        }
    }
    found
}

type Variables<'s> = BTreeMap<String, Node<'s>>;

struct Reading<'s, 'f> {
    schema: &'s Value,
    file: Arc<str>,
    variables: Variables<'s>,
    found: &'f mut Vec<PolicyError>,
}

impl<'s> Reading<'s, '_> {
    fn rule(&mut self, rule: &Value) {
        let mut bindings = BTreeMap::new();
        collect_bindings(rule, &mut bindings);
        for name in bindings.keys() {
            self.variables.insert((*name).to_owned(), None);
        }
        // Variables may go by other variables; what is wrong on the way is told once, below.
        let told = self.found.len();
        for _ in 0..4 {
            for (name, bound) in &bindings {
                if let Binding::Part { of, each } = bound {
                    let node = self.follow(of);
                    let node = if *each {
                        self.step(node, Step::Each).ok().flatten()
                    } else {
                        node
                    };
                    self.variables.insert((*name).to_owned(), node);
                }
            }
        }
        self.found.truncate(told);
        self.references(rule);
    }

    /// Follows every reference in a part of the tree.
    fn references(&mut self, tree: &Value) {
        match tree {
            Value::Array(items) => items.iter().for_each(|item| self.references(item)),
            Value::Object(fields) if fields.contains_key("RefDot") || fields.contains_key("RefBrack") => {
                self.follow(tree);
                self.indexes(tree);
            }
            Value::Object(fields) => fields.values().for_each(|field| self.references(field)),
            _ => {}
        }
    }

    /// The references within a reference.
    fn indexes(&mut self, reference: &Value) {
        if let Some(dot) = reference.get("RefDot") {
            self.indexes(&dot["refr"]);
        } else if let Some(bracket) = reference.get("RefBrack") {
            self.indexes(&bracket["refr"]);
            self.references(&bracket["index"]);
        } else {
            self.references(reference);
        }
    }

    /// What a reference leads to; a member on the way that there is not is told.
    fn follow(&mut self, reference: &Value) -> Node<'s> {
        let (root, steps) = flat(reference);
        let root = root?;
        let mut node = self.variables.get(root)?.clone();
        let mut path = root.to_owned();
        for step in steps {
            match self.step(node, step) {
                Ok(next) => node = next,
                Err(help) => {
                    if let Step::Member(name, at) = step {
                        self.tell(root, &format!("{path}.{name}"), at, help);
                    }
                    return None;
                }
            }
            match step {
                Step::Member(name, _) => path.push_str(&format!(".{name}")),
                Step::Each => path.push_str("[_]"),
            }
        }
        node
    }

    fn tell(&mut self, root: &str, path: &str, at: Option<(u32, u32)>, help: String) {
        let of = match root {
            "input" => String::new(),
            root => format!(", by what `{root}` stands for"),
        };
        self.found.push(PolicyError {
            file: Arc::clone(&self.file),
            at,
            message: format!("plans have no `{path}`{of}: what reads it never holds"),
            help: Some(help.into()),
        });
    }

    /// One step on. An error, with what to do about it, when no plan has that.
    fn step(&self, node: Node<'s>, step: Step<'_>) -> Result<Node<'s>, String> {
        let Some(node) = node else {
            return Ok(None);
        };
        let mut kinds = Vec::new();
        node.iter().for_each(|node| self.resolve(node, &mut kinds));
        if kinds.is_empty() {
            return Ok(None);
        }
        let (mut next, mut known) = (Vec::new(), Vec::new());
        let mut is_list = false;
        for kind in kinds {
            let properties = kind.get("properties").and_then(Value::as_object);
            let others = kind
                .get("additionalProperties")
                .filter(|of| **of != Value::Bool(false));
            let is_closed = properties.is_some() && others.is_none();
            let others = others.filter(|of| of.is_object() && properties.is_none());
            match (step, type_of(kind)) {
                (_, Some("array")) => {
                    is_list = true;
                    if let Step::Each = step {
                        next.push(kind.get("items"));
                    }
                }
                (Step::Member(name, _), Some("object")) => {
                    let Some(properties) = properties.filter(|_| is_closed) else {
                        next.push(others);
                        continue;
                    };
                    known.extend(properties.keys().map(String::as_str));
                    next.extend(properties.get(name).map(Some));
                }
                (Step::Each, Some("object")) => next.push(others),
                // A text or a number has no members.
                (Step::Member(..), Some(_)) => {}
                _ => next.push(None),
            }
        }
        match step {
            Step::Each => Ok(next.into_iter().collect()),
            Step::Member(..) if !next.is_empty() => Ok(next.into_iter().collect()),
            Step::Member(name, _) => Err(advice(name, &known, is_list)),
        }
    }

    /// What a part of the schema means, without references and `null`.
    fn resolve(&self, part: &'s Value, kinds: &mut Vec<&'s Value>) {
        let reference = text_at(part, "/$ref").map(|reference| reference.trim_start_matches('#'));
        let part = reference.and_then(|to| self.schema.pointer(to)).unwrap_or(part);
        let choices = ["oneOf", "anyOf"].iter().find_map(|of| part.get(of)?.as_array());
        if let Some(choices) = choices {
            choices.iter().for_each(|choice| self.resolve(choice, kinds));
        } else if type_of(part) != Some("null") {
            kinds.push(part);
        }
    }
}

/// The one type that a part of the schema has beside `null`.
fn type_of(part: &Value) -> Option<&str> {
    match part.get("type")? {
        Value::String(one) => Some(one),
        Value::Array(types) => {
            let mut types = types.iter().filter_map(Value::as_str).filter(|of| *of != "null");
            types.next().filter(|_| types.next().is_none())
        }
        _ => None,
    }
}

fn advice(name: &str, known: &[&str], is_list: bool) -> String {
    match did_you_mean(name, known.iter().copied()) {
        Some(close) => close,
        None if is_list => "it is a list: go through it, with `[_]` or `some … in`".to_owned(),
        None => "`input` is what `plan --json` prints; schemas/plan.schema.json lists its members, \
                 like `assignments`, `entities` and `people`"
            .to_owned(),
    }
}

/// A reference as its first variable and the steps from there.
fn flat(reference: &Value) -> (Option<&str>, Vec<Step<'_>>) {
    if let Some(name) = text_at(reference, "/Var/value") {
        return (Some(name), Vec::new());
    }
    if let Some(dot) = reference.get("RefDot") {
        let (root, mut steps) = flat(&dot["refr"]);
        let at = dot.pointer("/field/0").and_then(place);
        steps.extend(text_at(dot, "/field/1").map(|name| Step::Member(name, at)));
        return (root, steps);
    }
    let Some(bracket) = reference.get("RefBrack") else {
        return (None, Vec::new());
    };
    let (root, mut steps) = flat(&bracket["refr"]);
    let at = bracket.pointer("/index/String/span").and_then(place);
    steps.push(match text_at(bracket, "/index/String/value") {
        Some(name) => Step::Member(name, at),
        None => Step::Each,
    });
    (root, steps)
}

/// What a variable stands for.
#[derive(Debug, Clone, Copy)]
enum Binding<'t> {
    /// A part of what a reference leads to: all of it, or each of its items.
    Part { of: &'t Value, each: bool },
    /// Something else, or several things.
    Other,
}

/// Every variable that a rule binds.
fn collect_bindings<'t>(tree: &'t Value, bindings: &mut BTreeMap<&'t str, Binding<'t>>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| collect_bindings(item, bindings)),
        Value::Object(fields) => {
            if let Some(assign) = fields.get("AssignExpr") {
                bind(&assign["lhs"], Some((&assign["rhs"], false)), bindings);
                if text_at(assign, "/op") == Some("Eq") {
                    bind(&assign["rhs"], None, bindings);
                }
            }
            if let Some(some) = fields.get("SomeIn") {
                bind(&some["value"], Some((&some["collection"], true)), bindings);
                bind(&some["key"], None, bindings);
            }
            if let Some(function) = fields.get("Func") {
                bind(&function["args"], None, bindings);
            }
            fields
                .values()
                .for_each(|field| collect_bindings(field, bindings));
        }
        _ => {}
    }
}

fn bind<'t>(
    pattern: &'t Value,
    to: Option<(&'t Value, bool)>,
    bindings: &mut BTreeMap<&'t str, Binding<'t>>,
) {
    if let Some(name) = text_at(pattern, "/Var/value") {
        let part = match to {
            Some((of, each)) if !bindings.contains_key(name) => Binding::Part { of, each },
            _ => Binding::Other,
        };
        bindings.insert(name, part);
        return;
    }
    match pattern {
        Value::Array(items) => items.iter().for_each(|item| bind(item, None, bindings)),
        // What references read is not bound by them.
        Value::Object(fields) if !fields.contains_key("RefDot") && !fields.contains_key("RefBrack") => {
            fields.values().for_each(|field| bind(field, None, bindings));
        }
        _ => {}
    }
}

/// Whether a rule evaluates something `with input as` another thing.
fn replaces_input(tree: &Value) -> bool {
    match tree {
        Value::Array(items) => items.iter().any(replaces_input),
        Value::Object(fields) => {
            let replaces = |with: &Value| flat(&with["refr"]).0 == Some("input");
            let mods = fields.get("with_mods").and_then(Value::as_array);
            mods.is_some_and(|mods| mods.iter().any(replaces)) || fields.values().any(replaces_input)
        }
        _ => false,
    }
}
