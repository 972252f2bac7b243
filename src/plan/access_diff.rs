//! Grants to make, to take away and to record: one pass over the three sorted relations.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::id::{EntityKey, PermissionSetName, PrincipalKey};
use crate::model::access::{Names, Tuple};
use crate::model::stack::Unmanaged;

use super::Totals;
use super::change::{GrantReason, GrantStep, RecordChange, RecordStep, RevokeReason, RevokeStep};
use super::ends::Ends;
use super::freezing::Freezing;
use super::held::HeldSets;
use super::input::{Mode, PlanInput};
use super::matching::Rules;
use super::renames::Renames;
use super::sources::Sources;
use super::universe::{DesiredNote, RecordedNote, Relation, Universe};

/// What the comparison found. Lists are ascending by tuple.
#[derive(Default)]
pub(super) struct AccessDiff {
    pub grants: Vec<GrantStep>,
    pub revokes: Vec<RevokeStep>,
    pub records: Vec<RecordStep>,
    pub totals: Totals,
    /// Declared outside the scope: by block, how many.
    pub outside: BTreeMap<u32, u64>,
    /// Declared, expired, and neither there nor recorded: by block, how many.
    pub expired_new: BTreeMap<u32, u64>,
    /// Expired, and taken away for it: by block, how many.
    pub expired_now: BTreeMap<u32, u64>,
    /// Kept because other blocks declare them: by the block that no longer does, how many.
    pub still_declared: BTreeMap<u32, u64>,
    /// Kept, and to end at another time than was applied.
    pub ends: Ends,
    /// Revokes that wait for a renamed set's `keep_old_until`.
    pub kept_for_rename: u64,
    /// Made by this stack, declared no more, and not its to remove: hidden by `ignore`, or outside the scope.
    pub left_to_others: Vec<Tuple>,
    /// There, declared by nobody, and hidden by a rule that the last apply did not have.
    pub hidden_anew: Vec<Tuple>,
}

/// One tuple with its place in each relation.
struct Row {
    tuple: Tuple,
    desired: Option<DesiredNote>,
    recorded: Option<RecordedNote>,
    observed: bool,
}

struct Judge<'a> {
    universe: &'a Universe<'a>,
    rules: &'a Rules,
    held: &'a HeldSets,
    freezing: &'a Freezing<'a>,
    before: Before,
    destroy: bool,
    remove_unmanaged: bool,
    out: AccessDiff,
}

/// Compares the relations.
pub(super) fn access_diff(
    universe: &Universe<'_>,
    rules: &Rules,
    held: &HeldSets,
    freezing: &Freezing<'_>,
    renames: &Renames,
    sources: &Sources<'_>,
) -> AccessDiff {
    let input = sources.input;
    let settings = &input.desired.settings;
    let mut judge = Judge {
        universe,
        rules,
        held,
        freezing,
        before: Before::new(sources, renames, &universe.names),
        destroy: input.options.mode == Mode::Destroy,
        remove_unmanaged: settings.unmanaged == Unmanaged::Remove && rules.has_scope,
        out: AccessDiff::default(),
    };
    let mut desired = Cursor::new(&universe.desired);
    let mut recorded = Cursor::new(&universe.recorded);
    let mut observed = Cursor::new(&universe.observed);
    loop {
        let tuple = desired.head.min(recorded.head).min(observed.head);
        if tuple == END {
            break;
        }
        let find = |note: Option<u32>| note.map(|note| note as usize);
        let row = Row {
            tuple,
            desired: find(desired.take(tuple)).and_then(|note| universe.desired_notes.get(note).copied()),
            recorded: find(recorded.take(tuple)).and_then(|note| universe.recorded_notes.get(note).copied()),
            observed: observed.take(tuple).is_some(),
        };
        judge.row(&row);
    }
    let mut out = judge.out;
    if !renames.permission_sets.is_empty() {
        rename_sets(&mut out, universe, renames, input);
    }
    out
}

/// Beyond every tuple that the name tables can hold.
const END: Tuple = Tuple(u64::MAX);

