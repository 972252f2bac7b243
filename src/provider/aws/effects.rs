//! Carrying out work: the calls of each effect, in an order that can be broken off anywhere and taken up again.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};

use aws_sdk_identitystore::types::{AttributeOperation, Email, MemberId, Name};
use aws_sdk_organizations::types::{CreateAccountState, Tag as AccountTag};
use aws_sdk_ssoadmin::types::{PrincipalType, ProvisionTargetType, TargetType};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::Document;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use rustc_hash::FxHashMap;

use super::meaning::failed;
use super::model::Model;
use super::operation::Operation;
use super::read::{directory, organization};
use super::requests::{Kind, Requests, ended, unnamed};
use super::session::{Session, is_in_flight_limit, is_throttle};
use super::slots::Slot;
use super::work::{Assignment, Tags, Work};
use crate::id::ServiceId;
use crate::model::action::Learned;
use crate::model::principal::{Group, User};
use crate::provider::{CallError, Meaning, Outcome};

/// How long a call that belongs to others is tried again while a change spreads: five minutes.
const SPREADING: f64 = 300.0;

/// Seconds between two looks at an account being created, which takes most of a minute.
const ACCOUNT_LOOKS: f64 = 2.0;

/// Ids and revisions that spare a call, each for one use: after that they may be old.
#[derive(Debug, Default)]
pub struct Hints {
    revisions: FxHashMap<String, String>,
    memberships: FxHashMap<(String, String), String>,
}

impl Hints {
    /// What was read.
    pub fn new(model: &Model) -> Self {
        let users = model.users.iter().map(|(id, row)| (id, &row.revision));
        let groups = model.groups.iter().map(|(id, row)| (id, &row.revision));
        let revisions = users
            .chain(groups)
            .filter_map(|(id, revision)| Some((id.clone(), revision.clone()?)));
        Hints {
            revisions: revisions.collect(),
            memberships: model.memberships.clone(),
        }
    }
}

/// Tells whoever started the work that the service has taken it, and under which request id.
pub struct Accepted(pub Box<dyn Fn(&str) + Send + Sync>);

impl Accepted {
    fn tell(&mut self, request: &str) {
        (self.0)(request);
    }
}

/// What work is done with.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Calls.
    pub session: Arc<Session>,
    /// Requests under way.
    pub requests: Arc<Requests>,
    /// What was read.
    pub hints: Arc<Mutex<Hints>>,
    /// The instance's ARN.
    pub instance: Arc<str>,
    /// The identity store's id.
    pub store: Arc<str>,
}

type Step<T> = Result<T, CallError>;

impl Worker {
    /// Does it, to its end.
    pub async fn run(&self, work: Work, mut accepted: Accepted) -> Outcome {
        match work {
            Work::CreateUnit { .. }
            | Work::RenameUnit { .. }
            | Work::CreateAccount { .. }
            | Work::CompleteAccount { .. }
            | Work::MoveAccount { .. }
            | Work::TagAccount { .. } => self.organization(work, &mut accepted).await,
            Work::CreateUser { user } => self.create_user(&user).await,
            Work::UpdateUser { id, from, to } => self.update_user(&id, &from, &to).await,
            Work::DeleteUser { id } => self.delete_user(&id).await,
            Work::CreateGroup { group } => self.create_group(&group).await,
            Work::UpdateGroup { id, group } => self.update_group(&id, &group).await,
            Work::DeleteGroup { id } => self.delete_group(&id).await,
            Work::AddMember { group, user } => self.add_member(&group, &user).await,
            Work::RemoveMember { group, user } => self.remove_member(&group, &user).await,
            Work::CreateSet { name, definition } => self.create_set(&name, &definition).await,
            Work::UpdateSet { arn, from, to } => self.update_set(&arn, &from, &to).await,
            Work::DeleteSet { arn } => {
                let call = self.session.sso.delete_permission_set();
                let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
                self.session
                    .write(Operation::DeletePermissionSet, call.send())
                    .await?;
                done(None)
            }
            Work::Provision { arn, accounts } => self.provision(&arn, accounts, &mut accepted).await,
            Work::Grant(assignment) => self.grant(&assignment, &mut accepted).await,
            Work::Revoke(assignment) => self.revoke(&assignment, &mut accepted).await,
        }
    }

