//! Effects with every name looked up: what is left to do is to call.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{AccountKey, EntityKey, OuPath, PermissionSetName, PrincipalKey};
use crate::model::account::Account;
use crate::model::action::Effect;
use crate::model::permission_set::{Boundary, CustomerManagedPolicy, PermissionSet};
use crate::model::principal::{Group, User};
use crate::model::text::Text;
use crate::provider::{CallError, Ids, Meaning};

use super::model::PrincipalId;

/// Plain tags.
pub type Tags = BTreeMap<String, String>;

/// A permission set with all its texts known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Definition {
    /// Its description.
    pub description: Option<String>,
    /// ISO 8601.
    pub session_duration: String,
    /// Where a session begins in the console.
    pub relay_state: Option<String>,
    /// A policy document.
    pub inline_policy: Option<String>,
    /// ARNs.
    pub managed_policies: BTreeSet<String>,
    /// By path and name.
    pub customer_managed_policies: BTreeSet<CustomerManagedPolicy>,
    /// What limits it.
    pub boundary: Option<Boundary>,
    /// Its tags.
    pub tags: Tags,
}

/// An effect by the service's ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Work {
    /// A unit below another.
    CreateUnit { parent: String, name: String },
    /// A unit's new name.
    RenameUnit { id: String, name: String },
    /// An account, and the unit it is moved to.
    CreateAccount {
        name: String,
        email: String,
        tags: Tags,
        root: Option<String>,
        unit: Option<String>,
    },
    /// An account whose creation was cut short: its tags, and the unit it is moved to.
    CompleteAccount {
        id: String,
        tags: Tags,
        unit: Option<String>,
    },
    /// From one unit to another.
    MoveAccount { id: String, from: String, to: String },
    /// Tags that go and tags that come.
    TagAccount {
        id: String,
        gone: Vec<String>,
        new: Tags,
    },
    /// A user.
    CreateUser { user: User },
    /// Attributes that change; `None` removes one.
    UpdateUser { id: String, from: User, to: User },
    /// A user's end.
    DeleteUser { id: String },
    /// A group.
    CreateGroup { group: Group },
    /// A group's new name and description.
    UpdateGroup { id: String, group: Group },
    /// A group's end.
    DeleteGroup { id: String },
    /// A user joins a group.
    AddMember { group: String, user: String },
    /// A user leaves a group.
    RemoveMember { group: String, user: String },
    /// A set and all that is in it.
    CreateSet {
        name: String,
        definition: Box<Definition>,
    },
    /// What differs.
    UpdateSet {
        arn: String,
        from: Box<Definition>,
        to: Box<Definition>,
    },
    /// A set's end.
    DeleteSet { arn: String },
    /// Everywhere, or in these accounts.
    Provision {
        arn: String,
        accounts: Option<Vec<String>>,
    },
    /// An assignment.
    Grant(Assignment),
    /// An assignment's end.
    Revoke(Assignment),
}

/// An assignment by ids.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assignment {
    /// The account.
    pub account: String,
    /// The set's ARN.
    pub set: String,
    /// Who.
    pub principal: PrincipalId,
}

type Step<T> = Result<T, CallError>;

/// Looks up what an effect names.
///
/// # Errors
/// When something it names has no id yet.
pub fn resolve(effect: &Effect, ids: &dyn Ids) -> Step<Work> {
    let find = Find { ids };
    Ok(match effect {
        Effect::CreateOrganizationalUnit { path } => Work::CreateUnit {
            parent: find.unit(&path.parent().unwrap_or_else(OuPath::root))?,
            name: path.name().into_owned(),
        },
        Effect::RenameOrganizationalUnit { from, to } => Work::RenameUnit {
            id: find.unit(from)?,
            name: to.name().into_owned(),
        },
        Effect::CreateAccount { account } => find.new_account(account)?,
        Effect::MoveAccount { account, from, to } => Work::MoveAccount {
            id: find.account(account)?,
            from: find.unit(from)?,
            to: find.unit(to)?,
        },
        Effect::TagAccount { account, from, to } => Work::TagAccount {
            id: find.account(account)?,
            gone: keys_only_in(from, to),
            new: to
                .iter()
                .filter(|(key, value)| from.get(*key) != Some(*value))
                .map(|(key, value)| (key.to_string(), value.to_string()))
                .collect(),
        },
        Effect::CreateUser { user } => Work::CreateUser { user: user.clone() },
        Effect::UpdateUser { from, to } => Work::UpdateUser {
            id: find.id(&EntityKey::User(from.user_name.clone()))?,
            from: from.clone(),
            to: to.clone(),
        },
        Effect::DeleteUser { user } => Work::DeleteUser {
            id: find.id(&EntityKey::User(user.clone()))?,
        },
        Effect::CreateGroup { group } => Work::CreateGroup { group: group.clone() },
        Effect::UpdateGroup { from, to } => Work::UpdateGroup {
            id: find.id(&EntityKey::Group(from.display_name.clone()))?,
            group: to.clone(),
        },
        Effect::DeleteGroup { group } => Work::DeleteGroup {
            id: find.id(&EntityKey::Group(group.clone()))?,
        },
        Effect::AddMember { group, user } => Work::AddMember {
            group: find.id(&EntityKey::Group(group.clone()))?,
            user: find.id(&EntityKey::User(user.clone()))?,
        },
        Effect::RemoveMember { group, user } => Work::RemoveMember {
            group: find.id(&EntityKey::Group(group.clone()))?,
            user: find.id(&EntityKey::User(user.clone()))?,
        },
        Effect::CreatePermissionSet { permission_set } => Work::CreateSet {
            name: permission_set.name.to_string(),
            definition: Box::new(definition(permission_set)?),
        },
        Effect::UpdatePermissionSet { from, to } => Work::UpdateSet {
            arn: find.set(&from.name)?,
            from: Box::new(definition(from)?),
            to: Box::new(definition(to)?),
        },
        Effect::DeletePermissionSet { name } => Work::DeleteSet { arn: find.set(name)? },
        Effect::Provision { name, accounts } => Work::Provision {
            arn: find.set(name)?,
            accounts: match accounts {
                None => None,
                Some(accounts) => Some(
                    accounts
                        .iter()
                        .map(|key| find.account(key))
                        .collect::<Step<_>>()?,
                ),
            },
        },
        Effect::Grant {
            account,
            permission_set,
            principal,
        } => Work::Grant(find.assignment(account, permission_set, principal)?),
        Effect::Revoke {
            account,
            permission_set,
            principal,
        } => Work::Revoke(find.assignment(account, permission_set, principal)?),
    })
}

