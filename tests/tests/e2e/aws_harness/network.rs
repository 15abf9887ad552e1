//! The network: what clashes, what is in use, what takes time.

use anyhow::Result;
use nic_tests::aws::{AwsCloud, Emulator, Wait};
use serde_json::json;

use super::{BASE, shows};

on_both! {
    things_in_use_are_kept
    filters_filter
    network_clashes_are_refused
    nat_gateways_take_their_time_and_hold_what_they_use
    instance_types_are_offered_by_zone
}

async fn things_in_use_are_kept(emulator: Emulator) -> Result<()> {
    let script = r#"
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])
sg = ec2.create_security_group(GroupName="s", Description="s", VpcId=vpc)["GroupId"]
network["securityGroupIds"] = [sg]
for subnet in subnets:
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
cluster(); until(status, "ACTIVE"); group()
policy = "arn:aws:iam::aws:policy/AmazonEKSClusterPolicy"
iam.attach_role_policy(RoleName="control", PolicyArn=policy)
main = next(t["RouteTableId"] for t in ec2.describe_route_tables(Filters=[dict(Name="vpc-id", Values=[vpc])])["RouteTables"] if t["RouteTableId"] != table)
show([error(ec2.delete_subnet, SubnetId=subnets[0]), error(ec2.delete_security_group, GroupId=sg), error(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc),
      error(ec2.delete_internet_gateway, InternetGatewayId=gateway), error(ec2.delete_route_table, RouteTableId=table), error(ec2.delete_route_table, RouteTableId=main),
      error(ec2.delete_vpc, VpcId=vpc), error(iam.delete_role, RoleName="control"), error(eks.delete_cluster, name="c")])
"#;
    let dependency = "DependencyViolation";
    let expected = json!([
        dependency,
        dependency,
        dependency,
        dependency,
        dependency,
        dependency,
        dependency,
        "DeleteConflict",
        "ResourceInUseException"
    ]);
    shows(emulator, script, expected).await
}

async fn filters_filter(emulator: Emulator) -> Result<()> {
    let script = r#"
other = ec2.create_vpc(CidrBlock="10.20.0.0/16", TagSpecifications=[dict(ResourceType="vpc", Tags=[dict(Key="Name", Value="other")])])["Vpc"]["VpcId"]
groups = [ec2.create_security_group(GroupName="s", Description="s", VpcId=one)["GroupId"] for one in (vpc, other)]
tables = [ec2.create_route_table(VpcId=one)["RouteTable"]["RouteTableId"] for one in (vpc, other)]
ec2.associate_route_table(RouteTableId=tables[0], SubnetId=subnets[0])
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=other)
def found(action, member, key, **filters):
    named = [dict(Name=name.replace("_", "-").replace("--", "."), Values=values) for name, values in filters.items()]
    return [item[key] for item in getattr(ec2, action)(Filters=named)[member]]
show([
    found("describe_vpcs", "Vpcs", "VpcId", **{"tag:Name": ["oth*"]}) == [other],
    found("describe_vpcs", "Vpcs", "VpcId", **{"tag:Name": ["other"], "cidr": ["10.10.0.0/16"]}) == [],
    found("describe_vpcs", "Vpcs", "VpcId", **{"tag-key": ["Name"], "owner-id": [roles["nodes"].split(":")[4]]}) == [other],
    found("describe_security_groups", "SecurityGroups", "GroupId", group_id=groups[:1]) == groups[:1],
    found("describe_security_groups", "SecurityGroups", "GroupId", vpc_id=[other], group_name=["s"]) == groups[1:],
    found("describe_route_tables", "RouteTables", "RouteTableId", route_table_id=tables[1:]) == tables[1:],
    found("describe_route_tables", "RouteTables", "RouteTableId", association__subnet_id=subnets) == tables[:1],
    found("describe_internet_gateways", "InternetGateways", "InternetGatewayId", attachment__vpc_id=[vpc]) == [],
    sorted(found("describe_subnets", "Subnets", "SubnetId", vpc_id=[vpc, other])) == sorted(subnets),
])
"#;
    shows(emulator, script, json!([true, true, true, true, true, true, true, true, true])).await
}

