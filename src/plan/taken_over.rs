//! Things that were there before this stack knew them, and that its plan changes: whoever kept them so far, another stack
//! perhaps, would change them back.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::id::{EntityKey, ServiceId};
use crate::model::action::Effect;

use super::change::{Action, Reason};
use super::finding::{Finding, Level, counted};
use super::sources::Sources;

/// A warning that names them, if there are any.
pub(super) fn finding(sources: &Sources<'_>, actions: &[Action]) -> Option<Finding> {
    let taken: Vec<&Action> = actions
        .iter()
        .filter(|action| is_taken_over(sources, action))
        .collect();
    let first = taken.first()?;
    let subjects: BTreeSet<Arc<str>> = taken
        .iter()
        .map(|action| Arc::from(action.entity.to_string()))
        .collect();
    let (is, them) = match subjects.len() {
        1 => ("is", "it"),
        _ => ("are", "them"),
    };
    Some(Finding {
        location: first.location.clone(),
        remedy: Some(
            "declare each in one stack only: look it up here with a `data` block, or take it out of the other stack and \
             of its state (`rolecall state rm`)"
                .into(),
        ),
        ..Finding::new(
            Level::Warning,
            "taken-over",
            format!(
                "{} that this stack did not make {is} taken in and changed; whoever keeps {them} now, as another stack \
                 does, will change {them} back",
                counted(subjects.len(), "thing")
            ),
        )
    })
    .map(|finding| Finding { subjects, ..finding })
}

/// Whether an action changes what is there already and what the state does not know, under any name.
fn is_taken_over(sources: &Sources<'_>, action: &Action) -> bool {
    let changes = matches!(
        action.effect,
        Some(
            Effect::UpdateUser { .. }
                | Effect::UpdateGroup { .. }
                | Effect::UpdatePermissionSet { .. }
                | Effect::RemoveMember { .. }
        )
    );
    changes && !matches!(action.reason, Reason::Renamed { .. }) && !is_recorded(sources, action)
}

fn is_recorded(sources: &Sources<'_>, action: &Action) -> bool {
    let known = &sources.recorded;
    // It may have another name by now: what is taken over is told by its id.
    let is = |id: Option<&ServiceId>| id.is_some() && id == action.expected_id.as_ref();
    match &action.entity {
        EntityKey::OrganizationalUnit(key) => known.organizational_units.contains_key(key),
        EntityKey::Account(key) => known.accounts.contains_key(key),
        EntityKey::User(key) => {
            known.users.contains_key(key) || known.users.values().any(|user| is(user.value.id.as_ref()))
        }
        EntityKey::Group(key) => {
            known.groups.contains_key(key) || known.groups.values().any(|group| is(group.value.id.as_ref()))
        }
        EntityKey::PermissionSet(key) => {
            let sets = &known.permission_sets;
            sets.contains_key(key) || sets.values().any(|set| is(set.value.arn.as_ref()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::super::testing::{Stack, World};
    use crate::model::permission_set::CustomerManagedPolicy;
    use crate::plan::Plan;

    fn warned(plan: &Plan) -> Option<Vec<String>> {
        let mut found = plan.findings.iter();
        let found =
            found.find(|finding| finding.level == Level::Warning && &*finding.code == "taken-over")?;
        Some(found.subjects.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn what_another_stack_keeps_is_warned_of_once_and_only_where_it_is_changed() {
        let same = || Stack::new().set("view", "view");
        let other = || {
            Stack::new().set_with("view", "view", |entity| {
                entity
                    .value
                    .customer_managed_policies
                    .insert(CustomerManagedPolicy {
                        path: "/".into(),
                        name: "audit".into(),
                    });
            })
        };
        let there = World::new().has_set("view");
        // It is as this stack declares it: taking it in changes nothing for anybody.
        assert_eq!(warned(&there.plan(same())), None);
        let plan = there.plan(other());
        assert_eq!(warned(&plan), Some(vec!["permission set view".to_owned()]));
        // Once it is this stack's, it changes as it likes.
        let ours = there.apply(same());
        assert_eq!(warned(&ours.plan(other())), None);
    }
}
