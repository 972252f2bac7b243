//! What stays because others use it, or because it is not this stack's to remove.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::id::{EntityKey, PrincipalKey};
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::privilege::{Privilege, judge};

use super::change::{Action, ActionKind};
use super::finding::{Finding, Level, counted};
use super::held::HeldSets;
use super::input::Mode;
use super::matching::Rules;
use super::risk::RiskMark;
use super::sources::Sources;
use super::universe::Universe;

/// A finding names no more grants than this.
const MOST_NAMED: usize = 100;

/// What decides whether a principal is in use.
pub(super) struct InUse<'a> {
    pub sources: &'a Sources<'a>,
    pub held: &'a HeldSets,
    pub rules: &'a Rules,
    /// The grants that there are once the plan has run.
    pub after: &'a [Tuple],
}

/// Why a principal stays.
#[derive(Default)]
struct Uses {
    held: BTreeSet<Arc<str>>,
    others: BTreeSet<Arc<str>>,
}

/// Keeps groups and users whose deletion would take away grants that this stack may not touch: held ones for now,
/// and what `ignore` or the scope leaves to others for good.
pub(super) fn keep_principals_in_use(
    universe: &Universe<'_>,
    in_use: InUse<'_>,
    actions: &mut Vec<Action>,
    findings: &mut Vec<Finding>,
) {
    let deleted = |action: &Action| {
        let key = match action.effect.as_ref()? {
            Effect::DeleteGroup { group } => PrincipalKey::Group(group.clone()),
            Effect::DeleteUser { user } => PrincipalKey::User(user.clone()),
            _ => return None,
        };
        universe.names.principal_rank(&key)
    };
    let mut uses: BTreeMap<u32, Uses> = actions
        .iter()
        .filter_map(deleted)
        .map(|rank| (rank, Uses::default()))
        .collect();
    if uses.is_empty() {
        return;
    }
    let destroy = in_use.sources.input.options.mode == Mode::Destroy;
    for tuple in in_use.after {
        let Some(uses) = uses.get_mut(&tuple.principal()) else {
            continue;
        };
        let left = !destroy && (in_use.rules.ignores(*tuple) || !in_use.rules.in_scope(*tuple));
        let list = if in_use.held.holds(*tuple) {
            &mut uses.held
        } else if left {
            &mut uses.others
        } else {
            continue;
        };
        list.extend(spell(in_use.sources, universe, *tuple));
    }
    actions.retain_mut(|action| {
        let Some(uses) = deleted(action).and_then(|rank| uses.remove(&rank)) else {
            return true;
        };
        let keep = !uses.held.is_empty();
        if keep {
            findings.push(held(&action.entity, uses.held));
        } else if !uses.others.is_empty() {
            findings.push(of_others(&action.entity, uses.others));
            (action.kind, action.effect) = (ActionKind::Forget, None);
        }
        !keep
    });
}

pub(super) fn spell(sources: &Sources<'_>, universe: &Universe<'_>, tuple: Tuple) -> Option<Arc<str>> {
    let (account, set, principal) = universe.names.resolve(tuple)?;
    let account = sources.observed.account_name(account);
    Some(format!("{principal} → {set} in {account}").into())
}

fn held(key: &EntityKey, subjects: BTreeSet<Arc<str>>) -> Finding {
    let message = format!(
        "{key} stays for now: {} of it cannot be taken away at this time",
        counted(subjects.len(), "grant")
    );
    Finding {
        subjects,
        remedy: Some("once they are gone, the next plan deletes it".into()),
        ..Finding::new(Level::Held, "principal-in-use", message)
    }
}

fn of_others(key: &EntityKey, subjects: BTreeSet<Arc<str>>) -> Finding {
    let message = format!(
        "{key} stays, and is others' from now on: {} of it {} left to them",
        counted(subjects.len(), "grant"),
        if subjects.len() == 1 { "is" } else { "are" }
    );
    Finding {
        subjects,
        remedy: Some("delete it by hand if nobody needs it".into()),
        ..Finding::new(Level::Warning, "principal-in-use", message)
    }
}

