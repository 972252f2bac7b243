//! What the roles of permission sets hold where that is not what their set says: an older content, or what somebody
//! edited.
//!
//! The service tells that a role is behind its set, and not what it holds. So the state keeps that: a role that was up to
//! date at one reading and is behind at a later one holds what its set was at the first, as far as anybody knows.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{AccountKey, PermissionSetName};

use super::access::Pair;
use super::in_account::{AccountFault, InAccount, with_edits};
use super::instance::Observed;
use super::permission_set::PermissionSet;
use super::record::{Recorded, Seen};
use super::roles::{Provisioning, RoleRow};
use super::snapshot::Snapshot;

/// Roles of a permission set that hold what the set was before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OlderRoles {
    /// Of which set.
    pub permission_set: PermissionSetName,
    /// What it was when they were last up to date.
    pub content: Arc<PermissionSet>,
    /// Where.
    pub accounts: BTreeSet<AccountKey>,
}

/// A reading, as far as roles go.
#[derive(Debug, Clone, Copy)]
pub struct Reading<'a> {
    snapshot: &'a Snapshot,
    roles: &'a [RoleRow],
    in_accounts: &'a [InAccount],
}

impl<'a> From<&'a Observed> for Reading<'a> {
    fn from(observed: &'a Observed) -> Self {
        Reading {
            snapshot: &observed.snapshot,
            roles: &observed.roles,
            in_accounts: &observed.in_accounts,
        }
    }
}

impl<'a> From<&'a Seen> for Reading<'a> {
    fn from(seen: &'a Seen) -> Self {
        let around = seen.around.as_deref();
        Reading {
            snapshot: &seen.snapshot,
            roles: &seen.roles,
            in_accounts: around.map_or(&[], |around| &around.in_accounts),
        }
    }
}

/// A role, by account and set.
type Role<'a> = (&'a AccountKey, &'a PermissionSetName);

impl<'a> Reading<'a> {
    /// The roles that are as the service says, by what it says of them.
    fn with(self, provisioning: Provisioning) -> impl Iterator<Item = Role<'a>> {
        let names = &self.snapshot.access.names;
        let rows = self.roles.iter();
        rows.filter(move |row| row.provisioning == provisioning)
            .filter_map(|row| {
                let account = names.account(row.pair.account())?;
                Some((account, names.permission_set(row.pair.permission_set())?))
            })
    }

    /// The roles that somebody edited: what, and whether they are behind their set besides.
    fn edited(self) -> impl Iterator<Item = (Role<'a>, &'a BTreeSet<Arc<str>>, bool)> {
        self.in_accounts.iter().filter_map(|found| match &found.fault {
            AccountFault::RoleEdited {
                permission_set,
                edits,
                behind,
            } => Some(((&found.account, permission_set), edits, *behind)),
            _ => None,
        })
    }

    /// The roles whose set was changed since they were provisioned.
    fn behind(self) -> BTreeSet<Role<'a>> {
        let edited = self.edited().filter(|(.., behind)| *behind);
        self.with(Provisioning::Stale)
            .chain(edited.map(|(role, ..)| role))
            .collect()
    }

    /// Whether a role is there and was provisioned with what its set is.
    fn is_up_to_date(self, (account, set): Role<'_>) -> bool {
        let names = &self.snapshot.access.names;
        let ranks = names.account_rank(account).zip(names.permission_set_rank(set));
        let pair = ranks.map(|(account, set)| Pair::new(account, set));
        let row = pair.and_then(|pair| self.roles.binary_search_by_key(&pair, |row| row.pair).ok());
        let row = row.and_then(|at| self.roles.get(at));
        let is_latest = row.is_some_and(|row| row.provisioning == Provisioning::Latest);
        is_latest
            || self
                .edited()
                .any(|(role, _, behind)| role == (account, set) && !behind)
    }

    fn content(self, set: &PermissionSetName) -> Option<&'a PermissionSet> {
        self.snapshot.permission_sets.get(set).map(|set| &set.value)
    }
}

