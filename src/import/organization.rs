//! Units as a tree, accounts by id.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::rules::tags;
use crate::config::syntax::write::{Block, Item, Value, quoted};
use crate::id::{AccountKey, OuPath};
use crate::model::account::{Account, AccountStatus};
use crate::model::snapshot::Snapshot;

use super::access::Grants;
use super::labels::Labels;
use super::select::{Ground, Place, enumeration};
use super::table::line;
use super::{LeftOut, Named, can_be_written};

/// Units and accounts as blocks.
#[derive(Debug, Default)]
pub(super) struct Organization {
    pub items: Vec<Item>,
    pub accounts: BTreeMap<AccountKey, Named>,
    pub ground: Ground,
    /// `accounts.csv`
    pub table: Option<String>,
}

/// From this many accounts on, a table is easier to read and to edit than blocks.
const MANY_ACCOUNTS: usize = 10;

impl Organization {
    /// Every unit and account that was read, and those that grants name although the organization could not be read.
    pub fn of(snapshot: &Snapshot, grants: &Grants, left_out: &mut Vec<LeftOut>) -> Self {
        let mut this = Organization::default();
        this.units(snapshot);
        this.accounts(snapshot, &grants.accounts());
        this.ground.settle();
        left_out.extend(unread_tags(snapshot));
        this
    }

    fn units(&mut self, snapshot: &Snapshot) {
        let mut labels = Labels::without(&["root"]);
        self.ground
            .units
            .insert(OuPath::root(), "organizational_unit.root".to_owned());
        for path in snapshot.organizational_units.keys() {
            let Some(parent) = path.parent() else { continue };
            let Some(above) = self.ground.units.get(&parent).cloned() else {
                continue;
            };
            if !can_be_written(path.as_str()) {
                continue;
            }
            let name = path.name();
            let label = labels.give(&[&name, path.as_str()], "unit");
            let mut block = Block::new("organizational_unit", [label.as_str()]);
            block = block.with_some("name", (name != label).then(|| Value::text(&*name)));
            block = block.with_some("parent", (!parent.is_root()).then(|| Value::raw(above)));
            self.ground
                .units
                .insert(path.clone(), format!("organizational_unit.{label}"));
            self.items.extend([Item::Block(block), Item::Blank]);
        }
    }

    fn accounts(&mut self, snapshot: &Snapshot, granted: &BTreeSet<AccountKey>) {
        let unread = granted.iter().filter(|key| !snapshot.accounts.contains_key(key));
        let unread: Vec<(&AccountKey, Option<&Account>)> = unread.map(|key| (key, None)).collect();
        let read = snapshot
            .accounts
            .iter()
            .map(|(key, account)| (key, Some(&account.value)));
        // Units first, as a person would group them; the key decides within one.
        let mut sorted: Vec<(&AccountKey, Option<&Account>)> = unread.into_iter().chain(read).collect();
        sorted.sort_by_key(|(key, account)| (account.and_then(|account| account.ou.clone()), (*key).clone()));
        for (key, account) in &sorted {
            let mut place = account.map(place).unwrap_or_default();
            place.unit = place.unit.filter(|unit| self.ground.units.contains_key(unit));
            self.ground.accounts.insert((*key).clone(), place);
        }
        let rows = self.rows(&sorted);
        let tabled: BTreeSet<&AccountKey> = if rows.len() >= MANY_ACCOUNTS {
            rows.iter().map(|row| row.key).collect()
        } else {
            BTreeSet::new()
        };
        if !tabled.is_empty() {
            self.table(&rows);
        }
        let mut labels = Labels::without(&["named"]);
        for (key, account) in sorted {
            let AccountKey::Id(id) = key else { continue };
            let name = account.map_or("", |account| &account.name);
            let label = labels.give(&[name, &format!("{name} {id}")], "account");
            let named = if tabled.contains(key) {
                Named::instance("account.named", name, &label)
            } else {
                let status = account.map(|account| account.status).unwrap_or_default();
                if status != AccountStatus::Active {
                    self.items.push(Item::Comment(remark(status).to_owned()));
                }
                let block = self.account(&label, id.as_str(), name, key);
                self.items.extend([Item::Block(block), Item::Blank]);
                Named::new("account", &label)
            };
            self.ground
                .references
                .insert(key.clone(), named.reference.clone());
            self.accounts.insert(key.clone(), named);
        }
    }

    fn account(&self, label: &str, id: &str, name: &str, key: &AccountKey) -> Block {
        let place = self.ground.accounts.get(key).cloned().unwrap_or_default();
        let unit = place.unit.as_ref().and_then(|unit| self.ground.units.get(unit));
        let named = !name.is_empty() && name != label && can_be_written(name);
        let tags = place
            .tags
            .iter()
            .map(|(key, value)| (key.to_string(), Value::text(&**value)));
        let tags: Vec<(String, Value)> = tags.collect();
        Block::new("account", [label])
            .with("id", Value::text(id))
            .with_some("name", named.then(|| Value::text(name)))
            .with_some("ou", unit.map(Value::raw))
            .with_some("tags", (!tags.is_empty()).then_some(Value::Object(tags)))
    }

