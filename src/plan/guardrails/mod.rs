//! Guardrails: what a stack says must not be, judged over people once groups are expanded.
//!
//! A guardrail that is broken already and gets no worse only warns: it must not stand in the way of mending anything.
//! What a plan would newly break refuses it, and a plan that only takes access away is never refused. `deny` holds at
//! every step on the way; `limit` is counted at the end; `require` is asked of what is declared.
//!
//! The guardrails of the last apply judge as well, wherever the configuration has none of that name that is at least as
//! strict: otherwise a change could take away the rule that it breaks. So what was loosened comes into force by an apply
//! of its own, which shows it under "Rules changed" and somebody approves; access that the old guardrail refuses goes
//! into the next one. Two small plans instead of one, and nobody can hide the one behind the other.

pub mod breach;
mod dark;
mod deny;
mod limit;
mod passing;
mod require;
mod selection;
#[cfg(test)]
mod tests;
mod units;

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::sync::Arc;

use crate::address::Address;
use crate::model::access::{Access, Tuple};
use crate::model::action::Effect;
use crate::model::guardrail::{Guardrail, Rule, Selector};
use crate::source::Location;

use super::Plan;
use super::finding::{Finding, Level, counted, people};
use super::input::PlanInput;
use super::last_rules::NamesNow;
use super::people_effects::People;
use breach::{Breach, RuleKind, Severity, Since, Subject, Verdict};
use selection::PRINCIPAL;

/// At most so many cases of one breach are spelled out; the count is exact.
const MOST_SUBJECTS: usize = 1000;

/// What to do about a guardrail that the configuration loosens.
const LOOSEN_FIRST: &str = "if the guardrail is to be loosened, apply that change alone first, without the access: \
                            it is then seen and approved as what it is";

/// What the stack's guardrails, and those of the last apply, say about a plan. Both relations are ascending, in the
/// plan's ranks, and cover the whole instance: a path that nobody declared counts as any other. The findings say
/// beside what breaks them what passes by their exceptions, and which of these have ended.
pub(super) fn guardrails(
    (plan, input): (&Plan, &PlanInput),
    names: &NamesNow,
    before: &[Tuple],
    after: &[Tuple],
) -> (Vec<Breach>, Vec<Finding>) {
    let book = Book::new(input, names);
    let cases = book.cases();
    if cases.is_empty() {
        return Default::default();
    }
    let stricter = passing::stricter(&cases, input);
    let court = Court {
        plan,
        input,
        book: &book,
        names,
        people: People::new(plan, input),
        before,
        after,
        only_removes: only_removes(plan),
    };
    let mut breaches: Vec<Breach> = cases.iter().flat_map(|case| court.judge(case)).collect();
    breaches.sort();
    let broken: BTreeSet<Finding> = breaches.iter().map(Breach::finding).collect();
    let mut findings: Vec<Finding> = broken.into_iter().collect();
    findings.extend(court.passing(&breaches, &stricter));
    findings.extend(ended_exceptions(input));
    (breaches, findings)
}

/// A guardrail, and whether it is the declared one or that of the last apply.
struct Case<'a> {
    guardrail: &'a Guardrail,
    as_last_applied: bool,
}

/// Guardrails in the names that things have now.
struct Book<'a> {
    declared: Vec<Cow<'a, Guardrail>>,
    /// Those of the last apply, and whether what is declared replaces them.
    last: Vec<(Cow<'a, Guardrail>, bool)>,
}

impl<'a> Book<'a> {
    fn new(input: &'a PlanInput, names: &NamesNow) -> Self {
        let declared = input.desired.guardrails.iter();
        let by_id = names.by_id();
        let stands = |guardrail| units::as_they_stand(guardrail, input, names);
        let declared = declared.map(|guardrail| stands(by_id.judging(guardrail)));
        let declared: Vec<Cow<'a, Guardrail>> = declared.collect();
        let recorded = input.recorded.rules.iter().flat_map(|rules| &rules.guardrails);
        let last = recorded.map(|recorded| {
            // A list of what is declared there is less than the unit.
            let compared = stands(names.compared(recorded));
            let mut same = declared
                .iter()
                .filter(|declared| declared.label == recorded.label);
            let is_replaced = same.any(|declared| declared.covers(&compared));
            (stands(names.judging(recorded)), is_replaced)
        });
        let last = last.collect();
        Book { declared, last }
    }

    fn cases(&self) -> Vec<Case<'_>> {
        let case = |as_last_applied| {
            move |guardrail| Case {
                guardrail,
                as_last_applied,
            }
        };
        let loosened = self.last.iter().filter(|(_, is_replaced)| !is_replaced);
        let declared = self.declared.iter().map(|guardrail| &**guardrail);
        declared
            .map(case(false))
            .chain(loosened.map(|(guardrail, _)| &**guardrail).map(case(true)))
            .collect()
    }
}

