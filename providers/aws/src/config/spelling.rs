//! The keys that are known.

/// Keys of `amazon_web_services`. `storage` is the design document's, and says so in a Classic platform; of the last two see
/// [`REPLACED_KEYS`].
pub const SECTION_KEYS: &[&str] = &[
    "region",
    "kubernetes_version",
    "availability_zones",
    "node_groups",
    "node_pools",
    "eks_endpoint_access",
    "eks_public_access_cidrs",
    "eks_kms_arn",
    "existing_subnet_ids",
    "existing_security_group_id",
    "vpc_cidr_block",
    "vpc_cidr",
    "permissions_boundary",
    "tags",
    "storage",
    "terraform_overrides",
    "existing_security_group_ids",
];

/// Keys of the section that Nebari had once (until 2023.7, and in 2023.10), and what to do instead.
pub const REPLACED_KEYS: &[(&str, &str)] = &[
    (
        "terraform_overrides",
        "write what it holds as keys of the section itself: `existing_subnet_ids`, `existing_security_group_id`, `vpc_cidr_block`",
    ),
    ("existing_security_group_ids", "write the one group as `existing_security_group_id`"),
];

/// Keys of a node group. `permissions_boundary` is accepted as Nebari accepts it: no resource uses it.
pub const NODE_GROUP_KEYS: &[&str] = &[
    "instance",
    "instance_type",
    "min_nodes",
    "min_size",
    "min",
    "max_nodes",
    "max_size",
    "max",
    "desired_size",
    "taints",
    "gpu",
    "spot",
    "single_subnet",
    "disk_size",
    "labels",
    "permissions_boundary",
    "launch_template",
];
