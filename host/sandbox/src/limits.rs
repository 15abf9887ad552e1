//! What a component may use up: each number with the danger it bounds.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use wasmtime::ResourceLimiter;

/// Linear memory of one instance unless its manifest asks for more. Bounds what one call can take from the machine.
pub const DEFAULT_MEMORY_MIB: u32 = 256;

/// The most a manifest may ask for (a Python guest needs a lot). With sixteen instances alive, sixteen times this is the worst case.
pub const MAX_MEMORY_MIB: u32 = 1024;

/// Elements in all tables of one instance: each is a pointer of host memory that linear-memory limits do not see.
pub const MAX_TABLE_ELEMENTS: usize = 400_000;

/// Core instances, tables and memories within one instance: each costs host memory and address space.
pub const MAX_CORE_INSTANCES: usize = 512;
/// See [`MAX_CORE_INSTANCES`].
pub const MAX_TABLES: usize = 128;
/// See [`MAX_CORE_INSTANCES`]; each reserves address space for a whole 32-bit memory.
pub const MAX_MEMORIES: usize = 32;

pub use nic_engine::{ASYNC_STACK_BYTES, MAX_WASM_STACK_BYTES};

/// Bytes that may cross from the guest in one import call or one answer. A list whose elements all point at the same megabyte
/// would otherwise make the host allocate without end.
pub const MAX_TRANSFER_BYTES: usize = 32 * 1024 * 1024;

/// Handles and host resources alive at once: streams, pollables, requests. Bounds host memory behind cheap guest calls.
pub const MAX_HANDLES: usize = 1024;

/// Requests on their way at once, per call. Bounds sockets and buffers; the boundary names this number.
pub const MAX_IN_FLIGHT: usize = 32;

/// A response body that is handed on. Bounds what one answer of a cloud costs in host and guest.
pub const MAX_RESPONSE_BYTES: usize = 32 * 1024 * 1024;

/// Requests that are on their way, and response bodies that wait in the host because the guest has not asked for them. Bounds 32 of the
/// largest size of either.
pub const MAX_WAITING_BYTES: usize = 64 * 1024 * 1024;

/// Everything of a request but its body. Clouds take less.
pub const MAX_REQUEST_HEAD_BYTES: usize = 64 * 1024;

/// A request body. Cloud control planes take far less.
pub const MAX_REQUEST_BYTES: usize = nic_gate::MAX_REQUEST_BODY_BYTES;

/// Log text of one call, stdout and stderr included. Bounds a guest that fills the terminal or the log file.
pub const MAX_LOG_BYTES: usize = 256 * 1024;
/// One log or progress line.
pub const MAX_LINE_BYTES: usize = 4 * 1024;

/// Random bytes asked for at once; they are made by the host.
pub const MAX_RANDOM_BYTES: u64 = 64 * 1024;

/// A component file. Compiling takes time and memory in proportion; Python guests are near 40 MiB.
pub const MAX_COMPONENT_BYTES: usize = 128 * 1024 * 1024;
/// Address space of the process that compiles a file. Bounds what a small file can make the compiler take from the machine: without it
/// 16 KiB take more than two gigabytes, and 160 KiB do in a second. Four times what a Python guest of 19 MiB takes on
/// two cores (483 MiB, and 835 MiB with eight threads).
pub const MAX_COMPILER_MEMORY_BYTES: u64 = 2 * 1024 * 1024 * 1024;
/// Its computing time, in all threads together. Bounds a file that is cheap in memory and never done. Eight times what that guest
/// takes (15 s).
pub const MAX_COMPILER_CPU: Duration = Duration::from_mins(2);
/// Its time, computing or not: nobody waits longer, whatever it waits for. What one thread may compute, and half of it more for a
/// machine that is busy.
pub const MAX_COMPILER_WALL: Duration = Duration::from_mins(3);
/// Its threads: each takes address space for its stack and its allocator, so the limit of memory would mean less on a larger machine.
pub const MAX_COMPILER_THREADS: usize = 8;
/// Machine code of one component, whatever its size. The host takes it in from the compiler and copies it once, outside of the compiler's
/// limits: without this a file of some kilobytes could make it take gigabytes. A Python guest of 40 MiB has less than half of it.
pub const MAX_COMPILED_BYTES: usize = 256 * 1024 * 1024;
/// The same, for each byte of the component. It is 2.3 to 2.7 of those that there are (from a greeting to a whole cloud).
pub const MAX_COMPILED_GROWTH: usize = 8;
/// What small components may have beside that.
pub const MIN_COMPILED_BYTES: usize = 4 * 1024 * 1024;

/// How much machine code of a component of so many bytes is taken in.
pub fn max_compiled_bytes(component: usize) -> usize {
    component.saturating_mul(MAX_COMPILED_GROWTH).saturating_add(MIN_COMPILED_BYTES).min(MAX_COMPILED_BYTES)
}
/// What the compiler says of a file that does not compile.
pub const MAX_COMPILER_WORDS_BYTES: u64 = 64 * 1024;

/// What compiling one file may take. Tests lower it.
#[derive(Debug, Clone)]
pub struct CompileLimits {
    /// See [`MAX_COMPILER_MEMORY_BYTES`].
    pub memory_bytes: u64,
    /// See [`MAX_COMPILER_CPU`]; whole seconds.
    pub cpu: Duration,
    /// See [`MAX_COMPILER_WALL`].
    pub wall: Duration,
}

impl Default for CompileLimits {
    fn default() -> Self {
        Self { memory_bytes: MAX_COMPILER_MEMORY_BYTES, cpu: MAX_COMPILER_CPU, wall: MAX_COMPILER_WALL }
    }
}

/// The manifest section: read before anything is trusted.
pub const MAX_MANIFEST_BYTES: usize = 64 * 1024;

