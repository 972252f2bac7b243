//! Guardrails: what a stack says must not be, judged over people once groups are expanded.
//!
//! A guardrail that is broken already and gets no worse only warns: it must not stand in the way of mending anything.
//! What a plan would newly break refuses it, and a plan that only takes access away cannot break anything. `deny` holds
//! at every step on the way, since a person may pass through a group that still has what is about to be revoked;
//! `limit` is counted at the end.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::id::PrincipalKey;
use crate::model::access::{Names, Tuple};
use crate::model::guardrail::{Guardrail, Rule, Selector};

use super::Plan;
use super::finding::{Finding, Level, counted};
use super::input::PlanInput;
use super::people_effects::People;

/// At most so many breaches of one rule are spelled out; the count is exact.
const MOST_SUBJECTS: usize = 1000;

/// What the stack's guardrails say about a plan. Both relations are ascending, in the plan's ranks, and cover the whole
/// instance: a path that nobody declared counts as any other.
pub(super) fn guardrails(plan: &Plan, input: &PlanInput, before: &[Tuple], after: &[Tuple]) -> Vec<Finding> {
    let guardrails = &input.desired.guardrails;
    if guardrails.is_empty() {
        return Vec::new();
    }
    let court = Court {
        plan,
        input,
        people: People::new(plan, input),
        before,
        after,
    };
    let mut findings = Vec::new();
    for guardrail in guardrails {
        for rule in &guardrail.rules {
            let (judgement, remedy) = match rule {
                Rule::Deny(of) => (
                    court.deny(guardrail, of),
                    "take them out of what gives it, or add them to `except`",
                ),
                Rule::Limit { of, max_people } => (
                    court.limit(guardrail, of, *max_people),
                    "take somebody out first, or raise the limit",
                ),
                Rule::Require {
                    of,
                    expires_within,
                    reason,
                    groups_only,
                } => {
                    let wanted = Wanted {
                        expires_within: *expires_within,
                        reason: *reason,
                        groups_only: *groups_only,
                    };
                    (
                        court.require(guardrail, of, &wanted),
                        "give the assignment what is missing",
                    )
                }
            };
            findings.extend(judgement.findings(guardrail, remedy));
        }
    }
    findings
}

/// What one rule comes to.
#[derive(Debug, Default)]
struct Judgement {
    /// What the plan would newly break, as a sentence, with the cases.
    worse: Option<(String, BTreeSet<Arc<str>>)>,
    /// What is broken already.
    broken: Option<String>,
}

impl Judgement {
    fn findings(self, guardrail: &Guardrail, remedy: &str) -> Vec<Finding> {
        let found = |level, code, message: String| Finding {
            location: guardrail.location.clone(),
            ..Finding::new(level, code, message)
        };
        let label = &guardrail.label;
        let level = if guardrail.refuses {
            Level::Refusal
        } else {
            Level::Warning
        };
        let worse = self.worse.map(|(what, subjects)| Finding {
            subjects,
            remedy: Some(remedy.into()),
            ..found(level, "guardrail", format!("guardrail \"{label}\": {what}"))
        });
        let broken = self.broken.map(|what| {
            found(
                Level::Warning,
                "guardrail-broken",
                format!("guardrail \"{label}\" is broken already: {what}"),
            )
        });
        worse.into_iter().chain(broken).collect()
    }
}

/// What a `require` asks of a grant.
struct Wanted {
    expires_within: Option<u64>,
    reason: bool,
    groups_only: bool,
}

/// Which grants a selector means, by rank; `None` means all.
struct Selected {
    accounts: Option<Vec<bool>>,
    permission_sets: Option<Vec<bool>>,
}

impl Selected {
    fn new(of: &Selector, names: &Names) -> Self {
        Selected {
            accounts: of.accounts.as_ref().map(|wanted| {
                let all = names.accounts.iter();
                all.map(|key| wanted.contains(key)).collect()
            }),
            permission_sets: of.permission_sets.as_ref().map(|wanted| {
                let all = names.permission_sets.iter();
                all.map(|name| wanted.contains(name)).collect()
            }),
        }
    }

