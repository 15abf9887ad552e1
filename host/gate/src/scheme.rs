//! Clouds as the gate sees them: each is one way of admitting, signing and judging requests. The rest of the gate knows the trait and the
//! table of clouds, and no cloud by name.

use std::fmt;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use http::{HeaderName, HeaderValue};
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use url::Url;

use crate::action::Action;
use crate::refusal::Refusal;
use crate::request::Parsed;
use crate::secret::SecretString;
use crate::{Bounds, CloudRequest, CloudResponse, Gate};

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

/// Why an endpoint of the user cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` is not an endpoint: {why}")]
pub struct EndpointError {
    /// The variable.
    pub name: String,
    /// What is wrong with its value, which is not repeated: it may hold a password.
    pub why: String,
    /// What to do.
    pub hint: &'static str,
}
