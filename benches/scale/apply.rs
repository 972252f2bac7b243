//! Applying: what a run writes, how long it takes, and how long writing the same takes alone.
//!
//! [`run`] applies a stack's first plan in this process, on a durable simulated world without latency and quotas, and
//! notes what reached the disk in which batches. [`replay`] writes as many bytes in the same batches, made durable as
//! often, and puts the same rows into a database: what an apply cannot do without.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use jiff::Timestamp;
use rolecall::apply::event::{Event, EventSink};
use rolecall::apply::{RunOptions, apply};
use rolecall::cli::args::{Global, VariableArgs};
use rolecall::cli::env::Env;
use rolecall::cli::pipeline::Stack;
use rolecall::cli::planning::{Planned, plan_with};
use rolecall::model::action::Effect;
use rolecall::model::instance::Observed;
use rolecall::model::record::Recorded;
use rolecall::plan::input::Options;
use rolecall::provider::simulator::world::request::RequestKind;
use rolecall::provider::simulator::{self, Simulator};
use rolecall::provider::{Call, Ids, Outcome, Provider, ProviderError, ReadRequest, Started, Ticket};
use rolecall::state::checkpoint::Checkpoint as _;
use rolecall::state::entry::{Author, RunEnd};
use rolecall::state::local::LocalStore;
use rolecall::state::sled::SledCheckpoint;
use rolecall::state::{Entry, LockInfo, LockRequest, StateError, StateStore};

/// What was written at once, and made durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Wrote {
    Journal(u64),
    World(u64),
    /// Calls that changed nothing, and so need not outlive a crash.
    Calls(u64),
    /// A file that replaces another: a snapshot of the world, an export of the state.
    File(u64),
    /// The checkpoint's rows.
    Checkpoint,
}

type Trace = Arc<Mutex<Vec<Wrote>>>;

fn note(trace: &Trace, wrote: Wrote) {
    if let Ok(mut trace) = trace.lock() {
        trace.push(wrote);
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |file| file.len())
}

/// How far a run got, in numbers.
#[derive(Debug, Clone, Copy, Default)]
pub struct Applied {
    /// Seconds it took, planning aside.
    pub seconds: f64,
    /// Steps done.
    pub steps: u64,
    /// Seconds that passed on the world's clock.
    pub simulated: f64,
    /// The seconds that the service asks for at least: calls at its rate, requests in its slots, or the longest chain
    /// of requests in one account.
    pub asked: f64,
}

/// How the world behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Service {
    /// It answers at once and takes any number of calls.
    Unlimited,
    /// Its quotas hold and its requests take their time, by the world's own clock.
    Real,
}

/// Applies a stack that has no state yet. Leaves the state behind, and beside it a `trace` of what was written.
pub fn run(stack: &Path, service: Service) -> Result<Applied, Box<dyn Error>> {
    let env = Env::new(&Global {
        chdir: stack.to_owned(),
        no_color: true,
        verbose: 0,
    });
    let own = env.own_directory();
    let _ = fs::remove_dir_all(&own);
    env.create_own_directory()?;
    let simulator_options = simulator::Options {
        quotas: service == Service::Real,
        latency: service == Service::Real,
        ..simulator::Options::at(&own.join("world"))
    };
    let mut store = LocalStore::new(&own);
    store.lock(&env.lock_request("bench", Duration::ZERO))?;
    let planned = first_plan(&env, Simulator::open(&simulator_options)?, store.load()?)?;
    let trace = Trace::default();
    let provider = Traced {
        inner: planned.provider.as_ref(),
        world: own.join("world"),
        trace: Arc::clone(&trace),
    };
    let mut traced = TracedStore {
        inner: &mut store,
        journal: own.join("journal"),
        exports: own.join("exports"),
        trace: Arc::clone(&trace),
    };
    let options = RunOptions {
        run: "bench".into(),
        by: Author {
            at: provider.now(),
            actor: "bench".into(),
        },
        command: "apply".into(),
        reason: None,
        revision: None,
        new_lineage: "bench".into(),
    };
    let before = account(&simulator_options)?;
    let started = Instant::now();
    let result = apply(
        &planned.plan,
        &planned.input,
        &provider,
        &mut traced,
        &mut Silent,
        &|| false,
        &options,
    )?;
    let seconds = started.elapsed().as_secs_f64();
    if result.end != RunEnd::Complete {
        return Err(format!("the run ended as {:?}", result.end).into());
    }
    let after = account(&simulator_options)?;
    save(&stack.join("trace"), &trace, &own)?;
    Ok(Applied {
        seconds,
        steps: result.counts.done,
        simulated: after.now - before.now,
        asked: after.asked_since(&before),
    })
}

