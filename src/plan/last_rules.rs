//! The rules of the last apply, in the names that things have now.
//!
//! A rule is about things, and is written in names. A change that gives a thing another name must not slip out of the
//! rule by it, and one that only does that must not look as if it loosened anything. So recorded rules are translated:
//! to be compared with what is declared, every old name becomes the new one; to judge, a permission set that gets
//! another name is meant by both, as both are there on the way.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::id::{AccountKey, Email, GroupName, OuPath, PermissionSetName, PrincipalKey, UserName};
use crate::model::guardrail::{Guardrail, Rule, Selector};
use crate::model::rules::Rules;
use crate::model::standing::StandingApproval;

use super::identity::Now;
use super::renames::{Renames, unit_now};
use super::sources::Sources;

/// What recorded names have become.
#[derive(Debug, Default)]
pub(super) struct NamesNow {
    permission_sets: BTreeMap<PermissionSetName, PermissionSetName>,
    /// What the service calls them now, and what the plan calls them. A name that is somebody else's now is left out.
    users: BTreeMap<UserName, (UserName, UserName)>,
    groups: BTreeMap<GroupName, (GroupName, GroupName)>,
    emails: BTreeMap<Email, AccountKey>,
    units: BTreeMap<OuPath, OuPath>,
}

/// Which names a translation gives.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Names {
    /// Those that things have in the end.
    Last,
    /// All that they have from now on.
    All,
}

impl NamesNow {
    pub fn new(sources: &Sources<'_>, renames: &Renames) -> Self {
        NamesNow {
            permission_sets: renames.permission_sets.clone(),
            users: followed(&sources.identity.users, &renames.users),
            groups: followed(&sources.identity.groups, &renames.groups),
            emails: sources.known_emails(),
            units: renames.units.clone(),
        }
    }

    /// Rules to be compared with what is declared.
    pub fn rules(&self, rules: &Rules) -> Rules {
        let mut rules = rules.clone();
        for guardrail in &mut rules.guardrails {
            self.guardrail(guardrail, Names::Last);
        }
        for approval in &mut rules.standing_approvals {
            self.approval(approval);
        }
        for pattern in &mut rules.settings.risk.production.organizational_units {
            if let Ok(path) = OuPath::new(&**pattern)
                && let Some(new) = self.units.get(&path)
            {
                *pattern = new.as_str().into();
            }
        }
        rules
    }

    /// Permission sets that get another name: the one they have and the one they get.
    pub fn renamed_sets(&self) -> impl Iterator<Item = (&PermissionSetName, &PermissionSetName)> {
        self.permission_sets.iter()
    }

    /// What a unit's path is in the end, by its own name or that of one above it.
    pub fn unit_now(&self, path: &OuPath) -> OuPath {
        unit_now(&self.units, path)
    }

    /// For what is declared: of it, accounts alone go by another name, their ids.
    pub fn by_id(&self) -> NamesNow {
        NamesNow {
            emails: self.emails.clone(),
            ..NamesNow::default()
        }
    }

