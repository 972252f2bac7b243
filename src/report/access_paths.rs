//! Why a person can enter an account: every path, with the blocks that declare it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{AccountKey, GroupName, PermissionSetName, PrincipalKey, ServiceId, UserName};
use crate::model::identities::{Identities, Succession};
use crate::model::record::Recorded;
use crate::model::role_content::RoleContents;
use crate::model::roles::role_arn;
use crate::model::snapshot::{Management, Snapshot};
use crate::model::stack::RiskSettings;
use crate::plan::risk::{ProductionAccounts, RiskMark, SetJudge};
use crate::source::Location;

use super::memberships::undeclared;

/// The version of the JSON form.
pub const FORMAT_VERSION: u32 = 1;

/// What is asked: a person's access to an account, perhaps with one set alone.
#[derive(Debug, Clone)]
pub struct Asked {
    /// Whose.
    pub person: UserName,
    /// Where.
    pub account: AccountKey,
    /// With which set; any unless given.
    pub permission_set: Option<PermissionSetName>,
}

/// A person's access to an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Explanation {
    /// The version of this form.
    pub format_version: u32,
    /// When this was read from the service; absent if it never was and this is what was applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub seen_at: Option<Timestamp>,
    /// What people call the person.
    pub person: String,
    /// The person's user name.
    pub user_name: String,
    /// What people call the account.
    pub account: String,
    /// The account's id.
    pub account_id: String,
    /// What keeps anybody from entering the account now, where it is not in use: suspended, being closed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account_shut: Option<String>,
    /// Whether the account is production, by the stack's `production` block.
    pub production: bool,
    /// The set that was asked about, if only one was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub asked: Option<String>,
    /// What the person can use there; empty: nothing that is known.
    pub permission_sets: Vec<SetPaths>,
    /// Groups that have access there and whose members are not known: the person may be among them.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_known: Vec<String>,
}

/// One permission set, and how the person comes to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SetPaths {
    /// Which.
    pub permission_set: String,
    /// The ARN of its role in the account, where it was read.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_arn: Option<String>,
    /// What makes it a risk.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub risk: Option<RiskMark>,
    /// What says so.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// What its role holds in the account, as last read, where that is not what the set says: it counts for `risk`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role_holds: Option<String>,
    /// Whether somebody edited its role in the account.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub role_edited: bool,
    /// What somebody edited of its role in the account, as last read; it counts for `risk`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub role_edits: Vec<String>,
    /// Every path, groups first.
    pub paths: Vec<Path>,
}

/// One path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Path {
    /// Through which group; absent for an assignment to the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub group: Option<String>,
    /// Who says who is in the group.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub membership: Option<Membership>,
    /// The blocks that declare the assignment; none: this stack does not declare it.
    pub declared_by: Vec<DeclaringBlock>,
    /// The first reading since which it has been there without a break; absent where no reading is recorded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub since: Option<Timestamp>,
    /// That was the first reading there is: it may have been there before.
    #[serde(default)]
    pub at_least: bool,
}

/// Who says who is in a group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Membership {
    /// The blocks that declare the group or look it up.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared_by: Vec<Address>,
    /// Where the (first) block is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Whether this stack made the membership; otherwise it lives in the directory, or see `undeclared`.
    pub managed: bool,
    /// This stack writes the members of the group, and no block declares the person one of them.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undeclared: bool,
}

/// A block that declares an assignment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct DeclaringBlock {
    /// Its address.
    pub address: Address,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// Its `reason`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Arc<str>>,
    /// Its `expires`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub expires: Option<Timestamp>,
}

/// A path as far as a reading shows it: a set, and through whom.
type Reached = (PermissionSetName, PrincipalKey);

/// Since when each path has been there, told from one reading after the other. People and groups are followed by their
/// ids: another name breaks no path, and who was made anew under an old name begins none before that.
#[derive(Debug, Clone)]
pub struct Since<'a> {
    asked: &'a Asked,
    /// By which id the service knows the person.
    person: Option<ServiceId>,
    readings: u64,
    /// When it began, and whether that was the first reading.
    paths: BTreeMap<Reached, (Timestamp, bool)>,
    identities: Identities,
}

