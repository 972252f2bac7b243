//! Who can enter what, and through which group: a recorded reading, with groups expanded.

use std::collections::{BTreeMap, BTreeSet};

use globset::{Glob, GlobMatcher};
use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::id::{GroupName, PrincipalKey, UserName};
use crate::model::snapshot::Snapshot;

use super::escape::escape;
use super::plan_view::principal_name;
use super::shared_names::SharedNames;

/// The version of the JSON form.
pub const FORMAT_VERSION: u32 = 1;

/// What to show.
#[derive(Debug, Clone, Default)]
pub struct Query {
    principal: Option<GlobMatcher>,
    account: Option<GlobMatcher>,
    permission_set: Option<GlobMatcher>,
}

impl Query {
    /// A query by names with `*` and `?`; `None` matches everything.
    ///
    /// # Errors
    /// When a text is no pattern.
    pub fn new(
        principal: Option<&str>,
        account: Option<&str>,
        permission_set: Option<&str>,
    ) -> Result<Self, globset::Error> {
        let matcher = |text: Option<&str>| {
            text.map(|text| Ok(Glob::new(text)?.compile_matcher()))
                .transpose()
        };
        Ok(Query {
            principal: matcher(principal)?,
            account: matcher(account)?,
            permission_set: matcher(permission_set)?,
        })
    }
}

impl Query {
    /// Whether it asks about a permission set.
    pub fn wants_set(&self, name: &str) -> bool {
        matches(&self.permission_set, &[name])
    }

    /// Whether it asks about an account, by its key or one of its names.
    pub fn wants_account(&self, key: &str, names: &[String]) -> bool {
        matches(&self.account, &[key]) || names.iter().any(|name| matches(&self.account, &[name]))
    }

    /// Whether it asks about somebody who goes by one of these names.
    pub fn wants_principal<'n>(&self, names: impl IntoIterator<Item = &'n str>) -> bool {
        let principal = self.principal.as_ref();
        principal.is_none_or(|glob| names.into_iter().any(|name| glob.is_match(name)))
    }
}

/// What a query filters by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filter {
    /// Users and groups.
    Principal,
    /// Accounts.
    Account,
    /// Permission sets.
    PermissionSet,
}

impl Query {
    /// The names there are to filter by, when the filter matches none of them: whether or not they have access.
    pub fn unknown(&self, filter: Filter, snapshot: &Snapshot) -> Option<BTreeSet<String>> {
        let (matcher, names) = match filter {
            Filter::Principal => (&self.principal, principals(snapshot)),
            Filter::Account => (&self.account, accounts(snapshot)),
            Filter::PermissionSet => (&self.permission_set, permission_sets(snapshot)),
        };
        let found = names.iter().any(|name| matches(matcher, &[name]));
        (!found).then_some(names)
    }
}

fn principals(snapshot: &Snapshot) -> BTreeSet<String> {
    let mut names: BTreeSet<String> = snapshot.groups.keys().map(ToString::to_string).collect();
    for (name, user) in &snapshot.users {
        names.insert(name.to_string());
        names.insert(user.value.shown().to_owned());
    }
    let members = snapshot
        .groups
        .values()
        .filter_map(|group| group.value.members.as_ref());
    names.extend(members.flatten().map(ToString::to_string));
    names.extend(
        snapshot
            .access
            .names
            .principals
            .iter()
            .map(|key| key.name().to_owned()),
    );
    names
}

fn accounts(snapshot: &Snapshot) -> BTreeSet<String> {
    let known = snapshot.accounts.keys().chain(&snapshot.access.names.accounts);
    known
        .flat_map(|key| [key.to_string(), snapshot.account_name(key)])
        .collect()
}

fn permission_sets(snapshot: &Snapshot) -> BTreeSet<String> {
    let known = snapshot
        .permission_sets
        .keys()
        .chain(&snapshot.access.names.permission_sets);
    known.map(ToString::to_string).collect()
}

fn matches(matcher: &Option<GlobMatcher>, texts: &[&str]) -> bool {
    matcher
        .as_ref()
        .is_none_or(|glob| texts.iter().any(|text| glob.is_match(text)))
}

/// Who can enter what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct AccessView {
    /// The version of this form.
    pub format_version: u32,
    /// When this was read from the service; absent if it never was and this is what was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub seen_at: Option<Timestamp>,
    /// A row per person (or group without known members), account and permission set.
    pub rows: Vec<AccessRow>,
    /// What keeps anybody from entering accounts in the rows that are not in use, by the account's id.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub shut_accounts: BTreeMap<String, String>,
    /// User names of people in the rows whose name might be taken for somebody else's, in the rows or not. JSON and CSV
    /// have the user name of everybody.
    #[serde(skip)]
    pub namesakes: BTreeSet<String>,
}

