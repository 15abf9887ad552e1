//! The design document's topology on each emulator: `nic deploy` of the example, with a section `kubernetes`, looked at by boto3.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::{Namespace, ServiceAccount};
use k8s_openapi::api::storage::v1::StorageClass;
use kube::Api;
use kube::core::{ApiResource, DynamicObject, GroupVersionKind};
use nic_tests::aws::{Emulator, only};
use nic_tests::configs::CLUSTER;
use nic_tests::nic::Workspace;
use nic_tests::platform::Platform;
use serde_json::{Value, json};

const CONFIG: &str = concat!(
    include_str!("../../../examples/aws-design/nebari-config.yaml"),
    r#"
kubernetes:
  priority_classes:
    batch: {value: 1000, description: Batch work}
  namespaces:
    dev:
      quota: {requests.cpu: 20, requests.memory: 64Gi, pods: "100"}
      limits: {default: {cpu: "1"}, default_request: {cpu: 100m}, max: {cpu: "4"}}
      network_policies:
        inside: {from: [same_namespace, {namespace: monitoring}, {cidr: 10.0.0.0/16}]}
    team-a:
      labels: {team: data}
"#
);

fn count(list: &Value) -> usize {
    list.as_array().map_or(0, Vec::len)
}

/// The target of a table's default route.
fn way_out<'a>(table: &'a Value, member: &str) -> &'a Value {
    let routes = table["Routes"].as_array().into_iter().flatten();
    routes.into_iter().find(|r| r["DestinationCidrBlock"] == "0.0.0.0/0").map_or(&Value::Null, |r| &r[member])
}

