//! Declared against declared: a stack's earlier configuration in the place of state and service.
//!
//! What the earlier configuration declares counts as applied and there; what either of the two merely refers to counts
//! as there. So the plan from one to the other says what a change of the text means, in people, without a state and
//! without asking anyone.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;

use crate::id::{EntityKey, IdError, OuPath, ServiceId};
use crate::model::access::{Access, Tuple};
use crate::model::account::OrganizationalUnit;
use crate::model::instance::{Instance, Observed};
use crate::model::record::Recorded;
use crate::model::roles::{Provisioning, RoleRow};
use crate::model::rules::Rules;
use crate::model::snapshot::{Entity, Management, Snapshot};
use crate::model::stack::Desired;

/// State and service as they would be once `base` was applied, for planning `next` at a moment.
///
/// # Errors
/// Never, as long as an id may be made of letters and digits.
pub fn applied(base: &Desired, next: &Snapshot, now: Timestamp) -> Result<(Recorded, Observed), IdError> {
    let mut applied = base.snapshot.clone();
    applied.access = unexpired(&applied.access, now);
    let mut there = applied.clone();
    there.access = Access::from_tuples(there.access.names.clone(), there.access.tuples.clone());
    refer(&mut there, next);
    refer(&mut applied, next);
    let root = OrganizationalUnit {
        path: OuPath::root(),
        id: None,
    };
    there
        .organizational_units
        .entry(OuPath::root())
        .or_insert_with(|| Entity::observed(root));
    give_ids(&mut applied)?;
    give_ids(&mut there)?;
    strip(&mut there);
    let instance = Instance {
        arn: ServiceId::new("arn:aws:sso:::instance/ssoins-0000000000000000")?,
        identity_store: ServiceId::new(NO_STORE)?,
        organization: None,
        region: Arc::from("declared"),
        management_account: None,
    };
    let role = |pair| RoleRow {
        pair,
        suffix: None,
        provisioning: Provisioning::Latest,
    };
    let observed = Observed {
        at: now,
        instance: instance.clone(),
        caller: None,
        quotas: Default::default(),
        roles: there.access.pairs().into_iter().map(role).collect(),
        snapshot: there,
        held: Vec::new(),
        in_accounts: Vec::new(),
        in_progress: Vec::new(),
        calls: BTreeMap::new(),
    };
    let recorded = Recorded {
        older_roles: Vec::new(),
        lineage: Some(Arc::from("declared")),
        serial: 0,
        instance: Some(instance),
        applied,
        seen: None,
        outputs: base.outputs.clone(),
        // A change is judged by the rules of what it changes, too.
        rules: Some(Box::new(Rules::of(base))),
        revision: None,
        revision_outdated: false,
        frozen: Vec::new(),
        unfinished: None,
    };
    Ok((recorded, observed))
}

/// Everything that the blocks whose time has not come declare.
fn unexpired(access: &Access, now: Timestamp) -> Access {
    let lasts = |note: u32| {
        let note = access.notes.get(note as usize);
        let mut blocks = note
            .into_iter()
            .flat_map(|note| note.blocks(&access.declarations));
        blocks.any(|block| block.expires.is_none_or(|expires| expires > now))
    };
    let kept = access.tuples.iter().copied().zip(access.note_of.iter().copied());
    let (tuples, note_of): (Vec<Tuple>, Vec<u32>) = kept.filter(|(_, note)| lasts(*note)).unzip();
    Access {
        tuples,
        note_of,
        ..access.clone()
    }
}

/// Takes what `next` refers to as it says.
fn refer(snapshot: &mut Snapshot, next: &Snapshot) {
    fn fill<K: Ord + Clone, T: Clone>(
        there: &mut BTreeMap<K, Entity<T>>,
        next: &BTreeMap<K, Entity<T>>,
        restate: bool,
    ) {
        for (key, entity) in next
            .iter()
            .filter(|(_, entity)| entity.management == Management::Referred)
        {
            match there.get_mut(key) {
                Some(known) if restate && known.management == Management::Referred => {
                    known.value = entity.value.clone();
                }
                Some(_) => {}
                None => {
                    there.insert(key.clone(), entity.clone());
                }
            }
        }
    }
    fill(
        &mut snapshot.organizational_units,
        &next.organizational_units,
        true,
    );
    fill(&mut snapshot.accounts, &next.accounts, true);
    fill(&mut snapshot.users, &next.users, false);
    fill(&mut snapshot.groups, &next.groups, false);
    fill(&mut snapshot.permission_sets, &next.permission_sets, false);
}

/// The identity store of no service.
const NO_STORE: &str = "d-0000000000";

/// Whether what is observed is what a configuration declares, as [`applied`] has it, and no reading.
pub(super) fn is_declared(observed: &Observed) -> bool {
    observed.instance.identity_store.as_str() == NO_STORE
}

/// What the ids begin with that no service gave out.
const STAND_IN: &str = "declared-";

