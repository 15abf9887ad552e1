//! `pend`: is not done before so many polls, `{do: pend, polls: 3, after_ms: 50}`. In `create`, `update` and `delete`.

use std::time::Duration;

use nic_sdk::types::{Progress, Waiting};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

/// See the [module](self).
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pend {
    #[serde(default = "once")]
    polls: u32,
    #[serde(default)]
    after_ms: u64,
    /// Does not tell the remote id while it is pending.
    #[serde(default)]
    without_id: bool,
}

fn once() -> u32 {
    1
}

/// What `poll` is to do.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Operation {
    /// How often it is still pending.
    pub(crate) left: u32,
    after_ms: u64,
    without_id: bool,
    /// The operation that is pending: `create`, `update` or `delete`.
    pub(crate) of: String,
    /// The thing.
    pub(crate) id: String,
    /// How it ends: done, or failed as [`fail_late`](super::fail_late) says.
    #[serde(default)]
    pub(crate) failure: Value,
}

impl Pend {
    pub(crate) fn begin(&self, of: &str, id: &str) -> Operation {
        Operation {
            left: self.polls,
            after_ms: self.after_ms,
            without_id: self.without_id,
            of: of.to_owned(),
            id: id.to_owned(),
            failure: Value::Null,
        }
    }
}

impl Operation {
    /// Pending first, then failed.
    pub(crate) fn failing(polls: u32, after_ms: u64, of: &str, id: &str, failure: Value) -> Self {
        Self { left: polls, after_ms, without_id: false, of: of.to_owned(), id: id.to_owned(), failure }
    }

    /// One poll later, unless that was the last one.
    pub(crate) fn polled(self) -> Option<Self> {
        (self.left > 1).then(|| Self { left: self.left - 1, ..self })
    }

    /// The answer while it is pending.
    pub(crate) fn waiting(&self) -> Progress {
        Progress::Pending(
            Waiting::new(json!(self), Duration::from_millis(self.after_ms), format!("{} left", self.left))
                .remote_id((!self.without_id).then(|| self.id.clone())),
        )
    }
}
