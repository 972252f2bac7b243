//! Reading who may use what where, in as few calls as the API allows.
//!
//! `ListAccountAssignments` answers for one permission set in one account, so that first the pairs are read that
//! exist: by set, or by account, whichever are fewer. After that there is a call for each pair, or, from the
//! management account, one for each principal (`ListAccountAssignmentsForPrincipal`), whichever are fewer. Both are
//! known by then. Never one call for each assignment.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use aws_sdk_ssoadmin::operation::list_account_assignments::ListAccountAssignmentsOutput;
use aws_sdk_ssoadmin::types::{AccountAssignment, PrincipalType, ProvisioningStatus};

use super::super::model::{PrincipalId, Relation};
use super::super::operation::Operation;
use super::super::session::{Session, for_each};
use crate::id::{AccountId, ServiceId};
use crate::provider::{CallError, Meaning, ReadFor};

/// How assignments are read.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Strategy {
    /// Whichever takes fewer calls, of those that this caller may use.
    #[default]
    Cheapest,
    /// By account and set: sees everything.
    Pairs,
    /// By user and group: misses assignments of deleted ones.
    Principals,
}

/// What decides between the two ways.
#[derive(Debug, Clone, Copy)]
pub struct Choice {
    /// What was asked for.
    pub strategy: Strategy,
    /// The caller is the management account, the only one that may read by principal (API reference).
    pub from_management: bool,
    /// Assignments of deleted principals must be seen.
    pub orphans: bool,
}

/// Whether to read by principal: `pairs` calls the one way, at least `principals` the other.
pub fn by_principal(choice: Choice, pairs: usize, principals: usize) -> bool {
    match choice.strategy {
        Strategy::Pairs => false,
        Strategy::Principals => true,
        Strategy::Cheapest => choice.from_management && !choice.orphans && principals < pairs,
    }
}

/// Who is in which group, by ids.
pub type Members = BTreeMap<String, BTreeSet<String>>;

/// How many calls it takes to read these users: a user's list has what comes through groups as well, a hundred
/// assignments a call. `of_group` counts the assignments of a group.
pub fn calls_for_users(users: &[PrincipalId], members: &Members, of_group: impl Fn(&str) -> usize) -> usize {
    let mut through_groups: BTreeMap<&str, usize> = BTreeMap::new();
    for (group, members) in members {
        let count = of_group(group);
        for user in members.iter().filter(|_| count > 0) {
            *through_groups.entry(user).or_default() += count;
        }
    }
    let count = |user: &PrincipalId| through_groups.get(user.id.as_str()).copied().unwrap_or(0);
    users.iter().map(|user| count(user).div_ceil(100).max(1)).sum()
}

/// An account's id and a permission set's ARN.
pub type AccountAndSet = (String, String);

/// What the state says about assignments.
#[derive(Debug, Default)]
pub struct InState {
    /// Where it has some, for servers that may not list them all.
    pub granted: Vec<AccountAndSet>,
    /// Where it has some of users and groups that are not there any more: reading by principal does not show these.
    pub of_the_gone: BTreeSet<AccountAndSet>,
}

/// So many pairs of the state that a server does not list are asked for before the rest is.
const SAMPLE: usize = 20;

/// Pairs of the state that this server does not list as provisioned although something is assigned there: mocks of the
/// service keep the two apart. AWS itself lists every one, and is not asked.
async fn unlisted(
    session: &Arc<Session>,
    instance: &str,
    listed: &BTreeMap<AccountAndSet, bool>,
    granted: Vec<AccountAndSet>,
) -> Result<Vec<AccountAndSet>, CallError> {
    let mut missing = granted;
    missing.retain(|pair| !listed.contains_key(pair));
    if session.endpoint.is_none() || missing.is_empty() {
        return Ok(Vec::new());
    }
    let sample: Vec<AccountAndSet> = missing.iter().take(SAMPLE).cloned().collect();
    let mut there = Relation::default();
    of_pairs(session, instance, sample, &mut there).await?;
    if there.pairs.is_empty() {
        return Ok(Vec::new());
    }
    session.lists_in_part();
    session.notice(
        "this server does not list every account in which a permission set is assigned: where the state has assignments \
         is asked for account by account, and those that others made elsewhere are not seen (with `read_by = \
         \"principals\"` in the provider block, those of all users and groups are)",
    );
    Ok(missing)
}

