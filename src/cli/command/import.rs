//! `import`: the live instance as configuration and state, without writing to the service.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::apply::event::Silent;
use crate::apply::{ApplyError, RunOptions};
use crate::cli::args::{ImportArgs, VariableArgs};
use crate::cli::asked;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::cli::planning::{Planned, make_plan_with};
use crate::config::evaluate::ProviderSettings;
use crate::config::program::Program;
use crate::id::{EntityKey, GroupName, PermissionSetName, PrincipalKey};
use crate::import::{self, Administration, Import, Options, ShutAccount};
use crate::model::denial::Together;
use crate::model::instance::{HeldSubject, Observed};
use crate::model::likeness::LookAlikes;
use crate::model::record::{Recorded, Seen};
use crate::model::roles::Provisioning;
use crate::model::snapshot::Snapshot;
use crate::model::stack::{NamedMatcher, Scope};
use crate::plan::{Plan, input};
use crate::provider::ReadRequest;
use crate::provider::frozen::Frozen;
use crate::report::drift_view::held_lines;
use crate::report::escape::escape;
use crate::report::json::import::{DeclaredJson, FORMAT_VERSION, ImportJson, LeftOutJson, ShutJson};
use crate::report::plan_view::PlanView;
use crate::report::terminal::plan::{Title, sum_of, write};
use crate::report::wording::{self, counted, some_of};
use crate::source::Location;
use crate::state::entry::Author;
use crate::state::local::LocalStore;
use crate::state::{Entry, StateStore};

/// Runs it.
pub fn run(env: &Env, args: &ImportArgs) -> Result<Exit, Failure> {
    let source = Source::of(env, args)?;
    let place = source.place.clone();
    let mut store = place.store(&source)?;
    place
        .env
        .create_own_directory()
        .and_then(|()| Ok(store.lock(&env.lock_request("rolecall import", args.lock.lock_timeout))?))?;
    let recorded = store.load()?;
    if recorded.lineage.is_some() || recorded.serial > 0 {
        return Err(
            Failure::new("there is a state here already, and import begins a new one")
                .help("import into another directory with --out, or `rolecall state rm` what is recorded"),
        );
    }
    let provider = env.provider(&source.settings)?;
    // Everything there is: also assignments of deleted users and groups, and what tags could be selected by.
    let observed = provider.read(&ReadRequest {
        orphaned_grants: true,
        account_tags: true,
        assumes_nothing: true,
        ..ReadRequest::default()
    });
    let observed = observed.map_err(|error| {
        let nothing = (&Snapshot::default(), &Recorded::default());
        asked::failure(error, provider.as_ref(), nothing, source.provider_at.as_ref())
    })?;
    crate::cli::pipeline::tell_notices(env, provider.as_ref());
    let imported = import::import(&observed, &source.options(env, args)?);
    tell_look_alikes(env, &observed.snapshot);
    let written = place.write(&imported)?;
    // From here on the reading stands in for the service: nothing can be written to it, nor can it change meanwhile.
    let frozen = |observed| Frozen::new(provider.name(), provider.now(), observed);
    let fresh = frozen(to_adopt(&observed));
    adopt(&place.env, &mut store, fresh.clone())?;
    confirm(&place.env, &mut store, fresh)?;
    let next = planned(&place.env, &mut store, frozen(observed.clone()), Warnings::Shown)?;
    record(&mut store, observed)?;
    show(env, args, (&imported, &written), &next.plan)?;
    Ok(Exit::Done)
}

/// Whether a stack's warnings were shown already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Warnings {
    New,
    Shown,
}

/// The reading as far as it is a question of what is declared. Roles that are out of date are none: they are listed, and
/// the next apply provisions them. Nor are parts of permission sets that could not be read: such sets are looked up, and
/// who has them where is known, so that it is recorded.
fn to_adopt(observed: &Observed) -> Observed {
    let mut adopted = observed.clone();
    for role in &mut adopted.roles {
        role.provisioning = Provisioning::Latest;
    }
    let sets = &observed.snapshot.permission_sets;
    adopted.held.retain(|held| match &held.subject {
        HeldSubject::Entity(EntityKey::PermissionSet(name)) => !sets.contains_key(name),
        _ => true,
    });
    adopted
}

/// Says which groups and permission sets that somebody has access through could be taken for each other by their names.
fn tell_look_alikes(env: &Env, snapshot: &Snapshot) {
    let names = &snapshot.access.names;
    let groups = LookAlikes::of(snapshot.groups.keys().map(GroupName::as_str));
    let sets = LookAlikes::of(snapshot.permission_sets.keys().map(PermissionSetName::as_str));
    let granted = names.principals.iter().filter_map(|principal| match principal {
        PrincipalKey::Group(name) => groups.told("group", name.as_str(), "like"),
        _ => None,
    });
    let of_sets = names.permission_sets.iter();
    let of_sets = of_sets.filter_map(|name| sets.told("permission set", name.as_str(), "like"));
    let found: Vec<String> = granted.chain(of_sets).collect();
    if !found.is_empty() {
        env.say(&format!(
            "warning: names through which access is given could be taken for each other: {}",
            some_of(&found, found.len() as u64, 10)
        ));
    }
}

