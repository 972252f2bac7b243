//! Permission sets that a plan turns into a risk, and who has them: nothing is granted, and people gain all the same.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::FxHashMap;
use serde::{Deserialize, Serialize};

use crate::id::{PermissionSetName, PrincipalKey, UserName};
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::privilege::judge;
use crate::model::role_content::RoleContents;

use super::Plan;
use super::altered::{Altered, altered, behind};
use super::input::PlanInput;
use super::people::{Crowds, PeopleRow};
use super::people_effects::{Membership, People, everyone};
use super::risk::SetRisk;

/// How many have a set before and once the plan is carried out; who comes to it by the plan is told among those who gain.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Holders {
    /// Distinct people, as far as groups can be read.
    pub people: u64,
    /// Accounts in which somebody has it, before and then.
    pub accounts: u64,
}

/// Those who have a set, which becomes a risk, through one principal.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Becoming {
    /// Which set.
    pub permission_set: PermissionSetName,
    /// Through whom.
    pub via: PrincipalKey,
    /// Who; none where that cannot be read. Shortened to [`PeopleRow::MOST_NAMED`] names.
    pub people: Vec<UserName>,
    /// BLAKE3 of all user names, where there are more than are named.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub everyone: Option<Arc<str>>,
    /// Where, as ranks in the plan's names, ascending.
    pub accounts: Vec<u32>,
}

/// Those who have sets that the plan changes.
#[derive(Default)]
pub(super) struct Having {
    /// Of sets that become a risk.
    pub becoming: Vec<Becoming>,
    /// The sets of which anything changes that people may do with them, by name.
    pub altered: Vec<Altered>,
    /// Everyone of those of whom not all are named.
    pub crowds: Crowds,
}

/// Finds them, with everyone of those of whom not all are named, and counts the holders of each set. `before` and
/// `after` are the relations now and once the plan is carried out.
pub(super) fn becoming(
    plan: &Plan,
    (input, contents): (&PlanInput, &RoleContents),
    (before, after): (&[Tuple], &[Tuple]),
    sets: &mut BTreeMap<PermissionSetName, SetRisk>,
) -> Having {
    let graver = graver(plan, sets);
    let mut altered = altered(plan, contents, sets);
    let changed = Changed::new(plan, graver.iter().chain(altered.keys()));
    if changed.sets.is_empty() {
        return Having::default();
    }
    let mut places: BTreeMap<(u32, u32), Vec<u32>> = BTreeMap::new();
    for tuple in changed.of(after) {
        let key = (tuple.permission_set(), tuple.principal());
        places.entry(key).or_default().push(tuple.account());
    }
    let people = People::new(plan, input);
    let (mut found, mut crowds) = (Vec::new(), Crowds::new());
    for ((set, principal), accounts) in places {
        let members = people
            .members(principal)
            .map_or(&[][..], |members| &members.after);
        let (Some(name), Some(via)) = (plan.names.permission_set(set), plan.names.principal(principal))
        else {
            continue;
        };
        if members.is_empty() && !people.is_unreadable(principal) {
            continue;
        }
        let names = || {
            let names = members.iter();
            names.filter_map(|rank| people.names.get(*rank as usize).copied().cloned())
        };
        let everyone = everyone(members, &people);
        if let Some(hash) = &everyone {
            let crowd = crowds.entry(Arc::clone(hash));
            crowd.or_insert_with(|| names().collect());
        }
        let row = Becoming {
            permission_set: name.clone(),
            via: via.clone(),
            people: names().take(PeopleRow::MOST_NAMED).collect(),
            everyone,
            accounts,
        };
        if let Some(altered) = altered.get_mut(&set) {
            altered.through.push(row.clone());
        }
        if graver.contains(&set) {
            found.push(row);
        }
    }
    for (set, (having, accounts)) in keeping(&people, &changed, before, after) {
        let holders = Holders {
            people: having.len() as u64,
            accounts,
        };
        if let Some(altered) = altered.get_mut(&set) {
            altered.holders = holders;
            let named = having.iter().take(PeopleRow::MOST_NAMED);
            let names = named.filter_map(|rank| people.names.get(*rank as usize).copied().cloned());
            altered.having = names.collect();
        }
        let name = plan.names.permission_set(set);
        let risk = name.and_then(|name| sets.get_mut(name));
        if let Some(risk) = risk.filter(|_| graver.contains(&set)) {
            risk.newly = Some(holders);
        }
    }
    let mut altered: Vec<Altered> = altered.into_values().collect();
    altered.retain(|altered| !altered.through.is_empty());
    altered.sort_by(|left, right| left.permission_set.cmp(&right.permission_set));
    Having {
        becoming: found,
        altered,
        crowds,
    }
}

