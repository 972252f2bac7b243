//! Texts from outside as Markdown, with or without people's names.

use crate::report::hide::Hide;
use crate::report::wording;

use super::text;

impl Hide {
    /// A name or another text from outside, in a code span.
    pub(super) fn name(&self, text: &str) -> String {
        text::name(&self.apply(text))
    }

    /// A sentence of rolecall's.
    pub(super) fn sentence(&self, text: &str) -> String {
        text::sentence(&self.apply(text))
    }

    /// `14 people: Ada Lovelace, Grace Hopper … 12 more`, or the number alone.
    pub(super) fn people<T: AsRef<str>>(
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::hide::People;

    #[test]
    fn people_who_are_counted_are_a_number() {
        let hide = Hide::new(People::Counts, ["Ada"]);
        assert_eq!(hide.people(["Ada"], 3, 1), "3 people");
        assert_eq!(Hide::default().people(["Ada"], 3, 0), "3 people: 3");
    }
}
