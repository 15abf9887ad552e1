//! Every option of the AWS section: config in, the whole platform out, as boto3 and the API server show it.
//!
//! The platform that asks for nothing particular is in a golden file of its own for each dialect, one attribute a line. A config
//! with options has what they change in a golden file: `-` lines are gone from that platform, `+` lines are new. Options that do not
//! touch each other share a config. A second deploy changes nothing, and `nic destroy` leaves what was there before. No key of the
//! schema is without a config here.
//!
//! What the options mean is tested where they are read, in the provider; that the API server takes the objects in `initialize.rs`.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context, Result, ensure};
use nic::config::yaml::{self, Node};
use nic_tests::aws::Emulator;
use nic_tests::configs::{EXAMPLE, EXAMPLE_DESIGN};
use nic_tests::nic::Workspace;
use nic_tests::platform::Site;
use serde_json::Value;

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

/// Whatever may be left out is: the version, the zones, the node groups. Half a network of somebody else's is none. In another
/// namespace, with a private registry, and files in Ceph.
const CLASSIC_DEFAULTS: &str = r#"
project_name: my-nebari
namespace: prod
provider: aws
storage: {type: cephfs}
external_container_reg:
  enabled: true
  access_key_id: id of a key
  secret_access_key: the key itself
  extcr_account: "210987654321"
  extcr_region: eu-west-1
amazon_web_services:
  region: us-west-2
  vpc_cidr_block: 10.42.64.0/20
  existing_subnet_ids: SUBNETS
"#;

/// The design's spelling where Nebari's own occurs too, so that the platform is Classic; what only the design has makes nothing
/// then. A version whose last digit a number would lose, tags over Nebari's own, and a file system in somebody else's network.
const CLASSIC_SPELLED: &str = r#"
project_name: my-nebari
namespace: dev
provider: aws
storage:
  type: efs
  conda_store: 300Gi
  shared_filesystem: 400Gi
amazon_web_services:
  region: us-west-2
  kubernetes_version: 1.30
  existing_subnet_ids: SUBNETS
  existing_security_group_id: GROUP
  tags:
    Name: research
    Project: grant-7
    Environment: lab
  node_pools:
    general:
      instance: m5.2xlarge
      min_nodes: 1
      max_nodes: 1
      permissions_boundary: BOUNDARY
    user:
      instance_type: m5.xlarge
      max_size: 5
      single_subnet: true
      taints: null
    worker:
      instance_type: m5.xlarge
      min: 1
      max: 5
      taints: ["quiet:NoSchedule"]
  storage:
    type: ebs
    size: 50
kubernetes:
  namespaces:
    team-a: {quota: {pods: 100}}
"#;

/// As many zones as there is room for, in a network that has just that room. The other half of somebody else's network.
const CLASSIC_FOUR_ZONES: &str = r#"
project_name: my-nebari
namespace: dev
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  availability_zones: [us-west-2a, us-west-2b, us-west-2c, us-west-2d]
  vpc_cidr: 10.42.8.0/24
  existing_security_group_id: GROUP
  node_groups:
    general: {instance: m5.xlarge, min_nodes: 1, max_nodes: 1}
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

/// What is set on the design's cluster, which is closed to the world; what may be left out is, and what only Classic has makes
/// nothing.
const DESIGN_OBJECTS: &str = r#"
project_name: my-nebari
namespace: dev
provider: aws
storage:
  type: nfs
  conda_store: 300Gi
  shared_filesystem: 400Gi
external_container_reg:
  enabled: true
  access_key_id: id of a key
  secret_access_key: the key itself
  extcr_account: "210987654321"
  extcr_region: eu-west-1
amazon_web_services:
  region: us-west-2
  kubernetes_version: 1.30
  vpc_cidr: 10.42.64.0/20
  eks_endpoint_access: private
  node_pools:
    general:
      instance_type: m5.xlarge
      min_size: 1
      max_size: 2
      taints: null
      permissions_boundary: BOUNDARY
    user:
      instance_type: m5.xlarge
      max_size: 5
      taints: ["quiet:NoSchedule"]
kubernetes:
  priority_classes:
    batch: {value: 1000, description: Batch work, default: true}
  namespaces:
    dev:
      labels: {tier: front}
      quota: {requests.cpu: 20, requests.memory: 64Gi, pods: "100"}
      limits: {default: {cpu: "1"}, default_request: {cpu: 100m}, max: {cpu: "4"}}
      network_policies:
        inside: {from: [same_namespace, {namespace: monitoring}, {cidr: 10.42.64.0/20}]}
    team-a:
      labels: {team: data}
"#;

/// A config with options, beside the plain one of its dialect.
struct Variant {
    /// What its golden file is called, after the dialect.
    name: &'static str,
    config: &'static str,
    /// What is called otherwise under its names, and is no other difference.
    called: &'static [(&'static str, &'static str)],
}

