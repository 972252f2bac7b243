//! Permission sets.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::config::decode::Decoder;
use crate::config::decode::policy_place::{self, Place};
use crate::config::decode::reader::Reader;
use crate::config::decode::time::moment;
use crate::config::eval::code;
use crate::config::rules::{Finding, customer_policy, inline_policy, managed_policy, session, tags, text};
use crate::config::value::{Data, Value};
use crate::diagnostic::{Code, Diagnostic, Severity, did_you_mean};
use crate::id::{EntityKey, PermissionSetName};
use crate::model::permission_set::{Boundary, CustomerManagedPolicy, PermissionSet};
use crate::model::snapshot::Management;
use crate::model::text::Text;
use crate::source::Span;

/// Two ways to write the inline policy at once.
const TWO_POLICIES: Code = Code("two-inline-policies");

impl Decoder<'_, '_> {
    pub(super) fn permission_set(&mut self, reader: &Reader<'_, '_>) {
        let key = reader.key();
        let data = reader.block.data;
        let contents = if data { None } else { Some(Contents::read(reader)) };
        let keep = if data {
            None
        } else {
            reader.string("keep_old_until")
        };
        let keep = keep.and_then(|text| match moment(&text) {
            Ok(time) => Some(time),
            Err(finding) => {
                reader.report(finding, reader.place("keep_old_until"));
                None
            }
        });
        let Some(EntityKey::PermissionSet(name)) = key else {
            return;
        };
        let management = if data {
            Management::Referred
        } else {
            Management::Created
        };
        let claimed = self.claim(&EntityKey::PermissionSet(name.clone()), reader, management);
        if claimed.is_none() || reader.failed.get() {
            return;
        }
        if let Some(contents) = &contents {
            self.lint_set(reader, &name, contents);
        }
        let set = match contents {
            Some(contents) => contents.into_set(PermissionSet::new(name.clone())),
            None => PermissionSet::new(name.clone()),
        };
        let mut entity = self.entity(reader, management, set);
        entity.keep_old_until = keep;
        Self::insert(
            &mut self.out.desired.snapshot.permission_sets,
            name,
            entity,
            |_, _| {},
        );
    }

    /// What is worth a warning in a set's policies.
    fn lint_set(&mut self, reader: &Reader<'_, '_>, name: &PermissionSetName, contents: &Contents) {
        let has_others = !contents.managed.is_empty() || !contents.customer.is_empty();
        match &contents.inline {
            Some(inline) => super::lint::inline_policy(reader, inline, &self.lint, has_others),
            None if has_others || self.lint.off => {}
            None => self.empty.push((reader.block.head, name.clone())),
        }
        let boundary = match &contents.boundary {
            Some(Boundary::Managed(arn)) => Some(arn),
            _ => None,
        };
        super::lint::managed_policies(reader, boundary, &self.lint);
    }
}

#[derive(Default)]
struct Contents {
    description: Option<Text>,
    session: Option<crate::model::permission_set::SessionDuration>,
    relay_state: Option<Text>,
    managed: BTreeSet<Arc<str>>,
    customer: BTreeSet<CustomerManagedPolicy>,
    inline: Option<Text>,
    boundary: Option<Boundary>,
    tags: BTreeMap<Arc<str>, Text>,
}

impl Contents {
    fn read(reader: &Reader<'_, '_>) -> Self {
        let description = reader.text("description");
        reader.check(
            "description",
            description
                .as_ref()
                .and_then(Text::as_known)
                .and_then(text::description),
        );
        let relay_state = reader.text("relay_state");
        reader.check(
            "relay_state",
            relay_state
                .as_ref()
                .and_then(Text::as_known)
                .and_then(text::relay_state),
        );
        let session = reader
            .string("session_duration")
            .and_then(|text| match session::duration(&text) {
                Ok(duration) => Some(duration),
                Err(finding) => {
                    reader.report(finding, reader.place("session_duration"));
                    None
                }
            });
        let managed = managed(reader);
        let customer = customer(reader);
        reader.check(
            if reader.is_written("managed_policies") {
                "managed_policies"
            } else {
                "customer_managed_policies"
            },
            managed_policy::count(managed.len(), customer.len()),
        );
        Contents {
            description,
            session,
            relay_state,
            managed,
            customer,
            inline: inline(reader),
            boundary: boundary(reader),
            tags: checked_tags(reader),
        }
    }

