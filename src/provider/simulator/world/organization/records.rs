//! The root, units and accounts as the world keeps them, with their indexes.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::super::clock::Time;
use super::super::place::{AccountIx, UnitIx};
use super::super::request::Status;
use crate::id::OuPath;

/// An account's state in its life (`Account.State` of the service model).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum AccountState {
    /// `PENDING_ACTIVATION`
    PendingActivation,
    /// `ACTIVE`
    Active,
    /// `SUSPENDED`
    Suspended,
    /// `PENDING_CLOSURE`
    PendingClosure,
    /// `CLOSED`
    Closed,
    /// It left the organisation: no state that the service tells, because it does not tell of the account at all.
    Removed,
}

impl AccountState {
    /// Whether anybody can use the account. It is of no use from the moment on that it is closed (Organizations user guide,
    /// "Closing an AWS account"), nor before its sign-up is completed ("Monitor the state of your AWS accounts").
    pub fn is_usable(self) -> bool {
        self == AccountState::Active
    }

    /// AWS's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            AccountState::PendingActivation => "PENDING_ACTIVATION",
            AccountState::Active => "ACTIVE",
            AccountState::Suspended => "SUSPENDED",
            AccountState::PendingClosure => "PENDING_CLOSURE",
            AccountState::Closed => "CLOSED",
            AccountState::Removed => "REMOVED",
        }
    }
}

/// An account as the world keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Account {
    /// Twelve digits.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its root user's e-mail address, unique.
    pub email: String,
    /// The unit, or the root, it is directly in.
    pub parent: UnitIx,
    /// Its state.
    pub state: AccountState,
    /// Whether it was created in the organisation (else invited into it).
    pub created: bool,
    /// When it joined.
    pub joined: Time,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// What its role for the management account is called, if `CreateAccount` said it; kept with the world's
    /// [dates](super::super::dates).
    #[serde(skip)]
    pub access_role: Option<String>,
}

/// The root or an organizational unit as the world keeps it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unit {
    /// `r-…` or `ou-…`.
    pub id: String,
    /// Its name; `Root` for the root.
    pub name: String,
    /// The unit above; `None` for the root.
    pub parent: Option<UnitIx>,
    /// Whether it still exists.
    pub live: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Stored {
    pub(super) units: Vec<Unit>,
    accounts: Vec<Account>,
    delegated: Option<AccountIx>,
}

#[derive(Debug, Clone, Default)]
pub(super) struct Children {
    pub(super) units: BTreeSet<UnitIx>,
    pub(super) accounts: BTreeSet<AccountIx>,
}

/// The organisation: the root is unit 0 and the management account is account 0.
#[derive(Debug, Clone, Deserialize)]
#[serde(from = "Stored")]
pub struct Organization {
    pub(super) stored: Stored,
    by_id: FxHashMap<String, AccountIx>,
    by_email: FxHashMap<String, AccountIx>,
    unit_by_id: FxHashMap<String, UnitIx>,
    children: Vec<Children>,
}

impl Serialize for Organization {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.stored.serialize(serializer)
    }
}

impl From<Stored> for Organization {
    fn from(stored: Stored) -> Self {
        let mut children = vec![Children::default(); stored.units.len()];
        for (at, unit) in stored.units.iter().enumerate().filter(|(_, unit)| unit.live) {
            if let Some(above) = unit.parent.and_then(|parent| children.get_mut(parent.at())) {
                above.units.insert(UnitIx::new(at));
            }
        }
        let here = |(_, account): &(usize, &Account)| account.state != AccountState::Removed;
        for (at, account) in stored.accounts.iter().enumerate().filter(here) {
            if let Some(above) = children.get_mut(account.parent.at()) {
                above.accounts.insert(AccountIx::new(at));
            }
        }
        let accounts = || stored.accounts.iter().enumerate().filter(here);
        Organization {
            by_id: accounts()
                .map(|(at, a)| (a.id.clone(), AccountIx::new(at)))
                .collect(),
            by_email: accounts()
                .map(|(at, a)| (a.email.to_lowercase(), AccountIx::new(at)))
                .collect(),
            unit_by_id: stored
                .units
                .iter()
                .enumerate()
                .map(|(at, unit)| (unit.id.clone(), UnitIx::new(at)))
                .collect(),
            children,
            stored,
        }
    }
}

