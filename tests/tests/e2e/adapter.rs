//! The design document's Python adapter (9.2), unchanged, against the binary.

use std::path::Path;

use anyhow::{Context, Result, ensure};
use k8s_openapi::api::core::v1::Namespace;
use kube::config::{KubeConfigOptions, Kubeconfig};
use nic_tests::aws::{Emulator, ensure_venv};
use nic_tests::configs::{EXAMPLE, EXISTING};
use nic_tests::control_plane::{ControlPlane, ControlPlaneOptions};
use nic_tests::nic::{Workspace, binary};
use nic_tests::platform::Platform;
use serde_json::{Value, json};

async fn adapter(workspace: &Workspace, arguments: &[&str]) -> Result<Value> {
    let venv = tokio::task::spawn_blocking(|| ensure_venv(&|_| ())).await??;
    let driver = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/drive_adapter.py");
    // The same environment as `nic` itself, but Python runs first.
    let nic = workspace.command(&[])?;
    let environment = nic.as_std().get_envs().filter_map(|(k, v)| Some((k.to_owned(), v?.to_owned())));
    let output = tokio::process::Command::new(venv.join("bin/python"))
        .arg(driver)
        .arg(binary()?)
        .args(arguments)
        .env_clear()
        .envs(environment)
        .current_dir(workspace.path())
        .output()
        .await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    serde_json::from_str(&text).with_context(|| format!("{text}\n{}", String::from_utf8_lossy(&output.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn deploy_validate_and_status_answer_as_the_document_says() -> Result<()> {
    let (platform, workspace) = Platform::of(Emulator::Ministack, EXAMPLE).await?;

    let answer = adapter(&workspace, &["validate", "nebari-config.yaml"]).await?;
    ensure!(answer["result"]["valid"] == true && answer["result"]["errors"] == json!([]), "{answer:#}");

    let answer = adapter(&workspace, &["deploy", "nebari-config.yaml", "out"]).await?;
    let result = &answer["result"];
    ensure!(result["cluster"]["endpoint"] == platform.cluster.server(), "{answer:#}");
    ensure!(result["kubeconfig"]["content"].as_str().is_some_and(|text| text.contains("apiVersion")), "{answer:#}");
    ensure!(answer["log"].as_array().is_some_and(|log| log.iter().any(|line| line[0] == "info")), "{answer:#}");
    ensure!(
        workspace.path().join("out/nic-state.json").is_file() && workspace.path().join("out/outputs.json").is_file()
    );

    let answer = adapter(&workspace, &["status", "out/nic-state.json"]).await?;
    ensure!(answer["result"]["healthy"] == true && answer["result"]["issues"] == json!([]), "{answer:#}");

    workspace.config("project_name: 1x\nprovider: aws\n")?;
    let answer = adapter(&workspace, &["validate", "nebari-config.yaml"]).await?;
    ensure!(
        answer["result"]["valid"] == false && answer["result"]["errors"][0]["code"] == "CONFIG_INVALID_VALUE",
        "{answer:#}"
    );
    let answer = adapter(&workspace, &["deploy", "nebari-config.yaml", "out"]).await?;
    ensure!(answer["details"]["error"]["code"] == "CONFIG_INVALID_VALUE", "{answer:#}");
    ensure!(answer["details"]["error"]["recovery_suggestions"].is_array(), "{answer:#}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_kubeconfig_in_the_answer_logs_in_though_it_holds_no_login() -> Result<()> {
    let cluster = ControlPlane::start(ControlPlaneOptions::default()).await?;
    let mut workspace = Workspace::new()?;
    workspace.config(EXISTING)?;
    workspace.env("KUBECONFIG", cluster.kubeconfig().display().to_string());
    let own = std::fs::read_to_string(cluster.kubeconfig())?;
    let key = own.lines().find_map(|line| line.trim().strip_prefix("client-key-data: ")).context("a key")?;

    let answer = adapter(&workspace, &["deploy", "nebari-config.yaml", "out"]).await?;
    ensure!(!answer.to_string().contains(key), "the key is in the answer");
    let content = answer["result"]["kubeconfig"]["content"].as_str().with_context(|| format!("{answer:#}"))?;
    let (kubeconfig, options) = (Kubeconfig::from_yaml(content)?, KubeConfigOptions::default());
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await?;
    let namespaces: kube::Api<Namespace> = kube::Api::all(kube::Client::try_from(config)?);
    namespaces.get("dev").await.context("the kubeconfig does not log in")?;
    Ok(())
}
