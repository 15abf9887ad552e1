//! The whole road on each emulator: `nic deploy` of the example, looked at by boto3 and by a Kubernetes client of our own.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::Api;
use nic_tests::aws::{Emulator, only};
use nic_tests::configs::{CLUSTER, EXAMPLE};
use nic_tests::nic::unwrapped;
use nic_tests::platform::{Platform, Site};
use serde_json::{Value, json};

/// What the autoscaler does when two users have logged in.
const SCALED: &str = r#"
eks = client("eks")
group = dict(clusterName="my-nebari-dev", nodegroupName="user")
eks.update_nodegroup_config(**group, scalingConfig={"minSize": 0, "maxSize": 5, "desiredSize": 2})
while eks.describe_nodegroup(**group)["nodegroup"]["status"] != "ACTIVE":
    pass
show(None)
"#;

fn tag<'a>(tags: &'a Value, key: &str) -> &'a Value {
    let listed = || tags.as_array()?.iter().find(|t| t["Key"] == key).map(|t| &t["Value"]);
    tags.get(key).or_else(listed).unwrap_or(&Value::Null)
}

async fn whole_road(emulator: Emulator) -> Result<()> {
    let (platform, workspace) = Platform::of(emulator, EXAMPLE).await?;

    // Deploy: boto3, not our code, finds what Nebari's Terraform would have made.
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Done. (") && !ran.stdout.contains("Done. (0"), "{}", ran.stdout);
    let found = platform.aws.inventory().await?;
    classic_network(&found).with_context(|| format!("{found:#}"))?;
    classic_cluster(&found).with_context(|| format!("{found:#}"))?;
    classic_irsa(&found).with_context(|| format!("{found:#}"))?;
    classic_addons(&found).with_context(|| format!("{found:#}"))?;
    classic_services(&found).with_context(|| format!("{found:#}"))?;
    let namespaces: Api<Namespace> = Api::all(platform.cluster.client());
    namespaces.get("dev").await.context("the namespace is on the cluster")?;
    ensure!(platform.login.logins() > 0, "the cluster was reached without its login");

    // The files that are left.
    let outputs: Value = serde_json::from_str(&workspace.read(".nebari/stages/02-infrastructure/outputs.json")?)?;
    ensure!(outputs.pointer("/cluster/endpoint") == Some(&json!(platform.cluster.server())), "{outputs:#}");
    ensure!(outputs.pointer("/networking/subnet_ids").and_then(Value::as_array).is_some_and(|s| s.len() == 2));
    ensure!(outputs.pointer("/node_selectors/user/value") == Some(&json!("user")));
    let autoscaler = only(&found["roles"], "RoleName", "my-nebari-dev-cluster-autoscaler")?;
    ensure!(outputs["cluster_autoscaler_role_arn"] == autoscaler["Arn"], "{outputs:#}");
    ensure!(outputs["oidc_provider_arn"] == found["oidc_providers"][0]["Arn"], "{outputs:#}");
    ensure!(outputs["cluster_oidc_issuer_url"] == found["clusters"][0]["identity"]["oidc"]["issuer"], "{outputs:#}");
    let file_system = found["file_systems"][0]["FileSystemId"].as_str().context("the file system's id")?;
    ensure!(outputs["nfs_endpoint"] == format!("{file_system}.efs.us-west-2.amazonaws.com"), "{outputs:#}");
    ensure!(outputs.pointer("/storage/type") == Some(&json!("efs")), "{outputs:#}");
    ensure!(
        outputs.pointer("/container_registry/url") == Some(&found["repositories"][0]["repositoryUri"]),
        "{outputs:#}"
    );
    let kubeconfig = workspace.read(".nebari/stages/02-infrastructure/kubeconfig")?;
    ensure!(kubeconfig.contains("kubeconfig") && !kubeconfig.contains("k8s-aws-v1"), "{kubeconfig}");

    // Again: nothing changes, and no request tries to.
    platform.aws.clear_log();
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Cluster my-nebari-dev exists, no changes needed."), "{}", ran.stdout);
    ensure!(ran.stdout.contains("Done. (0 changes)"), "{}", ran.stdout);
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());

    // Status from the state alone.
    let status = workspace
        .ok(&["status", "--state", ".nebari/stages/02-infrastructure/nic-state.json", "--format", "json"])
        .await?
        .json()?;
    ensure!(status["healthy"] == true && status["issues"] == json!([]), "{status:#}");

    // How many nodes there are is the autoscaler's: no change, and kept by an edit of the bounds.
    platform.aws.inspect(SCALED).await?;
    platform.aws.clear_log();
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Done. (0 changes)"), "{}", ran.stdout);
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());

    // One edit, one change, in place.
    workspace.config(&EXAMPLE.replacen("max_nodes: 5", "max_nodes: 10", 1))?;
    let plan = workspace.run(&["plan", "--detailed-exitcode", "--format", "json"]).await?;
    ensure!(plan.code == 3, "{}", plan.said());
    ensure!(
        plan.json()?["summary"]
            == json!({"create": 0, "update": 1, "replace": 0, "delete": 0, "unchanged": plan.json()?["summary"]["unchanged"]})
    );
    platform.aws.clear_log();
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(
        ran.stdout.contains("scaling_config.max_size: 5 → 10") && ran.stdout.contains("Done. (1 change)"),
        "{}",
        ran.stdout
    );
    ensure!(platform.aws.mutating_count() == 1, "{:#?}", platform.aws.log());
    let found = platform.aws.inventory().await?;
    let user = only(&found["nodegroups"], "nodegroupName", "user")?;
    ensure!(user["scalingConfig"] == json!({ "minSize": 0, "maxSize": 10, "desiredSize": 2 }), "{user:#}");

    // State lost: everything is found again by name and tags, and taken over as it is; nothing is made twice.
    let lineage = workspace.state()?["lineage"].as_str().context("a lineage")?.to_owned();
    std::fs::remove_file(workspace.stage().join("nic-state.json"))?;
    platform.aws.clear_log();
    let refused = workspace.run(&["deploy"]).await?;
    let told = refused.stderr.matches("error[").count();
    ensure!(
        refused.code == 1 && refused.stderr.contains("PLATFORM_OF_ANOTHER_STATE") && told == 1,
        "{}",
        refused.said()
    );
    ensure!(refused.stderr.contains(&format!("lineage {lineage} (since 20")), "{}", refused.said());
    let plan = workspace.ok(&["plan", "--take-over"]).await?;
    ensure!(plan.stdout.contains("Done. (0 changes)"), "{}", plan.said());
    workspace.ok(&["deploy", &format!("--take-over={lineage}")]).await?;
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());
    ensure!(workspace.state()?["lineage"] == lineage.as_str(), "{:#}", workspace.state()?["lineage"]);

    // Destroy: empty.
    workspace.ok(&["destroy", "--yes"]).await?;
    platform.aws.assert_empty().await?;
    ensure!(workspace.state()?.pointer("/cloud/cluster").is_none(), "{:#}", workspace.state()?);
    Ok(())
}

