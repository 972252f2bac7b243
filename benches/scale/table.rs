//! The table: which rows there are, and how each is measured.

use std::error::Error;

/// What to measure.
pub struct Settings {
    pub rounds: usize,
    pub grants: usize,
    pub only: Option<String>,
}

impl Settings {
    pub fn parse(options: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut settings = Settings { rounds: 5, grants: 1_000_000, only: None };
        let mut rest = options.iter();
        while let Some(option) = rest.next() {
            let mut value = || rest.next().ok_or(format!("{option} needs a value"));
            match *option {
                "--rounds" => settings.rounds = value()?.parse()?,
                "--grants" => settings.grants = value()?.parse()?,
                "--only" => settings.only = Some((*value()?).to_owned()),
                other => return Err(format!("unknown option {other}\n{}", super::USAGE).into()),
            }
        }
        Ok(settings)
    }
}

pub fn run(_settings: &Settings) -> Result<(), Box<dyn Error>> {
    Ok(())
}
