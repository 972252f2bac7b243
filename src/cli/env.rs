//! The only door outside: files, environment, streams, clock, signals, and the concrete store and provider.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, BufRead, BufWriter, IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use jiff::Timestamp;

use crate::config::evaluate::{ProviderSettings, StateSettings};
use crate::provider::Provider;
use crate::provider::fault::{Faults, Faulty};
use crate::provider::simulator::{Options, Simulator};
use crate::report::escape::escape_lines;
use crate::report::style::{Meaning, Styles};
use crate::state::fault::Watched;
use crate::state::local::LocalStore;
use crate::state::{LockInfo, LockRequest, StateStore};

use super::args::Global;
use super::disk_files::DiskFiles;
use super::error::Failure;
use super::place::{self, Allowed};

/// What a stack's own directory is called: state, journal, simulated world.
pub const OWN_DIRECTORY: &str = ".rolecall";
/// Variables of the environment that begin so are the stack's variables.
const VARIABLE_PREFIX: &str = "ROLECALL_VAR_";

/// The process's surroundings, as far as commands may see them.
#[derive(Clone)]
pub struct Env {
    /// The stack's directory.
    pub dir: PathBuf,
    /// The look of standard output.
    pub out: Styles,
    /// The look of standard error.
    pub err: Styles,
    /// How much to say.
    pub verbose: u8,
    /// Whether a person can answer a question.
    pub can_ask: bool,
    /// Whether progress may be drawn on standard error.
    pub can_draw: bool,
    /// Whether anything went to standard output.
    pub printed: Arc<AtomicBool>,
    /// Below which directories configurations may read; `None`: anywhere.
    pub within: Option<Arc<[Allowed]>>,
}

impl Env {
    /// The real surroundings. Decides once whether there is colour.
    pub fn new(global: &Global) -> Self {
        let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
        let wanted = !global.no_color
            && !set("NO_COLOR")
            && std::env::var_os("TERM").is_none_or(|term| term != "dumb");
        let (out, err) = (io::stdout().is_terminal(), io::stderr().is_terminal());
        colored::control::set_override(wanted && (out || err));
        Env {
            dir: global.chdir.clone(),
            out: Styles::new(wanted && out),
            err: Styles::new(wanted && err),
            verbose: global.verbose,
            can_ask: io::stdin().is_terminal(),
            can_draw: err && !set("CI"),
            printed: Arc::default(),
            within: None,
        }
    }