async fn whole_road(emulator: Emulator) -> Result<()> {
    let (platform, workspace) = Platform::of(emulator, CONFIG).await?;

    // Deploy: boto3, not our code, finds what the document draws.
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Done. (") && !ran.stdout.contains("Done. (0"), "{}", ran.stdout);
    let found = platform.aws.inventory().await?;
    network(&found).with_context(|| format!("{found:#}"))?;
    groups_and_cluster(&found).with_context(|| format!("{found:#}"))?;
    objects(&platform).await?;

    // The state says which topology it is, under the document's names; the outputs select nodes by our label.
    let state = workspace.state()?;
    ensure!(state["topology"] == "design");
    ensure!(count(&state["cloud"]["nat_gateways"]) == 2 && count(&state["cloud"]["elastic_ips"]) == 2, "{state:#}");
    ensure!(state["cloud"]["storage"]["volumes"][0]["size"] == 500, "{state:#}");
    ensure!(count(&state["cloud"]["vpc"]["subnets"]) == 4, "{state:#}");
    let class = &state["kubernetes"]["storage_classes"][0];
    ensure!(class["provisioner"] == "ebs.csi.aws.com" && class["is_default"] == true, "{class:#}");
    ensure!(state["kubernetes"]["roles"][0]["rules"][0]["verbs"].is_array(), "{:#}", state["kubernetes"]["roles"]);
    let outputs: Value = serde_json::from_str(&workspace.read(".nebari/stages/02-infrastructure/outputs.json")?)?;
    ensure!(
        outputs["node_selectors"]["user"] == json!({"key": "nebari.dev/node-group", "value": "user"}),
        "{outputs:#}"
    );
    ensure!(outputs["networking"]["vpc_cidr"] == "10.0.0.0/16" && count(&outputs["networking"]["subnet_ids"]) == 4);
    ensure!(outputs["storage"]["volume_ids"][0] == found["volumes"][0]["VolumeId"], "{outputs:#}");
    ensure!(
        outputs["kubernetes"]["namespaces"][0] == "dev" && outputs["storage"]["storage_class"] == "gp3",
        "{outputs:#}"
    );

    // Again: nothing changes, and no request tries to.
    nothing_changes(&platform, &workspace).await?;

    // The other spelling, of everything that has two: no change, and the topology stays.
    let classic = CONFIG
        .replace("instance_type:", "instance:")
        .replace("min_size:", "min_nodes:")
        .replace("max_size:", "max_nodes:")
        .replace("vpc_cidr:", "vpc_cidr_block:");
    workspace.config(&classic)?;
    nothing_changes(&platform, &workspace).await?;
    ensure!(workspace.state()?["topology"] == "design");

    // The state is lost: everything is found again by name and marks, and nothing is made twice.
    workspace.config(CONFIG)?;
    std::fs::remove_file(workspace.stage().join("nic-state.json"))?;
    platform.aws.clear_log();
    workspace.ok(&["deploy", "--take-over"]).await?;
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());

    // A group that cannot be changed in place is replaced beside the old one, once that is confirmed.
    workspace.config(&CONFIG.replace("m5.2xlarge", "m5.4xlarge"))?;
    let refused = workspace.run(&["deploy"]).await?;
    ensure!(refused.code == 1 && refused.said().contains("PROTECTED_NEEDS_CONFIRMATION"), "{}", refused.said());
    let confirmed = ["--confirm", "aws.node-group.user"];
    let ran = workspace.ok(&[&["plan"][..], &confirmed].concat()).await?;
    ensure!(ran.stdout.contains("+/-"), "{}", ran.stdout);
    platform.aws.clear_log();
    workspace.ok(&[&["deploy"][..], &confirmed].concat()).await?;
    let order: Vec<String> = platform
        .aws
        .log()
        .iter()
        .filter(|call| call.mutating && call.status != 0)
        .map(|call| call.action.clone())
        .collect();
    ensure!(order == ["CreateNodegroup", "DeleteNodegroup"], "{order:?}");
    replaced(&platform.aws.inventory().await?)?;
    let outputs: Value = serde_json::from_str(&workspace.read(".nebari/stages/02-infrastructure/outputs.json")?)?;
    ensure!(outputs["node_groups"]["user"]["instance_type"] == "m5.4xlarge", "{outputs:#}");
    nothing_changes(&platform, &workspace).await?;

    // Destroy: empty, in spite of gateways that take their time and hold what is below them.
    workspace.ok(&["destroy", "--yes"]).await?;
    platform.aws.assert_empty().await?;
    Ok(())
}

/// One group `user`, under a name of its own, with the same label.
fn replaced(found: &Value) -> Result<()> {
    let groups = found["nodegroups"].as_array().context("node groups")?;
    let users: Vec<&Value> = groups.iter().filter(|group| group["labels"]["nebari.dev/node-group"] == "user").collect();
    ensure!(groups.len() == 3 && users.len() == 1, "{groups:#?}");
    let name = users[0]["nodegroupName"].as_str().unwrap_or_default();
    ensure!(name.starts_with("user-") && name.len() == "user-0a1b2c".len(), "{name}");
    ensure!(users[0]["instanceTypes"] == json!(["m5.4xlarge"]), "{:#}", users[0]);
    Ok(())
}

/// What the document draws for stage 03, as far as it matters here: the rest is held by the objects' own golden file.
async fn objects(platform: &Platform) -> Result<()> {
    let client = platform.cluster.client();
    let namespaces: Api<Namespace> = Api::all(client.clone());
    for name in ["dev", "prod", "monitoring"] {
        let labels = namespaces.get(name).await?.metadata.labels.unwrap_or_default();
        ensure!(labels.get("managed-by").is_some_and(|by| by == "nebari-infrastructure-core"), "{name}: {labels:?}");
    }
    asked_for(platform).await?;
    let class = Api::<StorageClass>::all(client.clone()).get("gp3").await?;
    ensure!(class.provisioner == "ebs.csi.aws.com", "{class:?}");
    let account = Api::<ServiceAccount>::namespaced(client, "dev").get("default").await?;
    let annotations = account.metadata.annotations.unwrap_or_default();
    let role = annotations.get("eks.amazonaws.com/role-arn").context("the account has a role")?;
    ensure!(role.ends_with(":role/my-nebari-sa-dev"), "{role}");
    Ok(())
}

/// What the section `kubernetes` asks for.
async fn asked_for(platform: &Platform) -> Result<()> {
    let namespaces: Api<Namespace> = Api::all(platform.cluster.client());
    let labels = namespaces.get("team-a").await?.metadata.labels.unwrap_or_default();
    for (label, wanted) in [("team", "data"), ("managed-by", "nebari-infrastructure-core")] {
        ensure!(labels.get(label).is_some_and(|value| value == wanted), "{labels:?}");
    }
    for (group, sort, namespace, name, pointer, wanted) in [
        ("", "ResourceQuota", Some("dev"), "quota", "/spec/hard/requests.memory", json!("64Gi")),
        ("", "LimitRange", Some("dev"), "limits", "/spec/limits/0/defaultRequest/cpu", json!("100m")),
        ("networking.k8s.io", "NetworkPolicy", Some("dev"), "inside", "/spec/policyTypes/0", json!("Ingress")),
        ("scheduling.k8s.io", "PriorityClass", None, "batch", "/value", json!(1000)),
        ("rbac.authorization.k8s.io", "Role", Some("team-a"), "viewer", "/rules/0/verbs/0", json!("get")),
    ] {
        let resource = ApiResource::from_gvk(&GroupVersionKind::gvk(group, "v1", sort));
        let client = platform.cluster.client();
        let api: Api<DynamicObject> = match namespace {
            Some(namespace) => Api::namespaced_with(client, namespace, &resource),
            None => Api::all_with(client, &resource),
        };
        let object = api.get(name).await.with_context(|| format!("the {sort} `{name}`"))?;
        ensure!(object.data.pointer(pointer) == Some(&wanted), "{sort} {pointer}: {:#}", object.data);
    }
    Ok(())
}

async fn nothing_changes(platform: &Platform, workspace: &Workspace) -> Result<()> {
    platform.aws.clear_log();
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Done. (0 changes)"), "{}", ran.stdout);
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());
    Ok(())
}

