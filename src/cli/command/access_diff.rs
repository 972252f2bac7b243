//! `access diff`: who gained and lost access between two readings, or would by a saved plan.

use std::path::Path;

use crate::cli::args::{AccessDiffArgs, AccessFormat};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::saved_plan;
use crate::model::record::{Recorded, Seen};
use crate::plan::risk::SetJudge;
use crate::report::access_changes::{AccessChanges, between, of_plan};
use crate::report::access_view::Query;
use crate::report::terminal::access::changes;

use super::access::{moment, query, reading};

/// Runs it.
pub fn run(env: &Env, args: &AccessDiffArgs) -> Result<Exit, Failure> {
    let query = query(&args.filter)?;
    let found = found(env, &args.what, &query)?;
    match args.format {
        _ if args.json => super::print_json(env, &found)?,
        AccessFormat::Json => super::print_json(env, &found)?,
        AccessFormat::Csv => env.print(|out| found.write_csv(out))?,
        AccessFormat::Text => env.print(|out| changes(&found, env.out, out))?,
    }
    Ok(Exit::Done)
}

fn found(env: &Env, what: &str, query: &Query) -> Result<AccessChanges, Failure> {
    let (from, to) = match what.split_once("..") {
        Some((from, to)) if is_time(from) && (to.is_empty() || is_time(to)) => (from, to),
        _ if is_time(what) => (what, ""),
        _ => {
            let path = Path::new(what);
            if !env.exists(path) {
                return Err(
                    Failure::new(format!("`{what}` is neither a file nor a time")).help(
                        "give a saved plan, or a day or time like 2026-10-01, or two with `..` between them",
                    ),
                );
            }
            return Ok(of_plan(&saved_plan::load(env, path)?.plan, query));
        }
    };
    let before = reading(env, moment(from)?)?;
    let Recorded { rules, seen, .. } = super::recorded_of(env)?;
    let after = match to {
        "" => last(seen)?,
        to => reading(env, moment(to)?)?,
    };
    let risk = rules.map(|rules| rules.settings.risk).unwrap_or_default();
    Ok(between(
        (&before.snapshot, before.at),
        (&after.snapshot, after.at),
        query,
        &SetJudge::new(&risk),
    ))
}

fn is_time(text: &str) -> bool {
    moment(text).is_ok()
}

fn last(seen: Option<Seen>) -> Result<Seen, Failure> {
    seen.ok_or_else(|| {
        Failure::new("the state holds no reading of the service")
            .help("`rolecall observe` records one, and so does every apply")
    })
}