fn classic_network(found: &Value) -> Result<()> {
    let vpc = &found["vpcs"][0];
    ensure!(found["vpcs"].as_array().is_some_and(|v| v.len() == 1) && vpc["CidrBlock"] == "10.10.0.0/16");
    ensure!(
        tag(&vpc["Tags"], "Name") == CLUSTER && tag(&vpc["Tags"], "kubernetes.io/cluster/my-nebari-dev") == "shared"
    );
    ensure!(
        tag(&vpc["Tags"], "Project") == "my-nebari"
            && tag(&vpc["Tags"], "Environment") == "dev"
            && tag(&vpc["Tags"], "Owner") == "terraform"
    );
    for (index, cidr, zone) in [(0, "10.10.0.0/18", "us-west-2a"), (1, "10.10.64.0/18", "us-west-2b")] {
        let subnet = only(&found["subnets"], "CidrBlock", cidr)?;
        ensure!(subnet["AvailabilityZone"] == zone && subnet["MapPublicIpOnLaunch"] == true);
        ensure!(tag(&subnet["Tags"], "Name") == &json!(format!("{CLUSTER}-subnet-{index}")));
    }
    ensure!(found["subnets"].as_array().is_some_and(|s| s.len() == 2));
    ensure!(found["internet_gateways"][0]["Attachments"][0]["VpcId"] == vpc["VpcId"]);
    let routes = found["route_tables"][0]["Routes"].as_array().context("routes")?;
    ensure!(routes.iter().any(|r| r["DestinationCidrBlock"] == "0.0.0.0/0"
        && r["GatewayId"] == found["internet_gateways"][0]["InternetGatewayId"]));
    let group = only(&found["security_groups"], "GroupName", CLUSTER)?;
    ensure!(group["Description"] == "Main security group for infrastructure deployment");
    ensure!(
        group["IpPermissions"][0]["IpProtocol"] == "-1"
            && group["IpPermissions"][0]["IpRanges"][0]["CidrIp"] == "10.10.0.0/16"
    );
    Ok(())
}

