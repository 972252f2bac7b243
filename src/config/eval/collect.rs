//! Expressions that make collections: objects, `for`, splats.

use std::sync::Arc;

use crate::config::budget;
use crate::config::convert::convert;
use crate::config::eval::{
    EvalResult, Evaluator, Failure, all, both, code, error, looked_through, too_large,
};
use crate::config::number::Number;
use crate::config::syntax::{Expr, For};
use crate::config::types::Type;
use crate::config::value::{Data, Fields, Value};
use crate::source::Span;

/// A key of an object under construction.
enum Key {
    Known(Arc<str>),
    /// Not known yet: then the whole object is not.
    Unknown,
}

/// Keys (of a list, if they are wanted) and elements to go through; `None` if unknown. A set's elements are their own
/// keys.
pub(super) fn items(collection: &Value, span: Span, keyed: bool) -> EvalResult<Option<Vec<(Value, Value)>>> {
    let sensitive = collection.is_sensitive();
    let marked = |value: &Value| value.clone().with_sensitive(sensitive);
    Ok(Some(match collection.data() {
        Data::List(list) if !keyed => without_keys(&list.items, marked),
        Data::Tuple(items) if !keyed => without_keys(items, marked),
        Data::List(list) => numbered(&list.items, marked),
        Data::Tuple(items) => numbered(items, marked),
        Data::Set(set) => set
            .items
            .iter()
            .map(|item| (marked(item), marked(item)))
            .collect(),
        Data::Map(map) => named(&map.fields, marked),
        Data::Object(fields) => named(fields, marked),
        Data::Unknown(unknown) => match &unknown.ty {
            Type::Bool | Type::Number | Type::String | Type::Entity(_) => {
                return Err(not_iterable(&unknown.ty.friendly(), span));
            }
            _ => return Ok(None),
        },
        Data::Null(_) => {
            return Err(Failure::of(
                error(
                    code::NULL_VALUE,
                    "`for` cannot go through null",
                    span,
                    "this is null",
                )
                .help("give it a default: `coalesce(…, [])`"),
            ));
        }
        _ => return Err(not_iterable(&collection.friendly_type(), span)),
    }))
}

/// Numbers that nobody asks for need not be made.
fn without_keys(items: &[Value], marked: impl Fn(&Value) -> Value) -> Vec<(Value, Value)> {
    items.iter().map(|item| (Value::NULL, marked(item))).collect()
}

fn numbered(items: &[Value], marked: impl Fn(&Value) -> Value) -> Vec<(Value, Value)> {
    let number = |(index, item)| (Value::number(Number::from_usize(index)), marked(item));
    items.iter().enumerate().map(number).collect()
}

fn named(fields: &Fields, marked: impl Fn(&Value) -> Value) -> Vec<(Value, Value)> {
    let name =
        |(key, item): (&Arc<str>, &Value)| (marked(&Value::from(Data::String(key.clone()))), marked(item));
    fields.iter().map(name).collect()
}

fn not_iterable(found: &str, span: Span) -> Box<Failure> {
    Failure::of(
        error(
            code::WRONG_TYPE,
            format!("`for` cannot go through a {found}"),
            span,
            "a list, set, tuple, map or object is required",
        )
        .help("put it in brackets to make it a list of one"),
    )
}

/// A value as an object's key, and whether it is sensitive.
fn key_of(value: &Value, span: Span) -> EvalResult<(Key, bool)> {
    if value.is_null() {
        return Err(Failure::of(
            error(code::NULL_VALUE, "a key is null", span, "this is null")
                .help("leave the element out with `if … != null`, or give the key a default"),
        ));
    }
    let key = convert(value, &Type::String).map_err(|reason| {
        Failure::of(error(
            code::WRONG_TYPE,
            format!("a key does not fit: {reason}"),
            span,
            "",
        ))
    })?;
    let sensitive = key.is_sensitive();
    Ok(match key.data() {
        Data::String(text) => (Key::Known(text.clone()), sensitive),
        _ => (Key::Unknown, sensitive),
    })
}

