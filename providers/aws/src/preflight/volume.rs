//! Whether the platform's volume can get the size that is asked for.

use nic_sdk::kit::preflight::{Summary, unchecked};
use nic_sdk::types::{Diagnostic, Status, Target};
use serde_json::{Value, json};

use super::at;
use crate::cloud::Cloud;
use crate::config::Config;
use crate::kinds::{EBS_VOLUME, read};

const VOLUME: &str = "aws.ebs-volume.main";

/// A volume grows in place, and AWS never makes one smaller.
pub async fn check(cloud: &Cloud, config: &Config, summary: Summary<'_>) -> Vec<Diagnostic> {
    let Some(wanted) = config.storage.filter(|_| summary.changes(VOLUME, "/size")) else { return Vec::new() };
    // Without an id it is found by its mark.
    let target = Target::new(VOLUME, EBS_VOLUME, json!({}));
    let Some(seen) = read(cloud, vec![target]).await.pop() else { return Vec::new() };
    let present = match seen.status {
        Status::Present => seen.document.get("size").and_then(Value::as_i64),
        Status::Unreadable(error) => return vec![unchecked("whether the volume can get its new size", &error)],
        _ => None,
    };
    let Some(present) = present.filter(|present| *present > i64::from(wanted.size)) else { return Vec::new() };
    let id = seen.remote_id.unwrap_or_default();
    vec![
        Diagnostic::error(
            "VOLUME_CANNOT_SHRINK",
            "A volume cannot get smaller",
            format!("the volume `{id}` has {present} GiB, and AWS does not take it down to {}", wanted.size),
        )
        .at(at("storage/size"))
        .hint(format!("write `size: {present}` or more; what is on the volume has to move for a smaller one")),
    ]
}
