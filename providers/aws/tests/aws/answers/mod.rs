//! What AWS answers, cut down to what is read.

#![allow(dead_code, reason = "each test file takes what it needs")]

use std::fmt::Write as _;

use nic_sdk::testing::Reply;
use serde_json::{Value, json};

fn tag_set<K: AsRef<str>, V: AsRef<str>>(tags: impl IntoIterator<Item = (K, V)>) -> String {
    let items = tags.into_iter().fold(String::new(), |mut out, (key, value)| {
        let _ = write!(out, "<item><key>{}</key><value>{}</value></item>", key.as_ref(), value.as_ref());
        out
    });
    format!("<tagSet>{items}</tagSet>")
}

/// Subnets with their tags.
pub fn subnets(shown: &[(&str, Vec<(&str, String)>)]) -> Reply {
    let items = shown.iter().fold(String::new(), |mut out, (id, tags)| {
        let tags = tag_set(tags.iter().map(|(key, value)| (*key, value)));
        let _ = write!(
            out,
            "<item><subnetId>{id}</subnetId><state>available</state><vpcId>vpc-1</vpcId><cidrBlock>10.10.0.0/18</cidrBlock>\
             <availabilityZone>us-west-2a</availabilityZone><mapPublicIpOnLaunch>true</mapPublicIpOnLaunch>{tags}</item>"
        );
        out
    });
    Reply::xml(200, format!("<DescribeSubnetsResponse><subnetSet>{items}</subnetSet></DescribeSubnetsResponse>"))
}

/// A VPC: its id, state and tags.
pub type Vpc<'a> = (&'a str, &'a str, &'a [(&'a str, &'a str)]);

/// VPCs with their state and tags.
pub fn describe_vpcs(shown: &[Vpc<'_>]) -> Reply {
    let items = shown.iter().fold(String::new(), |mut out, (id, state, tags)| {
        let tags = tag_set(tags.iter().copied());
        let _ = write!(
            out,
            "<item><vpcId>{id}</vpcId><state>{state}</state><cidrBlock>10.10.0.0/16</cidrBlock>{tags}</item>"
        );
        out
    });
    Reply::xml(200, format!("<DescribeVpcsResponse><vpcSet>{items}</vpcSet></DescribeVpcsResponse>"))
}

/// One attribute of a VPC.
pub fn vpc_attribute(name: &str, on: bool) -> Reply {
    Reply::xml(
        200,
        format!(
            "<DescribeVpcAttributeResponse><vpcId>vpc-1</vpcId><{name}><value>{on}</value></{name}>\
             </DescribeVpcAttributeResponse>"
        ),
    )
}

/// Security groups without tags.
pub fn security_groups(ids: &[&str]) -> Reply {
    let items = ids.iter().fold(String::new(), |mut out, id| {
        let _ = write!(out, "<item><groupId>{id}</groupId><groupName>demo-dev</groupName><vpcId>vpc-1</vpcId></item>");
        out
    });
    Reply::xml(
        200,
        format!(
            "<DescribeSecurityGroupsResponse><securityGroupInfo>{items}</securityGroupInfo></DescribeSecurityGroupsResponse>"
        ),
    )
}

/// A role; its trust policy is encoded as IAM does it.
pub fn role(name: &str, tags: &[(&str, &str)]) -> Reply {
    let tags = tags.iter().fold(String::new(), |mut out, (key, value)| {
        let _ = write!(out, "<member><Key>{key}</Key><Value>{value}</Value></member>");
        out
    });
    Reply::xml(
        200,
        format!(
            "<GetRoleResponse><GetRoleResult><Role><Path>/</Path><RoleName>{name}</RoleName><RoleId>AROA1</RoleId>\
             <Arn>arn:aws:iam::1:role/{name}</Arn><CreateDate>2026-01-02T03:04:05Z</CreateDate>\
             <AssumeRolePolicyDocument>%7B%22Version%22%3A%20%222012-10-17%22%7D</AssumeRolePolicyDocument>\
             <Tags>{tags}</Tags></Role></GetRoleResult></GetRoleResponse>"
        ),
    )
}

/// The cluster `demo-dev`, with an issue when it failed.
pub fn cluster(status: &str, version: &str) -> Reply {
    let issues: Value = match status {
        "FAILED" => json!([{ "code": "Ec2SubnetNotFound", "message": "it is gone", "resourceIds": ["subnet-1"] }]),
        _ => json!([]),
    };
    let cluster = json!({
        "name": "demo-dev", "arn": "arn:c", "status": status, "version": version, "roleArn": "arn:r",
        "createdAt": 1_767_323_045, "endpoint": "https://example.eks", "health": { "issues": issues },
        "resourcesVpcConfig": {
            "subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"], "vpcId": "vpc-1",
            "endpointPublicAccess": true, "endpointPrivateAccess": false, "publicAccessCidrs": ["0.0.0.0/0"],
        },
    });
    Reply::json(200, &json!({ "cluster": cluster }))
}

