//! The simulator: IAM Identity Center, its identity store, Organizations and the roles in the accounts, in this process.
//!
//! [`world`] holds the service's rules, without any IO; [`store`] keeps a world on disk; [`Simulator`] is the
//! [`Provider`] in front of it. Its clock is the world's own: waiting for a request moves the clock to its end, so that
//! an apply takes no longer than its work.

mod calls;
mod denied;
mod inside;
mod meaning;
mod observe;
mod requests;
pub mod store;
pub mod wire;
pub mod world;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;

use self::requests::{Awaited, Progress};
use self::store::WorldStore;
use self::world::authorize::Position;
use self::world::call::{Caller, Page};
use self::world::clock::Latency;
use self::world::error::{ErrorCode, ServiceError};
use self::world::instance::InstanceDescription;
use self::world::quota::Quotas;
use self::world::tamper::{Tamper, TamperError};
use self::world::{DEFAULT_SEED, World};
use super::{Call, CallError, Ids, Meaning, Outcome, Provider, ProviderError, ReadRequest, Started, Ticket};
use crate::model::action::Effect;
use crate::model::instance::Observed;

/// How a simulator is set up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options {
    /// Where the world lies; `None` keeps it in memory only.
    pub directory: Option<PathBuf>,
    /// The seed of a fresh world.
    pub seed: u64,
    /// The Region of a fresh world.
    pub region: String,
    /// Nothing is taken to exist that was not created.
    pub strict: bool,
    /// The service's quotas and throttling hold.
    pub quotas: bool,
    /// Requests take their time on the world's clock.
    pub latency: bool,
    /// Who calls.
    pub caller: Caller,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            directory: None,
            seed: DEFAULT_SEED,
            region: "eu-west-1".to_owned(),
            strict: false,
            quotas: true,
            latency: true,
            caller: Caller::management(),
        }
    }
}

impl Options {
    /// A durable world in a directory, otherwise as by default.
    pub fn at(directory: &Path) -> Self {
        Options {
            directory: Some(directory.to_owned()),
            ..Options::default()
        }
    }
}

/// The simulated service.
#[derive(Debug)]
pub struct Simulator {
    inner: Mutex<Inner>,
}

#[derive(Debug)]
struct Inner {
    home: Home,
    in_flight: BTreeMap<Ticket, Awaited>,
}

#[derive(Debug)]
enum Home {
    Memory(Box<World>),
    Disk(Box<WorldStore>),
}

impl Home {
    fn world(&self) -> &World {
        match self {
            Home::Memory(world) => world,
            Home::Disk(store) => store.world(),
        }
    }

    fn with<T>(&mut self, body: impl FnOnce(&mut World) -> T) -> Result<T, ProviderError> {
        match self {
            Home::Memory(world) => Ok(body(world)),
            Home::Disk(store) => store.with(body),
        }
    }
}

impl Simulator {
    /// Opens the world that `options` name, or begins it.
    ///
    /// # Errors
    /// When its files cannot be read or written, or are damaged.
    pub fn open(options: &Options) -> Result<Self, ProviderError> {
        let mut home = match &options.directory {
            None => Home::Memory(Box::new(World::new(options.seed, &options.region))),
            Some(directory) => Home::Disk(Box::new(WorldStore::open(
                directory,
                options.seed,
                &options.region,
            )?)),
        };
        home.with(|world| {
            let mut settings = world.settings().clone();
            settings.strict = options.strict;
            settings.quotas = if options.quotas {
                Quotas::default()
            } else {
                Quotas::off()
            };
            settings.latency = if options.latency {
                Latency::default()
            } else {
                Latency::NONE
            };
            world.set_caller(options.caller.clone());
            world.configure(settings)
        })?
        .map_err(|error| ProviderError::Storage {
            message: Arc::from(error.to_string()),
        })?;
        Ok(Simulator {
            inner: Mutex::new(Inner {
                home,
                in_flight: BTreeMap::new(),
            }),
        })
    }

    /// Makes a change behind the planner's back.
    ///
    /// # Errors
    /// The inner one when the change cannot be made, the outer one when the world's files fail.
    pub fn tamper(&self, change: &Tamper) -> Result<Result<(), TamperError>, ProviderError> {
        self.lock().home.with(|world| world.tamper(change))
    }

