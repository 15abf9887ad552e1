//! The engine, the linker, and loading a component into them.

use std::path::PathBuf;
use std::sync::atomic::Ordering;
use std::sync::{Arc, mpsc};
use std::thread;

use nic_gate::Gate;
use tokio::sync::Semaphore;
use wasmtime::Engine;
use wasmtime::component::{InstancePre, Linker};

use super::code::{Code, CompiledCode};
use super::compile::{CompileError, Compiler};
use super::error::PluginError;
use super::guest_log::{GuestLog, Silence};
use super::guest_text::paragraph;
use super::limits::{DEFAULT_PARALLELISM, MAX_LOCATING, TICK, Times};
use super::store::GuestState;
use super::tap::Tap;

/// Adds to the linker of a host: how tests play a later host than this one.
pub type ExtendLinker = Arc<dyn Fn(&mut Linker<GuestState>) -> wasmtime::Result<()> + Send + Sync>;

/// How a [`Host`] is made.
#[derive(Clone)]
pub struct HostOptions {
    /// Where compiled code is kept; without it, every start unpacks or compiles it. Whoever can write there can run code as the user.
    pub cache_dir: Option<PathBuf>,
    /// Who compiles what comes from a file.
    pub compiler: Compiler,
    /// How many instances live at once.
    pub parallelism: usize,
    /// The way out to the clouds.
    pub gate: Gate,
    /// Who hears what components say.
    pub guest_log: Arc<dyn GuestLog>,
    /// Sees everything that is lowered into guests.
    pub tap: Option<Tap>,
    /// The times of a call.
    pub times: Times,
    /// Adds to the linker.
    pub extend_linker: Option<ExtendLinker>,
}

impl HostOptions {
    /// No cache, nobody listening, default times.
    pub fn new(gate: Gate, compiler: Compiler) -> Self {
        Self {
            cache_dir: None,
            compiler,
            parallelism: DEFAULT_PARALLELISM,
            gate,
            guest_log: Arc::new(Silence),
            tap: None,
            times: Times::default(),
            extend_linker: None,
        }
    }
}

/// The sandbox: one engine, one linker, room for a number of instances.
pub struct Host {
    pub(super) options: HostOptions,
    pub(super) room: Arc<Semaphore>,
    /// Room for calls of `access.cluster` alone: a guest that reads on the cluster holds a place in the other room while it
    /// waits for one of these, which reach nothing and so wait for nobody.
    pub(super) room_to_locate: Arc<Semaphore>,
    engine: Engine,
    linker: Linker<GuestState>,
    compiled: Arc<CompiledCode>,
    _ticker: Ticker,
}

impl Host {
    /// Sets the sandbox up.
    ///
    /// # Errors
    /// [`PluginError::Engine`] when this machine cannot run compiled code.
    pub fn new(options: HostOptions) -> Result<Arc<Self>, PluginError> {
        let failed = |error: wasmtime::Error| PluginError::Engine(format!("{error:#}"));
        let compiled = CompiledCode::new(options.cache_dir.clone(), options.compiler.clone());
        let engine = nic_engine::native().map_err(failed)?;
        let linker = linker(&engine, options.extend_linker.as_ref()).map_err(failed)?;
        Ok(Arc::new(Self {
            room: Arc::new(Semaphore::new(options.parallelism.max(1))),
            room_to_locate: Arc::new(Semaphore::new(MAX_LOCATING)),
            _ticker: Ticker::start(&engine).map_err(|error| PluginError::Engine(error.to_string()))?,
            options,
            compiled: Arc::new(compiled),
            engine,
            linker,
        }))
    }

    /// A component's code, compiled and linked.
    pub(super) async fn linked(&self, name: &str, code: Code) -> Result<InstancePre<GuestState>, PluginError> {
        let (engine, compiled) = (self.engine.clone(), Arc::clone(&self.compiled));
        let component = tokio::task::spawn_blocking(move || compiled.component(&engine, &code)).await;
        let component = component.unwrap_or_else(|_| Err(CompileError::Failed("the compiler panicked".to_owned())));
        let name = || name.to_owned();
        let component = component.map_err(|error| match error {
            CompileError::Invalid(why) => PluginError::Invalid { name: name(), why: paragraph(&why) },
            CompileError::TooExpensive(why) => PluginError::TooExpensive { name: name(), why: paragraph(&why) },
            CompileError::Failed(why) => PluginError::CompileFailed { name: name(), why: paragraph(&why) },
        })?;
        let broken =
            |error: wasmtime::Error| PluginError::NotLinkable { name: name(), why: paragraph(&format!("{error:#}")) };
        self.linker.instantiate_pre(&component).map_err(broken)
    }

    /// How many components came compiled from the cache, and how many had to be compiled.
    pub fn cache_hits_and_misses(&self) -> (usize, usize) {
        (self.compiled.hits.load(Ordering::Relaxed), self.compiled.misses.load(Ordering::Relaxed))
    }
}

/// Everything is always linked: languages import interfaces whether they use them or not. What is not granted is denied when
/// it is called.
fn linker(engine: &Engine, extend: Option<&ExtendLinker>) -> wasmtime::Result<Linker<GuestState>> {
    let mut linker = Linker::new(engine);
    wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
    wasmtime_wasi_http::p2::add_only_http_to_linker_async(&mut linker)?;
    crate::capability::link(&mut linker)?;
    if let Some(extend) = extend {
        extend(&mut linker)?;
    }
    Ok(linker)
}

/// The thread that moves the epoch, so that guests that compute give their thread back. Ends with its host.
struct Ticker {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Ticker {
    fn start(engine: &Engine) -> std::io::Result<Self> {
        let engine = engine.weak();
        let (stop, stopped) = mpsc::channel::<()>();
        let thread = thread::Builder::new().name("nic-epoch".to_owned()).spawn(move || {
            while stopped.recv_timeout(TICK) == Err(mpsc::RecvTimeoutError::Timeout) {
                let Some(engine) = engine.upgrade() else { break };
                engine.increment_epoch();
            }
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
