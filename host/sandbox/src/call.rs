//! One export call: a fresh instance, its limits, its deadline, and what went wrong in words.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::future::BoxFuture;
use nic_core::address::Address;
use nic_core::error::ProviderError;
use nic_core::ports::{Call, ClusterReader, Context, CreatedSink};
use nic_gate::grant::Grants;
use nic_gate::{Bounds, Phase};
use tokio::task::JoinHandle;
use wasmtime::component::{Instance, InstancePre};
use wasmtime::{Store, Trap, UpdateDeadline};
use wasmtime_wasi::I32Exit;

use super::engine::Host;
use super::guest_log::{CallLog, Speaker};
use super::guest_text::paragraph;
use super::limits::{CpuMeter, MAX_HANDLES, MAX_TRANSFER_BYTES, MAX_WAITING_BYTES, Metered, OutOfCpu};
use super::store::{GuestState, Service, Told};
use super::tap::Lowered;

/// A component that is ready to be called.
pub(super) struct Runner {
    pub(super) host: Arc<Host>,
    pub(super) pre: InstancePre<GuestState>,
    pub(super) name: Arc<str>,
    pub(super) grants: Arc<Grants>,
    pub(super) memory_bytes: usize,
    /// Whether its changes may say who may do what.
    pub(super) identities: AtomicBool,
}

/// What is called, and under which rules.
pub(super) struct Calling {
    pub(super) export: &'static str,
    pub(super) phase: Phase,
    pub(super) address: Option<Address>,
    /// Of a change: the kind that is changed.
    pub(super) kind: Option<Arc<str>>,
    /// The platform's region.
    pub(super) region: Option<Arc<str>>,
    pub(super) now: String,
    pub(super) seed: u64,
    /// A change brings its own deadline; waiting for room counts into it, because a lock may run out behind it.
    pub(super) deadline: Option<Duration>,
    pub(super) sink: Option<Arc<dyn CreatedSink>>,
    pub(super) told: Told,
    /// What the capability `kubernetes` reads with; none when there is no cluster to read.
    pub(super) cluster: Option<Arc<dyn ClusterReader>>,
    /// It says where the cluster is, perhaps to a guest that waits for it with a place of its own.
    pub(super) locates: bool,
}

impl Calling {
    pub(super) fn new(export: &'static str, phase: Phase, call: &Call) -> Self {
        Self { cluster: call.cluster.clone(), ..Self::within(export, phase, &call.context) }
    }

    /// For what is about no platform that could have a cluster.
    pub(super) fn within(export: &'static str, phase: Phase, context: &Context) -> Self {
        let region = context.region.as_deref().map(Arc::from);
        Self { phase, region, now: context.now.clone(), seed: context.seed, ..Self::without_context(export) }
    }

    /// For `describe`, which gets no context: its clock and its random source stand at zero.
    pub(super) fn without_context(export: &'static str) -> Self {
        Self {
            export,
            phase: Phase::Pure,
            address: None,
            kind: None,
            region: None,
            now: String::new(),
            seed: 0,
            deadline: None,
            sink: None,
            told: Told::default(),
            cluster: None,
            locates: false,
        }
    }
}

/// A component's exported function does not have the shape that the boundary gives it.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(super) struct Mismatch(pub(super) String);

/// A task that ends when nobody waits for it any more.
struct AbortOnDrop<T>(JoinHandle<T>);

impl<T> Drop for AbortOnDrop<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}

impl Runner {
    /// Shows the tap what goes into the guest as arguments.
    pub(super) fn lowered(&self, export: &str, arguments: &[&dyn Lowered]) {
        if let Some(tap) = &self.host.options.tap {
            for argument in arguments {
                argument.each(&mut |bytes| tap(export, bytes));
            }
        }
    }

