//! Builds the page's data from a state, its history, a plan and drift.
//!
//! The reading says what is there; what was applied says which blocks declare it; plan and drift mark rows and add
//! those that are only to come, or that are gone. All of them name things in their own ways, which meet in the index.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use rustc_hash::FxHashMap;

use crate::drift::{Cause, Subject};
use crate::id::{AccountId, AccountKey, GroupName, PermissionSetName, PrincipalKey, UserName};
use crate::model::access::{Declaration, Note};
use crate::model::action::Effect;
use crate::model::history::Since;
use crate::model::identities::Succession;
use crate::model::in_account::in_brief;
use crate::model::role_content::RoleContents;
use crate::model::roles::{RoleSuffix, role_arn};
use crate::plan::people::{PeopleChange, PeopleRow};
use crate::plan::risk::{RiskMark, SetRisk};
use crate::report::drift_view::DriftView;
use crate::report::escape::{escape, name};
use crate::report::json::history::{LogLine, What};
use crate::report::memberships::undeclared;
use crate::report::plan_view::PlanView;
use crate::report::plan_view::altered::{becomes_graver, what_changes};
use crate::report::shared_names::SharedNames;

use super::Sources;
use super::data::{
    AccountEntry, AlteredEntry, BlockEntry, EditedRole, GRANTED, LEFT_OVER, MISSING, MembersEntry, OVERDUE,
    PRESENT, PageData, PeopleEntry, PrincipalEntry, REVOKED, Review, Row, RunEntry, SetEntry, UNMANAGED,
};
use super::marks::Marks;
use super::text::{day, moment, policies};

impl Review {
    /// Builds the tables and rows.
    pub fn new(sources: &Sources<'_>) -> Self {
        let mut builder = Builder::new(sources);
        builder.current();
        if let Some(plan) = sources.plan {
            builder.planned(plan);
        }
        if let Ok(drift) = sources.drift {
            builder.drifted(drift);
        }
        builder.finish()
    }
}

type Key = (u32, u32, u32);

#[derive(Debug, Clone, Copy, Default)]
struct Known {
    note: u32,
    since: i32,
    state: u8,
}

struct Builder<'a> {
    sources: &'a Sources<'a>,
    marks: Marks,
    data: PageData,
    index: Index<'a>,
    since: BTreeMap<(Since, Option<u32>), i32>,
    notes: BTreeMap<Vec<u32>, u32>,
    rows: FxHashMap<Key, Known>,
    times: Vec<Timestamp>,
}

/// Where names stand in the tables.
#[derive(Default)]
struct Index<'a> {
    accounts: BTreeMap<AccountKey, u32>,
    by_email: BTreeMap<&'a str, AccountKey>,
    sets: BTreeMap<PermissionSetName, u32>,
    principals: BTreeMap<PrincipalKey, u32>,
    people: BTreeMap<UserName, u32>,
    /// Who of what was applied has another key in the service.
    renamed: Succession,
}

impl<'a> Builder<'a> {
    fn new(sources: &'a Sources<'a>) -> Self {
        let mut builder = Builder {
            sources,
            marks: Marks::new(sources.risk_rules()),
            data: PageData::default(),
            index: Index::default(),
            since: BTreeMap::new(),
            notes: BTreeMap::from([(Vec::new(), 0)]),
            rows: FxHashMap::default(),
            times: Vec::new(),
        };
        builder.data.role_arn = arn_pieces(sources.region());
        builder.data.runs = sources.log.iter().filter_map(run).collect();
        builder.index.renamed = sources.renamed();
        builder.since();
        builder.people();
        builder.accounts();
        builder.sets();
        builder.principals();
        builder.moves();
        builder.blocks();
        builder.edited();
        builder
    }

    /// Every moment that dates of grants and memberships name.
    fn since(&mut self) {
        let dates = self.sources.history.dates();
        let times: BTreeSet<_> = dates
            .iter()
            .flat_map(|since| since.last_without.into_iter().chain([since.first_with]))
            .collect();
        let times: Vec<Timestamp> = times.into_iter().collect();
        self.data.times = times.iter().map(|time| moment(*time)).collect();
        self.times = times;
    }