/// Sets that change, by rank, and where those change that are only provisioned; others do wherever they are.
struct Changed {
    sets: BTreeSet<u32>,
    in_part: BTreeMap<u32, BTreeSet<u32>>,
}

impl Changed {
    fn new<'r>(plan: &Plan, sets: impl Iterator<Item = &'r u32>) -> Self {
        let in_part = behind(plan).filter_map(|(name, accounts, _)| {
            let accounts = accounts?.iter().filter_map(|key| plan.names.account_rank(key));
            Some((plan.names.permission_set_rank(name)?, accounts.collect()))
        });
        Changed {
            sets: sets.copied().collect(),
            in_part: in_part.collect(),
        }
    }

    /// The grants by which anybody has what changes.
    fn of<'t>(&self, tuples: &'t [Tuple]) -> impl Iterator<Item = &'t Tuple> {
        tuples.iter().filter(|tuple| {
            let set = tuple.permission_set();
            let accounts = || self.in_part.get(&set);
            self.sets.contains(&set) && accounts().is_none_or(|accounts| accounts.contains(&tuple.account()))
        })
    }
}

/// By set: who has it in an account before and after, and in how many accounts anybody does, as far as that can be
/// told: a group that cannot be read has somebody.
fn keeping(
    people: &People<'_>,
    changed: &Changed,
    before: &[Tuple],
    after: &[Tuple],
) -> BTreeMap<u32, (BTreeSet<u32>, u64)> {
    // Most accounts have a set by the same principals as others: these are looked at once.
    type Paths = (Vec<u32>, Vec<u32>);
    let mut places: FxHashMap<(u32, u32), Paths> = FxHashMap::default();
    let mut note = |tuples: &[Tuple], side: fn(&mut Paths) -> &mut Vec<u32>| {
        for tuple in changed.of(tuples) {
            let place = (tuple.permission_set(), tuple.account());
            side(places.entry(place).or_default()).push(tuple.principal());
        }
    };
    note(before, |(had, _)| had);
    note(after, |(_, will)| will);
    let mut alike: BTreeMap<(u32, Paths), u64> = BTreeMap::new();
    for ((set, _), paths) in places {
        *alike.entry((set, paths)).or_default() += 1;
    }
    let mut found: BTreeMap<u32, (BTreeSet<u32>, u64)> = BTreeMap::new();
    for ((set, (had, will)), accounts) in alike {
        let members = |principals: &[u32], of: fn(&Membership) -> &Vec<u32>| -> BTreeSet<u32> {
            let known = principals
                .iter()
                .filter_map(|principal| people.members(*principal));
            known.flat_map(|members| of(members).iter().copied()).collect()
        };
        let (was, is) = (members(&had, |of| &of.before), members(&will, |of| &of.after));
        let unread = had
            .iter()
            .any(|principal| people.is_unreadable(*principal) && will.contains(principal));
        let (having, in_accounts) = found.entry(set).or_default();
        having.extend(was.intersection(&is));
        if unread || !was.is_disjoint(&is) {
            *in_accounts += accounts;
        }
    }
    found
}

