//! What the provider says about itself.

use std::collections::BTreeMap;

use nic_kubernetes_initialize::registry;
use nic_sdk::description::Description;

use crate::{config, kinds};

/// Everything the provider ever asks AWS for.
const ACTIONS: &[&str] = &[
    "ec2:AssociateRouteTable",
    "ec2:AttachInternetGateway",
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateInternetGateway",
    "ec2:CreateRoute",
    "ec2:CreateRouteTable",
    "ec2:CreateSecurityGroup",
    "ec2:CreateSubnet",
    "ec2:CreateTags",
    "ec2:CreateVpc",
    "ec2:DeleteInternetGateway",
    "ec2:DeleteRoute",
    "ec2:DeleteRouteTable",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteSubnet",
    "ec2:DeleteTags",
    "ec2:DeleteVpc",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeInternetGateways",
    "ec2:DescribeRouteTables",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeTags",
    "ec2:DescribeVpcAttribute",
    "ec2:DescribeVpcs",
    "ec2:DetachInternetGateway",
    "ec2:DisassociateRouteTable",
    "ec2:ModifySubnetAttribute",
    "ec2:ModifyVpcAttribute",
    "ec2:ReplaceRoute",
    "ec2:ReplaceRouteTableAssociation",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
    "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
    "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
    "eks:AssociateEncryptionConfig",
    "eks:CreateCluster",
    "eks:CreateNodegroup",
    "eks:DeleteCluster",
    "eks:DeleteNodegroup",
    "eks:DescribeCluster",
    "eks:DescribeNodegroup",
    "eks:DescribeUpdate",
    "eks:ListNodegroups",
    "eks:TagResource",
    "eks:UntagResource",
    "eks:UpdateClusterConfig",
    "eks:UpdateClusterVersion",
    "eks:UpdateNodegroupConfig",
    "eks:UpdateNodegroupVersion",
    "iam:AttachRolePolicy",
    "iam:CreateRole",
    "iam:DeleteRole",
    "iam:DeleteRolePermissionsBoundary",
    "iam:DetachRolePolicy",
    "iam:GetRole",
    "iam:ListAttachedRolePolicies",
    "iam:PutRolePermissionsBoundary",
    "iam:TagRole",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
];

/// The answer of `describe`.
pub fn description() -> Description {
    Description {
        name: "aws".to_owned(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        config_sections: BTreeMap::from([
            (config::SECTION.to_owned(), config::schema::section()),
            (registry::SECTION.to_owned(), registry::schema()),
        ]),
        kinds: kinds::describe(),
        actions: ACTIONS.iter().map(|&action| action.to_owned()).collect(),
    }
}
