//! What a reading may not read: every list and description is asked for once per thing it is about, and a refusal
//! holds exactly that thing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::again;
use super::meaning::refused;
use super::observe::{account_key, set_name};
use super::world::World;
use super::world::call::Operation;
use super::world::place::{AccountIx, PrincipalIx, SetIx};
use crate::address::Kind;
use crate::id::{EntityKey, GroupName};
use crate::model::instance::{Held, HeldSubject};
use crate::provider::{CallError, Meaning, ProviderError};

/// The parts of a permission set that are described one by one, once its name is known.
const PARTS: [Operation; 5] = [
    Operation::GetInlinePolicyForPermissionSet,
    Operation::ListManagedPoliciesInPermissionSet,
    Operation::ListCustomerManagedPolicyReferencesInPermissionSet,
    Operation::GetPermissionsBoundaryForPermissionSet,
    Operation::ListTagsForResource,
];

type Why = Arc<str>;

/// What is denied, with the service's words.
#[derive(Debug, Default)]
pub(super) struct Denied {
    kinds: BTreeMap<Kind, Why>,
    accounts: BTreeMap<AccountIx, Why>,
    tags: BTreeMap<AccountIx, Why>,
    pairs: BTreeMap<(AccountIx, SetIx), Why>,
    sets: BTreeMap<SetIx, Why>,
    members: BTreeMap<PrincipalIx, Why>,
}

impl Denied {
    /// Asks whether each call of a reading would go through. `sets` is how the first of them was denied.
    ///
    /// # Errors
    /// When one fails for another reason than that the caller may not, and goes on failing.
    pub fn ask(world: &mut World, sets: Option<CallError>) -> Result<Self, ProviderError> {
        let mut denied = Denied::default();
        if let Some(error) = sets {
            denied.kinds.insert(Kind::PermissionSet, error.to_string().into());
        }
        let careful = denied.careful(world);
        denied.ask_for_kinds(world)?;
        if careful {
            denied.ask_for_sets(world)?;
            denied.ask_for_accounts(world)?;
            denied.ask_for_members(world)?;
        }
        Ok(denied)
    }

    /// Whether anything may be refused at all; else nothing has to be asked thing by thing.
    fn careful(&self, world: &World) -> bool {
        let mut reads = PARTS.into_iter().chain([
            Operation::DescribePermissionSet,
            Operation::OrganizationsListTagsForResource,
            Operation::ListPermissionSetsProvisionedToAccount,
            Operation::ListAccountAssignments,
            Operation::ListGroupMemberships,
        ]);
        reads.any(|operation| world.may_refuse(operation))
    }

    fn ask_for_kinds(&mut self, world: &mut World) -> Result<(), ProviderError> {
        for (operation, kind) in [
            (Operation::ListUsers, Kind::User),
            (Operation::ListGroups, Kind::Group),
            (Operation::ListRoots, Kind::OrganizationalUnit),
            (
                Operation::ListOrganizationalUnitsForParent,
                Kind::OrganizationalUnit,
            ),
            (Operation::ListAccountsForParent, Kind::Account),
        ] {
            if let Some(why) = refusal(world, operation)? {
                self.kinds.insert(kind, why);
            }
        }
        Ok(())
    }

    fn ask_for_sets(&mut self, world: &mut World) -> Result<(), ProviderError> {
        let sets: Vec<SetIx> = world.permission_sets().iter().map(|(at, _)| at).collect();
        for at in sets {
            // A set that cannot be described has an ARN and no name, so that it could be any of them.
            if let Some(why) = refusal(world, Operation::DescribePermissionSet)? {
                self.kinds.insert(Kind::PermissionSet, why);
                break;
            }
            for operation in PARTS {
                if let Some(why) = refusal(world, operation)? {
                    self.sets.insert(at, why);
                    break;
                }
            }
        }
        Ok(())
    }

