//! What people and accounts are called where several of one name are in view.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::snapshot::Snapshot;

/// Names that more than one has, so that each is shown with what tells it from the others: a user name, an id.
#[derive(Debug, Clone, Default)]
pub struct SharedNames<'a> {
    shared: BTreeSet<Cow<'a, str>>,
}

impl<'a> SharedNames<'a> {
    /// Of all by what is theirs alone, and by name.
    pub fn new<N: Into<Cow<'a, str>>>(all: impl IntoIterator<Item = (&'a str, N)>) -> Self {
        let mut first: BTreeMap<Cow<'a, str>, &str> = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for (own, shown) in all {
            let shown = shown.into();
            match first.get(&shown) {
                Some(other) if *other != own => drop(shared.insert(shown)),
                Some(_) => {}
                None => drop(first.insert(shown, own)),
            }
        }
        SharedNames { shared }
    }

    /// Of everyone in a snapshot, by user name and display name.
    pub fn of_people(snapshot: &'a Snapshot) -> Self {
        let people = snapshot.users.iter();
        Self::new(people.map(|(name, user)| (name.as_str(), user.value.shown())))
    }

    /// Of the accounts in a snapshot, by id and name.
    pub fn of_accounts(snapshot: &'a Snapshot) -> Self {
        let accounts = snapshot.accounts.iter();
        Self::new(accounts.map(|(key, account)| (key.as_str(), &*account.value.name)))
    }

    /// `Grace Hopper`, or `Grace Hopper (grace2@example.com)` where there are two.
    pub fn show<'n>(&self, own: &str, shown: &'n str) -> Cow<'n, str> {
        if self.shared.contains(shown) && own != shown {
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
