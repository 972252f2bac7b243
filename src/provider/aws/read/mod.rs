//! Reading the instance: all of it, or what some entities touch.
//!
//! What the caller may not read, and what this server lacks, is *held* with the service's own words, and the rest is
//! read all the same. What nobody answers ends the reading: half of an instance would look like a mass removal.

pub mod access;
pub mod directory;
pub mod organization;
pub mod progress;
pub mod sets;
pub mod start;
pub mod strangers;
pub mod touched;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::model::{Model, PrincipalId};
use super::session::{Session, for_each};
use crate::address::Kind;
use crate::id::{AccountId, AccountKey, Email, EntityKey, GroupName, PermissionSetName, ServiceId};
use crate::model::account::Account;
use crate::model::instance::{CallerRole, HeldSubject};
use crate::provider::{CallError, Meaning, ProviderError, ReadFor};

use access::{Choice, Strategy};

/// What a reading shall cover.
#[derive(Debug, Clone, Default)]
pub struct Scope {
    /// How assignments are read.
    pub strategy: Strategy,
    /// Assignments of deleted principals must be seen.
    pub orphans: bool,
    /// Tags of every account are needed.
    pub all_tags: bool,
    /// Accounts that the stack declares, with tags where it says something about them.
    pub declared: Vec<Account>,
    /// E-mail addresses of accounts that the stack creates, where it says something about their tags.
    pub addresses: BTreeSet<Email>,
    /// Accounts that are to be created: their e-mail addresses by name.
    pub creating: BTreeMap<Arc<str>, BTreeSet<Email>>,
    /// Accounts whose tags were needed before.
    pub tagged: BTreeSet<AccountId>,
    /// Where the state has assignments, for servers that may not list them all.
    pub granted: BTreeSet<(AccountId, PermissionSetName)>,
    /// Where the state has assignments of whom, by id.
    pub granted_to: BTreeMap<ServiceId, BTreeSet<(AccountId, PermissionSetName)>>,
}

/// Whether an error says nothing about the instance: then nothing can be concluded from it, not even that something
/// is held.
pub fn is_fatal(error: &CallError) -> bool {
    let is_about_caller = error.meaning == Meaning::Denied && error.missing_action.is_none();
    matches!(error.meaning, Meaning::Unknown | Meaning::Retry) || is_about_caller
}

/// Reads the whole instance.
///
/// # Errors
/// When there is none, or the service does not answer.
pub async fn whole(
    session: &Arc<Session>,
    scope: &Scope,
    at: jiff::Timestamp,
) -> Result<Model, ProviderError> {
    let (instance, caller) = start::find(session).await?;
    let mut model = Model::new(at, instance, caller);
    let (arn, store) = (
        model.instance.arn.to_string(),
        model.instance.identity_store.to_string(),
    );
    let (tree, people, sets) = tokio::join!(
        organization(session, model.instance.management_account.clone()),
        people(session, &store),
        permission_sets(session, &arn),
    );
    let fill = [
        tree.map(|tree| tree(&mut model)),
        people.map(|people| people(&mut model)),
        sets.map(|sets| sets(&mut model)),
    ];
    fill.into_iter()
        .collect::<Result<Vec<()>, CallError>>()
        .map_err(ProviderError::Call)?;
    declared_accounts(session, &mut model, scope);
    let tags = tags(session, &mut model, scope);
    tags.await.map_err(ProviderError::Call)?;
    assignments(session, &mut model, scope)
        .await
        .map_err(ProviderError::Call)?;
    strangers::resolve(session, &mut model)
        .await
        .map_err(ProviderError::Call)?;
    model.in_progress = progress::requests(session, &model, scope)
        .await
        .map_err(ProviderError::Call)?;
    Ok(model)
}

/// How a part of the reading enters the model.
type Fill = Box<dyn FnOnce(&mut Model) + Send>;

