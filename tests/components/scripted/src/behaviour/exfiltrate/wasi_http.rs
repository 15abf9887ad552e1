//! `wasi:http`, which the host links for languages that import it, and lets nobody use.

use wasip2::http::outgoing_handler::handle;
use wasip2::http::types::{Fields, OutgoingRequest, Scheme};

use super::network::authority;

/// What came of a request past the host.
pub(super) fn tried(url: &str) -> String {
    let request = OutgoingRequest::new(Fields::new());
    let set = request.set_scheme(Some(&Scheme::Http)).is_ok()
        && request.set_authority(Some(&authority(url))).is_ok()
        && request.set_path_with_query(Some("/loot")).is_ok();
    if !set {
        return "the URL was refused".to_owned();
    }
    match handle(request, None) {
        Err(error) => format!("refused ({error:?})"),
        Ok(answer) => {
            answer.subscribe().block();
            match answer.get() {
                Some(Ok(Ok(answer))) => format!("HTTP {}", answer.status()),
                other => format!("failed ({other:?})"),
            }
        }
    }
}
