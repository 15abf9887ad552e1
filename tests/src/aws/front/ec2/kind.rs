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
    /// Filters of its description, besides `tag:<key>`, `tag-key` and `owner-id`, and where in an item the filtered
    /// values stand.
    pub filters: &'static [(&'static str, &'static str)],
}

const KINDS: [Kind; 8] = [
    Kind {
        prefix: "vpc-",
        parameter: "VpcId",
        id: "vpcId",
        create: "CreateVpc",
        describe: "DescribeVpcs",
        set: "vpcSet",
        not_found: "InvalidVpcID.NotFound",
        noun: "vpc ID",
        filters: &[
            ("cidr", "cidrBlock"),
            ("cidr-block-association.cidr-block", "cidrBlockAssociationSet.cidrBlock"),
            ("dhcp-options-id", "dhcpOptionsId"),
            ("is-default", "isDefault"),
            ("state", "state"),
            ("vpc-id", "vpcId"),
        ],
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
            ("availability-zone", "availabilityZone"),
            ("availability-zone-id", "availabilityZoneId"),
            ("availabilityZone", "availabilityZone"),
            ("cidr", "cidrBlock"),
            ("cidr-block", "cidrBlock"),
            ("cidrBlock", "cidrBlock"),
            ("default-for-az", "defaultForAz"),
            ("map-public-ip-on-launch", "mapPublicIpOnLaunch"),
            ("state", "state"),
            ("subnet-arn", "subnetArn"),
            ("subnet-id", "subnetId"),
            ("vpc-id", "vpcId"),
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
        filters: &[
            ("attachment.state", "attachmentSet.state"),
            ("attachment.vpc-id", "attachmentSet.vpcId"),
            ("internet-gateway-id", "internetGatewayId"),
        ],
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
            ("association.gateway-id", "associationSet.gatewayId"),
            ("association.main", "associationSet.main"),
            ("association.route-table-association-id", "associationSet.routeTableAssociationId"),
            ("association.route-table-id", "associationSet.routeTableId"),
            ("association.subnet-id", "associationSet.subnetId"),
            ("route.destination-cidr-block", "routeSet.destinationCidrBlock"),
            ("route.gateway-id", "routeSet.gatewayId"),
            ("route.nat-gateway-id", "routeSet.natGatewayId"),
            ("route.origin", "routeSet.origin"),
            ("route.state", "routeSet.state"),
            ("route-table-id", "routeTableId"),
            ("vpc-id", "vpcId"),
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
            ("description", "groupDescription"),
            ("egress.ip-permission.cidr", "ipPermissionsEgress.ipRanges.cidrIp"),
            ("egress.ip-permission.from-port", "ipPermissionsEgress.fromPort"),
            ("egress.ip-permission.group-id", "ipPermissionsEgress.groups.groupId"),
            ("egress.ip-permission.protocol", "ipPermissionsEgress.ipProtocol"),
            ("egress.ip-permission.to-port", "ipPermissionsEgress.toPort"),
            ("ip-permission.cidr", "ipPermissions.ipRanges.cidrIp"),
            ("ip-permission.from-port", "ipPermissions.fromPort"),
            ("ip-permission.group-id", "ipPermissions.groups.groupId"),
            ("ip-permission.protocol", "ipPermissions.ipProtocol"),
            ("ip-permission.to-port", "ipPermissions.toPort"),
            ("group-id", "groupId"),
            ("group-name", "groupName"),
            ("vpc-id", "vpcId"),
        ],
    },
    Kind {
        prefix: "eipalloc-",
        parameter: "AllocationId",
        id: "allocationId",
        create: "AllocateAddress",
        describe: "DescribeAddresses",
        set: "addressesSet",
        not_found: "InvalidAllocationID.NotFound",
        noun: "allocation ID",
        filters: &[
            ("allocation-id", "allocationId"),
            ("association-id", "associationId"),
            ("network-interface-id", "networkInterfaceId"),
            ("public-ip", "publicIp"),
        ],
    },
    Kind {
        prefix: "nat-",
        parameter: "NatGatewayId",
        id: "natGatewayId",
        create: "CreateNatGateway",
        describe: "DescribeNatGateways",
        set: "natGatewaySet",
        not_found: "NatGatewayNotFound",
        noun: "NAT gateway",
        filters: &[
            ("nat-gateway-id", "natGatewayId"),
            ("state", "state"),
            ("subnet-id", "subnetId"),
            ("vpc-id", "vpcId"),
        ],
    },
    Kind {
        prefix: "vol-",
        parameter: "VolumeId",
        id: "volumeId",
        create: "CreateVolume",
        describe: "DescribeVolumes",
        set: "volumeSet",
        not_found: "InvalidVolume.NotFound",
        noun: "volume",
        filters: &[
            ("availability-zone", "availabilityZone"),
            ("encrypted", "encrypted"),
            ("size", "size"),
            ("status", "status"),
            ("volume-id", "volumeId"),
            ("volume-type", "volumeType"),
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
