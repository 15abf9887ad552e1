//! What the host does for components: one file per imported interface. All are always linked; what is not granted, or not
//! allowed in the phase of the call, answers `denied`.

pub mod cloud_http;
pub mod kubernetes;
pub mod report;

use wasmtime::component::{HasSelf, Linker};

use crate::bindings;
use crate::store::GuestState;

/// Links every capability.
pub(crate) fn link(linker: &mut Linker<GuestState>) -> wasmtime::Result<()> {
    bindings::cloud_http::add_to_linker::<_, HasSelf<GuestState>>(linker, |state| state)?;
    bindings::kubernetes::add_to_linker::<_, HasSelf<GuestState>>(linker, |state| state)?;
    bindings::report::add_to_linker::<_, HasSelf<GuestState>>(linker, |state| state)
}
