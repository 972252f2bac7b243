//! Making the changes: each becomes the effects that an operation would have committed.

use super::super::World;
use super::super::access::RoleEdit;
use super::super::effect::Effect;
use super::super::error::ServiceError;
use super::super::identity_store::{Detail, Group, PrincipalKind, User};
use super::super::organization::{AccountState, Tagged};
use super::super::permission_set::{CreatePermissionSet, CustomerManagedPolicy, Definition};
use super::super::place::{AccountIx, PrincipalIx, SetIx};
use super::super::validate;
use super::{SetField, Tamper, TamperError, Who};

type Done = Result<(), TamperError>;

impl World {
    /// Makes a change behind the planner's back.
    ///
    /// # Errors
    /// When something it names does not exist, or not even the console would allow it.
    pub fn tamper(&mut self, change: &Tamper) -> Done {
        match change {
            Tamper::Assign {
                set,
                account,
                principal,
            } => {
                let (account, set) = (self.named_account(account)?, self.named_set(set)?);
                let principal = self.named_principal(principal)?;
                Ok(self.commit(Effect::Granted {
                    account,
                    set,
                    principal,
                })?)
            }
            Tamper::Unassign {
                set,
                account,
                principal,
            } => {
                let (account, set) = (self.named_account(account)?, self.named_set(set)?);
                let who = self.named_principal(principal)?;
                if !self.access().has(account, set, who) {
                    return Err(missing("assignment for", &principal.to_string()));
                }
                Ok(self.commit(Effect::Revoked {
                    account,
                    set,
                    principal: who,
                })?)
            }
            Tamper::CreateSet { set } => {
                let input = CreatePermissionSet {
                    name: set.clone(),
                    ..Default::default()
                };
                self.make_permission_set(input)?;
                Ok(())
            }
            Tamper::EditSet { set, field, value } => self.edit_set(set, *field, value.as_deref()),
            Tamper::AttachPolicy { set, policy } => {
                validate::managed_policy_arn(policy)?;
                self.redefine(set, |definition| {
                    definition.managed_policies.insert(policy.clone())
                })?;
                Ok(())
            }
            Tamper::DetachPolicy { set, policy } => {
                let had = self.redefine(set, |definition| definition.managed_policies.remove(policy))?;
                if had {
                    Ok(())
                } else {
                    Err(missing("attached policy", policy))
                }
            }
            Tamper::DeleteSet { set } => self.delete_set(set),
            Tamper::EditManagedPolicy { policy } => self.edit_managed_policy(policy),
            Tamper::Advance { by } => {
                self.advance(*by);
                Ok(())
            }
            Tamper::Fail {
                operation,
                count,
                reason,
            } => {
                let effect = Effect::Fault {
                    operation: *operation,
                    left: *count,
                    reason: reason.clone(),
                };
                Ok(self.commit(effect)?)
            }
            other => self
                .tamper_with_people(other)
                .unwrap_or_else(|| self.tamper_with_accounts(other)),
        }
    }

    fn tamper_with_people(&mut self, change: &Tamper) -> Option<Done> {
        Some(match change {
            Tamper::CreateGroup { group } => self.make_group(group),
            Tamper::DeleteGroup { group } => self.delete_named(PrincipalKind::Group, group),
            Tamper::DeleteUser { user } => self.delete_named(PrincipalKind::User, user),
            Tamper::RecreateGroup { group } => self
                .delete_named(PrincipalKind::Group, group)
                .and_then(|()| self.make_group(group)),
            Tamper::RenameGroup { group, name } => self.rename_group(group, name),
            Tamper::AddMember { group, user } => self.membership(group, user, true),
            Tamper::RemoveMember { group, user } => self.membership(group, user, false),
            Tamper::CreateUser { user } => self.make_user(user),
            _ => return None,
        })
    }

