//! Requests as the boundary has them, for what the SDK would not do with one.

pub use nic_sdk::bindings::nic::plugin::cloud_http::start;

use nic_sdk::bindings::nic::plugin::cloud_http::Request as Raw;
use nic_sdk::cloud_http::Request;

/// A request that may be started, as often as one likes.
pub fn raw(request: Request) -> Raw {
    Raw {
        credential: request.credential,
        scheme: request.scheme.name,
        scheme_parameters: request.scheme.parameters.to_string(),
        service_id: request.service_id,
        method: request.method,
        url: request.url,
        headers: request.headers,
        body: request.body,
    }
}
