//! What nobody granted is refused by its name, whatever the component tries and however it got there.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use nic_tests::nic::{Ran, Workspace};
use nic_tests::schemas::conforms;
use nic_tests::things::{place, scripted, with_manifest};
use serde_json::{Value, json};

use super::site::{Site, failures};

const MANIFEST: &str = include_str!("../../../components/scripted/manifest.json");

/// The grants of one capability.
fn of<'a>(manifest: &'a mut Value, capability: &'static str) -> impl Iterator<Item = &'a mut Value> {
    let grants = manifest["grants"].as_array_mut().into_iter().flatten();
    grants.filter(move |grant| grant["capability"] == capability)
}

fn without(manifest: &mut Value, capability: &str) {
    if let Some(grants) = manifest["grants"].as_array_mut() {
        grants.retain(|grant| grant["capability"] != capability);
    }
}

fn says(ran: &Ran, words: &[&str]) -> Result<()> {
    words.iter().try_for_each(|word| {
        ensure!(ran.said().contains(word), "`{word}` is not said: {}", ran.said());
        Ok(())
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn objects_that_are_not_granted_are_not_planned() -> Result<()> {
    let mut site = Site::granted("grants-objects", |manifest| {
        without(manifest, "kubernetes-objects");
        let dev = json!({"capability": "kubernetes-objects", "kinds": ["v1/ConfigMap"], "namespaces": ["dev"], "reason": "test"});
        manifest["grants"].as_array_mut().into_iter().for_each(|grants| grants.push(dev.clone()));
    })?;
    site.workspace.env("KUBECONFIG", "/nowhere");
    let object = |api_version: &str, kind: &str, metadata: Value| json!({ "objects": { "one": { "apiVersion": api_version, "kind": kind, "metadata": metadata } } });
    for section in [
        object("v1", "ConfigMap", json!({ "name": "a", "namespace": "kube-system" })),
        object("v1", "ConfigMap", json!({ "name": "a" })),
        object("v1", "Namespace", json!({ "name": "a" })),
        object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", json!({ "name": "admin" })),
        object("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", json!({ "name": "admin", "namespace": "dev" })),
    ] {
        site.config(section)?;
        let ran = site.refused(&["plan"], 2, "OBJECT_NOT_GRANTED").await?;
        says(&ran, &["scripted.object.one", "[OBJECT_NOT_GRANTED]"])?;
    }
    ensure!(site.state_bytes().is_none());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_context_that_the_config_does_not_name_is_not_reached() -> Result<()> {
    let mut site = Site::granted("grants-context", |manifest| {
        of(manifest, "cluster").for_each(|grant| {
            grant["contexts"] = json!([]);
            grant["locators"] = json!(["kubeconfig"]);
        });
    })?;
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config",
        "clusters": [{ "name": "c", "cluster": { "server": "http://127.0.0.1:1" } }],
        "contexts": [{ "name": "production", "context": { "cluster": "c" } }],
    });
    std::fs::write(site.workspace.path().join("kubeconfig"), kubeconfig.to_string())?;
    site.workspace.env("KUBECONFIG", "kubeconfig");
    for (cluster, word) in [
        (json!({ "kind": "kubeconfig", "parameters": { "context": ["prod", "uction"] } }), "[CONTEXT_NOT_GRANTED]"),
        (json!({ "kind": "eks", "parameters": { "region": "us-west-2", "name": "a" } }), "[LOCATOR_NOT_GRANTED]"),
    ] {
        site.config(json!({ "cluster": cluster, "objects": { "one": {
            "apiVersion": "v1", "kind": "ConfigMap", "metadata": { "name": "a", "namespace": "dev" },
        } } }))?;
        let ran = site.nic(&["plan"]).await?;
        ensure!(ran.code != 0, "{}", ran.said());
        says(&ran, &[word])?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_change_does_nothing_that_is_granted_for_another_kind() -> Result<()> {
    let site = Site::granted("grants-kinds", |manifest| {
        of(manifest, "kinds").for_each(|grant| grant["kinds"]["scripted.named"] = json!([]));
    })?;
    site.config(json!({ "resources": [{ "name": "one" }, { "name": "two", "kind": "named" }] }))?;
    let ran = site.refused(&["deploy"], 2, "NAMED_CREATE_FAILED").await?;
    says(&ran, &["is not granted for a change of `scripted.named` [ACTION_NOT_GRANTED]"])?;
    ensure!(site.things.all()?.len() == 1, "the other kind is made");
    Ok(())
}

/// While it makes what it may make, it gives nobody a role, and looks into no other region.
#[tokio::test(flavor = "multi_thread")]
async fn a_change_goes_no_further_than_its_kind_and_its_region() -> Result<()> {
    let site = Site::granted("grants-aws", |manifest| {
        of(manifest, "cloud-http").for_each(|grant| grant["services"] = json!(["ec2", "iam"]));
    })?;
    let asks = |name: &str| json!({ "name": name, "on": { "create": { "do": "deny", "how": name } } });
    site.config(
        json!({ "region": "us-west-2", "resources": [asks("admin-role"), asks("other-region"), { "name": "honest" }] }),
    )?;
    let failed = failures(&site.nic(&["deploy"]).await?)?;
    for (name, cause, word) in [
        ("admin-role", "ACTION_NOT_GRANTED", "iam:AttachRolePolicy is not granted for a change of `scripted.thing`"),
        ("other-region", "REGION_NOT_GRANTED", "eu-central-1"),
    ] {
        let failure = &failed[format!("scripted.thing.{name}").as_str()];
        ensure!(
            failure.cause == cause && failure.detail.contains(word),
            "{name}: {} {}",
            failure.cause,
            failure.detail
        );
    }
    ensure!(failed.len() == 2 && site.things.all()?.len() == 1);
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_component_has_what_its_lock_gives_and_nothing_its_manifest_wants() -> Result<()> {
    let section = json!({ "resources": [{ "name": "one" }] });
    for (name, capability, code, word) in [
        ("grants-section", "config", "COMPONENT_NOT_GRANTED", "the config section `certificate`, which is not granted"),
        ("grants-kind", "kinds", "COMPONENT_NOT_GRANTED", "the kind `scripted."),
    ] {
        let site = Site::granted(name, |manifest| without(manifest, capability))?;
        site.config(section.clone())?;
        says(&site.refused(&["plan"], 2, code).await?, &[word])?;
    }
    // A component that has its own section has nobody else's.
    let site = Site::granted("grants-others", |manifest| {
        of(manifest, "config").for_each(|grant| grant["sections"] = json!(["scripted"]));
    })?;
    site.config_beside(json!({ "security": { "keycloak": { "initial_root_password": "PLANTED" } } }), section.clone())?;
    let ran = site.refused(&["plan"], 2, "COMPONENT_NOT_GRANTED").await?;
    says(&ran, &["the config section `certificate`, which is not granted [SECTION_NOT_GRANTED]"])?;
    // A manifest cannot open what is the user's.
    let site = Site::granted("grants-private", |manifest| {
        of(manifest, "hosts").for_each(|grant| drop(grant.as_object_mut().map(|grant| grant.remove("private"))));
    })?;
    site.config(section)?;
    let ran = site.refused(&["deploy"], 2, "RESOURCE_UNREADABLE").await?;
    says(&ran, &["only you can open that", "[HOST_NOT_ALLOWED]"])?;
    ensure!(site.things.all()?.is_empty());
    Ok(())
}

fn locked(workspace: &Workspace) -> Result<Value> {
    let text = std::fs::read(workspace.path().join("providers/nic.lock")).context("the lock file")?;
    Ok(serde_json::from_slice(&text)?)
}

/// The way of somebody who was given a component: nothing works before it was looked at, and a changed byte stops it.
#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_looked_at_before_it_may_do_anything() -> Result<()> {
    let mut workspace = Workspace::new()?;
    workspace
        .env("NIC_COMPONENTS_DIR", "providers")
        .config("project_name: abc\nprovider: scripted\nscripted: {endpoint: \"http://127.0.0.1:7070\"}\n")?;
    std::fs::create_dir(workspace.path().join("providers"))?;
    let (given, kept) = (workspace.path().join("given.wasm"), workspace.path().join("providers/scripted.wasm"));
    std::fs::write(&given, scripted()?)?;
    std::fs::copy(&given, &kept)?;
    let refused = async |workspace: &Workspace, code: &str| {
        let ran = workspace.run(&["validate", "--format", "json"]).await?;
        ensure!(ran.code == 2 && ran.json()?["error"]["code"] == code, "{}", ran.said());
        Ok(ran)
    };
    says(&refused(&workspace, "COMPONENT_NOT_GRANTED").await?, &["nic provider add"])?;
    let ran = workspace.run(&["provider", "list"]).await?;
    says(&ran, &["may do nothing: A component was never granted anything. What it wants:"])?;

    let ran = workspace.run(&["provider", "add", "given.wasm"]).await?;
    ensure!(ran.code == 1 && ran.said().contains("CONFIRMATION_NEEDED"), "{}", ran.said());
    let asked = workspace.run(&["provider", "add", "given.wasm", "--format", "json"]).await?.json()?;
    ensure!(asked["error"]["details"]["provider"]["grants"][0]["capability"] == "config", "{asked:#}");
    ensure!(!workspace.path().join("providers/nic.lock").exists());
    let ran = workspace.run(&["provider", "add", "given.wasm", "--yes", "--private", "elsewhere.example"]).await?;
    ensure!(ran.code == 2 && ran.said().contains("GRANT_UNKNOWN"), "{}", ran.said());

    let open = "http://127.0.0.1:7070/";
    let ran = workspace.ok(&["provider", "add", "given.wasm", "--yes", "--private", open]).await?;
    says(&ran, &["may make, change and delete, with your login", "`provider: scripted` in a config uses it."])?;
    let entry = locked(&workspace)?["providers"][0].clone();
    ensure!(
        entry["name"] == "scripted" && entry["source"].as_str().is_some_and(|path| path.ends_with("/given.wasm")),
        "{entry:#}"
    );
    ensure!(entry["grants"].to_string().contains("\"private\":[\"http://127.0.0.1:7070\"]"), "{entry:#}");
    workspace.ok(&["validate"]).await?;
    workspace.ok(&["plan"]).await?;

    // Other bytes are another component, and so is what is none.
    std::fs::write(&kept, &scripted()?[..1000])?;
    says(&refused(&workspace, "COMPONENT_CHANGED").await?, &["find out who did"])?;
    let newer = with_manifest(&scripted()?, MANIFEST, |manifest| without(manifest, "kubernetes"))?;
    std::fs::write(&kept, &newer)?;
    says(&refused(&workspace, "COMPONENT_CHANGED").await?, &["find out who did"])?;
    let before = std::fs::read(workspace.path().join("providers/nic.lock"))?;
    std::fs::write(&given, &newer)?;
    let json = workspace.ok(&["provider", "add", "given.wasm", "--yes", "--format", "json"]).await?.json()?;
    conforms(&json, "provider-add.json")?;
    let ran = workspace.ok(&["provider", "add", "given.wasm", "--yes"]).await?;
    says(&ran, &["It is the one that was granted before."])?;
    ensure!(
        locked(&workspace)?["providers"][0]["grants"].to_string().contains("\"private\""),
        "what was opened is closed"
    );
    ensure!(locked(&workspace)?["providers"][0]["digest"] != entry["digest"]);

    // What is not understood whole is not believed.
    std::fs::write(workspace.path().join("providers/nic.lock"), &before[..before.len() / 2])?;
    refused(&workspace, "LOCK_FILE_NOT_READABLE").await?;
    let ran = workspace.run(&["provider", "list", "--format", "json"]).await?;
    ensure!(ran.code == 2 && ran.json()?["error"]["code"] == "LOCK_FILE_NOT_READABLE", "{}", ran.said());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_that_this_version_does_not_know_refuses_the_component() -> Result<()> {
    let mut workspace = Workspace::new()?;
    workspace.config("project_name: abc\nprovider: scripted\nscripted: {endpoint: \"http://127.0.0.1:7070\"}\n")?;
    let directory = workspace.path().to_owned();
    workspace.env("NIC_COMPONENTS_DIR", directory.display().to_string());
    let later = with_manifest(&scripted()?, MANIFEST, |manifest| {
        of(manifest, "kubernetes").for_each(|grant| grant["only"] = json!(["dev"]));
        without(manifest, "kubernetes-objects");
    })?;
    place(Path::new(&directory), &later, &serde_json::from_str(MANIFEST)?)?;
    let needs_newer = async |what: &str| {
        let ran = workspace.run(&["validate", "--format", "json"]).await?;
        ensure!(ran.code == 2 && ran.json()?["error"]["code"] == "COMPONENT_NEEDS_NEWER_HOST", "{}", ran.said());
        says(&ran, &[what])
    };
    needs_newer("the member `only` of the grant `kubernetes`").await?;

    // So does an annotation: it may be what keeps a value from being changed, or shown.
    let (known, later) = (&b"computed"[..], b"computad");
    let mut annotated = scripted()?;
    let places: Vec<usize> = (0..annotated.len() - 8).filter(|at| annotated[*at..].starts_with(known)).collect();
    ensure!(places.len() == 1, "the annotation is {} times in the component", places.len());
    annotated[places[0]..places[0] + later.len()].copy_from_slice(later);
    place(Path::new(&directory), &annotated, &serde_json::from_str(MANIFEST)?)?;
    needs_newer("computad").await
}
