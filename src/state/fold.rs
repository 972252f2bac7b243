//! The meaning of the journal: entries, folded in order, give what is recorded.
//!
//! Pure. Grants of a run are collected and merged into the relation when somebody looks, so that a million of
//! them cost one merge and not a million insertions.

use std::collections::BTreeMap;
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use super::entry::{Entry, RecordOnly, RunEnd, RunStarted, StepRef};
use super::fold_access::{GrantChanges, forget_declaration, merge, rename_declaration};
use super::fold_entities::{
    adopt, apply_effect, forget, leave_out, move_address, never_made, rebind, relabel, remove_address,
    renamed_principal,
};
use super::{StateError, inconsistent};
use crate::id::{AccountKey, PrincipalKey};
use crate::model::access::Tuple;
use crate::model::action::{Effect, Learned};
use crate::model::fingerprint;
use crate::model::record::{InDoubt, Recorded, Seen, UnfinishedRun};
use crate::model::role_content::{OlderRoles, older_roles};
use crate::model::rules::Rules;

/// A fold in progress.
#[derive(Debug, Clone, Default)]
pub struct Fold {
    recorded: Recorded,
    run: Option<Run>,
}

/// The run that the next entries belong to.
#[derive(Debug, Clone)]
struct Run {
    started: Box<RunStarted>,
    /// Effects on entities that were intended, by step.
    actions: FxHashMap<u32, Effect>,
    /// The notes of the grants that were intended.
    notes: FxHashMap<Tuple, u32>,
    /// Intended steps without an outcome, with the request's id if one came back.
    in_doubt: FxHashMap<StepRef, Option<Arc<str>>>,
    /// Grants made (with their note) and taken away since the relation was last merged.
    changes: FxHashMap<Tuple, Option<u32>>,
    /// Accounts that were created in this run, under the key they now have.
    created: BTreeMap<AccountKey, AccountKey>,
    /// Intended steps that are done.
    done: FxHashSet<StepRef>,
    /// Whether the record has caught up.
    caught_up: bool,
    /// The run that was unfinished before this one.
    before: Option<UnfinishedRun>,
    /// Users and groups that got another name in this run: their grants are the same.
    renamed: BTreeMap<PrincipalKey, PrincipalKey>,
}

impl Fold {
    /// Goes on from what is recorded, between two runs.
    pub fn new(recorded: Recorded) -> Self {
        Fold { recorded, run: None }
    }

    /// Stands where a state stands whose last run did not end: `last_run` is what the journal has of that run, which
    /// `recorded` includes.
    ///
    /// # Errors
    /// When the entries do not follow one another.
    pub fn in_the_middle(recorded: Recorded, last_run: &[Entry]) -> Result<Self, StateError> {
        let mut fold = Fold::default();
        last_run.iter().try_for_each(|entry| fold.push(entry))?;
        if let Some(run) = &mut fold.run {
            run.changes.clear();
        }
        fold.recorded = recorded;
        Ok(fold)
    }

    /// Whether a run has begun and not ended.
    pub fn is_in_run(&self) -> bool {
        self.run.is_some()
    }

