//! What transcripts cannot show: links, locks, pipes, and characters that a terminal obeys.

use std::io::Read;
use std::process::Stdio;
use std::time::Duration;

use rolecall::state::local::LocalStore;
use rolecall::state::{LockInfo, LockRequest, StateStore};

use crate::common::Sandbox;

/// A part of the configuration that cannot be read is no part that is not there.
#[cfg(unix)]
#[test]
fn a_configuration_file_that_cannot_be_read_is_an_error() {
    let sandbox = Sandbox::with("examples/01-quickstart");
    sandbox.ok(&["apply", "--auto-approve"]);
    let main = sandbox.path().join("main.hcl");
    let text = sandbox.read("main.hcl");
    let link = sandbox.path().join("elsewhere");
    std::fs::write(&link, &text).unwrap();

    std::fs::remove_file(&main).unwrap();
    std::os::unix::fs::symlink(&link, &main).unwrap();
    assert_eq!(
        sandbox.run(&["validate"], "").code,
        0,
        "a link to a file is a file"
    );

    sandbox.write("other.hcl", "# so that there is another file\n");
    std::fs::remove_file(&link).unwrap();
    for command in ["validate", "plan"] {
        let dangling = sandbox.run(&[command], "");
        assert_eq!(dangling.code, 1);
        assert!(dangling.stderr.contains("main.hcl"), "{}", dangling.stderr);
        assert!(
            dangling.stderr.contains("a link to something that is not there"),
            "{}",
            dangling.stderr
        );
    }
    std::fs::remove_file(&main).unwrap();
    std::fs::create_dir(&main).unwrap();
    let directory = sandbox.run(&["plan"], "");
    assert_eq!(directory.code, 1);
    assert!(
        directory.stderr.contains("it is a directory"),
        "{}",
        directory.stderr
    );
    // Editors leave such links behind.
    std::fs::remove_dir(&main).unwrap();
    std::fs::write(&main, &text).unwrap();
    std::os::unix::fs::symlink("ada@laptop.1234", sandbox.path().join(".#main.hcl")).unwrap();
    assert_eq!(sandbox.run(&["validate"], "").code, 0);
}

#[test]
fn whoever_plans_during_a_run_is_told_of_it() {
    let sandbox = Sandbox::with("examples/01-quickstart");
    let mut store = LocalStore::new(&sandbox.path().join(".rolecall"));
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let request = LockRequest {
        info: LockInfo {
            id: "".into(),
            owner: "grace@laptop".into(),
            host: host.trim().into(),
            pid: 7,
            command: "rolecall apply".into(),
            since: "2026-01-01T00:00:00Z".parse().unwrap(),
        },
        timeout: Duration::ZERO,
    };
    store.lock(&request).unwrap();
    for command in ["plan", "drift"] {
        let during = sandbox.run(&[command], "");
        let note = "note: grace@laptop has run `rolecall apply` since ";
        assert!(during.stderr.contains(note), "{}", during.stderr);
    }
    let locked = sandbox.run(&["-C", "../acme", "apply", "--auto-approve"], "");
    assert_eq!(locked.code, 5);
    assert!(
        locked.stderr.contains("`rolecall -C ../acme force-unlock "),
        "{}",
        locked.stderr
    );
    drop(store);
    let after = sandbox.run(&["plan"], "");
    assert_eq!(after.stderr, "");
}

