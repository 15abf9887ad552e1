//! A component that is granted it reads on the cluster that it names itself, through `nic` and on a real API server.

use std::path::Path;

use anyhow::{Result, ensure};
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions, NodeOptions};
use nic_tests::nic::Workspace;
use nic_tests::things::{place, scripted};
use serde_json::{Value, json};

const CONFIG: &str = "\
project_name: reads
provider: scripted
scripted:
  endpoint: http://127.0.0.1:7070
  cluster: {kind: kubeconfig, parameters: {context: nic-test}}
  objects:
    here: {apiVersion: v1, kind: Namespace, metadata: {name: here}}
  in:
    preflight: {do: deny, how: other-kind}
";

/// The scripted component, granted to read objects of this kind.
fn granted(components: &Path, kind: &str) -> Result<()> {
    let mut manifest: Value = serde_json::from_str(include_str!("../../components/scripted/manifest.json"))?;
    let reads = manifest["grants"].as_array_mut().into_iter().flatten();
    reads.filter(|grant| grant["capability"] == "kubernetes").for_each(|grant| grant["kinds"] = json!([kind]));
    place(components, &scripted()?, &manifest)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_reads_what_it_is_granted_on_its_own_cluster() -> Result<()> {
    let node = NodeOptions { name: "node-1".to_owned(), ..NodeOptions::default() };
    let options = ControlPlaneOptions { nodes: vec![node], ..ControlPlaneOptions::default() };
    let cluster = ControlPlane::start(options).await?;
    let mut workspace = Workspace::new()?;
    workspace.config(CONFIG)?;
    let components = workspace.path().join("components");
    std::fs::create_dir(&components)?;
    workspace
        .env("KUBECONFIG", cluster.kubeconfig().display().to_string())
        .env("NIC_COMPONENTS_DIR", components.display().to_string());

    // Another kind is granted: the list of nodes is refused, and with it the deploy.
    granted(&components, "v1/Pod")?;
    let ran = workspace.run(&["deploy"]).await?;
    ensure!(ran.code == 2 && ran.said().contains("KIND_NOT_GRANTED"), "{} {}", ran.code, ran.said());

    granted(&components, "v1/Node")?;
    // One place for instances: where its cluster is, is asked while the component holds it.
    let tap = workspace.path().join("tap").display().to_string();
    workspace.env("NIC_TAP", tap);
    workspace.ok(&["deploy", "--yes", "--parallelism", "1"]).await?;
    let tap = workspace.read("tap")?;
    ensure!(
        tap.contains("\"name\":\"node-1\"") && !tap.contains("managedFields"),
        "the component was not shown the node"
    );

    // Without a cluster there is nothing to read.
    let nowhere = CONFIG.replace("  cluster: {kind: kubeconfig, parameters: {context: nic-test}}\n", "");
    let mut elsewhere = Workspace::new()?;
    elsewhere.config(&nowhere)?;
    elsewhere.env("NIC_COMPONENTS_DIR", components.display().to_string());
    let ran = elsewhere.run(&["deploy"]).await?;
    ensure!(ran.code == 2 && ran.said().contains("CLUSTER_NOT_READY"), "{} {}", ran.code, ran.said());
    Ok(())
}
