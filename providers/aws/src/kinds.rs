//! The kinds of resources, and which code stands for which.

mod auto_scaling_tags;
mod cluster;
mod ebs_volume;
mod ecr_repository;
mod efs;
mod efs_file_system;
mod efs_mount_target;
mod eks;
mod eks_addon;
mod elastic_ip;
mod iam;
mod iam_oidc_provider;
mod iam_policy;
mod iam_role;
mod iam_role_policy_attachment;
mod in_use;
mod internet_gateway;
mod kubernetes_leftovers;
mod named;
mod nat_gateway;
mod node_group;
mod resource_group;
mod route_table;
mod route_table_association;
mod security_group;
mod settle;
mod subnet;
mod tagged;
mod vpc;

use futures::future::join_all;
use futures::try_join;
use nic_sdk::description;
use nic_sdk::error::{Error, Failure};
use nic_sdk::types::{Change, Observation, Progress, Target};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use self::auto_scaling_tags::AutoScalingTags;
use self::cluster::Cluster;
pub use self::cluster::describe as describe_cluster;
use self::ebs_volume::EbsVolume;
use self::ecr_repository::EcrRepository;
use self::efs_file_system::EfsFileSystem;
use self::efs_mount_target::EfsMountTarget;
use self::eks_addon::EksAddon;
use self::elastic_ip::ElasticIp;
use self::iam_oidc_provider::IamOidcProvider;
pub use self::iam_oidc_provider::tagged as oidc_providers;
use self::iam_policy::IamPolicy;
use self::iam_role::IamRole;
use self::iam_role_policy_attachment::IamRolePolicyAttachment;
use self::internet_gateway::InternetGateway;
use self::kubernetes_leftovers::KubernetesLeftovers;
pub use self::kubernetes_leftovers::{Leftover, find as leftovers};
use self::nat_gateway::NatGateway;
use self::node_group::NodeGroup;
pub use self::node_group::{describe as describe_node_group, marked_node_groups, node_group_names};
use self::resource_group::ResourceGroup;
use self::route_table::RouteTable;
use self::route_table_association::RouteTableAssociation;
use self::security_group::SecurityGroup;
use self::subnet::Subnet;
use self::vpc::Vpc;
use crate::cloud::{Cloud, is_not_found};
use crate::tags::Tags;

/// A virtual private cloud.
pub const VPC: &str = "aws.vpc";
/// A subnet.
pub const SUBNET: &str = "aws.subnet";
/// An internet gateway with its attachment.
pub const INTERNET_GATEWAY: &str = "aws.internet-gateway";
/// A public address that stays.
pub const ELASTIC_IP: &str = "aws.elastic-ip";
/// The way out for what has no public address.
pub const NAT_GATEWAY: &str = "aws.nat-gateway";
/// A block volume.
pub const EBS_VOLUME: &str = "aws.ebs-volume";
/// A route table with its routes.
pub const ROUTE_TABLE: &str = "aws.route-table";
/// A subnet's use of a route table.
pub const ROUTE_TABLE_ASSOCIATION: &str = "aws.route-table-association";
/// A security group with its rules.
pub const SECURITY_GROUP: &str = "aws.security-group";
/// An IAM role with its trust policy.
pub const IAM_ROLE: &str = "aws.iam-role";
/// A managed policy attached to a role.
pub const IAM_ROLE_POLICY_ATTACHMENT: &str = "aws.iam-role-policy-attachment";
/// A policy of the account's own.
pub const IAM_POLICY: &str = "aws.iam-policy";
/// Whose tokens IAM trusts: the cluster's issuer.
pub const IAM_OIDC_PROVIDER: &str = "aws.iam-oidc-provider";
/// What a cluster's controllers leave in the account.
pub const KUBERNETES_LEFTOVERS: &str = "aws.kubernetes-leftovers";
/// An EKS cluster.
pub const CLUSTER: &str = "aws.cluster";
/// An EKS managed node group.
pub const NODE_GROUP: &str = "aws.node-group";
/// Software that EKS keeps on a cluster.
pub const EKS_ADDON: &str = "aws.eks-addon";
/// Tags on the Auto Scaling groups behind a node group.
pub const AUTO_SCALING_TAGS: &str = "aws.auto-scaling-tags";
/// An elastic file system.
pub const EFS_FILE_SYSTEM: &str = "aws.efs-file-system";
/// An elastic file system's address in a subnet.
pub const EFS_MOUNT_TARGET: &str = "aws.efs-mount-target";
/// A repository of container images.
pub const ECR_REPOSITORY: &str = "aws.ecr-repository";
/// A saved search for a platform's things.
pub const RESOURCE_GROUP: &str = "aws.resource-group";
/// The host's own kind.
pub const KUBERNETES_OBJECT: &str = "kubernetes.object";

