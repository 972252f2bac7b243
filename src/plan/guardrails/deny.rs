//! `deny`: access that nobody may have, at any step on the way.
//!
//! While a plan runs, a person may pass through a group that still has what is about to be revoked; so any grant there
//! is before or after may meet anybody who is in its group before or after.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::{FxHashMap, FxHashSet};

use crate::model::access::{Pair, Tuple};
use crate::model::guardrail::{Deny, Rule, Selector};
use crate::plan::provisioning::of_pair;

use super::breach::{Breach, RuleKind, Since};
use super::dark::{Anybody, Fact, Steps, Unjudged};
use super::selection::{Crowd, Exceptions, PRINCIPAL, Selected, Suspect, merged};
use super::{Case, Court, MOST_SUBJECTS, When, have, who};

const REMEDY: &str = "take them out of what gives it, or add an `except` block that says why";

/// How somebody comes to have it: by which grant, and whether that path is a new one.
#[derive(Clone, Copy)]
struct Path {
    tuple: Tuple,
    new: bool,
}

/// The name that a permission set had, with who was excepted by it.
struct OldName {
    permission_set: u32,
    except: Exceptions,
}

/// What a relation holds of what is denied.
#[derive(Default)]
struct Found {
    /// What somebody has now, each with a grant that gives it.
    had: BTreeMap<Fact, Tuple>,
    end: FxHashSet<Fact>,
    may: BTreeMap<Fact, Path>,
    /// Principals with new grants whose members cannot be read, with those.
    unread: BTreeMap<u32, Vec<Tuple>>,
    anybody: Anybody,
    /// Ranks of the accounts that the rule was not about so far.
    joining: BTreeSet<u32>,
}

impl<'a> Court<'a> {
    pub(super) fn deny(&self, case: &Case<'a>, deny: &'a Deny) -> Vec<Breach> {
        let of = &deny.of;
        let wanted = of.principals.as_ref().map(|keys| self.crowd(keys));
        let found = self.denied(case, of, wanted.as_ref());
        let mut breaches = Vec::new();
        let renamed = self.denied_by_old_names(case, of);
        let is_kept = |fact: &Fact| {
            let old = renamed.get(&fact.1).filter(|_| !found.joining.contains(&fact.2));
            old.is_some_and(|old| self.had_by(old, *fact))
        };
        let (kept, new): (BTreeMap<&Fact, &Path>, BTreeMap<&Fact, &Path>) = found
            .may
            .iter()
            .filter(|(fact, _)| !found.had.contains_key(*fact))
            .partition(|(fact, _)| is_kept(fact));
        if !new.is_empty() {
            let people: BTreeSet<u32> = new.keys().map(|fact| fact.0).collect();
            let subjects = new.iter().take(MOST_SUBJECTS).filter_map(|(fact, path)| {
                let joins = !path.new && found.joining.contains(&fact.2);
                let when = match found.end.contains(*fact) {
                    true if joins => When::Joining,
                    true => When::AtTheEnd,
                    false => When::OnTheWay,
                };
                self.told(fact.0, path.tuple, when)
            });
            breaches.push(Breach {
                count: new.len() as u64,
                subjects: subjects.collect(),
                ..self.breach(
                    case,
                    (RuleKind::Deny, Since::Plan),
                    &format!("{} would have what it denies", who(&people)),
                    REMEDY,
                )
            });
        }
        let mut had = found.had;
        had.extend(kept.into_iter().map(|(fact, path)| (*fact, path.tuple)));
        if !had.is_empty() {
            let people: BTreeSet<u32> = had.keys().map(|fact| fact.0).collect();
            let subjects = had.iter().take(MOST_SUBJECTS);
            let subjects = subjects.filter_map(|(fact, tuple)| self.told(fact.0, *tuple, When::Already));
            breaches.push(Breach {
                count: had.len() as u64,
                subjects: subjects.collect(),
                ..self.breach(
                    case,
                    (RuleKind::Deny, Since::Before),
                    &format!("{} {} what it denies", who(&people), have(people.len())),
                    REMEDY,
                )
            });
        }
        let unread = found.unread.into_iter().filter(|(principal, tuples)| {
            let fact = |tuple: &Tuple| (principal | PRINCIPAL, tuple.permission_set(), tuple.account());
            !tuples.iter().map(fact).all(|fact| is_kept(&fact))
        });
        let unread: BTreeSet<u32> = unread.map(|(principal, _)| principal).collect();
        let mut newly = found.anybody.newly().filter(|fact| !is_kept(fact));
        let dark = Unjudged {
            newly: !unread.is_empty() || newly.next().is_some(),
            principals: unread,
            named: wanted.map(|wanted| wanted.unknown).unwrap_or_default(),
        };
        breaches.extend(self.unjudged(case, RuleKind::Deny, dark, deny.on_unknown));
        breaches
    }