    fn takes(&self, tuple: Tuple) -> bool {
        let has = |flags: &Option<Vec<bool>>, rank: u32| {
            let flag = |flags: &Vec<bool>| flags.get(rank as usize) == Some(&true);
            flags.as_ref().is_none_or(flag)
        };
        has(&self.permission_sets, tuple.permission_set()) && has(&self.accounts, tuple.account())
    }
}

/// People, and the principals they were named by.
#[derive(Default)]
struct Crowd {
    principals: FxHashSet<u32>,
    before: FxHashSet<u32>,
    after: FxHashSet<u32>,
}

/// Someone whom a rule is about, behind one principal.
#[derive(Clone, Copy)]
struct Suspect {
    /// A person, or the principal itself, which is told apart by [`PRINCIPAL`].
    who: u32,
    before: bool,
    after: bool,
}

/// Set in a [`Suspect::who`] that is the rank of a principal: a grant to a denied group breaks the rule also while
/// nobody is in it.
const PRINCIPAL: u32 = 1 << 31;

/// Somebody has a set in an account.
type Fact = (u32, u32, u32);

struct Court<'a> {
    plan: &'a Plan,
    input: &'a PlanInput,
    people: People<'a>,
    before: &'a [Tuple],
    after: &'a [Tuple],
}

impl<'a> Court<'a> {
    fn deny(&self, guardrail: &'a Guardrail, of: &'a Selector) -> Judgement {
        let selected = Selected::new(of, &self.plan.names);
        let wanted = of.principals.as_ref().map(|keys| self.crowd(keys));
        let except = self.crowd(&guardrail.except);
        let mut suspects: FxHashMap<u32, Vec<Suspect>> = FxHashMap::default();
        let mut had: FxHashSet<Fact> = FxHashSet::default();
        let mut end: FxHashSet<Fact> = FxHashSet::default();
        // On the way, any grant there is may meet anybody who is in its group at any time.
        let mut may: BTreeMap<Fact, u32> = BTreeMap::new();
        for (tuple, was, will) in merged(self.before, self.after) {
            if !selected.takes(tuple) {
                continue;
            }
            let principal = tuple.principal();
            let behind = suspects
                .entry(principal)
                .or_insert_with(|| self.suspects(principal, wanted.as_ref(), &except));
            for suspect in behind {
                let fact = (suspect.who, tuple.permission_set(), tuple.account());
                if was && suspect.before {
                    had.insert(fact);
                }
                if will && suspect.after {
                    end.insert(fact);
                }
                may.entry(fact).or_insert(principal);
            }
        }
        may.retain(|fact, _| !had.contains(fact));
        let worse = (!may.is_empty()).then(|| {
            let people: BTreeSet<u32> = may.keys().map(|fact| fact.0).collect();
            let subjects = may.iter().take(MOST_SUBJECTS);
            let subjects = subjects.filter_map(|(fact, via)| self.told(*fact, *via, end.contains(fact)));
            let what = format!("{} would have what it denies", who(&people));
            (what, subjects.collect())
        });
        let broken = (!had.is_empty()).then(|| {
            let people: BTreeSet<u32> = had.iter().map(|fact| fact.0).collect();
            format!("{} have what it denies", who(&people))
        });
        Judgement { worse, broken }
    }

