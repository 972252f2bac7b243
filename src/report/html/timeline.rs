//! History over time: step lines, drawn as SVG, and a table that says the same.

use jiff::Timestamp;

use crate::model::history::Point;
use crate::report::escape::escape;
use crate::report::json::history::{LogLine, What};
use crate::report::wording::number;
use crate::state::entry::RunEnd;

use super::text::moment;

const WIDTH: f64 = 720.0;
const HEIGHT: f64 = 160.0;
/// Room for labels: left, top, right, bottom.
const MARGIN: (f64, f64, f64, f64) = (64.0, 12.0, 16.0, 28.0);
/// Events and readings in the tables; older ones are counted.
const MOST_ROWS: usize = 200;

/// The history.
pub struct Timeline {
    /// The drawings.
    pub plots: Vec<Plot>,
    /// The readings, the newest first: when; assignments, people, administrators.
    pub readings: Vec<(String, [String; 3])>,
    /// How many readings are left out.
    pub more_readings: usize,
    /// What happened, the newest first.
    pub events: Vec<Event>,
    /// How many events are left out.
    pub more_events: usize,
}

/// Something that happened to the state.
pub struct Event {
    /// When.
    pub at: String,
    /// Who.
    pub actor: String,
    /// What.
    pub what: String,
    /// The digest of the plan.
    pub digest: String,
    /// Why.
    pub reason: String,
}

/// A step line.
pub struct Plot {
    /// What is counted.
    pub title: &'static str,
    /// The same in a sentence.
    pub summary: String,
    /// A name for the elements that describe it.
    pub id: &'static str,
    /// The line's path.
    pub path: String,
    /// Places on the line: x, y, and what stands there.
    pub dots: Vec<(String, String, String)>,
    /// Lines across: y, and their labels.
    pub grid: Vec<(String, String)>,
    /// The ends of the time: left and right.
    pub ends: (String, String),
}

impl Timeline {
    /// The history of readings and of what was done.
    pub fn new(points: &[Point], log: &[LogLine]) -> Self {
        let plots = [
            (
                "Assignments",
                "plot-assignments",
                points.iter().map(|p| (p.at, p.assignments)).collect(),
            ),
            (
                "People with access",
                "plot-people",
                points.iter().map(|p| (p.at, p.people)).collect(),
            ),
            (
                "People who administer an account",
                "plot-administrators",
                points.iter().map(|p| (p.at, p.administrators)).collect(),
            ),
        ];
        let readings = points.iter().rev().take(MOST_ROWS);
        let reading = |point: &Point| {
            let counts = [point.assignments, point.people, point.administrators];
            (moment(point.at), counts.map(number))
        };
        Timeline {
            plots: plots
                .into_iter()
                .filter_map(|(title, id, line)| plot(title, id, line))
                .collect(),
            readings: readings.map(reading).collect(),
            more_readings: points.len().saturating_sub(MOST_ROWS),
            events: log.iter().rev().take(MOST_ROWS).map(event).collect(),
            more_events: log.len().saturating_sub(MOST_ROWS),
        }
    }
}

fn event(line: &LogLine) -> Event {
    let (what, digest, reason) = match &line.what {
        What::Run {
            command,
            digest,
            reason,
            end,
            done,
            failed,
            rule_changes,
            ..
        } => {
            let end = match end {
                Some(RunEnd::Complete) => "complete",
                Some(RunEnd::Partial) => "in part",
                Some(RunEnd::Interrupted) => "interrupted",
                None => "did not end",
            };
            let mut text = format!(
                "{command}, {end}: {} steps done, {} failed",
                number(*done),
                number(*failed)
            );
            if !rule_changes.is_empty() {
                text.push_str(&format!(". Rules: {}", rule_changes.join("; ")));
            }
            (text, digest.clone(), reason.clone().unwrap_or_default())
        }
        What::Frozen { principal, reason } => (
            format!("froze {principal}"),
            String::new(),
            reason.clone().unwrap_or_default(),
        ),
        What::Lifted { principal, reason } => (
            format!("lifted the freeze of {principal}"),
            String::new(),
            reason.clone().unwrap_or_default(),
        ),
        What::Noted { revision } => (
            format!("found nothing to do at revision {revision}"),
            String::new(),
            String::new(),
        ),
        What::Moved { from, to } => (format!("moved {from} to {to}"), String::new(), String::new()),
        What::Removed { address } => (format!("forgot {address}"), String::new(), String::new()),
        What::Imported { serial } => (format!("imported state {serial}"), String::new(), String::new()),
    };
    Event {
        at: moment(line.at),
        actor: escape(&line.actor).into_owned(),
        what: escape(&what).into_owned(),
        digest: escape(&digest).into_owned(),
        reason: escape(&reason).into_owned(),
    }
}