struct Cursor<'a> {
    tuples: &'a [Tuple],
    notes: &'a [u32],
    head: Tuple,
    at: usize,
}

impl<'a> Cursor<'a> {
    fn new(relation: &'a Relation<'_>) -> Self {
        Cursor {
            tuples: &relation.tuples,
            notes: &relation.notes,
            head: relation.tuples.first().copied().unwrap_or(END),
            at: 0,
        }
    }

    /// The note of `tuple` if it comes next, moving on.
    fn take(&mut self, tuple: Tuple) -> Option<u32> {
        if self.head != tuple {
            return None;
        }
        let note = self.notes.get(self.at).copied().unwrap_or(0);
        self.at += 1;
        self.head = self.tuples.get(self.at).copied().unwrap_or(END);
        Some(note)
    }
}

impl Judge<'_> {
    fn row(&mut self, row: &Row) {
        let declared = row.desired.filter(|note| note.alive);
        if let Some(note) = declared {
            self.out.totals.declared += 1;
            if !self.rules.in_scope(row.tuple) {
                self.count_blocks(note.note, |out| &mut out.outside);
            }
        }
        if self.held.holds(row.tuple) {
            let is_named = row.desired.is_some() || row.recorded.is_some();
            let principal = self.universe.names.principal(row.tuple.principal());
            if is_named || !self.held.is_nameless(principal) {
                self.out.totals.held += 1;
            }
            return;
        }
        let is_ours = |note: &RecordedNote| note.owned && !self.before.is_replaced(row.tuple);
        let owned = row.recorded.filter(is_ours);
        match (declared, owned) {
            (Some(note), owned) => self.declared(row, note, owned),
            (None, Some(owned)) => self.no_longer_declared(row, owned),
            (None, None) => self.foreign(row),
        }
    }

    fn declared(&mut self, row: &Row, note: DesiredNote, owned: Option<RecordedNote>) {
        let tuple = row.tuple;
        if row.observed {
            self.out.totals.unchanged += 1;
            match owned {
                Some(before) if before.note == note.note && !before.outdated => {}
                Some(before) => {
                    self.record(tuple, note.note, RecordChange::Relabel);
                    self.out.ends.compare(&before, note.note, self.universe);
                    self.count_left_blocks(before.note, note.note);
                }
                None => self.record(tuple, note.note, RecordChange::Adopt),
            }
            return;
        }
        self.out.grants.push(GrantStep {
            tuple,
            note: note.note,
            reason: self.reason(tuple),
            blocked: false,
        });
    }

    /// Why a declared grant that is not there is made: whatever the state has as applied and the service no longer
    /// has is a restore, whatever its principal and its set were called.
    fn reason(&self, tuple: Tuple) -> GrantReason {
        let before = &self.before;
        let principals = || before.principals.of(tuple.principal());
        if principals().any(|principal| self.owned(with(tuple, tuple.permission_set(), principal))) {
            return GrantReason::Restore;
        }
        let mut reason = GrantReason::Declared;
        for set in before.permission_sets.of(tuple.permission_set()).skip(1) {
            for was in principals().map(|principal| with(tuple, set, principal)) {
                if !self.owned(was) {
                    continue;
                }
                // A grant of somebody who is gone is not kept by another under a new name.
                let gone = self.universe.names.principal(was.principal());
                let gone = gone.is_some_and(PrincipalKey::is_orphan);
                if gone || before.is_replaced(was) || !has(&self.universe.observed.tuples, was) {
                    return GrantReason::Restore;
                }
                reason = GrantReason::Renamed;
            }
        }
        reason
    }

    /// Whether the state has a grant as this stack's.
    fn owned(&self, tuple: Tuple) -> bool {
        let recorded = &self.universe.recorded;
        let at = recorded.tuples.binary_search(&tuple).ok();
        let note = at.and_then(|at| recorded.notes.get(at));
        let note = note.and_then(|note| self.universe.recorded_notes.get(*note as usize));
        note.is_some_and(|note| note.owned)
    }

    fn no_longer_declared(&mut self, row: &Row, owned: RecordedNote) {
        let tuple = row.tuple;
        if !row.observed {
            self.record(tuple, owned.note, RecordChange::Forget);
            return;
        }
        let ignored = self.rules.ignores(tuple);
        if !self.destroy && (ignored || !self.rules.in_scope(tuple)) {
            let totals = &mut self.out.totals;
            let others = if ignored {
                &mut totals.ignored
            } else {
                &mut totals.out_of_scope
            };
            *others += 1;
            self.out.left_to_others.push(tuple);
            self.record(tuple, owned.note, RecordChange::Forget);
            return;
        }
        let reason = match row.desired {
            _ if self.destroy => RevokeReason::Destroy,
            _ if self.freezing.is_frozen(tuple) => RevokeReason::Frozen,
            Some(_) => RevokeReason::Expired,
            None if owned.block_present => RevokeReason::NoLongerSelected,
            None => RevokeReason::BlockRemoved,
        };
        if let (RevokeReason::Expired, Some(declared)) = (reason, row.desired) {
            self.count_blocks(declared.note, |out| &mut out.expired_now);
        }
        self.revoke(row.tuple, owned.note, reason);
    }

    /// Neither declared nor ours: expired before it was ever made, or made by others.
    fn foreign(&mut self, row: &Row) {
        let tuple = row.tuple;
        // What the state has under this name was another set's.
        let outdated = row.recorded.filter(|note| note.owned);
        if !row.observed {
            match (row.desired, row.recorded) {
                (Some(note), None) => self.count_blocks(note.note, |out| &mut out.expired_new),
                _ => {
                    if let Some(note) = outdated {
                        self.record(tuple, note.note, RecordChange::Forget);
                    }
                }
            }
            return;
        }
        let revokes = self.out.revokes.len();
        self.found(row);
        if let Some(note) = outdated.filter(|_| self.out.revokes.len() == revokes) {
            self.record(tuple, note.note, RecordChange::Forget);
        }
    }

    /// There, and neither declared nor ours.
    fn found(&mut self, row: &Row) {
        let tuple = row.tuple;
        if self.rules.hides_anew(tuple) {
            self.out.hidden_anew.push(tuple);
        }
        if self.rules.ignores(tuple) {
            self.out.totals.ignored += 1;
        } else if !self.rules.in_scope(tuple) {
            self.out.totals.out_of_scope += 1;
        } else {
            self.out.totals.unmanaged += 1;
            if self.remove_unmanaged && !self.destroy {
                let note = row.desired.map(|note| note.note);
                let note = note.or(row.recorded.map(|note| note.note));
                self.revoke(tuple, note.unwrap_or(UNDECLARED), RevokeReason::Unmanaged);
            }
        }
    }

    fn record(&mut self, tuple: Tuple, note: u32, change: RecordChange) {
        self.out.records.push(RecordStep { tuple, note, change });
    }

    fn revoke(&mut self, tuple: Tuple, note: u32, reason: RevokeReason) {
        self.out.revokes.push(RevokeStep {
            tuple,
            note,
            reason,
            blocked: false,
        });
    }

    fn count_blocks(&mut self, note: u32, list: fn(&mut AccessDiff) -> &mut BTreeMap<u32, u64>) {
        let blocks = self.universe.notes.get(note as usize);
        for block in blocks.iter().flat_map(|note| &note.declared_by) {
            *list(&mut self.out).entry(*block).or_default() += 1;
        }
    }

    /// Counts the blocks that declared the grant and no longer do, though others go on to.
    fn count_left_blocks(&mut self, before: u32, after: u32) {
        let notes = &self.universe.notes;
        let (Some(before), Some(after)) = (notes.get(before as usize), notes.get(after as usize)) else {
            return;
        };
        let is_less = after
            .declared_by
            .iter()
            .all(|block| before.declared_by.contains(block));
        for block in before.declared_by.iter().filter(|_| is_less) {
            if !after.declared_by.contains(block) {
                *self.out.still_declared.entry(*block).or_default() += 1;
            }
        }
    }
}

