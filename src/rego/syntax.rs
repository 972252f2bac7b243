//! What policy files define and call, from their syntax trees.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::sync::Arc;

use serde_json::Value;

use super::PolicyError;

/// Why a function is not there.
pub(super) const NO_NETWORK: &str = "policies see the plan, their data and the time of the plan alone: no network, no environment, nothing random";

/// What a rule's result means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// The plan is refused.
    Deny,
    /// The plan says so.
    Warn,
}

/// One definition of a rule that denies or warns.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Definition {
    pub file: Arc<str>,
    /// Line and column from 1.
    pub at: (u32, u32),
    /// Its bytes in the file.
    pub range: Range<usize>,
    pub package: Vec<String>,
    pub name: String,
    pub kind: Kind,
    /// It defines one entry of the rule, as `deny["it"]` and `deny.it` do, not the rule as a whole.
    pub is_entry: bool,
}

impl Definition {
    /// `data["main"]["deny"]`: spelled so that no name is a word of the language.
    pub fn path(&self) -> String {
        let names = self.package.iter().chain([&self.name]);
        let names = names.map(|name| format!("[{}]", Value::from(name.as_str())));
        format!("data{}", names.collect::<String>())
    }

    /// `main.deny`
    pub fn shown(&self) -> String {
        dotted(&self.package, std::slice::from_ref(&self.name))
    }
}

/// `main.deny`, with what is no name in brackets.
pub(super) fn dotted(package: &[String], names: &[String]) -> String {
    let mut path = String::new();
    for part in package.iter().chain(names) {
        match is_name(part) {
            true if path.is_empty() => path.push_str(part),
            true => path.push_str(&format!(".{part}")),
            false => path.push_str(&format!("[{}]", Value::from(part.as_str()))),
        }
    }
    path
}

fn is_name(part: &str) -> bool {
    let mut letters = part.chars();
    letters
        .next()
        .is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && letters.all(|c| c.is_ascii_alphanumeric() || c == '_')
}

/// A file's part in it.
#[derive(Debug)]
pub(super) struct Module {
    pub file: Arc<str>,
    pub package: Vec<String>,
    imports: BTreeMap<String, Vec<String>>,
    pub definitions: Vec<Definition>,
    /// Every rule and function with what it calls.
    pub heads: Vec<Head>,
    /// The names of everything that its rules speak of.
    pub mentions: BTreeSet<String>,
}

/// One definition of a rule or function.
#[derive(Debug)]
pub(super) struct Head {
    pub name: Vec<String>,
    pub is_function: bool,
    pub at: (u32, u32),
    calls: Vec<(Vec<String>, (u32, u32))>,
}

/// Reads the interpreter's syntax trees.
pub(super) fn trees(json: &str) -> Result<Vec<Value>, PolicyError> {
    serde_json::from_str(json).map_err(|_| PolicyError {
        file: Arc::from(""),
        at: None,
        message: "an expression in the policies is nested too deeply".to_owned(),
        help: Some("give parts of long expressions names of their own".into()),
    })
}

/// What is in the trees, one for each of the packages in their order.
pub(super) fn modules(trees: &[Value], packages: &[Vec<String>]) -> Vec<Module> {
    let pairs = trees.iter().zip(packages);
    pairs.map(|(tree, package)| module(tree, package)).collect()
}

fn module(tree: &Value, package: &[String]) -> Module {
    let file: Arc<str> = Arc::from(text_at(tree, "/source/file").unwrap_or_default());
    let items = |name: &str| {
        let items = tree.get("ast").and_then(|ast| ast.get(name)?.as_array());
        items.map(Vec::as_slice).unwrap_or_default()
    };
    let mut imports = BTreeMap::new();
    for import in items("imports") {
        let path = names(&import["refr"]);
        let text = text_at(tree, "/source/contents").unwrap_or_default();
        let alias = bytes_of(&import["as"]).and_then(|range| text.get(range));
        let alias = alias.map(str::to_owned).or_else(|| path.last().cloned());
        if let (Some(alias), Some("data")) = (alias, path.first().map(String::as_str)) {
            imports.insert(alias, path);
        }
    }
    let (mut definitions, mut heads, mut mentions) = (Vec::new(), Vec::new(), BTreeSet::new());
    let starts = |rule: &Value| {
        let kinds = ["Spec", "Default"].iter();
        kinds
            .filter_map(|kind| Some(bytes_of(rule.get(kind)?.get("span")?)?.start))
            .next()
    };
    let starts: BTreeSet<usize> = items("rules").iter().filter_map(starts).collect();
    for rule in items("rules") {
        let Some((of, rule, head)) = parts(rule) else {
            continue;
        };
        let (Some(range), Some(at)) = (bytes_of(&rule["span"]), place(&rule["span"])) else {
            continue;
        };
        // Where the tree lets a rule end, a quotation mark may be missing; so it lasts until the next one begins.
        let length = text_at(tree, "/source/contents").map_or(range.end, str::len);
        let next = starts.range(range.start + 1..).next().copied();
        let range = range.start..next.unwrap_or(length);
        let name = names(&head["refr"]);
        let is_function = of == "Func" || head["args"].as_array().is_some_and(|args| !args.is_empty());
        if let (Some(name), false) = (name.first(), is_function)
            && let Some(kind) = kind_of(name)
        {
            definitions.push(Definition {
                file: Arc::clone(&file),
                at,
                range,
                package: package.to_vec(),
                name: name.clone(),
                kind,
                is_entry: head["refr"].get("Var").is_none(),
            });
        }
        for part in [&head["key"], &head["assign"], &head["value"], &rule["bodies"]] {
            collect_names(part, &mut mentions);
        }
        let mut calls = Vec::new();
        collect_calls(rule, &mut calls);
        heads.push(Head {
            name,
            is_function,
            at,
            calls,
        });
    }
    Module {
        file,
        package: package.to_vec(),
        imports,
        definitions,
        heads,
        mentions,
    }
}

