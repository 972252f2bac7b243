//! Drift: what the service has, against what was applied and what is declared, by cause.
//!
//! Pure and independent of how it is shown. Grants are compared as sorted tuples and come out grouped: one item
//! per cause, permission set and principal, with all the accounts.

mod accounts;
mod entities;
mod filter;
mod grants;
mod named;
mod people;
mod quotas;
mod remedy;
mod since;
mod suspended;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::{Address, Addresses};
use crate::id::{AccountKey, EntityKey, GroupName, PermissionSetName, PrincipalKey, ServiceId, UserName};
use crate::model::access::CapacityError;
use crate::model::account::Account;
use crate::model::freeze::Frozen;
use crate::model::instance::{Held, Observed};
use crate::model::permission_set::PermissionSet;
use crate::model::principal::{Group, User};
use crate::model::record::Recorded;
use crate::model::role_content::{OlderRoles, RoleContents};
use crate::model::snapshot::{Management, Snapshot};
use crate::model::stack::Desired;
use crate::source::Location;

pub use people::{Consequence, Effect};
pub(crate) use remedy::shell;
pub use remedy::{Around, Remedy};
pub use since::{Readings, Since};

/// Why something is drift.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The name is there, but it means another thing than the one applied: made anew, or renamed over.
    Rebound,
    /// Someone put a person into a group that this stack manages.
    UnmanagedMembership,
    /// The service has it, and nobody declared it.
    Unmanaged,
    /// An assignment to a group or user that no longer exists.
    Orphaned,
    /// Its time has come, and it is still there.
    Overdue,
    /// It was applied, and the service no longer has it.
    Missing,
    /// It was applied, and has another name in the service.
    Renamed,
    /// It was applied, and the service has it otherwise.
    Changed,
    /// The account stands elsewhere in the organisation, or has another name or tags, than its block says or than when it
    /// was last read: selectors may resolve to something else.
    AccountMoved,
    /// The account is suspended or being closed, and was in use when it was last recorded, or access there is not as it
    /// should be: nothing can be granted or revoked there.
    AccountSuspended,
    /// The permission set changed, and its roles were not provisioned again: people have what it was before.
    StaleProvisioning,
    /// The role in the account is gone, though the permission set is assigned there.
    RoleMissing,
    /// The role in the account was edited.
    RoleTampered,
    /// The SAML provider by which people sign in to the account is gone.
    SamlProviderMissing,
    /// A customer-managed policy that a permission set needs is gone from the account.
    PolicyMissing,
    /// At least nine tenths of a quota are used.
    QuotaNear,
}

impl Cause {
    /// Every cause, most urgent first.
    pub const ALL: [Cause; 16] = [
        Cause::Rebound,
        Cause::UnmanagedMembership,
        Cause::Unmanaged,
        Cause::Orphaned,
        Cause::Overdue,
        Cause::RoleTampered,
        Cause::Missing,
        Cause::Renamed,
        Cause::Changed,
        Cause::AccountMoved,
        Cause::AccountSuspended,
        Cause::StaleProvisioning,
        Cause::RoleMissing,
        Cause::SamlProviderMissing,
        Cause::PolicyMissing,
        Cause::QuotaNear,
    ];

    /// What it means, as a heading.
    pub fn title(self) -> &'static str {
        match self {
            Cause::Rebound => "Rebound: the name now means another thing",
            Cause::UnmanagedMembership => "Unmanaged memberships: people whom nobody declared",
            Cause::Unmanaged => "Unmanaged: there, and nobody declared it",
            Cause::Orphaned => "Orphaned: assigned to someone who no longer exists",
            Cause::Overdue => "Overdue: expired, and still there",
            Cause::Missing => "Missing: applied, and gone from the service",
            Cause::Renamed => "Renamed in the service since it was applied",
            Cause::Changed => "Changed in the service since it was applied",
            Cause::AccountMoved => "Accounts moved, renamed or tagged otherwise",
            Cause::AccountSuspended => "Accounts suspended or being closed",
            Cause::StaleProvisioning => "Stale: roles hold an older content than their permission set",
            Cause::RoleMissing => "Roles that are gone from the account",
            Cause::RoleTampered => "Roles that were edited in the account",
            Cause::SamlProviderMissing => "SAML providers that are gone from the account",
            Cause::PolicyMissing => "Customer-managed policies that are gone from the account",
            Cause::QuotaNear => "Quotas nearly used up",
        }
    }
}

/// An entity's content, to show what differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// A permission set.
    PermissionSet(Box<PermissionSet>),
    /// A user.
    User(Box<User>),
    /// A group; its members are findings of their own.
    Group(Box<Group>),
    /// An account.
    Account(Box<Account>),
}

