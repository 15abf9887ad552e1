//! Which of the two topologies the spelling of keys says.

use super::yaml::Node;
use crate::clouds::{self, COMMON_SPELLINGS, Spellings};

/// The top-level section that only the design document's topology has.
const DESIGN_SECTION: &str = "kubernetes";

/// Where node groups stand in a provider's section.
const NODE_GROUPS: [&str; 2] = ["node_groups", "node_pools"];

/// `design` when only that dialect's spellings occur, in the provider's section or as a section of its own; `classic` otherwise.
pub(super) fn spelling(root: &Node, provider: &str) -> &'static str {
    // Names of groups, labels and tags are the user's and say nothing.
    fn occurs(section: &Node, (of_section, of_group): (&[&str], &[&str])) -> bool {
        let has = |node: &Node, keys: &[&str]| node.entries().any(|(key, _)| keys.contains(&key.text.as_str()));
        let mut groups = NODE_GROUPS.iter().filter_map(|key| section.get(key)).flat_map(Node::entries);
        has(section, of_section) || groups.any(|(_, group)| has(group, of_group))
    }
    let cloud = clouds::of(provider);
    let section = cloud.and_then(|cloud| root.get(cloud.section));
    let spellings: Vec<&Spellings> =
        cloud.map(|cloud| &cloud.spellings).into_iter().chain([&COMMON_SPELLINGS]).collect();
    let spelled = |keys: fn(&Spellings) -> (&'static [&'static str], &'static [&'static str])| {
        section.is_some_and(|section| spellings.iter().any(|spellings| occurs(section, keys(spellings))))
    };
    let design = root.get(DESIGN_SECTION).is_some_and(|node| !node.is_null()) || spelled(|keys| keys.design);
    if design && !spelled(|keys| keys.classic) { "design" } else { "classic" }
}
