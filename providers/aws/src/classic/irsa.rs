//! What lets service accounts assume roles: the cluster's issuer in IAM, and the two roles that Nebari has for it.

use nic_sdk::aws::SERVICE_ACCOUNT_AUDIENCE;
use nic_sdk::types::{Resource, reference};
use serde_json::{Value, json};

use super::kubernetes::MAIN_CLUSTER;
use super::{Platform, tag_object};
use crate::kinds::{IAM_OIDC_PROVIDER, IAM_POLICY, IAM_ROLE, IAM_ROLE_POLICY_ATTACHMENT};

const PROVIDER: &str = "aws.iam-oidc-provider.main";
const AUTOSCALING_POLICY: &str = "aws.iam-policy.worker-autoscaling";
const ENCRYPTION_POLICY: &str = "aws.iam-policy.cluster-encryption";

/// Adds the issuer, the two roles, and the autoscaler's policy.
pub fn add(platform: &Platform<'_>, resources: &mut Vec<Resource>) {
    let names = platform.names;
    add_provider(platform, resources);

    add_autoscaling_policy(platform, resources);
    let ebs_csi = Value::from(platform.partition().managed_policy("service-role/AmazonEBSCSIDriverPolicy"));
    let driver = ("ebs-csi-driver", names.ebs_csi_role(), "kube-system:ebs-csi-controller-sa");
    add_attached_role(platform, driver, &ebs_csi, resources);
    add_autoscaler_role(platform, &names.environment, resources);
}

/// Adds what the cluster autoscaler may do, and the role of its service account, which stands in this namespace.
pub(crate) fn add_autoscaler(platform: &Platform<'_>, namespace: &str, resources: &mut Vec<Resource>) {
    add_autoscaling_policy(platform, resources);
    add_autoscaler_role(platform, namespace, resources);
}

fn add_autoscaling_policy(platform: &Platform<'_>, resources: &mut Vec<Resource>) {
    let names = platform.names;
    let autoscaling = json!({
        "name_prefix": names.autoscaling_policy_prefix(),
        "description": format!("EKS worker node autoscaling policy for cluster {}", names.cluster),
        "policy": autoscaling_policy(&names.cluster_tag()).to_string(),
        "tags": {},
    });
    resources.push(Resource::new(AUTOSCALING_POLICY, IAM_POLICY, autoscaling));
}

fn add_autoscaler_role(platform: &Platform<'_>, namespace: &str, resources: &mut Vec<Resource>) {
    let account = format!("{namespace}:cluster-autoscaler");
    let autoscaler = ("cluster-autoscaler", platform.names.autoscaler_role(), account.as_str());
    add_attached_role(platform, autoscaler, &reference(AUTOSCALING_POLICY, "/arn"), resources);
}

/// Adds the role of one service account with the policy that says what it may do.
fn add_attached_role(
    platform: &Platform<'_>,
    (short, name, service_account): (&str, String, &str),
    policy_arn: &Value,
    resources: &mut Vec<Resource>,
) {
    let address = add_role(platform, (short, &name), service_account, resources);
    let attachment = json!({ "role": reference(&address, "/name"), "policy_arn": policy_arn });
    let address = format!("aws.iam-role-policy-attachment.{short}");
    resources.push(Resource::new(&address, IAM_ROLE_POLICY_ATTACHMENT, attachment));
}

/// Adds the cluster's issuer.
pub(crate) fn add_provider(platform: &Platform<'_>, resources: &mut Vec<Resource>) {
    let provider = json!({
        "url": reference(MAIN_CLUSTER, "/oidc_issuer"),
        "client_ids": [SERVICE_ACCOUNT_AUDIENCE],
        "tags": tag_object(&platform.tags(Some(&platform.names.identity_provider()))),
    });
    resources.push(Resource::new(PROVIDER, IAM_OIDC_PROVIDER, provider));
}

/// Adds the role of one service account, `<namespace>:<name>`, under a short and a full name; gives its address. Unlike those of the control
/// plane and of the nodes these bear a `Name`, as Nebari's do.
pub(crate) fn add_role(
    platform: &Platform<'_>,
    (short, name): (&str, &str),
    service_account: &str,
    resources: &mut Vec<Resource>,
) -> String {
    let address = format!("aws.iam-role.{short}");
    let role = platform.role(name, &trust(service_account), Some(name));
    resources.push(Resource::new(&address, IAM_ROLE, role));
    address
}

