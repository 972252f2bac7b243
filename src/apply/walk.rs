//! The order of a run: which steps may start now, given what has ended.
//!
//! Pure. A step is pending until nothing it waits for is left, then ready, in
//! flight, and done, failed or blocked. With a million grants there is no edge
//! per grant: grants wait at *gates* (one per set, account or principal that an
//! action concerns), actions wait for counters (all revokes of a set), and only
//! revokes that would cut people off have edges of their own.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use crate::plan::Plan;
use crate::plan::step::{StepId, Wait};

use super::pace::Pace;

/// Where a step stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It waits for others.
    Pending,
    /// It may start.
    Ready,
    /// Its call is out.
    InFlight,
    /// It succeeded.
    Done,
    /// It failed.
    Failed,
    /// It will not run: it may not, or what it waits for did not succeed.
    Blocked,
}

/// How many steps stand where.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Neither done, failed nor blocked.
    pub open: u64,
    /// Succeeded.
    pub done: u64,
    /// Failed.
    pub failed: u64,
    /// Not run and not to be run.
    pub blocked: u64,
}

/// A point where grants wait: for all actions that concern one set, account or principal.
#[derive(Debug, Default)]
struct Gate {
    /// Actions still to end.
    left: usize,
    /// The grants behind it.
    grants: Vec<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum GateKey {
    Set(u32),
    Account(u32),
    Principal(u32),
}

/// A plan being carried out.
#[derive(Debug)]
pub struct Walk<'p> {
    plan: &'p Plan,
    status: Statuses,
    /// How many things a step still waits for; steps not in here wait for nothing.
    missing: FxHashMap<StepId, usize>,
    /// Who waits for what.
    waiting: FxHashMap<Wait, Vec<StepId>>,
    /// How many steps of a counter are left.
    counters: FxHashMap<Wait, usize>,
    gates: FxHashMap<GateKey, Gate>,
    /// Gates that an action opens.
    opens: FxHashMap<u32, Vec<GateKey>>,
    ready_actions: BTreeSet<u32>,
    /// Ready assignments by account, so that accounts take turns.
    ready_in: BTreeMap<u32, VecDeque<StepId>>,
    /// The account whose turn was last.
    turn: u32,
    counts: Counts,
}

#[derive(Debug)]
struct Statuses {
    actions: Vec<Status>,
    grants: Vec<Status>,
    revokes: Vec<Status>,
}

impl Statuses {
    fn get(&self, step: StepId) -> Status {
        let found = match step {
            StepId::Action(index) => self.actions.get(index as usize),
            StepId::Grant(index) => self.grants.get(index as usize),
            StepId::Revoke(index) => self.revokes.get(index as usize),
        };
        found.copied().unwrap_or(Status::Blocked)
    }

    fn set(&mut self, step: StepId, status: Status) {
        let slot = match step {
            StepId::Action(index) => self.actions.get_mut(index as usize),
            StepId::Grant(index) => self.grants.get_mut(index as usize),
            StepId::Revoke(index) => self.revokes.get_mut(index as usize),
        };
        if let Some(slot) = slot {
            *slot = status;
        }
    }
}

impl<'p> Walk<'p> {
    /// The walk of a plan, with nothing done. Actions without an effect count as done; what the plan blocks is
    /// blocked, with all that waits for it.
    pub fn new(plan: &'p Plan) -> Self {
        let mut walk = Walk {
            plan,
            status: Statuses {
                actions: vec![Status::Pending; plan.actions.len()],
                grants: vec![Status::Pending; plan.grants.len()],
                revokes: vec![Status::Pending; plan.revokes.len()],
            },
            missing: FxHashMap::default(),
            waiting: FxHashMap::default(),
            counters: FxHashMap::default(),
            gates: FxHashMap::default(),
            opens: FxHashMap::default(),
            ready_actions: BTreeSet::new(),
            ready_in: BTreeMap::new(),
            turn: u32::MAX,
            counts: Counts {
                open: all_steps(plan).count() as u64,
                ..Counts::default()
            },
        };
        walk.edges();
        walk.build_gates();
        walk.begin();
        walk
    }

