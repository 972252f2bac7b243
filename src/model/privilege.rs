//! What a permission set amounts to: administration, or a way to it.
//!
//! Read from what the set attaches, never from its name. The AWS-managed policies in `KNOWN` are as the AWS managed
//! policy reference has them; the ways to more rights in `WAYS` are those of Rhino Security Labs, "AWS IAM Privilege
//! Escalation – Methods and Mitigation", with passing a role to further compute services, and with what administers
//! IAM Identity Center and AWS Organizations. Policies that live in accounts cannot be read and say nothing.

use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::permission_set::{Boundary, PermissionSet};
use super::policy_document::{Listed, PolicyDocument, StatementEffect};

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

const KNOWN: &[Known] = &[
    known("AdministratorAccess", Some(Privilege::Administrator), &["*"]),
    known("IAMFullAccess", Some(Privilege::Administrator), &["iam:*"]),
    Known {
        all_but: true,
        ..known(
            "PowerUserAccess",
            None,
            &["iam:*", "organizations:*", "account:*"],
        )
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

/// Who may do all of these may write IAM without limit.
const ADMINISTRATION: &[&str] = &[
    "iam:AttachRolePolicy",
    "iam:CreatePolicyVersion",
    "iam:CreateRole",
    "iam:PassRole",
    "iam:PutRolePolicy",
    "iam:UpdateAssumeRolePolicy",
];

/// Ways to more rights: an action, and where it takes another one, which ones will do.
const WAYS: &[(&str, &[&str])] = &[
    ("iam:AddUserToGroup", &[]),
    ("iam:AttachGroupPolicy", &[]),
    ("iam:AttachRolePolicy", &[]),
    ("iam:AttachUserPolicy", &[]),
    ("iam:CreateAccessKey", &[]),
    ("iam:CreateLoginProfile", &[]),
    ("iam:CreatePolicyVersion", &[]),
    ("iam:PutGroupPolicy", &[]),
    ("iam:PutRolePolicy", &[]),
    ("iam:PutUserPolicy", &[]),
    ("iam:SetDefaultPolicyVersion", &[]),
    ("iam:UpdateAssumeRolePolicy", &[]),
    ("iam:UpdateLoginProfile", &[]),
    (
        "iam:PassRole",
        &[
            "ec2:RunInstances",
            "lambda:CreateFunction",
            "cloudformation:CreateStack",
            "codebuild:CreateProject",
            "datapipeline:CreatePipeline",
            "ecs:RegisterTaskDefinition",
            "ecs:RunTask",
            "glue:CreateDevEndpoint",
            "glue:CreateJob",
            "sagemaker:CreateNotebookInstance",
            "sagemaker:CreateTrainingJob",
        ],
    ),
    ("glue:UpdateDevEndpoint", &[]),
    ("lambda:UpdateFunctionCode", &[]),
    ("sts:AssumeRole", &[]),
    ("sso:AttachCustomerManagedPolicyReferenceToPermissionSet", &[]),
    ("sso:AttachManagedPolicyToPermissionSet", &[]),
    ("sso:CreateAccountAssignment", &[]),
    ("sso:DeletePermissionsBoundaryFromPermissionSet", &[]),
    ("sso:PutInlinePolicyToPermissionSet", &[]),
    ("sso-directory:AddMemberToGroup", &[]),
    ("identitystore:CreateGroupMembership", &[]),
    ("organizations:DetachPolicy", &[]),
    ("organizations:DisablePolicyType", &[]),
    ("organizations:MoveAccount", &[]),
    ("organizations:RegisterDelegatedAdministrator", &[]),
    ("organizations:UpdatePolicy", &[]),
];

impl Known {
    fn find(arn: &str) -> Option<&'static Known> {
        let is_managed = arn.split(':').nth(4) == Some("aws");
        let name = arn.rsplit('/').next()?;
        KNOWN.iter().find(|known| is_managed && known.name == name)
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

/// The policies of a set that could be read.
struct Policies {
    inline: Option<PolicyDocument>,
    /// With what each amounts to by itself.
    managed: Vec<(&'static Known, PolicyDocument)>,
    boundary: Option<(&'static Known, PolicyDocument)>,
}

impl Policies {
    /// Whether an action is allowed on all resources of a type: by a statement, with no denial outright of it, and
    /// within the boundary. With `telling`, AWS-managed policies that amount to nothing by themselves do not count.
    fn allow(&self, action: &str, telling: bool) -> Option<Allowed> {
        if self.inline.iter().any(|document| denies(document, action)) {
            return None;
        }
        let within = match &self.boundary {
            // Nothing within it amounts to more than it does.
            Some((known, _)) if telling && known.privilege.is_none() => return None,
            Some((_, boundary)) => allows(boundary, action)?,
            None => Allowed::Outright,
        };
        let managed = self.managed.iter();
        let managed = managed.filter(|(known, _)| !telling || known.privilege.is_some());
        let documents = self.inline.iter().chain(managed.map(|(_, document)| document));
        let best = documents.filter_map(|document| allows(document, action)).max()?;
        Some(best.min(within))
    }

    fn administration(&self) -> Option<Allowed> {
        let each = ADMINISTRATION.iter().map(|action| self.allow(action, false));
        each.collect::<Option<Vec<_>>>()?.into_iter().min()
    }

    /// The ways to more rights, each with how surely it is open.
    fn ways(&self) -> Vec<(Arc<str>, Allowed)> {
        let mut open = Vec::new();
        for (action, with) in WAYS {
            let Some(first) = self.allow(action, false) else {
                continue;
            };
            let first_tells = self.allow(action, true).is_some();
            if with.is_empty() && first_tells {
                open.push((Arc::from(*action), first));
            }
            let second = with
                .iter()
                .filter(|other| first_tells || self.allow(other, true).is_some());
            let second = second.filter_map(|other| Some((other, self.allow(other, false)?)));
            for (other, allowed) in second {
                open.push((format!("{action} with {other}").into(), first.min(allowed)));
            }
        }
        open
    }
}

fn allows(document: &PolicyDocument, action: &str) -> Option<Allowed> {
    let statements = document.statements.iter();
    let telling =
        statements.filter(|s| s.effect == StatementEffect::Allow && s.is_broad() && s.covers(action));
    telling
        .map(|statement| match statement.conditional {
            true => Allowed::Conditionally,
            false => Allowed::Outright,
        })
        .max()
}

fn denies(document: &PolicyDocument, action: &str) -> bool {
    let mut statements = document.statements.iter();
    statements
        .any(|s| s.effect == StatementEffect::Deny && !s.conditional && s.is_total() && s.covers(action))
}

/// Judges a permission set by what it attaches.
pub fn judge(set: &PermissionSet) -> Judged {
    let mut judged = Judged::default();
    let policies = read(set, &mut judged.not_considered);
    let mut found: Vec<(Arc<str>, Allowed)> = Vec::new();
    if let Some(allowed) = policies.administration() {
        judged.privilege = Some(Privilege::Administrator);
        let by_name = policies
            .managed
            .iter()
            .filter(|(known, _)| known.privilege == Some(Privilege::Administrator));
        found.extend(by_name.map(|(known, _)| (Arc::from(known.name), allowed)));
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
            Some(known) => managed.push((known, known.document())),
            None => not_considered.push(format!("{arn}, whose content is not known here").into()),
        }
    }
    for policy in &set.customer_managed_policies {
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
            of(r#""sts:Assume*""#),
            (ESCALATION, vec!["sts:AssumeRole".to_owned()])
        );
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
