//! The one place that holds cloud credentials: requests come in unsigned and leave signed, or are refused.
//!
//! A request passes these in order, and the first that objects ends it: the phase of the call, the grant, the host name
//! that the host computes for service and region, the host's own catalogue of actions, and again grant and phase for the
//! action that was recognised. It is then written anew from its parts, signed and sent; the answer goes back without
//! anything that is the host's. See `docs/security.md`.

mod admission;
mod answer;
pub mod catalogue;
mod clients;
mod credentials;
pub mod egress;
mod endpoints;
pub mod grant;
mod host_login;
pub mod identities;
mod identity;
mod refusal;
mod request;
mod room;
mod sigv4;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use http::{HeaderName, HeaderValue};
use nic_core::error::ProviderError;
use tokio::sync::OnceCell;
use url::Url;

pub use self::admission::{Admitted, admit};
pub use self::catalogue::Class;
pub use self::credentials::{CredentialCache, CredentialSource, SecretString};
pub use self::endpoints::{EndpointError, EndpointOverrides, Partition, partition};
pub use self::identity::{account, aws_identity};
pub use self::refusal::{Refusal, breaks_the_phase};
pub use self::request::{MAX_REQUEST_BODY_BYTES, name_of};
pub use self::room::{Full, Reserved, Room};

use self::admission::{AwsRequest, Caller, PlainRequest, join};
use self::clients::Clients;
use self::host_login::HostLogin;
use crate::egress::{Lookup, Proxies, Reach};
use crate::grant::Grants;

/// Longest time for one request, unless the options say otherwise. The slowest honest answers, large pages of EC2, take some 20 s.
const REQUEST_TIMEOUT: Duration = Duration::from_mins(1);

/// What is held at once of requests and answers, of all calls together. Bounds sixteen calls that each ask for as much as they may.
const MAX_HELD_BYTES: usize = 256 * 1024 * 1024;

/// The same of the host's own requests, so that no component can fill the room for them.
const MAX_HOST_HELD_BYTES: usize = 64 * 1024 * 1024;

/// What a call may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// Nothing: the function is pure.
    Pure,
    /// Only actions of class read.
    Read,
    /// Reads and mutations.
    Change,
}

/// Within what a call of a component may ask for something: its grants, the phase, and the change at hand.
#[derive(Debug, Clone)]
pub struct Bounds {
    /// What it was granted.
    pub grants: Arc<Grants>,
    /// What the call may do.
    pub phase: Phase,
    /// Of a change: the kind that is changed.
    pub kind: Option<Arc<str>>,
    /// The platform's region, where it has one.
    pub region: Option<Arc<str>>,
    /// Whether in this run it may say who may do what: it came with NIC, or the user agreed.
    pub identities: bool,
}

/// A request as a guest makes it: unsigned, to the cloud's own host name.
#[derive(Clone)]
pub struct CloudRequest {
    /// `default`, or the name of a credential for a host.
    pub credential: String,
    /// `aws-sigv4`, `none`, `bearer`, `basic`, `header:NAME`.
    pub scheme: String,
    /// `aws-sigv4`: `{"service": "ec2", "region": "us-west-2"}`.
    pub scheme_parameters: serde_json::Value,
    /// The SDK's service id, `EC2`.
    pub service_id: String,
    /// The HTTP method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers, in any case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone)]
pub struct CloudResponse {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

// Bodies hold user data and policies: what they say is nobody's business but the guest's.
impl fmt::Debug for CloudRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudRequest")
            .field("service_id", &self.service_id)
            .field("method", &self.method)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for CloudResponse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CloudResponse")
            .field("status", &self.status)
            .field("body_bytes", &self.body.len())
            .finish_non_exhaustive()
    }
}

