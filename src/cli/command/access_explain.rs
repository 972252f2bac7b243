//! `access explain`: why a person can enter an account.

use std::collections::{BTreeMap, BTreeSet};

use crate::cli::advice::shell_word;
use crate::cli::args::{AccessExplainArgs, VariableArgs};
use crate::cli::env::Env;
use crate::cli::error::Failure;
use crate::cli::exit::Exit;
use crate::cli::pipeline::Stack;
use crate::id::{AccountKey, GroupName, PermissionSetName, PrincipalKey, UserName};
use crate::model::record::{Recorded, Seen};
use crate::model::role_content::{OlderRoles, older_roles};
use crate::model::snapshot::Snapshot;
use crate::model::stack::RiskSettings;
use crate::report::access_paths::{Asked, Since, explain};
use crate::report::terminal::access::explanation;

use super::access::{did_you_mean_any_case, moment, reading, readings};

/// Runs it.
pub fn run(env: &Env, args: &AccessExplainArgs) -> Result<Exit, Failure> {
    let at = args.at.as_deref().map(moment).transpose()?;
    let mut recorded = super::recorded_of(env)?;
    if let Some(at) = at {
        recorded.seen = Some(reading(env, at)?);
    }
    let asked = asked(args, &recorded)?;
    let mut since = Since::new(&asked, &recorded);
    let mut roles = at.map(|_| RolesThen::default());
    let until = recorded.seen.as_ref().map(|seen| seen.at);
    readings(env, &mut |seen, _| {
        let goes_on = until.is_none_or(|until| seen.at <= until);
        if goes_on {
            since.read(&seen.snapshot, seen.at);
            roles.iter_mut().for_each(|roles| roles.read(seen));
        }
        goes_on
    })?;
    if let Some(roles) = roles {
        recorded.older_roles = roles.older;
    }
    let found = explain(&asked, &recorded, &since, &risk_settings(env));
    if args.format.is_json() {
        super::print_json(env, &found)?;
    } else {
        env.print(|out| explanation(&found, env.out, out))?;
    }
    Ok(Exit::Done)
}

/// What was known of roles that were behind their sets, told from one reading after the other.
#[derive(Default)]
struct RolesThen {
    before: Option<Seen>,
    older: Vec<OlderRoles>,
}

impl RolesThen {
    fn read(&mut self, seen: &Seen) {
        let before = self.before.as_ref().map(Into::into);
        self.older = older_roles(&self.older, before, &BTreeMap::new(), seen.into());
        self.before = Some(seen.clone());
    }
}

/// What the configuration says about risk; a configuration with mistakes says nothing.
fn risk_settings(env: &Env) -> RiskSettings {
    match Stack::load(env, &VariableArgs::default()) {
        Ok(stack) => stack.evaluate(env.now(), None).desired.settings.risk,
        Err(_) => RiskSettings::default(),
    }
}

fn asked(args: &AccessExplainArgs, recorded: &Recorded) -> Result<Asked, Failure> {
    let snapshot = match &recorded.seen {
        Some(seen) => &seen.snapshot,
        None => &recorded.applied,
    };
    let both = [snapshot, &recorded.applied];
    let set = args.permission_set.as_deref();
    let person = one("person", &args.person, people(&both)).map_err(|failure| {
        let name = group(&both, &args.person);
        name.map_or(failure, |name| is_group(name.as_str()))
    })?;
    Ok(Asked {
        person,
        account: one("account", &args.account, accounts(&both))?,
        permission_set: set
            .map(|text| one("permission set", text, sets(&both)))
            .transpose()?,
    })
}

/// The most names that are suggested because they have a text in them.
const MOST_SUGGESTED: usize = 4;

/// The names that have a text in them, perhaps in other letters, where those are few.
fn part_of(text: &str, names: &BTreeSet<String>) -> Option<String> {
    let part = text.to_lowercase();
    let found: Vec<String> = names
        .iter()
        .filter(|name| !part.is_empty() && name.to_lowercase().contains(&part))
        .map(|name| format!("`{name}`"))
        .collect();
    let few = !found.is_empty() && found.len() <= MOST_SUGGESTED;
    few.then(|| format!("did you mean {}?", found.join(" or ")))
}

/// The group that is called so, perhaps in other letters.
fn group<'s>(snapshots: &[&'s Snapshot], text: &str) -> Option<&'s GroupName> {
    let mut names = snapshots.iter().flat_map(|snapshot| snapshot.groups.keys());
    names.find(|name| name.as_str().to_lowercase() == text.to_lowercase())
}

fn is_group(name: &str) -> Failure {
    Failure::new(format!(
        "`{name}` is a group, and access is explained for one person"
    ))
    .help(format!(
        "name one of its members; `rolecall access --principal {}` shows what the group gives, and to whom",
        shell_word(name)
    ))
}

