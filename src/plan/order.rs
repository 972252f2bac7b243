//! Puts actions in order and says what waits for what.
//!
//! What is made comes before what uses it, what is taken away goes last. Grants
//! and revokes are not nodes here: they wait by rule, per set, account and
//! principal.

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;
use rustc_hash::FxHashMap;

use crate::graph::Graph;
use crate::id::{EntityKey, PrincipalKey, UserName};
use crate::model::access::Names;
use crate::model::action::Effect;

use super::change::{Action, ActionKind, GrantStep, RevokeStep};
use super::finding::{Finding, Level};
use super::step::{Wait, Waits};

/// Where an action stands among those that could go at the same time. The last part tells equal ones apart.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Place(u8, EntityKey, ActionKind, Option<UserName>, usize);

/// The actions in order, and the waits of actions and grants. What revokes wait for is added by
/// [`super::keeping`]. `first` are actions that others come after, besides what they refer to
/// ([`super::widening::Known::first`]).
pub(super) fn order(
    actions: Vec<Action>,
    first: &BTreeMap<usize, Vec<usize>>,
    names: &Names,
    (grants, revokes): (&[GrantStep], &[RevokeStep]),
    findings: &mut Vec<Finding>,
) -> (Vec<Action>, Waits) {
    let makers = Makers::new(&actions);
    let places: Vec<Place> = actions
        .par_iter()
        .enumerate()
        .map(|(index, action)| place(index, action))
        .collect();
    let needs: Vec<Vec<usize>> = (0..actions.len())
        .into_par_iter()
        .map(|index| {
            let mut needs = makers.needs(&actions, index);
            needs.extend(first.get(&index).into_iter().flatten());
            needs.sort_unstable();
            needs.dedup();
            needs
        })
        .collect();
    // Places compare by names; their ranks say the same in numbers, which a graph of many nodes is made of.
    let mut by_place: Vec<usize> = (0..actions.len()).collect();
    by_place.par_sort_unstable_by_key(|index| places.get(*index));
    let mut ranks = vec![0; actions.len()];
    for (rank, index) in by_place.iter().enumerate() {
        if let Some(slot) = ranks.get_mut(*index) {
            *slot = rank;
        }
    }
    let mut graph: Graph<usize> = Graph::new();
    for (own, needs) in ranks.iter().zip(&needs) {
        let on = needs.iter().filter_map(|need| ranks.get(*need));
        graph.depends_on_all(*own, on.copied());
    }
    let at_rank = |rank: &usize| by_place.get(*rank).copied();
    let order: Vec<usize> = match graph.order() {
        Ok(order) => order.iter().filter_map(at_rank).collect(),
        Err(cycle) => {
            let indices = cycle.path.iter().filter_map(at_rank);
            let path: Vec<String> = indices
                .filter_map(|index| places.get(index))
                .map(|place| place.1.to_string())
                .collect();
            findings.push(Finding::new(
                Level::Refusal,
                "order-cycle",
                format!("these wait for each other: {}", path.join(" → ")),
            ));
            by_place.clone()
        }
    };
    let mut new_index = vec![0_u32; actions.len()];
    for (new, old) in (0_u32..).zip(&order) {
        if let Some(slot) = new_index.get_mut(*old) {
            *slot = new;
        }
    }
    let renumber = |needs: &Vec<usize>| -> BTreeSet<Wait> {
        needs
            .iter()
            .filter_map(|old| new_index.get(*old).map(|new| Wait::Action(*new)))
            .collect()
    };
    let mut slots: Vec<Option<Action>> = actions.into_iter().map(Some).collect();
    let sorted: Vec<Action> = order
        .iter()
        .filter_map(|old| slots.get_mut(*old).and_then(Option::take))
        .collect();
    let mut waits = Waits::default();
    let revoked = Revoked::new(revokes);
    for (action, old) in sorted.iter().zip(&order) {
        let mut list = needs.get(*old).map(renumber).unwrap_or_default();
        list.extend(revoked.waits_of(action, names));
        waits.actions.push(list.into_iter().collect());
    }
    grant_waits(&sorted, names, grants, &mut waits);
    (sorted, waits)
}

