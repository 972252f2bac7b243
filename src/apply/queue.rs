//! Steps that are ready, in the order they start: actions in plan order, then revokes, then grants.
//!
//! Because the service changes one role at a time per account, assignments are spread: of the accounts that are free,
//! the one with the most left to do comes first, so that no account is left with a long tail.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::pace::Lane;

/// Ready steps. Steps of each kind are numbers: indices into the plan's actions, grants and revokes.
#[derive(Debug)]
pub struct Queue {
    actions: BTreeSet<(Lane, u32)>,
    revokes: Spread,
    grants: Spread,
    /// Accounts with an assignment in flight, by rank; used only when there may be one at a time.
    busy: Vec<bool>,
    one_per_account: bool,
}

/// Ready assignments of one kind.
#[derive(Debug, Default)]
struct Spread {
    /// Without the rule for accounts: all of them, in plan order.
    all: BinaryHeap<Reverse<u32>>,
    /// With it: by account.
    by_account: Vec<BinaryHeap<Reverse<u32>>>,
    /// Free accounts with something to do, those with the most first.
    free: BTreeSet<(Reverse<usize>, u32)>,
}

impl Queue {
    /// An empty queue over so many accounts.
    pub fn new(accounts: usize, one_per_account: bool) -> Self {
        let rows = if one_per_account { accounts } else { 0 };
        let spread = || Spread {
            by_account: vec![BinaryHeap::new(); rows],
            ..Spread::default()
        };
        Queue {
            actions: BTreeSet::new(),
            revokes: spread(),
            grants: spread(),
            busy: vec![false; rows],
            one_per_account,
        }
    }

    /// An action is ready.
    pub fn push_action(&mut self, lane: Lane, index: u32) {
        self.actions.insert((lane, index));
    }

    /// The first ready action in a lane for which `has_room` holds; it leaves the queue.
    pub fn pop_action(&mut self, has_room: impl Fn(Lane) -> bool) -> Option<u32> {
        let lanes = [
            Lane::Call,
            Lane::AccountCreation,
            Lane::Provisioning,
            Lane::Creation,
            Lane::Deletion,
        ];
        let first = |lane: Lane| self.actions.range((lane, 0)..=(lane, u32::MAX)).next().copied();
        let next = lanes.into_iter().filter(|lane| has_room(*lane)).find_map(first)?;
        self.actions.remove(&next);
        Some(next.1)
    }

    /// A revoke is ready.
    pub fn push_revoke(&mut self, index: u32, account: u32) {
        let free = !self.is_busy(account);
        self.revokes.push(index, account, self.one_per_account, free);
    }

    /// A grant is ready.
    pub fn push_grant(&mut self, index: u32, account: u32) {
        let free = !self.is_busy(account);
        self.grants.push(index, account, self.one_per_account, free);
    }

    /// The next revoke; its account is busy from now on.
    pub fn pop_revoke(&mut self) -> Option<u32> {
        let (index, account) = self.revokes.pop(self.one_per_account)?;
        self.occupy(account);
        Some(index)
    }

    /// The next grant; its account is busy from now on.
    pub fn pop_grant(&mut self) -> Option<u32> {
        let (index, account) = self.grants.pop(self.one_per_account)?;
        self.occupy(account);
        Some(index)
    }

    /// The assignment in flight in an account has ended.
    pub fn release(&mut self, account: u32) {
        if let Some(busy) = self.busy.get_mut(account as usize) {
            *busy = false;
            self.revokes.offer(account);
            self.grants.offer(account);
        }
    }

    fn occupy(&mut self, account: u32) {
        if let Some(busy) = self.busy.get_mut(account as usize) {
            *busy = true;
            self.revokes.withdraw(account);
            self.grants.withdraw(account);
        }
    }

    fn is_busy(&self, account: u32) -> bool {
        self.busy.get(account as usize).copied().unwrap_or(false)
    }
}

impl Spread {
    fn push(&mut self, index: u32, account: u32, one_per_account: bool, free: bool) {
        if !one_per_account {
            self.all.push(Reverse(index));
            return;
        }
        self.withdraw(account);
        if let Some(heap) = self.by_account.get_mut(account as usize) {
            heap.push(Reverse(index));
        }
        if free {
            self.offer(account);
        }
    }

    fn pop(&mut self, one_per_account: bool) -> Option<(u32, u32)> {
        if !one_per_account {
            return self.all.pop().map(|Reverse(index)| (index, u32::MAX));
        }
        let (_, account) = self.free.pop_first()?;
        let Reverse(index) = self.by_account.get_mut(account as usize)?.pop()?;
        Some((index, account))
    }

    fn offer(&mut self, account: u32) {
        if let Some(heap) = self
            .by_account
            .get(account as usize)
            .filter(|heap| !heap.is_empty())
        {
            self.free.insert((Reverse(heap.len()), account));
        }
    }

    fn withdraw(&mut self, account: u32) {
        if let Some(heap) = self.by_account.get(account as usize) {
            self.free.remove(&(Reverse(heap.len()), account));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accounts_take_turns_the_fullest_first_and_one_at_a_time() {
        let mut queue = Queue::new(3, true);
        for (index, account) in [(0, 0), (1, 0), (2, 1), (3, 2), (4, 2), (5, 2)] {
            queue.push_grant(index, account);
        }
        let first: Vec<u32> = std::iter::from_fn(|| queue.pop_grant()).collect();
        assert_eq!(first, [3, 0, 2]);
        queue.push_revoke(0, 1);
        assert_eq!(queue.pop_revoke(), None, "its account is busy");
        queue.release(1);
        assert_eq!(queue.pop_revoke(), Some(0));
        queue.release(0);
        queue.release(2);
        assert_eq!(
            std::iter::from_fn(|| queue.pop_grant()).collect::<Vec<_>>(),
            [4, 1]
        );
        queue.release(2);
        assert_eq!(queue.pop_grant(), Some(5));
        assert_eq!(queue.pop_grant(), None);
    }

    #[test]
    fn without_the_rule_everything_leaves_in_plan_order() {
        let mut queue = Queue::new(1, false);
        for index in [2, 0, 1] {
            queue.push_grant(index, 0);
        }
        assert_eq!(
            std::iter::from_fn(|| queue.pop_grant()).collect::<Vec<_>>(),
            [0, 1, 2]
        );
    }

    #[test]
    fn a_full_lane_lets_the_others_pass() {
        let mut queue = Queue::new(0, true);
        queue.push_action(Lane::Provisioning, 0);
        queue.push_action(Lane::Call, 7);
        queue.push_action(Lane::Call, 3);
        let without = |lane| lane != Lane::Provisioning;
        assert_eq!(queue.pop_action(without), Some(3));
        assert_eq!(queue.pop_action(without), Some(7));
        assert_eq!(queue.pop_action(without), None);
        assert_eq!(queue.pop_action(|_| true), Some(0));
    }
}
