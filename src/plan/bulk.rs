//! Removal in bulk, and removal of what must stay: refused, however it comes about.
//!
//! Access ends in more ways than by revoking a grant: a member leaves a group, a group or a user is deleted. A people
//! file that was cut short must not do in silence what the same number of revokes would be refused for.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{EntityKey, GroupName, PrincipalKey, UserName};
use crate::model::action::Effect;

use super::caller::members;
use super::change::RevokeReason;
use super::finding::{Finding, Level, counted};
use super::guards::{Guarded, grants};
use super::input::Mode;

/// What a plan takes away, by the way it does. A permission set's new name takes nothing away.
#[derive(Debug, Default, PartialEq, Eq)]
struct Removals {
    grants: u64,
    memberships: u64,
    users: u64,
}

impl Removals {
    fn total(&self) -> u64 {
        self.grants + self.memberships + self.users
    }

    /// `3 grants, 2 memberships and 1 user`.
    fn spelled(&self) -> String {
        let count = |count: u64, noun| {
            (count > 0).then(|| counted(usize::try_from(count).unwrap_or(usize::MAX), noun))
        };
        let parts = [
            count(self.grants, "grant"),
            count(self.memberships, "membership"),
            count(self.users, "user"),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        match parts.split_last() {
            Some((last, [])) => last.clone(),
            Some((last, others)) => format!("{} and {last}", others.join(", ")),
            None => "nothing".to_owned(),
        }
    }
}

/// How a principal changes besides its grants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is deleted.
    Deleted,
    /// Its last member leaves.
    Emptied,
}

