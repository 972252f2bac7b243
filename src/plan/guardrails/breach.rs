//! What a guardrail finds, as data: for a person in a sentence, for other tools field by field.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::{AccountKey, PermissionSetName, PrincipalKey, UserName};
use crate::plan::finding::{Finding, Level, counted};
use crate::source::Location;

/// Which rule of a guardrail.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum RuleKind {
    /// `deny`
    Deny,
    /// `max_people` of a `limit`.
    MaxPeople,
    /// `max_accounts` of a `limit`.
    MaxAccounts,
    /// `max_session` of a `limit`.
    MaxSession,
    /// `require`
    Require,
}

/// Whose doing it is.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// The plan breaks the rule, or makes what was broken worse.
    Plan,
    /// It is broken already, and gets no worse.
    Before,
    /// It cannot be judged, because members cannot be read.
    Unknown,
}

/// What comes of it.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// The plan must not run.
    Refused,
    /// The plan says so.
    Warned,
}

/// What the guardrail says that it weighs.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// `severity = "error"`
    Error,
    /// `severity = "warning"`
    Warning,
}

/// One case of a breach: who, with what, where, and by which path.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Subject {
    /// All of it in a sentence.
    pub text: Arc<str>,
    /// Whom it is about, where it is a person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<UserName>,
    /// The user or group whose grant it is: the path by which the person has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalKey>,
    /// Which set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_set: Option<PermissionSetName>,
    /// Where.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<AccountKey>,
    /// The blocks that declare the grant; none for one that nobody declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared_by: Vec<Address>,
    /// Where those are written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// It is so on the way only, and no more once the plan is carried out.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub on_the_way: bool,
}

impl Subject {
    /// A sentence and nothing more.
    pub(super) fn new(text: impl Into<Arc<str>>) -> Self {
        Subject {
            text: text.into(),
            person: None,
            principal: None,
            permission_set: None,
            account: None,
            declared_by: Vec::new(),
            locations: Vec::new(),
            on_the_way: false,
        }
    }
}

/// What one rule of one guardrail found.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
pub struct Breach {
    /// What comes of it.
    pub level: Verdict,
    /// The guardrail.
    pub label: Arc<str>,
    /// Which rule of it.
    pub rule: RuleKind,
    /// What the guardrail says that it weighs.
    pub severity: Severity,
    /// Whose doing it is.
    pub since: Since,
    /// The guardrail is judged as last applied: the configuration changes or removes it.
    pub as_last_applied: bool,
    /// What is wrong, as a sentence that names the guardrail.
    pub message: Arc<str>,
    /// Why the guardrail is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Arc<str>>,
    /// How many cases there are; not all of them need be listed.
    pub count: u64,
    /// Cases, at most a thousand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<Subject>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Arc<str>>,
    /// Where the guardrail is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

impl Breach {
    /// The cases in sentences: one for each person, set and path, however many accounts it is in.
    pub(super) fn sentences(&self) -> BTreeSet<Arc<str>> {
        let mut alike: BTreeMap<_, (&Arc<str>, usize)> = BTreeMap::new();
        for subject in &self.subjects {
            let alone = subject.account.is_none().then_some(&subject.text);
            let (who, path) = (&subject.person, &subject.principal);
            let key = (who, path, &subject.permission_set, subject.on_the_way, alone);
            let (_, count) = alike.entry(key).or_insert((&subject.text, 0));
            *count += 1;
        }
        let sentences = alike.into_values().map(|(text, count)| match count {
            1 => Arc::clone(text),
            count => format!("{text}; the same in {}", counted(count - 1, "more account")).into(),
        });
        sentences.collect()
    }

    /// The breach among the plan's other findings.
    pub fn finding(&self) -> Finding {
        let code = match self.since {
            Since::Plan => "guardrail",
            Since::Before => "guardrail-broken",
            Since::Unknown => "guardrail-unknown",
        };
        let level = match self.level {
            Verdict::Refused => Level::Refusal,
            Verdict::Warned => Level::Warning,
        };
        Finding {
            subjects: self.sentences(),
            remedy: self.remedy.clone(),
            location: self.location.clone(),
            ..Finding::new(level, code, Arc::clone(&self.message))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AccountId;

    #[test]
    fn a_person_is_named_once_for_all_accounts_by_one_path() {
        let subject = |who: &str, account: u64| Subject {
            person: Some(UserName::new(who).unwrap()),
            account: Some(AccountKey::Id(AccountId::new(format!("{account:012}")).unwrap())),
            ..Subject::new(format!("{who} would have admin in {account}"))
        };
        let breach = Breach {
            level: Verdict::Refused,
            label: "g".into(),
            rule: RuleKind::Deny,
            severity: Severity::Error,
            since: Since::Plan,
            as_last_applied: false,
            message: "m".into(),
            description: None,
            count: 5,
            subjects: vec![
                subject("ada", 1),
                subject("ada", 2),
                subject("ada", 3),
                subject("bob", 1),
                Subject::new("a sentence"),
                Subject::new("another one"),
            ],
            remedy: None,
            location: None,
        };
        let told: Vec<String> = breach
            .finding()
            .subjects
            .iter()
            .map(ToString::to_string)
            .collect();
        let expected = [
            "a sentence",
            "ada would have admin in 1; the same in 2 more accounts",
            "another one",
            "bob would have admin in 1",
        ];
        assert_eq!(told, expected);
    }
}