    /// Takes one entry in.
    ///
    /// # Errors
    /// When it cannot follow what came before: an outcome without its intent, for example.
    pub fn push(&mut self, entry: &Entry) -> Result<(), StateError> {
        match entry {
            Entry::RunStarted(started) => self.start(started)?,
            Entry::Intents {
                actions,
                grants,
                revokes,
            } => self.run()?.intend(actions, grants, revokes),
            Entry::Accepted { requests } => {
                let run = self.run()?;
                for (step, request) in requests {
                    run.in_doubt.insert(*step, Some(Arc::clone(request)));
                }
            }
            Entry::Outcomes { done, failed } => self.settle(done, failed)?,
            Entry::Recorded(changes) => self.record(changes)?,
            Entry::Observed(seen) => {
                self.recorded.older_roles = self.older_roles(seen);
                self.recorded.seen = Some((**seen).clone());
                self.recorded.serial += u64::from(self.run.is_none());
            }
            Entry::Confirmed { at } => {
                let seen = self.recorded.seen.as_mut();
                let seen =
                    seen.ok_or_else(|| inconsistent("the journal confirms a reading that it does not have"))?;
                seen.at = *at;
                self.recorded.serial += u64::from(self.run.is_none());
            }
            Entry::RunFinished { end, outputs, .. } => {
                let is_aside = self.run.as_ref().is_some_and(Run::is_aside);
                let is_whole = *end == RunEnd::Complete && !is_aside;
                if is_whole {
                    self.merge_run()?;
                    self.recorded.outputs.clone_from(outputs);
                } else {
                    self.settle_run()?;
                }
                let before = self.run.take().and_then(|run| run.before);
                if is_whole || *end == RunEnd::Complete && before.is_none() {
                    self.recorded.unfinished = None;
                }
                self.recorded.serial += 1;
            }
            Entry::Noted(noted) => {
                self.settle_run()?;
                self.take_rules(noted.rules.as_deref(), noted.revision.as_ref());
                self.recorded.serial += 1;
            }
            Entry::Frozen(frozen) => {
                self.settle_run()?;
                self.recorded.freeze(frozen);
                self.recorded.serial += 1;
            }
            Entry::Lifted { principal, .. } => {
                self.settle_run()?;
                self.recorded.lift(principal);
                self.recorded.serial += 1;
            }
            Entry::AddressMoved { from, to, .. } => {
                self.settle_run()?;
                move_address(&mut self.recorded.applied, from, to);
                rename_declaration(&mut self.recorded.applied.access, from, to);
                self.recorded.serial += 1;
            }
            Entry::AddressRemoved { address, .. } => {
                self.settle_run()?;
                remove_address(&mut self.recorded.applied, address);
                forget_declaration(&mut self.recorded.applied.access, address);
                self.recorded.serial += 1;
            }
            Entry::Imported { recorded, .. } => {
                let serial = self.recorded.serial.max(recorded.serial) + 1;
                let frozen = std::mem::take(&mut self.recorded.frozen);
                self.recorded = Recorded {
                    serial,
                    ..(**recorded).clone()
                };
                // An older export does not know who was frozen since.
                frozen.iter().for_each(|frozen| self.recorded.freeze(frozen));
                self.run = None;
            }
        }
        Ok(())
    }

    /// What is recorded now. In the middle of a run it names the run as unfinished, and what is in doubt.
    ///
    /// # Errors
    /// When the names of all grants together outgrow what a relation can hold.
    pub fn recorded(&mut self) -> Result<&Recorded, StateError> {
        self.settle_run()?;
        Ok(&self.recorded)
    }

    /// What was last seen. In the middle of a run this costs nothing, as the record as a whole does.
    pub fn seen(&self) -> Option<&Seen> {
        self.recorded.seen.as_ref()
    }

    /// The steps of the run in progress that were intended and have no outcome; none between runs.
    ///
    /// # Errors
    /// When the run does not have a step that its entries name.
    pub fn in_doubt(&self) -> Result<Vec<(StepRef, InDoubt)>, StateError> {
        let Some(run) = &self.run else {
            return Ok(Vec::new());
        };
        run.doubts().map(|(step, doubt)| Ok((step, doubt?))).collect()
    }

    /// What is recorded in the end; see [`Fold::recorded`].
    ///
    /// # Errors
    /// As [`Fold::recorded`].
    pub fn finish(mut self) -> Result<Recorded, StateError> {
        self.settle_run()?;
        Ok(self.recorded)
    }

    /// The effects on entities that the run in progress has intended; none between runs.
    pub fn intended(&self) -> impl Iterator<Item = &Effect> {
        self.run.iter().flat_map(|run| run.actions.values())
    }

    /// What the roles hold that are behind at a reading. Sets that the run in progress changed were what it changed them
    /// from.
    fn older_roles(&self, seen: &Seen) -> Vec<OlderRoles> {
        let run = self.run.as_ref();
        let done = run.iter().flat_map(|run| {
            let done = run.actions.iter();
            done.filter(|(index, _)| run.done.contains(&StepRef::Action(**index)))
        });
        let written = done.filter_map(|(_, effect)| match effect {
            Effect::UpdatePermissionSet { from, .. } => Some((&from.name, &**from)),
            _ => None,
        });
        let before = self.recorded.seen.as_ref().map(Into::into);
        older_roles(
            &self.recorded.older_roles,
            before,
            &written.collect(),
            seen.into(),
        )
    }

    /// A run may begin while another never ended: that one crashed, and what it achieved stays.
    fn start(&mut self, started: &RunStarted) -> Result<(), StateError> {
        self.settle_run()?;
        self.recorded
            .lineage
            .get_or_insert_with(|| Arc::clone(&started.lineage));
        self.recorded.instance = Some(started.instance.clone());
        // A narrowed run did not apply what the revision says; a whole one without a revision applied who knows what.
        let revision = started.revision.as_ref().filter(|_| !started.narrowed);
        self.recorded.revision_outdated |= !started.narrowed && self.recorded.revision.is_some();
        self.take_rules(started.rules.as_deref(), revision);
        self.run = Some(Run {
            started: Box::new(started.clone()),
            actions: FxHashMap::default(),
            notes: FxHashMap::default(),
            in_doubt: FxHashMap::default(),
            changes: FxHashMap::default(),
            created: BTreeMap::new(),
            done: FxHashSet::default(),
            caught_up: false,
            before: self.recorded.unfinished.clone(),
            renamed: BTreeMap::new(),
        });
        Ok(())
    }

