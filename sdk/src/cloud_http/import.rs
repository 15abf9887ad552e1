//! The requests go over the boundary.

use super::{Request, Response};
use crate::bindings::nic::plugin::cloud_http as wit;
use crate::convert::error_from_wit;
use crate::error::Error;

pub use wit::InFlight;

/// Sends without waiting.
pub fn start(request: &Request) -> Result<InFlight, Error> {
    wit::start(&wit::Request {
        credential: request.credential.clone(),
        scheme: request.scheme.name.clone(),
        scheme_parameters: request.scheme.parameters.to_string(),
        service_id: request.service_id.clone(),
        method: request.method.clone(),
        url: request.url.clone(),
        headers: request.headers.clone(),
        body: request.body.clone(),
    })
    .map_err(error_from_wit)
}

/// The index of one that has its answer.
pub fn wait_any(in_flight: &[&InFlight]) -> usize {
    wit::wait_any(in_flight) as usize
}

/// Its answer.
pub fn finish(in_flight: InFlight) -> Result<Response, Error> {
    wit::finish(in_flight)
        .map(|response| Response { status: response.status, headers: response.headers, body: response.body })
        .map_err(error_from_wit)
}
