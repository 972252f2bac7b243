//! Drift: what the service has, against what was applied and what is declared, by cause.
//!
//! Pure and independent of how it is shown. Grants are compared as sorted tuples and come out grouped: one item
//! per cause, permission set and principal, with all the accounts.

mod entities;
mod filter;
mod grants;

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey, ServiceId};
use crate::model::access::CapacityError;
use crate::model::account::Account;
use crate::model::instance::{Held, Observed};
use crate::model::permission_set::PermissionSet;
use crate::model::principal::{Group, User};
use crate::model::record::Recorded;
use crate::model::stack::Desired;
use crate::source::Location;

/// Why something is drift.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// It was applied, and the service no longer has it.
    Missing,
    /// The name is there, but it means another thing than the one applied: made anew, or renamed over.
    Rebound,
    /// It was applied, and the service has it otherwise.
    Changed,
    /// The account stands elsewhere in the organisation, or has other tags, than when it was last read: selectors may
    /// resolve to something else.
    AccountMoved,
    /// The service has it, and nobody declared it.
    Unmanaged,
    /// An assignment to a group or user that no longer exists.
    Orphaned,
    /// Its time has come, and it is still there.
    Overdue,
    /// The permission set changed, and its roles were not provisioned again: people have what it was before.
    StaleProvisioning,
    /// The role in the account is gone or was edited.
    RoleTampered,
}

impl Cause {
    /// Every cause, most urgent first.
    pub const ALL: [Cause; 9] = [
        Cause::Rebound,
        Cause::Unmanaged,
        Cause::Orphaned,
        Cause::Overdue,
        Cause::Missing,
        Cause::Changed,
        Cause::AccountMoved,
        Cause::StaleProvisioning,
        Cause::RoleTampered,
    ];

    /// What it means, as a heading.
    pub fn title(self) -> &'static str {
        match self {
            Cause::Missing => "Missing: applied, and gone from the service",
            Cause::Rebound => "Rebound: the name now means another thing",
            Cause::Changed => "Changed in the service since it was applied",
            Cause::AccountMoved => "Accounts moved or tagged otherwise",
            Cause::Unmanaged => "Unmanaged: there, and nobody declared it",
            Cause::Orphaned => "Orphaned: assigned to someone who no longer exists",
            Cause::Overdue => "Overdue: expired, and still there",
            Cause::StaleProvisioning => "Stale: roles hold an older content than their permission set",
            Cause::RoleTampered => "Roles that are gone or were edited in the account",
        }
    }

    /// What to do about it.
    pub fn remedy(self) -> &'static str {
        match self {
            Cause::Missing => {
                "`rolecall apply` brings it back after asking; remove the block if it is to stay away"
            }
            Cause::Rebound => "look at who it is now; `rolecall apply` takes the new one in",
            Cause::Changed => "`rolecall apply` restores what is declared; or declare what is there",
            Cause::AccountMoved => "`rolecall plan` shows what selectors make of it",
            Cause::Unmanaged => "declare it, ignore it, or remove it in the service",
            Cause::Orphaned => "remove it in the service, or let `unmanaged = \"remove\"` do it",
            Cause::Overdue => "`rolecall apply --only expired` removes it",
            Cause::StaleProvisioning | Cause::RoleTampered => "`rolecall apply` provisions the roles again",
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
    /// A group with its members.
    Group(Box<Group>),
    /// An account.
    Account(Box<Account>),
}

/// What is concerned.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Subject {
    /// One entity.
    Entity {
        /// Which.
        key: EntityKey,
        /// As applied (or last read) and as it is; for [`Cause::Changed`] and [`Cause::AccountMoved`].
        contents: Option<Box<(Content, Content)>>,
        /// The ids as applied and as they are; for [`Cause::Rebound`].
        ids: Option<(ServiceId, ServiceId)>,
    },
    /// Assignments of one permission set to one principal.
    Grants {
        /// What.
        permission_set: PermissionSetName,
        /// To whom.
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
}

/// One finding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DriftItem {
    /// Why it is drift.
    pub cause: Cause,
    /// What is concerned.
    pub subject: Subject,
    /// The blocks that declare (or declared) it.
    pub addresses: BTreeSet<Address>,
    /// Where the first of them is written.
    pub location: Option<Location>,
    /// Since when, for [`Cause::Overdue`].
    pub since: Option<Timestamp>,
}

