//! A provider that was built for the boundary as it was published first does all of its work on the host of today.

use anyhow::{Context as _, Result, ensure};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::Api;
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use nic_tests::nic::Workspace;
use nic_tests::published::HELLO;
use serde_json::{Value, json};

use super::site::{Site, failures};

/// Three kinds of things, a fact, a setting, a reference; with what each does in `create`.
fn section(value: &str, create: [Value; 3]) -> Value {
    let [told, pending, denied] = create;
    let on = |create: Value| if create.is_null() { json!({}) } else { json!({ "create": create }) };
    json!({
        "place": "here",
        "facts": ["zone"],
        "resources": [
            { "name": "told", "value": value, "on": on(told) },
            { "name": "slow", "kind": "named", "value_from": { "resource": "told", "path": "/id" }, "on": on(pending) },
            { "name": "far", "kind": "token", "value_from_fact": "zone", "on": on(denied) },
        ],
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_of_then_makes_changes_and_deletes() -> Result<()> {
    let site = Site::published("past")?;
    site.things.fact("zone", json!("a"))?;
    // Its first answer is lost after it has told what it made; it waits; it asks AWS and the cluster for what is not granted, and goes on.
    let ask = |how: &str| json!({ "do": "deny", "how": how, "go_on": true });
    let script = [
        json!({ "do": "trap", "how": "panic", "when": "after" }),
        json!({ "do": "pend", "polls": 2, "after_ms": 20 }),
        json!([ask("undeclared-action"), ask("other-kind"), ask("other-host")]),
    ];
    site.config(section("1", script))?;
    let ran = site.nic(&["deploy"]).await?;
    let failed = failures(&ran)?;
    ensure!(ran.code == 2 && failed["scripted.thing.told"].cause == "PROVIDER_TRAPPED", "{}", ran.said());
    let findings = site.record("scripted.token.far")?["findings"].to_string();
    for code in ["ACTION_NOT_GRANTED", "KIND_NOT_GRANTED", "HOST_NOT_ALLOWED"] {
        ensure!(findings.contains(code), "{code}: {findings}");
    }

    // The id that it told is the one that is gone on with; nothing is made twice.
    let plain = || [Value::Null, json!({ "do": "pend", "polls": 2, "after_ms": 20 }), Value::Null];
    site.converges(section("1", plain())).await?;
    site.converges(section("2", plain())).await?;
    ensure!(site.record("scripted.thing.told")?["value"] == "2");
    let outputs = site.workspace.ok(&["outputs", "--format", "json"]).await?.json()?;
    ensure!(outputs["scripted"]["settings"] == json!({ "place": "here" }), "{outputs:#}");

    let ran = site.nic(&["destroy", "--yes"]).await?;
    ensure!(ran.code == 0 && site.things.all()?.is_empty(), "{}", ran.said());
    Ok(())
}

/// As its author's guide has it: added from its file, and named in a config.
#[tokio::test(flavor = "multi_thread")]
async fn the_example_of_then_is_added_and_greets_on_the_cluster() -> Result<()> {
    let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let mut workspace = Workspace::new()?;
    workspace.env("NIC_COMPONENTS_DIR", "providers").env("KUBECONFIG", cluster.kubeconfig().display().to_string());
    std::fs::write(workspace.path().join("hello.wasm"), HELLO.bytes()?)?;
    workspace.config("project_name: greeting\nprovider: hello\nhello: {name: Ada}\n")?;
    workspace.ok(&["provider", "add", "hello.wasm", "--yes"]).await?;
    // Nothing that it does reaches far: nobody is asked.
    workspace.ok(&["deploy"]).await?;
    let objects: Api<ConfigMap> = Api::namespaced(cluster.client(), "default");
    let greeting = objects.get("hello").await?.data.context("data")?;
    ensure!(greeting["greeting"] == "Hello, Ada!", "{greeting:?}");
    workspace.ok(&["plan", "--detailed-exitcode"]).await?;
    workspace.ok(&["destroy", "--yes"]).await?;
    ensure!(objects.get_opt("hello").await?.is_none());
    Ok(())
}