    /// The index of a date, with the run that made what has it.
    fn dated(&mut self, since: Since, run: Option<u32>) -> i32 {
        let at = |time| self.times.binary_search(&time).map_or(-1, place);
        let entry = (
            since.last_without.map_or(-1, at),
            at(since.first_with),
            run.and_then(|run| i32::try_from(run).ok()).unwrap_or(-1),
        );
        let next = place(self.data.since.len());
        match self.since.get(&(since, run)) {
            Some(known) => *known,
            None => {
                self.data.since.push(entry);
                self.since.insert((since, run), next);
                next
            }
        }
    }

    fn people(&mut self) {
        let snapshot = self.sources.snapshot();
        let mut known: BTreeSet<&UserName> = snapshot.users.keys().collect();
        known.extend(
            snapshot
                .groups
                .values()
                .flat_map(|group| group.value.members.iter().flatten()),
        );
        let granted = self.sources.principals();
        known.extend(granted.iter().filter_map(|key| match key {
            PrincipalKey::User(name) => Some(name),
            _ => None,
        }));
        if let Some(plan) = self.sources.plan {
            known.extend(plan.plan.people.rows.iter().flat_map(|row| &row.people));
        }
        let shown = |user: &UserName| match snapshot.users.get(user) {
            Some(found) => found.value.shown().to_owned(),
            None => self.sources.planned_name(user),
        };
        let mut people: Vec<(String, &UserName)> =
            known.into_iter().map(|user| (shown(user), user)).collect();
        people.sort();
        let known = [snapshot, &self.sources.recorded.applied];
        let everyone = SharedNames::of_people(&known);
        let planned = self.sources.plan.map(|view| &view.plan.namesakes);
        let is_shared = |shown: &str, user: &UserName| {
            everyone.has(user.as_str(), shown) || planned.is_some_and(|planned| planned.contains(user))
        };
        for (shown, user) in people {
            if is_shared(&shown, user) {
                self.data.namesakes.push(rank(self.data.people.len()));
            }
            self.index
                .people
                .insert(user.clone(), rank(self.data.people.len()));
            self.data
                .people
                .push((name(&shown).into_owned(), name(user.as_str()).into_owned()));
        }
    }

    fn accounts(&mut self) {
        let snapshot = self.sources.snapshot();
        let live = snapshot.accounts.values();
        self.index.by_email = live
            .filter_map(|account| Some((account.value.email.as_ref()?.as_str(), account.value.key.clone())))
            .collect();
        let mut keys: BTreeSet<AccountKey> = snapshot.accounts.keys().cloned().collect();
        keys.extend(
            self.sources
                .accounts()
                .into_iter()
                .map(|key| self.index.live(&key)),
        );
        let mut units = BTreeSet::new();
        let mut entries: Vec<_> = keys
            .into_iter()
            .map(|key| {
                let account = snapshot.accounts.get(&key).map(|entity| &entity.value);
                let unit = account.and_then(|account| account.ou.clone());
                units.extend(unit.clone());
                (unit, self.sources.account_name(&key), key, account)
            })
            .collect();
        entries.sort_by(|a, b| (&a.0, &a.1, &a.2).cmp(&(&b.0, &b.1, &b.2)));
        let units: Vec<_> = units.into_iter().collect();
        for (unit, shown, key, account) in entries {
            let unit = unit.and_then(|unit| units.binary_search(&unit).ok());
            let production = self.marks.in_production(&key, snapshot);
            self.data.accounts.push(AccountEntry {
                name: name(&shown).into_owned(),
                id: escape(&key.to_string()).into_owned(),
                unit: unit.map_or(-1, place),
                production: production.is_some(),
                because: production.unwrap_or_default(),
                management: account.is_some_and(|account| account.management),
                inactive: account.is_some_and(|account| !account.status.is_assignable()),
            });
            self.index
                .accounts
                .insert(key, rank(self.data.accounts.len() - 1));
        }
        self.data.units = units.iter().map(|unit| unit_name(unit.as_str())).collect();
    }

