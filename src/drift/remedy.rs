//! What resolves a finding: a sentence, and the command where there is one.

use crate::id::{EntityKey, GroupName, PrincipalKey, UserName};
use crate::model::instance::Observed;
use crate::model::stack::Unmanaged;

use super::{Cause, DriftItem, Subject};

/// What to do.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Remedy {
    /// For people.
    pub text: String,
    /// A command line that does it, or shows more.
    pub command: Option<String>,
}

/// A command names at most so many accounts or people, and says how many more there are.
const MOST_NAMES: usize = 20;

/// What remedies depend on besides the finding.
pub struct Around<'a> {
    /// The provider's name.
    pub provider: &'a str,
    /// What the stack does about what nobody declared.
    pub unmanaged: Unmanaged,
    /// Whether it says what it is responsible for.
    pub has_scope: bool,
    /// What was read.
    pub observed: &'a Observed,
    /// How a command of rolecall begins where this one was started: `rolecall `, `rolecall -C DIR `.
    pub start: &'a str,
    /// How one of the AWS CLI begins, with the Region and profile that the provider block names: `aws `,
    /// `aws --region eu-west-1 `.
    pub aws: &'a str,
}

impl Around<'_> {
    /// What resolves a finding.
    pub fn remedy(&self, item: &DriftItem) -> Remedy {
        let remedy = self.remedy_of(item);
        let start = |command: String| command.replace("rolecall ", self.start);
        Remedy {
            text: remedy.text.replace("`rolecall ", &format!("`{}", self.start)),
            command: remedy
                .command
                .map(start)
                .map(|command| self.with_options(&command)),
        }
    }

    /// A command line in which every call of the AWS CLI goes where the provider block says.
    fn with_options(&self, command: &str) -> String {
        ["sso-admin", "identitystore"]
            .iter()
            .fold(command.to_owned(), |command, service| {
                command.replace(&format!("aws {service} "), &format!("{}{service} ", self.aws))
            })
    }

    fn remedy_of(&self, item: &DriftItem) -> Remedy {
        match item.cause {
            Cause::Rebound => rebound(item),
            Cause::UnmanagedMembership => self.membership(item),
            Cause::Unmanaged => self.unmanaged(item),
            Cause::Orphaned if self.removes() => with(
                "`rolecall apply` takes it away, as unmanaged access is removed here",
                "rolecall apply",
            ),
            // What a block of this stack granted is the stack's to take away.
            Cause::Orphaned if !item.addresses.is_empty() => with(
                "`rolecall apply` takes it away, as this stack granted it",
                "rolecall apply",
            ),
            Cause::Orphaned => Remedy {
                text: "take it away in the service, or let `unmanaged = \"remove\"` within a scope do it"
                    .to_owned(),
                command: self.unassign(item),
            },
            Cause::Overdue => with(
                "`rolecall apply --only expired` removes it, unless a `protect` block keeps it",
                "rolecall apply --only expired",
            ),
            Cause::Missing => missing(item),
            Cause::Renamed => renamed(item),
            Cause::Changed if item.half_made => with(
                "the last run left it half made: `rolecall apply` goes on with it",
                "rolecall apply",
            ),
            Cause::Changed => with(
                "`rolecall apply` restores what is declared; or declare what is there",
                "rolecall apply",
            ),
            Cause::AccountMoved if item.declared => with(
                "correct `name`, `ou` and `tags` of the account's block, or give the account back what it had (`manage = \
                 true` does for unit and tags); `rolecall plan` shows what selectors make of it",
                "rolecall plan",
            ),
            Cause::AccountMoved => with("`rolecall plan` shows what selectors make of it", "rolecall plan"),
            Cause::AccountSuspended => plain(
                "reopen the account, or take it out of the selection; until then nothing is granted or revoked there. Once an \
                 apply or `observe` has recorded that, it is a finding only where access there is not as declared",
            ),
            Cause::StaleProvisioning | Cause::RoleMissing | Cause::RoleTampered => self.provision(item),
            Cause::SamlProviderMissing if item.declared => with(
                "nobody gets into the account: `rolecall apply` provisions a permission set there again, which makes \
                 the provider anew",
                "rolecall apply",
            ),
            Cause::SamlProviderMissing => Remedy {
                text:
                    "nobody gets into the account: provision any permission set there again, which makes the \
                       provider anew"
                        .to_owned(),
                command: self.provision_anything(item),
            },
            Cause::PolicyMissing => self.policy(item),
            Cause::QuotaNear => plain(
                "ask AWS for a higher quota where it can be raised (Service Quotas console), or remove what is not used",
            ),
        }
    }

    fn removes(&self) -> bool {
        self.unmanaged == Unmanaged::Remove && self.has_scope
    }

    fn membership(&self, item: &DriftItem) -> Remedy {
        let Subject::Members { group, users } = &item.subject else {
            return Remedy::default();
        };
        // By the name that it has now, which another group may have had.
        let now = item
            .now_called
            .as_deref()
            .and_then(|now| GroupName::new(now).ok());
        let group = now.as_ref().unwrap_or(group);
        let command = match self.provider {
            "simulator" => {
                let users = users.iter().map(|user| shell(user.as_str())).collect();
                let group = shell(group.as_str());
                looped(users, "user", |user| {
                    format!("rolecall sim do remove-member {group} {user}")
                })
            }
            _ => self.leave(group, users),
        };
        Remedy {
            text: format!(
                "declare them in `members`, or take them out by hand (IAM Identity Center console, Groups, {group}, \
                 Users): rolecall never ends a membership that it did not make"
            ),
            command,
        }
    }

    fn unmanaged(&self, item: &DriftItem) -> Remedy {
        match &item.subject {
            Subject::Grants { .. } if self.removes() => with(
                "`rolecall apply` takes it away, as `unmanaged = \"remove\"` says; declare or ignore what is to stay",
                "rolecall apply",
            ),
            Subject::Grants { .. } => Remedy {
                text:
                    "declare it, ignore it, or take it away in the service (IAM Identity Center console, AWS \
                       accounts)"
                        .to_owned(),
                command: self.unassign(item),
            },
            Subject::Entity { key, .. } => self.unmanaged_entity(key),
            _ => Remedy::default(),
        }
    }

    /// What the service has that no block declares: the lines that take it in or leave it out, and how it is deleted.
    fn unmanaged_entity(&self, key: &EntityKey) -> Remedy {
        let snapshot = &self.observed.snapshot;
        let store = &self.observed.instance.identity_store;
        let instance = &self.observed.instance.arn;
        let (block, attribute, list, name, kind, call) = match key {
            EntityKey::PermissionSet(name) => {
                let arn = snapshot
                    .permission_sets
                    .get(name)
                    .and_then(|set| set.value.arn.as_ref());
                let call = arn.map(|arn| {
                    format!(
                        "sso-admin delete-permission-set --instance-arn {instance} --permission-set-arn {arn}"
                    )
                });
                (
                    "permission_set",
                    "name",
                    "permission_sets",
                    name.as_str(),
                    "set",
                    call,
                )
            }
            EntityKey::Group(name) => {
                let id = snapshot
                    .groups
                    .get(name)
                    .and_then(|group| group.value.id.as_ref());
                let call = id.map(|id| {
                    format!("identitystore delete-group --identity-store-id {store} --group-id {id}")
                });
                (
                    "group",
                    "display_name",
                    "principals",
                    name.as_str(),
                    "group",
                    call,
                )
            }
            EntityKey::User(name) => {
                let id = snapshot.users.get(name).and_then(|user| user.value.id.as_ref());
                let call = id.map(|id| {
                    format!("identitystore delete-user --identity-store-id {store} --user-id {id}")
                });
                ("user", "user_name", "principals", name.as_str(), "user", call)
            }
            _ => {
                return plain(
                    "declare it, ignore it, or delete it in the service: rolecall never deletes what others made",
                );
            }
        };
        let command = match self.provider {
            "simulator" => Some(format!("rolecall sim do delete-{kind} {}", shell(name))),
            _ => call.map(|call| format!("aws {call}")),
        };
        let text = quote(name);
        Remedy {
            text: format!(
                "declare it (a `{block}` block with `{attribute} = {text}`; `rolecall import --out DIR` writes what it \
                 holds), ignore it (`ignore \"others\" {{ {list} = [{text}] }}`), or delete it in the service: rolecall never \
                 deletes what others made"
            ),
            command,
        }
    }

    /// How memberships end in the service.
    fn leave(&self, group: &GroupName, users: &[UserName]) -> Option<String> {
        let snapshot = &self.observed.snapshot;
        let group = snapshot.groups.get(group)?.value.id.clone()?;
        let id = |user: &UserName| Some(snapshot.users.get(user)?.value.id.as_ref()?.to_string());
        let users: Vec<String> = users.iter().map(id).collect::<Option<_>>()?;
        let store = &self.observed.instance.identity_store;
        looped(users, "user", |user| {
            format!(
                "aws identitystore delete-group-membership --identity-store-id {store} --membership-id $(aws \
                 identitystore get-group-membership-id --identity-store-id {store} --group-id {group} \
                 --member-id UserId={user} --query MembershipId --output text)"
            )
        })
    }

    /// A customer-managed policy that is gone from accounts.
    fn policy(&self, item: &DriftItem) -> Remedy {
        let Subject::Policy { policy, accounts, .. } = &item.subject else {
            return Remedy::default();
        };
        let (path, name) = match policy.rsplit_once('/') {
            Some((path, name)) => (format!("{path}/"), name),
            None => ("/".to_owned(), policy.as_ref()),
        };
        let command = match (self.provider, accounts.as_slice()) {
            ("simulator", _) => {
                let accounts = accounts.iter().map(ToString::to_string).collect();
                let path = if path == "/" {
                    String::new()
                } else {
                    format!(" {}", shell(&path))
                };
                looped(accounts, "account", |account| {
                    format!("rolecall sim do add-policy {account} {}{path}", shell(name))
                })
            }
            _ => Some(format!(
                "aws iam create-policy --policy-name {} --path {} --policy-document file://policy.json",
                shell(name),
                shell(&path)
            )),
        };
        Remedy {
            text: "create the policy in those accounts, with credentials of each, or take it out of the permission set; \
                   until then its roles cannot be provisioned there"
                .to_owned(),
            command,
        }
    }

    /// How the service takes an assignment away, where it is one.
    fn unassign(&self, item: &DriftItem) -> Option<String> {
        let Subject::Grants {
            permission_set,
            principal,
            accounts,
        } = &item.subject
        else {
            return None;
        };
        let over_accounts = |command: &dyn Fn(&str) -> String| {
            if accounts.len() <= MOST_NAMES {
                let accounts = accounts.iter().map(ToString::to_string).collect();
                return looped(accounts, "account", command);
            }
            // So many are read from the same finding.
            let (set, who) = (json(permission_set.as_str()), json(principal.name()));
            let cause = serde_json::to_string(&item.cause).unwrap_or_default();
            let kind = match principal {
                PrincipalKey::Group(_) => "group",
                PrincipalKey::User(_) => "user",
                PrincipalKey::OrphanGroup(_) => "deleted_group",
                PrincipalKey::OrphanUser(_) => "deleted_user",
            };
            let filter = format!(
                ".items[] | select(.cause == {cause} and .subject.permission_set == {set} and .subject.principal == \
                 {{kind: \"{kind}\", name: {who}}}) | .subject.accounts[]"
            );
            Some(format!(
                "for account in $(rolecall drift --json | jq -r {}); do {}; done",
                shell(&filter),
                command("\"$account\"")
            ))
        };
        let snapshot = &self.observed.snapshot;
        if self.provider == "simulator" {
            let kind = if principal.is_group() { "group" } else { "user" };
            let who = format!("{kind}:{}", principal.name());
            let known = !principal.is_orphan();
            let command = |account: &str| {
                format!(
                    "rolecall sim do unassign {} {account} {}",
                    shell(permission_set.as_str()),
                    shell(&who)
                )
            };
            return known.then(|| over_accounts(&command)).flatten();
        }
        let (kind, id) = match principal {
            PrincipalKey::Group(name) => ("GROUP", snapshot.groups.get(name)?.value.id.clone()?),
            PrincipalKey::User(name) => ("USER", snapshot.users.get(name)?.value.id.clone()?),
            PrincipalKey::OrphanGroup(id) => ("GROUP", id.clone()),
            PrincipalKey::OrphanUser(id) => ("USER", id.clone()),
        };
        let set = snapshot.permission_sets.get(permission_set)?.value.arn.clone()?;
        let instance = &self.observed.instance.arn;
        over_accounts(&|account| {
            format!(
                "aws sso-admin delete-account-assignment --instance-arn {instance} --permission-set-arn {set} \
                 --target-type AWS_ACCOUNT --target-id {account} --principal-type {kind} --principal-id {id}"
            )
        })
    }

    fn provision(&self, item: &DriftItem) -> Remedy {
        if item.declared && !item.referred {
            return with("`rolecall apply` provisions the roles again", "rolecall apply");
        }
        let Subject::Roles {
            permission_set,
            accounts,
        } = &item.subject
        else {
            return Remedy::default();
        };
        let arn = self.observed.snapshot.permission_sets.get(permission_set);
        let arn = arn
            .and_then(|set| set.value.arn.clone())
            .filter(|_| self.provider != "simulator");
        let instance = &self.observed.instance.arn;
        let target = match accounts.as_slice() {
            [account] => format!("--target-type AWS_ACCOUNT --target-id {account}"),
            _ => "--target-type ALL_PROVISIONED_ACCOUNTS".to_owned(),
        };
        Remedy {
            text: "no block makes this permission set: whoever does provisions its roles again".to_owned(),
            command: arn.map(|arn| {
                format!(
                    "aws sso-admin provision-permission-set --instance-arn {instance} --permission-set-arn {arn} \
                     {target}"
                )
            }),
        }
    }

    fn provision_anything(&self, item: &DriftItem) -> Option<String> {
        let Subject::Entity {
            key: EntityKey::Account(account),
            ..
        } = &item.subject
        else {
            return None;
        };
        let access = &self.observed.snapshot.access;
        let rank = access.names.account_rank(account)?;
        let found = access.tuples.iter().find(|tuple| tuple.account() == rank)?;
        let set = access.names.permission_set(found.permission_set())?;
        let arn = self
            .observed
            .snapshot
            .permission_sets
            .get(set)?
            .value
            .arn
            .clone()?;
        let instance = &self.observed.instance.arn;
        (self.provider != "simulator").then(|| {
            format!(
                "aws sso-admin provision-permission-set --instance-arn {instance} --permission-set-arn {arn} \
                 --target-type AWS_ACCOUNT --target-id {account}"
            )
        })
    }
}

