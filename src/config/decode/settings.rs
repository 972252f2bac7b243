//! The `rolecall`, `state` and `provider` blocks.

use std::sync::Arc;

use crate::config::check::head;
use crate::config::decode::Decoder;
use crate::config::decode::blocks::Nested;
use crate::config::entities::{ModuleId, ModuleScope};
use crate::config::program::Declared;
use crate::config::schema;
use crate::config::value::Value;
use crate::diagnostic::{Code, Diagnostic, did_you_mean};
use crate::model::policy_file::PolicyFile;
use crate::model::stack::{Matcher, NamedMatcher, Scope, Settings, Unmanaged};

/// A setting with a value that does not exist.
const BAD_SETTING: Code = Code("bad-setting");
/// `unmanaged = "remove"` without saying what the stack is responsible for.
const NEEDS_SCOPE: Code = Code("remove-needs-scope");
/// Another version of rolecall is required.
const VERSION: Code = Code("unsupported-version");

/// Where state is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StateSettings {
    /// In a directory.
    Local {
        /// Which; `None` for the default.
        path: Option<Arc<str>>,
    },
    /// In a PostgreSQL database.
    Postgres {
        /// The connection URL.
        url: Arc<str>,
        /// The schema.
        schema: Option<Arc<str>>,
    },
    /// In an S3 bucket.
    S3 {
        /// The bucket.
        bucket: Arc<str>,
        /// The prefix of the objects.
        key: Arc<str>,
        /// The bucket's Region.
        region: Option<Arc<str>>,
        /// Another endpoint than AWS's.
        endpoint_url: Option<Arc<str>>,
    },
}

impl Default for StateSettings {
    fn default() -> Self {
        StateSettings::Local { path: None }
    }
}

/// By what assignments are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReadBy {
    /// By account and permission set.
    Pairs,
    /// By user and group.
    Principals,
}

/// Which service is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ProviderSettings {
    /// The embedded simulator.
    Simulator {
        /// Where its ids come from.
        seed: Option<u64>,
        /// What is referred to is not taken to exist.
        strict: bool,
        /// The Region of the simulated instance.
        region: Option<Arc<str>>,
        /// The file that holds the world.
        world: Option<Arc<str>>,
    },
    /// The service itself.
    Aws {
        /// The instance's Region.
        region: Option<Arc<str>>,
        /// A profile of the AWS configuration files.
        profile: Option<Arc<str>>,
        /// A role to assume.
        role_arn: Option<Arc<str>>,
        /// Another endpoint than AWS's.
        endpoint_url: Option<Arc<str>>,
        /// Calls a second.
        rate: Option<u64>,
        /// How assignments are read; the cheaper way unless given.
        read_by: Option<ReadBy>,
    },
}

impl ProviderSettings {
    /// The label of the block that says so.
    pub fn name(&self) -> &'static str {
        match self {
            ProviderSettings::Simulator { .. } => "simulator",
            ProviderSettings::Aws { .. } => "aws",
        }
    }
}

impl Default for ProviderSettings {
    fn default() -> Self {
        ProviderSettings::Simulator {
            seed: None,
            strict: false,
            region: None,
            world: None,
        }
    }
}

impl Decoder<'_, '_> {
    /// Reads the settings of the root module.
    pub(super) fn settings(&mut self) {
        let Some(root) = self.engine.program.root() else {
            return;
        };
        if let Some(declared) = &root.settings {
            self.stack_settings(declared);
        }
        self.state();
        self.provider();
    }

    /// Reads where state is kept.
    pub(super) fn state(&mut self) {
        let root = self.engine.program.root();
        if let Some(declared) = root.and_then(|root| root.state.as_ref()) {
            self.state_settings(declared);
        }
    }

    /// Reads which service is meant.
    pub(super) fn provider(&mut self) {
        let root = self.engine.program.root();
        if let Some(declared) = root.and_then(|root| root.provider.as_ref()) {
            self.out.provider_at = declared.location.clone();
            self.provider_settings(declared);
        }
    }

