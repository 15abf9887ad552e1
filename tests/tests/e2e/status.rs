//! `nic status` on a real cluster: well, in use, with a node that is lost, with a namespace that goes, and out of reach.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Node, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams};
use nic_tests::aws::Emulator;
use nic_tests::configs::EXAMPLE;
use nic_tests::nic::{Ran, Workspace};
use nic_tests::platform::Platform;
use nic_tests::schemas::conforms;
use serde_json::{Value, json};

const STATE: &str = ".nebari/stages/02-infrastructure/nic-state.json";

/// Two users have logged in.
const TWO_USERS: &str = r#"
eks = client("eks")
group = dict(clusterName="my-nebari-dev", nodegroupName="user")
eks.update_nodegroup_config(**group, scalingConfig={"minSize": 0, "maxSize": 5, "desiredSize": 2})
while eks.describe_nodegroup(**group)["nodegroup"]["status"] != "ACTIVE":
    pass
show(None)
"#;

async fn status(workspace: &Workspace, more: &[&str]) -> Result<Value> {
    let arguments = [&["status", "--state", STATE, "--format", "json"], more].concat();
    let status = workspace.ok(&arguments).await?.json()?;
    conforms(&status, "status.json")?;
    Ok(status)
}

/// What is said to people fits their screen.
async fn said(workspace: &Workspace) -> Result<Ran> {
    let ran = workspace.run(&["status", "--state", STATE]).await?;
    let facts = ran.stdout.lines().filter(|line| !line.trim_start().starts_with('!'));
    ensure!(facts.into_iter().all(|line| line.chars().count() <= 80), "{}", ran.stdout);
    Ok(ran)
}

fn has_issue(status: &Value, words: &str) -> bool {
    status["issues"]
        .as_array()
        .is_some_and(|issues| issues.iter().any(|i| i.as_str().is_some_and(|i| i.contains(words))))
}

/// Sends a signal to one of the control plane's programs.
async fn signal(platform: &Platform, signal: &str, program: &str) -> Result<()> {
    let processes = platform.cluster.processes();
    let (_, pid) = processes.iter().find(|(name, _)| *name == program).with_context(|| format!("{processes:?}"))?;
    let sent = tokio::process::Command::new("kill").args([signal, &pid.to_string()]).status().await?;
    ensure!(sent.success(), "{program} is not there");
    Ok(())
}

async fn lose_a_node(platform: &Platform, name: &str) -> Result<()> {
    // Nobody says in its place that it is ready again.
    signal(platform, "-STOP", "kwok").await?;
    let condition = json!({"type": "Ready", "status": "False", "reason": "KubeletNotReady", "message": "disk is full"});
    let patch = Patch::Strategic(json!({"status": {"conditions": [condition]}}));
    let nodes: Api<Node> = Api::all(platform.cluster.client());
    nodes.patch_status(name, &PatchParams::default(), &patch).await?;
    Ok(())
}

/// How many pods of the autoscaler run.
async fn autoscalers(platform: &Platform) -> Result<i32> {
    let deployments: Api<Deployment> = Api::namespaced(platform.cluster.client(), "dev");
    let listed = deployments.list(&ListParams::default()).await?;
    let deployment = listed.items.into_iter().next().context("the autoscaler")?;
    Ok(deployment.status.and_then(|status| status.available_replicas).unwrap_or(0))
}

