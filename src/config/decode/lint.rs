//! Warnings about the policies of permission sets, each at the text that it is about.

use std::sync::Arc;

use crate::config::decode::blocks::Nested;
use crate::config::decode::policy_place::{self, Place};
use crate::config::decode::reader::Reader;
use crate::config::decode::settings::bad;
use crate::config::entities::Engine;
use crate::config::rules::policy_lint::{self, Found, Settings};
use crate::config::rules::{Finding, managed_policy};
use crate::diagnostic::Code;
use crate::id::PermissionSetName;
use crate::model::policy_document::matches;
use crate::model::text::{Part, Text};
use crate::source::Span;

/// A permission set without any policy.
const EMPTY: Code = Code("empty-permission-set");

/// The `lint` block.
pub(super) fn settings(read: &Nested<'_, '_, '_>) -> Settings {
    let list = |name: &str| {
        let items = read.texts(name).unwrap_or_default();
        if items.iter().any(|item| item.is_empty()) {
            bad(read, name, "holds an empty text, which means nothing", None);
        }
        items
    };
    Settings {
        off: read.flag("policies") == Some(false),
        known_actions: list("known_actions"),
        known_policies: list("known_policies"),
        statements: list("ignore_statements"),
    }
}

/// Reports what is worth a warning in a set's inline policy. `has_others`: the set has other policies, too.
pub(super) fn inline_policy(reader: &Reader<'_, '_>, text: &Text, settings: &Settings, has_others: bool) {
    let text = match text {
        Text::Known(known) => known.to_string(),
        Text::Template(parts) => {
            let part = |part: &Part| match part {
                Part::Literal(literal) => literal.to_string(),
                Part::Reference(_) => "known-after-apply".to_owned(),
            };
            parts.iter().map(part).collect()
        }
    };
    let Ok(document) = serde_json::from_str(&text) else {
        return;
    };
    let mut all = policy_lint::check(&document, settings);
    if has_others {
        all.extend(policy_lint::denies_all(&document, settings));
    }
    for found in all {
        let place = place(reader, &found);
        let aspect = found.finding.message.clone();
        reader.engine.report(found.finding.at(place, "").aspect(aspect));
    }
}

/// Reports AWS-managed policies that are in no list, of those that a set attaches and the one that bounds it.
pub(super) fn managed_policies(reader: &Reader<'_, '_>, boundary: Option<&Arc<str>>, settings: &Settings) {
    if settings.off {
        return;
    }
    let attached = reader.strings("managed_policies").into_iter().enumerate();
    let attached = attached.map(|(index, arn)| (reader.element_place("managed_policies", index), arn));
    let boundary = boundary.map(|arn| (reader.place("permissions_boundary"), Arc::clone(arn)));
    for (place, arn) in attached.chain(boundary) {
        if settings.known_policies.iter().any(|known| matches(known, &arn)) {
            continue;
        }
        if let Some(finding) = managed_policy::unknown(&arn) {
            reader.engine.report(finding.at(place, "").aspect(&*arn));
        }
    }
}

/// Reports a set that has no policy at all, which the service takes: whoever is assigned it gets in and may do nothing.
pub(super) fn nothing_given(engine: &Engine<'_>, head: Span, name: &PermissionSetName) {
    let finding = Finding::warning(
        EMPTY,
        format!("permission set `{name}` gives nothing: it has no policy"),
    )
    .because("a role without a policy may do nothing, whatever its permissions boundary allows")
    .help("give it `managed_policies`, `customer_managed_policies`, an `inline_policy` or a `policy` block");
    engine.report(finding.at(head, ""));
}

fn place(reader: &Reader<'_, '_>, found: &Found) -> Span {
    let place = Place {
        statement: found.statement,
        element: found.element,
        value: found.value.as_deref(),
    };
    let mut blocks = reader.block.blocks.iter();
    if let Some(policy) = blocks.find(|block| block.kind.as_ref() == "policy") {
        return policy_place::in_policy(policy, &place);
    }
    let expr = reader.expr("inline_policy");
    let written =
        expr.and_then(|expr| policy_place::in_document(expr, &place, &reader.engine.program.sources));
    let anywhere = || policy_place::literal(expr?, found.value.as_deref()?);
    written
        .or_else(anywhere)
        .unwrap_or_else(|| reader.place("inline_policy"))
}
