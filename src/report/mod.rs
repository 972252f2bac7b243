//! What people and machines read: views built from plans, states, drift and
//! events, and their rendering as text, Markdown, JSON, SARIF and JUnit.
//!
//! A view model ([`plan_view::PlanView`] and its siblings) is built once and then
//! written by a renderer; nothing is computed while writing. Writers take any
//! `impl Write`, and never touch the terminal, the clock or the environment.

pub mod access_altered;
pub mod access_changes;
pub mod access_paths;
pub mod access_view;
pub mod apply_view;
pub mod diagnostics;
pub mod drift_causes;
pub mod drift_marks;
pub mod drift_view;
pub mod escape;
pub mod graph_view;
pub mod hide;
pub mod html;
pub mod json;
pub mod junit;
pub mod markdown;
pub mod memberships;
pub mod naming;
pub mod plan_view;
pub mod sarif;
pub mod shared_names;
pub mod state_view;
pub mod style;
pub mod terminal;
pub mod wording;
