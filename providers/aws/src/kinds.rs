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
mod nat_gateway;
mod node_group;
mod resource_group;
mod route_table;
mod route_table_association;
mod security_group;
mod subnet;
mod vpc;

use futures::try_join;
use nic_sdk::error::Error;
use nic_sdk::kit::marked as marked_of;

use self::auto_scaling_tags::AutoScalingTags;
use self::cluster::Cluster;
pub use self::cluster::describe as describe_cluster;
use self::ebs_volume::EbsVolume;
use self::ecr_repository::EcrRepository;
use self::efs_file_system::EfsFileSystem;
use self::efs_mount_target::EfsMountTarget;
use self::eks_addon::EksAddon;
pub use self::eks_addon::version as addon_version;
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
pub use self::subnet::describe as describe_subnets;
use self::vpc::Vpc;
use crate::cloud::Cloud;
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

nic_sdk::kinds! {
    cloud: Cloud,
    VPC => Vpc,
    SUBNET => Subnet,
    INTERNET_GATEWAY => InternetGateway,
    ELASTIC_IP => ElasticIp,
    NAT_GATEWAY => NatGateway,
    EBS_VOLUME => EbsVolume,
    ROUTE_TABLE => RouteTable,
    ROUTE_TABLE_ASSOCIATION => RouteTableAssociation,
    SECURITY_GROUP => SecurityGroup,
    IAM_ROLE => IamRole,
    IAM_POLICY => IamPolicy,
    IAM_ROLE_POLICY_ATTACHMENT => IamRolePolicyAttachment,
    KUBERNETES_LEFTOVERS => KubernetesLeftovers,
    CLUSTER => Cluster,
    NODE_GROUP => NodeGroup,
    IAM_OIDC_PROVIDER => IamOidcProvider,
    EKS_ADDON => EksAddon,
    AUTO_SCALING_TAGS => AutoScalingTags,
    EFS_FILE_SYSTEM => EfsFileSystem,
    EFS_MOUNT_TARGET => EfsMountTarget,
    ECR_REPOSITORY => EcrRepository,
    RESOURCE_GROUP => ResourceGroup,
}

/// Everything of EC2 that bears a mark of NIC, whosever: kind, id, and tags.
pub async fn marked(cloud: &Cloud) -> Result<Vec<(&'static str, String, Tags)>, Error> {
    let (vpcs, subnets, gateways, addresses, volumes, tables, groups, nats) = try_join!(
        Box::pin(marked_of::<Vpc>(cloud, VPC)),
        Box::pin(marked_of::<Subnet>(cloud, SUBNET)),
        Box::pin(marked_of::<InternetGateway>(cloud, INTERNET_GATEWAY)),
        Box::pin(marked_of::<ElasticIp>(cloud, ELASTIC_IP)),
        Box::pin(marked_of::<EbsVolume>(cloud, EBS_VOLUME)),
        Box::pin(marked_of::<RouteTable>(cloud, ROUTE_TABLE)),
        Box::pin(marked_of::<SecurityGroup>(cloud, SECURITY_GROUP)),
        Box::pin(nat_gateway::marked(cloud)),
    )?;
    let nats = nats.into_iter().map(|(id, tags)| (NAT_GATEWAY, id, tags)).collect();
    Ok([vpcs, subnets, gateways, addresses, volumes, tables, groups, nats].concat())
}