/// What every kind can do.
trait Kind {
    fn describe() -> description::Kind;
    async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation>;
    async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure>;
    async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure>;
    async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure>;
    async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure>;
}

/// Runs `$call` with `$name` standing for the kind; gives none for a kind that is not here.
macro_rules! with_kind {
    ($kind:expr, $name:ident => $call:expr) => {
        match $kind {
            VPC => with_kind!(@ $name = Vpc, $call),
            SUBNET => with_kind!(@ $name = Subnet, $call),
            INTERNET_GATEWAY => with_kind!(@ $name = InternetGateway, $call),
            ELASTIC_IP => with_kind!(@ $name = ElasticIp, $call),
            NAT_GATEWAY => with_kind!(@ $name = NatGateway, $call),
            EBS_VOLUME => with_kind!(@ $name = EbsVolume, $call),
            ROUTE_TABLE => with_kind!(@ $name = RouteTable, $call),
            ROUTE_TABLE_ASSOCIATION => with_kind!(@ $name = RouteTableAssociation, $call),
            SECURITY_GROUP => with_kind!(@ $name = SecurityGroup, $call),
            IAM_ROLE => with_kind!(@ $name = IamRole, $call),
            IAM_ROLE_POLICY_ATTACHMENT => with_kind!(@ $name = IamRolePolicyAttachment, $call),
            IAM_POLICY => with_kind!(@ $name = IamPolicy, $call),
            IAM_OIDC_PROVIDER => with_kind!(@ $name = IamOidcProvider, $call),
            EKS_ADDON => with_kind!(@ $name = EksAddon, $call),
            KUBERNETES_LEFTOVERS => with_kind!(@ $name = KubernetesLeftovers, $call),
            CLUSTER => with_kind!(@ $name = Cluster, $call),
            NODE_GROUP => with_kind!(@ $name = NodeGroup, $call),
            AUTO_SCALING_TAGS => with_kind!(@ $name = AutoScalingTags, $call),
            EFS_FILE_SYSTEM => with_kind!(@ $name = EfsFileSystem, $call),
            EFS_MOUNT_TARGET => with_kind!(@ $name = EfsMountTarget, $call),
            ECR_REPOSITORY => with_kind!(@ $name = EcrRepository, $call),
            RESOURCE_GROUP => with_kind!(@ $name = ResourceGroup, $call),
            _ => None,
        }
    };
    (@ $name:ident = $type:ty, $call:expr) => {{
        type $name = $type;
        Some($call)
    }};
}

/// Every kind, in the order they are created in.
pub const ALL: [&str; 22] = [
    VPC,
    SUBNET,
    INTERNET_GATEWAY,
    ELASTIC_IP,
    NAT_GATEWAY,
    EBS_VOLUME,
    ROUTE_TABLE,
    ROUTE_TABLE_ASSOCIATION,
    SECURITY_GROUP,
    IAM_ROLE,
    IAM_POLICY,
    IAM_ROLE_POLICY_ATTACHMENT,
    KUBERNETES_LEFTOVERS,
    CLUSTER,
    NODE_GROUP,
    IAM_OIDC_PROVIDER,
    EKS_ADDON,
    AUTO_SCALING_TAGS,
    EFS_FILE_SYSTEM,
    EFS_MOUNT_TARGET,
    ECR_REPOSITORY,
    RESOURCE_GROUP,
];

/// The descriptions of all kinds.
pub fn describe() -> Vec<description::Kind> {
    ALL.iter().filter_map(|kind| with_kind!(*kind, K => K::describe())).collect()
}

/// Reads everything at once: one request for each kind where AWS has one, otherwise one for each target.
pub async fn read(cloud: &Cloud, targets: Vec<Target>) -> Vec<Observation> {
    let mut by_kind = std::collections::BTreeMap::<String, Vec<Target>>::new();
    for target in targets {
        by_kind.entry(target.kind.clone()).or_default().push(target);
    }
    let reads = by_kind.into_iter().map(|(kind, targets)| async move {
        let unknown = targets.iter().map(|t| Observation::unreadable(&t.address, unknown_kind(&kind))).collect();
        with_kind!(kind.as_str(), K => K::read(cloud, targets).await).unwrap_or(unknown)
    });
    join_all(reads).await.concat()
}

