//! The provider for AWS, from its settings.

use crate::config::evaluate::ProviderSettings;
use crate::drift::shell;
use crate::provider::Provider;

use super::error::Failure;

/// How a command line of the AWS CLI begins that is about the service which the settings name.
pub fn aws_start(settings: &ProviderSettings) -> String {
    let mut start = String::from("aws ");
    if let ProviderSettings::Aws {
        region,
        profile,
        endpoint_url,
        ..
    } = settings
    {
        let options = [
            ("--profile", profile),
            ("--region", region),
            ("--endpoint-url", endpoint_url),
        ];
        for (option, value) in options {
            if let Some(value) = value {
                start.push_str(&format!("{option} {} ", shell(value)));
            }
        }
    }
    start
}

/// The service itself.
#[cfg(feature = "aws")]
pub fn aws(settings: &ProviderSettings, speed: f64) -> Result<Box<dyn Provider>, Failure> {
    use std::sync::Arc;

    use crate::config::evaluate::ReadBy;
    use crate::provider::aws::{Aws, DEFAULT_RATE, Options, Strategy};
    let mut options = Options::default();
    if let ProviderSettings::Aws {
        region,
        profile,
        role_arn,
        endpoint_url,
        rate,
        read_by,
    } = settings
    {
        let owned = |text: &Option<Arc<str>>| text.as_deref().map(str::to_owned);
        options.region = owned(region);
        options.profile = owned(profile);
        options.role_arn = owned(role_arn);
        options.endpoint_url = owned(endpoint_url);
        options.speed = speed;
        options.rate = rate.map_or(DEFAULT_RATE, |rate| rate as f64);
        options.strategy = match read_by {
            None => Strategy::Cheapest,
            Some(ReadBy::Pairs) => Strategy::Pairs,
            Some(ReadBy::Principals) => Strategy::Principals,
        };
    }
    Ok(Box::new(Aws::connect(&options)?))
}

/// The service itself, which this program was built without.
#[cfg(not(feature = "aws"))]
pub fn aws(_: &ProviderSettings, _: f64) -> Result<Box<dyn Provider>, Failure> {
    Err(
        Failure::new("this rolecall was built without the feature `aws`, so that it has no provider \"aws\"")
            .help("build it with the default features: cargo install --locked --path ."),
    )
}
