//! What Nebari's templates create in stage 03, name for name.
//!
//! ```
//! use nic_kubernetes_initialize::classic::{self, Site};
//!
//! let cluster = ["aws.cluster.main".to_owned()];
//! let nodes = ["aws.node-group.general".to_owned()];
//! let site = Site { provider: "aws", namespace: "dev", cluster: &cluster, nodes: &nodes };
//! assert_eq!(classic::namespace(&site).address, "aws.namespace.dev");
//! assert_eq!(classic::traefik_definitions(&site).len(), 9);
//! ```

mod autoscaler;
mod gpu;
mod registry;
mod traefik;

use nic_sdk::types::Resource;
use serde_json::json;

pub use self::autoscaler::{Autoscaler, NodesOf, cluster_autoscaler};
pub use self::gpu::{GpuGroup, aws_device_plugin, gcp_driver_installer};
pub use self::registry::external_registry;
pub use self::traefik::traefik_definitions;
use crate::object::{after, before, object, segment};

/// Where the objects are made.
#[derive(Debug, Clone, Copy)]
pub struct Site<'a> {
    /// First segment of every address.
    pub provider: &'a str,
    pub namespace: &'a str,
    /// What every object needs: the cluster. Empty when it exists already.
    pub cluster: &'a [String],
    /// What pods need besides: the node group `general`.
    pub nodes: &'a [String],
}

impl Site<'_> {
    fn address(&self, kind: &str, name: &str) -> String {
        format!("{}.{kind}.{}", self.provider, segment(name))
    }

    fn namespace_address(&self) -> String {
        self.address("namespace", self.namespace)
    }

    /// An object that stands in the namespace. Every cluster has `kube-system`: there it goes before what pods need.
    fn within(&self, resource: Resource) -> Resource {
        match self.namespace {
            "kube-system" => before(after(resource, self.cluster), self.nodes),
            _ => resource.after(self.namespace_address()),
        }
    }
}

/// The one namespace, without labels. Its pods can only end while there are nodes, so it goes before `general` does.
pub fn namespace(site: &Site<'_>) -> Resource {
    let resource = object(site.namespace_address(), "v1", "Namespace", (None, site.namespace), json!({}));
    before(after(resource, site.cluster), site.nodes)
}
