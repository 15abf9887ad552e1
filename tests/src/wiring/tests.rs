use super::*;

/// A small platform whose every id ends in this digit.
fn platform(digit: char) -> Found {
    let hex = |length: usize| digit.to_string().repeat(length);
    let id = |sort: &str, number: u8| format!("{sort}-{number}{}", hex(16));
    let uuid = |number: u8| format!("{number}{}-{}-{}-{}-{}", hex(7), hex(4), hex(4), hex(4), hex(12));
    let lineage = format!("f{}", hex(31));
    let owner = |address: &str| json!({ "nic.nebari.dev/owner": format!("{lineage}@us-west-2/aws.{address}") });
    let issuer = format!("oidc.eks.us-west-2.amazonaws.com/id/E{}", hex(31).to_uppercase());
    let (vpc, other_vpc) = (id("vpc", 1), id("vpc", 2));
    let (subnets, group, file_system) = ([id("subnet", 1), id("subnet", 2)], id("sg", 1), id("fs", 1));
    let (table, gateway, nat, elastic) = (id("rtb", 1), id("igw", 1), id("nat", 1), id("eipalloc", 1));
    let role = |name: &str| format!("arn:aws:iam::123456789012:role/{name}");
    let target = |number: u8| {
        json!({
            "MountTargetId": id("fsmt", number), "FileSystemId": file_system, "SubnetId": subnets[usize::from(number - 1)],
            "SecurityGroups": [group], "NetworkInterfaceId": id("eni", number),
        })
    };
    let node_group = |name: &str, number: u8| {
        json!({
            "nodegroupName": name, "clusterName": "demo", "subnets": subnets, "nodeRole": role("nodes"),
            "nodegroupArn": format!("arn:aws:eks:us-west-2:123456789012:nodegroup/demo/{name}/{}", uuid(number)),
            "resources": { "autoScalingGroups": [{ "name": format!("eks-{name}-{}", uuid(number + 2)) }] },
        })
    };
    let inventory = json!({
        "vpcs": [
            { "VpcId": vpc, "CidrBlock": "10.0.0.0/16", "Tags": owner("vpc.main") },
            { "VpcId": other_vpc, "CidrBlock": "10.1.0.0/16", "Tags": {} },
        ],
        "subnets": [
            { "SubnetId": subnets[0], "VpcId": vpc, "Tags": owner("subnet.0") },
            { "SubnetId": subnets[1], "VpcId": vpc, "Tags": owner("subnet.1") },
        ],
        "internet_gateways": [
            { "InternetGatewayId": gateway, "Attachments": [{ "VpcId": vpc }], "Tags": owner("internet-gateway.main") },
        ],
        "elastic_ips": [{ "AllocationId": elastic, "PublicIp": format!("127.0.{digit}.7"), "Tags": owner("elastic-ip.0") }],
        "nat_gateways": [{
            "NatGatewayId": nat, "SubnetId": subnets[0], "NatGatewayAddresses": [{ "AllocationId": elastic }],
            "Tags": owner("nat-gateway.0"),
        }],
        "route_tables": [{
            "RouteTableId": table, "VpcId": vpc, "Routes": [{ "GatewayId": gateway }, { "NatGatewayId": nat }],
            "Associations": [{ "RouteTableAssociationId": id("rtbassoc", 1), "RouteTableId": table, "SubnetId": subnets[0] }],
            "Tags": owner("route-table.main"),
        }],
        "security_groups": [
            {
                "GroupId": group, "GroupName": "demo", "VpcId": vpc, "Tags": owner("security-group.main"),
                "IpPermissions": [{ "UserIdGroupPairs": [{ "GroupId": group }] }],
            },
            { "GroupId": id("sg", 2), "GroupName": format!("eks-cluster-sg-demo-{}", hex(8)), "VpcId": vpc, "Tags": {} },
        ],
        "roles": [
            {
                "RoleName": "autoscaler", "RoleId": format!("AROA{}", hex(17)), "Tags": owner("iam-role.autoscaler"),
                "AttachedPolicies": ["arn:aws:iam::123456789012:policy/scale"],
                "AssumeRolePolicyDocument": { "Statement": [{
                    "Principal": { "Federated": format!("arn:aws:iam::123456789012:oidc-provider/{issuer}") },
                    "Condition": { "StringEquals": { format!("{issuer}:aud"): "sts.amazonaws.com" } },
                }] },
            },
        ],
        "oidc_providers": [{ "Arn": format!("arn:aws:iam::123456789012:oidc-provider/{issuer}"), "Url": issuer }],
        "clusters": [{
            "name": "demo", "endpoint": format!("https://127.0.0.1:900{digit}"), "roleArn": role("cluster"),
            "certificateAuthority": { "data": hex(8) }, "identity": { "oidc": { "issuer": format!("https://{issuer}") } },
            "resourcesVpcConfig": { "subnetIds": subnets, "vpcId": vpc, "securityGroupIds": [group] },
        }],
        "nodegroups": [node_group("general", 1), node_group("user", 2)],
        "addons": [{
            "addonName": "coredns", "clusterName": "demo",
            "addonArn": format!("arn:aws:eks:us-west-2:123456789012:addon/demo/coredns/{}", hex(32)),
        }],
        "file_systems": [{
            "FileSystemId": file_system, "CreationTime": digit.to_string(), "Tags": owner("efs-file-system.shared"),
            "MountTargets": [target(1), target(2)],
        }],
        "scaling_groups": [
            { "AutoScalingGroupName": format!("eks-general-{}", uuid(3)), "VPCZoneIdentifier": subnets.join(",") },
            { "AutoScalingGroupName": format!("eks-user-{}", uuid(4)), "VPCZoneIdentifier": subnets.join(",") },
        ],
    });
    let path = "/api/v1/namespaces/dev";
    let object_uid = uuid(9);
    let mark = format!("{lineage}/aws.namespace.dev");
    let namespace = json!({
        "kind": "Namespace",
        "metadata": { "name": "dev", "uid": object_uid, "creationTimestamp": digit.to_string(), "annotations": { "nic.nebari.dev/owner": mark } },
    });
    let state = json!({
        "serial": digit.to_digit(16), "lineage": lineage, "metadata": { "updated_at": digit.to_string(), "nic_version": "1" },
        "cloud": {
            "vpc": { "id": vpc, "_nic": { "address": "aws.vpc.main", "remote_id": vpc, "baseline": {} } },
            "cluster": {
                "endpoint": format!("https://127.0.0.1:900{digit}"), "certificate_authority": hex(8),
                "_nic": { "remote_id": "demo", "baseline": { "subnet_ids": subnets }, "dependencies": ["aws.subnet.0", "aws.vpc.main"] },
            },
            "mount_targets": [
                { "_nic": { "address": "aws.efs-mount-target.0", "remote_id": id("fsmt", 1) } },
                { "_nic": { "address": "aws.efs-mount-target.1", "remote_id": id("fsmt", 2) } },
            ],
            "elastic_ips": [{ "public_ip": format!("127.0.{digit}.7"), "_nic": { "address": "aws.elastic-ip.0", "remote_id": elastic } }],
        },
        "kubernetes": { "namespaces": [
            { "_nic": { "remote_id": "Namespace.v1/dev", "uid": object_uid, "secrets": { "key": format!("k:{}", hex(8)), "new": null } } },
        ] },
    });
    let outputs = json!({
        "cluster": { "endpoint": format!("https://127.0.0.1:900{digit}"), "ca_certificate": hex(8) },
        "kubeconfig": format!("/tmp/.tmp{}/kubeconfig", hex(6)), "nfs_endpoint": format!("{file_system}.efs.us-west-2.amazonaws.com"), "networking": { "vpc_id": vpc },
    });
    let (objects, directory) = (BTreeMap::from([(path.to_owned(), namespace)]), format!("/tmp/.tmp{}", hex(6)));
    Found { inventory, objects, state, outputs, directory }
}

