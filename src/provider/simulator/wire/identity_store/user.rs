//! A user's attributes: structures and lists on the wire, paths and texts in the world.
//!
//! The world keeps `title`, `name.middleName`, `phoneNumbers.value`, `photos.1.type` and the like by path. Extensions are
//! kept as JSON under their name.

use std::collections::BTreeMap;

use serde_json::{Map, Value};

use super::super::super::world::error::ServiceError;
use super::super::super::world::identity_store::User;
use super::super::input::{Input, Output};
use super::invalid;

/// Attributes that are a text, as the wire writes them.
const TEXTS: [&str; 9] = [
    "NickName",
    "ProfileUrl",
    "UserType",
    "Title",
    "PreferredLanguage",
    "Locale",
    "Timezone",
    "Website",
    "Birthdate",
];
/// The parts of a name besides those that every user has.
const NAME_PARTS: [&str; 4] = ["Formatted", "MiddleName", "HonorificPrefix", "HonorificSuffix"];
/// Attributes that are lists of structures, and the members of those in the model's order.
const LISTS: [(&str, &[&str]); 5] = [
    ("Emails", &["Value", "Type", "Primary"]),
    (
        "Addresses",
        &[
            "StreetAddress",
            "Locality",
            "Region",
            "PostalCode",
            "Country",
            "Formatted",
            "Type",
            "Primary",
        ],
    ),
    ("PhoneNumbers", &["Value", "Type", "Primary"]),
    ("Photos", &["Value", "Type", "Display", "Primary"]),
    ("Roles", &["Value", "Type", "Primary"]),
];
/// A user has up to three photos, and of everything else one (the model's `max` of `Emails` and its kind).
fn most(member: &str) -> usize {
    if member == "Photos" { 3 } else { 1 }
}

/// How the name of every extension begins.
const EXTENSION: &str = "aws:identitystore:";

type Edit = (String, Option<String>);

/// The user that `CreateUser` describes.
///
/// # Errors
/// `ValidationException` when a name that the service needs is missing.
pub fn read(input: Input<'_>) -> Result<User, ServiceError> {
    let name = input.inner("Name");
    let needed = |of: Input<'_>, member: &str, path: &str| {
        let value = of.owned(member);
        value.ok_or_else(|| invalid(format!("{path} is a required attribute")))
    };
    let mut user = User {
        user_name: needed(input, "UserName", "userName")?,
        display_name: needed(input, "DisplayName", "displayName")?,
        given_name: needed(name, "GivenName", "name.givenName")?,
        family_name: needed(name, "FamilyName", "name.familyName")?,
        email: None,
        attributes: BTreeMap::new(),
    };
    let texts = TEXTS.iter().filter(|member| input.has(member));
    for member in texts {
        user.attributes
            .insert(lower_first(member), input.text(member).to_owned());
    }
    for member in NAME_PARTS.iter().filter(|member| name.has(member)) {
        let path = format!("name.{}", lower_first(member));
        user.attributes.insert(path, name.text(member).to_owned());
    }
    for (member, parts) in LISTS {
        for (path, value) in flattened(member, parts, input.list(member)) {
            match path.as_str() {
                "emails.value" => user.email = Some(value),
                _ => {
                    user.attributes.insert(path, value);
                }
            }
        }
    }
    if let Some(extensions) = input.0.get("Extensions").and_then(Value::as_object) {
        let written = extensions
            .iter()
            .map(|(name, value)| (name.clone(), value.to_string()));
        user.attributes.extend(written);
    }
    Ok(user)
}

/// Writes a user; only the extensions that were asked for.
pub fn write(output: Output, user: User, extensions: &[String]) -> Output {
    let attributes = &user.attributes;
    let text = |path: String| attributes.get(&path).map(String::as_str);
    let name = NAME_PARTS.iter().fold(
        Output::new()
            .with("GivenName", user.given_name.as_str())
            .with("FamilyName", user.family_name.as_str()),
        |name, part| name.maybe(part, text(format!("name.{}", lower_first(part)))),
    );
    let mut output = output
        .with("UserName", user.user_name.as_str())
        .with("Name", name)
        .with("DisplayName", user.display_name.as_str());
    for member in TEXTS {
        output = output.maybe(member, text(lower_first(member)));
    }
    for (member, parts) in LISTS {
        let items = unflattened(member, parts, &user);
        output = output.maybe(member, Some(items).filter(|items| !items.is_empty()));
    }
    let asked: Map<String, Value> = extensions
        .iter()
        .filter_map(|name| Some((name.clone(), serde_json::from_str(attributes.get(name)?).ok()?)))
        .collect();
    output
        .maybe("Extensions", Some(asked).filter(|asked| !asked.is_empty()))
        .with("UserStatus", "ENABLED")
}

