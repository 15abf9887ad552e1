//! The AWS harness behaves as AWS does, on either emulator: seen from boto3, which shares no code with it.

use anyhow::Result;
use nic_tests::aws::{AwsCloud, Emulator};
use serde_json::Value;

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

mod cluster;
mod identity;
mod network;
mod requests;
mod storage;

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
