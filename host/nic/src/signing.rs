//! The one place that holds cloud credentials: requests come in unsigned and leave signed, or are refused.

use nic_core::error::ProviderError;
use serde::Deserialize;

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

/// A request as a guest makes it: unsigned, to the cloud's own host name.
#[derive(Debug, Clone)]
pub struct CloudRequest {
    /// `default`.
    pub credential: String,
    /// `aws-sigv4`, `google`, `azure`, `bearer` or `none`.
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
#[derive(Debug, Clone)]
pub struct CloudResponse {
    /// The HTTP status.
    pub status: u16,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What a component may ask of the clouds, from its manifest.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct Grant {}

impl Grant {
    /// Nothing.
    pub fn none() -> Self {
        Self::default()
    }
}

/// How a [`Gate`] is made.
#[derive(Debug, Default)]
pub struct GateOptions {}

/// The way out to the clouds.
#[derive(Debug, Clone)]
pub struct Gate {}

impl Gate {
    /// A gate.
    pub fn new(_options: GateOptions) -> Self {
        Self {}
    }

    /// Checks, signs and sends one request of a guest.
    pub async fn send(&self, _grant: &Grant, _phase: Phase, _request: CloudRequest) -> Result<CloudResponse, ProviderError> {
        Err(ProviderError::Denied("not yet".to_owned()))
    }
}
