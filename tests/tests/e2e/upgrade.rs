//! Kubernetes versions: the control plane moves by minor versions, one at a time, and the nodes follow; and where none is named,
//! the newest that NIC is tried with is taken, once.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::policy::v1::PodDisruptionBudget;
use kube::Api;
use kube::api::{DeleteParams, PostParams};
use nic_tests::aws::{Emulator, Pace, Wait};
use nic_tests::configs::EXAMPLE;
use nic_tests::platform::{Platform, Site};
use serde_json::{Value, json};

fn at_version(version: &str) -> String {
    EXAMPLE.replace("\"1.34\"", version)
}

/// Versions of the control plane and of each group of nodes.
async fn versions(platform: &Platform) -> Result<Value> {
    let found = platform.aws.inventory().await?;
    let groups = found["nodegroups"].as_array().context("node groups")?;
    let groups: serde_json::Map<String, Value> = groups
        .iter()
        .map(|group| (group["nodegroupName"].as_str().unwrap_or_default().to_owned(), group["version"].clone()))
        .collect();
    Ok(json!({ "cluster": found["clusters"][0]["version"], "nodes": groups }))
}

fn all_at(version: &str) -> Value {
    json!({ "cluster": version, "nodes": { "general": version, "user": version, "worker": version } })
}

