//! What drift means for people: who gained access behind the stack's back, and who lost it.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{AccountKey, PermissionSetName, PrincipalKey, UserName};
use crate::model::reach::{Reach, Reached};

use super::{Cause, DriftItem, Sources, Subject};

/// Findings beyond this many are not worked out for people: they are not shown one by one either.
const MOST: usize = 1_000;

/// What happened to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Effect {
    /// They have it, and would not but for this.
    Gained,
    /// They had it, and have it no more by any path.
    Lost,
    /// They have it although its time has come.
    Kept,
}

/// Fills in the people of the findings that concern memberships and assignments.
pub(super) fn fill(sources: &Sources<'_>, items: &mut [DriftItem]) {
    let concerned = |item: &&mut DriftItem| {
        matches!(item.subject, Subject::Members { .. } | Subject::Grants { .. })
            && matches!(
                item.cause,
                Cause::UnmanagedMembership | Cause::Unmanaged | Cause::Missing | Cause::Overdue
            )
    };
    let mut concerned = items.iter_mut().filter(concerned).take(MOST).peekable();
    if concerned.peek().is_none() {
        return;
    }
    let reach = Reach::new(sources.live);
    for item in concerned {
        let effect = match item.cause {
            Cause::Missing => Effect::Lost,
            Cause::Overdue => Effect::Kept,
            _ => Effect::Gained,
        };
        item.people = people(sources, &reach, &item.subject);
        item.effect = (!item.people.is_empty()).then_some(effect);
    }
}

fn people(sources: &Sources<'_>, reach: &Reach<'_>, subject: &Subject) -> Vec<Reached> {
    match subject {
        Subject::Members { group, users } => {
            let now = sources.renamed.groups.get(group).unwrap_or(group);
            let principal = PrincipalKey::Group(now.clone());
            let users: BTreeSet<UserName> = users.iter().cloned().collect();
            reach.only_through(&principal, &users, &reach.grants(&principal))
        }
        Subject::Grants {
            permission_set,
            principal,
            accounts,
        } => {
            let grants: BTreeMap<PermissionSetName, Vec<AccountKey>> =
                [(permission_set.clone(), accounts.clone())].into();
            let now = match principal {
                PrincipalKey::Group(name) => {
                    PrincipalKey::Group(sources.renamed.groups.get(name).unwrap_or(name).clone())
                }
                other => other.clone(),
            };
            reach.only_through(&now, &reach.people(&now), &grants)
        }
        _ => Vec::new(),
    }
}