/// Exceptions whose time is over, of which somebody may think that they hold.
fn ended_exceptions(input: &PlanInput) -> Vec<Finding> {
    let all = input.desired.guardrails.iter();
    let all = all.flat_map(|guardrail| guardrail.except.iter().map(move |except| (guardrail, except)));
    let ended = all.filter(|(_, except)| !except.holds(input.now));
    let told = ended.filter_map(|(guardrail, except)| {
        let expires = except.expires?;
        let location = except.location.clone().or_else(|| guardrail.location.clone());
        Some(Finding {
            remedy: Some("take the `except` block out, or give it a later time".into()),
            location,
            ..Finding::new(
                Level::Note,
                "expired-exception",
                format!(
                    "an exception of guardrail \"{}\" ended at {expires}, and leaves nobody out any more ({})",
                    guardrail.label, except.reason
                ),
            )
        })
    });
    told.collect()
}

/// Whether a plan can give nobody anything: it revokes, takes people out of groups, and deletes, and takes nobody for a
/// user who had the name before.
fn only_removes(plan: &Plan) -> bool {
    let removes = |effect: &Effect| {
        matches!(
            effect,
            Effect::RemoveMember { .. }
                | Effect::DeleteGroup { .. }
                | Effect::DeleteUser { .. }
                | Effect::DeletePermissionSet { .. }
        )
    };
    plan.grants.is_empty()
        && plan.strangers().next().is_none()
        && plan
            .actions
            .iter()
            .all(|action| action.effect.as_ref().is_none_or(removes))
}

/// When somebody has something.
#[derive(Clone, Copy, PartialEq, Eq)]
enum When {
    /// Now, and afterwards as well.
    Already,
    /// Once the plan is carried out.
    AtTheEnd,
    /// While it is, and no more then.
    OnTheWay,
    /// Now, in an account that comes under the rule.
    Joining,
}

struct Court<'a> {
    plan: &'a Plan,
    input: &'a PlanInput,
    book: &'a Book<'a>,
    names: &'a NamesNow,
    people: People<'a>,
    before: &'a [Tuple],
    after: &'a [Tuple],
    only_removes: bool,
}

impl<'a> Court<'a> {
    fn judge(&self, case: &Case<'a>) -> Vec<Breach> {
        let rules = case.guardrail.rules.iter();
        let breaches = rules.flat_map(|rule| match rule {
            Rule::Deny(deny) => self.deny(case, deny),
            Rule::Limit(limit) => self.limit(case, limit),
            Rule::Require(require) => self.require(case, require),
        });
        breaches.collect()
    }

    /// A breach without its cases.
    fn breach(&self, case: &Case<'_>, (rule, since): (RuleKind, Since), what: &str, remedy: &str) -> Breach {
        let guardrail = case.guardrail;
        let refuses = since == Since::Plan && guardrail.refuses;
        // What a block no longer says is no removal of access.
        let removal = self.only_removes && rule != RuleKind::Require;
        let label = &guardrail.label;
        let who = match case.as_last_applied {
            true => format!("guardrail \"{label}\", {}", self.input.options.last()),
            false => format!("guardrail \"{label}\""),
        };
        let remedy = match case.as_last_applied && since != Since::Before {
            true => format!("{remedy}; {LOOSEN_FIRST}"),
            false => remedy.to_owned(),
        };
        let message = match since {
            Since::Before => format!("{who}: broken already, {what}"),
            Since::Plan | Since::Unknown => format!("{who}: {what}"),
        };
        Breach {
            level: if refuses && !removal {
                Verdict::Refused
            } else {
                Verdict::Warned
            },
            label: Arc::clone(label),
            rule,
            severity: if guardrail.refuses {
                Severity::Error
            } else {
                Severity::Warning
            },
            since,
            as_last_applied: case.as_last_applied,
            message: message.into(),
            description: guardrail.description.clone(),
            count: 0,
            subjects: Vec::new(),
            remedy: Some(remedy.into()),
            location: guardrail.location.clone(),
        }
    }

