//! `require`: what every grant of some kind must have, judged over what is declared: what others granted has no block
//! that could give a reason.

use std::sync::Arc;

use jiff::Timestamp;

use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::model::access::{Access, Declaration, Tuple};
use crate::model::action::Effect;
use crate::model::duration;
use crate::model::guardrail::Require;
use crate::model::permission_set::PermissionSet;
use crate::plan::finding::counted;
use crate::plan::input::Mode;

use super::breach::{Breach, RuleKind, Since, Subject};
use super::selection::Selected;
use super::{Case, Court, MOST_SUBJECTS};

/// What is missing, as bits, so that before and after compare at a glance.
type Missing = u8;

const GROUP: Missing = 1;
const REASON: Missing = 2;
const EXPIRY: Missing = 4;
const BOUNDARY: Missing = 8;
const SET_TAGS: Missing = 16;
const ACCOUNT_TAGS: Missing = 32;

/// Until when a grant with a note lasts; `None` for no end.
fn last_end(access: &Access, note: u32) -> Option<Timestamp> {
    access.notes.get(note as usize)?.last_end(&access.declarations)
}

impl<'a> Court<'a> {
    pub(super) fn require(&self, case: &Case<'a>, require: &'a Require) -> Vec<Breach> {
        let access = &self.input.desired.snapshot.access;
        let selected = Selected::by_id(&require.of, &access.names, self.names);
        let mut of_set: Vec<Option<Missing>> = vec![None; access.names.permission_sets.len()];
        let mut of_account: Vec<Option<Missing>> = vec![None; access.names.accounts.len()];
        let mut of_note: Vec<Option<Missing>> = vec![None; access.notes.len()];
        let joining = self.joining(case, &require.of);
        let (mut new, mut old) = (0_usize, 0_usize);
        let (mut subjects, mut before) = (Vec::new(), Vec::new());
        for (tuple, note) in access.tuples.iter().copied().zip(&access.note_of) {
            if !selected.takes(tuple) {
                continue;
            }
            let Some((account, set, principal)) = access.names.resolve(tuple) else {
                continue;
            };
            let account = &self.names.account(account.clone());
            let mut missing = cached(&mut of_set, tuple.permission_set(), || {
                self.of_set(set, require, true)
            }) | cached(&mut of_account, tuple.account(), || {
                self.of_account(account, require, true)
            }) | cached(&mut of_note, *note, || self.of_blocks(access, *note, require));
            if require.groups_only && !matches!(principal, PrincipalKey::Group(_)) {
                missing |= GROUP;
            }
            if missing == 0 || !concerns(require, principal) || self.excused(case, (account, set, principal))
            {
                continue;
            }
            let later = || last_end(access, *note);
            let joins = joining.contains(account);
            if !joins && !self.gets_worse((account, set, principal), missing, (require, &later)) {
                old += 1;
                if before.len() < MOST_SUBJECTS {
                    before.push(self.lacking((account, set, principal), tuple, missing, require));
                }
                continue;
            }
            new += 1;
            if subjects.len() < MOST_SUBJECTS {
                subjects.push(self.lacking((account, set, principal), tuple, missing, require));
            }
        }
        subjects.sort();
        before.sort();
        let breach = |since, count: usize, what: &str| {
            (count > 0).then(|| Breach {
                count: count as u64,
                ..self.breach(
                    case,
                    (RuleKind::Require, since),
                    &format!("{} {what}", counted(count, "grant")),
                    "give the assignment, the permission set or the account what is missing",
                )
            })
        };
        let worse = breach(Since::Plan, new, "would be without what it requires");
        let worse = worse.map(|breach| Breach { subjects, ..breach });
        let are = if old == 1 { "is" } else { "are" };
        let same = breach(
            Since::Before,
            old,
            &format!("{are} there without what it requires"),
        );
        let same = same.map(|breach| Breach {
            subjects: before,
            ..breach
        });
        worse.into_iter().chain(same).collect()
    }