/// A command for one name, or a loop of the shell over several.
fn looped(names: Vec<String>, variable: &str, command: impl Fn(&str) -> String) -> Option<String> {
    match names.as_slice() {
        [] => None,
        [name] => Some(command(name)),
        several => {
            let named = several.get(..MOST_NAMES).unwrap_or(several);
            let rest = several.len() - named.len();
            // The colon does nothing in any shell, whatever stands behind it.
            let rest = if rest > 0 {
                format!("; : and {rest} more")
            } else {
                String::new()
            };
            Some(format!(
                "for {variable} in {}; do {}; done{rest}",
                named.join(" "),
                command(&format!("\"${variable}\""))
            ))
        }
    }
}

/// Text as a string of JSON.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// Text as a string of the configuration.
fn quote(text: &str) -> String {
    json(text).replace("${", "$${").replace("%{", "%%{")
}

fn with(text: &str, command: &str) -> Remedy {
    Remedy {
        text: text.to_owned(),
        command: Some(command.to_owned()),
    }
}

fn plain(text: &str) -> Remedy {
    Remedy {
        text: text.to_owned(),
        command: None,
    }
}

fn rebound(item: &DriftItem) -> Remedy {
    if item.referred {
        with(
            "find out who it is now; `rolecall apply` takes the new one in, and its people get the access",
            "rolecall plan",
        )
    } else if let Some(now) = &item.now_called {
        let text = format!(
            "it is called \"{now}\" now, and someone made another of the old name; `rolecall plan` shows what becomes of it"
        );
        with(&text, "rolecall plan")
    } else {
        with(
            "someone deleted it and made another of that name; `rolecall plan` shows what becomes of it",
            "rolecall plan",
        )
    }
}

