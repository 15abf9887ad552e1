//! The add-ons of the cluster. Their pods are pinned to the group `general`, so they come after the node groups.

use nic_sdk::types::{Resource, reference};
use serde_json::{Value, json};

use super::kubernetes::MAIN_CLUSTER;
use super::{Platform, resource};
use crate::kinds::EKS_ADDON;

/// Their names.
pub(crate) const ADDONS: [&str; 2] = ["aws-ebs-csi-driver", "coredns"];

/// Adds the two add-ons, after the node groups at these addresses.
pub fn add(platform: &Platform<'_>, node_groups: &[String], resources: &mut Vec<Resource>) {
    let general = json!({ "eks.amazonaws.com/nodegroup": "general" });
    let ebs_csi = json!({ "controller": { "nodeSelector": general }, "defaultStorageClass": { "enabled": true } });
    let coredns = json!({ "nodeSelector": general });
    for (name, configuration) in ADDONS.into_iter().zip([ebs_csi, coredns]) {
        resources.push(resource(
            &format!("aws.eks-addon.{name}"),
            EKS_ADDON,
            addon(platform, name, &configuration),
            node_groups,
        ));
    }
}

fn addon(platform: &Platform<'_>, name: &str, configuration: &Value) -> Value {
    let mut document = json!({
        "name": name,
        "cluster_name": reference(MAIN_CLUSTER, "/name"),
        "configuration_values": configuration.to_string(),
        "tags": {},
    });
    if let Some(version) = platform.addon_versions.get(name) {
        document["version"] = version.as_str().into();
    }
    document
}
