//! Reading permission sets: a list of ARNs, then six calls for each.

use std::collections::BTreeMap;
use std::sync::{Arc, OnceLock};

use aws_sdk_ssoadmin::operation::describe_permission_set::DescribePermissionSetOutput;
use aws_sdk_ssoadmin::types::{CustomerManagedPolicyReference, Tag};
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;

use super::super::operation::Operation;
use super::super::session::Session;
use super::directory::absent;
use crate::id::{PermissionSetName, ServiceId};
use crate::model::permission_set::{Boundary, CustomerManagedPolicy, PermissionSet};
use crate::model::text::Text;
use crate::provider::{CallError, Meaning};

/// ARNs of all permission sets, a hundred a call.
pub async fn arns(session: &Arc<Session>, instance: &str) -> Result<Vec<String>, CallError> {
    let send = |token| {
        let call = session.sso.list_permission_sets().instance_arn(instance);
        call.max_results(100).set_next_token(token).send()
    };
    session
        .pages(Operation::ListPermissionSets, send, |page| {
            (page.permission_sets.unwrap_or_default(), page.next_token)
        })
        .await
}

/// Whether the caller may list permission sets, which members may not.
pub async fn may_list(session: &Arc<Session>, instance: &str) -> bool {
    let send = || {
        let call = session.sso.list_permission_sets().instance_arn(instance);
        call.max_results(1).send()
    };
    session.read(Operation::ListPermissionSets, send).await.is_ok()
}

/// A permission set, and why some of it could not be read.
#[derive(Debug, Clone)]
pub struct Read {
    /// As far as it was read.
    pub set: PermissionSet,
    /// The first refusal.
    pub refused: Option<CallError>,
    /// Parts that are not known, because the server said that it lacks the operation.
    lacking: Vec<Lacking>,
}

/// A part of a set that the server said it cannot be asked for.
#[derive(Debug, Clone)]
struct Lacking {
    operation: Operation,
    what: &'static str,
    error: CallError,
}

impl Read {
    /// With what all sets say together: what the server answers for one set it does not lack for another, and that
    /// one is held. What it answers for none is none, with a note; tags are those that this stack gave, so that they are
    /// sent once and not again with every run.
    pub fn judged(mut self, session: &Session) -> Self {
        for Lacking {
            operation,
            what,
            error,
        } in std::mem::take(&mut self.lacking)
        {
            if session.answers(operation) || session.assumes_nothing() {
                self.refused.get_or_insert(error);
                continue;
            }
            let taken = if operation == Operation::ListTagsForResource {
                let arn = self.set.arn.as_ref().map_or("", ServiceId::as_str);
                self.set.tags = session.assumed_tags(arn, &self.set.name);
                "cannot be read there, and are taken to be as this stack gave them"
            } else {
                "are taken to be none"
            };
            session.notice(format!(
                "this server lacks {}: {what} of permission sets {taken}",
                error.operation
            ));
        }
        self
    }
}

