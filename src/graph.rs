//! Dependencies between things that have keys: a stable order, waves of what can go at once, a cycle as a path.
//!
//! The order depends on the keys and the dependencies alone, never on the order
//! in which they were added. Nothing here recurses, so that a chain of any
//! length is fine.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use petgraph::Direction;
use petgraph::graph::{DiGraph, NodeIndex};

/// Things and what each depends on.
#[derive(Debug, Clone)]
pub struct Graph<K> {
    graph: DiGraph<K, ()>,
    nodes: BTreeMap<K, NodeIndex>,
}

/// A chain of dependencies that leads back to its beginning: the first key is repeated at the end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle<K> {
    /// Each depends on the next.
    pub path: Vec<K>,
}

impl<K: fmt::Display> fmt::Display for Cycle<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in self.path.iter().enumerate() {
            let arrow = if index == 0 { "" } else { " → " };
            write!(f, "{arrow}{key}")?;
        }
        Ok(())
    }
}

impl<K: fmt::Debug + fmt::Display> std::error::Error for Cycle<K> {}

impl<K: Ord + Clone> Default for Graph<K> {
    fn default() -> Self {
        Graph {
            graph: DiGraph::new(),
            nodes: BTreeMap::new(),
        }
    }
}

impl<K: Ord + Clone> Graph<K> {
    /// A graph of nothing.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a thing, unless it is there.
    pub fn add(&mut self, key: K) {
        self.node(key);
    }

    /// Says that `key` depends on `on`, adding both where needed. Saying it twice is saying it once.
    pub fn depends(&mut self, key: K, on: K) {
        let (from, to) = (self.node(key), self.node(on));
        self.graph.update_edge(from, to, ());
    }

    /// Says of a `key` that depends on nothing so far what it depends on, each once. Unlike [`Graph::depends`] it does
    /// not look for what was said before, which takes long where there is much.
    pub fn depends_on_all(&mut self, key: K, on: impl IntoIterator<Item = K>) {
        let from = self.node(key);
        for other in on {
            let to = self.node(other);
            self.graph.add_edge(from, to, ());
        }
    }

    /// How many things there are.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is nothing.
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// What `key` depends on, ascending.
    pub fn dependencies(&self, key: &K) -> Vec<&K> {
        let Some(node) = self.nodes.get(key) else {
            return Vec::new();
        };
        let mut found: Vec<&K> = self
            .graph
            .neighbors_directed(*node, Direction::Outgoing)
            .filter_map(|other| self.graph.node_weight(other))
            .collect();
        found.sort_unstable();
        found
    }

    /// Every key after all that it depends on; of those that could come next, always the smallest.
    ///
    /// # Errors
    /// A cycle, when there is one.
    pub fn order(&self) -> Result<Vec<K>, Cycle<K>> {
        let mut waiting = self.counts();
        let mut ready: BTreeSet<&K> = self.ready(&waiting);
        let mut order = Vec::with_capacity(self.len());
        while let Some(key) = ready.pop_first() {
            order.push(key.clone());
            ready.extend(self.release(key, &mut waiting));
        }
        if order.len() == self.len() {
            return Ok(order);
        }
        Err(self.cycle(&order.iter().collect()))
    }

    /// The keys in waves: each wave, ascending, depends only on waves before it, and no key could be in an
    /// earlier one.
    ///
    /// # Errors
    /// A cycle, when there is one.
    pub fn waves(&self) -> Result<Vec<Vec<K>>, Cycle<K>> {
        let mut waiting = self.counts();
        let mut ready: BTreeSet<&K> = self.ready(&waiting);
        let mut waves: Vec<Vec<K>> = Vec::new();
        while !ready.is_empty() {
            waves.push(ready.iter().map(|key| (*key).clone()).collect());
            let mut next = BTreeSet::new();
            for key in ready {
                next.extend(self.release(key, &mut waiting));
            }
            ready = next;
        }
        let done: BTreeSet<&K> = waves.iter().flatten().collect();
        if done.len() == self.len() {
            return Ok(waves);
        }
        Err(self.cycle(&done))
    }

    fn node(&mut self, key: K) -> NodeIndex {
        if let Some(node) = self.nodes.get(&key) {
            return *node;
        }
        let node = self.graph.add_node(key.clone());
        self.nodes.insert(key, node);
        node
    }

