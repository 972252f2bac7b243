//! Users and groups: those of the instance's own directory as blocks, many of them from a table; those that another
//! directory syncs as look-ups, where something refers to them.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::rules::principal::{Emails, email, field};
use crate::config::syntax::write::{Block, Item, Value, quoted};
use crate::id::{EntityKey, GroupName, PrincipalKey, UserName};
use crate::model::instance::Observed;
use crate::model::principal::{Group, User};
use crate::model::snapshot::Snapshot;

use super::access::Grants;
use super::labels::Labels;
use super::table::line;
use super::{LeftOut, Named, can_be_written, is_held, is_service_group, user_key};

/// From this many users on, a table is easier to read and to edit than blocks.
const MANY_USERS: usize = 10;
/// From this many groups on, one block makes them all.
const MANY_GROUPS: usize = 4;

/// Users and groups as blocks and a table.
#[derive(Debug, Default)]
pub(super) struct People {
    pub user_items: Vec<Item>,
    pub group_items: Vec<Item>,
    /// `people.csv`
    pub table: Option<String>,
    pub principals: BTreeMap<PrincipalKey, Named>,
}

/// How a user or group appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Form {
    Declared,
    LookedUp,
}

impl People {
    /// How many users are declared or looked up.
    pub fn users(&self) -> usize {
        self.principals.keys().filter(|key| !key.is_group()).count()
    }

    /// How many groups are declared or looked up.
    pub fn groups(&self) -> usize {
        self.principals.len() - self.users()
    }

    /// Every user and group of the instance's own directory, and others as far as something refers to them.
    pub fn of(observed: &Observed, grants: &Grants, left_out: &mut Vec<LeftOut>) -> Self {
        let snapshot = &observed.snapshot;
        let granted = grants.principals();
        let owns = grants.owns_people();
        let groups = group_forms(observed, &granted, owns, left_out);
        let mut needed: BTreeSet<&UserName> = granted.iter().filter_map(user_of).collect();
        for (name, form) in &groups {
            if let (Form::Declared, Some(members)) = (form, members_of(snapshot, name)) {
                needed.extend(members);
            }
        }
        let users = user_forms(observed, &needed, owns, left_out);
        let mut this = People::default();
        let mut writer = Writer {
            snapshot,
            tabled: BTreeSet::new(),
            table_groups: BTreeMap::new(),
        };
        writer.users(&users, &mut this);
        writer.groups(&groups, &mut this, left_out);
        this.table = writer.table();
        this
    }
}

fn user_of(key: &PrincipalKey) -> Option<&UserName> {
    match key {
        PrincipalKey::User(name) => Some(name),
        _ => None,
    }
}

fn members_of<'s>(snapshot: &'s Snapshot, name: &GroupName) -> Option<&'s BTreeSet<UserName>> {
    snapshot.groups.get(name)?.value.members.as_ref()
}

fn group_forms<'s>(
    observed: &'s Observed,
    granted: &BTreeSet<PrincipalKey>,
    owns: bool,
    left_out: &mut Vec<LeftOut>,
) -> BTreeMap<&'s GroupName, Form> {
    let mut forms = BTreeMap::new();
    for (name, entity) in &observed.snapshot.groups {
        if !can_be_written(name.as_str()) {
            continue;
        }
        let group = &entity.value;
        let is_held = is_held(observed, &EntityKey::Group(name.clone()));
        let foreign = !owns || group.external_id.is_some() || is_service_group(name) || is_held;
        let refused = group.description.as_deref().and_then(|text| {
            let finding = field("a group's description", text).map(|finding| finding.message);
            finding.or_else(|| (!can_be_written(text)).then(|| "its description is not in NFC".to_owned()))
        });
        if let (Some(why), false) = (&refused, foreign) {
            left_out.push(LeftOut {
                what: format!("content of group {name}"),
                why: why.clone(),
            });
        }
        if !foreign && refused.is_none() {
            forms.insert(name, Form::Declared);
        } else if granted.contains(&PrincipalKey::Group(name.clone())) {
            forms.insert(name, Form::LookedUp);
        }
    }
    forms
}

