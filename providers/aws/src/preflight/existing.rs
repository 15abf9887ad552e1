//! Whether a cluster can stand in the subnets, and with the security group, of somebody else's.
//!
//! What EKS refuses is an error. What it takes and what makes nodes or load balancers fail later is a warning: there are networks with ways
//! out that are not seen from here.

use std::collections::BTreeSet;

use aws_sdk_ec2::types::{Route, RouteState, RouteTable, Subnet, VpcAttributeName};
use futures::join;
use nic_sdk::error::Error;
use nic_sdk::kit::preflight::{Summary, unchecked};
use nic_sdk::types::{Diagnostic, Severity};

use super::at;
use crate::classic::kubernetes::MAIN_CLUSTER;
use crate::cloud::{Cloud, filter, from_aws};
use crate::config::{Config, Network};
use crate::kinds::describe_subnets;
use crate::zones::{hosts_no_control_plane, is_beyond_the_region};

/// Addresses that EKS needs in each subnet, and those that it recommends.
const NEEDED: i32 = 6;
const RECOMMENDED: i32 = 16;

/// By which AWS's controllers know subnets for load balancers, those that face the internet and the others.
const LOAD_BALANCERS: [&str; 2] = ["kubernetes.io/role/elb", "kubernetes.io/role/internal-elb"];

const SUBNETS: &str = "existing_subnet_ids";
const GROUP: &str = "existing_security_group_id";

/// The check of this file, before anything is put into the network.
pub async fn check(cloud: &Cloud, config: &Config, summary: Summary<'_>) -> Vec<Diagnostic> {
    let Network::Existing { subnet_ids, security_group_id } = &config.network else { return Vec::new() };
    // A control plane that moves, to other subnets or to another version, needs addresses for both.
    let moves = ["/subnet_ids", "/security_group_ids", "/version"];
    let shifted = moves.iter().any(|pointer| summary.changes(MAIN_CLUSTER, pointer));
    let nodes = summary.made().any(|address| address.starts_with("aws.node-group."));
    if !(summary.makes(MAIN_CLUSTER) || shifted || nodes) {
        return Vec::new();
    }
    let wanted = filter("subnet-id", subnet_ids);
    let (subnets, group) = join!(describe_subnets(cloud, wanted), vpc_of_group(cloud, security_group_id));
    let mut found = Vec::new();
    let mut vpc = None;
    match subnets {
        Ok(subnets) => {
            found.extend(missing(subnet_ids, &subnets));
            found.extend(together(&subnets));
            found.extend(subnets.iter().flat_map(|subnet| alone(subnet_ids, subnet)));
            found.extend(load_balancers(&subnets));
            let vpcs: BTreeSet<&str> = subnets.iter().filter_map(Subnet::vpc_id).collect();
            // What follows is about one VPC.
            vpc = vpcs.first().filter(|_| vpcs.len() == 1).map(|vpc| (*vpc).to_owned());
            if let Some(vpc) = &vpc {
                let (ways, names) = join!(ways_out(cloud, vpc, subnet_ids, &subnets), names(cloud, vpc));
                found.extend([ways, names].concat());
            }
        }
        Err(error) => found.push(unchecked("whether the existing subnets fit", &error)),
    }
    match group {
        Ok(group) => found.extend(group_fits(security_group_id, group.as_deref(), vpc.as_deref())),
        Err(error) => found.push(unchecked("whether the existing security group fits", &error)),
    }
    found
}

/// The VPC of the group; none when there is no such group.
async fn vpc_of_group(cloud: &Cloud, id: &str) -> Result<Option<String>, Error> {
    let request = cloud.ec2.describe_security_groups().filters(filter("group-id", [id]));
    let groups = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws)?;
    Ok(groups.into_iter().next().and_then(|group| group.vpc_id))
}

fn subnet_id(subnet: &Subnet) -> &str {
    subnet.subnet_id().unwrap_or_default()
}

/// Where the id stands in the config.
fn place(ids: &[String], subnet: &Subnet) -> String {
    let index = ids.iter().position(|id| id == subnet_id(subnet)).unwrap_or_default();
    at(&format!("{SUBNETS}/{index}"))
}

fn missing(ids: &[String], subnets: &[Subnet]) -> Vec<Diagnostic> {
    let exists = |id: &str| subnets.iter().any(|subnet| subnet_id(subnet) == id);
    let missing = ids.iter().enumerate().filter(|(_, id)| !exists(id)).map(|(index, id)| {
        let detail = format!("`{SUBNETS}` names `{id}`, which does not exist in this region and account");
        Diagnostic::error("EXTERNAL_NOT_FOUND", "A subnet does not exist", detail)
            .at(at(&format!("{SUBNETS}/{index}")))
            .hint("`aws ec2 describe-subnets` lists those that do")
    });
    missing.collect()
}

