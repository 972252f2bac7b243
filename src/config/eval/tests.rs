use crate::address::{Address, Kind};
use crate::config::budget;
use crate::config::console::evaluate_line;
use crate::config::convert::field;
use crate::config::files::NoFiles;
use crate::config::number::Number;
use crate::config::value::{Fields, Origin, Reference};
use crate::id::{EntityKey, GroupName, PermissionSetName};
use crate::source::FileId;

use super::*;

const FILE: FileId = FileId(0);

/// `var` with a few values; `group.a`, whose `id` apply will learn; `permission_set.p`.
struct Scene {
    variables: Fields,
}

fn entity(key: EntityKey, label: &str) -> Value {
    let address = Address::root(key.kind(), label);
    Value::entity(Entity { key, address })
}

fn group(name: &str) -> Value {
    entity(EntityKey::Group(GroupName::new(name).unwrap()), name)
}

impl Scene {
    fn new() -> Self {
        let secret = Value::string("hush").with_sensitive(true);
        let numbers = ["1", "2"].map(|text| Value::number(Number::parse(text).unwrap()));
        let variables = [
            field("secret", secret.clone()),
            field(
                "secrets",
                Value::tuple(vec![Value::string("a")]).with_sensitive(true),
            ),
            field("unknown", Value::unknown(Type::Any)),
            field("unknown_string", Value::unknown(Type::String)),
            field("unknown_bool", Value::unknown(Type::Bool)),
            field("unknown_list", Value::unknown(Type::list(Type::String))),
            field("list", Value::list(Type::Number, numbers.to_vec())),
            field("null_list", Value::null(Type::list(Type::String))),
        ];
        Scene {
            variables: variables.into_iter().collect(),
        }
    }
}

impl Scope for Scene {
    fn resolve(&self, name: &str, path: &[PathStep], span: Span) -> EvalResult<(Value, usize)> {
        let first = path.first().and_then(PathStep::name);
        let found = match (name, first) {
            ("var", Some(variable)) => self.variables.get(variable).map(|value| (value.clone(), 1)),
            ("group", Some(label @ ("a" | "b"))) => Some((group(label), 1)),
            ("permission_set", Some("p")) => {
                let key = EntityKey::PermissionSet(PermissionSetName::new("p").unwrap());
                Some((entity(key, "p"), 1))
            }
            _ => None,
        };
        found.ok_or_else(|| Failure::always(error(code::UNKNOWN_NAME, format!("no {name}"), span, "")))
    }

    fn attribute(&self, entity: &Arc<Entity>, name: &str, span: Span) -> EvalResult {
        match name {
            "id" => Ok(Value::reference(
                Type::String,
                Reference {
                    entity: entity.key.clone(),
                    attribute: name.into(),
                },
            )),
            "label" => Ok(Value::string(entity.address.label.clone())),
            _ => Err(Failure::of(error(
                code::UNKNOWN_ATTRIBUTE,
                "no such attribute",
                span,
                "",
            ))),
        }
    }

    fn files(&self) -> &dyn Files {
        &NoFiles
    }
}

fn shown(text: &str) -> String {
    match evaluate_line(FILE, text, &Scene::new()) {
        Ok(line) => line,
        Err(failure) => {
            assert!(!failure.diagnostics.is_empty());
            format!("error {}", failure.diagnostics[0].code.0)
        }
    }
}

fn value(text: &str) -> Value {
    let expr = crate::config::syntax::parse_expression(FILE, text).unwrap();
    eval(&expr, &Scene::new()).unwrap()
}

fn check(cases: &[(&str, &str)]) {
    for (text, expected) in cases {
        assert_eq!(shown(text), *expected, "{text}");
    }
}