fn user_forms<'s>(
    observed: &'s Observed,
    needed: &BTreeSet<&UserName>,
    owns: bool,
    left_out: &mut Vec<LeftOut>,
) -> BTreeMap<&'s UserName, Form> {
    let mut forms = BTreeMap::new();
    let mut emails = Emails::default();
    for (name, entity) in &observed.snapshot.users {
        if !can_be_written(name.as_str()) {
            continue;
        }
        let is_held = is_held(observed, &EntityKey::User(name.clone()));
        let foreign = !owns || entity.value.external_id.is_some() || is_held;
        let refused = if foreign {
            None
        } else {
            let why = cannot_be_declared(&entity.value, &mut emails);
            left_out.extend(why.clone().map(|why| LeftOut {
                what: format!("content of user {name}"),
                why,
            }));
            why
        };
        if !foreign && refused.is_none() {
            forms.insert(name, Form::Declared);
        } else if needed.contains(name) {
            forms.insert(name, Form::LookedUp);
        }
    }
    forms
}

/// Why the configuration language refuses part of what the service holds; `None` if it does not.
fn cannot_be_declared(user: &User, emails: &mut Emails) -> Option<String> {
    let texts = [
        ("a first name", &*user.given_name),
        ("a last name", &*user.family_name),
        ("a display name", &*user.display_name),
    ];
    let address = user.email.as_deref();
    if texts
        .iter()
        .map(|(_, text)| *text)
        .chain(address)
        .any(|text| !can_be_written(text))
    {
        return Some("it holds text that is not in composed Unicode form (NFC)".to_owned());
    }
    let fields = texts.iter().find_map(|(what, text)| field(what, text));
    let finding = fields
        .or_else(|| address.and_then(email))
        .or_else(|| address.and_then(|address| emails.add(address, &format!("user {}", user.user_name))));
    finding.map(|finding| finding.message)
}

/// The display name, if it is not the one that the language makes of first and last name.
fn own_display_name(user: &User) -> Option<&str> {
    let usual = format!("{} {}", user.given_name, user.family_name);
    Some(&*user.display_name).filter(|name| *name != usual)
}

struct Writer<'s> {
    snapshot: &'s Snapshot,
    /// Users that are in the table.
    tabled: BTreeSet<&'s UserName>,
    /// For each of them, the labels of the groups whose members the table says.
    table_groups: BTreeMap<&'s UserName, Vec<String>>,
}