/// The operations of an update as the world takes them: a structure or list replaces all parts of what was there.
///
/// # Errors
/// `ValidationException` for an attribute that users do not have, or a value of another type.
pub fn edits(operations: &[Value]) -> Result<Vec<Edit>, ServiceError> {
    let mut edits = Vec::new();
    for operation in operations.iter().map(Input) {
        let given = operation.text("AttributePath");
        let path =
            known_path(given).ok_or_else(|| invalid(format!("Unsupported attribute path: {given}")))?;
        match operation.0.get("AttributeValue") {
            None | Some(Value::Null) => edits.push((path, None)),
            Some(value) if path.starts_with(EXTENSION) => edits.push((path, Some(value.to_string()))),
            Some(Value::String(value)) => edits.push((path, Some(value.clone()))),
            Some(Value::Bool(value)) => edits.push((path, Some(value.to_string()))),
            Some(Value::Object(members)) if path == "name" => edits.extend(name_edits(members)),
            Some(Value::Array(items)) => {
                let list = LISTS.iter().find(|(member, _)| lower_first(member) == path);
                let (member, parts) =
                    list.ok_or_else(|| invalid(format!("The value of {given} must be a string")))?;
                check_items(&path, most(member), items)?;
                edits.push((path, None));
                let parts = flattened(member, parts, items);
                edits.extend(parts.map(|(path, value)| (path, Some(value))));
            }
            Some(_) => return Err(invalid(format!("The value of {given} has the wrong type"))),
        }
    }
    Ok(edits)
}

/// An update's values are documents, which the check against the model does not look into. The lists in them are as bounded
/// as those of `CreateUser`.
fn check_items(path: &str, most: usize, items: &[Value]) -> Result<(), ServiceError> {
    if items.len() > most {
        return Err(invalid(format!(
            "1 validation error detected: Value at '{path}' failed to satisfy constraint: Member must have length less \
             than or equal to {most}"
        )));
    }
    if items.iter().any(|item| !item.is_object()) {
        return Err(invalid(format!("The value of {path} has the wrong type")));
    }
    Ok(())
}

/// The path as the world writes it; `None` for what users do not have.
fn known_path(path: &str) -> Option<String> {
    if path.starts_with(EXTENSION) {
        // Parts of extensions cannot be changed one by one here.
        return (!path.contains('.')).then(|| path.to_owned());
    }
    let known = |wanted: String| wanted.eq_ignore_ascii_case(path).then_some(wanted);
    let own = [
        "userName",
        "displayName",
        "name",
        "name.givenName",
        "name.familyName",
    ];
    let own = own.into_iter().find_map(|wanted| known(wanted.to_owned()));
    let text = || TEXTS.iter().find_map(|member| known(lower_first(member)));
    let name = || {
        NAME_PARTS
            .iter()
            .find_map(|part| known(format!("name.{}", lower_first(part))))
    };
    let list = || {
        LISTS.iter().find_map(|(member, parts)| {
            let member = lower_first(member);
            let part = parts
                .iter()
                .find_map(|part| known(format!("{member}.{}", lower_first(part))));
            known(member.clone()).or(part)
        })
    };
    own.or_else(text).or_else(name).or_else(list)
}

fn name_edits(members: &Map<String, Value>) -> Vec<Edit> {
    let gone = NAME_PARTS
        .iter()
        .map(|part| (format!("name.{}", lower_first(part)), None));
    let set = members.iter().filter_map(|(part, value)| {
        let value = value.as_str()?.to_owned();
        Some((format!("name.{}", lower_first(part)), Some(value)))
    });
    gone.chain(set).collect()
}

/// The parts of the items of a list by path: the first item's without a number, `photos.1.value` for the second's.
fn flattened<'a>(
    member: &str,
    parts: &'a [&str],
    items: &'a [Value],
) -> impl Iterator<Item = (String, String)> + 'a {
    let member = lower_first(member);
    items.iter().enumerate().flat_map(move |(index, item)| {
        let member = item_path(&member, index);
        parts.iter().filter_map(move |part| {
            // In an update's documents clients write the names of parts with a small letter.
            let value = item.get(*part).or_else(|| item.get(lower_first(part)))?;
            let text = match value {
                Value::String(text) => text.clone(),
                Value::Bool(value) => value.to_string(),
                _ => return None,
            };
            Some((format!("{member}.{}", lower_first(part)), text))
        })
    })
}