/// What is taken away from a user or group goes before it gets another name, so that a run that ends in between leaves
/// nothing under a name that is gone. A revoke that waits for something itself (perhaps for a grant under the new
/// name) is not waited for.
pub(super) fn revoke_before_renaming(
    actions: &[Action],
    names: &Names,
    revokes: &[RevokeStep],
    waits: &mut Waits,
) {
    for (action, list) in actions.iter().zip(&mut waits.actions) {
        let from = match &action.effect {
            Some(Effect::UpdateUser { from, to }) if from.user_name != to.user_name => {
                PrincipalKey::User(from.user_name.clone())
            }
            Some(Effect::UpdateGroup { from, to }) if from.display_name != to.display_name => {
                PrincipalKey::Group(from.display_name.clone())
            }
            _ => continue,
        };
        let Some(rank) = names.principal_rank(&from) else {
            continue;
        };
        let own = (0_u32..)
            .zip(revokes)
            .filter(|(_, step)| step.tuple.principal() == rank);
        let own: Vec<u32> = own.map(|(index, _)| index).collect();
        let free = |index: &u32| !waits.revokes.contains_key(index);
        if own.is_empty() {
            continue;
        } else if own.iter().all(free) {
            list.push(Wait::RevokesOfPrincipal(rank));
        } else {
            list.extend(own.into_iter().filter(free).map(Wait::Revoke));
        }
        list.sort_unstable();
        list.dedup();
    }
}

fn place(index: usize, action: &Action) -> Place {
    let user = match &action.effect {
        Some(Effect::AddMember { user, .. } | Effect::RemoveMember { user, .. }) => Some(user.clone()),
        _ => None,
    };
    Place(phase(action), action.entity.clone(), action.kind, user, index)
}

fn phase(action: &Action) -> u8 {
    match (&action.effect, action.kind) {
        (None, ActionKind::Rename) => 0,
        (None, ActionKind::Forget) => 13,
        (Some(Effect::DeleteUser { .. }), _) => 12,
        (Some(Effect::DeleteGroup { .. }), _) => 11,
        (Some(Effect::DeletePermissionSet { .. }), _) => 10,
        (Some(Effect::RemoveMember { .. }), _) => 9,
        (Some(Effect::Provision { .. }), _) => 8,
        (Some(Effect::AddMember { .. }), _) => 5,
        _ => match action.entity {
            EntityKey::OrganizationalUnit(_) => 0,
            EntityKey::Account(_) => 1,
            EntityKey::User(_) => 2,
            EntityKey::Group(_) => 3,
            EntityKey::PermissionSet(_) => 6,
        },
    }
}

/// Which action brings about that an entity exists under its name, and which change or end it.
struct Makers {
    makes: FxHashMap<EntityKey, usize>,
    updates: FxHashMap<EntityKey, usize>,
    leaves: FxHashMap<UserName, BTreeSet<usize>>,
}

impl Makers {
    fn new(actions: &[Action]) -> Self {
        let mut makers = Makers {
            makes: FxHashMap::default(),
            updates: FxHashMap::default(),
            leaves: FxHashMap::default(),
        };
        for (index, action) in actions.iter().enumerate() {
            let Some(effect) = &action.effect else { continue };
            match effect {
                Effect::CreateOrganizationalUnit { .. }
                | Effect::RenameOrganizationalUnit { .. }
                | Effect::CreateAccount { .. }
                | Effect::CreateUser { .. }
                | Effect::CreateGroup { .. }
                | Effect::CreatePermissionSet { .. } => {
                    makers.makes.insert(action.entity.clone(), index);
                }
                Effect::UpdateUser { from, to } if from.user_name != to.user_name => {
                    makers.makes.insert(action.entity.clone(), index);
                }
                Effect::UpdateGroup { from, to } if from.display_name != to.display_name => {
                    makers.makes.insert(action.entity.clone(), index);
                }
                Effect::UpdatePermissionSet { .. } => {
                    makers.updates.insert(action.entity.clone(), index);
                }
                Effect::RemoveMember { user, .. } => {
                    makers.leaves.entry(user.clone()).or_default().insert(index);
                }
                _ => {}
            }
        }
        makers
    }

    /// The actions that must be done before `index`, ascending.
    fn needs(&self, actions: &[Action], index: usize) -> Vec<usize> {
        let Some(effect) = actions.get(index).and_then(|action| action.effect.as_ref()) else {
            return Vec::new();
        };
        let unit = |path: &crate::id::OuPath| EntityKey::OrganizationalUnit(path.clone());
        let mut needs = Vec::new();
        let mut need = |key: EntityKey| needs.extend(self.nearest(key));
        match effect {
            Effect::CreateOrganizationalUnit { path } | Effect::RenameOrganizationalUnit { to: path, .. } => {
                path.parent().iter().for_each(|parent| need(unit(parent)));
            }
            Effect::CreateAccount { account } => account.ou.iter().for_each(|ou| need(unit(ou))),
            Effect::MoveAccount { to, .. } => need(unit(to)),
            Effect::AddMember { group, user } | Effect::RemoveMember { group, user } => {
                need(EntityKey::Group(group.clone()));
                need(EntityKey::User(user.clone()));
            }
            Effect::CreatePermissionSet { .. } | Effect::UpdatePermissionSet { .. } => {
                for text in effect.texts() {
                    text.references()
                        .for_each(|reference| need(reference.entity.clone()));
                }
            }
            Effect::Provision { name, .. } => {
                let key = EntityKey::PermissionSet(name.clone());
                needs.extend(self.updates.get(&key));
            }
            Effect::DeleteUser { user } => needs.extend(self.leaves.get(user).into_iter().flatten()),
            _ => {}
        }
        needs.retain(|need| *need != index);
        needs.sort_unstable();
        needs.dedup();
        needs
    }

