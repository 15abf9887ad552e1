//! Things that bear this state's marks and are not recorded: left over, or made twice. Another state's are not ours to tell of.

use serde_json::Value;

use super::{Claim, Labels, Marks};
use crate::error::Error;
use crate::types::{Observation, Recorded, Status, Target};

/// Whether the state has it: by its remote id where that is known, else by its address.
pub fn is_recorded(target: &Target, records: &[Recorded]) -> bool {
    let mut of_kind = records.iter().filter(|record| record.kind == target.kind);
    match &target.remote_id {
        Some(id) => of_kind.any(|record| record.remote_id.as_ref() == Some(id)),
        None => of_kind.any(|record| record.address == target.address),
    }
}

/// What the mark says that a thing is; none when it is not ours.
pub fn ours(marks: &Marks, kind: &str, remote_id: impl Into<String>, labels: &Labels) -> Option<Target> {
    let address = marks.address_of(labels)?;
    let ours = marks.claim(labels, &address, &Labels::new()) == Claim::Ours;
    ours.then(|| Target::new(address, kind, Value::Null).remote_id(remote_id.into()))
}

/// Those of the observations that are there and ours. What could not be read is an error: it must not look as if nothing were there.
pub fn there(seen: impl IntoIterator<Item = Observation>) -> Result<Vec<Observation>, Error> {
    let there = seen.into_iter().filter_map(|observation| match observation.status {
        Status::Absent | Status::Foreign(_) => None,
        Status::Unreadable(error) => Some(Err(error)),
        _ => Some(Ok(observation)),
    });
    there.collect()
}
