//! Values: what expressions evaluate to. Cheap to clone, immutable, never a file or a clock behind them.
//!
//! Besides Terraform's values there are *entities* (a block's thing itself, equal by key, in sets ordered by address) and
//! *symbolic* unknown values, which say what apply will put in their place. A sensitive mark sits on the
//! value that was declared so and travels with everything computed from it.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::sync::Arc;

use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfc_quick};

use crate::address::{Address, Kind};
use crate::config::number::Number;
use crate::config::types::Type;
use crate::id::EntityKey;

/// A value of the configuration language.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Value {
    data: Data,
    sensitive: bool,
}

/// What a value is. `==` on it (and on [`Value`]) is identity of representation; the language's `==` is [`Value::equals`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Data {
    /// Null, of a type if that is known.
    Null(Type),
    /// `true` or `false`
    Bool(bool),
    /// A number.
    Number(Number),
    /// Text in Unicode normal form C.
    String(Arc<str>),
    /// Elements of one type, in order.
    List(Arc<Collection>),
    /// Elements of one type, sorted, none twice.
    Set(Arc<Collection>),
    /// Elements of one type, by key.
    Map(Arc<Mapping>),
    /// Elements of any types, in order.
    Tuple(Arc<Vec<Value>>),
    /// Attributes of any types, by name.
    Object(Arc<Fields>),
    /// A block's thing itself.
    Entity(Arc<Entity>),
    /// Not known before apply, or not known at all.
    Unknown(Arc<Unknown>),
}

/// The elements of a list or set, and their type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Collection {
    /// The elements' type; `Any` when there is no element to tell.
    pub element: Type,
    /// The elements; of a set: in order, without repeats.
    pub items: Vec<Value>,
}

/// The elements of a map, and their type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mapping {
    /// The elements' type; `Any` when there is no element to tell.
    pub element: Type,
    /// The elements by key.
    pub fields: Fields,
}

/// Values by name, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields(Vec<(Arc<str>, Value)>);

/// An account, group, … as a value. Its attributes are asked from the scope, which may compute them when asked.
#[derive(Debug, Clone)]
pub struct Entity {
    /// What the service calls it: its identity.
    pub key: EntityKey,
    /// The block that declares it.
    pub address: Address,
}

/// Why a value is unknown, and its type.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unknown {
    /// The type it will have; `Any` if not even that is known.
    pub ty: Type,
    /// What it will be made of.
    pub origin: Origin,
}

/// What an unknown value will be made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// Nothing that can be said: a look-up that has not run, or a computation over unknown values.
    Opaque,
    /// The value of an attribute that apply will learn.
    Reference(Reference),
    /// Text that will be whole once the references in it are filled in.
    Template(Vec<Part>),
}

/// An attribute of an entity that is known only after apply has created it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// The entity's key.
    pub entity: EntityKey,
    /// The attribute's name, like `arn` or `id`.
    pub attribute: Arc<str>,
}

/// A piece of text that is known in part.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// Known text.
    Literal(Arc<str>),
    /// Text to come.
    Reference(Reference),
    /// Text to come, to be escaped as the inside of a JSON string, as `jsonencode` would have.
    JsonReference(Reference),
}

impl PartialEq for Entity {
    fn eq(&self, other: &Self) -> bool {
        self.key == other.key
    }
}

impl Eq for Entity {}

impl Entity {
    /// The block kind.
    pub fn kind(&self) -> Kind {
        self.key.kind()
    }
}

impl Value {
    /// A null of unspecified type, as the keyword `null` is.
    pub const NULL: Value = Value {
        data: Data::Null(Type::Any),
        sensitive: false,
    };
    /// `true`
    pub const TRUE: Value = Value {
        data: Data::Bool(true),
        sensitive: false,
    };
    /// `false`
    pub const FALSE: Value = Value {
        data: Data::Bool(false),
        sensitive: false,
    };

    /// A null of a type.
    pub fn null(ty: Type) -> Value {
        Data::Null(ty).into()
    }

    /// `true` or `false`
    pub fn bool(value: bool) -> Value {
        if value { Value::TRUE } else { Value::FALSE }
    }

    /// A number.
    pub fn number(value: Number) -> Value {
        Data::Number(value).into()
    }

