//! What is recorded as the rows of a checkpoint, and back.
//!
//! ```text
//! meta                   everything but the two pictures: lineage, serial, instance, outputs, rules, revision,
//!                        frozen principals, unfinished run
//! names/{a,s,p}/N        tables of names that grow at their end: accounts, permission sets, principals
//! {applied,seen}/head    what the relation's ranks mean, its declarations and notes
//! {applied,seen}/a/ID    the access in one account (see `rows`), by the account's place in its table
//! {applied,seen}/K/NN    entities of a kind, spread over buckets by a hash of their key
//! seen/r/ID              the roles in one account
//! ```
//!
//! Places in the tables never change, so that a new name changes no row but the one it is in.

use std::collections::BTreeMap;

use rustc_hash::FxHashMap;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::checkpoint::Rows;
use super::rows::{Cell, decode_access, decode_names, encode_access, encode_names};
use super::{StateError, inconsistent};
use crate::id::{
    AccountId, AccountKey, Email, GroupName, PermissionSetName, PrincipalKey, ServiceId, UserName,
};
use crate::model::access::{Access, Declaration, Names, Note, Pair, Tuple};
use crate::model::record::{Recorded, Seen};
use crate::model::roles::{Provisioning, RoleRow, RoleSuffix};
use crate::model::snapshot::{Entity, Snapshot};

/// Entities of a kind are spread over so many rows.
const BUCKETS: u8 = 64;

/// So many names share a row.
const NAMES_PER_ROW: usize = 512;

/// What a relation's ranks mean, as places in the tables of names.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Relation {
    accounts: Vec<u32>,
    permission_sets: Vec<u32>,
    principals: Vec<u32>,
    declarations: Vec<Declaration>,
    notes: Vec<Note>,
}

/// A table of names, each with a place for ever.
#[derive(Debug, Default)]
struct Table {
    names: Vec<String>,
    places: FxHashMap<String, u32>,
}

impl Table {
    fn place(&mut self, name: String) -> u32 {
        let next = self.names.len() as u32;
        *self.places.entry(name).or_insert_with_key(|name| {
            self.names.push(name.clone());
            next
        })
    }

    fn read(rows: &Rows, table: &str) -> Result<Self, StateError> {
        let mut read = Table::default();
        for (_, row) in with_prefix(rows, &format!("names/{table}/")) {
            for name in decode_names(row).map_err(|error| bad(table, &error))? {
                read.place(name.to_owned());
            }
        }
        Ok(read)
    }

    fn write(&self, table: &str, rows: &mut Rows) {
        for (number, names) in self.names.chunks(NAMES_PER_ROW).enumerate() {
            let row = encode_names(names.iter().map(String::as_str));
            rows.insert(format!("names/{table}/{number:08}").into_bytes(), row);
        }
    }

    fn get(&self, place: u32) -> Result<&str, StateError> {
        self.names
            .get(place as usize)
            .map(String::as_str)
            .ok_or_else(|| bad("names", &"a name is missing"))
    }
}

#[derive(Debug, Default)]
struct Tables {
    accounts: Table,
    permission_sets: Table,
    principals: Table,
}

impl Tables {
    /// The tables of the rows before, unless they are mostly names that nobody uses any more.
    fn of(before: &Rows, recorded: &Recorded) -> Result<Self, StateError> {
        let tables = Tables {
            accounts: Table::read(before, "a")?,
            permission_sets: Table::read(before, "s")?,
            principals: Table::read(before, "p")?,
        };
        let used =
            |names: &Names| names.accounts.len() + names.permission_sets.len() + names.principals.len();
        let in_use = used(&recorded.applied.access.names)
            + recorded
                .seen
                .as_ref()
                .map_or(0, |seen| used(&seen.snapshot.access.names));
        let held =
            tables.accounts.names.len() + tables.permission_sets.names.len() + tables.principals.names.len();
        Ok(if held > 1000 + 3 * in_use {
            Tables::default()
        } else {
            tables
        })
    }
}