/// The units and accounts.
pub async fn organization(session: &Arc<Session>, management: Option<AccountId>) -> Result<Fill, CallError> {
    match organization::tree(session, management.as_ref()).await {
        Ok(tree) => Ok(Box::new(move |model| {
            model.held.remove(&HeldSubject::All(Kind::OrganizationalUnit));
            model.units = tree.units;
            model.accounts = tree.accounts;
            let is_of_account =
                |held: &HeldSubject| matches!(held, HeldSubject::Entity(EntityKey::Account(_)));
            model.held.retain(|held, _| !is_of_account(held));
            let unclear = tree.unclear.into_iter();
            model.held.extend(unclear.map(|(id, why)| {
                let account = EntityKey::Account(AccountKey::Id(id));
                (HeldSubject::Entity(account), why)
            }));
        })),
        Err(error) if is_fatal(&error) => Err(error),
        Err(error) => {
            session.notice(format!(
                "the organization cannot be read ({error}); accounts are taken to be as declared, and organizational \
                 units are held"
            ));
            let why = error.to_string();
            Ok(Box::new(move |model| {
                model
                    .held
                    .insert(HeldSubject::All(Kind::OrganizationalUnit), why.into());
            }))
        }
    }
}

/// Users, groups and memberships.
async fn people(session: &Arc<Session>, store: &str) -> Result<Fill, CallError> {
    let (users, groups) = tokio::join!(
        directory::users(session, store),
        directory::groups(session, store)
    );
    let (users, users_held) = or_held(users, HeldSubject::All(Kind::User))?;
    let (groups, groups_held) = or_held(groups, HeldSubject::All(Kind::Group))?;
    let ids = groups
        .iter()
        .map(|(id, group)| (id.clone(), group.value.display_name.to_string()));
    let members = members(session, store, ids.collect()).await?;
    Ok(Box::new(move |model| {
        model.users = users.into_iter().collect();
        model.groups = groups.into_iter().collect();
        model.held.extend(users_held.into_iter().chain(groups_held));
        members(model);
    }))
}

/// Who is in these groups, given by id with what people call them.
pub async fn members(
    session: &Arc<Session>,
    store: &str,
    groups: Vec<(String, String)>,
) -> Result<Fill, CallError> {
    let store: Arc<str> = store.into();
    let listed = for_each(session, groups, move |session, (group, name)| {
        let store = Arc::clone(&store);
        async move {
            let found = directory::members(&session, &store, &group).await;
            (found, group, name)
        }
    })
    .await;
    let mut read: Vec<(String, Result<Vec<directory::Membership>, CallError>)> = Vec::new();
    for (found, group, name) in listed {
        match found {
            Err(error) if is_fatal(&error) => {
                let group = GroupName::new(&name).ok().map(EntityKey::Group);
                session.reads_for(group.map(ReadFor::Entity));
                return Err(error.while_reading(&format!("the members of group {name}")));
            }
            found => read.push((group, found)),
        }
    }
    Ok(Box::new(move |model| {
        for (group, found) in read {
            take_members(model, group, found);
        }
    }))
}

fn take_members(model: &mut Model, group: String, found: Result<Vec<directory::Membership>, CallError>) {
    let name = model
        .groups
        .get(&group)
        .map(|group| group.value.display_name.clone());
    let held = name.map(HeldSubject::Members);
    match found {
        Ok(memberships) => {
            model.members.insert(group.clone(), directory::ids(&memberships));
            let ids = memberships
                .into_iter()
                .map(|(user, id)| ((group.clone(), user), id));
            model.memberships.extend(ids);
            held.map(|held| model.held.remove(&held));
        }
        Err(error) => {
            model.members.remove(&group);
            model
                .held
                .extend(held.map(|held| (held, error.to_string().into())));
        }
    }
}

/// Every permission set.
async fn permission_sets(session: &Arc<Session>, instance: &str) -> Result<Fill, CallError> {
    let arns = sets::arns(session, instance).await;
    let (arns, held) = or_held(arns, HeldSubject::All(Kind::PermissionSet))?;
    let described = describe_sets(session, instance, arns).await?;
    Ok(Box::new(move |model| {
        model.held.extend(held);
        described(model);
    }))
}

/// These permission sets.
pub async fn describe_sets(
    session: &Arc<Session>,
    instance: &str,
    arns: Vec<String>,
) -> Result<Fill, CallError> {
    let arn: Arc<str> = instance.into();
    let described = for_each(session, arns, move |session, set| {
        let instance = Arc::clone(&arn);
        async move { (sets::describe(&session, &instance, &set).await, set) }
    })
    .await;
    let mut read = Vec::new();
    for (found, arn) in described {
        match found {
            Err(error) if is_fatal(&error) => {
                session.reads_for(ServiceId::new(&arn).ok().map(ReadFor::Set));
                return Err(error.while_reading(&format!("the permission set {arn}")));
            }
            Ok(Some(found)) => read.push((arn, Ok(Some(found.judged(session))))),
            found => read.push((arn, found)),
        }
    }
    Ok(Box::new(move |model| {
        for (arn, found) in read {
            take_set(model, arn, found);
        }
    }))
}