/// What EKS wants of all of them.
fn together(subnets: &[Subnet]) -> Vec<Diagnostic> {
    let unfit = |detail: String, hint: &str| {
        let summary = "The subnets do not fit together";
        Diagnostic::error("EXISTING_SUBNETS_UNFIT", summary, detail).at(at(SUBNETS)).hint(hint)
    };
    let each = |of: fn(&Subnet) -> Option<&str>| {
        let each = subnets.iter().map(|subnet| format!("`{}` in {}", subnet_id(subnet), of(subnet).unwrap_or("none")));
        each.collect::<Vec<_>>().join(", ")
    };
    let differing = |of: fn(&Subnet) -> Option<&str>| subnets.iter().map(of).collect::<BTreeSet<_>>().len();
    let mut found = Vec::new();
    if differing(Subnet::vpc_id) > 1 {
        let detail = format!("EKS takes subnets of one VPC: {}", each(Subnet::vpc_id));
        found.push(unfit(detail, "name subnets of one VPC"));
    }
    if subnets.len() > 1 && differing(Subnet::availability_zone) == 1 {
        let detail = format!("EKS needs subnets in two zones: {}", each(Subnet::availability_zone));
        found.push(unfit(detail, "name a subnet in another zone, too"));
    }
    found
}

/// What EKS wants of each.
fn alone(ids: &[String], subnet: &Subnet) -> Vec<Diagnostic> {
    let (id, zone) = (subnet_id(subnet), subnet.availability_zone().unwrap_or_default());
    let told = |severity, code: &str, summary: &str, detail: String, hint: &str| {
        Diagnostic::new(severity, code, summary, detail).at(place(ids, subnet)).hint(hint)
    };
    let mut found = Vec::new();
    let zone_id = subnet.availability_zone_id().unwrap_or_default();
    if hosts_no_control_plane(zone_id) || is_beyond_the_region(zone) {
        let detail = format!("`{id}` is in `{zone}` ({zone_id}), where EKS places no control plane");
        let hint = "name a subnet in another zone of the region";
        let summary = "EKS does not serve the zone";
        found.push(told(Severity::Error, "ZONE_NOT_FOR_CLUSTERS", summary, detail, hint));
    }
    match subnet.available_ip_address_count() {
        Some(free) if free < NEEDED => {
            let detail = format!("`{id}` has {free} free addresses, and EKS needs {NEEDED} in each subnet");
            let summary = "A subnet has too few free addresses";
            let hint = "name a subnet with more, or free some of its addresses";
            found.push(told(Severity::Error, "EXISTING_SUBNET_FULL", summary, detail, hint));
        }
        Some(free) if free < RECOMMENDED => {
            let detail = format!(
                "`{id}` has {free} free addresses: EKS recommends {RECOMMENDED} for itself, and each node and pod takes one"
            );
            let summary = "A subnet has few free addresses";
            let hint = "name a subnet with more addresses";
            found.push(told(Severity::Warning, "EXISTING_SUBNET_FULL", summary, detail, hint));
        }
        _ => {}
    }
    found
}

/// Load balancers find their subnets by tags; without any they may find none.
fn load_balancers(subnets: &[Subnet]) -> Option<Diagnostic> {
    let is_tagged =
        |subnet: &Subnet| subnet.tags().iter().any(|tag| tag.key().is_some_and(|key| LOAD_BALANCERS.contains(&key)));
    if subnets.is_empty() || subnets.iter().any(is_tagged) {
        return None;
    }
    let [public, internal] = LOAD_BALANCERS;
    let detail =
        format!("no subnet has the tag `{public}` or `{internal}`: a Service may find no subnet for its load balancer");
    let told =
        Diagnostic::warning("EXISTING_SUBNETS_UNTAGGED", "Load balancers may find no subnet", detail).at(at(SUBNETS));
    let ids: Vec<&str> = subnets.iter().map(subnet_id).collect();
    Some(told.hint(format!("aws ec2 create-tags --resources {} --tags Key={public},Value=1", ids.join(" "))))
}

