//! Every option of the AWS section: config in, the whole platform out, as boto3 and the API server show it.
//!
//! The platform that asks for nothing particular is in a golden file of its own for each dialect, one attribute a line. A config
//! with options has what they change in a golden file: `-` lines are gone from that platform, `+` lines are new. Options that do not
//! touch each other share a config. After each, `nic destroy` leaves what was there before.
//!
//! What the options mean is tested where they are read, in the provider; that the API server takes the objects in `initialize.rs`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use nic_tests::aws::{AwsCloud, Emulator, shape};
use nic_tests::namespaces::NamespaceServer;
use nic_tests::platform::{many, workspace};
use serde_json::Value;

const CLASSIC: &str = include_str!("../../../examples/aws/nebari-config.yaml");
const DESIGN: &str = include_str!("../../../examples/aws-design/nebari-config.yaml");

/// Everything that does not exclude each other, in Classic's spelling. `KEY` and `BOUNDARY` are made by the test.
const CLASSIC_OPTIONS: &str = r#"
project_name: my-nebari
namespace: dev
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.33"
  availability_zones: [us-west-2a, us-west-2b, us-west-2c]
  vpc_cidr_block: 10.42.0.0/16
  eks_endpoint_access: public_and_private
  eks_public_access_cidrs: [203.0.113.0/24, 198.51.100.7/32]
  eks_kms_arn: KEY
  permissions_boundary: BOUNDARY
  tags:
    Team: "data: science"
    Owner: us
  node_groups:
    general:
      instance: m5.2xlarge
      min_nodes: 1
      max_nodes: 1
      taints: ["only=system:PreferNoSchedule"]
    user:
      instance: m5.xlarge
      max_nodes: 5
      spot: true
      single_subnet: true
      taints: []
    worker:
      instance: m5.xlarge
      min_nodes: 2
      max_nodes: 5
      desired_size: 3
      disk_size: 120
      labels: {team: data}
    gpu-1:
      instance: g4dn.xlarge
      gpu: true
      max_nodes: 2
      taints:
        - {key: nvidia.com/gpu, value: present, effect: NoSchedule}
        - {key: dedicated, value: null, effect: NoExecute}
"#;

/// In somebody else's network, closed to the world, with files in the cluster, and under a name that AWS reserves.
const CLASSIC_EXISTING: &str = r#"
project_name: aws_data
namespace: dev
provider: aws
storage:
  type: nfs
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  eks_endpoint_access: private
  existing_subnet_ids: SUBNETS
  existing_security_group_id: GROUP
  node_groups:
    general: {instance: m5.2xlarge, min_nodes: 1, max_nodes: 1}
    user: {instance: m5.xlarge, min_nodes: 0, max_nodes: 5}
    worker: {instance: m5.xlarge, min_nodes: 0, max_nodes: 5}
"#;

/// The design document's spelling, with everything that does not exclude each other.
const DESIGN_OPTIONS: &str = r#"
project_name: my-nebari
namespace: dev
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  availability_zones: [us-west-2a, us-west-2b, us-west-2c]
  vpc_cidr: 10.42.0.0/16
  eks_endpoint_access: public_and_private
  eks_public_access_cidrs: [203.0.113.0/24]
  eks_kms_arn: KEY
  permissions_boundary: BOUNDARY
  tags: {Team: data, managed-by: us}
  node_groups:
    general: {instance_type: m5.xlarge, min_size: 2, max_size: 10, disk_size: 100, labels: {role: general}, taints: []}
    user:
      instance_type: m5.2xlarge
      min_size: 0
      max_size: 20
      desired_size: 3
      spot: true
      single_subnet: true
      labels: {role: user, tier: "2"}
    gpu: {instance_type: g4dn.xlarge, gpu: true, max_size: 2}
  storage:
    type: ebs
"#;

/// The design's cluster in somebody else's network, without a volume.
const DESIGN_EXISTING: &str = r#"
project_name: my-nebari
namespace: dev
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  existing_subnet_ids: SUBNETS
  existing_security_group_id: GROUP
  node_groups:
    general: {instance_type: m5.xlarge, min_size: 2, max_size: 10, disk_size: 100, labels: {role: general}, taints: []}
    user: {instance_type: m5.2xlarge, min_size: 0, max_size: 20, disk_size: 200, labels: {role: user}}
    worker:
      instance_type: m5.xlarge
      min_size: 1
      max_size: 50
      disk_size: 100
      labels: {role: worker}
      taints: [{key: workload, value: worker, effect: NoSchedule}]
"#;

