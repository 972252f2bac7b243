//! Who keeps for longer what was to end: nothing is granted, and people have access when they were to have none.
//!
//! A person's access ends with the last of the paths to it. It lasts longer when a block's `expires` goes or is put
//! off, and as well when another path comes that lasts longer.

use std::collections::BTreeMap;

use jiff::Timestamp;
use rustc_hash::FxHashSet;

use crate::model::access::{Pair, Tuple};
use crate::plan::Plan;
use crate::plan::change::RecordChange;
use crate::plan::ends::Lasting;
use crate::plan::people::{EndMoved, PeopleChange};

use super::{Membership, People, RowKey};

/// The end of what has none.
const NEVER: Timestamp = Timestamp::MAX;

/// When a grant ends before and after; `None` where it is not there.
type Ends = (Option<Timestamp>, Option<Timestamp>);

/// Those that have a set in a pair, with when it ends.
type Paths = BTreeMap<u32, Ends>;

/// The same, to be compared.
type Ending = Vec<(u32, Ends)>;

/// Whether the record of any grant that was to end says that it lasts longer.
pub(super) fn may_be(plan: &Plan, lasting: &Lasting) -> bool {
    let later = |step: &crate::plan::RecordStep| {
        let end = lasting.end(step.tuple);
        end.is_some_and(|end| recorded_end(plan, step.note, step.change) > end)
    };
    plan.records.iter().any(later)
}

/// A row for each end that moves, with those for whom it does; nobody where members cannot be read.
pub(super) fn rows(
    plan: &Plan,
    lasting: &Lasting,
    (before, after): (&[Tuple], &[Tuple]),
    people: &People,
) -> Vec<(RowKey, Vec<u32>)> {
    // Equal paths fare alike, in however many accounts.
    let mut alike: BTreeMap<(u32, Ending), Vec<u32>> = BTreeMap::new();
    for (pair, paths) in paths(plan, lasting, before, after) {
        let paths: Ending = paths.into_iter().collect();
        let accounts = alike.entry((pair.permission_set(), paths)).or_default();
        accounts.push(pair.account());
    }
    let mut rows: BTreeMap<RowKey, Vec<u32>> = BTreeMap::new();
    for ((set, paths), accounts) in alike {
        for (ends, via, members) in longer(&paths, people) {
            let via = via
                .iter()
                .filter_map(|principal| people.principal(*principal))
                .collect();
            let key = (
                PeopleChange::KeepsLonger,
                set,
                accounts.as_slice().into(),
                via,
                super::Kept::new(),
                Some(ends),
            );
            rows.entry(key).or_default().extend(members);
        }
    }
    rows.into_iter().collect()
}

/// All paths to what was to end somewhere.
fn paths(plan: &Plan, lasting: &Lasting, before: &[Tuple], after: &[Tuple]) -> BTreeMap<Pair, Paths> {
    let pairs: FxHashSet<Pair> = lasting.tuples().map(Tuple::pair).collect();
    let concerned = |tuple: &&Tuple| pairs.contains(&tuple.pair());
    let mut paths: BTreeMap<Pair, Paths> = BTreeMap::new();
    let mut path = |tuple: Tuple, set: &dyn Fn(&mut Ends)| {
        let of_pair = paths.entry(tuple.pair()).or_default();
        set(of_pair.entry(tuple.principal()).or_default());
    };
    for tuple in before.iter().filter(concerned) {
        path(*tuple, &|ends| {
            ends.0 = Some(lasting.end(*tuple).unwrap_or(NEVER))
        });
    }
    for tuple in after.iter().filter(concerned) {
        path(*tuple, &|ends| ends.1 = Some(end_after(plan, lasting, *tuple)));
    }
    paths
}

/// When a grant that is there afterwards ends.
fn end_after(plan: &Plan, lasting: &Lasting, tuple: Tuple) -> Timestamp {
    if let Some(step) = plan.grant(tuple) {
        return end_of(plan, step.note);
    }
    match plan.records.binary_search_by_key(&tuple, |step| step.tuple) {
        Ok(at) => plan
            .records
            .get(at)
            .map_or(NEVER, |step| recorded_end(plan, step.note, step.change)),
        Err(_) => lasting.end(tuple).unwrap_or(NEVER),
    }
}

