//! Import: from a reading of the service to configuration that a person would have written.
//!
//! A pure function of what was observed. Everything that can be declared is: units as a tree, accounts by id, users
//! and groups that no directory syncs, permission sets, and access as few assignment blocks (`cover`) over listed
//! accounts, or, if asked for, over selectors (`select`). What a directory syncs is looked up. What AWS services run
//! for themselves goes under `ignore`. What cannot be declared is listed with the reason, never dropped silently.

mod access;
mod cover;
mod ignored;
mod labels;
mod organization;
mod people;
mod policy;
mod select;
mod sets;
mod table;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use unicode_normalization::is_nfc;

use crate::config::evaluate::{ProviderSettings, ReadBy};
use crate::config::syntax::write::{Block, Item, Value, file, quoted};
use crate::id::{AccountKey, EntityKey, GroupName, PermissionSetName, PrincipalKey, UserName};
use crate::model::denial::Together;
use crate::model::instance::{HeldSubject, Observed};
use crate::model::roles::Provisioning;
use crate::model::snapshot::Snapshot;
use crate::model::stack::{Matcher, NamedMatcher};

use access::{Grants, assignments};
pub use ignored::Administration;
use organization::Organization;
use people::People;
use sets::PermissionSets;

/// Permission sets that AWS Control Tower, its account factory and AWS Service Catalog make and change themselves
/// (AWS Control Tower user guide, "AWS IAM Identity Center groups for AWS Control Tower").
const SERVICE_SETS: &[&str] = &[
    "AWSAdministratorAccess",
    "AWSControlTower*",
    "AWSOrganizationsFullAccess",
    "AWSPowerUserAccess",
    "AWSReadOnlyAccess",
    "AWSServiceCatalog*",
];

/// Groups that AWS Control Tower makes (the same page).
const SERVICE_GROUPS: &[&str] = &[
    "AWSAccountFactory",
    "AWSAuditAccountAdmins",
    "AWSControlTowerAdmins",
    "AWSLogArchiveAdmins",
    "AWSLogArchiveViewers",
    "AWSSecurityAuditPowerUsers",
    "AWSSecurityAuditors",
    "AWSServiceCatalogAdmins",
];

/// What to write.
#[derive(Debug, Clone, Default)]
pub struct Options {
    /// Selectors instead of lists where they mean the same accounts today.
    pub infer: bool,
    /// The provider that the new stack shall have, if it has no configuration that says so yet.
    pub provider: Option<ProviderSettings>,
    /// Leave out the `rolecall` block: the stack has one.
    pub has_settings: bool,
    /// What the stack is responsible for: nothing else is declared.
    pub scope: Option<Matcher>,
    /// What others run, besides AWS services: nothing of it is declared.
    pub ignore: Vec<NamedMatcher>,
}

/// Configuration for what was observed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Import {
    /// Names and texts of files, in the order of their names.
    pub files: Vec<(String, String)>,
    /// What is not declared, and why.
    pub left_out: Vec<LeftOut>,
    /// Permission sets under `ignore`.
    pub ignored: Vec<PermissionSetName>,
    /// Who administers through those today.
    pub administration: Administration,
    /// Accounts that nobody can enter, by what they are called, with how much is assigned there.
    pub shut: Vec<ShutAccount>,
    /// Groups of AWS services that have nothing but those sets, if anything: no block names them.
    pub ignored_groups: Vec<GroupName>,
    /// How much is declared.
    pub counts: Counts,
    /// Part of the service could not be read.
    pub is_read_in_part: bool,
    /// Whole kinds of things that could not be read, for people: without them the configuration is not whole.
    pub unread: Vec<String>,
}

/// Something of the service that the configuration does not declare.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct LeftOut {
    /// What.
    pub what: String,
    /// Why.
    pub why: String,
}

/// An account that is suspended or being closed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShutAccount {
    /// What people call it.
    pub name: String,
    /// How many grants there are, whether they are declared or not.
    pub grants: u64,
}

/// How much is declared.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Counts {
    /// Organizational units, without the root.
    pub organizational_units: usize,
    /// Accounts.
    pub accounts: usize,
    /// Users, look-ups included.
    pub users: usize,
    /// Groups, look-ups included.
    pub groups: usize,
    /// Permission sets, look-ups included.
    pub permission_sets: usize,
    /// Assignment blocks.
    pub assignments: usize,
    /// Grants that those blocks declare.
    pub grants: usize,
}