    /// A number from a count.
    pub fn count(value: usize) -> Value {
        Value::number(Number::from_usize(value))
    }

    /// Text, brought into normal form C.
    pub fn string(text: impl Into<Arc<str>> + AsRef<str>) -> Value {
        let quick = text.as_ref();
        let normal = quick.is_ascii() || is_nfc_quick(quick.chars()) == IsNormalized::Yes;
        let text = if normal {
            text.into()
        } else {
            quick.nfc().collect::<String>().into()
        };
        Data::String(text).into()
    }

    /// A list of elements that are all of type `element` already.
    pub fn list(element: Type, items: Vec<Value>) -> Value {
        Data::List(Arc::new(Collection { element, items })).into()
    }

    /// A set of elements that are all of type `element` already; sorts and drops repeats. Entities are sorted by address:
    /// an account that is made later gets an id as its key, and must not change its place by that. (Collections of entities
    /// and other things still go by key: their elements may change places then.)
    ///
    /// Sensitivity of an element becomes the set's, since the order would tell.
    pub fn set(element: Type, mut items: Vec<Value>) -> Value {
        let mut sensitive = false;
        for item in &mut items {
            if item.contains_sensitive() {
                sensitive = true;
                *item = item.unmarked();
            }
        }
        items.sort_by(set_order);
        items.dedup();
        if items.iter().all(|item| item.as_entity().is_some()) {
            items.sort_by(|left, right| address(left).cmp(&address(right)));
        }
        let set: Value = Data::Set(Arc::new(Collection { element, items })).into();
        set.with_sensitive(sensitive)
    }

    /// A map of elements that are all of type `element` already.
    pub fn map(element: Type, fields: Fields) -> Value {
        Data::Map(Arc::new(Mapping { element, fields })).into()
    }

    /// A tuple.
    pub fn tuple(items: Vec<Value>) -> Value {
        Data::Tuple(Arc::new(items)).into()
    }

    /// An object.
    pub fn object(fields: Fields) -> Value {
        Data::Object(Arc::new(fields)).into()
    }

    /// An entity.
    pub fn entity(entity: impl Into<Arc<Entity>>) -> Value {
        Data::Entity(entity.into()).into()
    }

    /// A value of which nothing but the type is known.
    pub fn unknown(ty: Type) -> Value {
        Value::unknown_of(ty, Origin::Opaque)
    }

    /// An entity's attribute that apply will learn.
    pub fn reference(ty: Type, reference: Reference) -> Value {
        Value::unknown_of(ty, Origin::Reference(reference))
    }

    /// An unknown value with what is known of its making.
    pub fn unknown_of(ty: Type, origin: Origin) -> Value {
        Data::Unknown(Arc::new(Unknown { ty, origin })).into()
    }

    /// Text of known and unknown parts: a string if all are known, else a symbolic unknown.
    pub fn template(parts: Vec<Part>) -> Value {
        let mut joined: Vec<Part> = Vec::with_capacity(parts.len());
        let mut known = String::new();
        for part in parts {
            match part {
                Part::Literal(text) => known.push_str(&text),
                part => {
                    if !known.is_empty() {
                        joined.push(Part::Literal(std::mem::take(&mut known).into()));
                    }
                    joined.push(part);
                }
            }
        }
        if !known.is_empty() {
            joined.push(Part::Literal(known.into()));
        }
        match joined.as_slice() {
            [] => Value::string(""),
            [Part::Literal(text)] => Value::string(text.clone()),
            [Part::Reference(reference)] => Value::reference(Type::String, reference.clone()),
            _ => Value::unknown_of(Type::String, Origin::Template(joined)),
        }
    }

    /// What the value is, whether or not it is sensitive.
    pub fn data(&self) -> &Data {
        &self.data
    }

    /// Whether the value itself is marked; see [`Value::contains_sensitive`] for its elements.
    pub fn is_sensitive(&self) -> bool {
        self.sensitive
    }

    /// The same value, marked if `sensitive` or if it was marked before.
    #[must_use]
    pub fn with_sensitive(mut self, sensitive: bool) -> Value {
        self.sensitive |= sensitive;
        self
    }