fn take_set(model: &mut Model, arn: String, found: Result<Option<sets::Read>, CallError>) {
    match found {
        Ok(Some(read)) => {
            let held = HeldSubject::Entity(EntityKey::PermissionSet(read.set.name.clone()));
            match read.refused {
                Some(error) => drop(model.held.insert(held, error.to_string().into())),
                None => drop(model.held.remove(&held)),
            }
            model.sets.insert(arn, read.set);
        }
        Ok(None) => drop(model.sets.remove(&arn)),
        // Which set it is, only its name would tell.
        Err(error) => {
            let held = HeldSubject::All(Kind::PermissionSet);
            model.held.insert(held, error.to_string().into());
        }
    }
}

/// Where the organization cannot be read, the accounts are those that are declared.
fn declared_accounts(session: &Session, model: &mut Model, scope: &Scope) {
    if !model
        .held
        .contains_key(&HeldSubject::All(Kind::OrganizationalUnit))
    {
        return;
    }
    for account in &scope.declared {
        let Some(id) = account.id() else { continue };
        let assumed = Account {
            management: model.instance.management_account.as_ref() == Some(id),
            status: Default::default(),
            ..account.clone()
        };
        model.accounts.entry(id.clone()).or_insert(assumed);
    }
    if model.accounts.is_empty() {
        session.notice("no account is known: neither the organization nor the configuration names one");
    }
}

/// Tags, of the accounts where they decide something: a call each.
async fn tags(session: &Arc<Session>, model: &mut Model, scope: &Scope) -> Result<(), CallError> {
    let says_tags = |account: &&Account| account.tags.is_some();
    let declared = scope
        .declared
        .iter()
        .filter(says_tags)
        .filter_map(Account::id)
        .cloned();
    let mut wanted: BTreeSet<AccountId> = declared.chain(scope.tagged.iter().cloned()).collect();
    wanted.extend(addressed(model, scope));
    wanted.retain(|id| model.accounts.contains_key(id));
    if scope.all_tags {
        wanted.extend(model.accounts.keys().cloned());
    }
    read_tags(session, model, wanted).await
}

/// The accounts that are declared by e-mail address.
pub fn addressed(model: &Model, scope: &Scope) -> BTreeSet<AccountId> {
    let accounts = model.accounts.iter();
    let declared = accounts.filter(|(_, account)| {
        let email = account.email.as_ref();
        email.is_some_and(|email| scope.addresses.contains(email))
    });
    declared.map(|(id, _)| id.clone()).collect()
}

/// The tags of these accounts.
pub async fn read_tags(
    session: &Arc<Session>,
    model: &mut Model,
    wanted: BTreeSet<AccountId>,
) -> Result<(), CallError> {
    let listed = for_each(session, wanted.into_iter().collect(), |session, id| async move {
        (organization::tags(&session, &id).await, id)
    })
    .await;
    let mut refused: Vec<CallError> = Vec::new();
    for (found, id) in listed {
        match found {
            Ok(tags) => {
                if let Some(account) = model.accounts.get_mut(&id) {
                    account.tags = Some(tags);
                }
                model.tagged.insert(id);
            }
            Err(error) if is_fatal(&error) => {
                let account = EntityKey::Account(AccountKey::Id(id.clone()));
                session.reads_for(Some(ReadFor::Entity(account)));
                return Err(error.while_reading(&format!("the tags of account {id}")));
            }
            Err(error) => refused.push(error),
        }
    }
    if let Some(first) = refused.first() {
        let accounts = match refused.len() {
            1 => "an account".to_owned(),
            count => format!("{count} accounts"),
        };
        session.notice(format!(
            "the tags of {accounts} cannot be read ({first}); they are left alone"
        ));
    }
    Ok(())
}

