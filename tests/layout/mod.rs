//! The layout of `fmt` against that of `terraform fmt` (version 1.11.4), recorded by `regenerate`: the same but for blank
//! lines, of which one is kept.
//!
//! `terraform.txt` holds cases: a text and what it becomes, each after a line of its own.

use rolecall::config::syntax::layout::layout;

/// Blank lines as `fmt` leaves them.
fn squeezed(text: &str) -> String {
    let mut out = String::new();
    let mut blank = false;
    for line in text.lines() {
        if line.is_empty() {
            blank = !out.is_empty();
            continue;
        }
        if std::mem::take(&mut blank) {
            out.push('\n');
        }
        out.push_str(line);
        out.push('\n');
    }
    out
}

#[test]
fn files_look_as_terraform_fmt_leaves_them() {
    let path = crate::common::repository().join("tests/layout/terraform.txt");
    let text = std::fs::read_to_string(path).unwrap();
    let mut count = 0;
    for case in text.split("=== case\n").skip(1) {
        let (before, after) = case.split_once("=== becomes\n").unwrap();
        assert_eq!(layout(before), squeezed(after), "{before}");
        count += 1;
    }
    assert!(count > 100);
}