/// Whether nodes reach the outside from each of them.
async fn ways_out(cloud: &Cloud, vpc: &str, ids: &[String], subnets: &[Subnet]) -> Vec<Diagnostic> {
    let request = cloud.ec2.describe_route_tables().filters(filter("vpc-id", [vpc]));
    let tables = request.into_paginator().items().send().collect::<Result<Vec<_>, _>>().await.map_err(from_aws);
    let tables = match tables {
        Ok(tables) => tables,
        Err(error) => return vec![unchecked("whether nodes in the existing subnets reach the outside", &error)],
    };
    let closed = subnets.iter().filter_map(|subnet| {
        let id = subnet_id(subnet);
        let way = table_of(&tables, id).and_then(|table| table.routes().iter().find(|route| leads_out(route)));
        let (why, hint) = match way {
            None => (
                "no route to the outside",
                "give it a route through a NAT gateway; with interface endpoints for EC2, ECR, STS and S3 it needs none",
            ),
            Some(way) if is_gateway(way) && subnet.map_public_ip_on_launch() != Some(true) => (
                "a route through an internet gateway, and gives nodes no public addresses that could use it",
                "let it give public addresses (`aws ec2 modify-subnet-attribute --map-public-ip-on-launch`), or a route through a NAT gateway",
            ),
            Some(_) => return None,
        };
        let detail = format!("`{id}` has {why}: nodes in it would not join the cluster, which EKS tells after half an hour");
        let told = Diagnostic::warning("EXISTING_SUBNET_CLOSED", "Nodes may not join the cluster", detail);
        Some(told.at(place(ids, subnet)).hint(hint))
    });
    closed.collect()
}

/// The table of a subnet is the main one of its VPC unless another one is associated with it.
fn table_of<'a>(tables: &'a [RouteTable], subnet: &str) -> Option<&'a RouteTable> {
    let own = tables.iter().find(|table| table.associations().iter().any(|one| one.subnet_id() == Some(subnet)));
    own.or_else(|| tables.iter().find(|table| table.associations().iter().any(|one| one.main() == Some(true))))
}

fn leads_out(route: &Route) -> bool {
    let everywhere =
        route.destination_cidr_block() == Some("0.0.0.0/0") || route.destination_prefix_list_id().is_some();
    // A gateway endpoint is a route to one service.
    let endpoint = route.gateway_id().is_some_and(|id| id.starts_with("vpce-"));
    everywhere && !endpoint && route.state() != Some(&RouteState::Blackhole)
}

fn is_gateway(route: &Route) -> bool {
    route.gateway_id().is_some_and(|id| id.starts_with("igw-"))
}

/// Nodes find the cluster, and each other, by the names that the VPC resolves.
async fn names(cloud: &Cloud, vpc: &str) -> Vec<Diagnostic> {
    let ask = |name| cloud.ec2.describe_vpc_attribute().vpc_id(vpc).attribute(name).send();
    let (support, hostnames) =
        join!(ask(VpcAttributeName::EnableDnsSupport), ask(VpcAttributeName::EnableDnsHostnames));
    let (support, hostnames) = match (support.map_err(from_aws), hostnames.map_err(from_aws)) {
        (Ok(support), Ok(hostnames)) => (support.enable_dns_support, hostnames.enable_dns_hostnames),
        (Err(error), _) | (_, Err(error)) => return vec![unchecked(&format!("whether `{vpc}` has DNS"), &error)],
    };
    let off = [("DNS support", "enable-dns-support", support), ("DNS host names", "enable-dns-hostnames", hostnames)];
    let off = off.into_iter().filter(|(_, _, value)| value.as_ref().is_some_and(|value| value.value == Some(false)));
    let told = off.map(|(what, option, _)| {
        let detail = format!("{what} of `{vpc}` is off: nodes would not register with the cluster");
        Diagnostic::warning("EXISTING_VPC_WITHOUT_DNS", "The VPC resolves no names", detail)
            .at(at(SUBNETS))
            .hint(format!("aws ec2 modify-vpc-attribute --vpc-id {vpc} --{option} '{{\"Value\":true}}'"))
    });
    told.collect()
}

fn group_fits(id: &str, of: Option<&str>, vpc: Option<&str>) -> Option<Diagnostic> {
    let told = |code: &str, summary: &str, detail: String| Diagnostic::error(code, summary, detail).at(at(GROUP));
    match (of, vpc) {
        (None, _) => {
            let detail = format!("`{GROUP}` names `{id}`, which does not exist in this region and account");
            Some(told("EXTERNAL_NOT_FOUND", "A security group does not exist", detail))
        }
        (Some(of), Some(vpc)) if of != vpc => {
            let detail = format!("`{id}` is in `{of}`, and the subnets are in `{vpc}`");
            let told = told("EXISTING_GROUP_ELSEWHERE", "The security group is in another VPC", detail);
            Some(told.hint(format!("name a security group of `{vpc}`")))
        }
        _ => None,
    }
}
