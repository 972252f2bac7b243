//! Looks at what is there when the service says that something exists already.

use crate::id::ServiceId;
use crate::model::action::{Effect, Learned};
use crate::model::snapshot::Snapshot;
use crate::provider::{Provider, ProviderError, ReadRequest};

/// What stands where something was to be created.
pub enum Found {
    /// The same: it can be taken as made.
    Equal(Learned),
    /// Something else under the same key.
    Different(Learned),
    /// Nothing under that key.
    Nothing,
}

/// Reads what an effect was to create, and compares.
///
/// # Errors
/// When the service cannot be read.
pub fn look(effect: &Effect, provider: &dyn Provider) -> Result<Found, ProviderError> {
    let touched_by = effect.entity().into_iter().collect();
    let observed = provider.read(&ReadRequest {
        touched_by,
        ..ReadRequest::default()
    })?;
    Ok(compare(effect, &observed.snapshot))
}

fn compare(effect: &Effect, there: &Snapshot) -> Found {
    let found = match effect {
        Effect::CreatePermissionSet { permission_set: set } => there
            .permission_sets
            .get(&set.name)
            .map(|entity| (entity.value.same_as(set), entity.value.arn.clone())),
        Effect::CreateUser { user } => there
            .users
            .get(&user.user_name)
            .map(|entity| (entity.value.same_as(user), entity.value.id.clone())),
        Effect::CreateGroup { group } => there.groups.get(&group.display_name).map(|entity| {
            (
                entity.value.description == group.description,
                entity.value.id.clone(),
            )
        }),
        Effect::CreateOrganizationalUnit { path } => there
            .organizational_units
            .get(path)
            .map(|entity| (true, entity.value.id.clone())),
        Effect::CreateAccount { account } => there
            .accounts
            .values()
            .find(|entity| entity.value.email.is_some() && entity.value.email == account.email)
            .map(|entity| {
                (
                    true,
                    entity.value.id().and_then(|id| ServiceId::new(id.as_str()).ok()),
                )
            }),
        _ => None,
    };
    match found {
        Some((true, id)) => Found::Equal(Learned { id, role: None }),
        Some((false, id)) => Found::Different(Learned { id, role: None }),
        None => Found::Nothing,
    }
}
