//! Reading again only what some entities touch, into what was read before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::super::model::{Model, PrincipalId, Versioned};
use super::super::session::{Session, for_each};
use super::{Scope, access, directory, is_fatal, organization as org, sets};
use crate::address::Kind;
use crate::id::{AccountId, AccountKey, EntityKey, GroupName, OuPath, PermissionSetName, UserName};
use crate::model::instance::HeldSubject;
use crate::model::principal::{Group, User};
use crate::provider::{CallError, ProviderError, ReadFor, ReadRequest};

/// What entities are touched, by kind.
#[derive(Debug, Default)]
struct Touched {
    units: BTreeSet<OuPath>,
    accounts: BTreeSet<AccountId>,
    new_accounts: bool,
    users: BTreeSet<UserName>,
    groups: BTreeSet<GroupName>,
    sets: BTreeSet<PermissionSetName>,
    /// Those of the sets whose content is read again too.
    contents: BTreeSet<PermissionSetName>,
}

impl Touched {
    fn new(request: &ReadRequest) -> Self {
        let mut touched = Touched::default();
        for key in &request.touched_by {
            match key {
                EntityKey::OrganizationalUnit(path) => drop(touched.units.insert(path.clone())),
                EntityKey::Account(AccountKey::Id(id)) => drop(touched.accounts.insert(id.clone())),
                EntityKey::Account(AccountKey::Email(_)) => touched.new_accounts = true,
                EntityKey::User(name) => drop(touched.users.insert(name.clone())),
                EntityKey::Group(name) => drop(touched.groups.insert(name.clone())),
                EntityKey::PermissionSet(name) => drop(touched.sets.insert(name.clone())),
            }
        }
        let contents = touched.sets.difference(&request.of_access_only);
        touched.contents = contents.cloned().collect();
        touched
    }
}

/// The model with what the request names read again. What it says about everything else is as old as it was.
///
/// # Errors
/// When the service does not answer.
pub async fn refresh(
    session: &Arc<Session>,
    mut model: Model,
    request: &ReadRequest,
    scope: &Scope,
) -> Result<Model, ProviderError> {
    let touched = Touched::new(request);
    let done = async {
        accounts(session, &mut model, &touched, scope).await?;
        users(session, &mut model, &touched.users).await?;
        groups(session, &mut model, &touched.groups).await?;
        permission_sets(session, &mut model, &touched).await?;
        assignments(session, &mut model, &touched, scope).await?;
        // Who is not called that any more may go by another name.
        super::strangers::resolve(session, &mut model).await?;
        model.in_progress = super::progress::requests(session, &model, scope).await?;
        Ok(())
    };
    done.await.map_err(ProviderError::Call)?;
    Ok(model)
}

async fn accounts(
    session: &Arc<Session>,
    model: &mut Model,
    touched: &Touched,
    scope: &Scope,
) -> Result<(), CallError> {
    if model
        .held
        .contains_key(&HeldSubject::All(Kind::OrganizationalUnit))
    {
        return Ok(());
    }
    let pages = model.accounts.len() / 20 + model.units.len();
    let mut tagged: BTreeSet<AccountId> = touched.accounts.intersection(&model.tagged).cloned().collect();
    let are_many = !touched.units.is_empty() || touched.new_accounts || touched.accounts.len() > pages;
    if are_many || !each_account(session, model, &touched.accounts).await? {
        let before = model.accounts.clone();
        super::organization(session, model.instance.management_account.clone()).await?(model);
        for (id, account) in &mut model.accounts {
            account.tags = before.get(id).and_then(|before| before.tags.clone());
        }
        if touched.new_accounts {
            tagged.extend(super::addressed(model, scope));
        }
    }
    super::read_tags(session, model, tagged).await
}

/// An answer; `None` where the question is refused, or the server lacks it. Another one may be answered: what is touched
/// was in a list when the whole was read.
fn permitted<T>(answer: Result<T, CallError>) -> Result<Option<T>, CallError> {
    match answer {
        Err(error) if is_fatal(&error) => Err(error),
        answer => Ok(answer.ok()),
    }
}

