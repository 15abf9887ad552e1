//! Keeping the lease: renewed in time, and long enough for what is about to be begun.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use crate::ports::{BackendError, Clock, Lease};

/// It is renewed so many times in a term: one that fails leaves time for others.
const RENEWALS: u32 = 3;

/// And so many times, while it cannot be.
const ATTEMPTS: u32 = 30;

/// The lease of a run, if it has one that can run out.
pub(super) struct Keeper {
    lease: Option<Arc<dyn Lease>>,
    clock: Arc<dyn Clock>,
    held: Mutex<Held>,
    renewing: futures::lock::Mutex<()>,
}

struct Held {
    /// On the own clock, counted from before it was asked for.
    until: Duration,
    lost: Option<BackendError>,
}

impl Keeper {
    /// How old the lease is nobody knows here: it is renewed before anything is done under it.
    pub(super) fn new(lease: Option<Arc<dyn Lease>>, clock: Arc<dyn Clock>) -> Self {
        let held = Held { until: clock.elapsed(), lost: None };
        Self { lease, clock, held: Mutex::new(held), renewing: futures::lock::Mutex::new(()) }
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
                let renewed = self.renew(&**lease).await;
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
        loop {
            self.not_lost()?;
            if self.left() > needed {
                return Ok(());
            }
            match self.renew(&**lease).await {
                Ok(()) => {}
                Err(error) if error.is_lease_lost() => return Err(error),
                // Nothing is begun meanwhile, so waiting harms nobody.
                Err(error) if self.clock.elapsed() >= patience => return Err(BackendError::run_out(&error.message)),
                Err(_) => self.clock.sleep(lease.term() / ATTEMPTS).await,
            }
        }
    }

    async fn renew(&self, lease: &dyn Lease) -> Result<(), BackendError> {
        let before = self.held().until;
        let _one_at_a_time = self.renewing.lock().await;
        if self.held().until > before {
            return Ok(());
        }
        let asked = self.clock.elapsed();
        match lease.renew().await {
            Ok(()) => {
                self.held().until = asked + lease.term();
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
        let Some(lease) = self.lease.as_ref().filter(|_| self.not_lost().is_ok()) else { return Ok(()) };
        lease.release().await.or_else(|error| if error.is_lease_lost() { Ok(()) } else { Err(error) })
    }
}
