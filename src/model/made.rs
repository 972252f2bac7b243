//! What this stack's own runs made, told from the journal: which run made an assignment or a membership.
//!
//! That something came to be between two readings with a run between them says nothing about who made it; what the
//! run journaled does.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::id::{AccountKey, GroupName, PermissionSetName, PrincipalKey, UserName};

use super::access::{Names, Tuple};
use super::action::Effect;
use super::history::Since;
use super::identities::Succession;

/// Who made what, as far as the journal tells.
#[derive(Debug, Default)]
pub struct Made {
    accounts: Interned<AccountKey>,
    sets: Interned<PermissionSetName>,
    principals: Interned<PrincipalKey>,
    grants: FxHashMap<(u32, u32, u32), u32>,
    members: FxHashMap<(u32, u32), u32>,
    /// What runs renamed since the last reading: the key in that reading, and the present one.
    moved: BTreeMap<PrincipalKey, PrincipalKey>,
    /// When each run began and ended, in the order of the journal.
    runs: Vec<(Timestamp, Option<Timestamp>)>,
    current: Current,
}

/// Numbers for keys, in the order in which they come. A key that is given up keeps its number from being used again.
#[derive(Debug)]
struct Interned<K> {
    numbers: BTreeMap<K, u32>,
    next: u32,
}

impl<K> Default for Interned<K> {
    fn default() -> Self {
        Interned {
            numbers: BTreeMap::new(),
            next: 0,
        }
    }
}

impl<K: Ord + Clone> Interned<K> {
    fn of(&mut self, key: &K) -> u32 {
        if let Some(known) = self.numbers.get(key) {
            return *known;
        }
        let number = self.next;
        self.numbers.insert(key.clone(), number);
        self.next = self.next.saturating_add(1);
        number
    }

    fn get(&self, key: &K) -> Option<u32> {
        self.numbers.get(key).copied()
    }
}

/// The run that is being read.
#[derive(Debug, Default)]
struct Current {
    accounts: Vec<u32>,
    sets: Vec<u32>,
    principals: Vec<u32>,
    actions: BTreeMap<u32, Effect>,
}

impl Current {
    fn grant(&self, tuple: Tuple) -> Option<(u32, u32, u32)> {
        let at = |list: &[u32], rank: u32| list.get(rank as usize).copied();
        Some((
            at(&self.accounts, tuple.account())?,
            at(&self.sets, tuple.permission_set())?,
            at(&self.principals, tuple.principal())?,
        ))
    }
}

impl Made {
    /// A run begins, whose tuples are ranks in these names.
    pub fn begin(&mut self, names: &Names, at: Timestamp) {
        self.runs.push((at, None));
        self.current = Current {
            accounts: names.accounts.iter().map(|key| self.accounts.of(key)).collect(),
            sets: names
                .permission_sets
                .iter()
                .map(|key| self.sets.of(key))
                .collect(),
            principals: names
                .principals
                .iter()
                .map(|key| self.principals.of(key))
                .collect(),
            actions: BTreeMap::new(),
        };
    }

    /// The run ends.
    pub fn finish(&mut self, at: Timestamp) {
        if let Some((_, end)) = self.runs.last_mut() {
            *end = Some(at);
        }
    }

    /// What was before is another state's; its runs count on.
    pub fn forget(&mut self) {
        self.grants.clear();
        self.members.clear();
        self.moved.clear();
    }

    fn run(&self) -> Option<u32> {
        u32::try_from(self.runs.len().checked_sub(1)?).ok()
    }

    /// Calls that are about to leave. What fails is taken back; what nobody knows the end of may have been made.
    pub fn intents(&mut self, actions: &[(u32, Effect)], grants: &[(Tuple, u32)]) {
        let Some(run) = self.run() else { return };
        for (tuple, _) in grants {
            if let Some(key) = self.current.grant(*tuple) {
                self.grants.insert(key, run);
            }
        }
        for (step, effect) in actions {
            match effect {
                Effect::AddMember { group, user } => {
                    let key = self.membership(group, user);
                    self.members.insert(key, run);
                }
                Effect::Grant {
                    account,
                    permission_set,
                    principal,
                } => {
                    let key = (
                        self.accounts.of(account),
                        self.sets.of(permission_set),
                        self.principals.of(principal),
                    );
                    self.grants.insert(key, run);
                }
                Effect::UpdateGroup { from, to } => {
                    let (from, to) = (from.display_name.clone(), to.display_name.clone());
                    self.renamed(&PrincipalKey::Group(from), &PrincipalKey::Group(to));
                }
                Effect::UpdateUser { from, to } => {
                    let (from, to) = (from.user_name.clone(), to.user_name.clone());
                    self.renamed(&PrincipalKey::User(from), &PrincipalKey::User(to));
                }
                _ => {}
            }
            self.current.actions.insert(*step, effect.clone());
        }
    }

