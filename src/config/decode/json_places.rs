//! JSON with the places of its parts: where in a heredoc something is written.

use std::ops::Range;

/// A value and its bytes in the text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Node {
    pub range: Range<usize>,
    pub kind: Kind,
}

/// What a value is; what it says is kept of texts alone.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Object(Vec<(Node, Node)>),
    Array(Vec<Node>),
    Text(String),
    Other,
}

impl Node {
    /// A member of an object.
    pub(super) fn member(&self, name: &str) -> Option<&Node> {
        let Kind::Object(members) = &self.kind else {
            return None;
        };
        let is_it = |key: &Node| matches!(&key.kind, Kind::Text(text) if text == name);
        members.iter().find(|(key, _)| is_it(key)).map(|(_, value)| value)
    }

    /// The first place of a text, keys included.
    pub(super) fn text(&self, wanted: &str) -> Option<&Node> {
        match &self.kind {
            Kind::Object(members) => members
                .iter()
                .flat_map(|(key, value)| [key, value])
                .find_map(|node| node.text(wanted)),
            Kind::Array(items) => items.iter().find_map(|node| node.text(wanted)),
            Kind::Text(text) => (text == wanted).then_some(self),
            Kind::Other => None,
        }
    }
}

/// Reads the value that a text begins with; `None` where it is no JSON. What follows is of no interest.
pub(super) fn read(text: &str) -> Option<Node> {
    Reader { text, at: 0 }.value(0)
}

/// Deeper values are not read: no policy has them.
const DEEPEST: usize = 32;

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<u8> {
        let rest = self.text.get(self.at..)?;
        self.at += rest.len() - rest.trim_start().len();
        self.text.as_bytes().get(self.at).copied()
    }

    fn value(&mut self, depth: usize) -> Option<Node> {
        let first = self.next()?;
        let start = self.at;
        let kind = match first {
            b'{' | b'[' if depth >= DEEPEST => return None,
            b'{' => Kind::Object(self.list(b'}', |reader| {
                (reader.next()? == b'"').then_some(())?;
                let key = reader.value(depth + 1)?;
                (reader.next()? == b':').then(|| reader.at += 1)?;
                Some((key, reader.value(depth + 1)?))
            })?),
            b'[' => Kind::Array(self.list(b']', |reader| reader.value(depth + 1))?),
            b'"' => Kind::Text(self.string()?),
            _ => {
                let rest = self.text.get(self.at..)?;
                let is_part = |c: char| c.is_ascii_alphanumeric() || "+-.".contains(c);
                let length = rest.find(|c| !is_part(c)).unwrap_or(rest.len());
                self.at += length;
                (length > 0).then_some(Kind::Other)?
            }
        };
        Some(Node {
            range: start..self.at,
            kind,
        })
    }

    fn list<T>(&mut self, end: u8, mut item: impl FnMut(&mut Self) -> Option<T>) -> Option<Vec<T>> {
        self.at += 1;
        let mut items = Vec::new();
        if self.next()? == end {
            self.at += 1;
            return Some(items);
        }
        loop {
            items.push(item(self)?);
            let after = self.next()?;
            self.at += 1;
            match after {
                b',' => {}
                after if after == end => return Some(items),
                _ => return None,
            }
        }
    }

    fn string(&mut self) -> Option<String> {
        let rest = self.text.get(self.at..)?;
        let mut escaped = false;
        let end = rest.bytes().enumerate().skip(1).find_map(|(place, byte)| {
            let ends = byte == b'"' && !escaped;
            escaped = byte == b'\\' && !escaped;
            ends.then_some(place + 1)
        })?;
        let written = rest.get(..end)?;
        self.at += end;
        // In a template, `$${` is written for `${`.
        let text: String = serde_json::from_str(written).ok()?;
        Some(text.replace("$${", "${").replace("%%{", "%{"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_found_where_they_are_written() {
        let text = "\n {\"Statement\": [\n  {\"Action\": [\"a:b\", \"c\\\"d\"], \"N\": -1.5e3, \"T\": true},\n  {\"Resource\": \"x/$${y}\"}]}\nEOT";
        let document = read(text).unwrap();
        let statements = document.member("Statement").unwrap();
        let Kind::Array(items) = &statements.kind else {
            panic!("{statements:?}")
        };
        let shown = |node: &Node| text[node.range.clone()].to_owned();
        assert_eq!(shown(items[0].member("Action").unwrap()), r#"["a:b", "c\"d"]"#);
        assert_eq!(shown(items[0].text("c\"d").unwrap()), r#""c\"d""#);
        assert_eq!(shown(items[0].member("N").unwrap()), "-1.5e3");
        assert_eq!(shown(items[1].text("x/${y}").unwrap()), "\"x/$${y}\"");
        assert_eq!(items.len(), 2);
        for bad in ["", "{", "[1 2]", "{\"a\" 1}", "\"", "{a: 1}", "}"] {
            assert_eq!(read(bad), None, "{bad}");
        }
        assert_eq!(read(&"[".repeat(100_000)), None);
    }
}
