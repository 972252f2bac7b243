//! From files to a stack, its state and a reading: the one way that every command takes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::{Arc, OnceLock};

use jiff::Timestamp;

use crate::apply::settle;
use crate::config::evaluate::{
    EvalOptions, Evaluation, Referred, StateSettings, UnknownVariable, VariableInput, evaluate, places,
};
use crate::config::module::compile;
use crate::config::program::Program;
use crate::diagnostic::{Code, Diagnostic, Diagnostics, Severity};
use crate::id::{AccountId, AccountKey, Email, PermissionSetName, PrincipalKey, ServiceId};
use crate::model::access::{Names, Pair};
use crate::model::freeze::withhold;
use crate::model::instance::Observed;
use crate::model::record::Recorded;
use crate::model::stack::{ConfigurationWarning, Desired};
use crate::model::text::Text;
use crate::provider::{Provider, ReadRequest, TakenToExist};
use crate::report::escape::escape;
use crate::report::wording::counted;
use crate::source::SourceMap;
use crate::state::StateStore;
use crate::state::local::LocalStore;

use super::args::VariableArgs;
use super::disk_files::DiskFiles;
use super::env::Env;
use super::error::Failure;
use super::variables::Given;
use super::{asked, policies};

/// A mistake of rolecall's own: a configuration that was put away is needed again.
const SPENT: Code = Code("internal-configuration-put-away");

/// A stack's configuration: compiled, with the values of its variables.
pub struct Stack {
    /// Until nothing more is to be evaluated.
    program: Option<Program>,
    /// Whether the configuration asks for the whole organization.
    organization: bool,
    sources: SourceMap,
    files: DiskFiles,
    variables: Vec<VariableInput>,
    working_directory: Arc<str>,
    directory_name: Arc<str>,
    /// What is wrong with the text alone.
    found: Diagnostics,
    /// The texts with those of the policies, once there are any, and what is wrong with these.
    with_policies: OnceLock<(SourceMap, Diagnostics)>,
    /// Whether its warnings were shown already.
    is_quiet: bool,
}

impl Stack {
    /// Reads and compiles the stack.
    ///
    /// # Errors
    /// When variable files cannot be read; what is wrong with the text shows up in [`Stack::evaluate`].
    pub fn load(env: &Env, args: &VariableArgs) -> Result<Self, Failure> {
        Self::load_given(env, &Given::read(env, args)?)
    }

    /// As [`Stack::load`], with values that were read already.
    ///
    /// # Errors
    /// As [`Stack::load`].
    pub fn load_given(env: &Env, given: &Given) -> Result<Self, Failure> {
        // Seen from inside, the directory has no name but `.`.
        if env.dir != Path::new(".") && env.dir.is_dir() && !env.has_configuration()? {
            let place = env.dir.display();
            return Err(Failure::new(format!("there is no `*.hcl` file in `{place}`"))
                .help("put at least one there; `rolecall init` writes a first one"));
        }
        let files = env.files();
        let (program, mut sources, mut found) = env.timed("reading the files", || compile(&files, "."));
        let variables = super::variables::collect(env, given, &mut sources, &mut found)?;
        env.detail(&format!(
            "read {} and {}",
            counted(sources.files().count() as u64, "file"),
            counted(variables.len() as u64, "value")
        ));
        if env.verbose > 1 {
            sources
                .files()
                .for_each(|(_, file)| env.say(&format!("  {}", file.name)));
        }
        Ok(Stack {
            organization: program.asks_for_organization(),
            program: Some(program),
            sources,
            files,
            variables,
            working_directory: env.working_directory(),
            directory_name: env.stack_name(),
            found,
            with_policies: OnceLock::new(),
            is_quiet: false,
        })
    }

    /// Evaluates it, look-ups included if the service was read. All findings, those of the text too, are in the
    /// result.
    pub fn evaluate(&self, now: Timestamp, observed: Option<&Observed>) -> Evaluation {
        let Some(program) = &self.program else {
            let mut nothing = Evaluation::default();
            nothing.diagnostics.push(Diagnostic::error(
                SPENT,
                "internal error: the configuration is evaluated after it was put away",
            ));
            return nothing;
        };
        let mut evaluation = evaluate(program, &self.options(now, observed), &self.files);
        let mut found = self.found.clone();
        found.extend(std::mem::take(&mut evaluation.diagnostics));
        if !evaluation.desired.policies.is_empty() {
            let (_, of_policies) = self.with_policies.get_or_init(|| {
                let (mut sources, mut found) = (self.sources.clone(), Diagnostics::default());
                policies::check(&evaluation.desired.policies, &mut sources, &mut found);
                (sources, found)
            });
            found.extend(of_policies.clone());
        }
        evaluation.desired.warnings = configuration_warnings(&found, self.sources());
        evaluation.diagnostics = found;
        evaluation
    }

