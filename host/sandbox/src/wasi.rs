//! The WASI a guest sees: nothing to open, nobody to call, a clock that stands still, and a log for what it prints.

use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context as TaskContext, Poll};

use nic_gate::Phase;
use tokio::io::AsyncWrite;
use wasmtime_wasi::cli::{IsTerminal, StdoutStream};
use wasmtime_wasi::{WasiCtx, WasiCtxBuilder};
use wasmtime_wasi_http::{Error as HttpError, RequestOptions, WasiBody, WasiHttpHooks};

use super::clock::{Counting, FixedClock, random};
use super::guest_log::{CallLog, Level};
use super::limits::{MAX_LINE_BYTES, MAX_RANDOM_BYTES};

/// What the WASI of one call shows.
pub(super) struct Shown<'a> {
    /// RFC 3339 instant of the wall clock.
    pub(super) now: &'a str,
    /// Seed of the random source.
    pub(super) seed: u64,
    /// Pure calls have no real clock either.
    pub(super) phase: Phase,
    /// Where printed lines go.
    pub(super) log: &'a Arc<CallLog>,
}

/// The builder starts from nothing (no directories, environment, arguments, input, addresses); what is said here once more is
/// what must never be lost to a changed default.
pub(super) fn context(shown: &Shown<'_>) -> WasiCtx {
    let mut builder = WasiCtxBuilder::new();
    builder
        .allow_tcp(false)
        .allow_udp(false)
        .allow_ip_name_lookup(false)
        .socket_addr_check(|_, _| Box::pin(async { false }))
        .stdout(Lines::new(shown.log, Level::Info))
        .stderr(Lines::new(shown.log, Level::Warn))
        .wall_clock(FixedClock::at(shown.now))
        .secure_random(random(shown.seed))
        .insecure_random(random(!shown.seed))
        .insecure_random_seed(u128::from(shown.seed))
        .max_random_size(MAX_RANDOM_BYTES);
    if shown.phase == Phase::Pure {
        builder.monotonic_clock(Counting::default());
    }
    builder.build()
}

/// Printed bytes on their way to the log, line by line.
#[derive(Clone)]
struct Lines {
    log: Arc<CallLog>,
    level: Level,
    pending: Arc<Mutex<Vec<u8>>>,
}

impl Lines {
    fn new(log: &Arc<CallLog>, level: Level) -> Self {
        Self { log: Arc::clone(log), level, pending: Arc::default() }
    }

    fn push(&self, bytes: &[u8]) {
        let mut pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        for byte in bytes {
            // A line without an end is told in pieces instead of growing.
            if *byte == b'\n' || pending.len() >= MAX_LINE_BYTES {
                self.log.line(self.level, &String::from_utf8_lossy(&pending));
                pending.clear();
            }
            if *byte != b'\n' {
                pending.push(*byte);
            }
        }
    }
}

impl Drop for Lines {
    fn drop(&mut self) {
        if Arc::strong_count(&self.pending) == 1 {
            let pending = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
            if !pending.is_empty() {
                self.log.line(self.level, &String::from_utf8_lossy(&pending));
            }
        }
    }
}

impl IsTerminal for Lines {
    fn is_terminal(&self) -> bool {
        false
    }
}

impl StdoutStream for Lines {
    fn async_stream(&self) -> Box<dyn AsyncWrite + Send + Sync> {
        Box::new(self.clone())
    }
}

impl AsyncWrite for Lines {
    fn poll_write(self: Pin<&mut Self>, _: &mut TaskContext<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.push(bytes);
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

/// `wasi:http` is linked, because some languages import it whether they use it or not, and refuses everything.
pub(super) struct RefuseAll;

impl WasiHttpHooks for RefuseAll {
    fn send_request(
        &mut self,
        _: http::Request<WasiBody>,
        _: Option<RequestOptions>,
        _: Box<dyn Future<Output = Result<(), HttpError>> + Send>,
    ) -> SendingHttp {
        Box::new(async { Err(HttpError::HttpRequestDenied) })
    }
}

type SendingHttp = Box<
    dyn Future<
            Output = Result<
                (http::Response<WasiBody>, Box<dyn Future<Output = Result<(), HttpError>> + Send>),
                HttpError,
            >,
        > + Send,
>;
