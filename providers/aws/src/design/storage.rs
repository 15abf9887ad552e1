//! The volume that the section's `storage` asks for.

use nic_sdk::types::Resource;
use serde_json::json;

use crate::classic::{Platform, tag_object};
use crate::kinds::EBS_VOLUME;

/// Adds the volume, in the first zone, if one is configured.
pub fn add(platform: &Platform<'_>, zones: &[String], resources: &mut Vec<Resource>) {
    let (Some(storage), Some(zone)) = (platform.config.storage, zones.first()) else { return };
    let document = json!({
        "size": storage.size,
        "type": "gp3",
        "encrypted": true,
        "availability_zone": zone,
        "tags": tag_object(&platform.tags(Some(&format!("{}-storage", platform.names.cluster)))),
    });
    resources.push(Resource::new("aws.ebs-volume.main", EBS_VOLUME, document));
}