impl<'s> Writer<'s> {
    fn user(&self, name: &UserName) -> Option<&'s User> {
        self.snapshot.users.get(name).map(|entity| &entity.value)
    }

    fn users(&mut self, forms: &BTreeMap<&'s UserName, Form>, out: &mut People) {
        let declared = forms
            .iter()
            .filter(|(_, form)| **form == Form::Declared)
            .map(|(name, _)| *name);
        // Line breaks in a field would not come back as they are from a table.
        let plain = declared.filter(|name| {
            self.user(name)
                .is_some_and(|user| row(user).iter().all(|text| !text.contains(['\r', '\n'])))
        });
        let plain: BTreeSet<&UserName> = plain.collect();
        if plain.len() >= MANY_USERS {
            self.tabled = plain;
            self.user_block(out);
        }
        let mut labels = Labels::without(&["person"]);
        for (name, form) in forms {
            let (Some(user), false) = (self.user(name), self.tabled.contains(name)) else {
                continue;
            };
            let short = name.as_str().split('@').next().unwrap_or(name.as_str());
            let label = labels.give(&[short, name.as_str()], "user");
            let given = (name.as_str() != label).then(|| Value::text(name.as_str()));
            let (block, named) = match form {
                Form::LookedUp => {
                    let block = Block::new("data", ["user", label.as_str()]).with_some("user_name", given);
                    (block, Named::new("data.user", &label))
                }
                Form::Declared => (user_block(&label, given, user), Named::new("user", &label)),
            };
            out.user_items.extend([Item::Block(block), Item::Blank]);
            out.principals.insert(user_key(name), named);
        }
    }

    /// One block for everybody in the table.
    fn user_block(&mut self, out: &mut People) {
        let mut labels = Labels::default();
        for name in &self.tabled {
            let short = name.as_str().split('@').next().unwrap_or(name.as_str());
            let label = labels.give(&[short, name.as_str()], "user");
            let named = Named::instance("user.person", name.as_str(), &label);
            out.principals.insert(user_key(name), named);
        }
        let email = match self.email_column() {
            EmailColumn::None => None,
            EmailColumn::UserName => Some(Value::raw("each.key")),
            EmailColumn::Own => Some(Value::raw("each.value.email == \"\" ? null : each.value.email")),
        };
        let display = self
            .has_display_names()
            .then(|| Value::raw("each.value.display_name == \"\" ? null : each.value.display_name"));
        let people = Block::new("locals", []).with(
            "people",
            Value::raw("csvdecode(file(\"${path.module}/people.csv\"))"),
        );
        let mut block = Block::new("user", ["person"]).with(
            "for_each",
            Value::raw("{ for person in local.people : person.user_name => person }"),
        );
        block.items.push(Item::Blank);
        let block = block
            .with("user_name", Value::raw("each.key"))
            .with("given_name", Value::raw("each.value.given_name"))
            .with("family_name", Value::raw("each.value.family_name"))
            .with_some("display_name", display)
            .with_some("email", email);
        out.user_items
            .extend([Item::Block(people), Item::Blank, Item::Block(block), Item::Blank]);
    }

    fn tabled_users(&self) -> impl Iterator<Item = &'s User> + '_ {
        self.tabled.iter().filter_map(|name| self.user(name))
    }

    fn has_display_names(&self) -> bool {
        self.tabled_users().any(|user| own_display_name(user).is_some())
    }

    fn email_column(&self) -> EmailColumn {
        if self.tabled_users().all(|user| user.email.is_none()) {
            EmailColumn::None
        } else if self
            .tabled_users()
            .all(|user| user.email.as_deref() == Some(user.user_name.as_str()))
        {
            EmailColumn::UserName
        } else {
            EmailColumn::Own
        }
    }

    fn groups(
        &mut self,
        forms: &BTreeMap<&'s GroupName, Form>,
        out: &mut People,
        left_out: &mut Vec<LeftOut>,
    ) {
        let mut labels = Labels::without(&["team"]);
        let labelled: Vec<(&'s Group, Form, String)> = forms
            .iter()
            .filter_map(|(name, form)| {
                let group = &self.snapshot.groups.get(*name)?.value;
                Some((group, *form, labels.give(&[name.as_str()], "group")))
            })
            .collect();
        let tabled_users = self.tabled.clone();
        let in_table = |group: &Group, form: Form| {
            let members = group.members.as_ref();
            form == Form::Declared
                && !tabled_users.is_empty()
                && members.is_some_and(|members| members.iter().all(|name| tabled_users.contains(name)))
        };
        let simple = |group: &Group, form: Form| in_table(group, form) && group.description.is_none();
        let several = labelled
            .iter()
            .filter(|(group, form, _)| simple(group, *form))
            .count()
            >= MANY_GROUPS;
        let mut map = Vec::new();
        for (group, form, label) in &labelled {
            let tabled = in_table(group, *form);
            if tabled {
                self.note_members(group, label);
            }
            let named = if several && simple(group, *form) {
                map.push((label.clone(), Value::text(group.display_name.as_str())));
                Named::instance("group.team", label, label)
            } else {
                let (block, named) = self.group_block(group, *form, label, tabled, out, left_out);
                out.group_items.extend([Item::Block(block), Item::Blank]);
                named
            };
            out.principals
                .insert(PrincipalKey::Group(group.display_name.clone()), named);
        }
        if !map.is_empty() {
            let before = std::mem::replace(&mut out.group_items, many_groups(map));
            out.group_items.extend(before);
        }
    }

    fn note_members(&mut self, group: &'s Group, label: &str) {
        for member in group.members.iter().flatten() {
            self.table_groups
                .entry(member)
                .or_default()
                .push(label.to_owned());
        }
    }

    fn group_block(
        &self,
        group: &Group,
        form: Form,
        label: &str,
        tabled: bool,
        out: &People,
        left_out: &mut Vec<LeftOut>,
    ) -> (Block, Named) {
        let name = group.display_name.as_str();
        let given = (name != label).then(|| Value::text(name));
        if form == Form::LookedUp {
            let block = Block::new("data", ["group", label]).with_some("display_name", given);
            return (block, Named::new("data.group", label));
        }
        let mut block = Block::new("group", [label])
            .with_some("display_name", given)
            .with_some("description", group.description.as_deref().map(Value::text));
        if tabled {
            return (
                block.with("members", members_by_table(&quoted(label))),
                Named::new("group", label),
            );
        }
        let references: Option<Vec<Value>> = group.members.as_ref().and_then(|members| {
            let known = members.iter().map(|name| out.principals.get(&user_key(name)));
            known
                .map(|named| named.map(|named| Value::raw(&*named.reference)))
                .collect()
        });
        match references {
            Some(members) => block = block.with("members", Value::List(members)),
            None => {
                left_out.push(LeftOut {
                    what: format!("members of group {name}"),
                    why: "not all of them could be read or can be named; without `members`, membership is left alone"
                        .to_owned(),
                });
                block.items.push(Item::Comment(
                    "Not all members are known: membership is left alone.".to_owned(),
                ));
            }
        }
        (block, Named::new("group", label))
    }

    fn table(&self) -> Option<String> {
        if self.tabled.is_empty() {
            return None;
        }
        let email = self.email_column() == EmailColumn::Own;
        let display = self.has_display_names();
        let groups = !self.table_groups.is_empty();
        let mut head = vec!["user_name", "given_name", "family_name"];
        head.extend(display.then_some("display_name"));
        head.extend(email.then_some("email"));
        head.extend(groups.then_some("groups"));
        let mut out = line(&head);
        for user in self.tabled_users() {
            let of_groups = self
                .table_groups
                .get(&user.user_name)
                .map(|labels| labels.join(" "))
                .unwrap_or_default();
            let mut fields = vec![user.user_name.as_str(), &*user.given_name, &*user.family_name];
            fields.extend(display.then(|| own_display_name(user).unwrap_or("")));
            fields.extend(email.then(|| user.email.as_deref().unwrap_or("")));
            fields.extend(groups.then_some(of_groups.as_str()));
            out.push_str(&line(&fields));
        }
        Some(out)
    }
}