/// Of a rule in the tree: what kind it is, all of it, and its head.
fn parts(rule: &Value) -> Option<(&'static str, &Value, &Value)> {
    if let Some(default) = rule.get("Default") {
        return Some(("Default", default, default));
    }
    let rule = rule.get("Spec")?;
    let kinds = ["Func", "Set", "Compr"];
    kinds
        .iter()
        .find_map(|of| Some((*of, rule, rule["head"].get(of)?)))
}

/// By conftest's names: `deny`, `violation` and `warn`, perhaps with something after a low line.
pub(super) fn kind_of(name: &str) -> Option<Kind> {
    let is = |word: &str| {
        name.strip_prefix(word)
            .is_some_and(|rest| rest.is_empty() || rest.len() > 1 && rest.starts_with('_'))
    };
    match () {
        () if is("deny") || is("violation") => Some(Kind::Deny),
        () if is("warn") => Some(Kind::Warn),
        () => None,
    }
}

/// The names of a reference: `data.lib.f` is three. What stands in brackets without quotation marks, as in `deny[msg]`, is
/// no name.
fn names(reference: &Value) -> Vec<String> {
    if let Some(name) = text_at(reference, "/Var/value") {
        return vec![name.to_owned()];
    }
    if let Some(dot) = reference.get("RefDot") {
        let mut found = names(&dot["refr"]);
        found.extend(text_at(dot, "/field/1").map(str::to_owned));
        return found;
    }
    match reference.get("RefBrack") {
        Some(bracket) => {
            let mut found = names(&bracket["refr"]);
            found.extend(text_at(bracket, "/index/String/value").map(str::to_owned));
            found
        }
        None => Vec::new(),
    }
}

fn collect_calls(tree: &Value, calls: &mut Vec<(Vec<String>, (u32, u32))>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| collect_calls(item, calls)),
        Value::Object(fields) => {
            if let Some(call) = fields.get("Call") {
                let function = &call["fcn"];
                let at = first_place(function).or_else(|| place(&call["span"]));
                calls.push((names(function), at.unwrap_or((1, 1))));
            }
            fields.values().for_each(|field| collect_calls(field, calls));
        }
        _ => {}
    }
}

/// Every name and text in a part of the tree.
fn collect_names(tree: &Value, names: &mut BTreeSet<String>) {
    match tree {
        Value::Array(items) => items.iter().for_each(|item| collect_names(item, names)),
        Value::Object(fields) => fields.values().for_each(|field| collect_names(field, names)),
        Value::String(name) => drop(names.insert(name.clone())),
        _ => {}
    }
}

pub(super) fn text_at<'v>(value: &'v Value, pointer: &str) -> Option<&'v str> {
    value.pointer(pointer)?.as_str()
}

/// Where a reference begins.
fn first_place(reference: &Value) -> Option<(u32, u32)> {
    match reference.get("RefDot") {
        Some(dot) => first_place(&dot["refr"]),
        None => reference.pointer("/Var/span").and_then(place),
    }
}

pub(super) fn place(span: &Value) -> Option<(u32, u32)> {
    let number = |name: &str| u32::try_from(span[name].as_u64()?).ok();
    Some((number("line")?, number("col")?))
}

fn bytes_of(span: &Value) -> Option<Range<usize>> {
    let number = |name: &str| usize::try_from(span[name].as_u64()?).ok();
    Some(number("start")?..number("end")?)
}

