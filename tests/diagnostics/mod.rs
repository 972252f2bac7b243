//! Bad inputs and what is said about them.
//!
//! A case is a file or a directory in `cases/`. A comment `#~ code` stands on the line that a finding with this code
//! must point at; every finding must be announced so. What a person sees is in the `.txt` next to the case. With
//! `UPDATE=1` in the environment the `.txt` files are written anew, to be read before they are committed.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rolecall::config::evaluate::{EvalOptions, evaluate};
use rolecall::config::files::NoFiles;
use rolecall::config::module::{SourceTree, compile};
use rolecall::diagnostic::Diagnostics;
use rolecall::report::diagnostics::to_text;
use rolecall::source::SourceMap;

/// A directory, or one file as if it were alone in one.
struct Case {
    root: PathBuf,
    only: Option<String>,
}

impl SourceTree for Case {
    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        if let Some(only) = &self.only {
            return Ok(vec![only.clone()]);
        }
        let entries =
            std::fs::read_dir(self.root.join(directory)).map_err(|_| "no such directory".to_owned())?;
        let files = entries
            .filter_map(Result::ok)
            .filter(|entry| entry.path().is_file());
        Ok(files
            .map(|entry| entry.file_name().to_string_lossy().into_owned())
            .collect())
    }

    fn read(&self, path: &str) -> Result<String, String> {
        std::fs::read_to_string(self.root.join(path)).map_err(|error| error.to_string())
    }
}

fn findings(case: &Case) -> (Diagnostics, SourceMap) {
    let (program, sources, mut found) = compile(case, ".");
    let options = EvalOptions {
        variables: Vec::new(),
        observed: None,
        now: jiff::Timestamp::UNIX_EPOCH,
        cwd: Arc::from("/stack"),
    };
    found.extend(evaluate(&program, &options, &NoFiles).diagnostics);
    (found, sources)
}

/// `file:line code` for every `#~ code` in the sources.
fn announced(sources: &SourceMap) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, file) in sources.files() {
        for (number, line) in (1..).zip(file.text.lines()) {
            if let Some((_, code)) = line.split_once("#~ ") {
                found.insert(format!("{}:{number} {}", file.name, code.trim()));
            }
        }
    }
    found
}

fn reported(found: &Diagnostics, sources: &SourceMap) -> BTreeSet<String> {
    found
        .iter()
        .map(|(finding, _)| {
            let span = finding.primary.as_ref().map(|label| label.span);
            let place = span.and_then(|span| sources.location(span));
            format!(
                "{} {}",
                place.map_or_else(|| "nowhere".to_owned(), |place| place.to_string()),
                finding.code.0
            )
        })
        .collect()
}

fn cases() -> Vec<(String, Case)> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics/cases");
    let mut cases = Vec::new();
    for entry in std::fs::read_dir(&directory).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        if path.is_dir() {
            cases.push((
                name,
                Case {
                    root: path,
                    only: None,
                },
            ));
        } else if path.extension().is_some_and(|extension| extension == "hcl") {
            let only = Some(path.file_name().unwrap().to_string_lossy().into_owned());
            cases.push((
                name,
                Case {
                    root: directory.clone(),
                    only,
                },
            ));
        }
    }
    cases.sort_by(|left, right| left.0.cmp(&right.0));
    cases
}

