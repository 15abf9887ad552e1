//! A state whose documents were brought up to newer schemas: what was there is kept before the first write.

use std::sync::Arc;

use async_trait::async_trait;
use nic_core::ports::{Backend, BackendError, Lease};
use tokio::sync::OnceCell;

/// Writes as the other one does, once the state as it was is safe.
pub struct Migrated {
    inner: Arc<dyn Backend>,
    /// Of the state as it was.
    serial: u64,
    kept: OnceCell<()>,
}

impl Migrated {
    /// Over the backend that holds the state of this serial.
    pub fn new(inner: Arc<dyn Backend>, serial: u64) -> Self {
        Self { inner, serial, kept: OnceCell::new() }
    }
}

#[async_trait]
impl Backend for Migrated {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        self.inner.read().await
    }

    async fn write(&self, bytes: &[u8]) -> Result<(), BackendError> {
        let keep = async || match self.inner.read().await? {
            Some(before) => self.inner.keep(&format!("serial-{}", self.serial), &before).await,
            None => Ok(()),
        };
        self.kept.get_or_try_init(keep).await?;
        self.inner.write(bytes).await
    }

    async fn keep(&self, label: &str, bytes: &[u8]) -> Result<(), BackendError> {
        self.inner.keep(label, bytes).await
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        self.inner.lease()
    }
}
