//! The language cases: expressions and what Terraform 1.11.4 makes of them, recorded by `regenerate`.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use rolecall::config::console::evaluate_line;
use rolecall::config::deviations::DEVIATIONS;
use rolecall::config::eval::{EvalResult, Failure, PathStep, Scope, eval};
use rolecall::config::files::Files;
use rolecall::config::functions::FUNCTIONS;
use rolecall::config::functions::impure::IMPURE;
use rolecall::config::syntax::parse_expression;
use rolecall::config::types::Type;
use rolecall::config::value::{Data, Entity, Part, Reference, Value};
use rolecall::diagnostic::{Code, Diagnostic};
use rolecall::id::{EntityKey, GroupName};
use rolecall::source::{FileId, Span};

/// One case of a file.
#[derive(Default)]
struct Case {
    line: usize,
    expression: String,
    /// The recorded result: `= …`, `? …` or `! …`.
    recorded: String,
    deviation: Option<String>,
    /// What is expected here instead, in the same form.
    here: Option<String>,
}

fn directory() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/language")
}

fn read(path: &Path) -> Vec<Case> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut cases = Vec::new();
    let mut case = Case::default();
    for (number, line) in text.lines().chain([""]).enumerate() {
        if line.trim().is_empty() {
            if !case.expression.is_empty() {
                cases.push(std::mem::take(&mut case));
            }
            case = Case::default();
        } else if let Some(name) = line.strip_prefix("~ deviation: ") {
            case.deviation = Some(name.to_owned());
        } else if let Some(result) = line.strip_prefix("~ ") {
            case.here = Some(result.to_owned());
        } else if line.starts_with("= ") || line.starts_with("? ") || line.starts_with("! ") {
            case.recorded = line.to_owned();
        } else if !(line.starts_with("# ") && case.expression.is_empty()) {
            if case.expression.is_empty() {
                case.line = number + 1;
            }
            case.expression.push_str(line);
            case.expression.push('\n');
        }
    }
    cases
}

/// The names that cases use, as `regenerate` declares them for Terraform.
struct Names {
    files: Disk,
}

impl Scope for Names {
    fn resolve(&self, name: &str, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let secret = Value::string("s3cr3t").with_sensitive(true);
        let value = match (name, path.first().and_then(PathStep::name)) {
            ("local", Some("unknown")) => Value::reference(
                Type::String,
                Reference {
                    entity: EntityKey::Group(GroupName::new("platform").unwrap()),
                    attribute: "id".into(),
                },
            ),
            ("local" | "var", Some("secret")) => secret,
            ("local", Some("t_plain")) => Value::string("Hello, ${name}!"),
            _ => {
                let code = Code("unknown-name");
                let finding = Diagnostic::error(code, format!("no name {name}")).at(span, "");
                return Err(Failure::always(finding));
            }
        };
        Ok((value, 1))
    }

    fn attribute(&self, _: &Arc<Entity>, name: &str, span: Span) -> EvalResult {
        let code = Code("unknown-attribute");
        Err(Failure::of(
            Diagnostic::error(code, format!("no attribute {name}")).at(span, ""),
        ))
    }

    fn files(&self) -> &dyn Files {
        &self.files
    }
}

/// The files beside the cases.
struct Disk;

impl Files for Disk {
    fn read(&self, path: &str) -> Result<Arc<[u8]>, String> {
        std::fs::read(directory().join(path))
            .map(Arc::from)
            .map_err(|error| error.to_string())
    }

    fn exists(&self, path: &str) -> Result<bool, String> {
        let path = directory().join(path);
        if path.is_dir() {
            Err("it is a directory".to_owned())
        } else {
            Ok(path.is_file())
        }
    }

    fn list(&self, path: &str) -> Result<Vec<String>, String> {
        let root = directory().join(path);
        let mut found = Vec::new();
        let mut left = vec![root.clone()];
        while let Some(next) = left.pop() {
            for entry in std::fs::read_dir(next).map_err(|error| error.to_string())? {
                let path = entry.unwrap().path();
                match path.is_dir() {
                    true => left.push(path),
                    false => found.push(path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned()),
                }
            }
        }
        found.sort();
        Ok(found)
    }
}

