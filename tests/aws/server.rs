//! `rolecall sim serve` as a process of its own.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use crate::common::Sandbox;

/// A server on a free loopback port; it ends with this value.
pub struct Server {
    child: Child,
    /// Where it listens.
    pub url: String,
}

impl Server {
    /// Serves the world in a directory.
    pub fn start(world: &Path, args: &[&str]) -> Self {
        Self::start_with(world, args, &[])
    }

    /// As [`Server::start`], with more in the environment.
    pub fn start_with(world: &Path, args: &[&str], more: &[(&str, &str)]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(["sim", "serve", "--listen", "127.0.0.1:0", "--world"])
            .arg(world)
            .args(args)
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut first = String::new();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        out.read_line(&mut first).unwrap();
        assert!(first.starts_with("http://"), "{first}");
        Server {
            child,
            url: first.trim().to_owned(),
        }
    }
}

impl Server {
    /// An operation of a service that speaks JSON, as the management account; it must succeed.
    pub fn call(&self, target: &str, input: &Value) -> Value {
        let address = self.url.trim_start_matches("http://");
        let body = input.to_string();
        let mut stream = TcpStream::connect(address).unwrap();
        let length = body.len();
        write!(
            stream,
            "POST / HTTP/1.1\r\nHost: {address}\r\nX-Amz-Target: {target}\r\nContent-Length: {length}\r\n\
             Content-Type: application/x-amz-json-1.1\r\nConnection: close\r\n\r\n{body}"
        )
        .unwrap();
        let mut answer = String::new();
        stream.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200"), "{target} {input}: {answer}");
        serde_json::from_str(body).unwrap_or_default()
    }

    /// The management account's id.
    pub fn management(&self) -> String {
        let found = self.call(
            "SWBExternalService.ListInstances",
            &Value::Object(Default::default()),
        );
        found["Instances"][0]["OwnerAccountId"]
            .as_str()
            .unwrap()
            .to_owned()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A stack and the world it is about. What the stack refers to (accounts with ids, look-ups) exists in the world from
/// the start, because the embedded simulator has seen the stack first.
pub fn stack_and_world(files: &[(&str, &str)], settings: &str) -> Sandbox {
    let sandbox = Sandbox::new();
    for (name, text) in files {
        sandbox.write(name, text);
    }
    sandbox.write(
        "provider.hcl",
        "provider \"simulator\" {\n  world = \"../service\"\n}\n",
    );
    sandbox.run(&["plan"], "");
    sandbox.write(
        "provider.hcl",
        &format!("provider \"aws\" {{\n  {settings}\n}}\n"),
    );
    sandbox
}

/// Where such a stack's world is.
pub fn world_of(sandbox: &Sandbox) -> std::path::PathBuf {
    sandbox.path().parent().unwrap().join("service")
}
