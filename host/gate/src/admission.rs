//! Whether a request may be made at all. Pure: no credential and no socket is near, and nothing is waited for, so a guest has its refusal
//! before it can give the request up.

use std::sync::Arc;

use super::plain::PlainRequest;
use super::refusal::Refusal;
use super::scheme::{CloudBound, Scheme};
use super::{Bounds, CloudRequest, plain};

/// A guest's request that may be sent: whoever could refuse it by what it says was asked.
pub struct Admitted(pub(crate) Way);

/// How it leaves.
pub(crate) enum Way {
    /// Signed, to a cloud.
    Cloud(Arc<dyn Scheme>, Box<CloudBound>),
    /// To a host that the grant lists.
    Plain(Box<PlainRequest>),
}

impl Admitted {
    /// About the memory that it takes until it is sent.
    pub fn bytes(&self) -> usize {
        match &self.0 {
            Way::Cloud(_, request) => request.parsed.bytes(),
            Way::Plain(request) => request.parsed.bytes(),
        }
    }
}

/// Admits a request of a guest.
pub(crate) fn admit(schemes: &[Arc<dyn Scheme>], bounds: &Bounds, request: CloudRequest) -> Result<Admitted, Refusal> {
    if !bounds.grants.allows_scheme(&request.scheme) {
        return Err(Refusal::SchemeNotGranted(request.scheme));
    }
    let way = match schemes.iter().find(|scheme| scheme.name() == request.scheme) {
        Some(scheme) => {
            Way::Cloud(scheme.clone(), Box::new(scheme.admit(super::scheme::Caller::Guest(bounds), request)?))
        }
        None => Way::Plain(Box::new(plain::admit(bounds, request)?)),
    };
    Ok(Admitted(way))
}