    /// As [`Stack::evaluated`] without a reading, with the stack's store and what that records. With `reads`, a
    /// simulated service is opened as well. None of them waits for the others unless the configuration is wrong about
    /// where they are.
    ///
    /// # Errors
    /// As [`Stack::evaluated`]; when the state cannot be read.
    pub fn begun(&self, env: &Env, reads: bool) -> Result<Begun, Failure> {
        let now = env.now();
        let evaluate = || self.evaluated(env, now, None);
        let load = |settings: &StateSettings| -> Result<(LocalStore, Recorded), Failure> {
            let mut store = env.store(settings)?;
            let recorded = env.timed("reading the state", || store.load())?;
            Ok((store, recorded))
        };
        let options = self.options(now, None);
        let ahead = self.program.as_ref();
        let (offline, loaded, provider) = match ahead.and_then(|ahead| places(ahead, &options, &self.files)) {
            Some((state, service)) => {
                let open = || reads.then(|| env.simulated_already(&service)).flatten();
                // Threads of their own: none of them shares out work, and evaluating has one anyway.
                let (offline, loaded, provider) = std::thread::scope(|scope| {
                    let loaded = scope.spawn(|| load(&state));
                    let provider = scope.spawn(open);
                    let offline = evaluate();
                    (offline, ended(loaded), ended(provider))
                });
                let meant = offline.as_ref().is_ok_and(|offline| offline.provider == service);
                (offline?, loaded, provider.filter(|_| meant))
            }
            None => {
                let offline = evaluate()?;
                let loaded = load(&offline.state);
                (offline, loaded, None)
            }
        };
        let (store, recorded) = loaded?;
        Ok(Begun {
            offline,
            store,
            recorded,
            provider,
        })
    }

    /// As [`Stack::evaluate`], and errors end the command; warnings are shown once the service was read.
    ///
    /// # Errors
    /// [`Failure::Diagnostics`] with everything that is wrong.
    pub fn evaluated(
        &self,
        env: &Env,
        now: Timestamp,
        observed: Option<&Observed>,
    ) -> Result<Evaluation, Failure> {
        let mut evaluation = env.timed("evaluating", || self.evaluate(now, observed));
        if evaluation.diagnostics.has_errors() {
            let found = std::mem::take(&mut evaluation.diagnostics);
            return Err(Failure::Diagnostics(Box::new((found, self.sources().clone()))));
        }
        if observed.is_some() {
            self.warn(env, &evaluation);
        }
        Ok(evaluation)
    }

    /// What `offline`, an evaluation without a reading of the service, becomes with one. Most stacks ask for nothing
    /// that only the service knows, and are not evaluated again.
    pub(super) fn in_view_of(
        &self,
        env: &Env,
        mut offline: Evaluation,
        now: Timestamp,
        observed: &Observed,
    ) -> Result<Evaluation, Failure> {
        if offline.needs_reading {
            return self.evaluated(env, now, Some(observed));
        }
        offline.take_in(observed);
        self.warn(env, &offline);
        Ok(offline)
    }

    fn warn(&self, env: &Env, evaluation: &Evaluation) {
        let found = &evaluation.diagnostics;
        if !found.is_empty() && !self.is_quiet {
            let _ = crate::report::diagnostics::write_text(
                found,
                self.sources(),
                env.err.color(),
                &mut env.stderr(),
            );
        }
    }

    /// The same stack, whose files are named as they are found from the working directory, and not from the stack's.
    #[must_use]
    pub fn named_from_outside(mut self, directory: &Path) -> Self {
        if directory != Path::new(".") {
            self.sources = self.sources.within(&directory.display().to_string());
        }
        self
    }

