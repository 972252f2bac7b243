//! Grants and revokes: each one justified, none forgotten, none touching what is held.

use std::collections::BTreeSet;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::address::Kind;
use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey};
use crate::model::access::{Access, Tuple};
use crate::model::action::Effect;
use crate::model::instance::HeldSubject;
use crate::model::snapshot::Management;
use crate::model::stack::Unmanaged;
use crate::plan::Plan;
use crate::plan::change::{RecordChange, RevokeReason};
use crate::plan::input::{Mode, PlanInput};

use super::Found;

/// The three relations in the plan's ranks, as this checker reads them.
pub(super) struct Relations {
    /// Declared and not expired.
    pub desired: FxHashSet<Tuple>,
    /// Declared, and every block that declares it has expired.
    pub expired: FxHashSet<Tuple>,
    /// Recorded as ours.
    pub owned: FxHashSet<Tuple>,
    /// In the service.
    pub observed: FxHashSet<Tuple>,
}

impl Relations {
    pub fn new(plan: &Plan, input: &PlanInput) -> Self {
        let declared = &input.desired.snapshot.access;
        let alive = |note: u32| {
            declared.notes.get(note as usize).is_some_and(|note| {
                note.declared_by.iter().any(|block| {
                    let block = declared.declarations.get(*block as usize);
                    block.is_some_and(|block| block.expires.is_none_or(|time| time > input.now))
                })
            })
        };
        let (mut desired, mut expired) = (FxHashSet::default(), FxHashSet::default());
        for (tuple, note) in in_ranks_of(declared, plan, input) {
            if alive(note) {
                desired.insert(tuple)
            } else {
                expired.insert(tuple)
            };
        }
        let applied = &input.recorded.applied.access;
        let is_owned = |note: u32| applied.notes.get(note as usize).is_some_and(|note| note.owned);
        let owned = in_ranks_of(applied, plan, input).filter(|(_, note)| is_owned(*note));
        let owned = owned.map(|(tuple, _)| tuple).collect();
        let observed = in_ranks_of(&input.observed.snapshot.access, plan, input).map(|(tuple, _)| tuple);
        let mut relations = Relations {
            desired,
            expired,
            owned,
            observed: observed.collect(),
        };
        relations.follow_renames(plan);
        relations
    }

    /// A user or group that gets another name keeps its grants: where they are declared under the new name, they
    /// are there already.
    fn follow_renames(&mut self, plan: &Plan) {
        let pairs = plan.actions.iter().filter_map(|action| {
            let (from, to) = match action.effect.as_ref()? {
                Effect::UpdateUser { from, to } => (
                    PrincipalKey::User(from.user_name.clone()),
                    PrincipalKey::User(to.user_name.clone()),
                ),
                Effect::UpdateGroup { from, to } => (
                    PrincipalKey::Group(from.display_name.clone()),
                    PrincipalKey::Group(to.display_name.clone()),
                ),
                _ => return None,
            };
            let (from, to) = (plan.names.principal_rank(&from)?, plan.names.principal_rank(&to)?);
            (from != to).then_some((from, to))
        });
        let renamed: FxHashMap<u32, u32> = pairs.collect();
        if renamed.is_empty() {
            return;
        }
        let desired = &self.desired;
        let follow = |tuple: Tuple| match renamed.get(&tuple.principal()) {
            Some(to) => {
                let now = Tuple::new(tuple.account(), tuple.permission_set(), *to);
                if desired.contains(&now) { now } else { tuple }
            }
            None => tuple,
        };
        self.observed = self.observed.iter().map(|tuple| follow(*tuple)).collect();
        // The record still has the old names until the plan forgets them.
        let followed: Vec<Tuple> = self.owned.iter().map(|tuple| follow(*tuple)).collect();
        self.owned.extend(followed);
    }
}

