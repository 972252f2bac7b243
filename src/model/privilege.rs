//! What a permission set amounts to: administration, or a way to it.
//!
//! Read from what the set attaches, and never from the set's own name. The AWS-managed policies in `KNOWN` are as the
//! AWS managed policy reference has them; the ways to more rights are in [`super::escalation`], what resources a
//! statement reaches in [`super::resource_pattern`]. Policies that live in accounts cannot be read: all that they can say
//! is their name.
//!
//! Policies that AWS publishes for a job or a service, like PowerUserAccess and AmazonEC2FullAccess, are no risk by
//! themselves, though who runs code on what is there gets the rights of its roles: a mark on most sets would be a mark
//! on none. They count as soon as something else comes to them, as `iam:PassRole` does. A stack that sees it otherwise
//! names its sets in its `risk` block. What is written in an inline policy is judged by what it says; a statement there
//! that allows all but what PowerUserAccess leaves out is that policy, written out, and counts as it does.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::escalation::{ROLES, WAYS, Way};
use super::permission_set::{Boundary, PermissionSet};
use super::policy_document::{Listed, PolicyDocument, Statement, StatementEffect};
use super::resource_pattern::Reached;

/// What a permission set amounts to.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Privilege {
    /// It may do everything, or write IAM without limit, which comes to the same.
    Administrator,
    /// It may give itself, or others, more rights.
    Escalation,
}

/// A permission set, judged.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Judged {
    /// What it amounts to; `None` when nothing that was read says so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub privilege: Option<Privilege>,
    /// What says so: `AdministratorAccess`, `iam:PassRole with lambda:CreateFunction`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<Arc<str>>,
    /// All that says so holds under conditions only.
    #[serde(default)]
    pub conditional: bool,
    /// What could not be read and may say more, or less: `customer-managed policy /audit`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub not_considered: Vec<Arc<str>>,
}

impl Judged {
    /// Whether it amounts to more than another.
    pub fn is_graver_than(&self, other: &Judged) -> bool {
        let gravity = |judged: &Judged| match judged.privilege {
            None => 0,
            Some(Privilege::Escalation) => 1,
            Some(Privilege::Administrator) => 2,
        };
        gravity(self) > gravity(other)
    }
}

/// Whether a policy of an account is called like one of AWS's that makes an administrator.
pub fn has_name_of_administrator(name: &str) -> bool {
    Known::administrator_by_name(name).is_some()
}

/// Whether the content of an AWS-managed policy is known, as far as it matters here.
pub fn is_known(arn: &str) -> bool {
    Known::find(arn).is_some()
}

/// An AWS-managed policy whose content is known.
struct Known {
    /// The last part of its ARN.
    name: &'static str,
    /// What it amounts to by itself.
    privilege: Option<Privilege>,
    /// The actions it allows on every resource, as far as they matter to the ways below.
    allows: &'static [&'static str],
    /// Whether it allows all but those.
    all_but: bool,
}

