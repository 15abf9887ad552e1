//! One VPC; for each zone a public and a private subnet, and a NAT gateway in the public one; two security groups.

use nic_sdk::error::Error;
use nic_sdk::kit::Cidr;
use nic_sdk::types::{Resource, reference};
use serde_json::{Value, json};

use super::Place;
use crate::classic::{Platform, resource, tag_object};
use crate::config::DESIGN_SUBNET_BITS;
use crate::kinds::{
    ELASTIC_IP, INTERNET_GATEWAY, NAT_GATEWAY, ROUTE_TABLE, ROUTE_TABLE_ASSOCIATION, SECURITY_GROUP, SUBNET, VPC,
};

const MAIN_VPC: &str = "aws.vpc.main";
const MAIN_GATEWAY: &str = "aws.internet-gateway.main";
const PUBLIC_TABLE: &str = "aws.route-table.public";
const CLUSTER_GROUP: &str = "aws.security-group.cluster";
const NODE_GROUP: &str = "aws.security-group.node";
const EVERYWHERE: &str = "0.0.0.0/0";

/// Public or private.
#[derive(Clone, Copy)]
struct Reach {
    name: &'static str,
    /// The number of the first subnet: the document's 10.0.1.0/24 and 10.0.10.0/24.
    first: usize,
    public: bool,
    /// Kubernetes finds the subnets of load balancers by it.
    role_tag: &'static str,
}

const PUBLIC: Reach = Reach { name: "public", first: 1, public: true, role_tag: "kubernetes.io/role/elb" };
const PRIVATE: Reach = Reach { name: "private", first: 10, public: false, role_tag: "kubernetes.io/role/internal-elb" };

/// Adds the network of its own.
pub fn add(
    platform: &Platform<'_>,
    block: Cidr,
    zones: &[String],
    resources: &mut Vec<Resource>,
) -> Result<Place, Error> {
    let cluster = &platform.names.cluster;
    let vpc_id = || reference(MAIN_VPC, "/id");
    let mut shared = platform.tags(Some(cluster));
    shared.insert(platform.names.cluster_tag(), "shared".to_owned());
    let vpc = json!({
        "cidr": block.to_string(),
        "enable_dns_support": true,
        "enable_dns_hostnames": true,
        "tags": tag_object(&shared),
    });
    resources.push(Resource::new(MAIN_VPC, VPC, vpc));
    let gateway = json!({ "vpc_id": vpc_id(), "tags": tag_object(&platform.tags(Some(cluster))) });
    resources.push(Resource::new(MAIN_GATEWAY, INTERNET_GATEWAY, gateway));
    let way_out = json!([{ "destination": EVERYWHERE, "gateway_id": reference(MAIN_GATEWAY, "/id") }]);
    resources.push(table(platform, PUBLIC.name, &way_out));

    // A table's id is known before its routes are there.
    let (mut public, mut private, mut routes) = (Vec::new(), Vec::new(), vec![PUBLIC_TABLE.to_owned()]);
    for (index, zone) in zones.iter().enumerate() {
        public.push(subnet(platform, PUBLIC, block, (index, zone), resources)?);
        routes.push(associate(PUBLIC, index, PUBLIC_TABLE, resources));

        let address = format!("aws.elastic-ip.{index}");
        let tags = tag_object(&platform.tags(Some(&format!("{cluster}-nat-{index}"))));
        resources.push(Resource::new(&address, ELASTIC_IP, json!({ "tags": tags })));
        let nat = format!("aws.nat-gateway.{index}");
        let document = json!({
            "subnet_id": reference(&subnet_address(PUBLIC, index), "/id"),
            "allocation_id": reference(&address, "/id"),
            "tags": tags,
        });
        // Without the internet gateway it would fail, and with it gone it would lose its way out before it is deleted.
        resources.push(resource(&nat, NAT_GATEWAY, document, &[MAIN_GATEWAY.to_owned()]));

        private.push(subnet(platform, PRIVATE, block, (index, zone), resources)?);
        let name = format!("{}-{index}", PRIVATE.name);
        let way_out = json!([{ "destination": EVERYWHERE, "nat_gateway_id": reference(&nat, "/id") }]);
        let table = table(platform, &name, &way_out);
        routes.extend([table.address.clone(), associate(PRIVATE, index, &table.address, resources)]);
        resources.push(table);
    }
    security_groups(platform, block, resources);
    Ok(Place {
        cluster_subnets: public.into_iter().chain(private.iter().cloned()).collect(),
        node_subnets: private,
        security_group_id: reference(CLUSTER_GROUP, "/id"),
        routes,
    })
}

