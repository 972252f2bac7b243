//! The identity store: users, groups and memberships.
//!
//! Operation names, fields and errors are those of the service model (identitystore 2020-06-15). Deleting a group
//! or user deletes its memberships and leaves its assignments behind, as orphans: the service does not say that it
//! removes them, and AWS's own scripts delete assignments first.

use super::call::{Listed, Operation, Page, Subject};
use super::clock::Time;
use super::effect::Effect;
use super::error::{Reason, ServiceError};
use super::place::PrincipalIx;
use super::{Existence, World, quota, validate};

mod records;

pub use records::{Detail, ExternalId, Group, IdentityStore, Principal, PrincipalKind, User};

/// Lists return at most 100 to a page (service model).
const PAGE: u32 = 100;

/// `CreateUser`.
pub type CreateUser = User;

/// A user or group as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PrincipalDescription {
    /// `UserId` or `GroupId`: ten hex digits, a hyphen, a UUID.
    pub id: String,
    /// `Revision`.
    pub revision: String,
    /// `ExternalIds`.
    pub external_id: Option<ExternalId>,
    /// Its attributes.
    pub detail: Detail,
    /// `CreatedAt` and `UpdatedAt`.
    pub dates: (Time, Time),
}

/// A membership as the service describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MembershipDescription {
    /// `MembershipId`.
    pub id: String,
    /// `GroupId`.
    pub group_id: String,
    /// `MemberId.UserId`.
    pub user_id: String,
    /// `CreatedAt`.
    pub created: Time,
}