/// Creates one resource.
pub async fn create(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
    let kind = change.kind.as_str();
    with_kind!(kind, K => K::create(cloud, change).await).unwrap_or_else(|| Err(unknown_kind(kind).into()))
}

/// Changes one resource in place.
pub async fn update(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
    let kind = change.kind.as_str();
    with_kind!(kind, K => K::update(cloud, change).await).unwrap_or_else(|| Err(unknown_kind(kind).into()))
}

/// Deletes one resource.
pub async fn delete(cloud: &Cloud, change: &Change) -> Result<Progress, Failure> {
    let kind = change.kind.as_str();
    with_kind!(kind, K => K::delete(cloud, change).await).unwrap_or_else(|| Err(unknown_kind(kind).into()))
}

/// Asks how a change is doing.
pub async fn poll(cloud: &Cloud, change: &Change, operation: Value) -> Result<Progress, Failure> {
    let kind = change.kind.as_str();
    with_kind!(kind, K => K::poll(cloud, change, operation).await).unwrap_or_else(|| Err(unknown_kind(kind).into()))
}

/// Everything of EC2 that bears a mark of NIC, whosever: kind, id, and tags.
pub async fn marked(cloud: &Cloud) -> Result<Vec<(&'static str, String, Tags)>, Error> {
    let (vpcs, subnets, gateways, addresses, volumes, tables, groups, nats) = try_join!(
        Box::pin(tagged::marked::<Vpc>(cloud, VPC)),
        Box::pin(tagged::marked::<Subnet>(cloud, SUBNET)),
        Box::pin(tagged::marked::<InternetGateway>(cloud, INTERNET_GATEWAY)),
        Box::pin(tagged::marked::<ElasticIp>(cloud, ELASTIC_IP)),
        Box::pin(tagged::marked::<EbsVolume>(cloud, EBS_VOLUME)),
        Box::pin(tagged::marked::<RouteTable>(cloud, ROUTE_TABLE)),
        Box::pin(tagged::marked::<SecurityGroup>(cloud, SECURITY_GROUP)),
        Box::pin(nat_gateway::marked(cloud)),
    )?;
    let nats = nats.into_iter().map(|(id, tags)| (NAT_GATEWAY, id, tags)).collect();
    Ok([vpcs, subnets, gateways, addresses, volumes, tables, groups, nats].concat())
}

fn unknown_kind(kind: &str) -> Error {
    Error::other("KIND_UNKNOWN", format!("this provider has no kind `{kind}`"))
}

/// A document that came from the host, in the kind's own terms.
fn document<D: DeserializeOwned>(value: &Value) -> Result<D, Error> {
    D::deserialize(value).map_err(|error| Error::other("DOCUMENT_INVALID", error.to_string()))
}

/// What is there, as an observation.
fn present(address: &str, remote_id: &str, document: &impl Serialize) -> Observation {
    let document =
        serde_json::to_value(document).expect("a document holds only texts, numbers, lists and maps of texts");
    Observation::present(address, remote_id, document)
}

/// White space and the order of members are no difference between two JSON texts.
fn same_json(a: &str, b: &str) -> bool {
    let parse = |text: &str| serde_json::from_str::<Value>(text).ok();
    a == b || parse(a).is_some_and(|a| Some(a) == parse(b))
}

/// The failure of a change whose thing exists all the same.
fn failure(remote_id: &str) -> impl Fn(Error) -> Failure + '_ {
    move |error| Failure { error, remote_id: Some(remote_id.to_owned()) }
}

/// What a delete has come to that is answered at once: what is not found is gone.
fn gone<A>(change: &Change, answer: Result<A, Error>) -> Result<Progress, Failure> {
    match answer {
        Err(error) if !is_not_found(&error) => Err(Failure { error, remote_id: change.remote_id.clone() }),
        _ => Ok(Progress::Done(Observation::absent(&change.address))),
    }
}

/// The remote id a change cannot do without.
fn remote_id(change: &Change) -> Result<&str, Error> {
    change.remote_id.as_deref().ok_or_else(|| {
        Error::other("REMOTE_ID_MISSING", format!("`{}` has no remote id to change it by", change.address))
    })
}
