//! Guardrails, asked again in another way: person by person, over names, at the beginning and at the end.
//!
//! The evaluator counts over ranks in one walk and judges every step on the way. Here only four things are asked, each
//! so that whatever is found must have been found there too: nobody newly has at the end what a guardrail denies, no
//! limit of people or accounts is newly passed, nobody is let in unseen, and a plan that only takes away is not refused. Plans that give a user
//! or group another name are left to the evaluator: over names, everybody in them would be somebody else.

use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use crate::address::{Address, Kind};
use crate::id::{AccountKey, EntityKey, GroupName, PermissionSetName, PrincipalKey, UserName};
use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::guardrail::{Deny, Guardrail, Limit, OnUnknown, Rule, Selector};
use crate::model::instance::HeldSubject;
use crate::model::snapshot::Management;
use crate::plan::Plan;
use crate::plan::base::is_declared;
use crate::plan::change::ActionKind;
use crate::plan::guardrails::breach::{RuleKind, Verdict};
use crate::plan::input::PlanInput;

use super::Found;
use super::identity::{Identity, moved_to};
use super::relations::{Relations, has};

/// So many single facts are looked at; what a plan breaks beyond that is left to the evaluator.
const MOST_FACTS: u64 = 5_000_000;

pub(super) fn check(
    plan: &Plan,
    input: &PlanInput,
    identity: &Identity,
    relations: &Relations,
    found: &mut Found,
) {
    let refused = |breach: &&crate::plan::guardrails::breach::Breach| breach.level == Verdict::Refused;
    for breach in plan.guardrails.iter().filter(refused) {
        found.require(plan.is_refused(), "guardrail-not-refused", || {
            breach.message.to_string()
        });
    }
    if only_removes(plan) {
        let mut against = plan.guardrails.iter().filter(refused);
        let against = against.find(|breach| breach.rule != RuleKind::Require);
        found.require(against.is_none(), "guardrail-against-removal", || {
            against
                .map(|breach| breach.message.to_string())
                .unwrap_or_default()
        });
        return;
    }
    let guardrails: Vec<&Guardrail> = in_force(input).collect();
    if guardrails.is_empty() || renames(plan) || !identity.now.is_empty() || !identity.declared.is_empty() {
        return;
    }
    let unread = Unread::of(input);
    let before = Groups::before(input, &unread);
    let bench = Bench {
        plan,
        input,
        relations,
        after: before.after(plan, input),
        before,
        unread,
        renamed: renamed_sets(input),
        facts: Cell::default(),
        facts_in_the_dark: Cell::default(),
    };
    for guardrail in guardrails {
        for rule in &guardrail.rules {
            match rule {
                Rule::Deny(deny) => bench.deny(guardrail, deny, found),
                Rule::Limit(limit) => bench.limit(guardrail, limit, found),
                Rule::Require(_) => {}
            }
        }
    }
}

/// The guardrails that refuse: the declared ones, and those of the last apply that none of that name replaces.
/// What permission sets are called anew is left to the evaluator.
fn in_force(input: &PlanInput) -> impl Iterator<Item = &Guardrail> {
    let renamed = !renamed_sets(input).is_empty();
    let declared = &input.desired.guardrails;
    let last = input.recorded.rules.iter().flat_map(|rules| &rules.guardrails);
    let last = last.filter(move |last| {
        let mut same = declared.iter().filter(|guardrail| guardrail.label == last.label);
        !renamed && !same.any(|guardrail| guardrail.covers(last))
    });
    declared.iter().chain(last).filter(|guardrail| guardrail.refuses)
}