fn network(found: &Value) -> Result<()> {
    let vpc = &found["vpcs"][0];
    ensure!(count(&found["vpcs"]) == 1 && vpc["CidrBlock"] == "10.0.0.0/16");
    ensure!(vpc["Tags"]["managed-by"] == "nebari-infrastructure-core" && vpc["Tags"]["project"] == "my-nebari");
    ensure!(count(&found["subnets"]) == 4 && count(&found["route_tables"]) == 3);
    let gateway = &found["internet_gateways"][0];
    ensure!(gateway["Attachments"][0]["VpcId"] == vpc["VpcId"]);
    for (zone, public, private) in
        [("us-west-2a", "10.0.1.0/24", "10.0.10.0/24"), ("us-west-2b", "10.0.2.0/24", "10.0.11.0/24")]
    {
        let public = only(&found["subnets"], "CidrBlock", public)?;
        let private = only(&found["subnets"], "CidrBlock", private)?;
        ensure!(public["AvailabilityZone"] == zone && private["AvailabilityZone"] == zone);
        ensure!(public["MapPublicIpOnLaunch"] == true && private["MapPublicIpOnLaunch"] == false);
        ensure!(public["Tags"]["kubernetes.io/role/elb"] == "1");
        ensure!(private["Tags"]["kubernetes.io/role/internal-elb"] == "1");

        // Each zone has its own way out, from an address of its own.
        let nat = only(&found["nat_gateways"], "SubnetId", public["SubnetId"].clone())?;
        ensure!(nat["State"] == "available", "{nat:#}");
        only(&found["elastic_ips"], "AllocationId", nat["NatGatewayAddresses"][0]["AllocationId"].clone())?;
        let table = |subnet: &Value| {
            let tables = found["route_tables"].as_array()?.iter();
            let mut uses = tables.filter(|table| {
                let associations = table["Associations"].as_array();
                associations.is_some_and(|all| all.iter().any(|one| one["SubnetId"] == subnet["SubnetId"]))
            });
            uses.next()
        };
        let public = table(public).context("the public subnet has a table")?;
        let private = table(private).context("the private subnet has a table")?;
        ensure!(way_out(public, "GatewayId") == &gateway["InternetGatewayId"], "{public:#}");
        ensure!(way_out(private, "NatGatewayId") == &nat["NatGatewayId"], "{private:#}");
    }
    let volume = &found["volumes"][0];
    ensure!(
        count(&found["volumes"]) == 1
            && volume["Size"] == 500
            && volume["VolumeType"] == "gp3"
            && volume["Encrypted"] == true
    );
    Ok(())
}