/// What is assigned according to users and groups, on a server that lists no account where something is assigned: mocks
/// of the service do not, and say nothing about it. AWS itself is not asked.
async fn unlisted_at_all(
    session: &Arc<Session>,
    instance: &str,
    principals: Vec<PrincipalId>,
    choice: Choice,
) -> Result<Vec<Grant>, CallError> {
    if session.endpoint.is_none() || !choice.from_management {
        return Ok(Vec::new());
    }
    let grants = match of_principals(session, instance, principals).await {
        Ok(grants) => grants,
        Err(error) if super::is_fatal(&error) => return Err(error),
        // It is as the lists say, for all that can be known.
        Err(_) => return Ok(Vec::new()),
    };
    if !grants.is_empty() {
        session.lists_in_part();
        session.notice(
            "this server lists no account in which a permission set is assigned, and has assignments: they are read by \
             user and group, and those of deleted ones are not seen",
        );
    }
    Ok(grants)
}

/// Pairs that could not be read, and why.
pub type Refused = Vec<((String, String), CallError)>;

/// The relation of the whole instance.
///
/// # Errors
/// When the pairs that exist cannot be read at all.
pub async fn whole(
    session: &Arc<Session>,
    instance: &str,
    (accounts, sets): (Vec<String>, Vec<String>),
    state: InState,
    (principals, members): (Vec<PrincipalId>, &Members),
    choice: Choice,
) -> Result<(Relation, Refused), CallError> {
    // Where no permission set could be read, lists by account or by set say nothing.
    let are_sets_known = !sets.is_empty();
    let mut pairs = provisioned(session, instance, accounts, sets).await?;
    let unlisted = unlisted(session, instance, &pairs, state.granted).await?;
    pairs.extend(unlisted.into_iter().map(|pair| (pair, false)));
    let mut relation = Relation::default();
    for ((account, set), is_stale) in &pairs {
        relation.row(account, set).is_stale = *is_stale;
    }
    let mut rest: Vec<(String, String)> = pairs.into_keys().collect();
    if by_principal(choice, rest.len(), principals.len()) {
        match all_principals(
            session,
            instance,
            principals.clone(),
            members,
            (choice, rest.len()),
        )
        .await
        {
            Ok(Some((grants, calls))) => {
                for (account, set, principal) in &grants {
                    relation.grant(account, set, principal);
                }
                // Where nothing is assigned, nothing can be missed.
                if !rest.is_empty() {
                    let by_pair = rest.len();
                    session.notice(format!(
                        "assignments were read by user and group (calls: {calls}, where by account and set it is \
                         {by_pair}): those of deleted users and groups show only where nobody else has the set or where \
                         the state has them; `rolecall drift` reads by account and set"
                    ));
                }
                // A role without a principal that is there must belong to one that is not; and so may those that the
                // state gave to one who is gone, whoever else has them.
                rest.retain(|pair| {
                    state.of_the_gone.contains(pair) || relation.row(&pair.0, &pair.1).principals.is_empty()
                });
            }
            Ok(None) => {}
            Err(error) if matches!(error.meaning, Meaning::Denied | Meaning::Unsupported) => {
                session.notice(format!(
                    "assignments cannot be read by user and group ({error}); they are read by account and set"
                ));
            }
            Err(error) => return Err(error),
        }
    }
    let refused = of_pairs(session, instance, rest, &mut relation).await?;
    if are_sets_known && refused.is_empty() && relation.assigned().is_empty() {
        for (account, set, principal) in unlisted_at_all(session, instance, principals, choice).await? {
            relation.grant(&account, &set, &principal);
        }
    }
    Ok((relation, refused))
}

