//! EKS, repaired on both emulators.
//!
//! Neither has clusters and node groups that take their time, updates as objects, true `vpcId` and cluster security
//! groups, or checks of roles and subnets. So the front keeps clusters, node groups, add-ons and their updates itself, and
//! keeps the emulator in step (it is given each creation and deletion of the first two), which serves what else hangs on a
//! cluster there: access entries. What neither side has is answered with an explicit error.

mod addon;
mod cluster;
mod machine;
mod nodegroup;
mod update;

use std::collections::{BTreeMap, BTreeSet};
use std::time::{SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use super::Shared;
use super::answer::{Answer, Fault, Outcome};
use super::call::Call;
use super::efs;
use super::partition::Partition;
use crate::aws::locked;
use crate::front::{Countdown, Wait};
use cluster::Cluster;
use update::Update;

pub use machine::{Machine, Machines};

/// Method, path template and action of the EKS API.
pub(crate) const ROUTES: &[(&str, &str, &str)] = &[
    ("POST", "/clusters", "CreateCluster"),
    ("GET", "/clusters", "ListClusters"),
    ("GET", "/clusters/{}", "DescribeCluster"),
    ("DELETE", "/clusters/{}", "DeleteCluster"),
    ("POST", "/clusters/{}/update-config", "UpdateClusterConfig"),
    ("POST", "/clusters/{}/encryption-config/associate", "AssociateEncryptionConfig"),
    ("POST", "/clusters/{}/updates", "UpdateClusterVersion"),
    ("GET", "/clusters/{}/updates", "ListUpdates"),
    ("GET", "/clusters/{}/updates/{}", "DescribeUpdate"),
    ("POST", "/clusters/{}/node-groups", "CreateNodegroup"),
    ("GET", "/clusters/{}/node-groups", "ListNodegroups"),
    ("GET", "/clusters/{}/node-groups/{}", "DescribeNodegroup"),
    ("DELETE", "/clusters/{}/node-groups/{}", "DeleteNodegroup"),
    ("POST", "/clusters/{}/node-groups/{}/update-config", "UpdateNodegroupConfig"),
    ("POST", "/clusters/{}/node-groups/{}/update-version", "UpdateNodegroupVersion"),
    ("GET", "/tags/{}", "ListTagsForResource"),
    ("POST", "/tags/{}", "TagResource"),
    ("DELETE", "/tags/{}", "UntagResource"),
    ("GET", "/cluster-versions", "DescribeClusterVersions"),
    ("GET", "/addons/supported-versions", "DescribeAddonVersions"),
    ("GET", "/addons/configuration-schemas", "DescribeAddonConfiguration"),
    ("POST", "/clusters/{}/addons", "CreateAddon"),
    ("GET", "/clusters/{}/addons", "ListAddons"),
    ("GET", "/clusters/{}/addons/{}", "DescribeAddon"),
    ("DELETE", "/clusters/{}/addons/{}", "DeleteAddon"),
    ("POST", "/clusters/{}/addons/{}/update", "UpdateAddon"),
    ("GET", "/access-policies", "ListAccessPolicies"),
    ("POST", "/clusters/{}/access-entries", "CreateAccessEntry"),
    ("GET", "/clusters/{}/access-entries", "ListAccessEntries"),
    ("GET", "/clusters/{}/access-entries/{}", "DescribeAccessEntry"),
    ("POST", "/clusters/{}/access-entries/{}", "UpdateAccessEntry"),
    ("DELETE", "/clusters/{}/access-entries/{}", "DeleteAccessEntry"),
    ("POST", "/clusters/{}/insights", "ListInsights"),
    ("GET", "/clusters/{}/insights/{}", "DescribeInsight"),
];

/// The minor versions on offer, newest last; one that is not offered can be neither created nor updated to.
const VERSIONS: [u32; 6] = [30, 31, 32, 33, 34, 35];

/// The oldest minor version in standard support.
const STANDARD: u32 = 32;

/// How long EKS and EFS take. AWS: about 10 minutes for a cluster, 3 for a node group.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// From `CreateCluster` to ACTIVE.
    pub cluster_create: Wait,
    /// From `DeleteCluster` to not found.
    pub cluster_delete: Wait,
    /// From an update of a cluster to its end.
    pub cluster_update: Wait,
    /// From `CreateNodegroup` to ACTIVE.
    pub nodegroup_create: Wait,
    /// From `DeleteNodegroup` to not found.
    pub nodegroup_delete: Wait,
    /// From an update of a node group to its end.
    pub nodegroup_update: Wait,
    /// From anything about an add-on to its end.
    pub addon: Wait,
    /// From a create, update or delete of a file system or mount target to its end. AWS: seconds, and about 90 seconds.
    pub storage: Wait,
}

