//! Keeping the lease: renewed in time, and long enough for what is about to be begun.

use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::{BoxFuture, Either, Shared, select};

use super::closed;
use crate::ports::{BackendError, Clock, Lease};

/// It is renewed so many times in a term: one that fails leaves time for others.
const RENEWALS: u32 = 3;

/// And so many times, while it cannot be.
const ATTEMPTS: u32 = 30;

/// A renewal under way, and until when it is for. It goes on when nobody waits for it any more: only its end tells whether it counts.
type Renewal = Shared<BoxFuture<'static, Result<Duration, BackendError>>>;

/// The lease of a run, if it has one that can run out.
pub(super) struct Keeper {
    lease: Option<Arc<dyn Lease>>,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
}

struct Held {
    /// On the own clock, counted from before it was asked for.
    until: Duration,
    lost: Option<BackendError>,
    renewal: Option<Renewal>,
    /// It is being let go of: nobody may ask for it again.
    released: bool,
}

impl Keeper {
    /// How old the lease is nobody knows here: it is renewed before anything is done under it.
    pub(super) fn new(lease: Option<Arc<dyn Lease>>, clock: Arc<dyn Clock>) -> Self {
        let held = Held { until: clock.elapsed(), lost: None, renewal: None, released: false };
        Self { lease, clock, held: Mutex::new(held) }
    }

    fn held(&self) -> std::sync::MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn left(&self) -> Duration {
        self.held().until.saturating_sub(self.clock.elapsed())
    }

    /// Renews it again and again, and never ends.
    pub(super) async fn keep(&self) {
        if let Some(lease) = &self.lease {
            while self.not_lost().is_ok() {
                let renewed = self.renew(lease).await;
                let times = if renewed.is_ok() { RENEWALS } else { ATTEMPTS };
                self.clock.sleep(lease.term() / times).await;
            }
        }
        std::future::pending::<()>().await;
    }

    /// Whether more than that is left of it, renewing it where it is not.
    pub(super) async fn holds_for(&self, needed: Duration) -> Result<(), BackendError> {
        let Some(lease) = &self.lease else { return Ok(()) };
        if lease.term() <= needed {
            return Err(BackendError::run_out(&format!("it lasts no longer than a call, {} s", needed.as_secs())));
        }
        let patience = self.clock.elapsed() + lease.term();
        let mut why = "its renewal is not answered".to_owned();
        loop {
            self.not_lost()?;
            if self.held().released {
                return Err(closed());
            }
            if self.left() > needed {
                return Ok(());
            }
            let left = patience.saturating_sub(self.clock.elapsed());
            match select(pin!(self.renew(lease)), self.clock.sleep(left)).await {
                Either::Left((Ok(()), _)) if self.left() > needed => return Ok(()),
                Either::Left((Ok(()), _)) => "its renewals take longer than they leave of it".clone_into(&mut why),
                Either::Left((Err(error), _)) if error.is_lease_lost() => return Err(error),
                Either::Left((Err(error), _)) => why = error.message,
                Either::Right(_) => {}
            }
            // Nothing is begun meanwhile, so waiting harms nobody.
            if self.clock.elapsed() >= patience {
                return Err(BackendError::run_out(&why));
            }
            self.clock.sleep(lease.term() / ATTEMPTS).await;
        }
    }

    /// Renews it, or waits for the renewal that is under way.
    async fn renew(&self, lease: &Arc<dyn Lease>) -> Result<(), BackendError> {
        let renewal = {
            let mut held = self.held();
            if held.released {
                return Err(closed());
            }
            let under_way = held.renewal.clone().filter(|renewal| renewal.peek().is_none());
            let renewal = under_way.unwrap_or_else(|| {
                let (lease, asked) = (lease.clone(), self.clock.elapsed());
                async move { lease.renew().await.map(|()| asked + lease.term()) }.boxed().shared()
            });
            held.renewal = Some(renewal.clone());
            renewal
        };
        match renewal.await {
            Ok(until) => {
                let mut held = self.held();
                held.until = held.until.max(until);
                Ok(())
            }
            Err(error) => {
                self.heard(&error);
                Err(error)
            }
        }
    }

    /// The backend said this: it may be that the lease is gone.
    pub(super) fn heard(&self, error: &BackendError) {
        if error.is_lease_lost() {
            self.held().lost.get_or_insert_with(|| error.clone());
        }
    }

    /// Nobody else is known to have it.
    pub(super) fn not_lost(&self) -> Result<(), BackendError> {
        self.held().lost.clone().map_or(Ok(()), Err)
    }

    /// Lets others in. Whoever has it already needs nobody for that.
    pub(super) async fn release(&self) -> Result<(), BackendError> {
        let Some(lease) = self.lease.as_ref() else { return Ok(()) };
        let renewal = {
            let mut held = self.held();
            held.released = true;
            held.renewal.take()
        };
        if let Some(renewal) = renewal {
            // After the release it would take the lease back for nobody. One that outlasts the term does not count any more.
            if let Either::Left((Err(error), _)) = select(renewal, self.clock.sleep(lease.term())).await {
                self.heard(&error);
            }
        }
        if self.not_lost().is_err() {
            return Ok(());
        }
        lease.release().await.or_else(|error| if error.is_lease_lost() { Ok(()) } else { Err(error) })
    }
}
