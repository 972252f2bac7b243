//! Small pieces of text that several parts of the page need.

use jiff::Timestamp;
use jiff::tz::TimeZone;

use crate::model::permission_set::{Boundary, PermissionSet};
use crate::report::escape::escape;

/// `2026-01-01 00:00:47 UTC`
pub fn moment(time: Timestamp) -> String {
    time.to_zoned(TimeZone::UTC)
        .strftime("%Y-%m-%d %H:%M:%S UTC")
        .to_string()
}

/// A day when the time is the start of one (UTC), else the moment.
pub fn day(time: Timestamp) -> String {
    let text = moment(time);
    match text.strip_suffix(" 00:00:00 UTC") {
        Some(day) => day.to_owned(),
        None => text,
    }
}

/// What a permission set is made of, a line each.
pub fn policies(set: &PermissionSet) -> Vec<String> {
    let managed = set.managed_policies.iter().map(|arn| escape(arn).into_owned());
    let customer = set
        .customer_managed_policies
        .iter()
        .map(|policy| format!("{} (customer managed)", escape(&policy.to_string())));
    let inline = set.inline_policy.iter().map(|_| "an inline policy".to_owned());
    let boundary = set.permissions_boundary.iter().map(|boundary| match boundary {
        Boundary::Managed(arn) => format!("boundary {}", escape(arn)),
        Boundary::CustomerManaged(policy) => format!("boundary {}", escape(&policy.to_string())),
    });
    managed.chain(customer).chain(inline).chain(boundary).collect()
}