struct Find<'a> {
    ids: &'a dyn Ids,
}

impl Find<'_> {
    fn id(&self, key: &EntityKey) -> Step<String> {
        let id = self.ids.id(key).map(|id| id.to_string());
        id.ok_or_else(|| unknown(&key.to_string()))
    }

    fn set(&self, name: &PermissionSetName) -> Step<String> {
        self.id(&EntityKey::PermissionSet(name.clone()))
    }

    fn unit(&self, path: &OuPath) -> Step<String> {
        self.id(&EntityKey::OrganizationalUnit(path.clone()))
    }

    fn account(&self, key: &AccountKey) -> Step<String> {
        let id = self.ids.account_id(key).map(|id| id.to_string());
        id.ok_or_else(|| unknown(&format!("account {key}")))
    }

    fn new_account(&self, account: &Account) -> Step<Work> {
        let email = match (&account.key, &account.email) {
            (AccountKey::Email(email), _) | (AccountKey::Id(_), Some(email)) => email.to_string(),
            (AccountKey::Id(id), None) => {
                return Err(unknown(&format!("the e-mail address of account {id}")));
            }
        };
        let unit = account.ou.as_ref().filter(|path| !path.is_root());
        let tags = account.tags.iter().flatten();
        let tags: Tags = tags
            .map(|(key, value)| (key.to_string(), value.to_string()))
            .collect();
        let unit = unit.map(|path| self.unit(path)).transpose()?;
        // A run only creates an account whose id is known where the answer to its first attempt was lost.
        if let (AccountKey::Email(_), Some(id)) = (&account.key, self.ids.account_id(&account.key)) {
            return Ok(Work::CompleteAccount {
                id: id.to_string(),
                tags,
                unit,
            });
        }
        Ok(Work::CreateAccount {
            name: account.name.to_string(),
            email,
            tags,
            root: match unit {
                Some(_) => Some(self.unit(&OuPath::root())?),
                None => None,
            },
            unit,
        })
    }

    fn assignment(
        &self,
        account: &AccountKey,
        set: &PermissionSetName,
        principal: &PrincipalKey,
    ) -> Step<Assignment> {
        let id = match principal {
            PrincipalKey::Group(name) => self.id(&EntityKey::Group(name.clone()))?,
            PrincipalKey::User(name) => self.id(&EntityKey::User(name.clone()))?,
            PrincipalKey::OrphanGroup(id) | PrincipalKey::OrphanUser(id) => id.to_string(),
        };
        Ok(Assignment {
            account: self.account(account)?,
            set: self.set(set)?,
            principal: PrincipalId {
                is_group: principal.is_group(),
                id,
            },
        })
    }
}

/// Keys of the first map that the second has not.
pub fn keys_only_in<K: Ord + ToString, V>(first: &BTreeMap<K, V>, second: &BTreeMap<K, V>) -> Vec<String> {
    let gone = first.keys().filter(|key| !second.contains_key(*key));
    gone.map(ToString::to_string).collect()
}

/// A set with all its texts known.
fn definition(set: &PermissionSet) -> Step<Definition> {
    let known = |text: Option<&Text>| match text {
        None => Ok(None),
        Some(text) => match text.as_known() {
            Some(text) => Ok(Some(text.to_owned())),
            None => Err(unknown(&text.to_string())),
        },
    };
    let tags = set.tags.iter();
    let tags = tags.map(|(key, value)| Ok((key.to_string(), known(Some(value))?.unwrap_or_default())));
    Ok(Definition {
        description: known(set.description.as_ref())?,
        session_duration: set.session_duration.to_string(),
        relay_state: known(set.relay_state.as_ref())?,
        inline_policy: known(set.inline_policy.as_ref())?,
        managed_policies: set.managed_policies.iter().map(ToString::to_string).collect(),
        customer_managed_policies: set.customer_managed_policies.clone(),
        boundary: set.permissions_boundary.clone(),
        tags: tags.collect::<Step<_>>()?,
    })
}

fn unknown(what: &str) -> CallError {
    CallError {
        meaning: Meaning::NotFound,
        operation: "rolecall".into(),
        code: "UnknownId".into(),
        message: format!("the id of {what} is not known; it was not there when the service was read").into(),
        request_id: None,
        missing_action: None,
    }
}
