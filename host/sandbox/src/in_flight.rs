//! Requests of a guest that are on their way.

use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};

use nic_core::error::ProviderError;
use nic_gate::{CloudResponse, Reserved};
use tokio::task::JoinHandle;

/// A response, and the bytes that it holds in the host until the guest has it or gave it up.
pub(super) type Answer = Result<(CloudResponse, Reserved), ProviderError>;

/// A request on its way: a task of its own, given up when this is dropped.
pub struct InFlight {
    task: JoinHandle<Answer>,
    answer: Option<Answer>,
}

impl InFlight {
    pub(super) fn new(task: JoinHandle<Answer>) -> Self {
        Self { task, answer: None }
    }

    pub(super) fn poll(&mut self, context: &mut Context<'_>) -> Poll<()> {
        if self.answer.is_some() {
            return Poll::Ready(());
        }
        Pin::new(&mut self.task).poll(context).map(|joined| {
            let failed = |_| Err(ProviderError::other("HOST_FAILED", "the host failed while it sent a request"));
            self.answer = Some(joined.unwrap_or_else(failed));
        })
    }

    pub(super) async fn wait(&mut self) -> Answer {
        poll_fn(|context| self.poll(context)).await;
        self.answer.take().unwrap_or_else(|| Err(ProviderError::TimedOut("no answer".to_owned())))
    }
}

impl Drop for InFlight {
    fn drop(&mut self) {
        self.task.abort();
    }
}
