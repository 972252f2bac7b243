//! Tables as CSV, for many things of one kind.

/// A line of a table, with quotes where a field needs them.
pub(super) fn line(fields: &[&str]) -> String {
    let field = |text: &&str| {
        let plain = !text.contains([',', '"']) && text.trim() == *text;
        if plain {
            (*text).to_owned()
        } else {
            format!("\"{}\"", text.replace('"', "\"\""))
        }
    };
    let mut line = fields.iter().map(field).collect::<Vec<_>>().join(",");
    line.push('\n');
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_are_quoted_where_they_must_be() {
        assert_eq!(
            line(&["a", "b,c", "d \"e\"", " f", ""]),
            "a,\"b,c\",\"d \"\"e\"\"\",\" f\",\n"
        );
    }
}
