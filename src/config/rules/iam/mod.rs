//! IAM's services, actions and condition keys, as AWS documents them in its Service Authorization Reference.
//!
//! `catalogue.gz` is written by `generate.py`, which tells the source and the form. It is unpacked when the first policy
//! is looked at, and of its text only the services that are asked for are read. The condition keys of all services are
//! kept by hand in `global_keys.txt`, as no list of AWS for programs has them; `generate.py` holds it against what the
//! services and AWS's own policies name, and refuses to write anything while one is missing.

pub mod arn;
pub mod managed;

use std::io::Read as _;
use std::sync::LazyLock;

use rustc_hash::FxHashMap;

use crate::model::policy_document::matches;

static PACKED: &[u8] = include_bytes!("catalogue.gz");

/// First the day on which the list was put together and checked: against the keys of the Service Authorization Reference
/// and of AWS's own policies (`generate.py`), not against the user guide's page of that day. Then a line for each key: `S`
/// before those that hold texts or lists of texts, `N`, `D`, `B`, `I` and `A` as in the catalogue, and `-` before those that
/// policies of AWS still have and that are no longer documented. `*` stands for the key of a tag.
static GLOBAL_KEYS: &str = include_str!("global_keys.txt");

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
    /// A character for each of the service's ARNs that it is about; none where that is not certain.
    arns: &'static str,
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
                if !line.starts_with([' ', '*', '?', '@']) {
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

    /// Whether a condition key of all services is there: one that begins with `aws:`.
    pub fn is_global_key(key: &str) -> bool {
        global_lines().any(|(_, known)| match known.strip_suffix('*') {
            Some(start) => {
                let (given, rest) = key.split_at_checked(start.len()).unwrap_or((key, ""));
                given.eq_ignore_ascii_case(start) && !rest.is_empty()
            }
            None => known.eq_ignore_ascii_case(key),
        })
    }

    /// The condition keys of all services that are to be used; `*` stands for the key of a tag.
    pub fn global_keys() -> impl Iterator<Item = &'static str> {
        global_lines().filter(|(of, _)| *of != "-").map(|(_, name)| name)
    }

    /// The day on which the list of condition keys of all services was put together and checked.
    pub fn global_date() -> &'static str {
        GLOBAL_KEYS.lines().next().unwrap_or_default()
    }

    /// What a condition key holds; `None` where that is a text, or not known.
    pub fn key_type(&self, key: &str) -> Option<KeyType> {
        let mut of_all = global_lines();
        if let Some((of, _)) = of_all.find(|(_, name)| name.eq_ignore_ascii_case(key)) {
            return KeyType::of(of);
        }
        let (prefix, _) = key.split_once(':')?;
        let lines = self.service(prefix)?.lines.lines();
        let mut keys = lines.filter_map(|line| line.strip_prefix('?')?.split_once(' '));
        let (of, _) = keys.find(|(_, name)| name.eq_ignore_ascii_case(key))?;
        KeyType::of(of)
    }
}

/// The lines of [`GLOBAL_KEYS`]: what each key holds, and its name.
fn global_lines() -> impl Iterator<Item = (&'static str, &'static str)> {
    GLOBAL_KEYS.lines().filter_map(|line| line.split_once(' '))
}

impl KeyType {
    fn of(letter: &str) -> Option<Self> {
        match letter {
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
            let action = line.strip_prefix([' ', '*'])?;
            let (name, arns) = action.split_once(' ').unwrap_or((action, ""));
            Some(Action { name, only_all, arns })
        })
    }

    /// Its actions that a pattern without the service's prefix means.
    pub fn matching(self, pattern: &str) -> impl Iterator<Item = Action> {
        self.actions().filter(move |action| matches(pattern, action.name))
    }

    /// What the ARNs look like that an action is about, from the service on; none where that is not certain.
    pub fn arns_of(self, action: Action) -> Vec<&'static str> {
        let all: Vec<&str> = self
            .lines
            .lines()
            .filter_map(|line| line.strip_prefix('@'))
            .collect();
        let index = |digit: char| {
            let code = digit as usize;
            if code < 0xA1 {
                code.checked_sub(0x30)
            } else {
                code.checked_sub(0xA1 - 0x4F)
            }
        };
        let found = action.arns.chars().map(|digit| all.get(index(digit)?).copied());
        found.collect::<Option<_>>().unwrap_or_default()
    }

    /// Whether ARNs of its resources may name a service.
    pub fn has_arns_of(self, service: &str) -> bool {
        let mut arns = self.arns.split(',').filter(|arn| !arn.is_empty());
        arns.any(|arn| arn == "*" || matches(service, arn))
    }
}

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
    fn every_way_to_more_rights_is_of_actions_that_exist() {
        let list = Catalogue::known();
        let actions = crate::model::escalation::WAYS.iter().flat_map(|way| way.actions);
        for action in actions {
            let (service, name) = action.split_once(':').unwrap();
            let found = list
                .service(service)
                .and_then(|service| service.matching(name).next());
            assert!(found.is_some(), "{action}");
        }
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
        let arns = |name: &str| s3.arns_of(s3.matching(name).next().unwrap());
        assert_eq!(arns("GetObject"), ["s3:*:*:accesspoint/*/object/*", "s3:::*/*"]);
        assert!(arns("ListBucket").contains(&"s3:::%"));
        assert_eq!(
            arns("PutObjectTagging"),
            [""; 0],
            "what is about tags is not certain"
        );
        let ec2 = list.service("ec2").unwrap();
        let run = ec2.arns_of(ec2.matching("RunInstances").next().unwrap());
        assert!(
            run.contains(&"ec2:*:*:instance/*") && run.contains(&"ec2:*:*:volume/*"),
            "{run:?}"
        );
    }

    #[test]
    fn keys_of_all_services_are_known_with_their_tags() {
        for key in [
            "aws:requestedregion",
            "aws:PrincipalTag/team",
            "aws:SourceIp",
            "aws:ResourceTag/${TagKey}",
        ] {
            assert!(Catalogue::is_global_key(key), "{key}");
        }
        let day: jiff::civil::Date = Catalogue::global_date().parse().unwrap();
        assert!(day.year() >= 2026, "{day}");
        assert!(
            Catalogue::is_global_key("aws:PrincipalOrgMasterAccountId"),
            "old, but AWS's own"
        );
        assert!(!Catalogue::global_keys().any(|key| key == "aws:PrincipalOrgMasterAccountId"));
        assert!(Catalogue::global_keys().count() > 50);
        let known = Catalogue::known();
        assert_eq!(known.key_type("aws:multifactorauthage"), Some(KeyType::Numeric));
        assert_eq!(known.key_type("aws:RequestedRegion"), None);
        for key in [
            "aws:RequestedRegoin",
            "aws:PrincipalTag/",
            "aws:PrincipalTag",
            "aws:Team",
        ] {
            assert!(!Catalogue::is_global_key(key), "{key}");
        }
    }
}