    fn sets(&mut self) {
        let snapshot = self.sources.snapshot();
        let mut names: BTreeSet<PermissionSetName> = snapshot.permission_sets.keys().cloned().collect();
        names.extend(self.sources.permission_sets());
        for key in names {
            let set = snapshot.permission_sets.get(&key).map(|entity| &entity.value);
            let description = set
                .and_then(|set| set.description.as_ref()?.as_known())
                .unwrap_or_default();
            let (mark, because) = self.marks.set(&key, set).unzip();
            self.data.sets.push(SetEntry {
                name: name(key.as_str()).into_owned(),
                description: escape(description).into_owned(),
                administrator: mark == Some(RiskMark::Administrator),
                risk: mark.map(RiskMark::word).unwrap_or_default(),
                because: because.unwrap_or_default(),
                altered: self.sources.plan.and_then(|view| altered(view, &key)),
                session: set
                    .map(|set| set.session_duration.to_string())
                    .unwrap_or_default(),
                policies: set.map(policies).unwrap_or_default(),
            });
            self.index.sets.insert(key, rank(self.data.sets.len() - 1));
        }
    }

    fn principals(&mut self) {
        let snapshot = self.sources.snapshot();
        let mut keys: BTreeSet<PrincipalKey> = self.sources.principals();
        keys.extend(snapshot.groups.keys().cloned().map(PrincipalKey::Group));
        for key in keys {
            let entry = match &key {
                PrincipalKey::Group(group) => self.group(group),
                PrincipalKey::User(user) => self.user(user),
                PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => PrincipalEntry {
                    kind: "deleted",
                    name: name(&key.to_string()).into_owned(),
                    members: None,
                    joined: Vec::new(),
                    undeclared: Vec::new(),
                    moves: MembersEntry::default(),
                },
            };
            self.data.principals.push(entry);
            self.index
                .principals
                .insert(key, rank(self.data.principals.len() - 1));
        }
    }

    fn user(&self, user: &UserName) -> PrincipalEntry {
        let person = self.index.people.get(user).copied();
        let shown = person.and_then(|at| self.data.people.get(at as usize));
        PrincipalEntry {
            kind: "user",
            name: shown.map(|(shown, _)| shown.clone()).unwrap_or_default(),
            members: Some(person.into_iter().collect()),
            joined: Vec::new(),
            undeclared: Vec::new(),
            moves: MembersEntry::default(),
        }
    }

    fn group(&mut self, group: &GroupName) -> PrincipalEntry {
        let sources = self.sources;
        let found = sources.snapshot().groups.get(group);
        let members = found.and_then(|group| group.value.members.as_ref());
        let people = members.map(|members| {
            let mut people: Vec<(u32, i32)> = Vec::with_capacity(members.len());
            for user in members {
                let Some(person) = self.index.people.get(user).copied() else {
                    continue;
                };
                let since = sources.history.member(group, user);
                let since = since.map(|since| self.dated(since, sources.made.member(group, user, since)));
                people.push((person, since.unwrap_or(-1)));
            }
            people.sort_unstable();
            people
        });
        let undeclared = undeclared(&sources.recorded.applied, sources.snapshot(), group);
        let mut undeclared: Vec<u32> = undeclared
            .iter()
            .filter_map(|user| self.index.people.get(user).copied())
            .collect();
        undeclared.sort_unstable();
        let joined = people.iter().flatten().map(|(_, since)| *since).collect();
        PrincipalEntry {
            kind: "group",
            name: name(group.as_str()).into_owned(),
            members: people.map(|people| people.into_iter().map(|(person, _)| person).collect()),
            joined,
            undeclared,
            moves: MembersEntry::default(),
        }
    }

    /// Who comes into groups and goes, by the plan and by drift.
    fn moves(&mut self) {
        let sources = self.sources;
        let actions = sources.plan.iter().flat_map(|view| &view.plan.actions);
        for action in actions {
            match &action.effect {
                Some(Effect::AddMember { group, user }) => {
                    self.move_one(group, user, |moves| &mut moves.joins);
                }
                Some(Effect::RemoveMember { group, user }) => {
                    self.move_one(group, user, |moves| &mut moves.leaves);
                }
                _ => {}
            }
        }
        let items = sources.drift.iter().flat_map(|view| &view.drift.items);
        for item in items.filter(|item| item.cause == Cause::Missing) {
            if let Subject::Members { group, users } = &item.subject {
                for user in users {
                    self.move_one(group, user, |moves| &mut moves.gone);
                }
            }
        }
    }