async fn the_control_plane_moves_by_steps_and_the_nodes_follow(emulator: Emulator) -> Result<()> {
    let (platform, workspace) = Platform::of(emulator, &at_version("\"1.32\"")).await?;
    workspace.ok(&["deploy"]).await?;
    ensure!(versions(&platform).await? == all_at("1.32"));
    let path = workspace.stage().join("nic-state.json");
    let old = std::fs::read(&path)?;

    // The plan shows all of it before anything moves.
    workspace.config(&at_version("1.34"))?;
    platform.aws.clear_log();
    let plan = workspace.run(&["plan", "--detailed-exitcode", "--format", "json"]).await?;
    ensure!(plan.code == 3, "{}", plan.said());
    let summary = plan.json()?["summary"].clone();
    ensure!(summary["update"] == 4 && summary["replace"] == 0 && summary["create"] == 0, "{summary:#}");
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());

    // 1.33, 1.34, then every group of nodes once, and nothing else.
    platform.aws.clear_log();
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("version: 1.32 → 1.34") && ran.stdout.contains("Done. (4 changes)"), "{}", ran.stdout);
    let mutations: Vec<String> =
        platform.aws.log().into_iter().filter(|entry| entry.mutating).map(|entry| entry.action).collect();
    let (plane, nodes) = mutations.split_at(2.min(mutations.len()));
    ensure!(plane == ["UpdateClusterVersion", "UpdateClusterVersion"], "{mutations:?}");
    ensure!(nodes == ["UpdateNodegroupVersion", "UpdateNodegroupVersion", "UpdateNodegroupVersion"], "{mutations:?}");
    ensure!(versions(&platform).await? == all_at("1.34"));
    let updates = platform
        .aws
        .inspect(
            r#"
eks = client("eks")
ids = eks.list_updates(name="my-nebari-dev")["updateIds"]
updates = [eks.describe_update(name="my-nebari-dev", updateId=id)["update"] for id in ids]
show([[update["status"], next(p["value"] for p in update["params"] if p["type"] == "Version")] for update in updates])
"#,
        )
        .await?;
    ensure!(updates == json!([["Successful", "1.33"], ["Successful", "1.34"]]), "{updates:#}");

    // Again: nothing.
    platform.aws.clear_log();
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Done. (0 changes)"), "{}", ran.stdout);
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());

    // A copy of the state from before is put back: what is there counts, so nothing goes back, and nothing is made twice.
    let new = std::fs::read(&path)?;
    std::fs::write(&path, &old)?;
    let plan = workspace.run(&["plan", "--detailed-exitcode"]).await?;
    ensure!(plan.code == 0, "{}", plan.said());
    workspace.ok(&["deploy"]).await?;
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());
    // With the config of that time the plan says what differs, and is refused as the deploy is.
    std::fs::write(&path, &old)?;
    workspace.config(&at_version("\"1.32\""))?;
    let plan = workspace.run(&["plan"]).await?;
    ensure!(plan.code == 1 && plan.stderr.contains("KUBERNETES_VERSION_DOWNGRADE"), "{}", plan.said());
    ensure!(plan.stdout.contains("version: 1.34 → 1.32"), "{}", plan.said());
    let ran = workspace.run(&["deploy", "--format", "json"]).await?;
    ensure!(ran.code == 1 && ran.json()?["error"]["code"] == "KUBERNETES_VERSION_DOWNGRADE", "{}", ran.said());
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());
    std::fs::write(&path, new)?;

    // Down is refused before anything is changed, and says where the cluster stands.
    workspace.config(&at_version("\"1.33\""))?;
    let ran = workspace.run(&["deploy", "--format", "json"]).await?;
    let said = ran.json()?;
    ensure!(ran.code == 1 && said["error"]["code"] == "KUBERNETES_VERSION_DOWNGRADE", "{}", ran.said());
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());

    // Neither does a version that nobody offers get beyond the checks.
    workspace.config(&at_version("\"1.99\""))?;
    let ran = workspace.run(&["deploy", "--format", "json"]).await?;
    ensure!(ran.code == 1 && ran.said().contains("KUBERNETES_VERSION_NOT_OFFERED"), "{}", ran.said());
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_plane_moves_by_steps_and_the_nodes_follow_on_ministack() -> Result<()> {
    the_control_plane_moves_by_steps_and_the_nodes_follow(Emulator::Ministack).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_control_plane_moves_by_steps_and_the_nodes_follow_on_moto() -> Result<()> {
    the_control_plane_moves_by_steps_and_the_nodes_follow(Emulator::Moto).await
}

async fn addons(site: &Site) -> Result<Value> {
    let script = r#"
eks = client("eks")
show({name: eks.describe_addon(clusterName="my-nebari-dev", addonName=name)["addon"]["addonVersion"]
      for name in eks.list_addons(clusterName="my-nebari-dev")["addons"]})
"#;
    site.aws.inspect(script).await
}

#[tokio::test(flavor = "multi_thread")]
async fn add_ons_follow_the_control_plane_and_never_go_back() -> Result<()> {
    const DRIVER: &str = "v1.51.1-eksbuild.1";
    let site = Site::start(Emulator::Ministack, 1).await?;
    site.aws.offer_addon("coredns", 33, &["v1.12.1-eksbuild.2"]).await;
    site.aws.offer_addon("coredns", 34, &["v1.12.4-eksbuild.1", "v1.13.0-eksbuild.1"]).await;
    let workspace = site.workspace(&at_version("\"1.33\""))?;
    workspace.ok(&["deploy"]).await?;
    let shown = |coredns: &str| json!({ "aws-ebs-csi-driver": DRIVER, "coredns": coredns });
    ensure!(addons(&site).await? == shown("v1.12.1-eksbuild.2"), "{:#}", addons(&site).await?);
    site.assert_settled(&workspace).await?;

    // It is in the plan, comes last, and what is on offer for the new version too stays.
    workspace.config(&at_version("\"1.34\""))?;
    site.aws.clear_log();
    let plan = workspace.ok(&["plan"]).await?;
    ensure!(plan.stdout.contains("version: v1.12.1-eksbuild.2 → v1.12.4-eksbuild.1"), "{}", plan.said());
    ensure!(!plan.said().contains("ADDON_"), "{}", plan.said());
    workspace.ok(&["deploy"]).await?;
    let changes = site.changes();
    ensure!(changes.first().is_some_and(|first| first == "UpdateClusterVersion"), "{changes:?}");
    ensure!(changes.last().is_some_and(|last| last == "UpdateAddon"), "{changes:?}");
    ensure!(changes.iter().filter(|change| *change == "UpdateAddon").count() == 1, "{changes:?}");
    ensure!(addons(&site).await? == shown("v1.12.4-eksbuild.1"), "{:#}", addons(&site).await?);
    site.assert_settled(&workspace).await?;

    // Who moves it further finds it there.
    let by_hand = r#"
eks = client("eks")
eks.update_addon(clusterName="my-nebari-dev", addonName="coredns", addonVersion="v1.13.0-eksbuild.1")
while eks.describe_addon(clusterName="my-nebari-dev", addonName="coredns")["addon"]["status"] != "ACTIVE":
    time.sleep(0.02)
show(None)
"#;
    site.aws.boto3(by_hand).await?;
    site.assert_settled(&workspace).await?;

    // None for the next version: told before anything moves.
    workspace.config(&at_version("\"1.35\""))?;
    site.aws.offer_addon("coredns", 35, &[]).await;
    site.aws.clear_log();
    let refused = workspace.run(&["deploy", "--format", "json"]).await?;
    ensure!(refused.code == 1 && refused.json()?["error"]["code"] == "ADDON_NOT_OFFERED", "{}", refused.said());
    let words = "EKS offers no version of the add-on `coredns` for Kubernetes 1.35 in `us-west-2`";
    ensure!(refused.said().contains(words), "{}", refused.said());
    ensure!(site.changes().is_empty(), "{:?}", site.changes());

    // Only earlier ones: it stays, and that is told.
    site.aws.offer_addon("coredns", 35, &["v1.12.9-eksbuild.1"]).await;
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stderr.contains("ADDON_VERSION_OLD"), "{}", ran.said());
    ensure!(addons(&site).await? == shown("v1.13.0-eksbuild.1"), "{:#}", addons(&site).await?);
    site.assert_settled(&workspace).await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_update_that_fails_says_why_and_is_begun_again_by_the_next_deploy() -> Result<()> {
    let (platform, workspace) = Platform::of(Emulator::Ministack, &at_version("\"1.33\"")).await?;
    workspace.ok(&["deploy"]).await?;
    workspace.config(&at_version("\"1.34\""))?;
    platform.aws.fail_next_update("InsufficientFreeAddresses", "no address is left").await;
    let ran = workspace.run(&["deploy", "--format", "json"]).await?;
    ensure!(ran.code == 2 && ran.json()?["error"]["code"] == "CLUSTER_UPDATE_FAILED", "{}", ran.said());
    ensure!(ran.said().contains("InsufficientFreeAddresses: no address is left"), "{}", ran.said());
    ensure!(versions(&platform).await? == all_at("1.33"));
    workspace.ok(&["deploy"]).await?;
    ensure!(versions(&platform).await? == all_at("1.34"));
    Ok(())
}

/// A pod of a budget that never lets it go, on the one node of `general`.
async fn block(platform: &Platform) -> Result<Api<PodDisruptionBudget>> {
    let labels = json!({"app": "blocker"});
    let containers = json!([{"name": "pause", "image": "registry.k8s.io/pause:3.10"}]);
    let deployment = json!({"metadata": {"name": "blocker"}, "spec": {
        "selector": {"matchLabels": labels},
        "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
    }});
    let budget =
        json!({"metadata": {"name": "blocker"}, "spec": {"maxUnavailable": 0, "selector": {"matchLabels": labels}}});
    let deployments: Api<Deployment> = Api::namespaced(platform.cluster.client(), "dev");
    deployments.create(&PostParams::default(), &serde_json::from_value(deployment)?).await?;
    let budgets: Api<PodDisruptionBudget> = Api::namespaced(platform.cluster.client(), "dev");
    budgets.create(&PostParams::default(), &serde_json::from_value(budget)?).await?;
    for _ in 0..300 {
        if budgets.get("blocker").await?.status.is_some_and(|status| status.current_healthy == Some(1)) {
            return Ok(budgets);
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    bail!("the pod of the budget does not run")
}

#[tokio::test(flavor = "multi_thread")]
async fn a_budget_that_keeps_pods_on_their_node_is_named_before_and_after() -> Result<()> {
    let (platform, workspace) = Platform::of(Emulator::Ministack, &at_version("\"1.33\"")).await?;
    workspace.ok(&["deploy"]).await?;
    let budgets = block(&platform).await?;
    let held = "PodDisruptionBudget dev/blocker allows no disruption, and holds pod dev/blocker-";

    // Who plans the upgrade is told, and who plans nothing of that sort is not.
    ensure!(!workspace.ok(&["plan"]).await?.said().contains("DISRUPTION"));
    workspace.config(&at_version("\"1.34\""))?;
    let plan = workspace.ok(&["plan", "--format", "json"]).await?.json()?;
    let notes = plan["plan"]["notes"].as_array().context("notes")?;
    let note = notes.iter().find(|note| note["code"] == "DISRUPTION_BUDGET_BLOCKS").context("the warning")?;
    ensure!(note["detail"].as_str().is_some_and(|detail| detail.starts_with(held)), "{note:#}");
    ensure!(note["details"]["disruption_budgets"][0]["budgets"] == json!(["dev/blocker"]), "{note:#}");

    // EKS gives up on the node, and says no more than that.
    platform.aws.hold_pods_of("general", &["general-0"]).await;
    platform.aws.keep_bodies(true);
    platform.aws.pace(Pace { nodegroup_update: Wait::millis(12_000), ..Pace::default() }).await;
    let ran = workspace.run(&["deploy", "--format", "json"]).await?;
    let document = ran.json()?;
    let error = &document["error"];
    ensure!(ran.code == 2 && error["code"] == "NODE_GROUP_UPDATE_FAILED", "{}", ran.said());
    // While EKS still tries, that is told once.
    ensure!(
        ran.stderr.matches("Pods keep nodes from being replaced: the update of general").count() == 1,
        "{}",
        ran.stderr
    );
    ensure!(error["details"]["cause"] == "EKS_UPDATE_FAILED", "{error:#}");
    let message = error["message"].as_str().unwrap_or_default();
    let told = ["PodEvictionFailure: Reached max retries", "(general-0)", held, " on general-0"];
    ensure!(told.iter().all(|words| message.contains(words)), "{message}");
    ensure!(error["details"]["disruption_budgets"][0]["pods"][0]["node"] == "general-0", "{error:#}");
    ensure!(error["recovery_suggestions"][0].as_str().is_some_and(|hint| hint.contains("budget")), "{error:#}");
    let forced = |entry: &nic_tests::aws::Logged| {
        entry.body.as_ref().is_some_and(|body| String::from_utf8_lossy(body).contains("\"force\""))
    };
    ensure!(!platform.aws.log().iter().any(forced), "nobody asked for force");

    // What went well stays, and is recorded.
    let left = json!({ "cluster": "1.34", "nodes": { "general": "1.33", "user": "1.34", "worker": "1.34" } });
    ensure!(versions(&platform).await? == left, "{:#}", versions(&platform).await?);
    ensure!(workspace.records()?["aws.cluster.main"]["version"] == "1.34");
    budgets.delete("blocker", &DeleteParams::default()).await?;
    platform.aws.pace(Pace::default()).await;
    platform.aws.clear_log();
    workspace.ok(&["deploy"]).await?;
    let done: Vec<String> = platform.aws.log().into_iter().filter(|e| e.mutating).map(|e| e.action).collect();
    ensure!(done == ["UpdateNodegroupVersion"], "{done:?}");
    ensure!(versions(&platform).await? == all_at("1.34"));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_version_the_newest_is_taken_and_kept() -> Result<()> {
    let (platform, workspace) = Platform::of(Emulator::Ministack, &at_version("null")).await?;
    workspace.ok(&["deploy"]).await?;
    ensure!(versions(&platform).await? == all_at("1.34"));
    ensure!(workspace.state()?.pointer("/facts/aws/kubernetes_version") == Some(&json!("1.34")));
    // What is recorded is not asked for again.
    platform.aws.clear_log();
    workspace.ok(&["deploy"]).await?;
    let asked = |action: &str| platform.aws.log().iter().any(|entry| entry.action == action);
    ensure!(platform.aws.mutating_count() == 0 && !asked("DescribeClusterVersions"), "{:#?}", platform.aws.log());
    // It is of this platform: the next one gets the newest of its day.
    let path = workspace.stage().join("nic-state.json");
    workspace.ok(&["destroy", "--yes"]).await?;
    let fact = "\"kubernetes_version\": \"1.34\"";
    let emptied = std::fs::read_to_string(&path)?;
    ensure!(emptied.contains(fact), "{emptied}");
    std::fs::write(&path, emptied.replace(fact, "\"kubernetes_version\": \"1.33\""))?;
    workspace.ok(&["deploy"]).await?;
    ensure!(versions(&platform).await? == all_at("1.34"));
    // A state that is lost does not move a cluster that is there.
    std::fs::remove_file(workspace.stage().join("nic-state.json"))?;
    platform.aws.clear_log();
    workspace.ok(&["deploy", "--take-over"]).await?;
    ensure!(platform.aws.mutating_count() == 0, "{:#?}", platform.aws.log());
    Ok(())
}
