//! Reading inputs that were checked against the model, and building outputs.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::world::call::{Listed, Page};
use super::super::world::clock::Time;

/// An input, or a structure in it. What the model requires is there; what it leaves out reads as empty.
#[derive(Debug, Clone, Copy)]
pub struct Input<'a>(pub &'a Value);

impl<'a> Input<'a> {
    /// A text; empty when absent.
    pub fn text(&self, name: &str) -> &'a str {
        self.optional(name).unwrap_or_default()
    }

    /// A text that may be absent.
    pub fn optional(&self, name: &str) -> Option<&'a str> {
        self.0.get(name)?.as_str()
    }

    /// A text that may be absent, owned.
    pub fn owned(&self, name: &str) -> Option<String> {
        self.optional(name).map(str::to_owned)
    }

    /// Whether a member is there.
    pub fn has(&self, name: &str) -> bool {
        self.0.get(name).is_some_and(|value| !value.is_null())
    }

    /// A structure; one without members when absent.
    pub fn inner(&self, name: &str) -> Input<'a> {
        Input(self.0.get(name).unwrap_or(&Value::Null))
    }

    /// The items of a list; none when absent.
    pub fn list(&self, name: &str) -> &'a [Value] {
        self.0
            .get(name)
            .and_then(Value::as_array)
            .map_or(&[], Vec::as_slice)
    }

    /// The texts of a list.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let texts = self.list(name).iter().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// A list of `Key` and `Value`.
    pub fn tags(&self, name: &str) -> BTreeMap<String, String> {
        let tags = self.list(name).iter().map(Input);
        tags.map(|tag| (tag.text("Key").to_owned(), tag.text("Value").to_owned()))
            .collect()
    }

    /// `MaxResults` and `NextToken`.
    pub fn page(&self) -> Page {
        self.page_named("MaxResults", "NextToken")
    }

    /// As [`Input::page`] where the service names them otherwise.
    pub fn page_named(&self, most: &str, token: &str) -> Page {
        let most = self.0.get(most).and_then(Value::as_u64);
        Page {
            max_results: most.map(|most| u32::try_from(most).unwrap_or(u32::MAX)),
            next_token: self.owned(token),
        }
    }
}

/// An output under construction: members in the order in which they were added.
#[derive(Debug, Default)]
pub struct Output(Map<String, Value>);

impl Output {
    /// An output without members.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a member.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.0.insert(name.to_owned(), value.into());
        self
    }

    /// Adds a member if there is a value for it.
    #[must_use]
    pub fn maybe(self, name: &str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    /// Whether nothing was added.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The output.
    pub fn done(self) -> Value {
        Value::Object(self.0)
    }
}

impl From<Output> for Value {
    fn from(output: Output) -> Value {
        output.done()
    }
}

/// An output with no members, of operations that answer `{}`.
pub fn empty() -> Value {
    Value::Object(Map::new())
}

/// A page of a list under its name, with `NextToken` if there is more.
pub fn page<T>(name: &str, listed: Listed<T>, write: impl Fn(T) -> Value) -> Value {
    let items: Vec<Value> = listed.items.into_iter().map(write).collect();
    Output::new()
        .with(name, items)
        .maybe("NextToken", listed.next_token)
        .done()
}

/// A moment as JSON has it: seconds since 1970, with a fraction.
pub fn seconds(time: Time) -> Value {
    Value::from(time.as_millis() as f64 / 1000.0)
}

/// Tags as a list of `Key` and `Value`.
pub fn tags(tags: BTreeMap<String, String>) -> Value {
    let tags = tags.into_iter();
    tags.map(|(key, value)| Output::new().with("Key", key).with("Value", value).done())
        .collect()
}
