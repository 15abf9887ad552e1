//! `nic:plugin/report`: log lines, progress, created ids.

use nic_core::error::ProviderError;

use crate::bindings::report::Host;
use crate::bindings::types::Error;
use crate::guest_log::Level;
use crate::limits::MAX_REMOTE_ID_BYTES;
use crate::store::{GuestState, Service};

impl Service {
    /// Writes a created id to the journal. A create has one: a second one would leave the first to nobody.
    async fn tell_created(&self, remote_id: &str) -> Result<(), ProviderError> {
        let Some(sink) = &self.sink else {
            return Err(ProviderError::denied("CREATED_REFUSED", "`report.created` is for `create` only"));
        };
        if remote_id.is_empty() || remote_id.len() > MAX_REMOTE_ID_BYTES || remote_id.chars().any(char::is_control) {
            return Err(ProviderError::denied(
                "CREATED_REFUSED",
                "a remote id is text on one line, not empty and not endless",
            ));
        }
        // The same one again is asked for again: it is answered when it is durable, and not before.
        if self.told.get().is_some_and(|before| before != remote_id) {
            return Err(ProviderError::denied("CREATED_REFUSED", "this create has told another remote id"));
        }
        // Kept even when the journal fails: the failure of the change still carries the id then.
        self.told.set(remote_id);
        match tokio::time::timeout(self.times.created, sink.created(remote_id)).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(ProviderError::other(error.code, "the created id could not be recorded")),
            Err(_) => Err(ProviderError::TimedOut("the created id was not recorded in time".to_owned())),
        }
    }
}

impl Host for GuestState {
    async fn log(&mut self, level: String, message: String) -> wasmtime::Result<()> {
        self.service.log.line(Level::parse(&level), &message);
        Ok(())
    }

    async fn progress(&mut self, message: String) -> wasmtime::Result<()> {
        self.service.log.progress(&message);
        Ok(())
    }

    async fn created(&mut self, remote_id: String) -> wasmtime::Result<Result<(), Error>> {
        let told = self.service.tell_created(&remote_id).await;
        Ok(self.answer(told))
    }
}
