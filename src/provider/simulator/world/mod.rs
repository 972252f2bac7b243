//! The rules of the service, as one value: IAM Identity Center, its identity store, Organizations and the IAM roles in
//! the accounts.
//!
//! A [`World`] is a pure state machine. It does no IO and knows no time but its own clock, which only
//! [`World::advance`] moves; its ids come from a seed. Each public method named after an operation of AWS's is that
//! operation: it validates, authorises, decides, and then commits [`effect::Effect`]s, which alone change the world.
//! Adapters store the effects before they reply, and rebuild the world by applying them again.
//!
//! One file holds one area of the service's rules, and its tests.

pub mod access;
pub mod account_roles;
pub mod assignment;
pub mod authorize;
pub mod call;
pub mod clock;
pub mod dates;
pub mod delegation;
pub mod effect;
pub mod error;
pub mod grant;
pub mod identity_store;
pub mod ids;
pub mod instance;
pub mod organization;
pub mod permission_set;
pub mod place;
pub mod provisioning;
pub mod quota;
pub mod request;
pub mod role;
pub mod service_access;
pub mod tamper;
mod validate;

use std::collections::BTreeMap;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use access::Access;
use call::{CallEntry, CallLog, Caller, Operation, Subject};
use clock::{Latency, Time};
use effect::{Effect, Record};
use error::{ErrorCode, ServiceError};
use identity_store::IdentityStore;
use ids::Ids;
use instance::Instance;
use organization::{Account, AccountState, Organization};
use permission_set::PermissionSets;
use place::{AccountIx, PrincipalIx, SetIx, UnitIx};
use quota::{Quotas, Throttle};
use request::Requests;

/// The seed of a world that was given none: all such worlds have the same ids.
pub const DEFAULT_SEED: u64 = 1;

/// How the world behaves.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Settings {
    /// Nothing is taken to exist that was not created.
    pub strict: bool,
    /// The quotas, and the rate of requests.
    pub quotas: Quotas,
    /// How long requests take.
    pub latency: Latency,
}

/// What came of taking something to exist.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Existence {
    /// It existed.
    Existed,
    /// It exists from now on.
    Made,
    /// It does not exist: it was deleted, its unique values are in use, or the world is strict.
    Absent,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Fault {
    left: u32,
    reason: String,
}

/// A world: the whole service, at a moment.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct World {
    ids: Ids,
    settings: Settings,
    now: Time,
    organization: Organization,
    identity_store: IdentityStore,
    permission_sets: PermissionSets,
    access: Access,
    requests: Requests,
    faults: BTreeMap<Operation, Fault>,
    calls: CallLog,
    instance: Instance,
    /// `RoleName` of accounts that are being created, by request; kept with the [dates].
    #[serde(skip)]
    access_roles: BTreeMap<u64, String>,
    /// Who administers which service; kept after the [dates].
    #[serde(skip)]
    delegated: delegation::Delegated,
    #[serde(skip)]
    caller: Caller,
    #[serde(skip)]
    throttle: Throttle,
    /// What happened and was not taken yet; `None` when nobody takes it.
    #[serde(skip)]
    outbox: Option<Vec<Record>>,
}

impl World {
    /// A fresh world: a management account in a root, and an empty instance in `region`.
    pub fn new(seed: u64, region: &str) -> Self {
        let ids = Ids::new(seed, region);
        let management = Account {
            id: ids.account_id(0),
            name: "management".to_owned(),
            email: "management@example.com".to_owned(),
            parent: UnitIx::new(0),
            state: AccountState::Active,
            created: false,
            joined: Time::BEGINNING,
            tags: BTreeMap::new(),
            access_role: None,
        };
        World {
            organization: Organization::new(ids.root_id(), management),
            ids,
            settings: Settings::default(),
            now: Time::BEGINNING,
            identity_store: IdentityStore::default(),
            permission_sets: PermissionSets::default(),
            access: Access::default(),
            requests: Requests::default(),
            faults: BTreeMap::new(),
            calls: CallLog::default(),
            instance: Instance::default(),
            access_roles: BTreeMap::new(),
            delegated: delegation::Delegated::new(),
            caller: Caller::default(),
            throttle: Throttle::default(),
            outbox: None,
        }
    }

    /// The world's ids.
    pub fn ids(&self) -> &Ids {
        &self.ids
    }

