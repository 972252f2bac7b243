//! The digest of a plan: what a reviewer approves, and what apply must find again.
//!
//! It covers format, stack, instance, lineage, mode, changed rules, the ordered actions with
//! before and after, the grants, revokes and records by name, the blocks that
//! declare them, what waits for what, role effects, who gains what is marked as a
//! risk, and which of the accounts in which something is given are production. What else people gain and lose has a digest of its own
//! ([`super::people::PeopleEffects`]): it follows from the steps and from who is in
//! which group. It does not cover the state's serial, the clock, where things are written, the cost,
//! which steps the caller may not run (another identity runs them, under the same
//! digest), or anything observed that neither a step nor a person's access depends
//! on. Names that no step uses take no
//! part either: every table is reduced to what is used before it is hashed.

use std::io::Write as _;
use std::sync::Arc;

use rayon::prelude::*;
use serde::Serialize;

use crate::model::access::{Pair, Tuple};

use super::Plan;
use super::change::Action;
use super::hashing::Gathering;
use super::step::Wait;

/// The digest as people read it: eight groups of four hexadecimal digits, `9f3c-2ab7-…`.
pub fn digest(plan: &Plan) -> Arc<str> {
    Steps::of(plan).digest(plan)
}

/// The beginning of a digest: all that does not depend on people.
pub(super) struct Steps(Canon);

impl Steps {
    /// Covers everything but people.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut canon = Canon::new(plan);
        canon.head(plan);
        canon.actions(&plan.actions);
        canon.tuples(plan);
        canon.waits(plan);
        canon.roles(plan);
        Steps(canon)
    }

    /// The digest, of a plan that has got its people since.
    pub(super) fn digest(self, plan: &Plan) -> Arc<str> {
        let Steps(mut canon) = self;
        canon.people(plan);
        shown(&canon.hasher.finalize())
    }
}

/// The part of the digest that people have no share in: equal for plans that do the same.
pub fn steps(plan: &Plan) -> Arc<str> {
    shown(&Steps::of(plan).0.hasher.finalize())
}

/// A digest as somebody typed it, in the form that [`digest`] gives: capitals and missing dashes are forgiven.
/// `None` when it is no digest.
pub fn parse(text: &str) -> Option<String> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    let whole = digits.len() == 32 && digits.chars().all(|c| c.is_ascii_hexdigit());
    whole.then(|| {
        let groups = digits.as_bytes().chunks(4);
        let groups: Vec<String> = groups
            .map(|group| String::from_utf8_lossy(group).to_ascii_lowercase())
            .collect();
        groups.join("-")
    })
}

fn shown(hash: &blake3::Hash) -> Arc<str> {
    let groups: Vec<String> = hash
        .as_bytes()
        .chunks(2)
        .take(8)
        .map(|bytes| bytes.iter().map(|byte| format!("{byte:02x}")).collect())
        .collect();
    groups.join("-").into()
}

/// How many actions are written out before they are hashed, and how many by one thread at a time.
const ACTIONS_AT_ONCE: usize = 16 * 1024;
const ACTIONS_PER_TEXT: usize = 512;

/// Feeds the hasher with a form that has one spelling for one plan: every list after its length, every table
/// reduced to what is used.
struct Canon {
    hasher: Gathering,
    accounts: Table,
    permission_sets: Table,
    principals: Table,
}

/// For each rank that is used, its place among those that are.
struct Table(Vec<u32>);

const UNUSED: u32 = u32::MAX;

impl Table {
    fn new(length: usize) -> Self {
        Table(vec![UNUSED; length])
    }

    fn mark(&mut self, rank: u32) {
        if let Some(slot) = self.0.get_mut(rank as usize) {
            *slot = 0;
        }
    }

    fn number(&mut self) {
        let used = self.0.iter_mut().filter(|slot| **slot != UNUSED);
        for (place, slot) in (0..).zip(used) {
            *slot = place;
        }
    }

    fn at(&self, rank: u32) -> u32 {
        self.0.get(rank as usize).copied().unwrap_or(UNUSED)
    }

    fn used<'t, T>(&'t self, names: &'t [T]) -> Vec<&'t T> {
        let pairs = names.iter().zip(&self.0);
        pairs
            .filter(|(_, place)| **place != UNUSED)
            .map(|(name, _)| name)
            .collect()
    }
}

