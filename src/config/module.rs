//! Loading: from a directory's files, and those of the modules it calls, to a [`Program`].

use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::config::program::{Module, Program};
use crate::config::syntax::{Block, Body, Expr, ExprKind, Part, parse_body};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::source::{FileId, SourceMap, Span};

/// A directory or file that cannot be read.
const UNREADABLE: Code = Code("unreadable-source");
/// A block in a file of variables.
const NOT_A_VARIABLE: Code = Code("block-in-variables");
/// A directory without any `*.hcl` file.
const EMPTY: Code = Code("no-configuration");
/// A `source` that is not a path written out.
const BAD_SOURCE: Code = Code("bad-module-source");
/// An argument for a variable that the module does not have.
const UNKNOWN_ARGUMENT: Code = Code("unknown-argument");
/// A module that calls itself, perhaps by way of others.
const RECURSION: Code = Code("module-cycle");

/// Where a stack's files are read from.
///
/// Paths are relative to the stack's directory, with forward slashes; `.` is the stack's directory.
pub trait SourceTree: Sync {
    /// The names of the files (not directories) directly in a directory.
    ///
    /// # Errors
    /// Why it cannot be read, as the end of a sentence: "no such directory".
    fn list(&self, directory: &str) -> Result<Vec<String>, String>;

    /// The text of a file.
    ///
    /// # Errors
    /// Why it cannot be read, as the end of a sentence: "not valid UTF-8 at byte 7".
    fn read(&self, path: &str) -> Result<String, String>;
}

/// Reads and checks a stack: every `*.hcl` file in `root` (not below it) and the modules they call.
///
/// The program holds whatever could be made sense of, so that evaluation can find more mistakes in one run.
pub fn compile(sources: &dyn SourceTree, root: &str) -> (Program, SourceMap, Diagnostics) {
    let mut loader = Loader {
        sources,
        program: Program::default(),
        map: SourceMap::new(),
        found: Diagnostics::new(),
        loaded: FxHashMap::default(),
    };
    let root = normalise(root).unwrap_or_else(|| root.to_owned());
    loader.load(&root, None);
    let mut next = 0;
    while next < loader.program.modules.len() {
        loader.follow_calls(next);
        next += 1;
    }
    loader.refuse_recursion();
    loader.check_arguments();
    loader.program.sources = loader.map.clone();
    loader.program.has_errors = loader.found.has_errors();
    (loader.program, loader.map, loader.found)
}

/// Reads a file of variable values (`name = value` lines), for [`crate::config::evaluate`]'s options.
pub fn variable_file(map: &mut SourceMap, name: &str, text: &str) -> (Body, Vec<Diagnostic>) {
    let file = map.add(name, text);
    let text = map
        .file(file)
        .map_or_else(|| Arc::from(text), |file| file.text.clone());
    let (body, mut found) = parse_body(file, &text);
    found.extend(body.blocks.iter().map(|block| {
        Diagnostic::error(
            NOT_A_VARIABLE,
            format!("a file of variables holds no `{}` blocks", block.kind),
        )
        .at(crate::config::check::head(block), "")
        .help("write `name = value`; blocks belong into a `*.hcl` file")
    }));
    (body, found)
}

struct Loader<'s> {
    sources: &'s dyn SourceTree,
    program: Program,
    map: SourceMap,
    found: Diagnostics,
    loaded: FxHashMap<String, usize>,
}