/// The rows of what is recorded. `before` are the rows that the store has, whose names keep their places.
///
/// # Errors
/// When the rows before are none, or the relation is not sorted.
pub fn encode(recorded: &Recorded, before: &Rows) -> Result<Rows, StateError> {
    let mut rows = Rows::new();
    let mut tables = Tables::of(before, recorded)?;
    put_snapshot("applied", &recorded.applied, &mut tables, &mut rows)?;
    if let Some(seen) = &recorded.seen {
        put_snapshot("seen", &seen.snapshot, &mut tables, &mut rows)?;
        put_roles(seen, &mut tables, &mut rows)?;
        rows.insert(b"seen/at".to_vec(), pack(&seen.at)?);
        if let Some(around) = &seen.around {
            rows.insert(b"seen/around".to_vec(), pack(around)?);
        }
    }
    tables.accounts.write("a", &mut rows);
    tables.permission_sets.write("s", &mut rows);
    tables.principals.write("p", &mut rows);
    let meta = Recorded {
        lineage: recorded.lineage.clone(),
        serial: recorded.serial,
        instance: recorded.instance.clone(),
        applied: Snapshot::default(),
        seen: None,
        older_roles: recorded.older_roles.clone(),
        outputs: recorded.outputs.clone(),
        rules: recorded.rules.clone(),
        revision: recorded.revision.clone(),
        revision_outdated: recorded.revision_outdated,
        frozen: recorded.frozen.clone(),
        unfinished: recorded.unfinished.clone(),
    };
    rows.insert(b"meta".to_vec(), pack(&meta)?);
    Ok(rows)
}

/// What rows record.
///
/// # Errors
/// When they are not rows that [`encode`] wrote.
pub fn decode(rows: &Rows) -> Result<Recorded, StateError> {
    let Some(meta) = rows.get(&b"meta"[..]) else {
        return Err(bad("meta", &"it is missing"));
    };
    let mut recorded: Recorded = unpack("meta", meta)?;
    let tables = Tables {
        accounts: Table::read(rows, "a")?,
        permission_sets: Table::read(rows, "s")?,
        principals: Table::read(rows, "p")?,
    };
    recorded.applied = get_snapshot("applied", rows, &tables)?;
    if let Some(at) = rows.get(&b"seen/at"[..]) {
        let snapshot = get_snapshot("seen", rows, &tables)?;
        let roles = get_roles(rows, &snapshot.access.names, &tables)?;
        recorded.seen = Some(Seen {
            at: unpack("seen/at", at)?,
            snapshot,
            roles,
            around: rows
                .get(&b"seen/around"[..])
                .map(|row| unpack("seen/around", row))
                .transpose()?,
        });
    }
    Ok(recorded)
}

fn put_snapshot(
    prefix: &str,
    snapshot: &Snapshot,
    tables: &mut Tables,
    rows: &mut Rows,
) -> Result<(), StateError> {
    put_entities(&format!("{prefix}/units"), &snapshot.organizational_units, rows)?;
    put_entities(&format!("{prefix}/accounts"), &snapshot.accounts, rows)?;
    put_entities(&format!("{prefix}/users"), &snapshot.users, rows)?;
    put_entities(&format!("{prefix}/groups"), &snapshot.groups, rows)?;
    put_entities(&format!("{prefix}/sets"), &snapshot.permission_sets, rows)?;
    put_access(prefix, &snapshot.access, tables, rows)
}

fn get_snapshot(prefix: &str, rows: &Rows, tables: &Tables) -> Result<Snapshot, StateError> {
    Ok(Snapshot {
        organizational_units: get_entities(&format!("{prefix}/units"), rows)?,
        accounts: get_entities(&format!("{prefix}/accounts"), rows)?,
        users: get_entities(&format!("{prefix}/users"), rows)?,
        groups: get_entities(&format!("{prefix}/groups"), rows)?,
        permission_sets: get_entities(&format!("{prefix}/sets"), rows)?,
        access: get_access(prefix, rows, tables)?,
    })
}

fn put_entities<K: Serialize, T: Serialize>(
    prefix: &str,
    entities: &BTreeMap<K, Entity<T>>,
    rows: &mut Rows,
) -> Result<(), StateError> {
    let mut buckets: BTreeMap<u8, Vec<(&K, &Entity<T>)>> = BTreeMap::new();
    for (key, entity) in entities {
        let hash = blake3::hash(&pack(key)?);
        let bucket = hash.as_bytes().first().map_or(0, |byte| byte % BUCKETS);
        buckets.entry(bucket).or_default().push((key, entity));
    }
    for (bucket, entities) in buckets {
        rows.insert(format!("{prefix}/{bucket:02}").into_bytes(), pack(&entities)?);
    }
    Ok(())
}

fn get_entities<K: DeserializeOwned + Ord, T: DeserializeOwned>(
    prefix: &str,
    rows: &Rows,
) -> Result<BTreeMap<K, Entity<T>>, StateError> {
    // Every row is in order: sorting these runs merges them, which is less work than to insert one by one.
    let mut entities: Vec<(K, Entity<T>)> = Vec::new();
    for (_, row) in with_prefix(rows, &format!("{prefix}/")) {
        entities.append(&mut unpack(prefix, row)?);
    }
    Ok(entities.into_iter().collect())
}

