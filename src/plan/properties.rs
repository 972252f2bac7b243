//! Properties of plans over small random worlds.

use proptest::prelude::*;

use crate::id::PrincipalKey;
use crate::model::stack::{Scope, Unmanaged};

use super::plan;
use super::testing::{Stack, World, group, user};

/// What a random stack declares. Labels are fixed; names vary, so that renames happen.
#[derive(Debug, Clone)]
struct Declared {
    /// For each of three permission sets: absent, or declared under one of two names with one of two durations.
    sets: Vec<Option<(bool, bool)>>,
    /// For each of three groups: absent, or declared under one of two names with these of three users.
    groups: Vec<Option<(bool, u8)>>,
    /// Blocks: principals (groups 0–2, users 3–5), sets and accounts, as bits.
    blocks: Vec<(u8, u8, u8)>,
    remove_unmanaged: bool,
}

const USERS: [&str; 3] = ["ada", "bob", "cyd"];

fn declared() -> impl Strategy<Value = Declared> {
    let sets = prop::collection::vec(prop::option::weighted(0.8, any::<(bool, bool)>()), 3);
    let groups = prop::collection::vec(prop::option::weighted(0.8, (any::<bool>(), 0..8_u8)), 3);
    let blocks = prop::collection::vec((1..64_u8, 1..8_u8, 1..8_u8), 0..4);
    (sets, groups, blocks, any::<bool>()).prop_map(|(sets, groups, blocks, remove_unmanaged)| Declared {
        sets,
        groups,
        blocks,
        remove_unmanaged,
    })
}

fn bits(mask: u8) -> impl Iterator<Item = usize> {
    (0..8).filter(move |bit| mask & (1 << bit) != 0)
}

impl Declared {
    fn set_name(&self, index: usize) -> Option<String> {
        self.sets[index].map(|(other, _)| format!("s{index}{}", if other { "x" } else { "" }))
    }

    fn principal(&self, index: usize) -> Option<PrincipalKey> {
        match index {
            0..3 => self.groups[index]
                .map(|(other, _)| group(&format!("g{index}{}", if other { "x" } else { "" }))),
            3..6 => Some(user(USERS[index - 3])),
            _ => None,
        }
    }

    fn stack(&self) -> Stack {
        let mut stack = Stack::new().accounts(&[1, 2, 3]).with(|desired| {
            desired.settings.max_removals = 10_000;
            if self.remove_unmanaged {
                desired.settings.unmanaged = Unmanaged::Remove;
                desired.settings.scope = Scope::Instance;
            }
        });
        for index in 0..3 {
            if let (Some(name), Some((_, long))) = (self.set_name(index), self.sets[index]) {
                stack = stack.set_with(&format!("s{index}"), &name, |entity| {
                    if long {
                        entity.value.session_duration = "PT2H".parse().unwrap();
                    }
                });
            }
            if let (Some(key), Some((_, members))) = (self.principal(index), self.groups[index]) {
                let members: Vec<&str> = bits(members).filter_map(|bit| USERS.get(bit).copied()).collect();
                stack = stack.group(&format!("g{index}"), key.name(), &members);
            }
        }
        for (index, (principals, sets, accounts)) in self.blocks.iter().enumerate() {
            let principals: Vec<PrincipalKey> =
                bits(*principals).filter_map(|bit| self.principal(bit)).collect();
            let sets: Vec<String> = bits(*sets)
                .filter(|bit| *bit < 3)
                .filter_map(|bit| self.set_name(bit))
                .collect();
            let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
            let accounts: Vec<u32> = bits(*accounts).map(|bit| bit as u32 + 1).collect();
            if !principals.is_empty() && !sets.is_empty() {
                stack = stack.assign(&format!("b{index}"), &principals, &sets, &accounts);
            }
        }
        stack
    }
}

/// Changes grants behind the planner's back.
fn drift(mut world: World, changes: &[(bool, u8, u8, u8)]) -> World {
    let sets: Vec<String> = world
        .observed
        .snapshot
        .permission_sets
        .keys()
        .map(ToString::to_string)
        .collect();
    let groups = world
        .observed
        .snapshot
        .groups
        .keys()
        .cloned()
        .map(PrincipalKey::Group);
    let principals: Vec<PrincipalKey> = groups.chain(USERS.map(user)).collect();
    for (add, account, set, principal) in changes {
        let Some(set) = sets.get(usize::from(*set) % sets.len().max(1)) else {
            continue;
        };
        let principal = principals[usize::from(*principal) % principals.len()].clone();
        let account = u32::from(*account % 3) + 1;
        world = if *add {
            world.has_grant(account, set, principal)
        } else {
            world.loses_grant(account, set, principal)
        };
    }
    world
}

proptest! {
    #![proptest_config(crate::testing::property(200))]

    /// Whatever was applied and whatever happened since: the next plan is sound (the checker says so), the same
    /// when made again, and leaves nothing to do once it is carried out.
    #[test]
    fn plans_are_sound_deterministic_and_final(
        first in declared(),
        changes in prop::collection::vec(any::<(bool, u8, u8, u8)>(), 0..4),
        second in declared(),
    ) {
        let world = USERS.iter().fold(World::new(), |world, name| world.has_user(name));
        let world = drift(world.apply(first.stack()), &changes);
        let input = world.input(second.stack());
        let (one, again) = (plan(&input), plan(&input));
        prop_assert_eq!(&one, &again);
        prop_assert_eq!(serde_json::to_string(&one).unwrap(), serde_json::to_string(&again).unwrap());
        let world = world.apply(second.stack());
        let rest = world.plan(second.stack());
        prop_assert!(rest.is_empty(), "{rest:#?}");
    }
}
