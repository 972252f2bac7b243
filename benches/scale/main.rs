//! The budgets of rolecall, measured: `cargo bench --bench scale`.
//!
//! Every row is a ratio against a floor that is taken in the same run, turn by turn with what it is compared with, as
//! whole processes; a machine that is slow for a while slows both. `README.md` next to this folder says what each
//! row means and holds the results.

#![allow(
    clippy::indexing_slicing,
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "a program for developers, which prints its results and may stop at a mistake of its own"
)]

mod apply;
mod floor;
mod measure;
mod table;
mod workload;

use std::error::Error;
use std::path::Path;
use std::process::ExitCode;

use workload::{Shape, Style, Workload};

/// What a bare process costs, to compare small commands with.
const EMPTY: &str = "fn main() {}";

const USAGE: &str = "\
cargo bench --bench scale [-- OPTION …]        the whole table
  --rounds N          how often each row is measured (5)
  --grants N          the size of the large stack (1000000)
  --only WORD         only rows whose section contains WORD
cargo bench --bench scale -- generate DIR [--grants N] [--per-grant] [--changed SHARE] [--seed N]
                                               writes a stack, to try things on
cargo bench --bench scale -- floor STACK DB    the floor alone, on what the table left in target/tmp";

fn main() -> ExitCode {
    // cargo itself adds `--bench`.
    let arguments: Vec<String> = std::env::args()
        .skip(1)
        .filter(|word| word != "--bench")
        .collect();
    match run(&arguments) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words.as_slice() {
        ["measured", ..] => measure::parent(&arguments[1..]),
        ["floor", stack, database] => {
            let (bytes, tuples) = floor::run(Path::new(stack), Path::new(database))?;
            println!("{bytes} bytes parsed, {tuples} tuples decoded");
            Ok(())
        }
        ["parse", stack] => {
            println!("{} bytes parsed", floor::parse(Path::new(stack))?);
            Ok(())
        }
        ["apply", stack, service] => {
            let service = match *service {
                "real" => apply::Service::Real,
                _ => apply::Service::Unlimited,
            };
            let applied = apply::run(Path::new(stack), service)?;
            println!(
                "{} {} {} {}",
                applied.seconds, applied.steps, applied.simulated, applied.asked
            );
            Ok(())
        }
        ["replay", trace, directory] => {
            println!("{}", apply::replay(Path::new(trace), Path::new(directory))?);
            Ok(())
        }
        ["generate", directory, options @ ..] => generate(Path::new(directory), options),
        ["--help" | "-h", ..] => {
            println!("{USAGE}");
            Ok(())
        }
        options => table::run(&table::Settings::parse(options)?),
    }
}

fn generate(directory: &Path, options: &[&str]) -> Result<(), Box<dyn Error>> {
    let mut shape = Shape::default();
    let mut rest = options.iter();
    while let Some(option) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{option} needs a value"));
        match *option {
            "--grants" => {
                let (style, changed, seed) = (shape.style, shape.changed, shape.seed);
                shape = Shape {
                    style,
                    changed,
                    seed,
                    ..Shape::of_grants(value()?.parse()?)
                };
            }
            "--per-grant" => shape = Shape::one_block_per_grant(shape.grants),
            "--changed" => shape.changed = value()?.parse()?,
            "--seed" => shape.seed = value()?.parse()?,
            other => return Err(format!("unknown option {other}\n{USAGE}").into()),
        }
    }
    let workload = Workload::new(shape);
    workload.write(directory)?;
    println!("{}", workload.summary());
    if shape.style == Style::PerGrant {
        println!("written as one block per grant");
    }
    floor::prepare(&directory.join("floor.db"), &workload.tuples)
}
