//! `moved` blocks that move nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::{Address, InstanceKey};
use crate::model::snapshot::Snapshot;
use crate::model::stack::Moved;
use crate::source::Location;

use super::finding::{Finding, Level};
use super::sources::Sources;

/// Says which `moved` blocks begin at an address that the state does not have, though they have not been carried out
/// either: with a slip in `from`, what was there is removed and made anew.
pub(super) fn unused_moves(sources: &Sources<'_>) -> Vec<Finding> {
    let moved = &sources.input.desired.moved;
    if moved.is_empty() {
        return Vec::new();
    }
    let state = addresses(&sources.state);
    // A state that has nothing yet can have nothing to move.
    if state.is_empty() {
        return Vec::new();
    }
    // A module's move is written out block by block; it is of use if any of these is.
    let mut blocks: BTreeMap<(&Option<Location>, Option<&Address>), Vec<&Moved>> = BTreeMap::new();
    for step in moved {
        let own = step.location.is_none().then_some(&step.from);
        blocks.entry((&step.location, own)).or_default().push(step);
    }
    let known = |address: &Address| {
        let bare = address.instance == InstanceKey::None;
        state.contains(address) || bare && state.iter().any(|other| other.block() == *address)
    };
    let unused = blocks.into_values().filter(|steps| {
        !steps
            .iter()
            .any(|step| known(&step.from) || known(&step.to) || is_linked(moved, step))
    });
    let orphans = |step: &Moved| -> BTreeSet<Arc<str>> {
        let same_kind = state
            .iter()
            .filter(|address| address.kind == step.from.kind && address.data == step.from.data);
        let declared = addresses(&sources.desired);
        let gone = same_kind.filter(|address| !declared.contains(&sources.address_now(address)));
        gone.map(|address| Arc::from(address.to_string())).collect()
    };
    let finding = |steps: Vec<&Moved>| {
        let step = steps.first()?;
        let subjects = orphans(step);
        let message = if subjects.is_empty() {
            format!("the state has nothing at {}, so nothing moves", step.from)
        } else {
            format!(
                "the state has nothing at {}, so nothing moves; these are in it and declared no more",
                step.from
            )
        };
        Some(Finding {
            subjects,
            remedy: Some("correct `from`, or remove the `moved` block".into()),
            location: step.location.clone(),
            ..Finding::new(Level::Warning, "moved-from-nothing", message)
        })
    };
    unused.filter_map(finding).collect()
}

/// Whether the block is part of a chain: what arrives is moved on, or what leaves has arrived by another block.
fn is_linked(moved: &[Moved], step: &Moved) -> bool {
    let meets = |to: &Address, from: &Address| from == to || *from == to.block();
    moved
        .iter()
        .any(|other| meets(&step.to, &other.from) || meets(&other.to, &step.from))
}

fn addresses(snapshot: &Snapshot) -> BTreeSet<Address> {
    let units = snapshot.organizational_units.values().map(|it| &it.addresses);
    let accounts = snapshot.accounts.values().map(|it| &it.addresses);
    let users = snapshot.users.values().map(|it| &it.addresses);
    let groups = snapshot.groups.values().map(|it| &it.addresses);
    let sets = snapshot.permission_sets.values().map(|it| &it.addresses);
    let entities = units.chain(accounts).chain(users).chain(groups).chain(sets);
    let blocks = snapshot.access.declarations.iter().map(|block| &block.address);
    entities.flatten().chain(blocks).cloned().collect()
}

#[cfg(test)]
mod tests {
    use crate::address::Kind;
    use crate::plan::testing::{Stack, World};

    use super::*;

    fn moved(from: &str, to: &str) -> Moved {
        Moved {
            from: Address::root(Kind::PermissionSet, from),
            to: Address::root(Kind::PermissionSet, to),
            location: None,
        }
    }

    fn codes(world: &World, moves: &[(&str, &str)]) -> Vec<(String, Vec<String>)> {
        let stack = Stack::new().set("new", "new").with(|desired| {
            desired.moved = moves.iter().map(|(from, to)| moved(from, to)).collect();
        });
        let plan = world.plan(stack);
        let unused = plan
            .findings
            .iter()
            .filter(|finding| &*finding.code == "moved-from-nothing");
        unused
            .map(|finding| {
                let subjects = finding.subjects.iter().map(ToString::to_string);
                (finding.message.to_string(), subjects.collect())
            })
            .collect()
    }

    #[test]
    fn a_move_from_an_address_that_never_was_is_said_with_what_may_be_meant() {
        let world = World::new().apply(Stack::new().set("old", "old"));
        assert!(codes(&world, &[("old", "new")]).is_empty());
        let found = codes(&world, &[("odl", "new")]);
        assert_eq!(found.len(), 1);
        assert!(found[0].0.contains("permission_set.odl"));
        assert_eq!(found[0].1, ["permission_set.old"]);
        assert!(codes(&world, &[("old", "mid"), ("mid", "new")]).is_empty());
        assert!(
            codes(&World::new(), &[("odl", "new")]).is_empty(),
            "nothing was applied yet"
        );
    }

    #[test]
    fn a_move_that_was_carried_out_is_no_longer_spoken_of() {
        let world = World::new().apply(Stack::new().set("new", "new"));
        assert!(codes(&world, &[("old", "new")]).is_empty());
    }
}
