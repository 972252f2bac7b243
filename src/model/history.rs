//! How access came to be as it is: recorded readings of the service, taken in one after the other.
//!
//! A reading says what is there at one moment. What a reading has and the one before did not have came in between;
//! so each grant and each membership is dated by the last reading without it and the first one with it. A reading in
//! which something was held proves no absence: what is missing in it keeps its date. Whoever has another name, or was
//! deleted and left assignments behind, is the same by the id; who was made anew under an old name is somebody else.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::id::{AccountKey, GroupName, PermissionSetName, PrincipalKey, UserName};

use super::access::{Access, CapacityError, Names, Tuple};
use super::identities::{Identities, Succession};
use super::privilege::{Privilege, judge};
use super::record::Seen;
use super::snapshot::Snapshot;

/// Between which two readings something came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Since {
    /// The last recorded reading that was still without it; `None`: nobody knows what was earlier.
    pub last_without: Option<Timestamp>,
    /// The first reading that has it, and all after it do.
    pub first_with: Timestamp,
}

/// How much there was at one reading.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Point {
    /// When.
    pub at: Timestamp,
    /// Assignments.
    pub assignments: u64,
    /// People who can enter any account.
    pub people: u64,
    /// People who can enter one as administrator.
    pub administrators: u64,
}

/// What readings say about how long things have been there.
#[derive(Debug, Clone, Default)]
pub struct History {
    points: Vec<Point>,
    names: Names,
    grants: FxHashMap<Tuple, Since>,
    members: BTreeMap<GroupName, BTreeMap<UserName, Since>>,
    identities: Identities,
}

impl History {
    /// Takes in the next reading; the answer says who has another key in it than before.
    ///
    /// # Errors
    /// When the names of two readings together outgrow what a relation can hold.
    pub fn read(&mut self, seen: &Seen) -> Result<Succession, CapacityError> {
        let partial = seen
            .around
            .as_deref()
            .is_some_and(|around| !around.held.is_empty());
        let access = &seen.snapshot.access;
        let succession = self.identities.read(&seen.snapshot);
        self.read_grants(access, seen.at, partial, &succession)?;
        self.read_members(&seen.snapshot, seen.at, partial, &succession);
        self.points.push(Point {
            at: seen.at,
            assignments: access.len() as u64,
            people: people_with_access(&seen.snapshot, &|_| true),
            administrators: administrators(&seen.snapshot),
        });
        Ok(succession)
    }

    /// Takes in that everything was as before.
    pub fn confirm(&mut self, at: Timestamp) {
        if let Some(last) = self.points.last().copied() {
            self.points.push(Point { at, ..last });
        }
    }

    /// How much there was at each reading, oldest first.
    pub fn points(&self) -> &[Point] {
        &self.points
    }

    /// Since when a grant is there; `None` when no reading has it.
    pub fn grant(
        &self,
        account: &AccountKey,
        permission_set: &PermissionSetName,
        principal: &PrincipalKey,
    ) -> Option<Since> {
        let tuple = self.names.tuple(account, permission_set, principal)?;
        self.grants.get(&tuple).copied()
    }

    /// Since when somebody is in a group.
    pub fn member(&self, group: &GroupName, user: &UserName) -> Option<Since> {
        self.members.get(group)?.get(user).copied()
    }

    /// The distinct dates of grants and memberships, ascending.
    pub fn dates(&self) -> Vec<Since> {
        let members = self.members.values().flat_map(BTreeMap::values);
        let dates: BTreeSet<Since> = self.grants.values().chain(members).copied().collect();
        dates.into_iter().collect()
    }

    fn last(&self) -> Option<Timestamp> {
        self.points.last().map(|point| point.at)
    }

