//! What people are called where several of them are in view.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::model::snapshot::Snapshot;

/// Display names that more than one person has, so that each is shown with the user name.
#[derive(Debug, Clone, Default)]
pub struct PeopleNames<'a> {
    shared: BTreeSet<Cow<'a, str>>,
}

impl<'a> PeopleNames<'a> {
    /// Of people by user name and display name.
    pub fn new<N: Into<Cow<'a, str>>>(people: impl IntoIterator<Item = (&'a str, N)>) -> Self {
        let mut first: BTreeMap<Cow<'a, str>, &str> = BTreeMap::new();
        let mut shared = BTreeSet::new();
        for (user_name, shown) in people {
            let shown = shown.into();
            match first.get(&shown) {
                Some(other) if *other != user_name => drop(shared.insert(shown)),
                Some(_) => {}
                None => drop(first.insert(shown, user_name)),
            }
        }
        PeopleNames { shared }
    }

    /// Of everyone in a snapshot.
    pub fn of(snapshot: &'a Snapshot) -> Self {
        let people = snapshot.users.iter();
        Self::new(people.map(|(name, user)| (name.as_str(), user.value.shown())))
    }

    /// `Grace Hopper`, or `Grace Hopper (grace2@example.com)` where there are two.
    pub fn show<'n>(&self, user_name: &str, shown: &'n str) -> Cow<'n, str> {
        if self.shared.contains(shown) && user_name != shown {
            Cow::Owned(format!("{shown} ({user_name})"))
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
        let names = PeopleNames::new([("ada", "Ada"), ("g1", "Grace"), ("g2", "Grace"), ("ada", "Ada")]);
        assert_eq!(names.show("ada", "Ada"), "Ada");
        assert_eq!(names.show("g2", "Grace"), "Grace (g2)");
    }
}