/// Permission sets that stay what they are under another name: by the new name, what the state calls them.
fn renamed_sets(input: &PlanInput) -> BTreeMap<&PermissionSetName, &PermissionSetName> {
    let (recorded, desired) = (&input.recorded.applied, &input.desired.snapshot);
    let gone = recorded.permission_sets.iter();
    let gone = gone.filter(|(name, set)| {
        set.management == Management::Created && !desired.permission_sets.contains_key(*name)
    });
    let renamed = gone.filter_map(|(old, set)| {
        let addresses = set.addresses.iter();
        let now: Vec<Address> = addresses
            .map(|address| moved_to(&input.desired.moved, address))
            .collect();
        let mut sets = desired.permission_sets.iter();
        let (new, _) = sets.find(|(_, set)| set.addresses.iter().any(|address| now.contains(address)))?;
        Some((new, old))
    });
    renamed.collect()
}

fn only_removes(plan: &Plan) -> bool {
    let gives = |effect: &Effect| {
        !matches!(
            effect,
            Effect::RemoveMember { .. }
                | Effect::DeleteGroup { .. }
                | Effect::DeleteUser { .. }
                | Effect::DeletePermissionSet { .. }
        )
    };
    let mut effects = plan.actions.iter().filter_map(|action| action.effect.as_ref());
    // Whoever is taken for another user gets what that one had.
    let mut taken_in = plan
        .actions
        .iter()
        .filter(|action| action.kind == ActionKind::Rebind);
    plan.grants.is_empty()
        && !effects.any(gives)
        && !taken_in.any(|action| matches!(action.entity, EntityKey::User(_)))
}

fn renames(plan: &Plan) -> bool {
    plan.actions.iter().any(|action| match &action.effect {
        Some(Effect::UpdateUser { from, to }) => from.user_name != to.user_name,
        Some(Effect::UpdateGroup { from, to }) => from.display_name != to.display_name,
        _ => false,
    })
}

/// What could not be read of users and groups.
#[derive(Default)]
struct Unread<'a> {
    principals: BTreeSet<&'a PrincipalKey>,
    members: BTreeSet<&'a GroupName>,
    users: bool,
    groups: bool,
}

impl<'a> Unread<'a> {
    fn of(input: &'a PlanInput) -> Self {
        let mut unread = Unread::default();
        for held in &input.observed.held {
            match &held.subject {
                HeldSubject::Principal(key) => drop(unread.principals.insert(key)),
                HeldSubject::Members(group) => drop(unread.members.insert(group)),
                HeldSubject::All(Kind::User) => unread.users = true,
                HeldSubject::All(Kind::Group) => unread.groups = true,
                HeldSubject::Entity(_) | HeldSubject::Pair(..) | HeldSubject::All(_) => {}
            }
        }
        unread
    }
}

/// Who is in which group, as far as that can be read.
struct Groups(BTreeMap<GroupName, BTreeSet<UserName>>);

impl Groups {
    fn before(input: &PlanInput, unread: &Unread<'_>) -> Self {
        if unread.users || unread.groups {
            return Groups(BTreeMap::new());
        }
        let groups = input.observed.snapshot.groups.iter();
        let groups = groups.filter(|(name, _)| !unread.members.contains(name));
        let known = groups.filter_map(|(name, group)| Some((name.clone(), group.value.members.clone()?)));
        Groups(known.collect())
    }

    /// As the plan leaves them.
    fn after(&self, plan: &Plan, input: &PlanInput) -> Self {
        let mut groups = self.0.clone();
        let unread = |group: &GroupName| {
            input.observed.snapshot.groups.contains_key(group) && !self.0.contains_key(group)
        };
        for effect in plan.actions.iter().filter_map(|action| action.effect.as_ref()) {
            match effect {
                Effect::AddMember { group, user } if !unread(group) => {
                    groups.entry(group.clone()).or_default().insert(user.clone());
                }
                Effect::RemoveMember { group, user } => {
                    if let Some(members) = groups.get_mut(group) {
                        members.remove(user);
                    }
                }
                Effect::DeleteGroup { group } => drop(groups.remove(group)),
                Effect::DeleteUser { user } => {
                    for members in groups.values_mut() {
                        members.remove(user);
                    }
                }
                _ => {}
            }
        }
        Groups(groups)
    }