/// Records the reading as it was.
fn record(store: &mut LocalStore, observed: Observed) -> Result<(), Failure> {
    store.append(&[Entry::Observed(Box::new(Seen::of(observed)))])?;
    store.sync()?;
    let recorded = store.load()?;
    store.checkpoint(&recorded)?;
    Ok(())
}

/// What is imported from.
struct Source {
    settings: ProviderSettings,
    /// Where that is written.
    provider_at: Option<Location>,
    state: crate::config::evaluate::StateSettings,
    has_settings: bool,
    scope: Scope,
    ignore: Vec<NamedMatcher>,
    /// Whether the stack of `-C` has configuration.
    configured: bool,
    place: Place,
}

/// Where to.
#[derive(Clone)]
struct Place {
    env: Env,
    /// Whether it is another directory than that of `-C`.
    apart: bool,
}

impl Source {
    fn of(env: &Env, args: &ImportArgs) -> Result<Self, Failure> {
        let place = Place {
            apart: args.out.is_some(),
            env: Env {
                dir: args.out.clone().unwrap_or_else(|| env.dir.clone()),
                ..env.clone()
            },
        };
        if place.apart && place.env.has_configuration()? {
            return Err(
                Failure::new(format!("{} holds configuration already", place.env.dir.display()))
                    .help("name a new directory: `rolecall import --out DIR`"),
            );
        }
        let mut source = Source {
            settings: ProviderSettings::default(),
            provider_at: None,
            state: Default::default(),
            has_settings: false,
            scope: Scope::Declared,
            ignore: Vec::new(),
            configured: env.has_configuration()?,
            place,
        };
        if !source.configured {
            env.say(
                "note: no configuration here says which service is meant, so this imports the simulated one",
            );
            return Ok(source);
        }
        let stack = Stack::load(env, &args.variables)?;
        let evaluation = stack.evaluated(env, env.now(), None)?;
        let declares = evaluation.desired.snapshot.entity_keys().next().is_some();
        if declares && !source.place.apart {
            return Err(Failure::new("the configuration here declares things already")
                .help("import into a new directory with --out, and compare"));
        }
        source.has_settings = stack
            .program()
            .and_then(Program::root)
            .is_some_and(|root| root.settings.is_some());
        source.settings = evaluation.provider;
        source.provider_at = evaluation.provider_at;
        let settings = evaluation.desired.settings;
        source.scope = settings.scope;
        source.ignore = settings.ignore;
        source.state = evaluation.state;
        Ok(source)
    }

    /// What to write. A stack of its own says where the service is.
    fn options(&self, env: &Env, args: &ImportArgs) -> Result<Options, Failure> {
        let provider = match (&self.settings, self.place.apart) {
            (_, false) => None,
            (
                ProviderSettings::Simulator {
                    seed,
                    strict,
                    region,
                    world,
                },
                true,
            ) => Some(ProviderSettings::Simulator {
                seed: *seed,
                strict: *strict,
                region: region.clone(),
                world: Some(env.world_seen_from(&self.place.env, world.as_deref())?.into()),
            }),
            (aws, true) => Some(aws.clone()),
        };
        Ok(Options {
            infer: args.infer,
            provider,
            has_settings: self.has_settings && !self.place.apart,
            scope: match &self.scope {
                Scope::Matching(matcher) => Some(matcher.clone()),
                Scope::Declared | Scope::Instance => None,
            },
            ignore: self.ignore.clone(),
        })
    }
}

impl Place {
    fn store(&self, source: &Source) -> Result<LocalStore, Failure> {
        let settings = if self.apart {
            Default::default()
        } else {
            source.state.clone()
        };
        self.env.store(&settings)
    }

    /// Writes all files, or none if one of them is there.
    fn write(&self, imported: &Import) -> Result<Vec<PathBuf>, Failure> {
        let ignored = (
            ".gitignore".to_owned(),
            format!("{}/\n", crate::cli::env::OWN_DIRECTORY),
        );
        let own = (!self.env.exists(&self.path(".gitignore"))).then_some(ignored);
        if let Some((name, _)) = imported
            .files
            .iter()
            .find(|(name, _)| self.env.exists(&self.path(name)))
        {
            return Err(Failure::new(format!(
                "{} is there already, and is not overwritten; nothing was written",
                self.path(name).display()
            ))
            .help("import into a new directory: `rolecall import --out DIR`"));
        }
        for (name, text) in imported.files.iter().chain(&own) {
            self.env.create_new(&self.path(name), text)?;
        }
        Ok(imported.files.iter().map(|(name, _)| self.path(name)).collect())
    }

