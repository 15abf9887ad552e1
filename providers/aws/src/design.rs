//! The design document's topology: public and private subnets, a NAT gateway for each zone, nodes in the private ones.
//!
//! Where the document's names and Nebari's differ, docs/adr/0007 says which are used and why.

mod cluster;
pub(crate) mod kubernetes;
mod network;
mod storage;

use nic_sdk::error::Error;
use nic_sdk::provider::Facts;
use nic_sdk::types::{Answer, Context};
use serde_json::Value;

use self::kubernetes::CSI_DRIVER;
use crate::classic::Platform;
use crate::config::{Config, Network};
use crate::facts;
use crate::names::Names;

/// Where the cluster and its nodes are put.
struct Place {
    /// Subnets of the control plane, as references or ids.
    cluster_subnets: Vec<Value>,
    node_subnets: Vec<Value>,
    /// The security group of the control plane.
    security_group_id: Value,
    /// What must stand before a node can reach the outside.
    routes: Vec<String>,
}

/// The desired graph, or the facts it needs.
pub fn desired(context: &Context, config: &Config, facts: &Facts) -> Result<Answer, Error> {
    let names = Names::new(context);
    let mut queries = Vec::new();
    let kubernetes_version = facts::kubernetes_version(config, &names, facts).known_or_ask(&mut queries);
    let images = facts::kept_images(config, &names, facts, &mut queries);
    let addon_versions = facts::addon_versions(config, &names, &[CSI_DRIVER], facts, &mut queries);
    let zones = match &config.network {
        Network::Own(_) => facts::zones(config, facts)?.known_or_ask(&mut queries),
        // A volume has to stand where nodes can attach it.
        Network::Existing { subnet_ids, .. } => match subnet_ids.first().filter(|_| config.storage.is_some()) {
            Some(subnet) => facts::zone_of(subnet, facts).known_or_ask(&mut queries).map(|zone| vec![zone]),
            None => Some(Vec::new()),
        },
    };
    // Whatever is not known is asked for in one round.
    let (Some(kubernetes_version), Some(zones), true) = (kubernetes_version, zones, queries.is_empty()) else {
        return Ok(Answer::Need(queries));
    };
    let platform = Platform {
        config,
        names: &names,
        kubernetes_version: &kubernetes_version,
        images: &images,
        addon_versions: &addon_versions,
    };
    let mut resources = Vec::new();
    let place = match &config.network {
        Network::Own(block) => network::add(&platform, *block, &zones, &mut resources)?,
        Network::Existing { subnet_ids, security_group_id } => {
            let subnets: Vec<Value> = subnet_ids.iter().map(|id| Value::from(id.as_str())).collect();
            Place {
                cluster_subnets: subnets.clone(),
                node_subnets: subnets,
                security_group_id: Value::from(security_group_id.as_str()),
                routes: Vec::new(),
            }
        }
    };
    storage::add(&platform, &zones, &mut resources);
    cluster::add(&platform, place, &mut resources);
    kubernetes::add(&platform, &mut resources);
    Ok(Answer::Ready(resources))
}