/// What grants were called in the state, and which of its sets are gone although the name is there.
struct Before {
    principals: FormerRanks,
    permission_sets: FormerRanks,
    replaced: Vec<bool>,
}

/// For each rank the ranks of what it was before; mostly none.
#[derive(Default)]
struct FormerRanks(BTreeMap<u32, BTreeSet<u32>>);

impl FormerRanks {
    fn add(&mut self, now: Option<u32>, before: Option<u32>) {
        if let (Some(now), Some(before)) = (now, before)
            && now != before
        {
            self.0.entry(now).or_default().insert(before);
        }
    }

    /// The rank itself and those before.
    fn of(&self, rank: u32) -> impl Iterator<Item = u32> + '_ {
        let former = self.0.get(&rank).into_iter().flatten();
        std::iter::once(rank).chain(former.copied())
    }
}

impl Before {
    fn new(sources: &Sources<'_>, renames: &Renames, names: &Names) -> Self {
        let identity = &sources.identity;
        let mut principals = FormerRanks::default();
        for (declared, called) in &identity.principals {
            principals.add(names.principal_rank(declared), names.principal_rank(called));
        }
        let mut add = |new: PrincipalKey, old: PrincipalKey| {
            let old = identity.principals.get(&old).unwrap_or(&old);
            principals.add(names.principal_rank(&new), names.principal_rank(old));
        };
        let (group, user) = (PrincipalKey::Group, PrincipalKey::User);
        for (old, new) in &renames.groups {
            add(group(new.clone()), group(old.clone()));
        }
        for (old, new) in &renames.users {
            add(user(new.clone()), user(old.clone()));
        }
        for (new, old) in &renames.lost_groups {
            add(group(new.clone()), group(old.clone()));
        }
        for (new, old) in &renames.lost_users {
            add(user(new.clone()), user(old.clone()));
        }
        let mut permission_sets = FormerRanks::default();
        for (old, new) in &renames.permission_sets {
            permission_sets.add(names.permission_set_rank(new), names.permission_set_rank(old));
        }
        let mut replaced = Vec::new();
        if !identity.permission_sets.is_empty() {
            let sets = names.permission_sets.iter();
            let is = |name: &PermissionSetName| EntityKey::PermissionSet(name.clone());
            replaced = sets.map(|name| identity.is_replaced(&is(name))).collect();
        }
        Before {
            principals,
            permission_sets,
            replaced,
        }
    }

