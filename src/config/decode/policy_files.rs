//! `policy { rego = "policies/" }`: the files of a directory of policies.

use std::sync::Arc;

use crate::config::decode::blocks::Nested;
use crate::config::functions::{filesystem, json, yaml};
use crate::diagnostic::{Code, Diagnostic};
use crate::model::policy_file::{PolicyContent, PolicyFile};

/// Policy files that cannot be read.
const UNREADABLE: Code = Code("unreadable-policy");

/// The files, sorted by path. What cannot be read is reported.
pub(super) fn policy_files(read: &Nested<'_, '_, '_>) -> Vec<PolicyFile> {
    let Some(given) = read.text("rego") else {
        return Vec::new();
    };
    let wrong = |message: String, help: &str| {
        read.engine.report(
            Diagnostic::error(UNREADABLE, message)
                .at(read.place("rego"), "")
                .help(help.to_owned()),
        );
    };
    let root = filesystem::clean(&given);
    let paths = if is_rego(&root) {
        vec![(root.clone(), String::new())]
    } else {
        let names = match read.engine.files.list(&root) {
            Ok(names) => names,
            Err(reason) => {
                let help = "`rego` is a directory or a file that ends with `.rego`, relative to the stack";
                wrong(format!("{given:?} cannot be read: {reason}"), help);
                return Vec::new();
            }
        };
        let below = |name: &String| match root.as_str() {
            "." => name.clone(),
            root => format!("{}/{name}", root.trim_end_matches('/')),
        };
        names.iter().map(|name| (below(name), name.clone())).collect()
    };
    let mut found = Vec::new();
    for (path, name) in paths {
        match file(read, &path, &name) {
            Ok(file) => found.extend(file),
            Err(reason) => wrong(
                format!("{path:?} cannot be read: {reason}"),
                "mend the file, or move it away",
            ),
        }
    }
    if !found.iter().any(|file| file.content == PolicyContent::Rego) {
        let help = "put policies there, or remove the `policy` block";
        wrong(
            format!("{given:?} holds no policies: no file ends with `.rego`"),
            help,
        );
    }
    found
}

fn is_rego(name: &str) -> bool {
    name.ends_with(".rego")
}

/// Reads a file; `None` for what is neither rules nor data. Tests, and what is hidden, are no part of the policies.
fn file(read: &Nested<'_, '_, '_>, path: &str, name: &str) -> Result<Option<PolicyFile>, String> {
    let is_hidden = name.split('/').any(|part| part.starts_with('.'));
    let is_json = name.ends_with(".json");
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml");
    if is_hidden || path.ends_with("_test.rego") || !(is_rego(path) || is_json || is_yaml) {
        return Ok(None);
    }
    let bytes = read.engine.files.read(path)?;
    let text = std::str::from_utf8(&bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (content, text) = if is_rego(path) {
        (PolicyContent::Rego, Arc::from(text))
    } else {
        let mut under: Vec<Arc<str>> = name.split('/').map(Arc::from).collect();
        under.pop();
        let text = if is_yaml { as_json(text)? } else { Arc::from(text) };
        let value: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| format!("it is not JSON: {error}"))?;
        if !value.is_object() {
            return Err("data for policies is an object at the top".to_owned());
        }
        (PolicyContent::Data { under }, text)
    };
    Ok(Some(PolicyFile {
        path: Arc::from(path),
        content,
        hash: Arc::from(blake3::hash(&bytes).to_hex().as_str()),
        text,
    }))
}

fn as_json(text: &str) -> Result<Arc<str>, String> {
    let value = yaml::decode(text).map_err(|error| error.message)?;
    let json = json::encode(&value).map_err(|error| error.message)?;
    json.as_str()
        .map(Arc::from)
        .ok_or_else(|| "it is not data".to_owned())
}