impl Loader<'_> {
    /// Loads a directory once. `called_at` is the `source` of the first call.
    fn load(&mut self, directory: &str, called_at: Option<Span>) -> Option<usize> {
        if let Some(index) = self.loaded.get(directory) {
            return Some(*index);
        }
        let is_root = self.program.modules.is_empty();
        let mut module = Module::new(directory);
        let files = self.files(directory, called_at);
        if files.is_none() && !is_root {
            return None;
        }
        let bodies: Vec<(Body, Vec<Diagnostic>)> = files
            .unwrap_or_default()
            .into_par_iter()
            .map(|(file, text)| parse_body(file, &text))
            .collect();
        for (body, problems) in bodies {
            problems.into_iter().for_each(|problem| self.found.push(problem));
            module.add(body, is_root, &self.map, &mut self.found);
        }
        let index = self.program.modules.len();
        self.program.modules.push(module);
        self.loaded.insert(directory.to_owned(), index);
        Some(index)
    }

    fn files(&mut self, directory: &str, called_at: Option<Span>) -> Option<Vec<(FileId, Arc<str>)>> {
        let mut names = match self.sources.list(directory) {
            Ok(names) => names,
            Err(why) => {
                self.complain(
                    UNREADABLE,
                    format!("the directory `{directory}` cannot be read: {why}"),
                    called_at,
                    Some(match called_at {
                        Some(_) => "create it, or correct `source`: a path relative to the file that calls the module",
                        None => "name the stack's directory with -C",
                    }),
                );
                return None;
            }
        };
        names.retain(|name| name.ends_with(".hcl") && !name.starts_with('.'));
        names.sort();
        if names.is_empty() {
            let help = "put at least one `*.hcl` file there; `rolecall init` writes a first one";
            self.complain(
                EMPTY,
                format!("there is no `*.hcl` file in `{directory}`"),
                called_at,
                Some(help),
            );
            return None;
        }
        let sources = self.sources;
        let paths: Vec<String> = names.into_iter().map(|name| join(directory, &name)).collect();
        let texts: Vec<Result<String, String>> = paths.par_iter().map(|path| sources.read(path)).collect();
        let mut files = Vec::new();
        for (path, text) in paths.into_iter().zip(texts) {
            match text {
                Ok(text) => {
                    let file = self.map.add(path, text);
                    let text = self.map.file(file).map(|file| file.text.clone());
                    files.extend(text.map(|text| (file, text)));
                }
                Err(why) => self.complain(
                    UNREADABLE,
                    format!("`{path}` cannot be read: {why}"),
                    called_at,
                    None,
                ),
            }
        }
        Some(files)
    }

    fn complain(&mut self, code: Code, message: String, at: Option<Span>, help: Option<&str>) {
        let mut error = Diagnostic::error(code, message);
        error = match at {
            Some(span) => error.at(span, "called here"),
            None => error,
        };
        self.found.push(match help {
            Some(help) => error.help(help),
            None => error,
        });
    }

    fn follow_calls(&mut self, index: usize) {
        let Some(module) = self.program.modules.get(index) else {
            return;
        };
        let directory = module.directory.clone();
        let calls: Vec<(usize, Source)> = module
            .calls
            .items
            .iter()
            .enumerate()
            .map(|(at, (_, call))| (at, source_of(&call.block, &directory)))
            .collect();
        for (at, source) in calls {
            let target = match source {
                Ok((path, span)) => self.load(&path, Some(span)),
                Err(problem) => {
                    problem.into_iter().for_each(|problem| self.found.push(*problem));
                    None
                }
            };
            let call = self
                .program
                .modules
                .get_mut(index)
                .and_then(|module| module.calls.items.get_mut(at));
            if let Some((_, call)) = call {
                call.module = target;
            }
        }
    }

    /// Arguments of calls are variables of the module called.
    fn check_arguments(&mut self) {
        for module in &self.program.modules {
            for (name, call) in &module.calls.items {
                let Some(target) = call.module.and_then(|target| self.program.modules.get(target)) else {
                    continue;
                };
                for argument in &call.block.body.attributes {
                    let known = matches!(argument.name.as_ref(), "source" | "for_each" | "count");
                    if known || target.variables.get(&argument.name).is_some() {
                        continue;
                    }
                    let message = format!("module `{name}` has no variable `{}`", argument.name);
                    let error = Diagnostic::error(UNKNOWN_ARGUMENT, message).at(argument.name_span, "");
                    let help = did_you_mean(&argument.name, target.variables.names()).unwrap_or_else(|| {
                        format!(
                            "declare it in `{}`: `variable \"{}\" {{ … }}`",
                            target.directory, argument.name
                        )
                    });
                    self.found.push(error.help(help));
                }
            }
        }
    }

    /// Cuts calls by which a module would contain itself, and says so.
    fn refuse_recursion(&mut self) {
        let mut state = vec![Visit::New; self.program.modules.len()];
        let mut cut = Vec::new();
        for start in 0..self.program.modules.len() {
            visit(&self.program, start, &mut state, &mut Vec::new(), &mut cut);
        }
        for (module, call, path) in cut {
            let found = self
                .program
                .modules
                .get_mut(module)
                .and_then(|it| it.calls.items.get_mut(call));
            let Some((_, call)) = found else { continue };
            call.module = None;
            let at = crate::config::check::head(&call.block);
            self.found.push(
                Diagnostic::error(RECURSION, "a module cannot contain itself")
                    .at(at, "this call closes the circle")
                    .because(format!("the modules call each other: {path}"))
                    .help("remove one of the calls"),
            );
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    Open,
    Done,
}

/// Depth first; the depth is the number of distinct directories at most.
fn visit(
    program: &Program,
    at: usize,
    state: &mut Vec<Visit>,
    path: &mut Vec<usize>,
    cut: &mut Vec<(usize, usize, String)>,
) {
    if state.get(at) != Some(&Visit::New) {
        return;
    }
    set(state, at, Visit::Open);
    path.push(at);
    let calls = program
        .modules
        .get(at)
        .map(|module| module.calls.items.as_slice())
        .unwrap_or_default();
    for (index, (_, call)) in calls.iter().enumerate() {
        let Some(target) = call.module else { continue };
        if state.get(target) == Some(&Visit::Open) {
            let circle = path
                .iter()
                .skip_while(|module| **module != target)
                .chain([&target]);
            let names: Vec<&str> = circle
                .filter_map(|module| program.modules.get(*module))
                .map(|module| module.directory.as_ref())
                .collect();
            cut.push((at, index, names.join(" → ")));
        } else {
            visit(program, target, state, path, cut);
        }
    }
    path.pop();
    set(state, at, Visit::Done);
}

fn set(state: &mut [Visit], at: usize, value: Visit) {
    if let Some(slot) = state.get_mut(at) {
        *slot = value;
    }
}

/// The directory a call names and where it says so, or what is wrong.
type Source = Result<(String, Span), Option<Box<Diagnostic>>>;

/// The directory a call names; `Err(None)` if it has no source, which the schema check has said.
fn source_of(block: &Block, directory: &str) -> Source {
    let attribute = block
        .body
        .attributes
        .iter()
        .find(|attribute| attribute.name.as_ref() == "source");
    let expr = &attribute.ok_or(None)?.expr;
    let error = |message: &str| Diagnostic::error(BAD_SOURCE, message).at(expr.span, "");
    let refuse = |error: Diagnostic| Err(Some(Box::new(error)));
    let Some(text) = literal(expr) else {
        let error = error("a module's `source` is a text written out, not computed");
        return refuse(error.because("modules are loaded before anything is evaluated"));
    };
    if !text.starts_with("./") && !text.starts_with("../") {
        return refuse(
            error("a module's `source` is a local path that begins with `./` or `../`")
                .because(format!(
                    "`{text}` would have to be downloaded, which rolecall does not do"
                ))
                .help("copy the module next to the stack, or keep it in the same repository"),
        );
    }
    match normalise(&join(directory, &text)) {
        Some(path) => Ok((path, expr.span)),
        None => refuse(error("this path leads nowhere")),
    }
}

fn literal(expr: &Expr) -> Option<String> {
    match &expr.kind {
        ExprKind::Literal(value) => value.as_str().map(str::to_owned),
        ExprKind::Template(parts) => match parts.as_slice() {
            [Part::Literal(text)] => Some(text.to_string()),
            _ => None,
        },
        _ => None,
    }
}

fn join(directory: &str, name: &str) -> String {
    if directory == "." {
        name.to_owned()
    } else {
        format!("{directory}/{name}")
    }
}

/// The path without `.` and with `..` resolved as far as possible; `.` for nothing.
fn normalise(path: &str) -> Option<String> {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let joined = parts.join("/");
    let absolute = if path.starts_with('/') {
        format!("/{joined}")
    } else {
        joined
    };
    Some(if absolute.is_empty() {
        ".".to_owned()
    } else {
        absolute
    })
}