    fn path(&self, name: &str) -> PathBuf {
        if self.env.dir == Path::new(".") {
            PathBuf::from(name)
        } else {
            self.env.dir.join(name)
        }
    }
}

fn planned(
    env: &Env,
    store: &mut LocalStore,
    frozen: Frozen,
    warnings: Warnings,
) -> Result<Planned, Failure> {
    let stack = Stack::load(env, &VariableArgs::default())?.named_from_outside(&env.dir);
    let stack = match warnings {
        Warnings::New => stack,
        Warnings::Shown => stack.quiet(),
    };
    let recorded = store.load()?;
    make_plan_with(env, &stack, None, recorded, input::Options::default(), frozen)
}

/// Shows a plan that is not what it must be, and says so.
fn not_as_expected(env: &Env, planned: &Planned, what: &str) -> Failure {
    let title = Title {
        command: "rolecall import",
        provider: Some(planned.provider.name()),
    };
    let shown = env.print(|out| write(&PlanView::new(&planned.plan), title, env.out, out));
    match shown {
        Ok(()) => Failure::new(what).help(
            "the files are there to be looked at; if the difference is not one in the service, please report it",
        ),
        Err(failure) => failure,
    }
}

/// Records everything that is declared as adopted. The service is not written to: a plan that would do so is an
/// error.
fn adopt(env: &Env, store: &mut LocalStore, frozen: Frozen) -> Result<(), Failure> {
    let planned = planned(env, store, frozen, Warnings::New)?;
    if planned.plan.is_refused() || !planned.plan.changes_nothing_in_the_service() {
        return Err(not_as_expected(
            env,
            &planned,
            "what was written is not what the service holds; nothing is recorded",
        ));
    }
    let options = RunOptions {
        run: env.unique("run 0").into(),
        by: Author {
            at: planned.provider.now(),
            actor: env.actor().into(),
        },
        command: "import".into(),
        reason: Some(Arc::from("imported")),
        revision: None,
        new_lineage: env.unique("lineage").into(),
    };
    let result = crate::apply::apply(
        &planned.plan,
        &planned.input,
        planned.provider.as_ref(),
        &mut env.watched(store),
        &mut Silent,
        &|| false,
        &options,
    );
    match result {
        Ok(_) => Ok(()),
        Err(ApplyError::Stale { why, .. }) => Err(Failure::new(format!(
            "the service changed meanwhile: {}",
            why.join("; ")
        ))
        .help("remove the files that were written, and import again")),
        Err(error) => Err(error.into()),
    }
}

/// Plans once more: there must be nothing to do.
fn confirm(env: &Env, store: &mut LocalStore, frozen: Frozen) -> Result<(), Failure> {
    let planned = planned(env, store, frozen, Warnings::Shown)?;
    if planned.plan.is_empty() && !planned.plan.is_refused() {
        return Ok(());
    }
    Err(not_as_expected(
        env,
        &planned,
        "the plan after the import is not empty",
    ))
}

/// The result for machines.
fn json(imported: &Import, written: &[PathBuf]) -> ImportJson {
    let counts = &imported.counts;
    let left_out = imported.left_out.iter().map(|left| LeftOutJson {
        what: left.what.clone(),
        why: left.why.clone(),
    });
    ImportJson {
        format_version: FORMAT_VERSION,
        files: written.iter().map(|path| path.display().to_string()).collect(),
        declared: DeclaredJson {
            organizational_units: counts.organizational_units,
            accounts: counts.accounts,
            users: counts.users,
            groups: counts.groups,
            permission_sets: counts.permission_sets,
            assignments: counts.assignments,
            grants: counts.grants,
        },
        ignored: imported.ignored.iter().map(ToString::to_string).collect(),
        ignored_groups: imported.ignored_groups.iter().map(ToString::to_string).collect(),
        left_out: left_out.collect(),
        shut: imported
            .shut
            .iter()
            .map(|account| ShutJson {
                account: account.name.clone(),
                grants: account.grants,
            })
            .collect(),
    }
}