    fn ask_for_accounts(&mut self, world: &mut World) -> Result<(), ProviderError> {
        let accounts: Vec<AccountIx> = world.organization().accounts().map(|(at, _)| at).collect();
        for at in accounts {
            if let Some(why) = refusal(world, Operation::OrganizationsListTagsForResource)? {
                self.tags.insert(at, why);
            }
            if let Some(why) = refusal(world, Operation::ListPermissionSetsProvisionedToAccount)? {
                self.accounts.insert(at, why);
                continue;
            }
            let pairs: Vec<SetIx> = world.access().pairs(at).iter().map(|pair| pair.set()).collect();
            for set in pairs {
                if let Some(why) = refusal(world, Operation::ListAccountAssignments)? {
                    self.pairs.insert((at, set), why);
                }
            }
        }
        Ok(())
    }

    fn ask_for_members(&mut self, world: &mut World) -> Result<(), ProviderError> {
        let store = world.identity_store().principals();
        let groups: Vec<PrincipalIx> = store
            .filter(|(_, p)| p.group().is_some())
            .map(|(at, _)| at)
            .collect();
        for at in groups {
            if let Some(why) = refusal(world, Operation::ListGroupMemberships)? {
                self.members.insert(at, why);
            }
        }
        Ok(())
    }

    /// Whether nothing of a kind can be read.
    pub fn all(&self, kind: Kind) -> bool {
        self.kinds.contains_key(&kind)
    }

    /// Whether it cannot be told which permission sets an account has.
    pub fn pairs_in(&self, account: AccountIx) -> bool {
        self.accounts.contains_key(&account) || self.all(Kind::Account) || self.all(Kind::PermissionSet)
    }

    /// Whether it cannot be told who has a permission set in an account.
    pub fn assignments(&self, account: AccountIx, set: SetIx) -> bool {
        self.pairs.contains_key(&(account, set))
    }

    /// Whether an account's tags cannot be read.
    pub fn tags_of(&self, account: AccountIx) -> bool {
        self.tags.contains_key(&account)
    }

    /// Whether a permission set's content cannot be read.
    pub fn content_of(&self, set: SetIx) -> bool {
        self.sets.contains_key(&set) || self.all(Kind::PermissionSet)
    }

    /// Whether a group's members cannot be read.
    pub fn members_of(&self, group: PrincipalIx) -> bool {
        self.members.contains_key(&group)
    }

    /// What is held for it.
    pub fn held(&self, world: &World) -> Vec<Held> {
        let account = |at: &AccountIx| account_key(&world.organization().account(*at)?.id);
        let entity = |at: &AccountIx| Some(HeldSubject::Entity(EntityKey::Account(account(at)?)));
        let kinds = self
            .kinds
            .iter()
            .map(|(kind, why)| (Some(HeldSubject::All(*kind)), why));
        let accounts = self
            .accounts
            .iter()
            .chain(&self.tags)
            .map(|(at, why)| (entity(at), why));
        let pairs = self.pairs.iter().map(|((at, set), why)| {
            let pair = account(at).zip(set_name(world, set.at()));
            (pair.map(|(account, set)| HeldSubject::Pair(account, set)), why)
        });
        let sets = self.sets.iter().map(|(at, why)| {
            let name = set_name(world, at.at());
            (
                name.map(|name| HeldSubject::Entity(EntityKey::PermissionSet(name))),
                why,
            )
        });
        let members = self.members.iter().map(|(at, why)| {
            let group = world.identity_store().principal(*at);
            let name = group.and_then(|group| GroupName::new(group.name()).ok());
            (name.map(HeldSubject::Members), why)
        });
        let all = kinds.chain(accounts).chain(pairs).chain(sets).chain(members);
        let held: BTreeSet<Held> = all
            .filter_map(|(subject, why)| {
                Some(Held {
                    subject: subject?,
                    why: Arc::clone(why),
                })
            })
            .collect();
        held.into_iter().collect()
    }
}

/// Why a call is denied, if it is.
fn refusal(world: &mut World, operation: Operation) -> Result<Option<Why>, ProviderError> {
    match again(|| world.admits_read(operation)).map_err(|error| refused(operation, &error)) {
        Ok(()) => Ok(None),
        Err(error) if error.meaning == Meaning::Denied => Ok(Some(error.to_string().into())),
        Err(error) => Err(ProviderError::Call(error)),
    }
}
