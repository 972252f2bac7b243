//! What selectors mean over the plan's ranks, and who stands behind principals.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use crate::id::PrincipalKey;
use crate::model::access::{Names, Tuple};
use crate::model::guardrail::{Guardrail, Selector};
use crate::plan::last_rules::NamesNow;
use crate::plan::people_effects::Unknown;

use super::Court;

/// Which grants a selector means, by rank; `None` means all. Principals are for people, and told apart elsewhere.
pub(super) struct Selected {
    accounts: Option<Vec<bool>>,
    permission_sets: Option<Vec<bool>>,
}

impl Selected {
    pub fn new(of: &Selector, names: &Names) -> Self {
        Self::by_id(of, names, &NamesNow::default())
    }

    /// Over names in which accounts may go by an e-mail address, though they have an id.
    pub fn by_id(of: &Selector, names: &Names, now: &NamesNow) -> Self {
        Selected {
            accounts: of.accounts.as_ref().map(|wanted| {
                let all = names.accounts.iter();
                all.map(|key| wanted.contains(&now.account(key.clone())))
                    .collect()
            }),
            permission_sets: of.permission_sets.as_ref().map(|wanted| {
                let all = names.permission_sets.iter();
                all.map(|name| wanted.contains(name)).collect()
            }),
        }
    }

    pub fn takes(&self, tuple: Tuple) -> bool {
        let has = |flags: &Option<Vec<bool>>, rank: u32| {
            let flag = |flags: &Vec<bool>| flags.get(rank as usize) == Some(&true);
            flags.as_ref().is_none_or(flag)
        };
        has(&self.permission_sets, tuple.permission_set()) && has(&self.accounts, tuple.account())
    }
}

/// People, and the principals they were named by.
#[derive(Default)]
pub(super) struct Crowd {
    principals: FxHashSet<u32>,
    before: FxHashSet<u32>,
    after: FxHashSet<u32>,
    /// Those of whom nobody can tell who is behind them.
    pub unknown: BTreeMap<PrincipalKey, Unknown>,
}

impl Crowd {
    /// Whether anybody at all might be in it.
    pub fn is_open(&self) -> bool {
        !self.unknown.is_empty()
    }
}

/// Someone whom a rule is about, behind one principal.
#[derive(Clone, Copy)]
pub(super) struct Suspect {
    /// A person, or the principal itself, which is told apart by [`PRINCIPAL`].
    pub who: u32,
    pub before: bool,
    pub after: bool,
}

/// Set in a [`Suspect::who`] that is the rank of a principal: a grant to a denied group breaks the rule also while
/// nobody is in it.
pub(super) const PRINCIPAL: u32 = 1 << 31;

/// Whether somebody with access is left out of a guardrail, before the plan and after it.
#[derive(Clone, Copy, Default)]
pub(super) struct Excused {
    pub before: bool,
    pub after: bool,
}

/// The exceptions of a guardrail that hold now.
pub(super) struct Exceptions {
    rows: Vec<(Selected, Option<Crowd>)>,
}

impl Exceptions {
    /// What is said about somebody who has a grant's access by that grant.
    pub fn of(&self, tuple: Tuple, who: u32) -> Excused {
        let mut excused = Excused::default();
        for (selected, crowd) in &self.rows {
            if !selected.takes(tuple) {
                continue;
            }
            let Some(crowd) = crowd else {
                return Excused {
                    before: true,
                    after: true,
                };
            };
            let by_name = crowd.principals.contains(&tuple.principal());
            excused.before |= by_name || crowd.before.contains(&who);
            excused.after |= by_name || crowd.after.contains(&who);
        }
        excused
    }
}

impl<'a> Court<'a> {
    pub(super) fn exceptions(&self, guardrail: &'a Guardrail) -> Exceptions {
        let holding = guardrail.except.iter();
        let holding = holding.filter(|exception| exception.holds(self.input.now));
        let rows = holding.map(|exception| {
            let crowd = exception
                .of
                .principals
                .as_ref()
                .map(|keys| self.crowd_left_out(keys));
            (Selected::new(&exception.of, &self.plan.names), crowd)
        });
        Exceptions { rows: rows.collect() }
    }

    /// The people behind some principals.
    pub(super) fn crowd(&self, keys: &'a BTreeSet<PrincipalKey>) -> Crowd {
        let mut crowd = Crowd::default();
        for key in keys {
            let rank = self.plan.names.principal_rank(key);
            crowd.principals.extend(rank);
            // A principal without any grant has no rank; its people may have access by other paths.
            match self.people.behind(key) {
                Ok(members) => {
                    crowd.before.extend(&members.before);
                    crowd.after.extend(&members.after);
                }
                Err(why) => drop(crowd.unknown.insert(key.clone(), why)),
            }
        }
        crowd
    }

    /// The people behind those whom an exception names. A name that means others now excuses nobody.
    fn crowd_left_out(&self, keys: &'a BTreeSet<PrincipalKey>) -> Crowd {
        let mut crowd = self.crowd(keys);
        let rebound = crowd.unknown.iter();
        let rebound = rebound.filter(|(_, why)| **why == Unknown::Rebound);
        for rank in rebound.filter_map(|(key, _)| self.plan.names.principal_rank(key)) {
            crowd.principals.remove(&rank);
        }
        crowd
    }

    /// Whom a rule is about behind one principal: everyone, or those of `wanted`.
    pub(super) fn suspects(&self, principal: u32, wanted: Option<&Crowd>) -> Vec<Suspect> {
        let mut found: Vec<Suspect> = Vec::new();
        let named = wanted.is_some_and(|wanted| wanted.principals.contains(&principal));
        if named || (wanted.is_none() && self.people.is_unreadable(principal)) {
            found.push(Suspect {
                who: principal | PRINCIPAL,
                before: true,
                after: true,
            });
        }
        let Some(members) = self.people.members(principal) else {
            return found;
        };
        let all: BTreeSet<u32> = members.before.iter().chain(&members.after).copied().collect();
        for who in all {
            let (in_before, in_after) = match wanted {
                None => (true, true),
                Some(wanted) => (wanted.before.contains(&who), wanted.after.contains(&who)),
            };
            if in_before || in_after {
                found.push(Suspect {
                    who,
                    before: in_before && members.before.binary_search(&who).is_ok(),
                    after: in_after && members.after.binary_search(&who).is_ok(),
                });
            }
        }
        found
    }
}

/// Both relations in one ascending walk: each tuple with whether it is in the first and in the second.
pub(super) fn merged<'a>(
    before: &'a [Tuple],
    after: &'a [Tuple],
) -> impl Iterator<Item = (Tuple, bool, bool)> + 'a {
    let (mut left, mut right) = (
        before.iter().copied().peekable(),
        after.iter().copied().peekable(),
    );
    std::iter::from_fn(move || {
        let next = match (left.peek(), right.peek()) {
            (Some(one), Some(other)) => *one.min(other),
            (Some(one), None) => *one,
            (None, Some(other)) => *other,
            (None, None) => return None,
        };
        let was = left.next_if_eq(&next).is_some();
        let will = right.next_if_eq(&next).is_some();
        Some((next, was, will))
    })
}
