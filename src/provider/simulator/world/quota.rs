//! The service's quotas and its throttling.
//!
//! Values are those of the page "Quotas and limits in IAM Identity Center" of the user guide, unless said.

use std::time::Duration;

use serde::{Deserialize, Serialize};

use super::call::{Family, Operation};
use super::clock::Time;
use super::error::{ErrorCode, ServiceError};

/// How many of what an instance may have.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quotas {
    /// Permission sets in the instance.
    pub permission_sets: u32,
    /// Permission sets provisioned in one account.
    pub permission_sets_per_account: u32,
    /// AWS-managed and customer-managed policies in a permission set, together.
    pub policies_per_set: u32,
    /// Managed policies that IAM lets a role have; the set's own limit is higher, and the difference shows
    /// only when the role is provisioned (IAM and STS quotas page: 10 by default).
    pub policies_per_role: u32,
    /// Accounts in which the instance has assignments (accounts and applications together).
    pub accounts: u32,
    /// Accounts that `ALL_PROVISIONED_ACCOUNTS` reaches.
    pub provision_reach: u32,
    /// `ProvisionPermissionSet` requests in progress.
    pub outstanding_provisions: u32,
    /// `CreateAccountAssignment` requests in progress. The page names no number for deletions; the world
    /// allows as many of those.
    pub outstanding_assignments: u32,
    /// Users in the identity store.
    pub users: u32,
    /// Groups in the identity store.
    pub groups: u32,
    /// Tags on a resource (user guide, "Tagging AWS IAM Identity Center resources").
    pub tags: u32,
    /// Requests per second, for each service.
    pub requests_per_second: u32,
}

impl Default for Quotas {
    fn default() -> Self {
        Quotas {
            permission_sets: 3_500,
            permission_sets_per_account: 500,
            policies_per_set: 20,
            policies_per_role: 10,
            accounts: 3_000,
            provision_reach: 3_500,
            outstanding_provisions: 3,
            outstanding_assignments: 15,
            users: 100_000,
            groups: 100_000,
            tags: 50,
            requests_per_second: 20,
        }
    }
}

impl Quotas {
    /// No limits at all; the sizes of single fields are no quotas and still hold.
    pub fn off() -> Self {
        Quotas {
            permission_sets: u32::MAX,
            permission_sets_per_account: u32::MAX,
            policies_per_set: u32::MAX,
            policies_per_role: u32::MAX,
            accounts: u32::MAX,
            provision_reach: u32::MAX,
            outstanding_provisions: u32::MAX,
            outstanding_assignments: u32::MAX,
            users: u32::MAX,
            groups: u32::MAX,
            tags: u32::MAX,
            requests_per_second: u32::MAX,
        }
    }
}

/// Refuses one more of `what` when there are `have` and `most` are allowed.
pub(super) fn room(have: usize, most: u32, what: &str) -> Result<(), ServiceError> {
    if have < most as usize {
        return Ok(());
    }
    Err(ServiceError::quota(format!(
        "You have exceeded AWS SSO limits. Cannot create {what} more than {most}."
    )))
}

/// A token bucket for each service, full again after a second. It is not stored: a world that was away long
/// enough to be loaded again has full buckets.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Throttle {
    buckets: [Option<Bucket>; 4],
}

#[derive(Debug, Clone, Copy, PartialEq)]
struct Bucket {
    /// Thousandths of a request left.
    left: u64,
    at: Time,
}

impl Throttle {
    /// Takes one request out of the operation's bucket.
    pub(super) fn admit(&mut self, operation: Operation, now: Time, rate: u32) -> Result<(), ServiceError> {
        if rate == u32::MAX {
            return Ok(());
        }
        let family = operation.family();
        let bucket = self.filled(family, now, rate);
        if bucket.left < 1_000 {
            let code = match family {
                Family::Organizations => ErrorCode::TooManyRequestsException,
                _ => ErrorCode::ThrottlingException,
            };
            return Err(ServiceError::new(code, "Rate exceeded"));
        }
        bucket.left -= 1_000;
        Ok(())
    }