    /// Calls again while a change that was just made spreads, or the service throttles.
    pub(super) async fn settled<T, F: Future<Output = Step<T>>>(&self, call: impl Fn() -> F) -> Step<T> {
        let until = self.session.pacer.now() + SPREADING;
        let mut wait = 0.5;
        loop {
            match call().await {
                Err(error) if error.meaning == Meaning::Retry && self.session.pacer.now() < until => {
                    self.session.pacer.sleep(wait).await;
                    wait = (wait * 2.0_f64).min(10.0);
                }
                answer => return answer,
            }
        }
    }

    async fn grant(&self, of: &Assignment, accepted: &mut Accepted) -> Outcome {
        let call = self.session.sso.create_account_assignment();
        let call = call.instance_arn(&*self.instance).permission_set_arn(&of.set);
        let call = call.target_id(&of.account).target_type(TargetType::AwsAccount);
        let call = call.principal_id(&of.principal.id).principal_type(kind_of(of));
        let (answer, slot) = self.request(Kind::Creation, call.send()).await?;
        let status = answer.account_assignment_creation_status;
        let status = status.map(|status| (status.request_id, status.status, status.failure_reason));
        self.follow(slot, status.unwrap_or_default(), accepted).await
    }

    async fn revoke(&self, of: &Assignment, accepted: &mut Accepted) -> Outcome {
        let call = self.session.sso.delete_account_assignment();
        let call = call.instance_arn(&*self.instance).permission_set_arn(&of.set);
        let call = call.target_id(&of.account).target_type(TargetType::AwsAccount);
        let call = call.principal_id(&of.principal.id).principal_type(kind_of(of));
        let (answer, slot) = self.request(Kind::Deletion, call.send()).await?;
        let status = answer.account_assignment_deletion_status;
        let status = status.map(|status| (status.request_id, status.status, status.failure_reason));
        self.follow(slot, status.unwrap_or_default(), accepted).await
    }

    /// Everywhere with one request, or account after account: one that fails keeps it from no other.
    async fn provision(&self, arn: &str, accounts: Option<Vec<String>>, accepted: &mut Accepted) -> Outcome {
        let targets: Vec<Option<String>> = match accounts {
            None => vec![None],
            Some(accounts) => accounts.into_iter().map(Some).collect(),
        };
        let count = targets.len();
        let mut failed: Vec<(String, CallError)> = Vec::new();
        for target in targets {
            let account = target.clone().unwrap_or_default();
            if let Err(error) = self.provision_in(arn, target, accepted).await {
                failed.push((account, error));
            }
        }
        let accounts: Vec<&str> = failed.iter().map(|(account, _)| account.as_str()).collect();
        let accounts = accounts.join(", ");
        let Some((_, first)) = failed.first() else {
            return done(None);
        };
        let mut error = first.clone();
        if count > 1 {
            let failed = failed.len();
            error.message = format!("{failed} of {count} accounts ({accounts}): {}", first.message).into();
        }
        Err(error)
    }

    async fn provision_in(&self, arn: &str, target: Option<String>, accepted: &mut Accepted) -> Outcome {
        let kind = match target {
            None => ProvisionTargetType::AllProvisionedAccounts,
            Some(_) => ProvisionTargetType::AwsAccount,
        };
        let call = self.session.sso.provision_permission_set();
        let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
        let call = call.target_type(kind).set_target_id(target);
        let (answer, slot) = self.request(Kind::Provisioning, call.send()).await?;
        let status = answer.permission_set_provisioning_status;
        let status = status.map(|status| (status.request_id, status.status, status.failure_reason));
        self.follow(slot, status.unwrap_or_default(), accepted).await
    }