/// `AlternateIdentifier`: what a principal can be looked up by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AlternateIdentifier<'a> {
    /// `UniqueAttribute` with the path `userName` (users) or `displayName` (groups).
    Name(&'a str),
    /// `UniqueAttribute` with the path `emails.value` (users).
    Email(&'a str),
    /// `ExternalId`.
    External(&'a ExternalId),
}

/// One of `Operations` of an update: an attribute's path and its new value; none removes it.
pub type AttributeOperation<'a> = (&'a str, Option<&'a str>);

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// `CreateUser`: needs a user name, a display name, a given and a family name.
    ///
    /// # Errors
    /// `ValidationException`, `ServiceQuotaExceededException`; `ConflictException` with a reason when the user
    /// name or the e-mail address is in use.
    pub fn create_user(&mut self, input: CreateUser) -> Answer<String> {
        let subject = Subject::text(&*input.user_name);
        self.call(Operation::CreateUser, subject, |world| {
            check_user(&input)?;
            validate::unreserved("userName", &input.user_name)?;
            let have = world.identity_store.live_count(PrincipalKind::User);
            quota::room(have, world.settings.quotas.users, "users")?;
            world.check_user_unique(&input, None)?;
            world.add_principal(Detail::User(input), None)
        })
    }

    /// `CreateGroup`.
    ///
    /// # Errors
    /// `ValidationException`, `ServiceQuotaExceededException`; `ConflictException` with a reason when the display
    /// name is in use.
    pub fn create_group(&mut self, display_name: &str, description: Option<&str>) -> Answer<String> {
        self.call(Operation::CreateGroup, Subject::text(display_name), |world| {
            let group = Group {
                display_name: display_name.to_owned(),
                description: description.map(str::to_owned),
            };
            check_group(&group)?;
            validate::unreserved("displayName", &group.display_name)?;
            let have = world.identity_store.live_count(PrincipalKind::Group);
            quota::room(have, world.settings.quotas.groups, "groups")?;
            world.check_group_unique(&group, None)?;
            world.add_principal(Detail::Group(group), None)
        })
    }

    /// `DescribeUser` or `DescribeGroup`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn describe_principal(&mut self, kind: PrincipalKind, id: &str) -> Answer<PrincipalDescription> {
        let operation = match kind {
            PrincipalKind::User => Operation::DescribeUser,
            PrincipalKind::Group => Operation::DescribeGroup,
        };
        self.call(operation, Subject::text(id), |world| {
            let at = world.find_principal(kind, id)?;
            world
                .identity_store
                .live(at)
                .map(|p| world.describe_one(p))
                .ok_or_else(|| missing(kind))
        })
    }

    /// `UpdateUser`: each operation sets or removes the attribute at a path.
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `ValidationException`; `ConflictException` with a reason when a unique value is
    /// in use or `revision` is not the current one.
    pub fn update_user(
        &mut self,
        id: &str,
        operations: &[AttributeOperation<'_>],
        revision: Option<&str>,
    ) -> Answer<()> {
        self.call(Operation::UpdateUser, Subject::text(id), |world| {
            let (at, detail) = world.revised(PrincipalKind::User, id, revision)?;
            let Detail::User(mut user) = detail else {
                return Err(missing(PrincipalKind::User));
            };
            let before = user.user_name.clone();
            for (path, value) in operations {
                edit_user(&mut user, path, *value);
            }
            check_user(&user)?;
            if user.user_name != before {
                validate::unreserved("userName", &user.user_name)?;
            }
            world.check_user_unique(&user, Some(at))?;
            world.commit(Effect::PrincipalUpdated {
                principal: at,
                detail: Detail::User(user),
            })
        })
    }

    /// `UpdateGroup`: `displayName` and `description`.
    ///
    /// # Errors
    /// As of [`World::update_user`].
    pub fn update_group(
        &mut self,
        id: &str,
        operations: &[AttributeOperation<'_>],
        revision: Option<&str>,
    ) -> Answer<()> {
        self.call(Operation::UpdateGroup, Subject::text(id), |world| {
            let (at, detail) = world.revised(PrincipalKind::Group, id, revision)?;
            let Detail::Group(mut group) = detail else {
                return Err(missing(PrincipalKind::Group));
            };
            let before = group.display_name.clone();
            for (path, value) in operations {
                match *path {
                    "displayName" => group.display_name = value.unwrap_or_default().to_owned(),
                    "description" => group.description = value.map(str::to_owned),
                    _ => {
                        return Err(ServiceError::invalid(format!(
                            "Unsupported attribute path: {path}"
                        )));
                    }
                }
            }
            check_group(&group)?;
            if group.display_name != before {
                validate::unreserved("displayName", &group.display_name)?;
            }
            world.check_group_unique(&group, Some(at))?;
            world.commit(Effect::PrincipalUpdated {
                principal: at,
                detail: Detail::Group(group),
            })
        })
    }

    /// `DeleteUser` or `DeleteGroup`: with all its memberships, and leaving its assignments.
    ///
    /// # Errors
    /// `ResourceNotFoundException`; `ConflictException` when `revision` is not the current one.
    pub fn delete_principal(&mut self, kind: PrincipalKind, id: &str, revision: Option<&str>) -> Answer<()> {
        let operation = match kind {
            PrincipalKind::User => Operation::DeleteUser,
            PrincipalKind::Group => Operation::DeleteGroup,
        };
        self.call(operation, Subject::text(id), |world| {
            let (at, _) = world.revised(kind, id, revision)?;
            world.commit(Effect::PrincipalDeleted { principal: at })
        })
    }

    /// `ListUsers` or `ListGroups`.
    ///
    /// # Errors
    /// `ValidationException` for a page that cannot be.
    pub fn list_principals(
        &mut self,
        kind: PrincipalKind,
        page: &Page,
    ) -> Answer<Listed<PrincipalDescription>> {
        let operation = match kind {
            PrincipalKind::User => Operation::ListUsers,
            PrincipalKind::Group => Operation::ListGroups,
        };
        self.call(operation, Subject::Nothing, |world| {
            let (start, count) = page.window(PAGE)?;
            let from = world.identity_store.from(start);
            let of_kind = from.filter(|(_, p)| p.live && p.kind() == kind);
            Ok(Listed::collect(
                of_kind.map(|(at, p)| (at.at(), world.describe_one(p))),
                count,
            ))
        })
    }

    /// `ListUsers` or `ListGroups` with a filter on the name, which is unique: at most one.
    ///
    /// # Errors
    /// What any call may be answered with.
    pub fn list_principals_named(
        &mut self,
        kind: PrincipalKind,
        name: &str,
    ) -> Answer<Option<PrincipalDescription>> {
        let operation = match kind {
            PrincipalKind::User => Operation::ListUsers,
            PrincipalKind::Group => Operation::ListGroups,
        };
        self.call(operation, Subject::text(name), |world| {
            let found = world.identity_store.by_name(kind, name);
            let found = found.and_then(|at| world.identity_store.live(at));
            Ok(found.map(|principal| world.describe_one(principal)))
        })
    }

    /// `ListIdentityStores` and `DescribeIdentityStore`: there is one, and its id is known.
    ///
    /// # Errors
    /// What any call may be answered with.
    pub fn read_identity_store(&mut self, operation: Operation) -> Answer<()> {
        self.call(operation, Subject::Nothing, |_| Ok(()))
    }

    /// `GetUserId` or `GetGroupId`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn get_principal_id(&mut self, kind: PrincipalKind, by: AlternateIdentifier<'_>) -> Answer<String> {
        let (operation, text) = match (kind, by) {
            (PrincipalKind::User, by) => (Operation::GetUserId, by),
            (PrincipalKind::Group, by) => (Operation::GetGroupId, by),
        };
        let subject = match text {
            AlternateIdentifier::Name(text) | AlternateIdentifier::Email(text) => text,
            AlternateIdentifier::External(external) => &external.id,
        };
        self.call(operation, Subject::text(subject), |world| {
            let store = &world.identity_store;
            let found = match by {
                AlternateIdentifier::Name(name) => store.by_name(kind, name),
                AlternateIdentifier::Email(email) if kind == PrincipalKind::User => {
                    store.by_email.get(&email.to_lowercase()).copied()
                }
                AlternateIdentifier::Email(_) => None,
                AlternateIdentifier::External(external) => {
                    store.by_external.get(&(kind, external.clone())).copied()
                }
            };
            found
                .and_then(|at| world.principal_id(at))
                .ok_or_else(|| missing(kind))
        })
    }

    /// `CreateGroupMembership`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`; `ConflictException` with a reason when the user is a member already.
    pub fn create_group_membership(&mut self, group: &str, user: &str) -> Answer<String> {
        self.call(
            Operation::CreateGroupMembership,
            Subject::text(format!("{group} {user}")),
            |world| {
                let group = world.find_principal(PrincipalKind::Group, group)?;
                let user = world.find_principal(PrincipalKind::User, user)?;
                if world.identity_store.is_member(group, user) {
                    return Err(ServiceError::duplicate(
                        "Member and Group relationship already exists.",
                    ));
                }
                world.commit(Effect::MemberAdded { group, user })?;
                world.membership_id(group, user).ok_or_else(no_membership)
            },
        )
    }

    /// `DescribeGroupMembership`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn describe_group_membership(&mut self, id: &str) -> Answer<MembershipDescription> {
        self.call(Operation::DescribeGroupMembership, Subject::text(id), |world| {
            let (group, user) = world.find_membership(id)?;
            world.describe_membership(group, user).ok_or_else(no_membership)
        })
    }

    /// `DeleteGroupMembership`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn delete_group_membership(&mut self, id: &str) -> Answer<()> {
        self.call(Operation::DeleteGroupMembership, Subject::text(id), |world| {
            let (group, user) = world.find_membership(id)?;
            world.commit(Effect::MemberRemoved { group, user })
        })
    }

    /// `ListGroupMemberships`: of a group.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn list_group_memberships(
        &mut self,
        group: &str,
        page: &Page,
    ) -> Answer<Listed<MembershipDescription>> {
        self.call(Operation::ListGroupMemberships, Subject::text(group), |world| {
            let (start, count) = page.window(PAGE)?;
            let group = world.find_principal(PrincipalKind::Group, group)?;
            let from = world.identity_store.members_from(group, start);
            let described =
                from.filter_map(|user| Some((user.at(), world.describe_membership(group, user)?)));
            Ok(Listed::collect(described, count))
        })
    }

    /// `ListGroupMembershipsForMember`: of a user.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn list_group_memberships_for_member(
        &mut self,
        user: &str,
        page: &Page,
    ) -> Answer<Listed<MembershipDescription>> {
        self.call(
            Operation::ListGroupMembershipsForMember,
            Subject::text(user),
            |world| {
                let (start, count) = page.window(PAGE)?;
                let user = world.find_principal(PrincipalKind::User, user)?;
                let from = world.identity_store.groups_from(user, start);
                let described =
                    from.filter_map(|group| Some((group.at(), world.describe_membership(group, user)?)));
                Ok(Listed::collect(described, count))
            },
        )
    }

    /// `GetGroupMembershipId`.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn get_group_membership_id(&mut self, group: &str, user: &str) -> Answer<String> {
        self.call(
            Operation::GetGroupMembershipId,
            Subject::text(format!("{group} {user}")),
            |world| {
                let group = world.find_principal(PrincipalKind::Group, group)?;
                let user = world.find_principal(PrincipalKind::User, user)?;
                world.membership_id(group, user).ok_or_else(no_membership)
            },
        )
    }

    /// `IsMemberInGroups`: for each of at most 100 groups.
    ///
    /// # Errors
    /// `ValidationException` for none or more than 100 groups, `ResourceNotFoundException`.
    pub fn is_member_in_groups(&mut self, user: &str, groups: &[String]) -> Answer<Vec<bool>> {
        self.call(Operation::IsMemberInGroups, Subject::text(user), |world| {
            if !(1..=100).contains(&groups.len()) {
                return Err(ServiceError::invalid(
                    "1 validation error detected: Value at 'groupIds' failed to satisfy constraint: Member must \
                     have length less than or equal to 100",
                ));
            }
            let user = world.find_principal(PrincipalKind::User, user)?;
            let in_group = |id: &String| {
                let group = world.find_principal(PrincipalKind::Group, id)?;
                Ok(world.identity_store.is_member(group, user))
            };
            groups.iter().map(in_group).collect()
        })
    }

    /// Takes a user to exist from the start, unless the world is strict. One that was deleted stays
    /// deleted, and one that was renamed is not made again under its old name.
    ///
    /// # Errors
    /// Only when the world itself is broken.
    pub fn ensure_user(&mut self, user: User, external_id: Option<ExternalId>) -> Answer<Existence> {
        let taken = self.check_user_unique(&user, None).is_err();
        self.ensure_principal(Detail::User(user), external_id, taken)
    }

    /// Takes a group to exist from the start, unless the world is strict. One that was deleted stays
    /// deleted, and one that was renamed is not made again under its old name.
    ///
    /// # Errors
    /// Only when the world itself is broken.
    pub fn ensure_group(&mut self, group: Group, external_id: Option<ExternalId>) -> Answer<Existence> {
        self.ensure_principal(Detail::Group(group), external_id, false)
    }

    fn ensure_principal(
        &mut self,
        detail: Detail,
        external_id: Option<ExternalId>,
        taken: bool,
    ) -> Answer<Existence> {
        let probe = Principal {
            uuid: 0,
            live: true,
            revision: 1,
            external_id,
            detail,
            dates: (self.now, self.now),
        };
        if self.identity_store.by_name(probe.kind(), probe.name()).is_some() {
            return Ok(Existence::Existed);
        }
        let external = probe.external_id.clone();
        let known = external.is_some_and(|id| {
            let by_external = &self.identity_store.by_external;
            by_external.contains_key(&(probe.kind(), id))
        });
        let gone = self.identity_store.is_gone(probe.kind(), probe.name());
        if self.settings.strict || taken || known || gone {
            return Ok(Existence::Absent);
        }
        self.add_principal(probe.detail, probe.external_id)?;
        Ok(Existence::Made)
    }

    /// The present revision of the user or group with this id, without a call.
    pub fn revision_of(&self, id: &str) -> Option<String> {
        let at = self.identity_store.by_uuid(self.ids.parse_principal_id(id)?)?;
        self.identity_store
            .live(at)
            .map(|principal| principal.revision.to_string())
    }

    /// The service's id of the principal at a place, also of a deleted one.
    pub fn principal_id(&self, at: PrincipalIx) -> Option<String> {
        self.identity_store
            .principal(at)
            .map(|principal| self.ids.principal_id(principal.uuid))
    }

    pub(super) fn add_principal(
        &mut self,
        detail: Detail,
        external_id: Option<ExternalId>,
    ) -> Answer<String> {
        let (kind, name) = match &detail {
            Detail::User(user) => (PrincipalKind::User, &user.user_name),
            Detail::Group(group) => (PrincipalKind::Group, &group.display_name),
        };
        let mut generation = self.identity_store.generation(kind, name);
        let mut uuid = self.ids.principal(kind.seed(), name, generation);
        while self.identity_store.by_uuid(uuid).is_some() {
            // Its name was given to another after it was renamed.
            generation += 0x1_0000;
            uuid = self.ids.principal(kind.seed(), name, generation);
        }
        self.commit(Effect::PrincipalCreated {
            uuid,
            detail,
            external_id,
        })?;
        Ok(self.ids.principal_id(uuid))
    }

    pub(super) fn find_principal(&self, kind: PrincipalKind, id: &str) -> Answer<PrincipalIx> {
        let at = self
            .ids
            .parse_principal_id(id)
            .and_then(|uuid| self.identity_store.by_uuid(uuid));
        at.filter(|at| self.identity_store.live(*at).is_some_and(|p| p.kind() == kind))
            .ok_or_else(|| missing(kind))
    }

    fn revised(
        &self,
        kind: PrincipalKind,
        id: &str,
        revision: Option<&str>,
    ) -> Answer<(PrincipalIx, Detail)> {
        let at = self.find_principal(kind, id)?;
        let principal = self.identity_store.live(at).ok_or_else(|| missing(kind))?;
        if revision.is_some_and(|given| given != principal.revision.to_string()) {
            return Err(ServiceError {
                reason: Some(Reason::ConcurrentModification),
                ..ServiceError::conflict("The resource was modified concurrently. Please retry the request.")
            });
        }
        Ok((at, principal.detail.clone()))
    }

    fn describe_one(&self, principal: &Principal) -> PrincipalDescription {
        PrincipalDescription {
            id: self.ids.principal_id(principal.uuid),
            revision: principal.revision.to_string(),
            external_id: principal.external_id.clone(),
            detail: principal.detail.clone(),
            dates: principal.dates,
        }
    }

    fn describe_membership(&self, group: PrincipalIx, user: PrincipalIx) -> Option<MembershipDescription> {
        Some(MembershipDescription {
            id: self.membership_id(group, user)?,
            group_id: self.principal_id(group)?,
            user_id: self.principal_id(user)?,
            created: self.identity_store.joined(group, user),
        })
    }

    pub(super) fn membership_uuid(&self, group: PrincipalIx, user: PrincipalIx) -> Option<u128> {
        let nth = *self.identity_store.stored.memberships.get(&(group, user))?;
        let uuid = |at| self.identity_store.principal(at).map(|p| p.uuid);
        Some(self.ids.membership(uuid(group)?, uuid(user)?, nth))
    }

    /// The service's id of a membership.
    pub fn membership_id(&self, group: PrincipalIx, user: PrincipalIx) -> Option<String> {
        Some(self.ids.principal_id(self.membership_uuid(group, user)?))
    }

    fn find_membership(&mut self, id: &str) -> Answer<(PrincipalIx, PrincipalIx)> {
        let uuid = self.ids.parse_principal_id(id).ok_or_else(no_membership)?;
        if self.identity_store.by_membership.is_none() {
            let all = self.identity_store.stored.memberships.keys();
            let index =
                all.filter_map(|(group, user)| Some((self.membership_uuid(*group, *user)?, (*group, *user))));
            self.identity_store.by_membership = Some(index.collect());
        }
        let index = self.identity_store.by_membership.as_ref();
        let found = index.and_then(|index| index.get(&uuid)).copied();
        // The index may still name a membership that was removed since.
        found
            .filter(|(group, user)| self.membership_uuid(*group, *user) == Some(uuid))
            .ok_or_else(no_membership)
    }

    fn check_user_unique(&self, user: &User, except: Option<PrincipalIx>) -> Answer<()> {
        let other = |found: Option<PrincipalIx>| found.is_some() && found != except;
        if other(self.identity_store.by_name(PrincipalKind::User, &user.user_name)) {
            return Err(ServiceError::duplicate("Duplicate UserName"));
        }
        let email = user.email.as_ref().map(|email| email.to_lowercase());
        if other(email.and_then(|email| self.identity_store.by_email.get(&email).copied())) {
            return Err(ServiceError::duplicate("Duplicate Email"));
        }
        Ok(())
    }

    fn check_group_unique(&self, group: &Group, except: Option<PrincipalIx>) -> Answer<()> {
        let found = self
            .identity_store
            .by_name(PrincipalKind::Group, &group.display_name);
        if found.is_some() && found != except {
            return Err(ServiceError::duplicate("Duplicate GroupDisplayName"));
        }
        Ok(())
    }
}