    fn edges(&mut self) {
        let plan = self.plan;
        let of_actions = (0_u32..).map(StepId::Action).zip(&plan.waits.actions);
        let of_revokes = plan
            .waits
            .revokes
            .iter()
            .map(|(index, waits)| (StepId::Revoke(*index), waits));
        for (step, waits) in of_actions.chain(of_revokes) {
            for wait in waits {
                self.waiting.entry(*wait).or_default().push(step);
                *self.missing.entry(step).or_default() += 1;
            }
        }
        let is_counter = |wait: &&Wait| !matches!(wait, Wait::Action(_) | Wait::Grant(_) | Wait::Revoke(_));
        self.counters = self
            .waiting
            .keys()
            .filter(is_counter)
            .map(|wait| (*wait, 0))
            .collect();
        for step in all_steps(plan) {
            for counter in counters_of(plan, step).into_iter().flatten() {
                if let Some(left) = self.counters.get_mut(&counter) {
                    *left += 1;
                }
            }
        }
    }

    fn build_gates(&mut self) {
        let plan = self.plan;
        type ToKey = fn(u32) -> GateKey;
        let maps: [(&BTreeMap<u32, Vec<u32>>, ToKey); 3] = [
            (&plan.waits.grants_of_set, GateKey::Set),
            (&plan.waits.grants_in_account, GateKey::Account),
            (&plan.waits.grants_to_principal, GateKey::Principal),
        ];
        for (map, key) in maps {
            for (rank, actions) in map {
                self.gates.entry(key(*rank)).or_default().left = actions.len();
                for action in actions {
                    self.opens.entry(*action).or_default().push(key(*rank));
                }
            }
        }
        if self.gates.is_empty() {
            return;
        }
        for (index, step) in (0_u32..).zip(&plan.grants) {
            for key in gates_of(step.tuple) {
                if let Some(gate) = self.gates.get_mut(&key) {
                    gate.grants.push(index);
                    *self.missing.entry(StepId::Grant(index)).or_default() += 1;
                }
            }
        }
    }

    /// Blocks what may not run, passes over what has no effect, and readies what waits for nothing.
    fn begin(&mut self) {
        let plan = self.plan;
        let empty: Vec<Wait> = self
            .counters
            .iter()
            .filter(|(_, left)| **left == 0)
            .map(|(wait, _)| *wait)
            .collect();
        for step in all_steps(plan) {
            if is_blocked(plan, step) {
                self.block(step);
            }
        }
        // Revokes first: they start at once, and never wait behind unrelated grants.
        let revokes = (0_u32..)
            .zip(&plan.revokes)
            .map(|(index, _)| StepId::Revoke(index));
        let actions = (0_u32..)
            .zip(&plan.actions)
            .map(|(index, _)| StepId::Action(index));
        let grants = (0_u32..).zip(&plan.grants).map(|(index, _)| StepId::Grant(index));
        for step in revokes.chain(actions).chain(grants) {
            if self.status.get(step) == Status::Pending && !self.missing.contains_key(&step) {
                self.ready(step);
            }
        }
        for wait in empty {
            self.release(wait);
        }
    }

    /// Where a step stands.
    pub fn status(&self, step: StepId) -> Status {
        self.status.get(step)
    }

    /// How many steps stand where.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Takes up to `most` ready steps for which `pace` has room, and marks them as in flight. Accounts take turns.
    pub fn take(&mut self, pace: &mut Pace, most: usize) -> Vec<StepId> {
        let mut taken = Vec::new();
        let actions: Vec<u32> = self.ready_actions.iter().copied().collect();
        for index in actions {
            if taken.len() >= most {
                break;
            }
            if pace.admit(self.plan, StepId::Action(index)) {
                self.ready_actions.remove(&index);
                taken.push(StepId::Action(index));
            }
        }
        self.take_assignments(pace, most, &mut taken);
        for step in &taken {
            self.status.set(*step, Status::InFlight);
        }
        taken
    }

