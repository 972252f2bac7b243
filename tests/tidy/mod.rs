//! The shape of the source: who imports whom, who may touch the outside, how long files get, what they are called.

use std::collections::BTreeSet;
use std::path::Path;

use crate::common::{files_below, repository};

/// A file of `src/` without its tests.
struct Source {
    name: String,
    lines: Vec<String>,
}

/// Modules that only tests use.
fn is_for_tests(name: &str) -> bool {
    let stem = Path::new(name).file_stem().unwrap().to_str().unwrap();
    name.contains("/tests/") || ["tests", "testing", "scene"].contains(&stem) || stem.ends_with("_tests")
}

fn sources() -> Vec<Source> {
    let root = repository().join("src");
    files_below(&root, "rs")
        .into_iter()
        .map(|path| {
            let name = path
                .strip_prefix(&root)
                .unwrap()
                .to_str()
                .unwrap()
                .replace('\\', "/");
            let text = std::fs::read_to_string(&path).unwrap();
            let code = text.lines().map(str::to_owned);
            let before_tests = |line: &String| line.trim() != "#[cfg(test)]";
            let lines: Vec<String> = code.collect();
            // `#[cfg(test)]` also stands before single items in the middle; tests proper are the last module.
            let end = lines.windows(2).position(|pair| {
                !before_tests(&pair[0]) && pair[1].trim_start().starts_with("mod ") && pair[1].ends_with('{')
            });
            let end = end
                .or_else(|| {
                    lines
                        .windows(2)
                        .position(|pair| !before_tests(&pair[0]) && pair[1].contains("mod tests {"))
                })
                .unwrap_or(lines.len());
            Source {
                name,
                lines: lines.into_iter().take(end).collect(),
            }
        })
        .filter(|source| !is_for_tests(&source.name))
        .collect()
}

/// Lines of code, comments aside.
fn code(source: &Source) -> impl Iterator<Item = (usize, &str)> {
    let lines = source.lines.iter().enumerate();
    lines
        .map(|(index, line)| (index + 1, line.trim()))
        .filter(|(_, line)| !line.starts_with("//"))
}

/// What each module may import.
fn may_import(module: &str) -> &'static [&'static str] {
    match module {
        "source" => &[],
        "diagnostic" => &["source"],
        // An entity's key and its kind name each other.
        "address" => &["id"],
        "id" => &["address"],
        "model" => &["id", "address", "source"],
        "graph" => &["address", "model"],
        "config" => &["source", "diagnostic", "id", "address", "model", "graph"],
        // What is imported is written as the language wants it.
        "import" => &["config", "diagnostic", "model", "id", "address", "source"],
        // Entities are recorded as the fold records them.
        "plan" => &["diagnostic", "id", "address", "model", "graph", "source", "state"],
        "state" | "provider" => &["id", "address", "model", "source"],
        "apply" => &[
            "plan", "graph", "state", "provider", "model", "id", "address", "source",
        ],
        "drift" => &["model", "id", "address", "source"],
        "rego" => &["diagnostic", "model", "plan", "source"],
        "report" => &[
            "model",
            "plan",
            "apply",
            "diagnostic",
            "source",
            "id",
            "address",
            "drift",
            "state",
        ],
        "cli" => &[
            "source",
            "diagnostic",
            "id",
            "address",
            "model",
            "graph",
            "config",
            "plan",
            "state",
            "provider",
            "apply",
            "drift",
            "import",
            "rego",
            "report",
        ],
        _ => &[],
    }
}

