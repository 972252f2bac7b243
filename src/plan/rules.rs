//! How the rules that plans are judged by differ from those of the last apply.
//!
//! A change may try to loosen its own judge, so this leads every plan. Two spellings of one rule are no change: a rule
//! is compared as the set of its parts, each a line, which is also what a person is shown.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::model::duration;
use crate::model::guardrail::{Guardrail, Limit, OnUnknown, Require, Rule, Selector};
use crate::model::policy_file::PolicyHash;
use crate::model::rules::Rules;
use crate::model::stack::{Matcher, NamedMatcher, Production, RiskSettings, Scope, Settings, Unmanaged};
use crate::model::standing::StandingApproval;
use crate::source::Location;

use super::input::{Mode, PlanInput};

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
    /// Where it is written, or was when it was last applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
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
pub(super) fn rule_changes(input: &PlanInput) -> RuleChanges {
    let Some(before) = &input.recorded.rules else {
        return RuleChanges::default();
    };
    let changes = match input.options.mode {
        Mode::All => changes(before, &Rules::of(&input.desired)),
        _ => Vec::new(),
    };
    RuleChanges { known: true, changes }
}

fn changes(before: &Rules, after: &Rules) -> Vec<RuleChange> {
    let mut found = Vec::new();
    let (was, is) = (&before.settings, &after.settings);
    compare(
        RuleBlock::Guardrail,
        &by_label(&before.guardrails, |rule| &rule.label),
        &by_label(&after.guardrails, |rule| &rule.label),
        |rule| (guardrail(rule), rule.location.clone()),
        |was, is| is.covers(was),
        |was, is| is.is_joined(was),
        &mut found,
    );
    compare(
        RuleBlock::StandingApproval,
        &by_label(&before.standing_approvals, |rule| &rule.label),
        &by_label(&after.standing_approvals, |rule| &rule.label),
        |rule| (standing(rule), rule.location.clone()),
        |_, _| false,
        |_, _| false,
        &mut found,
    );
    for (rule, was, is) in [
        (RuleBlock::Protect, &was.protect, &is.protect),
        (RuleBlock::Ignore, &was.ignore, &is.ignore),
    ] {
        compare(
            rule,
            &by_label(was, |rule| &rule.label),
            &by_label(is, |rule| &rule.label),
            |rule: &NamedMatcher| (matcher(&rule.matcher), rule.location.clone()),
            |_, _| false,
            |_, _| false,
            &mut found,
        );
    }
    policies(&before.policies, &after.policies, &mut found);
    settings(was, is, &mut found);
    found.sort();
    found
}

/// What a file of rules or data means for others is not known, so that every change of one may loosen something, but
/// for the first ones of all.
fn policies(before: &[PolicyHash], after: &[PolicyHash], found: &mut Vec<RuleChange>) {
    let line = |file: &PolicyHash| (Lines::from([format!("blake3: {}", file.hash).into()]), None);
    compare(
        RuleBlock::Policy,
        &by_label(before, |file| &file.path),
        &by_label(after, |file| &file.path),
        line,
        |_, _| false,
        |was, is| was == is,
        found,
    );
    let of_policies = found.iter_mut().filter(|change| change.rule == RuleBlock::Policy);
    of_policies.for_each(|change| change.may_loosen = !before.is_empty());
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

/// Compares blocks of one kind by label. Of several with one label, all lines count together.
fn compare<T>(
    rule: RuleBlock,
    before: &ByLabel<'_, T>,
    after: &ByLabel<'_, T>,
    spell: impl Fn(&T) -> (Lines, Option<Location>),
    as_strict: impl Fn(&T, &T) -> bool,
    same: impl Fn(&T, &T) -> bool,
    found: &mut Vec<RuleChange>,
) {
    let labels: BTreeSet<&Arc<str>> = before.keys().chain(after.keys()).collect();
    let spell_all = |rules: &[&T]| {
        let mut lines = Lines::new();
        let mut location = None;
        for rule in rules {
            let (of_rule, at) = spell(rule);
            lines.extend(of_rule);
            location = location.or(at);
        }
        (lines, location)
    };
    for label in labels {
        let was = before.get(label).map(Vec::as_slice).unwrap_or_default();
        let is = after.get(label).map(Vec::as_slice).unwrap_or_default();
        let ((old, old_place), (new, new_place)) = (spell_all(was), spell_all(is));
        if old == new && was.is_empty() == is.is_empty() {
            continue;
        }
        // What a rule is written over may have more in it now, and the rule says what it said.
        if was.len() == is.len() && was.iter().zip(is).all(|(was, is)| same(was, is)) {
            continue;
        }
        let change = match (was.is_empty(), is.is_empty()) {
            (true, _) => RuleChangeKind::Added,
            (_, true) => RuleChangeKind::Removed,
            _ => RuleChangeKind::Changed,
        };
        let stricter = || was.iter().all(|was| is.iter().any(|is| as_strict(was, is)));
        let may_loosen = match (rule, change) {
            // More of these let more pass, or hide more.
            (RuleBlock::Ignore | RuleBlock::StandingApproval, kind) => kind != RuleChangeKind::Removed,
            (_, RuleChangeKind::Added) => false,
            (_, RuleChangeKind::Removed) => true,
            (_, RuleChangeKind::Changed) => !stricter(),
        };
        found.push(RuleChange {
            rule,
            label: Some(Arc::clone(label)),
            change,
            may_loosen,
            before: old.difference(&new).cloned().collect(),
            after: new.difference(&old).cloned().collect(),
            location: new_place.or(old_place),
        });
    }
}

fn settings(was: &Settings, is: &Settings, found: &mut Vec<RuleChange>) {
    let mut push = |rule, may_loosen, before: Lines, after: Lines| {
        if before != after {
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
                location: None,
            });
        }
    };
    push(RuleBlock::Scope, true, scope(&was.scope), scope(&is.scope));
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
        may_loosen,
        unmanaged(was.unmanaged),
        unmanaged(is.unmanaged),
    );
    let most = |settings: &Settings| Lines::from([Arc::from(settings.max_removals.to_string())]);
    push(
        RuleBlock::MaxRemovals,
        is.max_removals > was.max_removals,
        most(was),
        most(is),
    );
    let (was, is) = (&was.risk, &is.risk);
    let (before, after) = (production(&was.production), production(&is.production));
    push(RuleBlock::Production, !before.is_subset(&after), before, after);
    push(RuleBlock::Risk, risk_loosens(was, is), risk(was), risk(is));
}