impl<'a> Since<'a> {
    /// Before any reading, for somebody as the state has them.
    pub fn new(asked: &'a Asked, recorded: &Recorded) -> Self {
        let person = last_seen(recorded).users.get(&asked.person);
        Since {
            asked,
            person: person.and_then(|user| user.value.id.clone()),
            readings: 0,
            paths: BTreeMap::new(),
            identities: Identities::default(),
        }
    }

    /// The next reading.
    pub fn read(&mut self, snapshot: &Snapshot, at: Timestamp) {
        let there = self.called(snapshot).map(|person| {
            let asked = Asked {
                person,
                ..self.asked.clone()
            };
            reached(snapshot, &asked)
        });
        let succession = self.identities.read(snapshot);
        let before = std::mem::take(&mut self.paths);
        let before: BTreeMap<Reached, _> = before
            .into_iter()
            .filter_map(|((set, principal), began)| Some(((set, succession.now(&principal)?.clone()), began)))
            .collect();
        let paths = there.into_iter().flatten().map(|path| {
            let began = before.get(&path).copied();
            (path, began.unwrap_or((at, self.readings == 0)))
        });
        self.paths = paths.collect();
        self.readings += 1;
    }

    /// What the person is called in a reading; `None` if somebody else is called so there.
    fn called(&self, snapshot: &Snapshot) -> Option<UserName> {
        let Some(id) = &self.person else {
            return Some(self.asked.person.clone());
        };
        let mut users = snapshot.users.iter();
        let by_id = users.find(|(_, user)| user.value.id.as_ref() == Some(id));
        let namesake = snapshot.users.get(&self.asked.person);
        match (by_id, namesake.and_then(|user| user.value.id.as_ref())) {
            (Some((name, _)), _) => Some(name.clone()),
            (None, Some(_another)) => None,
            (None, None) => Some(self.asked.person.clone()),
        }
    }
}

/// What is there: as last read, else as applied.
fn last_seen(recorded: &Recorded) -> &Snapshot {
    match &recorded.seen {
        Some(seen) => &seen.snapshot,
        None => &recorded.applied,
    }
}

/// The paths that a snapshot shows.
fn reached(snapshot: &Snapshot, asked: &Asked) -> BTreeSet<Reached> {
    let of_person = |principal: &PrincipalKey| match principal {
        PrincipalKey::User(name) => *name == asked.person,
        PrincipalKey::Group(name) => is_member(snapshot, name, &asked.person),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => false,
    };
    let found = snapshot.access.in_account(&asked.account);
    let found = found.filter(|(set, principal)| wanted(asked, set) && of_person(principal));
    found
        .map(|(set, principal)| (set.clone(), principal.clone()))
        .collect()
}

fn wanted(asked: &Asked, set: &PermissionSetName) -> bool {
    asked.permission_set.as_ref().is_none_or(|wanted| wanted == set)
}

fn is_member(snapshot: &Snapshot, group: &GroupName, person: &UserName) -> bool {
    let group = snapshot.groups.get(group);
    let members = group.and_then(|group| group.value.members.as_ref());
    members.is_some_and(|members| members.contains(person))
}

/// Explains what the state holds; `since` has taken all readings that it holds.
pub fn explain(asked: &Asked, recorded: &Recorded, since: &Since<'_>, risk: &RiskSettings) -> Explanation {
    let snapshot = last_seen(recorded);
    let renamed = Identities::of(&recorded.applied).succession(snapshot);
    let judge = SetJudge::new(risk);
    let mut sets: BTreeMap<PermissionSetName, Vec<Path>> = BTreeMap::new();
    for (set, principal) in reached(snapshot, asked) {
        let path = path(asked, (recorded, &renamed), since, &set, &principal);
        sets.entry(set).or_default().push(path);
    }
    let seen = recorded.seen.as_ref();
    let roles = seen.map(|seen| RoleContents::at(seen.into(), &recorded.older_roles));
    let roles = roles.unwrap_or_default();
    let permission_sets = sets.into_iter().map(|(name, paths)| {
        let set = snapshot.permission_sets.get(&name).map(|set| &set.value);
        let role = roles.of(&asked.account, &name);
        let content = role.and_then(|role| role.content.as_ref());
        let judged = judge.set(&name, content.or(set));
        let unknown = role.filter(|role| role.content.is_none());
        let unknown = unknown.map(|_| RiskMark::RoleNotKnown);
        SetPaths {
            role_holds: role.and_then(|role| role.holds(name.as_str())),
            role_edited: role.is_some_and(|role| role.edited),
            role_edits: role
                .iter()
                .flat_map(|role| &role.edits)
                .map(ToString::to_string)
                .collect(),
            role_arn: arn(recorded, asked, &name),
            risk: judged.mark().into_iter().chain(unknown).min(),
            because: judged.because().iter().map(ToString::to_string).collect(),
            permission_set: name.to_string(),
            paths,
        }
    });
    let person = snapshot.users.get(&asked.person);
    Explanation {
        format_version: FORMAT_VERSION,
        seen_at: recorded.seen.as_ref().map(|seen| seen.at),
        person: person
            .map_or(asked.person.as_str(), |user| user.value.shown())
            .to_owned(),
        user_name: asked.person.to_string(),
        account: snapshot.account_name(&asked.account),
        account_id: asked.account.to_string(),
        account_shut: snapshot.shut(&asked.account).map(str::to_owned),
        production: ProductionAccounts::new(&risk.production)
            .contains(&asked.account, &[&recorded.applied, snapshot]),
        asked: asked.permission_set.as_ref().map(ToString::to_string),
        permission_sets: permission_sets.collect(),
        not_known: not_known(snapshot, asked),
    }
}

