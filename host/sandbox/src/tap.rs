//! Everything that is lowered into guests, shown to whoever must prove that no secret is among it.

use std::sync::Arc;

use super::bindings::types::{Error, Fact, Query, Recorded};
use super::bindings::{Target, cloud_http, lifecycle, meta};

/// Called with the name of the export that runs and each byte string that goes into the guest.
pub type Tap = Arc<dyn Fn(&str, &[u8]) + Send + Sync>;

/// Something that goes into a guest.
pub(crate) trait Lowered {
    /// Shows each text or byte string within.
    fn each(&self, see: &mut dyn FnMut(&[u8]));
}

impl Lowered for str {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        see(self.as_bytes());
    }
}

impl Lowered for String {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        see(self.as_bytes());
    }
}

impl<T: Lowered + ?Sized> Lowered for &T {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        (**self).each(see);
    }
}

impl<T: Lowered> Lowered for Option<T> {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        if let Some(value) = self {
            value.each(see);
        }
    }
}

impl<T: Lowered> Lowered for Vec<T> {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        for value in self {
            value.each(see);
        }
    }
}

impl<T: Lowered, const N: usize> Lowered for [T; N] {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        for value in self {
            value.each(see);
        }
    }
}

impl<T: Lowered, E: Lowered> Lowered for Result<T, E> {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        match self {
            Ok(value) => value.each(see),
            Err(error) => error.each(see),
        }
    }
}

impl Lowered for () {
    fn each(&self, _: &mut dyn FnMut(&[u8])) {}
}

impl Lowered for Query {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        [&self.key, &self.name, &self.arguments].each(see);
    }
}

impl Lowered for Fact {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        [&self.key, &self.value].each(see);
    }
}

impl Lowered for Recorded {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        [&self.address, &self.kind, &self.attributes, &self.extra].each(see);
        self.remote_id.each(see);
    }
}

impl Lowered for Target {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        [&self.address, &self.kind, &self.document, &self.extra].each(see);
        self.remote_id.each(see);
    }
}

impl Lowered for lifecycle::Change {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        let texts = [&self.address, &self.kind, &self.document, &self.prior, &self.token, &self.extra];
        texts.each(see);
        self.remote_id.each(see);
        self.paths.each(see);
    }
}

impl Lowered for meta::Outdated {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        [&self.address, &self.kind, &self.role, &self.document, &self.extra].each(see);
        self.remote_id.each(see);
    }
}

impl Lowered for cloud_http::Response {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        for (name, value) in &self.headers {
            name.each(see);
            value.each(see);
        }
        see(&self.body);
        self.extra.each(see);
    }
}

impl Lowered for Error {
    fn each(&self, see: &mut dyn FnMut(&[u8])) {
        match self {
            Self::Denied(problem)
            | Self::NotFound(problem)
            | Self::Conflict(problem)
            | Self::TimedOut(problem)
            | Self::Other(problem) => [&problem.code, &problem.message, &problem.detail].each(see),
            Self::Throttled(throttle) => [&throttle.message, &throttle.detail].each(see),
            Self::Invalid(diagnostics) => {
                for diagnostic in diagnostics {
                    [&diagnostic.code, &diagnostic.summary, &diagnostic.detail].each(see);
                    diagnostic.pointer.each(see);
                    diagnostic.hints.each(see);
                    diagnostic.extra.each(see);
                }
            }
            Self::Remote(remote) => [&remote.code, &remote.message, &remote.detail].each(see),
        }
    }
}