/// One request that was made, for logs and tests.
#[derive(Debug, Clone, Copy)]
pub struct Sent<'a> {
    /// The service's signing name, or the host name.
    pub service: &'a str,
    /// The action, or the method.
    pub action: &'a str,
    /// Its class.
    pub class: Class,
    /// The HTTP status; none when no answer came.
    pub status: Option<u16>,
    /// How long it took.
    pub duration: Duration,
}

/// Who is told about requests.
#[derive(Clone)]
pub struct Observer(Arc<dyn Fn(Sent<'_>) + Send + Sync>);

impl Observer {
    /// Tells `hear`.
    pub fn new(hear: impl Fn(Sent<'_>) + Send + Sync + 'static) -> Self {
        Self(Arc::new(hear))
    }
}

impl fmt::Debug for Observer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Observer")
    }
}

/// How a [`Gate`] is made.
#[derive(Debug, Clone)]
pub struct GateOptions {
    /// Where AWS credentials come from.
    pub credentials: CredentialSource,
    /// The user's own endpoints.
    pub endpoints: EndpointOverrides,
    /// Who is told about requests.
    pub observer: Option<Observer>,
    /// Longest time for one request.
    pub timeout: Duration,
    /// Who says where a name is.
    pub lookup: Lookup,
    /// What goes through a proxy.
    pub proxies: Proxies,
}

impl Default for GateOptions {
    fn default() -> Self {
        Self {
            credentials: CredentialSource::default(),
            endpoints: EndpointOverrides::default(),
            observer: None,
            timeout: REQUEST_TIMEOUT,
            lookup: Lookup::default(),
            proxies: Proxies::default(),
        }
    }
}

impl GateOptions {
    /// With the endpoints that the environment names.
    pub fn from_environment() -> Result<Self, EndpointError> {
        if let Some(name) = no_text("AWS_ENDPOINT_URL") {
            return Err(EndpointError { name, why: "it is not UTF-8 text".to_owned() });
        }
        Ok(Self { endpoints: EndpointOverrides::from_variables(variables())?, ..Self::default() })
    }
}

/// The environment, without what is not text.
fn variables() -> impl Iterator<Item = (String, String)> {
    std::env::vars_os().filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)))
}

/// The first variable of these whose value is no text. Whoever looks for text would go on as if it were not set.
fn no_text(prefix: &str) -> Option<String> {
    let names = std::env::vars_os()
        .filter(|(_, value)| value.to_str().is_none())
        .filter_map(|(name, _)| name.into_string().ok());
    names.filter(|name| name.starts_with(prefix)).min()
}

/// Makes aws-lc-rs the TLS of the whole process. Harmless when it is done already.
pub fn install_crypto_provider() {
    // The error says that there is one already, which is what is wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The way out to the clouds.
///
/// # Guarantees
///
/// - A guest's request is refused unless its grant and the phase of its call allow the action that the host recognises in it.
/// - Credentials go to the host names of AWS, or to the endpoints that the user set, and nowhere else.
/// - No redirect is followed, and no answer that repeats a credential is given back.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    options: GateOptions,
    credentials: CredentialCache,
    endpoints: OnceCell<EndpointOverrides>,
    clients: Clients,
    room: Room,
    host_room: Room,
}

/// A URL whose query is the signature.
pub struct Presigned {
    /// It.
    pub url: Url,
    /// When its time began.
    pub signed_at: SystemTime,
}

impl Gate {
    /// A gate. Nothing is looked for or opened before the first request.
    pub fn new(options: GateOptions) -> Self {
        let credentials = CredentialCache::new(options.credentials.clone());
        let clients = Clients::new(&options);
        Self(Arc::new(Inner {
            options,
            credentials,
            endpoints: OnceCell::new(),
            clients,
            room: Room::new(MAX_HELD_BYTES),
            host_room: Room::new(MAX_HOST_HELD_BYTES),
        }))
    }

