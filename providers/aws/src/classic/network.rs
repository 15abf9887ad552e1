//! One VPC, one public subnet for each zone, one gateway, one route table, one security group.

use nic_sdk::error::Error;
use nic_sdk::kit::Cidr;
use nic_sdk::types::{Resource, reference};
use serde_json::{Value, json};

use super::{Platform, resource, tag_object};
use crate::config::SUBNET_BITS;
use crate::kinds::{INTERNET_GATEWAY, ROUTE_TABLE, ROUTE_TABLE_ASSOCIATION, SECURITY_GROUP, SUBNET, VPC};

/// Where the cluster is put.
pub struct Place {
    /// Subnets, as references or ids.
    pub subnet_ids: Vec<Value>,
    /// The security group of the control plane.
    pub security_group_id: Value,
    /// What must stand before a node can reach the outside.
    pub routes: Vec<String>,
}

const MAIN_VPC: &str = "aws.vpc.main";
const MAIN_GATEWAY: &str = "aws.internet-gateway.main";
const MAIN_ROUTE_TABLE: &str = "aws.route-table.main";
const MAIN_SECURITY_GROUP: &str = "aws.security-group.main";
const EVERYWHERE: &str = "0.0.0.0/0";

/// Adds the network of its own.
pub fn add(
    platform: &Platform<'_>,
    block: Cidr,
    zones: &[String],
    resources: &mut Vec<Resource>,
) -> Result<Place, Error> {
    let names = platform.names;
    let vpc_id = || reference(MAIN_VPC, "/id");
    let mut shared = platform.tags(Some(&names.cluster));
    let plain = tag_object(&shared);
    shared.insert(names.cluster_tag(), "shared".to_owned());
    let vpc = json!({
        "cidr": block.to_string(),
        "enable_dns_support": true,
        "enable_dns_hostnames": true,
        "tags": tag_object(&shared),
    });
    resources.push(Resource::new(MAIN_VPC, VPC, vpc));

    let gateway = json!({ "vpc_id": vpc_id(), "tags": plain });
    resources.push(Resource::new(MAIN_GATEWAY, INTERNET_GATEWAY, gateway));

    let table = json!({
        "vpc_id": vpc_id(),
        "routes": [{ "destination": EVERYWHERE, "gateway_id": reference(MAIN_GATEWAY, "/id") }],
        "tags": plain,
    });
    resources.push(Resource::new(MAIN_ROUTE_TABLE, ROUTE_TABLE, table));

    // The table's id is known before its routes are there.
    let mut place = Place {
        subnet_ids: Vec::new(),
        security_group_id: reference(MAIN_SECURITY_GROUP, "/id"),
        routes: vec![MAIN_ROUTE_TABLE.to_owned()],
    };
    for (index, zone) in zones.iter().enumerate() {
        let cidr = u32::try_from(index).ok().and_then(|index| block.subnet(SUBNET_BITS, index));
        let cidr = cidr.ok_or_else(|| Error::other("SUBNETS_TOO_MANY", format!("`{block}` has no subnet {index}")))?;
        let mut tags = platform.tags(Some(&names.subnet(index)));
        tags.insert(names.cluster_tag(), "shared".to_owned());
        let subnet = json!({
            "cidr": cidr.to_string(),
            "availability_zone": zone,
            "map_public_ip_on_launch": true,
            "vpc_id": vpc_id(),
            "tags": tag_object(&tags),
        });
        let address = format!("aws.subnet.{index}");
        resources.push(Resource::new(&address, SUBNET, subnet));
        place.subnet_ids.push(reference(&address, "/id"));

        let association = json!({
            "subnet_id": reference(&address, "/id"),
            "route_table_id": reference(MAIN_ROUTE_TABLE, "/id"),
        });
        let address = format!("aws.route-table-association.{index}");
        resources.push(Resource::new(&address, ROUTE_TABLE_ASSOCIATION, association));
        place.routes.push(address);
    }

    let mut owned = platform.tags(Some(&names.cluster));
    owned.insert(names.cluster_tag(), "owned".to_owned());
    let security_group = json!({
        "name": names.cluster,
        "description": "Main security group for infrastructure deployment",
        "vpc_id": vpc_id(),
        "ingress": [{
            "protocol": "-1",
            "cidr": block.to_string(),
            "description": "Allow all ports and protocols to enter the security group",
        }],
        "egress": [{
            "protocol": "-1",
            "cidr": EVERYWHERE,
            "description": "Allow all ports and protocols to exit the security group",
        }],
        "tags": tag_object(&owned),
    });
    resources.push(resource(MAIN_SECURITY_GROUP, SECURITY_GROUP, security_group, &[]));
    Ok(place)
}
