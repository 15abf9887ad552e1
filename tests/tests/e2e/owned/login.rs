//! Whoever may use what is there, and may not make it.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};

use super::others::DEFINITION;
use super::{config, nothing_recorded, start, workspace};

/// Whoever may do these things to namespaces, and everything to the rest of the platform.
fn may(verbs: &[&str]) -> Value {
    json!([
        { "apiGroups": [""], "resources": ["namespaces"], "verbs": verbs },
        { "apiGroups": [""], "resources": ["resourcequotas", "limitranges"], "verbs": ["*"] },
        { "apiGroups": ["scheduling.k8s.io"], "resources": ["priorityclasses"], "verbs": ["*"] },
        { "apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["*"] },
    ])
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_make_namespaces_uses_the_one_that_is_there() -> Result<()> {
    let (cluster, others) = start().await?;
    let mut workspace = workspace(&cluster, &config())?;
    workspace.write("kubeconfig", &cluster.kubeconfig_of("patches", &may(&["get", "patch"])).await?)?;
    workspace.env("KUBECONFIG", workspace.path().join("kubeconfig").display().to_string());
    // Without it the server's own words say what is not allowed.
    let refused = workspace.run(&["deploy", "--target", "existing.namespace.dev"]).await?;
    ensure!(refused.code == 2 && refused.said().contains("permissions refuse it"), "{}", refused.said());

    others.make("Namespace", "admin", json!({ "metadata": { "name": "dev", "labels": { "team": "data" } } })).await?;
    let before = others.bare(&[("Namespace", "dev")]).await?;
    workspace.ok(&["deploy"]).await?;
    let labels = others.get("Namespace", "dev").await?.context("the namespace")?["metadata"]["labels"].clone();
    ensure!(labels["team"] == "data" && labels["project"] == "my-nebari", "{labels}");
    workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(others.bare(&[("Namespace", "dev")]).await? == before, "it was left otherwise than it was");
    nothing_recorded(&workspace)?;

    // Nor change it: then it stays as it is.
    workspace.write("kubeconfig", &cluster.kubeconfig_of("looks", &may(&["get"])).await?)?;
    let deployed = workspace.ok(&["deploy"]).await?;
    ensure!(deployed.said().contains("the cluster's permissions"), "{}", deployed.said());
    let again = workspace.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(others.bare(&[("Namespace", "dev")]).await? == before && others.names(DEFINITION).await?.is_empty());
    nothing_recorded(&workspace)
}