    /// What makes an entity; for a unit that is there already, what renames one above it.
    fn nearest(&self, key: EntityKey) -> Option<usize> {
        let EntityKey::OrganizationalUnit(path) = &key else {
            return self.makes.get(&key).copied();
        };
        let mut above = Some(path.clone());
        while let Some(path) = above {
            above = path.parent();
            if let Some(index) = self.makes.get(&EntityKey::OrganizationalUnit(path)) {
                return Some(*index);
            }
        }
        None
    }
}

/// Which sets and principals lose grants.
struct Revoked {
    sets: BTreeSet<u32>,
    principals: BTreeSet<u32>,
}

impl Revoked {
    fn new(revokes: &[RevokeStep]) -> Self {
        Revoked {
            sets: revokes.iter().map(|step| step.tuple.permission_set()).collect(),
            principals: revokes.iter().map(|step| step.tuple.principal()).collect(),
        }
    }

    /// A provision follows its set's revokes; what is deleted goes after the grants that name it.
    fn waits_of(&self, action: &Action, names: &Names) -> Option<Wait> {
        let set = |name| {
            let rank = names.permission_set_rank(name)?;
            self.sets.contains(&rank).then_some(Wait::RevokesOfSet(rank))
        };
        let principal = |key: PrincipalKey| {
            let rank = names.principal_rank(&key)?;
            self.principals
                .contains(&rank)
                .then_some(Wait::RevokesOfPrincipal(rank))
        };
        match action.effect.as_ref()? {
            Effect::Provision { name, .. } | Effect::DeletePermissionSet { name } => set(name),
            Effect::DeleteGroup { group } => principal(PrincipalKey::Group(group.clone())),
            Effect::DeleteUser { user } => principal(PrincipalKey::User(user.clone())),
            _ => None,
        }
    }
}

/// Grants wait for what they name to be there, and for their set to be as it shall be.
fn grant_waits(actions: &[Action], names: &Names, grants: &[GrantStep], waits: &mut Waits) {
    let sets: BTreeSet<u32> = grants.iter().map(|step| step.tuple.permission_set()).collect();
    let accounts: BTreeSet<u32> = grants.iter().map(|step| step.tuple.account()).collect();
    let principals: BTreeSet<u32> = grants.iter().map(|step| step.tuple.principal()).collect();
    let to_principal = |index: u32, key: PrincipalKey, waits: &mut Waits| {
        let rank = names
            .principal_rank(&key)
            .filter(|rank| principals.contains(rank));
        if let Some(rank) = rank {
            waits.grants_to_principal.entry(rank).or_default().push(index);
        }
    };
    for (index, action) in (0_u32..).zip(actions) {
        match &action.effect {
            Some(
                Effect::CreatePermissionSet { permission_set: set }
                | Effect::UpdatePermissionSet { to: set, .. },
            ) => {
                let rank = names
                    .permission_set_rank(&set.name)
                    .filter(|rank| sets.contains(rank));
                if let Some(rank) = rank {
                    waits.grants_of_set.entry(rank).or_default().push(index);
                }
            }
            Some(Effect::CreateAccount { account }) => {
                let rank = names
                    .account_rank(&account.key)
                    .filter(|rank| accounts.contains(rank));
                if let Some(rank) = rank {
                    waits.grants_in_account.entry(rank).or_default().push(index);
                }
            }
            Some(Effect::CreateUser { user }) => {
                to_principal(index, PrincipalKey::User(user.user_name.clone()), waits);
            }
            Some(Effect::UpdateUser { from, to }) if from.user_name != to.user_name => {
                to_principal(index, PrincipalKey::User(to.user_name.clone()), waits);
            }
            Some(Effect::CreateGroup { group }) => {
                to_principal(index, PrincipalKey::Group(group.display_name.clone()), waits);
            }
            Some(Effect::UpdateGroup { from, to }) if from.display_name != to.display_name => {
                to_principal(index, PrincipalKey::Group(to.display_name.clone()), waits);
            }
            _ => {}
        }
    }
}
