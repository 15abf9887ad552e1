//! The registry that users' own images are pushed to.

use nic_sdk::types::Resource;
use serde_json::json;

use super::{Platform, tag_object};
use crate::kinds::ECR_REPOSITORY;

/// The address of the repository.
pub const REGISTRY: &str = "aws.ecr-repository.jupyterlab";

/// Adds the repository.
pub fn add(platform: &Platform<'_>, resources: &mut Vec<Resource>) {
    let name = platform.names.registry();
    let repository = json!({
        "name": name,
        "scan_on_push": true,
        "tags": tag_object(&platform.tags(Some(&name))),
    });
    resources.push(Resource::new(REGISTRY, ECR_REPOSITORY, repository));
}