fn path(
    asked: &Asked,
    (recorded, renamed): (&Recorded, &Succession),
    since: &Since<'_>,
    set: &PermissionSetName,
    principal: &PrincipalKey,
) -> Path {
    let applied = &recorded.applied;
    let access = &applied.access;
    let when_applied = renamed.before(principal);
    let tuple = when_applied.and_then(|principal| access.names.tuple(&asked.account, set, principal));
    let note = tuple.and_then(|tuple| access.note_at(access.find(tuple)?));
    let blocks = note
        .into_iter()
        .flat_map(|note| note.blocks(&access.declarations));
    let declared_by = blocks.map(|block| DeclaringBlock {
        address: block.address.clone(),
        location: block.location.clone(),
        reason: block.reason.clone(),
        expires: block.expires,
    });
    let group = match principal {
        PrincipalKey::Group(name) => Some(name),
        _ => None,
    };
    let membership = when_applied.and_then(|key| match key {
        PrincipalKey::Group(name) => applied.groups.get(name),
        _ => None,
    });
    let undeclared = group.is_some_and(|name| {
        let seen = recorded.seen.as_ref();
        let strangers = seen.map(|seen| undeclared(applied, &seen.snapshot, name));
        strangers.is_some_and(|strangers| strangers.contains(&asked.person))
    });
    let began = since.paths.get(&(set.clone(), principal.clone()));
    Path {
        group: group.map(ToString::to_string),
        membership: membership.map(|group| Membership {
            declared_by: group.addresses.iter().cloned().collect(),
            location: group.location.clone(),
            managed: group.management >= Management::Managed && !undeclared,
            undeclared,
        }),
        declared_by: declared_by.collect(),
        since: began.map(|(at, _)| *at),
        at_least: began.is_some_and(|(_, first)| *first),
    }
}

fn arn(recorded: &Recorded, asked: &Asked, set: &PermissionSetName) -> Option<String> {
    let AccountKey::Id(account) = &asked.account else {
        return None;
    };
    let seen = recorded.seen.as_ref()?;
    let names = &seen.snapshot.access.names;
    let (account_rank, set_rank) = (
        names.account_rank(&asked.account)?,
        names.permission_set_rank(set)?,
    );
    let mut roles = seen.roles.iter();
    let role =
        roles.find(|role| (role.pair.account(), role.pair.permission_set()) == (account_rank, set_rank))?;
    let region = &recorded.instance.as_ref()?.region;
    Some(role_arn(account, region, set, role.suffix?))
}

