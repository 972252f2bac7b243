//! The table: which rows there are, how each is measured, and what it must keep to.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::floor;
use crate::measure::{Run, expect, exponent, median};
use crate::workload::{Shape, Workload};

/// What to measure.
pub struct Settings {
    rounds: usize,
    grants: usize,
    only: Option<String>,
}

impl Settings {
    /// Reads the options of the command line.
    pub fn parse(options: &[&str]) -> Result<Self, Box<dyn Error>> {
        let mut settings = Settings {
            rounds: 5,
            grants: 1_000_000,
            only: None,
        };
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

    fn wants(&self, section: &str) -> bool {
        self.only.as_deref().is_none_or(|only| section.contains(only))
    }
}

/// Prints the table, section by section.
pub fn run(settings: &Settings) -> Result<(), Box<dyn Error>> {
    let bench = Bench::new(settings)?;
    println!("| work | figure | floor | ratio | budget | peak memory | |");
    println!("|---|--:|--:|--:|--:|--:|---|");
    if settings.wants("plans") {
        bench.plans()?;
    }
    if settings.wants("blocks") {
        bench.blocks()?;
    }
    if settings.wants("apply") {
        bench.applies()?;
    }
    if settings.wants("quota") {
        bench.quotas()?;
    }
    if settings.wants("small") {
        bench.small()?;
    }
    Ok(())
}

struct Bench<'a> {
    settings: &'a Settings,
    rolecall: &'static str,
    this: String,
    base: PathBuf,
}

/// A stack on disk with a state, and one beside it without.
struct Stacks {
    applied: PathBuf,
    first: PathBuf,
    database: PathBuf,
}

impl Stacks {
    fn floor<'s>(&'s self, this: &'s str) -> [&'s str; 4] {
        [this, "floor", text(&self.applied), text(&self.database)]
    }
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap_or(".")
}

/// A row of the table. `unit` follows figure and floor.
fn row(work: &str, figure: String, floor: String, ratio: f64, budget: f64, peak: Option<(f64, f64)>) {
    let memory = peak.map_or(String::new(), |(peak, most)| {
        if most.is_finite() {
            format!("{peak:.0} MiB of {most:.0}")
        } else {
            format!("{peak:.0} MiB")
        }
    });
    let kept = ratio <= budget && peak.is_none_or(|(peak, most)| peak <= most);
    let verdict = if kept { "kept" } else { "**missed**" };
    println!("| {work} | {figure} | {floor} | {ratio:.2} | {budget} | {memory} | {verdict} |");
}

fn seconds(value: f64) -> String {
    if value < 0.1 {
        format!("{:.2} ms", value * 1e3)
    } else {
        format!("{value:.2} s")
    }
}

fn count(number: usize) -> String {
    match number {
        million if million % 1_000_000 == 0 => format!("{} M", million / 1_000_000),
        thousand if thousand % 1_000 == 0 => format!("{} k", thousand / 1_000),
        other => other.to_string(),
    }
}

impl<'a> Bench<'a> {
    fn new(settings: &'a Settings) -> Result<Self, Box<dyn Error>> {
        Ok(Bench {
            settings,
            rolecall: env!("CARGO_BIN_EXE_rolecall"),
            this: text(&std::env::current_exe()?).to_owned(),
            base: PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("scale"),
        })
    }

    /// Writes a stack, applies it, and writes it once more.
    fn stacks(&self, name: &str, shape: Shape) -> Result<Stacks, Box<dyn Error>> {
        let stacks = Stacks {
            applied: self.base.join(name),
            first: self.base.join(format!("{name}-first")),
            database: self.base.join(format!("{name}-floor")),
        };
        let workload = Workload::new(shape);
        eprintln!("{name}: {}", workload.summary());
        workload.write(&stacks.applied)?;
        workload.write(&stacks.first)?;
        floor::prepare(&stacks.database, &workload.tuples)?;
        self.apply(&stacks.applied, "unlimited")?;
        Ok(stacks)
    }

    /// Applies a stack in a process of its own: seconds, steps, simulated seconds, and seconds that were asked for.
    fn apply(&self, stack: &Path, service: &str) -> Result<Vec<f64>, Box<dyn Error>> {
        let output = Command::new(&self.this)
            .args(["apply", text(stack), service])
            .output()?;
        if !output.status.success() {
            return Err(String::from_utf8_lossy(&output.stderr).into_owned().into());
        }
        let text = String::from_utf8(output.stdout)?;
        Ok(text
            .split_whitespace()
            .map(str::parse)
            .collect::<Result<_, _>>()?)
    }