    fn limit(&self, guardrail: &'a Guardrail, of: &'a Selector, most: u64) -> Judgement {
        let selected = Selected::new(of, &self.plan.names);
        let wanted = of.principals.as_ref().map(|keys| self.crowd(keys));
        let except = self.crowd(&guardrail.except);
        let (mut before, mut after) = (BTreeSet::new(), BTreeSet::new());
        let mut unreadable: BTreeSet<u32> = BTreeSet::new();
        let mut suspects: FxHashMap<u32, Vec<Suspect>> = FxHashMap::default();
        for (tuple, was, will) in merged(self.before, self.after) {
            if !selected.takes(tuple) {
                continue;
            }
            let principal = tuple.principal();
            if !was && will && self.people.is_unreadable(principal) && !except.principals.contains(&principal)
            {
                unreadable.insert(principal);
            }
            let behind = suspects
                .entry(principal)
                .or_insert_with(|| self.suspects(principal, wanted.as_ref(), &except));
            for suspect in behind.iter().filter(|suspect| suspect.who & PRINCIPAL == 0) {
                if was && suspect.before {
                    before.insert(suspect.who);
                }
                if will && suspect.after {
                    after.insert(suspect.who);
                }
            }
        }
        let (was, will) = (before.len() as u64, after.len() as u64);
        if !unreadable.is_empty() {
            let names = unreadable
                .iter()
                .filter_map(|rank| self.plan.names.principal(*rank));
            let subjects = names.map(|key| Arc::from(key.to_string())).collect();
            let what = "it cannot be counted, because members of groups that newly get access cannot be read";
            return Judgement {
                worse: Some((what.to_owned(), subjects)),
                broken: None,
            };
        }
        let count = |count: u64| {
            counted(usize::try_from(count).unwrap_or(usize::MAX), "person").replace("persons", "people")
        };
        if will > most && will > was {
            let new = after.difference(&before).take(MOST_SUBJECTS);
            let subjects = new.filter_map(|person| self.name(*person)).collect();
            let what = format!("{} would have such access, and the limit is {most}", count(will));
            return Judgement {
                worse: Some((what, subjects)),
                broken: None,
            };
        }
        Judgement {
            worse: None,
            broken: (will > most)
                .then(|| format!("{} have such access, and the limit is {most}", count(will))),
        }
    }

    /// Judged over what is declared: what others granted has no block that could give a reason.
    fn require(&self, guardrail: &Guardrail, of: &Selector, wanted: &Wanted) -> Judgement {
        let access = &self.input.desired.snapshot.access;
        let selected = Selected::new(of, &access.names);
        let (mut new, mut old) = (0_usize, 0_usize);
        let mut subjects = BTreeSet::new();
        for (tuple, note) in access.tuples.iter().copied().zip(&access.note_of) {
            let note = access.notes.get(*note as usize);
            let (Some((account, set, principal)), Some(note)) = (access.names.resolve(tuple), note) else {
                continue;
            };
            let concerns = of.principals.as_ref().is_none_or(|keys| keys.contains(principal));
            if !selected.takes(tuple) || !concerns || guardrail.except.contains(principal) {
                continue;
            }
            let blocks = note
                .declared_by
                .iter()
                .filter_map(|block| access.declarations.get(*block as usize));
            let blocks: Vec<_> = blocks.collect();
            let mut missing = Vec::new();
            if wanted.groups_only && !matches!(principal, PrincipalKey::Group(_)) {
                missing.push("it is not granted to a group");
            }
            if wanted.reason && !blocks.iter().any(|block| block.reason.is_some()) {
                missing.push("no block gives a `reason`");
            }
            if let Some(seconds) = wanted.expires_within {
                let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
                let last = self.input.now.as_second().saturating_add(seconds);
                // The grant lives as long as the longest of its blocks.
                let in_time = |block: &&crate::model::access::Declaration| {
                    block.expires.is_some_and(|time| time.as_second() <= last)
                };
                if !blocks.iter().all(in_time) {
                    missing.push("it does not expire in time");
                }
            }
            if missing.is_empty() {
                continue;
            }
            if !self.is_new(account, set, principal) {
                old += 1;
                continue;
            }
            new += 1;
            if subjects.len() < MOST_SUBJECTS {
                let account = self.input.observed.snapshot.account_name(account);
                let why = missing.join(", and ");
                subjects.insert(Arc::from(format!("{principal} → {set} in {account}: {why}")));
            }
        }
        Judgement {
            worse: (new > 0).then(|| {
                (
                    format!("{} would be made without what it requires", counted(new, "grant")),
                    subjects,
                )
            }),
            broken: (old > 0)
                .then(|| format!("{} there do not have what it requires", counted(old, "grant"))),
        }
    }