/// What `terraform console` 1.11.4 gives, on one line.
#[test]
fn operators_and_conditionals() {
    check(&[
        ("0.1 + 0.2 == 0.3", "true"),
        ("5 % 0", "5"),
        ("-5 % 3", "-2"),
        ("1e400 > 1e399", "true"),
        ("100000000000000000000000000001", "100000000000000000000000000001"),
        ("2 + 3 * 4 - -1", "15"),
        ("1 == \"1\"", "false"),
        ("\"a\" == 1", "false"),
        ("tolist([\"a\"]) == [\"a\"]", "false"),
        ("[] == []", "true"),
        ("null == null", "true"),
        ("5 == 5.0", "true"),
        ("\"3\" + 1", "4"),
        ("\"x\" + 1", "error wrong-type"),
        ("1 < \"2\"", "true"),
        ("1 < null", "error null-value"),
        ("!\"true\"", "false"),
        ("-\"3\"", "-3"),
        ("1 / 0", "+Inf"),
        ("0 / 0", "error arithmetic"),
        ("true ? {a = 1} : {a = 1, b = \"x\"}", "{a = \"1\"}"),
        ("true ? [1] : [1, 2]", "[1]"),
        ("(true ? [1] : [1, 2]) == tolist([1])", "true"),
        ("true ? [1, \"a\"] : [\"b\", 2]", "[\"1\", \"a\"]"),
        ("true ? 1 : \"a\"", "\"1\""),
        ("true ? [1, true] : [true, 2]", "error inconsistent-conditional"),
        ("true ? true : 1", "error inconsistent-conditional"),
        ("true ? \"a\" : [1]", "error inconsistent-conditional"),
        ("true ? {a = 1} : {b = []}", "error inconsistent-conditional"),
        ("(true ? toset([1]) : [\"a\"]) == toset([1])", "true"),
        ("true ? null : [1]", "null"),
        ("\"true\" ? 1 : 2", "1"),
        ("1 ? 1 : 2", "error wrong-type"),
        ("null ? 1 : 2", "error null-value"),
        ("true ? 1 : nowhere.x", "error unknown-name"),
        ("true ? 1 : {}.a", "1"),
        ("false ? 1 / 0 : 2", "2"),
    ]);
}

