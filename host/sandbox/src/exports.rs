//! The exported interfaces of one component, each of them optional.

use wasmtime::Store;
use wasmtime::component::{Instance, InstancePre};

use super::bindings::{access, discovery, lifecycle, meta, planning};
use super::call::Mismatch;
use super::store::GuestState;

/// What a component exports.
#[derive(Clone)]
pub(super) struct Exports {
    pub(super) meta: Option<meta::GuestIndices>,
    pub(super) planning: Option<planning::GuestIndices>,
    pub(super) discovery: Option<discovery::GuestIndices>,
    pub(super) lifecycle: Option<lifecycle::GuestIndices>,
    pub(super) access: Option<access::GuestIndices>,
}

impl Exports {
    pub(super) fn find(pre: &InstancePre<GuestState>) -> Self {
        Self {
            meta: meta::GuestIndices::new(pre).ok(),
            planning: planning::GuestIndices::new(pre).ok(),
            discovery: discovery::GuestIndices::new(pre).ok(),
            lifecycle: lifecycle::GuestIndices::new(pre).ok(),
            access: access::GuestIndices::new(pre).ok(),
        }
    }

    /// Whether everything that is exported has the shape that the boundary gives it.
    pub(super) fn check(&self, store: &mut Store<GuestState>, instance: &Instance) -> wasmtime::Result<()> {
        let mismatch = |error: wasmtime::Error| wasmtime::Error::from(Mismatch(format!("{error:#}")));
        if let Some(meta) = &self.meta {
            meta.load(&mut *store, instance).map_err(mismatch)?;
        }
        if let Some(planning) = &self.planning {
            planning.load(&mut *store, instance).map_err(mismatch)?;
        }
        if let Some(discovery) = &self.discovery {
            discovery.load(&mut *store, instance).map_err(mismatch)?;
        }
        if let Some(lifecycle) = &self.lifecycle {
            lifecycle.load(&mut *store, instance).map_err(mismatch)?;
        }
        if let Some(access) = &self.access {
            access.load(&mut *store, instance).map_err(mismatch)?;
        }
        Ok(())
    }
}