    /// A grant failed.
    pub fn failed_grant(&mut self, tuple: Tuple) {
        if let Some(key) = self.current.grant(tuple) {
            self.grants.remove(&key);
        }
    }

    /// An action failed.
    pub fn failed_action(&mut self, index: u32) {
        if let Some(Effect::AddMember { group, user }) = self.current.actions.get(&index).cloned() {
            let key = self.membership(&group, &user);
            self.members.remove(&key);
        }
    }

    /// A run renamed somebody: what was made for the one is the other's now.
    pub fn renamed(&mut self, from: &PrincipalKey, to: &PrincipalKey) {
        if from == to {
            return;
        }
        self.carry(vec![(from.clone(), to.clone())]);
        match self.moved.values_mut().find(|now| *now == from) {
            Some(now) => *now = to.clone(),
            None => {
                self.moved.insert(from.clone(), to.clone());
            }
        }
    }

    /// A reading found people and groups under other keys than the reading before. What runs renamed between the two
    /// was followed already.
    pub fn followed(&mut self, succession: &Succession) {
        let by_runs = std::mem::take(&mut self.moved);
        let moved = succession.moved().map(|(from, to)| {
            let from = by_runs.get(from).unwrap_or(from);
            (from.clone(), to.clone())
        });
        self.carry(moved.filter(|(from, to)| from != to).collect());
    }

    /// Gives numbers to other keys, all at once: two may have swapped theirs.
    fn carry(&mut self, moved: Vec<(PrincipalKey, PrincipalKey)>) {
        let moved: Vec<_> = moved
            .into_iter()
            .filter_map(|(from, to)| Some((to, self.principals.numbers.remove(&from)?)))
            .collect();
        self.principals.numbers.extend(moved);
    }

    fn membership(&mut self, group: &GroupName, user: &UserName) -> (u32, u32) {
        (
            self.principals.of(&PrincipalKey::Group(group.clone())),
            self.principals.of(&PrincipalKey::User(user.clone())),
        )
    }

    /// The run that made an assignment which is there since then, counted from the first one of the journal.
    pub fn grant(
        &self,
        account: &AccountKey,
        set: &PermissionSetName,
        principal: &PrincipalKey,
        since: Since,
    ) -> Option<u32> {
        let key = (
            self.accounts.get(account)?,
            self.sets.get(set)?,
            self.principals.get(principal)?,
        );
        self.at_that_time(*self.grants.get(&key)?, since)
    }

    /// The run that put somebody into a group who is there since then.
    pub fn member(&self, group: &GroupName, user: &UserName, since: Since) -> Option<u32> {
        let key = (
            self.principals.get(&PrincipalKey::Group(group.clone()))?,
            self.principals.get(&PrincipalKey::User(user.clone()))?,
        );
        self.at_that_time(*self.members.get(&key)?, since)
    }