    /// The same value without its own mark; marks of its elements stay.
    #[must_use]
    pub fn shallow_unmarked(&self) -> Value {
        let mut value = self.clone();
        value.sensitive = false;
        value
    }

    /// Whether the value or anything in it is marked.
    pub fn contains_sensitive(&self) -> bool {
        self.sensitive || self.children().any(Value::contains_sensitive)
    }

    /// The same value without any mark in it.
    #[must_use]
    pub fn unmarked(&self) -> Value {
        if !self.contains_sensitive() {
            return self.clone();
        }
        let all = |items: &[Value]| items.iter().map(Value::unmarked).collect::<Vec<_>>();
        let data = match &self.data {
            Data::List(list) => Data::List(Arc::new(Collection {
                element: list.element.clone(),
                items: all(&list.items),
            })),
            Data::Map(map) => Data::Map(Arc::new(Mapping {
                element: map.element.clone(),
                fields: map.fields.map_values(Value::unmarked),
            })),
            Data::Tuple(items) => Data::Tuple(Arc::new(all(items))),
            Data::Object(fields) => Data::Object(Arc::new(fields.map_values(Value::unmarked))),
            other => other.clone(),
        };
        data.into()
    }

    /// The elements of a collection or structure, in order; nothing for other values.
    pub fn children(&self) -> impl Iterator<Item = &Value> {
        let (items, fields): (&[Value], &[(Arc<str>, Value)]) = match &self.data {
            Data::List(collection) | Data::Set(collection) => (&collection.items, &[]),
            Data::Tuple(items) => (items, &[]),
            Data::Map(map) => (&[], &map.fields.0),
            Data::Object(fields) => (&[], &fields.0),
            _ => (&[], &[]),
        };
        items.iter().chain(fields.iter().map(|(_, value)| value))
    }

    /// The elements of a list, set or tuple.
    pub fn elements(&self) -> Option<&[Value]> {
        match &self.data {
            Data::List(collection) | Data::Set(collection) => Some(&collection.items),
            Data::Tuple(items) => Some(items),
            _ => None,
        }
    }

    /// The elements of a map or object.
    pub fn fields(&self) -> Option<&Fields> {
        match &self.data {
            Data::Map(map) => Some(&map.fields),
            Data::Object(fields) => Some(fields),
            _ => None,
        }
    }

    /// The text of a known string.
    pub fn as_str(&self) -> Option<&str> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// The text of a known string, shared.
    pub fn as_text(&self) -> Option<&Arc<str>> {
        match &self.data {
            Data::String(text) => Some(text),
            _ => None,
        }
    }

    /// The number, if it is a known one.
    pub fn as_number(&self) -> Option<&Number> {
        match &self.data {
            Data::Number(number) => Some(number),
            _ => None,
        }
    }

    /// The truth value, if it is a known bool.
    pub fn as_bool(&self) -> Option<bool> {
        match self.data {
            Data::Bool(value) => Some(value),
            _ => None,
        }
    }

    /// The entity, if it is one.
    pub fn as_entity(&self) -> Option<&Arc<Entity>> {
        match &self.data {
            Data::Entity(entity) => Some(entity),
            _ => None,
        }
    }

    /// Why it is unknown, if it is.
    pub fn as_unknown(&self) -> Option<&Unknown> {
        match &self.data {
            Data::Unknown(unknown) => Some(unknown),
            _ => None,
        }
    }

    /// Whether it is null.
    pub fn is_null(&self) -> bool {
        matches!(self.data, Data::Null(_))
    }

    /// Whether it is known itself; elements may still be unknown.
    pub fn is_known(&self) -> bool {
        !matches!(self.data, Data::Unknown(_))
    }

    /// Whether it is known, and everything in it.
    pub fn is_wholly_known(&self) -> bool {
        self.is_known() && self.children().all(Value::is_wholly_known)
    }

    /// The parts of a string, for text built from it: one literal if it is known, its references if those are
    /// known; `None` if nothing is known of it, and for other types.
    pub fn parts(&self) -> Option<Vec<Part>> {
        match &self.data {
            Data::String(text) => Some(vec![Part::Literal(text.clone())]),
            Data::Unknown(unknown) => match &unknown.origin {
                Origin::Reference(reference) => Some(vec![Part::Reference(reference.clone())]),
                Origin::Template(parts) => Some(parts.clone()),
                Origin::Opaque => None,
            },
            _ => None,
        }
    }

