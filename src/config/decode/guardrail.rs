//! Guardrails.

use std::collections::BTreeSet;
use std::sync::Arc;

use jiff::Timestamp;

use crate::address::Kind;
use crate::config::check::head;
use crate::config::decode::Decoder;
use crate::config::decode::access::{account, keys, permission_set, principal, unit_of};
use crate::config::decode::blocks::Nested;
use crate::config::decode::time::moment;
use crate::config::entities::{ModuleId, ModuleScope};
use crate::config::program::Declared;
use crate::config::rules::session;
use crate::config::schema;
use crate::diagnostic::{Code, Diagnostic};
use crate::model::duration;
use crate::model::guardrail::{Deny, Exception, Guardrail, Limit, OnUnknown, Require, Rule, Selector};
use crate::source::Location;

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
        let read = Nested::new(engine, &scope, &declared.block, schema);
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
        let (mut rules, mut except) = (Vec::new(), Vec::new());
        for (block, location) in declared.block.body.blocks.iter().zip(&declared.nested) {
            let Some(schema) = schema.block(&block.kind) else {
                continue;
            };
            let nested = Nested::new(engine, &scope, block, schema);
            if block.kind.as_ref() == "except" {
                except.extend(exception(&nested, location.clone()));
            } else {
                rules.extend(rule(&nested));
            }
        }
        let says_nothing = |block: &crate::config::syntax::Block| block.kind.as_ref() == "except";
        if declared.block.body.blocks.iter().all(says_nothing) {
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
            except,
            rules,
            location: declared.location.clone(),
        })
    }
}

/// Says what is wrong with a nested block as a whole.
fn refuse(nested: &Nested<'_, '_, '_>, message: &str) {
    nested
        .engine
        .report(Diagnostic::error(BAD_GUARDRAIL, message).at(head(nested.block), ""));
}

fn rule(nested: &Nested<'_, '_, '_>) -> Option<Rule> {
    // What else is wrong with a rule is said even if it is about nothing that exists.
    let of = selector(nested);
    match nested.block.kind.as_ref() {
        "deny" if of == Some(Selector::default()) => {
            refuse(
                nested,
                "this `deny` would forbid all access: say whose, with which sets, or where",
            );
            None
        }
        "deny" => {
            let on_unknown = on_unknown(nested);
            of.map(|of| Rule::Deny(Deny { of, on_unknown }))
        }
        "limit" => limit(nested, of).map(Rule::Limit),
        _ => require(nested, of).map(Rule::Require),
    }
}

fn limit(nested: &Nested<'_, '_, '_>, of: Option<Selector>) -> Option<Limit> {
    let names = ["max_people", "max_accounts", "max_session"];
    if names.iter().all(|name| nested.expr(name).is_none()) {
        refuse(
            nested,
            "this `limit` limits nothing: give `max_people`, `max_accounts` or `max_session`",
        );
        return None;
    }
    // Everything is read before anything of it ends this, so that one mistake does not hide the next.
    let max_session = max_session(nested);
    let (max_people, max_accounts) = (whole(nested, "max_people"), whole(nested, "max_accounts"));
    let on_unknown = on_unknown(nested);
    let limit = Limit {
        of: of?,
        max_people: max_people?,
        max_accounts: max_accounts?,
        max_session: max_session?,
        on_unknown,
    };
    // A value that was wrong has been reported, and a limit without it would be another one.
    (!names.iter().any(|name| nested.is_broken(name))).then_some(limit)
}

/// In seconds, or none at all; `None` of the whole, which is reported, for what is no duration.
fn max_session(nested: &Nested<'_, '_, '_>) -> Option<Option<u32>> {
    match nested.text("max_session").map(|text| session::duration(&text)) {
        None => Some(None),
        Some(Ok(duration)) => Some(Some(duration.seconds())),
        Some(Err(finding)) => {
            nested.engine.report(finding.at(nested.place("max_session"), ""));
            None
        }
    }
}

/// A whole number from 0 up, or none at all; `None` of the whole, which is reported, for anything else.
fn whole(nested: &Nested<'_, '_, '_>, name: &str) -> Option<Option<u64>> {
    let number = nested.number(name);
    if number.is_none() && nested.value(name).is_some() {
        let message = format!("`{name}` is a whole number from 0 up");
        let finding = Diagnostic::error(BAD_GUARDRAIL, message).at(nested.place(name), "");
        nested.engine.report(finding);
        return None;
    }
    Some(number)
}

