//! A component that is granted it reads on the cluster that it names itself, through `nic` and on a real API server.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions, NodeOptions};
use nic_tests::nic::Workspace;

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

/// The scripted component, with another list of kinds in its manifest: of the same length, because it stands in the middle of a
/// binary.
fn with_kinds(kinds: &str) -> Result<Vec<u8>> {
    let directory = std::env::var_os("NIC_COMPONENTS_DIR").map(PathBuf::from).context("NIC_COMPONENTS_DIR")?;
    let mut bytes = std::fs::read(directory.join("scripted.wasm")).context("the component `scripted`")?;
    let after = |from: usize, text: &[u8]| {
        let found = bytes[from..].windows(text.len()).position(|window| window == text);
        found.map(|at| from + at + text.len()).with_context(|| format!("no {}", String::from_utf8_lossy(text)))
    };
    let start = after(after(0, b"nic:manifest{")?, b"\"kinds\": [")?;
    let length = bytes[start..].iter().position(|b| *b == b']').context("the list ends")?;
    let padded = format!("{kinds:length$}");
    ensure!(padded.len() == length, "`{kinds}` does not fit into {length} bytes");
    bytes[start..start + length].copy_from_slice(padded.as_bytes());
    Ok(bytes)
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
    std::fs::write(components.join("scripted.wasm"), with_kinds("\"v1/Pod\"")?)?;
    let ran = workspace.run(&["deploy"]).await?;
    ensure!(ran.code == 2 && ran.said().contains("KIND_NOT_GRANTED"), "{} {}", ran.code, ran.said());

    std::fs::write(components.join("scripted.wasm"), with_kinds("\"v1/Node\"")?)?;
    // One place for instances: where its cluster is, is asked while the component holds it.
    let tap = workspace.path().join("tap").display().to_string();
    workspace.env("NIC_TAP", tap);
    workspace.ok(&["deploy", "--parallelism", "1"]).await?;
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
