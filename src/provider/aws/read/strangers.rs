//! Ids that the lists do not have. Lists and what refers to them are read one after another, and a name may be one that
//! cannot be used: only the service itself can say, asked by the id, that somebody is gone.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::super::model::{Model, PrincipalId};
use super::super::session::{Session, for_each};
use super::directory::{self, Fate};
use super::is_fatal;
use crate::address::Kind;
use crate::model::instance::HeldSubject;
use crate::model::principal::{Group, User};
use crate::provider::CallError;

const NO_NAME: &str = "it has no name that can be used";

/// Asks about every member and every principal of an assignment that no list has, each once.
///
/// # Errors
/// When the service does not answer.
pub async fn resolve(session: &Arc<Session>, model: &mut Model) -> Result<(), CallError> {
    groups(session, model).await?;
    users(session, model).await
}

async fn groups(session: &Arc<Session>, model: &mut Model) -> Result<(), CallError> {
    if model.held.contains_key(&HeldSubject::All(Kind::Group)) {
        return Ok(());
    }
    let principals = model.relation.assigned();
    let strange = |who: &&PrincipalId| who.is_group && !model.groups.contains_key(&who.id);
    let ids: BTreeSet<String> = principals
        .into_iter()
        .filter(strange)
        .map(|who| who.id.clone())
        .collect();
    let store: Arc<str> = model.instance.identity_store.as_str().into();
    let asked = Arc::clone(&store);
    let found = for_each(session, unasked(model, ids), move |session, id| {
        let store = Arc::clone(&asked);
        async move { (directory::describe_group(&session, &store, &id).await, id) }
    })
    .await;
    let mut there = Vec::new();
    for (found, id) in found {
        if let Some((id, group)) = told::<Group>(model, id, found)? {
            there.push((id.clone(), group.value.display_name.to_string()));
            model.groups.insert(id, group);
        }
    }
    if !there.is_empty() {
        super::members(session, &store, there).await?(model);
    }
    Ok(())
}

async fn users(session: &Arc<Session>, model: &mut Model) -> Result<(), CallError> {
    if model.held.contains_key(&HeldSubject::All(Kind::User)) {
        return Ok(());
    }
    let principals = model.relation.assigned();
    let principals = principals.into_iter().filter(|who| !who.is_group);
    let members = model.members.values().flatten();
    let ids: BTreeSet<String> = principals
        .map(|who| &who.id)
        .chain(members)
        .filter(|id| !model.users.contains_key(*id))
        .cloned()
        .collect();
    let store: Arc<str> = model.instance.identity_store.as_str().into();
    let found = for_each(session, unasked(model, ids), move |session, id| {
        let store = Arc::clone(&store);
        async move { (directory::describe_user(&session, &store, &id).await, id) }
    })
    .await;
    for (found, id) in found {
        if let Some((id, user)) = told::<User>(model, id, found)? {
            model.users.insert(id, user);
        }
    }
    Ok(())
}

/// Those that the service has not called gone: nothing comes back under its id.
fn unasked(model: &Model, mut ids: BTreeSet<String>) -> Vec<String> {
    ids.retain(|id| !model.gone.contains(id));
    ids.into_iter().collect()
}

fn told<T>(
    model: &mut Model,
    id: String,
    found: Result<Fate<T>, CallError>,
) -> Result<Option<directory::Found<T>>, CallError> {
    model.unknown.remove(&id);
    match found {
        Ok(Fate::There(found)) => return Ok(Some(found)),
        Ok(Fate::Gone) => drop(model.gone.insert(id)),
        Ok(Fate::Unnamed) => drop(model.unknown.insert(id, NO_NAME.into())),
        Err(error) if is_fatal(&error) => return Err(error),
        Err(error) => drop(model.unknown.insert(id, error.to_string().into())),
    }
    Ok(None)
}