/// One JSON document of a resource, fact or output. Parsed JSON takes up to sixteen times its text.
pub const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;
/// The answer of `describe`.
pub const MAX_DESCRIPTION_BYTES: usize = 4 * 1024 * 1024;
/// What `poll` needs; it is written to the state.
pub const MAX_OPERATION_BYTES: usize = 16 * 1024;
/// A message, a detail or a hint.
pub const MAX_MESSAGE_BYTES: usize = 8 * 1024;
/// A remote id; it is written to the state and shown.
pub const MAX_REMOTE_ID_BYTES: usize = 2 * 1024;
/// Diagnostics of one answer.
pub const MAX_DIAGNOSTICS: usize = 1_000;
/// Resources of one desired graph; the core plans ten thousand in a second.
pub const MAX_RESOURCES: usize = 50_000;
/// Queries of one round.
pub const MAX_QUERIES: usize = 1_000;
/// Observations of one `discover`.
pub const MAX_DISCOVERED: usize = 10_000;

/// How often the epoch moves: a guest that computes gives the thread back this often.
pub const TICK: Duration = Duration::from_millis(10);

/// How many instances live at once unless the options say otherwise. The engine does not bound them. The widest moment of a deploy into
/// a cloud asks for fifteen; with fewer, what others wait for would stand in a queue behind what nobody waits for.
pub const DEFAULT_PARALLELISM: usize = 16;

/// Instances that answer `access.cluster`, beyond the others. They compute and reach nothing, so two serve everyone who asks.
pub const MAX_LOCATING: usize = 2;

/// The times of a call. Tests shorten them.
#[derive(Debug, Clone)]
pub struct Times {
    /// A call that may reach nothing: only computing.
    pub pure: Duration,
    /// A call that reads; changes bring their own deadline.
    pub read: Duration,
    /// The guest's own computing time within a call, waiting left out.
    pub cpu: Duration,
    /// One cloud request, from the guest's call to the whole body.
    pub cloud_request: Duration,
    /// One read on the cluster.
    pub cluster_request: Duration,
    /// Writing a created id to the journal.
    pub created: Duration,
}

impl Default for Times {
    fn default() -> Self {
        Self {
            pure: Duration::from_mins(1),
            read: Duration::from_mins(3),
            cpu: Duration::from_secs(30),
            cloud_request: Duration::from_mins(1),
            cluster_request: Duration::from_secs(30),
            created: Duration::from_mins(1),
        }
    }
}

/// Raised in the guest when its computing time is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the computing time is used up")]
pub(crate) struct OutOfCpu;

/// Bounds what one store allocates. Memories are counted together: a component may have many.
pub(crate) struct Limiter {
    memory_left: usize,
    elements_left: usize,
    refused: Arc<AtomicBool>,
}

impl Limiter {
    pub(crate) fn new(memory_bytes: usize) -> Self {
        Self { memory_left: memory_bytes, elements_left: MAX_TABLE_ELEMENTS, refused: Arc::default() }
    }

    /// Set once something was refused: what a guest traps for afterwards is told as lack of memory.
    pub(crate) fn refused(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.refused)
    }

    fn take(left: &mut usize, current: usize, desired: usize, refused: &AtomicBool) -> bool {
        let more = desired.saturating_sub(current);
        let rest = left.checked_sub(more);
        match rest {
            Some(rest) => *left = rest,
            None => refused.store(true, Ordering::Relaxed),
        }
        rest.is_some()
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(Self::take(&mut self.memory_left, current, desired, &self.refused))
    }

    fn table_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        Ok(Self::take(&mut self.elements_left, current, desired, &self.refused))
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES
    }

    fn tables(&self) -> usize {
        MAX_TABLES
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES
    }
}

/// Measures the time spent inside the polls of one call: what the guest computes, without what it waits for.
///
/// Counting epochs instead would charge an honest guest for every tick that passed while it waited for a slow answer.
#[derive(Debug, Default)]
pub(crate) struct CpuMeter(Mutex<Spent>);

#[derive(Debug, Default)]
struct Spent {
    before: Duration,
    since: Option<Instant>,
}

impl CpuMeter {
    fn enter(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).since = Some(Instant::now());
    }

    fn leave(&self) {
        let mut spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(since) = spent.since.take() {
            spent.before += since.elapsed();
        }
    }

    /// The time spent so far.
    pub(crate) fn spent(&self) -> Duration {
        let spent = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        spent.before + spent.since.map_or(Duration::ZERO, |since| since.elapsed())
    }
}

/// A future whose polls are measured.
pub(crate) struct Metered<F> {
    pub(crate) inner: Pin<Box<F>>,
    pub(crate) meter: Arc<CpuMeter>,
}

impl<F: Future> Future for Metered<F> {
    type Output = F::Output;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        self.meter.enter();
        let answer = self.inner.as_mut().poll(context);
        self.meter.leave();
        answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together_and_a_refusal_is_remembered() {
        let mut limiter = Limiter::new(1000);
        let refused = limiter.refused();
        assert!(limiter.memory_growing(0, 600, None).unwrap());
        assert!(limiter.memory_growing(0, 400, None).unwrap());
        assert!(!refused.load(Ordering::Relaxed));
        assert!(!limiter.memory_growing(600, 601, None).unwrap());
        assert!(refused.load(Ordering::Relaxed));
    }

    #[tokio::test]
    async fn waiting_is_not_charged() {
        let meter = Arc::new(CpuMeter::default());
        let inner = Box::pin(tokio::time::sleep(Duration::from_millis(80)));
        Metered { inner, meter: Arc::clone(&meter) }.await;
        assert!(meter.spent() < Duration::from_millis(40), "{:?}", meter.spent());
    }
}
