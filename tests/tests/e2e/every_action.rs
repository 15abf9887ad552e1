//! Every action that the AWS component may ever ask for is asked for here, so that each of its requests is held against botocore's
//! models, which the harness does with whatever comes; and what it was asked for has come about.
//!
//! - A config that is edited in place leaves what a first deploy of the edited config leaves.
//! - What somebody changes by hand is set back by the next deploy.
//! - Of the actions that the component declares none is missing in the end.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use nic_tests::aws::{Emulator, shape};
use nic_tests::nic::Workspace;
use nic_tests::platform::Site;
use nic_tests::wiring::same;
use serde_json::Value;

/// `KEY` and `BOUNDARY` are made by the test.
pub(super) const CLASSIC: &str = r#"
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.33"
  permissions_boundary: BOUNDARY
  tags: {Team: data, Floor: "3"}
  node_groups:
    general: {instance: m5.large, min_nodes: 1, max_nodes: 1, labels: {tier: "1", old: "1"}, taints: ["a=b:NoSchedule"]}
    user: {instance: m5.large, max_nodes: 3}
"#;

/// Whatever AWS lets change in place.
pub(super) const CLASSIC_EDITED: &str = r#"
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  eks_endpoint_access: public_and_private
  eks_public_access_cidrs: [203.0.113.0/24]
  eks_kms_arn: KEY
  tags: {Floor: "4"}
  node_groups:
    general: {instance: m5.large, min_nodes: 1, max_nodes: 2, labels: {tier: "2"}, taints: ["a=c:NoSchedule", "d:NoExecute"]}
    user: {instance: m5.large, max_nodes: 4, taints: []}
"#;

pub(super) const DESIGN: &str = r#"
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  tags: {Team: data, Floor: "3"}
  node_groups:
    general: {instance_type: m5.large, min_size: 1, max_size: 1}
  storage: {type: ebs, size: 500}
"#;

/// A volume grows and never shrinks, so there is no way back.
pub(super) const DESIGN_EDITED: &str = r#"
project_name: my-nebari
provider: aws
amazon_web_services:
  region: us-west-2
  kubernetes_version: "1.34"
  permissions_boundary: BOUNDARY
  tags: {Floor: "4"}
  node_groups:
    general: {instance_type: m5.large, min_size: 1, max_size: 2, labels: {tier: "2"}}
  storage: {type: ebs, size: 600}
"#;

/// What every script by hand begins with.
const HANDS: &str = r#"
ec2, iam, eks, efs, ecr = client("ec2"), client("iam"), client("eks"), client("efs"), client("ecr")
groups, scaling = client("resource-groups"), client("autoscaling")
name = "my-nebari-dev"
vpc = next(v["VpcId"] for v in ec2.describe_vpcs()["Vpcs"] if not v["IsDefault"])
inside = [dict(Name="vpc-id", Values=[vpc])]
subnets = sorted(ec2.describe_subnets(Filters=inside)["Subnets"], key=lambda s: s["CidrBlock"])
tables = [t for t in ec2.describe_route_tables(Filters=inside)["RouteTables"] if not any(a.get("Main") for a in t["Associations"])]
theirs = [dict(Key="Floor", Value="theirs")]
def until_still():
    while eks.describe_cluster(name=name)["cluster"]["status"] != "ACTIVE":
        time.sleep(0.01)
    for one in eks.list_nodegroups(clusterName=name)["nodegroups"]:
        while eks.describe_nodegroup(clusterName=name, nodegroupName=one)["nodegroup"]["status"] != "ACTIVE":
            time.sleep(0.01)
    for one in eks.list_addons(clusterName=name)["addons"]:
        while eks.describe_addon(clusterName=name, addonName=one)["addon"]["status"] != "ACTIVE":
            time.sleep(0.01)
"#;

