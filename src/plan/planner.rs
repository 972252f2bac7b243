//! The planner: one pure function from a [`PlanInput`] to a [`Plan`].
//!
//! The stages, each in a file of its own: make the sources comparable
//! (`sources`), match the state with the service by id (`identity`), find
//! renames (`renames`), bring the relations under one set of
//! names (`universe`), find what is held (`held`) and what the rules match
//! (`matching`), compare grants (`access_diff`) and entities (`entities`), add
//! provisionings, put everything in order, guard, and digest.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{AccountKey, EntityKey, PermissionSetName, PrincipalKey};
use crate::model::access::{CapacityError, Note, Tuple};
use crate::model::action::Effect;

use super::access_diff::{AccessDiff, UNDECLARED, access_diff, after};
use super::caller::{Steps, block, own_path};
use super::change::{Action, ActionKind, RevokeReason};
use super::ends::Lasting;
use super::entities::entity_actions;
use super::expired;
use super::finding::{Finding, Level};
use super::freezing::Freezing;
use super::guards::{Guarded, keep_sets_in_use};
use super::held::HeldSets;
use super::in_use::{InUse, hidden_anew, keep_principals_in_use, left_to_others, spell};
use super::input::{Mode, PlanInput};
use super::keeping::Keeping;
use super::last_rules::NamesNow;
use super::matching::Rules;
use super::moves::unused_moves;
use super::order::{order, revoke_before_renaming};
use super::people::PeopleChange;
use super::provisioning::{behind, provisions};
use super::renames::Renames;
use super::roles::RoleEffects;
use super::roles_effects::role_effects;
use super::sources::Sources;
use super::standing::{Approvals, LeftOut};
use super::step::{Wait, Waits};
use super::universe::Universe;
use super::widening::{Known, take_before_giving, take_before_widening};
use super::{FORMAT_VERSION, Plan, Totals};

/// Plans. The same input gives the same plan, to the byte.
///
/// There is always a plan; one that must not run carries a finding of [`Level::Refusal`].
pub fn plan(input: &PlanInput) -> Plan {
    let sources = Sources::new(input);
    let renames = Renames::find(&sources);
    match Universe::new(&sources, &renames) {
        Ok(universe) => Stage::new(&sources, renames, universe).finish(),
        Err(error) => too_large(input, &error),
    }
}

/// What is known once the sources are compared.
struct Stage<'a> {
    sources: &'a Sources<'a>,
    renames: Renames,
    universe: Universe<'a>,
    rules: Rules,
    held: HeldSets,
    freezing: Freezing<'a>,
    diff: AccessDiff,
    actions: Vec<Action>,
    findings: Vec<Finding>,
}

impl<'a> Stage<'a> {
    fn new(sources: &'a Sources<'a>, renames: Renames, mut universe: Universe<'a>) -> Self {
        let input = sources.input;
        let mut findings = Vec::new();
        let snapshots = [sources.observed, &*sources.desired, &*sources.recorded];
        let rules = Rules::new(input, &universe.names, &snapshots);
        let held = HeldSets::new(sources, &universe.names, &mut findings);
        let freezing = Freezing::new(sources, &universe.names);
        let mut diff = access_diff(&universe, &rules, &held, &freezing, &renames, sources);
        give_undeclared_a_note(&mut diff, &mut universe.notes);
        let actions = entity_actions(sources, &renames, &held, &mut findings);
        if input.options.mode == Mode::All {
            findings.extend(unused_moves(sources));
        }
        Stage {
            sources,
            renames,
            universe,
            rules,
            held,
            freezing,
            diff,
            actions,
            findings,
        }
    }

