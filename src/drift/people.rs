//! What drift means for people: who gained access behind the stack's back, who lost it, and whose access means
//! something else now.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::{AccountKey, EntityKey, GroupName, PermissionSetName, PrincipalKey, UserName};
use crate::model::in_account::{AccountFault, with_edits};
use crate::model::permission_set::PermissionSet;
use crate::model::privilege::judge;
use crate::model::reach::{Reach, Reached, holders_in};
use crate::model::roles::Provisioning;

use super::named::live_key;
use super::{Cause, Content, DriftItem, Sources, Subject};

/// Findings beyond this many are not worked out for people: they are not shown one by one either.
const MOST: usize = 1_000;

/// What happened to people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// They had it, and have it no more by any path.
    Lost,
    /// They have it, or more by it, and would not but for this.
    Gained,
    /// They have it although its time has come.
    Kept,
    /// They have it, and it is not what was applied.
    Concerned,
}

/// People to whom the same happened.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Consequence {
    /// What.
    pub effect: Effect,
    /// To whom, with which set, where.
    pub reached: Reached,
}

/// Fills in what findings mean for people.
pub(super) fn fill(sources: &Sources<'_>, items: &mut [DriftItem]) {
    let mut concerned = items
        .iter_mut()
        .filter(|item| concerns(item))
        .take(MOST)
        .peekable();
    if concerned.peek().is_none() {
        return;
    }
    let people = People {
        sources,
        live: Reach::new(sources.live),
        applied: Reach::new(&sources.recorded.applied),
        seen: sources
            .recorded
            .seen
            .as_ref()
            .map(|seen| Reach::new(&seen.snapshot)),
    };
    for item in concerned {
        item.people = people.of(item);
    }
}

/// Whether a finding can mean something for people. What others granted is a finding of its own.
fn concerns(item: &DriftItem) -> bool {
    match &item.subject {
        Subject::Members { .. } | Subject::Grants { .. } => matches!(
            item.cause,
            Cause::UnmanagedMembership | Cause::Unmanaged | Cause::Missing | Cause::Overdue
        ),
        Subject::Roles { .. } | Subject::Policy { .. } => true,
        Subject::Entity { key, .. } => match key {
            EntityKey::Group(_) => matches!(item.cause, Cause::Missing | Cause::Rebound),
            EntityKey::PermissionSet(_) => {
                matches!(item.cause, Cause::Missing | Cause::Changed | Cause::Rebound)
            }
            EntityKey::Account(_) => item.cause == Cause::SamlProviderMissing || stands_otherwise(item),
            EntityKey::User(_) => matches!(item.cause, Cause::Missing | Cause::Rebound),
            EntityKey::OrganizationalUnit(_) => false,
        },
        Subject::Quota { .. } => false,
    }
}

/// Whether an account stands in another unit or has other tags: it may be production now.
fn stands_otherwise(item: &DriftItem) -> bool {
    match &item.subject {
        Subject::Entity {
            contents: Some(contents),
            ..
        } => match &**contents {
            (Content::Account(before), Content::Account(now)) => {
                before.ou != now.ou || before.tags != now.tags
            }
            _ => false,
        },
        _ => false,
    }
}

type Grants = BTreeMap<PermissionSetName, Vec<AccountKey>>;

struct People<'a> {
    sources: &'a Sources<'a>,
    live: Reach<'a>,
    /// As applied, for what is gone.
    applied: Reach<'a>,
    /// As last read, for what is gone.
    seen: Option<Reach<'a>>,
}

