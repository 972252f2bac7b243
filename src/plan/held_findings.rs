//! What could not be read, as findings: one for each reason, however many things it is about.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::EntityKey;
use crate::model::instance::{Held, HeldSubject};

use super::finding::{Finding, Level};

/// A finding for each kind of thing and reason.
pub(super) fn of<'h>(held: impl IntoIterator<Item = &'h Held>) -> Vec<Finding> {
    let mut alike: BTreeMap<(&'static str, Arc<str>), Vec<&HeldSubject>> = BTreeMap::new();
    for item in held {
        let key = (code(&item.subject), Arc::clone(&item.why));
        alike.entry(key).or_default().push(&item.subject);
    }
    let finding = |((code, why), subjects): ((&'static str, Arc<str>), Vec<&HeldSubject>)| {
        let (message, names) = match subjects.as_slice() {
            [one] => (alone(one, &why), BTreeSet::new()),
            several => (
                format!(
                    "{} could not be read, and are left as they are: {why}",
                    many(code, several.len() as u64)
                ),
                several.iter().map(|subject| Arc::from(name(subject))).collect(),
            ),
        };
        Finding {
            subjects: names,
            ..Finding::new(Level::Held, code, message)
        }
    };
    alike.into_iter().map(finding).collect()
}

fn code(subject: &HeldSubject) -> &'static str {
    match subject {
        HeldSubject::Entity(EntityKey::Account(_)) => "held-account",
        HeldSubject::Entity(_) => "held-entity",
        HeldSubject::Principal(_) => "held-principal",
        HeldSubject::Pair(..) => "held-pair",
        HeldSubject::Members(_) => "held-members",
        HeldSubject::All(_) => "held-kind",
    }
}

fn name(subject: &HeldSubject) -> String {
    match subject {
        HeldSubject::Entity(EntityKey::Account(key)) => format!("account {key}"),
        HeldSubject::Entity(key) => key.to_string(),
        HeldSubject::Principal(key) => key.to_string(),
        HeldSubject::Pair(account, set) => format!("{set} in account {account}"),
        HeldSubject::Members(group) => group.to_string(),
        HeldSubject::All(kind) => format!("every {}", kind.name().replace('_', " ")),
    }
}

fn alone(subject: &HeldSubject, why: &str) -> String {
    match subject {
        HeldSubject::Members(group) => {
            format!("the members of group {group} could not be read, and are left as they are: {why}")
        }
        other => format!("{} could not be read, and is left as it is: {why}", name(other)),
    }
}

/// `the members of 15 groups`, `the assignments of 151 sets in accounts`.
fn many(code: &str, count: u64) -> String {
    match code {
        "held-account" => format!("{count} accounts"),
        "held-members" => format!("the members of {count} groups"),
        "held-pair" => format!("the assignments of {count} pairs of a permission set and an account"),
        "held-principal" => format!("{count} users and groups"),
        _ => format!("{count} things"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupName;

    fn members(group: &str, why: &str) -> Held {
        Held {
            subject: HeldSubject::Members(GroupName::new(group).unwrap()),
            why: why.into(),
        }
    }

    #[test]
    fn one_reason_is_one_finding_with_all_it_is_about() {
        let held = [
            members("a", "denied"),
            members("b", "denied"),
            members("c", "throttled"),
        ];
        let found = of(&held);
        let messages: Vec<&str> = found.iter().map(|finding| &*finding.message).collect();
        assert_eq!(
            messages,
            [
                "the members of 2 groups could not be read, and are left as they are: denied",
                "the members of group c could not be read, and are left as they are: throttled",
            ]
        );
        assert_eq!(found[0].subjects.len(), 2);
    }
}
