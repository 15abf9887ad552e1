//! The kinds of things in a network: their ids, parameters and errors.

use crate::aws::front::answer::{Answer, Fault};
use crate::aws::front::call::Call;
use crate::aws::front::xml;

/// One kind of thing.
#[derive(Debug)]
pub(super) struct Kind {
    /// How its ids begin.
    pub prefix: &'static str,
    /// The parameter that names one.
    pub parameter: &'static str,
    /// The element that holds its id.
    pub id: &'static str,
    pub create: &'static str,
    pub describe: &'static str,
    /// The element that holds the list.
    pub set: &'static str,
    not_found: &'static str,
    noun: &'static str,
    /// Filters of its description, besides `tag:<key>`, `tag-key` and `owner-id`.
    pub filters: &'static [&'static str],
}

const KINDS: [Kind; 5] = [
    Kind {
        prefix: "vpc-",
        parameter: "VpcId",
        id: "vpcId",
        create: "CreateVpc",
        describe: "DescribeVpcs",
        set: "vpcSet",
        not_found: "InvalidVpcID.NotFound",
        noun: "vpc ID",
        filters: &["cidr", "cidr-block-association.cidr-block", "dhcp-options-id", "is-default", "state", "vpc-id"],
    },
    Kind {
        prefix: "subnet-",
        parameter: "SubnetId",
        id: "subnetId",
        create: "CreateSubnet",
        describe: "DescribeSubnets",
        set: "subnetSet",
        not_found: "InvalidSubnetID.NotFound",
        noun: "subnet ID",
        filters: &[
            "availability-zone", "availability-zone-id", "availabilityZone", "cidr", "cidr-block", "cidrBlock", "default-for-az", "map-public-ip-on-launch", "state", "subnet-arn", "subnet-id",
            "vpc-id",
        ],
    },
    Kind {
        prefix: "igw-",
        parameter: "InternetGatewayId",
        id: "internetGatewayId",
        create: "CreateInternetGateway",
        describe: "DescribeInternetGateways",
        set: "internetGatewaySet",
        not_found: "InvalidInternetGatewayID.NotFound",
        noun: "internetGateway ID",
        filters: &["attachment.state", "attachment.vpc-id", "internet-gateway-id"],
    },
    Kind {
        prefix: "rtb-",
        parameter: "RouteTableId",
        id: "routeTableId",
        create: "CreateRouteTable",
        describe: "DescribeRouteTables",
        set: "routeTableSet",
        not_found: "InvalidRouteTableID.NotFound",
        noun: "routeTable ID",
        filters: &[
            "association.gateway-id", "association.main", "association.route-table-association-id", "association.route-table-id", "association.subnet-id", "route.destination-cidr-block",
            "route.gateway-id", "route.nat-gateway-id", "route.origin", "route.state", "route-table-id", "vpc-id",
        ],
    },
    Kind {
        prefix: "sg-",
        parameter: "GroupId",
        id: "groupId",
        create: "CreateSecurityGroup",
        describe: "DescribeSecurityGroups",
        set: "securityGroupInfo",
        not_found: "InvalidGroup.NotFound",
        noun: "security group",
        filters: &[
            "description", "egress.ip-permission.cidr", "egress.ip-permission.from-port", "egress.ip-permission.group-id", "egress.ip-permission.protocol", "egress.ip-permission.to-port",
            "group-id", "group-name", "ip-permission.cidr", "ip-permission.from-port", "ip-permission.group-id", "ip-permission.protocol", "ip-permission.to-port", "vpc-id",
        ],
    },
];

impl Kind {
    pub fn all() -> &'static [Self] {
        &KINDS
    }

    pub fn described_by(action: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.describe == action)
    }

    pub fn of(id: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| id.starts_with(kind.prefix))
    }

    /// The id of what this call just created.
    pub fn created_by(call: &Call, answer: &Answer) -> Option<String> {
        let kind = KINDS.iter().find(|kind| kind.create == call.action)?;
        let value = xml::to_json(&String::from_utf8_lossy(&answer.body)).ok()?;
        // `<vpc><vpcId>`, but `<groupId>` directly.
        let mut holders = std::iter::once(&value).chain(value.as_object()?.values());
        holders.find_map(|holder| holder[kind.id].as_str().map(str::to_owned))
    }

    pub fn missing(&self, id: &str) -> Fault {
        Fault::bad(self.not_found, format!("The {} '{id}' does not exist", self.noun))
    }
}
