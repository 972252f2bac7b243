//! `freeze`: takes everything from a user or group, now, and keeps plans from giving it back.

use std::sync::Arc;

use crate::cli::approval::Consent;
use crate::cli::args::FreezeArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::{Stack, read};
use crate::cli::planning::plan_on;
use crate::cli::variables::Given;
use crate::id::{PrincipalKey, ServiceId, UserName};
use crate::model::freeze::{Frozen, withhold};
use crate::model::record::Recorded;
use crate::model::snapshot::Snapshot;
use crate::plan::input::{Mode, Options};
use crate::report::escape::escape;
use crate::report::json::frozen::FrozenJson;
use crate::state::entry::{Author, Entry};
use crate::state::{StateStore, local::LocalStore};

use super::access_explain::{Named, one, people};
use super::apply::Job;

/// Runs it.
pub fn run(env: &Env, args: &FreezeArgs) -> Result<Exit, Failure> {
    match &args.principal {
        None => list(env, args),
        Some(name) if args.lift => lift(env, args, name),
        Some(name) => freeze(env, args, name),
    }
}

fn consent(args: &FreezeArgs) -> Consent<'static> {
    if args.auto_approve {
        Consent::Automatic {
            restore: false,
            rules: false,
        }
    } else {
        Consent::Ask
    }
}

fn freeze(env: &Env, args: &FreezeArgs, name: &str) -> Result<Exit, Failure> {
    let job = Job {
        env,
        command: "freeze",
        question: "Take all of this away, and keep it away until it is lifted?",
        consent: consent(args),
        json: args.format.is_json(),
        reason: args.reason.as_deref(),
        revision: None,
        base_revision: None,
        state: Default::default(),
    };
    job.can_ask()?;
    let stack = Stack::load_given(env, &Given::read(env, &args.variables)?)?;
    let offline = stack.evaluated(env, env.now(), None)?;
    env.create_own_directory()?;
    let mut store = env.store(&offline.state)?;
    store.lock(&env.lock_request("rolecall freeze", args.lock.lock_timeout))?;
    let recorded = store.load()?;
    super::tell_remarks(env, &mut store);
    super::tell_state(env, &store, &recorded);
    let mut recorded = job.recovered(&stack, recorded, &mut store)?;
    let mut reading = read(env, &stack, offline, &recorded, true)?;
    let (principal, id) = find(&reading.observed.snapshot, name)?;
    let frozen = Frozen {
        principal,
        id,
        at: reading.provider.now(),
        actor: env.actor().into(),
        reason: args.reason.as_deref().map(Arc::from),
    };
    recorded.freeze(&frozen);
    withhold(&mut reading.desired, &recorded, &reading.observed.snapshot);
    let options = Options {
        mode: Mode::Freeze,
        ..Options::default()
    };
    let planned = plan_on(env, reading, recorded, options)?;
    let stays = |code: &str| matches!(code, "freeze-incomplete" | "blocked-steps");
    let incomplete = planned.plan.findings.iter().any(|finding| stays(&finding.code));
    let entry = Entry::Frozen(Box::new(frozen.clone()));
    let exit = job.settle(planned, &mut store, Some(entry))?;
    if matches!(exit, Exit::Done | Exit::Partial) {
        env.say(&format!(
            "{} is frozen: plans give it nothing until `rolecall freeze --lift {}`.",
            escape(&frozen.principal.to_string()),
            crate::cli::advice::shell_word(&frozen.argument())
        ));
    }
    Ok(match exit {
        Exit::Done if incomplete => Exit::Partial,
        other => other,
    })
}

/// The user or group that is called so, and its id.
fn find(snapshot: &Snapshot, text: &str) -> Result<(PrincipalKey, Option<ServiceId>), Failure> {
    let (wants_group, name) = match text.split_once(':') {
        Some(("user", name)) => (Some(false), name),
        Some(("group", name)) => (Some(true), name),
        _ => (None, text),
    };
    let users = people(&[snapshot]).into_iter();
    let users = users.map(|(user, names)| (PrincipalKey::User(user), names));
    let groups = snapshot.groups.iter().map(|(name, group)| {
        let id = group.value.id.iter().map(ToString::to_string);
        let names = [name.to_string()].into_iter().chain(id).collect();
        (PrincipalKey::Group(name.clone()), names)
    });
    let all: Vec<Named<PrincipalKey>> = users
        .chain(groups)
        .filter(|(key, _)| wants_group.is_none_or(|wants| wants == key.is_group()))
        .collect();
    let what = match wants_group {
        Some(false) => "user",
        Some(true) => "group",
        None => "user or group",
    };
    let key = one(what, name, all)?;
    let id = match &key {
        PrincipalKey::User(name) => snapshot.users.get(name).and_then(|user| user.value.id.clone()),
        PrincipalKey::Group(name) => snapshot.groups.get(name).and_then(|group| group.value.id.clone()),
        PrincipalKey::OrphanUser(id) | PrincipalKey::OrphanGroup(id) => Some(id.clone()),
    };
    Ok((key, id))
}

