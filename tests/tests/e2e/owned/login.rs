//! Whoever may use what is there, and may not make it.

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding};
use kube::api::{Api, PostParams};
use nic_tests::control_plane::ControlPlane;
use serde_json::json;

use super::others::DEFINITION;
use super::{CONFIG, nothing_recorded, start, workspace};

/// A kubeconfig of an account that may do these things to namespaces, and everything to the rest of the platform.
async fn kubeconfig(cluster: &ControlPlane, account: &str, verbs: &[&str]) -> Result<String> {
    let (client, how) = (cluster.client(), PostParams::default());
    let accounts: Api<ServiceAccount> = Api::namespaced(client.clone(), "default");
    accounts.create(&how, &serde_json::from_value(json!({ "metadata": { "name": account } }))?).await?;
    let roles: Api<ClusterRole> = Api::all(client.clone());
    let role = json!({ "metadata": { "name": account }, "rules": [
        { "apiGroups": [""], "resources": ["namespaces"], "verbs": verbs },
        { "apiGroups": [""], "resources": ["resourcequotas", "limitranges"], "verbs": ["*"] },
        { "apiGroups": ["scheduling.k8s.io"], "resources": ["priorityclasses"], "verbs": ["*"] },
        { "apiGroups": ["apiextensions.k8s.io"], "resources": ["customresourcedefinitions"], "verbs": ["*"] },
    ] });
    roles.create(&how, &serde_json::from_value(role)?).await?;
    let bindings: Api<ClusterRoleBinding> = Api::all(client);
    let binding = json!({
        "metadata": { "name": account },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": account },
        "subjects": [{ "kind": "ServiceAccount", "name": account, "namespace": "default" }],
    });
    bindings.create(&how, &serde_json::from_value(binding)?).await?;
    let request = TokenRequest { spec: Some(TokenRequestSpec::default()), ..TokenRequest::default() };
    let answer = accounts.create_token_request(account, &how, &request).await?;
    let token = answer.status.context("a token")?.token;
    Ok(json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nic-test",
        "clusters": [{ "name": "c", "cluster": {
            "server": cluster.server(), "certificate-authority-data": BASE64_STANDARD.encode(cluster.ca_pem()),
        } }],
        "contexts": [{ "name": "nic-test", "context": { "cluster": "c", "user": "u" } }],
        "users": [{ "name": "u", "user": { "token": token } }],
    })
    .to_string())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_make_namespaces_uses_the_one_that_is_there() -> Result<()> {
    let (cluster, others) = start().await?;
    let mut workspace = workspace(&cluster, CONFIG)?;
    workspace.write("kubeconfig", &kubeconfig(&cluster, "patches", &["get", "patch"]).await?)?;
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
    workspace.write("kubeconfig", &kubeconfig(&cluster, "looks", &["get"]).await?)?;
    let deployed = workspace.ok(&["deploy"]).await?;
    ensure!(deployed.said().contains("the cluster's permissions"), "{}", deployed.said());
    let again = workspace.ok(&["deploy"]).await?;
    ensure!(again.stdout.contains("Done. (0 changes)"), "{}", again.said());
    workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(others.bare(&[("Namespace", "dev")]).await? == before && others.names(DEFINITION).await?.is_empty());
    nothing_recorded(&workspace)
}