/// What is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One entity.
    Entity {
        /// Which, as the state has it.
        key: EntityKey,
        /// As applied (or declared, or last read) and as it is; for [`Cause::Changed`] and [`Cause::AccountMoved`].
        contents: Option<Box<(Content, Content)>>,
        /// The ids as applied and as they are; for [`Cause::Rebound`].
        ids: Option<(ServiceId, ServiceId)>,
    },
    /// Memberships of a group.
    Members {
        /// Of which group, as the state has it.
        group: GroupName,
        /// Who came or went, ascending.
        users: Vec<UserName>,
    },
    /// Assignments of one permission set to one principal.
    Grants {
        /// What.
        permission_set: PermissionSetName,
        /// To whom, as the state has it.
        principal: PrincipalKey,
        /// Where, ascending.
        accounts: Vec<AccountKey>,
    },
    /// Roles of one permission set.
    Roles {
        /// Of which.
        permission_set: PermissionSetName,
        /// Where, ascending.
        accounts: Vec<AccountKey>,
    },
    /// A customer-managed policy that a permission set needs.
    Policy {
        /// Its path and name.
        policy: Arc<str>,
        /// Which set needs it.
        permission_set: PermissionSetName,
        /// Where it is gone, ascending.
        accounts: Vec<AccountKey>,
    },
    /// A quota.
    Quota {
        /// What is counted.
        what: &'static str,
        /// In or of what; the instance if nothing.
        of: Option<EntityKey>,
        /// How many there are.
        used: u64,
        /// How many there may be.
        limit: u64,
    },
}

impl Subject {
    fn entity(key: EntityKey) -> Self {
        Subject::Entity {
            key,
            contents: None,
            ids: None,
        }
    }
}

/// An assignment block that selects an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selector {
    /// Which block.
    pub address: Address,
    /// Where it is written.
    pub location: Option<Location>,
    /// It selected the account when it was applied.
    pub before: bool,
    /// It selects it now.
    pub now: bool,
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftItem {
    /// Why it is drift.
    pub cause: Cause,
    /// What is concerned.
    pub subject: Subject,
    /// The blocks that declare (or declared) it.
    pub addresses: Addresses,
    /// Where the first of them is written.
    pub location: Option<Location>,
    /// Whether a block declares it now.
    pub declared: bool,
    /// Whether that block only refers to it: a look-up, or an account without `manage`.
    pub referred: bool,
    /// The last run was to write it and did not write all of it: nobody else changed it, for [`Cause::Changed`].
    pub half_made: bool,
    /// The name it has now, for [`Cause::Renamed`], and for [`Cause::Rebound`] where it left its name to another;
    /// for memberships that of their group, where it is another.
    pub now_called: Option<String>,
    /// The name it had, for [`Cause::Orphaned`] where the state knows it.
    pub was_called: Option<String>,
    /// What was edited, for [`Cause::RoleTampered`] where it could be read.
    pub edits: BTreeSet<Arc<str>>,
    /// What the roles were provisioned with, where that is not what their set is now and it is known.
    pub provisioned: Option<Box<PermissionSet>>,
    /// Of roles: their set was changed since they were provisioned.
    pub behind: bool,
    /// The assignment blocks that select the account, for findings about accounts.
    pub selected_by: Vec<Selector>,
    /// What it means for people, what they lost first.
    pub people: Vec<Consequence>,
    /// When its time came, for [`Cause::Overdue`].
    pub expired: Option<Timestamp>,
    /// Since when it is so, once [`Drift::date`] has looked at earlier readings.
    pub since: Option<Since>,
}

impl DriftItem {
    /// A finding about something, of which nothing else is known yet.
    pub(crate) fn new(cause: Cause, subject: Subject) -> Self {
        DriftItem {
            cause,
            subject,
            addresses: Addresses::default(),
            location: None,
            declared: false,
            referred: false,
            half_made: false,
            now_called: None,
            was_called: None,
            edits: BTreeSet::new(),
            provisioned: None,
            behind: false,
            selected_by: Vec::new(),
            people: Vec::new(),
            expired: None,
            since: None,
        }
    }
}

/// Everything found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    /// The findings, by cause in the order of [`Cause::ALL`].
    pub items: Vec<DriftItem>,
    /// What could not be read or looked up: nothing is concluded about it.
    pub held: Vec<Held>,
    /// Who is frozen: what is declared for them counts as not declared.
    pub frozen: Vec<Frozen>,
    /// How many of those are names that blocks refer to and that the service does not have: there the service differs
    /// from what is declared, though nothing is known of grants.
    pub not_found: u64,
    /// The roles that hold something else than their sets say.
    pub roles: RoleContents,
    /// Nothing was ever applied with this state: there is nothing to compare with but what is declared.
    pub never_applied: bool,
    /// Grants compared and as applied, or as declared.
    pub unchanged: u64,
    /// Grants that an `ignore` block hides.
    pub ignored: u64,
    /// How many of those are of a permission set that makes an administrator.
    pub ignored_administration: u64,
    /// Grants outside the scope.
    pub out_of_scope: u64,
}

