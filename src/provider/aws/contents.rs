//! Permission sets: their settings, policies, boundaries and tags, call by call.
//!
//! What the service says is so already counts as done, so that an effect that was broken off can be taken up anywhere.

use std::collections::BTreeSet;

use aws_sdk_ssoadmin::types::{CustomerManagedPolicyReference, PermissionsBoundary, Tag};

use super::effects::{Worker, done};
use super::operation::Operation;
use super::work::{Definition, Tags, keys_only_in};
use crate::model::permission_set::{Boundary, CustomerManagedPolicy};
use crate::provider::{CallError, Meaning, Outcome};

type Step<T> = Result<T, CallError>;

impl Worker {
    pub(super) async fn create_set(&self, name: &str, wanted: &Definition) -> Outcome {
        let tags = (!wanted.tags.is_empty()).then(|| set_tags(&wanted.tags));
        let call = self
            .session
            .sso
            .create_permission_set()
            .instance_arn(&*self.instance);
        let call = call.name(name).session_duration(&wanted.session_duration);
        let call = call.set_description(wanted.description.clone());
        let call = call.set_relay_state(wanted.relay_state.clone()).set_tags(tags);
        let made = self
            .session
            .write(Operation::CreatePermissionSet, call.send())
            .await?;
        let arn = made
            .permission_set
            .and_then(|set| set.permission_set_arn)
            .unwrap_or_default();
        self.session.wrote_tags(&arn, &wanted.tags);
        self.policies(&arn, &Definition::default(), wanted).await?;
        done(Some(arn))
    }

    pub(super) async fn update_set(&self, arn: &str, from: &Definition, to: &Definition) -> Outcome {
        let settings = |set: &Definition| {
            (
                set.description.clone(),
                set.session_duration.clone(),
                set.relay_state.clone(),
            )
        };
        if settings(from) != settings(to) {
            // What is left out is cleared, so all three are always sent.
            self.settled(|| async move {
                let call = self.session.sso.update_permission_set();
                let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
                let call = call.session_duration(&to.session_duration);
                let call = call.set_description(to.description.clone());
                let call = call.set_relay_state(to.relay_state.clone());
                self.session
                    .write(Operation::UpdatePermissionSet, call.send())
                    .await
            })
            .await?;
        }
        self.policies(arn, from, to).await?;
        self.tags(arn, &from.tags, &to.tags).await?;
        self.session.wrote_tags(arn, &to.tags);
        done(None)
    }

    /// Detaches before it attaches, so that a full set can be changed.
    async fn policies(&self, arn: &str, from: &Definition, to: &Definition) -> Step<()> {
        for policy in from.managed_policies.difference(&to.managed_policies) {
            self.detach_managed(arn, policy).await?;
        }
        let (before, after) = (&from.customer_managed_policies, &to.customer_managed_policies);
        for policy in before.difference(after) {
            self.detach_customer(arn, policy).await?;
        }
        for policy in to.managed_policies.difference(&from.managed_policies) {
            self.attach_managed(arn, policy).await?;
        }
        self.attach_customers(arn, after.difference(before).collect())
            .await?;
        if from.inline_policy != to.inline_policy {
            self.inline_policy(arn, to.inline_policy.as_deref()).await?;
        }
        if from.boundary != to.boundary {
            self.boundary(arn, to.boundary.as_ref()).await?;
        }
        Ok(())
    }

    async fn attach_managed(&self, arn: &str, policy: &str) -> Step<()> {
        let attach = || async move {
            let call = self.session.sso.attach_managed_policy_to_permission_set();
            let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
            let sent = call.managed_policy_arn(policy).send();
            self.session
                .write(Operation::AttachManagedPolicyToPermissionSet, sent)
                .await
        };
        unless(Meaning::AlreadyExists, self.settled(attach).await)
    }

    async fn detach_managed(&self, arn: &str, policy: &str) -> Step<()> {
        let detach = || async move {
            let call = self.session.sso.detach_managed_policy_from_permission_set();
            let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
            let sent = call.managed_policy_arn(policy).send();
            self.session
                .write(Operation::DetachManagedPolicyFromPermissionSet, sent)
                .await
        };
        unless(Meaning::NotFound, self.settled(detach).await)
    }

    async fn attach_customers(&self, arn: &str, policies: BTreeSet<&CustomerManagedPolicy>) -> Step<()> {
        let operation = Operation::AttachCustomerManagedPolicyReferenceToPermissionSet;
        for policy in policies {
            let attach = || async move {
                let sso = &self.session.sso;
                let call = sso.attach_customer_managed_policy_reference_to_permission_set();
                let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
                let sent = call.customer_managed_policy_reference(reference(policy)?).send();
                self.session.write(operation, sent).await
            };
            unless(Meaning::AlreadyExists, self.settled(attach).await)?;
        }
        Ok(())
    }

