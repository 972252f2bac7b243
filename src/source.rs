//! Where text came from: files, spans in them, and the map from one to the other.
//!
//! Nothing here reads a file. The caller hands over names and text, so that a
//! stack can live on disk, in a test or in a dumped plan input alike.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// A file known to a [`SourceMap`]; an index, meaningful only with its map.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct FileId(pub u32);

/// A half-open range of byte offsets in one file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span {
    /// The file the offsets count in.
    pub file: FileId,
    /// First byte.
    pub start: u32,
    /// One past the last byte.
    pub end: u32,
}

impl Span {
    /// A span of `range` in `file`; offsets beyond 4 GiB saturate, since no such file is ever loaded.
    pub fn new(file: FileId, range: std::ops::Range<usize>) -> Self {
        let clamp = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Span {
            file,
            start: clamp(range.start),
            end: clamp(range.end),
        }
    }

    /// The smallest span covering both; `self` when they lie in different files.
    pub fn to(self, other: Span) -> Span {
        if self.file != other.file {
            return self;
        }
        Span {
            file: self.file,
            start: self.start.min(other.start),
            end: self.end.max(other.end),
        }
    }

    /// The byte range, for slicing the file's text with `get`.
    pub fn range(self) -> std::ops::Range<usize> {
        self.start as usize..self.end as usize
    }
}

/// A place a person can go to: file, line and column, both counted from one.
///
/// Columns count characters, as editors do. Unlike a [`Span`] it stands on its
/// own, so it is what plans, states and events carry.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Location {
    /// Path relative to the stack's directory, with forward slashes.
    pub file: Arc<str>,
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl fmt::Display for Location {
    /// `access/prod.hcl:31`, the form editors and terminals link; the column is left to [`Location::column`].
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// One file's name and text.
#[derive(Debug, Clone)]
pub struct SourceFile {
    /// Path relative to the stack's directory, with forward slashes.
    pub name: Arc<str>,
    /// The whole text, without a byte-order mark.
    pub text: Arc<str>,
    line_starts: Vec<u32>,
}

impl SourceFile {
    /// The line number (from 1) that holds byte `offset`.
    pub fn line_of(&self, offset: u32) -> u32 {
        let count = self.line_starts.partition_point(|start| *start <= offset);
        u32::try_from(count.max(1)).unwrap_or(u32::MAX)
    }

    /// The bytes of line `line` (from 1), without its line break; empty past the end.
    pub fn line_text(&self, line: u32) -> &str {
        let index = line.saturating_sub(1) as usize;
        let Some(start) = self.line_starts.get(index) else {
            return "";
        };
        let end = self
            .line_starts
            .get(index + 1)
            .map_or(self.text.len(), |next| *next as usize);
        self.text
            .get(*start as usize..end)
            .unwrap_or("")
            .trim_end_matches(['\n', '\r'])
    }

    /// First byte of line `line` (from 1); the text's length past the end.
    pub fn line_start(&self, line: u32) -> usize {
        self.line_starts
            .get(line.saturating_sub(1) as usize)
            .map_or(self.text.len(), |start| *start as usize)
    }
}

/// Every file that was read, in the order it was added.
#[derive(Debug, Clone, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// An empty map.
    pub fn new() -> Self {
        Self::default()
    }

    /// The same files under the names that they have as seen from above `directory`.
    #[must_use]
    pub fn within(&self, directory: &str) -> SourceMap {
        let mut map = self.clone();
        for file in &mut map.files {
            file.name = format!("{directory}/{}", file.name).into();
        }
        map
    }

    /// Adds a file and returns its id. A leading byte-order mark is dropped.
    pub fn add(&mut self, name: impl Into<Arc<str>>, text: impl Into<Arc<str>>) -> FileId {
        let text: Arc<str> = text.into();
        let text = match text.strip_prefix('\u{feff}') {
            Some(rest) => Arc::from(rest),
            None => text,
        };
        let breaks = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        let line_starts = std::iter::once(0)
            .chain(breaks.map(|(at, _)| u32::try_from(at + 1).unwrap_or(u32::MAX)))
            .collect();
        let id = FileId(u32::try_from(self.files.len()).unwrap_or(u32::MAX));
        self.files.push(SourceFile {
            name: name.into(),
            text,
            line_starts,
        });
        id
    }

    /// The file behind an id of this map.
    pub fn file(&self, id: FileId) -> Option<&SourceFile> {
        self.files.get(id.0 as usize)
    }

    /// All files with their ids.
    pub fn files(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        (0..).map(FileId).zip(&self.files)
    }

    /// The text a span covers; empty for a span of another map.
    pub fn text(&self, span: Span) -> &str {
        self.file(span.file)
            .and_then(|file| file.text.get(span.range()))
            .unwrap_or("")
    }

    /// Where a span starts, for a person; `None` for a span of another map.
    pub fn location(&self, span: Span) -> Option<Location> {
        let file = self.file(span.file)?;
        let line = file.line_of(span.start);
        let before = file
            .text
            .get(file.line_start(line)..span.start as usize)
            .unwrap_or("");
        let column = u32::try_from(before.chars().count() + 1).unwrap_or(u32::MAX);
        Some(Location {
            file: file.name.clone(),
            line,
            column,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_count_lines_and_characters_from_one() {
        let mut map = SourceMap::new();
        let id = map.add("a.hcl", "\u{feff}one\nzwölf = 1\n");
        let at = map.file(id).unwrap().text.find('=').unwrap();
        let location = map.location(Span::new(id, at..at + 1)).unwrap();
        assert_eq!((location.line, location.column), (2, 7));
        assert_eq!(location.to_string(), "a.hcl:2");
        assert_eq!(map.file(id).unwrap().line_text(2), "zwölf = 1");
        assert_eq!(map.file(id).unwrap().line_text(9), "");
        let within = map.within("out/all");
        assert_eq!(&*within.file(id).unwrap().name, "out/all/a.hcl");
    }
}
