//! What the cluster's controllers leave: removed after the cluster and before the network they made it in.

use nic_sdk::types::Resource;
use serde_json::json;

use super::{Platform, resource};
use crate::kinds::{KUBERNETES_LEFTOVERS, SECURITY_GROUP, SUBNET, VPC};

/// The address.
pub const LEFTOVERS: &str = "aws.kubernetes-leftovers.main";

/// What cannot go while a load balancer stands in it. The internet gateway cannot either, while an address is mapped through it: mostly
/// none is, so it is tried at once, and again while EC2 refuses.
const HELD: [&str; 3] = [VPC, SUBNET, SECURITY_GROUP];

/// Adds it behind the network that is there so far, and gives the address that the cluster comes after.
pub(crate) fn add(platform: &Platform<'_>, resources: &mut Vec<Resource>) -> String {
    let held = resources.iter().filter(|resource| HELD.contains(&resource.kind.as_str()));
    let held: Vec<String> = held.map(|resource| resource.address.clone()).collect();
    let document = json!({ "cluster_name": platform.names.cluster });
    resources.push(resource(LEFTOVERS, KUBERNETES_LEFTOVERS, document, &held));
    LEFTOVERS.to_owned()
}