    /// Whether the plan makes this grant.
    fn is_new(
        &self,
        account: &crate::id::AccountKey,
        set: &crate::id::PermissionSetName,
        principal: &PrincipalKey,
    ) -> bool {
        let names = &self.plan.names;
        let ranks = (
            names.account_rank(account),
            names.permission_set_rank(set),
            names.principal_rank(principal),
        );
        let (Some(account), Some(set), Some(principal)) = ranks else {
            return false;
        };
        let tuple = Tuple::new(account, set, principal);
        self.plan
            .grants
            .binary_search_by_key(&tuple, |step| step.tuple)
            .is_ok()
    }

    /// The people behind some principals.
    fn crowd(&self, keys: &'a BTreeSet<PrincipalKey>) -> Crowd {
        let mut crowd = Crowd::default();
        for key in keys {
            if let Some(rank) = self.plan.names.principal_rank(key) {
                crowd.principals.insert(rank);
                if let Some(members) = self.people.members(rank) {
                    crowd.before.extend(&members.before);
                    crowd.after.extend(&members.after);
                }
                continue;
            }
            // A principal without any grant has no rank; its people may have access by other paths.
            if let Some(members) = self.people.behind(key) {
                crowd.before.extend(&members.before);
                crowd.after.extend(&members.after);
            }
        }
        crowd
    }

    /// Whom a rule is about behind one principal: everyone, or those of `wanted`; never those of `except`.
    fn suspects(&self, principal: u32, wanted: Option<&Crowd>, except: &Crowd) -> Vec<Suspect> {
        if except.principals.contains(&principal) {
            return Vec::new();
        }
        let mut found: Vec<Suspect> = Vec::new();
        let named = wanted.is_some_and(|wanted| wanted.principals.contains(&principal));
        if named || (wanted.is_none() && self.people.is_unreadable(principal)) {
            found.push(Suspect {
                who: principal | PRINCIPAL,
                before: true,
                after: true,
            });
        }
        let Some(members) = self.people.members(principal) else {
            return found;
        };
        let all: BTreeSet<u32> = members.before.iter().chain(&members.after).copied().collect();
        for who in all {
            let in_crowd = |before: bool| {
                wanted.is_none_or(|wanted| {
                    if before {
                        wanted.before.contains(&who)
                    } else {
                        wanted.after.contains(&who)
                    }
                })
            };
            let excepted = except.before.contains(&who) || except.after.contains(&who);
            if excepted || !(in_crowd(true) || in_crowd(false)) {
                continue;
            }
            found.push(Suspect {
                who,
                before: members.before.binary_search(&who).is_ok() && in_crowd(true),
                after: members.after.binary_search(&who).is_ok() && in_crowd(false),
            });
        }
        found
    }

    /// `Ada Lovelace would have Administrator in prod, by Developers`.
    fn told(&self, fact: Fact, via: u32, at_the_end: bool) -> Option<Arc<str>> {
        let names = &self.plan.names;
        let who = match fact.0 & PRINCIPAL {
            0 => self.name(fact.0)?,
            _ => Arc::from(names.principal(fact.0 ^ PRINCIPAL)?.to_string()),
        };
        let set = names.permission_set(fact.1)?;
        let account = self.input.observed.snapshot.account_name(names.account(fact.2)?);
        let by = names.principal(via).filter(|_| fact.0 & PRINCIPAL == 0);
        let by = by.map(|by| format!(", by {by}")).unwrap_or_default();
        let when = if at_the_end { "" } else { ", on the way" };
        Some(format!("{who} would have {set} in {account}{by}{when}").into())
    }

    fn name(&self, person: u32) -> Option<Arc<str>> {
        self.people
            .names
            .get(person as usize)
            .map(|name| Arc::from(name.to_string()))
    }
}