    fn plan(&self, stack: &Path) -> Result<Run, Box<dyn Error>> {
        expect(0, &[self.rolecall, "plan"], stack)
    }

    fn first_plan(&self, stack: &Path) -> Result<Run, Box<dyn Error>> {
        let _ = fs::remove_dir_all(stack.join(".rolecall"));
        self.plan(stack)
    }

    fn plans(&self) -> Result<(), Box<dyn Error>> {
        let grants = self.settings.grants;
        let large = self.stacks("large", Shape::of_grants(grants))?;
        let changed = self.base.join("large-changed");
        let shape = Shape {
            changed: 0.01,
            ..Shape::of_grants(grants)
        };
        Workload::new(shape).write(&changed)?;
        copy(&large.applied.join(".rolecall"), &changed.join(".rolecall"))?;
        let middle = self.stacks("middle", Shape::of_grants(grants / 10))?;
        let small = self.stacks("small", Shape::of_grants(grants / 100))?;
        let mut turns = Vec::new();
        for _ in 0..self.settings.rounds {
            turns.push([
                expect(0, &large.floor(&self.this), &self.base)?,
                expect(0, &[&self.this, "parse", text(&large.applied)], &self.base)?,
                self.plan(&large.applied)?,
                self.first_plan(&large.first)?,
                self.plan(&changed)?,
                self.plan(&middle.applied)?,
                self.plan(&small.applied)?,
                self.first_plan(&middle.first)?,
                self.first_plan(&small.first)?,
            ]);
        }
        let of = |at: usize| turns.iter().map(move |turn| turn[at]);
        let wall = |at: usize| median(of(at).map(|run| run.wall));
        let ratio = |at: usize| median(turns.iter().map(|turn| turn[at].wall / turn[0].wall));
        let peak = |at: usize| of(at).map(|run| run.peak).fold(0.0, f64::max);
        eprintln!(
            "parsing alone takes {:.0} % of the floor's processor time",
            100.0 * median(turns.iter().map(|turn| turn[1].cpu / turn[0].cpu))
        );
        let size = count(grants);
        for (name, at, budget, memory) in [
            ("no-op plan", 2, 4.0, 512.0),
            ("first plan", 3, 8.0, f64::INFINITY),
            ("plan with 1 % changed", 4, 8.0, f64::INFINITY),
        ] {
            let cpu = median(turns.iter().map(|turn| turn[at].cpu / turn[0].cpu));
            eprintln!("{name}: {cpu:.2} times the floor's processor time");
            let work = format!("{name}, {size} grants by sets");
            row(
                &work,
                seconds(wall(at)),
                seconds(wall(0)),
                ratio(at),
                budget,
                Some((peak(at), memory)),
            );
        }
        let sizes = [grants / 100, grants / 10, grants].map(|size| size as f64);
        for (name, at) in [("no-op", [6, 5, 2]), ("first", [8, 7, 3])] {
            let points: Vec<(f64, f64)> = sizes.into_iter().zip(at.map(wall)).collect();
            let work = format!(
                "growth of a {name} plan, {} → {size}: exponent",
                count(grants / 100)
            );
            let shown: Vec<String> = points.iter().map(|point| seconds(point.1)).collect();
            row(
                &work,
                shown.join(", "),
                String::new(),
                exponent(&points),
                1.05,
                None,
            );
        }
        Ok(())
    }

    fn blocks(&self) -> Result<(), Box<dyn Error>> {
        let grants = self.settings.grants / 10;
        let stacks = self.stacks("blocks", Shape::one_block_per_grant(grants))?;
        let mut turns = Vec::new();
        for _ in 0..self.settings.rounds {
            turns.push([
                expect(0, &stacks.floor(&self.this), &self.base)?,
                self.plan(&stacks.applied)?,
                self.first_plan(&stacks.first)?,
            ]);
        }
        for (name, at) in [("no-op", 1), ("first", 2)] {
            row(
                &format!("{name} plan, {0} grants as {0} blocks", count(grants)),
                seconds(median(turns.iter().map(|turn| turn[at].wall))),
                seconds(median(turns.iter().map(|turn| turn[0].wall))),
                median(turns.iter().map(|turn| turn[at].wall / turn[0].wall)),
                1.5,
                Some((
                    turns.iter().map(|turn| turn[at].peak).fold(0.0, f64::max),
                    f64::INFINITY,
                )),
            );
        }
        Ok(())
    }

