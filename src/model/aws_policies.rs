//! The policies that AWS manages, as of a day.
//!
//! `aws_policies.gz` is written by `config/rules/iam/generate.py`, which tells the source. It has the policies of the
//! partition `aws`, those that AWS has since withdrawn among them; what the other partitions have is not known here.

use std::io::Read as _;
use std::sync::LazyLock;

static PACKED: &[u8] = include_bytes!("aws_policies.gz");

/// The day of the list, and then a path and name a line.
static TEXT: LazyLock<String> = LazyLock::new(|| {
    let mut text = String::new();
    // What is in the program is whole; a test reads all of it.
    let _ = flate2::read::GzDecoder::new(PACKED).read_to_string(&mut text);
    text
});

/// What every ARN of the list begins with.
pub const START: &str = "arn:aws:iam::aws:policy/";

/// The day of the list, like `2026-08-26`: the last on which one of its policies changed.
pub fn date() -> &'static str {
    TEXT.lines().next().unwrap_or_default()
}

/// Path and name of every policy.
pub fn all() -> impl Iterator<Item = &'static str> {
    TEXT.lines().skip(1)
}

/// Whether the list can tell of an ARN, and does not have it.
pub fn is_unknown(arn: &str) -> bool {
    arn.strip_prefix(START)
        .is_some_and(|path| !all().any(|known| known == path))
}

/// Path and name of the policy that has the name of an ARN which is not in the list. Names of policies are unique in an
/// account, whatever their path and their case (IAM user guide, "IAM and AWS STS quotas"), so that no newer policy has
/// this ARN.
pub fn namesake(arn: &str) -> Option<&'static str> {
    let path = arn.strip_prefix(START)?;
    let name = last(path);
    let mut all = all();
    is_unknown(arn)
        .then(|| all.find(|known| last(known).eq_ignore_ascii_case(name)))
        .flatten()
}

/// The name in a path.
pub fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_list_is_whole_and_no_name_is_in_it_twice() {
        let day: jiff::civil::Date = date().parse().unwrap();
        assert!(day.year() >= 2026, "{day}");
        assert!(all().count() > 1_400);
        assert!(all().all(|path| !path.contains(':') && !path.is_empty()));
        let names: BTreeSet<String> = all().map(|path| last(path).to_ascii_lowercase()).collect();
        assert_eq!(names.len(), all().count());
    }

    #[test]
    fn policies_that_there_are_not_are_told_from_those_there_are() {
        for known in ["AdministratorAccess", "job-function/ViewOnlyAccess", "AWSDenyAll"] {
            let arn = format!("{START}{known}");
            assert!(!is_unknown(&arn) && namesake(&arn).is_none(), "{known}");
        }
        let misspelt = "arn:aws:iam::aws:policy/ReadOnlyAcces";
        assert!(is_unknown(misspelt));
        assert_eq!(namesake(misspelt), None, "it may be newer than the list");
        let billing = "arn:aws:iam::aws:policy/Billing";
        assert!(is_unknown(billing), "it has a path");
        assert_eq!(namesake(billing), Some("job-function/Billing"));
        assert!(!is_unknown("arn:aws-cn:iam::aws:policy/NotOfThisPartition"));
    }
}
