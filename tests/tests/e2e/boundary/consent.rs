//! A provider that did not come with NIC asks before it does what nobody agreed to.

use anyhow::{Result, ensure};
use nic_tests::things::{scripted, with_manifest};
use serde_json::json;

use super::site::Site;

const MANIFEST: &str = include_str!("../../../components/scripted/manifest.json");

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_are_asked_about_once() -> Result<()> {
    let site = Site::new("consent-bytes")?;
    let section = |value: &str| json!({ "resources": [{ "name": "one", "value": value }] });
    site.config(section("a"))?;
    site.workspace.ok(&["deploy"]).await?;

    // Another version of it, granted as the first.
    let newer = with_manifest(&scripted()?, MANIFEST, |manifest| manifest["hint"] = json!("another one"))?;
    site.replace_component(&newer)?;
    site.workspace.ok(&["deploy"]).await?;
    site.config(section("b"))?;
    let ran = site.refused(&["deploy"], 1, "CONFIRMATION_NEEDED").await?;
    ensure!(ran.said().contains("it is another one than at the last deploy"), "{}", ran.said());
    ensure!(site.things.all()?[0]["value"] == "a");
    site.workspace.ok(&["deploy", "--yes"]).await?;
    site.config(section("c"))?;
    site.workspace.ok(&["deploy"]).await?;
    ensure!(site.things.all()?[0]["value"] == "c");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_reaches_far_is_asked_about() -> Result<()> {
    let site = Site::new("consent-objects")?;
    let object = |api_version: &str, kind: &str, metadata| json!({ "objects": { "one": { "apiVersion": api_version, "kind": kind, "metadata": metadata } } });
    let rbac = "rbac.authorization.k8s.io/v1";
    for (section, words) in [
        (
            object(rbac, "RoleBinding", json!({ "name": "me", "namespace": "dev" })),
            "makes RoleBinding `me`, which says who may do what",
        ),
        (object(rbac, "ClusterRole", json!({ "name": "all" })), "makes ClusterRole `all`, which says who may do what"),
        (object("v1", "Namespace", json!({ "name": "mine" })), "makes Namespace `mine`, which is of the whole cluster"),
    ] {
        site.config(section)?;
        let ran = site.refused(&["deploy"], 1, "CONFIRMATION_NEEDED").await?;
        ensure!(ran.said().contains(words), "{}", ran.said());
        ensure!(site.state_bytes().is_none());
    }
    site.config(object("v1", "ConfigMap", json!({ "name": "mine", "namespace": "dev" })))?;
    let ran = site.nic(&["deploy"]).await?;
    ensure!(ran.code == 2 && ran.said().contains("CLUSTER_NOT_READY"), "{}", ran.said());
    Ok(())
}
