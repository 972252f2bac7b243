//! Whether a state that comes from outside can be one: an import is untrusted, and what it breaks stays broken.

use crate::model::access::Access;
use crate::model::record::Recorded;
use crate::model::snapshot::Snapshot;

/// Looks for what no state can have.
///
/// # Errors
/// What is wrong, as a sentence.
pub fn check(recorded: &Recorded) -> Result<(), String> {
    pictures(recorded)?;
    let Some(seen) = &recorded.seen else {
        return Ok(());
    };
    let names = &seen.snapshot.access.names;
    let known = |pair: crate::model::access::Pair| {
        names.account(pair.account()).is_some() && names.permission_set(pair.permission_set()).is_some()
    };
    if !seen.roles.iter().all(|row| known(row.pair)) {
        return Err(
            "a role of the last reading is of an account or a permission set that it does not have".into(),
        );
    }
    if !seen.roles.is_sorted_by(|left, right| left.pair < right.pair) {
        return Err("the roles of the last reading are not in order, or there twice".into());
    }
    Ok(())
}

fn pictures(recorded: &Recorded) -> Result<(), String> {
    picture(&recorded.applied, "what was applied")?;
    match &recorded.seen {
        Some(seen) => picture(&seen.snapshot, "the last reading"),
        None => Ok(()),
    }
}

fn picture(snapshot: &Snapshot, what: &str) -> Result<(), String> {
    relation(&snapshot.access, what)?;
    let units = snapshot.organizational_units.iter();
    let accounts = snapshot.accounts.iter();
    let users = snapshot.users.iter();
    let groups = snapshot.groups.iter();
    let sets = snapshot.permission_sets.iter();
    let other = units
        .filter(|(key, unit)| **key != unit.value.path)
        .map(|(key, _)| key.to_string())
        .chain(
            accounts
                .filter(|(key, account)| **key != account.value.key)
                .map(|(key, _)| key.to_string()),
        )
        .chain(
            users
                .filter(|(key, user)| **key != user.value.user_name)
                .map(|(key, _)| key.to_string()),
        )
        .chain(
            groups
                .filter(|(key, group)| **key != group.value.display_name)
                .map(|(key, _)| key.to_string()),
        )
        .chain(
            sets.filter(|(key, set)| **key != set.value.name)
                .map(|(key, _)| key.to_string()),
        )
        .next();
    match other {
        Some(key) => Err(format!(
            "in {what}, what stands under {key} says that it is something else"
        )),
        None => Ok(()),
    }
}

fn relation(access: &Access, what: &str) -> Result<(), String> {
    if access.is_well_formed() {
        return Ok(());
    }
    Err(format!(
        "the access in {what} does not hold together: names, grants or notes are out of order, there twice, or refer \
         to what is not there"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::access::Tuple;
    use crate::state::fold::fold;
    use crate::state::testing::{Grants, observed, run_of_entities};

    fn sound() -> Recorded {
        let key = (1, "view".to_owned(), "ops".to_owned());
        let grants = Grants {
            made: [(key, ["a".to_owned()].into())].into(),
            taken: Default::default(),
        };
        let mut entries = run_of_entities("one");
        entries.push(observed(&grants));
        fold(Recorded::default(), &entries).unwrap()
    }

    #[test]
    fn what_a_run_left_is_sound_and_what_was_tampered_with_is_not() {
        assert_eq!(check(&sound()), Ok(()));
        let mut out_of_range = sound();
        let seen = out_of_range.seen.as_mut().unwrap();
        seen.snapshot.access.tuples[0] = Tuple::new(9, 0, 0);
        assert!(check(&out_of_range).unwrap_err().contains("last reading"));
        let mut without_note = sound();
        without_note
            .seen
            .as_mut()
            .unwrap()
            .snapshot
            .access
            .note_of
            .clear();
        assert!(check(&without_note).is_err());
        let mut renamed = sound();
        let (_, group) = renamed.applied.groups.pop_first().unwrap();
        let other = crate::id::GroupName::new("another").unwrap();
        renamed.applied.groups.insert(other, group);
        assert!(check(&renamed).unwrap_err().contains("another"));
    }
}
