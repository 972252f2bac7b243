//! The interpreter: the one file that names it.

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use regorus::utils::limits::ExecutionTimerConfig;
use regorus::{Engine, LimitError, Value};

use super::syntax::{Definition, Module, NO_NETWORK, dotted, modules, trees};
use super::verdict::{Said, findings, said};
use super::{Judgement, PolicyError, builtins};
use crate::model::policy_file::{PolicyContent, PolicyFile};

/// Longer files are refused: parsing them could exhaust the stack.
const MOST_BYTES: usize = 256 * 1024;
/// Deeper brackets are refused: the parser's time doubles with each.
const MOST_NESTED: usize = 14;
/// How long one rule may take. In tests, so long as nobody minds waiting.
const LIMIT: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });
/// Of more definitions of one rule it is not told which one spoke.
const MOST_TOLD_APART: usize = 64;

/// Parsed policies.
pub(super) struct Policies {
    engine: Engine,
    modules: Vec<Module>,
    /// Their syntax trees.
    trees: Vec<serde_json::Value>,
    /// The rules' texts with their versions, to parse them again.
    texts: Vec<Text>,
    data: Vec<(Arc<str>, String)>,
    now: Timestamp,
}

/// A file of rules.
#[derive(Clone)]
struct Text {
    file: Arc<str>,
    rego: Arc<str>,
    /// Written for the language before version 1, where `if` and `contains` are not there.
    old: bool,
}

impl Policies {
    /// Parses policies and looks at what they call.
    pub(super) fn load(files: &[PolicyFile], now: Timestamp) -> Result<Self, Vec<PolicyError>> {
        let mut errors = Vec::new();
        let mut texts = Vec::new();
        let rules = files.iter().filter(|file| file.content == PolicyContent::Rego);
        for file in rules {
            match version_of(file) {
                Ok(old) => texts.push(Text {
                    file: Arc::clone(&file.path),
                    rego: Arc::clone(&file.text),
                    old,
                }),
                Err(error) => errors.push(error),
            }
        }
        let data: Vec<(Arc<str>, String)> = files.iter().filter_map(nested).collect();
        let built = build(&texts, &data, now, LIMIT);
        let (engine, trees) = match built {
            Ok(engine) if errors.is_empty() => match trees(&tree(&engine)) {
                Ok(trees) => (engine, trees),
                Err(error) => return Err(vec![error]),
            },
            Ok(_) => return Err(errors),
            Err(error) => {
                errors.push(error);
                return Err(errors);
            }
        };
        let modules = modules(&trees, &packages(&engine));
        errors.extend(data.iter().filter_map(|file| in_place_of_a_rule(file, &modules)));
        let mut probe = Engine::new();
        builtins::add(&mut probe, now);
        errors.extend(super::syntax::check(&modules, |name| {
            is_builtin(&mut probe, name)
        }));
        errors.sort();
        errors.dedup();
        match errors.is_empty() {
            true => Ok(Policies {
                engine,
                modules,
                trees,
                texts,
                data,
                now,
            }),
            false => Err(errors),
        }
    }

    /// What the rules say that cannot be meant: rules that nobody asks, and parts of the plan that there are not. The
    /// schema is that of plans.
    pub(super) fn remarks(&self, schema: &serde_json::Value) -> Vec<PolicyError> {
        let mut found = super::unasked::unasked(&self.modules);
        for tree in &self.trees {
            found.extend(super::input::unknown_members(tree, schema));
        }
        found.sort();
        found.dedup();
        found
    }

    /// Evaluates every rule that denies or warns.
    pub(super) fn judge(mut self, plan: &str) -> Result<Judgement, Vec<PolicyError>> {
        let input = Value::from_json_str(plan).map_err(|error| vec![located(&error, "", None)])?;
        self.engine.set_input(input.clone());
        self.engine.set_gather_prints(true);
        let mut by_rule: BTreeMap<String, Vec<&Definition>> = BTreeMap::new();
        for definition in self.modules.iter().flat_map(|module| &module.definitions) {
            by_rule.entry(definition.path()).or_default().push(definition);
        }
        let (mut found, mut errors) = (Vec::new(), Vec::new());
        for (path, definitions) in &by_rule {
            let Some(first) = definitions.first() else {
                continue;
            };
            let value = match evaluate(&mut self.engine, path) {
                Ok(value) => value,
                Err(error) => {
                    let at = match error.downcast_ref::<LimitError>() {
                        Some(_) => self.slow(path, definitions, &input).unwrap_or(first),
                        None => first,
                    };
                    errors.push(located(&error, &at.file, Some(at.at)));
                    continue;
                }
            };
            let of_entries = definitions.iter().any(|definition| definition.is_entry);
            match said(&value, first, of_entries) {
                Ok(said) => found.extend(self.told_apart(path, definitions, &input, said)),
                Err(error) => errors.push(error),
            }
        }
        if !errors.is_empty() {
            return Err(errors);
        }
        Ok(Judgement {
            findings: findings(found),
            printed: self.engine.take_prints().unwrap_or_default(),
        })
    }

