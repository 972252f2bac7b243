//! JSON in which people are numbers.

use serde::Serialize;
use serde_json::{Error, Value};

use crate::report::hide::Hide;

/// Lists of people beside which their number stands, or that need none.
const PEOPLE: [&str; 3] = ["people", "users", "namesakes"];
/// What people are called, by user name.
const NAMES: &str = "user_names";
/// A person beside whom all that matters is said otherwise.
const PERSON: &str = "person";
/// Words of the format: somebody who is called like one of them is no reason to change it.
const WORDS: [&str; 13] = [
    "cause", "change", "code", "digest", "kind", "level", "mark", "mode", "rule", "severity", "since",
    "sign", "type",
];

/// The value as JSON without people's names: lists of people are empty, and a name inside a text is taken out.
///
/// # Errors
/// When the value cannot be written as JSON.
pub fn without_people(value: &impl Serialize, hide: &Hide) -> Result<Value, Error> {
    Ok(hidden(serde_json::to_value(value)?, hide))
}

fn hidden(value: Value, hide: &Hide) -> Value {
    match value {
        Value::String(text) => Value::String(hide.apply(&text).into_owned()),
        Value::Array(items) => Value::Array(items.into_iter().map(|item| hidden(item, hide)).collect()),
        Value::Object(fields) => {
            let kept = fields.into_iter().filter(|(key, _)| key != PERSON);
            let fields = kept.map(|(key, value)| match value {
                Value::Array(items) if is_list_of_people(&key, &items) => (key, Value::Array(Vec::new())),
                Value::Object(_) if key == NAMES => (key, Value::Object(serde_json::Map::new())),
                Value::String(text) if WORDS.contains(&key.as_str()) => (key, Value::String(text)),
                value => (hide.apply(&key).into_owned(), hidden(value, hide)),
            });
            Value::Object(fields.collect())
        }
        value => value,
    }
}

fn is_list_of_people(key: &str, items: &[Value]) -> bool {
    PEOPLE.contains(&key) && items.iter().all(Value::is_string)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::hide::People;

    #[test]
    fn people_are_numbers_and_words_of_the_format_stay() {
        let value = serde_json::json!({
            "people": {"gaining": 1, "changes": [{"change": "gains", "count": 1, "people": ["ada"]}]},
            "user_names": {"ada": "Ada Lovelace"},
            "subjects": [{"person": "ada", "text": "Ada Lovelace has admin", "account": "1"}],
            "principals": [{"kind": "user", "name": "ada"}],
            "outputs": {"ada": "x"},
        });
        let names = ["ada", "Ada Lovelace", "gains", "user"];
        let hide = Hide::new(People::Counts, names);
        let expected = serde_json::json!({
            "people": {"gaining": 1, "changes": [{"change": "gains", "count": 1, "people": []}]},
            "user_names": {},
            "subjects": [{"text": "(someone) has admin", "account": "1"}],
            "principals": [{"kind": "user", "name": "(someone)"}],
            "outputs": {"(someone)": "x"},
        });
        assert_eq!(without_people(&value, &hide).unwrap(), expected);
    }
}
