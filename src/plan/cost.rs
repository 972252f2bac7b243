//! What a plan costs, before anything is done.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

/// Calls, slots and time.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Cost {
    /// Calls by API operation, polls included.
    pub calls: BTreeMap<Arc<str>, u64>,
    /// All of them.
    pub total_calls: u64,
    /// Asynchronous requests: assignments made and taken, provisionings.
    pub async_requests: u64,
    /// Seconds at the service's quota and its usual latency.
    pub seconds: u64,
}
