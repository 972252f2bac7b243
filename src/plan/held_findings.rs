//! What could not be read, as findings: one for each reason, however many things it is about. Each names the block that
//! asked for it, where one did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{EntityKey, PrincipalKey};
use crate::model::instance::{Held, HeldSubject};
use crate::model::snapshot::{Entity, Snapshot};
use crate::source::Location;

use super::finding::{Finding, Level};

/// A finding for each kind of thing and reason.
pub(super) fn of<'h>(held: impl IntoIterator<Item = &'h Held>, desired: &Snapshot) -> Vec<Finding> {
    let mut alike: BTreeMap<(&'static str, Arc<str>), Vec<&HeldSubject>> = BTreeMap::new();
    for item in held {
        let key = (code(&item.subject), Arc::clone(&item.why));
        alike.entry(key).or_default().push(&item.subject);
    }
    let finding = |((code, why), subjects): ((&'static str, Arc<str>), Vec<&HeldSubject>)| {
        let block = |subject: &HeldSubject| block_of(subject, desired);
        let location = subjects.iter().find_map(|subject| block(subject)?.1);
        let (message, names) = match subjects.as_slice() {
            [one] => {
                let address = block(one).map(|(address, _)| format!(" (`{address}`)"));
                (alone(one, &address.unwrap_or_default(), &why), BTreeSet::new())
            }
            several => (
                format!(
                    "{} could not be read, and are left as they are: {why}",
                    many(code, several.len() as u64)
                ),
                several
                    .iter()
                    .map(|subject| Arc::from(named_at(subject, block(subject))))
                    .collect(),
            ),
        };
        Finding {
            subjects: names,
            location,
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

/// A subject with its block, for a list.
fn named_at(subject: &HeldSubject, block: Option<Asked>) -> String {
    match block {
        Some((address, Some(at))) => format!("{} (`{address}`, {at})", name(subject)),
        Some((address, None)) => format!("{} (`{address}`)", name(subject)),
        None => name(subject),
    }
}

fn alone(subject: &HeldSubject, block: &str, why: &str) -> String {
    match subject {
        HeldSubject::Members(group) => {
            format!("the members of group {group}{block} could not be read, and are left as they are: {why}")
        }
        other => format!(
            "{}{block} could not be read, and is left as it is: {why}",
            name(other)
        ),
    }
}

/// The address of a block and where it is written.
type Asked = (String, Option<Location>);

/// The block that declares or looks up what could not be read. Of a pair it is that of the permission set.
fn block_of(subject: &HeldSubject, desired: &Snapshot) -> Option<Asked> {
    fn of<T>(entity: Option<&Entity<T>>) -> Option<Asked> {
        let entity = entity?;
        let address = entity.addresses.iter().next()?;
        Some((address.to_string(), entity.location.clone()))
    }
    match subject {
        HeldSubject::Entity(EntityKey::OrganizationalUnit(path)) => {
            of(desired.organizational_units.get(path))
        }
        HeldSubject::Entity(EntityKey::Account(key)) => of(desired.accounts.get(key)),
        HeldSubject::Entity(EntityKey::PermissionSet(name)) | HeldSubject::Pair(_, name) => {
            of(desired.permission_sets.get(name))
        }
        HeldSubject::Entity(EntityKey::User(name)) | HeldSubject::Principal(PrincipalKey::User(name)) => {
            of(desired.users.get(name))
        }
        HeldSubject::Entity(EntityKey::Group(name))
        | HeldSubject::Principal(PrincipalKey::Group(name))
        | HeldSubject::Members(name) => of(desired.groups.get(name)),
        HeldSubject::Principal(PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_))
        | HeldSubject::All(_) => None,
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
    use crate::address::{Address, Kind};
    use crate::id::GroupName;
    use crate::model::principal::Group;

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
        let mut desired = Snapshot::default();
        let mut group = Entity::observed(Group {
            display_name: GroupName::new("c").unwrap(),
            id: None,
            description: None,
            members: None,
            external_id: None,
        });
        group.addresses = [Address::root(Kind::Group, "third")].into_iter().collect();
        group.location = Some(Location {
            file: "people.hcl".into(),
            line: 7,
            column: 1,
        });
        desired.groups.insert(GroupName::new("c").unwrap(), group);
        let found = of(&held, &desired);
        let messages: Vec<&str> = found.iter().map(|finding| &*finding.message).collect();
        assert_eq!(
            messages,
            [
                "the members of 2 groups could not be read, and are left as they are: denied",
                "the members of group c (`group.third`) could not be read, and are left as they are: throttled",
            ]
        );
        assert_eq!(found[0].subjects.len(), 2);
        assert_eq!(found[0].location, None);
        let place = found[1].location.as_ref().map(ToString::to_string);
        assert_eq!(place.as_deref(), Some("people.hcl:7"));
    }
}
