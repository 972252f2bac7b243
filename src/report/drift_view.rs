//! The view of drift: names instead of keys, what differs, what it means for people, and what resolves it.

use std::collections::BTreeMap;

use crate::drift::{Around, Cause, Content, Drift, DriftItem, Remedy, Subject};
use crate::id::{AccountKey, EntityKey, GroupName, PermissionSetName, PrincipalKey, UserName};
use crate::model::denial::{Alike, Denial, Together};
use crate::model::instance::{Held, HeldSubject, Observed};
use crate::model::likeness::LookAlikes;
use crate::model::snapshot::Snapshot;
use crate::model::stack::RiskSettings;
use crate::plan::risk::RiskMark;

use super::drift_causes::{self, follows_from};
use super::drift_marks::Marker;
use super::escape;
use super::hide::{Hide, names_of};
use super::plan_view::entities::{Detail, field, group, permission_set, tags, user};
use super::plan_view::risk::Risk;
use super::shared_names::SharedNames;
use super::wording::{self, counted, number, some_of};

/// Everything that drifted, ready to be shown.
pub struct DriftView<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// What was read.
    pub observed: &'a Observed,
    /// What was found.
    pub drift: &'a Drift,
    /// The findings, in the order of [`Drift::items`].
    pub rows: Vec<DriftRow<'a>>,
    /// What is held, and why.
    pub held: Vec<(String, String)>,
    names: SharedNames<'a>,
    accounts: SharedNames<'a>,
}

/// One finding.
pub struct DriftRow<'a> {
    /// The finding.
    pub item: &'a DriftItem,
    /// What people call it.
    pub name: String,
    /// What differs.
    pub details: Vec<Detail>,
    /// What resolves it.
    pub remedy: Remedy,
    /// Why to look twice at all of it, the gravest first; see [`DriftView::mark`].
    pub marks: Vec<Risk>,
    /// The same for each of the item's classes of people.
    pub risks: Vec<Vec<RiskMark>>,
    /// Of access that nobody declared: other names that its group or permission set could be taken for.
    pub looks_like: Vec<String>,
    /// The row that this one follows from and stands below.
    pub follows: Option<usize>,
    /// The rows that follow from this one.
    leads_to: Vec<usize>,
}

impl DriftRow<'_> {
    /// What it is about, with what kind of thing it is: `group Ops`, `members of Ops`.
    pub fn title(&self) -> String {
        let shown = escape::name(&self.name);
        match &self.item.subject {
            Subject::Entity { key, .. } => format!("{} {shown}", key.kind().name().replace('_', " ")),
            Subject::Members { .. } => format!("members of {shown}"),
            Subject::Grants { .. } | Subject::Quota { .. } => shown.into_owned(),
            Subject::Roles { .. } => format!("roles of {shown}"),
            Subject::Policy { .. } => format!("policy {shown}"),
        }
    }
}

/// How it was at the last reading that had no such finding, in words behind its time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Before {
    /// What is gone now was there.
    There,
    /// What is there now was not.
    Without,
    /// It was there as it should be.
    AsItWas,
}

impl Before {
    /// For findings of a cause.
    pub fn of(cause: Cause) -> Self {
        match cause {
            Cause::Missing | Cause::RoleMissing | Cause::SamlProviderMissing | Cause::PolicyMissing => {
                Before::There
            }
            Cause::Unmanaged | Cause::UnmanagedMembership => Before::Without,
            Cause::Rebound
            | Cause::Orphaned
            | Cause::Overdue
            | Cause::Renamed
            | Cause::Changed
            | Cause::AccountMoved
            | Cause::AccountSuspended
            | Cause::StaleProvisioning
            | Cause::RoleTampered
            | Cause::QuotaNear => Before::AsItWas,
        }
    }

    /// `last read without it`
    pub fn last_read(self) -> &'static str {
        match self {
            Before::There => "last read with it",
            Before::Without => "last read without it",
            Before::AsItWas => "last read as it was",
        }
    }

    /// `not there at`, before a time.
    pub fn at(self) -> &'static str {
        match self {
            Before::There => "still there at",
            Before::Without => "not there at",
            Before::AsItWas => "as it was at",
        }
    }
}