    fn applies(&self) -> Result<(), Box<dyn Error>> {
        let mut points = Vec::new();
        for (name, grants) in [
            ("small", self.settings.grants / 100),
            ("middle", self.settings.grants / 10),
            ("large", self.settings.grants),
        ] {
            let stack = self.base.join(format!("{name}-apply"));
            Workload::new(Shape::of_grants(grants)).write(&stack)?;
            let replayed = self.base.join(format!("{name}-replay"));
            let mut turns = Vec::new();
            for _ in 0..self.settings.rounds.min(3) {
                let applied = self.apply(&stack, "unlimited")?;
                let output = Command::new(&self.this)
                    .args(["replay", text(&stack.join("trace")), text(&replayed)])
                    .output()?;
                let written: f64 = String::from_utf8(output.stdout)?.trim().parse()?;
                turns.push((applied[0], written));
            }
            let took = median(turns.iter().map(|turn| turn.0));
            row(
                &format!("apply, {} grants, against writing the same", count(grants)),
                seconds(took),
                seconds(median(turns.iter().map(|turn| turn.1))),
                median(turns.iter().map(|turn| turn.0 / turn.1)),
                2.0,
                None,
            );
            points.push((grants as f64, took));
        }
        let shown: Vec<String> = points.iter().map(|point| seconds(point.1)).collect();
        row(
            "growth of apply: exponent",
            shown.join(", "),
            String::new(),
            exponent(&points),
            1.05,
            None,
        );
        Ok(())
    }

    fn quotas(&self) -> Result<(), Box<dyn Error>> {
        let stack = self.base.join("quota");
        let shape = Shape {
            people: 100,
            ..Shape::of_grants(2_000)
        };
        Workload::new(shape).write(&stack)?;
        let applied = self.apply(&stack, "real")?;
        row(
            &format!(
                "apply against the service's quotas, {} steps, simulated time",
                applied[1]
            ),
            seconds(applied[2]),
            seconds(applied[3]),
            applied[2] / applied[3],
            1.05,
            None,
        );
        Ok(())
    }

    fn small(&self) -> Result<(), Box<dyn Error>> {
        let empty = self.empty_process()?;
        let shape = Shape {
            accounts: 10,
            sets: 5,
            groups: 5,
            people: 20,
            blocks: 8,
            grants: 100,
            ..Shape::default()
        };
        let stacks = self.stacks("ten", shape)?;
        let mut turns = Vec::new();
        for _ in 0..self.settings.rounds * 6 {
            turns.push([
                expect(0, &[text(&empty)], &self.base)?,
                expect(0, &[self.rolecall, "version"], &self.base)?,
                self.plan(&stacks.applied)?,
                self.first_plan(&stacks.first)?,
            ]);
        }
        for (name, at, budget) in [
            ("`rolecall version`, against an empty process", 1, 3.0),
            ("no-op plan of 10 accounts, against an empty process", 2, 20.0),
            ("first plan of 10 accounts, against an empty process", 3, 20.0),
        ] {
            row(
                name,
                seconds(median(turns.iter().map(|turn| turn[at].wall))),
                seconds(median(turns.iter().map(|turn| turn[0].wall))),
                median(turns.iter().map(|turn| turn[at].wall / turn[0].wall)),
                budget,
                Some((
                    turns.iter().map(|turn| turn[at].peak).fold(0.0, f64::max),
                    f64::INFINITY,
                )),
            );
        }
        Ok(())
    }

    /// Compiles a program that does nothing.
    fn empty_process(&self) -> Result<PathBuf, Box<dyn Error>> {
        let (source, program) = (self.base.join("empty.rs"), self.base.join("empty"));
        fs::create_dir_all(&self.base)?;
        fs::write(&source, crate::EMPTY)?;
        let compiler = std::env::var("RUSTC").unwrap_or_else(|_| "rustc".to_owned());
        let status = Command::new(compiler)
            .args(["-O", "-o", text(&program), text(&source)])
            .status()?;
        if status.success() {
            Ok(program)
        } else {
            Err("the empty program does not compile".into())
        }
    }
}

/// Copies a directory.
fn copy(from: &Path, to: &Path) -> Result<(), Box<dyn Error>> {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            copy(&entry.path(), &target)?;
        } else {
            fs::copy(entry.path(), target)?;
        }
    }
    Ok(())
}
