//! Evaluation: a program, variables and what was read make what is declared.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use jiff::Timestamp;

use crate::config::decode::{self, Decoded};
use crate::config::entities::{Engine, ModuleId, ModuleScope};
use crate::config::eval::Scope;
use crate::config::files::Files;
use crate::config::program::Program;
use crate::config::syntax::{Body, Expr};
use crate::diagnostic::{Code, Diagnostic, Diagnostics, did_you_mean};
use crate::id::{GroupName, OuPath, PermissionSetName, UserName};
use crate::model::account::Account;
use crate::model::instance::Observed;
use crate::model::stack::{Desired, FileRead};
use crate::source::Location;

pub use crate::config::decode::settings::{ProviderSettings, ReadBy, StateSettings};

/// A variable that no block declares.
const UNDECLARED: Code = Code("undeclared-variable");
/// The machine would not give evaluation the room it needs.
const NO_THREAD: Code = Code("no-thread");

/// The stack of the thread that evaluates: room for expressions nested as deeply as the limits allow.
const STACK: usize = 256 << 20;

/// What evaluation depends on besides the program and its files.
#[derive(Debug, Clone)]
pub struct EvalOptions<'a> {
    /// Values of variables, weakest first: of two for one variable, the later counts.
    pub variables: Vec<VariableInput>,
    /// What was read of the service; without it, look-ups are unknown and nothing is wrong with that.
    pub observed: Option<&'a Observed>,
    /// The moment to evaluate for, by the provider's clock.
    pub now: Timestamp,
    /// What `path.cwd` is.
    pub cwd: Arc<str>,
}

/// A value given for a variable.
#[derive(Debug, Clone)]
pub struct VariableInput {
    /// The variable.
    pub name: Arc<str>,
    /// Its value.
    pub value: InputValue,
    /// Who gave it, for messages: `--var region`, `prod.auto.hclvars`, `ROLECALL_VAR_region`.
    pub origin: Arc<str>,
    /// What to do if there is no such variable.
    pub unknown: UnknownVariable,
}

/// A variable's value as given.
#[derive(Debug, Clone)]
pub enum InputValue {
    /// Text from the command line or environment: itself for variables of simple types, an expression for others.
    Text(String),
    /// An expression of a variable file.
    Expr(Arc<Expr>),
}

/// What to do about a value for a variable that no block declares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum UnknownVariable {
    /// It is a mistake (`--var`).
    Error,
    /// It may be for another stack (a file).
    Warning,
    /// It is no one's business (the environment).
    Ignore,
}

impl VariableInput {
    /// The values in a variable file that was read with [`crate::config::module::variable_file`].
    pub fn of_file(body: &Body, name: &str) -> Vec<VariableInput> {
        let attributes = body.attributes.iter();
        attributes
            .map(|attribute| VariableInput {
                name: attribute.name.clone(),
                value: InputValue::Expr(attribute.expr.clone()),
                origin: Arc::from(name),
                unknown: UnknownVariable::Warning,
            })
            .collect()
    }

    /// A value from the command line.
    pub fn option(name: &str, value: &str) -> VariableInput {
        VariableInput {
            name: Arc::from(name),
            value: InputValue::Text(value.to_owned()),
            origin: Arc::from(format!("--var {name}")),
            unknown: UnknownVariable::Error,
        }
    }

    /// A value from the environment.
    pub fn environment(name: &str, value: &str) -> VariableInput {
        VariableInput {
            name: Arc::from(name),
            value: InputValue::Text(value.to_owned()),
            origin: Arc::from(format!("ROLECALL_VAR_{name}")),
            unknown: UnknownVariable::Ignore,
        }
    }
}

/// Something that a stack refers to but does not create.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Referred {
    /// An account as declared.
    Account(Account),
    /// A unit.
    OrganizationalUnit(OuPath),
    /// A user that a directory has.
    User(UserName),
    /// A group that a directory has.
    Group(GroupName),
    /// A permission set that someone else made.
    PermissionSet(PermissionSetName),
}

/// What a stack declares, and everything wrong with it.
#[derive(Debug, Clone, Default)]
pub struct Evaluation {
    /// What is declared. Meaningless while there are errors.
    pub desired: Desired,
    /// What the stack refers to but does not create, by kind and key.
    pub references: Vec<Referred>,
    /// The stack's name, if it says one.
    pub name: Option<Arc<str>>,
    /// Where state is kept.
    pub state: StateSettings,
    /// Which service is meant.
    pub provider: ProviderSettings,
    /// Where that is written.
    pub provider_at: Option<Location>,
    /// Whether a reading of the service would change anything of this but what is held: a look-up's answer was
    /// asked for and there was none.
    pub needs_reading: bool,
    /// What is wrong.
    pub diagnostics: Diagnostics,
}

impl Evaluation {
    /// Takes in a reading of the service, after an evaluation without one that does not [need
    /// it](Evaluation::needs_reading): look-ups that it does not answer are held.
    pub fn take_in(&mut self, observed: &Observed) {
        decode::hold_unanswered(&mut self.desired, observed);
    }
}