const CLASSIC_VARIANTS: [Variant; 4] = [
    Variant { name: "options", config: CLASSIC_OPTIONS, called: &[] },
    Variant { name: "existing", config: CLASSIC_EXISTING, called: &[("my-nebari", "aaws_data")] },
    Variant {
        name: "defaults",
        config: CLASSIC_DEFAULTS,
        called: &[
            ("my-nebari-dev", "my-nebari-prod"),
            ("namespaces/dev", "namespaces/prod"),
            ("\"dev\"", "\"prod\""),
            ("namespace=dev", "namespace=prod"),
            ("environment dev", "environment prod"),
            ("environment=dev", "environment=prod"),
            ("serviceaccount:dev", "serviceaccount:prod"),
        ],
    },
    Variant { name: "spelled", config: CLASSIC_SPELLED, called: &[] },
];

const DESIGN_VARIANTS: [Variant; 3] = [
    Variant { name: "options", config: DESIGN_OPTIONS, called: &[] },
    Variant { name: "existing", config: DESIGN_EXISTING, called: &[] },
    Variant { name: "objects", config: DESIGN_OBJECTS, called: &[] },
];

/// Keys of the schema that no config here has, with all below them.
const ELSEWHERE: [&str; 4] = [
    // The other provider's: `initialize.rs`.
    "/existing",
    "/local",
    // The host's, whoever the provider is: `bad_input.rs` and `deploy.rs`.
    "/prevent_deploy",
    "/retain",
];

/// The same for Classic's configs, which have only as much of it as shows that nothing is made.
const ONLY_DESIGN: [&str; 1] = ["/kubernetes"];

/// Keys that mean the same, the design's first.
const SPELLINGS: [(&str, &str); 7] = [
    ("instance_type", "instance"),
    ("max_size", "max_nodes"),
    ("max", "max_nodes"),
    ("min_size", "min_nodes"),
    ("min", "min_nodes"),
    ("node_pools", "node_groups"),
    ("vpc_cidr", "vpc_cidr_block"),
];

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

/// A site, and what configs name there.
struct Prepared {
    site: Site,
    /// What stands for each placeholder.
    given: BTreeMap<String, String>,
    /// What was there before.
    before: Value,
}

impl Prepared {
    async fn start(emulator: Emulator) -> Result<Self> {
        let site = Site::start(emulator, 1).await?;
        let given = serde_json::from_value(site.aws.inspect(BEFORE).await?)?;
        let before = site.shape().await?;
        Ok(Self { site, given, before })
    }