/// Ranks of the sets that amount to more than they did.
fn graver(plan: &Plan, sets: &BTreeMap<PermissionSetName, SetRisk>) -> BTreeSet<u32> {
    let updates = plan
        .actions
        .iter()
        .filter_map(|action| match action.effect.as_ref()? {
            Effect::UpdatePermissionSet { from, to } => Some((from, to)),
            _ => None,
        });
    let graver = updates.filter(|(from, to)| {
        let risk = sets.get(&to.name);
        risk.is_some_and(|risk| risk.judged.is_graver_than(&judge(from)))
    });
    graver
        .filter_map(|(_, to)| plan.names.permission_set_rank(&to.name))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::altered::Content;
    use super::super::approved_people::ApprovedPeople;
    use super::super::planner::plan;
    use super::super::risk::RiskMark;
    use super::super::scene::{Scene, set};
    use super::*;
    use crate::model::stack::StopFor;
    use crate::model::text::Text;

    fn stack(scene: Scene, members: &[&str], policy: Option<&str>) -> Scene {
        let scene = scene.account(1).account(2).set("s").group("ops", members);
        let scene = scene.change_set("s", |set| set.managed_policies.extend(policy.map(Arc::from)));
        scene.assign("a", &["ops"], &["s"], &[1, 2])
    }

    /// A set that is applied with one policy and shall have another.
    fn changed(members: &[&str], from: Option<&str>, to: Option<&str>) -> Plan {
        plan(&stack(stack(Scene::new(), members, from).applied(), members, to).build())
    }

    const ADMIN: Option<&str> = Some("arn:aws:iam::aws:policy/AdministratorAccess");

    #[test]
    fn who_has_a_set_that_becomes_administration_gains_it() {
        let risen = changed(&["ada", "bob"], None, ADMIN);
        assert_eq!((risen.grants.len(), risen.people.rows.len()), (0, 0));
        let expected = Holders {
            people: 2,
            accounts: 2,
        };
        assert_eq!(risen.risks.sets[&set("s")].newly, Some(expected));
        assert_eq!(risen.risks.becoming.len(), 1);
        assert_eq!(changed(&["ada"], ADMIN, ADMIN).risks.becoming, []);
        assert_eq!(changed(&["ada"], ADMIN, None).risks.becoming, []);
    }

    #[test]
    fn who_has_a_set_may_do_other_things_with_it_though_nobody_gains_it() {
        const VIEW: Option<&str> = Some("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess");
        let risen = changed(&["ada", "bob"], VIEW, ADMIN);
        assert_eq!(risen.people.rows, []);
        let [altered] = &risen.risks.altered[..] else {
            panic!("{:?}", risen.risks.altered)
        };
        assert_eq!(
            (altered.before, altered.after),
            (None, Some(RiskMark::Administrator))
        );
        assert_eq!((altered.holders.people, altered.holders.accounts), (2, 2));
        assert_eq!(altered.changed, [Content::ManagedPolicies]);
        // It amounts to less: nobody gains, and what they may do changes all the same.
        let fallen = changed(&["ada"], ADMIN, VIEW);
        assert_eq!((fallen.risks.becoming.len(), fallen.risks.altered.len()), (0, 1));
        assert_eq!(fallen.risks.altered[0].before, Some(RiskMark::Administrator));
        // Nobody has it, or nothing of it changes that people may do.
        assert_eq!(changed(&[], VIEW, ADMIN).risks.altered, []);
        let was = stack(Scene::new(), &["ada"], VIEW).applied();
        let described =
            stack(was, &["ada"], VIEW).change_set("s", |set| set.relay_state = Some(Text::from("x")));
        assert_eq!(plan(&described.build()).risks.altered, []);
    }

    #[test]
    fn whoever_comes_to_a_set_by_the_plan_is_not_counted_among_those_who_have_it() {
        const VIEW: Option<&str> = Some("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess");
        let was = stack(Scene::new(), &["ada", "bob"], VIEW)
            .group("dev", &["dan"])
            .account(3)
            .assign("b", &["dev"], &["s"], &[3]);
        // Bob leaves, cyd comes, ada stays; dan has it in account 3 alone, and moves to the others.
        let is = stack(was.applied(), &["ada", "cyd", "dan"], ADMIN)
            .group("dev", &[])
            .account(3)
            .assign("b", &["dev"], &["s"], &[3]);
        let risen = plan(&is.build());
        let expected = Holders {
            people: 1,
            accounts: 2,
        };
        assert_eq!(risen.risks.altered[0].holders, expected);
        assert_eq!(risen.risks.sets[&set("s")].newly, Some(expected));
        assert_eq!(risen.risks.altered[0].having, [UserName::new("ada").unwrap()]);
    }

    #[test]
    fn who_joins_them_after_the_approval_is_new() {
        let of = |members: &[&str], to| ApprovedPeople::of(&changed(members, None, to));
        let news = of(&["ada"], ADMIN).newly_gaining(&of(&["ada", "bob"], ADMIN));
        let who: Vec<String> = news
            .iter()
            .map(|new| new.person.as_ref().unwrap().to_string())
            .collect();
        assert_eq!(who, ["bob"]);
        assert_eq!(of(&["ada"], None).newly_gaining(&of(&["ada", "bob"], None)), []);
        let digest = |members: &[&str], to| changed(members, None, to).digest;
        assert_ne!(digest(&["ada"], ADMIN), digest(&["ada", "bob"], ADMIN));
    }

    /// A set with AWS-managed policies and a session's length, for which a plan stops as said.
    fn altering(members: &[&str], stop_for: StopFor, policies: &[&str], hours: u32) -> Scene {
        let last = |was: Scene| {
            let scene = was.account(1).account(2).set("s").group("ops", members);
            scene.assign("a", &["ops"], &["s"], &[1, 2])
        };
        let arns = |names: &[&str]| -> Vec<Arc<str>> {
            let arns = names
                .iter()
                .map(|name| format!("arn:aws:iam::aws:policy/{name}").into());
            arns.collect()
        };
        let start =
            last(Scene::new()).change_set("s", |set| set.managed_policies.extend(arns(&policies[..1])));
        let mut scene = last(start.applied()).change_set("s", |set| {
            set.managed_policies.extend(arns(&policies[1..]));
            set.session_duration = format!("PT{hours}H").parse().unwrap();
        });
        scene.input.desired.settings.risk.stop_for = stop_for;
        scene
    }

    #[test]
    fn who_joins_those_of_a_set_whose_policies_change_is_new_as_far_as_plans_stop() {
        let news = |stop_for, policies: &[&str], hours| {
            let plan = |members: &[&str]| plan(&altering(members, stop_for, policies, hours).build());
            let (before, after) = (plan(&["ada"]), plan(&["ada", "bob"]));
            let found = ApprovedPeople::of(&before).newly_gaining(&ApprovedPeople::of(&after));
            assert_eq!(
                before.digest != after.digest,
                !found.is_empty(),
                "whom the digest covers stops the plan, and nobody else"
            );
            found.len()
        };
        let (view, power, admin) = ("ViewOnlyAccess", "PowerUserAccess", "AdministratorAccess");
        // It stays as grave as it was, or is no risk at all.
        assert_eq!(news(StopFor::RiskMarked, &[admin, admin, view], 1), 1);
        assert_eq!(news(StopFor::RiskMarked, &[view, power], 1), 0);
        assert_eq!(news(StopFor::RiskMarked, &[admin, view], 1), 0);
        assert_eq!(news(StopFor::Anyone, &[view, power], 1), 1);
        assert_eq!(news(StopFor::Anyone, &[admin, view], 1), 1);
        assert_eq!(news(StopFor::Nobody, &[admin, admin, view], 1), 0);
        // A longer session is no further right.
        assert_eq!(news(StopFor::RiskMarked, &[admin, admin], 8), 0);
        assert_eq!(news(StopFor::Anyone, &[view, view], 8), 0);
    }

    #[test]
    fn a_plan_that_was_saved_before_these_people_were_covered_keeps_its_digest() {
        let now = plan(
            &altering(
                &["ada"],
                StopFor::Anyone,
                &["ViewOnlyAccess", "PowerUserAccess"],
                1,
            )
            .build(),
        );
        let mut then = now.clone();
        then.risks.altered.iter_mut().for_each(|set| set.covered = false);
        let nobody = plan(
            &altering(
                &["ada"],
                StopFor::Nobody,
                &["ViewOnlyAccess", "PowerUserAccess"],
                1,
            )
            .build(),
        );
        let digest = crate::plan::digest::digest;
        assert_eq!(digest(&then), digest(&nobody));
        assert_ne!(digest(&now), digest(&nobody));
        let text = serde_json::to_string(&then).unwrap();
        assert!(!text.contains("\"covered\""), "{text}");
        let read: Plan = serde_json::from_str(&text).unwrap();
        assert_eq!(
            (digest(&read), ApprovedPeople::of(&read).rows.len()),
            (digest(&nobody), 0)
        );
    }
}