/// What the next plan comes to, truly: what is held it says nothing about, and roles that are out of date it
/// provisions.
fn next_plan(plan: &Plan, imported: &Import) -> String {
    if !plan.is_empty() {
        let counts = PlanView::new(plan).counts;
        return format!("The plan is not empty: {}.", sum_of(counts));
    }
    if !imported.unread.is_empty() {
        return format!(
            "This is not the whole configuration: {} could not be read, and the plan is empty because it says nothing \
             about them. Import again as a caller who may read them before anything is applied from here.",
            imported.unread.join(", ")
        );
    }
    if imported.is_read_in_part {
        return "The plan is empty, but part of the service could not be read: about that the configuration says \
                nothing."
            .to_owned();
    }
    if plan.totals.held > 0 && imported.left_out.is_empty() {
        return "The plan is empty: the configuration says what the service holds, but for what the plan holds back."
            .to_owned();
    }
    let but = if imported.left_out.is_empty() {
        ""
    } else {
        ", but for what is not declared"
    };
    format!("The plan is empty: the configuration says what the service holds{but}.")
}

/// What follows from it that sets go under `ignore`, and who administers through them.
fn meaning_of_ignore(administration: &Administration) -> String {
    let Administration {
        permission_sets,
        people,
        unread,
        accounts,
    } = administration;
    let sets: Vec<&str> = permission_sets.iter().map(|name| name.as_str()).collect();
    let unread = match unread.len() {
        0 => String::new(),
        count => format!(
            ", and the members of {}, who are not known",
            counted(count as u64, "group")
        ),
    };
    let who = match accounts.is_empty() {
        true => String::new(),
        false => format!(
            " With {}, {} administrator in {} today{unread}.",
            some_of(&sets, sets.len() as u64, 3),
            match people.len() {
                1 => "1 person is".to_owned(),
                count => format!("{} are", wording::people(count as u64)),
            },
            counted(accounts.len() as u64, "account"),
        ),
    };
    format!(
        "They go under `ignore` (stack.hcl): that somebody newly has one is no drift, and no plan takes one from anybody.{who} \
         To have a set watched, take its pattern out of `ignore` and declare who has it."
    )
}

/// How many accounts that nobody can enter are named.
const MOST_SHUT: usize = 10;

/// The accounts that nobody can enter, and what is left there.
fn shut(accounts: &[ShutAccount]) -> String {
    let named = accounts.iter().map(|account| match account.grants {
        0 => escape(&account.name).into_owned(),
        grants => format!("{} ({})", escape(&account.name), counted(grants, "grant")),
    });
    let mut named: Vec<String> = named.collect();
    let more = named.len().saturating_sub(MOST_SHUT);
    named.truncate(MOST_SHUT);
    if more > 0 {
        named.push(format!("{more} more"));
    }
    format!(
        "Suspended or being closed: {}\n  Nobody can enter these now, and nothing is granted, revoked or provisioned there. What \
         is assigned is back if one is reopened within 90 days.",
        named.join(", ")
    )
}

fn show(
    env: &Env,
    args: &ImportArgs,
    (imported, written): (&Import, &[PathBuf]),
    next: &Plan,
) -> Result<(), Failure> {
    if args.json {
        return super::print_json(env, &json(imported, written));
    }
    let sets = imported.ignored.iter().map(ToString::to_string);
    let groups = imported.ignored_groups.iter();
    let ignored: Vec<String> = sets.chain(groups.map(|name| format!("group {name}"))).collect();
    let counts = &imported.counts;
    env.print(|out| {
        for path in written {
            writeln!(out, "{}", path.display())?;
        }
        writeln!(out)?;
        let lines = [
            (counts.organizational_units, "organizational unit"),
            (counts.accounts, "account"),
            (counts.users, "user"),
            (counts.groups, "group"),
            (counts.permission_sets, "permission set"),
        ];
        for (count, what) in lines {
            writeln!(out, "{count:>6} {what}{}", if count == 1 { "" } else { "s" })?;
        }
        let (blocks, grants) = (counts.assignments, counts.grants);
        let plural = |count: usize| if count == 1 { "" } else { "s" };
        writeln!(
            out,
            "{grants:>6} grant{} in {blocks} assignment block{}",
            plural(grants),
            plural(blocks)
        )?;
        if !ignored.is_empty() {
            writeln!(
                out,
                "\nLeft to the AWS services that made them: {}",
                escape(&ignored.join(", "))
            )?;
            writeln!(out, "  {}", meaning_of_ignore(&imported.administration))?;
        }
        if !imported.shut.is_empty() {
            writeln!(out, "\n{}", shut(&imported.shut))?;
        }
        if !imported.left_out.is_empty() {
            writeln!(out, "\nNot declared:")?;
        }
        let left = imported.left_out.iter().map(|left| (&*left.what, &*left.why));
        for line in held_lines(Together::of(left)) {
            writeln!(out, "  {}: {}", escape(&line.what), escape(&line.why))?;
            if let Some(remedy) = &line.remedy {
                writeln!(out, "      help: {}", escape(remedy))?;
            }
        }
        writeln!(out, "\n{}", next_plan(next, imported))
    })
}
