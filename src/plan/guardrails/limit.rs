//! `limit`: how much of some access there may be, counted once the plan is carried out.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::access::Tuple;
use crate::model::action::Effect;
use crate::model::guardrail::{Limit, Rule, Selector};
use crate::model::permission_set::PermissionSet;
use crate::plan::finding::{counted, people};

use super::breach::{Breach, RuleKind, Since, Subject};
use super::dark::{Anybody, Steps, Unjudged};
use super::selection::{Crowd, PRINCIPAL, Selected, Suspect, merged};
use super::{Case, Court, MOST_SUBJECTS, When};

/// What there is of the access that a limit is about.
#[derive(Default)]
struct Count {
    /// People before.
    before: BTreeSet<u32>,
    /// People after, each with a grant that gives it, a new one where there is one.
    after: BTreeMap<u32, (Tuple, bool)>,
    /// Accounts before and after, by person, or by principal where the people cannot be read.
    accounts: FxHashMap<u32, (FxHashSet<u32>, FxHashSet<u32>)>,
    /// Permission sets by which somebody has it after, with a grant of each, a new one where there is one.
    sets: BTreeMap<u32, (Tuple, bool)>,
    /// Permission sets by which somebody had it before.
    sets_before: BTreeSet<u32>,
    /// Principals whose members cannot be read, with new grants and with old ones.
    unread: BTreeSet<u32>,
    unread_before: BTreeSet<u32>,
    anybody: Anybody,
}

impl<'a> Court<'a> {
    pub(super) fn limit(&self, case: &Case<'a>, limit: &'a Limit) -> Vec<Breach> {
        let wanted = limit.of.principals.as_ref().map(|keys| self.crowd(keys));
        let count = self.count(case, limit, wanted.as_ref());
        let mut breaches = Vec::new();
        if let Some(most) = limit.max_people {
            breaches.extend(self.people_over(case, &count, most));
        }
        if let Some(most) = limit.max_accounts {
            breaches.extend(self.accounts_over(case, &count, most));
        }
        if let Some(most) = limit.max_session {
            breaches.extend(self.sessions_over(case, &count, most));
        }
        // How long sessions last does not depend on who is in a group.
        let rule = match (limit.max_people, limit.max_accounts) {
            (Some(_), _) => RuleKind::MaxPeople,
            (None, Some(_)) => RuleKind::MaxAccounts,
            (None, None) => return breaches,
        };
        let newly = !count.unread.is_empty()
            || !count.unread_before.is_empty() && count.grows(rule)
            || count.anybody.newly().next().is_some();
        let dark = Unjudged {
            newly,
            principals: if count.unread.is_empty() {
                count.unread_before
            } else {
                count.unread
            },
            named: wanted.map(|wanted| wanted.unknown).unwrap_or_default(),
        };
        breaches.extend(self.unjudged(case, rule, dark, limit.on_unknown));
        breaches
    }

    fn count(&self, case: &Case<'a>, limit: &Limit, wanted: Option<&Crowd>) -> Count {
        let selected = Selected::new(&limit.of, &self.plan.names);
        let hidden = wanted.is_some_and(Crowd::is_open);
        let except = self.exceptions(case.guardrail);
        let mut suspects: FxHashMap<u32, Vec<Suspect>> = FxHashMap::default();
        let mut everyone: FxHashMap<u32, Vec<Suspect>> = FxHashMap::default();
        let mut count = Count::default();
        let before = self.before_by_new_names(case, &limit.of);
        let joining = self.ranks(&self.joining(case, &limit.of));
        for (tuple, was, will) in merged(&before, self.after) {
            if !selected.takes(tuple) {
                continue;
            }
            // The rule was not about it, so nothing of it counted.
            let was = was && !joining.contains(&tuple.account());
            let principal = tuple.principal();
            let excused = except.of(tuple, principal | PRINCIPAL);
            if self.people.is_unreadable(principal) && will && !excused.after {
                let unread = if was {
                    &mut count.unread_before
                } else {
                    &mut count.unread
                };
                unread.insert(principal);
            }
            if hidden {
                let all = everyone.entry(principal);
                let all = all.or_insert_with(|| self.suspects(principal, None));
                count.anybody.note((tuple, was, will), all, &except, Steps::Last);
            }
            let behind = suspects
                .entry(principal)
                .or_insert_with(|| self.suspects(principal, wanted));
            for suspect in behind {
                let excused = except.of(tuple, suspect.who);
                let had = was && suspect.before && !excused.before;
                let has = will && suspect.after && !excused.after;
                count.take(tuple, suspect.who, had, has, limit.max_accounts.is_some());
            }
        }
        count
    }

