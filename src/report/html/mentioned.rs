//! What the page's tables must have: everything that a reading, a plan or a finding of drift names.

use std::collections::BTreeSet;

use crate::drift::Subject;
use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::model::access::Tuple;
use crate::model::identities::{Identities, Succession};

use super::Sources;

impl Sources<'_> {
    /// Who of what was applied has another key in the service.
    pub(super) fn renamed(&self) -> Succession {
        Identities::of(&self.recorded.applied).succession(self.snapshot())
    }

    /// Accounts that any grant or change names.
    pub(super) fn accounts(&self) -> BTreeSet<AccountKey> {
        let mut keys: BTreeSet<AccountKey> = self.snapshot().access.names.accounts.iter().cloned().collect();
        self.each_change(|account, _, _| {
            keys.insert(account.clone());
        });
        keys
    }

    /// Permission sets that any grant or change names.
    pub(super) fn permission_sets(&self) -> BTreeSet<PermissionSetName> {
        let mut names: BTreeSet<_> = self
            .snapshot()
            .access
            .names
            .permission_sets
            .iter()
            .cloned()
            .collect();
        self.each_change(|_, set, _| {
            names.insert(set.clone());
        });
        names
    }

    /// Groups and people whom any grant or change names, under the keys that they have now.
    pub(super) fn principals(&self) -> BTreeSet<PrincipalKey> {
        let mut keys: BTreeSet<_> = self.snapshot().access.names.principals.iter().cloned().collect();
        self.each_change(|_, _, principal| {
            keys.insert(principal.clone());
        });
        keys
    }

    /// What plan and drift name and the reading need not have.
    fn each_change(&self, mut take: impl FnMut(&AccountKey, &PermissionSetName, &PrincipalKey)) {
        if let Some(view) = self.plan {
            let plan = view.plan;
            let tuples = plan.grants.iter().map(|step| step.tuple);
            let tuples: BTreeSet<Tuple> = tuples.chain(plan.revokes.iter().map(|step| step.tuple)).collect();
            for (account, set, principal) in tuples.into_iter().filter_map(|tuple| plan.names.resolve(tuple))
            {
                take(account, set, principal);
            }
        }
        let renamed = self.renamed();
        let items = self
            .drift
            .as_ref()
            .map(|view| view.drift.items.as_slice())
            .unwrap_or_default();
        for item in items {
            if let Subject::Grants {
                permission_set,
                principal,
                accounts,
            } = &item.subject
            {
                let now = renamed.now_there(principal);
                accounts
                    .iter()
                    .for_each(|account| take(account, permission_set, now));
            }
        }
    }
}
