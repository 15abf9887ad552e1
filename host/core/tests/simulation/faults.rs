//! What goes wrong: the process is killed, or the cloud answers otherwise than it acts.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

/// On which side of the effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    Before,
    After,
}

/// Where the process is killed.
#[derive(Debug, Clone, Copy)]
pub enum Crash {
    /// At the n-th write of the state.
    Write(usize, Side),
    /// At the n-th provider call.
    Call(usize, Side),
}

/// How the cloud fails one call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Too many requests.
    Throttled,
    /// 503, nothing was done.
    Unavailable,
    /// 503, and yet it was done.
    ActedUnavailable,
    /// No answer, nothing was done.
    NeverArrived,
    /// No answer, and yet it was done.
    LostAnswer,
    /// It works; what it made is invisible for so many seconds.
    Invisible(u64),
    /// It works.
    Fine,
}

#[derive(Default)]
struct Plan {
    crash: Option<Crash>,
    writes: usize,
    calls: usize,
    schedule: VecDeque<Fault>,
    reads: VecDeque<bool>,
}

/// The faults of a world.
#[derive(Default)]
pub struct Faults {
    plan: Mutex<Plan>,
    crashed: AtomicBool,
}

impl Faults {
    /// A new process, to be killed there.
    pub fn start(&self, crash: Option<Crash>) {
        let mut plan = self.plan.lock().unwrap();
        (plan.crash, plan.writes, plan.calls) = (crash, 0, 0);
        self.crashed.store(false, Ordering::SeqCst);
    }

    /// The next mutating calls meet these.
    pub fn schedule(&self, faults: impl IntoIterator<Item = Fault>) {
        self.plan.lock().unwrap().schedule = faults.into_iter().collect();
    }

    /// Of the next reads these fail.
    pub fn schedule_reads(&self, fail: impl IntoIterator<Item = bool>) {
        self.plan.lock().unwrap().reads = fail.into_iter().collect();
    }

    /// The fault of the next read.
    pub fn next_read(&self) -> Fault {
        let fails = self.plan.lock().unwrap().reads.pop_front().unwrap_or(false);
        if fails { Fault::Unavailable } else { Fault::Fine }
    }

    /// The fault of the next mutating call.
    pub fn next(&self) -> Fault {
        self.plan.lock().unwrap().schedule.pop_front().unwrap_or(Fault::Fine)
    }

    /// Whether the process was killed.
    pub fn crashed(&self) -> bool {
        self.crashed.load(Ordering::SeqCst)
    }

    /// A write begins. Gives back whether the process is killed after it.
    pub async fn write(&self) -> Option<Side> {
        let side = {
            let mut plan = self.plan.lock().unwrap();
            plan.writes += 1;
            match plan.crash {
                Some(Crash::Write(at, side)) if plan.writes == at => Some(side),
                _ => None,
            }
        };
        self.at(side).await
    }

    /// A provider call begins.
    pub async fn call(&self) -> Option<Side> {
        let side = {
            let mut plan = self.plan.lock().unwrap();
            plan.calls += 1;
            match plan.crash {
                Some(Crash::Call(at, side)) if plan.calls == at => Some(side),
                _ => None,
            }
        };
        self.at(side).await
    }

    async fn at(&self, side: Option<Side>) -> Option<Side> {
        if side == Some(Side::Before) {
            self.kill().await;
        }
        self.alive().await;
        side
    }

    /// Nothing happens any more once the process was killed.
    pub async fn alive(&self) {
        if self.crashed() {
            std::future::pending::<()>().await;
        }
    }

    /// The end of the process.
    pub async fn kill(&self) {
        self.crashed.store(true, Ordering::SeqCst);
        std::future::pending::<()>().await;
    }
}

/// How long every call takes: long enough that others come in between.
pub const LATENCY: Duration = Duration::from_millis(60);