/// How blocks refer to an entity, and what it is called in labels made from it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Named {
    reference: String,
    label: String,
    /// What the reference is an element of, by this key: `group`, `group.team`, `user.person`.
    family: String,
    key: String,
}

impl Named {
    /// A block of its own: `group.ops`.
    fn new(kind: &str, label: &str) -> Self {
        Named {
            reference: format!("{kind}.{label}"),
            label: label.to_owned(),
            family: kind.to_owned(),
            key: label.to_owned(),
        }
    }

    /// An instance of a block: `user.person["ada"]`.
    fn instance(block: &str, key: &str, label: &str) -> Self {
        Named {
            reference: format!("{block}[{}]", quoted(key)),
            label: label.to_owned(),
            family: block.to_owned(),
            key: key.to_owned(),
        }
    }
}

/// References by key.
#[derive(Debug, Default)]
struct Names {
    accounts: BTreeMap<AccountKey, Named>,
    principals: BTreeMap<PrincipalKey, Named>,
    permission_sets: BTreeMap<PermissionSetName, Named>,
}

/// Text that the language can hold as it is: strings are in Unicode's composed form (NFC) there.
fn can_be_written(text: &str) -> bool {
    is_nfc(text)
}

/// Writes configuration for what was observed.
pub fn import(observed: &Observed, options: &Options) -> Import {
    let snapshot = &observed.snapshot;
    let mut left_out = Vec::new();
    let grants = Grants::of(observed, options, &mut left_out);
    let organization = Organization::of(snapshot, &grants, &mut left_out);
    let people = People::of(observed, &grants, &mut left_out);
    let sets = PermissionSets::of(observed, &grants, &mut left_out);
    left_out.extend(observed.held.iter().map(|held| LeftOut {
        what: held_name(&held.subject),
        why: format!(
            "could not be read{}: {}",
            in_part(snapshot, &held.subject),
            held.why
        ),
    }));
    left_out.extend(stale_roles(observed));
    left_out.sort();
    left_out.dedup();

    let names = Names {
        accounts: organization.accounts.clone(),
        principals: people.principals.clone(),
        permission_sets: sets.names.clone(),
    };
    let ignored: Vec<PermissionSetName> = sets.ignored.clone();
    let is_left = |name: &&GroupName| {
        is_service_group(name)
            && !names
                .principals
                .contains_key(&PrincipalKey::Group((*name).clone()))
    };
    let ignored_groups = snapshot.groups.keys().filter(is_left).cloned().collect();
    let written = assignments(&grants, &names, &organization.ground, options.infer);
    let counts = Counts {
        organizational_units: organization.ground.units.len().saturating_sub(1),
        accounts: names.accounts.len(),
        users: people.users(),
        groups: people.groups(),
        permission_sets: names.permission_sets.len(),
        assignments: written.blocks,
        grants: written.grants,
    };
    let mut files = vec![
        (
            "stack.hcl",
            stack(options, &ignores(&ignored, &grants.deleted), &left_out),
        ),
        ("accounts.hcl", organization.items),
        ("people.hcl", people.user_items),
        ("groups.hcl", people.group_items),
        ("permission_sets.hcl", sets.items),
        ("access.hcl", written.items),
    ];
    files.sort_by_key(|(name, _)| *name);
    let mut files: Vec<(String, String)> = files
        .into_iter()
        .filter(|(_, items)| !items.is_empty())
        .map(|(name, items)| (name.to_owned(), file(&items)))
        .collect();
    files.extend(organization.table.map(|table| ("accounts.csv".to_owned(), table)));
    files.extend(people.table.map(|table| ("people.csv".to_owned(), table)));
    files.sort();
    Import {
        files,
        left_out,
        administration: Administration::through(&ignored, snapshot),
        shut: shut_accounts(snapshot),
        ignored,
        ignored_groups,
        counts,
        is_read_in_part: !observed.held.is_empty(),
        unread: unread(observed),
    }
}

