//! How much one evaluation may do and make, so that hostile text, a stranger's pull request say, exhausts neither the
//! machine's memory nor anybody's patience.
//!
//! What doubles with every line stands for billions of elements soon. So steps and the bytes of what is kept are
//! counted, whatever the machine is, and the limits are far beyond what a configuration for a million grants needs.
//! Small values that nothing keeps, like the text that a filter compares with, cost steps alone.
//!
//! Every evaluation has a thread of its own, so the counts are the thread's and begin full with it. Once something is
//! spent, everything that is evaluated after it fails as well: no `try` goes on without it.

use std::cell::Cell;
use std::sync::Arc;

use crate::config::value::{Data, Part, Value};

/// The steps of one evaluation: an expression, eight elements looked through, or 64 bytes of text.
const MOST_STEPS: u64 = 1_000_000_000;
/// The bytes of everything that one evaluation makes and keeps for a while, and of what is large while it is made.
/// Nothing is taken off when it goes.
const MOST_BYTES: u64 = 1 << 30;
/// The bytes of one text.
const MOST_TEXT: u64 = 128 << 20;
/// The elements of one value, those of its elements counted in, as often as they occur.
const MOST_ELEMENTS: u64 = 20_000_000;
/// Levels of collections in collections. What follows them recurses, and so does giving their memory back.
const MOST_LEVELS: usize = 1_000;
/// What an element counts for in bytes, roughly what it takes.
const ELEMENT: u64 = 48;
/// From this size on a text counts when it is made, in bytes.
const LARGE_TEXT: usize = 64 << 10;
/// From this size on a collection counts when it is made, in elements.
const LARGE_COLLECTION: usize = 32 << 10;

thread_local! {
    static STEPS: Cell<u64> = const { Cell::new(MOST_STEPS) };
    static BYTES: Cell<u64> = const { Cell::new(MOST_BYTES) };
    static SPENT: Cell<Option<Spent>> = const { Cell::new(None) };
}

/// What was exceeded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Spent {
    /// Too many steps.
    #[error("evaluating the configuration takes more than {} million steps", MOST_STEPS / 1_000_000)]
    Steps,
    /// Too much is made.
    #[error("the configuration makes more than {} MiB of values", MOST_BYTES >> 20)]
    Bytes,
    /// One text is too long.
    #[error("a text would be longer than {} MiB", MOST_TEXT >> 20)]
    Text,
    /// One value is too large.
    #[error("a value would have more than {} million elements, all levels counted", MOST_ELEMENTS / 1_000_000)]
    Elements,
    /// Collections in collections.
    #[error("a value would have more than {MOST_LEVELS} levels of collections in collections")]
    Levels,
}

/// What was exceeded, if anything was.
pub fn spent() -> Option<Spent> {
    SPENT.get()
}

/// Begins anew, where a thread evaluates more than once.
pub fn begin() {
    STEPS.set(MOST_STEPS);
    BYTES.set(MOST_BYTES);
    SPENT.set(None);
}

#[cold]
fn exceeded(what: Spent) -> Spent {
    let first = SPENT.get().unwrap_or(what);
    SPENT.set(Some(first));
    // Nothing is evaluated any more.
    STEPS.set(0);
    BYTES.set(0);
    first
}

/// Takes one step.
///
/// # Errors
/// When there are none left.
#[inline]
pub fn step() -> Result<(), Spent> {
    steps(1)
}

/// Takes some steps.
///
/// # Errors
/// When there are not as many left.
#[inline]
pub fn steps(count: u64) -> Result<(), Spent> {
    match STEPS.get().checked_sub(count) {
        Some(left) => {
            STEPS.set(left);
            Ok(())
        }
        None => Err(exceeded(Spent::Steps)),
    }
}

/// Takes what some elements will need, before they are made.
///
/// # Errors
/// When there is not as much left.
#[inline]
pub fn elements(count: usize) -> Result<(), Spent> {
    if count >= LARGE_COLLECTION {
        bytes((count as u64).saturating_mul(ELEMENT))?;
    }
    steps(count as u64 / 8)
}

