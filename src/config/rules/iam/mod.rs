//! IAM's services, actions and condition keys, as AWS documents them in its Service Authorization Reference.
//!
//! `catalogue.gz` is written by `generate.py`, which tells the source and the form. It is unpacked when the first policy
//! is looked at, and of its text only the services that are asked for are read.

use std::io::Read as _;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::model::policy_document::matches;

static PACKED: &[u8] = include_bytes!("catalogue.gz");

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| {
    let mut text = String::new();
    // What is in the program is whole; a test reads all of it.
    let _ = flate2::read::GzDecoder::new(PACKED).read_to_string(&mut text);
    Catalogue::new(Box::leak(text.into_boxed_str()))
});

/// All services.
pub struct Catalogue {
    date: &'static str,
    /// The text of each service by its prefix.
    services: FxHashMap<&'static str, Service>,
}

/// One service's part of the list.
#[derive(Debug, Clone, Copy)]
pub struct Service {
    /// The services that ARNs of its resources name, with commas; `*` among them for those that vary.
    arns: &'static str,
    lines: &'static str,
}

/// One action.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Action {
    /// Its name, without the service's prefix.
    pub name: &'static str,
    /// It is about no type of resource, so that a statement must name all (`*`) for it.
    pub only_all: bool,
}

/// What a condition key holds, where that is no text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyType {
    /// A number.
    Numeric,
    /// A date.
    Date,
    /// `true` or `false`.
    Bool,
    /// An address or a range of them.
    IpAddress,
    /// An ARN.
    Arn,
}

impl Catalogue {
    /// The list in the program.
    pub fn known() -> &'static Catalogue {
        &CATALOGUE
    }

    fn new(text: &'static str) -> Self {
        let (date, mut rest) = text.split_once('\n').unwrap_or_default();
        let mut services = FxHashMap::default();
        while let Some((head, after)) = rest.split_once('\n') {
            let mut end = 0;
            for line in after.split_inclusive('\n') {
                if !line.starts_with([' ', '*', '?']) {
                    break;
                }
                end += line.len();
            }
            let (lines, next) = after.split_at(end);
            let (prefix, arns) = head.split_once(' ').unwrap_or((head, ""));
            services.insert(prefix, Service { arns, lines });
            rest = next;
        }
        Catalogue { date, services }
    }

    /// The day of the list, like `2026-09-26`.
    pub fn date(&self) -> &'static str {
        self.date
    }

    /// A service by its prefix, whatever the letter case.
    pub fn service(&self, prefix: &str) -> Option<Service> {
        match self.services.get(prefix) {
            Some(service) => Some(*service),
            None => self.services.get(prefix.to_ascii_lowercase().as_str()).copied(),
        }
    }

    /// All prefixes.
    pub fn prefixes(&self) -> impl Iterator<Item = &'static str> {
        self.services.keys().copied()
    }

    /// What a condition key holds; `None` where that is a text, or not known.
    pub fn key_type(&self, key: &str) -> Option<KeyType> {
        let of_all = GLOBAL.iter().find(|(name, _)| name.eq_ignore_ascii_case(key));
        if let Some((_, of)) = of_all {
            return Some(*of);
        }
        let (prefix, _) = key.split_once(':')?;
        let lines = self.service(prefix)?.lines.lines();
        let mut keys = lines.filter_map(|line| line.strip_prefix('?')?.split_once(' '));
        let (of, _) = keys.find(|(_, name)| name.eq_ignore_ascii_case(key))?;
        match of {
            "N" => Some(KeyType::Numeric),
            "D" => Some(KeyType::Date),
            "B" => Some(KeyType::Bool),
            "I" => Some(KeyType::IpAddress),
            "A" => Some(KeyType::Arn),
            _ => None,
        }
    }
}

impl Service {
    /// Its actions.
    pub fn actions(self) -> impl Iterator<Item = Action> {
        self.lines.lines().filter_map(|line| {
            let only_all = line.starts_with('*');
            let name = line.strip_prefix([' ', '*'])?;
            Some(Action { name, only_all })
        })
    }

    /// Its actions that a pattern without the service's prefix means.
    pub fn matching(self, pattern: &str) -> impl Iterator<Item = Action> {
        self.actions().filter(move |action| matches(pattern, action.name))
    }

    /// Whether ARNs of its resources may name a service.
    pub fn has_arns_of(self, service: &str) -> bool {
        let mut arns = self.arns.split(',').filter(|arn| !arn.is_empty());
        arns.any(|arn| arn == "*" || matches(service, arn))
    }
}

/// The global condition keys that hold no texts (IAM user guide, "AWS global condition context keys").
const GLOBAL: &[(&str, KeyType)] = &[
    ("aws:CurrentTime", KeyType::Date),
    ("aws:EpochTime", KeyType::Date),
    ("aws:TokenIssueTime", KeyType::Date),
    ("aws:MultiFactorAuthAge", KeyType::Numeric),
    ("aws:MultiFactorAuthPresent", KeyType::Bool),
    ("aws:PrincipalIsAWSService", KeyType::Bool),
    ("aws:SecureTransport", KeyType::Bool),
    ("aws:ViaAWSService", KeyType::Bool),
    ("aws:SourceIp", KeyType::IpAddress),
    ("aws:VpcSourceIp", KeyType::IpAddress),
    ("aws:PrincipalArn", KeyType::Arn),
    ("aws:SourceArn", KeyType::Arn),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole() {
        let list = Catalogue::known();
        let day: jiff::civil::Date = list.date().parse().unwrap();
        assert!(day.year() >= 2026, "{day}");
        assert!(list.services.len() > 400);
        let actions: usize = list
            .services
            .values()
            .map(|service| service.actions().count())
            .sum();
        assert!(actions > 20_000, "{actions}");
    }

    #[test]
    fn services_actions_and_keys_are_as_aws_documents_them() {
        let list = Catalogue::known();
        let s3 = list.service("S3").unwrap();
        let only_all = |name: &str| s3.matching(name).next().map(|action| action.only_all);
        assert_eq!(only_all("getobject"), Some(false));
        assert_eq!(only_all("ListAllMyBuckets"), Some(true));
        assert_eq!(only_all("GetObjekt"), None);
        assert!(s3.matching("Get*").count() > 20);
        assert!(s3.has_arns_of("s3") && s3.has_arns_of("s*") && !s3.has_arns_of("dynamodb"));
        assert!(list.service("identitystore").is_some() && list.service("s4").is_none());
        assert_eq!(list.key_type("s3:max-keys"), Some(KeyType::Numeric));
        assert_eq!(list.key_type("AWS:sourceip"), Some(KeyType::IpAddress));
        assert_eq!(list.key_type("s3:prefix"), None);
    }
}