/// Somebody changes an attribute of each kind. Shows the route table that a subnet got.
pub(super) const CLASSIC_BY_HAND: &str = r#"
group = next(g for g in ec2.describe_security_groups(Filters=inside)["SecurityGroups"] if g["GroupName"] == name)
plain = next(g["GroupId"] for g in ec2.describe_security_groups(Filters=inside)["SecurityGroups"] if g["GroupName"] == "default")
[table] = tables
ec2.create_tags(Resources=[vpc, subnets[0]["SubnetId"], table["RouteTableId"], group["GroupId"]], Tags=theirs)
ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames=dict(Value=False))
ec2.modify_subnet_attribute(SubnetId=subnets[0]["SubnetId"], MapPublicIpOnLaunch=dict(Value=False))
gateway = next(r["GatewayId"] for r in table["Routes"] if r["GatewayId"] != "local")
ec2.delete_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
ec2.create_route(RouteTableId=table["RouteTableId"], DestinationCidrBlock="192.0.2.0/24", GatewayId=gateway)
other = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
ec2.replace_route_table_association(AssociationId=table["Associations"][0]["RouteTableAssociationId"], RouteTableId=other)
def described(direction):
    rule = {key: group[direction][0][key] for key in ("IpProtocol", "IpRanges")}
    return [{**rule, "IpRanges": [{**one, "Description": "theirs"} for one in rule["IpRanges"]]}]
ec2.update_security_group_rule_descriptions_ingress(GroupId=group["GroupId"], IpPermissions=described("IpPermissions"))
ec2.update_security_group_rule_descriptions_egress(GroupId=group["GroupId"], IpPermissions=described("IpPermissionsEgress"))

node_role = f"{name}-eks-node-group-role"
iam.update_assume_role_policy(RoleName=node_role, PolicyDocument=trust("ssm.amazonaws.com"))
iam.tag_role(RoleName=node_role, Tags=theirs)
policy = next(p["Arn"] for p in iam.list_policies(Scope="Local")["Policies"] if p["PolicyName"].startswith("eks-worker"))
statement = {"Effect": "Deny", "Action": "*", "Resource": "*"}
iam.create_policy_version(PolicyArn=policy, PolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [statement]}), SetAsDefault=True)
[issuer] = [p["Arn"] for p in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]]
iam.add_client_id_to_open_id_connect_provider(OpenIDConnectProviderArn=issuer, ClientID="theirs")
iam.remove_client_id_from_open_id_connect_provider(OpenIDConnectProviderArn=issuer, ClientID="sts.amazonaws.com")
iam.tag_open_id_connect_provider(OpenIDConnectProviderArn=issuer, Tags=theirs)
iam.detach_role_policy(RoleName=node_role, PolicyArn="arn:aws:iam::aws:policy/AmazonEKS_CNI_Policy")

eks.tag_resource(resourceArn=eks.describe_cluster(name=name)["cluster"]["arn"], tags={"Floor": "theirs"})
eks.update_cluster_config(name=name, resourcesVpcConfig=dict(endpointPublicAccess=True, endpointPrivateAccess=False)); until_still()
eks.update_nodegroup_config(clusterName=name, nodegroupName="user", labels=dict(addOrUpdateLabels=dict(dedicated="theirs")), scalingConfig=dict(minSize=0, maxSize=9)); until_still()
eks.update_addon(clusterName=name, addonName="coredns", configurationValues="{}"); until_still()
asg = eks.describe_nodegroup(clusterName=name, nodegroupName="user")["nodegroup"]["resources"]["autoScalingGroups"][0]["name"]
label = "k8s.io/cluster-autoscaler/node-template/label/dedicated"
scaling.create_or_update_tags(Tags=[dict(ResourceId=asg, ResourceType="auto-scaling-group", Key=label, Value="theirs", PropagateAtLaunch=True)])

[files] = efs.describe_file_systems()["FileSystems"]
efs.update_file_system(FileSystemId=files["FileSystemId"], ThroughputMode="elastic")
while efs.describe_file_systems()["FileSystems"][0]["LifeCycleState"] != "available":
    time.sleep(0.01)
efs.tag_resource(ResourceId=files["FileSystemId"], Tags=theirs)
target = efs.describe_mount_targets(FileSystemId=files["FileSystemId"])["MountTargets"][0]
efs.modify_mount_target_security_groups(MountTargetId=target["MountTargetId"], SecurityGroups=[plain])
[repository] = ecr.describe_repositories()["repositories"]
ecr.put_image_scanning_configuration(repositoryName=repository["repositoryName"], imageScanningConfiguration=dict(scanOnPush=False))
ecr.tag_resource(resourceArn=repository["repositoryArn"], tags=theirs)
groups.update_group(Group="my-nebari", Description="theirs")
groups.update_group_query(Group="my-nebari", ResourceQuery=dict(Type="TAG_FILTERS_1_0", Query=json.dumps({"ResourceTypeFilters": ["AWS::AllSupported"], "TagFilters": []})))
groups.tag(Arn=groups.get_group(Group="my-nebari")["Group"]["GroupArn"], Tags={"Description": "theirs"})
show(other)
"#;