type Function = (Vec<String>, Vec<String>);

/// Functions that are not there, those whose answers would change from run to run, and those that call themselves.
pub(super) fn check(modules: &[Module], mut is_builtin: impl FnMut(&str) -> bool) -> Vec<PolicyError> {
    let mut functions: BTreeMap<Function, (&Module, &Head)> = BTreeMap::new();
    for module in modules {
        for head in module.heads.iter().filter(|head| head.is_function) {
            let function = (module.package.clone(), head.name.clone());
            functions.entry(function).or_insert((module, head));
        }
    }
    let known: BTreeSet<&Function> = functions.keys().collect();
    let mut errors = Vec::new();
    let mut edges: BTreeMap<&Function, BTreeSet<&Function>> = BTreeMap::new();
    for module in modules {
        for head in &module.heads {
            let own = (module.package.clone(), head.name.clone());
            for (name, at) in &head.calls {
                match resolve(module, name, &known) {
                    Some(function) => {
                        if let Some(own) = known.get(&own).filter(|_| head.is_function) {
                            edges.entry(own).or_default().insert(function);
                        }
                    }
                    None => errors.extend(builtin(module, name, *at, &mut is_builtin)),
                }
            }
        }
    }
    for (function, (module, head)) in &functions {
        if reaches(function, &edges) {
            errors.push(PolicyError {
                file: Arc::clone(&module.file),
                at: Some(head.at),
                message: format!(
                    "the function `{}` calls itself, which Rego does not allow",
                    head.name.join(".")
                ),
                help: Some("go through a list with `some … in` instead".into()),
            });
        }
    }
    errors
}

/// The function of the files that a name means.
fn resolve<'f>(module: &Module, name: &[String], known: &BTreeSet<&'f Function>) -> Option<&'f Function> {
    let local: Function = (module.package.clone(), name.to_vec());
    if let Some(function) = known.get(&local) {
        return Some(function);
    }
    let (first, rest) = name.split_first()?;
    let mut path = match first.as_str() {
        "data" => vec!["data".to_owned()],
        alias => module.imports.get(alias)?.clone(),
    };
    path.extend_from_slice(rest);
    let path = path.get(1..)?;
    // Where the package ends and the name begins is told by what there is.
    (0..path.len()).rev().find_map(|end| {
        let (package, name) = path.split_at(end);
        known.get(&(package.to_vec(), name.to_vec())).copied()
    })
}

/// What is wrong with the call of a function that the files do not define.
fn builtin(
    module: &Module,
    name: &[String],
    at: (u32, u32),
    is_builtin: &mut impl FnMut(&str) -> bool,
) -> Option<PolicyError> {
    let text = name.join(".");
    let wrong = |message: String| PolicyError {
        file: Arc::clone(&module.file),
        at: Some(at),
        message,
        help: Some(NO_NETWORK.into()),
    };
    if name.is_empty() {
        return None;
    }
    if text == "rand.intn" {
        return Some(wrong(
            "`rand.intn` would give another judgement at each run".to_owned(),
        ));
    }
    let plain = name.iter().all(|part| is_name(part));
    (!plain || !is_builtin(&text)).then(|| wrong(format!("there is no function `{text}` here")))
}

fn reaches(from: &Function, edges: &BTreeMap<&Function, BTreeSet<&Function>>) -> bool {
    let mut seen: BTreeSet<&Function> = BTreeSet::new();
    let mut open: Vec<&Function> = vec![from];
    while let Some(function) = open.pop() {
        for next in edges.get(function).into_iter().flatten() {
            if *next == from {
                return true;
            }
            if seen.insert(next) {
                open.push(next);
            }
        }
    }
    false
}

/// Where brackets are nested deeper than `most`; text and comments are passed over.
pub(super) fn too_deep(text: &str, most: usize) -> Option<(u32, u32)> {
    let (mut depth, mut line, mut column) = (0_usize, 1_u32, 0_u32);
    let (mut quote, mut escaped, mut comment) = (None, false, false);
    for c in text.chars() {
        column += 1;
        match (quote, c) {
            (_, '\n') => {
                (line, column, comment) = (line + 1, 0, false);
            }
            _ if comment => {}
            (Some('"'), '\\') if !escaped => {
                escaped = true;
                continue;
            }
            (Some(open), c) if c == open && !escaped => quote = None,
            (Some(_), _) => {}
            (None, '"' | '`') => quote = Some(c),
            (None, '#') => comment = true,
            (None, '(' | '[' | '{') => {
                depth += 1;
                if depth > most {
                    return Some((line, column));
                }
            }
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            _ => {}
        }
        escaped = false;
    }
    None
}
