//! The exported interface `discovery`, looked up by hand in the shape that bindgen gives the other interfaces.

use wasmtime::AsContextMut;
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre, TypedFunc};

use super::bindings::Target;
use super::bindings::types::{Diagnostic, Error, Fact, Observation, Query, Recorded};

const INTERFACE: &str = "nic:plugin/discovery@0.1.0";

type Lookup = TypedFunc<(String, Vec<Query>), (Result<Vec<Fact>, Error>,)>;
type Read = TypedFunc<(String, Vec<Target>), (Result<Vec<Observation>, Error>,)>;
type Discover = TypedFunc<(String, Vec<Recorded>), (Result<Vec<Observation>, Error>,)>;
type Preflight = TypedFunc<(String, String, String), (Result<Vec<Diagnostic>, Error>,)>;

/// Where the functions are in a component.
#[derive(Clone)]
pub struct GuestIndices {
    lookup: ComponentExportIndex,
    read: ComponentExportIndex,
    discover: ComponentExportIndex,
    preflight: ComponentExportIndex,
}

impl GuestIndices {
    /// Finds the interface.
    pub fn new<T>(pre: &InstancePre<T>) -> wasmtime::Result<Self> {
        let component = pre.component();
        let interface = component
            .get_export_index(None, INTERFACE)
            .ok_or_else(|| wasmtime::format_err!("no exported instance named `{INTERFACE}`"))?;
        let find = |name: &str| {
            component
                .get_export_index(Some(&interface), name)
                .ok_or_else(|| wasmtime::format_err!("instance export `{INTERFACE}` does not have export `{name}`"))
        };
        Ok(Self {
            lookup: find("lookup")?,
            read: find("read")?,
            discover: find("discover")?,
            preflight: find("preflight")?,
        })
    }

    /// The functions, with their types checked.
    pub fn load(&self, mut store: impl AsContextMut, instance: &Instance) -> wasmtime::Result<Guest> {
        Ok(Guest {
            lookup: instance.get_typed_func(store.as_context_mut(), &self.lookup)?,
            read: instance.get_typed_func(store.as_context_mut(), &self.read)?,
            discover: instance.get_typed_func(store.as_context_mut(), &self.discover)?,
            preflight: instance.get_typed_func(store.as_context_mut(), &self.preflight)?,
        })
    }
}

/// The functions of one instance.
pub struct Guest {
    lookup: Lookup,
    read: Read,
    discover: Discover,
    preflight: Preflight,
}

impl Guest {
    /// Calls `lookup`.
    pub async fn call_lookup(
        &self,
        store: impl AsContextMut<Data: Send>,
        context: String,
        queries: Vec<Query>,
    ) -> wasmtime::Result<Result<Vec<Fact>, Error>> {
        Ok(self.lookup.call_async(store, (context, queries)).await?.0)
    }

    /// Calls `read`.
    pub async fn call_read(
        &self,
        store: impl AsContextMut<Data: Send>,
        context: String,
        targets: Vec<Target>,
    ) -> wasmtime::Result<Result<Vec<Observation>, Error>> {
        Ok(self.read.call_async(store, (context, targets)).await?.0)
    }

    /// Calls `discover`.
    pub async fn call_discover(
        &self,
        store: impl AsContextMut<Data: Send>,
        context: String,
        records: Vec<Recorded>,
    ) -> wasmtime::Result<Result<Vec<Observation>, Error>> {
        Ok(self.discover.call_async(store, (context, records)).await?.0)
    }

    /// Calls `preflight`.
    pub async fn call_preflight(
        &self,
        store: impl AsContextMut<Data: Send>,
        context: String,
        config: String,
        summary: String,
    ) -> wasmtime::Result<Result<Vec<Diagnostic>, Error>> {
        Ok(self.preflight.call_async(store, (context, config, summary)).await?.0)
    }
}
