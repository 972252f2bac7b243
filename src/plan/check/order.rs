//! Order: waits point at steps that exist, there is no circle, and what is needed is waited for.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::id::{EntityKey, OuPath, PermissionSetName, PrincipalKey};
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::roles::Provisioning;
use crate::model::widening::Widening;
use crate::plan::Plan;
use crate::plan::change::{Action, ActionKind};
use crate::plan::input::PlanInput;
use crate::plan::step::Wait;

use super::Found;
use super::gaps::successors;
use super::relations::Relations;

pub(super) fn check(plan: &Plan, input: &PlanInput, relations: &Relations, found: &mut Found) {
    if in_range(plan, found) {
        // Declarations can refer to each other in a circle; such a plan is refused and never run.
        if !plan.is_refused() {
            circles(plan, found);
            listed(plan, found);
        }
        let used = Used::new(plan);
        creations(plan, &used, found);
        deletions(plan, &used, found);
        contents(plan, &used, found);
        widening(plan, input, &used, &relations.observed, found);
        early(plan, found);
        narrowing(plan, input, &used, &relations.observed, found);
        needs(plan, found);
    }
}

fn in_range(plan: &Plan, found: &mut Found) -> bool {
    let before = found.violations.len();
    let fits = |wait: &Wait| match wait {
        Wait::Action(index) => (*index as usize) < plan.actions.len(),
        Wait::Grant(index) => (*index as usize) < plan.grants.len(),
        Wait::Revoke(index) => (*index as usize) < plan.revokes.len(),
        Wait::GrantsOfSet(rank) | Wait::RevokesOfSet(rank) => plan.names.permission_set(*rank).is_some(),
        Wait::RevokesOfPrincipal(rank) => plan.names.principal(*rank).is_some(),
    };
    let mut waits = plan
        .waits
        .actions
        .iter()
        .flatten()
        .chain(plan.waits.revokes.values().flatten());
    found.require(waits.all(fits), "wait-in-range", || {
        "a step waits for one that is not there".into()
    });
    let mut actions = shared(plan).into_iter().flat_map(|map| map.values().flatten());
    let fits = actions.all(|index| (*index as usize) < plan.actions.len());
    found.require(fits, "wait-in-range", || {
        "grants wait for an action that is not there".into()
    });
    let mut revokes = plan.waits.revokes.keys();
    let fits = revokes.all(|index| (*index as usize) < plan.revokes.len());
    found.require(fits, "wait-in-range", || {
        "a revoke that is not there waits".into()
    });
    let mut early = plan.waits.early_grants.iter();
    let fits = early.all(|index| (*index as usize) < plan.grants.len());
    found.require(fits, "wait-in-range", || {
        "a grant that is not there is early".into()
    });
    found.violations.len() == before
}

fn shared(plan: &Plan) -> [&BTreeMap<u32, Vec<u32>>; 3] {
    let waits = &plan.waits;
    [
        &waits.grants_of_set,
        &waits.grants_in_account,
        &waits.grants_to_principal,
    ]
}

/// A node of the order: a step, or all steps that one wait is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Node {
    Action(u32),
    Grant(u32),
    Revoke(u32),
    Shared(Wait),
}

/// The part of the order in which anything waits. Every list is looked at once.
struct Order<'a> {
    plan: &'a Plan,
    waits: FxHashMap<Node, Vec<Node>>,
    /// The steps behind each shared wait that somebody has.
    parts: FxHashMap<Wait, Vec<Node>>,
}

/// Removes what waits for nothing until nothing is left; what remains is a circle.
fn circles(plan: &Plan, found: &mut Found) {
    let mut order = Order {
        plan,
        waits: FxHashMap::default(),
        parts: parts(plan),
    };
    for index in (0_u32..).zip(&plan.actions).map(|(index, _)| index) {
        order.visit(Node::Action(index));
    }
    for index in plan.waits.revokes.keys() {
        order.visit(Node::Revoke(*index));
    }
    let left = order.left_over();
    found.require(left == 0, "order-cycle", || {
        format!("{left} steps wait for each other")
    });
}

