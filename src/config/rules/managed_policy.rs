//! AWS-managed policies: the form of their ARNs, and how many a set can have.
//!
//! Source: service model of IAM Identity Center, `ManagedPolicyArn` (20 to 2,048 characters,
//! `arn:aws:iam::aws:policy/…`); "Quotas and limits in IAM Identity Center": 20 AWS- and customer-managed policies
//! per set, while IAM's own default is 10 per role, in each account. Which policies there are is in
//! [`crate::model::aws_policies`].

use crate::config::rules::Finding;
use crate::config::rules::iam::managed;
use crate::diagnostic::Code;
use crate::model::aws_policies;

/// An ARN that is not that of an AWS-managed policy.
const INVALID: Code = Code("invalid-managed-policy");
/// Too many managed policies.
const TOO_MANY: Code = Code("too-many-policies");
/// One policy twice.
const TWICE: Code = Code("repeated-policy");
/// An AWS-managed policy that is not in the list of them.
const UNKNOWN: Code = Code("unknown-managed-policy");
/// A boundary within which nothing is allowed.
const NOTHING_ALLOWED: Code = Code("boundary-allows-nothing");

/// The most policies in a set.
const MAX: usize = 20;
/// The most policies on a role unless IAM's quota has been raised in the account.
const IAM_DEFAULT: usize = 10;

/// The ARN of an AWS-managed policy.
pub fn arn(text: &str) -> Option<Finding> {
    let mut parts = text.splitn(6, ':');
    let pattern = [
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
        parts.next(),
    ];
    let [
        Some("arn"),
        Some(partition),
        Some("iam"),
        Some(""),
        Some(owner),
        Some(resource),
    ] = pattern
    else {
        let finding = Finding::error(
            INVALID,
            format!("{text:?} is not the ARN of an AWS-managed policy"),
        );
        return Some(if text.contains(':') || text.is_empty() {
            finding.because("such an ARN looks like `arn:aws:iam::aws:policy/ReadOnlyAccess`")
        } else {
            finding.help(format!("write `\"arn:aws:iam::aws:policy/{text}\"`"))
        });
    };
    if owner.len() == 12 && owner.bytes().all(|b| b.is_ascii_digit()) {
        let (path, name) = resource
            .strip_prefix("policy")
            .and_then(|rest| rest.rsplit_once('/'))
            .unwrap_or(("", resource));
        return Some(
            Finding::error(INVALID, format!("{text:?} is a policy of one account"))
                .because(
                    "a set is used in many accounts, so it names customer-managed policies by name and path",
                )
                .help(format!(
                    "write `customer_managed_policies = [{{ name = {name:?}, path = \"{path}/\" }}]`"
                )),
        );
    }
    let good = partition.starts_with("aws")
        && owner == "aws"
        && resource.strip_prefix("policy/").is_some_and(policy_path);
    let good = good && (20..=2048).contains(&text.chars().count());
    (!good).then(|| {
        Finding::error(
            INVALID,
            format!("{text:?} is not the ARN of an AWS-managed policy"),
        )
        .because("such an ARN looks like `arn:aws:iam::aws:policy/ReadOnlyAccess`")
    })
}

fn policy_path(path: &str) -> bool {
    let segment = |text: &str| {
        !text.is_empty()
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || "+=,.@_-".contains(c))
    };
    path.split('/').all(segment)
}

/// How many managed policies, of both kinds, a set has.
pub fn count(aws: usize, customer: usize) -> Option<Finding> {
    let total = aws + customer;
    if total > MAX {
        return Some(
            Finding::error(
                TOO_MANY,
                format!("a permission set has at most {MAX} managed policies; this has {total}"),
            )
            .because("AWS- and customer-managed policies count together")
            .help("join some of them into an inline or customer-managed policy"),
        );
    }
    (total > IAM_DEFAULT).then(|| {
        Finding::warning(TOO_MANY, format!("a role takes {IAM_DEFAULT} managed policies unless IAM's quota has been raised; this set has {total}"))
            .because("the quota is per account: where it has not been raised, provisioning fails")
            .help("raise \"Managed policies attached to an IAM role\" in every account the set is used in")
    })
}

/// A permissions boundary that leaves nothing of what the set allows. What other boundaries say is known to IAM alone.
///
/// Source: AWS Managed Policy Reference Guide, "AWSDenyAll" ("Deny all access"); IAM user guide, "Permissions boundaries
/// for IAM entities" (an explicit deny in a boundary counts).
pub fn boundary(arn: &str) -> Option<Finding> {
    arn.ends_with(":aws:policy/AWSDenyAll").then(|| {
        Finding::warning(NOTHING_ALLOWED, "this permissions boundary denies everything")
            .because("a session of this permission set may do nothing at all, whatever its policies allow")
            .help("choose another boundary; to take access away, remove the assignments")
    })
}

/// An ARN of the right form that names no policy of the list: a warning, as AWS adds policies and the list is of one day.
pub fn unknown(arn: &str) -> Option<Finding> {
    aws_policies::is_unknown(arn).then(|| {
        let date = aws_policies::date();
        let other = "if it is right, name it in `lint { known_policies = […] }`".to_owned();
        let meant = managed::meant(arn);
        Finding::warning(UNKNOWN, format!("{arn:?} is not in the list of AWS-managed policies of {date}"))
            .because("a set cannot attach a policy that there is not; one that AWS has made since is missing in the list")
            .help(meant.map_or(other.clone(), |meant| format!("{meant} {other}")))
    })
}

/// A policy that is listed twice.
pub fn repeated(name: &str) -> Finding {
    Finding::warning(TWICE, format!("`{name}` is listed twice")).help("remove one of them")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_aws_managed_policies_have_arns_here() {
        assert_eq!(arn("arn:aws:iam::aws:policy/AdministratorAccess"), None);
        assert_eq!(arn("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"), None);
        assert_eq!(arn("arn:aws-us-gov:iam::aws:policy/ReadOnlyAccess"), None);
        assert!(
            arn("ReadOnlyAccess")
                .unwrap()
                .remedy
                .unwrap()
                .contains("arn:aws:iam::aws:policy/ReadOnlyAccess")
        );
        let own = arn("arn:aws:iam::111122223333:policy/team/audit").unwrap();
        assert!(own.remedy.unwrap().contains(r#"name = "audit", path = "/team/""#));
        for bad in [
            "arn:aws:iam::aws:role/X",
            "arn:aws:iam::aws:policy/",
            "arn:aws:s3:::bucket",
            "",
            "arn:aws:iam::aws:policy/a b",
        ] {
            assert!(arn(bad).is_some(), "{bad}");
        }
    }

    #[test]
    fn twenty_is_the_limit_and_ten_the_default() {
        assert_eq!(count(6, 4), None);
        assert_eq!(
            count(10, 1).unwrap().severity,
            crate::diagnostic::Severity::Warning
        );
        assert_eq!(
            count(20, 0).unwrap().severity,
            crate::diagnostic::Severity::Warning
        );
        assert_eq!(count(15, 6).unwrap().severity, crate::diagnostic::Severity::Error);
    }
}