/// The node group `user`, with an issue unless it is active.
pub fn node_group(status: &str) -> Reply {
    let issues: Value = match status {
        "ACTIVE" => json!([]),
        _ => json!([{ "code": "AccessDenied", "message": "no", "resourceIds": ["i-1"] }]),
    };
    let group = json!({
        "nodegroupName": "user", "nodegroupArn": "arn:n", "clusterName": "demo-dev", "status": status,
        "scalingConfig": { "minSize": 0, "maxSize": 5, "desiredSize": 2 }, "labels": { "dedicated": "user" },
        "taints": [{ "key": "dedicated", "value": "nebari", "effect": "NO_SCHEDULE" }], "health": { "issues": issues },
    });
    Reply::json(200, &json!({ "nodegroup": group }))
}

/// The update `u-1`, with an error when it failed.
pub fn update(status: &str) -> Reply {
    let errors: Value = match status {
        "Failed" => {
            json!([{ "errorCode": "InsufficientFreeAddresses", "errorMessage": "none left", "resourceIds": ["subnet-1"] }])
        }
        _ => json!([]),
    };
    Reply::json(200, &json!({ "update": { "id": "u-1", "status": status, "type": "VersionUpdate", "errors": errors } }))
}

/// Policies of the account's own, by name.
pub fn policies(names: &[&str]) -> Reply {
    let items = names.iter().fold(String::new(), |mut out, name| {
        let _ = write!(out, "<member><PolicyName>{name}</PolicyName><Arn>arn:aws:iam::1:policy/{name}</Arn></member>");
        out
    });
    Reply::xml(
        200,
        format!(
            "<ListPoliciesResponse><ListPoliciesResult><IsTruncated>false</IsTruncated><Policies>{items}</Policies>\
             </ListPoliciesResult></ListPoliciesResponse>"
        ),
    )
}

/// One policy with its tags.
pub fn policy(name: &str, tags: &[(&str, &str)]) -> Reply {
    let tags = members(tags);
    Reply::xml(
        200,
        format!(
            "<GetPolicyResponse><GetPolicyResult><Policy><PolicyName>{name}</PolicyName><PolicyId>ANPA1</PolicyId>\
             <Arn>arn:aws:iam::1:policy/{name}</Arn><DefaultVersionId>v1</DefaultVersionId><Tags>{tags}</Tags></Policy>\
             </GetPolicyResult></GetPolicyResponse>"
        ),
    )
}

/// The text of a policy's version, in the encoding IAM has for it.
pub fn policy_version(text: &str) -> Reply {
    let text = text.bytes().fold(String::new(), |mut out, byte| {
        let _ = write!(out, "%{byte:02X}");
        out
    });
    Reply::xml(
        200,
        format!(
            "<GetPolicyVersionResponse><GetPolicyVersionResult><PolicyVersion><Document>{text}</Document>\
             <VersionId>v1</VersionId><IsDefaultVersion>true</IsDefaultVersion></PolicyVersion></GetPolicyVersionResult>\
             </GetPolicyVersionResponse>"
        ),
    )
}

