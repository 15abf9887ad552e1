//! What AWS answers, cut down to what is read.

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

/// VPCs with their state and tags.
pub fn describe_vpcs(shown: &[(&str, &str, &[(&str, &str)])]) -> Reply {
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