    /// How it behaves.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// Changes how it behaves from now on.
    ///
    /// # Errors
    /// Only when the world itself is broken.
    pub fn configure(&mut self, settings: Settings) -> Result<(), ServiceError> {
        if self.settings == settings {
            return Ok(());
        }
        self.commit(Effect::Configured {
            settings: Box::new(settings),
        })
    }

    /// The organisation, read without a call.
    pub fn organization(&self) -> &Organization {
        &self.organization
    }

    /// The identity store, read without a call.
    pub fn identity_store(&self) -> &IdentityStore {
        &self.identity_store
    }

    /// The permission sets, read without a call.
    pub fn permission_sets(&self) -> &PermissionSets {
        &self.permission_sets
    }

    /// Who has what where, read without a call.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// The requests, read without a call.
    pub fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Who the next calls are by; the management account until this is called. Not stored.
    pub fn set_caller(&mut self, caller: Caller) {
        self.caller = caller;
    }

    /// Who the next calls are by.
    pub fn caller(&self) -> &Caller {
        &self.caller
    }

    /// The calls so far.
    pub fn calls(&self) -> &CallLog {
        &self.calls
    }

    /// Counts calls that an adapter answered from what it may read at once.
    pub fn charge(&mut self, operation: Operation, calls: u64) {
        self.calls.charge(operation, calls);
        if let Some(outbox) = &mut self.outbox {
            outbox.push(Record::Charge { operation, calls });
        }
    }

    /// Whether a call that an adapter answers from what it may read at once would go through. Uses up a fault, and is
    /// not logged: [`World::charge`] counts such calls.
    ///
    /// # Errors
    /// What the service would answer: the caller may not, or a fault was asked for.
    pub fn admits_read(&mut self, operation: Operation) -> Result<(), ServiceError> {
        self.authorize(operation, &Subject::Nothing)?;
        match self.take_fault(operation)? {
            None => Ok(()),
            Some(reason) => Err(ServiceError::from_text(&reason)),
        }
    }

    /// Whether a call of this operation may be refused for another reason than the request itself.
    pub fn may_refuse(&self, operation: Operation) -> bool {
        self.faults.contains_key(&operation) || self.authorize(operation, &Subject::Nothing).is_err()
    }

    /// A logged call on one line: `12 2026-01-01T00:00:03Z CreateAccountAssignment 111122223333 admin group:ops`.
    pub fn call_text(&self, entry: &CallEntry) -> String {
        let outcome = entry.error.map(|code| format!(" -> {code}")).unwrap_or_default();
        let subject = self.subject_text(&entry.subject);
        let gap = if subject.is_empty() { "" } else { " " };
        format!(
            "{} {} {}{gap}{subject}{outcome}",
            entry.sequence,
            entry.at,
            entry.operation.name()
        )
    }

    /// The simulated time.
    pub fn now(&self) -> Time {
        self.now
    }

    /// When the next thing that takes its time ends; `None` when none is in progress.
    pub fn next_event(&self) -> Option<Time> {
        let request = self.requests.next_due().map(|(at, _)| at);
        request.into_iter().chain(self.instance.next_due(self.now)).min()
    }

    /// When the next call of an operation will not be throttled.
    pub fn admits_at(&self, operation: Operation) -> Time {
        self.throttle.free_at(
            operation.family(),
            self.now,
            self.settings.quotas.requests_per_second,
        )
    }

    /// Lets time pass, and every request end that is due by then.
    pub fn advance(&mut self, by: Duration) {
        self.advance_to(self.now.after(by));
    }

    /// Lets time pass up to a moment; nothing happens when it is past.
    pub fn advance_to(&mut self, to: Time) {
        self.end_due(to);
        if to > self.now {
            // Setting the clock refers to nothing that could be missing.
            let _ = self.commit(Effect::Clock { to });
        }
    }

    /// Lets time pass up to the next end of a request; whether there was one.
    pub fn advance_to_next(&mut self) -> bool {
        let next = self.next_event();
        if let Some(at) = next {
            self.advance_to(at.max(self.now));
        }
        next.is_some()
    }

    /// Lets time pass until no request is in progress.
    pub fn settle(&mut self) {
        while self.advance_to_next() {}
    }