/// How many of whom: people, and principals that are denied as such.
fn who(them: &BTreeSet<u32>) -> String {
    let principals = them.iter().filter(|who| **who & PRINCIPAL != 0).count();
    let people = them.len() - principals;
    let people_text = match people {
        1 => "1 person".to_owned(),
        people => format!("{people} people"),
    };
    match (people, principals) {
        (_, 0) => people_text,
        (0, principals) => counted(principals, "principal"),
        (_, principals) => format!("{people_text} and {}", counted(principals, "principal")),
    }
}

/// Both relations in one ascending walk: each tuple with whether it is in the first and in the second.
fn merged<'a>(before: &'a [Tuple], after: &'a [Tuple]) -> impl Iterator<Item = (Tuple, bool, bool)> + 'a {
    let (mut left, mut right) = (
        before.iter().copied().peekable(),
        after.iter().copied().peekable(),
    );
    std::iter::from_fn(move || {
        let next = match (left.peek(), right.peek()) {
            (Some(one), Some(other)) => *one.min(other),
            (Some(one), None) => *one,
            (None, Some(other)) => *other,
            (None, None) => return None,
        };
        let was = left.next_if_eq(&next).is_some();
        let will = right.next_if_eq(&next).is_some();
        Some((next, was, will))
    })
}

#[cfg(test)]
mod tests {
    use crate::plan::testing::{Stack, World, account, group, set};

    use super::*;

    fn selector(principals: &[PrincipalKey], sets: &[&str], accounts: &[u32]) -> Selector {
        Selector {
            principals: (!principals.is_empty()).then(|| principals.iter().cloned().collect()),
            permission_sets: (!sets.is_empty()).then(|| sets.iter().map(|name| set(name)).collect()),
            accounts: (!accounts.is_empty()).then(|| accounts.iter().map(|n| account(*n)).collect()),
        }
    }

    fn guarded(stack: Stack, rule: Rule, except: &[PrincipalKey]) -> Stack {
        let guardrail = Guardrail {
            label: "a rule".into(),
            description: None,
            refuses: true,
            except: except.iter().cloned().collect(),
            rules: vec![rule],
            location: None,
        };
        stack.with(|desired| desired.guardrails = vec![guardrail])
    }

