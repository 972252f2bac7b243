//! Quotas that are nearly used up ("Quotas and limits in IAM Identity Center", as far as a reading shows them).

use std::collections::BTreeMap;

use crate::address::Addresses;
use crate::id::EntityKey;
use crate::source::Location;

use super::named::live_key;
use super::{Cause, DriftItem, Sources, Subject};

/// From this share on, in percent, a quota is near.
const NEAR: u64 = 90;

/// Adds a finding for each quota of which at least nine tenths are used.
pub(super) fn find(sources: &Sources<'_>, out: &mut Vec<DriftItem>) {
    let quotas = &sources.observed.quotas;
    let live = sources.live;
    let mut check = |what: &'static str, of: Option<EntityKey>, used: usize, limit: u32| {
        let (used, limit) = (used as u64, u64::from(limit));
        if limit > 0 && used * 100 >= limit * NEAR {
            let block = of.as_ref().and_then(|of| block(sources, of));
            let subject = Subject::Quota {
                what,
                of,
                used,
                limit,
            };
            let (addresses, location) = block.unwrap_or_default();
            out.push(DriftItem {
                declared: !addresses.is_empty(),
                addresses,
                location,
                ..DriftItem::new(Cause::QuotaNear, subject)
            });
        }
    };
    let sets = live.permission_sets.len();
    check("permission sets", None, sets, quotas.permission_sets);
    check("users", None, live.users.len(), quotas.users);
    check("groups", None, live.groups.len(), quotas.groups);
    for (name, set) in &live.permission_sets {
        let of = Some(EntityKey::PermissionSet(name.clone()));
        let policies = set.value.managed_policies.len() + set.value.customer_managed_policies.len();
        check(
            "policies of permission set",
            of,
            policies,
            quotas.managed_policies_per_set,
        );
    }
    let mut provisioned: BTreeMap<u32, usize> = BTreeMap::new();
    for row in &sources.observed.roles {
        *provisioned.entry(row.pair.account()).or_default() += 1;
    }
    for (rank, count) in provisioned {
        let account = live.access.names.account(rank).cloned();
        let of = account.map(EntityKey::Account);
        let limit = quotas.permission_sets_per_account;
        check("permission sets provisioned in account", of, count, limit);
    }
}

/// The block of what a quota is counted in.
fn block(sources: &Sources<'_>, of: &EntityKey) -> Option<(Addresses, Option<Location>)> {
    let declared = &sources.desired.snapshot;
    match of {
        EntityKey::PermissionSet(name) => {
            let set = declared.permission_sets.get(name)?;
            Some((set.addresses.clone(), set.location.clone()))
        }
        EntityKey::Account(key) => {
            let mut accounts = declared.accounts.iter();
            let (_, account) = accounts.find(|(known, _)| live_key(known, sources.live) == *key)?;
            Some((account.addresses.clone(), account.location.clone()))
        }
        _ => None,
    }
}