fn check_user(user: &User) -> Answer<()> {
    validate::user_name(&user.user_name)?;
    validate::display_text("displayName", &user.display_name)?;
    validate::display_text("name.givenName", &user.given_name)?;
    validate::display_text("name.familyName", &user.family_name)?;
    if let Some(email) = &user.email {
        validate::display_text("emails.member.value", email)?;
    }
    user.attributes
        .iter()
        .try_for_each(|(path, value)| validate::display_text(path, value))
}

fn check_group(group: &Group) -> Answer<()> {
    validate::display_text("displayName", &group.display_name)?;
    group
        .description
        .iter()
        .try_for_each(|text| validate::display_text("description", text))
}

fn edit_user(user: &mut User, path: &str, value: Option<&str>) {
    let owned = value.map(str::to_owned);
    let given = || owned.clone().unwrap_or_default();
    match path {
        "userName" => user.user_name = given(),
        "displayName" => user.display_name = given(),
        "name.givenName" => user.given_name = given(),
        "name.familyName" => user.family_name = given(),
        "emails" | "emails.value" => user.email.clone_from(&owned),
        _ => {}
    }
    let own = [
        "userName",
        "displayName",
        "name.givenName",
        "name.familyName",
        "emails",
        "emails.value",
    ];
    match owned {
        Some(value) if !own.contains(&path) => {
            user.attributes.insert(path.to_owned(), value);
        }
        Some(_) => {}
        // With an attribute go the parts of it.
        None => user.attributes.retain(|known, _| {
            let rest = known.strip_prefix(path);
            rest.is_none_or(|rest| !(rest.is_empty() || rest.starts_with('.')))
        }),
    }
}