/// Says which grants of this stack are left to others because of `ignore` or the scope.
pub(super) fn left_to_others(
    tuples: &[Tuple],
    rules: &Rules,
    sources: &Sources<'_>,
    universe: &Universe<'_>,
) -> Vec<Finding> {
    let (ignored, outside): (Vec<Tuple>, Vec<Tuple>) =
        tuples.iter().partition(|tuple| rules.ignores(**tuple));
    let lists = [
        (ignored, "an `ignore` block covers them"),
        (outside, "they lie outside the scope"),
    ];
    let lists = lists.into_iter().filter(|(tuples, _)| !tuples.is_empty());
    let finding = |(tuples, why): (Vec<Tuple>, &str)| {
        let message = format!(
            "{} that this stack made and no block declares any more stay, because {why}: the state forgets them",
            counted(tuples.len(), "grant")
        );
        let named = tuples.iter().take(MOST_NAMED);
        Finding {
            subjects: named
                .filter_map(|tuple| spell(sources, universe, *tuple))
                .collect(),
            remedy: Some("to have them removed, take the rule away first and apply".into()),
            ..Finding::new(Level::Warning, "left-to-others", message)
        }
    };
    lists.map(finding).collect()
}

/// Says what others made and rules hide from now on: a change may try to keep access from being looked at. What gives
/// administration, or a way to it, comes first.
pub(super) fn hidden_anew(
    tuples: &[Tuple],
    sources: &Sources<'_>,
    universe: &Universe<'_>,
) -> Option<Finding> {
    if tuples.is_empty() {
        return None;
    }
    let names = &universe.names;
    let ranks: BTreeSet<u32> = tuples.iter().map(|tuple| tuple.permission_set()).collect();
    let grave: BTreeMap<u32, &str> = ranks
        .into_iter()
        .filter_map(|rank| {
            let set = names.permission_set(rank)?;
            let there = sources.observed.permission_sets.get(set)?;
            let word = match judge(&there.value).privilege? {
                Privilege::Administrator => RiskMark::Administrator.word(),
                Privilege::Escalation => RiskMark::PrivilegeEscalation.word(),
            };
            Some((rank, word))
        })
        .collect();
    let (first, others): (Vec<Tuple>, Vec<Tuple>) = tuples
        .iter()
        .partition(|tuple| grave.contains_key(&tuple.permission_set()));
    let named = first.iter().chain(&others).take(MOST_NAMED);
    let subject = |tuple: &Tuple| {
        let spelled = spell(sources, universe, *tuple)?;
        Some(match grave.get(&tuple.permission_set()) {
            Some(word) => format!("{word}: {spelled}").into(),
            None => spelled,
        })
    };
    let marked = if first.is_empty() {
        String::new()
    } else {
        format!(", {} of them administration or a way to it", first.len())
    };
    let message = format!(
        "{} that nobody declared {} hidden by an `ignore` block or a scope that is new{marked}: `drift` will not tell of \
         what they hide",
        counted(tuples.len(), "assignment"),
        if tuples.len() == 1 { "is" } else { "are" },
    );
    Some(Finding {
        subjects: named.filter_map(subject).collect(),
        remedy: Some("declare what is to stay, and take away what is not, before it is hidden".into()),
        ..Finding::new(Level::Warning, "hidden-anew", message)
    })
}

#[cfg(test)]
mod tests {
    use crate::id::AccountKey;
    use crate::model::account::AccountStatus;
    use crate::model::rules::Rules;
    use crate::model::stack::{Matcher, NamedMatcher, Scope};
    use crate::plan::Plan;
    use crate::plan::testing::{Stack, World, account, group, user};