    fn into_set(self, mut set: PermissionSet) -> PermissionSet {
        set.description = self.description;
        set.session_duration = self.session.unwrap_or_default();
        set.relay_state = self.relay_state;
        set.managed_policies = self.managed;
        set.customer_managed_policies = self.customer;
        set.inline_policy = self.inline;
        set.permissions_boundary = self.boundary;
        set.tags = self.tags;
        set
    }
}

fn managed(reader: &Reader<'_, '_>) -> BTreeSet<Arc<str>> {
    let mut found = BTreeSet::new();
    for (index, arn) in reader.strings("managed_policies").into_iter().enumerate() {
        let place = reader.element_place("managed_policies", index);
        if let Some(finding) = managed_policy::arn(&arn) {
            reader.report(finding, place);
        } else if !found.insert(arn.clone()) {
            reader.report(managed_policy::repeated(&arn), place);
        }
    }
    found
}

fn customer(reader: &Reader<'_, '_>) -> BTreeSet<CustomerManagedPolicy> {
    let mut found = BTreeSet::new();
    let value = reader.value("customer_managed_policies");
    let Some(value) = value else { return found };
    let Some(items) = value.elements() else {
        wrong_shape(
            reader,
            "customer_managed_policies",
            &value,
            reader.place("customer_managed_policies"),
        );
        return found;
    };
    for (index, item) in items.iter().enumerate() {
        let place = reader.element_place("customer_managed_policies", index);
        if let Some(policy) = policy_reference(reader, "customer_managed_policies", item, place)
            && !found.insert(policy.clone())
        {
            reader.report(managed_policy::repeated(&policy.to_string()), place);
        }
    }
    found
}

fn wrong_shape(reader: &Reader<'_, '_>, name: &str, value: &Value, place: Span) {
    reader.failed.set(true);
    if !value.is_known() {
        reader.unknown(name, value);
        return;
    }
    let found = value.friendly_type();
    let wanted = if name == "permissions_boundary" {
        "a policy: the ARN of an AWS-managed one, or `{ name = …, path = … }`"
    } else {
        "a list of `{ name = …, path = … }`"
    };
    reader.engine.report(
        Diagnostic::error(code::WRONG_TYPE, format!("`{name}` takes {wanted}"))
            .at(place, format!("this is a {found}")),
    );
}

/// `{ name = "audit", path = "/team/" }`; a bare text is a name.
fn policy_reference(
    reader: &Reader<'_, '_>,
    attribute: &str,
    value: &Value,
    place: Span,
) -> Option<CustomerManagedPolicy> {
    if let Some(name) = value.as_str() {
        return checked_policy(reader, name, "/", place);
    }
    let Some(fields) = value.fields() else {
        wrong_shape(reader, attribute, value, place);
        return None;
    };
    let unknown: Vec<&Arc<str>> = fields
        .keys()
        .filter(|key| !matches!(key.as_ref(), "name" | "path"))
        .collect();
    if let Some(key) = unknown.first() {
        reader.failed.set(true);
        let error = Diagnostic::error(
            code::UNKNOWN_ATTRIBUTE,
            format!("a customer-managed policy has no `{key}`"),
        )
        .at(place, "");
        reader.engine.report(error.help(
            did_you_mean(key, ["name", "path"]).unwrap_or_else(|| "it has `name` and `path`".to_owned()),
        ));
        return None;
    }
    let text = |name: &str| fields.get(name).filter(|value| !value.is_null());
    match (text("name").map(Value::as_str), text("path").map(Value::as_str)) {
        (Some(Some(name)), None) => checked_policy(reader, name, "/", place),
        (Some(Some(name)), Some(Some(path))) => checked_policy(reader, name, path, place),
        (None, _) => {
            reader.failed.set(true);
            reader.engine.report(
                Diagnostic::error(code::WRONG_TYPE, "a customer-managed policy needs a `name`")
                    .at(place, "`name` is missing"),
            );
            None
        }
        _ => {
            wrong_shape(reader, attribute, fields.get("name").unwrap_or(value), place);
            None
        }
    }
}

fn checked_policy(
    reader: &Reader<'_, '_>,
    name: &str,
    path: &str,
    place: Span,
) -> Option<CustomerManagedPolicy> {
    let findings = [
        ("name", customer_policy::name(name)),
        ("path", customer_policy::path(path)),
    ];
    let mut good = true;
    for (field, finding) in findings {
        let Some(finding) = finding else { continue };
        reader.failed.set(true);
        reader.engine.report(finding.at(place, "").aspect(field));
        good = false;
    }
    good.then(|| CustomerManagedPolicy {
        path: Arc::from(path),
        name: Arc::from(name),
    })
}

