//! Declarations, or planned actions, as a graph for Graphviz or Mermaid.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

use crate::address::{Address, Addresses};
use crate::id::{EntityKey, PrincipalKey};
use crate::model::snapshot::Snapshot;
use crate::model::stack::Desired;
use crate::plan::{ActionKind, Plan, Wait};

/// A language for graphs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// Graphviz.
    Dot,
    /// Mermaid.
    Mermaid,
}

/// Nodes by label, and what each depends on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GraphView {
    nodes: BTreeSet<String>,
    edges: BTreeSet<(String, String)>,
}

impl GraphView {
    /// Blocks and what they refer to.
    pub fn of_declarations(desired: &Desired) -> Self {
        let mut graph = GraphView::default();
        let snapshot = &desired.snapshot;
        for key in snapshot.entity_keys() {
            for address in snapshot.addresses(&key) {
                graph.nodes.insert(address.to_string());
                for on in depends_on(snapshot, &key) {
                    graph.link(&address, &snapshot.addresses(&on));
                }
            }
        }
        graph.assignments(snapshot);
        graph
    }

    /// Each assignment block with the distinct names in its grants.
    fn assignments(&mut self, snapshot: &Snapshot) {
        let access = &snapshot.access;
        let mut named: BTreeMap<u32, BTreeSet<(u8, u32)>> = BTreeMap::new();
        for (tuple, note) in access.tuples.iter().zip(&access.note_of) {
            let blocks = access
                .notes
                .get(*note as usize)
                .map(|note| note.declared_by.as_slice());
            for block in blocks.unwrap_or_default() {
                let names = named.entry(*block).or_default();
                names.extend([
                    (0, tuple.principal()),
                    (1, tuple.permission_set()),
                    (2, tuple.account()),
                ]);
            }
        }
        for (block, names) in named {
            let Some(declaration) = access.declarations.get(block as usize) else {
                continue;
            };
            self.nodes.insert(declaration.address.to_string());
            for (what, rank) in names {
                let key = match what {
                    0 => access.names.principal(rank).and_then(entity),
                    1 => access
                        .names
                        .permission_set(rank)
                        .cloned()
                        .map(EntityKey::PermissionSet),
                    _ => access.names.account(rank).cloned().map(EntityKey::Account),
                };
                if let Some(key) = key {
                    self.link(&declaration.address, &snapshot.addresses(&key));
                }
            }
        }
    }

    fn link(&mut self, from: &Address, to: &Addresses) {
        for on in to.iter().filter(|on| *on != from) {
            self.edges.insert((from.to_string(), on.to_string()));
        }
    }

    /// Actions of a plan and what they wait for; grants and revokes by permission set.
    pub fn of_plan(plan: &Plan) -> Self {
        let mut graph = GraphView::default();
        let label = |index: u32| {
            let action = plan.actions.get(index as usize);
            action.map(|action| format!("{index}: {} {}", verb(action.kind), action.entity))
        };
        let set = |rank: u32| {
            plan.names
                .permission_set(rank)
                .map(ToString::to_string)
                .unwrap_or_default()
        };
        let grants_of = |rank: u32| format!("grants of {}", set(rank));
        let revokes_of = |rank: u32| format!("revokes of {}", set(rank));
        let wait_label = |wait: &Wait| match wait {
            Wait::Action(index) => label(*index),
            Wait::Grant(index) => plan
                .grants
                .get(*index as usize)
                .map(|s| grants_of(s.tuple.permission_set())),
            Wait::Revoke(index) => plan
                .revokes
                .get(*index as usize)
                .map(|s| revokes_of(s.tuple.permission_set())),
            Wait::GrantsOfSet(rank) => Some(grants_of(*rank)),
            Wait::RevokesOfSet(rank) => Some(revokes_of(*rank)),
            Wait::RevokesOfPrincipal(rank) => plan
                .names
                .principal(*rank)
                .map(|principal| format!("revokes of {principal}")),
        };
        for (index, _) in (0_u32..).zip(&plan.actions) {
            graph.nodes.extend(label(index));
            let waits = plan.waits.actions.get(index as usize).into_iter().flatten();
            let edges = waits.filter_map(|wait| Some((label(index)?, wait_label(wait)?)));
            graph.edges.extend(edges);
        }
        graph.nodes.extend(
            plan.grants
                .iter()
                .map(|step| grants_of(step.tuple.permission_set())),
        );
        graph.nodes.extend(
            plan.revokes
                .iter()
                .map(|step| revokes_of(step.tuple.permission_set())),
        );
        let early = |index: u32| plan.waits.early_grants.binary_search(&index).is_ok();
        let waiting = (0_u32..).zip(&plan.grants).filter(|(index, _)| !early(*index));
        let waiting: BTreeSet<u32> = waiting.map(|(_, step)| step.tuple.permission_set()).collect();
        // Of a set whose grants are all early, none waits for its change.
        let of_set = plan.waits.grants_of_set.iter();
        for (rank, actions) in of_set.filter(|(rank, _)| waiting.contains(rank)) {
            let on = actions.iter().filter_map(|index| label(*index));
            graph.edges.extend(on.map(|on| (grants_of(*rank), on)));
        }
        for (index, waits) in &plan.waits.revokes {
            let Some(step) = plan.revokes.get(*index as usize) else {
                continue;
            };
            let from = revokes_of(step.tuple.permission_set());
            let on = waits.iter().filter_map(wait_label).filter(|on| *on != from);
            graph.edges.extend(on.map(|on| (from.clone(), on)));
        }
        graph
    }

