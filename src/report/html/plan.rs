//! What the plan changes, as tables: findings, people, assignments, entities, roles.

use crate::address::Kind;
use crate::plan::change::Reason;
use crate::plan::finding::Level;
use crate::plan::people::PeopleRow;
use crate::plan::rules::{RuleChange, RuleChangeKind};
use crate::report::escape::{escape, name};
use crate::report::plan_view::altered::AlteredLine;
use crate::report::plan_view::entities::{Detail, EntityChange, EntityRow, pushed};
use crate::report::plan_view::entity_lines;
use crate::report::plan_view::headline::Headline;
use crate::report::plan_view::policy_diff::{self, DiffLine};
use crate::report::plan_view::risk::{Risk, words};
use crate::report::plan_view::{PlanView, principal_name, rule_text};
use crate::report::terminal::{assignments, people};
use crate::report::wording::{self, counted, number, some_of};

use super::text::moment;

/// Rows of one table; more are counted.
const MOST_ROWS: usize = 250;
const MOST_POLICY_LINES: usize = 60;
/// How much the full lists of one table take, in bytes.
const MOST_WHOLE: usize = 1_500_000;
/// Policies and actions that say why a line is marked.
const MOST_BECAUSE: usize = 8;
/// Names of entities on one line.
const MOST_NAMES: usize = 20;

/// A plan.
pub struct PlanSection {
    /// Its digest.
    pub digest: String,
    /// The moment it was planned for, and with which state.
    pub made: String,
    /// How much it adds, changes and removes.
    pub sum: String,
    /// What nobody may overlook: a sentence and names each.
    pub headlines: Vec<(String, String)>,
    /// How long it takes.
    pub cost: String,
    /// Whether it must not run.
    pub refused: bool,
    /// Rules that are not as they were last applied.
    pub rules: Vec<EntityLine>,
    /// What a person should read first.
    pub findings: Vec<FindingLine>,
    /// Who gains and loses what.
    pub people: Table,
    /// What is said where nobody does.
    pub nobody: &'static str,
    /// Sets of which changes what they allow: a sentence, and who has them where they become a risk.
    pub altered: Vec<(String, String)>,
    /// Assignments made and taken away.
    pub assignments: Table,
    /// Entities that change.
    pub entities: Vec<EntityLine>,
    /// How many entities are left out.
    pub more_entities: usize,
    /// What happens to roles.
    pub roles: Vec<String>,
}

/// A finding.
pub struct FindingLine {
    /// `refused`, `held`, `warning`, `unverified`, `note`.
    pub level: &'static str,
    /// The stable code.
    pub code: String,
    /// A sentence.
    pub text: String,
    /// Names it is about.
    pub subjects: String,
    /// Where it comes from.
    pub place: String,
    /// What to do.
    pub remedy: String,
}

/// Lines with a sign each.
pub struct Table {
    /// The lines.
    pub lines: Vec<Line>,
    /// How many are left out.
    pub more: usize,
}

