//! HTTP to the cloud, signed by the host: the component never sees a credential.
//!
//! ```no_run
//! use nic_sdk::cloud_http::{Request, Scheme, send};
//!
//! # async fn example() -> Result<(), nic_sdk::Error> {
//! let request = Request::get("https://api.example.com/v1/servers").scheme(Scheme::bearer()).service_id("example");
//! let response = send(request).await?;
//! if response.status == 404 {
//!     return Err(nic_sdk::Error::NotFound("no servers".into()));
//! }
//! # Ok(())
//! # }
//! ```
//!
//! In native tests the answers come from [`testing::FakeCloud`](crate::testing::FakeCloud).

#[cfg(target_arch = "wasm32")]
#[path = "cloud_http/import.rs"]
pub(crate) mod transport;
#[cfg(not(target_arch = "wasm32"))]
#[path = "cloud_http/fake.rs"]
pub(crate) mod transport;

use serde_json::{Value, json};

use crate::error::Error;
use crate::runtime;

/// Sends a request and waits for the answer. Any HTTP status is an answer: only what never became one is an error.
///
/// Several of these may be in flight together: `futures::join!(send(a), send(b))`.
pub async fn send(request: Request) -> Result<Response, Error> {
    runtime::send(request).await
}

/// How the host signs a request.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Scheme {
    /// `aws-sigv4`, `bearer`, `basic`, `header:NAME`, `none`, or what a later host knows besides.
    pub name: String,
    /// What the scheme needs to know; an object.
    pub parameters: Value,
}

impl Scheme {
    /// AWS Signature Version 4: the signing name (`ec2`) and region of the endpoint.
    pub fn aws_sigv4(service: &str, region: &str) -> Self {
        Self::other("aws-sigv4", json!({ "service": service, "region": region }))
    }

    /// A Google access token for these scopes.
    pub fn google(scopes: &[&str]) -> Self {
        Self::other("google", json!({ "scopes": scopes }))
    }

    /// An Entra access token for this resource, such as `https://management.azure.com/`.
    pub fn azure(resource: &str) -> Self {
        Self::other("azure", json!({ "resource": resource }))
    }

    /// The credential itself as a bearer token.
    pub fn bearer() -> Self {
        Self::other("bearer", json!({}))
    }

    /// The credential, `name:password`, as HTTP's basic authentication.
    pub fn basic() -> Self {
        Self::other("basic", json!({}))
    }

    /// The credential in a header of its own, such as `X-Vault-Token`.
    pub fn header(name: &str) -> Self {
        Self::other(format!("header:{name}"), json!({}))
    }

    /// No signature.
    pub fn none() -> Self {
        Self::other("none", json!({}))
    }

    /// A scheme by name.
    pub fn other(name: impl Into<String>, parameters: Value) -> Self {
        Self { name: name.into(), parameters }
    }
}

/// A request to the cloud.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Request {
    /// Which credential the host signs with.
    pub credential: String,
    /// How it signs.
    pub scheme: Scheme,
    /// The SDK's service id, `EC2`; the user's endpoint overrides are keyed by it.
    pub service_id: String,
    /// The method, in upper case.
    pub method: String,
    /// Absolute URL with the cloud's own host name.
    pub url: String,
    /// Hop-by-hop, host, authorization and date headers are the host's.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Request {
    /// An unsigned request with the credential `default`, without headers or body.
    pub fn new(method: impl Into<String>, url: impl Into<String>) -> Self {
        Self {
            credential: "default".to_owned(),
            scheme: Scheme::none(),
            service_id: String::new(),
            method: method.into(),
            url: url.into(),
            headers: Vec::new(),
            body: Vec::new(),
        }
    }

    /// An unsigned GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self::new("GET", url)
    }

    /// Has the host sign it.
    #[must_use]
    pub fn scheme(mut self, scheme: Scheme) -> Self {
        self.scheme = scheme;
        self
    }

    /// Names the credential that the host signs with.
    #[must_use]
    pub fn credential(mut self, credential: impl Into<String>) -> Self {
        self.credential = credential.into();
        self
    }

    /// Names the service.
    #[must_use]
    pub fn service_id(mut self, service_id: impl Into<String>) -> Self {
        self.service_id = service_id.into();
        self
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// Sets the body; its content type is a header.
    #[must_use]
    pub fn body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self
    }

    /// Sets a JSON body and its content type.
    #[must_use]
    pub fn json(mut self, body: &Value) -> Self {
        self.body = body.to_string().into_bytes();
        self.header("content-type", "application/json")
    }
}

/// What the cloud answered.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

impl Response {
    /// An answer without headers.
    pub fn new(status: u16, body: impl Into<Vec<u8>>) -> Self {
        Self { status, headers: Vec::new(), body: body.into() }
    }

    /// Whether the status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The first header of that name, given in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str())
    }

    /// The body as JSON.
    pub fn json(&self) -> Result<Value, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::other("ANSWER_INVALID", format!("the answer (HTTP {}) is not JSON: {error}", self.status))
        })
    }
}