fn classic_cluster(found: &Value) -> Result<()> {
    let roles = &found["roles"];
    let cluster_role = only(roles, "RoleName", "my-nebari-dev-eks-cluster-role")?;
    only(roles, "RoleName", "my-nebari-dev-eks-node-group-role")?;
    let cluster = only(&found["clusters"], "name", CLUSTER)?;
    ensure!(cluster["version"] == "1.34" && cluster["roleArn"] == cluster_role["Arn"] && cluster["status"] == "ACTIVE");
    ensure!(
        cluster["resourcesVpcConfig"]["endpointPublicAccess"] == true
            && cluster["resourcesVpcConfig"]["endpointPrivateAccess"] == false
    );
    for (name, instance, least, most, taints) in [
        ("general", "m5.2xlarge", 1, 1, json!([])),
        ("user", "m5.xlarge", 0, 5, json!([{"key": "dedicated", "value": "nebari", "effect": "NO_SCHEDULE"}])),
        ("worker", "m5.xlarge", 0, 5, json!([{"key": "dedicated", "value": "nebari", "effect": "NO_SCHEDULE"}])),
    ] {
        let group = only(&found["nodegroups"], "nodegroupName", name)?;
        ensure!(
            group["instanceTypes"] == json!([instance]) && group["amiType"] == "AL2023_x86_64_STANDARD",
            "{group:#}"
        );
        ensure!(group["scalingConfig"]["minSize"] == least && group["scalingConfig"]["maxSize"] == most, "{group:#}");
        ensure!(group["scalingConfig"]["desiredSize"] == least && group["version"] == "1.34", "{group:#}");
        ensure!(group["labels"] == json!({"dedicated": name}), "{group:#}");
        ensure!(group.get("taints").cloned().unwrap_or(json!([])) == taints, "{group:#}");
        ensure!(
            group["diskSize"] == 50
                && group["capacityType"] == "ON_DEMAND"
                && group["subnets"].as_array().is_some_and(|s| s.len() == 2),
            "{group:#}"
        );
    }
    Ok(())
}

/// A document that boto3 gives as text or as a map.
fn policy(document: &Value) -> Result<Value> {
    document.as_str().map_or_else(|| Ok(document.clone()), |text| Ok(serde_json::from_str(text)?))
}

/// The issuer in IAM, and the two roles that service accounts assume through it.
fn classic_irsa(found: &Value) -> Result<()> {
    let issuer = found["clusters"][0]["identity"]["oidc"]["issuer"].as_str().context("an issuer")?;
    let issuer = issuer.trim_start_matches("https://");
    let provider = &found["oidc_providers"][0];
    ensure!(found["oidc_providers"].as_array().is_some_and(|p| p.len() == 1) && provider["Url"] == issuer);
    ensure!(provider["ClientIDList"] == json!(["sts.amazonaws.com"]));
    ensure!(
        tag(&provider["Tags"], "Name") == "my-nebari-dev-eks-irsa" && tag(&provider["Tags"], "Project") == "my-nebari"
    );
    let autoscaling = only(&found["policies"], "PolicyName", "eks-worker-autoscaling-my-nebari-dev")?;
    ensure!(
        found["policies"].as_array().is_some_and(|p| p.len() == 1) && tag(&autoscaling["Tags"], "Project").is_null()
    );
    let document = policy(&autoscaling["Document"])?;
    let own = &document["Statement"][1];
    let condition = &own["Condition"]["StringEquals"]["autoscaling:ResourceTag/kubernetes.io/cluster/my-nebari-dev"];
    ensure!(own["Sid"] == "eksWorkerAutoscalingOwn" && condition == "owned", "{document:#}");
    for (role, service_account, attached) in [
        ("cluster-autoscaler", "dev:cluster-autoscaler", autoscaling["Arn"].clone()),
        (
            "ebs-csi-driver",
            "kube-system:ebs-csi-controller-sa",
            json!("arn:aws:iam::aws:policy/service-role/AmazonEBSCSIDriverPolicy"),
        ),
    ] {
        let role = only(&found["roles"], "RoleName", format!("{CLUSTER}-{role}"))?;
        ensure!(role["AttachedPolicies"] == json!([attached]), "{role:#}");
        let trust = policy(&role["AssumeRolePolicyDocument"])?;
        let statement = &trust["Statement"][0];
        ensure!(statement["Action"] == "sts:AssumeRoleWithWebIdentity", "{trust:#}");
        ensure!(statement["Principal"]["Federated"] == provider["Arn"], "{trust:#}");
        let condition = &statement["Condition"]["StringEquals"];
        ensure!(condition[format!("{issuer}:aud")] == "sts.amazonaws.com", "{trust:#}");
        ensure!(condition[format!("{issuer}:sub")] == format!("system:serviceaccount:{service_account}"), "{trust:#}");
    }
    Ok(())
}

