//! The relations of the input in the plan's ranks, as this checker reads them: sorted lists, compared by merging.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Address, Addresses};
use crate::id::{AccountKey, EntityKey, PrincipalKey};
use crate::model::access::{Access, Tuple};
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::plan::Plan;
use crate::plan::input::{Mode, PlanInput};

use super::Found;
use super::identity::{Identity, moved_to};

/// Ascending lists of grants.
pub(super) struct Relations {
    /// Declared and not expired; nothing when everything is to be destroyed.
    pub desired: Vec<Tuple>,
    /// Declared, and every block that declares it has expired.
    pub expired: Vec<Tuple>,
    /// Recorded, whether it is ours or not.
    pub recorded: Vec<Tuple>,
    /// Recorded as ours, under the names that the service has by the same ids.
    pub owned: Vec<Tuple>,
    /// Recorded as ours under these very names, whatever they mean now.
    pub owned_by_name: Vec<Tuple>,
    /// Recorded as ours with a permission set whose name means another one now.
    pub outdated: Vec<Tuple>,
    /// Recorded as ours, no longer there, and in the words of the configuration: making these again is a restore.
    pub lost: Vec<Tuple>,
    /// In the service.
    pub observed: Vec<Tuple>,
    /// In the service once the plan has run.
    pub after: Vec<Tuple>,
}

impl Relations {
    /// Reads them from the input. A name that the plan does not know is a violation.
    pub fn new(plan: &Plan, input: &PlanInput, identity: &Identity, found: &mut Found) -> Self {
        let declared = &input.desired.snapshot.access;
        let blocks_alive: Vec<bool> = declared
            .declarations
            .iter()
            .map(|block| block.expires.is_none_or(|time| time > input.now))
            .collect();
        let alive: Vec<bool> = declared
            .notes
            .iter()
            .map(|note| note.declared_by.iter().any(|block| is(&blocks_alive, *block)))
            .collect();
        let (mut desired, mut expired) = (Vec::new(), Vec::new());
        if plan.mode != Mode::Destroy {
            for (tuple, note) in in_ranks_of(declared, &Rows::new(plan, input), found) {
                let list = if is(&alive, note) {
                    &mut desired
                } else {
                    &mut expired
                };
                list.push(tuple);
            }
        }
        let applied = &input.recorded.applied.access;
        let ours: Vec<bool> = applied.notes.iter().map(|note| note.owned).collect();
        let followed = Rows {
            now: Some(&identity.now),
            ..Rows::new(plan, input)
        };
        let rows = in_ranks_of(applied, &followed, found);
        let by_name = Rows {
            may_be_unknown: true,
            ..Rows::new(plan, input)
        };
        let owned_of = |rows: &[(Tuple, u32)]| -> Vec<Tuple> {
            let owned = rows.iter().filter(|(_, note)| is(&ours, *note));
            owned.map(|(tuple, _)| *tuple).collect()
        };
        let replaced: BTreeSet<u32> = identity
            .others
            .iter()
            .filter_map(|key| match key {
                EntityKey::PermissionSet(name) => plan.names.permission_set_rank(name),
                _ => None,
            })
            .collect();
        let is_outdated = |tuple: &Tuple| replaced.contains(&tuple.permission_set());
        let (outdated, owned) = owned_of(&rows).into_iter().partition(is_outdated);
        let recorded = rows.iter().map(|(tuple, _)| *tuple).collect();
        // Where nobody is called otherwise than recorded, both ways of reading give the same rows.
        let owned_by_name = if identity.now.is_empty() {
            owned_of(&rows)
        } else {
            owned_of(&in_ranks_of(applied, &by_name, found))
        };
        drop(rows);
        let observed = in_ranks_of(&input.observed.snapshot.access, &Rows::new(plan, input), found);
        let mut relations = Relations {
            desired,
            expired,
            recorded,
            owned,
            owned_by_name,
            outdated,
            observed: observed.into_iter().map(|(tuple, _)| tuple).collect(),
            lost: Vec::new(),
            after: Vec::new(),
        };
        relations.follow_renames(plan, identity);
        relations.lost = relations.lost(plan, input, identity);
        relations.after = relations.carried_out(plan);
        relations
    }

    /// A user or group that gets another name keeps its grants: where they are declared under the new name, they
    /// are there already.
    fn follow_renames(&mut self, plan: &Plan, identity: &Identity) {
        let ranks = identity.declared.iter().filter_map(|(now, declared)| {
            let (now, declared) = (
                plan.names.principal_rank(now)?,
                plan.names.principal_rank(declared)?,
            );
            Some((now, declared))
        });
        let ranks: BTreeMap<u32, u32> = ranks.collect();
        if ranks.is_empty() {
            return;
        }
        let lists = [
            &mut self.observed,
            &mut self.recorded,
            &mut self.owned,
            &mut self.outdated,
        ];
        for list in lists {
            for tuple in list.iter_mut() {
                let Some(declared) = ranks.get(&tuple.principal()) else {
                    continue;
                };
                let declared = Tuple::new(tuple.account(), tuple.permission_set(), *declared);
                if has(&self.desired, declared) {
                    *tuple = declared;
                }
            }
            list.sort();
            list.dedup();
        }
    }