    fn move_one(
        &mut self,
        group: &GroupName,
        user: &UserName,
        list: impl Fn(&mut MembersEntry) -> &mut Vec<u32>,
    ) {
        let group = PrincipalKey::Group(group.clone());
        let user = PrincipalKey::User(user.clone());
        let group = self
            .index
            .principals
            .get(self.index.renamed.now_there(&group))
            .copied();
        let PrincipalKey::User(user) = self.index.renamed.now_there(&user) else {
            return;
        };
        let person = self.index.people.get(user).copied();
        let entry = group.and_then(|at| self.data.principals.get_mut(at as usize));
        if let (Some(entry), Some(person)) = (entry, person) {
            list(&mut entry.moves).push(person);
        }
    }

    /// The blocks of what was applied; those of a plan come behind them.
    fn blocks(&mut self) {
        let declarations = &self.sources.recorded.applied.access.declarations;
        self.data.blocks = declarations.iter().map(block).collect();
        self.data.notes.push(Vec::new());
    }

    /// Roles that hold something else than their sets say, with what they amount to.
    fn edited(&mut self) {
        let recorded = self.sources.recorded;
        let Some(seen) = recorded.seen.as_ref() else {
            return;
        };
        let contents = RoleContents::at(seen.into(), &recorded.older_roles);
        let mut roles: BTreeMap<(u32, u32), EditedRole> = BTreeMap::new();
        for (account, name, content) in contents.iter() {
            let account = self.index.accounts.get(&self.index.live(account));
            let (Some(account), Some(set)) = (account, self.index.sets.get(name)) else {
                continue;
            };
            let (mark, because) = match &content.content {
                Some(content) => self.marks.set(name, Some(content)).unzip(),
                None => (Some(RiskMark::RoleNotKnown), None),
            };
            let edits = content.edits.iter();
            let edits = edits.map(|edit| escape(&in_brief(edit)).into_owned());
            let role = EditedRole {
                account: *account,
                set: *set,
                what: content.what(),
                edits: content.holds(name.as_str()).into_iter().chain(edits).collect(),
                administrator: mark == Some(RiskMark::Administrator),
                risk: mark.map(RiskMark::word).unwrap_or_default(),
                because: because.unwrap_or_default(),
            };
            roles.insert((*account, *set), role);
        }
        self.data.edited = roles.into_values().collect();
    }

    fn note(&mut self, mut blocks: Vec<u32>) -> u32 {
        blocks.sort_unstable();
        blocks.dedup();
        if let Some(known) = self.notes.get(&blocks) {
            return *known;
        }
        let place = rank(self.data.notes.len());
        self.notes.insert(blocks.clone(), place);
        self.data.notes.push(blocks);
        place
    }

    fn key(&self, account: &AccountKey, set: &PermissionSetName, principal: &PrincipalKey) -> Option<Key> {
        let account = self.index.accounts.get(&self.index.live(account))?;
        Some((
            *account,
            *self.index.sets.get(set)?,
            *self.index.principals.get(principal)?,
        ))
    }

    /// What is there, and which blocks declared it when it was applied.
    fn current(&mut self) {
        let sources = self.sources;
        let access = &sources.snapshot().access;
        for tuple in &access.tuples {
            let Some((account, set, principal)) = access.names.resolve(*tuple) else {
                continue;
            };
            let Some(key) = self.key(account, set, principal) else {
                continue;
            };
            let since = sources.history.grant(account, set, principal);
            let since = since.map(|since| {
                let run = sources.made.grant(account, set, principal, since);
                self.dated(since, run)
            });
            let since = since.unwrap_or(-1);
            self.rows.insert(
                key,
                Known {
                    note: 0,
                    since,
                    state: PRESENT,
                },
            );
        }
        let applied = &sources.recorded.applied.access;
        let notes: Vec<u32> = applied
            .notes
            .iter()
            .map(|note| self.note(note.declared_by.clone()))
            .collect();
        for (tuple, note) in applied.tuples.iter().zip(&applied.note_of) {
            let Some((account, set, principal)) = applied.names.resolve(*tuple) else {
                continue;
            };
            let now = self.index.renamed.now(principal).unwrap_or(principal);
            let Some(key) = self.key(account, set, now) else {
                continue;
            };
            let note = notes.get(*note as usize).copied().unwrap_or(0);
            if let Some(row) = self.rows.get_mut(&key) {
                row.note = note;
            }
        }
    }