    /// For each node, how many dependencies are not done yet.
    fn counts(&self) -> Vec<usize> {
        let count = |node| self.graph.neighbors_directed(node, Direction::Outgoing).count();
        self.graph.node_indices().map(count).collect()
    }

    fn ready(&self, waiting: &[usize]) -> BTreeSet<&K> {
        self.nodes
            .iter()
            .filter(|(_, node)| waiting.get(node.index()) == Some(&0))
            .map(|(key, _)| key)
            .collect()
    }

    /// Marks a key as done and returns what it was the last hindrance of.
    fn release(&self, key: &K, waiting: &mut [usize]) -> Vec<&K> {
        let Some(node) = self.nodes.get(key) else {
            return Vec::new();
        };
        let mut released = Vec::new();
        for dependent in self.graph.neighbors_directed(*node, Direction::Incoming) {
            let Some(count) = waiting.get_mut(dependent.index()) else {
                continue;
            };
            *count = count.saturating_sub(1);
            if *count == 0 {
                released.extend(self.graph.node_weight(dependent));
            }
        }
        released
    }

    /// A cycle among the keys that are not `done`: everything left lies on one or leads into one.
    fn cycle(&self, done: &BTreeSet<&K>) -> Cycle<K> {
        let left = |key: &&K| !done.contains(*key);
        let Some(start) = self.nodes.keys().find(left) else {
            return Cycle { path: Vec::new() };
        };
        let mut path: Vec<&K> = vec![start];
        let mut at: BTreeMap<&K, usize> = BTreeMap::from([(start, 0)]);
        let mut current = start;
        loop {
            let Some(next) = self.dependencies(current).into_iter().find(left) else {
                return Cycle { path: Vec::new() };
            };
            if let Some(begin) = at.get(next) {
                let around = path.get(*begin..).unwrap_or_default();
                let keys = around.iter().copied().chain([next]).cloned();
                return Cycle {
                    path: smallest_first(keys.collect()),
                };
            }
            at.insert(next, path.len());
            path.push(next);
            current = next;
        }
    }
}

/// The same cycle, told from its smallest key on, so that it does not depend on where the search began.
fn smallest_first<K: Ord + Clone>(mut path: Vec<K>) -> Vec<K> {
    path.pop();
    let smallest = path
        .iter()
        .enumerate()
        .min_by_key(|(_, key)| *key)
        .map(|(at, _)| at);
    path.rotate_left(smallest.unwrap_or(0));
    path.extend(path.first().cloned());
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(edges: &[(&'static str, &'static str)]) -> Graph<&'static str> {
        let mut graph = Graph::new();
        for (from, to) in edges {
            graph.depends(*from, *to);
        }
        graph
    }

    #[test]
    fn the_order_is_the_same_however_it_was_told() {
        let edges = [("d", "b"), ("d", "c"), ("b", "a"), ("c", "a"), ("e", "a")];
        let mut backwards = edges;
        backwards.reverse();
        let expected = vec!["a", "b", "c", "d", "e"];
        assert_eq!(graph(&edges).order().unwrap(), expected);
        assert_eq!(graph(&backwards).order().unwrap(), expected);
    }

    #[test]
    fn waves_hold_what_can_go_at_once() {
        let mut graph = graph(&[("d", "b"), ("b", "a"), ("c", "a")]);
        graph.add("x");
        assert_eq!(
            graph.waves().unwrap(),
            vec![vec!["a", "x"], vec!["b", "c"], vec!["d"]]
        );
    }

    #[test]
    fn a_cycle_is_a_path_that_returns() {
        let graph = graph(&[("z", "c"), ("c", "a"), ("a", "b"), ("b", "c"), ("b", "y")]);
        let cycle = graph.order().unwrap_err();
        assert_eq!(cycle.path, ["a", "b", "c", "a"]);
        assert_eq!(cycle.to_string(), "a → b → c → a");
        assert_eq!(graph.waves().unwrap_err(), cycle);
        let own = {
            let mut own = Graph::new();
            own.depends("s", "s");
            own.order().unwrap_err()
        };
        assert_eq!(own.path, ["s", "s"]);
    }

    #[test]
    fn a_long_chain_does_not_overflow() {
        let mut graph = Graph::new();
        for n in 0..50_000_u32 {
            graph.depends(n + 1, n);
        }
        assert_eq!(graph.order().unwrap().last(), Some(&50_000));
        graph.depends(0, 50_000);
        assert_eq!(graph.order().unwrap_err().path.len(), 50_002);
    }
}
