//! Effects: every change of the world, as a record that can be stored and applied again.
//!
//! An operation decides, and then commits effects; nothing else changes the world. Applying the same effects to
//! the same world gives the same world, so that a log of them is a durable world. Effects refer to things by place,
//! which keeps those of an assignment at a few bytes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::access::RoleEdit;
use super::call::{CallEntry, Operation};
use super::clock::Time;
use super::identity_store::{Detail, ExternalId};
use super::organization::{Account, AccountState};
use super::permission_set::Definition;
use super::place::{AccountIx, PrincipalIx, SetIx, UnitIx};
use super::request::{Request, RequestKind};
use super::{Settings, World};

/// What an adapter stores before it replies.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub enum Record {
    /// A change.
    Effect(Effect),
    /// A call, after its changes.
    Call(CallEntry),
    /// Calls that were counted and not logged one by one.
    Charge {
        /// Which operation.
        operation: Operation,
        /// How many.
        calls: u64,
    },
}

/// A change of the world.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[allow(missing_docs, reason = "the fields say what the variant's sentence says")]
pub enum Effect {
    /// The settings are these now.
    Configured { settings: Box<Settings> },
    /// The clock stands here now.
    Clock { to: Time },
    /// A unit was created below another.
    UnitCreated { parent: UnitIx, name: String },
    /// A unit has another name.
    UnitRenamed { unit: UnitIx, name: String },
    /// A unit was deleted.
    UnitDeleted { unit: UnitIx },
    /// Tags of a unit were set or removed.
    UnitTagged {
        unit: UnitIx,
        edits: Vec<(String, Option<String>)>,
    },
    /// An account joined the organisation, in the root.
    AccountJoined {
        id: String,
        name: String,
        email: String,
        created: bool,
        tags: BTreeMap<String, String>,
    },
    /// An account is in another unit.
    AccountMoved { account: AccountIx, to: UnitIx },
    /// An account has another name.
    AccountRenamed { account: AccountIx, name: String },
    /// Tags of an account were set or removed.
    AccountTagged {
        account: AccountIx,
        edits: Vec<(String, Option<String>)>,
    },
    /// An account is in another state.
    AccountState { account: AccountIx, state: AccountState },
    /// The delegated administrator is this one now.
    Delegated { to: Option<AccountIx> },
    /// A user or group was created.
    PrincipalCreated {
        uuid: u128,
        detail: Detail,
        external_id: Option<ExternalId>,
    },
    /// A user or group has other attributes.
    PrincipalUpdated { principal: PrincipalIx, detail: Detail },
    /// A user or group was deleted, with its memberships.
    PrincipalDeleted { principal: PrincipalIx },
    /// A user became a member of a group.
    MemberAdded { group: PrincipalIx, user: PrincipalIx },
    /// A user is no member of a group any more.
    MemberRemoved { group: PrincipalIx, user: PrincipalIx },
    /// A permission set was created.
    SetCreated {
        id: u64,
        name: String,
        definition: Box<Definition>,
        tags: BTreeMap<String, String>,
    },
    /// A permission set has another definition; its roles are stale.
    SetRedefined { set: SetIx, definition: Box<Definition> },
    /// Tags of a permission set were set or removed.
    SetTagged {
        set: SetIx,
        edits: Vec<(String, Option<String>)>,
    },
    /// A permission set was deleted.
    SetDeleted { set: SetIx },
    /// A request began.
    Started(Box<Request>),
    /// A request ended, and did what it was asked for unless it failed.
    Finished {
        sequence: u64,
        at: Time,
        failure: Option<Box<str>>,
    },
    /// An assignment was made at once, past any request.
    Granted {
        account: AccountIx,
        set: SetIx,
        principal: PrincipalIx,
    },
    /// An assignment was removed at once, past any request.
    Revoked {
        account: AccountIx,
        set: SetIx,
        principal: PrincipalIx,
    },
    /// A role was deleted in its account.
    RoleDeleted { account: AccountIx, set: SetIx },
    /// A role was changed in its account.
    RoleEdited {
        account: AccountIx,
        set: SetIx,
        edit: RoleEdit,
    },
    /// An account's SAML provider was deleted.
    SamlProviderDeleted { account: AccountIx },
    /// A customer-managed policy exists in an account, or not.
    PolicyPresence {
        account: AccountIx,
        key: String,
        exists: bool,
    },
    /// The next requests of an operation will fail; none when `left` is 0.
    Fault {
        operation: Operation,
        left: u32,
        reason: String,
    },
    /// The instance has another name, or none.
    InstanceNamed { name: Option<String> },
    /// Tags of the instance were set or removed.
    InstanceTagged { edits: Vec<(String, Option<String>)> },
    /// The instance is encrypted with this key, or with one of AWS's own.
    InstanceEncrypted { key: Option<String>, done: Time },
    /// The instance is replicated to a Region.
    RegionAdded { region: String, done: Time },
    /// The instance will not be replicated to a Region any more.
    RegionRemoved { region: String, done: Time },
    /// The attributes for access control are these, by key; none: there is no configuration.
    AttributesSet {
        attributes: Option<Vec<(String, String)>>,
        done: Time,
    },
    /// A service may act in the organisation's accounts, or not any more.
    ServiceAccess { service: String, enabled: bool },
    /// An account is being closed.
    AccountClosing { account: AccountIx, done: Time },
    /// The role through which the management account enters an account that is being created has this name.
    AccessRoleNamed { request: u64, role: String },
    /// An account left the organisation.
    AccountRemoved { account: AccountIx },
    /// An account is a delegated administrator of a service besides IAM Identity Center, or not any more.
    DelegatedFor {
        service: String,
        account: AccountIx,
        delegated: bool,
    },
}

