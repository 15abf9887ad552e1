//! The AWS harness behaves as AWS does, on either emulator: seen from boto3, which shares no code with it.

use std::time::Duration;

use anyhow::Result;
use nic_tests::aws::{AwsCloud, Credentials, Effect, Emulator, Hide, Matching, Pace, Wait, When};
use serde_json::{Value, json};

/// A network and the two roles that a cluster needs; leaves their names in Python variables.
const BASE: &str = r#"
ec2, iam, eks = client("ec2"), client("iam"), client("eks")
vpc = ec2.create_vpc(CidrBlock="10.10.0.0/16")["Vpc"]["VpcId"]
subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.10.{64 * i}.0/18", AvailabilityZone=f"us-east-1{'ab'[i]}")["Subnet"]["SubnetId"] for i in range(2)]
roles = {}
for name, service in (("control", "eks.amazonaws.com"), ("nodes", "ec2.amazonaws.com")):
    roles[name] = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(service))["Role"]["Arn"]
network = dict(subnetIds=subnets)
scaling = dict(minSize=1, maxSize=3, desiredSize=1)
def cluster(name="c", **more):
    return eks.create_cluster(**{**dict(name=name, roleArn=roles["control"], resourcesVpcConfig=network, version="1.33"), **more})["cluster"]
def group(name="g", **more):
    return eks.create_nodegroup(**{**dict(clusterName="c", nodegroupName=name, nodeRole=roles["nodes"], subnets=subnets, scalingConfig=scaling), **more})["nodegroup"]
def status(name="c"):
    return eks.describe_cluster(name=name)["cluster"]["status"]
def group_status(name="g"):
    return eks.describe_nodegroup(clusterName="c", nodegroupName=name)["nodegroup"]["status"]
def until(look, wanted):
    while look() != wanted:
        time.sleep(0.02)
"#;

/// Starts the emulator, runs the script after [`BASE`], and compares what it shows.
async fn shows(emulator: Emulator, script: &str, expected: Value) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    let shown = aws.boto3(&format!("{BASE}{script}")).await?;
    assert_eq!(shown, expected, "{emulator:?}");
    Ok(())
}

/// Requests that botocore itself would not send are refused, whatever the emulator thinks of them; its own are let through.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn requests_have_to_fit_the_models() -> Result<()> {
    let aws = AwsCloud::start(Emulator::Ministack).await?;
    let script = r#"
import base64
def told(service, action, edit=None, who=None, **parameters):
    """What is said about a request that was not checked before it was sent, and was edited then."""
    options = dict(user_agent=who) if who else {}
    sender = client(service, parameter_validation=False, **options)
    if edit:
        sender.meta.events.register("before-sign", lambda request, **_: edit(request))
    try:
        getattr(sender, action)(**parameters)
    except ClientError as failure:
        mark, message = "does not fit the service's model: ", failure.response["Error"]["Message"]
        return message.split(mark)[1] if mark in message else None
def form(**members):
    return lambda request: request.data.update(members)
def body(change):
    def edit(request):
        document = json.loads(request.data)
        change(document)
        request.data = json.dumps(document).encode()
    return edit