/// Shortened view of an action: all but its location.
#[derive(Serialize)]
struct ActionView<'a> {
    kind: &'a super::change::ActionKind,
    entity: &'a crate::id::EntityKey,
    addresses: &'a crate::address::Addresses,
    effect: &'a Option<crate::model::action::Effect>,
    reason: &'a super::change::Reason,
    expected_id: &'a Option<crate::id::ServiceId>,
    restore: bool,
}

/// An action as [`Canon::value`] spells it.
fn write_action(action: &Action, out: &mut Vec<u8>) {
    let view = ActionView {
        kind: &action.kind,
        entity: &action.entity,
        addresses: &action.addresses,
        effect: &action.effect,
        reason: &action.reason,
        expected_id: &action.expected_id,
        restore: action.restore,
    };
    // Writing to memory cannot fail, and an action has no maps with other than text keys.
    let _ = serde_json::to_writer(&mut *out, &view);
    out.push(0);
}

impl Canon {
    fn new(plan: &Plan) -> Self {
        let names = &plan.names;
        let mut canon = Canon {
            hasher: Gathering::new(),
            accounts: Table::new(names.accounts.len()),
            permission_sets: Table::new(names.permission_sets.len()),
            principals: Table::new(names.principals.len()),
        };
        canon.mark(plan);
        canon.accounts.number();
        canon.permission_sets.number();
        canon.principals.number();
        canon
    }

    fn mark(&mut self, plan: &Plan) {
        let grants = plan.grants.iter().map(|step| step.tuple);
        let revokes = plan.revokes.iter().map(|step| step.tuple);
        let records = plan.records.iter().map(|step| step.tuple);
        for tuple in grants.chain(revokes).chain(records) {
            self.accounts.mark(tuple.account());
            self.permission_sets.mark(tuple.permission_set());
            self.principals.mark(tuple.principal());
        }
        let roles = &plan.roles;
        let deleted = roles.deleted.iter().map(|role| role.pair);
        for pair in roles.created.iter().chain(&roles.updated).copied().chain(deleted) {
            self.accounts.mark(pair.account());
            self.permission_sets.mark(pair.permission_set());
        }
        let actions = plan.waits.actions.iter().flatten();
        for wait in actions.chain(plan.waits.revokes.values().flatten()) {
            match wait {
                Wait::GrantsOfSet(set) | Wait::RevokesOfSet(set) => self.permission_sets.mark(*set),
                Wait::RevokesOfPrincipal(principal) => self.principals.mark(*principal),
                Wait::Action(_) | Wait::Grant(_) | Wait::Revoke(_) => {}
            }
        }
    }

    fn number(&mut self, number: u64) {
        self.hasher.update(&number.to_le_bytes());
    }

    fn numbers(&mut self, numbers: impl ExactSizeIterator<Item = u32>) {
        self.number(numbers.len() as u64);
        for number in numbers {
            self.hasher.update(&number.to_le_bytes());
        }
    }

    fn text(&mut self, text: &str) {
        self.number(text.len() as u64);
        self.hasher.update(text.as_bytes());
    }

    /// A value by its JSON, whose maps are all sorted.
    fn value(&mut self, value: &impl Serialize) {
        // Writing to a hasher cannot fail, and nothing hashed here has maps with other than text keys.
        let _ = serde_json::to_writer(&mut self.hasher, value);
        let _ = self.hasher.write_all(&[0]);
    }

    fn head(&mut self, plan: &Plan) {
        self.text("rolecall plan");
        self.number(u64::from(plan.format_version));
        self.text(&plan.stack);
        self.value(&plan.instance);
        self.value(&plan.lineage);
        self.value(&plan.mode);
        self.rules(plan);
        let names = &plan.names;
        let (accounts, sets, principals) = (
            self.accounts.used(&names.accounts).len(),
            self.permission_sets.used(&names.permission_sets).len(),
            self.principals.used(&names.principals).len(),
        );
        for count in [accounts, sets, principals] {
            self.number(count as u64);
        }
        for key in self.accounts.used(&names.accounts) {
            self.hasher.update(key.to_string().as_bytes()).update(&[0]);
        }
        for name in self.permission_sets.used(&names.permission_sets) {
            self.hasher.update(name.as_str().as_bytes()).update(&[0]);
        }
        for key in self.principals.used(&names.principals) {
            self.hasher.update(key.to_string().as_bytes()).update(&[0]);
        }
    }