/// Takes what text of a length will need, before it is made.
///
/// # Errors
/// When there is not as much left.
#[inline]
pub fn text(length: usize) -> Result<(), Spent> {
    more_text(0, length)
}

/// As [`text`], for text that grows: `before` is how long it is already.
///
/// # Errors
/// When there is not as much left, or the whole would be too long.
#[inline]
pub fn more_text(before: usize, more: usize) -> Result<(), Spent> {
    let whole = before.saturating_add(more);
    if whole as u64 > MOST_TEXT {
        return Err(exceeded(Spent::Text));
    }
    if whole >= LARGE_TEXT {
        bytes(more as u64)?;
    }
    steps(more as u64 / 64)
}

/// Whether text is longer than may be, for what writes it piece by piece and can stop.
pub fn is_too_long(length: usize) -> bool {
    length as u64 > MOST_TEXT
}

/// Takes what a value needs that is kept in another from now on: nothing if it is kept elsewhere already.
///
/// # Errors
/// When there is not as much left.
#[inline]
pub fn kept(value: &Value) -> Result<(), Spent> {
    match value.data() {
        Data::Null(_) | Data::Bool(_) | Data::Number(_) | Data::Entity(_) => bytes(ELEMENT),
        _ => bytes(size(value)),
    }
}

/// Takes what an attribute's value needs, whose texts are copied.
///
/// # Errors
/// As [`survey`]; when there is not as much left.
pub fn copied(value: &Value) -> Result<Survey, Spent> {
    let found = survey(value)?;
    bytes(found.text.saturating_add(ELEMENT))?;
    Ok(found)
}

/// The bytes of a value that nothing else holds.
fn size(value: &Value) -> u64 {
    let is_alone = match value.data() {
        Data::String(text) => {
            return match Arc::strong_count(text) {
                1 => ELEMENT + text.len() as u64,
                _ => ELEMENT,
            };
        }
        Data::List(items) | Data::Set(items) => Arc::strong_count(items) == 1,
        Data::Tuple(items) => Arc::strong_count(items) == 1,
        Data::Map(map) => Arc::strong_count(map) == 1,
        Data::Object(fields) => Arc::strong_count(fields) == 1,
        _ => false,
    };
    match is_alone {
        true => value
            .children()
            .fold(ELEMENT, |total, child| total.saturating_add(size(child))),
        false => ELEMENT,
    }
}

/// The steps that were taken since the beginning.
#[cfg(test)]
pub(in crate::config) fn steps_taken() -> u64 {
    MOST_STEPS - STEPS.get()
}

#[inline]
fn bytes(count: u64) -> Result<(), Spent> {
    match BYTES.get().checked_sub(count) {
        Some(left) => {
            BYTES.set(left);
            Ok(())
        }
        None => Err(exceeded(Spent::Bytes)),
    }
}

/// What a look through a value found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Survey {
    /// [`Value::contains_sensitive`]
    pub sensitive: bool,
    /// [`Value::is_wholly_known`]
    pub known: bool,
    /// The bytes of all texts in it, each as often as it occurs.
    pub text: u64,
}

/// Looks through a value, and takes the steps that this needs. A value that shares its parts is as large as it would be
/// written out.
///
/// # Errors
/// When there are too many elements or levels.
pub fn survey(value: &Value) -> Result<Survey, Spent> {
    let mut surveyor = Surveyor {
        elements: 0,
        found: Survey {
            sensitive: false,
            known: true,
            text: 0,
        },
    };
    surveyor.value(value, 0).map_err(exceeded)?;
    steps(surveyor.elements / 8 + surveyor.found.text / 64)?;
    Ok(surveyor.found)
}

struct Surveyor {
    elements: u64,
    found: Survey,
}

