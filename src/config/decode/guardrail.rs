//! Guardrails.

use std::sync::Arc;

use crate::address::Kind;
use crate::config::check::head;
use crate::config::decode::Decoder;
use crate::config::decode::access::{account, keys, permission_set, principal};
use crate::config::decode::blocks::Nested;
use crate::config::entities::{ModuleId, ModuleScope};
use crate::config::program::Declared;
use crate::config::schema;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::guardrail::{Guardrail, Rule, Selector};

/// A guardrail that says nothing, or something that does not exist.
const BAD_GUARDRAIL: Code = Code("bad-guardrail");

impl Decoder<'_, '_> {
    pub(super) fn guardrails(&mut self) {
        let Some(root) = self.engine.program.root() else {
            return;
        };
        for (label, declared) in &root.guardrails.items {
            if let Some(guardrail) = self.guardrail(label, declared) {
                self.out.desired.guardrails.push(guardrail);
            }
        }
    }

    fn guardrail(&self, label: &Arc<str>, declared: &Declared) -> Option<Guardrail> {
        let schema = schema::find("guardrail", None)?;
        let engine = self.engine;
        let scope = ModuleScope::new(engine, ModuleId(0));
        let read = Nested {
            engine,
            scope: &scope,
            block: &declared.block,
            schema,
        };
        let refuses = match read.text("severity").as_deref() {
            None | Some("error") => true,
            Some("warning") => false,
            Some(other) => {
                engine.report(
                    Diagnostic::error(
                        BAD_GUARDRAIL,
                        format!("a guardrail's severity is `error` or `warning`, not `{other}`"),
                    )
                    .at(read.place("severity"), ""),
                );
                true
            }
        };
        let except = read
            .entities("except", &[Kind::Group, Kind::User])
            .flatten()
            .unwrap_or_default();
        let mut rules = Vec::new();
        for block in &declared.block.body.blocks {
            let Some(schema) = schema.block(&block.kind) else {
                continue;
            };
            let nested = Nested {
                engine,
                scope: &scope,
                block,
                schema,
            };
            rules.extend(rule(&nested));
        }
        if declared.block.body.blocks.is_empty() {
            engine.report(
                Diagnostic::error(
                    BAD_GUARDRAIL,
                    "a guardrail needs a `deny`, `limit` or `require` block",
                )
                .at(head(&declared.block), "this says nothing"),
            );
        }
        Some(Guardrail {
            label: label.clone(),
            description: read.text("description"),
            refuses,
            except: keys(&except, principal).into_iter().collect(),
            rules,
            location: declared.location.clone(),
        })
    }
}

fn rule(nested: &Nested<'_, '_, '_>) -> Option<Rule> {
    let of = selector(nested)?;
    let error = |message: &str| {
        nested
            .engine
            .report(Diagnostic::error(BAD_GUARDRAIL, message).at(head(nested.block), ""));
    };
    match nested.block.kind.as_ref() {
        "deny" if of == Selector::default() => {
            error("this `deny` would forbid all access: say whose, with which sets, or where");
            None
        }
        "deny" => Some(Rule::Deny(of)),
        "limit" => match nested.number("max_people") {
            Some(max_people) => Some(Rule::Limit { of, max_people }),
            None if nested.value("max_people").is_some() => {
                error("`max_people` is a whole number from 0 up");
                None
            }
            None => None,
        },
        _ => {
            let expires_within = match nested.text("expires_within") {
                None => None,
                Some(text) => match seconds(&text) {
                    Some(seconds) => Some(seconds),
                    None => {
                        nested.engine.report(
                            Diagnostic::error(BAD_GUARDRAIL, format!("{text:?} is not a length of time"))
                                .at(nested.place("expires_within"), "")
                                .help("write it like `P90D` or `PT12H` (ISO 8601)"),
                        );
                        return None;
                    }
                },
            };
            let (reason, groups_only) = (
                nested.flag("reason").unwrap_or(false),
                nested.flag("groups_only").unwrap_or(false),
            );
            if expires_within.is_none() && !reason && !groups_only {
                error("this `require` requires nothing: give `expires_within`, `reason` or `groups_only`");
                return None;
            }
            Some(Rule::Require {
                of,
                expires_within,
                reason,
                groups_only,
            })
        }
    }
}

/// `None` if anything in it is wrong, which is reported: a selector that lost a part would mean more than was written.
fn selector(nested: &Nested<'_, '_, '_>) -> Option<Selector> {
    let principals = nested.entities("principals", &[Kind::Group, Kind::User])?;
    let sets = nested.entities("permission_sets", &[Kind::PermissionSet])?;
    let accounts = nested.entities("accounts", &[Kind::Account])?;
    Some(Selector {
        principals: principals.map(|found| keys(&found, principal).into_iter().collect()),
        permission_sets: sets.map(|found| keys(&found, permission_set).into_iter().collect()),
        accounts: accounts.map(|found| keys(&found, account).into_iter().collect()),
    })
}

/// `P90D`, `PT12H`: days, hours and minutes of a fixed length.
fn seconds(text: &str) -> Option<u64> {
    let span: jiff::Span = text.parse().ok()?;
    if span.is_negative() || span.get_years() != 0 || span.get_months() != 0 {
        return None;
    }
    let days = i64::from(span.get_weeks()) * 7 + i64::from(span.get_days());
    let total =
        days * 86_400 + i64::from(span.get_hours()) * 3600 + span.get_minutes() * 60 + span.get_seconds();
    u64::try_from(total).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_are_fixed() {
        assert_eq!(seconds("P90D"), Some(90 * 86_400));
        assert_eq!(seconds("PT12H30M"), Some(45_000));
        assert_eq!(seconds("P1M"), None);
        assert_eq!(seconds("90 days ago"), None);
        assert_eq!(seconds("-P1D"), None);
    }
}
