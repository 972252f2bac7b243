//! Access as assignment blocks.

use std::collections::{BTreeMap, BTreeSet};

use crate::address::Kind;
use crate::config::syntax::write::{Block, Item, Value};
use crate::id::{AccountKey, PermissionSetName, PrincipalKey};
use crate::model::access::{self as relation, Tuple};
use crate::model::instance::{Held, HeldSubject, Observed};
use crate::model::matching::Matching;
use crate::model::snapshot::Snapshot;

use super::cover::{Grant, Product, covers};
use super::labels::Labels;
use super::select::{Ground, Selector, enumeration};
use super::{LeftOut, Named, Names, Options, can_be_written, service_pattern};

/// A list of accounts that several blocks name gets a name of its own from this length on.
const LONG_LIST: usize = 4;

/// A list is written as another one and at most so many accounts more.
const A_FEW: usize = 3;

/// And only where that is so many times as short.
const SHORTER: usize = 4;

/// The grants that can be declared.
#[derive(Debug, Default)]
pub(super) struct Grants {
    /// What the ranks mean.
    names: relation::Names,
    tuples: Vec<Tuple>,
    scope: Option<Matching>,
    /// The ids of users and groups that are gone, whose grants are left out.
    pub deleted: BTreeSet<String>,
}

impl Grants {
    /// Everything observed but the grants of service-owned sets, of principals that are gone, and of what cannot be
    /// named; the latter two are reported.
    pub fn of(observed: &Observed, options: &Options, left_out: &mut Vec<LeftOut>) -> Self {
        let snapshot = &observed.snapshot;
        // `validate` reports patterns that are no globs.
        let matching = |matcher| Matching::new(matcher, &mut Vec::new());
        let ignore = options.ignore.iter().map(|rule| matching(&rule.matcher));
        let ignore: Vec<Matching> = ignore.collect();
        let mut this = Grants {
            names: snapshot.access.names.clone(),
            tuples: Vec::new(),
            scope: options.scope.as_ref().map(matching),
            deleted: BTreeSet::new(),
        };
        let lacks = Lacks::of(observed);
        let mut outside = 0_u64;
        let mut lost: Lost<'_> = BTreeMap::new();
        for tuple in &snapshot.access.tuples {
            let is = |rule: &Matching| this.matches(rule, snapshot, *tuple);
            if lacks.is_service_owned(*tuple) || ignore.iter().any(is) {
                continue;
            }
            if this.scope.as_ref().is_some_and(|scope| !is(scope)) {
                outside += 1;
                continue;
            }
            match lacks.lack(*tuple) {
                None => this.tuples.push(*tuple),
                Some(lack) => {
                    this.deleted.extend(lacks.gone.get(&tuple.principal()).cloned());
                    let entry = lost.entry(lack).or_default();
                    entry.0.insert(tuple.permission_set());
                    entry.1 += 1;
                }
            }
        }
        if outside > 0 {
            left_out.push(LeftOut {
                what: counted(outside),
                why: "outside the stack's scope".to_owned(),
            });
        }
        left_out.extend(lost.iter().map(|(lack, of)| this.left_out(lack, of)));
        this
    }

    fn left_out(&self, (who, why): &Lack, (sets, count): &(BTreeSet<u32>, u64)) -> LeftOut {
        let sets = sets.iter().filter_map(|set| self.names.permission_set(*set));
        let sets: Vec<&str> = sets.map(PermissionSetName::as_str).collect();
        LeftOut {
            what: format!("{} of {who} ({})", counted(*count), sets.join(", ")),
            why: (*why).to_owned(),
        }
    }

    fn matches(&self, rule: &Matching, snapshot: &Snapshot, tuple: Tuple) -> bool {
        let names = &self.names;
        let set = names.permission_set(tuple.permission_set());
        let principal = names.principal(tuple.principal());
        set.is_some_and(|set| rule.permission_set(set))
            && principal.is_some_and(|principal| rule.principal(principal))
            && names.account(tuple.account()).is_some_and(|key| {
                let account = snapshot.accounts.get(key);
                rule.account(key, account.map(|account| &*account.value.name))
            })
    }

    /// Whether the stack may own a set, and not only refer to it: a scope that is about accounts or principals leaves
    /// the same set to others elsewhere.
    pub fn owns_set(&self, name: &PermissionSetName) -> bool {
        self.scope
            .as_ref()
            .is_none_or(|scope| scope.only_permission_sets() && scope.permission_set(name))
    }