/// Reads these accounts, a call each; false where they cannot be asked for one by one.
async fn each_account(
    session: &Arc<Session>,
    model: &mut Model,
    ids: &BTreeSet<AccountId>,
) -> Result<bool, CallError> {
    let (units, management) = (model.units.clone(), model.instance.management_account.clone());
    let shared = Arc::new((units, management));
    let found = for_each(session, ids.iter().cloned().collect(), move |session, id| {
        let shared = Arc::clone(&shared);
        async move { (org::one(&session, &id, &shared.0, shared.1.as_ref()).await, id) }
    })
    .await;
    for (found, id) in found {
        let Some(found) = permitted(directory::absent(found))? else {
            return Ok(false);
        };
        let held = HeldSubject::Entity(EntityKey::Account(AccountKey::Id(id.clone())));
        model.held.remove(&held);
        let tags = model.accounts.remove(&id).and_then(|account| account.tags);
        if let Some((mut account, unclear)) = found.flatten() {
            account.tags = tags;
            model.held.extend(unclear.map(|why| (held, why)));
            model.accounts.insert(id, account);
        }
    }
    Ok(true)
}

async fn users(
    session: &Arc<Session>,
    model: &mut Model,
    names: &BTreeSet<UserName>,
) -> Result<(), CallError> {
    if names.is_empty() || model.held.contains_key(&HeldSubject::All(Kind::User)) {
        return Ok(());
    }
    let store = model.instance.identity_store.to_string();
    if names.len() > model.users.len() / 100 + 1 || !each_user(session, model, &store, names).await? {
        model.users = directory::users(session, &store).await?.into_iter().collect();
    }
    Ok(())
}

/// Reads these users; false where they cannot be asked for one by one.
async fn each_user(
    session: &Arc<Session>,
    model: &mut Model,
    store: &str,
    names: &BTreeSet<UserName>,
) -> Result<bool, CallError> {
    for name in names {
        let known = id_of(model.users.iter(), |user: &User| user.user_name == *name);
        let found = directory::user(session, store, known.as_deref(), name).await;
        let found = permitted(found).map_err(|error| {
            session.reads_for(Some(ReadFor::Entity(EntityKey::User(name.clone()))));
            error.while_reading(&format!("user {name}"))
        })?;
        let Some(found) = found else { return Ok(false) };
        known.map(|id| model.users.remove(&id));
        model.users.extend(found);
    }
    Ok(true)
}

async fn groups(
    session: &Arc<Session>,
    model: &mut Model,
    names: &BTreeSet<GroupName>,
) -> Result<(), CallError> {
    if names.is_empty() || model.held.contains_key(&HeldSubject::All(Kind::Group)) {
        return Ok(());
    }
    let store = model.instance.identity_store.to_string();
    if names.len() > model.groups.len() / 100 + 1 || !each_group(session, model, &store, names).await? {
        model.groups = directory::groups(session, &store).await?.into_iter().collect();
    }
    let touched = model
        .groups
        .iter()
        .filter(|(_, group)| names.contains(&group.value.display_name));
    let touched = touched.map(|(id, group)| (id.clone(), group.value.display_name.to_string()));
    let touched: Vec<(String, String)> = touched.collect();
    super::members(session, &store, touched).await?(model);
    Ok(())
}

/// Reads these groups without their members; false where they cannot be asked for one by one.
async fn each_group(
    session: &Arc<Session>,
    model: &mut Model,
    store: &str,
    names: &BTreeSet<GroupName>,
) -> Result<bool, CallError> {
    for name in names {
        let known = id_of(model.groups.iter(), |group: &Group| group.display_name == *name);
        let found = directory::group(session, store, known.as_deref(), name).await;
        let found = permitted(found).map_err(|error| {
            session.reads_for(Some(ReadFor::Entity(EntityKey::Group(name.clone()))));
            error.while_reading(&format!("group {name}"))
        })?;
        let Some(found) = found else { return Ok(false) };
        known.map(|id| model.groups.remove(&id));
        model.groups.extend(found);
    }
    Ok(true)
}

fn id_of<'m, T: 'm>(
    mut rows: impl Iterator<Item = (&'m String, &'m Versioned<T>)>,
    is: impl Fn(&T) -> bool,
) -> Option<String> {
    rows.find(|(_, row)| is(&row.value)).map(|(id, _)| id.clone())
}

