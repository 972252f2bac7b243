//! Who is frozen, as JSON.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::model::freeze::Frozen;

/// The version of this form.
pub const FORMAT_VERSION: u32 = 1;

/// Who is frozen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct FrozenJson {
    /// The version of this form.
    pub format_version: u32,
    /// Who, in the order in which it was done.
    pub frozen: Vec<Frozen>,
}

impl FrozenJson {
    /// In the present version.
    pub fn new(frozen: Vec<Frozen>) -> Self {
        FrozenJson {
            format_version: FORMAT_VERSION,
            frozen,
        }
    }
}
