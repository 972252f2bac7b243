//! The access review page: one HTML file for whoever has to judge who may enter what, and has no rolecall at hand.
//!
//! The file needs nothing but a browser: style and script are in it and allowed by their hashes alone, and its policy
//! forbids every request. The summary, the plan, drift and the history are written here, as templates that are
//! checked at compile time and escape what they are given; they are read without a script. The matrix and the
//! pages of people, groups, accounts and permission sets are drawn by the script from [`data::PageData`], which
//! stands in the page as JSON. Every name from outside is made safe to show by [`escape`](super::escape::escape) before it
//! enters either, so hidden and look-alike characters are seen as on a terminal.
//!
//! The same sources give the same bytes: nothing here reads a clock.

pub mod data;
mod drift;
pub mod marks;
mod mentioned;
mod overview;
mod plan;
mod tables;
mod text;
mod timeline;

use std::io;

use askama::Template;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use sha2::{Digest as _, Sha256};

use crate::id::{AccountKey, UserName};
use crate::model::history::History;
use crate::model::instance::Instance;
use crate::model::made::Made;
use crate::model::record::Recorded;
use crate::model::snapshot::Snapshot;
use crate::model::stack::RiskSettings;

use super::drift_view::DriftView;
use super::escape;
use super::json::history::LogLine;
use super::plan_view::PlanView;

const STYLE: &str = include_str!("assets/page.css");
const SCRIPT: &str = concat!(
    "\"use strict\";\n",
    include_str!("assets/model.js"),
    include_str!("assets/dom.js"),
    include_str!("assets/matrix.js"),
    include_str!("assets/pages.js"),
    include_str!("assets/find.js"),
    include_str!("assets/start.js"),
);

/// What a page is made from.
pub struct Sources<'a> {
    /// The stack's name.
    pub stack: &'a str,
    /// The state.
    pub recorded: &'a Recorded,
    /// How access came to be, from every recorded reading.
    pub history: &'a History,
    /// What the runs made; they are counted as in `log`.
    pub made: &'a Made,
    /// What was done, oldest first.
    pub log: &'a [LogLine],
    /// A plan to show with it.
    pub plan: Option<&'a PlanView<'a>>,
    /// What the configuration says about risk and production.
    pub risk: &'a RiskSettings,
    /// What drifted at the last reading, or why that is not known.
    pub drift: Result<&'a DriftView<'a>, &'a str>,
}

impl Sources<'_> {
    /// What counts as a risk: by the configuration, and by the last apply.
    fn risk_rules(&self) -> impl Iterator<Item = &RiskSettings> {
        let last = self.recorded.rules.as_deref();
        std::iter::once(self.risk).chain(last.map(|rules| &rules.settings.risk))
    }

    /// What is there: as last read, else as applied.
    fn snapshot(&self) -> &Snapshot {
        match &self.recorded.seen {
            Some(seen) => &seen.snapshot,
            None => &self.recorded.applied,
        }
    }

    fn instance(&self) -> Option<&Instance> {
        let seen = self
            .recorded
            .seen
            .as_ref()
            .and_then(|seen| seen.around.as_deref());
        seen.map(|around| &around.instance)
            .or(self.recorded.instance.as_ref())
    }

    fn region(&self) -> Option<&str> {
        self.instance().map(|instance| &*instance.region)
    }

    fn account_name(&self, key: &AccountKey) -> String {
        match (self.snapshot().accounts.contains_key(key), self.plan) {
            (false, Some(view)) => view.plan.account_name(key).to_string(),
            _ => self.snapshot().account_name(key),
        }
    }

    /// The name of a person who is not there yet.
    fn planned_name(&self, user: &UserName) -> String {
        let planned = self.plan.and_then(|view| view.plan.user_names.get(user));
        planned.map_or_else(|| user.to_string(), ToString::to_string)
    }
}

/// The whole page.
#[derive(Template)]
#[template(path = "page.html", config = ".askama.toml")]
struct Page {
    stack: String,
    policy: String,
    style: &'static str,
    script: &'static str,
    data: String,
    version: &'static str,
    overview: overview::Overview,
    plan: Option<plan::PlanSection>,
    drift: Option<drift::DriftSection>,
    no_drift: String,
    timeline: timeline::Timeline,
}

/// Writes the page.
///
/// # Errors
/// When `out` cannot be written to.
pub fn write(sources: &Sources<'_>, out: &mut dyn io::Write) -> io::Result<()> {
    let review = data::Review::new(sources);
    let page = Page {
        stack: escape::name(sources.stack).into_owned(),
        policy: content_security_policy(),
        style: STYLE,
        script: SCRIPT,
        data: json_in_html(&review.data)?,
        version: env!("CARGO_PKG_VERSION"),
        overview: overview::Overview::new(sources, &review),
        plan: sources.plan.map(plan::PlanSection::new),
        drift: sources.drift.ok().map(drift::DriftSection::new),
        no_drift: sources
            .drift
            .err()
            .map(|why| escape::escape(why).into_owned())
            .unwrap_or_default(),
        timeline: timeline::Timeline::new(sources.history.points(), sources.log),
    };
    let text = page.render().map_err(io::Error::other)?;
    out.write_all(text.as_bytes())
}

/// Nothing may be loaded, sent or framed from the page; its own style and script are named by their hashes.
fn content_security_policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", STANDARD.encode(Sha256::digest(text)));
    format!(
        "default-src 'none'; script-src {}; style-src {}; img-src data:; base-uri 'none'; form-action 'none'",
        hash(SCRIPT),
        hash(STYLE)
    )
}

/// JSON that can stand in a `script` element: no character in it begins a tag, a comment or a reference.
fn json_in_html<T: serde::Serialize>(value: &T) -> io::Result<String> {
    let json = serde_json::to_string(value)?;
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        match c {
            '<' => out.push_str("\\u003c"),
            '>' => out.push_str("\\u003e"),
            '&' => out.push_str("\\u0026"),
            c => out.push(c),
        }
    }
    Ok(out)
}

#[cfg(test)]
mod tests;
