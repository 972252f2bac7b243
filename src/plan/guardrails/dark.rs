//! What cannot be judged: members that nobody could read, and principals that a rule names and that are not there, or
//! mean others now. Who might be denied, and newly gets access, is not let in unseen.

use std::collections::{BTreeMap, BTreeSet};

use rustc_hash::FxHashSet;

use crate::id::PrincipalKey;
use crate::model::access::Tuple;
use crate::model::guardrail::OnUnknown;
use crate::plan::base;
use crate::plan::people_effects::Unknown;

use super::breach::{Breach, RuleKind, Since, Subject, Verdict};
use super::selection::{Exceptions, Suspect};
use super::{Case, Court};

/// Somebody has a set in an account.
pub(super) type Fact = (u32, u32, u32);

/// Who has what where by anybody's account, where nobody can tell whom a rule is about.
#[derive(Default)]
pub(super) struct Anybody {
    has: FxHashSet<Fact>,
    may: FxHashSet<Fact>,
}

impl Anybody {
    /// Notes whoever has something by a grant, and whoever may come to have it: when everything is done, or at any step
    /// on the way there.
    pub fn note(
        &mut self,
        (tuple, was, will): (Tuple, bool, bool),
        all: &[Suspect],
        except: &Exceptions,
        steps: Steps,
    ) {
        for suspect in all {
            let fact = (suspect.who, tuple.permission_set(), tuple.account());
            let excused = except.of(tuple, suspect.who);
            if was && suspect.before && !excused.before {
                self.has.insert(fact);
            }
            let at_the_end = will && suspect.after && !excused.after;
            if at_the_end || steps == Steps::All && !(excused.before || excused.after) {
                self.may.insert(fact);
            }
        }
    }

    /// What somebody may come to have who does not have it.
    pub fn newly(&self) -> impl Iterator<Item = &Fact> {
        self.may.difference(&self.has)
    }
}

/// At which steps of a plan a rule must hold.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Steps {
    /// When all is done.
    Last,
    /// At each.
    All,
}

/// What of a rule cannot be judged.
pub(super) struct Unjudged {
    /// Somebody newly gets access of whom nobody can tell whether the rule is kept.
    pub newly: bool,
    /// Principals with such access whose members cannot be read.
    pub principals: BTreeSet<u32>,
    /// Principals that the rule names, of whom nobody can tell who is behind them.
    pub named: BTreeMap<PrincipalKey, Unknown>,
}

impl Court<'_> {
    /// What to say about it; `None` where everything can be judged.
    pub(super) fn unjudged(
        &self,
        case: &Case<'_>,
        rule: RuleKind,
        of: Unjudged,
        on_unknown: OnUnknown,
    ) -> Option<Breach> {
        // A rule that is about nobody, as its principal is gone, is said also while nobody gets anything.
        let is_idle = of.named.values().any(|why| *why != Unknown::Unread);
        if !(of.newly || is_idle || !of.principals.is_empty()) {
            return None;
        }
        let breach = self.breach(case, (rule, Since::Unknown), because(&of), &remedy(&of, rule));
        let subjects = self.who_is_unknown(&of);
        // Where configurations are compared without a service, nobody could have read anything.
        let refuses = of.newly
            && on_unknown == OnUnknown::Refuse
            && case.guardrail.refuses
            && !self.only_removes
            && !base::is_declared(&self.input.observed);
        Some(Breach {
            level: if refuses {
                Verdict::Refused
            } else {
                Verdict::Warned
            },
            count: subjects.len() as u64,
            subjects,
            ..breach
        })
    }

    fn who_is_unknown(&self, of: &Unjudged) -> Vec<Subject> {
        let keys = of.principals.iter();
        let keys = keys.filter_map(|rank| self.plan.names.principal(*rank));
        let unread = keys.map(|key| Subject {
            principal: Some(key.clone()),
            ..Subject::new(match key {
                // Whether it is gone is what nobody knows.
                PrincipalKey::OrphanGroup(id) => format!("group {id}, known by its id alone"),
                PrincipalKey::OrphanUser(id) => format!("user {id}, known by its id alone"),
                key => key.to_string(),
            })
        });
        let named = of.named.iter().map(|(key, why)| Subject {
            principal: Some(key.clone()),
            ..Subject::new(match why {
                Unknown::Rebound => format!("{key}, which the guardrail names, means another one now"),
                Unknown::Missing => format!("{key}, which the guardrail names, is not there"),
                Unknown::Unread => format!("{key}, which the guardrail names: its members cannot be read"),
            })
        });
        unread.chain(named).collect()
    }
}

fn because(of: &Unjudged) -> &'static str {
    match (of.principals.is_empty(), of.newly) {
        (true, _) => "it cannot be judged, because nobody can tell who is behind principals that it names",
        (false, true) => {
            "it cannot be judged, because members of groups with such access, or that newly get it, cannot be read"
        }
        (false, false) => "it cannot be judged, because members of groups with access cannot be read",
    }
}

/// What helps depends on what is unknown; the gravest first.
fn remedy(of: &Unjudged, rule: RuleKind) -> String {
    let block = match rule {
        RuleKind::Deny => "deny",
        RuleKind::MaxPeople | RuleKind::MaxAccounts | RuleKind::MaxSession => "limit",
        RuleKind::Require => "require",
    };
    match of.named.values().min() {
        Some(Unknown::Rebound) => {
            "find out who is meant now; then apply the changed look-up alone first, without the access"
                .to_owned()
        }
        Some(Unknown::Missing) => format!(
            "let the guardrail name a principal that is there, or say `on_unknown = \"warn\"` in the `{block}` block"
        ),
        Some(Unknown::Unread) | None => {
            format!("let rolecall read the members, or say `on_unknown = \"warn\"` in the `{block}` block")
        }
    }
}
