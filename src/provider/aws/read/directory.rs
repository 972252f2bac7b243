//! Reading the identity store: users, groups and who is in them.

use std::collections::BTreeSet;
use std::sync::Arc;

use aws_sdk_identitystore::operation::list_group_memberships::ListGroupMembershipsOutput;
use aws_sdk_identitystore::types::{
    AlternateIdentifier, Group as SdkGroup, MemberId, UniqueAttribute, User as SdkUser,
};
use aws_smithy_types::Document;

use super::super::model::Versioned;
use super::super::operation::Operation;
use super::super::session::Session;
use crate::id::{GroupName, ServiceId, UserName};
use crate::model::principal::{Group, User};
use crate::provider::{CallError, Meaning};

/// A user or group with its id.
pub type Found<T> = (String, Versioned<T>);

/// What the service says of an id.
#[derive(Debug)]
pub enum Fate<T> {
    /// It is there.
    There(Found<T>),
    /// It is there, and has no name that can be used.
    Unnamed,
    /// It is not there.
    Gone,
}

impl<T> Fate<T> {
    /// What is there, if it has a name.
    fn found(self) -> Option<Found<T>> {
        match self {
            Fate::There(found) => Some(found),
            Fate::Unnamed | Fate::Gone => None,
        }
    }

    fn of(found: Option<Found<T>>) -> Self {
        found.map_or(Fate::Unnamed, Fate::There)
    }
}

/// Every user, a hundred a call.
pub async fn users(session: &Arc<Session>, store: &str) -> Result<Vec<Found<User>>, CallError> {
    let send = |token| {
        let call = session.store.list_users().identity_store_id(store);
        call.max_results(100).set_next_token(token).send()
    };
    let found = session
        .pages(Operation::ListUsers, send, |page| (page.users, page.next_token))
        .await?;
    Ok(found
        .iter()
        .filter_map(|user| named(session, user_of(user), &user.user_id))
        .collect())
}

/// Every group, a hundred a call.
pub async fn groups(session: &Arc<Session>, store: &str) -> Result<Vec<Found<Group>>, CallError> {
    let send = |token| {
        let call = session.store.list_groups().identity_store_id(store);
        call.max_results(100).set_next_token(token).send()
    };
    let found = session
        .pages(Operation::ListGroups, send, |page| (page.groups, page.next_token))
        .await?;
    Ok(found
        .iter()
        .filter_map(|group| named(session, group_of(group), &group.group_id))
        .collect())
}

/// A membership: the user and the membership's own id.
pub type Membership = (String, String);

/// Who is in a group, a hundred a call.
///
/// # Errors
/// As every reading; and when one of the members is no user: who is in the group is then not known.
pub async fn members(session: &Arc<Session>, store: &str, group: &str) -> Result<Vec<Membership>, CallError> {
    let send = |token| {
        let call = session.store.list_group_memberships().identity_store_id(store);
        call.group_id(group).max_results(100).set_next_token(token).send()
    };
    let is_ours = |page: &ListGroupMembershipsOutput| {
        let mut groups = page
            .group_memberships()
            .iter()
            .filter_map(|membership| membership.group_id());
        groups.all(|id| id == group)
    };
    let operation = Operation::ListGroupMemberships;
    let found = session
        .pages_ours(operation, send, is_ours, |page| {
            (page.group_memberships, page.next_token)
        })
        .await?;
    let members = found.into_iter().map(|membership| match membership.member_id {
        Some(MemberId::UserId(user)) => Ok((user, membership.membership_id)),
        _ => Err(CallError {
            meaning: Meaning::Failed,
            operation: operation.name().into(),
            code: "UnknownMember".into(),
            message: format!(
                "the membership {} is that of a member who is no user",
                membership.membership_id
            )
            .into(),
            request_id: None,
            missing_action: None,
        }),
    });
    members.collect()
}

/// A user by the id it had and the name it shall have; `None` when there is none of that name.
pub async fn user(
    session: &Arc<Session>,
    store: &str,
    known: Option<&str>,
    name: &UserName,
) -> Result<Option<Found<User>>, CallError> {
    if let Some(id) = known
        && let Some(found) = describe_user(session, store, id).await?.found()
        && found.1.value.user_name == *name
    {
        return Ok(Some(found));
    }
    let send = || {
        let call = session.store.get_user_id().identity_store_id(store);
        call.set_alternate_identifier(unique("userName", name.as_str()))
            .send()
    };
    match absent(session.read(Operation::GetUserId, send).await)? {
        Some(answer) => Ok(describe_user(session, store, &answer.user_id).await?.found()),
        None => Ok(None),
    }
}

