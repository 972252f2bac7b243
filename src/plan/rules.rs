//! How the rules that plans are judged by differ from those of the last apply.
//!
//! A change may try to loosen its own judge, so this leads every plan. Rules are compared by what they say, block by
//! block and in the names that things have now; the lines are what a person is shown of it, and decide nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::AccountKey;
use crate::model::duration;
use crate::model::guardrail::{Guardrail, Limit, OnUnknown, Require, Rule, Selector};
use crate::model::policy_file::KeptPolicy;
use crate::model::rules::Rules;
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Matcher, NamedMatcher, Production, RiskSettings, Scope, Settings, Unmanaged};
use crate::model::standing::StandingApproval;
use crate::source::Location;

use super::input::{Mode, PlanInput};
use super::last_rules::NamesNow;

/// Which rule.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RuleBlock {
    /// A `guardrail` block.
    Guardrail,
    /// A `protect` block.
    Protect,
    /// An `ignore` block.
    Ignore,
    /// The scope.
    Scope,
    /// What becomes of access that nobody declared.
    Unmanaged,
    /// How many removals one plan may have.
    MaxRemovals,
    /// The `production` block.
    Production,
    /// The `risk` block.
    Risk,
    /// A `standing_approval` block.
    StandingApproval,
    /// A file of policies in Rego, or of their data.
    Policy,
}

impl RuleBlock {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            RuleBlock::Guardrail => "guardrail",
            RuleBlock::Protect => "protect",
            RuleBlock::Ignore => "ignore",
            RuleBlock::Scope => "scope",
            RuleBlock::Unmanaged => "unmanaged",
            RuleBlock::MaxRemovals => "max_removals",
            RuleBlock::Production => "production",
            RuleBlock::Risk => "risk",
            RuleBlock::StandingApproval => "standing_approval",
            RuleBlock::Policy => "policy",
        }
    }
}

/// What happens to it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RuleChangeKind {
    /// It is new.
    Added,
    /// It says something else.
    Changed,
    /// It is gone.
    Removed,
}

/// A rule that is not as it was last applied.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct RuleChange {
    /// Which rule.
    pub rule: RuleBlock,
    /// The block's label, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Arc<str>>,
    /// What happens to it.
    pub change: RuleChangeKind,
    /// Something may pass now that did not pass before.
    pub may_loosen: bool,
    /// What it no longer says, a line for each part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Arc<str>>,
    /// What it says now and did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Arc<str>>,
    /// The texts of a policy file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub texts: Option<PolicyTexts>,
    /// Where it is written, or was when it was last applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// The texts of a changed policy file, as far as they are kept.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct PolicyTexts {
    /// As it was last applied; `None` too if there was no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub before: Option<Arc<str>>,
    /// As it is declared; `None` too if there is no such file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub after: Option<Arc<str>>,
}

/// What a plan changes about the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RuleChanges {
    /// The state knows the rules of the last apply. Otherwise there is nothing to compare with, and the next apply
    /// records them.
    pub known: bool,
    /// What is not as it was.
    pub changes: Vec<RuleChange>,
}

impl RuleChanges {
    /// Whether something may pass now that did not pass before.
    pub fn may_loosen(&self) -> bool {
        self.changes.iter().any(|change| change.may_loosen)
    }
}

/// The changes of a plan that takes over what is declared; narrowed ones and `destroy` leave the rules as they are.
pub(super) fn rule_changes(input: &PlanInput, names: &NamesNow) -> RuleChanges {
    let Some(before) = &input.recorded.rules else {
        return RuleChanges::default();
    };
    let snapshots = [
        &input.observed.snapshot,
        &input.desired.snapshot,
        &input.recorded.applied,
    ];
    let changes = match input.options.mode {
        Mode::All => changes(
            &names.rules(before),
            &names.by_id().rules(&Rules::of(&input.desired)),
            Spelling { snapshots },
        ),
        _ => Vec::new(),
    };
    RuleChanges { known: true, changes }
}

/// What differs between the rules of two applies, in the names that each had them in.
pub fn between(before: &Rules, after: &Rules) -> Vec<RuleChange> {
    let nothing = Snapshot::default();
    changes(
        before,
        after,
        Spelling {
            snapshots: [&nothing; 3],
        },
    )
}

