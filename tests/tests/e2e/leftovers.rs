//! What Kubernetes made in the account goes with the platform, what others made is left, and what stays is told.

use anyhow::{Context, Result, ensure};
use nic_tests::aws::Emulator;
use nic_tests::configs::{EXAMPLE, LEAST};
use nic_tests::nic::{Workspace, unwrapped};
use nic_tests::platform::Platform;
use serde_json::json;

/// What EKS and the controllers of a cluster make: a load balancer of each generation with a security group that the nodes' one lets in, a network interface that was left behind, a volume. And what somebody else made, of the same sorts.
const MAKE: &str = r#"
ec2, elb, elbv2 = client("ec2"), client("elb"), client("elbv2")
owned = {"kubernetes.io/cluster/my-nebari-dev": "owned"}
tags = lambda pairs: [{"Key": k, "Value": v} for k, v in pairs.items()]
named = lambda name: [{"Name": "tag:Name", "Values": [name]}]
subnet = ec2.describe_subnets(Filters=named("my-nebari-dev-subnet-0"))["Subnets"][0]
other = ec2.describe_subnets(Filters=named("my-nebari-dev-subnet-1"))["Subnets"][0]
spec = lambda kind, pairs: [{"ResourceType": kind, "Tags": tags(pairs)}]
group = ec2.create_security_group(GroupName="k8s-elb-a1", Description="for a load balancer", VpcId=subnet["VpcId"],
    TagSpecifications=spec("security-group", owned))["GroupId"]
nodes = ec2.create_security_group(GroupName="eks-cluster-sg", Description="of the nodes", VpcId=subnet["VpcId"],
    TagSpecifications=spec("security-group", owned))["GroupId"]
ec2.authorize_security_group_ingress(GroupId=nodes, IpPermissions=[
    {"IpProtocol": "tcp", "FromPort": 30000, "ToPort": 32767, "UserIdGroupPairs": [{"GroupId": group}]}])
ec2.create_network_interface(SubnetId=subnet["SubnetId"], Groups=[group],
    TagSpecifications=spec("network-interface", {"cluster.k8s.amazonaws.com/name": "my-nebari-dev"}))
ec2.create_volume(AvailabilityZone=subnet["AvailabilityZone"], Size=8, TagSpecifications=spec("volume", owned))
listener = [{"Protocol": "TCP", "LoadBalancerPort": 80, "InstanceProtocol": "TCP", "InstancePort": 30080}]
elb.create_load_balancer(LoadBalancerName="a1", Listeners=listener, Subnets=[subnet["SubnetId"]],
    SecurityGroups=[group], Tags=tags(owned))
controlled = tags({"elbv2.k8s.aws/cluster": "my-nebari-dev"})
elbv2.create_load_balancer(Name="k8s-b2", Type="network", Subnets=[subnet["SubnetId"], other["SubnetId"]], Tags=controlled)
elbv2.create_target_group(Name="k8s-b2", Protocol="TCP", Port=80, VpcId=subnet["VpcId"], Tags=controlled)
# Somebody else's.
vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
net = ec2.create_subnet(VpcId=vpc, CidrBlock="10.99.0.0/24")["Subnet"]["SubnetId"]
elb.create_load_balancer(LoadBalancerName="theirs", Listeners=listener, Subnets=[net])
ec2.create_volume(AvailabilityZone=subnet["AvailabilityZone"], Size=8,
    TagSpecifications=spec("volume", {"kubernetes.io/cluster/my-nebari-dev": "shared"}))
show(vpc)
"#;