    /// Deploys the config, reads everything, and destroys it again.
    async fn platform(&self, config: &str) -> Result<BTreeSet<String>> {
        let config = self.given.iter().fold(config.to_owned(), |text, (mark, value)| text.replace(mark, value));
        let workspace = self.site.workspace(&config)?;
        workspace.ok(&["deploy"]).await?;
        let mut lines = BTreeSet::new();
        for (list, things) in self.site.shape().await?.as_object().context("an object of lists")? {
            for thing in things.as_array().into_iter().flatten().filter(|thing| !self.was_there(list, thing)) {
                flatten(&format!("{list} {} ", name(thing)?), thing, &mut lines);
            }
        }
        for (path, object) in self.site.cluster.objects() {
            // The definitions have golden files of their own, where they are made.
            let definition = object["kind"] == "CustomResourceDefinition";
            flatten(&format!("{path} "), if definition { &object["kind"] } else { &object }, &mut lines);
        }
        self.site.assert_settled(&workspace).await?;
        workspace.ok(&["destroy", "--yes"]).await?;
        let left = self.site.shape().await?;
        ensure!(left == self.before, "destroy left\n{left:#}\nbefore there was\n{:#}", self.before);
        ensure!(self.site.cluster.paths().is_empty(), "destroy left {:?}", self.site.cluster.paths());
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

/// Holds the plain platform of a dialect against its golden file, and what each variant changes of it against another.
async fn golden(dialect: &str, plain: &str, variants: &[Variant]) -> Result<()> {
    let prepared = Prepared::start(Emulator::Ministack).await?;
    let plain = prepared.platform(plain).await.context("the plain config")?;
    insta::assert_snapshot!(dialect, whole(&plain));
    for Variant { name, config, called } in variants {
        let with = prepared.platform(config).await.with_context(|| format!("the config `{name}`"))?;
        let renamed = |line: &String| called.iter().fold(line.clone(), |line, (from, to)| line.replace(*from, to));
        let plain: BTreeSet<String> = plain.iter().map(renamed).collect();
        insta::assert_snapshot!(format!("{dialect}_{name}"), changes(&plain, &with));
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn options_of_classic() -> Result<()> {
    golden("classic", EXAMPLE, &CLASSIC_VARIANTS).await
}

#[tokio::test(flavor = "multi_thread")]
async fn options_of_the_design() -> Result<()> {
    golden("design", EXAMPLE_DESIGN, &DESIGN_VARIANTS).await
}

/// On moto, whose region has a fourth zone. Of the lines those that say where things stand.
#[tokio::test(flavor = "multi_thread")]
async fn a_platform_in_four_zones() -> Result<()> {
    const TELLING: [&str; 5] =
        [" AvailabilityZone = ", " CidrBlock = ", ".subnetIds = ", " subnets = ", " NumberOfMountTargets = "];
    let prepared = Prepared::start(Emulator::Moto).await?;
    let lines = prepared.platform(CLASSIC_FOUR_ZONES).await?;
    let telling = |line: &&str| TELLING.iter().any(|attribute| line.contains(*attribute));
    let lines: Vec<&str> = lines.iter().map(String::as_str).filter(telling).collect();
    insta::assert_snapshot!("classic_four_zones", lines.join("\n"));
    Ok(())
}

/// Where a key stands. What is below `node_pools` is what is below `node_groups`.
fn at(path: &str, key: &str) -> String {
    format!("{path}/{key}").replace("/node_pools/", "/node_groups/")
}

/// Adds every key that a schema names; in the place of a name that is the user's stands `*`.
fn named(schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    for (key, below) in schema["properties"].as_object().into_iter().flatten() {
        let path = at(path, key);
        named(below, &path, keys);
        keys.insert(path);
    }
    if schema["additionalProperties"].is_object() {
        named(&schema["additionalProperties"], &at(path, "*"), keys);
    }
    for same_place in schema["anyOf"].as_array().into_iter().flatten().chain(schema.get("items")) {
        named(same_place, path, keys);
    }
}

/// Adds those of them that a config has.
fn used(config: &Node, schema: &Value, path: &str, keys: &mut BTreeSet<String>) {
    for (key, below) in config.entries() {
        match schema["properties"].get(key.text.as_str()) {
            Some(schema) => {
                let path = at(path, &key.text);
                used(below, schema, &path, keys);
                keys.insert(path);
            }
            None => used(below, &schema["additionalProperties"], &at(path, "*"), keys),
        }
    }
    for element in config.elements() {
        used(element, &schema["items"], path, keys);
    }
    for same_place in schema["anyOf"].as_array().into_iter().flatten() {
        used(config, same_place, path, keys);
    }
}

/// Whether a key is one of these or below one.
fn is_among(key: &str, others: &[&str]) -> bool {
    others.iter().any(|other| key.strip_prefix(*other).is_some_and(|rest| rest.is_empty() || rest.starts_with('/')))
}

/// The key in Nebari's spelling, where it has one.
fn meaning(key: &str) -> String {
    let (above, last) = key.rsplit_once('/').unwrap_or(("", key));
    let own = SPELLINGS.iter().find(|(design, _)| *design == last).map_or(last, |(_, own)| *own);
    format!("{above}/{own}")
}

#[tokio::test(flavor = "multi_thread")]
async fn no_key_is_without_a_config() -> Result<()> {
    let workspace = Workspace::new()?;
    let schema = workspace.ok(&["config", "schema"]).await?.json()?;
    let mut known = BTreeSet::new();
    named(&schema, "", &mut known);
    ensure!(ELSEWHERE.iter().chain(&ONLY_DESIGN).all(|key| known.contains(*key)), "an exception is no key: {known:#?}");
    known.retain(|key| !is_among(key, &ELSEWHERE));

    let mut anywhere = BTreeSet::new();
    let classic = [EXAMPLE, CLASSIC_FOUR_ZONES].into_iter().chain(CLASSIC_VARIANTS.map(|variant| variant.config));
    let design = [EXAMPLE_DESIGN].into_iter().chain(DESIGN_VARIANTS.map(|variant| variant.config));
    let dialects: [(&str, Vec<&str>, &[&str]); 2] =
        [("Classic", classic.collect(), &ONLY_DESIGN), ("the design", design.collect(), &[])];
    // Each dialect has every option, in whichever spelling.
    for (dialect, configs, others) in dialects {
        let mut keys = BTreeSet::new();
        for config in configs {
            used(&yaml::parse(config)?, &schema, "", &mut keys);
        }
        let meant: BTreeSet<String> = keys.iter().map(|key| meaning(key)).collect();
        let missing: Vec<&String> =
            known.iter().filter(|key| !is_among(key, others) && !meant.contains(&meaning(key))).collect();
        ensure!(missing.is_empty(), "no config of {dialect} has {missing:#?}");
        anywhere.extend(keys);
    }
    // And every spelling occurs.
    let missing: Vec<&String> = known.difference(&anywhere).collect();
    ensure!(missing.is_empty(), "no config has {missing:#?}");
    Ok(())
}
