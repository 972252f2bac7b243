//! Rules that look as if they denied or warned, and that nobody asks.

use std::collections::BTreeSet;

use super::PolicyError;
use super::syntax::{Head, Module, dotted, kind_of};

/// A rule of such a name is meant to be asked, unless others go by it.
const WORDS: [&str; 3] = ["deny", "violation", "warn"];

/// The rules that were meant to be asked, and that there is none that is.
pub(super) fn unasked(modules: &[Module]) -> Vec<PolicyError> {
    let mentioned: BTreeSet<&String> = modules.iter().flat_map(|module| &module.mentions).collect();
    let mut found = Vec::new();
    for module in modules {
        for head in &module.heads {
            let others_go_by_it = head.name.last().is_some_and(|name| mentioned.contains(name));
            if let Some((why, help)) = why(head).filter(|_| !others_go_by_it) {
                found.push(PolicyError {
                    file: module.file.clone(),
                    at: Some(head.at),
                    message: format!("nobody asks `{}`: {why}", dotted(&module.package, &head.name)),
                    help: Some(help.into()),
                });
            }
        }
    }
    let is_any_asked = modules.iter().any(|module| !module.definitions.is_empty());
    if let (false, [], Some(module)) = (is_any_asked, found.as_slice(), modules.first()) {
        found.push(PolicyError {
            file: module.file.clone(),
            at: None,
            message: "the policies have no rule that is asked: nothing here denies or warns".to_owned(),
            help: Some(ASKED.into()),
        });
    }
    found
}

const ASKED: &str = "asked are rules named `deny`, `violation` and `warn`, and names that go on after a low line, like `deny_wildcards`";

/// Why a rule is not asked that looks as if it should be, and what to do.
fn why(head: &Head) -> Option<(&'static str, &'static str)> {
    let first = head.name.first()?;
    let looks_so = |name: &String| {
        let name = name.to_lowercase();
        WORDS.iter().any(|word| name.starts_with(word))
    };
    if head.is_function {
        let help = "write a rule that gives the messages: `deny contains msg if { … }`";
        return looks_so(first).then_some(("it is a function", help));
    }
    if kind_of(first).is_some() {
        return None;
    }
    let help = "give the rule that name in a package of its own";
    match head.name.iter().skip(1).any(|name| kind_of(name).is_some()) {
        true => Some(("it lies within another rule", help)),
        false => looks_so(first).then_some(("no rule of that name is", ASKED)),
    }
}