/// The steps behind each shared wait. Revokes that wait for nothing cannot be part of a circle.
fn parts(plan: &Plan) -> FxHashMap<Wait, Vec<Node>> {
    let mut parts: FxHashMap<Wait, Vec<Node>> = FxHashMap::default();
    for index in plan.waits.revokes.keys() {
        let Some(step) = plan.revokes.get(*index as usize) else {
            continue;
        };
        let (set, principal) = (step.tuple.permission_set(), step.tuple.principal());
        for wait in [Wait::RevokesOfSet(set), Wait::RevokesOfPrincipal(principal)] {
            parts.entry(wait).or_default().push(Node::Revoke(*index));
        }
    }
    let mut waits = plan
        .waits
        .actions
        .iter()
        .chain(plan.waits.revokes.values())
        .flatten();
    if waits.any(|wait| matches!(wait, Wait::GrantsOfSet(_))) {
        for (index, step) in (0_u32..).zip(&plan.grants) {
            let wait = Wait::GrantsOfSet(step.tuple.permission_set());
            parts.entry(wait).or_default().push(Node::Grant(index));
        }
    }
    parts
}

impl Order<'_> {
    /// Adds a node and all that it waits for.
    fn visit(&mut self, node: Node) {
        let mut open = vec![node];
        while let Some(node) = open.pop() {
            if self.waits.contains_key(&node) {
                continue;
            }
            let list = self.waits_of(node);
            open.extend(&list);
            self.waits.insert(node, list);
        }
    }

    fn waits_of(&self, node: Node) -> Vec<Node> {
        let waits = &self.plan.waits;
        let of = |list: Option<&Vec<Wait>>| list.into_iter().flatten().map(Node::from_wait).collect();
        match node {
            Node::Action(index) => of(waits.actions.get(index as usize)),
            Node::Revoke(index) => of(waits.revokes.get(&index)),
            Node::Grant(index) => self.waits_of_grant(index),
            Node::Shared(wait) => self.parts.get(&wait).cloned().unwrap_or_default(),
        }
    }

    fn waits_of_grant(&self, index: u32) -> Vec<Node> {
        let Some(step) = self.plan.grants.get(index as usize) else {
            return Vec::new();
        };
        let waits = &self.plan.waits;
        let of_set = waits.grants_of_set.get(&step.tuple.permission_set());
        let is_early = waits.early_grants.binary_search(&index).is_ok();
        let lists = [
            of_set.filter(|_| !is_early),
            waits.grants_in_account.get(&step.tuple.account()),
            waits.grants_to_principal.get(&step.tuple.principal()),
        ];
        let actions = lists.into_iter().flatten().flatten();
        actions.map(|action| Node::Action(*action)).collect()
    }

    /// How many nodes cannot be put in an order.
    fn left_over(&self) -> usize {
        let mut open: FxHashMap<Node, usize> = FxHashMap::default();
        let mut waited_by: FxHashMap<Node, Vec<Node>> = FxHashMap::default();
        let mut ready: Vec<Node> = Vec::new();
        for (node, list) in &self.waits {
            open.insert(*node, list.len());
            for other in list {
                waited_by.entry(*other).or_default().push(*node);
            }
            if list.is_empty() {
                ready.push(*node);
            }
        }
        let mut left = self.waits.len();
        while let Some(node) = ready.pop() {
            left -= 1;
            for waiting in waited_by.get(&node).into_iter().flatten() {
                let Some(count) = open.get_mut(waiting) else {
                    continue;
                };
                *count -= 1;
                if *count == 0 {
                    ready.push(*waiting);
                }
            }
        }
        left
    }
}

impl Node {
    fn from_wait(wait: &Wait) -> Self {
        match wait {
            Wait::Action(index) => Node::Action(*index),
            Wait::Grant(index) => Node::Grant(*index),
            Wait::Revoke(index) => Node::Revoke(*index),
            shared => Node::Shared(*shared),
        }
    }
}

/// Actions are listed in an order that respects what they wait for, and every list is ascending.
fn listed(plan: &Plan, found: &mut Found) {
    for (index, list) in (0_u32..).zip(&plan.waits.actions) {
        let later = list
            .iter()
            .any(|wait| matches!(wait, Wait::Action(other) if *other >= index));
        found.require(!later, "action-before-its-wait", || format!("action {index}"));
    }
    let lists = plan.waits.actions.iter().chain(plan.waits.revokes.values());
    let ascending = |list: &Vec<Wait>| list.is_sorted_by(|left, right| left < right);
    found.require(lists.into_iter().all(ascending), "waits-sorted", String::new);
    let ascending = plan.waits.early_grants.is_sorted_by(|left, right| left < right);
    found.require(ascending, "waits-sorted", String::new);
    let mut lists = shared(plan).into_iter().flat_map(|map| map.values());
    let ascending = lists.all(|list| list.is_sorted_by(|left, right| left < right));
    found.require(ascending, "waits-sorted", String::new);
}

/// Which sets, accounts and principals steps name.
struct Used {
    granted_sets: BTreeSet<u32>,
    granted_accounts: BTreeSet<u32>,
    granted_principals: BTreeSet<u32>,
    revoked_sets: BTreeSet<u32>,
    revoked_principals: BTreeSet<u32>,
}

