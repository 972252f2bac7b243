//! Who has which permission set in which account, and the role that each account has for it.
//!
//! One row per account, and in it one entry per permission set with the places of its principals: a million assignments
//! are a few tens of megabytes.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::clock::Time;
use super::place::{AccountIx, PrincipalIx, SetIx};

/// What someone changed in a provisioned role, past IAM Identity Center.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoleEdit {
    /// Managed policies attached besides those of the permission set, by ARN.
    pub attached: BTreeSet<String>,
    /// Managed policies detached although the permission set has them, by ARN.
    pub detached: BTreeSet<String>,
    /// Another inline policy.
    pub inline_policy: Option<String>,
}

/// The provisioned role of a pair.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Role {
    /// How many roles of this pair there were before it; the suffix of its name is made from it.
    pub(super) generation: u32,
    /// What someone changed in it.
    pub edit: Option<Box<RoleEdit>>,
    /// When it was made; kept with the world's other [dates](super::dates).
    #[serde(skip)]
    pub(super) made: Time,
}

/// A permission set in an account: who has it there, and its role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    set: SetIx,
    principals: Vec<PrincipalIx>,
    revision: u32,
    role: Option<Role>,
}

impl Pair {
    /// The permission set.
    pub fn set(&self) -> SetIx {
        self.set
    }

    /// Who has it, by rising place.
    pub fn principals(&self) -> &[PrincipalIx] {
        &self.principals
    }

    /// The number of the definition that the service last provisioned.
    pub(super) fn revision(&self) -> u32 {
        self.revision
    }

    /// The role, unless someone deleted it.
    pub fn role(&self) -> Option<&Role> {
        self.role.as_ref()
    }
}

/// What an account has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(super) struct Row {
    pairs: Vec<Pair>,
    /// How many roles were removed, for pairs that had any removed.
    removed_roles: BTreeMap<SetIx, u32>,
    pub(super) saml_provider: bool,
    pub(super) removed_saml_providers: u32,
    /// When the SAML provider was made; kept with the world's other [dates](super::dates).
    #[serde(skip)]
    pub(super) saml_made: Time,
    /// Customer-managed policies known to exist (true) or not to (false), by path and name.
    policies: BTreeMap<String, bool>,
}

impl Row {
    fn find(&self, set: SetIx) -> Result<usize, usize> {
        self.pairs.binary_search_by_key(&set, |pair| pair.set)
    }
}

/// When roles were made, by account and permission set.
type RoleDates = Vec<(AccountIx, SetIx, Time)>;
/// When SAML providers were made, by account.
type ProviderDates = Vec<(AccountIx, Time)>;

/// Who has which permission set in which account, by account.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Vec<Row>")]
pub struct Access {
    rows: Vec<Row>,
    accounts_of: Vec<Vec<AccountIx>>,
    assigned_accounts: usize,
    /// Built when first asked for: most runs never ask by principal.
    by_principal: Option<BTreeSet<(PrincipalIx, AccountIx, SetIx)>>,
}

impl Serialize for Access {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.rows.serialize(serializer)
    }
}

impl From<Vec<Row>> for Access {
    fn from(rows: Vec<Row>) -> Self {
        let mut access = Access::default();
        for (at, row) in rows.iter().enumerate() {
            access.assigned_accounts += usize::from(!row.pairs.is_empty());
            for pair in &row.pairs {
                access.accounts_mut(pair.set).push(AccountIx::new(at));
            }
        }
        access.rows = rows;
        access
    }
}

impl Access {
    /// The permission sets that an account has, by rising place.
    pub fn pairs(&self, account: AccountIx) -> &[Pair] {
        self.rows.get(account.at()).map_or(&[], |row| &row.pairs)
    }

    /// A permission set in an account.
    pub fn pair(&self, account: AccountIx, set: SetIx) -> Option<&Pair> {
        let row = self.rows.get(account.at())?;
        row.pairs.get(row.find(set).ok()?)
    }

    /// The accounts that have a permission set, by rising place.
    pub fn accounts_with(&self, set: SetIx) -> &[AccountIx] {
        self.accounts_of.get(set.at()).map_or(&[], Vec::as_slice)
    }

    /// Whether the assignment exists.
    pub fn has(&self, account: AccountIx, set: SetIx, principal: PrincipalIx) -> bool {
        self.pair(account, set)
            .is_some_and(|pair| pair.principals.binary_search(&principal).is_ok())
    }

