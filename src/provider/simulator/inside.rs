//! What is not as it should be inside the accounts of the world.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::observe::{account_key, set_name};
use super::world::World;
use super::world::access::RoleEdit;
use super::world::place::AccountIx;
use crate::id::{AccountKey, PermissionSetName};
use crate::model::in_account::{AccountFault, InAccount, attached, detached, replaced};

/// Roles that are gone or edited, SAML providers and policies that are gone; by account.
pub(super) fn faults(world: &World) -> Vec<InAccount> {
    let mut out = Vec::new();
    for (at, account) in world.organization().accounts() {
        let pairs = world.access().pairs(at);
        let Some(key) = account_key(&account.id).filter(|_| !pairs.is_empty()) else {
            continue;
        };
        in_account(world, at, &key, &mut out);
    }
    out.sort();
    out
}

fn in_account(world: &World, at: AccountIx, account: &AccountKey, out: &mut Vec<InAccount>) {
    let mut add = |fault| {
        out.push(InAccount {
            account: account.clone(),
            fault,
        });
    };
    if !world.access().has_saml_provider(at) {
        add(AccountFault::SamlProviderGone);
    }
    let mut policies: BTreeMap<Arc<str>, BTreeSet<PermissionSetName>> = BTreeMap::new();
    for pair in world.access().pairs(at) {
        let Some(permission_set) = set_name(world, pair.set().at()) else {
            continue;
        };
        let set = world.permission_sets().get(pair.set());
        for policy in set
            .and_then(|set| set.definition())
            .iter()
            .flat_map(|set| set.needed())
        {
            if !world.policy_exists(at, policy) {
                let name = Arc::from(format!("{}{}", policy.path, policy.name));
                policies.entry(name).or_default().insert(permission_set.clone());
            }
        }
        match pair.role().map(|role| role.edit.as_deref()) {
            None => add(AccountFault::RoleGone { permission_set }),
            Some(Some(edit)) => add(AccountFault::RoleEdited {
                permission_set,
                edits: edits(edit),
                behind: world.is_stale(pair),
            }),
            Some(None) => {}
        }
    }
    for (policy, permission_sets) in policies {
        add(AccountFault::PolicyGone {
            policy,
            permission_sets,
        });
    }
}

fn edits(edit: &RoleEdit) -> BTreeSet<Arc<str>> {
    let attached = edit.attached.iter().map(|arn| attached(arn));
    let detached = edit.detached.iter().map(|arn| detached(arn));
    let inline = edit.inline_policy.as_ref().map(|policy| replaced(policy));
    attached.chain(detached).chain(inline).map(Arc::from).collect()
}
