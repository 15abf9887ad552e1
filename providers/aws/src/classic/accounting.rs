//! The resource group by which an account's owner sees what belongs to the platform.

use nic_sdk::types::Resource;
use serde_json::json;

use super::{Platform, tag_object};
use crate::kinds::RESOURCE_GROUP;
use crate::tags::add as add_tag;

/// The address of the resource group.
pub const ACCOUNTING: &str = "aws.resource-group.main";

/// Adds the resource group.
pub fn add(platform: &Platform<'_>, resources: &mut Vec<Resource>) {
    let names = platform.names;
    // What Nebari's own Terraform state lies in bears the second owner.
    let query = json!({
        "ResourceTypeFilters": ["AWS::AllSupported"],
        "TagFilters": [
            { "Key": "Project", "Values": [names.project] },
            { "Key": "Environment", "Values": [names.environment] },
            { "Key": "Owner", "Values": ["terraform", "terraform-state"] },
        ],
    });
    let description = format!("AWS resources project={} and environment={}", names.project, names.environment);
    let mut tags = platform.tags(None);
    add_tag(&mut tags, "Description", &description);
    let group = json!({
        "name": names.project,
        "description": names.accounting(),
        "tag_filter_query": query.to_string(),
        "tags": tag_object(&tags),
    });
    resources.push(Resource::new(ACCOUNTING, RESOURCE_GROUP, group));
}