impl<'a> DriftView<'a> {
    /// The view of a comparison with what was read.
    pub fn new(stack: &'a str, drift: &'a Drift, around: &Around<'a>) -> Self {
        let observed = around.observed;
        let names = SharedNames::of_people(&[&observed.snapshot]);
        let snapshot = &observed.snapshot;
        let alike = [
            LookAlikes::of(snapshot.groups.keys().map(GroupName::as_str)),
            LookAlikes::of(snapshot.permission_sets.keys().map(PermissionSetName::as_str)),
        ];
        let row = |item: &'a DriftItem| DriftRow {
            item,
            name: name(item, &observed.snapshot, &names),
            details: details(&item.subject),
            remedy: around.remedy(item),
            marks: Vec::new(),
            risks: Vec::new(),
            looks_like: looks_like(item, &alike),
            follows: None,
            leads_to: Vec::new(),
        };
        let mut rows: Vec<DriftRow<'a>> = drift.items.iter().map(row).collect();
        for (place, follows) in follows_from(&drift.items).into_iter().enumerate() {
            let Some(at) = follows else { continue };
            let Some(cause) = rows.get_mut(at) else { continue };
            cause.leads_to.push(place);
            let remedy = cause.remedy.clone();
            if let Some(row) = rows.get_mut(place) {
                // What mends the one mends the other.
                (row.follows, row.remedy) = (follows, remedy);
            }
        }
        DriftView {
            stack,
            observed,
            drift,
            rows,
            held: frozen(drift)
                .chain(
                    drift
                        .held
                        .iter()
                        .map(|held| (held_name(held, &observed.snapshot), held.why.to_string())),
                )
                .collect(),
            names,
            accounts: SharedNames::of_accounts(&observed.snapshot),
        }
    }

    /// Marks access that people have and should not, or that is not what was applied: sets by what they attach, accounts
    /// that are production. By settings that are in force: the configuration's, and those of the last apply.
    pub fn mark<'s>(&mut self, in_force: impl IntoIterator<Item = &'s RiskSettings>) {
        let marker = Marker::new(&self.observed.snapshot, self.drift, in_force);
        for row in &mut self.rows {
            row.risks = row
                .item
                .people
                .iter()
                .map(|found| marker.people(row.item, found))
                .collect();
            row.marks = marker.item(row.item);
            if marker.left_production(row.item) {
                field(&mut row.details, "production", Some("yes"), Some("no"));
            }
        }
    }

    /// The findings that follow from no other one, under their headings; what an earlier run left half made blames nobody.
    pub fn sections(&self) -> Vec<(Cause, &'static str, Vec<&DriftRow<'a>>)> {
        let kinds = Cause::ALL
            .into_iter()
            .flat_map(|cause| [(cause, false), (cause, true)]);
        let sections = kinds.map(|(cause, half_made)| {
            let rows = self.causes();
            let own = rows.filter(|row| row.item.cause == cause && row.item.half_made == half_made);
            let title = match half_made {
                true => "Half made: an earlier run did not finish",
                false => cause.title(),
            };
            (cause, title, own.collect::<Vec<_>>())
        });
        sections.filter(|(.., rows)| !rows.is_empty()).collect()
    }

    /// The findings that follow from no other one, each with its place.
    pub fn causes(&self) -> impl Iterator<Item = &DriftRow<'a>> {
        self.rows.iter().filter(|row| row.follows.is_none())
    }

    /// What follows from a finding, a sentence each with a word before it: `left over`, `Ops → Admin  payments`.
    pub fn consequences(&self, cause: &DriftRow<'_>, room: Room, hide: &Hide) -> Vec<(&'static str, String)> {
        let rows = cause.leads_to.iter().filter_map(|place| self.rows.get(*place));
        rows.map(|row| {
            let title = row.title();
            let title = hide.apply(&title);
            let text = format!("{title}  {}", self.place(row, room, hide));
            (drift_causes::word(row.item.cause), text)
        })
        .collect()
    }

    /// What is not listed, with how much there is of it: compared and as applied, ignored, out of scope.
    pub fn rest(&self) -> String {
        let drift = self.drift;
        let ignored = match drift.ignored_administration {
            0 => "ignored".to_owned(),
            count => format!("ignored ({} administrator)", number(count)),
        };
        let rest = [
            (
                drift.unchanged,
                if drift.never_applied {
                    "as declared"
                } else {
                    "as applied"
                },
            ),
            (drift.ignored, ignored.as_str()),
            (drift.out_of_scope, "out of scope"),
        ];
        let rest = rest.into_iter().filter(|(count, _)| *count > 0);
        let rest: Vec<String> = rest
            .map(|(count, what)| format!("{} {what}", number(count)))
            .collect();
        rest.join(", ")
    }

    /// What is held, a line for each reason: `(what, why, what helps)`. A lacking action is one line with the first
    /// names and one answer of the service; [`DriftView::held`] has all of them.
    pub fn held_lines(&self) -> Vec<HeldLine> {
        let held = self.held.iter().map(|(subject, why)| (&**subject, &**why));
        held_lines(Together::of(held))
    }

    /// How it went, in a sentence: `Drift: 3 findings.`, `No drift in what could be read.`
    pub fn sum(&self) -> String {
        let found = self.causes().count() as u64;
        let not_found = match self.drift.not_found {
            0 => None,
            1 => Some("1 name that a block refers to is not there".to_owned()),
            count => Some(format!(
                "{} names that blocks refer to are not there",
                number(count)
            )),
        };
        let sum = match (found, not_found) {
            (0, None) if self.held.is_empty() => "No drift.".to_owned(),
            (0, None) => "No drift in what could be read.".to_owned(),
            (0, Some(names)) => format!("Drift: {names}."),
            (found, _) => format!("Drift: {}.", counted(found, "finding")),
        };
        if self.drift.never_applied {
            // Who was taken out of a group, or put into it, cannot be told from what was always so.
            return format!(
                "{sum} Nothing was applied with this state yet: only what is declared could be compared with."
            );
        }
        sum
    }

    /// What an account is called; with its id where two have the name.
    pub fn account(&self, key: &AccountKey) -> String {
        let name = self.observed.snapshot.account_name(key);
        self.accounts.show(key.as_str(), &name).into_owned()
    }

    /// What a person is called.
    pub fn person(&self, user: &UserName) -> String {
        person(user, &self.observed.snapshot, &self.names)
    }

    /// Several people: the first ones by name, or how many.
    pub fn people(&self, users: &[UserName], most: usize, hide: &Hide) -> String {
        let count = users.len() as u64;
        match hide.counts_only() {
            true => wording::people(count),
            false => some_of(users.iter().map(|user| self.person(user)), count, most),
        }
    }

    /// Where it is; for members who came or left; for what was renamed what it is called now.
    pub fn place(&self, row: &DriftRow<'_>, room: Room, hide: &Hide) -> String {
        match &row.item.subject {
            Subject::Entity { .. } => {
                let now = row.item.now_called.as_deref();
                now.map(|now| format!("is now {}", escape::name(now)))
                    .unwrap_or_default()
            }
            Subject::Quota { .. } => String::new(),
            Subject::Members { users, .. } => {
                let sign = match row.item.cause {
                    Cause::Missing => room.minus,
                    _ => "+",
                };
                format!("{sign} {}", self.people(users, room.people, hide))
            }
            Subject::Grants { accounts, .. }
            | Subject::Roles { accounts, .. }
            | Subject::Policy { accounts, .. } => self.places(accounts, room),
        }
    }

    /// Accounts: how many, and the first ones by name.
    pub fn places(&self, accounts: &[AccountKey], room: Room) -> String {
        let names: Vec<String> = accounts.iter().map(|key| self.account(key)).collect();
        let count = names.len() as u64;
        let listed = wording::accounts(&names, count, room.accounts);
        match count {
            1 => listed,
            count => format!("{}: {listed}", counted(count, "account")),
        }
    }

    /// What people in the findings are called; not all of them need be in what was read.
    pub fn user_names(&self) -> impl Iterator<Item = &'a str> {
        let items = self.drift.items.iter();
        items.flat_map(|item| {
            let own: Vec<&str> = match &item.subject {
                Subject::Members { users, .. } => users.iter().map(UserName::as_str).collect(),
                Subject::Entity {
                    key: EntityKey::User(name),
                    contents,
                    ..
                } => {
                    let before = match contents.as_deref() {
                        Some((Content::User(before), _)) => Some(&**before),
                        _ => None,
                    };
                    let before = before.into_iter().flat_map(names_of);
                    before.chain([name.as_str()]).collect()
                }
                Subject::Grants {
                    principal: PrincipalKey::User(name),
                    ..
                } => vec![name.as_str()],
                Subject::Grants {
                    principal: PrincipalKey::OrphanUser(_),
                    ..
                } => item.was_called.as_deref().into_iter().collect(),
                _ => Vec::new(),
            };
            let reached = item.people.iter().flat_map(|found| &found.reached.people);
            own.into_iter().chain(reached.map(UserName::as_str))
        })
    }

    /// What the accounts in the findings are called, by key.
    pub fn account_names(&self) -> BTreeMap<String, String> {
        let subjects = self.rows.iter().flat_map(|row| match &row.item.subject {
            Subject::Grants { accounts, .. }
            | Subject::Roles { accounts, .. }
            | Subject::Policy { accounts, .. } => accounts.as_slice(),
            Subject::Entity { .. } | Subject::Members { .. } | Subject::Quota { .. } => &[],
        });
        let people = self.rows.iter().flat_map(|row| &row.item.people);
        let all = subjects.chain(people.flat_map(|found| &found.reached.accounts));
        let snapshot = &self.observed.snapshot;
        all.map(|key| (key.to_string(), snapshot.account_name(key)))
            .collect()
    }
}

