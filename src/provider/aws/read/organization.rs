//! Reading Organizations: the tree of units, the accounts in it, their tags.

use std::collections::BTreeMap;
use std::sync::Arc;

use aws_sdk_organizations::types::{Account as SdkAccount, AccountState as SdkState};

use super::super::operation::Operation;
use super::super::session::{Pages, Session, for_each};
use crate::id::{AccountId, AccountKey, Email, OuPath};
use crate::model::account::{Account, AccountStatus};
use crate::provider::CallError;

/// The organisation itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Organization {
    /// `o-…`
    pub id: String,
    /// The management account.
    pub management: Option<AccountId>,
}

/// `DescribeOrganization`, which every member account may call.
pub async fn describe(session: &Arc<Session>) -> Result<Option<Organization>, CallError> {
    let call = || session.organizations.describe_organization().send();
    let answer = session.read(Operation::DescribeOrganization, call).await?;
    let Some(found) = answer.organization() else {
        return Ok(None);
    };
    let management = found.master_account_id().and_then(|id| AccountId::new(id).ok());
    Ok(Some(Organization {
        id: found.id().unwrap_or_default().to_owned(),
        management,
    }))
}

/// Units by id, accounts by id.
#[derive(Debug, Clone, Default)]
pub struct Tree {
    /// Paths by id; the root has the empty path.
    pub units: Units,
    /// Accounts, without tags.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Accounts of which it is not known where they are or whether they are open, and why not.
    pub unclear: BTreeMap<AccountId, Arc<str>>,
}

/// Units by id: their paths, or why they have none.
pub type Units = BTreeMap<String, Place>;

/// A unit's path, or why it has none: a name that cannot be part of one.
pub type Place = Result<OuPath, Arc<str>>;

/// The whole tree: a call for each unit, and for each twenty accounts, which is the largest page there is.
pub async fn tree(session: &Arc<Session>, management: Option<&AccountId>) -> Result<Tree, CallError> {
    let mut tree = Tree {
        units: units(session).await?,
        ..Tree::default()
    };
    let found = match accounts_with_paths(session, &tree.units).await? {
        Some(found) => found,
        None => accounts_by_parent(session, &tree.units).await?,
    };
    for (found, place) in found {
        if let Some((account, unclear)) = account(&found, Some(place), management) {
            let Some(id) = account.id().cloned() else { continue };
            tree.unclear.extend(unclear.map(|why| (id.clone(), why)));
            tree.accounts.insert(id, account);
        }
    }
    Ok(tree)
}

async fn units(session: &Arc<Session>) -> Result<Units, CallError> {
    let roots = session
        .pages(
            Operation::ListRoots,
            |token| session.organizations.list_roots().set_next_token(token).send(),
            |page| (page.roots.unwrap_or_default(), page.next_token),
        )
        .await?;
    let mut units = Units::new();
    let mut level: Vec<(String, Place)> = roots
        .into_iter()
        .filter_map(|root| Some((root.id?, Ok(OuPath::root()))))
        .collect();
    while !level.is_empty() {
        units.extend(level.iter().cloned());
        let children = for_each(session, level, |session, (id, place)| async move {
            children(&session, &id, &place).await
        })
        .await;
        level = Vec::new();
        for found in children {
            level.extend(found?);
        }
    }
    Ok(units)
}

/// The units directly below one. Below one without a path none has one.
async fn children(
    session: &Arc<Session>,
    parent: &str,
    above: &Place,
) -> Result<Vec<(String, Place)>, CallError> {
    let operation = Operation::ListOrganizationalUnitsForParent;
    let send = |token| {
        let call = session.organizations.list_organizational_units_for_parent();
        call.parent_id(parent)
            .max_results(20)
            .set_next_token(token)
            .send()
    };
    let found = session
        .pages(operation, send, |page| {
            (page.organizational_units.unwrap_or_default(), page.next_token)
        })
        .await?;
    let named = found.into_iter().filter_map(|unit| {
        let id = unit.id?;
        let named = |path: &OuPath| path.child(&unit.name.unwrap_or_default());
        let place = match above {
            Err(why) => Err(Arc::clone(why)),
            Ok(path) => named(path).map_err(|error| {
                session.notice(format!(
                    "the organizational unit {id} is left out, and the accounts in it are held: {error}"
                ));
                Arc::from(format!(
                    "it is in the organizational unit {id}, which is left out: {error}"
                ))
            }),
        };
        Some((id, place))
    });
    Ok(named.collect())
}

type Placed = (SdkAccount, Place);

/// All accounts by `ListAccounts`, where it says in which unit each of them is; `None` where it does not.
async fn accounts_with_paths(
    session: &Arc<Session>,
    units: &Units,
) -> Result<Option<Vec<Placed>>, CallError> {
    // With a single unit, listing by parent takes no more calls.
    if units.len() < 2 {
        return Ok(None);
    }
    let mut all = Vec::new();
    let mut pages = Pages::new(Operation::ListAccounts);
    loop {
        let send = || {
            let call = session.organizations.list_accounts().max_results(20);
            call.set_next_token(pages.token()).send()
        };
        let page = session.read(Operation::ListAccounts, send).await?;
        for account in page.accounts.unwrap_or_default() {
            match unit_id(&account).and_then(|id| units.get(id)).cloned() {
                Some(place) => all.push((account, place)),
                None => return Ok(None),
            }
        }
        if !pages.go_on(page.next_token)? {
            return Ok(Some(all));
        }
    }
}

/// The unit that an account is in: the last on its path, like `o-…/r-…/ou-…/ou-…/`.
fn unit_id(account: &SdkAccount) -> Option<&str> {
    let path = account.paths().first()?;
    let mut above = path.split('/').rev();
    above.find(|id| id.starts_with("ou-") || id.starts_with("r-"))
}

