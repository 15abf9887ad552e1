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
use aws_smithy_http_client::tls::rustls_provider::CryptoMode;
use aws_smithy_http_client::tls::{Provider, TlsContext, TrustStore};
use aws_smithy_http_client::{Builder, Connector};
use aws_smithy_runtime_api::client::http::{HttpClient, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector};
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use nic_core::error::ProviderError;
use tokio::sync::{Mutex, OnceCell};

use crate::egress::Authorities;
use crate::environment::no_text;

/// Credentials that end sooner than this are fetched anew: a request must arrive before they do.
const RENEW_BEFORE: Duration = Duration::from_mins(1);

/// Longest time to find credentials: an SSO or a metadata server that hangs must not hang the host.
const TIME_LIMIT: Duration = Duration::from_secs(30);

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
#[derive(Debug)]
struct WhenAsked(OnceLock<SharedHttpClient>, Trusted);

impl HttpClient for WhenAsked {
    fn http_connector(&self, settings: &HttpConnectorSettings, parts: &RuntimeComponents) -> SharedHttpConnector {
        let client = self.0.get_or_init(|| {
            let trusted = trust_store(self.1.get());
            Builder::new().build_with_connector_fn(move |settings, parts| {
                let mut connector = Connector::builder().tls_provider(Provider::Rustls(CryptoMode::AwsLc));
                if let Some(trusted) = &trusted {
                    connector.set_tls_context(trusted.clone());
                }
                connector.set_connector_settings(settings.cloned());
                connector.set_sleep_impl(parts.and_then(RuntimeComponents::sleep_impl));
                connector.set_proxy_config(Some(ProxyConfig::from_env()));
                connector.build()
            })
        });
        client.http_connector(settings, parts)
    }
}

/// What the login services are trusted by in place of the machine's certificates. The settings that say so are read with the credentials'.
type Trusted = Arc<OnceLock<Arc<Authorities>>>;

fn trust_store(trusted: Option<&Arc<Authorities>>) -> Option<TlsContext> {
    let store = TrustStore::empty().with_pem_certificate(trusted?.pem());
    TlsContext::builder().with_trust_store(store).build().ok()
}

/// Finds credentials once and keeps them while they last.
#[derive(Clone)]
pub struct CredentialCache(Arc<Inner>);

struct Inner {
    source: CredentialSource,
    config: OnceCell<SdkConfig>,
    trusted: Trusted,
    kept: Mutex<Option<Credentials>>,
    /// What was said when none were found. The SDK says of a profile once what is wrong with it, and afterwards only that it did.
    unusable: OnceLock<ProviderError>,
}

impl fmt::Debug for CredentialCache {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CredentialCache").field("source", &self.0.source).finish_non_exhaustive()
    }
}

