//! AWS-managed policies, by name.
//!
//! `managed.gz` is written by `generate.py`, which tells the source. It has the policies of the partition `aws`, those
//! that AWS has since withdrawn among them; what the other partitions have is not known here.

use std::io::Read as _;
use std::sync::LazyLock;

use crate::diagnostic::did_you_mean;

static PACKED: &[u8] = include_bytes!("managed.gz");

/// The day of the list, and then a path and name a line.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::new();
    // What is in the program is whole; a test reads all of it.
    let _ = flate2::read::GzDecoder::new(PACKED).read_to_string(&mut text);
    text
});

/// What every ARN of the list begins with.
const START: &str = "arn:aws:iam::aws:policy/";

/// The day of the list, like `2026-08-26`: the last on which one of its policies changed.
pub fn date() -> &'static str {
    TEXT.lines().next().unwrap_or_default()
}

fn all() -> impl Iterator<Item = &'static str> {
    TEXT.lines().skip(1)
}

/// Whether the list can tell of an ARN, and does not have it.
pub fn is_unknown(arn: &str) -> bool {
    arn.strip_prefix(START)
        .is_some_and(|path| !all().any(|known| known == path))
}

/// What may have been meant by an ARN that is not in the list: the same name under another path, else one like it.
pub fn meant(arn: &str) -> Option<String> {
    let path = arn.strip_prefix(START)?;
    let name = last(path);
    let same = all().find(|known| last(known).eq_ignore_ascii_case(name));
    match same {
        Some(known) => Some(format!("did you mean `{START}{known}`?")),
        None => did_you_mean(name, all().map(last)),
    }
}

fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole() {
        let day: jiff::civil::Date = date().parse().unwrap();
        assert!(day.year() >= 2026, "{day}");
        assert!(all().count() > 1_400);
        assert!(all().all(|path| !path.contains(':') && !path.is_empty()));
    }

    #[test]
    fn policies_that_there_are_not_are_told_from_those_there_are() {
        for known in ["AdministratorAccess", "job-function/ViewOnlyAccess", "AWSDenyAll"] {
            assert!(!is_unknown(&format!("{START}{known}")), "{known}");
        }
        assert!(is_unknown("arn:aws:iam::aws:policy/ReadOnlyAcces"));
        let billing = "arn:aws:iam::aws:policy/Billing";
        assert!(is_unknown(billing), "it has a path");
        let meant_by = meant(billing).unwrap();
        assert!(meant_by.contains("policy/job-function/Billing`"), "{meant_by}");
        let meant_by = meant("arn:aws:iam::aws:policy/ReadOnlyAcces").unwrap();
        assert!(meant_by.contains("`ReadOnlyAccess`"), "{meant_by}");
        assert!(!is_unknown("arn:aws-cn:iam::aws:policy/NotOfThisPartition"));
    }
}
