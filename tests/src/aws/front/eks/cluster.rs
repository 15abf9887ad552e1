//! Clusters: creation with what AWS checks, the waiting states, deletion.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::addon::Addon;
use super::nodegroup::Group;
use super::{
    Countdown, Eks, Failure, Outcome, Phase, Update, VERSIONS, check_role, check_subnets, check_tags, in_use, invalid,
    not_found, now, strings,
};
use crate::aws::emulator::ACCOUNT;
use crate::aws::front::Shared;
use crate::aws::front::answer::{Fault, random_hex};
use crate::aws::front::call::Call;
use crate::aws::front::partition::Partition;

/// A cluster as AWS would describe it, and what goes on in it.
#[derive(Debug)]
pub(super) struct Cluster {
    pub document: Value,
    pub phase: Phase,
    pub groups: BTreeMap<String, Group>,
    pub addons: BTreeMap<String, Addon>,
    pub updates: Vec<Update>,
    /// The security group EKS made; shown once the cluster is ACTIVE.
    pub security_group: String,
    /// Set when a test ordered the creation to fail.
    pub failure: Option<Failure>,
}

impl Cluster {
    pub fn group(&mut self, name: &str) -> Outcome<&mut Group> {
        let cluster = self.document["name"].as_str().unwrap_or_default();
        self.groups.get_mut(name).ok_or_else(|| {
            not_found(format!("No node group found for name: {name}."))
                .with("clusterName", cluster)
                .with("nodegroupName", name)
        })
    }

    pub fn active(&self) -> bool {
        self.document["status"] == "ACTIVE"
    }

    pub fn created(&mut self, endpoint: &(String, String), region: &str, partition: Partition) {
        self.phase = Phase::Steady;
        if let Some((code, message)) = self.failure.take() {
            self.document["status"] = json!("FAILED");
            self.document["health"] = json!({ "issues": [{ "code": code, "message": message, "resourceIds": [] }] });
            return;
        }
        self.document["status"] = json!("ACTIVE");
        self.document["endpoint"] = json!(endpoint.0);
        self.document["certificateAuthority"] = json!({ "data": endpoint.1 });
        self.document["identity"] = json!({ "oidc": { "issuer": format!("https://oidc.eks.{region}.{}/id/{}", partition.suffix, random_hex(32).to_uppercase()) } });
        self.document["resourcesVpcConfig"]["clusterSecurityGroupId"] = json!(self.security_group);
    }

    pub fn settle_groups(&mut self, shared: &Shared) {
        let cluster = self.document["name"].as_str().unwrap_or_default().to_owned();
        self.groups.retain(|name, group| {
            let gone = group.settle();
            if gone {
                crate::aws::locked(&shared.tokens).forget(&cluster, Some(name));
            }
            !gone
        });
    }

    /// EKS removes the group it made with the cluster, unless something else still uses it.
    pub async fn remove_security_group(&self, shared: &Shared) {
        let _ = shared.upstream.ec2("DeleteSecurityGroup", &[("GroupId", &self.security_group)]).await;
    }
}

