//! Drives a provider's futures on the one thread a component has.
//!
//! The only thing a component can wait for is an answer to a request it sent. So when a future is pending, [`block_on`]
//! asks the host to wait until any request in flight is answered, hands that answer over, and goes on. Requests joined
//! by `futures::join!`, `join_all` or a `FuturesUnordered` are in flight together, up to [`REQUESTS_IN_FLIGHT`]; what goes
//! beyond waits its turn here.

#[cfg(test)]
mod tests;

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::cloud_http::{Request, Response, transport};
use crate::error::Error;

/// How many requests the host takes at once. It refuses more, so that a guest cannot fill its tables.
pub const REQUESTS_IN_FLIGHT: usize = 32;

/// The host's word for a request beyond its limit.
const TOO_MANY: &str = "TOO_MANY_REQUESTS_IN_FLIGHT";

/// Runs a future to its end.
///
/// # Panics
///
/// When the future waits for something that no answer to a request can bring: it would wait for ever.
pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let mut future = pin!(future);
    let woken = Arc::new(Woken(AtomicBool::new(false)));
    let waker = Waker::from(Arc::clone(&woken));
    let mut task = Context::from_waker(&waker);
    loop {
        woken.0.store(false, Ordering::Relaxed);
        if let Poll::Ready(output) = future.as_mut().poll(&mut task) {
            return output;
        }
        while !woken.0.load(Ordering::Relaxed) {
            assert!(
                Reactor::await_one_answer(),
                "block_on: the future waits for something that is not a request in flight, and would wait for ever"
            );
        }
    }
}

struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Sends a request; any HTTP status is an `Ok`.
pub(crate) fn send(request: Request) -> Sending {
    Sending { state: State::Unsent(Box::new(request)) }
}

/// The answer to a request. Dropping it gives the answer up.
///
/// It holds a number, not the host's handle, and so is `Send`, which the AWS SDK asks for.
#[derive(Debug)]
pub(crate) struct Sending {
    state: State,
}

#[derive(Debug)]
enum State {
    Unsent(Box<Request>),
    Sent(u64),
    Answered,
}

impl Future for Sending {
    type Output = Result<Response, Error>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let ticket = match std::mem::replace(&mut self.state, State::Answered) {
            State::Unsent(request) => Reactor::submit(*request),
            State::Sent(ticket) => ticket,
            State::Answered => panic!("a request was polled after its answer"),
        };
        let answer = Reactor::take_answer(ticket, task.waker());
        if answer.is_pending() {
            self.state = State::Sent(ticket);
        }
        answer
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let State::Sent(ticket) = self.state {
            Reactor::give_up(ticket);
        }
    }
}

thread_local! {
    static REACTOR: RefCell<Reactor> = RefCell::default();
}

/// Every request of this instance that has no answer yet.
#[derive(Default)]
struct Reactor {
    last_ticket: u64,
    queued: VecDeque<(u64, Request)>,
    in_flight: Vec<(u64, transport::InFlight)>,
    answers: HashMap<u64, Result<Response, Error>>,
    wakers: HashMap<u64, Waker>,
}

impl Reactor {
    fn submit(request: Request) -> u64 {
        REACTOR.with_borrow_mut(|reactor| {
            reactor.last_ticket += 1;
            let ticket = reactor.last_ticket;
            reactor.queued.push_back((ticket, request));
            reactor.start_queued();
            ticket
        })
    }

    /// Starts what the limit allows, in order.
    fn start_queued(&mut self) {
        while self.in_flight.len() < REQUESTS_IN_FLIGHT
            && let Some((ticket, request)) = self.queued.pop_front()
        {
            match transport::start(&request) {
                Ok(in_flight) => self.in_flight.push((ticket, in_flight)),
                // A host with a lower limit: this one waits until another has its answer.
                Err(Error::Other { code, .. }) if code == TOO_MANY && !self.in_flight.is_empty() => {
                    self.queued.push_front((ticket, request));
                    break;
                }
                Err(refusal) => self.answered(ticket, Err(refusal)),
            }
        }
    }

    fn answered(&mut self, ticket: u64, answer: Result<Response, Error>) {
        self.answers.insert(ticket, answer);
        if let Some(waker) = self.wakers.remove(&ticket) {
            waker.wake();
        }
    }

    fn take_answer(ticket: u64, waker: &Waker) -> Poll<Result<Response, Error>> {
        REACTOR.with_borrow_mut(|reactor| {
            if let Some(answer) = reactor.answers.remove(&ticket) {
                return Poll::Ready(answer);
            }
            reactor.wakers.insert(ticket, waker.clone());
            Poll::Pending
        })
    }

    fn give_up(ticket: u64) {
        // A future may be dropped while the thread ends, when there is nothing left to clean.
        let _ = REACTOR.try_with(|reactor| {
            let mut reactor = reactor.borrow_mut();
            reactor.queued.retain(|(queued, _)| *queued != ticket);
            reactor.in_flight.retain(|(flying, _)| *flying != ticket);
            reactor.answers.remove(&ticket);
            reactor.wakers.remove(&ticket);
        });
    }

    /// Waits until one request is answered and wakes who asked. False when there is none to wait for.
    fn await_one_answer() -> bool {
        REACTOR.with_borrow_mut(|reactor| {
            let any = !reactor.queued.is_empty() || !reactor.in_flight.is_empty();
            reactor.start_queued();
            if reactor.in_flight.is_empty() {
                return any;
            }
            let handles: Vec<_> = reactor.in_flight.iter().map(|(_, handle)| handle).collect();
            let index = transport::wait_any(&handles);
            let (ticket, handle) = reactor.in_flight.remove(index);
            let answer = transport::finish(handle);
            reactor.answered(ticket, answer);
            reactor.start_queued();
            true
        })
    }
}