    /// A guardrail of the last apply to be compared with declared ones.
    pub fn compared<'g>(&self, guardrail: &'g Guardrail) -> Cow<'g, Guardrail> {
        self.translated(guardrail, Names::Last)
    }

    /// A guardrail to judge by.
    pub fn judging<'g>(&self, guardrail: &'g Guardrail) -> Cow<'g, Guardrail> {
        self.translated(guardrail, Names::All)
    }

    fn translated<'g>(&self, guardrail: &'g Guardrail, names: Names) -> Cow<'g, Guardrail> {
        let rules = guardrail.rules.iter().map(Rule::of);
        let mut selectors = rules.chain(guardrail.except.iter().map(|except| &except.of));
        // What names nothing that is called otherwise now need not be copied.
        if !selectors.any(|of| self.concerns(of)) {
            return Cow::Borrowed(guardrail);
        }
        let mut translated = guardrail.clone();
        self.guardrail(&mut translated, names);
        Cow::Owned(translated)
    }

    /// Whether a selector has a name that is another one now.
    fn concerns(&self, of: &Selector) -> bool {
        let principals = || {
            let mut keys = of.principals.iter().flatten();
            keys.any(|key| match key {
                PrincipalKey::Group(name) => self.groups.contains_key(name),
                PrincipalKey::User(name) => self.users.contains_key(name),
                PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => false,
            })
        };
        let sets = || {
            let mut sets = of.permission_sets.iter().flatten();
            sets.any(|set| self.permission_sets.contains_key(set))
        };
        let accounts = || {
            let mut keys = of.accounts.iter().flatten();
            keys.any(|key| matches!(key, AccountKey::Email(email) if self.emails.contains_key(email)))
        };
        let unit = || {
            let path = of
                .accounts_from
                .as_ref()
                .and_then(|from| OuPath::new(&**from).ok());
            path.is_some_and(|path| self.units.contains_key(&path))
        };
        principals() || sets() || accounts() || unit()
    }

    fn guardrail(&self, guardrail: &mut Guardrail, names: Names) {
        for rule in &mut guardrail.rules {
            self.selector(rule.of_mut(), names);
        }
        for except in &mut guardrail.except {
            self.selector(&mut except.of, names);
        }
    }

    fn approval(&self, approval: &mut StandingApproval) {
        self.selector(&mut approval.of, Names::Last);
        let unit = |path: OuPath| self.units.get(&path).cloned().unwrap_or(path);
        if let Some(units) = approval.organizational_units.take() {
            approval.organizational_units = Some(units.into_iter().map(unit).collect());
        }
    }

    fn selector(&self, of: &mut Selector, names: Names) {
        let principals = of.principals.take().map(|keys| {
            let keys = keys.into_iter();
            keys.flat_map(|key| self.principal(key, names)).collect()
        });
        let sets = of.permission_sets.take().map(|sets| {
            let sets = sets.into_iter();
            sets.flat_map(|set| self.permission_set(set, names)).collect()
        });
        let accounts = of.accounts.take().map(|keys| {
            let keys = keys.into_iter();
            keys.map(|key| self.account(key)).collect()
        });
        let unit = of.accounts_from.take().map(|from| {
            let path = OuPath::new(&*from).ok();
            let new = path.and_then(|path| self.units.get(&path));
            new.map_or(from, |new| Arc::from(new.as_str()))
        });
        *of = Selector {
            principals,
            permission_sets: sets,
            accounts,
            accounts_from: unit,
            accounts_direct: of.accounts_direct,
        };
    }

    fn principal(&self, key: PrincipalKey, names: Names) -> Vec<PrincipalKey> {
        let found = match &key {
            PrincipalKey::Group(name) => self.groups.get(name).map(|(now, last)| {
                let group = |name: &GroupName| PrincipalKey::Group(name.clone());
                (group(now), group(last))
            }),
            PrincipalKey::User(name) => self.users.get(name).map(|(now, last)| {
                let user = |name: &UserName| PrincipalKey::User(name.clone());
                (user(now), user(last))
            }),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
        };
        match found {
            Some((now, last)) if names == Names::All => vec![now, last],
            Some((_, last)) => vec![last],
            None => vec![key],
        }
    }

    fn permission_set(&self, set: PermissionSetName, names: Names) -> Vec<PermissionSetName> {
        match self.permission_sets.get(&set) {
            Some(new) if names == Names::All => vec![set, new.clone()],
            Some(new) => vec![new.clone()],
            None => vec![set],
        }
    }

    /// An account by its id, once it has one.
    pub fn account(&self, key: AccountKey) -> AccountKey {
        let known = match &key {
            AccountKey::Email(email) => self.emails.get(email).cloned(),
            AccountKey::Id(_) => None,
        };
        known.unwrap_or(key)
    }
}

/// By recorded name: what the service calls a thing, and what the plan calls it in the end.
fn followed<K: Ord + Clone>(identity: &BTreeMap<K, Now<K>>, renames: &BTreeMap<K, K>) -> BTreeMap<K, (K, K)> {
    let outside = identity.iter().filter_map(|(was, now)| match now {
        Now::Renamed { to, .. } => Some((was, to)),
        Now::Replaced { .. } | Now::Gone { .. } => None,
    });
    let mut names: BTreeMap<K, (K, K)> = BTreeMap::new();
    for (was, to) in renames.keys().map(|old| (old, old)).chain(outside) {
        let last = renames.get(to).unwrap_or(to);
        names.insert(was.clone(), (to.clone(), last.clone()));
    }
    names
}
