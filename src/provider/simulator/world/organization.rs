//! AWS Organizations: the root, organizational units, accounts and their states, and the delegated administrator.
//!
//! Operation names, fields and errors are those of the service model (organizations 2016-11-28).

use std::collections::BTreeMap;

use super::World;
use super::call::{Listed, Operation, Page, Subject};
use super::effect::Effect;
use super::error::{ErrorCode, Reason, ServiceError};
use super::place::{AccountIx, UnitIx};
use super::request::{Request, RequestKind, Status};
use super::service_access::ChildKind;
use super::validate;

mod records;
mod taken;

pub use records::{
    Account, AccountDescription, AccountState, CreateAccountStatus, Organization, OrganizationDescription,
    Unit, UnitDescription,
};

/// Organizations returns at most 20 accounts or units to a page (service model).
const PAGE: u32 = 20;
/// The only service principal whose delegation matters here.
pub const SERVICE_PRINCIPAL: &str = "sso.amazonaws.com";

type Answer<T> = Result<T, ServiceError>;

impl World {
    /// `DescribeOrganization`, open to every account.
    ///
    /// # Errors
    /// What any call may be answered with.
    pub fn describe_organization(&mut self) -> Answer<OrganizationDescription> {
        self.call(Operation::DescribeOrganization, Subject::Nothing, |world| {
            let management = world.organization.account(world.organization.management());
            Ok(OrganizationDescription {
                id: world.ids.organization_id(),
                management_account_id: management.map(|a| a.id.clone()).unwrap_or_default(),
                management_account_email: management.map(|a| a.email.clone()).unwrap_or_default(),
            })
        })
    }

    /// `ListRoots`: there is one.
    ///
    /// # Errors
    /// `AccessDeniedException` outside the management account and the delegated administrator.
    pub fn list_roots(&mut self) -> Answer<Vec<UnitDescription>> {
        self.call(Operation::ListRoots, Subject::Nothing, |world| {
            Ok(world.describe_unit(UnitIx::new(0)).into_iter().collect())
        })
    }

    /// `ListOrganizationalUnitsForParent`: the units directly below a root or unit.
    ///
    /// # Errors
    /// `ParentNotFoundException`.
    pub fn list_organizational_units_for_parent(
        &mut self,
        parent: &str,
        page: &Page,
    ) -> Answer<Listed<UnitDescription>> {
        self.call(
            Operation::ListOrganizationalUnitsForParent,
            Subject::text(parent),
            |world| {
                let (start, count) = page.window(PAGE)?;
                let at = world.parent_unit(parent)?;
                let below = world.organization.children(at).map(|c| &c.units).into_iter();
                let from = below.flat_map(|units| units.range(UnitIx::new(start)..));
                Ok(Listed::collect(
                    from.filter_map(|at| Some((at.at(), world.describe_unit(*at)?))),
                    count,
                ))
            },
        )
    }

    /// `CreateOrganizationalUnit`.
    ///
    /// # Errors
    /// `ParentNotFoundException`, `DuplicateOrganizationalUnitException`, `InvalidInputException`.
    pub fn create_organizational_unit(
        &mut self,
        parent: &str,
        name: &str,
        tags: &BTreeMap<String, String>,
    ) -> Answer<UnitDescription> {
        self.call(
            Operation::CreateOrganizationalUnit,
            Subject::text(name),
            |world| {
                let above = world.parent_unit(parent)?;
                world.check_unit_name(above, name)?;
                world.check_depth(above)?;
                world
                    .check_tags(&BTreeMap::new(), tags)
                    .map_err(as_invalid_input)?;
                world.authorize_tags(Operation::OrganizationsTagResource, tags)?;
                let at = UnitIx::new(world.organization.units_made());
                world.commit(Effect::UnitCreated {
                    parent: above,
                    name: name.to_owned(),
                })?;
                if !tags.is_empty() {
                    let edits = tags.iter().map(|(key, value)| (key.clone(), Some(value.clone())));
                    let edits = edits.collect();
                    world.commit(Effect::UnitTagged { unit: at, edits })?;
                }
                world.describe_unit(at).ok_or_else(unit_missing)
            },
        )
    }

