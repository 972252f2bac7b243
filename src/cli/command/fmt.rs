//! `fmt`: canonical layout.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::cli::args::FmtArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::config::syntax::layout::layout;
use crate::config::syntax::parse_body;
use crate::diagnostic::{Diagnostics, Severity};
use crate::source::SourceMap;

/// The result for machines.
#[derive(Serialize)]
struct Changed {
    /// Files that were not in canonical layout, in the order of their paths.
    changed: Vec<String>,
}

/// Runs it.
pub fn run(env: &Env, args: &FmtArgs) -> Result<Exit, Failure> {
    let mut found = Diagnostics::new();
    let mut sources = SourceMap::new();
    let mut changed = Vec::new();
    for path in files(env, &args.paths)? {
        let text = env.read_text(&path)?;
        let shown = path.display().to_string();
        let file = sources.add(shown.as_str(), text.as_str());
        let (_, problems) = parse_body(file, sources.file(file).map_or(&*text, |file| &*file.text));
        if problems.iter().any(|problem| problem.severity == Severity::Error) {
            problems.into_iter().for_each(|problem| found.push(problem));
            continue;
        }
        let laid_out = layout(&text);
        if laid_out == text {
            continue;
        }
        if !args.check {
            env.replace_text(&path, &laid_out)?;
        }
        changed.push(shown);
    }
    let any = !changed.is_empty();
    if args.json {
        super::print_json(env, &Changed { changed })?;
    } else {
        env.print(|out| changed.iter().try_for_each(|path| writeln!(out, "{path}")))?;
    }
    if found.has_errors() {
        return Err(Failure::Diagnostics(Box::new((found, sources))));
    }
    Ok(if args.check && any {
        Exit::Error
    } else {
        Exit::Done
    })
}

/// The files that the given paths mean; of a directory, the configuration and variable files in it and below.
fn files(env: &Env, paths: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    let given = if paths.is_empty() {
        std::slice::from_ref(&env.dir)
    } else {
        paths
    };
    let mut found = Vec::new();
    for path in given {
        if env.is_directory(path) {
            found.extend(env.files_below(path)?.into_iter().filter(|path| is_ours(path)));
        } else {
            found.push(path.clone());
        }
    }
    found.sort();
    found.dedup();
    Ok(found)
}

fn is_ours(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| extension == "hcl" || extension == "hclvars")
}