    /// Changed rules, by what they say and not by where it is written. A plan that changes none has nothing here.
    fn rules(&mut self, plan: &Plan) {
        for change in &plan.rules.changes {
            self.text("rule");
            self.value(&(
                change.rule,
                &change.label,
                change.change,
                &change.before,
                &change.after,
            ));
        }
    }

    fn actions(&mut self, actions: &[Action]) {
        self.number(actions.len() as u64);
        // Written out in parallel, hashed in order; a window at a time, so that memory stays small.
        for window in actions.chunks(ACTIONS_AT_ONCE) {
            let texts: Vec<Vec<u8>> = window
                .par_chunks(ACTIONS_PER_TEXT)
                .map(|actions| {
                    let mut text = Vec::with_capacity(actions.len() * 512);
                    actions.iter().for_each(|action| write_action(action, &mut text));
                    text
                })
                .collect();
            texts.iter().for_each(|text| {
                self.hasher.update(text);
            });
        }
    }

    fn tuple(&self, tuple: Tuple) -> [u32; 3] {
        [
            self.accounts.at(tuple.account()),
            self.permission_sets.at(tuple.permission_set()),
            self.principals.at(tuple.principal()),
        ]
    }

    /// Grants, revokes and records; a note is spelled out where it is first met and then referred to.
    fn tuples(&mut self, plan: &Plan) {
        let mut notes = vec![UNUSED; plan.notes.len()];
        let mut next = 0;
        let grants = plan.grants.iter().map(|s| (s.tuple, s.note, s.reason as u32));
        let revokes = plan.revokes.iter().map(|s| (s.tuple, s.note, s.reason as u32));
        let records = plan.records.iter().map(|s| (s.tuple, s.note, s.change as u32));
        self.number(plan.grants.len() as u64);
        self.number(plan.revokes.len() as u64);
        self.number(plan.records.len() as u64);
        for (tuple, note, why) in grants.chain(revokes).chain(records) {
            let place = notes.get(note as usize).copied().unwrap_or(UNUSED);
            let place = if place == UNUSED {
                self.note(plan, note);
                if let Some(slot) = notes.get_mut(note as usize) {
                    *slot = next;
                }
                next += 1;
                next - 1
            } else {
                place
            };
            let [account, set, principal] = self.tuple(tuple);
            let mut bytes = [0_u8; 20];
            let numbers = [account, set, principal, place, why];
            for (slot, number) in bytes.chunks_mut(4).zip(numbers) {
                slot.copy_from_slice(&number.to_le_bytes());
            }
            self.hasher.update(&bytes);
        }
    }

    /// The blocks of a note with reason and expiry, not with where they are written.
    fn note(&mut self, plan: &Plan, note: u32) {
        let blocks = plan
            .notes
            .get(note as usize)
            .map_or(&[][..], |note| &note.declared_by);
        self.number(blocks.len() as u64);
        for block in blocks
            .iter()
            .filter_map(|block| plan.declarations.get(*block as usize))
        {
            self.value(&(&block.address, &block.reason, &block.expires));
        }
    }

    fn waits(&mut self, plan: &Plan) {
        let waits = &plan.waits;
        self.number(waits.actions.len() as u64);
        for list in &waits.actions {
            self.wait_list(list);
        }
        self.number(waits.revokes.len() as u64);
        for (index, list) in &waits.revokes {
            self.number(u64::from(*index));
            self.wait_list(list);
        }
        for (map, table) in [
            (&waits.grants_of_set, 1),
            (&waits.grants_in_account, 0),
            (&waits.grants_to_principal, 2),
        ] {
            self.number(map.len() as u64);
            for (rank, list) in map {
                let place = match table {
                    0 => self.accounts.at(*rank),
                    1 => self.permission_sets.at(*rank),
                    _ => self.principals.at(*rank),
                };
                self.number(u64::from(place));
                self.numbers(list.iter().copied());
            }
        }
        // Plans without any have the digest that they had before there were any.
        if !waits.early_grants.is_empty() {
            self.text("early");
            self.numbers(waits.early_grants.iter().copied());
        }
    }