    /// What is recorded and gone, or is there for another than the one that now has the declared name.
    fn lost(&self, plan: &Plan, input: &PlanInput, identity: &Identity) -> Vec<Tuple> {
        let gone: Vec<Tuple> = minus(&self.owned, &self.observed)
            .into_iter()
            .chain(self.outdated.iter().copied())
            .chain(self.owned.iter().copied().filter(|tuple| {
                let key = plan.names.principal(tuple.principal());
                key.is_some_and(PrincipalKey::is_orphan)
            }))
            .collect();
        let (sets, principals) = (
            self.declared_sets(plan, input),
            declared_principals(plan, input, identity),
        );
        let mut lost: Vec<Tuple> = Vec::new();
        let mut spell = |tuple: Tuple, principals: &[u32]| {
            let no_sets = Vec::new();
            let sets = sets.get(&tuple.permission_set()).unwrap_or(&no_sets);
            for set in sets.iter().chain([&tuple.permission_set()]) {
                for principal in principals {
                    lost.push(Tuple::new(tuple.account(), *set, *principal));
                }
            }
        };
        for tuple in gone {
            let mut all = principals.get(&tuple.principal()).cloned().unwrap_or_default();
            all.push(tuple.principal());
            spell(tuple, &all);
        }
        // What is still there for one is new to another who has its name now.
        if !identity.now.is_empty() {
            for tuple in &self.owned {
                let called = plan.names.principal(tuple.principal());
                let back = called.and_then(|called| identity.declared.get(called));
                let stays = |rank: &&u32| {
                    let key = plan.names.principal(**rank);
                    key.is_some_and(|key| identity.now.contains_key(key) && back != Some(key))
                };
                let all = principals.get(&tuple.principal());
                let all: Vec<u32> = all.into_iter().flatten().filter(stays).copied().collect();
                spell(*tuple, &all);
            }
        }
        lost.sort();
        lost.dedup();
        lost
    }

    /// By the rank of a set that was made here and is declared no more: the set that its block declares now.
    fn declared_sets(&self, plan: &Plan, input: &PlanInput) -> BTreeMap<u32, Vec<u32>> {
        let mut out: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        let desired = &input.desired.snapshot.permission_sets;
        for (old, entity) in &input.recorded.applied.permission_sets {
            if entity.management != Management::Created || desired.contains_key(old) {
                continue;
            }
            let was = entity.addresses.iter();
            let was: BTreeSet<Address> = was.map(|a| moved_to(&input.desired.moved, a)).collect();
            let next = desired.iter().find(|(_, set)| {
                set.is_managed() && set.addresses.iter().any(|address| was.contains(address))
            });
            let ranks = next.and_then(|(new, _)| {
                let names = &plan.names;
                Some((names.permission_set_rank(old)?, names.permission_set_rank(new)?))
            });
            if let Some((old, new)) = ranks {
                out.entry(old).or_default().push(new);
            }
        }
        out
    }

    fn carried_out(&self, plan: &Plan) -> Vec<Tuple> {
        let gone = |tuple: &Tuple| {
            plan.revokes
                .binary_search_by_key(tuple, |step| step.tuple)
                .is_ok()
        };
        let stays = self
            .observed
            .iter()
            .filter(|tuple| plan.revokes.is_empty() || !gone(tuple));
        let mut after: Vec<Tuple> = stays.copied().collect();
        if !plan.grants.is_empty() {
            after.extend(plan.grants.iter().map(|step| step.tuple));
            after.sort();
            after.dedup();
        }
        after
    }
}

