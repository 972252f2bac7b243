//! IAM policy documents: their canonical form and whether two mean the same.

use serde_json::{Map, Value};

use super::text::Text;

/// Whether two policy texts mean the same to IAM as far as form goes: key order, white space, a single string
/// against a list of one, and the order of values in a list make no difference. The order and number of
/// statements count.
///
/// Texts that are not JSON, or not fully known, are compared as they are.
pub fn equivalent(left: &Text, right: &Text) -> bool {
    if left == right {
        return true;
    }
    let parse = |text: &Text| {
        text.as_known()
            .and_then(|known| serde_json::from_str::<Value>(known).ok())
    };
    match (parse(left), parse(right)) {
        (Some(left), Some(right)) => canonical(&left) == canonical(&right),
        _ => false,
    }
}

/// The canonical form of a policy document: keys in a fixed order (IAM's usual one, others after it by name),
/// value lists sorted without repeats, statements always a list.
pub fn canonical(policy: &Value) -> Value {
    let Value::Object(document) = policy else {
        return policy.clone();
    };
    Value::Object(in_order(
        document,
        &["Version", "Id", "Statement"],
        |key, value| match key {
            "Statement" => {
                let statements = match value {
                    Value::Array(items) => items.iter().map(statement).collect(),
                    single => vec![statement(single)],
                };
                Value::Array(statements)
            }
            _ => value.clone(),
        },
    ))
}

/// The canonical form as indented JSON, one value a line: what differences are shown over.
pub fn pretty(policy: &str) -> String {
    match serde_json::from_str::<Value>(policy) {
        Ok(value) => serde_json::to_string_pretty(&canonical(&value)).unwrap_or_else(|_| policy.to_owned()),
        Err(_) => policy.to_owned(),
    }
}

fn statement(value: &Value) -> Value {
    const ORDER: &[&str] = &[
        "Sid",
        "Effect",
        "Principal",
        "NotPrincipal",
        "Action",
        "NotAction",
        "Resource",
        "NotResource",
        "Condition",
    ];
    let Value::Object(fields) = value else {
        return value.clone();
    };
    Value::Object(in_order(fields, ORDER, |key, value| match key {
        "Action" | "NotAction" | "Resource" | "NotResource" => list(value),
        "Condition" => condition(value),
        _ => value.clone(),
    }))
}

fn condition(value: &Value) -> Value {
    let Value::Object(operators) = value else {
        return value.clone();
    };
    Value::Object(in_order(operators, &[], |_, operator| match operator {
        Value::Object(keys) => Value::Object(in_order(keys, &[], |_, value| list(value))),
        other => other.clone(),
    }))
}

/// A single value as a list of one; a list sorted, without repeats.
fn list(value: &Value) -> Value {
    let mut items = match value {
        Value::Array(items) => items.clone(),
        single => vec![single.clone()],
    };
    items.sort_by_cached_key(Value::to_string);
    items.dedup();
    Value::Array(items)
}

fn in_order(
    fields: &Map<String, Value>,
    order: &[&str],
    change: impl Fn(&str, &Value) -> Value,
) -> Map<String, Value> {
    let mut keys: Vec<&String> = fields.keys().collect();
    let rank = |key: &str| {
        order
            .iter()
            .position(|known| *known == key)
            .unwrap_or(order.len())
    };
    keys.sort_by(|left, right| (rank(left), left).cmp(&(rank(right), right)));
    keys.into_iter()
        .filter_map(|key| Some((key.clone(), change(key, fields.get(key)?))))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn form_makes_no_difference_and_meaning_does() {
        let left = Text::known(
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Allow","Action":"s3:*","Resource":["b","a"]}}"#,
        );
        let same = Text::known(
            r#"{"Statement":[{"Resource":["a","b","a"],"Action":["s3:*"],"Effect":"Allow"}],"Version":"2012-10-17"}"#,
        );
        let other = Text::known(
            r#"{"Version":"2012-10-17","Statement":{"Effect":"Deny","Action":"s3:*","Resource":["b","a"]}}"#,
        );
        assert!(equivalent(&left, &same));
        assert!(!equivalent(&left, &other));
        assert!(!equivalent(&left, &Text::known("not json")));
    }
}
