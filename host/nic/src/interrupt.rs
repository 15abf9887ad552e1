//! Ctrl-C: the first asks to stop between changes, the second ends the process.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use nic_core::ports::Interrupt;

/// Set by SIGINT or SIGTERM.
#[derive(Clone, Default)]
pub struct Signals(Arc<AtomicBool>);

impl Signals {
    /// Starts listening. `told` is called once, at the first signal.
    pub fn listen(told: impl Fn() + Send + 'static) -> Self {
        let signals = Self::default();
        let flag = signals.0.clone();
        tokio::spawn(async move {
            next().await;
            flag.store(true, Ordering::SeqCst);
            told();
            next().await;
            crate::output::screen::clear_at_once();
            // What is pending is in the journal: ending at once loses nothing that the next run cannot find.
            std::process::exit(130);
        });
        signals
    }
}

impl Interrupt for Signals {
    fn requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

async fn next() {
    let mut terminate = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::terminate()).ok();
    let terminated = async {
        match terminate.as_mut() {
            Some(signal) => {
                signal.recv().await;
            }
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => {}
        () = terminated => {}
    }
}
