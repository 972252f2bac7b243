//! Access as code for AWS IAM Identity Center.

pub mod address;
pub mod config;
pub mod diagnostic;
pub mod graph;
pub mod id;
pub mod model;
pub mod plan;
pub mod provider;
pub mod report;
pub mod source;
pub mod state;
