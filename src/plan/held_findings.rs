//! What could not be read, as findings: one for each reason, however many things it is about, and one for each IAM action
//! that the caller lacks. Each names the block that asked for it, where one did.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::Kind;
use crate::id::{AccountKey, EntityKey, PrincipalKey};
use crate::model::denial::{Alike, Denial};
use crate::model::instance::{Held, HeldSubject};
use crate::model::snapshot::{Entity, Snapshot};
use crate::source::Location;

use super::finding::{Finding, Level, counted};

/// A finding for each lacking action, and for each other reason and kind of thing.
pub(super) fn of<'h>(held: impl IntoIterator<Item = &'h Held>, desired: &Snapshot) -> Vec<Finding> {
    let mut alike: BTreeMap<(&'static str, Alike<'h>), Vec<&'h Held>> = BTreeMap::new();
    for item in held {
        let reason = Alike::of(&item.why);
        let kind = match reason {
            Alike::Lacks(_) => "",
            _ => code(&item.subject),
        };
        alike.entry((kind, reason)).or_default().push(item);
    }
    let found = alike.into_iter();
    found
        .map(|((_, reason), items)| finding(reason, &items, desired))
        .collect()
}

fn finding(reason: Alike<'_>, items: &[&Held], desired: &Snapshot) -> Finding {
    let block = |item: &Held| block_of(&item.subject, desired);
    let codes: BTreeSet<&'static str> = items.iter().map(|item| code(&item.subject)).collect();
    let code = match (codes.len(), codes.first()) {
        (1, Some(code)) => *code,
        _ => "held-denied",
    };
    let (message, subjects) = match items {
        [one] => {
            let address = block(one).map(|(address, _)| format!(" (`{address}`)"));
            let message = alone(&one.subject, &address.unwrap_or_default(), &one.why);
            (message, BTreeSet::new())
        }
        several => {
            let subjects = several.iter().map(|item| &item.subject);
            let names = several
                .iter()
                .map(|item| Arc::from(named_at(&item.subject, block(item), desired)));
            (together(reason, subjects, several), names.collect())
        }
    };
    Finding {
        subjects,
        location: items.iter().find_map(|item| block(item)?.1),
        remedy: match reason {
            Alike::Lacks(denial) => Some(denial.remedy("plan").into()),
            Alike::NoAccount => Some(
                "correct the ids, or look whether this is the organization that is meant (`provider` block, credentials)"
                    .into(),
            ),
            Alike::Words(_) => None,
        },
        ..Finding::new(Level::Held, code, message)
    }
}

/// A sentence about several things that are held for one reason.
fn together<'h>(
    reason: Alike<'_>,
    subjects: impl Iterator<Item = &'h HeldSubject>,
    items: &[&Held],
) -> String {
    let mut by_kind: BTreeMap<&'static str, Vec<&HeldSubject>> = BTreeMap::new();
    for subject in subjects {
        by_kind.entry(code(subject)).or_default().push(subject);
    }
    let words = items.first().map(|item| Denial::words(&item.why));
    let words = words.unwrap_or_default();
    match reason {
        Alike::Lacks(denial) => {
            let lost: Vec<String> = by_kind
                .iter()
                .map(|(code, subjects)| format!("{} could not be read, {}", many(code, subjects), so(code)))
                .collect();
            format!(
                "the caller lacks {}: {}. For example: {words}",
                denial.action,
                lost.join("; ")
            )
        }
        Alike::NoAccount => format!(
            "{} are not in the organization, and are left as they are",
            counted(items.len(), "account")
        ),
        Alike::Words(why) => {
            let what: Vec<String> = by_kind.iter().map(|(code, all)| many(code, all)).collect();
            format!(
                "{} could not be read, and are left as they are: {why}",
                what.join(" and ")
            )
        }
    }
}