    fn take_assignments(&mut self, pace: &mut Pace, most: usize, taken: &mut Vec<StepId>) {
        let after = |turn: u32| (std::ops::Bound::Excluded(turn), std::ops::Bound::Unbounded);
        let mut refused = 0;
        while taken.len() < most && !self.ready_in.is_empty() && refused < self.ready_in.len() {
            let next = self
                .ready_in
                .range(after(self.turn))
                .next()
                .or_else(|| self.ready_in.iter().next());
            let Some(account) = next.map(|(account, _)| *account) else {
                return;
            };
            self.turn = account;
            let Some(queue) = self.ready_in.get_mut(&account) else {
                return;
            };
            match queue.front() {
                Some(step) if pace.admit(self.plan, *step) => {
                    taken.extend(queue.pop_front());
                    refused = 0;
                }
                Some(_) if !pace.has_room_for_assignments() => return,
                _ => refused += 1,
            }
            if queue.is_empty() {
                self.ready_in.remove(&account);
            }
        }
    }

    /// Puts a step back that is to be tried again.
    pub fn again(&mut self, step: StepId) {
        self.status.set(step, Status::Pending);
        self.ready(step);
    }

    /// A step in flight has ended. Returns the steps that are blocked because of it.
    pub fn end(&mut self, step: StepId, succeeded: bool) -> Vec<StepId> {
        self.counts.open -= 1;
        if !succeeded {
            self.counts.failed += 1;
            self.status.set(step, Status::Failed);
            return self.block_dependents(step);
        }
        self.counts.done += 1;
        self.status.set(step, Status::Done);
        self.pass(step);
        Vec::new()
    }

    /// Lets everything on that waited for `step`.
    fn pass(&mut self, step: StepId) {
        self.release(own_wait(step));
        for counter in counters_of(self.plan, step).into_iter().flatten() {
            if let Some(left) = self.counters.get_mut(&counter) {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    self.release(counter);
                }
            }
        }
        if let StepId::Action(index) = step {
            for key in self.opens.remove(&index).unwrap_or_default() {
                self.open(key);
            }
        }
    }

    fn open(&mut self, key: GateKey) {
        let Some(gate) = self.gates.get_mut(&key) else {
            return;
        };
        gate.left = gate.left.saturating_sub(1);
        if gate.left > 0 {
            return;
        }
        for index in std::mem::take(&mut gate.grants) {
            self.one_less(StepId::Grant(index));
        }
    }

    fn release(&mut self, wait: Wait) {
        for step in self.waiting.remove(&wait).unwrap_or_default() {
            self.one_less(step);
        }
    }

    fn one_less(&mut self, step: StepId) {
        let Some(missing) = self.missing.get_mut(&step) else {
            return;
        };
        *missing = missing.saturating_sub(1);
        if *missing == 0 {
            self.missing.remove(&step);
            if self.status.get(step) == Status::Pending {
                self.ready(step);
            }
        }
    }

    fn ready(&mut self, step: StepId) {
        let StepId::Action(index) = step else {
            if let Some(tuple) = self.plan.tuple(step) {
                self.status.set(step, Status::Ready);
                self.ready_in.entry(tuple.account()).or_default().push_back(step);
            }
            return;
        };
        let changes_service = self
            .plan
            .actions
            .get(index as usize)
            .is_some_and(|a| a.effect.is_some());
        if changes_service {
            self.status.set(step, Status::Ready);
            self.ready_actions.insert(index);
        } else {
            // Only the record changes, and that was written when the run began.
            self.status.set(step, Status::Done);
            self.counts.open -= 1;
            self.counts.done += 1;
            self.pass(step);
        }
    }

    /// Marks a step that cannot run, and all that waits for it.
    fn block(&mut self, step: StepId) -> Vec<StepId> {
        let mut blocked = Vec::new();
        let mut next = vec![step];
        while let Some(step) = next.pop() {
            if !matches!(self.status.get(step), Status::Pending | Status::Ready) {
                continue;
            }
            self.unready(step);
            self.status.set(step, Status::Blocked);
            self.counts.open -= 1;
            self.counts.blocked += 1;
            blocked.push(step);
            next.extend(self.dependents(step));
        }
        blocked
    }

    fn unready(&mut self, step: StepId) {
        match step {
            StepId::Action(index) => {
                self.ready_actions.remove(&index);
            }
            StepId::Grant(_) | StepId::Revoke(_) => {
                let account = self.plan.tuple(step).map(|tuple| tuple.account());
                if self.status.get(step) == Status::Ready
                    && let Some(queue) = account.and_then(|account| self.ready_in.get_mut(&account))
                {
                    queue.retain(|other| *other != step);
                }
            }
        }
    }

    fn block_dependents(&mut self, step: StepId) -> Vec<StepId> {
        let dependents = self.dependents(step);
        dependents.into_iter().flat_map(|step| self.block(step)).collect()
    }

    /// What waits for a step, in whatever way.
    fn dependents(&self, step: StepId) -> Vec<StepId> {
        let counters = counters_of(self.plan, step).into_iter().flatten();
        let waits = std::iter::once(own_wait(step)).chain(counters);
        let mut all: Vec<StepId> = waits
            .filter_map(|wait| self.waiting.get(&wait))
            .flatten()
            .copied()
            .collect();
        if let StepId::Action(index) = step {
            let gates = self.opens.get(&index).into_iter().flatten();
            let behind = gates
                .filter_map(|key| self.gates.get(key))
                .flat_map(|gate| &gate.grants);
            all.extend(behind.map(|index| StepId::Grant(*index)));
        }
        all
    }
}