#[test]
fn every_mistake_is_found_where_it_is_and_nothing_else_is() {
    let mut wrong = String::new();
    for (name, case) in cases() {
        let (found, sources) = findings(&case);
        let (announced, reported) = (announced(&sources), reported(&found, &sources));
        if announced != reported || announced.is_empty() {
            wrong.push_str(&format!(
                "{name}\n  announced {announced:?}\n  reported  {reported:?}\n"
            ));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn what_is_said_is_what_was_reviewed() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics/cases");
    let update = std::env::var_os("UPDATE").is_some();
    let mut wrong = String::new();
    for (name, case) in cases() {
        let (found, sources) = findings(&case);
        let text = to_text(&found, &sources);
        let golden = directory.join(format!("{name}.txt"));
        if update {
            std::fs::write(&golden, &text).unwrap();
        } else if std::fs::read_to_string(&golden).unwrap_or_default() != text {
            wrong.push_str(&format!("{name}: now\n{text}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_catalogue_is_large() {
    assert!(cases().len() >= 60);
}

/// The files of a directory, for functions.
struct Disk(PathBuf);

impl rolecall::config::files::Files for Disk {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        std::fs::read(self.0.join(path))
            .map(Arc::from)
            .map_err(|error| error.to_string())
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        Ok(self.0.join(path).is_file())
    }

    fn list(&self, directory: &str) -> Result<Vec<String>, String> {
        let root = self.0.join(directory);
        let mut found = Vec::new();
        let mut work = vec![root.clone()];
        while let Some(directory) = work.pop() {
            for entry in std::fs::read_dir(directory).map_err(|error| error.to_string())? {
                let path = entry.unwrap().path();
                if path.is_dir() {
                    work.push(path);
                } else {
                    found.push(path.strip_prefix(&root).unwrap().to_string_lossy().into_owned());
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

#[test]
fn the_examples_are_free_of_mistakes() {
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("examples");
    let mut seen = 0;
    let mut work = vec![examples];
    while let Some(directory) = work.pop() {
        let entries = || {
            std::fs::read_dir(&directory)
                .unwrap()
                .map(|entry| entry.unwrap().path())
        };
        let is_stack = entries().any(|path| path.extension().is_some_and(|extension| extension == "hcl"));
        if !is_stack {
            work.extend(entries().filter(|path| path.is_dir()));
            continue;
        }
        seen += 1;
        let case = Case {
            root: directory.clone(),
            only: None,
        };
        let (program, sources, found) = compile(&case, ".");
        let options = EvalOptions {
            variables: Vec::new(),
            observed: None,
            now: jiff::Timestamp::UNIX_EPOCH,
            cwd: Arc::from("/stack"),
        };
        let evaluation = evaluate(&program, &options, &Disk(directory.clone()));
        let both = format!(
            "{}{}",
            to_text(&found, &sources),
            to_text(&evaluation.diagnostics, &sources)
        );
        assert!(
            found.is_empty() && evaluation.diagnostics.is_empty(),
            "{}:\n{both}",
            directory.display()
        );
        assert!(
            !evaluation.desired.snapshot.access.is_empty(),
            "{}",
            directory.display()
        );
    }
    assert!(seen >= 4);
}

#[test]
fn every_code_is_in_the_catalogue_and_in_use() {
    let mut used = BTreeSet::new();
    let mut work = vec![Path::new(env!("CARGO_MANIFEST_DIR")).join("src/config")];
    while let Some(path) = work.pop() {
        if path.is_dir() {
            work.extend(
                std::fs::read_dir(&path)
                    .unwrap()
                    .map(|entry| entry.unwrap().path()),
            );
            continue;
        }
        if path.extension().is_none_or(|extension| extension != "rs") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let code = text.split("#[cfg(test)]").next().unwrap();
        for part in code.split("Code(\"").skip(1) {
            used.insert(part.split('"').next().unwrap().to_owned());
        }
    }
    let listed: BTreeSet<String> = rolecall::config::codes::CODES
        .iter()
        .map(|(code, _)| (*code).to_owned())
        .collect();
    assert_eq!(listed, used);
    assert!(rolecall::config::codes::CODES.is_sorted_by(|left, right| left.0 < right.0));
}

/// One file in memory.
struct Text(String);

impl SourceTree for Text {
    fn list(&self, _: &str) -> Result<Vec<String>, String> {
        Ok(vec!["main.hcl".to_owned()])
    }

    fn read(&self, _: &str) -> Result<String, String> {
        Ok(self.0.clone())
    }
}

#[test]
fn no_damage_to_a_text_breaks_the_compiler() {
    let check = |text: String| {
        let (program, sources, mut found) = compile(&Text(text.clone()), ".");
        let options = EvalOptions {
            variables: Vec::new(),
            observed: None,
            now: jiff::Timestamp::UNIX_EPOCH,
            cwd: Arc::from("/stack"),
        };
        found.extend(evaluate(&program, &options, &NoFiles).diagnostics);
        let broken = found.iter().any(|(finding, _)| finding.code.0 == "no-thread");
        assert!(!broken, "{text}\n{}", to_text(&found, &sources));
    };
    for (_, case) in cases().into_iter().filter(|(_, case)| case.only.is_some()) {
        let text = case.read(case.only.as_deref().unwrap()).unwrap();
        let lines: Vec<&str> = text.lines().collect();
        for gone in 0..lines.len() {
            let rest = lines.iter().enumerate().filter(|(at, _)| *at != gone);
            check(rest.map(|(_, line)| format!("{line}\n")).collect());
        }
        let ends = text.char_indices().map(|(at, _)| at).filter(|at| at % 7 == 3);
        ends.for_each(|end| check(text[..end].to_owned()));
    }
}
