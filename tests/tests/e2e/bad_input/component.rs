//! Components that are none, or were made for another boundary.

use anyhow::{Result, ensure};
use nic_tests::nic::Workspace;
use nic_tests::published::HELLO;
use nic_tests::things::with_manifest;
use serde_json::json;

use super::said::refused;

/// The smallest WebAssembly module there is: not a component.
const MODULE: &[u8] = b"\0asm\x01\0\0\0";

#[tokio::test(flavor = "multi_thread")]
async fn what_is_no_component_of_this_boundary_is_refused_before_it_runs() -> Result<()> {
    let good = HELLO.bytes()?;
    let later = with_manifest(&good, HELLO.manifest, |manifest| manifest["wit"] = json!("nic:plugin@0.2.0"))?;
    let nameless = with_manifest(&good, HELLO.manifest, |manifest| manifest["name"] = json!(""))?;

    let mut workspace = Workspace::new()?;
    workspace.env("NIC_COMPONENTS_DIR", "components");
    workspace.config("project_name: my-nebari\nprovider: hello\nhello: {name: Ada}\n")?;
    std::fs::create_dir(workspace.path().join("components"))?;
    // A name that stands for nothing is wrong; what is known and only not here, below, is missing.
    refused(&workspace, "component_none", &["plan"], (1, "PROVIDER_NOT_AVAILABLE")).await?;
    for (name, bytes, code) in [
        ("text", &b"#!/bin/sh\necho hello\n"[..], "PLUGIN_NOT_A_COMPONENT"),
        ("empty", b"", "PLUGIN_NOT_A_COMPONENT"),
        ("module", MODULE, "PLUGIN_NOT_A_COMPONENT"),
        ("cut_in_half", &good[..good.len() / 2], "PLUGIN_NOT_A_COMPONENT"),
        ("other_wit", &later, "PLUGIN_WIT_UNSUPPORTED"),
        ("bad_manifest", &nameless, "PLUGIN_BAD_MANIFEST"),
    ] {
        std::fs::write(workspace.path().join("components/hello.wasm"), bytes)?;
        refused(&workspace, &format!("component_{name}"), &["plan"], (2, code)).await?;
        // Who only wants to see what is there is told the same.
        let ran = workspace.run(&["provider", "list", "--format", "json"]).await?;
        ensure!(ran.code == 2 && ran.json()?["error"]["code"] == code, "{name}: {}", ran.said());
    }
    workspace.config("project_name: my-nebari\ngoogle_cloud_platform: {project: p, region: us-central1}\n")?;
    refused(&workspace, "component_not_built", &["plan"], (2, "PROVIDER_NOT_AVAILABLE")).await?;
    workspace.config("project_name: my-nebari\nprovider: gcp\n")?;
    let ran = workspace.run(&["validate"]).await?;
    ensure!(ran.code == 2 && ran.stderr.contains("PROVIDER_NOT_AVAILABLE"), "{}", ran.said());
    // Without `provider` the section of a component that was added means nothing, and is told.
    std::fs::write(workspace.path().join("components/hello.wasm"), &good)?;
    workspace.config("project_name: my-nebari\nhello: {name: Ada}\n")?;
    let ran = workspace.ok(&["validate"]).await?;
    let told = "`provider` is not there, so `local` is meant and `hello` is not used";
    ensure!(ran.stderr.replace("\n  │ ", " ").contains(told), "{}", ran.said());
    let state = workspace.stage().join("nic-state.json");
    ensure!(!state.exists(), "something was recorded");
    Ok(())
}