/// Something that can be named, with its names: the surest first.
pub(super) type Named<K> = (K, Vec<String>);

/// The one that is called so: as written by its key or id, else by a name, else in other letters.
pub(super) fn one<K: Ord + Clone + ToString>(
    what: &str,
    text: &str,
    all: Vec<Named<K>>,
) -> Result<K, Failure> {
    let same = |name: &String| name == text;
    let alike = |name: &String| name.to_lowercase() == text.to_lowercase();
    let by = |matches: &dyn Fn(&[String]) -> bool| -> BTreeSet<K> {
        let found = all.iter().filter(|(_, names)| matches(names));
        found.map(|(key, _)| key.clone()).collect()
    };
    let ways = [
        by(&|names| names.first().is_some_and(same)),
        by(&|names| names.iter().any(same)),
        by(&|names| names.iter().any(alike)),
    ];
    let found = ways
        .into_iter()
        .find(|found| !found.is_empty())
        .unwrap_or_default();
    let mut keys = found.iter();
    match (keys.next(), keys.next()) {
        (Some(only), None) => Ok(only.clone()),
        (None, _) => {
            let names: BTreeSet<String> = all.into_iter().flat_map(|(_, names)| names).collect();
            let help = did_you_mean_any_case(text, &names).or_else(|| part_of(text, &names));
            let help = help.unwrap_or_else(|| {
                "names and ids are as the service has them; `rolecall access` shows all".to_owned()
            });
            Err(Failure::new(format!("no {what} is called `{text}`")).help(help))
        }
        (Some(_), Some(_)) => {
            let keys: Vec<String> = found.iter().map(ToString::to_string).collect();
            Err(Failure::new(format!("more than one {what} is called `{text}`"))
                .help(format!("say which: {}", keys.join(", "))))
        }
    }
}

/// Everybody, with user name, id, e-mail address and display name.
pub(super) fn people(snapshots: &[&Snapshot]) -> Vec<Named<UserName>> {
    let mut all = Vec::new();
    for snapshot in snapshots {
        for (name, user) in &snapshot.users {
            let user = &user.value;
            let more = user.id.iter().map(ToString::to_string);
            let more = more.chain(user.email.iter().map(ToString::to_string));
            let names = [name.to_string()]
                .into_iter()
                .chain(more)
                .chain([user.shown().to_owned()]);
            all.push((name.clone(), names.collect()));
        }
        let members = snapshot.groups.values();
        let members = members.filter_map(|group| group.value.members.as_ref()).flatten();
        let granted = snapshot.access.names.principals.iter();
        let granted = granted.filter_map(|principal| match principal {
            PrincipalKey::User(name) => Some(name),
            _ => None,
        });
        all.extend(
            members
                .chain(granted)
                .map(|name| (name.clone(), vec![name.to_string()])),
        );
    }
    all
}

fn accounts(snapshots: &[&Snapshot]) -> Vec<Named<AccountKey>> {
    let mut all = Vec::new();
    for snapshot in snapshots {
        let known = snapshot.accounts.keys().chain(&snapshot.access.names.accounts);
        all.extend(known.map(|key| (key.clone(), vec![key.to_string(), snapshot.account_name(key)])));
    }
    all
}

fn sets(snapshots: &[&Snapshot]) -> Vec<Named<PermissionSetName>> {
    let mut all = Vec::new();
    for snapshot in snapshots {
        for (name, set) in &snapshot.permission_sets {
            let arn = set.value.arn.iter().map(ToString::to_string);
            all.push((name.clone(), [name.to_string()].into_iter().chain(arn).collect()));
        }
        let granted = snapshot.access.names.permission_sets.iter();
        all.extend(granted.map(|name| (name.clone(), vec![name.to_string()])));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_surest_name_wins_and_two_of_a_kind_are_asked_about() {
        let named = |key: &str, more: &[&str]| {
            let names = [key].iter().chain(more).map(|name| (*name).to_owned()).collect();
            (UserName::new(key).unwrap(), names)
        };
        let all = || {
            vec![
                named("grace", &["Ada"]),
                named("Ada", &["Ada L."]),
                named("ann", &["Ann"]),
                named("anne", &["Ann"]),
            ]
        };
        let find = |text: &str| one("person", text, all()).map(|name| name.to_string());
        assert_eq!(find("Ada").unwrap(), "Ada");
        assert_eq!(find("ada l.").unwrap(), "Ada");
        assert_eq!(find("ANNE").unwrap(), "anne");
        assert!(
            find("Ann")
                .unwrap_err()
                .to_string()
                .contains("more than one person")
        );
        assert!(
            find("grac")
                .unwrap_err()
                .to_string()
                .contains("no person is called `grac`")
        );
    }
}
