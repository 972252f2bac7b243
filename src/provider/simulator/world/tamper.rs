//! Changes of the world that nobody planned: what a person does in the console, a directory, AWS itself.
//!
//! A [`Tamper`] has a text form, one line of words, which reads back to the same value. It happens at once, calls no
//! operation and leaves no trace in the call log.

use std::fmt;
use std::time::Duration;

use super::call::Operation;
use super::error::ServiceError;
use super::identity_store::PrincipalKind;

mod change;
mod reason;
mod words;

/// A change behind the planner's back. Accounts are named by id, name or e-mail address.
#[derive(Debug, Clone, PartialEq, Eq)]
#[allow(missing_docs, reason = "the fields say what the variant's sentence says")]
pub enum Tamper {
    /// Someone assigns a permission set.
    Assign {
        set: String,
        account: String,
        principal: Who,
    },
    /// Someone removes an assignment.
    Unassign {
        set: String,
        account: String,
        principal: Who,
    },
    /// Someone creates a permission set that nobody declared.
    CreateSet { set: String },
    /// Someone edits a field; no value removes it.
    EditSet {
        set: String,
        field: SetField,
        value: Option<String>,
    },
    /// Someone attaches an AWS-managed policy to a permission set.
    AttachPolicy { set: String, policy: String },
    /// Someone detaches an AWS-managed policy from a permission set.
    DetachPolicy { set: String, policy: String },
    /// Someone removes a permission set, and every assignment of it first.
    DeleteSet { set: String },
    /// Someone creates a group.
    CreateGroup { group: String },
    /// Someone deletes a group; its assignments stay, for nobody.
    DeleteGroup { group: String },
    /// Someone deletes a group and creates another with its name, which has another id and no members.
    RecreateGroup { group: String },
    /// Someone renames a group.
    RenameGroup { group: String, name: String },
    /// Someone adds a user to a group.
    AddMember { group: String, user: String },
    /// Someone removes a user from a group.
    RemoveMember { group: String, user: String },
    /// Someone creates a user.
    CreateUser { user: String },
    /// Someone deletes a user; its memberships go, its assignments stay.
    DeleteUser { user: String },
    /// Someone moves an account to another unit, by path; the empty path is the root.
    MoveAccount { account: String, unit: String },
    /// Someone sets a tag of an account; no value removes it.
    TagAccount {
        account: String,
        key: String,
        value: Option<String>,
    },
    /// An account is suspended.
    SuspendAccount { account: String },
    /// Someone deletes a provisioned role in an account.
    DeleteRole { set: String, account: String },
    /// Someone edits a provisioned role in an account.
    EditRole {
        set: String,
        account: String,
        attach: Option<String>,
        detach: Option<String>,
        inline_policy: Option<String>,
    },
    /// Someone deletes IAM Identity Center's SAML provider in an account.
    DeleteSamlProvider { account: String },
    /// AWS edits one of its managed policies, which makes the roles that have it stale.
    EditManagedPolicy { policy: String },
    /// Someone creates a customer-managed policy in an account.
    AddPolicy {
        account: String,
        name: String,
        path: String,
    },
    /// Someone removes a customer-managed policy from an account.
    RemovePolicy {
        account: String,
        name: String,
        path: String,
    },
    /// Time passes.
    Advance { by: Duration },
    /// The next requests of an operation fail with a reason. `CODE: message` is answered at once; any other
    /// reason fails an asynchronous request in the end, and another one with an `InternalServerException`.
    Fail {
        operation: Operation,
        count: u32,
        reason: String,
    },
}

/// A user or a group, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Who {
    /// Which of the two; `None` when the name has only one of them.
    pub kind: Option<PrincipalKind>,
    /// User name or display name.
    pub name: String,
}

/// A field of a permission set that can be edited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SetField {
    /// `description`
    Description,
    /// `session-duration`
    SessionDuration,
    /// `relay-state`
    RelayState,
    /// `inline-policy`
    InlinePolicy,
}

