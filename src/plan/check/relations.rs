//! The relations of the input in the plan's ranks, as this checker reads them: sorted lists, compared by merging.

use crate::id::{AccountKey, PrincipalKey};
use crate::model::access::{Access, Tuple};
use crate::model::action::Effect;
use crate::model::snapshot::Snapshot;
use crate::plan::Plan;
use crate::plan::input::{Mode, PlanInput};

use super::Found;

/// Ascending lists of grants.
pub(super) struct Relations {
    /// Declared and not expired; nothing when everything is to be destroyed.
    pub desired: Vec<Tuple>,
    /// Declared, and every block that declares it has expired.
    pub expired: Vec<Tuple>,
    /// Recorded, whether it is ours or not.
    pub recorded: Vec<Tuple>,
    /// Recorded as ours.
    pub owned: Vec<Tuple>,
    /// In the service.
    pub observed: Vec<Tuple>,
    /// In the service once the plan has run.
    pub after: Vec<Tuple>,
}

impl Relations {
    /// Reads them from the input. A name that the plan does not know is a violation.
    pub fn new(plan: &Plan, input: &PlanInput, found: &mut Found) -> Self {
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
            for (tuple, note) in in_ranks_of(declared, plan, input, found) {
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
        let rows = in_ranks_of(applied, plan, input, found);
        let recorded = rows.iter().map(|(tuple, _)| *tuple).collect();
        let owned = rows
            .iter()
            .filter(|(_, note)| is(&ours, *note))
            .map(|(tuple, _)| *tuple);
        let owned = owned.collect();
        let observed = in_ranks_of(&input.observed.snapshot.access, plan, input, found);
        let observed = observed.into_iter().map(|(tuple, _)| tuple).collect();
        let mut relations = Relations {
            desired,
            expired,
            recorded,
            owned,
            observed,
            after: Vec::new(),
        };
        relations.follow_renames(plan);
        relations.after = relations.carried_out(plan);
        relations
    }

    /// A user or group that gets another name keeps its grants: where they are declared under the new name, they
    /// are there already.
    fn follow_renames(&mut self, plan: &Plan) {
        let renamed: Vec<(u32, u32)> = plan
            .actions
            .iter()
            .filter_map(|action| renamed(plan, action))
            .collect();
        if renamed.is_empty() {
            return;
        }
        let desired = &self.desired;
        for tuple in &mut self.observed {
            let Some((_, now)) = renamed.iter().find(|(from, _)| *from == tuple.principal()) else {
                continue;
            };
            let now = Tuple::new(tuple.account(), tuple.permission_set(), *now);
            if has(desired, now) {
                *tuple = now;
            }
        }
        self.observed.sort();
        self.observed.dedup();
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

/// Old and new rank of a principal that the action gives another name.
fn renamed(plan: &Plan, action: &crate::plan::Action) -> Option<(u32, u32)> {
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

/// A relation's tuples in the plan's ranks, ascending, each with its note.
fn in_ranks_of(access: &Access, plan: &Plan, input: &PlanInput, found: &mut Found) -> Vec<(Tuple, u32)> {
    let sources = [&input.observed.snapshot, &input.recorded.applied];
    let accounts = access.names.accounts.iter();
    let accounts: Vec<Option<u32>> = accounts
        .map(|key| plan.names.account_rank(&known_account(&sources, key)))
        .collect();
    let sets = access.names.permission_sets.iter();
    let sets: Vec<Option<u32>> = sets.map(|name| plan.names.permission_set_rank(name)).collect();
    let principals = access.names.principals.iter();
    let principals: Vec<Option<u32>> = principals.map(|key| plan.names.principal_rank(key)).collect();
    let known = [&accounts, &sets, &principals]
        .iter()
        .all(|ranks| !ranks.contains(&None));
    found.require(known || plan.is_refused(), "names-missing", || {
        "the plan's names lack some of the input's".to_owned()
    });
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