/// An effect refers to something that is not there: the log it came from is damaged or belongs to another world.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error("the simulated world cannot apply this change, because what it refers to does not exist: {0}")]
pub struct BadEffect(String);

/// Sets (`Some`) and removes (`None`) tags.
pub(super) fn edit_tags(tags: &mut BTreeMap<String, String>, edits: &[(String, Option<String>)]) {
    for (key, value) in edits {
        match value {
            Some(value) => {
                tags.insert(key.clone(), value.clone());
            }
            None => {
                tags.remove(key);
            }
        }
    }
}

impl World {
    /// Applies a stored record.
    ///
    /// # Errors
    /// When it refers to something that is not there.
    pub fn apply_record(&mut self, record: &Record) -> Result<(), BadEffect> {
        match record {
            Record::Effect(effect) => self.apply_effect(effect),
            Record::Call(entry) => {
                self.calls.push(entry.clone());
                Ok(())
            }
            Record::Charge { operation, calls } => {
                self.calls.charge(*operation, *calls);
                Ok(())
            }
        }
    }

    /// Applies an effect: the only way in which the world changes.
    ///
    /// # Errors
    /// When it refers to something that is not there; the world may then be changed in part.
    pub fn apply_effect(&mut self, effect: &Effect) -> Result<(), BadEffect> {
        let applied = match effect {
            Effect::Configured { settings } => {
                self.settings = Settings::clone(settings);
                true
            }
            Effect::Clock { to } => {
                self.now = self.now.max(*to);
                true
            }
            Effect::Started(request) => {
                self.requests.add(Request::clone(request));
                true
            }
            Effect::Finished {
                sequence,
                at,
                failure,
            } => self.apply_finish(*sequence, *at, failure.clone()),
            Effect::AccessRoleNamed { request, role } => {
                self.access_roles.insert(*request, role.clone());
                true
            }
            Effect::Fault {
                operation,
                left,
                reason,
            } => {
                self.set_fault(*operation, *left, reason);
                true
            }
            other => {
                self.apply_to_instance(other)
                    || self.apply_to_organization(other)
                    || self.apply_to_identity_store(other)
                    || self.apply_to_permission_sets(other)
                    || self.apply_to_access(other)
            }
        };
        if applied {
            Ok(())
        } else {
            Err(BadEffect(format!("{effect:?}")))
        }
    }

    fn apply_to_organization(&mut self, effect: &Effect) -> bool {
        match effect {
            Effect::UnitCreated { parent, name } => {
                let id = self.ids.unit_id(self.organization.units_made() as u64);
                self.organization.add_unit(id, *parent, name.clone())
            }
            Effect::UnitRenamed { unit, name } => self.organization.rename_unit(*unit, name.clone()),
            Effect::UnitDeleted { unit } => self.organization.remove_unit(*unit),
            Effect::UnitTagged { unit, edits } => self
                .organization
                .edit_unit_tags(*unit, |tags| edit_tags(tags, edits)),
            Effect::AccountJoined {
                id,
                name,
                email,
                created,
                tags,
            } => self.organization.add_account(Account {
                id: id.clone(),
                name: name.clone(),
                email: email.clone(),
                parent: UnitIx::new(0),
                state: AccountState::Active,
                created: *created,
                joined: self.now,
                tags: tags.clone(),
                access_role: None,
            }),
            Effect::AccountMoved { account, to } => self.organization.move_account(*account, *to),
            Effect::AccountRenamed { account, name } => self
                .organization
                .edit_account(*account, |account| account.name.clone_from(name)),
            Effect::AccountTagged { account, edits } => self
                .organization
                .edit_account(*account, |account| edit_tags(&mut account.tags, edits)),
            Effect::AccountClosing { account, done } => {
                self.instance.close(*account, *done);
                self.organization
                    .edit_account(*account, |account| account.state = AccountState::PendingClosure)
            }
            Effect::AccountState { account, state } => {
                self.instance.forget_closing(*account);
                self.organization
                    .edit_account(*account, |account| account.state = *state)
            }
            Effect::AccountRemoved { account } => {
                self.instance.forget_closing(*account);
                self.organization.remove_account(*account)
            }
            Effect::Delegated { to } => {
                let known = to.is_none_or(|at| self.organization.account(at).is_some());
                if known {
                    self.note_delegated(*to);
                }
                self.organization.set_delegated(to.filter(|_| known));
                known
            }
            Effect::DelegatedFor {
                service,
                account,
                delegated,
            } => self.note_delegated_for(service, *account, *delegated),
            _ => false,
        }
    }