pub(super) async fn create(eks: &mut Eks, shared: &Shared, call: &Call) -> Outcome<Value> {
    let request = &call.json;
    let name = text(request, "name")?;
    check_name(name)?;
    if eks.clusters.contains_key(name) {
        return Err(in_use(format!("Cluster already exists with name: {name}")).with("clusterName", name));
    }
    let version = match request["version"].as_str() {
        None => format!("1.{}", VERSIONS[VERSIONS.len() - 1]),
        Some(version) => version.to_owned(),
    };
    if minor(&version).is_none_or(|minor| !VERSIONS.contains(&minor)) {
        return Err(invalid(format!("unsupported Kubernetes version {version}")).with("clusterName", name));
    }
    check_tags(&request["tags"])?;
    let role = text(request, "roleArn")?;
    check_role(shared, role, "eks.amazonaws.com", |arn| {
        invalid(format!(
            "Role with arn: {arn}, could not be assumed because it does not exist or the trusted entity is not correct"
        ))
        .with("clusterName", name)
    })
    .await?;
    let network = network(shared, &request["resourcesVpcConfig"]).await?;
    let vpc = network["vpcId"].as_str().unwrap_or_default();
    let security_group = security_group(shared, name, vpc).await?;
    let mirrored = shared.upstream.forward(call).await?;
    if !mirrored.succeeded() {
        let _ = shared.upstream.ec2("DeleteSecurityGroup", &[("GroupId", &security_group)]).await;
        return Err(Fault::harness(format!(
            "the emulator refused a cluster that the checks let pass: {}",
            String::from_utf8_lossy(&mirrored.body)
        )));
    }
    let mut document = json!({
        "name": name, "arn": format!("arn:{}:eks:{}:{ACCOUNT}:cluster/{name}", eks.partition.id, eks.region), "createdAt": now(), "version": version,
        "roleArn": role, "resourcesVpcConfig": network, "status": "CREATING", "certificateAuthority": {}, "platformVersion": "eks.1",
        "kubernetesNetworkConfig": {
            "serviceIpv4Cidr": request["kubernetesNetworkConfig"]["serviceIpv4Cidr"].as_str().unwrap_or("172.20.0.0/16"),
            "ipFamily": request["kubernetesNetworkConfig"]["ipFamily"].as_str().unwrap_or("ipv4"),
            "elasticLoadBalancing": { "enabled": false },
        },
        "logging": logging(&request["logging"]),
        "tags": request["tags"].as_object().cloned().unwrap_or_default(),
        "accessConfig": { "authenticationMode": request["accessConfig"]["authenticationMode"].as_str().unwrap_or("CONFIG_MAP") },
        "upgradePolicy": { "supportType": request["upgradePolicy"]["supportType"].as_str().unwrap_or("EXTENDED") },
        "health": { "issues": [] },
        "deletionProtection": request["deletionProtection"].as_bool().unwrap_or(false),
    });
    for optional in ["encryptionConfig", "clientRequestToken", "zonalShiftConfig"] {
        if !request[optional].is_null() {
            document[optional] = request[optional].clone();
        }
    }
    let cluster = Cluster {
        document: document.clone(),
        phase: Phase::Creating(Countdown::start(eks.pace.cluster_create)),
        groups: BTreeMap::new(),
        addons: BTreeMap::new(),
        updates: Vec::new(),
        security_group,
        failure: eks.fail_cluster.take(),
    };
    eks.clusters.insert(name.to_owned(), cluster);
    Ok(json!({ "cluster": document }))
}

pub(super) async fn delete(eks: &mut Eks, shared: &Shared, call: &Call) -> Outcome<Value> {
    let name = &call.args[0];
    let wait = eks.pace.cluster_delete;
    let cluster = eks.cluster(name)?;
    if !cluster.groups.is_empty() {
        let groups: Vec<&str> = cluster.groups.keys().map(String::as_str).collect();
        return Err(in_use("Cluster has nodegroups attached")
            .with("clusterName", name)
            .with("nodegroupName", groups.join(",")));
    }
    if !matches!(cluster.phase, Phase::Steady) {
        let status = cluster.document["status"].as_str().unwrap_or_default();
        return Err(in_use(format!("Cannot delete because cluster {name} currently has status {status}"))
            .with("clusterName", name));
    }
    if cluster.document["deletionProtection"] == true {
        return Err(Fault::bad("InvalidRequestException", format!("Cluster {name} has deletion protection enabled"))
            .with("clusterName", name));
    }
    shared.upstream.forward(call).await?;
    cluster.document["status"] = json!("DELETING");
    cluster.phase = Phase::Deleting(Countdown::start(wait));
    Ok(json!({ "cluster": cluster.document }))
}

/// `34` of `1.34`.
pub(super) fn minor(version: &str) -> Option<u32> {
    version.strip_prefix("1.")?.parse().ok()
}

pub(super) fn text<'a>(request: &'a Value, member: &str) -> Outcome<&'a str> {
    request[member].as_str().filter(|text| !text.is_empty()).ok_or_else(|| invalid(format!("{member} is required")))
}

fn check_name(name: &str) -> Outcome<()> {
    let fits = name.len() <= 100
        && name.starts_with(|first: char| first.is_ascii_alphanumeric())
        && name.chars().all(|other| other.is_ascii_alphanumeric() || matches!(other, '-' | '_'));
    if fits {
        Ok(())
    } else {
        Err(invalid("The cluster name must match ^[0-9A-Za-z][A-Za-z0-9\\-_]* and have at most 100 characters"))
    }
}

