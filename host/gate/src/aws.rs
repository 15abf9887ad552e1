//! AWS: requests in its regions, signed by Signature Version 4 with the user's own credentials.

mod address;
mod answer;
mod caller;
pub mod catalogue;
mod classify;
mod credentials;
mod endpoints;
pub(crate) mod identities;
mod settings;
mod sigv4;
mod variants;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use aws_credential_types::Credentials;
use http::{HeaderName, HeaderValue};
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use serde_json::{Value, json};
use tokio::sync::OnceCell;
use url::Url;

pub use self::caller::caller_arn;
pub use self::credentials::CredentialSource;
pub use self::endpoints::{EndpointOverrides, partition};

use self::credentials::CredentialCache;
use self::settings::Settings;
use crate::egress::Authorities;
use crate::environment::{no_text, variables};
use crate::refusal::Refusal;
use crate::request::{HeaderRules, Parsed};
use crate::scheme::{
    Address, Bound, Classified, CloudBound, Destination, EndpointError, Place, Presigned, Scheme, Signed, Verdict,
};
use crate::secret::SecretString;
use crate::{CloudRequest, CloudResponse, HostGate};

/// What grants and requests call it.
pub const NAME: &str = "aws-sigv4";

/// Whether a parameter of a URL is one of a signature.
pub(crate) fn is_of_a_signature(parameter: &str) -> bool {
    parameter.to_ascii_lowercase().starts_with("x-amz-")
}

/// A request of the host itself to a service in a region, whose host name begins as signatures name it.
///
/// # Errors
/// A region of no partition.
pub fn request(
    (service, service_id): (&str, &str),
    region: &str,
    method: &str,
    path_and_query: &str,
) -> Result<CloudRequest, Refusal> {
    let host = partition(region)?.host(service, region);
    Ok(CloudRequest {
        credential: "default".to_owned(),
        scheme: NAME.to_owned(),
        scheme_parameters: json!({ "service": service, "region": region }),
        service_id: service_id.to_owned(),
        method: method.to_owned(),
        url: format!("https://{host}{path_and_query}"),
        headers: Vec::new(),
        body: Vec::new(),
    })
}

/// What its SDKs call themselves by, beside the header of that name.
pub(crate) const USER_AGENT: &str = "x-amz-user-agent";

/// Headers of answers that are the host's.
pub(crate) const WITHHELD_HEADERS: &[&str] = &["x-amz-date", "x-amz-security-token"];

/// Requests as AWS takes them.
#[derive(Debug)]
pub struct SigV4 {
    credentials: CredentialCache,
    overrides: EndpointOverrides,
    /// With what the profile says.
    settings: OnceCell<Settings>,
}

impl Default for SigV4 {
    fn default() -> Self {
        Self::new(CredentialSource::default(), EndpointOverrides::default())
    }
}

impl SigV4 {
    /// With these credentials, to these endpoints. Nothing is looked for before it is needed.
    pub fn new(credentials: CredentialSource, overrides: EndpointOverrides) -> Self {
        Self { credentials: CredentialCache::new(credentials), overrides, settings: OnceCell::new() }
    }

    /// With what the environment names.
    ///
    /// # Errors
    /// An endpoint that is none.
    pub fn by_environment() -> Result<Self, EndpointError> {
        if let Some(name) = no_text(endpoints::PREFIX) {
            return Err(EndpointError { name, why: "it is not UTF-8 text".to_owned(), hint: endpoints::HINT });
        }
        let overrides = EndpointOverrides::from_variables(variables())?;
        Ok(Self::new(CredentialSource::default(), overrides))
    }

    async fn settings(&self) -> Result<&Settings, ProviderError> {
        let find = async || {
            let settings = Settings::of(self.credentials.settings().await, self.overrides.clone())?;
            settings.authorities().into_iter().for_each(|trusted| self.credentials.trust(trusted));
            Ok(settings)
        };
        self.settings.get_or_try_init(find).await
    }
}

#[async_trait]
impl Scheme for SigV4 {
    fn name(&self) -> &'static str {
        NAME
    }

    fn headers(&self) -> HeaderRules {
        classify::HEADERS
    }

    fn address(&self, parameters: &Value, service_id: &str) -> Result<Address, Refusal> {
        address::address(parameters, service_id)
    }

    fn place(&self, region: &str) -> Result<Place, Refusal> {
        address::place(region)
    }

    fn bind(&self, Address { service, service_id, region }: &Address) -> Result<Bound, Refusal> {
        endpoints::bind(catalogue::service(service, service_id)?, region)
    }

    fn classify(&self, Address { service, service_id, .. }: &Address, parsed: &Parsed) -> Result<Classified, Refusal> {
        classify::classify(catalogue::service(service, service_id)?, parsed)
    }

    async fn endpoint(&self, service_id: &str) -> Result<Option<Url>, ProviderError> {
        Ok(self.settings().await?.endpoint(service_id).cloned())
    }

    async fn host(&self, destination: &Destination) -> Result<String, ProviderError> {
        self.settings().await?.host(destination)
    }

    async fn authorities(&self) -> Result<Option<Arc<Authorities>>, ProviderError> {
        Ok(self.settings().await?.authorities())
    }

    fn first(&self) -> (&'static str, &'static str) {
        ("EC2", "ec2.amazonaws.com")
    }

    async fn sign(&self, request: &CloudBound, url: &Url) -> Result<Signed, ProviderError> {
        let credentials = self.credentials.get().await?;
        let CloudBound { parsed, destination, .. } = request;
        let unsigned = sigv4::Unsigned { method: &parsed.method, url, headers: &parsed.headers, body: &parsed.body };
        let signature = sigv4::signature(&unsigned, &scope(&credentials, destination, SystemTime::now()), None)?;
        let token = credentials.session_token().unwrap_or_default();
        let secrets = [credentials.secret_access_key(), token, &signature.text].map(SecretString::new).into();
        Ok(Signed { headers: signature.headers, secrets })
    }

    async fn presign(
        &self,
        request: &CloudBound,
        mut url: Url,
        header: (HeaderName, HeaderValue),
        expires_in: Duration,
    ) -> Result<Presigned, ProviderError> {
        let credentials = self.credentials.get().await?;
        let CloudBound { parsed, destination, .. } = request;
        let signed_at = SystemTime::now();
        let headers = [header];
        let unsigned = sigv4::Unsigned { method: &parsed.method, url: &url, headers: &headers, body: b"" };
        let signature = sigv4::signature(&unsigned, &scope(&credentials, destination, signed_at), Some(expires_in))?;
        url.query_pairs_mut().extend_pairs(signature.parameters);
        Ok(Presigned { url, signed_at })
    }

    fn judge(&self, response: &CloudResponse) -> Result<Verdict, ProviderError> {
        answer::check_signature(response)?;
        Ok(if answer::says_expired(response) { Verdict::Ended } else { Verdict::Good })
    }

    async fn forget(&self) {
        self.credentials.forget().await;
    }

    fn ended(&self) -> ProviderError {
        credentials::expired("AWS says that the credentials have ended")
    }

    async fn account(&self, gate: &HostGate, region: Option<&str>) -> Result<Option<Identity>, ProviderError> {
        caller::account(gate, region).await
    }
}

/// Who signs a request to a destination, and when.
fn scope<'a>(credentials: &'a Credentials, destination: &'a Destination, time: SystemTime) -> sigv4::Scope<'a> {
    sigv4::Scope { credentials, region: &destination.region, service: destination.service, time }
}
