//! Clouds as the gate sees them: each is one way of admitting, signing and judging requests. The rest of the gate knows the trait and the
//! table at the end, and no cloud by name.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use url::Url;

use crate::action::Action;
use crate::grant::Grants;
use crate::refusal::Refusal;
use crate::request::Parsed;
use crate::secret::SecretString;
use crate::{Bounds, CloudRequest, CloudResponse, Gate, aws};

/// On whose behalf a request is made.
#[derive(Debug, Clone, Copy)]
pub enum Caller<'a> {
    /// A component, within the bounds of its call.
    Guest(&'a Bounds),
    /// The host itself.
    Host,
}

/// A request to a cloud that may be signed and sent.
pub struct CloudBound {
    /// What it says.
    pub parsed: Parsed,
    /// What it asks for.
    pub action: &'static Action,
    /// Where it goes.
    pub destination: Destination,
}

/// Where a request goes, as the host works it out for a service and a region.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The service, as signatures name it.
    pub service: &'static str,
    /// The service, as the user's endpoint settings name it.
    pub service_id: &'static str,
    /// The only host name that the request may name.
    pub host: String,
    /// The region in the signature.
    pub region: String,
}

/// What a signature adds to a request.
pub struct Signed {
    /// Headers, all sensitive.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// What no answer may repeat.
    pub secrets: Vec<SecretString>,
}

/// A URL whose query is the signature.
pub struct Presigned {
    /// It.
    pub url: Url,
    /// When its time began.
    pub signed_at: SystemTime,
}

/// What an answer says of the login that the request was signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing is wrong with it.
    Good,
    /// It has ended, and the request had no effect: it may be signed anew.
    Ended,
}

/// One cloud's way of being spoken to.
#[async_trait]
pub trait Scheme: fmt::Debug + Send + Sync {
    /// What grants and requests call it.
    fn name(&self) -> &'static str;

    /// Whether a request may be made at all. Pure: no credential and no socket is near.
    ///
    /// # Errors
    /// Why not.
    fn admit(&self, caller: Caller<'_>, request: CloudRequest) -> Result<CloudBound, Refusal>;

    /// What the user put in place of a service.
    ///
    /// # Errors
    /// `ENDPOINT_INVALID`.
    async fn endpoint(&self, service_id: &str) -> Result<Option<Url>, ProviderError>;

    /// Where the first request usually goes: a service, and its host name.
    fn first(&self) -> (&'static str, &'static str);

    /// Signs a request as it is sent to this URL.
    ///
    /// # Errors
    /// What the user's credentials say: `CREDENTIALS_*`.
    async fn sign(&self, request: &CloudBound, url: &Url) -> Result<Signed, ProviderError>;

    /// A URL that stands for a GET while `expires_in` lasts, with a header that is part of it.
    ///
    /// # Errors
    /// As [`Scheme::sign`]; `SCHEME_NOT_IMPLEMENTED` where a cloud has no such thing.
    async fn presign(
        &self,
        _request: &CloudBound,
        _url: Url,
        _header: (HeaderName, HeaderValue),
        _expires_in: Duration,
    ) -> Result<Presigned, ProviderError> {
        Err(Refusal::SchemeNotImplemented(format!("{}, as a URL", self.name())).into())
    }

    /// What an answer says of the login.
    ///
    /// # Errors
    /// That the login is wrong, in fewer words than the cloud has for it.
    fn judge(&self, answer: &CloudResponse) -> Result<Verdict, ProviderError>;

    /// Forgets the credentials, which have ended.
    async fn forget(&self);

    /// What to say when they have ended and there are no others.
    fn ended(&self) -> ProviderError;

    /// Whose account requests act on in a region; none where nobody could say.
    ///
    /// # Errors
    /// What the credentials say, or the cloud.
    async fn account(&self, gate: &Gate, region: Option<&str>) -> Result<Option<Identity>, ProviderError>;
}

/// What the gate keeps of each cloud without speaking to it.
struct Row {
    name: &'static str,
    /// The beginning of parameters that are a signature: no request of a guest has one.
    signature_parameters: &'static str,
    /// Headers of answers that are the host's.
    withheld_headers: &'static [&'static str],
    /// As the grants write it, what a change of a kind may do that says who may do what.
    identities: for<'a> fn(&'a Grants, &str) -> Option<&'a str>,
}

/// The table of clouds.
const CLOUDS: &[Row] = &[Row {
    name: aws::NAME,
    signature_parameters: aws::SIGNATURE_PARAMETERS,
    withheld_headers: aws::WITHHELD_HEADERS,
    identities: aws::identities::granted,
}];

/// Every cloud, with the credentials and endpoints that the environment names.
///
/// # Errors
/// An endpoint that is none.
pub(crate) fn by_environment() -> Result<Vec<Arc<dyn Scheme>>, EndpointError> {
    Ok(vec![Arc::new(aws::SigV4::by_environment()?)])
}

/// Every cloud as it is without settings.
pub(crate) fn plain() -> Vec<Arc<dyn Scheme>> {
    vec![Arc::new(aws::SigV4::default())]
}

/// What the clouds are called in grants.
pub(crate) fn names() -> impl Iterator<Item = &'static str> {
    CLOUDS.iter().map(|cloud| cloud.name)
}

/// Whether a parameter is one of a signature.
pub(crate) fn is_of_a_signature(parameter: &str) -> bool {
    let parameter = parameter.to_ascii_lowercase();
    CLOUDS.iter().any(|cloud| parameter.starts_with(cloud.signature_parameters))
}

/// Whether a header of an answer is the host's.
pub(crate) fn is_withheld(header: &str) -> bool {
    CLOUDS.iter().any(|cloud| cloud.withheld_headers.contains(&header))
}

/// As the grants write it, what a change of this kind may do that says who may do what.
pub fn identities_granted<'a>(grants: &'a Grants, kind: &str) -> Option<&'a str> {
    CLOUDS.iter().find_map(|cloud| (cloud.identities)(grants, kind))
}

/// Why an endpoint of the user cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not an endpoint: {why}")]
pub struct EndpointError {
    /// The variable.
    pub name: String,
    /// What is wrong with its value, which is not repeated: it may hold a password.
    pub why: String,
}
