//! Blocks whose time has come and whose grants are not there.
//!
//! Those that made grants once only want to be taken out, and keep no plan from being made, whatever they are called by
//! now. A new one was over before it began, which is a mistake in its time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;

use crate::address::Address;
use crate::model::access::Tuple;

use super::access_diff::AccessDiff;
use super::change::RevokeReason;
use super::finding::{Finding, Level};
use super::matching::NamedRule;
use super::sources::Sources;
use super::universe::Universe;

/// A warning for each block that made grants once, and a refusal for each new one.
pub(super) fn findings(sources: &Sources<'_>, universe: &Universe<'_>, diff: &AccessDiff) -> Vec<Finding> {
    if diff.expired_new.is_empty() {
        return Vec::new();
    }
    let known = ended_before(sources);
    let finding = |(block, count): (&u32, &u64)| {
        let declared = universe.declarations.get(*block as usize)?;
        let address = &declared.address;
        let when = declared.expires.map(|time| time.to_string()).unwrap_or_default();
        // It may be called so only now: what it takes away in this plan it has given.
        let is_known = known.contains(address) || diff.expired_now.contains_key(block);
        let (level, code, message, remedy) = match is_known {
            true => (
                Level::Warning,
                "expired-block",
                format!("{address} expired at {when}; {} not made", grants_are(*count)),
                "remove the block, or give it a later time to have its grants made again",
            ),
            false => (
                Level::Refusal,
                "expired-grant",
                format!("{address} is new and expired already, at {when}"),
                "give it a later time, or remove the block",
            ),
        };
        Some(Finding {
            remedy: Some(remedy.into()),
            location: declared.location.clone(),
            ..Finding::new(level, code, message)
        })
    };
    diff.expired_new.iter().filter_map(finding).collect()
}

/// Takes expired grants out of the plan that a `protect` block keeps, and says so. `--only expired` is run by a
/// schedule, whose other grants are not to wait for a person; a whole plan is refused, unless the block is gone.
pub(super) fn leave_protected<'r>(
    diff: &mut AccessDiff,
    protects: impl Fn(Tuple) -> Option<&'r NamedRule>,
    (last, spell): (&str, impl Fn(Tuple) -> Option<Arc<str>>),
) -> Vec<Finding> {
    let mut left: BTreeMap<(Arc<str>, bool), BTreeSet<Arc<str>>> = BTreeMap::new();
    diff.revokes.retain(|step| {
        if step.reason != RevokeReason::Expired {
            return true;
        }
        let Some(rule) = protects(step.tuple) else {
            return true;
        };
        let subjects = left
            .entry((rule.label.clone(), rule.as_last_applied))
            .or_default();
        subjects.extend(spell(step.tuple));
        false
    });
    left.into_iter().map(|left| left_out(left, last)).collect()
}

fn left_out(
    ((label, as_last_applied), subjects): ((Arc<str>, bool), BTreeSet<Arc<str>>),
    last: &str,
) -> Finding {
    let (grants, is) = match subjects.len() {
        1 => ("1 expired grant".to_owned(), "is"),
        count => (format!("{count} expired grants"), "are"),
    };
    let last = if as_last_applied {
        format!(", {last}")
    } else {
        String::new()
    };
    let message = format!("{grants} {is} left out: protected by \"{label}\"{last}");
    Finding {
        subjects,
        remedy: Some(match as_last_applied {
            true => "they go with the next plan, once the change of the `protect` block is applied".into(),
            false => "give the block a later time, or take them out of the `protect` block".into(),
        }),
        ..Finding::new(Level::Warning, "left-out", message)
    }
}

/// Blocks that the state knows, and those that stand where one of them stood that ended at the same time: they have got
/// another label since.
fn ended_before(sources: &Sources<'_>) -> BTreeSet<Address> {
    let recorded = &sources.recorded.access.declarations;
    let declared = &sources.desired.access.declarations;
    let mut known: BTreeSet<Address> = recorded
        .iter()
        .map(|block| sources.address_now(&block.address))
        .collect();
    let here: BTreeSet<&Address> = declared.iter().map(|block| &block.address).collect();
    let mut gone: BTreeMap<Timestamp, usize> = BTreeMap::new();
    for block in recorded {
        if let Some(ended) = block.expires
            && !here.contains(&sources.address_now(&block.address))
        {
            *gone.entry(ended).or_default() += 1;
        }
    }
    for block in declared {
        let Some(left) = block.expires.and_then(|time| gone.get_mut(&time)) else {
            continue;
        };
        if *left > 0 && !known.contains(&block.address) {
            *left -= 1;
            known.insert(block.address.clone());
        }
    }
    known
}

fn grants_are(count: u64) -> String {
    match count {
        1 => "1 grant is".to_owned(),
        count => format!("{count} grants are"),
    }
}