    fn finish(mut self) -> Plan {
        self.narrow();
        let left = &self.diff.left_to_others;
        self.findings
            .extend(left_to_others(left, &self.rules, self.sources, &self.universe));
        let mode = self.sources.input.options.mode;
        let universe = &self.universe;
        // Narrowed plans leave the rules as they are.
        if mode == Mode::All {
            let hidden = hidden_anew(&self.diff.hidden_anew, self.sources, universe);
            self.findings.extend(hidden);
        }
        let after = after(&universe.observed.tuples, &self.diff.grants, &self.diff.revokes);
        keep_sets_in_use(
            self.sources,
            universe,
            &mut self.actions,
            &after,
            &mut self.findings,
        );
        keep_principals_in_use(
            universe,
            InUse {
                sources: self.sources,
                held: &self.held,
                rules: &self.rules,
                after: &after,
            },
            &mut self.actions,
            &mut self.findings,
        );
        if mode == Mode::All {
            let more = provisions(self.sources, universe, &self.held, &self.actions, &after);
            self.actions.extend(more);
        }
        let steps = Steps {
            actions: &mut self.actions,
            grants: &mut self.diff.grants,
            revokes: &mut self.diff.revokes,
        };
        block(self.sources, universe, steps, &mut self.findings);
        let observed = &universe.observed.tuples;
        let known = Known {
            names: &universe.names,
            renames: &self.renames,
            behind: behind(self.sources, universe, &after),
        };
        let access = (&*self.diff.grants, &*self.diff.revokes);
        let first = known.first(&self.actions, observed, access);
        let (actions, mut waits) = order(
            std::mem::take(&mut self.actions),
            &first,
            &universe.names,
            access,
            &mut self.findings,
        );
        let keeping = self.keeping(&actions, &after);
        keeping.fill(&mut waits);
        keeping.keep_roles(&mut waits);
        revoke_before_renaming(&actions, &universe.names, access.1, &mut waits);
        let held = take_before_widening(&actions, &known, access, &mut waits);
        take_before_giving(&actions, &known, access, &held, &mut waits);
        let roles = role_effects(
            self.sources,
            universe,
            &actions,
            &universe.observed.tuples,
            &after,
        );
        own_path(
            self.sources,
            universe,
            &self.renames,
            &actions,
            &after,
            &mut self.findings,
        );
        let guarded = Guarded {
            sources: self.sources,
            universe,
            rules: &self.rules,
            renames: &self.renames,
            diff: &self.diff,
            actions: &actions,
            roles: &roles,
            after: &after,
        };
        guarded.run(&mut self.findings);
        self.freezing
            .findings(self.sources, universe, &actions, &after, &mut self.findings);
        let after = match after {
            Cow::Borrowed(_) => None,
            Cow::Owned(after) => Some(after),
        };
        self.assemble(actions, waits, roles, after.as_deref())
    }

