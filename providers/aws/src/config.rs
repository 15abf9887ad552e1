//! The `amazon_web_services` section, typed. Both spellings are read: Nebari's own and the design document's.

mod block_storage;
mod endpoint;
mod identifiers;
mod machines;
mod node_group;
mod node_labels;
pub mod schema;
mod spelling;
pub mod storage;
mod user_tags;

use nic_kubernetes_initialize::kubernetes::{self, Kubernetes};
use nic_kubernetes_initialize::registry::{self, ExternalRegistry};
use nic_sdk::aws::Partition;
use nic_sdk::findings::Findings;
use nic_sdk::kit::{Cidr, Minor, Reader, Topology, placeholder};
use nic_sdk::types::{Diagnostic, Severity};
use serde_json::Value;

pub use self::block_storage::Storage;
pub use self::machines::{had_another_image, image};
pub use self::node_group::{GROUP_LABEL, NodeGroup};
pub use self::storage::SharedStorage;
use crate::tags::Tags;
use crate::zones::is_beyond_the_region;

/// The section this provider owns.
pub const SECTION: &str = "amazon_web_services";

/// Bits by which a subnet is longer than its VPC: room for four.
pub const SUBNET_BITS: u8 = 2;

/// The same of the design document's topology, whose subnets are numbered in a finer grid.
pub const DESIGN_SUBNET_BITS: u8 = 8;

/// Zones of a network in that topology: its public subnets are numbered from 1, its private ones from 10.
const DESIGN_ZONES: usize = 9;

/// The network of a topology's VPC when none is configured.
fn default_block(topology: Topology) -> &'static str {
    match topology {
        Topology::Classic => "10.10.0.0/16",
        Topology::Design => "10.0.0.0/16",
    }
}

/// Prefix lengths for which AWS allows both the VPC and its subnets, which are /28 at most.
fn vpc_prefixes(topology: Topology) -> std::ops::RangeInclusive<u8> {
    match topology {
        Topology::Classic => 16..=28 - SUBNET_BITS,
        Topology::Design => 16..=28 - DESIGN_SUBNET_BITS,
    }
}

/// The section.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    pub region: String,
    /// Major and minor; none for the newest that is on offer and known to work at the first deploy.
    pub kubernetes_version: Option<String>,
    /// As configured; fewer than two mean the region's first two.
    pub availability_zones: Vec<String>,
    /// By name.
    pub node_groups: Vec<NodeGroup>,
    /// Whether the cluster's endpoint is reachable from outside.
    pub endpoint_public: bool,
    /// Whether it is reachable from the VPC.
    pub endpoint_private: bool,
    /// From where it is reachable when it is public.
    pub public_access_cidrs: Vec<String>,
    /// The key that encrypts Kubernetes Secrets.
    pub kms_key_arn: Option<String>,
    /// Ours or given.
    pub network: Network,
    /// The boundary of every role.
    pub permissions_boundary: Option<String>,
    /// The user's tags.
    pub tags: Tags,
    /// A private registry to pull from, if it is enabled.
    pub external_registry: Option<ExternalRegistry>,
    /// What is set on the cluster, from the top-level section `kubernetes`; only the design topology has it.
    pub kubernetes: Kubernetes,
    /// What users' files lie on, from the top-level section `storage`.
    pub shared_storage: SharedStorage,
    /// The section's own storage; only the design topology has it.
    pub storage: Option<Storage>,
}

/// Where the cluster stands.
#[derive(Debug, Clone, PartialEq)]
pub enum Network {
    /// In a VPC of its own.
    Own(Cidr),
    /// In subnets that were there before.
    Existing {
        subnet_ids: Vec<String>,
        /// The security group for the control plane.
        security_group_id: String,
    },
}

/// The section and what there is to say about it; no section when something is wrong with it.
pub fn parse(config: &Value, topology: Topology) -> (Option<Config>, Vec<Diagnostic>) {
    let (read, found) = read(config, topology);
    let is_wrong = found.iter().any(|finding| finding.severity == Severity::Error);
    (read.filter(|_| !is_wrong), found)
}

