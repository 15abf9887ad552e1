//! A deploy ends with what is there, not with what was sent: nodes, add-ons and workloads are waited for, and what is missing is told. What a
//! real scheduler says of pods of the platform itself is in `status.rs`.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nic_tests::aws::{Emulator, depth};
use nic_tests::configs::CLASSIC;
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions, NodeOptions};
use nic_tests::nic::{Workspace, unwrapped};
use nic_tests::platform::{PACE, Site};
use nic_tests::schemas::conforms;
use nic_tests::things::use_scripted;
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt, BufReader, Lines};
use tokio::process::{Child, ChildStdout};

/// What is missing while there is no node.
const MISSING: [&str; 3] = [
    "no node: general has 0, user has 0",
    "Add-on coredns is DEGRADED: InsufficientNumberOfReplicas",
    "Deployment dev/cluster-autoscaler-aws-cluster-autoscaler: 0 of 1 pods are ready",
];

/// `general`, the only group without taints, keeps so many nodes: it may shrink to nothing.
fn with_minimum(nodes: u32) -> String {
    CLASSIC.replace("min_nodes: 1, max_nodes: 1", &format!("min_nodes: {nodes}, max_nodes: 3"))
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

async fn health(workspace: &Workspace) -> Result<(i32, Value)> {
    let ran = workspace.run(&["status", "--detailed-exitcode", "--format", "json"]).await?;
    let status = ran.json()?;
    conforms(&status, "status.json")?;
    Ok((ran.code, status))
}

/// A deploy that is followed while it goes.
struct Followed {
    child: Child,
    events: Lines<BufReader<ChildStdout>>,
}

impl Followed {
    fn start(workspace: &Workspace) -> Result<Self> {
        let mut child = workspace.command(&["deploy", "--events"])?.stderr(Stdio::null()).spawn()?;
        let stdout = child.stdout.take().context("stdout")?;
        Ok(Self { child, events: BufReader::new(stdout).lines() })
    }

    /// The next event of this name.
    async fn until(&mut self, name: &str) -> Result<Value> {
        let found = async {
            while let Some(line) = self.events.next_line().await? {
                let event: Value = serde_json::from_str(&line)?;
                conforms(&event, "event.json")?;
                if event["event"] == name {
                    return Ok(event);
                }
            }
            bail!("it ended without `{name}`")
        };
        tokio::time::timeout(Duration::from_mins(2), found).await.with_context(|| format!("no `{name}`"))?
    }

    /// The document that it ends with, and its exit code.
    async fn end(mut self) -> Result<(Option<i32>, Value)> {
        let document = self.until("result").await?["document"].take();
        Ok((self.child.wait().await?.code(), document))
    }
}

/// A stateful set for nodes that there are none of, and a daemon set for larger nodes than there are.
const WORKLOADS: &str = "\
project_name: my-nebari
provider: scripted
scripted:
  endpoint: http://127.0.0.1:7070
  cluster: {kind: kubeconfig, parameters: {context: nic-test}}
  objects:
    store:
      apiVersion: apps/v1
      kind: StatefulSet
      metadata: {name: store, namespace: default}
      spec:
        serviceName: store
        selector: {matchLabels: {app: store}}
        template:
          metadata: {labels: {app: store}}
          spec: {nodeSelector: {disk: ssd}, containers: [{name: store, image: example.com/store}]}
    agent:
      apiVersion: apps/v1
      kind: DaemonSet
      metadata: {name: agent, namespace: default}
      spec:
        selector: {matchLabels: {app: agent}}
        template:
          metadata: {labels: {app: agent}}
          spec: {containers: [{name: agent, image: example.com/agent, resources: {requests: {cpu: 64}}}]}
";

/// On a real scheduler: what it says is the cause.
#[tokio::test(flavor = "multi_thread")]
async fn workloads_that_no_node_takes_are_a_line_each() -> Result<()> {
    let node = NodeOptions { name: "node-1".to_owned(), ..NodeOptions::default() };
    let cluster =
        ControlPlane::start(ControlPlaneOptions { nodes: vec![node], ..ControlPlaneOptions::default() }).await?;
    let mut workspace = Workspace::new()?;
    workspace.config(WORKLOADS)?;
    use_scripted(&mut workspace)?;
    workspace.env("KUBECONFIG", cluster.kubeconfig().display().to_string()).env("NIC_PACE", PACE.to_string());
    let ran = workspace.run(&["deploy", "--ready-timeout", "3s", "--format", "json"]).await?;
    let document = ran.json()?;
    conforms(&document, "error.json")?;
    ensure!(ran.code == 2 && document["error"]["code"] == "PLATFORM_NOT_READY", "{}", ran.said());
    let causes = document["error"]["details"]["causes"].as_array().context("causes")?;
    let told = |address: &str, words: &str| {
        let of_it = |cause: &&Value| cause["address"] == address;
        causes.iter().find(of_it).is_some_and(|cause| cause["message"].as_str().is_some_and(|m| m.starts_with(words)))
    };
    let stuck = "0 of 1 pods are ready; no node takes its pod: 0/1 nodes are available:";
    ensure!(causes.len() == 2, "{document:#}");
    for (address, name, why) in [
        ("scripted.object.store", "StatefulSet default/store", "1 node(s) didn't match Pod's node affinity/selector"),
        ("scripted.object.agent", "DaemonSet default/agent", "1 Insufficient cpu"),
    ] {
        ensure!(told(address, &format!("{name}: {stuck} {why}")), "{name}: {document:#}");
    }

    // A node for the one, and less for the other: on both nodes.
    cluster.add_node("node-2", &[("disk".to_owned(), "ssd".to_owned())].into(), &[]).await?;
    workspace.config(&WORKLOADS.replace("cpu: 64", "cpu: 1"))?;
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Done. (1 change)"), "{}", ran.said());
    workspace.ok(&["destroy", "--yes"]).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_platform_without_a_node_is_not_ready_until_it_has_one() -> Result<()> {
    let site = Site::start(Emulator::Ministack, 1).await?;
    let workspace = site.workspace(&with_minimum(0))?;
    let ran = workspace.ok(&["validate"]).await?;
    ensure!(ran.said().contains("NO_NODE_AT_FIRST") && ran.said().contains("min_nodes: 1"), "{}", ran.said());

    // Everything is made and left for later stages, and the deploy does not end well.
    let ran = workspace.run(&["deploy", "--ready-timeout", "1s"]).await?;
    let said = unwrapped(&ran.said());
    ensure!(ran.code == 2 && said.contains("error[PLATFORM_NOT_READY]"), "{} {}", ran.code, ran.said());
    ensure!(MISSING.iter().all(|missing| said.contains(missing)), "{}", ran.said());
    ensure!(said.contains("changes are done and recorded; not ready after 1") && !said.contains("Done."), "{said}");
    ensure!(said.matches("error[").count() == 1, "{said}");
    let state = workspace.state()?;
    ensure!(state["metadata"]["deploy_count"] == 1 && state["metadata"]["last_successful_deploy"].is_string());
    for file in ["outputs.json", "kubeconfig"] {
        ensure!(workspace.stage().join(file).exists(), "no {file}");
    }

    // Nothing to do is not the same as well.
    site.aws.clear_log();
    let ran = workspace.run(&["deploy", "--ready-timeout", "0s", "--format", "json"]).await?;
    let document = ran.json()?;
    conforms(&document, "error.json")?;
    ensure!(ran.code == 2 && document["error"]["code"] == "PLATFORM_NOT_READY" && site.changes().is_empty());
    let causes = document["error"]["details"]["causes"].as_array().context("causes")?;
    let about = |address: &str| causes.iter().any(|cause| cause["address"] == address);
    ensure!(about("aws.eks-addon.coredns") && causes[0]["message"] == MISSING[0], "{document:#}");
    let (code, status) = health(&workspace).await?;
    ensure!(code == 3 && status["health"] == "unhealthy", "{code} {status:#}");
    let issues = texts(&status["issues"]);
    ensure!(MISSING.iter().all(|missing| issues.iter().any(|issue| issue.starts_with(missing))), "{issues:#?}");
    let ran = workspace.ok(&["status"]).await?;
    ensure!(ran.stdout.ends_with("Not healthy.\n"), "{}", ran.stdout);

    // Who does not want to wait is told, and who asks for a part is answered for that part.
    let ran = workspace.ok(&["deploy", "--no-wait", "--format", "json"]).await?;
    let document = ran.json()?;
    conforms(&document, "deploy.json")?;
    ensure!(document["health"] == "unhealthy" && texts(&document["issues"])[0] == MISSING[0], "{document:#}");
    ensure!(ran.stderr.contains("PLATFORM_NOT_READY"), "{}", ran.stderr);
    workspace.ok(&["deploy", "--target", "aws.vpc.main"]).await?;

    // The wait can be ended.
    let mut followed = Followed::start(&workspace)?;
    let event = followed.until("not-ready").await?;
    ensure!(texts(&event["causes"])[0] == MISSING[0], "{event:#}");
    let pid = followed.child.id().context("its id")?.to_string();
    ensure!(tokio::process::Command::new("kill").args(["-INT", &pid]).status().await?.success());
    let (code, document) = followed.end().await?;
    ensure!(code == Some(130) && document["error"]["code"] == "INTERRUPTED", "{code:?} {document:#}");

    // With a node everything starts.
    workspace.config(&with_minimum(1))?;
    let ran = workspace.ok(&["deploy"]).await?;
    ensure!(ran.stdout.contains("Done. (1 change)"), "{}", ran.said());
    let (code, status) = health(&workspace).await?;
    ensure!(code == 0 && status["health"] == "healthy" && status["issues"] == json!([]), "{code} {status:#}");

    // That all is well is known from what is read anyway.
    site.aws.faults().latency(Duration::from_secs(2));
    site.aws.clear_log();
    workspace.ok(&["deploy"]).await?;
    site.aws.faults().clear();
    ensure!(depth(&site.aws.log()) == 1, "{:#?}", site.aws.log());

    // Two nodes are wanted, and the cloud has one for now.
    workspace.config(&with_minimum(2))?;
    site.aws.has_machines_for("general", Some(1)).await;
    let mut followed = Followed::start(&workspace)?;
    let event = followed.until("not-ready").await?;
    ensure!(event["causes"] == json!(["1 of at least 2 nodes of general are ready"]), "{event:#}");
    let (code, status) = health(&workspace).await?;
    ensure!(code == 3 && texts(&status["issues"]) == ["1 of at least 2 nodes of general are ready"], "{status:#}");
    site.aws.has_machines_for("general", None).await;
    followed.until("ready").await?;
    let (code, document) = followed.end().await?;
    ensure!(code == Some(0) && document["health"] == "healthy" && document["issues"] == json!([]), "{document:#}");
    site.assert_settled(&workspace).await?;
    site.destroy(&workspace).await
}
