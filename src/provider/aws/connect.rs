//! Clients for the services, from the standard configuration: environment, profiles, SSO sessions, roles.

use std::error::Error;
use std::sync::Arc;
use std::time::Duration;

use aws_config::profile::ProfileFileCredentialsProvider;
use aws_config::provider_config::ProviderConfig;
use aws_config::sts::AssumeRoleProvider;
use aws_config::{AppName, BehaviorVersion, Region, SdkConfig};
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sdk_sts::operation::assume_role::AssumeRoleError;
use aws_smithy_types::error::metadata::ProvideErrorMetadata;
use aws_smithy_types::retry::RetryConfig;
use aws_smithy_types::timeout::TimeoutConfig;
use aws_types::service_config::{LoadServiceConfig, ServiceConfigKey};

use super::Options;
use crate::provider::{CallError, Meaning, ProviderError};

/// A client for each service.
#[derive(Debug)]
pub struct Clients {
    /// IAM Identity Center.
    pub sso: aws_sdk_ssoadmin::Client,
    /// The identity store.
    pub store: aws_sdk_identitystore::Client,
    /// Organizations.
    pub organizations: aws_sdk_organizations::Client,
    /// The Security Token Service.
    pub sts: aws_sdk_sts::Client,
    /// The Region they talk to.
    pub region: Arc<str>,
    /// Where they send calls instead of to AWS's own endpoints, if anywhere.
    pub endpoint: Option<Arc<str>>,
}

/// The name of sessions of `role_arn`, as it stands in CloudTrail.
const SESSION: &str = "rolecall";

/// The SDK sets none of its own but for connecting.
fn timeouts() -> TimeoutConfig {
    TimeoutConfig::builder()
        .connect_timeout(Duration::from_secs(5))
        .read_timeout(Duration::from_secs(30))
        .operation_attempt_timeout(Duration::from_secs(45))
        .operation_timeout(Duration::from_secs(60))
        .build()
}

/// Loads the configuration and checks that there are credentials and a Region.
///
/// # Errors
/// When there are none, with what to do.
pub async fn connect(options: &Options) -> Result<Clients, ProviderError> {
    let mut loader = aws_config::defaults(BehaviorVersion::latest());
    if let Ok(name) = AppName::new("rolecall") {
        loader = loader.app_name(name);
    }
    if let Some(region) = &options.region {
        loader = loader.region(Region::new(region.clone()));
    }
    if let Some(profile) = &options.profile {
        loader = loader.profile_name(profile);
    }
    if let Some(url) = &options.endpoint_url {
        loader = loader.endpoint_url(url);
    }
    let config = with_credentials(loader.load().await, options).await;
    let Some(region) = config.region().map(|region| Arc::<str>::from(region.as_ref())) else {
        if let Some(profile) = &options.profile
            && is_unknown(profile).await
        {
            return Err(no_profile(profile));
        }
        return Err(unusable(
            "NoRegion",
            "no Region is set: give `region` in the provider block, or AWS_REGION, or `region` in the profile; it is \
             the one that IAM Identity Center was enabled in",
        ));
    };
    let Some(provider) = config.credentials_provider() else {
        return Err(no_credentials(options.profile.as_deref(), "none are configured"));
    };
    if let Err(error) = provider.provide_credentials().await {
        let profile = profile(&config, options);
        if let Some(profile) = &profile
            && is_unknown(profile).await
        {
            return Err(no_profile(profile));
        }
        if let Some(refused) = refused_role(&error) {
            return Err(ProviderError::Call(refused));
        }
        let why: Vec<String> = errors(&error).map(ToString::to_string).collect();
        let why = why.join(": ");
        return Err(no_credentials(profile.as_deref(), &why));
    }
    let sections = Sections(config.clone());
    let endpoint = endpoint(&config, &sections);
    let config = config.into_builder().service_config(sections).build();
    macro_rules! client {
        ($sdk:ident) => {{
            let builder = $sdk::config::Builder::from(&config)
                .retry_config(RetryConfig::disabled())
                .timeout_config(timeouts());
            $sdk::Client::from_conf(builder.build())
        }};
    }
    Ok(Clients {
        sso: client!(aws_sdk_ssoadmin),
        store: client!(aws_sdk_identitystore),
        organizations: client!(aws_sdk_organizations),
        sts: client!(aws_sdk_sts),
        region,
        endpoint,
    })
}

/// The credentials that the provider block asks for, in place of those that the SDK finds first: it prefers keys in the
/// environment even to a profile that was named, and a plan must not be about another account than the one it says.
async fn with_credentials(mut config: SdkConfig, options: &Options) -> SdkConfig {
    if let Some(profile) = &options.profile {
        let chain = ProviderConfig::without_region().with_region(config.region().cloned());
        let named = ProfileFileCredentialsProvider::builder()
            .configure(&chain)
            .profile_name(profile);
        let named = SharedCredentialsProvider::new(named.build());
        config = config.into_builder().credentials_provider(named).build();
    }
    if let (Some(role), Some(base)) = (&options.role_arn, config.credentials_provider()) {
        let assumed = AssumeRoleProvider::builder(role)
            .session_name(SESSION)
            .configure(&config)
            .build_from_provider(base)
            .await;
        let assumed = SharedCredentialsProvider::new(assumed);
        config = config.into_builder().credentials_provider(assumed).build();
    }
    config
}