/// One permission set with everything in it; `None` when it is gone.
///
/// # Errors
/// When not even its name could be read.
pub async fn describe(session: &Arc<Session>, instance: &str, arn: &str) -> Result<Option<Read>, CallError> {
    let told = OnceLock::new();
    let send = || async {
        let call = session.sso.describe_permission_set();
        let answer = call.instance_arn(instance).permission_set_arn(arn).send().await;
        let raw = answer.as_ref().err().and_then(|error| error.raw_response());
        if let Some(name) = raw.and_then(|raw| name_in(raw, arn)) {
            told.get_or_init(|| name);
        }
        answer
    };
    let is_ours = |answer: &DescribePermissionSetOutput| {
        let set = answer.permission_set();
        set.is_none_or(|set| set.permission_set_arn() == Some(arn))
    };
    let operation = Operation::DescribePermissionSet;
    let answer = match absent(session.read_ours(operation, send, is_ours).await) {
        Err(error) if !super::is_fatal(&error) => {
            return match told.into_inner() {
                Some(name) => in_part(session, instance, arn, name, error).await.map(Some),
                None => Err(error),
            };
        }
        answer => answer?,
    };
    let Some(found) = answer.and_then(|answer| answer.permission_set) else {
        return Ok(None);
    };
    let Some(name) = found.name().and_then(|name| PermissionSetName::new(name).ok()) else {
        session.notice(format!(
            "the permission set {arn} has no usable name, and is left out"
        ));
        return Ok(None);
    };
    let text = |text: Option<&str>| text.filter(|text| !text.is_empty()).map(Text::from);
    let mut set = PermissionSet::new(name);
    set.arn = ServiceId::new(arn).ok();
    set.description = text(found.description());
    set.relay_state = text(found.relay_state());
    set.session_duration = found
        .session_duration()
        .and_then(|duration| duration.parse().ok())
        .unwrap_or_default();
    let mut read = Read {
        set,
        refused: None,
        lacking: Vec::new(),
    };
    contents(session, instance, arn, &mut read).await?;
    Ok(Some(read))
}

/// What a set is called according to an answer that the SDK cannot read, so that no more than this set is held.
fn name_in(answer: &HttpResponse, arn: &str) -> Option<PermissionSetName> {
    let body = answer.body().bytes().filter(|_| answer.status().is_success())?;
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let set = answer.get("PermissionSet")?;
    let is_ours = set.get("PermissionSetArn")?.as_str() == Some(arn);
    PermissionSetName::new(set.get("Name")?.as_str().filter(|_| is_ours)?).ok()
}

/// A set of which its name is known and what is in it, and the rest could not be read.
async fn in_part(
    session: &Arc<Session>,
    instance: &str,
    arn: &str,
    name: PermissionSetName,
    error: CallError,
) -> Result<Read, CallError> {
    let mut set = PermissionSet::new(name);
    set.arn = ServiceId::new(arn).ok();
    let mut read = Read {
        set,
        refused: Some(error),
        lacking: Vec::new(),
    };
    contents(session, instance, arn, &mut read).await?;
    Ok(read)
}

/// Adds what is in a set.
async fn contents(
    session: &Arc<Session>,
    instance: &str,
    arn: &str,
    read: &mut Read,
) -> Result<(), CallError> {
    let (inline, managed, customer, boundary, tags) = tokio::join!(
        inline_policy(session, instance, arn),
        managed_policies(session, instance, arn),
        customer_managed_policies(session, instance, arn),
        boundary(session, instance, arn),
        tags(session, instance, arn),
    );
    let operation = Operation::GetInlinePolicyForPermissionSet;
    read.set.inline_policy = read.part(inline, operation, "inline policies")?.flatten();
    let operation = Operation::ListManagedPoliciesInPermissionSet;
    if let Some(policies) = read.part(managed, operation, "AWS managed policies")? {
        read.set.managed_policies = policies.into_iter().map(Arc::from).collect();
    }
    let operation = Operation::ListCustomerManagedPolicyReferencesInPermissionSet;
    if let Some(policies) = read.part(customer, operation, "customer managed policies")? {
        read.set.customer_managed_policies = policies.iter().map(policy).collect();
    }
    let operation = Operation::GetPermissionsBoundaryForPermissionSet;
    read.set.permissions_boundary = read
        .part(boundary, operation, "permissions boundaries")?
        .flatten();
    if let Some(tags) = read.part(tags, Operation::ListTagsForResource, "tags")? {
        read.set.tags = tags;
    }
    Ok(())
}

impl Read {
    /// A part that was read; `None` when the set or the operation is not there, or the caller may not.
    fn part<T>(
        &mut self,
        answer: Result<T, CallError>,
        operation: Operation,
        what: &'static str,
    ) -> Result<Option<T>, CallError> {
        match answer {
            Ok(part) => Ok(Some(part)),
            Err(error) if super::is_fatal(&error) => Err(error),
            Err(error) if error.meaning == Meaning::NotFound => Ok(None),
            Err(error) if error.meaning == Meaning::Unsupported => {
                self.lacking.push(Lacking {
                    operation,
                    what,
                    error,
                });
                Ok(None)
            }
            Err(error) => {
                self.refused.get_or_insert(error);
                Ok(None)
            }
        }
    }
}