/// Adds what lets the control plane use the key that encrypts Kubernetes Secrets; gives the attachment's address.
pub(crate) fn add_encryption(platform: &Platform<'_>, role: &str, resources: &mut Vec<Resource>) -> Option<String> {
    let key = platform.config.kms_key_arn.as_deref()?;
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": ["kms:Encrypt", "kms:Decrypt", "kms:ListGrants", "kms:DescribeKey"],
            "Resource": key,
        }],
    });
    let document = json!({
        "name": platform.names.encryption_policy(),
        "description": "IAM policy for EKS cluster encryption",
        "policy": policy.to_string(),
        "tags": {},
    });
    resources.push(Resource::new(ENCRYPTION_POLICY, IAM_POLICY, document));
    let attachment = json!({ "role": reference(role, "/name"), "policy_arn": reference(ENCRYPTION_POLICY, "/arn") });
    let address = "aws.iam-role-policy-attachment.cluster-encryption".to_owned();
    resources.push(Resource::new(&address, IAM_ROLE_POLICY_ATTACHMENT, attachment));
    Some(address)
}

/// The trust policy for one service account, `<namespace>:<name>`. The issuer is known once the cluster is there.
fn trust(service_account: &str) -> Value {
    let (provider, issuer) = ("<provider>", "<issuer>");
    let policy = json!({
        "Version": "2012-10-17",
        "Statement": [{
            "Effect": "Allow",
            "Action": "sts:AssumeRoleWithWebIdentity",
            "Principal": { "Federated": provider },
            "Condition": {
                "StringEquals": {
                    format!("{issuer}:aud"): SERVICE_ACCOUNT_AUDIENCE,
                    format!("{issuer}:sub"): format!("system:serviceaccount:{service_account}"),
                },
            },
        }],
    });
    let holes = [(provider, reference(PROVIDER, "/arn")), (issuer, reference(PROVIDER, "/issuer"))];
    joined(&policy.to_string(), &holes)
}

/// The text with references where its holes are.
fn joined(text: &str, holes: &[(&str, Value)]) -> Value {
    let mut parts = Vec::new();
    let mut rest = text;
    let next = |rest: &str| {
        holes.iter().filter_map(|(hole, value)| Some((rest.find(hole)?, *hole, value))).min_by_key(|(at, ..)| *at)
    };
    while let Some((at, hole, value)) = next(rest) {
        parts.push(json!(rest[..at]));
        parts.push(value.clone());
        rest = &rest[at + hole.len()..];
    }
    parts.push(json!(rest));
    json!({ "$join": parts })
}

fn autoscaling_policy(cluster_tag: &str) -> Value {
    json!({
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "eksWorkerAutoscalingAll",
                "Effect": "Allow",
                "Action": [
                    "autoscaling:DescribeAutoScalingGroups",
                    "autoscaling:DescribeAutoScalingInstances",
                    "autoscaling:DescribeLaunchConfigurations",
                    "autoscaling:DescribeTags",
                    "ec2:DescribeImages",
                    "ec2:DescribeInstanceTypes",
                    "ec2:DescribeLaunchTemplateVersions",
                    "ec2:GetInstanceTypesFromInstanceRequirements",
                    "eks:DescribeNodegroup",
                ],
                "Resource": "*",
            },
            {
                "Sid": "eksWorkerAutoscalingOwn",
                "Effect": "Allow",
                "Action": [
                    "autoscaling:SetDesiredCapacity",
                    "autoscaling:TerminateInstanceInAutoScalingGroup",
                    "autoscaling:UpdateAutoScalingGroup",
                ],
                "Resource": "*",
                "Condition": {
                    "StringEquals": {
                        format!("autoscaling:ResourceTag/{cluster_tag}"): "owned",
                        "autoscaling:ResourceTag/k8s.io/cluster-autoscaler/enabled": "true",
                    },
                },
            },
        ],
    })
}