    /// The value's type. Walks tuples and objects, so it is not free for large ones.
    pub fn ty(&self) -> Type {
        match &self.data {
            Data::Null(ty) => ty.clone(),
            Data::Bool(_) => Type::Bool,
            Data::Number(_) => Type::Number,
            Data::String(_) => Type::String,
            Data::List(list) => Type::list(list.element.clone()),
            Data::Set(set) => Type::set(set.element.clone()),
            Data::Map(map) => Type::map(map.element.clone()),
            Data::Tuple(items) => Type::tuple(items.iter().map(Value::ty).collect()),
            Data::Object(fields) => {
                Type::object(fields.iter().map(|(name, value)| (name.clone(), value.ty())))
            }
            Data::Entity(entity) => Type::Entity(Some(entity.kind())),
            Data::Unknown(unknown) => unknown.ty.clone(),
        }
    }

    /// The type in a few words, for messages; free of [`Value::ty`]'s cost.
    pub fn friendly_type(&self) -> String {
        match &self.data {
            Data::Null(_) => "null".to_owned(),
            Data::Tuple(_) => "tuple".to_owned(),
            Data::Object(_) => "object".to_owned(),
            _ => self.ty().friendly(),
        }
    }

    /// The language's `==`: a bool, unknown if it hangs on something unknown. Never converts.
    pub fn equals(&self, other: &Value) -> Value {
        let sensitive = self.contains_sensitive() || other.contains_sensitive();
        let result = match compare(self, other, false) {
            Some(equal) => Value::bool(equal),
            None => Value::unknown(Type::Bool),
        };
        result.with_sensitive(sensitive)
    }
}

impl From<Data> for Value {
    fn from(data: Data) -> Self {
        Value {
            data,
            sensitive: false,
        }
    }
}

/// Whether two values are equal; `None` if that cannot be known yet. Inside of others, nulls of different types make
/// their holders' types differ, and values of different types are not equal.
fn compare(left: &Value, right: &Value, inside: bool) -> Option<bool> {
    match (&left.data, &right.data) {
        (Data::Unknown(_), _) | (_, Data::Unknown(_)) => None,
        (Data::Null(a), Data::Null(b)) => Some(!inside || a == b),
        (Data::Bool(a), Data::Bool(b)) => Some(a == b),
        (Data::Number(a), Data::Number(b)) => Some(a == b),
        (Data::String(a), Data::String(b)) => Some(a == b),
        (Data::Entity(a), Data::Entity(b)) => Some(a == b),
        (Data::List(a), Data::List(b)) | (Data::Set(a), Data::Set(b)) => {
            if a.element != b.element && a.element != Type::Any && b.element != Type::Any {
                return Some(false);
            }
            match (entity_keys(&a.items), entity_keys(&b.items)) {
                (Some(these), Some(those)) if matches!(left.data, Data::Set(_)) => Some(these == those),
                _ => compare_all(&a.items, &b.items),
            }
        }
        (Data::Tuple(a), Data::Tuple(b)) => compare_all(a, b),
        (Data::Map(a), Data::Map(b)) => {
            if a.element != b.element && a.element != Type::Any && b.element != Type::Any {
                return Some(false);
            }
            compare_fields(&a.fields, &b.fields)
        }
        (Data::Object(a), Data::Object(b)) => compare_fields(a, b),
        _ => Some(false),
    }
}

fn address(value: &Value) -> Option<&Address> {
    value.as_entity().map(|entity| &entity.address)
}

/// The keys of entities, where all elements are some: one entity may have several addresses.
pub(in crate::config) fn entity_keys(items: &[Value]) -> Option<BTreeSet<&EntityKey>> {
    items
        .iter()
        .map(|item| item.as_entity().map(|entity| &entity.key))
        .collect()
}

fn compare_all(left: &[Value], right: &[Value]) -> Option<bool> {
    if left.len() != right.len() {
        return Some(false);
    }
    all_equal(left.iter().zip(right))
}

fn compare_fields(left: &Fields, right: &Fields) -> Option<bool> {
    if !left.keys().eq(right.keys()) {
        return Some(false);
    }
    all_equal(left.values().zip(right.values()))
}