async fn permission_sets(
    session: &Arc<Session>,
    model: &mut Model,
    touched: &Touched,
) -> Result<(), CallError> {
    if touched.sets.is_empty() {
        return Ok(());
    }
    let instance = model.instance.arn.to_string();
    let arns = match sets::arns(session, &instance).await {
        Err(error) if is_fatal(&error) => return Err(error),
        // Held since the whole was read.
        Err(_) => return Ok(()),
        Ok(arns) => arns,
    };
    let there: BTreeSet<&String> = arns.iter().collect();
    model.sets.retain(|arn, _| there.contains(arn));
    let is_touched = |arn: &String| {
        model
            .sets
            .get(arn)
            .is_none_or(|set| touched.contents.contains(&set.name))
    };
    let again: Vec<String> = arns.iter().filter(|arn| is_touched(arn)).cloned().collect();
    super::describe_sets(session, &instance, again).await?(model);
    Ok(())
}

async fn assignments(
    session: &Arc<Session>,
    model: &mut Model,
    touched: &Touched,
    scope: &Scope,
) -> Result<(), CallError> {
    if touched.sets.is_empty() || model.held.contains_key(&HeldSubject::All(Kind::Assignment)) {
        return Ok(());
    }
    let instance = model.instance.arn.to_string();
    let named = model
        .sets
        .iter()
        .filter(|(_, set)| touched.sets.contains(&set.name));
    let arns: Vec<String> = named.map(|(arn, _)| arn.clone()).collect();
    let gone = |model: &Model, set: &u32| {
        let arn = model.relation.sets.value(*set);
        arn.is_none_or(|arn| !model.sets.contains_key(arn))
    };
    let vanished: Vec<(u32, u32)> = model
        .relation
        .pairs
        .keys()
        .filter(|(_, set)| gone(model, set))
        .copied()
        .collect();
    for key in vanished {
        model.relation.pairs.remove(&key);
    }
    if !touched.accounts.is_empty() {
        tuples(session, model, touched, &arns, scope).await?;
    }
    let stale = access::stale(session, &instance, arns.clone()).await?;
    for arn in &arns {
        let number = model.relation.sets.number(arn);
        let rows = model
            .relation
            .pairs
            .iter_mut()
            .filter(|((_, set), _)| *set == number);
        rows.for_each(|(_, row)| row.is_stale = false);
    }
    for (account, set) in stale {
        let key = model.relation.key(&account, &set);
        if let Some(row) = model.relation.pairs.get_mut(&key) {
            row.is_stale = true;
        }
    }
    Ok(())
}

/// The assignments of touched sets in touched accounts: by pair, or by touched principal if those are fewer.
async fn tuples(
    session: &Arc<Session>,
    model: &mut Model,
    touched: &Touched,
    arns: &[String],
    scope: &Scope,
) -> Result<(), CallError> {
    let instance = model.instance.arn.to_string();
    let accounts: Vec<String> = touched.accounts.iter().map(ToString::to_string).collect();
    let principals = principals(model, touched);
    let all_pairs = accounts.len().saturating_mul(arns.len());
    // Those that exist cost a call for each set to find, and then one each; as many as last time, say.
    let of_accounts: BTreeSet<u32> = accounts
        .iter()
        .map(|id| model.relation.accounts.number(id))
        .collect();
    let of_sets: BTreeSet<u32> = arns.iter().map(|arn| model.relation.sets.number(arn)).collect();
    let is_touched = |(account, set): &(u32, u32)| of_accounts.contains(account) && of_sets.contains(set);
    let known = model.relation.pairs.keys().filter(|key| is_touched(key));
    let existing = arns.len() + known.count();
    let choice = super::choice(model, scope);
    let by_principal =
        principals.iter().filter(|who| who.is_group).count() + calls_for_users(model, &principals);
    if access::by_principal(choice, all_pairs.min(existing), by_principal)
        && tuples_of(session, model, &principals, &is_touched).await?
    {
        return Ok(());
    }
    let pairs: Vec<(String, String)> = if all_pairs <= existing || session.is_listing_in_part() {
        let each = |set: &String| {
            let set = set.clone();
            accounts.iter().map(move |account| (account.clone(), set.clone()))
        };
        arns.iter().flat_map(each).collect()
    } else {
        let found = existing_pairs(session, model, &accounts, arns).await?;
        let there: BTreeSet<(u32, u32)> = found
            .iter()
            .map(|(account, set)| model.relation.key(account, set))
            .collect();
        // Those that were there and are gone leave the model.
        model
            .relation
            .pairs
            .retain(|key, _| !is_touched(key) || there.contains(key));
        found
    };
    let refused = access::of_pairs(session, &instance, pairs, &mut model.relation).await?;
    super::hold_pairs(model, refused);
    Ok(())
}