    /// The accounts that a table can say everything about: active, with a name of their own, in a known unit, with
    /// tags that could be read, and without a tag that is empty, which in a table is no tag.
    fn rows<'a>(&self, sorted: &[(&'a AccountKey, Option<&'a Account>)]) -> Vec<Row<'a>> {
        let mut count: BTreeMap<&str, usize> = BTreeMap::new();
        for (_, account) in sorted {
            *count
                .entry(account.map_or("", |account| &account.name))
                .or_default() += 1;
        }
        let row = |(key, account): &(&'a AccountKey, Option<&'a Account>)| {
            let account = (*account)?;
            let place = self.ground.accounts.get(*key)?.clone();
            let unit = self
                .ground
                .units
                .get(place.unit.as_ref()?)?
                .strip_prefix("organizational_unit.")?
                .to_owned();
            let name: &'a str = &account.name;
            let plain = !name.is_empty()
                && !place.may_have_tags
                && can_be_written(name)
                && !name.contains(['\r', '\n']);
            let good = plain
                && count.get(name) == Some(&1)
                && account.status == AccountStatus::Active
                && place
                    .tags
                    .iter()
                    .all(|(key, value)| !value.is_empty() && !format!("{key}{value}").contains(['\r', '\n']));
            let AccountKey::Id(id) = key else { return None };
            good.then(|| Row {
                key,
                name,
                id: id.as_str(),
                unit,
                tags: place.tags,
            })
        };
        sorted.iter().filter_map(row).collect()
    }

    /// One block for all accounts of the table.
    fn table(&mut self, rows: &[Row<'_>]) {
        let keys: BTreeSet<&str> = rows
            .iter()
            .flat_map(|row| row.tags.keys())
            .map(|key| &**key)
            .collect();
        let columns: Vec<String> = keys.iter().map(|key| format!("tag:{key}")).collect();
        let mut head = vec!["name", "id", "ou"];
        head.extend(columns.iter().map(String::as_str));
        let mut text = line(&head);
        for row in rows {
            let mut fields = vec![row.name, row.id, row.unit.as_str()];
            fields.extend(
                keys.iter()
                    .map(|key| row.tags.get(*key).map_or("", |value| &**value)),
            );
            text.push_str(&line(&fields));
        }
        self.table = Some(text);
        let locals = Block::new("locals", []).with(
            "accounts",
            Value::raw("csvdecode(file(\"${path.module}/accounts.csv\"))"),
        );
        let mut block = Block::new("account", ["named"]).with(
            "for_each",
            Value::raw("{ for a in local.accounts : a.name => a }"),
        );
        block.items.push(Item::Blank);
        // The root is no block, so it is not among the blocks by label.
        let unit = if rows.iter().any(|row| row.unit == "root") {
            "each.value.ou == \"root\" ? organizational_unit.root : organizational_unit[each.value.ou]"
        } else {
            "organizational_unit[each.value.ou]"
        };
        let keys: Vec<String> = keys.into_iter().map(quoted).collect();
        let tags = format!(
            "{{ for key in [{}] : key => each.value[\"tag:${{key}}\"] if each.value[\"tag:${{key}}\"] != \"\" }}",
            keys.join(", ")
        );
        let block = block
            .with("id", Value::raw("each.value.id"))
            .with("name", Value::raw("each.key"))
            .with("ou", Value::raw(unit))
            .with_some("tags", (!keys.is_empty()).then(|| Value::raw(tags)));
        self.items
            .extend([Item::Block(locals), Item::Blank, Item::Block(block), Item::Blank]);
    }
}

/// An account in a table.
struct Row<'a> {
    key: &'a AccountKey,
    name: &'a str,
    id: &'a str,
    /// The label of its unit.
    unit: String,
    tags: BTreeMap<Arc<str>, Arc<str>>,
}

/// Where an account stands, and its tags if all of them can be declared.
fn place(account: &Account) -> Place {
    let tags: BTreeMap<Arc<str>, Arc<str>> = account.tags.clone().unwrap_or_default();
    let good = tags::count(tags.len()).is_none()
        && tags.iter().all(|(key, value)| {
            tags::tag(key, Some(value)).is_none() && can_be_written(key) && can_be_written(value)
        });
    Place {
        unit: account.ou.clone(),
        tags: if good { tags } else { BTreeMap::new() },
        may_have_tags: account.tags.is_none(),
    }
}

/// Accounts whose tags nobody could read: their blocks say nothing about tags.
fn unread_tags(snapshot: &Snapshot) -> Option<LeftOut> {
    /// So many are named.
    const NAMED: usize = 3;
    let accounts = snapshot.accounts.iter();
    let unread: Vec<String> = accounts
        .filter(|(_, account)| account.value.tags.is_none())
        .map(|(key, _)| snapshot.account_name(key))
        .collect();
    let mut named: Vec<String> = unread.iter().take(NAMED).cloned().collect();
    if unread.len() > NAMED {
        named.push(format!("{} more", unread.len() - NAMED));
    }
    let plural = if unread.len() == 1 { "" } else { "s" };
    (!unread.is_empty()).then(|| LeftOut {
        what: format!("tags of account{plural} {}", enumeration(&named)),
        why: "they could not be read; the blocks say nothing about them".to_owned(),
    })
}

fn remark(status: AccountStatus) -> &'static str {
    match status {
        AccountStatus::Active => "",
        AccountStatus::PendingActivation => "Not active yet.",
        AccountStatus::Suspended => "Suspended: nothing is granted or revoked here.",
        AccountStatus::PendingClosure => "About to be closed: nothing is granted or revoked here.",
        AccountStatus::Closed => "Closed.",
    }
}
