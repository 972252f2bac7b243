//! Following asynchronous requests to their ends, many with one call.
//!
//! For each kind of request one task lists those in progress (`List…Status`, filtered). One of ours that is no longer
//! among them has ended, and `Describe…Status` says how and why: a list that lags behind can only make this later,
//! never wrong. Servers without the lists are asked for each request by itself.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_ssoadmin::types::{OperationStatusFilter, StatusValues};
use tokio::sync::oneshot;

use super::meaning::failed;
use super::operation::Operation;
use super::session::{Session, for_each};
use crate::provider::{CallError, Meaning};

/// A kind of asynchronous request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// An assignment being created.
    Creation,
    /// An assignment being deleted.
    Deletion,
    /// A permission set being provisioned.
    Provisioning,
}

impl Kind {
    /// The operation that started it, which a failure is about.
    pub fn operation(self) -> Operation {
        match self {
            Kind::Creation => Operation::CreateAccountAssignment,
            Kind::Deletion => Operation::DeleteAccountAssignment,
            Kind::Provisioning => Operation::ProvisionPermissionSet,
        }
    }

    fn list(self) -> Operation {
        match self {
            Kind::Creation => Operation::ListAccountAssignmentCreationStatus,
            Kind::Deletion => Operation::ListAccountAssignmentDeletionStatus,
            Kind::Provisioning => Operation::ListPermissionSetProvisioningStatus,
        }
    }
}

/// Seconds between two looks, at least and at most: as often as the rate leaves room for while requests end, because a
/// slot is idle until it is seen; less often while they do not.
const LOOKS: (f64, f64) = (0.05, 2.0);

/// How a request ended.
type Ended = Result<(), CallError>;

/// Requests that somebody waits for.
#[derive(Debug, Default)]
pub struct Requests {
    waiting: Mutex<BTreeMap<Kind, Watched>>,
}

/// Requests of a kind.
#[derive(Debug, Default)]
struct Watched {
    waiting: BTreeMap<String, oneshot::Sender<Ended>>,
    /// A task looks after them.
    is_watched: bool,
}

impl Requests {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Watched>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request has ended.
    pub async fn end(
        self: &Arc<Self>,
        session: &Arc<Session>,
        instance: &str,
        kind: Kind,
        id: String,
    ) -> Ended {
        let (sender, ended) = oneshot::channel();
        let is_watched = {
            let mut all = self.lock();
            let of_kind = all.entry(kind).or_default();
            of_kind.waiting.insert(id.clone(), sender);
            std::mem::replace(&mut of_kind.is_watched, true)
        };
        if !is_watched {
            tokio::spawn(watch(
                Arc::clone(self),
                Arc::clone(session),
                instance.to_owned(),
                kind,
            ));
        }
        match ended.await {
            Ok(ended) => ended,
            Err(_) => Err(unknown(kind, &id, "its status was not followed to the end")),
        }
    }

    /// The requests of a kind; with none left, whoever asks is not watching any more.
    fn ids(&self, kind: Kind) -> BTreeSet<String> {
        let mut all = self.lock();
        let of_kind = all.entry(kind).or_default();
        of_kind.is_watched = !of_kind.waiting.is_empty();
        of_kind.waiting.keys().cloned().collect()
    }

    fn settle(&self, kind: Kind, id: &str, ended: Ended) {
        let sender = self
            .lock()
            .get_mut(&kind)
            .and_then(|of_kind| of_kind.waiting.remove(id));
        // Whoever asked may have gone since.
        let _ = sender.map(|sender| sender.send(ended));
    }
}

/// Looks at the requests of a kind until nobody waits for one any more.
async fn watch(requests: Arc<Requests>, session: Arc<Session>, instance: String, kind: Kind) {
    let mut wait = LOOKS.0;
    loop {
        session.pacer.sleep(wait).await;
        let ids = requests.ids(kind);
        if ids.is_empty() {
            return;
        }
        let ended = candidates(&session, &instance, kind, &ids).await;
        let arn: Arc<str> = instance.as_str().into();
        let described = for_each(
            &session,
            ended.into_iter().collect(),
            move |session, id: String| {
                let instance = Arc::clone(&arn);
                async move { (describe(&session, &instance, kind, &id).await, id) }
            },
        )
        .await;
        let mut any = false;
        for (status, id) in described {
            match status {
                Ok(Some(ended)) => {
                    requests.settle(kind, &id, ended);
                    any = true;
                }
                Ok(None) => {}
                Err(error) if error.meaning == Meaning::Retry => {}
                Err(error) => {
                    requests.settle(kind, &id, Err(unfollowed(kind, &id, &error)));
                    any = true;
                }
            }
        }
        wait = if any { LOOKS.0 } else { (wait * 1.3).min(LOOKS.1) };
    }
}

/// Requests that may have ended: those no longer listed as in progress, or all, where nothing lists them.
async fn candidates(
    session: &Arc<Session>,
    instance: &str,
    kind: Kind,
    ids: &BTreeSet<String>,
) -> BTreeSet<String> {
    match in_progress(session, instance, kind).await {
        Ok(listed) => ids.difference(&listed).cloned().collect(),
        Err(error) if error.meaning == Meaning::Unsupported || error.meaning == Meaning::Denied => {
            session.notice(format!(
                "the requests in progress cannot be listed ({error}); each is asked for by itself, which takes more calls"
            ));
            ids.clone()
        }
        // The next look will tell.
        Err(_) => BTreeSet::new(),
    }
}