    /// Standard output, buffered; flush it by dropping after the last write has been checked.
    pub fn stdout(&self) -> BufWriter<io::StdoutLock<'static>> {
        BufWriter::with_capacity(64 * 1024, io::stdout().lock())
    }

    /// Standard error.
    pub fn stderr(&self) -> io::StderrLock<'static> {
        io::stderr().lock()
    }

    /// Writes to standard output and flushes it.
    ///
    /// # Errors
    /// When it is closed or full.
    pub fn print(&self, write: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> Result<(), Failure> {
        self.printed.store(true, Ordering::Relaxed);
        let mut out = self.stdout();
        write(&mut out)?;
        out.flush()?;
        Ok(())
    }

    /// Whether [`Env::print`] was used.
    pub fn has_printed(&self) -> bool {
        self.printed.load(Ordering::Relaxed)
    }

    /// Says something on standard error. That nobody reads it is no reason to fail.
    pub fn say(&self, text: &str) {
        let _ = writeln!(self.stderr(), "{text}");
    }

    /// Says something that only `-v` asks for.
    pub fn detail(&self, text: &str) {
        if self.verbose > 0 {
            self.say(text);
        }
    }

    /// Does something, and says how long it took if `-vvv` asks for it.
    pub fn timed<T>(&self, what: &str, body: impl FnOnce() -> T) -> T {
        let started = Instant::now();
        let result = body();
        if self.verbose > 1 {
            self.say(&format!(
                "{what}: {:.0} ms",
                started.elapsed().as_secs_f64() * 1e3
            ));
        }
        result
    }

    /// Says what is wrong and what helps.
    pub fn complain(&self, failure: &Failure) {
        let error = self.err.paint(Meaning::Error, "error");
        self.say(&format!("{error}: {}", escape_lines(&failure.to_string())));
        if let Failure::Unsound { violations, .. } = failure {
            violations
                .iter()
                .take(20)
                .for_each(|violation| self.say(&format!("  {violation}")));
        }
        if let Some(advice) = self.advice(failure) {
            self.say(&format!("help: {}", escape_lines(&advice)));
        }
    }

    /// Asks on standard error and reads one line; `None` at the end of input.
    pub fn ask(&self, question: &str) -> Option<String> {
        let mut err = self.stderr();
        let _ = write!(err, "{question}");
        let _ = err.flush();
        let mut line = String::new();
        match io::stdin().lock().read_line(&mut line) {
            Ok(count) if count > 0 => Some(line.trim().to_owned()),
            _ => None,
        }
    }

    /// The lines of standard input.
    pub fn input(&self) -> impl Iterator<Item = io::Result<String>> {
        io::stdin().lock().lines()
    }

    /// The stack's name unless the configuration gives one: its directory's last component.
    pub fn stack_name(&self) -> Arc<str> {
        let full = fs::canonicalize(&self.dir).unwrap_or_else(|_| self.dir.clone());
        let name = full.file_name().map(|name| name.to_string_lossy().into_owned());
        name.unwrap_or_else(|| "stack".to_owned()).into()
    }

    /// A path given on the command line: relative to where rolecall was started.
    pub fn read(&self, path: &Path) -> Result<Vec<u8>, Failure> {
        fs::read(path).map_err(|error| Failure::read(path, error))
    }

    /// As [`Env::read`], for text.
    ///
    /// # Errors
    /// Also when the file is not valid UTF-8.
    pub fn read_text(&self, path: &Path) -> Result<String, Failure> {
        fs::read_to_string(path).map_err(|error| Failure::read(path, error))
    }

    /// Writes a file that only its owner may read, replacing it whole or not at all.
    ///
    /// # Errors
    /// When the directory cannot be written to.
    pub fn write_private(
        &self,
        path: &Path,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()>,
    ) -> Result<(), Failure> {
        let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
        let finish = || -> io::Result<()> {
            let directory = parent.unwrap_or(Path::new("."));
            // That of the temporary file is nobody's name: what is wrong with the directory is said of the directory.
            fs::metadata(directory)?;
            // The temporary file has mode 0600 from the start, and renaming keeps it.
            let file = tempfile::NamedTempFile::new_in(directory);
            let file = file.map_err(|error| io::Error::from(error.kind()))?;
            let mut out = BufWriter::new(file);
            write(&mut out)?;
            let file = out.into_inner().map_err(io::IntoInnerError::into_error)?;
            file.as_file().sync_all()?;
            file.persist(path).map_err(|error| error.error)?;
            Ok(())
        };
        finish().map_err(|error| Failure::write(path, error))
    }

    /// Creates a file that is not there yet, and the directories above it.
    ///
    /// # Errors
    /// When it exists, or cannot be written.
    pub fn create_new(&self, path: &Path, text: &str) -> Result<(), Failure> {
        let create = || -> io::Result<()> {
            if let Some(parent) = path.parent() {
                fs::create_dir_all(parent)?;
            }
            let mut file = fs::OpenOptions::new().write(true).create_new(true).open(path)?;
            file.write_all(text.as_bytes())
        };
        create().map_err(|error| Failure::write(path, error))
    }

    /// Replaces the text of a file that is there, whole or not at all; who may read it stays as it is.
    ///
    /// # Errors
    /// When its directory cannot be written to.
    pub fn replace_text(&self, path: &Path, text: &str) -> Result<(), Failure> {
        let replace = || -> io::Result<()> {
            // The file itself, not a link to it.
            let path = fs::canonicalize(path)?;
            let parent = path.parent().unwrap_or(Path::new("."));
            let mut file = tempfile::NamedTempFile::new_in(parent)?;
            file.write_all(text.as_bytes())?;
            file.as_file().sync_all()?;
            file.as_file()
                .set_permissions(fs::metadata(&path)?.permissions())?;
            file.persist(&path).map_err(|error| error.error)?;
            Ok(())
        };
        replace().map_err(|error| Failure::write(path, error))
    }

    /// Whether a path is a directory.
    pub fn is_directory(&self, path: &Path) -> bool {
        path.is_dir()
    }

    /// The files in a directory and below, without those in hidden directories; links to directories are not
    /// followed.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn files_below(&self, directory: &Path) -> Result<Vec<PathBuf>, Failure> {
        let mut found = Vec::new();
        let mut open = vec![directory.to_owned()];
        while let Some(next) = open.pop() {
            for entry in fs::read_dir(&next).map_err(|error| Failure::read(&next, error))? {
                let entry = entry.map_err(|error| Failure::read(&next, error))?;
                let kind = entry.file_type().map_err(|error| Failure::read(&next, error))?;
                let hidden = entry.file_name().to_string_lossy().starts_with('.');
                // Without the `./` that nobody would write.
                let path = match next.as_os_str() == "." {
                    true => PathBuf::from(entry.file_name()),
                    false => entry.path(),
                };
                if kind.is_dir() && !hidden {
                    open.push(path);
                } else if !kind.is_dir() {
                    found.push(path);
                }
            }
        }
        found.sort();
        Ok(found)
    }

    /// Creates a directory with those above it, and one for rolecall's own files in it that only the owner may
    /// enter.
    ///
    /// # Errors
    /// When the file system refuses.
    pub fn create_own_directory(&self) -> Result<(), Failure> {
        let path = self.own_directory();
        let create = || -> io::Result<()> {
            fs::create_dir_all(&path)?;
            #[cfg(unix)]
            {
                use std::os::unix::fs::PermissionsExt;
                fs::set_permissions(&path, fs::Permissions::from_mode(0o700))?;
            }
            Ok(())
        };
        create().map_err(|error| Failure::write(&path, error))
    }

    /// Whether a path exists.
    pub fn exists(&self, path: &Path) -> bool {
        path.exists()
    }

    /// The files of the stack, for compiling and for file functions.
    pub fn files(&self) -> DiskFiles {
        DiskFiles::new(&self.dir, self.within.clone())
    }

    /// The same, where configurations may read nothing but what lies below these directories.
    ///
    /// # Errors
    /// When a link that may be a stranger's leads to one of them.
    pub fn confined<'d>(&self, to: impl Iterator<Item = &'d Path>) -> Result<Self, Failure> {
        let allowed = |path: &'d Path| Self::check_named(path).map(|()| Allowed::new(path));
        Ok(Env {
            within: Some(to.map(allowed).collect::<Result<_, _>>()?),
            ..self.clone()
        })
    }

    /// Checks that no link that may be a stranger's decides where a path of the command line leads.
    ///
    /// # Errors
    /// When one does.
    pub fn check_named(path: &Path) -> Result<(), Failure> {
        place::stays(path).map_err(|link| {
            let (path, link) = (path.display(), link.display());
            Failure::new(format!(
                "`{path}` is not read: the link `{link}` leads out of the directory it lies in, and with --base it \
                 may be a stranger's"
            ))
            .help("if you trust it, give the path that it leads to")
        })
    }

    /// What `path.cwd` is: the directory rolecall was started in.
    pub fn working_directory(&self) -> Arc<str> {
        let path = std::env::current_dir().unwrap_or_else(|_| PathBuf::from("."));
        slashes_absolute(&path).into()
    }

    /// Whether the stack has any `*.hcl` file. A directory that is not there has none.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn has_configuration(&self) -> Result<bool, Failure> {
        if !self.dir.exists() {
            return Ok(false);
        }
        let entries = fs::read_dir(&self.dir).map_err(|error| Failure::read(&self.dir, error))?;
        let mut names = entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name()));
        Ok(names.any(|name| name.to_string_lossy().ends_with(".hcl")))
    }

    /// The simulated world of this stack as a path from another stack's directory; both must exist.
    ///
    /// # Errors
    /// When they do not.
    pub fn world_seen_from(&self, other: &Env, world: Option<&str>) -> Result<String, Failure> {
        let absolute = |path: &Path| fs::canonicalize(path).map_err(|error| Failure::read(path, error));
        let (from, here) = (absolute(&other.dir)?, absolute(&self.dir)?);
        let place = here.join(world.map_or_else(|| Path::new(OWN_DIRECTORY).join("world"), PathBuf::from));
        let common = from
            .components()
            .zip(place.components())
            .take_while(|(a, b)| a == b)
            .count();
        let up = from.components().skip(common).map(|_| "..".to_owned());
        let down = place
            .components()
            .skip(common)
            .map(|part| part.as_os_str().to_string_lossy().into_owned());
        Ok(up.chain(down).collect::<Vec<_>>().join("/"))
    }

    /// `*.auto.hclvars` of the stack, in the order of their names.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn automatic_variable_files(&self) -> Result<Vec<PathBuf>, Failure> {
        let entries = fs::read_dir(&self.dir).map_err(|error| Failure::read(&self.dir, error))?;
        let mut found: Vec<PathBuf> = entries
            .filter_map(|entry| entry.ok().map(|entry| entry.path()))
            .filter(|path| path.to_string_lossy().ends_with(".auto.hclvars"))
            .collect();
        found.sort();
        let files = self.files();
        for path in &found {
            let name = path.file_name().unwrap_or_default().to_string_lossy();
            let place = files.place(&name);
            place.map_err(|why| Failure::new(format!("{} cannot be read: {why}", path.display())))?;
        }
        Ok(found)
    }

    /// The revision of the configuration as the environment gives it (`ROLECALL_REVISION`).
    pub fn revision(&self) -> Option<String> {
        std::env::var("ROLECALL_REVISION")
            .ok()
            .filter(|value| !value.is_empty())
    }

    /// The stack's variables from the environment, by name.
    pub fn variables(&self) -> BTreeMap<String, String> {
        std::env::vars_os()
            .filter_map(|(name, value)| {
                let name = name.into_string().ok()?;
                let name = name.strip_prefix(VARIABLE_PREFIX)?.to_owned();
                Some((name, value.into_string().ok()?))
            })
            .collect()
    }

    /// Where rolecall keeps its own files.
    pub fn own_directory(&self) -> PathBuf {
        if self.dir == Path::new(".") {
            PathBuf::from(OWN_DIRECTORY)
        } else {
            self.dir.join(OWN_DIRECTORY)
        }
    }

    /// The store that the configuration names.
    ///
    /// # Errors
    /// When it names one that this rolecall does not have.
    pub fn store(&self, settings: &StateSettings) -> Result<LocalStore, Failure> {
        match settings {
            StateSettings::Local { path: None } => Ok(LocalStore::new(&self.own_directory())),
            StateSettings::Local { path: Some(path) } => Ok(LocalStore::new(&self.dir.join(&**path))),
            StateSettings::Postgres { .. } => Err(no_such("state", "postgres", "local")),
            StateSettings::S3 { .. } => Err(no_such("state", "s3", "local")),
        }
    }

    /// The simulated service that the configuration names.
    ///
    /// # Errors
    /// When it names another provider, or the world's files are damaged or cannot be written.
    pub fn simulator(&self, settings: &ProviderSettings) -> Result<Simulator, Failure> {
        self.open_simulator(&self.simulator_options(settings)?)
    }

    /// A simulated service as it is set up, for the command line alone.
    ///
    /// # Errors
    /// When the world's files are damaged or cannot be written.
    pub fn open_simulator(&self, options: &Options) -> Result<Simulator, Failure> {
        Ok(Simulator::open(options)?)
    }

    /// How the simulated service that the configuration names is set up.
    ///
    /// # Errors
    /// When it names another provider.
    pub fn simulator_options(&self, settings: &ProviderSettings) -> Result<Options, Failure> {
        let ProviderSettings::Simulator {
            seed,
            strict,
            region,
            world,
        } = settings
        else {
            return Err(Failure::new(
                "this acts on the simulated service, and the stack's provider is \"aws\"",
            )
            .help("run it where the provider is \"simulator\""));
        };
        let place = self.world_place(world.as_deref());
        let mut options = Options::at(&place);
        options.strict = *strict;
        options.seed = seed.unwrap_or(options.seed);
        if let Some(region) = region {
            options.region = region.to_string();
        }
        Ok(options)
    }

    /// The provider that the configuration names.
    ///
    /// # Errors
    /// As [`Env::simulator`].
    pub fn provider(&self, settings: &ProviderSettings) -> Result<Box<dyn Provider>, Failure> {
        let provider = match settings {
            ProviderSettings::Simulator { .. } => Box::new(self.simulator(settings)?),
            ProviderSettings::Aws { .. } => super::service::aws(settings, self.test_speed())?,
        };
        Ok(match kill_at() {
            None => provider,
            Some(n) => {
                let provider = Faulty::new(provider, Faults::default());
                Box::new(provider.with_hook(Box::new(move |_| boundary(n))))
            }
        })
    }

    /// The simulated service, if that is meant and there is one: opening it makes nothing. What is wrong with it shows
    /// up when it is needed.
    pub fn simulated_already(&self, settings: &ProviderSettings) -> Option<Box<dyn Provider>> {
        let world = self.simulator_options(settings).ok()?.directory?;
        world.exists().then(|| self.provider(settings).ok()).flatten()
    }

    /// The time that decides expiry and age: the simulated world's own, else the machine's. Asks no service.
    ///
    /// # Errors
    /// As [`Env::simulator`].
    pub fn clock(&self, settings: &ProviderSettings) -> Result<Timestamp, Failure> {
        match settings {
            ProviderSettings::Simulator { .. } => Ok(self.simulator(settings)?.now()),
            ProviderSettings::Aws { .. } => Ok(self.now()),
        }
    }

    /// How much faster than the machine's the clocks of the AWS provider and of the simulator's server run: a test of
    /// pace sets ROLECALL_TEST_SPEED.
    pub fn test_speed(&self) -> f64 {
        let set = std::env::var("ROLECALL_TEST_SPEED").ok();
        let speed: Option<f64> = set.and_then(|speed| speed.parse().ok());
        speed.filter(|speed| *speed > 0.0).unwrap_or(1.0)
    }

    /// A store for a run to write to. Tests of crashes may end the process at its boundaries.
    pub fn watched<'s>(&self, store: &'s mut dyn StateStore) -> Watched<'s> {
        let at = kill_at();
        Watched::new(store, Box::new(move |_| at.into_iter().for_each(boundary)))
    }

    /// A name that no other process makes. With ROLECALL_SEED in the environment it depends on that and `what` alone,
    /// so that demonstrations and tests can be repeated to the byte.
    pub fn unique(&self, what: &str) -> String {
        let source = match std::env::var("ROLECALL_SEED") {
            Ok(seed) if !seed.is_empty() => format!("{seed}/{what}"),
            _ => format!(
                "{}/{}/{}/{what}",
                host_name(),
                std::process::id(),
                Timestamp::now()
            ),
        };
        uuid::Uuid::new_v5(&uuid::Uuid::NAMESPACE_OID, source.as_bytes()).to_string()
    }

    /// Who asks for the lock, to do what.
    pub fn lock_request(&self, command: &str, timeout: Duration) -> LockRequest {
        let host = host_name();
        let now = Timestamp::now();
        let pid = std::process::id();
        LockRequest {
            info: LockInfo {
                id: self.unique(&format!("lock {pid} {now}")).into(),
                owner: self.actor().into(),
                host: host.into(),
                pid,
                command: command.into(),
                since: now,
            },
            timeout,
        }
    }

    /// This machine's name.
    pub fn host(&self) -> String {
        host_name()
    }

    /// Who acts, for the history: ROLECALL_ACTOR, else `user@host`.
    pub fn actor(&self) -> String {
        let set = |name: &&str| std::env::var(name).ok().filter(|value| !value.is_empty());
        if let Some(actor) = set(&"ROLECALL_ACTOR") {
            return actor;
        }
        let user = ["USER", "LOGNAME", "USERNAME"].iter().find_map(set);
        format!("{}@{}", user.unwrap_or_else(|| "unknown".to_owned()), host_name())
    }

    /// The machine's time. Expiry and the history go by the provider's clock.
    pub fn now(&self) -> Timestamp {
        Timestamp::now()
    }

    /// Calls `stop` at the first Ctrl-C or termination; the second one ends the process at once.
    pub fn on_stop(&self, stop: impl Fn() + Send + 'static) {
        let seen = AtomicBool::new(false);
        let handler = move || {
            if seen.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            stop();
        };
        if ctrlc::set_handler(handler).is_err() {
            self.detail("signals cannot be handled here");
        }
    }

    /// The time for an entry of the history that no run writes: the provider's, as for runs, where it can be had
    /// without asking the service.
    pub fn history_time(&self, settings: &ProviderSettings) -> Timestamp {
        match settings {
            ProviderSettings::Simulator { world, .. } if self.world_place(world.as_deref()).exists() => self
                .simulator(settings)
                .map_or_else(|_| self.now(), |simulator| Provider::now(&simulator)),
            _ => self.now(),
        }
    }

    fn world_place(&self, world: Option<&str>) -> PathBuf {
        match world {
            Some(path) => self.dir.join(path),
            None => self.own_directory().join("world"),
        }
    }

    /// What the configuration names and this rolecall does not have: a provider or a state.
    pub fn lacking(&self, provider: &ProviderSettings, state: &StateSettings) -> Vec<Failure> {
        let provider = match provider {
            ProviderSettings::Simulator { .. } => None,
            ProviderSettings::Aws { .. } if cfg!(feature = "aws") => None,
            ProviderSettings::Aws { .. } => super::service::aws(provider, 1.0).err(),
        };
        provider.into_iter().chain(self.store(state).err()).collect()
    }

    /// Becomes true at the first Ctrl-C or termination; the second one ends the process at once, which the journal
    /// is made for.
    pub fn stop_flag(&self) -> Arc<AtomicBool> {
        let flag = Arc::new(AtomicBool::new(false));
        let seen = Arc::clone(&flag);
        let handler = move || {
            if seen.swap(true, Ordering::SeqCst) {
                std::process::exit(130);
            }
            let _ = writeln!(
                io::stderr(),
                "\nstopping: calls in flight are finished first; once more to stop at once"
            );
        };
        if ctrlc::set_handler(handler).is_err() {
            self.detail("signals cannot be handled here");
        }
        flag
    }
}

/// At which boundary between rolecall, its journal and the service the process ends, as a crash would: a test of
/// crashes sets ROLECALL_TEST_KILL_AT.
fn kill_at() -> Option<u64> {
    std::env::var("ROLECALL_TEST_KILL_AT").ok()?.parse().ok()
}

/// Counts a boundary, and ends the process at the one with this number.
fn boundary(last: u64) {
    static PASSED: AtomicU64 = AtomicU64::new(0);
    if PASSED.fetch_add(1, Ordering::SeqCst) + 1 == last {
        std::process::abort();
    }
}

fn no_such(what: &str, name: &str, known: &str) -> Failure {
    Failure::new(format!("this rolecall has no {what} \"{name}\"")).help(format!("use {what} \"{known}\""))
}

/// The host's name.
fn host_name() -> String {
    let file =
        fs::read_to_string("/proc/sys/kernel/hostname").or_else(|_| fs::read_to_string("/etc/hostname"));
    let known = file.ok().or_else(|| std::env::var("HOSTNAME").ok());
    known
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "localhost".to_owned())
}

fn slashes_absolute(path: &Path) -> String {
    path.to_string_lossy().replace('\\', "/")
}
