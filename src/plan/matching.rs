//! Scope, ignore and protect rules, evaluated once per name and not per grant.

use std::sync::Arc;

use crate::id::AccountKey;
use crate::model::access::{Names, Tuple};
use crate::model::matching::Matching;
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Matcher, Scope, Settings};

use super::input::{Mode, PlanInput};

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
    /// The configuration does not say so any more.
    pub as_last_applied: bool,
}

/// What rules of the last apply hide.
struct LeftToOthers {
    scope: Option<Rule>,
    ignore: Vec<Rule>,
}

/// The rules of a stack.
pub(super) struct Rules {
    scope: Option<Rule>,
    /// Whether the stack says what it is responsible for.
    pub has_scope: bool,
    ignore: Vec<Rule>,
    /// What the last apply left to others, where its rules are known.
    last: Option<LeftToOthers>,
    /// What no plan may remove.
    pub protect: Vec<NamedRule>,
    /// Patterns that are not globs, with what is wrong with them.
    pub broken: Vec<String>,
    /// Patterns of `protect` blocks that match no name there is: the block's label, and the pattern.
    pub idle: Vec<(Arc<str>, Arc<str>)>,
}

impl Rules {
    /// Evaluates the settings' rules over the names, and what the last apply protected: a change must not take away
    /// the protection of what it takes away. Whoever freezes somebody in an incident is held by what is declared.
    pub fn new(input: &PlanInput, names: &Names, snapshots: &[&Snapshot]) -> Self {
        let settings = &input.desired.settings;
        let mut broken = Vec::new();
        let mut rule = |matcher: &Matcher| Rule::new(matcher, names, snapshots, &mut broken);
        let mut of_settings = |settings: &Settings| LeftToOthers {
            scope: match &settings.scope {
                Scope::Matching(matcher) => Some(rule(matcher)),
                Scope::Declared | Scope::Instance => None,
            },
            ignore: settings.ignore.iter().map(|named| rule(&named.matcher)).collect(),
        };
        let LeftToOthers { scope, ignore } = of_settings(settings);
        let last = input.recorded.rules.as_ref();
        // Most plans change nothing about them.
        let changed = last.filter(|rules| {
            rules.settings.ignore != settings.ignore || rules.settings.scope != settings.scope
        });
        let last_rules = changed.map(|rules| of_settings(&rules.settings));
        let mut rule = |matcher: &Matcher| Rule::new(matcher, names, snapshots, &mut broken);
        let mut protect: Vec<NamedRule> = settings
            .protect
            .iter()
            .map(|named| NamedRule {
                label: named.label.clone(),
                rule: rule(&named.matcher),
                as_last_applied: false,
            })
            .collect();
        let last = last.filter(|_| input.options.mode != Mode::Freeze);
        for named in last.iter().flat_map(|rules| &rules.settings.protect) {
            let mut declared = settings.protect.iter();
            if !declared.any(|now| now.matcher.says_the_same(&named.matcher)) {
                protect.push(NamedRule {
                    label: named.label.clone(),
                    rule: Rule::new(&named.matcher, names, snapshots, &mut Vec::new()),
                    as_last_applied: true,
                });
            }
        }
        let mut idle = Vec::new();
        for named in &settings.protect {
            note_idle(&named.label, &named.matcher, names, snapshots, &mut idle);
        }
        Rules {
            scope,
            has_scope: settings.scope != Scope::Declared,
            ignore,
            last: last_rules,
            protect,
            broken,
            idle,
        }
    }

    /// Whether there is any `ignore` block.
    pub fn has_ignore(&self) -> bool {
        !self.ignore.is_empty()
    }

    /// Whether the stack is responsible for the grant, as far as its scope says.
    pub fn in_scope(&self, tuple: Tuple) -> bool {
        self.scope.as_ref().is_none_or(|rule| rule.matches(tuple))
    }

    /// Whether a grant that nobody declared is hidden by a rule that is not among those of the last apply.
    pub fn hides_anew(&self, tuple: Tuple) -> bool {
        let hidden = |scope: &Option<Rule>, ignore: &[Rule]| {
            ignore.iter().any(|rule| rule.matches(tuple))
                || scope.as_ref().is_some_and(|rule| !rule.matches(tuple))
        };
        let last = self.last.as_ref();
        last.is_some_and(|last| !hidden(&last.scope, &last.ignore) && hidden(&self.scope, &self.ignore))
    }

    /// Whether an `ignore` block hides the grant.
    pub fn ignores(&self, tuple: Tuple) -> bool {
        self.ignore.iter().any(|rule| rule.matches(tuple))
    }
}

impl Rule {
    fn new(matcher: &Matcher, names: &Names, snapshots: &[&Snapshot], broken: &mut Vec<String>) -> Self {
        let matching = Matching::new(matcher, broken);
        let account = |key: &AccountKey| {
            let found = snapshots.iter().filter_map(|snapshot| snapshot.accounts.get(key));
            matching.account(key, found.map(|account| &*account.value.name))
        };
        let (permission_sets, principals, accounts) = matching.restricts();
        Rule {
            accounts: accounts.then(|| names.accounts.iter().map(account).collect()),
            permission_sets: permission_sets.then(|| {
                let all = names.permission_sets.iter();
                all.map(|name| matching.permission_set(name)).collect()
            }),
            principals: principals.then(|| {
                let all = names.principals.iter();
                all.map(|key| matching.principal(key)).collect()
            }),
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

/// Notes the patterns of a matcher that match no name, each on its own.
fn note_idle(
    label: &Arc<str>,
    matcher: &Matcher,
    names: &Names,
    snapshots: &[&Snapshot],
    idle: &mut Vec<(Arc<str>, Arc<str>)>,
) {
    let alone = |change: &dyn Fn(&mut Matcher)| {
        let mut one = Matcher::default();
        change(&mut one);
        Rule::new(&one, names, snapshots, &mut Vec::new())
    };
    let hits = |flags: &Option<Vec<bool>>| flags.as_ref().is_none_or(|flags| flags.contains(&true));
    for pattern in &matcher.permission_sets {
        if !hits(&alone(&|one| one.permission_sets = vec![pattern.clone()]).permission_sets) {
            idle.push((label.clone(), pattern.clone()));
        }
    }
    for pattern in &matcher.principals {
        if !hits(&alone(&|one| one.principals = vec![pattern.clone()]).principals) {
            idle.push((label.clone(), pattern.clone()));
        }
    }
    for pattern in &matcher.accounts {
        if !hits(&alone(&|one| one.accounts = vec![pattern.clone()]).accounts) {
            idle.push((label.clone(), pattern.clone()));
        }
    }
}
