//! Access as code for AWS IAM Identity Center.

pub mod address;
pub mod diagnostic;
pub mod id;
pub mod source;