    /// Whether the name of the grant's set means another set than in the state: what is there is not ours.
    fn is_replaced(&self, tuple: Tuple) -> bool {
        self.replaced.get(tuple.permission_set() as usize) == Some(&true)
    }
}

fn with(tuple: Tuple, set: u32, principal: u32) -> Tuple {
    Tuple::new(tuple.account(), set, principal)
}

fn has(tuples: &[Tuple], tuple: Tuple) -> bool {
    tuples.binary_search(&tuple).is_ok()
}

/// Marks revokes whose grant nobody ever declared; the planner gives them the plan's empty note.
pub(super) const UNDECLARED: u32 = u32::MAX;

/// Marks what a renamed permission set takes away, and keeps the old grants for as long as the new set says.
fn rename_sets(out: &mut AccessDiff, universe: &Universe<'_>, renames: &Renames, input: &PlanInput) {
    let names = &universe.names;
    for (old, new) in &renames.permission_sets {
        let (Some(old_rank), Some(new_rank)) =
            (names.permission_set_rank(old), names.permission_set_rank(new))
        else {
            continue;
        };
        // A principal that is renamed as well is declared under its new name.
        let under = |tuple: Tuple, set: u32| {
            let principal = names.principal(tuple.principal());
            let now = principal.and_then(|key| renames.principal_now(key));
            let now = now.and_then(|key| names.principal_rank(&key));
            with(tuple, set, now.unwrap_or(tuple.principal()))
        };
        let declared = |tuple: Tuple| {
            let at = universe.desired.tuples.binary_search(&tuple).ok();
            let note = at.and_then(|at| universe.desired.notes.get(at));
            let note = note.and_then(|note| universe.desired_notes.get(*note as usize));
            note.is_some_and(|note| note.alive)
        };
        let keep_until = input
            .desired
            .snapshot
            .permission_sets
            .get(new)
            .and_then(|set| set.keep_old_until);
        let keeps = keep_until.is_some_and(|time| time > input.now);
        let mut kept = 0;
        out.revokes.retain_mut(|revoke| {
            let ours = revoke.tuple.permission_set() == old_rank && revoke.reason != RevokeReason::Unmanaged;
            if !ours || !declared(under(revoke.tuple, new_rank)) {
                return true;
            }
            revoke.reason = RevokeReason::Renamed;
            kept += u64::from(keeps);
            !keeps
        });
        out.kept_for_rename += kept;
    }
}

