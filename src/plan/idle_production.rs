//! Patterns of the `production` block that match nothing: a slip in one is a mark that is not there.
//!
//! A unit's name is easily taken for its path, and a `/` in a name for a step down; so the path that was meant is named.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::address::Kind;
use crate::diagnostic::close_names;
use crate::id::OuPath;
use crate::model::snapshot::Snapshot;
use crate::model::stack::Production;

use super::finding::{Finding, Level};
use super::input::PlanInput;
use super::risk::ProductionAccounts;

const CODE: &str = "idle-production";

/// A finding for each pattern that matches nothing that is declared or there. Where the organization could not be read,
/// none: a pattern may match what nobody saw.
pub(super) fn findings(input: &PlanInput) -> Vec<Finding> {
    // A base is what is declared alone.
    if input.options.base {
        return Vec::new();
    }
    let snapshots = [&input.desired.snapshot, &input.observed.snapshot];
    let kinds = [Kind::OrganizationalUnit, Kind::Account];
    if kinds.into_iter().any(|kind| input.observed.is_unread(kind)) {
        return Vec::new();
    }
    let production = &input.desired.settings.risk.production;
    let units = units(&snapshots);
    let mut found = Vec::new();
    for pattern in &production.organizational_units {
        let one = Production {
            organizational_units: vec![pattern.clone()],
            ..Production::default()
        };
        let rule = ProductionAccounts::new(&one);
        // A unit without accounts is one all the same: accounts will come.
        if !units.iter().any(|unit| rule.has_unit(unit)) {
            let message = format!(
                "`{pattern}` in production.organizational_units matches no organizational unit, so it marks nothing"
            );
            found.push(idle(message, meant_unit(pattern, &units)));
        }
    }
    let marks_none = |one: &Production| {
        let rule = ProductionAccounts::new(one);
        let keys: BTreeSet<_> = snapshots.iter().flat_map(|one| one.accounts.keys()).collect();
        !keys.into_iter().any(|key| rule.contains(key, &snapshots))
    };
    for pattern in &production.accounts {
        let one = Production {
            accounts: vec![pattern.clone()],
            ..Production::default()
        };
        if marks_none(&one) {
            let message =
                format!("`{pattern}` in production.accounts matches no account, so it marks nothing");
            found.push(idle(message, close(pattern, account_names(&snapshots))));
        }
    }
    // Of an account that was only seen, the tags may not have been read.
    let mut accounts = input.observed.snapshot.accounts.values();
    if accounts.all(|account| account.value.tags.is_some()) {
        for (key, value) in &production.tags {
            let one = Production {
                tags: BTreeMap::from([(key.clone(), value.clone())]),
                ..Production::default()
            };
            if marks_none(&one) {
                let message =
                    format!("no account carries `{key} = {value}` of production.tags, so it marks nothing");
                found.push(idle(message, meant_tag(key, value, &snapshots)));
            }
        }
    }
    found
}

fn idle(message: String, meant: Vec<String>) -> Finding {
    let quoted: Vec<String> = meant.iter().map(|name| format!("`{name}`")).collect();
    let remedy = match quoted.is_empty() {
        true => "compare it with what the organization has".to_owned(),
        false => format!("did you mean {}?", quoted.join(" or ")),
    };
    Finding {
        remedy: Some(remedy.into()),
        ..Finding::new(Level::Warning, CODE, message)
    }
}

/// The units that are declared or there, and those that accounts stand in; not the root, which has no name.
fn units(snapshots: &[&Snapshot]) -> BTreeSet<OuPath> {
    let own = snapshots.iter().flat_map(|one| one.organizational_units.keys());
    let accounts = snapshots.iter().flat_map(|one| one.accounts.values());
    let of_accounts = accounts.filter_map(|account| account.value.ou.as_ref());
    let all = own
        .chain(of_accounts)
        .flat_map(|unit| std::iter::successors(Some(unit.clone()), OuPath::parent));
    all.collect()
}

/// The paths that end with what is written, as a path or as a unit's own name; otherwise the nearest ones.
fn meant_unit(pattern: &str, units: &BTreeSet<OuPath>) -> Vec<String> {
    let wanted = pattern.trim_matches('/').to_lowercase();
    let as_named = |unit: &OuPath| {
        let names: Vec<_> = OuPath::names(unit.as_str())
            .map(|name| name.to_lowercase())
            .collect();
        let name = names.last().cloned().unwrap_or_default();
        let path = format!("/{}", names.join("/"));
        name == wanted || path.ends_with(&format!("/{wanted}"))
    };
    let mut named: Vec<String> = units
        .iter()
        .filter(|unit| !unit.is_root() && as_named(unit))
        .map(|unit| unit.to_string())
        .collect();
    named.truncate(3);
    match named.is_empty() {
        true => close(pattern, units.iter().map(|unit| unit.as_str())),
        false => named,
    }
}