async fn network_clashes_are_refused(emulator: Emulator) -> Result<()> {
    let script = r#"
nobody = "0123456789abcdef0"
def subnet(cidr, **more):
    return error(ec2.create_subnet, **{**dict(VpcId=vpc, CidrBlock=cidr), **more})
gateways = [ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"] for _ in range(2)]
tables = [ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"] for _ in range(2)]
def route(gateway):
    return error(ec2.create_route, RouteTableId=tables[0], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
unattached = route(gateways[0])
ec2.attach_internet_gateway(InternetGatewayId=gateways[0], VpcId=vpc)
first = ec2.associate_route_table(RouteTableId=tables[0], SubnetId=subnets[0])["AssociationId"]
sg = ec2.create_security_group(GroupName="s", Description="s", VpcId=vpc)["GroupId"]
rule = [dict(IpProtocol="-1", IpRanges=[dict(CidrIp="10.10.0.0/16", Description="inside")])]
other = [dict(IpProtocol="tcp", FromPort=1, ToPort=2, IpRanges=[dict(CidrIp="10.10.0.0/16")])]
show(dict(
    subnets=[subnet("10.10.0.0/20"), subnet("10.11.0.0/20"), subnet("10.10.128.0/29"), subnet("10.10.128.0/20", VpcId="vpc-" + nobody),
             subnet("10.10.128.0/20", AvailabilityZone="us-east-9z"), error(ec2.create_vpc, CidrBlock="10.0.0.0/8")],
    gateway=[error(ec2.attach_internet_gateway, InternetGatewayId=gateways[1], VpcId=vpc), error(ec2.attach_internet_gateway, InternetGatewayId=gateways[0], VpcId=vpc),
             error(ec2.detach_internet_gateway, InternetGatewayId=gateways[1], VpcId=vpc)],
    routes=[unattached, route(gateways[0]), route(gateways[0]), route("igw-" + nobody)],
    association=[error(ec2.associate_route_table, RouteTableId=tables[1], SubnetId=subnets[0]),
                 ec2.associate_route_table(RouteTableId=tables[0], SubnetId=subnets[0])["AssociationId"] == first],
    rules=[error(ec2.authorize_security_group_ingress, GroupId=sg, IpPermissions=rule), error(ec2.authorize_security_group_ingress, GroupId=sg, IpPermissions=rule),
           error(ec2.revoke_security_group_ingress, GroupId=sg, IpPermissions=other), error(ec2.revoke_security_group_ingress, GroupId=sg, IpPermissions=rule)],
    missing=[error(ec2.describe_vpcs, VpcIds=["vpc-" + nobody]), error(ec2.describe_subnets, SubnetIds=["subnet-" + nobody]), error(ec2.describe_route_tables, RouteTableIds=["rtb-" + nobody]),
             error(ec2.describe_security_groups, GroupIds=["sg-" + nobody]), error(ec2.describe_internet_gateways, InternetGatewayIds=["igw-" + nobody]),
             error(ec2.create_tags, Resources=["subnet-" + nobody], Tags=[dict(Key="a", Value="b")])],
    filters=[error(ec2.describe_vpcs, Filters=[dict(Name="nonsense", Values=["x"])]), error(ec2.create_tags, Resources=[vpc], Tags=[dict(Key="aws:x", Value="y")])],
    iam=[error(iam.create_role, RoleName="r", AssumeRolePolicyDocument="{nope"), error(iam.attach_role_policy, RoleName="nodes", PolicyArn="arn:aws:iam::aws:policy/NoSuchThing"),
         error(iam.create_role, RoleName="nodes", AssumeRolePolicyDocument=trust("x")), error(iam.get_role, RoleName="nobody")],
))
"#;
    let expected = json!({
        "subnets": ["InvalidSubnet.Conflict", "InvalidSubnet.Range", "InvalidSubnet.Range", "InvalidVpcID.NotFound", "InvalidParameterValue", "InvalidVpc.Range"],
        "gateway": ["InvalidParameterValue", "Resource.AlreadyAssociated", "Gateway.NotAttached"],
        "routes": ["InvalidParameterValue", null, "RouteAlreadyExists", "InvalidInternetGatewayID.NotFound"],
        "association": ["Resource.AlreadyAssociated", true],
        "rules": [null, "InvalidPermission.Duplicate", "InvalidPermission.NotFound", null],
        "missing": ["InvalidVpcID.NotFound", "InvalidSubnetID.NotFound", "InvalidRouteTableID.NotFound", "InvalidGroup.NotFound", "InvalidInternetGatewayID.NotFound", "InvalidSubnetID.NotFound"],
        "filters": ["InvalidParameterValue", "InvalidParameterValue"],
        "iam": ["MalformedPolicyDocument", "NoSuchEntity", "EntityAlreadyExists", "NoSuchEntity"],
    });
    shows(emulator, script, expected).await
}

async fn nat_gateways_take_their_time_and_hold_what_they_use(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    aws.nat_pace(Wait::Reads(1));
    let script = r#"
address = ec2.allocate_address(Domain="vpc")["AllocationId"]
def nat(subnet, **more):
    return ec2.create_nat_gateway(SubnetId=subnet, AllocationId=address, **more)["NatGateway"]["NatGatewayId"]
def state(id):
    return [one["State"] for one in ec2.describe_nat_gateways(Filters=[dict(Name="nat-gateway-id", Values=[id])])["NatGateways"]]
lost = nat(subnets[0])
without_gateway = state(lost)
ec2.delete_nat_gateway(NatGatewayId=lost); state(lost)
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
made = nat(subnets[0], ClientToken="t")
coming = [nat(subnets[0], ClientToken="t") == made, state(made), state(made)]
table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
route = dict(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0")
shown = ec2.describe_nat_gateways(NatGatewayIds=[made])["NatGateways"][0]["NatGatewayAddresses"][0]["AllocationId"] == address
refused = [
    error(ec2.create_nat_gateway, SubnetId=subnets[1], AllocationId=address),
    error(ec2.create_nat_gateway, SubnetId="subnet-0123456789abcdef0", AllocationId=address),
    error(ec2.create_nat_gateway, SubnetId=subnets[1], AllocationId="eipalloc-0123456789abcdef0"),
    error(ec2.describe_nat_gateways, NatGatewayIds=["nat-0123456789abcdef0"]),
    error(ec2.delete_nat_gateway, NatGatewayId="nat-0123456789abcdef0"),
    error(ec2.create_route, NatGatewayId="nat-0123456789abcdef0", **route),
    error(ec2.create_route, NatGatewayId=made, **route),
]
def held():
    return [
        error(ec2.release_address, AllocationId=address),
        error(ec2.delete_subnet, SubnetId=subnets[0]),
        error(ec2.detach_internet_gateway, InternetGatewayId=gateway, VpcId=vpc),
    ]
there = held()
ec2.delete_nat_gateway(NatGatewayId=made)
going = held() + [state(made), state(made)]
gone = held()
show(dict(without_gateway=without_gateway, coming=coming, shown=shown, refused=refused, there=there, going=going, gone=gone))
"#;
    let shown = aws.boto3(&format!("{BASE}{script}")).await?;
    let held = ["InvalidIPAddress.InUse", "DependencyViolation", "DependencyViolation"];
    let expected = json!({
        "without_gateway": ["failed"],
        "coming": [true, ["pending"], ["available"]],
        "shown": true,
        "refused": [
            "Resource.AlreadyAssociated", "InvalidSubnetID.NotFound", "InvalidAllocationID.NotFound",
            "NatGatewayNotFound", "NatGatewayNotFound", "InvalidNatGatewayID.NotFound", null,
        ],
        "there": held,
        "going": [held[0], held[1], held[2], ["deleting"], ["deleted"]],
        "gone": [null, null, null],
    });
    assert_eq!(shown, expected, "{emulator:?}");
    Ok(())
}

async fn instance_types_are_offered_by_zone(emulator: Emulator) -> Result<()> {
    let script = r#"
def zones(name):
    found = ec2.describe_instance_type_offerings(LocationType="availability-zone", Filters=[dict(Name="instance-type", Values=[name])])
    return sorted(offer["Location"] for offer in found["InstanceTypeOfferings"])
show(["us-east-1a" in zones("m5.xlarge"), zones("nonsense.xlarge")])
"#;
    shows(emulator, script, json!([true, []])).await
}
