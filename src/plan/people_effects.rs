//! Works out who gains and loses what, by expanding groups into people.
//!
//! A person's access to a set in an account is the union over the person's
//! principals (the user itself and every group it is in). People with the same
//! relevant principals before and after fare alike, so the work is done once per
//! such class, and sets that nothing touches are skipped; the totals are exact
//! all the same.

mod by_set;
mod first;
mod hashes;
mod longer;
mod still;
mod unread;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;
use rustc_hash::{FxHashMap, FxHashSet};

use crate::id::{EntityKey, GroupName, PrincipalKey, UserName};
use crate::model::access::{Names, Tuple};
use crate::model::action::Effect;

use super::Plan;
use super::change::ActionKind;
use super::ends::Lasting;
use super::hashing::Gathering;
use super::input::PlanInput;
use super::people::{EndMoved, PeopleChange, PeopleEffects, PeopleRow};
use by_set::{BySet, Reach};
use first::First;
pub(super) use hashes::{everyone, hash_of_crowd};
use hashes::{hash_principals, hash_row};
use still::Still;
pub(super) use unread::Unknown;
use unread::{Behind, Named, Unread};

/// What people gain and lose when `before` becomes `after` and the plan's membership changes are made.
///
/// Both relations are ascending, as ranks in the plan's names, and cover the whole instance: what is ignored or
/// out of scope too, since it may be the path by which somebody keeps access. `lasting` has the ends of what is there.
pub(super) fn people_effects(
    plan: &Plan,
    input: &PlanInput,
    lasting: &Lasting,
    (before, after): (&[Tuple], &[Tuple]),
) -> PeopleEffects {
    let mut effects = plan.actions.iter().filter_map(|action| action.effect.as_ref());
    let moves = effects.any(moves_people) || plan.strangers().next().is_some();
    let as_before = !moves && (std::ptr::eq(before, after) || before == after);
    if as_before && !longer::may_be(plan, lasting) {
        return PeopleEffects {
            digest: blake3::Hasher::new().finalize().to_hex().to_string(),
            ..PeopleEffects::default()
        };
    }
    let people = People::new(plan, input);
    let touched = touched_sets(&people, before, after);
    let by_set = BySet::new(before, after, &touched);
    // Sets have nothing to do with each other.
    let of_sets: Vec<(Rows, BTreeSet<GroupName>)> = (0_u32..)
        .zip(&touched)
        .filter(|(_, touched)| **touched)
        .collect::<Vec<_>>()
        .into_par_iter()
        .map(|(set, _)| {
            let (mut rows, mut unreadable) = (Rows::default(), BTreeSet::new());
            let reaches = by_set.reaches(set);
            classes_of_set(set, &reaches, &people, &mut rows);
            unknown_of_set(set, &reaches, &people, &mut rows, &mut unreadable);
            (rows, unreadable)
        })
        .collect();
    let mut rows: Vec<(RowKey, Vec<u32>)> = Vec::new();
    let mut unreadable = BTreeSet::new();
    for (of_set, unread) in of_sets {
        rows.extend(of_set.rows);
        unreadable.extend(unread);
    }
    rows.extend(longer::rows(plan, lasting, (before, after), &people));
    // Each set's rows are in order already; what is left is to put the changes one after another.
    rows.sort_by_key(|((change, set, ..), _)| (*change, *set));
    finish(rows, unreadable, &people, before, after)
}

/// Who is behind each principal, before and after. People are ranks in `names`.
pub(super) struct People<'a> {
    pub(super) names: Vec<&'a UserName>,
    principals: &'a Names,
    /// By principal rank: members before and after, ascending; `None` where they cannot be read.
    members: Vec<Option<Membership>>,
    groups: GroupMembers<'a>,
    rank: FxHashMap<&'a UserName, u32>,
    named: Named<'a>,
}

/// People of one principal, ascending.
#[derive(Default, Clone)]
pub(super) struct Membership {
    pub(super) before: Vec<u32>,
    pub(super) after: Vec<u32>,
}

impl<'a> People<'a> {
    /// Reads and carries out what the plan does to groups.
    pub(super) fn new(plan: &'a Plan, input: &'a PlanInput) -> Self {
        let mut groups = GroupMembers::new(plan, Unread::new(input));
        groups.read(input);
        groups.set_apart_strangers();
        groups.carry_out(plan);
        let users = plan
            .names
            .principals
            .iter()
            .filter_map(|principal| match principal {
                PrincipalKey::User(user) => Some(groups.user_now(user)),
                _ => None,
            });
        let members = groups.members.values().flatten();
        let members = members.flat_map(|(before, after)| before.iter().chain(after).copied());
        let distinct: FxHashSet<&UserName> = members.chain(users).collect();
        let mut names: Vec<&UserName> = distinct.into_iter().collect();
        names.sort_unstable();
        let rank: FxHashMap<&UserName, u32> = names.iter().copied().zip(0_u32..).collect();
        let members = plan.names.principals.iter();
        let members = members
            .map(|principal| groups.membership(principal, &rank))
            .collect();
        People {
            names,
            principals: &plan.names,
            members,
            groups,
            rank,
            named: Named::new(plan, input),
        }
    }