fn recorded_end(plan: &Plan, note: u32, change: RecordChange) -> Timestamp {
    match change {
        // What the state no longer has is ended by nobody.
        RecordChange::Forget => NEVER,
        RecordChange::Adopt | RecordChange::Relabel => end_of(plan, note),
    }
}

fn end_of(plan: &Plan, note: u32) -> Timestamp {
    let note = plan.notes.get(note as usize);
    note.and_then(|note| note.last_end(&plan.declarations))
        .unwrap_or(NEVER)
}

/// How the end moves, by which of the paths, for whom.
type Longer = (EndMoved, Vec<u32>, Vec<u32>);

/// Who keeps it for longer, given all paths to it.
fn longer(paths: &[(u32, Ends)], people: &People) -> Vec<Longer> {
    let moves = |members: &Membership| members.before != members.after;
    let changes =
        |(principal, (had, will)): &(u32, Ends)| will > had || people.members(*principal).is_some_and(moves);
    if !paths.iter().any(changes) {
        return Vec::new();
    }
    let mut found: BTreeMap<(EndMoved, Vec<u32>), Vec<u32>> = BTreeMap::new();
    let mut ends: BTreeMap<u32, Ends> = BTreeMap::new();
    for (principal, (had, will)) in paths {
        let Some(members) = people.members(*principal) else {
            // Nobody can tell who they are, and they keep it for longer all the same.
            if let Some(moved) = moved(*had, *will).filter(|_| people.is_unreadable(*principal)) {
                found.entry((moved, vec![*principal])).or_default();
            }
            continue;
        };
        for person in members.before.iter().filter(|_| had.is_some()) {
            let (before, _) = ends.entry(*person).or_default();
            *before = (*before).max(*had);
        }
        for person in members.after.iter().filter(|_| will.is_some()) {
            let (_, after) = ends.entry(*person).or_default();
            *after = (*after).max(*will);
        }
    }
    for (person, (had, will)) in ends {
        let Some(moved) = moved(had, will) else { continue };
        let outlasts = paths.iter().filter(|(principal, (_, end))| {
            let members = people.members(*principal);
            *end > had && members.is_some_and(|members| members.after.binary_search(&person).is_ok())
        });
        let via = outlasts.map(|(principal, _)| *principal).collect();
        found.entry((moved, via)).or_default().push(person);
    }
    found
        .into_iter()
        .map(|((moved, via), people)| (moved, via, people))
        .collect()
}

fn moved(had: Option<Timestamp>, will: Option<Timestamp>) -> Option<EndMoved> {
    let (from, to) = (had?, will?);
    (to > from).then(|| EndMoved {
        from,
        to: Some(to).filter(|to| *to != NEVER),
    })
}

#[cfg(test)]
mod tests {
    use crate::plan::Plan;
    use crate::plan::people::{EndMoved, PeopleChange};
    use crate::plan::testing::{Stack, World, group, user};

    const FEB: &str = "2027-02-01T00:00:00Z";
    const MAY: &str = "2027-05-01T00:00:00Z";

    fn stack(members: &[&str]) -> Stack {
        let people = ["ada", "bob"]
            .iter()
            .fold(Stack::new(), |stack, name| stack.user(name, name));
        let sets = people.accounts(&[1, 2]).set("admin", "admin");
        sets.group("ops", "Ops", members).group("dev", "Dev", &["bob"])
    }

    fn until(members: &[&str], end: Option<&str>) -> Stack {
        stack(members).assign_until("a", &[group("Ops")], &["admin"], &[1, 2], end)
    }

    /// Who keeps it longer, from when, until when, through whom, in how many accounts.
    type Told = (Vec<String>, String, Option<String>, Vec<String>, usize);