/// A step line over time. Nothing is drawn of nothing.
fn plot(title: &'static str, id: &'static str, line: Vec<(Timestamp, u64)>) -> Option<Plot> {
    let (first, last) = (*line.first()?, *line.last()?);
    let most = line.iter().map(|(_, count)| *count).max().unwrap_or(0);
    let top = ceiling(most);
    let span = (last.0.as_millisecond() - first.0.as_millisecond()).max(1) as f64;
    let (left, up, right, down) = MARGIN;
    let x = |at: Timestamp| {
        let part = (at.as_millisecond() - first.0.as_millisecond()) as f64 / span;
        left + part * (WIDTH - left - right)
    };
    let y = |count: u64| HEIGHT - down - count as f64 / top as f64 * (HEIGHT - up - down);
    let short = |number: f64| format!("{number:.1}");
    let mut path = String::new();
    for (index, (at, count)) in line.iter().enumerate() {
        let (x, y) = (short(x(*at)), short(y(*count)));
        path.push_str(&match index {
            0 => format!("M{x} {y}"),
            _ => format!("H{x}V{y}"),
        });
    }
    path.push_str(&format!("H{}", short(WIDTH - right)));
    // A dot where something changed, and at the last reading.
    let changes = line.iter().enumerate().filter(|(index, (_, count))| {
        let before = index.checked_sub(1).and_then(|at| line.get(at));
        before.is_none_or(|(_, before)| before != count) || index + 1 == line.len()
    });
    let dots = changes.map(|(_, (at, count))| {
        (
            short(x(*at)),
            short(y(*count)),
            format!("{}: {}", moment(*at), number(*count)),
        )
    });
    let summary = format!(
        "{title}: {} at {}, {} at {}; {} at most, over {} readings.",
        number(first.1),
        moment(first.0),
        number(last.1),
        moment(last.0),
        number(most),
        number(line.len() as u64)
    );
    Some(Plot {
        title,
        summary,
        id,
        path,
        dots: dots.collect(),
        grid: [0, top / 2, top]
            .map(|count| (short(y(count)), number(count)))
            .into(),
        ends: (moment(first.0), moment(last.0)),
    })
}

/// The next round number, which half of is whole.
fn ceiling(most: u64) -> u64 {
    let mut step = 1;
    while step * 10 < most {
        step *= 10;
    }
    let factors: &[u64] = if step < 10 {
        &[20, 40, 60, 80, 100]
    } else {
        &[10, 12, 16, 20, 24, 30, 40, 50, 60, 80, 100]
    };
    let found = factors
        .iter()
        .map(|factor| factor * step / 10)
        .find(|top| *top >= most);
    found.unwrap_or(step * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: u8) -> Timestamp {
        format!("2026-01-01T00:{minute:02}:00Z").parse().unwrap()
    }

    #[test]
    fn the_top_of_a_plot_is_a_round_number_above_the_line() {
        assert_eq!([0, 1, 2, 7, 11, 99, 204].map(ceiling), [2, 2, 2, 8, 12, 100, 240]);
    }

    #[test]
    fn a_line_goes_in_steps_and_marks_changes() {
        let line = vec![(at(0), 0), (at(10), 100), (at(20), 100), (at(30), 50)];
        let plot = plot("Assignments", "a", line).unwrap();
        assert_eq!(plot.dots.len(), 3, "the start, both changes: {:?}", plot.dots);
        assert!(plot.path.starts_with("M64.0 132.0H277.3V12.0H"), "{}", plot.path);
        assert!(
            plot.summary.contains("0 at 2026-01-01 00:00:00 UTC, 50 at"),
            "{}",
            plot.summary
        );
    }
}
