//! Where the words of a component go: log lines, progress, and what it prints.

use std::sync::{Arc, Mutex, PoisonError};

use nic_core::address::Address;

use super::guest_text::line;
use super::limits::MAX_LOG_BYTES;

/// How loud a log line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Something failed.
    Error,
    /// Something is odd.
    Warn,
    /// Good to know.
    Info,
    /// For who looks closer.
    Debug,
    /// Everything.
    Trace,
}

impl Level {
    /// The level of that name; any other is `info`.
    pub fn parse(text: &str) -> Self {
        match text {
            "error" => Self::Error,
            "warn" => Self::Warn,
            "debug" => Self::Debug,
            "trace" => Self::Trace,
            _ => Self::Info,
        }
    }
}

/// Who speaks.
#[derive(Debug, Clone)]
pub struct Speaker {
    /// The provider, under the name of its manifest.
    pub provider: Arc<str>,
    /// The export that runs: `read`.
    pub call: &'static str,
    /// The resource of a change.
    pub address: Option<Address>,
}

/// Who hears what components say. Text is one line, without control characters, cut to its limit.
pub trait GuestLog: Send + Sync {
    /// A log line, or a line printed on stdout or stderr.
    fn line(&self, origin: &Speaker, level: Level, text: &str);

    /// What the current change is doing.
    fn progress(&self, origin: &Speaker, text: &str);
}

/// Hears nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct Silence;

impl GuestLog for Silence {
    fn line(&self, _: &Speaker, _: Level, _: &str) {}

    fn progress(&self, _: &Speaker, _: &str) {}
}

/// The log of one call: one budget for everything the guest says.
pub(crate) struct CallLog {
    pub(crate) origin: Speaker,
    hook: Arc<dyn GuestLog>,
    left: Mutex<usize>,
}

impl CallLog {
    pub(crate) fn new(origin: Speaker, hook: Arc<dyn GuestLog>) -> Self {
        Self { origin, hook, left: Mutex::new(MAX_LOG_BYTES) }
    }

    /// Takes from the budget. Each line costs something, so that empty ones do not come without end.
    fn admit(&self, text: &str) -> bool {
        let mut left = self.left.lock().unwrap_or_else(PoisonError::into_inner);
        if *left == 0 {
            return false;
        }
        *left = left.saturating_sub(text.len() + 16);
        if *left == 0 {
            drop(left);
            self.hook.line(&self.origin, Level::Warn, "the log of this call is full; what follows is left out");
            return false;
        }
        true
    }

    pub(crate) fn line(&self, level: Level, text: &str) {
        if self.admit(text) {
            self.hook.line(&self.origin, level, &line(text));
        }
    }

    pub(crate) fn progress(&self, text: &str) {
        if self.admit(text) {
            self.hook.progress(&self.origin, &line(text));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Heard(Mutex<Vec<String>>);

    impl GuestLog for Heard {
        fn line(&self, _: &Speaker, _: Level, text: &str) {
            self.0.lock().unwrap().push(text.to_owned());
        }

        fn progress(&self, _: &Speaker, _: &str) {}
    }

    #[test]
    fn a_guest_that_never_stops_talking_is_cut_off_once() {
        let heard = Arc::new(Heard::default());
        let origin = Speaker { provider: "x".into(), call: "read", address: None };
        let log = CallLog::new(origin, heard.clone());
        for _ in 0..100_000 {
            log.line(Level::Info, "");
        }
        let heard = heard.0.lock().unwrap();
        assert!(heard.len() <= MAX_LOG_BYTES / 16);
        assert!(heard.last().unwrap().contains("full"));
        assert_eq!(heard.iter().filter(|line| line.contains("full")).count(), 1);
    }
}