/// A value as JSON; what is unknown is null.
fn json(value: &Value, out: &mut String) {
    let sequence = |items: &mut dyn Iterator<Item = &Value>, out: &mut String| {
        for (index, item) in items.enumerate() {
            if index > 0 {
                out.push(',');
            }
            json(item, out);
        }
    };
    match value.data() {
        Data::Null(_) | Data::Unknown(_) => out.push_str("null"),
        Data::Bool(flag) => out.push_str(&flag.to_string()),
        // Terraform's plans have no negative zero.
        Data::Number(number) if number.is_zero() => out.push('0'),
        Data::Number(number) => out.push_str(&number.to_string()),
        Data::String(text) => out.push_str(&serde_json::to_string(text.as_ref()).unwrap()),
        Data::List(_) | Data::Set(_) | Data::Tuple(_) => {
            out.push('[');
            sequence(&mut value.children(), out);
            out.push(']');
        }
        Data::Map(_) | Data::Object(_) => {
            out.push('{');
            let known = value
                .fields()
                .unwrap()
                .iter()
                .filter(|(_, value)| value.is_known());
            for (index, (key, value)) in known.enumerate() {
                if index > 0 {
                    out.push(',');
                }
                out.push_str(&serde_json::to_string(key.as_ref()).unwrap());
                out.push(':');
                json(value, out);
            }
            out.push('}');
        }
        Data::Entity(_) => panic!("no case makes an entity"),
    }
}

/// What is unknown in a value, in Terraform's notation: true, or where inside.
fn unknown(value: &Value) -> String {
    match value.data() {
        Data::Unknown(_) => "true".to_owned(),
        Data::List(_) | Data::Set(_) | Data::Tuple(_) => {
            format!(
                "[{}]",
                value.children().map(unknown).collect::<Vec<_>>().join(",")
            )
        }
        Data::Map(_) | Data::Object(_) => {
            let fields = value
                .fields()
                .unwrap()
                .iter()
                .map(|(key, value)| (key, unknown(value)));
            let told = fields.filter(|(_, told)| told != "false");
            let told =
                told.map(|(key, told)| format!("{}:{told}", serde_json::to_string(key.as_ref()).unwrap()));
            format!("{{{}}}", told.collect::<Vec<_>>().join(","))
        }
        _ => "false".to_owned(),
    }
}

fn type_text(ty: &Type) -> String {
    match ty {
        Type::Any => "dynamic".to_owned(),
        Type::List(element) => format!("list({})", type_text(element)),
        Type::Set(element) => format!("set({})", type_text(element)),
        Type::Map(element) => format!("map({})", type_text(element)),
        Type::Tuple(items) => format!(
            "tuple([{}])",
            items.iter().map(type_text).collect::<Vec<_>>().join(",")
        ),
        Type::Object(object) => {
            let attributes = object
                .attributes
                .iter()
                .map(|(name, attribute)| format!("{name}={}", type_text(&attribute.ty)));
            format!("object({{{}}})", attributes.collect::<Vec<_>>().join(","))
        }
        other => other.to_string(),
    }
}

fn evaluated(expression: &str) -> String {
    let names = Names { files: Disk };
    // As Terraform sees the cases: between brackets, where line breaks have no meaning.
    let wrapped = format!("[\n{expression}]");
    let parsed = parse_expression(FileId(0), &wrapped);
    let result = match parsed {
        Ok(expression) => eval(&expression, &names),
        Err(diagnostics) => {
            return format!(
                "! {}",
                diagnostics.first().map_or("", |first| first.message.as_ref())
            );
        }
    };
    let value = match result {
        Ok(tuple) => tuple.children().next().cloned().unwrap(),
        Err(failure) => {
            return format!(
                "! {}",
                failure
                    .diagnostics
                    .first()
                    .map_or("", |first| first.message.as_ref())
            );
        }
    };
    let mut text = String::new();
    json(&value, &mut text);
    let ty = type_text(&value.ty());
    if value.is_wholly_known() {
        format!("= {text} : {ty}")
    } else {
        format!("? {text} unknown {} : {ty}", unknown(&value))
    }
}

#[test]
fn every_case_has_terraforms_value_and_type() {
    let mut wrong = Vec::new();
    let mut count = 0;
    let mut paths: Vec<PathBuf> = std::fs::read_dir(directory())
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "txt"));
    paths.sort();
    for path in paths {
        for case in read(&path) {
            count += 1;
            let expected = case.here.as_ref().unwrap_or(&case.recorded);
            let found = evaluated(&case.expression);
            // Of errors only that they are errors is compared: the words are our own.
            let same = match expected.as_str() {
                // No output of Terraform's can hold an infinity, so that no more is recorded.
                text if text.starts_with("= (holds an infinity)") => found.contains("Inf"),
                text if text.starts_with('!') => found.starts_with('!'),
                text => text == found,
            };
            let name = path.file_name().unwrap().to_str().unwrap();
            if !same {
                let text = case.expression.trim_end();
                wrong.push(format!(
                    "{name}:{}: {text}\n  expected {expected}\n  found    {found}",
                    case.line
                ));
            }
            match (&case.deviation, &case.here) {
                (Some(deviation), Some(_)) if DEVIATIONS.iter().any(|known| known.subject == deviation) => {}
                (None, None) => {}
                _ => wrong.push(format!(
                    "{name}:{}: its deviation is not in the table, or has no result",
                    case.line
                )),
            }
        }
    }
    assert!(count > 1_500, "only {count} cases were found");
    assert!(
        wrong.is_empty(),
        "{} of {count} cases differ:\n{}",
        wrong.len(),
        wrong.join("\n")
    );
}

