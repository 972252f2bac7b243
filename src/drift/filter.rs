//! Which names a stack's scope, its `ignore` blocks and what is held cover.

use std::collections::BTreeSet;

use crate::address::Kind;
use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey};
use crate::model::instance::{Held, HeldSubject};
use crate::model::matching::Matching;
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Scope, Settings};

/// What a stack looks at.
pub struct Filter<'a> {
    scope: Option<Matching>,
    ignore: Vec<Matching>,
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
        // `validate` reports patterns that are no globs.
        let mut broken = Vec::new();
        Filter {
            scope: match &settings.scope {
                Scope::Matching(matcher) => Some(Matching::new(matcher, &mut broken)),
                Scope::Declared | Scope::Instance => None,
            },
            ignore: settings
                .ignore
                .iter()
                .map(|rule| Matching::new(&rule.matcher, &mut broken))
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
        let matches = |rule: &Matching| {
            rule.permission_set(set) && rule.principal(principal) && rule.account(account, [&*name])
        };
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
        let hides = |rule: &Matching| rule.only_permission_sets() && rule.permission_set(name);
        let ignored = self.ignore.iter().any(hides);
        !ignored && self.scope.as_ref().is_none_or(|rule| rule.permission_set(name))
    }
}