    /// `UpdateOrganizationalUnit`: renames it.
    ///
    /// # Errors
    /// `OrganizationalUnitNotFoundException`, `DuplicateOrganizationalUnitException`, `InvalidInputException`.
    pub fn update_organizational_unit(&mut self, id: &str, name: &str) -> Answer<UnitDescription> {
        self.call(Operation::UpdateOrganizationalUnit, Subject::text(id), |world| {
            let (at, above) = world.lower_unit(id)?;
            if world.organization.unit(at).is_some_and(|unit| unit.name != name) {
                world.check_unit_name(above, name)?;
                world.commit(Effect::UnitRenamed {
                    unit: at,
                    name: name.to_owned(),
                })?;
            }
            world.describe_unit(at).ok_or_else(unit_missing)
        })
    }

    /// `DeleteOrganizationalUnit`: only an empty one.
    ///
    /// # Errors
    /// `OrganizationalUnitNotFoundException`, `OrganizationalUnitNotEmptyException`.
    pub fn delete_organizational_unit(&mut self, id: &str) -> Answer<()> {
        self.call(Operation::DeleteOrganizationalUnit, Subject::text(id), |world| {
            let (at, _) = world.lower_unit(id)?;
            let children = world.organization.children(at);
            if children.is_some_and(|c| !c.units.is_empty() || !c.accounts.is_empty()) {
                return Err(ServiceError::new(
                    ErrorCode::OrganizationalUnitNotEmptyException,
                    "The specified OU is not empty. Move all accounts to another root or to other OUs, remove \
                     all child OUs, and try the operation again.",
                ));
            }
            world.commit(Effect::UnitDeleted { unit: at })
        })
    }

    /// `ListAccounts`.
    ///
    /// # Errors
    /// `AccessDeniedException` outside the management account and the delegated administrator.
    pub fn list_accounts(&mut self, page: &Page) -> Answer<Listed<AccountDescription>> {
        self.call(Operation::ListAccounts, Subject::Nothing, |world| {
            let (start, count) = page.window(PAGE)?;
            let from = world.organization.accounts().skip(start);
            Ok(Listed::collect(
                from.map(|(at, a)| (at.at(), world.describe(a))),
                count,
            ))
        })
    }

    /// `ListAccountsForParent`: the accounts directly in a root or unit.
    ///
    /// # Errors
    /// `ParentNotFoundException`.
    pub fn list_accounts_for_parent(
        &mut self,
        parent: &str,
        page: &Page,
    ) -> Answer<Listed<AccountDescription>> {
        self.call(Operation::ListAccountsForParent, Subject::text(parent), |world| {
            let (start, count) = page.window(PAGE)?;
            let at = world.parent_unit(parent)?;
            let inside = world.organization.children(at).map(|c| &c.accounts).into_iter();
            let from = inside.flat_map(|accounts| accounts.range(AccountIx::new(start)..));
            let described =
                from.filter_map(|at| Some((at.at(), world.describe(world.organization.account(*at)?))));
            Ok(Listed::collect(described, count))
        })
    }

    /// `DescribeAccount`.
    ///
    /// # Errors
    /// `AccountNotFoundException`.
    pub fn describe_account(&mut self, id: &str) -> Answer<AccountDescription> {
        self.call(Operation::DescribeAccount, Subject::text(id), |world| {
            let at = world.org_account(id)?;
            world
                .organization
                .account(at)
                .map(|a| world.describe(a))
                .ok_or_else(account_missing)
        })
    }

    /// `ListParents`: the id of the root or unit that an account or unit is directly in.
    ///
    /// # Errors
    /// `ChildNotFoundException`.
    pub fn list_parents(&mut self, child: &str) -> Answer<String> {
        self.call(Operation::ListParents, Subject::text(child), |world| {
            let organization = &world.organization;
            let account = organization.account_by_id(child).and_then(|at| organization.account(at));
            let above = account.map(|a| a.parent).or_else(|| {
                organization.unit_by_id(child).and_then(|at| organization.unit(at)?.parent)
            });
            above.and_then(|at| organization.unit(at)).map(|unit| unit.id.clone()).ok_or_else(|| {
                ServiceError::new(
                    ErrorCode::ChildNotFoundException,
                    "We can't find an organizational unit (OU) or AWS account with the ChildId that you specified.",
                )
            })
        })
    }

