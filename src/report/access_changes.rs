//! Who gained and lost access between two readings, or would by a plan.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName, PrincipalKey, UserName};
use crate::model::snapshot::Snapshot;
use crate::plan::Plan;
use crate::plan::people::PeopleChange;
use crate::plan::risk::SetJudge;

use super::access_altered::{self, AlteredSet};
use super::access_view::{Query, guarded, system};
use super::plan_view::principal_name;

/// The version of the JSON form.
pub const FORMAT_VERSION: u32 = 1;

/// Who gained, lost and keeps access.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessChanges {
    /// The version of this form.
    pub format_version: u32,
    /// When the earlier reading was made; absent for a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub from: Option<Timestamp>,
    /// When the later reading was made; absent for a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub to: Option<Timestamp>,
    /// The plan's digest, for a plan.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub plan: Option<String>,
    /// Classes of equal changes: gains, losses, what is kept by another path, what cannot be told.
    pub changes: Vec<AccessChange>,
    /// Sets that people have and that allow something else: by the plan, or at the later reading.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub altered: Vec<AlteredSet>,
}

/// A class of equal changes: each of these people, each account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct AccessChange {
    /// What happens.
    pub change: PeopleChange,
    /// Which set.
    pub permission_set: String,
    /// Where.
    pub accounts: Vec<AccountName>,
    /// To whom, at most a thousand; none where nobody can tell.
    pub people: Vec<PersonName>,
    /// To how many.
    pub count: u64,
    /// Through whom: the paths that came, for gains; those that went, for losses and what is kept.
    pub via: Vec<String>,
    /// For what is kept: the paths that give it now.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub keeps: Vec<String>,
    /// Those of `keeps` that came at the same time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub comes: Vec<String>,
}

/// An account.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct AccountName {
    /// What people call it.
    pub name: String,
    /// Its id.
    pub id: String,
}

/// A person.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct PersonName {
    /// What people call the person.
    pub name: String,
    /// The user name.
    pub user_name: String,
}

/// People of one set and account, each with the principals that give it.
type Paths<'s> = BTreeMap<&'s UserName, BTreeSet<&'s PrincipalKey>>;

/// What differs for people between two readings; sets are judged by `judge`.
pub fn between(
    (before, from): (&Snapshot, Timestamp),
    (after, to): (&Snapshot, Timestamp),
    query: &Query,
    judge: &SetJudge,
) -> AccessChanges {
    let (had, has) = (by_pair(before), by_pair(after));
    let pairs: BTreeSet<_> = had.keys().chain(has.keys()).copied().collect();
    let nobody = BTreeSet::new();
    let mut classes = Classes::default();
    for pair in pairs {
        let (account, set) = pair;
        let (left, right) = (
            had.get(&pair).unwrap_or(&nobody),
            has.get(&pair).unwrap_or(&nobody),
        );
        let shown = [before.account_name(account), after.account_name(account)];
        if !query.wants_set(set.as_str()) || !query.wants_account(&account.to_string(), &shown) {
            continue;
        }
        if left == right && left.iter().all(|principal| same_people(before, after, principal)) {
            continue;
        }
        unread(pair, (before, left), (after, right), &mut classes);
        people_of(pair, (before, left), (after, right), &mut classes);
    }
    AccessChanges {
        format_version: FORMAT_VERSION,
        from: Some(from),
        to: Some(to),
        plan: None,
        changes: classes.named(&[after, before], query),
        altered: access_altered::between(before, after, query, judge),
    }
}

/// The principals of each account and set.
fn by_pair(snapshot: &Snapshot) -> BTreeMap<(&AccountKey, &PermissionSetName), BTreeSet<&PrincipalKey>> {
    let mut pairs: BTreeMap<_, BTreeSet<&PrincipalKey>> = BTreeMap::new();
    let access = &snapshot.access;
    for (account, set, principal) in access
        .tuples
        .iter()
        .filter_map(|tuple| access.names.resolve(*tuple))
    {
        pairs.entry((account, set)).or_default().insert(principal);
    }
    pairs
}

pub(super) fn members<'s>(
    snapshot: &'s Snapshot,
    principal: &PrincipalKey,
) -> Option<&'s BTreeSet<UserName>> {
    match principal {
        PrincipalKey::Group(name) => snapshot.groups.get(name)?.value.members.as_ref(),
        _ => None,
    }
}