/// Reads what these principals have; false where it cannot be asked for so.
async fn tuples_of(
    session: &Arc<Session>,
    model: &mut Model,
    principals: &[PrincipalId],
    is_touched: impl Fn(&(u32, u32)) -> bool,
) -> Result<bool, CallError> {
    let instance = model.instance.arn.to_string();
    let found = access::of_principals(session, &instance, principals.to_vec()).await;
    let Some(found) = permitted(found)? else {
        return Ok(false);
    };
    let numbers: BTreeSet<u32> = principals
        .iter()
        .map(|principal| model.relation.principals.number(principal))
        .collect();
    for row in model.relation.pairs.values_mut() {
        row.principals.retain(|principal| !numbers.contains(principal));
    }
    for (account, set, principal) in &found {
        model.relation.grant(account, set, principal);
    }
    model.relation.pairs.retain(|_, row| !row.principals.is_empty());
    let of_the_gone = of_the_gone(model, is_touched);
    let refused = access::of_pairs(session, &instance, of_the_gone, &mut model.relation).await?;
    super::hold_pairs(model, refused);
    Ok(true)
}

/// The touched pairs that somebody has who is not there any more: no reading by principal says whether they still do.
fn of_the_gone(model: &Model, is_touched: impl Fn(&(u32, u32)) -> bool) -> Vec<access::AccountAndSet> {
    let is_gone = |number: &u32| {
        model.relation.principals.value(*number).is_some_and(|who| {
            let there = (
                model.groups.contains_key(&who.id),
                model.users.contains_key(&who.id),
            );
            !(if who.is_group { there.0 } else { there.1 })
        })
    };
    let rows = model.relation.pairs.iter();
    let rows = rows.filter(|(key, row)| is_touched(key) && row.principals.iter().any(is_gone));
    let pair = |(account, set): &(u32, u32)| {
        let relation = &model.relation;
        Some((
            relation.accounts.value(*account)?.clone(),
            relation.sets.value(*set)?.clone(),
        ))
    };
    rows.filter_map(|(key, _)| pair(key)).collect()
}

/// How many calls reading the users among these takes, by what their groups had.
fn calls_for_users(model: &Model, principals: &[PrincipalId]) -> usize {
    let mut counts: BTreeMap<u32, usize> = BTreeMap::new();
    for number in model.relation.pairs.values().flat_map(|row| &row.principals) {
        *counts.entry(*number).or_default() += 1;
    }
    let counts: BTreeMap<&str, usize> = counts
        .into_iter()
        .filter_map(|(number, count)| Some((model.relation.principals.value(number)?.id.as_str(), count)))
        .collect();
    let users: Vec<PrincipalId> = principals.iter().filter(|who| !who.is_group).cloned().collect();
    access::calls_for_users(&users, &model.members, |group| {
        counts.get(group).copied().unwrap_or(0)
    })
}

/// The touched pairs that exist.
async fn existing_pairs(
    session: &Arc<Session>,
    model: &Model,
    accounts: &[String],
    arns: &[String],
) -> Result<Vec<(String, String)>, CallError> {
    let wanted: BTreeSet<&String> = accounts.iter().collect();
    let mut found = access::of_sets(session, model.instance.arn.as_str(), arns.to_vec()).await?;
    found.retain(|(account, _)| wanted.contains(account));
    Ok(found)
}

fn principals(model: &Model, touched: &Touched) -> Vec<PrincipalId> {
    let groups = model
        .groups
        .iter()
        .filter(|(_, row)| touched.groups.contains(&row.value.display_name));
    let users = model
        .users
        .iter()
        .filter(|(_, row)| touched.users.contains(&row.value.user_name));
    let groups = groups.map(|(id, _)| PrincipalId {
        is_group: true,
        id: id.clone(),
    });
    let users = users.map(|(id, _)| PrincipalId {
        is_group: false,
        id: id.clone(),
    });
    groups.chain(users).collect()
}