    fn take_rules(&mut self, rules: Option<&Rules>, revision: Option<&Arc<str>>) {
        if let Some(rules) = rules {
            self.recorded.rules = Some(Box::new(rules.clone()));
        }
        if let Some(revision) = revision {
            self.recorded.revision = Some(Arc::clone(revision));
            self.recorded.revision_outdated = false;
        }
    }

    fn run(&mut self) -> Result<&mut Run, StateError> {
        self.run
            .as_mut()
            .ok_or_else(|| inconsistent("the journal has an entry of a run before the run's start"))
    }

    fn settle(
        &mut self,
        done: &[(StepRef, Learned)],
        failed: &[(StepRef, Arc<str>)],
    ) -> Result<(), StateError> {
        let Some(run) = self.run.as_mut() else {
            return Err(inconsistent("the journal has an outcome before any run's start"));
        };
        for (step, learned) in done {
            run.in_doubt.remove(step);
            match step {
                StepRef::Grant(tuple) => {
                    let note = run.notes.get(tuple).copied();
                    let note =
                        note.ok_or_else(|| inconsistent("the journal has a grant that was never intended"))?;
                    run.changes.insert(*tuple, Some(note));
                }
                StepRef::Revoke(tuple) => {
                    run.changes.insert(*tuple, None);
                }
                StepRef::Action(index) => {
                    let effect = run.actions.get(index);
                    let effect = effect.ok_or_else(|| {
                        inconsistent("the journal has the outcome of a step that was never intended")
                    })?;
                    let rekeyed =
                        apply_effect(&mut self.recorded.applied, effect, &run.started.entities, learned);
                    run.created.extend(rekeyed);
                    run.renamed.extend(renamed_principal(effect));
                }
            }
        }
        run.done.extend(done.iter().map(|(step, _)| *step));
        for (step, _) in failed {
            run.in_doubt.remove(step);
            run.done.remove(step);
        }
        Ok(())
    }

    fn record(&mut self, changes: &RecordOnly) -> Result<(), StateError> {
        let run = self.run.as_mut();
        let run = run.ok_or_else(|| inconsistent("the journal changes the record outside of a run"))?;
        run.caught_up = true;
        let applied = &mut self.recorded.applied;
        if !changes.renamed.is_empty() {
            applied.rename_principals(&changes.renamed.iter().cloned().collect());
        }
        let missing = never_made(applied, &changes.not_yet);
        for (key, id) in &changes.adopted {
            adopt(applied, key, id.as_ref(), &run.started.entities);
        }
        for key in &changes.forgotten {
            forget(applied, key);
        }
        for (key, addresses, management) in &changes.relabelled {
            relabel(applied, key, addresses, *management);
        }
        for (key, id) in &changes.rebound {
            rebind(applied, key, id, &run.started.entities);
        }
        leave_out(applied, missing);
        run.changes
            .extend(changes.grants.iter().map(|(tuple, note)| (*tuple, Some(*note))));
        run.changes
            .extend(changes.forgotten_grants.iter().map(|tuple| (*tuple, None)));
        Ok(())
    }

    /// Merges the run's grants into the relation, and says what of it is unfinished.
    fn settle_run(&mut self) -> Result<(), StateError> {
        self.merge_run()?;
        let Some(run) = self.run.as_ref() else {
            return Ok(());
        };
        self.recorded.unfinished = match &run.before {
            // What it did the run before has less to do.
            Some(before) if run.is_aside() && run.in_doubt.is_empty() => Some(UnfinishedRun {
                done: run.done_with(&before.done)?,
                ..before.clone()
            }),
            _ => Some(run.unfinished()?),
        };
        Ok(())
    }

    fn merge_run(&mut self) -> Result<(), StateError> {
        let Some(run) = self.run.as_mut() else {
            return Ok(());
        };
        let changes = GrantChanges {
            names: &run.started.names,
            declarations: &run.started.declarations,
            notes: &run.started.notes,
            grants: std::mem::take(&mut run.changes),
            created: &run.created,
            renamed: &run.renamed,
            narrowed: run.started.narrowed,
        };
        merge(&mut self.recorded.applied.access, changes).map_err(|error| inconsistent(&error.to_string()))
    }
}

impl Run {
    fn intend(&mut self, actions: &[(u32, Effect)], grants: &[(Tuple, u32)], revokes: &[Tuple]) {
        for (index, effect) in actions {
            self.in_doubt.insert(StepRef::Action(*index), None);
            self.actions.insert(*index, effect.clone());
        }
        for (tuple, note) in grants {
            self.in_doubt.insert(StepRef::Grant(*tuple), None);
            self.notes.insert(*tuple, *note);
        }
        self.in_doubt
            .extend(revokes.iter().map(|tuple| (StepRef::Revoke(*tuple), None)));
    }

