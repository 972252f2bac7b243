//! Calls: paced, counted, given their meaning; reads are tried again, writes are not.
//!
//! The SDK's own retries are off. Its bucket of retries runs dry after about a hundred throttled calls and then every
//! further one is an error; here throttling only slows down, and whether a write may be repeated is decided by whoever
//! knows what it meant.

use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use tokio::task::JoinSet;

use super::hearing::Hearing;
use super::meaning::{UNREADABLE, call_error, refusal};
use super::operation::{Family, Operation};
use super::rate::Bucket;
use crate::id::PermissionSetName;
use crate::model::text::Text;
use crate::provider::{CallError, Meaning, ReadFor, Silence};

/// How many reads are under way at once; the rate is the limit, this only hides their latency.
const READERS: usize = 16;

/// How often a read is tried that gets no answer or half a one: half a minute of bad luck.
const ATTEMPTS: u32 = 8;

/// How often a read is tried where a page without a code came instead of an answer, before this server is taken to
/// lack the operation: a gateway has such pages too.
const PAGE_ATTEMPTS: u32 = 3;

/// How often a read is tried whose answer came whole and cannot be read.
const UNREADABLE_ATTEMPTS: u32 = 2;

/// How often one is tried where nothing has answered at all: three seconds tell that the endpoint is a wrong one.
const FIRST_ATTEMPTS: u32 = 5;

/// Seconds without an answer after which a read of a run is not tried again: the run has patience of its own, and must
/// hear whoever asks it to stop meanwhile.
const SILENT: f64 = 5.0;

/// How often a read is tried that the service throttles: more than an hour.
const THROTTLED_ATTEMPTS: u32 = 1_000;

/// Time as this provider spends it. A test may let it pass faster, together with the server's.
#[derive(Debug, Clone, Copy)]
pub struct Pacer {
    started: Instant,
    speed: f64,
}

impl Pacer {
    /// Time that passes `speed` times as fast as outside.
    pub fn new(speed: f64) -> Self {
        Pacer {
            started: Instant::now(),
            speed,
        }
    }

    /// Seconds since the beginning.
    pub fn now(&self) -> f64 {
        self.started.elapsed().as_secs_f64() * self.speed
    }

    /// This much of it, as it passes outside.
    pub fn outside(&self, duration: Duration) -> Duration {
        duration.div_f64(self.speed)
    }

    /// Waits.
    pub async fn sleep(&self, seconds: f64) {
        tokio::time::sleep(self.outside(Duration::from_secs_f64(seconds.clamp(0.0, 3600.0)))).await;
    }
}

/// The clients of the services, and what the calls so far have taught.
#[derive(Debug)]
pub struct Session {
    /// IAM Identity Center.
    pub sso: aws_sdk_ssoadmin::Client,
    /// The identity store.
    pub store: aws_sdk_identitystore::Client,
    /// Organizations.
    pub organizations: aws_sdk_organizations::Client,
    /// Who the caller is.
    pub sts: aws_sdk_sts::Client,
    /// The Region the clients talk to.
    pub region: Arc<str>,
    /// Time.
    pub pacer: Pacer,
    buckets: [Mutex<Bucket>; 4],
    calls: Mutex<BTreeMap<Operation, u64>>,
    lacking: Mutex<BTreeSet<Operation>>,
    /// Where calls go instead of AWS's own endpoints, if anywhere.
    pub endpoint: Option<Arc<str>>,
    in_part: AtomicBool,
    /// Nothing is taken to be none because this server lacks the operation that would tell.
    strict: AtomicBool,
    /// Something has answered, be it with a refusal.
    heard: AtomicBool,
    answering: Mutex<BTreeSet<Operation>>,
    hearing: [Mutex<Hearing>; 4],
    /// Changes are being made.
    in_run: AtomicBool,
    set_tags: Mutex<SetTags>,
    notices: Mutex<Notices>,
    /// What the reading was about that ended with an error.
    read_for: Mutex<Option<ReadFor>>,
}

/// What tags permission sets have as far as they were written, for servers that cannot be asked.
#[derive(Debug, Default)]
struct SetTags {
    /// Before this run.
    assumed: BTreeMap<PermissionSetName, TextTags>,
    /// In this run, by ARN.
    written: BTreeMap<String, TextTags>,
}

