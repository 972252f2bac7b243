//! The README's generated parts agree with the code they describe.
//!
//! `UPDATE=1 cargo test --test all readme` writes them anew; read the difference before committing it.

use std::fmt::Write as _;
use std::path::Path;

use clap::CommandFactory;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

#[test]
fn generated_sections_are_up_to_date() {
    let path = root().join("README.md");
    let mut readme = std::fs::read_to_string(&path).unwrap();
    let before = readme.clone();
    let file = |name: &str| std::fs::read_to_string(root().join(name)).unwrap();
    let reference = rolecall::config::functions::reference::reference();
    let (functions, deviations) = reference.split_once("| where").unwrap();
    for (name, text) in [
        ("plan", file("examples/02-organization/expected-change.txt")),
        ("drift", file("examples/02-organization/expected-drift.txt")),
        ("commands", commands()),
        ("exit-codes", exit_codes()),
        (
            "blocks",
            rolecall::config::schema::reference()
                .replace("\n### ", "\n#### ")
                .replacen("### ", "#### ", 1),
        ),
        ("simulated", rolecall::provider::simulator::wire::reference()),
        ("functions", functions.to_owned()),
        ("deviations", format!("| where{deviations}")),
    ] {
        replace(&mut readme, name, text.trim_end());
    }
    if std::env::var_os("UPDATE").is_some() {
        std::fs::write(&path, &readme).unwrap();
    } else {
        let at = before
            .lines()
            .zip(readme.lines())
            .position(|(left, right)| left != right);
        assert!(
            before == readme,
            "README.md is out of date from line {:?}; run with UPDATE=1",
            at.map(|n| n + 1)
        );
    }
}

/// Replaces what stands between `<!-- name:begin -->` and `<!-- name:end -->`, which keep their lines.
fn replace(readme: &mut String, name: &str, text: &str) {
    let (begin, end) = (format!("<!-- {name}:begin -->\n"), format!("<!-- {name}:end -->"));
    let start = readme
        .find(&begin)
        .unwrap_or_else(|| panic!("the README lacks {begin}"))
        + begin.len();
    let stop = start
        + readme[start..]
            .find(&end)
            .unwrap_or_else(|| panic!("the README lacks {end}"));
    let text = if text.is_empty() {
        String::new()
    } else {
        format!("{text}\n")
    };
    readme.replace_range(start..stop, &text);
}

/// One row a command, from the command line's own definition.
fn commands() -> String {
    let mut out = String::from("| command | what it does |\n|---|---|\n");
    let cli = rolecall::cli::args::Cli::command();
    for command in cli.get_subcommands().filter(|command| !command.is_hide_set()) {
        let about = command.get_about().map(ToString::to_string).unwrap_or_default();
        let inner: Vec<&str> = command
            .get_subcommands()
            .filter(|c| !c.is_hide_set())
            .map(clap::Command::get_name)
            .collect();
        let inner = if inner.is_empty() {
            String::new()
        } else {
            format!(" {}", inner.join(", "))
        };
        writeln!(out, "| `{}`{inner} | {about} |", command.get_name()).unwrap();
    }
    out
}

fn exit_codes() -> String {
    let mut out = String::from("| code | meaning |\n|---|---|\n");
    for line in rolecall::cli::exit::HELP.lines().skip(1) {
        let (code, meaning) = line.trim().split_once("  ").unwrap();
        writeln!(out, "| {code} | {meaning} |").unwrap();
    }
    out
}