    /// Whether the stack may own users and groups: a scope is about access, and they belong to everybody.
    pub fn owns_people(&self) -> bool {
        self.scope.is_none()
    }

    fn ranks(&self, rank: impl Fn(Tuple) -> u32) -> BTreeSet<u32> {
        self.tuples.iter().map(|tuple| rank(*tuple)).collect()
    }

    /// The accounts in which something is granted.
    pub fn accounts(&self) -> BTreeSet<AccountKey> {
        let ranks = self.ranks(Tuple::account).into_iter();
        ranks
            .filter_map(|rank| self.names.account(rank).cloned())
            .collect()
    }

    /// The permission sets that are granted.
    pub fn permission_sets(&self) -> BTreeSet<PermissionSetName> {
        let ranks = self.ranks(Tuple::permission_set).into_iter();
        ranks
            .filter_map(|rank| self.names.permission_set(rank).cloned())
            .collect()
    }

    /// The principals to which something is granted.
    pub fn principals(&self) -> BTreeSet<PrincipalKey> {
        let ranks = self.ranks(Tuple::principal).into_iter();
        ranks
            .filter_map(|rank| self.names.principal(rank).cloned())
            .collect()
    }
}

fn counted(count: u64) -> String {
    match count {
        1 => "1 grant".to_owned(),
        count => format!("{count} grants"),
    }
}

/// Of whom or what grants are that cannot be declared, and why not.
type Lack = (String, &'static str);

/// The sets in which grants of a kind were left out, by rank, and how many grants.
type Lost<'l> = BTreeMap<&'l Lack, (BTreeSet<u32>, u64)>;

/// By rank, what keeps grants from being declared.
struct Lacks {
    service_owned: Vec<bool>,
    sets: Vec<Option<Lack>>,
    principals: Vec<Option<Lack>>,
    /// The ids of users and groups that the identity store no longer knows, by rank.
    gone: BTreeMap<u32, String>,
}

impl Lacks {
    fn of(observed: &Observed) -> Self {
        let snapshot = &observed.snapshot;
        let (sets, principals) = (
            &snapshot.access.names.permission_sets,
            &snapshot.access.names.principals,
        );
        let gone = (0_u32..)
            .zip(principals)
            .filter(|(_, who)| is_gone(observed, who));
        let principals = principals.iter();
        Lacks {
            gone: gone.map(|(rank, who)| (rank, who.name().to_owned())).collect(),
            service_owned: sets.iter().map(|set| service_pattern(set).is_some()).collect(),
            sets: sets.iter().map(|set| lacking_set(snapshot, set)).collect(),
            principals: principals.map(|who| lacking_principal(observed, who)).collect(),
        }
    }

    fn is_service_owned(&self, tuple: Tuple) -> bool {
        self.service_owned.get(tuple.permission_set() as usize) == Some(&true)
    }

    fn lack(&self, tuple: Tuple) -> Option<&Lack> {
        let of_principal = self.principals.get(tuple.principal() as usize);
        let of_set = || self.sets.get(tuple.permission_set() as usize)?.as_ref();
        of_principal.and_then(Option::as_ref).or_else(of_set)
    }
}

/// Whether the identity store no longer knows a principal. One that could not be read is known by its id alone, too.
fn is_gone(observed: &Observed, principal: &PrincipalKey) -> bool {
    let kind = match principal {
        PrincipalKey::OrphanGroup(_) => Kind::Group,
        PrincipalKey::OrphanUser(_) => Kind::User,
        _ => return false,
    };
    let is_it = |held: &Held| matches!(&held.subject, HeldSubject::Principal(one) if one == principal);
    !observed.is_unread(kind) && !observed.held.iter().any(is_it)
}

fn lacking_principal(observed: &Observed, principal: &PrincipalKey) -> Option<Lack> {
    let snapshot = &observed.snapshot;
    let there = match principal {
        PrincipalKey::Group(name) => snapshot.groups.contains_key(name),
        PrincipalKey::User(name) => snapshot.users.contains_key(name),
        PrincipalKey::OrphanGroup(_) | PrincipalKey::OrphanUser(_) => false,
    };
    let why = if is_gone(observed, principal) {
        "the identity store no longer knows it; remove the grants in the service"
    } else if !there {
        "it could not be read"
    } else if !can_be_written(principal.name()) {
        "its name is not in composed Unicode form (NFC), which configuration is"
    } else {
        return None;
    };
    Some((principal.to_string(), why))
}

fn lacking_set(snapshot: &Snapshot, set: &PermissionSetName) -> Option<Lack> {
    let there = snapshot.permission_sets.contains_key(set);
    (!there).then(|| (format!("permission set {set}"), "the set could not be read"))
}

/// Assignment blocks.
#[derive(Debug, Default)]
pub(super) struct Written {
    pub items: Vec<Item>,
    pub blocks: usize,
    pub grants: usize,
}

/// So many blocks that differ in their one principal and their accounts alone are one block with `for_each`.
const ALIKE: usize = 3;

/// Blocks that declare the grants.
pub(super) fn assignments(grants: &Grants, names: &Names, ground: &Ground, infer: bool) -> Written {
    let ranks = Ranks::of(grants, names, ground);
    let mut writer = Writer {
        ranks: &ranks,
        ground,
        infer,
        labels: Labels::default(),
        lists: BTreeMap::new(),
        selectors: BTreeMap::new(),
    };
    let found = covers(&ranks.grants);
    for products in &found {
        writer.select(products);
    }
    let products = found
        .into_iter()
        .min_by_key(|products| writer.weight(products))
        .unwrap_or_default();
    let locals = writer.name_lists(&products);
    let mut items = Vec::new();
    if !locals.items.is_empty() {
        items.extend([Item::Block(locals), Item::Blank]);
    }
    let groups = writer.alike(&products);
    for group in &groups {
        items.extend(match group.as_slice() {
            [product] => writer.assignment(product),
            several => writer.for_each(several),
        });
        items.push(Item::Blank);
    }
    Written {
        items,
        blocks: groups.len(),
        grants: ranks.grants.len(),
    }
}

/// The grants as ranks in sorted tables of what can be referred to.
struct Ranks<'n> {
    accounts: Vec<(&'n AccountKey, &'n Named)>,
    sets: Vec<&'n Named>,
    principals: Vec<&'n Named>,
    grants: Vec<Grant>,
}

