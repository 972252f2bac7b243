//! The seam to the service: read everything, carry out effects, ask how they went.
//!
//! Small, object-safe and synchronous, in plain data; what is asynchronous lives
//! inside an adapter. Faults are injected by wrapping one.

pub mod aws;
pub mod fault;
pub mod frozen;
pub mod simulator;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{AccountId, AccountKey, Email, EntityKey, PermissionSetName, ServiceId};
use crate::model::account::Account;
use crate::model::action::{Effect, Learned};
use crate::model::denial::LACKS;
use crate::model::instance::Observed;
use crate::model::text::Text;

/// What a reading shall cover.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReadRequest {
    /// Entities that the stack refers to. A simulated world takes them to exist from the start; a real service
    /// ignores this.
    pub taken_to_exist: Vec<TakenToExist>,
    /// What is to be read again before acting; the rest of the answer may be as old as the last whole reading. Empty:
    /// everything is. A provider for which the whole is cheap reads everything in any case.
    pub touched_by: Vec<EntityKey>,
    /// Of these permission sets among them, only who has them where is read again, and not what is in them.
    pub of_access_only: BTreeSet<PermissionSetName>,
    /// Assignments of deleted principals must be seen, even where that takes more calls.
    pub orphaned_grants: bool,
    /// Tags of all accounts are needed, and not only of those that `taken_to_exist` says tags of.
    pub account_tags: bool,
    /// The e-mail addresses of accounts that the stack creates and says tags of: theirs are needed too.
    pub tagged_addresses: BTreeSet<Email>,
    /// Accounts that the stack creates, or has asked the service to create: their e-mail addresses by their names, which
    /// are all that the service tells of an account in the making.
    pub creating: BTreeMap<Arc<str>, BTreeSet<Email>>,
    /// What a server lacks the operation for is held, and not taken to be none: it is to be written down.
    pub assumes_nothing: bool,
    /// Where the state has assignments: asked for of servers that do not list all of them, see
    /// [`Provider::may_list_in_part`].
    pub granted: BTreeSet<(AccountId, PermissionSetName)>,
    /// Where the state has assignments of whom, by the ids of users and groups: what those have who are gone is looked
    /// for there, see [`Provider::may_miss_orphans`].
    pub granted_to: BTreeMap<ServiceId, BTreeSet<(AccountId, PermissionSetName)>>,
    /// What tags the state last gave permission sets, and the stack those that the state does not know: taken to be
    /// theirs on servers that cannot be asked, see [`Provider::may_list_in_part`].
    pub set_tags: BTreeMap<PermissionSetName, BTreeMap<Arc<str>, Text>>,
}

impl ReadRequest {
    /// An account that is known by its e-mail address alone may be in the making.
    pub fn creates(&mut self, account: &Account) {
        if let AccountKey::Email(email) = &account.key {
            let same_name = self.creating.entry(Arc::clone(&account.name)).or_default();
            same_name.insert(email.clone());
        }
    }
}

/// An entity that a stack refers to but does not create: an account with an id, or a `data` look-up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TakenToExist {
    /// An account as declared.
    Account(Account),
    /// A unit.
    OrganizationalUnit(crate::id::OuPath),
    /// A user that a directory would have, with the id it has there when the stack says so.
    User(crate::id::UserName, Option<Arc<str>>),
    /// A group that a directory would have, likewise.
    Group(crate::id::GroupName, Option<Arc<str>>),
    /// A permission set that someone else made.
    PermissionSet(PermissionSetName),
}

/// Ids of what exists, by key: what was observed, plus what apply has learned.
pub trait Ids {
    /// The id or ARN of an entity.
    fn id(&self, key: &EntityKey) -> Option<ServiceId>;
    /// The account's id; an account keyed by e-mail has one once it is created.
    fn account_id(&self, key: &AccountKey) -> Option<AccountId>;
}

/// One effect to carry out. Its texts are fully known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Names the call in [`Provider::poll`]; unique while it is in flight.
    pub ticket: Ticket,
    /// What to do.
    pub effect: Effect,
}

/// Names a call in flight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Ticket(pub u64);

/// How a call began.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Started {
    /// It is done.
    Done(Outcome),
    /// The service works on it; [`Provider::poll`] tells. The request id is to be journaled.
    Pending {
        /// The service's request id, once it answered; adapters that are still sending have none yet.
        request_id: Option<Arc<str>>,
    },
}

/// How a call ended.
pub type Outcome = Result<Learned, CallError>;

/// What an error means for the run, whatever it is called.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Meaning {
    /// Too fast, or a propagation conflict: the same call will go through later.
    Retry,
    /// It exists already, under the same key.
    AlreadyExists,
    /// Something still refers to it, so it cannot go yet.
    InUse,
    /// What the call names is gone.
    NotFound,
    /// The caller may not.
    Denied,
    /// The service does not take the input.
    Invalid,
    /// A quota is used up.
    Quota,
    /// The service tried and failed; its own reason is in the message.
    Failed,
    /// This server lacks the operation.
    Unsupported,
    /// No answer: it may or may not have happened.
    Unknown,
}

