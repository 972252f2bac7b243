//! Which names a stack's scope, its `ignore` blocks and what is held cover: worked out once per name, not per grant.

use std::collections::BTreeSet;

use rustc_hash::FxHashSet;

use crate::address::Kind;
use crate::id::{AccountKey, EntityKey, GroupName, PermissionSetName, PrincipalKey};
use crate::model::access::{Names, Pair, Tuple};
use crate::model::instance::{Held, HeldSubject};
use crate::model::matching::Matching;
use crate::model::rank_rule::LeftToOthers;
use crate::model::snapshot::Snapshot;
use crate::model::stack::Settings;

fn flag(flags: &[bool], rank: u32) -> bool {
    flags.get(rank as usize) == Some(&true)
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
    /// It could not be read, or cannot be changed now.
    Held,
}

/// The rules and what is held, over the names of the relations that are compared.
pub struct GrantFilter {
    rules: LeftToOthers,
    last: Option<LeftToOthers>,
    held_accounts: Vec<bool>,
    held_sets: Vec<bool>,
    held_principals: Vec<bool>,
    held_pairs: FxHashSet<Pair>,
}

impl GrantFilter {
    /// Whether `ignore` and `scope` leave a grant to this stack that nobody declares.
    pub fn covers(&self, tuple: Tuple) -> bool {
        !self.ignored(tuple) && !self.out_of_scope(tuple)
    }

    fn ignored(&self, tuple: Tuple) -> bool {
        self.rules.ignores(tuple) && self.hidden_last(tuple)
    }

    fn out_of_scope(&self, tuple: Tuple) -> bool {
        !self.rules.in_scope(tuple) && self.hidden_last(tuple)
    }

    /// Whether the rules of the last apply, where they are known and others, hide it as well.
    fn hidden_last(&self, tuple: Tuple) -> bool {
        self.last.as_ref().is_none_or(|rules| rules.hides(tuple))
    }

    /// Where a grant stands. What is declared or was applied is the stack's business whatever `ignore` says.
    pub fn standing(&self, tuple: Tuple, ours: bool) -> Standing {
        if flag(&self.held_accounts, tuple.account())
            || flag(&self.held_sets, tuple.permission_set())
            || flag(&self.held_principals, tuple.principal())
            || self.held_pairs.contains(&tuple.pair())
        {
            Standing::Held
        } else if !ours && self.ignored(tuple) {
            Standing::Ignored
        } else if self.out_of_scope(tuple) {
            Standing::OutOfScope
        } else {
            Standing::Seen
        }
    }
}

/// What a stack looks at. A rule that was never applied hides nothing: a change must not take out of sight what it
/// would be judged by.
pub struct Filter<'a> {
    rules: LeftToOthers<Matching>,
    /// Those of the last apply, where they are known and others.
    last: Option<LeftToOthers<Matching>>,
    /// What could not be read.
    unread: BTreeSet<&'a HeldSubject>,
    /// Look-ups that found nothing they may take.
    not_found: BTreeSet<&'a HeldSubject>,
    observed: &'a Snapshot,
}

impl<'a> Filter<'a> {
    pub fn new(
        settings: &Settings,
        last: Option<&Settings>,
        unread: &'a [Held],
        not_found: &'a [Held],
        observed: &'a Snapshot,
    ) -> Self {
        Filter {
            // `validate` reports patterns that are no globs.
            rules: LeftToOthers::of(settings, &mut Vec::new()),
            last: LeftToOthers::of_last(last, settings),
            unread: unread.iter().map(|held| &held.subject).collect(),
            not_found: not_found.iter().map(|held| &held.subject).collect(),
            observed,
        }
    }

    /// The filter for grants as ranks in `names`.
    pub fn over(&self, names: &Names) -> GrantFilter {
        let everything = self.unread.contains(&HeldSubject::All(Kind::Assignment));
        let account = |key: &AccountKey| {
            let live = self.observed.accounts.get(key);
            everything
                || self.leaves(&EntityKey::Account(key.clone()))
                || live.is_some_and(|live| !live.value.status.is_assignable())
        };
        let pairs = self.unread.iter().filter_map(|subject| match subject {
            HeldSubject::Pair(account, set) => Some(Pair::new(
                names.account_rank(account)?,
                names.permission_set_rank(set)?,
            )),
            _ => None,
        });
        GrantFilter {
            rules: self.rules.over(names, &[self.observed]),
            last: self
                .last
                .as_ref()
                .map(|rules| rules.over(names, &[self.observed])),
            held_accounts: names.accounts.iter().map(account).collect(),
            held_sets: names
                .permission_sets
                .iter()
                .map(|name| self.leaves(&EntityKey::PermissionSet(name.clone())))
                .collect(),
            held_principals: names
                .principals
                .iter()
                .map(|key| self.leaves_principal(key))
                .collect(),
            held_pairs: pairs.collect(),
        }
    }

    /// Whether grants that name an entity are left as they are.
    fn leaves(&self, key: &EntityKey) -> bool {
        self.unreadable(key) || self.not_found.contains(&HeldSubject::Entity(key.clone()))
    }

    fn leaves_principal(&self, key: &PrincipalKey) -> bool {
        let entity = match key {
            PrincipalKey::Group(name) => Some(EntityKey::Group(name.clone())),
            PrincipalKey::User(name) => Some(EntityKey::User(name.clone())),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
        };
        let kind = if key.is_group() { Kind::Group } else { Kind::User };
        let subject = HeldSubject::Principal(key.clone());
        self.unread.contains(&HeldSubject::All(kind))
            || self.unread.contains(&subject)
            || self.not_found.contains(&subject)
            || entity.is_some_and(|key| self.leaves(&key))
    }

    /// Whether a pair's role could not be read.
    pub fn unreadable_pair(&self, account: &AccountKey, set: &PermissionSetName) -> bool {
        self.unread.contains(&HeldSubject::All(Kind::Assignment))
            || self.unreadable(&EntityKey::Account(account.clone()))
            || self.unreadable(&EntityKey::PermissionSet(set.clone()))
            || self
                .unread
                .contains(&HeldSubject::Pair(account.clone(), set.clone()))
    }

    /// Whether an entity could not be read.
    pub fn unreadable(&self, key: &EntityKey) -> bool {
        self.unread.contains(&HeldSubject::All(key.kind()))
            || self.unread.contains(&HeldSubject::Entity(key.clone()))
    }

    /// Whether a group's members could not be read.
    pub fn unreadable_members(&self, group: &GroupName) -> bool {
        self.unread.contains(&HeldSubject::Members(group.clone()))
            || self.unread.contains(&HeldSubject::All(Kind::User))
    }

    /// Whether a permission set that nobody declared is this stack's matter.
    pub fn answers_for_set(&self, name: &PermissionSetName) -> bool {
        let last = self.last.as_ref();
        self.rules.answers_for_set(name) || last.is_some_and(|rules| rules.answers_for_set(name))
    }

    /// Whether the roles of a permission set that nobody declared are looked at.
    pub fn sees_set(&self, name: &PermissionSetName) -> bool {
        self.rules.sees_set(name) || self.last.as_ref().is_some_and(|rules| rules.sees_set(name))
    }
}
