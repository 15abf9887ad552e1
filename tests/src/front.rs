//! What the doubles of clouds share, whichever cloud it is: a server on loopback that records what comes, strikes with the faults a test
//! has armed, and can end a connection as a killed process would.
//!
//! A double is one type that implements `Double`: it says what a request is, and answers it. A cloud's own shapes, signatures and
//! repairs stand with the cloud (`crate::aws::front`).

mod answer;
mod emulator;
mod fault;
mod log;
mod server;
mod wait;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use answer::Answer;
pub use emulator::Server;
pub use fault::{Effect, Faults, Matching, When};
pub(crate) use log::{Log, Request};
pub use log::{Logged, depth, together};
pub(crate) use server::{Arrived, Double, Dropped, Front, Link};
pub(crate) use wait::Countdown;
pub use wait::Wait;

/// Locks a mutex whose data stays good whatever a panicking test did.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