impl Evaluator<'_> {
    pub(super) fn object(&mut self, items: &[(Expr, Expr)], span: Span) -> EvalResult {
        let entries = all(items.iter().map(|(key, value)| {
            let key = self.eval(key).and_then(|found| key_of(&found, key.span));
            both(key, self.kept(value))
        }))?;
        let mut fields = Vec::with_capacity(entries.len());
        let (mut unknown, mut sensitive) = (false, false);
        for ((key, marked), value) in entries {
            sensitive |= marked;
            match key {
                Key::Known(name) => fields.push((name, value)),
                Key::Unknown => unknown = true,
            }
        }
        let object = if unknown {
            Value::unknown(Type::Any)
        } else {
            looked_through(Value::object(fields.into_iter().collect()), span)?
        };
        Ok(object.with_sensitive(sensitive))
    }

    /// One filter is often written in many places, and goes through everything there is.
    pub(super) fn remembered(&mut self, each: &For) -> EvalResult {
        if self.surveying || !self.bound.is_empty() || !self.items.is_empty() {
            return self.for_expr(each);
        }
        if let Some(made) = self.scope.recall(each.wording) {
            return Ok(made);
        }
        let made = self.for_expr(each)?;
        self.scope.remember(each.wording, &made);
        Ok(made)
    }

    fn for_expr(&mut self, each: &For) -> EvalResult {
        let collection = self.eval(&each.collection)?;
        if self.surveying {
            self.survey_for(each, &collection)?;
            return Ok(Value::unknown(Type::Any));
        }
        let sensitive = collection.is_sensitive();
        let Some(items) = items(&collection, each.collection.span, each.key_name.is_some())? else {
            self.survey_for(each, &collection)?;
            return Ok(Value::unknown(Type::Any).with_sensitive(sensitive));
        };
        let mut made = Made::default();
        for (key, value) in items {
            budget::step().map_err(|spent| too_large(spent, each.collection.span))?;
            // One wrong rule is one error, however many elements it goes through.
            self.with_bound(
                (each.key_name.as_ref(), key),
                (&each.value_name, value),
                |evaluator| evaluator.for_item(each, &mut made),
            )?;
        }
        self.survey_for(each, &collection)?;
        let value = looked_through(made.finish(each)?, each.value.span)?;
        Ok(value.with_sensitive(sensitive))
    }

    /// Binds the names of a `for`, as `for` in templates does too, while something is looked at.
    pub(super) fn with_bound<T>(
        &mut self,
        (key_name, key): (Option<&Arc<str>>, Value),
        (value_name, value): (&Arc<str>, Value),
        look: impl FnOnce(&mut Self) -> T,
    ) -> T {
        let before = self.bound.len();
        if let Some(name) = key_name {
            self.bound.push((name.clone(), key));
        }
        self.bound.push((value_name.clone(), value));
        let result = look(self);
        self.bound.truncate(before);
        result
    }

    fn for_item(&mut self, each: &For, made: &mut Made) -> EvalResult<()> {
        if let Some(condition) = &each.condition {
            let (truth, sensitive) = self.condition(condition)?;
            made.sensitive |= sensitive;
            match truth {
                Some(true) => {}
                Some(false) => return Ok(()),
                None => made.unknown = true,
            }
        }
        let Some(key) = &each.key else {
            made.items.push(self.kept(&each.value)?);
            return Ok(());
        };
        let found = self.eval(key).and_then(|found| key_of(&found, key.span));
        let ((found, sensitive), value) = both(found, self.kept(&each.value))?;
        made.sensitive |= sensitive;
        match found {
            Key::Known(name) => made.entries.push((name, value)),
            Key::Unknown => made.unknown = true,
        }
        Ok(())
    }

    /// `base[*]…`: a list, set or tuple element by element; null is no element; anything else one element.
    pub(super) fn splat(&mut self, base: &Expr, each: &Expr) -> EvalResult {
        let value = self.eval(base)?;
        let sensitive = value.is_sensitive();
        let unknown = Ok(Value::unknown(Type::Any).with_sensitive(sensitive));
        let (items, uniform) = match value.data() {
            Data::Null(Type::List(_) | Type::Set(_) | Type::Tuple(_)) => {
                return Err(Failure::of(
                    error(code::NULL_VALUE, "a list is null", base.span, "this is null")
                        .because("`[*]` goes through the elements of a list, and null has none")
                        .help("give it a default: `coalesce(…, [])`"),
                ));
            }
            Data::Null(_) => return Ok(Value::tuple(Vec::new())),
            Data::List(list) => (list.items.clone(), true),
            Data::Set(set) => (set.items.clone(), true),
            Data::Tuple(items) => (items.as_ref().clone(), false),
            Data::Unknown(state)
                if matches!(state.ty, Type::Any | Type::Tuple(_)) || state.ty.element().is_some() =>
            {
                self.survey_splat(each, &value)?;
                return unknown;
            }
            _ => (vec![value.shallow_unmarked()], false),
        };
        if items.is_empty() {
            self.survey_splat(each, &value)?;
        }
        budget::elements(items.len()).map_err(|spent| too_large(spent, base.span))?;
        let results = all(items.into_iter().map(|item| {
            self.items.push(item.with_sensitive(sensitive));
            let result = self.kept(each);
            self.items.pop();
            result
        }))?;
        Ok(sequence(results, uniform).with_sensitive(sensitive))
    }
}