    fn behind<'g>(&'g self, principal: &'g PrincipalKey) -> Vec<&'g UserName> {
        match principal {
            PrincipalKey::User(user) => vec![user],
            PrincipalKey::Group(group) => self.0.get(group).into_iter().flatten().collect(),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => Vec::new(),
        }
    }

    fn is_behind(&self, principal: &PrincipalKey, person: &UserName) -> bool {
        match principal {
            PrincipalKey::User(user) => user == person,
            PrincipalKey::Group(group) => self.0.get(group).is_some_and(|members| members.contains(person)),
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => false,
        }
    }

    /// Whether a selector's principals are, or contain, somebody.
    fn names(&self, of: &Selector, person: &UserName) -> bool {
        let principals = of.principals.as_ref();
        principals.is_none_or(|all| all.iter().any(|principal| self.is_behind(principal, person)))
    }
}

struct Bench<'a> {
    plan: &'a Plan,
    input: &'a PlanInput,
    relations: &'a Relations,
    before: Groups,
    after: Groups,
    unread: Unread<'a>,
    /// By the new name, the old one.
    renamed: BTreeMap<&'a PermissionSetName, &'a PermissionSetName>,
    facts: Cell<u64>,
    /// Those that are looked at for what nobody can judge: so that they leave enough for what can be judged.
    facts_in_the_dark: Cell<u64>,
}

fn one_more(count: &Cell<u64>) -> u64 {
    count.set(count.get() + 1);
    count.get()
}

/// People, each with the accounts in which they have something.
type Holders = BTreeMap<UserName, BTreeSet<u32>>;

impl<'a> Bench<'a> {
    fn takes(&self, of: &Selector, tuple: Tuple) -> bool {
        self.plan.names.resolve(tuple).is_some_and(|(account, set, _)| {
            of.accounts
                .as_ref()
                .is_none_or(|all| self.has_account(all, account))
                && of.permission_sets.as_ref().is_none_or(|all| all.contains(set))
        })
    }

    /// Whether an account is among these, by its id or by the e-mail address that it had before it had one.
    fn has_account(&self, all: &BTreeSet<AccountKey>, key: &AccountKey) -> bool {
        let email = || {
            self.input
                .observed
                .snapshot
                .accounts
                .get(key)?
                .value
                .email
                .clone()
        };
        all.contains(key) || email().is_some_and(|email| all.contains(&AccountKey::Email(email)))
    }

    fn excepted(&self, guardrail: &Guardrail, tuple: Tuple, person: &UserName, groups: &Groups) -> bool {
        let principal = self.plan.names.principal(tuple.principal());
        guardrail.except.iter().any(|except| {
            let named = except.of.principals.as_ref().zip(principal);
            except.holds(self.input.now)
                && self.takes(&except.of, tuple)
                && (named.is_some_and(|(all, principal)| all.contains(principal))
                    || groups.names(&except.of, person))
        })
    }

    /// Counts a fact.
    fn is_too_much(&self) -> bool {
        one_more(&self.facts) > MOST_FACTS
    }

    /// Whether nobody read who is behind a principal.
    fn is_unread(&self, principal: &PrincipalKey) -> bool {
        let members = |name: &GroupName| {
            self.input.observed.snapshot.groups.contains_key(name) && !self.before.0.contains_key(name)
        };
        let of_kind = match principal {
            PrincipalKey::Group(name) => self.unread.groups || members(name),
            PrincipalKey::OrphanGroup(_) => self.unread.groups,
            PrincipalKey::OrphanUser(_) => self.unread.users,
            PrincipalKey::User(_) => false,
        };
        of_kind || self.unread.principals.contains(principal)
    }