/// A platform whose only deployment has no pod is not well, nor is a cluster without what it needs itself: the scheduler says why, to who waits and to who looks.
async fn no_node_takes_the_autoscaler(platform: &Platform, workspace: &Workspace) -> Result<()> {
    let nodes: Api<Node> = Api::all(platform.cluster.client());
    let pods: Api<Pod> = Api::namespaced(platform.cluster.client(), "dev");
    let tainted = |taints: Value| Patch::Merge(json!({"spec": {"taints": taints}}));
    let taint = json!([{"key": "nic.example/closed", "effect": "NoSchedule"}]);
    nodes.patch("general-0", &PatchParams::default(), &tainted(taint)).await?;
    pods.delete_collection(&DeleteParams::default().grace_period(0), &ListParams::default()).await?;
    while autoscalers(platform).await? > 0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    // What the cluster itself needs is held back by the same.
    let system: Api<Pod> = Api::namespaced(platform.cluster.client(), "kube-system");
    for name in ["dns-a", "dns-b"] {
        let container = json!({"name": "dns", "image": "example.com/dns"});
        let pod = json!({"metadata": {"name": name}, "spec": {"containers": [container]}});
        system.create(&PostParams::default(), &serde_json::from_value(pod)?).await?;
    }
    let why = "no node takes its pod: 0/1 nodes are available: 1 node(s) had untolerated taint";
    let missing = [format!("0 of 1 pods are ready; {why}"), format!("Pod kube-system/dns-a and 1 more: {why}")];
    for _ in 0..2 {
        let ran = workspace.run(&["deploy", "--ready-timeout", "3s", "--format", "json"]).await?;
        let document = ran.json()?;
        conforms(&document, "error.json")?;
        ensure!(ran.code == 2 && document["error"]["code"] == "PLATFORM_NOT_READY", "{document:#}");
        let causes = document["error"]["details"]["causes"].as_array().context("causes")?;
        ensure!(causes.len() == missing.len(), "{document:#}");
        for (cause, missing) in causes.iter().zip(&missing) {
            ensure!(cause["message"].as_str().is_some_and(|words| words.contains(missing)), "{document:#}");
        }
    }
    let found = status(workspace, &[]).await?;
    ensure!(missing.iter().all(|missing| has_issue(&found, missing)), "{found:#}");
    ensure!(!said(workspace).await?.stdout.contains("Healthy."));
    nodes.patch("general-0", &PatchParams::default(), &tainted(json!([]))).await?;
    workspace.ok(&["deploy"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn status_tells_what_is_well_what_is_not_and_what_nobody_knows() -> Result<()> {
    let (platform, workspace) = Platform::of(Emulator::Moto, EXAMPLE).await?;
    workspace.ok(&["deploy"]).await?;
    no_node_takes_the_autoscaler(&platform, &workspace).await?;
    platform.aws.inspect(TWO_USERS).await?;
    platform.nodes_are_ready("user", 2).await?;
    // From the state alone.
    std::fs::rename(workspace.path().join("nebari-config.yaml"), workspace.path().join("aside.yaml"))?;

    let found = status(&workspace, &[]).await?;
    ensure!(found["healthy"] == true && found["health"] == "healthy" && found["issues"] == json!([]), "{found:#}");
    ensure!(found["cluster"]["state"] == "reachable" && found["cluster"]["name"] == "my-nebari-dev", "{found:#}");
    ensure!(found["cluster"]["version"].as_str().is_some_and(|version| version.starts_with("v1.")), "{found:#}");
    ensure!(found["nodes"]["groups"]["user"] == json!({"ready": 2, "total": 2}), "{found:#}");
    ensure!(found["namespaces"][0]["name"] == "dev" && found["namespaces"][0]["state"] == "active", "{found:#}");
    // Three more that changed nothing, of which two left the platform as unready as they found it.
    ensure!(found["resources"]["present"] == found["resource_count"] && found["deploy_count"] == 4, "{found:#}");
    ensure!(found["drift"]["has_drift"] == false && found["drift"]["looked_for_unrecorded"] == false, "{found:#}");
    let found = status(&workspace, &["--drift"]).await?;
    ensure!(found["drift"]["has_drift"] == false && found["drift"]["looked_for_unrecorded"] == true, "{found:#}");
    let text = said(&workspace).await?.stdout;
    ensure!(text.contains("3 of 3 ready: general 1 of 1, user 2 of 2") && text.ends_with("Healthy.\n"), "{text}");

    // Somebody works on it: told, and no reason to wait.
    let path = workspace.path().join(STATE);
    let lock = nic::backend::lock(&nic::backend::StateLocation::from(&path), "drift fix", Duration::ZERO).await?;
    let found = status(&workspace, &[]).await?;
    ensure!(found["lock"]["operation"] == "drift fix" && found["lock"]["pid"] == std::process::id(), "{found:#}");
    ensure!(found["healthy"] == true, "{found:#}");
    ensure!(said(&workspace).await?.stdout.contains("for `nic drift fix` since"));
    drop(lock);
    ensure!(status(&workspace, &[]).await?["lock"].is_null());

    lose_a_node(&platform, "user-0").await?;
    let found = status(&workspace, &[]).await?;
    ensure!(found["healthy"] == false && found["health"] == "unhealthy", "{found:#}");
    ensure!(found["nodes"]["groups"]["user"] == json!({"ready": 1, "total": 2}), "{found:#}");
    ensure!(has_issue(&found, "node user-0 of group user is not ready: KubeletNotReady: disk is full"), "{found:#}");
    // No group has to have it: a deploy does not wait for it.
    workspace.ok(&["deploy", "-f", "aside.yaml", "--state", STATE]).await?;
    signal(&platform, "-CONT", "kwok").await?;

    let namespaces: Api<Namespace> = Api::all(platform.cluster.client());
    let held = |finalizers: Value| Patch::Merge(json!({"metadata": {"finalizers": finalizers}}));
    namespaces.patch("dev", &PatchParams::default(), &held(json!(["nic.example/hold"]))).await?;
    namespaces.delete("dev", &DeleteParams::default()).await?;
    let found = status(&workspace, &[]).await?;
    ensure!(found["namespaces"][0]["state"] == "terminating" && found["health"] == "unhealthy", "{found:#}");
    ensure!(has_issue(&found, "the namespace dev is being deleted"), "{found:#}");
    namespaces.patch("dev", &PatchParams::default(), &held(json!([]))).await?;
    while namespaces.get_opt("dev").await?.is_some() {
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    let found = status(&workspace, &[]).await?;
    ensure!(found["namespaces"][0]["state"] == "missing" && found["drift"]["has_drift"] == true, "{found:#}");
    ensure!(has_issue(&found, "the namespace dev is recorded, and the cluster does not have it"), "{found:#}");

    // Out of reach is neither well nor unwell.
    signal(&platform, "-KILL", "kube-apiserver").await?;
    let found = status(&workspace, &[]).await?;
    ensure!(found["healthy"] == false && found["health"] == "unknown", "{found:#}");
    let ran = workspace.run(&["status", "--state", STATE, "--detailed-exitcode"]).await?;
    ensure!(ran.code == 2 && !ran.said().contains("STATUS_UNKNOWN"), "{} {}", ran.code, ran.said());
    ensure!(found["cluster"]["state"] == "unreachable" && found["nodes"].is_null(), "{found:#}");
    ensure!(found["cluster"]["code"] == "CLUSTER_UNREACHABLE", "{found:#}");
    ensure!(found["namespaces"][0]["state"] == "unknown" && found["drift"]["has_drift"].is_null(), "{found:#}");
    ensure!(found["issues"].as_array().is_some_and(|issues| issues.len() == 1), "{found:#}");
    ensure!(said(&workspace).await?.stdout.ends_with("Nobody can say: not everything could be asked.\n"));

    // Nothing at all could be asked: no answer.
    let mut blind = workspace;
    blind.env("AWS_SECRET_ACCESS_KEY", "not-the-key");
    let ran = blind.run(&["status", "--state", STATE, "--format", "json"]).await?;
    let found = ran.json()?;
    conforms(&found, "status.json")?;
    ensure!(ran.code == 2 && found["error"]["code"] == "STATUS_UNKNOWN" && found["healthy"] == false, "{found:#}");
    Ok(())
}