tags = [dict(ResourceType="vpc", Tags=[dict(Key="a", Value="é b")])]
group = dict(clusterName="c", nodegroupName="n", nodeRole="r", subnets=["s"])
scan = dict(scanOnPush=True)
tag = dict(ResourceId="g", ResourceType="auto-scaling-group", Key="k", Value="v", PropagateAtLaunch=True)
"#;
    let good = aws
        .boto3(&format!(
            "{script}{}",
            r#"
show([
    told("ec2", "create_vpc", CidrBlock="10.0.0.0/16", TagSpecifications=tags),
    told("ec2", "describe_vpcs", Filters=[dict(Name="tag:a", Values=["é b", "c"])], MaxResults=10),
    told("ec2", "authorize_security_group_ingress", GroupId="sg-0123456789abcdef0", IpPermissions=[
        dict(IpProtocol="tcp", FromPort=1, ToPort=2, IpRanges=[dict(CidrIp="10.0.0.0/16")], UserIdGroupPairs=[dict(GroupId="sg-0")])]),
    told("iam", "create_role", RoleName="a+b", AssumeRolePolicyDocument=trust("ec2.amazonaws.com"), Tags=[dict(Key="é", Value="x")], MaxSessionDuration=7200),
    told("iam", "create_open_id_connect_provider", Url="https://example.com", ClientIDList=["a"], ThumbprintList=[]),
    told("autoscaling", "create_or_update_tags", Tags=[tag]),
    told("eks", "create_cluster", name="c", roleArn="r", resourcesVpcConfig=dict(subnetIds=["s"]), tags={"a": "b"}),
    told("eks", "create_nodegroup", scalingConfig=dict(minSize=0, maxSize=1, desiredSize=0), taints=[dict(key="k", effect="NO_SCHEDULE")], **group),
    told("eks", "untag_resource", resourceArn="arn:aws:eks:us-east-1:123456789012:cluster/c", tagKeys=["a", "b/c"]),
    told("efs", "create_file_system", CreationToken="t", Encrypted=True, ThroughputMode="bursting", Tags=[dict(Key="a", Value="b")]),
    told("ecr", "create_repository", repositoryName="a/b-c", imageScanningConfiguration=scan),
    told("resource-groups", "get_tags", Arn="arn:aws:resource-groups:us-east-1:123456789012:group/x"),
    told("service-quotas", "get_service_quota", ServiceCode="vpc", QuotaCode="L-F678F1CE"),
])
"#
        ))
        .await?;
    let good: Vec<Value> = serde_json::from_value(good)?;
    assert!(good.iter().all(Value::is_null), "{good:#?}");

    let bad = aws
        .boto3(&format!(
            "{script}{}",
            r#"
show([
    told("ec2", "create_subnet", CidrBlock="10.0.0.0/18"),
    told("ec2", "create_vpc", TagSpecifications=[dict(ResourceType="vcp", Tags=[])]),
    told("ec2", "describe_vpcs", edit=form(Nonsense="1")),
    told("ec2", "describe_vpcs", edit=form(**{"Filter.1.Name": "a", "Filter.1.Values.1": "b"})),
    told("ec2", "describe_vpcs", edit=form(DryRun="perhaps")),
    told("ec2", "describe_vpcs", edit=form(Version="2006-01-01")),
    told("ec2", "describe_vpcs", edit=form(Action="DescribeVpc")),
    told("ec2", "describe_vpcs", edit=form(**{"VpcId.2": "vpc-0"})),
    told("ec2", "describe_vpcs", MaxResults=1),
    told("iam", "create_role", RoleName="a b", AssumeRolePolicyDocument="{}"),
    told("iam", "create_role", RoleName="a" * 65, AssumeRolePolicyDocument="{}"),
    told("autoscaling", "create_or_update_tags", Tags=[{**tag, "Key": ""}]),
    told("eks", "create_cluster", name="c", resourcesVpcConfig=dict(subnetIds=["s"])),
    told("eks", "create_cluster", edit=body(lambda sent: sent["resourcesVpcConfig"].update(nope=1)), name="c", roleArn="r", resourcesVpcConfig={}),
    told("eks", "create_cluster", edit=body(lambda sent: sent.update(tags=["a"])), name="c", roleArn="r", resourcesVpcConfig={}),
    told("eks", "create_nodegroup", taints=[dict(key="k", effect="NoSchedule")], diskSize="50", **group),
    told("eks", "list_clusters", maxResults=1000),
    told("efs", "create_file_system", CreationToken="t", Encrypted="yes"),
    told("efs", "describe_file_systems", FileSystemId="fs-x"),
    told("ecr", "create_repository", repositoryName="Ab", imageScanningConfiguration=scan),
    told("ecr", "create_repository", edit=body(lambda sent: sent.update(scan=True)), repositoryName="ab"),
    told("resource-groups", "create_group", Name="n", ResourceQuery=dict(Type="TAGS", Query="{}")),
])
"#
        ))
        .await?;
    let bad: Vec<Option<String>> = serde_json::from_value(bad)?;
    let bad: Vec<&str> = bad.iter().map(|told| told.as_deref().unwrap_or("was let through")).collect();
    insta::assert_snapshot!(bad.join("\n"));
    assert_eq!(aws.misfits(), Vec::<String>::new(), "boto3 may be wrong on purpose");

    // Anybody else may not: that fails the test, at its end if not before.
    aws.boto3(&format!("{script}show(told('ec2', 'create_subnet', who='somebody'))")).await?;
    assert_eq!(aws.misfits(), ["ec2: CreateSubnet.VpcId: it is required"]);
    assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| drop(aws))).is_err());
    Ok(())
}

/// One test per emulator from one body.
macro_rules! on_both {
    ($($name:ident)*) => {
        mod moto {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> anyhow::Result<()> { super::$name(nic_tests::aws::Emulator::Moto).await })*
        }
        mod ministack {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() -> anyhow::Result<()> { super::$name(nic_tests::aws::Emulator::Ministack).await })*
        }
    };
}

on_both! {
    cluster_takes_its_time
    things_in_use_are_kept
    filters_filter
    network_clashes_are_refused
    nat_gateways_take_their_time_and_hold_what_they_use
    cluster_requests_are_checked
    updates_are_objects
    a_cluster_keeps_its_key_and_can_move
    addons_take_their_time_and_need_nodes
    identities_keep_tags_and_clients
    policies_go_without_their_versions
    instance_types_are_offered_by_zone
    tokens_replay
    dry_runs_change_nothing
    wrong_signatures_are_refused
    faults_strike
    new_things_are_not_seen_yet
    everything_can_be_deleted
    file_systems_take_their_time
    mount_targets_keep_what_they_use
    scaling_groups_come_with_node_groups
    resource_groups_go_by_name_and_arn
    repositories_are_named_and_kept
}

