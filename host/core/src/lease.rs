//! Who works on a state: one at a time, for as long as its lease lasts.

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::json;

use crate::ports::BackendError;

/// The code of a lease that is not held any more: nothing may be changed without it.
pub const LEASE_LOST: &str = "STATE_LEASE_LOST";

/// Who works on a state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holder {
    /// `user@host`, as far as the environment tells.
    pub who: String,
    /// Process id.
    pub pid: u32,
    /// The command.
    pub operation: String,
    /// RFC 3339 instant.
    pub since: String,
}

impl fmt::Display for Holder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} (process {}) for `nic {}` since {}", self.who, self.pid, self.operation, self.since)
    }
}

impl BackendError {
    /// Somebody else works on the state at this place now.
    pub fn taken_over(place: &dyn fmt::Display, holder: Option<&Holder>) -> Self {
        let by = holder.map_or_else(|| "another run".to_owned(), Holder::to_string);
        Self {
            details: holder.map_or_else(|| json!({}), |holder| json!({ "holder": holder })),
            ..lost(format!("the lease on `{place}` ran out, and the state has gone to {by}"))
        }
    }

    /// Nobody is known to have taken the lease, and it is not long enough for what comes next.
    pub(crate) fn run_out(why: &str) -> Self {
        lost(format!("the lease on the state is about to run out: {why}"))
    }

    /// Whether the lease is gone for good.
    pub fn is_lease_lost(&self) -> bool {
        self.code == LEASE_LOST
    }
}

fn lost(message: String) -> BackendError {
    BackendError {
        code: LEASE_LOST,
        message,
        hints: vec![
            "nothing more was begun; what was begun before is recorded as pending".to_owned(),
            "run the same command again once nobody else works on the state (`--lock-timeout 10m` waits for that): it looks first at what \
             became of that"
                .to_owned(),
        ],
        details: json!({}),
    }
}
