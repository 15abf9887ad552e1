//! How long something takes: for a time, or for a number of looks at it.

use std::time::{Duration, Instant};

/// How long a change takes to finish, or a new thing to appear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wait {
    /// So long after the request.
    For(Duration),
    /// Until it has been looked at so many times: no test then depends on the machine's speed.
    Reads(u32),
}

impl Wait {
    /// Done at once.
    pub const NONE: Self = Self::Reads(0);

    /// So many milliseconds.
    pub const fn millis(millis: u64) -> Self {
        Self::For(Duration::from_millis(millis))
    }
}

/// A wait that has begun.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Countdown {
    began: Instant,
    wait: Wait,
    reads: u32,
}

impl Countdown {
    pub(crate) fn start(wait: Wait) -> Self {
        Self { began: Instant::now(), wait, reads: 0 }
    }

    /// Counts one look; call [`Countdown::over`] first to decide what that look shows.
    pub(crate) fn looked(&mut self) {
        self.reads += 1;
    }

    pub(crate) fn over(&self) -> bool {
        match self.wait {
            Wait::For(time) => self.began.elapsed() >= time,
            Wait::Reads(reads) => self.reads >= reads,
        }
    }
}