/// What the roles hold that are behind at a reading, as far as that is known from what was known at the reading before,
/// and from that reading. `written` are sets that were changed in between by what is known to have been their content:
/// where that is not what the reading before has, somebody changed them in between, and nobody knows what their roles
/// got of that.
pub fn older_roles(
    known: &[OlderRoles],
    before: Option<Reading<'_>>,
    written: &BTreeMap<&PermissionSetName, &PermissionSet>,
    now: Reading<'_>,
) -> Vec<OlderRoles> {
    let known_of = |(account, set): Role<'_>| {
        let mut known = known.iter();
        let of = known.find(|of| of.permission_set == *set && of.accounts.contains(account))?;
        Some(Arc::clone(&of.content))
    };
    let mut last: BTreeMap<&PermissionSetName, Option<Arc<PermissionSet>>> = BTreeMap::new();
    let mut found: Vec<OlderRoles> = Vec::new();
    for role @ (account, set) in now.behind() {
        let was_up_to_date = before.is_none_or(|before| before.is_up_to_date(role));
        let mut content_before = || {
            let of_set = last.entry(set).or_insert_with(|| {
                let read = before.and_then(|before| before.content(set));
                let written = written.get(set).copied();
                let content = match (read, written) {
                    (Some(read), Some(written)) if read.role_differs(written) => None,
                    (read, written) => read.or(written),
                };
                content.map(|content| Arc::new(content.clone()))
            });
            of_set.clone()
        };
        let content = match was_up_to_date {
            true => content_before(),
            false => known_of(role),
        };
        let Some(content) = content else { continue };
        let mut alike = found.iter_mut();
        match alike.find(|of| of.permission_set == *set && of.content == content) {
            Some(of) => {
                of.accounts.insert(account.clone());
            }
            None => found.push(OlderRoles {
                permission_set: set.clone(),
                content,
                accounts: [account.clone()].into(),
            }),
        }
    }
    found.sort_by(|left, right| {
        let key = |of: &OlderRoles| (of.permission_set.clone(), of.accounts.first().cloned());
        key(left).cmp(&key(right))
    });
    found
}

impl Recorded {
    /// What the roles hold that are behind at a reading that is not recorded.
    pub fn older_roles_at(&self, now: &Observed) -> Vec<OlderRoles> {
        let before = self.seen.as_ref().map(Reading::from);
        older_roles(&self.older_roles, before, &BTreeMap::new(), now.into())
    }
}

/// What a role holds that is not as its set says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RoleContent {
    /// The set was changed since, and the role has not got that.
    pub behind: bool,
    /// What somebody edited of it.
    pub edits: BTreeSet<Arc<str>>,
    /// Somebody edited it, whether it is known what or not.
    pub edited: bool,
    /// All of it; `None` where that is not known.
    pub content: Option<PermissionSet>,
}

/// The roles that hold something else than their set says, by account and set; of all others their set says it. Those
/// that are gone hold nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleContents(BTreeMap<(AccountKey, PermissionSetName), RoleContent>);

impl RoleContents {
    /// At a reading, with what is known of roles that are behind at it.
    pub fn at(reading: Reading<'_>, older: &[OlderRoles]) -> Self {
        let mut found = BTreeMap::new();
        let gone: BTreeSet<Role<'_>> = reading
            .in_accounts
            .iter()
            .filter_map(|found| match &found.fault {
                AccountFault::RoleGone { permission_set } => Some((&found.account, permission_set)),
                _ => None,
            })
            .collect();
        let mut by_role: BTreeMap<Role<'_>, &Arc<PermissionSet>> = BTreeMap::new();
        for of in older {
            let roles = of.accounts.iter().map(|account| (account, &of.permission_set));
            by_role.extend(roles.map(|role| (role, &of.content)));
        }
        let owned = |(account, set): Role<'_>| (account.clone(), set.clone());
        let behind = reading.behind();
        for role in &behind {
            let content = by_role.get(role).map(|content| (***content).clone());
            let same = reading.content(role.1).zip(content.as_ref());
            if same.is_some_and(|(set, content)| allow_the_same(set, content)) {
                continue;
            }
            let content = RoleContent {
                behind: true,
                edits: BTreeSet::new(),
                edited: false,
                content,
            };
            found.insert(owned(*role), content);
        }
        let mut told: BTreeSet<Role<'_>> = BTreeSet::new();
        for (role, edits, _) in reading.edited() {
            told.insert(role);
            let known = found.entry(owned(role)).or_insert_with(|| RoleContent {
                behind: false,
                edits: BTreeSet::new(),
                edited: false,
                content: reading.content(role.1).cloned(),
            });
            known.edited = true;
            known.edits.extend(edits.iter().cloned());
            known.content = match edits.is_empty() {
                true => None,
                false => known.content.as_ref().map(|content| with_edits(content, edits)),
            };
        }
        // Edited, as the service has it, and nobody could look into the account.
        let untold = reading.with(Provisioning::Tampered);
        for role in untold.filter(|role| !told.contains(role) && !gone.contains(role)) {
            let content = RoleContent {
                behind: false,
                edits: BTreeSet::new(),
                edited: true,
                content: None,
            };
            found.insert(owned(role), content);
        }
        RoleContents(found)
    }

