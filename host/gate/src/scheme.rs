//! Clouds as the gate sees them: each is one way of reading, signing and judging requests. The rest of the gate knows the trait and the
//! table of clouds, and no cloud by name.
//!
//! A cloud says what a request is. Whether it may be made is for `admission` to say: no cloud learns who asks, or within which bounds.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use bytes::Bytes;
use http::{HeaderName, HeaderValue};
use nic_core::error::ProviderError;
use nic_core::identity::Identity;
use serde_json::Value;
use url::Url;

use crate::action::Action;
use crate::egress::Authorities;
use crate::refusal::Refusal;
use crate::request::{HeaderRules, Parsed};
use crate::secret::SecretString;
use crate::{CloudResponse, HostGate};

/// Which service a request is for and where, as it says itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Address {
    /// The service, as grants and signatures call it: one of the catalogue.
    pub service: &'static str,
    /// The service, as the user's endpoint settings call it.
    pub service_id: &'static str,
    /// The region, in whatever words: only [`Scheme::bind`] looks at it.
    pub region: String,
}

/// What is known of a region.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The part of the cloud that it is in: one that has accounts and host names of its own.
    pub partition: &'static str,
    /// Whether that part keeps there what it has once, and what it knows of its other regions.
    pub is_home: bool,
}

/// Where a service in a region is.
pub struct Bound {
    /// Host name and signing region.
    pub destination: Destination,
    /// Whether the partition has the service once.
    pub is_global: bool,
}

/// What a request asks for, by the cloud's catalogue.
pub struct Classified {
    /// The action.
    pub action: &'static Action,
    /// Whether it says who may do what there.
    pub says_who: bool,
    /// The body in its one spelling, where it may have others.
    pub body: Option<Bytes>,
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

    /// Which headers a request may have.
    fn headers(&self) -> HeaderRules;

    /// What a request says of where it goes, by the parameters of its signature and what its SDK calls the service.
    ///
    /// # Errors
    /// They cannot be read, or the catalogue lacks the service.
    fn address(&self, parameters: &Value, service_id: &str) -> Result<Address, Refusal>;

    /// What is known of a region.
    ///
    /// # Errors
    /// It is none of this cloud.
    fn place(&self, region: &str) -> Result<Place, Refusal>;

    /// Where an address leads: the host name is computed, and never taken from a request.
    ///
    /// # Errors
    /// Its region is none of this cloud.
    fn bind(&self, address: &Address) -> Result<Bound, Refusal>;

    /// Which action of the catalogue a request is, and no other: what it says twice, or in a way that services read differently, is refused.
    ///
    /// # Errors
    /// An honest client does not send it, or the catalogue lacks the action.
    fn classify(&self, address: &Address, parsed: &Parsed) -> Result<Classified, Refusal>;

    /// What the user put in place of a service.
    ///
    /// # Errors
    /// `ENDPOINT_INVALID`.
    async fn endpoint(&self, service_id: &str) -> Result<Option<Url>, ProviderError>;

    /// The host that is dialled for a destination: another of the service's own where the user's settings ask for such ones.
    ///
    /// # Errors
    /// `ENDPOINT_INVALID`: there is none.
    async fn host(&self, destination: &Destination) -> Result<String, ProviderError> {
        Ok(destination.host.clone())
    }

    /// The certificates that the user's settings trust for this cloud, in place of the machine's.
    ///
    /// # Errors
    /// `CA_BUNDLE_INVALID`.
    async fn authorities(&self) -> Result<Option<Arc<Authorities>>, ProviderError> {
        Ok(None)
    }

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
    async fn account(&self, gate: &HostGate, region: Option<&str>) -> Result<Option<Identity>, ProviderError>;
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
