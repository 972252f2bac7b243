//! `state log`: the history.

use crate::cli::args::FormatArgs;
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::model::rules::Rules;
use crate::plan::rules::{RuleChange, RuleChangeKind, between};
use crate::report::escape::escape;
use crate::report::json::history::{HistoryJson, LogLine, What};
use crate::state::entry::{Entry, RunCounts, RunEnd};
use crate::state::{Kinds, StateStore};

/// Runs it.
pub fn run(env: &Env, format: FormatArgs) -> Result<Exit, Failure> {
    let mut log = Log::default();
    super::store_of(env)?.read_each(Kinds::Story, &mut |entry| {
        log.add(&entry);
        true
    })?;
    let lines = log.lines;
    if format.is_json() {
        super::print_json(env, &HistoryJson::new(lines))?;
    } else {
        env.print(|out| {
            lines.iter().try_for_each(|line| {
                writeln!(
                    out,
                    "{}  {:<24}  {}",
                    line.at,
                    escape(&line.actor),
                    text(&line.what)
                )?;
                rule_changes(&line.what)
                    .iter()
                    .try_for_each(|change| writeln!(out, "    {}", escape(change)))
            })
        })?;
    }
    Ok(Exit::Done)
}

/// One line per run, move, removal and import, oldest first.
#[derive(Default)]
pub(super) struct Log {
    /// The lines.
    pub(super) lines: Vec<LogLine>,
    /// Done and failed steps of the run that is being read, as far as it got to say how they ended.
    steps: RunCounts,
    /// The rules of the last run.
    rules: Option<Rules>,
}

impl Log {
    /// What rules differ from those known before, a sentence each; nothing about the first ones.
    fn rules(&mut self, now: Option<&Rules>) -> Vec<String> {
        let Some(now) = now else {
            return Vec::new();
        };
        let before = self.rules.replace(now.clone());
        let found = before.map(|before| between(&before, now)).unwrap_or_default();
        found.iter().map(rule_change).collect()
    }

    /// Takes in the next entry.
    pub(super) fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::RunStarted(run) => {
                self.steps = RunCounts::default();
                let rule_changes = self.rules(run.rules.as_deref());
                self.lines.push(LogLine {
                    at: run.by.at,
                    actor: run.by.actor.to_string(),
                    what: What::Run {
                        run: run.run.to_string(),
                        command: run.command.to_string(),
                        digest: run.rest.as_ref().unwrap_or(&run.digest).to_string(),
                        goes_on_with: run.rest.as_ref().map(|_| run.digest.to_string()),
                        reason: run.reason.as_deref().map(str::to_owned),
                        revision: run.revision.as_deref().map(str::to_owned),
                        rule_changes,
                        end: None,
                        done: 0,
                        failed: 0,
                        not_run: 0,
                    },
                });
            }
            Entry::Outcomes { done, failed } => {
                self.steps.done += done.len() as u64;
                self.steps.failed += failed.len() as u64;
                tally(self.lines.last_mut(), None, self.steps);
            }
            Entry::RunFinished { end, counts, .. } => {
                tally(self.lines.last_mut(), Some(*end), counts.unwrap_or(self.steps));
            }
            Entry::AddressMoved { by, from, to } => self.lines.push(LogLine {
                at: by.at,
                actor: by.actor.to_string(),
                what: What::Moved {
                    from: from.clone(),
                    to: to.clone(),
                },
            }),
            Entry::AddressRemoved { by, address } => self.lines.push(LogLine {
                at: by.at,
                actor: by.actor.to_string(),
                what: What::Removed {
                    address: address.clone(),
                },
            }),
            Entry::Imported { by, recorded } => self.lines.push(LogLine {
                at: by.at,
                actor: by.actor.to_string(),
                what: What::Imported {
                    serial: recorded.serial,
                },
            }),
            Entry::Frozen(frozen) => self.lines.push(LogLine {
                at: frozen.at,
                actor: frozen.actor.to_string(),
                what: What::Frozen {
                    principal: frozen.principal.clone(),
                    reason: frozen.reason.as_deref().map(str::to_owned),
                },
            }),
            Entry::Lifted {
                by,
                principal,
                reason,
            } => self.lines.push(LogLine {
                at: by.at,
                actor: by.actor.to_string(),
                what: What::Lifted {
                    principal: principal.clone(),
                    reason: reason.as_deref().map(str::to_owned),
                },
            }),
            Entry::Noted(noted) => {
                self.rules(noted.rules.as_deref());
                self.lines.extend(noted.revision.iter().map(|revision| LogLine {
                    at: noted.by.at,
                    actor: noted.by.actor.to_string(),
                    what: What::Noted {
                        revision: revision.to_string(),
                    },
                }))
            }
            Entry::Intents { .. }
            | Entry::Accepted { .. }
            | Entry::Recorded(_)
            | Entry::Observed(_)
            | Entry::Confirmed { .. } => {}
        }
    }
}

