//! Where credentials, the Region and the endpoint come from: every way that AWS's own tools know.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::process::{Command, Stdio};
use std::thread;

use serde_json::Value;
use sha1::{Digest, Sha1};

use super::QUICK;
use super::server::{Server, stack_and_world, world_of};
use crate::common::{Output, Sandbox};

/// A member of the organisation, which then is the delegated administrator.
const OTHER: &str = "111100000001";

const STACK: &str = "account \"tools\" { id = \"111100000001\" }\n";

struct Case {
    sandbox: Sandbox,
    server: Server,
}

impl Case {
    fn new() -> Self {
        let sandbox = stack_and_world(&[("main.hcl", STACK)], "");
        let server = Server::start(&world_of(&sandbox), &QUICK);
        Case { sandbox, server }
    }

    /// Writes the shared configuration, with `URL` and `DIR` filled in, and the provider block.
    fn with(&self, config: &str, provider: &str) {
        let directory = self.sandbox.path();
        let config = config.replace("URL", &self.server.url);
        let config = config.replace("DIR", directory.to_str().unwrap());
        self.sandbox.write("config", &config);
        let provider = provider.replace("URL", &self.server.url);
        self.sandbox
            .write("provider.hcl", &format!("provider \"aws\" {{\n{provider}\n}}\n"));
    }

    /// A plan with nothing in the environment but this.
    fn command(&self, environment: &[(&str, &str)]) -> Command {
        let directory = self.sandbox.path();
        let mut command = self.sandbox.command();
        command
            .env("PATH", "/usr/bin:/bin")
            .env("AWS_CONFIG_FILE", directory.join("config"))
            .env("AWS_SHARED_CREDENTIALS_FILE", directory.join("credentials"))
            .env("AWS_EC2_METADATA_DISABLED", "true")
            .envs(environment.iter().copied())
            .args(["plan", "--dump-input", "input.json"]);
        command
    }

    fn plan(&self, environment: &[(&str, &str)]) -> Output {
        let output = self.command(environment).output().unwrap();
        Output {
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
            code: output.status.code().unwrap_or(-1),
        }
    }

    /// The first thing that a plan asks a proxy for.
    fn asks_proxy_for(&self, environment: &[(&str, &str)]) -> String {
        let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", proxy.local_addr().unwrap());
        let mut child = self
            .command(environment)
            .env("HTTPS_PROXY", url)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (stream, _) = proxy.accept().unwrap();
        let mut line = String::new();
        BufReader::new(stream).read_line(&mut line).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        line.trim_end().trim_end_matches(" HTTP/1.1").to_owned()
    }

    /// The ARN of who the service says that the caller was.
    fn caller(&self, environment: &[(&str, &str)]) -> String {
        let output = self.plan(environment);
        assert_eq!(output.code, 0, "{}{}", output.stdout, output.stderr);
        let input: Value = serde_json::from_str(&self.sandbox.read("input.json")).unwrap();
        input["observed"]["caller"]["arn"].as_str().unwrap().to_owned()
    }

    fn management(&self) -> String {
        format!(
            "arn:aws:sts::{}:assumed-role/rolecall/session",
            self.server.management()
        )
    }

    fn role(&self) -> String {
        format!("arn:aws:iam::{}:role/access", self.server.management())
    }

    fn assumed(&self, session: &str) -> String {
        format!(
            "arn:aws:sts::{}:assumed-role/access/{session}",
            self.server.management()
        )
    }
}

const KEYS: &str = "aws_access_key_id = AKIDEXAMPLE\naws_secret_access_key = secret\n";

#[test]
fn a_profile_brings_keys_region_and_endpoint() {
    let case = Case::new();
    let profile = format!("[profile acme]\nregion = eu-west-1\nendpoint_url = URL\n{KEYS}");
    case.with(&profile, "");
    assert_eq!(case.caller(&[("AWS_PROFILE", "acme")]), case.management());
    case.with(&profile, "profile = \"acme\"");
    assert_eq!(case.caller(&[]), case.management());
}

/// A profile whose `services` section has an endpoint for each service, and these lines besides.
fn of_each_service(more: &str, sso_admin: &str) -> String {
    let of = |name: &str| format!("{name} =\n  endpoint_url = URL\n");
    let services = [sso_admin, "identitystore", "organizations", "sts"]
        .map(of)
        .concat();
    format!("[profile acme]\nregion = eu-west-1\nservices = sim\n{more}{KEYS}[services sim]\n{services}")
}

