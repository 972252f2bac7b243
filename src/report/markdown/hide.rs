//! People without their names: wherever a name may stand inside a sentence, it is found and taken out.

use std::borrow::Cow;
use std::collections::BTreeSet;

use rustc_hash::FxHashMap;

use crate::report::wording;

use super::{People, text};

/// What stands in a name's place.
const SOMEONE: &str = "(someone)";

/// How texts from outside are written: with people's names, or with them taken out.
#[derive(Debug, Clone, Default)]
pub struct Hide {
    /// Names by their first word, with where in the name it begins; `None` where names are shown.
    names: Option<FxHashMap<String, BTreeSet<(usize, String)>>>,
}

impl Hide {
    /// Names and user names of people, to be taken out if that is asked for.
    pub fn new<'n>(people: People, names: impl IntoIterator<Item = &'n str>) -> Self {
        if people == People::Names {
            return Hide::default();
        }
        let mut known: FxHashMap<String, BTreeSet<(usize, String)>> = FxHashMap::default();
        for name in names {
            if let Some((at, first)) = words(name).next() {
                known
                    .entry(first.to_owned())
                    .or_default()
                    .insert((at, name.to_owned()));
            }
        }
        Hide { names: Some(known) }
    }

    /// Whether people are numbers.
    pub fn counts_only(&self) -> bool {
        self.names.is_some()
    }

    /// A name or another text from outside, in a code span.
    pub fn name(&self, text: &str) -> String {
        text::name(&self.apply(text))
    }

    /// A sentence of rolecall's.
    pub fn sentence(&self, text: &str) -> String {
        text::sentence(&self.apply(text))
    }

    /// `14 people: Ada Lovelace, Grace Hopper … 12 more`, or the number alone.
    pub fn people<T: AsRef<str>>(
        &self,
        names: impl IntoIterator<Item = T>,
        count: u64,
        most: usize,
    ) -> String {
        let number = wording::people(count);
        if self.counts_only() {
            return number;
        }
        let mut names = names.into_iter().peekable();
        match names.peek() {
            None => number,
            Some(_) => format!("{number}: {}", text::some_of(names, count, most)),
        }
    }

    /// The text with every name taken out, if they are.
    pub fn apply<'t>(&self, text: &'t str) -> Cow<'t, str> {
        let Some(names) = &self.names else {
            return Cow::Borrowed(text);
        };
        let mut out = String::new();
        let mut copied = 0;
        for (at, word) in words(text) {
            let known = names.get(word).into_iter().flatten();
            let found = known
                .filter_map(|(before, name)| Some((at.checked_sub(*before)?, name)))
                .filter(|(start, name)| *start >= copied && stands_at(text, *start, name))
                .max_by_key(|(_, name)| name.len());
            if let Some((start, name)) = found {
                out.push_str(text.get(copied..start).unwrap_or_default());
                out.push_str(SOMEONE);
                copied = start + name.len();
            }
        }
        if copied == 0 {
            return Cow::Borrowed(text);
        }
        out.push_str(text.get(copied..).unwrap_or_default());
        Cow::Owned(out)
    }
}

/// Whether the name stands there, with no letter or digit behind it.
fn stands_at(text: &str, at: usize, name: &str) -> bool {
    text.get(at..)
        .and_then(|rest| rest.strip_prefix(name))
        .is_some_and(|rest| !rest.starts_with(char::is_alphanumeric))
}

/// Runs of letters and digits with where they begin.
fn words(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let start = rest.find(char::is_alphanumeric)?;
        let tail = rest.get(start..)?;
        let end = tail.find(|c: char| !c.is_alphanumeric()).unwrap_or(tail.len());
        let (word, after) = tail.split_at_checked(end)?;
        let at = text.len() - tail.len();
        rest = after;
        Some((at, word))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_names_go_and_nothing_else() {
        let names = ["Ada Lovelace", "ada@example.com", "Ada", "bob", "+eve"];
        let hide = Hide::new(People::Counts, names);
        assert_eq!(
            hide.apply("user ada@example.com (Ada Lovelace) and Ada, not bobby"),
            "user (someone) ((someone)) and (someone), not bobby"
        );
        assert_eq!(hide.apply("'bob' +eve é"), "'(someone)' (someone) é");
        assert_eq!(Hide::new(People::Names, names).apply("Ada"), "Ada");
        assert_eq!(hide.people(["Ada"], 3, 1), "3 people");
    }
}