    /// Who is behind a principal that a rule names, and that may have no grant.
    ///
    /// # Errors
    /// Why nobody can tell.
    pub(super) fn behind(&self, principal: &'a PrincipalKey) -> Behind {
        match self.named.unknown(principal, &self.groups) {
            Some(unknown) => Err(unknown),
            None => self
                .groups
                .membership(principal, &self.rank)
                .ok_or(Unknown::Unread),
        }
    }

    fn principal(&self, rank: u32) -> Option<PrincipalKey> {
        self.principals.principal(rank).cloned()
    }

    /// Members of a principal, where they are known.
    pub(super) fn members(&self, principal: u32) -> Option<&Membership> {
        self.members.get(principal as usize)?.as_ref()
    }

    /// Whether nobody can tell who is behind a principal.
    pub(super) fn is_unreadable(&self, principal: u32) -> bool {
        matches!(self.members.get(principal as usize), Some(None))
    }
}

/// Members before and after, each ascending by name.
type BeforeAfter<'a> = (Vec<&'a UserName>, Vec<&'a UserName>);

/// Members before and after, by group. Users and groups that get another name go by the new one in both.
struct GroupMembers<'a> {
    members: BTreeMap<&'a GroupName, Option<BeforeAfter<'a>>>,
    users_now: BTreeMap<&'a UserName, &'a UserName>,
    groups_now: BTreeMap<&'a GroupName, &'a GroupName>,
    deleted: BTreeSet<&'a UserName>,
    /// Users who are taken for others that had their names: nothing of what they have was given to them by this stack.
    strangers: BTreeSet<&'a UserName>,
    unread: Unread<'a>,
}

impl<'a> GroupMembers<'a> {
    fn new(plan: &'a Plan, unread: Unread<'a>) -> Self {
        let mut groups = GroupMembers {
            members: BTreeMap::new(),
            users_now: BTreeMap::new(),
            groups_now: BTreeMap::new(),
            deleted: BTreeSet::new(),
            strangers: BTreeSet::new(),
            unread,
        };
        for effect in plan.actions.iter().filter_map(|action| action.effect.as_ref()) {
            match effect {
                Effect::UpdateUser { from, to } if from.user_name != to.user_name => {
                    groups.users_now.insert(&from.user_name, &to.user_name);
                }
                Effect::UpdateGroup { from, to } if from.display_name != to.display_name => {
                    groups.groups_now.insert(&from.display_name, &to.display_name);
                }
                _ => {}
            }
        }
        groups.strangers = plan.strangers().map(|user| groups.user_now(user)).collect();
        groups
    }