fn subnet_address(reach: Reach, index: usize) -> String {
    format!("aws.subnet.{}-{index}", reach.name)
}

/// Adds a subnet and gives the reference to its id.
fn subnet(
    platform: &Platform<'_>,
    reach: Reach,
    block: Cidr,
    (index, zone): (usize, &str),
    resources: &mut Vec<Resource>,
) -> Result<Value, Error> {
    let number = reach.first + index;
    let cidr = u32::try_from(number).ok().and_then(|number| block.subnet(DESIGN_SUBNET_BITS, number));
    let cidr = cidr.ok_or_else(|| Error::other("SUBNETS_TOO_MANY", format!("`{block}` has no subnet {number}")))?;
    let mut tags = platform.tags(Some(&format!("{}-{}-{index}", platform.names.cluster, reach.name)));
    tags.insert(platform.names.cluster_tag(), "shared".to_owned());
    tags.insert(reach.role_tag.to_owned(), "1".to_owned());
    let document = json!({
        "cidr": cidr.to_string(),
        "availability_zone": zone,
        "map_public_ip_on_launch": reach.public,
        "vpc_id": reference(MAIN_VPC, "/id"),
        "tags": tag_object(&tags),
    });
    let address = subnet_address(reach, index);
    resources.push(Resource::new(&address, SUBNET, document));
    Ok(reference(&address, "/id"))
}

fn table(platform: &Platform<'_>, name: &str, routes: &Value) -> Resource {
    let tags = platform.tags(Some(&format!("{}-{name}", platform.names.cluster)));
    let document = json!({ "vpc_id": reference(MAIN_VPC, "/id"), "routes": routes, "tags": tag_object(&tags) });
    Resource::new(format!("aws.route-table.{name}"), ROUTE_TABLE, document)
}

/// Lets a subnet use a table and gives the address of that.
fn associate(reach: Reach, index: usize, table: &str, resources: &mut Vec<Resource>) -> String {
    let address = format!("aws.route-table-association.{}-{index}", reach.name);
    let document = json!({
        "subnet_id": reference(&subnet_address(reach, index), "/id"),
        "route_table_id": reference(table, "/id"),
    });
    resources.push(Resource::new(&address, ROUTE_TABLE_ASSOCIATION, document));
    address
}

/// The control plane's group and the nodes'. Only one can refer to the other; so the control plane lets the whole VPC in, which
/// is also what lets in nodes that bear EKS's own group.
fn security_groups(platform: &Platform<'_>, block: Cidr, resources: &mut Vec<Resource>) {
    let anywhere = json!([{ "protocol": "-1", "cidr": EVERYWHERE, "description": "Everything out" }]);
    let project = &platform.names.project;
    let mut group = |address: &str, name: String, description: &str, ingress: Value| {
        let document = json!({
            "name": name,
            "description": description,
            "vpc_id": reference(MAIN_VPC, "/id"),
            "ingress": ingress,
            "egress": anywhere,
            "tags": tag_object(&platform.tags(Some(&name))),
        });
        resources.push(Resource::new(address, SECURITY_GROUP, document));
    };
    let from_vpc = json!([{
        "protocol": "tcp",
        "from_port": 443,
        "to_port": 443,
        "cidr": block.to_string(),
        "description": "Nodes and pods to the Kubernetes API",
    }]);
    group(CLUSTER_GROUP, format!("{project}-cluster-sg"), "EKS cluster security group", from_vpc);
    let control_plane = reference(CLUSTER_GROUP, "/id");
    let to_nodes = json!([
        { "protocol": "-1", "self": true, "description": "Nodes and pods to each other" },
        {
            "protocol": "tcp",
            "from_port": 443,
            "to_port": 443,
            "security_group_id": control_plane,
            "description": "The Kubernetes API to webhooks",
        },
        {
            "protocol": "tcp",
            "from_port": 1025,
            "to_port": 65535,
            "security_group_id": control_plane,
            "description": "The Kubernetes API to kubelets and pods",
        },
    ]);
    group(NODE_GROUP, format!("{project}-node-sg"), "EKS node security group", to_nodes);
}