/// A user by id.
pub async fn describe_user(session: &Arc<Session>, store: &str, id: &str) -> Result<Fate<User>, CallError> {
    let send = || {
        let call = session.store.describe_user();
        call.identity_store_id(store).user_id(id).send()
    };
    let Some(answer) = absent(session.read(Operation::DescribeUser, send).await)? else {
        return Ok(Fate::Gone);
    };
    let mut builder = SdkUser::builder()
        .identity_store_id(store)
        .user_id(id)
        .user_arn(answer.user_arn())
        .revision(answer.revision())
        .set_user_name(answer.user_name)
        .set_name(answer.name)
        .set_display_name(answer.display_name)
        .set_emails(answer.emails);
    builder = builder.set_external_ids(answer.external_ids);
    let user = builder.build().ok();
    Ok(Fate::of(user.and_then(|user| named(session, user_of(&user), id))))
}

/// A group by the id it had and the name it shall have; `None` when there is none of that name.
pub async fn group(
    session: &Arc<Session>,
    store: &str,
    known: Option<&str>,
    name: &GroupName,
) -> Result<Option<Found<Group>>, CallError> {
    if let Some(id) = known
        && let Some(found) = describe_group(session, store, id).await?.found()
        && found.1.value.display_name == *name
    {
        return Ok(Some(found));
    }
    let send = || {
        let call = session.store.get_group_id().identity_store_id(store);
        call.set_alternate_identifier(unique("displayName", name.as_str()))
            .send()
    };
    match absent(session.read(Operation::GetGroupId, send).await)? {
        Some(answer) => Ok(describe_group(session, store, &answer.group_id).await?.found()),
        None => Ok(None),
    }
}

/// A group by id.
pub async fn describe_group(session: &Arc<Session>, store: &str, id: &str) -> Result<Fate<Group>, CallError> {
    let send = || {
        let call = session.store.describe_group();
        call.identity_store_id(store).group_id(id).send()
    };
    let Some(answer) = absent(session.read(Operation::DescribeGroup, send).await)? else {
        return Ok(Fate::Gone);
    };
    let group = SdkGroup::builder()
        .identity_store_id(store)
        .group_id(id)
        .group_arn(answer.group_arn())
        .revision(answer.revision())
        .set_display_name(answer.display_name)
        .set_description(answer.description)
        .set_external_ids(answer.external_ids)
        .build()
        .ok();
    let group = group.and_then(|group| named(session, group_of(&group), id));
    Ok(Fate::of(group))
}

/// An attribute by which there is at most one.
fn unique(path: &str, value: &str) -> Option<AlternateIdentifier> {
    let attribute = UniqueAttribute::builder()
        .attribute_path(path)
        .attribute_value(Document::String(value.to_owned()));
    attribute.build().ok().map(AlternateIdentifier::UniqueAttribute)
}

/// "Not found" as an answer.
pub fn absent<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Ok(answer) => Ok(Some(answer)),
        Err(error) if error.meaning == Meaning::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

fn named<T>(session: &Session, found: Option<Versioned<T>>, id: &str) -> Option<Found<T>> {
    if found.is_none() {
        session.notice(format!(
            "{id} of the identity store has no usable name, and is left out"
        ));
    }
    found.map(|found| (id.to_owned(), found))
}

fn user_of(found: &SdkUser) -> Option<Versioned<User>> {
    let text = |value: Option<&str>| Arc::from(value.unwrap_or_default());
    let name = found.name();
    let emails = found.emails();
    let email = emails.iter().find(|email| email.primary()).or(emails.first());
    let value = User {
        user_name: UserName::new(found.user_name()?).ok()?,
        id: ServiceId::new(&found.user_id).ok(),
        given_name: text(name.and_then(|name| name.given_name())),
        family_name: text(name.and_then(|name| name.family_name())),
        display_name: text(found.display_name()),
        email: email.and_then(|email| email.value()).map(Arc::from),
        external_id: found.external_ids().first().map(|id| id.id().into()),
    };
    Some(Versioned {
        value,
        revision: revision(found.revision()),
    })
}

fn group_of(found: &SdkGroup) -> Option<Versioned<Group>> {
    let description = found.description().filter(|text| !text.is_empty());
    let value = Group {
        display_name: GroupName::new(found.display_name()?).ok()?,
        id: ServiceId::new(&found.group_id).ok(),
        description: description.map(Arc::from),
        members: None,
        external_id: found.external_ids().first().map(|id| id.id().into()),
    };
    Some(Versioned {
        value,
        revision: revision(found.revision()),
    })
}

/// Servers that know no revisions leave the field out, and the SDK fills in an empty one, which is none.
pub fn revision(text: &str) -> Option<String> {
    (!text.is_empty()).then(|| text.to_owned())
}

/// Ids of members.
pub fn ids(memberships: &[Membership]) -> BTreeSet<String> {
    memberships.iter().map(|(user, _)| user.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_revision_is_none() {
        assert_eq!(revision(""), None);
        assert_eq!(revision("3"), Some("3".to_owned()));
    }
}
