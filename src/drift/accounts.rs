//! Drift of accounts and of what stands in them: their place and tags, their status, roles, the SAML provider,
//! policies.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{AccountKey, EntityKey, PermissionSetName};
use crate::model::access::Access;
use crate::model::account::{Account, AccountStatus};
use crate::model::in_account::AccountFault;
use crate::model::roles::Provisioning;
use crate::model::snapshot::Entity;

use super::named::live_key;
use super::suspended::{Assigned, was_in_use};
use super::{Cause, Content, DriftItem, Selector, Sources, Subject};

/// Adds the drift of accounts.
pub(super) fn find(sources: &Sources<'_>, out: &mut Vec<DriftItem>) {
    let mut selectors = Selectors::new(sources);
    let assigned = Assigned::new(sources);
    let (desired, applied) = (
        &sources.desired.snapshot.accounts,
        &sources.recorded.applied.accounts,
    );
    let mut known: BTreeMap<AccountKey, &Entity<Account>> = BTreeMap::new();
    // What is declared now says more about an account than what was declared when it was applied.
    for (key, entity) in desired.iter().chain(applied) {
        known.entry(live_key(key, sources.live)).or_insert(entity);
    }
    // Accounts that no block declares are selected by what was read of the organisation.
    let seen = sources.recorded.seen.as_ref().map(|seen| &seen.snapshot.accounts);
    for key in sources.live.accounts.keys() {
        if let Some(entity) = seen.and_then(|seen| seen.get(key)) {
            known.entry(key.clone()).or_insert(entity);
        }
    }
    // Where nothing can be granted or revoked, what is there is left out of the other findings.
    let suspended = sources.live.accounts.iter();
    for (key, entity) in suspended.filter(|(_, entity)| !entity.value.status.is_assignable()) {
        known.entry(key.clone()).or_insert(entity);
    }
    for (key, entity) in known {
        let is_applied = applied.contains_key(&key) || seen.is_some_and(|seen| seen.contains_key(&key));
        account(&assigned, &mut selectors, key, entity, is_applied, out);
    }
}

fn account(
    assigned: &Assigned<'_>,
    selectors: &mut Selectors<'_>,
    key: AccountKey,
    entity: &Entity<Account>,
    is_applied: bool,
    out: &mut Vec<DriftItem>,
) {
    let sources = assigned.sources();
    let name = EntityKey::Account(key.clone());
    if sources.filter.unreadable(&name) {
        return;
    }
    let has_block = !entity.addresses.is_empty();
    let item = |cause| DriftItem {
        addresses: entity.addresses.clone(),
        location: entity.location.clone(),
        declared: has_block,
        referred: !entity.is_managed(),
        ..DriftItem::new(cause, Subject::entity(name.clone()))
    };
    let Some(live) = sources.live.accounts.get(&key).map(|live| &live.value) else {
        if is_applied {
            out.push(DriftItem {
                selected_by: selectors.of(&key),
                ..item(Cause::Missing)
            });
        }
        return;
    };
    // An account that is being created is neither suspended nor closed.
    if !live.status.is_assignable() && live.status != AccountStatus::PendingActivation {
        let mut selected_by = selectors.of(&key);
        let has_access = assigned.is_anything(&key);
        // Nothing is recorded of an account where nothing can be changed: what is there was granted before.
        for selector in selected_by.iter_mut().filter(|_| has_access) {
            selector.before |= selector.now;
        }
        // An account that nothing is assigned in is nobody's business here. One that was as it is when it was last
        // recorded is a finding only where its access is not what it should be, and cannot be made so.
        let concerns = has_block || !selected_by.is_empty() || has_access;
        if concerns && (was_in_use(sources, &key) || assigned.is_otherwise(&key)) {
            out.push(DriftItem {
                selected_by,
                ..item(Cause::AccountSuspended)
            });
        }
    }
    let before = baseline(sources, &key, entity);
    let stands_otherwise = stands_otherwise(&before, live);
    if stands_otherwise || before.name != live.name {
        // Names are never changed by a plan.
        let cause = if entity.is_managed() && stands_otherwise {
            Cause::Changed
        } else {
            Cause::AccountMoved
        };
        let mut selected_by = selectors.of(&key);
        if !has_block && selected_by.is_empty() {
            return;
        }
        let half_made = cause == Cause::Changed && is_left_undone(sources, &key);
        // The run that left it was to grant what selects it, too.
        for selector in selected_by.iter_mut().filter(|_| half_made) {
            selector.before |= selector.now;
        }
        let contents = (
            Content::Account(Box::new(before)),
            Content::Account(Box::new(live.clone())),
        );
        let mut item = DriftItem {
            selected_by,
            half_made,
            ..item(cause)
        };
        if let Subject::Entity { contents: known, .. } = &mut item.subject {
            *known = Some(Box::new(contents));
        }
        out.push(item);
    }
}

