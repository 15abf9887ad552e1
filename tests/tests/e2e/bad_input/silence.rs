//! What is as it should be is not talked about.

use anyhow::{Result, ensure};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use nic_tests::configs::EXISTING;
use nic_tests::namespaces::NamespaceServer;
use nic_tests::nic::Workspace;
use serde_json::json;

/// `existing` marks nothing that could be looked for beyond what is recorded.
#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_does_not_look_further_is_no_warning() -> Result<()> {
    let cluster = NamespaceServer::start(None).await?;
    let mut workspace = Workspace::new()?;
    workspace.config(&EXISTING.replace("nic-test", "mine"))?;
    let authority = STANDARD.encode(cluster.ca_pem());
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "mine",
        "clusters": [{ "name": "mine", "cluster": { "server": cluster.endpoint(), "certificate-authority-data": authority } }],
        "contexts": [{ "name": "mine", "context": { "cluster": "mine", "user": "me" } }],
        "users": [{ "name": "me", "user": { "token": "t" } }],
    });
    workspace.write("kubeconfig", &kubeconfig.to_string())?;
    workspace.env("KUBECONFIG", "kubeconfig").env("NIC_PACE", "0.02");
    workspace.ok(&["deploy"]).await?;
    for arguments in [&["drift", "detect"][..], &["status", "--drift"], &["destroy", "--yes"]] {
        let ran = workspace.run(arguments).await?;
        ensure!(
            !ran.said().contains("NOT_IMPLEMENTED") && !ran.stderr.contains("warning["),
            "{arguments:?}: {}",
            ran.said()
        );
        ensure!(ran.code == 0, "{arguments:?}: {}", ran.said());
    }
    Ok(())
}