/// One person, account and permission set.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct AccessRow {
    /// What people call the account.
    pub account: String,
    /// The account's id.
    pub account_id: String,
    /// The permission set.
    pub permission_set: String,
    /// What people call the person; empty for a group whose members are not known or that has none.
    pub person: String,
    /// The person's user name.
    pub user_name: String,
    /// Through which groups; `direct` for an assignment to the person.
    pub via: Vec<String>,
    /// Those of the groups whose members this stack writes and of which no block declares the person a member.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub undeclared_memberships: Vec<String>,
}

/// The rows that match a query, by account, permission set and person. What was applied says which memberships this
/// stack declares.
pub fn view(
    snapshot: &Snapshot,
    applied: &Snapshot,
    seen_at: Option<Timestamp>,
    query: &Query,
) -> AccessView {
    type Paths = (Vec<String>, Vec<String>);
    let mut rows: BTreeMap<(String, String, String, String, String), Paths> = BTreeMap::new();
    let mut undeclared: BTreeMap<&GroupName, BTreeSet<UserName>> = BTreeMap::new();
    let mut shut_accounts = BTreeMap::new();
    let names = &snapshot.access.names;
    for tuple in &snapshot.access.tuples {
        let Some((account, set, principal)) = names.resolve(*tuple) else {
            continue;
        };
        let id = account.to_string();
        let shown = snapshot.account_name(account);
        if !matches(&query.permission_set, &[set.as_str()]) || !matches(&query.account, &[&id, &shown]) {
            continue;
        }
        let strangers = match principal {
            PrincipalKey::Group(group) => Some(
                &*undeclared
                    .entry(group)
                    .or_insert_with(|| super::memberships::undeclared(applied, snapshot, group)),
            ),
            _ => None,
        };
        for (person, user, via) in people(snapshot, principal) {
            let user_name = user.map_or_else(String::new, ToString::to_string);
            if matches(&query.principal, &[&person, &user_name, principal.name()]) {
                let stranger = strangers.zip(user).is_some_and(|(all, user)| all.contains(user));
                let key = (shown.clone(), id.clone(), set.to_string(), person, user_name);
                if let Some(shut) = snapshot.shut(account) {
                    shut_accounts.insert(id.clone(), shut.to_owned());
                }
                let (paths, not_declared) = rows.entry(key).or_default();
                not_declared.extend(stranger.then(|| via.clone()));
                paths.push(via);
            }
        }
    }
    let rows = rows.into_iter().map(
        |((account, account_id, permission_set, person, user_name), (via, undeclared_memberships))| {
            AccessRow {
                account,
                account_id,
                permission_set,
                person,
                user_name,
                via,
                undeclared_memberships,
            }
        },
    );
    let rows: Vec<AccessRow> = rows.collect();
    let everyone = SharedNames::of_people(&[snapshot, applied]);
    let alike = rows
        .iter()
        .filter(|row| everyone.has(&row.user_name, &row.person));
    AccessView {
        format_version: FORMAT_VERSION,
        seen_at,
        shut_accounts,
        namesakes: alike.map(|row| row.user_name.clone()).collect(),
        rows,
    }
}

/// The people behind a principal: what they are called, who they are if that is known, and the path.
fn people<'s>(
    snapshot: &'s Snapshot,
    principal: &'s PrincipalKey,
) -> Vec<(String, Option<&'s UserName>, String)> {
    let shown = |name: &UserName| match snapshot.users.get(name) {
        Some(user) => user.value.shown().to_owned(),
        None => name.to_string(),
    };
    match principal {
        PrincipalKey::User(name) => vec![(shown(name), Some(name), "direct".to_owned())],
        PrincipalKey::Group(group) => {
            let members = snapshot
                .groups
                .get(group)
                .and_then(|group| group.value.members.as_ref());
            match members {
                Some(members) if !members.is_empty() => members
                    .iter()
                    .map(|name| (shown(name), Some(name), group.to_string()))
                    .collect(),
                _ => vec![(String::new(), None, group.to_string())],
            }
        }
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => {
            vec![(String::new(), None, principal_name(principal))]
        }
    }
}