    /// The same stack, whose warnings were shown already.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.is_quiet = true;
        self
    }

    /// The same stack, which takes values for variables that it does not have to be for another one.
    #[must_use]
    pub fn lenient(mut self) -> Self {
        for variable in &mut self.variables {
            variable.unknown = UnknownVariable::Ignore;
        }
        self
    }

    /// The compiled configuration, unless it was put away.
    pub fn program(&self) -> Option<&Program> {
        self.program.as_ref()
    }

    /// Puts the compiled configuration away, which takes much room, unless `offline` has to be evaluated again in view of
    /// the service.
    pub fn put_away(&mut self, offline: &Evaluation) {
        if !offline.needs_reading {
            let program = self.program.take();
            // Taking it apart takes a while.
            rayon::spawn(move || drop(program));
        }
    }

    /// The texts that findings point into.
    pub fn sources(&self) -> &SourceMap {
        self.with_policies
            .get()
            .map_or(&self.sources, |(sources, _)| sources)
    }

    /// The stack's files.
    pub fn files(&self) -> &DiskFiles {
        &self.files
    }

    /// What is wrong with the text alone.
    pub fn found(&self) -> &Diagnostics {
        &self.found
    }

    /// What evaluation depends on besides.
    pub fn options<'a>(&self, now: Timestamp, observed: Option<&'a Observed>) -> EvalOptions<'a> {
        EvalOptions {
            variables: self.variables.clone(),
            observed,
            now,
            cwd: self.working_directory.clone(),
        }
    }

    /// The stack's name.
    pub fn name(&self, evaluation: &Evaluation) -> Arc<str> {
        evaluation
            .name
            .clone()
            .unwrap_or_else(|| self.directory_name.clone())
    }
}

/// What a thread has made; its panic goes on here.
fn ended<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    thread
        .join()
        .unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// What a plan begins with.
pub struct Begun {
    /// The stack, evaluated without a reading of the service.
    pub offline: Evaluation,
    /// Its store.
    pub store: LocalStore,
    /// What that records.
    pub recorded: Recorded,
    /// The service, if it was opened meanwhile.
    pub provider: Option<Box<dyn Provider>>,
}

/// A reading of the service and what the stack declares in its light.
pub struct Reading {
    /// The provider that was asked.
    pub provider: Box<dyn Provider>,
    /// The stack's name.
    pub name: Arc<str>,
    /// What is declared.
    pub desired: Desired,
    /// What the service answered.
    pub observed: Observed,
}

/// Reads the service, and evaluates again with what it answered where that matters. `offline` is the stack evaluated
/// without a reading.
///
/// # Errors
/// When the configuration is wrong or the service cannot be read.
pub fn read(
    env: &Env,
    stack: &Stack,
    offline: Evaluation,
    recorded: &Recorded,
    refresh: bool,
) -> Result<Reading, Failure> {
    let provider = env.provider(&offline.provider)?;
    let look = if refresh { Look::Fresh } else { Look::LastSeen };
    read_with(env, stack, offline, provider, recorded, look)
}

/// As [`read`], and sees assignments of deleted users and groups even where that takes more calls.
///
/// # Errors
/// As [`read`].
pub fn read_closely(
    env: &Env,
    stack: &Stack,
    offline: Evaluation,
    recorded: &Recorded,
) -> Result<Reading, Failure> {
    let provider = env.provider(&offline.provider)?;
    read_with(env, stack, offline, provider, recorded, Look::Closely)
}

/// What a plan is made against.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// The last recorded reading.
    LastSeen,
    /// The service.
    Fresh,
    /// The service, and assignments of deleted users and groups even where that takes more calls.
    Closely,
}

