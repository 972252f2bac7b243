//! Following asynchronous requests to their ends, many with one call.
//!
//! For each kind of request one task lists those in progress (`List…Status`, filtered). One of ours that is no longer
//! among them has ended; the list of those that succeeded says of many at once that they did, and `Describe…Status` says
//! of the rest how they ended and why. A list that lags behind can only make this later, never wrong: nothing is taken
//! to have succeeded that no list or answer says so of. Servers without the lists are asked for each request by itself.
//!
//! What limits an apply is how many requests the service works on at once. A slot is idle from the end of its request
//! until the next call arrives, so the next call waits here for the slot, and gets it as soon as a list shows that it is
//! free; how the request before ended is found out meanwhile.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use aws_sdk_ssoadmin::types::{OperationStatusFilter, StatusValues};
use tokio::sync::oneshot;

use super::meaning::failed;
use super::operation::Operation;
use super::session::{Pages, Session};
use super::slots::{Slot, Slots};
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

/// Seconds between two looks, at least and at most: as often as the rate leaves room for while requests are young, because
/// a slot is idle until it is seen.
const LOOKS: (f64, f64) = (0.05, 2.0);

/// The time between two looks as a share of the time that the oldest request has taken, where it is alone: what seeing
/// its end late adds to it is half of that on average. More requests end more often, and a look sees them all.
const SHARE: f64 = 1.0 / 12.0;

/// How many seconds of a request's life are not looked at, as a share of the shortest there was.
const YOUTH: f64 = 0.5;

/// How a request ended.
type Ended = Result<(), CallError>;

/// With so many requests of a kind in progress it is the number of calls that limits an apply, and how the others ended is
/// found out for several at once; with fewer it is how soon somebody knows.
const BUSY: usize = 8;
/// So many that ended are found out at once, or those of so many seconds.
const TOGETHER: (usize, f64) = (8, 0.75);

/// Seconds after which a request that no list has shown yet is asked for by itself: a list may lag behind.
const LAG: f64 = 1.0;

/// Requests that somebody waits for, and the slots they take.
#[derive(Debug, Default)]
pub struct Requests {
    /// Room for them.
    pub slots: Slots,
    waiting: Mutex<BTreeMap<Kind, Watched>>,
}

/// Requests of a kind.
#[derive(Debug, Default)]
struct Watched {
    waiting: BTreeMap<String, Waiting>,
    /// A task looks after them.
    is_watched: bool,
    /// The shortest time that one of them took.
    shortest: Option<f64>,
    /// Nothing lists them, so that a look is a call for each.
    is_unlisted: bool,
    done: Done,
}

/// The list of those that succeeded, of which nobody says in what order it is: the newest may come first or last.
#[derive(Debug, Clone, Default)]
struct Done {
    /// The page to begin with: where the newest come last, the one that was the last so far.
    page: Option<String>,
    /// How often in a row none of ours was found.
    misses: u32,
}

/// So many pages are looked through at once for those that succeeded, and so often in vain.
const SEARCH: (usize, u32) = (5, 3);

/// A request that somebody waits for.
#[derive(Debug)]
struct Waiting {
    sender: oneshot::Sender<Ended>,
    since: f64,
    slot: Option<Slot>,
    /// It was listed as in progress before: when it is not any more, it has ended, and is not just too new.
    was_listed: bool,
    /// When a look found that it has ended.
    ended: Option<f64>,
    /// It is being asked how it ended.
    is_asked: bool,
}