    fn stack_settings(&mut self, declared: &Declared) {
        let Some(schema) = schema::find("rolecall", None) else {
            return;
        };
        let engine = self.engine;
        let scope = ModuleScope::new(engine, ModuleId(0));
        let read = Nested::new(engine, &scope, &declared.block, schema);
        if let Some(wanted) = read.text("required_version") {
            self.check_version(&read, &wanted);
        }
        self.out.name = read.text("name");
        let settings = &mut self.out.desired.settings;
        if let Some(most) = read.number("max_removals") {
            settings.max_removals = most;
        } else if read.value("max_removals").is_some() {
            bad(&read, "max_removals", "is a whole number from 0 up", None);
        }
        match read.text("unmanaged").as_deref() {
            None | Some("report") => {}
            Some("remove") => settings.unmanaged = Unmanaged::Remove,
            Some("ignore") => settings.unmanaged = Unmanaged::Ignore,
            Some(other) => {
                let meant = did_you_mean(other, ["report", "remove", "ignore"]);
                bad(&read, "unmanaged", "is `report`, `remove` or `ignore`", meant);
            }
        }
        match read.text("scope").as_deref() {
            None => {}
            Some("instance") => settings.scope = Scope::Instance,
            Some(_) => bad(
                &read,
                "scope",
                "is `\"instance\"`, or a block: `scope { … }`",
                None,
            ),
        }
        matchers(&read, declared, settings);
        self.out.desired.policies = policies(&read);
        self.lint = nested(&read, "lint")
            .map(|block| super::lint::settings(&block))
            .unwrap_or_default();
        let settings = &self.out.desired.settings;
        if settings.unmanaged == Unmanaged::Remove && settings.scope == Scope::Declared {
            engine.report(
                Diagnostic::error(NEEDS_SCOPE, "`unmanaged = \"remove\"` needs a scope")
                    .at(read.place("unmanaged"), "remove from where?")
                    .because("it removes access that no one declared, so the stack must say what it is responsible for")
                    .help("add `scope { … }`, or `scope = \"instance\"` for the whole instance"),
            );
        }
    }

    fn check_version(&self, read: &Nested<'_, '_, '_>, wanted: &str) {
        match satisfies(env!("CARGO_PKG_VERSION"), wanted) {
            Some(true) => {}
            Some(false) => self.engine.report(
                Diagnostic::error(VERSION, format!("this stack needs rolecall {wanted}"))
                    .at(
                        read.place("required_version"),
                        concat!("this is ", env!("CARGO_PKG_VERSION")),
                    )
                    .help("use another version of rolecall, or change `required_version`"),
            ),
            None => bad(read, "required_version", "is like `>= 0.1, < 2`", None),
        }
    }

    fn state_settings(&mut self, declared: &Declared) {
        let label = declared
            .block
            .labels
            .first()
            .map(|label| label.text.clone())
            .unwrap_or_default();
        let Some(schema) = schema::find("state", Some(&label)) else {
            return;
        };
        let scope = ModuleScope::new(self.engine, ModuleId(0));
        let read = Nested::new(self.engine, &scope, &declared.block, schema);
        self.out.state = match label.as_ref() {
            "postgres" => StateSettings::Postgres {
                url: read.text("url").unwrap_or_default(),
                schema: read.text("schema"),
            },
            "s3" => StateSettings::S3 {
                bucket: read.text("bucket").unwrap_or_default(),
                key: read.text("key").unwrap_or_default(),
                region: read.text("region"),
                endpoint_url: read.text("endpoint_url"),
            },
            _ => StateSettings::Local {
                path: read.text("path"),
            },
        };
    }

    fn provider_settings(&mut self, declared: &Declared) {
        let label = declared
            .block
            .labels
            .first()
            .map(|label| label.text.clone())
            .unwrap_or_default();
        let Some(schema) = schema::find("provider", Some(&label)) else {
            return;
        };
        let scope = ModuleScope::new(self.engine, ModuleId(0));
        let read = Nested::new(self.engine, &scope, &declared.block, schema);
        let whole = |name: &str| {
            let number = read.number(name);
            if number.is_none() && read.value(name).is_some() {
                bad(&read, name, "is a whole number from 0 up", None);
            }
            number
        };
        self.out.provider = if label.as_ref() == "aws" {
            ProviderSettings::Aws {
                region: region(&read),
                profile: read.text("profile"),
                role_arn: role_arn(&read),
                endpoint_url: endpoint_url(&read),
                rate: whole("rate").filter(|rate| {
                    let is_none = *rate == 0;
                    if is_none {
                        bad(&read, "rate", "is a whole number from 1 up", None);
                    }
                    !is_none
                }),
                read_by: read_by(&read),
            }
        } else {
            ProviderSettings::Simulator {
                seed: whole("seed"),
                strict: read.flag("strict").unwrap_or(false),
                region: read.text("region"),
                world: read.text("world"),
            }
        };
    }
}

