//! Scope, ignore and protect rules, evaluated once per name and not per grant.

use std::sync::Arc;

use crate::model::access::{Names, Tuple};
use crate::model::matching::Matching;
use crate::model::rank_rule::{LeftToOthers, RankRule};
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Matcher, Scope};

use super::input::{Mode, PlanInput};

/// A named rule.
pub(super) struct NamedRule {
    pub label: Arc<str>,
    pub rule: RankRule,
    /// The configuration does not say so any more.
    pub as_last_applied: bool,
}

/// The rules of a stack.
pub(super) struct Rules {
    left: LeftToOthers,
    /// Whether the stack says what it is responsible for.
    pub has_scope: bool,
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
        let left = LeftToOthers::of(settings, &mut broken).over(names, snapshots);
        let last = input.recorded.rules.as_ref();
        let left_last = LeftToOthers::of_last(last.map(|rules| &rules.settings), settings);
        let rule = |matcher: &Matcher, broken: &mut Vec<String>| {
            RankRule::new(&Matching::new(matcher, broken), names, snapshots)
        };
        let mut protect: Vec<NamedRule> = settings
            .protect
            .iter()
            .map(|named| NamedRule {
                label: named.label.clone(),
                rule: rule(&named.matcher, &mut broken),
                as_last_applied: false,
            })
            .collect();
        let last = last.filter(|_| input.options.mode != Mode::Freeze);
        for named in last.iter().flat_map(|rules| &rules.settings.protect) {
            let mut declared = settings.protect.iter();
            if !declared.any(|now| now.matcher.says_the_same(&named.matcher)) {
                protect.push(NamedRule {
                    label: named.label.clone(),
                    rule: rule(&named.matcher, &mut Vec::new()),
                    as_last_applied: true,
                });
            }
        }
        let mut idle = Vec::new();
        for named in &settings.protect {
            note_idle(&named.label, &named.matcher, names, snapshots, &mut idle);
        }
        Rules {
            left,
            has_scope: settings.scope != Scope::Declared,
            last: left_last.map(|rules| rules.over(names, snapshots)),
            protect,
            broken,
            idle,
        }
    }

    /// Whether there is any `ignore` block.
    pub fn has_ignore(&self) -> bool {
        self.left.has_ignore()
    }

    /// Whether the stack is responsible for the grant, as far as its scope says.
    pub fn in_scope(&self, tuple: Tuple) -> bool {
        self.left.in_scope(tuple)
    }

    /// Whether a grant that nobody declared is hidden by a rule that is not among those of the last apply.
    pub fn hides_anew(&self, tuple: Tuple) -> bool {
        let last = self.last.as_ref();
        last.is_some_and(|last| !last.hides(tuple) && self.left.hides(tuple))
    }

    /// The `protect` block that keeps the grant, if one does.
    pub fn protecting(&self, tuple: Tuple) -> Option<&NamedRule> {
        self.protect.iter().find(|rule| rule.rule.matches(tuple))
    }

    /// Whether an `ignore` block hides the grant.
    pub fn ignores(&self, tuple: Tuple) -> bool {
        self.left.ignores(tuple)
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
    let is_idle = |change: &dyn Fn(&mut Matcher)| {
        let mut one = Matcher::default();
        change(&mut one);
        RankRule::new(&Matching::new(&one, &mut Vec::new()), names, snapshots).is_idle()
    };
    for pattern in &matcher.permission_sets {
        if is_idle(&|one| one.permission_sets = vec![pattern.clone()]) {
            idle.push((label.clone(), pattern.clone()));
        }
    }
    for pattern in &matcher.principals {
        if is_idle(&|one| one.principals = vec![pattern.clone()]) {
            idle.push((label.clone(), pattern.clone()));
        }
    }
    for pattern in &matcher.accounts {
        if is_idle(&|one| one.accounts = vec![pattern.clone()]) {
            idle.push((label.clone(), pattern.clone()));
        }
    }
}
