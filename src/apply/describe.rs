//! What a step does, in a few words for people.

use crate::model::action::Effect;
use crate::plan::Plan;
use crate::plan::step::StepId;

/// A step in a few words: `create permission set admin`, `grant admin in payments-prod to group Platform`.
pub fn describe(plan: &Plan, step: StepId) -> String {
    let verb = match step {
        StepId::Action(index) => {
            let effect = plan
                .actions
                .get(index as usize)
                .and_then(|action| action.effect.as_ref());
            return effect.map_or_else(|| "record".to_owned(), |effect| describe_effect(plan, effect));
        }
        StepId::Grant(_) => "grant",
        StepId::Revoke(_) => "revoke",
    };
    let names = plan.tuple(step).and_then(|tuple| plan.names.resolve(tuple));
    let Some((account, set, principal)) = names else {
        return verb.to_owned();
    };
    let account = plan.account_name(account);
    let joint = if verb == "grant" { "to" } else { "from" };
    format!("{verb} {set} in {account} {joint} {principal}")
}

/// An effect in a few words.
pub(super) fn describe_effect(plan: &Plan, effect: &Effect) -> String {
    match effect {
        Effect::CreateOrganizationalUnit { path } => format!("create organizational unit {path}"),
        Effect::RenameOrganizationalUnit { from, to } => format!("rename organizational unit {from} to {to}"),
        Effect::CreateAccount { account } => format!("create account {}", account.name),
        Effect::MoveAccount { account, to, .. } => {
            let to = if to.is_root() { "the root" } else { to.as_str() };
            format!("move account {} to {to}", plan.account_name(account))
        }
        Effect::TagAccount { account, .. } => format!("tag account {}", plan.account_name(account)),
        Effect::CreateUser { user } => format!("create user {}", user.user_name),
        Effect::UpdateUser { to, .. } => format!("update user {}", to.user_name),
        Effect::DeleteUser { user } => format!("delete user {user}"),
        Effect::CreateGroup { group } => format!("create group {}", group.display_name),
        Effect::UpdateGroup { to, .. } => format!("update group {}", to.display_name),
        Effect::DeleteGroup { group } => format!("delete group {group}"),
        Effect::AddMember { group, user } => format!("add {user} to group {group}"),
        Effect::RemoveMember { group, user } => format!("remove {user} from group {group}"),
        Effect::CreatePermissionSet { permission_set } => {
            format!("create permission set {}", permission_set.name)
        }
        Effect::UpdatePermissionSet { to, .. } => format!("update permission set {}", to.name),
        Effect::DeletePermissionSet { name } => format!("delete permission set {name}"),
        Effect::Provision { name, accounts: None } => {
            format!("provision {name} to every account that has it")
        }
        Effect::Provision {
            name,
            accounts: Some(accounts),
        } => {
            let s = if accounts.len() == 1 { "" } else { "s" };
            format!("provision {name} to {} account{s}", accounts.len())
        }
        Effect::Grant {
            account,
            permission_set,
            principal,
        } => {
            format!(
                "grant {permission_set} in {} to {principal}",
                plan.account_name(account)
            )
        }
        Effect::Revoke {
            account,
            permission_set,
            principal,
        } => {
            format!(
                "revoke {permission_set} in {} from {principal}",
                plan.account_name(account)
            )
        }
    }
}
