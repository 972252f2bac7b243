//! In which forms plans and drift can be written, and what those forms can hold.

use clap::{Args, ValueEnum};

use crate::report::markdown::{GITHUB_SIZE, LEAST_SIZE, Options, People};

/// `--format` of plans and drift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum ReportFormat {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
    /// For the comments of pull and merge requests
    Markdown,
}

/// `--format` with what belongs to it.
#[derive(Debug, Clone, Copy, Args)]
pub struct ReportArgs {
    /// How to write the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: ReportFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// What Markdown may hold
    #[command(flatten)]
    pub markdown: MarkdownArgs,
}

impl ReportArgs {
    /// The form that was asked for.
    pub fn format(&self) -> ReportFormat {
        if self.json {
            ReportFormat::Json
        } else {
            self.format
        }
    }

    /// Whether JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.format() == ReportFormat::Json
    }
}

/// Options of `--format markdown`.
#[derive(Debug, Clone, Copy, Args)]
pub struct MarkdownArgs {
    /// With --format markdown: people by name, or only how many (no names, user names or addresses)
    #[arg(long, value_enum, value_name = "HOW", default_value_t)]
    pub people: PeopleArg,
    /// With --format markdown: cut it to this many characters. GitHub takes 65536, GitLab 1000000
    #[arg(long, value_name = "N", default_value_t = GITHUB_SIZE, value_parser = parse_size)]
    pub max_size: usize,
}

impl MarkdownArgs {
    /// As the renderer takes them.
    pub fn options(&self) -> Options {
        Options {
            people: match self.people {
                PeopleArg::Names => People::Names,
                PeopleArg::Counts => People::Counts,
            },
            max_size: self.max_size,
        }
    }
}

/// `--people`
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PeopleArg {
    /// By name
    #[default]
    Names,
    /// Only how many
    Counts,
}

fn parse_size(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(size) if size >= LEAST_SIZE => Ok(size),
        Ok(_) => Err(format!(
            "it takes {LEAST_SIZE} characters to say what was left out; give at least that many"
        )),
        Err(_) => Err("a size is a number of characters".to_owned()),
    }
}