/// Whether an id is one of those that [`applied`] gives.
pub(super) fn stands_in(id: &ServiceId) -> bool {
    id.as_str().starts_with(STAND_IN)
}

/// Ids that no service gives out, the same for the same thing.
fn give_ids(snapshot: &mut Snapshot) -> Result<(), IdError> {
    let id = |key: EntityKey| {
        ServiceId::new(format!(
            "{STAND_IN}{}",
            blake3::hash(key.to_string().as_bytes()).to_hex()
        ))
    };
    for (path, unit) in &mut snapshot.organizational_units {
        unit.value.id = Some(id(EntityKey::OrganizationalUnit(path.clone()))?);
    }
    for (name, user) in &mut snapshot.users {
        user.value.id = Some(id(EntityKey::User(name.clone()))?);
    }
    for (name, group) in &mut snapshot.groups {
        group.value.id = Some(id(EntityKey::Group(name.clone()))?);
    }
    for (name, set) in &mut snapshot.permission_sets {
        set.value.arn = Some(id(EntityKey::PermissionSet(name.clone()))?);
    }
    Ok(())
}

/// What a service would show of it: nobody's declarations.
fn strip(snapshot: &mut Snapshot) {
    fn bare<K: Ord, T: Clone>(map: &mut BTreeMap<K, Entity<T>>) {
        map.values_mut()
            .for_each(|entity| *entity = Entity::observed(entity.value.clone()));
    }
    bare(&mut snapshot.organizational_units);
    bare(&mut snapshot.accounts);
    bare(&mut snapshot.users);
    bare(&mut snapshot.groups);
    bare(&mut snapshot.permission_sets);
    for group in snapshot.groups.values_mut() {
        group.value.external_id = None;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupName;
    use crate::model::stack::{Output, OutputValue};
    use crate::model::text::{Part, Reference, ServiceAttribute, Text};
    use crate::plan::check::check;
    use crate::plan::input::{INPUT_VERSION, Options, PlanInput};
    use crate::plan::plan;
    use crate::plan::testing::{Stack, group, time};

    fn planned(base: Stack, next: Stack) -> crate::plan::Plan {
        between(base.desired(), next.desired())
    }

    fn between(base: Desired, next: Desired) -> crate::plan::Plan {
        let now = time("2026-06-01T00:00:00Z");
        let (recorded, observed) = applied(&base, &next.snapshot, now).unwrap();
        let input = PlanInput {
            format_version: INPUT_VERSION,
            stack: "test".into(),
            now,
            desired: next,
            recorded,
            observed,
            options: Options::default(),
        };
        let plan = plan(&input);
        assert_eq!(check(&plan, &input), []);
        plan
    }

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("s", "view")
            .user("ada", "ada")
            .group("g", "ops", &["ada"])
    }

    #[test]
    fn a_configuration_differs_from_itself_in_nothing() {
        let stack = stack().data_group("d", "synced").assign(
            "a",
            &[group("ops"), group("synced")],
            &["view"],
            &[1, 2],
        );
        let plan = planned(stack.clone(), stack);
        assert!(plan.is_empty(), "{plan:#?}");
    }

    #[test]
    fn outputs_and_policies_that_name_ids_are_the_same_when_their_text_is() {
        let id = |name: &str| {
            Text::from_parts([
                Part::Literal("id ".into()),
                Part::Reference(Reference {
                    entity: EntityKey::Group(GroupName::new(name).unwrap()),
                    attribute: ServiceAttribute::Id,
                }),
            ])
        };
        let configured = |name: &str| {
            let mut desired = stack().group("h", "dev", &[]).desired();
            let output = Output {
                value: OutputValue::Text(id(name)),
                sensitive: false,
                description: None,
            };
            desired.outputs.insert("group".into(), output);
            for set in desired.snapshot.permission_sets.values_mut() {
                set.value.description = Some(id(name));
            }
            desired
        };
        assert!(between(configured("ops"), configured("ops")).is_empty());
        let changed = between(configured("ops"), configured("dev"));
        assert_eq!((changed.output_changes.len(), changed.actions.len()), (1, 1));
    }

    #[test]
    fn a_change_of_the_text_is_the_plan_and_new_look_ups_are_taken_to_exist() {
        let base = stack().assign("a", &[group("ops")], &["view"], &[1, 2]);
        let next = stack().accounts(&[3]).data_group("d", "synced").assign(
            "a",
            &[group("ops"), group("synced")],
            &["view"],
            &[1, 3],
        );
        let plan = planned(base, next);
        assert_eq!((plan.grants.len(), plan.revokes.len()), (3, 1));
        assert!(
            plan.actions.iter().all(|action| action.effect.is_none()),
            "{:#?}",
            plan.actions
        );
        assert!(!plan.is_refused());
    }

    #[test]
    fn what_expired_in_the_base_is_not_there() {
        let until = Some("2026-01-01T00:00:00Z");
        let base = stack().assign_until("a", &[group("ops")], &["view"], &[1], until);
        let plan = planned(base, stack());
        assert!(plan.revokes.is_empty());
    }
}