/// Each command: how it is written, and what it does.
pub const COMMANDS: &[(&str, &str)] = &[
    (
        "assign SET ACCOUNT PRINCIPAL",
        "someone assigns a permission set; PRINCIPAL is group:NAME or user:NAME",
    ),
    ("unassign SET ACCOUNT PRINCIPAL", "someone removes an assignment"),
    (
        "create-set SET",
        "someone creates a permission set that nobody declared",
    ),
    (
        "edit-set SET FIELD [VALUE]",
        "someone edits description, session-duration, relay-state or inline-policy; without a value removes it",
    ),
    (
        "attach-policy SET POLICY_ARN",
        "someone attaches an AWS-managed policy to a permission set",
    ),
    ("detach-policy SET POLICY_ARN", "someone detaches it"),
    (
        "delete-set SET",
        "someone removes a permission set, and every assignment of it first",
    ),
    ("create-group GROUP", "someone creates a group"),
    (
        "delete-group GROUP",
        "someone deletes a group; its assignments stay, for nobody",
    ),
    (
        "recreate-group GROUP",
        "someone deletes a group and creates another of that name, with another id",
    ),
    ("rename-group GROUP NAME", "someone renames a group"),
    ("add-member GROUP USER", "someone adds a user to a group"),
    ("remove-member GROUP USER", "someone removes a user from a group"),
    ("create-user USER", "someone creates a user"),
    (
        "delete-user USER",
        "someone deletes a user; its assignments stay, for nobody",
    ),
    (
        "move-account ACCOUNT OU_PATH",
        "someone moves an account; the path is written Workloads/Prod, or / for the root",
    ),
    (
        "tag-account ACCOUNT KEY[=VALUE]",
        "someone sets a tag, or removes it when no value is given",
    ),
    ("suspend-account ACCOUNT", "the account is suspended"),
    (
        "delete-role SET ACCOUNT",
        "someone deletes the provisioned role in the account",
    ),
    (
        "edit-role SET ACCOUNT attach|detach|inline VALUE",
        "someone edits the provisioned role in the account",
    ),
    (
        "delete-saml-provider ACCOUNT",
        "someone deletes the SAML provider in the account",
    ),
    (
        "edit-managed-policy POLICY_ARN",
        "AWS edits one of its managed policies; roles that have it are stale",
    ),
    (
        "add-policy ACCOUNT NAME [PATH]",
        "someone creates a customer-managed policy in the account",
    ),
    (
        "remove-policy ACCOUNT NAME [PATH]",
        "someone removes a customer-managed policy from the account",
    ),
    ("advance DURATION", "time passes: 90s, 5m, 2h, 3d"),
    (
        "fail OPERATION COUNT REASON",
        "the operation's next requests fail; REASON is an error code (AccessDenied, Throttling), a code with a message, \
         or for a request that ends later the sentence it fails with",
    ),
];