    /// Collects from now on what happens, for [`World::take_records`].
    pub fn record(&mut self) {
        self.outbox.get_or_insert_with(Vec::new);
    }

    /// What happened since the last time, to be stored before a reply.
    pub fn take_records(&mut self) -> Vec<Record> {
        self.outbox.as_mut().map(std::mem::take).unwrap_or_default()
    }

    fn end_due(&mut self, by: Time) {
        while let Some((_, sequence)) = self.requests.next_due().filter(|(due, _)| *due <= by) {
            self.finish(sequence);
        }
        while let Some(account) = self.instance.closed_by(by) {
            let state = AccountState::Suspended;
            if self.commit(Effect::AccountState { account, state }).is_err() {
                return;
            }
        }
    }

    /// Every operation comes through here: what is due happens first, then the call is admitted, answered, logged.
    fn call<T>(
        &mut self,
        operation: Operation,
        subject: Subject,
        body: impl FnOnce(&mut World) -> Result<T, ServiceError>,
    ) -> Result<T, ServiceError> {
        self.end_due(self.now);
        let answer = self.admit(operation, &subject).and_then(|()| body(self));
        let entry = CallEntry {
            sequence: self.calls.next_sequence(),
            at: self.now,
            operation,
            subject,
            error: answer.as_ref().err().map(|error| error.code),
        };
        if let Some(outbox) = &mut self.outbox {
            outbox.push(Record::Call(entry.clone()));
        }
        self.calls.push(entry);
        answer
    }

    fn admit(&mut self, operation: Operation, subject: &Subject) -> Result<(), ServiceError> {
        self.throttle
            .admit(operation, self.now, self.settings.quotas.requests_per_second)?;
        self.authorize(operation, subject)?;
        if is_asynchronous(operation) {
            return Ok(());
        }
        match self.take_fault(operation)? {
            None => Ok(()),
            Some(reason) => Err(ServiceError::from_text(&reason)),
        }
    }

    /// Uses up a fault of the operation: an error, or a reason to fail with later.
    fn take_fault(&mut self, operation: Operation) -> Result<Option<String>, ServiceError> {
        let Some(Fault { left, reason }) = self.faults.get(&operation).cloned() else {
            return Ok(None);
        };
        self.commit(Effect::Fault {
            operation,
            left: left.saturating_sub(1),
            reason: reason.clone(),
        })?;
        match ServiceError::from_text(&reason) {
            ServiceError {
                code: ErrorCode::InternalServerException,
                ..
            } => Ok(Some(reason)),
            error => Err(error),
        }
    }

    fn set_fault(&mut self, operation: Operation, left: u32, reason: &str) {
        if left == 0 {
            self.faults.remove(&operation);
        } else {
            self.faults.insert(
                operation,
                Fault {
                    left,
                    reason: reason.to_owned(),
                },
            );
        }
    }

    /// Lets an effect happen, and keeps it for whoever stores them.
    fn commit(&mut self, effect: Effect) -> Result<(), ServiceError> {
        self.apply_effect(&effect)
            .map_err(|error| ServiceError::new(ErrorCode::InternalServerException, error.to_string()))?;
        if let Some(outbox) = &mut self.outbox {
            outbox.push(Record::Effect(effect));
        }
        Ok(())
    }

    /// What a call was about, for people: names and ids.
    pub fn subject_text(&self, subject: &Subject) -> String {
        let account = |at: u32| {
            let account = self.organization.account(AccountIx::new(at as usize));
            account.map_or("?", |account| account.id.as_str())
        };
        let set = |at: u32| {
            self.permission_sets
                .get(SetIx::new(at as usize))
                .map_or("?", |set| set.name.as_str())
        };
        match subject {
            Subject::Nothing => String::new(),
            Subject::Text(text) => text.to_string(),
            Subject::Request(number) => self.request_id(*number),
            Subject::Pair { account: a, set: s } => format!("{} {}", account(*a), set(*s)),
            Subject::Grant {
                account: a,
                set: s,
                principal,
            } => {
                let principal = self
                    .identity_store
                    .principal(PrincipalIx::new(*principal as usize));
                let who = principal.map_or_else(
                    || "?".to_owned(),
                    |p| format!("{}:{}", p.kind().as_str().to_lowercase(), p.name()),
                );
                format!("{} {} {who}", account(*a), set(*s))
            }
        }
    }
}