    fn tamper_with_accounts(&mut self, change: &Tamper) -> Done {
        let effect = match change {
            Tamper::MoveAccount { account, unit } => {
                let to = self
                    .organization
                    .unit_by_path(unit)
                    .ok_or_else(|| missing("organizational unit", unit))?;
                Effect::AccountMoved {
                    account: self.named_account(account)?,
                    to,
                }
            }
            Tamper::TagAccount { account, key, value } => {
                validate::tag(key, value.as_deref().unwrap_or_default())?;
                let target = Tagged::Account(self.named_account(account)?);
                return Ok(self.commit_tags(target, vec![(key.clone(), value.clone())])?);
            }
            Tamper::SuspendAccount { account } => Effect::AccountState {
                account: self.named_account(account)?,
                state: AccountState::Suspended,
            },
            Tamper::DeleteRole { set, account } => {
                let (account, set) = self.named_role(set, account)?;
                Effect::RoleDeleted { account, set }
            }
            Tamper::EditRole {
                set,
                account,
                attach,
                detach,
                inline_policy,
            } => {
                let (account, set) = self.named_role(set, account)?;
                let role = self.access.pair(account, set).and_then(|pair| pair.role());
                let mut edit: RoleEdit = role
                    .and_then(|role| role.edit.as_deref().cloned())
                    .unwrap_or_default();
                edit.attached.extend(attach.clone());
                edit.detached.extend(detach.clone());
                edit.inline_policy = inline_policy.clone().or(edit.inline_policy);
                Effect::RoleEdited { account, set, edit }
            }
            Tamper::DeleteSamlProvider { account } => Effect::SamlProviderDeleted {
                account: self.named_account(account)?,
            },
            Tamper::AddPolicy { account, name, path } | Tamper::RemovePolicy { account, name, path } => {
                validate::customer_policy(name, path)?;
                let policy = CustomerManagedPolicy {
                    name: name.clone(),
                    path: path.clone(),
                };
                let exists = matches!(change, Tamper::AddPolicy { .. });
                Effect::PolicyPresence {
                    account: self.named_account(account)?,
                    key: policy.key(),
                    exists,
                }
            }
            _ => return Ok(()),
        };
        Ok(self.commit(effect)?)
    }

    fn edit_set(&mut self, set: &str, field: SetField, value: Option<&str>) -> Done {
        match (field, value) {
            (SetField::Description, Some(text)) => validate::description(text)?,
            (SetField::SessionDuration, text) => validate::session_duration(text.unwrap_or_default())?,
            (SetField::RelayState, Some(text)) => validate::relay_state(text)?,
            (SetField::InlinePolicy, Some(text)) => validate::inline_policy(text)?,
            (_, None) => {}
        }
        let owned = value.map(str::to_owned);
        self.redefine(set, |definition| match field {
            SetField::Description => definition.description = owned,
            SetField::SessionDuration => definition.session_duration = owned.unwrap_or_default(),
            SetField::RelayState => definition.relay_state = owned,
            SetField::InlinePolicy => definition.inline_policy = owned,
        })
    }

    fn redefine<T>(&mut self, set: &str, edit: impl FnOnce(&mut Definition) -> T) -> Result<T, TamperError> {
        let set = self.named_set(set)?;
        let mut definition = Definition::clone(self.definition(set)?);
        let result = edit(&mut definition);
        self.commit(Effect::SetRedefined {
            set,
            definition: Box::new(definition),
        })?;
        Ok(result)
    }

    fn delete_set(&mut self, set: &str) -> Done {
        let set = self.named_set(set)?;
        if self.requests.is_pending(set) {
            self.settle();
        }
        for account in self.access.accounts_with(set).to_vec() {
            let principals = self
                .access
                .pair(account, set)
                .map(|pair| pair.principals().to_vec());
            for principal in principals.unwrap_or_default() {
                self.commit(Effect::Revoked {
                    account,
                    set,
                    principal,
                })?;
            }
        }
        Ok(self.commit(Effect::SetDeleted { set })?)
    }

    fn edit_managed_policy(&mut self, policy: &str) -> Done {
        validate::managed_policy_arn(policy)?;
        let sets = self.permission_sets.attaching(policy);
        if sets.is_empty() {
            return Err(missing("permission set with the policy", policy));
        }
        for set in sets {
            let definition = Definition::clone(self.definition(set)?);
            self.commit(Effect::SetRedefined {
                set,
                definition: Box::new(definition),
            })?;
        }
        Ok(())
    }

    fn make_group(&mut self, name: &str) -> Done {
        self.must_be_free(PrincipalKind::Group, name)?;
        validate::display_text("displayName", name)?;
        self.add_principal(
            Detail::Group(Group {
                display_name: name.to_owned(),
                description: None,
            }),
            None,
        )?;
        Ok(())
    }