/// Why a change could not be understood or made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TamperError {
    /// The words are no command.
    #[error("`{given}` is no change the simulator knows; one is written: {expected}")]
    Unknown {
        /// The first word given.
        given: String,
        /// The commands there are.
        expected: String,
    },
    /// The command has other words.
    #[error("this command is written: {0}")]
    Usage(&'static str),
    /// A word has a form it cannot have.
    #[error("`{given}` is not {wanted}")]
    Word {
        /// The word.
        given: String,
        /// What it should be.
        wanted: &'static str,
    },
    /// A word is none of those it can be.
    #[error("`{given}` is no {what}; there are: {choices}")]
    Choice {
        /// The word.
        given: String,
        /// What it should be one of.
        what: &'static str,
        /// What there is.
        choices: String,
    },
    /// Something named does not exist.
    #[error("the simulated world has no {what} `{name}`")]
    Missing {
        /// What.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// The service would not allow even this.
    #[error("the simulated world refuses: {0}")]
    Refused(#[from] ServiceError),
}

impl fmt::Display for Who {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.kind {
            Some(PrincipalKind::Group) => write!(f, "group:{}", self.name),
            Some(PrincipalKind::User) => write!(f, "user:{}", self.name),
            None => f.write_str(&self.name),
        }
    }
}

impl Who {
    fn parse(text: &str) -> Self {
        let named = |kind, name: &str| Who {
            kind,
            name: name.to_owned(),
        };
        if let Some(name) = text.strip_prefix("group:") {
            named(Some(PrincipalKind::Group), name)
        } else if let Some(name) = text.strip_prefix("user:") {
            named(Some(PrincipalKind::User), name)
        } else {
            named(None, text)
        }
    }
}

impl SetField {
    const ALL: [(&'static str, SetField); 4] = [
        ("description", SetField::Description),
        ("session-duration", SetField::SessionDuration),
        ("relay-state", SetField::RelayState),
        ("inline-policy", SetField::InlinePolicy),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(_, field)| *field == self)
            .map_or("", |(name, _)| name)
    }
}

impl Tamper {
    /// Reads a change from its words, as a shell has split them.
    ///
    /// # Errors
    /// When they are no command, or a command's words are missing or of the wrong form.
    pub fn parse<S: AsRef<str>>(words: &[S]) -> Result<Self, TamperError> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let (command, rest) = words.split_first().unwrap_or((&"", &[]));
        let usage = COMMANDS
            .iter()
            .map(|(usage, _)| *usage)
            .find(|usage| usage.split(' ').next() == Some(*command));
        let Some(usage) = usage else {
            let names: Vec<&str> = COMMANDS
                .iter()
                .filter_map(|(usage, _)| usage.split(' ').next())
                .collect();
            return Err(TamperError::Unknown {
                given: (*command).to_owned(),
                expected: names.join(", "),
            });
        };
        let parsed = Self::about_access(command, rest)?;
        let parsed = parsed.map_or_else(|| Self::about_people(command, rest), |found| Ok(Some(found)))?;
        let parsed = parsed.map_or_else(|| Self::about_accounts(command, rest), |found| Ok(Some(found)))?;
        parsed.ok_or(TamperError::Usage(usage))
    }

    fn about_access(command: &str, rest: &[&str]) -> Result<Option<Self>, TamperError> {
        let own = |text: &str| text.to_owned();
        Ok(Some(match (command, rest) {
            ("assign", [set, account, who]) => Tamper::Assign {
                set: own(set),
                account: own(account),
                principal: Who::parse(who),
            },
            ("unassign", [set, account, who]) => Tamper::Unassign {
                set: own(set),
                account: own(account),
                principal: Who::parse(who),
            },
            ("create-set", [set]) => Tamper::CreateSet { set: own(set) },
            ("edit-set", [set, field, value @ ..]) if value.len() <= 1 => {
                let known = SetField::ALL.iter().find(|(name, _)| name == field);
                let wanted = "description, session-duration, relay-state or inline-policy";
                let (_, field) = known.ok_or(TamperError::Word {
                    given: own(field),
                    wanted,
                })?;
                Tamper::EditSet {
                    set: own(set),
                    field: *field,
                    value: value.first().map(|v| own(v)),
                }
            }
            ("attach-policy", [set, policy]) => Tamper::AttachPolicy {
                set: own(set),
                policy: own(policy),
            },
            ("detach-policy", [set, policy]) => Tamper::DetachPolicy {
                set: own(set),
                policy: own(policy),
            },
            ("delete-set", [set]) => Tamper::DeleteSet { set: own(set) },
            ("delete-role", [set, account]) => Tamper::DeleteRole {
                set: own(set),
                account: own(account),
            },
            ("edit-role", [set, account, what @ ("attach" | "detach" | "inline"), value]) => {
                let given = |name: &str| (*what == name).then(|| own(value));
                Tamper::EditRole {
                    set: own(set),
                    account: own(account),
                    attach: given("attach"),
                    detach: given("detach"),
                    inline_policy: given("inline"),
                }
            }
            ("edit-managed-policy", [policy]) => Tamper::EditManagedPolicy { policy: own(policy) },
            _ => return Ok(None),
        }))
    }

    fn about_people(command: &str, rest: &[&str]) -> Result<Option<Self>, TamperError> {
        let own = |text: &str| text.to_owned();
        Ok(Some(match (command, rest) {
            ("create-group", [group]) => Tamper::CreateGroup { group: own(group) },
            ("delete-group", [group]) => Tamper::DeleteGroup { group: own(group) },
            ("recreate-group", [group]) => Tamper::RecreateGroup { group: own(group) },
            ("rename-group", [group, name]) => Tamper::RenameGroup {
                group: own(group),
                name: own(name),
            },
            ("add-member", [group, user]) => Tamper::AddMember {
                group: own(group),
                user: own(user),
            },
            ("remove-member", [group, user]) => Tamper::RemoveMember {
                group: own(group),
                user: own(user),
            },
            ("create-user", [user]) => Tamper::CreateUser { user: own(user) },
            ("delete-user", [user]) => Tamper::DeleteUser { user: own(user) },
            _ => return Ok(None),
        }))
    }

    fn about_accounts(command: &str, rest: &[&str]) -> Result<Option<Self>, TamperError> {
        let own = |text: &str| text.to_owned();
        Ok(Some(match (command, rest) {
            ("move-account", [account, unit]) => Tamper::MoveAccount {
                account: own(account),
                unit: own(unit.trim_matches('/')),
            },
            ("tag-account", [account, tag]) => {
                let (key, value) = tag
                    .split_once('=')
                    .map_or((*tag, None), |(k, v)| (k, Some(own(v))));
                Tamper::TagAccount {
                    account: own(account),
                    key: own(key),
                    value,
                }
            }
            ("suspend-account", [account]) => Tamper::SuspendAccount {
                account: own(account),
            },
            ("delete-saml-provider", [account]) => Tamper::DeleteSamlProvider {
                account: own(account),
            },
            ("add-policy" | "remove-policy", [account, name, path @ ..]) if path.len() <= 1 => {
                let (account, name) = (own(account), own(name));
                let path = own(path.first().unwrap_or(&"/"));
                match command {
                    "add-policy" => Tamper::AddPolicy { account, name, path },
                    _ => Tamper::RemovePolicy { account, name, path },
                }
            }
            ("advance", [by]) => Tamper::Advance {
                by: parse_duration(by)?,
            },
            ("fail", [operation, count, reason @ ..]) if !reason.is_empty() => {
                let word = |given: &str, wanted| TamperError::Word {
                    given: own(given),
                    wanted,
                };
                let operation = reason::operation(operation)?;
                Tamper::Fail {
                    operation,
                    count: count.parse().map_err(|_| word(count, "a number of requests"))?,
                    reason: reason::reason(operation, &reason.join(" "))?,
                }
            }
            _ => return Ok(None),
        }))
    }
}