async fn cluster_takes_its_time(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    aws.pace(Pace::all(Wait::Reads(2))).await;
    aws.set_cluster_endpoint("https://127.0.0.1:6443", "-----BEGIN CERTIFICATE-----").await;
    let shown = aws
        .boto3(&format!(
            "{BASE}{}",
            r#"
created = cluster()
seen = [status()]
absent = [key for key in ("endpoint", "identity") if key in created] + list(created["certificateAuthority"])
refused = error(group)
seen += [status(), status()]
active = eks.describe_cluster(name="c")["cluster"]
groups = [group()["status"], group_status(), group_status(), group_status()]
eks.delete_nodegroup(clusterName="c", nodegroupName="g")
in_use = error(eks.delete_cluster, name="c")
groups += [group_status(), group_status(), error(group_status)]
eks.delete_cluster(name="c")
gone = [status(), status(), error(status)]
own = active["resourcesVpcConfig"]
show(dict(created=created["status"], absent=absent, seen=seen, refused=refused, groups=groups, in_use=in_use, gone=gone, vpc=own["vpcId"] == vpc,
          group=own["clusterSecurityGroupId"].startswith("sg-"), endpoint=active["endpoint"], ca=active["certificateAuthority"]["data"], left=eks.list_clusters()["clusters"]))
"#
        ))
        .await?;
    let expected = json!({
        "created": "CREATING", "absent": [], "seen": ["CREATING", "CREATING", "ACTIVE"], "refused": "InvalidRequestException",
        "groups": ["CREATING", "CREATING", "CREATING", "ACTIVE", "DELETING", "DELETING", "ResourceNotFoundException"],
        "in_use": "ResourceInUseException", "gone": ["DELETING", "DELETING", "ResourceNotFoundException"], "vpc": true, "group": true,
        "endpoint": "https://127.0.0.1:6443", "ca": "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0t", "left": [],
    });
    assert_eq!(shown, expected, "{emulator:?}");
    Ok(())
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

async fn cluster_requests_are_checked(emulator: Emulator) -> Result<()> {
    let script = r#"
account = roles["nodes"].split(":")[4]
cluster(); until(status, "ACTIVE"); group()
taint = dict(key="dedicated", value="x", effect="NoSchedule")
show(dict(
    cluster=[error(cluster), error(cluster, name="d", roleArn=f"arn:aws:iam::{account}:role/nobody"), error(cluster, name="d", roleArn=roles["nodes"]),
             error(cluster, name="d", resourcesVpcConfig=dict(subnetIds=subnets[:1])), error(cluster, name="d", resourcesVpcConfig=dict(subnetIds=["subnet-0123456789abcdef0", subnets[0]])),
             error(cluster, name="d", version="1.12")],
    group=[error(group), error(group, name="h", nodeRole=roles["control"]), error(group, name="h", subnets=["subnet-0123456789abcdef0"]),
           error(group, name="h", scalingConfig=dict(minSize=3, maxSize=2, desiredSize=3)), error(group, name="h", scalingConfig=dict(minSize=2, maxSize=3, desiredSize=1)),
           error(group, name="h", taints=[taint]), error(group, name="h", clusterName="nobody"), error(group, name="h", version="1.34")],
    names=[eks.list_clusters()["clusters"], eks.list_nodegroups(clusterName="c")["nodegroups"]],
))
"#;
    let (used, invalid) = ("ResourceInUseException", "InvalidParameterException");
    let expected = json!({
        "cluster": [used, invalid, invalid, invalid, invalid, invalid],
        "group": [used, invalid, invalid, invalid, invalid, invalid, "ResourceNotFoundException", invalid],
        "names": [["c"], ["g"]],
    });
    shows(emulator, script, expected).await
}

async fn updates_are_objects(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    let first = aws
        .boto3(&format!(
            "{BASE}{}",
            r#"
cluster(); until(status, "ACTIVE"); group(labels=dict(old="1"), taints=[dict(key="t", value="v", effect="NO_SCHEDULE")]); until(group_status, "ACTIVE")
def change(**more):
    return eks.update_nodegroup_config(clusterName="c", nodegroupName="g", **more)["update"]
def state(update, **more):
    return eks.describe_update(name="c", updateId=update["id"], **more)["update"]["status"]
update = change(scalingConfig=dict(maxSize=5), labels=dict(addOrUpdateLabels=dict(new="2"), removeLabels=["old"]),
                taints=dict(removeTaints=[dict(key="t", value="v", effect="NO_SCHEDULE")], addOrUpdateTaints=[dict(key="u", value="w", effect="NO_EXECUTE")]))
busy = [update["status"], group_status(), error(change, scalingConfig=dict(maxSize=6))]
until(lambda: state(update, nodegroupName="g"), "Successful")
g = eks.describe_nodegroup(clusterName="c", nodegroupName="g")["nodegroup"]
version = eks.update_cluster_version(name="c", version="1.34")["update"]
busy += [status(), error(eks.update_cluster_version, name="c", version="1.35")]
until(lambda: state(version), "Successful")
jump = error(eks.update_nodegroup_version, clusterName="c", nodegroupName="g", version="1.35")
nodes = eks.update_nodegroup_version(clusterName="c", nodegroupName="g")["update"]
until(lambda: state(nodes, nodegroupName="g"), "Successful")
show(dict(busy=busy, scaling=g["scalingConfig"], labels=g["labels"], taints=g["taints"], status=g["status"], jump=jump,
          skip=error(eks.update_cluster_version, name="c", version="1.36"), same=error(eks.update_cluster_version, name="c", version="1.34"),
          versions=[eks.describe_cluster(name="c")["cluster"]["version"], eks.describe_nodegroup(clusterName="c", nodegroupName="g")["nodegroup"]["version"]],
          updates=[eks.list_updates(name="c")["updateIds"] == [version["id"]], len(eks.list_updates(name="c", nodegroupName="g")["updateIds"])]))
"#
        ))
        .await?;
    let used = "ResourceInUseException";
    let invalid = "InvalidParameterException";
    let expected = json!({
        "busy": ["InProgress", "UPDATING", used, "UPDATING", used], "scaling": { "minSize": 1, "maxSize": 5, "desiredSize": 1 }, "labels": { "new": "2" },
        "taints": [{ "key": "u", "value": "w", "effect": "NO_EXECUTE" }], "status": "ACTIVE", "jump": invalid, "skip": invalid, "same": invalid,
        "versions": ["1.34", "1.34"], "updates": [true, 2],
    });
    assert_eq!(first, expected, "{emulator:?}");

    aws.fail_next_update("NodeCreationFailure", "no capacity").await;
    let failed = aws
        .boto3(
            r#"
eks = client("eks")
id = eks.update_nodegroup_config(clusterName="c", nodegroupName="g", scalingConfig=dict(maxSize=9))["update"]["id"]
def look():
    return eks.describe_update(name="c", nodegroupName="g", updateId=id)["update"]
while look()["status"] == "InProgress":
    time.sleep(0.02)
g = eks.describe_nodegroup(clusterName="c", nodegroupName="g")["nodegroup"]
show([look()["status"], look()["errors"][0]["errorCode"], g["status"], g["scalingConfig"]["maxSize"]])
"#,
        )
        .await?;
    assert_eq!(failed, json!(["Failed", "NodeCreationFailure", "ACTIVE", 5]), "{emulator:?}");
    Ok(())
}

async fn a_cluster_keeps_its_key_and_can_move(emulator: Emulator) -> Result<()> {
    let script = r#"
cluster(); until(status, "ACTIVE")
key = [dict(resources=["secrets"], provider=dict(keyArn="arn:aws:kms:us-east-1:123456789012:key/k"))]
eks.associate_encryption_config(clusterName="c", encryptionConfig=key)
busy = error(eks.associate_encryption_config, clusterName="c", encryptionConfig=key)
until(status, "ACTIVE")
twice = error(eks.associate_encryption_config, clusterName="c", encryptionConfig=key)
third = ec2.create_subnet(VpcId=vpc, CidrBlock="10.10.128.0/18", AvailabilityZone="us-east-1a")["Subnet"]["SubnetId"]
def move(ids):
    return eks.update_cluster_config(name="c", resourcesVpcConfig=dict(subnetIds=ids))["update"]["type"]
refused = [error(move, subnets), error(move, subnets[:1]), error(move, ["subnet-0123456789abcdef0", third])]
moved = move([third, subnets[1]]); until(status, "ACTIVE")
found = eks.describe_cluster(name="c")["cluster"]
show([busy, twice, refused, moved, found["encryptionConfig"] == key, found["resourcesVpcConfig"]["subnetIds"] == [third, subnets[1]],
      found["resourcesVpcConfig"]["clusterSecurityGroupId"].startswith("sg-"), [v["clusterVersion"] for v in eks.describe_cluster_versions()["clusterVersions"]][0]])
"#;
    let invalid = "InvalidParameterException";
    let expected = json!([
        "ResourceInUseException",
        invalid,
        [invalid, invalid, invalid],
        "VpcConfigUpdate",
        true,
        true,
        true,
        "1.35"
    ]);
    shows(emulator, script, expected).await
}

async fn addons_take_their_time_and_need_nodes(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    aws.pace(Pace::all(Wait::Reads(2))).await;
    let shown = aws
        .boto3(&format!(
            "{BASE}{}",
            r#"
def addon(name="coredns", **more):
    return eks.create_addon(**{**dict(clusterName="c", addonName=name, resolveConflicts="OVERWRITE"), **more})["addon"]
def look(name="coredns"):
    return eks.describe_addon(clusterName="c", addonName=name)["addon"]
cluster()
early = error(addon)
until(status, "ACTIVE")
refused = [error(addon, "nonsense"), error(addon, addonVersion="v0"), error(addon, configurationValues="{nope"), error(addon, resolveConflicts="PRESERVE")]
created = addon(configurationValues='{"a": 1}', tags=dict(x="y"))
again = error(addon)
seen = [created["status"], look()["status"], look()["status"], look()["status"], look()["health"]["issues"][0]["code"]]
addon("kube-proxy"); look("kube-proxy"); look("kube-proxy")
group(); until(group_status, "ACTIVE")
seen += [look()["status"], look("kube-proxy")["status"]]
update = eks.update_addon(clusterName="c", addonName="coredns", configurationValues='{"a": 2}', resolveConflicts="OVERWRITE")["update"]
busy = [update["status"], look()["status"], error(eks.delete_addon, clusterName="c", addonName="coredns")]
while eks.describe_update(name="c", addonName="coredns", updateId=update["id"])["update"]["status"] == "InProgress":
    pass
eks.tag_resource(resourceArn=look()["addonArn"], tags=dict(z="1"))
after = [look()["configurationValues"], look()["tags"], eks.list_addons(clusterName="c")["addons"]]
eks.delete_addon(clusterName="c", addonName="coredns")
gone = [look()["status"], look()["status"], error(look)]
versions = eks.describe_addon_versions(addonName="coredns")["addons"]
show(dict(early=early, refused=refused, again=again, seen=seen, busy=busy, after=after, gone=gone,
          versions=[len(versions), versions[0]["addonVersions"][0]["compatibilities"][0]["clusterVersion"]]))
"#
        ))
        .await?;
    let (used, invalid) = ("ResourceInUseException", "InvalidParameterException");
    let expected = json!({
        "early": "InvalidRequestException", "refused": [invalid, invalid, invalid, invalid], "again": used,
        "seen": ["CREATING", "CREATING", "CREATING", "DEGRADED", "InsufficientNumberOfReplicas", "ACTIVE", "ACTIVE"],
        "busy": ["InProgress", "UPDATING", used],
        "after": ["{\"a\": 2}", { "x": "y", "z": "1" }, ["coredns", "kube-proxy"]],
        "gone": ["DELETING", "DELETING", "ResourceNotFoundException"], "versions": [1, "1.35"],
    });
    assert_eq!(shown, expected, "{emulator:?}");
    Ok(())
}

async fn identities_keep_tags_and_clients(emulator: Emulator) -> Result<()> {
    let script = r#"
url = "https://oidc.eks.us-east-1.amazonaws.com/id/ABC"
def create(url=url):
    return iam.create_open_id_connect_provider(Url=url, ClientIDList=["sts.amazonaws.com"], Tags=[dict(Key="a", Value="1")])["OpenIDConnectProviderArn"]
arn = create()
name = dict(OpenIDConnectProviderArn=arn)
iam.tag_open_id_connect_provider(**name, Tags=[dict(Key="b", Value="2"), dict(Key="c", Value="3")])
iam.untag_open_id_connect_provider(**name, TagKeys=["a", "b"])
iam.add_client_id_to_open_id_connect_provider(**name, ClientID="other")
iam.remove_client_id_from_open_id_connect_provider(**name, ClientID="sts.amazonaws.com")
found = iam.get_open_id_connect_provider(**name)
shown = [found["Url"], found["ClientIDList"], found["Tags"], iam.list_open_id_connect_provider_tags(**name)["Tags"], len(found["ThumbprintList"])]
refused = [error(create), error(create, "http://x")]
iam.delete_open_id_connect_provider(**name)
show([shown, refused, error(iam.get_open_id_connect_provider, **name), error(iam.tag_open_id_connect_provider, **name, Tags=[])])
"#;
    let tags = json!([{ "Key": "c", "Value": "3" }]);
    let expected = json!([
        ["oidc.eks.us-east-1.amazonaws.com/id/ABC", ["other"], tags, tags, 1],
        ["EntityAlreadyExists", "ValidationError"],
        "NoSuchEntity",
        "NoSuchEntity",
    ]);
    shows(emulator, script, expected).await
}

async fn policies_go_without_their_versions(emulator: Emulator) -> Result<()> {
    let script = r#"
text = json.dumps(dict(Version="2012-10-17", Statement=[dict(Effect="Allow", Action="s3:*", Resource="*")]))
arn = iam.create_policy(PolicyName="p", PolicyDocument=text)["Policy"]["Arn"]
iam.create_policy_version(PolicyArn=arn, PolicyDocument=text, SetAsDefault=True)
versions = error(iam.delete_policy, PolicyArn=arn)
iam.delete_policy_version(PolicyArn=arn, VersionId="v1")
iam.attach_role_policy(RoleName="nodes", PolicyArn=arn)
attached = error(iam.delete_policy, PolicyArn=arn)
iam.detach_role_policy(RoleName="nodes", PolicyArn=arn)
show([versions, attached, error(iam.delete_policy, PolicyArn=arn), error(iam.get_policy, PolicyArn=arn)])
"#;
    shows(emulator, script, json!(["DeleteConflict", "DeleteConflict", null, "NoSuchEntity"])).await
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

async fn tokens_replay(emulator: Emulator) -> Result<()> {
    let script = r#"
def table(**more):
    return ec2.create_route_table(**{**dict(VpcId=vpc, ClientToken="one"), **more})["RouteTable"]["RouteTableId"]
token = "t" * 40
first, again = [cluster(clientRequestToken=token)["arn"] for _ in range(2)]
show([table() == table(), error(table, TagSpecifications=[dict(ResourceType="route-table", Tags=[dict(Key="a", Value="b")])]), table(ClientToken="two") == table(),
      len(ec2.describe_route_tables(Filters=[dict(Name="vpc-id", Values=[vpc])])["RouteTables"]) == 3,
      first == again, error(cluster, clientRequestToken=token, version="1.32")])
"#;
    shows(
        emulator,
        script,
        json!([true, "IdempotentParameterMismatch", false, true, true, "InvalidParameterException"]),
    )
    .await
}

async fn dry_runs_change_nothing(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    let shown = aws
        .boto3(
            r#"
ec2 = client("ec2")
try:
    ec2.create_vpc(CidrBlock="10.1.0.0/16", DryRun=True)
except ClientError as failure:
    show([failure.response["Error"]["Code"], failure.response["ResponseMetadata"]["HTTPStatusCode"]])
"#,
        )
        .await?;
    assert_eq!(shown, json!(["DryRunOperation", 412]), "{emulator:?}");
    assert_eq!(aws.mutating_count(), 0);
    aws.assert_empty().await
}

async fn wrong_signatures_are_refused(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    let script = r#"
show([error(client("ec2").describe_vpcs), error(client("iam").list_roles), error(client("eks").list_clusters)])
"#;
    let right = aws.credentials();
    assert_eq!(aws.boto3(script).await?, json!([null, null, null]));
    let wrong = Credentials { secret_key: "wrong".to_owned(), ..right.clone() };
    assert_eq!(
        aws.boto3_as(&wrong, script).await?,
        json!(["AuthFailure", "SignatureDoesNotMatch", "InvalidSignatureException"])
    );
    let unknown = Credentials { access_key: "AKIANOBODY0EXAMPLE00".to_owned(), ..right.clone() };
    assert_eq!(
        aws.boto3_as(&unknown, script).await?,
        json!(["AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"])
    );
    // A session token is demanded once it is set, and rotation takes the old one's force.
    let session = Credentials { session_token: Some("token/+=".to_owned()), ..right.clone() };
    aws.set_credentials(session.clone());
    assert_eq!(
        aws.boto3_as(&right, script).await?,
        json!(["AuthFailure", "InvalidClientTokenId", "UnrecognizedClientException"])
    );
    assert_eq!(aws.boto3(script).await?, json!([null, null, null]));
    // Presigned, and with characters that need care in path and query.
    let presigned = aws
        .boto3(
            r#"
import urllib.request, urllib.error
def status(url):
    try:
        return urllib.request.urlopen(url).status
    except urllib.error.HTTPError as failure:
        return failure.code
url = client("sts").generate_presigned_url("get_caller_identity", ExpiresIn=60, HttpMethod="GET")
arn = "arn:aws:eks:us-east-1:123456789012:cluster/no body+é"
show([status(url), status(url + "0"), error(client("eks").untag_resource, resourceArn=arn, tagKeys=["a b", "c+d/é"]) == "InvalidSignatureException"])
"#,
        )
        .await?;
    assert_eq!(presigned, json!([200, 403, false]));
    Ok(())
}

async fn faults_strike(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    let create = Matching::action("ec2", "CreateInternetGateway");
    let script = r#"
gateways = client("ec2").describe_internet_gateways
def attempt():
    try:
        return error(client("ec2").create_internet_gateway)
    except botocore.exceptions.BotoCoreError as failure:
        return "connection"
before = len(gateways()["InternetGateways"])
codes = [attempt(), attempt()]
show([codes, len(gateways()["InternetGateways"]) - before])
"#;
    aws.faults().at(create.clone(), 2, When::BeforeServer, Effect::Throttle);
    assert_eq!(aws.boto3(script).await?, json!([[null, "RequestLimitExceeded"], 1]));
    aws.faults().at(create.clone(), 1, When::AfterServer, Effect::LostResponse);
    assert_eq!(aws.boto3(script).await?, json!([["connection", null], 2]));
    aws.faults().at(create.clone(), 1, When::BeforeServer, Effect::Reset);
    assert_eq!(aws.boto3(script).await?, json!([["connection", null], 1]));
    let (told, hears) = std::sync::mpsc::channel();
    let told = std::sync::Mutex::new(told);
    let kill = move || told.lock().map(|told| told.send(())).map_or((), |_| ());
    aws.faults().at(create, 2, When::AfterServer, Effect::Kill(std::sync::Arc::new(kill)));
    assert_eq!(aws.boto3(script).await?, json!([[null, "connection"], 2]));
    hears.recv_timeout(Duration::from_secs(1))?;
    assert_eq!(aws.faults().struck(), 4);
    let log = aws.log();
    assert!(log.iter().any(|entry| entry.action == "CreateInternetGateway" && entry.status == 0 && entry.mutating));
    assert_eq!(aws.mutating_count(), 8);
    Ok(())
}

async fn new_things_are_not_seen_yet(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    aws.hide_created(Some(Hide { wait: Wait::Reads(2), writes: false }));
    let shown = aws
        .boto3(
            r#"
ec2, iam = client("ec2"), client("iam")
vpc = ec2.create_vpc(CidrBlock="10.10.0.0/16")["Vpc"]["VpcId"]
def listed():
    return vpc in [one["VpcId"] for one in ec2.describe_vpcs()["Vpcs"]]
seen = [error(ec2.describe_vpcs, VpcIds=[vpc]), listed(), listed(), error(ec2.describe_vpcs, VpcIds=[vpc])]
iam.create_role(RoleName="r", AssumeRolePolicyDocument=trust("eks.amazonaws.com"))
show(seen + [error(iam.get_role, RoleName="r") for _ in range(3)])
"#,
        )
        .await?;
    assert_eq!(
        shown,
        json!(["InvalidVpcID.NotFound", false, true, null, "NoSuchEntity", "NoSuchEntity", null]),
        "{emulator:?}"
    );
    Ok(())
}

async fn file_systems_take_their_time(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    aws.pace(Pace::all(Wait::Reads(1))).await;
    let shown = aws
        .boto3(
            r#"
efs = client("efs")
def make(**more):
    return efs.create_file_system(**{**dict(CreationToken="t", Encrypted=True, Tags=[dict(Key="a", Value="1"), dict(Key="b", Value="2")]), **more})
made = make()
id = made["FileSystemId"]
def state():
    return efs.describe_file_systems(FileSystemId=id)["FileSystems"][0]["LifeCycleState"]
try:
    make()
except ClientError as failure:
    again = [failure.response["Error"]["Code"], failure.response["FileSystemId"] == id]
states = [made["LifeCycleState"], state(), state()]
efs.update_file_system(FileSystemId=id, ThroughputMode="elastic")
states += [error(efs.update_file_system, FileSystemId=id, ThroughputMode="bursting"), state(), state()]
mode = efs.describe_file_systems(CreationToken="t")["FileSystems"][0]["ThroughputMode"]
efs.untag_resource(ResourceId=id, TagKeys=["a", "b"])
backup = [efs.put_backup_policy(FileSystemId=id, BackupPolicy=dict(Status="ENABLED"))["BackupPolicy"]["Status"], efs.describe_backup_policy(FileSystemId=id)["BackupPolicy"]["Status"]]
tags = efs.list_tags_for_resource(ResourceId=id)["Tags"]
efs.delete_file_system(FileSystemId=id)
states += [state(), error(state)]
show(dict(again=again, states=states, mode=mode, tags=tags, backup=backup))
"#,
        )
        .await?;
    let expected = json!({
        "again": ["FileSystemAlreadyExists", true], "mode": "elastic", "tags": [], "backup": ["ENABLED", "ENABLED"],
        "states": ["creating", "creating", "available", "IncorrectFileSystemLifeCycleState", "updating", "available", "deleting", "FileSystemNotFound"],
    });
    assert_eq!(shown, expected, "{emulator:?}");
    Ok(())
}

async fn mount_targets_keep_what_they_use(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    aws.pace(Pace::all(Wait::Reads(2))).await;
    let script = r#"
efs = client("efs")
sg = ec2.create_security_group(GroupName="s", Description="s", VpcId=vpc)["GroupId"]
id = efs.create_file_system(CreationToken="t")["FileSystemId"]
def make(subnet=0):
    return efs.create_mount_target(FileSystemId=id, SubnetId=subnets[subnet], SecurityGroups=[sg])["MountTargetId"]
early = error(make)
until(lambda: efs.describe_file_systems(FileSystemId=id)["FileSystems"][0]["LifeCycleState"], "available")
target = make()
def look():
    return [one["LifeCycleState"] for one in efs.describe_mount_targets(FileSystemId=id)["MountTargets"]]
until(look, ["available"])
used = [error(make), error(ec2.delete_subnet, SubnetId=subnets[0]), error(ec2.delete_security_group, GroupId=sg), error(efs.delete_file_system, FileSystemId=id)]
efs.delete_mount_target(MountTargetId=target)
used += [look(), error(efs.delete_file_system, FileSystemId=id), error(ec2.delete_subnet, SubnetId=subnets[0])]
until(look, [])
show([early, used, error(ec2.delete_subnet, SubnetId=subnets[0]), error(ec2.delete_security_group, GroupId=sg), error(efs.delete_file_system, FileSystemId=id)])
"#;
    let (dependency, in_use) = ("DependencyViolation", "FileSystemInUse");
    let expected = json!([
        "IncorrectFileSystemLifeCycleState",
        ["MountTargetConflict", dependency, dependency, in_use, ["deleting"], in_use, dependency],
        null,
        null,
        null,
    ]);
    assert_eq!(aws.boto3(&format!("{BASE}{script}")).await?, expected, "{emulator:?}");
    Ok(())
}

async fn scaling_groups_come_with_node_groups(emulator: Emulator) -> Result<()> {
    let script = r#"
auto = client("autoscaling")
def names():
    return [one["AutoScalingGroupName"] for one in auto.describe_auto_scaling_groups()["AutoScalingGroups"]]
cluster(); until(status, "ACTIVE"); group(tags=dict(mine="1"))
early = names()
until(group_status, "ACTIVE")
name = eks.describe_nodegroup(clusterName="c", nodegroupName="g")["nodegroup"]["resources"]["autoScalingGroups"][0]["name"]
def tags(*filters):
    named = [dict(Name="auto-scaling-group", Values=[name]), *filters]
    return {one["Key"]: [one["Value"], one["PropagateAtLaunch"]] for one in auto.describe_tags(Filters=named)["Tags"]}
def write(name=name, value="x"):
    auto.create_or_update_tags(Tags=[dict(ResourceId=name, ResourceType="auto-scaling-group", Key="k", Value=value, PropagateAtLaunch=True)])
before = tags()
write(); write(value="y")
after = tags(dict(Name="key", Values=["k"]))
auto.delete_tags(Tags=[dict(ResourceId=name, ResourceType="auto-scaling-group", Key="k")])
kept = tags() == before
eks.delete_nodegroup(clusterName="c", nodegroupName="g"); until(lambda: eks.list_nodegroups(clusterName="c")["nodegroups"], [])
show(dict(early=early, own=before["eks:nodegroup-name"], mine="mine" in before, after=after, kept=kept, gone=[names(), error(write)], unknown=error(write, name="nobody")))
"#;
    let expected = json!({
        "early": [], "own": ["g", true], "mine": false, "after": { "k": ["y", true] }, "kept": true,
        "gone": [[], "ValidationError"], "unknown": "ValidationError",
    });
    shows(emulator, script, expected).await
}

async fn resource_groups_go_by_name_and_arn(emulator: Emulator) -> Result<()> {
    let script = r#"
groups = client("resource-groups")
def make(name):
    query = json.dumps(dict(ResourceTypeFilters=["AWS::AllSupported"], TagFilters=[dict(Key="Project", Values=["p"])]))
    return groups.create_group(Name=name, Description="d", ResourceQuery=dict(Type="TAG_FILTERS_1_0", Query=query), Tags=dict(a="1"))["Group"]["GroupArn"]
arn = make("p")
groups.update_group(Group=arn, Description="e"); groups.tag(Arn=arn, Tags=dict(b="2")); groups.untag(Arn=arn, Keys=["a"])
shown = [groups.get_group(Group=one)["Group"]["Description"] for one in ("p", arn)]
tags = groups.get_tags(Arn=arn)["Tags"]
refused = [error(make, "p"), error(make, "awsome"), error(groups.get_group, Group="q"), error(groups.get_tags, Arn=arn + "q"), error(groups.get_group_query, Group="q")]
groups.delete_group(Group=arn)
show([shown, tags, refused, error(groups.get_group, Group=arn)])
"#;
    let (bad, missing) = ("BadRequestException", "NotFoundException");
    shows(emulator, script, json!([["e", "e"], { "b": "2" }, [bad, bad, missing, missing, missing], missing])).await
}

async fn repositories_are_named_and_kept(emulator: Emulator) -> Result<()> {
    let script = r#"
ecr = client("ecr")
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": []}
ecr.create_repository(repositoryName="a-b_c/d.e")
ecr.put_image(repositoryName="a-b_c/d.e", imageTag="t", imageManifest=json.dumps(manifest))
show([error(ecr.create_repository, repositoryName=name) for name in ("Capital", "a--b", "-a", "a-b_c/d.e")]
     + [error(ecr.delete_repository, repositoryName="a-b_c/d.e"), error(ecr.delete_repository, repositoryName="a-b_c/d.e", force=True), error(ecr.delete_repository, repositoryName="a-b_c/d.e")])
"#;
    let invalid = "InvalidParameterException";
    let expected = json!([
        invalid,
        invalid,
        invalid,
        "RepositoryAlreadyExistsException",
        "RepositoryNotEmptyException",
        null,
        "RepositoryNotFoundException"
    ]);
    shows(emulator, script, expected).await
}

async fn everything_can_be_deleted(emulator: Emulator) -> Result<()> {
    let aws = AwsCloud::start(emulator).await?;
    aws.assert_empty().await?;
    aws.boto3(&format!(
        "{BASE}{}",
        r#"
gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
association = ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[0])["AssociationId"]
ec2.associate_route_table(RouteTableId=table, SubnetId=subnets[1])
cluster(tags=dict(a="b")); until(status, "ACTIVE"); group(); until(group_status, "ACTIVE")
eks.tag_resource(resourceArn=eks.describe_nodegroup(clusterName="c", nodegroupName="g")["nodegroup"]["nodegroupArn"], tags=dict(x="y"))
show(None)
"#
    ))
    .await?;
    let inventory = aws.inventory().await?;
    assert_eq!(inventory["nodegroups"][0]["tags"], json!({ "x": "y" }));
    assert_eq!(inventory["security_groups"][0]["Tags"]["kubernetes.io/cluster/c"], "owned");
    assert_eq!(inventory["route_tables"][0]["Associations"].as_array().map(Vec::len), Some(2));
    aws.boto3(
        r#"
ec2, iam, eks = client("ec2"), client("iam"), client("eks")
eks.delete_nodegroup(clusterName="c", nodegroupName="g")
eks.get_waiter("nodegroup_deleted").wait(clusterName="c", nodegroupName="g", WaiterConfig=dict(Delay=0.05, MaxAttempts=200))
eks.delete_cluster(name="c")
eks.get_waiter("cluster_deleted").wait(name="c", WaiterConfig=dict(Delay=0.05, MaxAttempts=200))
vpc = next(vpc["VpcId"] for vpc in ec2.describe_vpcs()["Vpcs"] if not vpc["IsDefault"])
inside = [dict(Name="vpc-id", Values=[vpc])]
# One subnet is disassociated, the other deleted with its association.
tables = ec2.describe_route_tables(Filters=inside)["RouteTables"]
table = next(table for table in tables if not any(one.get("Main") for one in table["Associations"]))
ec2.disassociate_route_table(AssociationId=table["Associations"][0]["RouteTableAssociationId"])
for subnet in ec2.describe_subnets(Filters=inside)["Subnets"]:
    ec2.delete_subnet(SubnetId=subnet["SubnetId"])
ec2.delete_route_table(RouteTableId=table["RouteTableId"])
for gateway in ec2.describe_internet_gateways(Filters=[dict(Name="attachment.vpc-id", Values=[vpc])])["InternetGateways"]:
    ec2.detach_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"], VpcId=vpc)
    ec2.delete_internet_gateway(InternetGatewayId=gateway["InternetGatewayId"])
ec2.delete_vpc(VpcId=vpc)
for role in ("control", "nodes"):
    iam.delete_role(RoleName=role)
show(None)
"#,
    )
    .await?;
    aws.assert_empty().await?;
    aws.boto3(&format!("{BASE}cluster(); show(None)")).await?;
    aws.reset().await?;
    aws.assert_empty().await
}