    fn user_now(&self, name: &'a UserName) -> &'a UserName {
        self.users_now.get(name).copied().unwrap_or(name)
    }

    fn group_now(&self, name: &'a GroupName) -> &'a GroupName {
        self.groups_now.get(name).copied().unwrap_or(name)
    }

    fn read(&mut self, input: &'a PlanInput) {
        for (name, group) in &input.observed.snapshot.groups {
            let members = group.value.members.as_ref();
            let members = members.filter(|_| !self.unread.holds_members(name));
            let members = members.map(|members| {
                let mut members: Vec<&UserName> = members.iter().map(|user| self.user_now(user)).collect();
                if !self.users_now.is_empty() {
                    members.sort_unstable();
                }
                (members.clone(), members)
            });
            self.members.insert(self.group_now(name), members);
        }
    }

    /// Whoever had the name before is gone: what the new one has already counts as given by the plan that takes it in.
    fn set_apart_strangers(&mut self) {
        let strangers = &self.strangers;
        if strangers.is_empty() {
            return;
        }
        for (before, _) in self.members.values_mut().flatten() {
            before.retain(|user| !strangers.contains(user));
        }
    }

    fn carry_out(&mut self, plan: &'a Plan) {
        for effect in plan.actions.iter().filter_map(|action| action.effect.as_ref()) {
            match effect {
                Effect::AddMember { group, user } => {
                    if let Some((_, after)) = self.of(group)
                        && let Err(at) = after.binary_search(&user)
                    {
                        after.insert(at, user);
                    }
                }
                Effect::RemoveMember { group, user } => {
                    if let Some((_, after)) = self.of(group) {
                        after.retain(|member| *member != user);
                    }
                }
                Effect::DeleteGroup { group } => {
                    if let Some((_, after)) = self.of(group) {
                        after.clear();
                    }
                }
                Effect::DeleteUser { user } => drop(self.deleted.insert(user)),
                _ => {}
            }
        }
        if !self.deleted.is_empty() {
            let deleted = &self.deleted;
            for (_, after) in self.members.values_mut().flatten() {
                after.retain(|user| !deleted.contains(user));
            }
        }
    }

    /// A group's members; a group that nobody saw is new and has none.
    fn of(&mut self, group: &'a GroupName) -> Option<&mut BeforeAfter<'a>> {
        let members = self.members.entry(group);
        members.or_insert_with(|| Some(BeforeAfter::default())).as_mut()
    }

    /// Whether a group is there, or is made by the plan with members.
    fn sees(&self, group: &GroupName) -> bool {
        self.members.contains_key(self.group_now(group))
    }

    /// Who is behind a principal; `None` when that cannot be read.
    fn membership(
        &self,
        principal: &'a PrincipalKey,
        rank: &FxHashMap<&UserName, u32>,
    ) -> Option<Membership> {
        let ranks = |users: &[&UserName]| users.iter().filter_map(|user| rank.get(user).copied()).collect();
        match principal {
            PrincipalKey::Group(group) => match self.members.get(self.group_now(group)) {
                Some(Some((before, after))) => Some(Membership {
                    before: ranks(before),
                    after: ranks(after),
                }),
                Some(None) => None,
                None if self.unread.hides_groups() => None,
                // Neither there nor planned: nobody is in it.
                None => Some(Membership::default()),
            },
            PrincipalKey::User(user) => {
                let user = self.user_now(user);
                let only_if = |there: bool| if there { ranks(&[user]) } else { Vec::new() };
                Some(Membership {
                    before: only_if(!self.strangers.contains(user)),
                    after: only_if(!self.deleted.contains(user)),
                })
            }
            // It is only known by its id, which is no proof that it is gone.
            orphan if self.unread.hides_orphan(orphan) => None,
            // A deleted principal lets nobody in.
            PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => Some(Membership::default()),
        }
    }
}

impl Plan {
    /// Users whom the plan takes for others that had their names.
    pub fn strangers(&self) -> impl Iterator<Item = &UserName> {
        self.actions.iter().filter_map(|action| match &action.entity {
            EntityKey::User(user) if action.kind == ActionKind::Rebind => Some(user),
            _ => None,
        })
    }
}

/// Whether a step changes who is behind a principal.
fn moves_people(effect: &Effect) -> bool {
    matches!(
        effect,
        Effect::AddMember { .. }
            | Effect::RemoveMember { .. }
            | Effect::DeleteGroup { .. }
            | Effect::DeleteUser { .. }
    )
}

/// By rank: the sets in which a grant changes, or to which a principal with changing members gives access.
fn touched_sets(people: &People, before: &[Tuple], after: &[Tuple]) -> Vec<bool> {
    let moves = |members: &Option<Membership>| {
        let members = members.as_ref();
        members.is_some_and(|members| members.before != members.after)
    };
    let moves: Vec<bool> = people.members.iter().map(moves).collect();
    let any_moves = moves.contains(&true);
    let mut touched = vec![false; people.principals.permission_sets.len()];
    let mut touch = |tuple: Tuple| {
        if let Some(flag) = touched.get_mut(tuple.permission_set() as usize) {
            *flag = true;
        }
    };
    let is_moved = |tuple: &Tuple| moves.get(tuple.principal() as usize) == Some(&true);
    let (mut left, mut right) = (before.iter().peekable(), after.iter().peekable());
    while let Some(tuple) = left
        .peek()
        .copied()
        .into_iter()
        .chain(right.peek().copied())
        .min()
        .copied()
    {
        let was = left.next_if(|other| **other == tuple).is_some();
        let will = right.next_if(|other| **other == tuple).is_some();
        if was != will || (any_moves && is_moved(&tuple)) {
            touch(tuple);
        }
    }
    touched
}

/// One of a person's principals in a set: which, and whether the person is in it before and after.
type Path = (u32, bool, bool);

/// Sorts the people of a set into classes of equal paths, and works each class out once.
fn classes_of_set(set: u32, reaches: &BTreeMap<u32, Reach>, people: &People, rows: &mut Rows) {
    let mut paths: Vec<(u32, Path)> = Vec::new();
    for principal in reaches.keys() {
        let Some(members) = people.members(*principal) else {
            continue;
        };
        merge_members(members, |person, before, after| {
            paths.push((person, (*principal, before, after)))
        });
    }
    paths.sort_unstable();
    let mut classes: FxHashMap<Vec<Path>, Vec<u32>> = FxHashMap::default();
    // Classes are few beside people: most find theirs, and need no signature of their own.
    let mut signature = Vec::new();
    for same in paths.chunk_by(|left, right| left.0 == right.0) {
        let Some((person, _)) = same.first() else { continue };
        signature.clear();
        signature.extend(same.iter().map(|(_, path)| *path));
        match classes.get_mut(&signature) {
            Some(members) => members.push(*person),
            None => {
                classes.insert(signature.clone(), vec![*person]);
            }
        }
    }
    let mut classes: Vec<(Vec<Path>, Vec<u32>)> = classes.into_iter().collect();
    classes.sort_unstable();
    for (signature, members) in classes {
        class_rows(set, &signature, &members, reaches, people, rows);
    }
}

/// Calls `each` with every person in either list, and in which.
fn merge_members(members: &Membership, mut each: impl FnMut(u32, bool, bool)) {
    let (mut before, mut after) = (members.before.iter().peekable(), members.after.iter().peekable());
    loop {
        match (before.peek(), after.peek()) {
            (None, None) => return,
            (Some(left), Some(right)) if left == right => {
                each(**left, true, true);
                before.next();
                after.next();
            }
            (Some(left), right) if right.is_none_or(|right| left < right) => {
                each(**left, true, false);
                before.next();
            }
            (_, Some(right)) => {
                each(**right, false, true);
                after.next();
            }
            (Some(_), None) => return,
        }
    }
}

fn class_rows(
    set: u32,
    signature: &[Path],
    members: &[u32],
    reaches: &BTreeMap<u32, Reach>,
    people: &People,
    rows: &mut Rows,
) {
    let had = paths_of(signature, reaches, |path| path.1, |reach| &reach.before);
    let will = paths_of(signature, reaches, |path| path.2, |reach| &reach.after);
    let (before, after) = (union(&had), union(&will));
    let gained = minus(&after, &before);
    let lost = minus(&before, &after);
    let kept = kept_by_another_path(&had, &will, &after);
    let via = |paths: &[(&Path, &[u32])], accounts: &[u32]| -> BTreeSet<PrincipalKey> {
        let reaching = paths.iter().filter(|(_, reach)| intersects(reach, accounts));
        reaching
            .filter_map(|(path, _)| people.principal(path.0))
            .collect()
    };
    if !gained.is_empty() {
        rows.add(
            PeopleChange::Gains,
            set,
            &gained,
            via(&will, &gained),
            Kept::new(),
            members,
        );
    }
    if !lost.is_empty() {
        rows.add(
            PeopleChange::Loses,
            set,
            &lost,
            via(&had, &lost),
            Kept::new(),
            members,
        );
    }
    for ((goes, stays), accounts) in kept {
        let names = |ranks: &[u32]| ranks.iter().filter_map(|rank| people.principal(*rank)).collect();
        let named = |(rank, is_new): &(u32, bool)| Some((people.principal(*rank)?, *is_new));
        rows.add(
            PeopleChange::KeepsVia,
            set,
            &accounts,
            names(&goes),
            stays.iter().filter_map(named).collect(),
            members,
        );
    }
}

/// The paths of a signature that `in_force` picks, each with the accounts it reaches.
fn paths_of<'s>(
    signature: &'s [Path],
    reaches: &'s BTreeMap<u32, Reach>,
    in_force: impl Fn(&Path) -> bool,
    accounts: impl Fn(&'s Reach) -> &'s [u32],
) -> Vec<(&'s Path, &'s [u32])> {
    let chosen = signature.iter().filter(|path| in_force(path));
    chosen
        .filter_map(|path| reaches.get(&path.0).map(|reach| (path, accounts(reach))))
        .collect()
}

/// The paths that go, and those by which access is kept, each with whether it is new.
type Exchanged = (Vec<u32>, Vec<(u32, bool)>);

/// Accounts where a path goes and access stays, by the paths that go and the paths that stay or come.
fn kept_by_another_path(
    had: &[(&Path, &[u32])],
    will: &[(&Path, &[u32])],
    after: &[u32],
) -> BTreeMap<Exchanged, Vec<u32>> {
    let mut kept: BTreeMap<Exchanged, Vec<u32>> = BTreeMap::new();
    let mut gone: BTreeMap<u32, Vec<u32>> = BTreeMap::new();
    for (path, reach) in had {
        let still = will
            .iter()
            .find(|(other, _)| other.0 == path.0)
            .map_or(&[][..], |(_, reach)| *reach);
        for account in minus(reach, still) {
            gone.entry(account).or_default().push(path.0);
        }
    }
    for (account, goes) in gone {
        if after.binary_search(&account).is_err() {
            continue;
        }
        let stays = will
            .iter()
            .filter(|(_, reach)| reach.binary_search(&account).is_ok());
        let is_new = |path: u32| {
            let before = had.iter().find(|(other, _)| other.0 == path);
            before.is_none_or(|(_, reach)| reach.binary_search(&account).is_err())
        };
        let stays = stays.map(|(path, _)| (path.0, is_new(path.0))).collect();
        kept.entry((goes, stays)).or_default().push(account);
    }
    kept
}

fn unknown_of_set(
    set: u32,
    reaches: &BTreeMap<u32, Reach>,
    people: &People,
    rows: &mut Rows,
    unreadable: &mut BTreeSet<GroupName>,
) {
    for (principal, reach) in reaches {
        if !people.is_unreadable(*principal) || !reach.changed() {
            continue;
        }
        let Some(key) = people.principal(*principal) else {
            continue;
        };
        let mut accounts = minus(&reach.after, &reach.before);
        accounts.extend(minus(&reach.before, &reach.after));
        accounts.sort_unstable();
        if let PrincipalKey::Group(group) = &key {
            unreadable.insert(group.clone());
        }
        rows.add(
            PeopleChange::Unknown,
            set,
            &accounts,
            BTreeSet::from([key]),
            Kept::new(),
            &[],
        );
    }
}

fn union(lists: &[(&Path, &[u32])]) -> Vec<u32> {
    let mut all: Vec<u32> = lists.iter().flat_map(|(_, list)| list.iter().copied()).collect();
    if lists.len() > 1 {
        all.sort_unstable();
        all.dedup();
    }
    all
}

fn minus(left: &[u32], right: &[u32]) -> Vec<u32> {
    let mut right = right.iter().copied().peekable();
    let mut out = Vec::new();
    for item in left {
        while right.next_if(|other| other < item).is_some() {}
        if right.peek() != Some(item) {
            out.push(*item);
        }
    }
    out
}

fn intersects(left: &[u32], right: &[u32]) -> bool {
    let (small, large) = if left.len() < right.len() {
        (left, right)
    } else {
        (right, left)
    };
    small.iter().any(|item| large.binary_search(item).is_ok())
}

/// Paths by which access is kept, each with whether it is new.
type Kept = BTreeMap<PrincipalKey, bool>;

type RowKey = (
    PeopleChange,
    u32,
    Arc<[u32]>,
    BTreeSet<PrincipalKey>,
    Kept,
    Option<EndMoved>,
);

/// Rows under construction: classes that fare alike are put together.
#[derive(Default)]
struct Rows {
    rows: BTreeMap<RowKey, Vec<u32>>,
}

impl Rows {
    fn add(
        &mut self,
        change: PeopleChange,
        set: u32,
        accounts: &[u32],
        via: BTreeSet<PrincipalKey>,
        keeps: Kept,
        people: &[u32],
    ) {
        self.rows
            .entry((change, set, accounts.into(), via, keeps, None))
            .or_default()
            .extend(people);
    }
}

fn finish(
    rows: Vec<(RowKey, Vec<u32>)>,
    unreadable: BTreeSet<GroupName>,
    people: &People,
    before: &[Tuple],
    after: &[Tuple],
) -> PeopleEffects {
    let mut effects = PeopleEffects {
        unreadable,
        ..PeopleEffects::default()
    };
    let nobody = vec![false; people.names.len()];
    let (mut gaining, mut losing, mut longer) = (nobody.clone(), nobody.clone(), nobody);
    let mut hasher = Gathering::new();
    let accounts_by_rank: Vec<String> = people
        .principals
        .accounts
        .iter()
        .map(ToString::to_string)
        .collect();
    let mut still = Still::new(people, before, after);
    let mut first = First::new(people, before);
    for ((change, set, accounts, via, keeps, ends), mut members) in rows {
        members.sort_unstable();
        members.dedup();
        let facts = members.len() as u64 * accounts.len() as u64;
        match change {
            PeopleChange::Gains => {
                effects.gained += facts;
                mark(&mut gaining, &members);
            }
            PeopleChange::Loses => {
                effects.lost += facts;
                mark(&mut losing, &members);
            }
            PeopleChange::KeepsLonger => mark(&mut longer, &members),
            PeopleChange::KeepsVia | PeopleChange::Unknown => {}
        }
        hash_row(
            &mut hasher,
            change,
            set,
            (&accounts, &accounts_by_rank),
            &members,
            people,
        );
        if let Some(ends) = ends {
            hasher.update(format!("{} {:?}", ends.from, ends.to).as_bytes());
        }
        if change == PeopleChange::Unknown || members.is_empty() {
            // There is nobody to name, so that it matters by whom it comes.
            hash_principals(&mut hasher, &via);
        }
        let (still, gained) = if change == PeopleChange::Loses {
            still.of(set, &accounts, &members)
        } else {
            Default::default()
        };
        let first = match change {
            PeopleChange::Gains => first.of(&accounts, &members),
            _ => Default::default(),
        };
        let name = |rank: &u32| people.names.get(*rank as usize).copied().cloned();
        let everyone = everyone(&members, people);
        if let (PeopleChange::Gains | PeopleChange::KeepsLonger, Some(hash)) = (change, &everyone) {
            let crowd = effects.crowds.entry(Arc::clone(hash));
            crowd.or_insert_with(|| members.iter().filter_map(name).collect());
        }
        effects.rows.push(PeopleRow {
            change,
            people: members
                .iter()
                .take(PeopleRow::MOST_NAMED)
                .filter_map(name)
                .collect(),
            count: members.len() as u64,
            permission_set: set,
            accounts: accounts.to_vec(),
            via,
            comes: keeps
                .iter()
                .filter(|(_, is_new)| **is_new)
                .map(|(key, _)| key.clone())
                .collect(),
            keeps: keeps.into_keys().collect(),
            still,
            gained,
            first,
            everyone,
            ends,
        });
    }
    // The widest first within each kind of change; ties in the order of the keys, which is stable.
    effects.rows.sort_by_key(|row| {
        (
            row.change,
            std::cmp::Reverse(row.count * row.accounts.len() as u64),
        )
    });
    let marked = |people: &[bool]| people.iter().filter(|is_marked| **is_marked).count() as u64;
    effects.gaining = marked(&gaining);
    effects.losing = marked(&losing);
    effects.longer = marked(&longer);
    effects.digest = hasher.finalize().to_hex().to_string();
    effects
}

/// Marks people by rank.
fn mark(people: &mut [bool], ranks: &[u32]) {
    for rank in ranks {
        if let Some(flag) = people.get_mut(*rank as usize) {
            *flag = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::planner::plan;
    use super::super::scene::{Scene, principal, set};
    use super::*;
    use crate::address::{Address, Kind};
    use crate::id::ServiceId;
    use crate::model::instance::{Held, HeldSubject};
    use crate::model::stack::{Scope, Unmanaged};

    /// A row in words: what happens, to whom, which set, in how many accounts, through whom.
    /// What happens, to whom, with which set, in how many accounts, through whom.
    type Row = (PeopleChange, Vec<String>, String, usize, Vec<String>);

    fn rows(plan: &Plan) -> Vec<Row> {
        let spell = |keys: &BTreeSet<PrincipalKey>| keys.iter().map(|key| key.name().to_owned()).collect();
        let row = |row: &PeopleRow| {
            let set = plan.names.permission_set(row.permission_set).unwrap().to_string();
            let people = row.people.iter().map(ToString::to_string).collect();
            (row.change, people, set, row.accounts.len(), spell(&row.via))
        };
        plan.people.rows.iter().map(row).collect()
    }

    fn names(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    fn row(
        change: PeopleChange,
        people: &[&str],
        set: &str,
        accounts: usize,
        via: &[&str],
    ) -> (PeopleChange, Vec<String>, String, usize, Vec<String>) {
        (change, names(people), set.to_owned(), accounts, names(via))
    }

    use PeopleChange::{Gains, KeepsVia, Loses, Unknown};

    fn base(scene: Scene) -> Scene {
        scene.account(1).account(2).set("admin").set("view")
    }

    #[test]
    fn everybody_in_a_group_gains_what_the_group_gains() {
        let scene =
            base(Scene::new())
                .group("ops", &["ada", "bob"])
                .assign("a", &["ops"], &["admin"], &[1, 2]);
        let plan = plan(&scene.build());
        assert_eq!(rows(&plan), [row(Gains, &["ada", "bob"], "admin", 2, &["ops"])]);
        let people = &plan.people;
        assert_eq!(
            (people.gained, people.gaining, people.lost, people.losing),
            (4, 2, 0, 0)
        );
    }

    #[test]
    fn a_person_in_two_groups_gains_once_through_both() {
        let scene = base(Scene::new())
            .group("dev", &["ada", "cyd"])
            .group("ops", &["ada", "bob"])
            .assign("a", &["dev", "ops"], &["admin"], &[1]);
        let plan = plan(&scene.build());
        let found: BTreeSet<_> = rows(&plan).into_iter().collect();
        let expected = BTreeSet::from([
            row(Gains, &["ada"], "admin", 1, &["dev", "ops"]),
            row(Gains, &["bob"], "admin", 1, &["ops"]),
            row(Gains, &["cyd"], "admin", 1, &["dev"]),
        ]);
        assert_eq!(found, expected);
        assert_eq!((plan.people.gained, plan.people.gaining), (3, 3));
    }

    #[test]
    fn losing_a_direct_grant_that_a_group_gives_too_is_no_loss() {
        let stack = |scene: Scene, who: &[&str]| {
            base(scene)
                .group("ops", &["ada"])
                .assign("a", who, &["admin"], &[1])
        };
        let plan = plan(&stack(stack(Scene::new(), &["ops", "@ada"]).applied(), &["ops"]).build());
        assert_eq!(rows(&plan), [row(KeepsVia, &["ada"], "admin", 1, &["ada"])]);
        assert_eq!(plan.people.rows[0].keeps, BTreeSet::from([principal("ops")]));
        assert!(plan.people.rows[0].comes.is_empty());
        assert_eq!((plan.people.lost, plan.people.losing), (0, 0));
    }

    #[test]
    fn a_path_that_comes_where_another_goes_is_told_as_new() {
        let stack = |ops: &[&str], dev: &[&str]| {
            base(Scene::new()).group("ops", ops).group("dev", dev).assign(
                "a",
                &["ops", "dev", "@cyd"],
                &["admin"],
                &[1],
            )
        };
        let before = stack(&["ada", "bob", "cyd"], &["bob"]).applied();
        let after = base(before)
            .group("ops", &[])
            .group("dev", &["ada", "bob", "cyd"])
            .assign("a", &["ops", "dev", "@cyd"], &["admin"], &[1]);
        let plan = plan(&after.build());
        let told = plan.people.rows.iter().map(|row| {
            let people: Vec<String> = row.people.iter().map(ToString::to_string).collect();
            assert_eq!(
                (row.change, &row.via),
                (KeepsVia, &BTreeSet::from([principal("ops")]))
            );
            (people.join("+"), (row.keeps.clone(), row.comes.clone()))
        });
        let dev = || BTreeSet::from([principal("dev")]);
        let cyd = BTreeSet::from([
            principal("dev"),
            PrincipalKey::User(UserName::new("cyd").unwrap()),
        ]);
        let expected = BTreeMap::from([
            ("ada".to_owned(), (dev(), dev())),
            ("bob".to_owned(), (dev(), BTreeSet::new())),
            ("cyd".to_owned(), (cyd, dev())),
        ]);
        assert_eq!(told.collect::<BTreeMap<_, _>>(), expected);
    }

    #[test]
    fn who_loses_a_set_is_told_which_others_stay() {
        let stack = |scene: Scene, sets: &[&str]| {
            base(scene)
                .group("ops", &["ada", "bob"])
                .assign("a", &["ops"], sets, &[1, 2])
        };
        let plan = plan(&stack(stack(Scene::new(), &["admin", "view"]).applied(), &["view"]).build());
        assert_eq!(rows(&plan), [row(Loses, &["ada", "bob"], "admin", 2, &["ops"])]);
        assert_eq!(
            plan.people.rows[0].still,
            [plan.names.permission_set_rank(&set("view")).unwrap()]
        );
        assert_eq!((plan.people.lost, plan.people.losing), (4, 2));
    }

    #[test]
    fn joining_and_leaving_a_group_is_gaining_and_losing_what_it_has() {
        let stack = |scene: Scene, members: &[&str]| {
            base(scene).user("cyd").user("dan").group("dev", members).assign(
                "a",
                &["dev"],
                &["admin", "view"],
                &[1],
            )
        };
        let plan = plan(&stack(stack(Scene::new(), &["cyd"]).applied(), &["dan"]).build());
        let expected = [
            row(Gains, &["dan"], "admin", 1, &["dev"]),
            row(Gains, &["dan"], "view", 1, &["dev"]),
            row(Loses, &["cyd"], "admin", 1, &["dev"]),
            row(Loses, &["cyd"], "view", 1, &["dev"]),
        ];
        assert_eq!(rows(&plan), expected);
        let people = &plan.people;
        assert_eq!(
            (people.gained, people.gaining, people.lost, people.losing),
            (2, 1, 2, 1)
        );
    }

    #[test]
    fn other_names_change_nothing_for_people() {
        let stack = |scene: Scene, group: &str, user: &str| {
            let mut scene = base(scene).group(group, &[user]).assign(
                "a",
                &[group, &format!("@{user}")],
                &["admin"],
                &[1],
            );
            let desired = &mut scene.input.desired.snapshot;
            for entity in desired.groups.values_mut() {
                entity.addresses = [Address::root(Kind::Group, "ops")].into();
            }
            for entity in desired.users.values_mut() {
                entity.addresses = [Address::root(Kind::User, "ada")].into();
            }
            scene
        };
        let before = stack(Scene::new(), "ops", "ada").applied();
        let plan = plan(&stack(before, "operations", "ada.lovelace").build());
        assert_eq!((plan.grants.len(), plan.revokes.len()), (0, 0));
        assert_eq!(rows(&plan), []);
    }

    #[test]
    fn members_that_cannot_be_read_are_unknown() {
        let stack = |scene: Scene, accounts: &[u64]| {
            base(scene)
                .group("ops", &["ada"])
                .assign("a", &["ops"], &["admin"], accounts)
        };
        let mut scene = stack(stack(Scene::new(), &[1]).applied(), &[1, 2]);
        for group in scene.input.observed.snapshot.groups.values_mut() {
            group.value.members = None;
        }
        let plan = plan(&scene.build());
        assert_eq!(rows(&plan), [row(Unknown, &[], "admin", 1, &["ops"])]);
        assert_eq!(plan.people.rows[0].count, 0);
        assert_eq!(
            plan.people.unreadable,
            BTreeSet::from([GroupName::new("ops").unwrap()])
        );
        assert_eq!((plan.people.gained, plan.people.gaining), (0, 0));
    }

    #[test]
    fn what_could_not_be_listed_is_unknown_and_not_empty() {
        let stack = |scene: Scene, accounts: &[u64]| {
            base(scene)
                .group("ops", &["ada"])
                .assign("a", &["ops"], &["admin"], accounts)
        };
        let orphan = PrincipalKey::OrphanGroup(ServiceId::new("known-by-id").unwrap());
        let planned = |subject: Option<HeldSubject>| {
            let mut scene = stack(
                stack(Scene::new().granted_outside("zone", "view", 1), &[1]).applied(),
                &[1, 2],
            );
            for key in &mut scene.input.observed.snapshot.access.names.principals {
                if *key == principal("zone") {
                    *key = orphan.clone();
                }
            }
            scene.input.desired.settings.unmanaged = Unmanaged::Remove;
            scene.input.desired.settings.scope = Scope::Instance;
            let held = subject.map(|subject| Held {
                subject,
                why: "denied".into(),
            });
            scene.input.observed.held.extend(held);
            plan(&scene.build()).people
        };
        let known = planned(None);
        assert_eq!((known.gained, known.unreadable.len()), (1, 0));
        let ops = GroupName::new("ops").unwrap();
        let dark = planned(Some(HeldSubject::Members(ops.clone())));
        assert_eq!((dark.gained, dark.unreadable.contains(&ops)), (0, true));
        assert_ne!(known.digest, dark.digest);
        assert_eq!(dark.rows[0].change, Unknown);
    }

    #[test]
    fn nobody_loses_what_a_deleted_principal_had() {
        let stack = |scene: Scene| {
            base(scene)
                .group("ops", &["ada"])
                .assign("a", &["ops"], &["admin"], &[1])
        };
        let mut scene = stack(stack(Scene::new()).applied().granted_outside("zone", "view", 1));
        let orphan = PrincipalKey::OrphanGroup(ServiceId::new("gone-1").unwrap());
        let access = &mut scene.input.observed.snapshot.access;
        for key in &mut access.names.principals {
            if *key == principal("zone") {
                *key = orphan.clone();
            }
        }
        assert!(access.is_well_formed());
        scene.input.desired.settings.unmanaged = Unmanaged::Remove;
        scene.input.desired.settings.scope = Scope::Instance;
        let plan = plan(&scene.build());
        assert_eq!(plan.revokes.len(), 1);
        assert_eq!(rows(&plan), []);
    }

    #[test]
    fn the_digest_follows_the_facts_and_not_how_they_are_written() {
        let digest = |label: &str, members: &[&str], more: bool| {
            let mut scene = base(Scene::new())
                .group("ops", members)
                .assign(label, &["ops"], &["view"], &[2]);
            if more {
                // Names that sort first move every rank; nobody is in the group.
                scene = scene
                    .group("aaa", &[])
                    .set("aaa")
                    .assign("more", &["aaa"], &["aaa"], &[1]);
            }
            plan(&scene.build()).people.digest
        };
        let one = digest("a", &["ada"], false);
        assert_eq!(one, digest("b", &["ada"], false));
        assert_eq!(one, digest("a", &["ada"], true));
        assert_ne!(one, digest("a", &["ada", "bob"], false));
        assert_ne!(one, digest("a", &["bob"], false));
    }

    #[test]
    fn people_who_fare_alike_are_one_row_and_the_widest_comes_first() {
        let scene = base(Scene::new())
            .group("one", &["ada"])
            .group("many", &["bob", "cyd", "dan"])
            .assign("a", &["one"], &["admin"], &[1])
            .assign("b", &["many"], &["view"], &[1, 2]);
        let expected = [
            row(Gains, &["bob", "cyd", "dan"], "view", 2, &["many"]),
            row(Gains, &["ada"], "admin", 1, &["one"]),
        ];
        assert_eq!(rows(&plan(&scene.build())), expected);
    }

    #[test]
    fn who_had_no_access_before_is_new_there_or_altogether() {
        let stack = |scene: Scene, sets: &[&str], accounts: &[u64]| {
            base(scene)
                .group("ops", &["ada", "bob"])
                .group("old", &["ada"])
                .assign("a", &["ops"], sets, accounts)
        };
        // At first only ada is in, through the other group.
        let before = base(Scene::new())
            .group("ops", &["ada", "bob"])
            .group("old", &["ada"]);
        let before = before.assign("b", &["old"], &["view"], &[1]).applied();
        let first = |accounts: &[u64]| {
            let scene = stack(before.clone(), &["admin"], accounts);
            let plan = plan(&scene.assign("b", &["old"], &["view"], &[1]).build());
            let row = plan.people.rows.iter().find(|row| row.change == Gains).unwrap();
            assert_eq!(row.count, 2);
            (row.first.to_account, row.first.at_all)
        };
        assert_eq!(first(&[1]), (1, 1));
        assert_eq!(first(&[1, 2]), (2, 1));
        // Where nobody had anything, everybody is new, and it is not said.
        let plan = plan(&stack(Scene::new(), &["admin"], &[1]).build());
        assert!(plan.people.rows[0].first.is_none());
    }

    #[test]
    fn nobody_is_new_where_a_group_without_known_members_had_access() {
        let before = base(Scene::new()).group("dark", &["ada"]).group("ops", &["bob"]);
        let mut before = before.assign("d", &["dark"], &["view"], &[1]).applied();
        let dark = GroupName::new("dark").unwrap();
        before
            .input
            .observed
            .snapshot
            .groups
            .get_mut(&dark)
            .unwrap()
            .value
            .members = None;
        let scene = base(before).group("dark", &["ada"]).group("ops", &["bob"]);
        let scene = scene.assign("d", &["dark"], &["view"], &[1]);
        let plan = plan(&scene.assign("o", &["ops"], &["admin"], &[1, 2]).build());
        let row = plan.people.rows.iter().find(|row| row.change == Gains).unwrap();
        // Nobody knows about account 1; nobody had account 2.
        assert_eq!((row.first.to_account, row.first.at_all), (1, 0));
    }

    #[test]
    fn a_deleted_user_loses_what_others_granted_directly() {
        let stack = |scene: Scene| base(scene).user("ada");
        let scene = stack(Scene::new()).applied().granted_outside("@ada", "admin", 1);
        let plan = plan(&base(scene).build());
        assert_eq!(plan.revokes.len(), 0);
        assert_eq!(rows(&plan), [row(Loses, &["ada"], "admin", 1, &["ada"])]);
    }
}