/// Evaluates a program.
pub fn evaluate(program: &Program, options: &EvalOptions<'_>, files: &(dyn Files + Sync)) -> Evaluation {
    let recorder = Recorder::new(files);
    let result = on_large_stack(|| {
        let engine = Engine::new(program, options, &recorder);
        check_inputs(&engine);
        let decoded = decode::decode(&engine);
        (decoded, engine.take_found())
    });
    match result {
        Ok((decoded, diagnostics)) => finished(decoded, diagnostics, recorder),
        Err(why) => failed(&why),
    }
}

/// Where a stack's state is kept and which service it means, told ahead of everything else, so that both can be read
/// while the rest is evaluated. `None` when there is a mistake in it, which [`evaluate`] reports.
pub fn places(
    program: &Program,
    options: &EvalOptions<'_>,
    files: &(dyn Files + Sync),
) -> Option<(StateSettings, ProviderSettings)> {
    let recorder = Recorder::new(files);
    let result = on_large_stack(|| {
        let engine = Engine::new(program, options, &recorder);
        let places = decode::places(&engine);
        (places, engine.take_found())
    });
    let (places, found) = result.ok()?;
    (!found.has_errors()).then_some(places)
}

/// Gives `run` the names of the root module, for the console. Findings that evaluation reports besides failing
/// are returned with the result.
///
/// # Errors
/// When there is no thread to run it on.
pub fn with_scope<R: Send>(
    program: &Program,
    options: &EvalOptions<'_>,
    files: &(dyn Files + Sync),
    run: impl FnOnce(&dyn Scope, &dyn Fn() -> Diagnostics) -> R + Send,
) -> Result<R, String> {
    let recorder = Recorder::new(files);
    on_large_stack(|| {
        let engine = Engine::new(program, options, &recorder);
        run(&ModuleScope::new(&engine, ModuleId(0)), &|| engine.take_found())
    })
}

fn finished(decoded: Decoded, diagnostics: Diagnostics, recorder: Recorder<'_>) -> Evaluation {
    let mut desired = decoded.desired;
    desired.files = recorder.reads();
    Evaluation {
        desired,
        references: decoded.references,
        name: decoded.name,
        state: decoded.state,
        provider: decoded.provider,
        provider_at: decoded.provider_at,
        needs_reading: decoded.needs_reading,
        diagnostics,
    }
}

fn failed(why: &str) -> Evaluation {
    let mut evaluation = Evaluation::default();
    let error = Diagnostic::error(NO_THREAD, format!("the configuration cannot be evaluated: {why}"));
    evaluation.diagnostics.push(error);
    evaluation
}

fn on_large_stack<R: Send>(run: impl FnOnce() -> R + Send) -> Result<R, String> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new()
            .name("evaluate".to_owned())
            .stack_size(STACK);
        let thread = builder
            .spawn_scoped(scope, run)
            .map_err(|error| error.to_string())?;
        thread
            .join()
            .map_err(|_| "an internal error; please report it".to_owned())
    })
}

fn check_inputs(engine: &Engine<'_>) {
    let Some(root) = engine.program.root() else { return };
    for input in &engine.options.variables {
        if root.variables.get(&input.name).is_some() || input.unknown == UnknownVariable::Ignore {
            continue;
        }
        let message = format!(
            "there is no variable `{}`, for which {} gives a value",
            input.name, input.origin
        );
        let mut finding = match input.unknown {
            UnknownVariable::Error => Diagnostic::error(UNDECLARED, message),
            _ => Diagnostic::warning(UNDECLARED, message),
        };
        if let InputValue::Expr(expr) = &input.value {
            finding = finding.at(expr.span, "");
        }
        let help = did_you_mean(&input.name, root.variables.names())
            .unwrap_or_else(|| format!("declare it: `variable \"{}\" {{ … }}`", input.name));
        engine.report(finding.help(help));
    }
}

/// Files that remember what was read of them.
struct Recorder<'f> {
    files: &'f (dyn Files + Sync),
    reads: Mutex<BTreeMap<Arc<str>, Arc<str>>>,
}

impl<'f> Recorder<'f> {
    fn new(files: &'f (dyn Files + Sync)) -> Self {
        Recorder {
            files,
            reads: Mutex::default(),
        }
    }

    fn note(&self, path: &str, bytes: &[u8]) {
        let hash = blake3::hash(bytes).to_hex();
        if let Ok(mut reads) = self.reads.lock() {
            reads.insert(Arc::from(path), Arc::from(hash.as_str()));
        }
    }

    fn reads(self) -> Vec<FileRead> {
        let reads = self.reads.into_inner().unwrap_or_default();
        reads
            .into_iter()
            .map(|(path, hash)| FileRead { path, hash })
            .collect()
    }
}

impl Files for Recorder<'_> {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        let bytes = self.files.read(path)?;
        self.note(path, &bytes);
        Ok(bytes)
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        let exists = self.files.exists(path)?;
        self.note(&format!("{path} (exists)"), if exists { b"yes" } else { b"no" });
        Ok(exists)
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let names = self.files.list(directory)?;
        self.note(&format!("{directory}/ (names)"), names.join("\n").as_bytes());
        Ok(names)
    }
}

#[cfg(test)]
#[path = "evaluate_tests.rs"]
mod tests;