    /// `CreateAccount`: asynchronous. The account appears in the root when the request has succeeded, with a role of this
    /// name for the management account ([`ACCESS_ROLE`](super::role::ACCESS_ROLE) unless given).
    ///
    /// # Errors
    /// `InvalidInputException`. An e-mail address in use fails the request later, with `EMAIL_ALREADY_EXISTS`.
    pub fn create_account(
        &mut self,
        name: &str,
        email: &str,
        tags: &BTreeMap<String, String>,
        access_role: Option<&str>,
    ) -> Answer<CreateAccountStatus> {
        self.call(Operation::CreateAccount, Subject::text(email), |world| {
            validate::account_name(name).map_err(as_invalid_input)?;
            validate::email(email).map_err(as_invalid_input)?;
            world
                .check_tags(&BTreeMap::new(), tags)
                .map_err(as_invalid_input)?;
            world.authorize_tags(Operation::OrganizationsTagResource, tags)?;
            let kind = RequestKind::Account {
                name: name.to_owned(),
                email: email.to_owned(),
                tags: tags.clone(),
            };
            let request = world.start(Operation::CreateAccount, kind)?;
            if let Some(role) = access_role {
                world.commit(Effect::AccessRoleNamed {
                    request: request.sequence,
                    role: role.to_owned(),
                })?;
            }
            Ok(world.account_status(&request))
        })
    }

    /// `DescribeCreateAccountStatus`.
    ///
    /// # Errors
    /// `CreateAccountStatusNotFoundException`.
    pub fn describe_create_account_status(&mut self, id: &str) -> Answer<CreateAccountStatus> {
        self.call(Operation::DescribeCreateAccountStatus, Subject::text(id), |world| {
            let found = id.strip_prefix("car-").and_then(|hex| world.find_request(hex));
            match found {
                Some(request) if matches!(request.kind, RequestKind::Account { .. }) => {
                    Ok(world.account_status(request))
                }
                _ => Err(ServiceError::new(
                    ErrorCode::CreateAccountStatusNotFoundException,
                    "We can't find a create account request with the CreateAccountRequestId that you specified.",
                )),
            }
        })
    }

    /// `MoveAccount` from one parent to another.
    ///
    /// # Errors
    /// `AccountNotFoundException` (also when it is not in the source), `SourceParentNotFoundException`,
    /// `DestinationParentNotFoundException`, `DuplicateAccountException` when it is there already.
    pub fn move_account(&mut self, id: &str, source: &str, destination: &str) -> Answer<()> {
        self.call(Operation::MoveAccount, Subject::text(id), |world| {
            let at = world.org_account(id)?;
            let organization = &world.organization;
            let no_parent = |code| {
                ServiceError::new(
                    code,
                    "We can't find a root or OU with the ParentId that you specified.",
                )
            };
            let from = organization
                .unit_by_id(source)
                .ok_or_else(|| no_parent(ErrorCode::SourceParentNotFoundException))?;
            let to = organization
                .unit_by_id(destination)
                .ok_or_else(|| no_parent(ErrorCode::DestinationParentNotFoundException))?;
            if organization
                .account(at)
                .is_none_or(|account| account.parent != from)
            {
                return Err(account_missing());
            }
            if from == to {
                return Err(ServiceError::new(
                    ErrorCode::DuplicateAccountException,
                    "That account is already present in the specified destination.",
                ));
            }
            world.commit(Effect::AccountMoved { account: at, to })
        })
    }

    /// Organizations' `TagResource`, for an account or a unit.
    ///
    /// # Errors
    /// `TargetNotFoundException`, `InvalidInputException`, `ConstraintViolationException`.
    pub fn tag_organization_resource(&mut self, id: &str, tags: &BTreeMap<String, String>) -> Answer<()> {
        self.call(Operation::OrganizationsTagResource, Subject::text(id), |world| {
            let target = world.tagged(id)?;
            world
                .check_tags(world.tags_of(target), tags)
                .map_err(as_invalid_input)?;
            let edits = tags
                .iter()
                .map(|(key, value)| (key.clone(), Some(value.clone())))
                .collect();
            world.commit_tags(target, edits)
        })
    }