fn changes(before: &Rules, after: &Rules, spelling: Spelling<'_>) -> Vec<RuleChange> {
    let mut found = Vec::new();
    let (was, is) = (&before.settings, &after.settings);
    Comparison::<Guardrail> {
        rule: RuleBlock::Guardrail,
        spell: &|rule| (spelling.guardrail(rule), rule.location.clone()),
        equal: &|was, is| bare(was) == bare(is),
        as_strict: &|was: &Guardrail, is: &Guardrail| is.covers(was),
        joined: &|was: &Guardrail, is: &Guardrail| is.is_joined(was),
    }
    .run(
        &by_label(&before.guardrails, |rule| &rule.label),
        &by_label(&after.guardrails, |rule| &rule.label),
        &mut found,
    );
    Comparison::<StandingApproval> {
        rule: RuleBlock::StandingApproval,
        spell: &|rule| (spelling.standing(rule), rule.location.clone()),
        equal: &|was, is| bare_approval(was) == bare_approval(is),
        as_strict: &|_, _| false,
        joined: &|_, _| false,
    }
    .run(
        &by_label(&before.standing_approvals, |rule| &rule.label),
        &by_label(&after.standing_approvals, |rule| &rule.label),
        &mut found,
    );
    for (rule, was, is) in [
        (RuleBlock::Protect, &was.protect, &is.protect),
        (RuleBlock::Ignore, &was.ignore, &is.ignore),
    ] {
        let equal = |was: &NamedMatcher, is: &NamedMatcher| was.matcher.says_the_same(&is.matcher);
        Comparison::<NamedMatcher> {
            rule,
            spell: &|rule: &NamedMatcher| (matcher(&rule.matcher), rule.location.clone()),
            equal: &equal,
            as_strict: &equal,
            joined: &|_, _| false,
        }
        .run(
            &by_label(was, |rule| &rule.label),
            &by_label(is, |rule| &rule.label),
            &mut found,
        );
    }
    policies(&before.policies, &after.policies, &mut found);
    settings(was, is, &mut found);
    found.sort();
    found
}

/// What a guardrail says, without where and why, and without the unit whose accounts were written.
fn bare(guardrail: &Guardrail) -> Guardrail {
    let mut bare = guardrail.clone();
    (bare.description, bare.location) = (None, None);
    for rule in &mut bare.rules {
        without_unit(rule.of_mut());
    }
    for except in &mut bare.except {
        except.location = None;
        without_unit(&mut except.of);
    }
    bare
}

fn bare_approval(approval: &StandingApproval) -> StandingApproval {
    let mut bare = approval.clone();
    bare.location = None;
    without_unit(&mut bare.of);
    bare
}

/// The accounts alone, not how they were written.
fn without_unit(of: &mut Selector) {
    (of.accounts_from, of.accounts_direct) = (None, false);
}

/// What a file of rules or data means for others is not known, so that every change of one may loosen something, but
/// for the first ones of all.
fn policies(before: &[KeptPolicy], after: &[KeptPolicy], found: &mut Vec<RuleChange>) {
    let line = |file: &KeptPolicy| (Lines::from([format!("blake3: {}", file.hash).into()]), None);
    Comparison::<KeptPolicy> {
        rule: RuleBlock::Policy,
        spell: &line,
        equal: &|was, is| was.hash == is.hash,
        as_strict: &|_, _| false,
        joined: &|_, _| false,
    }
    .run(
        &by_label(before, |file| &file.path),
        &by_label(after, |file| &file.path),
        found,
    );
    let text = |files: &[KeptPolicy], path: Option<&Arc<str>>| {
        let file = files.iter().find(|file| Some(&file.path) == path)?;
        file.text.clone()
    };
    for change in found.iter_mut().filter(|change| change.rule == RuleBlock::Policy) {
        change.may_loosen = !before.is_empty();
        change.texts = Some(PolicyTexts {
            before: text(before, change.label.as_ref()),
            after: text(after, change.label.as_ref()),
        });
    }
}

fn by_label<T>(rules: &[T], label: impl Fn(&T) -> &Arc<str>) -> BTreeMap<Arc<str>, Vec<&T>> {
    let mut found: BTreeMap<Arc<str>, Vec<&T>> = BTreeMap::new();
    for rule in rules {
        found.entry(Arc::clone(label(rule))).or_default().push(rule);
    }
    found
}

type Lines = BTreeSet<Arc<str>>;
type ByLabel<'a, T> = BTreeMap<Arc<str>, Vec<&'a T>>;

/// How blocks of one kind are compared.
struct Comparison<'c, T> {
    rule: RuleBlock,
    spell: &'c dyn Fn(&T) -> (Lines, Option<Location>),
    /// Whether two blocks say the same.
    equal: &'c dyn Fn(&T, &T) -> bool,
    /// Whether the second is at least as strict as the first.
    as_strict: &'c dyn Fn(&T, &T) -> bool,
    /// Whether what they are written over alone may have more in it now.
    joined: &'c dyn Fn(&T, &T) -> bool,
}