    /// Whether a principal that a rule names is looked up and not there, or nobody read who is behind it.
    fn is_unknown(&self, principal: &PrincipalKey) -> bool {
        let (desired, observed) = (&self.input.desired.snapshot, &self.input.observed.snapshot);
        let missing = match principal {
            PrincipalKey::Group(name) => {
                let declared = desired.groups.get(name);
                declared.is_some_and(|group| group.management == Management::Referred)
                    && !observed.groups.contains_key(name)
            }
            PrincipalKey::User(name) => {
                let declared = desired.users.get(name);
                declared.is_some_and(|user| user.management == Management::Referred)
                    && !observed.users.contains_key(name)
            }
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => false,
        };
        missing || self.is_unread(principal)
    }

    /// Nobody is newly let in of whom nobody can tell whether a rule is about them.
    fn in_the_dark(&self, guardrail: &Guardrail, rule: (RuleKind, &Selector, OnUnknown), found: &mut Found) {
        let (kind, of, on_unknown) = rule;
        if on_unknown == OnUnknown::Warn || is_declared(&self.input.observed) {
            return;
        }
        let named = of.principals.iter().flatten();
        let open = named.into_iter().any(|principal| self.is_unknown(principal));
        let grants = self.plan.grants.iter().map(|step| step.tuple);
        for tuple in grants.filter(|tuple| self.takes(of, *tuple) && !self.may_be_renamed(*tuple)) {
            let Some(principal) = self.plan.names.principal(tuple.principal()) else {
                continue;
            };
            let is_excepted = guardrail.except.iter().any(|except| {
                let named = except.of.principals.as_ref();
                self.takes(&except.of, tuple) && named.is_none_or(|all| all.contains(principal))
            });
            if is_excepted || one_more(&self.facts_in_the_dark) > MOST_FACTS {
                continue;
            }
            let newly = |person: &&UserName| {
                !self.had(tuple, person) && !self.excepted(guardrail, tuple, person, &self.after)
            };
            let people = || self.after.behind(principal).into_iter();
            if self.is_unread(principal) || open && people().any(|person| newly(&person)) {
                found.require(self.is_refused(guardrail, kind), "guardrail-unknown", || {
                    format!("\"{}\": {principal}", guardrail.label)
                });
                return;
            }
        }
    }

    /// Nobody has at the end what is denied and what they do not have now.
    fn deny(&self, guardrail: &Guardrail, deny: &Deny, found: &mut Found) {
        let of = &deny.of;
        self.in_the_dark(guardrail, (RuleKind::Deny, of, deny.on_unknown), found);
        let relations = self.relations;
        for tuple in relations.after.iter().filter(|tuple| self.takes(of, **tuple)) {
            let Some(principal) = self.plan.names.principal(tuple.principal()) else {
                continue;
            };
            let was = has(&relations.observed, *tuple);
            for person in self.after.behind(principal) {
                let much = self.is_too_much();
                let same_path = was && self.before.is_behind(principal, person);
                let concerned = !same_path && self.after.names(of, person);
                if concerned
                    && !self.excepted(guardrail, *tuple, person, &self.after)
                    && !self.had(*tuple, person)
                    && !self.may_be_renamed(*tuple)
                {
                    let breach = self.is_refused(guardrail, RuleKind::Deny);
                    found.require(breach, "guardrail-deny", || {
                        format!("\"{}\": {person} by {principal}", guardrail.label)
                    });
                    return;
                }
                if much {
                    return;
                }
            }
        }
    }

    /// Whether a person has now, by any path, what a grant gives.
    fn had(&self, tuple: Tuple, person: &UserName) -> bool {
        let names = &self.plan.names;
        (0_u32..).zip(&names.principals).any(|(rank, principal)| {
            let path = Tuple::new(tuple.account(), tuple.permission_set(), rank);
            self.before.is_behind(principal, person) && has(&self.relations.observed, path)
        })
    }

