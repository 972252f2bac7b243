//! Rules over grants, worked out once per name and not per grant.

use super::access::{Names, Tuple};
use super::matching::Matching;
use super::snapshot::Snapshot;
use super::stack::{Scope, Settings};
use crate::id::{AccountKey, PermissionSetName};

/// A rule over the ranks of one set of names: for each name, whether it matches. `None` matches everything.
#[derive(Debug, Default)]
pub struct RankRule {
    accounts: Option<Vec<bool>>,
    permission_sets: Option<Vec<bool>>,
    principals: Option<Vec<bool>>,
}

impl RankRule {
    /// Asks a rule about every name. Accounts match by their keys, or by what one of the snapshots calls them.
    pub fn new(rule: &Matching, names: &Names, snapshots: &[&Snapshot]) -> Self {
        let account = |key: &AccountKey| {
            let found = snapshots.iter().filter_map(|snapshot| snapshot.accounts.get(key));
            rule.account(key, found.map(|account| &*account.value.name))
        };
        let (permission_sets, principals, accounts) = rule.restricts();
        RankRule {
            accounts: accounts.then(|| names.accounts.iter().map(account).collect()),
            permission_sets: permission_sets.then(|| {
                let all = names.permission_sets.iter();
                all.map(|name| rule.permission_set(name)).collect()
            }),
            principals: principals.then(|| names.principals.iter().map(|key| rule.principal(key)).collect()),
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

    /// Whether one of its lists matches no name there is.
    pub fn is_idle(&self) -> bool {
        let lists = [&self.permission_sets, &self.principals, &self.accounts];
        lists.into_iter().flatten().any(|flags| !flags.contains(&true))
    }
}

/// What a stack leaves to others of what nobody declared: what `ignore` names, and what lies outside the scope.
#[derive(Debug, Default)]
pub struct LeftToOthers<R = RankRule> {
    /// `None`: all of the instance.
    scope: Option<R>,
    ignore: Vec<R>,
}

impl LeftToOthers<Matching> {
    /// By what settings say. A pattern that is no glob matches nothing, and what is wrong with it goes to `broken`.
    pub fn of(settings: &Settings, broken: &mut Vec<String>) -> Self {
        LeftToOthers {
            scope: match &settings.scope {
                Scope::Matching(matcher) => Some(Matching::new(matcher, broken)),
                Scope::Declared | Scope::Instance => None,
            },
            ignore: settings
                .ignore
                .iter()
                .map(|rule| Matching::new(&rule.matcher, broken))
                .collect(),
        }
    }

    /// By the settings of the last apply, where these are known and say something else than those of now; mostly they
    /// do not.
    pub fn of_last(last: Option<&Settings>, now: &Settings) -> Option<Self> {
        let last = last.filter(|last| last.ignore != now.ignore || last.scope != now.scope)?;
        // No plan was applied whose patterns are broken.
        Some(Self::of(last, &mut Vec::new()))
    }

    /// Over the names of relations, see [`RankRule::new`].
    pub fn over(&self, names: &Names, snapshots: &[&Snapshot]) -> LeftToOthers {
        let rule = |rule: &Matching| RankRule::new(rule, names, snapshots);
        LeftToOthers {
            scope: self.scope.as_ref().map(rule),
            ignore: self.ignore.iter().map(rule).collect(),
        }
    }

    /// Whether a permission set that nobody declared is this stack's matter as such: a scope of accounts or principals
    /// leaves sets to others, who use them elsewhere.
    pub fn answers_for_set(&self, name: &PermissionSetName) -> bool {
        let scope = self.scope.as_ref();
        self.sees_set(name) && scope.is_none_or(Matching::only_permission_sets)
    }

    /// Whether the roles of a permission set that nobody declared are looked at.
    pub fn sees_set(&self, name: &PermissionSetName) -> bool {
        let hides = |rule: &Matching| rule.only_permission_sets() && rule.permission_set(name);
        let ignored = self.ignore.iter().any(hides);
        !ignored && self.scope.as_ref().is_none_or(|rule| rule.permission_set(name))
    }
}

impl LeftToOthers {
    /// Whether there is any `ignore` block.
    pub fn has_ignore(&self) -> bool {
        !self.ignore.is_empty()
    }

    /// Whether an `ignore` block hides a grant.
    pub fn ignores(&self, tuple: Tuple) -> bool {
        self.ignore.iter().any(|rule| rule.matches(tuple))
    }

    /// Whether the stack is responsible for a grant, as far as its scope says.
    pub fn in_scope(&self, tuple: Tuple) -> bool {
        self.scope.as_ref().is_none_or(|rule| rule.matches(tuple))
    }

    /// Whether either hides a grant.
    pub fn hides(&self, tuple: Tuple) -> bool {
        self.ignores(tuple) || !self.in_scope(tuple)
    }
}
