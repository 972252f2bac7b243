//! The one test binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop, and say where"
)]

mod approvals;
#[cfg(all(feature = "aws", feature = "serve"))]
mod aws;
mod commands;
mod common;
mod crash;
mod diagnostics;
mod examples;
mod help;
mod language;
mod layout;
mod policy;
mod readme;
mod report;
mod scenarios;
mod schemas;
mod tidy;
