//! Asynchronous requests: what was asked for, when it will be done, and how it ended.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::World;
use super::call::Operation;
use super::clock::{Latency, Time};
use super::effect::Effect;
use super::error::{ErrorCode, ServiceError};
use super::identity_store::PrincipalKind;
use super::ids::uuid_text;
use super::place::{AccountIx, PrincipalIx, SetIx};

/// How many finished requests the world remembers; older ones are not found any more, as on the real service.
pub const FINISHED_KEPT: usize = 10_000;

/// Where a request is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Status {
    /// `IN_PROGRESS`
    InProgress,
    /// `SUCCEEDED`
    Succeeded,
    /// `FAILED`
    Failed,
}

impl Status {
    /// AWS's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            Status::InProgress => "IN_PROGRESS",
            Status::Succeeded => "SUCCEEDED",
            Status::Failed => "FAILED",
        }
    }
}

/// What was asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum RequestKind {
    /// `CreateAccountAssignment`.
    Assign {
        /// Where.
        account: AccountIx,
        /// Which permission set.
        set: SetIx,
        /// To whom.
        principal: PrincipalIx,
    },
    /// `DeleteAccountAssignment`.
    Unassign {
        /// Where.
        account: AccountIx,
        /// Which permission set.
        set: SetIx,
        /// From whom.
        principal: PrincipalIx,
    },
    /// `ProvisionPermissionSet`.
    Provision {
        /// Which permission set.
        set: SetIx,
        /// In one account, or in all that have it.
        account: Option<AccountIx>,
    },
    /// `CreateAccount`.
    Account {
        /// Its name.
        name: String,
        /// Its e-mail address.
        email: String,
        /// Its tags.
        tags: BTreeMap<String, String>,
    },
    /// `CreateAccountAssignment` or `DeleteAccountAssignment` for somebody whom the directory never had: it is accepted,
    /// and fails.
    Stranger {
        /// It creates; otherwise it deletes.
        is_creation: bool,
        /// Where.
        account: AccountIx,
        /// Which permission set.
        set: SetIx,
        /// `PrincipalType`.
        kind: PrincipalKind,
        /// `PrincipalId`.
        id: String,
    },
}

impl RequestKind {
    /// Whether it is what `CreateAccountAssignment` starts.
    pub fn creates_assignment(&self) -> bool {
        matches!(
            self,
            RequestKind::Assign { .. }
                | RequestKind::Stranger {
                    is_creation: true,
                    ..
                }
        )
    }

    /// Whether it is what `DeleteAccountAssignment` starts.
    pub fn deletes_assignment(&self) -> bool {
        matches!(
            self,
            RequestKind::Unassign { .. }
                | RequestKind::Stranger {
                    is_creation: false,
                    ..
                }
        )
    }
}

/// A request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Its number; its id is made from it.
    pub sequence: u64,
    /// What was asked for.
    pub kind: RequestKind,
    /// When it was asked for.
    pub created: Time,
    /// When it ends.
    pub due: Time,
    /// Where it is.
    pub status: Status,
    /// Why it failed.
    pub failure: Option<Box<str>>,
    /// What it will fail with, decided when it was asked for.
    pub(super) forced: Option<Box<str>>,
    /// Whether it changes a role, so that its account cannot change another meanwhile.
    pub(super) changes_role: bool,
}