async fn inline_policy(session: &Arc<Session>, instance: &str, arn: &str) -> Result<Option<Text>, CallError> {
    let send = || {
        let call = session.sso.get_inline_policy_for_permission_set();
        call.instance_arn(instance).permission_set_arn(arn).send()
    };
    let answer = session
        .read(Operation::GetInlinePolicyForPermissionSet, send)
        .await?;
    let policy = answer.inline_policy().filter(|policy| !policy.is_empty());
    Ok(policy.map(Text::from))
}

async fn managed_policies(
    session: &Arc<Session>,
    instance: &str,
    arn: &str,
) -> Result<Vec<String>, CallError> {
    let send = |token| {
        let call = session.sso.list_managed_policies_in_permission_set();
        let call = call.instance_arn(instance).permission_set_arn(arn);
        call.max_results(100).set_next_token(token).send()
    };
    let found = session
        .pages(Operation::ListManagedPoliciesInPermissionSet, send, |page| {
            (
                page.attached_managed_policies.unwrap_or_default(),
                page.next_token,
            )
        })
        .await?;
    Ok(found.into_iter().filter_map(|policy| policy.arn).collect())
}

async fn customer_managed_policies(
    session: &Arc<Session>,
    instance: &str,
    arn: &str,
) -> Result<Vec<CustomerManagedPolicyReference>, CallError> {
    let operation = Operation::ListCustomerManagedPolicyReferencesInPermissionSet;
    let send = |token| {
        let call = session
            .sso
            .list_customer_managed_policy_references_in_permission_set();
        let call = call.instance_arn(instance).permission_set_arn(arn);
        call.max_results(100).set_next_token(token).send()
    };
    session
        .pages(operation, send, |page| {
            (
                page.customer_managed_policy_references.unwrap_or_default(),
                page.next_token,
            )
        })
        .await
}

/// A set without a boundary answers that there is none.
async fn boundary(session: &Arc<Session>, instance: &str, arn: &str) -> Result<Option<Boundary>, CallError> {
    let send = || {
        let call = session.sso.get_permissions_boundary_for_permission_set();
        call.instance_arn(instance).permission_set_arn(arn).send()
    };
    let operation = Operation::GetPermissionsBoundaryForPermissionSet;
    let answer = absent(session.read(operation, send).await)?;
    let boundary = answer.and_then(|answer| answer.permissions_boundary);
    Ok(boundary.and_then(|boundary| {
        let managed = boundary
            .managed_policy_arn()
            .map(|arn| Boundary::Managed(arn.into()));
        let customer = boundary.customer_managed_policy_reference();
        managed.or_else(|| customer.map(|reference| Boundary::CustomerManaged(policy(reference))))
    }))
}

async fn tags(
    session: &Arc<Session>,
    instance: &str,
    arn: &str,
) -> Result<BTreeMap<Arc<str>, Text>, CallError> {
    let send = |token| {
        let call = session.sso.list_tags_for_resource();
        call.instance_arn(instance)
            .resource_arn(arn)
            .set_next_token(token)
            .send()
    };
    let found: Vec<Tag> = session
        .pages(Operation::ListTagsForResource, send, |page| {
            (page.tags.unwrap_or_default(), page.next_token)
        })
        .await?;
    let own = found.into_iter().filter(|tag| !tag.key.starts_with("aws:"));
    Ok(own.map(|tag| (tag.key.into(), Text::known(tag.value))).collect())
}

fn policy(reference: &CustomerManagedPolicyReference) -> CustomerManagedPolicy {
    CustomerManagedPolicy {
        name: reference.name().into(),
        // The service model's default.
        path: reference.path().unwrap_or("/").into(),
    }
}