fn lift(env: &Env, args: &FreezeArgs, name: &str) -> Result<Exit, Failure> {
    let (mut store, provider) = super::store_and_provider_of(env)?;
    env.create_own_directory()?;
    store.lock(&env.lock_request("rolecall freeze --lift", args.lock.lock_timeout))?;
    let recorded = store.load()?;
    super::tell_remarks(env, &mut store);
    let frozen = frozen(&recorded, name)?;
    if matches!(consent(args), Consent::Ask) {
        if args.format.is_json() || !env.can_ask {
            return Err(Failure::new("nobody can be asked here").help("add --auto-approve"));
        }
        let question = format!(
            "{}. Lift that, so that plans give what is declared? Only \"yes\" goes on: ",
            escape(&frozen.sentence())
        );
        if env.ask(&question).as_deref() != Some("yes") {
            return Err(Failure::new("not approved; nothing was done"));
        }
    }
    let entry = Entry::Lifted {
        by: Author {
            at: env.history_time(&provider),
            actor: env.actor().into(),
        },
        principal: frozen.principal.clone(),
        reason: args.reason.as_deref().map(Arc::from),
    };
    write(&mut store, entry)?;
    env.say(&format!(
        "{} is frozen no more. `{}` shows what it gets back: what is declared, and nothing else.",
        escape(&frozen.principal.to_string()),
        env.typed("plan")
    ));
    if args.format.is_json() {
        super::print_json(env, &FrozenJson::new(store.load()?.frozen))?;
    }
    Ok(Exit::Done)
}

fn write(store: &mut LocalStore, entry: Entry) -> Result<(), Failure> {
    store.append(&[entry])?;
    store.sync()?;
    let recorded = store.load()?;
    store.checkpoint(&recorded)?;
    Ok(())
}

/// What a frozen principal is called: as a user was when it was last seen, too.
fn names_of(recorded: &Recorded, frozen: &Frozen) -> Vec<String> {
    let mut names = vec![frozen.argument(), frozen.principal.name().to_owned()];
    names.extend(frozen.id.iter().map(ToString::to_string));
    let seen: Vec<&Snapshot> = recorded.seen.iter().map(|seen| &seen.snapshot).collect();
    let of_user = |(user, _): &Named<UserName>| frozen.principal == PrincipalKey::User(user.clone());
    names.extend(
        people(&seen)
            .into_iter()
            .filter(of_user)
            .flat_map(|(_, names)| names),
    );
    names
}

/// The frozen principal that is called so: as written, else in other letters.
fn frozen(recorded: &Recorded, text: &str) -> Result<Frozen, Failure> {
    let named = |is_so: &dyn Fn(&str) -> bool| -> Vec<&Frozen> {
        let all = recorded.frozen.iter();
        all.filter(|frozen| names_of(recorded, frozen).iter().any(|name| is_so(name)))
            .collect()
    };
    let mut found = named(&|name| name == text);
    if found.is_empty() {
        found = named(&|name| name.to_lowercase() == text.to_lowercase());
    }
    let mut found = found.into_iter();
    match (found.next(), found.next()) {
        (Some(only), None) => Ok(only.clone()),
        (Some(_), Some(_)) => Err(
            Failure::new(format!("more than one that is called `{text}` is frozen"))
                .help("say which: `user:NAME` or `group:NAME`"),
        ),
        (None, _) => Err(Failure::new(format!("nobody called `{text}` is frozen"))
            .help("`rolecall freeze` lists those that are, by the names to be used here")),
    }
}

fn list(env: &Env, args: &FreezeArgs) -> Result<Exit, Failure> {
    let recorded = super::recorded_of(env)?;
    if args.format.is_json() {
        super::print_json(env, &FrozenJson::new(recorded.frozen))?;
        return Ok(Exit::Done);
    }
    env.print(|out| {
        if recorded.frozen.is_empty() {
            return writeln!(out, "Nobody is frozen.");
        }
        let mut all = recorded.frozen.iter();
        all.try_for_each(|frozen| {
            writeln!(
                out,
                "{}  ({})",
                escape(&frozen.sentence()),
                escape(&frozen.argument())
            )
        })
    })?;
    Ok(Exit::Done)
}
