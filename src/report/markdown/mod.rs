//! Views as Markdown for the comments of pull and merge requests, for people who do not read HCL.
//!
//! A document begins with a hidden marker that names the stack, so that one comment can be found and updated, and
//! holds nothing that differs between two runs with the same result: no clock, no serial. It fits a comment whatever
//! the plan's size (`page`), and whatever is called how (`text`).

mod assignments;
pub mod drift;
mod entities;
mod hide;
mod marks;
mod outputs;
mod page;
mod people;
pub mod plan;
mod records;
mod rules;
mod text;

pub use page::LEAST_SIZE;

use super::hide::People;

/// Room for a comment on GitHub, which takes 65,536 characters (and, of comments, as measured by others, 262,144
/// bytes), less what a bot may add. GitLab takes 1,000,000 characters.
pub const GITHUB_SIZE: usize = 65_000;

/// What a document may hold.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// How people appear.
    pub people: People,
    /// The most it may take, in UTF-16 code units; less than [`LEAST_SIZE`] is not kept to.
    pub max_size: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            people: People::Names,
            max_size: GITHUB_SIZE,
        }
    }
}

/// The first line: `<!-- rolecall plan: acme -->`. Whatever could end the comment is percent-encoded.
fn marker(what: &str, stack: &str) -> String {
    let mut name = String::new();
    for byte in stack.bytes() {
        match byte {
            b'-' if name.ends_with('-') => name.push_str("%2D"),
            b'-' | b'_' | b'.' => name.push(char::from(byte)),
            byte if byte.is_ascii_alphanumeric() => name.push(char::from(byte)),
            byte => name.push_str(&format!("%{byte:02X}")),
        }
    }
    format!("<!-- rolecall {what}: {name} -->\n")
}

#[cfg(test)]
mod tests;