/// How much a place may name, and how it is written.
#[derive(Debug, Clone, Copy)]
pub struct Room {
    /// What stands before people who left.
    pub minus: &'static str,
    /// How many people are named.
    pub people: usize,
    /// How many accounts are named.
    pub accounts: usize,
}

fn person(user: &UserName, observed: &Snapshot, names: &SharedNames<'_>) -> String {
    match observed.users.get(user) {
        Some(found) => names.show(user.as_str(), found.value.shown()).into_owned(),
        None => user.to_string(),
    }
}

fn name(item: &DriftItem, observed: &Snapshot, names: &SharedNames<'_>) -> String {
    match &item.subject {
        Subject::Entity { key, .. } => entity_name(key, observed, names),
        Subject::Members { group, .. } => group.to_string(),
        Subject::Grants {
            permission_set,
            principal,
            ..
        } => {
            let who = super::plan_view::principal_name(principal);
            let was = item.was_called.as_ref().map(|was| format!(" (was {was})"));
            format!("{who}{} → {permission_set}", was.unwrap_or_default())
        }
        Subject::Roles { permission_set, .. } => permission_set.to_string(),
        Subject::Policy {
            policy,
            permission_set,
            ..
        } => format!("{policy} of {permission_set}"),
        Subject::Quota {
            what,
            of,
            used,
            limit,
        } => {
            let of = of
                .as_ref()
                .map(|key| format!(" {}", entity_name(key, observed, names)));
            format!("{what}{}: {used} of {limit}", of.unwrap_or_default())
        }
    }
}