#[test]
fn a_services_section_has_the_keys_of_the_reference_guide() {
    let case = Case::new();
    // The guide spells it with an underscore, the SDK for Rust with a dash.
    for key in ["sso_admin", "sso-admin"] {
        case.with(&of_each_service("", key), "profile = \"acme\"");
        assert_eq!(case.caller(&[]), case.management(), "{key}");
        // The section comes before what the profile says for all services.
        let profile = of_each_service("endpoint_url = http://127.0.0.1:1\n", key);
        case.with(&profile, "profile = \"acme\"");
        assert_eq!(case.caller(&[]), case.management(), "{key}");
    }
    // With both, the guide's counts.
    let both = of_each_service("", "sso-admin =\n  endpoint_url = http://127.0.0.1:1\nsso_admin");
    case.with(&both, "profile = \"acme\"");
    assert_eq!(case.caller(&[]), case.management());
    // The environment comes before the section, and what it says for one service before what it says for all.
    let elsewhere = of_each_service("", "sso_admin").replace("URL", "http://127.0.0.1:1");
    case.with(&elsewhere, "profile = \"acme\"");
    let url = case.server.url.as_str();
    assert_eq!(case.caller(&[("AWS_ENDPOINT_URL", url)]), case.management());
}

#[test]
fn configured_endpoints_may_be_ignored_but_not_the_blocks() {
    let case = Case::new();
    let nowhere = "http://127.0.0.1:1";
    let profile = of_each_service("", "sso_admin").replace("URL", nowhere);
    case.with(&profile, "profile = \"acme\"\nendpoint_url = \"URL\"");
    let ignored = ("AWS_IGNORE_CONFIGURED_ENDPOINT_URLS", "true");
    assert_eq!(case.caller(&[ignored]), case.management());
    let more = [
        ignored,
        ("AWS_ENDPOINT_URL", nowhere),
        ("AWS_ENDPOINT_URL_SSO_ADMIN", nowhere),
    ];
    assert_eq!(case.caller(&more), case.management());
    // Without the block's, calls go to AWS itself.
    case.with(&profile, "profile = \"acme\"");
    let asked = case.asks_proxy_for(&more);
    assert!(
        asked.starts_with("CONNECT ") && asked.ends_with(".amazonaws.com:443"),
        "{asked}"
    );
}

#[test]
fn the_profile_of_the_block_comes_before_keys_in_the_environment() {
    let case = Case::new();
    case.with(
        &format!("[profile acme]\nregion = eu-west-1\n{KEYS}"),
        "profile = \"acme\"\nendpoint_url = \"URL\"",
    );
    let others = [("AWS_ACCESS_KEY_ID", OTHER), ("AWS_SECRET_ACCESS_KEY", "secret")];
    assert_eq!(case.caller(&others), case.management());
    // Without one, the environment is what counts.
    case.with("", "region = \"eu-west-1\"\nendpoint_url = \"URL\"");
    let arn = case.caller(&others);
    assert!(arn.starts_with(&format!("arn:aws:sts::{OTHER}:")), "{arn}");
}

#[test]
fn each_service_may_have_an_endpoint_of_its_own() {
    let case = Case::new();
    case.with("", "");
    let url = case.server.url.as_str();
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-west-1"),
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:1"),
        ("AWS_ENDPOINT_URL_SSO_ADMIN", url),
        ("AWS_ENDPOINT_URL_IDENTITYSTORE", url),
        ("AWS_ENDPOINT_URL_ORGANIZATIONS", url),
        ("AWS_ENDPOINT_URL_STS", url),
    ];
    assert_eq!(case.caller(&environment), case.management());
    // What the block says comes before all of them.
    case.with("", "endpoint_url = \"URL\"");
    let mut elsewhere = environment;
    elsewhere[4].1 = "http://127.0.0.1:1";
    assert_eq!(case.caller(&elsewhere), case.management());
}