    fn planned(&mut self, view: &PlanView<'_>) {
        let plan = view.plan;
        let first = rank(self.data.blocks.len());
        self.data.blocks.extend(plan.declarations.iter().map(block));
        let of_plan = |note: &Note| note.declared_by.iter().map(|block| block + first).collect();
        let notes: Vec<u32> = plan.notes.iter().map(|note| self.note(of_plan(note))).collect();
        let granted = plan
            .grants
            .iter()
            .map(|step| (step.tuple, Some(step.note), GRANTED));
        let revoked = plan.revokes.iter().map(|step| (step.tuple, None, REVOKED));
        for (tuple, note, bit) in granted.chain(revoked) {
            let Some((account, set, principal)) = plan.names.resolve(tuple) else {
                continue;
            };
            let Some(key) = self.key(account, set, principal) else {
                continue;
            };
            let row = self.rows.entry(key).or_insert(Known {
                note: 0,
                since: -1,
                state: 0,
            });
            row.state |= bit;
            if let Some(note) = note.and_then(|note| notes.get(note as usize)) {
                row.note = *note;
            }
        }
        self.data.people_changes = plan
            .people
            .rows
            .iter()
            .filter_map(|row| self.change(view, row))
            .collect();
    }

    fn change(&self, view: &PlanView<'_>, row: &PeopleRow) -> Option<PeopleEntry> {
        let names = &view.plan.names;
        let change = match row.change {
            PeopleChange::Gains => "gains",
            PeopleChange::KeepsLonger => "longer",
            PeopleChange::Loses => "loses",
            PeopleChange::KeepsVia => "keeps",
            PeopleChange::Unknown => return None,
        };
        let account = |rank: &u32| {
            self.index
                .accounts
                .get(&self.index.live(names.account(*rank)?))
                .copied()
        };
        Some(PeopleEntry {
            change,
            set: *self.index.sets.get(names.permission_set(row.permission_set)?)?,
            accounts: row.accounts.iter().filter_map(account).collect(),
            people: row
                .people
                .iter()
                .filter_map(|user| self.index.people.get(user).copied())
                .collect(),
            via: row
                .via
                .iter()
                .filter_map(|key| self.index.principals.get(key).copied())
                .collect(),
        })
    }

    fn drifted(&mut self, view: &DriftView<'_>) {
        for item in &view.drift.items {
            let bit = match item.cause {
                Cause::Unmanaged => UNMANAGED,
                Cause::Orphaned => LEFT_OVER,
                Cause::Missing => MISSING,
                Cause::Overdue => OVERDUE,
                _ => continue,
            };
            let Subject::Grants {
                permission_set,
                principal,
                accounts,
            } = &item.subject
            else {
                continue;
            };
            // What nobody declared has the name that the service has for it, wherever there is one of that name.
            let now = match item.cause {
                Cause::Unmanaged if self.index.principals.contains_key(principal) => principal,
                _ => self.index.renamed.now_there(principal),
            }
            .clone();
            for account in accounts {
                let Some(key) = self.key(account, permission_set, &now) else {
                    continue;
                };
                let row = self.rows.entry(key).or_insert(Known {
                    note: 0,
                    since: -1,
                    state: 0,
                });
                row.state |= bit;
            }
        }
    }

    fn finish(mut self) -> Review {
        let mut rows: Vec<Row> = self
            .rows
            .iter()
            .map(|((account, set, principal), known)| Row {
                account: *account,
                set: *set,
                principal: *principal,
                note: known.note,
                since: known.since,
                state: known.state,
            })
            .collect();
        rows.sort_unstable();
        let suffixes = self.suffixes();
        for row in &rows {
            let same = self
                .data
                .pairs
                .last_chunk::<3>()
                .is_some_and(|[a, s, _]| (*a, *s) == (row.account, row.set));
            if !same {
                self.data.pairs.extend([row.account, row.set, 0]);
                let suffix = suffixes.get(&(row.account, row.set));
                self.data
                    .suffixes
                    .push(suffix.map(ToString::to_string).unwrap_or_default());
            }
            if let Some(count) = self.data.pairs.last_mut() {
                *count += 1;
            }
            let number = |index: u32| i32::try_from(index).unwrap_or(-1);
            self.data.rows.extend([
                number(row.principal),
                number(row.note),
                row.since,
                i32::from(row.state),
            ]);
        }
        Review {
            data: self.data,
            rows,
        }
    }

