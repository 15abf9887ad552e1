//! The JSON Schema of the section: what type each key has. What a value must look like is said by [`super::parse`], with the
//! place and a hint.

use serde_json::{Value, json};

/// The schema of `amazon_web_services`. Unknown keys are let through: `validate` warns about them.
pub fn section() -> Value {
    let group = node_group();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Amazon Web Services",
        "type": "object",
        "properties": {
            "region": text("The region, such as us-west-2."),
            "kubernetes_version": text("Major and minor version of EKS, such as 1.31."),
            "availability_zones": texts("Two to four zones; the region's first two when fewer are named."),
            "node_groups": { "type": ["object", "null"], "description": "Node groups by name. Replaces the default groups.", "additionalProperties": group },
            "node_pools": { "type": ["object", "null"], "description": "The same as node_groups.", "additionalProperties": node_group() },
            "eks_endpoint_access": {
                "enum": ["public", "private", "public_and_private", null],
                "default": "public",
                "description": "From where the cluster's endpoint is reachable.",
            },
            "eks_public_access_cidrs": texts("Networks that may reach a public endpoint."),
            "eks_kms_arn": text("A customer-managed symmetric key that encrypts Kubernetes Secrets."),
            "existing_subnet_ids": texts("Subnets to use instead of a network of its own; needs existing_security_group_id."),
            "existing_security_group_id": text("Security group to use; needs existing_subnet_ids."),
            "vpc_cidr_block": { "type": ["string", "null"], "default": "10.10.0.0/16", "description": "Network of the VPC, /16 to /26." },
            "vpc_cidr": text("The same as vpc_cidr_block."),
            "permissions_boundary": text("ARN of the boundary of the roles."),
            "tags": { "type": ["object", "null"], "description": "Tags for everything that takes tags.", "additionalProperties": { "type": "string" } },
        },
    })
}

fn node_group() -> Value {
    json!({
        "type": ["object", "null"],
        "properties": {
            "instance": text("The instance type, such as m5.xlarge."),
            "instance_type": text("The same as instance."),
            "min_nodes": count(0, "Fewest nodes."),
            "min_size": count(0, "The same as min_nodes."),
            "max_nodes": count(1, "Most nodes."),
            "max_size": count(1, "The same as max_nodes."),
            "taints": {
                "type": ["array", "null"],
                "description": "dedicated=nebari:NoSchedule by default, none on general; [] for none.",
                "items": { "anyOf": [
                    { "type": "string" },
                    {
                        "type": "object",
                        "properties": {
                            "key": { "type": "string" },
                            "value": { "type": ["string", "null"] },
                            "effect": { "enum": ["NoSchedule", "PreferNoSchedule", "NoExecute"] },
                        },
                        "required": ["key", "effect"],
                    },
                ] },
            },
            "gpu": flag("Nodes have GPUs."),
            "spot": flag("Spot instances."),
            "single_subnet": flag("Only in the first subnet."),
            "disk_size": count(50, "GiB of the root disk."),
            "labels": { "type": ["object", "null"], "description": "Kubernetes labels of the nodes.", "additionalProperties": { "type": "string" } },
            "permissions_boundary": text("Accepted; nothing uses it."),
        },
    })
}

fn text(description: &str) -> Value {
    json!({ "type": ["string", "null"], "description": description })
}

fn texts(description: &str) -> Value {
    json!({ "type": ["array", "null"], "items": { "type": "string" }, "description": description })
}

fn count(default: u32, description: &str) -> Value {
    json!({ "type": ["integer", "null"], "default": default, "description": description })
}

fn flag(description: &str) -> Value {
    json!({ "type": ["boolean", "null"], "default": false, "description": description })
}