/// `resourcesVpcConfig` as described, from what was asked.
pub(super) async fn network(shared: &Shared, asked: &Value) -> Outcome<Value> {
    let (ids, groups) = (strings(&asked["subnetIds"]), strings(&asked["securityGroupIds"]));
    if ids.is_empty() {
        return Err(invalid("subnetIds are required"));
    }
    let subnets = check_subnets(shared, &ids).await?;
    let zones: std::collections::BTreeSet<&str> =
        subnets.iter().filter_map(|subnet| subnet["availabilityZone"].as_str()).collect();
    if zones.len() < 2 {
        return Err(invalid("Subnets specified must be in at least two different AZs"));
    }
    let vpc = subnets[0]["vpcId"].clone();
    if subnets.iter().any(|subnet| subnet["vpcId"] != vpc) {
        return Err(invalid("Subnets must be in the same VPC"));
    }
    let known = if groups.is_empty() {
        Vec::new()
    } else {
        shared.upstream.ec2_items("DescribeSecurityGroups", "securityGroupInfo", &[]).await?
    };
    for id in &groups {
        match known.iter().find(|group| group["groupId"] == **id) {
            None => return Err(invalid(format!("The security group ID '{id}' does not exist"))),
            Some(group) if group["vpcId"] != vpc => {
                return Err(invalid("Security group(s) are not in the same VPC as the subnets"));
            }
            Some(_) => {}
        }
    }
    let public = asked["endpointPublicAccess"].as_bool().unwrap_or(true);
    let private = asked["endpointPrivateAccess"].as_bool().unwrap_or(false);
    if !public && !private {
        return Err(invalid("Private and public endpoint access cannot be false"));
    }
    let cidrs = match strings(&asked["publicAccessCidrs"]) {
        none if none.is_empty() && public => vec!["0.0.0.0/0".to_owned()],
        given => given,
    };
    Ok(json!({
        "subnetIds": ids, "securityGroupIds": groups, "vpcId": vpc, "endpointPublicAccess": public, "endpointPrivateAccess": private, "publicAccessCidrs": cidrs,
    }))
}

/// The five control-plane logs, split into those enabled and the rest.
pub(super) fn logging(asked: &Value) -> Value {
    const TYPES: [&str; 5] = ["api", "audit", "authenticator", "controllerManager", "scheduler"];
    let setups = asked["clusterLogging"].as_array().cloned().unwrap_or_default();
    let enabled: Vec<String> =
        setups.iter().filter(|setup| setup["enabled"] == true).flat_map(|setup| strings(&setup["types"])).collect();
    let rest: Vec<&str> = TYPES.into_iter().filter(|kind| !enabled.iter().any(|other| other == kind)).collect();
    let mut groups = Vec::new();
    if !enabled.is_empty() {
        groups.push(json!({ "types": enabled, "enabled": true }));
    }
    if !rest.is_empty() {
        groups.push(json!({ "types": rest, "enabled": false }));
    }
    json!({ "clusterLogging": groups })
}

/// EKS makes a security group of its own in the cluster's VPC.
async fn security_group(shared: &Shared, cluster: &str, vpc: &str) -> Outcome<String> {
    let name = format!("eks-cluster-sg-{cluster}-{}", random_hex(8));
    let description = "EKS created security group applied to ENI that is attached to EKS Control Plane master nodes, as well as any managed workloads.";
    let created = shared
        .upstream
        .ec2("CreateSecurityGroup", &[("GroupName", &name), ("GroupDescription", description), ("VpcId", vpc)])
        .await?;
    let id = created["groupId"].as_str().unwrap_or_default().to_owned();
    let owned = format!("kubernetes.io/cluster/{cluster}");
    let tags = [
        ("ResourceId.1", id.as_str()),
        ("Tag.1.Key", "Name"),
        ("Tag.1.Value", &name),
        ("Tag.2.Key", &owned),
        ("Tag.2.Value", "owned"),
        ("Tag.3.Key", "aws:eks:cluster-name"),
        ("Tag.3.Value", cluster),
    ];
    shared.upstream.ec2("CreateTags", &tags).await?;
    Ok(id)
}
