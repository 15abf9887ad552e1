//! The Classic topology: what Nebari's own templates create, name for name.

mod accounting;
pub(crate) mod addons;
mod autoscaling;
pub(crate) mod initialize;
pub(crate) mod irsa;
pub(crate) mod kubernetes;
pub(crate) mod leftovers;
pub(crate) mod network;
mod registry;
mod storage;

pub use self::accounting::ACCOUNTING;
pub use self::registry::REGISTRY;
pub use self::storage::SHARED_FILE_SYSTEM;

use std::collections::BTreeMap;

use nic_sdk::aws::{Partition, partition_of};
use nic_sdk::error::Error;
use nic_sdk::kit::Topology;
use nic_sdk::provider::Facts;
use nic_sdk::types::{Answer, Context, Resource};
use serde_json::{Map, Value, json};

use crate::config::{Config, Network, NodeGroup, image};
use crate::facts;
use crate::names::Names;
use crate::tags::{self, Tags};

/// Everything the graph is made from, in either topology.
pub(crate) struct Platform<'a> {
    pub(crate) config: &'a Config,
    pub(crate) names: &'a Names,
    /// Of the control plane; the nodes follow it.
    pub(crate) kubernetes_version: &'a str,
    /// Images that node groups have and keep, by group.
    pub(crate) images: &'a BTreeMap<String, String>,
    /// Versions that add-ons move to with the control plane, by name.
    pub(crate) addon_versions: &'a BTreeMap<String, String>,
}

impl Platform<'_> {
    /// The topology's tags, with a `Name` where one is given, and the user's over both.
    pub(crate) fn tags(&self, name: Option<&str>) -> Tags {
        let name: Vec<(&str, &str)> = name.into_iter().map(|name| ("Name", name)).collect();
        match self.names.topology {
            Topology::Classic => tags::classic(self.names, &self.config.tags, &name),
            Topology::Design => tags::design(self.names, &self.config.tags, &name),
        }
    }

    /// Where its ARNs, principals and hosts are.
    pub(crate) fn partition(&self) -> &'static Partition {
        partition_of(&self.config.region)
    }

    /// A role with this trust policy, and with a tag `Name` where one is given. Nebari's templates give the boundary to two roles of four; where an account demands one, it demands it
    /// on every role, so here each has it.
    pub(crate) fn role(&self, name: &str, trust: &Value, shown_as: Option<&str>) -> Value {
        let mut document = json!({
            "name": name,
            "assume_role_policy": trust,
            "tags": tag_object(&self.tags(shown_as)),
        });
        if let Some(boundary) = &self.config.permissions_boundary {
            document["permissions_boundary"] = boundary.as_str().into();
        }
        document
    }

    /// The image of a group's nodes.
    pub(crate) fn image(&self, group: &NodeGroup) -> &str {
        self.images.get(&group.name).map_or_else(|| image(&group.instance, group.gpu), String::as_str)
    }
}

/// The desired graph, or the facts it needs.
pub fn desired(context: &Context, config: &Config, facts: &Facts) -> Result<Answer, Error> {
    let names = Names::new(context);
    let mut queries = Vec::new();
    let kubernetes_version = facts::kubernetes_version(config, &names, facts).known_or_ask(&mut queries);
    let images = facts::kept_images(config, &names, facts, &mut queries);
    let addon_versions = facts::addon_versions(config, &names, &addons::ADDONS, facts, &mut queries);
    let zones = match &config.network {
        Network::Own(_) => facts::zones(config, facts)?.known_or_ask(&mut queries),
        Network::Existing { .. } => Some(Vec::new()),
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
        Network::Existing { subnet_ids, security_group_id } => network::Place {
            subnet_ids: subnet_ids.iter().map(|id| Value::from(id.as_str())).collect(),
            security_group_id: Value::from(security_group_id.as_str()),
            routes: Vec::new(),
        },
    };
    kubernetes::add(&platform, &place, &mut resources);
    autoscaling::add(&platform, &mut resources);
    storage::add(&platform, &place, &mut resources);
    registry::add(&platform, &mut resources);
    accounting::add(&platform, &mut resources);
    Ok(Answer::Ready(resources))
}

/// A resource of ours that needs each of `after` besides what it references.
pub(crate) fn resource(address: &str, kind: &str, document: Value, after: &[String]) -> Resource {
    after.iter().fold(Resource::new(address, kind, document), Resource::after)
}

/// A JSON object of the tags.
pub(crate) fn tag_object(tags: &Tags) -> Value {
    tags.iter().map(|(key, value)| (key.clone(), Value::from(value.as_str()))).collect::<Map<_, _>>().into()
}