const fn known(name: &'static str, privilege: Option<Privilege>, allows: &'static [&'static str]) -> Known {
    Known {
        name,
        privilege,
        allows,
        all_but: false,
    }
}

/// What PowerUserAccess leaves out.
const NOT_OF_POWER_USERS: &[&str] = &["iam:*", "organizations:*", "account:*"];
const SERVICES_NOT_OF_POWER_USERS: &[&str] = &["iam", "organizations", "account"];

const KNOWN: &[Known] = &[
    known("AdministratorAccess", Some(Privilege::Administrator), &["*"]),
    known("IAMFullAccess", Some(Privilege::Administrator), &["iam:*"]),
    Known {
        all_but: true,
        ..known("PowerUserAccess", None, NOT_OF_POWER_USERS)
    },
    known(
        "AWSLambda_FullAccess",
        Some(Privilege::Escalation),
        &["lambda:*", "iam:PassRole"],
    ),
    known(
        "AWSSSOMasterAccountAdministrator",
        Some(Privilege::Escalation),
        &["sso:*", "sso-directory:*", "identitystore:*"],
    ),
    known(
        "AWSSSOMemberAccountAdministrator",
        Some(Privilege::Escalation),
        &["sso:*", "sso-directory:*", "identitystore:*"],
    ),
    known(
        "AWSSSODirectoryAdministrator",
        Some(Privilege::Escalation),
        &["sso-directory:*", "identitystore:*"],
    ),
    known(
        "AWSOrganizationsFullAccess",
        Some(Privilege::Escalation),
        &["organizations:*"],
    ),
    known("AmazonEC2FullAccess", None, &["ec2:*"]),
    known("AWSCloudFormationFullAccess", None, &["cloudformation:*"]),
    known("ReadOnlyAccess", None, &[]),
    known("ViewOnlyAccess", None, &[]),
    known("SecurityAudit", None, &[]),
    known("Billing", None, &[]),
    known("SupportUser", None, &[]),
];

/// Who may do all of these with any role may write IAM without limit.
const ADMINISTRATION: &[&str] = &[
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
];

impl Known {
    fn find(arn: &str) -> Option<&'static Known> {
        let is_managed = arn.split(':').nth(4) == Some("aws");
        let name = arn.rsplit('/').next()?;
        KNOWN.iter().find(|known| is_managed && known.name == name)
    }

    /// The administrator's policy that one in an account has the name of. Names differ in more than letter case.
    fn administrator_by_name(name: &str) -> Option<&'static Known> {
        let mut known = KNOWN.iter();
        known.find(|known| {
            known.privilege == Some(Privilege::Administrator) && known.name.eq_ignore_ascii_case(name)
        })
    }

    fn document(&self) -> PolicyDocument {
        let actions = self.allows.iter().copied().map(Arc::from).collect();
        PolicyDocument::allowing(match self.all_but {
            true => Listed::AllBut(actions),
            false => Listed::Only(actions),
        })
    }
}

/// How surely something is allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Allowed {
    /// Under conditions.
    Conditionally,
    /// Outright.
    Outright,
}

/// A policy that is known by its name, with what it is called where it tells something.
struct Named {
    known: &'static Known,
    document: PolicyDocument,
    called: Arc<str>,
}

/// The policies of a set that could be read.
struct Policies {
    inline: Option<PolicyDocument>,
    managed: Vec<Named>,
    boundary: Option<(&'static Known, PolicyDocument)>,
}

/// What an action must reach to count.
#[derive(Clone, Copy)]
enum On<'a> {
    /// This much of what has ARNs of one of these forms.
    These(&'a [&'a str], Reached),
    /// Anything of the action's own service.
    Anything,
}

impl Policies {
    /// Whether an action is allowed on what it must reach: by a statement, with no denial outright of all of that, and
    /// within the boundary. With `telling`, AWS-managed policies that amount to nothing by themselves do not count, and
    /// neither does PowerUserAccess where it is written out.
    fn allow(&self, action: &str, on: On<'_>, telling: bool) -> Option<Allowed> {
        match on {
            On::These(forms, reached) => {
                let on = |form: &&str| self.allow_on(action, form, Some(reached), telling);
                forms.iter().filter_map(on).max()
            }
            On::Anything => {
                let own = format!("{}:%:%:", action.split(':').next()?);
                self.allow_on(action, &own, None, telling)
            }
        }
    }