impl<T> Comparison<'_, T> {
    /// Compares by label. Of several blocks with one label, each that is on both sides is left out, once for once.
    fn run(&self, before: &ByLabel<'_, T>, after: &ByLabel<'_, T>, found: &mut Vec<RuleChange>) {
        let labels: BTreeSet<&Arc<str>> = before.keys().chain(after.keys()).collect();
        for label in labels {
            let was = before.get(label).map(Vec::as_slice).unwrap_or_default();
            let is = after.get(label).map(Vec::as_slice).unwrap_or_default();
            found.extend(self.change(label, was, is));
        }
    }

    fn change(&self, label: &Arc<str>, was: &[&T], is: &[&T]) -> Option<RuleChange> {
        let (gone, new) = self.differing(was, is);
        let same = |(was, is): (&&T, &&T)| (self.joined)(was, is);
        if gone.len() == new.len() && gone.iter().zip(&new).all(same) {
            return None;
        }
        let change = match (was.is_empty(), is.is_empty()) {
            (true, _) => RuleChangeKind::Added,
            (_, true) => RuleChangeKind::Removed,
            _ => RuleChangeKind::Changed,
        };
        let kept = |was: &&T| is.iter().any(|is| (self.as_strict)(was, is));
        let may_loosen = match self.rule {
            // More of these let more pass, or hide more.
            RuleBlock::Ignore | RuleBlock::StandingApproval => !new.is_empty(),
            _ => !was.iter().all(kept),
        };
        let (old, old_place) = self.lines(&gone);
        let (now, new_place) = self.lines(&new);
        let (mut before, mut after): (Vec<_>, Vec<_>) = (
            old.difference(&now).cloned().collect(),
            now.difference(&old).cloned().collect(),
        );
        // Of several blocks, a line that both sides have may be in another block now.
        if gone.len().max(new.len()) > 1 || before.is_empty() && after.is_empty() {
            (before, after) = (old.into_iter().collect(), now.into_iter().collect());
        }
        Some(RuleChange {
            rule: self.rule,
            label: Some(Arc::clone(label)),
            change,
            may_loosen,
            before,
            after,
            texts: None,
            location: new_place.or(old_place),
        })
    }

    /// Blocks that are on one side alone.
    fn differing<'t>(&self, was: &[&'t T], is: &[&'t T]) -> (Vec<&'t T>, Vec<&'t T>) {
        let mut new: Vec<&T> = is.to_vec();
        let mut gone = Vec::new();
        for was in was {
            match new.iter().position(|is| (self.equal)(was, is)) {
                Some(at) => drop(new.remove(at)),
                None => gone.push(*was),
            }
        }
        (gone, new)
    }

    /// What blocks say: of several, which of them says it.
    fn lines(&self, blocks: &[&T]) -> (Lines, Option<Location>) {
        let (mut lines, mut location) = (Lines::new(), None);
        for (number, block) in (1_u32..).zip(blocks) {
            let (of_block, at) = (self.spell)(block);
            lines.extend(of_block.into_iter().map(|line| match blocks.len() {
                1 => line,
                _ => format!("({number}) {line}").into(),
            }));
            location = location.or(at);
        }
        (lines, location)
    }
}

fn settings(was: &Settings, is: &Settings, found: &mut Vec<RuleChange>) {
    let mut push = |rule, same: bool, may_loosen, before: Lines, after: Lines| {
        if !same {
            found.push(RuleChange {
                rule,
                label: None,
                change: match (before.is_empty(), after.is_empty()) {
                    // A block that may be left out; the others always say something.
                    (true, _) if rule == RuleBlock::Production => RuleChangeKind::Added,
                    (_, true) if rule == RuleBlock::Production => RuleChangeKind::Removed,
                    _ => RuleChangeKind::Changed,
                },
                may_loosen,
                before: before.difference(&after).cloned().collect(),
                after: after.difference(&before).cloned().collect(),
                texts: None,
                location: None,
            });
        }
    };
    let same_scope = match (&was.scope, &is.scope) {
        (Scope::Matching(was), Scope::Matching(is)) => was.says_the_same(is),
        (was, is) => was == is,
    };
    push(
        RuleBlock::Scope,
        same_scope,
        true,
        scope(&was.scope),
        scope(&is.scope),
    );
    let unmanaged = |unmanaged: Unmanaged| {
        let name = match unmanaged {
            Unmanaged::Report => "report",
            Unmanaged::Remove => "remove",
            Unmanaged::Ignore => "ignore",
        };
        Lines::from([Arc::from(name)])
    };
    let may_loosen = is.unmanaged != Unmanaged::Report;
    push(
        RuleBlock::Unmanaged,
        is.unmanaged == was.unmanaged,
        may_loosen,
        unmanaged(was.unmanaged),
        unmanaged(is.unmanaged),
    );
    let most = |settings: &Settings| Lines::from([Arc::from(settings.max_removals.to_string())]);
    push(
        RuleBlock::MaxRemovals,
        is.max_removals == was.max_removals,
        is.max_removals > was.max_removals,
        most(was),
        most(is),
    );
    let (was, is) = (&was.risk, &is.risk);
    let kept = still_production(&was.production, &is.production);
    push(
        RuleBlock::Production,
        kept && still_production(&is.production, &was.production),
        !kept,
        production(&was.production),
        production(&is.production),
    );
    let same = is.wide_accounts == was.wide_accounts
        && is.stop_for == was.stop_for
        && all_in(&was.permission_sets, &is.permission_sets)
        && all_in(&is.permission_sets, &was.permission_sets);
    push(RuleBlock::Risk, same, risk_loosens(was, is), risk(was), risk(is));
}

