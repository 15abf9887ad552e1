//! The one who writes: changes in, one durable write, answers out.
//!
//! Changes that come while a write is under way go out together in the next: a wide graph costs a handful of writes, not one per resource.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use futures::FutureExt as _;
use futures::channel::{mpsc, oneshot};
use futures::future::select;
use futures::stream::StreamExt as _;

use super::keeper::Keeper;
use super::published::{Published, Written};
use crate::address::Address;
use crate::ports::{Backend, BackendError, Clock};
use crate::resource::Record;
use crate::state::{State, format_v1};

/// One change of the state.
pub(super) enum Change {
    /// Of anything in it.
    State(Box<dyn FnOnce(&mut State) + Send>),
    Record(Address, Box<dyn FnOnce(Option<Record>) -> Option<Record> + Send>),
}

/// What became of a change: whether it is durable, or the panic that it ended in.
type Ended = std::thread::Result<Result<(), BackendError>>;

/// A change, and who is told what became of it.
pub(super) struct Request {
    pub(super) change: Change,
    pub(super) answer: oneshot::Sender<Ended>,
}

/// Makes durable what the [`Journal`](super::Journal) is asked for.
pub struct Writer {
    ledger: Ledger,
    requests: mpsc::UnboundedReceiver<Request>,
    keeper: Arc<Keeper>,
    ended: oneshot::Sender<Result<(), BackendError>>,
}

impl Writer {
    pub(super) fn new(
        published: Arc<Published>,
        keeper: Arc<Keeper>,
        (backend, clock, version): (Arc<dyn Backend>, Arc<dyn Clock>, &str),
        (requests, ended): (mpsc::UnboundedReceiver<Request>, oneshot::Sender<Result<(), BackendError>>),
    ) -> Self {
        let ledger = Ledger {
            next: published.state(),
            touched: Some(BTreeSet::new()),
            published,
            keeper: keeper.clone(),
            backend,
            clock,
            version: version.to_owned(),
        };
        Self { ledger, requests, keeper, ended }
    }

    /// Writes, and keeps the lease, until the journal is closed, or nobody has it any more.
    pub async fn run(self) {
        let Self { mut ledger, requests, keeper, ended } = self;
        {
            let (writing, keeping) = (pin!(ledger.serve(requests)), pin!(keeper.keep()));
            select(writing, keeping).await;
        }
        // With it the backend goes, and whatever lock it holds: who is told that this has ended may take it.
        drop(ledger);
        // Nobody may be left who wants to know.
        let _ = ended.send(keeper.release().await);
    }
}

/// The state with the changes that are not written yet.
struct Ledger {
    /// The same as what is published, until there is a change.
    next: Arc<State>,
    /// The records that the changes touched; none when they may have touched anything.
    touched: Option<BTreeSet<Address>>,
    published: Arc<Published>,
    keeper: Arc<Keeper>,
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    version: String,
}

impl Ledger {
    async fn serve(&mut self, mut requests: mpsc::UnboundedReceiver<Request>) {
        while let Some(first) = requests.next().await {
            // Whoever else is about to change something comes first, so that one write carries it too.
            yield_once().await;
            let (mut changed, mut answers) = (false, Vec::new());
            let mut next = Some(first);
            while let Some(Request { change, answer }) = next {
                // A change that panics has left nothing behind: it was given a copy.
                match catch_unwind(AssertUnwindSafe(|| self.apply(change))) {
                    Ok(differs) => {
                        changed |= differs;
                        answers.push(answer);
                    }
                    Err(panic) => drop(answer.send(Err(panic))),
                }
                next = requests.next().now_or_never().flatten();
            }
            let written = if changed { self.write().await } else { Ok(()) };
            for answer in answers {
                // Who does not wait any more has its change all the same.
                let _ = answer.send(Ok(written.clone()));
            }
        }
    }

    /// Whether it changes anything.
    fn apply(&mut self, change: Change) -> bool {
        match change {
            Change::State(change) => {
                let mut next = State::clone(&self.next);
                change(&mut next);
                if next == *self.next {
                    return false;
                }
                self.next = Arc::new(next);
                self.touched = None;
            }
            Change::Record(address, change) => {
                let before = self.next.records.get(&address);
                let after = change(before.cloned());
                if before == after.as_ref() {
                    return false;
                }
                let next = Arc::make_mut(&mut self.next);
                match after {
                    Some(record) => next.records.insert(address.clone(), record),
                    None => next.records.remove(&address),
                };
                if let Some(touched) = &mut self.touched {
                    touched.insert(address);
                }
            }
        }
        true
    }

    async fn write(&mut self) -> Result<(), BackendError> {
        let written = self.try_write().await;
        match &written {
            Ok(()) => {
                let written = self.written();
                self.published.publish(written);
            }
            Err(error) => {
                self.keeper.heard(error);
                // Nothing that is not durable is built on.
                self.next = self.published.state();
                self.touched = Some(BTreeSet::new());
            }
        }
        written
    }

    async fn try_write(&mut self) -> Result<(), BackendError> {
        self.keeper.not_lost()?;
        let next = Arc::make_mut(&mut self.next);
        next.serial = next.serial.saturating_add(1);
        next.metadata.updated_at = self.clock.now();
        next.metadata.nic_version.clone_from(&self.version);
        let bytes = format_v1::encode(next).map_err(|error| BackendError {
            code: "STATE_NOT_WRITABLE",
            message: format!("the state cannot be written: {error}"),
            hints: Vec::new(),
            details: serde_json::json!({}),
        })?;
        self.backend.write(&bytes).await
    }

    fn written(&mut self) -> Written {
        let Some(touched) = self.touched.replace(BTreeSet::new()) else { return Written::Whole(self.next.clone()) };
        let next = Arc::make_mut(&mut self.next);
        let records = std::mem::take(&mut next.records);
        let beside = Box::new(next.clone());
        next.records = records;
        let changed = touched.into_iter().map(|address| {
            let record = self.next.records.get(&address).cloned();
            (address, record)
        });
        Written::Records(beside, changed.collect())
    }
}

/// Lets everyone else who is ready run first, whatever the runtime.
async fn yield_once() {
    let mut yielded = false;
    poll_fn(|context| {
        if std::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