    /// Whether a grant's permission set had another name: what its people had by that is left to the evaluator.
    fn may_be_renamed(&self, tuple: Tuple) -> bool {
        let set = self.plan.names.permission_set(tuple.permission_set());
        set.is_some_and(|set| self.renamed.contains_key(set))
    }

    /// A grant by the name that its permission set gets.
    fn new_name(&self, tuple: Tuple) -> Option<Tuple> {
        let names = &self.plan.names;
        let old = names.permission_set(tuple.permission_set())?;
        let (new, _) = self.renamed.iter().find(|(_, from)| **from == old)?;
        let set = names.permission_set_rank(new)?;
        Some(Tuple::new(tuple.account(), set, tuple.principal()))
    }

    fn is_refused(&self, guardrail: &Guardrail, rule: RuleKind) -> bool {
        let mut breaches = self.plan.guardrails.iter();
        self.plan.is_refused()
            && breaches.any(|breach| {
                breach.label == guardrail.label && breach.rule == rule && breach.level == Verdict::Refused
            })
    }

    /// Who has what a limit is about, and where; `None` when that is too much to be looked at.
    fn holders(&self, guardrail: &Guardrail, of: &Selector, later: bool) -> Option<Holders> {
        let tuples = if later {
            &self.relations.after
        } else {
            &self.relations.observed
        };
        let mut holders = Holders::new();
        // What there is by an old name is there already.
        let takes = |tuple: Tuple| {
            self.takes(of, tuple) || !later && self.new_name(tuple).is_some_and(|new| self.takes(of, new))
        };
        for tuple in tuples.iter().filter(|tuple| takes(**tuple)) {
            let groups = if later { &self.after } else { &self.before };
            let Some(principal) = self.plan.names.principal(tuple.principal()) else {
                continue;
            };
            for person in groups.behind(principal) {
                if self.is_too_much() {
                    return None;
                }
                if groups.names(of, person) && !self.excepted(guardrail, *tuple, person, groups) {
                    holders.entry(person.clone()).or_default().insert(tuple.account());
                }
            }
        }
        Some(holders)
    }

