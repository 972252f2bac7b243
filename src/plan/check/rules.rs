//! Scope, `ignore` and `protect`, as flags over the plan's ranks.

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::id::AccountKey;
use crate::model::access::Tuple;
use crate::model::stack::{Matcher, Scope};
use crate::plan::Plan;
use crate::plan::input::{Mode, PlanInput};

/// The stack's rules.
pub(super) struct Rules {
    /// Whether the stack says at all what it is responsible for.
    pub says_scope: bool,
    scope: Option<Rule>,
    ignore: Vec<Rule>,
    protect: Vec<Rule>,
}

impl Rules {
    /// Evaluates them over the plan's names. A pattern that cannot be read matches nothing here; the plan is
    /// refused for it.
    pub fn new(plan: &Plan, input: &PlanInput) -> Self {
        let settings = &input.desired.settings;
        let rule = |matcher: &Matcher| Rule::new(matcher, plan, input);
        let last = input.recorded.rules.iter();
        let last = last.filter(|_| plan.mode != Mode::Freeze);
        Rules {
            says_scope: settings.scope != Scope::Declared,
            scope: match &settings.scope {
                Scope::Matching(matcher) => Some(rule(matcher)),
                Scope::Declared | Scope::Instance => None,
            },
            ignore: settings.ignore.iter().map(|named| rule(&named.matcher)).collect(),
            protect: settings
                .protect
                .iter()
                .chain(last.flat_map(|rules| &rules.settings.protect))
                .map(|named| rule(&named.matcher))
                .collect(),
        }
    }

    /// Whether a grant lies in the scope.
    pub fn in_scope(&self, tuple: Tuple) -> bool {
        self.scope.as_ref().is_none_or(|rule| rule.matches(tuple))
    }

    /// Whether the scope leaves anything out.
    pub fn narrows(&self) -> bool {
        self.scope.is_some()
    }

    /// Whether others run the grant.
    pub fn ignores(&self, tuple: Tuple) -> bool {
        self.ignore.iter().any(|rule| rule.matches(tuple))
    }

    /// Whether no plan may remove the grant, as declared or as last applied.
    pub fn protects(&self, tuple: Tuple) -> bool {
        self.protect.iter().any(|rule| rule.matches(tuple))
    }
}

struct Rule {
    accounts: Vec<bool>,
    sets: Vec<bool>,
    principals: Vec<bool>,
}

impl Rule {
    fn new(matcher: &Matcher, plan: &Plan, input: &PlanInput) -> Self {
        let sources = [
            &input.observed.snapshot,
            &input.desired.snapshot,
            &input.recorded.applied,
        ];
        let named = |globs: &GlobSet, key: &AccountKey| {
            let called = sources.iter().filter_map(|snapshot| snapshot.accounts.get(key));
            let mut called = called.map(|account| account.value.name.clone());
            globs.is_match(key.to_string()) || called.any(|name| globs.is_match(&*name))
        };
        Rule {
            accounts: flags(&matcher.accounts, &plan.names.accounts, named),
            sets: flags(
                &matcher.permission_sets,
                &plan.names.permission_sets,
                |globs, name| globs.is_match(name.as_str()),
            ),
            principals: flags(&matcher.principals, &plan.names.principals, |globs, key| {
                globs.is_match(key.name())
            }),
        }
    }

    fn matches(&self, tuple: Tuple) -> bool {
        let flag = |flags: &[bool], rank: u32| flags.get(rank as usize) == Some(&true);
        flag(&self.accounts, tuple.account())
            && flag(&self.sets, tuple.permission_set())
            && flag(&self.principals, tuple.principal())
    }
}

/// For each name whether a pattern matches it; no patterns match everything.
fn flags<T>(
    patterns: &[std::sync::Arc<str>],
    names: &[T],
    matches: impl Fn(&GlobSet, &T) -> bool,
) -> Vec<bool> {
    let mut globs = GlobSetBuilder::new();
    for glob in patterns.iter().filter_map(|pattern| Glob::new(pattern).ok()) {
        globs.add(glob);
    }
    let globs = globs.build().unwrap_or_else(|_| GlobSet::empty());
    names
        .iter()
        .map(|name| patterns.is_empty() || matches(&globs, name))
        .collect()
}