fn not_known(snapshot: &Snapshot, asked: &Asked) -> Vec<String> {
    let unread = |principal: &PrincipalKey| match principal {
        PrincipalKey::Group(name) => {
            let group = snapshot.groups.get(name);
            group.is_none_or(|group| group.value.members.is_none())
        }
        _ => false,
    };
    let groups = snapshot.access.in_account(&asked.account);
    let groups = groups.filter(|(set, principal)| wanted(asked, set) && unread(principal));
    let names: BTreeSet<&str> = groups.map(|(_, principal)| principal.name()).collect();
    names.into_iter().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::address::Kind;
    use crate::id::AccountId;
    use crate::model::access::{Access, Block, Declaration};
    use crate::model::principal::{Group, User};
    use crate::model::record::Seen;
    use crate::model::snapshot::Entity;

    fn account() -> AccountKey {
        AccountKey::Id(AccountId::new("111122223333").unwrap())
    }

    fn user(name: &str) -> UserName {
        UserName::new(name).unwrap()
    }

    fn set(name: &str) -> PermissionSetName {
        PermissionSetName::new(name).unwrap()
    }

    /// Assignments of `admin`, each in a block of its own, and who is in the group `ops`.
    fn snapshot(blocks: &[(&str, PrincipalKey)], members: Option<&[&str]>) -> Snapshot {
        let blocks = blocks.iter().map(|(label, principal)| Block {
            declaration: Declaration {
                address: Address::root(Kind::Assignment, *label),
                location: None,
                reason: Some(format!("why {label}").into()),
                expires: None,
            },
            principals: vec![principal.clone()],
            permission_sets: vec![set("admin")],
            accounts: vec![account()],
        });
        let mut snapshot = Snapshot {
            access: Access::from_blocks(blocks.collect()).unwrap(),
            ..Snapshot::default()
        };
        let group = Group {
            display_name: GroupName::new("ops").unwrap(),
            id: None,
            description: None,
            members: members.map(|members| members.iter().map(|name| user(name)).collect()),
            external_id: None,
        };
        snapshot
            .groups
            .insert(group.display_name.clone(), Entity::observed(group));
        snapshot
    }

    fn ops() -> PrincipalKey {
        PrincipalKey::Group(GroupName::new("ops").unwrap())
    }

    fn explained(applied: Snapshot, readings: &[(&str, &Snapshot)]) -> Explanation {
        let asked = Asked {
            person: user("ada"),
            account: account(),
            permission_set: None,
        };
        let seen = readings.last().map(|(at, snapshot)| Seen {
            at: at.parse().unwrap(),
            snapshot: (*snapshot).clone(),
            roles: Vec::new(),
            around: None,
        });
        let recorded = Recorded {
            applied,
            seen,
            ..Recorded::default()
        };
        let mut since = Since::new(&asked, &recorded);
        for (at, snapshot) in readings {
            since.read(snapshot, at.parse().unwrap());
        }
        explain(&asked, &recorded, &since, &RiskSettings::default())
    }

    #[test]
    fn every_path_is_told_with_its_blocks_and_since_when() {
        let direct = PrincipalKey::User(user("ada"));
        let applied = snapshot(&[("a", ops()), ("b", ops())], Some(&["ada"][..]));
        let first = snapshot(&[("x", ops())], Some(&["ada"][..]));
        let without = snapshot(&[("x", ops())], Some(&["bob"][..]));
        let both = snapshot(&[("x", ops()), ("y", direct.clone())], Some(&["ada"][..]));
        let readings = [
            ("2026-01-01T00:00:00Z", &first),
            ("2026-02-01T00:00:00Z", &without),
            ("2026-03-01T00:00:00Z", &first),
            ("2026-04-01T00:00:00Z", &both),
        ];
        let found = explained(applied, &readings);
        let [admin] = found.permission_sets.as_slice() else {
            panic!("{found:?}");
        };
        let shown: Vec<_> = admin
            .paths
            .iter()
            .map(|path| {
                let blocks: Vec<String> = path
                    .declared_by
                    .iter()
                    .map(|block| block.address.to_string())
                    .collect();
                (
                    path.group.as_deref(),
                    blocks.join(" "),
                    path.since.unwrap().to_string(),
                    path.at_least,
                )
            })
            .collect();
        let (march, april) = (
            "2026-03-01T00:00:00Z".to_owned(),
            "2026-04-01T00:00:00Z".to_owned(),
        );
        let expected = [
            (Some("ops"), "assignment.a assignment.b".to_owned(), march, false),
            (None, String::new(), april, false),
        ];
        assert_eq!(shown, expected);
        let once = explained(Snapshot::default(), &readings[..1]);
        assert!(once.permission_sets[0].paths[0].at_least);
    }

    #[test]
    fn a_group_made_anew_gives_access_from_then_on() {
        let with_id = |id: &str| {
            let mut made = snapshot(&[("x", ops())], Some(&["ada"][..]));
            let group = made.groups.values_mut().next().unwrap();
            group.value.id = Some(ServiceId::new(id).unwrap());
            made
        };
        let (old, new) = (with_id("g-1"), with_id("g-2"));
        let readings = [
            ("2026-01-01T00:00:00Z", &old),
            ("2026-02-01T00:00:00Z", &old),
            ("2026-03-01T00:00:00Z", &new),
            ("2026-04-01T00:00:00Z", &new),
        ];
        let found = explained(Snapshot::default(), &readings);
        let path = &found.permission_sets[0].paths[0];
        assert_eq!(path.since.unwrap().to_string(), "2026-03-01T00:00:00Z");
        assert!(!path.at_least);
    }

    /// The group of that name and id has `admin`, and the person of that name, always the same one, is in it.
    fn with_ids(group: &str, id: &str, person: &str) -> Snapshot {
        let name = GroupName::new(group).unwrap();
        let mut made = snapshot(&[("x", PrincipalKey::Group(name.clone()))], Some(&[person][..]));
        let (_, mut entity) = made.groups.pop_first().unwrap();
        entity.value.display_name = name.clone();
        entity.value.id = Some(ServiceId::new(id).unwrap());
        entity.management = Management::Created;
        made.groups.insert(name, entity);
        let person = User {
            user_name: user(person),
            id: Some(ServiceId::new("u-1").unwrap()),
            given_name: "".into(),
            family_name: "".into(),
            display_name: "".into(),
            email: None,
            external_id: None,
        };
        made.users
            .insert(person.user_name.clone(), Entity::observed(person));
        made
    }

    #[test]
    fn another_name_of_the_group_or_the_person_breaks_no_path_and_hides_no_block() {
        let applied = with_ids("old", "g-1", "ada-of-old");
        let renamed = with_ids("ops", "g-1", "ada");
        let readings = [
            ("2026-01-01T00:00:00Z", &applied),
            ("2026-02-01T00:00:00Z", &applied),
            ("2026-03-01T00:00:00Z", &renamed),
        ];
        let found = explained(applied.clone(), &readings);
        let path = &found.permission_sets[0].paths[0];
        assert_eq!(path.group.as_deref(), Some("ops"));
        assert_eq!(path.since.unwrap().to_string(), "2026-01-01T00:00:00Z");
        assert_eq!(path.declared_by.len(), 1);
        let membership = path.membership.clone().unwrap();
        assert_eq!((membership.managed, membership.undeclared), (true, false));
        // One made under the old name has nothing of it, and no block declares what it is given.
        let another = with_ids("old", "g-2", "ada");
        let mut both = renamed.clone();
        both.groups.extend(another.groups.clone());
        both.access = another.access;
        let readings = [
            ("2026-01-01T00:00:00Z", &applied),
            ("2026-03-01T00:00:00Z", &both),
        ];
        let found = explained(applied.clone(), &readings);
        let path = &found.permission_sets[0].paths[0];
        assert_eq!(path.since.unwrap().to_string(), "2026-03-01T00:00:00Z");
        assert_eq!((path.declared_by.len(), &path.membership), (0, &None));
    }

    #[test]
    fn a_membership_that_no_block_declares_is_no_managed_one() {
        let mut applied = snapshot(&[("a", ops())], Some(&["bob"][..]));
        applied.groups.values_mut().next().unwrap().management = Management::Created;
        let live = snapshot(&[("x", ops())], Some(&["ada", "bob"][..]));
        let found = explained(applied.clone(), &[("2026-01-01T00:00:00Z", &live)]);
        let membership = found.permission_sets[0].paths[0].membership.clone().unwrap();
        assert_eq!((membership.managed, membership.undeclared), (false, true));
        let members = applied.groups.values_mut().next().unwrap();
        members.value.members.as_mut().unwrap().insert(user("ada"));
        let found = explained(applied, &[("2026-01-01T00:00:00Z", &live)]);
        let membership = found.permission_sets[0].paths[0].membership.clone().unwrap();
        assert_eq!((membership.managed, membership.undeclared), (true, false));
    }

    #[test]
    fn a_group_without_known_members_may_hold_the_person() {
        let dark = snapshot(&[("x", ops())], None);
        let found = explained(Snapshot::default(), &[("2026-01-01T00:00:00Z", &dark)]);
        assert!(found.permission_sets.is_empty());
        assert_eq!(found.not_known, ["ops"]);
    }
}
