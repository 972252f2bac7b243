//! Standing approvals.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::address::Kind;
use crate::config::decode::Decoder;
use crate::config::decode::access::keys;
use crate::config::decode::blocks::Nested;
use crate::config::decode::guardrail::{expiry, selector};
use crate::config::entities::{ModuleId, ModuleScope};
use crate::config::program::Declared;
use crate::config::schema;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::id::EntityKey;
use crate::model::standing::{Cause, StandingApproval};

/// A standing approval for something that does not exist.
const BAD_STANDING_APPROVAL: Code = Code("bad-standing-approval");

impl Decoder<'_, '_> {
    pub(super) fn standing_approvals(&mut self) {
        let Some(root) = self.engine.program.root() else {
            return;
        };
        for (label, declared) in &root.standing_approvals.items {
            if let Some(approval) = self.standing_approval(label, declared) {
                self.out.desired.standing_approvals.push(approval);
            }
        }
    }

    /// `None` if anything in it is wrong, which is reported: half an approval would approve something else.
    fn standing_approval(&self, label: &Arc<str>, declared: &Declared) -> Option<StandingApproval> {
        let scope = ModuleScope::new(self.engine, ModuleId(0));
        let read = Nested::new(
            self.engine,
            &scope,
            &declared.block,
            schema::find("standing_approval", None)?,
        );
        // Everything is read before anything of it ends this, so that one mistake does not hide the next.
        let units = read.entities("organizational_units", &[Kind::OrganizationalUnit]);
        let (reason, causes, of, expires) =
            (read.text("reason"), causes(&read), selector(&read), expiry(&read));
        let path = |key: &EntityKey| match key {
            EntityKey::OrganizationalUnit(path) => Some(path.clone()),
            _ => None,
        };
        Some(StandingApproval {
            label: label.clone(),
            reason: reason?,
            causes: causes?,
            of: of?,
            organizational_units: units?.map(|found| keys(&found, path).into_iter().collect()),
            expires: expires?,
            location: declared.location.clone(),
        })
    }
}

fn causes(read: &Nested<'_, '_, '_>) -> Option<BTreeSet<Cause>> {
    let Some(names) = read.texts("causes") else {
        let default = || BTreeSet::from([Cause::AccountJoined]);
        return (!read.is_broken("causes")).then(default);
    };
    let mut causes = BTreeSet::new();
    for name in &names {
        let Some(cause) = Cause::named(name) else {
            let error = Diagnostic::error(
                BAD_STANDING_APPROVAL,
                format!("a cause is `account_joined`, `principal_joined` or `declared`, not `{name}`"),
            )
            .at(read.place("causes"), "");
            let known = ["account_joined", "principal_joined", "declared"];
            read.engine.report(match did_you_mean(name, known) {
                Some(meant) => error.help(meant),
                None => error,
            });
            return None;
        };
        causes.insert(cause);
    }
    Some(causes)
}
