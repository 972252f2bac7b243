//! Sets that become graver in the same plan that takes them from somebody.
//!
//! A set is changed before it is granted anew, and what is taken away goes last, so that nobody who keeps access loses
//! it on the way. Whoever loses the set has it until then with all that it comes to allow, and keeps it so where taking
//! it away fails.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::{EntityKey, PermissionSetName, UserName};
use crate::model::action::Effect;

use super::Plan;
use super::finding::{Finding, Level, people};
use super::people::PeopleChange;
use super::risk::{RiskMark, SetRisk};

/// A warning for each of them.
pub(super) fn findings(plan: &Plan) -> impl Iterator<Item = Finding> {
    let risen = plan.risks.sets.iter().filter(|(_, risk)| risk.newly.is_some());
    risen.filter_map(|(name, risk)| finding(plan, name, risk))
}

fn finding(plan: &Plan, name: &PermissionSetName, risk: &SetRisk) -> Option<Finding> {
    let rank = plan.names.permission_set_rank(name)?;
    let losing = || {
        let rows = plan.people.rows.iter();
        rows.filter(move |row| row.change == PeopleChange::Loses && row.permission_set == rank)
    };
    let named: BTreeSet<&UserName> = losing().flat_map(|row| &row.people).collect();
    let most = losing().map(|row| row.count).max()?;
    let count = most.max(named.len() as u64);
    let becomes = risk.mark().map_or("graver", RiskMark::word);
    let key = EntityKey::PermissionSet(name.clone());
    let update = plan.actions.iter().find(|action| {
        action.entity == key && matches!(action.effect, Some(Effect::UpdatePermissionSet { .. }))
    });
    let lose = if count == 1 { "loses" } else { "lose" };
    Some(Finding {
        subjects: BTreeSet::from([Arc::from(key.to_string())]),
        location: update.and_then(|action| action.location.clone()),
        remedy: Some("take it away in a change of its own first, and apply that".into()),
        ..Finding::new(
            Level::Warning,
            "widened-before-taken-away",
            format!(
                "permission set {name} becomes {becomes} while {} {lose} it: until that is done, and if it fails, they \
                 have it with all that it allows then",
                people(count)
            ),
        )
    })
}

#[cfg(test)]
mod tests {
    use super::super::planner::plan;
    use super::super::scene::Scene;
    use super::*;

    const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
    const VIEW: &str = "arn:aws:iam::aws:policy/job-function/ViewOnlyAccess";

    fn stack(scene: Scene, groups: &[&str], readers: &[&str], policy: &str) -> Scene {
        let scene = scene.account(1).set("s").group("ops", &["ada"]);
        let scene = scene.group("readers", readers);
        let scene = scene.change_set("s", |set| set.managed_policies.extend([Arc::from(policy)]));
        scene.assign("a", groups, &["s"], &[1])
    }

    fn told(groups: &[&str], readers: &[&str], policy: &str) -> Vec<String> {
        let applied = stack(Scene::new(), &["ops", "readers"], &["bob"], VIEW).applied();
        let plan = plan(&stack(applied, groups, readers, policy).build());
        let found = plan.findings.iter();
        found
            .filter(|finding| &*finding.code == "widened-before-taken-away")
            .map(|finding| finding.message.to_string())
            .collect()
    }

    #[test]
    fn who_loses_a_set_that_becomes_administration_has_that_for_a_while() {
        let by_grant = told(&["ops"], &["bob"], ADMIN);
        assert_eq!(
            by_grant,
            [
                "permission set s becomes administrator while 1 person loses it: until that is done, and if it fails, \
                 they have it with all that it allows then"
            ]
        );
        assert_eq!(
            told(&["ops", "readers"], &["ada"], ADMIN),
            by_grant,
            "by membership"
        );
    }

    #[test]
    fn nobody_is_warned_of_less() {
        let nothing: [String; 0] = [];
        assert_eq!(
            told(&["ops", "readers"], &["bob"], ADMIN),
            nothing,
            "nobody loses it"
        );
        assert_eq!(told(&["ops"], &["bob"], VIEW), nothing, "it stays as it is");
    }
}
