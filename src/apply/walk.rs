//! The state of every step of a plan: pending, ready, in flight, done, failed or blocked.
//!
//! Pure, and linear in the number of steps: what many steps wait for together is one counter (the grants of a set,
//! the actions that concern an account), and only single waits are kept per step. A step that fails or is blocked
//! blocks what waits for it, and nothing else.

use rustc_hash::FxHashMap;

use crate::model::access::Tuple;
use crate::plan::{Plan, StepId, Wait};

/// Where a step is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Progress {
    /// It waits for others.
    Pending,
    /// It can start.
    Ready,
    /// Its call has left.
    InFlight,
    /// It succeeded.
    Done,
    /// It failed.
    Failed,
    /// It is not run: the caller may not, or what it waits for was not done.
    Blocked,
}

/// How many steps are where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Not ended.
    pub open: u64,
    /// Succeeded.
    pub done: u64,
    /// Failed.
    pub failed: u64,
    /// Not run, and not to be run.
    pub blocked: u64,
}

/// A step that is not run because of another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlockedBy {
    /// The step that is not run.
    pub step: StepId,
    /// The step it waited for, directly or through others.
    pub cause: StepId,
}

/// Steps that others wait for together.
#[derive(Debug, Default)]
struct Group {
    left: u32,
    dependents: Vec<u32>,
}

/// A plan's steps on their way. Inside, steps are numbered: actions, then grants, then revokes.
#[derive(Debug)]
pub struct Walk<'p> {
    plan: &'p Plan,
    first_grant: u32,
    first_revoke: u32,
    progress: Vec<Progress>,
    /// How many waits of a step are open.
    left: Vec<u32>,
    /// What waits for single steps.
    dependents: FxHashMap<u32, Vec<u32>>,
    groups: Vec<Group>,
    /// The group that a wait or a gate means.
    group_of: FxHashMap<Shared, u32>,
    /// The groups that an action belongs to: gates of grants.
    gates_of: FxHashMap<u32, Vec<u32>>,
    counts: Counts,
    ready: Vec<u32>,
    initially_blocked: Vec<BlockedBy>,
}

/// What a group consists of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Shared {
    GrantsOfSet(u32),
    RevokesOfSet(u32),
    RevokesOfPrincipal(u32),
    /// The actions that grants of a set, in an account, to a principal wait for.
    BeforeSet(u32),
    BeforeAccount(u32),
    BeforePrincipal(u32),
}

impl<'p> Walk<'p> {
    /// All steps of a plan, with those ready that wait for nothing. Waits for steps that the plan does not have are
    /// taken as done; the plan's checker refuses such plans before.
    pub fn new(plan: &'p Plan) -> Self {
        let first_grant = plan.actions.len() as u32;
        let first_revoke = first_grant + plan.grants.len() as u32;
        let total = first_revoke as usize + plan.revokes.len();
        let mut walk = Walk {
            plan,
            first_grant,
            first_revoke,
            progress: vec![Progress::Pending; total],
            left: vec![0; total],
            dependents: FxHashMap::default(),
            groups: Vec::new(),
            group_of: FxHashMap::default(),
            gates_of: FxHashMap::default(),
            counts: Counts {
                open: total as u64,
                ..Counts::default()
            },
            ready: Vec::new(),
            initially_blocked: Vec::new(),
        };
        walk.lay_waits();
        walk.lay_gates();
        walk.count_members();
        walk.begin();
        walk
    }

    /// The steps that became ready since this was last asked, in plan order.
    pub fn take_ready(&mut self) -> Vec<StepId> {
        let mut ready = std::mem::take(&mut self.ready);
        ready.sort_unstable();
        ready.retain(|step| self.at(*step) == Progress::Ready);
        ready.into_iter().map(|step| self.id(step)).collect()
    }

    /// The steps that were blocked before anything began, with what blocks them.
    pub fn take_initially_blocked(&mut self) -> Vec<BlockedBy> {
        std::mem::take(&mut self.initially_blocked)
    }

    /// Where a step is; a step that the plan does not have is blocked.
    pub fn progress(&self, step: StepId) -> Progress {
        self.at(self.number(step))
    }

    /// How many steps are where.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// A ready step has left.
    pub fn start(&mut self, step: StepId) {
        let step = self.number(step);
        if self.at(step) == Progress::Ready {
            self.move_to(step, Progress::InFlight);
        }
    }