/// Settings of one service, under the keys that AWS's reference guide lists. In `services` sections it spells them with
/// an underscore (`sso_admin`), and the SDK for Rust with a dash: both are read, the documented one first.
#[derive(Debug)]
struct Sections(SdkConfig);

/// What no section is called, so that what holds for all services is read.
const NO_SERVICE: &str = "-";

impl LoadServiceConfig for Sections {
    fn load_config(&self, key: ServiceConfigKey<'_>) -> Option<String> {
        let load = |service: &str| {
            let builder = ServiceConfigKey::builder().service_id(service);
            let key = builder.env(key.env()).profile(key.profile()).build().ok()?;
            self.0.service_config()?.load_config(key)
        };
        let documented = load(&key.service_id().replace(' ', "_"));
        if documented == load(NO_SERVICE) {
            return load(key.service_id());
        }
        documented
    }
}

/// The profile that the block names, or else the environment.
fn profile(config: &SdkConfig, options: &Options) -> Option<String> {
    let named = || {
        let key = ServiceConfigKey::builder()
            .service_id(NO_SERVICE)
            .env("AWS_PROFILE")
            .profile("profile");
        Sections(config.clone()).load_config(key.build().ok()?)
    };
    options.profile.clone().or_else(named)
}

/// Whether no shared configuration has a profile of this name, or nothing that brings credentials in it.
async fn is_unknown(profile: &str) -> bool {
    let named = ProfileFileCredentialsProvider::builder()
        .profile_name(profile)
        .build();
    let Err(error) = named.provide_credentials().await else {
        return false;
    };
    let missing = format!("profile `{profile}` was not defined");
    let is_nowhere = matches!(error, CredentialsError::CredentialsNotLoaded(_)) && error.source().is_none();
    is_nowhere || errors(&error).any(|error| error.to_string().contains(&missing))
}

/// An error and those that it comes from.
fn errors<'e>(error: &'e (dyn Error + 'static)) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(Some(error), |error: &&'e (dyn Error + 'static)| (*error).source())
}

/// What the service said to whoever may not assume a role.
fn refused_role(error: &(dyn Error + 'static)) -> Option<CallError> {
    let refused = errors(error).find_map(|error| error.downcast_ref::<AssumeRoleError>())?;
    let text = |text: Option<&str>| text.unwrap_or_default().into();
    Some(CallError {
        meaning: Meaning::Denied,
        operation: "AssumeRole".into(),
        code: text(refused.code()),
        message: text(refused.message()),
        request_id: None,
        missing_action: None,
    })
}

fn no_profile(profile: &str) -> ProviderError {
    unusable(
        "NoProfile",
        &format!(
            "there is no profile `{profile}` with credentials in ~/.aws/config or ~/.aws/credentials, or where AWS_CONFIG_FILE and \
             AWS_SHARED_CREDENTIALS_FILE say; `aws configure list-profiles` lists those there are, and `profile` in the \
             provider block, or AWS_PROFILE, names one"
        ),
    )
}

/// Where calls about permission sets go instead of to AWS's own endpoint, if the block, the environment or the profile
/// says so.
fn endpoint(config: &SdkConfig, sections: &Sections) -> Option<Arc<str>> {
    let load = |service: &str, env: &str, profile: &str| {
        let key = ServiceConfigKey::builder()
            .service_id(service)
            .env(env)
            .profile(profile);
        sections.load_config(key.build().ok()?)
    };
    let (env, profile) = (
        "AWS_IGNORE_CONFIGURED_ENDPOINT_URLS",
        "ignore_configured_endpoint_urls",
    );
    let is_ignored = load(NO_SERVICE, env, profile).is_some_and(|text| text.trim() == "true");
    let of_service = || load("SSO Admin", "AWS_ENDPOINT_URL", "endpoint_url").filter(|_| !is_ignored);
    config
        .endpoint_url()
        .map(str::to_owned)
        .or_else(of_service)
        .map(Arc::from)
}

fn no_credentials(profile: Option<&str>, why: &str) -> ProviderError {
    let login = match profile {
        Some(profile) => format!("aws sso login --profile {profile}"),
        None => "aws sso login".to_owned(),
    };
    // What a program of the user's own says is for whoever wrote it.
    if is_of_a_process(why) {
        let message = format!(
            "no AWS credentials: the profile's `credential_process` failed ({why}); run that command by itself to see why"
        );
        return unusable("NoCredentials", &message);
    }
    unusable(
        "NoCredentials",
        &format!(
            "no AWS credentials ({why}); give `profile` in the provider block, or AWS_PROFILE, or AWS_ACCESS_KEY_ID and \
             AWS_SECRET_ACCESS_KEY; `{login}` renews a session that has ended"
        ),
    )
}

/// Whether an error is about `credential_process`, which the SDK says in words alone.
fn is_of_a_process(why: &str) -> bool {
    why.contains("external process")
}

fn unusable(code: &str, message: &str) -> ProviderError {
    ProviderError::Call(CallError {
        meaning: Meaning::Denied,
        operation: "configuration".into(),
        code: code.into(),
        message: message.into(),
        request_id: None,
        missing_action: None,
    })
}