fn same_people(before: &Snapshot, after: &Snapshot, principal: &PrincipalKey) -> bool {
    members(before, principal) == members(after, principal)
}

/// Whether nobody can tell who is behind a principal.
fn is_unread(snapshot: &Snapshot, principal: &PrincipalKey) -> bool {
    matches!(principal, PrincipalKey::Group(_)) && members(snapshot, principal).is_none()
}

fn paths<'s>(snapshot: &'s Snapshot, principals: &BTreeSet<&'s PrincipalKey>) -> Paths<'s> {
    let mut paths = Paths::new();
    for principal in principals.iter().copied() {
        match principal {
            PrincipalKey::User(name) => drop(paths.entry(name).or_default().insert(principal)),
            _ => {
                for name in members(snapshot, principal).into_iter().flatten() {
                    paths.entry(name).or_default().insert(principal);
                }
            }
        }
    }
    paths
}

type Pair<'s> = (&'s AccountKey, &'s PermissionSetName);
type Side<'s> = (&'s Snapshot, &'s BTreeSet<&'s PrincipalKey>);

/// Grants that came or went of groups whose members are not known, and groups that became known or unknown.
fn unread<'s>(pair: Pair<'s>, left: Side<'s>, right: Side<'s>, classes: &mut Classes<'s>) {
    let all: BTreeSet<&PrincipalKey> = left.1.iter().chain(right.1).copied().collect();
    for principal in all {
        let state = |(snapshot, there): Side<'s>| (there.contains(principal), is_unread(snapshot, principal));
        let (was, is) = (state(left), state(right));
        if was != is && (was == (true, true) || is == (true, true)) {
            classes.add(PeopleChange::Unknown, pair, None, [principal].into(), Kept::new());
        }
    }
}

/// What differs for each person. Whose path was not known before, or is not any more, neither gains nor loses by it.
fn people_of<'s>(pair: Pair<'s>, before: Side<'s>, after: Side<'s>, classes: &mut Classes<'s>) {
    let (had, has) = (paths(before.0, before.1), paths(after.0, after.1));
    let dark = |(snapshot, there): Side<'s>, paths: &BTreeSet<&PrincipalKey>| {
        let mut paths = paths.iter();
        paths.any(|path| there.contains(path) && is_unread(snapshot, path))
    };
    let everyone: BTreeSet<&UserName> = had.keys().chain(has.keys()).copied().collect();
    let none = BTreeSet::new();
    for person in everyone {
        let (left, right) = (had.get(person).unwrap_or(&none), has.get(person).unwrap_or(&none));
        let gone: BTreeSet<&PrincipalKey> = left.difference(right).copied().collect();
        let (change, via, keeps) = match (left.is_empty(), right.is_empty()) {
            (true, _) if dark(before, right) => continue,
            (_, true) if dark(after, left) => continue,
            (true, _) => (PeopleChange::Gains, right.clone(), Kept::new()),
            (_, true) => (PeopleChange::Loses, left.clone(), Kept::new()),
            _ if !gone.is_empty() => {
                let keeps = right.iter().map(|path| (*path, !left.contains(path)));
                (PeopleChange::KeepsVia, gone, keeps.collect())
            }
            _ => continue,
        };
        classes.add(change, pair, Some(person), via, keeps);
    }
}

/// Paths by which access is kept, each with whether it is new.
type Kept<'s> = BTreeMap<&'s PrincipalKey, bool>;

/// What happens, with which set, through whom, and by which paths it is kept.
type Kind<'s> = (
    PeopleChange,
    &'s PermissionSetName,
    BTreeSet<&'s PrincipalKey>,
    Kept<'s>,
);

/// Changes put together: first the accounts of a person, then the people with the same accounts.
#[derive(Default)]
struct Classes<'s> {
    accounts: BTreeMap<(Kind<'s>, Option<&'s UserName>), BTreeSet<&'s AccountKey>>,
}

impl<'s> Classes<'s> {
    fn add(
        &mut self,
        change: PeopleChange,
        (account, set): Pair<'s>,
        person: Option<&'s UserName>,
        via: BTreeSet<&'s PrincipalKey>,
        keeps: Kept<'s>,
    ) {
        let key = ((change, set, via, keeps), person);
        self.accounts.entry(key).or_default().insert(account);
    }