#[test]
fn a_process_brings_credentials() {
    let case = Case::new();
    let keys = r#"{"Version": 1, "AccessKeyId": "111100000001", "SecretAccessKey": "secret"}"#;
    case.sandbox.write("keys.json", keys);
    let profile = "[profile acme]\nregion = eu-west-1\ncredential_process = cat DIR/keys.json\n";
    case.with(profile, "profile = \"acme\"\nendpoint_url = \"URL\"");
    let arn = case.caller(&[]);
    assert!(arn.starts_with(&format!("arn:aws:sts::{OTHER}:")), "{arn}");
}

#[test]
fn what_is_wrong_with_credentials_comes_first() {
    let case = Case::new();
    let said = |environment: &[(&str, &str)]| {
        let output = case.plan(environment);
        assert_eq!(output.code, 1);
        output.stderr
    };
    case.with("", "region = \"eu-west-1\"\nendpoint_url = \"URL\"");
    let unknown = said(&[("AWS_PROFILE", "nope2")]);
    assert!(unknown.contains("there is no profile `nope2`"), "{unknown}");
    let failing = "[profile acme]\nregion = eu-west-1\ncredential_process = /bin/false\n";
    case.with(failing, "profile = \"acme\"\nendpoint_url = \"URL\"");
    let failed = said(&[]);
    assert!(failed.contains("`credential_process` failed"), "{failed}");
    assert!(!failed.contains("aws sso login"), "{failed}");
}

#[test]
fn a_profile_may_assume_a_role() {
    let case = Case::new();
    let profiles = format!(
        "[profile base]\n{KEYS}\n[profile acme]\nregion = eu-west-1\nsource_profile = base\nrole_arn = {}\n\
         role_session_name = ada\nexternal_id = x-1\nendpoint_url = URL\n",
        case.role()
    );
    case.with(&profiles, "profile = \"acme\"");
    assert_eq!(case.caller(&[]), case.assumed("ada"));
    assert_eq!(
        case.caller(&[("AWS_ENDPOINT_URL", &case.server.url)]),
        case.assumed("ada")
    );
    // And the keys of the environment may be what it starts from.
    let profile = format!(
        "[profile acme]\nregion = eu-west-1\ncredential_source = Environment\nrole_arn = {}\nrole_session_name = ci\n",
        case.role()
    );
    case.with(&profile, "profile = \"acme\"");
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_ENDPOINT_URL", &case.server.url),
    ];
    assert_eq!(case.caller(&environment), case.assumed("ci"));
}

#[test]
fn the_block_may_name_a_role() {
    let case = Case::new();
    let provider = format!("role_arn = \"{}\"\nendpoint_url = \"URL\"", case.role());
    case.with("", &provider);
    let environment = [
        ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
        ("AWS_REGION", "eu-west-1"),
    ];
    assert_eq!(case.caller(&environment), case.assumed("rolecall"));
    // A role that cannot be assumed is told as what it is.
    let provider = "role_arn = \"arn:aws:iam::999999999999:role/access\"\nendpoint_url = \"URL\"";
    case.with("", provider);
    let output = case.plan(&environment);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("AssumeRole: AccessDenied: User:"),
        "{}",
        output.stderr
    );
    assert!(output.stderr.contains("trust policy"), "{}", output.stderr);
    assert!(!output.stderr.contains("Error {"), "{}", output.stderr);
}

#[test]
fn a_pipelines_token_brings_a_role() {
    let case = Case::new();
    case.with("", "region = \"eu-west-1\"");
    case.sandbox.write("token", "header.claims.signature");
    let (role, token) = (case.role(), case.sandbox.path().join("token"));
    let environment = [
        ("AWS_ROLE_ARN", role.as_str()),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", token.to_str().unwrap()),
        ("AWS_ROLE_SESSION_NAME", "pipeline"),
        ("AWS_ENDPOINT_URL", &case.server.url),
    ];
    assert_eq!(case.caller(&environment), case.assumed("pipeline"));
}

/// Stands in for the access portal: gives out the credentials of a role for a token.
fn portal() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let mut head = String::new();
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            while !head.ends_with("\r\n\r\n") && reader.read_line(&mut head).unwrap() > 0 {}
            let wanted = head.starts_with("GET /federation/credentials?")
                && head.contains("role_name=Access")
                && head.contains("account_id=111100000001")
                && head.contains("x-amz-sso_bearer_token: portal-token");
            let (status, body) = match wanted {
                true => (
                    "200 OK",
                    r#"{"roleCredentials":{"accessKeyId":"111100000001","secretAccessKey":"secret","sessionToken":"t","expiration":4102444800000}}"#,
                ),
                false => (
                    "401 Unauthorized",
                    r#"{"message":"Session token not found or invalid"}"#,
                ),
            };
            let length = body.len();
            let _ = write!(
                stream,
                "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\
                 Connection: close\r\n\r\n{body}"
            );
        }
    });
    url
}