fn wiring(found: &Found) -> Value {
    found.wiring().unwrap()
}

#[test]
fn platforms_that_differ_in_ids_and_times_alone_are_equal() {
    let (one, other) = (platform('a'), platform('b'));
    assert_ne!(one, other);
    same(&wiring(&one), &wiring(&other)).unwrap();
}

#[test]
fn nothing_is_left_that_chance_has_called() {
    let text = wiring(&platform('a')).to_string();
    assert!(!text.contains("aaaa"), "{text}");
}

/// Where a reference is, and where the one is that stands in its place.
const TURNED: [(&str, &str, &str); 22] = [
    ("a subnet's network", "/inventory/subnets/1/VpcId", "/inventory/vpcs/1/VpcId"),
    (
        "a route's gateway",
        "/inventory/route_tables/0/Routes/1/NatGatewayId",
        "/inventory/internet_gateways/0/InternetGatewayId",
    ),
    ("a table's subnet", "/inventory/route_tables/0/Associations/0/SubnetId", "/inventory/subnets/1/SubnetId"),
    ("a gateway's network", "/inventory/internet_gateways/0/Attachments/0/VpcId", "/inventory/vpcs/1/VpcId"),
    ("a NAT gateway's subnet", "/inventory/nat_gateways/0/SubnetId", "/inventory/subnets/1/SubnetId"),
    (
        "a rule's group",
        "/inventory/security_groups/0/IpPermissions/0/UserIdGroupPairs/0/GroupId",
        "/inventory/security_groups/1/GroupId",
    ),
    ("a cluster's role", "/inventory/clusters/0/roleArn", "/inventory/nodegroups/0/nodeRole"),
    ("a cluster's subnet", "/inventory/clusters/0/resourcesVpcConfig/subnetIds/1", "/inventory/subnets/0/SubnetId"),
    (
        "a cluster's group",
        "/inventory/clusters/0/resourcesVpcConfig/securityGroupIds/0",
        "/inventory/security_groups/1/GroupId",
    ),
    ("a node group's role", "/inventory/nodegroups/0/nodeRole", "/inventory/clusters/0/roleArn"),
    ("a node group's subnet", "/inventory/nodegroups/1/subnets/0", "/inventory/subnets/1/SubnetId"),
    (
        "a node group's scaling group",
        "/inventory/nodegroups/0/resources/autoScalingGroups/0/name",
        "/inventory/scaling_groups/1/AutoScalingGroupName",
    ),
    ("a mount target's subnet", "/inventory/file_systems/0/MountTargets/0/SubnetId", "/inventory/subnets/1/SubnetId"),
    (
        "a mount target's group",
        "/inventory/file_systems/0/MountTargets/0/SecurityGroups/0",
        "/inventory/security_groups/1/GroupId",
    ),
    ("a role's policy", "/inventory/roles/0/AttachedPolicies/0", "/inventory/clusters/0/roleArn"),
    ("a thing's mark", "/inventory/subnets/0/Tags", "/inventory/subnets/1/Tags"),
    ("a record's thing", "/state/cloud/vpc/_nic/remote_id", "/inventory/vpcs/1/VpcId"),
    (
        "a record's mount target",
        "/state/cloud/mount_targets/0/_nic/remote_id",
        "/state/cloud/mount_targets/1/_nic/remote_id",
    ),
    (
        "what a record says was wanted",
        "/state/cloud/cluster/_nic/baseline/subnet_ids/0",
        "/inventory/subnets/1/SubnetId",
    ),
    ("what a record stands on", "/state/cloud/cluster/_nic/dependencies/0", "/state/cloud/vpc/_nic/address"),
    ("a record's object", "/state/kubernetes/namespaces/0/_nic/uid", "/inventory/nodegroups/0/nodegroupArn"),
    ("what later stages read", "/outputs/networking/vpc_id", "/inventory/vpcs/1/VpcId"),
];