fn all_steps(plan: &Plan) -> impl Iterator<Item = StepId> + use<> {
    let count = |len: usize| 0..u32::try_from(len).unwrap_or(u32::MAX);
    let actions = count(plan.actions.len()).map(StepId::Action);
    let grants = count(plan.grants.len()).map(StepId::Grant);
    let revokes = count(plan.revokes.len()).map(StepId::Revoke);
    actions.chain(revokes).chain(grants)
}

fn is_blocked(plan: &Plan, step: StepId) -> bool {
    match step {
        StepId::Action(index) => plan
            .actions
            .get(index as usize)
            .is_some_and(|a| a.blocked.is_some()),
        StepId::Grant(index) => plan.grants.get(index as usize).is_some_and(|g| g.blocked),
        StepId::Revoke(index) => plan.revokes.get(index as usize).is_some_and(|r| r.blocked),
    }
}

fn own_wait(step: StepId) -> Wait {
    match step {
        StepId::Action(index) => Wait::Action(index),
        StepId::Grant(index) => Wait::Grant(index),
        StepId::Revoke(index) => Wait::Revoke(index),
    }
}

/// The counters a step counts in.
fn counters_of(plan: &Plan, step: StepId) -> [Option<Wait>; 2] {
    let Some(tuple) = plan.tuple(step) else {
        return [None, None];
    };
    match step {
        StepId::Action(_) => [None, None],
        StepId::Grant(_) => [Some(Wait::GrantsOfSet(tuple.permission_set())), None],
        StepId::Revoke(_) => [
            Some(Wait::RevokesOfSet(tuple.permission_set())),
            Some(Wait::RevokesOfPrincipal(tuple.principal())),
        ],
    }
}

fn gates_of(tuple: crate::model::access::Tuple) -> [GateKey; 3] {
    [
        GateKey::Set(tuple.permission_set()),
        GateKey::Account(tuple.account()),
        GateKey::Principal(tuple.principal()),
    ]
}
