//! Node groups of the config.

use std::collections::BTreeMap;

use nic_sdk::findings::Findings;
use nic_sdk::kit::taint::{Effect, Taint};
use nic_sdk::kit::{Reader, Topology, names};

use super::{machines, node_labels, spelling};

/// GiB of a node's root disk; Nebari has no key for it.
const DISK_GIB: i32 = 50;

/// The label by which later stages select the nodes of a group in the design topology.
pub const GROUP_LABEL: &str = "nebari.dev/node-group";

/// One node group.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeGroup {
    /// Its key in the config, and its name in EKS.
    pub name: String,
    /// The instance type.
    pub instance: String,
    /// Fewest nodes.
    pub min: i32,
    /// Most nodes.
    pub max: i32,
    /// How many nodes, when that is for the config to say; else the autoscaler does, from the fewest on.
    pub desired: Option<i32>,
    /// Taints of its nodes.
    pub taints: Vec<Taint>,
    /// Whether its nodes have GPUs.
    pub gpu: bool,
    /// Whether its nodes are spot instances.
    pub spot: bool,
    /// Whether it stands in the first subnet only.
    pub single_subnet: bool,
    /// GiB of the root disk.
    pub disk_size: i32,
    /// The user's labels.
    pub labels: BTreeMap<String, String>,
}

/// The section's node groups; Nebari's three when none are written.
pub fn parse(section: &Reader<'_>, topology: Topology, findings: &mut Findings) -> Vec<NodeGroup> {
    let Some((key, value)) = section.one_of(&["node_groups", "node_pools"], findings) else {
        return defaults(topology);
    };
    let Some(groups) = Reader::new(Some(value), &section.at(key), findings) else { return Vec::new() };
    if groups.get("general").is_none() {
        findings.warning(
            "GENERAL_GROUP_MISSING",
            "There is no general node group",
            "later stages place their services on a group named `general`".into(),
            groups.pointer(),
        );
    }
    let names: Vec<&String> = groups.members().map(|(name, _)| name).collect();
    if topology == Topology::Design {
        for name in &names {
            reserved_label(name, &groups, findings);
        }
    }
    let parsed: Vec<_> = names.iter().filter_map(|name| group(name, &groups, topology, findings)).collect();
    // What a group that is not understood would take is not known.
    if parsed.len() == names.len() {
        system_pods(&parsed, topology, groups.pointer(), findings);
    }
    parsed
}

/// Pods that the cluster cannot do without tolerate no taints of a user's. In Classic they are placed on `general`.
fn system_pods(groups: &[NodeGroup], topology: Topology, pointer: &str, findings: &mut Findings) {
    let refuses = |group: &NodeGroup| group.taints.iter().any(|taint| taint.effect != Effect::PreferNoSchedule);
    let general = groups.iter().find(|group| group.name == "general").filter(|_| topology == Topology::Classic);
    let (detail, hint) = if general.is_some_and(refuses) {
        ("they are placed on `general` and do not tolerate its taints", "write `taints: []` for `general`")
    } else if !groups.is_empty() && groups.iter().all(refuses) {
        let hint = match topology {
            Topology::Classic => "add a group `general` with `taints: []`",
            Topology::Design => "write `taints: []` for one group",
        };
        ("every group has taints that they do not tolerate", hint)
    } else {
        let takes = |group: &&NodeGroup| general.map_or(!refuses(group), |general| general == *group);
        return first_node(groups.iter().filter(takes), pointer, findings);
    };
    let summary = "No node group takes the cluster's own pods";
    let detail =
        format!("`coredns` and the volume driver would never run, and the deploy would wait in vain: {detail}");
    findings.warning("NO_GROUP_FOR_SYSTEM_PODS", summary, detail, pointer).hints.push(hint.to_owned());
}

/// One of the groups that take the cluster's own pods has a node from the beginning: the autoscaler is one of those pods, and makes no
/// node before it has one itself.
fn first_node<'a>(takers: impl Iterator<Item = &'a NodeGroup> + Clone, pointer: &str, findings: &mut Findings) {
    // What is read wrong may be what says how many nodes there are.
    if findings.has_errors() || takers.clone().any(|group| group.desired.unwrap_or(group.min) > 0) {
        return;
    }
    let Some(first) = takers.map(|group| &group.name).next() else { return };
    let detail = "nothing starts before a node exists: `coredns` and the volume driver wait for one, and so does the \
                  autoscaler, which should make it";
    findings
        .warning("NO_NODE_AT_FIRST", "The platform begins without a node", detail.to_owned(), pointer)
        .hints
        .push(format!("write `min_nodes: 1` for `{first}`"));
}

fn defaults(topology: Topology) -> Vec<NodeGroup> {
    let group = |name: &str, instance: &str, min, max| NodeGroup {
        name: name.to_owned(),
        instance: instance.to_owned(),
        min,
        max,
        desired: None,
        taints: default_taints(name, topology),
        gpu: false,
        spot: false,
        single_subnet: false,
        disk_size: DISK_GIB,
        labels: BTreeMap::new(),
    };
    vec![group("general", "m5.2xlarge", 1, 1), group("user", "m5.xlarge", 0, 5), group("worker", "m5.xlarge", 0, 5)]
}

/// In Nebari `general` takes everything, the others only what asks for them; in the design document every group takes everything.
fn default_taints(group: &str, topology: Topology) -> Vec<Taint> {
    if group == "general" || topology == Topology::Design {
        return Vec::new();
    }
    vec![Taint::dedicated()]
}