fn put_access(prefix: &str, access: &Access, tables: &mut Tables, rows: &mut Rows) -> Result<(), StateError> {
    let names = &access.names;
    let relation = Relation {
        accounts: names
            .accounts
            .iter()
            .map(|key| tables.accounts.place(account_text(key)))
            .collect(),
        permission_sets: names
            .permission_sets
            .iter()
            .map(|name| tables.permission_sets.place(name.to_string()))
            .collect(),
        principals: names
            .principals
            .iter()
            .map(|key| tables.principals.place(principal_text(key)))
            .collect(),
        declarations: access.declarations.clone(),
        notes: access.notes.clone(),
    };
    let place = |places: &[u32], rank: u32| places.get(rank as usize).copied().unwrap_or(0);
    let mut cells = Vec::new();
    let mut rest = access.note_of.as_slice();
    for row in access
        .tuples
        .chunk_by(|left, right| left.account() == right.account())
    {
        let (notes, later) = rest.split_at_checked(row.len()).unwrap_or((rest, &[]));
        rest = later;
        cells.clear();
        cells.extend(row.iter().zip(notes).map(|(tuple, note)| Cell {
            set: place(&relation.permission_sets, tuple.permission_set()),
            principal: place(&relation.principals, tuple.principal()),
            note: *note,
        }));
        cells.sort_unstable();
        let account = row
            .first()
            .map_or(0, |tuple| place(&relation.accounts, tuple.account()));
        let row = encode_access(&cells).map_err(|error| inconsistent(&error.to_string()))?;
        rows.insert(format!("{prefix}/a/{account:08x}").into_bytes(), row);
    }
    rows.insert(format!("{prefix}/head").into_bytes(), pack(&relation)?);
    Ok(())
}

fn get_access(prefix: &str, rows: &Rows, tables: &Tables) -> Result<Access, StateError> {
    let head = format!("{prefix}/head");
    let row = rows
        .get(head.as_bytes())
        .ok_or_else(|| bad(&head, &"it is missing"))?;
    let relation: Relation = unpack(&head, row)?;
    let names = relation.names(tables)?;
    let sets = ranks(&relation.permission_sets, tables.permission_sets.names.len());
    let principals = ranks(&relation.principals, tables.principals.names.len());
    let rank = |ranks: &[u32], place: u32| ranks.get(place as usize).copied().unwrap_or(0);
    let (mut tuples, mut note_of) = (Vec::new(), Vec::new());
    let (mut cells, mut unsorted) = (Vec::new(), Vec::new());
    for (account, place) in (0_u32..).zip(&relation.accounts) {
        let key = format!("{prefix}/a/{place:08x}");
        let Some(row) = rows.get(key.as_bytes()) else {
            continue;
        };
        cells.clear();
        decode_access(row, &mut cells).map_err(|error| bad(&key, &error))?;
        unsorted.clear();
        unsorted.extend(cells.iter().map(|cell| {
            (
                Tuple::new(account, rank(&sets, cell.set), rank(&principals, cell.principal)),
                cell.note,
            )
        }));
        // Places are mostly in the order of names, so this mostly finds the row sorted.
        unsorted.sort_unstable();
        tuples.extend(unsorted.iter().map(|(tuple, _)| *tuple));
        note_of.extend(unsorted.iter().map(|(_, note)| *note));
    }
    let access = Access {
        names,
        declarations: relation.declarations,
        notes: relation.notes,
        tuples,
        note_of,
    };
    if access.is_well_formed() {
        Ok(access)
    } else {
        Err(bad(&head, &"its rows contradict each other"))
    }
}

impl Relation {
    fn names(&self, tables: &Tables) -> Result<Names, StateError> {
        fn all<T>(
            places: &[u32],
            table: &Table,
            parse: impl Fn(&str) -> Option<T>,
        ) -> Result<Vec<T>, StateError> {
            let name = |place: &u32| {
                let text = table.get(*place)?;
                parse(text).ok_or_else(|| bad("names", &format!("`{text}` is none")))
            };
            places.iter().map(name).collect()
        }
        Ok(Names {
            accounts: all(&self.accounts, &tables.accounts, account_key)?,
            permission_sets: all(&self.permission_sets, &tables.permission_sets, |text| {
                PermissionSetName::new(text).ok()
            })?,
            principals: all(&self.principals, &tables.principals, principal_key)?,
        })
    }
}