    /// Organizations' `UntagResource`.
    ///
    /// # Errors
    /// `TargetNotFoundException`.
    pub fn untag_organization_resource(&mut self, id: &str, keys: &[String]) -> Answer<()> {
        self.call(
            Operation::OrganizationsUntagResource,
            Subject::text(id),
            |world| {
                let target = world.tagged(id)?;
                world.commit_tags(target, keys.iter().map(|key| (key.clone(), None)).collect())
            },
        )
    }

    /// Organizations' `ListTagsForResource`.
    ///
    /// # Errors
    /// `TargetNotFoundException`.
    pub fn list_organization_tags(&mut self, id: &str) -> Answer<BTreeMap<String, String>> {
        self.call(
            Operation::OrganizationsListTagsForResource,
            Subject::text(id),
            |world| {
                let target = world.tagged(id)?;
                Ok(world.tags_of(target).clone())
            },
        )
    }

    /// `PutAccountName` (Account Management): renames an account.
    ///
    /// # Errors
    /// `AccountNotFoundException`, `InvalidInputException`.
    pub fn put_account_name(&mut self, id: &str, name: &str) -> Answer<()> {
        self.call(Operation::PutAccountName, Subject::text(id), |world| {
            let at = world.org_account(id)?;
            validate::account_name(name).map_err(as_invalid_input)?;
            world.commit(Effect::AccountRenamed {
                account: at,
                name: name.to_owned(),
            })
        })
    }

    pub(super) fn org_account(&self, id: &str) -> Answer<AccountIx> {
        self.organization.account_by_id(id).ok_or_else(account_missing)
    }

    pub(super) fn account_status(&self, request: &Request) -> CreateAccountStatus {
        let (name, email) = match &request.kind {
            RequestKind::Account { name, email, .. } => (name.clone(), email.as_str()),
            _ => (String::new(), ""),
        };
        let made = (request.status == Status::Succeeded)
            .then(|| self.organization.account_by_email(email))
            .flatten()
            .and_then(|at| self.organization.account(at));
        CreateAccountStatus {
            id: self.public_request_id(request),
            account_name: name,
            state: request.status,
            account_id: made.map(|account| account.id.clone()),
            failure_reason: request.failure.as_deref().map(str::to_owned),
            requested: request.created,
            completed: (request.status != Status::InProgress).then_some(request.due),
        }
    }

    /// Why creating an account fails in the end, if it does.
    pub(super) fn account_failure(&self, email: &str) -> Option<String> {
        self.organization
            .account_by_email(email)
            .map(|_| "EMAIL_ALREADY_EXISTS".to_owned())
    }

    /// Replaces (`Some`) or removes (`None`) tags of an account or unit.
    pub(super) fn commit_tags(&mut self, target: Tagged, edits: Vec<(String, Option<String>)>) -> Answer<()> {
        self.commit(match target {
            Tagged::Account(account) => Effect::AccountTagged { account, edits },
            Tagged::Unit(unit) => Effect::UnitTagged { unit, edits },
        })
    }

    fn tagged(&self, id: &str) -> Answer<Tagged> {
        let account = self.organization.account_by_id(id).map(Tagged::Account);
        account
            .or_else(|| self.organization.unit_by_id(id).map(Tagged::Unit))
            .ok_or_else(|| {
                ServiceError::new(
                    ErrorCode::TargetNotFoundException,
                    "We can't find a root, OU, account, or policy with the TargetId that you specified.",
                )
            })
    }

    fn tags_of(&self, target: Tagged) -> &BTreeMap<String, String> {
        static NONE: BTreeMap<String, String> = BTreeMap::new();
        let tags = match target {
            Tagged::Account(at) => self.organization.account(at).map(|account| &account.tags),
            Tagged::Unit(at) => self.organization.unit(at).map(|unit| &unit.tags),
        };
        tags.unwrap_or(&NONE)
    }

    fn parent_unit(&self, id: &str) -> Answer<UnitIx> {
        self.organization.unit_by_id(id).ok_or_else(|| {
            ServiceError::new(
                ErrorCode::ParentNotFoundException,
                "We can't find a root or OU with the ParentId that you specified.",
            )
        })
    }

