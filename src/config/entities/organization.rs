//! `data "organization"`: the organization as it is.

use std::sync::Arc;

use crate::config::entities::Engine;
use crate::config::entities::lookup::live;
use crate::config::eval::{EvalResult, PathStep};
use crate::config::schema;
use crate::config::types::Type;
use crate::config::value::{Fields, Value};
use crate::id::EntityKey;
use crate::source::Span;

impl Engine<'_> {
    /// The organization, or one attribute of it, and the steps that took.
    pub(super) fn organization(&self, step: Option<&PathStep>, span: Span) -> EvalResult<(Value, usize)> {
        match step.and_then(|step| Some((step.name()?, step.span))) {
            Some(("accounts", _)) => Ok((self.live_accounts(None, true), 1)),
            Some(("ou", _)) => Ok((self.live_units(), 1)),
            Some((other, at)) => match schema::find("data", Some("organization")) {
                Some(schema) => Err(super::attribute::no_attribute(schema, other, at)),
                None => Err(super::silent()),
            },
            None => {
                let _ = span;
                let fields = [
                    (Arc::from("accounts"), self.live_accounts(None, true)),
                    (Arc::from("ou"), self.live_units()),
                ];
                Ok((Value::object(fields.into_iter().collect()), 0))
            }
        }
    }

    fn live_units(&self) -> Value {
        let Some(snapshot) = self.observed.snapshot() else {
            return Value::unknown(Type::Any);
        };
        let units = snapshot
            .organizational_units
            .keys()
            .filter(|path| !path.is_root());
        let fields: Fields = units
            .map(|path| {
                (
                    Arc::from(path.as_str()),
                    live(EntityKey::OrganizationalUnit(path.clone())),
                )
            })
            .collect();
        Value::object(fields)
    }
}