    /// Begins what a first request waits for, so that it is there by then. What fails here that request tells of.
    pub fn get_ready(&self) {
        let gate = self.clone();
        tokio::spawn(async move {
            let (url, reach) = match gate.endpoints().await?.of("EC2") {
                Some(instead) => (instead.clone(), Reach::Anywhere),
                None => (join("https://ec2.amazonaws.com", "/")?, Reach::NotMetadata),
            };
            gate.0.clients.of(&url, reach).await.map(drop)
        });
    }

    /// Signs and sends a request of a guest that was admitted within these bounds. Its answer takes room from what is held.
    pub async fn send(
        &self,
        bounds: &Bounds,
        admitted: Admitted,
        held: &mut Reserved,
    ) -> Result<CloudResponse, ProviderError> {
        match admitted {
            Admitted::Aws(admitted) => self.send_aws(&admitted, held).await,
            Admitted::Plain(admitted) => self.send_plain(&bounds.grants, admitted, held).await,
        }
    }

    /// Room for the requests and the answers of one call, so many bytes of all that there is.
    pub fn room(&self, bytes: usize) -> Room {
        self.0.room.part(bytes)
    }

    /// Signs and sends a request of the host itself. Only to AWS, and through the same checks of names and actions.
    pub async fn send_for_host(&self, request: CloudRequest) -> Result<CloudResponse, ProviderError> {
        self.send_aws(&admission::admit_aws(Caller::Host, request)?, &mut self.0.host_room.begin()).await
    }

    /// A URL that stands for a GET of the host itself while `expires_in` lasts.
    pub async fn presign_for_host(
        &self,
        request: CloudRequest,
        signed_header: (HeaderName, HeaderValue),
        expires_in: Duration,
    ) -> Result<Presigned, ProviderError> {
        let AwsRequest { service, binding, parsed, .. } = admission::admit_aws(Caller::Host, request)?;
        let mut url = self.target(service.service_id, &binding.host, &parsed).await?.0;
        let credentials = self.0.credentials.get().await?;
        let signed_at = SystemTime::now();
        let scope = sigv4::Scope {
            credentials: &credentials,
            region: &binding.region,
            service: service.signing_name,
            time: signed_at,
        };
        let headers = [signed_header];
        let unsigned = sigv4::Unsigned { method: &parsed.method, url: &url, headers: &headers, body: b"" };
        let signature = sigv4::signature(&unsigned, &scope, Some(expires_in))?;
        url.query_pairs_mut().extend_pairs(signature.parameters);
        Ok(Presigned { url, signed_at })
    }

    /// Whether the user put something in place of a service.
    pub async fn is_overridden(&self, service_id: &str) -> Result<bool, ProviderError> {
        Ok(self.endpoints().await?.of(service_id).is_some())
    }

    async fn endpoints(&self) -> Result<&EndpointOverrides, ProviderError> {
        let find = async || {
            let overrides = self.0.options.endpoints.clone();
            let configured = self.0.credentials.configured_endpoint().await;
            let overrides = configured.map_or(Ok(overrides.clone()), |url| overrides.or_for_all(&url));
            overrides.map_err(|error| ProviderError::other("ENDPOINT_INVALID", error.to_string()))
        };
        self.0.endpoints.get_or_try_init(find).await
    }

    /// The URL of a request, and where that may be: anywhere, when the user put it in place of the service's own.
    async fn target(
        &self,
        service_id: &str,
        host: &str,
        parsed: &request::Parsed,
    ) -> Result<(Url, Reach), ProviderError> {
        let instead = self.endpoints().await?.of(service_id);
        let (origin, base, reach) = match instead {
            Some(url) => (url.origin().ascii_serialization(), url.path(), Reach::Anywhere),
            // Its certificate proves who it is, wherever a network has it: behind a private endpoint, or a VPN.
            None => (format!("https://{host}"), "", Reach::NotMetadata),
        };
        Ok((join(&origin, &parsed.path_and_query(base))?, reach))
    }

