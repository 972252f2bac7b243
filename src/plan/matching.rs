//! Scope, ignore and protect rules, evaluated once per name and not per grant.

use std::sync::Arc;

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::model::access::{Names, Tuple};
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Matcher, Scope, Settings};

/// A matcher over ranks: for each name, whether it matches. `None` matches everything.
#[derive(Debug, Default)]
pub(super) struct Rule {
    accounts: Option<Vec<bool>>,
    permission_sets: Option<Vec<bool>>,
    principals: Option<Vec<bool>>,
}

/// A named rule.
pub(super) struct NamedRule {
    pub label: Arc<str>,
    pub rule: Rule,
}

/// The rules of a stack.
pub(super) struct Rules {
    scope: Option<Rule>,
    /// Whether the stack says what it is responsible for.
    pub has_scope: bool,
    ignore: Vec<Rule>,
    /// What no plan may remove.
    pub protect: Vec<NamedRule>,
    /// Patterns that are not globs, with what is wrong with them.
    pub broken: Vec<String>,
}

impl Rules {
    /// Evaluates the settings' rules over the names.
    pub fn new(settings: &Settings, names: &Names, snapshots: &[&Snapshot]) -> Self {
        let mut broken = Vec::new();
        let mut rule = |matcher: &Matcher| Rule::new(matcher, names, snapshots, &mut broken);
        let scope = match &settings.scope {
            Scope::Matching(matcher) => Some(rule(matcher)),
            Scope::Declared | Scope::Instance => None,
        };
        let ignore = settings.ignore.iter().map(|named| rule(&named.matcher)).collect();
        let protect = settings
            .protect
            .iter()
            .map(|named| NamedRule {
                label: named.label.clone(),
                rule: rule(&named.matcher),
            })
            .collect();
        Rules {
            scope,
            has_scope: settings.scope != Scope::Declared,
            ignore,
            protect,
            broken,
        }
    }

    /// Whether the stack is responsible for the grant, as far as its scope says.
    pub fn in_scope(&self, tuple: Tuple) -> bool {
        self.scope.as_ref().is_none_or(|rule| rule.matches(tuple))
    }

    /// Whether an `ignore` block hides the grant.
    pub fn ignores(&self, tuple: Tuple) -> bool {
        self.ignore.iter().any(|rule| rule.matches(tuple))
    }
}

impl Rule {
    fn new(matcher: &Matcher, names: &Names, snapshots: &[&Snapshot], broken: &mut Vec<String>) -> Self {
        let accounts = globs(&matcher.accounts, broken).map(|globs| {
            let matches = |key: &crate::id::AccountKey| {
                globs.is_match(key.to_string())
                    || snapshots
                        .iter()
                        .filter_map(|snapshot| snapshot.accounts.get(key))
                        .any(|account| globs.is_match(&*account.value.name))
            };
            names.accounts.iter().map(matches).collect()
        });
        let permission_sets = globs(&matcher.permission_sets, broken).map(|globs| {
            names
                .permission_sets
                .iter()
                .map(|name| globs.is_match(name.as_str()))
                .collect()
        });
        let principals = globs(&matcher.principals, broken).map(|globs| {
            names
                .principals
                .iter()
                .map(|key| globs.is_match(key.name()))
                .collect()
        });
        Rule {
            accounts,
            permission_sets,
            principals,
        }
    }

    /// Whether all its lists match.
    pub fn matches(&self, tuple: Tuple) -> bool {
        let fits = |flags: &Option<Vec<bool>>, rank: u32| {
            flags
                .as_ref()
                .is_none_or(|flags| flags.get(rank as usize) == Some(&true))
        };
        fits(&self.permission_sets, tuple.permission_set())
            && fits(&self.accounts, tuple.account())
            && fits(&self.principals, tuple.principal())
    }
}

/// The globs compiled; `None` for an empty list, which matches everything.
fn globs(patterns: &[Arc<str>], broken: &mut Vec<String>) -> Option<GlobSet> {
    if patterns.is_empty() {
        return None;
    }
    let mut builder = GlobSetBuilder::new();
    for pattern in patterns {
        match Glob::new(pattern) {
            Ok(glob) => drop(builder.add(glob)),
            Err(error) => broken.push(error.to_string()),
        }
    }
    match builder.build() {
        Ok(set) => Some(set),
        Err(error) => {
            broken.push(error.to_string());
            Some(GlobSet::empty())
        }
    }
}