/// A line: what happens, to whom, where, and more.
pub struct Line {
    /// The class that colours it.
    pub class: &'static str,
    /// What happens, as a sign and a word.
    pub sign: String,
    /// The cells.
    pub cells: Vec<String>,
    /// What the cells cut short: a label and all names each.
    pub whole: Vec<(&'static str, String)>,
}

/// An entity that changes, or several that do alike.
#[derive(Default)]
pub struct EntityLine {
    /// The class that colours it.
    pub class: &'static str,
    /// What happens, as a sign and a word.
    pub sign: &'static str,
    /// What kind.
    pub kind: String,
    /// What people call it.
    pub name: String,
    /// Where it is declared, and why it changes.
    pub origin: String,
    /// What differs: a class and a text each.
    pub details: Vec<(&'static str, String)>,
}

impl PlanSection {
    /// The section of a plan.
    pub fn new(view: &PlanView<'_>) -> Self {
        let plan = view.plan;
        let counts = view.counts;
        let lines = folded(view);
        PlanSection {
            digest: escape(&plan.digest).into_owned(),
            made: format!("for {}, on state {}", moment(plan.now), number(plan.serial)),
            sum: format!(
                "{} to add, {} to change, {} to remove; {} to provision",
                number(counts.add),
                number(counts.change),
                number(counts.remove),
                counted(counts.provision, "role")
            ),
            headlines: headlines(view),
            cost: format!(
                "about {}, {} at the service's quota",
                counted(plan.cost.total_calls, "API call"),
                wording::seconds(plan.cost.seconds)
            ),
            refused: plan.is_refused(),
            rules: view.plan.rules.changes.iter().map(rule).collect(),
            findings: findings(view),
            people: people_table(view),
            nobody: view.nobody(),
            altered: view.altered.iter().map(|line| altered(view, line)).collect(),
            assignments: assignments_table(view),
            more_entities: lines
                .iter()
                .skip(MOST_ROWS)
                .map(entity_lines::EntityLine::count)
                .sum(),
            entities: lines.iter().take(MOST_ROWS).map(entity_line).collect(),
            roles: roles(view),
        }
    }
}

fn headlines(view: &PlanView<'_>) -> Vec<(String, String)> {
    let line = |headline: &Headline| {
        let names = headline.people.iter().map(|user| view.labels.user(user));
        let names = match headline.people.is_empty() {
            true => String::new(),
            false => some_of(names, headline.count, MOST_NAMES),
        };
        (headline.words(), names)
    };
    view.headlines.iter().map(line).collect()
}

fn altered(view: &PlanView<'_>, line: &AlteredLine<'_>) -> (String, String) {
    let marks = line.marks().map(|marks| format!(" · ! {marks}"));
    let words = people::altered_words(line);
    let names = line.people.iter().map(|user| view.labels.user(user));
    let names = match line.people.is_empty() {
        true => String::new(),
        false if line.set.holders.people > MOST_NAMES as u64 => {
            let names = some_of(names, line.set.holders.people, MOST_NAMES);
            let all = match line.set.holders.people > PeopleRow::MOST_NAMED as u64 {
                true => "1,000 of them",
                false => "all",
            };
            format!("{names} (the plan as JSON has {all})")
        }
        false => some_of(names, line.set.holders.people, MOST_NAMES),
    };
    (format!("{words}{}", marks.unwrap_or_default()), names)
}

fn findings(view: &PlanView<'_>) -> Vec<FindingLine> {
    let mut findings: Vec<_> = view.plan.findings.iter().collect();
    findings.sort_by_key(|finding| finding.level);
    findings.extend(&view.plan.lint);
    let line = |finding: &crate::plan::Finding| FindingLine {
        level: match finding.level {
            Level::Refusal => "refused",
            Level::Held => "held",
            Level::Warning => "warning",
            Level::Unverified => "unverified",
            Level::Note => "note",
        },
        code: escape(&finding.code).into_owned(),
        text: escape(&view.naming.apply(&finding.message)).into_owned(),
        subjects: match finding.subjects.len() {
            0 => String::new(),
            count => {
                let subjects = finding.subjects.iter().map(|subject| view.naming.apply(subject));
                some_of(subjects, count as u64, 20)
            }
        },
        place: finding
            .location
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        remedy: escape(finding.remedy.as_deref().unwrap_or_default()).into_owned(),
    };
    findings.into_iter().map(line).collect()
}

fn text_line(line: &DiffLine) -> (&'static str, String) {
    let class = match line {
        DiffLine::Removed(_) => "loses",
        DiffLine::Added(_) => "gains",
        DiffLine::Same(_) | DiffLine::Gap => "",
    };
    (class, escape(&rule_text::signed(line)).into_owned())
}

fn rule(change: &RuleChange) -> EntityLine {
    let (class, sign) = match change.change {
        RuleChangeKind::Added => ("gains", "+ added"),
        RuleChangeKind::Changed => ("changes", "~ changed"),
        RuleChangeKind::Removed => ("loses", "− removed"),
    };
    let loosens = change.may_loosen;
    let loosens = loosens.then(|| {
        (
            "unknown",
            "! something may pass now that did not before".to_owned(),
        )
    });
    let text = rule_text::of(change);
    let note = text.as_ref().and_then(|text| text.note.clone());
    let note = note.map(|note| ("", note));
    let lines: Vec<(&'static str, String)> = match &text {
        Some(text) if !text.lines.is_empty() => text.lines.iter().map(text_line).collect(),
        _ => {
            let before = change
                .before
                .iter()
                .map(|line| ("loses", format!("− {}", escape(line))));
            let after = change
                .after
                .iter()
                .map(|line| ("gains", format!("+ {}", escape(line))));
            before.chain(after).collect()
        }
    };
    EntityLine {
        class,
        sign,
        kind: change.rule.name().to_owned(),
        name: change
            .label
            .as_deref()
            .map(|label| name(label).into_owned())
            .unwrap_or_default(),
        origin: change
            .location
            .as_ref()
            .map(ToString::to_string)
            .unwrap_or_default(),
        details: loosens.into_iter().chain(note).chain(lines).collect(),
    }
}

/// Lists in full, as long as there is room on the page for them.
struct Whole {
    left: usize,
}

impl Whole {
    /// All names of a list, if it is longer than what a cell shows.
    fn list<'n>(
        &mut self,
        label: &'static str,
        names: impl IntoIterator<Item = &'n str>,
        count: usize,
        shown: usize,
    ) -> Option<(&'static str, String)> {
        if count <= shown {
            return None;
        }
        let names: Vec<String> = names.into_iter().map(|shown| name(shown).into_owned()).collect();
        let rest = count.saturating_sub(names.len()) as u64;
        let mut text = names.join(", ");
        if rest > 0 {
            text.push_str(&format!(" … {} more, which the plan does not name", number(rest)));
        }
        match self.left.checked_sub(text.len()) {
            Some(left) => {
                self.left = left;
                Some((label, text))
            }
            None => Some((label, "the plan as JSON has all".to_owned())),
        }
    }
}

fn people_table(view: &PlanView<'_>) -> Table {
    let mut room = Whole { left: MOST_WHOLE };
    let lines = people::sentences(view, MOST_ROWS).map(|sentence| {
        let line = sentence.line;
        let people: Vec<_> = line.people.iter().map(|user| view.labels.user(user)).collect();
        let people = people.iter().map(|shown| &**shown);
        let sets = line
            .permission_sets
            .iter()
            .map(|rank| view.labels.permission_set(*rank));
        let accounts = view.labels.accounts(&line.accounts);
        let named = line.people.len();
        let everyone = usize::try_from(line.count).unwrap_or(named);
        let whole = [
            room.list("Everyone", people, if named == 0 { 0 } else { everyone }, 3),
            room.list("Permission sets", sets, line.permission_sets.len(), 4),
            room.list("Accounts", accounts.iter().copied(), accounts.len(), 4),
            because(&line.risks),
        ];
        let whole = whole.into_iter().flatten().collect();
        let (class, sign) = match sentence.verb {
            "gain" | "gains" => ("gains", "+"),
            "keep longer" | "keeps longer" => ("gains", "+"),
            "lose" | "loses" => ("loses", "−"),
            "keep" | "keeps" => ("keeps", "="),
            _ => ("unknown", "?"),
        };
        Line {
            class,
            sign: format!("{sign} {}", sentence.verb),
            cells: vec![
                sentence.who,
                sentence.what,
                marked(&sentence.risks, sentence.detail),
                view.how(sentence.line),
            ],
            whole,
        }
    });
    let lines: Vec<Line> = lines.collect();
    Table {
        more: view.people.len().saturating_sub(lines.len()),
        lines,
    }
}

fn assignments_table(view: &PlanView<'_>) -> Table {
    let mut room = Whole { left: MOST_WHOLE };
    let rows = view.assignments.iter().take(MOST_ROWS);
    let lines = rows.map(|row| {
        let line = assignments::line(view, row);
        let principals = row
            .principals
            .iter()
            .filter_map(|rank| view.labels.principal(*rank));
        let principals: Vec<String> = principals.map(principal_name).collect();
        let sets = row
            .permission_sets
            .iter()
            .map(|rank| view.labels.permission_set(*rank));
        let accounts = view.labels.accounts(&row.accounts);
        let whole = [
            room.list(
                "Groups and people",
                principals.iter().map(String::as_str),
                principals.len(),
                4,
            ),
            room.list("Permission sets", sets, row.permission_sets.len(), 4),
            room.list("Accounts", accounts.iter().copied(), accounts.len(), 1),
            because(&row.risks),
        ];
        let whole = whole.into_iter().flatten().collect();
        let (class, sign) = match row.change {
            change if change.is_restore() => ("gains", "+ restored"),
            change if change.is_grant() => ("gains", "+ added"),
            _ => ("loses", "− removed"),
        };
        Line {
            class,
            sign: sign.to_owned(),
            cells: vec![line.who, line.accounts, marked(&words(&row.risks), line.origin)],
            whole,
        }
    });
    Table {
        lines: lines.collect(),
        more: view.assignments.len().saturating_sub(MOST_ROWS),
    }
}

/// What says why a line's sets are marked: policies and actions. The pages of accounts say what makes them production.
fn because(risks: &[Risk]) -> Option<(&'static str, String)> {
    let of_sets = risks.iter().filter(|risk| !risk.because.is_empty()).map(|risk| {
        let names = some_of(&risk.because, risk.because.len() as u64, MOST_BECAUSE);
        format!("{} because of {names}", risk.mark.word())
    });
    let told: Vec<String> = of_sets.collect();
    (!told.is_empty()).then(|| ("Why it is marked", told.join("; ")))
}

/// Marks of risk before what else there is to say.
fn marked(risks: &str, text: String) -> String {
    match (risks.is_empty(), text.is_empty()) {
        (true, _) => text,
        (false, true) => format!("! {risks}"),
        (false, false) => format!("! {risks} · {text}"),
    }
}

/// Lines as every form has them, kind by kind: those that say the same are one.
fn folded<'v, 'a>(view: &'v PlanView<'a>) -> Vec<entity_lines::EntityLine<'v, 'a>> {
    let of_kind = |kind| -> Vec<&'v EntityRow<'a>> {
        let rows = view.entities.iter();
        rows.filter(|row| row.entity.kind() == kind).collect()
    };
    let kinds = Kind::ALL.into_iter();
    kinds
        .flat_map(|kind| entity_lines::fold(&of_kind(kind)))
        .collect()
}

fn entity_line(line: &entity_lines::EntityLine<'_, '_>) -> EntityLine {
    match line {
        entity_lines::EntityLine::One(row) => entity(row),
        entity_lines::EntityLine::Many(rows) => {
            let first = rows.first().map(|row| entity(row)).unwrap_or_default();
            let count = rows.len() as u64;
            let names = some_of(rows.iter().map(|row| &row.name), count, MOST_NAMES);
            EntityLine {
                name: format!("{}: {names}", number(count)),
                details: Vec::new(),
                ..first
            }
        }
    }
}

fn entity(row: &EntityRow<'_>) -> EntityLine {
    let (class, sign) = match row.change {
        _ if row.restore => ("gains", "+ restored"),
        EntityChange::Rebound => ("unknown", "! rebound"),
        EntityChange::Created => ("gains", "+ created"),
        EntityChange::Updated => ("changes", "~ changed"),
        EntityChange::Provisioned => ("changes", "↻ provisioned"),
        EntityChange::Deleted => ("loses", "− deleted"),
    };
    let place = row.location.map(ToString::to_string).unwrap_or_default();
    // That a block declares it is plain to see.
    let why = match row.reason {
        Reason::Declared | Reason::ConfigurationChanged | Reason::ContentChanged => String::new(),
        reason => escape(&reason.sentence()).into_owned(),
    };
    let blocked = row
        .blocked
        .map(|why| ("unknown", format!("blocked: {}", escape(why))));
    EntityLine {
        class,
        sign,
        kind: row.entity.kind().name().replace('_', " "),
        name: name(&row.name).into_owned(),
        origin: [place, why]
            .into_iter()
            .filter(|part| !part.is_empty())
            .collect::<Vec<_>>()
            .join(" · "),
        details: blocked
            .into_iter()
            .chain((!row.risks.is_empty()).then(|| ("unknown", format!("! {}", words(&row.risks)))))
            .chain(row.details.iter().flat_map(detail))
            .collect(),
    }
}

/// What differs, a line each.
pub fn detail(detail: &Detail) -> Vec<(&'static str, String)> {
    let value = |value: &Option<String>| {
        value
            .as_deref()
            .map_or("(none)".into(), |v| escape(v).into_owned())
    };
    match detail {
        Detail::Field {
            name,
            before: None,
            after,
        } => vec![("", format!("{}: {}", escape(name), value(after)))],
        Detail::Field { name, before, after } => {
            vec![(
                "",
                format!("{}: {} → {}", escape(name), value(before), value(after)),
            )]
        }
        Detail::Items { name, removed, added } => {
            let gone = removed
                .iter()
                .map(|item| ("loses", format!("{name} − {}", escape(item))));
            let come = added
                .iter()
                .map(|item| ("gains", format!("{name} + {}", escape(item))));
            gone.chain(come).collect()
        }
        Detail::Policy { name, lines } => policy(name, lines),
        Detail::NewPolicy {
            statements, lines, ..
        } => {
            let text = statements.map_or("not a policy yet".to_owned(), |count| counted(count, "statement"));
            let mut out = vec![("", format!("inline_policy: {text}"))];
            let shown = lines.iter().take(MOST_POLICY_LINES);
            out.extend(shown.map(|line| ("code gains", format!("+ {}", escape(line)))));
            let rest = lines.len().saturating_sub(MOST_POLICY_LINES) as u64;
            if rest > 0 {
                out.push((
                    "",
                    format!("… {} more (the plan as JSON has all)", counted(rest, "line")),
                ));
            }
            out
        }
        Detail::Provision { accounts, edited } => {
            let edited = edited.as_deref().map(escape);
            vec![("", pushed(*accounts, edited.as_deref()))]
        }
    }
}

fn policy(name: &str, lines: &[DiffLine]) -> Vec<(&'static str, String)> {
    let (lines, rest) = policy_diff::cut(lines, MOST_POLICY_LINES);
    let mut out = vec![("", format!("{name}:"))];
    out.extend(lines.iter().map(|line| match line {
        DiffLine::Same(text) => ("code", format!("  {}", escape(text))),
        DiffLine::Removed(text) => ("code loses", format!("− {}", escape(text))),
        DiffLine::Added(text) => ("code gains", format!("+ {}", escape(text))),
        DiffLine::Gap => ("code", "  ⋮".to_owned()),
    }));
    if rest > 0 {
        out.push(("", format!("… {} left out", counted(rest as u64, "more line"))));
    }
    out
}

fn roles(view: &PlanView<'_>) -> Vec<String> {
    let line = |line: &crate::report::plan_view::roles::RoleLine| {
        let set = name(view.labels.permission_set(line.permission_set)).into_owned();
        let parts = [
            (line.created.len(), "created"),
            (line.updated.len(), "updated"),
            (line.deleted.len(), "deleted"),
        ];
        let parts: Vec<String> = parts
            .into_iter()
            .filter(|(count, _)| *count > 0)
            .map(|(count, what)| format!("{} {what}", number(count as u64)))
            .collect();
        let warning = match line.deleted.as_slice() {
            [] => String::new(),
            [(rank, role), ..] => format!(
                "; {} disappears from {}{}: a later grant gets a new ARN",
                escape(role),
                name(view.labels.account(*rank)),
                match line.deleted.len() {
                    1 => String::new(),
                    count => format!(" and {} more", number(count as u64 - 1)),
                }
            ),
        };
        format!("{set}: {}{warning}", parts.join(", "))
    };
    view.roles.iter().take(MOST_ROWS).map(line).collect()
}