/// A relation's tuples in the plan's ranks. Accounts keyed by e-mail are the accounts with that e-mail.
fn in_ranks_of<'a>(
    access: &'a Access,
    plan: &'a Plan,
    input: &'a PlanInput,
) -> impl Iterator<Item = (Tuple, u32)> + 'a {
    let known = |key: &AccountKey| -> AccountKey {
        let AccountKey::Email(email) = key else {
            return key.clone();
        };
        let sources = [&input.observed.snapshot, &input.recorded.applied];
        let mut accounts = sources
            .into_iter()
            .flat_map(|snapshot| snapshot.accounts.values());
        let found = accounts.find(|account| {
            account.value.email.as_ref() == Some(email) && matches!(account.value.key, AccountKey::Id(_))
        });
        found.map_or_else(|| key.clone(), |account| account.value.key.clone())
    };
    let accounts: Vec<Option<u32>> = access
        .names
        .accounts
        .iter()
        .map(|key| plan.names.account_rank(&known(key)))
        .collect();
    let sets: Vec<Option<u32>> = access
        .names
        .permission_sets
        .iter()
        .map(|name| plan.names.permission_set_rank(name))
        .collect();
    let principals: Vec<Option<u32>> = access
        .names
        .principals
        .iter()
        .map(|key| plan.names.principal_rank(key))
        .collect();
    let get = |table: &[Option<u32>], rank: u32| table.get(rank as usize).copied().flatten();
    access
        .tuples
        .iter()
        .zip(&access.note_of)
        .filter_map(move |(tuple, note)| {
            let account = get(&accounts, tuple.account())?;
            let set = get(&sets, tuple.permission_set())?;
            let principal = get(&principals, tuple.principal())?;
            Some((Tuple::new(account, set, principal), *note))
        })
}

pub(super) fn check(plan: &Plan, input: &PlanInput, relations: &Relations, found: &mut Found) {
    let held = HeldNames::new(input);
    let spell = |tuple: Tuple| match plan.names.resolve(tuple) {
        Some((account, set, principal)) => format!("{principal} → {set} in {account}"),
        None => format!("{tuple:?}"),
    };
    let mut granted = FxHashSet::default();
    for step in &plan.grants {
        let tuple = step.tuple;
        granted.insert(tuple);
        found.require(relations.desired.contains(&tuple), "grant-not-declared", || {
            spell(tuple)
        });
        found.require(
            !relations.observed.contains(&tuple),
            "grant-already-there",
            || spell(tuple),
        );
        found.require(!held.holds(plan, tuple), "grant-held", || spell(tuple));
    }
    for step in &plan.revokes {
        let tuple = step.tuple;
        found.require(relations.observed.contains(&tuple), "revoke-not-there", || {
            spell(tuple)
        });
        found.require(!granted.contains(&tuple), "grant-and-revoke", || spell(tuple));
        found.require(!held.holds(plan, tuple), "revoke-held", || spell(tuple));
        let destroy = plan.mode == Mode::Destroy;
        let declared = relations.desired.contains(&tuple);
        found.require(!declared || destroy, "revoke-declared", || spell(tuple));
        let ours = relations.owned.contains(&tuple) || relations.expired.contains(&tuple);
        let unmanaged = input.desired.settings.unmanaged == Unmanaged::Remove && !destroy;
        found.require(ours || unmanaged, "revoke-not-ours", || spell(tuple));
        let said = step.reason == RevokeReason::Unmanaged;
        found.require(ours || said, "revoke-reason", || spell(tuple));
    }
    for step in &plan.records {
        let there = relations.observed.contains(&step.tuple);
        let fits = match step.change {
            RecordChange::Adopt => there && relations.desired.contains(&step.tuple),
            RecordChange::Relabel => relations.owned.contains(&step.tuple),
            RecordChange::Forget => relations.owned.contains(&step.tuple),
        };
        found.require(fits, "record-step", || spell(step.tuple));
    }
    if plan.mode == Mode::All && !plan.is_refused() {
        nothing_forgotten(plan, relations, &held, &granted, found, &spell);
    }
}