impl Guarded<'_> {
    /// Refuses more removals than the stack allows at once. `destroy` says how many it makes and is exempt.
    pub(super) fn removals(&self, findings: &mut Vec<Finding>) {
        let input = self.sources.input;
        let declared = input.desired.settings.max_removals;
        // A change must not raise the limit that it would pass.
        let last = input
            .recorded
            .rules
            .as_ref()
            .map(|rules| rules.settings.max_removals);
        let last = last.filter(|last| *last < declared);
        let limit = last.unwrap_or(declared);
        let last = last.filter(|_| input.options.max_removals.is_none());
        let limit = input.options.max_removals.unwrap_or(limit);
        let removals = self.counted();
        let count = removals.total();
        if input.options.mode == Mode::Destroy || count <= limit {
            return;
        }
        let (as_last_applied, remedy) = match last {
            None => (
                String::new(),
                format!("if it is meant, run it with --max-removals {count}"),
            ),
            Some(_) => (
                format!(", {}", input.options.last()),
                format!(
                    "apply the change of `max_removals` alone first, and take these away in the next one; or, if it is \
                     meant, run it with --max-removals {count}"
                ),
            ),
        };
        findings.push(Finding {
            remedy: Some(remedy.into()),
            ..Finding::new(
                Level::Refusal,
                "max-removals",
                format!(
                    "{} would be removed, and the limit is {limit}{as_last_applied}",
                    removals.spelled()
                ),
            )
        });
    }

    fn counted(&self) -> Removals {
        let revokes = self.diff.revokes.iter();
        let mut removals = Removals {
            grants: revokes
                .filter(|step| step.reason != RevokeReason::Renamed)
                .count() as u64,
            ..Removals::default()
        };
        for effect in self.actions.iter().filter_map(|action| action.effect.as_ref()) {
            match effect {
                Effect::RemoveMember { .. } => removals.memberships += 1,
                Effect::DeleteGroup { group } => {
                    let members = members(self.sources, self.renames, group);
                    removals.memberships += members.map_or(0, |members| members.len() as u64);
                }
                Effect::DeleteUser { .. } => removals.users += 1,
                _ => {}
            }
        }
        removals
    }

    /// Refuses to take away what a `protect` block names: the grant itself, its principal, or everyone who could use
    /// it.
    pub(super) fn protected(&self, findings: &mut Vec<Finding>) {
        if self.rules.protect.is_empty() {
            return;
        }
        let fates = self.fates();
        let ranked = fates.iter().filter_map(|(key, fate)| {
            let rank = self.universe.names.principal_rank(key)?;
            Some((rank, *fate))
        });
        let by_rank: BTreeMap<u32, Fate> = ranked.collect();
        for rule in &self.rules.protect {
            let revoked = self
                .diff
                .revokes
                .iter()
                .filter(|step| step.reason != RevokeReason::Renamed && rule.rule.matches(step.tuple));
            let mut subjects: BTreeSet<Arc<str>> =
                revoked.filter_map(|step| self.spell(step.tuple)).collect();
            if !by_rank.is_empty() {
                let left = self.after.iter().filter_map(|tuple| {
                    let fate = by_rank
                        .get(&tuple.principal())
                        .filter(|_| rule.rule.matches(*tuple))?;
                    let spelled = self.spell(*tuple)?;
                    Some(match fate {
                        Fate::Deleted => format!("{spelled}, which is deleted").into(),
                        Fate::Emptied => format!("{spelled}, which loses its last member").into(),
                    })
                });
                subjects.extend(left);
            }
            if subjects.is_empty() {
                continue;
            }
            let are = if subjects.len() == 1 { "is" } else { "are" };
            let (as_last_applied, remedy) = match rule.as_last_applied {
                false => (
                    String::new(),
                    "keep them declared; or take them out of the `protect` block, apply that alone, and take them away in \
                     the next change",
                ),
                true => (
                    format!(", {}", self.sources.input.options.last()),
                    "keep them declared; or apply the change of the `protect` block alone first, where it is seen and \
                     approved as what it is, and take them away in the next change",
                ),
            };
            let message = format!(
                "{} {are} protected by \"{}\"{as_last_applied}",
                grants(subjects.len() as u64),
                rule.label
            );
            findings.push(Finding {
                subjects,
                remedy: Some(remedy.into()),
                ..Finding::new(Level::Refusal, "protected", message)
            });
        }
    }

    /// Principals that are deleted, and groups that end without members and had some.
    fn fates(&self) -> BTreeMap<PrincipalKey, Fate> {
        let mut fates = BTreeMap::new();
        let mut changes: BTreeMap<&GroupName, Vec<(&UserName, bool)>> = BTreeMap::new();
        let mut deleted: BTreeSet<&UserName> = BTreeSet::new();
        for effect in self.actions.iter().filter_map(|action| action.effect.as_ref()) {
            match effect {
                Effect::DeleteGroup { group } => {
                    fates.insert(PrincipalKey::Group(group.clone()), Fate::Deleted);
                }
                Effect::DeleteUser { user } => {
                    deleted.insert(user);
                    fates.insert(PrincipalKey::User(user.clone()), Fate::Deleted);
                }
                Effect::AddMember { group, user } => changes.entry(group).or_default().push((user, true)),
                Effect::RemoveMember { group, user } => changes.entry(group).or_default().push((user, false)),
                _ => {}
            }
        }
        for (group, changes) in changes {
            let Some(mut people) = members(self.sources, self.renames, group) else {
                continue;
            };
            let had_some = !people.is_empty();
            for (user, joins) in changes {
                if joins {
                    people.insert(user.clone());
                } else {
                    people.remove(user);
                }
            }
            people.retain(|user| !deleted.contains(user));
            if had_some && people.is_empty() {
                fates
                    .entry(PrincipalKey::Group(group.clone()))
                    .or_insert(Fate::Emptied);
            }
        }
        fates
    }

    /// `protect` patterns that match nothing: a slip in one is a guard that is not there.
    pub(super) fn idle_patterns(&self, findings: &mut Vec<Finding>) {
        for (label, pattern) in &self.rules.idle {
            findings.push(Finding {
                remedy: Some("compare it with the names that `rolecall access` lists".into()),
                ..Finding::new(
                    Level::Warning,
                    "idle-pattern",
                    format!("`{pattern}` in protect \"{label}\" matches nothing, so it guards nothing"),
                )
            });
        }
    }

    /// Declared grants that an `ignore` block hides from drift.
    pub(super) fn ignored_declarations(&self, findings: &mut Vec<Finding>) {
        if !self.rules.has_ignore() {
            return;
        }
        let mut counts: BTreeMap<EntityKey, u64> = BTreeMap::new();
        for tuple in self
            .universe
            .desired
            .tuples
            .iter()
            .filter(|tuple| self.rules.ignores(**tuple))
        {
            if let Some(set) = self.universe.names.permission_set(tuple.permission_set()) {
                *counts.entry(EntityKey::PermissionSet(set.clone())).or_default() += 1;
            }
        }
        if counts.is_empty() {
            return;
        }
        let total = counts.values().sum();
        findings.push(Finding {
            subjects: counts
                .iter()
                .map(|(set, count)| format!("{set}: {}", grants(*count)).into())
                .collect(),
            remedy: Some("narrow the `ignore` block, or stop declaring what others run".into()),
            ..Finding::new(
                Level::Warning,
                "ignored-and-declared",
                format!("{} declared here match an `ignore` block", grants(total)),
            )
        });
    }
}