/// Everything found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Drift {
    /// The findings, by cause in the order of [`Cause::ALL`].
    pub items: Vec<DriftItem>,
    /// What could not be read or looked up: nothing is said about it.
    pub held: Vec<Held>,
    /// Grants compared and as applied.
    pub unchanged: u64,
    /// Grants that an `ignore` block hides.
    pub ignored: u64,
    /// Grants outside the scope.
    pub out_of_scope: u64,
}

impl Drift {
    /// Whether nothing drifted. What is held is no drift.
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }
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
    let mut held: Vec<Held> = observed.held.iter().chain(&desired.held).cloned().collect();
    held.sort();
    held.dedup();
    let mut drift = Drift {
        held,
        ..Drift::default()
    };
    grants::find(desired, recorded, observed, now, &mut drift)?;
    entities::find(desired, recorded, observed, &mut drift);
    let rank = |cause: Cause| Cause::ALL.iter().position(|known| *known == cause);
    drift.items.sort_by_key(|item| rank(item.cause));
    Ok(drift)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Kind;
    use crate::id::{AccountId, GroupName};
    use crate::model::access::{Access, Block, Declaration, Names, Pair};
    use crate::model::instance::{HeldSubject, Instance};
    use crate::model::roles::{Provisioning, RoleRow};
    use crate::model::snapshot::{Entity, Management, Snapshot};
    use crate::model::stack::{Matcher, NamedMatcher};

    fn account(number: u64) -> AccountKey {
        AccountKey::Id(AccountId::new(format!("{number:012}")).unwrap())
    }

    fn set(name: &str) -> PermissionSetName {
        PermissionSetName::new(name).unwrap()
    }

    fn group(name: &str) -> PrincipalKey {
        PrincipalKey::Group(GroupName::new(name).unwrap())
    }

    fn block(label: &str, who: &str, what: &str, accounts: &[u64], expires: Option<&str>) -> Block {
        Block {
            declaration: Declaration {
                address: Address::root(Kind::Assignment, label),
                location: None,
                reason: None,
                expires: expires.map(|time| time.parse().unwrap()),
            },
            principals: vec![group(who)],
            permission_sets: vec![set(what)],
            accounts: accounts.iter().copied().map(account).collect(),
        }
    }

    fn relation(blocks: Vec<Block>) -> Snapshot {
        let mut access = Access::from_blocks(blocks).unwrap();
        access.notes.iter_mut().for_each(|note| note.owned = true);
        Snapshot {
            access,
            ..Snapshot::default()
        }
    }

    fn live(grants: &[(u64, &str, PrincipalKey)]) -> Observed {
        let names = Names::new(
            grants.iter().map(|(number, ..)| account(*number)).collect(),
            grants.iter().map(|(_, what, _)| set(what)).collect(),
            grants.iter().map(|(.., who)| who.clone()).collect(),
        )
        .unwrap();
        let tuples = grants
            .iter()
            .map(|(number, what, who)| names.tuple(&account(*number), &set(what), who).unwrap())
            .collect();
        let access = Access::from_tuples(names, tuples);
        Observed {
            at: "2026-11-01T00:00:00Z".parse().unwrap(),
            instance: Instance {
                arn: ServiceId::new("arn:aws:sso:::instance/ssoins-1").unwrap(),
                identity_store: ServiceId::new("d-1").unwrap(),
                organization: None,
                region: "eu-west-1".into(),
                management_account: None,
            },
            caller: None,
            quotas: Default::default(),
            snapshot: Snapshot {
                access,
                ..Snapshot::default()
            },
            roles: Vec::new(),
            held: Vec::new(),
            in_progress: Vec::new(),
            calls: Default::default(),
        }
    }

    fn causes(drift: &Drift) -> Vec<(Cause, usize)> {
        let size = |item: &DriftItem| match &item.subject {
            Subject::Grants { accounts, .. } | Subject::Roles { accounts, .. } => accounts.len(),
            Subject::Entity { .. } => 1,
        };
        drift.items.iter().map(|item| (item.cause, size(item))).collect()
    }

    fn find_at(desired: &Desired, recorded: &Recorded, observed: &Observed) -> Drift {
        find(desired, recorded, observed, observed.at).unwrap()
    }

    #[test]
    fn grants_are_grouped_by_cause_set_and_principal() {
        let blocks = || {
            vec![
                block("a", "ops", "admin", &[1, 2, 3], None),
                block("b", "old", "view", &[1], Some("2026-10-01T00:00:00Z")),
            ]
        };
        let desired = Desired {
            snapshot: relation(blocks()),
            ..Desired::default()
        };
        let recorded = Recorded {
            applied: relation(blocks()),
            ..Recorded::default()
        };
        let orphan = PrincipalKey::OrphanGroup(ServiceId::new("g-1").unwrap());
        let observed = live(&[
            (1, "admin", group("ops")),
            (1, "view", group("old")),
            (4, "admin", group("stranger")),
            (5, "admin", group("stranger")),
            (5, "admin", orphan),
        ]);
        let drift = find_at(&desired, &recorded, &observed);
        assert_eq!(
            causes(&drift),
            [
                (Cause::Unmanaged, 2),
                (Cause::Orphaned, 1),
                (Cause::Overdue, 1),
                (Cause::Missing, 2)
            ]
        );
        assert_eq!(drift.unchanged, 1);
        assert_eq!(
            drift.items[3].addresses.first().unwrap().to_string(),
            "assignment.a"
        );
    }

    #[test]
    fn what_is_ignored_or_held_is_no_drift() {
        let mut desired = Desired::default();
        desired.settings.ignore.push(NamedMatcher {
            label: "control tower".into(),
            matcher: Matcher {
                permission_sets: vec!["AWS*".into()],
                ..Matcher::default()
            },
            location: None,
        });
        let recorded = Recorded {
            applied: relation(vec![block("a", "ops", "admin", &[1], None)]),
            ..Recorded::default()
        };
        let mut observed = live(&[(2, "AWSAudit", group("tower"))]);
        observed.held.push(Held {
            subject: HeldSubject::Pair(account(1), set("admin")),
            why: "denied".into(),
        });
        let drift = find_at(&desired, &recorded, &observed);
        assert!(drift.is_empty(), "{:?}", drift.items);
        assert_eq!((drift.ignored, drift.held.len()), (1, 1));
    }

    #[test]
    fn an_edited_set_a_stale_role_and_a_set_made_anew_have_causes_of_their_own() {
        let managed = |value: PermissionSet| Entity {
            management: Management::Created,
            ..Entity::observed(value)
        };
        let with_arn = |name: &str, arn: &str| {
            let mut value = PermissionSet::new(set(name));
            value.arn = Some(ServiceId::new(arn).unwrap());
            value
        };
        let mut recorded = Recorded::default();
        recorded
            .applied
            .permission_sets
            .insert(set("admin"), managed(with_arn("admin", "arn:1")));
        recorded
            .applied
            .permission_sets
            .insert(set("view"), managed(with_arn("view", "arn:2")));
        recorded
            .applied
            .permission_sets
            .insert(set("gone"), managed(with_arn("gone", "arn:4")));
        let mut observed = live(&[(1, "admin", group("ops"))]);
        let mut edited = with_arn("admin", "arn:1");
        edited.session_duration = "PT8H".parse().unwrap();
        observed
            .snapshot
            .permission_sets
            .insert(set("admin"), Entity::observed(edited));
        observed
            .snapshot
            .permission_sets
            .insert(set("view"), Entity::observed(with_arn("view", "arn:3")));
        observed.roles.push(RoleRow {
            pair: Pair::new(0, 0),
            suffix: None,
            provisioning: Provisioning::Stale,
        });
        let desired = Desired {
            settings: crate::model::stack::Settings {
                unmanaged: crate::model::stack::Unmanaged::Ignore,
                ..Default::default()
            },
            ..Desired::default()
        };
        let drift = find_at(&desired, &recorded, &observed);
        assert_eq!(
            causes(&drift),
            [
                (Cause::Rebound, 1),
                (Cause::Missing, 1),
                (Cause::Changed, 1),
                (Cause::StaleProvisioning, 1)
            ]
        );
    }
}