impl Used {
    fn new(plan: &Plan) -> Self {
        let grants = || plan.grants.iter().map(|step| step.tuple);
        let revokes = || plan.revokes.iter().map(|step| step.tuple);
        Used {
            granted_sets: grants().map(|tuple| tuple.permission_set()).collect(),
            granted_accounts: grants().map(|tuple| tuple.account()).collect(),
            granted_principals: grants().map(|tuple| tuple.principal()).collect(),
            revoked_sets: revokes().map(|tuple| tuple.permission_set()).collect(),
            revoked_principals: revokes().map(|tuple| tuple.principal()).collect(),
        }
    }
}

/// Grants wait for the creation or change of what they name.
fn creations(plan: &Plan, used: &Used, found: &mut Found) {
    let waits = &plan.waits;
    for (index, action) in (0_u32..).zip(&plan.actions) {
        let to = |key: PrincipalKey| {
            let rank = plan.names.principal_rank(&key);
            (&waits.grants_to_principal, &used.granted_principals, rank)
        };
        let (map, granted, rank) = match &action.effect {
            Some(
                Effect::CreatePermissionSet { permission_set: set }
                | Effect::UpdatePermissionSet { to: set, .. },
            ) => {
                let rank = plan.names.permission_set_rank(&set.name);
                (&waits.grants_of_set, &used.granted_sets, rank)
            }
            Some(Effect::CreateAccount { account }) => {
                let rank = plan.names.account_rank(&account.key);
                (&waits.grants_in_account, &used.granted_accounts, rank)
            }
            Some(Effect::CreateUser { user }) => to(PrincipalKey::User(user.user_name.clone())),
            Some(Effect::UpdateUser { from, to: user }) if from.user_name != user.user_name => {
                to(PrincipalKey::User(user.user_name.clone()))
            }
            Some(Effect::CreateGroup { group }) => to(PrincipalKey::Group(group.display_name.clone())),
            Some(Effect::UpdateGroup { from, to: group }) if from.display_name != group.display_name => {
                to(PrincipalKey::Group(group.display_name.clone()))
            }
            _ => continue,
        };
        let Some(rank) = rank else { continue };
        let waited = map.get(&rank).is_some_and(|list| list.contains(&index));
        found.require(
            !granted.contains(&rank) || waited,
            "grant-before-creation",
            || action.entity.to_string(),
        );
    }
}

/// A set or principal is deleted after its last assignment is really gone.
fn deletions(plan: &Plan, used: &Used, found: &mut Found) {
    let of_principal = |key: PrincipalKey| {
        let rank = plan.names.principal_rank(&key)?;
        used.revoked_principals
            .contains(&rank)
            .then_some(Wait::RevokesOfPrincipal(rank))
    };
    for (action, waits) in plan.actions.iter().zip(&plan.waits.actions) {
        let needed = match &action.effect {
            Some(Effect::DeletePermissionSet { name }) => plan
                .names
                .permission_set_rank(name)
                .filter(|rank| used.revoked_sets.contains(rank))
                .map(Wait::RevokesOfSet),
            Some(Effect::DeleteGroup { group }) => of_principal(PrincipalKey::Group(group.clone())),
            Some(Effect::DeleteUser { user }) => of_principal(PrincipalKey::User(user.clone())),
            _ => None,
        };
        let waited = needed.is_none_or(|wait| waits.contains(&wait));
        found.require(waited, "delete-before-revokes", || action.entity.to_string());
    }
}

/// A provision follows the change of its set and that set's revokes.
fn contents(plan: &Plan, used: &Used, found: &mut Found) {
    let updates = (0_u32..).zip(&plan.actions);
    let updates =
        updates.filter(|(_, action)| matches!(&action.effect, Some(Effect::UpdatePermissionSet { .. })));
    let updates: BTreeMap<&EntityKey, u32> = updates.map(|(index, action)| (&action.entity, index)).collect();
    for (action, waits) in plan.actions.iter().zip(&plan.waits.actions) {
        let EntityKey::PermissionSet(name) = &action.entity else {
            continue;
        };
        if action.kind != ActionKind::Provision {
            continue;
        }
        let update = updates.get(&action.entity);
        let waited = update.is_none_or(|index| waits.contains(&Wait::Action(*index)));
        found.require(waited, "provision-before-update", || name.to_string());
        let revoked = plan
            .names
            .permission_set_rank(name)
            .filter(|rank| used.revoked_sets.contains(rank));
        let waited = revoked.is_none_or(|rank| waits.contains(&Wait::RevokesOfSet(rank)));
        found.require(waited, "provision-before-revokes", || name.to_string());
    }
}

