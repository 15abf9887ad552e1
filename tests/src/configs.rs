//! The configs that tests begin with. What a test is about it edits, or adds at the end, where the node groups are.

/// The platform of the first page, as `nebari init` writes it. Nothing has to be looked up for it, so that every resource is read at once.
pub const EXAMPLE: &str = include_str!("../../examples/aws/nebari-config.yaml");

/// The same in the design document's spelling, and so in its topology.
pub const EXAMPLE_DESIGN: &str = include_str!("../../examples/aws-design/nebari-config.yaml");

/// Version, zones and node groups are left to NIC, so that it has to look them up.
pub const LEAST: &str = "project_name: my-nebari\nprovider: aws\namazon_web_services:\n  region: us-west-2\n";

/// A small one: a node that is always there, and some that come with users.
pub const CLASSIC: &str = r#"
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  availability_zones: [us-west-2a, us-west-2b]
  node_groups:
    general: {instance: m5.large, min_nodes: 1, max_nodes: 1}
    user: {instance: m5.xlarge, max_nodes: 3}
"#;

/// The same in the design's topology.
pub const DESIGN: &str = r#"
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  availability_zones: [us-west-2a, us-west-2b]
  node_groups:
    general: {instance_type: m5.large, min_size: 1, max_size: 1}
    user: {instance_type: m5.xlarge, max_size: 3}
"#;

/// What their cluster is called.
pub const CLUSTER: &str = "my-nebari-dev";

/// A cluster of the user's own: that of the harness.
pub const EXISTING: &str = "project_name: my-nebari\nprovider: existing\nexisting: {kube_context: nic-test}\n";