    fn make_user(&mut self, name: &str) -> Done {
        self.must_be_free(PrincipalKind::User, name)?;
        validate::user_name(name)?;
        let user = User {
            user_name: name.to_owned(),
            display_name: name.to_owned(),
            given_name: name.to_owned(),
            family_name: name.to_owned(),
            ..User::default()
        };
        self.add_principal(Detail::User(user), None)?;
        Ok(())
    }

    fn rename_group(&mut self, group: &str, name: &str) -> Done {
        let principal = self.named(PrincipalKind::Group, group)?;
        self.must_be_free(PrincipalKind::Group, name)?;
        validate::display_text("displayName", name)?;
        let Some(mut detail) = self.identity_store.live(principal).map(|p| p.detail.clone()) else {
            return Err(missing("group", group));
        };
        if let Detail::Group(group) = &mut detail {
            name.clone_into(&mut group.display_name);
        }
        Ok(self.commit(Effect::PrincipalUpdated { principal, detail })?)
    }

    fn membership(&mut self, group: &str, user: &str, add: bool) -> Done {
        let (at, member) = (
            self.named(PrincipalKind::Group, group)?,
            self.named(PrincipalKind::User, user)?,
        );
        match (add, self.identity_store.is_member(at, member)) {
            (true, false) => Ok(self.commit(Effect::MemberAdded {
                group: at,
                user: member,
            })?),
            (false, true) => Ok(self.commit(Effect::MemberRemoved {
                group: at,
                user: member,
            })?),
            (true, true) => Ok(()),
            (false, false) => Err(missing("membership of", user)),
        }
    }

    fn delete_named(&mut self, kind: PrincipalKind, name: &str) -> Done {
        let principal = self.named(kind, name)?;
        Ok(self.commit(Effect::PrincipalDeleted { principal })?)
    }

    fn must_be_free(&self, kind: PrincipalKind, name: &str) -> Done {
        match self.identity_store.by_name(kind, name) {
            None => Ok(()),
            Some(_) => Err(ServiceError::duplicate(format!("{name} exists already")).into()),
        }
    }

    fn named_account(&self, name: &str) -> Result<AccountIx, TamperError> {
        let organization = &self.organization;
        let found = organization
            .account_by_id(name)
            .or_else(|| organization.account_by_email(name));
        found
            .or_else(|| organization.account_by_name(name))
            .ok_or_else(|| missing("account", name))
    }

    fn named_set(&self, name: &str) -> Result<SetIx, TamperError> {
        self.permission_sets
            .by_name(name)
            .ok_or_else(|| missing("permission set", name))
    }

    fn named_role(&self, set: &str, account: &str) -> Result<(AccountIx, SetIx), TamperError> {
        let (at, found) = (self.named_account(account)?, self.named_set(set)?);
        let role = self.access.pair(at, found).and_then(|pair| pair.role());
        role.map(|_| (at, found))
            .ok_or_else(|| missing("role of the permission set", set))
    }

    fn named(&self, kind: PrincipalKind, name: &str) -> Result<PrincipalIx, TamperError> {
        let what = if kind == PrincipalKind::Group {
            "group"
        } else {
            "user"
        };
        self.identity_store
            .by_name(kind, name)
            .ok_or_else(|| missing(what, name))
    }

    fn named_principal(&self, who: &Who) -> Result<PrincipalIx, TamperError> {
        match who.kind {
            Some(kind) => self.named(kind, &who.name),
            None => {
                let group = self.identity_store.by_name(PrincipalKind::Group, &who.name);
                let user = self.identity_store.by_name(PrincipalKind::User, &who.name);
                match (group, user) {
                    (Some(at), None) | (None, Some(at)) => Ok(at),
                    (None, None) => Err(missing("user or group", &who.name)),
                    (Some(_), Some(_)) => Err(TamperError::Word {
                        given: who.name.clone(),
                        wanted: "clear: both a group and a user have this name; write group:NAME or user:NAME",
                    }),
                }
            }
        }
    }
}

fn missing(what: &'static str, name: &str) -> TamperError {
    TamperError::Missing {
        what,
        name: name.to_owned(),
    }
}
