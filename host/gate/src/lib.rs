//! The one place that holds cloud credentials: requests come in unsigned and leave signed, or are refused.
//!
//! A request passes these in order, and the first that objects ends it: the phase of the call, the grant, the host name
//! that the host computes for service and region, the host's own catalogue of actions, and again grant and phase for the
//! action that was recognised. It is then written anew from its parts, signed and sent; the answer goes back without
//! anything that is the host's. See `docs/security.md`.

mod action;
mod admission;
mod answer;
pub mod aws;
mod clients;
mod clouds;
mod echo;
pub mod egress;
mod environment;
pub mod grant;
mod host;
mod host_login;
pub mod identities;
mod plain;
mod refusal;
mod request;
mod room;
pub mod scheme;
mod secret;

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use http::{HeaderName, HeaderValue};
use nic_core::error::ProviderError;
use url::Url;

pub use self::action::{Action, Class};
pub use self::admission::Admitted;
pub use self::clouds::STORES;
pub use self::refusal::{Refusal, breaks_the_phase};
pub use self::request::{MAX_REQUEST_BODY_BYTES, name_of};
pub use self::room::{Full, Reserved, Room};
pub use self::scheme::{EndpointError, Presigned, Scheme};
pub use self::secret::SecretString;

use self::admission::Way;
use self::clients::Clients;
use self::echo::check_echo;
use self::egress::{Authorities, Lookup, Proxies, Reach};
use self::grant::Grants;
use self::host_login::HostLogin;
use self::plain::PlainRequest;
use self::request::join;
use self::scheme::{CloudBound, Destination, Signed, Verdict};

/// Longest time for one request, unless the options say otherwise. The slowest honest answers, large pages of lists, take some 20 s.
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
    /// A cloud's way of signing, or `none`, `bearer`, `basic`, `header:NAME`.
    pub scheme: String,
    /// What that way of signing has to know, such as `{"service": "...", "region": "..."}`.
    pub scheme_parameters: serde_json::Value,
    /// The service, as the cloud's SDK calls it.
    pub service_id: String,
    /// The HTTP method.
    pub method: String,
    /// Absolute URL.
    pub url: String,
    /// Headers, in any case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

/// What came back.
#[derive(Clone)]
pub struct CloudResponse {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl CloudResponse {
    /// Whether the bytes are somewhere in the body.
    pub(crate) fn holds(&self, wanted: &[u8]) -> bool {
        self.body.windows(wanted.len()).any(|window| window == wanted)
    }
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
    /// The clouds, with where their credentials come from.
    pub schemes: Vec<Arc<dyn Scheme>>,
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
            schemes: clouds::plain(),
            observer: None,
            timeout: REQUEST_TIMEOUT,
            lookup: Lookup::default(),
            proxies: Proxies::default(),
        }
    }
}

impl GateOptions {
    /// With the endpoints that the environment names.
    ///
    /// # Errors
    /// An endpoint that is none.
    pub fn from_environment() -> Result<Self, EndpointError> {
        Ok(Self { schemes: clouds::by_environment()?, ..Self::default() })
    }
}

/// Makes aws-lc-rs the TLS of the whole process. Harmless when it is done already.
pub fn install_crypto_provider() {
    // The error says that there is one already, which is what is wanted.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
}

/// The way out to the clouds, for components.
///
/// # Guarantees
///
/// - A guest's request is refused unless its grant and the phase of its call allow the action that the host recognises in it.
/// - Credentials go to the host names of their cloud, or to the endpoints that the user set, and nowhere else.
/// - No redirect is followed, and no answer that repeats a credential is given back.
#[derive(Debug, Clone)]
pub struct Gate(Arc<Inner>);

/// The way out to the clouds for the host itself: with the user's login, and without a grant.
///
/// It is made only for whoever shows the host's authority, and no [`Gate`] leads to one: the sandbox has the gate of its guests, and cannot send
/// with more rights than they have.
#[derive(Debug, Clone)]
pub struct HostGate(Gate);

#[derive(Debug)]
struct Inner {
    options: GateOptions,
    clients: Clients,
    room: Room,
    host_room: Room,
}

impl Gate {
    /// A gate. Nothing is looked for or opened before the first request.
    pub fn new(options: GateOptions) -> Self {
        let clients = Clients::new(&options);
        Self(Arc::new(Inner {
            options,
            clients,
            room: Room::new(MAX_HELD_BYTES),
            host_room: Room::new(MAX_HOST_HELD_BYTES),
        }))
    }

