//! Clusters, node groups and add-ons: their time, their updates, what they hold.

use anyhow::Result;
use nic_tests::aws::{AwsCloud, Emulator, Pace, Wait};
use serde_json::json;

use super::{BASE, shows};

on_both! {
    cluster_takes_its_time
    cluster_requests_are_checked
    updates_are_objects
    a_cluster_keeps_its_key_and_can_move
    addons_take_their_time_and_need_nodes
    scaling_groups_come_with_node_groups
    everything_can_be_deleted
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