/// The assignments of all principals and the calls that took, groups first: they tell what the users will take. `None`
/// when reading by pair takes less.
async fn all_principals(
    session: &Arc<Session>,
    instance: &str,
    principals: Vec<PrincipalId>,
    members: &Members,
    (choice, pairs): (Choice, usize),
) -> Result<Option<(Vec<Grant>, usize)>, CallError> {
    let (groups, users): (Vec<_>, Vec<_>) = principals.into_iter().partition(|who| who.is_group);
    let group_count = groups.len();
    let mut grants = of_principals(session, instance, groups).await?;
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    for (_, _, group) in &grants {
        *counts.entry(&group.id).or_default() += 1;
    }
    let pages: usize = counts.values().map(|count| count.div_ceil(100) - 1).sum();
    let for_users = calls_for_users(&users, members, |group| counts.get(group).copied().unwrap_or(0));
    if !by_principal(choice, pairs, for_users) {
        return Ok(None);
    }
    grants.extend(of_principals(session, instance, users).await?);
    Ok(Some((grants, group_count + pages + for_users)))
}

/// The pairs of accounts and sets that exist, and whether the role there is out of date.
async fn provisioned(
    session: &Arc<Session>,
    instance: &str,
    accounts: Vec<String>,
    sets: Vec<String>,
) -> Result<BTreeMap<(String, String), bool>, CallError> {
    let mut pairs: BTreeMap<(String, String), bool> = BTreeMap::new();
    let by_set = accounts.is_empty() || sets.len() <= accounts.len();
    if by_set {
        let found = of_sets(session, instance, sets).await?;
        pairs.extend(found.into_iter().map(|pair| (pair, false)));
    } else {
        let arn: Arc<str> = instance.into();
        let listed = for_each(session, accounts, move |session, account| {
            let instance = Arc::clone(&arn);
            async move { (sets_of(&session, &instance, &account).await, account) }
        })
        .await;
        for (sets, account) in listed {
            pairs.extend(sets?.into_iter().map(|set| ((account.clone(), set), false)));
        }
    }
    let assigned: BTreeSet<&String> = pairs.keys().map(|(_, set)| set).collect();
    let assigned: Vec<String> = assigned.into_iter().cloned().collect();
    for (account, set) in stale(session, instance, assigned).await? {
        if let Some(is_stale) = pairs.get_mut(&(account, set)) {
            *is_stale = true;
        }
    }
    Ok(pairs)
}

/// The accounts that have each of these sets.
pub async fn of_sets(
    session: &Arc<Session>,
    instance: &str,
    sets: Vec<String>,
) -> Result<Vec<(String, String)>, CallError> {
    let arn: Arc<str> = instance.into();
    let listed = for_each(session, sets, move |session, set| {
        let instance = Arc::clone(&arn);
        async move { (accounts_of(&session, &instance, &set, None).await, set) }
    })
    .await;
    let mut pairs = Vec::new();
    for (accounts, set) in listed {
        let accounts = super::directory::absent(accounts)?.unwrap_or_default();
        pairs.extend(accounts.into_iter().map(|account| (account, set.clone())));
    }
    Ok(pairs)
}

/// Accounts and sets whose role is not what the set says.
pub async fn stale(
    session: &Arc<Session>,
    instance: &str,
    sets: Vec<String>,
) -> Result<Vec<(String, String)>, CallError> {
    let arn: Arc<str> = instance.into();
    let not_latest = ProvisioningStatus::LatestPermissionSetNotProvisioned;
    let listed = for_each(session, sets, move |session, set| {
        let (instance, status) = (Arc::clone(&arn), not_latest.clone());
        async move { (accounts_of(&session, &instance, &set, Some(status)).await, set) }
    })
    .await;
    let mut stale = Vec::new();
    for (accounts, set) in listed {
        match super::directory::absent(accounts)? {
            Some(accounts) => stale.extend(accounts.into_iter().map(|account| (account, set.clone()))),
            None => continue,
        }
    }
    if let Some((account, set)) = stale.first()
        && ignores_filter(session, instance, set, account).await?
    {
        session.notice(
            "this server does not say which roles are out of date; they are taken to be as their permission sets say",
        );
        stale.clear();
    }
    Ok(stale)
}

/// Whether a role is said to be both up to date and not.
async fn ignores_filter(
    session: &Arc<Session>,
    instance: &str,
    set: &str,
    account: &String,
) -> Result<bool, CallError> {
    let latest = Some(ProvisioningStatus::LatestPermissionSetProvisioned);
    let accounts = accounts_of(session, instance, set, latest).await?;
    Ok(accounts.contains(account))
}