fn all_in(patterns: &[Arc<str>], others: &[Arc<str>]) -> bool {
    patterns.iter().all(|pattern| others.contains(pattern))
}

/// Whether whatever one block calls production, another one does too.
fn still_production(was: &Production, is: &Production) -> bool {
    all_in(&was.accounts, &is.accounts)
        && all_in(&was.organizational_units, &is.organizational_units)
        && was
            .tags
            .iter()
            .all(|(key, value)| is.tags.get(key) == Some(value))
}

fn production(production: &Production) -> Lines {
    let mut lines = Lines::new();
    list_of("accounts", Some(production.accounts.iter()), &mut lines);
    list_of(
        "organizational_units",
        Some(production.organizational_units.iter()),
        &mut lines,
    );
    let tags = production
        .tags
        .iter()
        .map(|(key, value)| format!("{key} = {value}"));
    list_of("tags", Some(tags), &mut lines);
    lines
}

fn risk(risk: &RiskSettings) -> Lines {
    let mut lines = Lines::new();
    list_of("permission_sets", Some(risk.permission_sets.iter()), &mut lines);
    lines.insert(format!("wide_accounts: {}", risk.wide_accounts).into());
    lines.insert(format!("stop_for: {}", risk.stop_for.name()).into());
    lines
}

fn risk_loosens(was: &RiskSettings, is: &RiskSettings) -> bool {
    let kept = was
        .permission_sets
        .iter()
        .all(|set| is.permission_sets.contains(set));
    !kept || is.wide_accounts > was.wide_accounts || is.stop_for.or(was.stop_for) != is.stop_for
}

fn scope(scope: &Scope) -> Lines {
    match scope {
        Scope::Declared => [Arc::from("what is declared")].into(),
        Scope::Instance => [Arc::from("the whole instance")].into(),
        Scope::Matching(of) => matcher(of),
    }
}

fn matcher(matcher: &Matcher) -> Lines {
    let lists = [
        ("permission_sets", &matcher.permission_sets),
        ("principals", &matcher.principals),
        ("accounts", &matcher.accounts),
    ];
    let mut lines = Lines::new();
    for (name, list) in lists {
        list_of(name, Some(list.iter()).filter(|list| list.len() > 0), &mut lines);
    }
    lines
}

/// A line for each item of a list, or one that says that there is none.
fn list_of<T: ToString>(name: &str, items: Option<impl Iterator<Item = T>>, lines: &mut Lines) {
    match items {
        None => drop(lines.insert(format!("{name}: any").into())),
        Some(items) => {
            lines.extend(items.map(|item| Arc::from(format!("{name}: {}", told_apart(item.to_string())))));
        }
    }
}

/// A name that could be taken for a word of ours is quoted.
fn told_apart(name: String) -> String {
    match name.is_empty() || name == "any" || name == ROOT || name.starts_with('"') {
        true => format!("{name:?}"),
        false => name,
    }
}

/// What the root unit is called, whose path is empty.
const ROOT: &str = "the root";

/// How rules are told, accounts by name.
#[derive(Clone, Copy)]
struct Spelling<'a> {
    snapshots: [&'a Snapshot; 3],
}

