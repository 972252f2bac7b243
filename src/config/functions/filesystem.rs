//! Functions over the stack's files and over paths as text. Paths are relative to the module's directory.

use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::config::functions::args::{Outcome, at, kind, refuse, text};
use crate::config::functions::encoding::Hash;
use crate::config::functions::{CallCx, EagerBody, Function, FunctionError, Param, ParamType};
use crate::config::types::Type;
use crate::config::value::{Fields, Value};

const PATH: Param = Param::new("path", ParamType::String);
const VARIABLES: Param = Param::new("vars", ParamType::Any).unknowable().markable();

/// This file's functions.
pub const TABLE: &[Function] = &[
    path(
        "basename",
        "The last part of a path.",
        (r#"basename("policies/admin.json")"#, r#""admin.json""#),
        |_, a| Ok(Value::string(basename(text(a, 0)?))),
    ),
    path(
        "dirname",
        "A path without its last part.",
        (r#"dirname("policies/admin.json")"#, r#""policies""#),
        |_, a| Ok(Value::string(dirname(text(a, 0)?))),
    ),
    path(
        "file",
        "The text of a file, which must be UTF-8.",
        (r#"file("people.csv")"#, "the file's text"),
        file,
    ),
    path(
        "filebase64",
        "The bytes of a file as Base64.",
        (r#"filebase64("logo.png")"#, "the file's bytes"),
        |cx, a| Ok(Value::string(STANDARD.encode(read(cx, a)?))),
    ),
    path(
        "filebase64sha256",
        "The SHA-256 of a file as Base64.",
        (r#"filebase64sha256("people.csv")"#, "the file's hash"),
        |cx, a| hash(cx, a, Hash::Sha256, true),
    ),
    path(
        "filebase64sha512",
        "The SHA-512 of a file as Base64.",
        (r#"filebase64sha512("people.csv")"#, "the file's hash"),
        |cx, a| hash(cx, a, Hash::Sha512, true),
    ),
    Function::new(
        "fileexists",
        "Whether there is a file at a path.",
        (r#"fileexists("people.csv")"#, "true or false"),
        &[PATH],
        ParamType::Bool,
        fileexists,
    ),
    path(
        "filemd5",
        "The MD5 of a file in hexadecimal.",
        (r#"filemd5("people.csv")"#, "the file's hash"),
        |cx, a| hash(cx, a, Hash::Md5, false),
    ),
    Function::new(
        "fileset",
        "The files below a directory that match a pattern of *, **, ?, {a,b} and [abc].",
        (r#"fileset(path.module, "policies/*.json")"#, "the files' paths"),
        &[PATH, Param::new("pattern", ParamType::String)],
        ParamType::Set(&ParamType::String),
        fileset,
    ),
    path(
        "filesha1",
        "The SHA-1 of a file in hexadecimal.",
        (r#"filesha1("people.csv")"#, "the file's hash"),
        |cx, a| hash(cx, a, Hash::Sha1, false),
    ),
    path(
        "filesha256",
        "The SHA-256 of a file in hexadecimal.",
        (r#"filesha256("people.csv")"#, "the file's hash"),
        |cx, a| hash(cx, a, Hash::Sha256, false),
    ),
    path(
        "filesha512",
        "The SHA-512 of a file in hexadecimal.",
        (r#"filesha512("people.csv")"#, "the file's hash"),
        |cx, a| hash(cx, a, Hash::Sha512, false),
    ),
    Function::new(
        "templatefile",
        "The text of a file as a template, with the variables given.",
        (
            r#"templatefile("policy.tmpl", { bucket = "logs" })"#,
            "the file's text with the values in it",
        ),
        &[PATH, VARIABLES],
        ParamType::Any,
        templatefile,
    ),
    Function::new(
        "templatestring",
        "Text as a template, with the variables given.",
        (
            r#"templatestring("Hi $${name}", { name = "Ada" })"#,
            r#""Hi Ada""#,
        ),
        &[Param::new("template", ParamType::String), VARIABLES],
        ParamType::String,
        templatestring,
    ),
];

const fn path(
    name: &'static str,
    summary: &'static str,
    example: (&'static str, &'static str),
    body: EagerBody,
) -> Function {
    Function::new(name, summary, example, &[PATH], ParamType::String, body)
}

fn read(cx: &CallCx<'_>, arguments: &[Value]) -> Result<Arc<[u8]>, FunctionError> {
    let path = text(arguments, 0)?;
    cx.files.read(&clean(path)).or_else(|reason| {
        refuse(
            0,
            format!("{path:?} cannot be read: {reason}"),
            "paths are relative to the module; write \"${path.module}/…\"",
        )
    })
}

fn read_text(cx: &CallCx<'_>, arguments: &[Value]) -> Result<String, FunctionError> {
    let bytes = read(cx, arguments)?;
    match std::str::from_utf8(&bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(_) => refuse(
            0,
            format!("{:?} is not UTF-8 text", text(arguments, 0)?),
            "use `filebase64` for other files",
        ),
    }
}

fn file(cx: &mut CallCx<'_>, arguments: &[Value]) -> Outcome {
    read_text(cx, arguments).map(Value::string)
}

fn hash(cx: &mut CallCx<'_>, arguments: &[Value], hash: Hash, base64: bool) -> Outcome {
    Ok(Value::string(hash.of(&read(cx, arguments)?, base64)))
}

fn fileexists(cx: &mut CallCx<'_>, arguments: &[Value]) -> Outcome {
    let path = text(arguments, 0)?;
    cx.files
        .exists(&clean(path))
        .map(Value::bool)
        .or_else(|reason| refuse(0, format!("{path:?}: {reason}"), "give the path of a file"))
}

fn fileset(cx: &mut CallCx<'_>, arguments: &[Value]) -> Outcome {
    // A pattern may begin with directories, so it is matched as a whole below the path.
    let pattern = clean(text(arguments, 1)?);
    let glob = globset::GlobBuilder::new(&go_glob(&pattern))
        .literal_separator(true)
        .backslash_escape(true)
        .build();
    let matcher = match glob {
        Ok(glob) => glob.compile_matcher(),
        Err(error) => {
            return refuse(
                1,
                format!("it is not a pattern: {}", error.kind()),
                "close every [ and {",
            );
        }
    };
    let path = text(arguments, 0)?;
    let root = clean(path);
    let files = match cx.files.list(&root) {
        Ok(files) => files,
        // What is not there, or is a file itself, holds no files.
        Err(_) if cx.files.exists(&root).is_ok() => Vec::new(),
        Err(reason) => {
            return refuse(
                0,
                format!("{path:?} cannot be read: {reason}"),
                "give the path of a directory",
            );
        }
    };
    let found = files
        .iter()
        .filter(|file| matcher.is_match(file))
        .map(|file| Value::string(file.as_str()));
    Ok(Value::set(Type::String, found.collect()))
}

/// A pattern as the glob crate reads it: there, `!` at the start of a class negates as `^` does.
fn go_glob(pattern: &str) -> String {
    let whole = if pattern == "**" || pattern.ends_with("/**") {
        format!("{pattern}/*")
    } else {
        pattern.to_owned()
    };
    whole.replace("[!", "[\\!")
}

fn templatefile(cx: &mut CallCx<'_>, arguments: &[Value]) -> Outcome {
    let name = text(arguments, 0)?.to_owned();
    let template = read_text(cx, arguments)?;
    render(cx, &name, &template, arguments)
}

fn templatestring(cx: &mut CallCx<'_>, arguments: &[Value]) -> Outcome {
    let template = text(arguments, 0)?.to_owned();
    render(cx, "templatestring", &template, arguments)
}

fn render(cx: &CallCx<'_>, name: &str, template: &str, arguments: &[Value]) -> Outcome {
    let variables = at(arguments, 1);
    if !variables.is_known() {
        return Ok(Value::unknown(Type::Any).with_sensitive(variables.is_sensitive()));
    }
    let Some(fields) = variables.fields() else {
        return refuse(
            1,
            format!("it is {}, and a map or object is required", kind(variables)),
            "write the variables as { name = value }",
        );
    };
    for key in fields.keys() {
        if !crate::config::display::is_identifier(key) {
            return refuse(
                1,
                format!("{key:?} is not a name that a template can use"),
                "use letters, digits and _, a letter first",
            );
        }
    }
    let sensitive = variables.is_sensitive();
    let fields: Fields = fields.map_values(|value| value.clone().with_sensitive(sensitive));
    let result = (cx.render)(name, template, &fields)?;
    Ok(result.with_sensitive(sensitive))
}

/// A path without `.`, without doubled slashes, and with `..` resolved as far as text can tell.
pub fn clean(path: &str) -> String {
    let rooted = path.starts_with('/');
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => match parts.last() {
                Some(last) if *last != ".." => {
                    parts.pop();
                }
                _ if rooted => {}
                _ => parts.push(".."),
            },
            _ => parts.push(part),
        }
    }
    let joined = parts.join("/");
    match (rooted, joined.is_empty()) {
        (true, _) => format!("/{joined}"),
        (false, true) => ".".to_owned(),
        (false, false) => joined,
    }
}

fn basename(path: &str) -> &str {
    if path.is_empty() {
        return ".";
    }
    let trimmed = path.trim_end_matches('/');
    if trimmed.is_empty() {
        return "/";
    }
    trimmed.rsplit('/').next().unwrap_or(trimmed)
}

fn dirname(path: &str) -> String {
    match path.rfind('/') {
        Some(slash) => clean(path.get(..=slash).unwrap_or(path)),
        None => ".".to_owned(),
    }
}