    fn keeping<'k>(&'k self, actions: &'k [Action], after: &'k [Tuple]) -> Keeping<'k> {
        Keeping {
            sources: self.sources,
            renames: &self.renames,
            names: &self.universe.names,
            before: &self.universe.observed.tuples,
            after,
            actions,
            grants: &self.diff.grants,
            revokes: &self.diff.revokes,
        }
    }

    /// Leaves out what the mode does not ask for.
    fn narrow(&mut self) {
        match self.sources.input.options.mode {
            Mode::All => return self.leave_protected(false),
            Mode::Destroy => return,
            Mode::Revokes => self.only_revokes(),
            Mode::Expired => self.only_expired(),
            Mode::Standing => return self.only_agreed(),
            Mode::Freeze => return self.only_frozen(),
        }
        // Nothing is renamed now, so everything is called what it is called.
        self.renames.users.clear();
        self.renames.groups.clear();
        self.universe.forget_renames(self.sources);
        // What the state calls things matters only to steps that are left.
        let steps = self.actions.iter().any(|action| action.effect.is_some());
        if !steps && self.diff.revokes.is_empty() {
            self.actions.clear();
        }
        self.only_renames_of_steps();
        self.diff.left_to_others.clear();
        self.diff.grants.clear();
        self.diff.records.clear();
        self.diff.expired_new.clear();
        self.diff.outside.clear();
        self.diff.still_declared.clear();
    }

    /// What somebody else has another name for is recorded with the steps that name it alone: a narrowed run records
    /// nothing that it does not do.
    fn only_renames_of_steps(&mut self) {
        let names = &self.universe.names;
        let effects = self.actions.iter().filter_map(|action| action.effect.as_ref());
        let mut named: BTreeSet<EntityKey> = effects
            .flat_map(|effect| match effect {
                Effect::AddMember { group, user } | Effect::RemoveMember { group, user } => {
                    vec![EntityKey::Group(group.clone()), EntityKey::User(user.clone())]
                }
                other => other.entity().into_iter().collect(),
            })
            .collect();
        let revoked = self
            .diff
            .revokes
            .iter()
            .filter_map(|step| names.principal(step.tuple.principal()));
        named.extend(revoked.filter_map(|principal| match principal {
            PrincipalKey::Group(name) => Some(EntityKey::Group(name.clone())),
            PrincipalKey::User(name) => Some(EntityKey::User(name.clone())),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => None,
        }));
        self.actions
            .retain(|action| action.kind != ActionKind::Rename || named.contains(&action.entity));
    }

    /// An end is in every plan from then on, so that the change which takes a grant out of `protect` could never be
    /// applied alone: what has expired is left out of it, and goes with the next plan.
    fn leave_protected(&mut self, whatever_says_so: bool) {
        let (rules, universe) = (&self.rules, &self.universe);
        let protects = |tuple| {
            let rule = rules.protecting(tuple);
            rule.filter(|rule| whatever_says_so || rule.as_last_applied)
        };
        let spell = |tuple| spell(self.sources, universe, tuple);
        let last = self.sources.input.options.last();
        let left = expired::leave_protected(&mut self.diff, protects, (last, spell));
        self.findings.extend(left);
    }

    /// What has expired: grants, and the old names of permission sets whose `keep_old_until` has passed. An old grant
    /// goes only if the new one is there already.
    fn only_expired(&mut self) {
        self.leave_protected(true);
        let (sources, names) = (self.sources, &self.universe.names);
        let passed = |set: &PermissionSetName| {
            let until = sources.desired.permission_sets.get(set)?.keep_old_until;
            until.filter(|until| *until <= sources.input.now)
        };
        let outlived: BTreeMap<&PermissionSetName, &PermissionSetName> = self
            .renames
            .permission_sets
            .iter()
            .filter(|(_, new)| passed(new).is_some())
            .collect();
        let observed = &self.universe.observed.tuples;
        self.diff.revokes.retain(|step| {
            let old = names.permission_set(step.tuple.permission_set());
            let new = old.and_then(|old| outlived.get(old));
            let replaced = || {
                let set = names.permission_set_rank(new?)?;
                let tuple = Tuple::new(step.tuple.account(), set, step.tuple.principal());
                observed.binary_search(&tuple).ok()
            };
            match step.reason {
                RevokeReason::Expired => true,
                RevokeReason::Renamed => replaced().is_some(),
                _ => false,
            }
        });
        self.actions.retain(|action| match &action.effect {
            Some(Effect::DeletePermissionSet { name }) => outlived.contains_key(name),
            _ => action.kind == ActionKind::Rename,
        });
    }

    /// Everything that frozen principals have, by the names that the service has, and nothing else. What the
    /// configuration asks for besides is not judged now.
    fn only_frozen(&mut self) {
        self.findings.retain(|finding| finding.level == Level::Held);
        self.renames.users.clear();
        self.renames.groups.clear();
        self.universe.forget_renames(self.sources);
        self.actions.retain(|action| action.kind == ActionKind::Rename);
        self.actions.extend(self.freezing.memberships(self.sources));
        self.diff = AccessDiff {
            revokes: self.freezing.revokes(&self.universe, &self.held),
            totals: std::mem::take(&mut self.diff.totals),
            ..AccessDiff::default()
        };
        give_undeclared_a_note(&mut self.diff, &mut self.universe.notes);
        let steps = self.actions.iter().any(|action| action.effect.is_some());
        if !steps && self.diff.revokes.is_empty() {
            self.actions.clear();
        }
    }

    /// Grants that were agreed on beforehand, of what is there already, and nothing else.
    fn only_agreed(&mut self) {
        let actions = std::mem::take(&mut self.actions);
        let approvals = Approvals::new(self.sources, &actions);
        let universe = &self.universe;
        let mut left_out: BTreeMap<LeftOut, BTreeSet<Arc<str>>> = BTreeMap::new();
        self.diff.grants.retain(|step| {
            let Err(why) = approvals.covers(step, universe) else {
                return true;
            };
            let subjects = left_out.entry(why).or_default();
            subjects.extend(spell(self.sources, universe, step.tuple));
            false
        });
        self.findings.extend(approvals.left_out(&left_out));
        self.renames.users.clear();
        self.renames.groups.clear();
        self.universe.forget_renames(self.sources);
        self.diff.revokes.clear();
        self.diff.records.clear();
        self.diff.left_to_others.clear();
        self.diff.expired_new.clear();
        self.diff.outside.clear();
        self.diff.still_declared.clear();
    }

    /// Revokes and ending memberships, except those that must wait for something that is not run now: people would
    /// be without access that they are to keep.
    fn only_revokes(&mut self) {
        let (follows, actions) = std::mem::take(&mut self.actions)
            .into_iter()
            .partition(|action| action.kind == ActionKind::Rename);
        self.actions = actions;
        self.actions.retain(|action| {
            matches!(
                action.effect,
                Some(Effect::RemoveMember { .. } | Effect::AddMember { .. })
            )
        });
        let (actions, mut waits) = order(
            std::mem::take(&mut self.actions),
            &BTreeMap::new(),
            &self.universe.names,
            (&self.diff.grants, &self.diff.revokes),
            &mut self.findings,
        );
        let after = after(
            &self.universe.observed.tuples,
            &self.diff.grants,
            &self.diff.revokes,
        );
        self.keeping(&actions, &after).fill(&mut waits);
        drop(after);
        let follows: Vec<Action> = follows;
        let leaves = |action: &Action| matches!(action.effect, Some(Effect::RemoveMember { .. }));
        let leaving = actions.iter().filter(|action| leaves(action)).count();
        let mut left_out = waits.revokes.len();
        let mut index = 0_u32;
        self.diff.revokes.retain(|_| {
            index += 1;
            !waits.revokes.contains_key(&(index - 1))
        });
        let waits_for_steps = |list: &Vec<Wait>| {
            list.iter()
                .any(|wait| matches!(wait, Wait::Grant(_) | Wait::Action(_)))
        };
        self.actions = actions
            .into_iter()
            .zip(&waits.actions)
            .filter(|(action, list)| {
                matches!(action.effect, Some(Effect::RemoveMember { .. })) && !waits_for_steps(list)
            })
            .map(|(action, _)| self.renames.under_present_names(action))
            .chain(follows)
            .collect();
        left_out += leaving - self.actions.iter().filter(|action| leaves(action)).count();
        if left_out > 0 {
            let removals = match left_out {
                1 => "1 removal is".to_owned(),
                count => format!("{count} removals are"),
            };
            self.findings.push(Finding::new(
                Level::Note,
                "left-out",
                format!(
                    "{removals} left out, because people keep that access by grants that are not made with --only \
                     revokes"
                ),
            ));
        }
    }

    fn assemble(
        self,
        actions: Vec<Action>,
        waits: Waits,
        roles: RoleEffects,
        after: Option<&[Tuple]>,
    ) -> Plan {
        let Stage {
            sources,
            universe,
            diff,
            findings,
            renames,
            ..
        } = self;
        let input = sources.input;
        let names_now = NamesNow::new(sources, &renames);
        let account_names = account_names(sources, &universe);
        let standing = super::behind::Standing::of(&universe, &actions);
        // Narrowed plans leave all ends as they are.
        let lasting = match input.options.mode {
            Mode::All => Lasting::of(&universe),
            _ => Lasting::default(),
        };
        let before = universe.observed.tuples;
        let findings: BTreeSet<Finding> = findings.into_iter().collect();
        let mut plan = Plan {
            account_names,
            names: universe.names,
            declarations: universe.declarations,
            former_reasons: universe.former_reasons,
            notes: universe.notes,
            actions,
            grants: diff.grants,
            revokes: diff.revokes,
            records: diff.records,
            waits,
            roles,
            findings: findings.into_iter().collect(),
            totals: diff.totals,
            rules: super::rules::rule_changes(input, &names_now),
            ..empty(input)
        };
        plan.findings.extend(super::former_reasons::findings(&plan));
        plan.outputs = super::outputs::outputs(sources);
        plan.output_changes = super::outputs::output_changes(&input.recorded.outputs, &plan.outputs);
        // The steps are final, whatever they mean for people.
        let (steps, people) = rayon::join(
            || super::digest::Steps::of(&plan),
            || {
                super::people_effects::people_effects(
                    &plan,
                    input,
                    &lasting,
                    (&before, after.unwrap_or(&before)),
                )
            },
        );
        plan.people = people;
        plan.behind = standing.behind(&plan);
        plan.risks = super::risk::Risks::find(&plan, input, (&before, after.unwrap_or(&before)));
        let (breaches, findings) =
            super::guardrails::guardrails((&plan, input), &names_now, &before, after.unwrap_or(&before));
        plan.guardrails = breaches;
        plan.findings.extend(findings);
        let unjudged: Vec<Finding> = super::unjudged::findings(&plan, input).collect();
        plan.findings.extend(unjudged);
        plan.findings.sort();
        plan.session_seconds = session_seconds(&plan, sources);
        plan.user_names = super::mentioned::user_names(&plan, sources);
        plan.namesakes = super::mentioned::namesakes(&plan, sources);
        plan.cost = super::cost_estimate::estimate(&plan, &input.observed.quotas);
        if let Some(finding) = super::in_progress::find(&plan, input) {
            plan.findings.push(finding);
            plan.findings.sort();
        }
        plan.digest = steps.digest(&plan);
        plan
    }
}