    /// What there is now, where a permission set that only gets another name counts as having that already, as far as
    /// it was limited: who keeps it is not one more.
    fn before_by_new_names(&self, case: &Case<'a>, of: &Selector) -> Cow<'a, [Tuple]> {
        let limits = |rule: &'a Rule| match rule {
            Rule::Limit(limit) => Some(&limit.of),
            Rule::Deny(_) | Rule::Require(_) => None,
        };
        let old = self.old_names(case, of, limits).into_iter();
        let new: FxHashMap<u32, u32> = old.map(|(from, to, _)| (from, to)).collect();
        if new.is_empty() {
            return Cow::Borrowed(self.before);
        }
        let renamed = self.before.iter().filter_map(|tuple| {
            let set = new.get(&tuple.permission_set())?;
            Some(Tuple::new(tuple.account(), *set, tuple.principal()))
        });
        let mut before: Vec<Tuple> = self.before.iter().copied().chain(renamed).collect();
        before.sort_unstable();
        before.dedup();
        Cow::Owned(before)
    }

    fn people_over(&self, case: &Case<'a>, count: &Count, most: u64) -> Option<Breach> {
        let (was, will) = (count.before.len() as u64, count.after.len() as u64);
        if will <= most {
            return None;
        }
        let worse = will > was;
        let (since, verb) = if worse {
            (Since::Plan, "would have")
        } else {
            (Since::Before, super::have(count.after.len()))
        };
        // Who is new, where somebody is; else everyone, as somebody of them has to go.
        let listed = count.after.iter();
        let listed = listed.filter(|(person, _)| !worse || !count.before.contains(person));
        let when = if worse { When::AtTheEnd } else { When::Already };
        let subjects = listed
            .take(MOST_SUBJECTS)
            .filter_map(|(person, (tuple, _))| self.told(*person, *tuple, when));
        Some(Breach {
            count: will,
            subjects: subjects.collect(),
            ..self.breach(
                case,
                (RuleKind::MaxPeople, since),
                &format!("{} {verb} such access, and the limit is {most}", people(will)),
                "take somebody out first, or raise the limit",
            )
        })
    }

    fn accounts_over(&self, case: &Case<'a>, count: &Count, most: u64) -> Vec<Breach> {
        let over: BTreeMap<u32, (u64, u64)> = count
            .accounts
            .iter()
            .map(|(who, (before, after))| (*who, (before.len() as u64, after.len() as u64)))
            .filter(|(_, (_, after))| *after > most)
            .collect();
        let (worse, same): (BTreeMap<_, _>, BTreeMap<_, _>) =
            over.into_iter().partition(|(_, (before, after))| after > before);
        let told = |since: Since, over: &BTreeMap<u32, (u64, u64)>| {
            let subjects = over.iter().take(MOST_SUBJECTS).filter_map(|(who, (_, after))| {
                let would = if since == Since::Plan { "would have" } else { "has" };
                let name = self.name_of(*who)?;
                let accounts = counted(usize::try_from(*after).unwrap_or(usize::MAX), "account");
                let mut subject = Subject::new(format!("{name} {would} it in {accounts}"));
                self.name_subject(&mut subject, *who);
                Some(subject)
            });
            let who: BTreeSet<u32> = over.keys().copied().collect();
            let would = if since == Since::Plan {
                "would have"
            } else {
                "have"
            };
            (!over.is_empty()).then(|| Breach {
                count: over.len() as u64,
                subjects: subjects.collect(),
                ..self.breach(
                    case,
                    (RuleKind::MaxAccounts, since),
                    &format!(
                        "{} {would} such access in more than {}, the limit for one person",
                        super::who(&who),
                        counted(usize::try_from(most).unwrap_or(usize::MAX), "account")
                    ),
                    "give it in fewer accounts, or raise the limit",
                )
            })
        };
        let breaches = [told(Since::Plan, &worse), told(Since::Before, &same)];
        breaches.into_iter().flatten().collect()
    }