/// `arn:aws:iam::<account>:role/<path and name>`, in any partition.
fn role_arn(read: &Nested<'_, '_, '_>) -> Option<Arc<str>> {
    let arn = read.text("role_arn")?;
    let parts: Vec<&str> = arn.splitn(6, ':').collect();
    let is_role = matches!(
        parts.as_slice(),
        ["arn", partition, "iam", "", account, role]
            if partition.starts_with("aws")
                && account.len() == 12
                && account.bytes().all(|byte| byte.is_ascii_digit())
                && role.strip_prefix("role/").is_some_and(|name| !name.is_empty())
    );
    if !is_role {
        bad(
            read,
            "role_arn",
            "is the ARN of an IAM role, like `arn:aws:iam::111122223333:role/access`",
            None,
        );
    }
    is_role.then_some(arn)
}

/// `eu-west-1`, `us-gov-east-1`: letters, a direction, a number.
fn region(read: &Nested<'_, '_, '_>) -> Option<Arc<str>> {
    let region = read.text("region")?;
    let parts: Vec<&str> = region.split('-').collect();
    let is_word = |part: &&str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_lowercase());
    let is_region = match parts.split_last() {
        Some((number, words)) => {
            let is_number = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
            is_number && words.len() >= 2 && words.iter().all(is_word)
        }
        None => false,
    };
    if !is_region {
        bad(read, "region", "is the name of a Region, like `eu-west-1`", None);
    }
    is_region.then_some(region)
}

fn endpoint_url(read: &Nested<'_, '_, '_>) -> Option<Arc<str>> {
    let url = read.text("endpoint_url")?;
    let rest = url
        .strip_prefix("http://")
        .or_else(|| url.strip_prefix("https://"));
    let is_url = rest.is_some_and(|rest| {
        !rest.is_empty() && !rest.starts_with('/') && !rest.contains(char::is_whitespace)
    });
    if !is_url {
        let rule = "is a URL that begins with `https://` or `http://`";
        bad(read, "endpoint_url", rule, None);
    }
    is_url.then_some(url)
}

fn read_by(read: &Nested<'_, '_, '_>) -> Option<ReadBy> {
    match read.text("read_by").as_deref() {
        Some("pairs") => Some(ReadBy::Pairs),
        Some("principals") => Some(ReadBy::Principals),
        Some(_) => {
            bad(read, "read_by", "is `pairs` or `principals`", None);
            None
        }
        None => None,
    }
}

pub(super) fn bad(read: &Nested<'_, '_, '_>, name: &str, rule: &str, meant: Option<String>) {
    let error = Diagnostic::error(BAD_SETTING, format!("`{name}` {rule}")).at(read.place(name), "");
    read.engine.report(match meant {
        Some(meant) => error.help(meant),
        None => error,
    });
}

/// Reads the `scope`, `ignore`, `protect`, `production` and `risk` blocks.
fn matchers(read: &Nested<'_, '_, '_>, declared: &Declared, settings: &mut Settings) {
    for (block, location) in declared.block.body.blocks.iter().zip(&declared.nested) {
        let Some(schema) = read.schema.block(&block.kind) else {
            continue;
        };
        let nested = Nested::new(read.engine, read.scope, block, schema);
        match block.kind.as_ref() {
            "policy" | "lint" => continue,
            "production" => {
                settings.risk.production = super::risk::production(&nested);
                continue;
            }
            "risk" => {
                super::risk::risk(&nested, &mut settings.risk);
                continue;
            }
            _ => {}
        }
        let matcher = matcher(&nested);
        let named = || NamedMatcher {
            label: block
                .labels
                .first()
                .map_or_else(|| Arc::from(""), |label| label.text.clone()),
            matcher: matcher.clone(),
            location: location.clone(),
        };
        match block.kind.as_ref() {
            "scope" => settings.scope = Scope::Matching(matcher),
            "ignore" => settings.ignore.push(named()),
            _ => settings.protect.push(named()),
        }
    }
}