    /// Uses the world past the provider: for tests, and to read its call log.
    ///
    /// # Errors
    /// When the world's files cannot be read or written.
    pub fn with_world<T>(&self, body: impl FnOnce(&mut World) -> T) -> Result<T, ProviderError> {
        self.lock().home.with(body)
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        // A panic while the lock was held left at worst an effect unanswered, as a crash does.
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Provider for Simulator {
    fn name(&self) -> &str {
        "simulator"
    }

    fn now(&self) -> Timestamp {
        self.lock().home.world().now().timestamp()
    }

    fn read(&self, request: &ReadRequest) -> Result<Observed, ProviderError> {
        self.lock().home.with(|world| {
            if list_instances(world)?.is_empty() {
                return Err(ProviderError::NoInstance {
                    region: Arc::from(world.caller().region.clone().unwrap_or_default()),
                    message: Arc::from(format!("the instance lives in {}", world.ids().region())),
                });
            }
            let first = Page {
                max_results: Some(1),
                next_token: None,
            };
            let operation = world::call::Operation::ListPermissionSets;
            let at = world.admits_at(operation);
            world.advance_to(at);
            let refused = |error| ProviderError::Call(meaning::refused(operation, &error));
            let sets = again(|| world.list_permission_sets(&first));
            // A member account can read nothing that matters; anyone else may lack this one action.
            let sets_denied = match sets.map_err(|error| meaning::refused(operation, &error)) {
                Ok(_) => None,
                Err(error) if error.meaning == Meaning::Denied && world.position() != Position::Member => {
                    Some(error)
                }
                Err(error) => return Err(ProviderError::Call(error)),
            };
            observe::take_to_exist(world, &request.taken_to_exist).map_err(refused)?;
            observe::observe(world, sets_denied)
        })?
    }

    fn start(&self, calls: &[Call], ids: &dyn Ids) -> Vec<Started> {
        let mut inner = self.lock();
        let Inner { home, in_flight } = &mut *inner;
        let begun = home.with(|world| {
            let mut places = calls::Places::default();
            let begun: Vec<Progress> = calls
                .iter()
                .map(|call| calls::begin(world, &call.effect, ids, &mut places))
                .collect();
            // Without latency everything has ended by now, and one use of the world tells all of it.
            world.advance_to(world.now());
            let mut told = Vec::with_capacity(begun.len());
            for progress in begun {
                let progress = match progress {
                    Progress::Waiting(awaited) if awaited.has_ended(world) => {
                        requests::proceed(world, awaited)
                    }
                    progress => progress,
                };
                told.push(match progress {
                    Progress::Done(outcome) => Begun::Done(outcome),
                    Progress::Waiting(awaited) => Begun::Waiting(awaited.request_id(world), awaited),
                });
            }
            told
        });
        match begun {
            Err(error) => calls
                .iter()
                .map(|call| Started::Done(Err(not_stored(&call.effect, &error))))
                .collect(),
            Ok(begun) => calls
                .iter()
                .zip(begun)
                .map(|(call, begun)| match begun {
                    Begun::Done(outcome) => Started::Done(outcome),
                    Begun::Waiting(request_id, awaited) => {
                        in_flight.insert(call.ticket, awaited);
                        Started::Pending {
                            request_id: Some(request_id),
                        }
                    }
                })
                .collect(),
        }
    }

    fn poll(&self, pending: &[Ticket], wait: Duration) -> Vec<(Ticket, Outcome)> {
        let mut inner = self.lock();
        let Inner { home, in_flight } = &mut *inner;
        let polled = home.with(|world| {
            let until = world.now().after(wait);
            loop {
                let ended = proceed(world, in_flight, pending);
                if !ended.is_empty() || !pending.iter().any(|ticket| in_flight.contains_key(ticket)) {
                    return ended;
                }
                match world.next_event().filter(|at| *at <= until) {
                    Some(at) => world.advance_to(at),
                    None => {
                        world.advance_to(until);
                        return ended;
                    }
                }
            }
        });
        // Outcomes that were not stored are asked for again by request id in the next run.
        polled.unwrap_or_else(|error| {
            let failed = pending.iter().filter(|ticket| in_flight.remove(ticket).is_some());
            failed
                .map(|ticket| (*ticket, Err(storage_error("poll", &error))))
                .collect()
        })
    }

    fn request_outcome(&self, _effect: &Effect, request_id: &str) -> Option<Outcome> {
        self.lock()
            .home
            .with(|world| requests::outcome(world, request_id))
            .ok()
            .flatten()
    }

    fn sleep(&self, duration: Duration) {
        // What cannot be stored fails again, with its reason, at the next call.
        let _ = self.lock().home.with(|world| world.advance(duration));
    }
}

/// How a call began, and what its request is called.
enum Begun {
    Done(Outcome),
    Waiting(Arc<str>, Awaited),
}

/// The instances that the caller sees.
fn list_instances(world: &mut World) -> Result<Vec<InstanceDescription>, ProviderError> {
    let operation = world::call::Operation::ListInstances;
    let at = world.admits_at(operation);
    world.advance_to(at);
    again(|| world.list_instances()).map_err(|error| ProviderError::Call(meaning::refused(operation, &error)))
}

/// Asks again, as a client does, while the service says that it is too busy.
fn again<T>(mut call: impl FnMut() -> Result<T, ServiceError>) -> Result<T, ServiceError> {
    const ATTEMPTS: u32 = 8;
    let mut answer = call();
    for _ in 1..ATTEMPTS {
        let retry = |error: &ServiceError| {
            matches!(
                error.code,
                ErrorCode::ThrottlingException
                    | ErrorCode::TooManyRequestsException
                    | ErrorCode::InternalServerException
            )
        };
        if !answer.as_ref().is_err_and(retry) {
            break;
        }
        answer = call();
    }
    answer
}

/// Takes every call whose request has ended a step further, and returns those that are done.
fn proceed(
    world: &mut World,
    in_flight: &mut BTreeMap<Ticket, Awaited>,
    pending: &[Ticket],
) -> Vec<(Ticket, Outcome)> {
    let mut done = Vec::new();
    for ticket in pending {
        let Some(awaited) = in_flight
            .get(ticket)
            .filter(|awaited| awaited.has_ended(world))
            .cloned()
        else {
            continue;
        };
        match requests::proceed(world, awaited) {
            Progress::Waiting(next) => {
                in_flight.insert(*ticket, next);
            }
            Progress::Done(outcome) => {
                in_flight.remove(ticket);
                done.push((*ticket, outcome));
            }
        }
    }
    done
}

fn not_stored(effect: &Effect, error: &ProviderError) -> CallError {
    let name = effect
        .entity()
        .map_or_else(|| "assignment".to_owned(), |key| key.to_string());
    storage_error(&name, error)
}

/// No answer reached us that the world will remember: it may or may not have happened.
fn storage_error(operation: &str, error: &ProviderError) -> CallError {
    CallError {
        meaning: Meaning::Unknown,
        operation: Arc::from(operation),
        code: Arc::from("WorldNotStored"),
        message: Arc::from(error.to_string()),
        request_id: None,
        missing_action: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::id::{
        AccountId, AccountKey, Email, EntityKey, GroupName, OuPath, PermissionSetName, PrincipalKey,
        ServiceId, UserName,
    };
    use crate::model::account::Account;
    use crate::model::instance::CallerRole;
    use crate::model::permission_set::{Boundary, CustomerManagedPolicy, PermissionSet};
    use crate::model::principal::{Group, User};
    use crate::model::roles::Provisioning;
    use crate::model::text::Text;
    use crate::provider::TakenToExist;

    const A: &str = "111122223333";
    const B: &str = "222233334444";

    /// The ids of a reading, as apply has them.
    struct Known(Observed);

    impl Ids for Known {
        fn id(&self, key: &EntityKey) -> Option<ServiceId> {
            let snapshot = &self.0.snapshot;
            match key {
                EntityKey::OrganizationalUnit(path) => {
                    snapshot.organizational_units.get(path)?.value.id.clone()
                }
                EntityKey::User(name) => snapshot.users.get(name)?.value.id.clone(),
                EntityKey::Group(name) => snapshot.groups.get(name)?.value.id.clone(),
                EntityKey::PermissionSet(name) => snapshot.permission_sets.get(name)?.value.arn.clone(),
                EntityKey::Account(_) => None,
            }
        }

        fn account_id(&self, key: &AccountKey) -> Option<AccountId> {
            match key {
                AccountKey::Id(id) => Some(id.clone()),
                AccountKey::Email(_) => None,
            }
        }
    }

    fn name(text: &str) -> PermissionSetName {
        PermissionSetName::new(text).unwrap()
    }

    fn group(text: &str) -> GroupName {
        GroupName::new(text).unwrap()
    }

    fn user(text: &str) -> UserName {
        UserName::new(text).unwrap()
    }

    fn account(id: &str) -> Account {
        Account {
            key: AccountKey::Id(AccountId::new(id).unwrap()),
            name: Arc::from(format!("account-{id}")),
            email: None,
            ou: Some(OuPath::new("Workloads/Prod").unwrap()),
            tags: Some([(Arc::from("env"), Arc::from("prod"))].into()),
            status: Default::default(),
            management: false,
        }
    }

    fn stack() -> ReadRequest {
        ReadRequest {
            taken_to_exist: vec![
                TakenToExist::Account(account(A)),
                TakenToExist::Account(account(B)),
                TakenToExist::Group(group("auditors"), None),
                TakenToExist::User(user("ada.lovelace@example.com"), None),
                TakenToExist::PermissionSet(name("view")),
            ],
            ..ReadRequest::default()
        }
    }

    fn read(simulator: &Simulator) -> Observed {
        simulator.read(&stack()).unwrap()
    }

    /// Carries out effects one after the other, each to its end.
    fn run(simulator: &Simulator, effects: &[Effect]) -> Vec<Outcome> {
        let each = effects.iter().zip(1..).map(|(effect, n)| {
            let ids = Known(read(simulator));
            let call = Call {
                ticket: Ticket(n),
                effect: effect.clone(),
            };
            match simulator.start(&[call], &ids).remove(0) {
                Started::Done(outcome) => outcome,
                Started::Pending { request_id } => {
                    assert!(request_id.is_some());
                    simulator.poll(&[Ticket(n)], Duration::from_secs(600)).remove(0).1
                }
            }
        });
        each.collect()
    }

    fn grant(account: &str, set: &str) -> Effect {
        Effect::Grant {
            account: AccountKey::Id(AccountId::new(account).unwrap()),
            permission_set: name(set),
            principal: PrincipalKey::Group(group("auditors")),
        }
    }

    fn revoke(account: &str, set: &str) -> Effect {
        Effect::Revoke {
            account: AccountKey::Id(AccountId::new(account).unwrap()),
            permission_set: name(set),
            principal: PrincipalKey::Group(group("auditors")),
        }
    }

    fn rich_set() -> PermissionSet {
        let mut set = PermissionSet::new(name("admin"));
        set.description = Some(Text::from("Break-glass"));
        set.session_duration = "PT4H".parse().unwrap();
        set.relay_state = Some(Text::from("https://console.aws.amazon.com/billing"));
        set.managed_policies = [Arc::from("arn:aws:iam::aws:policy/AdministratorAccess")].into();
        set.customer_managed_policies = [CustomerManagedPolicy {
            name: Arc::from("audit"),
            path: Arc::from("/"),
        }]
        .into();
        set.inline_policy = Some(Text::from(r#"{"Version":"2012-10-17","Statement":{}}"#));
        set.permissions_boundary = Some(Boundary::Managed(Arc::from(
            "arn:aws:iam::aws:policy/PowerUserAccess",
        )));
        set.tags = [(Arc::from("owner"), Text::from("platform"))].into();
        set
    }

    fn memory() -> Simulator {
        Simulator::open(&Options::default()).unwrap()
    }

    #[test]
    fn what_a_stack_refers_to_is_taken_to_exist_and_read_back() {
        let simulator = memory();
        let observed = read(&simulator);
        let snapshot = &observed.snapshot;
        let seen = &snapshot.accounts[&AccountKey::Id(AccountId::new(A).unwrap())].value;
        assert_eq!(seen.ou.as_ref().unwrap().as_str(), "Workloads/Prod");
        assert_eq!(&*seen.tags.as_ref().unwrap()["env"], "prod");
        assert!(snapshot.groups[&group("auditors")].value.external_id.is_some());
        let ada = &snapshot.users[&user("ada.lovelace@example.com")].value;
        assert_eq!((&*ada.given_name, &*ada.family_name), ("Ada", "Lovelace"));
        assert!(snapshot.permission_sets.contains_key(&name("view")));
        assert!(snapshot.organizational_units.contains_key(&OuPath::root()));
        assert_eq!(
            snapshot
                .accounts
                .values()
                .filter(|account| account.value.management)
                .count(),
            1
        );
        assert_eq!(observed.caller.as_ref().unwrap().role, CallerRole::Management);
        assert_eq!(
            read(&simulator).snapshot,
            observed.snapshot,
            "a second reading changes nothing"
        );
        assert_eq!(
            read(&memory()).snapshot,
            observed.snapshot,
            "two fresh worlds are alike"
        );
    }

    #[test]
    fn a_strict_world_has_nothing_that_was_not_created() {
        let simulator = Simulator::open(&Options {
            strict: true,
            ..Options::default()
        })
        .unwrap();
        let observed = read(&simulator);
        assert!(observed.snapshot.groups.is_empty() && observed.snapshot.accounts.len() == 1);
    }

    #[test]
    fn a_permission_set_is_made_with_all_it_consists_of_and_updated_to_match() {
        let simulator = memory();
        let wanted = rich_set();
        let outcome = run(
            &simulator,
            &[Effect::CreatePermissionSet {
                permission_set: Box::new(wanted.clone()),
            }],
        );
        let seen = read(&simulator).snapshot.permission_sets[&name("admin")]
            .value
            .clone();
        assert_eq!(outcome[0].as_ref().unwrap().id, seen.arn);
        assert_eq!(
            PermissionSet {
                arn: None,
                ..seen.clone()
            },
            wanted
        );
        let bare = PermissionSet::new(name("admin"));
        let update = Effect::UpdatePermissionSet {
            from: Box::new(seen),
            to: Box::new(bare.clone()),
        };
        run(&simulator, &[update]).remove(0).unwrap();
        let seen = read(&simulator).snapshot.permission_sets[&name("admin")]
            .value
            .clone();
        assert_eq!(PermissionSet { arn: None, ..seen }, bare);
        let again = run(
            &simulator,
            &[Effect::CreatePermissionSet {
                permission_set: Box::new(bare),
            }],
        );
        assert_eq!(again[0].as_ref().unwrap_err().meaning, Meaning::AlreadyExists);
    }

    #[test]
    fn grants_appear_with_their_role_and_go_with_it() {
        let simulator = memory();
        let outcomes = run(&simulator, &[grant(A, "view"), grant(B, "view")]);
        let learned = outcomes[0].as_ref().unwrap().role.unwrap();
        let observed = read(&simulator);
        assert!(observed.snapshot.access.is_well_formed());
        assert_eq!(observed.snapshot.access.len(), 2);
        assert_eq!(observed.roles.len(), 2);
        assert_eq!(observed.roles[0].suffix, Some(learned));
        assert!(
            observed
                .roles
                .iter()
                .all(|role| role.provisioning == Provisioning::Latest)
        );
        let in_use = run(&simulator, &[Effect::DeletePermissionSet { name: name("view") }]);
        assert_eq!(in_use[0].as_ref().unwrap_err().meaning, Meaning::InUse);
        for outcome in run(&simulator, &[revoke(A, "view"), revoke(B, "view")]) {
            outcome.unwrap();
        }
        let gone = run(
            &simulator,
            &[
                revoke(A, "view"),
                Effect::DeletePermissionSet { name: name("view") },
            ],
        );
        assert_eq!(gone[0].as_ref().unwrap_err().meaning, Meaning::NotFound);
        gone[1].as_ref().unwrap();
        let observed = read(&simulator);
        assert!(
            !observed.snapshot.permission_sets.contains_key(&name("view")),
            "deleted stays deleted"
        );
        assert!(observed.snapshot.access.is_empty() && observed.roles.is_empty());
    }

    #[test]
    fn a_changed_set_is_stale_until_it_is_provisioned_in_each_account() {
        let simulator = memory();
        run(&simulator, &[grant(A, "view"), grant(B, "view")]);
        simulator
            .tamper(&"edit-set view session-duration PT8H".parse().unwrap())
            .unwrap()
            .unwrap();
        let stale = |simulator: &Simulator| {
            read(simulator)
                .roles
                .iter()
                .filter(|role| role.provisioning == Provisioning::Stale)
                .count()
        };
        assert_eq!(stale(&simulator), 2);
        let both: BTreeSet<_> = [A, B]
            .map(|id| AccountKey::Id(AccountId::new(id).unwrap()))
            .into();
        run(
            &simulator,
            &[Effect::Provision {
                name: name("view"),
                accounts: Some(both),
            }],
        )
        .remove(0)
        .unwrap();
        assert_eq!(stale(&simulator), 0);
        simulator
            .tamper(&format!("delete-role view {A}").parse().unwrap())
            .unwrap()
            .unwrap();
        let tampered = read(&simulator)
            .roles
            .iter()
            .filter(|r| r.provisioning == Provisioning::Tampered)
            .count();
        assert_eq!(tampered, 1);
        run(
            &simulator,
            &[Effect::Provision {
                name: name("view"),
                accounts: None,
            }],
        )
        .remove(0)
        .unwrap();
        assert!(
            read(&simulator)
                .roles
                .iter()
                .all(|role| role.provisioning == Provisioning::Latest)
        );
    }

    #[test]
    fn people_are_made_changed_and_removed() {
        let simulator = memory();
        let ada = User {
            user_name: user("ada"),
            id: None,
            given_name: "Ada".into(),
            family_name: "L".into(),
            display_name: "Ada L".into(),
            email: Some("ada@example.com".into()),
            external_id: None,
        };
        let renamed = User {
            user_name: user("ada2"),
            email: None,
            ..ada.clone()
        };
        let ops = Group {
            display_name: group("ops"),
            id: None,
            description: Some("d".into()),
            members: None,
            external_id: None,
        };
        let plain = Group {
            display_name: group("ops2"),
            description: None,
            ..ops.clone()
        };
        let member = |add| {
            let (group, user) = (group("ops2"), user("ada2"));
            if add {
                Effect::AddMember { group, user }
            } else {
                Effect::RemoveMember { group, user }
            }
        };
        let outcomes = run(
            &simulator,
            &[
                Effect::CreateUser { user: ada.clone() },
                Effect::UpdateUser {
                    from: ada,
                    to: renamed.clone(),
                },
                Effect::CreateGroup { group: ops.clone() },
                Effect::UpdateGroup { from: ops, to: plain },
                member(true),
            ],
        );
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let snapshot = read(&simulator).snapshot;
        assert!(snapshot.users[&user("ada2")].value.same_as(&renamed));
        let seen = &snapshot.groups[&group("ops2")].value;
        assert_eq!(
            (seen.description.as_ref(), seen.members.as_ref().unwrap().len()),
            (None, 1)
        );
        assert_eq!(
            run(&simulator, &[member(true)])[0].as_ref().unwrap_err().meaning,
            Meaning::AlreadyExists
        );
        let outcomes = run(
            &simulator,
            &[
                member(false),
                Effect::DeleteUser { user: user("ada2") },
                Effect::DeleteGroup { group: group("ops2") },
            ],
        );
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }

    #[test]
    fn accounts_are_created_in_their_unit_moved_and_tagged() {
        let simulator = memory();
        read(&simulator);
        let email = Email::new("new@example.com").unwrap();
        let new = Account {
            key: AccountKey::Email(email.clone()),
            email: Some(email),
            ..account(A)
        };
        let outcome = run(&simulator, &[Effect::CreateAccount { account: new.clone() }])
            .remove(0)
            .unwrap();
        let key = AccountKey::Id(AccountId::new(outcome.id.unwrap().as_str()).unwrap());
        let seen = read(&simulator).snapshot.accounts[&key].value.clone();
        assert_eq!((&seen.ou, &seen.tags), (&new.ou, &new.tags));
        let (from, to) = (new.ou.unwrap(), OuPath::new("Workloads/Dev").unwrap());
        let tags = |text: &str| [(Arc::from(text), Arc::from("x"))].into();
        let outcomes = run(
            &simulator,
            &[
                Effect::CreateOrganizationalUnit { path: to.clone() },
                Effect::MoveAccount {
                    account: key.clone(),
                    from,
                    to: to.clone(),
                },
                Effect::TagAccount {
                    account: key.clone(),
                    from: seen.tags.unwrap(),
                    to: tags("team"),
                },
                Effect::RenameOrganizationalUnit {
                    from: to,
                    to: OuPath::new("Workloads/Test").unwrap(),
                },
            ],
        );
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
        let seen = read(&simulator).snapshot.accounts[&key].value.clone();
        assert_eq!(
            (seen.ou.unwrap().as_str(), seen.tags.unwrap()),
            ("Workloads/Test", tags("team"))
        );
        let again = run(&simulator, &[Effect::CreateAccount { account: new_again() }]);
        assert_eq!(again[0].as_ref().unwrap_err().meaning, Meaning::AlreadyExists);
    }

    fn new_again() -> Account {
        let email = Email::new("new@example.com").unwrap();
        Account {
            key: AccountKey::Email(email.clone()),
            email: Some(email),
            ..account(A)
        }
    }

    #[test]
    fn a_deleted_principal_is_an_orphan_whose_grant_can_be_revoked() {
        let simulator = memory();
        run(&simulator, &[grant(A, "view")]);
        simulator
            .tamper(&"recreate-group auditors".parse().unwrap())
            .unwrap()
            .unwrap();
        let access = read(&simulator).snapshot.access;
        let (_, _, principal) = access.names.resolve(access.tuples[0]).unwrap();
        assert!(matches!(principal, PrincipalKey::OrphanGroup(_)));
        let revoke = Effect::Revoke {
            account: AccountKey::Id(AccountId::new(A).unwrap()),
            permission_set: name("view"),
            principal: principal.clone(),
        };
        run(&simulator, &[revoke]).remove(0).unwrap();
        assert!(read(&simulator).snapshot.access.is_empty());
    }

    #[test]
    fn failures_carry_the_services_words_their_meaning_and_the_request() {
        let simulator = memory();
        read(&simulator);
        let fail = |line: &str| simulator.tamper(&line.parse().unwrap()).unwrap().unwrap();
        fail("fail CreateAccountAssignment 1 An unexpected internal service exception was encountered");
        let error = run(&simulator, &[grant(A, "view")]).remove(0).unwrap_err();
        assert_eq!(error.meaning, Meaning::Retry);
        assert_eq!(
            &*error.message,
            "An unexpected internal service exception was encountered"
        );
        assert!(error.request_id.is_some());
        fail("fail CreateAccountAssignment 1 ThrottlingException: Rate exceeded");
        let error = run(&simulator, &[grant(A, "view")]).remove(0).unwrap_err();
        assert_eq!(
            (error.meaning, &*error.code),
            (Meaning::Retry, "ThrottlingException")
        );
        let poor = Caller {
            denied: ["sso:CreateAccountAssignment".to_owned()].into(),
            ..Caller::management()
        };
        simulator.with_world(|world| world.set_caller(poor)).unwrap();
        let error = run(&simulator, &[grant(A, "view")]).remove(0).unwrap_err();
        assert_eq!(
            (error.meaning, error.missing_action.as_deref()),
            (Meaning::Denied, Some("sso:CreateAccountAssignment"))
        );
    }

    #[test]
    fn another_region_has_no_instance_and_a_member_account_is_denied() {
        let elsewhere = Caller {
            region: Some("us-west-2".into()),
            ..Caller::management()
        };
        let simulator = Simulator::open(&Options {
            caller: elsewhere,
            ..Options::default()
        })
        .unwrap();
        let error = simulator.read(&stack()).unwrap_err();
        assert!(matches!(error, ProviderError::NoInstance { .. }));
        assert!(error.to_string().contains("eu-west-1"));
        let options = Options {
            caller: Caller::account(A),
            ..Options::default()
        };
        let simulator = Simulator::open(&options).unwrap();
        simulator
            .with_world(|world| world.ensure_account(A, "a", "a@example.com"))
            .unwrap()
            .unwrap();
        let error = simulator.read(&stack()).unwrap_err();
        assert!(matches!(
            error,
            ProviderError::Call(CallError {
                meaning: Meaning::Denied,
                ..
            })
        ));
    }

    #[test]
    fn a_batch_runs_in_parallel_at_the_services_rate_and_never_fails_for_it() {
        let simulator = memory();
        read(&simulator);
        let sets: Vec<String> = (0..15).map(|n| format!("s{n}")).collect();
        let create = |n: &String| Effect::CreatePermissionSet {
            permission_set: Box::new(PermissionSet::new(name(n))),
        };
        run(&simulator, &sets.iter().map(create).collect::<Vec<_>>());
        let begun = simulator.now();
        let ids = Known(read(&simulator));
        let calls: Vec<Call> = (0..30)
            .map(|n| Call {
                ticket: Ticket(n),
                effect: grant(if n % 2 == 0 { A } else { B }, &sets[n as usize / 2]),
            })
            .collect();
        let started = simulator.start(&calls[..15], &ids);
        assert!(started.iter().all(|s| matches!(s, Started::Pending { .. })));
        let mut pending: Vec<Ticket> = calls[..15].iter().map(|call| call.ticket).collect();
        let mut polls = 0;
        while !pending.is_empty() {
            for (ticket, outcome) in simulator.poll(&pending, Duration::from_secs(60)) {
                outcome.unwrap();
                pending.retain(|other| *other != ticket);
            }
            polls += 1;
        }
        assert!(polls > 1);
        // Eight role changes one after the other in the busier account, at 2 to 4 seconds each.
        let took = simulator.now().duration_since(begun).as_secs();
        assert!((16..=33).contains(&took), "{took} s");
        assert_eq!(read(&simulator).snapshot.access.len(), 15);
    }

    #[test]
    fn polling_waits_no_longer_than_told() {
        let simulator = memory();
        let ids = Known(read(&simulator));
        let begun = simulator.now();
        simulator.start(
            &[Call {
                ticket: Ticket(1),
                effect: grant(A, "view"),
            }],
            &ids,
        );
        assert!(simulator.poll(&[Ticket(1)], Duration::from_secs(1)).is_empty());
        assert_eq!(simulator.now().duration_since(begun).as_secs(), 1);
        assert_eq!(read(&simulator).in_progress.len(), 1);
        assert_eq!(simulator.poll(&[Ticket(1)], Duration::from_secs(60)).len(), 1);
        assert!(
            simulator.poll(&[Ticket(1)], Duration::from_secs(60)).is_empty(),
            "each outcome is told once"
        );
    }

    #[test]
    fn a_request_of_an_earlier_process_is_found_by_its_id_and_not_made_twice() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::at(directory.path());
        let simulator = Simulator::open(&options).unwrap();
        let ids = Known(read(&simulator));
        let effect = grant(A, "view");
        let started = simulator
            .start(
                &[Call {
                    ticket: Ticket(1),
                    effect: effect.clone(),
                }],
                &ids,
            )
            .remove(0);
        let Started::Pending {
            request_id: Some(request),
        } = started
        else {
            panic!("{started:?}")
        };
        drop(simulator);
        let simulator = Simulator::open(&options).unwrap();
        assert_eq!(simulator.request_outcome(&effect, &request), None);
        assert_eq!(read(&simulator).in_progress[0].what, effect);
        simulator.sleep(Duration::from_secs(10));
        let learned = simulator.request_outcome(&effect, &request).unwrap().unwrap();
        assert!(learned.role.is_some());
        assert_eq!(
            simulator.request_outcome(&effect, "00000000-0000-4000-8000-000000000000"),
            None
        );
        let count = simulator
            .with_world(|world| {
                world
                    .calls()
                    .count(world::call::Operation::CreateAccountAssignment)
            })
            .unwrap();
        assert_eq!((count.calls, count.errors), (1, 0));
    }

    #[test]
    fn a_world_on_disk_is_the_same_world_in_the_next_process() {
        let directory = tempfile::tempdir().unwrap();
        let options = Options::at(directory.path());
        let simulator = Simulator::open(&options).unwrap();
        run(&simulator, &[grant(A, "view")]);
        let before = read(&simulator);
        drop(simulator);
        let after = read(&Simulator::open(&options).unwrap());
        assert_eq!(
            (after.snapshot, after.roles, after.at),
            (before.snapshot, before.roles, before.at)
        );
    }
}
