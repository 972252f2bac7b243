//! In which forms plans and drift can be written, and what those forms can hold.

use clap::{Args, ValueEnum};

use crate::report::hide::People;
use crate::report::markdown::{GITHUB_SIZE, LEAST_SIZE, Options};

/// `--format` of plans.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum PlanFormat {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
    /// For the comments of pull and merge requests
    Markdown,
    /// The findings, for code scanning
    Sarif,
    /// The findings as a test report: a refusal fails
    Junit,
}

/// `--format` of plans with what belongs to it.
#[derive(Debug, Clone, Copy, Args)]
pub struct PlanFormatArgs {
    /// How to write the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: PlanFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// What it may hold
    #[command(flatten)]
    pub markdown: MarkdownArgs,
}

impl PlanFormatArgs {
    /// The form that was asked for.
    pub fn format(&self) -> PlanFormat {
        if self.json { PlanFormat::Json } else { self.format }
    }

    /// Whether JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.format() == PlanFormat::Json
    }

    /// How people appear, in every form.
    pub fn people(&self) -> People {
        self.markdown.options().people
    }
}

/// `--format` of drift.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DriftFormat {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
    /// For issues, and the comments of pull and merge requests
    Markdown,
    /// A test report: a case per finding
    Junit,
}

/// `--format` of drift with what belongs to it.
#[derive(Debug, Clone, Copy, Args)]
pub struct DriftFormatArgs {
    /// How to write the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: DriftFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
    /// What it may hold
    #[command(flatten)]
    pub markdown: MarkdownArgs,
}

impl DriftFormatArgs {
    /// The form that was asked for.
    pub fn format(&self) -> DriftFormat {
        if self.json { DriftFormat::Json } else { self.format }
    }

    /// Whether JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.format() == DriftFormat::Json
    }

    /// How people appear, in every form.
    pub fn people(&self) -> People {
        self.markdown.options().people
    }
}

/// `--format` of what is wrong with a configuration.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum DiagnosticsFormat {
    /// For people
    #[default]
    Text,
    /// For machines
    Json,
    /// For code scanning
    Sarif,
}

/// The same, with `--json` for short.
#[derive(Debug, Clone, Copy, Args)]
pub struct DiagnosticsFormatArgs {
    /// How to write the result
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t)]
    pub format: DiagnosticsFormat,
    /// The same as --format json
    #[arg(long, conflicts_with = "format")]
    pub json: bool,
}

impl DiagnosticsFormatArgs {
    /// The form that was asked for.
    pub fn format(&self) -> DiagnosticsFormat {
        if self.json {
            DiagnosticsFormat::Json
        } else {
            self.format
        }
    }

    /// Whether JSON was asked for.
    pub fn is_json(&self) -> bool {
        self.format() == DiagnosticsFormat::Json
    }
}

/// What a form may hold.
#[derive(Debug, Clone, Copy, Args)]
pub struct MarkdownArgs {
    /// People by name, or only how many: no names, user names or addresses, in whatever form
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
