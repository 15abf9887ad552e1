//! A store that many machines reach: who writes to it has a lease, which runs out unless it is renewed.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use nic_core::lease::Holder;
use nic_core::ports::{Backend, BackendError, Clock, Lease};
use nic_core::state::{State, format_v1};

use crate::time::Time;

/// How long a lease lasts.
pub const TERM: Duration = Duration::from_mins(5);

/// How long every request takes.
const LATENCY: Duration = Duration::from_millis(40);

/// What the next requests come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Request {
    /// It does what it should.
    Fine,
    /// It does nothing, and says so.
    Fails,
}

#[derive(Default)]
struct Inner {
    bytes: Option<Vec<u8>>,
    lock: Option<Lock>,
    /// Counts the leases that were ever given.
    given: u64,
    writes: VecDeque<Request>,
    renewals: VecDeque<Request>,
    /// Of whom each write was that took effect.
    written_by: Vec<String>,
    /// How many renewals were asked for.
    renewed: usize,
}

struct Lock {
    id: u64,
    holder: Holder,
    until: Duration,
}

/// The store.
pub struct Bucket {
    inner: Mutex<Inner>,
    time: Arc<Time>,
}

impl Bucket {
    pub fn new(time: Arc<Time>) -> Arc<Self> {
        Arc::new(Self { inner: Mutex::default(), time })
    }

    /// Takes the lease, unless somebody else's stands.
    pub fn lock(self: &Arc<Self>, who: &str) -> Result<Leased, BackendError> {
        if let Some(lock) = self.inner.lock().unwrap().lock.as_ref().filter(|lock| lock.until > self.time.now()) {
            return Err(failed("STATE_LOCKED", &lock.holder.to_string()));
        }
        Ok(self.steal(who))
    }

    /// Takes it whoever has it, as `unlock --force` would.
    pub fn steal(self: &Arc<Self>, who: &str) -> Leased {
        let mut inner = self.inner.lock().unwrap();
        inner.given += 1;
        let (operation, since) = ("deploy".to_owned(), Clock::now(&*self.time));
        let holder = Holder { who: who.to_owned(), pid: 1, operation, since };
        inner.lock = Some(Lock { id: inner.given, holder, until: self.time.now() + TERM });
        Leased { bucket: self.clone(), id: inner.given, who: who.to_owned() }
    }

    pub fn writes_come_to(&self, requests: impl IntoIterator<Item = Request>) {
        self.inner.lock().unwrap().writes = requests.into_iter().collect();
    }

    pub fn renewals_come_to(&self, requests: impl IntoIterator<Item = Request>) {
        self.inner.lock().unwrap().renewals = requests.into_iter().collect();
    }

    pub fn state(&self) -> Option<State> {
        self.inner.lock().unwrap().bytes.as_deref().map(|bytes| format_v1::decode(bytes).unwrap())
    }

    pub fn written_by(&self) -> Vec<String> {
        self.inner.lock().unwrap().written_by.clone()
    }

    pub fn renewed(&self) -> usize {
        self.inner.lock().unwrap().renewed
    }

    /// Whether somebody has the lease.
    pub fn is_leased(&self) -> bool {
        let now = self.time.now();
        self.inner.lock().unwrap().lock.as_ref().is_some_and(|lock| lock.until > now)
    }
}

fn failed(code: &'static str, message: &str) -> BackendError {
    BackendError { code, message: message.to_owned(), hints: Vec::new(), details: serde_json::json!({}) }
}

/// The store with the lease on it.
#[derive(Clone)]
pub struct Leased {
    bucket: Arc<Bucket>,
    id: u64,
    who: String,
}

impl Leased {
    /// As a store does it that takes conditions: looked at and done at once.
    fn as_holder<T>(&self, act: impl FnOnce(&mut Inner) -> Result<T, BackendError>) -> Result<T, BackendError> {
        let mut inner = self.bucket.inner.lock().unwrap();
        match &inner.lock {
            Some(lock) if lock.id == self.id => act(&mut inner),
            lock => Err(BackendError::taken_over(&"bucket", lock.as_ref().map(|lock| &lock.holder))),
        }
    }
}

#[async_trait]
impl Backend for Leased {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(self.bucket.inner.lock().unwrap().bytes.clone())
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), BackendError> {
        self.bucket.time.sleep(LATENCY).await;
        self.as_holder(|inner| {
            if inner.writes.pop_front() == Some(Request::Fails) {
                return Err(failed("STATE_NOT_WRITABLE", "the store does not answer"));
            }
            inner.bytes = Some(bytes.to_vec());
            inner.written_by.push(self.who.clone());
            Ok(())
        })
    }

    async fn keep(&self, _: &str, _: &[u8]) -> Result<(), BackendError> {
        unreachable!("the engine keeps no copies")
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        Some(Arc::new(self.clone()))
    }
}

#[async_trait]
impl Lease for Leased {
    fn term(&self) -> Duration {
        TERM
    }

    async fn renew(&self) -> Result<(), BackendError> {
        self.bucket.time.sleep(LATENCY).await;
        let now = self.bucket.time.now();
        self.as_holder(|inner| {
            inner.renewed += 1;
            if inner.renewals.pop_front() == Some(Request::Fails) {
                return Err(failed("STATE_NOT_READABLE", "the store does not answer"));
            }
            if let Some(lock) = &mut inner.lock {
                lock.until = now + TERM;
            }
            Ok(())
        })
    }

    async fn release(&self) -> Result<(), BackendError> {
        self.as_holder(|inner| {
            inner.lock = None;
            Ok(())
        })
    }
}
