//! Which actions of AWS say who may do what there.

use super::catalogue;
use crate::action::{Action, Class};

/// The service of identities themselves: everything that changes something there.
const SERVICE: &str = "iam";

/// What actions of other services are called by.
const WORDS: [&str; 5] = ["Polic", "Permission", "Grant", "AccessEntry", "Identity"];

/// What is called so and says something else: how networks route, groups of machines grow, images and backups age, load is spread. What EC2
/// lets other accounts use is there too: it is a thing that is given away, and nobody may do more in this account.
const SAYS_SOMETHING_ELSE: [(&str, &str); 5] = [
    ("autoscaling", ""),
    ("ec2", ""),
    ("ecr", "LifecyclePolicy"),
    ("elasticfilesystem", "BackupPolicy"),
    ("elasticloadbalancing", ""),
];

/// What says it without being called so: it takes a role or a policy along for something that stands already, or that has no other purpose.
const SAYS_IT_TOO: [(&str, &str); 11] = [
    ("ec2", "AssociateIamInstanceProfile"),
    ("ec2", "ModifyVpcEndpoint"),
    ("ec2", "ReplaceIamInstanceProfileAssociation"),
    ("eks", "CreateAddon"),
    ("eks", "CreateCapability"),
    ("eks", "UpdateAddon"),
    ("kms", "CreateKey"),
    // It does whatever a document says, by the role that it names, or as whoever asks.
    ("ssm", "RegisterTaskWithMaintenanceWindow"),
    ("ssm", "StartAutomationExecution"),
    ("ssm", "StartChangeRequestExecution"),
    ("ssm", "UpdateManagedInstanceRole"),
];

/// What carries away what is here, into another region, another account or a bucket: its request says where to, so its host does not.
const CARRIES_AWAY: [(&str, &str); 10] = [
    ("ec2", "CreateFlowLogs"),
    ("ec2", "CreateInstanceExportTask"),
    ("ec2", "CreateStoreImageTask"),
    ("ec2", "ExportImage"),
    ("ec2", "ExportTransitGatewayRoutes"),
    ("ecr", "PutReplicationConfiguration"),
    ("elasticfilesystem", "CreateReplicationConfiguration"),
    ("kms", "ReplicateKey"),
    ("kms", "UpdatePrimaryRegion"),
    ("ssm", "CreateResourceDataSync"),
];

/// Whether an action makes or changes an identity, or a policy that says who may do what; or what reaches as far.
pub(super) fn says_who(action: &Action) -> bool {
    let other = |(service, word): &(&str, &str)| action.service == *service && action.name.contains(word);
    let named = WORDS.iter().any(|word| action.name.contains(word)) && !SAYS_SOMETHING_ELSE.iter().any(other);
    let too = [&SAYS_IT_TOO[..], &CARRIES_AWAY].iter().any(|all| all.contains(&(action.service, action.name)));
    action.class == Class::Mutate && (action.service == SERVICE || named || too)
}

/// Every such action.
pub(crate) fn all() -> Vec<&'static Action> {
    catalogue::actions().filter(|action| says_who(action)).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;
    use crate::grant::{Grants, parse_all};
    use crate::identities::granted;

    #[test]
    fn who_may_do_what_is_told_from_what_is_done() {
        let said = catalogue::actions().filter(|action| says_who(action) && action.service != SERVICE);
        let said: BTreeSet<String> = said.map(Action::qualified).collect();
        // A service that the catalogue gains is looked at here.
        let known = [
            "ec2:AssociateIamInstanceProfile",
            "ec2:CreateFlowLogs",
            "ec2:CreateInstanceExportTask",
            "ec2:CreateStoreImageTask",
            "ec2:ExportImage",
            "ec2:ExportTransitGatewayRoutes",
            "ec2:ModifyVpcEndpoint",
            "ec2:ReplaceIamInstanceProfileAssociation",
            "ecr:DeleteRegistryPolicy",
            "ecr:DeleteRepositoryPolicy",
            "ecr:PutRegistryPolicy",
            "ecr:PutReplicationConfiguration",
            "ecr:SetRepositoryPolicy",
            "eks:AssociateAccessPolicy",
            "eks:AssociateIdentityProviderConfig",
            "eks:CreateAccessEntry",
            "eks:CreateAddon",
            "eks:CreateCapability",
            "eks:CreatePodIdentityAssociation",
            "eks:DeleteAccessEntry",
            "eks:DeletePodIdentityAssociation",
            "eks:DisassociateAccessPolicy",
            "eks:DisassociateIdentityProviderConfig",
            "eks:UpdateAccessEntry",
            "eks:UpdateAddon",
            "eks:UpdatePodIdentityAssociation",
            "elasticfilesystem:CreateReplicationConfiguration",
            "elasticfilesystem:DeleteFileSystemPolicy",
            "elasticfilesystem:PutFileSystemPolicy",
            "kms:CreateGrant",
            "kms:CreateKey",
            "kms:PutKeyPolicy",
            "kms:ReplicateKey",
            "kms:RetireGrant",
            "kms:RevokeGrant",
            "kms:UpdatePrimaryRegion",
            "ssm:CreateResourceDataSync",
            "ssm:DeleteResourcePolicy",
            "ssm:ModifyDocumentPermission",
            "ssm:PutResourcePolicy",
            "ssm:RegisterTaskWithMaintenanceWindow",
            "ssm:StartAutomationExecution",
            "ssm:StartChangeRequestExecution",
            "ssm:UpdateManagedInstanceRole",
        ];
        assert_eq!(said, known.map(str::to_owned).into());
        let iam = catalogue::actions().filter(|action| action.service == SERVICE && says_who(action)).count();
        assert!(iam > 100);
    }

    #[test]
    fn a_pattern_is_what_the_gate_makes_of_it() {
        let may = |pattern: &str, services: &[&str]| {
            let documents = json!([
                {"capability": "cloud-http", "scheme": "aws-sigv4", "services": services, "reason": "asks"},
                {"capability": "kinds", "kinds": {"x.a": ["ec2:CreateTags", pattern], "x.b": ["ec2:CreateV*"]}, "reason": "makes"},
            ]);
            let grants = Grants(parse_all(documents.as_array().unwrap()).unwrap());
            assert_eq!(granted(&grants, "x.b"), None);
            granted(&grants, "x.a").map(str::to_owned)
        };
        let all = ["ec2", "ecr", "eks", "elasticfilesystem", "iam", "kms", "autoscaling"];
        for pattern in [
            "*",
            "ec2:*",
            "ec2:AssociateIam*",
            "eks:UpdateAddon",
            "iam:*",
            "iam:CreateRole",
            "iam:T*",
            "eks:Create*",
            "eks:A*",
            "eks:CreatePodIdentityAssociation",
            "kms:Put*",
            "kms:Create*",
            "ecr:Set*",
            "elasticfilesystem:Put*",
        ] {
            assert_eq!(may(pattern, &all).as_deref(), Some(pattern));
        }
        for pattern in [
            "ec2:CreateV*",
            "autoscaling:*",
            "eks:CreateCluster",
            "iam:List*",
            "sts:*",
            "elasticfilesystem:PutBackup*",
            "POST https://api.example.com/v1/Policy*",
        ] {
            assert_eq!(may(pattern, &all), None, "{pattern}");
        }
        // What no request may be sent to, no pattern opens.
        assert_eq!(may("*", &["autoscaling"]), None);
        assert_eq!(may("iam:*", &["eks"]), None);
    }
}