/// What a world says about its own work.
struct Account {
    now: f64,
    calls: f64,
    rate: f64,
    /// Seconds of requests, in all and in the busiest account.
    latency: f64,
    chain: f64,
}

/// How many assignments the service works on at once (IAM Identity Center quotas page).
const ASSIGNMENT_SLOTS: f64 = 15.0;

impl Account {
    fn asked_since(&self, before: &Account) -> f64 {
        let calls = (self.calls - before.calls) / self.rate;
        let slots = (self.latency - before.latency) / ASSIGNMENT_SLOTS;
        calls.max(slots).max(self.chain)
    }
}

fn account(options: &simulator::Options) -> Result<Account, Box<dyn Error>> {
    let account = Simulator::open(options)?.with_world(|world| {
        let mut by_account: BTreeMap<String, f64> = BTreeMap::new();
        for request in world.requests().from(0) {
            if let RequestKind::Assign { account, .. } = request.kind {
                let took = request.due.since(request.created).as_secs_f64();
                *by_account.entry(format!("{account:?}")).or_default() += took;
            }
        }
        let now = world.now().timestamp();
        Account {
            now: now.as_millisecond() as f64 / 1e3,
            calls: world.calls().total() as f64,
            rate: f64::from(world.settings().quotas.requests_per_second),
            latency: by_account.values().sum(),
            chain: by_account.values().copied().fold(0.0, f64::max),
        }
    })?;
    Ok(account)
}

fn first_plan(env: &Env, simulator: Simulator, recorded: Recorded) -> Result<Planned, Box<dyn Error>> {
    let loaded = Stack::load(env, &VariableArgs::default()).map_err(|failure| failure.to_string())?;
    let offline = loaded
        .evaluated(env, env.now(), None)
        .map_err(|failure| failure.to_string())?;
    let planned = plan_with(
        env,
        &loaded,
        offline,
        Box::new(simulator),
        recorded,
        Options::default(),
    );
    Ok(planned.map_err(|failure| failure.to_string())?)
}

struct Silent;

impl EventSink for Silent {
    fn event(&mut self, _: &Event) {}

    fn wants_steps(&self) -> bool {
        false
    }
}

/// A provider whose writes are noted.
struct Traced<'a> {
    inner: &'a dyn Provider,
    world: PathBuf,
    trace: Trace,
}

impl Traced<'_> {
    fn watching<T>(&self, wrote: fn(u64) -> Wrote, body: impl FnOnce(&dyn Provider) -> T) -> T {
        let (log, snapshot) = (self.world.join("world.log"), self.world.join("world.snapshot"));
        let (before, stamp) = (length(&log), modified(&snapshot));
        let answer = body(self.inner);
        if modified(&snapshot) != stamp {
            note(&self.trace, Wrote::File(length(&snapshot)));
        } else if length(&log) > before {
            note(&self.trace, wrote(length(&log) - before));
        }
        answer
    }
}

fn modified(path: &Path) -> Option<std::time::SystemTime> {
    fs::metadata(path).ok()?.modified().ok()
}

impl Provider for Traced<'_> {
    fn name(&self) -> &str {
        self.inner.name()
    }

    fn now(&self) -> Timestamp {
        self.inner.now()
    }

    fn read(&self, request: &ReadRequest) -> Result<Observed, ProviderError> {
        self.watching(Wrote::Calls, |inner| inner.read(request))
    }

    fn start(&self, calls: &[Call], ids: &dyn Ids) -> Vec<Started> {
        self.watching(Wrote::World, |inner| inner.start(calls, ids))
    }

    fn poll(&self, pending: &[Ticket], wait: Duration) -> Vec<(Ticket, Outcome)> {
        self.watching(Wrote::World, |inner| inner.poll(pending, wait))
    }

    fn request_outcome(&self, effect: &Effect, request_id: &str) -> Option<Outcome> {
        self.inner.request_outcome(effect, request_id)
    }

    fn sleep(&self, duration: Duration) {
        self.watching(Wrote::Calls, |inner| inner.sleep(duration));
    }
}

/// A store whose writes are noted.
struct TracedStore<'a> {
    inner: &'a mut LocalStore,
    journal: PathBuf,
    exports: PathBuf,
    trace: Trace,
}