#[test]
fn a_session_of_the_access_portal_brings_credentials() {
    let case = Case::new();
    let profile = "[sso-session corp]\nsso_start_url = https://d-0123456789.awsapps.com/start\nsso_region = eu-west-1\n\
                   sso_registration_scopes = sso:account:access\n\n[profile acme]\nsso_session = corp\n\
                   sso_account_id = 111100000001\nsso_role_name = Access\nregion = eu-west-1\n";
    case.with(profile, "profile = \"acme\"\nendpoint_url = \"URL\"");
    let portal = portal();
    let environment = [("AWS_ENDPOINT_URL_SSO", portal.as_str())];
    let output = case.plan(&environment);
    assert_eq!(output.code, 1);
    assert!(
        output.stderr.contains("aws sso login --profile acme"),
        "{}",
        output.stderr
    );

    let digest = Sha1::digest(b"corp");
    let name: String = digest.iter().map(|byte| format!("{byte:02x}")).collect();
    let cached = r#"{"startUrl":"https://d-0123456789.awsapps.com/start","region":"eu-west-1","accessToken":"portal-token","expiresAt":"2099-01-01T00:00:00Z"}"#;
    case.sandbox
        .write(&format!("../.aws/sso/cache/{name}.json"), cached);
    let arn = case.caller(&environment);
    assert!(arn.starts_with(&format!("arn:aws:sts::{OTHER}:")), "{arn}");
}

#[test]
fn what_is_missing_is_named() {
    let case = Case::new();
    let fails = |environment: &[(&str, &str)], words: &[&str]| {
        let output = case.plan(environment);
        assert_eq!(output.code, 1, "{}", output.stdout);
        for word in words {
            assert!(output.stderr.contains(word), "{word}\n{}", output.stderr);
        }
    };
    let keys = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    case.with("", "endpoint_url = \"URL\"");
    fails(&keys, &["no Region is set", "AWS_REGION"]);
    case.with(
        "",
        "profile = \"acme\"\nregion = \"eu-west-1\"\nendpoint_url = \"URL\"",
    );
    fails(&keys, &["no profile `acme`", "AWS_PROFILE"]);
    case.with("", "profile = \"acme\"\nendpoint_url = \"URL\"");
    fails(&keys, &["no profile `acme`"]);
    case.with("", "region = \"europe\"\nendpoint_url = \"ftp://x\"");
    fails(
        &keys,
        &["`region` is", "eu-west-1", "`endpoint_url` is", "https://"],
    );
    case.with("", "role_arn = \"access\"");
    fails(&keys, &["role_arn", "arn:aws:iam::111122223333:role/access"]);
}

#[test]
fn without_an_instance_it_says_where_it_looked() {
    let case = Case::new();
    case.with("", "region = \"eu-west-1\"\nendpoint_url = \"URL\"");
    let nobody = [
        ("AWS_ACCESS_KEY_ID", "999999999999"),
        ("AWS_SECRET_ACCESS_KEY", "secret"),
    ];
    let output = case.plan(&nobody);
    assert_eq!(output.code, 1);
    assert!(output.stderr.contains("eu-west-1"), "{}", output.stderr);
    assert!(output.stderr.contains("management account"), "{}", output.stderr);
}

#[test]
fn an_endpoint_where_nothing_answers_is_named_soon() {
    let case = Case::new();
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let url = format!("http://127.0.0.1:{port}");
    case.with("", &format!("region = \"eu-west-1\"\nendpoint_url = \"{url}\""));
    let keys = [("AWS_ACCESS_KEY_ID", "AKID"), ("AWS_SECRET_ACCESS_KEY", "secret")];
    let began = std::time::Instant::now();
    let output = case.plan(&keys);
    assert_eq!(output.code, 1, "{}", output.stdout);
    assert!(output.stderr.contains(&url), "{}", output.stderr);
    assert!(began.elapsed().as_secs() < 15, "{:?}", began.elapsed());
}