/// As [`read`], with a provider of the caller's.
///
/// # Errors
/// As [`read`].
pub(super) fn read_with(
    env: &Env,
    stack: &Stack,
    offline: Evaluation,
    provider: Box<dyn Provider>,
    recorded: &Recorded,
    look: Look,
) -> Result<Reading, Failure> {
    let refresh = look != Look::LastSeen;
    let observed = if refresh {
        let mut request = ReadRequest {
            taken_to_exist: offline
                .references
                .iter()
                .map(|referred| taken_to_exist(referred, &offline.desired))
                .collect(),
            orphaned_grants: look == Look::Closely,
            account_tags: stack.organization,
            tagged_addresses: tagged_addresses(&offline.desired),
            granted: match provider.may_list_in_part() {
                true => granted(recorded),
                false => BTreeSet::new(),
            },
            granted_to: match provider.may_miss_orphans() {
                true => granted_to(recorded),
                false => BTreeMap::new(),
            },
            set_tags: match provider.may_list_in_part() {
                true => set_tags(recorded),
                false => BTreeMap::new(),
            },
            ..ReadRequest::default()
        };
        let declared = offline.desired.snapshot.accounts.values();
        declared.for_each(|account| request.creates(&account.value));
        env.timed("reading the service", || match &recorded.unfinished {
            Some(unfinished) => settle(unfinished, provider.as_ref(), &request),
            None => provider.read(&request),
        })
        .map_err(|error| {
            let known = (&offline.desired.snapshot, recorded);
            asked::failure(error, provider.as_ref(), known, offline.provider_at.as_ref())
        })?
    } else {
        last_seen(recorded)?
    };
    tell_notices(env, provider.as_ref());
    tell_reading(env, provider.as_ref(), &observed, refresh);
    let mut evaluation = stack.in_view_of(env, offline, provider.now(), &observed)?;
    withhold(&mut evaluation.desired, recorded, &observed.snapshot);
    Ok(Reading {
        name: stack.name(&evaluation),
        desired: evaluation.desired,
        provider,
        observed,
    })
}

/// Where the state has assignments.
fn granted(recorded: &Recorded) -> BTreeSet<(AccountId, PermissionSetName)> {
    let by_id = ById::new(recorded);
    let pairs = recorded.applied.access.pairs().into_iter();
    pairs.filter_map(|pair| by_id.pair(pair)).collect()
}

/// The tags that the state last gave permission sets. Those that it does not know are taken to have none: what is declared
/// is sent once, and not never.
fn set_tags(recorded: &Recorded) -> BTreeMap<PermissionSetName, BTreeMap<Arc<str>, Text>> {
    let known = recorded.applied.permission_sets.iter();
    known
        .map(|(name, set)| (name.clone(), set.value.tags.clone()))
        .filter(|(_, tags)| tags.values().all(|value| value.as_known().is_some()))
        .collect()
}

/// Where the state has assignments of whom, by the ids that users and groups had.
fn granted_to(recorded: &Recorded) -> BTreeMap<ServiceId, BTreeSet<(AccountId, PermissionSetName)>> {
    let snapshot = &recorded.applied;
    let id = |principal: &PrincipalKey| match principal {
        PrincipalKey::Group(name) => snapshot.groups.get(name)?.value.id.clone(),
        PrincipalKey::User(name) => snapshot.users.get(name)?.value.id.clone(),
        PrincipalKey::OrphanGroup(id) | PrincipalKey::OrphanUser(id) => Some(id.clone()),
    };
    let access = &snapshot.access;
    let ids: Vec<Option<ServiceId>> = access.names.principals.iter().map(id).collect();
    let by_id = ById::new(recorded);
    let mut granted: BTreeMap<ServiceId, BTreeSet<(AccountId, PermissionSetName)>> = BTreeMap::new();
    for tuple in &access.tuples {
        let Some(Some(id)) = ids.get(tuple.principal() as usize) else {
            continue;
        };
        if let Some(pair) = by_id.pair(tuple.pair()) {
            granted.entry(id.clone()).or_default().insert(pair);
        }
    }
    granted
}

/// The accounts of the state's assignments by their ids: one that was created is recorded by its address, and was seen
/// since.
struct ById<'a> {
    names: &'a Names,
    /// By rank.
    accounts: Vec<Option<&'a AccountId>>,
}

impl<'a> ById<'a> {
    fn new(recorded: &'a Recorded) -> Self {
        let names = &recorded.applied.access.names;
        let seen = recorded
            .seen
            .iter()
            .flat_map(|seen| seen.snapshot.accounts.values());
        let mut ids: BTreeMap<&Email, Option<&AccountId>> = BTreeMap::new();
        for account in seen {
            if let Some(email) = &account.value.email {
                ids.entry(email).or_insert(account.value.id());
            }
        }
        let id = |key: &'a AccountKey| match key {
            AccountKey::Id(id) => Some(id),
            AccountKey::Email(email) => ids.get(email).copied().flatten(),
        };
        ById {
            accounts: names.accounts.iter().map(id).collect(),
            names,
        }
    }

    /// A set in an account.
    fn pair(&self, pair: Pair) -> Option<(AccountId, PermissionSetName)> {
        let account = (*self.accounts.get(pair.account() as usize)?)?;
        Some((
            account.clone(),
            self.names.permission_set(pair.permission_set())?.clone(),
        ))
    }
}