    /// Sends a call that starts a request, once the service has room for one.
    async fn request<T, E, F>(&self, kind: Kind, sent: F) -> Step<(T, Slot)>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let slot = self.requests.slots.take(kind).await?;
        match self.session.write(kind.operation(), sent).await {
            Ok(answer) => Ok((answer, slot)),
            Err(error) => {
                let was_refused = is_throttle(&error) || is_in_flight_limit(&error);
                if was_refused || error.meaning == Meaning::Unknown {
                    self.requests.slots.rest(slot, was_refused, self.session.pacer);
                }
                Err(error)
            }
        }
    }

    /// From the answer that a request was accepted to its end.
    async fn follow(
        &self,
        slot: Slot,
        (id, status, reason): (
            Option<String>,
            Option<aws_sdk_ssoadmin::types::StatusValues>,
            Option<String>,
        ),
        accepted: &mut Accepted,
    ) -> Outcome {
        let id = id.unwrap_or_default();
        accepted.tell(&id);
        match ended(slot.kind, status.as_ref(), reason, &id) {
            Some(ended) => ended?,
            None if id.is_empty() => {
                let kind = slot.kind;
                self.requests.slots.rest(slot, false, self.session.pacer);
                return Err(unnamed(kind));
            }
            None => self.requests.end(&self.session, &self.instance, id, slot).await?,
        }
        done(None)
    }

    async fn organization(&self, work: Work, accepted: &mut Accepted) -> Outcome {
        let client = &self.session.organizations;
        match work {
            Work::CreateUnit { parent, name } => {
                let call = client.create_organizational_unit().parent_id(parent).name(name);
                let made = self
                    .session
                    .write(Operation::CreateOrganizationalUnit, call.send())
                    .await?;
                done(made.organizational_unit.and_then(|unit| unit.id))
            }
            Work::RenameUnit { id, name } => {
                let call = client.update_organizational_unit();
                let call = call.organizational_unit_id(id).name(name);
                self.session
                    .write(Operation::UpdateOrganizationalUnit, call.send())
                    .await?;
                done(None)
            }
            Work::MoveAccount { id, from, to } => {
                self.move_account(&id, &from, &to).await?;
                done(None)
            }
            Work::TagAccount { id, gone, new } => {
                if !gone.is_empty() {
                    let call = client.untag_resource().resource_id(&id).set_tag_keys(Some(gone));
                    self.session.write(Operation::UntagAccount, call.send()).await?;
                }
                if !new.is_empty() {
                    let call = client
                        .tag_resource()
                        .resource_id(&id)
                        .set_tags(Some(account_tags(&new)));
                    self.session.write(Operation::TagAccount, call.send()).await?;
                }
                done(None)
            }
            Work::CreateAccount {
                name,
                email,
                tags,
                root,
                unit,
            } => {
                let call = client.create_account().account_name(name).email(email);
                let tags = (!tags.is_empty()).then(|| account_tags(&tags));
                let answer = self
                    .session
                    .write(Operation::CreateAccount, call.set_tags(tags).send())
                    .await?;
                let request = answer
                    .create_account_status
                    .and_then(|status| status.id)
                    .unwrap_or_default();
                accepted.tell(&request);
                let id = self.account_created(&request).await?;
                if let (Some(root), Some(unit)) = (root, unit) {
                    let (id, root, unit) = (&id, &root, &unit);
                    self.settled(|| self.move_account(id, root, unit)).await?;
                }
                done(Some(id))
            }
            Work::CompleteAccount { id, tags, unit } => {
                if !tags.is_empty() {
                    let call = client.tag_resource().resource_id(&id);
                    let call = call.set_tags(Some(account_tags(&tags)));
                    self.session.write(Operation::TagAccount, call.send()).await?;
                }
                if let Some(unit) = unit
                    && let Some(parent) = organization::parent_id(&self.session, &id).await?
                    && parent != unit
                {
                    let (id, from, to) = (&id, &parent, &unit);
                    self.settled(|| self.move_account(id, from, to)).await?;
                }
                done(Some(id))
            }
            // The caller passes on nothing else.
            _ => done(None),
        }
    }

    async fn move_account(&self, id: &str, from: &str, to: &str) -> Step<()> {
        let call = self.session.organizations.move_account();
        let call = call
            .account_id(id)
            .source_parent_id(from)
            .destination_parent_id(to);
        match self.session.write(Operation::MoveAccount, call.send()).await {
            // It is there already.
            Err(error) if &*error.code == "DuplicateAccountException" => Ok(()),
            answer => answer.map(|_| ()),
        }
    }

    /// Waits until an account is made.
    async fn account_created(&self, request: &str) -> Step<String> {
        loop {
            if let Some(ended) = self.account_status(request).await? {
                return ended;
            }
            self.session.pacer.sleep(ACCOUNT_LOOKS).await;
        }
    }

    /// How the creation of an account stands; `None` while it is in progress.
    ///
    /// # Errors
    /// When that cannot be read.
    pub async fn account_status(&self, request: &str) -> Step<Option<Step<String>>> {
        let send = || {
            let call = self.session.organizations.describe_create_account_status();
            call.create_account_request_id(request).send()
        };
        let answer = self
            .session
            .read(Operation::DescribeCreateAccountStatus, send)
            .await?;
        let Some(status) = answer.create_account_status else {
            return Ok(None);
        };
        Ok(match status.state() {
            Some(CreateAccountState::Succeeded) => Some(Ok(status.account_id.unwrap_or_default())),
            Some(CreateAccountState::InProgress) | None => None,
            Some(_) => {
                let reason = status
                    .failure_reason()
                    .map_or("the service gave no reason", |reason| reason.as_str());
                Some(Err(failed(Operation::CreateAccount, reason, request)))
            }
        })
    }

    async fn create_user(&self, user: &User) -> Outcome {
        let name = Name::builder()
            .given_name(&*user.given_name)
            .family_name(&*user.family_name);
        let email = user
            .email
            .as_deref()
            .map(|email| vec![Email::builder().value(email).r#type("work").primary(true).build()]);
        let call = self.session.store.create_user().identity_store_id(&*self.store);
        let call = call.user_name(user.user_name.as_str()).name(name.build());
        let call = call.display_name(shown(user)).set_emails(email);
        let made = self.session.write(Operation::CreateUser, call.send()).await?;
        done(Some(made.user_id))
    }

    async fn update_user(&self, id: &str, from: &User, to: &User) -> Outcome {
        let (before, after) = (shown(from), shown(to));
        let mut operations = Vec::new();
        for (path, old, new) in [
            ("userName", from.user_name.as_str(), to.user_name.as_str()),
            ("displayName", before.as_str(), after.as_str()),
            ("name.givenName", &*from.given_name, &*to.given_name),
            ("name.familyName", &*from.family_name, &*to.family_name),
        ] {
            if old != new {
                operations.extend(change(path, Some(Document::String(new.to_owned()))));
            }
        }
        if from.email != to.email {
            operations.extend(change("emails", to.email.as_deref().map(emails)));
        }
        if operations.is_empty() {
            return done(None);
        }
        let call = self
            .session
            .store
            .update_user()
            .identity_store_id(&*self.store)
            .user_id(id);
        let call = call
            .set_operations(Some(operations))
            .set_revision(self.revision(id));
        self.session.write(Operation::UpdateUser, call.send()).await?;
        done(None)
    }

    async fn delete_user(&self, id: &str) -> Outcome {
        let call = self
            .session
            .store
            .delete_user()
            .identity_store_id(&*self.store)
            .user_id(id);
        let call = call.set_revision(self.revision(id));
        self.session.write(Operation::DeleteUser, call.send()).await?;
        done(None)
    }

    async fn create_group(&self, group: &Group) -> Outcome {
        let call = self.session.store.create_group().identity_store_id(&*self.store);
        let call = call.display_name(group.display_name.as_str());
        let call = call.set_description(group.description.as_deref().map(str::to_owned));
        let made = self.session.write(Operation::CreateGroup, call.send()).await?;
        done(Some(made.group_id))
    }

    async fn update_group(&self, id: &str, group: &Group) -> Outcome {
        let name = Document::String(group.display_name.to_string());
        let description = group
            .description
            .as_deref()
            .map(|text| Document::String(text.to_owned()));
        let mut operations = Vec::new();
        operations.extend(change("displayName", Some(name)));
        operations.extend(change("description", description));
        let call = self
            .session
            .store
            .update_group()
            .identity_store_id(&*self.store)
            .group_id(id);
        let call = call
            .set_operations(Some(operations))
            .set_revision(self.revision(id));
        self.session.write(Operation::UpdateGroup, call.send()).await?;
        done(None)
    }

    async fn delete_group(&self, id: &str) -> Outcome {
        let call = self
            .session
            .store
            .delete_group()
            .identity_store_id(&*self.store)
            .group_id(id);
        let call = call.set_revision(self.revision(id));
        self.session.write(Operation::DeleteGroup, call.send()).await?;
        done(None)
    }

    async fn add_member(&self, group: &str, user: &str) -> Outcome {
        let call = self.session.store.create_group_membership();
        let call = call.identity_store_id(&*self.store).group_id(group);
        let call = call.member_id(MemberId::UserId(user.to_owned()));
        let made = self
            .session
            .write(Operation::CreateGroupMembership, call.send())
            .await?;
        let pair = (group.to_owned(), user.to_owned());
        self.hints().memberships.insert(pair, made.membership_id.clone());
        done(Some(made.membership_id))
    }

    async fn remove_member(&self, group: &str, user: &str) -> Outcome {
        let pair = (group.to_owned(), user.to_owned());
        let known = self.hints().memberships.remove(&pair);
        let membership = match known {
            Some(membership) => membership,
            None => self.membership(group, user).await?,
        };
        let call = self.session.store.delete_group_membership();
        let call = call.identity_store_id(&*self.store).membership_id(membership);
        self.session
            .write(Operation::DeleteGroupMembership, call.send())
            .await?;
        done(None)
    }

    async fn membership(&self, group: &str, user: &str) -> Step<String> {
        let send = || {
            let call = self.session.store.get_group_membership_id();
            let call = call.identity_store_id(&*self.store).group_id(group);
            call.member_id(MemberId::UserId(user.to_owned())).send()
        };
        match self.session.read(Operation::GetGroupMembershipId, send).await {
            Ok(answer) => return Ok(answer.membership_id),
            Err(error) if error.meaning == Meaning::Unsupported => {}
            Err(error) => return Err(error),
        }
        let members = directory::members(&self.session, &self.store, group).await?;
        let found = members.into_iter().find(|(member, _)| member == user);
        found.map(|(_, membership)| membership).ok_or_else(|| CallError {
            meaning: Meaning::NotFound,
            operation: Operation::GetGroupMembershipId.name().into(),
            code: "ResourceNotFoundException".into(),
            message: "the user is not in the group".into(),
            request_id: None,
            missing_action: None,
        })
    }

    /// The revision to change, so that what somebody else changed meanwhile is not overwritten unseen.
    fn revision(&self, id: &str) -> Option<String> {
        self.hints().revisions.remove(id)
    }

    fn hints(&self) -> std::sync::MutexGuard<'_, Hints> {
        self.hints.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// It is done, and this is the id it brought.
pub(super) fn done(id: Option<String>) -> Outcome {
    Ok(Learned {
        id: id.and_then(|id| ServiceId::new(id).ok()),
        role: None,
    })
}

fn kind_of(assignment: &Assignment) -> PrincipalType {
    if assignment.principal.is_group {
        PrincipalType::Group
    } else {
        PrincipalType::User
    }
}

/// The display name, which the service requires.
fn shown(user: &User) -> String {
    if user.display_name.is_empty() {
        format!("{} {}", user.given_name, user.family_name)
    } else {
        user.display_name.to_string()
    }
}

/// A change of an attribute; without a value it is removed.
fn change(path: &str, value: Option<Document>) -> Option<AttributeOperation> {
    let operation = AttributeOperation::builder().attribute_path(path);
    operation.set_attribute_value(value).build().ok()
}

/// A user's only e-mail address as the identity store takes it in an update.
fn emails(address: &str) -> Document {
    let email = [
        ("value".to_owned(), Document::String(address.to_owned())),
        ("type".to_owned(), Document::String("work".to_owned())),
        ("primary".to_owned(), Document::Bool(true)),
    ];
    Document::Array(vec![Document::Object(email.into())])
}

fn account_tags(tags: &Tags) -> Vec<AccountTag> {
    let tags = tags
        .iter()
        .map(|(key, value)| AccountTag::builder().key(key).value(value).build());
    tags.filter_map(Result::ok).collect()
}