/// What the group and the permission set of access that nobody declared could be taken for, by what is there.
fn looks_like(item: &DriftItem, [groups, sets]: &[LookAlikes<'_>; 2]) -> Vec<String> {
    if !matches!(item.cause, Cause::Unmanaged | Cause::UnmanagedMembership) {
        return Vec::new();
    }
    let (group, set) = match &item.subject {
        Subject::Grants {
            principal: PrincipalKey::Group(group),
            permission_set,
            ..
        } => (Some(group), Some(permission_set)),
        Subject::Grants { permission_set, .. } => (None, Some(permission_set)),
        Subject::Members { group, .. } => (Some(group), None),
        Subject::Entity {
            key: EntityKey::PermissionSet(set),
            ..
        } => (None, Some(set)),
        _ => (None, None),
    };
    let between = "could be taken for";
    let of_group = group.and_then(|group| groups.told("group", group.as_str(), between));
    let of_set = set.and_then(|set| sets.told("permission set", set.as_str(), between));
    of_group.into_iter().chain(of_set).collect()
}

fn entity_name(key: &EntityKey, observed: &Snapshot, names: &SharedNames<'_>) -> String {
    match key {
        EntityKey::Account(key) => observed.account_name(key),
        EntityKey::User(name) => person(name, observed, names),
        key => key.name(),
    }
}

fn details(subject: &Subject) -> Vec<Detail> {
    let mut out = Vec::new();
    let Subject::Entity { contents, ids, .. } = subject else {
        return out;
    };
    if let Some((before, now)) = ids {
        field(&mut out, "id", Some(before), Some(now));
    }
    match contents.as_deref() {
        Some((Content::PermissionSet(from), Content::PermissionSet(to))) => {
            permission_set(&mut out, from, to)
        }
        Some((Content::User(from), Content::User(to))) => user(&mut out, from, to),
        Some((Content::Group(from), Content::Group(to))) => group(&mut out, from, to),
        Some((Content::Account(from), Content::Account(to))) => {
            let shown = |ou: &crate::id::OuPath| EntityKey::OrganizationalUnit(ou.clone()).name();
            if from.name != to.name {
                field(&mut out, "name", Some(&from.name), Some(&to.name));
            }
            if let (Some(before), Some(now)) = (&from.ou, &to.ou) {
                field(&mut out, "ou", Some(shown(before)), Some(shown(now)));
            }
            if let (Some(before), Some(now)) = (&from.tags, &to.tags) {
                tags(&mut out, before, now);
            }
        }
        _ => {}
    }
    out
}

/// Who is frozen, and since when.
fn frozen(drift: &Drift) -> impl Iterator<Item = (String, String)> {
    drift.frozen.iter().map(|frozen| {
        let reason = frozen.reason.as_deref();
        let reason = reason.map(|reason| format!(": {reason}")).unwrap_or_default();
        let why = format!("frozen since {} by {}{reason}", frozen.at, frozen.actor);
        (frozen.principal.to_string(), why)
    })
}

/// What the part about what is held is called.
pub fn held_title(drift: &Drift) -> &'static str {
    if drift.frozen.is_empty() {
        "Held: not read or not found; nothing is concluded from it"
    } else {
        "Held: frozen, not read or not found; nothing is given or concluded"
    }
}