/// Who may use what where.
async fn assignments(session: &Arc<Session>, model: &mut Model, scope: &Scope) -> Result<(), CallError> {
    let accounts: Vec<String> = match model
        .held
        .contains_key(&HeldSubject::All(Kind::OrganizationalUnit))
    {
        // By set, which needs no list of accounts.
        true => Vec::new(),
        false => model.accounts.keys().map(ToString::to_string).collect(),
    };
    let sets: Vec<String> = model.sets.keys().cloned().collect();
    let principals = principals(model);
    let choice = choice(model, scope);
    let arn = model.instance.arn.to_string();
    let principals = (principals, &model.members);
    let state = access::InState {
        granted: by_ids(model, &scope.granted),
        of_the_gone: of_the_gone(model, scope),
    };
    match access::whole(session, &arn, (accounts, sets), state, principals, choice).await {
        Ok((relation, refused)) => {
            model.relation = relation;
            hold_pairs(model, refused);
        }
        Err(error) if is_fatal(&error) => return Err(of_a_pair(session, model, error)),
        Err(error) => {
            let held = HeldSubject::All(Kind::Assignment);
            model.held.insert(held, error.to_string().into());
        }
    }
    Ok(())
}

/// The same error; where it is about a permission set in an account, by name.
fn of_a_pair(session: &Session, model: &Model, error: CallError) -> CallError {
    let Some(ReadFor::SetIn(account, arn)) = session.read_for() else {
        return error;
    };
    let Some(set) = model.sets.get(arn.as_str()) else {
        return error;
    };
    let error = error.while_reading(&format!(
        "who has permission set {} in account {account}",
        set.name
    ));
    session.reads_for(Some(ReadFor::Pair(AccountKey::Id(account), set.name.clone())));
    error
}

/// Where the state has assignments of users and groups that are not there any more.
fn of_the_gone(model: &Model, scope: &Scope) -> BTreeSet<access::AccountAndSet> {
    let is_there =
        |id: &ServiceId| model.users.contains_key(id.as_str()) || model.groups.contains_key(id.as_str());
    let gone = scope.granted_to.iter().filter(|(id, _)| !is_there(id));
    let pairs: BTreeSet<(AccountId, PermissionSetName)> =
        gone.flat_map(|(_, pairs)| pairs.iter().cloned()).collect();
    by_ids(model, &pairs).into_iter().collect()
}

/// Accounts and sets by ids.
fn by_ids(model: &Model, pairs: &BTreeSet<(AccountId, PermissionSetName)>) -> Vec<access::AccountAndSet> {
    let sets = model.sets.iter();
    let arns: BTreeMap<&PermissionSetName, &String> = sets.map(|(arn, set)| (&set.name, arn)).collect();
    let pair = |(account, set): &(AccountId, PermissionSetName)| {
        Some((account.to_string(), (*arns.get(set)?).clone()))
    };
    pairs.iter().filter_map(pair).collect()
}

/// Everybody in the identity store.
fn principals(model: &Model) -> Vec<PrincipalId> {
    let of = |is_group: bool| {
        move |id: &String| PrincipalId {
            is_group,
            id: id.clone(),
        }
    };
    let groups = model.groups.keys().map(of(true));
    groups.chain(model.users.keys().map(of(false))).collect()
}

/// How assignments may be read.
pub fn choice(model: &Model, scope: &Scope) -> Choice {
    let role = model.caller.as_ref().map(|caller| caller.role);
    // Principals that cannot be listed would be missed.
    let listed = [Kind::User, Kind::Group]
        .iter()
        .all(|kind| !model.held.contains_key(&HeldSubject::All(*kind)));
    Choice {
        strategy: scope.strategy,
        from_management: role == Some(CallerRole::Management) && listed,
        orphans: scope.orphans,
    }
}

/// Pairs that could not be read.
pub fn hold_pairs(model: &mut Model, refused: access::Refused) {
    for ((account, set), error) in refused {
        let account = AccountId::new(&account).ok().map(AccountKey::Id);
        let set = model.sets.get(&set).map(|set| set.name.clone());
        if let (Some(account), Some(set)) = (account, set) {
            let held = HeldSubject::Pair(account, set);
            model.held.insert(held, error.to_string().into());
        }
    }
}

type HeldPart = BTreeMap<HeldSubject, Arc<str>>;

/// A list, or an empty one and what is held for it.
fn or_held<T>(
    answer: Result<Vec<T>, CallError>,
    subject: HeldSubject,
) -> Result<(Vec<T>, HeldPart), CallError> {
    match answer {
        Ok(list) => Ok((list, BTreeMap::new())),
        Err(error) if is_fatal(&error) => Err(error),
        Err(error) => Ok((Vec::new(), [(subject, error.to_string().into())].into())),
    }
}
