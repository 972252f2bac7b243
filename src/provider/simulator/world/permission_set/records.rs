//! Permission sets and their definitions as the world keeps them, with their indexes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::super::clock::Time;
use super::super::effect;
use super::super::place::SetIx;

/// `CustomerManagedPolicyReference`: a policy that must exist in each account, by case-sensitive name and path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct CustomerManagedPolicy {
    /// `Name`.
    pub name: String,
    /// `Path`; `/` by default.
    pub path: String,
}

impl CustomerManagedPolicy {
    /// Its ARN in an account.
    pub fn arn(&self, account: &str) -> String {
        format!("arn:aws:iam::{account}:policy{}{}", self.path, self.name)
    }

    /// Path and name together, as they identify it in an account.
    pub fn key(&self) -> String {
        format!("{}{}", self.path, self.name)
    }
}

/// `PermissionsBoundary`: one or the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Boundary {
    /// `ManagedPolicyArn`.
    Managed(String),
    /// `CustomerManagedPolicyReference`.
    Customer(CustomerManagedPolicy),
}

/// What a role is provisioned from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// `Description`.
    pub description: Option<String>,
    /// `SessionDuration`, ISO 8601.
    pub session_duration: String,
    /// `RelayState`.
    pub relay_state: Option<String>,
    /// The inline policy, as it was put.
    pub inline_policy: Option<String>,
    /// ARNs of AWS-managed policies.
    pub managed_policies: BTreeSet<String>,
    /// Customer-managed policies.
    pub customer_managed_policies: BTreeSet<CustomerManagedPolicy>,
    /// The permissions boundary.
    pub boundary: Option<Boundary>,
}

impl Definition {
    /// How many managed policies it attaches.
    pub fn policies(&self) -> usize {
        self.managed_policies.len() + self.customer_managed_policies.len()
    }

    /// The customer-managed policies that must exist in an account, the boundary included.
    pub fn needed(&self) -> impl Iterator<Item = &CustomerManagedPolicy> {
        let boundary = match &self.boundary {
            Some(Boundary::Customer(policy)) => Some(policy),
            _ => None,
        };
        self.customer_managed_policies.iter().chain(boundary)
    }
}

/// A permission set, also after it was deleted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PermissionSet {
    /// The number in its ARN.
    pub(in super::super) id: u64,
    /// Its name, which cannot change.
    pub name: String,
    /// When it was created.
    pub created: Time,
    /// Whether it still exists.
    pub live: bool,
    /// Its tags.
    pub tags: BTreeMap<String, String>,
    /// The number of its present definition.
    pub(in super::super) revision: u32,
    /// The definitions that roles still have, and the present one.
    definitions: BTreeMap<u32, Arc<Definition>>,
}

impl PermissionSet {
    /// The definition with a number, if a role may still have it.
    pub fn definition_of(&self, revision: u32) -> Option<&Arc<Definition>> {
        self.definitions.get(&revision)
    }

    /// The present definition.
    pub fn definition(&self) -> Option<&Arc<Definition>> {
        self.definitions.get(&self.revision)
    }
}

/// All permission sets, with their indexes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Vec<PermissionSet>")]
pub struct PermissionSets {
    pub(super) all: Vec<PermissionSet>,
    by_id: FxHashMap<u64, SetIx>,
    by_name: FxHashMap<String, SetIx>,
    pub(super) gone: FxHashMap<String, u64>,
}

impl Serialize for PermissionSets {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.all.serialize(serializer)
    }
}

impl From<Vec<PermissionSet>> for PermissionSets {
    fn from(all: Vec<PermissionSet>) -> Self {
        let mut sets = PermissionSets::default();
        for (at, set) in all.iter().enumerate() {
            sets.index(SetIx::new(at), set);
        }
        sets.all = all;
        sets
    }
}

impl PermissionSets {
    /// The permission set at a place, also a deleted one.
    pub fn get(&self, at: SetIx) -> Option<&PermissionSet> {
        self.all.get(at.at())
    }

    /// The permission sets that exist, in the order in which they were made.
    pub fn iter(&self) -> impl Iterator<Item = (SetIx, &PermissionSet)> {
        self.from(0).filter(|(_, set)| set.live)
    }

    /// The place of the permission set with this name.
    pub fn by_name(&self, name: &str) -> Option<SetIx> {
        self.by_name.get(name).copied()
    }

    /// How many exist.
    pub fn len(&self) -> usize {
        self.by_name.len()
    }

    /// Whether none exists.
    pub fn is_empty(&self) -> bool {
        self.by_name.is_empty()
    }

    pub(super) fn from(&self, start: usize) -> impl Iterator<Item = (SetIx, &PermissionSet)> {
        self.all
            .iter()
            .enumerate()
            .skip(start)
            .map(|(at, set)| (SetIx::new(at), set))
    }

    pub(super) fn live_by_id(&self, id: u64) -> Option<SetIx> {
        self.by_id
            .get(&id)
            .copied()
            .filter(|at| self.get(*at).is_some_and(|set| set.live))
    }

    fn index(&mut self, at: SetIx, set: &PermissionSet) {
        self.by_id.insert(set.id, at);
        if set.live {
            self.by_name.insert(set.name.clone(), at);
        } else {
            *self.gone.entry(set.name.clone()).or_default() += 1;
        }
    }

    // What the effects do; each says whether what it names exists.

    pub(in super::super) fn add(
        &mut self,
        id: u64,
        name: String,
        definition: Definition,
        tags: BTreeMap<String, String>,
        now: Time,
    ) {
        let definitions = BTreeMap::from([(1, Arc::new(definition))]);
        let set = PermissionSet {
            id,
            name,
            created: now,
            live: true,
            tags,
            revision: 1,
            definitions,
        };
        self.index(SetIx::new(self.all.len()), &set);
        self.all.push(set);
    }

    /// Gives a set a new definition, and forgets those that are not `used`.
    pub(in super::super) fn redefine(
        &mut self,
        at: SetIx,
        definition: Definition,
        used: &BTreeSet<u32>,
    ) -> bool {
        let Some(set) = self.all.get_mut(at.at()) else {
            return false;
        };
        set.definitions.retain(|revision, _| used.contains(revision));
        set.revision += 1;
        set.definitions.insert(set.revision, Arc::new(definition));
        true
    }

    pub(in super::super) fn remove(&mut self, at: SetIx) -> bool {
        let Some(set) = self.all.get_mut(at.at()).filter(|set| set.live) else {
            return false;
        };
        set.live = false;
        self.by_name.remove(&set.name);
        *self.gone.entry(set.name.clone()).or_default() += 1;
        true
    }

    pub(in super::super) fn edit_tags(&mut self, at: SetIx, edits: &[(String, Option<String>)]) -> bool {
        self.all
            .get_mut(at.at())
            .map(|set| effect::edit_tags(&mut set.tags, edits))
            .is_some()
    }

    /// The sets whose present definition attaches this managed policy.
    pub(in super::super) fn attaching(&self, arn: &str) -> Vec<SetIx> {
        let attaches =
            |set: &PermissionSet| set.definition().is_some_and(|d| d.managed_policies.contains(arn));
        self.iter()
            .filter(|(_, set)| attaches(set))
            .map(|(at, _)| at)
            .collect()
    }
}