async fn accounts_of(
    session: &Arc<Session>,
    instance: &str,
    set: &str,
    status: Option<ProvisioningStatus>,
) -> Result<Vec<String>, CallError> {
    let send = |token| {
        let call = session.sso.list_accounts_for_provisioned_permission_set();
        let call = call.instance_arn(instance).permission_set_arn(set);
        let call = call.set_provisioning_status(status.clone()).max_results(100);
        call.set_next_token(token).send()
    };
    session
        .pages(Operation::ListAccountsForProvisionedPermissionSet, send, |page| {
            (page.account_ids.unwrap_or_default(), page.next_token)
        })
        .await
}

async fn sets_of(session: &Arc<Session>, instance: &str, account: &str) -> Result<Vec<String>, CallError> {
    let send = |token| {
        let call = session.sso.list_permission_sets_provisioned_to_account();
        let call = call.instance_arn(instance).account_id(account).max_results(100);
        call.set_next_token(token).send()
    };
    session
        .pages(Operation::ListPermissionSetsProvisionedToAccount, send, |page| {
            (page.permission_sets.unwrap_or_default(), page.next_token)
        })
        .await
}

/// Reads pairs into the relation; what they held before is forgotten.
pub async fn of_pairs(
    session: &Arc<Session>,
    instance: &str,
    pairs: Vec<(String, String)>,
    relation: &mut Relation,
) -> Result<Refused, CallError> {
    let arn: Arc<str> = instance.into();
    let listed = for_each(session, pairs, move |session, (account, set)| {
        let instance = Arc::clone(&arn);
        async move {
            let found = of_pair(&session, &instance, &account, &set).await;
            (found, account, set)
        }
    })
    .await;
    let mut refused = Vec::new();
    for (found, account, set) in listed {
        match found {
            Ok((principals, stranger)) => {
                let numbers = principals
                    .iter()
                    .map(|principal| relation.principals.number(principal));
                let numbers: BTreeSet<u32> = numbers.collect();
                let key = relation.key(&account, &set);
                if numbers.is_empty() && stranger.is_none() {
                    relation.pairs.remove(&key);
                } else {
                    relation.pairs.entry(key).or_default().principals = numbers;
                }
                refused.extend(stranger.map(|why| ((account, set), why)));
            }
            Err(error) if super::is_fatal(&error) => {
                let pair = AccountId::new(&account).ok().zip(ServiceId::new(&set).ok());
                session.reads_for(pair.map(|(account, set)| ReadFor::SetIn(account, set)));
                return Err(error);
            }
            Err(error) => refused.push(((account, set), error)),
        }
    }
    Ok(refused)
}

/// Who has a set in an account; and that somebody has it who is neither a user nor a group, if so.
async fn of_pair(
    session: &Arc<Session>,
    instance: &str,
    account: &str,
    set: &str,
) -> Result<(Vec<PrincipalId>, Option<CallError>), CallError> {
    let send = |token| {
        let call = session.sso.list_account_assignments().instance_arn(instance);
        let call = call.account_id(account).permission_set_arn(set);
        call.max_results(100).set_next_token(token).send()
    };
    let is_ours = |page: &ListAccountAssignmentsOutput| {
        page.account_assignments().iter().all(|assignment| {
            assignment.account_id() == Some(account) && assignment.permission_set_arn() == Some(set)
        })
    };
    let operation = Operation::ListAccountAssignments;
    let found = session
        .pages_ours(operation, send, is_ours, |page| {
            (page.account_assignments.unwrap_or_default(), page.next_token)
        })
        .await;
    let found = super::directory::absent(found)?.unwrap_or_default();
    let (mut principals, mut stranger) = (Vec::new(), None);
    for AccountAssignment {
        principal_type: kind,
        principal_id: id,
        ..
    } in found
    {
        match principal_id(kind.as_ref(), id.clone()) {
            Some(known) => principals.push(known),
            None => drop(stranger.get_or_insert_with(|| strange(kind.as_ref(), id.as_deref()))),
        }
    }
    Ok((principals, stranger))
}