impl People<'_> {
    fn of(&self, item: &DriftItem) -> Vec<Consequence> {
        let as_cause = match item.cause {
            Cause::Missing | Cause::RoleMissing | Cause::SamlProviderMissing => Effect::Lost,
            Cause::Overdue => Effect::Kept,
            Cause::Unmanaged | Cause::UnmanagedMembership => Effect::Gained,
            _ => Effect::Concerned,
        };
        match &item.subject {
            Subject::Members { group, users } => {
                let principal = PrincipalKey::Group(self.group_now(group));
                let users: BTreeSet<UserName> = users.iter().cloned().collect();
                let grants = self.live.grants(&principal);
                told(as_cause, self.live.only_through(&principal, &users, &grants))
            }
            Subject::Grants {
                permission_set,
                principal,
                accounts,
            } => {
                let grants: Grants = [(permission_set.clone(), accounts.clone())].into();
                let now = match principal {
                    // Told by the name that the service has.
                    PrincipalKey::Group(name)
                        if item.cause == Cause::Unmanaged && self.sources.renamed.is_taken(name) =>
                    {
                        principal.clone()
                    }
                    PrincipalKey::Group(name) => PrincipalKey::Group(self.group_now(name)),
                    other => other.clone(),
                };
                let people = self.live.people(&now);
                told(as_cause, self.live.only_through(&now, &people, &grants))
            }
            Subject::Roles {
                permission_set,
                accounts,
            } => {
                let effect = match as_cause {
                    Effect::Concerned if self.gives_more(item, permission_set) => Effect::Gained,
                    effect => effect,
                };
                told(effect, self.live.holders(permission_set, Some(accounts)))
            }
            Subject::Policy {
                permission_set,
                accounts,
                ..
            } => told(as_cause, self.live.holders(permission_set, Some(accounts))),
            Subject::Entity { key, contents, .. } => match key {
                EntityKey::Group(name) => self.other_group(name, item.cause),
                EntityKey::PermissionSet(name) if item.cause == Cause::Missing => {
                    told(Effect::Lost, self.lost_with(name))
                }
                EntityKey::PermissionSet(name) => {
                    let effect = match contents.as_deref() {
                        Some((Content::PermissionSet(from), Content::PermissionSet(to))) => weighed(from, to),
                        _ => Effect::Concerned,
                    };
                    self.by_roles(name, effect)
                }
                EntityKey::Account(account) if item.cause != Cause::SamlProviderMissing => {
                    told(as_cause, holders_in(self.sources.live, account))
                }
                EntityKey::Account(account) => {
                    let within = std::slice::from_ref(account);
                    let sets = self.live.sets_in(account);
                    let holders = sets
                        .into_iter()
                        .flat_map(|set| self.live.holders(set, Some(within)));
                    told(as_cause, holders.collect())
                }
                EntityKey::User(name) => self.other_user(name, item.cause),
                EntityKey::OrganizationalUnit(_) => Vec::new(),
            },
            Subject::Quota { .. } => Vec::new(),
        }
    }

    /// Those who have a set that is not as applied. Where the roles were not provisioned since, nothing has come of it yet;
    /// where a role is gone, nobody enters by it, which is a finding of its own.
    fn by_roles(&self, name: &PermissionSetName, effect: Effect) -> Vec<Consequence> {
        let observed = self.sources.observed;
        let names = &observed.snapshot.access.names;
        let stale = observed
            .roles
            .iter()
            .filter(|row| row.provisioning == Provisioning::Stale);
        let stale = stale.filter(|row| names.permission_set(row.pair.permission_set()) == Some(name));
        let edited = observed
            .in_accounts
            .iter()
            .filter_map(|found| match &found.fault {
                AccountFault::RoleEdited {
                    permission_set,
                    behind: true,
                    ..
                } if permission_set == name => Some(&found.account),
                _ => None,
            });
        let behind: BTreeSet<&AccountKey> = stale
            .filter_map(|row| names.account(row.pair.account()))
            .chain(edited)
            .collect();
        let gone: BTreeSet<&AccountKey> = observed
            .in_accounts
            .iter()
            .filter(|found| matches!(&found.fault, AccountFault::RoleGone { permission_set } if permission_set == name))
            .map(|found| &found.account)
            .collect();
        let mut out = Vec::new();
        for reached in self.live.holders(name, None) {
            let (late, done): (Vec<AccountKey>, Vec<AccountKey>) = reached
                .accounts
                .iter()
                .filter(|account| !gone.contains(account))
                .cloned()
                .partition(|account| behind.contains(account));
            for (effect, accounts) in [(effect, done), (Effect::Concerned, late)] {
                let reached = Reached {
                    accounts,
                    ..reached.clone()
                };
                out.extend((!reached.accounts.is_empty()).then_some(Consequence { effect, reached }));
            }
        }
        out
    }

    /// Who had a set that is gone: whoever is behind those it was granted to when it was applied.
    fn lost_with(&self, set: &PermissionSetName) -> Vec<Reached> {
        let granted = self.granted(set);
        let mut paths: BTreeMap<UserName, Vec<&BTreeSet<AccountKey>>> = BTreeMap::new();
        for (principal, accounts) in &granted {
            let now = match principal {
                PrincipalKey::Group(name) => PrincipalKey::Group(self.group_now(name)),
                other => (*other).clone(),
            };
            for user in self.live.people(&now) {
                paths.entry(user).or_default().push(accounts);
            }
        }
        let mut alike: BTreeMap<Vec<&BTreeSet<AccountKey>>, Vec<UserName>> = BTreeMap::new();
        for (user, paths) in paths {
            alike.entry(paths).or_default().push(user);
        }
        let mut found: BTreeMap<BTreeSet<&AccountKey>, Vec<UserName>> = BTreeMap::new();
        for (paths, people) in alike {
            let accounts = paths.into_iter().flatten().collect();
            found.entry(accounts).or_default().extend(people);
        }
        let reached = |(accounts, mut people): (BTreeSet<&AccountKey>, Vec<UserName>)| {
            people.sort_unstable();
            Reached {
                people,
                permission_set: set.clone(),
                accounts: accounts.into_iter().cloned().collect(),
            }
        };
        let mut out: Vec<Reached> = found.into_iter().map(reached).collect();
        out.sort_by_key(|row| std::cmp::Reverse(row.people.len() * row.accounts.len()));
        out
    }

    /// To whom a set was granted when it was applied, and where.
    fn granted(&self, set: &PermissionSetName) -> BTreeMap<&PrincipalKey, BTreeSet<AccountKey>> {
        let access = &self.sources.recorded.applied.access;
        let rank = access.names.permission_set_rank(set);
        let mut granted: BTreeMap<&PrincipalKey, BTreeSet<AccountKey>> = BTreeMap::new();
        let tuples = access.tuples.iter();
        for tuple in tuples.filter(|tuple| Some(tuple.permission_set()) == rank) {
            if let Some((account, _, principal)) = access.names.resolve(*tuple) {
                let accounts = granted.entry(principal).or_default();
                accounts.insert(live_key(account, self.sources.live));
            }
        }
        granted
    }

    fn group_now(&self, name: &GroupName) -> GroupName {
        self.sources.renamed.groups.get(name).unwrap_or(name).clone()
    }

    /// A group that is gone, or in whose place stands another of its name: who had access through it, and who has by
    /// the new one.
    fn other_group(&self, name: &GroupName, cause: Cause) -> Vec<Consequence> {
        let principal = PrincipalKey::Group(name.clone());
        let before = self.members_before(name);
        let mut grants = Grants::new();
        for (set, accounts) in self.applied.grants(&principal) {
            let accounts = accounts.iter().map(|key| live_key(key, self.sources.live));
            grants.insert(set, accounts.collect());
        }
        // What they have through the new group, they have.
        let mut out = told(Effect::Lost, self.live.lacking(&before, &grants));
        if cause == Cause::Rebound {
            let now = self.live.people(&principal);
            let strangers = now.difference(&before).cloned().collect();
            let grants = self.live.grants(&principal);
            out.extend(told(
                Effect::Gained,
                self.live.only_through(&principal, &strangers, &grants),
            ));
        }
        out
    }

    /// What a user had who is gone, or in whose place stands another of the name: as applied and as last read, directly
    /// and through groups. What another of the name has, nobody gave to them.
    fn other_user(&self, name: &UserName, cause: Cause) -> Vec<Consequence> {
        let mut grants: BTreeMap<PermissionSetName, BTreeSet<AccountKey>> = BTreeMap::new();
        for before in [Some(&self.applied), self.seen.as_ref()].into_iter().flatten() {
            for (set, accounts) in before.entries(name) {
                let accounts = accounts.iter().map(|key| live_key(key, self.sources.live));
                grants.entry(set).or_default().extend(accounts);
            }
        }
        let grants = grants
            .into_iter()
            .map(|(set, accounts)| (set, accounts.into_iter().collect()));
        let mut out = told(
            Effect::Lost,
            self.live.lacking(&[name.clone()].into(), &grants.collect()),
        );
        if cause == Cause::Rebound {
            let has = self.live.entries(name).into_iter();
            let has = has.map(|(permission_set, accounts)| Reached {
                people: vec![name.clone()],
                permission_set,
                accounts: accounts.into_iter().collect(),
            });
            out.extend(told(Effect::Gained, has.collect()));
        }
        out
    }

    /// Who was in a group when it was applied, or else when it was last read.
    fn members_before(&self, name: &GroupName) -> BTreeSet<UserName> {
        let recorded = self.sources.recorded;
        let applied = recorded.applied.groups.get(name);
        let seen = recorded
            .seen
            .as_ref()
            .and_then(|seen| seen.snapshot.groups.get(name));
        let known = [applied, seen].into_iter().flatten();
        known
            .into_iter()
            .find_map(|group| group.value.members.clone())
            .unwrap_or_default()
    }

    /// Whether what was edited in a role makes more of it than its set is.
    fn gives_more(&self, item: &DriftItem, set: &PermissionSetName) -> bool {
        let set = self.sources.live.permission_sets.get(set).map(|set| &set.value);
        set.is_some_and(|set| judge(&item.with_edits(set)).is_graver_than(&judge(item.before_edits(set))))
    }
}

impl DriftItem {
    /// What the roles of a set were provisioned with; `set` is what it is now.
    pub fn before_edits<'s>(&'s self, set: &'s PermissionSet) -> &'s PermissionSet {
        self.provisioned.as_deref().unwrap_or(set)
    }

    /// Whether nobody knows what the roles of a set were provisioned with.
    pub fn is_not_known(&self) -> bool {
        self.behind && self.provisioned.is_none()
    }

    /// What the roles of a set have, by what was attached to them, detached from them or written into them past it.
    pub fn with_edits(&self, set: &PermissionSet) -> PermissionSet {
        with_edits(self.before_edits(set), &self.edits)
    }
}

/// What a set that is not as applied means for those who have it.
fn weighed(applied: &PermissionSet, live: &PermissionSet) -> Effect {
    let (before, now) = (judge(applied), judge(live));
    if now.is_graver_than(&before) {
        Effect::Gained
    } else if before.is_graver_than(&now) {
        Effect::Lost
    } else {
        Effect::Concerned
    }
}

fn told(effect: Effect, reached: Vec<Reached>) -> Vec<Consequence> {
    reached
        .into_iter()
        .map(|reached| Consequence { effect, reached })
        .collect()
}