    /// Whether the plan makes the grant, takes away what it had of what is required, or lets one that outlasts what is
    /// required last even longer: `ends` says until when.
    fn gets_worse(
        &self,
        grant: Grant<'_>,
        missing: Missing,
        (require, ends): (&Require, &dyn Fn() -> Option<Timestamp>),
    ) -> bool {
        if self.is_made(grant) {
            return true;
        }
        // Narrowed plans carry no change of blocks, sets or accounts out.
        if self.plan.mode != Mode::All {
            return false;
        }
        let (account, set, principal) = grant;
        let applied = &self.input.recorded.applied.access;
        let recorded = applied
            .names
            .tuple(account, set, principal)
            .and_then(|tuple| applied.tuples.binary_search(&tuple).ok())
            .and_then(|at| applied.note_of.get(at));
        // A grant that the state does not have had no block that could have given anything.
        let blocks = match recorded {
            Some(note) => self.of_blocks(applied, *note, require),
            None => REASON | EXPIRY,
        };
        if let (true, Some(note)) = (missing & EXPIRY != 0, recorded)
            && let Some(was) = last_end(applied, *note)
            && ends().is_none_or(|end| end > was)
        {
            return true;
        }
        let before =
            blocks | GROUP | self.of_set(set, require, false) | self.of_account(account, require, false);
        missing & !before != 0
    }

    fn of_blocks(&self, access: &Access, note: u32, require: &Require) -> Missing {
        let blocks = || {
            let note = access.notes.get(note as usize);
            note.into_iter()
                .flat_map(|note| note.blocks(&access.declarations))
        };
        let mut missing = 0;
        if require.reason && !blocks().any(|block| block.reason.is_some()) {
            missing |= REASON;
        }
        if let Some(seconds) = require.expires_within {
            let seconds = i64::try_from(seconds).unwrap_or(i64::MAX);
            let last = self.input.now.as_second().saturating_add(seconds);
            // The grant lives as long as the longest of its blocks.
            let in_time = |block: &Declaration| block.expires.is_some_and(|time| time.as_second() <= last);
            if !blocks().all(in_time) || blocks().next().is_none() {
                missing |= EXPIRY;
            }
        }
        missing
    }

    /// What a permission set lacks, as the plan leaves it or as it is there now.
    fn of_set(&self, name: &PermissionSetName, require: &Require, after: bool) -> Missing {
        if !require.boundary && require.permission_set_tags.is_empty() {
            return 0;
        }
        let changed = |to: &'a PermissionSet| (to.name == *name).then_some(to);
        let planned = self.plan.actions.iter().filter(|_| after);
        let planned = planned
            .filter_map(|action| match &action.effect {
                Some(
                    Effect::CreatePermissionSet { permission_set: to }
                    | Effect::UpdatePermissionSet { to, .. },
                ) => changed(to),
                _ => None,
            })
            .next();
        let there = self.input.observed.snapshot.permission_sets.get(name);
        let set = planned.or_else(|| there.map(|set| &set.value));
        let has_boundary = set.is_some_and(|set| set.permissions_boundary.is_some());
        let has_tag = |tag: &Arc<str>| set.is_some_and(|set| set.tags.contains_key(tag));
        let mut missing = 0;
        if require.boundary && !has_boundary {
            missing |= BOUNDARY;
        }
        if !require.permission_set_tags.iter().all(has_tag) {
            missing |= SET_TAGS;
        }
        missing
    }

