//! How far the engine is with each node.

use rustc_hash::FxHashMap;

use crate::config::entities::Node;
use crate::config::value::Value;

/// How far the engine is with a node.
#[derive(Debug, Clone)]
pub(super) enum State {
    /// It is being computed.
    InProgress,
    /// Its value.
    Done(Value),
    /// It has none, which was reported.
    Failed,
}

/// How far the engine is with all nodes it has met.
///
/// Nearly all nodes belong to entities and are asked for again and again: those stand in a list, by the entity's number.
#[derive(Debug, Default)]
pub(super) struct States {
    entities: Vec<EntityStates>,
    others: FxHashMap<Node, State>,
}

/// The nodes of one entity.
#[derive(Debug, Clone, Default)]
struct EntityStates {
    identity: Option<State>,
    /// By their index in the schema, in the order they were asked for: few of them are.
    attributes: Vec<(u32, State)>,
}

impl States {
    /// How far a node is; `None` if it was not begun.
    pub(super) fn get(&self, node: Node) -> Option<&State> {
        match node {
            Node::Identity(entity) => self.entities.get(entity.0 as usize)?.identity.as_ref(),
            Node::Attribute(entity, index) => {
                let attributes = &self.entities.get(entity.0 as usize)?.attributes;
                let found = attributes.iter().find(|(known, _)| *known == index);
                found.map(|(_, state)| state)
            }
            _ => self.others.get(&node),
        }
    }

    /// Notes how far a node is.
    pub(super) fn set(&mut self, node: Node, state: State) {
        match node {
            Node::Identity(entity) => {
                if let Some(known) = self.entity(entity.0) {
                    known.identity = Some(state);
                }
            }
            Node::Attribute(entity, index) => {
                let Some(known) = self.entity(entity.0) else {
                    return;
                };
                match known.attributes.iter_mut().find(|(at, _)| *at == index) {
                    Some((_, known)) => *known = state,
                    None => known.attributes.push((index, state)),
                }
            }
            _ => {
                self.others.insert(node, state);
            }
        }
    }

    fn entity(&mut self, number: u32) -> Option<&mut EntityStates> {
        let at = number as usize;
        if self.entities.len() <= at {
            self.entities.resize(at + 1, EntityStates::default());
        }
        self.entities.get_mut(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::entities::{EntityId, ModuleId};

    #[test]
    fn every_node_has_a_state_of_its_own() {
        let nodes = [
            Node::Identity(EntityId(7)),
            Node::Attribute(EntityId(7), 0),
            Node::Attribute(EntityId(7), 3),
            Node::Attribute(EntityId(2), 3),
            Node::Local(ModuleId(0), 7),
            Node::Block(ModuleId(0), 7),
        ];
        let mut states = States::default();
        for (at, node) in nodes.into_iter().enumerate() {
            assert!(states.get(node).is_none());
            states.set(node, State::InProgress);
            states.set(node, State::Done(Value::count(at)));
        }
        for (at, node) in nodes.into_iter().enumerate() {
            let Some(State::Done(value)) = states.get(node) else {
                panic!("{node:?} was forgotten");
            };
            assert_eq!(*value, Value::count(at));
        }
    }
}