    /// Permission sets that only get another name, and whose old one was denied as well, by this guardrail or by its
    /// form of the last apply: who had it by the old name does not newly have it.
    fn denied_by_old_names(&self, case: &Case<'a>, of: &Selector) -> BTreeMap<u32, OldName> {
        let denies = |rule: &'a Rule| match rule {
            Rule::Deny(deny) => Some(&deny.of),
            Rule::Limit(_) | Rule::Require(_) => None,
        };
        let old = self.old_names(case, of, denies).into_iter();
        let old = old.map(|(from, to, form)| {
            let old = OldName {
                permission_set: from,
                except: self.exceptions(form),
            };
            (to, old)
        });
        old.collect()
    }

    /// Whether somebody has now, by the old name of a permission set, what nobody excepted.
    fn had_by(&self, old: &OldName, (who, _, account): Fact) -> bool {
        let pair = Pair::new(account, old.permission_set);
        of_pair(self.before, pair).iter().any(|tuple| {
            let principal = tuple.principal();
            let members = self.people.members(principal);
            let is_behind = who == principal | PRINCIPAL
                || members.is_some_and(|members| members.before.binary_search(&who).is_ok());
            is_behind && !old.except.of(*tuple, who).before
        })
    }

    fn denied(&self, case: &Case<'a>, of: &Selector, wanted: Option<&Crowd>) -> Found {
        let selected = Selected::new(of, &self.plan.names);
        let except = self.exceptions(case.guardrail);
        let mut suspects: FxHashMap<u32, Vec<Suspect>> = FxHashMap::default();
        let mut everyone: FxHashMap<u32, Vec<Suspect>> = FxHashMap::default();
        let mut found = Found {
            joining: self.ranks(&self.joining(case, of)),
            ..Found::default()
        };
        for (tuple, was, will) in merged(self.before, self.after) {
            if !selected.takes(tuple) {
                continue;
            }
            let joins = found.joining.contains(&tuple.account());
            let principal = tuple.principal();
            let behind = suspects
                .entry(principal)
                .or_insert_with(|| self.suspects(principal, wanted));
            for suspect in behind.iter() {
                let fact = (suspect.who, tuple.permission_set(), tuple.account());
                let excused = except.of(tuple, suspect.who);
                if was && suspect.before && !excused.before && !joins {
                    found.had.entry(fact).or_insert(tuple);
                }
                let end = will && suspect.after && !excused.after;
                if end {
                    found.end.insert(fact);
                }
                // Who is let in by an exception, or let go by it, is judged by how it ends.
                if end || !(excused.before || excused.after) {
                    let new = !(was && suspect.before);
                    let path = found.may.entry(fact).or_insert(Path { tuple, new });
                    if new && !path.new {
                        *path = Path { tuple, new };
                    }
                }
            }
            let named = behind.iter().any(|suspect| suspect.who & PRINCIPAL != 0);
            let Some(wanted) = wanted.filter(|_| !named) else {
                continue;
            };
            if self.people.is_unreadable(principal) {
                let excused = except.of(tuple, principal | PRINCIPAL);
                if will && (!was || joins) && !excused.after {
                    found.unread.entry(principal).or_default().push(tuple);
                }
            } else if wanted.is_open() {
                let all = everyone.entry(principal);
                let all = all.or_insert_with(|| self.suspects(principal, None));
                let was = was && !joins;
                found.anybody.note((tuple, was, will), all, &except, Steps::All);
            }
        }
        found
    }
}
