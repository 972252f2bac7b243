//! Which names a stack's scope, its `ignore` blocks and what is held cover.

use std::collections::BTreeSet;

use globset::{Glob, GlobSet, GlobSetBuilder};

use crate::address::Kind;
use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey};
use crate::model::instance::{Held, HeldSubject};
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Matcher, Scope, Settings};

/// One matcher with its globs built. An absent one matches everything.
struct Rule {
    permission_sets: Option<GlobSet>,
    principals: Option<GlobSet>,
    accounts: Option<GlobSet>,
}

/// Globs of one field. A pattern that is no glob matches nothing; `validate` reports it.
fn globs(patterns: &[std::sync::Arc<str>]) -> Option<GlobSet> {
    if patterns.is_empty() {
        return None;
    }
    let mut builder = GlobSetBuilder::new();
    for glob in patterns.iter().filter_map(|pattern| Glob::new(pattern).ok()) {
        builder.add(glob);
    }
    Some(builder.build().unwrap_or_else(|_| GlobSet::empty()))
}

impl Rule {
    fn new(matcher: &Matcher) -> Self {
        Rule {
            permission_sets: globs(&matcher.permission_sets),
            principals: globs(&matcher.principals),
            accounts: globs(&matcher.accounts),
        }
    }

    fn set(&self, name: &PermissionSetName) -> bool {
        self.permission_sets
            .as_ref()
            .is_none_or(|globs| globs.is_match(name.as_str()))
    }

    fn principal(&self, key: &PrincipalKey) -> bool {
        self.principals
            .as_ref()
            .is_none_or(|globs| globs.is_match(key.name()))
    }

    fn account(&self, key: &AccountKey, name: &str) -> bool {
        self.accounts
            .as_ref()
            .is_none_or(|globs| globs.is_match(key.to_string()) || globs.is_match(name))
    }

    /// Whether it is about permission sets alone, so that it says something about a set as such.
    fn only_sets(&self) -> bool {
        self.permission_sets.is_some() && self.principals.is_none() && self.accounts.is_none()
    }
}

/// What a stack looks at.
pub struct Filter<'a> {
    scope: Option<Rule>,
    ignore: Vec<Rule>,
    held: BTreeSet<&'a HeldSubject>,
    observed: &'a Snapshot,
}

/// Where a grant stands with a stack.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// The stack looks at it.
    Seen,
    /// An `ignore` block hides it.
    Ignored,
    /// It lies outside the scope.
    OutOfScope,
    /// It could not be read.
    Held,
}

impl<'a> Filter<'a> {
    pub fn new(settings: &Settings, held: &'a [Held], observed: &'a Snapshot) -> Self {
        Filter {
            scope: match &settings.scope {
                Scope::Matching(matcher) => Some(Rule::new(matcher)),
                Scope::Declared | Scope::Instance => None,
            },
            ignore: settings
                .ignore
                .iter()
                .map(|rule| Rule::new(&rule.matcher))
                .collect(),
            held: held.iter().map(|held| &held.subject).collect(),
            observed,
        }
    }

    /// Where a grant stands.
    pub fn grant(&self, account: &AccountKey, set: &PermissionSetName, principal: &PrincipalKey) -> Standing {
        if self.holds_pair(account, set) || self.holds_principal(principal) {
            return Standing::Held;
        }
        let name = self.observed.account_name(account);
        let matches =
            |rule: &Rule| rule.set(set) && rule.principal(principal) && rule.account(account, &name);
        if self.ignore.iter().any(matches) {
            Standing::Ignored
        } else if self.scope.as_ref().is_some_and(|rule| !matches(rule)) {
            Standing::OutOfScope
        } else {
            Standing::Seen
        }
    }

    /// Whether a pair's grants and role could not be read.
    pub fn holds_pair(&self, account: &AccountKey, set: &PermissionSetName) -> bool {
        self.held.contains(&HeldSubject::All(Kind::Assignment))
            || self.holds(&EntityKey::Account(account.clone()))
            || self.holds(&EntityKey::PermissionSet(set.clone()))
            || self
                .held
                .contains(&HeldSubject::Pair(account.clone(), set.clone()))
    }

    fn holds_principal(&self, principal: &PrincipalKey) -> bool {
        let entity = match principal {
            PrincipalKey::Group(name) => Some(EntityKey::Group(name.clone())),
            PrincipalKey::User(name) => Some(EntityKey::User(name.clone())),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
        };
        self.held.contains(&HeldSubject::Principal(principal.clone()))
            || entity.is_some_and(|key| self.holds(&key))
    }

    /// Whether an entity could not be read.
    pub fn holds(&self, key: &EntityKey) -> bool {
        self.held.contains(&HeldSubject::All(key.kind()))
            || self.held.contains(&HeldSubject::Entity(key.clone()))
    }

    /// Whether a group's members could not be read.
    pub fn holds_members(&self, group: &crate::id::GroupName) -> bool {
        self.held.contains(&HeldSubject::Members(group.clone()))
    }

    /// Whether a permission set as such is looked at.
    pub fn sees_set(&self, name: &PermissionSetName) -> bool {
        let ignored = self.ignore.iter().any(|rule| rule.only_sets() && rule.set(name));
        !ignored && self.scope.as_ref().is_none_or(|rule| rule.set(name))
    }
}
