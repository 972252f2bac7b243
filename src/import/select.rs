//! Account lists as selectors: "the accounts of a unit", "those of a unit with a tag".
//!
//! A selector says more than the list it replaces: it also grants in accounts that come later. So selectors are only
//! made when asked for, exactly match the list as it is now, and name the smallest unit that does.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::syntax::write::{Value, quoted};
use crate::id::{AccountKey, OuPath};

/// What selectors are made over: the declared accounts with their units and tags, and how blocks refer to units and
/// accounts.
#[derive(Debug, Default)]
pub(super) struct Ground {
    /// By account: its unit and its tags.
    pub accounts: BTreeMap<AccountKey, Place>,
    /// How to refer to a unit; the root is among them.
    pub units: BTreeMap<OuPath, String>,
    /// How to refer to an account.
    pub references: BTreeMap<AccountKey, String>,
    /// The accounts in a unit and those below it.
    inside: BTreeMap<OuPath, Accounts>,
}

/// Where an account stands and how it is tagged, as far as the configuration says.
#[derive(Debug, Clone, Default)]
pub(super) struct Place {
    /// The unit; accounts without one count as somewhere below the root.
    pub unit: Option<OuPath>,
    /// Tags.
    pub tags: BTreeMap<Arc<str>, Arc<str>>,
    /// Nobody could read the tags, so that it may have any.
    pub may_have_tags: bool,
}

/// An expression for a list of accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Selector {
    /// The expression.
    pub value: Value,
    /// What decides which accounts are in it later, for the comment.
    pub over: String,
    /// For labels: what the accounts have in common, in a word.
    pub word: String,
    /// How many accounts of those it leaves out.
    pub except: usize,
}

type Accounts = BTreeSet<AccountKey>;

impl Ground {
    /// The selector that means exactly these accounts, if there is a short one.
    pub fn select(&self, wanted: &Accounts) -> Option<Selector> {
        if wanted.len() < 2 {
            return None;
        }
        let unit = self.common_unit(wanted)?;
        let exact = self.unit(&unit, wanted).or_else(|| self.tagged(&unit, wanted));
        // Of two ways to say it, the shorter one.
        let others = [self.several(wanted), self.except(&unit, wanted)]
            .into_iter()
            .flatten();
        exact.or_else(|| others.min_by_key(|selector| selector.value.length()))
    }

    /// The deepest unit that all of them are in.
    fn common_unit(&self, wanted: &Accounts) -> Option<OuPath> {
        let mut units = wanted
            .iter()
            .map(|account| self.accounts.get(account).and_then(|place| place.unit.clone()));
        let mut common = units.next()??;
        for unit in units {
            let Some(unit) = unit else {
                return Some(OuPath::root());
            };
            while !unit.is_within(&common) {
                common = common.parent()?;
            }
        }
        Some(common)
    }

    /// Gets ready to select, once all accounts and units are in.
    pub fn settle(&mut self) {
        self.inside = self
            .units
            .keys()
            .map(|unit| (unit.clone(), Accounts::new()))
            .collect();
        for (account, place) in &self.accounts {
            let mut next = Some(place.unit.clone().unwrap_or_else(OuPath::root));
            while let Some(unit) = next {
                if let Some(inside) = self.inside.get_mut(&unit) {
                    inside.insert(account.clone());
                }
                next = unit.parent();
            }
        }
    }

    fn directly_in(&self, unit: &OuPath) -> Accounts {
        let accounts = self
            .accounts
            .iter()
            .filter(|(_, place)| place.unit.as_ref() == Some(unit));
        accounts.map(|(account, _)| account.clone()).collect()
    }

    /// The expression for all accounts of a unit and those below it, and what the unit is called.
    fn all_of(&self, unit: &OuPath) -> Option<(String, String)> {
        let shown = if unit.is_root() {
            "the organization".to_owned()
        } else {
            unit.to_string()
        };
        Some((format!("{}.accounts", self.units.get(unit)?), shown))
    }

    fn word(unit: &OuPath) -> String {
        if unit.is_root() {
            "everywhere".to_owned()
        } else {
            unit.name().into_owned()
        }
    }

    fn unit(&self, unit: &OuPath, wanted: &Accounts) -> Option<Selector> {
        let (all, over) = self.all_of(unit)?;
        let value = if self.inside.get(unit) == Some(wanted) {
            all
        } else if self.directly_in(unit) == *wanted {
            format!("{}.direct_accounts", self.units.get(unit)?)
        } else {
            return None;
        };
        Some(Selector {
            value: Value::raw(value),
            over,
            word: Self::word(unit),
            except: 0,
        })
    }

    /// A tag says little about two accounts.
    fn tagged(&self, unit: &OuPath, wanted: &Accounts) -> Option<Selector> {
        if wanted.len() < 3 {
            return None;
        }
        let first = self.accounts.get(wanted.first()?)?;
        let inside = self.inside.get(unit)?;
        let may_have_tags = |account| {
            self.accounts
                .get(account)
                .is_some_and(|place| place.may_have_tags)
        };
        if inside.iter().any(may_have_tags) {
            return None;
        }
        let has = |account: &AccountKey, key: &Arc<str>, value: &Arc<str>| {
            self.accounts.get(account).and_then(|place| place.tags.get(key)) == Some(value)
        };
        let (key, value) = first.tags.iter().find(|(key, value)| {
            !value.is_empty()
                && inside
                    .iter()
                    .all(|account| has(account, key, value) == wanted.contains(account))
        })?;
        let (all, over) = self.all_of(unit)?;
        Some(Selector {
            value: Value::raw(format!(
                "[for a in {all} : a if lookup(a.tags, {}, \"\") == {}]",
                quoted(key),
                quoted(value)
            )),
            over: format!("{over} with the tag {key} = {value}"),
            word: value.to_string(),
            except: 0,
        })
    }

