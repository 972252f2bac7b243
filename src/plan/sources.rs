//! The three snapshots a plan compares, made comparable.
//!
//! An account that is declared by e-mail has an id once it exists. Where the
//! service (or the record) knows the id, it replaces the e-mail everywhere, so
//! that later stages compare keys and nothing else.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use crate::address::{Address, InstanceKey};
use crate::id::{AccountKey, Email, EntityKey, ServiceId};
use crate::model::access::Access;
use crate::model::instance::Held;
use crate::model::snapshot::Snapshot;
use crate::model::text::{Reference, ServiceAttribute};

use super::identity::Identity;
use super::input::{Mode, PlanInput};

/// Desired, recorded and observed under one set of keys.
pub(super) struct Sources<'a> {
    /// All of the input.
    pub input: &'a PlanInput,
    /// What is declared; nothing when everything is to be destroyed.
    pub desired: Cow<'a, Snapshot>,
    /// What was applied, everything under the name that the service has for it now.
    pub recorded: Cow<'a, Snapshot>,
    /// What was applied, under the names that the state has.
    pub state: Cow<'a, Snapshot>,
    /// What is there.
    pub observed: &'a Snapshot,
    /// How the names of the state and those of the service go together.
    pub identity: Identity,
    /// Where recorded addresses have gone, by the `moved` blocks.
    moved: BTreeMap<&'a Address, &'a Address>,
    declared_keys: BTreeMap<AccountKey, AccountKey>,
    recorded_keys: BTreeMap<AccountKey, AccountKey>,
}

impl<'a> Sources<'a> {
    /// Resolves e-mail keys; under [`Mode::Destroy`] nothing is desired.
    pub fn new(input: &'a PlanInput) -> Self {
        let observed = &input.observed.snapshot;
        let emails = known_emails(observed, &input.recorded.applied);
        let (state, recorded_keys) = rekeyed(&input.recorded.applied, &emails);
        let (desired, declared_keys) = if input.options.mode == Mode::Destroy {
            (Cow::Owned(Snapshot::default()), BTreeMap::new())
        } else {
            rekeyed(&input.desired.snapshot, &emails)
        };
        // When everything goes, it does not matter that a look-up found nothing.
        let not_found = input.desired.held.iter();
        let not_found = not_found.filter(|_| !matches!(input.options.mode, Mode::Destroy | Mode::Freeze));
        let held: Vec<&Held> = not_found.chain(&input.observed.held).collect();
        let identity = Identity::find(&state, &desired, observed, &held);
        let recorded = identity.follow(&state);
        // Of two blocks with one `from`, the first holds.
        let moved = input.desired.moved.iter().rev();
        let moved = moved.map(|moved| (&moved.from, &moved.to)).collect();
        Sources {
            input,
            desired,
            recorded,
            state,
            observed,
            identity,
            moved,
            declared_keys,
            recorded_keys,
        }
    }

    /// E-mail addresses of accounts that have an id.
    pub fn known_emails(&self) -> BTreeMap<Email, AccountKey> {
        known_emails(self.observed, &self.input.recorded.applied)
    }

    /// An account's key as its block has it.
    pub fn declared_key(&self, key: &AccountKey) -> AccountKey {
        self.declared_keys.get(key).unwrap_or(key).clone()
    }

    /// An account's key as the state has it.
    pub fn recorded_key(&self, key: &AccountKey) -> AccountKey {
        self.recorded_keys.get(key).unwrap_or(key).clone()
    }

    /// What a recorded address is called now, after the `moved` blocks.
    pub fn address_now(&self, recorded: &Address) -> Address {
        let mut address = recorded.clone();
        // Blocks can be chained; more steps than blocks would be a circle.
        for _ in 0..self.moved.len() {
            match self.moved_on(&address) {
                Some(next) if next != *recorded => address = next,
                _ => break,
            }
        }
        address
    }

    /// Where one `moved` block takes an address: the one that names the instance, else the one that means all.
    fn moved_on(&self, address: &Address) -> Option<Address> {
        if let Some(to) = self.moved.get(address) {
            return Some((*to).clone());
        }
        let to = self.moved.get(&address.block())?;
        (to.instance == InstanceKey::None).then(|| Address {
            instance: address.instance.clone(),
            ..(*to).clone()
        })
    }

    /// The id or ARN by which the service knows an entity now.
    pub fn observed_id(&self, key: &EntityKey) -> Option<ServiceId> {
        id_in(self.observed, key)
    }

    /// The id or ARN that the state has for an entity, by the name that the state has.
    pub fn recorded_id(&self, key: &EntityKey) -> Option<ServiceId> {
        id_in(&self.state, key)
    }