fn boundary(reader: &Reader<'_, '_>) -> Option<Boundary> {
    let value = reader.value("permissions_boundary")?;
    let place = reader.place("permissions_boundary");
    match value.data() {
        Data::String(arn) => match managed_policy::arn(arn) {
            Some(mut finding) => {
                if finding
                    .remedy
                    .as_deref()
                    .is_some_and(|remedy| remedy.starts_with("write `customer_managed"))
                {
                    finding.remedy = finding.remedy.map(|remedy| {
                        remedy
                            .replace("customer_managed_policies = [", "permissions_boundary = ")
                            .replace("]`", "`")
                    });
                }
                reader.report(finding, place);
                None
            }
            None => {
                if let Some(finding) = managed_policy::boundary(arn) {
                    reader.engine.report(finding.at(place, ""));
                }
                Some(Boundary::Managed(arn.clone()))
            }
        },
        _ => policy_reference(reader, "permissions_boundary", &value, place).map(Boundary::CustomerManaged),
    }
}

fn inline(reader: &Reader<'_, '_>) -> Option<Text> {
    let block = reader
        .block
        .blocks
        .iter()
        .find(|block| block.kind.as_ref() == "policy");
    if let (Some(block), true) = (block, reader.is_written("inline_policy")) {
        reader.failed.set(true);
        reader.engine.report(
            Diagnostic::error(TWO_POLICIES, "a permission set has one inline policy")
                .at(crate::config::check::head(block), "written here")
                .also(reader.place("inline_policy"), "and here")
                .because("of two, the service would keep the last one, silently")
                .help("keep one of them"),
        );
        // What else is wrong with either is said in the same run.
        if let Some(known) = reader.text("inline_policy").as_ref().and_then(Text::as_known) {
            check_inline(reader, known, reader.place("inline_policy"));
        }
    }
    let written = match block {
        Some(block) => super::policy::render(reader, block).map(Text::known),
        None => {
            let text = reader.text("inline_policy")?;
            if let Some(known) = text.as_known() {
                check_inline(reader, known, reader.place("inline_policy"));
            }
            Some(text)
        }
    };
    // A list of statements that came out empty means that nothing is allowed, which IAM takes only as no policy.
    written.filter(|text| !text.as_known().is_some_and(inline_policy::is_empty))
}

/// All findings about one policy that have no better place than the whole are one diagnostic, so that none hides another.
fn check_inline(reader: &Reader<'_, '_>, text: &str, place: Span) {
    let (mut of_whole, in_statements) = inline_policy::check_each(text);
    for (statement, found) in in_statements {
        let part = Place {
            statement,
            element: found.element,
            value: found.value.as_deref(),
        };
        let expr = reader.expr("inline_policy");
        match expr.and_then(|expr| policy_place::in_document(expr, &part, &reader.engine.program.sources)) {
            Some(place) => {
                reader
                    .failed
                    .set(reader.failed.get() || found.finding.severity == Severity::Error);
                let aspect = found.finding.message.clone();
                reader.engine.report(found.finding.at(place, "").aspect(aspect));
            }
            None => of_whole.push(found.finding),
        }
    }
    report_policy(reader, of_whole, place);
}

/// Reports findings about one policy at one place, as one diagnostic.
pub(super) fn report_policy(reader: &Reader<'_, '_>, found: Vec<Finding>, place: Span) {
    let mut findings = found.into_iter();
    let Some(mut first) = findings.next() else { return };
    let more: Vec<String> = findings
        .map(|finding| {
            if finding.severity == Severity::Error {
                first.severity = finding.severity;
            }
            finding.message
        })
        .collect();
    if !more.is_empty() {
        let also = format!("also: {}", more.join("; "));
        first.cause = Some(
            first
                .cause
                .take()
                .map_or_else(|| also.clone(), |cause| format!("{cause}; {also}")),
        );
    }
    reader.report(first, place);
}

fn checked_tags(reader: &Reader<'_, '_>) -> BTreeMap<Arc<str>, Text> {
    let found = reader.tags("tags");
    reader.check("tags", tags::count(found.len()));
    for (key, value) in &found {
        reader.check("tags", tags::tag(key, value.as_known()));
    }
    found
}
