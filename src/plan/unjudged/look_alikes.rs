//! Groups and permission sets that a plan gives access through, and whose names could be taken for another's that is
//! there: `Ops` and `0ps`, `view` and `VIEW`, a space at the end. Whether the right one is meant only a person can tell.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::{GroupName, PermissionSetName, PrincipalKey};
use crate::model::action::Effect;
use crate::model::likeness::LookAlikes;
use crate::plan::Plan;
use crate::plan::finding::{Finding, Level, counted};
use crate::plan::input::PlanInput;

/// One finding, whatever the number of names.
pub(super) fn finding(plan: &Plan, input: &PlanInput) -> Option<Finding> {
    let mut subjects: BTreeSet<Arc<str>> = BTreeSet::new();
    let (groups, sets) = given(plan);
    if groups.is_empty() && sets.is_empty() {
        return None;
    }
    let (gone_groups, gone_sets) = gone(plan);
    let snapshots = [&input.observed.snapshot, &input.desired.snapshot];
    let there = snapshots.iter().flat_map(|known| known.groups.keys());
    let there = there.filter(|name| !gone_groups.contains(name));
    let alike = LookAlikes::of(there.map(GroupName::as_str));
    let told = groups
        .into_iter()
        .filter_map(|group| alike.told("group", group.as_str(), "like"));
    subjects.extend(told.map(Arc::from));
    let there = snapshots.iter().flat_map(|known| known.permission_sets.keys());
    let there = there.filter(|name| !gone_sets.contains(name));
    let alike = LookAlikes::of(there.map(PermissionSetName::as_str));
    let told = sets
        .into_iter()
        .filter_map(|set| alike.told("permission set", set.as_str(), "like"));
    subjects.extend(told.map(Arc::from));
    let names = match subjects.len() {
        0 => return None,
        1 => "1 name through which this gives access could".to_owned(),
        count => format!(
            "{} through which this gives access could each",
            counted(count, "name")
        ),
    };
    Some(Finding {
        subjects,
        remedy: Some("look whether the one that is named is the one that is meant".into()),
        ..Finding::new(
            Level::Warning,
            "look-alike",
            format!("{names} be taken for another that is there"),
        )
    })
}

/// Groups and sets of grants, and those by which people come to access otherwise, as by joining a group that has it.
fn given(plan: &Plan) -> (BTreeSet<&GroupName>, BTreeSet<&PermissionSetName>) {
    let mut principals = vec![false; plan.names.principals.len()];
    let mut sets = vec![false; plan.names.permission_sets.len()];
    let mark = |flags: &mut Vec<bool>, rank: u32| {
        if let Some(flag) = flags.get_mut(rank as usize) {
            *flag = true;
        }
    };
    for step in &plan.grants {
        mark(&mut principals, step.tuple.principal());
        mark(&mut sets, step.tuple.permission_set());
    }
    for row in plan.people.rows.iter().filter(|row| row.change.comes()) {
        mark(&mut sets, row.permission_set);
    }
    let granted = plan.names.principals.iter().zip(principals);
    let granted = granted.filter_map(|(principal, given)| match principal {
        PrincipalKey::Group(name) if given => Some(name),
        _ => None,
    });
    let coming = plan.people.rows.iter().filter(|row| row.change.comes());
    let through = coming
        .flat_map(|row| &row.via)
        .filter_map(|principal| match principal {
            PrincipalKey::Group(name) => Some(name),
            _ => None,
        });
    let sets = plan.names.permission_sets.iter().zip(sets);
    let sets = sets.filter(|(_, given)| *given).map(|(name, _)| name);
    (granted.chain(through).collect(), sets.collect())
}

/// Names of groups and of sets that nothing has once the plan is carried out.
fn gone(plan: &Plan) -> (BTreeSet<&GroupName>, BTreeSet<&PermissionSetName>) {
    let (mut groups, mut sets) = (BTreeSet::new(), BTreeSet::new());
    for effect in plan.actions.iter().filter_map(|action| action.effect.as_ref()) {
        match effect {
            Effect::DeleteGroup { group } => {
                groups.insert(group);
            }
            Effect::UpdateGroup { from, to } if from.display_name != to.display_name => {
                groups.insert(&from.display_name);
            }
            Effect::DeletePermissionSet { name } => {
                sets.insert(name);
            }
            _ => {}
        }
    }
    (groups, sets)
}

#[cfg(test)]
mod tests {
    use crate::plan::planner::plan;
    use crate::plan::scene::Scene;

    fn found(scene: &Scene) -> Vec<String> {
        let plan = plan(&scene.build());
        let of_code = plan
            .findings
            .iter()
            .filter(|finding| &*finding.code == "look-alike");
        of_code
            .flat_map(|finding| finding.subjects.iter().map(ToString::to_string))
            .collect()
    }

    #[test]
    fn a_grant_through_a_name_like_another_is_told_and_others_are_not() {
        let stack = |group: &str, set: &str| {
            let scene = Scene::new().account(1).set("view").set("VIEW").set("deploy");
            let scene = scene
                .group("Ops", &["ada"])
                .group("0ps", &["eve"])
                .group("dev", &["bob"]);
            scene.assign("a", &[group], &[set], &[1])
        };
        assert_eq!(found(&stack("0ps", "deploy")), ["group `0ps` like `Ops`"]);
        assert_eq!(
            found(&stack("dev", "view")),
            ["permission set `view` like `VIEW`"]
        );
        assert_eq!(found(&stack("dev", "deploy")), [""; 0]);
        assert_eq!(found(&stack("Ops", "VIEW")).len(), 2);
        // Nothing is given by a plan of nothing.
        let again = stack("0ps", "deploy")
            .applied()
            .account(1)
            .set("view")
            .set("VIEW")
            .set("deploy");
        let again = again
            .group("Ops", &["ada"])
            .group("0ps", &["eve"])
            .group("dev", &["bob"]);
        assert_eq!(found(&again.assign("a", &["0ps"], &["deploy"], &[1])), [""; 0]);
    }
}