fn parse_duration(text: &str) -> Result<Duration, TamperError> {
    let total = match text.strip_suffix("ms") {
        Some(digits) => digits.parse::<u64>().ok().map(Duration::from_millis),
        None => crate::model::duration::parse(text).map(Duration::from_secs),
    };
    total.ok_or(TamperError::Word {
        given: text.to_owned(),
        wanted: "a duration like 90s, 5m, 2h or 3d",
    })
}

#[cfg(test)]
mod tests {
    use super::super::World;
    use super::super::call::Page;
    use super::super::error::ErrorCode;
    use super::super::organization::AccountState;
    use super::super::provisioning::ProvisioningStatus;
    use super::super::request::Status;
    use super::super::tests::{Stage, stage};
    use super::*;

    type Done = Result<(), TamperError>;

    const A: &str = "111122223333";

    fn perform(world: &mut World, text: &str) -> Done {
        let change: Tamper = text.parse()?;
        world.tamper(&change)
    }

    #[test]
    fn every_command_reads_back_to_itself() {
        let lines = [
            "assign admin 111122223333 group:ops",
            "unassign admin payments-prod ada@example.com",
            "create-set surprise",
            "edit-set admin description 'it'\\''s edited'",
            "edit-set admin relay-state",
            "attach-policy admin arn:aws:iam::aws:policy/ReadOnlyAccess",
            "detach-policy admin arn:aws:iam::aws:policy/ReadOnlyAccess",
            "delete-set admin",
            "create-group 'Two Words'",
            "delete-group ops",
            "recreate-group ops",
            "rename-group ops 'new name'",
            "add-member ops ada",
            "remove-member ops ada",
            "create-user grace",
            "delete-user ada",
            "move-account 111122223333 Workloads/Prod",
            "move-account 111122223333 /",
            "tag-account 111122223333 env=prod",
            "tag-account 111122223333 env",
            "suspend-account 111122223333",
            "delete-role admin 111122223333",
            "edit-role admin 111122223333 attach arn:aws:iam::aws:policy/ReadOnlyAccess",
            "delete-saml-provider 111122223333",
            "edit-managed-policy arn:aws:iam::aws:policy/ReadOnlyAccess",
            "add-policy 111122223333 audit /team/",
            "remove-policy 111122223333 audit /",
            "advance 90000ms",
            "fail sso:CreateAccountAssignment 3 'An unexpected internal service exception was encountered'",
        ];
        for line in lines {
            let change: Tamper = line.parse().unwrap();
            assert_eq!(change.to_string(), line);
        }
        let commands: Vec<&str> = COMMANDS
            .iter()
            .map(|(usage, _)| usage.split(' ').next().unwrap())
            .collect();
        for command in &commands {
            assert!(
                lines.iter().any(|line| line.split(' ').next() == Some(*command)),
                "{command} is not tried"
            );
        }
    }