/// An account is production as soon as one line matches, so every line that goes may loosen.
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
            lines.extend(items.map(|item| Arc::from(format!("{name}: {}", item.to_string()))));
        }
    }
}

fn selector(prefix: &str, of: &Selector, lines: &mut Lines) {
    let name = |field: &str| format!("{prefix}{field}");
    list_of(
        &name("principals"),
        of.principals.as_ref().map(|of| of.iter()),
        lines,
    );
    list_of(
        &name("permission_sets"),
        of.permission_sets.as_ref().map(|of| of.iter()),
        lines,
    );
    list_of(&name("accounts"), of.accounts.as_ref().map(|of| of.iter()), lines);
}

fn guardrail(guardrail: &Guardrail) -> Lines {
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
        match rule {
            Rule::Deny(deny) => {
                selector(&prefix, &deny.of, &mut lines);
                on_unknown(&prefix, deny.on_unknown, &mut lines);
            }
            Rule::Limit(of) => limit(&prefix, of, &mut lines),
            Rule::Require(of) => require(&prefix, of, &mut lines),
        }
    }
    for (number, except) in (1_u32..).zip(&guardrail.except) {
        let prefix = match number {
            1 => "except.".to_owned(),
            number => format!("except[{number}]."),
        };
        selector(&prefix, &except.of, &mut lines);
        lines.insert(format!("{prefix}reason: {}", except.reason).into());
        if let Some(expires) = except.expires {
            lines.insert(format!("{prefix}expires: {expires}").into());
        }
    }
    lines
}

fn limit(prefix: &str, limit: &Limit, lines: &mut Lines) {
    selector(prefix, &limit.of, lines);
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
    selector(prefix, &require.of, lines);
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

fn standing(approval: &StandingApproval) -> Lines {
    let mut lines = Lines::new();
    selector("", &approval.of, &mut lines);
    lines.insert(format!("reason: {}", approval.reason).into());
    let causes = approval.causes.iter().map(|cause| cause.name());
    list_of("causes", Some(causes), &mut lines);
    let units = approval.organizational_units.as_ref();
    list_of(
        "organizational_units",
        units.map(|units| units.iter()),
        &mut lines,
    );
    lines.extend(approval.expires.map(|time| Arc::from(format!("expires: {time}"))));
    lines
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::stack::StopFor;
    use crate::plan::testing::{Stack, World, set};

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
    fn a_changed_policy_file_may_loosen_and_the_first_ones_do_not() {
        let with = |files: &[(&str, &str)]| Rules {
            policies: files
                .iter()
                .map(|(path, hash)| PolicyHash {
                    path: (*path).into(),
                    hash: (*hash).into(),
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
