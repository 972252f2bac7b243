//! Permission sets: what a person may do, as declared once and provisioned as a role per account.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::id::{PermissionSetName, ServiceId};

use super::duration;
use super::policy_document::{PolicyDocument, StatementEffect};
use super::text::Text;

/// How long a session lasts, in whole seconds: from one hour to twelve.
///
/// The bounds are those of the user guide's page on session duration; the text form is ISO 8601, as the API
/// takes it (`PT8H`). Two spellings of one length are equal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SessionDuration(u32);

impl SessionDuration {
    /// The service's default: one hour.
    pub const DEFAULT: SessionDuration = SessionDuration(3600);
    /// The shortest the service takes.
    pub const MIN: SessionDuration = SessionDuration(3600);
    /// The longest the service takes.
    pub const MAX: SessionDuration = SessionDuration(12 * 3600);

    /// The length in seconds.
    pub fn seconds(self) -> u32 {
        self.0
    }
}

impl Default for SessionDuration {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Why a text is not a session duration.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SessionDurationError {
    /// It does not follow ISO 8601's form for durations.
    #[error("a session duration is written like \"PT8H\", \"PT1H30M\" (ISO 8601) or \"8h\"; this is `{0}`")]
    Form(String),
    /// It is shorter than an hour or longer than twelve.
    #[error("a session lasts from 1 hour (PT1H) to 12 hours (PT12H); `{0}` is {length}", length = spelled(*.1))]
    Range(String, u64),
}

impl FromStr for SessionDuration {
    type Err = SessionDurationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match duration::parse_iso(text) {
            Some(seconds) => Self::of(text, seconds),
            None => Err(SessionDurationError::Form(text.to_owned())),
        }
    }
}

impl SessionDuration {
    /// So many seconds, which were written as `text`.
    ///
    /// # Errors
    /// When that is shorter or longer than a session can be.
    pub fn of(text: &str, total: u64) -> Result<Self, SessionDurationError> {
        match u32::try_from(total) {
            Ok(seconds) if (Self::MIN.0..=Self::MAX.0).contains(&seconds) => Ok(SessionDuration(seconds)),
            _ => Err(SessionDurationError::Range(text.to_owned(), total)),
        }
    }
}

/// Seconds as people say them: `13 hours`, `59 minutes`, `3599 seconds`.
fn spelled(seconds: u64) -> String {
    let (count, unit) = match seconds {
        0 => (0, "second"),
        _ if seconds.is_multiple_of(3600) => (seconds / 3600, "hour"),
        _ if seconds.is_multiple_of(60) => (seconds / 60, "minute"),
        _ => (seconds, "second"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

impl fmt::Display for SessionDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&duration::spelled(u64::from(self.0)))
    }
}

impl fmt::Debug for SessionDuration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for SessionDuration {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for SessionDuration {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for SessionDuration {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "SessionDuration".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::json_schema!({ "type": "string", "description": "ISO 8601, PT1H to PT12H." })
    }
}

/// A policy that must already exist, under this path and name, in every account the set is provisioned to.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct CustomerManagedPolicy {
    /// Path, `/` by default; begins and ends with `/`.
    pub path: Arc<str>,
    /// Name, case-sensitive.
    pub name: Arc<str>,
}

impl fmt::Display for CustomerManagedPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.path, self.name)
    }
}

/// The most a permission set can give, whatever its policies say.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Boundary {
    /// An AWS-managed policy's ARN.
    Managed(Arc<str>),
    /// A policy that must exist in each account.
    CustomerManaged(CustomerManagedPolicy),
}

impl fmt::Display for Boundary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Boundary::Managed(arn) => f.write_str(arn),
            Boundary::CustomerManaged(policy) => policy.fmt(f),
        }
    }
}

/// A permission set with all it consists of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct PermissionSet {
    /// Its name: the key. The service cannot change it; a new name is a new set.
    pub name: PermissionSetName,
    /// The ARN, once it exists.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub arn: Option<ServiceId>,
    /// Free text, 1 to 700 Latin-1 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Text>,
    /// How long a session lasts.
    #[serde(default)]
    pub session_duration: SessionDuration,
    /// Where the console opens, 1 to 240 characters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub relay_state: Option<Text>,
    /// ARNs of AWS-managed policies.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub managed_policies: BTreeSet<Arc<str>>,
    /// Policies that must exist in each account.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub customer_managed_policies: BTreeSet<CustomerManagedPolicy>,
    /// An IAM policy document as JSON text, as written; compared by [`super::policy::equivalent`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inline_policy: Option<Text>,
    /// The permissions boundary.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<Boundary>,
    /// Tags of the permission set; the service does not copy them to the roles.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub tags: BTreeMap<Arc<str>, Text>,
}

/// Words in the names of AWS-managed policies that deny (`AWSDenyAll`, `AWSCompromisedKeyQuarantineV3`, …: AWS managed
/// policy reference, 2026).
const DENYING: [&str; 2] = ["Deny", "Quarantine"];

/// Whether a policy has a statement that denies, as far as it can be read.
fn may_deny(policy: &Text) -> bool {
    let read = PolicyDocument::of_text(policy);
    read.is_none_or(|read| {
        let mut statements = read.statements.iter();
        statements.any(|statement| statement.effect == StatementEffect::Deny)
    })
}

impl PermissionSet {
    /// A set with this name and nothing else.
    pub fn new(name: PermissionSetName) -> Self {
        PermissionSet {
            name,
            arn: None,
            description: None,
            session_duration: SessionDuration::DEFAULT,
            relay_state: None,
            managed_policies: BTreeSet::new(),
            customer_managed_policies: BTreeSet::new(),
            inline_policy: None,
            permissions_boundary: None,
            tags: BTreeMap::new(),
        }
    }