    /// A started step is to be started again.
    pub fn retry(&mut self, step: StepId) {
        let step = self.number(step);
        if self.at(step) == Progress::InFlight {
            self.move_to(step, Progress::Ready);
        }
    }

    /// A step succeeded.
    pub fn done(&mut self, step: StepId) {
        let step = self.number(step);
        if self.has_ended(step) {
            return;
        }
        self.move_to(step, Progress::Done);
        for dependent in self.dependents.remove(&step).unwrap_or_default() {
            self.satisfy(dependent);
        }
        for group in self.groups_of(step) {
            let Some(group) = self.groups.get_mut(group as usize) else {
                continue;
            };
            group.left = group.left.saturating_sub(1);
            if group.left == 0 {
                for dependent in std::mem::take(&mut group.dependents) {
                    self.satisfy(dependent);
                }
            }
        }
    }

    /// A step failed. Returns what is not run because of it.
    pub fn fail(&mut self, step: StepId) -> Vec<BlockedBy> {
        self.stop(step, Progress::Failed)
    }

    /// A step cannot be run by this caller. Returns what is not run because of it.
    pub fn block(&mut self, step: StepId) -> Vec<BlockedBy> {
        self.stop(step, Progress::Blocked)
    }

    fn stop(&mut self, step: StepId, as_what: Progress) -> Vec<BlockedBy> {
        let number = self.number(step);
        if self.has_ended(number) {
            return Vec::new();
        }
        self.move_to(number, as_what);
        let mut blocked = Vec::new();
        let mut stopped = vec![number];
        while let Some(number) = stopped.pop() {
            let mut dependents = self.dependents.remove(&number).unwrap_or_default();
            for group in self.groups_of(number) {
                if let Some(group) = self.groups.get_mut(group as usize) {
                    dependents.append(&mut group.dependents);
                }
            }
            for dependent in dependents {
                if !self.has_ended(dependent) {
                    self.move_to(dependent, Progress::Blocked);
                    blocked.push(BlockedBy {
                        step: self.id(dependent),
                        cause: step,
                    });
                    stopped.push(dependent);
                }
            }
        }
        blocked.sort_unstable();
        blocked
    }

    fn satisfy(&mut self, step: u32) {
        let Some(left) = self.left.get_mut(step as usize) else {
            return;
        };
        *left = left.saturating_sub(1);
        if *left == 0 && self.at(step) == Progress::Pending {
            self.make_ready(step);
        }
    }

    fn make_ready(&mut self, step: u32) {
        self.move_to(step, Progress::Ready);
        self.ready.push(step);
    }

    fn at(&self, step: u32) -> Progress {
        self.progress
            .get(step as usize)
            .copied()
            .unwrap_or(Progress::Blocked)
    }

    fn has_ended(&self, step: u32) -> bool {
        matches!(
            self.at(step),
            Progress::Done | Progress::Failed | Progress::Blocked
        )
    }

    fn move_to(&mut self, step: u32, to: Progress) {
        let Some(progress) = self.progress.get_mut(step as usize) else {
            return;
        };
        let from = std::mem::replace(progress, to);
        if let Some(count) = self.counter(from) {
            *count = count.saturating_sub(1);
        }
        if let Some(count) = self.counter(to) {
            *count += 1;
        }
    }

    fn counter(&mut self, progress: Progress) -> Option<&mut u64> {
        Some(match progress {
            Progress::Pending | Progress::Ready | Progress::InFlight => &mut self.counts.open,
            Progress::Done => &mut self.counts.done,
            Progress::Failed => &mut self.counts.failed,
            Progress::Blocked => &mut self.counts.blocked,
        })
    }

    fn number(&self, step: StepId) -> u32 {
        match step {
            StepId::Action(index) => index,
            StepId::Grant(index) => self.first_grant + index,
            StepId::Revoke(index) => self.first_revoke + index,
        }
    }

    fn id(&self, step: u32) -> StepId {
        if step >= self.first_revoke {
            StepId::Revoke(step - self.first_revoke)
        } else if step >= self.first_grant {
            StepId::Grant(step - self.first_grant)
        } else {
            StepId::Action(step)
        }
    }