    /// A unit that is not the root, as the service describes it.
    pub(super) fn unit_named(&self, id: &str) -> Answer<UnitDescription> {
        let (at, _) = self.lower_unit(id)?;
        self.describe_unit(at).ok_or_else(unit_missing)
    }

    /// The ids of what is directly below a root or unit.
    pub(super) fn child_ids(&self, parent: &str, kind: ChildKind) -> Answer<Vec<String>> {
        let organization = &self.organization;
        let Some(children) = organization.children(self.parent_unit(parent)?) else {
            return Ok(Vec::new());
        };
        let accounts = || {
            children
                .accounts
                .iter()
                .filter_map(|at| organization.account(*at))
        };
        let units = || children.units.iter().filter_map(|at| organization.unit(*at));
        Ok(match kind {
            ChildKind::Account => accounts().map(|account| account.id.clone()).collect(),
            ChildKind::Unit => units().map(|unit| unit.id.clone()).collect(),
        })
    }

    /// A unit that is not the root, and the unit above it.
    fn lower_unit(&self, id: &str) -> Answer<(UnitIx, UnitIx)> {
        let at = self.organization.unit_by_id(id).ok_or_else(unit_missing)?;
        let above = self
            .organization
            .unit(at)
            .and_then(|unit| unit.parent)
            .ok_or_else(unit_missing)?;
        Ok((at, above))
    }

    fn check_unit_name(&self, above: UnitIx, name: &str) -> Answer<()> {
        validate::unit_name(name).map_err(as_invalid_input)?;
        if self.organization.child_named(above, name).is_some() {
            return Err(ServiceError::new(
                ErrorCode::DuplicateOrganizationalUnitException,
                "An OU with the same name already exists.",
            ));
        }
        Ok(())
    }

    /// Units are nested at most five levels deep below the root (Organizations quotas page), which no request raises.
    fn check_depth(&self, above: UnitIx) -> Answer<()> {
        let parents = std::iter::successors(Some(above), |at| self.organization.unit(*at)?.parent);
        // The root is one of them.
        if parents.count() <= DEEPEST {
            return Ok(());
        }
        Err(ServiceError::new(
            ErrorCode::ConstraintViolationException,
            format!("You have exceeded the OU depth limit: OUs are nested at most {DEEPEST} levels deep."),
        )
        .because(Reason::OuDepthLimitExceeded))
    }

    fn describe_unit(&self, at: UnitIx) -> Option<UnitDescription> {
        let unit = self.organization.unit(at)?;
        let management = self.organization.account(self.organization.management())?;
        let organization = self.ids.organization_id();
        let kind = if unit.parent.is_none() { "root" } else { "ou" };
        Some(UnitDescription {
            id: unit.id.clone(),
            arn: format!(
                "arn:aws:organizations::{}:{kind}/{organization}/{}",
                management.id, unit.id
            ),
            name: unit.name.clone(),
        })
    }

    pub(super) fn describe(&self, account: &Account) -> AccountDescription {
        let management = self.organization.account(self.organization.management());
        let owner = management.map_or("", |a| a.id.as_str());
        AccountDescription {
            id: account.id.clone(),
            arn: format!(
                "arn:aws:organizations::{owner}:account/{}/{}",
                self.ids.organization_id(),
                account.id
            ),
            name: account.name.clone(),
            email: account.email.clone(),
            state: account.state,
            joined_method: if account.created { "CREATED" } else { "INVITED" },
            joined: account.joined,
        }
    }
}

/// What may carry Organizations' tags.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tagged {
    Account(AccountIx),
    Unit(UnitIx),
}

pub(super) fn unrecognized_service() -> ServiceError {
    ServiceError::new(
        ErrorCode::InvalidInputException,
        "You specified an unrecognized service principal.",
    )
    .because(Reason::UnrecognizedServicePrincipal)
}

fn account_missing() -> ServiceError {
    ServiceError::new(
        ErrorCode::AccountNotFoundException,
        "You specified an account that doesn't exist.",
    )
}

/// How many levels of units a root has at most.
const DEEPEST: usize = 5;