fn unflattened(member: &str, parts: &[&str], user: &User) -> Vec<Value> {
    let mut items = Vec::new();
    for index in 0..3 {
        let at = item_path(&lower_first(member), index);
        let mut item = Output::new();
        for part in parts {
            let path = format!("{at}.{}", lower_first(part));
            let text = match path.as_str() {
                "emails.value" => user.email.as_deref(),
                path => user.attributes.get(path).map(String::as_str),
            };
            let value = text.map(|text| match *part {
                "Primary" => Value::from(text == "true"),
                _ => Value::from(text),
            });
            item = item.maybe(part, value);
        }
        if !item.is_empty() {
            items.push(item.done());
        }
    }
    items
}

fn item_path(member: &str, index: usize) -> String {
    match index {
        0 => member.to_owned(),
        index => format!("{member}.{index}"),
    }
}

fn lower_first(name: &str) -> String {
    let mut letters = name.chars();
    let first = letters.next().map(|c| c.to_ascii_lowercase());
    first.into_iter().chain(letters).collect()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::super::super::world::error::ErrorCode;
    use super::*;

    fn full() -> Value {
        json!({
            "UserName": "ada", "DisplayName": "Ada L",
            "Name": { "GivenName": "Ada", "FamilyName": "Lovelace", "HonorificPrefix": "Lady" },
            "Title": "Countess",
            "Emails": [{ "Value": "ada@example.com", "Type": "work", "Primary": true }],
            "Addresses": [{ "Locality": "London", "Country": "UK", "Primary": false }],
            "Photos": [{ "Value": "https://example.com/1" }, { "Value": "https://example.com/2", "Display": "two" }],
            "Extensions": { "aws:identitystore:enterprise": { "CostCenter": "7" } },
        })
    }

    #[test]
    fn what_was_written_is_read_back_with_its_structure() {
        let given = full();
        let user = read(Input(&given)).unwrap();
        assert_eq!(user.email.as_deref(), Some("ada@example.com"));
        assert_eq!(user.attributes["photos.1.display"], "two");
        let written = write(
            Output::new(),
            user.clone(),
            &["aws:identitystore:enterprise".to_owned()],
        )
        .done();
        for (name, value) in given.as_object().unwrap() {
            if name != "Name" {
                assert_eq!(&written[name], value, "{name}");
            }
        }
        assert_eq!(written["Name"]["HonorificPrefix"], "Lady");
        assert!(write(Output::new(), user, &[]).done().get("Extensions").is_none());
    }

    #[test]
    fn a_user_needs_its_names() {
        let mut given = full();
        given["Name"].as_object_mut().unwrap().remove("GivenName");
        let error = read(Input(&given)).unwrap_err();
        assert!(error.message.contains("name.givenName"));
    }

    #[test]
    fn a_list_replaces_the_parts_of_the_one_before() {
        let operations = [json!({ "AttributePath": "phoneNumbers", "AttributeValue": [{ "Value": "1" }] })];
        assert_eq!(
            edits(&operations).unwrap(),
            [
                ("phoneNumbers".to_owned(), None),
                ("phoneNumbers.value".to_owned(), Some("1".to_owned()))
            ]
        );
        for (path, most) in [
            ("emails", 1),
            ("phoneNumbers", 1),
            ("addresses", 1),
            ("roles", 1),
            ("photos", 3),
        ] {
            let given = |count: usize| {
                let items = vec![json!({ "Type": "x" }); count];
                edits(&[json!({ "AttributePath": path, "AttributeValue": items })])
            };
            assert!(given(most).is_ok(), "{path}");
            let error = given(most + 1).unwrap_err();
            assert_eq!(error.code, ErrorCode::ValidationException, "{path}");
        }
        let no_structure = [json!({ "AttributePath": "phoneNumbers", "AttributeValue": ["1"] })];
        assert!(edits(&no_structure).is_err());
        let unknown = [json!({ "AttributePath": "shoeSize", "AttributeValue": "44" })];
        assert!(edits(&unknown).unwrap_err().message.contains("shoeSize"));
        let removed = [json!({ "AttributePath": "Title" })];
        assert_eq!(edits(&removed).unwrap(), [("title".to_owned(), None)]);
    }
}
