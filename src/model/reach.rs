//! What a principal's grants mean for the people behind it: which of them have the access by no other path.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;

use crate::id::{AccountKey, GroupName, PermissionSetName, PrincipalKey, UserName};

use super::access::Tuple;
use super::snapshot::Snapshot;

/// People who have one permission set in some accounts through one principal alone.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reached {
    /// Who, ascending.
    pub people: Vec<UserName>,
    /// Which set.
    pub permission_set: PermissionSetName,
    /// Where, ascending.
    pub accounts: Vec<AccountKey>,
}

/// Answers who reaches what by which path, over one snapshot.
pub struct Reach<'a> {
    snapshot: &'a Snapshot,
    groups_of: FxHashMap<&'a UserName, Vec<&'a GroupName>>,
    /// The grants by principal; built at the first question.
    by_principal: OnceCell<Vec<Tuple>>,
}

impl<'a> Reach<'a> {
    /// Costs one pass over the memberships.
    pub fn new(snapshot: &'a Snapshot) -> Self {
        let mut groups_of: FxHashMap<&UserName, Vec<&GroupName>> = FxHashMap::default();
        for (name, group) in &snapshot.groups {
            for user in group.value.members.iter().flatten() {
                groups_of.entry(user).or_default().push(name);
            }
        }
        Reach {
            snapshot,
            groups_of,
            by_principal: OnceCell::new(),
        }
    }

    /// The people behind a principal; none for an orphan, or where members are not known.
    pub fn people(&self, principal: &PrincipalKey) -> BTreeSet<UserName> {
        self.snapshot.people(principal).cloned().collect()
    }

    /// The grants of a principal: for each set, where.
    pub fn grants(&self, principal: &PrincipalKey) -> BTreeMap<PermissionSetName, Vec<AccountKey>> {
        let mut out: BTreeMap<PermissionSetName, Vec<AccountKey>> = BTreeMap::new();
        let access = &self.snapshot.access;
        let Some(rank) = access.names.principal_rank(principal) else {
            return out;
        };
        let sorted = self.by_principal.get_or_init(|| {
            let mut tuples = access.tuples.clone();
            tuples.sort_by_key(|tuple| tuple.principal());
            tuples
        });
        let begin = sorted.partition_point(|tuple| tuple.principal() < rank);
        let from = sorted.get(begin..).unwrap_or_default();
        for tuple in from.iter().take_while(|tuple| tuple.principal() == rank) {
            if let Some((account, set, _)) = access.names.resolve(*tuple) {
                out.entry(set.clone()).or_default().push(account.clone());
            }
        }
        out
    }

    /// All that a user has, directly and through groups: for each set, where.
    pub fn entries(&self, user: &UserName) -> BTreeMap<PermissionSetName, BTreeSet<AccountKey>> {
        let groups = self.groups_of.get(user).into_iter().flatten();
        let groups = groups.map(|name| PrincipalKey::Group((*name).clone()));
        let mut out: BTreeMap<PermissionSetName, BTreeSet<AccountKey>> = BTreeMap::new();
        for principal in groups.chain([PrincipalKey::User(user.clone())]) {
            for (set, accounts) in self.grants(&principal) {
                out.entry(set).or_default().extend(accounts);
            }
        }
        out
    }

    /// Of `users`, who would not have a set in an account were it not for `principal`; grouped, so that people and
    /// accounts that fare alike stand together.
    pub fn only_through(
        &self,
        principal: &PrincipalKey,
        users: &BTreeSet<UserName>,
        grants: &BTreeMap<PermissionSetName, Vec<AccountKey>>,
    ) -> Vec<Reached> {
        self.lacking_without(Some(principal), users, grants)
    }

    /// Of `users`, who does not have a set in an account by any path; grouped as [`Reach::only_through`] does.
    pub fn lacking(
        &self,
        users: &BTreeSet<UserName>,
        grants: &BTreeMap<PermissionSetName, Vec<AccountKey>>,
    ) -> Vec<Reached> {
        self.lacking_without(None, users, grants)
    }