/// The files that the `policy` block names.
fn policies(read: &Nested<'_, '_, '_>) -> Vec<PolicyFile> {
    let block = nested(read, "policy");
    block
        .map(|block| super::policy_files::policy_files(&block))
        .unwrap_or_default()
}

/// The first block of a kind.
fn nested<'n, 'e, 'a>(read: &Nested<'n, 'e, 'a>, kind: &str) -> Option<Nested<'n, 'e, 'a>> {
    let block = read
        .block
        .body
        .blocks
        .iter()
        .find(|block| block.kind.as_ref() == kind)?;
    Some(Nested::new(
        read.engine,
        read.scope,
        block,
        read.schema.block(kind)?,
    ))
}

/// Globs of an attribute, each checked.
pub(super) fn globs(read: &Nested<'_, '_, '_>, name: &str) -> Vec<Arc<str>> {
    let patterns = read.patterns(name);
    for pattern in &patterns {
        if let Err(error) = globset::Glob::new(pattern) {
            bad(
                read,
                name,
                &format!("holds {pattern:?}, which is not a glob: {}", error.kind()),
                None,
            );
        }
    }
    patterns
}

/// Globs of a field that matches everything when it is not written.
fn patterns(read: &Nested<'_, '_, '_>, name: &str) -> Vec<Arc<str>> {
    let patterns = globs(read, name);
    let known = read.value(name).filter(Value::is_wholly_known);
    if patterns.is_empty() && known.is_some() {
        bad(
            read,
            name,
            "is empty here, which would mean all of them",
            Some("leave it out if all are meant".to_owned()),
        );
    }
    patterns
}

fn matcher(read: &Nested<'_, '_, '_>) -> Matcher {
    let patterns = |name: &str| patterns(read, name);
    if read.block.body.attributes.is_empty() {
        let message = format!(
            "this `{}` block says nothing, which would mean all access",
            read.block.kind
        );
        read.engine
            .report(Diagnostic::error(BAD_SETTING, message).at(head(read.block), ""));
    }
    Matcher {
        permission_sets: patterns("permission_sets"),
        principals: patterns("principals"),
        accounts: patterns("accounts"),
    }
}

/// Whether a version meets constraints like `>= 0.1, < 2` or `~> 0.1`; `None` if they cannot be read.
fn satisfies(version: &str, constraints: &str) -> Option<bool> {
    let actual = numbers(version.split(['-', '+']).next()?)?;
    let mut all = true;
    for constraint in constraints.split(',') {
        let constraint = constraint.trim();
        let start = constraint.find(|c: char| c.is_ascii_digit())?;
        let (operator, wanted) = constraint.split_at(start);
        let given = numbers(wanted)?;
        let wanted = padded(&given);
        let actual = padded(&actual);
        all &= match operator.trim() {
            "" | "=" => actual == wanted,
            "!=" => actual != wanted,
            ">" => actual > wanted,
            ">=" => actual >= wanted,
            "<" => actual < wanted,
            "<=" => actual <= wanted,
            "~>" => {
                let fixed = given.len().saturating_sub(1).max(1);
                actual >= wanted && actual.iter().take(fixed).eq(wanted.iter().take(fixed))
            }
            _ => return None,
        };
    }
    Some(all)
}

fn numbers(text: &str) -> Option<Vec<u64>> {
    text.trim().split('.').map(|part| part.parse().ok()).collect()
}

fn padded(numbers: &[u64]) -> [u64; 3] {
    let at = |index: usize| numbers.get(index).copied().unwrap_or(0);
    [at(0), at(1), at(2)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constraints_are_terraforms() {
        assert_eq!(satisfies("0.1.0", ">= 0.1"), Some(true));
        assert_eq!(satisfies("0.1.0", ">= 0.1, < 0.1.1"), Some(true));
        assert_eq!(satisfies("1.4.2", "~> 1.3"), Some(true));
        assert_eq!(satisfies("2.0.0", "~> 1.3"), Some(false));
        assert_eq!(satisfies("1.4.0", "~> 1.3.1"), Some(false));
        assert_eq!(satisfies("1.3.9", "~> 1.3.1"), Some(true));
        assert_eq!(satisfies("0.1.0", "!= 0.1.0"), Some(false));
        assert_eq!(satisfies("0.1.0", "latest"), None);
    }
}