    fn apply_to_identity_store(&mut self, effect: &Effect) -> bool {
        match effect {
            Effect::PrincipalCreated {
                uuid,
                detail,
                external_id,
            } => {
                let now = self.now;
                self.identity_store
                    .add(*uuid, detail.clone(), external_id.clone(), now);
                true
            }
            Effect::PrincipalUpdated { principal, detail } => {
                let now = self.now;
                self.identity_store.replace(*principal, detail.clone(), now)
            }
            Effect::PrincipalDeleted { principal } => self.identity_store.remove(*principal),
            Effect::MemberAdded { group, user } => {
                let now = self.now;
                let added = self.identity_store.add_member(*group, *user, now);
                if let Some(uuid) = self.membership_uuid(*group, *user) {
                    self.identity_store.index_membership(uuid, *group, *user);
                }
                added
            }
            Effect::MemberRemoved { group, user } => self.identity_store.remove_member(*group, *user),
            _ => false,
        }
    }

    fn apply_to_permission_sets(&mut self, effect: &Effect) -> bool {
        match effect {
            Effect::SetCreated {
                id,
                name,
                definition,
                tags,
            } => {
                let definition = Definition::clone(definition);
                self.permission_sets
                    .add(*id, name.clone(), definition, tags.clone(), self.now);
                true
            }
            Effect::SetRedefined { set, definition } => {
                let used = self.access.revisions_used(*set);
                self.permission_sets
                    .redefine(*set, Definition::clone(definition), &used)
            }
            Effect::SetTagged { set, edits } => self.permission_sets.edit_tags(*set, edits),
            Effect::SetDeleted { set } => self.permission_sets.remove(*set),
            _ => false,
        }
    }

    fn apply_to_access(&mut self, effect: &Effect) -> bool {
        match effect {
            Effect::Granted {
                account,
                set,
                principal,
            } => self.grant(*account, *set, *principal),
            Effect::Revoked {
                account,
                set,
                principal,
            } => self.access.revoke(*account, *set, *principal),
            Effect::RoleDeleted { account, set } => self.access.delete_role(*account, *set),
            Effect::RoleEdited { account, set, edit } => self
                .access
                .edit_role(*account, *set, |role| role.edit = Some(Box::new(edit.clone()))),
            Effect::SamlProviderDeleted { account } => self.access.delete_saml_provider(*account),
            Effect::PolicyPresence { account, key, exists } => {
                self.organization.account(*account).is_some()
                    && self.access.set_policy(*account, key.clone(), *exists)
            }
            _ => false,
        }
    }

    fn apply_finish(&mut self, sequence: u64, at: Time, failure: Option<Box<str>>) -> bool {
        let failed = failure.is_some();
        let Some(request) = self.requests.end(sequence, failure) else {
            return false;
        };
        self.now = self.now.max(at);
        match request.kind {
            RequestKind::Provision { set, account } => {
                let forced = request.forced.is_some();
                if !forced {
                    self.provision_reached(set, account, failed);
                }
                true
            }
            _ if failed => true,
            // It cannot have succeeded.
            RequestKind::Stranger { .. } => false,
            RequestKind::Assign {
                account,
                set,
                principal,
            } => self.grant(account, set, principal),
            RequestKind::Unassign {
                account,
                set,
                principal,
            } => self.access.revoke(account, set, principal),
            RequestKind::Account { name, email, tags } => {
                let id = self.new_account_id();
                let role = self.access_roles.remove(&sequence);
                let joined = self.apply_to_organization(&Effect::AccountJoined {
                    id: id.clone(),
                    name,
                    email,
                    created: true,
                    tags,
                });
                if let (Some(at), Some(role)) = (self.organization.account_by_id(&id), role) {
                    self.organization
                        .edit_account(at, |account| account.access_role = Some(role));
                }
                joined
            }
        }
    }

    fn grant(&mut self, account: AccountIx, set: SetIx, principal: PrincipalIx) -> bool {
        let known = self.organization.account(account).is_some()
            && self.identity_store.principal(principal).is_some();
        match self.permission_sets.get(set).filter(|set| set.live) {
            Some(found) if known => {
                let revision = found.revision;
                self.access.grant(account, set, principal, (revision, self.now))
            }
            _ => false,
        }
    }

    fn new_account_id(&self) -> String {
        let made = self.organization.accounts_made() as u64;
        let ids = (made..).map(|n| self.ids.account_id(n));
        let mut free = ids.filter(|id| self.organization.account_by_id(id).is_none());
        free.next().unwrap_or_default()
    }
}
