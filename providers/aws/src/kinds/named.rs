//! Kinds with a unique name: what bears the name is either ours or in the way.

use nic_sdk::types::{Observation, OtherLineage, Status, Target};
use serde::Serialize;

use super::present;
use crate::cloud::Cloud;
use crate::tags::{Claim, OWNER_KEY, Tags, marked_address, marked_lineage, of_document};

/// What is there under the target's name. A recorded one is ours without a mark: it may be imported. One that bears the mark of another
/// lineage was made anew since, by somebody else.
pub fn observe(cloud: &Cloud, target: &Target, remote_id: &str, tags: &Tags, document: &impl Serialize) -> Observation {
    if target.remote_id.is_some() {
        return match marked_lineage(tags).filter(|lineage| *lineage != cloud.marks.lineage()) {
            Some(_) => of_another_state(&target.address, remote_id, tags),
            None => present(&target.address, remote_id, document),
        };
    }
    match cloud.marks.claim_named(tags, &target.address, &of_document(&target.document)) {
        Claim::Ours => return present(&target.address, remote_id, document),
        Claim::AnotherState => return of_another_state(&target.address, remote_id, tags),
        Claim::Foreign => {}
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

/// What another state of this platform made. The host tells all of it at once, and may be told to go on with that state.
pub fn of_another_state(address: &str, remote_id: &str, tags: &Tags) -> Observation {
    let lineage = marked_lineage(tags).unwrap_or_default().to_owned();
    Observation {
        status: Status::Foreign(format!(
            "`{remote_id}` was made from another state of this platform, lineage {lineage}"
        )),
        other_lineage: Some(OtherLineage { lineage, since: None }),
        ..Observation::absent(address)
    }
}

/// What is there and ours, in the state that it says it is in.
pub fn in_state(observation: Observation, status: Status) -> Observation {
    if observation.status == Status::Present { Observation { status, ..observation } } else { observation }
}