fn unit_missing() -> ServiceError {
    ServiceError::new(
        ErrorCode::OrganizationalUnitNotFoundException,
        "You specified an organizational unit that doesn't exist.",
    )
}

/// Organizations says `InvalidInputException` where IAM Identity Center says `ValidationException`, and
/// `ConstraintViolationException` for too many tags, the only quota of what is checked for both.
fn as_invalid_input(error: ServiceError) -> ServiceError {
    match error.code {
        ErrorCode::ServiceQuotaExceededException => ServiceError::new(
            ErrorCode::ConstraintViolationException,
            "You have exceeded the number of tags allowed on this resource.",
        )
        .because(Reason::MaxTagLimitExceeded),
        _ => ServiceError {
            code: ErrorCode::InvalidInputException,
            ..error
        },
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Existence;
    use super::super::tests::world;
    use super::*;

    #[test]
    fn a_fresh_world_has_a_root_and_a_management_account() {
        let mut world = world();
        let roots = world.list_roots().unwrap();
        assert_eq!(roots.len(), 1);
        let accounts = world.list_accounts(&Page::default()).unwrap().items;
        assert_eq!(accounts.len(), 1);
        assert_eq!(accounts[0].state, AccountState::Active);
        assert_eq!(
            world.describe_organization().unwrap().management_account_id,
            accounts[0].id
        );
        assert_eq!(world.list_parents(&accounts[0].id).unwrap(), roots[0].id);
    }

    #[test]
    fn units_nest_have_unique_names_and_are_deleted_only_when_empty() {
        let mut world = world();
        let root = world.list_roots().unwrap().remove(0).id;
        let workloads = world
            .create_organizational_unit(&root, "Workloads", &BTreeMap::new())
            .unwrap();
        let prod = world
            .create_organizational_unit(&workloads.id, "Prod", &BTreeMap::new())
            .unwrap();
        world
            .create_organizational_unit(&root, "Prod", &BTreeMap::new())
            .unwrap();
        let error = world
            .create_organizational_unit(&root, "Prod", &BTreeMap::new())
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::DuplicateOrganizationalUnitException);
        let error = world.delete_organizational_unit(&workloads.id).unwrap_err();
        assert_eq!(error.code, ErrorCode::OrganizationalUnitNotEmptyException);
        let at = world.organization.unit_by_path("Workloads/Prod").unwrap();
        assert_eq!(world.organization.path(at), "Workloads/Prod");
        world.delete_organizational_unit(&prod.id).unwrap();
        world.delete_organizational_unit(&workloads.id).unwrap();
        let error = world
            .create_organizational_unit(&workloads.id, "x", &BTreeMap::new())
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::ParentNotFoundException);
    }

    #[test]
    fn moving_an_account_names_its_present_parent() {
        let mut world = world();
        world
            .ensure_account("111122223333", "a", "a@example.com")
            .unwrap();
        let root = world.list_roots().unwrap().remove(0).id;
        let unit = world
            .create_organizational_unit(&root, "U", &BTreeMap::new())
            .unwrap()
            .id;
        let code = |result: Answer<()>| result.unwrap_err().code;
        assert_eq!(
            code(world.move_account("111122223333", &unit, &root)),
            ErrorCode::AccountNotFoundException
        );
        assert_eq!(
            code(world.move_account("111122223333", &root, "ou-x")),
            ErrorCode::DestinationParentNotFoundException
        );
        world.move_account("111122223333", &root, &unit).unwrap();
        assert_eq!(world.list_parents("111122223333").unwrap(), unit);
        let inside = world
            .list_accounts_for_parent(&unit, &Page::default())
            .unwrap()
            .items;
        assert_eq!(inside.len(), 1);
        assert_eq!(
            code(world.move_account("111122223333", &unit, &unit)),
            ErrorCode::DuplicateAccountException
        );
    }

    #[test]
    fn units_are_nested_five_levels_deep() {
        let mut world = world();
        let mut parent = world.list_roots().unwrap().remove(0).id;
        for level in 1..=5 {
            parent = world
                .create_organizational_unit(&parent, &format!("L{level}"), &BTreeMap::new())
                .unwrap()
                .id;
        }
        let error = world
            .create_organizational_unit(&parent, "L6", &BTreeMap::new())
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::ConstraintViolationException);
    }

    #[test]
    fn five_accounts_are_made_at_a_time() {
        let mut world = world();
        let none = BTreeMap::new();
        let create = |world: &mut World, number: u8| {
            world.create_account("new", &format!("new{number}@example.com"), &none, None)
        };
        for number in 0..5 {
            create(&mut world, number).unwrap();
        }
        let refused = create(&mut world, 5).unwrap_err();
        assert_eq!(refused.code, ErrorCode::TooManyRequestsException);
        world.advance(Duration::from_secs(60));
        assert!(create(&mut world, 5).is_ok(), "the first five have ended");
    }

    #[test]
    fn creating_an_account_takes_time_and_a_used_address_fails() {
        let mut world = world();
        let status = world
            .create_account("new", "new@example.com", &BTreeMap::new(), None)
            .unwrap();
        assert_eq!(status.state, Status::InProgress);
        assert!(world.organization.account_by_email("new@example.com").is_none());
        world.advance(Duration::from_secs(60));
        let status = world.describe_create_account_status(&status.id).unwrap();
        assert_eq!(status.state, Status::Succeeded);
        let id = status.account_id.unwrap();
        assert_eq!(world.describe_account(&id).unwrap().joined_method, "CREATED");
        let again = world
            .create_account("new", "NEW@example.com", &BTreeMap::new(), None)
            .unwrap();
        world.advance(Duration::from_secs(60));
        let again = world.describe_create_account_status(&again.id).unwrap();
        assert_eq!(again.failure_reason.as_deref(), Some("EMAIL_ALREADY_EXISTS"));
    }

    #[test]
    fn accounts_come_twenty_to_a_page() {
        let mut world = world();
        for n in 0..44 {
            world
                .ensure_account(&format!("2{n:011}"), "x", &format!("x{n}@example.com"))
                .unwrap();
        }
        let first = world.list_accounts(&Page::default()).unwrap();
        assert_eq!(first.items.len(), 20);
        let second = world.list_accounts(&Page::after(first.next_token)).unwrap();
        let third = world.list_accounts(&Page::after(second.next_token)).unwrap();
        assert_eq!(
            (second.items.len(), third.items.len(), third.next_token),
            (20, 5, None)
        );
    }

    #[test]
    fn tags_are_set_replaced_and_removed() {
        let mut world = world();
        world
            .ensure_account("111122223333", "a", "a@example.com")
            .unwrap();
        let tags = |pairs: &[(&str, &str)]| {
            pairs
                .iter()
                .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                .collect::<BTreeMap<_, _>>()
        };
        world
            .tag_organization_resource("111122223333", &tags(&[("env", "prod"), ("team", "a")]))
            .unwrap();
        world
            .tag_organization_resource("111122223333", &tags(&[("env", "dev")]))
            .unwrap();
        world
            .untag_organization_resource("111122223333", &["team".to_owned()])
            .unwrap();
        assert_eq!(
            world.list_organization_tags("111122223333").unwrap(),
            tags(&[("env", "dev")])
        );
        let error = world
            .tag_organization_resource("111122223333", &tags(&[("aws:x", "y")]))
            .unwrap_err();
        assert_eq!(error.code, ErrorCode::InvalidInputException);
    }

    #[test]
    fn a_strict_world_takes_nothing_to_exist_and_a_deleted_unit_stays_deleted() {
        let mut world = world();
        assert_eq!(world.ensure_unit("A/B").unwrap(), Existence::Made);
        assert_eq!(world.ensure_unit("A/B").unwrap(), Existence::Existed);
        let at = world.organization.unit_by_path("A/B").unwrap();
        let id = world.organization.unit(at).unwrap().id.clone();
        world.delete_organizational_unit(&id).unwrap();
        assert_eq!(world.ensure_unit("A/B").unwrap(), Existence::Absent);
        let mut settings = world.settings().clone();
        settings.strict = true;
        world.configure(settings).unwrap();
        assert_eq!(
            world.ensure_account("111122223333", "a", "a@x.org").unwrap(),
            Existence::Absent
        );
        assert_eq!(world.ensure_unit("C").unwrap(), Existence::Absent);
    }
}