/// Names are other people's words.
#[test]
fn nothing_that_a_terminal_obeys_is_written() {
    let sandbox = Sandbox::with("examples/01-quickstart");
    let evil = "Dev\u{202e}srepo";
    let text = sandbox
        .read("main.hcl")
        .replace("\"Developers\"", "\"Dev\\u202esrepo\"");
    sandbox.write("main.hcl", &text);
    let apply = sandbox.run(&["apply", "--auto-approve"], "");
    assert_eq!(apply.code, 0, "{}", apply.stderr);
    let csv = sandbox.ok(&["access", "--format", "csv"]);
    assert!(!csv.contains(evil) && csv.contains("Dev\\u{202e}srepo"), "{csv}");
    let json: serde_json::Value = serde_json::from_str(&sandbox.ok(&["access", "--json"])).unwrap();
    assert_eq!(json["rows"][0]["via"][0], evil, "JSON is data");
    let console = sandbox.run(&["console"], "group.developers.display_name\n\"\\u001b[2J\"\n");
    assert_eq!(console.stdout, "\"Dev\\u202esrepo\"\n\"\\u001b[2J\"\n");
    let error = sandbox.run(&["sim", "do", "delete-group", "No\u{1b}[2J\u{202e}"], "");
    assert_eq!(error.code, 1);
    assert!(
        !error.stderr.contains(['\u{1b}', '\u{202e}']),
        "{:?}",
        error.stderr
    );
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    let sandbox = Sandbox::with("examples/02-organization");
    sandbox.ok(&["apply", "--auto-approve"]);
    for format in ["csv", "json", "text"] {
        let mut child = sandbox
            .command()
            .args(["access", "--format", format])
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut start = [0; 1];
        child.stdout.take().unwrap().read_exact(&mut start).unwrap();
        let output = child.wait_with_output().unwrap();
        assert_eq!(String::from_utf8(output.stderr).unwrap(), "", "{format}");
    }
}

#[test]
fn more_is_said_on_request() {
    let sandbox = Sandbox::with("examples/01-quickstart");
    let quiet = sandbox.run(&["plan"], "");
    let more = sandbox.run(&["-v", "plan"], "");
    let most = sandbox.run(&["-vv", "plan"], "");
    assert_eq!(quiet.stderr, "");
    let mut lines = more.stdout.lines();
    for line in quiet.stdout.lines() {
        assert!(lines.any(|shown| shown == line), "{line}: {}", more.stdout);
    }
    assert!(more.stdout.contains("      via Developers; joins Developers ("));
    for text in [
        "read 1 file",
        "no state yet",
        "read from provider simulator: ",
        "planned and checked: ",
    ] {
        assert!(more.stderr.contains(text), "{text}: {}", more.stderr);
        assert!(most.stderr.contains(text), "{text}: {}", most.stderr);
    }
    assert!(most.stderr.contains("  main.hcl\n") && most.stderr.len() > more.stderr.len());
}

/// The history is written by one clock, whoever writes it.
#[test]
fn the_history_goes_by_one_clock() {
    let sandbox = Sandbox::with("examples/01-quickstart");
    sandbox.ok(&["apply", "--auto-approve"]);
    sandbox.ok(&["state", "mv", "group.developers", "group.devs"]);
    sandbox.ok(&["state", "rm", "group.devs"]);
    let log: serde_json::Value = serde_json::from_str(&sandbox.ok(&["state", "log", "--json"])).unwrap();
    let times: Vec<&str> = log["history"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| line["at"].as_str().unwrap())
        .collect();
    assert_eq!(times.len(), 3);
    assert!(
        times.is_sorted() && times.iter().all(|at| at.starts_with("2026-01-01")),
        "{times:?}"
    );
}

