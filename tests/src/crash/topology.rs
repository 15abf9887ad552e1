//! The platforms: everything that NIC makes in either topology.

use std::fmt;

use crate::configs::{CLASSIC, DESIGN};

/// Which platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Nebari's own.
    Classic,
    /// The design document's.
    Design,
}

/// The registry of others, whose secrets the cluster is given.
const REGISTRY: &str = r#"
external_container_reg:
  enabled: true
  access_key_id: id of a key
  secret_access_key: the key itself
  extcr_account: "210987654321"
  extcr_region: eu-west-1
"#;

/// In the place of users' nodes: nodes with GPUs, and the plugin that they need.
const GPU: [[&str; 2]; 2] = [
    ["user: {instance: m5.xlarge, max_nodes: 3}", "gpu: {instance: g4dn.xlarge, gpu: true, max_nodes: 2}"],
    ["user: {instance_type: m5.xlarge, max_size: 3}", "gpu: {instance_type: g4dn.xlarge, gpu: true, max_size: 2}"],
];

/// A volume, and what the section `kubernetes` asks for.
const ONLY_DESIGN: &str = r#"  storage: {type: ebs, size: 50}
kubernetes:
  priority_classes:
    batch: {value: 1000, description: Batch work}
  namespaces:
    dev:
      quota: {requests.cpu: 20, pods: "100"}
      limits: {default: {cpu: "1"}, max: {cpu: "4"}}
      network_policies:
        inside: {from: [same_namespace, {namespace: monitoring}]}
    team-a:
      labels: {team: data}
"#;

impl Topology {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Classic, Self::Design];

    /// The whole platform's config.
    pub fn config(self) -> String {
        let (config, more) = match self {
            Self::Classic => (CLASSIC, ""),
            Self::Design => (DESIGN, ONLY_DESIGN),
        };
        let config = GPU.iter().fold(config.to_owned(), |config, [users, gpu]| config.replace(users, gpu));
        format!("{config}{more}{REGISTRY}")
    }
}

impl fmt::Display for Topology {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Classic => "classic",
            Self::Design => "design",
        })
    }
}