    /// The run, unless it ended before a reading that was still without what it made: then that went, and somebody
    /// else made it again.
    fn at_that_time(&self, run: u32, since: Since) -> Option<u32> {
        let (started, ended) = self.runs.get(run as usize)?;
        let before = *started <= since.first_with;
        let ended_before = |without: Timestamp| ended.is_some_and(|ended| ended < without);
        (before && !since.last_without.is_some_and(ended_before)).then_some(run)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AccountId;

    fn at(hour: u8) -> Timestamp {
        format!("2026-01-01T{hour:02}:00:00Z").parse().unwrap()
    }

    fn ops() -> PrincipalKey {
        PrincipalKey::Group(GroupName::new("ops").unwrap())
    }

    fn user(name: &str) -> UserName {
        UserName::new(name).unwrap()
    }

    fn account() -> AccountKey {
        AccountKey::Id(AccountId::new("111122223333").unwrap())
    }

    fn set() -> PermissionSetName {
        PermissionSetName::new("admin").unwrap()
    }

    fn names() -> Names {
        Names::new(vec![account()], vec![set()], vec![ops()]).unwrap()
    }

    fn joins(name: &str) -> Effect {
        Effect::AddMember {
            group: GroupName::new("ops").unwrap(),
            user: user(name),
        }
    }

    fn since(without: u8, with: u8) -> Since {
        Since {
            last_without: Some(at(without)),
            first_with: at(with),
        }
    }

    #[test]
    fn a_run_made_what_it_journaled_and_what_came_meanwhile_it_did_not() {
        let mut made = Made::default();
        made.begin(&names(), at(2));
        made.intents(
            &[(0, joins("ada")), (1, joins("cyd"))],
            &[(Tuple::new(0, 0, 0), 0)],
        );
        made.failed_action(1);
        made.finish(at(3));
        let member = |name: &str, since| made.member(&GroupName::new("ops").unwrap(), &user(name), since);
        assert_eq!(member("ada", since(1, 4)), Some(0));
        // Bob came in the same hours, by somebody else; and what failed made nothing.
        assert_eq!(member("bob", since(1, 4)), None);
        assert_eq!(member("cyd", since(1, 4)), None);
        // A reading after the run was without it: somebody made it again.
        assert_eq!(member("ada", since(5, 6)), None);
        assert_eq!(made.grant(&account(), &set(), &ops(), since(1, 4)), Some(0));
        assert_eq!(made.grant(&account(), &set(), &ops(), since(0, 1)), None);
    }

    #[test]
    fn what_was_made_for_somebody_is_theirs_under_every_later_name() {
        use crate::model::history::History;
        use crate::model::principal::Group;
        use crate::model::record::Seen;
        use crate::model::snapshot::{Entity, Snapshot};
        let pager = PrincipalKey::Group(GroupName::new("pager").unwrap());
        let reading = |hour: u8, groups: &[(&str, &str)]| {
            let mut snapshot = Snapshot::default();
            for (name, id) in groups {
                let name = GroupName::new(name).unwrap();
                let group = Group {
                    display_name: name.clone(),
                    id: Some(crate::id::ServiceId::new(*id).unwrap()),
                    description: None,
                    members: None,
                    external_id: None,
                };
                snapshot.groups.insert(name, Entity::observed(group));
            }
            Seen {
                at: at(hour),
                snapshot,
                roles: Vec::new(),
                around: None,
            }
        };
        let (mut made, mut history) = (Made::default(), History::default());
        made.begin(&names(), at(1));
        made.intents(&[], &[(Tuple::new(0, 0, 0), 0)]);
        made.finish(at(2));
        made.followed(&history.read(&reading(3, &[("ops", "g-1")])).unwrap());
        // Somebody else renames it; then a run makes one of the old name, and gives it the same.
        made.followed(&history.read(&reading(4, &[("pager", "g-1")])).unwrap());
        made.begin(&names(), at(5));
        made.intents(&[], &[(Tuple::new(0, 0, 0), 0)]);
        made.finish(at(6));
        let both = [("ops", "g-2"), ("pager", "g-1")];
        made.followed(&history.read(&reading(7, &both)).unwrap());
        let first = Since {
            last_without: None,
            first_with: at(3),
        };
        assert_eq!(made.grant(&account(), &set(), &pager, first), Some(0));
        assert_eq!(made.grant(&account(), &set(), &ops(), since(4, 7)), Some(1));
        // What a run renamed is not renamed once more by the reading that finds it so.
        let third = PrincipalKey::Group(GroupName::new("third").unwrap());
        made.renamed(&ops(), &third);
        made.begin(&names(), at(8));
        made.intents(&[], &[(Tuple::new(0, 0, 0), 0)]);
        made.finish(at(9));
        let moved = [("ops", "g-3"), ("pager", "g-1"), ("third", "g-2")];
        made.followed(&history.read(&reading(10, &moved)).unwrap());
        assert_eq!(made.grant(&account(), &set(), &ops(), since(7, 10)), Some(2));
        assert_eq!(made.grant(&account(), &set(), &third, since(4, 7)), Some(1));
    }
}