fn all_equal<'a>(pairs: impl Iterator<Item = (&'a Value, &'a Value)>) -> Option<bool> {
    let mut known = true;
    for (left, right) in pairs {
        match compare(left, right, true) {
            Some(true) => {}
            Some(false) => return Some(false),
            None => known = false,
        }
    }
    known.then_some(true)
}

/// The order of a set's elements: strings by code point, numbers by size, false before true, entities by
/// key, nulls after these and unknown values last. Structures go by a text made of their parts, which is the
/// order Terraform shows them in.
pub fn set_order(left: &Value, right: &Value) -> Ordering {
    match (&left.data, &right.data) {
        (Data::String(a), Data::String(b)) => a.cmp(b),
        (Data::Number(a), Data::Number(b)) => a.cmp(b),
        (Data::Bool(a), Data::Bool(b)) => a.cmp(b),
        (Data::Entity(a), Data::Entity(b)) => a.key.cmp(&b.key),
        _ => {
            let rank = |value: &Value| match value.data {
                Data::Unknown(_) => 2,
                Data::Null(_) => 1,
                _ => 0,
            };
            rank(left).cmp(&rank(right)).then_with(|| {
                let text = |value: &Value| {
                    let mut out = String::new();
                    order_text(value, &mut out);
                    out
                };
                text(left).cmp(&text(right))
            })
        }
    }
}

fn order_text(value: &Value, out: &mut String) {
    let list = |open: char, items: &[Value], close: char, out: &mut String| {
        out.push(open);
        for item in items {
            order_text(item, out);
            out.push(';');
        }
        out.push(close);
    };
    match &value.data {
        Data::Unknown(unknown) => out.push_str(&format!("?{:?}", unknown.origin)),
        Data::Null(_) => out.push('~'),
        Data::Bool(flag) => out.push(if *flag { 'T' } else { 'F' }),
        Data::Number(number) => out.push_str(&number.short()),
        Data::String(text) => out.push_str(&format!("{text:?}")),
        Data::Entity(entity) => out.push_str(&entity.key.to_string()),
        Data::List(collection) | Data::Set(collection) => list('[', &collection.items, ']', out),
        Data::Tuple(items) => list('<', items, '>', out),
        Data::Object(fields) => {
            out.push('<');
            for value in fields.values() {
                order_text(value, out);
                out.push(';');
            }
            out.push('>');
        }
        Data::Map(map) => {
            out.push('{');
            for (key, value) in map.fields.iter() {
                out.push_str(&format!("{key:?}:"));
                order_text(value, out);
                out.push(';');
            }
            out.push('}');
        }
    }
}

impl Fields {
    /// No values.
    pub fn new() -> Self {
        Self::default()
    }

