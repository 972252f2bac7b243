//! Paths by which people gain and lose, as JSON: through whom, by which blocks, why and until when.

use std::borrow::Cow;
use std::collections::BTreeSet;

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::address::Address;
use crate::id::PrincipalKey;
use crate::model::access::Declaration;
use crate::report::plan_view::PlanView;
use crate::report::plan_view::people::PeopleLine;
use crate::source::Location;

use super::parts::PrincipalJson;

/// A path, and what is behind it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct PathJson<'a> {
    /// Through whom.
    #[serde(flatten)]
    pub principal: PrincipalJson<'a>,
    /// The blocks that assign the sets to it in these accounts: those that come or go with the plan, and those that
    /// stay, where people join or leave a group.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assignments: Vec<BehindJson<'a>>,
    /// Among what stays are assignments that no block declares.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undeclared: bool,
}

/// A block behind a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct BehindJson<'a> {
    /// Which block.
    pub block: Address,
    /// Where it is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub location: Option<Location>,
    /// What it is for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Cow<'a, str>>,
    /// Until when it holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires: Option<Timestamp>,
    /// Its assignments stay as they are: people come to them, or lose them, by a membership.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub stays: bool,
}

/// A principal with a name of its own.
pub fn principal<'a>(key: &PrincipalKey) -> PrincipalJson<'a> {
    let PrincipalJson { kind, name } = PrincipalJson::from(key);
    PrincipalJson {
        kind,
        name: Cow::Owned(name.into_owned()),
    }
}

impl<'a> PathJson<'a> {
    /// One path of a line, which comes or goes.
    pub fn new(view: &PlanView<'a>, line: &PeopleLine, path: &PrincipalKey, comes: bool) -> Self {
        let (mut blocks, mut undeclared) = (BTreeSet::new(), false);
        for (change, notes) in view.behind_path(line, path, comes) {
            undeclared |= change.is_none() && notes.is_empty();
            let declarations = notes.iter().flat_map(|note| view.declarations(*note));
            blocks.extend(declarations.map(|block| (change.is_none(), block)));
        }
        let blocks = blocks.into_iter();
        PathJson {
            principal: principal(path),
            assignments: blocks.map(|(stays, block)| behind(block, stays)).collect(),
            undeclared,
        }
    }
}

fn behind(block: &Declaration, stays: bool) -> BehindJson<'_> {
    BehindJson {
        block: block.address.clone(),
        location: block.location.clone(),
        reason: block.reason.as_deref().map(Cow::Borrowed),
        expires: block.expires,
        stays,
    }
}
