//! Measuring whole processes: wall clock, processor time and peak memory, as the operating system accounts for them.

use std::error::Error;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};

/// What one run of a process took.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Run {
    /// Seconds from start to end.
    pub wall: f64,
    /// Seconds of processor time, in all threads, user and system.
    pub cpu: f64,
    /// The most memory it held at once, in MiB.
    pub peak: f64,
    /// Its exit code.
    pub code: i32,
    /// How many bytes it wrote to standard output.
    pub written: u64,
}

/// Runs a command with what it writes counted and thrown away.
///
/// The accounting covers all children a process has ever had, so every command gets a parent of its own: this same
/// program, run as [`parent`].
pub fn run(command: &[&str], directory: &Path) -> Result<Run, Box<dyn Error>> {
    let output = Command::new(std::env::current_exe()?)
        .arg("measured")
        .args(command)
        .current_dir(directory)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()?;
    let text = String::from_utf8(output.stdout)?;
    let mut numbers = text.split_whitespace().map(str::parse::<f64>);
    let mut next = || numbers.next().ok_or("a measurement is missing");
    let run = Run {
        wall: next()??,
        cpu: next()??,
        peak: next()??,
        code: next()?? as i32,
        written: next()?? as u64,
    };
    Ok(run)
}

/// As [`run`], and another exit code than the expected one is an error.
pub fn expect(code: i32, command: &[&str], directory: &Path) -> Result<Run, Box<dyn Error>> {
    let run = run(command, directory)?;
    if run.code != code {
        return Err(format!("`{}` ended with {}, not {code}", command.join(" "), run.code).into());
    }
    Ok(run)
}

/// Runs one command and prints what it took.
pub fn parent(command: &[String]) -> Result<(), Box<dyn Error>> {
    let (program, arguments) = command.split_first().ok_or("nothing to run")?;
    let started = Instant::now();
    let mut child = Command::new(program)
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()?;
    let written = match child.stdout.take() {
        Some(mut out) => std::io::copy(&mut out, &mut std::io::sink())?,
        None => 0,
    };
    let status = child.wait()?;
    let wall = started.elapsed().as_secs_f64();
    let usage = getrusage(UsageWho::RUSAGE_CHILDREN)?;
    let seconds = |time: nix::sys::time::TimeVal| time.tv_sec() as f64 + time.tv_usec() as f64 / 1e6;
    println!(
        "{wall} {} {} {} {written}",
        seconds(usage.user_time()) + seconds(usage.system_time()),
        usage.max_rss() as f64 / 1024.0,
        status.code().unwrap_or(-1)
    );
    Ok(())
}

/// The median; zero of nothing.
pub fn median(values: impl IntoIterator<Item = f64>) -> f64 {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match values.len() {
        0 => 0.0,
        odd if odd % 2 == 1 => values[middle],
        _ => f64::midpoint(values[middle - 1], values[middle]),
    }
}

/// The exponent of growth: the slope of the line through points on logarithmic axes, by least squares.
pub fn exponent(points: &[(f64, f64)]) -> f64 {
    let logs: Vec<(f64, f64)> = points.iter().map(|(x, y)| (x.ln(), y.ln())).collect();
    let count = logs.len() as f64;
    let mean_x = logs.iter().map(|point| point.0).sum::<f64>() / count;
    let mean_y = logs.iter().map(|point| point.1).sum::<f64>() / count;
    let covariance: f64 = logs.iter().map(|(x, y)| (x - mean_x) * (y - mean_y)).sum();
    let variance: f64 = logs.iter().map(|(x, _)| (x - mean_x).powi(2)).sum();
    covariance / variance
}