fn on_unknown(nested: &Nested<'_, '_, '_>) -> OnUnknown {
    match nested.text("on_unknown").as_deref() {
        None | Some("refuse") => OnUnknown::Refuse,
        Some("warn") => OnUnknown::Warn,
        Some(other) => {
            nested.engine.report(
                Diagnostic::error(
                    BAD_GUARDRAIL,
                    format!("`on_unknown` is `refuse` or `warn`, not `{other}`"),
                )
                .at(nested.place("on_unknown"), ""),
            );
            OnUnknown::Refuse
        }
    }
}

/// In seconds, or none at all; `None` of the whole, which is reported, for what is no length of time.
fn expires_within(nested: &Nested<'_, '_, '_>) -> Option<Option<u64>> {
    let Some(text) = nested.text("expires_within") else {
        return Some(None);
    };
    let wrong =
        |message: String| Diagnostic::error(BAD_GUARDRAIL, message).at(nested.place("expires_within"), "");
    match duration::parse(&text) {
        Some(0) => nested
            .engine
            .report(wrong("nothing can expire within no time at all".to_owned())),
        Some(seconds) => return Some(Some(seconds)),
        None => nested.engine.report(
            wrong(format!("{text:?} is not a length of time")).help(format!("write it {}", duration::FORMS)),
        ),
    }
    None
}

fn require(nested: &Nested<'_, '_, '_>, of: Option<Selector>) -> Option<Require> {
    let expires_within = expires_within(nested);
    let flag = |name: &str| nested.flag(name).unwrap_or(false);
    let tags = |name: &str| -> BTreeSet<Arc<str>> { nested.texts(name).into_iter().flatten().collect() };
    let (reason, groups_only, boundary) = (flag("reason"), flag("groups_only"), flag("boundary"));
    let (permission_set_tags, account_tags) = (tags("permission_set_tags"), tags("account_tags"));
    let require = Require {
        of: of?,
        expires_within: expires_within?,
        reason,
        groups_only,
        boundary,
        permission_set_tags,
        account_tags,
    };
    let names = [
        "expires_within",
        "reason",
        "groups_only",
        "boundary",
        "permission_set_tags",
        "account_tags",
    ];
    if names.iter().any(|name| nested.is_broken(name)) {
        return None;
    }
    let nothing = Require {
        of: require.of.clone(),
        ..Require::default()
    };
    if require == nothing {
        refuse(
            nested,
            "this `require` requires nothing: give `expires_within`, `reason`, `groups_only`, `boundary`, \
             `permission_set_tags` or `account_tags`",
        );
        return None;
    }
    Some(require)
}

/// `None` if anything in it is wrong, which is reported: half an exception would except something else.
fn exception(nested: &Nested<'_, '_, '_>, location: Option<Location>) -> Option<Exception> {
    let (of, reason, expires) = (selector(nested), nested.text("reason"), expiry(nested));
    let of = of?;
    if of == Selector::default() {
        refuse(
            nested,
            "this `except` would leave out all access: say whose, with which sets, or where",
        );
        return None;
    }
    let reason = reason?;
    if reason.trim().is_empty() {
        nested.engine.report(
            Diagnostic::error(BAD_GUARDRAIL, "an exception says why it is one")
                .at(nested.place("reason"), "this says nothing"),
        );
        return None;
    }
    Some(Exception {
        of,
        reason,
        expires: expires?,
        location,
    })
}

/// When something ends, if it does; `None` of the whole, which is reported, if that cannot be read.
pub(super) fn expiry(nested: &Nested<'_, '_, '_>) -> Option<Option<Timestamp>> {
    let Some(text) = nested.text("expires") else {
        return (!nested.is_broken("expires")).then_some(None);
    };
    match moment(&text) {
        Ok(time) => Some(Some(time)),
        Err(finding) => {
            nested.engine.report(finding.at(nested.place("expires"), ""));
            None
        }
    }
}

/// `None` if anything in it is wrong, which is reported: a selector that lost a part would mean more than was written.
pub(super) fn selector(nested: &Nested<'_, '_, '_>) -> Option<Selector> {
    let principals = nested.entities("principals", &[Kind::Group, Kind::User]);
    let sets = nested.entities("permission_sets", &[Kind::PermissionSet]);
    let accounts = nested.entities("accounts", &[Kind::Account]);
    let (principals, sets, accounts) = (principals?, sets?, accounts?);
    let unit = nested
        .expr("accounts")
        .and_then(|written| unit_of(written, nested.scope));
    Some(Selector {
        principals: principals.map(|found| keys(&found, principal).into_iter().collect()),
        permission_sets: sets.map(|found| keys(&found, permission_set).into_iter().collect()),
        accounts: accounts.map(|found| keys(&found, account).into_iter().collect()),
        accounts_direct: unit.as_ref().is_some_and(|(_, direct)| *direct),
        accounts_from: unit.map(|(path, _)| path),
    })
}
