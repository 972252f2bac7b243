//! What a stack declares, once evaluated: settings, entities, access, look-ups that failed, outputs.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::PrincipalKey;
use crate::source::Location;

use super::freeze::Withheld;
use super::guardrail::Guardrail;
use super::instance::Held;
use super::policy_file::PolicyFile;
use super::snapshot::Snapshot;
use super::standing::StandingApproval;

/// What to do about access that no one declared, inside the scope.
#[derive(
    Debug,
    Clone,
    Copy,
    Default,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Unmanaged {
    /// Say so.
    #[default]
    Report,
    /// Remove the grants (never an entity or a membership); needs a scope.
    Remove,
    /// Say nothing.
    Ignore,
}

/// What a stack is responsible for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// Nothing was said: what it declares; it reports on the whole instance.
    #[default]
    Declared,
    /// `scope = "instance"`.
    Instance,
    /// A `scope` block: grants that match it.
    Matching(Matcher),
}

/// Names with globs (`*`, `?`, `[a-z]`, `{a,b}`). An empty list of a field matches everything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Matcher {
    /// Permission set names.
    #[serde(default)]
    pub permission_sets: Vec<Arc<str>>,
    /// Group display names and user names.
    #[serde(default)]
    pub principals: Vec<Arc<str>>,
    /// Account ids and names.
    #[serde(default)]
    pub accounts: Vec<Arc<str>>,
}

impl Matcher {
    /// Whether it says nothing, so that it matches everything.
    pub fn is_empty(&self) -> bool {
        self.permission_sets.is_empty() && self.principals.is_empty() && self.accounts.is_empty()
    }

    /// Whether it has the patterns of another one, in whatever order.
    pub fn says_the_same(&self, other: &Matcher) -> bool {
        fn all_of(list: &[Arc<str>]) -> BTreeSet<&Arc<str>> {
            list.iter().collect()
        }
        all_of(&self.permission_sets) == all_of(&other.permission_sets)
            && all_of(&self.principals) == all_of(&other.principals)
            && all_of(&self.accounts) == all_of(&other.accounts)
    }
}

/// A named rule over grants: an `ignore` or a `protect` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct NamedMatcher {
    /// The block's label.
    pub label: Arc<str>,
    /// Which grants: all the given lists must match.
    pub matcher: Matcher,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// Which accounts are production: those that match one of the fields.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Production {
    /// Account ids and names, with globs.
    #[serde(default)]
    pub accounts: Vec<Arc<str>>,
    /// Paths of organizational units, with globs; what lies below a unit belongs to it.
    #[serde(default)]
    pub organizational_units: Vec<Arc<str>>,
    /// Tags; an account that carries one of them is production. Values are globs.
    #[serde(default)]
    pub tags: BTreeMap<Arc<str>, Arc<str>>,
}

/// Who stops an approved plan by newly gaining access through a group.
#[derive(
    Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum StopFor {
    /// Whoever gains a permission set that is marked as a risk.
    #[default]
    RiskMarked,
    /// Whoever gains anything.
    Anyone,
    /// Nobody.
    Nobody,
}

impl StopFor {
    /// As written.
    pub fn name(self) -> &'static str {
        match self {
            StopFor::RiskMarked => "risk_marked",
            StopFor::Anyone => "anyone",
            StopFor::Nobody => "nobody",
        }
    }

    /// The one of two that stops more.
    #[must_use]
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (StopFor::Anyone, _) | (_, StopFor::Anyone) => StopFor::Anyone,
            (StopFor::RiskMarked, _) | (_, StopFor::RiskMarked) => StopFor::RiskMarked,
            (StopFor::Nobody, StopFor::Nobody) => StopFor::Nobody,
        }
    }
}

/// What the stack takes for a risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct RiskSettings {
    /// Which accounts are production.
    #[serde(default)]
    pub production: Production,
    /// Names of permission sets, with globs, that are a risk whatever they attach.
    #[serde(default)]
    pub permission_sets: Vec<Arc<str>>,
    /// Access to so many accounts at once is marked as wide.
    pub wide_accounts: u64,
    /// Who stops an approved plan.
    #[serde(default)]
    pub stop_for: StopFor,
}

impl Default for RiskSettings {
    fn default() -> Self {
        RiskSettings {
            production: Production::default(),
            permission_sets: Vec::new(),
            wide_accounts: 20,
            stop_for: StopFor::default(),
        }
    }
}

/// The `rolecall` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Settings {
    /// What to do about access no one declared.
    pub unmanaged: Unmanaged,
    /// A plan that removes more grants is refused without `--max-removals`.
    pub max_removals: u64,
    /// What the stack is responsible for.
    pub scope: Scope,
    /// What others run: hidden from drift and removal.
    pub ignore: Vec<NamedMatcher>,
    /// What no plan may remove.
    pub protect: Vec<NamedMatcher>,
    /// What is marked as a risk.
    #[serde(default)]
    pub risk: RiskSettings,
}

impl Default for Settings {
    fn default() -> Self {
        Settings {
            unmanaged: Unmanaged::default(),
            max_removals: 100,
            scope: Scope::default(),
            ignore: Vec::new(),
            protect: Vec::new(),
            risk: RiskSettings::default(),
        }
    }
}