pub(super) fn missing(kind: PrincipalKind) -> ServiceError {
    ServiceError::not_found(format!("{} not found.", kind.as_str()))
}

fn no_membership() -> ServiceError {
    ServiceError::not_found("MEMBERSHIP not found.")
}

#[cfg(test)]
mod tests {
    use super::super::error::ErrorCode;
    use super::super::tests::{person, world};
    use super::*;

    #[test]
    fn user_names_and_addresses_are_unique() {
        let mut world = world();
        world.create_user(person("ada")).unwrap();
        let error = world.create_user(person("ada")).unwrap_err();
        assert_eq!(error.code, ErrorCode::ConflictException);
        assert_eq!(error.reason, Some(Reason::UniquenessConstraintViolation));
        let same_address = User {
            user_name: "ada2".into(),
            ..person("ada")
        };
        let error = world.create_user(same_address).unwrap_err();
        assert_eq!(
            error.reason.unwrap().to_string(),
            "UNIQUENESS_CONSTRAINT_VIOLATION"
        );
        world.create_group("ada", None).unwrap();
        assert!(world.create_group("ada", None).is_err());
    }

    #[test]
    fn a_user_needs_names() {
        let mut world = world();
        for broken in [
            User {
                display_name: String::new(),
                ..person("a")
            },
            User {
                given_name: String::new(),
                ..person("a")
            },
            User {
                family_name: String::new(),
                ..person("a")
            },
            User {
                user_name: "a b".into(),
                ..person("a")
            },
        ] {
            assert_eq!(
                world.create_user(broken).unwrap_err().code,
                ErrorCode::ValidationException
            );
        }
    }