/// Whether the unfinished run made an account, or was to change it, and did not do all of it.
fn is_left_undone(sources: &Sources<'_>, key: &AccountKey) -> bool {
    let recorded = sources.recorded.applied.accounts.get(key);
    let run = sources.recorded.unfinished.as_ref();
    run.zip(recorded)
        .is_some_and(|(run, recorded)| run.has_left_of_account(&recorded.value))
}

/// What is said about an account: by its block, else by the last recorded reading. Of the name a block says something
/// only where it manages the account; where nothing says anything, it is as it is.
fn baseline(sources: &Sources<'_>, key: &AccountKey, entity: &Entity<Account>) -> Account {
    let mut account = entity.value.clone();
    let seen = sources.recorded.seen.as_ref();
    let seen = seen.and_then(|seen| seen.snapshot.accounts.get(key));
    if let Some(seen) = seen {
        account.ou = account.ou.or_else(|| seen.value.ou.clone());
        account.tags = account.tags.or_else(|| seen.value.tags.clone());
    }
    if !(entity.is_managed() && entity.has_name()) {
        let live = sources.live.accounts.get(key);
        let known = seen.filter(|seen| !seen.value.name.is_empty()).or(live);
        if let Some(known) = known {
            account.name = known.value.name.clone();
        }
    }
    account
}

/// Whether unit or tags differ, as far as both sides say something about them.
fn stands_otherwise(before: &Account, live: &Account) -> bool {
    let differs = |differ: bool, both: bool| differ && both;
    differs(before.ou != live.ou, before.ou.is_some() && live.ou.is_some())
        || differs(
            before.tags != live.tags,
            before.tags.is_some() && live.tags.is_some(),
        )
}

/// Which assignment blocks select an account, as declared now and as applied; worked out at the first question.
struct Selectors<'a> {
    sources: &'a Sources<'a>,
    by_account: Option<BTreeMap<AccountKey, BTreeMap<Arc<str>, Selector>>>,
}

impl<'a> Selectors<'a> {
    fn new(sources: &'a Sources<'a>) -> Self {
        Selectors {
            sources,
            by_account: None,
        }
    }

    fn of(&mut self, account: &AccountKey) -> Vec<Selector> {
        let sources = self.sources;
        let by_account = self.by_account.get_or_insert_with(|| {
            let mut found = BTreeMap::new();
            collect(&sources.desired.snapshot.access, sources, true, &mut found);
            collect(&sources.recorded.applied.access, sources, false, &mut found);
            found
        });
        by_account
            .get(account)
            .into_iter()
            .flat_map(|found| found.values().cloned())
            .collect()
    }
}

/// Roles that fare alike: the cause, the set, what was done to them, whether they are behind it, and what they hold then:
/// where it is among the older contents.
type Alike = (Cause, PermissionSetName, BTreeSet<Arc<str>>, bool, Option<usize>);

fn collect(
    access: &Access,
    sources: &Sources<'_>,
    now: bool,
    found: &mut BTreeMap<AccountKey, BTreeMap<Arc<str>, Selector>>,
) {
    let mut pairs: BTreeSet<(u32, u32)> = BTreeSet::new();
    for (tuple, note) in access.tuples.iter().zip(&access.note_of) {
        pairs.insert((tuple.account(), *note));
    }
    for (account, note) in pairs {
        let Some(key) = access
            .names
            .account(account)
            .map(|key| live_key(key, sources.live))
        else {
            continue;
        };
        let note = access.notes.get(note as usize);
        for block in note
            .into_iter()
            .flat_map(|note| note.blocks(&access.declarations))
        {
            let selector = found
                .entry(key.clone())
                .or_default()
                .entry(block.address.to_string().into())
                .or_insert_with(|| Selector {
                    address: block.address.clone(),
                    location: block.location.clone(),
                    before: false,
                    now: false,
                });
            if now {
                selector.now = true;
            } else {
                selector.before = true;
            }
        }
    }
}

