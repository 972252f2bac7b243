//! Works out which roles appear, change and vanish.

use rustc_hash::FxHashMap;

use crate::model::access::{Pair, Tuple};
use crate::model::action::Effect;
use crate::model::roles::RoleSuffix;

use super::change::Action;
use super::provisioning::pairs_of;
use super::roles::{DeletedRole, RoleEffects};
use super::sources::Sources;
use super::universe::Universe;

/// The role effects of going from `before` to `after` and of the planned provisionings.
pub(super) fn role_effects(
    sources: &Sources<'_>,
    universe: &Universe<'_>,
    actions: &[Action],
    before: &[Tuple],
    after: &[Tuple],
) -> RoleEffects {
    let mut effects = RoleEffects::default();
    if !std::ptr::eq(before, after) {
        appear_and_vanish(&mut effects, before, after);
        name_vanished(&mut effects, sources, universe);
    }
    for action in actions {
        if let Some(Effect::Provision { name, accounts }) = &action.effect
            && let Some(set) = universe.names.permission_set_rank(name)
        {
            match accounts {
                Some(accounts) => effects.updated.extend(
                    accounts
                        .iter()
                        .filter_map(|key| universe.names.account_rank(key))
                        .map(|account| Pair::new(account, set)),
                ),
                None => {
                    let had = pairs_of(before).filter(|pair| pair.permission_set() == set);
                    let gone = |pair: &Pair| {
                        effects
                            .deleted
                            .binary_search_by_key(pair, |role| role.pair)
                            .is_ok()
                    };
                    let stays: Vec<Pair> = had.filter(|pair| !gone(pair)).collect();
                    effects.updated.extend(stays);
                }
            }
        }
    }
    effects.updated.sort_unstable();
    effects.updated.dedup();
    effects
}

/// One pass over the pairs of both relations.
fn appear_and_vanish(effects: &mut RoleEffects, before: &[Tuple], after: &[Tuple]) {
    let mut had = pairs_of(before).peekable();
    for pair in pairs_of(after) {
        while let Some(gone) = had.next_if(|old| *old < pair) {
            effects.deleted.push(DeletedRole {
                pair: gone,
                suffix: None,
            });
        }
        if had.next_if(|old| *old == pair).is_none() {
            effects.created.push(pair);
        }
    }
    effects
        .deleted
        .extend(had.map(|pair| DeletedRole { pair, suffix: None }));
}

fn name_vanished(effects: &mut RoleEffects, sources: &Sources<'_>, universe: &Universe<'_>) {
    if effects.deleted.is_empty() {
        return;
    }
    let remap = sources.observed.access.names.remap_to(&universe.names);
    let suffixes: FxHashMap<Pair, RoleSuffix> = sources
        .input
        .observed
        .roles
        .iter()
        .filter_map(|row| Some((remap.pair(row.pair), row.suffix?)))
        .collect();
    for role in &mut effects.deleted {
        role.suffix = suffixes.get(&role.pair).copied();
    }
}