/// The `rolecall` and `provider` blocks, and what is not declared.
fn stack(options: &Options, own: &[Ignore], left_out: &[LeftOut]) -> Vec<Item> {
    let mut items = Vec::new();
    if !options.has_settings {
        let mut settings = Block::new("rolecall", []).with("required_version", Value::text(">= 0.1"));
        if let Some(scope) = &options.scope {
            settings.items.push(Item::Blank);
            settings.items.push(Item::Block(matcher("scope", &[], scope)));
        }
        for ignore in &options.ignore {
            settings.items.push(Item::Blank);
            let block = matcher("ignore", &[&*ignore.label], &ignore.matcher);
            settings.items.push(Item::Block(block));
        }
        for own in own {
            settings.items.push(Item::Blank);
            settings.items.push(Item::Comment(own.why.to_owned()));
            settings
                .items
                .push(Item::Block(matcher("ignore", &[own.label], &own.matcher)));
        }
        items.push(Item::Block(settings));
    } else {
        for own in own {
            let block = file(&[Item::Block(matcher("ignore", &[own.label], &own.matcher))]);
            let text = format!("{} For the `rolecall` block:\n{}", own.why, block.trim_end());
            items.push(Item::Comment(text));
        }
    }
    if let Some(provider) = &options.provider {
        items.extend([Item::Blank, Item::Block(provider_block(provider))]);
    }
    if !left_out.is_empty() {
        items.push(Item::Blank);
        items.push(Item::Comment("Not declared, and why:".to_owned()));
        let left = left_out.iter().map(|left| (&*left.what, &*left.why));
        let lines = Together::of(left).into_iter().map(|together| {
            let line = match together.title() {
                None => format!("- {}: {}", together.subjects.concat(), together.why),
                Some(title) => format!("- {title}: {}", together.subjects.join(", ")),
            };
            Item::Comment(line.replace('\n', " "))
        });
        items.extend(lines);
    }
    items
}

/// An `ignore` block for what the service holds and nobody can declare.
struct Ignore {
    label: &'static str,
    /// As a comment above it.
    why: &'static str,
    matcher: Matcher,
}

/// What is to be ignored so that nothing but a change is told of a service that was imported.
fn ignores(service_owned: &[PermissionSetName], deleted: &BTreeSet<String>) -> Vec<Ignore> {
    let patterns: BTreeSet<&str> = service_owned.iter().filter_map(service_pattern).collect();
    let mut blocks = Vec::new();
    if !patterns.is_empty() {
        blocks.push(Ignore {
            label: "AWS services",
            why: "AWS services made these and change them themselves.",
            matcher: Matcher {
                permission_sets: patterns.into_iter().map(Arc::from).collect(),
                ..Matcher::default()
            },
        });
    }
    if !deleted.is_empty() {
        blocks.push(Ignore {
            label: "deleted principals",
            why: "Users and groups that the identity store no longer knows, with assignments that are left over. Take \
                  those away in the service, and then these lines.",
            matcher: Matcher {
                principals: deleted.iter().map(|id| Arc::from(id.as_str())).collect(),
                ..Matcher::default()
            },
        });
    }
    blocks
}

/// A `scope` or `ignore` block.
fn matcher(kind: &str, labels: &[&str], of: &Matcher) -> Block {
    let texts = |patterns: &[Arc<str>]| {
        (!patterns.is_empty()).then(|| Value::texts(patterns.iter().map(|pattern| &**pattern)))
    };
    Block::new(kind, labels.iter().copied())
        .with_some("permission_sets", texts(&of.permission_sets))
        .with_some("principals", texts(&of.principals))
        .with_some("accounts", texts(&of.accounts))
}

/// The pattern for a service's own permission set; `None` if it is none.
fn service_pattern(name: &PermissionSetName) -> Option<&'static str> {
    SERVICE_SETS
        .iter()
        .copied()
        .find(|pattern| match pattern.strip_suffix('*') {
            Some(prefix) => name.as_str().starts_with(prefix),
            None => name.as_str() == *pattern,
        })
}

fn is_service_group(name: &GroupName) -> bool {
    SERVICE_GROUPS.contains(&name.as_str())
}