    /// Whether IAM Identity Center's SAML provider stands in an account.
    pub fn has_saml_provider(&self, account: AccountIx) -> bool {
        self.rows.get(account.at()).is_some_and(|row| row.saml_provider)
    }

    /// How many accounts have any assignment.
    pub(super) fn assigned_accounts(&self) -> usize {
        self.assigned_accounts
    }

    /// The pairs in which a principal has an assignment of its own, from a given one on.
    pub(super) fn of_principal(&mut self, principal: PrincipalIx) -> Vec<(AccountIx, SetIx)> {
        if self.by_principal.is_none() {
            let mut all = BTreeSet::new();
            for (at, row) in self.rows.iter().enumerate() {
                for pair in &row.pairs {
                    all.extend(pair.principals.iter().map(|p| (*p, AccountIx::new(at), pair.set)));
                }
            }
            self.by_principal = Some(all);
        }
        let (least, most) = (
            (AccountIx::new(0), SetIx::new(0)),
            (AccountIx::new(usize::MAX), SetIx::new(usize::MAX)),
        );
        let range = (principal, least.0, least.1)..=(principal, most.0, most.1);
        let index = self.by_principal.iter();
        index
            .flat_map(|index| index.range(range.clone()))
            .map(|(_, account, set)| (*account, *set))
            .collect()
    }

    /// The definitions of a set that any account's role still has.
    pub(super) fn revisions_used(&self, set: SetIx) -> BTreeSet<u32> {
        let accounts = self.accounts_with(set).iter();
        accounts
            .filter_map(|account| self.pair(*account, set))
            .map(Pair::revision)
            .collect()
    }

    /// What is known of a customer-managed policy in an account.
    pub(super) fn policy_exists(&self, account: AccountIx, key: &str) -> Option<bool> {
        self.rows.get(account.at())?.policies.get(key).copied()
    }

    pub(super) fn row(&self, account: AccountIx) -> Option<&Row> {
        self.rows.get(account.at())
    }

    fn row_mut(&mut self, account: AccountIx) -> Option<&mut Row> {
        // Places are given in order, so that a row far beyond the end means a damaged log.
        const MOST: usize = 10_000_000;
        if account.at() >= self.rows.len() && account.at() < MOST {
            self.rows.resize_with(account.at() + 1, Row::default);
        }
        self.rows.get_mut(account.at())
    }

    fn accounts_mut(&mut self, set: SetIx) -> &mut Vec<AccountIx> {
        if set.at() >= self.accounts_of.len() {
            self.accounts_of.resize_with(set.at() + 1, Vec::new);
        }
        #[allow(clippy::indexing_slicing, reason = "the line above makes the place")]
        &mut self.accounts_of[set.at()]
    }

    // What the effects do.

    /// Makes an assignment, and the role with the set's present definition.
    pub(super) fn grant(
        &mut self,
        account: AccountIx,
        set: SetIx,
        principal: PrincipalIx,
        (revision, now): (u32, Time),
    ) -> bool {
        let Some(row) = self.row_mut(account) else {
            return false;
        };
        let first = row.pairs.is_empty();
        let at = match row.find(set) {
            Ok(at) => at,
            Err(at) => {
                row.pairs.insert(
                    at,
                    Pair {
                        set,
                        principals: Vec::new(),
                        revision,
                        role: None,
                    },
                );
                let accounts = self.accounts_mut(set);
                if let Err(at) = accounts.binary_search(&account) {
                    accounts.insert(at, account);
                }
                at
            }
        };
        self.assigned_accounts += usize::from(first);
        if let Some(pair) = self
            .rows
            .get_mut(account.at())
            .and_then(|row| row.pairs.get_mut(at))
            && let Err(place) = pair.principals.binary_search(&principal)
        {
            pair.principals.insert(place, principal);
        }
        if let Some(index) = &mut self.by_principal {
            index.insert((principal, account, set));
        }
        self.provision(account, set, revision, now)
    }