#[test]
fn imports_go_in_one_direction() {
    let mut wrong = Vec::new();
    let path = regex::Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    for source in sources() {
        let module = source.name.split(['/', '.']).next().unwrap();
        if ["lib", "main"].contains(&module) {
            continue;
        }
        let allowed = may_import(module);
        for (number, line) in code(&source) {
            for found in path.captures_iter(line) {
                let imported = &found[1];
                // What tests share is not there in the program.
                if imported != module && imported != "testing" && !allowed.contains(&imported) {
                    wrong.push(format!(
                        "src/{}:{number}: {module} imports {imported}",
                        source.name
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_report_sees_of_the_state_and_of_apply_only_how_runs_went() {
    let mut wrong = Vec::new();
    for source in sources()
        .into_iter()
        .filter(|source| source.name.starts_with("report/"))
    {
        for (number, line) in code(&source) {
            let other = line.contains("crate::state") && !line.contains("crate::state::entry::RunEnd")
                || line.contains("crate::apply") && !line.contains("crate::apply::event");
            if other {
                wrong.push(format!("src/{}:{number}: {line}", source.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn one_place_names_each_outside_crate_that_might_be_replaced() {
    let rules = [
        ("hcl_edit::", "config/syntax"),
        ("hcl::", "config/syntax"),
        ("petgraph::", "graph.rs"),
        ("sled::", "state/sled.rs"),
        ("aws_sdk_", "provider/aws/"),
        ("regorus::", "rego/"),
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        for (number, line) in code(&source) {
            for (name, place) in rules {
                let named = line.match_indices(name).any(|(at, _)| {
                    let before = line[..at].chars().next_back();
                    !before.is_some_and(|c| c.is_alphanumeric() || c == '_' || c == ':')
                });
                if named && !source.name.starts_with(place) && !line.contains(&format!("super::{name}")) {
                    wrong.push(format!("src/{}:{number}: {line}", source.name));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn only_the_edge_and_the_adapters_touch_the_outside() {
    // The command line's door, and the adapters: the state and the simulated world on disk, the service over the wire.
    let doors = [
        "cli/",
        "state/",
        "provider/aws/",
        "provider/simulator/store.rs",
        "provider/simulator/mod.rs",
        // Connections and the time that passes between requests.
        "provider/simulator/wire/server.rs",
        // Calls take real time.
        "provider/aws/provider.rs",
        "provider/aws/session.rs",
    ];
    let banned = [
        "std::fs",
        "std::env",
        "println!",
        "eprintln!",
        "SystemTime::now",
        "Instant::now",
        "Timestamp::now",
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        if doors.iter().any(|door| source.name.starts_with(door)) {
            continue;
        }
        for (number, line) in code(&source) {
            wrong.extend(
                banned
                    .iter()
                    .filter(|name| line.contains(**name))
                    .map(|name| format!("src/{}:{number}: {name}", source.name)),
            );
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn of_the_command_line_only_the_door_touches_the_outside() {
    let banned = [
        "std::fs",
        "std::env",
        "println!",
        "Timestamp::now",
        "LocalStore::new",
        "Simulator::open",
    ];
    let mut wrong = Vec::new();
    for source in sources() {
        if !source.name.starts_with("cli/")
            || source.name == "cli/env.rs"
            || source.name == "cli/disk_files.rs"
            || source.name == "cli/place.rs"
        {
            continue;
        }
        for (number, line) in code(&source) {
            let found = banned.iter().filter(|name| line.contains(**name));
            wrong.extend(found.map(|name| format!("src/{}:{number}: {name}", source.name)));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn files_stay_readable() {
    // Six hundred is the aim; past this the second thing that lives in a file has grown up.
    const MOST_LINES: usize = 750;
    // One table of all block types and attributes: cutting it would hide what belongs together.
    const TABLES: &[&str] = &["config/schema.rs"];
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|source| source.lines.len() > MOST_LINES && !TABLES.contains(&source.name.as_str()))
        .map(|source| format!("src/{}: {} lines without tests", source.name, source.lines.len()))
        .collect();
    assert!(
        long.is_empty(),
        "look for the second thing that lives in:\n{}",
        long.join("\n")
    );
}

#[test]
fn names_say_what_is_in_a_file() {
    let banned: BTreeSet<&str> = [
        "util", "utils", "helper", "helpers", "misc", "common", "errors", "types2",
    ]
    .into();
    for source in sources() {
        let parts = source.name.trim_end_matches(".rs").split('/');
        for part in parts {
            assert!(
                !banned.contains(part),
                "src/{}: `{part}` says nothing",
                source.name
            );
        }
        let opens = source.lines.first().is_some_and(|line| line.starts_with("//!"));
        assert!(opens, "src/{} does not open with what it holds", source.name);
    }
}