    /// What is in doubt, in the order of the steps.
    fn doubts(&self) -> impl Iterator<Item = (StepRef, Result<InDoubt, StateError>)> {
        let mut doubts: Vec<_> = self.in_doubt.iter().collect();
        doubts.sort_unstable_by_key(|(step, _)| **step);
        doubts.into_iter().map(|(step, request_id)| {
            let doubt = self.effect(step).map(|effect| InDoubt {
                effect,
                request_id: request_id.clone(),
            });
            (*step, doubt)
        })
    }

    fn unfinished(&self) -> Result<UnfinishedRun, StateError> {
        let in_doubt: Result<Vec<InDoubt>, StateError> = self.doubts().map(|(_, doubt)| doubt).collect();
        Ok(UnfinishedRun {
            run: Arc::clone(&self.started.run),
            started: self.started.by.at,
            actor: Arc::clone(&self.started.by.actor),
            digest: Arc::clone(&self.started.digest),
            steps: self.started.steps.clone(),
            done: self.done_with(self.done_before())?,
            people: self.started.people.clone(),
            in_doubt: in_doubt?,
        })
    }

    /// What the run before had done of the steps that this one goes on with.
    fn done_before(&self) -> &[u64] {
        match &self.before {
            Some(before) if self.goes_on_with(before) => &before.done,
            _ => &[],
        }
    }

    /// Whether everything that was approved for another run was approved for this one.
    fn goes_on_with(&self, other: &UnfinishedRun) -> bool {
        let steps = &self.started.steps;
        other.steps.iter().all(|step| steps.binary_search(step).is_ok())
    }

    /// Whether it is a narrowed run that does not go on with another: it leaves an unfinished run and the outputs
    /// as they are.
    fn is_aside(&self) -> bool {
        let before = self.before.as_ref();
        self.started.narrowed && !before.is_some_and(|before| self.goes_on_with(before))
    }

    /// The fingerprints of the steps that are done, with others, ascending.
    fn done_with(&self, others: &[u64]) -> Result<Vec<u64>, StateError> {
        let mut done = others.to_vec();
        if self.caught_up {
            done.extend(&self.started.records);
        }
        for step in &self.done {
            match step {
                StepRef::Action(index) => done.extend(self.started.actions.get(*index as usize)),
                StepRef::Grant(_) | StepRef::Revoke(_) => match self.effect(step)? {
                    Effect::Grant {
                        account,
                        permission_set,
                        principal,
                    } => {
                        let restored = fingerprint::RESTORED_GRANT;
                        done.push(fingerprint::of_grant(&account, &permission_set, &principal));
                        done.push(fingerprint::of_tuple(
                            restored,
                            &account,
                            &permission_set,
                            &principal,
                        ));
                    }
                    revoke => done.push(fingerprint::of_effect(&revoke)),
                },
            }
        }
        done.sort_unstable();
        done.dedup();
        Ok(done)
    }

    fn effect(&self, step: &StepRef) -> Result<Effect, StateError> {
        let unknown = || inconsistent("the journal names a step that its run does not have");
        let names = &self.started.names;
        let (tuple, is_grant) = match step {
            StepRef::Action(index) => return self.actions.get(index).cloned().ok_or_else(unknown),
            StepRef::Grant(tuple) => (tuple, true),
            StepRef::Revoke(tuple) => (tuple, false),
        };
        let (account, set, principal) = names.resolve(*tuple).ok_or_else(unknown)?;
        let (account, permission_set, principal) = (account.clone(), set.clone(), principal.clone());
        Ok(if is_grant {
            Effect::Grant {
                account,
                permission_set,
                principal,
            }
        } else {
            Effect::Revoke {
                account,
                permission_set,
                principal,
            }
        })
    }
}