impl<'n> Ranks<'n> {
    fn of(grants: &Grants, names: &'n Names, ground: &Ground) -> Self {
        fn ranks<'k, K: Ord + 'k>(table: &[K], names: impl Iterator<Item = &'k K>) -> Vec<Option<u32>> {
            let known: BTreeMap<&K, u32> = names.zip(0..).collect();
            table.iter().map(|key| known.get(key).copied()).collect()
        }
        // Lists of accounts are in the order of ranks: by unit and name, as a person would write them.
        let mut sorted: Vec<(&AccountKey, &Named)> = names.accounts.iter().collect();
        sorted.sort_by_key(|(key, named)| {
            let place = ground.accounts.get(*key);
            (place.and_then(|place| place.unit.as_ref()), &named.label, *key)
        });
        let of = |table: &[Option<u32>], rank: u32| table.get(rank as usize).copied().flatten();
        let accounts = ranks(&grants.names.accounts, sorted.iter().map(|(key, _)| *key));
        let sets = ranks(&grants.names.permission_sets, names.permission_sets.keys());
        let principals = ranks(&grants.names.principals, names.principals.keys());
        let ranked = grants.tuples.iter().filter_map(|tuple| {
            Some([
                of(&accounts, tuple.account())?,
                of(&sets, tuple.permission_set())?,
                of(&principals, tuple.principal())?,
            ])
        });
        Ranks {
            accounts: sorted,
            sets: names.permission_sets.values().collect(),
            principals: names.principals.values().collect(),
            grants: ranked.collect(),
        }
    }
}

struct Writer<'r> {
    ranks: &'r Ranks<'r>,
    ground: &'r Ground,
    infer: bool,
    labels: Labels,
    /// Lists that have a name.
    lists: BTreeMap<Vec<u32>, Named>,
    /// What selects a list of accounts, for the lists seen so far.
    selectors: BTreeMap<Vec<u32>, Option<Selector>>,
}