/// By the rank of what a recorded principal is called: the ranks of what its block declares now.
fn declared_principals(plan: &Plan, input: &PlanInput, identity: &Identity) -> BTreeMap<u32, Vec<u32>> {
    let mut out: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    let mut put = |called: &PrincipalKey, declared: &PrincipalKey| {
        let (called, declared) = (
            plan.names.principal_rank(called),
            plan.names.principal_rank(declared),
        );
        if let (Some(called), Some(declared)) = (called, declared)
            && called != declared
        {
            out.entry(called).or_default().push(declared);
        }
    };
    for (was, now) in &identity.now {
        put(now, was);
    }
    let (applied, desired) = (&input.recorded.applied, &input.desired.snapshot);
    let moved = |addresses: &Addresses| -> BTreeSet<Address> {
        addresses
            .iter()
            .map(|address| moved_to(&input.desired.moved, address))
            .collect()
    };
    fn next<'d, K: Ord, T>(
        desired: &'d BTreeMap<K, Entity<T>>,
        old: &K,
        entity: &Entity<T>,
        addresses: &BTreeSet<Address>,
    ) -> Option<&'d K> {
        if entity.management != Management::Created || desired.contains_key(old) {
            return None;
        }
        let mut managed = desired.iter().filter(|(_, entity)| entity.is_managed());
        let found = managed.find(|(_, entity)| entity.addresses.iter().any(|a| addresses.contains(a)));
        found.map(|(name, _)| name)
    }
    for (old, entity) in &applied.groups {
        let key = PrincipalKey::Group(old.clone());
        let called = identity.now.get(&key).unwrap_or(&key);
        if let Some(new) = next(&desired.groups, old, entity, &moved(&entity.addresses)) {
            put(called, &PrincipalKey::Group(new.clone()));
        }
    }
    for (old, entity) in &applied.users {
        let key = PrincipalKey::User(old.clone());
        let called = identity.now.get(&key).unwrap_or(&key);
        if let Some(new) = next(&desired.users, old, entity, &moved(&entity.addresses)) {
            put(called, &PrincipalKey::User(new.clone()));
        }
    }
    out
}

/// Whether an ascending list has the tuple.
pub(super) fn has(list: &[Tuple], tuple: Tuple) -> bool {
    list.binary_search(&tuple).is_ok()
}

/// What is in `left` and not in `right`, both ascending; one pass.
pub(super) fn minus<T: Ord + Copy>(left: &[T], right: &[T]) -> Vec<T> {
    let mut right = right.iter().peekable();
    let missing = left.iter().filter(|item| {
        while right.next_if(|other| other < item).is_some() {}
        right.peek() != Some(item)
    });
    missing.copied().collect()
}

fn is(flags: &[bool], index: u32) -> bool {
    flags.get(index as usize) == Some(&true)
}

/// How a relation is read.
struct Rows<'a> {
    plan: &'a Plan,
    input: &'a PlanInput,
    /// What principals are called instead.
    now: Option<&'a BTreeMap<PrincipalKey, PrincipalKey>>,
    /// Whether names that the plan does not know are left out without a word.
    may_be_unknown: bool,
}

impl<'a> Rows<'a> {
    fn new(plan: &'a Plan, input: &'a PlanInput) -> Self {
        Rows {
            plan,
            input,
            now: None,
            may_be_unknown: false,
        }
    }
}

/// A relation's tuples in the plan's ranks, ascending, each with its note.
fn in_ranks_of(access: &Access, rows: &Rows<'_>, found: &mut Found) -> Vec<(Tuple, u32)> {
    let (plan, input) = (rows.plan, rows.input);
    let sources = [&input.observed.snapshot, &input.recorded.applied];
    let accounts = access.names.accounts.iter();
    let accounts: Vec<Option<u32>> = accounts
        .map(|key| plan.names.account_rank(&known_account(&sources, key)))
        .collect();
    let sets = access.names.permission_sets.iter();
    let sets: Vec<Option<u32>> = sets.map(|name| plan.names.permission_set_rank(name)).collect();
    let principals = access.names.principals.iter();
    let called = |key| rows.now.and_then(|now| now.get(key)).unwrap_or(key);
    let principals: Vec<Option<u32>> = principals
        .map(|key| plan.names.principal_rank(called(key)))
        .collect();
    let known = [&accounts, &sets, &principals]
        .iter()
        .all(|ranks| !ranks.contains(&None));
    found.require(
        known || plan.is_refused() || rows.may_be_unknown,
        "names-missing",
        || "the plan's names lack some of the input's".to_owned(),
    );
    let get = |table: &[Option<u32>], rank: u32| table.get(rank as usize).copied().flatten();
    let rows = access
        .tuples
        .iter()
        .zip(&access.note_of)
        .filter_map(|(tuple, note)| {
            let account = get(&accounts, tuple.account())?;
            let set = get(&sets, tuple.permission_set())?;
            let principal = get(&principals, tuple.principal())?;
            Some((Tuple::new(account, set, principal), *note))
        });
    let mut rows: Vec<(Tuple, u32)> = rows.collect();
    if !rows.is_sorted() {
        rows.sort_unstable();
    }
    rows.dedup_by_key(|(tuple, _)| *tuple);
    rows
}

/// The account's id, where the key is an e-mail address and an account has it.
pub(super) fn known_account(sources: &[&Snapshot], key: &AccountKey) -> AccountKey {
    let AccountKey::Email(email) = key else {
        return key.clone();
    };
    let mut accounts = sources.iter().flat_map(|snapshot| snapshot.accounts.values());
    let found = accounts.find(|account| {
        account.value.email.as_ref() == Some(email) && matches!(account.value.key, AccountKey::Id(_))
    });
    found.map_or_else(|| key.clone(), |account| account.value.key.clone())
}