async fn accounts_by_parent(session: &Arc<Session>, units: &Units) -> Result<Vec<Placed>, CallError> {
    let parents: Vec<(String, Place)> = units.clone().into_iter().collect();
    let listed = for_each(session, parents, |session, (id, place)| async move {
        let operation = Operation::ListAccountsForParent;
        let send = |token| {
            let call = session.organizations.list_accounts_for_parent();
            call.parent_id(&id).max_results(20).set_next_token(token).send()
        };
        let found = session
            .pages(operation, send, |page| {
                (page.accounts.unwrap_or_default(), page.next_token)
            })
            .await?;
        let placed = found.into_iter().map(|account| (account, place.clone()));
        Ok(placed.collect::<Vec<Placed>>())
    })
    .await;
    let mut all = Vec::new();
    for found in listed {
        all.extend(found?);
    }
    Ok(all)
}

/// An account, and why nothing may be concluded about it if so.
pub type Found = (Account, Option<Arc<str>>);

/// An account as the model has it; `None` when it has no id.
fn account(found: &SdkAccount, place: Option<Place>, management: Option<&AccountId>) -> Option<Found> {
    let id = AccountId::new(found.id()?).ok()?;
    let (unit, unplaced) = match place {
        Some(Ok(unit)) => (Some(unit), None),
        Some(Err(why)) => (None, Some(why)),
        None => (None, None),
    };
    let status = status(found);
    let unclear = unplaced.or_else(|| status.as_ref().err().cloned());
    let account = Account {
        name: found.name().unwrap_or_default().into(),
        email: found.email().and_then(|email| Email::new(email).ok()),
        ou: unit,
        tags: None,
        status: status.unwrap_or_default(),
        management: management == Some(&id),
        key: AccountKey::Id(id),
    };
    Some((account, unclear))
}

/// `State` where the service gives it, the older `Status` otherwise.
///
/// # Errors
/// When it is one that rolecall does not know: whether something can be granted there is open.
#[allow(
    deprecated,
    reason = "servers that do not give the newer State still give Status"
)]
fn status(found: &SdkAccount) -> Result<AccountStatus, Arc<str>> {
    let unknown = |what: &str, value: &str| {
        let why = format!("its {what} is {value}, which rolecall does not know");
        Err(Arc::from(why))
    };
    match (found.state(), found.status().map(|status| status.as_str())) {
        (Some(SdkState::Active), _) | (None, Some("ACTIVE") | None) => Ok(AccountStatus::Active),
        (Some(SdkState::PendingActivation), _) => Ok(AccountStatus::PendingActivation),
        (Some(SdkState::PendingClosure), _) | (None, Some("PENDING_CLOSURE")) => {
            Ok(AccountStatus::PendingClosure)
        }
        (Some(SdkState::Closed), _) => Ok(AccountStatus::Closed),
        (Some(SdkState::Suspended), _) | (None, Some("SUSPENDED")) => Ok(AccountStatus::Suspended),
        (Some(other), _) => unknown("State", other.as_str()),
        (None, Some(other)) => unknown("Status", other),
    }
}

/// An account's tags.
pub async fn tags(session: &Arc<Session>, id: &AccountId) -> Result<BTreeMap<Arc<str>, Arc<str>>, CallError> {
    let send = |token| {
        let call = session.organizations.list_tags_for_resource();
        call.resource_id(id.as_str()).set_next_token(token).send()
    };
    let found = session
        .pages(Operation::ListAccountTags, send, |page| {
            (page.tags.unwrap_or_default(), page.next_token)
        })
        .await?;
    let pairs = found.into_iter().map(|tag| (tag.key.into(), tag.value.into()));
    Ok(pairs.collect())
}

/// One account, and where it is; `None` when there is no such account.
pub async fn one(
    session: &Arc<Session>,
    id: &AccountId,
    units: &Units,
    management: Option<&AccountId>,
) -> Result<Option<Found>, CallError> {
    let send = || {
        let call = session.organizations.describe_account();
        call.account_id(id.as_str()).send()
    };
    let answer = session.read(Operation::DescribeAccount, send).await?;
    let Some(found) = answer.account else {
        return Ok(None);
    };
    let place = match unit_id(&found).and_then(|id| units.get(id)).cloned() {
        Some(place) => Some(place),
        None => parent(session, id, units).await?,
    };
    Ok(account(&found, place, management))
}

async fn parent(session: &Arc<Session>, id: &AccountId, units: &Units) -> Result<Option<Place>, CallError> {
    let parent = parent_id(session, id.as_str()).await?;
    Ok(parent.and_then(|id| units.get(&id)).cloned())
}

/// The id of the unit that an account is in.
pub async fn parent_id(session: &Arc<Session>, account: &str) -> Result<Option<String>, CallError> {
    let send = || session.organizations.list_parents().child_id(account).send();
    let answer = session.read(Operation::ListParents, send).await?;
    let parent = answer.parents().first().and_then(|parent| parent.id());
    Ok(parent.map(str::to_owned))
}

/// Whether `account` is the delegated administrator of IAM Identity Center; only the management account and delegated
/// administrators get an answer.
pub async fn is_delegated(session: &Arc<Session>, account: &AccountId) -> Result<bool, CallError> {
    let send = |token| {
        let call = session.organizations.list_delegated_administrators();
        call.service_principal("sso.amazonaws.com")
            .set_next_token(token)
            .send()
    };
    let found = session
        .pages(Operation::ListDelegatedAdministrators, send, |page| {
            (page.delegated_administrators.unwrap_or_default(), page.next_token)
        })
        .await?;
    Ok(found.iter().any(|admin| admin.id() == Some(account.as_str())))
}