    #[test]
    fn updates_set_and_remove_attributes_and_check_the_revision() {
        let mut world = world();
        let id = world.create_user(person("ada")).unwrap();
        let before = world.describe_principal(PrincipalKind::User, &id).unwrap();
        let stale = Some(before.revision.as_str());
        world
            .update_user(
                &id,
                &[("title", Some("Countess")), ("name.givenName", Some("A."))],
                stale,
            )
            .unwrap();
        let after = world.describe_principal(PrincipalKind::User, &id).unwrap();
        assert_ne!(after.revision, before.revision);
        let Detail::User(user) = &after.detail else {
            panic!()
        };
        assert_eq!(
            (user.given_name.as_str(), user.attributes["title"].as_str()),
            ("A.", "Countess")
        );
        let error = world.update_user(&id, &[("title", None)], stale).unwrap_err();
        assert_eq!(error.reason, Some(Reason::ConcurrentModification));
        assert_eq!(error.code, ErrorCode::ConflictException);
        world.update_user(&id, &[("title", None)], None).unwrap();
        assert!(world.update_user(&id, &[("displayName", None)], None).is_err());
    }

    #[test]
    fn a_renamed_group_keeps_its_id_and_frees_its_name() {
        let mut world = world();
        let old = world.create_group("old", Some("d")).unwrap();
        world
            .update_group(&old, &[("displayName", Some("new"))], None)
            .unwrap();
        let by = |name| AlternateIdentifier::Name(name);
        assert_eq!(
            world.get_principal_id(PrincipalKind::Group, by("new")).unwrap(),
            old
        );
        let error = world
            .get_principal_id(PrincipalKind::Group, by("old"))
            .unwrap_err();
        assert_eq!(error.to_string(), "ResourceNotFoundException: GROUP not found.");
        let again = world.create_group("old", None).unwrap();
        assert_ne!(again, old);
    }