    fn told(plan: &Plan) -> Vec<Told> {
        let rows = plan
            .people
            .rows
            .iter()
            .filter(|row| row.change == PeopleChange::KeepsLonger);
        rows.map(|row| {
            let EndMoved { from, to } = row.ends.unwrap();
            (
                row.people.iter().map(ToString::to_string).collect(),
                from.to_string(),
                to.map(|to| to.to_string()),
                row.via.iter().map(|key| key.name().to_owned()).collect(),
                row.accounts.len(),
            )
        })
        .collect()
    }

    fn row(who: &[&str], from: &str, to: Option<&str>, via: &[&str], accounts: usize) -> Told {
        let all = |names: &[&str]| names.iter().map(ToString::to_string).collect();
        (
            all(who),
            from.to_owned(),
            to.map(str::to_owned),
            all(via),
            accounts,
        )
    }

    #[test]
    fn an_end_that_goes_or_is_put_off_keeps_people_for_longer() {
        let world = World::new().apply(until(&["ada", "bob"], Some(FEB)));
        let gone = world.plan(until(&["ada", "bob"], None));
        assert_eq!(told(&gone), [row(&["ada", "bob"], FEB, None, &["Ops"], 2)]);
        assert_eq!(gone.people.longer, 2);
        assert_eq!((gone.people.gaining, gone.people.losing), (0, 0));
        let put_off = world.plan(until(&["ada", "bob"], Some(MAY)));
        assert_eq!(
            told(&put_off),
            [row(&["ada", "bob"], FEB, Some(MAY), &["Ops"], 2)]
        );
        assert_ne!(gone.people.digest, put_off.people.digest);
        assert_eq!(told(&world.plan(until(&["ada", "bob"], Some(FEB)))), []);
        let world = world.apply(until(&["ada", "bob"], Some(MAY)));
        assert_eq!(told(&world.plan(until(&["ada", "bob"], Some(FEB)))), []);
    }

    #[test]
    fn whoever_has_it_for_longer_by_another_path_does_not_count() {
        let both = |end| until(&["ada", "bob"], end).assign("b", &[group("Dev")], &["admin"], &[1]);
        let world = World::new().apply(both(Some(FEB)));
        let plan = world.plan(both(None));
        let expected = [
            row(&["ada"], FEB, None, &["Ops"], 1),
            row(&["ada", "bob"], FEB, None, &["Ops"], 1),
        ];
        let mut found = told(&plan);
        found.sort();
        assert_eq!(found, expected);
    }

    #[test]
    fn another_path_that_lasts_longer_counts() {
        let world = World::new().apply(until(&["ada"], Some(FEB)));
        let direct = until(&["ada"], Some(FEB)).assign("b", &[user("ada")], &["admin"], &[1]);
        assert_eq!(told(&world.plan(direct)), [row(&["ada"], FEB, None, &["ada"], 1)]);
    }

    #[test]
    fn who_keeps_a_marked_set_for_longer_is_part_of_what_is_approved() {
        let admin = |stack: Stack| {
            stack.set_with("admin", "admin", |set| {
                let policy = "arn:aws:iam::aws:policy/AdministratorAccess";
                set.value.managed_policies.insert(policy.into());
            })
        };
        let digest = |members: &[&str], marked: bool| {
            let as_is = |stack| if marked { admin(stack) } else { stack };
            let world = World::new().apply(as_is(until(members, Some(FEB))));
            let plan = world.plan(as_is(until(members, None)));
            (
                plan.digest.clone(),
                crate::plan::approved_people::ApprovedPeople::of(&plan),
            )
        };
        let ((one, approved), (two, now)) = (digest(&["ada"], true), digest(&["ada", "bob"], true));
        assert_ne!(one, two);
        let news = approved.newly_gaining(&now);
        let news: Vec<_> = news.iter().filter_map(|new| new.person.as_ref()).collect();
        assert_eq!(news.iter().map(|user| user.as_str()).collect::<Vec<_>>(), ["bob"]);
        assert_eq!(digest(&["ada"], false).0, digest(&["ada", "bob"], false).0);
    }
}