/// `guardrail "few" removed (something may pass that did not)`
fn rule_change(change: &RuleChange) -> String {
    let label = change
        .label
        .as_deref()
        .map(|label| format!(" \"{label}\""))
        .unwrap_or_default();
    let verb = match change.change {
        RuleChangeKind::Added => "added",
        RuleChangeKind::Changed => "changed",
        RuleChangeKind::Removed => "removed",
    };
    let loosened = match change.may_loosen {
        true => " (something may pass that did not before)",
        false => "",
    };
    format!("{}{label} {verb}{loosened}", change.rule.name())
}

fn tally(line: Option<&mut LogLine>, ended: Option<RunEnd>, steps: RunCounts) {
    if let Some(LogLine {
        what:
            What::Run {
                end,
                done,
                failed,
                not_run,
                ..
            },
        ..
    }) = line
    {
        (*done, *failed, *not_run) = (steps.done, steps.failed, steps.not_run);
        *end = ended.or(*end);
    }
}

fn text(what: &What) -> String {
    match what {
        What::Run {
            command,
            digest,
            reason,
            end,
            done,
            failed,
            not_run,
            goes_on_with,
            revision,
            ..
        } => {
            let end = match end {
                Some(RunEnd::Complete) => "complete",
                Some(RunEnd::Partial) => "partly",
                Some(RunEnd::Interrupted) => "interrupted",
                None => "did not end",
            };
            let reason = why(reason.as_deref());
            let revision = revision
                .as_deref()
                .map(|revision| format!("  revision {}", escape(revision)))
                .unwrap_or_default();
            let not_run = match not_run {
                0 => String::new(),
                not_run => format!(", {not_run} not run"),
            };
            let before = goes_on_with
                .as_deref()
                .map(|digest| format!(" (goes on with {digest})"))
                .unwrap_or_default();
            format!(
                "{command} {digest}{before}  {end}: {done} done, {failed} failed{not_run}{revision}{reason}"
            )
        }
        What::Frozen { principal, reason } => {
            format!(
                "froze {}{}",
                escape(&principal.to_string()),
                why(reason.as_deref())
            )
        }
        What::Lifted { principal, reason } => {
            format!(
                "lifted the freeze of {}{}",
                escape(&principal.to_string()),
                why(reason.as_deref())
            )
        }
        What::Noted { revision } => format!("found nothing to do  revision {}", escape(revision)),
        What::Moved { from, to } => format!("moved {from} to {to}"),
        What::Removed { address } => format!("forgot {address}"),
        What::Imported { serial } => format!("imported state {serial}"),
    }
}

/// What a run changed about the rules, a sentence each.
fn rule_changes(what: &What) -> &[String] {
    match what {
        What::Run { rule_changes, .. } => rule_changes,
        _ => &[],
    }
}

/// A reason at the end of a line.
fn why(reason: Option<&str>) -> String {
    reason
        .map(|reason| format!("  {}", escape(reason)))
        .unwrap_or_default()
}