type TextTags = BTreeMap<Arc<str>, Text>;

#[derive(Debug, Default)]
struct Notices {
    told: BTreeSet<Arc<str>>,
    new: Vec<Arc<str>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // Counters and buckets are right after a panic too.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Session {
    /// Calls through these clients at this many calls a second for each family.
    pub fn new(clients: super::connect::Clients, rate: f64, speed: f64) -> Self {
        Session {
            sso: clients.sso,
            store: clients.store,
            organizations: clients.organizations,
            sts: clients.sts,
            region: clients.region,
            pacer: Pacer::new(speed),
            buckets: Family::ALL.map(|_| Mutex::new(Bucket::new(rate))),
            calls: Mutex::default(),
            lacking: Mutex::default(),
            endpoint: clients.endpoint,
            in_part: AtomicBool::new(false),
            strict: AtomicBool::new(false),
            heard: AtomicBool::new(false),
            answering: Mutex::default(),
            hearing: Family::ALL.map(|_| Mutex::default()),
            in_run: AtomicBool::new(false),
            set_tags: Mutex::default(),
            notices: Mutex::default(),
            read_for: Mutex::default(),
        }
    }

    /// One call that reads: tried again while the service throttles it or does not answer.
    ///
    /// # Errors
    /// What the service refuses, or its silence after several attempts.
    pub async fn read<T, E, F>(&self, operation: Operation, send: impl Fn() -> F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.read_ours(operation, send, |_| true).await
    }