/// What follows from not knowing it.
fn so(code: &str) -> &'static str {
    match code {
        "held-account" | "held-pair" => "so nothing is granted or revoked there",
        "held-members" => "so nobody is added or removed, and who has access through them is not known",
        "held-principal" => "so nothing is granted to them or revoked from them",
        _ => "so they are not compared or changed",
    }
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
fn named_at(subject: &HeldSubject, block: Option<Asked>, desired: &Snapshot) -> String {
    let known = |key: &AccountKey| desired.accounts.contains_key(key);
    let name = match subject {
        HeldSubject::Entity(EntityKey::Account(key)) if known(key) => {
            format!("account {} {key}", desired.account_name(key))
        }
        HeldSubject::Pair(key, set) if known(key) => format!("{set} in {} {key}", desired.account_name(key)),
        other => name(other),
    };
    match block {
        Some((address, Some(at))) => format!("{name} (`{address}`, {at})"),
        Some((address, None)) => format!("{name} (`{address}`)"),
        None => name,
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

/// `the members of 15 groups`, `who has access with 151 pairs of …`.
fn many(code: &str, subjects: &[&HeldSubject]) -> String {
    let count = subjects.len();
    match code {
        "held-account" => counted(count, "account"),
        "held-members" => format!("the members of {}", counted(count, "group")),
        "held-pair" => format!(
            "the assignments of {} of a permission set and an account",
            counted(count, "pair")
        ),
        "held-principal" => {
            let groups = subjects.iter();
            let groups = groups.filter(|s| matches!(s, HeldSubject::Principal(key) if key.is_group()));
            match groups.count() {
                0 => counted(count, "user"),
                groups if groups == count => counted(count, "group"),
                _ => format!("{count} users and groups"),
            }
        }
        _ => {
            let kinds: BTreeSet<Kind> = subjects.iter().filter_map(|subject| kind(subject)).collect();
            match (kinds.len(), kinds.first(), code) {
                (1, Some(kind), "held-entity") => counted(count, &kind.name().replace('_', " ")),
                _ => counted(count, "thing"),
            }
        }
    }
}

fn kind(subject: &HeldSubject) -> Option<Kind> {
    match subject {
        HeldSubject::Entity(key) => Some(key.kind()),
        HeldSubject::All(kind) => Some(*kind),
        _ => None,
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

    /// As the service says it: each answer has another request id and names another resource.
    fn refused(subject: HeldSubject, action: &str, resource: &str) -> Held {
        let (_, operation) = action.split_once(':').unwrap();
        Held {
            subject,
            why: format!(
                "{operation}: AccessDeniedException: User: u is not authorized to perform: {action} on resource: \
                 {resource} (request of-{resource}); the caller lacks {action}"
            )
            .into(),
        }
    }

    #[test]
    fn a_lacking_action_is_one_finding_with_one_answer_and_all_it_is_about() {
        let account = crate::plan::testing::account;
        let set = |name: &str| crate::id::PermissionSetName::new(name).unwrap();
        let pair = |n: u32, name: &str| HeldSubject::Pair(account(n), set(name));
        let entity = |name: &str| HeldSubject::Entity(EntityKey::PermissionSet(set(name)));
        let held = [
            refused(pair(1, "a"), "sso:ListAccountAssignments", "r1"),
            refused(pair(2, "a"), "sso:ListAccountAssignments", "r2"),
            refused(pair(2, "b"), "sso:ListAccountAssignments", "r3"),
            refused(entity("a"), "sso:GetInlinePolicyForPermissionSet", "r4"),
            refused(entity("b"), "sso:GetInlinePolicyForPermissionSet", "r5"),
        ];
        let found = of(&held, &Snapshot::default());
        let codes: Vec<&str> = found.iter().map(|finding| &*finding.code).collect();
        assert_eq!(codes, ["held-entity", "held-pair"]);
        assert_eq!(found[0].subjects.len(), 2);
        assert_eq!(found[1].subjects.len(), 3);
        assert_eq!(
            &*found[1].message,
            "the caller lacks sso:ListAccountAssignments: the assignments of 3 pairs of a permission set and an \
             account could not be read, so nothing is granted or revoked there. For example: \
             ListAccountAssignments: AccessDeniedException: User: u is not authorized to perform: \
             sso:ListAccountAssignments on resource: r1 (request of-r1)"
        );
        assert!(found[0].message.contains("2 permission sets could not be read"));
        let remedy = found[1].remedy.as_deref().unwrap();
        assert!(remedy.contains("`rolecall policy --for plan`"), "{remedy}");
    }

    #[test]
    fn one_action_that_keeps_several_kinds_of_things_from_being_read_is_one_finding() {
        let group = GroupName::new("g").unwrap();
        let held = [
            refused(
                HeldSubject::Members(group.clone()),
                "identitystore:DescribeUser",
                "m",
            ),
            refused(
                HeldSubject::Principal(PrincipalKey::Group(group)),
                "identitystore:DescribeUser",
                "p",
            ),
        ];
        let found = of(&held, &Snapshot::default());
        assert_eq!(found.len(), 1);
        assert_eq!(&*found[0].code, "held-denied");
        assert!(
            found[0]
                .message
                .contains("the members of 1 group could not be read, so nobody")
        );
        assert!(
            found[0]
                .message
                .contains("; 1 group could not be read, so nothing is granted to them")
        );
    }

    #[test]
    fn accounts_that_are_nowhere_are_one_finding() {
        let missing = |n: u32| Held {
            subject: HeldSubject::Entity(EntityKey::Account(crate::plan::testing::account(n))),
            why: format!("the organization has no account {n} (name-{n})").into(),
        };
        let found = of(&[missing(1), missing(2), missing(3)], &Snapshot::default());
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].subjects.len(), 3);
        assert_eq!(
            &*found[0].message,
            "3 accounts are not in the organization, and are left as they are"
        );
    }
}
