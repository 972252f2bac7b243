//! Grants that stay and end at another time than was applied.
//!
//! Nothing in the service changes by that, and yet somebody keeps access for longer than was reviewed. It is said per
//! grant and not per block, because a grant of two blocks ends with the later one.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::model::access::{Declaration, Tuple};

use super::finding::{Finding, Level, counted};
use super::universe::{RecordedNote, Universe};

/// When grants were to end and when they end now, `None` for never; how many, and by which blocks.
#[derive(Debug, Default)]
pub(super) struct Ends(BTreeMap<(Option<Timestamp>, Option<Timestamp>), Moved>);

#[derive(Debug, Default)]
struct Moved {
    grants: usize,
    /// The plan's notes, now.
    notes: BTreeSet<u32>,
}

impl Ends {
    /// Takes in a grant whose blocks changed.
    pub fn compare(&mut self, before: &RecordedNote, now: u32, universe: &Universe<'_>) {
        let after = Declaration::last_end(blocks(now, universe));
        if before.ends != after {
            let moved = self.0.entry((before.ends, after)).or_default();
            moved.grants += 1;
            moved.notes.insert(now);
        }
    }

    /// One finding for all grants whose end moved in the same way.
    pub fn findings(&self, universe: &Universe<'_>) -> impl Iterator<Item = Finding> {
        self.0.iter().map(|((before, after), moved)| {
            let is_later = before.is_some_and(|before| after.is_none_or(|after| after > before));
            let (level, code, when) = if is_later {
                (Level::Warning, "expiry-extended", "later")
            } else {
                (Level::Note, "expiry-shortened", "earlier")
            };
            let declared = || moved.notes.iter().flat_map(|note| blocks(*note, universe));
            let verb = if moved.grants == 1 { "ends" } else { "end" };
            Finding {
                subjects: declared().map(|block| block.address.to_string().into()).collect(),
                location: declared().find_map(|block| block.location.clone()),
                ..Finding::new(
                    level,
                    code,
                    format!(
                        "{} {verb} {when} than was applied: {} → {}",
                        counted(moved.grants, "assignment"),
                        spelled(*before),
                        spelled(*after)
                    ),
                )
            }
        })
    }
}

/// When grants that are there were to end, as far as it was applied; those without an end are not here.
#[derive(Debug, Default)]
pub(super) struct Lasting(FxHashMap<Tuple, Timestamp>);

impl Lasting {
    /// Of all grants of this stack.
    pub fn of(universe: &Universe<'_>) -> Self {
        let end_of = |note: u32| {
            let note = universe.recorded_notes.get(note as usize)?;
            note.ends.filter(|_| note.owned)
        };
        if !universe.recorded_notes.iter().any(|note| note.ends.is_some()) {
            return Lasting::default();
        }
        let recorded = &universe.recorded;
        let grants = recorded.tuples.iter().zip(&*recorded.notes);
        let ending = grants.filter_map(|(tuple, note)| Some((*tuple, end_of(*note)?)));
        let there = |tuple: &Tuple| universe.observed.tuples.binary_search(tuple).is_ok();
        Lasting(ending.filter(|(tuple, _)| there(tuple)).collect())
    }

    /// When a grant was to end.
    pub fn end(&self, tuple: Tuple) -> Option<Timestamp> {
        self.0.get(&tuple).copied()
    }

    /// The grants that were to end, in no order.
    pub fn tuples(&self) -> impl Iterator<Item = Tuple> {
        self.0.keys().copied()
    }
}

fn blocks<'u>(note: u32, universe: &'u Universe<'_>) -> impl Iterator<Item = &'u Declaration> {
    let note = universe.notes.get(note as usize);
    note.into_iter()
        .flat_map(|note| note.blocks(&universe.declarations))
}

fn spelled(end: Option<Timestamp>) -> String {
    end.map_or_else(|| "no end".to_owned(), |time| time.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::Plan;
    use crate::plan::testing::{Stack, World, group};

    fn stack(blocks: &[(&str, Option<&str>)]) -> Stack {
        let stack = Stack::new()
            .accounts(&[1, 2])
            .set("admin", "admin")
            .group("ops", "Ops", &[]);
        blocks.iter().fold(stack, |stack, (label, until)| {
            stack.assign_until(label, &[group("Ops")], &["admin"], &[1, 2], *until)
        })
    }

    fn told(plan: &Plan) -> Vec<(Level, &str)> {
        let found = plan.findings.iter();
        found
            .filter(|finding| finding.code.starts_with("expiry-"))
            .map(|finding| (finding.level, &*finding.message))
            .collect()
    }

    #[test]
    fn an_end_that_goes_or_moves_is_said() {
        let (early, late) = (Some("2027-02-01T00:00:00Z"), Some("2028-02-01T00:00:00Z"));
        let world = World::new().apply(stack(&[("a", early)]));
        let taken_out = world.plan(stack(&[("a", None)]));
        assert_eq!(
            told(&taken_out),
            [(
                Level::Warning,
                "2 assignments end later than was applied: 2027-02-01T00:00:00Z → no end"
            )]
        );
        let later = world.plan(stack(&[("a", late)]));
        assert_eq!(told(&later)[0].0, Level::Warning);
        let world = world.apply(stack(&[("a", late)]));
        assert_eq!(
            told(&world.plan(stack(&[("a", early)]))),
            [(
                Level::Note,
                "2 assignments end earlier than was applied: 2028-02-01T00:00:00Z → 2027-02-01T00:00:00Z"
            )]
        );
        assert!(told(&world.plan(stack(&[("a", late)]))).is_empty());
    }

    #[test]
    fn a_grant_of_two_blocks_ends_with_the_later_one() {
        let until = Some("2027-02-01T00:00:00Z");
        let both = || stack(&[("a", until), ("b", None)]);
        let world = World::new().apply(stack(&[("a", None)]));
        assert!(told(&world.plan(both())).is_empty(), "it still has no end");
        let world = world.apply(both());
        let plan = world.plan(stack(&[("a", until)]));
        assert_eq!(
            told(&plan),
            [(
                Level::Note,
                "2 assignments end earlier than was applied: no end → 2027-02-01T00:00:00Z"
            )]
        );
    }
}