/// Rules and routes of others in the place of ours.
pub(super) const CLASSIC_BY_HAND_AGAIN: &str = r#"
group = next(g["GroupId"] for g in ec2.describe_security_groups(Filters=inside)["SecurityGroups"] if g["GroupName"] == name)
rules = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"][0]
stranger = [dict(IpProtocol="tcp", FromPort=22, ToPort=22, IpRanges=[dict(CidrIp="0.0.0.0/0")])]
ec2.revoke_security_group_ingress(GroupId=group, IpPermissions=rules["IpPermissions"])
ec2.revoke_security_group_egress(GroupId=group, IpPermissions=rules["IpPermissionsEgress"])
ec2.authorize_security_group_ingress(GroupId=group, IpPermissions=stranger)
ec2.authorize_security_group_egress(GroupId=group, IpPermissions=stranger)
show(None)
"#;

const DESIGN_BY_HAND: &str = r#"
gateway = next(g["InternetGatewayId"] for g in ec2.describe_internet_gateways(Filters=[dict(Name="attachment.vpc-id", Values=[vpc])])["InternetGateways"])
private = next(t for t in tables if any(r.get("NatGatewayId") for r in t["Routes"]))
ec2.replace_route(RouteTableId=private["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
volume = ec2.describe_volumes()["Volumes"][0]["VolumeId"]
nat = next(g["NatGatewayId"] for g in ec2.describe_nat_gateways()["NatGateways"] if g["State"] == "available")
address = ec2.describe_addresses()["Addresses"][0]["AllocationId"]
ec2.create_tags(Resources=[gateway, volume, nat, address], Tags=theirs)
show(None)
"#;

/// Nothing here leads to these.
const ELSEWHERE: [&str; 9] = [
    // What a cluster leaves behind is made and looked for in `leftovers.rs`.
    "ec2:DeleteNetworkInterface",
    "elasticloadbalancing:DeleteLoadBalancer",
    "elasticloadbalancing:DeleteTargetGroup",
    "elasticloadbalancing:DescribeTags",
    // No edit of a config takes away or renames what these are about while the rest stays: they are for what other hands have made.
    "autoscaling:DeleteTags",
    "eks:DeleteAddon",
    "iam:TagPolicy",
    "iam:UntagPolicy",
    "resource-groups:Untag",
];

/// A site, what configs name there, and what was asked for.
struct Recorder {
    site: Site,
    key: String,
    boundary: String,
    seen: BTreeSet<String>,
}

impl Recorder {
    async fn start() -> Result<Self> {
        let site = Site::start(Emulator::Ministack, 1).await?;
        let key = site.aws.inspect(r#"show(client("kms").create_key()["KeyMetadata"]["Arn"])"#).await?;
        let (key, boundary) = (serde_json::from_value(key)?, site.make_boundary().await?);
        Ok(Self { site, key, boundary, seen: BTreeSet::new() })
    }

    fn given(&self, config: &str) -> String {
        config.replace("KEY", &self.key).replace("BOUNDARY", &self.boundary)
    }

    /// Runs the command, which has something to do.
    async fn run(&mut self, workspace: &Workspace, command: &[&str]) -> Result<()> {
        self.site.aws.clear_log();
        let ran = workspace.ok(command).await?;
        ensure!(self.site.aws.mutating_count() > 0, "nothing was done: {}", ran.said());
        self.note();
        Ok(())
    }

    fn note(&mut self) {
        self.seen.extend(self.site.aws.log().into_iter().map(|entry| format!("{}:{}", entry.service, entry.action)));
    }

    /// Deploys, edits, compares with a first deploy of the edited config, and leaves that standing.
    async fn edited(&mut self, config: &str, edited: &str) -> Result<Workspace> {
        let (config, edited) = (self.given(config), self.given(edited));
        let workspace = self.site.workspace(&config)?;
        self.run(&workspace, &["deploy"]).await.context("the first deploy")?;
        workspace.config(&edited)?;
        self.run(&workspace, &["deploy"]).await.context("the edit")?;
        let by_edit = found(&self.site).await?;
        self.run(&workspace, &["destroy", "--yes"]).await?;
        let workspace = self.site.workspace(&edited)?;
        self.run(&workspace, &["deploy"]).await.context("the edited config by itself")?;
        same(&by_edit, &found(&self.site).await?).context("an edit and a first deploy differ")?;
        Ok(workspace)
    }
}

/// Not as the inspector, whose looks do not make time pass.
pub(super) async fn by_hand(site: &Site, script: &str) -> Result<Value> {
    let shown = site.aws.boto3(&format!("{HANDS}{script}")).await;
    site.aws.clear_log();
    shown
}

/// Takes away the route table that [`CLASSIC_BY_HAND`] made.
pub(super) async fn delete_route_table(site: &Site, id: &Value) -> Result<()> {
    site.aws.inspect(&format!("client('ec2').delete_route_table(RouteTableId={id}); show(None)")).await?;
    Ok(())
}

/// What there is; which version of a policy it is that says so does not count.
pub(super) async fn found(site: &Site) -> Result<Value> {
    let mut inventory = site.aws.inventory().await?;
    for policy in inventory["policies"].as_array_mut().into_iter().flatten().filter_map(Value::as_object_mut) {
        policy.remove("DefaultVersionId");
    }
    shape(&inventory)
}

/// The actions that the component declares.
async fn declared(workspace: &Workspace) -> Result<BTreeSet<String>> {
    fn actions(value: &Value, found: &mut BTreeSet<String>) {
        match value {
            Value::Object(members) => members.values().for_each(|member| actions(member, found)),
            Value::Array(elements) => elements.iter().for_each(|element| actions(element, found)),
            Value::String(text) => {
                let action = text.split_once(':').is_some_and(|(service, action)| {
                    !service.is_empty()
                        && action.starts_with(|c: char| c.is_ascii_uppercase())
                        && action.chars().all(char::is_alphanumeric)
                });
                found.extend(action.then(|| text.clone()));
            }
            _ => {}
        }
    }
    let list = workspace.ok(&["provider", "list", "--format", "json"]).await?.json()?;
    let mut found = BTreeSet::new();
    actions(&list, &mut found);
    ensure!(found.len() > 100, "the component declares {found:?}");
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn every_action_is_taken_and_takes_effect() -> Result<()> {
    let mut recorder = Recorder::start().await?;

    let classic = recorder.edited(CLASSIC, CLASSIC_EDITED).await.context("Classic")?;
    let expected = found(&recorder.site).await?;
    let other = by_hand(&recorder.site, CLASSIC_BY_HAND).await?;
    let report = classic.ok(&["drift", "detect", "--format", "json"]).await?.json()?;
    recorder.note();
    ensure!(report["has_drift"] == true, "{report:#}");
    recorder.run(&classic, &["deploy"]).await.context("set back what was changed by hand")?;
    delete_route_table(&recorder.site, &other).await?;
    same(&found(&recorder.site).await?, &expected).context("what was changed by hand is not as it was")?;
    by_hand(&recorder.site, CLASSIC_BY_HAND_AGAIN).await?;
    recorder.run(&classic, &["deploy"]).await?;
    same(&found(&recorder.site).await?, &expected).context("rules that were changed by hand are not as they were")?;
    recorder.run(&classic, &["destroy", "--yes"]).await?;

    let design = recorder.edited(DESIGN, DESIGN_EDITED).await.context("the design")?;
    let expected = found(&recorder.site).await?;
    by_hand(&recorder.site, DESIGN_BY_HAND).await?;
    recorder.run(&design, &["deploy"]).await?;
    same(&found(&recorder.site).await?, &expected).context("what was changed by hand is not as it was")?;
    recorder.run(&design, &["destroy", "--yes"]).await?;

    let Recorder { site, boundary, seen, .. } = recorder;
    site.delete_boundary(&boundary).await?;
    site.assert_empty().await?;

    let declared = declared(&design).await?;
    let missing: BTreeSet<&String> =
        declared.difference(&seen).filter(|action| !ELSEWHERE.contains(&action.as_str())).collect();
    ensure!(missing.is_empty(), "declared, and never asked for: {missing:?}");
    Ok(())
}
