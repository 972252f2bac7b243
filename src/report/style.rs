//! Semantic styles: what a piece of text means, and only here what it looks like.
//!
//! Whether there is colour is decided once, at the edge, for each of stdout and
//! stderr; everything else passes a [`Styles`] along.

use std::fmt;

use colored::{Color, ColoredString, Colorize};

/// What a piece of text means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Meaning {
    /// Something comes.
    Added,
    /// Something changes in place.
    Changed,
    /// Something goes.
    Removed,
    /// The person should look.
    Warning,
    /// It does not work, or is refused.
    Error,
    /// A section's title.
    Heading,
    /// The thing the line is about.
    Subject,
    /// Where it comes from and other asides.
    Aside,
    /// All is well.
    Good,
}

/// Whether to colour, decided once per stream.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Styles {
    color: bool,
}

impl Styles {
    /// No colour at all.
    pub const PLAIN: Styles = Styles { color: false };

    /// Styles for a stream. With `color`, the edge must also have forced `colored` on, since that crate would
    /// otherwise look at the environment by itself.
    pub fn new(color: bool) -> Self {
        Styles { color }
    }

    /// Whether there is colour.
    pub fn color(self) -> bool {
        self.color
    }

    /// The text in the look of its meaning.
    pub fn paint(self, meaning: Meaning, text: impl fmt::Display) -> String {
        let text = text.to_string();
        if !self.color || text.is_empty() {
            return text;
        }
        look(meaning, text).to_string()
    }
}

fn look(meaning: Meaning, text: String) -> ColoredString {
    match meaning {
        Meaning::Added | Meaning::Good => text.color(Color::Green),
        Meaning::Changed => text.color(Color::Yellow),
        Meaning::Removed => text.color(Color::Red),
        Meaning::Warning => text.color(Color::Yellow).bold(),
        Meaning::Error => text.color(Color::Red).bold(),
        Meaning::Heading | Meaning::Subject => text.bold(),
        Meaning::Aside => text.dimmed(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_colour_text_is_as_it_was() {
        assert_eq!(Styles::PLAIN.paint(Meaning::Error, "no"), "no");
    }
}
