//! AWS-managed policies: what may have been meant by one that is not in the list of them.

use crate::diagnostic::did_you_mean;
use crate::model::aws_policies::{START, all, last, namesake};

/// What may have been meant by an ARN that is not in the list: the same name under another path, else one like it.
pub fn meant(arn: &str) -> Option<String> {
    let path = arn.strip_prefix(START)?;
    match namesake(arn) {
        Some(known) => Some(format!("did you mean `{START}{known}`?")),
        None => did_you_mean(last(path), all().map(last)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_name_under_another_path_is_meant_and_else_one_like_it() {
        let meant_by = meant("arn:aws:iam::aws:policy/Billing").unwrap();
        assert!(meant_by.contains("policy/job-function/Billing`"), "{meant_by}");
        let meant_by = meant("arn:aws:iam::aws:policy/ReadOnlyAcces").unwrap();
        assert!(meant_by.contains("`ReadOnlyAccess`"), "{meant_by}");
    }
}