impl CredentialCache {
    /// Nothing is looked for before it is needed.
    pub fn new(source: CredentialSource) -> Self {
        let (config, trusted, kept, unusable) =
            (OnceCell::new(), Trusted::default(), Mutex::new(None), OnceLock::new());
        Self(Arc::new(Inner { source, config, trusted, kept, unusable }))
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
                .http_client(WhenAsked(OnceLock::new(), self.0.trusted.clone()))
                .load()
                .await
        };
        self.0.config.get_or_init(load).await
    }

    /// What environment and profile say of everything else; nothing where the credentials are given.
    pub async fn settings(&self) -> Option<&SdkConfig> {
        match self.0.source {
            CredentialSource::Chain => Some(self.config().await),
            CredentialSource::Given(_) => None,
        }
    }

    /// By what to trust the login services, before any is asked.
    pub fn trust(&self, authorities: Arc<Authorities>) {
        let _ = self.0.trusted.set(authorities);
    }

    /// Credentials that are good for the next minute.
    pub async fn get(&self) -> Result<Credentials, ProviderError> {
        let mut kept = self.0.kept.lock().await;
        let soon = SystemTime::now() + RENEW_BEFORE;
        if let Some(credentials) = kept.as_ref().filter(|c| c.expiry().is_none_or(|expiry| expiry > soon)) {
            return Ok(credentials.clone());
        }
        let chain = matches!(self.0.source, CredentialSource::Chain);
        if let Some(name) = no_text("AWS_").filter(|_| chain) {
            return Err(unusable(
                format!("the environment variable `{name}` is not UTF-8 text"),
                "set it to text, or unset it",
            ));
        }
        let find = async {
            let provider = match &self.0.source {
                CredentialSource::Chain => self.config().await.credentials_provider(),
                CredentialSource::Given(provider) => Some(provider.clone()),
            };
            match provider {
                Some(provider) => provider.provide_credentials().await.map_err(|error| self.explain(&error)),
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

    fn explain(&self, error: &CredentialsError) -> ProviderError {
        let text = whole(error);
        if text.contains(SAID_BEFORE)
            && let Some(said) = self.0.unusable.get()
        {
            return said.clone();
        }
        let told = explain(error, &text);
        if told.code() != EXPIRED {
            let _ = self.0.unusable.set(told.clone());
        }
        told
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
        code: EXPIRED.to_owned(),
        message: why.to_owned(),
        detail: serde_json::json!({ "hint": "log in again, for instance with `aws sso login`" }),
    }
}

/// The code of what was found and is of no use, and of what was of use once.
const UNUSABLE: &str = "CREDENTIALS_INVALID";
const EXPIRED: &str = "CREDENTIALS_EXPIRED";

/// What the SDK says of a profile from the second time on.
const SAID_BEFORE: &str = "initialization error already taken";

/// The SDK's words for a profile that its own `source_profile` leads back to.
const CIRCLE: &str = "infinite loop";

/// The SDK's word for a machine's metadata service, in whatever that has to do with it.
const METADATA: &str = "IMDS";

fn unusable(why: String, hint: &str) -> ProviderError {
    ProviderError::Other { code: UNUSABLE.to_owned(), message: why, detail: serde_json::json!({ "hint": hint }) }
}

/// An error with everything that it came from.
fn whole(error: &CredentialsError) -> String {
    let mut text = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}

/// The profile that the user chose by name.
fn chosen_profile() -> Option<String> {
    std::env::var("AWS_PROFILE").ok().filter(|name| !name.is_empty())
}

fn explain(error: &CredentialsError, text: &str) -> ProviderError {
    let ended = ["expired", "Expired"].iter().any(|word| text.contains(word));
    let profile = chosen_profile();
    match error {
        _ if ended => expired(&format!("the AWS login has ended: {text}")),
        // The machine's metadata service comes last: when it refuses or fails, nothing was found before.
        _ if matches!(error, CredentialsError::CredentialsNotLoaded(_)) || text.contains(METADATA) => {
            // The chain tells at length what each of its links did not find.
            tracing::debug!(why = %text, "no credentials");
            let elsewhere = "none in the environment, by web identity, in the container or on the machine";
            missing(&match profile {
                Some(profile) => {
                    format!("the profile `{profile}`, which AWS_PROFILE names, is not there or has none; {elsewhere}")
                }
                None => "none in the environment, in a profile, by web identity, in the container or on the machine"
                    .to_owned(),
            })
        }
        CredentialsError::ProviderTimedOut(_) => ProviderError::TimedOut(text.to_owned()),
        _ if text.contains(CIRCLE) => unusable(
            format!(
                "the AWS profile `{}` leads back to itself by `source_profile`",
                profile.as_deref().unwrap_or("default")
            ),
            "let `source_profile` in ~/.aws/config name a profile that has keys or a login of its own",
        ),
        _ => unusable(
            match profile {
                Some(profile) => format!("the AWS credentials of the profile `{profile}` cannot be used: {text}"),
                None => format!("the AWS credentials cannot be used: {text}"),
            },
            "mend the profile in ~/.aws/config, or choose another with AWS_PROFILE",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_that_cannot_be_used_is_told_each_time_in_the_same_words() {
        let cache = CredentialCache::new(CredentialSource::Chain);
        let circle = "ProfileFile provider could not be built: profile formed an infinite loop. first we loaded [..]";
        let first = cache.explain(&CredentialsError::invalid_configuration(circle));
        assert_eq!(first.code(), "CREDENTIALS_INVALID");
        assert!(
            first.to_string().contains("leads back to itself") && first.hints()[0].contains("source_profile"),
            "{first:?}"
        );
        let again = "profile file credentials provider initialization error already taken";
        assert_eq!(cache.explain(&CredentialsError::unhandled(again)), first);

        // A machine whose metadata service refuses has no login, and no profile that could be mended.
        let refuses =
            "an error occurred while loading credentials: failed to load IMDS session token: IMDS is disabled";
        let error = CredentialCache::new(CredentialSource::Chain).explain(&CredentialsError::provider_error(refuses));
        assert!(error.code() == "CREDENTIALS_MISSING" && !error.hints()[0].contains("mend"), "{error:?}");

        // One that is not there is no error at first, and is one from then on.
        let cache = CredentialCache::new(CredentialSource::Chain);
        let first = cache.explain(&CredentialsError::not_loaded("profile `missing` was not defined"));
        assert_eq!(first.code(), "CREDENTIALS_MISSING");
        assert_eq!(cache.explain(&CredentialsError::unhandled(again)), first);
    }
}