    /// Removes an assignment, and the role with the last one.
    pub(super) fn revoke(&mut self, account: AccountIx, set: SetIx, principal: PrincipalIx) -> bool {
        let Some(row) = self.rows.get_mut(account.at()) else {
            return false;
        };
        let Ok(at) = row.find(set) else { return false };
        let Some(pair) = row.pairs.get_mut(at) else {
            return false;
        };
        let Ok(place) = pair.principals.binary_search(&principal) else {
            return false;
        };
        pair.principals.remove(place);
        if pair.principals.is_empty() {
            if pair.role.is_some() {
                *row.removed_roles.entry(set).or_default() += 1;
            }
            row.pairs.remove(at);
            self.assigned_accounts -= usize::from(row.pairs.is_empty());
            let accounts = self.accounts_mut(set);
            if let Ok(at) = accounts.binary_search(&account) {
                accounts.remove(at);
            }
        }
        if let Some(index) = &mut self.by_principal {
            index.remove(&(principal, account, set));
        }
        true
    }

    /// Brings the role of a pair to a definition; makes it, and the account's SAML provider, when they are missing.
    pub(super) fn provision(&mut self, account: AccountIx, set: SetIx, revision: u32, now: Time) -> bool {
        let Some(row) = self.rows.get_mut(account.at()) else {
            return false;
        };
        let Ok(at) = row.find(set) else { return false };
        let generation = row.removed_roles.get(&set).copied().unwrap_or(0);
        if !row.saml_provider {
            (row.saml_provider, row.saml_made) = (true, now);
        }
        let Some(pair) = row.pairs.get_mut(at) else {
            return false;
        };
        let rewritten = pair.revision != revision;
        pair.revision = revision;
        match &mut pair.role {
            Some(role) if rewritten => role.edit = None,
            Some(_) => {}
            none => {
                *none = Some(Role {
                    generation,
                    edit: None,
                    made: now,
                })
            }
        }
        true
    }

    /// Provisions again even though the definition is current: undoes what someone changed.
    pub(super) fn reprovision(&mut self, account: AccountIx, set: SetIx, revision: u32, now: Time) -> bool {
        let done = self.provision(account, set, revision, now);
        self.edit_role(account, set, |role| role.edit = None);
        done
    }

    pub(super) fn delete_role(&mut self, account: AccountIx, set: SetIx) -> bool {
        let Some(row) = self.rows.get_mut(account.at()) else {
            return false;
        };
        let Ok(at) = row.find(set) else { return false };
        let removed = row.pairs.get_mut(at).and_then(|pair| pair.role.take()).is_some();
        *row.removed_roles.entry(set).or_default() += u32::from(removed);
        removed
    }

    pub(super) fn edit_role(&mut self, account: AccountIx, set: SetIx, edit: impl FnOnce(&mut Role)) -> bool {
        let Some(row) = self.rows.get_mut(account.at()) else {
            return false;
        };
        let Ok(at) = row.find(set) else { return false };
        row.pairs
            .get_mut(at)
            .and_then(|pair| pair.role.as_mut())
            .map(edit)
            .is_some()
    }

    pub(super) fn delete_saml_provider(&mut self, account: AccountIx) -> bool {
        let Some(row) = self.rows.get_mut(account.at()).filter(|row| row.saml_provider) else {
            return false;
        };
        row.saml_provider = false;
        row.removed_saml_providers += 1;
        true
    }

    /// When roles and SAML providers were made.
    pub(super) fn dates(&self) -> (RoleDates, ProviderDates) {
        let (mut roles, mut providers) = (Vec::new(), Vec::new());
        for (at, row) in self.rows.iter().enumerate() {
            let account = AccountIx::new(at);
            let made = row.pairs.iter();
            roles.extend(made.filter_map(|pair| Some((account, pair.set, pair.role.as_ref()?.made))));
            providers.extend(row.saml_provider.then_some((account, row.saml_made)));
        }
        (roles, providers)
    }

    /// Takes them over; what is not there any more is left out.
    pub(super) fn date(&mut self, roles: RoleDates, providers: ProviderDates) {
        for (account, set, made) in roles {
            self.edit_role(account, set, |role| role.made = made);
        }
        for (account, made) in providers {
            if let Some(row) = self.rows.get_mut(account.at()) {
                row.saml_made = made;
            }
        }
    }

    pub(super) fn set_policy(&mut self, account: AccountIx, key: String, exists: bool) -> bool {
        self.row_mut(account)
            .map(|row| row.policies.insert(key, exists))
            .is_some()
    }
}