fn groups_and_cluster(found: &Value) -> Result<()> {
    let cluster_group = only(&found["security_groups"], "GroupName", "my-nebari-cluster-sg")?;
    let node_group = only(&found["security_groups"], "GroupName", "my-nebari-node-sg")?;
    let peers = |group: &Value| -> Vec<Value> {
        let permissions = group["IpPermissions"].as_array().into_iter().flatten();
        permissions
            .flat_map(|p| p["UserIdGroupPairs"].as_array().cloned().unwrap_or_default())
            .map(|p| p["GroupId"].clone())
            .collect()
    };
    ensure!(cluster_group["IpPermissions"][0]["IpRanges"][0]["CidrIp"] == "10.0.0.0/16", "{cluster_group:#}");
    ensure!(
        peers(node_group).contains(&node_group["GroupId"]) && peers(node_group).contains(&cluster_group["GroupId"])
    );

    let role = only(&found["roles"], "RoleName", "my-nebari-cluster-role")?;
    only(&found["roles"], "RoleName", "my-nebari-node-role")?;
    let cluster = only(&found["clusters"], "name", CLUSTER)?;
    ensure!(cluster["roleArn"] == role["Arn"] && cluster["status"] == "ACTIVE");
    let vpc_config = &cluster["resourcesVpcConfig"];
    ensure!(vpc_config["endpointPublicAccess"] == true && vpc_config["endpointPrivateAccess"] == false);
    ensure!(vpc_config["securityGroupIds"] == json!([cluster_group["GroupId"]]));
    let private: Vec<&Value> = found["subnets"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|subnet| subnet["MapPublicIpOnLaunch"] == false)
        .map(|subnet| &subnet["SubnetId"])
        .collect();
    for (name, instance, least, most, disk) in
        [("general", "m5.xlarge", 2, 10, 100), ("user", "m5.2xlarge", 0, 20, 200), ("worker", "m5.xlarge", 1, 50, 100)]
    {
        let group = only(&found["nodegroups"], "nodegroupName", name)?;
        ensure!(group["instanceTypes"] == json!([instance]) && group["diskSize"] == disk, "{group:#}");
        ensure!(group["scalingConfig"]["minSize"] == least && group["scalingConfig"]["maxSize"] == most, "{group:#}");
        let labels = json!({"nebari.dev/node-group": name, "nebari.dev/project": "my-nebari", "role": name});
        ensure!(group["labels"] == labels, "{group:#}");
        ensure!(group["subnets"].as_array().is_some_and(|s| s.len() == 2 && s.iter().all(|id| private.contains(&id))));
    }
    let worker = only(&found["nodegroups"], "nodegroupName", "worker")?;
    ensure!(worker["taints"] == json!([{"key": "workload", "value": "worker", "effect": "NO_SCHEDULE"}]), "{worker:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_design_topology_on_ministack() -> Result<()> {
    whole_road(Emulator::Ministack).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_design_topology_on_moto() -> Result<()> {
    whole_road(Emulator::Moto).await
}