    /// The groups that a step is a member of.
    fn groups_of(&self, step: u32) -> Vec<u32> {
        let id = self.id(step);
        let tuple = self.plan.tuple(id);
        match (id, tuple) {
            (StepId::Action(_), _) => self.gates_of.get(&step).cloned().unwrap_or_default(),
            (StepId::Grant(_), Some(tuple)) => self.groups([Shared::GrantsOfSet(tuple.permission_set())]),
            (StepId::Revoke(_), Some(tuple)) => self.groups([
                Shared::RevokesOfSet(tuple.permission_set()),
                Shared::RevokesOfPrincipal(tuple.principal()),
            ]),
            _ => Vec::new(),
        }
    }

    fn groups<const N: usize>(&self, shared: [Shared; N]) -> Vec<u32> {
        if self.group_of.is_empty() {
            return Vec::new();
        }
        shared
            .iter()
            .filter_map(|shared| self.group_of.get(shared).copied())
            .collect()
    }

    fn group(&mut self, shared: Shared) -> u32 {
        let next = self.groups.len() as u32;
        let group = *self.group_of.entry(shared).or_insert(next);
        if group == next {
            self.groups.push(Group::default());
        }
        group
    }

    /// What actions and single revokes wait for.
    fn lay_waits(&mut self) {
        let plan = self.plan;
        for (step, waits) in (0..self.first_grant).zip(&plan.waits.actions) {
            waits.iter().for_each(|wait| self.lay_wait(step, *wait));
        }
        for (index, waits) in &plan.waits.revokes {
            let step = self.first_revoke + index;
            waits.iter().for_each(|wait| self.lay_wait(step, *wait));
        }
    }

    fn lay_wait(&mut self, step: u32, wait: Wait) {
        let shared = match wait {
            Wait::GrantsOfSet(set) => Shared::GrantsOfSet(set),
            Wait::RevokesOfSet(set) => Shared::RevokesOfSet(set),
            Wait::RevokesOfPrincipal(principal) => Shared::RevokesOfPrincipal(principal),
            Wait::Action(index) => return self.lay_single(step, StepId::Action(index)),
            Wait::Grant(index) => return self.lay_single(step, StepId::Grant(index)),
            Wait::Revoke(index) => return self.lay_single(step, StepId::Revoke(index)),
        };
        let group = self.group(shared);
        if let (Some(group), Some(left)) = (
            self.groups.get_mut(group as usize),
            self.left.get_mut(step as usize),
        ) {
            group.dependents.push(step);
            *left += 1;
        }
    }

    fn lay_single(&mut self, step: u32, on: StepId) {
        let exists = match on {
            StepId::Action(index) => (index as usize) < self.plan.actions.len(),
            StepId::Grant(index) => (index as usize) < self.plan.grants.len(),
            StepId::Revoke(index) => (index as usize) < self.plan.revokes.len(),
        };
        let on = self.number(on);
        if let (true, Some(left)) = (exists, self.left.get_mut(step as usize)) {
            self.dependents.entry(on).or_default().push(step);
            *left += 1;
        }
    }

    /// What grants wait for: actions that concern their set, account or principal.
    fn lay_gates(&mut self) {
        let waits = &self.plan.waits;
        let sets = waits
            .grants_of_set
            .iter()
            .map(|(rank, actions)| (Shared::BeforeSet(*rank), actions));
        let accounts = waits
            .grants_in_account
            .iter()
            .map(|(rank, actions)| (Shared::BeforeAccount(*rank), actions));
        let principals = waits
            .grants_to_principal
            .iter()
            .map(|(rank, actions)| (Shared::BeforePrincipal(*rank), actions));
        for (shared, actions) in sets.chain(accounts).chain(principals) {
            let group = self.group(shared);
            for action in actions.iter().filter(|action| **action < self.first_grant) {
                self.gates_of.entry(*action).or_default().push(group);
                if let Some(group) = self.groups.get_mut(group as usize) {
                    group.left += 1;
                }
            }
        }
        if self.gates_of.is_empty() {
            return;
        }
        let early = &self.plan.waits.early_grants;
        for (index, grant) in (0_u32..).zip(&self.plan.grants) {
            let step = self.first_grant + index;
            let is_early = early.binary_search(&index).is_ok();
            for gate in self.gates_before(grant.tuple, is_early) {
                if let (Some(group), Some(left)) = (
                    self.groups.get_mut(gate as usize).filter(|group| group.left > 0),
                    self.left.get_mut(step as usize),
                ) {
                    group.dependents.push(step);
                    *left += 1;
                }
            }
        }
    }