impl Pace {
    /// Everything takes the same.
    pub const fn all(wait: Wait) -> Self {
        Self {
            cluster_create: wait,
            cluster_delete: wait,
            cluster_update: wait,
            nodegroup_create: wait,
            nodegroup_delete: wait,
            nodegroup_update: wait,
            addon: wait,
            storage: wait,
        }
    }
}

impl Default for Pace {
    fn default() -> Self {
        let (cluster, group) = (Wait::millis(300), Wait::millis(200));
        Self {
            cluster_create: cluster,
            cluster_delete: cluster,
            cluster_update: cluster,
            nodegroup_create: group,
            nodegroup_delete: group,
            nodegroup_update: group,
            addon: group,
            storage: efs::PACE,
        }
    }
}

/// The Auto Scaling group behind a node group.
pub(crate) struct ScalingGroup<'a> {
    pub name: String,
    /// The node group's.
    pub document: &'a Value,
    /// Value, and whether it is handed on to new nodes, by key.
    pub tags: &'a mut ScalingTags,
}

/// The tags of an Auto Scaling group.
pub(crate) type ScalingTags = BTreeMap<String, (String, bool)>;

/// What a thing is doing.
#[derive(Debug, Clone)]
enum Phase {
    Steady,
    Creating(Countdown),
    Updating(Countdown),
    Deleting(Countdown),
}

impl Phase {
    fn countdown(&mut self) -> Option<&mut Countdown> {
        match self {
            Self::Steady => None,
            Self::Creating(countdown) | Self::Updating(countdown) | Self::Deleting(countdown) => Some(countdown),
        }
    }

    fn over(&mut self) -> bool {
        self.countdown().is_some_and(|countdown| countdown.over())
    }

    fn looked(&mut self) {
        if let Some(countdown) = self.countdown() {
            countdown.looked();
        }
    }
}

/// A failure a test ordered: error code and message.
pub(crate) type Failure = (String, String);

/// The state of EKS in one account and region.
#[derive(Debug)]
pub(crate) struct Eks {
    region: String,
    partition: Partition,
    pub pace: Pace,
    /// The versions of an add-on for a minor version of Kubernetes, the default first, where a test says so.
    pub addon_offers: addon::Offers,
    /// URL and CA (base64 of PEM) that an ACTIVE cluster shows.
    endpoint: (String, String),
    pub fail_update: Option<Failure>,
    pub fail_cluster: Option<Failure>,
    pub fail_nodegroup: Option<Failure>,
    /// Node groups whose next update fails, and the nodes that the failure is about.
    pub stuck: BTreeMap<String, (Failure, Vec<String>)>,
    /// How many machines AWS has for a node group, where it has fewer than are wanted.
    pub scarce: BTreeMap<String, u64>,
    clusters: BTreeMap<String, Cluster>,
}

impl Eks {
    pub(crate) fn new(region: &str) -> Result<Self> {
        // A real certificate, so that whoever parses it can; nothing listens behind it until a test says what does.
        let certificate =
            rcgen::generate_simple_self_signed(vec!["kubernetes".to_owned()]).context("make a placeholder CA")?;
        let mut eks = Self {
            region: region.to_owned(),
            partition: Partition::of(region),
            pace: Pace::default(),
            addon_offers: addon::Offers::new(),
            endpoint: Default::default(),
            fail_update: None,
            fail_cluster: None,
            fail_nodegroup: None,
            stuck: BTreeMap::new(),
            scarce: BTreeMap::new(),
            clusters: BTreeMap::new(),
        };
        eks.set_endpoint("https://kubernetes.invalid", &certificate.cert.pem());
        Ok(eks)
    }

