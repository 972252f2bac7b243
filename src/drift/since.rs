//! Since when something has drifted, as far as recorded readings tell.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use jiff::Timestamp;

use crate::id::{AccountKey, EntityKey, GroupName, PermissionSetName, PrincipalKey, UserName};
use crate::model::access::CapacityError;
use crate::model::instance::Observed;
use crate::model::record::{Recorded, Seen};
use crate::model::stack::Desired;

pub use crate::model::history::Since;

use super::{Cause, Drift, DriftItem, Subject, compare};

/// Readings older than this many are not looked at.
const MOST_READINGS: usize = 100;

/// The latest recorded readings, oldest first. Each stands once, with the last one that found everything as it did.
#[derive(Debug, Clone, Default)]
pub struct Readings(VecDeque<(Seen, Timestamp)>);

impl Readings {
    /// Adds a reading that found something new.
    pub fn observed(&mut self, seen: Seen) {
        if self.0.len() == MOST_READINGS {
            self.0.pop_front();
        }
        let at = seen.at;
        self.0.push_back((seen, at));
    }

    /// Adds one that found everything as the last did.
    pub fn confirmed(&mut self, at: Timestamp) {
        if let Some((_, last)) = self.0.back_mut() {
            *last = at.max(*last);
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// When what was found, the newest first. What is overdue depends on the time as well: a reading that was confirmed
    /// counts at both ends.
    fn moments(&self) -> impl Iterator<Item = (&Seen, Timestamp)> {
        self.0.iter().rev().flat_map(|(seen, last)| {
            let confirmed = (*last > seen.at).then_some((seen, *last));
            confirmed.into_iter().chain([(seen, seen.at)])
        })
    }
}

/// One thing that a finding is about: findings are split where their parts have drifted since different readings.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Part {
    Entity(Cause, EntityKey),
    Member(Cause, GroupName, UserName),
    Grant(Cause, PermissionSetName, PrincipalKey, AccountKey),
    Role(Cause, PermissionSetName, AccountKey),
    Quota(&'static str, Option<EntityKey>),
}

impl Drift {
    /// Fills in since when each finding is there: every recorded reading, the newest first, is compared as the present
    /// one was. A finding whose parts are of different ages becomes several.
    ///
    /// # Errors
    /// When there are more names than a relation can hold.
    pub fn date(
        &mut self,
        desired: &Desired,
        recorded: &Recorded,
        observed: &Observed,
        readings: &Readings,
    ) -> Result<(), CapacityError> {
        let mut ages: BTreeMap<Part, Since> = BTreeMap::new();
        let mut open: BTreeSet<Part> = self.items.iter().flat_map(parts).collect();
        for part in &open {
            let since = Since {
                last_without: None,
                first_with: observed.at,
            };
            ages.insert(part.clone(), since);
        }
        for (seen, at) in readings.moments().filter(|(_, at)| *at <= observed.at) {
            if open.is_empty() {
                break;
            }
            let past = Observed {
                at,
                snapshot: seen.snapshot.clone(),
                roles: seen.roles.clone(),
                held: seen
                    .around
                    .as_deref()
                    .map(|around| around.held.clone())
                    .unwrap_or_default(),
                in_accounts: seen
                    .around
                    .as_deref()
                    .map(|around| around.in_accounts.clone())
                    .unwrap_or_default(),
                in_progress: Vec::new(),
                calls: BTreeMap::new(),
                ..observed.clone()
            };
            let whole = seen.around.is_some();
            let found = compare(desired, recorded, &past, at)?;
            let there: BTreeSet<Part> = found.items.iter().flat_map(parts).collect();
            open.retain(|part| {
                let still = there.contains(part);
                if let Some(since) = ages.get_mut(part).filter(|_| whole || !is_inside(part)) {
                    if still {
                        since.first_with = at;
                    } else {
                        since.last_without = Some(at);
                    }
                }
                still
            });
        }
        let items = std::mem::take(&mut self.items);
        self.items = items.into_iter().flat_map(|item| split(item, &ages)).collect();
        Ok(())
    }
}

/// Readings of older states do not hold what stands inside accounts, beyond which roles there are.
fn is_inside(part: &Part) -> bool {
    let cause = match part {
        Part::Entity(cause, _) | Part::Member(cause, ..) | Part::Grant(cause, ..) | Part::Role(cause, ..) => {
            cause
        }
        Part::Quota(..) => return false,
    };
    matches!(
        cause,
        Cause::RoleMissing | Cause::RoleTampered | Cause::SamlProviderMissing | Cause::PolicyMissing
    )
}

fn parts(item: &DriftItem) -> Vec<Part> {
    let cause = item.cause;
    match &item.subject {
        Subject::Entity { key, .. } => vec![Part::Entity(cause, key.clone())],
        Subject::Members { group, users } => users
            .iter()
            .map(|user| Part::Member(cause, group.clone(), user.clone()))
            .collect(),
        Subject::Grants {
            permission_set,
            principal,
            accounts,
        } => accounts
            .iter()
            .map(|account| Part::Grant(cause, permission_set.clone(), principal.clone(), account.clone()))
            .collect(),
        Subject::Roles {
            permission_set,
            accounts,
        }
        | Subject::Policy {
            permission_set,
            accounts,
            ..
        } => accounts
            .iter()
            .map(|account| Part::Role(cause, permission_set.clone(), account.clone()))
            .collect(),
        Subject::Quota { what, of, .. } => vec![Part::Quota(what, of.clone())],
    }
}

/// The item once per age, each with the parts of that age and with those people whom these parts concern.
fn split(item: DriftItem, ages: &BTreeMap<Part, Since>) -> Vec<DriftItem> {
    let found: Vec<Option<Since>> = parts(&item).iter().map(|part| ages.get(part).copied()).collect();
    let distinct: BTreeSet<Option<Since>> = found.iter().copied().collect();
    if let (1, Some(since)) = (distinct.len(), distinct.first().copied()) {
        return vec![DriftItem { since, ..item }];
    }
    let of_age = |since: Option<Since>| {
        let mut subject = item.subject.clone();
        let keep = |index: usize| found.get(index).copied().flatten() == since;
        let mut people = item.people.clone();
        match &mut subject {
            Subject::Members { users, .. } => {
                retain(users, keep);
                people
                    .iter_mut()
                    .for_each(|found| limit(&mut found.reached.people, users));
            }
            Subject::Grants { accounts, .. }
            | Subject::Roles { accounts, .. }
            | Subject::Policy { accounts, .. } => {
                retain(accounts, keep);
                people
                    .iter_mut()
                    .for_each(|found| limit(&mut found.reached.accounts, accounts));
            }
            Subject::Entity { .. } | Subject::Quota { .. } => {}
        }
        people.retain(|found| !found.reached.people.is_empty() && !found.reached.accounts.is_empty());
        DriftItem {
            subject,
            people,
            since,
            ..item.clone()
        }
    };
    distinct.iter().copied().map(of_age).collect()
}

/// Leaves what is in both.
fn limit<T: Ord>(list: &mut Vec<T>, to: &[T]) {
    let to: BTreeSet<&T> = to.iter().collect();
    list.retain(|one| to.contains(one));
}

fn retain<T>(list: &mut Vec<T>, keep: impl Fn(usize) -> bool) {
    let mut index = 0;
    list.retain(|_| {
        index += 1;
        keep(index - 1)
    });
}