impl Spelling<'_> {
    fn account(self, key: &AccountKey) -> String {
        let known = self.snapshots.into_iter();
        let mut names = known.map(|snapshot| snapshot.account_name(key));
        let id = key.to_string();
        match names.find(|name| *name != id) {
            Some(name) => format!("{name} ({id})"),
            None => id,
        }
    }

    fn selector(self, prefix: &str, of: &Selector, lines: &mut Lines) {
        let name = |field: &str| format!("{prefix}{field}");
        let principals = of.principals.as_ref().map(|of| of.iter());
        list_of(&name("principals"), principals, lines);
        let sets = of.permission_sets.as_ref().map(|of| of.iter());
        list_of(&name("permission_sets"), sets, lines);
        let accounts = of.accounts.as_ref();
        let accounts = accounts.map(|of| of.iter().map(|key| self.account(key)));
        list_of(&name("accounts"), accounts, lines);
    }

    fn guardrail(self, guardrail: &Guardrail) -> Lines {
        let severity = if guardrail.refuses { "error" } else { "warning" };
        let mut lines = Lines::from([Arc::from(format!("severity: {severity}"))]);
        let mut counts: BTreeMap<&str, u32> = BTreeMap::new();
        for rule in &guardrail.rules {
            let kind = match rule {
                Rule::Deny(_) => "deny",
                Rule::Limit(_) => "limit",
                Rule::Require(_) => "require",
            };
            let count = counts.entry(kind).or_default();
            *count += 1;
            let prefix = match *count {
                1 => format!("{kind}."),
                count => format!("{kind}[{count}]."),
            };
            self.selector(&prefix, rule.of(), &mut lines);
            match rule {
                Rule::Deny(deny) => on_unknown(&prefix, deny.on_unknown, &mut lines),
                Rule::Limit(of) => limit(&prefix, of, &mut lines),
                Rule::Require(of) => require(&prefix, of, &mut lines),
            }
        }
        for (number, except) in (1_u32..).zip(&guardrail.except) {
            let prefix = match number {
                1 => "except.".to_owned(),
                number => format!("except[{number}]."),
            };
            self.selector(&prefix, &except.of, &mut lines);
            lines.insert(format!("{prefix}reason: {}", except.reason).into());
            if let Some(expires) = except.expires {
                lines.insert(format!("{prefix}expires: {expires}").into());
            }
        }
        lines
    }

    fn standing(self, approval: &StandingApproval) -> Lines {
        let mut lines = Lines::new();
        self.selector("", &approval.of, &mut lines);
        lines.insert(format!("reason: {}", approval.reason).into());
        let causes = approval.causes.iter().map(|cause| cause.name());
        list_of("causes", Some(causes), &mut lines);
        match &approval.organizational_units {
            None => list_of("organizational_units", None::<std::iter::Empty<&str>>, &mut lines),
            Some(units) => {
                let (root, others): (Vec<_>, Vec<_>) = units.iter().partition(|unit| unit.is_root());
                list_of("organizational_units", Some(others.into_iter()), &mut lines);
                lines.extend(
                    root.iter()
                        .map(|_| format!("organizational_units: {ROOT}").into()),
                );
            }
        }
        lines.extend(approval.expires.map(|time| Arc::from(format!("expires: {time}"))));
        lines
    }
}

fn limit(prefix: &str, limit: &Limit, lines: &mut Lines) {
    let session = limit
        .max_session
        .map(|seconds| duration::spelled(u64::from(seconds)));
    let limits = [
        ("max_people", limit.max_people.map(|most| most.to_string())),
        ("max_accounts", limit.max_accounts.map(|most| most.to_string())),
        ("max_session", session),
    ];
    for (name, most) in limits {
        lines.extend(most.map(|most| Arc::from(format!("{prefix}{name}: {most}"))));
    }
    on_unknown(prefix, limit.on_unknown, lines);
}

fn on_unknown(prefix: &str, on_unknown: OnUnknown, lines: &mut Lines) {
    if on_unknown == OnUnknown::Warn {
        lines.insert(format!("{prefix}on_unknown: warn").into());
    }
}

