//! Users, groups and memberships as the world keeps them, with their indexes.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use super::super::clock::Time;
use super::super::place::PrincipalIx;

/// Whether a principal is a user or a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum PrincipalKind {
    /// `USER`
    User,
    /// `GROUP`
    Group,
}

impl PrincipalKind {
    /// AWS's word for it.
    pub fn as_str(self) -> &'static str {
        match self {
            PrincipalKind::User => "USER",
            PrincipalKind::Group => "GROUP",
        }
    }

    pub(super) fn seed(self) -> &'static str {
        match self {
            PrincipalKind::User => "user",
            PrincipalKind::Group => "group",
        }
    }
}

/// The id that a directory gave to a user or group it keeps in step (SCIM).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ExternalId {
    /// Who gave it.
    pub issuer: String,
    /// The id.
    pub id: String,
}

/// A user's attributes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct User {
    /// `UserName`, unique.
    pub user_name: String,
    /// `DisplayName`.
    pub display_name: String,
    /// `Name.GivenName`.
    pub given_name: String,
    /// `Name.FamilyName`.
    pub family_name: String,
    /// The value of the one e-mail address a user may have; unique.
    pub email: Option<String>,
    /// Other attributes, by path, for example `title`.
    pub attributes: BTreeMap<String, String>,
}

/// A group's attributes.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Group {
    /// `DisplayName`, unique.
    pub display_name: String,
    /// `Description`.
    pub description: Option<String>,
}

/// What a principal is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Detail {
    /// A user.
    User(User),
    /// A group.
    Group(Group),
}

/// A user or a group, also after it was deleted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Principal {
    pub(in super::super) uuid: u128,
    /// Whether it still exists.
    pub live: bool,
    /// `Revision`: changes with each update.
    pub revision: u32,
    /// `ExternalIds`: it has one when a directory keeps it in step.
    pub external_id: Option<ExternalId>,
    /// Its attributes.
    pub detail: Detail,
    /// `CreatedAt` and `UpdatedAt`; kept with the world's [dates](super::super::dates).
    #[serde(skip)]
    pub dates: (Time, Time),
}

impl Principal {
    /// Whether it is a user or a group.
    pub fn kind(&self) -> PrincipalKind {
        match self.detail {
            Detail::User(_) => PrincipalKind::User,
            Detail::Group(_) => PrincipalKind::Group,
        }
    }

    /// The user name or the group's display name.
    pub fn name(&self) -> &str {
        match &self.detail {
            Detail::User(user) => &user.user_name,
            Detail::Group(group) => &group.display_name,
        }
    }

    /// The user's attributes.
    pub fn user(&self) -> Option<&User> {
        match &self.detail {
            Detail::User(user) => Some(user),
            Detail::Group(_) => None,
        }
    }

    /// The group's attributes.
    pub fn group(&self) -> Option<&Group> {
        match &self.detail {
            Detail::Group(group) => Some(group),
            Detail::User(_) => None,
        }
    }

    fn email(&self) -> Option<&str> {
        self.user().and_then(|user| user.email.as_deref())
    }
}

#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(super) struct Stored {
    principals: Vec<Principal>,
    pub(super) memberships: BTreeMap<(PrincipalIx, PrincipalIx), u64>,
    memberships_made: u64,
    /// Names that a principal had before it was renamed.
    former: BTreeSet<NameKey>,
}

type NameKey = (PrincipalKind, String);

/// `CreatedAt` and `UpdatedAt` of users and groups.
type PrincipalDates = Vec<(PrincipalIx, Time, Time)>;
/// `CreatedAt` of memberships, by group and user.
type MembershipDates = Vec<(PrincipalIx, PrincipalIx, Time)>;

/// Users, groups and memberships, with their indexes.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(from = "Stored")]
pub struct IdentityStore {
    pub(super) stored: Stored,
    by_uuid: FxHashMap<u128, PrincipalIx>,
    by_name: FxHashMap<NameKey, PrincipalIx>,
    pub(super) by_email: FxHashMap<String, PrincipalIx>,
    pub(super) by_external: FxHashMap<(PrincipalKind, ExternalId), PrincipalIx>,
    /// How many principals of a kind and name were deleted.
    gone: FxHashMap<NameKey, u64>,
    groups_of: BTreeSet<(PrincipalIx, PrincipalIx)>,
    /// When memberships were made; kept with the world's [dates](super::super::dates).
    joined: FxHashMap<(PrincipalIx, PrincipalIx), Time>,
    /// Built when a membership is first asked for by id.
    pub(super) by_membership: Option<FxHashMap<u128, (PrincipalIx, PrincipalIx)>>,
    live: [usize; 2],
}