/// A set comes to allow more only after it is taken from those who lose it, by a revoke, or with
/// a membership, a group or a user.
fn widening(plan: &Plan, input: &PlanInput, used: &Used, observed: &[Tuple], found: &mut Found) {
    let actions = || (0_u32..).zip(&plan.actions).zip(&plan.waits.actions);
    let mut leave: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for ((index, action), _) in actions() {
        let principal = match &action.effect {
            Some(Effect::RemoveMember { group, .. } | Effect::DeleteGroup { group }) => {
                PrincipalKey::Group(group.clone())
            }
            Some(Effect::DeleteUser { user }) => PrincipalKey::User(user.clone()),
            _ => continue,
        };
        let rank = plan.names.principal_rank(&principal);
        rank.into_iter()
            .for_each(|rank| leave.entry(rank).or_default().push(index));
    }
    let successors: BTreeSet<u32> = successors(plan, input).into_values().collect();
    let mut updates: BTreeMap<u32, (&Action, &Vec<Wait>)> = BTreeMap::new();
    for ((_, action), waits) in actions() {
        if let Some(Effect::UpdatePermissionSet { from, to }) = &action.effect
            && Widening::of(from, to) == Widening::Wider
            && let Some(rank) = plan.names.permission_set_rank(&to.name)
            && !successors.contains(&rank)
        {
            updates.insert(rank, (action, waits));
            let waited = !used.revoked_sets.contains(&rank) || waits.contains(&Wait::RevokesOfSet(rank));
            found.require(waited, "widened-before-revokes", || action.entity.to_string());
        }
    }
    if updates.is_empty() || leave.is_empty() {
        return;
    }
    let held = observed.iter().filter(|tuple| {
        updates.contains_key(&tuple.permission_set()) && leave.contains_key(&tuple.principal())
    });
    let held: BTreeSet<(u32, u32)> = held
        .map(|tuple| (tuple.permission_set(), tuple.principal()))
        .collect();
    for (set, principal) in held {
        let (Some((action, waits)), Some(ends)) = (updates.get(&set), leave.get(&principal)) else {
            continue;
        };
        let mut ends = ends.iter();
        let waited = ends.all(|end| waits.binary_search(&Wait::Action(*end)).is_ok());
        found.require(waited, "widened-before-leaving", || action.entity.to_string());
    }
}

/// A grant that is made before its set's change leaves a role that is behind: a provisioning that follows the change
/// must reach it. (What an earlier run changed, a grant brings along.)
fn early(plan: &Plan, found: &mut Found) {
    if plan.waits.early_grants.is_empty() {
        return;
    }
    let updates = plan.actions.iter().filter_map(|action| match &action.effect {
        Some(Effect::UpdatePermissionSet { to, .. }) => Some(&to.name),
        _ => None,
    });
    let updates: BTreeSet<&PermissionSetName> = updates.collect();
    let provisions = plan.actions.iter().filter_map(|action| match &action.effect {
        Some(Effect::Provision { name, accounts }) => Some((name, accounts)),
        _ => None,
    });
    let provisions: BTreeMap<_, _> = provisions.collect();
    for index in &plan.waits.early_grants {
        let step = plan.grants.get(*index as usize);
        let names = step.and_then(|step| plan.names.resolve(step.tuple));
        let reached = names.and_then(|(account, set, _)| {
            if !updates.contains(set) {
                return Some(());
            }
            let accounts = provisions.get(set)?;
            let reached = accounts
                .as_ref()
                .is_none_or(|accounts| accounts.contains(account));
            reached.then_some(())
        });
        found.require(reached.is_some(), "early-grant-not-provisioned", || {
            format!("grant {index}")
        });
    }
}