/// An assignment to somebody of whom nothing can be said.
fn strange(kind: Option<&PrincipalType>, id: Option<&str>) -> CallError {
    let kind = kind.map_or("without a type", PrincipalType::as_str);
    CallError {
        meaning: Meaning::Failed,
        operation: Operation::ListAccountAssignments.name().into(),
        code: "UnknownPrincipalType".into(),
        message: format!(
            "it is assigned to the principal {} ({kind}), which is neither a user nor a group",
            id.unwrap_or("without an id")
        )
        .into(),
        request_id: None,
        missing_action: None,
    }
}

/// An assignment by ids: account, set, principal.
pub type Grant = (String, String, PrincipalId);

/// The assignments of principals themselves; those they have through groups come with the groups.
///
/// # Errors
/// The first refusal: who may read one principal may read all.
pub async fn of_principals(
    session: &Arc<Session>,
    instance: &str,
    principals: Vec<PrincipalId>,
) -> Result<Vec<Grant>, CallError> {
    let arn: Arc<str> = instance.into();
    let listed = for_each(session, principals, move |session, principal| {
        let instance = Arc::clone(&arn);
        async move { of_principal(&session, &instance, &principal).await }
    })
    .await;
    let mut all = Vec::new();
    for grants in listed {
        all.extend(super::directory::absent(grants)?.unwrap_or_default());
    }
    Ok(all)
}

async fn of_principal(
    session: &Arc<Session>,
    instance: &str,
    principal: &PrincipalId,
) -> Result<Vec<Grant>, CallError> {
    let kind = if principal.is_group {
        PrincipalType::Group
    } else {
        PrincipalType::User
    };
    let send = |token| {
        let call = session.sso.list_account_assignments_for_principal();
        let call = call.instance_arn(instance).principal_id(&principal.id);
        let call = call.principal_type(kind.clone()).max_results(100);
        call.set_next_token(token).send()
    };
    let found = session
        .pages(Operation::ListAccountAssignmentsForPrincipal, send, |page| {
            (page.account_assignments.unwrap_or_default(), page.next_token)
        })
        .await?;
    let own = found.into_iter().filter_map(|assignment| {
        let who = principal_id(assignment.principal_type.as_ref(), assignment.principal_id)?;
        (who == *principal).then_some((assignment.account_id?, assignment.permission_set_arn?, who))
    });
    Ok(own.collect())
}

/// A principal of an answer.
pub fn principal_id(kind: Option<&PrincipalType>, id: Option<String>) -> Option<PrincipalId> {
    let is_group = match kind? {
        PrincipalType::Group => true,
        PrincipalType::User => false,
        _ => return None,
    };
    Some(PrincipalId { is_group, id: id? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fewer_calls_win_where_both_are_permitted() {
        let choice = Choice {
            strategy: Strategy::Cheapest,
            from_management: true,
            orphans: false,
        };
        assert!(by_principal(choice, 500_000, 51_000));
        assert!(!by_principal(choice, 1_000, 51_000));
        let member = Choice {
            from_management: false,
            ..choice
        };
        assert!(
            !by_principal(member, 500_000, 51_000),
            "only the management account may"
        );
        let drift = Choice {
            orphans: true,
            ..choice
        };
        assert!(
            !by_principal(drift, 500_000, 51_000),
            "orphans are seen by pair alone"
        );
        let told = Choice {
            strategy: Strategy::Principals,
            ..member
        };
        assert!(by_principal(told, 1, 2));
    }

    #[test]
    fn users_in_large_groups_take_more_calls() {
        let user = |id: &str| PrincipalId {
            is_group: false,
            id: id.to_owned(),
        };
        let group = |name: &str, users: &[&str]| {
            let users = users.iter().map(|user| (*user).to_owned());
            (name.to_owned(), users.collect::<BTreeSet<String>>())
        };
        let members: Members = [group("g", &["ada", "bob"]), group("h", &["ada"])].into();
        let users = [user("ada"), user("bob"), user("eve")];
        let of_group = |id: &str| if id == "g" { 950 } else { 60 };
        assert_eq!(calls_for_users(&users, &members, of_group), 11 + 10 + 1);
        assert_eq!(calls_for_users(&users, &members, |_| 0), 3);
    }
}