    fn suffixes(&self) -> FxHashMap<(u32, u32), RoleSuffix> {
        let Some(seen) = &self.sources.recorded.seen else {
            return FxHashMap::default();
        };
        let names = &seen.snapshot.access.names;
        let known = seen.roles.iter().filter_map(|role| {
            let account = names.account(role.pair.account())?;
            let set = names.permission_set(role.pair.permission_set())?;
            let account = self.index.accounts.get(&self.index.live(account))?;
            Some(((*account, *self.index.sets.get(set)?), role.suffix?))
        });
        known.collect()
    }
}

impl Index<'_> {
    /// The key that the service has for an account which a block or an older state knows by its e-mail address.
    fn live(&self, key: &AccountKey) -> AccountKey {
        let found = match key {
            AccountKey::Email(email) => self.by_email.get(email.as_str()),
            AccountKey::Id(_) => None,
        };
        found.unwrap_or(key).clone()
    }
}

fn block(declaration: &Declaration) -> BlockEntry {
    let place = declaration
        .location
        .as_ref()
        .map(ToString::to_string)
        .unwrap_or_default();
    BlockEntry {
        address: escape(&declaration.address.to_string()).into_owned(),
        place: escape(&place).into_owned(),
        reason: escape(declaration.reason.as_deref().unwrap_or_default()).into_owned(),
        expires: declaration.expires.map(day).unwrap_or_default(),
    }
}

/// What a plan changes of what a set allows.
fn altered(view: &PlanView<'_>, set: &PermissionSetName) -> Option<AlteredEntry> {
    let mut lines = view.altered.iter();
    let line = lines.find(|line| line.set.permission_set == *set)?;
    let risk = view.plan.risks.sets.get(set);
    let because = risk.into_iter().flat_map(SetRisk::because);
    Some(AlteredEntry {
        what: what_changes(&line.set.changed, "it"),
        marks: line.marks().unwrap_or_default(),
        graver: becomes_graver(line.set),
        because: because.map(|why| escape(&why).into_owned()).collect(),
    })
}

fn run(line: &LogLine) -> Option<RunEntry> {
    let What::Run {
        command,
        digest,
        reason,
        ..
    } = &line.what
    else {
        return None;
    };
    Some(RunEntry {
        at: moment(line.at),
        actor: escape(&line.actor).into_owned(),
        command: escape(command).into_owned(),
        digest: escape(digest).into_owned(),
        reason: escape(reason.as_deref().unwrap_or_default()).into_owned(),
    })
}

/// The rule for ARNs of roles stands in one place: an ARN of made-up parts, cut where they stand.
fn arn_pieces(region: Option<&str>) -> Vec<String> {
    let parts = || {
        Some((
            AccountId::new("000000000000").ok()?,
            PermissionSetName::new("SET").ok()?,
        ))
    };
    let (Some(region), Some((account, set))) = (region, parts()) else {
        return Vec::new();
    };
    let arn = role_arn(&account, region, &set, RoleSuffix(0));
    let cut = || {
        let (head, rest) = arn.split_once("000000000000")?;
        let (middle, rest) = rest.rsplit_once("SET")?;
        Some(vec![
            head.to_owned(),
            middle.to_owned(),
            rest.strip_suffix("0000000000000000")?.to_owned(),
        ])
    };
    cut().unwrap_or_default()
}

fn unit_name(path: &str) -> String {
    match path {
        "" => "Root".to_owned(),
        path => name(path).into_owned(),
    }
}

fn rank(index: usize) -> u32 {
    u32::try_from(index).unwrap_or(u32::MAX)
}

fn place(index: usize) -> i32 {
    i32::try_from(index).unwrap_or(-1)
}
