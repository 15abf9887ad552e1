//! States that a command may look at, and not write.

use std::sync::Arc;

use async_trait::async_trait;
use nic_core::ports::{Backend, BackendError, Lease};

/// Reads, and refuses to write.
pub struct ReadOnly<B>(pub B);

#[async_trait]
impl<B: Backend> Backend for ReadOnly<B> {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        self.0.read().await
    }

    async fn write(&self, _: &[u8]) -> Result<(), BackendError> {
        Err(BackendError::not_locked("this command writes no state"))
    }

    async fn keep(&self, _: &str, _: &[u8]) -> Result<(), BackendError> {
        self.write(&[]).await
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        self.0.lease()
    }
}

/// No state at all.
pub struct Nothing;

#[async_trait]
impl Backend for Nothing {
    async fn read(&self) -> Result<Option<Vec<u8>>, BackendError> {
        Ok(None)
    }

    async fn write(&self, _: &[u8]) -> Result<(), BackendError> {
        Err(BackendError::not_locked("this command has no state"))
    }

    async fn keep(&self, _: &str, _: &[u8]) -> Result<(), BackendError> {
        self.write(&[]).await
    }

    fn lease(&self) -> Option<Arc<dyn Lease>> {
        None
    }
}