    pub(crate) fn set_endpoint(&mut self, url: &str, ca_pem: &str) {
        use base64::Engine as _;
        self.endpoint = (url.to_owned(), base64::engine::general_purpose::STANDARD.encode(ca_pem));
    }

    /// Forgets clusters and ordered failures; pace and endpoint stay.
    pub(crate) fn reset(&mut self) {
        self.clusters.clear();
        self.scarce.clear();
        self.stuck.clear();
        self.addon_offers.clear();
        (self.fail_update, self.fail_cluster, self.fail_nodegroup) = (None, None, None);
    }

    /// Finishes what has taken its time.
    pub(crate) async fn settle(&mut self, shared: &Shared) {
        let mut gone = Vec::new();
        self.clusters.values_mut().for_each(|cluster| cluster.settle_groups(shared));
        let names = self.clusters.keys().filter(|cluster| self.has_machines(cluster));
        let with_machines: BTreeSet<String> = names.cloned().collect();
        for (name, cluster) in &mut self.clusters {
            cluster.settle_addons(with_machines.contains(name));
            if !cluster.phase.over() {
                continue;
            }
            match cluster.phase {
                Phase::Creating(_) => cluster.created(&self.endpoint, &self.region, self.partition),
                Phase::Updating(_) => cluster.finish_update(),
                Phase::Deleting(_) => gone.push(name.clone()),
                Phase::Steady => {}
            }
        }
        for name in gone {
            if let Some(cluster) = self.clusters.remove(&name) {
                cluster.remove_security_group(shared).await;
                locked(&shared.tokens).forget(&name, None);
            }
        }
    }

    /// Who uses this subnet, if anyone: the cluster's and the node groups' network interfaces are in it.
    pub(crate) fn uses_subnet(&self, id: &str) -> bool {
        self.clusters.values().any(|cluster| {
            lists(&cluster.document["resourcesVpcConfig"]["subnetIds"], id)
                || cluster.groups.values().any(|group| lists(&group.document["subnets"], id))
        })
    }

    /// Whether a cluster's network interfaces bear this security group.
    pub(crate) fn uses_security_group(&self, id: &str) -> bool {
        self.clusters.values().any(|cluster| {
            cluster.security_group == id || lists(&cluster.document["resourcesVpcConfig"]["securityGroupIds"], id)
        })
    }

    /// Subnets in which nodes run.
    pub(crate) fn node_subnets(&self) -> Vec<String> {
        let groups = self.clusters.values().flat_map(|cluster| cluster.groups.values());
        groups
            .filter(|group| group.document["scalingConfig"]["desiredSize"].as_u64() != Some(0))
            .flat_map(|group| strings(&group.document["subnets"]))
            .collect()
    }

    /// The Auto Scaling groups of the node groups: AWS makes one for each.
    pub(crate) fn scaling_groups(&mut self) -> impl Iterator<Item = ScalingGroup<'_>> {
        let groups = self.clusters.values_mut().flat_map(|cluster| cluster.groups.values_mut());
        groups.filter_map(|group| {
            let name = group.document["resources"]["autoScalingGroups"][0]["name"].as_str()?.to_owned();
            Some(ScalingGroup { name, document: &group.document, tags: &mut group.scaling_tags })
        })
    }

    fn cluster(&mut self, name: &str) -> Outcome<&mut Cluster> {
        self.clusters
            .get_mut(name)
            .ok_or_else(|| not_found(format!("No cluster found for name: {name}.")).with("clusterName", name))
    }

    /// The tags of the cluster, node group or add-on with this ARN.
    fn tags(&mut self, arn: &str) -> Option<&mut Value> {
        for cluster in self.clusters.values_mut() {
            if cluster.document["arn"] == arn {
                return Some(&mut cluster.document["tags"]);
            }
            if let Some(group) = cluster.groups.values_mut().find(|group| group.document["nodegroupArn"] == arn) {
                return Some(&mut group.document["tags"]);
            }
            if let Some(addon) = cluster.addons.values_mut().find(|addon| addon.document["addonArn"] == arn) {
                return Some(&mut addon.document["tags"]);
            }
        }
        None
    }

    fn tag_action(&mut self, call: &Call) -> Option<Outcome<Answer>> {
        let tags = self.tags(&call.args[0])?;
        let body = match call.action.as_str() {
            "ListTagsForResource" => json!({ "tags": tags }),
            "TagResource" => {
                let given = call.json["tags"].as_object().cloned().unwrap_or_default();
                if let Err(fault) = check_tags(&call.json["tags"]) {
                    return Some(Err(fault));
                }
                for (key, value) in given {
                    tags[key] = value;
                }
                json!({})
            }
            _ => {
                let keys = form_urlencoded::parse(call.query.as_bytes()).filter(|(name, _)| name == "tagKeys");
                if let Some(tags) = tags.as_object_mut() {
                    for (_, key) in keys {
                        tags.remove(key.as_ref());
                    }
                }
                json!({})
            }
        };
        Some(Ok(Answer::json(200, &body)))
    }
}

