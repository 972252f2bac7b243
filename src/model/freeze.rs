//! Principals that are frozen: what they have was taken away in an incident, and nothing is given back until somebody
//! lifts that.
//!
//! What is declared for a frozen principal counts as not declared. So every stage that compares what is declared with
//! what is there treats it alike, and nothing has to know about freezing to give nobody anything.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::{GroupName, PrincipalKey, ServiceId, UserName};

use super::access::Tuple;
use super::record::Recorded;
use super::snapshot::{Management, Snapshot};
use super::stack::Desired;

/// A principal that is frozen.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Frozen {
    /// Who.
    pub principal: PrincipalKey,
    /// Its id when it was frozen: it stays frozen under another name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<ServiceId>,
    /// Since when.
    pub at: Timestamp,
    /// By whom: `user@host`.
    pub actor: Arc<str>,
    /// Why, as given on the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
}

impl Frozen {
    /// `user bob is frozen since 2026-11-28T21:00:00Z by eve@host: INC-7`
    pub fn sentence(&self) -> String {
        let Frozen {
            principal, at, actor, ..
        } = self;
        let reason = self.reason.as_deref();
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        format!("{principal} is frozen since {at} by {actor}{reason}")
    }

    /// What names it on the command line.
    pub fn argument(&self) -> String {
        let kind = if self.principal.is_group() {
            "group"
        } else {
            "user"
        };
        format!("{kind}:{}", self.principal.name())
    }
}

/// What is declared for a frozen principal and left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Withheld {
    /// How many grants.
    pub grants: u64,
    /// Memberships in these groups.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub groups: BTreeSet<GroupName>,
}

/// Every name of the frozen principals, with the place of its principal among them: as frozen, as the service calls the
/// same id now, and as a block calls it that is about to give it another name.
pub fn names(
    frozen: &[Frozen],
    desired: &Snapshot,
    applied: &Snapshot,
    observed: &Snapshot,
) -> BTreeMap<PrincipalKey, usize> {
    let mut names = BTreeMap::new();
    for (index, one) in frozen.iter().enumerate() {
        names.insert(one.principal.clone(), index);
        let same = |id: Option<&ServiceId>| one.id.is_some() && id == one.id.as_ref();
        match &one.principal {
            PrincipalKey::User(_) | PrincipalKey::OrphanUser(_) => {
                let users = [applied, observed]
                    .into_iter()
                    .flat_map(|snapshot| &snapshot.users);
                let users = users.filter(|(_, user)| same(user.value.id.as_ref()));
                names.extend(users.map(|(name, _)| (PrincipalKey::User(name.clone()), index)));
            }
            PrincipalKey::Group(_) | PrincipalKey::OrphanGroup(_) => {
                let groups = [applied, observed]
                    .into_iter()
                    .flat_map(|snapshot| &snapshot.groups);
                let groups = groups.filter(|(_, group)| same(group.value.id.as_ref()));
                names.extend(groups.map(|(name, _)| (PrincipalKey::Group(name.clone()), index)));
            }
        }
    }
    let mut renamed = Vec::new();
    for (key, index) in &names {
        let addresses = match key {
            PrincipalKey::User(name) => applied.users.get(name).map(|user| &user.addresses),
            PrincipalKey::Group(name) => applied.groups.get(name).map(|group| &group.addresses),
            PrincipalKey::OrphanUser(_) | PrincipalKey::OrphanGroup(_) => None,
        };
        let Some(addresses) = addresses else { continue };
        // A block that writes, and whose name nobody has yet, gives it to what it made before.
        let users = desired.users.iter().filter(|(name, user)| {
            user.management != Management::Referred && !observed.users.contains_key(*name)
        });
        let groups = desired.groups.iter().filter(|(name, group)| {
            group.management != Management::Referred && !observed.groups.contains_key(*name)
        });
        let shares = |of: &crate::address::Addresses| of.iter().any(|address| addresses.contains(address));
        if key.is_group() {
            let found = groups.filter(|(_, group)| shares(&group.addresses));
            renamed.extend(found.map(|(name, _)| (PrincipalKey::Group(name.clone()), *index)));
        } else {
            let found = users.filter(|(_, user)| shares(&user.addresses));
            renamed.extend(found.map(|(name, _)| (PrincipalKey::User(name.clone()), *index)));
        }
    }
    names.extend(renamed);
    names
}

/// Takes what is declared for frozen principals out, and notes how much that is.
pub fn withhold(desired: &mut Desired, recorded: &Recorded, observed: &Snapshot) {
    let frozen = &recorded.frozen;
    if frozen.is_empty() {
        return;
    }
    let names = names(frozen, &desired.snapshot, &recorded.applied, observed);
    let withheld = &mut desired.withheld;
    withheld.resize(frozen.len(), Withheld::default());
    let access = &mut desired.snapshot.access;
    let by_rank: Vec<Option<usize>> = access
        .names
        .principals
        .iter()
        .map(|key| names.get(key).copied())
        .collect();
    let of = |tuple: &Tuple| by_rank.get(tuple.principal() as usize).copied().flatten();
    for tuple in &access.tuples {
        if let Some(withheld) = of(tuple).and_then(|index| withheld.get_mut(index)) {
            withheld.grants += 1;
        }
    }
    let rows = access.tuples.iter().copied().zip(access.note_of.iter().copied());
    let (tuples, note_of) = rows.filter(|(tuple, _)| of(tuple).is_none()).unzip();
    (access.tuples, access.note_of) = (tuples, note_of);
    for (name, group) in &mut desired.snapshot.groups {
        let Some(members) = &mut group.value.members else {
            continue;
        };
        members.retain(|user: &UserName| {
            let index = names.get(&PrincipalKey::User(user.clone())).copied();
            if let Some(withheld) = index.and_then(|index| withheld.get_mut(index)) {
                withheld.groups.insert(name.clone());
            }
            index.is_none()
        });
    }
}