impl Organization {
    pub(in super::super) fn new(root_id: String, management: Account) -> Self {
        let root = Unit {
            id: root_id,
            name: "Root".into(),
            parent: None,
            live: true,
            tags: BTreeMap::new(),
        };
        Stored {
            units: vec![root],
            accounts: vec![management],
            delegated: None,
        }
        .into()
    }

    /// The account at a place, if it is still in the organisation.
    pub fn account(&self, at: AccountIx) -> Option<&Account> {
        let account = self.stored.accounts.get(at.at());
        account.filter(|account| account.state != AccountState::Removed)
    }

    /// All accounts, in the order in which they joined.
    pub fn accounts(&self) -> impl Iterator<Item = (AccountIx, &Account)> {
        self.stored
            .accounts
            .iter()
            .enumerate()
            .filter(|(_, account)| account.state != AccountState::Removed)
            .map(|(at, account)| (AccountIx::new(at), account))
    }

    /// The place of the account with this id.
    pub fn account_by_id(&self, id: &str) -> Option<AccountIx> {
        self.by_id.get(id).copied()
    }

    /// The place of the account with this e-mail address, whatever its case.
    pub fn account_by_email(&self, email: &str) -> Option<AccountIx> {
        self.by_email.get(&email.to_lowercase()).copied()
    }

    /// The place of the one account with this name; `None` also when several have it.
    pub fn account_by_name(&self, name: &str) -> Option<AccountIx> {
        let mut named = self.accounts().filter(|(_, account)| account.name == name);
        let first = named.next().map(|(at, _)| at);
        if named.next().is_some() { None } else { first }
    }

    /// The unit at a place, if it still exists.
    pub fn unit(&self, at: UnitIx) -> Option<&Unit> {
        self.stored.units.get(at.at()).filter(|unit| unit.live)
    }

    /// All units that exist, the root first.
    pub fn units(&self) -> impl Iterator<Item = (UnitIx, &Unit)> {
        let all = self.stored.units.iter().enumerate();
        all.filter(|(_, unit)| unit.live)
            .map(|(at, unit)| (UnitIx::new(at), unit))
    }

    /// The place of the unit or root with this id.
    pub fn unit_by_id(&self, id: &str) -> Option<UnitIx> {
        self.unit_by_id
            .get(id)
            .copied()
            .filter(|at| self.unit(*at).is_some())
    }

    /// The unit at a path of names below the root; the empty path is the root.
    pub fn unit_by_path(&self, path: &str) -> Option<UnitIx> {
        OuPath::names(path).try_fold(UnitIx::new(0), |at, name| self.child_named(at, &name))
    }

    /// The names from below the root to this unit, as [`OuPath`] writes them; empty for the root.
    pub fn path(&self, at: UnitIx) -> String {
        let mut names = Vec::new();
        let mut next = self.unit(at);
        while let Some(Unit {
            name,
            parent: Some(parent),
            ..
        }) = next
        {
            names.push(OuPath::part(name));
            next = self.unit(*parent);
        }
        names.reverse();
        names.join("/")
    }

    /// The delegated administrator of IAM Identity Center.
    pub fn delegated(&self) -> Option<AccountIx> {
        self.stored.delegated
    }

    /// The management account's place.
    pub fn management(&self) -> AccountIx {
        AccountIx::new(0)
    }

    pub(in super::super) fn accounts_made(&self) -> usize {
        self.stored.accounts.len()
    }

    pub(in super::super) fn units_made(&self) -> usize {
        self.stored.units.len()
    }

    pub(super) fn child_named(&self, above: UnitIx, name: &str) -> Option<UnitIx> {
        let children = self.children.get(above.at())?;
        children
            .units
            .iter()
            .copied()
            .find(|at| self.unit(*at).is_some_and(|unit| unit.name == name))
    }

    pub(super) fn children(&self, at: UnitIx) -> Option<&Children> {
        self.children.get(at.at())
    }

    /// Whether a unit of this name was deleted from below another.
    pub(super) fn had_unit(&self, above: UnitIx, name: &str) -> bool {
        let gone = |unit: &Unit| !unit.live && unit.parent == Some(above) && unit.name == name;
        self.stored.units.iter().any(gone)
    }

    /// Whether an account with this id left the organisation.
    pub(super) fn had_account(&self, id: &str) -> bool {
        let gone = |account: &Account| account.state == AccountState::Removed && account.id == id;
        self.stored.accounts.iter().any(gone)
    }

    // What the effects do; each says whether what it names exists.