fn missing(item: &DriftItem) -> Remedy {
    match &item.subject {
        Subject::Entity {
            key: EntityKey::Account(_),
            ..
        } => plain("the account left the organisation: correct its block, or take it out of the selection"),
        Subject::Entity { .. } if item.referred => plain(
            "the look-up finds nothing, so its grants are left as they are: correct the name in the block, or have it \
             made again",
        ),
        _ if item.declared => with(
            "`rolecall apply` brings it back after asking (`--restore` where nobody is asked); remove the block if it \
             is to stay away",
            "rolecall apply",
        ),
        _ => with(
            "`rolecall apply` drops it from the state, as no block declares it",
            "rolecall apply",
        ),
    }
}

fn renamed(item: &DriftItem) -> Remedy {
    let attribute = match &item.subject {
        Subject::Entity {
            key: EntityKey::User(_),
            ..
        } => "user_name",
        Subject::Entity {
            key: EntityKey::Group(_),
            ..
        } => "display_name",
        _ => "name",
    };
    let now = item.now_called.as_deref().unwrap_or_default();
    plain(&format!(
        "write `{attribute} = \"{now}\"` in the block, or give it its old name back in the service"
    ))
}

/// A word as a shell takes it.
pub(crate) fn shell(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-+=,.@:/%".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', "'\\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_loop_names_so_many_and_says_how_many_more_there_are() {
        let over = |count: usize| {
            let names = (0..count).map(|n| format!("n{n}")).collect();
            looped(names, "user", |user| format!("leave {user}"))
        };
        assert_eq!(over(0), None);
        assert_eq!(over(1).as_deref(), Some("leave n0"));
        assert_eq!(
            over(2).as_deref(),
            Some("for user in n0 n1; do leave \"$user\"; done")
        );
        let many = over(500).unwrap();
        assert!(
            many.ends_with("n19; do leave \"$user\"; done; : and 480 more"),
            "{many}"
        );
    }
}
