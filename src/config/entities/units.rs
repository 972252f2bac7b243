//! Which declared account is in which unit.
//!
//! This depends on the instances of account blocks, on their ids and on their `ou`, and on nothing else of them, so
//! that an account's name or tags may be computed from what `.accounts` of some unit says.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use crate::address::{Address, Kind};
use crate::config::entities::{Engine, ModuleId, Node, silent};
use crate::config::eval::EvalResult;
use crate::config::program::Program;
use crate::config::types::Type;
use crate::config::value::Value;
use crate::id::{EntityKey, OuPath};
use crate::source::Span;

/// The declared accounts by unit.
#[derive(Debug, Default)]
pub(super) struct Membership {
    by_unit: BTreeMap<OuPath, BTreeMap<EntityKey, Value>>,
    /// Accounts that do not say where they are; they are somewhere under the root.
    nowhere: BTreeMap<EntityKey, Value>,
}

impl Engine<'_> {
    /// The declared accounts in a unit, in the order of their keys.
    pub(super) fn accounts_in(&self, unit: &OuPath, recursive: bool, span: Span) -> EvalResult {
        let cached = self.selected.borrow().get(&(unit.clone(), recursive)).cloned();
        if let Some(value) = cached {
            return Ok(value);
        }
        self.force(Node::Membership, span)?;
        let membership = self.membership.borrow().clone().ok_or_else(silent)?;
        let accounts: BTreeMap<&EntityKey, &Value> = if recursive {
            let within = membership.by_unit.iter().filter(|(path, _)| path.is_within(unit));
            let nowhere = unit
                .is_root()
                .then_some(&membership.nowhere)
                .into_iter()
                .flatten();
            within.flat_map(|(_, accounts)| accounts).chain(nowhere).collect()
        } else {
            membership.by_unit.get(unit).into_iter().flatten().collect()
        };
        // By address: an account that is made later gets an id, and must not change its place by that.
        let mut items: Vec<Value> = accounts.into_values().cloned().collect();
        items.sort_by(|left, right| address(left).cmp(&address(right)));
        let value = Value::list(Type::Entity(Some(Kind::Account)), items);
        self.selected
            .borrow_mut()
            .insert((unit.clone(), recursive), value.clone());
        Ok(value)
    }

    pub(super) fn compute_membership(&self) -> EvalResult {
        let mut membership = Membership::default();
        let relevant = declares_accounts(self.program);
        let mut work = vec![ModuleId(0)];
        while let Some(id) = work.pop() {
            let Some(module) = self.module(id) else { continue };
            for (index, (_, call)) in (0..).zip(&module.calls.items) {
                if call.module.is_some_and(|target| relevant.contains(&target)) {
                    let span = crate::config::check::head(&call.block);
                    if let Some(calls) = self.settle(self.call_instances(id, index, span)) {
                        work.extend(calls.items.iter().map(|(_, id)| *id));
                    }
                }
            }
            for (index, block) in (0..).zip(&module.blocks) {
                if block.kind == Kind::Account && !block.data {
                    self.place_accounts(id, index, block.head, &mut membership);
                }
            }
        }
        *self.membership.borrow_mut() = Some(Rc::new(membership));
        Ok(Value::TRUE)
    }

    /// Accounts that cannot be placed have been reported and are left out.
    fn place_accounts(&self, module: ModuleId, block: u32, span: Span, membership: &mut Membership) {
        let Some(instances) = self.settle(self.instances(module, block, span)) else {
            return;
        };
        for (_, id) in &instances.items {
            let account = self.settle(self.force(Node::Identity(*id), span));
            let unit = self.settle(self.attribute_named(*id, "ou", span));
            let (Some(account), Some(unit)) = (account, unit) else {
                continue;
            };
            let Some(key) = account.as_entity().map(|entity| entity.key.clone()) else {
                continue;
            };
            match unit.as_entity().map(|entity| &entity.key) {
                Some(EntityKey::OrganizationalUnit(path)) => {
                    membership
                        .by_unit
                        .entry(path.clone())
                        .or_default()
                        .insert(key, account);
                }
                _ => {
                    membership.nowhere.insert(key, account);
                }
            }
        }
    }
}

fn address(account: &Value) -> Option<&Address> {
    account.as_entity().map(|entity| &entity.address)
}

/// The modules that declare accounts, themselves or by the modules they call.
fn declares_accounts(program: &Program) -> BTreeSet<usize> {
    let mut relevant: BTreeSet<usize> = BTreeSet::new();
    loop {
        let before = relevant.len();
        for (index, module) in program.modules.iter().enumerate() {
            let own = module
                .blocks
                .iter()
                .any(|block| block.kind == Kind::Account && !block.data);
            let called = module
                .calls
                .items
                .iter()
                .filter_map(|(_, call)| call.module)
                .any(|target| relevant.contains(&target));
            if own || called {
                relevant.insert(index);
            }
        }
        if relevant.len() == before {
            return relevant;
        }
    }
}