    /// What a reference stands for, where the service has its entity already.
    pub fn lookup(&self, reference: &Reference) -> Option<Arc<str>> {
        let entity = match &reference.entity {
            EntityKey::Account(key @ AccountKey::Email(email)) => {
                let mut accounts = self.observed.accounts.values();
                let found = accounts.find(|account| account.value.email.as_ref() == Some(email));
                EntityKey::Account(found.map_or_else(|| key.clone(), |account| account.value.key.clone()))
            }
            other => other.clone(),
        };
        if let (EntityKey::Account(AccountKey::Id(id)), ServiceAttribute::Id) = (&entity, reference.attribute)
        {
            return Some(id.as_str().into());
        }
        // Where configurations are compared without a service, nothing has an id; what stands for one is not shown.
        let id = self
            .observed_id(&entity)
            .filter(|id| !super::base::stands_in(id))?;
        let instance = &self.input.observed.instance;
        match (&entity, reference.attribute) {
            (EntityKey::OrganizationalUnit(_), ServiceAttribute::Arn) => {
                let organization = instance.organization.as_ref()?;
                let account = instance.management_account.as_ref()?;
                let kind = if id.as_str().starts_with("r-") {
                    "root"
                } else {
                    "ou"
                };
                Some(format!("arn:aws:organizations::{account}:{kind}/{organization}/{id}").into())
            }
            _ => Some(id.as_str().into()),
        }
    }
}

fn id_in(snapshot: &Snapshot, key: &EntityKey) -> Option<ServiceId> {
    match key {
        EntityKey::OrganizationalUnit(key) => snapshot.organizational_units.get(key)?.value.id.clone(),
        EntityKey::Account(key) => match &snapshot.accounts.get(key)?.value.key {
            AccountKey::Id(id) => ServiceId::new(id.as_str()).ok(),
            AccountKey::Email(_) => None,
        },
        EntityKey::User(key) => snapshot.users.get(key)?.value.id.clone(),
        EntityKey::Group(key) => snapshot.groups.get(key)?.value.id.clone(),
        EntityKey::PermissionSet(key) => snapshot.permission_sets.get(key)?.value.arn.clone(),
    }
}

/// E-mail addresses of accounts that have an id; what is observed comes before what is recorded.
fn known_emails(observed: &Snapshot, recorded: &Snapshot) -> BTreeMap<Email, AccountKey> {
    let mut emails = BTreeMap::new();
    for snapshot in [recorded, observed] {
        for (key, account) in &snapshot.accounts {
            if let (AccountKey::Id(_), Some(email)) = (key, &account.value.email) {
                emails.insert(email.clone(), key.clone());
            }
        }
    }
    emails
}

/// The snapshot with every known e-mail key replaced by its id, and what the replaced keys were.
fn rekeyed<'a>(
    snapshot: &'a Snapshot,
    emails: &BTreeMap<Email, AccountKey>,
) -> (Cow<'a, Snapshot>, BTreeMap<AccountKey, AccountKey>) {
    let resolve = |key: &AccountKey| match key {
        AccountKey::Email(email) => emails.get(email).cloned(),
        AccountKey::Id(_) => None,
    };
    let keys = snapshot.accounts.keys().chain(&snapshot.access.names.accounts);
    let replaced: BTreeMap<AccountKey, AccountKey> = keys
        .filter_map(|key| Some((resolve(key)?, key.clone())))
        .collect();
    if replaced.is_empty() {
        return (Cow::Borrowed(snapshot), replaced);
    }
    let mut copy = snapshot.clone();
    copy.accounts = std::mem::take(&mut copy.accounts)
        .into_iter()
        .map(|(key, mut account)| {
            let key = resolve(&key).unwrap_or(key);
            account.value.key = key.clone();
            (key, account)
        })
        .collect();
    copy.access = rekey_access(copy.access, &resolve);
    (Cow::Owned(copy), replaced)
}

/// The relation with account keys replaced. Ranks change order, so tuples are sorted again.
fn rekey_access(mut access: Access, resolve: &dyn Fn(&AccountKey) -> Option<AccountKey>) -> Access {
    let before: Vec<AccountKey> = access
        .names
        .accounts
        .iter()
        .map(|key| resolve(key).unwrap_or_else(|| key.clone()))
        .collect();
    access.names.accounts.clone_from(&before);
    access.names.accounts.sort();
    access.names.accounts.dedup();
    let ranks: Vec<u32> = before
        .iter()
        .map(|key| access.names.account_rank(key).unwrap_or(0))
        .collect();
    let rank = |account: u32| ranks.get(account as usize).copied().unwrap_or(0);
    let mut rows: Vec<_> = access
        .tuples
        .iter()
        .zip(&access.note_of)
        .map(|(tuple, note)| {
            let account = rank(tuple.account());
            let tuple = crate::model::Tuple::new(account, tuple.permission_set(), tuple.principal());
            (tuple, *note)
        })
        .collect();
    rows.sort_unstable();
    rows.dedup_by_key(|(tuple, _)| *tuple);
    (access.tuples, access.note_of) = rows.into_iter().unzip();
    access
}