/// Answers a call to EKS.
pub(crate) async fn handle(shared: &Shared, call: &Call, inspector: bool) -> Outcome<Answer> {
    let mut eks = shared.eks.lock().await;
    if let Some(answer) = addon::handle(&mut eks, call, inspector) {
        return answer.map(|body| Answer::json(200, &body));
    }
    let arg = |index: usize| call.args.get(index).map_or("", String::as_str);
    let body = match call.action.as_str() {
        "CreateCluster" => cluster::create(&mut eks, shared, call).await?,
        "ListClusters" => page(call, "clusters", eks.clusters.keys())?,
        "DescribeCluster" => {
            let cluster = eks.cluster(arg(0))?;
            if !inspector {
                cluster.phase.looked();
            }
            json!({ "cluster": cluster.document })
        }
        "DeleteCluster" => cluster::delete(&mut eks, shared, call).await?,
        "UpdateClusterConfig" => update::cluster_config(&mut eks, shared, call).await?,
        "AssociateEncryptionConfig" => update::encryption(&mut eks, call)?,
        "UpdateClusterVersion" => update::cluster_version(&mut eks, call)?,
        "ListUpdates" => {
            let ids: Vec<String> = update::list(&mut eks, call)?.iter().map(|update| update.id.clone()).collect();
            page(call, "updateIds", ids.iter())?
        }
        "DescribeUpdate" => update::describe(&mut eks, call, inspector)?,
        "CreateNodegroup" => nodegroup::create(&mut eks, shared, call).await?,
        "ListNodegroups" => {
            let cluster = eks.cluster(arg(0))?;
            page(call, "nodegroups", cluster.groups.keys())?
        }
        "DescribeNodegroup" => {
            let group = eks.cluster(arg(0))?.group(arg(1))?;
            if !inspector {
                group.phase.looked();
            }
            json!({ "nodegroup": group.document })
        }
        "DeleteNodegroup" => nodegroup::delete(&mut eks, shared, call).await?,
        "UpdateNodegroupConfig" => update::nodegroup_config(&mut eks, call)?,
        "UpdateNodegroupVersion" => update::nodegroup_version(&mut eks, call)?,
        "DescribeClusterVersions" => versions(),
        "ListTagsForResource" | "TagResource" | "UntagResource" => {
            if let Some(answer) = eks.tag_action(call) {
                return answer;
            }
            drop(eks);
            return shared.upstream.forward(call).await;
        }
        _ => {
            drop(eks);
            return shared.upstream.forward(call).await;
        }
    };
    Ok(Answer::json(200, &body))
}

/// The versions on offer, newest first as AWS lists them.
fn versions() -> Value {
    let entries: Vec<Value> = VERSIONS
        .iter()
        .rev()
        .map(|minor| {
            let newest = VERSIONS.last() == Some(minor);
            let support = if *minor < STANDARD { "EXTENDED_SUPPORT" } else { "STANDARD_SUPPORT" };
            json!({
                "clusterVersion": format!("1.{minor}"), "clusterType": "eks", "defaultVersion": newest, "defaultPlatformVersion": "eks.1",
                "status": support.to_lowercase().replace('_', "-"), "versionStatus": support, "kubernetesPatchVersion": format!("1.{minor}.0"),
            })
        })
        .collect();
    json!({ "clusterVersions": entries })
}

