//! A provider that did not come with NIC asks before it does what nobody agreed to.

use anyhow::{Result, ensure};
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use nic_tests::things::{scripted, with_manifest};
use serde_json::{Value, json};

use super::site::Site;

const MANIFEST: &str = include_str!("../../../components/scripted/manifest.json");

/// Another version of it, granted as the first.
fn newer() -> Result<Vec<u8>> {
    with_manifest(&scripted()?, MANIFEST, |manifest| manifest["hint"] = json!("another one"))
}

/// What a plan shows that there is to agree to.
fn reasons(plan: &Value) -> Vec<String> {
    let notes = plan["notes"].as_array().into_iter().flatten().filter(|note| note["code"] == "PROVIDER_REACHES_FAR");
    let reasons = notes.filter_map(|note| note["details"]["reasons"].as_array()).flatten();
    reasons.filter_map(Value::as_str).map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn other_bytes_are_asked_about_once() -> Result<()> {
    let site = Site::new("consent-bytes")?;
    let section = |value: &str| json!({ "resources": [{ "name": "one", "value": value }] });
    site.config(section("a"))?;
    site.workspace.ok(&["deploy"]).await?;

    site.replace_component(&newer()?)?;
    site.workspace.ok(&["deploy"]).await?;
    site.config(section("b"))?;
    let plan = site.nic(&["plan"]).await?.json()?["plan"].clone();
    ensure!(reasons(&plan).iter().any(|reason| reason.contains("it is another one")), "{plan:#}");
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

#[tokio::test(flavor = "multi_thread")]
async fn a_kind_that_may_make_identities_is_asked_about_however_it_runs() -> Result<()> {
    let site = Site::granted("consent-identities", |manifest| {
        for grant in manifest["grants"].as_array_mut().into_iter().flatten() {
            match grant["capability"].as_str() {
                Some("kinds") => grant["kinds"]["scripted.named"].as_array_mut().into_iter().for_each(|actions| {
                    actions.push(json!("eks:Create*"));
                }),
                Some("cloud-http") => grant["services"] = json!(["ec2", "eks"]),
                _ => {}
            }
        }
    })?;
    let asked = async |words: &str| {
        let ran = site.refused(&["deploy"], 1, "CONFIRMATION_NEEDED").await?;
        ensure!(ran.said().contains(words), "{}", ran.said());
        let plan = site.workspace.ok(&["plan"]).await?;
        ensure!(plan.said().contains("[PROVIDER_REACHES_FAR]"), "{}", plan.said());
        site.workspace.ok(&["deploy", "--yes"]).await
    };
    let thing = json!({ "name": "a" });
    site.config(json!({ "resources": [thing] }))?;
    site.workspace.ok(&["deploy"]).await?;
    site.config(json!({ "resources": [thing, { "name": "b", "kind": "named" }] }))?;
    asked("makes `scripted.named.b`, a kind that may use `eks:Create*`").await?;
    // Nothing is to change, and yet it runs: what it refers to may be something else when its turn comes.
    site.config(json!({ "resources": [thing, { "name": "b", "kind": "named", "depends_on": ["a"] }] }))?;
    asked("may change `scripted.named.b`").await?;
    site.workspace.ok(&["deploy"]).await?;
    site.config(json!({ "resources": [thing] }))?;
    asked("deletes `scripted.named.b`").await?;
    ensure!(site.things.all()?.len() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_saved_plan_shows_what_it_agrees_to() -> Result<()> {
    let site = Site::new("consent-saved")?;
    let section = |value: &str| json!({ "resources": [{ "name": "one", "value": value }] });
    site.config(section("a"))?;
    site.workspace.ok(&["deploy"]).await?;
    site.replace_component(&newer()?)?;
    site.config(section("b"))?;
    let told = site.workspace.ok(&["plan", "--out", "saved.json"]).await?;
    ensure!(told.said().contains("it is another one than at the last deploy"), "{}", told.said());
    let saved: Value = serde_json::from_str(&std::fs::read_to_string(site.workspace.path().join("saved.json"))?)?;
    ensure!(reasons(&saved["plan"]).len() == 1, "{saved:#}");
    let done = site.workspace.ok(&["deploy", "--plan", "saved.json"]).await?;
    ensure!(done.said().contains("it is another one than at the last deploy"), "{}", done.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_nobody_agreed_to_is_not_taken_for_agreed_by_what_it_stamped() -> Result<()> {
    let site = Site::new("consent-stamped")?;
    let section = |more: Value| json!({ "resources": [{ "name": "a" }, more] });
    site.config(section(json!({ "name": "b" })))?;
    site.workspace.ok(&["deploy"]).await?;
    site.replace_component(&newer()?)?;
    // Its record is written by the other one, though nothing is to change.
    site.config(section(json!({ "name": "b", "depends_on": ["a"] })))?;
    site.refused(&["deploy"], 1, "CONFIRMATION_NEEDED").await?;
    site.config(section(json!({ "name": "b", "value": 1 })))?;
    site.refused(&["deploy"], 1, "CONFIRMATION_NEEDED").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn who_declares_objects_is_no_other_one_for_that() -> Result<()> {
    let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let mut site = Site::new("consent-same")?;
    site.workspace.env("KUBECONFIG", cluster.kubeconfig().display().to_string());
    let object = |api_version: &str, kind: &str, name: &str, data: Value| {
        let metadata = json!({ "name": name, "namespace": "default" });
        json!({
            "cluster": { "kind": "kubeconfig", "parameters": {} },
            "objects": { "one": { "apiVersion": api_version, "kind": kind, "metadata": metadata, "data": data } },
        })
    };
    for value in ["a", "b"] {
        site.config(object("v1", "ConfigMap", "mine", json!({ "key": value })))?;
        site.workspace.ok(&["deploy", "--no-wait"]).await?;
    }
    // What an object is stands there whole, and its name writes no line of the question.
    let rbac = json!({ "$join": ["rbac.authorization.k8s.io", "/v1"] });
    let mut joined = object("v1", "RoleBinding", "mine", json!({}));
    joined["objects"]["one"]["apiVersion"] = rbac;
    for section in [joined, object("v1", "ConfigMap", "mine\u{1b}[2K\n", json!({}))] {
        site.config(section)?;
        let ran = site.refused(&["deploy"], 2, "OBJECT_NOT_GRANTED").await?;
        ensure!(ran.said().contains("does not say plainly what it is"), "{}", ran.said());
    }
    Ok(())
}
