//! The journal: every change of the state is durable before the next thing happens.
//!
//! One [`Writer`] owns the state. Changes go to it through a channel and answers come back: whoever stops waiting takes nothing back, and
//! what fails is told to everybody whom it concerns. The host runs the writer beside everything else, the core has no runtime.

mod keeper;
mod published;
#[cfg(test)]
mod tests;
mod writer;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::channel::{mpsc, oneshot};
use futures::future::{FutureExt as _, Shared};

use self::keeper::Keeper;
use self::published::Published;
pub use self::writer::Writer;
use self::writer::{Change, Request};
use crate::address::Address;
use crate::ports::{Backend, BackendError, Clock, CreatedSink};
use crate::resource::Record;
use crate::state::State;

/// The way to the state's writer, and what it has made durable.
pub struct Journal {
    requests: mpsc::UnboundedSender<Request>,
    published: Arc<Published>,
    keeper: Arc<Keeper>,
    ended: Shared<oneshot::Receiver<Result<(), BackendError>>>,
}

impl Journal {
    /// Takes over a state that was just read. Nothing is written unless somebody runs the [`Writer`].
    pub fn open(state: State, backend: Arc<dyn Backend>, clock: Arc<dyn Clock>, version: &str) -> (Self, Writer) {
        let published = Arc::new(Published::new(state));
        let keeper = Arc::new(Keeper::new(backend.lease(), clock.clone()));
        let (requests, asked) = mpsc::unbounded();
        let (end, ended) = oneshot::channel();
        let writer = Writer::new(published.clone(), keeper.clone(), (backend, clock, version), (asked, end));
        (Self { requests, published, keeper, ended: ended.shared() }, writer)
    }

    /// The state as it is durable now, shared: later changes do not show in it.
    #[expect(clippy::unused_async, reason = "callers need not know that the state is in memory")]
    pub async fn state(&self) -> Arc<State> {
        self.published.state()
    }

    /// The records as they are durable now.
    #[expect(clippy::unused_async, reason = "callers need not know that the state is in memory")]
    pub async fn records(&self) -> Arc<Vec<Record>> {
        self.published.records()
    }

    /// One record as it is durable now.
    #[expect(clippy::unused_async, reason = "callers need not know that the state is in memory")]
    pub async fn record(&self, address: &Address) -> Option<Record> {
        self.published.record(address)
    }

    /// Changes the state: the serial goes up, and the bytes are durable when this returns. When they cannot be written the change is as
    /// if it had never been, so that memory never knows more than the disk. A change that changes nothing is answered when what it was
    /// made over is durable.
    ///
    /// # Errors
    /// What the backend says.
    ///
    /// # Panics
    /// Where the change does; it is as if it had never been.
    pub async fn change(&self, change: impl FnOnce(&mut State) + Send + 'static) -> Result<(), BackendError> {
        self.ask(Change::State(Box::new(change))).await
    }

    /// Changes one record, if it is there.
    ///
    /// # Errors
    /// As [`Journal::change`].
    pub async fn change_record(
        &self,
        address: &Address,
        change: impl FnOnce(&mut Record) + Send + 'static,
    ) -> Result<(), BackendError> {
        let changed = |before: Option<Record>| {
            let mut record = before?;
            change(&mut record);
            Some(record)
        };
        self.put(address, changed).await
    }

    /// Replaces, adds or removes one record, without looking at the others.
    ///
    /// # Errors
    /// As [`Journal::change`].
    pub async fn put(
        &self,
        address: &Address,
        change: impl FnOnce(Option<Record>) -> Option<Record> + Send + 'static,
    ) -> Result<(), BackendError> {
        self.ask(Change::Record(address.clone(), Box::new(change))).await
    }

    async fn ask(&self, change: Change) -> Result<(), BackendError> {
        let (answer, told) = oneshot::channel();
        self.requests.unbounded_send(Request { change, answer }).map_err(|_| closed())?;
        match told.await {
            Ok(Ok(written)) => written,
            // It is a fault of whoever asked, and ends no one else.
            Ok(Err(panic)) => std::panic::resume_unwind(panic),
            Err(_) => Err(closed()),
        }
    }

    /// Whether nobody else can come to write before `needed` has passed; renews the lease where less is left of it.
    ///
    /// # Errors
    /// `STATE_LEASE_LOST`.
    pub async fn holds_for(&self, needed: Duration) -> Result<(), BackendError> {
        self.keeper.holds_for(needed).await
    }

    /// Takes no more changes, waits until those that were asked for are answered, and lets others in.
    ///
    /// # Errors
    /// What keeps the lease from being let go of.
    pub async fn close(&self) -> Result<(), BackendError> {
        self.requests.close_channel();
        self.ended.clone().await.unwrap_or_else(|_| Err(closed()))
    }
}

fn closed() -> BackendError {
    BackendError::not_locked("the state is not written any more: its journal is closed")
}

/// Tells the journal the remote id of one address, and remembers it: it was told even if it could not be written.
pub struct Created {
    journal: Arc<Journal>,
    address: Address,
    told: Mutex<Option<String>>,
    durable: Box<dyn Fn(&str) + Send + Sync>,
}

impl Created {
    /// For one create; `durable` is called with the remote id once it is.
    pub fn new(journal: Arc<Journal>, address: &Address, durable: impl Fn(&str) + Send + Sync + 'static) -> Self {
        Self { journal, address: address.clone(), told: Mutex::new(None), durable: Box::new(durable) }
    }

    /// What was told.
    pub fn told(&self) -> Option<String> {
        self.told.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl CreatedSink for Created {
    async fn created(&self, remote_id: &str) -> Result<(), BackendError> {
        let id = remote_id.to_owned();
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(id.clone());
        self.journal.change_record(&self.address, |record| record.remote_id = Some(id)).await?;
        (self.durable)(remote_id);
        Ok(())
    }
}
