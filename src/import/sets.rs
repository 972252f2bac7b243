//! Permission sets: declared with all they consist of; looked up if part of that cannot be declared.

use std::collections::BTreeMap;

use crate::config::rules::{customer_policy, inline_policy, managed_policy, tags, text};
use crate::config::syntax::write::{Block, Item, Value};
use crate::diagnostic::Severity;
use crate::id::{EntityKey, PermissionSetName};
use crate::model::instance::Observed;
use crate::model::permission_set::{Boundary, CustomerManagedPolicy, PermissionSet, SessionDuration};
use crate::model::text::Text;

use super::access::Grants;
use super::labels::Labels;
use super::policy;
use super::{LeftOut, Named, can_be_written, is_held, service_pattern};

/// Permission sets as blocks.
#[derive(Debug, Default)]
pub(super) struct PermissionSets {
    pub items: Vec<Item>,
    pub names: BTreeMap<PermissionSetName, Named>,
    /// Those that services run for themselves.
    pub ignored: Vec<PermissionSetName>,
}

impl PermissionSets {
    /// Every permission set that was read.
    pub fn of(observed: &Observed, grants: &Grants, left_out: &mut Vec<LeftOut>) -> Self {
        let mut this = PermissionSets::default();
        let mut labels = Labels::default();
        let granted = grants.permission_sets();
        for (name, entity) in &observed.snapshot.permission_sets {
            if service_pattern(name).is_some() {
                this.ignored.push(name.clone());
                continue;
            }
            let label = labels.give(&[name.as_str()], "set");
            let named = |kind: &str| Named::new(kind, &label);
            // A block that leaves out what could not be read would take it away: such a set is only looked up.
            let is_read = !is_held(observed, &EntityKey::PermissionSet(name.clone()));
            let is_owned = grants.owns_set(name) && is_read;
            if is_owned {
                let Some(why) = cannot_be_declared(&entity.value) else {
                    this.items
                        .extend([Item::Block(declared(&label, &entity.value)), Item::Blank]);
                    this.names.insert(name.clone(), named("permission_set"));
                    continue;
                };
                left_out.push(LeftOut {
                    what: format!("content of permission set {name}"),
                    why,
                });
            }
            // What was left out is named all the same: it is known, and stays as it is.
            if is_owned || granted.contains(name) {
                let block = Block::new("data", ["permission_set", label.as_str()]);
                let block = block.with_some(
                    "name",
                    (name.as_str() != label).then(|| Value::text(name.as_str())),
                );
                this.items.extend([Item::Block(block), Item::Blank]);
                this.names.insert(name.clone(), named("data.permission_set"));
            }
        }
        this
    }
}

fn known(text: &Text) -> &str {
    text.as_known().unwrap_or("")
}

/// Why the configuration language refuses part of what the service holds; `None` if it does not.
fn cannot_be_declared(set: &PermissionSet) -> Option<String> {
    let optional = [&set.description, &set.relay_state, &set.inline_policy];
    let tags = set.tags.iter().map(|(key, value)| (&**key, known(value)));
    let written = optional
        .into_iter()
        .flatten()
        .map(known)
        .chain(tags.clone().flat_map(<[&str; 2]>::from));
    if written.into_iter().any(|text| !can_be_written(text)) {
        return Some("it holds text that is not in composed Unicode form (NFC)".to_owned());
    }
    let policy = set.inline_policy.as_ref().map(known);
    if policy.is_some_and(inline_policy::is_empty) {
        return Some(
            "its inline policy has no statement, which configuration takes for no policy".to_owned(),
        );
    }
    let mut findings = Vec::new();
    findings.extend(
        set.description
            .as_ref()
            .and_then(|text| text::description(known(text))),
    );
    findings.extend(
        set.relay_state
            .as_ref()
            .and_then(|text| text::relay_state(known(text))),
    );
    if let Some(policy) = &set.inline_policy {
        findings.extend(inline_policy::check(known(policy)));
    }
    findings.extend(
        set.managed_policies
            .iter()
            .filter_map(|arn| managed_policy::arn(arn)),
    );
    let mut customer: Vec<&CustomerManagedPolicy> = set.customer_managed_policies.iter().collect();
    match &set.permissions_boundary {
        Some(Boundary::Managed(arn)) => findings.extend(managed_policy::arn(arn)),
        Some(Boundary::CustomerManaged(policy)) => customer.push(policy),
        None => {}
    }
    for policy in customer {
        findings.extend(customer_policy::name(&policy.name));
        findings.extend(customer_policy::path(&policy.path));
    }
    findings.extend(managed_policy::count(
        set.managed_policies.len(),
        set.customer_managed_policies.len(),
    ));
    findings.extend(tags::count(set.tags.len()));
    findings.extend(tags.filter_map(|(key, value)| tags::tag(key, Some(value))));
    let error = findings
        .into_iter()
        .find(|finding| finding.severity == Severity::Error)?;
    Some(error.message)
}

fn declared(label: &str, set: &PermissionSet) -> Block {
    let text = |text: &Option<Text>| text.as_ref().map(|text| Value::text(known(text)));
    let name = set.name.as_str();
    let long = set.session_duration != SessionDuration::DEFAULT;
    let managed = set.managed_policies.iter().map(|arn| &**arn);
    let customer: Vec<Value> = set
        .customer_managed_policies
        .iter()
        .map(customer_policy_value)
        .collect();
    let tags = set
        .tags
        .iter()
        .map(|(key, value)| (key.to_string(), Value::text(known(value))));
    let mut block = Block::new("permission_set", [label])
        .with_some("name", (name != label).then(|| Value::text(name)))
        .with_some("description", text(&set.description))
        .with_some(
            "session_duration",
            long.then(|| Value::text(set.session_duration.to_string())),
        )
        .with_some("relay_state", text(&set.relay_state))
        .with_some(
            "managed_policies",
            (!set.managed_policies.is_empty()).then(|| Value::texts(managed)),
        )
        .with_some(
            "customer_managed_policies",
            (!customer.is_empty()).then_some(Value::List(customer)),
        )
        .with_some(
            "permissions_boundary",
            set.permissions_boundary.as_ref().map(boundary),
        )
        .with_some(
            "tags",
            (!set.tags.is_empty()).then(|| Value::Object(tags.collect())),
        );
    match set
        .inline_policy
        .as_ref()
        .map(|text| policy::inline_policy(known(text)))
    {
        Some(statements @ Item::Block(_)) if !block.items.is_empty() => {
            block.items.extend([Item::Blank, statements])
        }
        policy => block.items.extend(policy),
    }
    block
}

fn customer_policy_value(policy: &CustomerManagedPolicy) -> Value {
    let mut fields = vec![("name".to_owned(), Value::text(&*policy.name))];
    if &*policy.path != "/" {
        fields.push(("path".to_owned(), Value::text(&*policy.path)));
    }
    Value::Object(fields)
}

fn boundary(boundary: &Boundary) -> Value {
    match boundary {
        Boundary::Managed(arn) => Value::text(&**arn),
        Boundary::CustomerManaged(policy) => customer_policy_value(policy),
    }
}
