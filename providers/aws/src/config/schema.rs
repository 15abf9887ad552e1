//! The JSON Schema of the section: what type each key has. What a value must look like is said by [`super::parse`], with the
//! place and a hint.

use nic_sdk::schema::{Schema, any, boolean, integer, list, map, object, one_of, string};
use serde_json::{Value, json};

const TAINTS: &str = "None by default, but in Classic dedicated=nebari:NoSchedule, except on general; [] for none.";

/// The schema of `amazon_web_services`.
pub fn section() -> Value {
    let section = object()
        .optional("region", text("The region, such as us-west-2."))
        .optional(
            "kubernetes_version",
            text("Major and minor version of EKS, such as 1.31; when none is named, the newest that is known to work."),
        )
        .optional("availability_zones", texts("Two zones or more; the region's first two when fewer are named."))
        .optional("node_groups", node_groups("Node groups by name. Replaces the default groups."))
        .optional("node_pools", node_groups("The same as node_groups."))
        .optional("eks_endpoint_access", endpoint_access())
        .optional("eks_public_access_cidrs", texts("Networks that may reach a public endpoint."))
        .optional("eks_kms_arn", text("A customer-managed symmetric key that encrypts Kubernetes Secrets."))
        .optional(
            "existing_subnet_ids",
            texts("Subnets to use instead of a network of its own; with a security group."),
        )
        .optional("existing_security_group_id", text("The security group that goes with existing_subnet_ids."))
        .optional(
            "vpc_cidr_block",
            text("Network of the VPC; 10.10.0.0/16 in the Classic topology, 10.0.0.0/16 in the design document's."),
        )
        .optional("vpc_cidr", text("The same as vpc_cidr_block."))
        .optional(
            "permissions_boundary",
            text("ARN of the policy that bounds every role, also those of service accounts."),
        )
        .optional("tags", texts_by_name("Tags for everything that takes tags."))
        .optional("storage", storage());
    open(section).build()
}

fn node_groups(description: &str) -> Schema {
    map(node_group()).nullable().description(description)
}

fn node_group() -> Schema {
    let taint = object()
        .required("key", string())
        .optional("value", string().nullable())
        .required("effect", one_of(&["NoSchedule", "PreferNoSchedule", "NoExecute"]));
    let taint = any().with("anyOf", json!([string().build(), taint.build()]));
    let taints = list(taint).nullable();
    let group = object()
        .optional("instance", text("The instance type, such as m5.xlarge."))
        .optional("instance_type", text("The same as instance."))
        .optional("min_nodes", count(0, "Fewest nodes."))
        .optional("min_size", count(0, "The same as min_nodes."))
        .optional("min", count(0, "The same as min_nodes."))
        .optional("max_nodes", count(1, "Most nodes."))
        .optional("max_size", count(1, "The same as max_nodes."))
        .optional("max", count(1, "The same as max_nodes."))
        .optional(
            "desired_size",
            integer()
                .nullable()
                .description("Nodes, kept at this number; without it the autoscaler decides, from min_nodes on."),
        )
        .optional("taints", taints.description(TAINTS))
        .optional("gpu", flag("Nodes have NVIDIA GPUs, and get drivers and a device plugin for them."))
        .optional("spot", flag("Spot instances."))
        .optional("single_subnet", flag("Only in the first subnet."))
        .optional("disk_size", count(50, "GiB of the root disk."))
        .optional("labels", texts_by_name("Kubernetes labels of the nodes."))
        .optional("permissions_boundary", text("Accepted; nothing uses it."));
    open(group).nullable()
}

fn storage() -> Schema {
    let storage = object()
        .optional("type", one_of(&["ebs"]).nullable().default(json!("ebs")).description("A block volume."))
        .optional("size", count(100, "GiB of the volume."));
    open(storage).nullable().description("Storage of the design topology.")
}

/// Unknown keys are let through: `validate` warns about them.
fn open(schema: Schema) -> Schema {
    schema.with("additionalProperties", json!(true))
}

fn endpoint_access() -> Schema {
    let access = one_of(&["public", "private", "public_and_private"]).nullable();
    access.default(json!("public")).description("From where the cluster's endpoint is reachable.")
}

fn text(description: &str) -> Schema {
    string().nullable().description(description)
}

fn texts(description: &str) -> Schema {
    list(string()).nullable().description(description)
}

fn texts_by_name(description: &str) -> Schema {
    map(string()).nullable().description(description)
}

fn count(default: u32, description: &str) -> Schema {
    integer().nullable().default(json!(default)).description(description)
}

fn flag(description: &str) -> Schema {
    boolean().nullable().default(json!(false)).description(description)
}