/// A plan of nothing for this input.
fn empty(input: &PlanInput) -> Plan {
    Plan {
        format_version: FORMAT_VERSION,
        digest: "".into(),
        stack: input.stack.clone(),
        instance: input.observed.instance.clone(),
        lineage: input.recorded.lineage.clone(),
        serial: input.recorded.serial,
        now: input.now,
        mode: input.options.mode,
        names: Default::default(),
        account_names: BTreeMap::new(),
        user_names: BTreeMap::new(),
        namesakes: BTreeSet::new(),
        declarations: Vec::new(),
        former_reasons: BTreeMap::new(),
        notes: Vec::new(),
        actions: Vec::new(),
        grants: Vec::new(),
        revokes: Vec::new(),
        records: Vec::new(),
        waits: Waits::default(),
        roles: RoleEffects::default(),
        people: Default::default(),
        risks: Default::default(),
        behind: Vec::new(),
        findings: Vec::new(),
        lint: input.desired.warnings.iter().map(Finding::from).collect(),
        guardrails: Vec::new(),
        rules: Default::default(),
        cost: Default::default(),
        selections: input.desired.selections.clone(),
        outputs: input.recorded.outputs.clone(),
        output_changes: BTreeMap::new(),
        totals: Totals::default(),
        session_seconds: BTreeMap::new(),
    }
}