impl Requests {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<Kind, Watched>> {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until a request has ended, which took a slot.
    pub async fn end(
        self: &Arc<Self>,
        session: &Arc<Session>,
        instance: &str,
        id: String,
        slot: Slot,
    ) -> Ended {
        let kind = slot.kind;
        let (sender, ended) = oneshot::channel();
        let waiting = Waiting {
            sender,
            since: session.pacer.now(),
            slot: Some(slot),
            was_listed: false,
            ended: None,
            is_asked: false,
        };
        let is_watched = {
            let mut all = self.lock();
            let of_kind = all.entry(kind).or_default();
            of_kind.waiting.insert(id.clone(), waiting);
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

    /// When the next look at the requests of a kind is due after one that began at `last`; with none left, whoever asks
    /// is not watching any more.
    fn next_look(&self, kind: Kind, last: f64) -> Option<f64> {
        let mut all = self.lock();
        let of_kind = all.entry(kind).or_default();
        of_kind.is_watched = !of_kind.waiting.is_empty();
        of_kind.is_watched.then(|| last + of_kind.until_next_look(last))
    }

    /// The requests of a kind that are to be looked at.
    fn ids(&self, kind: Kind) -> BTreeSet<String> {
        let mut all = self.lock();
        let of_kind = all.entry(kind).or_default();
        let open = of_kind.waiting.iter().filter(|(_, waiting)| !waiting.is_asked);
        open.map(|(id, _)| id.clone()).collect()
    }

    /// Takes in which requests are listed as in progress: the slots of those that are not any more are free. Returns
    /// those of which it is to be found out how they ended.
    fn listed(&self, kind: Kind, ids: BTreeSet<String>, listed: &Listed, now: f64) -> Vec<String> {
        let mut all = self.lock();
        let of_kind = all.entry(kind).or_default();
        of_kind.is_unlisted = matches!(listed, Listed::Nowhere);
        for id in ids {
            let Some(waiting) = of_kind.waiting.get_mut(&id) else {
                continue;
            };
            let took = now - waiting.since;
            match listed {
                Listed::InProgress(listed) if listed.contains(&id) => {
                    waiting.was_listed = true;
                    continue;
                }
                Listed::InProgress(_) if waiting.ended.is_some() => continue,
                Listed::InProgress(_) if waiting.was_listed => {
                    waiting.slot = None;
                    of_kind.shortest = Some(of_kind.shortest.map_or(took, |shortest| shortest.min(took)));
                }
                Listed::InProgress(_) if took < LAG => continue,
                Listed::InProgress(_) | Listed::Nowhere => {}
            }
            waiting.ended = Some(now);
        }
        of_kind.take_ended(now)
    }

    /// Where the list of those that succeeded is to be looked at, if it may tell of several requests of a kind.
    fn done(&self, kind: Kind) -> Option<Done> {
        let all = self.lock();
        let of_kind = all.get(&kind)?;
        let is_of_use = !of_kind.is_unlisted && of_kind.done.misses < SEARCH.1;
        is_of_use.then(|| of_kind.done.clone())
    }

    fn keep_done(&self, kind: Kind, done: Done) {
        self.lock().entry(kind).or_default().done = done;
    }

    /// A request is to be looked at again.
    fn again(&self, kind: Kind, id: &str) {
        if let Some(waiting) = self
            .lock()
            .get_mut(&kind)
            .and_then(|of_kind| of_kind.waiting.get_mut(id))
        {
            waiting.is_asked = false;
            waiting.ended = None;
        }
    }

    fn settle(&self, kind: Kind, id: &str, ended: Ended) {
        let waiting = self
            .lock()
            .get_mut(&kind)
            .and_then(|of_kind| of_kind.waiting.remove(id));
        // Whoever asked may have gone since.
        let _ = waiting.map(|waiting| waiting.sender.send(ended));
    }
}

impl Watched {
    /// Of which requests it is to be found out now how they ended.
    fn take_ended(&mut self, now: f64) -> Vec<String> {
        let in_progress = self.waiting.values().filter(|waiting| waiting.ended.is_none());
        let is_busy = in_progress.count() >= BUSY;
        let ended = || {
            let open = self.waiting.values().filter(|waiting| !waiting.is_asked);
            open.filter_map(|waiting| waiting.ended)
        };
        let (count, age) = (ended().count(), now - ended().fold(now, f64::min));
        if is_busy && count < TOGETHER.0 && age < TOGETHER.1 {
            return Vec::new();
        }
        let open = self.waiting.iter_mut();
        let ended = open.filter(|(_, waiting)| !waiting.is_asked && waiting.ended.is_some());
        ended
            .map(|(id, waiting)| {
                waiting.is_asked = true;
                id.clone()
            })
            .collect()
    }

    /// Seconds from a look to the next.
    fn until_next_look(&self, last: f64) -> f64 {
        let open = self.waiting.values();
        let open = open.filter(|waiting| !waiting.is_asked && waiting.ended.is_none());
        let (count, oldest) = open.fold((0_u32, last), |(count, oldest), waiting| {
            (count + 1, oldest.min(waiting.since))
        });
        let (count, age) = (f64::from(count.max(1)), last - oldest);
        let often = if self.is_unlisted {
            count
        } else {
            1.0 / count.sqrt()
        };
        let wait = (age * SHARE * often).clamp(LOOKS.0, LOOKS.1);
        let youth = self.shortest.unwrap_or_default() * YOUTH - age;
        wait.max(youth.min(LOOKS.1))
    }
}

/// What a look at the requests of a kind shows.
enum Listed {
    /// Those in progress.
    InProgress(BTreeSet<String>),
    /// Nothing lists them: each is to be asked for.
    Nowhere,
}

/// Looks at the requests of a kind until nobody waits for one any more.
async fn watch(requests: Arc<Requests>, session: Arc<Session>, instance: String, kind: Kind) {
    let instance: Arc<str> = instance.into();
    let mut last = session.pacer.now();
    while let Some(next) = requests.next_look(kind, last) {
        session.pacer.sleep(next - session.pacer.now()).await;
        last = session.pacer.now();
        let ids = requests.ids(kind);
        if ids.is_empty() {
            continue;
        }
        let Some(listed) = listed(&session, &instance, kind).await else {
            // The next look will tell.
            continue;
        };
        let ended = requests.listed(kind, ids, &listed, session.pacer.now());
        if !ended.is_empty() {
            tokio::spawn(find_out(
                Arc::clone(&requests),
                Arc::clone(&session),
                Arc::clone(&instance),
                kind,
                ended,
            ));
        }
    }
}

/// Finds out how requests ended: several by the list of those that succeeded, and one by one those that it does not have.
async fn find_out(
    requests: Arc<Requests>,
    session: Arc<Session>,
    instance: Arc<str>,
    kind: Kind,
    mut ids: Vec<String>,
) {
    let done = requests.done(kind).filter(|_| ids.len() > 1);
    if let Some(done) = done {
        let (succeeded, done) = succeeded(&session, &instance, kind, (done, &ids)).await;
        requests.keep_done(kind, done);
        ids.retain(|id| !succeeded.contains(id));
        for id in succeeded {
            requests.settle(kind, &id, Ok(()));
        }
    }
    for id in ids {
        tokio::spawn(ask(
            Arc::clone(&requests),
            Arc::clone(&session),
            Arc::clone(&instance),
            kind,
            id,
        ));
    }
}

/// Those of some requests that the list of those that succeeded has. What is not found there may have succeeded as well.
/// Where to look next comes with them.
async fn succeeded(
    session: &Arc<Session>,
    instance: &str,
    kind: Kind,
    (Done { page: mut at, misses }, ids): (Done, &[String]),
) -> (BTreeSet<String>, Done) {
    let mut found = BTreeSet::new();
    for _ in 0..SEARCH.0 {
        let listed = page(session, instance, kind, StatusValues::Succeeded, at.clone()).await;
        let Ok((Some(listed), next)) = listed else {
            // A page that is no more is begun with no more.
            at = None;
            break;
        };
        found.extend(ids.iter().filter(|id| listed.contains(*id)).cloned());
        let is_newest_first = at.is_none() && !found.is_empty();
        match next.filter(|token| !token.is_empty() && found.len() < ids.len() && !is_newest_first) {
            Some(next) => at = Some(next),
            None => break,
        }
    }
    let misses = if found.is_empty() { misses + 1 } else { 0 };
    (found, Done { page: at, misses })
}

/// Asks how a request ended.
async fn ask(requests: Arc<Requests>, session: Arc<Session>, instance: Arc<str>, kind: Kind, id: String) {
    match describe(&session, &instance, kind, &id).await {
        Ok(Some(ended)) => requests.settle(kind, &id, ended),
        Ok(None) => requests.again(kind, &id),
        Err(error) if error.meaning == Meaning::Retry => requests.again(kind, &id),
        // Nobody answers at all: whoever waits has patience with that, or has not.
        Err(_) if session.is_unheard(kind.list()) => requests.again(kind, &id),
        Err(error) => requests.settle(kind, &id, Err(unfollowed(kind, &id, &error))),
    }
}

/// What is in progress; `None` when there was no answer.
async fn listed(session: &Arc<Session>, instance: &str, kind: Kind) -> Option<Listed> {
    match in_progress(session, instance, kind).await {
        Ok(Some(listed)) => Some(Listed::InProgress(listed)),
        Ok(None) => Some(Listed::Nowhere),
        Err(error) if error.meaning == Meaning::Unsupported || error.meaning == Meaning::Denied => {
            session.notice(format!(
                "the requests in progress cannot be listed ({error}); each is asked for by itself, which takes more calls"
            ));
            Some(Listed::Nowhere)
        }
        Err(error) if error.meaning == Meaning::Retry || session.is_unheard(kind.list()) => None,
        // It answers, and not with a list: what can be asked of each ends the waiting, one way or the other.
        Err(_) => Some(Listed::Nowhere),
    }
}

/// The requests in progress; `None` when the answer has no list, and so may be one to another question.
async fn in_progress(
    session: &Arc<Session>,
    instance: &str,
    kind: Kind,
) -> Result<Option<BTreeSet<String>>, CallError> {
    let mut listed = BTreeSet::new();
    let mut pages = Pages::new(kind.list());
    loop {
        let (ids, next) = page(session, instance, kind, StatusValues::InProgress, pages.token()).await?;
        let Some(ids) = ids else { return Ok(None) };
        listed.extend(ids);
        if !pages.go_on(next)? {
            return Ok(Some(listed));
        }
    }
}

/// The ids of the requests with a status on one page of their list, which is absent from an answer to another question,
/// and the token of the next. What has another status is left out: not every server knows the filter.
async fn page(
    session: &Arc<Session>,
    instance: &str,
    kind: Kind,
    wanted: StatusValues,
    token: Option<String>,
) -> Result<(Option<BTreeSet<String>>, Option<String>), CallError> {
    let filter = OperationStatusFilter::builder().status(wanted.clone()).build();
    type Rows = Option<Vec<(Option<String>, Option<StatusValues>)>>;
    let (rows, next): (Rows, Option<String>) = match kind {
        Kind::Creation => {
            let call = session.sso.list_account_assignment_creation_status();
            let call = call.instance_arn(instance).filter(filter).max_results(100);
            let send = call.set_next_token(token).send();
            let page = session.write(kind.list(), send).await?;
            let all = page.account_assignments_creation_status;
            let rows = all.map(|all| all.into_iter().map(|row| (row.request_id, row.status)).collect());
            (rows, page.next_token)
        }
        Kind::Deletion => {
            let call = session.sso.list_account_assignment_deletion_status();
            let call = call.instance_arn(instance).filter(filter).max_results(100);
            let send = call.set_next_token(token).send();
            let page = session.write(kind.list(), send).await?;
            let all = page.account_assignments_deletion_status;
            let rows = all.map(|all| all.into_iter().map(|row| (row.request_id, row.status)).collect());
            (rows, page.next_token)
        }
        Kind::Provisioning => {
            let call = session.sso.list_permission_set_provisioning_status();
            let call = call.instance_arn(instance).filter(filter).max_results(100);
            let send = call.set_next_token(token).send();
            let page = session.write(kind.list(), send).await?;
            let all = page.permission_sets_provisioning_status;
            let rows = all.map(|all| all.into_iter().map(|row| (row.request_id, row.status)).collect());
            (rows, page.next_token)
        }
    };
    // What is said to have succeeded must say so itself.
    let is_wanted = |status: Option<&StatusValues>| match status {
        Some(status) => *status == wanted,
        None => wanted == StatusValues::InProgress,
    };
    let ids = rows.map(|rows| {
        let with = rows.into_iter().filter(|(_, status)| is_wanted(status.as_ref()));
        with.filter_map(|(id, _)| id).collect()
    });
    Ok((ids, next))
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
    let told = CallError {
        missing_action: None,
        ..error.clone()
    };
    CallError {
        missing_action: error.missing_action.clone(),
        ..unknown(
            kind,
            id,
            &format!("it was accepted, and how it ended cannot be read: {told}"),
        )
    }
}

/// A request was accepted and got no id, so that nobody can ask how it stands.
pub fn unnamed(kind: Kind) -> CallError {
    CallError {
        request_id: None,
        ..unknown(
            kind,
            "",
            "it was accepted without a request id, so that nobody can ask how it ended",
        )
    }
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
