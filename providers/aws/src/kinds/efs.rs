//! What file systems and mount targets have in common: they take seconds to minutes, and only then can they be used.

use std::time::Duration;

use aws_sdk_efs::types::LifeCycleState;
use nic_sdk::types::{Progress, Status, Waiting};
use serde::{Deserialize, Serialize};
use serde_json::json;

/// How long EFS gets before it is asked again.
const POLL_AFTER: Duration = Duration::from_secs(5);

/// What `poll` is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "phase", rename_all = "kebab-case")]
pub enum Operation {
    /// Until it is available, after a create or an update.
    Available,
    /// Until it is gone.
    Gone,
}

/// Not done yet.
pub fn pending(remote_id: &str, operation: Operation, message: &str) -> Progress {
    Progress::Pending(Waiting::new(json!(operation), POLL_AFTER, message).remote_id(remote_id.to_owned()))
}

/// What a state means to whoever reads.
pub fn status(state: &LifeCycleState) -> Status {
    match state {
        LifeCycleState::Available => Status::Present,
        LifeCycleState::Deleted => Status::Absent,
        LifeCycleState::Error => Status::Failed("error".to_owned()),
        other => Status::InProgress(other.as_str().to_owned()),
    }
}