/// Who joins a group that holds a set which comes to allow less waits for its provisioning, where that waits for
/// nobody: no revoke of the set, nothing left by an earlier run, nobody who leaves.
fn narrowing(plan: &Plan, input: &PlanInput, used: &Used, observed: &[Tuple], found: &mut Found) {
    let stale = input.observed.roles.iter();
    let stale = stale.filter(|row| row.provisioning == Provisioning::Stale);
    let known = &input.observed.snapshot.access.names;
    let stale: BTreeSet<Option<&PermissionSetName>> = stale
        .map(|row| known.permission_set(row.pair.permission_set()))
        .collect();
    let successors: BTreeSet<u32> = successors(plan, input).into_values().collect();
    let mut narrowed: BTreeSet<&PermissionSetName> = BTreeSet::new();
    let mut provisions: BTreeMap<u32, u32> = BTreeMap::new();
    let mut joins: FxHashMap<u32, Vec<u32>> = FxHashMap::default();
    for (index, action) in (0_u32..).zip(&plan.actions) {
        match &action.effect {
            Some(Effect::UpdatePermissionSet { from, to })
                if Widening::of(from, to) == Widening::None
                    && to.may_allow_less_than(from)
                    && action.blocked.is_none()
                    && !stale.contains(&Some(&to.name)) =>
            {
                let rank = plan.names.permission_set_rank(&to.name);
                if rank.is_some_and(|rank| !used.revoked_sets.contains(&rank) && !successors.contains(&rank))
                {
                    narrowed.insert(&to.name);
                }
            }
            Some(Effect::Provision { name, .. }) if action.blocked.is_none() && narrowed.contains(name) => {
                provisions.extend(plan.names.permission_set_rank(name).map(|rank| (rank, index)));
            }
            Some(Effect::AddMember { group, .. }) => {
                let rank = plan.names.principal_rank(&PrincipalKey::Group(group.clone()));
                rank.into_iter()
                    .for_each(|rank| joins.entry(rank).or_default().push(index));
            }
            _ => {}
        }
    }
    if provisions.is_empty() || joins.is_empty() {
        return;
    }
    let held = observed.iter().filter_map(|tuple| {
        let provision = provisions.get(&tuple.permission_set())?;
        joins
            .contains_key(&tuple.principal())
            .then_some((*provision, tuple.principal()))
    });
    let held: BTreeSet<(u32, u32)> = held.collect();
    for (provision, group) in held {
        for join in joins.get(&group).into_iter().flatten() {
            let waits = plan.waits.actions.get(*join as usize);
            let waited = waits.is_some_and(|waits| waits.binary_search(&Wait::Action(provision)).is_ok());
            found.require(waited, "joined-before-narrowed", || format!("action {join}"));
        }
    }
}

/// What makes each entity be there under its name.
fn makers(plan: &Plan) -> BTreeMap<EntityKey, u32> {
    let makes = |effect: &Effect| match effect {
        Effect::UpdateUser { from, to } => from.user_name != to.user_name,
        Effect::UpdateGroup { from, to } => from.display_name != to.display_name,
        Effect::CreateOrganizationalUnit { .. }
        | Effect::RenameOrganizationalUnit { .. }
        | Effect::CreateAccount { .. }
        | Effect::CreateUser { .. }
        | Effect::CreateGroup { .. }
        | Effect::CreatePermissionSet { .. } => true,
        _ => false,
    };
    let actions = (0_u32..).zip(&plan.actions);
    let makers = actions.filter(|(_, action)| action.effect.as_ref().is_some_and(makes));
    makers
        .map(|(index, action)| (action.entity.clone(), index))
        .collect()
}

/// Memberships, units, accounts and references wait for the creation of what they name.
fn needs(plan: &Plan, found: &mut Found) {
    let makers = makers(plan);
    let unit = |path: &OuPath| EntityKey::OrganizationalUnit(path.clone());
    for (index, action) in (0_u32..).zip(&plan.actions) {
        let Some(effect) = &action.effect else { continue };
        let (invariant, named): (&'static str, Vec<EntityKey>) = match effect {
            Effect::AddMember { group, user } => {
                let ends = vec![EntityKey::Group(group.clone()), EntityKey::User(user.clone())];
                ("member-before-creation", ends)
            }
            Effect::CreateOrganizationalUnit { path } => {
                ("unit-before-parent", path.parent().iter().map(unit).collect())
            }
            Effect::CreateAccount { account } => {
                ("account-before-unit", account.ou.iter().map(unit).collect())
            }
            Effect::MoveAccount { to, .. } => ("account-before-unit", vec![unit(to)]),
            Effect::CreatePermissionSet { .. } | Effect::UpdatePermissionSet { .. } => {
                let references = effect.texts().into_iter().flat_map(|text| text.references());
                (
                    "reference-before-creation",
                    references.map(|to| to.entity.clone()).collect(),
                )
            }
            _ => continue,
        };
        let waits = plan
            .waits
            .actions
            .get(index as usize)
            .map_or(&[][..], Vec::as_slice);
        for key in named {
            let maker = makers.get(&key).filter(|maker| **maker != index);
            let waited = maker.is_none_or(|maker| waits.contains(&Wait::Action(*maker)));
            found.require(waited, invariant, || format!("{}: {key}", action.entity));
        }
    }
}