/// Whether the operation starts a request that ends later; its faults then show at the end.
fn is_asynchronous(operation: Operation) -> bool {
    matches!(
        operation,
        Operation::CreateAccountAssignment
            | Operation::DeleteAccountAssignment
            | Operation::ProvisionPermissionSet
            | Operation::CreateAccount
    )
}

#[cfg(test)]
mod tests {
    use super::assignment::AssignmentStatus;
    use super::call::Page;
    use super::identity_store::{PrincipalKind, User};
    use super::organization::SERVICE_PRINCIPAL;
    use super::permission_set::CreatePermissionSet;
    use super::request::Status;
    use super::*;

    /// A fresh world that does not throttle.
    pub(crate) fn world() -> World {
        world_in("eu-west-1")
    }

    fn world_in(region: &str) -> World {
        let mut world = World::new(7, region);
        let quotas = Quotas {
            requests_per_second: u32::MAX,
            ..Quotas::default()
        };
        world
            .configure(Settings {
                quotas,
                ..Settings::default()
            })
            .unwrap();
        world
    }

    pub(crate) fn person(name: &str) -> User {
        User {
            user_name: name.to_owned(),
            display_name: format!("Display {name}"),
            given_name: "Given".into(),
            family_name: "Family".into(),
            email: Some(format!("{name}@example.com")),
            attributes: BTreeMap::new(),
        }
    }

    pub(crate) fn make_set(world: &mut World, name: &str) -> String {
        let input = CreatePermissionSet {
            name: name.to_owned(),
            ..Default::default()
        };
        world.create_permission_set(input).unwrap().arn
    }

    /// A world with three accounts, a permission set `admin`, a group `ops` and a user `ada`.
    pub(crate) struct Stage {
        pub world: World,
        pub set: String,
        pub group: String,
        pub user: String,
        pub management: String,
    }

    pub(crate) fn stage() -> Stage {
        stage_in("eu-west-1")
    }

    pub(crate) fn stage_in(region: &str) -> Stage {
        let mut world = world_in(region);
        for (n, id) in ["111122223333", "222233334444", "333344445555"]
            .into_iter()
            .enumerate()
        {
            world
                .ensure_account(id, &format!("a{n}"), &format!("a{n}@example.com"))
                .unwrap();
        }
        let set = make_set(&mut world, "admin");
        let group = world.create_group("ops", None).unwrap();
        let user = world.create_user(person("ada")).unwrap();
        let management = world.instance().owner_account_id;
        Stage {
            world,
            set,
            group,
            user,
            management,
        }
    }

    impl Stage {
        pub(crate) fn create(&mut self, account: &str, kind: PrincipalKind, id: &str) -> AssignmentStatus {
            let status = self
                .world
                .create_account_assignment(account, &self.set, (kind, id))
                .unwrap();
            self.world.settle();
            self.world
                .describe_account_assignment_creation_status(&status.request_id)
                .unwrap()
        }

        pub(crate) fn grant(&mut self, account: &str) -> AssignmentStatus {
            let group = self.group.clone();
            self.create(account, PrincipalKind::Group, &group)
        }

        pub(crate) fn delete(&mut self, account: &str, kind: PrincipalKind, id: &str) {
            let status = self
                .world
                .delete_account_assignment(account, &self.set, (kind, id))
                .unwrap();
            self.world.settle();
            let status = self
                .world
                .describe_account_assignment_deletion_status(&status.request_id)
                .unwrap();
            assert_eq!(status.status, Status::Succeeded);
        }

        pub(crate) fn revoke(&mut self, account: &str) {
            let group = self.group.clone();
            self.delete(account, PrincipalKind::Group, &group);
        }
    }

    impl World {
        pub(crate) fn delegate(&mut self, account: &str) {
            self.register_delegated_administrator(account, SERVICE_PRINCIPAL)
                .unwrap();
        }
    }