/// For each place in a table, the rank it has in the relation.
fn ranks(places: &[u32], length: usize) -> Vec<u32> {
    let mut ranks = vec![0; length];
    for (rank, place) in (0_u32..).zip(places) {
        if let Some(slot) = ranks.get_mut(*place as usize) {
            *slot = rank;
        }
    }
    ranks
}

/// A role as it is stored: the set's place, the suffix, and whether it is up to date.
type StoredRole = (u32, Option<u64>, u8);

fn put_roles(seen: &Seen, tables: &mut Tables, rows: &mut Rows) -> Result<(), StateError> {
    let names = &seen.snapshot.access.names;
    let sets: Vec<u32> = names
        .permission_sets
        .iter()
        .map(|name| tables.permission_sets.place(name.to_string()))
        .collect();
    for roles in seen
        .roles
        .chunk_by(|left, right| left.pair.account() == right.pair.account())
    {
        let account = roles.first().and_then(|role| names.account(role.pair.account()));
        let account = account.ok_or_else(|| inconsistent("a role is in an account without a name"))?;
        let stored: Vec<StoredRole> = roles
            .iter()
            .map(|role| {
                let set = sets
                    .get(role.pair.permission_set() as usize)
                    .copied()
                    .unwrap_or(0);
                (
                    set,
                    role.suffix.map(|suffix| suffix.0),
                    provisioning_code(role.provisioning),
                )
            })
            .collect();
        let place = tables.accounts.place(account_text(account));
        let row = postcard::to_stdvec(&stored).map_err(|error| inconsistent(&error.to_string()))?;
        rows.insert(format!("seen/r/{place:08x}").into_bytes(), row);
    }
    Ok(())
}

fn get_roles(rows: &Rows, names: &Names, tables: &Tables) -> Result<Vec<RoleRow>, StateError> {
    let set_ranks: FxHashMap<&str, u32> = names
        .permission_sets
        .iter()
        .map(PermissionSetName::as_str)
        .zip(0..)
        .collect();
    let mut roles = Vec::new();
    for (account, key) in (0_u32..).zip(&names.accounts) {
        let Some(place) = tables.accounts.places.get(&account_text(key)) else {
            continue;
        };
        let key = format!("seen/r/{place:08x}");
        let Some(row) = rows.get(key.as_bytes()) else {
            continue;
        };
        let stored: Vec<StoredRole> = postcard::from_bytes(row).map_err(|error| bad(&key, &error))?;
        for (set, suffix, code) in stored {
            let name = tables.permission_sets.get(set)?;
            let rank = set_ranks
                .get(name)
                .copied()
                .ok_or_else(|| bad(&key, &"a permission set is missing"))?;
            let provisioning = provisioning(code).ok_or_else(|| bad(&key, &"a role has no known status"))?;
            roles.push(RoleRow {
                pair: Pair::new(account, rank),
                suffix: suffix.map(RoleSuffix),
                provisioning,
            });
        }
    }
    roles.shrink_to_fit();
    Ok(roles)
}

fn provisioning_code(provisioning: Provisioning) -> u8 {
    match provisioning {
        Provisioning::Latest => 0,
        Provisioning::Stale => 1,
        Provisioning::Tampered => 2,
    }
}

fn provisioning(code: u8) -> Option<Provisioning> {
    [Provisioning::Latest, Provisioning::Stale, Provisioning::Tampered]
        .get(usize::from(code))
        .copied()
}

fn account_text(key: &AccountKey) -> String {
    match key {
        AccountKey::Id(id) => format!("i{id}"),
        AccountKey::Email(email) => format!("e{email}"),
    }
}

fn account_key(text: &str) -> Option<AccountKey> {
    match text.split_at_checked(1)? {
        ("i", id) => AccountId::new(id).ok().map(AccountKey::Id),
        ("e", email) => Email::new(email).ok().map(AccountKey::Email),
        _ => None,
    }
}

fn principal_text(key: &PrincipalKey) -> String {
    let kind = match key {
        PrincipalKey::Group(_) => 'g',
        PrincipalKey::User(_) => 'u',
        PrincipalKey::OrphanGroup(_) => 'G',
        PrincipalKey::OrphanUser(_) => 'U',
    };
    format!("{kind}{}", key.name())
}