/// Results of a splat: over a list they make a list, if they have one type as they should.
fn sequence(results: Vec<Value>, uniform: bool) -> Value {
    if !uniform {
        return Value::tuple(results);
    }
    let Some(first) = results.first() else {
        return Value::list(Type::Any, results);
    };
    let ty = first.ty();
    if results.iter().all(|result| result.ty() == ty) {
        Value::list(ty, results)
    } else {
        Value::tuple(results)
    }
}

/// What a `for` has made so far.
#[derive(Default)]
struct Made {
    items: Vec<Value>,
    entries: Vec<(Arc<str>, Value)>,
    unknown: bool,
    sensitive: bool,
}

impl Made {
    fn finish(self, each: &For) -> EvalResult {
        let Made {
            items,
            mut entries,
            unknown,
            sensitive,
        } = self;
        if unknown {
            return Ok(Value::unknown(Type::Any).with_sensitive(sensitive));
        }
        let Some(key) = &each.key else {
            return Ok(Value::tuple(items).with_sensitive(sensitive));
        };
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        if each.grouping {
            let mut groups: Vec<(Arc<str>, Vec<Value>)> = Vec::new();
            for (name, value) in entries {
                match groups.last_mut() {
                    Some((last, group)) if *last == name => group.push(value),
                    _ => groups.push((name, vec![value])),
                }
            }
            let fields: Fields = groups
                .into_iter()
                .map(|(name, group)| (name, Value::tuple(group)))
                .collect();
            return Ok(Value::object(fields).with_sensitive(sensitive));
        }
        let repeated = entries
            .iter()
            .zip(entries.iter().skip(1))
            .find(|(a, b)| a.0 == b.0);
        if let Some(((name, _), _)) = repeated {
            let message = if sensitive {
                "two elements of a `for` have one key".to_owned()
            } else {
                format!("two elements of a `for` have the key {name:?}")
            };
            return Err(Failure::of(
                error(code::DUPLICATE_KEY, message, key.span, "not unique").help(
                    "make the key unique, or write `...` after the value to collect the values of one key",
                ),
            ));
        }
        Ok(Value::object(entries.into_iter().collect()).with_sensitive(sensitive))
    }
}