    /// When the family's next request will be admitted.
    pub(super) fn free_at(&self, family: Family, now: Time, rate: u32) -> Time {
        if rate == u32::MAX {
            return now;
        }
        let mut copy = self.clone();
        let left = copy.filled(family, now, rate).left;
        let missing = 1_000_u64.saturating_sub(left);
        now.after(Duration::from_millis(missing.div_ceil(u64::from(rate.max(1)))))
    }

    fn filled(&mut self, family: Family, now: Time, rate: u32) -> &mut Bucket {
        let full = u64::from(rate) * 1_000;
        let [sso, store, organizations, iam] = &mut self.buckets;
        let slot = match family {
            Family::Sso => sso,
            Family::IdentityStore => store,
            Family::Organizations => organizations,
            Family::Iam => iam,
        };
        let bucket = slot.get_or_insert(Bucket { left: full, at: now });
        let millis = u64::try_from(now.since(bucket.at).as_millis()).unwrap_or(u64::MAX);
        bucket.left = bucket
            .left
            .saturating_add(millis.saturating_mul(u64::from(rate)))
            .min(full);
        bucket.at = now;
        bucket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn later(millis: u64) -> Time {
        Time::BEGINNING.after(Duration::from_millis(millis))
    }

    #[test]
    fn twenty_requests_a_second_are_admitted_and_the_next_is_throttled() {
        let mut throttle = Throttle::default();
        let mut call = |at, op| throttle.admit(op, at, 20);
        for _ in 0..20 {
            call(later(0), Operation::ListPermissionSets).unwrap();
        }
        let error = call(later(0), Operation::DescribePermissionSet).unwrap_err();
        assert_eq!(error.code, ErrorCode::ThrottlingException);
        assert!(
            call(later(0), Operation::ListUsers).is_ok(),
            "the identity store has its own quota"
        );
        assert!(call(later(49), Operation::ListPermissionSets).is_err());
        assert!(call(later(50), Operation::ListPermissionSets).is_ok());
        assert!(call(later(50), Operation::ListPermissionSets).is_err());
        let admitted = (0..40)
            .filter(|_| call(later(5_000), Operation::ListPermissionSets).is_ok())
            .count();
        assert_eq!(admitted, 20, "a bucket holds no more than a second's requests");
    }

    #[test]
    fn the_throttle_says_when_it_will_admit_again() {
        let mut throttle = Throttle::default();
        for _ in 0..20 {
            throttle.admit(Operation::MoveAccount, later(0), 20).unwrap();
        }
        assert_eq!(throttle.free_at(Family::Organizations, later(0), 20), later(50));
        assert_eq!(throttle.free_at(Family::Sso, later(0), 20), later(0));
        let error = throttle.admit(Operation::MoveAccount, later(0), 20).unwrap_err();
        assert_eq!(error.code, ErrorCode::TooManyRequestsException);
    }

    #[test]
    fn quotas_are_those_of_the_guide() {
        let quotas = Quotas::default();
        assert_eq!(
            (quotas.permission_sets, quotas.permission_sets_per_account),
            (3500, 500)
        );
        assert_eq!((quotas.policies_per_set, quotas.policies_per_role), (20, 10));
        assert_eq!(
            (quotas.outstanding_assignments, quotas.outstanding_provisions),
            (15, 3)
        );
        assert_eq!(
            (quotas.users, quotas.groups, quotas.accounts),
            (100_000, 100_000, 3_000)
        );
        assert_eq!((quotas.requests_per_second, quotas.provision_reach), (20, 3_500));
    }

    #[test]
    fn a_full_quota_refuses_and_quotas_off_never_do() {
        assert!(room(19, 20, "things").is_ok());
        let error = room(20, 20, "things").unwrap_err();
        assert_eq!(error.code, ErrorCode::ServiceQuotaExceededException);
        assert!(room(5_000_000, Quotas::off().permission_sets, "things").is_ok());
    }
}
