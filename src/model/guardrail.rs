//! Guardrails: rules over who has what access, stated next to it and checked on every plan.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::source::Location;

/// Grants: of these principals, with these sets, in these accounts. `None` of a field means any.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Selector {
    /// Whose.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principals: Option<BTreeSet<PrincipalKey>>,
    /// With which sets.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_sets: Option<BTreeSet<PermissionSetName>>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts: Option<BTreeSet<AccountKey>>,
    /// The path of the unit whose `.accounts` these are, where they were written so. It selects nothing by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_from: Option<Arc<str>>,
    /// Whether these are the accounts that stand in the unit itself (`.direct_accounts`), without those below it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub accounts_direct: bool,
}

impl Selector {
    /// Whether it is the other one as written, with no more than accounts that joined the unit it is written over.
    pub fn is_joined(&self, other: &Selector) -> bool {
        let joined = match (&self.accounts, &other.accounts) {
            (Some(accounts), Some(others)) => self.accounts_from.is_some() && accounts.is_superset(others),
            _ => false,
        };
        let same = |accounts: &Option<BTreeSet<AccountKey>>| Selector {
            accounts: accounts.clone(),
            ..self.clone()
        };
        self == other || joined && same(&other.accounts) == *other
    }

    /// Whether it selects all that the other selects, by name.
    pub fn covers(&self, other: &Selector) -> bool {
        fn all<T: Ord>(wide: Option<&BTreeSet<T>>, narrow: Option<&BTreeSet<T>>) -> bool {
            match (wide, narrow) {
                (None, _) => true,
                (Some(_), None) => false,
                (Some(wide), Some(narrow)) => narrow.is_subset(wide),
            }
        }
        all(self.principals.as_ref(), other.principals.as_ref())
            && all(self.permission_sets.as_ref(), other.permission_sets.as_ref())
            && all(self.accounts.as_ref(), other.accounts.as_ref())
    }
}

/// What becomes of a rule that cannot be judged, because members cannot be read.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum OnUnknown {
    /// It counts as broken by whatever is newly granted to them.
    #[default]
    Refuse,
    /// The plan says so.
    Warn,
}

impl OnUnknown {
    fn is_default(&self) -> bool {
        *self == OnUnknown::default()
    }
}

/// Access that nobody may have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Deny {
    /// Which access.
    #[serde(flatten)]
    pub of: Selector,
    /// When members cannot be read.
    #[serde(default, skip_serializing_if = "OnUnknown::is_default")]
    pub on_unknown: OnUnknown,
}

impl From<Selector> for Deny {
    fn from(of: Selector) -> Self {
        Deny {
            of,
            on_unknown: OnUnknown::default(),
        }
    }
}

/// How much of some access there may be.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Limit {
    /// Which access.
    pub of: Selector,
    /// At most so many people have it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_people: Option<u64>,
    /// Each person has it in at most so many accounts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_accounts: Option<u64>,
    /// Sessions of its permission sets last at most so many seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub max_session: Option<u32>,
    /// When members cannot be read.
    #[serde(default)]
    pub on_unknown: OnUnknown,
}

/// What every grant of some kind must have.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Require {
    /// Which grants.
    pub of: Selector,
    /// It must expire within so many seconds from when it is planned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_within: Option<u64>,
    /// It must give a reason.
    #[serde(default)]
    pub reason: bool,
    /// It must be granted to a group.
    #[serde(default)]
    pub groups_only: bool,
    /// Its permission set must have a permissions boundary.
    #[serde(default)]
    pub boundary: bool,
    /// Its permission set must have these tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub permission_set_tags: BTreeSet<Arc<str>>,
    /// Its account must have these tags.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub account_tags: BTreeSet<Arc<str>>,
}

/// What a guardrail says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Rule {
    /// Nobody may have such access, by whatever path.
    Deny(Deny),
    /// There may be only so much of such access.
    Limit(Limit),
    /// Every such grant must have something.
    Require(Require),
}