impl Serialize for IdentityStore {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.stored.serialize(serializer)
    }
}

impl From<Stored> for IdentityStore {
    fn from(stored: Stored) -> Self {
        let principals = stored.principals.clone();
        let mut store = IdentityStore {
            groups_of: stored
                .memberships
                .keys()
                .map(|(group, user)| (*user, *group))
                .collect(),
            ..IdentityStore::default()
        };
        for (at, principal) in principals.iter().enumerate() {
            store.index(PrincipalIx::new(at), principal);
        }
        store.stored = stored;
        store
    }
}

impl IdentityStore {
    /// The principal at a place, also a deleted one.
    pub fn principal(&self, at: PrincipalIx) -> Option<&Principal> {
        self.stored.principals.get(at.at())
    }

    /// The principal at a place, if it still exists.
    pub fn live(&self, at: PrincipalIx) -> Option<&Principal> {
        self.principal(at).filter(|principal| principal.live)
    }

    /// All principals that exist, in the order in which they were made.
    pub fn principals(&self) -> impl Iterator<Item = (PrincipalIx, &Principal)> {
        self.from(0).filter(|(_, principal)| principal.live)
    }

    /// How many principals there ever were; places are below this.
    pub fn principals_made(&self) -> usize {
        self.stored.principals.len()
    }

    /// The place of the principal with this name.
    pub fn by_name(&self, kind: PrincipalKind, name: &str) -> Option<PrincipalIx> {
        self.by_name.get(&(kind, name.to_owned())).copied()
    }

    /// The place of the principal with this UUID, also of a deleted one.
    pub(in super::super) fn by_uuid(&self, uuid: u128) -> Option<PrincipalIx> {
        self.by_uuid.get(&uuid).copied()
    }