fn group(name: &str, groups: &Reader<'_>, topology: Topology, findings: &mut Findings) -> Option<NodeGroup> {
    let pointer = groups.at(name);
    if let Some((why, hint)) = fault_of_name(name, topology) {
        findings
            .error("NODE_GROUP_NAME", "A name is not allowed", format!("`{name}` {why}"), &pointer)
            .hints
            .push(hint);
        return None;
    }
    let Some(reader) = groups.map(name, findings) else {
        if groups.get(name).is_none() {
            findings.error(
                "INSTANCE_REQUIRED",
                "A required key is missing",
                format!("`{name}` has no `instance`"),
                &pointer,
            );
        }
        return None;
    };
    let instance = instance(name, &reader, findings);
    let min = reader.count(&["min_nodes", "min_size", "min"], findings).map_or(0, |(_, count)| count);
    let max = reader.count(&["max_nodes", "max_size", "max"], findings);
    if let Some((key, 0)) = max {
        findings.error(
            "MAX_NODES_ZERO",
            "A number is too small",
            format!("`{name}` has to allow one node at least"),
            &reader.at(key),
        );
    }
    let (max_key, max) = max.unwrap_or(("max_nodes", 1));
    if min > max {
        let detail = format!("`{name}` wants at least {min} and at most {max} nodes; EKS refuses that");
        findings.error("MIN_ABOVE_MAX", "The minimum is above the maximum", detail, &reader.at(max_key));
    }
    let desired = reader.count(&["desired_size"], findings);
    if let Some((key, desired)) = desired.filter(|(_, desired)| !(min..=max.max(min)).contains(desired)) {
        let detail = format!("`{name}` wants {desired} nodes at first, outside of {min} to {max}; EKS refuses that");
        findings.error("DESIRED_OUT_OF_RANGE", "A number is out of its range", detail, &reader.at(key));
    }
    if reader.get("launch_template").is_some() {
        let detail = format!("`{name}`: Nebari has no launch templates since 2024.11.1");
        findings.error("LAUNCH_TEMPLATE_REMOVED", "A key is no longer allowed", detail, &reader.at("launch_template"));
    }
    let disk_size = reader.count(&["disk_size"], findings);
    if let Some((key, 0)) = disk_size {
        findings.error("DISK_SIZE", "A number is too small", "a disk has one GiB at least".into(), &reader.at(key));
    }
    reader.tell_unknown(spelling::NODE_GROUP_KEYS, findings);
    let gpu = reader.flag("gpu", findings).unwrap_or(false);
    if let Some((key, instance)) = &instance {
        machines::tell(name, instance, gpu, (&pointer, &reader.at(key)), findings);
    }
    Some(NodeGroup {
        name: name.to_owned(),
        instance: instance?.1,
        min,
        max,
        desired: desired.map(|(_, nodes)| nodes),
        taints: taints(name, topology, &reader, findings),
        gpu,
        spot: reader.flag("spot", findings).unwrap_or(false),
        single_subnet: reader.flag("single_subnet", findings).unwrap_or(false),
        disk_size: disk_size.map_or(DISK_GIB, |(_, gib)| gib),
        labels: node_labels::labels(name, &reader, findings),
    })
}

/// Why EKS, or the nodes, would refuse the name, and what to do. It is the value of a label too, which ends with a letter or digit.
fn fault_of_name(name: &str, topology: Topology) -> Option<(String, String)> {
    // EKS takes 63; a replacement's name is the longer by a suffix, which only the design topology has.
    let longest = match topology {
        Topology::Classic => 63,
        Topology::Design => 63 - names::SUCCESSOR_LENGTH,
    };
    let ends = |c: char| c.is_ascii_alphanumeric();
    let legal = |c: char| ends(c) || c == '-' || c == '_';
    let length = name.chars().count();
    if !name.starts_with(ends) || !name.ends_with(ends) || !name.chars().all(legal) {
        let why = "is not made of letters, digits, `-` and `_` with a letter or digit first and last";
        Some((why.to_owned(), "call the group otherwise".to_owned()))
    } else if length > longest {
        let excess = length - longest;
        let why = format!("has {length} characters, and node groups have at most {longest} here");
        Some((why, format!("call the group by a name that is {excess} shorter")))
    } else {
        None
    }
}

/// Later stages select nodes by it, so its value is not the user's to choose.
fn reserved_label(group: &str, groups: &Reader<'_>, findings: &mut Findings) {
    let of_group = groups.get(group).and_then(|group| group.get("labels")?.get(GROUP_LABEL));
    if of_group.is_some() {
        let label = GROUP_LABEL;
        let detail = format!("`{label}` of `{group}` is NIC's own: later stages select nodes by it");
        findings.error("LABEL_RESERVED", "A label is not allowed", detail, &groups.at(group));
    }
}

/// The instance type, and the key that says it.
fn instance(group: &str, reader: &Reader<'_>, findings: &mut Findings) -> Option<(&'static str, String)> {
    let Some((key, value)) = reader.one_of(&["instance", "instance_type"], findings) else {
        let detail = format!("`{group}` has no `instance`");
        findings.error("INSTANCE_REQUIRED", "A required key is missing", detail, reader.pointer());
        return None;
    };
    let instance = reader.as_text(key, value, findings)?;
    let legal =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-');
    if instance.split_once('.').is_some_and(|(family, size)| legal(family) && legal(size)) {
        return Some((key, instance));
    }
    let detail = format!("`{instance}` is not an instance type such as `m5.xlarge`");
    findings.error("INSTANCE_INVALID", "A value is malformed", detail, &reader.at(key));
    None
}

fn taints(group: &str, topology: Topology, reader: &Reader<'_>, findings: &mut Findings) -> Vec<Taint> {
    let Some(value) = reader.get("taints") else { return default_taints(group, topology) };
    node_labels::taints(group, value, reader, findings)
}