fn principal_key(text: &str) -> Option<PrincipalKey> {
    match text.split_at_checked(1)? {
        ("g", name) => GroupName::new(name).ok().map(PrincipalKey::Group),
        ("u", name) => UserName::new(name).ok().map(PrincipalKey::User),
        ("G", id) => ServiceId::new(id).ok().map(PrincipalKey::OrphanGroup),
        ("U", id) => ServiceId::new(id).ok().map(PrincipalKey::OrphanUser),
        _ => None,
    }
}

fn with_prefix<'a>(rows: &'a Rows, prefix: &str) -> impl Iterator<Item = (&'a Vec<u8>, &'a Vec<u8>)> {
    let prefix = prefix.as_bytes().to_vec();
    rows.range(prefix.clone()..)
        .take_while(move |(key, _)| key.starts_with(&prefix))
}

fn pack<T: Serialize + ?Sized>(value: &T) -> Result<Vec<u8>, StateError> {
    rmp_serde::to_vec_named(value).map_err(|error| inconsistent(&format!("a row cannot be written: {error}")))
}

fn unpack<T: DeserializeOwned>(key: &str, bytes: &[u8]) -> Result<T, StateError> {
    rmp_serde::from_slice(bytes).map_err(|error| bad(key, &error))
}

fn bad(key: &str, problem: &dyn std::fmt::Display) -> StateError {
    inconsistent(&format!("the checkpoint's row `{key}` cannot be read: {problem}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::checkpoint::Ledger;
    use crate::state::fold::fold;
    use crate::state::journal::Position;
    use crate::state::testing::{Grants, observed, run_of_entities, run_of_grants};

    fn grants(accounts: std::ops::Range<u32>, groups: &[&str]) -> Grants {
        let key = |n: u32, group: &str| (n, ["admin", "view"][n as usize % 2].to_owned(), group.to_owned());
        let made = accounts
            .flat_map(|n| {
                groups
                    .iter()
                    .map(move |group| (key(n, group), [format!("b{}", n % 3)].into()))
            })
            .collect();
        Grants {
            made,
            ..Grants::default()
        }
    }

    fn recorded(grants: &Grants) -> Recorded {
        let mut entries = run_of_entities("first");
        entries.extend(run_of_grants("second", grants));
        entries.push(observed(grants));
        fold(Recorded::default(), &entries).unwrap()
    }

    #[test]
    fn everything_recorded_comes_back() {
        for state in [Recorded::default(), recorded(&grants(1..9, &["ops", "dev"]))] {
            let rows = encode(&state, &Rows::new()).unwrap();
            assert_eq!(decode(&rows).unwrap(), state);
        }
    }

    #[test]
    fn a_new_name_in_front_leaves_the_rows_of_other_accounts_as_they_are() {
        let before = recorded(&grants(5..50, &["ops", "dev"]));
        let rows = encode(&before, &Rows::new()).unwrap();
        // An account and a group that sort before all others.
        let made = [(
            (1, "admin".to_owned(), "aaa".to_owned()),
            ["b1".to_owned()].into(),
        )]
        .into();
        let more = run_of_grants(
            "third",
            &Grants {
                made,
                ..Grants::default()
            },
        );
        let after = fold(before, &more).unwrap();
        let next = encode(&after, &rows).unwrap();
        assert_eq!(decode(&next).unwrap(), after);
        let (_, head) = Ledger::default().difference(rows.clone(), Position::start());
        let (changes, _) = Ledger::of(&head, &rows).difference(next, Position::start());
        let access = |key: &&[u8]| key.starts_with(b"applied/a/");
        let changed: Vec<&[u8]> = changes
            .iter()
            .map(|change| &change.key[..])
            .filter(access)
            .collect();
        assert_eq!(changed.len(), 1, "only the new account's row");
    }

    #[test]
    fn tables_that_are_mostly_unused_begin_anew() {
        let many = recorded(&grants(0..1500, &["ops"]));
        let rows = encode(&many, &Rows::new()).unwrap();
        let few = recorded(&grants(0..3, &["ops"]));
        let next = encode(&few, &rows).unwrap();
        assert_eq!(decode(&next).unwrap(), few);
        assert_eq!(with_prefix(&next, "names/a/").count(), 1);
    }

    #[test]
    fn missing_rows_are_errors() {
        let rows = encode(&recorded(&grants(1..9, &["ops"])), &Rows::new()).unwrap();
        for key in ["meta", "applied/head", "names/a/00000000"] {
            let mut rows = rows.clone();
            rows.remove(key.as_bytes()).unwrap();
            assert!(decode(&rows).is_err(), "{key}");
        }
    }
}