    /// Several units, and perhaps a few accounts more.
    fn several(&self, wanted: &Accounts) -> Option<Selector> {
        let mut left = wanted.clone();
        let (mut terms, mut names) = (Vec::new(), Vec::new());
        // Paths come before what is below them, so the widest units are tried first.
        for (unit, inside) in &self.inside {
            if inside.len() >= 2 && inside.len() <= left.len() && inside.is_subset(&left) {
                let (all, shown) = self.all_of(unit)?;
                terms.push(Value::raw(all));
                names.push(shown);
                left.retain(|account| !inside.contains(account));
            }
        }
        if terms.is_empty() || terms.len() + left.len() > wanted.len() / 2 + 1 || terms.len() + left.len() > 6
        {
            return None;
        }
        for account in &left {
            terms.push(Value::raw(self.references.get(account)?));
        }
        let word = match names.as_slice() {
            [one, other] => format!("{one} {other}"),
            _ => "several".to_owned(),
        };
        Some(Selector {
            value: Value::List(terms),
            over: enumeration(&names),
            word,
            except: 0,
        })
    }

    /// A unit without a few of its accounts.
    fn except(&self, unit: &OuPath, wanted: &Accounts) -> Option<Selector> {
        let inside = self.inside.get(unit)?;
        if inside.len() > wanted.len() + 3 {
            return None;
        }
        let missing: Accounts = inside.difference(wanted).cloned().collect();
        if missing.is_empty() || missing.len() > 3 || wanted.len() < 4 * missing.len() {
            return None;
        }
        let (all, over) = self.all_of(unit)?;
        let conditions: Option<Vec<String>> = missing
            .iter()
            .map(|account| Some(format!("a != {}", self.references.get(account)?)))
            .collect();
        Some(Selector {
            value: Value::raw(format!("[for a in {all} : a if {}]", conditions?.join(" && "))),
            over,
            word: Self::word(unit),
            except: missing.len(),
        })
    }
}

/// `a, b and c`
pub(super) fn enumeration(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => one.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::AccountId;

    fn account(n: u32) -> AccountKey {
        AccountKey::Id(AccountId::new(format!("{n:012}")).unwrap())
    }

    /// Accounts 1 and 2 in Prod (tagged), 3 and 4 in Prod/EU, 5 and 6 in Dev, 7 and 8 in the root.
    fn ground() -> Ground {
        let mut ground = Ground::default();
        for (n, unit, env) in [
            (1, "Prod", "p"),
            (2, "Prod", "p"),
            (3, "Prod/EU", "p"),
            (4, "Prod/EU", "q"),
            (5, "Dev", "d"),
            (6, "Dev", ""),
            (7, "", ""),
            (8, "", ""),
        ] {
            let unit = Some(OuPath::new(unit).unwrap());
            let tags = BTreeMap::from([("env".into(), env.into())]);
            let place = Place {
                unit,
                tags,
                ..Place::default()
            };
            ground.accounts.insert(account(n), place);
            ground.references.insert(account(n), format!("account.a{n}"));
        }
        for (path, label) in [("", "root"), ("Prod", "prod"), ("Prod/EU", "eu"), ("Dev", "dev")] {
            ground
                .units
                .insert(OuPath::new(path).unwrap(), format!("organizational_unit.{label}"));
        }
        ground.settle();
        ground
    }

    fn selected(accounts: &[u32]) -> String {
        match ground().select(&accounts.iter().map(|n| account(*n)).collect()) {
            Some(Selector {
                value: Value::Raw(text),
                ..
            }) => text,
            Some(Selector {
                value: Value::List(items),
                ..
            }) => format!("{items:?}"),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn the_smallest_unit_that_means_exactly_the_list_is_named() {
        assert_eq!(
            selected(&[1, 2, 3, 4, 5, 6, 7, 8]),
            "organizational_unit.root.accounts"
        );
        assert_eq!(selected(&[1, 2, 3, 4]), "organizational_unit.prod.accounts");
        assert_eq!(selected(&[1, 2]), "organizational_unit.prod.direct_accounts");
        assert_eq!(selected(&[3, 4]), "organizational_unit.eu.accounts");
        assert_eq!(
            selected(&[1, 2, 3]),
            "[for a in organizational_unit.prod.accounts : a if lookup(a.tags, \"env\", \"\") == \"p\"]"
        );
    }

    #[test]
    fn where_tags_could_not_be_read_none_decides() {
        let mut ground = ground();
        let wanted: Accounts = [1, 2, 3].into_iter().map(account).collect();
        assert!(ground.select(&wanted).is_some());
        let unread = ground.accounts.get_mut(&account(4)).unwrap();
        (unread.may_have_tags, unread.tags) = (true, BTreeMap::new());
        assert_eq!(ground.select(&wanted), None);
    }

    #[test]
    fn several_units_and_exceptions_are_said_so_and_other_lists_are_not_guessed_at() {
        assert_eq!(
            selected(&[1, 2, 3, 4, 5, 6]),
            "[Raw(\"organizational_unit.dev.accounts\"), Raw(\"organizational_unit.prod.accounts\")]"
        );
        assert_eq!(
            selected(&[1, 2, 3, 5, 6, 7, 8]),
            "[for a in organizational_unit.root.accounts : a if a != account.a4]"
        );
        assert_eq!(selected(&[1]), "None");
        assert_eq!(selected(&[1, 5]), "None");
        assert_eq!(selected(&[1, 4, 6]), "None");
    }
}