    fn read_grants(
        &mut self,
        access: &Access,
        at: Timestamp,
        partial: bool,
        succession: &Succession,
    ) -> Result<(), CapacityError> {
        let moved = succession.moved().map(|(_, now)| now.clone()).collect();
        let moved = Names::new(Vec::new(), Vec::new(), moved)?;
        let names = Names::union([&self.names, &access.names, &moved])?;
        let (old, new) = (self.names.remap_to(&names), access.names.remap_to(&names));
        let fresh = Since {
            last_without: self.last(),
            first_with: at,
        };
        let before: FxHashMap<Tuple, Since> = std::mem::take(&mut self.grants)
            .into_iter()
            .filter_map(|(tuple, since)| {
                let tuple = old.tuple(tuple);
                let now = succession.now(names.principal(tuple.principal())?)?;
                let now = names.principal_rank(now)?;
                Some((Tuple::new(tuple.account(), tuple.permission_set(), now), since))
            })
            .collect();
        let there = access.tuples.iter().map(|tuple| new.tuple(*tuple));
        self.grants = there
            .map(|tuple| (tuple, before.get(&tuple).copied().unwrap_or(fresh)))
            .collect();
        if partial {
            for (tuple, since) in before {
                self.grants.entry(tuple).or_insert(since);
            }
        }
        self.names = names;
        Ok(())
    }

    fn read_members(&mut self, snapshot: &Snapshot, at: Timestamp, partial: bool, succession: &Succession) {
        let fresh = Since {
            last_without: self.last(),
            first_with: at,
        };
        let mut before = followed(std::mem::take(&mut self.members), succession);
        for (name, group) in &snapshot.groups {
            let known = before.remove(name).unwrap_or_default();
            let Some(members) = &group.value.members else {
                self.members.insert(name.clone(), known);
                continue;
            };
            let dated = members
                .iter()
                .map(|user| (user.clone(), known.get(user).copied().unwrap_or(fresh)));
            self.members.insert(name.clone(), dated.collect());
        }
        if partial {
            self.members.extend(before);
        }
    }
}

type Members = BTreeMap<GroupName, BTreeMap<UserName, Since>>;

/// Memberships under the keys that their groups and people have now.
fn followed(members: Members, succession: &Succession) -> Members {
    if succession.is_empty() {
        return members;
    }
    let group_now = |name: GroupName| match succession.now(&PrincipalKey::Group(name))? {
        PrincipalKey::Group(now) => Some(now.clone()),
        _ => None,
    };
    let user_now = |name: UserName| match succession.now(&PrincipalKey::User(name))? {
        PrincipalKey::User(now) => Some(now.clone()),
        _ => None,
    };
    let members = members.into_iter().filter_map(|(group, users)| {
        let users = users
            .into_iter()
            .filter_map(|(user, since)| Some((user_now(user)?, since)));
        Some((group_now(group)?, users.collect()))
    });
    members.collect()
}

/// People who have a set that amounts to administration, as the reading has it.
fn administrators(snapshot: &Snapshot) -> u64 {
    let names = &snapshot.access.names.permission_sets;
    let administers: Vec<bool> = names
        .iter()
        .map(|name| {
            let set = snapshot.permission_sets.get(name);
            set.is_some_and(|set| judge(&set.value).privilege == Some(Privilege::Administrator))
        })
        .collect();
    people_with_access(snapshot, &|set| administers.get(set as usize) == Some(&true))
}