    /// What a grant waits for; an early one not for its set's change.
    fn gates_before(&self, tuple: Tuple, is_early: bool) -> Vec<u32> {
        let (account, principal) = (tuple.account(), tuple.principal());
        let gates = [Shared::BeforeAccount(account), Shared::BeforePrincipal(principal)];
        let mut gates = self.groups(gates);
        if !is_early {
            gates.extend(self.groups([Shared::BeforeSet(tuple.permission_set())]));
        }
        gates
    }

    /// Counts the members of groups of grants and revokes; what waits for a group without members does not wait.
    fn count_members(&mut self) {
        if self.group_of.is_empty() {
            return;
        }
        for step in self.first_grant..self.progress.len() as u32 {
            for group in self.groups_of(step) {
                if let Some(group) = self.groups.get_mut(group as usize) {
                    group.left += 1;
                }
            }
        }
        for group in &mut self.groups {
            if group.left > 0 {
                continue;
            }
            for step in std::mem::take(&mut group.dependents) {
                if let Some(left) = self.left.get_mut(step as usize) {
                    *left = left.saturating_sub(1);
                }
            }
        }
    }

    /// Blocks what the plan says this caller may not run, and makes ready what waits for nothing.
    fn begin(&mut self) {
        let plan = self.plan;
        let actions = (0_u32..)
            .zip(&plan.actions)
            .filter(|(_, step)| step.blocked.is_some())
            .map(|(index, _)| StepId::Action(index));
        let grants = (0_u32..)
            .zip(&plan.grants)
            .filter(|(_, step)| step.blocked)
            .map(|(index, _)| StepId::Grant(index));
        let revokes = (0_u32..)
            .zip(&plan.revokes)
            .filter(|(_, step)| step.blocked)
            .map(|(index, _)| StepId::Revoke(index));
        for step in actions.chain(grants).chain(revokes) {
            if !self.has_ended(self.number(step)) {
                self.initially_blocked.push(BlockedBy { step, cause: step });
                let others = self.block(step);
                self.initially_blocked.extend(others);
            }
        }
        for step in 0..self.progress.len() as u32 {
            if self.at(step) == Progress::Pending && self.left.get(step as usize) == Some(&0) {
                self.make_ready(step);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use proptest::prelude::*;

    use super::*;
    use crate::plan::change::{GrantReason, RevokeReason};
    use crate::plan::scene::Scene;
    use crate::plan::{Action, ActionKind, GrantStep, Reason, RevokeStep, Waits};

    /// A plan with so many actions, and with these grants and revokes.
    fn plan(actions: usize, grants: &[Tuple], revokes: &[Tuple], waits: Waits) -> Plan {
        let mut plan = crate::plan::plan(&Scene::new().build());
        let action = Action {
            kind: ActionKind::Forget,
            entity: crate::id::EntityKey::OrganizationalUnit(crate::id::OuPath::root()),
            addresses: Default::default(),
            effect: None,
            reason: Reason::Destroy,
            expected_id: None,
            restore: false,
            blocked: None,
            location: None,
        };
        plan.actions = vec![action; actions];
        let grant = |tuple: &Tuple| GrantStep {
            tuple: *tuple,
            note: 0,
            reason: GrantReason::Declared,
            blocked: false,
        };
        let revoke = |tuple: &Tuple| RevokeStep {
            tuple: *tuple,
            note: 0,
            reason: RevokeReason::BlockRemoved,
            blocked: false,
        };
        plan.grants = grants.iter().map(grant).collect();
        plan.revokes = revokes.iter().map(revoke).collect();
        plan.waits = waits;
        plan.waits.actions.resize(actions, Vec::new());
        plan
    }

    fn all(plan: &Plan) -> Vec<StepId> {
        let count = |len: usize| 0..len as u32;
        let actions = count(plan.actions.len()).map(StepId::Action);
        let grants = count(plan.grants.len()).map(StepId::Grant);
        let revokes = count(plan.revokes.len()).map(StepId::Revoke);
        actions.chain(grants).chain(revokes).collect()
    }

    /// What a step waits for, step by step, straight from what [`Waits`] says.
    fn waits_of(plan: &Plan, step: StepId) -> Vec<StepId> {
        let spell = |wait: &Wait| -> Vec<StepId> {
            let grants = |keep: &dyn Fn(Tuple) -> bool| {
                let steps = (0..).zip(&plan.grants).filter(|(_, step)| keep(step.tuple));
                steps.map(|(index, _)| StepId::Grant(index)).collect()
            };
            let revokes = |keep: &dyn Fn(Tuple) -> bool| {
                let steps = (0..).zip(&plan.revokes).filter(|(_, step)| keep(step.tuple));
                steps.map(|(index, _)| StepId::Revoke(index)).collect()
            };
            match wait {
                Wait::Action(index) => vec![StepId::Action(*index)],
                Wait::Grant(index) => vec![StepId::Grant(*index)],
                Wait::Revoke(index) => vec![StepId::Revoke(*index)],
                Wait::GrantsOfSet(set) => grants(&|tuple| tuple.permission_set() == *set),
                Wait::RevokesOfSet(set) => revokes(&|tuple| tuple.permission_set() == *set),
                Wait::RevokesOfPrincipal(who) => revokes(&|tuple| tuple.principal() == *who),
            }
        };
        let waits = &plan.waits;
        match step {
            StepId::Action(index) => waits.actions[index as usize].iter().flat_map(spell).collect(),
            StepId::Revoke(index) => waits
                .revokes
                .get(&index)
                .into_iter()
                .flatten()
                .flat_map(spell)
                .collect(),
            StepId::Grant(index) => {
                let tuple = plan.grants[index as usize].tuple;
                let gates = [
                    waits.grants_of_set.get(&tuple.permission_set()),
                    waits.grants_in_account.get(&tuple.account()),
                    waits.grants_to_principal.get(&tuple.principal()),
                ];
                gates
                    .into_iter()
                    .flatten()
                    .flatten()
                    .map(|index| StepId::Action(*index))
                    .collect()
            }
        }
    }

    /// Runs a plan to its end, `width` steps at a time, where the steps in `failing` fail. Every step must find what
    /// it waits for done when it starts.
    fn run<'p>(plan: &'p Plan, failing: &BTreeSet<StepId>, width: usize) -> Walk<'p> {
        let mut walk = Walk::new(plan);
        let mut queue = std::collections::VecDeque::new();
        loop {
            queue.extend(walk.take_ready());
            let batch: Vec<StepId> = queue.drain(..width.min(queue.len())).collect();
            if batch.is_empty() {
                return walk;
            }
            for step in &batch {
                for wait in waits_of(plan, *step) {
                    assert_eq!(
                        walk.progress(wait),
                        Progress::Done,
                        "{step:?} started before {wait:?}"
                    );
                }
                walk.start(*step);
            }
            for step in batch {
                if failing.contains(&step) {
                    walk.fail(step);
                } else {
                    walk.done(step);
                }
            }
        }
    }

    /// Which steps cannot run when others fail: those that wait for one that fails or cannot run.
    fn expected(plan: &Plan, failing: &BTreeSet<StepId>) -> BTreeMap<StepId, Progress> {
        let mut bad: BTreeMap<StepId, Progress> = BTreeMap::new();
        loop {
            let before = bad.len();
            for step in all(plan) {
                if bad.contains_key(&step) {
                    continue;
                }
                if waits_of(plan, step).iter().any(|wait| bad.contains_key(wait)) {
                    bad.insert(step, Progress::Blocked);
                } else if failing.contains(&step) {
                    bad.insert(step, Progress::Failed);
                }
            }
            if bad.len() == before {
                // What fails only does so if it can start at all.
                let blocked = |step: &StepId| waits_of(plan, *step).iter().any(|wait| bad.contains_key(wait));
                return all(plan)
                    .into_iter()
                    .map(|step| {
                        let progress = match bad.get(&step) {
                            None => Progress::Done,
                            Some(_) if blocked(&step) => Progress::Blocked,
                            Some(progress) => *progress,
                        };
                        (step, progress)
                    })
                    .collect();
            }
        }
    }

    fn tuples() -> impl Strategy<Value = Vec<Tuple>> {
        let tuple = (0_u32..3, 0_u32..3, 0_u32..3).prop_map(|(a, s, p)| Tuple::new(a, s, p));
        prop::collection::btree_set(tuple, 0..8).prop_map(|set| set.into_iter().collect())
    }

    prop_compose! {
        /// Early actions (0 to 2) gate grants; revokes wait for grants and early actions; late actions (3 to 5) wait
        /// for any of them. So there is no circle.
        fn plans()(
            grants in tuples(),
            revokes in tuples(),
            early in prop::collection::vec(prop::collection::btree_set(0_u32..2, 0..2), 3),
            gates in prop::collection::vec((0_u8..3, 0_u32..3, prop::collection::btree_set(0_u32..3, 1..3)), 0..4),
            of_revokes in prop::collection::vec((0_usize..8, 0_usize..8, 0_u32..3), 0..4),
            late in prop::collection::vec(prop::collection::vec((0_u8..6, 0_u32..8), 0..4), 3),
        ) -> Plan {
            let mut waits = Waits::default();
            for (index, before) in (0_u32..).zip(&early) {
                let before = before.iter().filter(|other| **other < index);
                waits.actions.push(before.map(|other| Wait::Action(*other)).collect());
            }
            for (what, rank, actions) in gates {
                let map = match what {
                    0 => &mut waits.grants_of_set,
                    1 => &mut waits.grants_in_account,
                    _ => &mut waits.grants_to_principal,
                };
                map.insert(rank, actions.into_iter().collect());
            }
            for (revoke, grant, action) in of_revokes {
                if revoke < revokes.len() && grant < grants.len() {
                    waits.revokes.insert(revoke as u32, vec![Wait::Action(action), Wait::Grant(grant as u32)]);
                }
            }
            for (index, list) in (3_u32..).zip(&late) {
                let wait = |(what, rank): &(u8, u32)| match what {
                    0 => Some(Wait::GrantsOfSet(rank % 3)),
                    1 => Some(Wait::RevokesOfSet(rank % 3)),
                    2 => Some(Wait::RevokesOfPrincipal(rank % 3)),
                    3 => ((*rank as usize) < grants.len()).then_some(Wait::Grant(*rank)),
                    4 => ((*rank as usize) < revokes.len()).then_some(Wait::Revoke(*rank)),
                    _ => (*rank < index).then_some(Wait::Action(*rank)),
                };
                waits.actions.push(list.iter().filter_map(wait).collect());
            }
            plan(6, &grants, &revokes, waits)
        }
    }

    proptest! {
        #![proptest_config(crate::testing::property(256))]

        #[test]
        fn steps_start_after_what_they_wait_for_and_failures_stop_only_what_depends_on_them(
            plan in plans(),
            failing in prop::collection::vec(any::<prop::sample::Index>(), 0..4),
            width in 1_usize..6,
        ) {
            let steps = all(&plan);
            let failing: BTreeSet<StepId> = failing.iter().map(|index| steps[index.index(steps.len())]).collect();
            let walk = run(&plan, &failing, width);
            let found: BTreeMap<StepId, Progress> =
                steps.iter().map(|step| (*step, walk.progress(*step))).collect();
            prop_assert_eq!(found, expected(&plan, &failing));
            let counts = walk.counts();
            prop_assert_eq!(counts.open, 0);
            prop_assert_eq!(counts.done + counts.failed + counts.blocked, steps.len() as u64);
        }
    }

    #[test]
    fn what_the_plan_blocks_is_not_run_nor_is_what_waits_for_it() {
        let tuples = [Tuple::new(0, 0, 0), Tuple::new(0, 1, 0)];
        let mut waits = Waits::default();
        waits.grants_of_set.insert(1, vec![0]);
        let mut plan = plan(2, &tuples, &[], waits);
        plan.actions[0].blocked = Some("not allowed".into());
        let mut walk = Walk::new(&plan);
        let blocked: Vec<StepId> = walk.take_initially_blocked().iter().map(|b| b.step).collect();
        assert_eq!(blocked, [StepId::Action(0), StepId::Grant(1)]);
        assert_eq!(walk.take_ready(), [StepId::Action(1), StepId::Grant(0)]);
    }

    #[test]
    fn a_step_that_is_tried_again_lets_nothing_on_until_it_is_done() {
        let waits = Waits {
            actions: vec![vec![], vec![Wait::Action(0)]],
            ..Waits::default()
        };
        let plan = plan(2, &[], &[], waits);
        let mut walk = Walk::new(&plan);
        let first = StepId::Action(0);
        assert_eq!(walk.take_ready(), [first]);
        walk.start(first);
        walk.retry(first);
        assert_eq!(walk.progress(first), Progress::Ready);
        assert_eq!(walk.take_ready(), []);
        walk.start(first);
        walk.done(first);
        assert_eq!(walk.take_ready(), [StepId::Action(1)]);
    }
}