    /// The value under a name.
    pub fn get(&self, name: &str) -> Option<&Value> {
        let at = self.0.binary_search_by(|(key, _)| key.as_ref().cmp(name)).ok()?;
        self.0.get(at).map(|(_, value)| value)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values, by name.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = (&Arc<str>, &Value)> + ExactSizeIterator {
        self.0.iter().map(|(key, value)| (key, value))
    }

    /// Names, in order.
    pub fn keys(&self) -> impl Iterator<Item = &Arc<str>> {
        self.0.iter().map(|(key, _)| key)
    }

    /// Values, in the order of their names.
    pub fn values(&self) -> impl Iterator<Item = &Value> {
        self.0.iter().map(|(_, value)| value)
    }

    /// The same names with other values.
    #[must_use]
    pub fn map_values(&self, mut change: impl FnMut(&Value) -> Value) -> Fields {
        Fields(
            self.0
                .iter()
                .map(|(key, value)| (key.clone(), change(value)))
                .collect(),
        )
    }
}

impl FromIterator<(Arc<str>, Value)> for Fields {
    /// Sorts by name; of two values under one name the later stays.
    fn from_iter<I: IntoIterator<Item = (Arc<str>, Value)>>(items: I) -> Self {
        let mut items: Vec<(Arc<str>, Value)> = items.into_iter().collect();
        let sorted = items.is_sorted_by(|(a, _), (b, _)| a < b);
        if !sorted {
            items.sort_by(|(a, _), (b, _)| a.cmp(b));
            items.dedup_by(|later, kept| {
                let same = later.0 == kept.0;
                if same {
                    std::mem::swap(later, kept);
                }
                same
            });
        }
        Fields(items)
    }
}

impl IntoIterator for Fields {
    type Item = (Arc<str>, Value);
    type IntoIter = std::vec::IntoIter<(Arc<str>, Value)>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// The entities in an entity list: nested lists, sets, tuples, maps and objects are flattened.
///
/// # Errors
/// The first value in it that is neither an entity nor a collection.
pub fn flatten_entities(value: &Value) -> Result<Vec<Arc<Entity>>, Value> {
    let mut found = Vec::new();
    flatten_into(value, &mut found)?;
    Ok(found)
}

fn flatten_into(value: &Value, found: &mut Vec<Arc<Entity>>) -> Result<(), Value> {
    match &value.data {
        Data::Entity(entity) => found.push(entity.clone()),
        Data::List(_) | Data::Set(_) | Data::Tuple(_) | Data::Map(_) | Data::Object(_) => {
            for child in value.children() {
                flatten_into(child, found)?;
            }
        }
        _ => return Err(value.clone()),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::GroupName;

    fn num(value: i64) -> Value {
        Value::number(Number::from_i64(value))
    }

    fn group(name: &str, label: &str) -> Value {
        Value::entity(Entity {
            key: EntityKey::Group(GroupName::new(name).unwrap()),
            address: Address::root(Kind::Group, label),
        })
    }

    #[test]
    fn equality_never_converts() {
        let yes = |a: &Value, b: &Value| a.equals(b) == Value::TRUE;
        assert!(!yes(&num(1), &Value::string("1")));
        assert!(!yes(
            &Value::list(Type::String, vec![Value::string("a")]),
            &Value::tuple(vec![Value::string("a")])
        ));
        assert!(yes(&Value::null(Type::Number), &Value::NULL));
        assert!(yes(&group("Platform", "a"), &group("Platform", "b")));
        assert_eq!(
            num(1).equals(&Value::unknown(Type::Number)),
            Value::unknown(Type::Bool)
        );
        let secret = num(1).with_sensitive(true);
        assert!(Value::tuple(vec![secret]).equals(&num(1)).is_sensitive());
    }

    #[test]
    fn sets_are_sorted_and_unique_and_take_on_marks() {
        let set = Value::set(Type::Number, vec![num(10), num(9).with_sensitive(true), num(10)]);
        assert_eq!(set.elements().unwrap(), [num(9), num(10)]);
        assert!(set.is_sensitive());
    }

    #[test]
    fn of_two_fields_with_one_name_the_later_stays() {
        let fields: Fields = [("b", 1), ("a", 2), ("b", 3), ("b", 4)]
            .map(|(name, value)| (Arc::from(name), num(value)))
            .into_iter()
            .collect();
        assert_eq!(fields.len(), 2);
        assert_eq!(fields.get("b"), Some(&num(4)));
    }

    #[test]
    fn strings_are_normalised() {
        assert_eq!(Value::string("e\u{301}").as_str(), Some("\u{e9}"));
    }

    #[test]
    fn templates_join_literals_and_keep_references() {
        let reference = Reference {
            entity: EntityKey::Group(GroupName::new("g").unwrap()),
            attribute: "id".into(),
        };
        let literal = |text: &str| Part::Literal(text.into());
        assert_eq!(
            Value::template(vec![literal("a"), literal(""), literal("b")]),
            Value::string("ab")
        );
        let value = Value::template(vec![
            literal("a"),
            literal("b"),
            Part::Reference(reference.clone()),
        ]);
        assert_eq!(
            value.parts().unwrap(),
            [literal("ab"), Part::Reference(reference)]
        );
    }

    #[test]
    fn entity_lists_flatten() {
        let nested = Value::tuple(vec![
            group("a", "a"),
            Value::object([(Arc::from("x"), group("b", "b"))].into_iter().collect()),
        ]);
        assert_eq!(flatten_entities(&nested).unwrap().len(), 2);
        assert_eq!(flatten_entities(&num(3)).unwrap_err(), num(3));
    }
}