    fn lacking_without(
        &self,
        principal: Option<&PrincipalKey>,
        users: &BTreeSet<UserName>,
        grants: &BTreeMap<PermissionSetName, Vec<AccountKey>>,
    ) -> Vec<Reached> {
        let mut classes: BTreeMap<Vec<u32>, Vec<&UserName>> = BTreeMap::new();
        for user in users {
            classes
                .entry(self.other_paths(user, principal))
                .or_default()
                .push(user);
        }
        let mut found: BTreeMap<(PermissionSetName, Vec<AccountKey>), BTreeSet<UserName>> = BTreeMap::new();
        for (others, people) in classes {
            for (set, accounts) in grants {
                let alone = |account: &&AccountKey| !self.has(&others, account, set);
                let accounts: Vec<AccountKey> = accounts.iter().filter(alone).cloned().collect();
                if !accounts.is_empty() {
                    let key = (set.clone(), accounts);
                    found
                        .entry(key)
                        .or_default()
                        .extend(people.iter().copied().cloned());
                }
            }
        }
        let mut out: Vec<Reached> = found
            .into_iter()
            .map(|((permission_set, accounts), people)| Reached {
                people: people.into_iter().collect(),
                permission_set,
                accounts,
            })
            .collect();
        out.sort_by_key(|row| std::cmp::Reverse(row.people.len() * row.accounts.len()));
        out
    }

    /// The people who have a set, everywhere or in some accounts; those together who have it in the same accounts by
    /// the same path. The widest first.
    pub fn holders(&self, set: &PermissionSetName, within: Option<&[AccountKey]>) -> Vec<Reached> {
        let access = &self.snapshot.access;
        let Some(rank) = access.names.permission_set_rank(set) else {
            return Vec::new();
        };
        let within = within.map(|accounts| {
            let ranks = accounts.iter().filter_map(|key| access.names.account_rank(key));
            ranks.collect::<BTreeSet<u32>>()
        });
        let mut places: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
        for tuple in access
            .tuples
            .iter()
            .filter(|tuple| tuple.permission_set() == rank)
        {
            if within
                .as_ref()
                .is_none_or(|ranks| ranks.contains(&tuple.account()))
            {
                places.entry(tuple.principal()).or_default().push(tuple.account());
            }
        }
        let mut found: BTreeMap<Vec<u32>, BTreeSet<UserName>> = BTreeMap::new();
        for (principal, accounts) in places {
            if let Some(principal) = access.names.principal(principal) {
                found.entry(accounts).or_default().extend(self.people(principal));
            }
        }
        found.retain(|_, people| !people.is_empty());
        let reached = |(accounts, people): (Vec<u32>, BTreeSet<UserName>)| Reached {
            people: people.into_iter().collect(),
            permission_set: set.clone(),
            accounts: accounts
                .iter()
                .filter_map(|rank| access.names.account(*rank).cloned())
                .collect(),
        };
        let mut out: Vec<Reached> = found.into_iter().map(reached).collect();
        out.sort_by_key(|row| std::cmp::Reverse(row.people.len() * row.accounts.len()));
        out
    }

    /// The sets that are assigned in an account.
    pub fn sets_in(&self, account: &AccountKey) -> BTreeSet<&'a PermissionSetName> {
        self.snapshot
            .access
            .in_account(account)
            .map(|(set, _)| set)
            .collect()
    }

    /// The principals, other than one, through which a user has anything; as ranks.
    fn other_paths(&self, user: &UserName, but: Option<&PrincipalKey>) -> Vec<u32> {
        let groups = self.groups_of.get(user).into_iter().flatten();
        let groups = groups.map(|group| PrincipalKey::Group((*group).clone()));
        let all = groups.chain([PrincipalKey::User(user.clone())]);
        let names = &self.snapshot.access.names;
        let mut ranks: Vec<u32> = all
            .filter(|path| but != Some(path))
            .filter_map(|path| names.principal_rank(&path))
            .collect();
        ranks.sort_unstable();
        ranks
    }

    fn has(&self, paths: &[u32], account: &AccountKey, set: &PermissionSetName) -> bool {
        let access = &self.snapshot.access;
        let (Some(account), Some(set)) = (
            access.names.account_rank(account),
            access.names.permission_set_rank(set),
        ) else {
            return false;
        };
        let there = |path: &u32| access.find(Tuple::new(account, set, *path)).is_some();
        paths.iter().any(there)
    }
}

