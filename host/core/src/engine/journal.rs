//! The journal: every change of the state is durable before the next thing happens.

use std::sync::Arc;

use async_trait::async_trait;
use futures::lock::Mutex;

use crate::address::Address;
use crate::ports::{Backend, BackendError, Clock, CreatedSink};
use crate::resource::Record;
use crate::state::{State, format_v1};

/// The state under its lock, and where it is written.
pub struct Journal {
    state: Mutex<State>,
    backend: Arc<dyn Backend>,
    clock: Arc<dyn Clock>,
    version: String,
}

impl Journal {
    /// Takes over a state that was just read.
    pub fn new(state: State, backend: Arc<dyn Backend>, clock: Arc<dyn Clock>, version: &str) -> Self {
        Self { state: Mutex::new(state), backend, clock, version: version.to_owned() }
    }

    /// The state as it is now.
    pub async fn state(&self) -> State {
        self.state.lock().await.clone()
    }

    /// The records as they are now.
    pub async fn records(&self) -> Arc<Vec<Record>> {
        self.state.lock().await.snapshot()
    }

    /// One record as it is now.
    pub async fn record(&self, address: &Address) -> Option<Record> {
        self.state.lock().await.records.get(address).cloned()
    }

    /// Changes the state: the serial goes up, and the bytes are durable when this returns. When they cannot be written the
    /// change is taken back in memory too, so that memory never knows more than the disk.
    ///
    /// # Errors
    /// What the backend says.
    pub async fn change(&self, change: impl FnOnce(&mut State) + Send) -> Result<(), BackendError> {
        let mut state = self.state.lock().await;
        let mut next = state.clone();
        change(&mut next);
        if next == *state {
            return Ok(());
        }
        next.serial += 1;
        next.metadata.updated_at = self.clock.now();
        next.metadata.nic_version.clone_from(&self.version);
        let bytes = format_v1::encode(&next).map_err(|error| BackendError {
            code: "STATE_NOT_WRITABLE",
            message: format!("the state cannot be written: {error}"),
            hints: Vec::new(),
        })?;
        self.backend.write(&bytes).await?;
        *state = next;
        Ok(())
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
        self.change(|state| {
            if let Some(record) = state.records.get_mut(address) {
                change(record);
            }
        })
        .await
    }
}

/// Tells the journal the remote id of one address.
pub struct Created {
    /// The journal.
    pub journal: Arc<Journal>,
    /// Whose remote id is told.
    pub address: Address,
}

#[async_trait]
impl CreatedSink for Created {
    async fn created(&self, remote_id: &str) -> Result<(), BackendError> {
        self.journal.change_record(&self.address, |record| record.remote_id = Some(remote_id.to_owned())).await
    }
}
