//! Accounts that are suspended or being closed: what is assigned there, and whether it is what it should be.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::model::access::{Access, Note, Tuple};
use crate::model::stack::Unmanaged;

use super::Sources;
use super::filter::GrantFilter;
use super::named::live_key;

/// Whether an account was in use by the last recorded reading. Nothing says so where nothing was ever applied; a state
/// without a reading was made of an account in use, and so was one in which the account is new.
pub(super) fn was_in_use(sources: &Sources<'_>, key: &AccountKey) -> bool {
    match &sources.recorded.seen {
        Some(seen) => {
            let seen = seen.snapshot.accounts.get(key);
            seen.is_none_or(|seen| seen.value.status.is_assignable())
        }
        None => sources.recorded.lineage.is_some(),
    }
}

/// A permission set and who has it.
type Held<'a> = (&'a PermissionSetName, &'a PrincipalKey);

/// What should be assigned in accounts where nothing can be changed.
#[derive(Default)]
struct Known<'a> {
    declared: BTreeMap<AccountKey, BTreeSet<Held<'a>>>,
    /// What the state records as the stack's own.
    owned: BTreeMap<AccountKey, BTreeSet<Held<'a>>>,
}

impl<'a> Known<'a> {
    fn of(sources: &Sources<'a>) -> Self {
        Known {
            declared: held(&sources.desired.snapshot.access, sources, |_| true),
            owned: held(&sources.recorded.applied.access, sources, |note| {
                note.is_some_and(|note| note.owned)
            }),
        }
    }
}

/// The grants of a relation in accounts that are not assignable.
fn held<'a>(
    access: &'a Access,
    sources: &Sources<'_>,
    counts: impl Fn(Option<&Note>) -> bool,
) -> BTreeMap<AccountKey, BTreeSet<Held<'a>>> {
    let names = &access.names;
    // By rank, so that each name is looked at once.
    let accounts: Vec<Option<AccountKey>> = names
        .accounts
        .iter()
        .map(|key| {
            let key = live_key(key, sources.live);
            let live = sources.live.accounts.get(&key)?;
            (!live.value.status.is_assignable()).then_some(key)
        })
        .collect();
    let mut found: BTreeMap<AccountKey, BTreeSet<Held<'a>>> = BTreeMap::new();
    for (index, tuple) in access.tuples.iter().enumerate() {
        let account = accounts.get(tuple.account() as usize).and_then(Option::as_ref);
        let Some(account) = account.filter(|_| counts(access.note_at(index))) else {
            continue;
        };
        if let Some((_, set, principal)) = names.resolve(*tuple) {
            found.entry(account.clone()).or_default().insert((set, principal));
        }
    }
    found
}

/// What is assigned in accounts.
pub(super) struct Assigned<'a> {
    sources: &'a Sources<'a>,
    /// Which assignments the stack looks at: over all names, so that it is made once, and only if it is needed.
    filter: OnceCell<GrantFilter>,
    known: OnceCell<Known<'a>>,
}

impl<'a> Assigned<'a> {
    pub fn new(sources: &'a Sources<'a>) -> Self {
        Assigned {
            sources,
            filter: OnceCell::new(),
            known: OnceCell::new(),
        }
    }

    pub fn sources(&self) -> &'a Sources<'a> {
        self.sources
    }

    /// Whether the stack looks at an assignment that nobody declared.
    fn looks_at(&self, tuple: Tuple) -> bool {
        if self.sources.desired.settings.unmanaged == Unmanaged::Ignore {
            return false;
        }
        let names = &self.sources.live.access.names;
        self.filter
            .get_or_init(|| self.sources.filter.over(names))
            .covers(tuple)
    }

    /// Whether something is assigned in an account that the stack looks at.
    pub fn is_anything(&self, account: &AccountKey) -> bool {
        let there = self.sources.live.access.tuples_in(account);
        there.iter().any(|tuple| self.looks_at(*tuple))
    }

    /// Whether something declared is not assigned in an account where nothing can be changed, or something is that is
    /// not the stack's. What is the stack's and declared no longer is to go, which `plan` shows.
    pub fn is_otherwise(&self, account: &AccountKey) -> bool {
        let known = self.known.get_or_init(|| Known::of(self.sources));
        let (declared, owned) = (known.declared.get(account), known.owned.get(account));
        let access = &self.sources.live.access;
        let mut kept = 0;
        for tuple in access.tuples_in(account) {
            let Some((_, set, principal)) = access.names.resolve(*tuple) else {
                continue;
            };
            // Somebody may have given it another name, and a block may have that one already.
            let applied = self.sources.renamed.applied_principal(principal);
            let is_in = |held: Option<&BTreeSet<Held<'_>>>| {
                let both = [(set, principal), (set, &applied)];
                held.is_some_and(|held| both.iter().any(|grant| held.contains(grant)))
            };
            if is_in(declared) {
                kept += 1;
            } else if !is_in(owned) && self.looks_at(*tuple) {
                return true;
            }
        }
        declared.is_some_and(|declared| kept < declared.len())
    }
}
