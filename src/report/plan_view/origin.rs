//! Where assignments come from: their blocks, as one line says it.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::address::Address;
use crate::model::access::Declaration;
use crate::source::Location;

use super::PlanView;

/// The blocks behind a row's notes that are looked at: a row of very many says so by its first ones.
const MOST_NOTES: usize = 64;

/// What the blocks of a row say.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin<'a> {
    /// Where they are written, without repetition, in order.
    pub places: BTreeSet<&'a Location>,
    /// The first of them, without its instance.
    pub block: Option<Address>,
    /// What they are for.
    pub reasons: BTreeSet<&'a str>,
    /// The latest time until which they hold.
    pub expires: Option<Timestamp>,
}

impl<'a> Origin<'a> {
    /// The first place, and how many others there are.
    pub fn place(&self) -> Option<(&'a Location, usize)> {
        let first = self.places.first()?;
        Some((first, self.places.len() - 1))
    }
}

impl<'a> PlanView<'a> {
    /// What the blocks behind some notes say.
    pub fn origin(&self, notes: &[u32]) -> Origin<'a> {
        let blocks: BTreeSet<&'a Declaration> = notes
            .iter()
            .take(MOST_NOTES)
            .flat_map(|note| self.declarations(*note))
            .collect();
        Origin {
            places: blocks
                .iter()
                .filter_map(|block| block.location.as_ref())
                .collect(),
            block: blocks.first().map(|block| block.address.block()),
            reasons: blocks
                .iter()
                .filter_map(|block| block.reason.as_deref())
                .collect(),
            expires: Declaration::last_end(blocks.iter().copied()),
        }
    }
}

/// A day when the time is the start of one (UTC), else the moment.
pub fn moment(time: Timestamp) -> String {
    let text = time.to_string();
    match text.strip_suffix("T00:00:00Z") {
        Some(day) => day.to_owned(),
        None => text,
    }
}
