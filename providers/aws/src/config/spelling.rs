//! The keys that are known, and the nearest of them to one that is not.

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

/// What keys of a node group are called on other clouds, and here.
const OF_OTHER_CLOUDS: &[(&str, &str)] =
    &[("min_count", "min_nodes"), ("max_count", "max_nodes"), ("machine_type", "instance"), ("vm_size", "instance")];

/// The known key that is nearest, if any is near.
pub fn nearest<'a>(key: &str, known: &[&'a str]) -> Option<&'a str> {
    if let Some((_, ours)) = OF_OTHER_CLOUDS.iter().find(|(theirs, ours)| *theirs == key && known.contains(ours)) {
        return Some(ours);
    }
    let near = |candidate: &&str| distance(key, candidate);
    known.iter().copied().min_by_key(near).filter(|best| distance(key, best) <= best.len().max(key.len()) / 3)
}

/// Levenshtein's: how many letters must be added, dropped or changed.
fn distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, x) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, y) in b.iter().enumerate() {
            let changed = diagonal + usize::from(x != *y);
            diagonal = row[j + 1];
            row[j + 1] = changed.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        assert_eq!(nearest("vpc_cidr_blok", SECTION_KEYS), Some("vpc_cidr_block"));
        assert_eq!(nearest("min_node", NODE_GROUP_KEYS), Some("min_nodes"));
        assert_eq!(nearest("banana", NODE_GROUP_KEYS), None);
        assert_eq!(nearest("existing_security_group_ix", SECTION_KEYS), Some("existing_security_group_id"));
    }

    #[test]
    fn other_clouds_words_lead_to_ours() {
        assert_eq!(nearest("vm_size", NODE_GROUP_KEYS), Some("instance"));
        assert_eq!(nearest("max_count", NODE_GROUP_KEYS), Some("max_nodes"));
        assert_eq!(nearest("vm_size", SECTION_KEYS), None);
    }
}