    /// Permission sets that only get another name, of which this guardrail, or its form of the last apply, had such a
    /// rule under the old one too: ranks of the old name and of the new one, and the form that says so.
    fn old_names(
        &self,
        case: &Case<'a>,
        of: &Selector,
        ruled: impl Fn(&'a Rule) -> Option<&'a Selector>,
    ) -> Vec<(u32, u32, &'a Guardrail)> {
        let recorded = self.book.last.iter().map(|(guardrail, _)| &**guardrail);
        let forms: Vec<&'a Guardrail> = recorded
            .filter(|form| form.label == case.guardrail.label)
            .chain([case.guardrail])
            .collect();
        let names = &self.plan.names;
        let old = self.names.renamed_sets().filter_map(|(from, to)| {
            let was = Selector {
                permission_sets: Some([from.clone()].into()),
                ..of.clone()
            };
            let rules_it = |rule: &'a Rule| ruled(rule).is_some_and(|old| old.covers(&was));
            let form = forms.iter().find(|form| form.rules.iter().any(rules_it))?;
            Some((
                names.permission_set_rank(from)?,
                names.permission_set_rank(to)?,
                *form,
            ))
        });
        old.collect()
    }

    /// `ada would have admin in prod, by group Developers (assignment.ops, main.hcl:12)`.
    fn told(&self, who: u32, tuple: Tuple, when: When) -> Option<Subject> {
        let (account, set, principal) = self.plan.names.resolve(tuple)?;
        let name = self.name_of(who)?;
        let shown = self.input.observed.snapshot.account_name(account);
        let by = match who & PRINCIPAL {
            0 => format!(", by {principal}"),
            _ => String::new(),
        };
        let (declared_by, locations) = self.blocks(tuple);
        let blocks = by_blocks(&declared_by, &locations);
        let on_the_way = when == When::OnTheWay;
        let (has, when) = match when {
            When::Already => ("has", ""),
            When::AtTheEnd => ("would have", ""),
            When::Joining => ("has", ", and the account comes under this guardrail"),
            When::OnTheWay => ("would have", ", on the way"),
        };
        let mut subject = Subject {
            permission_set: Some(set.clone()),
            account: Some(account.clone()),
            declared_by,
            locations,
            on_the_way,
            ..Subject::new(format!("{name} {has} {set} in {shown}{by}{blocks}{when}"))
        };
        self.name_subject(&mut subject, who);
        subject.principal = Some(principal.clone());
        Some(subject)
    }

    /// A person's name, or that of a principal that is meant as such.
    fn name_of(&self, who: u32) -> Option<String> {
        match who & PRINCIPAL {
            0 => self.people.names.get(who as usize).map(ToString::to_string),
            _ => self
                .plan
                .names
                .principal(who ^ PRINCIPAL)
                .map(ToString::to_string),
        }
    }

    fn name_subject(&self, subject: &mut Subject, who: u32) {
        match who & PRINCIPAL {
            0 => subject.person = self.people.names.get(who as usize).map(|name| (*name).clone()),
            _ => subject.principal = self.plan.names.principal(who ^ PRINCIPAL).cloned(),
        }
    }

    /// The blocks that declare a grant of the plan, or one that is there.
    fn blocks(&self, tuple: Tuple) -> (Vec<Address>, Vec<Location>) {
        let Some((account, set, principal)) = self.plan.names.resolve(tuple) else {
            return Default::default();
        };
        let declared = &self.input.desired.snapshot.access;
        let applied = &self.input.recorded.applied.access;
        for access in [declared, applied] {
            if let Some(tuple) = access.names.tuple(account, set, principal)
                && let Some(found) = blocks_in(access, tuple)
            {
                return found;
            }
        }
        Default::default()
    }

    /// The blocks that declare a grant, by its ranks among what is declared.
    fn blocks_declared(&self, tuple: Tuple) -> (Vec<Address>, Vec<Location>) {
        blocks_in(&self.input.desired.snapshot.access, tuple).unwrap_or_default()
    }
}

fn blocks_in(access: &Access, tuple: Tuple) -> Option<(Vec<Address>, Vec<Location>)> {
    let at = access.tuples.binary_search(&tuple).ok()?;
    let note = access.notes.get(*access.note_of.get(at)? as usize)?;
    let blocks = note.blocks(&access.declarations);
    let (addresses, locations): (Vec<Address>, Vec<Option<Location>>) = blocks
        .map(|block| (block.address.clone(), block.location.clone()))
        .unzip();
    Some((addresses, locations.into_iter().flatten().collect()))
}

/// ` (assignment.ops, main.hcl:12)`, or nothing for what nobody declared.
fn by_blocks(addresses: &[Address], locations: &[Location]) -> String {
    let Some(first) = addresses.first() else {
        return String::new();
    };
    let place = locations.first().map(|at| format!(", {at}")).unwrap_or_default();
    let more = match addresses.len() {
        1 => String::new(),
        count => format!(" and {} more", count - 1),
    };
    format!(" ({first}{place}{more})")
}

/// How many of whom: people, and principals that are denied as such.
fn who(them: &BTreeSet<u32>) -> String {
    let principals = them.iter().filter(|who| **who & PRINCIPAL != 0).count();
    let persons = them.len() - principals;
    match (persons, principals) {
        (_, 0) => people(persons as u64),
        (0, principals) => counted(principals, "principal"),
        (_, principals) => format!(
            "{} and {}",
            people(persons as u64),
            counted(principals, "principal")
        ),
    }
}

/// `has` or `have`, by how many do.
fn have(count: usize) -> &'static str {
    if count == 1 { "has" } else { "have" }
}
