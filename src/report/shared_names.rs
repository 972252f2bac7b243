//! What people and accounts are called where several of one name are in view.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::likeness::likeness;
use crate::model::snapshot::Snapshot;

/// Names that more than one has, so that each is shown with what tells it from the others: a user name, an id.
#[derive(Debug, Clone)]
pub struct SharedNames<'a> {
    shared: BTreeSet<Cow<'a, str>>,
    /// What names have in common that count as one.
    alike: fn(&str) -> Cow<'_, str>,
}

impl<'a> SharedNames<'a> {
    /// Of all accounts by what is theirs alone, and by name.
    pub fn new<N: Into<Cow<'a, str>>>(all: impl IntoIterator<Item = (&'a str, N)>) -> Self {
        let all = all.into_iter().map(|(own, shown)| (own, shown.into()));
        Self::alike(|name| Cow::Borrowed(name), all)
    }

    fn alike(alike: fn(&str) -> Cow<'_, str>, all: impl Iterator<Item = (&'a str, Cow<'a, str>)>) -> Self {
        let mut first: BTreeMap<Cow<'a, str>, &str> = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for (own, shown) in all {
            match first.get(&shown) {
                Some(other) if *other != own => drop(shared.insert(shown)),
                Some(_) => {}
                None => drop(first.insert(shown, own)),
            }
        }
        SharedNames { shared, alike }
    }

    /// Of everyone in snapshots, by user name and display name; names that can be taken for each other count as one.
    pub fn of_people(snapshots: &[&'a Snapshot]) -> Self {
        let people = snapshots.iter().flat_map(|snapshot| &snapshot.users);
        let named = people.flat_map(|(name, user)| {
            let names = [user.value.shown(), name.as_str()];
            names.map(|shown| (name.as_str(), likeness(shown)))
        });
        Self::alike(likeness, named)
    }

    /// Of the accounts in a snapshot, by id and name.
    pub fn of_accounts(snapshot: &'a Snapshot) -> Self {
        let accounts = snapshot.accounts.iter();
        Self::new(accounts.map(|(key, account)| (key.as_str(), &*account.value.name)))
    }

    /// Whether somebody else has that name.
    pub fn has(&self, own: &str, shown: &str) -> bool {
        own != shown && self.shared.contains(&(self.alike)(shown))
    }

    /// `Grace Hopper`, or `Grace Hopper (grace2@example.com)` where there are two.
    pub fn show<'n>(&self, own: &str, shown: &'n str) -> Cow<'n, str> {
        if self.has(own, shown) {
            Cow::Owned(format!("{shown} ({own})"))
        } else {
            Cow::Borrowed(shown)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_two_people_have_comes_with_the_user_name() {
        let names = SharedNames::new([("ada", "Ada"), ("g1", "Grace"), ("g2", "Grace"), ("ada", "Ada")]);
        assert_eq!(names.show("ada", "Ada"), "Ada");
        assert_eq!(names.show("g2", "Grace"), "Grace (g2)");
    }
}