    fn sessions_over(&self, case: &Case<'a>, count: &Count, most: u32) -> Vec<Breach> {
        let (mut worse, mut same) = (Vec::new(), Vec::new());
        for (set, (tuple, new)) in &count.sets {
            let (before, after) = self.sessions(*set);
            let Some(after) = after.filter(|after| *after > most) else {
                continue;
            };
            let was_over = count.sets_before.contains(set) && before.is_some_and(|before| before > most);
            let longer = before.is_none_or(|before| after > before);
            let name = self.plan.names.permission_set(*set);
            let Some(name) = name else { continue };
            let mut subject = Subject::new(format!("{name} has sessions of {}", length(after)));
            subject.permission_set = Some(name.clone());
            if !was_over || longer || *new {
                // Whose new grant it is, where a new grant is what makes it worse.
                subject.principal = new
                    .then(|| self.plan.names.principal(tuple.principal()).cloned())
                    .flatten();
                worse.push(subject);
            } else {
                same.push(subject);
            }
        }
        let told = |since: Since, subjects: Vec<Subject>| {
            (!subjects.is_empty()).then(|| Breach {
                count: subjects.len() as u64,
                ..Breach {
                    subjects,
                    ..self.breach(
                        case,
                        (RuleKind::MaxSession, since),
                        &format!("sessions that give such access may last {}", length(most)),
                        "shorten `session_duration`",
                    )
                }
            })
        };
        let breaches = [told(Since::Plan, worse), told(Since::Before, same)];
        breaches.into_iter().flatten().collect()
    }

    /// How long sessions of a set last, before and after.
    fn sessions(&self, set: u32) -> (Option<u32>, Option<u32>) {
        let Some(name) = self.plan.names.permission_set(set) else {
            return (None, None);
        };
        let seconds = |set: &PermissionSet| set.session_duration.seconds();
        let observed = &self.input.observed.snapshot.permission_sets;
        let mut renamed = self.names.renamed_sets();
        let old = renamed.find_map(|(from, to)| (to == name).then_some(from));
        let there = observed.get(name).or_else(|| observed.get(old?));
        let before = there.map(|set| seconds(&set.value));
        let changed = self.plan.actions.iter().find_map(|action| match &action.effect {
            Some(
                Effect::CreatePermissionSet { permission_set: to } | Effect::UpdatePermissionSet { to, .. },
            ) if to.name == *name => Some(seconds(to)),
            _ => None,
        });
        (before, changed.or(before))
    }
}

impl Count {
    /// Whether somebody known newly has it, or has it in another account.
    fn grows(&self, rule: RuleKind) -> bool {
        match rule {
            RuleKind::MaxAccounts => {
                let mut accounts = self.accounts.values();
                accounts.any(|(before, after)| !after.is_subset(before))
            }
            _ => self.after.keys().any(|person| !self.before.contains(person)),
        }
    }

    fn take(&mut self, tuple: Tuple, who: u32, had: bool, has: bool, by_account: bool) {
        let is_person = who & PRINCIPAL == 0;
        let keep = |slot: &mut (Tuple, bool)| {
            if !had && !slot.1 {
                *slot = (tuple, true);
            }
        };
        if has && is_person {
            self.after.entry(who).and_modify(keep).or_insert((tuple, !had));
        }
        if had && is_person {
            self.before.insert(who);
        }
        let set = tuple.permission_set();
        if has {
            self.sets.entry(set).and_modify(keep).or_insert((tuple, !had));
        }
        if had {
            self.sets_before.insert(set);
        }
        if by_account && (had || has) {
            let (before, after) = self.accounts.entry(who).or_default();
            before.extend(had.then(|| tuple.account()));
            after.extend(has.then(|| tuple.account()));
        }
    }
}

/// `2 hours`, `90 minutes`.
fn length(seconds: u32) -> String {
    let (count, unit) = if seconds.is_multiple_of(3600) {
        (seconds / 3600, "hour")
    } else {
        (seconds / 60, "minute")
    };
    counted(count as usize, unit)
}