impl Rule {
    /// Which access it is about.
    pub fn of(&self) -> &Selector {
        match self {
            Rule::Deny(deny) => &deny.of,
            Rule::Limit(limit) => &limit.of,
            Rule::Require(require) => &require.of,
        }
    }

    /// As [`Rule::of`].
    pub fn of_mut(&mut self) -> &mut Selector {
        match self {
            Rule::Deny(deny) => &mut deny.of,
            Rule::Limit(limit) => &mut limit.of,
            Rule::Require(require) => &mut require.of,
        }
    }

    /// Whether it is the other one as written, with no more than accounts that joined the unit it is written over.
    fn is_joined(&self, other: &Rule) -> bool {
        let mut same = self.clone();
        *same.of_mut() = other.of().clone();
        same == *other && self.of().is_joined(other.of())
    }

    /// Whether it finds everything that the other finds.
    pub fn covers(&self, other: &Rule) -> bool {
        fn at_most<T: Ord>(strict: Option<T>, loose: Option<T>) -> bool {
            loose.is_none_or(|loose| strict.is_some_and(|strict| strict <= loose))
        }
        match (self, other) {
            (Rule::Deny(deny), Rule::Deny(other)) => {
                deny.of.covers(&other.of) && deny.on_unknown <= other.on_unknown
            }
            (Rule::Limit(limit), Rule::Limit(other)) => {
                // Of more access there are more people and accounts, so the wider selector is the stricter one.
                limit.of.covers(&other.of)
                    && at_most(limit.max_people, other.max_people)
                    && at_most(limit.max_accounts, other.max_accounts)
                    && at_most(limit.max_session, other.max_session)
                    && limit.on_unknown <= other.on_unknown
            }
            (Rule::Require(require), Rule::Require(other)) => {
                require.of.covers(&other.of)
                    && at_most(require.expires_within, other.expires_within)
                    && require.reason >= other.reason
                    && require.groups_only >= other.groups_only
                    && require.boundary >= other.boundary
                    && require
                        .permission_set_tags
                        .is_superset(&other.permission_set_tags)
                    && require.account_tags.is_superset(&other.account_tags)
            }
            _ => false,
        }
    }
}

/// An `except` block: what a guardrail does not apply to, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Exception {
    /// Which access.
    pub of: Selector,
    /// Why.
    pub reason: Arc<str>,
    /// From when on it holds no more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Exception {
    /// Whether it holds at a time.
    pub fn holds(&self, now: Timestamp) -> bool {
        self.expires.is_none_or(|expires| expires > now)
    }

    fn covers(&self, other: &Exception) -> bool {
        let lasts = match (self.expires, other.expires) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(mine), Some(other)) => other <= mine,
        };
        lasts && self.of.covers(&other.of)
    }
}