    fn allow_on(&self, action: &str, form: &str, reached: Option<Reached>, telling: bool) -> Option<Allowed> {
        let denials = self.inline.iter().flat_map(|document| &document.statements);
        let denials: Vec<&Statement> = denials
            .filter(|s| s.effect == StatementEffect::Deny && !s.conditional && s.covers(action))
            .collect();
        if denials.iter().any(|denial| denial.is_about_all(form)) {
            return None;
        }
        let allows = |document: &PolicyDocument| {
            let statements = document.statements.iter();
            let allowing = statements.filter(|s| {
                s.effect == StatementEffect::Allow
                    && s.covers(action)
                    && !(telling && s.is_all_but(SERVICES_NOT_OF_POWER_USERS))
                    && !s.leaves_out(form)
                    && s.resource_patterns()
                        .iter()
                        .filter(|pattern| !denials.iter().any(|denial| denial.is_about(pattern)))
                        .any(|pattern| match reached {
                            Some(least) => pattern.reaches(form) >= Some(least),
                            None => pattern.may_be(form),
                        })
            });
            allowing
                .map(|statement| match statement.conditional {
                    true => Allowed::Conditionally,
                    false => Allowed::Outright,
                })
                .max()
        };
        let within = match &self.boundary {
            // Nothing within it amounts to more than it does.
            Some((known, _)) if telling && known.privilege.is_none() => return None,
            Some((_, boundary)) => allows(boundary)?,
            None => Allowed::Outright,
        };
        let managed = self.managed.iter();
        let managed = managed.filter(|named| !telling || named.known.privilege.is_some());
        let documents = self.inline.iter().chain(managed.map(|named| &named.document));
        let best = documents.filter_map(allows).max()?;
        Some(best.min(within))
    }