/// The same, and the section as far as it can be read also when something is wrong with it.
pub fn read(config: &Value, topology: Topology) -> (Option<Config>, Vec<Diagnostic>) {
    let mut findings = Findings::default();
    let root = format!("/{SECTION}");
    let Some(section) = Reader::new(config.get(SECTION), &root, &mut findings) else {
        findings.error(
            "SECTION_MISSING",
            "A config section is missing",
            format!("`{SECTION}` is not there or not a map"),
            &root,
        );
        return (None, findings.into_inner());
    };
    let (external_registry, told) = registry::read(config);
    findings.extend(told);
    let (kubernetes, told) = match topology {
        Topology::Classic => (Kubernetes::default(), kubernetes::not_in_classic(config)),
        Topology::Design => kubernetes::read(config),
    };
    findings.extend(told);
    let shared_storage = storage::parse(config, &mut findings);
    let parsed = section_of(&section, topology, shared_storage, &mut findings);
    let parsed = parsed.map(|parsed| Config { external_registry, kubernetes, ..parsed });
    replaced_keys(&section, &mut findings);
    section.tell_unknown(spelling::SECTION_KEYS, &mut findings);
    let mut found = findings.into_inner();
    for finding in &mut found {
        name_placeholder(config, finding);
    }
    (parsed, found)
}

/// What is refused for its form may have been left for somebody to fill in.
fn name_placeholder(config: &Value, finding: &mut Diagnostic) {
    let text = finding.pointer.as_deref().and_then(|pointer| config.pointer(pointer)?.as_str());
    let left = text.and_then(placeholder).filter(|_| finding.severity == Severity::Error);
    finding.hints.extend(left.map(|left| format!("`{left}` was left to be filled in: write the value itself")));
}

fn section_of(
    section: &Reader<'_>,
    topology: Topology,
    shared_storage: SharedStorage,
    findings: &mut Findings,
) -> Option<Config> {
    let region = region(section, findings);
    let kubernetes_version = kubernetes_version(section, findings);
    let availability_zones = availability_zones(section, region.as_deref(), findings);
    let node_groups = node_group::parse(section, topology, findings);
    let (endpoint_public, endpoint_private) = endpoint::access(section, findings);
    let public_access_cidrs = endpoint::public_cidrs(section, endpoint_public, findings);
    let kms_key_arn = identifiers::kms_key(section, region.as_deref(), findings);
    let permissions_boundary = identifiers::boundary(section, region.as_deref(), findings);
    let network = network(section, topology, findings);
    // Only a network of its own has subnets for each zone.
    if !matches!(network, Some(Network::Existing { .. })) {
        room_for_zones(section, topology, availability_zones.len(), findings);
    }
    let tags = user_tags::read(section, findings);
    let storage = block_storage::parse(section, topology, findings);
    Some(Config {
        region: region?,
        kubernetes_version,
        availability_zones,
        node_groups,
        endpoint_public,
        endpoint_private,
        public_access_cidrs,
        kms_key_arn,
        network: network?,
        permissions_boundary,
        tags,
        external_registry: None,
        kubernetes: Kubernetes::default(),
        shared_storage,
        storage,
    })
}

fn region(section: &Reader<'_>, findings: &mut Findings) -> Option<String> {
    let Some(region) = section.text("region", findings) else {
        findings.error("REGION_REQUIRED", "A required key is missing", "`region` is not set".into(), section.pointer());
        return None;
    };
    if Partition::of_region(&region).is_some() {
        return Some(region);
    }
    findings
        .error(
            "REGION_INVALID",
            "A value is malformed",
            format!("`{region}` is not an AWS region that NIC knows"),
            &section.at("region"),
        )
        .hints
        .push("`aws ec2 describe-regions` lists them: such as `us-west-2` or `eu-central-1`".to_owned());
    None
}

fn kubernetes_version(section: &Reader<'_>, findings: &mut Findings) -> Option<String> {
    let version = section.text("kubernetes_version", findings)?;
    if Minor::parse(&version).is_some() {
        return Some(version);
    }
    findings
        .error(
            "KUBERNETES_VERSION_INVALID",
            "A value is malformed",
            format!("`{version}` is not a version EKS knows"),
            &section.at("kubernetes_version"),
        )
        .hints
        .push("EKS versions are a major and a minor number, such as \"1.31\", without a patch".to_owned());
    None
}

fn availability_zones(section: &Reader<'_>, region: Option<&str>, findings: &mut Findings) -> Vec<String> {
    let pointer = section.at("availability_zones");
    let zones = section.texts("availability_zones", findings).unwrap_or_default();
    let mut seen = std::collections::BTreeSet::new();
    for (index, zone) in zones.iter().enumerate() {
        let pointer = format!("{pointer}/{index}");
        if !seen.insert(zone) {
            findings.error(
                "ZONE_DOUBLED",
                "A value stands twice",
                format!("the zone `{zone}` is listed twice"),
                &pointer,
            );
        } else if let Some(region) = region.filter(|region| !zone.starts_with(region)) {
            findings.error(
                "ZONE_NOT_IN_REGION",
                "A zone of another region",
                format!("`{zone}` is not in the region `{region}`"),
                &pointer,
            );
        } else if is_beyond_the_region(zone) {
            let detail = format!("`{zone}` is a local zone or a carrier's, where EKS places no control plane");
            let told = findings.error("ZONE_NOT_FOR_CLUSTERS", "EKS does not serve the zone", detail, &pointer);
            told.hints.push("name a zone of the region itself, such as `us-west-2a`".to_owned());
        }
    }
    if zones.len() == 1 {
        findings.warning(
            "ZONES_TOO_FEW",
            "One zone is not enough",
            "EKS needs two zones: the region's first two are taken instead of the one that is listed".into(),
            &pointer,
        );
    }
    zones
}

