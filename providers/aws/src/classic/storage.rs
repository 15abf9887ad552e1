//! Shared storage: an elastic file system with a mount target in each subnet, unless the files lie in the cluster.

use nic_sdk::types::{Resource, reference};
use serde_json::json;

use super::network::Place;
use super::{Platform, tag_object};
use crate::config::SharedStorage;
use crate::kinds::{EFS_FILE_SYSTEM, EFS_MOUNT_TARGET};

/// The address of the file system.
pub const SHARED_FILE_SYSTEM: &str = "aws.efs-file-system.shared";

/// Adds the file system, in the given place.
pub fn add(platform: &Platform<'_>, place: &Place, resources: &mut Vec<Resource>) {
    if platform.config.shared_storage != SharedStorage::Efs {
        return;
    }
    let name = platform.names.shared_storage();
    let file_system = json!({
        "creation_token": name,
        "encrypted": true,
        "throughput_mode": "bursting",
        "tags": tag_object(&platform.tags(Some(&name))),
    });
    resources.push(Resource::new(SHARED_FILE_SYSTEM, EFS_FILE_SYSTEM, file_system));
    for (index, subnet) in place.subnet_ids.iter().enumerate() {
        let target = json!({
            "file_system_id": reference(SHARED_FILE_SYSTEM, "/id"),
            "subnet_id": subnet,
            "security_group_ids": [place.security_group_id],
        });
        resources.push(Resource::new(format!("aws.efs-mount-target.{index}"), EFS_MOUNT_TARGET, target));
    }
}