    async fn detach_customer(&self, arn: &str, policy: &CustomerManagedPolicy) -> Step<()> {
        let operation = Operation::DetachCustomerManagedPolicyReferenceFromPermissionSet;
        let detach = || async move {
            let sso = &self.session.sso;
            let call = sso.detach_customer_managed_policy_reference_from_permission_set();
            let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
            let sent = call.customer_managed_policy_reference(reference(policy)?).send();
            self.session.write(operation, sent).await
        };
        unless(Meaning::NotFound, self.settled(detach).await)
    }

    async fn inline_policy(&self, arn: &str, policy: Option<&str>) -> Step<()> {
        let Some(policy) = policy else {
            let delete = || async move {
                let call = self.session.sso.delete_inline_policy_from_permission_set();
                let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
                self.session
                    .write(Operation::DeleteInlinePolicyFromPermissionSet, call.send())
                    .await
            };
            return unless(Meaning::NotFound, self.settled(delete).await);
        };
        self.settled(|| async move {
            let call = self.session.sso.put_inline_policy_to_permission_set();
            let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
            let sent = call.inline_policy(policy).send();
            self.session
                .write(Operation::PutInlinePolicyToPermissionSet, sent)
                .await
        })
        .await
        .map(|_| ())
    }

    async fn boundary(&self, arn: &str, boundary: Option<&Boundary>) -> Step<()> {
        let Some(boundary) = boundary else {
            let operation = Operation::DeletePermissionsBoundaryFromPermissionSet;
            let delete = || async move {
                let call = self.session.sso.delete_permissions_boundary_from_permission_set();
                let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
                self.session.write(operation, call.send()).await
            };
            return unless(Meaning::NotFound, self.settled(delete).await);
        };
        let builder = PermissionsBoundary::builder();
        let wanted = match boundary {
            Boundary::Managed(arn) => builder.managed_policy_arn(&**arn),
            Boundary::CustomerManaged(policy) => {
                builder.customer_managed_policy_reference(reference(policy)?)
            }
        };
        let wanted = &wanted.build();
        self.settled(|| async move {
            let call = self.session.sso.put_permissions_boundary_to_permission_set();
            let call = call.instance_arn(&*self.instance).permission_set_arn(arn);
            let sent = call.permissions_boundary(wanted.clone()).send();
            self.session
                .write(Operation::PutPermissionsBoundaryToPermissionSet, sent)
                .await
        })
        .await
        .map(|_| ())
    }

    async fn tags(&self, arn: &str, from: &Tags, to: &Tags) -> Step<()> {
        let gone = &keys_only_in(from, to);
        if !gone.is_empty() {
            self.settled(|| async move {
                let call = self.session.sso.untag_resource().instance_arn(&*self.instance);
                let sent = call.resource_arn(arn).set_tag_keys(Some(gone.clone())).send();
                self.session.write(Operation::UntagResource, sent).await
            })
            .await?;
        }
        let mut new = to.clone();
        new.retain(|key, value| from.get(key) != Some(value));
        let new = &new;
        if !new.is_empty() {
            self.settled(|| async move {
                let call = self.session.sso.tag_resource().instance_arn(&*self.instance);
                let sent = call.resource_arn(arn).set_tags(Some(set_tags(new))).send();
                self.session.write(Operation::TagResource, sent).await
            })
            .await?;
        }
        Ok(())
    }
}

/// A refusal that says it is so already counts as done.
fn unless<T>(so: Meaning, answer: Step<T>) -> Step<()> {
    match answer {
        Err(error) if error.meaning != so => Err(error),
        _ => Ok(()),
    }
}

fn reference(policy: &CustomerManagedPolicy) -> Step<CustomerManagedPolicyReference> {
    let built = CustomerManagedPolicyReference::builder()
        .name(&*policy.name)
        .path(&*policy.path);
    built.build().map_err(|error| CallError {
        meaning: Meaning::Invalid,
        operation: Operation::AttachCustomerManagedPolicyReferenceToPermissionSet
            .name()
            .into(),
        code: "InvalidReference".into(),
        message: error.to_string().into(),
        request_id: None,
        missing_action: None,
    })
}

fn set_tags(tags: &Tags) -> Vec<Tag> {
    let built = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    built.filter_map(Result::ok).collect()
}
