//! The requests go to the fake cloud of the test, see [`crate::testing`].

use super::{Request, Response};
use crate::error::Error;
use crate::testing::cloud;

pub(crate) use cloud::InFlight;

/// Sends without waiting.
pub fn start(request: &Request) -> Result<InFlight, Error> {
    match cloud::installed() {
        Some(cloud) => cloud.start(request),
        None => Err(Error::denied(
            "NoFakeCloud",
            format!("no fake cloud is installed to answer {} {}", request.method, request.url),
        )),
    }
}

/// The index of one that has its answer.
pub fn wait_any(in_flight: &[&InFlight]) -> usize {
    InFlight::first_answered(in_flight)
}

/// Its answer.
pub fn finish(in_flight: InFlight) -> Result<Response, Error> {
    in_flight.finish()
}
