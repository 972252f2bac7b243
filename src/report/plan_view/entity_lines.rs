//! Rows of entities as lines of a section: those that say the same become one.

use std::collections::BTreeMap;

use crate::address::Kind;
use crate::plan::risk::RiskMark;

use super::entities::{Detail, EntityChange, EntityRow};
use super::risk;

/// From this many on, equal rows of one block are one line.
const FOLD_FROM: usize = 3;

/// A row, or several alike rows of one block.
pub enum EntityLine<'v, 'a> {
    /// A row by itself.
    One(&'v EntityRow<'a>),
    /// Rows that only say "made" or "gone", of one block.
    Many(Vec<&'v EntityRow<'a>>),
}

impl EntityLine<'_, '_> {
    /// How many entities it stands for.
    pub fn count(&self) -> usize {
        match self {
            EntityLine::One(_) => 1,
            EntityLine::Many(rows) => rows.len(),
        }
    }

    /// The gravest mark.
    pub fn gravest(&self) -> Option<RiskMark> {
        match self {
            EntityLine::One(row) => risk::gravest(&row.risks),
            EntityLine::Many(rows) => rows.iter().filter_map(|row| risk::gravest(&row.risks)).min(),
        }
    }
}

/// The lines of some rows of one kind.
pub fn fold<'v, 'a>(rows: &[&'v EntityRow<'a>]) -> Vec<EntityLine<'v, 'a>> {
    let plain = |row: &EntityRow<'_>| {
        let shown = matches!(row.change, EntityChange::Created | EntityChange::Deleted);
        let short = row
            .details
            .iter()
            .all(|detail| matches!(detail, Detail::Field { .. }));
        let kind = row.entity.kind();
        shown && short && kind != Kind::PermissionSet && !row.restore && row.blocked.is_none()
    };
    let mut groups: Vec<Vec<&'v EntityRow<'a>>> = Vec::new();
    let mut known: BTreeMap<_, usize> = BTreeMap::new();
    for row in rows {
        let place = if plain(row) {
            let alike = (row.change, row.reason.code(), row.location);
            *known.entry(alike).or_insert(groups.len())
        } else {
            groups.len()
        };
        match groups.get_mut(place) {
            Some(group) => group.push(row),
            None => groups.push(vec![row]),
        }
    }
    let mut lines = Vec::new();
    for group in groups {
        if group.len() >= FOLD_FROM {
            lines.push(EntityLine::Many(group));
        } else {
            lines.extend(group.into_iter().map(EntityLine::One));
        }
    }
    lines
}

/// A section's title.
pub fn title(kind: Kind) -> &'static str {
    match kind {
        Kind::OrganizationalUnit => "Organizational units",
        Kind::Account => "Accounts",
        Kind::User => "Users",
        Kind::Group => "Groups",
        Kind::PermissionSet => "Permission sets",
        Kind::Assignment => "Assignments",
    }
}

/// What one of a kind is called in a sentence.
pub fn noun(kind: Kind) -> &'static str {
    match kind {
        Kind::OrganizationalUnit => "unit",
        Kind::Account => "account",
        Kind::User => "user",
        Kind::Group => "group",
        Kind::PermissionSet => "permission set",
        Kind::Assignment => "assignment",
    }
}

/// `1 added · 2 changed`.
pub fn summary(rows: &[&EntityRow<'_>]) -> String {
    [
        (EntityChange::Rebound, "rebound"),
        (EntityChange::Created, "added"),
        (EntityChange::Updated, "changed"),
        (EntityChange::Provisioned, "provisioned again"),
        (EntityChange::Deleted, "removed"),
    ]
    .into_iter()
    .filter_map(|(change, word)| {
        let count = rows.iter().filter(|row| row.change == change).count() as u64;
        (count > 0).then(|| format!("{} {word}", crate::report::wording::number(count)))
    })
    .collect::<Vec<_>>()
    .join(" · ")
}

/// `AdministratorAccess` of `arn:aws:iam::aws:policy/AdministratorAccess`.
pub fn short_arn(arn: &str) -> &str {
    match arn.strip_prefix("arn:aws:iam::aws:policy/") {
        Some(path) => path.rsplit('/').next().unwrap_or(path),
        None => arn,
    }
}