/// Versions of a policy, the newest first; the first is the default.
pub fn policy_versions(ids: &[&str]) -> Reply {
    let items = ids.iter().enumerate().fold(String::new(), |mut out, (index, id)| {
        let day = 28 - index;
        let _ = write!(
            out,
            "<member><VersionId>{id}</VersionId><IsDefaultVersion>{}</IsDefaultVersion>\
             <CreateDate>2026-01-{day:02}T03:04:05Z</CreateDate></member>",
            index == 0
        );
        out
    });
    Reply::xml(
        200,
        format!(
            "<ListPolicyVersionsResponse><ListPolicyVersionsResult><IsTruncated>false</IsTruncated><Versions>{items}</Versions>\
             </ListPolicyVersionsResult></ListPolicyVersionsResponse>"
        ),
    )
}

/// An answer of IAM that says nothing.
pub fn iam_done(action: &str) -> Reply {
    Reply::xml(200, format!("<{action}Response><{action}Result/></{action}Response>"))
}

/// The ARNs of identity providers.
pub fn oidc_providers(arns: &[&str]) -> Reply {
    let items = arns.iter().fold(String::new(), |mut out, arn| {
        let _ = write!(out, "<member><Arn>{arn}</Arn></member>");
        out
    });
    Reply::xml(
        200,
        format!(
            "<ListOpenIDConnectProvidersResponse><ListOpenIDConnectProvidersResult><OpenIDConnectProviderList>{items}\
             </OpenIDConnectProviderList></ListOpenIDConnectProvidersResult></ListOpenIDConnectProvidersResponse>"
        ),
    )
}

/// An identity provider with one client.
pub fn oidc_provider(issuer: &str, tags: &[(&str, &str)]) -> Reply {
    let tags = members(tags);
    Reply::xml(
        200,
        format!(
            "<GetOpenIDConnectProviderResponse><GetOpenIDConnectProviderResult><Url>{issuer}</Url><ClientIDList>\
             <member>sts.amazonaws.com</member></ClientIDList><ThumbprintList><member>{}</member></ThumbprintList>\
             <Tags>{tags}</Tags></GetOpenIDConnectProviderResult></GetOpenIDConnectProviderResponse>",
            "0".repeat(40)
        ),
    )
}

fn members(tags: &[(&str, &str)]) -> String {
    tags.iter().fold(String::new(), |mut out, (key, value)| {
        let _ = write!(out, "<member><Key>{key}</Key><Value>{value}</Value></member>");
        out
    })
}

/// The add-on `coredns`, with an issue unless it is active.
pub fn addon(status: &str, configuration: &str, tags: &Value) -> Reply {
    let issues: Value = match status {
        "ACTIVE" | "CREATING" => json!([]),
        _ => json!([{ "code": "InsufficientNumberOfReplicas", "message": "no nodes", "resourceIds": [] }]),
    };
    let addon = json!({
        "addonName": "coredns", "addonArn": "arn:a", "clusterName": "demo-dev", "status": status, "addonVersion": "v1.12.1-eksbuild.2",
        "configurationValues": configuration, "health": { "issues": issues }, "tags": tags,
    });
    Reply::json(200, &json!({ "addon": addon }))
}

/// The versions EKS offers, with their status.
pub fn cluster_versions(offers: &[(&str, &str)]) -> Reply {
    let offers = offers.iter().map(|(version, status)| json!({ "clusterVersion": version, "versionStatus": status }));
    Reply::json(200, &json!({ "clusterVersions": offers.collect::<Vec<_>>() }))
}

/// The versions of an add-on that EKS offers, each with the version of Kubernetes that it is for; the first is the default.
pub fn addon_versions(offers: &[(&str, &str)]) -> Reply {
    let offers = offers.iter().enumerate().map(|(index, (version, with))| {
        json!({
            "addonVersion": version,
            "compatibilities": [{ "clusterVersion": with, "defaultVersion": index == 0, "platformVersions": ["*"] }],
        })
    });
    let versions: Vec<Value> = offers.collect();
    let addons =
        if versions.is_empty() { json!([]) } else { json!([{ "addonName": "any", "addonVersions": versions }]) };
    Reply::json(200, &json!({ "addons": addons }))
}