impl Request {
    /// The account and permission set whose role it is about; the account is absent for all of them.
    fn pair(&self) -> Option<(SetIx, Option<AccountIx>)> {
        match self.kind {
            RequestKind::Assign { account, set, .. }
            | RequestKind::Unassign { account, set, .. }
            | RequestKind::Stranger { account, set, .. } => Some((set, Some(account))),
            RequestKind::Provision { set, account } => Some((set, account)),
            RequestKind::Account { .. } => None,
        }
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
struct Stored {
    made: u64,
    all: BTreeMap<u64, Request>,
}

/// All requests that are remembered.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Stored")]
pub struct Requests {
    stored: Stored,
    due: BTreeSet<(Time, u64)>,
    pending: BTreeSet<(SetIx, Option<AccountIx>, u64)>,
    outstanding: [u32; 4],
    busy: FxHashMap<AccountIx, Time>,
}

impl Serialize for Requests {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.stored.serialize(serializer)
    }
}

impl From<Stored> for Requests {
    fn from(stored: Stored) -> Self {
        let mut requests = Requests::default();
        for request in stored.all.values().filter(|r| r.status == Status::InProgress) {
            requests.watch(request);
        }
        requests.stored = stored;
        requests
    }
}

impl Requests {
    /// The request with this number.
    pub fn get(&self, sequence: u64) -> Option<&Request> {
        self.stored.all.get(&sequence)
    }

    /// The requests remembered from this number on, oldest first.
    pub fn from(&self, sequence: u64) -> impl Iterator<Item = &Request> {
        self.stored.all.range(sequence..).map(|(_, request)| request)
    }

    /// How many requests are in progress.
    pub fn in_progress(&self) -> usize {
        self.due.len()
    }

    /// The accounts and permission sets that assignments are being made in.
    pub(super) fn pairs_being_assigned(&self) -> impl Iterator<Item = (AccountIx, SetIx)> {
        let requests = self.due.iter().filter_map(|(_, sequence)| self.get(*sequence));
        requests.filter_map(|request| match request.kind {
            RequestKind::Assign { account, set, .. } => Some((account, set)),
            _ => None,
        })
    }

    /// When the next request ends, and its number.
    pub(super) fn next_due(&self) -> Option<(Time, u64)> {
        self.due.first().copied()
    }

    pub(super) fn outstanding(&self, kind: &RequestKind) -> u32 {
        slot(kind)
            .and_then(|at| self.outstanding.get(at))
            .copied()
            .unwrap_or(0)
    }

    /// The requests in progress about a permission set in an account, provisionings of all accounts included.
    pub(super) fn pending_pair(&self, set: SetIx, account: AccountIx) -> impl Iterator<Item = &Request> {
        let everywhere = self.pending.range((set, None, 0)..=(set, None, u64::MAX));
        let here = self
            .pending
            .range((set, Some(account), 0)..=(set, Some(account), u64::MAX));
        everywhere
            .chain(here)
            .filter_map(|(_, _, sequence)| self.get(*sequence))
    }

    /// Whether anything is in progress about a permission set.
    pub(super) fn is_pending(&self, set: SetIx) -> bool {
        self.pending
            .range((set, None, 0)..)
            .next()
            .is_some_and(|(found, _, _)| *found == set)
    }

    /// From when on the account can change another role.
    pub(super) fn busy_until(&self, account: AccountIx) -> Option<Time> {
        self.busy.get(&account).copied()
    }

    pub(super) fn next_sequence(&self) -> u64 {
        self.stored.made + 1
    }

    pub(super) fn add(&mut self, request: Request) {
        self.stored.made = request.sequence;
        self.watch(&request);
        self.stored.all.insert(request.sequence, request);
    }

    /// Ends a request and forgets old ones; `None` when it is not in progress.
    pub(super) fn end(&mut self, sequence: u64, failure: Option<Box<str>>) -> Option<Request> {
        let request = self.stored.all.get_mut(&sequence)?;
        if request.status != Status::InProgress {
            return None;
        }
        request.status = if failure.is_some() {
            Status::Failed
        } else {
            Status::Succeeded
        };
        request.failure = failure;
        let ended = request.clone();
        self.due.remove(&(ended.due, sequence));
        if let Some((set, account)) = ended.pair() {
            self.pending.remove(&(set, account, sequence));
            if let Some(account) = account
                && self.busy.get(&account) == Some(&ended.due)
            {
                self.busy.remove(&account);
            }
        }
        if let Some(count) = slot(&ended.kind).and_then(|at| self.outstanding.get_mut(at)) {
            *count = count.saturating_sub(1);
        }
        self.forget();
        Some(ended)
    }

