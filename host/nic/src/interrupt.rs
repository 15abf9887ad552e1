//! Ctrl-C: the first asks to stop between changes, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nic_core::ports::Interrupt;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// Set by SIGINT or SIGTERM.
#[derive(Clone, Default)]
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Starts listening. `told` is called once, at the first signal.
    pub fn listen(told: impl Fn() + Send + 'static) -> Self {
        let signals = Self::default();
        let flag = signals.0.clone();
        let mut listener = Listener::listen();
        tokio::spawn(async move {
            listener.next().await;
            flag.store(true, Ordering::SeqCst);
            told();
            listener.next().await;
            crate::output::screen::clear_at_once();
            // What is pending is in the journal: ending at once loses nothing that the next run cannot find.
            std::process::exit(130);
        });
        signals
    }
}

/// What the system sends to who writes beyond `ulimit -f`, on every system that NIC is for.
const BEYOND_FILE_SIZE: i32 = 25;

/// A file that may not grow fails to be written, which is told, where the signal would end the process without a word.
pub fn outlive_file_size_limit() {
    // Heard by nobody, and from then on harmless.
    let _ = signal(SignalKind::from_raw(BEYOND_FILE_SIZE));
}

impl Interrupt for Signals {
    fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// Whoever waits for SIGINT or SIGTERM. What comes from now on is heard, also before it is waited for.
pub struct Listener([Option<Signal>; 2]);

impl Listener {
    /// Listens. Where the system does not let a process hear a signal, that one ends it as ever.
    pub fn listen() -> Self {
        Self([SignalKind::interrupt(), SignalKind::terminate()].map(|kind| signal(kind).ok()))
    }

    /// The next of them.
    pub async fn next(&mut self) {
        let Self([interrupt, terminate]) = self;
        tokio::select! {
            () = heard(interrupt) => {}
            () = heard(terminate) => {}
        }
    }
}

async fn heard(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}
