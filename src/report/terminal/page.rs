//! Lines, columns and headings.

use std::io::{self, Write};

use crate::report::style::{Meaning, Styles};

/// The column at which a section's summary and a row's origin end up when there is room.
const SUMMARY_COLUMN: usize = 64;

/// Something to write lines to, with the stream's styles.
pub struct Page<'w> {
    out: &'w mut dyn Write,
    /// How meaning looks.
    pub styles: Styles,
}

impl<'w> Page<'w> {
    /// A page on a stream.
    pub fn new(out: &'w mut dyn Write, styles: Styles) -> Self {
        Page { out, styles }
    }

    /// The text in the look of its meaning.
    pub fn paint(&self, meaning: Meaning, text: impl std::fmt::Display) -> String {
        self.styles.paint(meaning, text)
    }

    /// Words of risk at the end of a line: `  ! administrator, production`; nothing without any.
    pub fn marks(&self, words: &str) -> String {
        if words.is_empty() {
            return String::new();
        }
        format!("  {}", self.paint(Meaning::Warning, format!("! {words}")))
    }

    /// One line; trailing spaces are dropped.
    ///
    /// # Errors
    /// When the stream cannot be written to.
    pub fn line(&mut self, text: &str) -> io::Result<()> {
        writeln!(self.out, "{}", text.trim_end())
    }

    /// An empty line.
    ///
    /// # Errors
    /// When the stream cannot be written to.
    pub fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }

    /// A section's title with its summary on the right.
    ///
    /// # Errors
    /// When the stream cannot be written to.
    pub fn heading(&mut self, title: &str, summary: &str) -> io::Result<()> {
        let padding = " ".repeat(SUMMARY_COLUMN.saturating_sub(width(title)).max(2));
        let title = self.paint(Meaning::Heading, title);
        self.line(&format!("{title}{padding}{summary}"))
    }

    /// Columns of plain text, each padded to its width, in one colour for the first cell. Where the first cell is wider
    /// than its column, the row goes on below it, so that the columns stay where they are.
    ///
    /// # Errors
    /// When the stream cannot be written to.
    pub fn row(&mut self, mark: (Meaning, &str), cells: &[(String, usize)]) -> io::Result<()> {
        let mut text = format!("  {} ", self.paint(mark.0, mark.1));
        for (index, (cell, column)) in cells.iter().enumerate() {
            let more = cells.iter().skip(index + 1).any(|(cell, _)| !cell.is_empty());
            text.push_str(cell);
            if index == 0 && *column > 0 && width(cell) > *column && more {
                self.line(&text)?;
                text = " ".repeat(column + 6);
            } else {
                text.push_str(&" ".repeat(column.saturating_sub(width(cell)) + 2));
            }
        }
        self.line(&text)
    }
}

/// How many columns a text takes: its characters, without colour codes.
pub fn width(text: &str) -> usize {
    let mut count = 0;
    let mut in_code = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => in_code = true,
            'm' if in_code => in_code = false,
            _ if in_code => {}
            _ => count += 1,
        }
    }
    count
}

/// The widest of some cells, but at most `most`.
pub fn column<'a>(cells: impl Iterator<Item = &'a str>, most: usize) -> usize {
    cells.map(width).filter(|width| *width <= most).max().unwrap_or(0)
}