    fn watch(&mut self, request: &Request) {
        self.due.insert((request.due, request.sequence));
        if let Some((set, account)) = request.pair() {
            self.pending.insert((set, account, request.sequence));
            if let Some(account) = account.filter(|_| request.changes_role) {
                let busy = self.busy.entry(account).or_insert(request.due);
                *busy = request.due.max(*busy);
            }
        }
        if let Some(count) = slot(&request.kind).and_then(|at| self.outstanding.get_mut(at)) {
            *count += 1;
        }
    }

    fn forget(&mut self) {
        while self.stored.all.len() > FINISHED_KEPT + self.due.len() {
            let oldest = self
                .stored
                .all
                .iter()
                .find(|(_, r)| r.status != Status::InProgress);
            let Some(sequence) = oldest.map(|(sequence, _)| *sequence) else {
                return;
            };
            self.stored.all.remove(&sequence);
        }
    }
}

fn slot(kind: &RequestKind) -> Option<usize> {
    match kind {
        RequestKind::Assign { .. }
        | RequestKind::Stranger {
            is_creation: true, ..
        } => Some(0),
        RequestKind::Unassign { .. } | RequestKind::Stranger { .. } => Some(1),
        RequestKind::Provision { .. } => Some(2),
        RequestKind::Account { .. } => Some(3),
    }
}

/// How many accounts may be in the making at a time (Organizations quotas page).
const ACCOUNT_CREATIONS: u32 = 5;

impl World {
    /// Starts a request: it waits until its account can change a role, if it needs to, and then takes its time.
    pub(super) fn start(&mut self, operation: Operation, kind: RequestKind) -> Result<Request, ServiceError> {
        let refused = self.refusal_in_management_account(&kind);
        self.check_outstanding(&kind)?;
        let forced = self
            .take_fault(operation)?
            .or(refused)
            .map(String::into_boxed_str);
        let sequence = self.requests.next_sequence();
        let changes_role = self.changes_role(&kind);
        let begins = match self.role_account(&kind).filter(|_| changes_role) {
            Some(account) => self
                .requests
                .busy_until(account)
                .unwrap_or(self.now)
                .max(self.now),
            None => self.now,
        };
        let request = Request {
            sequence,
            created: self.now,
            due: begins.after(self.latency(&kind, sequence)),
            kind,
            status: Status::InProgress,
            failure: None,
            forced,
            changes_role,
        };
        self.commit(Effect::Started(Box::new(request.clone())))?;
        Ok(request)
    }

    /// The request's id as the service writes it.
    pub fn request_uuid(&self, request: &Request) -> String {
        self.request_id(request.sequence)
    }

    /// As [`World::request_uuid`], by the request's number.
    pub fn request_id(&self, number: u64) -> String {
        uuid_text(self.ids.request(number))
    }

    /// The id that the service answered the request with: `car-…` for the creation of an account, else a UUID.
    pub fn public_request_id(&self, request: &Request) -> String {
        let uuid = self.request_uuid(request);
        match request.kind {
            RequestKind::Account { .. } => format!("car-{}", uuid.replace('-', "")),
            _ => uuid,
        }
    }

    /// The request with this id, read without a call; for the creation of an account its id is `car-…`.
    pub fn find_request(&self, id: &str) -> Option<&Request> {
        self.requests
            .get(self.ids.parse_request(id.strip_prefix("car-").unwrap_or(id))?)
    }

