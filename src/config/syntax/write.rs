//! Values as HCL text, the way a person would write them.

use serde_json::Value;

/// A JSON value as an HCL expression: `"text"`, `[1, 2]` over several lines, `{ "key" = "value" }` likewise.
///
/// What cannot be written as HCL (there is nothing of the kind in JSON) comes back as JSON.
pub fn expression(value: &Value) -> String {
    let written = hcl::to_expression(value).and_then(|expression| hcl::format::to_string(&expression));
    written.unwrap_or_else(|_| value.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_written_as_a_person_would() {
        assert_eq!(expression(&serde_json::json!("a \"b\"")), r#""a \"b\"""#);
        assert_eq!(expression(&serde_json::json!(60)), "60");
        assert_eq!(
            expression(&serde_json::json!({ "search": "Search" })),
            "{\n  \"search\" = \"Search\"\n}"
        );
        assert_eq!(
            expression(&serde_json::json!([true, null])),
            "[\n  true,\n  null\n]"
        );
    }
}