fn nothing_forgotten(
    plan: &Plan,
    relations: &Relations,
    held: &HeldNames,
    granted: &FxHashSet<Tuple>,
    found: &mut Found,
    spell: &dyn Fn(Tuple) -> String,
) {
    for tuple in &relations.desired {
        let cared_for = relations.observed.contains(tuple) || granted.contains(tuple);
        found.require(
            cared_for || held.holds(plan, *tuple),
            "declared-and-forgotten",
            || spell(*tuple),
        );
    }
    let revoked: FxHashSet<Tuple> = plan.revokes.iter().map(|step| step.tuple).collect();
    for tuple in relations.owned.intersection(&relations.observed) {
        let stays = relations.desired.contains(tuple) || revoked.contains(tuple);
        // A renamed set's grants may be kept for a while.
        let kept = plan
            .findings
            .iter()
            .any(|finding| &*finding.code == "keep-old-until");
        found.require(
            stays || kept || held.holds(plan, *tuple),
            "owned-and-forgotten",
            || spell(*tuple),
        );
    }
}

/// Names about which nothing may be concluded.
struct HeldNames {
    principals: BTreeSet<PrincipalKey>,
    sets: BTreeSet<PermissionSetName>,
    accounts: BTreeSet<AccountKey>,
    pairs: BTreeSet<(AccountKey, PermissionSetName)>,
    kinds: BTreeSet<Kind>,
}

impl HeldNames {
    fn new(input: &PlanInput) -> Self {
        let mut held = HeldNames {
            principals: BTreeSet::new(),
            sets: BTreeSet::new(),
            accounts: BTreeSet::new(),
            pairs: BTreeSet::new(),
            kinds: BTreeSet::new(),
        };
        for item in input.desired.held.iter().chain(&input.observed.held) {
            match &item.subject {
                HeldSubject::Principal(key) => drop(held.principals.insert(key.clone())),
                HeldSubject::Pair(account, set) => drop(held.pairs.insert((account.clone(), set.clone()))),
                HeldSubject::Entity(EntityKey::Account(key)) => drop(held.accounts.insert(key.clone())),
                HeldSubject::Entity(EntityKey::PermissionSet(name)) => drop(held.sets.insert(name.clone())),
                HeldSubject::Entity(EntityKey::Group(name)) => {
                    held.principals.insert(PrincipalKey::Group(name.clone()));
                }
                HeldSubject::Entity(EntityKey::User(name)) => {
                    held.principals.insert(PrincipalKey::User(name.clone()));
                }
                HeldSubject::All(kind) => drop(held.kinds.insert(*kind)),
                _ => {}
            }
        }
        held.missing(input);
        for (key, account) in &input.observed.snapshot.accounts {
            if !account.value.status.is_assignable() {
                held.accounts.insert(key.clone());
            }
        }
        held
    }

    /// What is referred to, or managed without being created, and is not there.
    fn missing(&mut self, input: &PlanInput) {
        let (desired, observed) = (&input.desired.snapshot, &input.observed.snapshot);
        let elsewhere =
            |management: Management| matches!(management, Management::Referred | Management::Managed);
        for (key, entity) in &desired.accounts {
            if elsewhere(entity.management) && !observed.accounts.contains_key(key) {
                self.accounts.insert(key.clone());
            }
        }
        for (name, entity) in &desired.groups {
            if elsewhere(entity.management) && !observed.groups.contains_key(name) {
                self.principals.insert(PrincipalKey::Group(name.clone()));
            }
        }
        for (name, entity) in &desired.users {
            if elsewhere(entity.management) && !observed.users.contains_key(name) {
                self.principals.insert(PrincipalKey::User(name.clone()));
            }
        }
        for (name, entity) in &desired.permission_sets {
            if elsewhere(entity.management) && !observed.permission_sets.contains_key(name) {
                self.sets.insert(name.clone());
            }
        }
    }

    fn holds(&self, plan: &Plan, tuple: Tuple) -> bool {
        let Some((account, set, principal)) = plan.names.resolve(tuple) else {
            return false;
        };
        let kind = |kind: Kind| self.kinds.contains(&kind);
        let of_principal = if principal.is_group() {
            Kind::Group
        } else {
            Kind::User
        };
        [Kind::Account, Kind::PermissionSet, Kind::Assignment, of_principal]
            .into_iter()
            .any(kind)
            || self.principals.contains(principal)
            || self.sets.contains(set)
            || self.accounts.contains(account)
            || (!self.pairs.is_empty() && self.pairs.contains(&(account.clone(), set.clone())))
    }
}