fn too_large(input: &PlanInput, error: &CapacityError) -> Plan {
    let mut plan = Plan {
        findings: vec![Finding::new(Level::Refusal, "too-large", error.to_string())],
        rules: super::rules::rule_changes(input, &NamesNow::default()),
        ..empty(input)
    };
    plan.digest = super::digest::digest(&plan);
    plan
}

/// Unmanaged grants were never declared, so they share the note that names no block.
fn give_undeclared_a_note(diff: &mut AccessDiff, notes: &mut Vec<Note>) {
    let mut place = None;
    for step in diff.revokes.iter_mut().filter(|step| step.note == UNDECLARED) {
        step.note = *place.get_or_insert_with(|| {
            notes.push(Note::default());
            u32::try_from(notes.len() - 1).unwrap_or(0)
        });
    }
}

fn account_names(sources: &Sources<'_>, universe: &Universe<'_>) -> BTreeMap<Arc<str>, Arc<str>> {
    let name = |key: &AccountKey| -> Option<(Arc<str>, Arc<str>)> {
        let snapshots = [sources.observed, &*sources.desired, &*sources.recorded];
        let mut accounts = snapshots
            .into_iter()
            .filter_map(|snapshot| snapshot.accounts.get(key));
        let name = accounts
            .find(|account| !account.value.name.is_empty())?
            .value
            .name
            .clone();
        let key: Arc<str> = key.to_string().into();
        (name != key).then_some((key, name))
    };
    universe.names.accounts.iter().filter_map(name).collect()
}