    /// Whether all roles hold what their sets say.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What the role of a set in an account holds; `None` where that is what the set says.
    pub fn of(&self, account: &AccountKey, set: &PermissionSetName) -> Option<&RoleContent> {
        match self.0.is_empty() {
            true => None,
            false => self.0.get(&(account.clone(), set.clone())),
        }
    }

    /// All of them, by account and set.
    pub fn iter(&self) -> impl Iterator<Item = (&AccountKey, &PermissionSetName, &RoleContent)> {
        self.0
            .iter()
            .map(|((account, set), content)| (account, set, content))
    }
}

impl RoleContent {
    /// What is the matter with it, for people.
    pub fn what(&self) -> &'static str {
        match (self.behind, self.edited) {
            (true, false) => "its role is behind its set",
            (true, true) => "its role is behind its set, and was edited",
            _ => "its role was edited",
        }
    }

    /// What it holds of its set, for people; `None` where that is what the set says now.
    pub fn holds(&self, set: &str) -> Option<String> {
        match (self.behind, &self.content) {
            (true, Some(_)) => Some(format!("its role still holds what {set} allowed before")),
            (true, None) => Some("not known what the role still allows".to_owned()),
            (false, None) => Some("not known what the role allows".to_owned()),
            (false, Some(_)) => None,
        }
    }
}

