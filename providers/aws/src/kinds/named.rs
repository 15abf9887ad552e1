//! Kinds with a unique name: what bears the name is either ours or in the way.

use nic_sdk::types::{Observation, Status, Target};
use serde::Serialize;

use super::present;
use crate::cloud::Cloud;
use crate::tags::{Claim, OWNER_KEY, Tags, marked_address, of_document};

/// What is there under the target's name. A recorded one is ours without a mark: it may be imported.
pub fn observe(cloud: &Cloud, target: &Target, remote_id: &str, tags: &Tags, document: &impl Serialize) -> Observation {
    let claim = || cloud.marks.claim_named(tags, &target.address, &of_document(&target.document));
    if target.remote_id.is_some() || claim() != Claim::Foreign {
        return present(&target.address, remote_id, document);
    }
    let text = match marked_address(tags) {
        Some(address) if address == target.address => {
            format!("`{remote_id}` exists and belongs to another platform: it is marked `{}`", tags[OWNER_KEY])
        }
        Some(other) => format!("`{remote_id}` exists and is marked as `{other}`"),
        None => format!("`{remote_id}` exists and does not bear NIC's mark"),
    };
    Observation { status: Status::Foreign(text), ..Observation::absent(&target.address) }
}

/// What is there and ours, in the state that it says it is in.
pub fn in_state(observation: Observation, status: Status) -> Observation {
    if observation.status == Status::Present { Observation { status, ..observation } } else { observation }
}