    fn wait_list(&mut self, list: &[Wait]) {
        self.number(list.len() as u64);
        for wait in list {
            let (tag, index) = match wait {
                Wait::Action(index) => (0, *index),
                Wait::Grant(index) => (1, *index),
                Wait::Revoke(index) => (2, *index),
                Wait::GrantsOfSet(set) => (3, self.permission_sets.at(*set)),
                Wait::RevokesOfSet(set) => (4, self.permission_sets.at(*set)),
                Wait::RevokesOfPrincipal(principal) => (5, self.principals.at(*principal)),
            };
            self.number(tag << 32 | u64::from(index));
        }
    }

    fn pair(&mut self, pair: Pair) {
        let (account, set) = (
            self.accounts.at(pair.account()),
            self.permission_sets.at(pair.permission_set()),
        );
        self.number(u64::from(account) << 32 | u64::from(set));
    }

    fn roles(&mut self, plan: &Plan) {
        let roles = &plan.roles;
        for list in [&roles.created, &roles.updated] {
            self.number(list.len() as u64);
            list.iter().for_each(|pair| self.pair(*pair));
        }
        self.number(roles.deleted.len() as u64);
        for role in &roles.deleted {
            self.pair(role.pair);
            self.value(&role.suffix);
        }
    }

    /// The rows whose people are part of what is approved, by name: whatever else the tables hold.
    fn people(&mut self, plan: &Plan) {
        let covered = plan.people.rows.iter().filter(|row| plan.risks.covers(plan, row));
        let covered: Vec<_> = covered.collect();
        self.number(covered.len() as u64);
        for row in covered {
            self.value(&(&row.change, &row.people, row.count, &row.everyone, &row.via));
            self.value(&plan.names.permission_set(row.permission_set));
            self.account_names(plan, &row.accounts);
            if let Some(ends) = &row.ends {
                self.value(ends);
            }
        }
        let becoming = plan.risks.covered_becoming();
        self.number(becoming.len() as u64);
        for row in becoming {
            self.value(&(&row.permission_set, &row.via, &row.people, &row.everyone));
            self.account_names(plan, &row.accounts);
        }
        if !plan.risks.looked_up.is_empty() {
            self.text("looked up");
            self.value(&plan.risks.looked_up);
        }
        // A reviewer looks at what is given in production. Plans that give nothing there have nothing here.
        let production: Vec<u32> = plan.risks.given_in_production(plan).into_iter().collect();
        if !production.is_empty() {
            self.text("production");
            self.account_names(plan, &production);
        }
    }