/// People who have one of the sets, given by rank, in any account.
fn people_with_access(snapshot: &Snapshot, counts: &dyn Fn(u32) -> bool) -> u64 {
    let access = &snapshot.access;
    let tuples = access
        .tuples
        .iter()
        .filter(|tuple| counts(tuple.permission_set()));
    let granted: BTreeSet<u32> = tuples.map(|tuple| tuple.principal()).collect();
    let mut people: BTreeSet<&UserName> = BTreeSet::new();
    for principal in granted
        .into_iter()
        .filter_map(|rank| access.names.principal(rank))
    {
        people.extend(snapshot.people(principal));
    }
    people.len() as u64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, ServiceId};
    use crate::model::instance::{Held, HeldSubject, Instance};
    use crate::model::principal::{Group, User};
    use crate::model::record::Around;
    use crate::model::snapshot::Entity;

    fn at(hour: u8) -> Timestamp {
        format!("2026-01-01T{hour:02}:00:00Z").parse().unwrap()
    }

    fn account(number: u64) -> AccountKey {
        AccountKey::Id(AccountId::new(format!("{number:012}")).unwrap())
    }

    fn ops() -> GroupName {
        GroupName::new("ops").unwrap()
    }

    fn admin() -> PermissionSetName {
        PermissionSetName::new("admin").unwrap()
    }

    /// The group `ops` administers these accounts and has these members.
    fn reading(hour: u8, accounts: &[u64], members: &[&str]) -> Seen {
        let names = Names::new(
            accounts.iter().map(|number| account(*number)).collect(),
            vec![admin()],
            vec![PrincipalKey::Group(ops())],
        )
        .unwrap();
        let tuples = (0..accounts.len() as u32)
            .map(|rank| Tuple::new(rank, 0, 0))
            .collect();
        let mut snapshot = Snapshot {
            access: Access::from_tuples(names, tuples),
            ..Snapshot::default()
        };
        let group = Group {
            display_name: ops(),
            id: None,
            description: None,
            members: Some(members.iter().map(|name| UserName::new(name).unwrap()).collect()),
            external_id: None,
        };
        snapshot.groups.insert(ops(), Entity::observed(group));
        Seen {
            at: at(hour),
            snapshot,
            roles: Vec::new(),
            around: None,
        }
    }

    #[test]
    fn who_is_made_anew_under_an_old_name_has_nothing_of_the_one_before() {
        let named = |mut seen: Seen, id: &str| {
            let ada = UserName::new("ada").unwrap();
            let user = User {
                user_name: ada.clone(),
                id: Some(ServiceId::new(id).unwrap()),
                given_name: "".into(),
                family_name: "".into(),
                display_name: "".into(),
                email: None,
                external_id: None,
            };
            seen.snapshot.users.insert(ada, Entity::observed(user));
            seen
        };
        let mut history = History::default();
        history
            .read(&named(reading(1, &[1], &["ada", "bob"]), "u-1"))
            .unwrap();
        history
            .read(&named(reading(2, &[1], &["ada", "bob"]), "u-1"))
            .unwrap();
        history
            .read(&named(reading(3, &[1], &["ada", "bob"]), "u-2"))
            .unwrap();
        let since = |name: &str| history.member(&ops(), &UserName::new(name).unwrap()).unwrap();
        assert_eq!(
            (since("ada").last_without, since("ada").first_with),
            (Some(at(2)), at(3))
        );
        assert_eq!(
            (since("bob").last_without, since("bob").first_with),
            (None, at(1))
        );
        assert_eq!(grant(&history, 1), Some((None, at(1))));
    }

    #[test]
    fn another_name_or_a_deletion_leaves_what_is_there_as_old_as_it_is() {
        let group = |name: &str| PrincipalKey::Group(GroupName::new(name).unwrap());
        let orphan = PrincipalKey::OrphanGroup(ServiceId::new("g-1").unwrap());
        // What `principal` administers, and the groups that are there, with their ids.
        let read = |hour: u8, principal: &PrincipalKey, groups: &[(&str, &str)]| {
            let mut seen = reading(hour, &[1], &["ada"]);
            let (_, ops) = seen.snapshot.groups.pop_first().unwrap();
            for (name, id) in groups {
                let mut entity = ops.clone();
                entity.value.id = Some(ServiceId::new(*id).unwrap());
                seen.snapshot.groups.insert(GroupName::new(name).unwrap(), entity);
            }
            let names = Names::new(vec![account(1)], vec![admin()], vec![principal.clone()]);
            seen.snapshot.access = Access::from_tuples(names.unwrap(), vec![Tuple::new(0, 0, 0)]);
            seen
        };
        let mut history = History::default();
        let since = |history: &History, principal: &PrincipalKey| {
            let since = history.grant(&account(1), &admin(), principal);
            since.map(|since| since.first_with)
        };
        let member = |history: &History, name: &str| {
            let since = history.member(&GroupName::new(name).unwrap(), &UserName::new("ada").unwrap());
            since.map(|since| since.first_with)
        };
        history.read(&read(1, &group("ops"), &[("ops", "g-1")])).unwrap();
        let renamed = read(2, &group("pager"), &[("pager", "g-1"), ("ops", "g-2")]);
        let moved = history.read(&renamed).unwrap();
        assert_eq!(
            moved.moved().collect::<Vec<_>>(),
            [(&group("ops"), &group("pager"))]
        );
        assert_eq!(since(&history, &group("pager")), Some(at(1)));
        assert_eq!(since(&history, &group("ops")), None);
        // The same person has been in the one for an hour longer than in the one made under its old name.
        assert_eq!(
            (member(&history, "pager"), member(&history, "ops")),
            (Some(at(1)), Some(at(2)))
        );
        history.read(&read(3, &orphan, &[("ops", "g-2")])).unwrap();
        assert_eq!(since(&history, &orphan), Some(at(1)));
        assert_eq!(member(&history, "pager"), None);
    }

    fn grant(history: &History, number: u64) -> Option<(Option<Timestamp>, Timestamp)> {
        let since = history.grant(&account(number), &admin(), &PrincipalKey::Group(ops()))?;
        Some((since.last_without, since.first_with))
    }

    #[test]
    fn what_comes_later_is_dated_by_the_readings_around_its_coming() {
        let mut history = History::default();
        history.read(&reading(1, &[2], &["ada"])).unwrap();
        history.confirm(at(2));
        history.read(&reading(3, &[1, 2], &["ada", "bob"])).unwrap();
        history.read(&reading(4, &[1, 2], &["ada", "bob"])).unwrap();
        assert_eq!(grant(&history, 2), Some((None, at(1))));
        assert_eq!(grant(&history, 1), Some((Some(at(2)), at(3))));
        let bob = history.member(&ops(), &UserName::new("bob").unwrap()).unwrap();
        assert_eq!((bob.last_without, bob.first_with), (Some(at(2)), at(3)));
        let counted: Vec<_> = history
            .points()
            .iter()
            .map(|p| (p.assignments, p.people))
            .collect();
        assert_eq!(counted, [(1, 1), (1, 1), (2, 2), (2, 2)]);
    }

    #[test]
    fn whoever_has_a_set_that_administers_is_counted_from_the_reading_that_has_it_so() {
        let mut history = History::default();
        let mut later = reading(2, &[1, 2], &["ada", "bob"]);
        let mut set = crate::model::permission_set::PermissionSet::new(admin());
        set.managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess".into()].into();
        history.read(&reading(1, &[1], &["ada"])).unwrap();
        later
            .snapshot
            .permission_sets
            .insert(admin(), Entity::observed(set));
        history.read(&later).unwrap();
        let counted: Vec<_> = history.points().iter().map(|p| p.administrators).collect();
        assert_eq!(counted, [0, 2]);
    }

    #[test]
    fn what_went_and_came_back_is_as_old_as_its_coming_back() {
        let mut history = History::default();
        history.read(&reading(1, &[1], &[])).unwrap();
        history.read(&reading(2, &[], &[])).unwrap();
        assert_eq!(grant(&history, 1), None);
        history.read(&reading(3, &[1], &[])).unwrap();
        assert_eq!(grant(&history, 1), Some((Some(at(2)), at(3))));
    }

    #[test]
    fn a_reading_that_held_something_proves_no_absence() {
        let mut history = History::default();
        history.read(&reading(1, &[1, 2], &["ada"])).unwrap();
        let mut partial = reading(2, &[2], &["ada"]);
        partial.around = Some(Box::new(Around {
            instance: Instance {
                arn: ServiceId::new("arn:aws:sso:::instance/ssoins-1").unwrap(),
                identity_store: ServiceId::new("d-1").unwrap(),
                organization: None,
                region: "eu-west-1".into(),
                management_account: None,
            },
            caller: None,
            quotas: Default::default(),
            held: vec![Held {
                subject: HeldSubject::Pair(account(1), admin()),
                why: "AccessDenied".into(),
            }],
            in_progress: Vec::new(),
            in_accounts: Vec::new(),
        }));
        history.read(&partial).unwrap();
        history.read(&reading(3, &[1, 2], &["ada"])).unwrap();
        assert_eq!(grant(&history, 1), Some((None, at(1))));
    }
}