    #[test]
    fn what_is_no_command_says_how_one_is_written() {
        let error = "grant x".parse::<Tamper>().unwrap_err().to_string();
        assert!(error.contains("`grant`") && error.contains("assign"));
        let error = "assign admin".parse::<Tamper>().unwrap_err().to_string();
        assert_eq!(error, "this command is written: assign SET ACCOUNT PRINCIPAL");
        assert!(
            "advance soon"
                .parse::<Tamper>()
                .unwrap_err()
                .to_string()
                .contains("90s")
        );
        assert!(
            "edit-set admin name x"
                .parse::<Tamper>()
                .unwrap_err()
                .to_string()
                .contains("inline-policy")
        );
        let refused = |text: &str| text.parse::<Tamper>().unwrap_err().to_string();
        assert!(refused("fail Everything 1 AccessDenied").contains("ListAccountAssignments"));
        assert!(refused("fail ListUsers 1 Boom").contains("ThrottlingException"));
        assert!(
            refused("fail ListUsers 1 it just fails").contains("AccessDeniedException"),
            "a call that ends at once fails with a code"
        );
        assert!(refused("fail CreateAccountAssignment 1 Boom").contains("ThrottlingException"));
        assert!(
            "fail CreateAccountAssignment 1 it just fails"
                .parse::<Tamper>()
                .is_ok()
        );
        assert!("".parse::<Tamper>().is_err());
        assert_eq!(
            "advance 2h".parse::<Tamper>().unwrap(),
            Tamper::Advance {
                by: Duration::from_secs(7_200)
            }
        );
    }

    #[test]
    fn assignments_come_and_go_without_a_call() {
        let Stage { mut world, .. } = stage();
        let calls = world.calls().total();
        perform(&mut world, "assign admin a0 group:ops").unwrap();
        perform(&mut world, "assign admin 111122223333 ada").unwrap();
        let at = world.organization().account_by_id(A).unwrap();
        assert_eq!(world.access().pairs(at)[0].principals().len(), 2);
        perform(&mut world, "unassign admin a0@example.com ops").unwrap();
        perform(&mut world, "unassign admin a0 ada").unwrap();
        assert!(world.access().pairs(at).is_empty());
        assert_eq!(world.calls().total(), calls);
        assert!(perform(&mut world, "unassign admin a0 ada").is_err());
        assert!(
            perform(&mut world, "assign admin a0 nobody")
                .unwrap_err()
                .to_string()
                .contains("`nobody`")
        );
        assert!(perform(&mut world, "assign admin nowhere ada").is_err());
    }

    #[test]
    fn a_recreated_group_has_another_id_and_its_old_assignments_are_nobodys() {
        let mut stage = stage();
        stage.grant(A);
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage;
        perform(&mut world, "recreate-group ops").unwrap();
        let now = world
            .identity_store()
            .by_name(PrincipalKind::Group, "ops")
            .unwrap();
        assert_ne!(world.principal_id(now).unwrap(), group);
        let listed = world
            .list_account_assignments(A, &set, &Page::default())
            .unwrap()
            .items;
        assert_eq!(listed[0].principal_id, group);
    }

    #[test]
    fn editing_a_set_in_the_console_makes_its_roles_stale() {
        let mut stage = stage();
        stage.grant(A);
        let Stage { mut world, set, .. } = stage;
        perform(&mut world, "edit-set admin session-duration PT8H").unwrap();
        assert_eq!(
            world.describe_permission_set(&set).unwrap().session_duration,
            "PT8H"
        );
        let stale = Some(ProvisioningStatus::NotLatest);
        let listed = world
            .list_accounts_for_provisioned_permission_set(&set, stale, &Page::default())
            .unwrap();
        assert_eq!(listed.items, [A]);
        assert!(perform(&mut world, "edit-set admin session-duration PT30M").is_err());
        assert!(perform(&mut world, "edit-set admin session-duration").is_err());
    }