    fn administration(&self) -> Option<Allowed> {
        let on = On::These(ROLES, Reached::Any);
        let each = ADMINISTRATION.iter().map(|action| self.allow(action, on, false));
        each.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// The ways to more rights, each with how surely it is open.
    fn ways(&self) -> Vec<(Arc<str>, Allowed)> {
        WAYS.iter().filter_map(|way| self.open(way)).collect()
    }

    fn open(&self, way: &Way) -> Option<(Arc<str>, Allowed)> {
        let (first, others) = way.actions.split_first()?;
        let any = On::These(way.on, Reached::Any);
        let named = On::These(way.on, Reached::Administrators);
        let (on, mut allowed) = match self.allow(first, any, false) {
            Some(allowed) => (any, allowed),
            None => (named, self.allow(first, named, false)?),
        };
        let mut tells = self.allow(first, on, true).is_some();
        for other in others {
            allowed = allowed.min(self.allow(other, On::Anything, false)?);
            tells |= self.allow(other, On::Anything, true).is_some();
        }
        let of = match on {
            On::These(_, Reached::Administrators) => " on what may be an administrator's by its name",
            _ => "",
        };
        let with = match others {
            [] => String::new(),
            others => format!(" with {}", others.join(" and ")),
        };
        tells.then(|| (format!("{first}{of}{with}").into(), allowed))
    }
}

/// Judges a permission set by what it attaches.
pub fn judge(set: &PermissionSet) -> Judged {
    let mut judged = Judged::default();
    let policies = read(set, &mut judged.not_considered);
    let mut found: Vec<(Arc<str>, Allowed)> = Vec::new();
    if let Some(allowed) = policies.administration() {
        judged.privilege = Some(Privilege::Administrator);
        let managed = policies.managed.iter();
        let by_name = managed.filter(|named| named.known.privilege == Some(Privilege::Administrator));
        found.extend(by_name.map(|named| (named.called.clone(), allowed)));
        if found.is_empty() {
            found.push(("its policies may write IAM without limit".into(), allowed));
        }
    } else {
        found = policies.ways();
        judged.privilege = (!found.is_empty()).then_some(Privilege::Escalation);
    }
    judged.conditional = !found.is_empty()
        && found
            .iter()
            .all(|(_, allowed)| *allowed == Allowed::Conditionally);
    judged.because = found.into_iter().map(|(why, _)| why).collect();
    judged
}

fn read(set: &PermissionSet, not_considered: &mut Vec<Arc<str>>) -> Policies {
    let inline = set.inline_policy.as_ref().and_then(PolicyDocument::of_text);
    if set.inline_policy.is_some() && inline.is_none() {
        not_considered.push("the inline policy, which is no JSON object".into());
    }
    let mut managed = Vec::new();
    for arn in &set.managed_policies {
        match Known::find(arn) {
            Some(known) => managed.push(Named {
                known,
                document: known.document(),
                called: known.name.into(),
            }),
            None => not_considered.push(format!("{arn}, whose content is not known here").into()),
        }
    }
    for policy in &set.customer_managed_policies {
        if let Some(known) = Known::administrator_by_name(&policy.name) {
            managed.push(Named {
                known,
                document: known.document(),
                called: format!("customer-managed policy {policy}, an administrator by its name").into(),
            });
        }
        not_considered.push(format!("customer-managed policy {policy}, which lives in the accounts").into());
    }
    let boundary = match &set.permissions_boundary {
        None => None,
        Some(boundary) => {
            let known = match boundary {
                Boundary::Managed(arn) => Known::find(arn),
                Boundary::CustomerManaged(_) => None,
            };
            if known.is_none() {
                let may = format!("permissions boundary {boundary}, which may take some of it away");
                not_considered.push(may.into());
            }
            known.map(|known| (known, known.document()))
        }
    };
    Policies {
        inline,
        managed,
        boundary,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::PermissionSetName;
    use crate::model::permission_set::CustomerManagedPolicy;
    use crate::model::text::Text;

    const ADMIN: &str = "arn:aws:iam::aws:policy/AdministratorAccess";
    const POWER: &str = "arn:aws:iam::aws:policy/PowerUserAccess";

    fn set(managed: &[&str], statements: &[&str]) -> PermissionSet {
        let mut set = PermissionSet::new(PermissionSetName::new("s").unwrap());
        set.managed_policies = managed.iter().map(|arn| Arc::from(*arn)).collect();
        if !statements.is_empty() {
            let text = format!(
                r#"{{"Version":"2012-10-17","Statement":[{}]}}"#,
                statements.join(",")
            );
            set.inline_policy = Some(Text::known(text));
        }
        set
    }

    fn allow(actions: &str, resource: &str) -> String {
        format!(r#"{{"Effect":"Allow","Action":{actions},"Resource":"{resource}"}}"#)
    }

    fn judged(managed: &[&str], statements: &[&str]) -> (Option<Privilege>, Vec<String>) {
        let judged = judge(&set(managed, statements));
        (
            judged.privilege,
            judged.because.iter().map(ToString::to_string).collect(),
        )
    }

    fn privilege(managed: &[&str], statements: &[&str]) -> Option<Privilege> {
        judged(managed, statements).0
    }

    const ADMINISTRATOR: Option<Privilege> = Some(Privilege::Administrator);
    const ESCALATION: Option<Privilege> = Some(Privilege::Escalation);

    #[test]
    fn managed_policies_are_known_by_their_arn_in_every_partition() {
        assert_eq!(
            judged(&[ADMIN], &[]),
            (ADMINISTRATOR, vec!["AdministratorAccess".to_owned()])
        );
        assert_eq!(
            privilege(&["arn:aws-us-gov:iam::aws:policy/AdministratorAccess"], &[]),
            ADMINISTRATOR
        );
        assert_eq!(
            privilege(&["arn:aws:iam::aws:policy/IAMFullAccess"], &[]),
            ADMINISTRATOR
        );
        assert_eq!(privilege(&[POWER], &[]), None);
        assert_eq!(
            privilege(&["arn:aws:iam::aws:policy/job-function/ViewOnlyAccess"], &[]),
            None
        );
        // A policy of the same name in an account is another policy.
        assert_eq!(
            privilege(&["arn:aws:iam::111122223333:policy/AdministratorAccess"], &[]),
            None
        );
    }

    #[test]
    fn everything_on_everything_is_administration_however_written() {
        for actions in [r#""*""#, r#""*:*""#, r#"["s3:*","IAM:*"]"#] {
            assert_eq!(
                privilege(&[], &[&allow(actions, "*")]),
                ADMINISTRATOR,
                "{actions}"
            );
        }
        let not_action = r#"{"Effect":"Allow","NotAction":"s3:DeleteBucket","Resource":"*"}"#;
        assert_eq!(privilege(&[], &[not_action]), ADMINISTRATOR);
        assert_eq!(privilege(&[], &[&allow(r#""*""#, "arn:aws:s3:::logs")]), None);
        assert_eq!(
            privilege(&[], &[&allow(r#"["s3:*","ec2:Describe*"]"#, "*")]),
            None
        );
    }

    #[test]
    fn what_is_denied_outright_does_not_count() {
        let deny = r#"{"Effect":"Deny","Action":"iam:*","Resource":"*"}"#;
        let all_but = r#"{"Effect":"Deny","NotAction":["s3:*"],"Resource":"*"}"#;
        assert_eq!(privilege(&[ADMIN], &[all_but]), None);
        assert_ne!(privilege(&[ADMIN], &[deny]), ADMINISTRATOR);
        let only_sometimes =
            r#"{"Effect":"Deny","Action":"iam:*","Resource":"*","Condition":{"Bool":{"a":"b"}}}"#;
        assert_eq!(privilege(&[ADMIN], &[only_sometimes]), ADMINISTRATOR);
        let only_somewhere = r#"{"Effect":"Deny","Action":"iam:*","Resource":"arn:aws:iam::*:role/x"}"#;
        assert_eq!(privilege(&[ADMIN], &[only_somewhere]), ADMINISTRATOR);
    }

    #[test]
    fn ways_to_more_rights_are_named() {
        let of = |actions: &str| judged(&[], &[&allow(actions, "*")]);
        assert_eq!(
            of(r#""iam:CreatePolicyVersion""#),
            (ESCALATION, vec!["iam:CreatePolicyVersion".to_owned()])
        );
        assert_eq!(
            of(r#""sts:AssumeRole""#),
            (ESCALATION, vec!["sts:AssumeRole".to_owned()])
        );
        let both = ["sts:AssumeRole", "sts:AssumeRoot"].map(str::to_owned);
        assert_eq!(of(r#""sts:Assume*""#), (ESCALATION, both.to_vec()));
        let of_root = |on: &str| privilege(&[], &[&allow(r#""sts:AssumeRoot""#, on)]);
        assert_eq!(of_root("arn:aws:iam::111122223333:root"), ESCALATION);
        assert_eq!(of_root("arn:aws:iam::111122223333:role/root"), None);
        assert_eq!(of(r#""iam:PassRole""#), (None, vec![]));
        assert_eq!(of(r#""lambda:CreateFunction""#), (None, vec![]));
        assert_eq!(
            of(r#"["iam:PassRole","lambda:CreateFunction"]"#),
            (
                ESCALATION,
                vec!["iam:PassRole with lambda:CreateFunction".to_owned()]
            )
        );
        assert_eq!(
            privilege(
                &[],
                &[&allow(r#""sts:AssumeRole""#, "arn:aws:iam::*:role/deploy")]
            ),
            None
        );
        assert_eq!(
            privilege(&[], &[&allow(r#""iam:PutRolePolicy""#, "arn:aws:iam::*:role/*")]),
            ESCALATION
        );
        assert_eq!(privilege(&[], &[&allow(r#""identitystore:*""#, "*")]), ESCALATION);
    }

    /// One statement each: what it allows, on what, and what that amounts to.
    #[test]
    fn what_statements_amount_to() {
        let pass = |with: &str| format!(r#"["iam:PassRole","{with}"]"#);
        let star = |service: &str| format!(r#""{service}""#);
        let cases: &[(String, &str, Option<Privilege>)] = &[
            (star("*"), "arn:aws:*", ADMINISTRATOR),
            (star("*"), "arn:*", ADMINISTRATOR),
            (star("*"), "arn:aws-cn:*", ADMINISTRATOR),
            (star("iam:*"), "*", ADMINISTRATOR),
            (star("i?m:*"), "*", ADMINISTRATOR),
            (star("IAM:*"), "arn:aws:iam", ADMINISTRATOR),
            (star("iam:*"), "arn:aws:iam::*", ADMINISTRATOR),
            (star("iam:*"), "arn:aws:iam::*:*/?*", ADMINISTRATOR),
            (
                star("iam:*"),
                "arn:aws:iam::${aws:PrincipalAccount}:role/*",
                ADMINISTRATOR,
            ),
            (star("iam:*"), "arn:aws:iam::*:role/app-*", None),
            (star("iam:*"), "arn:aws:iam::*:user/${aws:username}", None),
            (star("iam:*"), "arn:aws:iam::*:user/*", ESCALATION),
            (star("iam:Create*"), "*", ESCALATION),
            (star("iam:Get*"), "*", None),
            (
                star("iam:PutRolePolicy"),
                "arn:aws:iam::*:role/Admin*",
                ESCALATION,
            ),
            (star("sts:AssumeRole"), "*", ESCALATION),
            (star("sts:AssumeRole"), "arn:aws:iam::*:role/?*", ESCALATION),
            (
                star("sts:AssumeRole"),
                "arn:aws:iam::*:role/OrganizationAccountAccessRole",
                ESCALATION,
            ),
            (
                star("sts:AssumeRole"),
                "arn:aws:iam::*:role/AWSControlTowerExecution",
                ESCALATION,
            ),
            (
                star("sts:AssumeRole"),
                "arn:aws:iam::111122223333:role/deploy",
                None,
            ),
            (star("sts:AssumeRole"), "arn:aws:s3:::*", None),
            (star("sts:*"), "arn:aws:iam::*:role/app/*", None),
            (star("iam:PassRole"), "*", None),
            (pass("lambda:CreateFunction"), "*", ESCALATION),
            (pass("scheduler:CreateSchedule"), "*", ESCALATION),
            (pass("states:*"), "*", ESCALATION),
            (pass("ssm:StartAutomationExecution"), "*", ESCALATION),
            (pass("apprunner:CreateService"), "*", ESCALATION),
            (pass("bedrock-agentcore:*"), "*", ESCALATION),
            (pass("batch:*"), "*", ESCALATION),
            (pass("batch:SubmitJob"), "*", None),
            (pass("s3:*"), "*", None),
            (pass("ec2:RunInstances"), "arn:aws:iam::*:role/app-*", None),
            (star("ssm:SendCommand"), "*", ESCALATION),
            (star("ssm:StartSession"), "arn:aws:ec2:*:*:instance/*", ESCALATION),
            (star("ssm:StartSession"), "arn:aws:ssm:*::document/AWS-*", None),
            (star("ssm:Describe*"), "*", None),
            (
                star("lambda:UpdateFunctionCode"),
                "arn:aws:lambda:*:*:function:*",
                ESCALATION,
            ),
            (
                star("lambda:UpdateFunctionCode"),
                "arn:aws:lambda:*:*:function:my-app",
                None,
            ),
            (star("lambda:InvokeFunction"), "*", None),
            (star("ecs:ExecuteCommand"), "*", ESCALATION),
            (star("iam:UpdateSAMLProvider"), "*", ESCALATION),
            (star("iam:CreateOpenIDConnectProvider"), "*", ESCALATION),
            (star("sso:CreateAccountAssignment"), "*", ESCALATION),
            (star("sso:List*"), "*", None),
            (star("s3:*"), "*", None),
            (star("dynamodb:*"), "arn:aws:dynamodb:*:*:table/*", None),
        ];
        for (actions, resource, expected) in cases {
            let found = judged(&[], &[&allow(actions, resource)]);
            assert_eq!(found.0, *expected, "{actions} on {resource}: {:?}", found.1);
        }
    }

    /// What is beyond the published lists: a way each, and what lacks one half of it or is about one thing alone.
    #[test]
    fn ways_that_need_no_role_to_be_passed_and_those_that_do() {
        let one = |action: &str| format!(r#"["{action}"]"#);
        let two = |first: &str, second: &str| format!(r#"["{first}","{second}"]"#);
        let on = |service: &str, rest: &str| format!("arn:aws:{service}:*:*:{rest}");
        let (sets, instances) = (
            "cloudformation:CreateStackSet",
            "cloudformation:CreateStackInstances",
        );
        let (sandbox, command) = ("codebuild:StartSandbox", "codebuild:StartCommandExecution");
        let (update, version) = (
            "elasticbeanstalk:UpdateEnvironment",
            "elasticbeanstalk:CreateApplicationVersion",
        );
        // Open on everything, and not like this.
        let cases = [
            (two(sets, instances), one(sets), "*".to_owned()),
            (two(sets, instances), one(instances), "*".to_owned()),
            (
                one("cloudformation:UpdateStackSet"),
                one("cloudformation:UpdateStackSet"),
                on("cloudformation", "stackset/app:*"),
            ),
            (
                one("ssm:CreateAssociation"),
                one("ssm:CreateAssociation"),
                on("ec2", "instance/i-0123456789abcdef0"),
            ),
            (
                one("ssm:UpdateAssociation"),
                one("ssm:UpdateAssociationStatus"),
                "*".to_owned(),
            ),
            (
                one("ssm:RegisterTaskWithMaintenanceWindow"),
                one("ssm:RegisterTargetWithMaintenanceWindow"),
                "*".to_owned(),
            ),
            (
                one("codebuild:UpdateProject"),
                one("codebuild:UpdateProject"),
                on("codebuild", "project/site"),
            ),
            (two(sandbox, command), one(sandbox), "*".to_owned()),
            (two(update, version), one(update), "*".to_owned()),
            (
                one("states:UpdateStateMachine"),
                one("states:StartExecution"),
                "*".to_owned(),
            ),
            (one("glue:RunStatement"), one("glue:GetStatement"), "*".to_owned()),
            (
                one("sagemaker:CreatePresignedDomainUrl"),
                one("sagemaker:CreatePresignedDomainUrl"),
                on("sagemaker", "user-profile/d-1/ada"),
            ),
            (
                one("sagemaker:UpdateNotebookInstanceLifecycleConfig"),
                one("sagemaker:UpdateNotebookInstance"),
                "*".to_owned(),
            ),
            (
                one("bedrock-agentcore:InvokeAgentRuntimeCommand"),
                one("bedrock-agentcore:InvokeAgentRuntime"),
                "*".to_owned(),
            ),
            (
                one("iam:CreateServiceSpecificCredential"),
                one("iam:CreateServiceSpecificCredential"),
                "arn:aws:iam::*:user/${aws:username}".to_owned(),
            ),
            (
                one("iam:ResetServiceSpecificCredential"),
                one("iam:ListServiceSpecificCredentials"),
                "*".to_owned(),
            ),
            (
                one("iam:DeleteRolePermissionsBoundary"),
                one("iam:DeleteRolePermissionsBoundary"),
                "arn:aws:iam::*:role/app-*".to_owned(),
            ),
            (
                one("iam:DeleteUserPermissionsBoundary"),
                one("iam:PutUserPermissionsBoundary"),
                "*".to_owned(),
            ),
            (
                two("iam:PassRole", "ecs:StartTask"),
                one("ecs:StartTask"),
                "*".to_owned(),
            ),
            (
                two("iam:PassRole", "states:TestState"),
                one("states:TestState"),
                "*".to_owned(),
            ),
            (
                two("iam:PassRole", "datapipeline:PutPipelineDefinition"),
                one("datapipeline:PutPipelineDefinition"),
                "*".to_owned(),
            ),
        ];
        for (open, closed, resource) in cases {
            assert_eq!(privilege(&[], &[&allow(&open, "*")]), ESCALATION, "{open}");
            let near = judged(&[], &[&allow(&closed, &resource)]);
            assert_eq!(near.0, None, "{closed} on {resource}: {:?}", near.1);
        }
    }

    #[test]
    fn the_policy_of_power_users_is_the_same_written_out() {
        let but = |services: &str| format!(r#"{{"Effect":"Allow","NotAction":[{services}],"Resource":"*"}}"#);
        let written = but(r#""iam:*","Organizations:*","account:*""#);
        let reads = allow(
            r#"["iam:ListRoles","iam:CreateServiceLinkedRole","organizations:DescribeOrganization"]"#,
            "*",
        );
        assert_eq!(
            privilege(&[], &[&written, &reads]),
            privilege(&[POWER], &[&reads])
        );
        assert_eq!(privilege(&[], &[&written]), None);
        // What else comes to it counts, as it does with the managed one; so does what it does not leave out.
        let pass = allow(r#""iam:PassRole""#, "*");
        assert_eq!(judged(&[], &[&written, &pass]), judged(&[POWER], &[&pass]));
        assert_eq!(privilege(&[], &[&written, &pass]), ESCALATION);
        assert_eq!(privilege(&[], &[&but(r#""iam:*","account:*""#)]), ESCALATION);
        assert_eq!(
            privilege(&[], &[&but(r#""iam:Get*","organizations:*","account:*""#)]),
            ADMINISTRATOR
        );
        assert_eq!(
            privilege(&[], &[&allow(r#""ssm:SendCommand""#, "*"), &written]),
            ESCALATION
        );
    }

    #[test]
    fn a_policy_of_the_accounts_can_be_told_by_its_name_alone() {
        let of = |name: &str| {
            let mut set = set(&[], &[]);
            set.customer_managed_policies = [CustomerManagedPolicy {
                path: "/team/".into(),
                name: name.into(),
            }]
            .into();
            judge(&set)
        };
        assert_eq!(of("AdministratorAccess").privilege, ADMINISTRATOR);
        assert_eq!(of("limits").privilege, None);
        assert_eq!(of("limits").not_considered.len(), 1);
    }

    #[test]
    fn passing_a_role_counts_with_compute_that_a_managed_policy_gives() {
        let pass = allow(r#""iam:PassRole""#, "*");
        let (privilege, because) = judged(&[POWER], &[&pass]);
        assert_eq!(privilege, ESCALATION);
        assert!(
            because
                .iter()
                .any(|why| why == "iam:PassRole with ec2:RunInstances"),
            "{because:?}"
        );
        assert!(
            because.iter().all(|why| why.starts_with("iam:PassRole with")),
            "{because:?}"
        );
    }

    #[test]
    fn a_boundary_takes_away_what_it_does_not_allow() {
        let mut bounded = set(&[ADMIN], &[]);
        bounded.permissions_boundary = Some(Boundary::Managed(POWER.into()));
        assert_eq!(judge(&bounded).privilege, None);
        bounded.permissions_boundary = Some(Boundary::Managed(ADMIN.into()));
        assert_eq!(judge(&bounded).privilege, ADMINISTRATOR);
        let own = CustomerManagedPolicy {
            path: "/".into(),
            name: "limits".into(),
        };
        bounded.permissions_boundary = Some(Boundary::CustomerManaged(own));
        let judged = judge(&bounded);
        assert_eq!(judged.privilege, ADMINISTRATOR);
        assert_eq!(
            judged.not_considered,
            ["permissions boundary /limits, which may take some of it away".into()]
        );
    }

    #[test]
    fn conditions_are_said() {
        let mfa = r#"{"Effect":"Allow","Action":"*","Resource":"*","Condition":{"Bool":{"aws:MultiFactorAuthPresent":"true"}}}"#;
        let judged = judge(&set(&[], &[mfa]));
        assert_eq!((judged.privilege, judged.conditional), (ADMINISTRATOR, true));
        assert!(!judge(&set(&[ADMIN], &[mfa])).conditional);
    }

    #[test]
    fn a_policy_with_parts_known_after_apply_is_read_all_the_same() {
        use crate::id::EntityKey;
        use crate::model::text::{Part, Reference, ServiceAttribute};
        let reference = Reference {
            entity: EntityKey::PermissionSet(PermissionSetName::new("x").unwrap()),
            attribute: ServiceAttribute::Arn,
        };
        let before = r#"{"Statement":[{"Effect":"Allow","Action":"iam:PutRolePolicy","Resource":["*",""#;
        let parts = [
            Part::Literal(before.into()),
            Part::Reference(reference),
            Part::Literal(r#""]}]}"#.into()),
        ];
        let mut set = set(&[], &[]);
        set.inline_policy = Some(Text::from_parts(parts));
        assert_eq!(judge(&set).privilege, ESCALATION);
    }
}