/// A `moved` block. Addresses may leave out the instance key to mean all instances.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Moved {
    /// The address in the state.
    pub from: Address,
    /// The address in the configuration.
    pub to: Address,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// What an assignment block's three lists resolved to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Selection {
    /// How many accounts.
    pub accounts: u64,
    /// How many permission sets.
    pub permission_sets: u64,
    /// How many principals.
    pub principals: u64,
    /// `allow_empty = true`: resolving to nothing after having resolved to something is meant.
    pub allow_empty: bool,
    /// How the accounts were selected, for people: `workloads/prod`, or nothing for a plain list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub accounts_from: Option<Arc<str>>,
}

/// The value of an `output` block.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Output {
    /// As JSON; strings that wait for apply hold `${arn of permission set x}` in their `waiting` list.
    pub value: OutputValue,
    /// Not to be printed.
    pub sensitive: bool,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Arc<str>>,
}

/// A value with deferred texts in it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum OutputValue {
    /// `null`
    Null,
    /// `true` or `false`
    Bool(bool),
    /// A number in decimal digits.
    Number(Arc<str>),
    /// A text, perhaps deferred.
    Text(super::text::Text),
    /// A list, tuple or set.
    List(Vec<OutputValue>),
    /// A map or object.
    Map(BTreeMap<Arc<str>, OutputValue>),
}

impl OutputValue {
    /// The same value with every reference that `lookup` knows filled in.
    #[must_use]
    pub fn resolve(&self, lookup: &dyn Fn(&super::text::Reference) -> Option<Arc<str>>) -> OutputValue {
        match self {
            OutputValue::Text(text) => OutputValue::Text(text.resolve(lookup)),
            OutputValue::List(items) => {
                OutputValue::List(items.iter().map(|item| item.resolve(lookup)).collect())
            }
            OutputValue::Map(fields) => OutputValue::Map(
                fields
                    .iter()
                    .map(|(key, value)| (key.clone(), value.resolve(lookup)))
                    .collect(),
            ),
            other => other.clone(),
        }
    }
}

/// A file that evaluation read through a function.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FileRead {
    /// Its path relative to the stack's directory.
    pub path: Arc<str>,
    /// BLAKE3 of its content, in hexadecimal digits.
    pub hash: Arc<str>,
}

/// What a stack declares.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Desired {
    /// The `rolecall` block.
    pub settings: Settings,
    /// The entities and the access relation. Grants of blocks whose time has come are still in it; the planner
    /// knows the clock.
    pub snapshot: Snapshot,
    /// Address changes.
    #[serde(default)]
    pub moved: Vec<Moved>,
    /// What each assignment block instance resolved to.
    #[serde(default, with = "selections")]
    #[schemars(with = "Vec<(Address, Selection)>")]
    pub selections: BTreeMap<Address, Selection>,
    /// Look-ups that could not be answered: grants that name them are held.
    #[serde(default)]
    pub held: Vec<Held>,
    /// Look-ups pinned by `external_id`: the directory's id the found entity must carry.
    #[serde(default)]
    pub pinned: Vec<(PrincipalKey, Arc<str>)>,
    /// Rules over who has what access, by label.
    #[serde(default)]
    pub guardrails: Vec<Guardrail>,
    /// What was agreed on beforehand, by label.
    #[serde(default)]
    pub standing_approvals: Vec<StandingApproval>,
    /// Policies over plans in Rego and their data, by path.
    #[serde(default)]
    pub policies: Vec<PolicyFile>,
    /// Outputs by name.
    #[serde(default)]
    pub outputs: BTreeMap<Arc<str>, Output>,
    /// What file functions read.
    #[serde(default)]
    pub files: Vec<FileRead>,
    /// What is declared for frozen principals and was taken out of the rest, in the order of the state's list.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub withheld: Vec<Withheld>,
    /// What the configuration is warned of, in the order of its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warnings: Vec<ConfigurationWarning>,
    /// Whether sensitive values were taken out of this; a plan of it would not be the stack's.
    #[serde(default)]
    pub redacted: bool,
}

/// A warning about what is written, as from the lint of policies: plans carry it to where they are reviewed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct ConfigurationWarning {
    /// Its stable code: `wide-statement`.
    pub code: Arc<str>,
    /// One sentence.
    pub message: Arc<str>,
    /// The rule behind it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cause: Option<Arc<str>>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Arc<str>>,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// A moment before which nothing declared here expires, were it to be planned again; `None`: nothing expires.
pub fn next_expiry(desired: &Desired, after: Timestamp) -> Option<Timestamp> {
    let expiries = desired
        .snapshot
        .access
        .declarations
        .iter()
        .filter_map(|block| block.expires);
    expiries.filter(|time| *time > after).min()
}

mod selections {
    use std::collections::BTreeMap;

    use serde::{Deserialize, Deserializer, Serializer};

    use super::{Address, Selection};

    pub fn serialize<S: Serializer>(
        map: &BTreeMap<Address, Selection>,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(map.iter())
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<BTreeMap<Address, Selection>, D::Error> {
        Ok(Vec::<(Address, Selection)>::deserialize(deserializer)?
            .into_iter()
            .collect())
    }
}