    /// What an account lacks. Tags that nobody can read count as missing: a rule is not kept by what is not known.
    fn of_account(&self, key: &AccountKey, require: &Require, after: bool) -> Missing {
        if require.account_tags.is_empty() {
            return 0;
        }
        let planned = self.plan.actions.iter().filter(|_| after);
        let planned = planned
            .filter_map(|action| match &action.effect {
                Some(Effect::TagAccount { account, to, .. }) if account == key => Some(to),
                Some(Effect::CreateAccount { account }) if account.key == *key => account.tags.as_ref(),
                _ => None,
            })
            .next();
        let read = |account: &'a crate::model::Entity<crate::model::Account>| account.value.tags.as_ref();
        let tags = planned.or_else(|| self.input.observed.snapshot.accounts.get(key).and_then(read));
        // What a block says of an account that cannot be asked about its tags is all that there is.
        let tags = tags.or_else(|| self.input.desired.snapshot.accounts.get(key).and_then(read));
        let has = |tag: &Arc<str>| tags.is_some_and(|tags| tags.contains_key(tag));
        if require.account_tags.iter().all(has) {
            0
        } else {
            ACCOUNT_TAGS
        }
    }

    fn excused(&self, case: &Case<'a>, (account, set, principal): Grant<'_>) -> bool {
        case.guardrail.except.iter().any(|exception| {
            let of = &exception.of;
            let takes = of.accounts.as_ref().is_none_or(|of| of.contains(account))
                && of.permission_sets.as_ref().is_none_or(|of| of.contains(set))
                && of.principals.as_ref().is_none_or(|of| of.contains(principal));
            takes && exception.holds(self.input.now)
        })
    }

    /// Whether the plan makes this grant.
    fn is_made(&self, (account, set, principal): Grant<'_>) -> bool {
        self.plan
            .names
            .tuple(account, set, principal)
            .is_some_and(|tuple| {
                let steps = &self.plan.grants;
                steps.binary_search_by_key(&tuple, |step| step.tuple).is_ok()
            })
    }

    fn lacking(&self, grant: Grant<'_>, tuple: Tuple, missing: Missing, require: &Require) -> Subject {
        let (account, set, principal) = grant;
        let mut why = Vec::new();
        let mut say = |flag: Missing, what: String| {
            if missing & flag != 0 {
                why.push(what);
            }
        };
        let quoted = |tags: &std::collections::BTreeSet<Arc<str>>| {
            let tags: Vec<String> = tags.iter().map(|tag| format!("`{tag}`")).collect();
            tags.join(", ")
        };
        say(GROUP, "it is not granted to a group".to_owned());
        say(REASON, "no block gives a `reason`".to_owned());
        let within = require.expires_within.map(duration::spelled);
        let within = within.map_or_else(|| "in time".to_owned(), |length| format!("within {length}"));
        say(EXPIRY, format!("it does not expire {within}"));
        say(BOUNDARY, format!("{set} has no permissions boundary"));
        say(
            SET_TAGS,
            format!(
                "{set} has not all of the tags {}",
                quoted(&require.permission_set_tags)
            ),
        );
        say(
            ACCOUNT_TAGS,
            format!(
                "the account has not all of the tags {}",
                quoted(&require.account_tags)
            ),
        );
        let (declared_by, locations) = self.blocks_declared(tuple);
        let by = super::by_blocks(&declared_by, &locations);
        let name = self.input.observed.snapshot.account_name(account);
        Subject {
            person: match principal {
                PrincipalKey::User(user) => Some(user.clone()),
                _ => None,
            },
            principal: Some(principal.clone()),
            permission_set: Some(set.clone()),
            account: Some(account.clone()),
            declared_by,
            locations,
            ..Subject::new(format!(
                "{principal} → {set} in {name}{by}: {}",
                why.join(", and ")
            ))
        }
    }
}

type Grant<'g> = (&'g AccountKey, &'g PermissionSetName, &'g PrincipalKey);

fn concerns(require: &Require, principal: &PrincipalKey) -> bool {
    require
        .of
        .principals
        .as_ref()
        .is_none_or(|keys| keys.contains(principal))
}

/// The value at a place, worked out once.
fn cached(slots: &mut [Option<Missing>], at: u32, find: impl FnOnce() -> Missing) -> Missing {
    match slots.get_mut(at as usize) {
        Some(slot) => *slot.get_or_insert_with(find),
        None => find(),
    }
}
