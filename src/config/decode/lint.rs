//! Warnings about inline policies, each at the text that it is about.

use crate::config::decode::blocks::Nested;
use crate::config::decode::policy_place::{self, Place};
use crate::config::decode::reader::Reader;
use crate::config::decode::settings::bad;
use crate::config::rules::policy_lint::{self, Found, Settings};
use crate::model::text::{Part, Text};
use crate::source::Span;

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