    /// A life with a bit of everything in it.
    fn lived() -> (World, Vec<Record>) {
        let mut fresh = World::new(7, "eu-west-1");
        fresh.record();
        let quotas = Quotas {
            requests_per_second: u32::MAX,
            ..Quotas::default()
        };
        fresh
            .configure(Settings {
                quotas,
                ..Settings::default()
            })
            .unwrap();
        fresh
            .ensure_account("111122223333", "a", "a@example.com")
            .unwrap();
        fresh
            .ensure_account("222233334444", "b", "b@example.com")
            .unwrap();
        fresh.ensure_unit("Workloads/Prod").unwrap();
        let set = make_set(&mut fresh, "admin");
        let group = fresh.create_group("ops", None).unwrap();
        let user = fresh.create_user(person("ada")).unwrap();
        fresh.create_group_membership(&group, &user).unwrap();
        let who = (PrincipalKind::Group, group.as_str());
        fresh
            .create_account_assignment("111122223333", &set, who)
            .unwrap();
        fresh
            .create_account_assignment("222233334444", &set, who)
            .unwrap();
        fresh.settle();
        fresh.put_inline_policy(&set, r#"{"Statement":{}}"#).unwrap();
        fresh
            .delete_account_assignment("111122223333", &set, who)
            .unwrap();
        fresh
            .create_account("new", "new@example.com", &BTreeMap::new(), None)
            .unwrap();
        fresh.advance(Duration::from_secs(5));
        fresh
            .create_account_assignment("111122223333", &set, who)
            .unwrap();
        fresh
            .delete_principal(PrincipalKind::Group, &group, None)
            .unwrap();
        let records = fresh.take_records();
        (fresh, records)
    }

    fn bytes(world: &World) -> Vec<u8> {
        postcard::to_stdvec(world).unwrap()
    }

    #[test]
    fn applying_the_records_again_gives_the_same_world() {
        let (lived, records) = lived();
        let mut again = World::new(7, "eu-west-1");
        for record in &records {
            let stored = postcard::to_stdvec(record).unwrap();
            again
                .apply_record(&postcard::from_bytes(&stored).unwrap())
                .unwrap();
        }
        assert_eq!(bytes(&again), bytes(&lived));
    }

    #[test]
    fn a_stored_world_goes_on_as_the_one_that_was_not_stored() {
        let (mut lived, _) = lived();
        let mut stored: World = postcard::from_bytes(&bytes(&lived)).unwrap();
        for world in [&mut lived, &mut stored] {
            world.settle();
            let who = world.create_user(person("grace")).unwrap();
            let set = world
                .list_permission_sets(&Page::default())
                .unwrap()
                .items
                .remove(0);
            world
                .create_account_assignment("222233334444", &set, (PrincipalKind::User, &who))
                .unwrap();
            world.settle();
        }
        assert_eq!(bytes(&lived), bytes(&stored));
        let json: World = serde_json::from_str(&serde_json::to_string(&lived).unwrap()).unwrap();
        assert_eq!(bytes(&json), bytes(&lived));
    }

    /// A line of the text form, drawn from a seed; many name what does not exist and change nothing.
    fn any_change(seed: u64) -> String {
        let draw = |salt: u64, most: u64| ids::mix(seed, salt) % most;
        let (set, account) = (format!("s{}", draw(1, 4)), format!("a{}", draw(2, 3)));
        let (group, user) = (format!("g{}", draw(3, 4)), format!("u{}", draw(4, 4)));
        let policy = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        match draw(5, 20) {
            0 => format!("create-set {set}"),
            1 => format!("delete-set {set}"),
            2 => format!("create-group {group}"),
            3 => format!("delete-group {group}"),
            4 => format!("recreate-group {group}"),
            5 => format!("rename-group {group} {group}x"),
            6 => format!("create-user {user}"),
            7 => format!("delete-user {user}"),
            8 => format!("add-member {group} {user}"),
            9 => format!("remove-member {group} {user}"),
            10 => format!("attach-policy {set} {policy}"),
            11 => format!("edit-managed-policy {policy}"),
            12 => format!("delete-role {set} {account}"),
            13 => format!("edit-role {set} {account} attach {policy}"),
            14 => format!("unassign {set} {account} group:{group}"),
            15 => format!("assign {set} {account} user:{user}"),
            16 => format!("advance {}ms", draw(6, 5_000)),
            17 => format!("delete-saml-provider {account}"),
            _ => format!("assign {set} {account} group:{group}"),
        }
    }

    /// Starts a request for a group, if both it and the set exist.
    fn any_request(world: &mut World, seed: u64) {
        let draw = |salt: u64, most: u64| ids::mix(seed, salt) % most;
        let set = world.permission_sets().by_name(&format!("s{}", draw(1, 4)));
        let group = world
            .identity_store()
            .by_name(PrincipalKind::Group, &format!("g{}", draw(3, 4)));
        let (Some(set), Some(group)) = (set, group) else {
            return;
        };
        let (set, group) = (
            world.permission_set_arn(set).unwrap(),
            world.principal_id(group).unwrap(),
        );
        let account = ["111122223333", "222233334444", "333344445555"][draw(2, 3) as usize];
        let who = (PrincipalKind::Group, group.as_str());
        let target = provisioning::ProvisionTarget::AllProvisionedAccounts;
        let _ = match draw(7, 4) {
            0 => world.provision_permission_set(&set, target).is_ok(),
            1 => world.delete_account_assignment(account, &set, who).is_ok(),
            _ => world.create_account_assignment(account, &set, who).is_ok(),
        };
    }

    fn assert_consistent(world: &World) {
        for (account, _) in world.organization().accounts() {
            for pair in world.access().pairs(account) {
                assert!(
                    !pair.principals().is_empty(),
                    "a pair without assignments has no role"
                );
                assert!(pair.principals().is_sorted_by(|a, b| a < b));
                assert!(world.access().accounts_with(pair.set()).contains(&account));
                assert!(
                    world.permission_sets().get(pair.set()).unwrap().live,
                    "a deleted set is assigned"
                );
                assert!(
                    world.provisioned(pair).is_some(),
                    "a role's definition was forgotten"
                );
            }
        }
        for (set, _) in world.permission_sets().iter() {
            for account in world.access().accounts_with(set) {
                assert!(world.access().pair(*account, set).is_some());
            }
        }
        for (group, _) in world
            .identity_store()
            .principals()
            .filter(|(_, p)| p.group().is_some())
        {
            for user in world.identity_store().members(group) {
                assert!(
                    world.identity_store().live(user).is_some(),
                    "a member was deleted"
                );
                assert!(world.identity_store().groups_of(user).any(|of| of == group));
            }
        }
    }

    #[test]
    fn any_life_stays_consistent_is_rebuilt_by_its_records_and_survives_being_stored() {
        let mut happened = 0;
        for life in 0..40 {
            let mut world = World::new(life, "eu-west-1");
            world.record();
            let quotas = Quotas {
                requests_per_second: u32::MAX,
                ..Quotas::default()
            };
            world
                .configure(Settings {
                    quotas,
                    ..Settings::default()
                })
                .unwrap();
            for (n, id) in ["111122223333", "222233334444", "333344445555"]
                .iter()
                .enumerate()
            {
                world
                    .ensure_account(id, &format!("a{n}"), &format!("a{n}@example.com"))
                    .unwrap();
            }
            let mut records = Vec::new();
            for step in 0..300 {
                let seed = ids::mix(life, step);
                if step % 3 == 0 {
                    any_request(&mut world, seed);
                } else {
                    let change: tamper::Tamper = any_change(seed).parse().unwrap();
                    happened += u32::from(world.tamper(&change).is_ok());
                }
                if step % 50 == 49 {
                    let mut stored: World = postcard::from_bytes(&bytes(&world)).unwrap();
                    assert_eq!(stored.next_event(), world.next_event());
                    stored.record();
                    records.extend(world.take_records());
                    world = stored;
                }
            }
            records.extend(world.take_records());
            world.settle();
            records.extend(world.take_records());
            assert_consistent(&world);
            let mut again = World::new(life, "eu-west-1");
            records
                .iter()
                .for_each(|record| again.apply_record(record).unwrap());
            assert_eq!(bytes(&again), bytes(&world), "life {life}");
        }
        // Many of the 8,000 name what does not exist at that moment; enough must not.
        assert!(happened > 1_500, "only {happened} changes could be made");
    }

    #[test]
    fn records_that_refer_to_nothing_are_refused() {
        let nowhere = AccountIx::new(9_999);
        for effect in [
            Effect::AccountMoved {
                account: nowhere,
                to: UnitIx::new(0),
            },
            Effect::Delegated { to: Some(nowhere) },
            Effect::Finished {
                sequence: 5,
                at: Time::BEGINNING,
                failure: None,
            },
            Effect::SetDeleted { set: SetIx::new(3) },
            Effect::MemberAdded {
                group: PrincipalIx::new(1),
                user: PrincipalIx::new(2),
            },
            Effect::Granted {
                account: nowhere,
                set: SetIx::new(0),
                principal: PrincipalIx::new(0),
            },
            Effect::RoleDeleted {
                account: nowhere,
                set: SetIx::new(0),
            },
        ] {
            let mut world = world();
            let before = bytes(&world);
            let error = world.apply_record(&Record::Effect(effect)).unwrap_err();
            assert!(error.to_string().contains("does not exist"));
            assert_eq!(bytes(&world), before);
        }
    }

    #[test]
    fn two_fresh_worlds_agree_whatever_the_order_in_which_things_are_taken_to_exist() {
        let names = ["a", "b", "c"];
        let (mut forth, mut back) = (world(), world());
        for name in names {
            forth.ensure_user(person(name), None).unwrap();
        }
        for name in names.iter().rev() {
            back.ensure_user(person(name), None).unwrap();
        }
        let id = |world: &World, name| {
            world.principal_id(world.identity_store().by_name(PrincipalKind::User, name).unwrap())
        };
        for name in names {
            assert_eq!(id(&forth, name), id(&back, name));
        }
    }

    #[test]
    fn calls_are_logged_with_their_outcome_and_can_be_read() {
        let mut stage = stage();
        let before = stage.world.calls().total();
        stage.grant("111122223333");
        let error = stage.world.delete_permission_set(&stage.set).unwrap_err();
        assert_eq!(error.code, ErrorCode::ConflictException);
        let texts: Vec<String> = stage
            .world
            .calls()
            .entries()
            .map(|entry| stage.world.call_text(entry))
            .collect();
        assert_eq!(stage.world.calls().total(), before + 3);
        let created = &texts[texts.len() - 3];
        assert!(
            created.ends_with("2026-01-01T00:00:00Z CreateAccountAssignment 111122223333 admin group:ops")
        );
        assert!(texts.last().unwrap().ends_with("-> ConflictException"));
        let count = stage.world.calls().count(Operation::DeletePermissionSet);
        assert_eq!((count.calls, count.errors), (1, 1));
    }

    #[test]
    fn calls_are_throttled_until_the_clock_moves() {
        let mut world = World::new(7, "eu-west-1");
        for _ in 0..20 {
            world.list_permission_sets(&Page::default()).unwrap();
        }
        let error = world.list_permission_sets(&Page::default()).unwrap_err();
        assert_eq!(error.code, ErrorCode::ThrottlingException);
        let free = world.admits_at(Operation::ListPermissionSets);
        assert_eq!(free.since(world.now()), Duration::from_millis(50));
        world.advance_to(free);
        world.list_permission_sets(&Page::default()).unwrap();
    }

    #[test]
    fn without_latency_a_request_is_done_when_the_next_call_arrives() {
        let mut stage = stage();
        let settings = Settings {
            latency: Latency::NONE,
            ..stage.world.settings().clone()
        };
        stage.world.configure(settings).unwrap();
        let who = (PrincipalKind::Group, stage.group.as_str());
        let status = stage
            .world
            .create_account_assignment("111122223333", &stage.set, who)
            .unwrap();
        assert_eq!(status.status, Status::InProgress);
        let status = stage
            .world
            .describe_account_assignment_creation_status(&status.request_id)
            .unwrap();
        assert_eq!(status.status, Status::Succeeded);
        assert_eq!(stage.world.now(), Time::BEGINNING);
    }

    #[test]
    fn old_finished_requests_are_forgotten_and_those_in_progress_never() {
        let mut stage = stage();
        let quotas = Quotas::off();
        let settings = Settings {
            latency: Latency::NONE,
            quotas,
            strict: false,
        };
        stage.world.configure(settings).unwrap();
        let who = (PrincipalKind::Group, stage.group.as_str());
        let first = stage
            .world
            .create_account_assignment("111122223333", &stage.set, who)
            .unwrap();
        for _ in 0..request::FINISHED_KEPT {
            stage
                .world
                .create_account_assignment("111122223333", &stage.set, who)
                .unwrap();
        }
        stage.world.settle();
        let error = stage
            .world
            .describe_account_assignment_creation_status(&first.request_id)
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::ResourceNotFoundException);
        assert_eq!(stage.world.requests().from(0).count(), request::FINISHED_KEPT);
    }
}