    /// Ends the request that is due: decides how, and lets the effect happen.
    pub(super) fn finish(&mut self, sequence: u64) {
        let Some(request) = self.requests.get(sequence) else {
            return;
        };
        let failure = match &request.forced {
            Some(reason) => Some(reason.to_string()),
            None => match &request.kind {
                RequestKind::Assign {
                    account,
                    set,
                    principal,
                } => self.assign_failure(*account, *set, *principal),
                RequestKind::Unassign {
                    account,
                    set,
                    principal,
                } => self.unassign_failure(*account, *set, *principal),
                RequestKind::Provision { set, account } => {
                    self.provision_failure(*set, *account, request.created)
                }
                RequestKind::Account { email, .. } => self.account_failure(email),
                RequestKind::Stranger {
                    is_creation: true,
                    kind,
                    id,
                    ..
                } => Some(self.no_assignee(*kind, id)),
                RequestKind::Stranger { account, set, id, .. } => {
                    Some(self.no_entitlement(*account, *set, id))
                }
            },
        };
        let at = request.due.max(self.now);
        let failure = failure.map(String::into_boxed_str);
        if let Err(error) = self.commit(Effect::Finished {
            sequence,
            at,
            failure,
        }) {
            // What it refers to was checked above; should it be missing all the same, the request must still end.
            self.requests.end(sequence, Some(error.message.into_boxed_str()));
        }
    }

    fn role_account(&self, kind: &RequestKind) -> Option<AccountIx> {
        match kind {
            RequestKind::Assign { account, .. } | RequestKind::Unassign { account, .. } => Some(*account),
            RequestKind::Provision { account, .. } => *account,
            RequestKind::Account { .. } | RequestKind::Stranger { .. } => None,
        }
    }

    fn latency(&self, kind: &RequestKind, sequence: u64) -> std::time::Duration {
        let latency = &self.settings.latency;
        let draw = |range| Latency::draw(range, self.ids.seed(), sequence);
        match kind {
            RequestKind::Assign { .. } | RequestKind::Unassign { .. } | RequestKind::Stranger { .. } => {
                draw(latency.assignment)
            }
            RequestKind::Account { .. } => draw(latency.account),
            RequestKind::Provision { set, account } => {
                let reached = if account.is_some() {
                    1
                } else {
                    self.access.accounts_with(*set).len()
                };
                let each = std::time::Duration::from_millis(u64::from(latency.provision_per_account));
                draw(latency.provision) + each.saturating_mul(u32::try_from(reached).unwrap_or(u32::MAX))
            }
        }
    }

    /// The words about assignments are the service's (reported as #87 of aws-samples/aws-iam-identity-center-extensions).
    fn check_outstanding(&self, kind: &RequestKind) -> Result<(), ServiceError> {
        let quotas = &self.settings.quotas;
        let (most, message) = match kind {
            RequestKind::Assign { .. } | RequestKind::Unassign { .. } | RequestKind::Stranger { .. } => (
                quotas.outstanding_assignments,
                "There are too many requests processing. Please try again later.".to_owned(),
            ),
            RequestKind::Provision { .. } => {
                let most = quotas.outstanding_provisions;
                let message = format!(
                    "Too many outstanding ProvisionPermissionSet requests: at most {most} may be in progress"
                );
                (most, message)
            }
            RequestKind::Account { .. } => return self.check_account_creations(kind),
        };
        if self.requests.outstanding(kind) < most {
            return Ok(());
        }
        Err(ServiceError::new(ErrorCode::ThrottlingException, message))
    }

    /// Whether quotas do not hold.
    pub(super) fn is_unlimited(&self) -> bool {
        self.settings.quotas.outstanding_assignments == u32::MAX
    }

    /// The page has no error for it; Organizations answers so to whatever it cannot do beside what it is doing.
    fn check_account_creations(&self, kind: &RequestKind) -> Result<(), ServiceError> {
        if self.is_unlimited() || self.requests.outstanding(kind) < ACCOUNT_CREATIONS {
            return Ok(());
        }
        Err(ServiceError::new(
            ErrorCode::TooManyRequestsException,
            "AWS Organizations can't complete your request because another request is already in progress. Try again \
             later.",
        ))
    }
}
