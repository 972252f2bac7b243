//! IAM Identity Center itself, through the AWS SDK for Rust.
//!
//! [`operation`] is the table of everything that is called, [`policy`] what IAM must allow for it. The rest needs the
//! feature `aws`: `connect` makes clients from the standard configuration, `session` paces and counts calls and gives
//! errors their meaning, `read` fills a `model` in as few calls as the API allows, `work` and `effects` carry changes
//! out, `requests` follows what the service does asynchronously. Everything asynchronous stays in here: the provider
//! itself is synchronous, over a small runtime of its own.

pub mod operation;
pub mod policy;

#[cfg(feature = "aws")]
mod connect;
#[cfg(feature = "aws")]
mod contents;
#[cfg(feature = "aws")]
mod effects;
#[cfg(feature = "aws")]
mod hearing;
#[cfg(feature = "aws")]
mod meaning;
#[cfg(feature = "aws")]
mod model;
#[cfg(feature = "aws")]
mod provider;
#[cfg(feature = "aws")]
mod rate;
#[cfg(feature = "aws")]
mod read;
#[cfg(feature = "aws")]
mod requests;
#[cfg(feature = "aws")]
mod session;
#[cfg(feature = "aws")]
mod slots;
#[cfg(feature = "aws")]
mod work;

#[cfg(feature = "aws")]
pub use provider::Aws;
#[cfg(feature = "aws")]
pub use read::access::Strategy;

/// How the service is reached.
#[cfg(feature = "aws")]
#[derive(Debug, Clone, PartialEq)]
pub struct Options {
    /// The instance's Region; otherwise the profile's or the environment's.
    pub region: Option<String>,
    /// A profile of the AWS configuration files.
    pub profile: Option<String>,
    /// A role to assume with the credentials that are found.
    pub role_arn: Option<String>,
    /// Another endpoint than AWS's, for all services.
    pub endpoint_url: Option<String>,
    /// Calls a second, for each service.
    pub rate: f64,
    /// How assignments are read.
    pub strategy: Strategy,
    /// How much faster than outside time passes, for a server whose clock does the same; 1 for all others.
    pub speed: f64,
}

#[cfg(feature = "aws")]
impl Default for Options {
    fn default() -> Self {
        Options {
            region: None,
            profile: None,
            role_arn: None,
            endpoint_url: None,
            rate: DEFAULT_RATE,
            strategy: Strategy::Cheapest,
            speed: 1.0,
        }
    }
}

/// Calls a second unless told otherwise: half the service's quota of 20 (quotas page), the other half being for people
/// and other tools.
pub const DEFAULT_RATE: f64 = 10.0;