impl Surveyor {
    fn value(&mut self, value: &Value, level: usize) -> Result<(), Spent> {
        self.found.sensitive |= value.is_sensitive();
        match value.data() {
            Data::String(text) => self.found.text += text.len() as u64,
            Data::Unknown(_) => self.found.known = false,
            Data::List(_) | Data::Set(_) | Data::Tuple(_) | Data::Map(_) | Data::Object(_) => {
                if level >= MOST_LEVELS {
                    return Err(Spent::Levels);
                }
                for key in value.fields().into_iter().flat_map(|fields| fields.keys()) {
                    self.found.text += key.len() as u64;
                }
                for child in value.children() {
                    self.elements += 1;
                    if self.elements > MOST_ELEMENTS {
                        return Err(Spent::Elements);
                    }
                    self.value(child, level + 1)?;
                }
            }
            Data::Null(_) | Data::Bool(_) | Data::Number(_) | Data::Entity(_) => {}
        }
        Ok(())
    }
}

/// Takes what the parts of a text will need that is known in part.
///
/// # Errors
/// When there is not as much left.
pub fn parts(parts: &[Part]) -> Result<(), Spent> {
    let literal = |part: &Part| match part {
        Part::Literal(text) => text.len(),
        Part::Reference(_) | Part::JsonReference(_) => 0,
    };
    text(parts.iter().map(literal).sum())?;
    elements(parts.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Values that double: each holds the one before twice.
    fn doubled(times: usize) -> Value {
        (0..times).fold(Value::string("12345678"), |value, _| {
            Value::tuple(vec![value.clone(), value])
        })
    }

    #[test]
    fn a_value_is_as_large_as_it_would_be_written_out() {
        begin();
        let found = survey(&doubled(10)).unwrap();
        assert_eq!(
            (found.sensitive, found.known, found.text),
            (false, true, 8 * 1024)
        );
        let secret = Value::tuple(vec![doubled(2), Value::TRUE.with_sensitive(true)]);
        assert!(survey(&secret).unwrap().sensitive);
        let unknown = Value::tuple(vec![Value::unknown(crate::config::types::Type::Any)]);
        assert!(!survey(&unknown).unwrap().known);
    }

    #[test]
    fn what_was_exceeded_first_stays_the_reason_and_nothing_goes_on() {
        begin();
        assert_eq!(text(MOST_TEXT as usize + 1), Err(Spent::Text));
        assert_eq!(step(), Err(Spent::Text));
        assert_eq!(kept(&Value::TRUE), Err(Spent::Text));
        assert_eq!(spent(), Some(Spent::Text));
        begin();
        assert_eq!((step(), spent()), (Ok(()), None));
        assert_eq!(elements((MOST_BYTES / ELEMENT) as usize + 1), Err(Spent::Bytes));
        begin();
        steps(MOST_STEPS - 1000).unwrap();
        assert_eq!(survey(&doubled(20)), Err(Spent::Steps));
        begin();
        assert_eq!(survey(&doubled(60)), Err(Spent::Elements));
        begin();
        assert_eq!(more_text(MOST_TEXT as usize, 1), Err(Spent::Text));
    }

    #[test]
    fn what_is_kept_counts_once() {
        let left = |value: &Value| {
            begin();
            kept(value).unwrap();
            MOST_BYTES - BYTES.get()
        };
        let text = Value::string("12345678");
        let list = Value::tuple(vec![text.clone(), Value::TRUE]);
        assert_eq!(left(&text), ELEMENT, "the list has it too");
        assert_eq!(left(&list), 3 * ELEMENT);
        drop(text);
        assert_eq!(left(&list), 3 * ELEMENT + 8);
        let again = list.clone();
        assert_eq!(left(&again), ELEMENT);
    }

    #[test]
    fn levels_are_limited() {
        begin();
        let deep = (0..MOST_LEVELS).fold(Value::TRUE, |value, _| Value::tuple(vec![value]));
        survey(&deep).unwrap();
        assert_eq!(survey(&Value::tuple(vec![deep])), Err(Spent::Levels));
    }
}
