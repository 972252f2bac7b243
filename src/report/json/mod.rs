//! The machine-readable formats: types of their own, with names instead of ranks, and a version each.
//!
//! A format's version grows when a field changes its meaning or goes away; new fields may come at any time, and
//! readers are to ignore those they do not know. The JSON Schemas in `schemas/` are made from these types.

pub mod altered;
pub mod drift;
pub mod frozen;
pub mod hide;
pub mod history;
pub mod import;
pub mod parts;
pub mod paths;
pub mod plan;
pub mod risk;
pub mod rules;
pub mod state;

use schemars::Schema;

/// The schema of plans.
pub fn plan_schema() -> Schema {
    let generator = schemars::generate::SchemaSettings::draft2020_12().into_generator();
    generator.into_root_schema_for::<plan::PlanJson<'static>>()
}

/// The formats with their schemas, by the name of the file each is kept in.
pub fn schemas() -> Vec<(&'static str, Schema)> {
    let generate = || schemars::generate::SchemaSettings::draft2020_12().into_generator();
    vec![
        (
            "access-changes.schema.json",
            generate().into_root_schema_for::<super::access_changes::AccessChanges>(),
        ),
        (
            "access-explanation.schema.json",
            generate().into_root_schema_for::<super::access_paths::Explanation>(),
        ),
        (
            "access.schema.json",
            generate().into_root_schema_for::<super::access_view::AccessView>(),
        ),
        (
            "diagnostics.schema.json",
            generate().into_root_schema_for::<super::diagnostics::DiagnosticsJson>(),
        ),
        (
            "drift.schema.json",
            generate().into_root_schema_for::<drift::DriftJson<'static>>(),
        ),
        (
            "events.schema.json",
            generate().into_root_schema_for::<crate::apply::event::Event>(),
        ),
        (
            "frozen.schema.json",
            generate().into_root_schema_for::<frozen::FrozenJson>(),
        ),
        (
            "history.schema.json",
            generate().into_root_schema_for::<history::HistoryJson>(),
        ),
        (
            "import.schema.json",
            generate().into_root_schema_for::<import::ImportJson>(),
        ),
        ("plan.schema.json", plan_schema()),
        (
            "state.schema.json",
            generate().into_root_schema_for::<state::StateJson<'static>>(),
        ),
    ]
}