    /// Begins what a first request waits for, so that it is there by then. What fails here that request tells of.
    pub fn get_ready(&self) {
        for scheme in &self.0.options.schemes {
            let (gate, scheme) = (self.clone(), scheme.clone());
            tokio::spawn(async move {
                let (service_id, host) = scheme.first();
                let (origin, _, reach) = place(scheme.endpoint(service_id).await?, host);
                gate.0.clients.of(&join(&origin, "/")?, reach, scheme.authorities().await?).await.map(drop)
            });
        }
    }

    /// Whether a guest's request may be sent within these bounds.
    ///
    /// # Errors
    /// Why not.
    pub fn admit(&self, bounds: &Bounds, request: CloudRequest) -> Result<Admitted, Refusal> {
        admission::admit(&self.0.options.schemes, bounds, request)
    }

    /// Signs and sends a request of a guest that was admitted within these bounds. Its answer takes room from what is held.
    ///
    /// # Errors
    /// What the credentials, the network or the cloud say.
    pub async fn send(
        &self,
        bounds: &Bounds,
        Admitted(way): Admitted,
        held: &mut Reserved,
    ) -> Result<CloudResponse, ProviderError> {
        match way {
            Way::Cloud(scheme, request) => self.send_signed(&*scheme, &request, held).await,
            Way::Plain(request) => self.send_plain(&bounds.grants, *request, held).await,
        }
    }

    /// Room for the requests and the answers of one call, so many bytes of all that there is.
    pub fn room(&self, bytes: usize) -> Room {
        self.0.room.part(bytes)
    }

    async fn send_signed(
        &self,
        scheme: &dyn Scheme,
        request: &CloudBound,
        held: &mut Reserved,
    ) -> Result<CloudResponse, ProviderError> {
        let CloudBound { parsed, action, destination: Destination { service, .. } } = request;
        let (url, reach) = target(scheme, request).await?;
        let authorities = scheme.authorities().await?;
        let name = action.qualified();
        let mut retried = false;
        loop {
            let Signed { headers, secrets } = scheme.sign(request, &url).await?;
            let headers = parsed.headers.iter().cloned().chain(headers);
            let sent = self.transmit((reach, authorities.clone()), parsed, (url.clone(), &name), headers, held);
            let sent = self.observed(service, action.name, action.class, sent).await?;
            let login = scheme.judge(&sent)?;
            check_echo(&sent, &secrets.iter().map(SecretString::expose).collect::<Vec<_>>())?;
            if login == Verdict::Good {
                return Ok(sent);
            }
            // Refused before it had an effect: new credentials may be there by now, say after another login.
            scheme.forget().await;
            if std::mem::replace(&mut retried, true) {
                return Err(scheme.ended());
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
        let sent = self.transmit((reach, None), &parsed, (url, &name), headers.into_iter(), held);
        let sent = self.observed(&parsed.host, parsed.method.as_str(), class, sent).await?;
        let secrets = login.secrets();
        check_echo(&sent, &secrets.iter().map(String::as_str).collect::<Vec<_>>())?;
        Ok(sent)
    }

    async fn transmit(
        &self,
        (reach, authorities): (Reach, Option<Arc<Authorities>>),
        parsed: &request::Parsed,
        (url, name): (Url, &str),
        headers: impl Iterator<Item = (HeaderName, HeaderValue)>,
        held: &mut Reserved,
    ) -> Result<CloudResponse, ProviderError> {
        let (client, proxy) = self.0.clients.of(&url, reach, authorities).await?;
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

/// Origin, base path and reach of a service: anywhere, when the user put something in its place.
fn place(instead: Option<Url>, host: &str) -> (String, String, Reach) {
    match instead {
        Some(url) => (url.origin().ascii_serialization(), url.path().to_owned(), Reach::Anywhere),
        // Its certificate proves who it is, wherever a network has it: behind a private endpoint, or a VPN.
        None => (format!("https://{host}"), String::new(), Reach::NotMetadata),
    }
}

/// The URL of a request, and where that may be.
async fn target(scheme: &dyn Scheme, request: &CloudBound) -> Result<(Url, Reach), ProviderError> {
    let destination = &request.destination;
    let host = scheme.host(destination).await?;
    let (origin, base, reach) = place(scheme.endpoint(destination.service_id).await?, &host);
    Ok((join(&origin, &request.parsed.path_and_query(&base))?, reach))
}

#[cfg(test)]
mod tests;