fn classic_addons(found: &Value) -> Result<()> {
    let general = json!({ "eks.amazonaws.com/nodegroup": "general" });
    ensure!(found["addons"].as_array().is_some_and(|addons| addons.len() == 2));
    for (name, configuration) in [
        ("coredns", json!({ "nodeSelector": general })),
        (
            "aws-ebs-csi-driver",
            json!({ "controller": { "nodeSelector": general }, "defaultStorageClass": { "enabled": true } }),
        ),
    ] {
        let addon = only(&found["addons"], "addonName", name)?;
        ensure!(addon["status"] == "ACTIVE" && addon.get("serviceAccountRoleArn").is_none(), "{addon:#}");
        let values = addon["configurationValues"].as_str().context("configuration")?;
        ensure!(serde_json::from_str::<Value>(values)? == configuration, "{addon:#}");
    }
    Ok(())
}

fn classic_services(found: &Value) -> Result<()> {
    let file_system = only(&found["file_systems"], "CreationToken", "my-nebari-dev-jupyterhub-shared")?;
    ensure!(file_system["Encrypted"] == true && file_system["ThroughputMode"] == "bursting", "{file_system:#}");
    ensure!(file_system["LifeCycleState"] == "available", "{file_system:#}");
    ensure!(tag(&file_system["Tags"], "Name") == "my-nebari-dev-jupyterhub-shared");
    ensure!(tag(&file_system["Tags"], "Owner") == "terraform");
    let group = only(&found["security_groups"], "GroupName", CLUSTER)?;
    let targets = file_system["MountTargets"].as_array().context("mount targets")?;
    ensure!(targets.len() == 2, "{targets:#?}");
    for subnet in found["subnets"].as_array().into_iter().flatten() {
        let id = subnet["SubnetId"].as_str().context("the subnet's id")?;
        let target = only(&file_system["MountTargets"], "SubnetId", id)?;
        ensure!(target["SecurityGroups"] == json!([group["GroupId"]]), "{target:#}");
        ensure!(target["LifeCycleState"] == "available", "{target:#}");
    }

    let repository = only(&found["repositories"], "repositoryName", "my-nebari-dev-jupyterlab")?;
    ensure!(repository.pointer("/imageScanningConfiguration/scanOnPush") == Some(&json!(true)), "{repository:#}");
    ensure!(tag(&repository["Tags"], "Environment") == "dev");

    let accounting = only(&found["resource_groups"], "Name", "my-nebari")?;
    ensure!(accounting["Description"] == "project my-nebari - environment dev", "{accounting:#}");
    ensure!(tag(&accounting["Tags"], "Description") == "AWS resources project=my-nebari and environment=dev");
    let filters = json!([
        { "Key": "Project", "Values": ["my-nebari"] },
        { "Key": "Environment", "Values": ["dev"] },
        { "Key": "Owner", "Values": ["terraform", "terraform-state"] },
    ]);
    ensure!(accounting["Query"]["TagFilters"] == filters, "{accounting:#}");

    for node_group in found["nodegroups"].as_array().into_iter().flatten() {
        let name = &node_group["resources"]["autoScalingGroups"][0]["name"];
        let scaling = only(&found["scaling_groups"], "AutoScalingGroupName", name.as_str().context("its name")?)?;
        let label = "k8s.io/cluster-autoscaler/node-template/label/dedicated";
        ensure!(tag(&scaling["Tags"], label) == &node_group["nodegroupName"], "{scaling:#}");
        ensure!(scaling["Propagated"].as_array().is_some_and(|keys| keys.contains(&json!(label))), "{scaling:#}");
    }
    ensure!(found["scaling_groups"].as_array().is_some_and(|groups| groups.len() == 3));
    Ok(())
}