/// Examples whose result hangs on a file that the reader would have to have.
fn needs_a_file(example: &str) -> bool {
    example.starts_with("file") || example.starts_with("templatefile")
}

#[test]
fn every_functions_example_gives_what_the_reference_says() {
    let names = Names { files: Disk };
    let mut wrong = Vec::new();
    for function in FUNCTIONS.iter() {
        let (example, expected) = function.example;
        if needs_a_file(example) {
            continue;
        }
        let found = match evaluate_line(FileId(0), example, &names) {
            Ok(text) => text,
            Err(failure) => format!("! {}", failure.diagnostics[0].message),
        };
        if found != expected {
            wrong.push(format!("{example}\n  expected {expected}\n  found    {found}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The message, the underlined text and the remedies of a failing expression.
fn failure(expression: &str) -> (String, String, String) {
    let names = Names { files: Disk };
    let failure = evaluate_line(FileId(0), expression, &names).unwrap_err();
    let finding = &failure.diagnostics[0];
    let span = finding.primary.as_ref().unwrap().span;
    let marked = expression[span.start as usize..span.end as usize].to_owned();
    (
        finding.message.to_string(),
        marked,
        finding.remedy.as_deref().unwrap_or("").to_owned(),
    )
}

#[test]
fn a_refused_call_names_function_argument_and_remedy_and_underlines_the_argument() {
    let (message, marked, help) = failure(r#"timeadd("2027-03-31", "1h")"#);
    assert!(
        message.contains("`timeadd`") && message.contains("`timestamp`"),
        "{message}"
    );
    assert_eq!(marked, r#""2027-03-31""#);
    assert!(help.contains("2027-03-31T12:00:00Z"), "{help}");

    let (message, marked, help) = failure(r#"cidrsubnets("10.0.0.0/24", 1, 1, 1)"#);
    assert!(message.contains("no space is left in 10.0.0.0/24"), "{message}");
    assert_eq!(marked, "1");
    assert!(help.contains("fewer subnets"), "{help}");

    let (message, marked, _) = failure(r#"regex("(?=a)", "a")"#);
    assert!(message.contains("look-ahead is not supported"), "{message}");
    assert_eq!(marked, r#""(?=a)""#);

    let (message, _, _) = failure("csvdecode(\"a,b\\n1,2\\n\\n3\\n\")");
    assert!(
        message.contains("line 4: the record has 1 fields, and the header has 2"),
        "{message}"
    );
}

#[test]
fn functions_left_out_say_why_and_what_to_use() {
    for left_out in IMPURE {
        let (message, marked, help) = failure(&format!("{}()", left_out.name));
        assert!(message.contains(left_out.reason), "{message}");
        assert_eq!(marked, left_out.name);
        assert!(help.contains(left_out.instead), "{help}");
    }
}

#[test]
fn text_that_apply_will_learn_stays_a_reference_in_what_is_built_from_it() {
    let names = Names { files: Disk };
    let parts = |expression: &str| {
        let parsed = parse_expression(FileId(0), expression).unwrap();
        let value = eval(&parsed, &names).unwrap();
        let shown = value.parts().unwrap().into_iter().map(|part| match part {
            Part::Literal(text) => text.to_string(),
            Part::Reference(reference) => format!("<{}>", reference.attribute),
            Part::JsonReference(reference) => format!("<json {}>", reference.attribute),
        });
        shown.collect::<String>()
    };
    assert_eq!(parts(r#"join("-", ["a", local.unknown, "b"])"#), "a-<id>-b");
    assert_eq!(
        parts(r#"jsonencode({ Resource = ["x", local.unknown] })"#),
        r#"{"Resource":["x","<json id>"]}"#
    );
    assert_eq!(
        parts(r#"jsonencode("<${local.unknown}>")"#),
        r#""\u003c<json id>\u003e""#
    );
    assert_eq!(
        parts(r#"format("%s/%v-%d", local.unknown, local.unknown, 7)"#),
        "<id>/<id>-7"
    );
    assert_eq!(
        parts(r#"join(",", [for x in formatlist("%s.x", [local.unknown]) : x])"#),
        "<id>.x"
    );
    assert_eq!(parts(r#"coalesce("", local.unknown)"#), "<id>");
    assert_eq!(parts(r#"lookup({ a = local.unknown }, "a", "b")"#), "<id>");
    assert_eq!(parts(r#"flatten([[local.unknown]])[0]"#), "<id>");
    assert_eq!(parts(r#"element(concat(["a"], [local.unknown]), 1)"#), "<id>");
    assert_eq!(parts(r#"merge({ a = 1 }, { b = local.unknown }).b"#), "<id>");
    assert_eq!(
        parts(r#"templatestring("id: $${id}", { id = local.unknown })"#),
        "id: <id>"
    );
}