impl Drift {
    /// Whether there is no finding. What is held is none.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// Whether the service differs from what was applied and declared. What could not be read says nothing either
    /// way: where a caller may never read some of it, drift would otherwise never end.
    pub fn differs(&self) -> bool {
        !self.items.is_empty() || self.not_found > 0
    }
}

/// An old name of a permission set that was to go.
struct Outlived {
    successor: PermissionSetName,
    until: Timestamp,
}

/// What is compared, with what several parts of the comparison need.
struct Sources<'a> {
    desired: &'a Desired,
    recorded: &'a Recorded,
    observed: &'a Observed,
    live: &'a Snapshot,
    filter: filter::Filter<'a>,
    renamed: named::Renamed,
    /// Old names whose `keep_old_until` has passed.
    outlived: BTreeMap<PermissionSetName, Outlived>,
    /// What roles hold that are behind their set, as far as it is known.
    older_roles: Vec<OlderRoles>,
    now: Timestamp,
}

impl<'a> Sources<'a> {
    fn new(desired: &'a Desired, recorded: &'a Recorded, observed: &'a Observed, now: Timestamp) -> Self {
        let live = &observed.snapshot;
        Sources {
            desired,
            recorded,
            observed,
            live,
            filter: filter::Filter::new(
                &desired.settings,
                recorded.rules.as_ref().map(|rules| &rules.settings),
                &observed.held,
                &desired.held,
                live,
            ),
            renamed: named::Renamed::find(&recorded.applied, live),
            outlived: outlived(desired, recorded, now),
            older_roles: recorded.older_roles_at(observed),
            now,
        }
    }

    /// The block of a permission set.
    fn set_block(&self, name: &PermissionSetName) -> Option<accounts::Block> {
        let declared = &self.desired.snapshot.permission_sets;
        declared.get(name).map(|set| accounts::Block {
            addresses: set.addresses.clone(),
            location: set.location.clone(),
            managed: set.is_managed(),
        })
    }
}

/// Permission sets that the state has, that no block declares, and whose address labels a set that said until when the
/// old one stays.
fn outlived(desired: &Desired, recorded: &Recorded, now: Timestamp) -> BTreeMap<PermissionSetName, Outlived> {
    let passed = desired.snapshot.permission_sets.iter().filter_map(|(name, set)| {
        let until = set.keep_old_until.filter(|until| *until <= now)?;
        Some((name, set, until))
    });
    let mut found = BTreeMap::new();
    for (successor, set, until) in passed {
        let former = |address: &Address| {
            set.addresses.contains(address)
                || desired
                    .moved
                    .iter()
                    .any(|moved| moved.from == *address && set.addresses.contains(&moved.to))
        };
        for (old, entity) in &recorded.applied.permission_sets {
            let declared = desired.snapshot.permission_sets.contains_key(old);
            if !declared && entity.management == Management::Created && entity.addresses.iter().any(former) {
                let outlived = Outlived {
                    successor: successor.clone(),
                    until,
                };
                found.insert(old.clone(), outlived);
            }
        }
    }
    found
}

/// Compares what the service has with what was applied and what is declared.
///
/// # Errors
/// When there are more names than a relation can hold.
pub fn find(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Result<Drift, CapacityError> {
    let mut drift = compare(desired, recorded, observed, now)?;
    let sources = Sources::new(desired, recorded, observed, now);
    people::fill(&sources, &mut drift.items);
    Ok(drift)
}

/// The findings without what they mean for people.
fn compare(
    desired: &Desired,
    recorded: &Recorded,
    observed: &Observed,
    now: Timestamp,
) -> Result<Drift, CapacityError> {
    let mut held: Vec<Held> = observed.held.iter().chain(&desired.held).cloned().collect();
    held.sort();
    held.dedup();
    let sources = Sources::new(desired, recorded, observed, now);
    let nowhere = entities::units_that_are_nowhere(&sources);
    let not_found = desired.held.len().saturating_add(nowhere.len()) as u64;
    held.extend(nowhere);
    held.sort();
    let mut drift = Drift {
        held,
        frozen: recorded.frozen.clone(),
        never_applied: recorded.lineage.is_none(),
        not_found,
        ..Drift::default()
    };
    drift.roles = RoleContents::at(observed.into(), &sources.older_roles);
    grants::find(&sources, &mut drift)?;
    entities::find(&sources, &mut drift.items);
    accounts::find(&sources, &mut drift.items);
    accounts::find_roles(&sources, &mut drift.items);
    quotas::find(&sources, &mut drift.items);
    entities::name_orphans(&sources, &mut drift.items);
    let rank = |cause: Cause| Cause::ALL.iter().position(|known| *known == cause);
    drift.items.sort_by_key(|item| rank(item.cause));
    Ok(drift)
}

#[cfg(test)]
mod tests;