/// What configs name and NIC does not make: gives what stands for each placeholder.
const BEFORE: &str = r#"
ec2, iam = client("ec2"), client("iam")
key = client("kms").create_key()["KeyMetadata"]["Arn"]
policy = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
boundary = iam.create_policy(PolicyName="boundary", PolicyDocument=json.dumps(policy))["Policy"]["Arn"]
vpc = ec2.create_vpc(CidrBlock="10.99.0.0/16")["Vpc"]["VpcId"]
subnets = [ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.99.{i}.0/24", AvailabilityZone=f"us-west-2{'ab'[i]}")["Subnet"]["SubnetId"] for i in range(2)]
for subnet in subnets:
    ec2.modify_subnet_attribute(SubnetId=subnet, MapPublicIpOnLaunch={"Value": True})
group = ec2.create_security_group(GroupName="theirs", Description="theirs", VpcId=vpc)["GroupId"]
show({"KEY": key, "BOUNDARY": boundary, "SUBNETS": json.dumps(subnets), "GROUP": group})
"#;

struct Site {
    aws: AwsCloud,
    cluster: NamespaceServer,
    /// What stands for each placeholder.
    given: BTreeMap<String, String>,
    /// What was there before.
    before: Value,
}

impl Site {
    async fn start() -> Result<Self> {
        let (aws, cluster) = many(Emulator::Ministack, 1).await?;
        let given = serde_json::from_value(aws.inspect(BEFORE).await?)?;
        let before = shape(&aws.inventory().await?)?;
        Ok(Self { aws, cluster, given, before })
    }

    /// Deploys the config, reads everything, and destroys it again.
    async fn platform(&self, config: &str) -> Result<BTreeSet<String>> {
        let config = self.given.iter().fold(config.to_owned(), |text, (mark, value)| text.replace(mark, value));
        let workspace = workspace(&self.aws)?;
        workspace.config(&config)?;
        workspace.ok(&["deploy"]).await?;
        let mut lines = BTreeSet::new();
        for (list, things) in shape(&self.aws.inventory().await?)?.as_object().context("an object of lists")? {
            for thing in things.as_array().into_iter().flatten().filter(|thing| !self.was_there(list, thing)) {
                flatten(&format!("{list} {} ", name(thing)?), thing, &mut lines);
            }
        }
        for (path, object) in self.cluster.objects() {
            // The definitions have golden files of their own, where they are made.
            let definition = object["kind"] == "CustomResourceDefinition";
            flatten(&format!("{path} "), if definition { &object["kind"] } else { &object }, &mut lines);
        }
        self.aws.clear_log();
        let again = workspace.ok(&["deploy"]).await?;
        ensure!(self.aws.mutating_count() == 0, "a second deploy changed something: {}", again.said());
        workspace.ok(&["destroy", "--yes"]).await?;
        let left = shape(&self.aws.inventory().await?)?;
        ensure!(left == self.before, "destroy left\n{left:#}\nbefore there was\n{:#}", self.before);
        ensure!(self.cluster.objects().is_empty(), "destroy left {:?}", self.cluster.paths());
        Ok(lines)
    }

    fn was_there(&self, list: &str, thing: &Value) -> bool {
        self.before[list].as_array().is_some_and(|before| before.contains(thing))
    }
}

/// What one thing of a list is called.
fn name(thing: &Value) -> Result<&str> {
    const NAMES: [&str; 16] = [
        "AutoScalingGroupName",
        "CreationToken",
        "PolicyName",
        "RoleName",
        "addonName",
        "nodegroupName",
        "repositoryName",
        "AllocationId",
        "InternetGatewayId",
        "NatGatewayId",
        "RouteTableId",
        "VolumeId",
        "GroupId",
        "SubnetId",
        "VpcId",
        "GroupArn",
    ];
    let mut known = NAMES.iter().chain(&["name", "Arn"]).filter_map(|member| thing[*member].as_str());
    known.next().with_context(|| format!("it has no name: {thing:#}"))
}

/// One line for each attribute that is no object.
fn flatten(path: &str, value: &Value, lines: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (member, value) in members {
                let join = if path.ends_with(' ') { "" } else { "." };
                flatten(&format!("{path}{join}{member}"), value, lines);
            }
        }
        Value::Null => {}
        leaf => {
            lines.insert(format!("{} = {leaf}", path.trim_end()));
        }
    }
}

/// What is different, and nothing else.
fn changes(plain: &BTreeSet<String>, with: &BTreeSet<String>) -> String {
    let gone = plain.difference(with).map(|line| (line, '-'));
    let new = with.difference(plain).map(|line| (line, '+'));
    let ordered: BTreeMap<&String, char> = gone.chain(new).collect();
    let lines: Vec<String> = ordered.into_iter().map(|(line, sign)| format!("{sign} {line}")).collect();
    lines.join("\n")
}

fn whole(lines: &BTreeSet<String>) -> String {
    lines.iter().cloned().collect::<Vec<_>>().join("\n")
}

#[tokio::test(flavor = "multi_thread")]
async fn options_of_classic() -> Result<()> {
    let site = Site::start().await?;
    let plain = site.platform(CLASSIC).await?;
    insta::assert_snapshot!("classic", whole(&plain));
    let with = site.platform(CLASSIC_OPTIONS).await.context("the config with every option")?;
    insta::assert_snapshot!("classic_options", changes(&plain, &with));
    // Under another name everything is called otherwise, and nothing else is different for that.
    let named: BTreeSet<String> = plain.iter().map(|line| line.replace("my-nebari", "aaws_data")).collect();
    let with = site.platform(CLASSIC_EXISTING).await.context("the config with a network of somebody else")?;
    insta::assert_snapshot!("classic_existing", changes(&named, &with));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn options_of_the_design() -> Result<()> {
    let site = Site::start().await?;
    let plain = site.platform(DESIGN).await?;
    insta::assert_snapshot!("design", whole(&plain));
    let with = site.platform(DESIGN_OPTIONS).await.context("the config with every option")?;
    insta::assert_snapshot!("design_options", changes(&plain, &with));
    let with = site.platform(DESIGN_EXISTING).await.context("the config with a network of somebody else")?;
    insta::assert_snapshot!("design_existing", changes(&plain, &with));
    Ok(())
}