    async fn send_aws(&self, admitted: &AwsRequest, held: &mut Reserved) -> Result<CloudResponse, ProviderError> {
        let AwsRequest { service, action, binding, parsed } = admitted;
        let (url, reach) = self.target(service.service_id, &binding.host, parsed).await?;
        let name = action.qualified();
        let mut retried = false;
        loop {
            let credentials = self.0.credentials.get().await?;
            let unsigned =
                sigv4::Unsigned { method: &parsed.method, url: &url, headers: &parsed.headers, body: &parsed.body };
            let scope = sigv4::Scope {
                credentials: &credentials,
                region: &binding.region,
                service: service.signing_name,
                time: SystemTime::now(),
            };
            let signature = sigv4::signature(&unsigned, &scope, None)?;
            let headers = parsed.headers.iter().cloned().chain(signature.headers);
            let sent = self.transmit(reach, parsed, (url.clone(), &name), headers, held);
            let sent = self.observed(service.signing_name, action.name, action.class, sent).await?;
            let token = credentials.session_token().unwrap_or_default();
            answer::check_signature(&sent)?;
            answer::check_echo(&sent, &[credentials.secret_access_key(), token, &signature.text])?;
            if !answer::says_expired(&sent) {
                return Ok(sent);
            }
            // Refused before it had an effect: new credentials may be there by now, say after another login.
            self.0.credentials.forget().await;
            if std::mem::replace(&mut retried, true) {
                return Err(credentials::expired("AWS says that the credentials have ended"));
            }
        }
    }

    async fn send_plain(
        &self,
        grants: &Grants,
        admitted: PlainRequest,
        held: &mut Reserved,
    ) -> Result<CloudResponse, ProviderError> {
        let PlainRequest { parsed, class, scheme, credential, url, reach } = admitted;
        let login = HostLogin::read(grants, &scheme, &credential, &parsed.origin)?;
        self.0.clients.look_ahead(&url, reach).await?;
        let mut headers = parsed.headers.clone();
        headers.extend(login.header()?);
        let name = format!("{} {}", parsed.method, parsed.origin);
        let sent = self.transmit(reach, &parsed, (url, &name), headers.into_iter(), held);
        let sent = self.observed(&parsed.host, parsed.method.as_str(), class, sent).await?;
        let secrets = login.secrets();
        answer::check_echo(&sent, &secrets.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(sent)
    }

    async fn transmit(
        &self,
        reach: Reach,
        parsed: &request::Parsed,
        (url, name): (Url, &str),
        headers: impl Iterator<Item = (HeaderName, HeaderValue)>,
        held: &mut Reserved,
    ) -> Result<CloudResponse, ProviderError> {
        let (client, proxy) = self.0.clients.of(&url, reach).await?;
        let target = format!("{} ({name})", url.host_str().unwrap_or_default());
        let mut request = reqwest::Request::new(parsed.method.clone(), url);
        request.headers_mut().extend(headers);
        if !parsed.body.is_empty() {
            // Shared, not copied: it is held once, and was given room once.
            *request.body_mut() = Some(parsed.body.clone().into());
        }
        let response = client.execute(request).await;
        let response = response.map_err(|error| answer::explain(&error, &target, proxy.as_deref()))?;
        answer::read(response, &target, held).await
    }

    async fn observed(
        &self,
        service: &str,
        action: &str,
        class: Class,
        sending: impl Future<Output = Result<CloudResponse, ProviderError>>,
    ) -> Result<CloudResponse, ProviderError> {
        let begun = Instant::now();
        let answer = sending.await;
        let status = answer.as_ref().ok().map(|response| response.status);
        let sent = Sent { service, action, class, status, duration: begun.elapsed() };
        tracing::debug!(service, action, ?class, status, duration = ?sent.duration, "cloud request");
        if let Some(observer) = &self.0.options.observer {
            (observer.0)(sent);
        }
        answer
    }
}

#[cfg(test)]
mod tests;