    pub(in super::super) fn add_unit(&mut self, id: String, parent: UnitIx, name: String) -> bool {
        let at = UnitIx::new(self.stored.units.len());
        let Some(above) = self.children.get_mut(parent.at()) else {
            return false;
        };
        above.units.insert(at);
        self.children.push(Children::default());
        self.unit_by_id.insert(id.clone(), at);
        let tags = BTreeMap::new();
        self.stored.units.push(Unit {
            id,
            name,
            parent: Some(parent),
            live: true,
            tags,
        });
        true
    }

    pub(in super::super) fn rename_unit(&mut self, at: UnitIx, name: String) -> bool {
        self.stored
            .units
            .get_mut(at.at())
            .map(|unit| unit.name = name)
            .is_some()
    }

    pub(in super::super) fn remove_unit(&mut self, at: UnitIx) -> bool {
        let Some(unit) = self.stored.units.get_mut(at.at()) else {
            return false;
        };
        unit.live = false;
        if let Some(above) = unit.parent.and_then(|parent| self.children.get_mut(parent.at())) {
            above.units.remove(&at);
        }
        true
    }

    pub(in super::super) fn add_account(&mut self, account: Account) -> bool {
        let at = AccountIx::new(self.stored.accounts.len());
        let Some(above) = self.children.get_mut(account.parent.at()) else {
            return false;
        };
        above.accounts.insert(at);
        self.by_id.insert(account.id.clone(), at);
        self.by_email.insert(account.email.to_lowercase(), at);
        self.stored.accounts.push(account);
        true
    }

    pub(in super::super) fn move_account(&mut self, at: AccountIx, to: UnitIx) -> bool {
        if self.children.get(to.at()).is_none() {
            return false;
        }
        let Some(account) = self.stored.accounts.get_mut(at.at()) else {
            return false;
        };
        let from = std::mem::replace(&mut account.parent, to);
        if let Some(above) = self.children.get_mut(from.at()) {
            above.accounts.remove(&at);
        }
        if let Some(above) = self.children.get_mut(to.at()) {
            above.accounts.insert(at);
        }
        true
    }

    pub(in super::super) fn remove_account(&mut self, at: AccountIx) -> bool {
        let Some(account) = self.stored.accounts.get_mut(at.at()) else {
            return false;
        };
        account.state = AccountState::Removed;
        account.tags.clear();
        self.by_id.remove(&account.id);
        self.by_email.remove(&account.email.to_lowercase());
        if let Some(above) = self.children.get_mut(account.parent.at()) {
            above.accounts.remove(&at);
        }
        true
    }

    pub(in super::super) fn edit_account(&mut self, at: AccountIx, edit: impl FnOnce(&mut Account)) -> bool {
        self.stored.accounts.get_mut(at.at()).map(edit).is_some()
    }

    pub(in super::super) fn edit_unit_tags(
        &mut self,
        at: UnitIx,
        edit: impl FnOnce(&mut BTreeMap<String, String>),
    ) -> bool {
        self.stored
            .units
            .get_mut(at.at())
            .map(|unit| edit(&mut unit.tags))
            .is_some()
    }

    pub(in super::super) fn set_delegated(&mut self, to: Option<AccountIx>) {
        self.stored.delegated = to;
    }
}

/// `DescribeOrganization`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrganizationDescription {
    /// `o-…`.
    pub id: String,
    /// The management account's id (`MasterAccountId`).
    pub management_account_id: String,
    /// Its e-mail address (`MasterAccountEmail`).
    pub management_account_email: String,
}

/// The root or a unit, as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitDescription {
    /// `r-…` or `ou-…`.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
}

/// An account, as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountDescription {
    /// Twelve digits.
    pub id: String,
    /// Its ARN.
    pub arn: String,
    /// Its name.
    pub name: String,
    /// Its e-mail address.
    pub email: String,
    /// Its state.
    pub state: AccountState,
    /// `CREATED` or `INVITED`.
    pub joined_method: &'static str,
    /// When it joined.
    pub joined: Time,
}

/// `CreateAccountStatus`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreateAccountStatus {
    /// `car-…`.
    pub id: String,
    /// The name asked for.
    pub account_name: String,
    /// Where it is.
    pub state: Status,
    /// The id, once it has succeeded.
    pub account_id: Option<String>,
    /// Why it failed, for example `EMAIL_ALREADY_EXISTS`.
    pub failure_reason: Option<String>,
    /// When it was asked for.
    pub requested: Time,
    /// When it ended.
    pub completed: Option<Time>,
}
