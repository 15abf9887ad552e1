//! Planted secrets, searched for in everything: the bytes that go into components, state, logs at their loudest, plans, outputs,
//! errors. They are found nowhere.

use std::collections::BTreeMap;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use base64::Engine as _;
use k8s_openapi::api::core::v1::{Namespace, Secret};
use kube::Api;
use nic_tests::aws::{Credentials, Emulator, SECRET_KEY};
use nic_tests::configs::CLASSIC;
use nic_tests::control_plane::kubeconfig;
use nic_tests::platform::Platform;
use serde_json::{Value, json};

const SECRETS: &str = "\
external_container_reg:
  enabled: true
  access_key_id: PLANTED-registry-id
  secret_access_key: PLANTED-registry-secret
  extcr_account: PLANTED-registry-account
  extcr_region: PLANTED-registry-region
security:
  keycloak:
    initial_root_password: PLANTED-keycloak-password
";

/// What must be found nowhere, each in clear and in base64.
fn planted(token: &str) -> Vec<String> {
    let clear = [
        SECRET_KEY,
        token,
        "PLANTED-registry-id",
        "PLANTED-registry-secret",
        "PLANTED-registry-account",
        "PLANTED-registry-region",
        "PLANTED-keycloak-password",
        "PLANTED-from-the-environment",
        "PLANTED-in-the-cluster",
        "X-Amz-Signature=",
        "k8s-aws-v1.",
    ];
    let encoded = |text: &str| base64::engine::general_purpose::STANDARD.encode(text).trim_end_matches('=').to_owned();
    // The last characters of an encoding depend on what follows.
    let stem = |text: String| text[..text.len() - 2].to_owned();
    clear.iter().flat_map(|text| [(*text).to_owned(), stem(encoded(text))]).collect()
}

fn files(directory: &Path, found: &mut BTreeMap<String, Vec<u8>>) -> Result<()> {
    for entry in std::fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files(&path, found)?;
        } else if !path.ends_with("nebari-config.yaml") {
            found.insert(path.display().to_string(), std::fs::read(&path)?);
        }
    }
    Ok(())
}

const WITH_CREDENTIALS: &[&str] = &["outputs", "--with-credentials", "--format", "json"];

/// What Nebari's later stages do with the credentials.
async fn logs_in(credentials: &Value) -> Result<()> {
    let text = |member: &str| credentials[member].as_str().with_context(|| format!("no {member}"));
    let kubeconfig = kubeconfig::by_token(text("host")?, text("cluster_ca_certificate")?, text("token")?);
    let kubeconfig = kube::config::Kubeconfig::from_yaml(&kubeconfig)?;
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &kube::config::KubeConfigOptions::default()).await?;
    let namespaces: Api<Namespace> = Api::all(kube::Client::try_from(config)?);
    namespaces.get("dev").await.context("the credentials do not log in")?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn planted_secrets_are_found_nowhere() -> Result<()> {
    let (platform, mut workspace) = Platform::of(Emulator::Ministack, &format!("{CLASSIC}{SECRETS}")).await?;
    let credentials =
        Credentials { session_token: Some("PLANTED-session-token-0123456789".to_owned()), ..Credentials::default() };
    platform.aws.set_credentials(credentials.clone());
    workspace.envs(platform.aws.env());
    let secrets: Api<Secret> = Api::namespaced(platform.cluster.client(), "kube-system");
    let object = serde_json::from_value(json!({
        "metadata": {"name": "planted"}, "stringData": {"password": "PLANTED-in-the-cluster"},
    }))?;
    secrets.create(&kube::api::PostParams::default(), &object).await?;

    let tap = workspace.path().join("tap").display().to_string();
    workspace
        .env("NEBARI_SECRET__jupyterhub__token", "PLANTED-from-the-environment")
        .env("NIC_TAP", tap)
        .env("NIC_LOG", "trace");
    let mut said: BTreeMap<String, Vec<u8>> = BTreeMap::new();
    let mut wrong = platform.workspace()?;
    wrong.config(&format!("{CLASSIC}{SECRETS}"))?;
    wrong.env("AWS_SECRET_ACCESS_KEY", "PLANTED-from-the-environment").env("NIC_LOG", "trace");
    for arguments in [
        &["validate", "--format", "json"][..],
        &["plan", "-v"],
        &["plan", "--format", "json"],
        &["deploy", "-v"],
        &["deploy", "--format", "json"],
        &["status"],
        &["status", "--format", "json"],
        &["outputs", "--format", "json"],
        &["state", "show"],
        &["kubeconfig"],
        WITH_CREDENTIALS,
        &["destroy", "--yes", "-v"],
    ] {
        let ran = workspace.run(arguments).await?;
        ensure!(ran.code == 0, "nic {arguments:?}: {}", ran.said());
        let told = if arguments == WITH_CREDENTIALS {
            // The one command that is asked for a login: on stdout, and nowhere else.
            logs_in(&ran.json()?["kubernetes_credentials"]).await?;
            ran.stderr
        } else {
            ran.said()
        };
        said.insert(format!("nic {}", arguments.join(" ")), told.into_bytes());
        // What stands on disk changes with each command.
        let mut on_disk = BTreeMap::new();
        files(workspace.path(), &mut on_disk)?;
        said.extend(
            on_disk.into_iter().map(|(path, bytes)| (format!("{path} after nic {}", arguments.join(" ")), bytes)),
        );
    }
    // An error that quotes what the cloud said about a wrong signature.
    let ran = wrong.run(&["deploy", "-v", "--format", "json"]).await?;
    ensure!(ran.code != 0, "{}", ran.said());
    said.insert("nic deploy with a wrong secret".to_owned(), ran.said().into_bytes());

    let tap = workspace.read("tap")?;
    ensure!(
        tap.len() > 10_000 && tap.contains("create") && tap.contains("DescribeVpcs"),
        "the tap saw {} bytes",
        tap.len()
    );
    for secret in planted("PLANTED-session-token-0123456789") {
        for (place, bytes) in &said {
            let text = String::from_utf8_lossy(bytes);
            ensure!(!text.contains(&secret), "`{secret}` is in {place}");
        }
    }
    Ok(())
}