/// One page of names, with `maxResults` and `nextToken` as the service has them.
fn page<'a>(call: &Call, member: &str, names: impl Iterator<Item = &'a String>) -> Outcome<Value> {
    let number = |name: &str, default: usize| match call.query_parameter(name) {
        None => Ok(default),
        Some(text) => text.parse().map_err(|_| invalid(format!("{name} is not valid"))),
    };
    let (start, size) = (number("nextToken", 0)?, number("maxResults", 100)?);
    if !(1..=100).contains(&size) {
        return Err(invalid("maxResults must be between 1 and 100"));
    }
    let all: Vec<&String> = names.collect();
    let shown: Vec<&&String> = all.iter().skip(start).take(size).collect();
    let next = (start + size < all.len()).then(|| (start + size).to_string());
    let mut body = json!({ member: shown });
    if let Some(next) = next {
        body["nextToken"] = json!(next);
    }
    Ok(body)
}

fn invalid(message: impl Into<String>) -> Fault {
    Fault::bad("InvalidParameterException", message)
}

fn not_found(message: impl Into<String>) -> Fault {
    Fault::new(404, "ResourceNotFoundException", message)
}

fn in_use(message: impl Into<String>) -> Fault {
    Fault::new(409, "ResourceInUseException", message)
}

/// The time as EKS writes it: seconds since 1970.
fn now() -> Value {
    json!(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |elapsed| elapsed.as_secs_f64()))
}

/// A JSON array's strings.
fn strings(value: &Value) -> Vec<String> {
    value.as_array().into_iter().flatten().filter_map(|item| item.as_str().map(str::to_owned)).collect()
}

fn lists(value: &Value, wanted: &str) -> bool {
    value.as_array().is_some_and(|items| items.iter().any(|item| item == wanted))
}

fn check_tags(tags: &Value) -> Outcome<()> {
    let Some(tags) = tags.as_object() else { return Ok(()) };
    if tags.len() > 50 {
        return Err(invalid("Tags must not exceed 50 entries"));
    }
    if let Some(key) = tags.keys().find(|key| key.starts_with("aws:") || key.is_empty() || key.len() > 128) {
        return Err(invalid(format!(
            "Tag key `{key}` is not valid: it must have 1 to 128 characters and not begin with aws:"
        )));
    }
    Ok(())
}

/// The role behind an ARN must exist and let this service assume it.
async fn check_role(shared: &Shared, arn: &str, service: &str, refusal: impl Fn(&str) -> Fault) -> Outcome<()> {
    let Some(name) = arn.split_once(":role/").and_then(|(_, path)| path.rsplit('/').next()) else {
        return Err(invalid(format!("The role ARN {arn} is not valid")));
    };
    // A role created just now may not have reached EKS yet.
    if locked(&shared.hidden).misses(&format!("role/{name}")) {
        return Err(refusal(arn));
    }
    let role = match shared.upstream.iam("GetRole", &[("RoleName", name)]).await {
        Ok(role) => role,
        Err(fault) if fault.code == "NoSuchEntity" => return Err(refusal(arn)),
        Err(fault) => return Err(fault),
    };
    let policy = role["Role"]["AssumeRolePolicyDocument"].as_str().unwrap_or_default();
    let policy = percent_encoding::percent_decode_str(policy).decode_utf8_lossy();
    if role["Role"]["Arn"] != arn || !super::iam::trusts(&policy, service) {
        return Err(refusal(arn));
    }
    Ok(())
}

/// The subnets, in the order given; each must exist.
async fn check_subnets(shared: &Shared, ids: &[String]) -> Outcome<Vec<Value>> {
    let all = shared.upstream.ec2_items("DescribeSubnets", "subnetSet", &[]).await?;
    ids.iter()
        .map(|id| {
            let found = all.iter().find(|subnet| subnet["subnetId"] == **id).cloned();
            found.ok_or_else(|| {
                invalid(format!("The subnet ID '{id}' does not exist (Service: AmazonEC2; Status Code: 400; Error Code: InvalidSubnetID.NotFound)")).with("subnetId", id)
            })
        })
        .collect()
}