    #[test]
    fn a_deleted_group_loses_its_members_and_returns_with_another_id() {
        let mut world = world();
        let user = world.create_user(person("ada")).unwrap();
        let group = world.create_group("g", None).unwrap();
        let membership = world.create_group_membership(&group, &user).unwrap();
        world
            .delete_principal(PrincipalKind::Group, &group, None)
            .unwrap();
        assert!(world.describe_group_membership(&membership).is_err());
        let of_user = world
            .list_group_memberships_for_member(&user, &Page::default())
            .unwrap();
        assert!(of_user.items.is_empty());
        let again = world.create_group("g", None).unwrap();
        assert_ne!(again, group);
        assert!(
            world
                .list_group_memberships(&again, &Page::default())
                .unwrap()
                .items
                .is_empty()
        );
    }

    #[test]
    fn memberships_have_ids_of_their_own_and_are_unique() {
        let mut world = world();
        let user = world.create_user(person("ada")).unwrap();
        let group = world.create_group("g", None).unwrap();
        let id = world.create_group_membership(&group, &user).unwrap();
        assert_ne!(id, user);
        let error = world.create_group_membership(&group, &user).unwrap_err();
        assert_eq!(error.reason, Some(Reason::UniquenessConstraintViolation));
        assert_eq!(world.get_group_membership_id(&group, &user).unwrap(), id);
        let described = world.describe_group_membership(&id).unwrap();
        assert_eq!(
            (described.group_id, described.user_id),
            (group.clone(), user.clone())
        );
        assert_eq!(
            world
                .is_member_in_groups(&user, std::slice::from_ref(&group))
                .unwrap(),
            [true]
        );
        world.delete_group_membership(&id).unwrap();
        assert!(world.delete_group_membership(&id).is_err());
        let again = world.create_group_membership(&group, &user).unwrap();
        assert_ne!(again, id);
        assert_eq!(world.describe_group_membership(&again).unwrap().id, again);
    }

