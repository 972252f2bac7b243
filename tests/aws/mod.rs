//! The provider for AWS, over the wire: the whole program through the AWS SDK against the simulator's server.

mod asked;
mod created;
mod credentials;
mod delegated;
mod gateway;
mod guardrails;
mod import;
mod least_privilege;
mod organization;
mod pace;
mod proxy;
mod recreated;
mod scenario;
mod server;
mod silence;
mod trouble;

use std::process::{Command, Stdio};

use crate::common::{Output, Sandbox};
use server::{Server, stack_and_world, world_of};

/// Arguments of a server that answers as fast as it can.
pub const QUICK: [&str; 4] = ["--clock", "fast", "--quotas", "off"];

/// A stack of one file and a server of the world it is about.
pub fn served(text: &str, args: &[&str]) -> (Sandbox, Server) {
    let sandbox = stack_and_world(&[("main.hcl", text)], "rate = 1000");
    let server = Server::start(&world_of(&sandbox), args);
    (sandbox, server)
}

/// Runs the program in a stack's directory with the service at `url`, as the management account unless said.
pub fn run(sandbox: &Sandbox, url: &str, args: &[&str]) -> Output {
    run_as(sandbox, url, "AKIAIOSFODNN7EXAMPLE", &[], args)
}

/// As [`run`], as the caller whom the server takes the access key for, and with more in the environment.
pub fn run_as(sandbox: &Sandbox, url: &str, key: &str, more: &[(&str, &str)], args: &[&str]) -> Output {
    let output = client(sandbox, url, key)
        .envs(more.iter().copied())
        .args(args)
        .output()
        .unwrap();
    Output {
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
        code: output.status.code().unwrap_or(-1),
    }
}

/// The program as a client of the service at this address, by an access key.
pub fn client(sandbox: &Sandbox, url: &str, key: &str) -> Command {
    let mut command: Command = sandbox.command();
    command
        .env("AWS_ACCESS_KEY_ID", key)
        .env("AWS_SECRET_ACCESS_KEY", "secret")
        .env("AWS_REGION", "eu-west-1")
        .env("AWS_ENDPOINT_URL", url)
        .env("AWS_EC2_METADATA_DISABLED", "true")
        .stdin(Stdio::null());
    command
}

/// Runs the program, which must end with this code, and returns what it said, results first.
pub fn expect(sandbox: &Sandbox, url: &str, args: &[&str], code: i32) -> String {
    let output = run(sandbox, url, args);
    let said = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, code, "rolecall {}\n{said}", args.join(" "));
    said
}

/// Applies, after which there must be nothing left to do.
pub fn apply(sandbox: &Sandbox, url: &str) -> String {
    let said = expect(sandbox, url, &["apply", "--auto-approve"], 0);
    expect(sandbox, url, &["plan", "--detailed-exitcode"], 0);
    said
}