impl StateStore for TracedStore<'_> {
    fn load(&mut self) -> Result<Recorded, StateError> {
        self.inner.load()
    }

    fn lock(&mut self, request: &LockRequest) -> Result<(), StateError> {
        self.inner.lock(request)
    }

    fn force_unlock(&mut self, id: &str) -> Result<LockInfo, StateError> {
        self.inner.force_unlock(id)
    }

    fn append(&mut self, entries: &[Entry]) -> Result<(), StateError> {
        self.inner.append(entries)
    }

    fn sync(&mut self) -> Result<(), StateError> {
        let before = length(&self.journal);
        self.inner.sync()?;
        let after = length(&self.journal);
        if after > before {
            note(&self.trace, Wrote::Journal(after - before));
        }
        Ok(())
    }

    fn checkpoint(&mut self, recorded: &Recorded) -> Result<(), StateError> {
        let before = length(&self.journal);
        self.inner.checkpoint(recorded)?;
        let after = length(&self.journal);
        if after > before {
            note(&self.trace, Wrote::Journal(after - before));
        }
        note(&self.trace, Wrote::Checkpoint);
        let newest = fs::read_dir(&self.exports).into_iter().flatten().flatten();
        if let Some(export) = newest.max_by_key(fs::DirEntry::file_name) {
            note(&self.trace, Wrote::File(length(&export.path())));
        }
        Ok(())
    }

    fn history(&mut self) -> Result<Vec<Entry>, StateError> {
        self.inner.history()
    }
}

fn save(path: &Path, trace: &Trace, own: &Path) -> Result<(), Box<dyn Error>> {
    let mut out = String::new();
    let trace = trace.lock().map_err(|_| "the trace is gone")?;
    for wrote in trace.iter() {
        let line = match wrote {
            Wrote::Journal(bytes) => format!("journal {bytes}"),
            Wrote::World(bytes) => format!("world {bytes}"),
            Wrote::Calls(bytes) => format!("calls {bytes}"),
            Wrote::File(bytes) => format!("file {bytes}"),
            Wrote::Checkpoint => {
                let rows = SledCheckpoint::open(&own.join("checkpoint"))?.read_all()?;
                let rows = rows.ok_or("there is no checkpoint")?.1;
                rows.into_values()
                    .map(|row| format!("row {}\n", row.len()))
                    .chain(["checkpoint 0".to_owned()])
                    .collect()
            }
        };
        out.push_str(&line);
        out.push('\n');
    }
    Ok(fs::write(path, out)?)
}

/// Writes what a trace says into a directory, and returns the seconds it took.
pub fn replay(trace: &Path, directory: &Path) -> Result<f64, Box<dyn Error>> {
    let _ = fs::remove_dir_all(directory);
    fs::create_dir_all(directory)?;
    let text = fs::read_to_string(trace)?;
    let mut lines = Vec::new();
    for line in text.lines() {
        let (kind, bytes) = line.split_once(' ').ok_or("a line of the trace is broken")?;
        lines.push((kind, bytes.parse::<usize>()?));
    }
    let longest = lines.iter().map(|(_, bytes)| *bytes).max().unwrap_or(0);
    // Not all zeros, which some file systems would leave out.
    let bytes: Vec<u8> = (0..longest)
        .map(|at| (at.wrapping_mul(31) >> 3) as u8 | 1)
        .collect();
    let open = |name: &str| {
        let path = directory.join(name);
        OpenOptions::new().create(true).append(true).open(path)
    };
    let (mut journal, mut world) = (open("journal")?, open("world")?);
    let rows: Rc<RefCell<Vec<usize>>> = Rc::default();
    let started = Instant::now();
    for (kind, count) in lines {
        let bytes = bytes.get(..count).unwrap_or_default();
        match kind {
            "journal" => append(&mut journal, bytes)?,
            "world" => append(&mut world, bytes)?,
            "calls" => world.write_all(bytes)?,
            "file" => replace(&directory.join("file"), bytes)?,
            "row" => rows.borrow_mut().push(count),
            _ => checkpoint(
                &directory.join("checkpoint"),
                &rows.take(),
                bytes.len().max(longest),
            )?,
        }
    }
    Ok(started.elapsed().as_secs_f64())
}

fn append(file: &mut File, bytes: &[u8]) -> std::io::Result<()> {
    file.write_all(bytes)?;
    file.sync_data()
}

fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    let new = path.with_extension("new");
    let mut file = File::create(&new)?;
    file.write_all(bytes)?;
    file.sync_all()?;
    fs::rename(&new, path)?;
    File::open(path.parent().unwrap_or(Path::new(".")))?.sync_all()
}

fn checkpoint(path: &Path, rows: &[usize], _longest: usize) -> Result<(), Box<dyn Error>> {
    let database = sled::Config::new().path(path).flush_every_ms(None).open()?;
    let mut batch = sled::Batch::default();
    for (number, length) in rows.iter().enumerate() {
        for (piece, start) in (0..(*length).max(1)).step_by(60 * 1024).enumerate() {
            let bytes = vec![7_u8; (*length - start).min(60 * 1024)];
            batch.insert(format!("{number:08}/{piece:04}").into_bytes(), bytes);
        }
    }
    database.apply_batch(batch)?;
    database.flush()?;
    File::open(path.join("db"))?.sync_all()?;
    Ok(())
}
