//! Assignments: who gets which sets where.

use std::sync::Arc;

use crate::address::Kind;
use crate::config::decode::Decoder;
use crate::config::decode::reader::Reader;
use crate::config::decode::time::moment;
use crate::config::entities::ModuleScope;
use crate::config::eval::eval;
use crate::config::syntax::{Expr, ExprKind, Step};
use crate::config::value::Entity;
use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey};
use crate::model::access::{Block, Declaration};
use crate::model::stack::Selection;

impl Decoder<'_, '_> {
    pub(super) fn assignment(&mut self, reader: &Reader<'_, '_>) {
        let principals = reader.entities("principals", &[Kind::Group, Kind::User]);
        let sets = reader.entities("permission_sets", &[Kind::PermissionSet]);
        let accounts = reader.entities("accounts", &[Kind::Account]);
        let reason = reader.written_text("reason").filter(|reason| !reason.is_empty());
        let allow_empty = reader
            .written("allow_empty")
            .and_then(|value| value.as_bool())
            .unwrap_or(false);
        let expires = reader
            .written_text("expires")
            .and_then(|text| match moment(&text) {
                Ok(time) => Some(time),
                Err(finding) => {
                    reader.report(finding, reader.place("expires"));
                    None
                }
            });
        let (Some(principals), Some(sets), Some(accounts)) = (principals, sets, accounts) else {
            return;
        };
        let Some(address) = reader.address().filter(|_| !reader.failed.get()) else {
            return;
        };
        let principals = keys(&principals, principal);
        let permission_sets = keys(&sets, permission_set);
        let accounts = keys(&accounts, account);
        let selection = Selection {
            accounts: accounts.len() as u64,
            permission_sets: permission_sets.len() as u64,
            principals: principals.len() as u64,
            allow_empty,
            accounts_from: selector(reader).map(|(unit, _)| unit),
        };
        self.out.desired.selections.insert(address.clone(), selection);
        self.blocks.push(Block {
            declaration: Declaration {
                address,
                location: reader.block.location.clone(),
                reason,
                expires,
            },
            principals,
            permission_sets,
            accounts,
        });
    }
}

/// The keys of entities, sorted, without repeats.
pub(super) fn keys<K: Ord>(entities: &[Arc<Entity>], of: impl Fn(&EntityKey) -> Option<K>) -> Vec<K> {
    let mut keys: Vec<K> = entities.iter().filter_map(|entity| of(&entity.key)).collect();
    if !keys.is_sorted_by(|left, right| left < right) {
        keys.sort_unstable();
        keys.dedup();
    }
    keys
}

pub(super) fn principal(key: &EntityKey) -> Option<PrincipalKey> {
    match key {
        EntityKey::Group(name) => Some(PrincipalKey::Group(name.clone())),
        EntityKey::User(name) => Some(PrincipalKey::User(name.clone())),
        _ => None,
    }
}

pub(super) fn permission_set(key: &EntityKey) -> Option<PermissionSetName> {
    match key {
        EntityKey::PermissionSet(name) => Some(name.clone()),
        _ => None,
    }
}

pub(super) fn account(key: &EntityKey) -> Option<AccountKey> {
    match key {
        EntityKey::Account(key) => Some(key.clone()),
        _ => None,
    }
}

/// How the accounts were selected, if by a unit's `.accounts`: the unit's path.
fn selector(reader: &Reader<'_, '_>) -> Option<(Arc<str>, bool)> {
    let scope = ModuleScope::with(reader.engine, reader.entity.module, reader.entity.each.clone());
    unit_of(reader.expr("accounts")?, &scope)
}

/// The path of the unit of which an expression names the `.accounts` or `.direct_accounts`, and nothing else; and whether
/// it is the latter.
pub(super) fn unit_of(mut expr: &Expr, scope: &ModuleScope<'_, '_>) -> Option<(Arc<str>, bool)> {
    if let ExprKind::Tuple(items) = &expr.kind
        && let [only] = items.as_slice()
    {
        expr = only;
    }
    let ExprKind::Name(name, steps) = &expr.kind else {
        return None;
    };
    let (Step::Attribute(last, _), rest) = steps.split_last()? else {
        return None;
    };
    if !matches!(last.as_ref(), "accounts" | "direct_accounts") {
        return None;
    }
    let unit = Expr {
        kind: ExprKind::Name(name.clone(), rest.to_vec()),
        span: expr.span,
    };
    let unit = eval(&unit, scope).ok()?;
    match unit.as_entity().map(|entity| &entity.key) {
        Some(key @ EntityKey::OrganizationalUnit(_)) => {
            Some((Arc::from(key.name()), last.as_ref() == "direct_accounts"))
        }
        _ => None,
    }
}