fn account_names<'s>(snapshots: &[&'s Snapshot]) -> impl Iterator<Item = &'s str> {
    let accounts = snapshots.iter().flat_map(|one| one.accounts.values());
    accounts.map(|account| &*account.value.name)
}

fn meant_tag(key: &Arc<str>, value: &str, snapshots: &[&Snapshot]) -> Vec<String> {
    let tags: BTreeSet<(&str, &str)> = snapshots
        .iter()
        .flat_map(|one| one.accounts.values())
        .filter_map(|account| account.value.tags.as_ref())
        .flatten()
        .map(|(key, value)| (&**key, &**value))
        .collect();
    let values = tags
        .iter()
        .filter(|(own, _)| **own == **key)
        .map(|(_, value)| *value);
    let near = close(value, values);
    let keys = || close(key, tags.iter().map(|(key, _)| *key).filter(|own| **own != **key));
    match near.is_empty() {
        true => keys(),
        false => near.iter().map(|near| format!("{key} = {near}")).collect(),
    }
}

fn close<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    close_names(name, candidates)
        .into_iter()
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::model::instance::HeldSubject;

    use super::super::planner::plan;
    use super::super::scene::{Scene, account};
    use super::*;

    fn told(production: Production, unread: bool) -> Vec<String> {
        let mut scene = Scene::new()
            .account(1)
            .account(2)
            .set("view")
            .group("ops", &["ada"]);
        let accounts = &mut scene.input.observed.snapshot.accounts;
        let value = &mut accounts.get_mut(&account(2)).unwrap().value;
        value.ou = Some(OuPath::new("Workloads/R%2FD/Prod").unwrap());
        value.tags = Some([("env".into(), "production".into())].into());
        scene.input.desired.settings.risk.production = production;
        if unread {
            scene.input.observed.held.push(crate::model::instance::Held {
                subject: HeldSubject::All(Kind::OrganizationalUnit),
                why: "denied".into(),
            });
        }
        let plan = plan(&scene.assign("a", &["ops"], &["view"], &[1, 2]).build());
        let idle = plan.findings.iter().filter(|finding| &*finding.code == CODE);
        idle.map(|finding| {
            format!(
                "{}; {}",
                finding.message,
                finding.remedy.as_deref().unwrap_or_default()
            )
        })
        .collect()
    }

    fn units(paths: &[&str]) -> Production {
        Production {
            organizational_units: paths.iter().map(|path| Arc::from(*path)).collect(),
            ..Production::default()
        }
    }

    #[test]
    fn a_unit_that_is_not_there_is_told_with_the_nearest_path() {
        for (written, meant) in [
            ("Prod", "did you mean `Workloads/R%2FD/Prod`?"),
            ("R/D", "did you mean `Workloads/R%2FD`?"),
            ("Workloads/R/D/Prod", "did you mean `Workloads/R%2FD/Prod`?"),
            ("/Workloads", "did you mean `Workloads`?"),
            ("workloads", "did you mean `Workloads`?"),
            ("Wrokloads", "did you mean `Workloads`?"),
            ("Suspended", "compare it with what the organization has"),
        ] {
            let message = format!(
                "`{written}` in production.organizational_units matches no organizational unit, so it marks nothing"
            );
            assert_eq!(told(units(&[written]), false), [format!("{message}; {meant}")]);
        }
        assert!(told(units(&["Workloads", "*/Prod", "Workloads/R%2FD", ""]), false).is_empty());
        assert!(told(units(&["Prod"]), true).is_empty());
    }

    #[test]
    fn so_are_accounts_and_tags_that_are_not_there() {
        let accounts = |pattern: &str| Production {
            accounts: vec![pattern.into()],
            ..Production::default()
        };
        assert!(told(accounts("account-*"), false).is_empty());
        assert!(told(accounts("000000000002"), false).is_empty());
        let all = told(accounts("acount-2"), false);
        assert_eq!(all.len(), 1);
        assert!(all[0].contains("`acount-2`") && all[0].contains("did you mean `account-2`"));
        let tags = |key: &str, value: &str| Production {
            tags: [(key.into(), value.into())].into(),
            ..Production::default()
        };
        assert!(told(tags("env", "prod*"), false).is_empty());
        let none = told(tags("env", "prodution"), false);
        assert_eq!(
            none,
            [
                "no account carries `env = prodution` of production.tags, so it marks nothing; did you mean `env = production`?"
            ]
        );
        assert!(told(tags("evn", "prod*"), false)[0].ends_with("did you mean `env`?"));
        assert!(told(tags("env", "prod*"), true).is_empty());
    }
}