/// Folds a whole journal.
///
/// # Errors
/// As [`Fold::push`].
pub fn fold<'a>(
    base: Recorded,
    entries: impl IntoIterator<Item = &'a Entry>,
) -> Result<Recorded, StateError> {
    let mut fold = Fold::new(base);
    entries.into_iter().try_for_each(|entry| fold.push(entry))?;
    fold.finish()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::address::{Address, Kind};
    use crate::id::{Email, GroupName, ServiceId, UserName};
    use crate::model::access::{Declaration, Names, Note};
    use crate::model::account::{Account, AccountStatus};
    use crate::model::snapshot::Snapshot;
    use crate::state::testing::{
        Grants, account, assignment, author, finished, group, run_of_entities, run_of_grants, set, started,
    };

    /// What a relation says, spelled out.
    type Model = BTreeMap<(u32, String, String), std::collections::BTreeSet<String>>;

    fn spell(recorded: &Recorded) -> Model {
        let access = &recorded.applied.access;
        assert!(access.is_well_formed());
        (0..access.len())
            .map(|at| {
                let (account, set, principal) = access.names.resolve(access.tuples[at]).unwrap();
                let blocks = access.note_at(at).unwrap().declared_by.iter();
                let labels =
                    blocks.map(|block| access.declarations[*block as usize].address.label.to_string());
                let account: u32 = account.to_string().parse().unwrap();
                (
                    (account, set.to_string(), principal.name().to_owned()),
                    labels.collect(),
                )
            })
            .collect()
    }

    fn key() -> impl Strategy<Value = (u32, String, String)> {
        (0_u32..4, "[a-c]", "[a-d]")
    }

    prop_compose! {
        fn grants()(
            made in prop::collection::btree_map(key(), prop::collection::btree_set("[w-z]", 1..3), 0..12),
            taken in prop::collection::btree_set(key(), 0..6),
        ) -> Grants {
            let taken = taken.into_iter().filter(|key| !made.contains_key(key)).collect();
            Grants { made, taken }
        }
    }

    proptest! {
        #![proptest_config(crate::testing::property(256))]

        #[test]
        fn runs_add_up(runs in prop::collection::vec(grants(), 0..5), cut in any::<prop::sample::Index>()) {
            let mut model = Model::new();
            let mut entries = Vec::new();
            for (n, run) in runs.iter().enumerate() {
                run.taken.iter().for_each(|key| drop(model.remove(key)));
                model.extend(run.made.clone());
                entries.extend(run_of_grants(&format!("run-{n}"), run));
            }
            let whole = fold(Recorded::default(), &entries).unwrap();
            prop_assert_eq!(&spell(&whole), &model);
            prop_assert_eq!(whole.serial, runs.len() as u64);
            prop_assert_eq!(whole.unfinished, None);
            // Looking in the middle changes nothing.
            let cut = cut.index(entries.len() + 1);
            let mut looked = Fold::default();
            entries[..cut].iter().for_each(|entry| looked.push(entry).unwrap());
            looked.recorded().unwrap();
            entries[cut..].iter().for_each(|entry| looked.push(entry).unwrap());
            prop_assert_eq!(spell(&looked.finish().unwrap()), model);
        }
    }

    fn two_blocks() -> Recorded {
        let key = |n: u32| (n, "a".to_owned(), "g".to_owned());
        let made = BTreeMap::from([
            (key(1), ["x".to_owned()].into()),
            (key(2), ["x".to_owned(), "y".to_owned()].into()),
        ]);
        fold(
            Recorded::default(),
            &run_of_grants(
                "r",
                &Grants {
                    made,
                    ..Grants::default()
                },
            ),
        )
        .unwrap()
    }

    #[test]
    fn moving_a_block_relabels_and_removing_it_forgets_what_nobody_else_declares() {
        let mv = Entry::AddressMoved {
            by: author(),
            from: assignment("x"),
            to: assignment("z"),
        };
        let moved = fold(two_blocks(), [&mv]).unwrap();
        let labels: Vec<String> = spell(&moved)
            .into_values()
            .map(|set| set.into_iter().collect())
            .collect();
        assert_eq!(labels, ["z", "yz"]);
        let rm = Entry::AddressRemoved {
            by: author(),
            address: assignment("z"),
        };
        let removed = fold(moved, [&rm]).unwrap();
        let left: Vec<_> = spell(&removed).into_iter().collect();
        assert_eq!(left.len(), 1);
        assert_eq!(
            (left[0].0.0, left[0].1.iter().collect::<Vec<_>>()),
            (2, vec![&"y".to_owned()])
        );
        assert_eq!(removed.serial, 3);
        assert_eq!(removed.applied.access.declarations.len(), 1);
    }

    /// A run that makes one grant by the block `x`, begun as `change` leaves it.
    fn run_begun(name: &str, account: u32, change: impl Fn(&mut RunStarted)) -> Vec<Entry> {
        let key = (account, "a".to_owned(), "g".to_owned());
        let made = BTreeMap::from([(key, ["x".to_owned()].into())]);
        let mut entries = run_of_grants(
            name,
            &Grants {
                made,
                ..Grants::default()
            },
        );
        for entry in &mut entries {
            if let Entry::RunStarted(started) = entry {
                change(started);
            }
        }
        entries
    }

    #[test]
    fn a_narrowed_run_makes_no_expired_block_known_and_forgets_none() {
        let run = |name: &str, place: u32, narrowed: bool| {
            run_begun(name, place, |started| {
                started.narrowed = narrowed;
                // Its time has come, and it never gave anything.
                started.declarations.push(Declaration {
                    address: assignment("y"),
                    location: None,
                    reason: None,
                    expires: Some("2026-01-01T00:00:00Z".parse().unwrap()),
                });
            })
        };
        let known = |runs: &[Vec<Entry>]| {
            let recorded = fold(Recorded::default(), runs.iter().flatten()).unwrap();
            let declarations = recorded.applied.access.declarations.iter();
            let labels = declarations.map(|block| block.address.label.to_string());
            labels.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(known(&[run("1", 1, true)]), "x");
        assert_eq!(known(&[run("1", 1, false)]), "x y");
        assert_eq!(known(&[run("1", 1, false), run("2", 2, true)]), "x y");
    }

    #[test]
    fn a_narrowed_run_takes_over_nothing_that_is_new_about_a_block() {
        let run = |name: &str, account: u32, narrowed: bool, reason: &str| {
            run_begun(name, account, |started| {
                started.narrowed = narrowed;
                for block in &mut started.declarations {
                    block.reason = Some(reason.into());
                }
            })
        };
        let reasons = |runs: &[Vec<Entry>]| {
            let recorded = fold(Recorded::default(), runs.iter().flatten()).unwrap();
            let blocks = recorded.applied.access.declarations;
            let reasons = blocks
                .iter()
                .map(|block| block.reason.as_deref().unwrap_or("none"));
            (
                recorded.applied.access.tuples.len(),
                reasons.collect::<Vec<_>>().join(" "),
            )
        };
        let first = run("1", 1, false, "old");
        assert_eq!(
            reasons(&[first.clone(), run("2", 2, true, "new")]),
            (2, "old".into())
        );
        assert_eq!(reasons(&[first, run("2", 2, false, "new")]), (2, "new".into()));
        // What nothing was recorded of is as the run says.
        assert_eq!(reasons(&[run("1", 1, true, "new")]), (1, "new".into()));
    }

    #[test]
    fn moving_a_block_onto_another_joins_them() {
        let mv = Entry::AddressMoved {
            by: author(),
            from: assignment("x"),
            to: assignment("y"),
        };
        let moved = fold(two_blocks(), [&mv]).unwrap();
        assert_eq!(moved.applied.access.declarations.len(), 1);
        assert!(
            spell(&moved)
                .into_values()
                .all(|labels| labels.into_iter().eq(["y"]))
        );
    }

    #[test]
    fn entities_are_recorded_with_what_the_service_said() {
        let recorded = fold(Recorded::default(), &run_of_entities("r")).unwrap();
        let applied = &recorded.applied;
        let ada = UserName::new("ada").unwrap();
        let platform = applied.groups.get(&GroupName::new("Platform").unwrap()).unwrap();
        assert_eq!(applied.users[&ada].value.id, Some(ServiceId::new("u-1").unwrap()));
        assert_eq!(platform.value.members, Some([ada].into()));
        assert_eq!(
            platform.addresses,
            [Address::root(Kind::Group, "platform")].into()
        );
        assert_eq!(
            applied.permission_sets[&set("admin")].value.arn,
            Some(ServiceId::new("arn:ps-1").unwrap())
        );
        assert_eq!(&*applied.accounts[&account(7)].value.name, "payments");
        assert_eq!(recorded.lineage.as_deref(), Some("lineage"));
    }

    #[test]
    fn a_crash_leaves_in_doubt_what_was_intended_and_not_answered() {
        let entries = run_of_entities("r");
        // Up to the first outcomes: the permission set's request came back, its outcome did not.
        let recorded = fold(Recorded::default(), &entries[..5]).unwrap();
        let unfinished = recorded.unfinished.unwrap();
        assert_eq!(&*unfinished.digest, "digest of r");
        let [doubt] = &unfinished.in_doubt[..] else {
            panic!("{:?}", unfinished.in_doubt)
        };
        assert!(
            matches!(&doubt.effect, Effect::CreatePermissionSet { permission_set } if permission_set.name == set("admin"))
        );
        assert_eq!(doubt.request_id.as_deref(), Some("request-3"));
        assert!(recorded.applied.permission_sets.is_empty());
        assert_eq!(recorded.serial, 0);
    }

    #[test]
    fn an_interrupted_run_stays_unfinished_and_a_failed_step_is_not_in_doubt() {
        let key = (1, "a".to_owned(), "g".to_owned());
        let made = BTreeMap::from([(key, ["x".to_owned()].into())]);
        let mut entries = run_of_grants(
            "r",
            &Grants {
                made,
                ..Grants::default()
            },
        );
        entries.truncate(2);
        let Entry::Intents { grants, .. } = entries[1].clone() else {
            panic!("not the intents")
        };
        let doubtful = fold(Recorded::default(), &entries).unwrap().unfinished.unwrap();
        let effect = Effect::Grant {
            account: account(1),
            permission_set: set("a"),
            principal: group("g"),
        };
        assert_eq!(
            doubtful.in_doubt,
            [InDoubt {
                effect,
                request_id: None
            }]
        );
        let failed = vec![(StepRef::Grant(grants[0].0), Arc::from("no"))];
        entries.push(Entry::Outcomes { done: vec![], failed });
        entries.push(finished(RunEnd::Partial));
        let recorded = fold(Recorded::default(), &entries).unwrap();
        assert_eq!(recorded.unfinished.unwrap().in_doubt, []);
        assert!(recorded.applied.access.is_empty());
        assert_eq!(recorded.serial, 1);
    }

    #[test]
    fn what_a_crashed_run_achieved_outlives_the_next_run() {
        let one = |account| {
            let made = BTreeMap::from([((account, "a".to_owned(), "g".to_owned()), ["x".to_owned()].into())]);
            run_of_grants(
                &format!("run-{account}"),
                &Grants {
                    made,
                    ..Grants::default()
                },
            )
        };
        let mut entries = one(1);
        entries.truncate(3);
        entries.extend(one(2));
        let recorded = fold(Recorded::default(), &entries).unwrap();
        let accounts: Vec<u32> = spell(&recorded)
            .into_keys()
            .map(|(account, _, _)| account)
            .collect();
        assert_eq!(accounts, [1, 2]);
        assert_eq!(recorded.unfinished, None);
    }

    #[test]
    fn an_account_that_gets_its_id_takes_its_grants_along() {
        let key = AccountKey::Email(Email::new("new@example.com").unwrap());
        let names = Names::new(vec![account(9), key.clone()], vec![set("a")], vec![]).unwrap();
        let names = Names {
            principals: vec![group("g")],
            ..names
        };
        let tuple = |key: &AccountKey| names.tuple(key, &set("a"), &group("g")).unwrap();
        let (new, old) = (tuple(&key), tuple(&account(9)));
        let value = Account {
            key: key.clone(),
            name: "new".into(),
            email: None,
            ou: None,
            tags: None,
            status: AccountStatus::Active,
            management: false,
        };
        let learned = |id: &str| Learned {
            id: Some(ServiceId::new(id).unwrap()),
            role: None,
        };
        let note = Note {
            declared_by: vec![0],
            owned: true,
        };
        let entries = [
            Entry::RunStarted(Box::new(started(
                "r",
                names.clone(),
                &["x".to_owned()],
                vec![note],
                Snapshot::default(),
            ))),
            Entry::Intents {
                actions: vec![(0, Effect::CreateAccount { account: value })],
                grants: vec![],
                revokes: vec![],
            },
            Entry::Outcomes {
                done: vec![(StepRef::Action(0), learned("000000000003"))],
                failed: vec![],
            },
            Entry::Intents {
                actions: vec![],
                grants: vec![(new, 0), (old, 0)],
                revokes: vec![],
            },
            Entry::Outcomes {
                done: vec![
                    (StepRef::Grant(new), Learned::default()),
                    (StepRef::Grant(old), Learned::default()),
                ],
                failed: vec![],
            },
            finished(RunEnd::Complete),
        ];
        let recorded = fold(Recorded::default(), &entries).unwrap();
        let accounts: Vec<u32> = spell(&recorded)
            .into_keys()
            .map(|(account, _, _)| account)
            .collect();
        assert_eq!(accounts, [3, 9]);
        assert_eq!(
            recorded.applied.accounts[&account(3)].value.email,
            Some(Email::new("new@example.com").unwrap())
        );
    }

    #[test]
    fn outcomes_without_a_run_are_refused() {
        let orphan = Entry::Outcomes {
            done: vec![],
            failed: vec![],
        };
        assert!(matches!(
            fold(Recorded::default(), [&orphan]),
            Err(StateError::Inconsistent(_))
        ));
    }

    #[test]
    fn the_rules_of_a_run_hold_from_its_start_and_a_narrowed_run_leaves_them() {
        let rules = |most| {
            Some(Box::new(Rules {
                settings: crate::model::stack::Settings {
                    max_removals: most,
                    ..Default::default()
                },
                ..Rules::default()
            }))
        };
        let begins = |run: &str, rules, revision: Option<&str>| {
            let mut started = started(run, Names::default(), &[], vec![], Snapshot::default());
            started.rules = rules;
            started.revision = revision.map(Into::into);
            Entry::RunStarted(Box::new(started))
        };
        let most = |recorded: &Recorded| recorded.rules.as_ref().map(|rules| rules.settings.max_removals);
        let old = fold(
            Recorded::default(),
            &[begins("old", None, None), finished(RunEnd::Complete)],
        )
        .unwrap();
        assert_eq!((most(&old), old.revision.as_deref()), (None, None));
        // Killed right after its start: what was approved is in force.
        let killed = fold(old.clone(), &[begins("new", rules(7), Some("r1"))]).unwrap();
        assert_eq!((most(&killed), killed.revision.as_deref()), (Some(7), Some("r1")));
        let narrowed = fold(
            killed,
            &[begins("narrow", None, None), finished(RunEnd::Complete)],
        )
        .unwrap();
        assert_eq!(
            (most(&narrowed), narrowed.revision.as_deref()),
            (Some(7), Some("r1"))
        );
        let noted = Entry::Noted(Box::new(crate::state::entry::Noted {
            by: author(),
            rules: None,
            revision: Some("r2".into()),
        }));
        let serial = narrowed.serial;
        let noted = fold(narrowed, &[noted]).unwrap();
        assert_eq!((most(&noted), noted.revision.as_deref()), (Some(7), Some("r2")));
        assert_eq!(noted.serial, serial + 1);
        let rows = crate::state::recorded_rows::encode(&noted, &Default::default()).unwrap();
        assert_eq!(crate::state::recorded_rows::decode(&rows).unwrap(), noted);
    }

    #[test]
    fn who_is_frozen_stays_so_until_it_is_lifted() {
        let frozen = crate::model::freeze::Frozen {
            principal: PrincipalKey::User(UserName::new("bob").unwrap()),
            id: None,
            at: author().at,
            actor: author().actor,
            reason: Some("INC-7".into()),
        };
        let freeze = Entry::Frozen(Box::new(frozen.clone()));
        let mut again = frozen.clone();
        again.reason = None;
        let again = Entry::Frozen(Box::new(again));
        let recorded = fold(Recorded::default(), &[freeze, again]).unwrap();
        assert_eq!(
            recorded.frozen.as_slice(),
            std::slice::from_ref(&frozen),
            "since the first time"
        );
        assert_eq!(recorded.serial, 2);
        let rows = crate::state::recorded_rows::encode(&recorded, &Default::default()).unwrap();
        assert_eq!(crate::state::recorded_rows::decode(&rows).unwrap(), recorded);
        let lifted = Entry::Lifted {
            by: author(),
            principal: frozen.principal,
            reason: None,
        };
        let record = crate::state::entry_codec::encode(&lifted).unwrap();
        let read = crate::state::entry_codec::decode(&record).unwrap().unwrap();
        assert_eq!(read, lifted);
        assert!(fold(recorded, &[read]).unwrap().frozen.is_empty());
    }

    #[test]
    fn a_whole_run_that_says_no_revision_leaves_the_recorded_one_outdated() {
        let begins = |run: &str, revision: Option<&str>, narrowed| {
            let mut started = started(run, Names::default(), &[], vec![], Snapshot::default());
            started.revision = revision.map(Into::into);
            started.narrowed = narrowed;
            Entry::RunStarted(Box::new(started))
        };
        let outdated = |runs: &[Entry]| {
            let ends = runs
                .iter()
                .flat_map(|run| [run.clone(), finished(RunEnd::Complete)]);
            let recorded = fold(Recorded::default(), &ends.collect::<Vec<_>>()).unwrap();
            let rows = crate::state::recorded_rows::encode(&recorded, &Default::default()).unwrap();
            assert_eq!(crate::state::recorded_rows::decode(&rows).unwrap(), recorded);
            recorded.revision_outdated
        };
        let (said, unsaid) = (begins("a", Some("r1"), false), begins("b", None, false));
        assert!(outdated(&[said.clone(), unsaid.clone()]));
        assert!(!outdated(&[said.clone(), begins("c", None, true)]), "narrowed");
        assert!(!outdated(&[unsaid.clone(), said.clone()]));
        assert!(!outdated(&[said.clone(), unsaid.clone(), said]));
        assert!(!outdated(&[unsaid]), "none was ever said");
    }

    #[test]
    fn a_narrowed_run_keeps_its_revision_to_itself() {
        let mut narrowed = started("standing", Names::default(), &[], vec![], Snapshot::default());
        narrowed.narrowed = true;
        narrowed.revision = Some("r9".into());
        let before = Recorded {
            revision: Some("r1".into()),
            ..Recorded::default()
        };
        let after = fold(before, &[Entry::RunStarted(Box::new(narrowed))]).unwrap();
        assert_eq!(after.revision.as_deref(), Some("r1"));
    }
}