    fn named(self, snapshots: &[&Snapshot], query: &Query) -> Vec<AccessChange> {
        let mut classes: BTreeMap<(Kind<'s>, BTreeSet<&AccountKey>), Vec<PersonName>> = BTreeMap::new();
        for ((kind, person), accounts) in self.accounts {
            let person = person.map(|person| named(snapshots, person));
            let via = kind
                .2
                .iter()
                .chain(kind.3.keys())
                .map(|principal| principal.name());
            let shown = person
                .as_ref()
                .map(|person| [person.name.as_str(), person.user_name.as_str()]);
            if query.wants_principal(shown.iter().flatten().copied().chain(via)) {
                classes.entry((kind, accounts)).or_default().extend(person);
            }
        }
        let change =
            |(((change, set, via, keeps), accounts), people): ((Kind<'s>, BTreeSet<_>), Vec<PersonName>)| {
                let is_new = |(key, is_new): (&&'s PrincipalKey, &bool)| is_new.then(|| principal_name(key));
                AccessChange {
                    change,
                    permission_set: set.to_string(),
                    accounts: accounts
                        .into_iter()
                        .map(|key| account_name(snapshots, key))
                        .collect(),
                    count: people.len() as u64,
                    people,
                    via: via.into_iter().map(principal_name).collect(),
                    comes: keeps.iter().filter_map(is_new).collect(),
                    keeps: keeps.into_keys().map(principal_name).collect(),
                }
            };
        classes.into_iter().map(change).collect()
    }
}

fn named(snapshots: &[&Snapshot], person: &UserName) -> PersonName {
    let user = snapshots.iter().find_map(|snapshot| snapshot.users.get(person));
    PersonName {
        name: user.map_or(person.as_str(), |user| user.value.shown()).to_owned(),
        user_name: person.to_string(),
    }
}

pub(super) fn account_name(snapshots: &[&Snapshot], key: &AccountKey) -> AccountName {
    let known = snapshots
        .iter()
        .find(|snapshot| snapshot.accounts.contains_key(key));
    AccountName {
        name: known.map_or_else(|| key.to_string(), |snapshot| snapshot.account_name(key)),
        id: key.to_string(),
    }
}

/// What a plan does for people.
pub fn of_plan(plan: &Plan, query: &Query) -> AccessChanges {
    let rows = plan.people.rows.iter().filter_map(|row| {
        let set = plan.names.permission_set(row.permission_set)?;
        let keys = row.accounts.iter().filter_map(|rank| plan.names.account(*rank));
        let accounts = keys.map(|key| AccountName {
            name: plan.account_name(key).to_string(),
            id: key.to_string(),
        });
        let accounts =
            accounts.filter(|account| query.wants_account(&account.id, std::slice::from_ref(&account.name)));
        let accounts: Vec<AccountName> = accounts.collect();
        let paths = || row.via.iter().chain(&row.keeps).map(PrincipalKey::name);
        let people = row.people.iter().map(|user| PersonName {
            name: plan
                .user_names
                .get(user)
                .map_or(user.as_str(), |name| name)
                .to_owned(),
            user_name: user.to_string(),
        });
        let wanted = |person: &PersonName| {
            let shown = [person.name.as_str(), person.user_name.as_str()];
            query.wants_principal(shown.into_iter().chain(paths()))
        };
        let people: Vec<PersonName> = people.filter(wanted).collect();
        let left_out = row.people.len() - people.len();
        let nobody = people.is_empty() && !(row.people.is_empty() && query.wants_principal(paths()));
        if accounts.is_empty() || nobody || !query.wants_set(set.as_str()) {
            return None;
        }
        Some(AccessChange {
            change: row.change,
            permission_set: set.to_string(),
            accounts,
            people,
            count: row.count.saturating_sub(left_out as u64),
            via: row.via.iter().map(principal_name).collect(),
            keeps: row.keeps.iter().map(principal_name).collect(),
            comes: row.comes.iter().map(principal_name).collect(),
        })
    });
    AccessChanges {
        format_version: FORMAT_VERSION,
        from: None,
        to: None,
        plan: Some(plan.digest.to_string()),
        changes: rows.collect(),
        altered: access_altered::of_plan(plan, query),
    }
}

impl AccessChanges {
    /// A row per person, account and set, as CSV with a header; for a set that allows something else, a row per account
    /// without a person.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write_csv(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record([
            "change",
            "account",
            "account_id",
            "permission_set",
            "person",
            "user_name",
            "via",
            "keeps_via",
        ])
        .map_err(system)?;
        let nobody = PersonName {
            name: String::new(),
            user_name: String::new(),
        };
        for row in &self.changes {
            let (via, keeps) = (row.via.join("; "), row.keeps.join("; "));
            let unnamed = row.count > row.people.len() as u64 || row.people.is_empty();
            let people = row.people.iter().chain(unnamed.then_some(&nobody));
            for person in people {
                for account in &row.accounts {
                    let fields: [&str; 8] = [
                        verb(row.change),
                        &account.name,
                        &account.id,
                        &row.permission_set,
                        &person.name,
                        &person.user_name,
                        &via,
                        &keeps,
                    ];
                    csv.write_record(fields.map(guarded)).map_err(system)?;
                }
            }
        }
        for set in &self.altered {
            let via = set.via.join("; ");
            for account in &set.accounts {
                let fields: [&str; 8] = [
                    "changes",
                    &account.name,
                    &account.id,
                    &set.permission_set,
                    "",
                    "",
                    &via,
                    "",
                ];
                csv.write_record(fields.map(guarded)).map_err(system)?;
            }
        }
        csv.flush()
    }
}