    /// Of several definitions of one rule, finds the one that says each thing: each is evaluated without the others.
    fn told_apart<'d>(
        &self,
        path: &str,
        definitions: &[&'d Definition],
        input: &Value,
        said_by_all: Vec<Said>,
    ) -> Vec<(Said, &'d Definition)> {
        let Some(first) = definitions.first().copied() else {
            return Vec::new();
        };
        let mut of: BTreeMap<Said, &Definition> = BTreeMap::new();
        if !said_by_all.is_empty() && (2..=MOST_TOLD_APART).contains(&definitions.len()) {
            for one in definitions {
                let value = self.alone(path, one, definitions, input, LIMIT).ok();
                let by_it = value.and_then(|value| said(&value, one, one.is_entry).ok());
                for said in by_it.unwrap_or_default() {
                    of.entry(said).or_insert(one);
                }
            }
        }
        let place = |said: Said| {
            let definition = of.get(&said).copied().unwrap_or(first);
            (said, definition)
        };
        said_by_all.into_iter().map(place).collect()
    }

    /// Of several definitions of one rule that takes too long, one that takes its time: the first that takes half of what
    /// the rule may take, or its part of it.
    fn slow<'d>(&self, path: &str, definitions: &[&'d Definition], input: &Value) -> Option<&'d Definition> {
        let parts = u32::try_from(definitions.len()).ok()?;
        if !(2..=MOST_TOLD_APART).contains(&definitions.len()) {
            return None;
        }
        let takes = |one: &Definition, limit: Duration| {
            let outcome = self.alone(path, one, definitions, input, limit);
            outcome.is_err_and(|error| error.downcast_ref::<LimitError>().is_some())
        };
        [LIMIT / 2, LIMIT / parts]
            .into_iter()
            .find_map(|limit| definitions.iter().copied().find(|one| takes(one, limit)))
    }

    /// A rule's value as one of its definitions has it, without the others.
    fn alone(
        &self,
        path: &str,
        one: &Definition,
        definitions: &[&Definition],
        input: &Value,
        limit: Duration,
    ) -> anyhow::Result<serde_json::Value> {
        let others = definitions.iter().copied().filter(|other| *other != one);
        let texts = without(&self.texts, others);
        let mut engine =
            build(&texts, &self.data, self.now, limit).map_err(|error| anyhow::anyhow!(error.message))?;
        engine.set_input(input.clone());
        engine.set_gather_prints(true);
        evaluate(&mut engine, path)
    }
}

/// Data at the place of a rule, which the interpreter would take for what the rule says.
fn in_place_of_a_rule((file, json): &(Arc<str>, String), modules: &[Module]) -> Option<PolicyError> {
    let data = Value::from_json_str(json).ok()?;
    let heads = modules
        .iter()
        .flat_map(|module| module.heads.iter().map(move |head| (module, head)));
    let mut taken = heads.filter(|(module, head)| {
        if head.name.is_empty() {
            return false;
        }
        let mut at = &data;
        // Of rules that are defined entry by entry, the whole counts.
        for name in module.package.iter().chain(head.name.first()) {
            match at
                .as_object()
                .map(|fields| fields.get(&Value::from(name.as_str())))
            {
                Ok(Some(inner)) => at = inner,
                Ok(None) => return false,
                Err(_) => return true,
            }
        }
        true
    });
    let (module, head) = taken.next()?;
    let rule = dotted(&module.package, head.name.get(..1).unwrap_or_default());
    Some(PolicyError {
        file: Arc::clone(file),
        at: None,
        message: format!(
            "this is data at the place of the rule `{rule}` ({}:{}), which it would replace",
            module.file, head.at.0
        ),
        help: Some("give the data another name, or move the file into another directory".into()),
    })
}

/// The files with some definitions blanked out, so that everything else stays where it is.
fn without<'d>(texts: &[Text], definitions: impl Iterator<Item = &'d Definition>) -> Vec<Text> {
    let mut texts = texts.to_vec();
    for definition in definitions {
        let Some(text) = texts.iter_mut().find(|text| text.file == definition.file) else {
            continue;
        };
        let mut bytes = text.rego.as_bytes().to_vec();
        let blanked = bytes.get_mut(definition.range.clone()).unwrap_or_default();
        for byte in blanked.iter_mut().filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
        text.rego = Arc::from(String::from_utf8_lossy(&bytes).as_ref());
    }
    texts
}