/// A `guardrail` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Guardrail {
    /// What it is called: a sentence.
    pub label: Arc<str>,
    /// Why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Arc<str>>,
    /// Whether breaking it refuses the plan; otherwise the plan only says so.
    pub refuses: bool,
    /// What it does not apply to.
    #[serde(default)]
    pub except: Vec<Exception>,
    /// What it says; all of it must hold.
    pub rules: Vec<Rule>,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Guardrail {
    /// Whether it is the other one as written, with no more than accounts that joined the units it is written over.
    /// Of an exception nothing may grow unseen.
    pub fn is_joined(&self, other: &Guardrail) -> bool {
        let excepts = |guardrail: &Guardrail| -> Vec<Exception> {
            let except = guardrail.except.iter().cloned();
            except
                .map(|exception| Exception {
                    location: None,
                    ..exception
                })
                .collect()
        };
        self.refuses == other.refuses
            && excepts(self) == excepts(other)
            && self.rules.len() == other.rules.len()
            && self
                .rules
                .iter()
                .zip(&other.rules)
                .all(|(rule, other)| rule.is_joined(other))
    }

    /// Whether it is at least as strict as the other: whatever the other refuses, it refuses too.
    pub fn covers(&self, other: &Guardrail) -> bool {
        self.refuses >= other.refuses
            && other
                .rules
                .iter()
                .all(|rule| self.rules.iter().any(|mine| mine.covers(rule)))
            && self
                .except
                .iter()
                .all(|mine| other.except.iter().any(|except| except.covers(mine)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sets(names: &[&str]) -> Selector {
        Selector {
            permission_sets: Some(
                names
                    .iter()
                    .map(|name| PermissionSetName::new(*name).unwrap())
                    .collect(),
            ),
            ..Selector::default()
        }
    }

    fn guardrail(rule: Rule) -> Guardrail {
        Guardrail {
            label: "a rule".into(),
            description: None,
            refuses: true,
            except: Vec::new(),
            rules: vec![rule],
            location: None,
        }
    }

    #[test]
    fn what_denies_more_is_stricter() {
        let deny = |names: &[&str]| guardrail(Rule::Deny(sets(names).into()));
        assert!(deny(&["admin", "view"]).covers(&deny(&["admin"])));
        assert!(!deny(&["admin"]).covers(&deny(&["admin", "view"])));
        let anything = guardrail(Rule::Deny(Deny::default()));
        assert!(anything.covers(&deny(&["admin"])));
        assert!(!deny(&["admin"]).covers(&anything));
        let warns = Guardrail {
            refuses: false,
            ..deny(&["admin"])
        };
        assert!(deny(&["admin"]).covers(&warns) && !warns.covers(&deny(&["admin"])));
    }

    #[test]
    fn what_denies_in_the_dark_is_stricter_and_reads_as_it_always_did() {
        let deny = |on_unknown| {
            guardrail(Rule::Deny(Deny {
                of: sets(&["admin"]),
                on_unknown,
            }))
        };
        let (refuses, warns) = (deny(OnUnknown::Refuse), deny(OnUnknown::Warn));
        assert!(refuses.covers(&warns) && !warns.covers(&refuses));
        // Written before there was anything but a selector.
        let old: Rule = serde_json::from_str(r#"{"deny": {"permission_sets": ["admin"]}}"#).unwrap();
        assert_eq!([old], refuses.rules[..]);
        for rule in refuses.rules.iter().chain(&warns.rules) {
            let packed = rmp_serde::to_vec_named(rule).unwrap();
            assert_eq!(rmp_serde::from_slice::<Rule>(&packed).unwrap(), *rule);
        }
    }

    #[test]
    fn a_higher_or_missing_limit_is_looser() {
        let limit = |max_people, on_unknown| {
            guardrail(Rule::Limit(Limit {
                of: sets(&["admin"]),
                max_people,
                on_unknown,
                ..Limit::default()
            }))
        };
        let three = limit(Some(3), OnUnknown::Refuse);
        assert!(three.covers(&three));
        assert!(three.covers(&limit(Some(5), OnUnknown::Refuse)));
        assert!(!limit(Some(5), OnUnknown::Refuse).covers(&three));
        assert!(!limit(None, OnUnknown::Refuse).covers(&three));
        assert!(!limit(Some(3), OnUnknown::Warn).covers(&three));
        assert!(three.covers(&limit(Some(3), OnUnknown::Warn)));
    }

    #[test]
    fn an_exception_that_is_wider_or_lasts_longer_is_looser() {
        let time = |text: &str| -> Timestamp { text.parse().unwrap() };
        let except = |of: Selector, expires: Option<&str>| Exception {
            of,
            reason: "break glass".into(),
            expires: expires.map(time),
            location: None,
        };
        let with = |except: Vec<Exception>| Guardrail {
            except,
            ..guardrail(Rule::Deny(sets(&["admin"]).into()))
        };
        let none = with(Vec::new());
        let short = with(vec![except(sets(&["admin"]), Some("2027-01-01T00:00:00Z"))]);
        let long = with(vec![except(sets(&["admin"]), None)]);
        assert!(none.covers(&short) && !short.covers(&none));
        assert!(short.covers(&long) && !long.covers(&short));
    }
}
