//! The exported interface `discovery`, looked up by hand in the shape that bindgen gives the other interfaces.

use wasmtime::AsContextMut;
use wasmtime::component::{ComponentExportIndex, Instance, InstancePre};

use super::bindings::Target;
use super::bindings::types::{Diagnostic, Error, Fact, Observation, Query, Recorded};

const INTERFACE: &str = "nic:plugin/discovery@0.1.0";

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
        Ok(Self { lookup: find("lookup")?, read: find("read")?, discover: find("discover")?, preflight: find("preflight")? })
    }

    /// Calls `lookup`.
    pub async fn call_lookup(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        instance: &Instance,
        context: &str,
        queries: &[Query],
    ) -> wasmtime::Result<Result<Vec<Fact>, Error>> {
        let function = instance
            .get_typed_func::<(&str, &[Query]), (Result<Vec<Fact>, Error>,)>(store.as_context_mut(), &self.lookup)?;
        Ok(function.call_async(store.as_context_mut(), (context, queries)).await?.0)
    }

    /// Calls `read`.
    pub async fn call_read(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        instance: &Instance,
        context: &str,
        targets: &[Target],
    ) -> wasmtime::Result<Result<Vec<Observation>, Error>> {
        let function = instance
            .get_typed_func::<(&str, &[Target]), (Result<Vec<Observation>, Error>,)>(store.as_context_mut(), &self.read)?;
        Ok(function.call_async(store.as_context_mut(), (context, targets)).await?.0)
    }

    /// Calls `discover`.
    pub async fn call_discover(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        instance: &Instance,
        context: &str,
        records: &[Recorded],
    ) -> wasmtime::Result<Result<Vec<Observation>, Error>> {
        let function = instance.get_typed_func::<(&str, &[Recorded]), (Result<Vec<Observation>, Error>,)>(
            store.as_context_mut(),
            &self.discover,
        )?;
        Ok(function.call_async(store.as_context_mut(), (context, records)).await?.0)
    }

    /// Calls `preflight`.
    pub async fn call_preflight(
        &self,
        mut store: impl AsContextMut<Data: Send>,
        instance: &Instance,
        context: &str,
        config: &str,
        summary: &str,
    ) -> wasmtime::Result<Result<Vec<Diagnostic>, Error>> {
        let function = instance.get_typed_func::<(&str, &str, &str), (Result<Vec<Diagnostic>, Error>,)>(
            store.as_context_mut(),
            &self.preflight,
        )?;
        Ok(function.call_async(store.as_context_mut(), (context, config, summary)).await?.0)
    }
}
