//! The user's own credentials. They are found as every AWS tool finds them and never leave this room.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, SystemTime};

use aws_config::meta::region::RegionProviderChain;
use aws_config::{BehaviorVersion, Region, SdkConfig};
use aws_credential_types::Credentials;
use aws_credential_types::provider::error::CredentialsError;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_smithy_http_client::proxy::ProxyConfig;
use aws_smithy_http_client::tls::Provider;
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use nic_core::error::ProviderError;
use tokio::sync::{Mutex, OnceCell};

/// Credentials that end sooner than this are fetched anew: a request must arrive before they do.
const RENEW_BEFORE: Duration = Duration::from_mins(1);

/// Longest time to find credentials: an SSO or a metadata server that hangs must not hang the host.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// A text that nothing prints.
#[derive(Clone, PartialEq, Eq)]
pub struct SecretString(String);

impl SecretString {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text. Only where it leaves the host for whom it is meant.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for SecretString {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(secret)")
    }
}

/// Where credentials come from.
#[derive(Clone, Default)]
pub enum CredentialSource {
    /// Environment, profile, SSO, process, web identity, container, machine: as every AWS tool does.
    #[default]
    Chain,
    /// One that is given, for tests.
    Given(SharedCredentialsProvider),
}

impl fmt::Debug for CredentialSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Chain => "Chain",
            Self::Given(_) => "Given",
        })
    }
}

/// The HTTP client of the login services. The SDK's own reads the trusted certificates as soon as it is set up, and most logins
/// need none of those services.
#[derive(Debug, Default)]
struct WhenAsked(OnceLock<SharedHttpClient>);

impl HttpClient for WhenAsked {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        let client = self.0.get_or_init(|| {
            Builder::new().build_with_connector_fn(|settings, parts| {
                let mut connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
                connector.set_connector_settings(settings.cloned());
                connector.set_sleep_impl(parts.and_then(RuntimeComponents::sleep_impl));
                connector.set_proxy_config(Some(ProxyConfig::from_env()));
                connector.build()
            })
        });
        client.http_connector(settings, parts)
    }
}

/// Finds credentials once and keeps them while they last.
#[derive(Clone)]
pub struct CredentialCache(Arc<Inner>);

struct Inner {
    source: CredentialSource,
    config: OnceCell<SdkConfig>,
    kept: Mutex<Option<Credentials>>,
}

impl fmt::Debug for CredentialCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialCache").field("source", &self.0.source).finish_non_exhaustive()
    }
}

impl CredentialCache {
    /// Nothing is looked for before it is needed.
    pub fn new(source: CredentialSource) -> Self {
        Self(Arc::new(Inner { source, config: OnceCell::new(), kept: Mutex::new(None) }))
    }

    async fn config(&self) -> &SdkConfig {
        let load = async || {
            // Named here, the region is not asked of the machine's metadata server, which takes seconds where there is none.
            let region = RegionProviderChain::first_try(
                aws_config::environment::region::EnvironmentVariableRegionProvider::new(),
            )
            .or_else(aws_config::profile::ProfileFileRegionProvider::new())
            .or_else(Region::new("us-east-1"));
            aws_config::defaults(BehaviorVersion::latest())
                .region(region)
                .http_client(WhenAsked::default())
                .load()
                .await
        };
        self.0.config.get_or_init(load).await
    }

    /// The endpoint that the environment or the profile puts in place of all services.
    pub async fn configured_endpoint(&self) -> Option<String> {
        match self.0.source {
            CredentialSource::Chain => self.config().await.endpoint_url().map(str::to_owned),
            CredentialSource::Given(_) => None,
        }
    }

    /// Credentials that are good for the next minute.
    pub async fn get(&self) -> Result<Credentials, ProviderError> {
        let mut kept = self.0.kept.lock().await;
        let soon = SystemTime::now() + RENEW_BEFORE;
        if let Some(credentials) = kept.as_ref().filter(|c| c.expiry().is_none_or(|expiry| expiry > soon)) {
            return Ok(credentials.clone());
        }
        let find = async {
            let provider = match &self.0.source {
                CredentialSource::Chain => self.config().await.credentials_provider(),
                CredentialSource::Given(provider) => Some(provider.clone()),
            };
            match provider {
                Some(provider) => provider.provide_credentials().await.map_err(|error| explain(&error)),
                None => Err(missing("no credential provider is configured")),
            }
        };
        let found = tokio::time::timeout(TIME_LIMIT, find).await;
        let credentials = found.map_err(|_| ProviderError::TimedOut("looking for AWS credentials".to_owned()))??;
        if credentials.expiry().is_some_and(|expiry| expiry <= SystemTime::now()) {
            return Err(expired("the AWS credentials that were found have ended"));
        }
        *kept = Some(credentials.clone());
        Ok(credentials)
    }

    /// Forgets what is kept: the cloud said that it has ended.
    pub async fn forget(&self) {
        *self.0.kept.lock().await = None;
    }
}

fn missing(why: &str) -> ProviderError {
    let hint = "set AWS_PROFILE, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or log in with `aws sso login`";
    ProviderError::Other {
        code: "CREDENTIALS_MISSING".to_owned(),
        message: format!("no AWS credentials: {why}"),
        detail: serde_json::json!({ "hint": hint }),
    }
}

/// The error for credentials that were good once.
pub fn expired(why: &str) -> ProviderError {
    ProviderError::Other {
        code: "CREDENTIALS_EXPIRED".to_owned(),
        message: why.to_owned(),
        detail: serde_json::json!({ "hint": "log in again, for instance with `aws sso login`" }),
    }
}

fn explain(error: &CredentialsError) -> ProviderError {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    let ended = ["expired", "Expired"].iter().any(|word| text.contains(word));
    match error {
        _ if ended => expired(&format!("the AWS login has ended: {text}")),
        CredentialsError::CredentialsNotLoaded(_) => {
            // The chain tells at length what each of its links did not find.
            tracing::debug!(why = %text, "no credentials");
            missing("none in the environment, in a profile, by web identity, in the container or on the machine")
        }
        CredentialsError::ProviderTimedOut(_) => ProviderError::TimedOut(text),
        _ => ProviderError::other("CREDENTIALS_INVALID", format!("the AWS credentials cannot be used: {text}")),
    }
}