const LOOK: &str = r#"
ec2, elb, elbv2 = client("ec2"), client("elb"), client("elbv2")
show({
    "groups": sorted(g["GroupName"] for g in ec2.describe_security_groups()["SecurityGroups"] if not g["GroupName"].startswith("default")),
    "interfaces": [i["NetworkInterfaceId"] for i in ec2.describe_network_interfaces()["NetworkInterfaces"]
        if any(t["Key"].startswith("cluster.k8s") for t in i.get("TagSet", []))],
    "volumes": [t["Value"] for v in ec2.describe_volumes()["Volumes"] for t in v.get("Tags", [])],
    "balancers": [b["LoadBalancerName"] for b in elb.describe_load_balancers()["LoadBalancerDescriptions"]],
    "network_balancers": [b["LoadBalancerName"] for b in elbv2.describe_load_balancers()["LoadBalancers"]],
    "target_groups": [g["TargetGroupName"] for g in elbv2.describe_target_groups()["TargetGroups"]],
})
"#;

/// A gateway that bears the platform's mark, and that no state knows of.
const STRAY: &str = r#"
ec2 = client("ec2")
mark = [{"Key": "nic.nebari.dev/owner", "Value": "LINEAGE/aws.internet-gateway.stray"}]
made = ec2.create_internet_gateway(TagSpecifications=[{"ResourceType": "internet-gateway", "Tags": mark}])
show(made["InternetGateway"]["InternetGatewayId"])
"#;

#[tokio::test(flavor = "multi_thread")]
async fn what_kubernetes_made_goes_and_what_stays_is_told() -> Result<()> {
    let (platform, workspace) = Platform::of(Emulator::Moto, EXAMPLE).await?;
    workspace.ok(&["deploy"]).await?;
    platform.aws.inspect(MAKE).await.context("what Kubernetes makes")?;

    // While the cluster is there it is the cluster's: neither a change nor drift.
    platform.aws.clear_log();
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Done. (0 changes)"), "{}", ran.said());

    let state = workspace.state()?;
    let lineage = state["lineage"].as_str().context("a lineage")?;
    let stray = platform.aws.inspect(&STRAY.replace("LINEAGE", lineage)).await?;
    let stray = stray.as_str().context("the gateway's id")?;
    let ran = workspace.run(&["destroy", "--yes", "--format", "json"]).await?;
    let answer = ran.json()?;
    ensure!(ran.code == 2 && answer.pointer("/error/code") == Some(&json!("DESTROY_INCOMPLETE")), "{}", ran.said());
    ensure!(answer.pointer("/error/details/left") == Some(&json!([format!("Internet gateway {stray}")])), "{answer:#}");
    let left = platform.aws.inspect(LOOK).await?;
    let theirs = json!({
        "groups": [],
        "interfaces": [],
        "volumes": ["shared"],
        "balancers": ["theirs"],
        "network_balancers": [],
        "target_groups": [],
    });
    ensure!(left == theirs, "{left:#}\n{}", ran.said());

    // Nothing is recorded any more, so nothing but the stray is in the way of a good end.
    ensure!(workspace.state()?["cloud"].as_object().is_none_or(serde_json::Map::is_empty), "{:#}", workspace.state()?);
    platform
        .aws
        .inspect(&format!("client('ec2').delete_internet_gateway(InternetGatewayId='{stray}'); show(None)"))
        .await?;
    workspace.ok(&["destroy", "--yes"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_not_logged_in_is_told_what_a_destroy_did_not_look_at() -> Result<()> {
    let mut workspace = Workspace::new()?;
    workspace.env("AWS_CONFIG_FILE", "/dev/null").env("AWS_SHARED_CREDENTIALS_FILE", "/dev/null");
    workspace.config(LEAST)?;
    let ran = workspace.ok(&["destroy", "--yes"]).await?;
    let said = unwrapped(&ran.said());
    for words in [
        "There is no state at `.nebari/stages/02-infrastructure/nic-state.json`: nothing is recorded",
        "Whether anything stands all the same was not looked at.",
        "warning[LEFTOVERS_UNKNOWN]: Something of the platform may be left",
        "no AWS credentials",
    ] {
        ensure!(said.contains(words), "`{words}` is not said: {said}");
    }
    Ok(())
}