    #[test]
    fn aws_edits_a_managed_policy_and_the_roles_that_have_it_are_stale() {
        let mut stage = stage();
        let policy = "arn:aws:iam::aws:policy/ReadOnlyAccess";
        stage.world.attach_managed_policy(&stage.set, policy).unwrap();
        stage.grant(A);
        let Stage { mut world, set, .. } = stage;
        perform(&mut world, &format!("edit-managed-policy {policy}")).unwrap();
        let stale = Some(ProvisioningStatus::NotLatest);
        let listed = world
            .list_accounts_for_provisioned_permission_set(&set, stale, &Page::default())
            .unwrap();
        assert_eq!(listed.items, [A]);
        assert!(perform(&mut world, "edit-managed-policy arn:aws:iam::aws:policy/Unused").is_err());
    }

    #[test]
    fn a_set_is_removed_with_its_assignments() {
        let mut stage = stage();
        stage.grant(A);
        let Stage { mut world, set, .. } = stage;
        perform(&mut world, "delete-set admin").unwrap();
        assert_eq!(
            world.describe_permission_set(&set).unwrap_err().code,
            ErrorCode::ResourceNotFoundException
        );
        assert!(world.list_roles(A, "/aws-reserved/").unwrap().is_empty());
    }

    #[test]
    fn people_and_accounts_change() {
        let Stage { mut world, .. } = stage();
        for line in [
            "create-user grace",
            "add-member ops grace",
            "add-member ops ada",
            "remove-member ops grace",
            "rename-group ops 'the ops'",
        ] {
            perform(&mut world, line).unwrap();
        }
        let group = world
            .identity_store()
            .by_name(PrincipalKind::Group, "the ops")
            .unwrap();
        let names: Vec<_> = world
            .identity_store()
            .members(group)
            .map(|at| world.identity_store().principal(at).unwrap().name().to_owned())
            .collect();
        assert_eq!(names, ["ada"]);
        perform(&mut world, "delete-user ada").unwrap();
        assert_eq!(world.identity_store().members(group).count(), 0);
        world.ensure_unit("Suspended").unwrap();
        perform(&mut world, "move-account a0 Suspended").unwrap();
        perform(&mut world, "tag-account a0 env=prod").unwrap();
        perform(&mut world, "suspend-account a0").unwrap();
        let at = world.organization().account_by_id(A).unwrap();
        let account = world.organization().account(at).unwrap();
        assert_eq!(world.organization().path(account.parent), "Suspended");
        assert_eq!(
            (account.tags["env"].as_str(), account.state),
            ("prod", AccountState::Suspended)
        );
    }

    #[test]
    fn requests_fail_as_often_as_told_at_once_or_in_the_end() {
        let Stage {
            mut world,
            set,
            group,
            ..
        } = stage();
        let text = "An unexpected internal service exception was encountered";
        perform(&mut world, &format!("fail CreateAccountAssignment 1 {text}")).unwrap();
        let who = (PrincipalKind::Group, group.as_str());
        let one = world.create_account_assignment(A, &set, who).unwrap();
        let two = world
            .create_account_assignment("222233334444", &set, who)
            .unwrap();
        world.settle();
        let one = world
            .describe_account_assignment_creation_status(&one.request_id)
            .unwrap();
        assert_eq!(
            (one.status, one.failure_reason.as_deref()),
            (Status::Failed, Some(text))
        );
        let two = world
            .describe_account_assignment_creation_status(&two.request_id)
            .unwrap();
        assert_eq!(two.status, Status::Succeeded);
        perform(
            &mut world,
            "fail CreateAccountAssignment 2 ConflictException: try again",
        )
        .unwrap();
        for _ in 0..2 {
            let error = world.create_account_assignment(A, &set, who).unwrap_err();
            assert_eq!(error.to_string(), "ConflictException: try again");
        }
        world.create_account_assignment(A, &set, who).unwrap();
        perform(
            &mut world,
            "fail ListPermissionSets 1 'InternalServerException: boom'",
        )
        .unwrap();
        let error = world.list_permission_sets(&Page::default()).unwrap_err();
        assert_eq!(error.to_string(), "InternalServerException: boom");
        perform(&mut world, "fail ListPermissionSets 1 AccessDenied").unwrap();
        let error = world.list_permission_sets(&Page::default()).unwrap_err();
        assert_eq!(error.code, ErrorCode::AccessDeniedException);
        assert!(world.list_permission_sets(&Page::default()).is_ok());
    }
}
