//! The journal: every change of the state is durable before the next thing happens.
//!
//! Changes that come at the same time go out in one write: a wide graph costs a handful of writes, not one per resource.

use std::collections::BTreeSet;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

use async_trait::async_trait;

use crate::address::Address;
use crate::ports::{Backend, BackendError, Clock, CreatedSink};
use crate::resource::Record;
use crate::state::{State, format_v1};

/// The state under its lock, and where it is written.
pub struct Journal {
    books: Mutex<Books>,
    writing: futures::lock::Mutex<()>,
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    version: String,
}

/// What is durable, and what is about to be.
struct Books {
    /// What the backend has. Shared, so that who looks at it copies nothing.
    durable: Arc<State>,
    /// The records of `durable`, by address, as calls get them.
    shared: Arc<Vec<Record>>,
    /// With the changes that are not written yet. The same as `durable` until there is one.
    next: Arc<State>,
    /// The records those changes touched; none when they may have touched anything.
    touched: Option<BTreeSet<Address>>,
    /// Number of the last change.
    asked: u64,
    /// Number of the last change whose write was answered.
    answered: u64,
    /// Of the last failed write: the first change that it took back, the last, and why.
    failed: Option<(u64, u64, BackendError)>,
}

/// What one write makes durable.
struct Batch {
    upto: u64,
    /// Without records, unless `records` is none.
    state: State,
    records: Option<Vec<(Address, Option<Record>)>>,
}

impl Journal {
    /// Takes over a state that was just read.
    pub fn new(state: State, backend: Arc<dyn Backend>, clock: Arc<dyn Clock>, version: &str) -> Self {
        let state = Arc::new(state);
        let books = Books {
            shared: state.snapshot(),
            next: state.clone(),
            durable: state,
            touched: Some(BTreeSet::new()),
            asked: 0,
            answered: 0,
            failed: None,
        };
        let (books, writing) = (Mutex::new(books), futures::lock::Mutex::new(()));
        Self { books, writing, backend, clock, version: version.to_owned() }
    }

    /// Never held over an await.
    fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state as it is now, shared: later changes do not show in it.
    #[expect(clippy::unused_async, reason = "callers need not know that the state is in memory")]
    pub async fn state(&self) -> Arc<State> {
        self.books().durable.clone()
    }

    /// The records as they are now.
    #[expect(clippy::unused_async, reason = "callers need not know that the state is in memory")]
    pub async fn records(&self) -> Arc<Vec<Record>> {
        self.books().shared.clone()
    }

    /// One record as it is now.
    #[expect(clippy::unused_async, reason = "callers need not know that the state is in memory")]
    pub async fn record(&self, address: &Address) -> Option<Record> {
        self.books().durable.records.get(address).cloned()
    }

    /// Changes the state: the serial goes up, and the bytes are durable when this returns. When they cannot be written the
    /// change is taken back in memory too, so that memory never knows more than the disk.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn change(&self, change: impl FnOnce(&mut State) + Send) -> Result<(), BackendError> {
        let number = {
            let mut books = self.books();
            let mut next = State::clone(&books.next);
            change(&mut next);
            if next == *books.next {
                return Ok(());
            }
            books.next = Arc::new(next);
            books.touched = None;
            books.asked += 1;
            books.asked
        };
        self.written(number).await
    }

    /// Changes one record, if it is there.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn change_record(
        &self,
        address: &Address,
        change: impl FnOnce(&mut Record) + Send,
    ) -> Result<(), BackendError> {
        self.put(address, |before| {
            before.map(|mut record| {
                change(&mut record);
                record
            })
        })
        .await
    }

    /// Replaces, adds or removes one record, without looking at the others.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn put(
        &self,
        address: &Address,
        change: impl FnOnce(Option<Record>) -> Option<Record> + Send,
    ) -> Result<(), BackendError> {
        let number = {
            let mut books = self.books();
            let before = books.next.records.get(address);
            let after = change(before.cloned());
            if before == after.as_ref() {
                return Ok(());
            }
            let next = Arc::make_mut(&mut books.next);
            match after {
                Some(record) => next.records.insert(address.clone(), record),
                None => next.records.remove(address),
            };
            if let Some(touched) = &mut books.touched {
                touched.insert(address.clone());
            }
            books.asked += 1;
            books.asked
        };
        self.written(number).await
    }

    /// Returns when the change of that number is durable, writing it if nobody else has.
    async fn written(&self, number: u64) -> Result<(), BackendError> {
        // Whoever else is about to change something comes first, so that one write carries it too.
        yield_once().await;
        let _writing = self.writing.lock().await;
        let (bytes, batch) = {
            let mut books = self.books();
            match &books.failed {
                Some((first, last, error)) if (*first..=*last).contains(&number) => return Err(error.clone()),
                _ if books.answered >= number => return Ok(()),
                _ => {}
            }
            let next = Arc::make_mut(&mut books.next);
            next.serial += 1;
            next.metadata.updated_at = self.clock.now();
            next.metadata.nic_version.clone_from(&self.version);
            match format_v1::encode(&books.next) {
                Ok(bytes) => (bytes, books.batch()),
                Err(error) => {
                    let error = BackendError {
                        code: "STATE_NOT_WRITABLE",
                        message: format!("the state cannot be written: {error}"),
                        hints: Vec::new(),
                        details: serde_json::json!({}),
                    };
                    books.take_back(&error);
                    return Err(error);
                }
            }
        };
        let result = self.backend.write(&bytes).await;
        match &result {
            Ok(()) => self.books().accept(batch),
            Err(error) => self.books().take_back(error),
        }
        result
    }
}

