//! Kinds with a unique name: what bears the name is either ours or in the way.

use nic_sdk::types::{Observation, Status, Target};
use serde::Serialize;

use super::present;
use crate::tags::{Tags, marked_address};

/// What is there under the target's name. A recorded one is ours without a mark: it may be imported.
pub fn observe(target: &Target, remote_id: &str, tags: &Tags, document: &impl Serialize) -> Observation {
    if target.remote_id.is_some() || marked_address(tags) == Some(&target.address) {
        return present(&target.address, remote_id, document);
    }
    let text = match marked_address(tags) {
        Some(other) => format!("`{remote_id}` exists and is marked as `{other}`"),
        None => format!("`{remote_id}` exists and does not bear NIC's mark"),
    };
    Observation { status: Status::Foreign(text), ..Observation::absent(&target.address) }
}