/// Passes on what people should know about how the service was read.
pub fn tell_notices(env: &Env, provider: &dyn Provider) {
    for notice in provider.take_notices() {
        // The service's own words may be in it.
        env.say(&format!("note: {}", escape(&notice)));
    }
}

/// With `-v`, what was read of the service; with `-vv`, by which calls.
fn tell_reading(env: &Env, provider: &dyn Provider, observed: &Observed, refresh: bool) {
    if env.verbose == 0 {
        return;
    }
    let source = if refresh {
        format!("read from provider {}", provider.name())
    } else {
        format!("as last seen at {}", observed.at)
    };
    let snapshot = &observed.snapshot;
    let parts = [
        (snapshot.accounts.len(), "account"),
        (snapshot.users.len(), "user"),
        (snapshot.groups.len(), "group"),
        (snapshot.permission_sets.len(), "permission set"),
        (snapshot.access.tuples.len(), "assignment"),
    ];
    let parts = parts.map(|(count, what)| counted(count as u64, what));
    let calls: u64 = observed.calls.values().sum();
    let calls = counted(calls, "API call");
    env.detail(&format!("{source}: {}; {calls}", parts.join(", ")));
    if env.verbose > 1 {
        for (operation, count) in &observed.calls {
            env.say(&format!("  {operation} {count}"));
        }
    }
}

/// The last recorded reading in the place of a fresh one.
fn last_seen(recorded: &Recorded) -> Result<Observed, Failure> {
    let (Some(seen), Some(instance)) = (&recorded.seen, &recorded.instance) else {
        return Err(Failure::new("the state holds no reading of the service yet")
            .help("leave out --refresh=false, or run `rolecall apply` once"));
    };
    // What could not be read then is held now as well.
    if let Some(observed) = seen.observed() {
        return Ok(observed);
    }
    Ok(Observed {
        at: seen.at,
        instance: instance.clone(),
        caller: None,
        quotas: Default::default(),
        snapshot: seen.snapshot.clone(),
        roles: seen.roles.clone(),
        held: Vec::new(),
        in_accounts: Vec::new(),
        in_progress: Vec::new(),
        calls: Default::default(),
    })
}

/// The accounts that are known by their e-mail addresses and whose blocks say tags.
fn tagged_addresses(desired: &Desired) -> BTreeSet<Email> {
    let accounts = desired.snapshot.accounts.values();
    let tagged = accounts.filter(|account| account.value.tags.is_some());
    tagged
        .filter_map(|account| match &account.value.key {
            AccountKey::Email(email) => Some(email.clone()),
            AccountKey::Id(_) => None,
        })
        .collect()
}

fn taken_to_exist(referred: &Referred, desired: &Desired) -> TakenToExist {
    let pinned = |key: PrincipalKey| {
        let mut pinned = desired.pinned.iter();
        pinned.find(|(of, _)| *of == key).map(|(_, id)| id.clone())
    };
    match referred {
        Referred::Account(account) => TakenToExist::Account(account.clone()),
        Referred::OrganizationalUnit(path) => TakenToExist::OrganizationalUnit(path.clone()),
        Referred::User(name) => TakenToExist::User(name.clone(), pinned(PrincipalKey::User(name.clone()))),
        Referred::Group(name) => TakenToExist::Group(name.clone(), pinned(PrincipalKey::Group(name.clone()))),
        Referred::PermissionSet(name) => TakenToExist::PermissionSet(name.clone()),
    }
}

/// The warnings among what was found, for those who see nothing but the plan.
fn configuration_warnings(found: &Diagnostics, sources: &SourceMap) -> Vec<ConfigurationWarning> {
    let sorted = found.sorted();
    let warnings = sorted
        .into_iter()
        .filter(|(item, _)| item.severity == Severity::Warning);
    let warning = |item: &Diagnostic| ConfigurationWarning {
        code: item.code.0.into(),
        message: Arc::clone(&item.message),
        cause: item.cause.clone(),
        remedy: item.remedy.clone(),
        location: item
            .primary
            .as_ref()
            .and_then(|label| sources.location(label.span)),
    };
    warnings.map(|(item, _)| warning(item)).collect()
}