/// Why a call failed, in the service's words.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct CallError {
    /// What it means.
    pub meaning: Meaning,
    /// The API operation.
    pub operation: Arc<str>,
    /// The service's error code.
    pub code: Arc<str>,
    /// The service's message or failure reason.
    pub message: Arc<str>,
    /// The service's request id, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request_id: Option<Arc<str>>,
    /// The IAM action the caller lacks, for [`Meaning::Denied`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub missing_action: Option<Arc<str>>,
}

impl CallError {
    /// The same error, which says what was being read: for calls whose name alone does not tell it.
    #[must_use]
    pub fn while_reading(mut self, what: &str) -> Self {
        let before = if self.message.is_empty() { "" } else { "; " };
        self.message = format!("{}{before}while reading {what}", self.message).into();
        self
    }
}

impl fmt::Display for CallError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.operation, self.code)?;
        if !self.message.is_empty() {
            write!(f, ": {}", self.message)?;
        }
        if let Some(id) = &self.request_id {
            write!(f, " (request {id})")?;
        }
        if let Some(action) = &self.missing_action {
            write!(f, "{LACKS}{action}")?;
        }
        Ok(())
    }
}

impl std::error::Error for CallError {}

/// What a reading was about when it ended with an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ReadFor {
    /// An entity, or who is in it.
    Entity(EntityKey),
    /// Who has a permission set in an account.
    Pair(AccountKey, PermissionSetName),
    /// A permission set of which only the ARN is known.
    Set(ServiceId),
    /// Who has it in an account.
    SetIn(AccountId, ServiceId),
}

/// A service that does not answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Silence {
    /// Which one, for people.
    pub whence: Arc<str>,
    /// From its last answer, or the first attempt since, to the last attempt.
    pub lasted: Duration,
    /// How many attempts there were.
    pub attempts: u32,
}

/// Why a provider cannot be used at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProviderError {
    /// There is no instance where it looked.
    #[error("no IAM Identity Center instance in {region}: {message}")]
    NoInstance {
        /// Where it looked.
        region: Arc<str>,
        /// What to try.
        message: Arc<str>,
    },
    /// The service refused or could not be reached.
    #[error("{0}")]
    Call(CallError),
    /// The world's own file is damaged or cannot be written.
    #[error("{message}")]
    Storage {
        /// What happened, to which file, and what helps.
        message: Arc<str>,
    },
}

/// The service, or something that behaves like it.
pub trait Provider: Send + Sync {
    /// What it is, for people: `simulator`, `aws`.
    fn name(&self) -> &str;

    /// The time that decides expiry: the world's own under the simulator, the machine's otherwise.
    fn now(&self) -> Timestamp;

    /// Reads the instance.
    ///
    /// # Errors
    /// When there is no instance or it cannot be read at all. What could be read only in part is in
    /// [`Observed::held`].
    fn read(&self, request: &ReadRequest) -> Result<Observed, ProviderError>;

    /// Starts calls, in order, and returns how each began, in the same order. An effect is durable in the service
    /// before its [`Started`] is returned.
    fn start(&self, calls: &[Call], ids: &dyn Ids) -> Vec<Started>;

    /// Waits until at least one of the pending calls has ended or was accepted, at most `wait` by the provider's clock
    /// (which a simulator moves forward), and returns those that have ended.
    fn poll(&self, pending: &[Ticket], wait: Duration) -> Vec<(Ticket, Outcome)>;

    /// Request ids that came after [`Provider::start`] had returned, each given once; to be journaled.
    fn take_accepted(&self) -> Vec<(Ticket, Arc<str>)> {
        Vec::new()
    }

    /// How many more asynchronous calls of a kind it takes than the service works on at once. It holds them back until
    /// there is room, so that a slot is taken again as soon as it is seen to be free.
    fn holds_back(&self) -> u32 {
        0
    }

    /// Whether it may read assignments in a way that misses those of users and groups that are gone: then it is told
    /// where the state has some of whom, and looks there.
    fn may_miss_orphans(&self) -> bool {
        false
    }

    /// Whether it may be a server that does not list every account in which something is assigned, as mocks of the
    /// service do: then it is told where the state has assignments, and what tags it gave permission sets.
    fn may_list_in_part(&self) -> bool {
        false
    }

    /// How long nothing has answered although calls were tried; `None` when the last one was answered.
    fn silence(&self) -> Option<Silence> {
        None
    }

    /// What the last reading was about when it ended with an error, where it was about one thing.
    fn failed_for(&self) -> Option<ReadFor> {
        None
    }

    /// Nothing is to be started any more: calls that are held back end with [`Meaning::Retry`], unsent.
    fn stop(&self) {}

    /// How an asynchronous request of an earlier run ended; `None` while it is in progress or when it is not known.
    fn request_outcome(&self, effect: &Effect, request_id: &str) -> Option<Outcome>;

    /// Waits by the provider's clock: what a back-off uses.
    fn sleep(&self, duration: Duration);

    /// What people should know about how the service was read, said since the last time this was asked: what a server
    /// lacks, what a way of reading cannot see.
    fn take_notices(&self) -> Vec<Arc<str>> {
        Vec::new()
    }
}