/// Where a table's users have their e-mail addresses from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum EmailColumn {
    None,
    UserName,
    Own,
}

/// What a table says of a user.
fn row(user: &User) -> [&str; 5] {
    let email = user.email.as_deref().unwrap_or("");
    [
        user.user_name.as_str(),
        &user.given_name,
        &user.family_name,
        &user.display_name,
        email,
    ]
}

fn user_block(label: &str, given: Option<Value>, user: &User) -> Block {
    Block::new("user", [label])
        .with_some("user_name", given)
        .with("given_name", Value::text(&*user.given_name))
        .with("family_name", Value::text(&*user.family_name))
        .with_some("display_name", own_display_name(user).map(Value::text))
        .with_some("email", user.email.as_deref().map(Value::text))
}

/// The members that the table names for a group, by the group's label.
fn members_by_table(label: &str) -> Value {
    Value::raw(format!(
        "[for person in local.people : user.person[person.user_name] if contains(split(\" \", person.groups), {label})]"
    ))
}

fn many_groups(map: Vec<(String, Value)>) -> Vec<Item> {
    let locals = Block {
        items: vec![
            Item::Comment("Who is in which group is said in people.csv.".to_owned()),
            Item::Attribute("groups".to_owned(), Value::Object(map)),
        ],
        ..Block::new("locals", [])
    };
    let mut team = Block::new("group", ["team"]).with("for_each", Value::raw("local.groups"));
    team.items.push(Item::Blank);
    let team = team
        .with("display_name", Value::raw("each.value"))
        .with("members", members_by_table("each.key"));
    vec![Item::Block(locals), Item::Blank, Item::Block(team), Item::Blank]
}