    /// Contractors are in a group of their own, and may be in others.
    fn stack(ops: &[&str], contractors: &[&str], accounts: &[u32]) -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("admin", "admin")
            .user("ada", "ada")
            .user("bob", "bob")
            .user("cyd", "cyd")
            .group("ops", "Ops", ops)
            .group("contractors", "Contractors", contractors)
            .assign("a", &[group("Ops")], &["admin"], accounts)
    }

    fn found(plan: &Plan) -> Vec<(&str, Level)> {
        let codes = plan
            .findings
            .iter()
            .filter(|finding| finding.code.starts_with("guardrail"));
        codes.map(|finding| (&*finding.code, finding.level)).collect()
    }

    fn no_contractors() -> Rule {
        Rule::Deny(selector(&[group("Contractors")], &["admin"], &[]))
    }

    #[test]
    fn what_is_denied_is_denied_by_whatever_path() {
        let world = World::new();
        let plan = world.plan(guarded(
            stack(&["ada", "bob"], &["bob"], &[1]),
            no_contractors(),
            &[],
        ));
        assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
        let finding = plan
            .findings
            .iter()
            .find(|finding| &*finding.code == "guardrail")
            .unwrap();
        let told: Vec<&str> = finding.subjects.iter().map(|subject| &**subject).collect();
        assert_eq!(told.len(), 1, "bob, and not ada: {told:?}");
        assert!(told[0].starts_with("bob would have admin in"), "{told:?}");
        let fine = world.plan(guarded(stack(&["ada"], &["bob"], &[1]), no_contractors(), &[]));
        assert!(found(&fine).is_empty());
        let user = PrincipalKey::User(crate::plan::testing::user_name("bob"));
        let excepted = world.plan(guarded(
            stack(&["ada", "bob"], &["bob"], &[1]),
            no_contractors(),
            &[user],
        ));
        assert!(found(&excepted).is_empty());
    }

    #[test]
    fn a_grant_to_a_denied_group_is_denied_also_while_it_is_empty() {
        let direct = stack(&[], &[], &[1]).assign("b", &[group("Contractors")], &["admin"], &[2]);
        let plan = World::new().plan(guarded(direct, no_contractors(), &[]));
        assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
    }

    #[test]
    fn what_is_broken_already_and_gets_no_worse_only_warns() {
        let world = World::new().apply(stack(&["ada", "bob"], &["bob"], &[1]));
        let same = world.plan(guarded(
            stack(&["ada", "bob"], &["bob"], &[1]),
            no_contractors(),
            &[],
        ));
        assert_eq!(found(&same), [("guardrail-broken", Level::Warning)]);
        let less = world.plan(guarded(stack(&["ada"], &["bob"], &[1]), no_contractors(), &[]));
        assert_eq!(found(&less), [("guardrail-broken", Level::Warning)]);
        let more = world.plan(guarded(
            stack(&["ada", "bob"], &["bob"], &[1, 2]),
            no_contractors(),
            &[],
        ));
        assert!(found(&more).contains(&("guardrail", Level::Refusal)));
    }

    #[test]
    fn a_limit_counts_people_at_the_end() {
        let most = |max_people| Rule::Limit {
            of: selector(&[], &["admin"], &[]),
            max_people,
        };
        let world = World::new().apply(stack(&["ada"], &[], &[1]));
        let two = || stack(&["ada", "bob"], &[], &[1]);
        assert!(found(&world.plan(guarded(two(), most(2), &[]))).is_empty());
        assert_eq!(
            found(&world.plan(guarded(two(), most(1), &[]))),
            [("guardrail", Level::Refusal)]
        );
        // One goes, another comes: there are no more of them than before.
        let other = stack(&["bob"], &[], &[1]);
        assert!(found(&world.plan(guarded(other, most(1), &[]))).is_empty());
        let none = stack(&["ada"], &[], &[1]);
        assert_eq!(
            found(&world.plan(guarded(none, most(0), &[]))),
            [("guardrail-broken", Level::Warning)]
        );
    }

    #[test]
    fn a_limit_that_cannot_be_counted_is_not_kept() {
        let rule = Rule::Limit {
            of: selector(&[], &["admin"], &[]),
            max_people: 9,
        };
        let mut world = World::new().apply(stack(&["ada"], &["bob"], &[1]));
        for group in world.observed.snapshot.groups.values_mut() {
            group.value.members = None;
        }
        let before = world.plan(guarded(stack(&["ada"], &["bob"], &[1]), rule.clone(), &[]));
        assert!(found(&before).is_empty(), "nothing new");
        let more = stack(&["ada"], &["bob"], &[1]).assign("b", &[group("Contractors")], &["admin"], &[1]);
        assert_eq!(
            found(&world.plan(guarded(more, rule, &[]))),
            [("guardrail", Level::Refusal)]
        );
    }

    #[test]
    fn what_is_required_is_asked_of_new_grants() {
        let rule = |expires_within, reason| Rule::Require {
            of: selector(&[], &["admin"], &[2]),
            expires_within,
            reason,
            groups_only: false,
        };
        let world = World::new().apply(stack(&["ada"], &[], &[1]));
        let plan = world.plan(guarded(stack(&["ada"], &[], &[1, 2]), rule(None, true), &[]));
        assert_eq!(found(&plan), [("guardrail", Level::Refusal)]);
        let elsewhere = world.plan(guarded(stack(&["ada"], &[], &[1]), rule(None, true), &[]));
        assert!(found(&elsewhere).is_empty());
        let late = world.plan(guarded(
            stack(&["ada"], &[], &[1, 2]),
            rule(Some(86_400), false),
            &[],
        ));
        assert_eq!(found(&late), [("guardrail", Level::Refusal)]);
    }
}