    /// Whether going from `self` to `other` changes the roles, so that accounts must be provisioned again.
    ///
    /// Everything but the name, the ARN and the tags does (service model: notes on the Put, Attach and Update
    /// operations).
    pub fn role_differs(&self, other: &PermissionSet) -> bool {
        !self.has_policies_of(other)
            || self.description != other.description
            || self.session_duration != other.session_duration
            || self.relay_state != other.relay_state
    }

    /// Whether `other` may allow something that `self` does not. Not where it is plain that it does not: policies go
    /// that deny nothing, a boundary comes where there was none, sessions end sooner.
    pub fn may_allow_less_than(&self, other: &PermissionSet) -> bool {
        let same_inline = match (&self.inline_policy, &other.inline_policy) {
            (Some(gone), None) => !may_deny(gone),
            _ => self.has_inline_policy_of(other),
        };
        // What a customer-managed policy says is not known here, so one that goes may have denied.
        let fewer_managed = other.managed_policies.is_subset(&self.managed_policies);
        let mut gone = self.managed_policies.difference(&other.managed_policies);
        let narrower = same_inline
            && fewer_managed
            && !gone.any(|arn| DENYING.iter().any(|word| arn.contains(word)))
            && self.customer_managed_policies == other.customer_managed_policies
            && (self.permissions_boundary.is_none()
                || self.permissions_boundary == other.permissions_boundary);
        !narrower || other.session_duration > self.session_duration
    }

    /// Whether the two have the same inline policy, compared by meaning, or both none.
    pub fn has_inline_policy_of(&self, other: &PermissionSet) -> bool {
        match (&self.inline_policy, &other.inline_policy) {
            (Some(left), Some(right)) => super::policy::equivalent(left, right),
            (left, right) => left == right,
        }
    }

    /// Whether the two attach the same policies, the inline one compared by meaning, within the same boundary.
    pub fn has_policies_of(&self, other: &PermissionSet) -> bool {
        self.has_inline_policy_of(other)
            && self.managed_policies == other.managed_policies
            && self.customer_managed_policies == other.customer_managed_policies
            && self.permissions_boundary == other.permissions_boundary
    }

    /// Whether the two describe the same set, ids aside and policies compared by meaning.
    pub fn same_as(&self, other: &PermissionSet) -> bool {
        self.name == other.name && self.tags == other.tags && !self.role_differs(other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn session_durations_are_lengths_not_spellings() {
        let of = |text: &str| text.parse::<SessionDuration>();
        assert_eq!(of("PT60M").unwrap(), of("PT1H").unwrap());
        assert_eq!(of("PT90M").unwrap().to_string(), "PT1H30M");
        assert_eq!(of("PT12H").unwrap(), SessionDuration::MAX);
        assert!(matches!(of("PT59M"), Err(SessionDurationError::Range(_, 3540))));
        assert!(matches!(of("P1D"), Err(SessionDurationError::Range(_, 86_400))));
        assert_eq!(of("PT3600.0S").unwrap(), SessionDuration::MIN);
        assert_eq!(of("P0Y0M0DT2H").unwrap().to_string(), "PT2H");
        for bad in [
            "1h", "PT", "P", "PT1M1H", "PT1", "pt1h", "PT1.5H", "PT3600.S", "P-1DT2H", "",
        ] {
            assert!(matches!(of(bad), Err(SessionDurationError::Form(_))), "{bad}");
        }
    }

    #[test]
    fn what_only_narrows_a_set_is_known() {
        let arn = |name: &str| Arc::<str>::from(format!("arn:aws:iam::aws:policy/{name}"));
        let policy = |effect: &str| {
            let statement = format!(r#"{{"Effect": "{effect}", "Action": "s3:*", "Resource": "*"}}"#);
            Some(Text::Known(format!(r#"{{"Statement": [{statement}]}}"#).into()))
        };
        let mut wide = PermissionSet::new(PermissionSetName::new("view").unwrap());
        wide.session_duration = SessionDuration::MAX;
        wide.managed_policies = BTreeSet::from([arn("AdministratorAccess"), arn("AWSDenyAll")]);
        wide.inline_policy = policy("Allow");
        let changed = |change: &dyn Fn(&mut PermissionSet)| {
            let mut other = wide.clone();
            change(&mut other);
            (wide.may_allow_less_than(&other), other.may_allow_less_than(&wide))
        };
        let narrower = (false, true);
        assert_eq!(changed(&|_| ()), (false, false));
        assert_eq!(
            changed(&|set| set.session_duration = SessionDuration::MIN),
            narrower
        );
        assert_eq!(changed(&|set| set.inline_policy = None), narrower);
        assert_eq!(
            changed(&|set| set
                .managed_policies
                .retain(|policy| *policy != arn("AdministratorAccess"))),
            narrower
        );
        let arn = arn("Limit");
        assert_eq!(
            changed(&|set| set.permissions_boundary = Some(Boundary::Managed(arn.clone()))),
            narrower
        );
        let either = (true, true);
        assert_eq!(changed(&|set| set.inline_policy = policy("Deny")), either);
        assert_eq!(
            changed(&|set| drop(set.managed_policies.pop_first())),
            either,
            "AWSDenyAll"
        );
        let mut denying = wide.clone();
        denying.inline_policy = policy("Deny");
        let mut without = wide.clone();
        without.inline_policy = None;
        assert!(denying.may_allow_less_than(&without), "a denial goes");
    }

    #[test]
    fn tags_do_not_reach_the_roles() {
        let plain = PermissionSet::new(PermissionSetName::new("view").unwrap());
        let mut tagged = plain.clone();
        tagged.tags.insert("a".into(), "b".into());
        assert!(!plain.role_differs(&tagged));
        assert!(!plain.same_as(&tagged));
    }
}