    /// As [`Session::read`], of an answer that says what it is about: one about something else, as a confused proxy or
    /// connection may bring it, is no answer.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub async fn read_ours<T, E, F>(
        &self,
        operation: Operation,
        send: impl Fn() -> F,
        is_ours: impl Fn(&T) -> bool,
    ) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut attempt = 0;
        loop {
            let error = match self.once(operation, send()).await {
                Ok(answer) if is_ours(&answer) => return Ok(answer),
                Ok(_) => somebody_elses(operation),
                Err(error) => error,
            };
            attempt += 1;
            let most = match error.meaning {
                Meaning::Retry => THROTTLED_ATTEMPTS,
                Meaning::Unknown if self.is_silent() => FIRST_ATTEMPTS,
                Meaning::Unknown if self.leaves_it_to_the_run(operation) => attempt,
                Meaning::Unknown => ATTEMPTS,
                Meaning::Unsupported if !self.lacks(operation) && is_page(&error) => PAGE_ATTEMPTS,
                Meaning::Unsupported => 1,
                Meaning::Failed if &*error.code == UNREADABLE => UNREADABLE_ATTEMPTS,
                _ => return Err(error),
            };
            if attempt >= most {
                return Err(self.lacked(operation, error));
            }
            self.pacer.sleep(backoff(attempt)).await;
        }
    }

    /// One call, once: what it means is for the caller to act on.
    ///
    /// # Errors
    /// What the service refuses, or its silence.
    pub async fn write<T, E, F>(&self, operation: Operation, sent: F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let answer = self.once(operation, sent).await;
        answer.map_err(|error| self.lacked(operation, error))
    }

    /// Notes that this server lacks an operation, if an error says so. One that it has answered before it does not
    /// lack: then it fails, and nothing follows from that. Nor does AWS lack one because a gateway answers with a page.
    fn lacked(&self, operation: Operation, error: CallError) -> CallError {
        if error.meaning != Meaning::Unsupported {
            return error;
        }
        if self.answers(operation) || self.endpoint.is_none() && is_page(&error) {
            return CallError {
                meaning: Meaning::Failed,
                ..error
            };
        }
        lock(&self.lacking).insert(operation);
        error
    }

    /// Every page of a list.
    ///
    /// # Errors
    /// As [`Session::read`].
    pub async fn pages<T, I, E, F>(
        &self,
        operation: Operation,
        send: impl Fn(Option<String>) -> F,
        take: impl Fn(T) -> (Vec<I>, Option<String>),
    ) -> Result<Vec<I>, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        self.pages_ours(operation, send, |_| true, take).await
    }

    /// As [`Session::pages`], of pages that say what they are about.
    ///
    /// # Errors
    /// As [`Session::read_ours`].
    pub async fn pages_ours<T, I, E, F>(
        &self,
        operation: Operation,
        send: impl Fn(Option<String>) -> F,
        is_ours: impl Fn(&T) -> bool,
        take: impl Fn(T) -> (Vec<I>, Option<String>),
    ) -> Result<Vec<I>, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        let mut all = Vec::new();
        let mut pages = Pages::new(operation);
        loop {
            let token = pages.token();
            let answer = self
                .read_ours(operation, || send(token.clone()), &is_ours)
                .await?;
            let (items, next) = take(answer);
            all.extend(items);
            if !pages.go_on(next)? {
                return Ok(all);
            }
        }
    }

    async fn once<T, E, F>(&self, operation: Operation, sent: F) -> Result<T, CallError>
    where
        F: Future<Output = Result<T, SdkError<E, HttpResponse>>>,
        E: ProvideErrorMetadata + std::error::Error + 'static,
    {
        if self.lacks(operation) {
            return Err(lacking(operation));
        }
        self.admit(operation.family(), spare(operation)).await;
        *lock(&self.calls).entry(operation).or_default() += 1;
        let left = self.pacer.now();
        let answer = sent.await;
        let error = match answer {
            Ok(answer) => {
                lock(&self.answering).insert(operation);
                self.heard.store(true, Ordering::Relaxed);
                self.hear(operation, |hearing, now| hearing.answered(now));
                return Ok(answer);
            }
            Err(error) => self.named(call_error(operation, refusal(&error))),
        };
        match is_no_answer(&error) {
            true => self.hear(operation, |hearing, now| hearing.unanswered(left, now)),
            false => self.hear(operation, |hearing, now| hearing.answered(now)),
        }
        match error.meaning {
            // More time between calls frees no slot.
            _ if is_in_flight_limit(&error) => {}
            Meaning::Retry if is_throttle(&error) => self.slow_down(operation.family()),
            // That there is none is an answer as well.
            Meaning::NotFound => drop(lock(&self.answering).insert(operation)),
            _ => {}
        }
        Err(error)
    }

    fn hear(&self, operation: Operation, take: impl FnOnce(&mut Hearing, f64)) {
        if let Some(hearing) = self.hearing.get(operation.family() as usize) {
            take(&mut lock(hearing), self.pacer.now());
        }
    }

    /// For how many seconds a service has not answered, and how many attempts.
    fn silence_of(&self, family: Family) -> Option<(f64, u32)> {
        let hearing = self.hearing.get(family as usize)?;
        lock(hearing).silence(self.pacer.now())
    }

    /// Whether the service of an operation has not answered the last attempt.
    pub fn is_unheard(&self, operation: Operation) -> bool {
        self.silence_of(operation.family()).is_some()
    }

    /// Which service has not answered for longest, if any.
    pub fn silence(&self) -> Option<Silence> {
        let silences = Family::ALL
            .into_iter()
            .filter_map(|family| Some((family, self.silence_of(family)?)));
        let (family, (seconds, attempts)) =
            silences.max_by(|(_, (one, _)), (_, (other, _))| one.total_cmp(other))?;
        let of_aws = || format!("AWS ({}, {})", family.prefix(), self.region).into();
        Some(Silence {
            whence: self.endpoint.clone().unwrap_or_else(of_aws),
            lasted: Duration::from_secs_f64(seconds.max(0.0)),
            attempts,
        })
    }

    /// From now on there is a run that tries again by itself.
    pub fn begin_run(&self) {
        self.in_run.store(true, Ordering::Relaxed);
    }

    fn leaves_it_to_the_run(&self, operation: Operation) -> bool {
        let silence = self.silence_of(operation.family());
        self.in_run.load(Ordering::Relaxed) && silence.is_some_and(|(seconds, _)| seconds >= SILENT)
    }

    /// An error that says where nothing answered.
    fn named(&self, error: CallError) -> CallError {
        if !is_no_answer(&error) {
            self.heard.store(true, Ordering::Relaxed);
            return error;
        }
        match &self.endpoint {
            Some(endpoint) => CallError {
                message: format!("{} (endpoint {endpoint})", error.message).into(),
                ..error
            },
            None => error,
        }
    }

    /// Whether nothing has answered yet.
    fn is_silent(&self) -> bool {
        !self.heard.load(Ordering::Relaxed)
    }

    async fn admit(&self, family: Family, spare: f64) {
        while let Err(wait) = self.take(family, spare) {
            self.pacer.sleep(wait).await;
        }
    }

    fn take(&self, family: Family, spare: f64) -> Result<(), f64> {
        match self.buckets.get(family as usize) {
            Some(bucket) => lock(bucket).take(self.pacer.now(), spare),
            None => Ok(()),
        }
    }

    fn slow_down(&self, family: Family) {
        if let Some(bucket) = self.buckets.get(family as usize) {
            lock(bucket).throttled(self.pacer.now());
        }
    }

    /// Whether this server is known to lack an operation.
    pub fn lacks(&self, operation: Operation) -> bool {
        lock(&self.lacking).contains(&operation) && !self.answers(operation)
    }

    /// Whether this server has answered an operation.
    pub fn answers(&self, operation: Operation) -> bool {
        lock(&self.answering).contains(&operation)
    }

    /// Notes that this server does not list every account in which something is assigned.
    pub fn lists_in_part(&self) {
        self.in_part.store(true, Ordering::Relaxed);
    }

    /// Whether that was noted.
    pub fn is_listing_in_part(&self) -> bool {
        self.in_part.load(Ordering::Relaxed)
    }

    /// From now on nothing is taken to be none because this server lacks an operation.
    pub fn assume_nothing(&self) {
        self.strict.store(true, Ordering::Relaxed);
    }

    /// Whether that was asked for.
    pub fn assumes_nothing(&self) -> bool {
        self.strict.load(Ordering::Relaxed)
    }

    /// What tags permission sets are taken to have where this server cannot be asked.
    pub fn assume_tags(&self, tags: BTreeMap<PermissionSetName, TextTags>) {
        lock(&self.set_tags).assumed = tags;
    }

    /// Notes that a permission set has these tags now.
    pub fn wrote_tags(&self, arn: &str, tags: &BTreeMap<String, String>) {
        let tags = tags
            .iter()
            .map(|(key, value)| (Arc::from(key.as_str()), Text::from(value.as_str())));
        lock(&self.set_tags)
            .written
            .insert(arn.to_owned(), tags.collect());
    }

    /// The tags a permission set is taken to have.
    pub fn assumed_tags(&self, arn: &str, name: &PermissionSetName) -> TextTags {
        let known = lock(&self.set_tags);
        let tags = known.written.get(arn).or_else(|| known.assumed.get(name));
        tags.cloned().unwrap_or_default()
    }

    /// Calls so far, by operation.
    pub fn calls(&self) -> BTreeMap<Operation, u64> {
        lock(&self.calls).clone()
    }

    /// Something people should know about how this was read; told once.
    pub fn notice(&self, text: impl Into<Arc<str>>) {
        let text = text.into();
        let mut notices = lock(&self.notices);
        if notices.told.insert(Arc::clone(&text)) {
            notices.new.push(text);
        }
    }

    /// Notes what a reading is about that ends with an error.
    pub fn reads_for(&self, what: Option<ReadFor>) {
        *lock(&self.read_for) = what;
    }

    /// What was noted last.
    pub fn read_for(&self) -> Option<ReadFor> {
        lock(&self.read_for).clone()
    }

    /// What [`Session::notice`] was told since the last time.
    pub fn take_notices(&self) -> Vec<Arc<str>> {
        std::mem::take(&mut lock(&self.notices).new)
    }
}