async fn in_progress(
    session: &Arc<Session>,
    instance: &str,
    kind: Kind,
) -> Result<BTreeSet<String>, CallError> {
    let filter = || {
        OperationStatusFilter::builder()
            .status(StatusValues::InProgress)
            .build()
    };
    let mut listed = BTreeSet::new();
    let mut token: Option<String> = None;
    loop {
        let (ids, next): (Vec<Option<String>>, Option<String>) = match kind {
            Kind::Creation => {
                let call = session.sso.list_account_assignment_creation_status();
                let call = call.instance_arn(instance).filter(filter()).max_results(100);
                let page = session
                    .aside(kind.list(), call.set_next_token(token).send())
                    .await?;
                let all = page.account_assignments_creation_status.unwrap_or_default();
                (
                    all.into_iter().map(|status| status.request_id).collect(),
                    page.next_token,
                )
            }
            Kind::Deletion => {
                let call = session.sso.list_account_assignment_deletion_status();
                let call = call.instance_arn(instance).filter(filter()).max_results(100);
                let page = session
                    .aside(kind.list(), call.set_next_token(token).send())
                    .await?;
                let all = page.account_assignments_deletion_status.unwrap_or_default();
                (
                    all.into_iter().map(|status| status.request_id).collect(),
                    page.next_token,
                )
            }
            Kind::Provisioning => {
                let call = session.sso.list_permission_set_provisioning_status();
                let call = call.instance_arn(instance).filter(filter()).max_results(100);
                let page = session
                    .aside(kind.list(), call.set_next_token(token).send())
                    .await?;
                let all = page.permission_sets_provisioning_status.unwrap_or_default();
                (
                    all.into_iter().map(|status| status.request_id).collect(),
                    page.next_token,
                )
            }
        };
        listed.extend(ids.into_iter().flatten());
        token = next.filter(|next| !next.is_empty());
        if token.is_none() {
            return Ok(listed);
        }
    }
}

/// How a request stands; `None` while it is in progress.
///
/// # Errors
/// When its status cannot be read.
pub async fn describe(
    session: &Arc<Session>,
    instance: &str,
    kind: Kind,
    id: &str,
) -> Result<Option<Ended>, CallError> {
    let (about, status, reason) = match kind {
        Kind::Creation => {
            let send = || {
                let call = session.sso.describe_account_assignment_creation_status();
                let call = call.instance_arn(instance);
                call.account_assignment_creation_request_id(id).send()
            };
            let operation = Operation::DescribeAccountAssignmentCreationStatus;
            let answer = session.read(operation, send).await?;
            let status = answer.account_assignment_creation_status;
            status.map(|status| (status.request_id, status.status, status.failure_reason))
        }
        Kind::Deletion => {
            let send = || {
                let call = session.sso.describe_account_assignment_deletion_status();
                let call = call.instance_arn(instance);
                call.account_assignment_deletion_request_id(id).send()
            };
            let operation = Operation::DescribeAccountAssignmentDeletionStatus;
            let answer = session.read(operation, send).await?;
            let status = answer.account_assignment_deletion_status;
            status.map(|status| (status.request_id, status.status, status.failure_reason))
        }
        Kind::Provisioning => {
            let send = || {
                let call = session.sso.describe_permission_set_provisioning_status();
                let call = call.instance_arn(instance);
                call.provision_permission_set_request_id(id).send()
            };
            let operation = Operation::DescribePermissionSetProvisioningStatus;
            let answer = session.read(operation, send).await?;
            let status = answer.permission_set_provisioning_status;
            status.map(|status| (status.request_id, status.status, status.failure_reason))
        }
    }
    .unwrap_or_default();
    // An answer about another request says nothing; the next look will.
    if about.is_some_and(|about| about != id) {
        return Ok(None);
    }
    Ok(ended(kind, status.as_ref(), reason, id))
}

/// A status as an end; `None` while it is in progress.
pub fn ended(kind: Kind, status: Option<&StatusValues>, reason: Option<String>, id: &str) -> Option<Ended> {
    match status {
        Some(StatusValues::InProgress) | None => None,
        Some(StatusValues::Succeeded) => Some(Ok(())),
        Some(_) => {
            let reason = reason.unwrap_or_else(|| "the service gave no reason".to_owned());
            Some(Err(failed(kind.operation(), &reason, id)))
        }
    }
}

/// Nobody can tell how a request that was accepted ended: only another look at what is there.
fn unfollowed(kind: Kind, id: &str, error: &CallError) -> CallError {
    unknown(
        kind,
        id,
        &format!("it was accepted, and how it ended cannot be read: {error}"),
    )
}

fn unknown(kind: Kind, id: &str, message: &str) -> CallError {
    CallError {
        meaning: Meaning::Unknown,
        operation: kind.operation().name().into(),
        code: "NoStatus".into(),
        message: message.into(),
        request_id: Some(id.into()),
        missing_action: None,
    }
}