#[test]
fn a_reference_that_is_turned_elsewhere_is_seen() {
    let whole = wiring(&platform('a'));
    let as_json = |found: &Found| json!({"inventory": found.inventory, "objects": found.objects, "state": found.state, "outputs": found.outputs});
    for (what, reference, instead) in TURNED {
        let mut found = as_json(&platform('b'));
        let instead = found.pointer(instead).unwrap_or_else(|| panic!("{what}: no {instead}")).clone();
        let place = found.pointer_mut(reference).unwrap_or_else(|| panic!("{what}: no {reference}"));
        assert_ne!(*place, instead, "{what}");
        *place = instead;
        let turned = Found {
            inventory: found["inventory"].take(),
            objects: serde_json::from_value(found["objects"].take()).unwrap(),
            state: found["state"].take(),
            outputs: found["outputs"].take(),
            ..platform('b')
        };
        assert!(same(&wiring(&turned), &whole).is_err(), "{what} is turned elsewhere");
    }
}

/// What stands in the whole platform, and what in its place is gone or another's.
#[test]
fn what_points_at_nothing_there_is_or_at_anothers_is_seen() {
    let whole = wiring(&platform('a'));
    let elsewhere = |edit: &dyn Fn(&mut Found)| {
        let mut found = platform('b');
        edit(&mut found);
        same(&wiring(&found), &whole).unwrap_err().to_string()
    };
    let other = "E0123456789ABCDEF0123456789ABCDE";
    let told = elsewhere(&|found| {
        let providers = &mut found.inventory["oidc_providers"];
        let text = providers.to_string();
        let ours = text.split("/id/").nth(1).unwrap()[..32].to_owned();
        *providers = serde_json::from_str(&text.replace(&ours, other)).unwrap();
    });
    assert!(told.contains("oidc_providers") && told.contains("<other issuer>"), "{told}");
    let told = elsewhere(&|found| {
        let trust = &mut found.inventory["roles"][0]["AssumeRolePolicyDocument"];
        let text = trust.to_string();
        let ours = text.split("/id/").nth(1).unwrap()[..32].to_owned();
        *trust = serde_json::from_str(&text.replace(&ours, other)).unwrap();
    });
    assert!(told.contains("AssumeRolePolicyDocument") && told.contains("<other issuer>"), "{told}");
    let told = elsewhere(&|found| found.inventory["subnets"][0]["VpcId"] = json!("vpc-0123456789abcdef0"));
    assert!(told.contains("vpc-0123456789abcdef0"), "{told}");
    // Marked by another state.
    let told = elsewhere(&|found| {
        found.inventory["vpcs"][0]["Tags"]["nic.nebari.dev/owner"] = json!("0123@us-west-2/aws.vpc.main");
    });
    assert!(told.contains("/account/vpcs"), "{told}");
    // Something twice.
    let told = elsewhere(&|found| {
        let mut again = found.inventory["vpcs"][0].clone();
        again["VpcId"] = json!("vpc-0123456789abcdef0");
        found.inventory["vpcs"].as_array_mut().unwrap().push(again);
    });
    assert!(told.contains("/account/vpcs"), "{told}");
    // A change that is still open, and a fingerprint that is in doubt.
    let told = elsewhere(&|found| found.state["cloud"]["vpc"]["_nic"]["pending"] = json!({"action": "create"}));
    assert!(told.contains("/state/cloud/vpc/_nic/pending"), "{told}");
    let told = elsewhere(&|found| found.state["kubernetes"]["namespaces"][0]["_nic"]["secrets"]["key"] = Value::Null);
    assert!(told.contains("/secrets/key"), "{told}");
}