/// Whoever can write the file can seal it anew. What it says is then what `show` shows, and never what `apply` shows or
/// does.
#[test]
fn a_forged_plan_is_shown_as_what_it_is_and_apply_shows_its_own() {
    let sandbox = Sandbox::with("examples/01-quickstart");
    sandbox.ok(&["plan", "--out", "../honest.plan"]);
    let honest = sandbox.read("../honest.plan");
    let (head, body) = honest.split_once('\n').unwrap();
    let mut body: serde_json::Value = serde_json::from_str(body).unwrap();
    body["plan"]["user_names"]["ada@example.com"] = "Nobody Special".into();
    let body = serde_json::to_string(&body).unwrap() + "\n";
    sandbox.write("../careless.plan", &format!("{head}\n{body}"));
    let careless = sandbox.run(&["show", "../careless.plan"], "");
    assert_eq!(careless.code, 3);
    assert!(
        careless.stderr.contains("damaged or changed"),
        "{}",
        careless.stderr
    );

    let parsed: serde_json::Value = serde_json::from_str(head).unwrap();
    let seal = blake3::hash(body.as_bytes()).to_hex().to_string();
    let head = head.replace(parsed["seal"].as_str().unwrap(), &seal);
    sandbox.write("../forged.plan", &format!("{head}\n{body}"));
    let shown = sandbox.run(&["show", "../forged.plan"], "");
    assert_eq!(shown.code, 0, "{}", shown.stderr);
    assert!(shown.stdout.contains("Nobody Special"));
    assert!(shown.stderr.contains("untrusted input"), "{}", shown.stderr);

    let applied = sandbox.run(&["apply", "../forged.plan"], "");
    assert_eq!(applied.code, 0, "{}", applied.stderr);
    assert!(applied.stdout.contains("Ada Lovelace"), "{}", applied.stdout);
    assert!(!applied.stdout.contains("Nobody Special") && !applied.stderr.contains("Nobody Special"));
}

/// Whoever writes a change also chooses where its links lead: the stack's directory and those above it are no exception.
#[cfg(unix)]
#[test]
fn what_is_compared_is_read_where_it_was_named() {
    let sandbox = Sandbox::new();
    let at = |path: &str| sandbox.path().join(path);
    let stack = |place: &str| {
        sandbox.write(
            &format!("{place}/main.hcl"),
            "output \"told\" {\n  value = fileexists(\"secret.txt\") ? file(\"secret.txt\") : \"nothing\"\n}\n",
        );
    };
    stack("base/access");
    stack("private/access");
    sandbox.write("private/access/secret.txt", "the private text");
    sandbox.write("private/values.hclvars", "the private text");
    std::fs::create_dir_all(at("change/near/inner")).unwrap();
    stack("change/near/inner");
    let link = |from: &str, to: &str| std::os::unix::fs::symlink(to, at(from)).unwrap();
    link("change/access", "../private/access");
    link("change/infra", "../private");
    link("change/values.hclvars", "../private/values.hclvars");
    link("change/near/here", "inner");
    let absolute = at("change/access").display().to_string();
    for (stack, base) in [
        ("change/access", "base/access"),
        (absolute.as_str(), "base/access"),
        ("change/infra/access", "base/access"),
        ("base/access", "change/access"),
        ("base/access", "change/infra/access"),
    ] {
        let output = sandbox.run(&["-C", stack, "plan", "--base", base], "");
        assert_eq!(
            output.code, 1,
            "{stack}, {base}: {}{}",
            output.stdout, output.stderr
        );
        assert!(
            output.stderr.contains("leads out of the directory"),
            "{}",
            output.stderr
        );
        assert!(!format!("{}{}", output.stdout, output.stderr).contains("private text"));
    }
    let more = ["-C", "base/access", "plan", "--base", "base/access"];
    for option in [
        ["--also-read", "change/access"],
        ["--var-file", "change/values.hclvars"],
    ] {
        let output = sandbox.run(&[more.as_slice(), &option].concat(), "");
        assert_eq!(output.code, 1, "{}", output.stdout);
        assert!(
            output.stderr.contains("leads out of the directory"),
            "{}",
            output.stderr
        );
    }
    for stack in ["change/near/here", "change/near/inner", "private/access"] {
        let output = sandbox.run(&["-C", stack, "plan", "--base", "base/access"], "");
        assert_eq!(output.code, 0, "{stack}: {}", output.stderr);
    }
    // Where nobody is compared, a link is as good as what it leads to.
    let output = sandbox.run(&["-C", "change/access", "validate"], "");
    assert_eq!(output.code, 0, "{}", output.stderr);
}