/// Whether a file is written for the language before version 1.
fn version_of(file: &PolicyFile) -> Result<bool, PolicyError> {
    let wrong = |at, message: String, help: &str| PolicyError {
        file: Arc::clone(&file.path),
        at,
        message,
        help: Some(Arc::from(help)),
    };
    if file.text.len() > MOST_BYTES {
        let message = format!(
            "a policy file has at most {MOST_BYTES} bytes; this has {}",
            file.text.len()
        );
        return Err(wrong(None, message, "divide it"));
    }
    if let Some(at) = super::syntax::too_deep(&file.text, MOST_NESTED) {
        let message = format!("brackets are nested more than {MOST_NESTED} deep");
        return Err(wrong(Some(at), message, "give the inner part a name of its own"));
    }
    let parse = |old: bool| {
        let mut engine = Engine::new();
        engine.set_rego_v0(old);
        engine.add_policy(file.path.to_string(), file.text.to_string())
    };
    let Err(error) = parse(false) else {
        return Ok(false);
    };
    // A file that lacks these words may be an old one; anything else that is wrong is wrong in both versions.
    let text = error.to_string();
    let may_be_old = ["`if` keyword", "`contains` keyword"]
        .iter()
        .any(|word| text.contains(word));
    match may_be_old && parse(true).is_ok() {
        true => Ok(true),
        false => Err(located(&error, &file.path, None)),
    }
}

/// A data file as an object with all the names above it.
fn nested(file: &PolicyFile) -> Option<(Arc<str>, String)> {
    let PolicyContent::Data { under } = &file.content else {
        return None;
    };
    let wrap = |inner: String, name: &Arc<str>| format!("{{{}:{inner}}}", serde_json::Value::from(&**name));
    Some((
        Arc::clone(&file.path),
        under.iter().rev().fold(file.text.to_string(), wrap),
    ))
}

fn build(
    texts: &[Text],
    data: &[(Arc<str>, String)],
    now: Timestamp,
    limit: Duration,
) -> Result<Engine, PolicyError> {
    let mut engine = Engine::new();
    engine.set_execution_timer_config(ExecutionTimerConfig {
        limit,
        check_interval: NonZeroU32::new(1000).unwrap_or(NonZeroU32::MIN),
    });
    builtins::add(&mut engine, now);
    for text in texts {
        engine.set_rego_v0(text.old);
        engine
            .add_policy(text.file.to_string(), text.rego.to_string())
            .map_err(|error| located(&error, &text.file, None))?;
    }
    for (file, json) in data {
        engine
            .add_data_json(json)
            .map_err(|error| located(&error, file, None))?;
    }
    Ok(engine)
}

/// A rule's value. It is asked for as anybody would ask: the interpreter's own way to a rule finds none of those that are
/// defined entry by entry.
fn evaluate(engine: &mut Engine, path: &str) -> anyhow::Result<serde_json::Value> {
    let results = engine.eval_query(path.to_owned(), false)?.result;
    let expression = results.first().and_then(|result| result.expressions.first());
    match expression.map(|expression| &expression.value) {
        None | Some(Value::Undefined) => Ok(serde_json::Value::Null),
        Some(value) => Ok(serde_json::from_str(&value.to_json_str()?)?),
    }
}

fn tree(engine: &Engine) -> String {
    engine.get_ast_as_json().unwrap_or_default()
}

fn packages(engine: &Engine) -> Vec<Vec<String>> {
    let packages = engine.get_policy_package_components().unwrap_or_default();
    packages.into_iter().map(|package| package.components).collect()
}

/// Whether the interpreter has a function of that name: called without arguments, it complains about another thing than
/// the name.
fn is_builtin(probe: &mut Engine, name: &str) -> bool {
    match probe.eval_query(format!("{name}()"), false) {
        Ok(_) => true,
        Err(error) => !error.to_string().contains("could not find function"),
    }
}

/// An error of the interpreter, which writes the place into its text.
fn located(error: &anyhow::Error, file: &str, at: Option<(u32, u32)>) -> PolicyError {
    if error.downcast_ref::<LimitError>().is_some() {
        return PolicyError {
            file: Arc::from(file),
            at,
            message: format!("evaluating this takes longer than {} s", LIMIT.as_secs()),
            help: Some("make the rule simpler: it may go through all pairs of long lists".into()),
        };
    }
    let text = error.to_string();
    let place = text
        .lines()
        .find_map(|line| line.trim_start().strip_prefix("--> "));
    let numbers = place.and_then(|place| {
        let mut parts = place.rsplitn(3, ':');
        let column: u32 = parts.next()?.trim().parse().ok()?;
        let line: u32 = parts.next()?.parse().ok()?;
        Some((parts.next()?, (line, column)))
    });
    let message = text
        .split_once("error: ")
        .map_or(text.as_str(), |(_, message)| message)
        .lines()
        .next()
        .unwrap_or_default()
        .trim_end_matches(':');
    PolicyError {
        file: Arc::from(numbers.map_or(file, |(file, _)| file)),
        at: numbers.map_or(at, |(_, at)| Some(at)),
        message: message.to_owned(),
        help: message
            .contains("could not find function")
            .then(|| NO_NETWORK.into()),
    }
}