impl Writer<'_> {
    /// Finds selectors for the account lists of a cover.
    fn select(&mut self, products: &[Product]) {
        for product in products {
            let [accounts, ..] = &product.sides;
            if !self.selectors.contains_key(accounts) {
                let keys = accounts
                    .iter()
                    .filter_map(|rank| self.ranks.accounts.get(*rank as usize));
                let selector = self.ground.select(&keys.map(|(key, _)| (*key).clone()).collect());
                self.selectors.insert(accounts.clone(), selector);
            }
        }
    }

    fn selector(&self, accounts: &Vec<u32>) -> Option<&Selector> {
        self.selectors.get(accounts)?.as_ref()
    }

    /// How much there is to read in a cover: blocks first, then names.
    fn weight(&self, products: &[Product]) -> (usize, usize) {
        let accounts = |product: &Product| {
            let [accounts, ..] = &product.sides;
            if self.infer && self.selector(accounts).is_some() {
                2
            } else {
                accounts.len()
            }
        };
        let groups = self.alike(products);
        let names = groups.iter().map(|group| match group.as_slice() {
            [product] => {
                let [_, sets, principals] = &product.sides;
                sets.len() + principals.len() + accounts(product)
            }
            several => several.iter().map(|product| 1 + accounts(product)).sum(),
        });
        (groups.len(), names.sum())
    }

    fn listed(&self, accounts: &[u32]) -> Value {
        let named = accounts
            .iter()
            .filter_map(|rank| self.ranks.accounts.get(*rank as usize));
        Value::List(named.map(|(_, named)| Value::raw(&*named.reference)).collect())
    }

    /// Long lists that several blocks name, as locals.
    fn name_lists(&mut self, products: &[Product]) -> Block {
        let mut uses: BTreeMap<&Vec<u32>, usize> = BTreeMap::new();
        for product in products {
            let [accounts, ..] = &product.sides;
            *uses.entry(accounts).or_default() += 1;
        }
        // The tables' locals have their names already.
        let mut labels = Labels::without(&["accounts", "people", "groups"]);
        let mut locals = Block::new("locals", []);
        for (accounts, count) in uses {
            let selector = self.selector(accounts).cloned();
            if count < 2 || accounts.len() < LONG_LIST || (self.infer && selector.is_some()) {
                continue;
            }
            let word = selector
                .as_ref()
                .map(|selector| format!("{} accounts", selector.word));
            let label = labels.give(&[word.as_deref().unwrap_or("account list")], "accounts");
            if let Some(selector) = selector {
                let but = match selector.except {
                    0 => String::new(),
                    count => format!(", but for {count}"),
                };
                let comment = format!(
                    "Today these are the accounts of {}{but}; new ones are not in the list by themselves.",
                    selector.over
                );
                locals.items.push(Item::Comment(comment));
            }
            locals
                .items
                .extend([Item::Attribute(label.clone(), self.listed(accounts)), Item::Blank]);
            self.lists.insert(accounts.clone(), Named::new("local", &label));
        }
        if locals.items.last() == Some(&Item::Blank) {
            locals.items.pop();
        }
        locals
    }

    /// Products that one block with `for_each` declares, in the order of their first ones; most stand alone.
    fn alike<'p>(&self, products: &'p [Product]) -> Vec<Vec<&'p Product>> {
        let kind = |product: &Product| {
            let [_, sets, principals] = &product.sides;
            let [principal] = pick(&self.ranks.principals, principals)[..] else {
                return None;
            };
            Some((sets.clone(), principal.family.clone()))
        };
        let mut groups: BTreeMap<_, Vec<&Product>> = BTreeMap::new();
        for product in products {
            if let Some(kind) = kind(product) {
                groups.entry(kind).or_default().push(product);
            }
        }
        // A principal that has the sets in two products has no one list of accounts.
        groups.retain(|_, group| {
            let principals: BTreeSet<&Vec<u32>> =
                group.iter().map(|product| principals_of(product)).collect();
            group.len() >= ALIKE && principals.len() == group.len()
        });
        let mut out = Vec::new();
        for product in products {
            match kind(product).and_then(|kind| groups.get(&kind)) {
                None => out.push(vec![product]),
                Some(group) if group.first() == Some(&product) => out.push(group.clone()),
                Some(_) => {}
            }
        }
        out
    }

    /// How the accounts of a product are written, and what a selector goes by.
    fn accounts(&self, accounts: &Vec<u32>) -> (Value, Option<Selector>) {
        if let Some(selector) = self.infer.then(|| self.selector(accounts).cloned()).flatten() {
            return (selector.value.clone(), Some(selector));
        }
        let value = match self.lists.get(accounts) {
            Some(list) => Value::raw(&*list.reference),
            None => self.with_a_few(accounts).unwrap_or_else(|| self.listed(accounts)),
        };
        (value, None)
    }

    /// A list as one that has a name and a few accounts more, where that is shorter by far.
    fn with_a_few(&self, accounts: &[u32]) -> Option<Value> {
        let is_in = |list: &&Vec<u32>| list.iter().all(|rank| accounts.binary_search(rank).is_ok());
        let within = self.lists.keys().filter(is_in);
        // Of several that are as long, the last one.
        let longest = within.max_by_key(|list| list.len())?;
        let more = accounts
            .iter()
            .filter(|rank| longest.binary_search(rank).is_err());
        let more: Vec<u32> = more.copied().collect();
        if more.len() > A_FEW || SHORTER * (1 + more.len()) > accounts.len() {
            return None;
        }
        let named = Value::raw(&*self.lists.get(longest)?.reference);
        let call = format!("concat({}, {})", named.flat(), self.listed(&more).flat());
        Some(Value::raw(call))
    }

    fn assignment(&mut self, product: &Product) -> Vec<Item> {
        let [accounts, sets, principals] = &product.sides;
        let principals = pick(&self.ranks.principals, principals);
        let sets = pick(&self.ranks.sets, sets);
        let (value, selector) = self.accounts(accounts);
        let first = accounts
            .first()
            .and_then(|rank| self.ranks.accounts.get(*rank as usize));
        let place = match (&selector, self.lists.get(accounts), first) {
            (Some(selector), ..) => selector.word.clone(),
            (None, Some(list), _) => list.label.clone(),
            (None, None, Some((_, account))) => account.label.clone(),
            (None, None, None) => String::new(),
        };
        let short = format!("{} {}", together(&principals), together(&sets));
        let label = self.labels.give(&[&short, &format!("{short} {place}")], "access");
        let block = Block::new("assignment", [label.as_str()])
            .with("principals", references(&principals))
            .with("permission_sets", references(&sets))
            .with("accounts", value);
        let comment = selector.map(|selector| inferred(&[selector.over]));
        comment.into_iter().chain([Item::Block(block)]).collect()
    }

    /// One block for several principals with the same sets, each in accounts of its own.
    fn for_each(&mut self, products: &[&Product]) -> Vec<Item> {
        let mut entries = Vec::new();
        let mut over = BTreeSet::new();
        let (mut family, mut sets) = (String::new(), Vec::new());
        for product in products {
            let [accounts, product_sets, principals] = &product.sides;
            sets = pick(&self.ranks.sets, product_sets);
            let (value, selector) = self.accounts(accounts);
            over.extend(selector.map(|selector| selector.over));
            for principal in pick(&self.ranks.principals, principals) {
                family.clone_from(&principal.family);
                entries.push((principal.key.clone(), value.clone()));
            }
        }
        let word = family.rsplit('.').next().unwrap_or_default();
        let label = self.labels.give(
            &[&together(&sets), &format!("{word} {}", together(&sets))],
            "access",
        );
        let mut block = Block::new("assignment", [label.as_str()]).with("for_each", Value::Object(entries));
        block.items.push(Item::Blank);
        let block = block
            .with(
                "principals",
                Value::List(vec![Value::raw(format!("{family}[each.key]"))]),
            )
            .with("permission_sets", references(&sets))
            .with("accounts", Value::raw("each.value"));
        let over: Vec<String> = over.into_iter().collect();
        let comment = (!over.is_empty()).then(|| inferred(&over));
        comment.into_iter().chain([Item::Block(block)]).collect()
    }
}

/// The mark of a block that says more than what is there.
fn inferred(over: &[String]) -> Item {
    Item::Comment(format!(
        "Inferred: accounts declared later in {} get this access too; those that nobody declares here do not.",
        enumeration(over)
    ))
}

fn principals_of(product: &Product) -> &Vec<u32> {
    let [_, _, principals] = &product.sides;
    principals
}

fn pick<'n>(table: &[&'n Named], ranks: &[u32]) -> Vec<&'n Named> {
    ranks
        .iter()
        .filter_map(|rank| table.get(*rank as usize))
        .copied()
        .collect()
}

fn references(names: &[&Named]) -> Value {
    Value::List(names.iter().map(|named| Value::raw(&*named.reference)).collect())
}

/// What a list is called in a label.
fn together(names: &[&Named]) -> String {
    match names {
        [] => String::new(),
        [one] => one.label.clone(),
        [one, other] => format!("{} and {}", one.label, other.label),
        [one, ..] => format!("{} and others", one.label),
    }
}
