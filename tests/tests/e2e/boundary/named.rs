//! Which Kubernetes object a provider means, on a real control plane: what is recorded is not lost, whatever is declared by now.

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api;
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use serde_json::{Value, json};

use super::site::Site;

const CONTEXT: &str = "test";

/// A site whose platform is a cluster, with one config map.
async fn with_cluster(name: &'static str) -> Result<(Site, ControlPlane)> {
    let options = ControlPlaneOptions { context: CONTEXT.to_owned(), ..ControlPlaneOptions::default() };
    let cluster = ControlPlane::start(options).await?;
    let mut site = Site::new(name)?;
    site.workspace.env("KUBECONFIG", cluster.kubeconfig().display().to_string());
    Ok((site, cluster))
}

fn declared(metadata: &Value) -> Value {
    let object = json!({ "apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": { "a": "1" } });
    json!({ "objects": { "one": object }, "cluster": { "kind": "kubeconfig", "parameters": { "context": CONTEXT } } })
}

/// Which of these config maps are there.
async fn there(cluster: &ControlPlane, names: &[&'static str]) -> Result<Vec<&'static str>> {
    let api: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    let mut found = Vec::new();
    for name in names {
        if api.get_opt(name).await?.is_some() {
            found.push(*name);
        }
    }
    Ok(found)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_is_renamed_at_its_address_takes_the_place_of_the_old_one() -> Result<()> {
    let (site, cluster) = with_cluster("named-renamed").await?;
    let both = ["old", "new"];
    for name in both {
        site.config(declared(&json!({ "name": name, "namespace": "default" })))?;
        site.workspace.ok(&["deploy", "--yes"]).await?;
        ensure!(there(&cluster, &both).await? == [name], "{:?}", there(&cluster, &both).await?);
        site.workspace.ok(&["plan", "--detailed-exitcode"]).await?;
    }
    site.workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(there(&cluster, &both).await?.is_empty());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_object_that_an_older_version_recorded_without_a_namespace_is_destroyed() -> Result<()> {
    let (site, cluster) = with_cluster("named-bare").await?;
    // What is recorded nowhere is refused.
    site.config(declared(&json!({ "name": "a" })))?;
    let ran = site.nic(&["plan"]).await?;
    ensure!(ran.code == 2 && ran.said().contains("OBJECT_SCOPE_WRONG"), "{}", ran.said());

    site.config(declared(&json!({ "name": "a", "namespace": "default" })))?;
    site.workspace.ok(&["deploy", "--yes"]).await?;
    let mut state = site.workspace.state()?;
    let mut placed = state["kubernetes"].as_object_mut().into_iter().flat_map(|places| places.values_mut());
    let record = placed.find_map(|place| place.get_mut(0)).context("the record")?;
    ensure!(record["_nic"]["remote_id"] == "ConfigMap.v1/default/a", "{record:#}");
    record["_nic"]["remote_id"] = "ConfigMap.v1/a".into();
    record["_nic"]["baseline"]["metadata"] = json!({ "name": "a" });
    std::fs::write(site.workspace.stage().join("nic-state.json"), format!("{state:#}\n")).context("write the state")?;

    site.config(declared(&json!({ "name": "a" })))?;
    site.workspace.ok(&["plan", "--detailed-exitcode"]).await?;
    site.workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(there(&cluster, &["a"]).await?.is_empty() && site.records()?.is_empty());
    Ok(())
}