#[test]
fn names_are_looked_up_in_what_is_not_evaluated() {
    let wrong = [
        "false && nope",
        "true || nope.a == 1",
        "[for x in [] : nope]",
        "[for x in [1] : nope if x > 1]",
        "[for x in [1, 2] : x == 7 && nope]",
        "{for k, v in var.unknown_list : k => nope}",
        "[for x in [] : [for y in x : y.z + nope]]",
        r#""%{ if true }a%{ else }${nope}%{ endif }""#,
        r#""%{ for x in [] }${nope}%{ endfor }""#,
    ];
    for text in wrong {
        assert_eq!(shown(text), "error unknown-name", "{text}");
    }
    assert_eq!(shown("[for x in [] : nope(x)]"), "error unknown-function");
    check(&[
        ("[for x in [] : x.a.b + 1]", "[]"),
        ("[for x in [] : [for y in x : \"${y}\"]]", "[]"),
        ("[for x in [1] : group.b.label if x > 1]", "[]"),
        ("false && var.list[7] == 1", "false"),
        ("true || 1 / 0 == 1", "true"),
        (r#""%{ if true }a%{ else }${1 / 0}%{ endif }""#, "\"a\""),
    ]);
}

#[test]
fn logical_operators_do_not_look_at_what_cannot_matter() {
    check(&[
        ("false && {}.a", "false"),
        ("true || {}.a", "true"),
        ("true && \"x\"", "error wrong-type"),
        ("var.unknown_bool && false", "false"),
        ("var.unknown_bool || false", "(known after apply)"),
    ]);
}

#[test]
fn elements_and_splats() {
    check(&[
        ("[1, 2][\"0\"]", "1"),
        ("[1, 2].1", "2"),
        ("[1, 2][5]", "error invalid-index"),
        ("[1, 2][-1]", "error invalid-index"),
        ("[1, 2][0.5]", "error invalid-index"),
        ("toset([1])[0]", "error invalid-index"),
        ("{a = 1}.b", "error unknown-attribute"),
        ("[{a = 1}].a", "error unknown-attribute"),
        ("null.a", "error null-value"),
        ("null[*]", "[]"),
        ("null.*.a", "[]"),
        ("var.null_list[*]", "error null-value"),
        ("\"x\"[*]", "[\"x\"]"),
        ("[{a = [1]}, {a = [2]}].*.a[0]", "[1]"),
        ("[{a = [1]}, {a = [2]}][*].a[0]", "[1, 2]"),
        ("[[{b = 1}, {b = 2}], [{b = 3}]][*][*].b", "[[1, 2], [3]]"),
        ("tolist([{a = 1}, {a = 2}])[*].a == tolist([1, 2])", "true"),
        ("toset([{a = 10}, {a = 9}])", "[{a = 10}, {a = 9}]"),
        ("toset([\"b\", \"a\", \"b\"])", "[\"a\", \"b\"]"),
    ]);
}

#[test]
fn for_and_objects() {
    check(&[
        ("[for k, v in {b = 1, a = 2} : \"${k}${v}\"]", "[\"a2\", \"b1\"]"),
        ("{for k in [\"a\", \"a\"] : k => 1}", "error duplicate-key"),
        ("{for i, k in [\"a\", \"a\"] : k => i...}", "{a = [0, 1]}"),
        ("[for x in [1, 2, 3] : x if x > 1]", "[2, 3]"),
        ("[for k, v in toset([\"x\"]) : k]", "[\"x\"]"),
        ("[for x in null : x]", "error null-value"),
        ("[for x in 1 : x]", "error wrong-type"),
        ("[for x in [1] : [for y in [2] : x + y]]", "[[3]]"),
        ("{a = 1, a = 2}", "error duplicate-attribute"),
        ("{a = 1, (\"a\") = 2}", "{a = 2}"),
        ("{(null) = 1}", "error null-value"),
        (
            "{1 = 2, true = 3, \"b c\" = 4}",
            "{\"1\" = 2, \"b c\" = 4, true = 3}",
        ),
    ]);
}

#[test]
fn templates() {
    check(&[
        ("\"${null}\"", "null"),
        ("\"a${null}\"", "error null-value"),
        ("\"${1}\"", "1"),
        ("\"a${true}b${1.50}\"", "\"atrueb1.5\""),
        ("\"a${[1]}\"", "error wrong-type"),
        ("\"$${a} %%{b}\"", "\"$${a} %%{b}\""),
        ("\"%{if true}yes%{else}no%{endif}!\"", "\"yes!\""),
        ("\"%{for x in [1, 2]}${x},%{endfor}\"", "\"1,2,\""),
        ("\"a ${~ \"b\" ~} c\"", "\"abc\""),
        ("<<-X\n    a\n      b${1}\n    X\n", "\"a\\n  b1\\n\""),
    ]);
}

#[test]
fn calls() {
    check(&[
        ("length([1, 2]...)", "error function-call"),
        ("length([[1, 2]]...)", "2"),
        ("length()", "error function-call"),
        ("lenght(1)", "error unknown-function"),
        ("try({}.a, {}.b, 3)", "3"),
        ("try({}.a)", "error function-call"),
        ("try(nowhere.x, 1)", "error unknown-name"),
        ("can({}.a)", "false"),
        ("tobool(\"1\")", "true"),
        ("tolist([true, 1])", "error function-call"),
        ("length(\"e\u{301}a\")", "2"),
        ("tonumber(null)", "null"),
    ]);
}

#[test]
fn sensitive_travels() {
    check(&[
        ("var.secret", "(sensitive value)"),
        ("\"x${var.secret}\"", "(sensitive value)"),
        ("[var.secret]", "[(sensitive value)]"),
        ("{(var.secret) = 1}", "(sensitive value)"),
        ("length(var.secrets)", "(sensitive value)"),
        ("var.secrets[0]", "(sensitive value)"),
        ("[for x in var.secrets : x]", "(sensitive value)"),
        ("var.secret == \"hush\" ? 1 : 2", "(sensitive value)"),
        ("var.secret == \"hush\" && true", "(sensitive value)"),
        ("toset([var.secret])", "(sensitive value)"),
        (
            "\"%{if var.secret == \"\"}a%{else}b%{endif}\"",
            "(sensitive value)",
        ),
    ]);
    let failure = evaluate_line(FILE, "var.secret + 1", &Scene::new()).unwrap_err();
    assert!(!format!("{failure:?}").contains("hush"));
}

#[test]
fn unknown_travels() {
    check(&[
        ("var.unknown + 1", "(known after apply)"),
        ("[var.unknown, 1]", "[(known after apply), 1]"),
        ("length([var.unknown])", "1"),
        ("length(var.unknown_list)", "(known after apply)"),
        ("var.unknown.a[0].b", "(known after apply)"),
        ("var.unknown == 1", "(known after apply)"),
        ("[1] == [var.unknown, 2]", "false"),
        ("[for x in var.unknown : x]", "(known after apply)"),
        ("{(var.unknown_string) = 1}", "(known after apply)"),
        ("var.unknown_string[0]", "error invalid-index"),
        ("\"a${var.unknown_string}\"", "(known after apply)"),
    ]);
    assert_eq!(value("var.unknown_bool ? 1 : 2").ty(), Type::Number);
    assert_eq!(value("var.unknown_bool ? 1 : \"a\"").ty(), Type::String);
    assert_eq!(
        shown("var.unknown_bool ? {} : 1"),
        "error inconsistent-conditional"
    );
}

#[test]
fn references_travel_as_parts() {
    let parts = value("\"<${group.a.id}>${\"!\"}\"").parts().unwrap();
    let key = EntityKey::Group(GroupName::new("a").unwrap());
    let reference = Reference {
        entity: key,
        attribute: "id".into(),
    };
    assert_eq!(
        parts,
        [
            TextPart::Literal("<".into()),
            TextPart::Reference(reference.clone()),
            TextPart::Literal(">!".into())
        ]
    );
    let listed = value("[for g in [group.a] : g.id][0]");
    assert_eq!(listed.as_unknown().unwrap().origin, Origin::Reference(reference));
}

#[test]
fn entities_keep_their_identity() {
    check(&[
        ("group.a", "group.a"),
        (
            "[group.b, permission_set.p, group.a]",
            "[group.b, permission_set.p, group.a]",
        ),
        ("toset([group.b, group.a, group.b])", "[group.a, group.b]"),
        ("group.a == group.a", "true"),
        ("group.a == \"a\"", "false"),
        ("group.a == group.b", "false"),
        ("true ? group.a : permission_set.p", "group.a"),
        ("true ? group.a : {}", "error inconsistent-conditional"),
        ("true ? group.a : null", "group.a"),
        ("true ? [group.a] : []", "[group.a]"),
        ("[group.a, group.b][*].label", "[\"a\", \"b\"]"),
        ("tolist([group.a, group.b])[*].label", "[\"a\", \"b\"]"),
        ("group.a[*].label", "[\"a\"]"),
        ("\"${group.a}-x\"", "error wrong-type"),
        (
            "{for g in [group.b, group.a] : g.label => g}",
            "{a = group.a, b = group.b}",
        ),
        ("jsonencode(group.a) == 1", "error function-call"),
    ]);
    assert_eq!(
        value("tolist([group.a])").ty(),
        Type::list(Type::Entity(Some(Kind::Group)))
    );
}

#[test]
fn all_errors_of_an_expression_are_reported() {
    let failure = evaluate_line(FILE, "[{}.a, nowhere.x, {b = 1 + \"x\"}]", &Scene::new()).unwrap_err();
    let codes: Vec<&str> = failure.diagnostics.iter().map(|item| item.code.0).collect();
    assert_eq!(codes, ["unknown-attribute", "unknown-name", "wrong-type"]);
}

#[test]
fn errors_name_what_is_close() {
    let failure = evaluate_line(FILE, "{display_name = 1}.displayname", &Scene::new()).unwrap_err();
    assert_eq!(
        failure.diagnostics[0].help_text(),
        Some("did you mean `display_name`?")
    );
    let failure = evaluate_line(FILE, "lenght(1)", &Scene::new()).unwrap_err();
    assert_eq!(failure.diagnostics[0].help_text(), Some("did you mean `length`?"));
}

impl Diagnostic {
    fn help_text(&self) -> Option<&str> {
        self.remedy.as_deref()
    }
}

mod laws {
    use proptest::prelude::*;

    use super::*;

    /// Expressions over one hole, each with every kind of operator a value can go through.
    const HOLES: [&str; 9] = [
        "[for x in [HOLE] : x][0]",
        "{a = HOLE}.a",
        "true ? HOLE : HOLE",
        "try(HOLE, 1)",
        "([HOLE][*])[0]",
        "tolist([HOLE, HOLE])[1]",
        "(HOLE)",
        "tostring(HOLE)",
        "\"a${HOLE}\"",
    ];

    fn filled(choices: &[usize], inner: &str) -> String {
        choices.iter().fold(inner.to_owned(), |text, choice| {
            HOLES[choice % HOLES.len()].replace("HOLE", &text)
        })
    }

    proptest! {
        #![proptest_config(crate::testing::property(256))]

        #[test]
        fn what_is_made_of_a_secret_is_one(choices in prop::collection::vec(0usize..9, 0..5)) {
            let text = filled(&choices, "var.secret");
            prop_assert!(value(&text).contains_sensitive(), "{}", text);
        }

        #[test]
        fn what_is_made_of_a_reference_still_names_it(choices in prop::collection::vec(0usize..9, 0..5)) {
            let text = filled(&choices, "group.a.id");
            let parts = value(&text).parts().unwrap();
            prop_assert!(parts.iter().any(|part| matches!(part, TextPart::Reference(_))), "{}", text);
        }

        #[test]
        fn no_text_makes_it_panic(text in "[ a-c0-9\"${}%()\\[\\],.:?=&|!~<>*\\n-]{0,60}") {
            let _ = evaluate_line(FILE, &text, &Scene::new());
            let _ = crate::config::syntax::parse_body(FILE, &text);
            let _ = crate::config::syntax::parse_template(FILE, &text);
        }
    }
}

/// Threads of a pool have 2 MiB of stack, and so has a test's.
#[test]
fn the_deepest_text_that_parses_evaluates() {
    let deep = [
        format!("{}1{}", "[".repeat(58), "]".repeat(58)),
        format!("{}1{}", "(1 + ".repeat(58), ")".repeat(58)),
        format!("1{}", " + 1".repeat(127)),
        format!("{}{}{}", "\"${".repeat(25), "1", "}\"".repeat(25)),
        format!("{}1", "-".repeat(60)),
        format!("{}[1]{}", "[for x in ".repeat(50), " : x]".repeat(50)),
    ];
    for text in deep {
        let line = shown(&text);
        assert!(!line.starts_with("error"), "{text}: {line}");
    }
}

#[test]
fn failures_show_no_secrets() {
    for text in [
        "{a = 1}[var.secret]",
        "tonumber(var.secret)",
        "parseint(var.secret, 10)",
        "tomap({a = 1})[var.secret]",
        "var.secret ? 1 : 2",
        "{for x in [var.secret, var.secret] : x => 1}",
        "jsondecode(var.secret)",
    ] {
        let failure = evaluate_line(FILE, text, &Scene::new()).unwrap_err();
        assert!(!format!("{failure:?}").contains("hush"), "{text}: {failure:?}");
    }
}

#[test]
fn to_look_one_thing_up_does_not_take_as_long_as_reading_the_whole_map() {
    let steps = |entries: usize| {
        let map: Vec<String> = (0..entries)
            .map(|number| format!("k{number} = \"a text of some length\""))
            .collect();
        let text = format!(
            "length([for m in [{{{}}}] : [for k in keys(m) : lookup(m, k, null)]])",
            map.join(", ")
        );
        assert_eq!(
            evaluate_line(FILE, &text, &Scene::new()).ok().as_deref(),
            Some("1")
        );
        budget::steps_taken()
    };
    let (few, many) = (steps(200), steps(2_000));
    assert!(
        many < few * 15,
        "{few}, {many}: ten times as many take ten times the steps"
    );
}