fn require(prefix: &str, require: &Require, lines: &mut Lines) {
    let within = require.expires_within;
    let within = within.map(duration::spelled);
    lines.extend(within.map(|length| Arc::from(format!("{prefix}expires_within: {length}"))));
    for (name, flag) in [
        ("reason", require.reason),
        ("groups_only", require.groups_only),
        ("boundary", require.boundary),
    ] {
        lines.extend(flag.then(|| Arc::from(format!("{prefix}{name}: true"))));
    }
    for (name, tags) in [
        ("permission_set_tags", &require.permission_set_tags),
        ("account_tags", &require.account_tags),
    ] {
        lines.extend(tags.iter().map(|tag| Arc::from(format!("{prefix}{name}: {tag}"))));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stack::StopFor;
    use crate::plan::testing::{Stack, World, set};

    fn changes(before: &Rules, after: &Rules) -> Vec<RuleChange> {
        let nothing = Snapshot::default();
        let snapshots = [&nothing; 3];
        super::changes(before, after, Spelling { snapshots })
    }

    fn limited(most: u64) -> Guardrail {
        Guardrail {
            label: "few".into(),
            description: None,
            refuses: true,
            except: Vec::new(),
            rules: vec![Rule::Limit(Limit {
                of: Selector {
                    permission_sets: Some([set("admin")].into()),
                    ..Selector::default()
                },
                max_people: Some(most),
                ..Limit::default()
            })],
            location: None,
        }
    }

    fn rules(guardrails: Vec<Guardrail>) -> Rules {
        Rules {
            guardrails,
            ..Rules::default()
        }
    }

    #[test]
    fn a_raised_limit_is_shown_as_what_may_loosen_and_a_lowered_one_is_not() {
        let found = changes(&rules(vec![limited(3)]), &rules(vec![limited(8)]));
        let [change] = &found[..] else { panic!("{found:?}") };
        assert_eq!(
            (change.rule, change.change, change.may_loosen),
            (RuleBlock::Guardrail, RuleChangeKind::Changed, true)
        );
        assert_eq!(change.before, [Arc::from("limit.max_people: 3")]);
        assert_eq!(change.after, [Arc::from("limit.max_people: 8")]);
        let lowered = changes(&rules(vec![limited(3)]), &rules(vec![limited(2)]));
        assert!(!lowered[0].may_loosen);
        assert!(changes(&rules(vec![limited(3)]), &rules(vec![limited(3)])).is_empty());
    }

    #[test]
    fn an_account_that_joins_a_unit_changes_no_rule_over_it_and_one_that_leaves_does() {
        let over = |accounts: &[u32], from: Option<&str>| {
            let mut guardrail = limited(3);
            let Rule::Limit(limit) = &mut guardrail.rules[0] else {
                panic!("a limit")
            };
            let keys = accounts.iter().map(|n| crate::plan::testing::account(*n));
            limit.of.accounts = Some(keys.collect());
            limit.of.accounts_from = from.map(Arc::from);
            rules(vec![guardrail])
        };
        let unit = Some("Workloads/Prod");
        assert!(changes(&over(&[1], unit), &over(&[1, 2], unit)).is_empty());
        let loosens = |before: &Rules, after: &Rules| {
            let found = changes(before, after);
            assert_eq!(found.len(), 1, "{found:?}");
            found[0].may_loosen
        };
        assert!(loosens(&over(&[1, 2], unit), &over(&[1], unit)));
        assert!(
            !loosens(&over(&[1], None), &over(&[1, 2], None)),
            "a list is a list"
        );
        assert!(loosens(&over(&[1], unit), &over(&[2], unit)));
        // An exception that grows is shown.
        let excepting = |accounts: &[u32]| {
            let mut all = over(&[1], unit);
            let keys = accounts.iter().map(|n| crate::plan::testing::account(*n));
            all.guardrails[0].except = vec![crate::model::guardrail::Exception {
                of: Selector {
                    accounts: Some(keys.collect()),
                    accounts_from: unit.map(Arc::from),
                    ..Selector::default()
                },
                reason: "OPS-1".into(),
                expires: None,
                location: None,
            }];
            all
        };
        assert!(loosens(&excepting(&[1]), &excepting(&[1, 2])));
    }

    #[test]
    fn a_set_called_any_is_not_any_set() {
        let over = |sets: Option<&[&str]>| {
            let mut guardrail = limited(3);
            let Rule::Limit(limit) = &mut guardrail.rules[0] else {
                panic!("a limit")
            };
            limit.of.permission_sets = sets.map(|sets| sets.iter().map(|name| set(name)).collect());
            rules(vec![guardrail])
        };
        let found = changes(&over(None), &over(Some(&["any"])));
        let [change] = &found[..] else { panic!("{found:?}") };
        assert!(change.may_loosen);
        assert_eq!(change.before, [Arc::from("limit.permission_sets: any")]);
        assert_eq!(change.after, [Arc::from("limit.permission_sets: \"any\"")]);
        assert!(!changes(&over(Some(&["any"])), &over(None))[0].may_loosen);
        assert!(changes(&over(Some(&["any"])), &over(Some(&["any"]))).is_empty());
        // Tags whose lines read alike are not alike.
        let tagged = |key: &str, value: &str| {
            let mut rules = Rules::default();
            rules.settings.risk.production.tags = [(key.into(), value.into())].into();
            rules
        };
        assert_eq!(changes(&tagged("a", "b = c"), &tagged("a = b", "c")).len(), 1);
    }

    #[test]
    fn blocks_with_one_label_are_compared_block_by_block() {
        let named = |label: &str, sets: &str, accounts: &str| NamedMatcher {
            label: label.into(),
            matcher: Matcher {
                permission_sets: vec![sets.into()],
                accounts: vec![accounts.into()],
                ..Matcher::default()
            },
            location: None,
        };
        let protecting = |blocks: &[NamedMatcher]| Rules {
            settings: Settings {
                protect: blocks.to_vec(),
                ..Settings::default()
            },
            ..Rules::default()
        };
        let was = [named("x", "admin", "prod"), named("x", "view", "dev")];
        let crossed = [named("x", "admin", "dev"), named("x", "view", "prod")];
        let found = changes(&protecting(&was), &protecting(&crossed));
        let [change] = &found[..] else { panic!("{found:?}") };
        assert!(change.may_loosen);
        let told = |line: &str| {
            let lines = change.before.iter().chain(&change.after);
            lines.filter(|told| &***told == line).count()
        };
        // Which set goes with which account has to be seen.
        assert_eq!(
            (told("(1) accounts: prod"), told("(1) permission_sets: admin")),
            (1, 2)
        );
        // In another order they are the same, and one more loosens nothing.
        let [one, other] = was.clone();
        assert!(changes(&protecting(&was), &protecting(&[other.clone(), one.clone()])).is_empty());
        let more = [one.clone(), other, named("x", "ops", "dev")];
        assert!(!changes(&protecting(&was), &protecting(&more))[0].may_loosen);
        assert!(changes(&protecting(&was), &protecting(&[one]))[0].may_loosen);
        let ignoring = |blocks: &[NamedMatcher]| Rules {
            settings: Settings {
                ignore: blocks.to_vec(),
                ..Settings::default()
            },
            ..Rules::default()
        };
        assert!(changes(&ignoring(&was), &ignoring(&crossed))[0].may_loosen);
        assert!(!changes(&ignoring(&was), &ignoring(&was[..1]))[0].may_loosen);
    }

    #[test]
    fn accounts_are_told_by_name_and_the_root_has_one() {
        let world = World::new();
        let snapshots = [&world.observed.snapshot; 3];
        let approval = StandingApproval {
            label: "all".into(),
            reason: "OPS-1".into(),
            causes: Default::default(),
            of: Selector {
                accounts: Some([crate::plan::testing::account(1)].into()),
                ..Selector::default()
            },
            organizational_units: Some([crate::id::OuPath::root()].into()),
            expires: None,
            location: None,
        };
        let lines = Spelling { snapshots }.standing(&approval);
        assert!(lines.contains("accounts: account-1 (000000000001)"), "{lines:?}");
        assert!(lines.contains("organizational_units: the root"), "{lines:?}");
    }

    #[test]
    fn a_changed_policy_file_may_loosen_and_the_first_ones_do_not() {
        let with = |files: &[(&str, &str)]| Rules {
            policies: files
                .iter()
                .map(|(path, hash)| KeptPolicy {
                    path: (*path).into(),
                    hash: (*hash).into(),
                    text: (*hash != "2").then(|| format!("text {hash}").into()),
                })
                .collect(),
            ..Rules::default()
        };
        let (none, one, two) = (
            with(&[]),
            with(&[("p/a.rego", "1")]),
            with(&[("p/a.rego", "1"), ("p/exempt.json", "2")]),
        );
        let first = changes(&none, &one);
        let [change] = &first[..] else { panic!("{first:?}") };
        assert_eq!(
            (change.rule, change.label.as_deref()),
            (RuleBlock::Policy, Some("p/a.rego"))
        );
        assert!(change.change == RuleChangeKind::Added && !change.may_loosen);
        for (before, after) in [(&one, &two), (&two, &one), (&one, &with(&[("p/a.rego", "3")]))] {
            let found = changes(before, after);
            assert!(found.len() == 1 && found[0].may_loosen, "{found:?}");
        }
        let found = changes(&two, &with(&[("p/a.rego", "3")]));
        let texts: Vec<_> = found.iter().filter_map(|change| change.texts.clone()).collect();
        let text = |text: &str| Some(Arc::from(text));
        let both = PolicyTexts {
            before: text("text 1"),
            after: text("text 3"),
        };
        let neither = PolicyTexts {
            before: None,
            after: None,
        };
        assert_eq!(
            texts,
            [both, neither],
            "the second is gone, and its text is not known"
        );
        // A state that was written before texts were kept is no reason for a change.
        let mut old = one.clone();
        old.policies[0].text = None;
        assert_eq!(changes(&old, &one), []);
        assert!(changes(&two, &two).is_empty());
    }

    #[test]
    fn where_a_rule_is_written_and_why_is_no_change() {
        let mut moved = limited(3);
        moved.description = Some("because".into());
        moved.location = Some(Location {
            file: "other.hcl".into(),
            line: 9,
            column: 1,
        });
        assert!(changes(&rules(vec![limited(3)]), &rules(vec![moved])).is_empty());
    }

    #[test]
    fn what_may_loosen_depends_on_which_way_a_block_goes() {
        let named = |label: &str| NamedMatcher {
            label: label.into(),
            matcher: Matcher {
                permission_sets: vec!["admin".into()],
                ..Matcher::default()
            },
            location: None,
        };
        let with = |ignore: Vec<NamedMatcher>, protect: Vec<NamedMatcher>| Rules {
            settings: Settings {
                ignore,
                protect,
                ..Settings::default()
            },
            ..Rules::default()
        };
        let none = with(Vec::new(), Vec::new());
        let loosens = |before: &Rules, after: &Rules| {
            let found = changes(before, after);
            assert_eq!(found.len(), 1, "{found:?}");
            found[0].may_loosen
        };
        let ignoring = with(vec![named("a")], Vec::new());
        let protecting = with(Vec::new(), vec![named("a")]);
        assert!(loosens(&none, &ignoring) && !loosens(&ignoring, &none));
        assert!(!loosens(&none, &protecting) && loosens(&protecting, &none));
        assert!(!loosens(&none, &rules(vec![limited(1)])) && loosens(&rules(vec![limited(1)]), &none));
        let mut raised = none.clone();
        raised.settings.max_removals = 500;
        assert!(loosens(&none, &raised) && !loosens(&raised, &none));
    }

    #[test]
    fn what_is_taken_for_a_risk_loosens_by_what_it_says_no_more() {
        let with = |change: &dyn Fn(&mut RiskSettings)| {
            let mut rules = Rules::default();
            change(&mut rules.settings.risk);
            rules
        };
        let found = |before: &Rules, after: &Rules| {
            let found = changes(before, after);
            let [change] = &found[..] else { panic!("{found:?}") };
            (change.rule, change.change, change.may_loosen)
        };
        let none = Rules::default();
        let production = with(&|risk| risk.production.accounts = vec!["prod-*".into()]);
        let more = with(&|risk| {
            risk.production.accounts = vec!["prod-*".into()];
            risk.production.tags = [("env".into(), "prod".into())].into();
        });
        let block = RuleBlock::Production;
        assert_eq!(found(&none, &production), (block, RuleChangeKind::Added, false));
        assert_eq!(found(&production, &more), (block, RuleChangeKind::Changed, false));
        assert_eq!(found(&more, &production), (block, RuleChangeKind::Changed, true));
        assert_eq!(found(&production, &none), (block, RuleChangeKind::Removed, true));
        let loosens = |before: &Rules, after: &Rules| {
            let (rule, change, may_loosen) = found(before, after);
            assert_eq!((rule, change), (RuleBlock::Risk, RuleChangeKind::Changed));
            may_loosen
        };
        let nobody = with(&|risk| risk.stop_for = StopFor::Nobody);
        let anyone = with(&|risk| risk.stop_for = StopFor::Anyone);
        assert!(loosens(&none, &nobody) && loosens(&anyone, &none) && loosens(&anyone, &nobody));
        assert!(!loosens(&nobody, &none) && !loosens(&none, &anyone) && !loosens(&nobody, &anyone));
        let sets = with(&|risk| risk.permission_sets = vec!["BreakGlass*".into()]);
        assert!(!loosens(&none, &sets) && loosens(&sets, &none));
        let wider = with(&|risk| risk.wide_accounts = 50);
        assert!(loosens(&none, &wider) && !loosens(&wider, &none));
        assert_eq!(
            changes(&none, &nobody)[0].after,
            [Arc::from("stop_for: nobody")],
            "only what differs is said"
        );
    }

    #[test]
    fn a_plan_that_changes_rules_alone_is_a_plan_with_a_digest_of_its_own() {
        let with = |most| Stack::new().with(|desired| desired.guardrails = vec![limited(most)]);
        let mut world = World::new();
        let unknown = world.plan(with(8));
        assert!(
            unknown.is_empty() && !unknown.rules.known,
            "nothing to compare with"
        );
        world.recorded.rules = Some(Box::new(rules(vec![limited(3)])));
        let same = world.plan(with(3));
        assert!(same.is_empty() && same.rules.known);
        let (eight, nine) = (world.plan(with(8)), world.plan(with(9)));
        assert!(!eight.is_empty() && eight.changes_nothing_in_the_service());
        assert_ne!(eight.digest, nine.digest);
        assert_ne!(eight.digest, same.digest);
        world.options.mode = Mode::Expired;
        assert!(world.plan(with(8)).is_empty(), "narrowed plans change no rules");
    }
}