fn room_for_zones(section: &Reader<'_>, topology: Topology, zones: usize, findings: &mut Findings) {
    let most = match topology {
        Topology::Classic => 1 << SUBNET_BITS,
        Topology::Design => DESIGN_ZONES,
    };
    if zones > most {
        let detail = format!("{zones} zones are listed, and the VPC has room for subnets in {most}");
        findings.error("ZONES_TOO_MANY", "More zones than subnets fit", detail, &section.at("availability_zones"));
    }
}

/// They say which network is meant. Were they only told of, a new one would be made instead.
fn replaced_keys(section: &Reader<'_>, findings: &mut Findings) {
    for &(key, instead) in spelling::REPLACED_KEYS {
        if section.get(key).is_some() {
            let detail = format!("Nebari no longer has `{key}`, so the network that it may name would not be used");
            let finding = findings.error("CONFIG_KEY_REPLACED", "A key is no longer allowed", detail, &section.at(key));
            finding.hints.push(instead.to_owned());
        }
    }
}

fn network(section: &Reader<'_>, topology: Topology, findings: &mut Findings) -> Option<Network> {
    let subnet_ids = section.texts("existing_subnet_ids", findings);
    let security_group_id = section.text("existing_security_group_id", findings);
    let given = section.one_of(&["vpc_cidr_block", "vpc_cidr"], findings);
    if let (Some(subnet_ids), Some(security_group_id)) = (&subnet_ids, &security_group_id) {
        let pointer = section.at("existing_subnet_ids");
        if subnet_ids.iter().collect::<std::collections::BTreeSet<_>>().len() < 2 {
            findings.error(
                "SUBNETS_TOO_FEW",
                "One subnet is not enough",
                "EKS needs subnets in two zones".into(),
                &pointer,
            );
        }
        for (index, id) in subnet_ids.iter().enumerate() {
            let pointer = format!("{pointer}/{index}");
            identifiers::id(id, "subnet", "a subnet id", &pointer, findings);
            if subnet_ids[..index].contains(id) {
                let detail = format!("the subnet `{id}` is listed twice, which EKS refuses");
                findings.error("SUBNET_DOUBLED", "A value stands twice", detail, &pointer);
            }
        }
        let at = section.at("existing_security_group_id");
        identifiers::id(security_group_id, "sg", "a security group id", &at, findings);
        return Some(Network::Existing {
            subnet_ids: subnet_ids.clone(),
            security_group_id: security_group_id.clone(),
        });
    }
    for (key, alone) in
        [("existing_subnet_ids", subnet_ids.is_some()), ("existing_security_group_id", security_group_id.is_some())]
    {
        if alone {
            findings.warning(
                "EXISTING_NETWORK_INCOMPLETE",
                "Half of an existing network is named",
                format!(
                    "`{key}` has no effect alone: a network is created unless both subnets and security group are given"
                ),
                &section.at(key),
            );
        }
    }
    let (pointer, text) = match given {
        Some((key, value)) => (section.at(key), section.as_text(key, value, findings)?),
        None => (section.at("vpc_cidr_block"), default_block(topology).to_owned()),
    };
    let block = Cidr::read(&text, &pointer, findings)?;
    if let Some(range) = endpoint::unroutable(block) {
        let detail = format!("`{text}` has addresses of {range}, which no network has");
        let told = findings.error("CIDR_REFUSED", "AWS refuses the network", detail, &pointer);
        told.hints.push(format!("write a private network, such as `{}`", default_block(topology)));
        return None;
    }
    let prefixes = vpc_prefixes(topology);
    if !prefixes.contains(&block.prefix()) {
        let detail = format!(
            "`{text}`: a VPC that has room for its subnets is between /{} and /{}",
            prefixes.start(),
            prefixes.end()
        );
        findings.error("VPC_SIZE", "A network is too large or too small", detail, &pointer);
        return None;
    }
    Some(Network::Own(block))
}