/// What is held for one reason, for people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldLine {
    /// What is held: one thing, or what several have in common and the first of them.
    pub what: String,
    /// Why.
    pub why: String,
    /// What helps, where that is known.
    pub remedy: Option<String>,
}

impl HeldLine {
    /// Why, and what helps, as one sentence.
    pub fn reason(&self) -> String {
        match &self.remedy {
            Some(remedy) => format!("{}; {remedy}", self.why),
            None => self.why.clone(),
        }
    }
}

/// As lines for people.
pub fn held_lines(all: Vec<Together<'_>>) -> Vec<HeldLine> {
    const MOST: usize = 5;
    let line = |together: Together<'_>| {
        let remedy = match together.reason {
            Alike::Lacks(denial) => Some(denial.remedy("plan")),
            Alike::NoAccount | Alike::Words(_) => None,
        };
        let count = together.subjects.len() as u64;
        let (what, why) = match (together.title(), together.reason) {
            (None, _) => (together.subjects.concat(), together.why.to_owned()),
            (Some(title), Alike::Lacks(_)) => (title, {
                let words = Denial::words(together.why);
                format!(
                    "{}. For example: {words}",
                    some_of(&together.subjects, count, MOST)
                )
            }),
            (Some(title), _) => (title, some_of(&together.subjects, count, MOST)),
        };
        HeldLine { what, why, remedy }
    };
    all.into_iter().map(line).collect()
}

/// What is held, by name.
pub fn held_name(held: &Held, observed: &Snapshot) -> String {
    match &held.subject {
        HeldSubject::Entity(EntityKey::Account(key)) => format!("account {}", observed.account_name(key)),
        HeldSubject::Entity(key) => key.to_string(),
        HeldSubject::Principal(key) => key.to_string(),
        HeldSubject::Pair(account, set) => {
            format!("permission set {set} in {}", observed.account_name(account))
        }
        HeldSubject::Members(group) => format!("members of group {group}"),
        HeldSubject::All(kind) => format!("every {}", kind.name().replace('_', " ")),
    }
}
