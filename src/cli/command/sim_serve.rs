//! `sim serve`: the simulated service on the wire.

use std::net::{IpAddr, SocketAddr};

use crate::cli::args::{SimServeArgs, VariableArgs};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::config::evaluate::ProviderSettings;
use crate::provider::simulator::Options;
use crate::provider::simulator::wire::{Clock, Setup, Wire};

/// Runs it.
pub fn run(env: &Env, args: &SimServeArgs) -> Result<Exit, Failure> {
    // Before a world is made for nothing.
    if !cfg!(feature = "serve") {
        return Err(unavailable());
    }
    if let Some(region) = &args.region {
        check_region(region)?;
    }
    let options = options(env, args);
    let setup = Setup {
        clock: if args.fast() { Clock::Fast } else { Clock::Real },
        faults: args.fault.clone(),
        seed: options.seed,
        denied: args.deny.iter().cloned().collect(),
        now: env.now(),
    };
    let place = options.directory.clone();
    let region = options.region.clone();
    let wire = Wire::new(env.open_simulator(&options)?, setup)?;
    let (management, region) = wire
        .simulator()
        .with_world(|world| {
            let instance = world.instance();
            (instance.owner_account_id, instance.region)
        })
        .unwrap_or((String::new(), region));
    if let Some(place) = place {
        env.say(&format!(
            "world {} · management account {management} · {region}",
            place.display()
        ));
    }
    if !args.listen.ip().is_loopback() {
        let shown = match args.listen.ip() {
            IpAddr::V4(ip) if ip.is_unspecified() => "every address of this machine".to_owned(),
            IpAddr::V6(ip) if ip.is_unspecified() => "every address of this machine".to_owned(),
            ip => ip.to_string(),
        };
        env.say(&format!(
            "warning: listening on {shown}: whoever reaches it can read and change this world, as no signature is verified"
        ));
    }
    serve(env, wire, args.listen)
}

/// The world that was named, else the one of the stack's simulator, else the one a stack here would have.
fn options(env: &Env, args: &SimServeArgs) -> Options {
    let mut options = Options::at(&env.own_directory().join("world"));
    if let Some(place) = &args.world {
        options.directory = Some(place.clone());
    } else if let Ok(stack) = Stack::load(env, &VariableArgs::default()) {
        let settings = stack.evaluate(env.now(), None).provider;
        if let ProviderSettings::Simulator { .. } = settings {
            options = env.simulator_options(&settings).unwrap_or(options);
        }
    }
    options.seed = args.seed.unwrap_or(options.seed);
    if let Some(region) = &args.region {
        options.region.clone_from(region);
    }
    options.strict |= args.strict;
    options.quotas = args.with_quotas();
    options
}

/// ARNs, roles and identity stores of the simulator are those of the partition `aws`, whose Regions have names of this
/// form (botocore's partitions.json, without those of its Regions that only isolated partitions have).
fn check_region(region: &str) -> Result<(), Failure> {
    let areas = ["af", "ap", "ca", "eu", "il", "me", "mx", "sa", "us"];
    let parts: Vec<&str> = region.split('-').collect();
    let commercial = match parts.as_slice() {
        [area, place, number] => {
            let lower = |c: char| c.is_ascii_lowercase();
            let digits = |text: &str| !text.is_empty() && text.chars().all(|c| c.is_ascii_digit());
            areas.contains(area) && !place.is_empty() && place.chars().all(lower) && digits(number)
        }
        _ => false,
    };
    if commercial {
        return Ok(());
    }
    Err(
        Failure::new(format!("`{region}` is no Region of AWS's commercial partition")).help(
            "the simulator has the commercial partition only: give a Region such as us-east-1 or eu-west-1",
        ),
    )
}

fn unavailable() -> Failure {
    Failure::new("this rolecall was built without its server")
        .help("build it with the feature `serve`, which is on by default")
}

#[cfg(feature = "serve")]
fn serve(env: &Env, wire: Wire, listen: SocketAddr) -> Result<Exit, Failure> {
    use crate::provider::simulator::wire::server::{Stop, serve};
    let stop = Stop::default();
    let signalled = stop.clone();
    env.on_stop(move || signalled.stop());
    let announce = |address: SocketAddr| {
        // Scripts wait for this line; that nobody does is no reason to fail.
        let _ = env.print(|out| writeln!(out, "http://{address}"));
    };
    serve(wire, listen, &stop, env.test_speed(), announce).map_err(|error| {
        let cause = anyhow::Error::new(error).context(format!("cannot listen on {listen}"));
        Failure::from(cause)
    })?;
    Ok(Exit::Done)
}

#[cfg(not(feature = "serve"))]
fn serve(_: &Env, _: Wire, _: SocketAddr) -> Result<Exit, Failure> {
    Err(unavailable())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_simulator_is_in_a_region_of_the_commercial_partition() {
        for region in [
            "us-east-1",
            "eu-central-2",
            "ap-southeast-7",
            "mx-central-1",
            "il-central-1",
        ] {
            assert!(check_region(region).is_ok(), "{region}");
        }
        for region in [
            "xx",
            "",
            "us-gov-west-1",
            "cn-north-1",
            "us-iso-east-1",
            "eusc-de-east-1",
            "xx-east-1",
            "us-east-",
            "us--1",
            "US-EAST-1",
            "us-east-1a",
        ] {
            assert!(check_region(region).is_err(), "{region}");
        }
    }
}
