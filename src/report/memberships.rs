//! Who is in a group that this stack writes the members of, and whom no block declares.

use std::collections::BTreeSet;

use crate::id::{GroupName, ServiceId, UserName};
use crate::model::principal::Group;
use crate::model::snapshot::{Entity, Management, Snapshot};

/// The members of a group, as read, whom this stack did not declare when it was last applied. Nobody for groups whose
/// members live in a directory, or are not known.
pub fn undeclared(applied: &Snapshot, live: &Snapshot, group: &GroupName) -> BTreeSet<UserName> {
    let Some(there) = live.groups.get(group) else {
        return BTreeSet::new();
    };
    let known = applied_group(applied, group, there);
    let written = known.filter(|known| known.management >= Management::Managed);
    let declared = written.and_then(|known| known.value.members.as_ref());
    let (Some(declared), Some(members)) = (declared, &there.value.members) else {
        return BTreeSet::new();
    };
    // Who was renamed in the service is the same person by the id.
    let ids: BTreeSet<&ServiceId> = declared
        .iter()
        .filter_map(|user| applied.users.get(user)?.value.id.as_ref())
        .collect();
    let is_declared = |user: &UserName| {
        let id_in = |snapshot: &Snapshot| snapshot.users.get(user).and_then(|user| user.value.id.clone());
        match (declared.contains(user), id_in(live)) {
            // Another one of the name may have been made since.
            (true, Some(id)) => id_in(applied).is_none_or(|applied| applied == id),
            (true, None) => true,
            (false, Some(id)) => ids.contains(&id),
            (false, None) => false,
        }
    };
    let undeclared = members.iter().filter(|user| !is_declared(user));
    undeclared.cloned().collect()
}

/// The group as it was applied: by its id, whatever it was called, else by its name.
fn applied_group<'s>(
    applied: &'s Snapshot,
    name: &GroupName,
    there: &Entity<Group>,
) -> Option<&'s Entity<Group>> {
    let by_name = applied.groups.get(name);
    let Some(id) = &there.value.id else {
        return by_name;
    };
    let mut groups = applied.groups.values();
    let by_id = groups.find(|group| group.value.id.as_ref() == Some(id));
    by_id.or(by_name)
}