    /// Writes the graph; an arrow points to what must be there first.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write(&self, language: Language, out: &mut dyn Write) -> io::Result<()> {
        let all: BTreeSet<&String> = self
            .nodes
            .iter()
            .chain(self.edges.iter().flat_map(|(a, b)| [a, b]))
            .collect();
        let ids: BTreeMap<&String, usize> = all.into_iter().zip(0..).collect();
        let id = |name: &String| ids.get(name).copied().unwrap_or_default();
        match language {
            Language::Dot => writeln!(
                out,
                "digraph rolecall {{\n  rankdir = \"LR\"\n  node [shape = box]"
            )?,
            Language::Mermaid => writeln!(out, "flowchart LR")?,
        }
        for (name, id) in &ids {
            let name = super::escape::escape(name);
            match language {
                Language::Dot => {
                    let name = name.replace('\\', "\\\\").replace('"', "\\\"");
                    writeln!(out, "  n{id} [label = \"{name}\"]")?;
                }
                Language::Mermaid => {
                    let name = name
                        .replace('&', "#amp;")
                        .replace('"', "#quot;")
                        .replace('<', "#lt;");
                    writeln!(out, "  n{id}[\"{name}\"]")?;
                }
            }
        }
        let arrow = if language == Language::Dot { "->" } else { "-->" };
        for (from, to) in &self.edges {
            writeln!(out, "  n{} {arrow} n{}", id(from), id(to))?;
        }
        if language == Language::Dot {
            writeln!(out, "}}")
        } else {
            Ok(())
        }
    }
}

fn entity(principal: &PrincipalKey) -> Option<EntityKey> {
    match principal {
        PrincipalKey::Group(name) => Some(EntityKey::Group(name.clone())),
        PrincipalKey::User(name) => Some(EntityKey::User(name.clone())),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
    }
}

fn depends_on(snapshot: &Snapshot, key: &EntityKey) -> Vec<EntityKey> {
    match key {
        EntityKey::OrganizationalUnit(path) => path
            .parent()
            .map(EntityKey::OrganizationalUnit)
            .into_iter()
            .collect(),
        EntityKey::Account(key) => {
            let ou = snapshot
                .accounts
                .get(key)
                .and_then(|account| account.value.ou.clone());
            ou.map(EntityKey::OrganizationalUnit).into_iter().collect()
        }
        EntityKey::Group(name) => {
            let members = snapshot
                .groups
                .get(name)
                .and_then(|group| group.value.members.as_ref());
            members
                .into_iter()
                .flatten()
                .cloned()
                .map(EntityKey::User)
                .collect()
        }
        EntityKey::User(_) | EntityKey::PermissionSet(_) => Vec::new(),
    }
}

fn verb(kind: ActionKind) -> &'static str {
    match kind {
        ActionKind::Create => "create",
        ActionKind::Update => "update",
        ActionKind::Delete => "delete",
        ActionKind::Adopt => "adopt",
        ActionKind::Forget => "forget",
        ActionKind::Move => "move",
        ActionKind::Rebind => "rebind",
        ActionKind::Rename => "rename",
        ActionKind::Provision => "provision",
    }
}