/// A change in a word: `gains`.
pub fn verb(change: PeopleChange) -> &'static str {
    match change {
        PeopleChange::Gains => "gains",
        PeopleChange::KeepsLonger => "keeps longer",
        PeopleChange::Loses => "loses",
        PeopleChange::KeepsVia => "keeps",
        PeopleChange::Unknown => "unknown",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, GroupName};
    use crate::model::access::{Access, Names};
    use crate::model::permission_set::PermissionSet;
    use crate::model::principal::Group;
    use crate::model::snapshot::Entity;
    use crate::plan::altered::Content;
    use crate::plan::risk::RiskMark;

    fn group(name: &str) -> PrincipalKey {
        PrincipalKey::Group(GroupName::new(name).unwrap())
    }

    fn user(name: &str) -> PrincipalKey {
        PrincipalKey::User(UserName::new(name).unwrap())
    }

    /// Grants of `admin` in accounts, and who is in which group; `None`: nobody can tell.
    fn snapshot(grants: &[(u64, PrincipalKey)], groups: &[(&str, Option<&[&str]>)]) -> Snapshot {
        let account = |n: u64| AccountKey::Id(AccountId::new(format!("{n:012}")).unwrap());
        let set = PermissionSetName::new("admin").unwrap();
        let names = Names::new(
            grants.iter().map(|(n, _)| account(*n)).collect(),
            vec![set.clone()],
            grants.iter().map(|(_, who)| who.clone()).collect(),
        );
        let names = names.unwrap();
        let tuples = grants
            .iter()
            .map(|(n, who)| names.tuple(&account(*n), &set, who).unwrap());
        let tuples = tuples.collect();
        let mut snapshot = Snapshot {
            access: Access::from_tuples(names, tuples),
            ..Snapshot::default()
        };
        for (name, members) in groups {
            let members = members.map(|all| all.iter().map(|name| UserName::new(*name).unwrap()).collect());
            let group = Group {
                display_name: GroupName::new(*name).unwrap(),
                id: None,
                description: None,
                members,
                external_id: None,
            };
            snapshot
                .groups
                .insert(group.display_name.clone(), Entity::observed(group));
        }
        snapshot
    }

    fn changes(before: &Snapshot, after: &Snapshot, query: &Query) -> Vec<String> {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let found = between((before, at), (after, at), query, &judge());
        let shown = |row: &AccessChange| {
            let people: Vec<&str> = row.people.iter().map(|person| person.name.as_str()).collect();
            let (via, keeps) = (row.via.join("+"), row.keeps.join("+"));
            format!(
                "{} {} {} {via} {keeps}",
                verb(row.change),
                people.join("+"),
                row.accounts.len()
            )
        };
        found.changes.iter().map(shown).collect()
    }

    fn judge() -> SetJudge {
        SetJudge::new(&crate::model::stack::RiskSettings::default())
    }

    /// A reading with what `admin` attaches.
    fn attaching(policy: &str, hours: u32) -> Snapshot {
        let mut snapshot = snapshot(
            &[
                (1, group("ops")),
                (2, group("ops")),
                (2, group("dark")),
                (1, user("eve")),
            ],
            &[("ops", Some(&["ada", "eve"][..])), ("dark", None)],
        );
        let mut set = PermissionSet::new(PermissionSetName::new("admin").unwrap());
        set.managed_policies
            .insert(format!("arn:aws:iam::aws:policy/{policy}").into());
        set.session_duration = format!("PT{hours}H").parse().unwrap();
        snapshot
            .permission_sets
            .insert(set.name.clone(), Entity::observed(set));
        snapshot
    }

    #[test]
    fn a_set_that_allows_something_else_is_told_though_nobody_gains_it() {
        let at: Timestamp = "2026-01-01T00:00:00Z".parse().unwrap();
        let (view, admin) = (
            attaching("ViewOnlyAccess", 1),
            attaching("AdministratorAccess", 1),
        );
        let between = |before, after, query: &Query| between((before, at), (after, at), query, &judge());
        let found = between(&view, &admin, &Query::default());
        assert_eq!(found.changes, []);
        let [set] = &found.altered[..] else {
            panic!("{:?}", found.altered)
        };
        assert_eq!((set.count, set.accounts.len()), (2, 2));
        assert_eq!(set.via, ["dark", "eve", "ops"]);
        assert_eq!(
            (set.risk_before, set.risk_after),
            (None, Some(RiskMark::Administrator))
        );
        // Of those who are asked about, and nothing where nothing of it differs.
        let eve_in_one = Query::new(Some("eve"), Some("000000000001"), None).unwrap();
        let set = &between(&view, &admin, &eve_in_one).altered[0];
        assert_eq!((set.count, set.accounts.len(), set.via.len()), (1, 1, 2));
        let stranger = Query::new(Some("bob"), None, None).unwrap();
        assert_eq!(between(&view, &admin, &stranger).altered, []);
        assert_eq!(between(&view, &view, &Query::default()).altered, []);
        let longer = between(&view, &attaching("ViewOnlyAccess", 2), &Query::default());
        assert_eq!(longer.altered[0].changed, [Content::SessionDuration]);
    }

    #[test]
    fn who_gained_lost_and_keeps_is_told_once_for_all_who_fare_alike() {
        let before = snapshot(
            &[(1, group("ops")), (2, group("ops")), (1, user("eve"))],
            &[("ops", Some(&["ada", "eve", "old"][..]))],
        );
        let after = snapshot(
            &[(1, group("ops")), (2, group("ops"))],
            &[("ops", Some(&["ada", "eve", "bob", "cyd"][..]))],
        );
        let expected = ["gains bob+cyd 2 ops ", "loses old 2 ops ", "keeps eve 1 eve ops"];
        assert_eq!(changes(&before, &after, &Query::default()), expected);
        assert_eq!(changes(&before, &before, &Query::default()), [""; 0]);
        let only_bob = Query::new(Some("bob"), None, None).unwrap();
        assert_eq!(changes(&before, &after, &only_bob), ["gains bob 2 ops "]);
        let elsewhere = Query::new(None, Some("000000000002"), None).unwrap();
        assert_eq!(
            changes(&before, &after, &elsewhere),
            ["gains bob+cyd 1 ops ", "loses old 1 ops "]
        );
    }

    #[test]
    fn nothing_is_concluded_about_a_group_that_cannot_be_read() {
        let before = snapshot(&[(1, group("dark"))], &[("dark", None)]);
        let after = snapshot(&[(1, group("dark")), (2, group("dark"))], &[("dark", None)]);
        assert_eq!(changes(&before, &after, &Query::default()), ["unknown  1 dark "]);
        let known = snapshot(&[(1, group("dark"))], &[("dark", Some(&["ada"][..]))]);
        assert_eq!(changes(&before, &known, &Query::default()), ["unknown  1 dark "]);
        assert_eq!(changes(&known, &before, &Query::default()), ["unknown  1 dark "]);
    }
}
