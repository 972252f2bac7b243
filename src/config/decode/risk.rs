//! The `production` and `risk` blocks of the `rolecall` block.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::config::decode::blocks::Nested;
use crate::config::decode::settings::{bad, globs};
use crate::config::value::Value;
use crate::diagnostic::did_you_mean;
use crate::model::stack::{Production, RiskSettings, StopFor};

/// Reads a `production` block.
pub(super) fn production(read: &Nested<'_, '_, '_>) -> Production {
    Production {
        accounts: globs(read, "accounts"),
        organizational_units: globs(read, "organizational_units"),
        tags: tags(read),
    }
}

fn tags(read: &Nested<'_, '_, '_>) -> BTreeMap<Arc<str>, Arc<str>> {
    let value = read.value("tags");
    let fields = value.as_ref().and_then(Value::fields);
    let pairs = fields.into_iter().flat_map(|fields| fields.iter());
    let tags: BTreeMap<Arc<str>, Arc<str>> = pairs
        .filter_map(|(key, value)| Some((key.clone(), Arc::from(value.as_str()?))))
        .collect();
    for glob in tags.values() {
        if let Err(error) = globset::Glob::new(glob) {
            let rule = format!("holds {glob:?}, which is not a glob: {}", error.kind());
            bad(read, "tags", &rule, None);
        }
    }
    tags
}

/// Reads a `risk` block.
pub(super) fn risk(read: &Nested<'_, '_, '_>, settings: &mut RiskSettings) {
    settings.permission_sets = globs(read, "permission_sets");
    match read.number("wide_accounts") {
        Some(0) => bad(read, "wide_accounts", "is a whole number from 1 up", None),
        Some(count) => settings.wide_accounts = count,
        None if read.value("wide_accounts").is_some() => {
            bad(read, "wide_accounts", "is a whole number from 1 up", None);
        }
        None => {}
    }
    settings.stop_for = match read.text("stop_for").as_deref() {
        None | Some("risk_marked") => StopFor::RiskMarked,
        Some("anyone") => StopFor::Anyone,
        Some("nobody") => StopFor::Nobody,
        Some(other) => {
            let meant = did_you_mean(other, ["risk_marked", "anyone", "nobody"]);
            bad(read, "stop_for", "is `risk_marked`, `anyone` or `nobody`", meant);
            StopFor::RiskMarked
        }
    };
}