impl Books {
    fn batch(&mut self) -> Batch {
        let Some(touched) = self.touched.replace(BTreeSet::new()) else {
            return Batch { upto: self.asked, state: State::clone(&self.next), records: None };
        };
        let next = Arc::make_mut(&mut self.next);
        let records = std::mem::take(&mut next.records);
        let state = next.clone();
        next.records = records;
        let records = touched.into_iter().map(|address| {
            let record = self.next.records.get(&address).cloned();
            (address, record)
        });
        Batch { upto: self.asked, state, records: Some(records.collect()) }
    }

    fn accept(&mut self, batch: Batch) {
        self.answered = batch.upto;
        let Some(changed) = batch.records else {
            self.durable = Arc::new(batch.state);
            self.shared = self.durable.snapshot();
            return;
        };
        // In place unless someone still looks at them.
        let durable = Arc::make_mut(&mut self.durable);
        let records = std::mem::take(&mut durable.records);
        *durable = State { records, ..batch.state };
        let shared = Arc::make_mut(&mut self.shared);
        for (address, record) in changed {
            match (shared.binary_search_by(|r| r.address.cmp(&address)), &record) {
                (Ok(index), Some(record)) => shared[index] = record.clone(),
                (Ok(index), None) => drop(shared.remove(index)),
                (Err(index), Some(record)) => shared.insert(index, record.clone()),
                (Err(_), None) => {}
            }
            match record {
                Some(record) => durable.records.insert(address, record),
                None => durable.records.remove(&address),
            };
        }
    }

    /// Nothing that is not durable is kept: what came in while the write was under way was built on what failed.
    fn take_back(&mut self, error: &BackendError) {
        self.failed = Some((self.answered + 1, self.asked, error.clone()));
        self.answered = self.asked;
        self.next = self.durable.clone();
        self.touched = Some(BTreeSet::new());
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
        *self.told.lock().unwrap_or_else(PoisonError::into_inner) = Some(remote_id.to_owned());
        self.journal.change_record(&self.address, |record| record.remote_id = Some(remote_id.to_owned())).await?;
        (self.durable)(remote_id);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use futures::FutureExt as _;

    use super::*;

    struct Memory;

    #[async_trait]
    impl Backend for Memory {
        async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
            Ok(None)
        }

        async fn write(&self, _: &[u8]) -> Result<(), BackendError> {
            Ok(())
        }

        async fn keep(&self, _: &str, _: &[u8]) -> Result<(), BackendError> {
            Ok(())
        }
    }

    struct Still;

    #[async_trait]
    impl Clock for Still {
        fn now(&self) -> String {
            "2026-08-01T00:00:00Z".to_owned()
        }

        fn elapsed(&self) -> Duration {
            Duration::ZERO
        }

        async fn sleep(&self, _: Duration) {}

        fn jitter(&self) -> f64 {
            0.0
        }

        fn token(&self) -> String {
            "0".repeat(32)
        }
    }

    /// A change yields once, so that others may join it.
    fn written(change: impl Future<Output = Result<(), BackendError>>) {
        let mut change = std::pin::pin!(change);
        let done = (0..3).find_map(|_| change.as_mut().now_or_never());
        done.expect("nothing to wait for").unwrap();
    }

    #[test]
    fn a_view_of_the_state_is_no_copy_and_stays_as_it_is() {
        let state = State::empty("sim", "test", "dev", "classic", "lineage", "2026-08-01T00:00:00Z");
        let journal = Journal::new(state, Arc::new(Memory), Arc::new(Still), "0");
        let view = || journal.state().now_or_never().unwrap();
        let before = view();
        assert!(Arc::ptr_eq(&before, &view()));
        written(journal.change(|state| state.region = Some("us-west-2".to_owned())));
        let after = view();
        assert_eq!((before.serial, before.region.as_deref()), (0, None));
        assert_eq!((after.serial, after.region.as_deref()), (1, Some("us-west-2")));
    }
}