    fn limit(&self, guardrail: &Guardrail, limit: &Limit, found: &mut Found) {
        let kind = match (limit.max_people, limit.max_accounts) {
            (Some(_), _) => RuleKind::MaxPeople,
            (None, Some(_)) => RuleKind::MaxAccounts,
            (None, None) => return,
        };
        self.in_the_dark(guardrail, (kind, &limit.of, limit.on_unknown), found);
        let (Some(before), Some(after)) = (
            self.holders(guardrail, &limit.of, false),
            self.holders(guardrail, &limit.of, true),
        ) else {
            return;
        };
        let (was, will) = (before.len() as u64, after.len() as u64);
        if limit.max_people.is_some_and(|most| will > most && will > was) {
            let breach = self.is_refused(guardrail, RuleKind::MaxPeople);
            found.require(breach, "guardrail-limit", || {
                format!("\"{}\": {will} people", guardrail.label)
            });
        }
        let wider = |(person, accounts): (&UserName, &BTreeSet<u32>)| {
            let will = accounts.len();
            let was = before.get(person).map_or(0, BTreeSet::len);
            limit.max_accounts.is_some_and(|most| will as u64 > most) && will > was
        };
        if after.iter().any(wider) {
            let breach = self.is_refused(guardrail, RuleKind::MaxAccounts);
            found.require(breach, "guardrail-limit", || {
                format!("\"{}\": too many accounts", guardrail.label)
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::check as check_all;
    use super::*;
    use crate::plan::digest::digest;
    use crate::plan::planner::plan;
    use crate::plan::testing::{Stack, World, group, set};

    /// Two groups, one of which has the set in some accounts.
    fn stack(ops: &[&str], accounts: &[u32], rule: Rule) -> Stack {
        let guardrail = Guardrail {
            label: "g".into(),
            description: None,
            refuses: true,
            except: Vec::new(),
            rules: vec![rule],
            location: None,
        };
        ["ada", "bob", "cyd"]
            .into_iter()
            .fold(Stack::new(), |stack, name| stack.user(name, name))
            .accounts(&[1, 2])
            .set("admin", "admin")
            .group("ops", "Ops", ops)
            .group("out", "Out", &["bob"])
            .assign("a", &[group("Ops")], &["admin"], accounts)
            .with(|desired| desired.guardrails = vec![guardrail])
    }

    fn of(principals: Option<PrincipalKey>) -> Selector {
        Selector {
            principals: principals.map(|principal| [principal].into()),
            permission_sets: Some([set("admin")].into()),
            ..Selector::default()
        }
    }

    fn most(people: Option<u64>, accounts: Option<u64>) -> Rule {
        Rule::Limit(Limit {
            of: of(None),
            max_people: people,
            max_accounts: accounts,
            ..Limit::default()
        })
    }

    /// The invariants that a plan breaks once it was tampered with; it is sound before.
    fn broken(world: &World, stack: Stack, tamper: impl FnOnce(&mut Plan)) -> BTreeSet<&'static str> {
        let input = world.input(stack);
        let mut plan = plan(&input);
        assert_eq!(check_all(&plan, &input), []);
        tamper(&mut plan);
        plan.digest = digest(&plan);
        let found = check_all(&plan, &input);
        found.iter().map(|violation| violation.invariant).collect()
    }

    /// As if the evaluator had seen nothing.
    fn silence(plan: &mut Plan) {
        assert!(plan.is_refused());
        plan.guardrails.clear();
        plan.findings.retain(|finding| &*finding.code != "guardrail");
        assert!(!plan.is_refused());
    }

    #[test]
    fn what_is_denied_or_over_a_limit_must_be_refused() {
        let world = World::new();
        let denied = Rule::Deny(of(Some(group("Out"))).into());
        assert!(broken(&world, stack(&["bob"], &[1], denied.clone()), silence).contains("guardrail-deny"));
        let two = stack(&["ada", "cyd"], &[1], most(Some(1), None));
        assert!(broken(&world, two, silence).contains("guardrail-limit"));
        let wide = stack(&["ada"], &[1, 2], most(None, Some(1)));
        assert!(broken(&world, wide, silence).contains("guardrail-limit"));
        // Who joins a group that has it already.
        let world = World::new().apply(stack(&["ada"], &[1], denied.clone()));
        assert!(
            broken(&world, stack(&["ada", "bob"], &[1], denied.clone()), silence).contains("guardrail-deny")
        );
        // What is within the rules is left alone.
        assert!(broken(&world, stack(&["ada", "cyd"], &[1, 2], denied), |_| ()).is_empty());
    }

    #[test]
    fn a_guardrail_of_the_last_apply_is_asked_too() {
        let denied = Rule::Deny(of(Some(group("Out"))).into());
        let mut world = World::new();
        world.recorded.rules = Some(Box::new(crate::model::rules::Rules {
            guardrails: stack(&[], &[1], denied.clone()).desired().guardrails,
            ..Default::default()
        }));
        let sneaky = stack(&["bob"], &[1], denied).with(|desired| desired.guardrails.clear());
        assert!(broken(&world, sneaky, silence).contains("guardrail-deny"));
    }

    #[test]
    fn taking_away_is_not_refused_and_what_is_refused_is() {
        let before = stack(&["ada", "cyd", "bob"], &[1], most(Some(9), None));
        let world = World::new().apply(before);
        let fewer = stack(&["ada", "cyd"], &[1], most(Some(1), None));
        let refuse = |plan: &mut Plan| plan.guardrails[0].level = Verdict::Refused;
        let found = broken(&world, fewer, refuse);
        assert!(found.contains("guardrail-against-removal"), "{found:?}");
        assert!(found.contains("guardrail-not-refused"), "{found:?}");
    }
}
