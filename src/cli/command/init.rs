//! `init`: a commented starter stack.

use crate::cli::args::InitArgs;
use crate::cli::env::{Env, OWN_DIRECTORY};
use crate::cli::error::Failure;
use crate::cli::exit::Exit;

/// The starter stack.
const STARTER: &str = include_str!("init/main.hcl");

/// Runs it.
pub fn run(env: &Env, args: &InitArgs) -> Result<Exit, Failure> {
    let dir = args
        .dir
        .as_ref()
        .map_or_else(|| env.dir.clone(), |dir| env.dir.join(dir));
    let files = [
        ("main.hcl", STARTER.to_owned()),
        (".gitignore", format!("{OWN_DIRECTORY}/\n")),
    ];
    for (name, _) in &files {
        let path = dir.join(name);
        if env.exists(&path) {
            return Err(Failure::new(format!(
                "{} is there already, and is not overwritten",
                path.display()
            ))
            .help("name another directory: `rolecall init DIR`"));
        }
    }
    for (name, text) in &files {
        env.create_new(&dir.join(name), text)?;
    }
    let own = Env {
        dir: dir.clone(),
        ..env.clone()
    };
    own.create_own_directory()?;
    let shown = dir.display();
    env.print(|out| {
        writeln!(out, "A starter stack is in {shown}/main.hcl. Next:")?;
        writeln!(out, "  rolecall -C {shown} plan")?;
        writeln!(out, "  rolecall -C {shown} apply")
    })?;
    Ok(Exit::Done)
}