    #[test]
    fn groups_do_not_nest() {
        let mut world = world();
        let (a, b) = (
            world.create_group("a", None).unwrap(),
            world.create_group("b", None).unwrap(),
        );
        let error = world.create_group_membership(&a, &b).unwrap_err();
        assert_eq!(error.message, "USER not found.");
    }

    #[test]
    fn lists_are_paged_by_kind() {
        let mut world = world();
        let group = world.create_group("g", None).unwrap();
        for n in 0..150 {
            let user = world.create_user(person(&format!("u{n}"))).unwrap();
            world.create_group_membership(&group, &user).unwrap();
        }
        let first = world
            .list_principals(PrincipalKind::User, &Page::default())
            .unwrap();
        let next = Page::after(first.next_token.clone());
        let second = world.list_principals(PrincipalKind::User, &next).unwrap();
        assert_eq!(
            (first.items.len(), second.items.len(), second.next_token),
            (100, 50, None)
        );
        let first = world.list_group_memberships(&group, &Page::default()).unwrap();
        let second = world
            .list_group_memberships(&group, &Page::after(first.next_token))
            .unwrap();
        assert_eq!((second.items.len(), second.next_token), (50, None));
    }

    #[test]
    fn what_a_directory_syncs_is_found_by_its_external_id() {
        let mut world = world();
        let external = ExternalId {
            issuer: "https://idp.example".into(),
            id: "42".into(),
        };
        let group = Group {
            display_name: "synced".into(),
            description: None,
        };
        assert_eq!(
            world.ensure_group(group.clone(), Some(external.clone())).unwrap(),
            Existence::Made
        );
        assert_eq!(
            world.ensure_group(group.clone(), None).unwrap(),
            Existence::Existed
        );
        let by = AlternateIdentifier::External(&external);
        let id = world.get_principal_id(PrincipalKind::Group, by).unwrap();
        let described = world.describe_principal(PrincipalKind::Group, &id).unwrap();
        assert_eq!(described.external_id.unwrap(), external);
        world.delete_principal(PrincipalKind::Group, &id, None).unwrap();
        assert_eq!(
            world.ensure_group(group, None).unwrap(),
            Existence::Absent,
            "deleted stays deleted"
        );
    }

    #[test]
    fn the_number_of_users_is_limited() {
        let mut world = world();
        let mut settings = world.settings().clone();
        settings.quotas.users = 1;
        world.configure(settings).unwrap();
        world.create_user(person("a")).unwrap();
        let error = world.create_user(person("b")).unwrap_err();
        assert_eq!(error.code, ErrorCode::ServiceQuotaExceededException);
    }
}