/// Whether people may do the same with two contents of a set, for as long.
fn allow_the_same(left: &PermissionSet, right: &PermissionSet) -> bool {
    left.has_policies_of(right) && left.session_duration == right.session_duration
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::{AccountId, GroupName, PrincipalKey};
    use crate::model::access::{Access, Names, Tuple};
    use crate::model::snapshot::Entity;

    const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
    const VIEW: &str = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";

    fn account(n: u64) -> AccountKey {
        AccountKey::Id(AccountId::new(format!("{n:012}")).unwrap())
    }

    fn name() -> PermissionSetName {
        PermissionSetName::new("run").unwrap()
    }

    fn content(policy: &str) -> PermissionSet {
        let mut set = PermissionSet::new(name());
        set.managed_policies.insert(policy.into());
        set
    }

    /// The set is assigned in two accounts; what the service says of the roles there.
    struct Then {
        snapshot: Snapshot,
        roles: Vec<RoleRow>,
        in_accounts: Vec<InAccount>,
    }

    fn then(policy: &str, provisioning: [Provisioning; 2]) -> Then {
        let ops = PrincipalKey::Group(GroupName::new("ops").unwrap());
        let names = Names::new(vec![account(1), account(2)], vec![name()], vec![ops]).unwrap();
        let tuples = vec![Tuple::new(0, 0, 0), Tuple::new(1, 0, 0)];
        let mut snapshot = Snapshot {
            access: Access::from_tuples(names, tuples),
            ..Snapshot::default()
        };
        let set = Entity::observed(content(policy));
        snapshot.permission_sets.insert(name(), set);
        let roles = (0..).zip(provisioning).map(|(account, provisioning)| RoleRow {
            pair: Pair::new(account, 0),
            suffix: None,
            provisioning,
        });
        Then {
            snapshot,
            roles: roles.collect(),
            in_accounts: Vec::new(),
        }
    }

    impl Then {
        fn reading(&self) -> Reading<'_> {
            Reading {
                snapshot: &self.snapshot,
                roles: &self.roles,
                in_accounts: &self.in_accounts,
            }
        }

        fn edited(mut self, n: u64, edits: &[&str], behind: bool) -> Self {
            self.in_accounts.push(InAccount {
                account: account(n),
                fault: AccountFault::RoleEdited {
                    permission_set: name(),
                    edits: edits.iter().map(|edit| Arc::from(*edit)).collect(),
                    behind,
                },
            });
            self
        }
    }

    use Provisioning::{Latest, Stale, Tampered};

    /// What is known after these readings, one after the other: the policies and where.
    fn known(readings: &[&Then]) -> Vec<(String, Vec<AccountKey>)> {
        let (mut known, mut before) = (Vec::new(), None);
        for now in readings {
            known = older_roles(&known, before, &BTreeMap::new(), now.reading());
            before = Some(now.reading());
        }
        let told = known.iter().map(|of| {
            let policies: Vec<&str> = of.content.managed_policies.iter().map(|arn| &**arn).collect();
            (policies.join(" "), of.accounts.iter().cloned().collect())
        });
        told.collect()
    }

    #[test]
    fn a_role_that_is_behind_holds_what_its_set_was_when_it_was_not() {
        let first = then(ADMIN, [Latest, Latest]);
        let narrowed = then(VIEW, [Stale, Latest]);
        assert_eq!(
            known(&[&first, &narrowed]),
            [(ADMIN.to_owned(), vec![account(1)])]
        );
        // Another change, which the other role has not got either: it holds what came between.
        let again = then("x", [Stale, Stale]);
        let expected = [
            (ADMIN.to_owned(), vec![account(1)]),
            (VIEW.to_owned(), vec![account(2)]),
        ];
        assert_eq!(known(&[&first, &narrowed, &again]), expected);
        let provisioned = then("x", [Latest, Stale]);
        let expected = [(VIEW.to_owned(), vec![account(2)])];
        assert_eq!(known(&[&first, &narrowed, &again, &provisioned]), expected);
    }

    #[test]
    fn of_what_nobody_saw_up_to_date_nothing_is_known() {
        let narrowed = then(VIEW, [Stale, Latest]);
        assert_eq!(known(&[&narrowed]), []);
        assert_eq!(known(&[&narrowed, &narrowed]), []);
        // A run changed the set from something else than was read before: somebody changed it in between.
        let first = then(ADMIN, [Latest, Latest]);
        let (between, name) = (content("y"), name());
        let written = BTreeMap::from([(&name, &between)]);
        let found = older_roles(&[], Some(first.reading()), &written, narrowed.reading());
        assert_eq!(found, []);
        // Nothing was read before: then it was what the run changed it from.
        let found = older_roles(&[], None, &written, narrowed.reading());
        assert_eq!(*found[0].content, between);
    }

    #[test]
    fn what_a_role_holds_is_what_it_was_provisioned_with_and_the_edits() {
        let first = then(ADMIN, [Latest, Latest]);
        let detached = format!("policy detached: {ADMIN}");
        let now = then(VIEW, [Tampered, Latest]).edited(1, &[&detached, "policy attached: z"], true);
        let older = older_roles(&[], Some(first.reading()), &BTreeMap::new(), now.reading());
        let contents = RoleContents::at(now.reading(), &older);
        let role = contents.of(&account(1), &name()).unwrap();
        assert_eq!((role.behind, role.edited), (true, true));
        assert_eq!(role.content, Some(content("z")));
        assert_eq!(contents.of(&account(2), &name()), None);
        // Edited again, in the one account: what it was provisioned with stays known.
        let later = older_roles(&older, Some(now.reading()), &BTreeMap::new(), now.reading());
        assert_eq!(later, older);
        // Nobody could look into the account.
        let unseen = then(VIEW, [Tampered, Latest]);
        let contents = RoleContents::at(unseen.reading(), &[]);
        assert_eq!(contents.of(&account(1), &name()).unwrap().content, None);
    }

    #[test]
    fn a_role_that_is_behind_by_what_allows_nothing_else_is_as_its_set() {
        let first = then(VIEW, [Latest, Latest]);
        let mut now = then(VIEW, [Stale, Stale]);
        let set = now.snapshot.permission_sets.get_mut(&name()).unwrap();
        set.value.description = Some("said otherwise".into());
        let older = older_roles(&[], Some(first.reading()), &BTreeMap::new(), now.reading());
        assert_eq!(older.len(), 1);
        assert!(RoleContents::at(now.reading(), &older).is_empty());
    }
}
