//! The one test binary.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test that cannot go on should stop, and say where"
)]

mod crash;
mod diagnostics;
mod examples;
mod language;
mod readme;
