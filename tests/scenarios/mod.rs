//! Whole sessions as transcripts: commands with their output, their exit code, and edits of files in between.
//!
//! ```text
//! # a comment
//! > copy examples/01-quickstart
//! > file extra.hcl
//! group "x" { … }
//! > end
//! > remove .rolecall/journal
//! > replace main.hcl
//! - old line
//! + new line
//! > end
//! > show some.hcl
//! what is in the file
//! > end
//! $ rolecall plan --detailed-exitcode
//! < a line of standard input
//! standard output
//! ! standard error
//! [2]
//! ```
//!
//! Nothing is normalised: ids, digests and times are the same in every run.

use crate::common::{Sandbox, golden, repository};

#[test]
fn transcripts_are_what_happens() {
    let directory = repository().join("tests/scenarios");
    let scripts = crate::common::files_below(&directory, "txt");
    assert!(!scripts.is_empty());
    for path in scripts {
        let script = std::fs::read_to_string(&path).unwrap();
        golden(&path, &replay(&script));
    }
}

/// The transcript with the output as it is now.
fn replay(script: &str) -> String {
    let sandbox = Sandbox::new();
    let mut out = String::new();
    let mut lines = script.lines().peekable();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("> show ") {
            for _ in lines.by_ref().take_while(|line| *line != "> end") {}
            out.push_str(&format!("{line}\n{}> end\n", sandbox.read(name)));
        } else if let Some(edit) = line.strip_prefix("> ") {
            out.push_str(line);
            out.push('\n');
            let mut body = Vec::new();
            if !edit.starts_with("copy ") && !edit.starts_with("remove ") {
                for line in lines.by_ref() {
                    out.push_str(line);
                    out.push('\n');
                    if line == "> end" {
                        break;
                    }
                    body.push(line);
                }
            }
            apply_edit(&sandbox, edit, &body);
        } else if let Some(command) = line.strip_prefix("$ rolecall") {
            out.push_str(line);
            out.push('\n');
            let mut input = String::new();
            while let Some(text) = lines.peek().and_then(|line| line.strip_prefix("< ")) {
                out.push_str(&format!("< {text}\n"));
                input.push_str(text);
                input.push('\n');
                lines.next();
            }
            // What was expected is made anew.
            while lines.peek().is_some_and(|line| {
                !line.starts_with("$ ") && !line.starts_with("> ") && !line.starts_with("# ")
            }) {
                lines.next();
            }
            run(&sandbox, command, &input, &mut out);
        } else {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

fn run(sandbox: &Sandbox, command: &str, input: &str, out: &mut String) {
    let result = sandbox.run(&words(command), input);
    out.push_str(&result.stdout);
    for line in result.stderr.lines() {
        out.push_str(format!("! {line}").trim_end());
        out.push('\n');
    }
    if result.code != 0 {
        out.push_str(&format!("[{}]\n", result.code));
    }
    out.push('\n');
}

fn apply_edit(sandbox: &Sandbox, edit: &str, body: &[&str]) {
    let (verb, name) = edit.split_once(' ').unwrap();
    match verb {
        "copy" => sandbox.copy(name),
        "remove" => {
            let path = sandbox.path().join(name);
            if path.is_dir() {
                std::fs::remove_dir_all(path).unwrap();
            } else {
                std::fs::remove_file(path).unwrap();
            }
        }
        "file" => sandbox.write(name, &(body.join("\n") + "\n")),
        "replace" => {
            let side = |sign: &str| {
                let lines = body.iter().filter_map(|line| line.strip_prefix(sign));
                lines
                    .map(|line| format!("{}\n", line.strip_prefix(' ').unwrap_or(line)))
                    .collect::<String>()
            };
            let (old, new) = (side("-"), side("+"));
            let text = sandbox.read(name);
            assert!(text.contains(&old), "{name} does not contain\n{old}");
            sandbox.write(name, &text.replacen(&old, &new, 1));
        }
        other => panic!("`{other}` is no edit"),
    }
}

/// Words, of which quoted ones may hold spaces.
fn words(command: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    for c in command.chars() {
        match (quote, c) {
            (Some(open), c) if c == open => quote = None,
            (Some(_), c) => word.get_or_insert_default().push(c),
            (None, '\'' | '"') => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            (None, ' ') => words.extend(word.take()),
            (None, c) => word.get_or_insert_default().push(c),
        }
    }
    words.extend(word);
    words
}
