//! What happens to the IAM roles of each permission set.

use std::collections::BTreeMap;

use crate::model::roles::role_name;
use crate::plan::Plan;

/// The roles of one permission set.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleLine {
    /// The permission set's rank.
    pub permission_set: u32,
    /// Ranks of accounts where a role appears.
    pub created: Vec<u32>,
    /// Ranks of accounts where it is provisioned again.
    pub updated: Vec<u32>,
    /// Ranks of accounts where it vanishes, with the role's name as far as it is known.
    pub deleted: Vec<(u32, String)>,
}

/// A line per permission set that has any effect, by name.
pub fn lines(plan: &Plan) -> Vec<RoleLine> {
    let mut sets: BTreeMap<u32, RoleLine> = BTreeMap::new();
    let mut line = |set: u32, change: &mut dyn FnMut(&mut RoleLine)| {
        let line = sets.entry(set).or_insert_with(|| RoleLine {
            permission_set: set,
            ..RoleLine::default()
        });
        change(line);
    };
    for pair in &plan.roles.created {
        line(pair.permission_set(), &mut |line| {
            line.created.push(pair.account())
        });
    }
    for pair in &plan.roles.updated {
        line(pair.permission_set(), &mut |line| {
            line.updated.push(pair.account())
        });
    }
    for role in &plan.roles.deleted {
        let set = role.pair.permission_set();
        let name = plan
            .names
            .permission_set(set)
            .map(|name| role_name(name, role.suffix));
        line(set, &mut |line| {
            line.deleted
                .push((role.pair.account(), name.clone().unwrap_or_default()));
        });
    }
    sets.into_values().collect()
}