    /// The members of a group, in the order in which the users were made.
    pub fn members(&self, group: PrincipalIx) -> impl Iterator<Item = PrincipalIx> + '_ {
        self.members_from(group, 0)
    }

    /// The groups that a user is in.
    pub fn groups_of(&self, user: PrincipalIx) -> impl Iterator<Item = PrincipalIx> + '_ {
        self.groups_from(user, 0)
    }

    /// How many memberships there are.
    pub fn memberships(&self) -> usize {
        self.stored.memberships.len()
    }

    pub(in super::super) fn is_member(&self, group: PrincipalIx, user: PrincipalIx) -> bool {
        self.stored.memberships.contains_key(&(group, user))
    }

    /// Whether a principal of this kind and name was deleted or renamed, and none has the name now.
    pub(in super::super) fn is_gone(&self, kind: PrincipalKind, name: &str) -> bool {
        self.by_name(kind, name).is_none()
            && (self.generation(kind, name) > 0 || self.stored.former.contains(&(kind, name.to_owned())))
    }

    pub(super) fn generation(&self, kind: PrincipalKind, name: &str) -> u64 {
        self.gone.get(&(kind, name.to_owned())).copied().unwrap_or(0)
    }

    pub(super) fn from(&self, start: usize) -> impl Iterator<Item = (PrincipalIx, &Principal)> {
        let all = self.stored.principals.iter().enumerate().skip(start);
        all.map(|(at, principal)| (PrincipalIx::new(at), principal))
    }

    pub(super) fn members_from(
        &self,
        group: PrincipalIx,
        start: usize,
    ) -> impl Iterator<Item = PrincipalIx> + '_ {
        let range = (group, PrincipalIx::new(start))..=(group, PrincipalIx::new(usize::MAX));
        self.stored.memberships.range(range).map(|((_, user), _)| *user)
    }

    pub(super) fn groups_from(
        &self,
        user: PrincipalIx,
        start: usize,
    ) -> impl Iterator<Item = PrincipalIx> + '_ {
        let range = (user, PrincipalIx::new(start))..=(user, PrincipalIx::new(usize::MAX));
        self.groups_of.range(range).map(|(_, group)| *group)
    }

    fn index(&mut self, at: PrincipalIx, principal: &Principal) {
        self.by_uuid.insert(principal.uuid, at);
        let key = (principal.kind(), principal.name().to_owned());
        if !principal.live {
            *self.gone.entry(key).or_default() += 1;
            return;
        }
        self.count(principal.kind(), 1);
        self.by_name.insert(key, at);
        if let Some(email) = principal.email() {
            self.by_email.insert(email.to_lowercase(), at);
        }
        if let Some(external) = &principal.external_id {
            self.by_external.insert((principal.kind(), external.clone()), at);
        }
    }

    fn unindex(&mut self, principal: &Principal) {
        self.count(principal.kind(), -1);
        self.by_name
            .remove(&(principal.kind(), principal.name().to_owned()));
        if let Some(email) = principal.email() {
            self.by_email.remove(&email.to_lowercase());
        }
        if let Some(external) = &principal.external_id {
            self.by_external.remove(&(principal.kind(), external.clone()));
        }
    }

    fn count(&mut self, kind: PrincipalKind, by: isize) {
        let [users, groups] = &mut self.live;
        let count = if kind == PrincipalKind::User {
            users
        } else {
            groups
        };
        *count = count.saturating_add_signed(by);
    }

    pub(super) fn live_count(&self, kind: PrincipalKind) -> usize {
        let [users, groups] = self.live;
        if kind == PrincipalKind::User {
            users
        } else {
            groups
        }
    }

    // What the effects do; each says whether what it names exists.

    pub(in super::super) fn add(
        &mut self,
        uuid: u128,
        detail: Detail,
        external_id: Option<ExternalId>,
        now: Time,
    ) {
        let principal = Principal {
            uuid,
            live: true,
            revision: 1,
            external_id,
            detail,
            dates: (now, now),
        };
        self.index(PrincipalIx::new(self.stored.principals.len()), &principal);
        self.stored.principals.push(principal);
    }

    pub(in super::super) fn replace(&mut self, at: PrincipalIx, detail: Detail, now: Time) -> bool {
        let Some(mut principal) = self.live(at).cloned() else {
            return false;
        };
        self.unindex(&principal);
        let former = (principal.kind(), principal.name().to_owned());
        principal.detail = detail;
        principal.revision += 1;
        principal.dates.1 = now;
        if principal.name() != former.1 {
            self.stored.former.insert(former);
        }
        self.index(at, &principal);
        self.stored
            .principals
            .get_mut(at.at())
            .map(|slot| *slot = principal)
            .is_some()
    }

    pub(in super::super) fn remove(&mut self, at: PrincipalIx) -> bool {
        let Some(principal) = self.live(at).cloned() else {
            return false;
        };
        let pairs: Vec<_> = match principal.kind() {
            PrincipalKind::Group => self.members(at).map(|user| (at, user)).collect(),
            PrincipalKind::User => self.groups_of(at).map(|group| (group, at)).collect(),
        };
        for (group, user) in pairs {
            self.remove_member(group, user);
        }
        self.unindex(&principal);
        *self
            .gone
            .entry((principal.kind(), principal.name().to_owned()))
            .or_default() += 1;
        self.stored
            .principals
            .get_mut(at.at())
            .map(|slot| slot.live = false)
            .is_some()
    }

    /// When a membership was made.
    pub fn joined(&self, group: PrincipalIx, user: PrincipalIx) -> Time {
        self.joined.get(&(group, user)).copied().unwrap_or_default()
    }

    /// When principals and memberships were made.
    pub(in super::super) fn dates(&self) -> (PrincipalDates, MembershipDates) {
        let all = self.stored.principals.iter().enumerate();
        let live = all.filter(|(_, principal)| principal.live);
        let principals = live.map(|(at, one)| (PrincipalIx::new(at), one.dates.0, one.dates.1));
        let memberships = self.stored.memberships.keys();
        let memberships = memberships.map(|(group, user)| (*group, *user, self.joined(*group, *user)));
        (principals.collect(), memberships.collect())
    }

    /// Takes them over; what is not there any more is left out.
    pub(in super::super) fn date(&mut self, principals: PrincipalDates, memberships: MembershipDates) {
        for (at, created, updated) in principals {
            if let Some(principal) = self.stored.principals.get_mut(at.at()) {
                principal.dates = (created, updated);
            }
        }
        let joined = memberships.into_iter();
        self.joined = joined.map(|(group, user, made)| ((group, user), made)).collect();
    }

    pub(in super::super) fn add_member(&mut self, group: PrincipalIx, user: PrincipalIx, now: Time) -> bool {
        if self.live(group).is_none() || self.live(user).is_none() {
            return false;
        }
        self.stored.memberships_made += 1;
        let nth = self.stored.memberships_made;
        self.stored.memberships.insert((group, user), nth);
        self.groups_of.insert((user, group));
        self.joined.insert((group, user), now);
        true
    }

    /// Keeps the index of membership ids up to date, once it has been built.
    pub(in super::super) fn index_membership(&mut self, uuid: u128, group: PrincipalIx, user: PrincipalIx) {
        if let Some(index) = &mut self.by_membership {
            index.insert(uuid, (group, user));
        }
    }

    pub(in super::super) fn remove_member(&mut self, group: PrincipalIx, user: PrincipalIx) -> bool {
        self.groups_of.remove(&(user, group));
        self.joined.remove(&(group, user));
        self.stored.memberships.remove(&(group, user)).is_some()
    }
}