    #[test]
    fn what_others_made_is_named_once_when_a_new_rule_hides_it() {
        let world = || {
            let mut world = World::new()
                .has_set("admin")
                .has_set("root")
                .has_group("Tower", &[])
                .has_group("Ops", &[])
                .has_grant(1, "admin", group("Tower"))
                .has_grant(2, "root", group("Tower"))
                .has_grant(1, "admin", group("Ops"));
            let sets = world.observed.snapshot.permission_sets.values_mut();
            for set in sets.filter(|set| set.value.name.as_str() == "root") {
                set.value.managed_policies = ["arn:aws:iam::aws:policy/AdministratorAccess".into()].into();
            }
            world
        };
        let ignoring = |principal: &str| {
            let matcher = Matcher {
                principals: vec![principal.into()],
                ..Matcher::default()
            };
            Stack::new().with(|desired| {
                desired.settings.ignore = vec![NamedMatcher {
                    label: "others".into(),
                    matcher,
                    location: None,
                }];
            })
        };
        let hidden = |plan: &Plan| {
            let mut found = plan.findings.iter().filter(|f| &*f.code == "hidden-anew");
            found.next().map(|finding| {
                let subjects: Vec<String> = finding.subjects.iter().map(ToString::to_string).collect();
                (finding.message.to_string(), subjects)
            })
        };
        let after = |rules: Option<Rules>, stack: Stack| {
            let mut world = world();
            world.recorded.rules = rules.map(Box::new);
            hidden(&world.plan(stack))
        };
        let last = Rules::default();
        let (message, subjects) = after(Some(last.clone()), ignoring("Tower")).unwrap();
        assert!(
            message.starts_with("2 assignments that nobody declared are hidden"),
            "{message}"
        );
        assert!(message.contains("1 of them administration"), "{message}");
        assert_eq!(subjects.len(), 2);
        assert!(
            subjects
                .iter()
                .any(|one| one.starts_with("administrator: group Tower → root in ")),
            "{subjects:?}"
        );
        let applied = Rules::of(&ignoring("Tower").desired());
        assert_eq!(
            after(Some(applied.clone()), ignoring("Tower")),
            None,
            "it was hidden before"
        );
        assert_eq!(
            after(None, ignoring("Tower")),
            None,
            "nobody knows what was hidden before"
        );
        assert_eq!(
            after(Some(applied), Stack::new()),
            None,
            "nothing is hidden any more"
        );
        let scoped = Stack::new().with(|desired| {
            desired.settings.scope = Scope::Matching(Matcher {
                principals: vec!["Ops".into()],
                ..Matcher::default()
            });
        });
        let (message, _) = after(Some(last), scoped).unwrap();
        assert!(message.starts_with("2 assignments"), "{message}");
    }

    #[test]
    fn a_group_or_user_whose_grants_are_held_stays_until_they_can_go() {
        let both = || {
            Stack::new()
                .accounts(&[1, 2])
                .set("view", "view")
                .user("ada", "ada")
                .group("ops", "Ops", &[])
                .assign("a", &[group("Ops"), user("ada")], &["view"], &[1, 2])
        };
        let without = || Stack::new().accounts(&[1, 2]).set("view", "view");
        let mut world = World::new().apply(both());
        let status = |world: &mut World, status: AccountStatus| {
            let key: AccountKey = account(2);
            let accounts = &mut world.observed.snapshot.accounts;
            accounts.get_mut(&key).unwrap().value.status = status;
        };
        status(&mut world, AccountStatus::Suspended);
        let plan = world.plan(without());
        assert_eq!(plan.revokes.len(), 2);
        assert!(plan.actions.is_empty(), "{:#?}", plan.actions);
        let kept = plan
            .findings
            .iter()
            .filter(|finding| &*finding.code == "principal-in-use");
        assert_eq!(kept.count(), 2);
        let mut world = world.apply(without());
        status(&mut world, AccountStatus::Active);
        let plan = world.plan(without());
        assert_eq!((plan.revokes.len(), plan.actions.len()), (2, 2));
        assert!(world.apply(without()).plan(without()).is_empty());
    }
}