    /// Runs `body` on a fresh instance.
    ///
    /// It runs as a task of its own, so that calls compute beside each other whoever drives them, and ends with it when the
    /// caller gives up.
    pub(super) async fn run<R, F>(&self, calling: Calling, body: F) -> Result<R, ProviderError>
    where
        R: Send + 'static,
        F: for<'a> FnOnce(&'a mut Store<GuestState>, &'a Instance) -> BoxFuture<'a, wasmtime::Result<R>>
            + Send
            + 'static,
    {
        let export = calling.export;
        let times = &self.host.options.times;
        let room = if calling.locates { &self.host.room_to_locate } else { &self.host.room };
        let (permit, limit) = match calling.deadline {
            None => {
                let limit = if calling.phase == Phase::Pure { times.pure } else { times.read };
                (Arc::clone(room).acquire_owned().await, limit)
            }
            Some(deadline) => {
                let began = tokio::time::Instant::now();
                let Ok(permit) = tokio::time::timeout(deadline, Arc::clone(room).acquire_owned()).await else {
                    // Nothing was begun: it is safe to try again.
                    return Err(ProviderError::Throttled(None));
                };
                (permit, deadline.saturating_sub(began.elapsed()))
            }
        };
        let Ok(permit) = permit else {
            return Err(ProviderError::other("HOST_FAILED", "the host is shutting down"));
        };
        let meter = Arc::new(CpuMeter::default());
        let mut store = self.store(calling, &meter);
        let refused = store.data().limiter.refused();
        let offence = Arc::clone(&store.data().service.offence);
        let pre = self.pre.clone();
        let inner = Box::pin(async move {
            // Held until the instance is gone.
            let _permit = permit;
            let instance = pre.instantiate_async(&mut store).await?;
            body(&mut store, &instance).await
        });
        let bounded = tokio::time::timeout(limit, Metered { inner, meter });
        let ended = (&mut AbortOnDrop(tokio::spawn(bounded)).0).await;
        if let Some(error) = offence.get() {
            // Whatever it made of the refusal, even nothing: a plan in which a provider tries to change something is no plan.
            return Err(error.clone());
        }
        match ended {
            Ok(Ok(Ok(answer))) => Ok(answer),
            Ok(Ok(Err(error))) => Err(self.trapped(export, &error, &refused)),
            Ok(Err(_)) => Err(self.error(
                "PROVIDER_OUT_OF_TIME",
                &format!("did not answer `{export}` within {:.0} s", limit.as_secs_f64()),
            )),
            Err(_) => Err(self.error("HOST_FAILED", &format!("could not be called: the host failed in `{export}`"))),
        }
    }

    fn store(&self, calling: Calling, meter: &Arc<CpuMeter>) -> Store<GuestState> {
        let options = &self.host.options;
        let origin = Speaker { provider: Arc::clone(&self.name), call: calling.export, address: calling.address };
        let service = Service {
            bounds: Bounds {
                grants: Arc::clone(&self.grants),
                phase: calling.phase,
                kind: calling.kind,
                region: calling.region,
                identities: self.identities.load(Ordering::Relaxed),
            },
            gate: options.gate.clone(),
            cluster: calling.cluster,
            sink: calling.sink,
            told: calling.told,
            log: Arc::new(CallLog::new(origin, Arc::clone(&options.guest_log))),
            times: options.times.clone(),
            tap: options.tap.clone(),
            offence: Arc::default(),
            in_flight: 0,
            room: options.gate.room(MAX_WAITING_BYTES),
            lowering: None,
        };
        let state = GuestState::new(service, &calling.now, calling.seed, self.memory_bytes);
        let mut store = Store::new(self.pre.engine(), state);
        store.limiter(|state| &mut state.limiter);
        store.set_hostcall_fuel(MAX_TRANSFER_BYTES);
        store.set_max_component_handles(MAX_HANDLES);
        let (meter, limit) = (Arc::clone(meter), options.times.cpu);
        store.epoch_deadline_callback(move |_| {
            if meter.spent() > limit { Err(OutOfCpu.into()) } else { Ok(UpdateDeadline::Yield(1)) }
        });
        store.set_epoch_deadline(1);
        store
    }

    /// An error that names the provider.
    pub(super) fn error(&self, code: &str, what: &str) -> ProviderError {
        ProviderError::other(code, format!("the provider `{}` {what}", self.name))
    }

    /// What a trap was, in bounded words: the guest's own are in the log.
    fn trapped(&self, export: &str, error: &wasmtime::Error, refused: &AtomicBool) -> ProviderError {
        if error.downcast_ref::<OutOfCpu>().is_some() {
            let limit = self.host.options.times.cpu.as_secs_f64();
            return self.error("PROVIDER_OUT_OF_CPU", &format!("computed for more than {limit:.0} s in `{export}`"));
        }
        if let Some(Mismatch(why)) = error.downcast_ref() {
            let why = paragraph(why);
            return self.error("PLUGIN_INTERFACE_MISMATCH", &format!("exports `{export}` in another shape: {why}"));
        }
        // A guest that is refused memory ends itself in some way of its own.
        if refused.load(Ordering::Relaxed) {
            let mib = self.memory_bytes / (1024 * 1024);
            return self
                .error("PROVIDER_OUT_OF_MEMORY", &format!("needed more than {mib} MiB of memory in `{export}`"));
        }
        let why = match (error.downcast_ref::<I32Exit>(), error.downcast_ref::<Trap>()) {
            (Some(exit), _) => format!("it exited with status {}", exit.0),
            (_, Some(trap)) => trap.to_string(),
            _ => paragraph(&error.root_cause().to_string()),
        };
        self.error("PROVIDER_TRAPPED", &format!("trapped in `{export}`: {why}"))
    }
}
