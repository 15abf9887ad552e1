//! What the host keeps beside one instance while it runs.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use nic_core::error::ProviderError;
use nic_core::ports::ClusterReader;
use nic_core::ports::CreatedSink;
use nic_gate::{Bounds, Gate, Reserved, Room};
use wasmtime::component::ResourceTable;
use wasmtime_wasi::{WasiCtx, WasiCtxView, WasiView};
use wasmtime_wasi_http::{WasiHttpCtx, WasiHttpCtxView, WasiHttpView};

use super::bindings::types::Error;
use super::convert::error_to_guest;
use super::guest_log::CallLog;
use super::limits::{Limiter, MAX_HANDLES, Times};
use super::tap::{Lowered, Tap};
use super::wasi::{self, RefuseAll};

/// The remote id that a create told, readable after its store is gone.
#[derive(Clone, Default)]
pub(crate) struct Told(Arc<Mutex<Option<String>>>);

impl Told {
    pub(crate) fn get(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(crate) fn set(&self, remote_id: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(remote_id.to_owned());
    }
}

/// What the capabilities need to know about the call they serve.
pub(crate) struct Service {
    pub(crate) bounds: Bounds,
    pub(crate) gate: Gate,
    pub(crate) cluster: Option<Arc<dyn ClusterReader>>,
    pub(crate) sink: Option<Arc<dyn CreatedSink>>,
    pub(crate) told: Told,
    pub(crate) log: Arc<CallLog>,
    pub(crate) times: Times,
    pub(crate) tap: Option<Tap>,
    /// A request that this phase does not allow.
    pub(crate) offence: Arc<OnceLock<ProviderError>>,
    /// Requests on their way.
    pub(crate) in_flight: usize,
    /// Room for answers that are on their way, or that the guest has not asked for yet.
    pub(crate) room: Room,
    /// What the last answer holds: it is copied into the guest only after the function that answers it has ended.
    pub(crate) lowering: Option<Reserved>,
}

/// The data of a store: lives as long as one export call.
pub struct GuestState {
    pub(crate) table: ResourceTable,
    pub(crate) limiter: Limiter,
    pub(crate) service: Service,
    wasi: WasiCtx,
    http: WasiHttpCtx,
    refuse: RefuseAll,
}

impl GuestState {
    pub(crate) fn new(service: Service, now: &str, seed: u64, memory_bytes: usize) -> Self {
        let mut table = ResourceTable::new();
        table.set_max_capacity(MAX_HANDLES);
        let shown = wasi::Shown { now, seed, phase: service.bounds.phase, log: &service.log };
        Self {
            table,
            limiter: Limiter::new(memory_bytes),
            wasi: wasi::context(&shown),
            http: WasiHttpCtx::new(),
            refuse: RefuseAll,
            service,
        }
    }

    /// What an import answers, in the boundary's terms, shown to the tap on its way.
    pub(crate) fn answer<T: Lowered>(&self, answer: Result<T, ProviderError>) -> Result<T, Error> {
        let answer = answer.map_err(error_to_guest);
        self.show(&answer);
        answer
    }

    /// The same for an answer that is an error.
    pub(crate) fn refusal(&self, error: ProviderError) -> Error {
        let error = error_to_guest(error);
        self.show(&error);
        error
    }

    fn show(&self, lowered: &impl Lowered) {
        if let Some(tap) = &self.service.tap {
            lowered.each(&mut |bytes| tap(self.service.log.origin.call, bytes));
        }
    }
}

impl WasiView for GuestState {
    fn ctx(&mut self) -> WasiCtxView<'_> {
        WasiCtxView { ctx: &mut self.wasi, table: &mut self.table }
    }
}

impl WasiHttpView for GuestState {
    fn http(&mut self) -> WasiHttpCtxView<'_> {
        WasiHttpCtxView { hooks: &mut self.refuse, table: &mut self.table, ctx: &mut self.http }
    }
}