/// Does something for each item, several at a time, and returns the results in the items' order.
pub async fn for_each<T, R, F, Fut>(session: &Arc<Session>, items: Vec<T>, body: F) -> Vec<R>
where
    T: Send + 'static,
    R: Send + 'static,
    F: Fn(Arc<Session>, T) -> Fut + Clone + Send + 'static,
    Fut: Future<Output = R> + Send,
{
    let count = items.len();
    let queue = Arc::new(Mutex::new(items.into_iter().enumerate()));
    let mut readers = JoinSet::new();
    for _ in 0..READERS.min(count) {
        let (queue, session, body) = (Arc::clone(&queue), Arc::clone(session), body.clone());
        readers.spawn(async move {
            let mut done = Vec::new();
            loop {
                let next = lock(&queue).next();
                let Some((at, item)) = next else { return done };
                done.push((at, body(Arc::clone(&session), item).await));
            }
        });
    }
    let mut results = Vec::with_capacity(count);
    while let Some(ended) = readers.join_next().await {
        match ended {
            Ok(done) => results.extend(done),
            // A reader is never cancelled, so this is a panic of ours, which must not look like an empty answer.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
    results.sort_unstable_by_key(|(at, _)| *at);
    results.into_iter().map(|(_, result)| result).collect()
}

/// How many calls shall be able to leave right after one of this operation. A slot of the service that is free waits for
/// the next request; how the last one ended can wait for that, and whether others have ended for both.
fn spare(operation: Operation) -> f64 {
    match operation {
        Operation::ListAccountAssignmentCreationStatus
        | Operation::ListAccountAssignmentDeletionStatus
        | Operation::ListPermissionSetProvisioningStatus => 2.0,
        Operation::DescribeAccountAssignmentCreationStatus
        | Operation::DescribeAccountAssignmentDeletionStatus
        | Operation::DescribePermissionSetProvisioningStatus => 1.0,
        _ => 0.0,
    }
}

fn somebody_elses(operation: Operation) -> CallError {
    CallError {
        meaning: Meaning::Unknown,
        operation: operation.name().into(),
        code: "WrongAnswer".into(),
        message:
            "the answer is about something else than the question; something on the way mixes answers up"
                .into(),
        request_id: None,
        missing_action: None,
    }
}

/// Whether the service took a call for one too many.
pub fn is_throttle(error: &CallError) -> bool {
    error.code.contains("Throttl")
        || error.code.contains("TooManyRequests")
        || error.code.contains("RequestLimit")
        || &*error.code == "HTTP 429"
}

/// Whether the service starts no more requests before others have ended, in its words or in those of a simulator.
pub fn is_in_flight_limit(error: &CallError) -> bool {
    let words = ["too many requests processing", "too many outstanding"];
    let message = error.message.to_lowercase();
    error.meaning == Meaning::Retry && words.iter().any(|words| message.contains(words))
}

/// Whether something answered that may not be the service: without a code, as a gateway does.
fn is_page(error: &CallError) -> bool {
    error.code.starts_with("HTTP ")
}

/// The way through the pages of a list.
#[derive(Debug)]
pub struct Pages {
    operation: Operation,
    token: Option<String>,
    seen: BTreeSet<String>,
}

impl Pages {
    /// Before the first page.
    pub fn new(operation: Operation) -> Self {
        Pages {
            operation,
            token: None,
            seen: BTreeSet::new(),
        }
    }

    /// What to ask the next page with.
    pub fn token(&self) -> Option<String> {
        self.token.clone()
    }

    /// Whether there is another page after one that names it like this.
    ///
    /// # Errors
    /// When a token comes again: the list would never end, and what was read of it is not all of it.
    pub fn go_on(&mut self, next: Option<String>) -> Result<bool, CallError> {
        self.token = next.filter(|next| !next.is_empty());
        match &self.token {
            Some(token) if !self.seen.insert(token.clone()) => Err(CallError {
                meaning: Meaning::Unknown,
                operation: self.operation.name().into(),
                code: "RepeatedToken".into(),
                message:
                    "the server names a page of the list that it has given before, so the list has no end"
                        .into(),
                request_id: None,
                missing_action: None,
            }),
            token => Ok(token.is_some()),
        }
    }
}

fn is_no_answer(error: &CallError) -> bool {
    &*error.code == "NoAnswer"
}

fn lacking(operation: Operation) -> CallError {
    CallError {
        meaning: Meaning::Unsupported,
        operation: operation.name().into(),
        code: "Unsupported".into(),
        message: "this server lacks the operation".into(),
        request_id: None,
        missing_action: None,
    }
}

/// Seconds to wait after so many attempts.
fn backoff(attempt: u32) -> f64 {
    (0.2 * f64::from(1_u32 << attempt.saturating_sub(1).min(6))).min(8.0)
}