fn provider_block(settings: &ProviderSettings) -> Block {
    let text = |value: &Option<Arc<str>>| value.as_deref().map(Value::text);
    match settings {
        ProviderSettings::Simulator {
            seed,
            strict,
            region,
            world,
        } => Block::new("provider", ["simulator"])
            .with_some("region", text(region))
            .with_some("seed", seed.map(|seed| Value::raw(seed.to_string())))
            .with_some("strict", strict.then(|| Value::raw("true")))
            .with_some("world", text(world)),
        ProviderSettings::Aws {
            region,
            profile,
            role_arn,
            endpoint_url,
            rate,
            read_by,
        } => Block::new("provider", ["aws"])
            .with_some("region", text(region))
            .with_some("profile", text(profile))
            .with_some("role_arn", text(role_arn))
            .with_some("endpoint_url", text(endpoint_url))
            .with_some("rate", rate.map(|rate| Value::raw(rate.to_string())))
            .with_some(
                "read_by",
                read_by.as_ref().map(|by| match by {
                    ReadBy::Pairs => Value::text("pairs"),
                    ReadBy::Principals => Value::text("principals"),
                }),
            ),
    }
}

/// The accounts that are not in use, with how much is assigned there.
fn shut_accounts(snapshot: &Snapshot) -> Vec<ShutAccount> {
    let shut = snapshot.accounts.iter();
    let shut = shut.filter(|(_, account)| !account.value.status.is_assignable());
    let mut shut: Vec<ShutAccount> = shut
        .map(|(key, _)| ShutAccount {
            name: snapshot.account_name(key),
            grants: snapshot.access.tuples_in(key).len() as u64,
        })
        .collect();
    shut.sort();
    shut
}

/// Roles whose content is not that of their permission set: nothing that configuration could say. In an account that is
/// not in use, nothing is provisioned.
fn stale_roles(observed: &Observed) -> Vec<LeftOut> {
    let names = &observed.snapshot.access.names;
    let mut stale: BTreeMap<(&PermissionSetName, bool), usize> = BTreeMap::new();
    for role in observed
        .roles
        .iter()
        .filter(|role| role.provisioning != Provisioning::Latest)
    {
        let account = names.account(role.pair.account());
        let account = account.and_then(|key| observed.snapshot.accounts.get(key));
        let is_shut = account.is_some_and(|account| !account.value.status.is_assignable());
        if let Some(set) = names.permission_set(role.pair.permission_set()) {
            *stale.entry((set, is_shut)).or_default() += 1;
        }
    }
    let left = |((set, is_shut), count): ((&PermissionSetName, bool), usize)| {
        LeftOut {
        what: format!(
            "roles of permission set {set} in {count} account{}{}",
            if count == 1 { "" } else { "s" },
            match is_shut {
                true => " suspended or being closed",
                false => "",
            }
        ),
        why: match is_shut {
            true => "they hold other content than the set; nothing is provisioned there unless the account is reopened",
            false => "they hold other content than the set; the next apply provisions them",
        }
        .to_owned(),
    }
    };
    stale.into_iter().map(left).collect()
}

/// Whether something was not read as it is: a part of it is missing, and nobody knows what that says.
fn is_held(observed: &Observed, key: &EntityKey) -> bool {
    observed.held.iter().any(|held| match &held.subject {
        HeldSubject::Entity(entity) => entity == key,
        HeldSubject::All(kind) => *kind == key.kind(),
        _ => false,
    })
}

/// The kinds of things of which not even a list could be read.
fn unread(observed: &Observed) -> Vec<String> {
    let held = observed.held.iter();
    let whole = held.filter(|held| matches!(held.subject, HeldSubject::All(_)));
    let names: BTreeSet<String> = whole.map(|held| held_name(&held.subject)).collect();
    names.into_iter().collect()
}

/// How much of what is held could not be read.
fn in_part(snapshot: &Snapshot, subject: &HeldSubject) -> &'static str {
    match subject {
        HeldSubject::Entity(EntityKey::PermissionSet(name))
            if snapshot.permission_sets.contains_key(name) =>
        {
            " completely, and is looked up"
        }
        _ => "",
    }
}

fn held_name(subject: &HeldSubject) -> String {
    match subject {
        HeldSubject::Entity(key) => key.to_string(),
        HeldSubject::Principal(key) => format!("grants of {key}"),
        HeldSubject::Pair(account, set) => format!("grants of permission set {set} in account {account}"),
        HeldSubject::Members(group) => format!("members of group {group}"),
        HeldSubject::All(kind) => format!("every {kind}"),
    }
}

/// Whether a user can be written as a principal or member at all.
fn user_key(name: &UserName) -> PrincipalKey {
    PrincipalKey::User(name.clone())
}