    fn account_names(&mut self, plan: &Plan, ranks: &[u32]) {
        self.number(ranks.len() as u64);
        for account in ranks.iter().filter_map(|rank| plan.names.account(*rank)) {
            self.text(&account.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::model::snapshot::Management;
    use crate::plan::Plan;
    use crate::plan::approved_people::ApprovedPeople;
    use crate::plan::testing::{Stack, World, account, group, set};

    fn stack() -> Stack {
        Stack::new()
            .accounts(&[1, 2])
            .set("view", "view")
            .group("ops", "Ops", &[])
            .assign("a", &[group("Ops")], &["view"], &[1, 2])
    }

    #[test]
    fn a_typed_digest_is_forgiven_its_looks() {
        let digest = "49ba-b1bd-007e-9097-9096-197d-5d49-90da";
        let parse = crate::plan::digest::parse;
        assert_eq!(
            parse(" 49BA-B1BD-007E-9097-9096-197D-5D49-90DA ").as_deref(),
            Some(digest)
        );
        assert_eq!(parse("49bab1bd007e90979096197d5d4990da").as_deref(), Some(digest));
        for bad in [
            "",
            "xyz",
            "49ba-b1bd",
            "49ba-b1bd-007e-9097-9096-197d-5d49-90dg",
            "é".repeat(16).as_str(),
        ] {
            assert_eq!(parse(bad), None, "{bad}");
        }
    }

    #[test]
    fn the_digest_depends_on_what_is_done_and_on_nothing_else() {
        let plan = World::new().plan(stack());
        assert_eq!(plan.digest.len(), 39);
        assert_eq!(plan.digest.split('-').count(), 8);
        let mut other = World::new()
            .has_set("unrelated")
            .has_grant(3, "unrelated", group("A"));
        other.recorded.serial = 7;
        other.now = "2026-06-02T00:00:00Z".parse().unwrap();
        assert_eq!(other.plan(stack()).digest, plan.digest);
        let reasoned = {
            let mut stack = stack();
            stack.blocks[0].declaration.reason = Some("OPS-1".into());
            stack
        };
        let narrower = Stack::new()
            .accounts(&[1, 2])
            .set("view", "view")
            .group("ops", "Ops", &[])
            .assign("a", &[group("Ops")], &["view"], &[1]);
        let longer = stack().set_with("view", "view", |entity| {
            entity.value.session_duration = "PT2H".parse().unwrap();
        });
        for changed in [reasoned, narrower, longer] {
            assert_ne!(World::new().plan(changed).digest, plan.digest);
        }
    }

    #[test]
    fn an_account_in_which_something_is_given_is_approved_as_production_or_not() {
        let production = |patterns: &[&str]| {
            let patterns: Vec<_> = patterns.iter().map(|pattern| (*pattern).into()).collect();
            stack().with(|desired| desired.settings.risk.production.accounts = patterns)
        };
        let world = World::new().apply(production(&["nowhere"]).accounts(&[3]));
        let more = |patterns: &[&str]| {
            let stack = production(patterns).accounts(&[3]);
            world.plan(stack.assign("b", &[group("Ops")], &["view"], &[3]))
        };
        let steps = |plan: &Plan| ApprovedPeople::of(plan).steps;
        let (before, given, elsewhere) = (more(&["nowhere"]), more(&["account-3"]), more(&["account-1"]));
        // What is production is a rule, and a change of rules is part of what is approved by itself.
        let news = |now: &Plan| {
            let (was, now) = (ApprovedPeople::of(&before), ApprovedPeople::of(now));
            let news = was.newly_production(&now);
            news.into_iter().cloned().collect::<Vec<_>>()
        };
        assert_eq!(news(&given), [account(3)]);
        assert_eq!(news(&elsewhere), []);
        assert_eq!(news(&before), []);
        // The same rules, and an account that comes under them by what the service says.
        let tagged = |value: &str| {
            let mut world = World::new().apply(production(&[]).accounts(&[3]));
            let there = world.observed.snapshot.accounts.get_mut(&account(3)).unwrap();
            there.value.tags = Some([("env".into(), value.into())].into());
            let stack = production(&[]).accounts(&[3]).with(|desired| {
                desired.settings.risk.production.tags = [("env".into(), "prod".into())].into();
            });
            world.plan(stack.assign("b", &[group("Ops")], &["view"], &[3]))
        };
        let (test, prod) = (tagged("test"), tagged("prod"));
        assert_eq!(steps(&test), steps(&prod));
        assert_ne!(test.digest, prod.digest);
        assert_eq!(test.digest, tagged("dev").digest);
    }

    #[test]
    fn what_a_set_of_others_allows_is_approved_with_what_is_given_of_it() {
        let looked_up = || {
            stack().with(|desired| {
                let view = desired.snapshot.permission_sets.get_mut(&set("view")).unwrap();
                view.management = Management::Referred;
            })
        };
        let plan = |policy: &str| {
            let mut world = World::new().has_set("view");
            let view = world
                .observed
                .snapshot
                .permission_sets
                .get_mut(&set("view"))
                .unwrap();
            view.value.managed_policies = [policy.into()].into();
            world.plan(looked_up())
        };
        let (view, power) = (
            plan("arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"),
            plan("arn:aws:iam::aws:policy/PowerUserAccess"),
        );
        assert_ne!(view.digest, power.digest);
        let (was, now) = (ApprovedPeople::of(&view), ApprovedPeople::of(&power));
        assert_eq!(was.steps, now.steps);
        assert_eq!(was.changed_since(&now), [&set("view")]);
        assert!(now.changed_since(&now).is_empty());
    }
}