/// The observed relation after the grants and revokes are done.
pub(super) fn after<'t>(
    before: &'t [Tuple],
    grants: &[GrantStep],
    revokes: &[RevokeStep],
) -> Cow<'t, [Tuple]> {
    if grants.is_empty() && revokes.is_empty() {
        return Cow::Borrowed(before);
    }
    let mut out = Vec::with_capacity(before.len() + grants.len());
    let mut grants = grants.iter().map(|step| step.tuple).peekable();
    let mut revokes = revokes.iter().map(|step| step.tuple).peekable();
    for tuple in before {
        while let Some(new) = grants.next_if(|new| new < tuple) {
            out.push(new);
        }
        while revokes.next_if(|gone| gone < tuple).is_some() {}
        if revokes.next_if(|gone| gone == tuple).is_none() {
            out.push(*tuple);
        }
    }
    out.extend(grants);
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use crate::model::stack::{Matcher, NamedMatcher, Scope};
    use crate::plan::finding::Level;
    use crate::plan::testing::{Stack, World, group};

    use super::*;

    #[test]
    fn what_is_left_to_others_is_forgotten_and_not_revoked() {
        let without = |change: fn(&mut crate::model::stack::Settings)| {
            Stack::new()
                .accounts(&[1, 2, 3])
                .set("view", "view")
                .with(move |desired| change(&mut desired.settings))
        };
        let ignoring = without(|settings| {
            settings.ignore.push(NamedMatcher {
                label: "handed over".into(),
                matcher: Matcher {
                    permission_sets: vec!["view".into()],
                    ..Matcher::default()
                },
                location: None,
            });
        });
        let narrowed = without(|settings| {
            settings.scope = Scope::Matching(Matcher {
                permission_sets: vec!["other".into()],
                ..Matcher::default()
            });
        });
        let granting = || {
            Stack::new()
                .accounts(&[1, 2, 3])
                .set("view", "view")
                .group("ops", "Ops", &[])
                .assign("a", &[group("Ops")], &["view"], &[1, 2, 3])
        };
        let world = World::new().apply(granting());
        let granted = world.observed.snapshot.access.len();
        assert_eq!(granted, 3);
        for stack in [ignoring, narrowed] {
            let plan = world.plan(stack.clone());
            assert!(plan.revokes.is_empty(), "{:?}", plan.revokes);
            assert_eq!(plan.records.len(), granted);
            assert!(
                plan.findings
                    .iter()
                    .any(|finding| &*finding.code == "left-to-others")
            );
            let deleted = plan.actions.iter().filter(|action| action.effect.is_some());
            assert_eq!(deleted.count(), 0, "others need the group");
            let after = world.clone().apply(stack.clone());
            assert_eq!(after.observed.snapshot.access.len(), granted);
            assert!(after.plan(stack).is_empty());
        }
        let mut world = world;
        world.options.mode = Mode::Destroy;
        assert_eq!(world.plan(granting()).revokes.len(), granted);
    }

    fn base() -> Stack {
        Stack::new()
            .accounts(&[1, 2, 3])
            .set("view", "view")
            .group("ops", "Ops", &[])
            .group("dev", "Dev", &[])
    }

    fn has(plan: &crate::plan::Plan, level: Level, code: &str) -> bool {
        plan.findings
            .iter()
            .any(|finding| finding.level == level && &*finding.code == code)
    }

    #[test]
    fn a_grant_of_two_blocks_stays_when_one_goes() {
        let both = base().assign("a", &[group("Ops")], &["view"], &[1, 2]).assign(
            "b",
            &[group("Ops")],
            &["view"],
            &[2, 3],
        );
        let world = World::new().apply(both);
        let one = base().assign("b", &[group("Ops")], &["view"], &[2, 3]);
        let plan = world.plan(one);
        assert_eq!(plan.revokes.len(), 1, "account 1 alone");
        assert_eq!(plan.revokes[0].reason, RevokeReason::BlockRemoved);
        assert_eq!(plan.records.len(), 1);
        assert_eq!(plan.records[0].change, RecordChange::Relabel);
        assert!(has(&plan, Level::Note, "still-declared"));
    }

    #[test]
    fn a_narrower_selection_is_not_a_removed_block() {
        let world = World::new().apply(base().assign("a", &[group("Ops")], &["view"], &[1, 2]));
        let plan = world.plan(base().assign("a", &[group("Ops")], &["view"], &[1]));
        assert_eq!(plan.revokes[0].reason, RevokeReason::NoLongerSelected);
    }

    #[test]
    fn expiry_takes_grants_away_once_and_is_an_error_only_for_new_blocks() {
        let until = |label: &str| {
            base().assign_until(
                label,
                &[group("Ops")],
                &["view"],
                &[1],
                Some("2026-07-01T00:00:00Z"),
            )
        };
        let world = World::new().apply(until("a")).at("2026-07-01T00:00:00Z");
        let mut expired = world.clone();
        expired.options.mode = Mode::Expired;
        let plan = expired.plan(until("a"));
        assert_eq!(plan.revokes[0].reason, RevokeReason::Expired);
        assert!(plan.actions.is_empty());
        let later = world.apply(until("a"));
        let plan = later.plan(until("a"));
        assert!(plan.is_empty() && !plan.is_refused());
        assert!(has(&plan, Level::Warning, "expired-block"));
    }

    /// A block as it is edited: its label, its accounts and its end.
    fn ending(label: &str, accounts: &[u32], expires: &str) -> Stack {
        base().assign_until(label, &[group("Ops")], &["view"], accounts, Some(expires))
    }

    #[test]
    fn a_block_that_gets_another_label_and_a_past_end_at_once_takes_its_grants_away_and_is_never_refused() {
        let past = "2026-06-30T00:00:00Z";
        let world = World::new()
            .apply(base().assign("a", &[group("Ops")], &["view"], &[1, 2]))
            .at("2026-07-01T00:00:00Z");
        // One account more than it had is no reason to refuse the end of the others.
        let plan = world.plan(ending("b", &[1, 2, 3], past));
        assert!(!plan.is_refused(), "{:#?}", plan.findings);
        assert_eq!(plan.revokes.len(), 2);
        assert!(has(&plan, Level::Warning, "expired-block"));
        let later = world.apply(ending("b", &[1, 2], past));
        for _ in 0..2 {
            let plan = later.plan(ending("b", &[1, 2], past));
            assert!(plan.is_empty() && !plan.is_refused(), "{:#?}", plan.findings);
            assert!(has(&plan, Level::Warning, "expired-block"));
        }
        // Another label for what has ended is no new grant either.
        let plan = later.plan(ending("c", &[1, 2], past));
        assert!(!plan.is_refused(), "{:#?}", plan.findings);
        assert!(has(&plan, Level::Warning, "expired-block"));
    }

    #[test]
    fn a_new_block_that_has_ended_already_is_refused_beside_others_that_have() {
        let past = "2026-06-30T00:00:00Z";
        let world = World::new()
            .apply(ending("a", &[1], past))
            .at("2026-07-01T00:00:00Z");
        let later = world.apply(ending("a", &[1], past));
        let new = ending("a", &[1], past).assign_until("n", &[group("Ops")], &["view"], &[2], Some(past));
        let plan = later.plan(new);
        assert!(has(&plan, Level::Refusal, "expired-grant"));
        assert!(has(&plan, Level::Warning, "expired-block"));
    }

    #[test]
    fn one_living_block_keeps_what_another_lets_expire() {
        let stack = || {
            base()
                .assign_until(
                    "a",
                    &[group("Ops")],
                    &["view"],
                    &[1],
                    Some("2026-07-01T00:00:00Z"),
                )
                .assign("b", &[group("Ops")], &["view"], &[1])
        };
        let plan = World::new()
            .apply(stack())
            .at("2026-08-01T00:00:00Z")
            .plan(stack());
        assert_eq!(plan.revokes.len(), 0);
        assert_eq!(plan.records[0].change, RecordChange::Relabel);
    }

    #[test]
    fn unmanaged_access_is_removed_only_inside_the_scope_and_never_when_ignored() {
        let matcher = |principal: &str| Matcher {
            principals: vec![principal.into()],
            ..Matcher::default()
        };
        let world = World::new()
            .has_set("view")
            .has_group("Ops", &[])
            .has_group("AWSControlTower", &[])
            .has_group("Other", &[])
            .has_grant(1, "view", group("Ops"))
            .has_grant(1, "view", group("AWSControlTower"))
            .has_grant(1, "view", group("Other"));
        let stack = |scope: Scope| {
            Stack::new().with(|desired| {
                desired.settings.unmanaged = Unmanaged::Remove;
                desired.settings.scope = scope;
                desired.settings.ignore = vec![NamedMatcher {
                    label: "ct".into(),
                    matcher: matcher("AWSControl*"),
                    location: None,
                }];
            })
        };
        let plan = world.plan(stack(Scope::Matching(matcher("{Ops,AWS*}"))));
        let totals = &plan.totals;
        assert_eq!(
            (plan.revokes.len(), totals.ignored, totals.out_of_scope),
            (1, 1, 1)
        );
        assert_eq!(plan.revokes[0].reason, RevokeReason::Unmanaged);
        assert_eq!(
            plan.actions.len(),
            0,
            "entities are never removed for being unmanaged"
        );
        let refused = world.plan(stack(Scope::Declared));
        assert!(has(&refused, Level::Refusal, "scope-required"));
        assert_eq!(refused.revokes.len(), 0);
    }

    #[test]
    fn declaring_outside_the_scope_is_refused_by_block() {
        let stack = base()
            .assign("a", &[group("Ops")], &["view"], &[1])
            .with(|desired| {
                desired.settings.scope = Scope::Matching(Matcher {
                    accounts: vec!["account-2".into()],
                    ..Matcher::default()
                });
            });
        let plan = World::new().plan(stack);
        let finding = plan
            .findings
            .iter()
            .find(|finding| &*finding.code == "outside-scope")
            .unwrap();
        assert!(
            finding.message.contains("assignment.a declares 1 grant outside"),
            "{}",
            finding.message
        );
    }

    #[test]
    fn the_relation_after_is_what_was_there_with_the_steps_done() {
        let tuple = |n| Tuple::new(n, 0, 0);
        let grant = |n| GrantStep {
            tuple: tuple(n),
            note: 0,
            reason: GrantReason::Declared,
            blocked: false,
        };
        let revoke = |n| RevokeStep {
            tuple: tuple(n),
            note: 0,
            reason: RevokeReason::BlockRemoved,
            blocked: false,
        };
        let before = [tuple(1), tuple(3), tuple(5)];
        let result = after(&before, &[grant(0), grant(4), grant(9)], &[revoke(1), revoke(5)]);
        assert_eq!(*result, [tuple(0), tuple(3), tuple(4), tuple(9)]);
    }
}
