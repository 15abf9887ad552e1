//! The platforms: everything that NIC makes in either topology.

use std::fmt;

/// Which platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topology {
    /// Nebari's own.
    Classic,
    /// The design document's.
    Design,
}

/// Shared files, a GPU group with its plugin, the registry of others.
const CLASSIC: &str = r#"
project_name: crash
namespace: dev
provider: aws
external_container_reg:
  enabled: true
  access_key_id: id of a key
  secret_access_key: the key itself
  extcr_account: "210987654321"
  extcr_region: eu-west-1
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  availability_zones: [us-west-2a, us-west-2b]
  node_groups:
    general: {instance: m5.large, min_nodes: 1, max_nodes: 2}
    gpu: {instance: g4dn.xlarge, gpu: true, max_nodes: 2}
"#;

/// A volume, gateways for the private subnets, and what the section `kubernetes` asks for.
const DESIGN: &str = r#"
project_name: crash
namespace: dev
provider: aws
external_container_reg:
  enabled: true
  access_key_id: id of a key
  secret_access_key: the key itself
  extcr_account: "210987654321"
  extcr_region: eu-west-1
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  availability_zones: [us-west-2a, us-west-2b]
  node_groups:
    general: {instance_type: m5.large, min_size: 1, max_size: 2}
    gpu: {instance_type: g4dn.xlarge, gpu: true, max_size: 2}
  storage: {type: ebs, size: 50}
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
    pub fn config(self) -> &'static str {
        match self {
            Self::Classic => CLASSIC,
            Self::Design => DESIGN,
        }
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