impl AccessView {
    /// The rows as CSV with a header.
    ///
    /// # Errors
    /// When `out` cannot be written to.
    pub fn write_csv(&self, out: &mut dyn std::io::Write) -> std::io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        csv.write_record([
            "account",
            "account_id",
            "permission_set",
            "person",
            "user_name",
            "via",
            "undeclared_memberships",
        ])
        .map_err(system)?;
        for row in &self.rows {
            let via = row.via.join("; ");
            let undeclared = row.undeclared_memberships.join("; ");
            let fields = [
                &row.account,
                &row.account_id,
                &row.permission_set,
                &row.person,
                &row.user_name,
                &via,
                &undeclared,
            ];
            csv.write_record(fields.map(|field| guarded(field)))
                .map_err(system)?;
        }
        csv.flush()
    }
}

/// The system's own error, which the CSV writer wraps and does not name as its source.
pub(super) fn system(error: csv::Error) -> std::io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => std::io::Error::other(format!("{other:?}")),
    }
}

/// Spreadsheets take a field that begins so for a formula; a leading apostrophe makes it text. Characters that a
/// terminal obeys, or that hide others, are written as escapes.
pub(super) fn guarded(field: &str) -> String {
    let visible = escape(field);
    if field.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        format!("'{visible}")
    } else {
        visible.into_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, AccountKey, PermissionSetName};
    use crate::model::access::{Access, Names, Tuple};
    use crate::model::principal::Group;
    use crate::model::snapshot::{Entity, Management};

    fn snapshot() -> Snapshot {
        let account = AccountKey::Id(AccountId::new("111122223333").unwrap());
        let (ada, bob) = (UserName::new("ada").unwrap(), UserName::new("=bob").unwrap());
        let ops = GroupName::new("ops").unwrap();
        let names = Names::new(
            vec![account],
            vec![PermissionSetName::new("admin").unwrap()],
            vec![PrincipalKey::Group(ops.clone()), PrincipalKey::User(ada.clone())],
        )
        .unwrap();
        let access = Access::from_tuples(names, vec![Tuple::new(0, 0, 0), Tuple::new(0, 0, 1)]);
        let mut snapshot = Snapshot {
            access,
            ..Snapshot::default()
        };
        let group = Group {
            display_name: ops.clone(),
            id: None,
            description: None,
            members: Some([ada, bob].into()),
            external_id: None,
        };
        snapshot.groups.insert(ops, Entity::observed(group));
        snapshot
    }

    #[test]
    fn a_person_has_one_row_with_every_path() {
        let view = view(&snapshot(), &Snapshot::default(), None, &Query::default());
        let rows: Vec<_> = view
            .rows
            .iter()
            .map(|row| (row.person.as_str(), row.via.join("+")))
            .collect();
        assert_eq!(
            rows,
            [("=bob", "ops".to_owned()), ("ada", "ops+direct".to_owned())]
        );
        let query = Query::new(Some("a*"), None, Some("admin")).unwrap();
        assert_eq!(
            super::view(&snapshot(), &Snapshot::default(), None, &query)
                .rows
                .len(),
            1
        );
        let query = Query::new(None, Some("9*"), None).unwrap();
        assert!(
            super::view(&snapshot(), &Snapshot::default(), None, &query)
                .rows
                .is_empty()
        );
    }

    #[test]
    fn a_membership_that_no_block_declares_is_told() {
        let mut applied = snapshot();
        let ops = applied.groups.values_mut().next().unwrap();
        ops.management = Management::Managed;
        let members = ops.value.members.as_mut().unwrap();
        members.retain(|user| user.as_str() == "ada");
        let view = |applied: &Snapshot| view(&snapshot(), applied, None, &Query::default());
        let told = view(&applied);
        let rows: Vec<_> = told
            .rows
            .iter()
            .map(|row| (row.person.as_str(), row.undeclared_memberships.join("+")))
            .collect();
        assert_eq!(rows, [("=bob", "ops".to_owned()), ("ada", String::new())]);
        // Of a group that is only looked up, nobody's membership is declared, and all of them are as they should be.
        let ops = applied.groups.values_mut().next().unwrap();
        ops.management = Management::Referred;
        let quiet = view(&applied);
        assert!(quiet.rows.iter().all(|row| row.undeclared_memberships.is_empty()));
    }

    #[test]
    fn csv_cannot_smuggle_formulas() {
        let mut out = Vec::new();
        view(&snapshot(), &Snapshot::default(), None, &Query::default())
            .write_csv(&mut out)
            .unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains(",'=bob,"), "{text}");
    }
}