/// What Nebari does outside of Terraform survives what others do there, and a registry with images survives `destroy`.
#[tokio::test(flavor = "multi_thread")]
async fn a_registry_with_images_is_not_destroyed() -> Result<()> {
    let (platform, workspace) = Platform::of(Emulator::Ministack, EXAMPLE).await?;
    workspace.ok(&["deploy"]).await?;
    let pushed = r#"
ecr = client("ecr")
manifest = {"schemaVersion": 2, "mediaType": "application/vnd.docker.distribution.manifest.v2+json", "layers": []}
ecr.put_image(repositoryName="my-nebari-dev-jupyterlab", imageTag="mine", imageManifest=json.dumps(manifest))
show(None)
"#;
    platform.aws.inspect(pushed).await?;
    // What is to be retained is destroyed by no accident of spelling, and outlives the rest.
    let ran = workspace.run(&["destroy", "--yes", "--retain", "ecrr"]).await?;
    ensure!(ran.code == 1 && ran.said().contains("RETAIN_UNKNOWN"), "{}", ran.said());
    workspace.config(&format!("{EXAMPLE}\nretain: [ecr]\n"))?;
    let ran = workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(ran.stdout.contains("= ECR repository jupyterlab (stays: `retain`)"), "{}", ran.said());
    let state = workspace.state()?;
    ensure!(state.pointer("/cloud/registries/0").is_some() && state["cloud"]["vpc"].is_null(), "{state:#}");
    workspace.config(EXAMPLE)?;
    let ran = workspace.run(&["destroy", "--yes"]).await?;
    ensure!(ran.code == 2 && ran.said().contains("still holds images"), "{}", ran.said());
    let unwrapped = unwrapped(&ran.said());
    ensure!(unwrapped.contains("--force --repository-name my-nebari-dev-jupyterlab"), "{unwrapped}");
    let found = platform.aws.inventory().await?;
    ensure!(found["repositories"].as_array().is_some_and(|left| left.len() == 1), "{found:#}");
    platform
        .aws
        .inspect("client('ecr').delete_repository(repositoryName='my-nebari-dev-jupyterlab', force=True); show(None)")
        .await?;
    workspace.ok(&["destroy", "--yes"]).await?;
    platform.aws.assert_empty().await
}

/// Users' files outlive the platform where the config says so, and the next deploy builds on them.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_system_that_is_retained_is_taken_back() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let workspace = site.workspace(&format!("{EXAMPLE}\nretain: [aws.efs-file-system.shared]\n"))?;
    workspace.ok(&["deploy"]).await?;
    let made = site.aws.inventory().await?["file_systems"][0]["FileSystemId"].clone();
    let only_this = |found: &Value, targets: usize| -> Result<()> {
        let all = found["file_systems"].as_array().context("file systems")?;
        ensure!(all.len() == 1 && all[0]["FileSystemId"] == made, "{made}: {all:#?}");
        ensure!(all[0]["MountTargets"].as_array().is_some_and(|there| there.len() == targets), "{all:#?}");
        Ok(())
    };
    only_this(&site.aws.inventory().await?, 2)?;

    let ran = workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(ran.stdout.contains("= EFS file system shared (stays: `retain`)"), "{}", ran.said());
    let found = site.aws.inventory().await?;
    only_this(&found, 0)?;
    ensure!(found["vpcs"] == json!([]) && found["clusters"] == json!([]), "{found:#}");
    ensure!(site.cluster.paths().is_empty(), "{:?}", site.cluster.paths());

    site.aws.clear_log();
    workspace.ok(&["deploy"]).await?;
    ensure!(site.aws.log().iter().all(|call| call.action != "CreateFileSystem"), "a second one was asked for");
    only_this(&site.aws.inventory().await?, 2)?;

    // Without the wish it goes.
    workspace.config(EXAMPLE)?;
    site.destroy(&workspace).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_road_on_ministack() -> Result<()> {
    whole_road(Emulator::Ministack).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_whole_road_on_moto() -> Result<()> {
    whole_road(Emulator::Moto).await
}
