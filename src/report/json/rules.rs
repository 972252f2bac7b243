//! Changed rules and what guardrails found, as JSON.

use std::borrow::Cow;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::plan::guardrails::breach::{Breach, RuleKind, Severity, Since, Subject, Verdict};
use crate::plan::rules::{RuleBlock, RuleChange, RuleChangeKind, RuleChanges};
use crate::report::plan_view::rule_text;
use crate::source::Location;

use super::parts::PrincipalJson;

/// How the rules differ from those of the last apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RulesJson<'a> {
    /// The state knows the rules of the last apply; otherwise there is nothing to compare with.
    pub known: bool,
    /// Whether something may pass now that did not pass before.
    pub may_loosen: bool,
    /// What is not as it was last applied.
    pub changes: Vec<RuleChangeJson<'a>>,
}

/// A rule that is not as it was last applied.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct RuleChangeJson<'a> {
    /// Which rule.
    pub rule: RuleBlock,
    /// The block's label, where it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub label: Option<Cow<'a, str>>,
    /// What happens to it.
    pub change: RuleChangeKind,
    /// Something may pass now that did not pass before.
    pub may_loosen: bool,
    /// What it no longer says, a line for each part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub before: Vec<Cow<'a, str>>,
    /// What it says now and did not.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub after: Vec<Cow<'a, str>>,
    /// How the text of a policy file differs, a line each: what is gone begins with `-`, what is new with `+`, what is
    /// shown for orientation with a space; `…` stands for lines that are left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub diff: Vec<Cow<'a, str>>,
    /// Where it is written, or was when it was last applied.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// What one rule of one guardrail found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardrailJson<'a> {
    /// What comes of it.
    pub level: Verdict,
    /// The guardrail.
    pub label: Cow<'a, str>,
    /// Which rule of it.
    pub rule: RuleKind,
    /// What the guardrail says that it weighs.
    pub severity: Severity,
    /// Whose doing it is.
    pub since: Since,
    /// The guardrail is judged as last applied: the configuration changes or removes it.
    pub as_last_applied: bool,
    /// What is wrong, as a sentence that names the guardrail.
    pub message: Cow<'a, str>,
    /// Why the guardrail is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<Cow<'a, str>>,
    /// How many cases there are.
    pub count: u64,
    /// Cases, at most a thousand.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub subjects: Vec<GuardrailSubjectJson<'a>>,
    /// What to do about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub remedy: Option<Cow<'a, str>>,
    /// Where the guardrail is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
}

/// One case: who, with what, where, and by which path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct GuardrailSubjectJson<'a> {
    /// All of it in a sentence.
    pub text: Cow<'a, str>,
    /// The user name of the person it is about.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub person: Option<Cow<'a, str>>,
    /// Whose grant it is: the path by which the person has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub principal: Option<PrincipalJson<'a>>,
    /// Which set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub permission_set: Option<Cow<'a, str>>,
    /// Where, by key.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub account: Option<String>,
    /// The blocks that declare the grant; none for one that nobody declared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub declared_by: Vec<Address>,
    /// Where those are written.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub locations: Vec<Location>,
    /// It is so on the way only, and no more once the plan is carried out.
    #[serde(default)]
    pub on_the_way: bool,
}

impl<'a> From<&'a RuleChanges> for RulesJson<'a> {
    fn from(rules: &'a RuleChanges) -> Self {
        RulesJson {
            known: rules.known,
            may_loosen: rules.may_loosen(),
            changes: rules.changes.iter().map(RuleChangeJson::from).collect(),
        }
    }
}

impl<'a> From<&'a RuleChange> for RuleChangeJson<'a> {
    fn from(change: &'a RuleChange) -> Self {
        let lines =
            |lines: &'a [std::sync::Arc<str>]| lines.iter().map(|line| Cow::Borrowed(&**line)).collect();
        RuleChangeJson {
            rule: change.rule,
            label: change.label.as_deref().map(Cow::Borrowed),
            change: change.change,
            may_loosen: change.may_loosen,
            before: lines(&change.before),
            after: lines(&change.after),
            diff: rule_text::of(change)
                .map(|text| {
                    text.lines
                        .iter()
                        .map(|line| rule_text::signed(line).into())
                        .collect()
                })
                .unwrap_or_default(),
            location: change.location.clone(),
        }
    }
}

impl<'a> From<&'a Breach> for GuardrailJson<'a> {
    fn from(breach: &'a Breach) -> Self {
        GuardrailJson {
            level: breach.level,
            label: breach.label.as_ref().into(),
            rule: breach.rule,
            severity: breach.severity,
            since: breach.since,
            as_last_applied: breach.as_last_applied,
            message: breach.message.as_ref().into(),
            description: breach.description.as_deref().map(Cow::Borrowed),
            count: breach.count,
            subjects: breach.subjects.iter().map(GuardrailSubjectJson::from).collect(),
            remedy: breach.remedy.as_deref().map(Cow::Borrowed),
            location: breach.location.clone(),
        }
    }
}

impl<'a> From<&'a Subject> for GuardrailSubjectJson<'a> {
    fn from(subject: &'a Subject) -> Self {
        GuardrailSubjectJson {
            text: subject.text.as_ref().into(),
            person: subject.person.as_ref().map(|user| user.as_str().into()),
            principal: subject.principal.as_ref().map(PrincipalJson::from),
            permission_set: subject.permission_set.as_ref().map(|set| set.as_str().into()),
            account: subject.account.as_ref().map(ToString::to_string),
            declared_by: subject.declared_by.clone(),
            locations: subject.locations.clone(),
            on_the_way: subject.on_the_way,
        }
    }
}
