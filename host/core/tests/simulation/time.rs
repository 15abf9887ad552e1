//! Virtual time, and the executor that moves it: when nobody can go on, the clock jumps to the next timer.

use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use async_trait::async_trait;
use nic_core::ports::{Clock, Interrupt};

#[derive(Default)]
struct Timers {
    now: Duration,
    wakers: BTreeMap<(Duration, u64), Waker>,
}

/// The clock of a simulated world. It goes on from run to run.
#[derive(Default)]
pub struct Time {
    timers: Mutex<Timers>,
    tickets: AtomicU64,
    tokens: AtomicU64,
    interrupt_at: Mutex<Option<Duration>>,
}

impl Time {
    /// Since the beginning of the world.
    pub fn now(&self) -> Duration {
        self.timers.lock().unwrap().now
    }

    /// The user wants to stop after this long.
    pub fn interrupt_after(&self, duration: Option<Duration>) {
        *self.interrupt_at.lock().unwrap() = duration.map(|duration| self.now() + duration);
    }

    /// Lets time pass between two runs.
    pub fn pass(&self, duration: Duration) {
        self.timers.lock().unwrap().now += duration;
    }

    /// Runs to the end; none when `stopped` says that the process was killed.
    pub fn run<T>(&self, future: impl Future<Output = T>, stopped: impl Fn() -> bool) -> Option<T> {
        let mut future = pin!(future);
        let woken = Arc::new(Woken(AtomicBool::new(false)));
        let waker = Waker::from(woken.clone());
        loop {
            let poll = future.as_mut().poll(&mut Context::from_waker(&waker));
            if stopped() {
                self.timers.lock().unwrap().wakers.clear();
                return None;
            }
            if let Poll::Ready(value) = poll {
                return Some(value);
            }
            if !woken.0.swap(false, Ordering::SeqCst) {
                self.jump();
            }
        }
    }

    fn jump(&self) {
        let due: Vec<Waker> = {
            let mut timers = self.timers.lock().unwrap();
            let next = timers.wakers.keys().next().expect("somebody waits for something that never happens").0;
            timers.now = timers.now.max(next);
            let later = timers.wakers.split_off(&(next, u64::MAX));
            std::mem::replace(&mut timers.wakers, later).into_values().collect()
        };
        due.into_iter().for_each(Waker::wake);
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::SeqCst);
    }
}

#[async_trait]
impl Clock for Time {
    fn now(&self) -> String {
        let seconds = Self::now(self).as_secs();
        let (days, hours, minutes) = (1 + seconds / 86400, seconds / 3600 % 24, seconds / 60 % 60);
        format!("2026-01-{days:02}T{hours:02}:{minutes:02}:{:02}Z", seconds % 60)
    }

    fn elapsed(&self) -> Duration {
        Self::now(self)
    }

    async fn sleep(&self, duration: Duration) {
        let key = (self.elapsed() + duration, self.tickets.fetch_add(1, Ordering::Relaxed));
        poll_fn(|context| {
            let mut timers = self.timers.lock().unwrap();
            if timers.now >= key.0 {
                return Poll::Ready(());
            }
            timers.wakers.insert(key, context.waker().clone());
            Poll::Pending
        })
        .await;
    }

    fn jitter(&self) -> f64 {
        0.5
    }

    fn token(&self) -> String {
        format!("{:032x}", self.tokens.fetch_add(1, Ordering::Relaxed) + 1)
    }
}

impl Interrupt for Time {
    fn requested(&self) -> bool {
        self.interrupt_at.lock().unwrap().is_some_and(|at| self.now() >= at)
    }
}