/// Adds what is not as it should be with roles and in accounts.
pub(super) fn find_roles(sources: &Sources<'_>, out: &mut Vec<DriftItem>) {
    let observed = sources.observed;
    let names = &observed.snapshot.access.names;
    let mut groups: BTreeMap<Alike, Vec<AccountKey>> = BTreeMap::new();
    let mut explained: BTreeSet<(AccountKey, PermissionSetName)> = BTreeSet::new();
    for found in &observed.in_accounts {
        let (cause, set, edits, behind) = match &found.fault {
            AccountFault::RoleGone { permission_set } => {
                (Cause::RoleMissing, permission_set, BTreeSet::new(), false)
            }
            AccountFault::RoleEdited {
                permission_set,
                edits,
                behind,
            } => (Cause::RoleTampered, permission_set, edits.clone(), *behind),
            AccountFault::SamlProviderGone | AccountFault::PolicyGone { .. } => continue,
        };
        explained.insert((found.account.clone(), set.clone()));
        if looks_at(sources, &found.account, set) {
            let older = behind.then(|| older(sources, &found.account, set)).flatten();
            let alike = (cause, set.clone(), edits, behind, older);
            let group = groups.entry(alike).or_default();
            group.push(found.account.clone());
        }
    }
    for row in &observed.roles {
        let cause = match row.provisioning {
            Provisioning::Latest => continue,
            Provisioning::Stale => Cause::StaleProvisioning,
            Provisioning::Tampered => Cause::RoleTampered,
        };
        let (account, set) = (
            names.account(row.pair.account()),
            names.permission_set(row.pair.permission_set()),
        );
        let Some((account, set)) = account.zip(set) else {
            continue;
        };
        let told = cause == Cause::RoleTampered && explained.contains(&(account.clone(), set.clone()));
        if !told && looks_at(sources, account, set) {
            let is_stale = cause == Cause::StaleProvisioning;
            let older = is_stale.then(|| older(sources, account, set)).flatten();
            let alike = (cause, set.clone(), BTreeSet::new(), is_stale, older);
            groups.entry(alike).or_default().push(account.clone());
        }
    }
    for ((cause, permission_set, edits, behind, older), accounts) in groups {
        let block = sources.set_block(&permission_set);
        let older = older.and_then(|at| sources.older_roles.get(at));
        let provisioned = older.map(|roles| Box::new((*roles.content).clone()));
        out.push(DriftItem {
            edits,
            provisioned,
            behind,
            ..with_block(
                DriftItem::new(
                    cause,
                    Subject::Roles {
                        permission_set,
                        accounts,
                    },
                ),
                block,
            )
        });
    }
    in_accounts(sources, out);
}

/// What is known of the content of a role that is behind: where among the older contents it is.
fn older(sources: &Sources<'_>, account: &AccountKey, set: &PermissionSetName) -> Option<usize> {
    let mut known = sources.older_roles.iter();
    known.position(|roles| roles.permission_set == *set && roles.accounts.contains(account))
}

fn in_accounts(sources: &Sources<'_>, out: &mut Vec<DriftItem>) {
    let mut policies: BTreeMap<(PermissionSetName, Arc<str>), Vec<AccountKey>> = BTreeMap::new();
    for found in &sources.observed.in_accounts {
        match &found.fault {
            AccountFault::SamlProviderGone => {
                let key = EntityKey::Account(found.account.clone());
                if !sources.filter.unreadable(&key) {
                    let entity = sources.desired.snapshot.accounts.get(&found.account);
                    let block = entity.map(|entity| Block {
                        addresses: entity.addresses.clone(),
                        location: entity.location.clone(),
                        managed: entity.is_managed(),
                    });
                    let item = DriftItem::new(Cause::SamlProviderMissing, Subject::entity(key));
                    out.push(DriftItem {
                        // Provisioning a set of this stack's makes the provider anew.
                        declared: provisions(sources, &found.account),
                        ..with_block(item, block)
                    });
                }
            }
            AccountFault::PolicyGone {
                policy,
                permission_sets,
            } => {
                for set in permission_sets
                    .iter()
                    .filter(|set| looks_at(sources, &found.account, set))
                {
                    let group = policies.entry((set.clone(), policy.clone())).or_default();
                    group.push(found.account.clone());
                }
            }
            AccountFault::RoleGone { .. } | AccountFault::RoleEdited { .. } => {}
        }
    }
    for ((permission_set, policy), accounts) in policies {
        let block = sources.set_block(&permission_set);
        let subject = Subject::Policy {
            policy,
            permission_set,
            accounts,
        };
        out.push(with_block(DriftItem::new(Cause::PolicyMissing, subject), block));
    }
}

/// Whether a permission set that this stack makes is assigned in an account.
fn provisions(sources: &Sources<'_>, account: &AccountKey) -> bool {
    let access = &sources.live.access;
    let Some(rank) = access.names.account_rank(account) else {
        return false;
    };
    let mut there = access.tuples.iter().filter(|tuple| tuple.account() == rank);
    there.any(|tuple| {
        let set = access.names.permission_set(tuple.permission_set());
        let block = set.and_then(|set| sources.set_block(set));
        block.is_some_and(|block| block.managed)
    })
}

/// The block of what an item is about.
pub(super) struct Block {
    pub addresses: crate::address::Addresses,
    pub location: Option<crate::source::Location>,
    pub managed: bool,
}

fn with_block(item: DriftItem, block: Option<Block>) -> DriftItem {
    match block {
        Some(block) => DriftItem {
            addresses: block.addresses,
            location: block.location,
            declared: true,
            referred: !block.managed,
            ..item
        },
        None => item,
    }
}

fn looks_at(sources: &Sources<'_>, account: &AccountKey, set: &PermissionSetName) -> bool {
    let ours = sources.set_block(set).is_some();
    // A suspended account is a finding of its own, and nothing can be provisioned there.
    let live = sources.live.accounts.get(account);
    if live.is_some_and(|live| !live.value.status.is_assignable()) {
        return false;
    }
    (ours || sources.filter.sees_set(set)) && !sources.filter.unreadable_pair(account, set)
}