/// How long sessions last of the sets that somebody loses, as they are now.
fn session_seconds(plan: &Plan, sources: &Sources<'_>) -> BTreeMap<u32, u32> {
    let lost = plan
        .people
        .rows
        .iter()
        .filter(|row| row.change == PeopleChange::Loses);
    let lost = lost.map(|row| row.permission_set);
    let sets: BTreeSet<u32> = lost
        .chain(plan.revokes.iter().map(|step| step.tuple.permission_set()))
        .collect();
    let seconds = |rank: u32| {
        let set = sources
            .observed
            .permission_sets
            .get(plan.names.permission_set(rank)?)?;
        Some((rank, set.value.session_duration.seconds()))
    };
    sets.into_iter().filter_map(seconds).collect()
}

#[cfg(test)]
mod tests {
    use super::super::change::{ActionKind, GrantReason, Reason, RecordChange};
    use super::super::testing::{Stack, World, group, set};
    use super::*;

    fn codes(plan: &Plan, level: Level) -> Vec<&str> {
        let of_level = plan.findings.iter().filter(|finding| finding.level == level);
        of_level.map(|finding| &*finding.code).collect()
    }

    fn small() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("admin", "admin")
            .group("ops", "Ops", &[])
            .assign("a", &[group("Ops")], &["admin"], &[1, 2])
    }

    #[test]
    fn a_first_plan_makes_things_before_it_grants_them() {
        let plan = World::new().plan(small());
        let kinds: Vec<ActionKind> = plan.actions.iter().map(|action| action.kind).collect();
        assert_eq!(kinds, [ActionKind::Create, ActionKind::Create]);
        assert_eq!(plan.grants.len(), 2);
        assert!(
            plan.grants
                .iter()
                .all(|step| step.reason == GrantReason::Declared)
        );
        let set = plan.names.permission_set_rank(&set("admin")).unwrap();
        assert_eq!(plan.waits.grants_of_set[&set], [1]);
        assert_eq!(plan.waits.grants_to_principal.len(), 1);
        assert_eq!(plan.roles.created.len(), 2);
        assert_eq!(plan.totals.declared, 2);
    }

    #[test]
    fn what_was_applied_needs_nothing_more() {
        let world = World::new().apply(small());
        let plan = world.plan(small());
        assert!(plan.is_empty(), "{plan:#?}");
        assert_eq!(plan.totals.unchanged, 2);
    }

    #[test]
    fn a_removed_block_takes_its_grants_and_entities_with_it() {
        let world = World::new().apply(small());
        let plan = world.plan(Stack::new().accounts(&[1, 2]));
        let reasons: BTreeSet<&str> = plan
            .revokes
            .iter()
            .map(|step| match step.reason {
                RevokeReason::BlockRemoved => "block",
                _ => "other",
            })
            .collect();
        assert_eq!((plan.revokes.len(), reasons), (2, ["block"].into()));
        let deletes = plan
            .actions
            .iter()
            .filter(|action| action.kind == ActionKind::Delete)
            .count();
        assert_eq!(deletes, 2);
        assert!(plan.waits.actions.iter().all(|waits| waits.len() == 1));
        assert_eq!(codes(&plan, Level::Warning), ["role-arn-changes"]);
    }

    #[test]
    fn what_exists_already_is_adopted_and_what_others_made_is_left() {
        let world = World::new()
            .has_set("admin")
            .has_group("Ops", &[])
            .has_grant(1, "admin", group("Ops"))
            .has_grant(3, "admin", group("Ops"));
        let plan = world.plan(small());
        let kinds: Vec<ActionKind> = plan.actions.iter().map(|action| action.kind).collect();
        assert_eq!(kinds, [ActionKind::Adopt, ActionKind::Adopt]);
        assert_eq!(plan.records.len(), 1);
        assert_eq!(plan.records[0].change, RecordChange::Adopt);
        assert_eq!(
            (plan.grants.len(), plan.revokes.len(), plan.totals.unmanaged),
            (1, 0, 1)
        );
    }

    #[test]
    fn a_grant_revoked_outside_is_restored_with_a_warning() {
        let world = World::new().apply(small()).loses_grant(2, "admin", group("Ops"));
        let plan = world.plan(small());
        assert_eq!(plan.grants.len(), 1);
        assert_eq!(plan.grants[0].reason, GrantReason::Restore);
        assert_eq!(codes(&plan, Level::Warning), ["restore"]);
    }

    #[test]
    fn a_changed_set_is_provisioned_once_where_it_is_assigned() {
        let world = World::new().apply(small());
        let longer = small().set_with("admin", "admin", |entity| {
            entity.value.session_duration = "PT4H".parse().unwrap();
        });
        let plan = world.plan(longer.clone());
        let kinds: Vec<ActionKind> = plan.actions.iter().map(|action| action.kind).collect();
        assert_eq!(kinds, [ActionKind::Update, ActionKind::Provision]);
        assert_eq!(plan.actions[0].reason, Reason::ConfigurationChanged);
        assert_eq!(
            plan.actions[1].effect,
            Some(Effect::Provision {
                name: set("admin"),
                accounts: None
            })
        );
        assert_eq!(plan.roles.updated.len(), 2);
        assert!(world.clone().apply(longer.clone()).plan(longer).is_empty());
    }

    #[test]
    fn a_renamed_set_is_replaced_without_a_gap() {
        let world = World::new().apply(small());
        let renamed = Stack::new()
            .accounts(&[1, 2])
            .set("admin", "power")
            .group("ops", "Ops", &[])
            .assign("a", &[group("Ops")], &["power"], &[1, 2]);
        let plan = world.plan(renamed.clone());
        assert!(plan.grants.iter().all(|step| step.reason == GrantReason::Renamed));
        assert!(
            plan.revokes
                .iter()
                .all(|step| step.reason == RevokeReason::Renamed)
        );
        assert_eq!(plan.waits.revokes[&0], [Wait::Grant(0)]);
        assert_eq!(plan.waits.revokes[&1], [Wait::Grant(1)]);
        assert!(matches!(plan.actions[1].reason, Reason::Renamed { .. }));
        assert!(world.apply(renamed.clone()).plan(renamed).is_empty());
    }

    #[test]
    fn a_renaming_of_two_sets_goes_on_where_it_was_interrupted() {
        let of = |first: &str, second: &str| {
            Stack::new()
                .accounts(&[1])
                .set("one", first)
                .set("two", second)
                .group("ops", "Ops", &[])
                .assign("a", &[group("Ops")], &[first, second], &[1])
        };
        let (before, after) = (of("one", "two"), of("uno", "due"));
        let mut world = World::new().apply(before);
        let whole = world.plan(after.clone());
        // The first of the old grants is replaced and gone, the second stands alone.
        let mut done = whole.clone();
        let is_deletion = |action: &Action| matches!(action.effect, Some(Effect::DeletePermissionSet { .. }));
        done.actions.retain(|action| !is_deletion(action));
        let is_first =
            |tuple: Tuple, name: &str| whole.names.permission_set(tuple.permission_set()) == Some(&set(name));
        done.grants.retain(|step| is_first(step.tuple, "uno"));
        done.revokes.retain(|step| is_first(step.tuple, "one"));
        assert_eq!((done.grants.len(), done.revokes.len()), (1, 1));
        world.carry_out(&done, &after.clone().desired().snapshot);
        // The checker has seen it.
        let rest = world.plan(after.clone());
        assert_eq!((rest.grants.len(), rest.revokes.len()), (1, 1));
        assert_eq!(rest.waits.revokes[&0], [Wait::Grant(0)]);
        assert!(world.apply(after.clone()).plan(after).is_empty());
    }

    #[test]
    fn a_renamed_group_keeps_its_grants() {
        let world = World::new().apply(small());
        let renamed = Stack::new()
            .accounts(&[1, 2])
            .set("admin", "admin")
            .group("ops", "Operations", &[])
            .assign("a", &[group("Operations")], &["admin"], &[1, 2]);
        let plan = world.plan(renamed.clone());
        assert!(plan.changes_nothing_in_the_service() || plan.grants.is_empty() && plan.revokes.is_empty());
        assert_eq!(plan.actions.len(), 1);
        assert!(matches!(plan.actions[0].effect, Some(Effect::UpdateGroup { .. })));
        assert!(world.apply(renamed.clone()).plan(renamed).is_empty());
    }
}