/// Everybody who has anything in an account: for each set with people behind it, who. The widest first. Looks at that
/// account's grants only.
pub fn holders_in(snapshot: &Snapshot, account: &AccountKey) -> Vec<Reached> {
    let mut found: BTreeMap<&PermissionSetName, BTreeSet<&UserName>> = BTreeMap::new();
    for (set, principal) in snapshot.access.in_account(account) {
        found.entry(set).or_default().extend(snapshot.people(principal));
    }
    found.retain(|_, people| !people.is_empty());
    let reached = |(set, people): (&PermissionSetName, BTreeSet<&UserName>)| Reached {
        people: people.into_iter().cloned().collect(),
        permission_set: set.clone(),
        accounts: vec![account.clone()],
    };
    let mut out: Vec<Reached> = found.into_iter().map(reached).collect();
    out.sort_by_key(|row| std::cmp::Reverse(row.people.len()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AccountId;
    use crate::model::access::{Access, Names};
    use crate::model::principal::Group;
    use crate::model::snapshot::Entity;

    fn user(name: &str) -> UserName {
        UserName::new(name).unwrap()
    }

    fn group(name: &str) -> PrincipalKey {
        PrincipalKey::Group(GroupName::new(name).unwrap())
    }

    #[test]
    fn who_has_another_path_gains_nothing_by_a_new_one() {
        let account = |n: u64| AccountKey::Id(AccountId::new(format!("{n:012}")).unwrap());
        let set = |name: &str| PermissionSetName::new(name).unwrap();
        let names = Names::new(
            vec![account(1), account(2)],
            vec![set("admin"), set("view")],
            vec![group("ops"), group("other"), PrincipalKey::User(user("bob"))],
        )
        .unwrap();
        let grant = |n, what, who: PrincipalKey| names.tuple(&account(n), &set(what), &who).unwrap();
        let tuples = vec![
            grant(1, "admin", group("ops")),
            grant(2, "admin", group("ops")),
            grant(1, "admin", group("other")),
            grant(2, "admin", PrincipalKey::User(user("bob"))),
            grant(1, "view", group("ops")),
        ];
        let mut snapshot = Snapshot {
            access: Access::from_tuples(names, tuples),
            ..Snapshot::default()
        };
        for (name, members) in [("ops", vec!["ada", "bob", "eve"]), ("other", vec!["eve"])] {
            let value = Group {
                display_name: GroupName::new(name).unwrap(),
                id: None,
                description: None,
                members: Some(members.into_iter().map(user).collect()),
                external_id: None,
            };
            snapshot
                .groups
                .insert(value.display_name.clone(), Entity::observed(value));
        }
        let reach = Reach::new(&snapshot);
        let ops = group("ops");
        let found = reach.only_through(&ops, &reach.people(&ops), &reach.grants(&ops));
        let shown: BTreeSet<(String, String, usize)> = found
            .iter()
            .map(|row| {
                let people: Vec<&str> = row.people.iter().map(UserName::as_str).collect();
                (
                    people.join("+"),
                    row.permission_set.to_string(),
                    row.accounts.len(),
                )
            })
            .collect();
        let expected = [
            ("ada", "admin", 2),
            ("bob", "admin", 1),
            ("eve", "admin", 1),
            ("ada+bob+eve", "view", 1),
        ];
        let expected = expected.map(|(who, what, count)| (who.to_owned(), what.to_owned(), count));
        assert_eq!(shown, expected.into());

        let holders = |within: Option<&[AccountKey]>| -> Vec<(String, usize)> {
            let found = reach.holders(&set("admin"), within);
            let shown = found.iter().map(|row| {
                let people: Vec<&str> = row.people.iter().map(UserName::as_str).collect();
                (people.join("+"), row.accounts.len())
            });
            shown.collect()
        };
        let expected = [("ada+bob+eve", 2), ("eve", 1), ("bob", 1)];
        assert_eq!(
            holders(None),
            expected.map(|(who, count)| (who.to_owned(), count))
        );
        assert_eq!(holders(Some(&[account(2)])), [("ada+bob+eve".to_owned(), 1)]);
        assert_eq!(reach.sets_in(&account(2)).len(), 1);
    }
}