#[cfg(test)]
mod tests {
    use crate::model::stack::{Matcher, NamedMatcher};
    use crate::plan::Plan;
    use crate::plan::testing::{Stack, World, group};

    use super::*;

    fn stack(members: &[&str]) -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("view", "view")
            .user("ada", "ada")
            .user("bob", "bob")
            .group("ops", "Ops", members)
            .assign("a", &[group("Ops")], &["view"], &[1, 2])
    }

    fn protecting(stack: Stack, principals: &[&str]) -> Stack {
        let principals = principals.iter().map(|name| Arc::from(*name)).collect();
        stack.with(|desired| {
            desired.settings.protect = vec![NamedMatcher {
                label: "the last way in".into(),
                matcher: Matcher {
                    principals,
                    ..Matcher::default()
                },
                location: None,
            }];
        })
    }

    fn finding<'p>(plan: &'p Plan, code: &str) -> Option<&'p Finding> {
        plan.findings.iter().find(|finding| &*finding.code == code)
    }

    #[test]
    fn memberships_and_users_count_as_removals() {
        let mut world = World::new().apply(stack(&["ada", "bob"]));
        world.options.max_removals = Some(1);
        assert!(finding(&world.plan(stack(&["ada"])), "max-removals").is_none());
        let plan = world.plan(stack(&[]));
        let refused = finding(&plan, "max-removals").unwrap();
        assert_eq!(
            &*refused.message,
            "2 memberships would be removed, and the limit is 1"
        );
    }

    #[test]
    fn a_new_name_of_a_set_removes_nothing() {
        let named = |name: &str| {
            Stack::new()
                .accounts(&[1, 2])
                .set("view", name)
                .group("ops", "Ops", &[])
                .assign("a", &[group("Ops")], &[name], &[1, 2])
        };
        let mut world = World::new().apply(named("view"));
        world.options.max_removals = Some(0);
        let plan = world.plan(named("look"));
        assert_eq!(plan.revokes.len(), 2);
        assert!(finding(&plan, "max-removals").is_none());
    }

    #[test]
    fn a_protected_grant_that_nobody_could_use_any_more_is_refused() {
        let world = World::new().apply(stack(&["ada", "bob"]));
        let one_stays = world.plan(protecting(stack(&["bob"]), &["Ops"]));
        assert!(finding(&one_stays, "protected").is_none());
        let emptied = world.plan(protecting(stack(&[]), &["Ops"]));
        let refused = finding(&emptied, "protected").unwrap();
        assert_eq!(refused.level, Level::Refusal);
        assert_eq!(refused.subjects.len(), 2, "one for each account");
    }

    #[test]
    fn deleting_the_principal_of_a_protected_grant_of_others_is_refused() {
        let bare = || Stack::new().accounts(&[1]).set("view", "view");
        let world = World::new()
            .apply(bare().group("ops", "Ops", &[]))
            .has_grant(1, "view", group("Ops"));
        let plan = world.plan(protecting(bare(), &["Ops"]));
        assert!(finding(&plan, "protected").is_some());
    }

    #[test]
    fn what_the_last_apply_protected_is_protected_from_the_change_that_ends_it() {
        let bare = || {
            Stack::new()
                .accounts(&[1, 2])
                .set("view", "view")
                .group("ops", "Ops", &[])
        };
        let granting = || bare().assign("a", &[group("Ops")], &["view"], &[1, 2]);
        let mut world = World::new().apply(granting());
        let rules = crate::model::rules::Rules::of(&protecting(granting(), &["Ops"]).desired());
        world.recorded.rules = Some(Box::new(rules));
        let plan = world.plan(bare());
        let refused = finding(&plan, "protected").unwrap();
        assert_eq!(refused.level, Level::Refusal);
        assert!(
            refused.message.ends_with(", as last applied"),
            "{}",
            refused.message
        );
        assert!(refused.remedy.as_ref().unwrap().contains("alone first"));
        // The change of the rule alone goes through, under a heading of its own.
        let alone = world.plan(granting());
        assert!(!alone.is_refused() && alone.rules.may_loosen());
        world.recorded.rules = Some(Box::new(crate::model::rules::Rules::of(&granting().desired())));
        assert!(!world.plan(bare()).is_refused());
    }

    #[test]
    fn a_limit_of_removals_is_not_raised_by_the_change_that_passes_it() {
        let limited = |stack: Stack, most: u64| stack.with(|desired| desired.settings.max_removals = most);
        let mut world = World::new().apply(stack(&["ada", "bob"]));
        let rules = crate::model::rules::Rules::of(&limited(stack(&[]), 1).desired());
        world.recorded.rules = Some(Box::new(rules));
        let plan = world.plan(limited(stack(&[]), 500));
        let refused = finding(&plan, "max-removals").unwrap();
        assert_eq!(
            &*refused.message,
            "2 memberships would be removed, and the limit is 1, as last applied"
        );
        // What is compared with another configuration was not applied.
        world.options.base = true;
        let plan = world.plan(limited(stack(&[]), 500));
        let refused = finding(&plan, "max-removals").unwrap();
        assert!(
            refused.message.ends_with("is 1, as in the base"),
            "{}",
            refused.message
        );
        world.options.base = false;
        assert!(finding(&world.plan(limited(stack(&["ada"]), 500)), "max-removals").is_none());
        // A person may say the number.
        world.options.max_removals = Some(2);
        assert!(finding(&world.plan(limited(stack(&[]), 500)), "max-removals").is_none());
    }

    #[test]
    fn an_expired_grant_that_is_protected_is_left_by_a_run_for_what_expired_and_the_others_go() {
        let ending = || {
            let stack = stack(&["ada"]).group("dev", "Dev", &["bob"]);
            let until = Some("2026-07-01T00:00:00Z");
            stack
                .assign_until("b", &[group("Dev")], &["view"], &[1, 2], until)
                .assign_until("c", &[group("Dev"), group("Ops")], &["edit"], &[1], until)
                .set("edit", "edit")
        };
        let world = World::new().apply(ending()).at("2026-07-02T00:00:00Z");
        let plan = world.plan(protecting(ending(), &["Ops"]));
        assert!(plan.is_refused(), "a whole plan is for a person to correct");
        let mut only = world.clone();
        only.options.mode = Mode::Expired;
        let plan = only.plan(protecting(ending(), &["Ops"]));
        assert!(!plan.is_refused(), "{:#?}", plan.findings);
        assert_eq!(plan.revokes.len(), 3, "what Dev has");
        let told = finding(&plan, "left-out").unwrap();
        assert_eq!(told.level, Level::Warning);
        assert_eq!(
            &*told.message,
            "1 expired grant is left out: protected by \"the last way in\""
        );
        assert_eq!(told.subjects.len(), 1);
        assert!(told.subjects.iter().all(|subject| subject.contains("Ops → edit")));
        // What was protected when it was last applied stays so too, and keeps no whole plan from recording the change.
        let mut only = world.clone();
        let rules = crate::model::rules::Rules::of(&protecting(ending(), &["Ops"]).desired());
        only.recorded.rules = Some(Box::new(rules));
        let plan = only.plan(ending());
        assert_eq!(
            (plan.revokes.len(), plan.is_refused()),
            (3, false),
            "{:#?}",
            plan.findings
        );
        assert!(finding(&plan, "left-out").is_some());
        only.options.mode = Mode::Expired;
        let plan = only.plan(ending());
        assert_eq!((plan.revokes.len(), plan.is_refused()), (3, false));
        assert!(
            finding(&plan, "left-out")
                .unwrap()
                .message
                .ends_with("as last applied")
        );
    }

    #[test]
    fn a_protect_pattern_that_matches_nothing_is_told() {
        let world = World::new().apply(stack(&["ada"]));
        let plan = world.plan(protecting(stack(&["ada"]), &["Opps"]));
        let told = finding(&plan, "idle-pattern").unwrap();
        assert!(told.message.contains("the last way in") && told.message.contains("Opps"));
        let plan = world.plan(protecting(stack(&["ada"]), &["Ops"]));
        assert!(finding(&plan, "idle-pattern").is_none());
    }
}
